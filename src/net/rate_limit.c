/* Pacing: when may the next request to one provider start?
 *
 * Keeps the last start and a hold, and derives the next free moment from them, so that a changed
 * interval counts at once. Refuses to make up for lost time: a late start moves all later ones,
 * else two starts would come closer than the interval. Loop thread only.
 */
#include "net/rate_limit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define SENT_KEPT (RATE_WINDOW_MOST + 1)   /* one more than a window holds: the newest may be forgotten */

struct rate_limit {
    uv_loop_t *loop;
    const struct clock *clock;
    uv_timer_t timer;          /* runs only while somebody wants a token */
    double interval_ms;
    double last_start;         /* monotonic ms; meaningless until has_started */
    double hold_until;         /* monotonic ms; 0 for none */
    double before;             /* last_start before the token that may be given back */
    double sent[SENT_KEPT];   /* monotonic ms when requests went out, newest first */
    int n_sent;
    int unsent;                /* started, not gone out yet */
    bool has_started;
    bool wanted;
    bool closing;
    rate_limit_cb ready;
    void *arg;
};

_Static_assert(_Generic(((struct rate_limit *)0)->timer, uv_timer_t: 1, default: 0), "container_of needs the handle itself");

/* The system clock tells whole milliseconds; at five starts a second that rounding alone would cost
 * half a percent of the budget, so the same clock is read finer. Other clocks are taken at their word. */
static double now_ms(const struct rate_limit *r)
{
    if (r->clock->mono_ms == clock_system.mono_ms)
        return (double)uv_hrtime() / 1e6;
    return (double)clock_mono(r->clock);
}

/* How many may go out within a window: as many as starts fit into a second. */
static double window_size(const struct rate_limit *r)
{
    return floor(1000.0 / r->interval_ms) + 1;
}

/* When the window has room for one more. Of n + 1 requests that went out within a window, the one that started last
 * found the other n unsent or recently sent: so it must not start while there are n of those. */
static double window_free_at(const struct rate_limit *r)
{
    double room = window_size(r) - 1 - r->unsent;   /* for those that were sent */

    if (room >= RATE_WINDOW_MOST || r->n_sent <= room)
        return room < 0 ? INFINITY : 0;
    return room < 0 ? INFINITY : r->sent[(int)room] + RATE_WINDOW_MS;
}

static double free_at(const struct rate_limit *r)
{
    double at = r->has_started ? r->last_start + r->interval_ms : 0;
    return fmax(fmax(at, r->hold_until), window_free_at(r));
}

static void note_sent(struct rate_limit *r, double at)
{
    memmove(r->sent + 1, r->sent, (SENT_KEPT - 1) * sizeof *r->sent);
    r->sent[0] = at;
    r->n_sent += r->n_sent < SENT_KEPT;
}

static double remaining_ms(const struct rate_limit *r)
{
    double left = free_at(r) - now_ms(r);
    return left > 0 ? left : 0;
}

static void on_timer(uv_timer_t *timer);

/* Whole milliseconds are waited rounded down and the rest is looked at again: the kernel wakes a bit late,
 * mostly late enough. Never 0 while something is left, that would spin. */
static void arm(struct rate_limit *r)
{
    if (!r->wanted || r->closing)
        return;
    double left = remaining_ms(r);
    if (isinf(left))   /* the one that is sent next arms it */
        return;
    uint64_t wait = left <= 0 ? 0 : left < 1 ? 1 : (uint64_t)left;
    uv_update_time(r->loop);   /* the cached time may be old after a long callback: the timer would fire early */
    uv_timer_start(&r->timer, on_timer, wait, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct rate_limit *r = container_of(timer, struct rate_limit, timer);
    if (!r->wanted || r->closing)
        return;
    if (remaining_ms(r) > 0) {   /* taken, held or slowed down since; or woken a fraction too early */
        arm(r);
        return;
    }
    r->wanted = false;
    r->ready(r->arg);            /* last statement: ready may free the limiter */
}

struct rate_limit *rate_limit_new(uv_loop_t *loop, const struct clock *clock, double interval_ms, rate_limit_cb ready, void *arg)
{
    struct rate_limit *r = mem_zalloc(sizeof(*r));
    r->loop = loop;
    r->clock = clock;
    r->ready = ready;
    r->arg = arg;
    rate_limit_set_interval(r, interval_ms);
    uv_timer_init(loop, &r->timer);
    return r;
}

static void on_closed(uv_handle_t *handle)
{
    struct rate_limit *r = container_of((uv_timer_t *)handle, struct rate_limit, timer);
    free(r);
}

void rate_limit_free(struct rate_limit *r)
{
    if (!r || r->closing)
        return;
    r->closing = true;
    r->wanted = false;
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

void rate_limit_want(struct rate_limit *r)
{
    if (r->wanted)
        return;
    r->wanted = true;
    arm(r);
}

void rate_limit_unwant(struct rate_limit *r)
{
    r->wanted = false;
    if (!r->closing)
        uv_timer_stop(&r->timer);
}

bool rate_limit_take(struct rate_limit *r)
{
    double now = now_ms(r);
    if (free_at(r) > now)
        return false;
    r->before = r->has_started ? r->last_start : now - r->interval_ms;
    r->has_started = true;
    r->last_start = now;
    note_sent(r, now);
    return true;
}

static void forget_sent(struct rate_limit *r)
{
    memmove(r->sent, r->sent + 1, (SENT_KEPT - 1) * sizeof *r->sent);
    r->n_sent--;
}

void rate_limit_give_back(struct rate_limit *r)
{
    forget_sent(r);
    r->last_start = r->before;
    arm(r);
}

void rate_limit_unsent(struct rate_limit *r)
{
    forget_sent(r);
    r->unsent++;
}

void rate_limit_sent(struct rate_limit *r)
{
    r->unsent--;
    note_sent(r, now_ms(r));
    arm(r);
}

void rate_limit_sent_again(struct rate_limit *r)
{
    r->last_start += r->interval_ms;
    note_sent(r, now_ms(r));
}

void rate_limit_set_interval(struct rate_limit *r, double interval_ms)
{
    if (!(interval_ms > 0) || !isfinite(interval_ms))
        bug("rate limit needs an interval above 0, not %f", interval_ms);
    r->interval_ms = interval_ms;
    arm(r);   /* a shorter interval may free the token before the running timer */
}

double rate_limit_interval(const struct rate_limit *r)
{
    return r->interval_ms;
}

void rate_limit_hold(struct rate_limit *r, uint64_t ms)
{
    double until = now_ms(r) + (double)ms;
    if (until > r->hold_until)
        r->hold_until = until;
}

void rate_limit_begin_full(struct rate_limit *r)
{
    r->has_started = true;
    r->last_start = now_ms(r);
    for (int i = 0; i < SENT_KEPT; i++)
        note_sent(r, r->last_start);
    arm(r);
}
