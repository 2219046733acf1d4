/* Forgetting what is old; see prune.h. Loop thread, except the run functions.
 *
 * One operation at a time walks the kinds below, each in steps, so that others write in between. */
#include "work/prune.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/answers.h"
#include "store/evidence.h"

#define STEP 2000                       /* rows that one operation looks at */
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

struct prune {
    const struct clock *clock;
    struct dbq *q;
    const struct config *config;
    uv_timer_t timer;
    struct dbq_op op;
    bool running, closing, closed;
    size_t kind;                        /* of the running operation */
    int64_t now_ms, changes_before_ms;
    struct changes_place changes_at;    /* where the next step goes on */
    char *answers_at;
    int64_t gone, total;                /* by the last step; of the kind */
    bool end;                           /* the kind has no more */
};

static int forget_changes(struct db *db, struct prune *p, struct err *e)
{
    return changes_forget(db, p->changes_before_ms, STEP, &p->changes_at, &p->gone, &p->end, e);
}

static int forget_answers(struct db *db, struct prune *p, struct err *e)
{
    int rc = answers_forget(db, p->now_ms, STEP, &p->answers_at, &p->gone, e);

    p->end = p->answers_at == NULL;
    return rc;
}

static const struct {
    const char *what;
    int (*step)(struct db *db, struct prune *p, struct err *e);
} kinds[] = {{"changes", forget_changes}, {"answers", forget_answers}};

static int prune_run(struct db *db, struct dbq_op *op)
{
    struct prune *p = container_of(op, struct prune, op);

    p->gone = 0;
    return kinds[p->kind].step(db, p, &op->err);
}

static void free_when_done(struct prune *p)
{
    if (p->closed && !p->running) {
        free(p->answers_at);
        free(p);
    }
}

static void next_kind(struct prune *p)
{
    if (p->total)
        log_info("prune", "forgot %s that are too old n=%lld", kinds[p->kind].what, (long long)p->total);
    p->total = 0;
    p->kind++;
}

static void prune_done(struct dbq_op *op, int rc)
{
    struct prune *p = container_of(op, struct prune, op);

    p->total += rc == 0 ? p->gone : 0;
    if (rc)
        log_warn("prune", "old %s stay for another day: %s", kinds[p->kind].what, err_text(&op->err));
    if (rc || p->end)
        next_kind(p);
    p->running = p->kind < ARRAY_LEN(kinds) && !p->closing;
    if (p->running)
        dbq_write(p->q, &p->op);
    else
        free_when_done(p);
}

static void on_timer(uv_timer_t *t)
{
    struct prune *p = t->data;

    if (p->running || p->closing)
        return;
    p->now_ms = clock_wall(p->clock);
    p->changes_before_ms = p->now_ms - (int64_t)config_number(p->config, OPT_CHANGES_KEEP_DAYS) * DAY_MS;
    p->changes_at = (struct changes_place){0};
    free(p->answers_at);
    p->answers_at = NULL;
    p->kind = 0;
    p->running = true;
    dbq_write(p->q, &p->op);
}

struct prune *prune_new(uv_loop_t *loop, const struct clock *clock, struct dbq *q, const struct config *config)
{
    struct prune *p = mem_zalloc(sizeof *p);

    *p = (struct prune){.clock = clock, .q = q, .config = config, .op = {.run = prune_run, .done = prune_done}};
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_timer, 0, (uint64_t)DAY_MS);
    uv_unref((uv_handle_t *)&p->timer);
    return p;
}

static void on_closed(uv_handle_t *h)
{
    struct prune *p = h->data;

    p->closed = true;
    free_when_done(p);
}

void prune_close(struct prune *p)
{
    p->closing = true;
    uv_close((uv_handle_t *)&p->timer, on_closed);
}
