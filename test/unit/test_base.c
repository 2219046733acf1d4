/* base/: bounds, errors, JSON and text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

static void buf_refuses_more_than_its_bound(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_true(buf_add_str(&b, "12345"));
    assert_false(buf_add_byte(&b, '6'));
    assert_true(b.overflow);
    assert_string_equal(buf_cstr(&b), "12345");
    buf_reset(&b);
    assert_true(buf_add_byte(&b, '7'));
    buf_deinit(&b);
}

static void every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (int code = 0; code > ERR_LIMIT_; code--) {
        assert_true(code == ERR_BUG || strcmp(err_name(code), "bug") != 0);
        assert_true(strlen(err_sentence(code)) > 5);
        for (int other = 0; other > code; other--)
            assert_string_not_equal(err_name(code), err_name(other));
    }
}

static void error_text_is_never_cut_inside_a_character(void **state)
{
    char longer[500];
    struct err e;

    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        memset(longer, 'a', sizeof longer);
        for (size_t i = (size_t)shift; i + 3 < sizeof longer; i += 3)
            memcpy(longer + i, "\xe2\x82\xac", 3);
        longer[sizeof longer - 1] = '\0';
        err_set(&e, ERR_INVALID, "%s", longer);
        assert_true(utf8_valid(slice_of(e.text)));
        assert_true(strlen(e.text) > 200);
    }
}

static void json_numbers_may_come_as_strings(void **state)
{
    cJSON *j = json_parse(SLICE_LIT("{\"a\":\"1315650\",\"b\":7,\"c\":\"x\",\"d\":null}"), NULL);

    (void)state;
    assert_int_equal(json_int(j, "a", -1), 1315650);
    assert_int_equal(json_int(j, "b", -1), 7);
    assert_int_equal(json_int(j, "c", -1), -1);
    assert_int_equal(json_int(j, "d", -1), -1);
    cJSON_Delete(j);
}

static void json_of_hostile_shape_is_refused(void **state)
{
    static const char *const bad[] = {"", "{", "{\"a\":1} x", "{\"a\":\"\xff\"}", "nope", "{\"a\":1,}"};
    struct buf deep;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(json_parse(slice_of(bad[i]), &e));
        assert_int_equal(e.code, ERR_MALFORMED);
    }
    buf_init(&deep, 0);
    for (int i = 0; i < 100000; i++)
        buf_add_byte(&deep, '[');
    assert_null(json_parse((struct slice){deep.data, deep.len}, &e));
    buf_deinit(&deep);
}

static void json_strings_are_escaped_and_repaired(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    json_quote(&b, SLICE_LIT("a\"\\\n\x01\xff\xe2\x80\xa8z"));
    assert_string_equal(buf_cstr(&b), "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\\u2028z\"");
    buf_deinit(&b);
}

static void file_uri_keeps_the_exact_bytes(void **state)
{
    char *uri = file_uri(SLICE_LIT("/s/a b\xff#\n.mp4"));

    (void)state;
    assert_string_equal(uri, "file:///s/a%20b%FF%23%0A.mp4");
    free(uri);
}

static void percent_decode_refuses_bad_escapes(void **state)
{
    static const char *const bad[] = {"%", "%4", "%zz", "ab%"};
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(percent_decode(&b, slice_of(bad[i]), false));
    buf_reset(&b);
    assert_true(percent_decode(&b, SLICE_LIT("a%41+%2b"), true));
    assert_string_equal(buf_cstr(&b), "aA +");
    buf_deinit(&b);
}

static void keys_are_masked_in_log_text(void **state)
{
    char url[] = "GET /2.0/?method=x&api_key=0123456789abcdef&format=json";
    char header[] = "Authorization: Token 01234567-89ab-cdef done";
    char prose[] = "Token is missing";

    (void)state;
    log_redact(url);
    assert_null(strstr(url, "0123456789abcdef"));
    assert_non_null(strstr(url, "&format=json"));
    log_redact(header);
    assert_null(strstr(header, "89ab"));
    log_redact(prose);
    assert_string_equal(prose, "Token is missing");
}

static void control_characters_never_reach_a_terminal(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    utf8_escape_controls(&b, SLICE_LIT("a\n\x1b[31m\xe2\x80\xae\xff\xc3\xa9"));
    assert_string_equal(buf_cstr(&b), "a\\x0a\\x1b[31m\\u{202e}\\xff\xc3\xa9");
    buf_deinit(&b);
}

static void iso_time_reads_back(void **state)
{
    char s[32];

    (void)state;
    clock_iso(INT64_C(1700000000000), s);
    assert_string_equal(s, "2023-11-14T22:13:20Z");
    assert_true(clock_parse_iso("2023-11-14T22:13:20Z") == INT64_C(1700000000000));
    assert_true(clock_parse_iso("2023-11-14 22:13:20") == INT64_C(1700000000000));
    assert_true(clock_parse_iso("yesterday") == -1);
    assert_true(clock_parse_iso("2023-13-14T22:13:20Z") == -1);
    assert_true(clock_parse_iso("2023-11-14T24:13:20Z") == -1);
    assert_true(clock_parse_iso("1969-12-31T23:59:59Z") == -1);
}

/* Also where time_t has 32 bits. The seconds are those of `date -u -d TIME +%s`. */
static void iso_time_goes_on_after_2038(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},          {"2000-02-29T23:59:59Z", 951868799},  {"2000-12-31T00:00:00Z", 978220800},
        {"2024-02-29T12:00:00Z", 1709208000}, {"2026-03-01T00:00:00Z", 1772323200}, {"2038-01-19T03:14:08Z", 2147483648},
        {"2099-12-31T23:59:59Z", 4102444799}, {"2100-03-01T00:00:00Z", 4107542400}, {"9999-12-31T23:59:59Z", 253402300799},
    };
    char s[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_true(clock_parse_iso(times[i].text) == times[i].seconds * 1000);
        clock_iso(times[i].seconds * 1000 + 999, s);
        assert_string_equal(s, times[i].text);
    }
    clock_iso(-1, s);
    assert_string_equal(s, "1970-01-01T00:00:00Z");
}

