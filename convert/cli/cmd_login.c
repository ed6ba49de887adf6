/* cmd_login.c: tartconv login and logout. Asks for what was not given, tries it on the registry,
 * and has it kept or forgotten (credentials.h). */
#include "convert/cli/command.h"
#include "convert/net/credentials.h"
#include "convert/output/document.h"
#include "convert/stores/network.h"
#include "formats/model/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MAX 65536

static void fd_done(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- asking --------------------------------------------------------------------------------------
 */

/* A signal only sets a flag and lets a read go on, so the wait is poll's. */
static int wait_for_input(const struct run *run, int fd, struct error *err)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (;;) {
        if (run_check(run, err) < 0)
            return -1;
        int ready = poll(&wait, 1, 200);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return error_set_errno(err, ERROR_IO, errno, "no input can be awaited");
    }
}

/* Up to the end, or of a terminal one line. */
static int read_text(const struct run *run, int fd, bool line, char **ret, struct error *err)
{
    AUTO(secret_bytes_done) struct bytes text;
    if (secret_bytes_init(&text, SECRET_MAX, SECRET_MAX, err) < 0)
        return -1;
    for (ssize_t step = 1; step > 0;) {
        if (wait_for_input(run, fd, err) < 0)
            return -1;
        if (text.size == SECRET_MAX)
            return error_set(err, ERROR_USAGE, "more than %d bytes were given", SECRET_MAX - 1);
        step = read(fd, text.data + text.size, line ? 1 : SECRET_MAX - text.size);
        if (step < 0 && errno != EINTR)
            return error_set_errno(err, ERROR_IO, errno, "the input cannot be read");
        if (step > 0)
            text.size += (size_t)step;
        else if (step < 0)
            step = 1;
        if (line && text.size > 0 && text.data[text.size - 1] == '\n')
            break;
    }
    if (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    if (text.size > 0 && text.data[text.size - 1] == '\r')
        text.size--;
    if (memchr(text.data, '\0', text.size) != NULL)
        return error_set(err, ERROR_USAGE, "a NUL was given, which no registry takes");
    *ret = strndup((const char *)text.data, text.size);
    return *ret == NULL ? error_memory(err) : 0;
}

static void prompt(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        return; /* what was typed will tell */
}

static int ask(const struct run *run, const char *question, bool secret, char **ret,
               struct error *err)
{
    struct termios before, silent;
    AUTO(fd_done) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &before) < 0)
        return error_set(err, ERROR_USAGE,
                         "no terminal to ask at; give --username, and --password-stdin");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (secret && tcsetattr(fd, TCSAFLUSH, &silent) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the terminal would show what is typed");
    prompt(fd, question);
    int status = read_text(run, fd, true, ret, err);
    if (secret) {
        tcsetattr(fd, TCSADRAIN, &before);
        prompt(fd, "\n");
    }
    return status;
}

static int get_user(const struct options *options, const struct run *run, char **ret,
                    struct error *err)
{
    if (options->username == NULL) {
        if (options->password_stdin)
            return error_set(err, ERROR_USAGE, "--password-stdin needs --username");
        if (ask(run, "Username: ", false, ret, err) < 0)
            return -1;
    } else {
        *ret = strdup(options->username);
        if (*ret == NULL)
            return error_memory(err);
    }
    if (**ret == '\0' || strchr(*ret, ':') != NULL)
        return error_set(err, ERROR_USAGE, "a user name must not be empty or have a colon");
    return 0;
}

static int get_password(const struct options *options, struct run *run, char **ret,
                        struct error *err)
{
    int status = 0;
    if (options->password != NULL && options->password_stdin)
        return error_set(err, ERROR_USAGE, "--password and --password-stdin exclude each other");
    if (options->password != NULL) {
        run_warning(run, "--password can be seen by all on this machine in the list of processes; "
                         "--password-stdin cannot");
        *ret = strdup(options->password);
        status = *ret == NULL ? error_memory(err) : 0;
    } else if (options->password_stdin) {
        status = read_text(run, STDIN_FILENO, false, ret, err);
    } else {
        status = ask(run, "Password: ", true, ret, err);
    }
    if (status == 0 && **ret == '\0')
        return error_set(err, ERROR_USAGE, "an empty password was given");
    return status;
}

/* --- trying --------------------------------------------------------------------------------------
 */

static int try_registry(const struct options *options, const struct credential *credential,
                        struct error *err)
{
    static const int answers[] = {200, 401, 0};
    AUTO_SECRET char *creds = NULL;
    AUTO(http_response_done) struct http_response answer = {0};
    struct network_side side = options->sides[0];
    if (asprintf(&creds, "%s:%s", credential->user, credential->password) < 0) {
        creds = NULL;
        return error_memory(err);
    }
    side.prefix = NULL; /* not an option's, for messages */
    side.creds = creds;
    side.registry_token = NULL;
    side.no_creds = false;
    struct client *client =
        network_client(options->network, &side, options->operand_text, false, err);
    const struct client_request request = {.method = HTTP_GET,
                                           .path = "/v2/",
                                           .access = ACCESS_PULL,
                                           .once = true, /* someone waits for it */
                                           .answers = answers,
                                           .verb = "logging in"};
    if (client == NULL || client_send(client, &request, &answer, err) < 0)
        return -1;
    if (answer.status == 401)
        return error_set(err, ERROR_CREDENTIALS, "%s refused the user %s with this password",
                         options->operand_text, credential->user);
    return 0;
}

/* --- the commands --------------------------------------------------------------------------------
 */

static int tell_json(const char *kind, const char *host, const char *where, struct bytes *out,
                     struct error *err)
{
    struct document document;
    document_begin(&document, kind);
    put_text(&document, NULL, "host", host);
    put_text(&document, NULL, "where", where);
    return document_end(&document, out, err);
}

int cmd_login(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO(credential_done) struct credential credential = {0};
    AUTO_FREE char *where = NULL;
    const char *host = options->operand_text;
    credentials_guard_core();
    if (get_user(options, run, &credential.user, err) < 0 ||
        get_password(options, run, &credential.password, err) < 0 ||
        try_registry(options, &credential, err) < 0 ||
        credentials_store(options->network_options.authfile, host, &credential, &where, err) < 0)
        return -1;
    if (options->json)
        return tell_json("login", host, where, out, err);
    struct text text = {.out = out, .err = err};
    text_line(&text, "Login succeeded: %s (stored in %s)", host, where);
    return text.status;
}

int cmd_logout(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO_FREE char *where = NULL;
    const char *host = options->operand_text;
    if (run_check(run, err) < 0 ||
        credentials_erase(options->network_options.authfile, host, &where, err) < 0)
        return -1;
    if (options->json)
        return tell_json("logout", host, where, out, err);
    struct text text = {.out = out, .err = err};
    text_line(&text, "Removed login for %s from %s", host, where);
    return text.status;
}
