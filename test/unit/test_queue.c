/* The enrichment queue: order, attempts, recovery, and what answers do. */
#include "store_fixture.h"

#include "song/fold.h"
#include "store/evidence.h"
#include "store/pk_songs.h"
#include "store/queue.h"
#include "store/state.h"

#define LASTFM_BIT (1u << PROVIDER_LASTFM)
#define MB_BIT (1u << PROVIDER_MUSICBRAINZ)

static int64_t add_song_at(struct db *db, const char *path, int priority, int64_t now_ms)
{
    struct guess g = guess_of("Artist", path + 3, 0.65);
    struct found_file file = {.path = slice_of(path), .format = "mp4", .guess = &g, .priority = priority};
    struct found_result r;

    assert_int_equal(songs_found(db, &file, 1, now_ms, &r, NULL), 0);
    return r.id;
}

/* The ids that come next, as "1 3 2". */
static const char *next_ids(struct db *db, enum provider_id p, unsigned after, int64_t now_ms, int64_t skip, int max,
                            int64_t *next_at)
{
    static char out[200];
    struct queue_item items[16];
    int n = queue_next(db, p, after, now_ms, &skip, skip ? 1 : 0, max, items, next_at, NULL);

    assert_true(n >= 0);
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%lld", i ? " " : "", (long long)items[i].song_id);
        queue_item_deinit(&items[i]);
    }
    return out;
}

static struct outcome outcome_of(int64_t id, enum provider_id p, int kind)
{
    struct outcome o = {.song_id = id, .provider = p, .chosen = -1, .counted = true, .max_attempts = 3, .now_ms = NOW};

    o.kind = kind;
    return o;
}

static struct outcome_result apply(struct db *db, const struct outcome *o)
{
    struct outcome_result r;
    struct err e = {0};

    if (queue_outcome(db, o, &r, &e))
        fail_msg("%s", e.text);
    assert_counts_true(db);
    return r;
}

static struct song get(struct db *db, int64_t id)
{
    struct song s;

    assert_int_equal(songs_get(db, id, &s, NULL), 0);
    return s;
}

static struct candidates one_candidate(enum provider_id p, const char *artist, const char *title)
{
    struct candidates list = {0};
    struct candidate *c = candidates_add(&list, p);

    c->artist = mem_strdup(artist);
    c->title = mem_strdup(title);
    c->score = 0.95;
    c->accepted = true;
    c->rule = "exact";
    snprintf(c->reason, sizeof c->reason, "both names are equal");
    return list;
}

/* --- order ---------------------------------------------------------------------------- */

static void priority_goes_before_age_before_id(void **state)
{
    struct fixture *f = *state;
    int64_t at;

    add_song_at(f->db, "/m/1", 0, NOW);
    add_song_at(f->db, "/m/2", 0, NOW - DAY);
    add_song_at(f->db, "/m/3", 10, NOW + DAY);
    add_song_at(f->db, "/m/4", 0, NOW);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "3 2 1 4");
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 3, 2, &at), "2 1");
    assert_int_equal(at, 0);
}

static void queueing_again_raises_and_never_lowers(void **state)
{
    struct fixture *f = *state;
    int64_t ids[] = {add_song_at(f->db, "/m/1", 0, NOW), add_song_at(f->db, "/m/2", 5, NOW), 77}, at;
    struct queue_result r;

    assert_int_equal(queue_add(f->db, ids, 3, 3, false, NOW, &r, NULL), 0);
    assert_int_equal(r.queued, 0);
    assert_int_equal(r.already, 2);
    assert_int_equal(r.unknown, 1);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "2 1");
    assert_int_equal(queue_add(f->db, ids, 1, 9, false, NOW, &r, NULL), 0);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "1 2");
}

static void lanes_take_by_what_was_asked_before(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song_at(f->db, "/m/1", 0, NOW), at;
    struct outcome o = outcome_of(a, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct outcome_result r;

    add_song_at(f->db, "/m/2", 0, NOW);
    assert_string_equal(next_ids(f->db, PROVIDER_MUSICBRAINZ, LASTFM_BIT, NOW, 0, 10, &at), "");
    o.remaining = MB_BIT;
    r = apply(f->db, &o);
    assert_false(r.left_queue);
    song_deinit(&r.song);
    assert_string_equal(next_ids(f->db, PROVIDER_MUSICBRAINZ, LASTFM_BIT, NOW, 0, 10, &at), "1");
    assert_string_equal(next_ids(f->db, PROVIDER_MUSICBRAINZ, 0, NOW, 0, 10, &at), "1 2");
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "2");
}

