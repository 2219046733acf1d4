/* The judge: names that the whole library decides, stored with their evidence; what persons and providers decided stays. Real
 * database, real loop. Names are invented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/changes.h"
#include "store/evidence.h"
#include "store/queue.h"
#include "store/songs.h"
#include "work/judge.h"

struct rig {
    uv_loop_t loop;
    struct dbq *q;
    struct events *ev;
    struct judge *judge;
    char dir[64], path[96];
    bool done, idle;
    int opened_rc;
};

static void on_opened(void *arg, int rc, const struct err *e)
{
    struct rig *r = arg;

    (void)e;
    r->opened_rc = rc;
    r->done = true;
}

static void on_closed(void *arg)
{
    ((struct rig *)arg)->done = true;
}

static void on_changed(void *arg)
{
    (void)arg;
}

static void on_progress(void *arg, struct json_out *o)
{
    (void)o;
    (void)arg;
}

static void on_idle(void *arg)
{
    ((struct rig *)arg)->idle = true;
}

static void run_until(struct rig *r, const bool *flag)
{
    while (!*flag)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static int setup(void **state)
{
    struct rig *r = mem_zalloc(sizeof *r);

    uv_loop_init(&r->loop);
    snprintf(r->dir, sizeof r->dir, "/tmp/songbook-judge-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof r->path, "%s/songbook.db", r->dir);
    r->q = dbq_open(&r->loop, r->path, on_opened, r);
    run_until(r, &r->done);
    assert_int_equal(r->opened_rc, 0);
    r->ev = events_new(&r->loop, &clock_system, 1, on_progress, r);
    r->judge = judge_new(&clock_system, r->q, r->ev, &(struct judge_hooks){on_changed, on_idle, r, 0});
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    char command[128];

    r->done = false;
    judge_close(r->judge, on_closed, r);
    run_until(r, &r->done);
    events_free(r->ev);
    r->done = false;
    dbq_close(r->q, on_closed, r);
    run_until(r, &r->done);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    snprintf(command, sizeof command, "rm -r %s", r->dir);
    assert_int_equal(system(command), 0);
    free(r);
    return 0;
}

/* One operation of the test's own, waited for. */
struct work {
    struct dbq_op op;
    int (*what)(struct db *db, void *arg, struct err *e);
    void *arg;
    bool done;
    int rc;
};

static int run_work(struct db *db, struct dbq_op *op)
{
    struct work *w = container_of(op, struct work, op);

    return w->what(db, w->arg, &op->err);
}

static void work_done(struct dbq_op *op, int rc)
{
    struct work *w = container_of(op, struct work, op);

    w->rc = rc;
    w->done = true;
}

static void with_db(struct rig *r, int (*what)(struct db *db, void *arg, struct err *e), void *arg)
{
    struct work w = {.op = {.run = run_work, .done = work_done}, .what = what, .arg = arg};

    dbq_write(r->q, &w.op);
    run_until(r, &w.done);
    assert_int_equal(w.rc, 0);
}

static int add_names(struct db *db, void *arg, struct err *e)
{
    for (const char *const *name = arg; *name; name++) {
        struct guess g;
        struct found_file f = {.path = slice_of(*name), .size = 1, .mtime_ms = 1, .format = "mp4", .guess = &g};
        struct found_result result;
        int rc;
        title_parse(f.path, &g);
        rc = songs_found(db, &f, 1, 1000, &result, e);
        guess_deinit(&g);
        if (rc)
            return rc;
    }
    return 0;
}

static void judge_all(struct rig *r, bool all)
{
    r->idle = false;
    judge_wake(r->judge, all);
    run_until(r, &r->idle);
}

struct song_ask {
    const char *path;
    struct song song;
};

static int get_song(struct db *db, void *arg, struct err *e)
{
    struct song_ask *w = arg;
    int64_t id;
    int rc = songs_find_path(db, slice_of(w->path), &id, e);

    return rc ? rc : songs_get(db, id, &w->song, e);
}

static struct song song_at(struct rig *r, const char *path)
{
    struct song_ask w = {.path = path};

    with_db(r, get_song, &w);
    return w.song;
}

static const char *const fleet[] = {"/songs/Paper Boats - Zorvo Kelt.mp4", "/songs/Velvet Tide - Zorvo Kelt.mp4",
                                    "/songs/Amber Sail - Zorvo Kelt.mp4", "/songs/Cold Anchor - Zorvo Kelt.mp4",
                                    "/songs/Salt Lantern - Zorvo Kelt.mp4", NULL};

