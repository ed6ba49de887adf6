/* token.c: asks a realm for a token and reads its answer. Must not judge whether it may be asked,
 * and keeps nothing. */
#include "convert/net/token.h"

#include "convert/net/base64.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLIENT_ID     "tartconv"
#define TOKEN_MAX     (64u << 10)
#define FORM_MAX      (256u << 10)
#define SECONDS_MAX   (UINT64_C(10) * 366 * 24 * 3600)
#define DATE_MIN_SIZE 20 /* 2006-01-02T15:04:05Z */

void token_done(struct token *token)
{
    secret_free(&token->value);
    *token = (struct token){0};
}

/* --- asking --------------------------------------------------------------------------------------
 */

static int add_query(char **url, const char *name, const char *value, struct error *err)
{
    char *longer = url_add_query(*url, name, value);
    if (longer == NULL)
        return error_memory(err);
    secret_free(url);
    *url = longer;
    return 0;
}

static int make_url(const struct token_request *request, char **ret, struct error *err)
{
    const char *scope = request->scope;
    const char *user = request->credential->user;
    *ret = strdup(request->realm);
    if (*ret == NULL)
        return error_memory(err);
    if ((request->service != NULL && add_query(ret, "service", request->service, err) < 0) ||
        (user != NULL && add_query(ret, "account", user, err) < 0))
        return -1;
    for (scope += strspn(scope, " "); *scope != '\0'; scope += strspn(scope, " ")) {
        size_t size = strcspn(scope, " ");
        AUTO_FREE char *item = strndup(scope, size);
        if (item == NULL)
            return error_memory(err);
        if (add_query(ret, "scope", item, err) < 0)
            return -1;
        scope += size;
    }
    return 0;
}

static int send_get(const struct token_request *request, struct http_response *ret,
                    struct error *err)
{
    AUTO_SECRET char *url = NULL;
    AUTO_SECRET char *header = NULL;
    if (make_url(request, &url, err) < 0 || credential_basic(request->credential, &header, err) < 0)
        return -1;
    const struct http_request get = {.method = HTTP_GET,
                                     .url = url,
                                     .trust = request->trust,
                                     .small = true,
                                     .authorization = header};
    return http_send(request->http, &get, ret, err);
}

static int add_field(struct bytes *form, const char *name, const char *value, struct error *err)
{
    AUTO_SECRET char *escaped = NULL;
    if (value == NULL)
        return 0;
    escaped = url_escape(value);
    if (escaped == NULL)
        return error_memory(err);
    if (form->size > 0 && bytes_append_text(form, "&", err) < 0)
        return -1;
    return bytes_append_text(form, name, err) < 0 || bytes_append_text(form, "=", err) < 0
               ? -1
               : bytes_append_text(form, escaped, err);
}

static int make_form(const struct token_request *request, struct bytes *ret, struct error *err)
{
    const struct credential *credential = request->credential;
    bool refresh = credential->identity_token != NULL;
    if (add_field(ret, "grant_type", refresh ? "refresh_token" : "password", err) < 0 ||
        add_field(ret, "service", request->service, err) < 0 ||
        add_field(ret, "client_id", CLIENT_ID, err) < 0 ||
        add_field(ret, "scope", *request->scope == '\0' ? NULL : request->scope, err) < 0)
        return -1;
    if (refresh)
        return add_field(ret, "refresh_token", credential->identity_token, err);
    return add_field(ret, "username", credential->user, err) < 0
               ? -1
               : add_field(ret, "password", credential->password, err);
}

static int read_form(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    const struct bytes *form = context;
    if (offset > form->size || size > form->size - offset)
        return error_set(err, ERROR_INTERNAL, "more of a form was asked for than there is");
    memcpy(data, form->data + offset, size);
    return 0;
}

static int send_post(const struct token_request *request, struct http_response *ret,
                     struct error *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    AUTO(secret_bytes_done) struct bytes form;
    if (secret_bytes_init(&form, FORM_MAX, FORM_MAX, err) < 0)
        return -1;
    if (make_form(request, &form, err) < 0)
        return -1;
    const struct http_body body = {.size = form.size, .read = read_form, .context = &form};
    const struct http_request post = {.method = HTTP_POST,
                                      .url = request->realm,
                                      .trust = request->trust,
                                      .small = true,
                                      .headers = headers,
                                      .body = &body};
    return http_send(request->http, &post, ret, err);
}

/* --- what was answered ---------------------------------------------------------------------------
 */

static void response_wipe(struct http_response *response)
{
    if (response->body.data != NULL)
        explicit_bzero(response->body.data, response->body.capacity);
    http_response_done(response);
}

/* What the realm says of it is not shown: it could be what it was sent. */
static int refuse(const struct token_request *request, int status, bool *ret_refused,
                  struct error *err)
{
    const struct credential *credential = request->credential;
    AUTO_FREE char *place = url_show(request->realm);
    if (place == NULL)
        return error_memory(err);
    if (status == 429)
        return error_set(err, ERROR_RATE_LIMIT, "%s answered 429: too many requests", place);
    if (status == 408 || status >= 500)
        return error_set(err, ERROR_UNREACHABLE, "%s answered %d", place, status);
    *ret_refused = status == 400 || status == 401 || status == 403;
    if (!*ret_refused)
        return error_set(err, ERROR_REGISTRY, "%s answered %d instead of a token", place, status);
    if (credential_is_none(credential))
        return error_set(err, ERROR_CREDENTIALS, "%s gives no token without credentials (%d)",
                         place, status);
    return error_set(err, ERROR_CREDENTIALS, "%s refused the credentials of %s (%d)", place,
                     credential->source, status);
}

