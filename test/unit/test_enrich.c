/* The worker: a real store and a server of the test in one loop; the clock is the system's and can be turned ahead. */
#include "enrich_room.h"

static void on_command(void *arg, int rc, bool changed, enum worker_mode mode)
{
    struct room *r = arg;

    r->answers++;
    r->rc = rc;
    r->changed = changed;
    r->mode = mode;
}

static void command(struct room *r, enum worker_command cmd)
{
    int before = r->answers;

    enrich_command(r->w, cmd, on_command, r);
    assert_int_equal(r->answers, before);
    UNTIL(r, r->answers == before + 1);
}

static void on_asked(void *arg, int rc)
{
    struct room *r = arg;

    r->answers++;
    r->rc = rc;
}

static void ask(struct room *r, int64_t song_id)
{
    int before = r->answers;

    enrich_ask(r->w, song_id, on_asked, r);
    assert_int_equal(r->answers, before);
}

static void on_tested(void *arg, int rc, const char *kind, const char *detail)
{
    struct room *r = arg;

    r->answers++;
    r->rc = rc;
    snprintf(r->kind, sizeof r->kind, "%s", kind);
    snprintf(r->detail, sizeof r->detail, "%s", detail);
}

static void try_provider(struct room *r, int provider)
{
    int before = r->answers;

    enrich_test(r->w, provider, on_tested, r);
    assert_int_equal(r->answers, before);
    UNTIL(r, r->answers == before + 1);
}

/* --- the way of a song ------------------------------------------------------------------------------ */

static void song_nobody_knows_fails_after_both_were_asked(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'not_found'"), 1);
    assert_int_equal(ask_db(r, ATTEMPTS), 2);
    assert_int_equal(lane_of(r, PROVIDER_LASTFM)->not_found, 2);   /* by name, then by search */
    assert_int_equal(lane_of(r, PROVIDER_MUSICBRAINZ)->not_found, 1);
    assert_int_equal(dbq_counts(r->q)->total_processed, 1);
    assert_int_equal(dbq_counts(r->q)->total_failed, 1);
}

static void song_of_the_highest_priority_is_asked_first(void **state)
{
    struct room *r = *state;
    int64_t urgent;

    for (int i = 1; i <= 5; i++)
        add_numbered(r, i);
    urgent = add(r, "/s/urgent", "Artist", "Urgent", 10);
    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    set(r, "lastfm.rate", "0.5");
    set(r, "musicbrainz.enabled", "no");
    start(r);
    UNTIL(r, r->server.requests == 1);
    list_each_safe(pos, tmp, &r->w->jobs) {
        struct job *j = container_of(pos, struct job, link);
        assert_int_equal(j->state == JOB_FETCH, j->item.song_id == urgent);
    }
}

static void refusal_costs_no_attempt_and_holds_the_song_back(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "lastfm.enabled", "no");
    r->scripts[MB_SCRIPT].text = MB_SHED;
    start(r);
    UNTIL(r, r->server.requests == 1 && r->ready && enrich_is_idle(r->w));
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, IN_FLIGHT), 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM enrichment_queue WHERE not_before > 0 AND asked = 0"), 1);
    assert_int_equal(dbq_counts(r->q)->total_processed, 0);
}

static void refused_song_lets_others_pass(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 3; i++)
        add_numbered(r, i);
    set(r, "lastfm.enabled", "no");
    r->scripts[MB_SCRIPT].text = MB_SHED;
    start(r);
    UNTIL(r, r->server.requests == 1);
    r->scripts[MB_SCRIPT].text = MB_UNKNOWN;
    UNTIL(r, dbq_counts(r->q)->total_processed == 2);
    assert_int_equal(ask_db(r, QUEUED), 1);
}

static void what_cannot_be_asked_is_not_found_and_costs_no_request(void **state)
{
    struct room *r = *state;

    add(r, "/s/1", "", "", 0);
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(r->server.requests, 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'not_found'"), 1);
}

static void three_failures_give_up(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_NONSENSE;
    start(r);
    for (int i = 1; i <= 3; i++) {
        UNTIL(r, r->ready && r->server.requests == i && enrich_is_idle(r->w));
        clock_advance(&r->clock, 120000);   /* past the backoff */
        enrich_wake(r->w);
    }
    UNTIL(r, is_done(r));
    assert_int_equal(r->server.requests, 3);
    assert_int_equal(ask_db(r, ATTEMPTS), 3);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'gave_up'"), 1);
    assert_int_equal(dbq_counts(r->q)->total_failed, 1);
}

static void refused_key_settles_what_the_others_have_answered(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 4; i++)
        add_numbered(r, i);
    r->scripts[LASTFM_SCRIPT].text = LASTFM_KEY_REFUSED;
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, FAILED_SONGS), 4);
    assert_int_equal(ask_db(r, ATTEMPTS), 4);   /* MusicBrainz only */
    assert_int_equal(lane_of(r, PROVIDER_LASTFM)->state, LANE_KEY_REFUSED);
    assert_int_equal(count_told(r, EVENT_PROVIDER, "key_refused"), 1);
}