static void manual_songs_are_queued_only_when_asked_again(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song_at(f->db, "/m/1", 0, NOW);
    struct song_edit edit = {.verify = true};
    struct queue_result r;

    songs_edit(f->db, id, 0, &edit, NOW, NULL, NULL);
    queue_add(f->db, &id, 1, 0, false, NOW, &r, NULL);
    assert_int_equal(r.queued + r.already + r.unknown, 0);
    queue_add(f->db, &id, 1, 0, true, NOW, &r, NULL);
    assert_int_equal(r.queued, 1);
}

/* --- attempts ------------------------------------------------------------------------- */

static void attempt_counts_before_and_is_refunded(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song_at(f->db, "/m/1", 0, NOW), at;
    struct song s;

    assert_int_equal(queue_begin(f->db, id, PROVIDER_LASTFM, NOW + 1000, NULL), 0);
    s = get(f->db, id);
    assert_int_equal(s.attempts, 1);
    assert_int_equal(s.last_attempt_ms, NOW + 1000);
    assert_int_equal(s.version, 1);
    song_deinit(&s);
    assert_string_equal(next_ids(f->db, PROVIDER_MUSICBRAINZ, 0, NOW, id, 10, &at), "");   /* who works on it leaves it out */

    assert_int_equal(queue_refund(f->db, id, PROVIDER_LASTFM, NOW + 5000, NULL), 0);
    s = get(f->db, id);
    assert_int_equal(s.attempts, 0);
    song_deinit(&s);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "");
    assert_int_equal(at, NOW + 5000);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW + 5000, 0, 10, &at), "1");
    /* Stored by a clock that was years ahead: not believed. */
    queue_refund(f->db, id, PROVIDER_LASTFM, NOW + 400 * DAY, NULL);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "1");
    assert_int_equal(queue_begin(f->db, 99, PROVIDER_LASTFM, NOW, NULL), ERR_NOT_FOUND);
}

static void dead_process_costs_no_attempt_until_it_dies_too_often(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song_at(f->db, "/m/1", 0, NOW), n, at;
    struct counts c;
    struct song s;

    for (int i = 1; i < QUEUE_MAX_INTERRUPTED; i++) {
        queue_begin(f->db, id, PROVIDER_LASTFM, NOW, NULL);
        assert_int_equal(queue_recover(f->db, NOW, &n, NULL), 0);
        assert_int_equal(n, 1);
        s = get(f->db, id);
        assert_int_equal(s.attempts, 0);
        song_deinit(&s);
        assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "1");
    }
    queue_begin(f->db, id, PROVIDER_LASTFM, NOW, NULL);
    assert_int_equal(queue_recover(f->db, NOW, &n, NULL), 0);
    s = get(f->db, id);
    assert_int_equal(s.status, SONG_FAILED);
    assert_string_equal(s.reason, "gave_up");
    assert_string_equal(s.title, "1");
    song_deinit(&s);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.queued, 0);
    assert_int_equal(c.total_processed, 1);
    assert_int_equal(c.total_failed, 1);
    assert_int_equal(queue_recover(f->db, NOW, &n, NULL), 0);
    assert_int_equal(n, 0);
}

static void three_failures_give_up(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song_at(f->db, "/m/1", 0, NOW), at;
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_FAILED);
    struct counts c;

    o.not_before_ms = NOW + 60000;
    for (int i = 1; i <= 3; i++) {
        struct outcome_result r;
        queue_begin(f->db, id, PROVIDER_LASTFM, NOW, NULL);
        r = apply(f->db, &o);
        assert_int_equal(r.left_queue, i == 3);
        assert_int_equal(r.song.attempts, i);
        assert_int_equal(r.song.status, i == 3 ? SONG_FAILED : SONG_PARSED);
        if (i < 3) {
            assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "");
            assert_int_equal(at, NOW + 60000);
        } else {
            assert_string_equal(r.song.reason, "gave_up");
            assert_true(r.song.confidence == 0.65);
        }
        song_deinit(&r.song);
    }
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.total_processed, 1);
    assert_int_equal(c.total_failed, 1);
    assert_int_equal(c.queued, 0);
}

