/* Batches: when songs are asked for together, what a stage's end does, and that each end finds everything in order. */
#include "enrich_room.h"

#define MBID_1 "11111110-1111-4111-8111-111111111111"
#define ROW(i, title) \
    "{\"index\":" #i ",\"recording_mbid\":\"1111111" #i "-1111-4111-8111-111111111111\",\"artist_credit_name\":\"Artist\"," \
    "\"recording_name\":\"" title "\",\"release_name\":\"Album\"}"
#define LOOKUP_ONE JSON_HEAD "[" ROW(0, "Title 1") "]"
#define LOOKUP_TWO JSON_HEAD "[" ROW(1, "Title 2") "," ROW(0, "Title 1") "]"
#define LOOKUP_TOO_FAST \
    "HTTP/1.1 429 Slow\r\nContent-Type: application/json\r\nX-RateLimit-Reset-In: 9\r\nConnection: close\r\n\r\n" \
    "{\"code\":429,\"error\":\"no\"}"
#define LOOKUP_NONSENSE "HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n{}"
#define LB_NO_TOKEN \
    "HTTP/1.1 401 No\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"code\":401,\"error\":\"token\"}"
#define METADATA_ONE \
    JSON_HEAD "{\"" MBID_1 "\":{\"recording\":{\"name\":\"Title 1\"},\"artist\":{\"name\":\"Artist\"}," \
              "\"tag\":{\"recording\":[{\"tag\":\"rock\",\"count\":3,\"genre_mbid\":\"x\"}]},\"release\":{}}}"
#define DATES_ONE \
    JSON_HEAD "{\"count\":1,\"recordings\":[{\"id\":\"" MBID_1 "\",\"title\":\"Title 1\",\"artist-credit\":" \
              "[{\"name\":\"Artist\",\"artist\":{\"name\":\"Artist\"}}],\"releases\":[{\"status\":\"Official\"," \
              "\"title\":\"Album\",\"date\":\"1971\",\"release-group\":{\"primary-type\":\"Album\"}}]}]}"

#define NAMED "SELECT count(*) FROM songs WHERE metadata_status = 'enriched'"
#define WITH_GENRE "SELECT count(*) FROM songs WHERE genre = 'Rock'"
#define WITH_YEAR "SELECT count(*) FROM songs WHERE year = 1971"

static int batch_setup(void **state)
{
    struct room *r;

    if (room_setup(state))
        return -1;
    r = *state;
    r->scripts[LOOKUP_SCRIPT] = (struct script){"/1/metadata/lookup/", SCRIPT_SEND_CLOSE, LOOKUP_ONE, 0, NULL};
    r->scripts[LABS_SCRIPT] = (struct script){"/acr-lookup/json", SCRIPT_SEND_CLOSE, JSON_HEAD "[]", 0, NULL};
    r->scripts[METADATA_SCRIPT] = (struct script){"/1/metadata/recording/", SCRIPT_SEND_CLOSE, METADATA_ONE, 0, NULL};
    r->scripts[MB_SCRIPT].text = DATES_ONE;
    set(r, "listenbrainz.enabled", "yes");
    set_url(r, "listenbrainz.url", r->server.port, "");
    set_url(r, "listenbrainz.labs_url", r->server.port, "");
    set(r, "listenbrainz.rate", "100");
    set(r, "API_KEYS.listenbrainz", "11111111-2222-3333-4444-555555555555");
    set(r, "lastfm.enabled", "no");
    return 0;
}

static struct endpoint *lookup_of(struct room *r)
{
    return &lane_of(r, PROVIDER_LISTENBRAINZ)->ends[LISTENBRAINZ_LOOKUP];
}

static bool has_batch(struct room *r)
{
    return !list_is_empty(&r->w->batches);
}

static bool lookup_is_on_its_way(struct room *r)
{
    return r->ready && lookup_of(r)->in_flight == 1;
}

