/* Scans of real files in a temporary folder, with the store, by a hand-turned clock. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/queue.h"
#include "store/songs.h"
#include "work/scan.h"

#define OLD_S 1600000000
#define ROWS_MAX 2048

struct row {
    int64_t id, size;
    char path[PATH_MAX], format[8];
    bool present;
};

static struct fixture {
    char dir[64], songs[80], other[80], db[80];
    uv_loop_t loop;
    struct clock clock;
    struct dbq *q;
    struct events *ev;
    struct events_listener *listener;
    struct scan *scan;
    int opened, changed, settled, closed, song_events, problem_events, finished_events;
    struct row *rows;
    size_t n_rows;
} fx;

/* --- the fixture ----------------------------------------------------------------------------- */

static void on_opened(void *arg, int rc, const struct err *e)
{
    (void)arg;
    (void)e;
    assert_int_equal(rc, 0);
    fx.opened++;
}

static void on_changed(void *arg)
{
    (void)arg;
    fx.changed++;
}

static void on_settled(void *arg)
{
    (void)arg;
    fx.settled++;
}

static void on_closed(void *arg)
{
    (void)arg;
    fx.closed++;
}

static void on_event(void *arg, enum event_kind k, uint64_t seq, struct slice json)
{
    cJSON *root = json_parse(json, NULL);

    (void)arg;
    (void)seq;
    assert_non_null(root);
    fx.song_events += k == EVENT_SONG && json_get(root, "song");
    fx.finished_events += k == EVENT_SCAN && slice_eq_str(slice_of(json_str(root, "state")), "finished");
    fx.problem_events += k == EVENT_SCAN && slice_eq_str(slice_of(json_str(root, "state")), "problem");
    cJSON_Delete(root);
}

static void on_progress(void *arg, struct json_out *o)
{
    (void)arg;
    (void)o;
}

static void run_until(const int *value, int at_least)
{
    while (*value < at_least)
        uv_run(&fx.loop, UV_RUN_ONCE);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof fx);
    strcpy(fx.dir, "/tmp/songbook-scan-XXXXXX");
    if (!mkdtemp(fx.dir))
        return -1;
    snprintf(fx.songs, sizeof fx.songs, "%s/songs", fx.dir);
    snprintf(fx.other, sizeof fx.other, "%s/other", fx.dir);
    snprintf(fx.db, sizeof fx.db, "%s/songbook.db", fx.dir);
    mkdir(fx.songs, 0755);
    uv_loop_init(&fx.loop);
    fx.clock = clock_manual();
    fx.rows = mem_alloc(ROWS_MAX * sizeof *fx.rows);
    fx.q = dbq_open(&fx.loop, fx.db, on_opened, NULL);
    run_until(&fx.opened, 1);
    fx.ev = events_new(&fx.loop, &fx.clock, 1, on_progress, NULL);
    fx.listener = events_listen(fx.ev, 0, on_event, NULL);
    return 0;
}

static void start(const char *const *folders, bool watch)
{
    static const char *only[2];
    struct scan_options o = {.watch = watch, .changed = on_changed, .settled = on_settled, .retry_ms = 20};

    only[0] = fx.songs;
    o.folders = folders ? folders : only;
    fx.scan = scan_new(&fx.loop, &fx.clock, fx.q, fx.ev, &o);
}

static void stop(void)
{
    int before = fx.closed;

    scan_close(fx.scan, on_closed, NULL);
    run_until(&fx.closed, before + 1);
    fx.scan = NULL;
}

static int tear_down(void **state)
{
    char cmd[160];

    (void)state;
    if (fx.scan)
        stop();
    events_unlisten(fx.listener);
    events_free(fx.ev);
    dbq_close(fx.q, on_closed, NULL);
    uv_run(&fx.loop, UV_RUN_DEFAULT);
    free(fx.rows);
    snprintf(cmd, sizeof cmd, "chmod -R u+rwx '%s' && rm -rf '%s'", fx.dir, fx.dir);
    return uv_loop_close(&fx.loop) || system(cmd);
}

static const char *at(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", fx.songs, name);
    return path;
}

