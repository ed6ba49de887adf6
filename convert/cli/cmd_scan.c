/* cmd_scan.c: tartconv scan. Gathers what was named, on the command line and in a list, and who we
 * are to each registry; scan_report.c tells what was found. */
#include "convert/cli/command.h"
#include "convert/cli/scan_report.h"
#include "convert/cli/settings.h"
#include "convert/stores/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIST_SIZE_MAX   (64u << 20)
#define LIST_PLACES_MAX 1000000u

/* --- what was named --- */

struct places {
    const char **items;
    size_t count, capacity;
    struct bytes list; /* behind those that come from it */
};

static void places_done(struct places *places)
{
    free(places->items);
    bytes_done(&places->list);
}

static int places_add(struct places *places, const char *text, struct error *err)
{
    if (places->count == LIST_PLACES_MAX)
        return error_set(err, ERROR_USAGE, "more than %u names are given", LIST_PLACES_MAX);
    if (places->count == places->capacity) {
        size_t capacity = places->capacity * 2 + 64;
        const char **items = reallocarray(places->items, capacity, sizeof(char *));
        if (items == NULL)
            return error_memory(err);
        places->items = items;
        places->capacity = capacity;
    }
    places->items[places->count++] = text;
    return 0;
}

static int list_open(const char *name, int *ret, struct error *err)
{
    bool input = strcmp(name, "-") == 0;
    *ret = input ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    if (*ret >= 0)
        return 0;
    return error_set_errno(err, errno == ENOENT ? ERROR_NO_SUCH_FILE : ERROR_IO, errno,
                           "the list %s cannot be read", name);
}

static int list_read(const char *name, const struct run *run, struct bytes *ret, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    char piece[65536];
    bytes_init(ret, LIST_SIZE_MAX + sizeof piece + 1);
    if (list_open(name, &fd, err) < 0)
        return -1;
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno != EINTR)
            return error_set_errno(err, ERROR_IO, errno, "the list %s cannot be read", name);
        if (got == 0)
            return 0;
        if (run_check(run, err) < 0 || (got > 0 && bytes_append(ret, piece, (size_t)got, err) < 0))
            return -1;
        if (ret->size > LIST_SIZE_MAX)
            return error_set(err, ERROR_USAGE, "the list %s has more than %u bytes", name,
                             LIST_SIZE_MAX);
    }
}

/* A name a line; "#" begins a comment at a line's start or behind a blank. */
static int list_add(struct places *places, const char *name, const struct run *run,
                    struct error *err)
{
    if (list_read(name, run, &places->list, err) < 0)
        return -1;
    if (places->list.size > 0 && memchr(places->list.data, '\0', places->list.size) != NULL)
        return error_set(err, ERROR_USAGE, "the list %s is no text: it has a NUL", name);
    if (bytes_text(&places->list, err) == NULL)
        return -1;
    char *at = (char *)places->list.data;
    while (*at != '\0') {
        char *end = at + strcspn(at, "\n");
        bool more = *end == '\n';
        *end = '\0';
        char *word = at + strspn(at, " \t\r");
        size_t size = strcspn(word, " \t\r");
        const char *behind = word + size + strspn(word + size, " \t\r");
        if (*word != '#' && *behind != '\0' && *behind != '#')
            return error_set(err, ERROR_USAGE, "the list %s has more than one name in a line: %s",
                             name, word);
        word[size] = '\0';
        if (size > 0 && *word != '#' && places_add(places, word, err) < 0)
            return -1;
        at = end + more;
    }
    return 0;
}

static int places_gather(const struct options *options, const struct run *run,
                         struct places *places, struct error *err)
{
    if (options->word_count == 0 && options->list == NULL)
        return error_set(err, ERROR_USAGE,
                         "nothing to look at: name registries, repositories or images, or give "
                         "--list FILE; `tartconv scan --help` tells what there is");
    for (size_t i = 0; i < options->word_count; i++)
        if (places_add(places, options->words[i], err) < 0)
            return -1;
    return options->list == NULL ? 0 : list_add(places, options->list, run, err);
}

/* --- registries --- */

/* What one registry was told of, by the command line and then by the settings. */
struct scan_side {
    struct scan_side *next;
    char *host;
    struct network_side side;
    const char *realm_hosts[2 * REALM_HOSTS_MAX + 1];
};

struct sides_of_scan {
    const struct options *options;
    struct scan_side *first;
};

static void sides_done(struct sides_of_scan *sides)
{
    for (struct scan_side *side = sides->first, *next; side != NULL; side = next) {
        next = side->next;
        free(side->host);
        free(side);
    }
}

