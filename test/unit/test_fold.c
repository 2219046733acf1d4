/* Folded keys and display text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"

struct row {
    const char *text, *want;
};

static void check(char *(*fold)(struct slice), const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *got = fold(slice_of(rows[i].text));
        assert_string_equal(got, rows[i].want);
        free(got);
    }
}

static void key_unites_spellings(void **state)
{
    static const struct row rows[] = {
        {"The Beatles", "beatles"},          {"the  BEATLES ", "beatles"},      {"Simon & Garfunkel", "simon and garfunkel"},
        {"A&B", "a and b"},                  {"Don't", "dont"},                 {"Don\xe2\x80\x99t", "dont"},
        {"R.E.M.", "rem"},                   {"Beyonc\xc3\xa9", "beyonce"},     {"Beyonce\xcc\x81", "beyonce"},
        {"AC/DC", "ac dc"},                  {"Stra\xc3\x9f""e", "strasse"},    {"\xef\xbc\xa1\xef\xbc\xa2", "ab"},
        {"The", "the"},                      {"The The", "the"},                {"Motörhead", "motorhead"},
        {"Ёлка", "елка"},                    {"ガ", "ガ"},                      {"태연", "태연"},
        {"", ""},                            {"!!!", "!!!"},                    {"a\xffz", "a z"},
    };

    (void)state;
    check(fold_key, rows, ARRAY_LEN(rows));
}

static void search_keeps_the_article_and_reads_stylised_letters(void **state)
{
    static const struct row rows[] = {
        {"The Beatles", "the beatles"}, {"A$AP", "asap"}, {"P!nk", "pink"},
        {"Wham!", "wham"}, {"BLØF", "blof"}, {"Łódź", "lodz"}, {"Ke$ha", "kesha"},
    };

    (void)state;
    check(fold_search, rows, ARRAY_LEN(rows));
}

static void display_is_composed_and_trimmed(void **state)
{
    static const struct row rows[] = {
        {"  Ada \t Vale\n", "Ada Vale"},     {"Cafe\xcc\x81", "Café"},   {"a\xe2\x80\xae""b", "ab"},
        {"a\xe3\x80\x80""b", "a b"},         {"a\xff", "a\xef\xbf\xbd"}, {"", ""},
    };

    (void)state;
    check(fold_display, rows, ARRAY_LEN(rows));
}

static void pair_separates_artist_from_title(void **state)
{
    char *a = fold_pair("The Ada Vale", "Blue Harbour"), *b = fold_pair("Ada", "Vale Blue Harbour");

    (void)state;
    assert_string_equal(a, "adavale\x1f" "blueharbour");
    assert_string_not_equal(a, b);
    free(a);
    free(b);
    a = fold_pair(NULL, "x");
    assert_string_equal(a, "\x1fx");
    free(a);
}

static void key_never_exceeds_four_times_the_input(void **state)
{
    static const char *const long_ones[] = {
        "\xef\xb7\xba", "\xef\xb7\xba\xef\xb7\xba\xef\xb7\xba", "&&&&", "\xe1\xba\x9e\xc3\x9f"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(long_ones); i++) {
        char *key = fold_key(slice_of(long_ones[i]));
        assert_true(strlen(key) <= 4 * strlen(long_ones[i]));
        assert_true(utf8_valid(slice_of(key)));
        free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_unites_spellings),
        cmocka_unit_test(search_keeps_the_article_and_reads_stylised_letters),
        cmocka_unit_test(display_is_composed_and_trimmed),
        cmocka_unit_test(pair_separates_artist_from_title),
        cmocka_unit_test(key_never_exceeds_four_times_the_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
