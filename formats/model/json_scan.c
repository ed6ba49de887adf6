/* json_scan.c: JSON's grammar (RFC 8259), strictly. Works on bytes alone: builds no tree, knows no
 * library. */
#include "formats/model/json_scan.h"

#include "formats/model/json.h"

#include <string.h>

struct scan {
    const uint8_t *text;
    size_t size;
    size_t at;
    size_t copied; /* the text before this byte stands in copy */
    size_t values;
    unsigned depth;
    struct bytes *copy;
    struct error *err;
};

static int scan_fail(const struct scan *scan, const char *what)
{
    return error_set(scan->err, ERROR_JSON_SYNTAX, "byte %zu: %s", scan->at, what);
}

/* The byte at hand, -1 at the text's end. */
static int scan_peek(const struct scan *scan)
{
    return scan->at < scan->size ? scan->text[scan->at] : -1;
}

static void scan_space(struct scan *scan)
{
    int c = scan_peek(scan);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        scan->at++;
        c = scan_peek(scan);
    }
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t json_utf8_length(const uint8_t *text, size_t size)
{
    uint8_t first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (!is_continuation(text[i]))
            return 0;
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool surrogate = first == 0xed && text[1] > 0x9f;
    bool too_large = first == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

/* The four hex digits of "\uXXXX" at the byte at hand, -1 where it is no such escape. */
static int scan_unit(const struct scan *scan)
{
    const uint8_t *text = scan->text + scan->at;
    if (scan->size - scan->at < 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    int unit = 0;
    for (size_t i = 2; i < 6; i++) {
        int digit = is_digit(text[i])                  ? text[i] - '0'
                    : text[i] >= 'a' && text[i] <= 'f' ? text[i] - 'a' + 10
                    : text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 10
                                                       : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static int scan_escape(struct scan *scan)
{
    if (scan->size - scan->at < 2)
        return scan_fail(scan, "the text ends within a string");
    uint8_t letter = scan->text[scan->at + 1];
    if (letter != 'u') {
        if (letter == '\0' || strchr("\"\\/bfnrt", letter) == NULL)
            return scan_fail(scan, "JSON has no such escape");
        scan->at += 2;
        return 0;
    }
    int unit = scan_unit(scan);
    if (unit < 0)
        return scan_fail(scan, "\\u needs four hex digits");
    if (unit == 0)
        return scan_fail(scan, "an escaped NUL is refused");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return scan_fail(scan, "a lone surrogate");
    scan->at += 6;
    if (unit < 0xd800 || unit > 0xdbff)
        return 0;
    int low = scan_unit(scan);
    if (low < 0xdc00 || low > 0xdfff)
        return scan_fail(scan, "a lone surrogate stands before this byte");
    scan->at += 6;
    return 0;
}

static int scan_string(struct scan *scan)
{
    scan->at++;
    for (;;) {
        int c = scan_peek(scan);
        if (c < 0)
            return scan_fail(scan, "the text ends within a string");
        if (c < 0x20)
            return scan_fail(scan, "a raw control character in a string");
        if (c == '\\') {
            if (scan_escape(scan) < 0)
                return -1;
            continue;
        }
        size_t length = json_utf8_length(scan->text + scan->at, scan->size - scan->at);
        if (length == 0)
            return scan_fail(scan, "no valid UTF-8");
        scan->at += length;
        if (c == '"')
            return 0;
    }
}

static int scan_digits(struct scan *scan)
{
    if (!is_digit(scan_peek(scan)))
        return scan_fail(scan, "a digit must stand here");
    while (is_digit(scan_peek(scan)))
        scan->at++;
    return 0;
}

static int scan_number_grammar(struct scan *scan)
{
    if (scan_peek(scan) == '-')
        scan->at++;
    if (scan_peek(scan) == '0')
        scan->at++;
    else if (scan_digits(scan) < 0)
        return -1;
    if (scan_peek(scan) == '.') {
        scan->at++;
        if (scan_digits(scan) < 0)
            return -1;
    }
    if (scan_peek(scan) != 'e' && scan_peek(scan) != 'E')
        return 0;
    scan->at++;
    if (scan_peek(scan) == '+' || scan_peek(scan) == '-')
        scan->at++;
    return scan_digits(scan);
}

/* Appends what has not been copied yet. */
static int scan_copy(struct scan *scan)
{
    size_t from = scan->copied;
    scan->copied = scan->at;
    return bytes_append(scan->copy, scan->text + from, scan->at - from, scan->err);
}

static int scan_number(struct scan *scan)
{
    static const char open[] = {'"', (char)JSON_NUMBER_MARK};
    if (scan_copy(scan) < 0 || bytes_append(scan->copy, open, sizeof open, scan->err) < 0)
        return -1;
    if (scan_number_grammar(scan) < 0 || scan_copy(scan) < 0)
        return -1;
    return bytes_append_text(scan->copy, "\"", scan->err);
}

static int scan_word(struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    if (scan->size - scan->at < length || memcmp(scan->text + scan->at, word, length) != 0)
        return scan_fail(scan, "no JSON value begins here");
    scan->at += length;
    return 0;
}

static int scan_key(struct scan *scan)
{
    if (scan_peek(scan) != '"')
        return scan_fail(scan, "a key must stand here");
    if (scan_string(scan) < 0)
        return -1;
    scan_space(scan);
    if (scan_peek(scan) != ':')
        return scan_fail(scan, "a colon must stand here");
    scan->at++;
    scan_space(scan);
    return 0;
}

static int scan_value(struct scan *scan);

/* Calls itself through scan_value, at most JSON_DEPTH_MAX deep. */
static int scan_container(struct scan *scan, int closing)
{
    if (++scan->depth > JSON_DEPTH_MAX)
        return error_set(scan->err, ERROR_JSON_SYNTAX, "byte %zu: nested deeper than %d", scan->at,
                         JSON_DEPTH_MAX);
    scan->at++;
    scan_space(scan);
    bool more = scan_peek(scan) != closing;
    while (more) {
        if (closing == '}' && scan_key(scan) < 0)
            return -1;
        if (scan_value(scan) < 0)
            return -1;
        scan_space(scan);
        more = scan_peek(scan) == ',';
        if (more) {
            scan->at++;
            scan_space(scan);
        }
    }
    if (scan_peek(scan) != closing)
        return scan_fail(scan, closing == '}' ? "a comma or a closing brace must stand here"
                                              : "a comma or a closing bracket must stand here");
    scan->at++;
    scan->depth--;
    return 0;
}

static int scan_value(struct scan *scan)
{
    if (++scan->values > JSON_VALUES_MAX)
        return error_set(scan->err, ERROR_JSON_SYNTAX, "byte %zu: more than %u values", scan->at,
                         JSON_VALUES_MAX);
    int c = scan_peek(scan);
    switch (c) {
    case '{':
        return scan_container(scan, '}');
    case '[':
        return scan_container(scan, ']');
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        if (c == '-' || is_digit(c))
            return scan_number(scan);
        return scan_fail(scan, c < 0 ? "the text ends where a value must stand"
                                     : "no JSON value begins here");
    }
}

int json_scan(const uint8_t *text, size_t size, struct bytes *ret, struct error *err)
{
    struct scan scan = {.text = text, .size = size, .copy = ret, .err = err};
    scan_space(&scan);
    if (scan_value(&scan) < 0)
        return -1;
    scan_space(&scan);
    if (scan.at < size)
        return scan_fail(&scan, "something stands behind the value");
    return scan_copy(&scan);
}
