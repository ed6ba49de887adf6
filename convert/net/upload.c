/* upload.c: which step follows which until a blob is at the registry, and when to give up. The
 * steps themselves are session.c's, how to send is profile.c's business. */
#include "convert/net/upload.h"

#include "convert/net/profile.h"
#include "convert/net/session.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MAX   100 /* steps taken again for one blob, whatever progress there was */
#define BROKEN_BODY 2   /* whole bodies in a row that break before pieces are tried */

struct upload {
    const struct remote *remote;
    struct profile *profile;
    const struct growth *growth; /* NULL: the blob was whole from the start */
    bool whole;
    bool early;            /* the session in hand began before it was whole: it has one try */
    bool given_up;         /* nobody wants it any more */
    struct blob_id id;     /* until it is whole: no digest, and a size that nothing reaches */
    struct http_body body; /* the size is set when it is whole */
    const struct upload_watch *watch;
    unsigned attempt;       /* since the last progress */
    unsigned again;         /* in all */
    unsigned broken_bodies; /* in a row */
    uint64_t too_large;     /* the smallest body that was; UINT64_MAX: none */
    bool in_pieces;         /* for this blob, whatever the profile says */
    bool mismatched;
    struct profile_plan plan; /* of the session in hand */
};

/* May one more step be taken? Waits for it. */
static bool try_again(struct upload *upload, unsigned retry_after, struct error *err)
{
    return !upload->early && upload->again++ < AGAIN_MAX &&
           client_wait(upload->remote->client, upload->attempt++, retry_after, err) == 0;
}

/* A step that is another than the last, and needs no wait. */
static bool try_other(struct upload *upload)
{
    return upload->again++ < AGAIN_MAX;
}

/* 1, 0, -1 and err: whether the registry has the blob, as far as it tells. */
static int is_there(const struct upload *upload, struct error *err)
{
    uint64_t size;
    int found = remote_blob_find(upload->remote, &upload->id.digest, &size, err);
    return found <= 0 ? found : size == upload->id.size || size == UINT64_MAX;
}

/* --- a blob that grows --- */

/* Waits until it has more than `size` bytes: how many, or all there are when it is whole. */
static int grow(struct upload *upload, uint64_t size, uint64_t *ret_size, struct error *err)
{
    const struct growth *growth = upload->growth;
    int more = upload->whole ? 0 : growth->wait(growth->context, size, ret_size, &upload->id, err);
    if (more == 0) {
        upload->whole = true;
        upload->body.size = *ret_size = upload->id.size;
    }
    return more < 0 ? -1 : 0;
}

/* A body that nobody wants any more comes to its end: of a session whose request broke some
 * registries tell no place, and it could not be deleted. */
static int growing_wait(void *context, uint64_t offset, uint64_t *ret_size, struct error *err)
{
    struct upload *upload = context;
    uint64_t size = offset;
    upload->given_up = grow(upload, offset, &size, err) < 0;
    *ret_size = upload->given_up ? 0 : size - offset;
    return 0;
}

static int growing_read(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    const struct upload *upload = context;
    return upload->body.read(upload->body.context, offset, data, size, err);
}

static enum step stream(struct upload *upload, struct session *session, struct error *err)
{
    const struct http_body body = {
        .size = HTTP_SIZE_UNKNOWN, .read = growing_read, .wait = growing_wait, .context = upload};
    enum step step = session_stream(session, &body, err);
    if (!upload->given_up)
        return step;
    error_set(err, ERROR_INTERRUPTED, "it was given up");
    return STEP_FAILED;
}

/* --- after a step --- */

/* After a step that left it open whether the blob was made. */
static enum step look(const struct upload *upload, enum step step)
{
    struct error ignored = ERROR_INIT;
    return is_there(upload, &ignored) == 1 ? STEP_DONE : step;
}

/* --- one session --- */

static enum step send_whole(struct upload *upload, struct session *session, struct error *err)
{
    for (;;) {
        enum step step = session_put(session, &upload->id.digest, &upload->body, err);
        if (step == STEP_BUSY && try_again(upload, session->retry_after, err))
            continue;
        if (step == STEP_BROKEN || step == STEP_UNSURE)
            return look(upload, step);
        return step;
    }
}

/* Goes on where the session is: STEP_DONE, or what ends it. */
static enum step take_up(struct upload *upload, struct session *session, struct error *err)
{
    uint64_t before = session->held;
    if (!try_again(upload, session->retry_after, err))
        return STEP_FAILED;
    enum step step = session_ask(session, err);
    if (step == STEP_DONE && session->held > before)
        upload->attempt = 0;
    return step;
}

/* 416 means that we were wrong, or, where the session is where we thought, that it dislikes the
 * piece. */
static enum step find_place(struct upload *upload, struct session *session, struct error *err)
{
    uint64_t before = session->held;
    struct error refusal = *err;
    enum step step = take_up(upload, session, err);
    if (step != STEP_DONE || session->held != before)
        return step;
    *err = refusal;
    return STEP_REFUSED;
}

