/* version.h: this program's version, said once. */
#ifndef CONVERT_CLI_VERSION_H
#define CONVERT_CLI_VERSION_H

#define TARTCONV_VERSION "0.1.0"

#endif
