/* patterns.c: lists of regular expressions beside a range of versions. Knows nothing of what has
 * the names. */
#include "convert/input/patterns.h"

#include "convert/input/semver.h"
#include "formats/model/auto.h"

#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct pattern_list {
    regex_t items[PATTERNS_MAX];
    size_t count;
};

static struct pattern_list *list_free(struct pattern_list *list)
{
    for (size_t i = 0; list != NULL && i < list->count; i++)
        regfree(&list->items[i]);
    free(list);
    return NULL;
}

void patterns_done(struct patterns *patterns)
{
    patterns->allow = list_free(patterns->allow);
    patterns->deny = list_free(patterns->deny);
    patterns->semver = semver_free(patterns->semver);
}

/* What other dialects have, and POSIX would silently take for something else. */
static int check_dialect(const char *text, struct error *err)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (c[0] == '(' && c[1] == '?')
            return error_set(err, ERROR_USAGE,
                             "\"(?\" is not known to POSIX extended regular expressions");
        if (c[0] != '\\')
            continue;
        c++;
        if ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'))
            return error_set(err, ERROR_USAGE,
                             "\"\\%c\" is not known to POSIX extended regular expressions, which "
                             "have [0-9], [[:alnum:]] and the like",
                             *c);
        if (*c == '\0')
            return error_set(err, ERROR_USAGE, "a \"\\\" stands at its end");
    }
    return 0;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Behind "{": the larger number in it; goes behind its "}". */
static uint64_t read_bound(const char **text)
{
    uint64_t most = 0, number = 0;
    for (; **text != '\0' && **text != '}'; ++*text) {
        bool digit = **text >= '0' && **text <= '9';
        number = digit ? at_most(number * 10 + (uint64_t)(**text - '0'), UINT32_MAX) : 0;
        most = number > most ? number : most;
    }
    *text += **text == '}';
    return most;
}

/* Behind "[": goes behind its "]". */
static void skip_bracket(const char **text)
{
    const char *at = *text + (**text == '^');
    at += *at == ']';
    for (; *at != '\0' && *at != ']'; at += *at != '\0')
        if (at[0] == '[' && at[1] != '\0' && strchr(".:=", at[1]) != NULL) {
            const char end[] = {at[1], ']', '\0'};
            const char *close = strstr(at + 2, end);
            at = close != NULL ? close + 1 : at;
        }
    *text = at + (*at == ']');
}

/* How many pieces a group, or the whole, has once its repetitions by number are written out, which
 * is what the C library does with them: in *ret_repeated those that come of it. */
static uint64_t weigh(const char **text, uint64_t *ret_repeated)
{
    uint64_t sum = 0, last = 0;
    while (**text != '\0' && **text != ')') {
        char c = *(*text)++;
        if (c == '{') {
            uint64_t more = at_most(last * read_bound(text), UINT32_MAX);
            *ret_repeated = at_most(*ret_repeated + more, UINT32_MAX);
            sum = at_most(sum - last + more, UINT32_MAX);
            last = more;
            continue;
        }
        if (c == '*' || c == '+' || c == '?' || c == '|')
            continue;
        last = c == '(' ? weigh(text, ret_repeated) : 1;
        *text += c == '(' && **text == ')';
        *text += c == '\\' && **text != '\0';
        if (c == '[')
            skip_bracket(text);
        sum = at_most(sum + last, UINT32_MAX);
    }
    return sum;
}

/* "((a?){50}){50}" would take all memory there is. */
static int check_repeats(const char *text, struct error *err)
{
    uint64_t repeated = 0;
    while (*text != '\0') { /* again behind a ")" of no group */
        weigh(&text, &repeated);
        text += *text == ')';
    }
    if (repeated <= PATTERN_REPEATS_MAX)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "its repetitions by number, written out, come to more than %u pieces",
                     PATTERN_REPEATS_MAX);
}

static int compile(regex_t *ret, const char *text, struct error *err)
{
    char why[128];
    int code = regcomp(ret, text, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return 0;
    if (code == REG_ESPACE)
        return error_memory(err);
    regerror(code, ret, why, sizeof why);
    return error_set(err, ERROR_USAGE, "it is no regular expression: %s", why);
}

static int list_add(struct pattern_list **list, const char *text, struct error *err)
{
    char anchored[PATTERN_SIZE_MAX + 5];
    regex_t alone;
    if (strlen(text) > PATTERN_SIZE_MAX)
        return error_set(err, ERROR_USAGE, "a regular expression has at most %u bytes",
                         PATTERN_SIZE_MAX);
    if (*list != NULL && (*list)->count == PATTERNS_MAX)
        return error_set(err, ERROR_USAGE, "there are at most %u of them", PATTERNS_MAX);
    /* by itself first: "a)|(b" must not become good by what is put around it */
    if (check_dialect(text, err) < 0 || check_repeats(text, err) < 0 ||
        compile(&alone, text, err) < 0)
        return -1;
    regfree(&alone);
    if (*list == NULL && (*list = calloc(1, sizeof **list)) == NULL)
        return error_memory(err);
    snprintf(anchored, sizeof anchored, "^(%s)$", text);
    if (compile(&(*list)->items[(*list)->count], anchored, err) < 0)
        return -1;
    (*list)->count++;
    return 0;
}

int patterns_allow(struct patterns *patterns, const char *text, struct error *err)
{
    return list_add(&patterns->allow, text, err);
}

int patterns_deny(struct patterns *patterns, const char *text, struct error *err)
{
    return list_add(&patterns->deny, text, err);
}

int patterns_semver(struct patterns *patterns, const char *text, struct error *err)
{
    if (patterns->semver != NULL)
        return error_set(err, ERROR_USAGE,
                         "there is one range already; \"A || B\" makes one of two");
    if (strlen(text) > PATTERN_SIZE_MAX)
        return error_set(err, ERROR_USAGE, "a range of versions has at most %u bytes",
                         PATTERN_SIZE_MAX);
    patterns->semver = semver_parse(text, err);
    return patterns->semver == NULL ? -1 : 0;
}

/* 1, 0, -1. GNU's own call, since to regexec() the end of memory is no match. */
static int list_has(struct pattern_list *list, const char *name, struct error *err)
{
    regoff_t size = (regoff_t)strlen(name);
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        regoff_t at = re_search(&list->items[i], name, size, 0, 0, NULL);
        if (at == -2)
            return error_memory(err);
        if (at >= 0)
            return 1;
    }
    return 0;
}

int patterns_judge(const struct patterns *patterns, const char *name, struct error *err)
{
    int denied = list_has(patterns->deny, name, err);
    if (denied != 0)
        return denied < 0 ? -1 : 0;
    if (patterns->allow == NULL && patterns->semver == NULL)
        return 1;
    int allowed = list_has(patterns->allow, name, err);
    if (allowed == 0 && patterns->semver != NULL)
        allowed = semver_has(patterns->semver, name);
    return allowed;
}
