/* Publishing to PiKaraoke's database, as far as this can be felt there: never for long, never when it is busy; see pikaraoke.h.
 *
 * TAKE and RECORD are operations on our database, WRITE is one transaction on PiKaraoke's. Whenever this machine is seen to stand
 * still (a heartbeat comes late, or a lock was held too long) nothing is begun there for five seconds: what stops us between
 * BEGIN and COMMIT stops PiKaraoke, too, and stalls come in groups.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "work/pikaraoke_internal.h"

#define PAUSE_MS 50                   /* between two transactions: PiKaraoke's turn */
#define HINT_MS 2000                  /* changes of ours are gathered for so long */
#define BEAT_MS 200
#define COUNT_MS 5000                 /* between two readings of the numbers while it works */
#define STALL_MS 500                  /* a heartbeat that late is a stall */
#define LOCK_STALL_US 100000          /* a lock held that long, too */
#define AFTER_STALL_MS 5000
#define PLAN_MS 500                   /* from the decision to BEGIN; later it is not begun */
#define BUSY_FIRST_MS 20
#define BUSY_MOST_MS 2000
#define BUSY_BEFORE_REST 30           /* tries in a row */
#define REST_MS 60000

static const char *const phase_names[PUBLISH_PHASES] = {"idle", "take", "write", "again", "record", "count"};
static const unsigned phase_edges[PUBLISH_PHASES] = {
    [PUBLISH_IDLE] = 1u << PUBLISH_TAKE | 1u << PUBLISH_COUNT,
    [PUBLISH_TAKE] = 1u << PUBLISH_WRITE | 1u << PUBLISH_AGAIN | 1u << PUBLISH_IDLE,
    [PUBLISH_WRITE] = 1u << PUBLISH_RECORD | 1u << PUBLISH_AGAIN | 1u << PUBLISH_IDLE,
    [PUBLISH_AGAIN] = 1u << PUBLISH_WRITE | 1u << PUBLISH_IDLE,
    [PUBLISH_RECORD] = 1u << PUBLISH_IDLE,
    [PUBLISH_COUNT] = 1u << PUBLISH_IDLE,
};

static void phase_move(struct publish *b, enum publish_phase to)
{
    if (!(phase_edges[b->phase] & 1u << to))
        bug("publishing to PiKaraoke cannot go from %s to %s", phase_names[b->phase], phase_names[to]);
    log_debug("pikaraoke", "publish %s -> %s songs=%d", phase_names[b->phase], phase_names[to], b->n);
    b->phase = to;
}

static uint64_t now_ms(const struct publish *b)
{
    return clock_mono(b->p->d.clock);
}

bool publish_is_on(const struct publish *b)
{
    return b->wish && b->p->now.state == PK_READABLE && b->p->now.writable;
}

/* --- when ------------------------------------------------------------------------------------------ */

static void stalled(struct publish *b, const char *what, unsigned long long ms)
{
    b->stalls++;
    b->stalled_until = now_ms(b) + AFTER_STALL_MS;
    log_info("pikaraoke", "%s, nothing is written to PiKaraoke's database for %d s ms=%llu", what, AFTER_STALL_MS / 1000, ms);
}

/* True when the machine ran without a break up to now. */
static bool beat(struct publish *b)
{
    uint64_t now = now_ms(b), late = now - b->last_beat;
    bool ok = late <= BEAT_MS + STALL_MS;

    b->last_beat = now;
    if (!ok)
        stalled(b, "this machine stood still", late - BEAT_MS);
    return ok;
}

static void on_beat(uv_timer_t *t)
{
    beat(t->data);
}

static void set_beat(struct publish *b)
{
    bool on = publish_is_on(b) && !b->p->closing, is = uv_is_active((uv_handle_t *)&b->beat);

    if (on && !is) {
        b->last_beat = now_ms(b);
        uv_timer_start(&b->beat, on_beat, BEAT_MS, BEAT_MS);
    } else if (!on && is) {
        uv_timer_stop(&b->beat);
    }
}

static void on_timer(uv_timer_t *t)
{
    publish_step(t->data);
}

static void step_at(struct publish *b, uint64_t at)
{
    uint64_t now = now_ms(b), ms = at > now ? at - now : 0;

    uv_update_time(b->p->d.loop);
    if (!uv_is_active((uv_handle_t *)&b->timer) || uv_timer_get_due_in(&b->timer) > ms)
        uv_timer_start(&b->timer, on_timer, ms + 1, 0);
}

static uint64_t earliest(const struct publish *b)
{
    uint64_t at = b->not_before;

    at = b->stalled_until > at ? b->stalled_until : at;
    at = b->stuck_until > at ? b->stuck_until : at;
    return b->phase == PUBLISH_AGAIN && b->retry_at > at ? b->retry_at : at;
}

/* --- the songs in hand ------------------------------------------------------------------------------ */

static void drop_songs(struct publish *b)
{
    for (int i = 0; i < b->n; i++)
        pk_song_deinit(&b->songs[i]);
    b->n = 0;
}

