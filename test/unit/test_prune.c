/* What is old is forgotten, in steps that let others write. */
#include <uv.h>

#include "store_fixture.h"

#include "store/stmt.h"
#include "work/prune.h"

struct room {
    char dir[64], path[96];
    uv_loop_t loop;
    struct clock clock;
    struct config *config;
    struct dbq *q;
    struct prune *prune;
};

static void on_opened(void *arg, int rc, const struct err *e)
{
    (void)e;
    assert_int_equal(rc, 0);
    *(bool *)arg = true;
}

static void turn_until(struct room *r, const bool *done)
{
    while (!*done)
        uv_run(&r->loop, UV_RUN_ONCE);
}

struct query {
    struct dbq_op op;
    const char *sql;
    int64_t n;
    bool done;
};

static int query_run(struct db *db, struct dbq_op *op)
{
    struct query *q = container_of(op, struct query, op);
    struct stmt s = stmt_of_text(db, q->sql, &op->err);
    int rc = stmt_run_int(&s, &q->n);

    return rc < 0 ? rc : 0;
}

static void query_done(struct dbq_op *op, int rc)
{
    assert_int_equal(rc, 0);
    container_of(op, struct query, op)->done = true;
}

/* Runs one statement as a write, and gives its number. */
static int64_t query(struct room *r, const char *sql)
{
    struct query q = {.op = {.run = query_run, .done = query_done}, .sql = sql};

    dbq_write(r->q, &q.op);
    turn_until(r, &q.done);
    return q.n;
}

static int setup(void **state)
{
    struct room *r = mem_zalloc(sizeof *r);
    bool opened = false;

    snprintf(r->dir, sizeof r->dir, "/tmp/songbook-prune-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof r->path, "%s/songbook.db", r->dir);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    r->clock = clock_manual();
    r->config = config_new();
    r->q = dbq_open(&r->loop, r->path, on_opened, &opened);
    turn_until(r, &opened);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    struct room *r = *state;
    char name[128];

    if (r->prune)
        prune_close(r->prune);
    dbq_close(r->q, NULL, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    config_free(r->config);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", r->path, ends[i]);
        unlink(name);
    }
    rmdir(r->dir);
    free(r);
    return 0;
}

/* 1,500 answers that found nothing a year ago and 1,500 of now, and as many changes of the worker. */
static void seed(struct room *r)
{
    query(r, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
             " INSERT INTO answers SELECT 'lastfm', printf('a%04d' || char(31) || 'b', i),"
             " 1700000000000 - (i % 2) * 366 * 86400000, NULL FROM n");
    query(r, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
             " INSERT INTO changes(batch, song_id, at_ms, actor, field)"
             " SELECT i, 1, 1700000000000 - (i % 2) * 366 * 86400000, 'worker', 'artist' FROM n");
}

static const char left[] = "SELECT (SELECT count(*) FROM answers) * 10000 + (SELECT count(*) FROM changes)";

static void what_is_old_is_forgotten_in_steps(void **state)
{
    struct room *r = *state;
    uint64_t before;

    seed(r);
    before = dbq_stats(r->q).writes;
    r->prune = prune_new(&r->loop, &r->clock, r->q, r->config);
    while (query(r, left) != 15001500)   /* each look is a write that waits its turn among the steps */
        assert_true(dbq_stats(r->q).writes - before < 200);
    assert_true(dbq_stats(r->q).writes - before >= 5);
}

static void the_end_stops_it_between_two_steps(void **state)
{
    struct room *r = *state;
    int64_t n;

    seed(r);
    r->prune = prune_new(&r->loop, &r->clock, r->q, r->config);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    prune_close(r->prune);
    r->prune = NULL;
    n = query(r, left);
    assert_true(n > 15001500);
    assert_int_equal(query(r, left), n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_old_is_forgotten_in_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_stops_it_between_two_steps, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
