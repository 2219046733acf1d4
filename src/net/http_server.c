/* Life of the HTTP server: start, timers, the list of connections, close; see http_server.h.
 *
 * Loop thread only. Wakes nobody while no connection is open: the sweep runs with the first and stops with
 * the last. The server's memory goes with the last of its handles, connections included.
 */
#include "net/http_server_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"

static const struct http_timeouts default_timeouts = {
    .header_ms = 10000, .request_ms = 30000, .idle_ms = 60000, .write_ms = 30000};

/* --- timers ---------------------------------------------------------------------------------- */

static void on_sweep(uv_timer_t *t)
{
    struct http_server *s = t->data;
    uint64_t now = uv_now(s->loop);

    list_each_safe(l, next, &s->conns)
        conn_sweep(container_of(l, struct conn, link), now);
}

/* Once a second, or finer where the time-outs are shorter than that. */
static uint64_t sweep_interval(const struct http_timeouts *t)
{
    const uint64_t all[] = {t->header_ms, t->request_ms, t->idle_ms, t->write_ms};
    uint64_t least = 1000;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] < least)
            least = all[i];
    return least < 10 ? 10 : least;
}

static void on_grace_over(uv_timer_t *t)
{
    struct http_server *s = t->data;

    list_each_safe(l, next, &s->conns)
        conn_close(container_of(l, struct conn, link), "shutting down");
}

static void on_turn(uv_idle_t *idle)
{
    struct http_server *s = idle->data;
    struct list now;

    /* Connections that ask for a further turn while these run get it in the next turn of the loop. */
    list_init(&now);
    while (!list_is_empty(&s->ready)) {
        struct list *l = s->ready.next;
        list_del(l);
        list_add(&now, l);
    }
    while (!list_is_empty(&now)) {
        struct list *l = now.next;
        list_del(l);
        conn_turn(container_of(l, struct conn, ready));
    }
    if (list_is_empty(&s->ready))
        uv_idle_stop(&s->turn);
}

void server_run_later(struct http_server *s, struct conn *c)
{
    list_del(&c->ready);
    list_add(&s->ready, &c->ready);
    uv_idle_start(&s->turn, on_turn);
}

/* --- connections -------------------------------------------------------------------------------- */

void server_conn_opened(struct http_server *s, struct conn *c)
{
    uint64_t interval = sweep_interval(&s->timeouts);

    list_add(&s->conns, &c->link);
    s->handles++;
    if (c->refused)
        s->refused_count++;
    else
        s->conn_count++;
    if (!uv_is_active((uv_handle_t *)&s->sweep))
        uv_timer_start(&s->sweep, on_sweep, interval, interval);
}

void server_conn_closing(struct http_server *s, struct conn *c)
{
    list_del(&c->link);
    list_del(&c->ready);
    if (c->refused)
        s->refused_count--;
    else
        s->conn_count--;
    if (!list_is_empty(&s->conns))
        return;
    if (!uv_is_closing((uv_handle_t *)&s->sweep))
        uv_timer_stop(&s->sweep);
    /* Nobody is left to wait for: the grace timer would only hold the loop. */
    if (s->closing && !uv_is_closing((uv_handle_t *)&s->grace))
        uv_timer_stop(&s->grace);
}

/* --- life --------------------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t v, uint64_t fallback)
{
    return v ? v : fallback;
}

static struct http_timeouts read_timeouts(const struct http_timeouts *t)
{
    const struct http_timeouts *d = &default_timeouts;

    if (!t)
        return *d;
    return (struct http_timeouts){.header_ms = or_default(t->header_ms, d->header_ms),
                                  .request_ms = or_default(t->request_ms, d->request_ms),
                                  .idle_ms = or_default(t->idle_ms, d->idle_ms),
                                  .write_ms = or_default(t->write_ms, d->write_ms)};
}

struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *o)
{
    struct http_server *s = mem_zalloc(sizeof *s);

    s->loop = loop;
    s->o = o;
    s->timeouts = read_timeouts(o->timeouts);
    list_init(&s->conns);
    list_init(&s->ready);
    list_init(&s->refused);
    uv_timer_init(loop, &s->later);
    uv_timer_init(loop, &s->sweep);
    uv_timer_init(loop, &s->grace);
    uv_idle_init(loop, &s->turn);
    s->sweep.data = s->grace.data = s->turn.data = s->later.data = s;
    s->handles = OWN_HANDLES;
    return s;
}

static void on_own_handle_closed(uv_handle_t *h)
{
    server_handle_closed(h->data);
}

/* The own handles are the last to go, so that whatever closes before can still use them. */
static void close_own_handles(struct http_server *s)
{
    uv_close((uv_handle_t *)&s->sweep, on_own_handle_closed);
    uv_close((uv_handle_t *)&s->grace, on_own_handle_closed);
    uv_close((uv_handle_t *)&s->turn, on_own_handle_closed);
    uv_close((uv_handle_t *)&s->later, on_own_handle_closed);
}

void server_handle_closed(struct http_server *s)
{
    void (*closed)(void *) = s->closed;
    void *arg = s->closed_arg;

    s->handles--;
    if (s->closing && s->handles == OWN_HANDLES && !uv_is_closing((uv_handle_t *)&s->sweep))
        close_own_handles(s);
    if (s->handles > 0)
        return;
    free(s);
    closed(arg);
}

void http_server_close(struct http_server *s, uint64_t grace_ms, void (*closed)(void *arg), void *arg)
{
    if (s->closing)
        bug("the HTTP server is closed twice");
    s->closing = true;
    s->closed = closed;
    s->closed_arg = arg;
    for (int i = 0; i < s->listener_count; i++)
        listener_close(s->listeners[i]);
    s->listener_count = 0;
    server_refuse_now(s);
    list_each_safe(l, next, &s->conns) {
        struct conn *c = container_of(l, struct conn, link);
        if (c->state == CONN_LINGER || (c->state == CONN_READ && !c->request && c->in.len == 0))
            conn_close(c, "shutting down");
        else if (c->state == CONN_STREAM)
            stream_end(c->stream, SLICE_LIT(""));
    }
    uv_timer_start(&s->grace, on_grace_over, grace_ms, 0);
    if (list_is_empty(&s->conns))
        uv_timer_stop(&s->grace);
    if (s->handles == OWN_HANDLES)
        close_own_handles(s);
}

/* --- inspection ------------------------------------------------------------------------------------ */

const char *http_server_address(const struct http_server *s, int n)
{
    return n >= 0 && n < s->listener_count ? s->listeners[n]->text : NULL;
}

int http_server_connections(const struct http_server *s)
{
    return s->conn_count;
}

int http_server_streams(const struct http_server *s)
{
    return s->stream_count;
}

uint64_t http_server_requests(const struct http_server *s)
{
    return s->requests;
}

/* Written once a second, in English whatever the locale. */
const char *server_date(struct http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm t;

    if (s->date[0] && s->date_s == now)
        return s->date;
    s->date_s = now;
    gmtime_r(&now, &t);
    snprintf(s->date, sizeof s->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday, t.tm_mday,
             months + 3 * t.tm_mon, (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min, t.tm_sec);
    return s->date;
}
