/* fuzz_json.c: whatever is read as JSON is written so that it reads as the same again, in every
 * style. */
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct json *json, enum json_style style, struct bytes *ret)
{
    struct error err = ERROR_INIT;
    bytes_init(ret, 64 * (size_t)LIMIT); /* nesting times two spaces */
    if (json_print(json, style, ret, &err) < 0)
        abort();
}

/* What style wrote reads again and, written in style `as`, gives wanted. */
static void expect(const struct json *json, enum json_style style, enum json_style as,
                   const struct bytes *wanted)
{
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes written, again;
    AUTO(json_free_auto) struct json *read = NULL;
    print(json, style, &written);
    if (json_parse(written.data, written.size, written.size, &read, &err) < 0)
        abort();
    print(read, as, &again);
    if (again.size != wanted->size || memcmp(again.data, wanted->data, again.size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    AUTO(json_free_auto) struct json *json = NULL;
    if (json_parse(data, size, LIMIT, &json, &err) < 0)
        return 0;
    AUTO(bytes_done) struct bytes plain, tart;
    print(json, JSON_PLAIN, &plain);
    print(json, JSON_TART, &tart);
    expect(json, JSON_PLAIN, JSON_PLAIN, &plain);
    expect(json, JSON_PRETTY, JSON_PLAIN, &plain);
    expect(json, JSON_TART, JSON_TART, &tart);
    AUTO(json_free_auto) struct json *copy = json_copy(json);
    if (copy == NULL)
        abort();
    expect(copy, JSON_PLAIN, JSON_PLAIN, &plain);
    return 0;
}
