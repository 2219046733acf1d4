/* Why values stand, suggestions taken and refused, the change log and the way back. */
#include "store_fixture.h"

#include "store/evidence.h"
#include "store/changes.h"
#include "store/queue.h"
#include "store/stmt.h"
#include "store/undo.h"

struct story {
    char text[2000];
    int64_t ids[32];
    int n;
};

static void tell_evidence(const struct evidence *v, void *arg)
{
    struct story *s = arg;

    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s%s=%s/%s ", v->chosen ? "*" : "", v->field,
             v->value ? v->value : "-", v->source);
}

static void tell_change(const struct change *c, void *arg)
{
    struct story *s = arg;

    s->ids[s->n++] = c->batch;
    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s%s:%s>%s ", c->undone ? "~" : "", c->field,
             c->old_value ? c->old_value : "-", c->new_value ? c->new_value : "-");
}

static void tell_candidate(const struct stored_candidate *v, void *arg)
{
    struct story *s = arg;

    s->ids[s->n++] = v->id;
    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s%s-%s/%s ", v->rejected ? "!" : "", v->c->artist,
             v->c->title, provider_name(v->c->provider));
}

static struct story evidence_of(struct db *db, int64_t id)
{
    struct story s = {0};

    assert_int_equal(evidence_list(db, id, tell_evidence, &s, NULL), 0);
    return s;
}

static struct story changes_of(struct db *db, int64_t id)
{
    struct story s = {0};
    int64_t next;

    assert_int_equal(changes_page(db, &(struct changes_filter){.song_id = id, .limit = 32}, tell_change, &s, &next, NULL), 0);
    assert_int_equal(next, 0);
    return s;
}

static int undo_whole(struct db *db, int64_t batch, int64_t **ids, size_t *n)
{
    struct undo u = {.batch = batch, .now_ms = NOW};

    return undo_batch(db, &u, ids, n, NULL);
}

static struct story candidates_of(struct db *db, int64_t id)
{
    struct story s = {0};

    assert_int_equal(candidates_list(db, id, 0, 10, tell_candidate, &s, NULL), 0);
    return s;
}

/* An accepted answer of artist and title, at a time of its own; returns queue_outcome's song in *out. */
static void answer(struct db *db, int64_t id, enum provider_id p, const char *artist, const char *title, int64_t now_ms,
                   struct song *out)
{
    struct candidates list = {0};
    struct candidate *c = candidates_add(&list, p);
    struct outcome o = {.song_id = id, .provider = p, .kind = OUTCOME_FOUND, .candidates = &list, .chosen = 0, .confidence = 0.8,
                        .remaining = 15, .max_attempts = 3, .now_ms = now_ms};
    struct outcome_result r;

    c->artist = mem_strdup(artist);
    c->title = mem_strdup(title);
    c->score = 0.9;
    c->year = 1990;
    c->rule = "fuzzy";
    c = candidates_add(&list, p);
    c->artist = mem_strdup("Second");
    c->title = mem_strdup(title);
    c->score = 0.5;
    c->rule = "artist_differs";
    assert_int_equal(queue_outcome(db, &o, &r, NULL), 0);
    *out = r.song;
    candidates_deinit(&list);
}

static void evidence_tells_who_says_what_and_what_stands(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b");
    struct song_edit edit = {.set = 1u << FIELD_TITLE, .text = {[FIELD_TITLE] = "Bee"}};
    struct song s;

    assert_string_equal(evidence_of(f->db, id).text, "*artist=a/name *title=b/name ");
    answer(f->db, id, PROVIDER_LASTFM, "A", "B", NOW + 1, &s);
    song_deinit(&s);
    songs_edit(f->db, id, 0, &edit, NOW + 2, NULL, NULL);
    assert_string_equal(evidence_of(f->db, id).text,
                        "artist=a/name title=b/name *artist=A/lastfm title=B/lastfm *year=1990/lastfm *title=Bee/person ");
}

static void accepted_suggestion_is_manual(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b");
    struct story c;
    struct song s;
    struct counts n;

    answer(f->db, id, PROVIDER_LASTFM, "A", "B", NOW, &s);
    song_deinit(&s);
    c = candidates_of(f->db, id);
    assert_string_equal(c.text, "A-B/lastfm Second-B/lastfm ");
    assert_int_equal(candidates_accept(f->db, id, c.ids[1], 1, NULL, NOW, &s, NULL), ERR_STALE);
    assert_int_equal(candidates_accept(f->db, id, 999, 0, NULL, NOW, &s, NULL), ERR_NOT_FOUND);
    assert_int_equal(candidates_accept(f->db, id, c.ids[1], 2, NULL, NOW, &s, NULL), 0);
    assert_string_equal(s.artist, "Second");
    assert_int_equal(s.status, SONG_MANUAL);
    assert_true(s.confidence == 1.0);
    song_deinit(&s);
    counts_read(f->db, &n, NULL);
    assert_int_equal(n.queued, 0);
    assert_counts_true(f->db);
}