static void stages_store_names_then_genre_then_date(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, NAMED), 1);
    assert_int_equal(ask_db(r, WITH_GENRE), 1);
    assert_int_equal(ask_db(r, WITH_YEAR), 1);
    assert_int_equal(ask_db(r, ATTEMPTS), 2);      /* named, and searched for its date */
    assert_int_equal(lookup_of(r)->requests, 1);
    assert_true(count_told(r, EVENT_SONG, "\"by\":\"listenbrainz\"") == 2);
    assert_true(count_told(r, EVENT_SONG, "\"by\":\"musicbrainz\"") >= 1);
    assert_int_equal(r->w->named, 1);
}

static void a_single_song_goes_at_once(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready);
    /* the clock stands still but for the machine's own: no second passes before the request */
    UNTIL(r, lookup_of(r)->requests == 1);
    assert_int_equal(lane_of(r, PROVIDER_LISTENBRAINZ)->company_since, 0);
}

static void a_few_songs_wait_a_second_for_company(void **state)
{
    struct room *r = *state;
    struct lane *l;

    r->scripts[LOOKUP_SCRIPT].text = LOOKUP_TWO;
    add_numbered(r, 1);
    add_numbered(r, 2);
    start(r);
    UNTIL(r, r->ready);
    l = lane_of(r, PROVIDER_LISTENBRAINZ);
    UNTIL(r, l->company_since || has_batch(r) || lookup_of(r)->requests);
    if (!l->company_since)
        return;                        /* the machine stood still for that second */
    clock_advance(&r->clock, 1001);
    enrich_wake(r->w);
    UNTIL(r, lookup_of(r)->requests == 1);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, NAMED), 2);
    assert_int_equal(lookup_of(r)->requests, 1);
}

static void a_wanted_song_waits_for_nobody(void **state)
{
    struct room *r = *state;

    add_numbered(r, 2);
    add_numbered(r, 3);
    add(r, "/s/1", "Artist", "Title 1", 7);
    start(r);
    UNTIL(r, r->ready && lookup_of(r)->requests >= 1);
    UNTIL(r, ask_db(r, NAMED) >= 1);
    assert_int_equal(ask_db(r, "SELECT id FROM songs WHERE metadata_status = 'enriched'"), 3);
}

static void many_wanted_songs_share_requests(void **state)
{
    struct room *r = *state;

    set(r, "musicbrainz.enabled", "no");
    set(r, "listenbrainz.rate", "5");
    set(r, "API_KEYS.listenbrainz", "");     /* the labs take that nobody knows the songs */
    for (int i = 0; i < 230; i++) {
        char path[32], title[32];
        snprintf(path, sizeof path, "/s/%d", i);
        snprintf(title, sizeof title, "Tune %d", i);
        add(r, path, "Artist", title, 10);
    }
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, ATTEMPTS), 230);
    /* two full batches and the rest, and at most one small batch beside each */
    assert_in_range(lane_of(r, PROVIDER_LISTENBRAINZ)->ends[LISTENBRAINZ_LABS].requests, 3, 8);
}

static void wanted_songs_that_come_while_a_batch_waits_share_requests(void **state)
{
    struct room *r = *state;
    char path[32], title[32];

    set(r, "musicbrainz.enabled", "no");
    set(r, "listenbrainz.rate", "2");
    set(r, "API_KEYS.listenbrainz", "");
    for (int i = 0; i < 260; i++) {
        snprintf(path, sizeof path, "/s/%d", i);
        snprintf(title, sizeof title, "Tune %d", i);
        add_guessed(r, path, "Artist", title, 0, 0.65);      /* the order is open: two rows a song, two requests a batch */
    }
    start(r);
    UNTIL(r, r->ready && has_batch(r));
    write_now(r, "UPDATE enrichment_queue SET priority = 10 WHERE song_id > 200", 0);
    enrich_wake(r->w);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, ATTEMPTS), 260);
    /* three batches of the many, one of the wanted, two requests each */
    assert_in_range(lane_of(r, PROVIDER_LISTENBRAINZ)->ends[LISTENBRAINZ_LABS].requests, 6, 10);
}

