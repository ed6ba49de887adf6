/* token.h: one bearer token asked for at a realm: by GET (distribution's token authentication), or
 * by OAuth2 POST.
 *
 * Owner: token_done. Threads: no state. */
#ifndef CONVERT_NET_TOKEN_H
#define CONVERT_NET_TOKEN_H

#include "convert/net/credentials.h"
#include "convert/net/http.h"

struct token_request {
    struct http *http;
    const char *realm;
    struct http_trust trust;
    const char *service;                 /* NULL: none */
    const char *scope;                   /* several are parted by spaces; "": none */
    const struct credential *credential; /* may be none */
};

struct token {
    char *value;      /* secret */
    uint64_t seconds; /* that it lives from now */
};
#define TOKEN_SECONDS 60 /* where the realm does not tell */

/* *ret_refused: it was the credentials, or their lack, that the realm did not take:
 * ERROR_CREDENTIALS. ERROR_UNREACHABLE, ERROR_RATE_LIMIT: later it may do; ERROR_REGISTRY. */
int token_fetch(const struct token_request *request, struct token *ret, bool *ret_refused,
                struct error *err);
void token_done(struct token *token);

/* The seconds since 1970 that an RFC 3339 date means; false: it is none. */
bool token_date(const char *text, int64_t *ret);

#endif