static void provider_that_keeps_failing_does_not_keep_the_others_from_it(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song_at(f->db, "/m/1", 0, NOW), at;
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_FAILED);
    struct outcome_result r;

    o.remaining = LASTFM_BIT | MB_BIT;
    o.max_attempts = 1;
    r = apply(f->db, &o);
    assert_false(r.left_queue);
    assert_int_equal(r.song.status, SONG_PARSED);
    song_deinit(&r.song);
    assert_string_equal(next_ids(f->db, PROVIDER_MUSICBRAINZ, LASTFM_BIT, NOW, 0, 10, &at), "1");
    o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_NOT_FOUND);
    r = apply(f->db, &o);
    assert_true(r.left_queue);
    assert_int_equal(r.song.status, SONG_FAILED);
    assert_string_equal(r.song.reason, "gave_up");   /* one that might know it could not be asked */
    song_deinit(&r.song);
}

/* --- answers -------------------------------------------------------------------------- */

static void found_enriches_and_leaves_when_nobody_is_left_to_ask(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "queen", "bohemian rapsody");
    struct candidates list = one_candidate(PROVIDER_LASTFM, "Queen", "Bohemian Rhapsody");
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_FOUND);
    struct outcome_result r;
    struct counts c;

    list.items[0].genres[0] = mem_strdup("Rock");
    o.candidates = &list;
    o.chosen = 0;
    o.confidence = 0.8;
    o.remaining = MB_BIT;
    r = apply(f->db, &o);
    assert_true(r.changed);
    assert_false(r.left_queue);
    assert_string_equal(r.song.artist, "Queen");
    assert_string_equal(r.song.title, "Bohemian Rhapsody");
    assert_string_equal(r.song.genre, "Rock");
    assert_string_equal(r.song.source, "lastfm");
    assert_string_equal(r.song.reason, "exact");
    assert_int_equal(r.song.status, SONG_ENRICHED);
    assert_int_equal(r.song.version, 2);
    assert_true(r.song.confidence == 0.8);
    song_deinit(&r.song);
    candidates_deinit(&list);

    o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_NOT_FOUND);
    r = apply(f->db, &o);
    assert_true(r.left_queue);
    assert_false(r.changed);
    assert_int_equal(r.song.status, SONG_ENRICHED);
    assert_string_equal(r.song.genre, "Rock");
    song_deinit(&r.song);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.total_processed, 1);
    assert_int_equal(c.total_enriched, 1);
    assert_int_equal(c.total_failed, 0);
}

static int wanted(struct db *db, int64_t id)
{
    struct song s = get(db, id);
    int w = s.wanted;

    song_deinit(&s);
    return w;
}

