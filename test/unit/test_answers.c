/* Answers carried from one songbook to another: what is taken in, what is left, what is refused. */
#include "store_fixture.h"

#include "store/answers.h"

#define AT "2023-11-13T22:13:20Z" /* a day before NOW */

/* Takes in one answer, given as JSON. */
static int take(struct db *db, const char *json, struct answers_taken *taken)
{
    cJSON *answer = json_parse(slice_of(json), NULL);
    int rc;

    assert_non_null(answer);
    rc = answers_take(db, answer, NOW, taken, NULL);
    cJSON_Delete(answer);
    return rc;
}

/* The same, of an answer that says that nothing was found. */
static int take_none(struct db *db, const char *provider, const char *artist, const char *title, const char *at,
                     struct answers_taken *taken)
{
    char *json = mem_printf("{\"provider\":\"%s\",\"artist\":\"%s\",\"title\":\"%s\",\"at\":\"%s\","
                            "\"candidates\":null}", provider, artist, title, at);
    int rc = take(db, json, taken);

    free(json);
    return rc;
}

/* All that is stored, as the export tells it, without its brackets. */
static char *told(struct db *db)
{
    struct buf b;
    struct json_out o;
    char *next;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    assert_int_equal(answers_page(db, NULL, ANSWERS_PAGE_MAX, &o, &next, NULL), 0);
    assert_null(next);
    return buf_detach(&b);
}

static void assert_told(struct db *db, const char *expected)
{
    char *text = told(db);

    assert_string_equal(text ? text : "", expected);
    free(text);
}

static void assert_taken(struct answers_taken taken, int64_t stored, int64_t kept)
{
    assert_int_equal(taken.stored, stored);
    assert_int_equal(taken.kept, kept);
}

static void found_and_not_found_are_stored(void **state)
{
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};
    char *text;

    assert_int_equal(take(f->db,
                          "{\"provider\":\"lastfm\",\"artist\":\"abba\",\"title\":\"sos\",\"at\":\"" AT "\",\"candidates\":["
                          "{\"artist\":\"ABBA\",\"title\":\"SOS\",\"year\":1975}]}",
                          &taken),
                     0);
    text = told(f->db);
    assert_non_null(strstr(text, "\"at\":\"2023-11-13T22:13:20"));
    assert_non_null(strstr(text, "\"title\":\"SOS\""));
    assert_non_null(strstr(text, "1975"));
    free(text);
    assert_int_equal(take_none(f->db, "musicbrainz", "abba", "sos", AT, &taken), 0);
    text = told(f->db);
    assert_non_null(strstr(text, "\"candidates\":null"));
    free(text);
    assert_taken(taken, 2, 0);
}

static void newer_answer_takes_the_place_of_an_older_one(void **state)
{
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};
    char *before;

    assert_int_equal(take(f->db,
                          "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":["
                          "{\"artist\":\"A\",\"title\":\"B\"}]}",
                          &taken),
                     0);
    before = told(f->db);
    /* as old, and older: left */
    assert_int_equal(take_none(f->db, "lastfm", "a", "b", AT, &taken), 0);
    assert_int_equal(take_none(f->db, "lastfm", "a", "b", "2022-01-01T00:00:00Z", &taken), 0);
    assert_taken(taken, 1, 2);
    assert_told(f->db, before);
    free(before);
    assert_int_equal(take_none(f->db, "lastfm", "a", "b", "2023-11-14T00:00:00Z", &taken), 0);
    assert_taken(taken, 2, 2);
    before = told(f->db);
    assert_non_null(strstr(before, "2023-11-14T00:00:00"));
    assert_non_null(strstr(before, "\"candidates\":null"));
    free(before);
}

static void future_counts_as_now_and_gives_way_to_nothing_older(void **state)
{
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};
    char *text;

    assert_int_equal(take_none(f->db, "lastfm", "a", "b", "2099-01-01T00:00:00Z", &taken), 0);
    text = told(f->db);
    assert_non_null(strstr(text, "\"at\":\"2023-11-14T22:13:20"));    /* NOW */
    free(text);
    assert_int_equal(take_none(f->db, "lastfm", "a", "b", "2098-01-01T00:00:00Z", &taken), 0);
    assert_taken(taken, 1, 1);
}

static void answers_of_providers_and_pairs_stand_beside_each_other(void **state)
{
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};

    assert_int_equal(take_none(f->db, "lastfm", "a", "b", AT, &taken), 0);
    assert_int_equal(take_none(f->db, "listenbrainz", "a", "b", AT, &taken), 0);
    assert_int_equal(take_none(f->db, "lastfm", "b", "a", AT, &taken), 0);
    assert_int_equal(take_none(f->db, "lastfm", "", "ab", AT, &taken), 0);
    assert_taken(taken, 4, 0);
}