/* --- pause, stop, end ------------------------------------------------------------------------------- */

static void pause_gives_armed_songs_back(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 6; i++)
        add_numbered(r, i);
    set(r, "lastfm.rate", "0.5");
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_SLOT) == 3);
    command(r, WORKER_CMD_PAUSE);
    assert_true(r->changed);
    assert_int_equal(r->mode, WORKER_PAUSED);
    UNTIL(r, list_is_empty(&r->w->jobs));
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, IN_FLIGHT), 0);
    assert_int_equal(r->server.requests, 0);
}

static void pause_while_an_answer_is_read_asks_no_further(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_READ) == 1);
    command(r, WORKER_CMD_PAUSE);
    UNTIL(r, list_is_empty(&r->w->jobs));
    assert_int_equal(r->server.requests, 1);
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM answers"), 0);   /* half an answer is none */
}

static void key_taken_away_while_an_answer_is_read_is_no_answer(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "musicbrainz.enabled", "no");
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_READ) == 1);
    set(r, "API_KEYS.lastfm", "");
    enrich_reconfigure(r->w);
    UNTIL(r, list_is_empty(&r->w->jobs));
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, QUEUED), 1);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM answers"), 0);
}

static void close_leaves_attempts_as_they_were(struct room *r)
{
    close_worker(r);
    assert_int_equal(ask_db(r, ATTEMPTS), 0);
    assert_int_equal(ask_db(r, IN_FLIGHT), 0);
    assert_int_equal(ask_db(r, QUEUED), 1);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM answers"), 0);
}

static void closing_before_it_is_ready(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    close_leaves_attempts_as_they_were(r);
    assert_true(r->ready);
}

static void closing_while_the_queue_is_read(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && lane_of(r, PROVIDER_LASTFM)->peeking);
    close_leaves_attempts_as_they_were(r);
}

static void closing_while_an_attempt_is_written(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_BEGIN) == 1);
    close_leaves_attempts_as_they_were(r);
}

static void closing_while_a_token_is_waited_for(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "lastfm.rate", "0.5");
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_SLOT) == 1);
    close_leaves_attempts_as_they_were(r);
}

static void closing_does_not_wait_for_company(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 50; i++)
        add_numbered(r, i);
    set(r, "lastfm.rate", "0.5");
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_SLOT) >= 3);
    assert_int_equal(lane_patience(lane_of(r, PROVIDER_LASTFM)), DBQ_PATIENT);
    enrich_close(r->w, on_flag, &r->closed);
    assert_true(jobs_in(r, JOB_REFUND) >= 3);
    list_each_safe(pos, tmp, &r->w->jobs)
        if (container_of(pos, struct job, link)->state == JOB_REFUND)
            assert_int_equal(container_of(pos, struct job, link)->op.flags & DBQ_PATIENT, 0);
    UNTIL(r, r->closed);
    assert_int_equal(ask_db(r, IN_FLIGHT), 0);
}

static void closing_while_a_request_is_on_its_way(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_FETCH) == 1);
    close_leaves_attempts_as_they_were(r);
}

static void closing_while_a_refusal_is_read(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    r->scripts[LASTFM_SCRIPT].text = LASTFM_TOO_FAST;
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_READ) == 1);
    close_leaves_attempts_as_they_were(r);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM provider_state WHERE refused_until_ms > 0"), 1);
}

static void closing_while_a_refused_key_is_read(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    r->scripts[LASTFM_SCRIPT].text = LASTFM_KEY_REFUSED;
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_READ) == 1);
    close_leaves_attempts_as_they_were(r);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM provider_state WHERE key_refused"), 1);
}

static void closing_while_half_an_answer_is_read(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_READ) == 1);
    close_leaves_attempts_as_they_were(r);
}

static void closing_while_an_attempt_is_given_back(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    r->scripts[LASTFM_SCRIPT].text = LASTFM_TOO_FAST;
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_REFUND) == 1);
    close_leaves_attempts_as_they_were(r);
}

static void closing_while_an_outcome_is_stored_keeps_it(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "musicbrainz.enabled", "no");
    start(r);
    UNTIL(r, r->ready && jobs_in(r, JOB_STORE) == 1);
    close_worker(r);
    assert_int_equal(ask_db(r, ATTEMPTS), 1);
    assert_int_equal(ask_db(r, QUEUED), 0);
}

