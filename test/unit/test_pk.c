/* PiKaraoke's database as a file: profiles, what may be replaced, transactions that end well or not at all, our picture of it. */
#include "store_fixture.h"

#include "store/pk_internal.h"
#include "store/pk_publish.h"
#include "store/pk_songs.h"
#include "work/machine.h"
#include "work/mirror.h"

#define V1_COLUMNS \
    "id", "file_path", "youtube_id", "format", "artist", "title", "variant", "year", "genre", "metadata_status", \
        "enrichment_attempts", "last_enrichment_attempt", "created_at", "updated_at"

static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE songs (id INTEGER PRIMARY KEY AUTOINCREMENT, file_path TEXT UNIQUE NOT NULL, youtube_id TEXT,"
    " format TEXT NOT NULL, artist TEXT, title TEXT, variant TEXT, year INTEGER, genre TEXT,"
    " metadata_status TEXT DEFAULT 'pending',"
    " enrichment_attempts INTEGER DEFAULT 0, last_enrichment_attempt TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP,"
    " updated_at TEXT DEFAULT CURRENT_TIMESTAMP);"
    "CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT);"
    "INSERT INTO metadata VALUES ('last_scan_directory', '/songs/');"
    "PRAGMA user_version = 1;";

struct place {
    char dir[64], path[96];
    sqlite3 *h;              /* PiKaraoke's own connection; NULL when it is not running */
    struct pk *pk;
};

static void sql(struct place *p, const char *text)
{
    char *e = NULL;

    if (sqlite3_exec(p->h, text, NULL, NULL, &e) != SQLITE_OK)
        fail_msg("%s: %s", text, e);
}

static int64_t number(struct place *p, const char *text)
{
    sqlite3_stmt *st;
    int64_t n;

    assert_int_equal(sqlite3_prepare_v2(p->h, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static int setup(void **state)
{
    struct place *p = mem_zalloc(sizeof *p);

    snprintf(p->dir, sizeof p->dir, "/tmp/songbook-pk-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/pikaraoke.db", p->dir);
    assert_int_equal(sqlite3_open(p->path, &p->h), SQLITE_OK);
    sql(p, schema);
    for (int i = 1; i <= 60; i++) {
        char *text = mem_printf("INSERT INTO songs(file_path, format) VALUES ('/songs/%d.mp4', 'mp4')", i);
        sql(p, text);
        free(text);
    }
    p->pk = pk_new(p->path);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", "-old", "-old-wal", "-old-shm"};
    struct place *p = *state;
    char name[128];

    pk_free(p->pk);
    sqlite3_close(p->h);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", p->path, ends[i]);
        unlink(name);
    }
    rmdir(p->dir);
    free(p);
    return 0;
}

static struct pk_look look(struct place *p, bool publish)
{
    struct pk_look l;

    pk_look(p->pk, publish, NOW, &l);
    return l;
}

/* --- profiles -------------------------------------------------------------------------------------- */

static void profiles_are_told_by_version_and_columns(void **state)
{
    static const char *const v1[] = {V1_COLUMNS, NULL};
    static const char *const v2[] = {V1_COLUMNS, "suggested_genre", "suggested_score", "metadata_country", NULL};
    static const char *const sources[] = {V1_COLUMNS, "metadata_sources", NULL};
    static const char *const sha[] = {V1_COLUMNS, "suggested_score", "audio_sha256", NULL};
    static const char *const older[] = {"id", "file_path", "format", "created_at", NULL};

    (void)state;
    assert_int_equal(pk_profile_of(1, v1), PK_PROFILE_V1);
    assert_int_equal(pk_profile_of(2, v2), PK_PROFILE_V2);
    assert_int_equal(pk_profile_of(2, v1), PK_PROFILE_V2);
    assert_int_equal(pk_profile_of(1, v2), PK_PROFILE_V2);   /* an older PiKaraoke was started on it */
    assert_int_equal(pk_profile_of(2, sources), PK_PROFILE_FORK);
    assert_int_equal(pk_profile_of(9, sha), PK_PROFILE_FORK);
    assert_int_equal(pk_profile_of(10, sha), PK_PROFILE_UNKNOWN);
    assert_int_equal(pk_profile_of(3, v1), PK_PROFILE_UNKNOWN);
    assert_int_equal(pk_profile_of(3, v2), PK_PROFILE_UNKNOWN);
    assert_int_equal(pk_profile_of(0, v1), PK_PROFILE_UNKNOWN);
    assert_int_equal(pk_profile_of(1, older), PK_PROFILE_UNKNOWN);
}

static void network_file_systems_are_refused(void **state)
{
    (void)state;
    assert_true(pk_is_network(0x6969));              /* NFS */
    assert_true(pk_is_network(0xff534d42));          /* CIFS */
    assert_true(pk_is_network((long)(int32_t)0xfe534d42));   /* the same number on a machine of 32 bits */
    assert_true(pk_is_network(0x65735546));          /* FUSE */
    assert_true(pk_is_network(0x01021997));          /* 9p */
    assert_false(pk_is_network(0xef53));             /* ext4 */
    assert_false(pk_is_network(0x01021994));         /* tmpfs */
    assert_false(pk_is_network(0x794c7630));         /* overlayfs: a container's own disk */
}

/* --- judging ------------------------------------------------------------------------------------------- */

static enum pk_verdict judge(enum pk_profile profile, const char *row, const char *last, const char *intended, char **next)
{
    static const char *const wanted[PK_VALUES] = {"ABBA", "Waterloo", NULL, "1974", "Pop", "enriched"};
    struct pk_values r, w, l, i;
    const char *out[PK_VALUES] = {NULL};
    char *text = pk_values_pack(wanted);
    enum pk_verdict v;

    pk_values_unpack(text, &w);
    pk_values_unpack(row, &r);
    pk_values_unpack(last, &l);
    pk_values_unpack(intended, &i);
    v = pk_judge(profile, &r, &w, &l, &i, out);
    if (next)
        *next = pk_values_pack(out);
    pk_values_deinit(&r);
    pk_values_deinit(&w);
    pk_values_deinit(&l);
    pk_values_deinit(&i);
    free(text);
    return v;
}

#define P "\x1f"

static void only_what_is_empty_or_ours_is_replaced(void **state)
{
    static const struct {
        enum pk_profile profile;
        const char *row, *last, *intended;
        enum pk_verdict verdict;
        const char *next;
    } cases[] = {
        {PK_PROFILE_V1, P P P P P "pending", NULL, NULL, PK_WRITE, "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched"},
        {PK_PROFILE_V1, NULL, NULL, NULL, PK_WRITE, "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched"},
        /* as last published */
        {PK_PROFILE_V1, "A" P "W" P P P P "parsed", "A" P "W" P P P P "parsed", NULL, PK_WRITE,
         "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched"},
        /* written just before a crash: only the intention was noted */
        {PK_PROFILE_V1, "A" P "W" P P P P "parsed", NULL, "A" P "W" P P P P "parsed", PK_WRITE,
         "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched"},
        {PK_PROFILE_V1, "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched", NULL, NULL, PK_SAME,
         "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched"},
        /* others */
        {PK_PROFILE_V1, "Other" P P P P P "pending", NULL, NULL, PK_HELD_FOREIGN, NULL},
        {PK_PROFILE_V1, P "Other" P P P P "pending", "A" P "W" P P P P "parsed", NULL, PK_HELD_FOREIGN, NULL},
        {PK_PROFILE_V1, P P P P P "manual", NULL, NULL, PK_HELD_MANUAL, NULL},
        {PK_PROFILE_V1, P P P P P "accepted", "A" P "W" P P P P "parsed", NULL, PK_HELD_MANUAL, NULL},
        {PK_PROFILE_V1, P P P P P "suggested", NULL, NULL, PK_HELD_STATUS, NULL},
        /* manual of our own */
        {PK_PROFILE_V1, "A" P "W" P P P P "manual", "A" P "W" P P P P "manual", NULL, PK_WRITE,
         "ABBA" P "Waterloo" P P "1974" P "Pop" P "enriched"},
        /* a foreign genre stays, the rest is filled */
        {PK_PROFILE_V1, P P P P "Polka" P "pending", NULL, NULL, PK_WRITE, "ABBA" P "Waterloo" P P "1974" P "Polka" P "enriched"},
        {PK_PROFILE_V1, P P "Live" P "1975" P P "pending", NULL, NULL, PK_WRITE,
         "ABBA" P "Waterloo" P "Live" P "1975" P "Pop" P "enriched"},
        /* v2 */
        {PK_PROFILE_V2, P P P P P "pending", NULL, NULL, PK_HELD_LEFT, NULL},
        {PK_PROFILE_V2, P P P P P "suggested", NULL, NULL, PK_HELD_LEFT, NULL},
        {PK_PROFILE_V2, P P P P P "accepted", NULL, NULL, PK_HELD_MANUAL, NULL},
        {PK_PROFILE_V2, P P P P P "no_match", NULL, NULL, PK_WRITE, "ABBA" P "Waterloo" P P "1974" P "Pop" P "no_match"},
        {PK_PROFILE_V2, P P P "1950" P P "no_match", P P P "1950" P P "no_match", NULL, PK_WRITE,
         "ABBA" P "Waterloo" P P "1950" P "Pop" P "no_match"},
        {PK_PROFILE_V2, "Staged" P P P P P "no_match", NULL, NULL, PK_HELD_FOREIGN, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *next = NULL;
        assert_int_equal(judge(cases[i].profile, cases[i].row, cases[i].last, cases[i].intended, &next), cases[i].verdict);
        if (cases[i].next)
            assert_string_equal(next, cases[i].next);
        free(next);
    }
}

static void every_reason_to_hold_back_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (int v = PK_HELD_FOREIGN; v <= PK_HELD_LEFT; v++) {
        assert_non_null(pk_held_name((enum pk_verdict)v));
        assert_true(strlen(pk_held_sentence(pk_held_name((enum pk_verdict)v))) > 10);
    }
    assert_null(pk_held_name(PK_WRITE));
    assert_null(pk_held_name(PK_MOVED));
}

/* --- looking --------------------------------------------------------------------------------------------- */

static void a_look_tells_what_it_is_and_what_changed(void **state)
{
    struct place *p = *state;
    struct pk_look l = look(p, false);

    assert_int_equal(l.state, PK_READABLE);
    assert_int_equal(l.profile, PK_PROFILE_V1);
    assert_string_equal(l.folder, "/songs/");
    assert_true(l.changed);
    assert_false(l.writable);
    assert_string_equal(l.unpublishable, "");
    assert_int_equal(l.rows, 60);
    pk_look_deinit(&l);
    l = look(p, false);
    assert_false(l.changed);
    pk_look_deinit(&l);
    sql(p, "UPDATE metadata SET value = '/other'");
    l = look(p, false);
    assert_true(l.changed);
    assert_string_equal(l.folder, "/other");
    pk_look_deinit(&l);
}

static void our_own_writing_is_no_change(void **state)
{
    struct place *p = *state;
    struct pk_look l = look(p, true);
    struct pk_song song = {.song_id = 1, .row_id = 1, .path = mem_strdup("/songs/1.mp4")};
    struct pk_report report;

    assert_true(l.writable);
    pk_look_deinit(&l);
    pk_values_unpack("A" P "B" P P P P "parsed", &song.want);
    assert_int_equal(pk_publish(p->pk, &song, 1, UINT64_MAX, &report, NULL), 0);
    assert_int_equal(report.written, 1);
    assert_true(report.lock_us > 0);
    assert_string_equal(song.stored, "A" P "B" P P P P "parsed");
    l = look(p, true);
    assert_false(l.changed);
    pk_look_deinit(&l);
    assert_int_equal(number(p, "SELECT count(*) FROM songs WHERE artist || title || metadata_status = 'ABparsed'"), 1);
    pk_song_deinit(&song);
}

static void at_rest_nothing_is_made_beside_it(void **state)
{
    struct place *p = *state;
    struct pk_look l;
    char name[128];

    sqlite3_close(p->h);
    p->h = NULL;
    l = look(p, false);
    assert_int_equal(l.state, PK_READABLE);
    pk_look_deinit(&l);
    snprintf(name, sizeof name, "%s-wal", p->path);
    assert_int_equal(access(name, F_OK), -1);
    snprintf(name, sizeof name, "%s-shm", p->path);
    assert_int_equal(access(name, F_OK), -1);
    assert_int_equal(sqlite3_open(p->path, &p->h), SQLITE_OK);
    sql(p, "UPDATE songs SET genre = 'x' WHERE id = 1");   /* it is running again */
    l = look(p, false);
    assert_true(l.changed);
    assert_false(l.replaced);
    pk_look_deinit(&l);
}

static void no_row(const struct pk_row *r, void *arg)
{
    (void)r;
    ++*(int *)arg;
}

static void another_file_at_the_path_is_noticed(void **state)
{
    struct place *p = *state;
    struct pk_look l = look(p, false);
    char old[128], *text;
    int rows = 0;

    pk_look_deinit(&l);
    text = mem_printf("VACUUM INTO '%s-old'", p->path);
    sql(p, text);
    free(text);
    snprintf(old, sizeof old, "%s-old", p->path);
    assert_int_equal(rename(old, p->path), 0);
    assert_int_equal(pk_rows(p->pk, 0, no_row, &rows, NULL), ERR_STALE);
    assert_int_equal(rows, 0);
    l = look(p, false);
    assert_int_equal(l.state, PK_REFUSED);      /* a copy made that way has no write-ahead log */
    assert_non_null(strstr(l.why, "write-ahead log"));
    pk_look_deinit(&l);
}

static void a_missing_file_is_never_made(void **state)
{
    struct place *p = *state;
    struct pk *pk;
    struct pk_look l;
    char name[128];

    snprintf(name, sizeof name, "%s/none.db", p->dir);
    pk = pk_new(name);
    pk_look(pk, true, NOW, &l);
    assert_int_equal(l.state, PK_ABSENT);
    assert_int_equal(access(name, F_OK), -1);
    pk_look_deinit(&l);
    pk_free(pk);
}

/* --- writing ----------------------------------------------------------------------------------------------- */

static void songs_fill(struct pk_song *songs, size_t n, const char *values)
{
    for (size_t i = 0; i < n; i++) {
        songs[i] = (struct pk_song){.song_id = (int64_t)i + 1, .row_id = (int64_t)i + 1,
                                    .path = mem_printf("/songs/%zu.mp4", i + 1), .attempts = 2};
        snprintf(songs[i].attempted_at, sizeof songs[i].attempted_at, "2026-01-31 12:00:00");
        pk_values_unpack(values, &songs[i].want);
    }
}

static void songs_free(struct pk_song *songs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pk_song_deinit(&songs[i]);
}

static void a_lock_is_not_waited_for(void **state)
{
    struct place *p = *state;
    struct pk_song songs[3];
    struct pk_report report;
    struct pk_look l = look(p, true);

    pk_look_deinit(&l);
    songs_fill(songs, 3, "A" P "B" P P P P "parsed");
    sql(p, "BEGIN IMMEDIATE");
    assert_int_equal(pk_publish(p->pk, songs, 3, UINT64_MAX, &report, NULL), ERR_BUSY);
    assert_int_equal(report.lock_us, 0);
    sql(p, "COMMIT");
    assert_int_equal(pk_publish(p->pk, songs, 3, UINT64_MAX, &report, NULL), 0);
    assert_int_equal(report.written, 3);
    assert_int_equal(number(p, "SELECT count(*) FROM songs WHERE enrichment_attempts = 2"
                               " AND last_enrichment_attempt = '2026-01-31 12:00:00'"), 3);
    songs_free(songs, 3);
}

static void a_late_plan_is_not_begun(void **state)
{
    struct place *p = *state;
    struct pk_song song;
    struct pk_report report;
    struct pk_look l = look(p, true);

    pk_look_deinit(&l);
    songs_fill(&song, 1, "A" P "B" P P P P "parsed");
    assert_int_equal(pk_publish(p->pk, &song, 1, 0, &report, NULL), ERR_TIMEOUT);
    assert_int_equal(report.lock_us, 0);
    assert_int_equal(number(p, "SELECT count(*) FROM songs WHERE artist IS NOT NULL"), 0);
    songs_free(&song, 1);
}

static void a_row_that_moved_or_went_is_left_alone(void **state)
{
    struct place *p = *state;
    struct pk_song songs[3];
    struct pk_report report;
    struct pk_look l = look(p, true);

    pk_look_deinit(&l);
    songs_fill(songs, 3, "A" P "B" P P P P "parsed");
    sql(p, "UPDATE songs SET file_path = '/songs/new.mp4' WHERE id = 1; DELETE FROM songs WHERE id = 2");
    assert_int_equal(pk_publish(p->pk, songs, 3, UINT64_MAX, &report, NULL), 0);
    assert_int_equal(songs[0].verdict, PK_MOVED);
    assert_int_equal(songs[1].verdict, PK_MOVED);
    assert_int_equal(songs[2].verdict, PK_WRITE);
    assert_int_equal(number(p, "SELECT count(*) FROM songs WHERE artist IS NOT NULL"), 1);
    songs_free(songs, 3);
}

/* SQLite is told that the disk ends where the file ends. */
static void a_full_disk_changes_nothing(void **state)
{
    struct place *p = *state;
    struct pk_song songs[50];
    struct pk_report report;
    struct err e = {0};
    struct pk_look l = look(p, true);
    char *long_text = mem_alloc(4000), *values;

    pk_look_deinit(&l);
    memset(long_text, 'x', 3999);
    long_text[3999] = '\0';
    values = mem_printf("%s" P "B" P P P P "parsed", long_text);
    songs_fill(songs, 50, values);
    assert_int_equal(sqlite3_exec(p->pk->db.h, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pk_publish(p->pk, songs, 50, UINT64_MAX, &report, &e), ERR_FULL);
    assert_int_equal(report.written, 0);
    assert_null(songs[0].stored);
    assert_int_equal(number(p, "SELECT count(*) FROM songs WHERE artist IS NOT NULL OR metadata_status <> 'pending'"), 0);
    sql(p, "UPDATE songs SET genre = 'still writable' WHERE id = 60");
    assert_int_equal(number(p, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    songs_free(songs, 50);
    free(values);
    free(long_text);
}

static void checkpoints_are_done_by_us_before_its_own_would_come(void **state)
{
    struct place *p = *state;
    struct pk_song songs[50];
    struct pk_report report;
    struct pk_look l = look(p, true);
    int written[50]; /* the round of what stands in the row: a slow machine leaves some for later */

    pk_look_deinit(&l);
    memset(written, -1, sizeof written);
    for (int round = 0; round < 60; round++) {
        char *values = mem_printf("A%d" P "B" P P P P "parsed", round);

        songs_fill(songs, 50, values);
        for (size_t i = 0; i < 50; i++) {
            char *last = mem_printf("A%d" P "B" P P P P "parsed", written[i]);

            if (written[i] >= 0)
                pk_values_unpack(last, &songs[i].last);
            free(last);
        }
        assert_int_equal(pk_publish(p->pk, songs, 50, UINT64_MAX, &report, NULL), 0);
        for (size_t i = 0; i < 50; i++) {
            assert_true(songs[i].verdict == PK_WRITE || songs[i].verdict == PK_LATER);
            if (songs[i].verdict == PK_WRITE)
                written[i] = round;
        }
        songs_free(songs, 50);
        free(values);
        assert_true(p->pk->log_pages < 1000);
    }
}

/* --- our side -------------------------------------------------------------------------------------------------- */

static void rows_are_told_from_those_of_a_reset_database(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/s/a.mp4", "A", "B"), b = add_song(f->db, "/s/b.mp4", "C", "D"), id, done;
    struct song song;
    char made[PK_MADE_BYTES], *path;

    assert_int_equal(pk_songs_attach(f->db, a, 17, "2026-01-01 00:00:00", NULL), 0);
    assert_int_equal(pk_songs_of_row(f->db, 17, &id, &path, made, NULL), 0);
    assert_int_equal(id, a);
    assert_string_equal(made, "2026-01-01 00:00:00");
    assert_string_equal(path, "/s/a.mp4");
    free(path);
    /* the number now belongs to another song: the first one lost its row, and goes unless it gets another */
    assert_int_equal(pk_songs_attach(f->db, b, 17, "2026-02-02 00:00:00", NULL), 0);
    assert_int_equal(pk_songs_drop_lost(f->db, 500, NOW, &done, NULL), 0);
    assert_int_equal(done, 1);
    assert_int_equal(songs_get(f->db, a, &song, NULL), 0);
    assert_false(song.present);
    song_deinit(&song);
    assert_int_equal(pk_songs_gone(f->db, (int64_t[]){17, 99}, 2, NOW, NULL), 0);
    assert_int_equal(songs_get(f->db, b, &song, NULL), 0);
    assert_false(song.present);
    assert_int_equal(song.pikaraoke_id, 0);
    song_deinit(&song);
    assert_counts_true(f->db);
}

static void drop_row(const struct pk_row *r, void *arg)
{
    (void)r;
    (void)arg;
}

static void ids_that_do_not_grow_are_damage(void **state)
{
    struct place *p = *state;
    struct pk_look l;
    struct err e = {0};

    sql(p, "ALTER TABLE songs RENAME TO before;"
           "CREATE TABLE songs (id TEXT, file_path TEXT, format TEXT, created_at TEXT);"
           "INSERT INTO songs SELECT id, file_path, format, created_at FROM before");   /* "10" comes before "9" */
    l = look(p, false);
    assert_int_equal(l.state, PK_READABLE);
    pk_look_deinit(&l);
    assert_int_equal(pk_rows(p->pk, 0, drop_row, NULL, &e), ERR_DATABASE);
    assert_non_null(strstr(e.text, "damaged"));
}

static void a_view_is_no_song_list(void **state)
{
    struct place *p = *state;
    struct pk_look l;

    sql(p, "ALTER TABLE songs RENAME TO before;"
           "CREATE VIEW songs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
           " SELECT i AS id, 'x' AS file_path, 'mp4' AS format, '' AS created_at FROM n");
    l = look(p, false);
    assert_int_equal(l.state, PK_REFUSED);
    assert_non_null(strstr(l.why, "no song list"));
    pk_look_deinit(&l);
}

static void what_changed_is_taken_once(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/s/a.mp4", "A", "B");
    struct pk_song songs[PK_BATCH_MAX];
    struct song_edit edit = {.set = 1u << FIELD_ARTIST, .text = {[FIELD_ARTIST] = "New"}};
    struct pk_counts c;

    assert_int_equal(pk_songs_take(f->db, 0, songs, PK_BATCH_MAX, NULL), 0);   /* it has no row there */
    assert_int_equal(pk_songs_attach(f->db, a, 5, "x", NULL), 0);
    assert_int_equal(pk_songs_take(f->db, 0, songs, PK_BATCH_MAX, NULL), 1);
    assert_string_equal(songs[0].want.v[PK_ARTIST], "A");
    assert_string_equal(songs[0].want.v[PK_STATUS], "parsed");
    assert_null(songs[0].last.v[PK_ARTIST]);
    /* it changes while it is being published: it stays to be published */
    assert_int_equal(songs_edit(f->db, a, 0, &edit, NOW, NULL, NULL), 0);
    songs[0].verdict = PK_WRITE;
    songs[0].stored = pk_values_pack((const char *const *)songs[0].want.v);
    assert_int_equal(pk_songs_record(f->db, songs, 1, NOW, NULL), 0);
    pk_song_deinit(&songs[0]);
    assert_int_equal(pk_songs_take(f->db, 0, songs, PK_BATCH_MAX, NULL), 1);
    assert_string_equal(songs[0].want.v[PK_ARTIST], "New");
    assert_string_equal(songs[0].last.v[PK_ARTIST], "A");
    songs[0].verdict = PK_HELD_FOREIGN;
    assert_int_equal(pk_songs_record(f->db, songs, 1, NOW, NULL), 0);
    pk_song_deinit(&songs[0]);
    assert_int_equal(pk_songs_take(f->db, 0, songs, PK_BATCH_MAX, NULL), 0);
    assert_int_equal(pk_songs_counts(f->db, &c, NULL), 0);
    assert_int_equal(c.published, 1);
    assert_int_equal(c.held, 1);
    assert_string_equal(c.reasons[0].name, "foreign");
    assert_int_equal(c.last_ms, NOW);
    assert_int_equal(pk_songs_retry_held(f->db, NULL), 0);
    assert_int_equal(pk_songs_take(f->db, 0, songs, PK_BATCH_MAX, NULL), 1);
    pk_song_deinit(&songs[0]);
}

/* --- how often songs are sung -------------------------------------------------------------------------------------- */

static const char plays_schema[] =
    "CREATE TABLE plays (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id INTEGER NOT NULL,"
    " song_id INTEGER REFERENCES songs(id) ON DELETE SET NULL, song_title TEXT NOT NULL, performer TEXT NOT NULL,"
    " played_at TEXT DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, completed INTEGER DEFAULT 0);"
    "CREATE INDEX idx_plays_song ON plays(song_id);";

#define SING(n, song) \
    "WITH RECURSIVE i(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM i WHERE v < " #n ")" \
    " INSERT INTO plays(session_id, song_id, song_title, performer) SELECT 1, " song ", 'Tune', 'Ann' FROM i;"

/* Reads on from *after to the end; the last word of each slice counts. Returns how many slices it took. */
static int read_plays(struct place *p, int64_t *after, int64_t times[61])
{
    static struct pk_sung out[PK_PLAYS_MAX];
    bool end = false;
    int slices = 0;

    for (; !end; slices++) {
        int n = pk_plays(p->pk, after, out, &end, NULL);
        assert_in_range(n, 0, PK_PLAYS_MAX);
        for (int i = 0; i < n; i++) {
            assert_in_range(out[i].row_id, 1, 60);
            times[out[i].row_id] = out[i].times;
        }
    }
    return slices;
}

static void plays_are_counted_in_short_reads_and_only_the_new_ones_again(void **state)
{
    struct place *p = *state;
    int64_t after = 0, times[61] = {0};
    struct pk_look l;

    sql(p, plays_schema);
    sql(p, SING(1100, "1 + v % 5") SING(3, "NULL"));
    l = look(p, false);
    pk_look_deinit(&l);
    assert_int_equal(read_plays(p, &after, times), 3);
    assert_int_equal(after, 1103);
    for (int i = 1; i <= 5; i++)
        assert_int_equal(times[i], 220);
    assert_int_equal(times[6], 0);
    memset(times, 0, sizeof times);
    assert_int_equal(read_plays(p, &after, times), 1);
    assert_int_equal(times[1] + times[2], 0);
    sql(p, SING(1, "2"));
    assert_int_equal(read_plays(p, &after, times), 1);
    assert_int_equal(times[1], 0);
    assert_int_equal(times[2], 221);           /* all of its plays, not the new one alone */
    sql(p, "DELETE FROM plays WHERE id < 500");
    assert_int_equal(read_plays(p, &after, times), 1);
    assert_int_equal(after, 1104);
}

static void an_older_pikaraoke_keeps_no_plays(void **state)
{
    struct place *p = *state;
    int64_t after = 0, times[61] = {0};
    struct pk_look l = look(p, false);

    pk_look_deinit(&l);
    assert_int_equal(read_plays(p, &after, times), 1);
    sql(p, "CREATE TABLE plays (id INTEGER PRIMARY KEY, song TEXT); INSERT INTO plays VALUES (1, 'x')");
    assert_int_equal(read_plays(p, &after, times), 1);
    assert_int_equal(after, 0);
}

static void plays_out_of_order_are_damage_and_no_reading_without_end(void **state)
{
    static struct pk_sung out[PK_PLAYS_MAX];
    struct place *p = *state;
    int64_t after = 0;
    struct err e = {0};
    struct pk_look l;
    bool end = false;
    int rc = 0;

    sql(p, "CREATE TABLE plays (id TEXT, song_id INTEGER, played_at TEXT, ended_at TEXT)");
    sql(p, "WITH RECURSIVE i(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM i WHERE v < 600)"
           " INSERT INTO plays(id, song_id) SELECT v, 1 FROM i");
    l = look(p, false);
    pk_look_deinit(&l);
    for (int i = 0; i < 5 && rc >= 0 && !end; i++)
        rc = pk_plays(p->pk, &after, out, &end, &e);
    assert_int_equal(rc, ERR_DATABASE);
    assert_non_null(strstr(e.text, "plays are out of order"));
}

static void how_often_a_song_was_sung_only_grows(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/s/a.mp4", "A", "B"), raised;
    struct pk_sung sung[] = {{17, 12}, {99, 3}};   /* nobody has row 99 */
    struct song before, song;

    assert_int_equal(pk_songs_attach(f->db, a, 17, "x", NULL), 0);
    assert_int_equal(songs_get(f->db, a, &before, NULL), 0);
    assert_int_equal(pk_songs_sung(f->db, sung, 2, &raised, NULL), 0);
    assert_int_equal(raised, 1);
    assert_int_equal(pk_songs_sung(f->db, sung, 2, &raised, NULL), 0);
    assert_int_equal(raised, 0);
    sung[0].times = 2;                             /* PiKaraoke's history was reset */
    assert_int_equal(pk_songs_sung(f->db, sung, 1, &raised, NULL), 0);
    assert_int_equal(raised, 0);
    assert_int_equal(pk_songs_gone(f->db, (int64_t[]){17}, 1, NOW, NULL), 0);
    assert_int_equal(songs_get(f->db, a, &song, NULL), 0);
    assert_int_equal(song.sung, 12);
    assert_int_equal(before.sung, 0);
    song_deinit(&song);
    song_deinit(&before);
}

static void being_sung_is_no_change_of_the_song(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_song(f->db, "/s/a.mp4", "A", "B"), raised;
    struct pk_sung sung = {17, 12};
    struct song before, after;

    assert_int_equal(pk_songs_attach(f->db, a, 17, "x", NULL), 0);
    assert_int_equal(songs_get(f->db, a, &before, NULL), 0);
    assert_int_equal(pk_songs_sung(f->db, &sung, 1, &raised, NULL), 0);
    assert_int_equal(songs_get(f->db, a, &after, NULL), 0);
    assert_int_equal(after.version, before.version);   /* somebody who edits it meanwhile is not refused */
    assert_counts_true(f->db);
    song_deinit(&before);
    song_deinit(&after);
}

/* --- the picture -------------------------------------------------------------------------------------------------- */

struct gone { int64_t ids[8]; int n; };

static void on_gone(void *arg, int64_t id)
{
    struct gone *g = arg;

    g->ids[g->n++] = id;
}

static void a_pass_finds_what_came_changed_and_went(void **state)
{
    struct mirror *m = mirror_new();
    struct mirror_pass pass;
    struct gone g = {.n = 0};

    (void)state;
    mirror_add(m, 1, "/a", "t");
    mirror_add(m, 2, "/b", "t");
    mirror_add(m, 4, "/d", "t");
    mirror_add(m, 5, "/e", NULL);
    mirror_add(m, 9, "/z", "t");
    mirror_begin(&pass, m);
    assert_false(mirror_compare(&pass, 1, "/a", "t", on_gone, &g));
    assert_int_equal(g.n, 0);
    assert_true(mirror_compare(&pass, 3, "/c", "t", on_gone, &g));    /* new, and 2 is gone */
    assert_int_equal(g.n, 1);
    assert_true(mirror_compare(&pass, 4, "/d", "later", on_gone, &g)); /* a row of a reset database */
    assert_true(mirror_compare(&pass, 5, "/e", "t", on_gone, &g));    /* was never known well */
    mirror_end(&pass, on_gone, &g);
    assert_int_equal(g.n, 2);
    assert_int_equal(g.ids[0], 2);
    assert_int_equal(g.ids[1], 9);
    assert_int_equal(mirror_count(pass.next), 4);
    mirror_free(m);
    m = pass.next;
    mirror_begin(&pass, m);
    assert_false(mirror_compare(&pass, 1, "/a", "t", on_gone, &g));
    assert_true(mirror_compare(&pass, 3, "/c2", "t", on_gone, &g));
    mirror_free(pass.next);
    mirror_free(m);
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

static void others_come_first_by_a_stated_rule(void **state)
{
    static const struct {
        double load, celsius;
        bool throttled, playing;
        enum hold_level level;
    } cases[] = {
        {0.1, 45, false, true, HOLD_NONE},   {3.5, 45, false, true, HOLD_SLOW},  {6.5, 45, false, true, HOLD_STOP},
        {100, 45, false, false, HOLD_NONE},  {0.1, 76, false, true, HOLD_SLOW},  {0.1, 76, false, false, HOLD_NONE},
        {0.1, 81, false, true, HOLD_STOP},   {0.1, 81, false, false, HOLD_SLOW}, {0.1, 45, true, true, HOLD_STOP},
        {0.1, 45, true, false, HOLD_SLOW},   {-1, -273, false, true, HOLD_NONE},
    };
    char why[160];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct machine m = {.load = cases[i].load, .cpus = 4, .celsius = cases[i].celsius, .throttled = cases[i].throttled};
        assert_int_equal(machine_judge(&m, cases[i].playing, why), cases[i].level);
        assert_int_equal(why[0] == '\0', cases[i].level == HOLD_NONE);
    }
}

static void what_cannot_be_read_is_left_out(void **state)
{
    struct machine m;

    (void)state;
    machine_read("/nowhere", &m);
    assert_true(m.load < 0 && m.celsius < -100 && !m.throttled && m.bytes_written == -1 && m.cpus >= 1);
    machine_read("", &m);
    assert_true(m.load >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_told_by_version_and_columns),
        cmocka_unit_test(network_file_systems_are_refused),
        cmocka_unit_test(only_what_is_empty_or_ours_is_replaced),
        cmocka_unit_test(every_reason_to_hold_back_has_a_name_and_a_sentence),
        cmocka_unit_test_setup_teardown(a_look_tells_what_it_is_and_what_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(our_own_writing_is_no_change, setup, teardown),
        cmocka_unit_test_setup_teardown(at_rest_nothing_is_made_beside_it, setup, teardown),
        cmocka_unit_test_setup_teardown(another_file_at_the_path_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_never_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_plan_is_not_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_moved_or_went_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(checkpoints_are_done_by_us_before_its_own_would_come, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_are_told_from_those_of_a_reset_database, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(ids_that_do_not_grow_are_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_view_is_no_song_list, setup, teardown),
        cmocka_unit_test_setup_teardown(what_changed_is_taken_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(plays_are_counted_in_short_reads_and_only_the_new_ones_again, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_pikaraoke_keeps_no_plays, setup, teardown),
        cmocka_unit_test_setup_teardown(plays_out_of_order_are_damage_and_no_reading_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(how_often_a_song_was_sung_only_grows, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(being_sung_is_no_change_of_the_song, fixture_setup, fixture_teardown),
        cmocka_unit_test(a_pass_finds_what_came_changed_and_went),
        cmocka_unit_test(others_come_first_by_a_stated_rule),
        cmocka_unit_test(what_cannot_be_read_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
