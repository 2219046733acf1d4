/* Questions about many songs in one request: how they are asked, and how the answers are joined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "provider/bulk.h"

#define MBID_A "11111111-1111-4111-8111-111111111111"
#define MBID_B "22222222-2222-4222-8222-222222222222"
#define ROW_A \
    "\"recording_mbid\":\"" MBID_A "\",\"artist_credit_name\":\"Low Tide\",\"recording_name\":\"Grey Sand\"," \
    "\"release_name\":\"Shore\""
#define ROW_B "\"recording_mbid\":\"22222222-2222-4222-8222-222222222222\",\"artist_credit_name\":\"B\",\"recording_name\":\"C\""

static const struct provider_settings settings = {"http://127.0.0.1:1/", "t0ken", "http://127.0.0.1:2"};
static const struct provider_settings plain = {"http://127.0.0.1:1", "", "http://127.0.0.1:2"};
static const struct bulk_item items[] = {{"Low Tide", "Grey Sand", MBID_A}, {"Nobody", "Nothing", MBID_B}, {"B", "C", MBID_B}};

static struct candidate hits[3];
static struct provider_answer answer;

static void forget(void)
{
    for (size_t i = 0; i < ARRAY_LEN(hits); i++)
        candidate_deinit(&hits[i]);
    provider_answer_deinit(&answer);
}

static enum answer_class read_reply(const struct bulk *b, size_t n, const struct provider_reply *r)
{
    forget();
    b->read(items, n, r, hits, &answer);
    assert_int_equal(answer.candidates.count, 0);
    return answer.kind;
}

static enum answer_class read_text(const struct bulk *b, size_t n, int status, const char *body)
{
    struct provider_reply r = {.status = status, .body = slice_of(body)};

    return read_reply(b, n, &r);
}

/* --- asking ------------------------------------------------------------------------------------ */

static void lookup_posts_the_pairs_with_the_token(void **state)
{
    struct provider_request r;

    (void)state;
    assert_int_equal(bulk_lookup.build(&settings, items, 2, &r), 0);
    assert_string_equal(r.url, "http://127.0.0.1:1/1/metadata/lookup/");
    assert_string_equal(r.header, "Authorization: Token t0ken");
    assert_string_equal(r.body, "{\"recordings\":[{\"artist_name\":\"Low Tide\",\"recording_name\":\"Grey Sand\"},"
                                "{\"artist_name\":\"Nobody\",\"recording_name\":\"Nothing\"}]}");
    provider_request_deinit(&r);
}

static void labs_never_get_the_token(void **state)
{
    struct provider_request r;

    (void)state;
    assert_int_equal(bulk_labs.build(&settings, items, 1, &r), 0);
    assert_string_equal(r.url, "http://127.0.0.1:2/acr-lookup/json");
    assert_null(r.header);
    assert_string_equal(r.body, "[{\"artist_credit_name\":\"Low Tide\",\"recording_name\":\"Grey Sand\"}]");
    provider_request_deinit(&r);
}

static void metadata_and_dates_ask_by_identifier(void **state)
{
    struct provider_request r;

    (void)state;
    assert_int_equal(bulk_metadata.build(&plain, items, 2, &r), 0);
    assert_string_equal(r.url, "http://127.0.0.1:1/1/metadata/recording/");
    assert_null(r.header);
    assert_string_equal(r.body, "{\"recording_mbids\":[\"" MBID_A "\",\"" MBID_B "\"],\"inc\":\"artist tag release\"}");
    provider_request_deinit(&r);
    assert_int_equal(bulk_dates.build(&plain, items, 2, &r), 0);
    assert_string_equal(r.url, "http://127.0.0.1:1/recording?query=rid%3A%28" MBID_A "%20OR%20" MBID_B "%29&fmt=json&limit=2");
    assert_null(r.body);
    provider_request_deinit(&r);
}

static void no_request_is_larger_than_the_service_takes(void **state)
{
    static const struct bulk *const all[] = {&bulk_lookup, &bulk_labs, &bulk_metadata, &bulk_dates};
    struct bulk_item *many = mem_zalloc(101 * sizeof *many);

    (void)state;
    for (size_t i = 0; i < 101; i++)
        many[i] = items[0];
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct provider_request r;
        assert_int_equal(all[i]->build(&settings, many, all[i]->most + 1, &r), ERR_INVALID);
        assert_int_equal(all[i]->build(&settings, many, 0, &r), ERR_INVALID);
        assert_int_equal(all[i]->build(&settings, many, all[i]->most, &r), 0);
        assert_true(strlen(r.url) < 8000);
        provider_request_deinit(&r);
    }
    free(many);
}

