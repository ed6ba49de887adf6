/* semver.c: versions, and ranges of them as intervals. Knows nothing of what the versions are of.
 */
#include "convert/input/semver.h"

#include "formats/model/auto.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Texts are borrowed. */
struct version {
    uint64_t number[3];
    unsigned count;         /* of numbers that were given */
    const char *prerelease; /* NULL: none */
    size_t prerelease_size;
};

enum end { END_NONE, END_WITH, END_WITHOUT, END_BEFORE /* without its prereleases, too */ };

/* One comparator: what lies between two versions, or (not_in) all else. */
struct comparator {
    bool not_in;
    enum end low_end, high_end;
    struct version low, high;
    struct version said; /* as it was written, for prereleases */
    bool last;           /* of those that must all hold */
};

struct semver_range {
    char *text;
    struct comparator *items;
    size_t count, capacity;
};

/* --- versions --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool read_number(const char **text, uint64_t *ret)
{
    const char *c = *text;
    *ret = 0;
    for (; is_digit(*c); c++)
        if (__builtin_mul_overflow(*ret, 10, ret) ||
            __builtin_add_overflow(*ret, (uint64_t)(*c - '0'), ret))
            return false;
    bool any = c > *text;
    *text = c;
    return any;
}

/* Identifiers with "." between; numbers among them without zeros before, where they are ranked. */
static bool read_identifiers(const char **text, bool ranked)
{
    for (;;) {
        const char *start = *text;
        bool number = true;
        for (; is_word(**text); ++*text)
            number = number && is_digit(**text);
        size_t size = (size_t)(*text - start);
        if (size == 0 || (ranked && number && size > 1 && *start == '0'))
            return false;
        if (**text != '.')
            return true;
        ++*text;
    }
}

static bool is_wild(char c)
{
    return c == 'x' || c == 'X' || c == '*';
}

/* Reads a version as far as it goes; wild: some of its numbers may be missing or "x". */
static bool read_version(const char **text, bool wild, struct version *ret)
{
    bool open = false;
    *ret = (struct version){.count = 0};
    *text += **text == 'v' || (wild && **text == 'V');
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0 && **text != '.')
            break;
        *text += i > 0;
        if (wild && is_wild(**text)) {
            ++*text;
            open = true;
            continue;
        }
        uint64_t number;
        if (!read_number(text, &number))
            return false;
        if (!open)
            ret->number[ret->count++] = number;
    }
    if (**text == '-') {
        ++*text;
        ret->prerelease = *text;
        if (!read_identifiers(text, true))
            return false;
        ret->prerelease_size = (size_t)(*text - ret->prerelease);
    }
    if (**text == '+') {
        ++*text;
        if (!read_identifiers(text, false))
            return false;
    }
    return !wild || ret->prerelease == NULL || ret->count == 3;
}

static int compare_numbers(const struct version *a, const struct version *b)
{
    for (int i = 0; i < 3; i++)
        if (a->number[i] != b->number[i])
            return a->number[i] < b->number[i] ? -1 : 1;
    return 0;
}

static int compare_identifiers(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t a_digits = 0, b_digits = 0;
    while (a_digits < a_size && is_digit(a[a_digits]))
        a_digits++;
    while (b_digits < b_size && is_digit(b[b_digits]))
        b_digits++;
    bool a_number = a_digits == a_size, b_number = b_digits == b_size;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a_size != b_size)
        return a_size < b_size ? -1 : 1;
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare(const struct version *a, const struct version *b)
{
    int order = compare_numbers(a, b);
    if (order != 0 || (a->prerelease == NULL && b->prerelease == NULL))
        return order;
    if (a->prerelease == NULL || b->prerelease == NULL)
        return a->prerelease == NULL ? 1 : -1;
    const char *p = a->prerelease, *q = b->prerelease;
    const char *p_end = p + a->prerelease_size, *q_end = q + b->prerelease_size;
    while (p < p_end && q < q_end) {
        const char *p_dot = memchr(p, '.', (size_t)(p_end - p));
        const char *q_dot = memchr(q, '.', (size_t)(q_end - q));
        p_dot = p_dot == NULL ? p_end : p_dot;
        q_dot = q_dot == NULL ? q_end : q_dot;
        order = compare_identifiers(p, (size_t)(p_dot - p), q, (size_t)(q_dot - q));
        if (order != 0)
            return order;
        p = p_dot + (p_dot < p_end);
        q = q_dot + (q_dot < q_end);
    }
    return (p < p_end) - (q < q_end);
}

