/* auth.c: who we are to one registry, as far as its answers have told that it wants to know. Must
 * not know where credentials are kept (credentials.h) or how a token is asked for (token.h). */
#include "convert/net/auth.h"

#include "convert/net/challenge.h"
#include "convert/net/realm.h"
#include "convert/net/token.h"
#include "formats/model/auto.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What was shown more than once, or some time ago, and is refused now, did its work before. */
#define WORKED_MS 5000

enum scheme { SCHEME_UNKNOWN, SCHEME_BASIC, SCHEME_BEARER };

/* Who we are in one repository. Those that a newer one took the place of stay in the list, since
 * auth_who lends their sources. */
struct identity {
    struct identity *next;
    char *repository; /* NULL: none */
    struct credential credential;
    bool again;   /* it took the place of one that was refused */
    bool worked;  /* a token came of it */
    size_t shown; /* how often, as it is */
    uint64_t since;
};

/* The token for what one kind of request asks. */
struct entry {
    struct entry *next;
    char *repository, *scope;
    char *wider; /* what to ask for instead; NULL: scope */
    struct token token;
    uint64_t since; /* when it came */
    size_t shown;
    unsigned refusals; /* in a row */
};

struct auth {
    struct auth_options options;
    pthread_mutex_t lock; /* all below; held while a token is fetched, so that it is fetched once */
    enum scheme scheme;
    char *realm, *service;
    struct identity *identities; /* the newest first */
    struct entry *entries;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int copy_text(const char *text, char **ret, struct error *err)
{
    *ret = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret == NULL ? error_memory(err) : 0;
}

/* --- life ----------------------------------------------------------------------------------------
 */

struct auth *auth_new(const struct auth_options *options, struct error *err)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL || pthread_mutex_init(&auth->lock, NULL) != 0) {
        free(auth);
        error_memory(err);
        return NULL;
    }
    auth->options = *options;
    return auth;
}

static struct identity *identity_free(struct identity *identity)
{
    if (identity != NULL) {
        free(identity->repository);
        credential_done(&identity->credential);
    }
    free(identity);
    return NULL;
}

static void identity_free_auto(struct identity **identity)
{
    *identity = identity_free(*identity);
}

static struct entry *entry_free(struct entry *entry)
{
    if (entry != NULL) {
        free(entry->repository);
        free(entry->scope);
        free(entry->wider);
        token_done(&entry->token);
    }
    free(entry);
    return NULL;
}

static void entry_free_auto(struct entry **entry)
{
    *entry = entry_free(*entry);
}

struct auth *auth_free(struct auth *auth)
{
    if (auth == NULL)
        return NULL;
    while (auth->identities != NULL) {
        struct identity *next = auth->identities->next;
        identity_free(auth->identities);
        auth->identities = next;
    }
    while (auth->entries != NULL) {
        struct entry *next = auth->entries->next;
        entry_free(auth->entries);
        auth->entries = next;
    }
    free(auth->realm);
    free(auth->service);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
    return NULL;
}

const char *auth_who(const struct auth *auth)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&auth->lock;
    const char *who = "anonymous";
    pthread_mutex_lock(lock);
    if (auth->identities != NULL && auth->identities->credential.source != NULL)
        who = auth->identities->credential.source;
    pthread_mutex_unlock(lock);
    return who;
}

/* --- identities ----------------------------------------------------------------------------------
 */

static int identity_make(struct auth *auth, const char *repository, bool again,
                         struct identity **ret, struct error *err)
{
    const struct auth_options *options = &auth->options;
    AUTO(identity_free_auto) struct identity *identity = calloc(1, sizeof *identity);
    if (identity == NULL)
        return error_memory(err);
    if (copy_text(repository, &identity->repository, err) < 0 ||
        credentials_find(&options->credentials, options->host, repository,
                         again ? NULL : options->warn, options->context, &identity->credential,
                         err) < 0)
        return -1;
    identity->again = again;
    identity->since = now_ms();
    *ret = take_ptr(&identity);
    return 0;
}

static int identity_find(struct auth *auth, const char *repository, struct identity **ret,
                         struct error *err)
{
    for (*ret = auth->identities; *ret != NULL; *ret = (*ret)->next)
        if (same_text((*ret)->repository, repository))
            return 0;
    if (identity_make(auth, repository, false, ret, err) < 0)
        return -1;
    (*ret)->next = auth->identities;
    auth->identities = *ret;
    return 0;
}

/* After a refusal: 1 where the file or helper says something else by now, which *identity is then;
 * 0; -1. What was read anew has to do its work once before it is read anew again. */
static int identity_again(struct auth *auth, struct identity **identity, struct error *err)
{
    struct identity *old = *identity;
    bool worked = old->worked || old->shown > 1 || now_ms() - old->since >= WORKED_MS;
    AUTO(identity_free_auto) struct identity *made = NULL;
    if (old->again && !worked)
        return 0;
    if (identity_make(auth, old->repository, true, &made, err) < 0)
        return -1;
    if (credential_equal(&made->credential, &old->credential))
        return 0;
    made->next = auth->identities;
    auth->identities = made;
    *identity = take_ptr(&made);
    return 1;
}