static void what_was_asked_is_answered_when_it_closes(void **state)
{
    struct room *r = *state;
    int64_t id = add_numbered(r, 1);

    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start_ready(r);
    ask(r, id);
    enrich_test(r->w, PROVIDER_MUSICBRAINZ, on_tested, r);
    enrich_command(r->w, WORKER_CMD_PAUSE, on_command, r);
    enrich_reconfigure(r->w);
    close_worker(r);
    assert_int_equal(r->answers, 3);
}

static void a_closed_worker_can_still_be_told(void **state)
{
    struct room *r = *state;
    struct buf b;
    struct json_out o;

    add_numbered(r, 1);
    start_ready(r);
    close_worker(r);
    enrich_wake(r->w);
    enrich_reconfigure(r->w);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    enrich_progress_json(r->w, &o);
    assert_non_null(strstr(buf_cstr(&b), "\"state\":\"running\""));
    buf_deinit(&b);
    turn(r, 20);
}

static void each_command_tells_its_own_state(void **state)
{
    struct room *r = *state;

    start_ready(r);
    enrich_command(r->w, WORKER_CMD_PAUSE, on_command, r);
    enrich_command(r->w, WORKER_CMD_RESUME, on_command, r);
    UNTIL(r, r->answers == 2);
    assert_int_equal(count_told(r, EVENT_WORKER, "\"paused\""), 1);
    assert_int_equal(count_told(r, EVENT_WORKER, "\"running\""), 1);
}

static void start_needs_a_provider(void **state)
{
    struct room *r = *state;

    set(r, "lastfm.enabled", "no");
    set(r, "musicbrainz.enabled", "no");
    set(r, "enrichment.autostart", "no");
    start_ready(r);
    command(r, WORKER_CMD_START);
    assert_int_equal(r->rc, ERR_UNAVAILABLE);
    assert_int_equal(r->mode, WORKER_STOPPED);
}

/* --- nothing is left lying ----------------------------------------------------------------------------- */

static void copies_wait_for_the_first_without_spinning(void **state)
{
    struct room *r = *state;
    uint64_t reads;

    add(r, "/s/a", "Queen", "Bohemian Rhapsody", 0);
    add(r, "/s/b", "Queen", "Bohemian Rhapsody", 0);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start(r);
    UNTIL(r, r->server.requests == 1);
    reads = dbq_stats(r->q).reads;
    turn(r, 200);
    assert_in_range(dbq_stats(r->q).reads - reads, 0, 5);
}

static void copies_do_not_hold_others_up(void **state)
{
    struct room *r = *state;
    char path[32];

    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "/s/%d", i);
        add(r, path, "Queen", "Bohemian Rhapsody", 1);
    }
    add(r, "/s/other", "Artist", "Title", 0);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start(r);
    UNTIL(r, r->server.requests == 2);
}

static void a_song_that_leaves_nothing_to_ask_costs_no_turn(void **state)
{
    struct room *r = *state;
    struct lane *l;

    set(r, "lastfm.enabled", "no");
    set(r, "musicbrainz.rate", "0.01");
    add(r, "/s/1", "", "", 5);
    add_numbered(r, 2);
    start(r);
    l = lane_of(r, PROVIDER_MUSICBRAINZ);
    UNTIL(r, r->ready && lane_turns_waiting(l) == 2);
    set(r, "musicbrainz.rate", "0.5");
    enrich_reconfigure(r->w);
    UNTIL(r, ask_db(r, FAILED_SONGS) >= 1);
    assert_int_equal(l->requests, 1);    /* by the same token */
}

static void copies_are_served_from_one_answer(void **state)
{
    struct room *r = *state;
    char path[32];

    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "/s/%d", i);
        add(r, path, "Queen", "Bohemian Rhapsody", 1);
    }
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_QUEEN;
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(r->server.requests, 1);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE metadata_status = 'enriched'"), 30);
}

/* As when a song comes back whose last answer arrived while its file was gone. */
static void song_that_everybody_has_answered_leaves_the_queue(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "enrichment.autostart", "no");
    start_ready(r);
    write_now(r, "UPDATE enrichment_queue SET asked = 3", 0);
    command(r, WORKER_CMD_START);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, FAILED_SONGS), 1);
}

static void newly_usable_provider_is_asked_for_what_the_others_did_not_know(void **state)
{
    struct room *r = *state;

    add(r, "/s/a", "Queen", "Bohemian Rhapsody", 0);
    set(r, "API_KEYS.lastfm", "");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_QUEEN;
    start(r);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, FAILED_SONGS), 1);
    set(r, "API_KEYS.lastfm", "0123456789abcdef0123456789abcdef");
    enrich_reconfigure(r->w);
    UNTIL(r, is_done(r) && r->server.requests == 2);
    UNTIL(r, ask_db(r, "SELECT count(*) FROM songs WHERE metadata_status = 'enriched'") == 1);
    assert_int_equal(lane_of(r, PROVIDER_MUSICBRAINZ)->requests, 1);   /* its answer is still known */
}

