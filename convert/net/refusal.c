/* refusal.c: reading refusals. Everything in them is hostile: it is cut, cleaned and searched, and
 * never believed but for its kind. Must not know what was asked. */
#include "convert/net/refusal.h"

#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BODY_MAX  (64u << 10) /* of a refusal that is looked at */
#define TEXT_MAX  100         /* characters of a text that is no JSON */
#define WORD_MAX  100         /* longer words are tokens, not prose; a digest has 71 */
#define CODES_MAX 4

/* Hides what may be secret in one word: a URL's user and query, an upload's state, a token. */
static void word_hide(char *word, bool after_scheme)
{
    char *rest = strstr(word, "://");
    char *cut = rest == NULL ? NULL : strchr(rest, '?');
    char *state = strstr(word, "_state=");
    if (cut != NULL)
        *cut = '\0';
    if (state != NULL)
        *state = '\0';
    if ((rest != NULL && strchr(rest, '@') != NULL) || after_scheme || strlen(word) > WORD_MAX)
        memcpy(word, "***", strnlen(word, 3) + (strlen(word) >= 3));
}

static bool is_printable(unsigned char c)
{
    return c > 0x20 && c < 0x7f;
}

/* Appends words of source to text, one space between them, until `size` characters are there. */
static void text_add(char *text, size_t size, const char *source, size_t length)
{
    bool after_scheme = false;
    size_t at = 0, end = strlen(text);
    while (at < length && end + 2 < size) {
        char word[256];
        size_t used = 0;
        while (at < length && !is_printable((unsigned char)source[at]))
            at++;
        for (; at < length && is_printable((unsigned char)source[at]); at++)
            if (used + 1 < sizeof word)
                word[used++] = source[at];
        word[used] = '\0';
        if (used == 0)
            break;
        bool scheme = strcasecmp(word, "bearer") == 0 || strcasecmp(word, "basic") == 0;
        word_hide(word, after_scheme);
        after_scheme = scheme;
        snprintf(text + end, size - end, "%s%s", end == 0 ? "" : " ", word);
        end = strlen(text);
    }
}

static const char *find_text(const char *text, const char *wanted)
{
    const char *found = strcasestr(text, wanted);
    return found == NULL ? NULL : found + strlen(wanted);
}

/* A page's title, an S3 error's message, or the text's beginning. */
static void read_text(const char *text, struct refusal *ret)
{
    const char *start = find_text(text, "<title>");
    if (start == NULL)
        start = find_text(text, "<message>");
    if (start == NULL)
        start = find_text(text, "<h1>");
    text += strspn(text, " \t\r\n");
    if (start == NULL && text[0] == '<') {
        snprintf(ret->message, sizeof ret->message, "a page without a title");
        return;
    }
    if (start == NULL)
        start = text;
    size_t length = start == text ? strlen(text) : strcspn(start, "<");
    text_add(ret->message, TEXT_MAX + 1, start, length);
}

static void add_string(struct refusal *ret, const struct json *value)
{
    const char *text = json_string(value);
    if (text != NULL)
        text_add(ret->message, sizeof ret->message, text, strlen(text));
}

/* The first error's message, and the codes of all. */
static bool read_errors(const struct json *errors, struct refusal *ret)
{
    const struct json *item = errors == NULL ? NULL : json_first(errors);
    for (unsigned i = 0; item != NULL && i < CODES_MAX; item = json_next(item), i++) {
        const char *code = json_string(json_get(item, "code"));
        if (code != NULL && strcasestr(ret->codes, code) == NULL)
            text_add(ret->codes, sizeof ret->codes, code, strlen(code));
        if (i > 0)
            continue;
        add_string(ret, json_get(item, "message"));
        add_string(ret, json_get(item, "detail"));
    }
    return ret->codes[0] != '\0' || ret->message[0] != '\0';
}

static bool read_json(const struct bytes *body, struct refusal *ret)
{
    static const char *const keys[] = {"message", "error", "details", "detail"};
    struct error ignored = ERROR_INIT;
    AUTO(json_free_auto) struct json *json = NULL;
    if (json_parse(body->data, body->size, BODY_MAX, &json, &ignored) < 0)
        return false;
    if (read_errors(json_get(json, "errors"), ret))
        return true;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && ret->message[0] == '\0'; i++)
        add_string(ret, json_get(json, keys[i]));
    return ret->message[0] != '\0';
}

void refusal_read(const struct http_response *answer, struct refusal *ret)
{
    *ret = (struct refusal){.codes = ""};
    if (answer->body.size == 0 || read_json(&answer->body, ret))
        return;
    size_t size = answer->body.size < BODY_MAX ? answer->body.size : BODY_MAX;
    AUTO_FREE char *text = malloc(size + 1);
    if (text == NULL)
        return;
    for (size_t i = 0; i < size; i++)
        text[i] = answer->body.data[i] == '\0' ? ' ' : (char)answer->body.data[i];
    text[size] = '\0';
    read_text(text, ret);
}

bool refusal_says(const struct refusal *refusal, const char *text)
{
    return strcasestr(refusal->codes, text) != NULL || strcasestr(refusal->message, text) != NULL;
}

static bool has_header(const struct http_response *answer, const char *name)
{
    AUTO_FREE char *value = http_header(answer, name, 0);
    return value != NULL;
}

/* GitHub sends its x-ratelimit-* with other answers, too: what is left decides then. */
static bool headers_say_rate_limit(const struct http_response *answer)
{
    uint64_t left;
    if (has_header(answer, "retry-after"))
        return true;
    if (http_header_number(answer, "x-ratelimit-remaining", &left))
        return left == 0;
    return has_header(answer, "x-ratelimit-limit") || has_header(answer, "x-ratelimit-reset");
}

bool refusal_is_rate_limit(const struct http_response *answer, const struct refusal *refusal)
{
    if (answer->status == 429)
        return true;
    if (answer->status != 401 && answer->status != 403)
        return false;
    return refusal_says(refusal, "rate limit") || refusal_says(refusal, "ratelimit") ||
           refusal_says(refusal, "toomanyrequests") ||
           (answer->status == 403 && headers_say_rate_limit(answer));
}

bool refusal_is_quota(const struct http_response *answer, const struct refusal *refusal)
{
    bool storage = refusal_says(refusal, "storage");
    if (answer->status == 507)
        return true;
    if (answer->status == 413)
        return storage || refusal_says(refusal, "quota");
    /* a right may be called storage.objects.create: that is no quota */
    return answer->status == 403 &&
           (refusal_says(refusal, "quota") ||
            (storage && (refusal_says(refusal, "exceed") || refusal_says(refusal, "limit") ||
                         refusal_says(refusal, "full"))));
}

unsigned refusal_retry_after(const struct http_response *answer)
{
    uint64_t seconds;
    if (http_header_number(answer, "retry-after", &seconds))
        return seconds < REFUSAL_WAIT_MAX ? (unsigned)seconds : REFUSAL_WAIT_MAX;
    AUTO_FREE char *value = http_header(answer, "retry-after", 0);
    struct tm date = {0};
    if (value == NULL || strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &date) == NULL)
        return 0;
    time_t then = timegm(&date), now = time(NULL);
    if (then <= now)
        return 0;
    return then - now < REFUSAL_WAIT_MAX ? (unsigned)(then - now) : REFUSAL_WAIT_MAX;
}