/* --- tokens --------------------------------------------------------------------------------------
 */

static int entry_find(struct auth *auth, const char *repository, const char *scope,
                      struct entry **ret, struct error *err)
{
    for (*ret = auth->entries; *ret != NULL; *ret = (*ret)->next)
        if (same_text((*ret)->repository, repository) && strcmp((*ret)->scope, scope) == 0)
            return 0;
    AUTO(entry_free_auto) struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return error_memory(err);
    if (copy_text(repository, &entry->repository, err) < 0 ||
        copy_text(scope, &entry->scope, err) < 0)
        return -1;
    entry->next = auth->entries;
    auth->entries = entry;
    *ret = take_ptr(&entry);
    return 0;
}

/* A tenth of its life is kept in hand. A request that takes longer than a token lives gets one that
 * is nearly new; a new one for each would be no better. */
static bool entry_lasts(const struct entry *entry, unsigned seconds)
{
    uint64_t life = entry->token.seconds * 1000, needed = seconds * UINT64_C(1000);
    if (entry->token.value == NULL)
        return false;
    if (needed > life / 10 * 8)
        needed = life / 10 * 8;
    return now_ms() - entry->since + needed < life - life / 10;
}

static int realm_allowed(const struct auth *auth, const char *realm,
                         const struct identity *identity, struct http_trust *ret, struct error *err)
{
    const struct auth_options *options = &auth->options;
    const struct realm_rules rules = {.host = options->host,
                                      .url = options->url,
                                      .trust = options->trust,
                                      .realm_hosts = options->realm_hosts};
    return realm_judge(&rules, realm, !credential_is_none(&identity->credential), ret, err);
}

static int entry_fetch_as(struct auth *auth, struct entry *entry, struct identity *identity,
                          bool *ret_refused, struct error *err)
{
    uint64_t before = now_ms();
    struct token_request request = {.http = auth->options.http,
                                    .realm = auth->realm,
                                    .service = auth->service,
                                    .scope = entry->wider == NULL ? entry->scope : entry->wider,
                                    .credential = &identity->credential};
    *ret_refused = false;
    token_done(&entry->token);
    if (realm_allowed(auth, auth->realm, identity, &request.trust, err) < 0 ||
        token_fetch(&request, &entry->token, ret_refused, err) < 0)
        return -1;
    entry->since = before;
    entry->shown = 0;
    identity->worked = true;
    return 0;
}

static int entry_fetch(struct auth *auth, struct entry *entry, struct identity **identity,
                       struct error *err)
{
    bool refused;
    if (entry_fetch_as(auth, entry, *identity, &refused, err) == 0)
        return 0;
    if (!refused)
        return -1;
    struct error reason = *err;
    int again = identity_again(auth, identity, err);
    if (again == 1)
        return entry_fetch_as(auth, entry, *identity, &refused, err);
    if (again == 0)
        *err = reason;
    return -1;
}

/* --- what is shown -------------------------------------------------------------------------------
 */

static int bearer(const char *token, char **ret, struct error *err)
{
    if (asprintf(ret, "Bearer %s", token) >= 0)
        return 0;
    *ret = NULL;
    return error_memory(err);
}

static int token_header(struct auth *auth, const char *scope, struct identity *identity,
                        unsigned seconds, char **ret, struct error *err)
{
    struct entry *entry;
    if (entry_find(auth, identity->repository, scope, &entry, err) < 0)
        return -1;
    if (!entry_lasts(entry, seconds) && entry_fetch(auth, entry, &identity, err) < 0)
        return -1;
    /* What was read anew may be another kind of credential. */
    if (identity->credential.registry_token != NULL)
        return bearer(identity->credential.registry_token, ret, err);
    entry->shown++;
    return bearer(entry->token.value, ret, err);
}

static int header_locked(struct auth *auth, const char *repository, const char *scope,
                         unsigned seconds, char **ret, struct error *err)
{
    struct identity *identity;
    /* A helper is not run before a registry asks. */
    if (auth->scheme == SCHEME_UNKNOWN && auth->options.credentials.registry_token == NULL)
        return 0;
    if (identity_find(auth, repository, &identity, err) < 0)
        return -1;
    const struct credential *credential = &identity->credential;
    if (credential->registry_token == NULL && auth->scheme == SCHEME_BEARER)
        return token_header(auth, scope, identity, seconds, ret, err);
    identity->shown++;
    if (credential->registry_token != NULL)
        return bearer(credential->registry_token, ret, err);
    return auth->scheme == SCHEME_BASIC ? credential_basic(credential, ret, err) : 0;
}

int auth_header(struct auth *auth, const char *repository, const char *scope, unsigned seconds,
                char **ret, struct error *err)
{
    *ret = NULL;
    pthread_mutex_lock(&auth->lock);
    int status = header_locked(auth, repository, scope, seconds, ret, err);
    pthread_mutex_unlock(&auth->lock);
    return status;
}

