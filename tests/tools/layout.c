/* layout.c: looks into an OCI layout and changes images in it, with digests and sizes that are
 * right again, so that tests can make images that are damaged inside. Checks nothing, and is for
 * tests only.
 *
 *     layout get DIR TAG PATH              prints a value of the manifest
 *     layout name DIR TAG PATH             prints the file of the blob whose descriptor is at PATH
 *     layout edit DIR TAG NEWTAG EDIT...   makes an image from another; its digest is printed
 *     layout batch DIR                     makes many: reads lines TAG NEWTAG EDIT... with tabs
 * between layout walk FILE                     prints the blocks of a stream: OFFSET KIND DECODED
 * SIZE
 *
 * PATH: member names and indexes, as layers/1/annotations/NAME; "manifest" for the manifest itself.
 * EDIT, done in order:
 *
 *     set PATH JSON       puts the value there     remove PATH
 *     layers N,N,...      the layers anew, by their indexes: another order, fewer, some twice
 *     blob PATH FILE      FILE becomes the blob of that descriptor, whose digest and size follow
 *     append TYPE FILE    FILE becomes a further layer, the last
 *     bytes PATH TEXT     the same with TEXT itself; hex PATH FILE: with what FILE writes in hex
 *     text TEXT           TEXT becomes the manifest, whatever is in it; after all but replace
 *     replace OLD NEW     in the manifest's text as it would be written, once; last of all */
#include "formats/codec/applelz4.h"
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX  (256u << 20)
#define WORDS_MAX 32

struct edit {
    const char *folder;
    struct json *manifest;
    struct bytes text; /* the manifest as it will be written */
};

/* --- files --- */

static int read_file(const char *path, struct bytes *ret, struct error *err)
{
    uint8_t buffer[65536];
    size_t got;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return error_set(err, ERROR_NO_SUCH_FILE, "%s cannot be opened", path);
    int status = 0;
    while (status == 0 && (got = fread(buffer, 1, sizeof buffer, file)) > 0)
        status = bytes_append(ret, buffer, got, err);
    fclose(file);
    return status;
}

/* A new file in place of what is there, which may be shared with other layouts by a hard link. */
static int write_file(const char *path, const struct bytes *data, struct error *err)
{
    (void)remove(path);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return error_set(err, ERROR_IO, "%s cannot be written", path);
    bool good = data->size == 0 || fwrite(data->data, 1, data->size, file) == data->size;
    if (fclose(file) != 0 || !good)
        return error_set(err, ERROR_IO, "%s cannot be written", path);
    return 0;
}

static int blob_path(const char *folder, const struct digest *digest, char **ret, struct error *err)
{
    char hex[DIGEST_TEXT_SIZE];
    digest_print_hex(digest, hex);
    if (asprintf(ret, "%s/blobs/sha256/%s", folder, hex) >= 0)
        return 0;
    *ret = NULL;
    return error_memory(err);
}

/* Puts a blob into the layout and its digest and size into a descriptor. */
static int put_blob(const char *folder, const struct bytes *data, struct json *descriptor,
                    struct error *err)
{
    struct digest digest;
    char text[DIGEST_TEXT_SIZE];
    AUTO_FREE char *path = NULL;
    if (digest_of(data->data, data->size, &digest, err) < 0 ||
        blob_path(folder, &digest, &path, err) < 0 || write_file(path, data, err) < 0)
        return -1;
    digest_print(&digest, text);
    if (json_set_string(descriptor, "digest", text, err) < 0)
        return -1;
    return json_set_uint(descriptor, "size", data->size, err);
}

static int read_hex(const char *path, struct bytes *ret, struct error *err)
{
    static const char digits[] = "0123456789abcdef";
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, FILE_MAX);
    if (read_file(path, &text, err) < 0)
        return -1;
    const char *high = NULL;
    for (size_t i = 0; i < text.size; i++) {
        while (i < text.size && text.data[i] == '#')
            while (++i < text.size && text.data[i] != '\n')
                ;
        const char *digit = i < text.size ? strchr(digits, text.data[i]) : NULL;
        if (digit == NULL || *digit == '\0')
            continue;
        uint8_t byte = (uint8_t)(high != NULL ? (high - digits) * 16 + (digit - digits) : 0);
        if (high != NULL && bytes_append(ret, &byte, 1, err) < 0)
            return -1;
        high = high != NULL ? NULL : digit;
    }
    return 0;
}

/* --- the manifest's tree --- */

static struct json *element(const struct json *array, const char *index)
{
    uint64_t left;
    if (!parse_size(index, &left))
        return NULL;
    struct json *child = json_first(array);
    while (child != NULL && left-- > 0)
        child = json_next(child);
    return child;
}

