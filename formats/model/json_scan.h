/* json_scan.h: JSON's grammar, for json.c and json_print.c only. Everybody else reads json.h.
 *
 * Threads: none of this keeps state. */
#ifndef FORMATS_MODEL_JSON_SCAN_H
#define FORMATS_MODEL_JSON_SCAN_H

#include "formats/model/bytes.h"

/* What stands before a number's digits in the scanned copy. No JSON text can hold this byte: it is
 * no UTF-8. */
#define JSON_NUMBER_MARK 0xff

/* Checks the whole text strictly (json.h lists what is refused; double keys are the caller's work)
 * and appends a copy to ret in which each number has become a string: JSON_NUMBER_MARK and the
 * number's exact spelling. */
int json_scan(const uint8_t *text, size_t size, struct bytes *ret, struct error *err);

/* Length of the UTF-8 sequence that text begins with: 1 to 4, or 0 where it is none (overlong
 * forms, surrogates and values above U+10FFFF are none). size is at least 1. */
size_t json_utf8_length(const uint8_t *text, size_t size);

#endif