/* --- limits ---------------------------------------------------------------------------------------------- */

static double interval(struct room *r, enum provider_id p)
{
    return rate_limit_interval(lane_of(r, p)->limit);
}

static void slower_pace_ends_after_a_while(void **state)
{
    struct room *r = *state;
    double usual;

    add_numbered(r, 1);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_TOO_FAST;
    start(r);
    usual = interval(r, PROVIDER_LASTFM);
    UNTIL(r, r->ready && r->server.requests == 1 && enrich_is_idle(r->w));
    assert_true(interval(r, PROVIDER_LASTFM) >= 1000);
    r->scripts[LASTFM_SCRIPT].text = LASTFM_UNKNOWN;
    clock_advance(&r->clock, 10 * 60 * 1000);
    enrich_wake(r->w);
    UNTIL(r, is_done(r));
    assert_true(interval(r, PROVIDER_LASTFM) == usual);
}

static void one_outage_is_counted_once(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 5; i++)
        add_numbered(r, i);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start(r);
    UNTIL(r, r->server.requests == 5);
    /* all five come to their end at once */
    list_each_safe(pos, tmp, &r->w->jobs) {
        struct provider_answer offline = {.kind = ANSWER_OFFLINE};
        lane_took_answer(container_of(pos, struct job, link)->lane, ENDPOINT_MAIN, &offline);
    }
    assert_in_range(lane_rest_ms(lane_of(r, PROVIDER_LASTFM)), 1, 5600);
}

static struct endpoint *lastfm_of(struct room *r)
{
    return &lane_of(r, PROVIDER_LASTFM)->ends[ENDPOINT_MAIN];
}

/* Until the breaker opens, and on from rest to rest. */
static void sit_out_an_outage(struct room *r, int looks)
{
    UNTIL(r, r->ready && endpoint_is_failing(lane_of(r, PROVIDER_LASTFM), ENDPOINT_MAIN) && enrich_is_idle(r->w));
    for (int i = 0; i < looks; i++) {
        uint64_t before = lastfm_of(r)->requests;
        clock_advance(&r->clock, 11 * 60 * 1000);
        enrich_wake(r->w);
        UNTIL(r, lastfm_of(r)->requests > before && enrich_is_idle(r->w));
        assert_int_equal(lastfm_of(r)->requests, before + 1);
    }
}

static void an_outage_counts_no_attempt_once_it_is_known(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 10; i++)
        add_numbered(r, i);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_NONSENSE;
    start(r);
    sit_out_an_outage(r, 12);
    assert_int_equal(ask_db(r, FAILED_SONGS), 0);
    assert_int_equal(ask_db(r, QUEUED), 10);
    assert_in_range(ask_db(r, ATTEMPTS), 0, 4);          /* until five in a row said that it is one */
    assert_in_range(ask_db(r, "SELECT max(failures) FROM enrichment_queue"), 0, 1);
    r->scripts[LASTFM_SCRIPT].text = LASTFM_UNKNOWN;
    clock_advance(&r->clock, 11 * 60 * 1000);
    enrich_wake(r->w);
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'not_found'"), 10);
}

static void three_outages_fail_no_song(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 60; i++)
        add_numbered(r, i);
    set(r, "musicbrainz.enabled", "no");
    for (int outage = 1; outage <= 3; outage++) {
        int64_t done = outage == 1 ? 0 : dbq_counts(r->q)->total_processed;
        r->scripts[LASTFM_SCRIPT].text = LASTFM_NONSENSE;
        if (outage == 1)
            start(r);
        sit_out_an_outage(r, 4);
        r->scripts[LASTFM_SCRIPT].text = LASTFM_UNKNOWN;     /* for as long as ten songs take */
        clock_advance(&r->clock, 11 * 60 * 1000);
        enrich_wake(r->w);
        UNTIL(r, dbq_counts(r->q)->total_processed >= done + 10);
    }
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'not_found'"), 60);
}

/* The last songs of a library may all be such that a provider stumbles over: that it answers a question of ours tells the two
 * apart. */
static void songs_that_fail_for_their_own_sake_are_given_up(void **state)
{
    struct room *r = *state;

    for (int i = 1; i <= 6; i++)
        add_numbered(r, i);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_NONSENSE;
    start(r);
    for (int i = 0; i < 40 && (!r->ready || dbq_counts(r->q)->queued); i++) {
        struct provider_answer found = {.kind = ANSWER_FOUND};
        UNTIL(r, r->ready && enrich_is_idle(r->w));
        clock_advance(&r->clock, 11 * 60 * 1000);
        lane_took_answer(lane_of(r, PROVIDER_LASTFM), ENDPOINT_MAIN, &found);    /* as if our question was answered */
        enrich_wake(r->w);
        turn(r, 20);
    }
    UNTIL(r, is_done(r));
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE reason = 'gave_up'"), 6);
}

