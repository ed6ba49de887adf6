/* test_json.c: JSON is read strictly, numbers stay exact, and each style of printing is exact to
 * the byte. */
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT (4u << 20)

static struct json *parsed(const char *text)
{
    struct error err = ERROR_INIT;
    struct json *json = NULL;
    if (json_parse(text, strlen(text), LIMIT, &json, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return json;
}

static void assert_prints(const struct json *json, enum json_style style, const char *wanted)
{
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, LIMIT);
    assert_int_equal(json_print(json, style, &bytes, &err), 0);
    assert_string_equal(bytes_text(&bytes, &err), wanted);
}

static void assert_round(const char *text)
{
    AUTO(json_free_auto) struct json *json = parsed(text);
    assert_prints(json, JSON_PLAIN, text);
}

static void assert_refused(const void *text, size_t size, const char *words)
{
    struct error err = ERROR_INIT;
    struct json *json = NULL;
    assert_int_equal(json_parse(text, size, LIMIT, &json, &err), -1);
    assert_null(json);
    assert_int_equal(err.class, ERROR_JSON_SYNTAX);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static const struct {
    const char *text;
    const char *words;
} refused[] = {
    {"", "byte 0: the text ends where a value must stand"},
    {" \n", "byte 2: the text ends where a value must stand"},
    {"{} {}", "byte 3: something stands behind the value"},
    {"1,", "byte 1: something stands behind the value"},
    {"\xef\xbb\xbf{}", "byte 0: no JSON value begins here"},
    {"nul", "no JSON value begins here"},
    {"True", "no JSON value begins here"},
    {"NaN", "no JSON value begins here"},
    {"'a'", "no JSON value begins here"},
    {"// a\n1", "no JSON value begins here"},
    {"\f1", "no JSON value begins here"},
    {"[1,]", "byte 3: no JSON value begins here"},
    {"[,1]", "no JSON value begins here"},
    {"[1 2]", "a comma or a closing bracket must stand here"},
    {"[1", "a comma or a closing bracket must stand here"},
    {"[1}", "a comma or a closing bracket must stand here"},
    {"{\"a\":1,}", "byte 7: a key must stand here"},
    {"{a:1}", "a key must stand here"},
    {"{1:1}", "a key must stand here"},
    {"{\"a\" 1}", "a colon must stand here"},
    {"{\"a\":}", "no JSON value begins here"},
    {"{\"a\":1", "a comma or a closing brace must stand here"},
    {"01", "something stands behind the value"},
    {"-", "a digit must stand here"},
    {"+1", "no JSON value begins here"},
    {".5", "no JSON value begins here"},
    {"1.", "a digit must stand here"},
    {"1.e5", "a digit must stand here"},
    {"1e", "a digit must stand here"},
    {"1e+", "a digit must stand here"},
    {"0x10", "something stands behind the value"},
    {"\"abc", "the text ends within a string"},
    {"\"abc\\", "the text ends within a string"},
    {"\"a\tb\"", "byte 2: a raw control character in a string"},
    {"\"a\nb\"", "a raw control character in a string"},
    {"\"\\x41\"", "JSON has no such escape"},
    {"\"\\'\"", "JSON has no such escape"},
    {"\"\\u12\"", "\\u needs four hex digits"},
    {"\"\\u12g4\"", "\\u needs four hex digits"},
    {"\"\\u0000\"", "byte 1: an escaped NUL is refused"},
    {"{\"a\\u0000b\":1}", "an escaped NUL is refused"},
    {"\"\\ud83d\"", "a lone surrogate"},
    {"\"\\ud83dx\"", "a lone surrogate"},
    {"\"\\ud83d\\u0041\"", "a lone surrogate"},
    {"\"\\ud83d\\ud83d\"", "a lone surrogate"},
    {"\"\\ude00\"", "a lone surrogate"},
    {"\"\x80\"", "no valid UTF-8"},
    {"\"\xc3\"", "no valid UTF-8"},
    {"\"\xc0\x80\"", "no valid UTF-8"},
    {"\"\xc1\xbf\"", "no valid UTF-8"},
    {"\"\xe0\x9f\xbf\"", "no valid UTF-8"},
    {"\"\xed\xa0\x80\"", "no valid UTF-8"},
    {"\"\xf0\x8f\xbf\xbf\"", "no valid UTF-8"},
    {"\"\xf4\x90\x80\x80\"", "no valid UTF-8"},
    {"\"\xf5\x80\x80\x80\"", "no valid UTF-8"},
    {"\"\xff"
     "1\"",
     "no valid UTF-8"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "the key \"a\" stands twice in one object"},
    {"{\"a/b\":1,\"\\u0061\\/b\":2}", "the key \"a/b\" stands twice in one object"},
    {"[{\"x\":{\"k\":1,\"k\":1}}]", "the key \"k\" stands twice in one object"},
    {"{\"\":1,\"\":2}", "the key \"\" stands twice in one object"},
};

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_refused(refused[i].text, strlen(refused[i].text), refused[i].words);
    assert_refused("1\0", 2, "something stands behind the value");
    assert_refused("\"a\0b\"", 5, "a raw control character in a string");
    /* The text ends where its size says, whatever lies behind. */
    assert_refused("true", 3, "no JSON value begins here");
    assert_refused("\"\\ud83d\\ude00\"", 9, "a lone surrogate");
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct json *json = NULL;
    assert_int_equal(json_parse("[1234]", 6, 5, &json, &err), -1);
    assert_int_equal(err.class, ERROR_JSON_SYNTAX);
    assert_string_equal(err.text, "6 bytes of JSON, limit 5");

    char deep[2 * (JSON_DEPTH_MAX + 1) + 1] = "";
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_round(deep);
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_refused(deep, sizeof deep - 1, "byte 32: nested deeper than 32");

    size_t size = 2 * (size_t)JSON_VALUES_MAX + 1; /* the array itself is one value too */
    AUTO_FREE char *wide = malloc(size);
    assert_non_null(wide);
    for (size_t i = 0; i < size; i++)
        wide[i] = i % 2 == 0 ? ',' : '1';
    wide[0] = '[';
    wide[size - 1] = ']';
    assert_refused(wide, size, "more than 1048576 values");
}

/* A hostile object or array of the largest size is read in time that grows with its size alone. */
static void reads_many_keys_quickly(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, LIMIT);
    for (unsigned i = 0; i < 200000; i++)
        assert_int_equal(bytes_printf(&text, &err, "%s\"x%06x\":[]", i == 0 ? "{" : ",", i), 0);
    assert_int_equal(bytes_append_text(&text, "}", &err), 0);
    AUTO(json_free_auto) struct json *json = NULL;
    assert_int_equal(json_parse(text.data, text.size, LIMIT, &json, &err), 0);
    assert_int_equal(json_count(json), 200000);
    json_remove_prefix(json, "x01");
    assert_int_equal(json_count(json), 200000 - 65536);
    json_remove_prefix(json, "x");
    assert_prints(json, JSON_PLAIN, "{}");
}

