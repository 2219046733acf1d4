/* The strands between loop and SQLite: order, groups, failures, closing. */
#include <uv.h>

#include "store_fixture.h"

#include "store/dbq.h"
#include "store/state.h"
#include "store/stmt.h"

#define OPS_MAX 2000

struct room {
    char dir[64], path[96];
    uv_loop_t loop;
    struct dbq *q;
    int opened_rc;
    bool opened, closed;
    int commits, done;
    int order[OPS_MAX];          /* numbers of operations as their done came */
    int64_t queued_at_commit;
};

/* One operation of a test: writes the setting "n.N", fails with `fail`, or runs `more`. */
struct step {
    struct dbq_op op;
    struct room *room;
    int n;
    int fail;
    bool in_call;
    int rc;
    int finished;                /* times done came */
    uv_thread_t thread;
    void (*then)(struct step *s);
    int64_t songs_seen;
};

static void on_opened(void *arg, int rc, const struct err *e)
{
    struct room *r = arg;

    (void)e;
    r->opened = true;
    r->opened_rc = rc;
}

static void on_closed(void *arg)
{
    ((struct room *)arg)->closed = true;
}

static void on_commit(void *arg)
{
    struct room *r = arg;

    r->commits++;
    r->queued_at_commit = dbq_counts(r->q)->queued;
}

static struct room *room_new(const char *file)
{
    struct room *r = mem_zalloc(sizeof *r);

