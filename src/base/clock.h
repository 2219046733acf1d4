/* Two clocks behind one face, so that tests can turn them by hand.
 *
 * Monotonic time paces and times out; wall time is only stored and shown. Persisted wall times are
 * never compared with "now" without a bound: a Pi without a battery clock starts in the past.
 */
#ifndef SONGBOOKD_BASE_CLOCK_H
#define SONGBOOKD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    uint64_t (*mono_ms)(const struct clock *c);  /* milliseconds, never goes back */
    int64_t (*wall_ms)(const struct clock *c);   /* milliseconds since 1970 UTC */
    uint64_t manual_mono;                        /* used by clock_manual */
    int64_t manual_wall;
};

extern const struct clock clock_system;
/* A clock that stands still until clock_advance; starts at mono 1000, wall 1700000000000. */
struct clock clock_manual(void);
void clock_advance(struct clock *c, uint64_t ms);

static inline uint64_t clock_mono(const struct clock *c) { return c->mono_ms(c); }
static inline int64_t clock_wall(const struct clock *c) { return c->wall_ms(c); }

/* "2026-01-31T12:00:00Z"; out needs 32 bytes. */
void clock_iso(int64_t wall_ms, char out[32]);
/* Milliseconds for text in the form clock_iso writes (also "YYYY-MM-DD HH:MM:SS"); -1 when it is not, or before 1970. */
int64_t clock_parse_iso(const char *s);

#endif
