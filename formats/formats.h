/* formats.h: the tables that the files of this folder give to format.c. Private to formats/. */
#ifndef FORMATS_FORMATS_H
#define FORMATS_FORMATS_H

#include "formats/format.h"

extern const struct reader_ops raw_reader_ops, v1_reader_ops, v2_reader_ops, salvage_reader_ops;
extern const struct writer_ops raw_writer_ops, v1_writer_ops, v2_writer_ops;

#endif
