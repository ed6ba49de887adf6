/* remedy.c: from an error's class to a command. Knows no image; what is right here is said at
 * length in docs/errors.md.
 */
#include "convert/fleet/remedy.h"

#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <string.h>

#define REMEDY_MAX 65536u

/* %a: the command of the action; %s, %t: source and target; %h: the host that is to blame. */
static const struct {
    const char *classes; /* with a space around each */
    const char *command;
} remedies[] = {
    {" disk-order layer-chain order-ambiguous order-unknown manifest-rules manifest-invalid "
     "annotation disk-size disk-digest content-size stream-magic stream-limit stream-block "
     "stream-truncated stream-trailing stream-foreign ",
     "tartconv repair %s %t"},
    {" blob-missing blob-size blob-digest content-digest ", "tartconv repair --refill IMAGE %s %t"},
    {" config-invalid disk-mixed disk-empty manifest-digest json-syntax ", "tartconv verify %s"},
    {" foreign-layer ", "%a --drop-foreign %s %t"},
    {" stacked ", "tartconv convert --to same %s %t"},
    {" exists ", "%a --replace %s %t"},
    {" tag-immutable ", "%a %s ANOTHER-TAG"},
    {" credentials ", "tartconv login %h"},
    {" tls ", "%a --src-cert-dir DIR --dest-cert-dir DIR %s %t"},
    {" no-such-image no-such-tag not-tart unsupported ", "tartconv inspect %s"},
    {" round-trip internal ", "%a --debug %s %t"},
    {" unreachable registry rate-limit quota stopped interrupted locked io memory tag-moved "
     "repository-missing destination ",
     "%a %s %t"},
};

static const char *remedy_find(const char *class)
{
    size_t size = strlen(class);
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++)
        for (const char *at = remedies[i].classes; (at = strstr(at, class)) != NULL; at++)
            if (at > remedies[i].classes && at[-1] == ' ' && at[size] == ' ')
                return remedies[i].command;
    return NULL;
}

static const char *command_of(const char *action)
{
    static const char *const commands[][2] = {{"normalise", "tartconv normalise"},
                                              {"copy", "tartconv convert --to same"},
                                              {"repair", "tartconv repair"}};
    for (size_t i = 0; action != NULL && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i][0], action) == 0)
            return commands[i][1];
    return "tartconv convert";
}

static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._-/:@+=,%";
    return text[0] != '\0' && text[0] != '-' && text[strspn(text, plain)] == '\0';
}

/* A word of a shell. What could not be typed, a control character, is no name of ours. */
static int put_word(struct bytes *out, const char *text, struct error *err)
{
    if (is_plain(text))
        return bytes_append_text(out, text, err);
    int status = bytes_append_text(out, "'", err);
    for (; *text != '\0' && status == 0; text++) {
        unsigned char c = (unsigned char)*text;
        status = c == '\''               ? bytes_append_text(out, "'\\''", err)
                 : c < 0x20 || c == 0x7f ? bytes_append_text(out, "?", err)
                                         : bytes_append(out, text, 1, err);
    }
    return status < 0 ? -1 : bytes_append_text(out, "'", err);
}

static size_t host_size(const char *reference)
{
    return strcspn(reference, "/");
}

static const char *without_transport(const char *reference)
{
    return strncmp(reference, "docker://", 9) == 0 ? reference + 9 : reference;
}

/* The side whose host the error's text names; the source's where it names none or both. */
static int put_host(struct bytes *out, const struct remedy_of *of, struct error *err)
{
    const char *source = without_transport(of->source), *target = without_transport(of->target);
    char *host = strndup(target, host_size(target));
    if (host == NULL)
        return error_memory(err);
    bool is_target = of->text != NULL && strstr(of->text, host) != NULL;
    free(host);
    host = strndup(source, host_size(source));
    if (host == NULL)
        return error_memory(err);
    bool is_source = of->text == NULL || strstr(of->text, host) != NULL || !is_target;
    if (!is_source) {
        free(host);
        host = strndup(target, host_size(target));
    }
    int status = host == NULL ? error_memory(err) : put_word(out, host, err);
    free(host);
    return status;
}

static int put_part(struct bytes *out, const struct remedy_of *of, char part, struct error *err)
{
    switch (part) {
    case 'a':
        return bytes_append_text(out, command_of(of->action), err);
    case 's':
        return put_word(out, of->source, err);
    case 't':
        return put_word(out, of->target, err);
    default:
        return put_host(out, of, err);
    }
}

char *remedy_make(const struct remedy_of *of)
{
    const char *command = of->class != NULL && of->class[0] != '\0' ? remedy_find(of->class) : NULL;
    if (command == NULL || of->source == NULL || of->target == NULL)
        return NULL;
    AUTO(bytes_done) struct bytes out;
    struct error error;
    bytes_init(&out, REMEDY_MAX);
    int status = 0;
    for (const char *at = command; *at != '\0' && status == 0; at++)
        status = *at == '%' ? put_part(&out, of, *++at, &error) : bytes_append(&out, at, 1, &error);
    const char *text = status == 0 ? bytes_text(&out, &error) : NULL;
    return text == NULL ? NULL : strdup(text);
}
