/* Opening and refusing files, what a scan stores, pages, search, edits, settings. */
#include "store_fixture.h"

#include <fcntl.h>
#include <sys/file.h>

#include "store/backup.h"
#include "store/evidence.h"
#include "store/queue.h"
#include "store/state.h"
#include "store/stmt.h"

/* --- the file ------------------------------------------------------------------------- */

static void new_file_is_private_and_locked(void **state)
{
    struct fixture *f = *state;
    struct db *other;
    struct stat st;
    struct err e = {0};

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(db_open(f->path, &other, &e), ERR_IN_USE);
    assert_non_null(strstr(e.text, f->path));
}

static void file_opens_again_with_its_rows(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/Queen - Bohemian Rhapsody.mp4", "Queen", "Bohemian Rhapsody"), found;
    char wal[128];

    db_close(f->db);
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(access(wal, F_OK), -1);
    assert_int_equal(db_open(f->path, &f->db, NULL), 0);
    assert_int_equal(songs_find_path(f->db, slice_of("/m/Queen - Bohemian Rhapsody.mp4"), &found, NULL), 0);
    assert_int_equal(found, id);
}

static void reader_sees_commits_and_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct db *reader;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct song s;

    assert_int_equal(db_open_reader(f->path, &reader, NULL), 0);
    assert_int_equal(songs_get(reader, id, &s, NULL), 0);
    assert_string_equal(s.title, "B");
    song_deinit(&s);
    assert_true(settings_set(reader, "a.b", "c", NOW, NULL) < 0);
    db_close(reader);
}

/* The kernel would write a time of access that is older than a day, or than the last change. */
static void reading_leaves_no_trace_in_the_file(void **state)
{
    struct fixture *f = *state;
    struct timespec old[2] = {{.tv_sec = NOW / 1000}, {.tv_sec = NOW / 1000}};
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct db *reader;
    struct stat st;
    struct song s;

    db_tidy(f->db);   /* what is read now comes from the file itself */
    assert_int_equal(db_open_reader(f->path, &reader, NULL), 0);
    assert_int_equal(utimensat(AT_FDCWD, f->path, old, 0), 0);
    assert_int_equal(songs_get(reader, id, &s, NULL), 0);
    song_deinit(&s);
    db_close(reader);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_atim.tv_sec, NOW / 1000);
}

static size_t read_all(const char *path, char *out, size_t size)
{
    FILE *fp = fopen(path, "rb");
    size_t n = fread(out, 1, size, fp);

    fclose(fp);
    return n;
}

static void write_all(const char *path, const char *data, size_t n)
{
    FILE *fp = fopen(path, "wb");

    assert_int_equal(fwrite(data, 1, n, fp), n);
    fclose(fp);
}

static void assert_refused_untouched(const char *path, const char *hint)
{
    static char before[1 << 20], after[1 << 20];
    size_t n = read_all(path, before, sizeof before);
    struct err e = {0};
    struct db *db;
    char name[160];

    assert_int_equal(db_open(path, &db, &e), ERR_DATABASE);
    assert_null(db);
    if (!strstr(e.text, hint))
        fail_msg("'%s' does not say '%s'", e.text, hint);
    assert_int_equal(read_all(path, after, sizeof after), n);
    assert_memory_equal(before, after, n);
    snprintf(name, sizeof name, "%s-wal", path);
    assert_int_equal(access(name, F_OK), -1);
    snprintf(name, sizeof name, "%s-shm", path);
    assert_int_equal(access(name, F_OK), -1);
}

static void foreign_newer_damaged_and_cut_files_are_refused_untouched(void **state)
{
    static char data[1 << 20];
    struct fixture *f = *state;
    size_t n;

    add_song(f->db, "/m/a.mp4", "A", "B");
    db_close(f->db);
    f->db = NULL;
    n = read_all(f->path, data, sizeof data);

    write_all(f->path, "this is a text, not a database, and it is longer than a header is; so it goes on for a while yet......",
              102);
    assert_refused_untouched(f->path, "not a songbook database");
    write_all(f->path, "short", 5);
    assert_refused_untouched(f->path, "not a songbook database");

    data[71] ^= 1;   /* application_id */
    write_all(f->path, data, n);
    assert_refused_untouched(f->path, "not a songbook database");
    data[71] ^= 1;

    data[63] = 99;   /* user_version */
    write_all(f->path, data, n);
    assert_refused_untouched(f->path, "newer songbookd");
    data[63] = 1;

    write_all(f->path, data, n - 4096);
    assert_refused_untouched(f->path, "cut short");

    memset(data + 4096 * 3, 0x5a, 4096 * 2);
    write_all(f->path, data, n);
    assert_refused_untouched(f->path, "damaged");
}

