/* What answers do to a lane: breakers per endpoint, rests, refusals of the key, the provider's own budget.
 *
 * An endpoint rests (sends nothing) while it is refused, offline or its breaker is open; the first request after a rest is a
 * probe: nothing else of that endpoint is in flight with it. Resting counts no attempt. A refusal that concerns our address or
 * key rests all endpoints of the provider. Loop thread only.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define SLOW_FOR_MS (5 * 60 * 1000)   /* one request a second at most after a refusal that says our rate was too high */
#define SHED_BEFORE_REST 10           /* random shedding only rests an endpoint after so many in a row */
#define FAILURES_BEFORE_REST 5
#define REST_MAX_MS (10 * 60 * 1000)
#define LOCKED_MS (24ULL * 3600 * 1000)

bool endpoint_is_locked(const struct lane *l, int end)
{
    return l->ends[end].locked_until > lane_now(l);
}

uint64_t endpoint_rest_ms(const struct lane *l, int end)
{
    uint64_t now = lane_now(l);

    return l->ends[end].resume_at > now ? l->ends[end].resume_at - now : 0;
}

bool endpoint_is_failing(const struct lane *l, int end)
{
    return l->ends[end].failures >= FAILURES_BEFORE_REST;
}

bool endpoint_is_open(const struct lane *l, int end)
{
    return !endpoint_is_locked(l, end) && endpoint_rest_ms(l, end) == 0 && !l->ends[end].offline;
}

/* After trouble one request at a time finds out whether it is over. */
int endpoint_flight_limit(const struct lane *l, int end)
{
    const struct endpoint *x = &l->ends[end];

    return x->offline || x->failures >= FAILURES_BEFORE_REST || x->refusals >= SHED_BEFORE_REST ? 1 : l->p->max_in_flight;
}

/* --- what must survive a restart ---------------------------------------------------------------- */

/* How long we were told to stay away, and a refused key. */
struct keep_op {
    struct dbq_op op;
    struct enrich *w;
    enum provider_id id;
    struct provider_state state;
};

static int run_keep(struct db *db, struct dbq_op *op)
{
    struct keep_op *k = container_of(op, struct keep_op, op);

    return state_provider_set(db, k->id, &k->state, &op->err);
}

static void keep_done(struct dbq_op *op, int rc)
{
    struct keep_op *k = container_of(op, struct keep_op, op);
    struct enrich *w = k->w;

    if (rc)
        log_warn("enrich", "cannot store the state of a provider: %s", err_text(&op->err));
    free(k);
    enrich_job_ended(w);
}

static void keep(struct lane *l)
{
    struct keep_op *k = mem_zalloc(sizeof *k);

    l->kept.refused_until_ms = lane_rest_ms(l) ? clock_wall(l->w->d.clock) + (int64_t)lane_rest_ms(l) : 0;
    k->w = l->w;
    k->id = l->p->id;
    k->state = l->kept;
    k->op = (struct dbq_op){.run = run_keep, .done = keep_done};
    l->w->open++;
    dbq_write(l->w->d.q, &k->op);
}

/* --- rests -------------------------------------------------------------------------------------- */

static uint64_t doubled(uint64_t first_ms, int times, uint64_t most_ms)
{
    uint64_t ms = first_ms << (times < 16 ? times : 16);

    return ms < most_ms ? ms : most_ms;
}

/* A tenth of jitter, so that many machines behind one address do not come back at once. */
static uint64_t jittered(uint64_t ms)
{
    return ms + (uint64_t)rand() % (ms / 10 + 1);
}

static void rest(struct lane *l, int end, uint64_t ms)
{
    ms = jittered(ms);
    if (l->ends[end].resume_at < lane_now(l) + ms)
        l->ends[end].resume_at = lane_now(l) + ms;
    lane_look_again_in(l, ms);
}

/* Our address or key is meant, wherever we ask. */
static void rest_all(struct lane *l, uint64_t ms)
{
    ms = jittered(ms);
    for (int e = 0; e < ENDPOINTS_MAX && l->p->endpoints[e]; e++)
        if (l->ends[e].resume_at < lane_now(l) + ms)
            l->ends[e].resume_at = lane_now(l) + ms;
    if (l->limit)
        rate_limit_hold(l->limit, ms);
    lane_look_again_in(l, ms);
}

