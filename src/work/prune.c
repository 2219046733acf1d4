/* Forgetting what is old; see prune.h. Loop thread, except prune_run and answers_run. */
#include "work/prune.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/answers.h"
#include "store/evidence.h"

#define STEP 1000                       /* rows of one operation */
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

struct prune {
    const struct clock *clock;
    struct dbq *q;
    const struct config *config;
    uv_timer_t timer;
    struct dbq_op op;
    bool running, closing, closed;
    int64_t before_ms, deleted, total;
    struct {
        struct dbq_op op;
        bool running;
        int64_t now_ms;
        char *place;                    /* where the next step goes on */
        int64_t deleted, total;
    } answers;
};

static int prune_run(struct db *db, struct dbq_op *op)
{
    struct prune *p = container_of(op, struct prune, op);

    return changes_forget(db, p->before_ms, STEP, &p->deleted, &op->err);
}

static void free_when_done(struct prune *p)
{
    if (p->closed && !p->running && !p->answers.running) {
        free(p->answers.place);
        free(p);
    }
}

static void prune_done(struct dbq_op *op, int rc)
{
    struct prune *p = container_of(op, struct prune, op);

    p->running = false;
    p->total += rc == 0 ? p->deleted : 0;
    if (rc)
        log_warn("prune", "old changes stay for another day: %s", err_text(&op->err));
    if (rc == 0 && p->deleted == STEP && !p->closing) {
        p->running = true;
        dbq_write(p->q, &p->op);
        return;
    }
    if (p->total)
        log_info("prune", "forgot old changes of the worker n=%lld", (long long)p->total);
    p->total = 0;
    free_when_done(p);
}

static int answers_run(struct db *db, struct dbq_op *op)
{
    struct prune *p = container_of(op, struct prune, answers.op);

    return answers_forget(db, p->answers.now_ms, STEP, &p->answers.place, &p->answers.deleted, &op->err);
}

static void answers_step(struct prune *p)
{
    p->answers.running = true;
    dbq_write(p->q, &p->answers.op);
}

static void answers_done(struct dbq_op *op, int rc)
{
    struct prune *p = container_of(op, struct prune, answers.op);

    p->answers.running = false;
    p->answers.total += rc == 0 ? p->answers.deleted : 0;
    if (rc)
        log_warn("prune", "old answers stay for another day: %s", err_text(&op->err));
    if (rc == 0 && p->answers.place && !p->closing) {
        answers_step(p);
        return;
    }
    if (p->answers.total)
        log_info("prune", "forgot answers that are too old n=%lld", (long long)p->answers.total);
    p->answers.total = 0;
    free_when_done(p);
}

static void forget_answers(struct prune *p)
{
    if (p->answers.running || p->closing)
        return;
    free(p->answers.place);
    p->answers.place = NULL;
    p->answers.now_ms = clock_wall(p->clock);
    answers_step(p);
}

static void on_timer(uv_timer_t *t)
{
    struct prune *p = t->data;

    forget_answers(p);
    if (p->running || p->closing)
        return;
    p->before_ms = clock_wall(p->clock) - (int64_t)config_number(p->config, OPT_CHANGES_KEEP_DAYS) * DAY_MS;
    p->running = true;
    dbq_write(p->q, &p->op);
}

struct prune *prune_new(uv_loop_t *loop, const struct clock *clock, struct dbq *q, const struct config *config)
{
    struct prune *p = mem_zalloc(sizeof *p);

    *p = (struct prune){.clock = clock, .q = q, .config = config, .op = {.run = prune_run, .done = prune_done},
                        .answers.op = {.run = answers_run, .done = answers_done}};
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