static void rejected_match_is_never_chosen_again(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b");
    struct story c;
    struct song s;

    answer(f->db, id, PROVIDER_LASTFM, "Wrong", "Song", NOW, &s);
    assert_int_equal(s.year, 1990);
    song_deinit(&s);
    c = candidates_of(f->db, id);
    assert_int_equal(candidates_reject(f->db, id, c.ids[0], 0, NULL, NOW, &s, NULL), 0);
    assert_string_equal(s.artist, "a");
    assert_string_equal(s.title, "b");
    assert_string_equal(s.source, "name");
    assert_int_equal(s.year, 0);
    assert_int_equal(s.status, SONG_PARSED);
    assert_true(s.confidence == 0.65);
    song_deinit(&s);
    answer(f->db, id, PROVIDER_MUSICBRAINZ, "WRONG", "song", NOW, &s);   /* the same, from somebody else */
    assert_string_equal(s.artist, "a");
    assert_int_equal(s.status, SONG_PARSED);
    song_deinit(&s);
    answer(f->db, id, PROVIDER_LASTFM, "Wrong", "Song", NOW, &s);
    assert_string_equal(s.artist, "a");
    song_deinit(&s);
    assert_non_null(strstr(candidates_of(f->db, id).text, "!Wrong-Song/lastfm"));
    assert_counts_true(f->db);
}

static void what_a_refused_provider_said_no_longer_is_the_source_of_anything(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b"), *ids;
    struct song s;
    size_t n;

    answer(f->db, id, PROVIDER_LASTFM, "Wrong", "b", NOW + 1, &s);   /* of the title it says what the name says */
    song_deinit(&s);
    assert_int_equal(candidates_reject(f->db, id, candidates_of(f->db, id).ids[0], 0, NULL, NOW + 2, NULL, NULL), 0);
    assert_string_equal(evidence_of(f->db, id).text,
                        "*artist=a/name *title=b/name artist=Wrong/lastfm title=b/lastfm year=1990/lastfm ");

    /* taken back, the names are the provider's again: who else would be their source */
    assert_int_equal(undo_whole(f->db, changes_of(f->db, id).ids[0], &ids, &n), 0);
    free(ids);
    assert_string_equal(evidence_of(f->db, id).text,
                        "artist=a/name *title=b/name *artist=Wrong/lastfm title=b/lastfm *year=1990/lastfm ");
}

static void undo_puts_back_edit_and_worker_and_redo_brings_them_again(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b"), worker, person, undo, *ids;
    struct song_edit edit = {.set = 1u << FIELD_ARTIST, .text = {[FIELD_ARTIST] = "Edited"}};
    struct song s;
    struct counts c;
    size_t n;

    answer(f->db, id, PROVIDER_LASTFM, "A", "B", NOW + 1, &s);
    song_deinit(&s);
    worker = changes_of(f->db, id).ids[0];
    songs_edit(f->db, id, 0, &edit, NOW + 2, NULL, NULL);
    person = changes_of(f->db, id).ids[0];
    assert_true(person > worker);

    assert_int_equal(undo_whole(f->db, worker, &ids, &n), ERR_EXISTS);   /* the edit stands on it */
    assert_null(ids);
    assert_int_equal(undo_whole(f->db, person, &ids, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], id);
    free(ids);
    undo = changes_of(f->db, id).ids[0];
    songs_get(f->db, id, &s, NULL);
    assert_string_equal(s.artist, "A");
    assert_int_equal(s.status, SONG_ENRICHED);
    assert_true(s.confidence == 0.8);
    song_deinit(&s);
    assert_int_equal(undo_whole(f->db, person, &ids, &n), ERR_EXISTS);   /* already */

    assert_int_equal(undo_whole(f->db, worker, &ids, &n), 0);
    free(ids);
    songs_get(f->db, id, &s, NULL);
    assert_string_equal(s.artist, "a");
    assert_string_equal(s.title, "b");
    assert_string_equal(s.source, "name");
    assert_int_equal(s.year, 0);
    assert_int_equal(s.status, SONG_PARSED);
    song_deinit(&s);
    assert_non_null(strstr(evidence_of(f->db, id).text, "*artist=a/name"));

    assert_int_equal(undo_whole(f->db, changes_of(f->db, id).ids[0], &ids, &n), 0);   /* the worker's again */
    free(ids);
    assert_int_equal(undo_whole(f->db, undo, &ids, &n), 0);                            /* the edit again */
    free(ids);
    songs_get(f->db, id, &s, NULL);
    assert_string_equal(s.artist, "Edited");
    assert_int_equal(s.status, SONG_MANUAL);
    song_deinit(&s);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.queued, 0);
    assert_int_equal(undo_whole(f->db, 12345, &ids, &n), ERR_NOT_FOUND);
    assert_counts_true(f->db);
}

