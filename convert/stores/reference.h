/* reference.h: how a place of an image is written on the command line (man page tartconv(1),
 * REFERENCES).
 *
 *     docker://NAME[:TAG|@DIGEST]        containers' rule: the first part is a host only with ".",
 *                                        ":" or "localhost", else docker.io (and library/)
 *     HOST[:PORT]/REPO[:TAG|@DIGEST]     Tart's rule: the first part is always the host
 *     oci:DIR[:TAG]   oci-archive:FILE[:TAG]   dir:DIR   vm:DIR   raw:FILE
 *
 * Owner: reference_done. Threads: plain value. */
#ifndef CONVERT_STORES_REFERENCE_H
#define CONVERT_STORES_REFERENCE_H

#include "formats/model/digest.h"
#include "formats/model/error.h"

#include <stdbool.h>

enum transport {
    TRANSPORT_OCI,
    TRANSPORT_VM,
    TRANSPORT_RAW,
    TRANSPORT_REGISTRY,
    TRANSPORT_ARCHIVE,
    TRANSPORT_DIR,
};
#define TRANSPORT_COUNT 6

#define TAG_SIZE_MAX 128 /* bytes; OCI distribution specification */

struct reference {
    enum transport transport;
    char *path;              /* all but registries: the file or folder */
    char *host, *repository; /* registries: HOST[:PORT] as written (docker.io for the hub), name */
    char *tag;       /* oci:, oci-archive: NULL where none was given; registries: "latest" then, and
                        NULL only with a digest */
    bool has_digest; /* registries only */
    struct digest digest;
    char *text; /* as given */
};

/* A known transport word before the first colon always wins. oci: and oci-archive: split at the
 * first colon behind the word, as skopeo does. A tag must be one that OCI allows
 * ([A-Za-z0-9_][A-Za-z0-9._-]{0,127}), a repository one that OCI allows (lower case; "__" too), at
 * most 255 bytes with its host. ERROR_REFERENCE, with the text and what is accepted; a tag and a
 * digest together are refused. */
int reference_parse(const char *text, struct reference *ret, struct error *err);
void reference_done(struct reference *reference);

/* Whether a tag is one that OCI allows. */
bool reference_tag_valid(const char *tag);
/* Whether images lie there as manifest and blobs: all but vm: and raw:. */
bool transport_has_manifests(enum transport transport);

#endif
