/* What the dashboard's lists stand on: filters, sorts, bounded pages, counts, duplicates, and the step of the schema that
 * brought them. */
#include "store_fixture.h"

#include "store/changes.h"
#include "store/devices.h"
#include "store/migrations.h"
#include "store/queue.h"
#include "store/song_row.h"
#include "store/undo.h"

static struct songs_filter all_songs(void)
{
    return (struct songs_filter){.min_confidence = -1, .max_confidence = -1, .below = -1, .limit = 50};
}

static void tell_title(const struct song *s, void *arg)
{
    char *out = arg;

    snprintf(out + strlen(out), 400 - strlen(out), "%s ", s->title ? s->title : "-");
}

/* The titles of all pages. */
static const char *titles(struct db *db, struct songs_filter f)
{
    static char out[400];
    char *cursor = NULL, *next = NULL;

    out[0] = '\0';
    do {
        f.cursor = cursor;
        assert_int_equal(songs_page(db, &f, tell_title, out, &next, NULL), 0);
        free(cursor);
        cursor = next;
    } while (cursor);
    return out;
}

static void edit_song(struct db *db, int64_t id, int year, const char *genre)
{
    struct song_edit e = {.set = 1u << FIELD_YEAR | 1u << FIELD_GENRE, .year = year, .text = {[FIELD_GENRE] = genre}};

    assert_int_equal(songs_edit(db, id, 0, &e, NOW, NULL, NULL), 0);
}

static void rename_song(struct db *db, int64_t id, const char *artist, const char *title)
{
    struct song_edit e = {.set = 1u << FIELD_ARTIST | 1u << FIELD_TITLE,
                          .text = {[FIELD_ARTIST] = artist, [FIELD_TITLE] = title}};

    assert_int_equal(songs_edit(db, id, 0, &e, NOW, NULL, NULL), 0);
}

static bool is_doubled(struct db *db, int64_t id)
{
    struct song s;
    bool doubled;

    assert_int_equal(songs_get(db, id, &s, NULL), 0);
    doubled = s.doubled;
    song_deinit(&s);
    return doubled;
}

static void years_may_be_a_range_or_missing(void **state)
{
    struct fixture *f = *state;
    struct songs_filter q = all_songs();

    edit_song(f->db, add_song(f->db, "/m/a.mp4", "A", "one"), 1974, "Pop");
    edit_song(f->db, add_song(f->db, "/m/b.mp4", "B", "two"), 1982, "");
    add_song(f->db, "/m/c.mp4", "C", "three");
    q.sort = SORT_YEAR;
    assert_string_equal(titles(f->db, q), "three one two ");
    q.descending = true;
    assert_string_equal(titles(f->db, q), "two one three ");
    q = all_songs(), q.min_year = 1975;
    assert_string_equal(titles(f->db, q), "two ");
    q = all_songs(), q.max_year = 1975;
    assert_string_equal(titles(f->db, q), "one ");
    q = all_songs(), q.no_year = true;
    assert_string_equal(titles(f->db, q), "three ");
    q.min_year = 1900;   /* a contradiction is empty */
    assert_string_equal(titles(f->db, q), "");
    q = all_songs(), q.no_genre = true;
    assert_string_equal(titles(f->db, q), "two three ");
}

static void a_group_of_genres_is_found_by_all_its_names(void **state)
{
    struct fixture *f = *state;
    struct songs_filter q = all_songs();

    edit_song(f->db, add_song(f->db, "/m/a.mp4", "A", "one"), 1974, "Hard Rock");
    edit_song(f->db, add_song(f->db, "/m/b.mp4", "B", "two"), 1982, "rock");   /* as a person wrote it */
    edit_song(f->db, add_song(f->db, "/m/c.mp4", "C", "three"), 1982, "Children's Music");
    edit_song(f->db, add_song(f->db, "/m/d.mp4", "D", "four"), 1982, "Nobody knows");
    add_song(f->db, "/m/e.mp4", "E", "five");
    q.genre_group = "Rock";
    assert_string_equal(titles(f->db, q), "one two ");
    q.genre_group = "Children's";
    assert_string_equal(titles(f->db, q), "three ");
    q.genre_group = "Jazz", q.sort = SORT_YEAR;
    assert_string_equal(titles(f->db, q), "");
}