static void recovery_is_told(void **state)
{
    struct room *r = *state;
    int before;

    add_numbered(r, 1);
    set(r, "musicbrainz.enabled", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_TOO_FAST;
    start(r);
    UNTIL(r, r->ready && r->server.requests == 1 && enrich_is_idle(r->w));
    assert_int_equal(count_told(r, EVENT_PROVIDER, "\"state\":\"refused\""), 1);
    before = r->n_told;
    r->scripts[LASTFM_SCRIPT].text = LASTFM_UNKNOWN;
    clock_advance(&r->clock, 10 * 60 * 1000);
    enrich_wake(r->w);
    UNTIL(r, is_done(r));
    for (; before < r->n_told; before++)
        if (r->told[before].kind == EVENT_PROVIDER)
            return;
    fail_msg("nobody was told that the provider answers again");
}

static void rate_is_the_mean_of_a_minute(void **state)
{
    struct room *r = *state;
    const struct outcome_result left = {.left_queue = true};
    struct buf b;
    struct json_out o;

    start_ready(r);
    for (int i = 0; i < 60; i++)
        enrich_advanced(r->w, &left);
    clock_advance(&r->clock, 40 * 1000);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    enrich_progress_json(r->w, &o);
    assert_non_null(strstr(buf_cstr(&b), "\"rate_per_second\":1.00,"));
    clock_advance(&r->clock, 40 * 1000);
    buf_reset(&b);
    json_out_init(&o, &b);
    enrich_progress_json(r->w, &o);
    assert_non_null(strstr(buf_cstr(&b), "\"rate_per_second\":0.00,"));
    buf_deinit(&b);
}

/* --- one song, now ----------------------------------------------------------------------------------------- */

static void asking_for_one_song_answers(void **state)
{
    struct room *r = *state;
    int64_t id = add_numbered(r, 1);

    start(r);
    UNTIL(r, is_done(r));
    ask(r, id);
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->rc, 0);
}

static void only_what_a_person_asks_for_is_taken_while_others_need_the_machine(void **state)
{
    struct room *r = *state;
    int64_t wanted;

    add_numbered(r, 1);
    wanted = add_numbered(r, 2);
    set(r, "enrichment.autostart", "no");
    start_ready(r);
    enrich_hold(r->w, HOLD_STOP, "a song plays");
    command(r, WORKER_CMD_START);
    turn(r, 50);
    assert_true(list_is_empty(&r->w->jobs));
    ask(r, wanted);
    UNTIL(r, !list_is_empty(&r->w->jobs));
    turn(r, 50);
    list_each_safe(pos, tmp, &r->w->jobs)
        assert_int_equal(container_of(pos, struct job, link)->item.song_id, wanted);
}

static void asking_for_a_manual_song_answers_and_keeps_it(void **state)
{
    struct room *r = *state;
    int64_t id = add_numbered(r, 1);

    set(r, "enrichment.autostart", "no");
    start_ready(r);
    write_now(r, "UPDATE songs SET metadata_status = 'manual', confidence = 1", 0);
    write_now(r, "DELETE FROM enrichment_queue", 0);
    command(r, WORKER_CMD_START);
    ask(r, id);
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM songs WHERE metadata_status = 'manual'"), 1);
}

static void asking_for_no_song_is_refused(void **state)
{
    struct room *r = *state;
    int64_t absent = add_numbered(r, 1);

    set(r, "enrichment.autostart", "no");
    start_ready(r);
    write_now(r, "UPDATE songs SET present = 0", 0);
    command(r, WORKER_CMD_START);
    ask(r, absent);
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, ERR_NOT_FOUND);
    ask(r, 4711);
    UNTIL(r, r->answers == 3);
    assert_int_equal(r->rc, ERR_NOT_FOUND);
}

static void asking_a_worker_that_rests_is_refused(void **state)
{
    struct room *r = *state;
    int64_t id = add_numbered(r, 1);

    set(r, "enrichment.autostart", "no");
    start_ready(r);
    ask(r, id);
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->rc, ERR_UNAVAILABLE);
}

static void asking_is_answered_when_the_last_provider_falls_away(void **state)
{
    struct room *r = *state;
    int64_t id = add_numbered(r, 1);

    start(r);
    UNTIL(r, is_done(r));
    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    write_now(r, "DELETE FROM answers WHERE provider = 'lastfm'", 0);
    ask(r, id);
    write_now(r, "UPDATE enrichment_queue SET asked = 2", 0);
    set(r, "lastfm.enabled", "no");
    enrich_reconfigure(r->w);
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->rc, 0);
}

