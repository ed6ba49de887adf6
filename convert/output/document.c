/* document.c: how results are written down. Knows no command. */
#include "convert/output/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- JSON ----------------------------------------------------------------------------------------
 */

void document_begin(struct document *document, const char *kind)
{
    *document = (struct document){.tree = json_new_object()};
    document->failed = document->tree == NULL;
    put_text(document, NULL, "kind", kind);
    put_uint(document, NULL, "version", true, 1);
}

int document_end(struct document *document, struct bytes *out, struct error *err)
{
    int status = document->failed ? error_memory(err) : 0;
    if (status == 0)
        status = json_print(document->tree, JSON_PLAIN, out, err);
    document->tree = json_free(document->tree);
    return status < 0 ? -1 : bytes_append_text(out, "\n", err);
}

/* Takes value over. Once something failed, containers may be absent. */
static void put(struct document *document, struct json *object, const char *key, struct json *value)
{
    struct error ignored;
    if (document->failed)
        json_free(value);
    else if (json_set(object != NULL ? object : document->tree, key, value, &ignored) < 0)
        document->failed = true;
}

void put_null(struct document *document, struct json *object, const char *key)
{
    put(document, object, key, json_new_null());
}

void put_text(struct document *document, struct json *object, const char *key, const char *text)
{
    bool there = text != NULL && text[0] != '\0';
    put(document, object, key, there ? json_new_string(text) : json_new_null());
}

void put_bool(struct document *document, struct json *object, const char *key, bool value)
{
    put(document, object, key, json_new_bool(value));
}

void put_uint(struct document *document, struct json *object, const char *key, bool there,
              uint64_t value)
{
    put(document, object, key, there ? json_new_uint(value) : json_new_null());
}

void put_digest(struct document *document, struct json *object, const char *key, bool there,
                const struct digest *digest)
{
    char text[DIGEST_TEXT_SIZE] = "";
    if (there)
        digest_print(digest, text);
    put_text(document, object, key, text);
}

void put_json(struct document *document, struct json *object, const char *key,
              const struct json *value)
{
    put(document, object, key, value != NULL ? json_copy(value) : json_new_null());
}

struct json *put_object(struct document *document, struct json *object, const char *key)
{
    struct json *value = json_new_object();
    put(document, object, key, value);
    return document->failed ? NULL : value;
}

struct json *put_array(struct document *document, struct json *object, const char *key)
{
    struct json *value = json_new_array();
    put(document, object, key, value);
    return document->failed ? NULL : value;
}

static void add(struct document *document, struct json *array, struct json *value)
{
    struct error ignored;
    if (document->failed)
        json_free(value);
    else if (json_append(array, value, &ignored) < 0)
        document->failed = true;
}

struct json *add_object(struct document *document, struct json *array)
{
    struct json *value = json_new_object();
    add(document, array, value);
    return document->failed ? NULL : value;
}

void put_place(struct document *document, struct json *object, const struct error_place *where)
{
    put_uint(document, object, "layer", where->layer >= 0, (uint64_t)where->layer);
    put_uint(document, object, "offset", where->offset >= 0, (uint64_t)where->offset);
    put_uint(document, object, "disk_offset", where->disk_offset >= 0,
             (uint64_t)where->disk_offset);
}

void put_findings(struct document *document, const struct findings *findings)
{
    struct json *array = put_array(document, NULL, "findings");
    for (size_t i = 0; i < findings->count && !document->failed; i++) {
        const struct finding *finding = &findings->items[i];
        struct json *object = add_object(document, array);
        put_text(document, object, "id", finding->id);
        put_text(document, object, "severity", severity_name(finding->severity));
        put_place(document, object, &finding->where);
        put_text(document, object, "text", finding->text);
        put_text(document, object, "fix", finding->fix);
    }
    put_uint(document, NULL, "findings_left_out", true, findings->left_out);
}

void put_pullability(struct document *document, const struct pullability *pullability)
{
    struct json *object = put_object(document, NULL, "pulled_by");
    put_text(document, object, "first", pullability->first);
    put_text(document, object, "last", pullability->last);
    put_text(document, object, "reason", pullability->reason);
}

void put_dropped(struct document *document, const struct proof *proof)
{
    struct json *array = put_array(document, NULL, "dropped_layers");
    for (size_t i = 0; i < proof->dropped_count; i++) {
        char text[DIGEST_TEXT_SIZE];
        digest_print(&proof->dropped[i], text);
        add(document, array, json_new_string(text));
    }
}

void put_texts(struct document *document, struct json *object, const char *key,
               const char *const *texts)
{
    struct json *array = put_array(document, object, key);
    for (; texts != NULL && *texts != NULL; texts++)
        add(document, array, json_new_string(*texts));
}

/* --- text ----------------------------------------------------------------------------------------
 */

/* Also the second half of control characters, which UTF-8 writes as C2 80 to C2 9F. */
static void clean(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool second = i > 0 && data[i - 1] == 0xc2 && data[i] >= 0x80 && data[i] < 0xa0;
        if (second)
            data[i - 1] = '?';
        if (second || data[i] < 0x20 || data[i] == 0x7f)
            data[i] = '?';
    }
}

void text_line(struct text *text, const char *format, ...)
{
    if (text->status < 0)
        return;
    size_t start = text->out->size;
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&line, format, args);
    va_end(args);
    if (size < 0)
        text->status = error_memory(text->err);
    else
        text->status = bytes_append(text->out, line, (size_t)size, text->err);
    if (size >= 0)
        free(line);
    if (text->status < 0)
        return;
    clean(text->out->data + start, (size_t)size);
    text->status = bytes_append_text(text->out, "\n", text->err);
}

void text_pullability(struct text *text, const struct pullability *pullability)
{
    bool reason = pullability->reason[0] != '\0';
    const char *colon = reason ? ": " : "";
    if (pullability->first[0] == '\0')
        text_line(text, "pulled by no Tart%s%s", colon, pullability->reason);
    else if (pullability->last[0] == '\0')
        text_line(text, "pulled by Tart %s and later%s%s", pullability->first, colon,
                  pullability->reason);
    else
        text_line(text, "pulled by Tart %s to %s%s%s", pullability->first, pullability->last, colon,
                  pullability->reason);
}

char *reference_with_digest(const struct reference *reference, bool there,
                            const struct digest *digest)
{
    char text[DIGEST_TEXT_SIZE] = "", *whole;
    bool added = there && !reference->has_digest;
    if (added)
        digest_print(digest, text);
    return asprintf(&whole, "%s%s%s", reference->text, added ? "@" : "", text) < 0 ? NULL : whole;
}
