/* reference.c: from a text on the command line to a place. Looks at no disk and asks no name
 * server: what is there is the stores' business. */
#include "convert/stores/reference.h"

#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPTED                                                                                   \
    "accepted are HOST/REPO[:TAG|@DIGEST], docker://NAME[:TAG|@DIGEST], oci:DIR[:TAG], "           \
    "oci-archive:FILE[:TAG], dir:DIR, vm:DIR and raw:FILE"
#define NAME_SIZE_MAX 255 /* host, "/" and repository: what registries take */
#define PORT_MAX      65535

#define DIGITS  "0123456789"
#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HUB     "docker.io"
#define LIBRARY "library/"

struct word {
    const char *text; /* with its colon */
    enum transport transport;
    const char *names; /* what stands behind it */
    bool has_tag;
};

static const struct word words[] = {
    {"oci:", TRANSPORT_OCI, "folder", true},  {"oci-archive:", TRANSPORT_ARCHIVE, "file", true},
    {"dir:", TRANSPORT_DIR, "folder", false}, {"vm:", TRANSPORT_VM, "folder", false},
    {"raw:", TRANSPORT_RAW, "file", false},   {"docker:", TRANSPORT_REGISTRY, "image", false},
};

static const struct word *word_find(const char *text)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(text, words[i].text, strlen(words[i].text)) == 0)
            return &words[i];
    return NULL;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t end_size = strlen(end);
    return size >= end_size && memcmp(text + size - end_size, end, end_size) == 0;
}

bool transport_has_manifests(enum transport transport)
{
    return transport != TRANSPORT_VM && transport != TRANSPORT_RAW;
}

bool reference_tag_valid(const char *tag)
{
    size_t size = strlen(tag);
    return size > 0 && size <= TAG_SIZE_MAX && tag[0] != '.' && tag[0] != '-' &&
           strspn(tag, DIGITS LOWER UPPER "._-") == size;
}

static int refuse_tag(const char *text, const char *tag, const char *hint, struct error *err)
{
    return error_set(err, ERROR_REFERENCE,
                     "\"%s\": \"%s\" is no tag: 1 to %d letters, digits, \"_\", \".\" and \"-\", "
                     "the first no \".\" or \"-\"%s",
                     text, tag, TAG_SIZE_MAX, hint);
}

/* --- folders and files ---------------------------------------------------------------------------
 */

/* place: what stands behind "oci:". *ret_path_size: how much of it is the folder or file. */
static int check_tagged(const char *text, const char *place, size_t *ret_path_size,
                        const char **ret_tag, struct error *err)
{
    size_t path_size = strcspn(place, ":");
    const char *tag = place[path_size] == ':' ? place + path_size + 1 : NULL;
    *ret_path_size = path_size;
    *ret_tag = tag;
    if (tag == NULL || (reference_tag_valid(tag) && !ends_with(place, path_size, "@sha256")))
        return 0;
    if (strchr(tag, '@') != NULL || ends_with(place, path_size, "@sha256"))
        return error_set(
            err, ERROR_REFERENCE,
            "\"%s\": an image in a layout or archive is named by its tag alone, never by a digest "
            "or a position behind \"@\"",
            text);
    return refuse_tag(text, tag, " (the path ends at the first colon)", err);
}

static int parse_path(const struct word *word, const char *place, struct reference *reference,
                      struct error *err)
{
    size_t path_size = strlen(place);
    const char *tag = NULL;
    if (word->has_tag && check_tagged(reference->text, place, &path_size, &tag, err) < 0)
        return -1;
    if (path_size == 0)
        return error_set(err, ERROR_REFERENCE, "\"%s\" names no %s; %s", reference->text,
                         word->names, ACCEPTED);
    reference->path = strndup(place, path_size);
    reference->tag = tag == NULL ? NULL : strdup(tag);
    if (reference->path == NULL || (tag != NULL && reference->tag == NULL))
        return error_memory(err);
    return 0;
}

/* --- registries ----------------------------------------------------------------------------------
 */

static bool port_valid(const char *port)
{
    uint64_t number;
    return parse_size(port, &number) && number > 0 && number <= PORT_MAX;
}

