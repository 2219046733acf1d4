/* Everything SQLite does for us fails once, at every place in turn: reads, writes, syncs, locks, opens, memory. What was
 * acknowledged stays, nothing is half done, and when the trouble is over the same file works again. */
#include "store_fixture.h"

#include "faulty_sqlite.h"
#include "store/backup.h"
#include "store/evidence.h"
#include "store/pk.h"
#include "store/queue.h"
#include "store/state.h"
#include "store/undo.h"
#include "store/stmt.h"

/* --- a day in the life of a library ------------------------------------------------------------- */

static int step_find(struct db *db, struct err *e)
{
    struct guess g = guess_of("ABBA", "Dancing Queen", 0.65);
    struct found_file files[3];
    struct found_result r[3];
    static const char *const paths[] = {"/m/a.mp4", "/m/b.mp4", "/m/c.mp4"};

    for (int i = 0; i < 3; i++)
        files[i] = (struct found_file){.path = slice_of(paths[i]), .size = 10, .mtime_ms = NOW - DAY, .format = "mp4",
                                       .guess = &g};
    return songs_found(db, files, 3, NOW, r, e);
}

static int step_begin(struct db *db, struct err *e)
{
    struct queue_item items[4];
    int64_t next_at;
    int n = queue_next(db, PROVIDER_LASTFM, 0, NOW, NULL, 0, 4, items, &next_at, e);

    for (int i = 0; i < n; i++)
        queue_item_deinit(&items[i]);
    return n < 0 ? n : queue_begin(db, 1, PROVIDER_LASTFM, NOW, e);
}

static int step_answer(struct db *db, struct err *e)
{
    struct candidates all = {0};
    struct candidate *c = candidates_add(&all, PROVIDER_LASTFM);
    struct outcome o = {.song_id = 1, .provider = PROVIDER_LASTFM, .kind = OUTCOME_FOUND, .counted = true, .max_attempts = 3,
                        .now_ms = NOW, .confidence = 0.8, .candidates = &all, .pair_key = "abba|dancing queen"};
    struct outcome_result r;
    int rc;

    c->artist = mem_strdup("ABBA");
    c->title = mem_strdup("Dancing Queen");
    c->genres[0] = mem_strdup("pop");
    c->accepted = true;
    rc = queue_outcome(db, &o, &r, e);
    if (rc == 0)
        song_deinit(&r.song);
    candidates_deinit(&all);
    return rc;
}

static int step_edit(struct db *db, struct err *e)
{
    struct song_edit edit = {.set = 1u << FIELD_ARTIST, .text = {[FIELD_ARTIST] = "My Band"}};

    return songs_edit(db, 2, 0, &edit, NOW, NULL, e);
}

static int step_undo(struct db *db, struct err *e)
{
    struct song_edit edit = {.set = 1u << FIELD_TITLE, .text = {[FIELD_TITLE] = "Taken Back"}};
    int64_t batch = 0, *ids = NULL;
    size_t n;
    int rc;

    edit.batch = &batch;
    rc = songs_edit(db, 3, 0, &edit, NOW, NULL, e);
    if (rc == 0)
        rc = undo_batch(db, &(struct undo){.batch = batch, .now_ms = NOW}, &ids, &n, e);
    free(ids);
    return rc;
}

static int step_settings(struct db *db, struct err *e)
{
    return settings_set(db, "lastfm.rate", "3", NOW, e);
}

static int step_worker(struct db *db, struct err *e)
{
    struct worker_state w = {.known = true, .running = true, .paused = true, .started_at_ms = NOW};

    return state_worker_set(db, &w, false, e);
}

static int step_absent(struct db *db, struct err *e)
{
    int64_t id = 3;

    return songs_set_present(db, &id, 1, false, NOW, NULL, e);
}

/* A refused suggestion puts back what the name said: what cannot be read then must not become empty. */
static int step_reject(struct db *db, struct err *e)
{
    return candidates_reject(db, 1, 1, 0, NULL, NOW, NULL, e);
}