/* Somebody writes while the check runs. */
struct busy_check {
    struct db *db;
    bool hold;             /* does not come to an end */
    char lines[400];
};

static void write_meanwhile(const char *line, void *arg)
{
    struct busy_check *b = arg;

    snprintf(b->lines + strlen(b->lines), sizeof b->lines - strlen(b->lines), "%s\n", line);
    if (db_in_transaction(b->db))
        return;
    assert_int_equal(db_begin(b->db, false, NULL), 0);
    assert_int_equal(settings_set(b->db, "a", "b", NOW, NULL), 0);
    if (!b->hold)
        assert_int_equal(db_commit(b->db, NULL), 0);
}

static void search_index_is_checked_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    struct busy_check b = {.db = f->db};
    struct err e = {0};
    int64_t songs;

    add_song(f->db, "/m/a.mp4", "A", "B");
    assert_int_equal(db_exec(f->db, "UPDATE songs SET metadata_status = 'manual', confidence = 0.5, words = 'other'", NULL), 0);
    assert_int_equal(database_check(f->path, write_meanwhile, &b, &songs, NULL), 2);
    assert_non_null(strstr(b.lines, "set by hand"));
    assert_non_null(strstr(b.lines, "search index does not fit"));

    b = (struct busy_check){.db = f->db, .hold = true};
    assert_int_equal(database_check(f->path, write_meanwhile, &b, &songs, &e), ERR_BUSY);
    assert_non_null(strstr(e.text, "search index was not checked"));
    db_rollback(f->db);
}

static void folder_in_place_of_the_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct db *db;
    struct err e = {0};
    char name[160];

    assert_int_equal(db_open(f->dir, &db, &e), ERR_DATABASE);
    snprintf(name, sizeof name, "%s.lock", f->dir);
    unlink(name);
}

/* --- what a scan stores --------------------------------------------------------------- */

static void found_song_is_parsed_queued_and_explained(void **state)
{
    struct fixture *f = *state;
    struct guess g = {.artist = (char *)"Blur", .title = (char *)"Song 2", .variant = (char *)"live", .vendor = (char *)"Zoom",
                      .year = 1997, .confidence = 0.85, .rule = "phrase", .reason = "it says so"};
    struct found_file file = {
        .path = slice_of("/m/Song 2---abcdefghijk.mp4"), .size = 5, .mtime_ms = 7, .format = "mp4", .guess = &g, .priority = 10};
    struct found_result r;
    struct song s;
    struct counts c;

    assert_int_equal(songs_found(f->db, &file, 1, NOW, &r, NULL), 0);
    assert_true(r.inserted);
    assert_int_equal(songs_get(f->db, r.id, &s, NULL), 0);
    assert_string_equal(s.file_path, "/m/Song 2---abcdefghijk.mp4");
    assert_string_equal(s.artist, "Blur");
    assert_string_equal(s.title, "Song 2");
    assert_string_equal(s.variant, "live");
    assert_string_equal(s.vendor, "Zoom");
    assert_string_equal(s.youtube_id, "abcdefghijk");
    assert_string_equal(s.reason, "phrase");
    assert_string_equal(s.source, "name");
    assert_int_equal(s.year, 1997);
    assert_int_equal(s.status, SONG_PARSED);
    assert_int_equal(s.size, 5);
    assert_int_equal(s.mtime_ms, 7);
    assert_int_equal(s.version, 1);
    assert_int_equal(s.added_ms, NOW);
    assert_int_equal(s.updated_ms, NOW);
    assert_true(s.present);
    song_deinit(&s);
    assert_int_equal(counts_read(f->db, &c, NULL), 0);
    assert_int_equal(c.total, 1);
    assert_int_equal(c.by_status[SONG_PARSED], 1);
    assert_int_equal(c.queued, 1);
    assert_int_equal(c.queued_asked[0], 1);
    assert_counts_true(f->db);
}

