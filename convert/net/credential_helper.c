/* credential_helper.c: runs a credential helper and reads its answer. Must not know which helper
 * serves which host. */
#include "convert/net/credential_helper.h"

#include "formats/model/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM    "docker-credential-"
#define OUTPUT_MAX (256u << 10)
#define INPUT_MAX  (32u << 10) /* a pipe takes it whole before anyone reads */
#define TICK_MS    50

struct helper {
    char program[sizeof PROGRAM + HELPER_NAME_MAX];
    const char *verb;
    int input[2], output[2]; /* pipes: read from, write to; -1: closed */
    pid_t child;
    int status; /* of its end */
    struct bytes said;
};

static void end_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void helper_done(struct helper *helper)
{
    for (int i = 0; i < 2; i++) {
        end_close(&helper->input[i]);
        end_close(&helper->output[i]);
    }
    secret_bytes_done(&helper->said);
}

static bool name_valid(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t size = strlen(name);
    return size > 0 && size <= HELPER_NAME_MAX && strspn(name, allowed) == size;
}

static int helper_init(struct helper *helper, const char *name, const char *verb, struct error *err)
{
    *helper = (struct helper){.verb = verb, .input = {-1, -1}, .output = {-1, -1}, .child = -1};
    if (!name_valid(name))
        return error_set(err, ERROR_SETTINGS, "\"%.80s\" cannot be the name of a credential helper",
                         name);
    snprintf(helper->program, sizeof helper->program, "%s%s", PROGRAM, name);
    return secret_bytes_init(&helper->said, OUTPUT_MAX, OUTPUT_MAX, err);
}

/* --- running it ----------------------------------------------------------------------------------
 */

/* All of the input lies in the pipe before the helper begins, so that none has to be written while
 * its output is awaited. */
