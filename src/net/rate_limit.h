/* Token bucket for one provider: start to start on the monotonic clock, kept across restarts.
 *
 * The bucket holds one token and refills one per interval: starts are never closer than the
 * interval, however long the pause before, so a strict "n per second" limit holds in every window.
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

void rate_limit_set_interval(struct rate_limit *r, double interval_ms);
double rate_limit_interval(const struct rate_limit *r);
/* No token before `ms` from now (a refusal, Retry-After); never shortens an earlier hold. */
void rate_limit_hold(struct rate_limit *r, uint64_t ms);
/* Milliseconds until the next token; 0 when free. */
uint64_t rate_limit_wait_ms(const struct rate_limit *r);

/* For persistence: the wall time of the last take (0 never), and restoring it at start: the next token comes one
 * interval after it. A time in the future, or none, counts as "just now". */
int64_t rate_limit_last_wall(const struct rate_limit *r);
void rate_limit_restore(struct rate_limit *r, int64_t last_wall_ms);

#endif
