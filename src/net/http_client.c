/* Fetches: names, redirects, retries, deadlines and the one callback; see http_client.h.
 *
 * A fetch waits for its host's addresses (LOOKUP), is with curl (TRANSFER), has been reported over by
 * curl (SETTLING), or is decided and waits for its callback (ENDED). Everything that calls out happens
 * in on_turn, the client's own timer, never while curl is at work and never from inside a call of the user.
 * That timer also ends what is overdue: lookups exactly, transfers a second after curl should have.
 * Refuses redirects to another host, scheme or port. Loop thread only.
 */
#include "net/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http_client_dns.h"
#include "net/http_client_poll.h"
#include "net/http_client_transfer.h"

#define DEFAULT_TIMEOUT_MS 30000
#define MAX_TIMEOUT_MS (3600 * 1000)
#define DEFAULT_MAX_BODY (8 * 1024 * 1024)
#define MAX_REDIRECTS 3
#define CURL_GRACE_MS 1000

struct http_client {
    uv_loop_t *loop;
    struct curl_bridge bridge;
    struct names *names;
    uv_timer_t turn;              /* armed for the next callback or deadline; not at all while nothing is going on */
    struct list active;           /* struct fetch: LOOKUP, TRANSFER, SETTLING */
    struct list ended;            /* ENDED, callback due */
    bool settling;                /* some active fetch is SETTLING */
    bool closing;
    int open;                     /* of bridge and turn */
    void (*closed)(void *arg);
    void *closed_arg;
};

enum fetch_state {
    FETCH_LOOKUP,                 /* waits for addresses */
    FETCH_TRANSFER,               /* curl has it */
    FETCH_SETTLING,               /* curl is done with it, the next turn decides what that means */
    FETCH_ENDED                   /* decided; only the callback is missing */
};

struct fetch {
    struct list link;
    struct http_client *client;
    enum fetch_state state;
    struct target target;
    char *user_agent, *header, *post_body, *secret, *ca_file;   /* owned copies, may be NULL */
    size_t max_body;
    uint64_t started, deadline;   /* loop time */
    struct name_wait wait;
    char *addresses;
    struct transfer transfer;
    int curl_code;                /* valid when SETTLING */
    int redirects;
    bool retried;
    int code, status;             /* the answer, valid when ENDED */
    char *content_type, *retry_after, *rate_zone, *rate_reset_in, *rate_remaining;
    uint64_t first_byte_ms;
    uint64_t total_ms;
    char detail[240];
    fetch_sent_cb sent;
    fetch_cb done;
    void *arg;
};

_Static_assert(_Generic(((struct http_client *)0)->turn, uv_timer_t: 1, default: 0), "container_of needs the handle itself");

/* --- the client's turn -------------------------------------------------------------------- */

static void on_turn(uv_timer_t *timer);

static uint64_t fetch_due(const struct fetch *f)
{
    return f->deadline + (f->state == FETCH_LOOKUP ? 0 : CURL_GRACE_MS);
}

static void arm_turn(struct http_client *c)
{
    uv_update_time(c->loop);
    uint64_t now = uv_now(c->loop), due = UINT64_MAX;
    list_each_safe(at, next, &c->active) {
        const struct fetch *f = container_of(at, struct fetch, link);
        due = fetch_due(f) < due ? fetch_due(f) : due;
    }
    if (c->settling || c->closing || !list_is_empty(&c->ended))
        due = now;
    if (due == UINT64_MAX)
        uv_timer_stop(&c->turn);
    else
        uv_timer_start(&c->turn, on_turn, due > now ? due - now : 0, 0);
}

/* --- the end of a fetch ---------------------------------------------------------------------- */

static void stop_transfer(struct fetch *f)
{
    if (f->transfer.easy && f->state != FETCH_ENDED)
        bridge_remove(&f->client->bridge, f->transfer.easy);
}