static void took_refusal(struct lane *l, int end, const struct provider_answer *a)
{
    struct endpoint *x = &l->ends[end];
    uint64_t asked_ms = (uint64_t)a->retry_after_s * 1000;
    bool resting = endpoint_rest_ms(l, end) > 0;

    l->refused++;
    /* Answers to requests that were under way when the trouble began belong to the same trouble: only what comes after a
     * rest makes the next one longer. */
    x->refusals += !resting;
    if (asked_ms > 3600 * 1000)
        asked_ms = 3600 * 1000;
    if (a->slow_down) {
        l->kept.slow_until_ms = clock_wall(l->w->d.clock) + SLOW_FOR_MS;
        lane_slow_down(l, SLOW_FOR_MS);
        if (asked_ms)
            rest_all(l, asked_ms);
        else if (!resting)
            rest_all(l, doubled(2000, x->refusals - 1, REST_MAX_MS));
    } else if (asked_ms) {
        rest(l, end, asked_ms);
    } else if (x->refusals >= SHED_BEFORE_REST && !resting) {
        rest(l, end, doubled(30000, x->refusals - SHED_BEFORE_REST, REST_MAX_MS));
    }
}

/* The token was refused where it is needed: names go on without one. Anywhere else, and without a token, an endpoint that was
 * open wants one now. */
static void took_lock(struct lane *l, int end)
{
    if (end == LISTENBRAINZ_LOOKUP) {
        l->kept.key_refused = true;
        lane_mark_key(l, l->kept.key_mark);
        log_warn("enrich", "%s refuses the token: %s; names are asked for at its labs, without one", l->p->title,
                 l->ends[end].detail);
    } else {
        l->ends[end].locked_until = lane_now(l) + LOCKED_MS;
        log_warn("enrich", "%s has locked '%s' away: %s; everything else goes on", l->p->title, l->p->endpoints[end],
                 l->ends[end].detail);
    }
}

static void took_key_refusal(struct lane *l, int end)
{
    if (l->p->in_bulk) {
        took_lock(l, end);
    } else {
        l->kept.key_refused = true;
        lane_mark_key(l, l->kept.key_mark);
        if (l->state == LANE_OK)
            l->state = LANE_KEY_REFUSED;
        log_warn("enrich", "%s refuses us: %s; the other providers go on", l->p->title, l->ends[end].detail);
    }
    if (!lane_is_usable(l))
        lane_drop_turns(l, ALL_ENDS);
    enrich_settle(l->w);
}

/* --- answers ------------------------------------------------------------------------------------ */

static bool is_trouble(enum answer_class k)
{
    return k != ANSWER_FOUND && k != ANSWER_NOT_FOUND;
}

/* An answer in spite of the refusal (a test, or one that was under way): the provider knows us again. */
static void took_key_back(struct lane *l, int end)
{
    bool mine = !l->p->in_bulk || (end == LISTENBRAINZ_LOOKUP && l->key[0]);

    l->ends[end].locked_until = 0;
    if (!l->kept.key_refused || !mine)
        return;
    l->kept.key_refused = false;
    if (l->state == LANE_KEY_REFUSED)
        l->state = LANE_OK;
    log_info("enrich", "%s answers again", l->p->title);
    keep(l);
    enrich_regained(l->w);
}

static void forget_old_trouble(struct endpoint *x, enum answer_class kind)
{
    if (kind != ANSWER_REFUSED)
        x->refusals = 0;
    if (kind != ANSWER_FAILED)
        x->failures = 0;
    if (kind != ANSWER_OFFLINE) {
        x->offline = false;
        x->offlines = 0;
    }
}

void lane_took_answer(struct lane *l, int end, const struct provider_answer *a)
{
    struct endpoint *x = &l->ends[end];
    bool resting = endpoint_rest_ms(l, end) > 0;

    if (!is_trouble(a->kind))
        took_key_back(l, end);
    snprintf(x->detail, sizeof x->detail, "%s", is_trouble(a->kind) ? a->detail : "");
    forget_old_trouble(x, a->kind);
    switch (a->kind) {
    case ANSWER_FOUND:
    case ANSWER_NOT_FOUND:
        break;
    case ANSWER_REFUSED:
        took_refusal(l, end, a);
        break;
    case ANSWER_FAILED:
        l->failed++;
        x->failures += !resting;
        if (x->failures >= FAILURES_BEFORE_REST && !resting) {
            rest(l, end, doubled(10000, x->failures - FAILURES_BEFORE_REST, REST_MAX_MS));
            lane_drop_turns(l, end);     /* the other providers may have the songs */
        }
        break;
    case ANSWER_KEY:
        took_key_refusal(l, end);
        break;
    case ANSWER_OFFLINE:
        x->offline = true;
        if (!resting)
            rest(l, end, doubled(5000, x->offlines++, 5 * 60 * 1000));
        break;
    }
    if (a->pause_s && l->limit)
        rate_limit_hold(l->limit, (uint64_t)a->pause_s * 1000);
    if (a->kind == ANSWER_KEY || (a->kind == ANSWER_REFUSED && lane_is_blocked(l)))
        keep(l);
    lane_tell_change(l);
}