static const struct {
    const char *name;
    int (*run)(struct db *db, struct err *e);
    const char *done;      /* gives 1 once it is stored */
} steps[] = {
    {"find", step_find, "SELECT count(*) = 3 FROM songs"},
    {"begin", step_begin, "SELECT enrichment_attempts = 1 FROM songs WHERE id = 1"},
    {"answer", step_answer, "SELECT count(*) = 1 FROM candidates WHERE song_id = 1"},
    {"edit", step_edit, "SELECT artist = 'My Band' AND metadata_status = 'manual' FROM songs WHERE id = 2"},
    {"undo", step_undo, "SELECT count(*) > 0 FROM changes WHERE undone = 1"},
    {"settings", step_settings, "SELECT value = '3' FROM settings WHERE key = 'lastfm.rate'"},
    {"worker", step_worker, "SELECT value = 'true' FROM enrichment_state WHERE key = 'worker_paused'"},
    {"reject", step_reject, "SELECT rejected FROM candidates WHERE song_id = 1"},
    {"absent", step_absent, "SELECT present = 0 FROM songs WHERE id = 3"},
};

/* As dbq does: begin, a savepoint, commit; what fails is rolled back. */
static int in_transaction(struct db *db, int i, struct err *e)
{
    int rc = db_begin(db, i % 2 == 0, e);

    if (rc == 0)
        rc = db_savepoint(db, e);
    if (rc == 0)
        rc = steps[i].run(db, e);
    if (rc == 0)
        rc = db_release(db, e);
    if (rc == 0)
        rc = db_commit(db, e);
    if (rc)
        db_rollback(db);
    return rc;
}

static void must_say_why(int rc, const struct err *e, const char *what)
{
    if (rc && !e->text[0])
        fail_msg("%s failed with %d and no word", what, rc);
    if (rc == ERR_BUG)
        fail_msg("%s took the fault for a mistake of ours: %s", what, e->text);
}

/* Returns bits of the steps that were acknowledged. Only a step whose forerunners are stored is tried. */
static unsigned live(const char *path, bool *opened)
{
    struct db *db = NULL;
    struct err e = {0};
    int rc = db_open(path, &db, &e);
    unsigned done = 0;

    *opened = rc == 0;
    must_say_why(rc, &e, "opening");
    for (int i = 0; rc == 0 && i < (int)ARRAY_LEN(steps); i++) {
        struct err why = {0};
        int failed;
        if (i > 0 && !(done & 1))
            break;
        failed = in_transaction(db, i, &why);
        if (failed && failed != ERR_NOT_FOUND)
            must_say_why(failed, &why, steps[i].name);
        done |= failed ? 0 : 1u << i;
    }
    if (db)
        db_tidy(db);
    db_close(db);
    return done;
}

static void complain(const char *line, void *arg)
{
    print_error("%s: %s\n", (const char *)arg, line);
}

static void check_after(const char *path, unsigned done, const char *what)
{
    struct db *db = NULL;
    struct err e = {0};
    int64_t songs;

    if (db_open(path, &db, &e))
        fail_msg("%s: the file is lost: %s", what, e.text);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct stmt s = stmt_of_text(db, steps[i].done, &e);
        int64_t yes = 0;
        assert_true(stmt_run_int(&s, &yes) >= 0);
        if ((done & 1u << i) && !yes)
            fail_msg("%s: '%s' was acknowledged and is lost", what, steps[i].name);
    }
    assert_counts_true(db);
    struct stmt s =
        stmt_of_text(db, "SELECT count(*) FROM songs WHERE coalesce(artist, '') = '' OR coalesce(title, '') = ''", &e);
    int64_t emptied = 0;
    assert_int_equal(stmt_run_int(&s, &emptied), 1);
    if (emptied)
        fail_msg("%s: a song lost its names", what);
    db_close(db);
    if (database_check(path, complain, (void *)what, &songs, &e) != 0)
        fail_msg("%s: the file is not whole (%s)", what, e.text);
}

