/* The clocks; see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t system_mono(const struct clock *c)
{
    struct timespec ts;

    (void)c;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int64_t system_wall(const struct clock *c)
{
    struct timespec ts;

    (void)c;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const struct clock clock_system = {.mono_ms = system_mono, .wall_ms = system_wall};

static uint64_t manual_mono(const struct clock *c)
{
    return c->manual_mono;
}

static int64_t manual_wall(const struct clock *c)
{
    return c->manual_wall;
}

struct clock clock_manual(void)
{
    return (struct clock){manual_mono, manual_wall, 1000, INT64_C(1700000000000)};
}

void clock_advance(struct clock *c, uint64_t ms)
{
    c->manual_mono += ms;
    c->manual_wall += (int64_t)ms;
}

void clock_iso(int64_t wall_ms, char out[32])
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int64_t clock_parse_iso(const char *s)
{
    struct tm tm = {0};
    char sep;

    if (!s || strlen(s) < 19 ||
        sscanf(s, "%4d-%2d-%2d%c%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &sep, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec) != 7 ||
        (sep != 'T' && sep != ' '))
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm) * 1000;
}
