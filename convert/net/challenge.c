/* challenge.c: the grammar of WWW-Authenticate, and what registries write in its place: parameters
 * parted by spaces alone, values without quotes. Must not know what any scheme means. */
#include "convert/net/challenge.h"

#include "formats/model/auto.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX 16384 /* of one header */

struct reader {
    const char *text; /* the whole value */
    const char *at;
};

static int refuse(const struct reader *reader, struct error *err, const char *what)
{
    return error_set(err, ERROR_REGISTRY,
                     "the header WWW-Authenticate cannot be read at byte %zu: %s",
                     (size_t)(reader->at - reader->text), what);
}

/* --- characters ----------------------------------------------------------------------------------
 */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token(char c)
{
    return c != '\0' && (isalnum((unsigned char)c) || strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token68(char c)
{
    return c != '\0' && (isalnum((unsigned char)c) || strchr("-._~+/", c) != NULL);
}

/* What a value without quotes may hold: more than a token, since realms come that way, too. */
static bool is_bare(char c)
{
    return c > ' ' && c < 0x7f && c != ',' && c != '"';
}

static const char *past(const char *at, bool (*belongs)(char c))
{
    while (belongs(*at))
        at++;
    return at;
}

static char *copy_lower(const char *start, size_t size)
{
    char *copy = strndup(start, size);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

/* --- reading -------------------------------------------------------------------------------------
 */

/* Behind the opening quote. */
static int read_quoted(struct reader *reader, char **ret, struct error *err)
{
    AUTO_FREE char *value = malloc(strlen(reader->at) + 1);
    size_t size = 0;
    if (value == NULL)
        return error_memory(err);
    for (;; reader->at++) {
        char c = *reader->at;
        if (c == '"')
            break;
        if (c == '\\')
            c = *++reader->at;
        if (c == '\0')
            return refuse(reader, err, "a quoted text has no end");
        if ((c > 0 && c < ' ' && c != '\t') || c == 0x7f)
            return refuse(reader, err, "a control character");
        value[size++] = c;
    }
    reader->at++;
    value[size] = '\0';
    *ret = take_ptr(&value);
    return 0;
}

static int read_value(struct reader *reader, char **ret, struct error *err)
{
    if (*reader->at == '"') {
        reader->at++;
        return read_quoted(reader, ret, err);
    }
    const char *end = past(reader->at, is_bare);
    *ret = strndup(reader->at, (size_t)(end - reader->at));
    reader->at = end;
    return *ret == NULL ? error_memory(err) : 0;
}

/* Whether what begins here is NAME BWS "=". */
static bool at_parameter(const char *at)
{
    const char *end = past(at, is_token);
    return end > at && *past(end, is_space) == '=';
}

static int read_parameter(struct reader *reader, struct challenge *challenge, struct error *err)
{
    if (challenge->parameter_count == CHALLENGE_PARAMETERS_MAX)
        return refuse(reader, err, "too many parameters");
    const char *end = past(reader->at, is_token);
    AUTO_FREE char *name = copy_lower(reader->at, (size_t)(end - reader->at));
    AUTO_FREE char *value = NULL;
    if (name == NULL)
        return error_memory(err);
    reader->at = past(past(end, is_space) + 1, is_space);
    if (read_value(reader, &value, err) < 0)
        return -1;
    /* The grammar wants each name once; of several the first one counts. */
    if (challenge_parameter(challenge, name) != NULL)
        return 0;
    challenge->parameters[challenge->parameter_count].name = take_ptr(&name);
    challenge->parameters[challenge->parameter_count++].value = take_ptr(&value);
    return 0;
}

/* token68 stands alone: its "=" are followed by the challenge's end. */
static const char *token68_end(const char *at)
{
    const char *end = past(at, is_token68);
    if (end == at)
        return NULL;
    while (*end == '=')
        end++;
    const char *behind = past(end, is_space);
    return *behind == '\0' || *behind == ',' ? end : NULL;
}

static int read_scheme(struct reader *reader, struct challenges *challenges, struct error *err)
{
    const char *end = past(reader->at, is_token);
    if (end == reader->at)
        return refuse(reader, err, "neither a scheme nor a parameter");
    if (*end != '\0' && *end != ',' && !is_space(*end))
        return refuse(reader, err, "a character that is in no scheme's name");
    if (challenges->count == CHALLENGES_MAX)
        return refuse(reader, err, "too many challenges");
    struct challenge *challenge = &challenges->list[challenges->count];
    *challenge = (struct challenge){.scheme = copy_lower(reader->at, (size_t)(end - reader->at))};
    if (challenge->scheme == NULL)
        return error_memory(err);
    challenges->count++;
    reader->at = past(end, is_space);
    end = token68_end(reader->at);
    if (end == NULL)
        return 0;
    challenge->token68 = strndup(reader->at, (size_t)(end - reader->at));
    if (challenge->token68 == NULL)
        return error_memory(err);
    reader->at = end;
    return 0;
}

int challenges_add(struct challenges *challenges, const char *value, struct error *err)
{
    struct reader reader = {.text = value, .at = value};
    struct challenge *current = NULL; /* a parameter belongs to a scheme of its own header */
    bool parted = true;
    if (strlen(value) > VALUE_MAX)
        return error_set(err, ERROR_REGISTRY, "the header WWW-Authenticate has %zu bytes, limit %d",
                         strlen(value), VALUE_MAX);
    for (;;) {
        while (is_space(*reader.at) || *reader.at == ',') {
            parted = true;
            reader.at++;
        }
        if (*reader.at == '\0')
            return 0;
        if (!parted)
            return refuse(&reader, err, "neither a space nor a comma behind a value");
        if (!at_parameter(reader.at)) {
            if (read_scheme(&reader, challenges, err) < 0)
                return -1;
            current = &challenges->list[challenges->count - 1];
            parted = current->token68 == NULL; /* the spaces behind a scheme are read */
        } else if (current == NULL) {
            return refuse(&reader, err, "a parameter without a scheme");
        } else {
            if (read_parameter(&reader, current, err) < 0)
                return -1;
            parted = false;
        }
    }
}

/* --- looking -------------------------------------------------------------------------------------
 */

void challenges_done(struct challenges *challenges)
{
    for (size_t i = 0; i < challenges->count; i++) {
        struct challenge *challenge = &challenges->list[i];
        free(challenge->scheme);
        free(challenge->token68);
        for (size_t j = 0; j < challenge->parameter_count; j++) {
            free(challenge->parameters[j].name);
            free(challenge->parameters[j].value);
        }
    }
    *challenges = (struct challenges){0};
}

const struct challenge *challenge_find(const struct challenges *challenges, const char *scheme)
{
    for (size_t i = 0; i < challenges->count; i++)
        if (strcasecmp(challenges->list[i].scheme, scheme) == 0)
            return &challenges->list[i];
    return NULL;
}

const char *challenge_parameter(const struct challenge *challenge, const char *name)
{
    for (size_t i = 0; i < challenge->parameter_count; i++)
        if (strcasecmp(challenge->parameters[i].name, name) == 0)
            return challenge->parameters[i].value;
    return NULL;
}