/* --- ranges --- */

/* The first version behind all that have the same first `count` numbers; false: there is none. */
static bool version_behind(const struct version *version, unsigned count, struct version *ret)
{
    *ret = (struct version){.count = 3};
    for (unsigned i = 0; i < count; i++)
        ret->number[i] = version->number[i];
    return count > 0 && !__builtin_add_overflow(ret->number[count - 1], 1, &ret->number[count - 1]);
}

static void end_behind(struct comparator *ret, const struct version *version, unsigned count)
{
    ret->high_end = version_behind(version, count, &ret->high) ? END_BEFORE : END_NONE;
}

/* ~: the last number given may grow, but never the minor one where it is given. */
static void make_tilde(struct comparator *ret)
{
    const struct version *said = &ret->said;
    ret->low_end = END_WITH;
    end_behind(ret, said, said->count > 2 ? 2 : said->count);
}

/* ^: the first number that is not 0 stays. */
static void make_caret(struct comparator *ret)
{
    const struct version *said = &ret->said;
    unsigned stays = 1;
    while (stays < said->count && said->number[stays - 1] == 0)
        stays++;
    ret->low_end = END_WITH;
    end_behind(ret, said, said->count == 0 ? 0 : stays);
}

static void make_equal(struct comparator *ret)
{
    ret->low_end = ret->high_end = END_WITH;
    if (ret->said.count < 3)
        end_behind(ret, &ret->said, ret->said.count);
}

static void make_up_to(struct comparator *ret)
{
    ret->high_end = END_WITH;
    if (ret->said.count < 3)
        end_behind(ret, &ret->said, ret->said.count);
}

/* Behind all that begin so: nothing is behind "*". */
static void make_behind(struct comparator *ret)
{
    ret->low_end = END_WITHOUT;
    if (ret->said.count == 3)
        return;
    ret->low_end = END_WITH;
    if (version_behind(&ret->said, ret->said.count, &ret->low))
        return;
    ret->not_in = true; /* of all versions */
    ret->low_end = END_NONE;
}

static void make_before(struct comparator *ret)
{
    ret->high_end = END_WITHOUT;
    if (ret->said.count == 3)
        return;
    ret->high_end = END_BEFORE;
    ret->not_in = ret->said.count == 0;
    if (ret->not_in)
        ret->high_end = END_NONE;
}

static void make_comparator(const char *operator, struct comparator * ret)
{
    ret->low = ret->high = ret->said;
    if (operator[0] == '~')
        make_tilde(ret);
    else if (operator[0] == '^')
        make_caret(ret);
    else if (operator[0] == '>' && operator[1] == '\0')
        make_behind(ret);
    else if (operator[0] == '<' && operator[1] == '\0')
        make_before(ret);
    else if (operator[0] == '>')
        ret->low_end = END_WITH;
    else if (operator[0] == '<')
        make_up_to(ret);
    else
        make_equal(ret);
    if (operator[0] == '!')
        ret->not_in = !ret->not_in;
}

static int add(struct semver_range *range, const struct comparator *comparator, struct error *err)
{
    if (range->count == range->capacity) {
        size_t capacity = range->capacity + 16;
        struct comparator *items = reallocarray(range->items, capacity, sizeof *items);
        if (items == NULL)
            return error_memory(err);
        range->items = items;
        range->capacity = capacity;
    }
    range->items[range->count++] = *comparator;
    return 0;
}

static int refuse(const char *at, struct error *err)
{
    return error_set(err, ERROR_USAGE,
                     "\"%.40s\" is no range of versions, like \">=1.2 <2\", \"~1.2.3\", \"1.x || "
                     "2.0 - 2.3\"",
                     at);
}