    snprintf(r->dir, sizeof r->dir, "/tmp/songbook-dbq-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof r->path, "%s/%s", r->dir, file);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    return r;
}

static void room_open(struct room *r)
{
    r->q = dbq_open(&r->loop, r->path, on_opened, r);
    dbq_on_commit(r->q, on_commit, r);
    assert_false(r->opened);
    while (!r->opened)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static void room_close(struct room *r)
{
    dbq_close(r->q, on_closed, r);
    assert_false(r->closed);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_true(r->closed);
}

static void room_free(struct room *r)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    char name[128];

    assert_int_equal(uv_loop_close(&r->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", r->path, ends[i]);
        unlink(name);
    }
    rmdir(r->dir);
    free(r);
}

static int run_step(struct db *db, struct dbq_op *op)
{
    struct step *s = container_of(op, struct step, op);
    char key[32];

    s->thread = uv_thread_self();
    snprintf(key, sizeof key, "n.%d", s->n);
    if (settings_set(db, key, "x", NOW, &op->err))
        return ERR_BUG;
    return s->fail ? err_set(&op->err, s->fail, "step %d fails", s->n) : 0;
}

static void step_done(struct dbq_op *op, int rc)
{
    struct step *s = container_of(op, struct step, op);

    assert_false(s->in_call);
    s->rc = rc;
    s->finished++;
    s->room->order[s->room->done++] = s->n;
    if (s->then)
        s->then(s);
}

static void write_step(struct step *s, struct room *r, int n, int flags)
{
    if (!s->op.run)
        s->op.run = run_step;
    s->op.done = step_done;
    s->op.flags = flags;
    s->room = r;
    s->n = n;
    s->in_call = true;
    dbq_write(r->q, &s->op);
    s->in_call = false;
}

static void run_until(struct room *r, int done)
{
    while (r->done < done)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static void count_row(const char *key, const char *value, void *arg)
{
    (void)key;
    (void)value;
    ++*(int *)arg;
}

static int settings_stored(struct room *r)
{
    struct db *db;
    int n = 0;

    assert_int_equal(db_open(r->path, &db, NULL), 0);
    settings_each(db, count_row, &n, NULL);
    db_close(db);
    return n;
}

static void writes_finish_in_order_in_few_transactions(void **state)
{
    static struct step steps[1000];
    struct room *r = room_new("songbook.db");
    uv_thread_t self = uv_thread_self();

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    assert_int_equal(r->opened_rc, 0);
    for (int i = 0; i < 1000; i++)
        write_step(&steps[i], r, i, 0);
    run_until(r, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(r->order[i], i);
        assert_int_equal(steps[i].rc, 0);
        assert_int_equal(steps[i].finished, 1);
        assert_false(uv_thread_equal(&steps[i].thread, &self));
    }
    assert_true(dbq_stats(r->q).transactions >= 5 && dbq_stats(r->q).transactions < 1000);
    assert_int_equal(dbq_stats(r->q).writes, 1000);
    assert_int_equal(r->commits, dbq_stats(r->q).transactions);
    room_close(r);
    assert_int_equal(settings_stored(r), 1000);
    room_free(r);
}

static int in_flight, most_in_flight;

static int run_counted(struct db *db, struct dbq_op *op)
{
    int now = __atomic_add_fetch(&in_flight, 1, __ATOMIC_SEQ_CST), most = __atomic_load_n(&most_in_flight, __ATOMIC_SEQ_CST);
    struct step *s = container_of(op, struct step, op);

    while (now > most && !__atomic_compare_exchange_n(&most_in_flight, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    usleep(200);
    __atomic_sub_fetch(&in_flight, 1, __ATOMIC_SEQ_CST);
    return (db == NULL) == (s->n % 3 == 2) ? 0 : ERR_BUG;   /* only beside there is no connection */
}

static void three_strands_share_two_places_and_none_starves(void **state)
{
    static struct step steps[90];
    struct room *r = room_new("songbook.db");
    int worst[3] = {0}, last[3] = {-1, -1, -1};

    (void)state;
    memset(steps, 0, sizeof steps);
    most_in_flight = 0;
    room_open(r);
    for (int i = 0; i < 90; i++) {
        struct step *s = &steps[i];
        s->op = (struct dbq_op){.run = run_counted, .done = step_done, .flags = DBQ_ALONE};
        s->room = r;
        s->n = i;
        if (i % 3 == 0)
            dbq_write(r->q, &s->op);
        else if (i % 3 == 1)
            dbq_read(r->q, &s->op);
        else
            dbq_beside(r->q, &s->op);
    }
    run_until(r, 90);
    assert_true(most_in_flight <= 2);
    for (int i = 0; i < 90; i++) {
        int strand = r->order[i] % 3;
        if (i - last[strand] > worst[strand])
            worst[strand] = i - last[strand];
        last[strand] = i;
        assert_int_equal(steps[i].rc, 0);
        assert_int_equal(steps[i].finished, 1);
    }
    assert_true(worst[0] <= 24 && worst[1] <= 24 && worst[2] <= 24);   /* reads end eight at a time */
    room_close(r);
    room_free(r);
}

static void failing_operation_does_not_fail_its_neighbours(void **state)
{
    static struct step steps[20];
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    for (int i = 0; i < 20; i++) {
        steps[i].fail = i % 3 == 1 ? ERR_EXISTS : 0;
        write_step(&steps[i], r, i, i % 5 ? 0 : DBQ_DURABLE);
    }
    run_until(r, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(steps[i].rc, i % 3 == 1 ? ERR_EXISTS : 0);
    assert_string_equal(steps[4].op.err.text, "step 4 fails");
    room_close(r);
    assert_int_equal(settings_stored(r), 13);
    room_free(r);
}

static void urgent_goes_first_and_alone_goes_alone(void **state)
{
    static struct step steps[6];
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    write_step(&steps[0], r, 0, 0);   /* taken at once; the rest waits */
    write_step(&steps[1], r, 1, 0);
    write_step(&steps[2], r, 2, DBQ_ALONE);
    write_step(&steps[3], r, 3, 0);
    write_step(&steps[4], r, 4, DBQ_URGENT);
    write_step(&steps[5], r, 5, DBQ_URGENT);
    run_until(r, 6);
    assert_int_equal(r->order[0], 0);
    assert_int_equal(r->order[1], 4);
    assert_int_equal(r->order[2], 5);
    assert_int_equal(r->order[3], 1);
    assert_int_equal(r->order[4], 2);
    assert_int_equal(r->order[5], 3);
    assert_int_equal(dbq_stats(r->q).transactions, 4);
    room_close(r);
    room_free(r);
}

/* An operation that takes longer than a group may. */
static int run_slow(struct db *db, struct dbq_op *op)
{
    uint64_t end = uv_hrtime() + 60 * UINT64_C(1000000);

    while (uv_hrtime() < end) {
    }
    return run_step(db, op);
}

static void slow_group_is_cut_and_keeps_its_order(void **state)
{
    static struct step steps[5];
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    for (int i = 0; i < 5; i++) {
        steps[i].op.run = i < 3 ? run_slow : run_step;
        write_step(&steps[i], r, i, 0);
    }
    run_until(r, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(r->order[i], i);
    assert_true(dbq_stats(r->q).transactions >= 3);
    room_close(r);
    room_free(r);
}

static int run_add_song(struct db *db, struct dbq_op *op)
{
    struct step *s = container_of(op, struct step, op);
    struct guess g = guess_of("A", "B", 0.6);
    char path[32];
    struct found_file file = {.format = "mp4", .guess = &g};
    struct found_result r;

    snprintf(path, sizeof path, "/m/%d.mp4", s->n);
    file.path = slice_of(path);
    return songs_found(db, &file, 1, NOW, &r, &op->err);
}

static int run_count_songs(struct db *db, struct dbq_op *op)
{
    struct step *s = container_of(op, struct step, op);
    struct counts c;
    int rc = counts_read(db, &c, &op->err);

    s->songs_seen = rc ? -1 : c.total;
    return rc;
}

static void read_after_write(struct step *s)
{
    static struct step reading;

    assert_int_equal(dbq_counts(s->room->q)->total, 1);
    assert_int_equal(s->room->queued_at_commit, 1);
    memset(&reading, 0, sizeof reading);
    reading = (struct step){.op = {.run = run_count_songs, .done = step_done}, .room = s->room, .n = 99};
    dbq_read(s->room->q, &reading.op);
    s->songs_seen = (int64_t)(intptr_t)&reading;
}

static void reader_and_counts_see_a_write_when_it_is_done(void **state)
{
    static struct step step;
    struct room *r = room_new("songbook.db");

    (void)state;
    step = (struct step){.op = {.run = run_add_song, .done = step_done}, .room = r, .n = 1, .then = read_after_write};
    room_open(r);
    dbq_write(r->q, &step.op);
    run_until(r, 2);
    assert_int_equal(((struct step *)(intptr_t)step.songs_seen)->songs_seen, 1);
    assert_int_equal(dbq_stats(r->q).reads, 1);
    room_close(r);
    room_free(r);
}

/* Ends the transaction behind the queue's back, as SQLite does itself when the disk is full. */
static int run_lose_transaction(struct db *db, struct dbq_op *op)
{
    db_rollback(db);
    return err_set(&op->err, ERR_FULL, "no space left");
}

static int run_hide_counts(struct db *db, struct dbq_op *op)
{
    return db_exec(db, "ALTER TABLE counts RENAME TO hidden", &op->err);
}

static void counts_that_cannot_be_read_stay_what_they_were(void **state)
{
    struct room *r = room_new("songbook.db");
    struct step song = {.op.run = run_add_song}, hide = {.op.run = run_hide_counts};

    (void)state;
    room_open(r);
    write_step(&song, r, 1, 0);
    run_until(r, 1);
    assert_int_equal(dbq_counts(r->q)->total, 1);
    write_step(&hide, r, 2, 0);
    run_until(r, 2);
    assert_int_equal(hide.rc, 0);
    assert_int_equal(dbq_counts(r->q)->total, 1);
    assert_int_equal(dbq_counts(r->q)->queued, 1);
    room_close(r);
    room_free(r);
}

static void lost_transaction_fails_what_it_held_and_nothing_else(void **state)
{
    static struct step steps[5];
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    for (int i = 0; i < 5; i++) {
        steps[i].op.run = i == 2 ? run_lose_transaction : NULL;
        write_step(&steps[i], r, i, 0);
    }
    run_until(r, 5);
    assert_int_equal(steps[0].rc, 0);   /* its own transaction: it came first */
    assert_int_equal(steps[1].rc, ERR_FULL);
    assert_int_equal(steps[2].rc, ERR_FULL);
    assert_int_equal(steps[3].rc, 0);
    assert_int_equal(steps[4].rc, 0);
    room_close(r);
    assert_int_equal(settings_stored(r), 3);
    room_free(r);
}

static void closing_finishes_what_is_queued_and_refuses_more(void **state)
{
    static struct step steps[301];
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    for (int i = 0; i < 300; i++)
        write_step(&steps[i], r, i, 0);
    dbq_close(r->q, on_closed, r);
    write_step(&steps[300], r, 300, 0);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_true(r->closed);
    assert_int_equal(r->done, 301);
    for (int i = 0; i < 300; i++)
        assert_int_equal(steps[i].rc, 0);
    assert_int_equal(steps[300].rc, ERR_CLOSED);
    assert_int_equal(settings_stored(r), 300);
    room_free(r);
}

static void operations_may_come_before_it_is_open(void **state)
{
    static struct step step;
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(&step, 0, sizeof step);
    r->q = dbq_open(&r->loop, r->path, on_opened, r);
    write_step(&step, r, 7, 0);
    run_until(r, 1);
    assert_true(r->opened);
    assert_int_equal(step.rc, 0);
    room_close(r);
    room_free(r);
}

static void failed_opening_fails_operations_and_still_closes(void **state)
{
    static struct step steps[2];
    struct room *r = room_new("songbook.db");
    FILE *fp = fopen(r->path, "w");

    (void)state;
    fputs("not a database at all", fp);
    fclose(fp);
    memset(steps, 0, sizeof steps);
    r->q = dbq_open(&r->loop, r->path, on_opened, r);
    write_step(&steps[0], r, 0, 0);
    run_until(r, 1);
    assert_int_equal(r->opened_rc, ERR_DATABASE);
    assert_int_equal(steps[0].rc, ERR_DATABASE);
    write_step(&steps[1], r, 1, 0);
    run_until(r, 2);
    assert_int_equal(steps[1].rc, ERR_DATABASE);
    room_close(r);
    room_free(r);
}

static void full_above_the_mark(void **state)
{
    static struct step steps[OPS_MAX];
    struct room *r = room_new("songbook.db");

    (void)state;
    memset(steps, 0, sizeof steps);
    room_open(r);
    assert_false(dbq_is_full(r->q));
    for (int i = 0; i < 1500; i++)
        write_step(&steps[i], r, i, 0);
    assert_true(dbq_is_full(r->q));
    run_until(r, 1500);
    assert_false(dbq_is_full(r->q));
    room_close(r);
    room_free(r);
}

static void on_keeper(uv_timer_t *t)
{
    (void)t;
    fail_msg("nothing was tidied");
}

static void at_rest_the_wal_is_emptied_once_and_nothing_stays_armed(void **state)
{
    static struct step step;
    struct room *r = room_new("songbook.db");
    uv_timer_t keeper;   /* what else a daemon's loop waits for */
    struct stat st;
    char wal[128];

    (void)state;
    memset(&step, 0, sizeof step);
    room_open(r);
    uv_timer_init(&r->loop, &keeper);
    uv_timer_start(&keeper, on_keeper, 60000, 0);
    snprintf(wal, sizeof wal, "%s-wal", r->path);
    write_step(&step, r, 1, 0);
    run_until(r, 1);
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size > 0);
    while (stat(wal, &st) == 0 && st.st_size > 0)
        uv_run(&r->loop, UV_RUN_ONCE);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_true(uv_backend_timeout(&r->loop) > 10000);   /* only the keeper */
    uv_close((uv_handle_t *)&keeper, NULL);
    room_close(r);
    room_free(r);
}

/* --- patience -------------------------------------------------------------------------- */

#define FOR_EVER 100000000   /* ms: no test lasts so long, so what ends is not ended by the timer */

static void patient_operations_wait_and_go_with_the_next_other_one(void **state)
{
    struct room *r = room_new("songbook.db");
    struct step first = {0}, *held = mem_zalloc(5 * sizeof *held), other = {0};
    int before;

    (void)state;
    room_open(r);
    dbq_gather(r->q, FOR_EVER);
    write_step(&first, r, 0, DBQ_PATIENT);   /* nothing was written lately: at once */
    run_until(r, 1);
    before = r->commits;
    for (int i = 0; i < 5; i++)
        write_step(&held[i], r, 1 + i, DBQ_PATIENT);
    for (int i = 0; i < 10; i++)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_int_equal(r->done, 1);
    write_step(&other, r, 6, 0);
    run_until(r, 7);
    assert_int_equal(r->commits, before + 1);
    for (int i = 0; i < 7; i++)
        assert_int_equal(r->order[i], i);
    room_close(r);
    assert_int_equal(settings_stored(r), 7);
    free(held);
    room_free(r);
}

static void patience_ends_with_its_time(void **state)
{
    struct room *r = room_new("songbook.db");
    struct step *steps = mem_zalloc(6 * sizeof *steps);
    uint64_t began;

    (void)state;
    room_open(r);
    dbq_gather(r->q, 50);
    write_step(&steps[0], r, 0, DBQ_PATIENT);
    run_until(r, 1);
    uv_update_time(&r->loop);
    began = uv_now(&r->loop);
    for (int i = 1; i < 6; i++)
        write_step(&steps[i], r, i, DBQ_PATIENT);
    run_until(r, 6);
    assert_true(uv_now(&r->loop) - began < FOR_EVER);
    assert_true(r->commits <= 3);   /* a machine that stands still may part them once */
    room_close(r);
    free(steps);
    room_free(r);
}

static void closing_and_an_end_of_gathering_let_go_of_what_is_held(void **state)
{
    struct room *r = room_new("songbook.db");
    struct step *steps = mem_zalloc(4 * sizeof *steps);

    (void)state;
    room_open(r);
    dbq_gather(r->q, FOR_EVER);
    write_step(&steps[0], r, 0, 0);
    run_until(r, 1);
    write_step(&steps[1], r, 1, DBQ_PATIENT);
    dbq_gather(r->q, 0);
    run_until(r, 2);
    dbq_gather(r->q, FOR_EVER);
    write_step(&steps[2], r, 2, DBQ_PATIENT);
    write_step(&steps[3], r, 3, DBQ_PATIENT);
    room_close(r);
    assert_int_equal(r->done, 4);
    assert_int_equal(steps[3].rc, 0);
    assert_int_equal(settings_stored(r), 4);
    free(steps);
    room_free(r);
}

static void a_full_group_is_not_held(void **state)
{
    struct room *r = room_new("songbook.db");
    struct step first = {0}, *many = mem_zalloc(200 * sizeof *many);

    (void)state;
    room_open(r);
    dbq_gather(r->q, FOR_EVER);
    write_step(&first, r, 0, 0);
    run_until(r, 1);
    for (int i = 0; i < 200; i++)
        write_step(&many[i], r, 1 + i, DBQ_PATIENT);
    run_until(r, 2);
    dbq_gather(r->q, 0);
    run_until(r, 201);
    room_close(r);
    free(many);
    room_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_finish_in_order_in_few_transactions),
        cmocka_unit_test(three_strands_share_two_places_and_none_starves),
        cmocka_unit_test(failing_operation_does_not_fail_its_neighbours),
        cmocka_unit_test(urgent_goes_first_and_alone_goes_alone),
        cmocka_unit_test(slow_group_is_cut_and_keeps_its_order),
        cmocka_unit_test(reader_and_counts_see_a_write_when_it_is_done),
        cmocka_unit_test(counts_that_cannot_be_read_stay_what_they_were),
        cmocka_unit_test(lost_transaction_fails_what_it_held_and_nothing_else),
        cmocka_unit_test(closing_finishes_what_is_queued_and_refuses_more),
        cmocka_unit_test(operations_may_come_before_it_is_open),
        cmocka_unit_test(failed_opening_fails_operations_and_still_closes),
        cmocka_unit_test(full_above_the_mark),
        cmocka_unit_test(patient_operations_wait_and_go_with_the_next_other_one),
        cmocka_unit_test(patience_ends_with_its_time),
        cmocka_unit_test(closing_and_an_end_of_gathering_let_go_of_what_is_held),
        cmocka_unit_test(a_full_group_is_not_held),
        cmocka_unit_test(at_rest_the_wal_is_emptied_once_and_nothing_stays_armed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