static int prepare_pipes(struct helper *helper, const char *input, struct error *err)
{
    size_t size = strlen(input);
    if (pipe2(helper->input, O_CLOEXEC) < 0 || pipe2(helper->output, O_CLOEXEC) < 0 ||
        fcntl(helper->input[1], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(helper->output[0], F_SETFL, O_NONBLOCK) < 0)
        return error_set_errno(err, ERROR_IO, errno, "no pipe to %s", helper->program);
    if (size > INPUT_MAX || write(helper->input[1], input, size) != (ssize_t)size)
        return error_set(err, ERROR_CREDENTIALS, "%zu bytes are more than %s can be given", size,
                         helper->program);
    end_close(&helper->input[1]);
    return 0;
}

/* SIGPIPE is ignored in this program; a helper must not inherit that. */
static int attributes_fill(posix_spawnattr_t *attributes)
{
    sigset_t defaults, mask;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigemptyset(&mask);
    int status = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (status == 0)
        status = posix_spawnattr_setsigmask(attributes, &mask);
    if (status == 0)
        status =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return status;
}

static int spawn(struct helper *helper)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char verb[16];
    snprintf(verb, sizeof verb, "%s", helper->verb);
    char *const argv[] = {helper->program, verb, NULL};
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0)
        return status;
    status = posix_spawnattr_init(&attributes);
    if (status != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return status;
    }
    status = attributes_fill(&attributes);
    if (status == 0)
        status = posix_spawn_file_actions_adddup2(&actions, helper->input[0], STDIN_FILENO);
    if (status == 0)
        status = posix_spawn_file_actions_adddup2(&actions, helper->output[1], 1);
    if (status == 0)
        status =
            posix_spawnp(&helper->child, helper->program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

/* Reads what there is: 1 more may come, 0 the end, -1 too much. */
static int drain(struct helper *helper)
{
    struct error ignored;
    uint8_t data[4096];
    for (;;) {
        ssize_t size = read(helper->output[0], data, sizeof data);
        if (size < 0 && errno == EINTR)
            continue;
        int status = 0;
        if (size > 0)
            status = bytes_append(&helper->said, data, (size_t)size, &ignored);
        explicit_bzero(data, sizeof data);
        if (status < 0)
            return -1;
        if (size <= 0)
            return size < 0 && errno == EAGAIN ? 1 : 0;
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether the helper has ended. Where someone else took its status, what it said has to do. */
static bool has_ended(struct helper *helper, int flags)
{
    pid_t ended;
    do
        ended = waitpid(helper->child, &helper->status, flags);
    while (ended < 0 && errno == EINTR);
    return ended != 0;
}

/* Until it has ended: a process that it left behind may keep the pipe open. */
static int await(struct helper *helper, struct error *err)
{
    int64_t deadline = now_ms() + HELPER_SECONDS * INT64_C(1000);
    bool open = true, ended = false;
    while (!ended && now_ms() < deadline) {
        struct pollfd wait = {.fd = open ? helper->output[0] : -1, .events = POLLIN};
        poll(&wait, 1, open ? TICK_MS : 5);
        ended = has_ended(helper, WNOHANG);
        int more = drain(helper);
        if (more < 0)
            break;
        open = more > 0;
    }
    if (ended)
        return 0;
    bool late = now_ms() >= deadline;
    kill(helper->child, SIGKILL);
    has_ended(helper, 0);
    if (late)
        return error_set(err, ERROR_CREDENTIALS, "%s %s did not end within %d seconds",
                         helper->program, helper->verb, HELPER_SECONDS);
    return error_set(err, ERROR_CREDENTIALS, "%s %s said more than %u bytes", helper->program,
                     helper->verb, OUTPUT_MAX);
}

static int run(struct helper *helper, const char *input, struct error *err)
{
    if (prepare_pipes(helper, input, err) < 0)
        return -1;
    int status = spawn(helper);
    if (status != 0)
        return error_set_errno(err, status == ENOENT ? ERROR_NO_SUCH_FILE : ERROR_CREDENTIALS,
                               status, "%s cannot be started", helper->program);
    end_close(&helper->input[0]);
    end_close(&helper->output[1]);
    return await(helper, err);
}

/* --- what it said --------------------------------------------------------------------------------
 */

static bool succeeded(const struct helper *helper)
{
    return WIFEXITED(helper->status) && WEXITSTATUS(helper->status) == 0;
}

static bool knows_none(struct helper *helper)
{
    static const char *const phrases[] = {"credentials not found", "not be found in the keychain"};
    struct error ignored;
    const char *said = bytes_text(&helper->said, &ignored);
    for (size_t i = 0; said != NULL && i < sizeof phrases / sizeof phrases[0]; i++)
        if (strcasestr(said, phrases[i]) != NULL)
            return true;
    return false;
}

/* A helper tells its reason on standard output. Shown is one line of it, and never what might be
 * the credentials themselves, or an echo of those it was given. */
static int refuse(struct helper *helper, struct error *err)
{
    struct error ignored;
    const char *said = bytes_text(&helper->said, &ignored);
    bool shown = said != NULL && strcmp(helper->verb, "get") == 0 && strchr(said, '{') == NULL;
    int size = shown ? (int)strcspn(said, "\r\n") : 0;
    return error_set(err, ERROR_CREDENTIALS, "%s %s failed%s%.*s", helper->program, helper->verb,
                     size > 0 ? ": " : "", size > 200 ? 200 : size, size > 0 ? said : "");
}

static int copy_text(const char *text, char **ret, struct error *err)
{
    *ret = strdup(text);
    return *ret == NULL ? error_memory(err) : 0;
}

static int read_answer(const struct helper *helper, struct credential *ret, struct error *err)
{
    AUTO(secret_json_free) struct json *json = NULL;
    struct error reason;
    if (json_parse(helper->said.data, helper->said.size, OUTPUT_MAX, &json, &reason) < 0)
        return error_set(err, ERROR_CREDENTIALS, "%s gave no JSON that can be read",
                         helper->program);
    const char *user = json_string(json_get(json, "Username"));
    const char *secret = json_string(json_get(json, "Secret"));
    if (user == NULL || secret == NULL)
        return error_set(err, ERROR_CREDENTIALS, "%s gave no Username or no Secret",
                         helper->program);
    if (*user == '\0' && *secret == '\0')
        return 0;
    if (strcmp(user, "<token>") == 0)
        return copy_text(secret, &ret->identity_token, err) < 0 ? -1 : 1;
    if (copy_text(user, &ret->user, err) < 0 || copy_text(secret, &ret->password, err) < 0)
        return -1;
    return 1;
}

int helper_get(const char *name, const char *server, struct credential *ret, struct error *err)
{
    AUTO(helper_done) struct helper helper;
    *ret = (struct credential){0};
    if (helper_init(&helper, name, "get", err) < 0 || run(&helper, server, err) < 0)
        return -1;
    if (!succeeded(&helper))
        return knows_none(&helper) ? 0 : refuse(&helper, err);
    int found = read_answer(&helper, ret, err);
    if (found <= 0)
        credential_done(ret);
    return found;
}

int helper_store(const char *name, const char *server, const struct credential *credential,
                 struct error *err)
{
    AUTO(helper_done) struct helper helper;
    AUTO(secret_bytes_done) struct bytes input;
    AUTO(secret_json_free) struct json *json = json_new_object();
    bool token = credential->identity_token != NULL;
    bytes_init(&input, 0);
    if (helper_init(&helper, name, "store", err) < 0 ||
        secret_bytes_init(&input, INPUT_MAX, INPUT_MAX, err) < 0)
        return -1;
    if (json == NULL)
        return error_memory(err);
    if (json_set_string(json, "ServerURL", server, err) < 0 ||
        json_set_string(json, "Username", token ? "<token>" : credential->user, err) < 0 ||
        json_set_string(json, "Secret", token ? credential->identity_token : credential->password,
                        err) < 0 ||
        json_print(json, JSON_PLAIN, &input, err) < 0)
        return -1;
    const char *text = bytes_text(&input, err);
    if (text == NULL || run(&helper, text, err) < 0)
        return -1;
    return succeeded(&helper) ? 0 : refuse(&helper, err);
}

int helper_erase(const char *name, const char *server, struct error *err)
{
    AUTO(helper_done) struct helper helper;
    if (helper_init(&helper, name, "erase", err) < 0 || run(&helper, server, err) < 0)
        return -1;
    if (succeeded(&helper))
        return 1;
    return knows_none(&helper) ? 0 : refuse(&helper, err);
}