/* The next request of a session. */
static enum step next_piece(struct upload *upload, struct session *session, struct error *err)
{
    uint64_t left = upload->id.size - session->held, piece = upload->plan.piece;
    enum step step = upload->whole
                         ? session_patch(session, &upload->body, left < piece ? left : piece, err)
                         : stream(upload, session, err);
    if (step == STEP_DONE)
        upload->attempt = 0;
    return step;
}

/* Some registries take pieces and do not keep them. */
static enum step confirm(const struct upload *upload, struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    int found = is_there(upload, err);
    if (found != 0)
        return found < 0 ? STEP_FAILED : STEP_DONE;
    digest_print(&upload->id.digest, digest);
    error_set(err, ERROR_REGISTRY,
              "%s/%s: sending blob %s: the registry took all pieces, and has no such blob of %llu "
              "bytes",
              client_host(upload->remote->client), upload->remote->repository, digest,
              (unsigned long long)upload->id.size);
    return STEP_REFUSED;
}

static enum step send_pieces(struct upload *upload, struct session *session, struct error *err)
{
    for (;;) {
        bool last = upload->whole && session->held == upload->id.size;
        enum step step = last ? session_put(session, &upload->id.digest, NULL, err)
                              : next_piece(upload, session, err);
        if (last && step == STEP_DONE)
            return confirm(upload, err);
        if (last && (step == STEP_BROKEN || step == STEP_UNSURE)) {
            step = look(upload, step);
            if (step != STEP_BROKEN)
                return step;
        }
        if (step == STEP_BUSY && try_again(upload, session->retry_after, err))
            continue;
        if (step == STEP_BROKEN)
            step = take_up(upload, session, err);
        if (step == STEP_ELSEWHERE)
            step = find_place(upload, session, err);
        if (step != STEP_DONE)
            return step;
    }
}

static struct profile_plan make_plan(const struct upload *upload, const struct session *session)
{
    uint64_t size = upload->id.size;
    struct profile_plan plan = profile_plan(upload->profile, size, session->minimum);
    if ((upload->in_pieces && size > 0) || !upload->whole)
        plan.method = UPLOAD_PIECES;
    uint64_t maximum = session->maximum;
    if (maximum != 0 && maximum < size && plan.method == UPLOAD_MONOLITHIC)
        plan = (struct profile_plan){.method = UPLOAD_PIECES, .piece = maximum};
    if (maximum != 0 && maximum < plan.piece)
        plan.piece = maximum;
    return plan;
}

/* The largest body that the plan means to send. */
static uint64_t body_size(const struct upload *upload)
{
    bool pieces = upload->plan.method == UPLOAD_PIECES && upload->plan.piece < upload->id.size;
    return pieces ? upload->plan.piece : upload->id.size;
}

/* err: of the session before, where there was one. */
static enum step send_in_session(struct upload *upload, struct session *session, struct error *err)
{
    upload->plan = make_plan(upload, session);
    if (body_size(upload) >= upload->too_large)
        return STEP_FAILED; /* the registry wants larger pieces than it takes: err says which */
    enum step step = upload->plan.method == UPLOAD_MONOLITHIC ? send_whole(upload, session, err)
                                                              : send_pieces(upload, session, err);
    if (step == STEP_DONE || step == STEP_LOST)
        session_is_over(session);
    return step;
}

/* --- from one session to the next --- */

/* Whether a whole body that broke should go in pieces from now on. */
static void learn_of_break(struct upload *upload, const struct error *err)
{
    if (upload->plan.method != UPLOAD_MONOLITHIC || err->class != ERROR_UNREACHABLE ||
        ++upload->broken_bodies < BROKEN_BODY)
        return;
    upload->broken_bodies = 0;
    upload->in_pieces = profile_learn(upload->profile, STALLED_MONOLITHIC, upload->id.size);
}

static bool learn_of_refusal(struct upload *upload)
{
    bool pieces = upload->plan.method == UPLOAD_PIECES;
    upload->in_pieces = false;
    return profile_learn(upload->profile, pieces ? REFUSED_PIECES : REFUSED_MONOLITHIC,
                         body_size(upload));
}

/* Whether another session is worth opening after that one. */
static bool goes_on(struct upload *upload, enum step step, unsigned retry_after, struct error *err)
{
    bool first = !upload->mismatched;
    switch (step) {
    case STEP_BROKEN:
        learn_of_break(upload, err);
        return try_again(upload, retry_after, err);
    case STEP_LOST:
    case STEP_ELSEWHERE: /* a new session is at byte 0 */
        return try_again(upload, retry_after, err);
    case STEP_TOO_LARGE:
        upload->too_large = body_size(upload);
        return profile_learn(upload->profile, REFUSED_TOO_LARGE, upload->too_large) &&
               try_other(upload);
    case STEP_REFUSED:
        return learn_of_refusal(upload) && try_other(upload);
    case STEP_MISMATCH:
        upload->mismatched = true;
        return first && try_other(upload);
    default:
        return false;
    }
}