static void key_is_what_the_service_compares(void **state)
{
    static const struct { const char *artist, *title, *key; } cases[] = {
        {"AC/DC", "Highway To Hell!", "acdchighwaytohell"}, {"acdc", "highway to hell", "acdchighwaytohell"},
        {"Bj\xc3\xb6rk", "J\xc3\xb3ga", "bjorkjoga"}, {"The The", "X", "thethex"},
        {"A & B", "C", "abc"}, {"A and B", "C", "aandbc"}, {"!!!", "Song", NULL}, {"Band", "???", NULL}, {"", "Song", NULL},
        {"Band", " ", NULL},
    };
    char *longest = mem_zalloc(251);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *key = bulk_key(cases[i].artist, cases[i].title);
        if (cases[i].key)
            assert_string_equal(key, cases[i].key);
        else
            assert_null(key);
        free(key);
    }
    memset(longest, 'x', 250);
    assert_null(bulk_key("y", longest));     /* one over-long pair would fail all fifty */
    longest[248] = '\0';
    free(bulk_key("y", longest));
    free(longest);
}

/* --- names ------------------------------------------------------------------------------------- */

static void rows_are_joined_by_index(void **state)
{
    (void)state;
    assert_int_equal(read_text(&bulk_lookup, 3, 200, "[{\"index\":2," ROW_B "},{\"index\":1,\"artist_name_arg\":\"Nobody\"},"
                                                     "{\"index\":0," ROW_A "}]"), ANSWER_FOUND);
    assert_string_equal(hits[0].mbid, MBID_A);
    assert_string_equal(hits[0].artist, "Low Tide");
    assert_string_equal(hits[0].title, "Grey Sand");
    assert_string_equal(hits[0].album, "Shore");
    assert_int_equal(hits[0].provider, PROVIDER_LISTENBRAINZ);
    assert_null(hits[1].mbid);
    assert_string_equal(hits[2].mbid, MBID_B);
    assert_int_equal(read_text(&bulk_labs, 3, 200, "[{\"index\":2," ROW_B "},{\"index\":0," ROW_A "}]"), ANSWER_FOUND);
    assert_string_equal(hits[0].mbid, MBID_A);
    assert_null(hits[1].mbid);
    assert_int_equal(read_text(&bulk_labs, 3, 200, "[]"), ANSWER_FOUND);
    forget();
}

static void half_a_list_is_no_answer(void **state)
{
    (void)state;
    /* the lookup has a row for each question; at the labs misses are absent */
    assert_int_equal(read_text(&bulk_lookup, 2, 200, "[{\"index\":0," ROW_A "}]"), ANSWER_FAILED);
    assert_int_equal(read_text(&bulk_lookup, 2, 200, "[]"), ANSWER_FAILED);
    assert_int_equal(read_text(&bulk_labs, 2, 200, "[{\"index\":7," ROW_A "},{\"x\":1},3]"), ANSWER_FAILED);
    assert_int_equal(read_text(&bulk_lookup, 1, 200, "{}"), ANSWER_FAILED);
    assert_int_equal(read_text(&bulk_labs, 1, 200, "\"x\""), ANSWER_FAILED);
    forget();
}

static void nonsense_in_a_row_is_a_miss(void **state)
{
    static const char *const rows[] = {
        "{\"index\":0,\"recording_mbid\":\"no\",\"artist_credit_name\":\"A\",\"recording_name\":\"B\"}",
        "{\"index\":0,\"recording_mbid\":\"" MBID_A "\",\"artist_credit_name\":7,\"recording_name\":\"B\"}",
        "{\"index\":0,\"recording_mbid\":\"" MBID_A "\",\"artist_credit_name\":\"A\",\"recording_name\":\" \"}",
        "{\"index\":\"0\",\"recording_mbid\":null}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *body = mem_printf("[%s]", rows[i]);
        assert_int_equal(read_text(&bulk_lookup, 1, 200, body), ANSWER_FOUND);
        assert_null(hits[0].mbid);
        assert_null(hits[0].artist);
        free(body);
    }
    forget();
}

/* --- classes ------------------------------------------------------------------------------------- */

