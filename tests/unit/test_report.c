/* test_report.c: the forms of a report say the same numbers, and nothing that an image is called
 * gets out of its place in any of them. */
#include "convert/fleet/report.h"

#include "convert/output/csv.h"
#include "formats/model/auto.h"
#include "tests/unit/tempdir.h"

static struct error err = ERROR_INIT;

#define HEAD(second, ms)                                                                           \
    "{\"kind\":\"event\",\"version\":1,\"time\":\"2026-11-24T13:30:" second "." ms                 \
    "Z\",\"run\":\"00000001\",\"event\":"
#define EVIL "=1+1</script><script>hacked=1</script>\\u2028`|\\u0007[x](y)<img src=x>"
#define CHUNK(offset, length, how)                                                                 \
    HEAD("02", "000")                                                                              \
    "\"chunk\",\"name\":\"a\",\"offset\":" offset ",\"length\":" length ",\"how\":\"" how "\"}\n"
#define PROGRESS(second, done)                                                                     \
    HEAD(second, "000") "\"progress\",\"name\":\"a\",\"done\":" done ",\"total\":1000}\n"

static const char log_text[] = HEAD(
    "00",
    "000") "\"run-begin\",\"command\":\"sync\",\"images\":[\"a\",\"" EVIL
           "\",\"nobody's\"]}\n" HEAD(
               "00",
               "000") "\"image-begin\",\"name\":\"a\",\"source\":\"s/s:1\",\"target\":\"t/t:1\","
                      "\"tag\":null,\"action\":\"convert\",\"source_size\":700,\"disk_size\":1000}"
                      "\n" PROGRESS("00", "0") PROGRESS("02", "400") PROGRESS("04", "1000") CHUNK(
                          "0", "300", "zero") CHUNK("300", "200", "carried") CHUNK("500", "100",
                                                                                   "carried")
                          CHUNK("550", "100", "damaged") CHUNK("800", "200", "reused") HEAD(
                              "05",
                              "000") "\"image-end\",\"name\":\"a\",\"status\":\"done\","
                                     "\"milliseconds\":5000,"
                                     "\"target_size\":600,\"bytes_read\":700,\"bytes_written\":500,"
                                     "\"bytes_reused\":100,\"blocks_encoded\":1,\"blocks_carried\":"
                                     "3,"
                                     "\"error\":null}\n" HEAD(
                                         "06", "000") "\"image-end\",\"name\":\"" EVIL
                                                      "\",\"source\":\"" EVIL
                                                      "\",\"target\":\"" EVIL
                                                      "\",\"status\":\"failed\",\"milliseconds\":0,"
                                                      "\"bytes_read\":9,"
                                                      "\"error\":{\"class\":\"io\",\"text\":\"" EVIL
                                                      "\",\"status\":74}}\n";

static struct json *report_of(const char *text)
{
    const char *path = in_tempdir("log");
    struct history history;
    put_text(path, text);
    if (history_read(&path, 1, &history, &err) < 0)
        fail_msg("%s", err.text);
    struct json *report = report_make(&history);
    assert_non_null(report);
    history_done(&history);
    return report;
}

static char *print(const struct json *report, enum report_form form)
{
    struct bytes text;
    bytes_init(&text, 16u << 20);
    if (report_print(report, form, &text, &err) < 0)
        fail_msg("%s", err.text);
    assert_non_null(bytes_text(&text, &err));
    assert_int_equal(strlen((char *)text.data), text.size);
    return (char *)text.data;
}

static uint64_t number(const struct json *object, const char *key)
{
    uint64_t value;
    if (!json_uint(json_get(object, key), &value))
        fail_msg("%s is no number", key);
    return value;
}

static void test_numbers(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *report = report_of(log_text);
    const struct json *totals = json_get(report, "totals"), *saved = json_get(totals, "saved");
    assert_int_equal(number(totals, "images"), 2);
    assert_int_equal(number(totals, "planned"), 3);
    assert_int_equal(number(totals, "untaken"), 1);
    assert_int_equal(number(totals, "made"), 1);
    assert_int_equal(number(json_get(totals, "statuses"), "done"), 1);
    assert_int_equal(number(json_get(totals, "statuses"), "failed"), 1);
    assert_int_equal(number(totals, "disk_size"), 1000);
    assert_int_equal(number(totals, "bytes_read"), 709);
    assert_int_equal(number(totals, "work_ms"), 5000);
    assert_int_equal(number(totals, "rate"), 200);
    assert_int_equal(number(saved, "not_sent"), 100);
    assert_int_equal(number(saved, "smaller_by"), 100);
    assert_int_equal(number(saved, "carried_permille"), 750);
    assert_int_equal(number(report, "elapsed_ms"), 6000);
    assert_int_equal(json_count(json_get(report, "failures")), 1);
    assert_int_equal(json_count(json_get(report, "untaken")), 1);
}

