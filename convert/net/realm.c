/* realm.c: the rules for realms and scopes that registries name. Must not send anything. */
#include "convert/net/realm.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCOPE_MAX 4096

/* --- realms --------------------------------------------------------------------------------------
 */

static const struct {
    const char *registry, *realm;
} known_realms[] = {
    {"docker.io", "auth.docker.io"},
    {"index.docker.io", "auth.docker.io"},
    {"registry-1.docker.io", "auth.docker.io"},
    {"registry.gitlab.com", "gitlab.com"},
};

static bool is_known(const char *registry, const char *realm)
{
    for (size_t i = 0; i < sizeof known_realms / sizeof known_realms[0]; i++)
        if (strcmp(known_realms[i].registry, registry) == 0 &&
            strcmp(known_realms[i].realm, realm) == 0)
            return true;
    return false;
}

static bool is_own(const struct url *registry, const struct url *realm)
{
    return strcmp(registry->host, realm->host) == 0 ||
           (host_is_loopback(registry->host) && host_is_loopback(realm->host));
}

static bool is_named(const char *const *hosts, const struct url *realm)
{
    char port[8];
    snprintf(port, sizeof port, ":%u", realm->port);
    size_t size = strlen(realm->host);
    for (; hosts != NULL && *hosts != NULL; hosts++)
        if (strncasecmp(*hosts, realm->host, size) == 0 &&
            ((*hosts)[size] == '\0' || strcmp(*hosts + size, port) == 0))
            return true;
    return false;
}

int realm_judge(const struct realm_rules *rules, const char *realm, bool credentials,
                struct http_trust *ret, struct error *err)
{
    AUTO(url_done) struct url registry = {0}, at = {0};
    if (url_parse(rules->url, &registry, err) < 0)
        return -1;
    if (url_parse(realm, &at, err) < 0)
        return error_wrap(err, "%s names a place for tokens that cannot be used", rules->host);
    bool own = is_own(&registry, &at), safe = strcmp(at.scheme, "https") == 0;
    bool open = strcmp(registry.scheme, "http") == 0 || host_is_loopback(registry.host);
    if (credentials ? !safe && !host_is_loopback(at.host) : !safe && !open)
        return error_set(err, ERROR_CREDENTIALS,
                         "%s asks for a token from http://%s, which is not encrypted: %s there",
                         rules->host, at.host,
                         credentials ? "no credentials are sent" : "nothing is asked");
    if (credentials && !own && !is_known(registry.host, at.host) &&
        !is_named(rules->realm_hosts, &at))
        return error_set(err, ERROR_CREDENTIALS,
                         "%s asks for a token from %s, which is another host: no credentials are "
                         "sent there; --realm-host %s allows it",
                         rules->host, at.host, at.host);
    *ret = own ? rules->trust : (struct http_trust){.verify = true};
    return 0;
}

/* --- scopes --------------------------------------------------------------------------------------
 */

/* Whether the word is one of the list's, which ends with its end or at a space. */
static bool has_word(const char *list, size_t list_size, char mark, const char *word, size_t size)
{
    const char *end = list + list_size;
    while (list < end) {
        const char *stop = memchr(list, mark, (size_t)(end - list));
        size_t length = (size_t)((stop == NULL ? end : stop) - list);
        if (length == size && memcmp(list, word, size) == 0)
            return true;
        list += length + 1;
    }
    return false;
}

/* Where the actions of TYPE:NAME:ACTIONS begin; NAME may have colons (a host's port). */
static size_t actions_of(const char *item, size_t size)
{
    const char *colon = memrchr(item, ':', size);
    return colon == NULL ? size : (size_t)(colon - item) + 1;
}

/* Whether one of the scope's items is the same thing with that action. */
static bool allows(const char *scope, const char *item, size_t head, const char *action,
                   size_t action_size)
{
    for (; *scope != '\0'; scope += strcspn(scope, " "), scope += strspn(scope, " ")) {
        size_t size = strcspn(scope, " "), own = actions_of(scope, size);
        if (own == head && memcmp(scope, item, head) == 0 &&
            has_word(scope + own, size - own, ',', action, action_size))
            return true;
    }
    return false;
}

static bool covers(const char *scope, const char *wanted)
{
    scope += strspn(scope, " ");
    for (wanted += strspn(wanted, " "); *wanted != '\0'; wanted += strspn(wanted, " ")) {
        size_t size = strcspn(wanted, " "), head = actions_of(wanted, size);
        for (size_t at = head; at < size;) {
            size_t length = strcspn(wanted + at, ", ");
            if (length > 0 && !allows(scope, wanted, head, wanted + at, length))
                return false;
            at += length + 1;
        }
        wanted += size;
    }
    return true;
}

int scope_widen(const char *asked, const char *challenged, char **ret, struct error *err)
{
    *ret = NULL;
    if (challenged == NULL || covers(asked, challenged))
        return 0;
    if (strlen(asked) + strlen(challenged) > SCOPE_MAX)
        return error_set(err, ERROR_REGISTRY, "challenges ask for a scope of %zu bytes, limit %d",
                         strlen(asked) + strlen(challenged), SCOPE_MAX);
    bool whole = covers(challenged, asked);
    if (asprintf(ret, "%s%s%s", whole ? "" : asked, whole ? "" : " ", challenged) >= 0)
        return 0;
    *ret = NULL;
    return error_memory(err);
}
