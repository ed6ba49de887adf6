/* json_print.c: JSON in one of three exact forms. Sees trees through json.h only. */
#include "formats/model/auto.h"
#include "formats/model/json.h"
#include "formats/model/json_scan.h"

#include <stdlib.h>
#include <string.h>

struct writer {
    enum json_style style;
    unsigned depth;
    struct bytes *out;
    struct error *err;
};

static int write_text(struct writer *writer, const char *text)
{
    return bytes_append_text(writer->out, text, writer->err);
}

/* The escape that a style demands for a byte below 0x80; NULL: it stands for itself. buffer may
 * hold the answer. */
static const char *escape_of(enum json_style style, uint8_t c, char buffer[7])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '/':
        return style == JSON_TART ? "\\/" : NULL;
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (c >= 0x20)
        return NULL;
    static const char digits[] = "0123456789abcdef";
    memcpy(buffer, "\\u00", 4);
    buffer[4] = digits[c >> 4];
    buffer[5] = digits[c & 15];
    buffer[6] = '\0';
    return buffer;
}

/* Runs of bytes that stand for themselves are written at once. */
static int write_string(struct writer *writer, const char *text)
{
    if (write_text(writer, "\"") < 0)
        return -1;
    const uint8_t *run = (const uint8_t *)text;
    const uint8_t *at = run;
    const uint8_t *end = run + strlen(text);
    while (at < end) {
        char buffer[7];
        size_t length = json_utf8_length(at, (size_t)(end - at));
        const char *instead = length == 0   ? "\xef\xbf\xbd" /* U+FFFD */
                              : length == 1 ? escape_of(writer->style, *at, buffer)
                                            : NULL;
        if (instead == NULL) {
            at += length;
            continue;
        }
        if (bytes_append(writer->out, run, (size_t)(at - run), writer->err) < 0 ||
            write_text(writer, instead) < 0)
            return -1;
        run = ++at;
    }
    if (bytes_append(writer->out, run, (size_t)(at - run), writer->err) < 0)
        return -1;
    return write_text(writer, "\"");
}

static int write_line(struct writer *writer)
{
    if (writer->style != JSON_PRETTY)
        return 0;
    if (write_text(writer, "\n") < 0)
        return -1;
    for (unsigned i = 0; i < writer->depth; i++)
        if (write_text(writer, "  ") < 0)
            return -1;
    return 0;
}

static int write_value(struct writer *writer, const struct json *json);

static int write_children(struct writer *writer, const struct json *const *children, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && write_text(writer, ",") < 0) || write_line(writer) < 0)
            return -1;
        const char *key = json_key(children[i]);
        if (key != NULL && (write_string(writer, key) < 0 ||
                            write_text(writer, writer->style == JSON_PRETTY ? ": " : ":") < 0))
            return -1;
        if (write_value(writer, children[i]) < 0)
            return -1;
    }
    return 0;
}

/* strcmp compares as unsigned char: the order of UTF-8 bytes. */
static int compare_keys(const void *a, const void *b)
{
    return strcmp(json_key(*(const struct json *const *)a),
                  json_key(*(const struct json *const *)b));
}

static int write_container(struct writer *writer, const struct json *json)
{
    bool object = json_type(json) == JSON_OBJECT;
    size_t count = json_count(json);
    if (count == 0)
        return write_text(writer, object ? "{}" : "[]");
    AUTO_FREE const struct json **children = calloc(count, sizeof *children);
    if (children == NULL)
        return error_memory(writer->err);
    size_t filled = 0;
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child))
        children[filled++] = child;
    if (object && writer->style == JSON_TART)
        qsort(children, count, sizeof *children, compare_keys);
    if (write_text(writer, object ? "{" : "[") < 0)
        return -1;
    writer->depth++;
    if (write_children(writer, children, count) < 0)
        return -1;
    writer->depth--;
    if (write_line(writer) < 0)
        return -1;
    return write_text(writer, object ? "}" : "]");
}

static int write_value(struct writer *writer, const struct json *json)
{
    bool truth = false;
    switch (json_type(json)) {
    case JSON_NULL:
        return write_text(writer, "null");
    case JSON_BOOL:
        return write_text(writer, json_bool(json, &truth) && truth ? "true" : "false");
    case JSON_NUMBER:
        return write_text(writer, json_number(json));
    case JSON_STRING:
        return write_string(writer, json_string(json));
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return write_container(writer, json);
}

int json_print(const struct json *json, enum json_style style, struct bytes *ret, struct error *err)
{
    struct writer writer = {.style = style, .out = ret, .err = err};
    if (write_value(&writer, json) < 0)
        return -1;
    return style == JSON_PRETTY ? write_text(&writer, "\n") : 0;
}