static void undo_of_a_persons_edit_reopens_the_song(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b"), *ids;
    struct song_edit edit = {.verify = true};
    struct counts c;
    size_t n;

    songs_edit(f->db, id, 0, &edit, NOW, NULL, NULL);
    assert_int_equal(undo_whole(f->db, changes_of(f->db, id).ids[0], &ids, &n), 0);
    free(ids);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.by_status[SONG_PARSED], 1);
    assert_int_equal(c.queued, 1);
}

static void batch_of_many_edits_is_one_undo(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/m/a.mp4", "a", "b"), b = add_song(f->db, "/m/b.mp4", "c", "d"), batch = 0, first, *ids;
    struct song_edit edit = {.set = 1u << FIELD_GENRE, .text = {[FIELD_GENRE] = "Pop"}, .batch = &batch};
    size_t n;

    songs_edit(f->db, a, 0, &edit, NOW, NULL, NULL);
    first = batch;
    assert_true(first > 0);
    songs_edit(f->db, b, 0, &edit, NOW, NULL, NULL);
    assert_int_equal(batch, first);
    assert_int_equal(undo_whole(f->db, batch, &ids, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], a);
    assert_int_equal(ids[1], b);
    free(ids);
}

static void change_log_is_paged_newest_first_and_knows_the_scan(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "a", "b"), *ids;
    struct song_edit edit = {.set = 1u << FIELD_YEAR, .year = 1999};
    struct story s = {0};
    int64_t next;
    size_t n;

    songs_edit(f->db, id, 0, &edit, NOW, NULL, NULL);
    songs_set_present(f->db, &id, 1, false, NOW, NULL, NULL);
    assert_string_equal(changes_of(f->db, id).text, "present:true>false locked:->year year:->1999 ");
    assert_int_equal(changes_page(f->db, &(struct changes_filter){.before = 3, .limit = 1}, tell_change, &s, &next, NULL), 0);
    assert_int_equal(next, 2);
    assert_string_equal(s.text, "locked:->year ");
    assert_int_equal(undo_whole(f->db, changes_of(f->db, id).ids[0], &ids, &n), ERR_EXISTS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static int64_t query_int(struct db *db, const char *sql)
{
    struct stmt s = stmt_of_text(db, sql, NULL);
    int64_t n = -1;

    assert_int_equal(stmt_run_int(&s, &n), 1);
    return n;
}

static void the_log_forgets_what_machines_did_long_ago_and_nothing_of_persons(void **state)
{
    struct fixture *f = *state;
    struct slice a = SLICE_LIT("a"), b = SLICE_LIT("b");
    int64_t gone, machine, person;

    for (int i = 0; i < 40; i++) {
        struct change_log log = {.actor = i % 4 == 0 ? "person" : i % 4 == 1 ? "scan" : "worker", .now_ms = NOW + i};
        assert_int_equal(changes_add(f->db, &log, 1, "artist", a, b, NULL), 0);
        assert_int_equal(changes_add(f->db, &log, 1, "title", a, b, NULL), 0);   /* the same batch, the same moment */
    }
    assert_int_equal(changes_forget(f->db, NOW, 100, &gone, NULL), 0);
    assert_int_equal(gone, 0);
    assert_int_equal(changes_forget(f->db, NOW + 20, 12, &gone, NULL), 0);       /* 30 are older; so many at a time */
    assert_int_equal(gone, 12);
    assert_int_equal(changes_forget(f->db, NOW + 20, 100, &gone, NULL), 0);
    assert_int_equal(gone, 18);
    machine = query_int(f->db, "SELECT count(*) FROM changes WHERE actor <> 'person'");
    person = query_int(f->db, "SELECT count(*) FROM changes WHERE actor = 'person'");
    assert_int_equal(machine, 30);
    assert_int_equal(person, 20);
    assert_int_equal(query_int(f->db, "SELECT count(*) FROM (SELECT batch FROM changes GROUP BY batch HAVING count(*) <> 2)"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(evidence_tells_who_says_what_and_what_stands),
        T(accepted_suggestion_is_manual),
        T(rejected_match_is_never_chosen_again),
        T(what_a_refused_provider_said_no_longer_is_the_source_of_anything),
        T(undo_puts_back_edit_and_worker_and_redo_brings_them_again),
        T(undo_of_a_persons_edit_reopens_the_song),
        T(batch_of_many_edits_is_one_undo),
        T(change_log_is_paged_newest_first_and_knows_the_scan),
        T(the_log_forgets_what_machines_did_long_ago_and_nothing_of_persons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
