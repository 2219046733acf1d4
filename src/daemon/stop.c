/* The end. Each part is closed by a step, which starts the next one when it is over: whoever uses a part is closed before it, the
 * database last. */
#include "daemon/daemon.h"

#include <unistd.h>

#include "base/log.h"

#define GRACE_MS 500             /* for requests being answered */
#define LIMIT_MS 1700            /* then whatever still hangs on the pool is left behind */

static void next_step(void *arg);

static void stop_server(struct daemon *d)
{
    if (d->server)
        http_server_close(d->server, GRACE_MS, next_step, d);
    else
        next_step(d);
}

static void stop_manners(struct daemon *d)
{
    manners_close(d->manners, next_step, d);
    d->manners = NULL;
}

static void stop_pikaraoke(struct daemon *d)
{
    pikaraoke_close(d->pikaraoke, next_step, d);
}

static void stop_scan(struct daemon *d)
{
    scan_close(d->scan, next_step, d);
}

static void stop_judge(struct daemon *d)
{
    judge_close(d->judge, next_step, d);
}

static void stop_worker(struct daemon *d)
{
    enrich_close(d->enrich, next_step, d);
}

static void stop_client(struct daemon *d)
{
    http_client_close(d->http, next_step, d);
}

static void stop_event_log(struct daemon *d)
{
    if (d->event_log)
        event_log_close(d->event_log, next_step, d);
    else
        next_step(d);
}

static void stop_database(struct daemon *d)
{
    if (d->prune)
        prune_close(d->prune);
    dbq_close(d->q, next_step, d);
}

static void close_own(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void stop_rest(struct daemon *d)
{
    d->db_closed = true;
    if (d->api)
        api_free(d->api);
    enrich_free(d->enrich);
    pikaraoke_free(d->pikaraoke);
    if (d->events)
        events_free(d->events);
    if (d->stats)
        loop_stats_free(d->stats);
    close_own((uv_handle_t *)&d->on_term);
    close_own((uv_handle_t *)&d->on_int);
    close_own((uv_handle_t *)&d->on_hup);
    close_own((uv_handle_t *)&d->once_timer);
    close_own((uv_handle_t *)&d->summary_timer);
    service_close(&d->service);
    /* the limit alone must not keep the loop alive, but must fire while a lookup does */
    uv_unref((uv_handle_t *)&d->limit_timer);
}

static void (*const steps[])(struct daemon *d) = {
    stop_server, stop_manners, stop_pikaraoke, stop_scan,     stop_judge,
    stop_worker, stop_client,  stop_event_log, stop_database, stop_rest,
};

static void next_step(void *arg)
{
    struct daemon *d = arg;

    steps[d->stop_step++](d);
}

/* A name lookup or a read on a dead disk cannot be cancelled, and exit() would wait for it: once the database is
 * closed, or the time is over in any case, leave without. Everything acknowledged is stored by then. */
static void on_limit(uv_timer_t *t)
{
    struct daemon *d = t->data;

    if (!d->db_closed)
        log_warn("main", "something does not end in time; leaving without it");
    _exit(d->exit_code);
}

void stop_begin(struct daemon *d, int code)
{
    if (d->closing)
        return;
    d->closing = true;
    d->exit_code = code;
    service_stopping(&d->service);
    uv_update_time(&d->loop);
    uv_timer_start(&d->limit_timer, on_limit, LIMIT_MS, 0);
    events_publish(d->events, EVENT_SHUTDOWN, "");
    next_step(d);
}

/* Half a start cannot be undone part by part, and need not be: nothing was acknowledged. Opening may wait for another program's
 * lock, so the start is given up when it takes its time, else it ends as soon as it is over. */
static void stop_during_start(struct daemon *d)
{
    uv_update_time(&d->loop);
    uv_timer_start(&d->limit_timer, on_limit, LIMIT_MS, 0);
    d->stop_wished = true;
}

void stop_on_signal(uv_signal_t *h, int signum)
{
    struct daemon *d = h->data;

    if (d->closing || d->stop_wished)
        _exit(128 + signum);   /* asked twice: at once */
    log_info("main", "stopping on signal %d", signum);
    if (d->started)
        stop_begin(d, 0);
    else
        stop_during_start(d);
}