static void name_without_title_is_pending(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/x.mp4", NULL, "");
    struct song s;

    assert_int_equal(songs_get(f->db, id, &s, NULL), 0);
    assert_int_equal(s.status, SONG_PENDING);
    assert_null(s.title);
    song_deinit(&s);
}

static void path_that_is_not_utf8_keeps_its_bytes(void **state)
{
    struct fixture *f = *state;
    const char *path = "/m/caf\xe9 \xff - x.mp4";
    int64_t id = add_song(f->db, path, "caf\xef\xbf\xbd", "x"), found;
    struct song s;

    assert_int_equal(songs_find_path(f->db, slice_of(path), &found, NULL), 0);
    assert_int_equal(found, id);
    assert_int_equal(songs_get(f->db, id, &s, NULL), 0);
    assert_string_equal(s.file_path, path);
    song_deinit(&s);
    assert_int_equal(songs_find_path(f->db, slice_of("/m/other"), &found, NULL), ERR_NOT_FOUND);
}

static void known_path_is_not_inserted_again(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct guess g = guess_of("Z", "Z", 0.1);
    struct found_file file = {.path = slice_of("/m/a.mp4"), .size = 2000, .mtime_ms = NOW, .format = "mp4", .guess = &g};
    struct found_result r;
    struct song s;

    assert_int_equal(songs_found(f->db, &file, 1, NOW, &r, NULL), 0);
    assert_int_equal(r.id, id);
    assert_false(r.inserted || r.moved || r.returned);
    assert_int_equal(songs_get(f->db, id, &s, NULL), 0);
    assert_string_equal(s.artist, "A");
    assert_int_equal(s.size, 2000);
    song_deinit(&s);
}

static void absent_song_returns_with_its_place_in_the_queue(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct outcome o = {.song_id = id, .provider = PROVIDER_LASTFM, .kind = OUTCOME_NOT_FOUND, .chosen = -1, .remaining = 2,
                        .max_attempts = 3, .now_ms = NOW};
    struct outcome_result out;
    struct counts c;
    size_t changed;

    assert_int_equal(queue_outcome(f->db, &o, &out, NULL), 0);
    song_deinit(&out.song);
    assert_int_equal(songs_set_present(f->db, &id, 1, false, NOW, &changed, NULL), 0);
    assert_int_equal(changed, 1);
    assert_int_equal(songs_set_present(f->db, &id, 1, false, NOW, &changed, NULL), 0);
    assert_int_equal(changed, 0);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.absent, 1);
    assert_int_equal(c.total, 0);
    assert_int_equal(c.queued, 0);
    assert_int_equal(songs_set_present(f->db, &id, 1, true, NOW, &changed, NULL), 0);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.absent, 0);
    assert_int_equal(c.queued_asked[1 << PROVIDER_LASTFM], 1);
    assert_counts_true(f->db);
}

static void moved_song_keeps_its_values(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B"), found;
    struct song_edit edit = {.set = 1u << FIELD_ARTIST, .text = {[FIELD_ARTIST] = "Real"}};
    struct guess g = guess_of("Z", "Z", 0.1);
    struct found_file file = {.path = slice_of("/m/sub/z.mp4"), .size = 1000, .mtime_ms = NOW, .format = "mp4", .guess = &g,
                              .moved_from = id};
    struct found_result r;
    struct song s;

    assert_int_equal(songs_edit(f->db, id, 0, &edit, NOW, NULL, NULL), 0);
    songs_set_present(f->db, &id, 1, false, NOW, NULL, NULL);
    assert_int_equal(songs_found(f->db, &file, 1, NOW, &r, NULL), 0);
    assert_true(r.moved && r.returned);
    assert_int_equal(r.id, id);
    assert_int_equal(songs_get(f->db, id, &s, NULL), 0);
    assert_string_equal(s.artist, "Real");
    assert_string_equal(s.file_path, "/m/sub/z.mp4");
    assert_int_equal(s.status, SONG_MANUAL);
    song_deinit(&s);
    assert_int_equal(songs_find_path(f->db, slice_of("/m/a.mp4"), &found, NULL), ERR_NOT_FOUND);
    assert_counts_true(f->db);
}