/* They stay marked in our database and are taken again. */
static void give_up(struct publish *b)
{
    drop_songs(b);
    b->after = 0;
    b->hint = true;
    phase_move(b, PUBLISH_IDLE);
}

static void rest(struct publish *b, const char *why)
{
    snprintf(b->trouble, sizeof b->trouble, "%s", why);
    log_warn("pikaraoke", "%s; publishing goes on in %d s", why, REST_MS / 1000);
    b->not_before = now_ms(b) + REST_MS;
    b->busy_in_row = 0;
    give_up(b);
    events_progress_changed(b->p->d.events);
}

/* --- TAKE ------------------------------------------------------------------------------------------------ */

static int run_take(struct db *db, struct dbq_op *op)
{
    struct publish *b = container_of(op, struct publish, op);
    int rc = b->retry_held ? pk_songs_retry_held(db, &op->err) : 0;

    b->n = 0;
    rc = rc ? rc : pk_songs_take(db, b->after, b->songs, PK_BATCH_MAX, &op->err);
    if (rc > 0)
        b->n = rc;
    return rc < 0 ? rc : 0;
}

/* The end of a round. Where none of its rows was found (its list is empty, say) nothing is gained by looking again at once. */
static void took_nothing(struct publish *b)
{
    phase_move(b, PUBLISH_IDLE);
    if (b->after > 0 && !b->progressed)
        b->stuck_until = now_ms(b) + REST_MS;
    b->progressed = false;
    b->hint = b->after > 0;           /* once more from the beginning: what changed meanwhile may stand there */
    b->after = 0;
    b->not_before = now_ms(b) + HINT_MS;
}

static void take_done(struct dbq_op *op, int rc)
{
    struct publish *b = container_of(op, struct publish, op);

    b->retry_held = b->retry_held && rc;
    if (rc) {
        phase_move(b, PUBLISH_IDLE);
        b->hint = true;
        b->not_before = now_ms(b) + BUSY_MOST_MS;
        if (rc != ERR_CLOSED)
            log_warn("pikaraoke", "what is to be published cannot be read: %s", err_text(&op->err));
    } else if (b->n == 0) {
        took_nothing(b);
    } else {
        b->after = b->songs[b->n - 1].song_id;
        b->retry_at = 0;
        phase_move(b, PUBLISH_AGAIN);
    }
    b->op.run = NULL;
    pikaraoke_ended(b->p);
    publish_step(b);
}

/* --- WRITE ------------------------------------------------------------------------------------------------- */

static int run_write(struct db *db, struct dbq_op *op)
{
    struct publish *b = container_of(op, struct publish, op);

    (void)db;
    return pk_publish(b->p->pk, b->songs, (size_t)b->n, b->begin_before, &b->report, &op->err);
}

static void was_busy(struct publish *b)
{
    uint64_t ms = (uint64_t)BUSY_FIRST_MS << (b->busy_in_row < 8 ? b->busy_in_row : 8);

    b->busy++;
    if (++b->busy_in_row > BUSY_BEFORE_REST) {
        rest(b, "PiKaraoke's database is locked all the time");
        return;
    }
    ms = ms < BUSY_MOST_MS ? ms : BUSY_MOST_MS;
    b->retry_at = now_ms(b) + ms + (uint64_t)rand() % (ms / 4 + 1);
    phase_move(b, PUBLISH_AGAIN);
}

static void wrote(struct publish *b)
{
    b->busy_in_row = 0;
    b->trouble[0] = '\0';
    if (b->report.lock_us) {
        b->transactions++;
        b->written += (uint64_t)b->report.written;
    }
    b->not_before = now_ms(b) + PAUSE_MS;
}

static void count_lock(struct publish *b)
{
    b->lock_us += b->report.lock_us;
    if (b->report.lock_us > b->longest_lock_us)
        b->longest_lock_us = b->report.lock_us;
    if (b->report.lock_us > LOCK_STALL_US)
        stalled(b, "a transaction took long", b->report.lock_us / 1000);
}

static void record(struct publish *b);

static void write_done(struct dbq_op *op, int rc)
{
    struct publish *b = container_of(op, struct publish, op);

    count_lock(b);
    switch (rc) {
    case 0:
        wrote(b);
        break;
    case ERR_BUSY:
        was_busy(b);
        break;
    case ERR_TIMEOUT:
        stalled(b, "this machine stood still", PLAN_MS);
        phase_move(b, PUBLISH_AGAIN);
        break;
    case ERR_STALE:
    case ERR_CLOSED:
        b->not_before = now_ms(b) + 1000;   /* the look of each second finds out */
        give_up(b);
        break;
    default:
        rest(b, err_text(&op->err));
    }
    b->op.run = NULL;
    if (rc == 0 && !b->p->closing)    /* at the end what was intended is noted already, and found again */
        record(b);
    pikaraoke_ended(b->p);
    publish_step(b);
}

/* --- RECORD and COUNT ------------------------------------------------------------------------------------------ */

static int run_record(struct db *db, struct dbq_op *op)
{
    struct publish *b = container_of(op, struct publish, op);

    return pk_songs_record(db, b->songs, (size_t)b->n, b->now_ms, &op->err);
}