static void see_evidence(const struct evidence *v, void *arg)
{
    bool *seen = arg;

    if (strcmp(v->field, "artist") == 0 && v->chosen && strcmp(v->rule, "library") == 0 && strstr(v->reason, "stands beside"))
        *seen = true;
}

struct evidence_ask {
    int64_t id;
    bool seen;
};

static int ask_evidence(struct db *db, void *arg, struct err *e)
{
    struct evidence_ask *a = arg;

    return evidence_list(db, a->id, see_evidence, &a->seen, e);
}

static void the_library_decides_and_says_why(void **state)
{
    struct rig *r = *state;
    struct song s;
    struct evidence_ask ask = {0};
    struct judge_status status;

    with_db(r, add_names, (void *)fleet);
    s = song_at(r, fleet[0]);
    assert_string_equal(s.reason, "separator");
    song_deinit(&s);
    judge_all(r, false);
    s = song_at(r, fleet[0]);
    assert_string_equal(s.artist, "Zorvo Kelt");
    assert_string_equal(s.title, "Paper Boats");
    assert_string_equal(s.reason, "library");
    assert_int_equal(s.status, SONG_PARSED);
    assert_false(s.order_open);
    assert_true(s.confidence >= 0.70 && s.confidence <= 0.84);
    ask.id = s.id;
    song_deinit(&s);
    with_db(r, ask_evidence, &ask);
    assert_true(ask.seen);
    judge_status(r->judge, &status);
    assert_int_equal(status.names, 5);
    assert_int_equal(status.decided, 5);
}

static int edit_song(struct db *db, void *arg, struct err *e)
{
    struct song_edit edit = {.set = 1u << FIELD_ARTIST, .text = {[FIELD_ARTIST] = "Paper Boats"}};

    return songs_edit(db, *(int64_t *)arg, 0, &edit, 2000, NULL, e);
}

static void a_persons_edit_stays(void **state)
{
    struct rig *r = *state;
    struct song s;
    int64_t id;

    with_db(r, add_names, (void *)fleet);
    s = song_at(r, fleet[0]);
    id = s.id;
    song_deinit(&s);
    with_db(r, edit_song, &id);
    judge_all(r, false);
    s = song_at(r, fleet[0]);
    assert_string_equal(s.artist, "Paper Boats");
    assert_int_equal(s.status, SONG_MANUAL);
    song_deinit(&s);
    s = song_at(r, fleet[1]);
    assert_string_equal(s.artist, "Zorvo Kelt");
    song_deinit(&s);
}

static int set_absent(struct db *db, void *arg, struct err *e)
{
    for (const char *const *name = arg; *name; name++) {
        int64_t id;
        int rc = songs_find_path(db, slice_of(*name), &id, e);
        if (rc == 0)
            rc = songs_set_present(db, &id, 1, false, 3000, NULL, e);
        if (rc)
            return rc;
    }
    return 0;
}

static void what_rested_on_songs_that_went_is_open_again(void **state)
{
    struct rig *r = *state;
    struct song s;

    with_db(r, add_names, (void *)fleet);
    judge_all(r, false);
    with_db(r, set_absent, (void *)(fleet + 1));
    judge_all(r, true);
    s = song_at(r, fleet[0]);
    assert_string_equal(s.reason, "separator");
    assert_true(s.order_open);
    assert_true(s.confidence < 0.70);
    song_deinit(&s);
}

static void songs_that_come_later_settle_earlier_ones(void **state)
{
    struct rig *r = *state;
    static const char *const first[] = {"/songs/Paper Boats - Zorvo Kelt.mp4", NULL};
    struct song s;

    with_db(r, add_names, (void *)first);
    judge_all(r, false);
    s = song_at(r, first[0]);
    assert_string_equal(s.reason, "separator");
    song_deinit(&s);
    with_db(r, add_names, (void *)(fleet + 1));
    judge_all(r, false);
    s = song_at(r, first[0]);
    assert_string_equal(s.artist, "Zorvo Kelt");
    assert_string_equal(s.reason, "library");
    song_deinit(&s);
}