/* Behind a version: its end, or what may stand between comparators. */
static bool is_end(char c)
{
    return c == '\0' || c == ' ' || c == '\t' || c == ',' || c == '|';
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* " - b" behind a version: 1, 0: none, -1. */
static int read_hyphen(const char **text, struct version *ret, struct error *err)
{
    const char *at = skip_blanks(*text);
    if (at == *text || *at != '-' || skip_blanks(at + 1) == at + 1)
        return 0;
    const char *start = at = skip_blanks(at + 1);
    if (!read_version(&at, true, ret) || !is_end(*at))
        return refuse(start, err);
    *text = at;
    return 1;
}

static int read_comparator(struct semver_range *range, const char **text, struct error *err)
{
    static const char *const operators[] = {
        ">=", "<=", "=>", "=<", "~>", "!=", "=", ">", "<", "~", "^", ""};
    static const char *const meant[] = {
        ">=", "<=", ">=", "<=", "~", "!=", "=", ">", "<", "~", "^", ""};
    const char *start = *text;
    size_t i = 0;
    while (strncmp(start, operators[i], strlen(operators[i])) != 0)
        i++;
    struct comparator comparator = {.not_in = false};
    const char *at = skip_blanks(start + strlen(operators[i]));
    if (!read_version(&at, true, &comparator.said) || !is_end(*at))
        return refuse(start, err);
    struct comparator end = {.not_in = false};
    int hyphen = meant[i][0] == '\0' ? read_hyphen(&at, &end.said, err) : 0;
    if (hyphen < 0)
        return -1;
    make_comparator(hyphen == 1 ? ">=" : meant[i], &comparator);
    if (add(range, &comparator, err) < 0)
        return -1;
    *text = at;
    if (hyphen == 0)
        return 0;
    make_comparator("<=", &end);
    return add(range, &end, err);
}

static int read_range(struct semver_range *range, struct error *err)
{
    const char *at = range->text;
    for (;;) {
        at += strspn(at, " \t");
        if (read_comparator(range, &at, err) < 0)
            return -1;
        const char *behind = skip_blanks(at);
        bool comma = *behind == ',';
        at = comma ? skip_blanks(behind + 1) : behind;
        bool or = !comma && strncmp(at, "||", 2) == 0;
        range->items[range->count - 1].last = or || *at == '\0';
        if (*at == '\0' && !comma)
            return 0;
        if (*at == '|' && ! or)
            return refuse(at, err);
        at += or ? 2 : 0;
    }
}

struct semver_range *semver_parse(const char *text, struct error *err)
{
    struct semver_range *range = calloc(1, sizeof *range);
    if (range != NULL)
        range->text = strdup(text);
    if (range == NULL || range->text == NULL)
        error_memory(err);
    else if (read_range(range, err) == 0)
        return range;
    return semver_free(range);
}

struct semver_range *semver_free(struct semver_range *range)
{
    if (range == NULL)
        return NULL;
    free(range->text);
    free(range->items);
    free(range);
    return NULL;
}

/* --- what is in a range --- */

static bool is_between(const struct comparator *range, const struct version *version)
{
    int low = range->low_end == END_NONE ? 1 : compare(version, &range->low);
    int high = range->high_end == END_NONE     ? -1
               : range->high_end == END_BEFORE ? compare_numbers(version, &range->high)
                                               : compare(version, &range->high);
    bool above = low > 0 || (low == 0 && range->low_end == END_WITH);
    bool below = high < 0 || (high == 0 && range->high_end == END_WITH);
    return (above && below) != range->not_in;
}

static bool names_prerelease(const struct comparator *range, const struct version *version)
{
    return range->said.prerelease != NULL && compare_numbers(&range->said, version) == 0;
}

bool semver_has(const struct semver_range *range, const char *name)
{
    struct version version;
    if (!read_version(&name, false, &version) || *name != '\0')
        return false;
    bool all = true, named = version.prerelease == NULL;
    for (size_t i = 0; i < range->count; i++) {
        const struct comparator *item = &range->items[i];
        all = all && is_between(item, &version);
        named = named || names_prerelease(item, &version);
        if (item->last && all && named)
            return true;
        if (item->last) {
            all = true;
            named = version.prerelease == NULL;
        }
    }
    return false;
}
