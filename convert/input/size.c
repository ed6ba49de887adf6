/* size.c: reads and prints sizes. The C library's own readers take signs, blanks and other bases,
 * and tell an overflow by errno alone; these take what the manual says. */
#include "convert/input/size.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Returns behind the last digit; NULL where there is none, or too many. */
static const char *digits_parse(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return NULL;
    *ret = value;
    return c == text ? NULL : c;
}

bool size_parse(const char *text, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"", 1},           {"kB", 1000},      {"MB", 1000000},   {"GB", 1000000000},
        {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30},
    };
    uint64_t value;
    const char *unit = digits_parse(text, &value);
    for (size_t i = 0; unit != NULL && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0) {
            if (__builtin_mul_overflow(value, units[i].bytes, &value) || value > INT64_MAX)
                return false;
            *ret = value;
            return true;
        }
    return false;
}

bool count_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    const char *end = digits_parse(text, &value);
    if (end == NULL || *end != '\0' || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool duration_parse(const char *text, uint64_t *ret_ms)
{
    uint64_t value;
    const char *unit = digits_parse(text, &value);
    if (unit == NULL)
        return false;
    bool seconds = *unit == '\0' || strcmp(unit, "s") == 0;
    if (!seconds && strcmp(unit, "ms") != 0)
        return false;
    return !__builtin_mul_overflow(value, seconds ? 1000u : 1u, ret_ms);
}

static unsigned two_digits(const char *text)
{
    return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

bool time_is_valid(const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    unsigned year = two_digits(text) * 100 + two_digits(text + 2);
    unsigned month = two_digits(text + 5), day = two_digits(text + 8);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
        (month == 2 && day == 29 && !leap))
        return false;
    return two_digits(text + 11) < 24 && two_digits(text + 14) < 60 && two_digits(text + 17) < 60;
}

void size_print(uint64_t size, char ret[24])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (size < 1024) {
        snprintf(ret, 24, "%" PRIu64 " bytes", size);
        return;
    }
    size_t unit = 0;
    double value = (double)size / 1024;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1024;
    snprintf(ret, 24, "%.1f %s", value, units[unit]);
}
