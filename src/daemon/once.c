/* --once: works until nothing is left, and says with its exit code how it went. */
#include "daemon/daemon.h"

#include "base/log.h"

#define EXIT_DONE_WITH_FAILURES 3
#define EXIT_TEMPORARY 75        /* sysexits.h: try again */

static void on_command(void *arg, int rc, bool changed, enum worker_mode mode)
{
    (void)changed;
    (void)mode;
    start_waited(arg, rc, NULL);
}

/* The worker's totals count since it was started: started anew, they begin at 0. */
void once_start(struct daemon *d)
{
    enrich_command(d->enrich, WORKER_CMD_START, on_command, d);
    if (start_wait(d) == ERR_UNAVAILABLE)
        log_warn("main", "no provider is usable: names are read, nothing can be asked");
    if (dbq_counts(d->q)->total_failed < d->failed_before)
        d->failed_before = dbq_counts(d->q)->total_failed;
}

void once_look(struct daemon *d)
{
    const struct counts *c = dbq_counts(d->q);

    if (!d->args.once || d->closing || !d->scan_settled || !judge_is_idle(d->judge) || !pikaraoke_is_settled(d->pikaraoke) ||
        !enrich_is_idle(d->enrich) || c->queued)
        return;
    tell_summary(d, "done");
    stop_begin(d, c->total_failed > d->failed_before ? EXIT_DONE_WITH_FAILURES : 0);
}

/* Looking through folders and lists is an activity while it comes forward, not because it has not ended. */
static bool reading_advances(struct daemon *d)
{
    struct scan_status s;
    uint64_t place;
    bool moved;

    scan_status(d->scan, &s);
    place = s.files + s.listed + s.changed + s.moved + s.returned + s.missing + pikaraoke_place(d->pikaraoke);
    moved = place != d->read_place;
    d->read_place = place;
    return !s.failing && (moved || s.young);
}

static void on_once_timer(uv_timer_t *t)
{
    struct daemon *d = t->data;
    uint64_t now = clock_mono(&clock_system), last = enrich_last_advance(d->enrich);

    once_look(d);
    if (d->closing)
        return;          /* the scan may be gone */
    if (reading_advances(d))
        d->last_activity = now;
    if (d->last_activity > last)
        last = d->last_activity;
    if (now - last < d->args.wait_s * 1000)
        return;
    tell_summary(d, "stuck");
    log_warn("main", "nothing could advance for %llu s; the queue is kept for the next run", (unsigned long long)d->args.wait_s);
    stop_begin(d, EXIT_TEMPORARY);
}

void once_watch(struct daemon *d)
{
    uv_timer_start(&d->once_timer, on_once_timer, 200, 200);
}
