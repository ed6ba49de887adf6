/* client.c: a client's life: what it was told, how its registry is reached, how long it waits. What
 * is sent is client_send.c's business. */
#include "convert/net/client_parts.h"

#include "convert/net/profile.h"
#include "convert/net/stop.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define HUB         "docker.io"
#define HUB_ADDRESS "registry-1.docker.io"

#define WAIT_MAX_MS    60000
#define WAIT_SLICE_MS  50
#define RATE_FIRST     10000000u
#define RATE_MIN       10000u
#define SMALL_SECONDS  60u
#define SECONDS_MAX    86400u
#define LEARN_SIZE_MIN (1u << 20)

/* --- life --- */

static void options_done(struct client_options *options)
{
    free((char *)options->host);
    free((char *)options->cert_dir);
    free((char *)options->credentials.option_prefix);
    free((char *)options->credentials.authfile);
    free((char *)options->credentials.helper);
    free((char *)options->credentials.given_source);
    secret_free((char **)&options->credentials.creds);
    secret_free((char **)&options->credentials.registry_token);
    for (size_t i = 0; options->realm_hosts != NULL && options->realm_hosts[i] != NULL; i++)
        free((char *)options->realm_hosts[i]);
    free((void *)options->realm_hosts);
}

static int text_copy(const char *text, const char **ret, struct error *err)
{
    *ret = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret == NULL ? error_memory(err) : 0;
}

static int hosts_copy(const char *const *hosts, const char *const **ret, struct error *err)
{
    size_t count = 0;
    while (hosts != NULL && hosts[count] != NULL)
        count++;
    const char **copy = calloc(count + 1, sizeof *copy);
    *ret = copy;
    if (copy == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        if (text_copy(hosts[i], &copy[i], err) < 0)
            return -1;
    return 0;
}

/* ret is to be done whether this fails or not. */
static int options_copy(const struct client_options *options, struct client_options *ret,
                        struct error *err)
{
    const struct credential_options *credentials = &options->credentials;
    *ret = *options;
    ret->host = ret->cert_dir = NULL;
    ret->realm_hosts = NULL;
    ret->credentials = (struct credential_options){.no_creds = credentials->no_creds,
                                                   .host_count = credentials->host_count};
    if (text_copy(options->host, &ret->host, err) < 0 ||
        text_copy(options->cert_dir, &ret->cert_dir, err) < 0 ||
        text_copy(credentials->option_prefix, &ret->credentials.option_prefix, err) < 0 ||
        text_copy(credentials->authfile, &ret->credentials.authfile, err) < 0 ||
        text_copy(credentials->helper, &ret->credentials.helper, err) < 0 ||
        text_copy(credentials->given_source, &ret->credentials.given_source, err) < 0 ||
        text_copy(credentials->creds, &ret->credentials.creds, err) < 0 ||
        text_copy(credentials->registry_token, &ret->credentials.registry_token, err) < 0 ||
        hosts_copy(options->realm_hosts, &ret->realm_hosts, err) < 0)
        return -1;
    return 0;
}

/* The first folder of certificates that is there, as skopeo looks for it. */
static int cert_dir_find(struct client_options *options, struct error *err)
{
    const char *home = getenv("HOME");
    const char *const folders[] = {home == NULL ? NULL : home, "", ""};
    static const char *const below[] = {"/.config/containers/certs.d", "/etc/containers/certs.d",
                                        "/etc/docker/certs.d"};
    for (size_t i = 0; i < 3 && options->cert_dir == NULL; i++) {
        char *path = NULL;
        struct stat is;
        if (folders[i] == NULL)
            continue;
        if (asprintf(&path, "%s%s/%s", folders[i], below[i], options->host) < 0)
            return error_memory(err);
        if (stat(path, &is) == 0 && S_ISDIR(is.st_mode))
            options->cert_dir = path;
        else
            free(path);
    }
    return 0;
}

/* Also judges the host's spelling. */
static int loopback_find(struct client *client, struct error *err)
{
    AUTO_FREE char *text = NULL;
    AUTO(url_done) struct url url = {0};
    if (asprintf(&text, "https://%s", client->address) < 0) {
        text = NULL;
        return error_memory(err);
    }
    if (url_parse(text, &url, err) < 0)
        return error_wrap(err, "host %s", client->options.host);
    client->loopback = host_is_loopback(url.host);
    return 0;
}

static int client_init(struct client *client, const struct client_options *options,
                       struct error *err)
{
    if (options_copy(options, &client->options, err) < 0 ||
        cert_dir_find(&client->options, err) < 0)
        return -1;
    client->address = strcmp(client->options.host, HUB) == 0 ? HUB_ADDRESS : client->options.host;
    client->trust =
        (struct http_trust){.verify = options->tls_verify, .cert_dir = client->options.cert_dir};
    client->rate = RATE_FIRST;
    client->profile = profile_new(options->host, options->upload_chunk, options->concurrency);
    if (client->profile == NULL)
        return error_memory(err);
    return loopback_find(client, err);
}

struct client *client_new(const struct client_options *options, struct error *err)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        error_memory(err);
        return NULL;
    }
    pthread_mutex_init(&client->lock, NULL);
    return client_init(client, options, err) < 0 ? client_free(client) : client;
}

struct client *client_free(struct client *client)
{
    if (client == NULL)
        return NULL;
    auth_free(client->auth);
    profile_free(client->profile);
    options_done(&client->options);
    free(client->base);
    pthread_mutex_destroy(&client->lock);
    free(client);
    return NULL;
}