static void a_song_is_wanted_until_it_is_named_or_decided(void **state)
{
    struct fixture *f = *state;
    int64_t named = add_song_at(f->db, "/m/named", 10, NOW), unknown = add_song_at(f->db, "/m/unknown", 10, NOW);
    int64_t edited = add_song_at(f->db, "/m/edited", 0, NOW), asked[] = {edited};
    struct candidates list = one_candidate(PROVIDER_LASTFM, "Artist", "named");
    struct outcome found = outcome_of(named, PROVIDER_LASTFM, OUTCOME_FOUND);
    struct outcome missed = outcome_of(unknown, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct song_edit edit = {.verify = true};
    struct queue_result q;
    struct outcome_result r;

    found.candidates = &list;
    found.chosen = 0;
    found.confidence = 0.8;
    found.remaining = MB_BIT;
    assert_int_equal(wanted(f->db, named), 1);
    r = apply(f->db, &found);
    song_deinit(&r.song);
    assert_int_equal(wanted(f->db, named), 1);      /* MusicBrainz is still to be asked */
    found = outcome_of(named, PROVIDER_MUSICBRAINZ, OUTCOME_NOT_FOUND);
    r = apply(f->db, &found);
    assert_true(r.left_queue);
    assert_int_equal(r.song.wanted, 0);
    song_deinit(&r.song);
    assert_int_equal(wanted(f->db, named), 0);
    candidates_deinit(&list);

    r = apply(f->db, &missed);
    assert_true(r.left_queue);
    song_deinit(&r.song);
    assert_int_equal(wanted(f->db, unknown), 1);    /* now a person is to say */

    queue_add(f->db, asked, 1, 20, true, NOW, &q, NULL);
    assert_int_equal(wanted(f->db, edited), 2);
    songs_edit(f->db, edited, 0, &edit, NOW, NULL, NULL);
    assert_int_equal(wanted(f->db, edited), 0);
}

static void a_song_is_about_to_be_sung_while_it_is_in_the_queue_there(void **state)
{
    struct fixture *f = *state;
    int64_t waiting = add_song_at(f->db, "/m/waiting", 0, NOW), done = add_song_at(f->db, "/m/done", 0, NOW), n, at;
    int64_t manual = add_song_at(f->db, "/m/manual", 0, NOW);
    const char *both[] = {"/m/done", "/m/waiting", "/m/manual", "/m/nowhere"}, *one[] = {"/m/done"};
    struct outcome o = outcome_of(done, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct song_edit edit = {.verify = true};
    struct outcome_result r = apply(f->db, &o);

    assert_true(r.left_queue);
    song_deinit(&r.song);
    songs_edit(f->db, manual, 0, &edit, NOW, NULL, NULL);
    assert_int_equal(pk_songs_soon(f->db, both, 4, &n, NULL), 0);
    assert_int_equal(n, 1);                         /* the other two are not in our queue */
    assert_int_equal(wanted(f->db, waiting), 3);
    assert_int_equal(wanted(f->db, done), 3);
    assert_int_equal(wanted(f->db, manual), 0);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "1");
    assert_int_equal(pk_songs_soon(f->db, one, 1, &n, NULL), 0);
    assert_int_equal(wanted(f->db, waiting), 0);
    assert_int_equal(wanted(f->db, done), 3);
    assert_int_equal(pk_songs_soon(f->db, NULL, 0, &n, NULL), 0);
    assert_int_equal(wanted(f->db, done), 0);
}

static void not_found_by_all_fails_and_is_rechecked_after_weeks(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B"), n, at;
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct outcome_result r;

    queue_begin(f->db, id, PROVIDER_LASTFM, NOW, NULL);
    r = apply(f->db, &o);
    assert_true(r.changed && r.left_queue);
    assert_int_equal(r.song.status, SONG_FAILED);
    assert_string_equal(r.song.reason, "not_found");
    assert_string_equal(r.song.artist, "A");
    assert_true(r.song.confidence == 0.65);
    song_deinit(&r.song);
    assert_int_equal(queue_recheck(f->db, NOW - DAY, NOW, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(queue_recheck(f->db, NOW + DAY, NOW + 2 * DAY, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW + 2 * DAY, 0, 10, &at), "1");
    assert_int_equal(queue_recheck(f->db, NOW + DAY, NOW + 2 * DAY, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_counts_true(f->db);
}

static void a_clock_that_was_years_ahead_holds_no_song_back(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/m/a.mp4", "A", "B"), b = add_song(f->db, "/m/b.mp4", "C", "D");
    int64_t ahead = NOW + 3650 * DAY, n, at;
    struct outcome o = outcome_of(a, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct outcome_result r;

    o.now_ms = ahead;
    queue_begin(f->db, a, PROVIDER_LASTFM, ahead, NULL);
    r = apply(f->db, &o);
    song_deinit(&r.song);
    queue_begin(f->db, b, PROVIDER_LASTFM, ahead, NULL);
    assert_int_equal(queue_refund(f->db, b, PROVIDER_LASTFM, NOW + 2 * DAY, NULL), 0);   /* it was two days ahead then */
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "2");
    assert_int_equal(queue_recheck(f->db, NOW - 28 * DAY, NOW, &n, NULL), 0);
    assert_int_equal(n, 1);   /* else it would be asked again in ten years */
}

static void locked_fields_and_manual_songs_keep_their_values(void **state)
{
    struct fixture *f = *state;
    int64_t locked = add_song(f->db, "/m/a.mp4", "A", "B"), manual = add_song(f->db, "/m/b.mp4", "A", "B");
    struct song_edit lock = {.lock = 1u << FIELD_TITLE}, verify = {.verify = true};
    struct candidates list = one_candidate(PROVIDER_LASTFM, "AA", "BB");
    struct outcome o = outcome_of(locked, PROVIDER_LASTFM, OUTCOME_FOUND);
    struct outcome_result r;

    songs_edit(f->db, locked, 0, &lock, NOW, NULL, NULL);
    songs_edit(f->db, manual, 0, &verify, NOW, NULL, NULL);
    o.candidates = &list;
    o.chosen = 0;
    o.confidence = 0.8;
    r = apply(f->db, &o);
    assert_string_equal(r.song.artist, "AA");
    assert_string_equal(r.song.title, "B");
    song_deinit(&r.song);
    o.song_id = manual;
    r = apply(f->db, &o);
    assert_false(r.changed);
    assert_string_equal(r.song.artist, "A");
    assert_int_equal(r.song.status, SONG_MANUAL);
    assert_true(r.song.confidence == 1.0);
    song_deinit(&r.song);
    candidates_deinit(&list);
}

static void contradiction_keeps_the_names_and_lowers_the_number(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct candidates first = one_candidate(PROVIDER_LASTFM, "A", "B"), second = one_candidate(PROVIDER_MUSICBRAINZ, "X", "B");
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_FOUND);
    struct outcome_result r;

    o.candidates = &first;
    o.chosen = 0;
    o.confidence = 0.84;
    o.remaining = MB_BIT;
    r = apply(f->db, &o);
    song_deinit(&r.song);
    o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_FOUND);
    o.candidates = &second;
    o.chosen = 0;
    o.confidence = 0.55;
    o.contradicts = true;
    r = apply(f->db, &o);
    assert_string_equal(r.song.artist, "A");
    assert_string_equal(r.song.source, "lastfm");
    assert_string_equal(r.song.reason, "contradiction");
    assert_true(r.song.confidence == 0.55);
    song_deinit(&r.song);
    candidates_deinit(&first);
    candidates_deinit(&second);
}

static void agreement_is_known_to_the_next_lane(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "beyonce", "halo"), at;
    struct candidates list = one_candidate(PROVIDER_LASTFM, "Beyonc\xc3\xa9", "Halo");
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_FOUND);
    struct outcome_result r;
    struct queue_item item;

    o.candidates = &list;
    o.chosen = 0;
    o.confidence = 0.8;
    o.remaining = MB_BIT;
    r = apply(f->db, &o);
    song_deinit(&r.song);
    assert_int_equal(queue_next(f->db, PROVIDER_MUSICBRAINZ, 0, NOW, NULL, 0, 1, &item, &at, NULL), 1);
    assert_int_equal(item.agreed, LASTFM_BIT);
    assert_int_equal(item.asked, LASTFM_BIT);
    assert_true(item.parsed_confidence == 0.65);
    queue_item_deinit(&item);
    candidates_deinit(&list);
}

static void answers_are_kept_by_pair_for_their_time(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/m/a.mp4", "Queen", "One"), at;
    struct candidates list = one_candidate(PROVIDER_LASTFM, "Queen", "One"), back = {0};
    struct outcome o = outcome_of(a, PROVIDER_LASTFM, OUTCOME_FOUND);
    struct outcome_result r;
    struct queue_item item;
    char *pair = fold_pair("Queen", "One"), *other = fold_pair("Other", "Two");

    list.items[0].year = 1980;
    list.items[0].mbid = mem_strdup("0b1b");
    list.items[0].genres[0] = mem_strdup("Rock");
    o.candidates = &list;
    o.pair_key = pair;
    r = apply(f->db, &o);
    song_deinit(&r.song);
    add_song(f->db, "/m/b.mp4", "QUEEN", "one");
    assert_int_equal(queue_next(f->db, PROVIDER_LASTFM, 0, NOW + DAY, NULL, 0, 1, &item, &at, NULL), 1);
    assert_non_null(item.cached);
    assert_int_equal(candidates_read_json(item.cached, PROVIDER_LASTFM, &back, NULL), 0);
    assert_int_equal(back.count, 1);
    assert_string_equal(back.items[0].artist, "Queen");
    assert_string_equal(back.items[0].mbid, "0b1b");
    assert_string_equal(back.items[0].genres[0], "Rock");
    assert_int_equal(back.items[0].year, 1980);
    assert_int_equal(back.items[0].listeners, -1);
    queue_item_deinit(&item);
    assert_int_equal(queue_next(f->db, PROVIDER_LASTFM, 0, NOW + 300 * DAY, NULL, 0, 1, &item, &at, NULL), 1);
    assert_null(item.cached);
    queue_item_deinit(&item);

    o = outcome_of(a, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    o.pair_key = pair;
    r = apply(f->db, &o);
    song_deinit(&r.song);
    assert_int_equal(queue_next(f->db, PROVIDER_LASTFM, 0, NOW + DAY, NULL, 0, 1, &item, &at, NULL), 1);
    assert_true(item.cached_not_found);
    queue_item_deinit(&item);
    o.kind = OUTCOME_FAILED;
    o.pair_key = other;   /* could not ask: nothing to keep */
    r = apply(f->db, &o);
    song_deinit(&r.song);
    candidates_deinit(&list);
    candidates_deinit(&back);
    free(pair);
    free(other);
}

static void miss_of_old_names_is_none_of_the_new_ones(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "Zorvo Kelt", "Paper Boats"), at;
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    char *old = fold_pair("Paper Boats", "Zorvo Kelt"), *present = fold_pair("Zorvo Kelt", "Paper Boats");
    struct outcome_result r;

    o.remaining = LASTFM_BIT;
    o.pair_key = old;
    assert_int_equal(queue_begin(f->db, id, PROVIDER_LASTFM, NOW, NULL), 0);
    r = apply(f->db, &o);
    assert_false(r.left_queue);
    assert_int_equal(r.song.status, SONG_PARSED);
    song_deinit(&r.song);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 1, &at), "1");
    o.pair_key = present;
    r = apply(f->db, &o);
    assert_true(r.left_queue);
    song_deinit(&r.song);
    free(old);
    free(present);
}

