/* reference.c: from a text on the command line to a place. Looks at no disk: what is there is the
 * stores' business. */
#include "convert/stores/reference.h"

#include "formats/model/auto.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPTED     "accepted are oci:DIR[:TAG], vm:DIR and raw:FILE"
#define TAG_SIZE_MAX 128

struct word {
    const char *text; /* with its colon */
    enum transport transport;
    const char *refusal; /* NULL: supported */
};

static const struct word words[] = {
    {.text = "oci:", .transport = TRANSPORT_OCI},
    {.text = "vm:", .transport = TRANSPORT_VM},
    {.text = "raw:", .transport = TRANSPORT_RAW},
    {.text = "docker:",
     .refusal = "registries are not supported; copy the image into a layout first, as by "
                "\"skopeo copy docker://IMAGE oci:DIR:TAG\""},
    {.text = "oci-archive:",
     .refusal = "archives are not supported; unpack the tar file and name the folder as oci:DIR"},
    {.text = "dir:",
     .refusal = "skopeo's folders are not supported; copy the image into a layout first, as by "
                "\"skopeo copy dir:DIR oci:DIR:TAG\""},
};

static const struct word *word_find(const char *text)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(text, words[i].text, strlen(words[i].text)) == 0)
            return &words[i];
    return NULL;
}

/* HOST[:PORT]/REPO…, by Tart's rule: the first part is always the host. */
static bool looks_like_registry(const char *text)
{
    size_t host = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
    if (host == 0 || text[0] == '.' || text[0] == '-')
        return false;
    const char *rest = text + host;
    if (*rest == ':') {
        size_t port = strspn(rest + 1, "0123456789");
        if (port == 0)
            return false;
        rest += 1 + port;
    }
    return rest[0] == '/' && rest[1] != '\0' && rest[1] != '/';
}

static int refuse_unknown(const char *text, struct error *err)
{
    if (looks_like_registry(text))
        return error_set(err, ERROR_UNSUPPORTED,
                         "\"%s\" names an image in a registry, and registries are not supported; "
                         "copy it into a layout first, as by \"skopeo copy docker://IMAGE "
                         "oci:DIR:TAG\" (a folder is written oci:DIR or vm:DIR)",
                         text);
    return error_set(err, ERROR_REFERENCE, "\"%s\" does not say what kind of place it is; %s", text,
                     ACCEPTED);
}

static bool tag_valid(const char *tag)
{
    size_t size = strlen(tag);
    if (size == 0 || size > TAG_SIZE_MAX || tag[0] == '.' || tag[0] == '-')
        return false;
    for (const char *c = tag; *c != '\0'; c++)
        if (!(*c >= '0' && *c <= '9') && !(*c >= 'A' && *c <= 'Z') && !(*c >= 'a' && *c <= 'z') &&
            strchr("._-", *c) == NULL)
            return false;
    return true;
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t end_size = strlen(end);
    return size >= end_size && memcmp(text + size - end_size, end, end_size) == 0;
}

/* place: what stands behind "oci:". *ret_path_size: how much of it is the folder. */
static int check_layout(const char *text, const char *place, size_t *ret_path_size,
                        const char **ret_tag, struct error *err)
{
    size_t path_size = strcspn(place, ":");
    const char *tag = place[path_size] == ':' ? place + path_size + 1 : NULL;
    *ret_path_size = path_size;
    *ret_tag = tag;
    if (tag == NULL || (tag_valid(tag) && !ends_with(place, path_size, "@sha256")))
        return 0;
    if (strchr(tag, '@') != NULL || ends_with(place, path_size, "@sha256"))
        return error_set(
            err, ERROR_REFERENCE,
            "\"%s\": an image in a layout is named by its tag alone, never by a digest "
            "or a position behind \"@\"",
            text);
    return error_set(err, ERROR_REFERENCE,
                     "\"%s\": \"%s\" is no tag: 1 to %d letters, digits, \"_\", \".\" and \"-\", "
                     "the first no \".\" or \"-\" (the folder ends at the first colon)",
                     text, tag, TAG_SIZE_MAX);
}

int reference_parse(const char *text, struct reference *ret, struct error *err)
{
    *ret = (struct reference){.path = NULL};
    const struct word *word = word_find(text);
    if (word == NULL)
        return refuse_unknown(text, err);
    if (word->refusal != NULL)
        return error_set(err, ERROR_UNSUPPORTED, "\"%s\": %s", text, word->refusal);
    const char *place = text + strlen(word->text);
    size_t path_size = strlen(place);
    const char *tag = NULL;
    if (word->transport == TRANSPORT_OCI && check_layout(text, place, &path_size, &tag, err) < 0)
        return -1;
    if (path_size == 0)
        return error_set(err, ERROR_REFERENCE, "\"%s\" names no %s; %s", text,
                         word->transport == TRANSPORT_RAW ? "file" : "folder", ACCEPTED);
    AUTO(reference_done)
    struct reference reference = {.transport = word->transport,
                                  .path = strndup(place, path_size),
                                  .tag = tag == NULL ? NULL : strdup(tag),
                                  .text = strdup(text)};
    if (reference.path == NULL || reference.text == NULL || (tag != NULL && reference.tag == NULL))
        return error_memory(err);
    *ret = reference;
    reference = (struct reference){.path = NULL};
    return 0;
}

void reference_done(struct reference *reference)
{
    free(reference->path);
    free(reference->tag);
    free(reference->text);
    *reference = (struct reference){.path = NULL};
}
