/* check_seal.c: whether the manifest's note on its source still counts. */
#include "formats/checks/check.h"

int check_seal(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->manifest == NULL || manifest_annotation(facts->manifest, OUR_SOURCE_DIGEST) == NULL)
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
