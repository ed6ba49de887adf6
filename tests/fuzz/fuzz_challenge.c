/* fuzz_challenge.c: whatever is read as a header keeps to the limits, and written anew, with each
 * value quoted, reads as the same again. */
#include "convert/net/challenge.h"
#include "formats/model/auto.h"
#include "formats/model/bytes.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct bytes *out, const char *text)
{
    struct error err = ERROR_INIT;
    require(bytes_append_text(out, text, &err) == 0);
}

static void put_quoted(struct bytes *out, const char *text)
{
    struct error err = ERROR_INIT;
    put(out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            put(out, "\\");
        require(bytes_append(out, text, 1, &err) == 0);
    }
    put(out, "\"");
}

static const char *print(const struct challenges *challenges, struct bytes *out)
{
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < challenges->count; i++) {
        const struct challenge *challenge = &challenges->list[i];
        require(challenge->parameter_count <= CHALLENGE_PARAMETERS_MAX);
        put(out, i > 0 ? ", " : "");
        put(out, challenge->scheme);
        put(out, challenge->token68 != NULL ? " " : "");
        put(out, challenge->token68 != NULL ? challenge->token68 : "");
        for (size_t j = 0; j < challenge->parameter_count; j++) {
            put(out, j == 0 && challenge->token68 == NULL ? " " : ", ");
            put(out, challenge->parameters[j].name);
            put(out, "=");
            put_quoted(out, challenge->parameters[j].value);
        }
    }
    return bytes_text(out, &err);
}

static void same_text(const char *a, const char *b)
{
    require((a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0));
}

static void same(const struct challenges *a, const struct challenges *b)
{
    require(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        same_text(a->list[i].scheme, b->list[i].scheme);
        same_text(a->list[i].token68, b->list[i].token68);
        require(a->list[i].parameter_count == b->list[i].parameter_count);
        for (size_t j = 0; j < a->list[i].parameter_count; j++) {
            same_text(a->list[i].parameters[j].name, b->list[i].parameters[j].name);
            same_text(a->list[i].parameters[j].value, b->list[i].parameters[j].value);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    AUTO(challenges_done) struct challenges first = {0}, again = {0};
    AUTO(bytes_done) struct bytes out;
    AUTO_FREE char *value = malloc(size + 1);
    bytes_init(&out, 1u << 20);
    require(value != NULL);
    if (size > 0)
        memcpy(value, data, size);
    value[size] = '\0';
    int status = challenges_add(&first, value, &err);
    require(first.count <= CHALLENGES_MAX);
    if (status < 0)
        return 0;
    const char *text = print(&first, &out);
    require(text != NULL);
    /* quoting can only have made it longer than a header may be */
    if (out.size <= 16384) {
        require(challenges_add(&again, text, &err) == 0);
        same(&first, &again);
    }
    return 0;
}