/* Decides the fetch: takes it from everybody who works for it and queues its callback. */
static void end_fetch(struct fetch *f, int code)
{
    struct http_client *c = f->client;
    names_leave(&f->wait);
    stop_transfer(f);
    f->state = FETCH_ENDED;
    f->code = code;
    f->total_ms = uv_now(c->loop) - f->started;
    if (f->transfer.first_byte_at)
        f->first_byte_ms = f->transfer.first_byte_at - f->started;
    struct buf body = f->transfer.body;
    f->transfer.body = (struct buf){0};
    transfer_deinit(&f->transfer);
    if (code == 0) {
        f->transfer.body = body;
    } else {
        buf_deinit(&body);
        buf_init(&f->transfer.body, f->max_body);
    }
    list_del(&f->link);
    list_add(&c->ended, &f->link);
    arm_turn(c);
}

static void end_because(struct fetch *f, int code, const char *detail)
{
    snprintf(f->detail, sizeof(f->detail), "%s", detail);
    end_fetch(f, code);
}

static void free_fetch(struct fetch *f)
{
    transfer_deinit(&f->transfer);
    target_deinit(&f->target);
    free(f->user_agent);
    free(f->header);
    free(f->post_body);
    free(f->secret);
    free(f->ca_file);
    free(f->addresses);
    free(f->content_type);
    free(f->retry_after);
    free(f->rate_zone);
    free(f->rate_reset_in);
    free(f->rate_remaining);
    free(f);
}

static void deliver(struct fetch *f)
{
    const struct fetch_result result = {
        .code = f->code,
        .status = f->status,
        .body = &f->transfer.body,
        .content_type = f->content_type,
        .retry_after = f->retry_after,
        .rate_zone = f->rate_zone,
        .rate_reset_in = f->rate_reset_in,
        .rate_remaining = f->rate_remaining,
        .started_ms = f->started,
        .first_byte_ms = f->first_byte_ms,
        .total_ms = f->total_ms,
        .detail = f->detail,
    };
    /* Host only: paths and queries carry keys. */
    log_debug("net", "fetch ended host=%s result=%s status=%d bytes=%zu ms=%llu", f->target.host, err_name(f->code), f->status,
              f->transfer.body.len, (unsigned long long)f->total_ms);
    f->done(f->arg, &result);
    free_fetch(f);
}

/* --- with curl ---------------------------------------------------------------------------------- */

static void begin_transfer(struct fetch *f, bool fresh)
{
    struct http_client *c = f->client;
    uint64_t now = uv_now(c->loop);
    if (now >= f->deadline) {
        end_because(f, ERR_TIMEOUT, "no complete answer in time");
        return;
    }
    const struct transfer_setup setup = {
        .loop = c->loop,
        .target = &f->target,
        .addresses = f->addresses,
        .user_agent = f->user_agent,
        .header = f->header,
        .post_body = f->post_body,
        .secret = f->secret,
        .ca_file = f->ca_file,
        .max_body = f->max_body,
        .timeout_ms = f->deadline - now,
        .fresh = fresh,
        .sent = f->sent,
        .arg = f->arg,
    };
    f->state = FETCH_TRANSFER;
    if (transfer_init(&f->transfer, &setup) == 0 && bridge_add(&c->bridge, f->transfer.easy) == 0)
        return;
    transfer_deinit(&f->transfer);
    end_because(f, ERR_NETWORK, "the request could not be started");
}

/* Once more under the same deadline. */
static void begin_again(struct fetch *f, bool fresh)
{
    stop_transfer(f);
    transfer_deinit(&f->transfer);
    begin_transfer(f, fresh);
}