/* --- words of a person --------------------------------------------------------------------------------------- */

static void ask_words(struct room *r, int64_t song_id, const char *artist, const char *title)
{
    int before = r->answers;

    enrich_ask_words(r->w, song_id, artist, title, on_asked, r);
    assert_int_equal(r->answers, before);
}

/* A worker that takes no song off the queue by itself, and one song in it. */
static int64_t start_held(struct room *r)
{
    int64_t id = add_numbered(r, 1);

    set(r, "enrichment.autostart", "no");
    start_ready(r);
    enrich_hold(r->w, HOLD_STOP, "a test holds it");
    command(r, WORKER_CMD_START);
    return id;
}

static void own_words_leave_the_song_and_its_place_as_they_are(void **state)
{
    static const char same[] = "SELECT count(*) FROM songs s JOIN enrichment_queue q ON q.song_id = s.id WHERE"
                               " artist = 'Artist' AND title = 'Title 1' AND metadata_status = 'parsed' AND"
                               " version = 1 AND enrichment_attempts = 0 AND q.priority = 0 AND q.asked = 0 AND"
                               " q.in_flight = 0 AND q.failures = 0 AND q.not_before = 0";
    struct room *r = *state;
    int64_t id = start_held(r), evidence = ask_db(r, "SELECT count(*) FROM evidence");

    r->scripts[LASTFM_SCRIPT].text = LASTFM_QUEEN;
    assert_int_equal(ask_db(r, same), 1);
    ask_words(r, id, "Queen", "Bohemian Rhapsody");
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, 0);
    assert_int_equal(r->server.requests, 2);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM candidates WHERE provider = 'lastfm' AND artist = 'Queen' AND accepted"), 1);
    assert_int_equal(ask_db(r, same), 1);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM evidence"), evidence);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM answers"), 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM changes WHERE actor = 'worker'"), 0);
    assert_int_equal(count_told(r, EVENT_SONG, ""), 0);
}

static void own_words_that_nobody_knows_keep_older_candidates(void **state)
{
    struct room *r = *state;
    int64_t id = start_held(r);

    write_now(r, "INSERT INTO candidates(song_id, provider, artist, title, score, accepted, swapped, exact, at_ms)"
                 " SELECT id, 'lastfm', 'Artist', 'Title 1', 0.5, 0, 0, 0, 1 FROM songs", 0);
    ask_words(r, id, "Nobody", "Nothing");
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, 0);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM candidates"), 1);
}

static void own_words_say_when_a_provider_did_not_answer(void **state)
{
    struct room *r = *state;
    int64_t id = start_held(r);

    r->scripts[LASTFM_SCRIPT].text = LASTFM_TOO_FAST;
    ask_words(r, id, "Queen", "Bohemian Rhapsody");
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, ERR_TIMEOUT);
}

static struct words *words_under_way(struct room *r)
{
    list_each_safe(pos, tmp, &r->w->jobs)
        if (container_of(pos, struct job, link)->words)
            return container_of(pos, struct job, link)->words;
    return NULL;
}

static void own_words_do_not_wait_for_ever(void **state)
{
    struct room *r = *state;
    int64_t id = start_held(r);

    r->scripts[LASTFM_SCRIPT].text = LASTFM_QUEEN;
    r->scripts[MB_SCRIPT].kind = SCRIPT_HANG;
    for (int i = 0; i < 2; i++)   /* MusicBrainz takes one request at a time: the second one's waits for its turn */
        ask_words(r, id, "Queen", "Bohemian Rhapsody");
    UNTIL(r, ask_db(r, "SELECT count(*) FROM candidates") == 1 && jobs_in(r, JOB_FETCH) == 1 && jobs_in(r, JOB_SLOT) == 1 &&
             r->server.requests == 3);
    assert_int_equal(r->answers, 1);
    while (words_under_way(r)) {
        struct words *q = words_under_way(r);
        int before = r->answers;
        uv_timer_set_repeat(&q->timer, 1);
        uv_timer_again(&q->timer);   /* its patience ends now */
        UNTIL(r, r->answers == before + 1);
        assert_int_equal(r->rc, ERR_TIMEOUT);
    }
    assert_int_equal(r->answers, 3);
    assert_int_equal(ask_db(r, "SELECT count(*) FROM candidates WHERE provider = 'lastfm'"), 1);
}

static void own_words_need_a_song_and_a_worker(void **state)
{
    struct room *r = *state;
    int64_t id = start_held(r);

    ask_words(r, 4711, "Queen", "Bohemian Rhapsody");
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, ERR_NOT_FOUND);
    command(r, WORKER_CMD_PAUSE);
    ask_words(r, id, "Queen", "Bohemian Rhapsody");
    UNTIL(r, r->answers == 4);
    assert_int_equal(r->rc, ERR_UNAVAILABLE);
    assert_int_equal(r->server.requests, 0);
}