static void age(const char *path, int64_t s)
{
    struct timespec ts[2] = {{.tv_sec = s}, {.tv_sec = s}};

    assert_int_equal(utimensat(AT_FDCWD, path, ts, 0), 0);
}

static void put_path(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    age(path, OLD_S);
}

static void put(const char *name, const char *text)
{
    put_path(at(name), text);
}

static void put_dir(const char *name)
{
    assert_int_equal(mkdir(at(name), 0755), 0);
}

static void move(const char *from, const char *to)
{
    char old[PATH_MAX];

    snprintf(old, sizeof old, "%s", at(from));
    assert_int_equal(rename(old, at(to)), 0);
}

static void put_many(const char *prefix, int n)
{
    char name[64];

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s%04d.mp4", prefix, i);
        put(name, "x");
    }
}

static void scan_all(bool accept)
{
    int before = fx.settled;

    scan_start(fx.scan, accept);
    run_until(&fx.settled, before + 1);
}

/* --- what is stored ---------------------------------------------------------------------------- */

static int asked;

static void take_row(const struct song_stamp *s, void *arg)
{
    struct row *r = &fx.rows[fx.n_rows++];

    (void)arg;
    assert_true(fx.n_rows <= ROWS_MAX);
    *r = (struct row){.id = s->id, .size = s->size, .present = s->present};
    snprintf(r->path, sizeof r->path, "%.*s", (int)s->path.n, s->path.p);
    snprintf(r->format, sizeof r->format, "%s", s->format);
}

static int run_rows(struct db *db, struct dbq_op *op)
{
    int64_t after = 0, last = 0;
    int rc;

    do {
        after = last;
        rc = songs_stamps(db, after, 500, take_row, NULL, &last, &op->err);
    } while (rc == 0 && last != after);
    return rc;
}

static void asked_done(struct dbq_op *op, int rc)
{
    (void)op;
    assert_int_equal(rc, 0);
    asked++;
}

static void read_rows(void)
{
    struct dbq_op op = {.run = run_rows, .done = asked_done};

    fx.n_rows = 0;
    asked = 0;
    dbq_read(fx.q, &op);
    run_until(&asked, 1);
}

static const struct row *row_at(const char *name)
{
    const char *path = at(name);

    for (size_t i = 0; i < fx.n_rows; i++)
        if (strcmp(fx.rows[i].path, path) == 0)
            return &fx.rows[i];
    return NULL;
}

static size_t n_present(void)
{
    size_t n = 0;

    read_rows();
    for (size_t i = 0; i < fx.n_rows; i++)
        n += fx.rows[i].present;
    return n;
}

static struct scan_status status(void)
{
    struct scan_status st;

    scan_status(fx.scan, &st);
    return st;
}

/* --- listing ----------------------------------------------------------------------------------- */

static void a_first_scan_lists_every_song_once(void **state)
{
    (void)state;
    put_dir("sub");
    put("Band - Song.mp4", "x");
    put("sub/pair.mp3", "x");
    put("sub/pair.cdg", "x");
    put("half.mp4.part", "x");
    put("new\nline \xff.mp4", "x");
    start(NULL, false);
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_string_equal(row_at("sub/pair.mp3")->format, "cdg");
    assert_non_null(row_at("new\nline \xff.mp4"));
    assert_int_equal(status().files, 3);
    assert_int_equal(status().listed, 3);
    assert_string_equal(status().problem, "");
    assert_false(status().running);
    assert_true(fx.changed >= 1);
    assert_int_equal(fx.song_events, 0);
}

static void an_unchanged_rescan_writes_nothing(void **state)
{
    struct dbq_stats before, after;

    (void)state;
    put_many("s", 700);
    start(NULL, false);
    scan_all(false);
    before = dbq_stats(fx.q);
    scan_all(false);
    scan_all(true);
    after = dbq_stats(fx.q);
    assert_int_equal(after.writes, before.writes);
    assert_int_equal(after.transactions, before.transactions);
    assert_int_equal(status().files, 700);
    assert_int_equal(n_present(), 700);
}