static void outcome_of_a_forgotten_song_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct outcome o = outcome_of(5, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct outcome_result r;

    assert_int_equal(queue_outcome(f->db, &o, &r, NULL), ERR_NOT_FOUND);
}

static void asking_again_clears_what_was_asked(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B"), at;
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct outcome_result r;
    struct queue_result q;

    o.remaining = MB_BIT;
    queue_begin(f->db, id, PROVIDER_LASTFM, NOW, NULL);
    r = apply(f->db, &o);
    song_deinit(&r.song);
    queue_add(f->db, &id, 1, 50, true, NOW, &q, NULL);
    assert_int_equal(q.already, 1);
    assert_string_equal(next_ids(f->db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "1");
    assert_counts_true(f->db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* The worker read the row before the request; a person has had the song asked anew since. */
static void song_asked_anew_while_an_answer_was_under_way_stays(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/s/a.mp4", "Artist", "Title");
    struct outcome o = outcome_of(id, PROVIDER_LASTFM, OUTCOME_NOT_FOUND);
    struct queue_result added;
    struct outcome_result r;
    int64_t next_at;

    o.remaining = LASTFM_BIT | MB_BIT;
    r = apply(db, &o);
    assert_false(r.left_queue);
    song_deinit(&r.song);
    assert_int_equal(queue_add(db, &id, 1, 5, true, NOW, &added, NULL), 0);
    o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_NOT_FOUND);
    o.remaining = LASTFM_BIT | MB_BIT;
    r = apply(db, &o);
    assert_false(r.left_queue);
    song_deinit(&r.song);
    assert_string_not_equal(next_ids(db, PROVIDER_LASTFM, 0, NOW, 0, 1, &next_at), "");
    o.provider = PROVIDER_LASTFM;
    r = apply(db, &o);
    assert_true(r.left_queue);
    song_deinit(&r.song);
}

/* --- ListenBrainz: names in bulk, the date by others -------------------------------------- */

#define LB_BIT (1u << PROVIDER_LISTENBRAINZ)
#define ALL_BITS (LASTFM_BIT | MB_BIT | LB_BIT)
#define MBID "11111111-1111-4111-8111-111111111111"

static struct candidates exact_candidate(enum provider_id p, const char *artist, const char *title)
{
    struct candidates list = one_candidate(p, artist, title);

    list.items[0].exact = true;
    list.items[0].mbid = mem_strdup(MBID);
    return list;
}

/* ListenBrainz named the song exactly. */
static struct outcome_result named(struct db *db, int64_t id, struct candidates *list, bool exact)
{
    struct outcome o = outcome_of(id, PROVIDER_LISTENBRAINZ, OUTCOME_FOUND);

    *list = exact_candidate(PROVIDER_LISTENBRAINZ, "Artist", "Title");
    list->items[0].exact = exact;
    o.candidates = list;
    o.chosen = 0;
    o.confidence = 0.94;
    o.remaining = ALL_BITS;
    o.pair_key = "artist\x1ftitle";
    return apply(db, &o);
}

static void exact_name_of_listenbrainz_leaves_only_the_date(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/m/a.mp4", "artist", "title"), other = add_song(db, "/m/b.mp4", "artist", "other"), at;
    struct candidates list;
    struct counts c;
    struct outcome_result r = named(db, id, &list, true);
    struct outcome o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_NOT_FOUND);

    assert_true(r.named);
    assert_false(r.left_queue);
    assert_string_equal(r.song.artist, "Artist");
    song_deinit(&r.song);
    candidates_deinit(&list);
    assert_string_equal(next_ids(db, PROVIDER_LISTENBRAINZ, 0, NOW, 0, 10, &at), "2");
    assert_string_equal(next_ids(db, PROVIDER_LASTFM, 0, NOW, 0, 10, &at), "2");
    /* the older one only waits for its date: the one without names goes first */
    assert_string_equal(next_ids(db, PROVIDER_MUSICBRAINZ, 0, NOW, 0, 10, &at), "2 1");
    assert_int_equal(counts_read(db, &c, NULL), 0);
    assert_int_equal(c.queued, 2);
    assert_int_equal(c.dating, 1);
    o.remaining = ALL_BITS;
    r = apply(db, &o);
    assert_true(r.left_queue);
    assert_false(r.named);        /* that was counted before */
    assert_int_equal(r.song.status, SONG_ENRICHED);
    song_deinit(&r.song);
    (void)other;
}

static void inexact_name_of_listenbrainz_leaves_the_song_to_all(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/m/a.mp4", "artist", "title"), at;
    struct candidates list;
    struct outcome_result r = named(db, id, &list, false);

    assert_false(r.named);
    song_deinit(&r.song);
    candidates_deinit(&list);
    assert_string_equal(next_ids(db, PROVIDER_LASTFM, LB_BIT, NOW, 0, 10, &at), "1");
    assert_string_equal(next_ids(db, PROVIDER_MUSICBRAINZ, LB_BIT, NOW, 0, 10, &at), "1");
}

static void a_persons_question_spares_nobody(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/m/a.mp4", "artist", "title"), at;
    struct candidates list;
    struct queue_result q;
    struct outcome_result r;

    assert_int_equal(queue_add(db, &id, 1, QUEUE_ASKED, true, NOW, &q, NULL), 0);
    r = named(db, id, &list, true);
    assert_true(r.named);
    song_deinit(&r.song);
    candidates_deinit(&list);
    assert_string_equal(next_ids(db, PROVIDER_LASTFM, LB_BIT, NOW, 0, 10, &at), "1");
}

static void answer_of_musicbrainz_makes_listenbrainz_needless(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/m/a.mp4", "artist", "title");
    struct outcome o = outcome_of(id, PROVIDER_LISTENBRAINZ, OUTCOME_FAILED);
    struct outcome_result r;

    o.remaining = MB_BIT | LB_BIT;
    o.max_attempts = 1;
    r = apply(db, &o);             /* given up there */
    song_deinit(&r.song);
    o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_NOT_FOUND);
    o.remaining = MB_BIT | LB_BIT;
    r = apply(db, &o);
    assert_true(r.left_queue && r.named);
    assert_string_equal(r.song.reason, "not_found");   /* the same data does not know it */
    song_deinit(&r.song);
}

