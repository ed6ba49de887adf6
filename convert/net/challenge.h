/* challenge.h: WWW-Authenticate (RFC 9110, 11.6.1), read whole: several challenges in one header or
 * in several, token68, quoted strings with escapes, any spacing and case.
 *
 * Owner: challenges_done. Threads: plain value. */
#ifndef CONVERT_NET_CHALLENGE_H
#define CONVERT_NET_CHALLENGE_H

#include "formats/model/error.h"

#include <stddef.h>

#define CHALLENGES_MAX           8
#define CHALLENGE_PARAMETERS_MAX 16

struct challenge {
    char *scheme;  /* lower case */
    char *token68; /* NULL: none */
    struct {
        char *name, *value; /* name in lower case */
    } parameters[CHALLENGE_PARAMETERS_MAX];
    size_t parameter_count;
};

struct challenges {
    struct challenge list[CHALLENGES_MAX];
    size_t count;
};

/* Adds what one header's value holds. ERROR_REGISTRY where it cannot be read, with the place. */
int challenges_add(struct challenges *challenges, const char *value, struct error *err);
void challenges_done(struct challenges *challenges);
/* NULL: none of that scheme ("basic", "bearer"). */
const struct challenge *challenge_find(const struct challenges *challenges, const char *scheme);
const char *challenge_parameter(const struct challenge *challenge,
                                const char *name); /* NULL: none */

#endif