static void copies_share_one_question(void **state)
{
    struct room *r = *state;

    for (int i = 0; i < 3; i++)
        add(r, i == 0 ? "/s/a" : i == 1 ? "/s/b" : "/s/c", "Artist", "Title 1", 5);
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, NAMED), 3);
    assert_int_equal(ask_db(r, WITH_YEAR), 3);
    assert_int_equal(lookup_of(r)->requests, 1);
}

static void a_refusal_gives_the_whole_batch_back(void **state)
{
    struct room *r = *state;

    r->scripts[LOOKUP_SCRIPT].text = LOOKUP_TOO_FAST;
    set(r, "musicbrainz.enabled", "no");
    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && lane_of(r, PROVIDER_LISTENBRAINZ)->refused == 1 && !has_batch(r));
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, IN_FLIGHT), 0);
    assert_int_equal(ask_db(r, QUEUED), 1);
    assert_in_range(lane_rest_ms(lane_of(r, PROVIDER_LISTENBRAINZ)), 5000, 11100);   /* its window, and one more second */
    r->scripts[LOOKUP_SCRIPT].text = LOOKUP_ONE;
    clock_advance(&r->clock, 12 * 1000);
    enrich_wake(r->w);
    UNTIL(r, ask_db(r, NAMED) == 1);
}

static void a_name_that_leaves_nothing_to_ask_is_no_answer_of_the_provider(void **state)
{
    struct room *r = *state;
    struct lane *l;

    r->scripts[MB_SCRIPT].text = MB_UNKNOWN;
    add_guessed(r, "/m/Tune.mp4", NULL, "Tune", 0, 0.3);
    start(r);
    l = lane_of(r, PROVIDER_LISTENBRAINZ);
    UNTIL(r, is_done(r));
    assert_int_equal(l->requests, 0);
    assert_int_equal(l->not_found, 0);
}

static void an_outage_rests_one_endpoint_and_lets_musicbrainz_go_on(void **state)
{
    struct room *r = *state;
    struct lane *l;

    r->scripts[LOOKUP_SCRIPT].text = LOOKUP_NONSENSE;
    r->scripts[MB_SCRIPT].text = MB_UNKNOWN;
    for (int i = 1; i <= 30; i++)
        add_numbered(r, i);
    start(r);
    l = lane_of(r, PROVIDER_LISTENBRAINZ);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, FAILED_SONGS), 30);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'not_found'"), 30);
    assert_string_equal(lane_word(l), "failing");
    assert_int_equal(lookup_of(r)->failures, 5);
    assert_int_equal(endpoint_rest_ms(l, LISTENBRAINZ_METADATA), 0);
}

/* Turns the clock from rest to rest until that many more requests were answered. */
static void sit_out(struct room *r, uint64_t more)
{
    uint64_t until = lookup_of(r)->requests + more;

    while (lookup_of(r)->requests < until) {
        uint64_t before = lookup_of(r)->requests;
        UNTIL(r, enrich_is_idle(r->w) && endpoint_rest_ms(lane_of(r, PROVIDER_LISTENBRAINZ), LISTENBRAINZ_LOOKUP) > 0);
        clock_advance(&r->clock, 11 * 60 * 1000);
        enrich_wake(r->w);
        UNTIL(r, lookup_of(r)->requests > before);
    }
    UNTIL(r, enrich_is_idle(r->w));
}

static void outages_make_no_song_fail(void **state)
{
    struct room *r = *state;
    int requests;

    set(r, "musicbrainz.enabled", "no");
    r->scripts[LOOKUP_SCRIPT].text = LOOKUP_NONSENSE;
    for (int i = 1; i <= 30; i++)
        add_numbered(r, i);
    start(r);
    UNTIL(r, r->ready);
    sit_out(r, 12);          /* the first outage, and as many looks as three others would bring */
    requests = r->server.requests;
    assert_int_equal(ask_db(r, FAILED_SONGS), 0);
    assert_int_equal(ask_db(r, QUEUED), 30);
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM enrichment_queue WHERE failures > 0 OR gave_up <> 0"), 0);
    assert_in_range(requests, 12, 24);
}