/* Alike neighbours are one, what overlaps is left out, and what nobody told of is a gap. */
static void test_strip(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, length;
        const char *how;
    } wanted[] = {{0, 300, "zero"}, {300, 300, "carried"}, {800, 200, "reused"}};
    AUTO(json_free_auto) struct json *report = report_of(log_text);
    const struct json *image = json_first(json_get(report, "images"));
    const struct json *part = json_first(json_get(image, "strip"));
    for (size_t i = 0; i < 3; i++, part = json_next(part)) {
        assert_non_null(part);
        assert_int_equal(number(part, "offset"), wanted[i].offset);
        assert_int_equal(number(part, "length"), wanted[i].length);
        assert_string_equal(json_string(json_get(part, "how")), wanted[i].how);
    }
    assert_null(part);
    assert_int_equal(number(json_get(image, "chunks"), "carried"), 300);
    assert_int_equal(number(json_get(image, "chunks"), "damaged"), 0);
}

#define EVENT(members) HEAD("00", "000") members "}\n"

/* What has no name is nobody, an empty text is none, and no sum or rate passes what JSON is read
 * as. */
static void test_extremes(void **state)
{
    (void)state;
    static const char most[] = EVENT("\"run-begin\",\"images\":[\"\"]")
        EVENT("\"image-begin\",\"name\":\"\",\"source\":\"s/s:1\"")
            EVENT("\"image-end\",\"name\":\"a\",\"source\":\"\",\"status\":\"done\","
                  "\"milliseconds\":1,\"disk_size\":9223372036854775807,"
                  "\"error\":{\"class\":\"\",\"text\":\"\"}");
    AUTO(json_free_auto) struct json *report = report_of(most);
    const struct json *image = json_first(json_get(report, "images"));
    assert_int_equal(json_count(json_get(report, "images")), 1);
    assert_int_equal(json_count(json_get(report, "untaken")), 0);
    assert_int_equal(json_type(json_get(image, "error")), JSON_NULL);
    assert_int_equal(number(image, "rate"), INT64_MAX);
    assert_int_equal(number(json_get(report, "totals"), "rate"), INT64_MAX);
}

/* However many chunks, the strip stays short, damage is seen, and the sums are exact. */
static void test_long_strip(void **state)
{
    (void)state;
    FILE *file = fopen(in_tempdir("long"), "w");
    assert_non_null(file);
    fputs(HEAD("00", "000") "\"image-begin\",\"name\":\"a\"}\n", file);
    for (unsigned i = 0; i < 5000; i++)
        fprintf(
            file,
            HEAD("01",
                 "000") "\"chunk\",\"name\":\"a\",\"offset\":%u,\"length\":100,\"how\":\"%s\"}\n",
            i * 100,
            i == 2500    ? "damaged"
            : i % 2 == 0 ? "zero"
                         : "carried");
    fclose(file);
    char *text = get_file(in_tempdir("long"), NULL);
    AUTO(json_free_auto) struct json *report = report_of(text);
    free(text);
    const struct json *image = json_first(json_get(report, "images")),
                      *strip = json_get(image, "strip");
    size_t damaged = 0;
    uint64_t end = 0;
    assert_in_range(json_count(strip), 2, 400);
    for (const struct json *part = json_first(strip); part != NULL; part = json_next(part)) {
        assert_int_equal(number(part, "offset"), end);
        end += number(part, "length");
        damaged += strcmp(json_string(json_get(part, "how")), "damaged") == 0;
    }
    assert_int_equal(end, 500000);
    assert_int_equal(damaged, 1);
    assert_int_equal(number(json_get(image, "chunks"), "carried"), 250000);
    assert_int_equal(number(json_get(image, "chunks"), "damaged"), 100);
}

static void test_rates(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *report = report_of(log_text);
    static const uint64_t wanted[] = {200, 200, 300, 300, 0};
    const struct json *step = json_first(json_get(report, "rate"));
    assert_int_equal(number(report, "rate_step_ms"), 1000);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++, step = json_next(step)) {
        assert_non_null(step);
        assert_int_equal(number(step, "bytes_per_second"), wanted[i]);
    }
    assert_null(step);
}

/* --- the forms -----------------------------------------------------------------------------------
 */

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void test_csv(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *report = report_of(log_text);
    AUTO_FREE char *text = print(report, REPORT_CSV);
    assert_int_equal(count_of(text, "\r\n"), 4);
    assert_int_equal(strncmp(text, "name,status,why,source,target,", 30), 0);
    assert_non_null(
        strstr(text, "\r\na,done,,s/s:1,t/t:1,,convert,,,,1000,700,600,700,500,100,1,3,"));
    assert_non_null(strstr(text, "\"'=1+1</script>"));
    assert_null(strstr(text, ",=1"));
    assert_null(strchr(text, '\a'));
    assert_non_null(strstr(text, "\r\n\"nobody's\",untaken,"));
}