static void every_sort_pages_through_everything_once(void **state)
{
    static const enum songs_sort sorts[] = {SORT_ID, SORT_ARTIST, SORT_TITLE, SORT_CONFIDENCE, SORT_UPDATED,
                                            SORT_YEAR, SORT_ADDED, SORT_REVIEW};
    struct fixture *f = *state;
    char path[32], title[8];

    for (int i = 0; i < 9; i++) {
        snprintf(path, sizeof path, "/m/%d.mp4", i);
        snprintf(title, sizeof title, "%d", i);
        add_song(f->db, path, i % 2 ? "A" : "B", title);
    }
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
        for (int limit = 1; limit < 11; limit += 3) {
            struct songs_filter q = all_songs();
            char seen[400], one[8];
            q.sort = sorts[i], q.limit = limit;
            snprintf(seen, sizeof seen, "%s", titles(f->db, q));
            assert_int_equal(strlen(seen), 18);
            for (int n = 0; n < 9; n++) {
                snprintf(one, sizeof one, "%d ", n);
                assert_non_null(strstr(seen, one));
            }
        }
}

static void the_review_holds_what_is_wanted_first_and_no_decided_song(void **state)
{
    struct fixture *f = *state;
    int64_t sure = add_song(f->db, "/m/a.mp4", "A", "sure"), asked = add_song(f->db, "/m/b.mp4", "B", "asked");
    int64_t soon = add_song(f->db, "/m/c.mp4", "C", "soon"), decided = add_song(f->db, "/m/d.mp4", "D", "decided");
    int64_t gone = add_song(f->db, "/m/e.mp4", "E", "gone");
    struct songs_filter q = all_songs();
    struct queue_result r;

    assert_int_equal(db_exec(f->db, "UPDATE songs SET confidence = 0.3, sung = 4 WHERE title = 'sure'", NULL), 0);
    queue_add(f->db, &asked, 1, 20, false, NOW, &r, NULL);
    queue_add(f->db, &soon, 1, 30, false, NOW, &r, NULL);
    queue_add(f->db, &soon, 1, 10, false, NOW, &r, NULL);   /* never lowered */
    rename_song(f->db, decided, "D", "decided");
    songs_set_present(f->db, &gone, 1, false, NOW, NULL, NULL);
    add_song(f->db, "/m/f.mp4", "F", "last");
    q.sort = SORT_REVIEW;
    assert_string_equal(titles(f->db, q), "soon asked sure last ");
    q.below = 0.65;
    assert_string_equal(titles(f->db, q), "sure ");
    assert_true(sure > 0);
    assert_counts_true(f->db);
}

static void confidences_are_asked_for_as_they_are_shown(void **state)
{
    struct fixture *f = *state;
    struct songs_filter q = all_songs();
    struct counts c;

    add_song(f->db, "/m/a.mp4", "A", "one");
    assert_int_equal(db_exec(f->db, "UPDATE songs SET confidence = 0.8462", NULL), 0);   /* shown as 0.85 */
    q.min_confidence = 0.85;
    assert_string_equal(titles(f->db, q), "one ");
    q.max_confidence = 0.85;
    assert_string_equal(titles(f->db, q), "one ");
    q = all_songs(), q.below = 0.85;
    assert_string_equal(titles(f->db, q), "");
    q.below = 0.86;
    assert_string_equal(titles(f->db, q), "one ");
    counts_read(f->db, &c, NULL);
    assert_int_equal(counts_below(&c, 85), 0);
    assert_int_equal(counts_below(&c, 86), 1);
}