static void own_words_are_answered_when_it_closes(void **state)
{
    struct room *r = *state;
    int64_t id = start_held(r);

    r->scripts[LASTFM_SCRIPT].kind = r->scripts[MB_SCRIPT].kind = SCRIPT_HANG;
    for (int i = 0; i < WORDS_MAX; i++)
        ask_words(r, id, "Queen", "Bohemian Rhapsody");
    UNTIL(r, r->server.requests >= 2);
    assert_int_equal(r->answers, 1);
    ask_words(r, id, "Queen", "Bohemian Rhapsody");
    UNTIL(r, r->answers == 2);
    assert_int_equal(r->rc, ERR_BUSY);
    close_worker(r);
    assert_int_equal(r->answers, 2 + WORDS_MAX);
    assert_int_equal(r->rc, ERR_CANCELED);
}

/* --- one test request -------------------------------------------------------------------------------------- */

static void provider_is_tested_while_the_worker_rests(void **state)
{
    struct room *r = *state;

    set(r, "enrichment.autostart", "no");
    r->scripts[LASTFM_SCRIPT].text = LASTFM_QUEEN;
    start_ready(r);
    try_provider(r, PROVIDER_LASTFM);
    assert_int_equal(r->rc, 0);
    assert_string_equal(r->kind, "found");
    set(r, "API_KEYS.lastfm", "");
    enrich_reconfigure(r->w);
    try_provider(r, PROVIDER_LASTFM);
    assert_string_equal(r->kind, "needs_key");
    try_provider(r, PROVIDER_LISTENBRAINZ);
    assert_string_equal(r->kind, "disabled");
    try_provider(r, PROVIDER_COUNT);
    assert_int_equal(r->rc, ERR_NOT_FOUND);
}

static void provider_is_tested_once_at_a_time(void **state)
{
    struct room *r = *state;

    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start_ready(r);
    enrich_test(r->w, PROVIDER_LASTFM, on_tested, r);
    enrich_test(r->w, PROVIDER_LASTFM, on_tested, r);
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->rc, ERR_BUSY);
    close_worker(r);
    assert_int_equal(r->answers, 2);
}

static void only_so_many_songs_are_asked_for_at_a_time(void **state)
{
    struct room *r = *state;
    int64_t id = add_numbered(r, 1);

    r->scripts[LASTFM_SCRIPT].kind = SCRIPT_HANG;
    start_ready(r);
    for (int i = 0; i <= ASKS_MAX; i++)
        ask(r, id);
    UNTIL(r, r->answers == 1);
    assert_int_equal(r->rc, ERR_BUSY);
    close_worker(r);
    assert_int_equal(r->answers, ASKS_MAX + 1);
}

static void failing_provider_is_not_said_to_refuse(void **state)
{
    struct room *r = *state;
    struct provider_answer failed = {.kind = ANSWER_FAILED, .detail = "error 500"};
    struct buf b;
    struct json_out o;

    start_ready(r);
    for (int i = 0; i < 5; i++)
        lane_took_answer(lane_of(r, PROVIDER_MUSICBRAINZ), ENDPOINT_MAIN, &failed);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    enrich_providers_json(r->w, &o);
    assert_non_null(strstr(buf_cstr(&b), "\"state\":\"failing\",\"sentence\":\"MusicBrainz fails (error 500); trying again in"));
    buf_deinit(&b);
}

static void test_that_cannot_be_sent_does_not_succeed(void **state)
{
    struct room *r = *state;

    set(r, "enrichment.autostart", "no");
    start_ready(r);
    free(r->w->user_agent);
    r->w->user_agent = mem_strdup("two\nlines");
    try_provider(r, PROVIDER_LASTFM);
    assert_int_equal(r->rc, ERR_INVALID);
}

static void refused_provider_that_passes_a_test_is_asked_again(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "lastfm.enabled", "no");
    r->scripts[MB_SCRIPT].text = MB_FORBIDDEN;
    start(r);
    UNTIL(r, r->ready && lane_of(r, PROVIDER_MUSICBRAINZ)->state == LANE_KEY_REFUSED && enrich_is_idle(r->w));
    assert_int_equal(ask_db(r, QUEUED), 1);
    r->scripts[MB_SCRIPT].text = MB_UNKNOWN;
    try_provider(r, PROVIDER_MUSICBRAINZ);
    assert_string_equal(r->kind, "not_found");
    UNTIL(r, is_done(r));
}