static void a_changed_file_keeps_its_song(void **state)
{
    int64_t id;

    (void)state;
    put("a.mp4", "x");
    put("b.mp3", "x");
    start(NULL, false);
    scan_all(false);
    read_rows();
    id = row_at("a.mp4")->id;
    put("a.mp4", "longer");
    put("b.cdg", "x");
    scan_all(false);
    assert_int_equal(n_present(), 2);
    assert_int_equal(row_at("a.mp4")->id, id);
    assert_int_equal(row_at("a.mp4")->size, 6);
    assert_string_equal(row_at("b.mp3")->format, "cdg");
    assert_int_equal(status().changed, 2);
}

static void a_young_file_is_listed_when_it_is_complete(void **state)
{
    (void)state;
    put("young.mp4", "x");
    age(at("young.mp4"), fx.clock.manual_wall / 1000);
    put("old.mp4", "x");
    start(NULL, false);
    scan_start(fx.scan, false);
    run_until(&fx.changed, 1);
    while (status().running)
        uv_run(&fx.loop, UV_RUN_ONCE);
    assert_int_equal(n_present(), 1);
    assert_int_equal(status().young, 1);
    assert_int_equal(fx.settled, 0);
    clock_advance(&fx.clock, 2000);
    scan_hint(fx.scan, slice_of(at("young.mp4")));
    run_until(&fx.settled, 1);
    assert_int_equal(n_present(), 2);
    assert_int_equal(status().young, 0);
}

static void a_file_from_the_future_is_listed_after_two_equal_looks(void **state)
{
    (void)state;
    put("future.mp4", "x");
    age(at("future.mp4"), fx.clock.manual_wall / 1000 + 100000);
    start(NULL, false);
    scan_start(fx.scan, false);
    while (status().running)
        uv_run(&fx.loop, UV_RUN_ONCE);
    assert_int_equal(status().young, 1);
    clock_advance(&fx.clock, 2000);
    scan_hint(fx.scan, slice_of(at("future.mp4")));
    run_until(&fx.settled, 1);
    assert_int_equal(n_present(), 1);
}

/* --- moves ---------------------------------------------------------------------------------------- */

static void a_moved_file_keeps_its_song(void **state)
{
    int64_t by_name, by_id;

    (void)state;
    put_dir("sub");
    put("Band - Song.mp4", "1234");
    put("Title---abcdefghijk.mp4", "123");
    put("stays.mp4", "1");
    start(NULL, false);
    scan_all(false);
    read_rows();
    by_name = row_at("Band - Song.mp4")->id;
    by_id = row_at("Title---abcdefghijk.mp4")->id;
    move("Band - Song.mp4", "sub/Band - Song.mp4");
    move("Title---abcdefghijk.mp4", "sub/Other name [abcdefghijk].mp4");
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_int_equal(fx.n_rows, 3);
    assert_int_equal(row_at("sub/Band - Song.mp4")->id, by_name);
    assert_int_equal(row_at("sub/Other name [abcdefghijk].mp4")->id, by_id);
    assert_int_equal(status().moved, 2);
    assert_int_equal(status().missing, 0);
    assert_string_equal(status().problem, "");
}

static void two_files_present_at_once_are_two_songs(void **state)
{
    (void)state;
    put_dir("sub");
    put("Same---abcdefghijk.mp4", "x");
    start(NULL, false);
    scan_all(false);
    put("sub/Same---abcdefghijk.mp4", "x");
    scan_all(false);
    assert_int_equal(n_present(), 2);
    assert_int_equal(status().listed, 1);
    assert_int_equal(status().moved, 0);
}

static void one_old_song_moves_to_one_new_file_only(void **state)
{
    (void)state;
    put_dir("a");
    put_dir("b");
    put("Same.mp4", "x");
    put("stays.mp4", "y");
    start(NULL, false);
    scan_all(false);
    move("Same.mp4", "a/Same.mp4");
    put("b/Same.mp4", "x");
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_int_equal(fx.n_rows, 3);
    assert_int_equal(status().moved, 1);
    assert_int_equal(status().listed, 1);
}