/* The value at a path; with ret_last, the one that holds it, and its name there. */
static int find(struct json *tree, const char *path, struct json **ret, const char **ret_last,
                struct error *err)
{
    struct json *at = tree;
    const char *rest = path;
    for (const char *slash; (slash = strchr(rest, '/')) != NULL || ret_last == NULL;) {
        AUTO_FREE char *name = strndup(rest, slash != NULL ? (size_t)(slash - rest) : SIZE_MAX);
        if (name == NULL)
            return error_memory(err);
        at = at != NULL && json_type(at) == JSON_ARRAY ? element(at, name) : json_get(at, name);
        if (at == NULL)
            return error_set(err, ERROR_USAGE, "the manifest has no %s", path);
        if (slash == NULL)
            break;
        rest = slash + 1;
    }
    *ret = at;
    if (ret_last != NULL)
        *ret_last = rest;
    return 0;
}

static int read_json(const char *path, struct json **ret, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, FILE_MAX);
    return read_file(path, &text, err) < 0 ? -1
                                           : json_parse(text.data, text.size, FILE_MAX, ret, err);
}

static int read_index(const char *folder, struct json **ret, struct error *err)
{
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/index.json", folder) < 0) {
        path = NULL;
        return error_memory(err);
    }
    return read_json(path, ret, err);
}

static bool has_tag(const struct json *entry, const char *tag)
{
    const char *name =
        json_string(json_get(json_get(entry, "annotations"), "org.opencontainers.image.ref.name"));
    return name != NULL && strcmp(name, tag) == 0;
}

/* The file of the manifest under the tag. */
static int manifest_path(const char *folder, const char *tag, char **ret, struct error *err)
{
    AUTO(json_free_auto) struct json *index = NULL;
    if (read_index(folder, &index, err) < 0)
        return -1;
    for (struct json *entry = json_first(json_get(index, "manifests")); entry != NULL;
         entry = json_next(entry)) {
        struct digest digest;
        if (has_tag(entry, tag) && digest_parse(json_string(json_get(entry, "digest")), &digest))
            return blob_path(folder, &digest, ret, err);
    }
    return error_set(err, ERROR_NO_SUCH_TAG, "%s has no tag %s", folder, tag);
}

/* --- edits --- */

static int edit_set(struct edit *edit, char **words, struct error *err)
{
    struct json *value = NULL, *holder;
    const char *name;
    if (json_parse(words[1], strlen(words[1]), FILE_MAX, &value, err) < 0)
        return error_wrap(err, "%s", words[1]);
    if (find(edit->manifest, words[0], &holder, &name, err) < 0) {
        json_free(value);
        return -1;
    }
    return json_set(holder, name, value, err);
}

static int edit_remove(struct edit *edit, char **words, struct error *err)
{
    struct json *holder;
    const char *name;
    if (find(edit->manifest, words[0], &holder, &name, err) < 0)
        return -1;
    json_remove(holder, name);
    return 0;
}

static int edit_layers(struct edit *edit, char **words, struct error *err)
{
    AUTO(json_free_auto) struct json *layers = json_new_array();
    for (const char *rest = words[0]; rest != NULL;) {
        const char *comma = strchr(rest, ',');
        AUTO_FREE char *number = strndup(rest, comma != NULL ? (size_t)(comma - rest) : SIZE_MAX);
        struct json *layer = element(json_get(edit->manifest, "layers"), number);
        if (layer == NULL)
            return error_set(err, ERROR_USAGE, "the manifest has no layer %s", number);
        if (json_append(layers, json_copy(layer), err) < 0)
            return -1;
        rest = comma != NULL ? comma + 1 : NULL;
    }
    return json_set(edit->manifest, "layers", take_ptr(&layers), err);
}

static int edit_bytes(struct edit *edit, char **words, struct error *err)
{
    struct json *descriptor;
    AUTO(bytes_done) struct bytes data;
    bytes_init(&data, FILE_MAX);
    if (find(edit->manifest, words[0], &descriptor, NULL, err) < 0 ||
        bytes_append_text(&data, words[1], err) < 0)
        return -1;
    return put_blob(edit->folder, &data, descriptor, err);
}

static int edit_hex(struct edit *edit, char **words, struct error *err)
{
    struct json *descriptor;
    AUTO(bytes_done) struct bytes data;
    bytes_init(&data, FILE_MAX);
    if (find(edit->manifest, words[0], &descriptor, NULL, err) < 0 ||
        read_hex(words[1], &data, err) < 0)
        return -1;
    return put_blob(edit->folder, &data, descriptor, err);
}