static void side_fill(struct scan_side *ret, const struct options *options)
{
    const struct registry_settings *own =
        options->applied == NULL ? NULL : settings_find(options->applied, ret->host);
    size_t count = 0;
    ret->side = options->sides[0];
    if (own == NULL)
        return;
    if (ret->side.cert_dir == NULL)
        ret->side.cert_dir = own->cert_dir;
    ret->side.plain_http |= own->plain_http;
    if ((options->given & GIVEN_SRC_TLS_VERIFY) == 0)
        ret->side.no_tls_verify = own->no_tls_verify;
    for (; options->network_options.realm_hosts[count] != NULL; count++)
        ret->realm_hosts[count] = options->network_options.realm_hosts[count];
    for (size_t i = 0; i < own->realm_host_count; i++)
        ret->realm_hosts[count++] = own->realm_hosts[i];
    ret->side.realm_hosts = ret->realm_hosts;
}

static const struct network_side *side_of(void *context, const char *host)
{
    struct sides_of_scan *sides = context;
    for (const struct scan_side *side = sides->first; side != NULL; side = side->next)
        if (strcasecmp(side->host, host) == 0)
            return &side->side;
    struct scan_side *side = calloc(1, sizeof *side);
    if (side != NULL)
        side->host = strdup(host);
    if (side == NULL || side->host == NULL) {
        free(side);
        return NULL;
    }
    side_fill(side, sides->options);
    side->next = sides->first;
    sides->first = side;
    return &side->side;
}

static void network_free_auto(struct network **network)
{
    *network = network_free(*network);
}

/* Whether two places are of one registry; what cannot be read as a place is of another. */
static bool is_of(const char *place, const struct reference *first, size_t host_size)
{
    AUTO(reference_done) struct reference reference = {.text = NULL};
    struct error ignored;
    if (strchr(place, '/') == NULL)
        return strlen(place) == host_size && strncasecmp(place, first->host, host_size) == 0;
    return reference_parse(place, &reference, &ignored) == 0 && reference.host != NULL &&
           strcasecmp(reference.host, first->host) == 0;
}

/* One, or more than one, which is all that credentials ask. */
static size_t count_hosts(const struct places *places)
{
    AUTO(reference_done) struct reference first = {.text = NULL};
    struct error ignored;
    const char *place = places->count > 0 ? places->items[0] : "";
    size_t size = strcspn(place, "/");
    if (place[size] == '\0' || place[size + 1] == '\0') {
        first.host = strndup(place, size);
        if (first.host == NULL)
            return 2;
    } else if (reference_parse(place, &first, &ignored) < 0 || first.host == NULL)
        return 2;
    for (size_t i = 1; i < places->count; i++)
        if (!is_of(places->items[i], &first, strlen(first.host)))
            return 2;
    return 1;
}

/* --- the command --- */

static void tell_failures(struct run *run, const struct inventory *inventory)
{
    if (inventory->failed > 0)
        run_warning(run, "%zu of %zu could not be read, and nothing is known of what they need",
                    inventory->failed, inventory->count);
    if (inventory->passed_over > 0)
        run_warning(run, "%zu names that were listed are none that can be asked for: passed over",
                    inventory->passed_over);
}

/* Refused credentials first, else the first error's. */
static int status_of(const struct inventory *inventory)
{
    int ret = 0;
    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_item *item = &inventory->items[i];
        if (item->failed && item->error.class == ERROR_CREDENTIALS)
            return error_class_status(ERROR_CREDENTIALS);
        if (item->failed && ret == 0)
            ret = error_class_status(item->error.class);
    }
    return ret;
}

int cmd_scan(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO(places_done) struct places places = {.items = NULL};
    AUTO(sides_done) struct sides_of_scan sides = {.options = options};
    AUTO(inventory_done) struct inventory inventory = {.items = NULL};
    if (places_gather(options, run, &places, err) < 0)
        return -1;
    /* the list may name other registries than the command line, so the network begins here */
    struct network_options shared = options->network_options;
    shared.host_count = count_hosts(&places);
    AUTO(network_free_auto) struct network *network = network_new(&shared, err);
    const struct inventory_options wanted = {.quick = options->verify.quick,
                                             .repositories = &options->repositories,
                                             .tags = &options->tag_patterns,
                                             .backup_tag = options->convert.backup_tag,
                                             .network = network,
                                             .side = side_of,
                                             .context = &sides};
    if (network == NULL ||
        inventory_take(run, places.items, places.count, &wanted, &inventory, err) < 0)
        return -1;
    int told = options->csv ? scan_tell_csv(&inventory, out, err)
               : options->json
                   ? scan_tell_json(&inventory, options->verify.quick, out, err)
                   : scan_tell_text(&inventory, options->verbosity >= VERBOSITY_VERBOSE, out, err);
    if (told < 0)
        return -1;
    tell_failures(run, &inventory);
    return status_of(&inventory);
}
