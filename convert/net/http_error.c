/* http_error.c: what the end of a transfer means: libcurl's codes in the classes of http.h. */
#include "convert/net/http_curl.h"

#include "formats/model/auto.h"

#include <string.h>

#define CERTIFICATE_HELP "--cert-dir names a folder with its CA, --tls-verify=false does without"

/* A registry that refuses an upload need not take it: what it said before the connection broke is
 * its answer. A success is not believed so. */
static bool answered_early(const struct line *line)
{
    return line->status >= 300 && line->request->body != NULL &&
           (line->result == CURLE_SEND_ERROR || line->result == CURLE_RECV_ERROR ||
            line->result == CURLE_PARTIAL_FILE);
}

/* A handshake that broke off says nothing of the host, but on a loopback, where nothing is between
 * it and us. */
static int judge_handshake(struct line *line, const char *why, bool *ret_no_tls, struct error *err)
{
    AUTO(url_done) struct url url = {0};
    struct error ignored = ERROR_INIT;
    bool broken = strstr(why, "SYSCALL") != NULL || strstr(why, "reset by peer") != NULL ||
                  strstr(why, "unexpected eof") != NULL;
    bool near = url_parse(line->url, &url, &ignored) == 0 && host_is_loopback(url.host);
    if (broken && !near)
        return error_set(err, ERROR_UNREACHABLE, "%s", why);
    if (strstr(why, "alert") != NULL)
        return error_set(err, ERROR_TLS, "the host refuses TLS as we speak it: %s", why);
    *ret_no_tls = true;
    return error_set(err, ERROR_TLS,
                     "the host does not speak TLS (%s); --plain-http speaks to it without", why);
}

static int judge_code(struct line *line, const char *why, bool *ret_no_tls, struct error *err)
{
    switch (line->result) {
    case CURLE_OUT_OF_MEMORY:
        return error_memory(err);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return error_set(err, ERROR_TLS, "%s; " CERTIFICATE_HELP, why);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return error_set(err, ERROR_SETTINGS, "a certificate of --cert-dir cannot be used: %s",
                         why);
    case CURLE_SSL_CONNECT_ERROR:
        return judge_handshake(line, why, ret_no_tls, err);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_CONTENT_ENCODING:
        return error_set(err, ERROR_REGISTRY, "this is not HTTP: %s", why);
    case CURLE_RECV_ERROR:
        if (strstr(why, "alert") != NULL && strstr(why, "certificate") != NULL)
            return error_set(err, ERROR_TLS,
                             "the host wants another certificate of us (--cert-dir): %s", why);
        if (strstr(why, "hunk") != NULL)
            return error_set(err, ERROR_REGISTRY, "this is not HTTP: %s", why);
        break;
    default:
        break;
    }
    return error_set(err, ERROR_UNREACHABLE, "%s", why);
}

static int wrap(const struct line *line, struct error *err)
{
    AUTO_FREE char *shown = url_show(line->url);
    return error_wrap(err, "%s %s", http_method_name(line->request->method),
                      shown == NULL ? "" : shown);
}

int line_judge(struct line *line, bool *ret_no_tls, struct error *err)
{
    *ret_no_tls = false;
    if (line->failed) {
        *err = line->error;
        return wrap(line, err);
    }
    if ((line->result == CURLE_OK || line->cut || answered_early(line)) && line->status >= 200)
        return 0;
    if (line->result == CURLE_OK && line->in_head) {
        error_set(err, ERROR_UNREACHABLE, "the answer ended in the middle of its headers");
    } else if (line->result == CURLE_OK) {
        error_set(err, ERROR_REGISTRY, "this is not HTTP: the answer has no status");
    } else {
        line->why[strcspn(line->why, "\r\n")] = '\0';
        judge_code(line, line->why[0] == '\0' ? curl_easy_strerror(line->result) : line->why,
                   ret_no_tls, err);
    }
    return wrap(line, err);
}