static bool is_settled(const struct publish *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->songs[i].verdict != PK_MOVED)
            return true;
    return false;
}

static void record_done(struct dbq_op *op, int rc)
{
    struct publish *b = container_of(op, struct publish, op);

    b->progressed = b->progressed || is_settled(b);
    if (rc && rc != ERR_CLOSED)
        log_warn("pikaraoke", "what was published cannot be noted, it is looked at again: %s", err_text(&op->err));
    b->hint = true;
    b->recount = true;
    drop_songs(b);
    phase_move(b, PUBLISH_IDLE);
    b->op.run = NULL;
    pikaraoke_ended(b->p);
    publish_step(b);
}

static int run_count(struct db *db, struct dbq_op *op)
{
    struct publish *b = container_of(op, struct publish, op);

    return pk_songs_counts(db, &b->fresh, &op->err);
}

static void count_done(struct dbq_op *op, int rc)
{
    struct publish *b = container_of(op, struct publish, op);

    if (rc == 0)
        b->counts = b->fresh;
    phase_move(b, PUBLISH_IDLE);
    b->op.run = NULL;
    events_progress_changed(b->p->d.events);
    pikaraoke_ended(b->p);
    publish_step(b);
}

/* --- the step ------------------------------------------------------------------------------------------------------ */

static void submit(struct publish *b, enum publish_phase phase, int (*run)(struct db *db, struct dbq_op *op),
                   void (*done)(struct dbq_op *op, int rc))
{
    phase_move(b, phase);
    b->op = (struct dbq_op){.run = run, .done = done};
    b->now_ms = clock_wall(b->p->d.clock);
    b->own_writes += phase == PUBLISH_TAKE || phase == PUBLISH_RECORD;
    if (phase == PUBLISH_COUNT)
        dbq_read(b->p->d.q, &b->op);
    else if (phase == PUBLISH_WRITE)
        dbq_beside(b->p->d.q, &b->op);
    else
        dbq_write(b->p->d.q, &b->op);
}

static void record(struct publish *b)
{
    submit(b, PUBLISH_RECORD, run_record, record_done);
}

static void write_now(struct publish *b)
{
    if (!beat(b)) {
        step_at(b, earliest(b));
        return;
    }
    b->begin_before = now_ms(b) + PLAN_MS;
    submit(b, PUBLISH_WRITE, run_write, write_done);
}

/* At the end of the work, and now and then while it goes on. */
static bool wants_count(const struct publish *b, bool on)
{
    return b->phase == PUBLISH_IDLE && b->recount && (!on || !b->hint || now_ms(b) - b->counted_at > COUNT_MS);
}

void publish_step(struct publish *b)
{
    bool on = publish_is_on(b) && !b->hold;

    set_beat(b);
    if (b->p->closing || b->op.run)
        return;
    if (b->phase == PUBLISH_AGAIN && !on) {
        give_up(b);
        return;
    }
    if (wants_count(b, on)) {
        b->recount = false;
        b->counted_at = now_ms(b);
        submit(b, PUBLISH_COUNT, run_count, count_done);
        return;
    }
    if (!on || (b->phase == PUBLISH_IDLE && !b->hint))
        return;
    if (now_ms(b) < earliest(b)) {
        step_at(b, earliest(b));
        return;
    }
    if (b->phase == PUBLISH_AGAIN) {
        write_now(b);
    } else {
        b->hint = false;
        submit(b, PUBLISH_TAKE, run_take, take_done);
    }
}

void publish_hint(struct publish *b)
{
    if (!b->hint && b->phase == PUBLISH_IDLE && now_ms(b) + HINT_MS > b->not_before)
        b->not_before = now_ms(b) + HINT_MS;
    b->hint = b->recount = true;
    publish_step(b);
}

void publish_unstick(struct publish *b)
{
    b->stuck_until = 0;
    publish_hint(b);
}

/* Our own operations change nothing that is to be published; counted, because a commit does not say whose it is. */
void publish_committed(struct publish *b)
{
    uint64_t foreign = dbq_stats(b->p->d.q).writes - b->own_writes;

    if ((int64_t)(foreign - b->foreign_writes) <= 0)
        return;
    b->foreign_writes = foreign;
    if (publish_is_on(b))
        publish_hint(b);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

void publish_init(struct publish *b, struct pikaraoke *p)
{
    b->p = p;
    b->recount = true;
    uv_timer_init(p->d.loop, &b->timer);
    uv_timer_init(p->d.loop, &b->beat);
    uv_unref((uv_handle_t *)&b->beat);
    b->timer.data = b->beat.data = b;
    p->handles += 2;
}

bool publish_is_quiet(const struct publish *b)
{
    return b->op.run == NULL;
}

void publish_close(struct publish *b)
{
    uv_timer_stop(&b->timer);
    uv_timer_stop(&b->beat);
    b->timer.data = b->beat.data = b->p;
    uv_close((uv_handle_t *)&b->timer, pikaraoke_on_handle_closed);
    uv_close((uv_handle_t *)&b->beat, pikaraoke_on_handle_closed);
}
