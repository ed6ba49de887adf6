/* check_names.c: whether the image's name is one that can be typed to Tart, whose grammar is
 * narrower than OCI's. Says nothing on digests. */
#include "formats/checks/check.h"

#include <string.h>

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Parts of letters and digits, joined by single '.', '-' or '_'. In a repository such a sign may
 * end a part, in a tag it may not. */
static bool tart_can_type(const char *name, size_t size)
{
    char before = '/';
    bool in_tag = false;
    for (size_t i = 0; i < size; before = name[i++]) {
        char c = name[i];
        if (is_alphanumeric(c))
            continue;
        bool joint = c == '.' || c == '-' || c == '_', end = c == '/' || c == ':';
        if (!joint && !end)
            return false;
        if (joint && !is_alphanumeric(before))
            return false;
        if (end && (before == '/' || before == ':'))
            return false;
        in_tag = c == ':' || (in_tag && c != '/');
    }
    return is_alphanumeric(before) || (!in_tag && before != '/');
}

int check_names(const struct facts *facts, struct findings *findings, struct error *err)
{
    const char *name = facts->repository_name;
    if (name == NULL || tart_can_type(name, strcspn(name, "@")))
        return 0;
    return findings_add(findings, "name-untypable", SEVERITY_NOTE, NO_PLACE,
                        "copy the image to a name with single . - _ between letters and digits",
                        err, "Tart does not take the name %s", name);
}
