/* The worker: its commands and persisted wish, what it tells, and its end; see enrich.h.
 *
 * The work itself is done by lanes (lane.c), jobs (job.c) and batches (batch.c). Loop thread only.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "build_config.h"
#include "song/song_json.h"
#include "store/evidence.h"

#define RECHECK_AFTER_MS (28LL * 24 * 3600 * 1000)   /* "not found" is believed for four weeks */
#define RECHECK_EVERY_MS (24ULL * 3600 * 1000)

const char *worker_mode_name(enum worker_mode m)
{
    static const char *const names[] = {"stopped", "paused", "running"};

    return names[m];
}

static enum worker_mode mode_of(const struct worker_state *wish)
{
    if (!wish->running)
        return WORKER_STOPPED;
    return wish->paused ? WORKER_PAUSED : WORKER_RUNNING;
}

enum worker_mode enrich_mode(const struct enrich *w)
{
    return mode_of(&w->wish);
}

bool enrich_is_running(const struct enrich *w)
{
    return enrich_mode(w) == WORKER_RUNNING;
}

unsigned enrich_usable(const struct enrich *w)
{
    unsigned mask = 0;

    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (lane_is_usable(&w->lanes[i]))
            mask |= 1u << i;
    return mask;
}

/* --- lifetime ------------------------------------------------------------------------------ */

void enrich_release(struct enrich *w)
{
    void (*closed)(void *) = w->closed;
    void *arg = w->closed_arg;

    if (--w->open == 0 && w->closing)
        closed(arg);
}

void enrich_retained(struct enrich *w)
{
    w->open++;
}

void enrich_free(struct enrich *w)
{
    if (!w)
        return;
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_free_texts(&w->lanes[i]);
    free(w->user_agent);
    free(w);
}

void enrich_job_ended(struct enrich *w)
{
    if (w->d.idle && !w->closing)
        w->d.idle(w->d.arg);
    enrich_release(w);
}

struct start_data {
    struct dbq_op op;
    struct enrich *w;
    struct worker_state wish;
    struct provider_state providers[PROVIDER_COUNT];
    int64_t recovered, rechecked, now_ms;
    bool autostart;
};

static int run_start(struct db *db, struct dbq_op *op)
{
    struct start_data *s = container_of(op, struct start_data, op);
    int rc = state_worker_get(db, &s->wish, &op->err);

    if (rc == 0 && !s->wish.known) {
        /* autostart counts at the very first start only; from then on the owner's wish does */
        s->wish = (struct worker_state){true, s->autostart, false, s->autostart ? s->now_ms : 0};
        rc = state_worker_set(db, &s->wish, true, &op->err);
    }
    for (int i = 0; rc == 0 && i < PROVIDER_COUNT; i++)
        rc = state_provider_get(db, (enum provider_id)i, &s->providers[i], &op->err);
    if (rc == 0)
        rc = queue_recover(db, s->now_ms, &s->recovered, &op->err);
    if (rc == 0)
        rc = queue_recheck(db, s->now_ms - RECHECK_AFTER_MS, s->now_ms, &s->rechecked, &op->err);
    return rc;
}

/* Persisted wall times may come from a clock that was wrong: they hold a lane back for a bounded time only. */
static uint64_t bounded_rest(int64_t until_ms, int64_t now, uint64_t most)
{
    if (until_ms <= now)
        return 0;
    return (uint64_t)(until_ms - now) < most ? (uint64_t)(until_ms - now) : most;
}

static void restore_lane(struct lane *l, const struct provider_state *kept)
{
    int64_t wall = clock_wall(l->w->d.clock);
    uint64_t now = clock_mono(l->w->d.clock), rest;

    l->kept = *kept;
    lane_configure(l);
    rest = bounded_rest(kept->slow_until_ms, wall, 5 * 60 * 1000);
    if (rest)
        lane_slow_down(l, rest);
    rest = bounded_rest(kept->refused_until_ms, wall, 3600 * 1000);
    if (rest) {
        for (int e = 0; e < ENDPOINTS_MAX; e++)
            l->ends[e].resume_at = now + rest;
        rate_limit_hold(l->limit, rest);
    }
}