static void answers_are_classed_and_none_is_an_invented_miss(void **state)
{
    static const struct { int status; const char *body; enum answer_class kind; bool slow; int wait; } cases[] = {
        {401, "{\"code\":401,\"error\":\"Invalid authorization token.\"}", ANSWER_KEY, false, 0},
        {200, "{\"code\":401,\"error\":\"You need a token\"}", ANSWER_KEY, false, 0},
        {429, "{\"code\":429,\"error\":\"too many\"}", ANSWER_REFUSED, true, 8},
        {503, "<html>", ANSWER_REFUSED, false, 0}, {500, "{}", ANSWER_FAILED, false, 0},
        {400, "{\"code\":400,\"error\":\"Recording 3 ...\"}", ANSWER_FAILED, false, 0},
        {404, "{\"error\":\"Not Found\"}", ANSWER_FAILED, false, 0}, {200, "<html>", ANSWER_FAILED, false, 0},
        {200, "", ANSWER_FAILED, false, 0}, {200, "[[[", ANSWER_FAILED, false, 0},
        {200, "{\"error\":{}}", ANSWER_FAILED, false, 0},
    };
    static const struct bulk *const all[] = {&bulk_lookup, &bulk_labs, &bulk_metadata};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(all); i++) {
        const struct bulk *b = all[i % ARRAY_LEN(all)];
        struct provider_reply r = {.status = cases[i / ARRAY_LEN(all)].status, .rate_reset_in = "7", .rate_remaining = "3",
                                   .body = slice_of(cases[i / ARRAY_LEN(all)].body)};
        assert_int_equal(read_reply(b, 1, &r), cases[i / ARRAY_LEN(all)].kind);
        assert_int_equal(answer.slow_down, cases[i / ARRAY_LEN(all)].slow);
        assert_int_equal(answer.retry_after_s, cases[i / ARRAY_LEN(all)].wait);
        assert_true(answer.detail[0]);
        assert_null(strstr(answer.detail, "t0ken"));
        assert_null(hits[0].mbid);
    }
    forget();
}

static void used_up_budget_is_waited_for(void **state)
{
    struct provider_reply r = {.status = 200, .rate_remaining = "0", .rate_reset_in = "6", .body = slice_of("[]")};

    (void)state;
    assert_int_equal(read_reply(&bulk_labs, 1, &r), ANSWER_FOUND);
    assert_int_equal(answer.pause_s, 7);
    r.rate_remaining = "1";             /* another one may be on its way */
    read_reply(&bulk_labs, 1, &r);
    assert_int_equal(answer.pause_s, 7);
    r.rate_remaining = "2";
    read_reply(&bulk_labs, 1, &r);
    assert_int_equal(answer.pause_s, 0);
    r.rate_remaining = "0";
    r.rate_reset_in = "99999999";       /* its windows are 10 s long */
    read_reply(&bulk_labs, 1, &r);
    assert_int_equal(answer.pause_s, 61);
    forget();
}

/* --- metadata and dates ---------------------------------------------------------------------------- */

static void official_genres_come_first_and_the_recordings_before_the_artists(void **state)
{
    (void)state;
    assert_int_equal(read_text(&bulk_metadata, 2, 200,
                               "{\"" MBID_A "\":{\"recording\":{\"name\":\"Grey Sand\",\"first_release_date\":\"1994-08-22\"},"
                               "\"artist\":{\"name\":\"Low Tide\"},\"release\":{\"name\":\"Shore\",\"year\":2003},"
                               "\"tag\":{\"recording\":[{\"tag\":\"seen live\",\"count\":90},{\"tag\":\"pop\",\"count\":50},"
                               "{\"tag\":\"trip-hop\",\"count\":3},{\"tag\":\"trip hop\",\"count\":2,\"genre_mbid\":\"x\"},"
                               "{\"tag\":\"electronic\",\"count\":4,\"genre_mbid\":\"x\"},"
                               "{\"tag\":\"jazz\",\"count\":0,\"genre_mbid\":\"x\"}],"
                               "\"artist\":[{\"tag\":\"rock\",\"count\":80,\"genre_mbid\":\"x\"}],\"release_group\":[]}}}"),
                     ANSWER_FOUND);
    assert_string_equal(hits[0].mbid, MBID_A);
    assert_string_equal(hits[0].genres[0], "Trip Hop");       /* both spellings together: 5 */
    assert_string_equal(hits[0].genres[1], "Electronic");
    assert_string_equal(hits[0].genres[2], "Rock");
    assert_int_equal(hits[0].year, 0);                          /* a date without a release group is weak */
    assert_int_equal(hits[0].year_weak, 1994);
    assert_null(hits[1].mbid);
    forget();
}

static void collections_of_various_artists_say_nothing_about_a_song(void **state)
{
    static const char *const tags = "\"tag\":{\"release_group\":[{\"tag\":\"disco\",\"count\":9,\"genre_mbid\":\"x\"}]}";
    char *various = mem_printf("{\"" MBID_A "\":{\"release\":{\"album_artist_name\":\"Various Artists\"},%s}}", tags);
    char *own = mem_printf("{\"" MBID_A "\":{\"release\":{\"album_artist_name\":\"Low Tide\"},%s}}", tags);

    (void)state;
    assert_int_equal(read_text(&bulk_metadata, 1, 200, various), ANSWER_FOUND);
    assert_null(hits[0].genres[0]);
    assert_int_equal(read_text(&bulk_metadata, 1, 200, own), ANSWER_FOUND);
    assert_string_equal(hits[0].genres[0], "Disco");
    free(various);
    free(own);
    forget();
}