static void a_pause_while_a_batch_fails_counts_nothing(void **state)
{
    struct room *r = *state;
    struct worker_state paused = {.known = true, .running = true, .paused = true};

    set(r, "musicbrainz.enabled", "no");
    r->scripts[LOOKUP_SCRIPT].text = LOOKUP_NONSENSE;
    for (int i = 1; i <= 30; i++)
        add_numbered(r, i);
    start(r);
    UNTIL(r, lookup_is_on_its_way(r));
    r->w->wish = paused;
    lane_drop_turns(lane_of(r, PROVIDER_LISTENBRAINZ), ALL_ENDS);
    UNTIL(r, !has_batch(r));
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, "SELECT sum(failures) FROM enrichment_queue"), 0);
}

static void without_a_token_the_labs_are_asked_and_when_they_lock_the_others(void **state)
{
    struct room *r = *state;
    struct lane *l;

    set(r, "API_KEYS.listenbrainz", "");
    r->scripts[LABS_SCRIPT].text = LB_NO_TOKEN;
    r->scripts[MB_SCRIPT].text = MB_UNKNOWN;
    add_numbered(r, 1);
    start(r);
    l = lane_of(r, PROVIDER_LISTENBRAINZ);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, FAILED_SONGS), 1);
    assert_int_equal(ask_db(r, ATTEMPTS), 1);        /* the locked door cost none */
    assert_string_equal(lane_word(l), "locked");
    assert_false(lane_is_usable(l));
    clock_advance(&r->clock, 25LL * 3600 * 1000);    /* it is tried again the next day */
    assert_true(lane_is_usable(l));
    set(r, "API_KEYS.listenbrainz", "11111111-2222-3333-4444-555555555555");
    enrich_reconfigure(r->w);
    assert_int_equal(lane_front(l), LISTENBRAINZ_LOOKUP);
}

static void a_refused_token_is_remembered_and_the_labs_go_on(void **state)
{
    struct room *r = *state;
    struct lane *l;

    r->scripts[LOOKUP_SCRIPT].text = LB_NO_TOKEN;
    r->scripts[LABS_SCRIPT].text = LOOKUP_ONE;
    add_numbered(r, 1);
    start(r);
    l = lane_of(r, PROVIDER_LISTENBRAINZ);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, NAMED), 1);
    assert_string_equal(lane_word(l), "key_refused");
    assert_true(lane_is_usable(l));
    assert_int_equal(ask_db(r, "SELECT key_refused FROM provider_state WHERE provider = 'listenbrainz'"), 1);
}

/* --- ends ---------------------------------------------------------------------------------------- */

static void close_in_order(struct room *r, int attempts)
{
    close_worker(r);
    assert_false(has_batch(r));
    assert_int_equal(lane_of(r, PROVIDER_LISTENBRAINZ)->in_flight, 0);
    assert_int_equal(ask_db(r, ATTEMPTS), attempts);
    assert_int_equal(ask_db(r, IN_FLIGHT), 0);
}

static void closing_while_a_batch_begins(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && has_batch(r));
    close_in_order(r, 0);
}

static void closing_while_names_are_asked_for(void **state)
{
    struct room *r = *state;

    r->scripts[LOOKUP_SCRIPT].kind = SCRIPT_HANG;
    add_numbered(r, 1);
    start(r);
    UNTIL(r, lookup_is_on_its_way(r));
    close_in_order(r, 0);
}