/* One turn: a session from its opening to its end. */
static enum step take_turn(struct upload *upload, unsigned *ret_retry_after, struct error *err)
{
    AUTO(session_close) struct session session = {.remote = NULL};
    const struct client_options *settings = client_settings(upload->remote->client);
    upload->early = !upload->whole; /* has its turn */
    if (!upload->early && !profile_enter(upload->profile, settings->stop)) {
        error_set(err, ERROR_INTERRUPTED, "stopped by a signal");
        return STEP_FAILED;
    }
    struct error opening = ERROR_INIT;
    enum step step =
        session_open(&session, upload->remote, upload->whole ? &upload->id.digest : NULL,
                     upload->watch, &opening);
    if (step == STEP_DONE)
        step = send_in_session(upload, &session, err);
    else
        *err = opening;
    *ret_retry_after = session.retry_after;
    profile_leave(upload->profile, upload->early, step == STEP_LOST);
    return step;
}

/* What came of a session that began before the blob was whole is no verdict on the blob, which
 * begins anew when it is whole. */
static int begin_anew(struct upload *upload, struct error *err)
{
    uint64_t size;
    if (!upload->given_up)
        profile_learn(upload->profile, REFUSED_EARLY, 0);
    return grow(upload, UINT64_MAX, &size, err);
}

/* Turn after turn. */
static int run(struct upload *upload, struct error *err)
{
    for (;;) {
        unsigned retry_after = 0;
        enum step step = take_turn(upload, &retry_after, err);
        if (step == STEP_DONE)
            return 0;
        if (upload->early ? begin_anew(upload, err) < 0 : !goes_on(upload, step, retry_after, err))
            return -1;
    }
}

int upload_blob(const struct remote *remote, const struct blob_id *id, const struct http_body *body,
                const struct upload_watch *watch, struct error *err)
{
    struct upload upload = {.remote = remote,
                            .profile = client_profile(remote->client),
                            .whole = true,
                            .id = *id,
                            .body = *body,
                            .watch = watch,
                            .too_large = UINT64_MAX};
    if (!id->has_digest || body->size != id->size)
        return error_set(err, ERROR_INTERNAL, "a blob is to be sent that is not the one in hand");
    return run(&upload, err);
}

int upload_growing(const struct remote *remote, const struct growth *growth,
                   const struct upload_watch *watch, struct error *err)
{
    struct upload upload = {.remote = remote,
                            .profile = client_profile(remote->client),
                            .growth = growth,
                            .id = {.size = UINT64_MAX},
                            .body = {.read = growth->read, .context = growth->context},
                            .watch = watch,
                            .too_large = UINT64_MAX};
    return run(&upload, err);
}

/* --- mounts --- */

static bool mount_path(const struct remote *remote, const struct digest *digest, const char *from,
                       char **ret)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    AUTO_FREE char *escaped = url_escape(text);
    AUTO_FREE char *source = url_escape(from);
    *ret = NULL;
    if (escaped == NULL || source == NULL)
        return false;
    if (asprintf(ret, "/v2/%s/blobs/uploads/?mount=%s&from=%s", remote->repository, escaped,
                 source) >= 0)
        return true;
    *ret = NULL;
    return false;
}

/* The session that was opened in place of a mount. */
static void drop_session(const struct remote *remote, const struct http_response *answer)
{
    struct error ignored = ERROR_INIT;
    AUTO(secret_free) char *value = http_header(answer, "location", 0);
    AUTO(secret_free)
    char *location =
        value == NULL || answer->url == NULL ? NULL : url_resolve(answer->url, value, &ignored);
    if (location != NULL)
        upload_cancel(remote, location);
}

static bool names_another(const struct http_response *answer, const struct digest *digest)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    AUTO_FREE char *named = http_header(answer, "docker-content-digest", 0);
    return named != NULL && strcmp(named, text) != 0;
}

int upload_mount(const struct remote *remote, const struct digest *digest, const char *from,
                 struct error *err)
{
    if (!profile_mounts(client_profile(remote->client)))
        return 0;
    AUTO_FREE char *path = NULL;
    AUTO(http_response_done) struct http_response answer = {0};
    if (!mount_path(remote, digest, from, &path))
        return error_memory(err);
    const struct client_request request = {.method = HTTP_POST,
                                           .path = path,
                                           .repository = remote->repository,
                                           .access = ACCESS_PUSH,
                                           .from = from,
                                           .answers = (const int[]){201, 202, 0},
                                           .verb = "mounting a blob"};
    int status = client_send(remote->client, &request, &answer, err);
    /* a right that is lacking at the other repository is no reason to give up */
    if (status < 0 && err->class != ERROR_REGISTRY && err->class != ERROR_CREDENTIALS &&
        err->class != ERROR_REPOSITORY_MISSING)
        return -1;
    if (status == 0 && answer.status == 202)
        drop_session(remote, &answer);
    if (status == 0 && answer.status == 201 && !names_another(&answer, digest)) {
        profile_mount_done(client_profile(remote->client));
        return 1;
    }
    profile_mount_failed(client_profile(remote->client));
    return 0;
}
