/* What the daemon says of itself: lines in the log, the sentence of the service manager, progress. */
#include "daemon/daemon.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

void tell_summary(struct daemon *d, const char *what)
{
    const struct counts *c = dbq_counts(d->q);
    char requests[240] = "";

    if (d->enrich)
        enrich_summary(d->enrich, requests, sizeof requests);
    log_info("main",
             "%s: %lld songs, %lld enriched, %lld by hand, %lld not found or given up, %lld waiting (%lld for their date)%s%s",
             what, (long long)c->total, (long long)c->by_status[SONG_ENRICHED], (long long)c->by_status[SONG_MANUAL],
             (long long)c->by_status[SONG_FAILED], (long long)c->queued, (long long)c->dating, requests[0] ? "; " : "", requests);
}

static void on_summary(uv_timer_t *t)
{
    tell_summary(t->data, "working");
}

void tell_sentence(void *arg, char *out, size_t size)
{
    struct daemon *d = arg;
    const struct counts *c = dbq_counts(d->q);
    struct scan_status s;

    scan_status(d->scan, &s);
    if (s.running && !d->scan_settled)
        snprintf(out, size, "Reading the library: %llu files seen", (unsigned long long)s.files);
    else if (c->queued == 0)
        snprintf(out, size, "At rest: %lld songs, %lld enriched, %lld by hand, %lld not found", (long long)c->total,
                 (long long)c->by_status[SONG_ENRICHED], (long long)c->by_status[SONG_MANUAL],
                 (long long)c->by_status[SONG_FAILED]);
    else
        snprintf(out, size, "%s: %lld of %lld songs wait",
                 enrich_mode(d->enrich) == WORKER_RUNNING  ? "Enriching"
                 : enrich_mode(d->enrich) == WORKER_PAUSED ? "Paused"
                                                           : "Stopped",
                 (long long)c->queued, (long long)c->total);
}

/* A minute apart; five seconds for a person at a terminal. */
void tell_while_working(struct daemon *d)
{
    if (d->closing || uv_is_active((uv_handle_t *)&d->summary_timer))
        return;
    if (dbq_counts(d->q)->queued > 0 && enrich_mode(d->enrich) == WORKER_RUNNING)
        uv_timer_start(&d->summary_timer, on_summary, isatty(STDERR_FILENO) ? 5000 : 60000, 0);
}

void tell_progress(void *arg, struct json_out *o)
{
    struct daemon *d = arg;

    if (d->api && !d->closing)   /* a late timer: what progress tells of may be gone */
        api_progress_members(d->api, o);
}