static void a_hint_of_a_move_keeps_the_song(void **state)
{
    int64_t id;

    (void)state;
    put_dir("sub");
    put("a.mp4", "abc");
    put("b.mp4", "b");
    start(NULL, false);
    scan_all(false);
    read_rows();
    id = row_at("a.mp4")->id;
    move("a.mp4", "sub/a.mp4");
    scan_hint(fx.scan, slice_of(at("sub/a.mp4")));
    run_until(&fx.song_events, 1);
    assert_int_equal(n_present(), 2);
    assert_int_equal(row_at("sub/a.mp4")->id, id);
}

/* --- missing songs ---------------------------------------------------------------------------------- */

static void a_missing_file_becomes_absent_and_comes_back(void **state)
{
    int64_t id;

    (void)state;
    put("a.mp4", "x");
    put("b.mp4", "x");
    put("c.mp4", "x");
    start(NULL, false);
    scan_all(false);
    read_rows();
    id = row_at("a.mp4")->id;
    assert_int_equal(unlink(at("a.mp4")), 0);
    scan_all(false);
    assert_int_equal(n_present(), 2);
    assert_false(row_at("a.mp4")->present);
    assert_int_equal(status().missing, 1);
    put("a.mp4", "x");
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_int_equal(row_at("a.mp4")->id, id);
    assert_int_equal(status().returned, 1);
    assert_int_equal(fx.n_rows, 3);
}

static void more_than_half_missing_changes_nothing_and_says_so(void **state)
{
    struct dbq_stats before;

    (void)state;
    put_many("s", 9);
    start(NULL, false);
    scan_all(false);
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%04d.mp4", i);
        assert_int_equal(unlink(at(name)), 0);
    }
    before = dbq_stats(fx.q);
    scan_all(false);
    assert_int_equal(dbq_stats(fx.q).writes, before.writes);
    assert_int_equal(n_present(), 9);
    assert_non_null(strstr(status().problem, "5 of 9"));
    assert_non_null(strstr(status().problem, fx.songs));
    assert_int_equal(status().missing, 5);
    assert_int_equal(fx.problem_events, 1);
    scan_all(true);
    assert_int_equal(n_present(), 4);
    assert_string_equal(status().problem, "");
}

static void exactly_half_missing_is_believed(void **state)
{
    (void)state;
    put_many("s", 4);
    start(NULL, false);
    scan_all(false);
    assert_int_equal(unlink(at("s0000.mp4")), 0);
    assert_int_equal(unlink(at("s0001.mp4")), 0);
    scan_all(false);
    assert_int_equal(n_present(), 2);
}

static void an_empty_or_missing_folder_changes_nothing(void **state)
{
    char away[PATH_MAX];

    (void)state;
    put_many("s", 3);
    start(NULL, false);
    scan_all(false);
    snprintf(away, sizeof away, "%s/away", fx.dir);
    assert_int_equal(rename(fx.songs, away), 0);
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_non_null(strstr(status().problem, "does not exist"));
    mkdir(fx.songs, 0755);
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_non_null(strstr(status().problem, "empty"));
    rmdir(fx.songs);
    assert_int_equal(rename(away, fx.songs), 0);
    scan_all(false);
    assert_int_equal(n_present(), 3);
    assert_string_equal(status().problem, "");
    assert_int_equal(status().listed + status().changed + status().moved, 0);
}

static void one_lost_folder_does_not_hide_what_is_missing_in_another(void **state)
{
    const char *folders[] = {fx.songs, fx.other, NULL};
    char path[PATH_MAX];

    (void)state;
    put_many("s", 4);
    mkdir(fx.other, 0755);
    snprintf(path, sizeof path, "%s/o.mp4", fx.other);
    put_path(path, "x");
    start(folders, false);
    scan_all(false);
    assert_int_equal(n_present(), 5);
    unlink(path);
    rmdir(fx.other);
    unlink(at("s0002.mp4"));
    scan_all(false);
    assert_int_equal(n_present(), 4);
    assert_false(row_at("s0002.mp4")->present);
}

