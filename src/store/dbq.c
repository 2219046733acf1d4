/* Operations between the loop and SQLite; see dbq.h.
 *
 * Everything here runs on the loop thread except run_task and what it calls, which run on a pool thread while the strand is
 * busy. A busy strand's group, connection and results belong to that thread; the rest of it to the loop.
 */
#include "store/dbq.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define GROUP_MAX 200        /* operations in a transaction */
#define GROUP_MS 50          /* after which the rest waits for the next one */
#define READS_MAX 8          /* reads in one work item */
#define ITEMS_MAX 2          /* work items of all strands on the pool */
#define WRITER_FULL 1000
#define READER_FULL 500
#define QUIET_MS 2000        /* without work until the connections are tidied */

enum task { TASK_NONE, TASK_OPEN, TASK_GROUP, TASK_TIDY, TASK_CLOSE };

struct strand {
    struct dbq *q;
    struct db *db;
    uv_work_t work;
    enum task task;              /* TASK_NONE: not busy */
    struct list urgent, waiting; /* not started */
    size_t n_waiting;
    struct list group;           /* of the running work item */
    size_t ran;                  /* operations of the group that were run */
    bool committed;
    bool used;                   /* something ran since the last tidy */
    uint64_t ms;                 /* that the group took */
    uint64_t turn;               /* when it last began: the strand that waited longest is next */
};

struct dbq {
    uv_loop_t *loop;
    char *path;
    void (*opened)(void *arg, int rc, const struct err *e);
    void *opened_arg;
    void (*closed)(void *arg);
    void *closed_arg;
    void (*on_commit)(void *arg);
    void *on_commit_arg;
    struct strand writer, reader, beside;
    uint64_t turns;
    struct counts counts;        /* loop's copy */
    struct counts fresh;         /* read by the writer after its commit */
    int open_rc;                 /* loop's copy of what opening came to */
    struct err open_err;
    int opening_rc;              /* the pool thread's, while it opens */
    struct err opening_err;
    bool ready, closing, delivering;
    uv_timer_t later;            /* delivers what was refused, in a later turn */
    uv_timer_t gather;           /* ends the waiting of patient operations */
    uint64_t gather_ms;
    uint64_t last_write;         /* loop time at which the writer's last group began; 0 never */
    struct list refused;
    uv_timer_t quiet;
    int handles;
    struct dbq_stats stats;
};

static void kick(struct dbq *q);

static struct dbq_op *op_of(struct list *s)
{
    return container_of(s, struct dbq_op, link);
}

/* --- on the pool ---------------------------------------------------------------------- */

static int run_in_savepoint(struct db *db, struct dbq_op *op)
{
    int rc = db_savepoint(db, &op->err);

    if (rc)
        return rc;
    rc = op->run(db, op);
    if (rc == 0)
        rc = db_release(db, &op->err);
    if (rc)
        db_rollback_to(db);
    return rc;
}

static void fail_op(struct dbq_op *op, int rc, const struct err *e)
{
    op->rc = rc;
    op->err = *e;
}

/* Without neighbours the transaction is savepoint enough. For a large group that matters: SQLite would keep a copy of every
 * page it changes and walk through the copies at each statement. A failure rolls back and begins anew, so that the commit that
 * follows is the same for all. */
static int run_single(struct db *db, struct dbq_op *op)
{
    int rc = op->run(db, op), again;

    if (rc == 0 || !db_in_transaction(db))
        return rc;
    db_rollback(db);
    again = db_begin(db, false, &op->err);
    return again ? again : rc;
}

/* The first `n` of the group that had succeeded now share the transaction's failure. */
static void fail_group(struct strand *s, size_t n, int rc, const struct err *e)
{
    for (struct list *i = s->group.next; i != &s->group && n; i = i->next, n--)
        if (op_of(i)->rc == 0)
            fail_op(op_of(i), rc, e);
}

static bool is_durable(const struct strand *s)
{
    for (struct list *i = s->group.next; i != &s->group; i = i->next)
        if (op_of(i)->flags & DBQ_DURABLE)
            return true;
    return false;
}