static void remove_files(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char name[160];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static int reached[FAULT_KINDS], tried;
static int pace = 89, close_look = 8;   /* every one of the first places, then some; all of them in the long run */

/* Made once, then copied: the steps of the schema take longer than everything else here. */
static void put_empty_library(const char *path)
{
    static char *bytes;
    static size_t n;
    struct db *db = NULL;
    FILE *f;

    if (!bytes) {
        assert_int_equal(db_open(path, &db, NULL), 0);
        db_close(db);
        f = fopen(path, "rb");
        assert_non_null(f);
        bytes = mem_alloc(8 << 20);
        n = fread(bytes, 1, 8 << 20, f);
        fclose(f);
        return;
    }
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void try_kind(enum fault_kind kind, bool lasting, bool existing)
{
    /* in memory where that is possible: thousands of syncs of a real disk would take the time, and show nothing more */
    bool memory = access("/dev/shm", W_OK) == 0;
    char dir[64], path[96], what[120];
    int step = 1;

    snprintf(dir, sizeof dir, "%s/songbook-faults-XXXXXX", memory ? "/dev/shm" : "/tmp");

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/songbook.db", dir);
    for (int nth = 1;; nth += step) {
        unsigned done;
        bool opened;
        if (existing)
            put_empty_library(path);
        snprintf(what, sizeof what, "%s %s at %d%s", lasting ? "lasting" : "single", fault_names[kind], nth,
                 existing ? "" : ", new file");
        faults_arm(kind, nth, lasting);
        done = live(path, &opened);
        int given = faults_given();
        faults_arm(FAULT_NONE, 0, false);
        check_after(path, done, what);
        remove_files(path);
        tried++;
        reached[kind] += given;
        if (given == 0) {
            assert_true(done == (1u << ARRAY_LEN(steps)) - 1);   /* past the last call: nothing failed */
            break;
        }
        if (nth > close_look)
            step = existing ? pace : 4 * pace;   /* making a schema has thousands of places */
    }
    rmdir(dir);
}

static void every_call_of_the_store_may_fail_once(void **state)
{
    (void)state;
    for (int kind = FAULT_READ; kind < FAULT_KINDS; kind++) {
        if (kind != FAULT_DELETE)
            try_kind((enum fault_kind)kind, false, true);
        try_kind((enum fault_kind)kind, false, false);
    }
}

static void trouble_that_lasts_loses_nothing_that_was_acknowledged(void **state)
{
    static const enum fault_kind kinds[] = {FAULT_FULL, FAULT_WRITE, FAULT_SYNC, FAULT_READ, FAULT_OPEN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        try_kind(kinds[i], true, true);
}

static void make_pikaraokes(const char *path)
{
    sqlite3 *h;

    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h,
                                  "PRAGMA journal_mode = WAL;"
                                  "CREATE TABLE songs (id INTEGER PRIMARY KEY, file_path TEXT, youtube_id TEXT, format TEXT,"
                                  " artist TEXT, title TEXT, variant TEXT, year INTEGER, genre TEXT, metadata_status TEXT,"
                                  " enrichment_attempts INTEGER, last_enrichment_attempt TEXT, created_at TEXT, updated_at TEXT);"
                                  "CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT); PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(h);
}

/* What it holds at that moment is given back; the leak checker looks at the end. */
static void a_look_at_pikaraokes_database_may_fail_anywhere(void **state)
{
    static const enum fault_kind kinds[] = {FAULT_READ, FAULT_MEMORY};
    char dir[64], path[96];

    (void)state;
    snprintf(dir, sizeof dir, "/tmp/songbook-faults-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/pikaraoke.db", dir);
    make_pikaraokes(path);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (int nth = 1, given = 1; given; nth++) {
            struct pk *pk = pk_new(path);
            struct pk_look l;
            faults_arm(kinds[k], nth, false);
            pk_look(pk, false, NOW, &l);
            given = faults_given();
            faults_arm(FAULT_NONE, 0, false);
            if (l.state != PK_READABLE && (!given || !l.why[0]))
                fail_msg("%s at %d: state %d '%s'", fault_names[kinds[k]], nth, l.state, l.why);
            pk_look_deinit(&l);
            pk_free(pk);
        }
    remove_files(path);
    rmdir(dir);
}

static void all_kinds_were_reached(void **state)
{
    (void)state;
    print_message("%d runs;", tried);
    for (int kind = FAULT_READ; kind < FAULT_KINDS; kind++) {
        print_message(" %s %d", fault_names[kind], reached[kind]);
        assert_true(reached[kind] > 0);
    }
    print_message("\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_of_the_store_may_fail_once),
        cmocka_unit_test(trouble_that_lasts_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(a_look_at_pikaraokes_database_may_fail_anywhere),
        cmocka_unit_test(all_kinds_were_reached),
    };

    if (getenv("SONGBOOKD_FAULTS_ALL"))
        pace = 1, close_look = 1 << 30;
    faults_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
