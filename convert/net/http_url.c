/* http_url.c: URLs as http.h promises them. libcurl's own parser reads them, so that what was
 * judged here and what is connected to later are the same host. */
#include "convert/net/http_curl.h"

#include "formats/model/auto.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

static void handle_done(CURLU **handle)
{
    curl_url_cleanup(*handle);
}
static void part_done(char **part)
{
    curl_free(*part);
}
#define AUTO_URL  AUTO(handle_done)
#define AUTO_PART AUTO(part_done)

void url_done(struct url *url)
{
    free(url->scheme);
    free(url->host);
    *url = (struct url){0};
}

static char *lower_copy(const char *text)
{
    char *ret = strdup(text);
    for (char *c = ret; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return ret;
}

static int set_url(CURLU *handle, const char *text, unsigned flags, struct error *err)
{
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, flags | CURLU_DISALLOW_USER);
    if (code == CURLUE_OK)
        return 0;
    if (code == CURLUE_OUT_OF_MEMORY)
        return error_memory(err);
    AUTO_FREE char *shown = url_show(text);
    if (code == CURLUE_USER_NOT_ALLOWED)
        return error_set(err, ERROR_REGISTRY, "%s: a user in a URL is refused",
                         shown == NULL ? "URL" : shown);
    return error_set(err, ERROR_REGISTRY, "%s: this URL cannot be used: %s",
                     shown == NULL ? "URL" : shown, curl_url_strerror(code));
}

/* The parts of a URL that is set; http and https only. */
static int get_origin(CURLU *handle, struct url *ret, struct error *err)
{
    AUTO_PART char *scheme = NULL, *host = NULL, *port = NULL;
    uint64_t number;
    if (curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return error_set(err, ERROR_REGISTRY, "a URL without scheme cannot be used");
    if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
        return error_set(err, ERROR_REGISTRY, "a URL of scheme %s is refused: http or https only",
                         scheme);
    if (curl_url_get(handle, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0')
        return error_set(err, ERROR_REGISTRY, "a URL without host cannot be used");
    if (curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        !parse_size(port, &number) || number == 0 || number > UINT16_MAX)
        return error_set(err, ERROR_REGISTRY, "a URL's port cannot be used");
    *ret = (struct url){lower_copy(scheme), lower_copy(host), (unsigned)number};
    if (ret->scheme != NULL && ret->host != NULL)
        return 0;
    url_done(ret);
    return error_memory(err);
}

int url_parse(const char *text, struct url *ret, struct error *err)
{
    AUTO_URL CURLU *handle = curl_url();
    *ret = (struct url){0};
    if (handle == NULL)
        return error_memory(err);
    if (set_url(handle, text, 0, err) < 0)
        return -1;
    return get_origin(handle, ret, err);
}

char *url_resolve(const char *base, const char *reference, struct error *err)
{
    AUTO_URL CURLU *handle = curl_url();
    AUTO(url_done) struct url origin = {0};
    AUTO_PART char *whole = NULL;
    if (handle == NULL) {
        error_memory(err);
        return NULL;
    }
    /* an empty Location would mean the base itself: no registry means that */
    if (reference[0] == '\0') {
        error_set(err, ERROR_REGISTRY, "an empty Location cannot be followed");
        return NULL;
    }
    if (set_url(handle, base, 0, err) < 0 || set_url(handle, reference, CURLU_URLENCODE, err) < 0 ||
        get_origin(handle, &origin, err) < 0)
        return NULL;
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    char *ret = NULL;
    if (curl_url_get(handle, CURLUPART_URL, &whole, 0) != CURLUE_OK ||
        (ret = strdup(whole)) == NULL)
        error_memory(err);
    return ret;
}

char *url_redirect(const char *base, const char *location, struct error *err)
{
    AUTO(url_done) struct url from = {0}, to = {0};
    AUTO_FREE char *ret = url_resolve(base, location, err);
    if (ret == NULL || url_parse(base, &from, err) < 0 || url_parse(ret, &to, err) < 0)
        return NULL;
    if (strcmp(from.scheme, "https") == 0 && strcmp(to.scheme, "https") != 0) {
        error_set(err, ERROR_REGISTRY, "%s leads from https to plain http at %s: refused",
                  from.host, to.host);
        return NULL;
    }
    return take_ptr(&ret);
}

char *url_escape(const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *ret = malloc(strlen(text) * 3 + 1), *out = ret;
    for (; ret != NULL && *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    if (ret != NULL)
        *out = '\0';
    return ret;
}

char *url_add_query(const char *url, const char *name, const char *value)
{
    AUTO_FREE char *escaped_name = url_escape(name);
    AUTO_FREE char *escaped = url_escape(value);
    size_t length = strcspn(url, "#");
    const char *query = memchr(url, '?', length);
    const char *separator = "?";
    if (query != NULL)
        separator = url[length - 1] == '?' || url[length - 1] == '&' ? "" : "&";
    char *ret = NULL;
    if (escaped_name == NULL || escaped == NULL ||
        asprintf(&ret, "%.*s%s%s=%s%s", (int)length, url, separator, escaped_name, escaped,
                 url + length) < 0)
        return NULL;
    return ret;
}

char *url_show(const char *url)
{
    AUTO_URL CURLU *handle = curl_url();
    AUTO_PART char *whole = NULL;
    if (handle == NULL)
        return NULL;
    if (curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_ALLOW_SPACE) !=
        CURLUE_OK)
        return strdup("(not a URL)");
    static const CURLUPart hidden[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                       CURLUPART_QUERY, CURLUPART_FRAGMENT};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (curl_url_set(handle, hidden[i], NULL, 0) != CURLUE_OK)
            return strdup("(not a URL)");
    if (curl_url_get(handle, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        return strdup("(not a URL)");
    return strdup(whole);
}

bool url_same_origin(const char *a, const char *b)
{
    AUTO(url_done) struct url one = {0}, other = {0};
    struct error err = ERROR_INIT;
    return url_parse(a, &one, &err) == 0 && url_parse(b, &other, &err) == 0 &&
           strcmp(one.scheme, other.scheme) == 0 && strcmp(one.host, other.host) == 0 &&
           one.port == other.port;
}

bool host_is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    char address[INET6_ADDRSTRLEN] = "";
    size_t length = strlen(host);
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (length < 2 || host[0] != '[' || host[length - 1] != ']' || length - 2 >= sizeof address)
        return false;
    memcpy(address, host + 1, length - 2);
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}
