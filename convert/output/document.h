/* document.h: results being written: JSON documents member by member, and lines of text that
 * nothing in an image can use to rewrite a terminal.
 *
 * A failure (memory) is remembered and told once, at the end; the calls between may be made all the
 * same. Threads: one at a time. */
#ifndef CONVERT_OUTPUT_DOCUMENT_H
#define CONVERT_OUTPUT_DOCUMENT_H

#include "convert/engine/proof.h"
#include "convert/stores/reference.h"
#include "formats/checks/checks.h"

struct document {
    struct json *tree;
    bool failed;
};

/* {"kind":kind,"version":1 */
void document_begin(struct document *document, const char *kind);
/* Appends it to out as one line, and frees it. */
int document_end(struct document *document, struct bytes *out, struct error *err);

/* object NULL: the document itself. Texts: NULL or "" become null. */
void put_text(struct document *document, struct json *object, const char *key, const char *text);
void put_bool(struct document *document, struct json *object, const char *key, bool value);
/* null where not there */
void put_uint(struct document *document, struct json *object, const char *key, bool there,
              uint64_t value);
void put_digest(struct document *document, struct json *object, const char *key, bool there,
                const struct digest *digest);
void put_null(struct document *document, struct json *object, const char *key);
void put_place(struct document *document, struct json *object, const struct error_place *where);
/* "findings", and "findings_left_out" */
void put_findings(struct document *document, const struct findings *findings);
void put_pullability(struct document *document, const struct pullability *pullability);
void put_dropped(struct document *document, const struct proof *proof);
/* An array; texts: NULL-terminated; NULL: none. */
void put_texts(struct document *document, struct json *object, const char *key,
               const char *const *texts);
/* A copy. */
void put_json(struct document *document, struct json *object, const char *key,
              const struct json *value);
/* An object or array to be filled; belongs to the document. NULL after a failure, which all calls
 * here take. */
struct json *put_object(struct document *document, struct json *object, const char *key);
struct json *put_array(struct document *document, struct json *object, const char *key);
struct json *add_object(struct document *document, struct json *array);

struct text {
    struct bytes *out;
    struct error *err;
    int status; /* 0, or -1 and *err */
};

/* One line; control characters in it become '?'. */
void text_line(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "image%s" */
static inline const char *text_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
/* "pulled by Tart 2.0 and later" */
void text_pullability(struct text *text, const struct pullability *pullability);
/* REFERENCE[@sha256:…] into a line's beginning, with one digest also where the reference has it
 * already; to be freed, NULL where memory ends. */
char *reference_with_digest(const struct reference *reference, bool there,
                            const struct digest *digest);

#endif