static void closing_while_a_token_for_names_is_waited_for(void **state)
{
    struct room *r = *state;

    set(r, "listenbrainz.rate", "0.01");
    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && lane_turns_waiting(lane_of(r, PROVIDER_LISTENBRAINZ)) == 1);
    close_in_order(r, 0);
}

static void closing_while_genres_are_asked_for_keeps_the_names(void **state)
{
    struct room *r = *state;

    r->scripts[METADATA_SCRIPT].kind = SCRIPT_HANG;
    r->scripts[MB_SCRIPT].kind = SCRIPT_HANG;
    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && lane_of(r, PROVIDER_LISTENBRAINZ)->ends[LISTENBRAINZ_METADATA].in_flight == 1);
    close_in_order(r, 1);
    assert_int_equal(ask_db(r, NAMED), 1);
}

static void closing_while_dates_are_asked_for_keeps_the_genre(void **state)
{
    struct room *r = *state;

    r->scripts[MB_SCRIPT].kind = SCRIPT_HANG;
    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && ask_db(r, WITH_GENRE) == 1 && lane_of(r, PROVIDER_MUSICBRAINZ)->in_flight == 1);
    close_in_order(r, 1);
    assert_int_equal(ask_db(r, NAMED), 1);
}

static void a_restart_while_dates_are_asked_for_asks_no_sooner_than_it_may(void **state)
{
    struct room *r = *state;

    r->scripts[MB_SCRIPT].kind = SCRIPT_HANG;
    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && ask_db(r, WITH_GENRE) == 1 && lane_of(r, PROVIDER_MUSICBRAINZ)->in_flight == 1);
    close_in_order(r, 1);
    enrich_free(r->w);
    set(r, "musicbrainz.rate", "0.01");
    start_worker(r);
    UNTIL(r, r->ready && lane_turns_waiting(lane_of(r, PROVIDER_MUSICBRAINZ)) == 1);
    turn(r, 20);
    assert_int_equal(lane_of(r, PROVIDER_MUSICBRAINZ)->in_flight, 0);
    set(r, "musicbrainz.rate", "100");
    enrich_reconfigure(r->w);
    UNTIL(r, lane_of(r, PROVIDER_MUSICBRAINZ)->in_flight == 1);
}

static void pause_gives_armed_songs_back(void **state)
{
    struct room *r = *state;

    r->scripts[LOOKUP_SCRIPT].kind = SCRIPT_HANG;
    set(r, "listenbrainz.rate", "0.01");
    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && lane_turns_waiting(lane_of(r, PROVIDER_LISTENBRAINZ)) == 1);
    lane_drop_turns(lane_of(r, PROVIDER_LISTENBRAINZ), ALL_ENDS);
    UNTIL(r, !has_batch(r));
    assert_int_equal(ask_db(r, QUEUED), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, batch_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(stages_store_names_then_genre_then_date), T(a_single_song_goes_at_once), T(a_few_songs_wait_a_second_for_company),
        T(a_wanted_song_waits_for_nobody), T(many_wanted_songs_share_requests),
        T(wanted_songs_that_come_while_a_batch_waits_share_requests), T(copies_share_one_question),
        T(a_refusal_gives_the_whole_batch_back),
        T(a_name_that_leaves_nothing_to_ask_is_no_answer_of_the_provider),
        T(an_outage_rests_one_endpoint_and_lets_musicbrainz_go_on), T(outages_make_no_song_fail),
        T(a_pause_while_a_batch_fails_counts_nothing),
        T(without_a_token_the_labs_are_asked_and_when_they_lock_the_others), T(a_refused_token_is_remembered_and_the_labs_go_on),
        T(closing_while_a_batch_begins), T(closing_while_names_are_asked_for), T(closing_while_a_token_for_names_is_waited_for),
        T(closing_while_genres_are_asked_for_keeps_the_names), T(a_restart_while_dates_are_asked_for_asks_no_sooner_than_it_may),
        T(closing_while_dates_are_asked_for_keeps_the_genre),
        T(pause_gives_armed_songs_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
