/* report_page.c: a report as one HTML page that asks for nothing else. The page is the three files
 * beside this one; what is put in is data, which no browser takes for anything else, and by its
 * policy no script and no style but these two run.
 */
#include "convert/fleet/report_parts.h"

#include "convert/net/base64.h"
#include "formats/model/auto.h"
#include "formats/model/digest.h"

#include <string.h>

/* The file's bytes, with a NUL behind them. Paths are from the repository's root. */
#define EMBED(name, path)                                                                          \
    extern const char(name)[];                                                                     \
    __asm__(".pushsection .rodata\n" #name ":\n.incbin \"" path "\"\n.byte 0\n.popsection\n")

EMBED(page_html, "convert/fleet/report_page.html");
EMBED(page_css, "convert/fleet/report_page.css");
EMBED(page_js, "convert/fleet/report_page.js");

/* --- data ----------------------------------------------------------------------------------------
 */

/* In a script element of JSON: no tag may begin in it, and no line ends but JSON's. Outside of
 * texts none of these characters occurs. */
static int put_data(struct bytes *out, const struct json *report, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, out->limit);
    if (json_print(report, JSON_PLAIN, &text, err) < 0)
        return -1;
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t *at = text.data + i;
        bool line = i + 2 < text.size && at[0] == 0xe2 && at[1] == 0x80 && (at[2] & 0xfe) == 0xa8;
        if (!line && memchr("<>&", *at, 3) == NULL)
            continue;
        if (bytes_append(out, text.data + start, i - start, err) < 0 ||
            bytes_printf(out, err, "\\u%04x", line ? 0x2028u + (at[2] & 1u) : *at) < 0)
            return -1;
        i += line ? 2 : 0;
        start = i + 1;
    }
    return bytes_append(out, text.data + start, text.size - start, err);
}

/* --- the policy ----------------------------------------------------------------------------------
 */

static int put_hash(struct bytes *out, const char *content, struct error *err)
{
    struct digest digest;
    if (digest_of(content, strlen(content), &digest, err) < 0)
        return -1;
    AUTO_FREE char *text = base64_encode(digest.bytes, sizeof digest.bytes);
    return text == NULL ? error_memory(err) : bytes_printf(out, err, "'sha256-%s'", text);
}

static int put_policy(struct bytes *out, struct error *err)
{
    if (bytes_append_text(
            out, "default-src 'none'; base-uri 'none'; form-action 'none'; style-src ", err) < 0 ||
        put_hash(out, page_css, err) < 0 || bytes_append_text(out, "; script-src ", err) < 0)
        return -1;
    return put_hash(out, page_js, err);
}

/* --- the page ------------------------------------------------------------------------------------
 */

static int put_part(struct bytes *out, const char *name, size_t size, const struct json *report,
                    struct error *err)
{
    if (size == 6 && memcmp(name, "policy", size) == 0)
        return put_policy(out, err);
    if (size == 5 && memcmp(name, "style", size) == 0)
        return bytes_append_text(out, page_css, err);
    if (size == 6 && memcmp(name, "script", size) == 0)
        return bytes_append_text(out, page_js, err);
    return put_data(out, report, err);
}

/* {{policy}}, {{style}}, {{script}}, {{data}} */
int report_page(const struct json *report, struct bytes *ret, struct error *err)
{
    const char *at = page_html;
    for (;;) {
        const char *mark = strstr(at, "{{"), *end = mark != NULL ? strstr(mark, "}}") : NULL;
        if (end == NULL)
            return bytes_append_text(ret, at, err);
        if (bytes_append(ret, at, (size_t)(mark - at), err) < 0 ||
            put_part(ret, mark + 2, (size_t)(end - mark) - 2, report, err) < 0)
            return -1;
        at = end + 2;
    }
}
