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

/* Days since 1970 by the calendar, with the year starting in March, so that the leap day is its last. Not by timegm and gmtime:
 * Debian 12's armhf has a time_t of 32 bits, which ends in 2038; and a page of 500 songs holds 1,500 times. */
static int64_t days_of(int y, int month, int day)
{
    int64_t era_year = month > 2 ? y : y - 1;

    return era_year * 365 + era_year / 4 - era_year / 100 + era_year / 400 + (153 * ((month + 9) % 12) + 2) / 5 + day - 719469;
}

void clock_iso(int64_t wall_ms, char out[32])
{
    int64_t s = wall_ms > 0 ? wall_ms / 1000 : 0, day = s / 86400;
    int y = (int)(day / 366) + 1970, month = 1;
    unsigned in_day = (unsigned)(s % 86400);

    /* 366 days are never less than a year: the guess is early, by a year in each 480. The field has four digits. */
    while (y < 9999 && days_of(y + 1, 1, 1) <= day)
        y++;
    while (month < 12 && days_of(y, month + 1, 1) <= day)
        month++;
    snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)y % 10000, (unsigned)month % 100,
             (unsigned)(day - days_of(y, month, 1) + 1) % 100, in_day / 3600, in_day / 60 % 60, in_day % 60);
}

/* -1 unless there are n digits. */
static int digits(const char *p, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

int64_t clock_parse_iso(const char *s)
{
    int y, month, day, h, min, sec;

    if (!s || strlen(s) < 19 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ') || s[13] != ':' || s[16] != ':')
        return -1;
    y = digits(s, 4), month = digits(s + 5, 2), day = digits(s + 8, 2);
    h = digits(s + 11, 2), min = digits(s + 14, 2), sec = digits(s + 17, 2);
    if (y < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || h < 0 || h > 23 || min < 0 || min > 59 || sec < 0 ||
        sec > 60)
        return -1;
    return (((days_of(y, month, day) * 24 + h) * 60 + min) * 60 + sec) * 1000;
}