static void unknown_identifiers_are_absent(void **state)
{
    (void)state;
    assert_int_equal(read_text(&bulk_metadata, 2, 200, "{}"), ANSWER_FOUND);
    assert_null(hits[0].mbid);
    assert_int_equal(read_text(&bulk_metadata, 2, 200, "{\"track\":[1],\"x\":{}}"), ANSWER_FAILED);
    assert_int_equal(read_text(&bulk_metadata, 2, 200, "[]"), ANSWER_FAILED);
    forget();
}

static void dates_are_joined_by_identifier(void **state)
{
#define RELEASE(date, secondary) \
    "{\"status\":\"Official\",\"title\":\"R\",\"date\":\"" date "\",\"release-group\":" \
    "{\"primary-type\":\"Album\",\"secondary-types\":[" secondary "]}}"
#define RECORDING(id, releases) \
    "{\"id\":\"" id "\",\"title\":\"T\",\"score\":100,\"artist-credit\":[{\"name\":\"A\",\"artist\":{\"name\":\"A\"}}]," \
    "\"releases\":[" releases "]}"
    (void)state;
    assert_int_equal(read_text(&bulk_dates, 2, 200, "{\"count\":2,\"recordings\":["
                                                    RECORDING(MBID_B, RELEASE("2009", "\"Compilation\"")) ","
                                                    RECORDING(MBID_A, RELEASE("1971-02", "")) "]}"), ANSWER_FOUND);
    assert_int_equal(hits[0].year, 1971);
    assert_int_equal(hits[1].year, 0);               /* only on a collection: weak */
    assert_int_equal(hits[1].year_weak, 2009);
    assert_int_equal(read_text(&bulk_dates, 2, 200, "{\"count\":0,\"recordings\":[]}"), ANSWER_FOUND);
    assert_null(hits[0].mbid);
    assert_int_equal(read_text(&bulk_dates, 1, 503, "{\"error\":\"The web server is currently busy.\"}"), ANSWER_REFUSED);
    assert_int_equal(read_text(&bulk_dates, 1, 404, "{\"error\":\"Not Found\"}"), ANSWER_FAILED);
    forget();
}

static void a_single_pair_tests_the_token_or_the_labs(void **state)
{
    static const struct wanted w = {"Low Tide", "Grey Sand", NULL, false};
    struct provider_reply r = {.status = 200, .body = slice_of("[{\"index\":0," ROW_A "}]")};
    struct provider_request q;

    (void)state;
    assert_int_equal(provider_listenbrainz.build(&settings, &w, 0, &q), 0);
    assert_non_null(strstr(q.url, "/1/metadata/lookup/"));
    provider_request_deinit(&q);
    assert_int_equal(provider_listenbrainz.build(&plain, &w, 0, &q), 0);
    assert_non_null(strstr(q.url, "acr-lookup"));
    provider_request_deinit(&q);
    assert_int_equal(provider_listenbrainz.build(&plain, &w, 1, &q), ERR_INVALID);
    forget();
    provider_listenbrainz.read(&w, 0, &r, &answer);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_int_equal(answer.candidates.count, 1);
    forget();
    r.body = slice_of("[{\"index\":0}]");
    provider_listenbrainz.read(&w, 0, &r, &answer);
    assert_int_equal(answer.kind, ANSWER_NOT_FOUND);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookup_posts_the_pairs_with_the_token),
        cmocka_unit_test(labs_never_get_the_token),
        cmocka_unit_test(metadata_and_dates_ask_by_identifier),
        cmocka_unit_test(no_request_is_larger_than_the_service_takes),
        cmocka_unit_test(key_is_what_the_service_compares),
        cmocka_unit_test(rows_are_joined_by_index),
        cmocka_unit_test(half_a_list_is_no_answer),
        cmocka_unit_test(nonsense_in_a_row_is_a_miss),
        cmocka_unit_test(answers_are_classed_and_none_is_an_invented_miss),
        cmocka_unit_test(used_up_budget_is_waited_for),
        cmocka_unit_test(official_genres_come_first_and_the_recordings_before_the_artists),
        cmocka_unit_test(collections_of_various_artists_say_nothing_about_a_song),
        cmocka_unit_test(unknown_identifiers_are_absent),
        cmocka_unit_test(dates_are_joined_by_identifier),
        cmocka_unit_test(a_single_pair_tests_the_token_or_the_labs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