static void write_group(struct strand *s)
{
    uint64_t start = uv_hrtime();
    bool single = s->group.next == s->group.prev;
    struct err e = {0};
    int rc = db_begin(s->db, is_durable(s), &e);

    for (struct list *i = s->group.next; i != &s->group; i = i->next) {
        struct dbq_op *op = op_of(i);
        if (rc == 0 && s->ran && uv_hrtime() - start > GROUP_MS * UINT64_C(1000000))
            break;
        s->ran++;
        if (rc) {
            fail_op(op, rc, &e);
            continue;
        }
        op->rc = single ? run_single(s->db, op) : run_in_savepoint(s->db, op);
        if (!db_in_transaction(s->db)) {   /* SQLite has undone the others, too */
            rc = op->rc ? op->rc : ERR_BUG;
            e = op->err;
            break;
        }
    }
    if (rc == 0)
        rc = db_commit(s->db, &e);
    if (rc) {
        db_rollback(s->db);
        fail_group(s, s->ran, rc, &e);
    }
    s->committed = rc == 0;
    if (s->committed && counts_read(s->db, &s->q->fresh, &e))
        log_error("store", "counts could not be read: %s", err_text(&e));
    s->ms = (uv_hrtime() - start) / 1000000;
}

static void read_group(struct strand *s)
{
    for (struct list *i = s->group.next; i != &s->group; i = i->next) {
        struct dbq_op *op = op_of(i);
        s->ran++;
        op->rc = db_begin(s->db, false, &op->err);
        if (op->rc)
            continue;
        op->rc = op->run(s->db, op);
        db_rollback(s->db);   /* nothing to keep; ends the snapshot so that the WAL can be reset */
    }
}

static void beside_group(struct strand *s)
{
    struct dbq_op *op = op_of(s->group.next);

    s->ran++;
    op->rc = op->run(NULL, op);
}

static void open_both(struct dbq *q)
{
    q->opening_rc = db_open(q->path, &q->writer.db, &q->opening_err);
    if (q->opening_rc == 0)
        q->opening_rc = counts_read(q->writer.db, &q->fresh, &q->opening_err);
    if (q->opening_rc == 0)
        q->opening_rc = db_open_reader(q->path, &q->reader.db, &q->opening_err);
}

static void tidy(struct strand *s)
{
    db_tidy(s->db);
#ifdef __GLIBC__
    malloc_trim(0);   /* pages freed on pool threads otherwise stay with their arenas */
#endif
}

static void run_task(uv_work_t *work)
{
    struct strand *s = container_of(work, struct strand, work);

    switch (s->task) {
    case TASK_OPEN:
        open_both(s->q);
        break;
    case TASK_GROUP:
        if (s == &s->q->writer)
            write_group(s);
        else if (s == &s->q->reader)
            read_group(s);
        else
            beside_group(s);
        break;
    case TASK_TIDY:
        tidy(s);
        break;
    case TASK_CLOSE:   /* the writer last: closing it checkpoints */
        db_close(s->q->reader.db);
        db_close(s->q->writer.db);
        s->q->reader.db = s->q->writer.db = NULL;
        break;
    case TASK_NONE:
        break;
    }
}

/* --- on the loop: what ended ---------------------------------------------------------- */

/* Moves all of `from` behind `to`. */
static void list_take_all(struct list *from, struct list *to)
{
    list_each_safe(i, tmp, from) {
        list_del(i);
        list_add(to, i);
    }
}

/* Operations for which there was no time come first again, in their order. */
static void put_back(struct strand *s, struct list *rest)
{
    while (!list_is_empty(rest)) {
        struct list *last = rest->prev;
        struct dbq_op *op = op_of(last);
        list_del(last);
        list_add_before((op->flags & DBQ_URGENT ? &s->urgent : &s->waiting)->next, last);
        s->n_waiting++;
    }
}

static void deliver(struct dbq *q, struct list *done)
{
    q->delivering = true;   /* what callbacks queue becomes one group */
    while (!list_is_empty(done)) {
        struct dbq_op *op = op_of(done->next);
        list_del(&op->link);
        op->done(op, op->rc);
    }
    q->delivering = false;
}

static void group_ended(struct strand *s)
{
    struct dbq *q = s->q;
    struct list done;
    bool writes = s == &q->writer, reads = s == &q->reader;

    list_init(&done);
    for (; s->ran; s->ran--) {
        struct list *first = s->group.next;
        list_del(first);
        list_add(&done, first);
        q->stats.writes += writes;
        q->stats.reads += reads;
    }
    put_back(s, &s->group);
    s->used = writes || reads;
    if (writes) {
        q->stats.transactions++;
        if (s->ms > q->stats.worst_transaction_ms)
            q->stats.worst_transaction_ms = s->ms;
    }
    if (writes && s->committed) {
        q->counts = q->fresh;
        if (q->on_commit)
            q->on_commit(q->on_commit_arg);
    }
    deliver(q, &done);
}

static void refuse_all(struct dbq *q, struct strand *s, int rc, const struct err *e)
{
    struct list all;

    list_init(&all);
    list_take_all(&s->urgent, &all);
    list_take_all(&s->waiting, &all);
    s->n_waiting = 0;
    for (struct list *i = all.next; i != &all; i = i->next)
        fail_op(op_of(i), rc, e);
    deliver(q, &all);
}