static void duplicates_follow_names_variants_and_files(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/m/a.mp4", "Beyoncé", "Halo"), b = add_song(f->db, "/m/b.mp4", "BEYONCE", "halo!");
    int64_t c, d = add_song(f->db, "/m/d.mp4", "Other", "Halo");
    struct song_edit live = {.set = 1u << FIELD_VARIANT, .text = {[FIELD_VARIANT] = "live"}};
    int64_t forgotten;

    assert_true(is_doubled(f->db, a) && is_doubled(f->db, b) && !is_doubled(f->db, d));
    c = add_song(f->db, "/m/c.mp4", "Beyonce", "Halo");
    songs_edit(f->db, c, 0, &live, NOW, NULL, NULL);
    assert_true(is_doubled(f->db, a) && !is_doubled(f->db, c));
    songs_set_present(f->db, &a, 1, false, NOW, NULL, NULL);
    assert_true(!is_doubled(f->db, a) && !is_doubled(f->db, b));
    rename_song(f->db, d, "Beyonce", "Halo");
    assert_true(is_doubled(f->db, b) && is_doubled(f->db, d));
    songs_set_present(f->db, &a, 1, true, NOW, NULL, NULL);
    assert_true(is_doubled(f->db, a));
    songs_set_present(f->db, &a, 1, false, NOW, NULL, NULL);
    songs_forget(f->db, &a, 1, &forgotten, NULL);
    assert_true(is_doubled(f->db, b) && is_doubled(f->db, d));
    add_song(f->db, "/m/x.mp4", "", "");
    add_song(f->db, "/m/y.mp4", "", "");   /* nothing read is nothing alike */
    assert_counts_true(f->db);
}

/* Ten songs live a random life; after each step the counts are those of the rows. */
static void counts_are_true_whatever_happens(void **state)
{
    static const char *const names[] = {"A", "B", "a"}, *const titles_[] = {"x", "X!", "y"};
    struct fixture *f = *state;
    char path[32];

    srand(3);
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "/m/%d.mp4", i);
        add_song(f->db, path, names[i % 3], titles_[rand() % 3]);
    }
    for (int i = 0; i < 300; i++) {
        int64_t id = 1 + rand() % 10;
        struct song_edit verify = {.verify = true};
        struct undo all = {.since_ms = 1, .now_ms = NOW};
        switch (rand() % 6) {
        case 0: rename_song(f->db, id, names[rand() % 3], titles_[rand() % 3]); break;
        case 1: edit_song(f->db, id, rand() % 2 ? 1990 : 0, rand() % 2 ? "Pop" : ""); break;
        case 2: songs_set_present(f->db, &id, 1, rand() % 2, NOW, NULL, NULL); break;
        case 3: songs_edit(f->db, id, 0, &verify, NOW, NULL, NULL); break;
        case 4: assert_true(undo_song(f->db, &all, id, NULL) >= 0); break;
        default: queue_give_up(f->db, id, NOW, NULL);
        }
        assert_counts_true(f->db);
    }
}

static void an_undo_of_many_batches_keeps_what_others_changed_since(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "one");
    struct undo worker = {.since_ms = 1, .actor = "worker", .now_ms = NOW};
    struct change_log log = {.actor = "worker", .source = "lastfm", .now_ms = NOW};
    struct song before, after;
    bool changed;

    songs_get(f->db, id, &before, NULL);
    song_row_copy(&before, &after);
    after.year = 1980;
    song_row_set(&after.genre, "Rock");
    assert_int_equal(song_row_save(f->db, &before, &after, NOW, &changed, NULL), 0);
    assert_int_equal(changes_add_song(f->db, &log, &before, &after, NULL), 0);
    song_deinit(&before);
    song_deinit(&after);
    edit_song(f->db, id, 1980, "Pop");
    assert_int_equal(undo_song(f->db, &worker, id, NULL), UNDO_PARTLY);
    songs_get(f->db, id, &after, NULL);
    assert_int_equal(after.year, 0);
    assert_string_equal(after.genre, "Pop");
    song_deinit(&after);
    assert_int_equal(undo_song(f->db, &worker, id, NULL), UNDO_KEPT);
}