static void start_done(struct dbq_op *op, int rc)
{
    struct start_data *s = container_of(op, struct start_data, op);
    struct enrich *w = s->w;

    if (rc == 0 && !w->closing) {
        w->wish = s->wish;
        for (int i = 0; i < PROVIDER_COUNT; i++)
            if (w->lanes[i].p)
                restore_lane(&w->lanes[i], &s->providers[i]);
        if (s->recovered)
            log_info("enrich", "%lld songs were being asked for when the last run ended; they are asked again",
                     (long long)s->recovered);
        w->ready = true;
    } else if (rc) {
        log_error("enrich", "cannot read the worker's state: %s", err_text(&op->err));
    }
    free(s);
    w->ready_cb(w->ready_arg, rc);
    if (rc == 0 && !w->closing) {
        enrich_settle(w);
        enrich_wake(w);
    }
    enrich_release(w);
}

struct recheck_data {
    struct dbq_op op;
    struct enrich *w;
    int64_t n, before_ms, now_ms;
};

static int run_recheck(struct db *db, struct dbq_op *op)
{
    struct recheck_data *r = container_of(op, struct recheck_data, op);

    return queue_recheck(db, r->before_ms, r->now_ms, &r->n, &op->err);
}

static void recheck(struct enrich *w, int64_t before_ms);

static void recheck_done(struct dbq_op *op, int rc)
{
    struct recheck_data *r = container_of(op, struct recheck_data, op);
    struct enrich *w = r->w;

    if (rc)
        log_warn("enrich", "cannot queue old misses again: %s", err_text(&op->err));
    else if (r->n)
        log_info("enrich", "%lld songs that were not found are asked for again", (long long)r->n);
    if (rc == 0 && r->n == QUEUE_RECHECK_MAX && !w->closing)
        recheck(w, r->before_ms);
    free(r);
    enrich_wake(w);
    enrich_job_ended(w);
}

static void recheck(struct enrich *w, int64_t before_ms)
{
    struct recheck_data *r = mem_zalloc(sizeof *r);

    r->w = w;
    r->now_ms = clock_wall(w->d.clock);
    r->before_ms = before_ms;
    r->op = (struct dbq_op){.run = run_recheck, .done = recheck_done};
    w->open++;
    dbq_write(w->d.q, &r->op);
}

static void on_recheck(uv_timer_t *t)
{
    struct enrich *w = t->data;

    recheck(w, clock_wall(w->d.clock) - RECHECK_AFTER_MS);
}

/* Songs that the others did not know are worth a question now. The others are not asked again: their answers are kept. */
void enrich_regained(struct enrich *w)
{
    if (!w->closing)
        recheck(w, clock_wall(w->d.clock) + 1000);   /* the store compares whole seconds */
}

/* MusicBrainz asks for "Name/version ( contact )" and refuses who does not say who it is. */
static void make_user_agent(struct enrich *w)
{
    const char *contact = config_text(w->d.config, OPT_MUSICBRAINZ_CONTACT);

    free(w->user_agent);
    w->user_agent = mem_printf("songbookd/%s ( %s%s%s )", SONGBOOKD_VERSION, SONGBOOKD_HOME, contact[0] ? " ; " : "", contact);
}

struct enrich *enrich_new(const struct enrich_deps *d, void (*ready)(void *arg, int rc), void *arg)
{
    struct enrich *w = mem_zalloc(sizeof *w);
    struct start_data *s = mem_zalloc(sizeof *s);

    w->d = *d;
    w->open = 1;
    list_init(&w->jobs);
    list_init(&w->batches);
    list_init(&w->asks);
    make_user_agent(w);
    w->last_advance = clock_mono(d->clock);
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (provider_get((enum provider_id)i))
            lane_init(&w->lanes[i], w, provider_get((enum provider_id)i));
    uv_timer_init(d->loop, &w->recheck_timer);
    w->recheck_timer.data = w;
    uv_timer_start(&w->recheck_timer, on_recheck, RECHECK_EVERY_MS, RECHECK_EVERY_MS);
    w->ready_cb = ready;
    w->ready_arg = arg;
    s->w = w;
    s->now_ms = clock_wall(d->clock);
    s->autostart = config_bool(d->config, OPT_ENRICHMENT_AUTOSTART);
    s->op = (struct dbq_op){.run = run_start, .done = start_done};
    w->open++;
    dbq_write(d->q, &s->op);
    return w;
}

static void on_recheck_closed(uv_handle_t *h)
{
    enrich_release(h->data);
}

void enrich_close(struct enrich *w, void (*closed)(void *arg), void *arg)
{
    w->closing = true;
    w->closed = closed;
    w->closed_arg = arg;
    dbq_gather(w->d.q, 0);   /* what waits for company is stored now */
    list_each_safe(pos, tmp, &w->jobs)
        job_cancel(container_of(pos, struct job, link));
    batches_cancel(w);
    list_each_safe(pos2, tmp2, &w->asks)
        ask_finish(container_of(pos2, struct ask, link), ERR_CANCELED);
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_close(&w->lanes[i]);
    uv_close((uv_handle_t *)&w->recheck_timer, on_recheck_closed);
}