/* --- challenges ----------------------------------------------------------------------------------
 */

static int read_challenges(const struct http_response *answer, struct challenges *ret,
                           struct error *err)
{
    for (size_t i = 0;; i++) {
        AUTO_FREE char *value = http_header(answer, "www-authenticate", i);
        if (value == NULL)
            return 0;
        if (challenges_add(ret, value, err) < 0)
            return -1;
    }
}

/* Bearer where there is a choice, unless Basic spares us a realm that may not see who we are. */
static int learn(struct auth *auth, const struct challenges *challenges,
                 const struct identity *identity, struct error *err)
{
    const struct challenge *token = challenge_find(challenges, "bearer");
    const struct challenge *basic = challenge_find(challenges, "basic");
    const char *realm = token == NULL ? NULL : challenge_parameter(token, "realm");
    struct http_trust trust;
    struct error ignored;
    if (realm != NULL && basic != NULL && identity->credential.user != NULL &&
        realm_allowed(auth, realm, identity, &trust, &ignored) < 0)
        realm = NULL;
    if (realm == NULL) {
        if (basic != NULL)
            auth->scheme = SCHEME_BASIC;
        return 0;
    }
    AUTO_FREE char *new_realm = NULL;
    AUTO_FREE char *new_service = NULL;
    if (copy_text(realm, &new_realm, err) < 0 ||
        copy_text(challenge_parameter(token, "service"), &new_service, err) < 0)
        return -1;
    free(auth->realm);
    free(auth->service);
    auth->realm = take_ptr(&new_realm);
    auth->service = take_ptr(&new_service);
    auth->scheme = SCHEME_BEARER;
    return 0;
}

/* What was refused was shown as it is: a registry token, or user and password. */
static int refused_plain(struct auth *auth, struct identity *identity, const char *used,
                         struct error *err)
{
    AUTO_SECRET char *header = NULL;
    const struct credential *credential = &identity->credential;
    if (credential->registry_token != NULL) {
        if (bearer(credential->registry_token, &header, err) < 0)
            return -1;
    } else if (credential_basic(credential, &header, err) < 0) {
        return -1;
    }
    if (header == NULL)
        return used == NULL ? 0 : identity_again(auth, &identity, err);
    return used == NULL || strcmp(used, header) != 0 ? 1 : identity_again(auth, &identity, err);
}

/* A scope that is larger than the last one asked for is asked for from now on. */
static int entry_widen(struct entry *entry, const char *challenged, bool *ret, struct error *err)
{
    AUTO_FREE char *wider = NULL;
    const char *asked = entry->wider == NULL ? entry->scope : entry->wider;
    if (scope_widen(asked, challenged, &wider, err) < 0)
        return -1;
    *ret = wider != NULL;
    if (wider != NULL) {
        free(entry->wider);
        entry->wider = take_ptr(&wider);
        token_done(&entry->token);
    }
    return 0;
}

static int refused_token(struct auth *auth, struct identity *identity, const char *scope,
                         const char *challenged, const char *used, struct error *err)
{
    AUTO_SECRET char *header = NULL;
    struct entry *entry;
    bool wider;
    if (entry_find(auth, identity->repository, scope, &entry, err) < 0 ||
        (entry->token.value != NULL && bearer(entry->token.value, &header, err) < 0) ||
        entry_widen(entry, challenged, &wider, err) < 0)
        return -1;
    /* Nothing was shown, or something that is out of use by now. */
    if (wider || used == NULL || header == NULL || strcmp(used, header) != 0)
        return 1;
    if (entry->shown > 1 || now_ms() - entry->since >= WORKED_MS)
        entry->refusals = 0;
    token_done(&entry->token);
    if (entry->refusals++ == 0)
        return 1;
    int again = identity_again(auth, &identity, err);
    if (again == 1)
        entry->refusals = 0;
    return again;
}

static int challenge_locked(struct auth *auth, const char *repository, const char *scope,
                            const char *used, const struct http_response *answer, struct error *err)
{
    AUTO(challenges_done) struct challenges challenges = {0};
    struct identity *identity;
    if (read_challenges(answer, &challenges, err) < 0 ||
        identity_find(auth, repository, &identity, err) < 0 ||
        learn(auth, &challenges, identity, err) < 0)
        return -1;
    if (identity->credential.registry_token != NULL || auth->scheme == SCHEME_BASIC)
        return refused_plain(auth, identity, used, err);
    if (auth->scheme != SCHEME_BEARER)
        return 0;
    const struct challenge *token = challenge_find(&challenges, "bearer");
    return refused_token(auth, identity, scope,
                         token == NULL ? NULL : challenge_parameter(token, "scope"), used, err);
}

int auth_challenge(struct auth *auth, const char *repository, const char *scope, const char *used,
                   const struct http_response *answer, struct error *err)
{
    pthread_mutex_lock(&auth->lock);
    int status = challenge_locked(auth, repository, scope, used, answer, err);
    pthread_mutex_unlock(&auth->lock);
    return status;
}