static void songs_outside_the_folders_become_absent(void **state)
{
    const char *both[] = {fx.songs, fx.other, NULL}, *none[] = {NULL};
    char path[PATH_MAX];

    (void)state;
    put_many("s", 2);
    mkdir(fx.other, 0755);
    snprintf(path, sizeof path, "%s/o.mp4", fx.other);
    put_path(path, "x");
    start(both, false);
    scan_all(false);
    stop();
    start(NULL, false);
    scan_all(false);
    assert_int_equal(n_present(), 2);
    stop();
    start(none, false);
    scan_all(false);
    assert_int_equal(n_present(), 2);
}

static void songs_in_an_unreadable_directory_are_kept(void **state)
{
    bool root = getuid() == 0;

    (void)state;
    put_dir("closed");
    put("closed/in.mp4", "x");
    put_many("s", 5);
    start(NULL, false);
    scan_all(false);
    assert_int_equal(unlink(at("s0000.mp4")), 0);
    assert_int_equal(chmod(fx.dir, 0777), 0);
    assert_int_equal(chmod(at("closed"), 0), 0);
    if (root && seteuid(65534) != 0) {
        print_message("skipped: root reads every directory and cannot become another user here\n");
        skip();
    }
    scan_all(false);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(n_present(), 5);
    assert_true(row_at("closed/in.mp4")->present);
    assert_false(row_at("s0000.mp4")->present);
    assert_non_null(strstr(status().problem, "closed"));
}

/* --- while running -------------------------------------------------------------------------------- */

static struct queue_item front;
static int n_front;

static int run_front(struct db *db, struct dbq_op *op)
{
    int64_t next_at;

    n_front = queue_next(db, PROVIDER_MUSICBRAINZ, 0, fx.clock.manual_wall, NULL, 0, 1, &front, &next_at, &op->err);
    return n_front < 0 ? n_front : 0;
}

static void a_hinted_file_is_listed_at_the_front_and_told(void **state)
{
    struct dbq_op op = {.run = run_front, .done = asked_done};

    (void)state;
    put("old.mp4", "x");
    start(NULL, false);
    scan_all(false);
    put("Band - New.mp4", "x");
    scan_hint(fx.scan, slice_of(at("Band - New.mp4")));
    scan_hint(fx.scan, slice_of(at("Band - New.mp4")));
    run_until(&fx.song_events, 1);
    assert_int_equal(n_present(), 2);
    assert_int_equal(fx.song_events, 1);
    asked = 0;
    dbq_read(fx.q, &op);
    run_until(&asked, 1);
    assert_int_equal(n_front, 1);
    assert_string_equal(front.song.file_path, at("Band - New.mp4"));
    assert_int_equal(front.priority, 10);
    queue_item_deinit(&front);
}

static void hints_outside_the_library_are_passed_over(void **state)
{
    char path[PATH_MAX];

    (void)state;
    put("a.mp4", "x");
    put_dir(".trash");
    put(".trash/b.mp4", "x");
    start(NULL, false);
    snprintf(path, sizeof path, "%s/out.mp4", fx.dir);
    put_path(path, "x");
    scan_hint(fx.scan, slice_of(path));
    scan_hint(fx.scan, slice_of(at(".trash/b.mp4")));
    scan_hint(fx.scan, slice_of(at("../out.mp4")));
    scan_hint(fx.scan, slice_of("a.mp4"));
    scan_hint(fx.scan, slice_of(""));
    scan_all(false);
    assert_int_equal(n_present(), 1);
}

static void a_hinted_directory_is_walked(void **state)
{
    (void)state;
    put("a.mp4", "x");
    start(NULL, false);
    scan_all(false);
    put_dir("album");
    put_dir("album/deep");
    put("album/1.mp4", "x");
    put("album/deep/2.mp3", "x");
    put("album/deep/2.CDG", "x");
    scan_hint(fx.scan, slice_of(at("album")));
    run_until(&fx.song_events, 2);
    assert_int_equal(n_present(), 3);
    assert_string_equal(row_at("album/deep/2.mp3")->format, "cdg");
}

