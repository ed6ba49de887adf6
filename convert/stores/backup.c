/* backup.c: the names of tags that keep what other tags led to. Looks at nothing but texts.
 */
#include "convert/stores/backup.h"

#include <fnmatch.h>
#include <string.h>

/* Writes the template with its placeholders filled in; false where that passes the room. */
static bool template_fill(const char *template, const char *tag, const char *repository,
                          const char *digest8, char *ret, size_t room)
{
    const struct {
        const char *name, *value;
    } placeholders[] = {{"{tag}", tag}, {"{repo}", repository}, {"{digest8}", digest8}};
    size_t used = 0;
    while (*template != '\0') {
        char literal[2] = {*template, '\0'};
        const char *value = literal;
        size_t size = 1;
        for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++)
            if (strncmp(template, placeholders[i].name, strlen(placeholders[i].name)) == 0) {
                value = placeholders[i].value;
                size = strlen(placeholders[i].name);
            }
        template += size;
        for (; *value != '\0'; value++) {
            if (used + 1 >= room)
                return false;
            ret[used++] = *value == '/' ? '-' : *value;
        }
    }
    ret[used] = '\0';
    return true;
}

static const char *template_or_default(const char *template)
{
    return template != NULL ? template : BACKUP_TEMPLATE;
}

static void digest8_print(const struct digest *digest, char ret[DIGEST_TEXT_SIZE])
{
    digest_print_hex(digest, ret);
    ret[8] = '\0';
}

int backup_name(const char *template, const char *tag, const char *repository,
                const struct digest *digest, char ret[TAG_SIZE_MAX + 1], struct error *err)
{
    char digest8[DIGEST_TEXT_SIZE];
    digest8_print(digest, digest8);
    template = template_or_default(template);
    if (template_fill(template, tag, repository, digest8, ret, TAG_SIZE_MAX + 1) &&
        reference_tag_valid(ret))
        return 0;
    ret[0] = '\0';
    return error_set(err, ERROR_USAGE,
                     "--backup-tag \"%s\" gives no tag for %s (at most %d letters, digits, \"_\", "
                     "\".\" and \"-\")",
                     template, tag, TAG_SIZE_MAX);
}

bool backup_fits(const char *template, const char *tag, const struct digest *digest)
{
    char digest8[DIGEST_TEXT_SIZE], pattern[2 * TAG_SIZE_MAX];
    digest8_print(digest, digest8);
    template = template_or_default(template);
    return strstr(template, "{digest8}") != NULL &&
           template_fill(template, "?*", "?*", digest8, pattern, sizeof pattern) &&
           fnmatch(pattern, tag, 0) == 0;
}