static void new_contact_gives_a_refused_provider_another_chance(void **state)
{
    struct room *r = *state;

    add_numbered(r, 1);
    set(r, "lastfm.enabled", "no");
    r->scripts[MB_SCRIPT].text = MB_FORBIDDEN;
    start(r);
    UNTIL(r, r->ready && lane_of(r, PROVIDER_MUSICBRAINZ)->state == LANE_KEY_REFUSED && enrich_is_idle(r->w));
    r->scripts[MB_SCRIPT].text = MB_UNKNOWN;
    set(r, "musicbrainz.contact", "singer@example.org");
    enrich_reconfigure(r->w);
    UNTIL(r, is_done(r));
}

#define ROOM_TEST(f) cmocka_unit_test_setup_teardown(f, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(song_nobody_knows_fails_after_both_were_asked),
        ROOM_TEST(song_of_the_highest_priority_is_asked_first),
        ROOM_TEST(refusal_costs_no_attempt_and_holds_the_song_back),
        ROOM_TEST(refused_song_lets_others_pass),
        ROOM_TEST(what_cannot_be_asked_is_not_found_and_costs_no_request), ROOM_TEST(three_failures_give_up),
        ROOM_TEST(refused_key_settles_what_the_others_have_answered),
        ROOM_TEST(pause_gives_armed_songs_back),
        ROOM_TEST(pause_while_an_answer_is_read_asks_no_further),
        ROOM_TEST(key_taken_away_while_an_answer_is_read_is_no_answer),
        ROOM_TEST(closing_before_it_is_ready),
        ROOM_TEST(closing_while_the_queue_is_read),
        ROOM_TEST(closing_while_an_attempt_is_written),
        ROOM_TEST(closing_while_a_token_is_waited_for),
        ROOM_TEST(closing_does_not_wait_for_company),
        ROOM_TEST(closing_while_a_request_is_on_its_way),
        ROOM_TEST(closing_while_a_refusal_is_read),
        ROOM_TEST(closing_while_a_refused_key_is_read),
        ROOM_TEST(closing_while_half_an_answer_is_read),
        ROOM_TEST(closing_while_an_attempt_is_given_back),
        ROOM_TEST(closing_while_an_outcome_is_stored_keeps_it),
        ROOM_TEST(what_was_asked_is_answered_when_it_closes),
        ROOM_TEST(a_closed_worker_can_still_be_told),
        ROOM_TEST(each_command_tells_its_own_state),
        ROOM_TEST(start_needs_a_provider),
        ROOM_TEST(copies_wait_for_the_first_without_spinning),
        ROOM_TEST(copies_do_not_hold_others_up),
        ROOM_TEST(copies_are_served_from_one_answer),
        ROOM_TEST(song_that_everybody_has_answered_leaves_the_queue),
        ROOM_TEST(newly_usable_provider_is_asked_for_what_the_others_did_not_know),
        ROOM_TEST(slower_pace_ends_after_a_while),
        ROOM_TEST(one_outage_is_counted_once),
        ROOM_TEST(an_outage_counts_no_attempt_once_it_is_known), ROOM_TEST(three_outages_fail_no_song),
        ROOM_TEST(songs_that_fail_for_their_own_sake_are_given_up),
        ROOM_TEST(recovery_is_told),
        ROOM_TEST(rate_is_the_mean_of_a_minute),
        ROOM_TEST(asking_for_one_song_answers),
        ROOM_TEST(only_what_a_person_asks_for_is_taken_while_others_need_the_machine),
        ROOM_TEST(asking_for_a_manual_song_answers_and_keeps_it),
        ROOM_TEST(asking_for_no_song_is_refused),
        ROOM_TEST(asking_a_worker_that_rests_is_refused),
        ROOM_TEST(asking_is_answered_when_the_last_provider_falls_away),
        ROOM_TEST(own_words_leave_the_song_and_its_place_as_they_are),
        ROOM_TEST(own_words_that_nobody_knows_keep_older_candidates),
        ROOM_TEST(own_words_say_when_a_provider_did_not_answer),
        ROOM_TEST(own_words_do_not_wait_for_ever),
        ROOM_TEST(own_words_need_a_song_and_a_worker),
        ROOM_TEST(own_words_are_answered_when_it_closes),
        ROOM_TEST(provider_is_tested_while_the_worker_rests),
        ROOM_TEST(provider_is_tested_once_at_a_time),
        ROOM_TEST(only_so_many_songs_are_asked_for_at_a_time),
        ROOM_TEST(failing_provider_is_not_said_to_refuse),
        ROOM_TEST(test_that_cannot_be_sent_does_not_succeed),
        ROOM_TEST(refused_provider_that_passes_a_test_is_asked_again),
        ROOM_TEST(new_contact_gives_a_refused_provider_another_chance),
        ROOM_TEST(a_song_that_leaves_nothing_to_ask_costs_no_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