static void a_watched_folder_lists_what_appears(void **state)
{
    char made[PATH_MAX];

    (void)state;
    put_dir("sub");
    put("a.mp4", "x");
    start(NULL, true);
    scan_all(false);
    assert_int_equal(status().watched, 2);
    snprintf(made, sizeof made, "%s/b.mp4", fx.dir);
    put_path(made, "x");
    assert_int_equal(rename(made, at("sub/b.mp4")), 0);
    run_until(&fx.song_events, 1);
    assert_int_equal(n_present(), 2);
    snprintf(made, sizeof made, "%s/album", fx.dir);
    mkdir(made, 0755);
    snprintf(made, sizeof made, "%s/album/c.mp4", fx.dir);
    put_path(made, "x");
    snprintf(made, sizeof made, "%s/album", fx.dir);
    assert_int_equal(rename(made, at("album")), 0);
    run_until(&fx.song_events, 2);
    assert_int_equal(n_present(), 3);
    assert_int_equal(status().watched, 3);
}

static void a_deleted_file_is_noticed_by_the_watcher(void **state)
{
    (void)state;
    put_many("s", 3);
    start(NULL, true);
    scan_all(false);
    assert_int_equal(unlink(at("s0001.mp4")), 0);
    run_until(&fx.settled, 2);         /* the full scan that the deletion asked for */
    assert_int_equal(n_present(), 2);
}

static void a_folder_that_appears_later_is_scanned(void **state)
{
    char late[PATH_MAX], made[PATH_MAX], file[PATH_MAX];
    const char *folders[] = {late, NULL};

    (void)state;
    snprintf(late, sizeof late, "%s/late/deep", fx.dir);
    snprintf(made, sizeof made, "%s/made", fx.dir);
    start(folders, true);
    scan_all(false);
    assert_non_null(strstr(status().problem, "does not exist"));
    mkdir(made, 0755);
    snprintf(file, sizeof file, "%s/made/deep", fx.dir);
    mkdir(file, 0755);
    snprintf(file, sizeof file, "%s/made/deep/a.mp4", fx.dir);
    put_path(file, "x");
    snprintf(file, sizeof file, "%s/late", fx.dir);
    assert_int_equal(rename(made, file), 0);
    run_until(&fx.settled, 2);
    assert_int_equal(n_present(), 1);
    assert_string_equal(status().problem, "");
}

/* --- another scan, wished while one runs ------------------------------------------------------- */

static void start_and_stand_in_a_scan(void)
{
    start(NULL, false);
    scan_start(fx.scan, false);
    while (status().files == 0)
        uv_run(&fx.loop, UV_RUN_ONCE);
    assert_true(status().running);
}

static void a_scan_wished_during_a_scan_runs_afterwards(void **state)
{
    (void)state;
    put_many("a", 6);
    start_and_stand_in_a_scan();
    put("late.mp4", "x");            /* the running one may have passed it */
    scan_start(fx.scan, false);
    assert_int_equal(fx.settled, 0);
    run_until(&fx.settled, 1);
    assert_int_equal(fx.finished_events, 2);
    assert_int_equal(n_present(), 7);
    assert_false(status().running);
}

static void missing_songs_accepted_during_a_scan_are_taken_out_by_the_next(void **state)
{
    char name[32];

    (void)state;
    put_many("a", 6);
    start(NULL, false);
    scan_all(false);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "a%04d.mp4", i);
        assert_int_equal(unlink(at(name)), 0);
    }
    scan_start(fx.scan, false);
    while (status().files == 0)
        uv_run(&fx.loop, UV_RUN_ONCE);
    scan_start(fx.scan, true);
    run_until(&fx.settled, 2);
    assert_int_equal(n_present(), 1);
}

static void a_folder_left_out_during_a_scan_is_left_out_by_the_next(void **state)
{
    char theirs[PATH_MAX];
    const char *paths[FOLDERS_LEFT_OUT] = {theirs};

    (void)state;
    put_dir("theirs");
    put_many("a", 6);
    put_many("theirs/b", 2);
    snprintf(theirs, sizeof theirs, "%s", at("theirs"));
    start_and_stand_in_a_scan();
    scan_leave_out(fx.scan, paths);
    run_until(&fx.settled, 1);
    assert_int_equal(fx.finished_events, 2);
    assert_int_equal(n_present(), 6);
}