static void on_transfer_ended(void *arg, void *easy, int curl_code)
{
    struct http_client *c = arg;
    list_each_safe(at, next, &c->active) {
        struct fetch *f = container_of(at, struct fetch, link);
        if (f->state != FETCH_TRANSFER || f->transfer.easy != easy)
            continue;
        f->state = FETCH_SETTLING;
        f->curl_code = curl_code;
        c->settling = true;
    }
    arm_turn(c);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void follow(struct fetch *f, const char *location)
{
    struct target to;
    if (++f->redirects > MAX_REDIRECTS) {
        end_because(f, ERR_PROVIDER, "the server redirects more often than is followed");
    } else if (target_parse(&to, location, NULL) != 0) {
        end_because(f, ERR_PROVIDER, "the server redirects to something that is no URL");
    } else if (!target_same_origin(&f->target, &to)) {
        target_deinit(&to);
        end_because(f, ERR_PROVIDER, "the server redirects to another host, scheme or port, which is not followed");
    } else {
        target_deinit(&f->target);
        f->target = to;
        if (f->status < 307) {   /* as browsers do; 307 and 308 keep the method */
            free(f->post_body);
            f->post_body = NULL;
        }
        begin_again(f, false);
    }
}

static void take_headers(struct fetch *f)
{
    f->content_type = transfer_header(&f->transfer, "content-type");
    f->retry_after = transfer_header(&f->transfer, "retry-after");
    f->rate_zone = transfer_header(&f->transfer, "x-ratelimit-zone");
    f->rate_reset_in = transfer_header(&f->transfer, "x-ratelimit-reset-in");
    f->rate_remaining = transfer_header(&f->transfer, "x-ratelimit-remaining");
}

/* What curl's report means for the fetch. */
static void settle(struct fetch *f)
{
    int rc = f->curl_code;
    f->status = transfer_status(&f->transfer);
    if (transfer_died_unseen(&f->transfer, rc) && !f->retried) {
        f->retried = true;
        begin_again(f, true);
        return;
    }
    char *location = rc == 0 && is_redirect(f->status) ? transfer_location(&f->transfer) : NULL;
    if (location) {
        follow(f, location);
        free(location);
        return;
    }
    if (transfer_could_not_connect(&f->transfer, rc))
        names_forget(f->client->names, f->target.host);
    take_headers(f);
    if (rc == 0)
        end_because(f, 0, "answered");
    else
        end_fetch(f, transfer_classify(&f->transfer, rc, f->detail, sizeof(f->detail)));
}

static void settle_all(struct http_client *c)
{
    c->settling = false;
    list_each_safe(at, next, &c->active) {
        struct fetch *f = container_of(at, struct fetch, link);
        if (f->state == FETCH_SETTLING)
            settle(f);
    }
}

static void end_overdue(struct http_client *c)
{
    list_each_safe(at, next, &c->active) {
        struct fetch *f = container_of(at, struct fetch, link);
        if (fetch_due(f) > uv_now(c->loop))
            continue;
        if (f->state == FETCH_LOOKUP)   /* a dead resolver says nothing about what was asked for */
            end_because(f, ERR_DNS, "the host name was not resolved in time");
        else
            end_because(f, ERR_TIMEOUT, "no complete answer in time");
    }
}

static void on_turn_closed(uv_handle_t *handle);

static void on_turn(uv_timer_t *timer)
{
    struct http_client *c = container_of(timer, struct http_client, turn);
    struct list now;
    settle_all(c);
    end_overdue(c);
    list_init(&now);
    while (!list_is_empty(&c->ended)) {
        struct list *at = c->ended.next;
        list_del(at);
        list_add(&now, at);
    }
    while (!list_is_empty(&now)) {   /* what the callbacks end or start belongs to the next turn */
        struct fetch *f = container_of(now.next, struct fetch, link);
        list_del(&f->link);
        deliver(f);
    }
    if (c->closing && list_is_empty(&c->ended))
        uv_close((uv_handle_t *)&c->turn, on_turn_closed);
    else
        arm_turn(c);
}

/* --- starting ---------------------------------------------------------------------------------------- */

static void on_name_found(struct name_wait *w, const char *addresses, const char *why)
{
    struct fetch *f = container_of(w, struct fetch, wait);
    if (!addresses) {
        snprintf(f->detail, sizeof(f->detail), "host '%.100s' could not be resolved: %s", f->target.host, why);
        end_fetch(f, ERR_DNS);
        return;
    }
    f->addresses = mem_strdup(addresses);
    begin_transfer(f, false);
    arm_turn(f->client);
}

static int check_options(const struct http_client *c, const struct fetch_options *o, struct err *e)
{
    if (c->closing)
        return err_set(e, ERR_CLOSED, "the HTTP client is closed");
    if (!o->url)
        return err_set(e, ERR_INVALID, "a fetch needs a URL");
    if ((o->header && strpbrk(o->header, "\r\n")) || (o->user_agent && strpbrk(o->user_agent, "\r\n")))
        return err_set(e, ERR_INVALID, "a request header must be one line");
    return 0;
}

static struct fetch *new_fetch(struct http_client *c, const struct fetch_options *o, struct target target)
{
    struct fetch *f = mem_zalloc(sizeof(*f));
    uint64_t timeout = o->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : o->timeout_ms < MAX_TIMEOUT_MS ? o->timeout_ms : MAX_TIMEOUT_MS;
    f->client = c;
    f->target = target;
    f->user_agent = mem_strdup(o->user_agent);
    f->header = mem_strdup(o->header);
    f->post_body = mem_strdup(o->post_body);
    f->secret = mem_strdup(o->secret);
    f->ca_file = mem_strdup(o->ca_file);
    f->max_body = o->max_body ? o->max_body : DEFAULT_MAX_BODY;
    f->started = uv_now(c->loop);
    f->deadline = f->started + timeout;
    f->wait.found = on_name_found;
    list_init(&f->wait.link);
    list_init(&f->link);
    return f;
}

int fetch_start(struct http_client *c, const struct fetch_options *o, fetch_cb done, void *arg, struct fetch **out, struct err *e)
{
    struct target target;
    const char *addresses;
    int rc = check_options(c, o, e);
    if (rc == 0)
        rc = target_parse(&target, o->url, e);
    if (rc != 0)
        return rc;
    uv_update_time(c->loop);
    struct fetch *f = new_fetch(c, o, target);
    f->sent = o->sent;
    f->done = done;
    f->arg = arg;
    rc = names_find(c->names, f->target.host, &f->wait, &addresses, e);
    if (rc != 0) {
        free_fetch(f);
        return rc;
    }
    list_add(&c->active, &f->link);
    if (addresses) {
        f->addresses = mem_strdup(addresses);
        begin_transfer(f, false);
    }
    arm_turn(c);
    if (out)
        *out = f;
    return 0;
}

void fetch_cancel(struct fetch *f)
{
    if (f->state != FETCH_ENDED)
        end_because(f, ERR_CANCELED, "canceled");
}

/* --- life of the client --------------------------------------------------------------------------------- */

static void part_closed(struct http_client *c)
{
    if (--c->open > 0)
        return;
    curl_global_cleanup();
    if (c->closed)
        c->closed(c->closed_arg);
    names_close(c->names);   /* goes on alone until its last lookup ends */
    free(c);
}

static void on_bridge_closed(void *arg)
{
    part_closed(arg);
}

static void on_turn_closed(uv_handle_t *handle)
{
    part_closed(container_of((uv_timer_t *)handle, struct http_client, turn));
}

int http_client_new(uv_loop_t *loop, struct http_client **out, struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)   /* counts its callers */
        return err_set(e, ERR_IO, "libcurl could not be started");
    struct http_client *c = mem_zalloc(sizeof(*c));
    c->bridge.ended = on_transfer_ended;
    c->bridge.closed = on_bridge_closed;
    c->bridge.arg = c;
    if (bridge_open(&c->bridge, loop) != 0) {
        free(c);
        curl_global_cleanup();
        return err_set(e, ERR_IO, "libcurl could not be started");
    }
    c->loop = loop;
    c->names = names_new(loop);
    list_init(&c->active);
    list_init(&c->ended);
    uv_timer_init(loop, &c->turn);
    c->open = 2;
    *out = c;
    return 0;
}

void http_client_close(struct http_client *c, void (*closed)(void *arg), void *arg)
{
    if (c->closing)
        bug("the HTTP client is closed twice");
    c->closing = true;
    c->closed = closed;
    c->closed_arg = arg;
    list_each_safe(at, next, &c->active)
        end_because(container_of(at, struct fetch, link), ERR_CANCELED, "canceled");
    names_cancel(c->names);
    bridge_close(&c->bridge);   /* after every easy handle is gone */
    arm_turn(c);
}

int http_client_lookups(const struct http_client *c)
{
    return names_running(c->names);
}
