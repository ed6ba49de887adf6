/* reference.h: how a place of an image is written on the command line (man page tartconv(1),
 * REFERENCES).
 *
 *     oci:DIR[:TAG]   vm:DIR   raw:FILE
 *     docker://…, HOST/REPO…, oci-archive:…, dir:…   are recognised: ERROR_UNSUPPORTED
 *
 * Owner: reference_done. Threads: plain value. */
#ifndef CONVERT_STORES_REFERENCE_H
#define CONVERT_STORES_REFERENCE_H

#include "formats/model/error.h"

enum transport { TRANSPORT_OCI, TRANSPORT_VM, TRANSPORT_RAW };

struct reference {
    enum transport transport;
    char *path;
    char *tag;  /* oci: only; NULL where none was given */
    char *text; /* as given */
};

/* A known transport word before the first colon always wins. oci: splits at the first colon behind
 * the word, as skopeo does. A tag must be one that OCI allows ([A-Za-z0-9_][A-Za-z0-9._-]{0,127});
 * a tag with "@" is refused with the reason. ERROR_REFERENCE or ERROR_UNSUPPORTED, with the text
 * and what is accepted. */
int reference_parse(const char *text, struct reference *ret, struct error *err);
void reference_done(struct reference *reference);

#endif