static void open_ended(struct dbq *q)
{
    q->open_rc = q->opening_rc;
    q->open_err = q->opening_err;
    q->ready = q->open_rc == 0;
    q->counts = q->fresh;
    q->opened(q->opened_arg, q->open_rc, &q->open_err);
    if (!q->ready) {
        refuse_all(q, &q->writer, q->open_rc, &q->open_err);
        refuse_all(q, &q->reader, q->open_rc, &q->open_err);
        refuse_all(q, &q->beside, q->open_rc, &q->open_err);
    }
}

static void on_handle_closed(uv_handle_t *h)
{
    struct dbq *q = h->data;

    if (--q->handles)
        return;
    deliver(q, &q->refused);   /* what came while the handles closed */
    if (q->closed)
        q->closed(q->closed_arg);
    free(q->path);
    free(q);
}

static void close_ended(struct dbq *q)
{
    deliver(q, &q->refused);
    uv_close((uv_handle_t *)&q->later, on_handle_closed);
    uv_close((uv_handle_t *)&q->quiet, on_handle_closed);
    uv_close((uv_handle_t *)&q->gather, on_handle_closed);
}

static bool is_idle(const struct strand *s)
{
    return s->task == TASK_NONE && s->n_waiting == 0;
}

static void on_task_ended(uv_work_t *work, int status)
{
    struct strand *s = container_of(work, struct strand, work);
    struct dbq *q = s->q;
    enum task task = s->task;

    (void)status;   /* nothing cancels */
    s->task = TASK_NONE;
    if (task == TASK_CLOSE) {
        close_ended(q);
        return;
    }
    if (task == TASK_OPEN)
        open_ended(q);
    else if (task == TASK_GROUP)
        group_ended(s);
    else
        s->used = false;
    /* a look at the other database once a second must not keep ours from its rest */
    if (s == &q->beside && is_idle(&q->writer) && is_idle(&q->reader) && is_idle(s) && uv_is_active((uv_handle_t *)&q->quiet))
        return;
    kick(q);
}

/* --- on the loop: what starts --------------------------------------------------------- */

static void start(struct strand *s, enum task task)
{
    int rc;

    s->task = task;
    s->turn = ++s->q->turns;
    s->ran = 0;
    rc = uv_queue_work(s->q->loop, &s->work, run_task, on_task_ended);
    if (rc)
        bug("store: no work item: %s", uv_strerror(rc));
}

/* Fills the group: urgent ones first, and an operation that wants to be alone by itself. */
static void take_group(struct strand *s, size_t max)
{
    for (size_t n = 0; n < max; n++) {
        struct list *from = list_is_empty(&s->urgent) ? &s->waiting : &s->urgent, *first = from->next;
        if (first == from || (n && op_of(first)->flags & DBQ_ALONE))
            return;
        list_del(first);
        list_add(&s->group, first);
        s->n_waiting--;
        if (op_of(first)->flags & DBQ_ALONE)
            return;
    }
}

static int items(const struct dbq *q)
{
    return (q->writer.task != TASK_NONE) + (q->reader.task != TASK_NONE) + (q->beside.task != TASK_NONE);
}

static void on_gathered(uv_timer_t *t)
{
    kick(t->data);
}

/* Only patient operations wait, and not for long enough. */
static bool holds_for_company(struct dbq *q)
{
    struct strand *s = &q->writer;
    uint64_t now = uv_now(q->loop);

    if (!q->gather_ms || !q->last_write || q->closing || !list_is_empty(&s->urgent) || s->n_waiting >= GROUP_MAX ||
        now - q->last_write >= q->gather_ms)
        return false;
    for (struct list *i = s->waiting.next; i != &s->waiting; i = i->next)
        if (!(op_of(i)->flags & DBQ_PATIENT))
            return false;
    if (s->n_waiting && !uv_is_active((uv_handle_t *)&q->gather))
        uv_timer_start(&q->gather, on_gathered, q->last_write + q->gather_ms - now, 0);
    return true;
}

static struct strand *next_strand(struct dbq *q)
{
    struct strand *strands[] = {&q->writer, &q->reader, &q->beside}, *next = NULL;

    for (size_t i = 0; i < ARRAY_LEN(strands); i++)
        if (strands[i]->task == TASK_NONE && strands[i]->n_waiting && (!next || strands[i]->turn < next->turn) &&
            (i || !holds_for_company(q)))
            next = strands[i];
    return next;
}

