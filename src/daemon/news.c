/* What one part's news means for the others. */
#include "daemon/daemon.h"

#include <string.h>

#include "base/log.h"

void news_committed(void *arg)
{
    struct daemon *d = arg;

    if (!d->closing)
        events_progress_changed(d->events);
    if (d->enrich)
        tell_while_working(d);
    if (d->started && !d->closing)
        service_changed(&d->service);
    if (d->pikaraoke)
        pikaraoke_committed(d->pikaraoke);
    if (d->manners)
        manners_committed(d->manners);
}

/* Songs went, moved or came back since the judge was told: it looks at every row. */
static bool scan_gone(struct daemon *d)
{
    struct scan_status s;
    uint64_t gone;
    bool more;

    scan_status(d->scan, &s);
    gone = s.missing + s.moved + s.returned;
    more = gone && gone != d->scans_gone;
    d->scans_gone = gone;
    return more;
}

/* At the end of each comes news_scan_settled, or news_scan_changed once more. */
static bool more_songs_come(struct daemon *d)
{
    struct scan_status s;

    scan_status(d->scan, &s);
    return s.running || (d->pikaraoke && pikaraoke_is_reading(d->pikaraoke));
}

void news_scan_changed(void *arg)
{
    struct daemon *d = arg;

    d->last_activity = clock_mono(&clock_system);
    if (more_songs_come(d))
        judge_more(d->judge);
    else
        judge_wake(d->judge, scan_gone(d));
    enrich_wake(d->enrich);
}

void news_judge_changed(void *arg)
{
    struct daemon *d = arg;

    d->last_activity = clock_mono(&clock_system);
    enrich_wake(d->enrich);
}

void news_scan_settled(void *arg)
{
    struct daemon *d = arg;
    bool first = !d->scan_settled;
    struct scan_status s;

    d->scan_settled = true;
    scan_status(d->scan, &s);
    judge_wake(d->judge, s.missing || s.moved || s.returned);
    judge_rest(d->judge);
    if (first)
        tell_summary(d, "library read");
    if (d->started && !d->closing)
        service_changed(&d->service);
    pikaraoke_scanned(d->pikaraoke);
    once_look(d);
}

void news_idle(void *arg)
{
    once_look(arg);
}

void news_log_level(const struct config *c)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(config_text(c, OPT_LOG_LEVEL), names[i]) == 0)
            log_set_level((enum log_level)i);
}

void news_settings(void *arg, const char *changed)
{
    struct daemon *d = arg;

    news_log_level(d->config);
    enrich_reconfigure(d->enrich);
    pikaraoke_reconfigure(d->pikaraoke);
    events_publish(d->events, EVENT_SETTINGS, changed);
    events_progress_changed(d->events);
}

void news_reloaded(void *arg, int rc, const char *changed)
{
    struct daemon *d = arg;

    if (d->closing)
        return;
    service_ready(&d->service);
    if (rc == 0 && changed)
        news_settings(d, changed);
}

void news_hangup(uv_signal_t *h, int signum)
{
    struct daemon *d = h->data;

    (void)signum;
    if (!d->started || d->closing)
        return;
    if (d->event_log)
        event_log_reopen(d->event_log);
    service_reloading(&d->service);
    reload_start(&d->reload, &d->loop);
}