static struct detail detail_of(int64_t id, struct candidates *list, int year, const char *genre)
{
    struct detail d = {.song_id = id, .answered = PROVIDER_LISTENBRAINZ, .source = PROVIDER_MUSICBRAINZ, .rule = "first_release",
                       .reason = "why", .candidates = list, .chosen = 0, .pair_key = "artist\x1ftitle", .now_ms = NOW};

    list->items[0].year = year;
    free(list->items[0].genres[0]);
    list->items[0].genres[0] = mem_strdup(genre);
    return d;
}

static struct song detailed(struct db *db, struct detail d)
{
    struct outcome_result r;

    assert_int_equal(queue_detail(db, &d, &r, NULL), 0);
    assert_counts_true(db);
    return r.song;
}

static void genre_and_date_come_later_and_stay_with_the_answer(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/m/a.mp4", "artist", "title"), at;
    struct candidates list, back = {0};
    struct outcome_result r = named(db, id, &list, true);
    struct queue_item item;
    struct song s;

    song_deinit(&r.song);
    s = detailed(db, detail_of(id, &list, 1971, "Rock"));
    assert_int_equal(s.year, 1971);
    assert_string_equal(s.genre, "Rock");
    assert_true(s.confidence == 0.94);
    song_deinit(&s);
    add_song(db, "/m/b.mp4", "artist", "title");     /* its pair: answered from the store, with everything */
    assert_int_equal(queue_next(db, PROVIDER_LISTENBRAINZ, 0, NOW, NULL, 0, 1, &item, &at, NULL), 1);
    assert_int_equal(candidates_read_json(item.cached, PROVIDER_LISTENBRAINZ, &back, NULL), 0);
    assert_int_equal(back.items[0].year, 1971);
    assert_string_equal(back.items[0].genres[0], "Rock");
    queue_item_deinit(&item);
    candidates_deinit(&back);
    candidates_deinit(&list);
}