static void a_library_at_rest_takes_no_memory_and_is_read_anew_when_names_come(void **state)
{
    struct rig *r = *state;
    static const char *const first[] = {"/songs/Paper Boats - Zorvo Kelt.mp4", NULL};
    struct judge_status status;
    struct song s;

    with_db(r, add_names, (void *)first);
    judge_all(r, false);
    judge_status(r->judge, &status);
    assert_true(status.bytes > 0);
    judge_rest(r->judge);
    judge_status(r->judge, &status);
    assert_int_equal(status.bytes, 0);
    assert_int_equal(status.names, 1);
    judge_all(r, false);                     /* nothing new: it stays where it is */
    judge_status(r->judge, &status);
    assert_int_equal(status.bytes, 0);

    with_db(r, add_names, (void *)(fleet + 1));
    judge_all(r, false);                     /* its evidence meets the old name */
    judge_status(r->judge, &status);
    assert_true(status.bytes > 0);
    s = song_at(r, first[0]);
    assert_string_equal(s.artist, "Zorvo Kelt");
    assert_string_equal(s.reason, "library");
    song_deinit(&s);
    judge_rest(r->judge);
    judge_all(r, true);                      /* all rows are looked at: nothing is decided otherwise */
    judge_status(r->judge, &status);
    assert_true(status.names > 1);
    s = song_at(r, first[0]);
    assert_string_equal(s.reason, "library");
    song_deinit(&s);
}

static int give_up(struct db *db, void *arg, struct err *e)
{
    return queue_give_up(db, *(int64_t *)arg, 2000, e);
}

static int drop_others(struct db *db, void *arg, struct err *e)
{
    int rc = 0;

    for (int64_t id = 1; rc == 0 && id <= 5; id++)
        if (id != *(int64_t *)arg)
            rc = queue_drop(db, id, e);
    return rc;
}

static int see_next(struct db *db, void *arg, struct err *e)
{
    struct queue_item item;
    int64_t at;
    int n = queue_next(db, PROVIDER_LASTFM, 0, 3000, NULL, 0, 1, &item, &at, e);

    *(int64_t *)arg = n == 1 ? item.song_id : 0;
    if (n == 1)
        queue_item_deinit(&item);
    return n < 0 ? n : 0;
}

static void song_that_was_given_up_is_asked_for_by_its_new_names(void **state)
{
    struct rig *r = *state;
    static const char *const first[] = {"/songs/Paper Boats - Zorvo Kelt.mp4", NULL};
    struct song s;
    int64_t id, next;

    with_db(r, add_names, (void *)first);
    s = song_at(r, first[0]);
    id = s.id;
    song_deinit(&s);
    with_db(r, give_up, &id);
    with_db(r, see_next, &next);
    assert_int_equal(next, 0);
    with_db(r, add_names, (void *)(fleet + 1));
    judge_all(r, false);
    s = song_at(r, first[0]);
    assert_string_equal(s.artist, "Zorvo Kelt");
    song_deinit(&s);
    with_db(r, drop_others, &id);
    with_db(r, see_next, &next);
    assert_int_equal(next, id);
}

static uint64_t names_known(struct rig *r)
{
    struct judge_status status;

    judge_status(r->judge, &status);
    return status.names;
}

static void while_more_songs_come_it_decides_when_their_number_has_doubled(void **state)
{
    struct rig *r = *state;
    static const char *const one[] = {"/songs/Paper Boats - Zorvo Kelt.mp4", NULL};
    static const char *const two[] = {"/songs/Velvet Tide - Zorvo Kelt.mp4", "/songs/Amber Sail - Zorvo Kelt.mp4", NULL};
    static const char *const fourth[] = {"/songs/Cold Anchor - Zorvo Kelt.mp4", NULL};

    with_db(r, add_names, (void *)one);
    judge_more(r->judge);
    run_until(r, &r->idle);                  /* the first are decided at once */
    with_db(r, add_names, (void *)two);
    r->idle = false;
    judge_more(r->judge);
    run_until(r, &r->idle);
    assert_int_equal(names_known(r), 3);
    with_db(r, add_names, (void *)fourth);
    judge_more(r->judge);
    assert_true(judge_is_idle(r->judge));
    assert_int_equal(names_known(r), 3);
    judge_all(r, false);                     /* no more come */
    assert_int_equal(names_known(r), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_library_at_rest_takes_no_memory_and_is_read_anew_when_names_come, setup, teardown),
        cmocka_unit_test_setup_teardown(the_library_decides_and_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(while_more_songs_come_it_decides_when_their_number_has_doubled, setup, teardown),
        cmocka_unit_test_setup_teardown(a_persons_edit_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(what_rested_on_songs_that_went_is_open_again, setup, teardown),
        cmocka_unit_test_setup_teardown(songs_that_come_later_settle_earlier_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(song_that_was_given_up_is_asked_for_by_its_new_names, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
