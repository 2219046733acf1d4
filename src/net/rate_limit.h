/* Token bucket for one provider: start to start on the monotonic clock, kept across restarts: each begins with an empty one.
 *
 * The bucket holds one token and refills one per interval: starts are never closer than the
 * interval, however long the pause before. The server counts arrivals, though, and a request that first
 * needs a connection arrives later than it started; so the limiter also keeps when requests went out, and lets
 * none start that could make one too many in any second (RATE_WINDOW_MS), whatever those still connecting do.
 * The waiter is called from a loop timer. With clock_system the monotonic clock is read finer than
 * the face of struct clock tells: whole milliseconds would lose half a percent at five a second.
 * Loop thread only.
 */
#ifndef SONGBOOKD_NET_RATE_LIMIT_H
#define SONGBOOKD_NET_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"

/* A second and what timers and servers may be apart. Five intervals of 204 ms are longer, so it costs no budget. */
#define RATE_WINDOW_MS 1010.0
/* Windows are kept for up to so many requests a second; faster is for own mirrors, which have no such limit. */
#define RATE_WINDOW_MOST 16

struct rate_limit;
typedef void (*rate_limit_cb)(void *arg);

/* interval_ms: time between two starts, > 0. ready(arg) is called once per rate_limit_want, from a timer, when a token
 * is free. clock borrowed. */
struct rate_limit *rate_limit_new(uv_loop_t *loop, const struct clock *clock, double interval_ms, rate_limit_cb ready, void *arg);
/* Closes the timer; memory goes in its close callback. ready is not called any more. */
void rate_limit_free(struct rate_limit *r);

/* Asks to be told when a token is free; idempotent until ready was called. */
void rate_limit_want(struct rate_limit *r);
void rate_limit_unwant(struct rate_limit *r);
/* Takes the token if it is free now; false (and nothing taken) if not. Call it inside ready right before the request starts. */
bool rate_limit_take(struct rate_limit *r);

/* Right after a take, in its place: nothing is sent for it, and the next one comes as if it had not been taken. */
void rate_limit_give_back(struct rate_limit *r);

/* After a take: its request has not gone out yet (it connects first). Until rate_limit_sent it counts as going out at any moment.
 * Without this call a taken token counts as sent at once. */
void rate_limit_unsent(struct rate_limit *r);
/* One request for which rate_limit_unsent was called went out now, or never will. */
void rate_limit_sent(struct rate_limit *r);
/* A request that was sent went out once more (a redirect, a connection that had died): the server counts it, too, so the next
 * start comes an interval later for each. */
void rate_limit_sent_again(struct rate_limit *r);

void rate_limit_set_interval(struct rate_limit *r, double interval_ms);
double rate_limit_interval(const struct rate_limit *r);
/* No token before `ms` from now (a refusal, Retry-After); never shortens an earlier hold. */
void rate_limit_hold(struct rate_limit *r, uint64_t ms);

/* As if as many requests as a second may have had been sent just now: after a start nobody knows what the last run did. */
void rate_limit_begin_full(struct rate_limit *r);

#endif