/* --- waking --------------------------------------------------------------------------------- */

/* Songs in the queue that every usable provider has answered for: nobody would ever take them. An answer takes its song off
 * the queue itself, but one may come back from absence like that, or could not be stored when a provider fell away. */
static bool has_settled_songs(const struct enrich *w)
{
    unsigned usable = enrich_usable(w);

    for (unsigned asked = 1; asked < QUEUE_MASKS; asked++)
        if ((asked & usable) == usable && dbq_counts(w->d.q)->queued_asked[asked] > 0)
            return true;
    return false;
}

void enrich_wake(struct enrich *w)
{
    if (w->closing)
        return;
    if (w->ready && !w->settling && has_settled_songs(w))
        enrich_settle(w);
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_wake(&w->lanes[i]);
}

bool enrich_is_idle(const struct enrich *w)
{
    if (!list_is_empty(&w->jobs) || !list_is_empty(&w->batches) || w->settling || !w->ready)
        return false;
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].peeking)
            return false;
    return true;
}

uint64_t enrich_last_advance(const struct enrich *w)
{
    return w->last_advance;
}

void enrich_advanced(struct enrich *w, const struct outcome_result *r)
{
    w->last_advance = clock_mono(w->d.clock);
    w->named += r->named;
    if (r->left_queue)
        enrich_count_done(w);
    events_progress_changed(w->d.events);
}

static void publish_song(struct enrich *w, const struct song *s, const char *source)
{
    struct buf b;
    struct json_out o;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_put_str(&o, "by", source);
    song_json(s, &o, "song");
    events_publish(w->d.events, EVENT_SONG, buf_cstr(&b));
    buf_deinit(&b);
}

static void finish_asks(struct enrich *w, int64_t song_id)
{
    list_each_safe(pos, tmp, &w->asks) {
        struct ask *a = container_of(pos, struct ask, link);
        if (a->song_id == song_id)
            ask_finish(a, 0);
    }
}

void enrich_song_stored(struct enrich *w, const struct outcome_result *r, const char *source)
{
    if (r->changed)
        publish_song(w, &r->song, source);
    if (r->left_queue)
        finish_asks(w, r->song.id);
}

/* --- songs whose last provider fell away ------------------------------------------------------- */

struct settle_data {
    struct dbq_op op;
    struct enrich *w;
    unsigned usable;
    int64_t now_ms, n;
    int64_t ids[QUEUE_SETTLE_MAX];
};

static int run_settle(struct db *db, struct dbq_op *op)
{
    struct settle_data *s = container_of(op, struct settle_data, op);

    return queue_settle(db, s->usable, s->now_ms, s->ids, &s->n, &op->err);
}

static void settle_done(struct dbq_op *op, int rc)
{
    struct settle_data *s = container_of(op, struct settle_data, op);
    struct enrich *w = s->w;

    w->settling = false;
    if (rc)
        log_warn("enrich", "cannot settle songs: %s", err_text(&op->err));
    else if (s->n) {
        log_info("enrich", "%lld songs are done: no provider is left to ask", (long long)s->n);
        for (int64_t i = 0; i < s->n; i++)
            finish_asks(w, s->ids[i]);
        events_progress_changed(w->d.events);
    }
    if (rc == 0 && s->n == QUEUE_SETTLE_MAX)
        w->settle_again = true;
    free(s);
    if (w->settle_again && !w->closing)
        enrich_settle(w);
    enrich_job_ended(w);
}

void enrich_settle(struct enrich *w)
{
    struct settle_data *s;
    unsigned usable = enrich_usable(w);

    w->settle_again = w->settling;   /* the mask may have changed meanwhile */
    if (w->settling || usable == 0 || w->closing)
        return;
    s = mem_zalloc(sizeof *s);
    s->w = w;
    s->usable = usable;
    s->now_ms = clock_wall(w->d.clock);
    s->op = (struct dbq_op){.run = run_settle, .done = settle_done};
    w->settling = true;
    w->open++;
    dbq_write(w->d.q, &s->op);
}