static int edit_blob(struct edit *edit, char **words, struct error *err)
{
    struct json *descriptor;
    AUTO(bytes_done) struct bytes data;
    bytes_init(&data, FILE_MAX);
    if (find(edit->manifest, words[0], &descriptor, NULL, err) < 0 ||
        read_file(words[1], &data, err) < 0)
        return -1;
    return put_blob(edit->folder, &data, descriptor, err);
}

static int edit_append(struct edit *edit, char **words, struct error *err)
{
    AUTO(json_free_auto) struct json *layer = json_new_object();
    AUTO(bytes_done) struct bytes data;
    bytes_init(&data, FILE_MAX);
    if (json_set_string(layer, "mediaType", words[0], err) < 0 ||
        read_file(words[1], &data, err) < 0 || put_blob(edit->folder, &data, layer, err) < 0)
        return -1;
    return json_append(json_get(edit->manifest, "layers"), take_ptr(&layer), err);
}

static int edit_text(struct edit *edit, char **words, struct error *err)
{
    return bytes_append_text(&edit->text, words[0], err);
}

static int edit_replace(struct edit *edit, char **words, struct error *err)
{
    AUTO(bytes_done) struct bytes before = edit->text;
    bytes_init(&edit->text, FILE_MAX);
    if (before.size == 0 && json_print(edit->manifest, JSON_TART, &before, err) < 0)
        return -1;
    const char *text = bytes_text(&before, err);
    const char *at = text != NULL ? strstr(text, words[0]) : NULL;
    if (at == NULL)
        return error_set(err, ERROR_USAGE, "the manifest has no %s", words[0]);
    return bytes_printf(&edit->text, err, "%.*s%s%s", (int)(at - text), text, words[1],
                        at + strlen(words[0]));
}

static const struct {
    const char *name;
    int words;
    int (*make)(struct edit *edit, char **words, struct error *err);
} edits[] = {
    {"set", 2, edit_set},     {"remove", 1, edit_remove}, {"layers", 1, edit_layers},
    {"blob", 2, edit_blob},   {"append", 2, edit_append}, {"text", 1, edit_text},
    {"bytes", 2, edit_bytes}, {"hex", 2, edit_hex},       {"replace", 2, edit_replace},
};

static int make_edits(struct edit *edit, char **words, struct error *err)
{
    while (*words != NULL) {
        size_t kind = 0, count = sizeof edits / sizeof edits[0];
        while (kind < count && strcmp(edits[kind].name, words[0]) != 0)
            kind++;
        if (kind == count)
            return error_set(err, ERROR_USAGE, "no edit %s", words[0]);
        for (int i = 1; i <= edits[kind].words; i++)
            if (words[i] == NULL)
                return error_set(err, ERROR_USAGE, "%s wants %d words", words[0],
                                 edits[kind].words);
        if (edits[kind].make(edit, words + 1, err) < 0)
            return -1;
        words += 1 + edits[kind].words;
    }
    return 0;
}

/* Writes the manifest, and an entry for it in place of one that has the tag. */
static int put_manifest(const struct edit *edit, const char *tag, struct error *err)
{
    AUTO(json_free_auto) struct json *index = NULL, *entry = json_new_object();
    AUTO(json_free_auto) struct json *entries = json_new_array();
    AUTO(json_free_auto) struct json *annotations = json_new_object();
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, FILE_MAX);
    if (read_index(edit->folder, &index, err) < 0 ||
        json_set_string(entry, "mediaType", MEDIA_TYPE_OCI_MANIFEST, err) < 0 ||
        put_blob(edit->folder, &edit->text, entry, err) < 0 ||
        json_set_string(annotations, "org.opencontainers.image.ref.name", tag, err) < 0 ||
        json_set(entry, "annotations", take_ptr(&annotations), err) < 0)
        return -1;
    puts(json_string(json_get(entry, "digest")));
    for (struct json *other = json_first(json_get(index, "manifests")); other != NULL;
         other = json_next(other))
        if (!has_tag(other, tag) && json_append(entries, json_copy(other), err) < 0)
            return -1;
    AUTO_FREE char *path = NULL;
    if (json_append(entries, take_ptr(&entry), err) < 0 ||
        json_set(index, "manifests", take_ptr(&entries), err) < 0 ||
        json_print(index, JSON_PLAIN, &text, err) < 0 ||
        asprintf(&path, "%s/index.json", edit->folder) < 0)
        return -1;
    return write_file(path, &text, err);
}