static void take_stamp(const struct song_stamp *s, void *arg)
{
    int64_t *ids = arg;

    ids[++ids[0]] = s->id;
}

static void moved_file_is_recognised_by_id_or_by_name_and_size(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/m/one---abcdefghijk.mp4", "A", "B"), b = add_song(f->db, "/m/x/two.mp4", "A", "B");
    int64_t ids[10] = {0}, last;

    assert_int_equal(songs_same_identity(f->db, "abcdefghijk", slice_of("other"), 1, take_stamp, ids, NULL), 0);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], a);
    ids[0] = 0;
    assert_int_equal(songs_same_identity(f->db, NULL, slice_of("two.mp4"), 1000, take_stamp, ids, NULL), 0);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], b);
    ids[0] = 0;
    assert_int_equal(songs_same_identity(f->db, NULL, slice_of("two.mp4"), 999, take_stamp, ids, NULL), 0);
    assert_int_equal(ids[0], 0);
    assert_int_equal(songs_stamps(f->db, a, 10, take_stamp, ids, &last, NULL), 0);
    assert_int_equal(ids[0], 1);
    assert_int_equal(last, b);
    assert_int_equal(songs_stamps(f->db, last, 10, take_stamp, ids, &last, NULL), 0);
    assert_int_equal(last, b);
}