void enrich_hold(struct enrich *w, enum hold_level level, const char *sentence)
{
    if (w->hold != level)
        log_info("enrich", "%s", level == HOLD_NONE ? "nothing holds the work back any more" : sentence);
    snprintf(w->hold_why, sizeof w->hold_why, "%s", sentence ? sentence : "");
    if (w->hold == level)
        return;
    w->hold = level;
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p && w->lanes[i].limit)
            lane_pace(&w->lanes[i]);
    enrich_wake(w);
    events_progress_changed(w->d.events);
}

void enrich_reconfigure(struct enrich *w)
{
    unsigned usable = enrich_usable(w);

    if (w->closing)
        return;
    make_user_agent(w);
    for (int i = 0; i < PROVIDER_COUNT; i++) {
        struct lane *l = &w->lanes[i];
        if (!l->p)
            continue;
        lane_configure(l);
        if (!lane_is_usable(l))
            lane_drop_turns(l, ALL_ENDS);
        lane_publish(l);
    }
    enrich_settle(w);
    enrich_wake(w);
    if (enrich_usable(w) & ~usable)
        enrich_regained(w);
}

/* --- commands ------------------------------------------------------------------------------------ */

struct command {
    struct dbq_op op;
    struct enrich *w;
    struct worker_state before, wish;
    bool reset_totals, changed;
    int refused;                /* an ERR_ that needs no store */
    worker_cb done;
    void *arg;
};

static int run_command(struct db *db, struct dbq_op *op)
{
    struct command *c = container_of(op, struct command, op);

    if (c->refused)
        return c->refused;
    return c->changed ? state_worker_set(db, &c->wish, c->reset_totals, &op->err) : 0;
}

static void publish_worker(struct enrich *w, enum worker_mode mode)
{
    char members[64];

    snprintf(members, sizeof members, "\"state\":\"%s\"", worker_mode_name(mode));
    events_publish(w->d.events, EVENT_WORKER, members);
    events_progress_changed(w->d.events);
}

static bool same_wish(const struct worker_state *a, const struct worker_state *b)
{
    return a->running == b->running && a->paused == b->paused && a->started_at_ms == b->started_at_ms;
}

static void command_done(struct dbq_op *op, int rc)
{
    struct command *c = container_of(op, struct command, op);
    struct enrich *w = c->w;
    enum worker_mode mode;

    if (rc && c->changed && same_wish(&w->wish, &c->wish))
        w->wish = c->before;   /* what could not be stored does not hold; another try must not find it done */
    mode = mode_of(rc ? &w->wish : &c->wish);
    if (rc == 0 && c->changed) {
        log_info("enrich", "worker is %s", worker_mode_name(mode));
        publish_worker(w, mode);
    }
    enrich_wake(w);
    c->done(c->arg, rc, rc == 0 && c->changed, mode);
    free(c);
    enrich_job_ended(w);
}

static bool next_wish(const struct worker_state *now, enum worker_command cmd, struct worker_state *next)
{
    *next = *now;
    next->known = true;
    switch (cmd) {
    case WORKER_CMD_START:
        next->running = true;
        next->paused = false;
        return !now->running || now->paused;
    case WORKER_CMD_PAUSE:
        next->paused = true;
        return now->running && !now->paused;
    case WORKER_CMD_RESUME:
        next->paused = false;
        return now->running && now->paused;
    case WORKER_CMD_STOP:
        next->running = next->paused = false;
        return now->running;
    }
    return false;
}

/* The wish counts at once, so that a pause stops requests now; it is told when it is stored. */
void enrich_command(struct enrich *w, enum worker_command cmd, worker_cb done, void *arg)
{
    struct command *c = mem_zalloc(sizeof *c);

    c->w = w;
    c->before = c->wish = w->wish;
    c->done = done;
    c->arg = arg;
    c->op = (struct dbq_op){.run = run_command, .done = command_done, .flags = DBQ_DURABLE | DBQ_URGENT};
    if (cmd == WORKER_CMD_START && enrich_usable(w) == 0)
        c->refused = ERR_UNAVAILABLE;
    else
        c->changed = next_wish(&w->wish, cmd, &c->wish);
    if (c->changed) {
        c->reset_totals = cmd == WORKER_CMD_START && !w->wish.running;
        if (c->reset_totals)
            c->wish.started_at_ms = clock_wall(w->d.clock);
        w->wish = c->wish;
        if (!enrich_is_running(w))
            for (int i = 0; i < PROVIDER_COUNT; i++)
                if (w->lanes[i].p)
                    lane_drop_turns(&w->lanes[i], ALL_ENDS);
    }
    w->open++;
    dbq_write(w->d.q, &c->op);
}