/* Labels of letters, digits and inner "-", between single dots. */
static bool host_name_valid(const char *name, size_t size)
{
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && name[i] != '.')
            continue;
        if (i == start || i - start > 63 || name[start] == '-' || name[i - 1] == '-')
            return false;
        start = i + 1;
    }
    return strspn(name, DIGITS LOWER UPPER ".-") >= size;
}

/* HOST[:PORT], where HOST may be an IPv6 address in brackets. */
static bool host_valid(const char *host)
{
    const char *rest;
    if (host[0] == '[') {
        struct in6_addr address;
        char text[INET6_ADDRSTRLEN];
        size_t size = strcspn(host + 1, "]");
        if (host[1 + size] != ']' || size >= sizeof text)
            return false;
        memcpy(text, host + 1, size);
        text[size] = '\0';
        if (inet_pton(AF_INET6, text, &address) != 1)
            return false;
        rest = host + 1 + size + 1;
    } else {
        size_t size = strcspn(host, ":");
        if (!host_name_valid(host, size))
            return false;
        rest = host + size;
    }
    return rest[0] == '\0' || (rest[0] == ':' && port_valid(rest + 1));
}

/* Between two runs of letters and digits: ".", "_", "__" or any number of "-". */
static size_t separator_size(const char *text)
{
    size_t size = strspn(text, "._-");
    bool fits = size == 0 || strspn(text, "-") == size ||
                (size == 1 && (text[0] == '.' || text[0] == '_')) ||
                (size == 2 && text[0] == '_' && text[1] == '_');
    return fits ? size : 0;
}

static bool repository_valid(const char *name)
{
    for (;;) {
        size_t run = strspn(name, DIGITS LOWER);
        if (run == 0)
            return false;
        name += run;
        if (name[0] == '\0')
            return true;
        size_t step = name[0] == '/' ? 1 : separator_size(name);
        if (step == 0)
            return false;
        name += step;
    }
}

/* Cuts ":TAG" or "@DIGEST" off the name, which it changes. */
static int split_name(char *name, struct reference *reference, struct error *err)
{
    const char *text = reference->text;
    char *digest = strchr(name, '@');
    if (digest != NULL)
        *digest++ = '\0';
    char *slash = strrchr(name, '/');
    char *tag = strchr(slash == NULL ? name : slash, ':');
    if (tag != NULL)
        *tag++ = '\0';
    if (digest != NULL && tag != NULL)
        return error_set(err, ERROR_REFERENCE,
                         "\"%s\": a tag and a digest together; name the image by one of them",
                         text);
    if (digest != NULL) {
        reference->has_digest = digest_parse(digest, &reference->digest);
        return reference->has_digest
                   ? 0
                   : error_set(err, ERROR_REFERENCE,
                               "\"%s\": behind \"@\" stands a digest, sha256: and 64 hex digits "
                               "in lower case",
                               text);
    }
    if (tag != NULL && !reference_tag_valid(tag))
        return refuse_tag(text, tag, "", err);
    reference->tag = strdup(tag == NULL ? "latest" : tag);
    return reference->tag == NULL ? error_memory(err) : 0;
}

static int check_registry(const struct reference *reference, struct error *err)
{
    const char *name = reference->repository;
    if (!host_valid(reference->host))
        return error_set(err, ERROR_REFERENCE,
                         "\"%s\": \"%s\" is no host with a port or without; a folder is written "
                         "oci:DIR, dir:DIR or vm:DIR",
                         reference->text, reference->host);
    if (!repository_valid(name))
        return error_set(err, ERROR_REFERENCE,
                         "\"%s\": \"%s\" is no repository: parts between \"/\" are lower-case "
                         "letters and digits, joined by \".\", \"_\", \"__\" or \"-\"",
                         reference->text, name);
    if (strlen(reference->host) + 1 + strlen(name) > NAME_SIZE_MAX)
        return error_set(err, ERROR_REFERENCE,
                         "\"%s\": host and repository are longer than %d bytes", reference->text,
                         NAME_SIZE_MAX);
    return 0;
}

/* Not repeated in the message: it may hold a password. */
static int refuse_credentials(const char *name, struct error *err)
{
    const char *at = strchr(name, '@');
    if (at == NULL || strchr(at, '/') == NULL)
        return 0;
    return error_set(
        err, ERROR_REFERENCE,
        "a reference with \"@\" before a \"/\": credentials do not belong into it, but "
        "into options or an authentication file");
}

