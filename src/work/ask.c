/* What a person asks of the worker beside its queue: one song now, one test request. At most ASKS_MAX songs and one test a
 * provider at a time; everything is answered once, later. Loop thread only. */
#include "work/enrich_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ASK_PATIENCE_MS 20000

/* --- one song, now --------------------------------------------------------------------- */

static void on_ask_timer_closed(uv_handle_t *h)
{
    struct ask *a = h->data;
    struct enrich *w = a->w;

    a->done(a->arg, a->rc);
    free(a);
    enrich_release(w);
}

void ask_finish(struct ask *a, int rc)
{
    if (a->finished)
        return;
    a->finished = true;
    a->rc = rc;
    list_del(&a->link);
    if (!a->queued)
        return;   /* ask_done closes it */
    uv_close((uv_handle_t *)&a->timer, on_ask_timer_closed);
}

static void on_ask_timer(uv_timer_t *t)
{
    ask_finish(t->data, ERR_TIMEOUT);
}

static int run_ask(struct db *db, struct dbq_op *op)
{
    struct ask *a = container_of(op, struct ask, op);
    struct queue_result r;
    int rc = queue_add(db, &a->song_id, 1, QUEUE_ASKED, true, clock_wall(a->w->d.clock), &r, &op->err);

    return rc == 0 && r.unknown ? err_set(&op->err, ERR_NOT_FOUND, "there is no song %lld", (long long)a->song_id) : rc;
}

static void ask_done(struct dbq_op *op, int rc)
{
    struct ask *a = container_of(op, struct ask, op);

    a->queued = true;
    if (a->finished || rc) {
        a->rc = a->finished ? a->rc : rc;
        a->finished = true;
        list_del(&a->link);
        uv_close((uv_handle_t *)&a->timer, on_ask_timer_closed);
        return;
    }
    uv_update_time(a->w->d.loop);
    uv_timer_start(&a->timer, on_ask_timer, ASK_PATIENCE_MS, 0);
    enrich_wake(a->w);
}

static int run_unavailable(struct db *db, struct dbq_op *op)
{
    (void)db;
    (void)op;
    return ERR_UNAVAILABLE;
}

static int run_busy(struct db *db, struct dbq_op *op)
{
    (void)db;
    return err_set(&op->err, ERR_BUSY, "%d songs are asked for already", ASKS_MAX);
}

static int count_asks(const struct enrich *w)
{
    int n = 0;

    list_each_safe(pos, tmp, &w->asks)
        n++;
    return n;
}

void enrich_ask(struct enrich *w, int64_t song_id, void (*done)(void *arg, int rc), void *arg)
{
    struct ask *a = mem_zalloc(sizeof *a);
    bool full = count_asks(w) >= ASKS_MAX;

    a->w = w;
    a->song_id = song_id;
    a->done = done;
    a->arg = arg;
    uv_timer_init(w->d.loop, &a->timer);
    a->timer.data = a;
    list_add(&w->asks, &a->link);
    a->op = (struct dbq_op){.run = run_ask, .done = ask_done, .flags = DBQ_URGENT};
    if (!enrich_is_running(w) || enrich_usable(w) == 0)
        a->op.run = run_unavailable;
    else if (full)
        a->op.run = run_busy;
    w->open++;
    dbq_write(w->d.q, &a->op);
}

/* --- one test request ------------------------------------------------------------------ */

struct refusal {
    uv_timer_t timer;
    struct enrich *w;
    int rc;
    char kind[16], detail[160];
    test_cb done;
    void *arg;
};

static void on_refusal_closed(uv_handle_t *h)
{
    struct refusal *r = container_of((uv_timer_t *)h, struct refusal, timer);
    struct enrich *w = r->w;

    r->done(r->arg, r->rc, r->kind, r->detail);
    free(r);
    enrich_release(w);
}

/* Answers later, as promised, although nothing is asked. */
static void refuse_test(struct enrich *w, int rc, const char *kind, const char *detail, test_cb done, void *arg)
{
    struct refusal *r = mem_zalloc(sizeof *r);

    r->w = w;
    r->rc = rc;
    r->done = done;
    r->arg = arg;
    snprintf(r->kind, sizeof r->kind, "%s", kind);
    snprintf(r->detail, sizeof r->detail, "%s", detail);
    uv_timer_init(w->d.loop, &r->timer);
    w->open++;
    uv_close((uv_handle_t *)&r->timer, on_refusal_closed);
}

/* A client that went away leaves its test behind: without a bound a page that is reloaded would fill the lane with them. */
static bool is_tested(const struct lane *l)
{
    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j->lane == l && j->test_done)
            return true;
    }
    return false;
}

/* Why it rests, in the words of an answer. */
static void refuse_resting(struct lane *l, test_cb done, void *arg)
{
    const char *word = lane_word(l);

    if (strcmp(word, "offline") == 0)
        refuse_test(l->w, 0, word, "it cannot be reached now", done, arg);
    else if (strcmp(word, "failing") == 0)
        refuse_test(l->w, 0, "failed", "it failed several times in a row", done, arg);
    else
        refuse_test(l->w, 0, "refused", "it asked us to wait; try again later", done, arg);
}

void enrich_test(struct enrich *w, int provider, void (*done)(void *arg, int rc, const char *kind, const char *detail), void *arg)
{
    struct lane *l = provider >= 0 && provider < PROVIDER_COUNT ? &w->lanes[provider] : NULL;

    if (!l || !l->p)
        refuse_test(w, ERR_NOT_FOUND, "not_found", "there is no such provider", done, arg);
    else if (l->state == LANE_DISABLED || l->state == LANE_NEEDS_KEY)
        refuse_test(w, 0, lane_word(l), l->state == LANE_DISABLED ? "it is switched off" : "it needs a key", done, arg);
    else if (is_tested(l))
        refuse_test(w, ERR_BUSY, "busy", "it is being tested already", done, arg);
    else if (lane_is_blocked(l))
        refuse_resting(l, done, arg);
    else
        job_start(job_new_test(l, done, arg));
}
