/* check_seal.c: what tartconv noted in the manifest: whether its note on the source still counts,
 * and whether the disk is one that was salvaged. */
#include "formats/checks/check.h"

int check_seal(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->manifest == NULL)
        return 0;
    const char *salvaged = manifest_annotation(facts->manifest, OUR_SALVAGED);
    if (salvaged != NULL &&
        findings_add(findings, "salvaged", SEVERITY_NOTE, NO_PLACE,
                     "take another copy of the image where there is one", err,
                     "the disk was salvaged and is not whole: %s", salvaged) < 0)
        return -1;
    if (manifest_annotation(facts->manifest, OUR_SOURCE_DIGEST) == NULL)
        return 0;
    enum seal seal;
    if (tart_seal_check(facts->manifest, &seal, err) < 0)
        return -1;
    if (seal == SEAL_VALID)
        return 0;
    return findings_add(findings, "seal-broken", SEVERITY_NOTE, NO_PLACE,
                        "`tartconv convert --plain` leaves the note out", err,
                        "the manifest was changed after tartconv wrote it, so its note on its "
                        "source (%s) does not count",
                        OUR_SOURCE_DIGEST);
}