/* host_size: how much of name is the host; 0: docker.io is meant. */
static int parse_name(const char *name, size_t host_size, struct reference *reference,
                      struct error *err)
{
    AUTO_FREE char *rest = strdup(name + (host_size == 0 ? 0 : host_size + 1));
    AUTO_FREE char *host = strndup(name, host_size);
    if (rest == NULL || host == NULL)
        return error_memory(err);
    if (split_name(rest, reference, err) < 0)
        return -1;
    reference->host = host_size == 0 ? strdup(HUB) : take_ptr(&host);
    reference->repository = take_ptr(&rest);
    return reference->host == NULL ? error_memory(err) : check_registry(reference, err);
}

/* docker.io's short names: what has no folder lies in library/. */
static int add_library(struct reference *reference, struct error *err)
{
    if (strcmp(reference->host, HUB) != 0 || strchr(reference->repository, '/') != NULL)
        return 0;
    size_t size = strlen(LIBRARY) + strlen(reference->repository) + 1;
    char *name = malloc(size);
    if (name == NULL)
        return error_memory(err);
    memcpy(name, LIBRARY, strlen(LIBRARY));
    memcpy(name + strlen(LIBRARY), reference->repository, size - strlen(LIBRARY));
    free(reference->repository);
    reference->repository = name;
    return 0;
}

/* Behind "docker:". */
static int parse_docker(const char *place, struct reference *reference, struct error *err)
{
    if (!starts_with(place, "//"))
        return error_set(err, ERROR_REFERENCE, "\"%s\": write docker://%s", reference->text, place);
    const char *name = place + 2;
    if (refuse_credentials(name, err) < 0)
        return -1;
    if (name[0] == '\0')
        return error_set(err, ERROR_REFERENCE, "\"%s\" names no image; %s", reference->text,
                         ACCEPTED);
    size_t first = strcspn(name, "/");
    bool host = name[first] == '/' &&
                (strcspn(name, ".:") < first || (first == 9 && starts_with(name, "localhost")));
    if (parse_name(name, host ? first : 0, reference, err) < 0)
        return -1;
    return add_library(reference, err);
}

/* HOST[:PORT]/REPO…, by Tart's rule: the first part is always the host. */
static int parse_bare(const char *text, struct reference *reference, struct error *err)
{
    size_t first = strcspn(text, "/");
    if (text[0] != '/' && text[0] != '.' && refuse_credentials(text, err) < 0)
        return -1;
    if (starts_with(text, "http://") || starts_with(text, "https://"))
        return error_set(err, ERROR_REFERENCE,
                         "\"%s\": leave %s away; how a registry is spoken to is said by options",
                         text, starts_with(text, "https") ? "https://" : "http://");
    if (text[0] == '/' || text[0] == '.' || text[0] == '~')
        return error_set(err, ERROR_REFERENCE,
                         "\"%s\" is a path, which does not say what lies there; write oci:DIR, "
                         "oci-archive:FILE, dir:DIR, vm:DIR or raw:FILE",
                         text);
    if (text[first] == '\0')
        return error_set(err, ERROR_REFERENCE, "\"%s\" does not say what kind of place it is; %s",
                         text, ACCEPTED);
    return parse_name(text, first, reference, err);
}

int reference_parse(const char *text, struct reference *ret, struct error *err)
{
    *ret = (struct reference){.path = NULL};
    AUTO(reference_done) struct reference reference = {.text = strdup(text)};
    if (reference.text == NULL)
        return error_memory(err);
    const struct word *word = word_find(text);
    const char *place = word == NULL ? text : text + strlen(word->text);
    reference.transport = word == NULL ? TRANSPORT_REGISTRY : word->transport;
    int status = word == NULL                            ? parse_bare(text, &reference, err)
                 : word->transport == TRANSPORT_REGISTRY ? parse_docker(place, &reference, err)
                                                         : parse_path(word, place, &reference, err);
    if (status < 0)
        return -1;
    *ret = reference;
    reference = (struct reference){.path = NULL};
    return 0;
}

void reference_done(struct reference *reference)
{
    free(reference->path);
    free(reference->host);
    free(reference->repository);
    free(reference->tag);
    free(reference->text);
    *reference = (struct reference){.path = NULL};
}