static void only_absent_songs_are_forgotten(void **state)
{
    struct fixture *f = *state;
    int64_t ids[] = {add_song(f->db, "/m/a.mp4", "A", "B"), add_song(f->db, "/m/b.mp4", "C", "D")}, n;
    struct song s;

    songs_set_present(f->db, ids, 1, false, NOW, NULL, NULL);
    assert_int_equal(songs_forget(f->db, ids, 2, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(songs_get(f->db, ids[0], &s, NULL), ERR_NOT_FOUND);
    assert_int_equal(songs_get(f->db, ids[1], &s, NULL), 0);
    song_deinit(&s);
    songs_set_present(f->db, &ids[1], 1, false, NOW, NULL, NULL);
    ids[0] = add_song(f->db, "/m/a.mp4", "A", "B");
    songs_set_present(f->db, ids, 1, false, NOW, NULL, NULL);
    assert_int_equal(songs_forget(f->db, NULL, 1, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(songs_forget(f->db, NULL, 2, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_counts_true(f->db);
}

/* --- pages ---------------------------------------------------------------------------- */

struct seen {
    int n;
    char titles[64][32];
};

static void see(const struct song *s, void *arg)
{
    struct seen *seen = arg;

    assert_true(seen->n < 64);
    snprintf(seen->titles[seen->n++], 32, "%s", s->title ? s->title : "-");
}

static struct songs_filter all_songs(void)
{
    return (struct songs_filter){.min_confidence = -1, .max_confidence = -1, .below = -1, .limit = 50};
}

static int count_matches(struct db *db, struct songs_filter f)
{
    struct seen seen = {0};
    char *next;

    assert_int_equal(songs_page(db, &f, see, &seen, &next, NULL), 0);
    free(next);
    return seen.n;
}

/* Walks all pages and gives the titles, joined. */
static void walk(struct db *db, struct songs_filter f, char *out, size_t size)
{
    struct seen seen = {0};
    char *cursor = NULL, *next;

    do {
        f.cursor = cursor;
        assert_int_equal(songs_page(db, &f, see, &seen, &next, NULL), 0);
        free(cursor);
        cursor = next;
    } while (cursor);
    out[0] = '\0';
    for (int i = 0; i < seen.n; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "", seen.titles[i]);
}

static void pages_follow_each_sort_both_ways(void **state)
{
    static const struct { const char *artist, *title; double confidence; } rows[] = {
        {"b", "T3", 0.5}, {"A", "T5", 0.9}, {"c", "T1", 0.5}, {"a", "T4", 0.2}, {NULL, "T2", 0.5},
    };
    static const struct { enum songs_sort sort; bool down; const char *expected; } cases[] = {
        {SORT_ID, false, "T3 T5 T1 T4 T2"},        {SORT_ID, true, "T2 T4 T1 T5 T3"},
        {SORT_ARTIST, false, "T2 T4 T5 T3 T1"},    {SORT_ARTIST, true, "T1 T3 T5 T4 T2"},
        {SORT_TITLE, false, "T1 T2 T3 T4 T5"},     {SORT_TITLE, true, "T5 T4 T3 T2 T1"},
        {SORT_CONFIDENCE, false, "T4 T3 T1 T2 T5"}, {SORT_CONFIDENCE, true, "T5 T2 T1 T3 T4"},
        {SORT_UPDATED, false, "T3 T5 T1 T4 T2"},   {SORT_UPDATED, true, "T2 T4 T1 T5 T3"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guess g = guess_of(rows[i].artist, rows[i].title, rows[i].confidence);
        char path[32];
        struct found_file file = {.format = "mp4", .guess = &g};
        struct found_result r;
        snprintf(path, sizeof path, "/m/%zu.mp4", i);
        file.path = slice_of(path);
        assert_int_equal(songs_found(f->db, &file, 1, NOW, &r, NULL), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int limit = 1; limit <= 5; limit++)
            for (int few = 0; few < 2; few++) {   /* by the sort's index, and by a condition's */
                struct songs_filter flt = all_songs();
                char got[200];
                flt.sort = cases[i].sort;
                flt.descending = cases[i].down;
                flt.limit = limit;
                flt.status = few ? SONG_PARSED + 1 : 0;
                walk(f->db, flt, got, sizeof got);
                assert_string_equal(got, cases[i].expected);
            }
}

static void strange_cursor_is_refused(void **state)
{
    static const char *const cursors[] = {"", "!", "abc", "YXU", "AAAAAAAAAAAA", "YnUxH2EfYg"};
    struct fixture *f = *state;
    struct seen seen = {0};
    char *next;

    for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
        struct songs_filter flt = all_songs();
        flt.cursor = cursors[i];
        assert_int_equal(songs_page(f->db, &flt, see, &seen, &next, NULL), ERR_INVALID);
        assert_null(next);
    }
}

static void filters_select(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/m/a---abcdefghijk.mp4", "A", "One"), b = add_song(f->db, "/m/b.mp4", "B", "Two");
    struct song_edit edit = {.set = 1u << FIELD_GENRE | 1u << FIELD_YEAR, .text = {[FIELD_GENRE] = "Hip Hop"}, .year = 1999};
    struct songs_filter flt;

    assert_int_equal(songs_edit(f->db, a, 0, &edit, NOW, NULL, NULL), 0);
    songs_set_present(f->db, &b, 1, false, NOW, NULL, NULL);
    flt = all_songs();
    assert_int_equal(count_matches(f->db, flt), 1);
    flt.presence = PRESENCE_ABSENT;
    assert_int_equal(count_matches(f->db, flt), 1);
    flt.presence = PRESENCE_ALL;
    assert_int_equal(count_matches(f->db, flt), 2);
    flt.genre = "hip hop";
    assert_int_equal(count_matches(f->db, flt), 1);
    flt.genre = "hip";
    assert_int_equal(count_matches(f->db, flt), 0);
    flt = all_songs(), flt.min_year = flt.max_year = 1999;
    assert_int_equal(count_matches(f->db, flt), 1);
    flt.min_year = flt.max_year = 2000;
    assert_int_equal(count_matches(f->db, flt), 0);
    flt = all_songs(), flt.youtube_id = "abcdefghijk";
    assert_int_equal(count_matches(f->db, flt), 1);
    flt = all_songs(), flt.path = slice_of("/m/b.mp4"), flt.presence = PRESENCE_ALL;
    assert_int_equal(count_matches(f->db, flt), 1);
    flt = all_songs(), flt.min_confidence = 0.65;
    assert_int_equal(count_matches(f->db, flt), 1);
    flt.min_confidence = 0.66;
    assert_int_equal(count_matches(f->db, flt), 0);
    flt = all_songs(), flt.max_confidence = 0.64;
    assert_int_equal(count_matches(f->db, flt), 0);
    flt = all_songs(), flt.pikaraoke_id = 4;
    assert_int_equal(count_matches(f->db, flt), 0);
}

static void search_forgives_case_accents_and_signs(void **state)
{
    static const struct { const char *artist, *title, *name; } rows[] = {
        {"Beyonc\xc3\xa9", "Halo", "x1"}, {"AC/DC", "T.N.T.", "x2"}, {"P!nk", "So What", "x3"},
        {"Sin\xc3\xa9" "ad O'Connor", "Nothing Compares 2 U", "x4"}, {"Bj\xc3\xb6rk", "J\xc3\xb3ga", "x5"},
        {"!!!", "Heart of Hearts", "x6"},
    };
    static const struct { const char *q; int n; } cases[] = {
        {"beyonce", 1}, {"BEYONC\xc3\x89", 1}, {"bey hal", 1}, {"halo beyonce", 1}, {"ac dc", 1}, {"ac/dc", 1}, {"acdc", 1},
        {"tnt", 1}, {"t.n.t", 1}, {"t n t", 1}, {"pink", 1}, {"p!nk", 1}, {"o connor", 1}, {"oconnor", 1}, {"o'conn", 1},
        {"bjork", 1}, {"joga", 1}, {"x3", 1}, {"x", 6}, {"nothing here", 0}, {"eyonce", 0}, {"!!!", 1}, {"", 6}, {"   ", 6},
        {"\"*^", 0}, {"h", 2}, {"a* OR b", 0}, {"\xff", 6},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[32];
        snprintf(path, sizeof path, "/m/%s.mp4", rows[i].name);
        add_song(f->db, path, rows[i].artist, rows[i].title);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct songs_filter flt = all_songs();
        int got;
        flt.q = cases[i].q;
        flt.sort = i % 2 ? SORT_ARTIST : SORT_ID;
        got = count_matches(f->db, flt);
        if (got != cases[i].n)
            fail_msg("'%s' finds %d, not %d", cases[i].q, got, cases[i].n);
    }
}

static void search_follows_edits_moves_and_forgetting(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/first.mp4", "Old", "Name"), n;
    struct song_edit edit = {.set = 1u << FIELD_ARTIST, .text = {[FIELD_ARTIST] = "Newer"}};
    struct guess g = guess_of("x", "y", 0.1);
    struct found_file file = {.path = slice_of("/m/second.mp4"), .format = "mp4", .guess = &g, .moved_from = id};
    struct found_result r;
    struct songs_filter flt = all_songs();

    flt.presence = PRESENCE_ALL;
    assert_int_equal(songs_edit(f->db, id, 0, &edit, NOW, NULL, NULL), 0);
    assert_int_equal(songs_found(f->db, &file, 1, NOW, &r, NULL), 0);
    flt.q = "old";
    assert_int_equal(count_matches(f->db, flt), 0);
    flt.q = "first";
    assert_int_equal(count_matches(f->db, flt), 0);
    flt.q = "newer second";
    assert_int_equal(count_matches(f->db, flt), 1);
    songs_set_present(f->db, &id, 1, false, NOW, NULL, NULL);
    songs_forget(f->db, NULL, 1, &n, NULL);
    assert_int_equal(count_matches(f->db, flt), 0);
}

/* --- edits ---------------------------------------------------------------------------- */

static void edit_of_a_name_makes_it_manual(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct song_edit edit = {.set = 1u << FIELD_TITLE, .text = {[FIELD_TITLE] = "Right"}};
    struct song s;
    struct counts c;

    assert_int_equal(songs_edit(f->db, id, 7, &edit, NOW, &s, NULL), ERR_STALE);
    assert_int_equal(songs_edit(f->db, id + 1, 0, &edit, NOW, &s, NULL), ERR_NOT_FOUND);
    assert_int_equal(songs_edit(f->db, id, 1, &edit, NOW + 5000, &s, NULL), 0);
    assert_string_equal(s.title, "Right");
    assert_string_equal(s.artist, "A");
    assert_string_equal(s.source, "person");
    assert_int_equal(s.status, SONG_MANUAL);
    assert_true(s.confidence == 1.0);
    assert_int_equal(s.version, 2);
    assert_int_equal(s.updated_ms, NOW + 5000);
    song_deinit(&s);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.queued, 0);
    assert_int_equal(c.by_status[SONG_MANUAL], 1);
    assert_counts_true(f->db);
}

static void edit_of_another_field_locks_it(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct song_edit edit = {.set = 1u << FIELD_YEAR, .year = 1984}, unlock = {.unlock = 1u << FIELD_YEAR};
    struct song s;

    assert_int_equal(songs_edit(f->db, id, 0, &edit, NOW, &s, NULL), 0);
    assert_int_equal(s.year, 1984);
    assert_int_equal(s.locked, 1u << FIELD_YEAR);
    assert_int_equal(s.status, SONG_PARSED);
    song_deinit(&s);
    assert_int_equal(songs_edit(f->db, id, 0, &unlock, NOW, &s, NULL), 0);
    assert_int_equal(s.locked, 0);
    song_deinit(&s);
}

static void edit_that_changes_nothing_writes_no_version(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_song(f->db, "/m/a.mp4", "A", "B");
    struct song_edit edit = {.verify = true};
    struct song s;

    assert_int_equal(songs_edit(f->db, id, 0, &edit, NOW, NULL, NULL), 0);
    assert_int_equal(songs_edit(f->db, id, 0, &edit, NOW, &s, NULL), 0);
    assert_int_equal(s.version, 2);
    assert_int_equal(s.status, SONG_MANUAL);
    song_deinit(&s);
}

/* --- state ---------------------------------------------------------------------------- */

static void worker_wish_starts_and_limits_are_kept(void **state)
{
    struct fixture *f = *state;
    struct worker_state w;
    struct provider_state p = {.refused_until_ms = 6, .slow_until_ms = 7, .key_refused = true, .key_mark = "ab12"}, q;
    int64_t n;

    assert_int_equal(state_worker_get(f->db, &w, NULL), 0);
    assert_false(w.known);
    w = (struct worker_state){.running = true, .started_at_ms = NOW};
    assert_int_equal(state_worker_set(f->db, &w, true, NULL), 0);
    assert_int_equal(state_worker_get(f->db, &w, NULL), 0);
    assert_true(w.known && w.running && !w.paused);
    assert_int_equal(w.started_at_ms, NOW);
    assert_int_equal(state_count_start(f->db, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(state_count_start(f->db, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(state_provider_get(f->db, PROVIDER_LASTFM, &q, NULL), 0);
    assert_int_equal(q.refused_until_ms, 0);
    assert_int_equal(state_provider_set(f->db, PROVIDER_LASTFM, &p, NULL), 0);
    assert_int_equal(state_provider_get(f->db, PROVIDER_LASTFM, &q, NULL), 0);
    assert_int_equal(q.refused_until_ms, 6);
    assert_int_equal(q.slow_until_ms, 7);
    assert_true(q.key_refused);
    assert_string_equal(q.key_mark, "ab12");
}

static void take_setting(const char *key, const char *value, void *arg)
{
    char *out = arg;

    sprintf(out + strlen(out), "%s=%s;", key, value);
}

static void settings_are_set_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    char out[200] = "";

    settings_set(f->db, "lastfm.rate", "5", NOW, NULL);
    settings_set(f->db, "a.b", "c", NOW, NULL);
    settings_set(f->db, "lastfm.rate", "3", NOW, NULL);
    assert_int_equal(settings_each(f->db, take_setting, out, NULL), 0);
    assert_string_equal(out, "a.b=c;lastfm.rate=3;");
    settings_set(f->db, "a.b", NULL, NOW, NULL);
    out[0] = '\0';
    settings_each(f->db, take_setting, out, NULL);
    assert_string_equal(out, "lastfm.rate=3;");
}

static void rolled_back_operation_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct counts c;

    assert_int_equal(db_begin(f->db, true, NULL), 0);
    assert_int_equal(db_savepoint(f->db, NULL), 0);
    add_song(f->db, "/m/kept.mp4", "A", "B");
    assert_int_equal(db_release(f->db, NULL), 0);
    assert_int_equal(db_savepoint(f->db, NULL), 0);
    add_song(f->db, "/m/gone.mp4", "A", "B");
    db_rollback_to(f->db);
    assert_int_equal(db_commit(f->db, NULL), 0);
    assert_false(db_in_transaction(f->db));
    assert_int_equal(songs_find_path(f->db, slice_of("/m/kept.mp4"), &id, NULL), 0);
    assert_int_equal(songs_find_path(f->db, slice_of("/m/gone.mp4"), &id, NULL), ERR_NOT_FOUND);
    counts_read(f->db, &c, NULL);
    assert_int_equal(c.total, 1);
    assert_counts_true(f->db);
}

static void more_statements_than_are_kept_work_all_the_same(void **state)
{
    static char sql[STMT_SLOTS + 50][24];
    struct fixture *f = *state;
    int64_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(sql); i++)
        snprintf(sql[i], sizeof sql[i], "SELECT %zu + ?", i);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
            struct stmt s = stmt_of(f->db, sql[i], NULL);
            stmt_int(&s, round);
            assert_int_equal(stmt_run_int(&s, &n), 1);
            assert_int_equal(n, i + (size_t)round);
        }
    assert_int_equal(f->db->slots_used, STMT_CACHED);
    assert_true(add_song(f->db, "/m/a.mp4", "A", "B") > 0);
    assert_counts_true(f->db);
}

static void full_disk_is_named_and_survived(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    int64_t id;
    int rc = 0;

    assert_int_equal(db_exec(f->db, "PRAGMA max_page_count = 60", NULL), 0);   /* stands for a disk with no more room */
    for (int i = 0; rc == 0 && i < 2000; i++) {
        struct guess g = guess_of("A", "B", 0.6);
        struct found_file file = {.format = "mp4", .guess = &g};
        struct found_result r;
        char path[64];
        snprintf(path, sizeof path, "/m/a name that takes some room %d.mp4", i);
        file.path = slice_of(path);
        assert_int_equal(db_begin(f->db, false, NULL), 0);
        rc = songs_found(f->db, &file, 1, NOW, &r, &e);
        if (rc == 0)
            rc = db_commit(f->db, &e);   /* the search index may ask for its pages only here */
        if (rc)
            db_rollback(f->db);
    }
    assert_int_equal(rc, ERR_FULL);
    assert_non_null(strstr(e.text, "no space left"));
    assert_counts_true(f->db);
    assert_int_equal(db_exec(f->db, "PRAGMA max_page_count = 100000", NULL), 0);
    id = add_song(f->db, "/m/after.mp4", "A", "B");
    assert_true(id > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(new_file_is_private_and_locked), T(file_opens_again_with_its_rows), T(reader_sees_commits_and_cannot_write),
        T(reading_leaves_no_trace_in_the_file),
        T(foreign_newer_damaged_and_cut_files_are_refused_untouched), T(folder_in_place_of_the_file_is_refused),
        T(search_index_is_checked_beside_a_writer),
        T(found_song_is_parsed_queued_and_explained), T(name_without_title_is_pending), T(path_that_is_not_utf8_keeps_its_bytes),
        T(known_path_is_not_inserted_again), T(absent_song_returns_with_its_place_in_the_queue), T(moved_song_keeps_its_values),
        T(moved_file_is_recognised_by_id_or_by_name_and_size), T(only_absent_songs_are_forgotten),
        T(pages_follow_each_sort_both_ways), T(strange_cursor_is_refused), T(filters_select),
        T(search_forgives_case_accents_and_signs), T(search_follows_edits_moves_and_forgetting),
        T(edit_of_a_name_makes_it_manual), T(edit_of_another_field_locks_it), T(edit_that_changes_nothing_writes_no_version),
        T(worker_wish_starts_and_limits_are_kept), T(settings_are_set_replaced_and_removed),
        T(rolled_back_operation_leaves_nothing), T(more_statements_than_are_kept_work_all_the_same),
        T(full_disk_is_named_and_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