static void kick_strands(struct dbq *q)
{
    struct strand *s;

    while (items(q) < ITEMS_MAX && (s = next_strand(q))) {
        if (s == &q->writer) {
            uv_timer_stop(&q->gather);
            q->last_write = uv_now(q->loop);
        }
        take_group(s, s == &q->writer ? GROUP_MAX : s == &q->reader ? READS_MAX : 1);
        start(s, TASK_GROUP);
    }
}

static void on_quiet(uv_timer_t *t)
{
    struct dbq *q = t->data;
    struct strand *strands[] = {&q->writer, &q->reader};

    for (size_t i = 0; i < ARRAY_LEN(strands); i++)
        if (is_idle(strands[i]) && strands[i]->used && items(q) < ITEMS_MAX)
            start(strands[i], TASK_TIDY);
}

static void kick(struct dbq *q)
{
    if (q->delivering || q->writer.task == TASK_OPEN || q->writer.task == TASK_CLOSE)
        return;
    if (q->ready)
        kick_strands(q);
    if (!is_idle(&q->writer) || !is_idle(&q->reader) || !is_idle(&q->beside))
        return;
    if (q->closing)
        start(&q->writer, TASK_CLOSE);
    else if (q->writer.used || q->reader.used)
        uv_timer_start(&q->quiet, on_quiet, QUIET_MS, 0);
}

static void on_later(uv_timer_t *t)
{
    struct dbq *q = t->data;
    struct list all;

    list_init(&all);
    list_take_all(&q->refused, &all);
    deliver(q, &all);
    kick(q);
}

static void submit(struct dbq *q, struct strand *s, struct dbq_op *op)
{
    op->rc = 0;
    op->err = (struct err){0};
    if (q->closing || q->open_rc) {
        fail_op(op, q->closing ? ERR_CLOSED : q->open_rc, q->closing ? &op->err : &q->open_err);
        list_add(&q->refused, &op->link);
        if (!uv_is_closing((uv_handle_t *)&q->later))
            uv_timer_start(&q->later, on_later, 0, 0);
        return;
    }
    list_add(op->flags & DBQ_URGENT ? &s->urgent : &s->waiting, &op->link);
    s->n_waiting++;
    kick(q);
}

/* --- life ----------------------------------------------------------------------------- */

static void strand_init(struct strand *s, struct dbq *q)
{
    s->q = q;
    list_init(&s->urgent);
    list_init(&s->waiting);
    list_init(&s->group);
}

struct dbq *dbq_open(uv_loop_t *loop, const char *path, void (*opened)(void *arg, int rc, const struct err *e), void *arg)
{
    struct dbq *q = mem_zalloc(sizeof *q);

    q->loop = loop;
    q->path = mem_strdup(path);
    q->opened = opened;
    q->opened_arg = arg;
    strand_init(&q->writer, q);
    strand_init(&q->reader, q);
    strand_init(&q->beside, q);
    list_init(&q->refused);
    uv_timer_init(loop, &q->later);
    uv_timer_init(loop, &q->quiet);
    uv_unref((uv_handle_t *)&q->quiet);
    uv_timer_init(loop, &q->gather);   /* keeps the loop alive: what it holds is owed */
    q->later.data = q->quiet.data = q->gather.data = q;
    q->handles = 3;
    start(&q->writer, TASK_OPEN);
    return q;
}

void dbq_close(struct dbq *q, void (*closed)(void *arg), void *arg)
{
    if (q->closing)
        bug("store: closed twice");
    q->closing = true;
    q->closed = closed;
    q->closed_arg = arg;
    uv_timer_stop(&q->quiet);
    kick(q);
}

void dbq_write(struct dbq *q, struct dbq_op *op)
{
    submit(q, &q->writer, op);
}

void dbq_read(struct dbq *q, struct dbq_op *op)
{
    submit(q, &q->reader, op);
}

void dbq_beside(struct dbq *q, struct dbq_op *op)
{
    submit(q, &q->beside, op);
}

void dbq_gather(struct dbq *q, uint64_t ms)
{
    q->gather_ms = ms;
    uv_timer_stop(&q->gather);
    kick(q);
}

/* --- inspection ----------------------------------------------------------------------- */

bool dbq_is_full(const struct dbq *q)
{
    return q->writer.n_waiting > WRITER_FULL || q->reader.n_waiting > READER_FULL;
}

const struct counts *dbq_counts(const struct dbq *q)
{
    return &q->counts;
}

void dbq_on_commit(struct dbq *q, void (*committed)(void *arg), void *arg)
{
    q->on_commit = committed;
    q->on_commit_arg = arg;
}

struct dbq_stats dbq_stats(const struct dbq *q)
{
    struct dbq_stats s = q->stats;

    s.waiting_writes = q->writer.n_waiting;
    s.waiting_reads = q->reader.n_waiting;
    return s;
}