static bool two_digits(const char *text, int low, int high, int *ret)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *ret = (text[0] - '0') * 10 + (text[1] - '0');
    return *ret >= low && *ret <= high;
}

/* Behind the seconds: a fraction, which does not count, then Z or an offset. */
static bool read_zone(const char *text, int *ret_minutes)
{
    int hours, minutes;
    if (*text == '.')
        text += 1 + strspn(text + 1, "0123456789");
    *ret_minutes = 0;
    if ((*text == 'Z' || *text == 'z') && text[1] == '\0')
        return true;
    if ((*text != '+' && *text != '-') || !two_digits(text + 1, 0, 23, &hours) || text[3] != ':' ||
        !two_digits(text + 4, 0, 59, &minutes) || text[6] != '\0')
        return false;
    *ret_minutes = (hours * 60 + minutes) * (*text == '-' ? -1 : 1);
    return true;
}

bool token_date(const char *text, int64_t *ret)
{
    struct tm date = {0};
    int century, year, offset;
    if (strlen(text) < DATE_MIN_SIZE || text[4] != '-' || text[7] != '-' ||
        strchr("Tt ", text[10]) == NULL || text[13] != ':' || text[16] != ':' ||
        !two_digits(text, 0, 99, &century) || !two_digits(text + 2, 0, 99, &year) ||
        !two_digits(text + 5, 1, 12, &date.tm_mon) || !two_digits(text + 8, 1, 31, &date.tm_mday) ||
        !two_digits(text + 11, 0, 23, &date.tm_hour) ||
        !two_digits(text + 14, 0, 59, &date.tm_min) ||
        !two_digits(text + 17, 0, 60, &date.tm_sec) || !read_zone(text + 19, &offset))
        return false;
    date.tm_year = century * 100 + year - 1900;
    date.tm_mon--;
    *ret = (int64_t)timegm(&date) - offset * INT64_C(60);
    return true;
}

/* expires_in counts from issued_at. A date that lies in the future, or so far back that the token
 * would be of no use, tells that the clocks differ: then it counts from now. */
static uint64_t seconds_left(const struct json *json)
{
    uint64_t life = 0;
    int64_t issued;
    const struct json *member = json_get(json, "expires_in");
    const char *text = json_string(member), *date = json_string(json_get(json, "issued_at"));
    if (!json_uint(member, &life) && (text == NULL || !parse_size(text, &life)))
        life = 0;
    if (life == 0)
        life = TOKEN_SECONDS;
    if (life > SECONDS_MAX)
        life = SECONDS_MAX;
    if (date == NULL || !token_date(date, &issued))
        return life;
    int64_t age = (int64_t)time(NULL) - issued;
    return age > 0 && (uint64_t)age < life ? life - (uint64_t)age : life;
}

/* It goes into a header as it is. */
static bool is_sendable(const char *token)
{
    size_t size = strlen(token);
    if (size == 0 || size > TOKEN_MAX)
        return false;
    for (; *token != '\0'; token++)
        if (*token <= ' ' || *token >= 0x7f)
            return false;
    return true;
}

static int read_answer(const struct token_request *request, const struct http_response *answer,
                       struct token *ret, struct error *err)
{
    AUTO(secret_json_free) struct json *json = NULL;
    AUTO_FREE char *place = url_show(request->realm);
    struct error reason;
    if (place == NULL)
        return error_memory(err);
    if (json_parse(answer->body.data, answer->body.size, HTTP_BODY_MAX, &json, &reason) < 0)
        return error_set(err, ERROR_REGISTRY, "%s gave something that is no token", place);
    const char *token = json_string(json_get(json, "token"));
    if (token == NULL || *token == '\0')
        token = json_string(json_get(json, "access_token"));
    if (token == NULL || !is_sendable(token))
        return error_set(err, ERROR_REGISTRY, "%s gave %s", place,
                         token == NULL ? "no token" : "a token that cannot be sent");
    *ret = (struct token){.value = strdup(token), .seconds = seconds_left(json)};
    return ret->value == NULL ? error_memory(err) : 0;
}

int token_fetch(const struct token_request *request, struct token *ret, bool *ret_refused,
                struct error *err)
{
    AUTO(response_wipe) struct http_response answer = {0};
    const struct credential *credential = request->credential;
    bool post = credential->identity_token != NULL;
    *ret = (struct token){0};
    *ret_refused = false;
    if ((post ? send_post : send_get)(request, &answer, err) < 0)
        return -1;
    bool no_get = answer.status == 404 || answer.status == 405 || answer.status == 501;
    if (!post && credential->user != NULL && no_get) {
        response_wipe(&answer);
        answer = (struct http_response){0};
        if (send_post(request, &answer, err) < 0)
            return -1;
    }
    if (answer.status != 200)
        return refuse(request, answer.status, ret_refused, err);
    return read_answer(request, &answer, ret, err);
}
