/* remote.h: what is asked of a repository but for blobs' bytes: manifests, tags, referrers, whether
 * a blob is there. OCI distribution specification 1.1.
 *
 * Threads: any. */
#ifndef CONVERT_NET_REMOTE_H
#define CONVERT_NET_REMOTE_H

#include "convert/net/client.h"
#include "formats/model/blobs.h"

/* A repository of a registry; texts borrowed. */
struct remote {
    struct client *client;
    const char *repository;
};

/* reference: a tag or a digest's text. Fetches with Accept for OCI manifests and indexes and
 * Docker's two; ret holds the exact bytes. Where reference is a digest the bytes must have it, and
 * where the answer carries Docker-Content-Digest it must be the bytes' own: ERROR_MANIFEST_DIGEST.
 * ERROR_NO_SUCH_TAG, ERROR_NO_SUCH_IMAGE (a digest), ERROR_REPOSITORY_MISSING. ret->limit bounds
 * it. */
int remote_manifest_get(const struct remote *remote, const char *reference, struct bytes *ret,
                        struct digest *ret_digest, struct error *err);
/* 1: there, with *ret_digest (by GET where HEAD does not tell); 0: not there (the repository may be
 * missing too); -1. */
int remote_manifest_find(const struct remote *remote, const char *reference,
                         struct digest *ret_digest, struct error *err);
/* PUT. media_type: as in the manifest. The digest in the answer, where there is one, must be
 * `digest`. ERROR_TAG_IMMUTABLE where the registry keeps a tag from being moved; ERROR_BLOB_MISSING
 * where it says that a blob is not there (MANIFEST_BLOB_UNKNOWN). */
int remote_manifest_put(const struct remote *remote, const char *reference, const char *media_type,
                        const struct bytes *manifest, const struct digest *digest,
                        struct error *err);

/* HEAD: 1 with *ret_size (UINT64_MAX where the registry does not tell), 0, -1. */
int remote_blob_find(const struct remote *remote, const struct digest *digest, uint64_t *ret_size,
                     struct error *err);

/* Manifests that name `digest` as their subject: by the referrers API, else by the tag sha256-HEX.
 * Adds a line for each to ret: "DIGEST ARTIFACT-TYPE\n" ("unknown" where none is said), and
 * "DIGEST TAG\n" for cosign's tags (sha256-HEX.sig, .att, .sbom). Printable ASCII. Registries that
 * know neither give an empty list; what cannot be read in a list is passed over. At most 100. */
int remote_referrers(const struct remote *remote, const struct digest *digest, struct bytes *ret,
                     struct error *err);

#endif