static void test_markdown(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *report = report_of(log_text);
    AUTO_FREE char *text = print(report, REPORT_MARKDOWN);
    assert_non_null(strstr(text, "| Disk | 1000 bytes (1000 bytes) |"));
    assert_non_null(strstr(text, "| Read | 709 bytes (709 bytes) |"));
    /* in a code span with more ticks than the name has, its bar kept from ending the cell */
    assert_non_null(strstr(text, "| ``=1+1</script><script>"));
    assert_non_null(strstr(text, "`\\|?[x](y)<img src=x>``"));
    assert_non_null(strstr(text, "* `nobody's`\n"));
    assert_null(strchr(text, '\a'));
}

static void test_page(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *report = report_of(log_text);
    AUTO_FREE char *text = print(report, REPORT_HTML);
    assert_int_equal(count_of(text, "<script"), 2);
    assert_int_equal(count_of(text, "</script"), 2);
    assert_int_equal(count_of(text, "<img"), 0);
    assert_int_equal(count_of(text, "\xe2\x80\xa8"), 0);
    assert_int_equal(count_of(text, "{{"), 0);
    assert_int_equal(count_of(text, "http://www.w3.org/2000/svg"), 1);
    assert_int_equal(count_of(text, "://"), 1); /* it asks for nothing */
    assert_int_equal(count_of(text, "style=\""), 0);
    assert_non_null(strstr(text, "content=\"default-src 'none'; "));
    /* the data in it is the report */
    static const char mark[] = "<script id=\"data\" type=\"application/json\">";
    const char *data = strstr(text, mark);
    assert_non_null(data);
    data += sizeof mark - 1;
    struct json *found;
    AUTO_FREE char *wanted = print(report, REPORT_JSON);
    assert_int_equal(
        json_parse(data, (size_t)(strstr(data, "</script>") - data), 1u << 20, &found, &err), 0);
    AUTO_FREE char *again = print(found, REPORT_JSON);
    assert_string_equal(again, wanted);
    json_free(found);
}

static void test_nothing(void **state)
{
    (void)state;
    AUTO(json_free_auto) struct json *report = report_of("");
    for (enum report_form form = REPORT_JSON; form <= REPORT_HTML; form++)
        free(print(report, form));
    assert_int_equal(number(json_get(report, "totals"), "images"), 0);
}

static void test_forms(void **state)
{
    (void)state;
    enum report_form form;
    assert_true(report_form_of("a.b/r.html", &form) && form == REPORT_HTML);
    assert_true(report_form_of("r.md", &form) && form == REPORT_MARKDOWN);
    assert_true(report_form_of("r.csv", &form) && form == REPORT_CSV);
    assert_true(report_form_of("r.json", &form) && form == REPORT_JSON);
    assert_false(report_form_of(".md", &form));
    assert_false(report_form_of("r.htm", &form));
    assert_false(report_form_of("html", &form));
}

/* --- cells ---------------------------------------------------------------------------------------
 */

static void test_cells(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"plain", "plain"}, {"a,b", "\"a,b\""},      {"say \"x\"", "\"say \"\"x\"\"\""},
        {"=1", "\"'=1\""},  {"+1", "\"'+1\""},       {"-1", "\"'-1\""},
        {"@x", "\"'@x\""},  {"\t=1", "\"'\t=1\""},   {"\r=1", "\"'?=1\""},
        {"a\nb", "a?b"},    {"a\rb,c", "\"a?b,c\""}, {"", ""},
        {NULL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(bytes_done) struct bytes text;
        struct csv csv;
        bytes_init(&text, 1000);
        csv_begin(&csv, &text, &err);
        csv_text(&csv, rows[i][0]);
        csv_uint(&csv, true, 7);
        csv_uint(&csv, false, 7);
        csv_row(&csv);
        assert_int_equal(csv.status, 0);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s,7,\r\n", rows[i][1]);
        assert_string_equal(bytes_text(&text, &err), wanted);
    }
    AUTO(bytes_done) struct bytes small;
    struct csv csv;
    bytes_init(&small, 3);
    csv_begin(&csv, &small, &err);
    csv_text(&csv, "too long");
    csv_row(&csv);
    assert_int_equal(csv.status, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_strip),
        cmocka_unit_test(test_long_strip), cmocka_unit_test(test_rates),
        cmocka_unit_test(test_csv),        cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_page),       cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_extremes),   cmocka_unit_test(test_forms),
        cmocka_unit_test(test_cells),
    };
    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