static void a_scan_closes_in_the_middle(void **state)
{
    (void)state;
    put_many("s", 1200);
    start(NULL, true);
    scan_start(fx.scan, false);
    for (int i = 0; i < 12; i++)
        uv_run(&fx.loop, UV_RUN_NOWAIT);
    stop();
    start(NULL, true);
    scan_start(fx.scan, false);
    stop();
    start(NULL, false);
    scan_all(false);
    assert_int_equal(n_present(), 1200);
}

static void sql(const char *text)
{
    char cmd[400];

    snprintf(cmd, sizeof cmd, "sqlite3 -cmd '.timeout 20000' '%s' \"%s\"", fx.db, text);
    assert_int_equal(system(cmd), 0);
}

static void what_could_not_be_stored_is_tried_again(void **state)
{
    struct scan_status st;

    (void)state;
    put_many("a", 3);
    sql("CREATE TRIGGER broken BEFORE INSERT ON songs BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END");
    start(NULL, false);
    scan_start(fx.scan, false);
    do {
        uv_run(&fx.loop, UV_RUN_ONCE);
        scan_status(fx.scan, &st);
    } while (!st.failing);
    assert_int_equal(n_present(), 0);
    assert_int_equal(fx.settled, 0);   /* --once must not call it done */
    assert_true(fx.problem_events > 0);
    sql("DROP TRIGGER broken");
    run_until(&fx.settled, 1);
    assert_int_equal(n_present(), 3);
    scan_status(fx.scan, &st);
    assert_false(st.failing);
    assert_string_equal(st.problem, "");
}

static void a_hinted_file_that_could_not_be_stored_is_tried_again(void **state)
{
    struct scan_status st;

    (void)state;
    put_many("a", 3);
    start(NULL, false);
    scan_all(false);
    sql("CREATE TRIGGER broken BEFORE INSERT ON songs BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END");
    put("late.mp4", "x");
    scan_hint(fx.scan, slice_of(at("late.mp4")));
    do {
        uv_run(&fx.loop, UV_RUN_ONCE);
        scan_status(fx.scan, &st);
    } while (!st.failing);
    sql("DROP TRIGGER broken");
    run_until(&fx.settled, 2);
    assert_int_equal(n_present(), 4);
}

/* Nothing else is going on that would make it look: no watch, no period. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_first_scan_lists_every_song_once),
        TEST(an_unchanged_rescan_writes_nothing),
        TEST(a_changed_file_keeps_its_song),
        TEST(a_young_file_is_listed_when_it_is_complete),
        TEST(a_file_from_the_future_is_listed_after_two_equal_looks),
        TEST(a_moved_file_keeps_its_song),
        TEST(two_files_present_at_once_are_two_songs),
        TEST(one_old_song_moves_to_one_new_file_only),
        TEST(a_hint_of_a_move_keeps_the_song),
        TEST(a_missing_file_becomes_absent_and_comes_back),
        TEST(more_than_half_missing_changes_nothing_and_says_so),
        TEST(exactly_half_missing_is_believed),
        TEST(an_empty_or_missing_folder_changes_nothing),
        TEST(one_lost_folder_does_not_hide_what_is_missing_in_another),
        TEST(songs_outside_the_folders_become_absent),
        TEST(songs_in_an_unreadable_directory_are_kept),
        TEST(a_hinted_file_is_listed_at_the_front_and_told),
        TEST(hints_outside_the_library_are_passed_over),
        TEST(a_hinted_directory_is_walked),
        TEST(a_watched_folder_lists_what_appears),
        TEST(a_deleted_file_is_noticed_by_the_watcher),
        TEST(a_folder_that_appears_later_is_scanned),
        TEST(what_could_not_be_stored_is_tried_again),
        TEST(a_hinted_file_that_could_not_be_stored_is_tried_again),
        TEST(a_scan_wished_during_a_scan_runs_afterwards),
        TEST(missing_songs_accepted_during_a_scan_are_taken_out_by_the_next),
        TEST(a_folder_left_out_during_a_scan_is_left_out_by_the_next),
        TEST(a_scan_closes_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