static void what_is_none_is_refused_and_nothing_of_it_stored(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "7",
        "{\"provider\":\"nobody\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":null}",
        "{\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":7,\"at\":\"" AT "\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"yesterday\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":1700000000,\"candidates\":null}",
        /* not folded: nobody would ever look it up */
        "{\"provider\":\"lastfm\",\"artist\":\"ABBA\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"artist\":\"a b\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":null}",
        /* the mark between artist and title would make another pair of it */
        "{\"provider\":\"lastfm\",\"artist\":\"a\\u001fb\",\"title\":\"c\",\"at\":\"" AT "\",\"candidates\":null}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":\"x\"}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":{}}",
        /* null says that nothing was found; leaving it out says nothing */
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\"}",
        "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"candidates\":7}",
    };
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (take(f->db, bad[i], &taken) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
    assert_taken(taken, 0, 0);
    assert_told(f->db, "");
}

static void key_has_a_longest_length(void **state)
{
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};

    for (int more = 0; more < 2; more++) {
        char *key = mem_zalloc(ANSWER_KEY_MAX + 2);

        memset(key, 'x', (size_t)(ANSWER_KEY_MAX + more));
        assert_int_equal(take_none(f->db, "lastfm", "a", key, AT, &taken), more ? ERR_INVALID : 0);
        free(key);
    }
    assert_taken(taken, 1, 0);
}

static void of_candidates_only_known_fields_are_kept(void **state)
{
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};
    char *text;

    assert_int_equal(take(f->db,
                          "{\"provider\":\"lastfm\",\"artist\":\"a\",\"title\":\"b\",\"at\":\"" AT "\",\"path\":\"/home/pi\","
                          "\"candidates\":["
                          "{\"artist\":\"A\",\"title\":\"B\",\"file_path\":\"/home/pi/a.mp4\"}]}",
                          &taken),
                     0);
    text = told(f->db);
    assert_non_null(strstr(text, "\"artist\":\"A\""));
    assert_null(strstr(text, "/home/pi"));
    free(text);
}

static void what_is_believed_no_longer_is_forgotten_in_steps(void **state)
{
    /* the 13th of November is a day before NOW: at 29 days of age an empty answer is too old, at 181 each */
    static const char found[] = "{\"provider\":\"%s\",\"artist\":\"%s\",\"title\":\"b\",\"at\":\"" AT "\","
                                "\"candidates\":[{\"artist\":\"A\",\"title\":\"B\"}]}";
    static const char *const providers[] = {"lastfm", "listenbrainz", "musicbrainz"};
    struct fixture *f = *state;
    struct answers_taken taken = {0, 0};
    char *place = NULL, *json, artist[8];
    int64_t gone, total = 0;
    int steps = 0;

    for (size_t p = 0; p < ARRAY_LEN(providers); p++)
        for (int i = 0; i < 4; i++) {
            snprintf(artist, sizeof artist, "a%d", i);
            json = mem_printf(found, providers[p], artist);
            assert_int_equal(i % 2 ? take(f->db, json, &taken) : take_none(f->db, providers[p], artist, "b", AT, &taken), 0);
            free(json);
        }
    assert_taken(taken, 12, 0);
    assert_int_equal(answers_forget(f->db, NOW, 100, &place, &gone, NULL), 0);
    assert_int_equal(gone, 0);
    assert_null(place);
    do {
        assert_int_equal(answers_forget(f->db, NOW + 28 * DAY, 5, &place, &gone, NULL), 0);
        assert_true(gone <= 3);   /* of five rows that stand beside each other */
        total += gone;
        steps++;
    } while (place);
    assert_int_equal(steps, 3);
    assert_int_equal(total, 6);   /* those that found nothing */
    assert_int_equal(answers_forget(f->db, NOW + 180 * DAY, 6, &place, &gone, NULL), 0);
    assert_int_equal(gone, 6);
    assert_int_equal(answers_forget(f->db, NOW + 180 * DAY, 6, &place, &gone, NULL), 0);
    assert_int_equal(gone, 0);
    assert_null(place);
    assert_told(f->db, "");
}

int main(void)
{
#define WITH_STORE(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(found_and_not_found_are_stored),
        WITH_STORE(newer_answer_takes_the_place_of_an_older_one),
        WITH_STORE(future_counts_as_now_and_gives_way_to_nothing_older),
        WITH_STORE(answers_of_providers_and_pairs_stand_beside_each_other),
        WITH_STORE(what_is_none_is_refused_and_nothing_of_it_stored),
        WITH_STORE(key_has_a_longest_length),
        WITH_STORE(of_candidates_only_known_fields_are_kept),
        WITH_STORE(what_is_believed_no_longer_is_forgotten_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