static void folders_above_a_file_are_made_and_the_one_that_cannot_be_is_named(void **state)
{
    char dir[] = "/tmp/songbook-base-XXXXXX", file[64], below[64];
    struct err e = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/a/b/file", dir);
    assert_int_equal(folders_make(file, &e), 0);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(mkdir(file, 0755), 0);   /* its folder is there */
    assert_int_equal(folders_make(file, &e), 0);
    rmdir(file);
    assert_int_equal(close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    snprintf(below, sizeof below, "%s/a/b/file/c/d", dir);
    assert_int_equal(folders_make(below, &e), ERR_IO);
    assert_non_null(strstr(e.text, "file/c'"));
    assert_int_equal(folders_make("file", &e), 0);
    unlink(file);
    for (*strrchr(file, '/') = '\0'; strlen(file) >= strlen(dir); *strrchr(file, '/') = '\0')
        assert_int_equal(rmdir(file), 0);
}

static void the_log_does_not_wait_for_a_reader(void **state)
{
    static char text[1 << 20];
    int ends[2], saved = dup(STDERR_FILENO);
    char *last;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    alarm(300);                      /* where it waits, it waits for ever */
    for (int i = 0; i < 5000; i++)
        log_warn("main", "%0100d", i);
    alarm(0);
    n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    log_warn("main", "read again");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    assert_non_null(strstr(text, "0000000000000 \n") ? NULL : text);
    n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    last = strstr(text, "read again");
    assert_non_null(last);
    assert_non_null(strstr(last, " lines of the log were lost before this"));
    close(ends[0]);
}

static void a_line_of_the_log_has_an_end(void **state)
{
    static char text[16384];
    char *long_text = mem_alloc(7001);
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t n;

    memset(long_text, 'x', 7000);
    long_text[7000] = '\0';
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_warn("main", "%s", long_text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    n = read(ends[0], text, sizeof text - 1);
    assert_int_equal(n, 4096);
    assert_int_equal(text[n - 1], '\n');
    close(ends[0]);
    free(long_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_refuses_more_than_its_bound),
        cmocka_unit_test(every_error_has_a_name_and_a_sentence),
        cmocka_unit_test(error_text_is_never_cut_inside_a_character),
        cmocka_unit_test(json_numbers_may_come_as_strings),
        cmocka_unit_test(json_of_hostile_shape_is_refused),
        cmocka_unit_test(json_strings_are_escaped_and_repaired),
        cmocka_unit_test(file_uri_keeps_the_exact_bytes),
        cmocka_unit_test(percent_decode_refuses_bad_escapes),
        cmocka_unit_test(keys_are_masked_in_log_text),
        cmocka_unit_test(control_characters_never_reach_a_terminal),
        cmocka_unit_test(folders_above_a_file_are_made_and_the_one_that_cannot_be_is_named),
        cmocka_unit_test(the_log_does_not_wait_for_a_reader),
        cmocka_unit_test(a_line_of_the_log_has_an_end),
        cmocka_unit_test(iso_time_reads_back),
        cmocka_unit_test(iso_time_goes_on_after_2038),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