static void keeps_numbers_exact(void **state)
{
    (void)state;
    assert_round("[0,-0,1,-1,9223372036854775807,18446744073709551616,0.1,1E400,1e-05,-12.340e+7]");
    assert_round(
        "[3.14159265358979323846264338327950288419716939937510582097494459230781640628620899]");
    assert_round(
        "123456789012345678901234567890123456789012345678901234567890123456789012345678901");

    AUTO(json_free_auto)
    struct json *json = parsed("[0,12,9223372036854775807,9223372036854775808,"
                               "99999999999999999999,-1,-0,1.0,1e3,\"7\",true,null]");
    static const struct {
        bool integer;
        uint64_t value;
    } wanted[] = {{true, 0}, {true, 12}, {true, INT64_MAX}};
    const struct json *item = json_first(json);
    for (size_t i = 0; i < json_count(json); i++, item = json_next(item)) {
        uint64_t value = 77;
        bool integer = i < 3;
        assert_int_equal(json_uint(item, &value), integer);
        assert_int_equal(value, integer ? wanted[i].value : 77);
    }
    assert_null(item);
    assert_false(json_uint(NULL, &(uint64_t){0}));
}

static void prints_each_style(void **state)
{
    (void)state;
    AUTO(json_free_auto)
    struct json *json =
        parsed(" { \"b\" : [ 1 , { } , [ ] , \"x/y\" ] , \"a\" : { \"\\u00e9\" : null , "
               "\"z\" : true } , \"B\" : false } ");
    assert_prints(json, JSON_TART,
                  "{\"B\":false,\"a\":{\"z\":true,\"\xc3\xa9\":null},\"b\":[1,{},[],\"x\\/y\"]}");
    assert_prints(json, JSON_PLAIN,
                  "{\"b\":[1,{},[],\"x/y\"],\"a\":{\"\xc3\xa9\":null,\"z\":true},\"B\":false}");
    assert_prints(
        json, JSON_PRETTY,
        "{\n  \"b\": [\n    1,\n    {},\n    [],\n    \"x/y\"\n  ],\n  \"a\": {\n    \"\xc3\xa9\": "
        "null,\n    \"z\": true\n  },\n  \"B\": false\n}\n");
}

static void escapes_what_must_be(void **state)
{
    (void)state;
    AUTO(json_free_auto)
    struct json *json = parsed("\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0001\\u001F\\u007f \\u00e9 "
                               "\\ud83d\\uDE00 \xf0\x9f\x98\x80\"");
    assert_string_equal(json_string(json), "\" \\ / \b\f\n\r\t \x01\x1f\x7f \xc3\xa9 "
                                           "\xf0\x9f\x98\x80 \xf0\x9f\x98\x80");
    assert_prints(json, JSON_TART,
                  "\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0001\\u001f\x7f \xc3\xa9 \xf0\x9f\x98\x80 "
                  "\xf0\x9f\x98\x80\"");
}

/* Names from file systems may be anything; the document is valid all the same, and never a number.
 */