static void detail_never_touches_what_a_person_decided(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    int64_t id = add_song(db, "/m/a.mp4", "artist", "title"), gone = 77;
    struct candidates list;
    struct outcome_result r = named(db, id, &list, true);
    struct song_edit e = {.year = 1980, .set = 1u << FIELD_YEAR};
    struct song s;
    struct detail d;

    song_deinit(&r.song);
    assert_int_equal(songs_edit(db, id, 0, &e, NOW, &s, NULL), 0);
    song_deinit(&s);
    s = detailed(db, detail_of(id, &list, 1971, "Rock"));
    assert_int_equal(s.year, 1980);
    assert_string_equal(s.genre, "Rock");
    song_deinit(&s);
    e = (struct song_edit){.text = {[FIELD_ARTIST] = "Mine"}, .set = 1u << FIELD_ARTIST};
    assert_int_equal(songs_edit(db, id, 0, &e, NOW, &s, NULL), 0);
    song_deinit(&s);
    s = detailed(db, detail_of(id, &list, 1972, "Pop"));
    assert_string_equal(s.artist, "Mine");
    assert_string_equal(s.genre, "Rock");
    song_deinit(&s);
    d = detail_of(gone, &list, 1972, "Pop");
    assert_int_equal(queue_detail(db, &d, &r, NULL), ERR_NOT_FOUND);
    candidates_deinit(&list);
}

