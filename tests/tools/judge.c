/* judge.c: holds many damaged images against what is promised of them, in one process: `judge LIST`
 * in the folder that fixtures/make-bad made. Verifies and converts each as the commands would, and
 * prints TAP. The commands' own words and documents are not its matter. */
#include "convert/engine/convert.h"
#include "convert/engine/verify.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct promise {
    const char *name, *reference, *class, *other;
    int verify, convert;
};

static const int severity_status[] = {
    [SEVERITY_NOTE] = 0, [SEVERITY_OBSTACLE] = 3, [SEVERITY_DAMAGE] = 2};

/* Takes a line of DIR/list apart, in place. */
static bool promise_read(char *line, struct promise *ret)
{
    const char *words[6] = {"", "", "", "0", "0", NULL};
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < 6 && line != NULL; i++)
        words[i] = strsep(&line, " ");
    uint64_t verify, convert;
    *ret = (struct promise){.name = words[0], .reference = words[1], .class = words[2]};
    ret->other = words[5] != NULL ? words[5] : words[2];
    bool good = parse_size(words[3], &verify) && parse_size(words[4], &convert);
    ret->verify = good ? (int)verify : -1;
    ret->convert = good ? (int)convert : -1;
    return good;
}

static bool is_named(const struct promise *promise)
{
    size_t size = strlen(promise->class);
    return strncmp(promise->name, promise->class, size) == 0 && promise->name[size] == '-';
}

static bool has_finding(const struct findings *findings, const char *id)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->items[i].id, id) == 0)
            return true;
    return false;
}

static bool is_error(const struct error *err, const char *class, int status)
{
    if (strcmp(error_class_name(err->class), class) == 0 &&
        error_class_status(err->class) == status)
        return true;
    printf("# %s: %s\n", error_class_name(err->class), err->text);
    return false;
}

static bool verify_keeps(const struct promise *promise, struct run *run)
{
    struct error err;
    struct reference reference;
    struct verification verification;
    const struct verify_options options = {.disk_digest = false};
    if (reference_parse(promise->reference, &reference, &err) < 0)
        return is_error(&err, "", 0);
    bool good;
    if (verify(run, &reference, &options, &verification, &err) < 0) {
        good = is_error(&err, promise->class, promise->verify);
    } else {
        int status = severity_status[findings_worst(&verification.findings)];
        good = has_finding(&verification.findings, promise->class) && status == promise->verify;
        for (size_t i = 0; i < verification.findings.count && !good; i++)
            printf("# %s: %s\n", verification.findings.items[i].id,
                   verification.findings.items[i].text);
        verification_done(&verification);
    }
    reference_done(&reference);
    return good;
}

/* Nothing may be where the destination would have been. */
static bool convert_keeps(const struct promise *promise, struct run *run, const char *transport,
                          int number)
{
    struct error err;
    char text[64];
    struct reference from, to;
    struct conversion conversion;
    const struct convert_options options = {.v1_layer_size = TART_V1_LAYER_SIZE, .decode = true};
    snprintf(text, sizeof text, "%s:made/%d", transport, number);
    if (reference_parse(promise->reference, &from, &err) < 0 ||
        reference_parse(text, &to, &err) < 0)
        return is_error(&err, "", 0);
    bool good = false;
    if (convert(run, &from, &to, &options, &conversion, &err) == 0)
        conversion_done(&conversion);
    else
        good = is_error(&err, promise->other, promise->convert);
    if (access(strchr(text, ':') + 1, F_OK) == 0) {
        printf("# something was published\n");
        good = false;
    }
    reference_done(&from);
    reference_done(&to);
    return good;
}

static void tell(int *count, bool good, const char *what, const struct promise *promise)
{
    printf("%sok %d - %s: %s\n", good ? "" : "not ", ++*count, promise->name, what);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t capacity = 0;
    int count = 0;
    struct run run;
    struct error err;
    (void)mkdir("made", 0777);
    FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (list == NULL || run_init(&run, 2, NULL, NULL, &err) < 0) {
        fputs("usage: judge LIST\n", stderr);
        return 64;
    }
    while (getline(&line, &capacity, list) > 0) {
        struct promise promise;
        bool read = promise_read(line, &promise);
        tell(&count, read && is_named(&promise) && verify_keeps(&promise, &run), "verify",
             &promise);
        if (promise.convert == 0)
            continue;
        /* a disk alone takes no config apart */
        if (strstr(promise.name, "image-config") == NULL &&
            strstr(promise.name, "config-invalid") == NULL)
            tell(&count, convert_keeps(&promise, &run, "raw", count), "convert to a disk",
                 &promise);
        tell(&count, convert_keeps(&promise, &run, "oci", count), "convert to a layout", &promise);
    }
    printf("1..%d\n", count);
    free(line);
    fclose(list);
    run_done(&run);
    return 0;
}