static void devices_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct device d = {.name = "phone", .hash = "ab", .paired_at_ms = NOW, .seen_at_ms = NOW}, list[4];

    assert_int_equal(devices_add(f->db, &d, NULL), 0);
    assert_int_equal(devices_seen(f->db, d.id, NOW + 5, NULL), 0);
    assert_int_equal(devices_load(f->db, list, 4, NULL), 1);
    assert_string_equal(list[0].name, "phone");
    assert_int_equal(list[0].seen_at_ms, NOW + 5);
    assert_int_equal(devices_remove(f->db, d.id, NULL), 0);
    assert_int_equal(devices_remove(f->db, d.id, NULL), ERR_NOT_FOUND);
    assert_int_equal(devices_load(f->db, list, 4, NULL), 0);
}

/* A database of the first schema with songs in it becomes one of today: the new columns are read from the names. */
static void songs_of_the_first_schema_get_what_the_lists_need(void **state)
{
    struct fixture *f = *state;
    struct songs_filter q = all_songs();
    struct song s;

    add_song(f->db, "/m/Leuchtturm (im Stil von Nena).mp4", "Nena", "Leuchtturm");
    add_song(f->db, "/m/a.mp4", "Toto", "Africa");
    add_song(f->db, "/m/b.mp4", "toto", "africa");
    assert_int_equal(db_exec(f->db,
                             "DROP TRIGGER list_song_in; DROP TRIGGER list_song_out; DROP TRIGGER list_song_moves;"
                             "DROP TRIGGER list_confidence_moves; DROP TRIGGER double_in; DROP TRIGGER double_out;"
                             "DROP TRIGGER double_moves; DROP INDEX songs_by_year; DROP INDEX songs_by_genre;"
                             "DROP INDEX songs_vendor;"
                             "DROP INDEX songs_language; DROP INDEX songs_source; DROP INDEX songs_added;"
                             "DROP INDEX songs_order_open;"
                             "DROP INDEX songs_doubled;"
                             "DROP INDEX songs_review; DROP INDEX changes_undone_by; DROP INDEX changes_when;"
                             "DROP INDEX changes_batch;"
                             "CREATE INDEX changes_batch ON changes(batch); DROP TABLE devices;", NULL), 0);
    assert_int_equal(db_exec(f->db,
                             "DELETE FROM counts WHERE key LIKE 'open %' OR key LIKE 'failed_%' OR key IN ('no_year', 'no_genre',"
                             " 'order_unsure', 'duplicate');"
                             "ALTER TABLE songs DROP COLUMN language; ALTER TABLE songs DROP COLUMN order_open;"
                             "ALTER TABLE songs DROP COLUMN doubled; ALTER TABLE songs DROP COLUMN wanted;"
                             "ALTER TABLE songs DROP COLUMN sung; ALTER TABLE changes DROP COLUMN undone_by;"
                             "CREATE INDEX songs_year ON songs(year) WHERE year IS NOT NULL;"
                             "CREATE INDEX songs_genre ON songs(genre COLLATE NOCASE) WHERE genre IS NOT NULL;", NULL), 0);
    assert_int_equal(migrate_lists(f->db, NULL), 0);
    songs_get(f->db, 1, &s, NULL);
    assert_string_equal(s.language, "de");
    assert_false(s.doubled);
    song_deinit(&s);
    assert_true(is_doubled(f->db, 2) && is_doubled(f->db, 3));
    q.q = "leucht";
    assert_string_equal(titles(f->db, q), "Leuchtturm ");
    assert_counts_true(f->db);
    add_song(f->db, "/m/c.mp4", "Toto", "Africa");
    assert_counts_true(f->db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(years_may_be_a_range_or_missing),
        T(a_group_of_genres_is_found_by_all_its_names),
        T(every_sort_pages_through_everything_once),
        T(the_review_holds_what_is_wanted_first_and_no_decided_song),
        T(confidences_are_asked_for_as_they_are_shown),
        T(duplicates_follow_names_variants_and_files),
        T(counts_are_true_whatever_happens),
        T(an_undo_of_many_batches_keeps_what_others_changed_since),
        T(devices_come_and_go),
        T(songs_of_the_first_schema_get_what_the_lists_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