static void search_after_a_quick_date_only_makes_it_earlier(void **state)
{
    struct db *db = ((struct fixture *)*state)->db;
    static const struct { int quick, searched, year; } cases[] = {
        {1971, 1969, 1969}, {1971, 1975, 1971}, {0, 1975, 1975}, {1971, 0, 1971}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[16];
        int64_t id = (snprintf(path, sizeof path, "/m/%zu", i), add_song(db, path, "artist", "title"));
        struct candidates list, found = exact_candidate(PROVIDER_MUSICBRAINZ, "Artist", "Title");
        struct outcome o = outcome_of(id, PROVIDER_MUSICBRAINZ, OUTCOME_FOUND);
        struct outcome_result r = named(db, id, &list, true);
        struct song s;
        song_deinit(&r.song);
        s = detailed(db, detail_of(id, &list, cases[i].quick, "Rock"));
        song_deinit(&s);
        found.items[0].year = cases[i].searched;
        found.items[0].genres[0] = mem_strdup("Pop");
        o.candidates = &found;
        o.chosen = 0;
        o.confidence = 0.94;
        o.remaining = ALL_BITS;
        r = apply(db, &o);
        assert_int_equal(r.song.year, cases[i].year);
        assert_string_equal(r.song.genre, "Rock");     /* the official one stays */
        song_deinit(&r.song);
        candidates_deinit(&found);
        candidates_deinit(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(song_asked_anew_while_an_answer_was_under_way_stays),
        T(priority_goes_before_age_before_id), T(queueing_again_raises_and_never_lowers), T(lanes_take_by_what_was_asked_before),
        T(manual_songs_are_queued_only_when_asked_again), T(attempt_counts_before_and_is_refunded),
        T(dead_process_costs_no_attempt_until_it_dies_too_often), T(three_failures_give_up),
        T(provider_that_keeps_failing_does_not_keep_the_others_from_it), T(found_enriches_and_leaves_when_nobody_is_left_to_ask),
        T(not_found_by_all_fails_and_is_rechecked_after_weeks), T(locked_fields_and_manual_songs_keep_their_values),
        T(a_clock_that_was_years_ahead_holds_no_song_back),
        T(contradiction_keeps_the_names_and_lowers_the_number), T(agreement_is_known_to_the_next_lane),
        T(miss_of_old_names_is_none_of_the_new_ones),
        T(answers_are_kept_by_pair_for_their_time), T(outcome_of_a_forgotten_song_is_not_found),
        T(asking_again_clears_what_was_asked), T(exact_name_of_listenbrainz_leaves_only_the_date),
        T(a_persons_question_spares_nobody),
        T(inexact_name_of_listenbrainz_leaves_the_song_to_all), T(answer_of_musicbrainz_makes_listenbrainz_needless),
        T(genre_and_date_come_later_and_stay_with_the_answer), T(detail_never_touches_what_a_person_decided),
        T(search_after_a_quick_date_only_makes_it_earlier),
        T(a_song_is_wanted_until_it_is_named_or_decided),
        T(a_song_is_about_to_be_sung_while_it_is_in_the_queue_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