static int edit_image(const char *folder, char **words, struct error *err)
{
    AUTO_FREE char *path = NULL;
    struct edit edit = {.folder = folder};
    bytes_init(&edit.text, FILE_MAX);
    int status = manifest_path(folder, words[0], &path, err);
    if (status == 0)
        status = read_json(path, &edit.manifest, err);
    if (status == 0)
        status = make_edits(&edit, words + 2, err);
    if (status == 0 && edit.text.size == 0)
        status = json_print(edit.manifest, JSON_TART, &edit.text, err);
    if (status == 0)
        status = put_manifest(&edit, words[1], err);
    bytes_done(&edit.text);
    json_free(edit.manifest);
    return status;
}

static int command_edit(int argc, char **argv, struct error *err)
{
    (void)argc;
    return edit_image(argv[0], argv + 1, err);
}

static int command_batch(int argc, char **argv, struct error *err)
{
    (void)argc;
    AUTO_FREE char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        char *words[WORDS_MAX + 1] = {line};
        size_t count = 1;
        line[size - 1] = '\0';
        for (char *tab = line; count < WORDS_MAX && (tab = strchr(tab, '\t')) != NULL;) {
            *tab++ = '\0';
            words[count++] = tab;
        }
        if (edit_image(argv[0], words, err) < 0)
            return error_wrap(err, "%s", words[1]);
    }
    return 0;
}

/* --- looking --- */

static int command_get(int argc, char **argv, struct error *err)
{
    (void)argc;
    AUTO_FREE char *path = NULL;
    AUTO(json_free_auto) struct json *manifest = NULL;
    struct json *value;
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, FILE_MAX);
    if (manifest_path(argv[0], argv[1], &path, err) < 0 || read_json(path, &manifest, err) < 0 ||
        find(manifest, argv[2], &value, NULL, err) < 0 ||
        json_print(value, JSON_PLAIN, &text, err) < 0)
        return -1;
    printf("%.*s\n", (int)text.size, (const char *)text.data);
    return 0;
}

static int command_name(int argc, char **argv, struct error *err)
{
    (void)argc;
    AUTO_FREE char *path = NULL, *blob = NULL;
    AUTO(json_free_auto) struct json *manifest = NULL;
    struct json *descriptor;
    struct digest digest;
    if (manifest_path(argv[0], argv[1], &path, err) < 0)
        return -1;
    if (strcmp(argv[2], "manifest") == 0) {
        puts(path);
        return 0;
    }
    if (read_json(path, &manifest, err) < 0 || find(manifest, argv[2], &descriptor, NULL, err) < 0)
        return -1;
    if (!digest_parse(json_string(json_get(descriptor, "digest")), &digest))
        return error_set(err, ERROR_USAGE, "%s is no descriptor", argv[2]);
    if (blob_path(argv[0], &digest, &blob, err) < 0)
        return -1;
    puts(blob);
    return 0;
}

static int command_walk(int argc, char **argv, struct error *err)
{
    static const char *const names[] = {
        [APPLELZ4_BLOCK] = "bv41", [APPLELZ4_STORED] = "bv4-", [APPLELZ4_END] = "bv4$"};
    (void)argc;
    AUTO(bytes_done) struct bytes data;
    bytes_init(&data, FILE_MAX);
    if (read_file(argv[0], &data, err) < 0)
        return -1;
    for (size_t at = 0; at < data.size;) {
        const uint8_t *block = data.data + at;
        size_t left = data.size - at, size = APPLELZ4_MAGIC_SIZE, decoded = 0;
        enum applelz4_magic magic =
            left < APPLELZ4_MAGIC_SIZE ? APPLELZ4_UNKNOWN : applelz4_magic(block);
        if (magic == APPLELZ4_BLOCK && left >= APPLELZ4_HEADER_BLOCK) {
            decoded = load_le32(block + 4);
            size = APPLELZ4_HEADER_BLOCK + load_le32(block + 8);
        } else if (magic == APPLELZ4_STORED && left >= APPLELZ4_HEADER_STORED) {
            decoded = load_le32(block + 4);
            size = APPLELZ4_HEADER_STORED + decoded;
        }
        if (magic == APPLELZ4_UNKNOWN || size > left)
            return error_set(err, ERROR_STREAM_MAGIC, "no whole block at byte %zu", at);
        printf("%zu %s %zu %zu\n", at, names[magic], decoded, size);
        at += size;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int least;
        int (*run)(int argc, char **argv, struct error *err);
    } commands[] = {
        {"get", 3, command_get},   {"name", 3, command_name},   {"edit", 3, command_edit},
        {"walk", 1, command_walk}, {"batch", 1, command_batch},
    };
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].least)
            continue;
        if (commands[i].run(argc - 2, argv + 2, &err) == 0)
            return 0;
        fprintf(stderr, "layout %s: %s\n", argv[1], err.text);
        return 1;
    }
    fputs("usage: layout get|name|edit|batch|walk ...\n", stderr);
    return 64;
}