const char *client_host(const struct client *client)
{
    return client->options.host;
}

struct profile *client_profile(struct client *client)
{
    return client->profile;
}

const struct client_options *client_settings(const struct client *client)
{
    return &client->options;
}

/* --- reaching the registry --- */

/* Whether the registry's root answers by that scheme, whatever it says. */
static int probe(struct client *client, const char *scheme, bool *ret_no_tls, struct error *err)
{
    AUTO_FREE char *url = NULL;
    AUTO(http_response_done) struct http_response answer = {0};
    if (asprintf(&url, "%s://%s/v2/", scheme, client->address) < 0) {
        url = NULL;
        return error_memory(err);
    }
    const struct http_request request = {
        .method = HTTP_GET, .url = url, .trust = client->trust, .small = true};
    int status = http_send(client->options.http, &request, &answer, err);
    *ret_no_tls = answer.no_tls;
    return status;
}

/* A loopback host may speak either. Where neither answers, it is https that is told of, and the
 * next request looks again. */
static int scheme_find(struct client *client, const char **ret, struct error *err)
{
    bool no_tls = false, ignored;
    *ret = client->options.plain_http ? "http" : "https";
    if (client->options.plain_http || !client->loopback ||
        probe(client, "https", &no_tls, err) == 0)
        return 0;
    struct error plain = ERROR_INIT;
    if (!no_tls && (err->class != ERROR_UNREACHABLE || probe(client, "http", &ignored, &plain) < 0))
        return -1;
    *ret = "http";
    return 0;
}

static int reach(struct client *client, struct error *err)
{
    const struct client_options *options = &client->options;
    const char *scheme;
    AUTO_FREE char *base = NULL;
    if (scheme_find(client, &scheme, err) < 0)
        return -1;
    if (asprintf(&base, "%s://%s", scheme, client->address) < 0) {
        base = NULL;
        return error_memory(err);
    }
    const struct auth_options auth = {.http = options->http,
                                      .host = options->host,
                                      .url = base,
                                      .trust = client->trust,
                                      .credentials = options->credentials,
                                      .realm_hosts = options->realm_hosts,
                                      .stop = options->stop,
                                      .warn = options->warn,
                                      .context = options->context};
    client->auth = auth_new(&auth, err);
    if (client->auth == NULL)
        return -1;
    client->base = take_ptr(&base);
    return 0;
}

int client_reach(struct client *client, const char **ret_base, struct auth **ret_auth,
                 struct error *err)
{
    pthread_mutex_lock(&client->lock);
    int status = client->base == NULL ? reach(client, err) : 0;
    *ret_base = client->base;
    *ret_auth = client->auth;
    pthread_mutex_unlock(&client->lock);
    return status;
}

/* --- time --- */

unsigned client_estimate(struct client *client, uint64_t size)
{
    pthread_mutex_lock(&client->lock);
    uint64_t seconds = size / client->rate;
    pthread_mutex_unlock(&client->lock);
    if (seconds < SMALL_SECONDS)
        return SMALL_SECONDS;
    return seconds < SECONDS_MAX ? (unsigned)seconds : SECONDS_MAX;
}

/* Slower is believed at once, faster by and by: a token that is too old costs a whole upload. */
void client_learn(struct client *client, uint64_t size, uint64_t ms)
{
    if (size < LEARN_SIZE_MIN || size > UINT64_MAX / 1000)
        return;
    uint64_t rate = size * 1000 / (ms + 1);
    pthread_mutex_lock(&client->lock);
    rate = rate < client->rate ? rate : client->rate + (rate - client->rate) / 8;
    client->rate = rate < RATE_MIN ? RATE_MIN : rate;
    pthread_mutex_unlock(&client->lock);
}

static uint64_t wait_time(const struct client *client, unsigned attempt, unsigned retry_after)
{
    if (retry_after > 0)
        return (uint64_t)retry_after * 1000;
    uint64_t ms = client->options.retry_delay_ms;
    for (unsigned i = 0; i < attempt && ms < WAIT_MAX_MS; i++)
        ms *= 2;
    if (ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = (uint32_t)time(NULL) * 2654435761u;
    return ms - random % (ms / 2 + 1);
}

static void tell_wait(const struct client *client, uint64_t ms, unsigned attempt,
                      const struct error *err)
{
    const struct client_options *options = &client->options;
    AUTO_FREE char *text = NULL;
    if (options->detail == NULL)
        return;
    if (asprintf(&text, "%s; trying again in %llu.%llu s (%u of %u)",
                 err->text[0] == '\0' ? options->host : err->text, (unsigned long long)ms / 1000,
                 (unsigned long long)ms % 1000 / 100, attempt + 1, options->retry_times) < 0)
        text = NULL;
    else
        options->detail(options->context, text);
}

int client_wait(struct client *client, unsigned attempt, unsigned retry_after, struct error *err)
{
    const struct client_options *options = &client->options;
    if (attempt >= options->retry_times)
        return -1;
    uint64_t left = wait_time(client, attempt, retry_after);
    tell_wait(client, left, attempt, err);
    for (;;) {
        if (stop_is_set(options->stop))
            return error_set(err, ERROR_INTERRUPTED, "stopped by a signal");
        if (left == 0)
            return 0;
        uint64_t slice = left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS;
        const struct timespec time = {.tv_nsec = (long)slice * 1000000};
        nanosleep(&time, NULL);
        left -= slice;
    }
}

bool client_may_retry(const struct error *err)
{
    return err->class == ERROR_UNREACHABLE || err->class == ERROR_RATE_LIMIT;
}
