/* sides.c: joins what is said of each registry. Knows no file. */
#include "convert/fleet/sides.h"

#include "convert/net/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE "the batch file"

static struct side *find(const struct sides *sides, const char *host)
{
    for (size_t i = 0; i < sides->count; i++)
        if (batch_host_same(sides->items[i].host, host))
            return &sides->items[i];
    return NULL;
}

static struct side *find_or_add(struct sides *sides, const char *host)
{
    struct side *side = find(sides, host);
    if (side != NULL)
        return side;
    side = &sides->items[sides->count++];
    *side = (struct side){.host = host, .side = *sides->other};
    return side;
}

static void settings_take(struct sides *sides, const struct side_host *host)
{
    struct network_side *side = &find_or_add(sides, host->host)->side;
    const struct network_side *said = &host->side;
    if (side->cert_dir == NULL)
        side->cert_dir = said->cert_dir;
    if (said->realm_hosts != NULL)
        side->realm_hosts = said->realm_hosts;
    side->no_tls_verify |= said->no_tls_verify;
    side->plain_http |= said->plain_http;
    side->upload_chunk = said->upload_chunk;
    side->concurrency = said->concurrency;
}

static int batch_take(struct sides *sides, const struct batch_host *host, struct error *err)
{
    struct side *item = find_or_add(sides, host->host);
    struct network_side *side = &item->side;
    if (host->user != NULL && asprintf(&item->creds, "%s:%s", host->user, host->password) < 0) {
        item->creds = NULL;
        return error_memory(err);
    }
    side->creds = item->creds;
    side->given_source = item->creds != NULL ? SOURCE : NULL;
    side->authfile = host->authfile;
    side->helper = host->helper;
    if (host->cert_dir != NULL)
        side->cert_dir = host->cert_dir;
    if (host->tls_verify_said)
        side->no_tls_verify = host->no_tls_verify || sides->other->no_tls_verify;
    if (host->plain_http_said)
        side->plain_http = host->plain_http || sides->other->plain_http;
    if (host->upload_chunk != 0)
        side->upload_chunk = host->upload_chunk;
    if (host->concurrency != 0)
        side->concurrency = host->concurrency;
    return 0;
}

int sides_make(const struct batch_file *batch, const struct side_host *settings, size_t count,
               const struct network_side *other, struct sides *ret, struct error *err)
{
    *ret = (struct sides){.other = other};
    ret->items = calloc(batch->host_count + count + 1, sizeof *ret->items);
    if (ret->items == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        settings_take(ret, &settings[i]);
    for (size_t i = 0; i < batch->host_count; i++)
        if (batch_take(ret, &batch->hosts[i], err) < 0) {
            sides_done(ret);
            return -1;
        }
    return 0;
}

void sides_done(struct sides *sides)
{
    for (size_t i = 0; i < sides->count; i++)
        secret_free(&sides->items[i].creds);
    free(sides->items);
    *sides = (struct sides){.items = NULL};
}

const struct network_side *sides_find(const struct sides *sides, const char *host)
{
    const struct side *side = find(sides, host);
    return side != NULL ? &side->side : sides->other;
}