static void replaces_bytes_that_are_no_utf8(void **state)
{
    (void)state;
    AUTO(json_free_auto)
    struct json *json = json_new_string("\xff"
                                        "1\xc3(\xe2\x82");
    assert_int_equal(json_type(json), JSON_STRING);
    assert_prints(json, JSON_PLAIN,
                  "\"\xef\xbf\xbd"
                  "1\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void looks_up(void **state)
{
    (void)state;
    AUTO(json_free_auto)
    struct json *json = parsed("{\"a\":\"x\",\"A\":[1,\"y\"],\"n\":null,\"t\":true,\"\":{}}");
    assert_string_equal(json_string(json_get(json, "a")), "x");
    assert_int_equal(json_type(json_get(json, "A")), JSON_ARRAY);
    assert_int_equal(json_type(json_get(json, "n")), JSON_NULL);
    assert_int_equal(json_type(json_get(json, "")), JSON_OBJECT);
    assert_null(json_get(json, "b"));
    assert_null(json_get(json_get(json, "A"), "a"));
    assert_null(json_get(NULL, "a"));
    assert_null(json_string(json_get(json, "A")));
    assert_null(json_string(NULL));
    assert_null(json_number(json_get(json, "a")));
    assert_string_equal(json_number(json_first(json_get(json, "A"))), "1");
    assert_string_equal(json_key(json_first(json)), "a");
    assert_null(json_key(json_first(json_get(json, "A"))));
    assert_int_equal(json_count(json), 5);
    assert_int_equal(json_count(NULL), 0);
    bool truth = false;
    assert_true(json_bool(json_get(json, "t"), &truth));
    assert_true(truth);
    assert_false(json_bool(json_get(json, "n"), &truth));

    assert_string_equal(json_type_name(NULL), "absent");
    assert_string_equal(json_type_name(json_get(json, "n")), "null");
    assert_string_equal(json_type_name(json_get(json, "t")), "a boolean");
    assert_string_equal(json_type_name(json_first(json_get(json, "A"))), "a number");
    assert_string_equal(json_type_name(json_get(json, "a")), "a string");
    assert_string_equal(json_type_name(json_get(json, "A")), "an array");
    assert_string_equal(json_type_name(json), "an object");
}

static void makes_and_changes(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(json_free_auto) struct json *json = json_new_object();
    assert_int_equal(json_set_string(json, "s", "a/b", &err), 0);
    assert_int_equal(json_set_uint(json, "u", UINT64_MAX, &err), 0);
    assert_int_equal(json_set(json, "a", json_new_array(), &err), 0);
    struct json *array = json_get(json, "a");
    assert_int_equal(json_append(array, json_new_bool(true), &err), 0);
    assert_int_equal(json_append(array, json_new_null(), &err), 0);
    assert_int_equal(json_append(array, json_copy(json_get(json, "s")), &err), 0);
    assert_prints(json, JSON_PLAIN,
                  "{\"s\":\"a/b\",\"u\":18446744073709551615,\"a\":[true,null,\"a/b\"]}");

    /* In place, whether it is the first, the last, or one between; and a copy takes its new key. */
    assert_int_equal(json_set_uint(json, "s", 1, &err), 0);
    assert_int_equal(json_set(json, "a", json_copy(json_get(json, "s")), &err), 0);
    assert_int_equal(json_set_string(json, "u", "m", &err), 0);
    assert_int_equal(json_set_string(json, "z", "e", &err), 0);
    assert_prints(json, JSON_PLAIN, "{\"s\":1,\"u\":\"m\",\"a\":1,\"z\":\"e\"}");

    json_remove(json, "z");
    json_remove(json, "s");
    json_remove(json, "absent");
    assert_int_equal(json_set_string(json, "new", "n", &err), 0);
    assert_prints(json, JSON_PLAIN, "{\"u\":\"m\",\"a\":1,\"new\":\"n\"}");
    json_remove_prefix(json, "n");
    json_remove_prefix(NULL, "n");
    assert_prints(json, JSON_PLAIN, "{\"u\":\"m\",\"a\":1}");

    assert_int_equal(json_set(json, "x", NULL, &err), -1);
    assert_int_equal(err.class, ERROR_MEMORY);
    assert_int_equal(json_append(json, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_MEMORY);
}

static void copies_deeply(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *json = parsed("{\"a\":[1.50,{\"b\":\"c\"}],\"d\":-0}");
    AUTO(json_free_auto) struct json *copy = json_copy(json);
    json = json_free(json);
    assert_prints(copy, JSON_PLAIN, "{\"a\":[1.50,{\"b\":\"c\"}],\"d\":-0}");
    assert_null(json_free(NULL));
    assert_true(strlen(json_library()) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(reads_many_keys_quickly),
        cmocka_unit_test(keeps_numbers_exact),
        cmocka_unit_test(prints_each_style),
        cmocka_unit_test(escapes_what_must_be),
        cmocka_unit_test(replaces_bytes_that_are_no_utf8),
        cmocka_unit_test(looks_up),
        cmocka_unit_test(makes_and_changes),
        cmocka_unit_test(copies_deeply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
