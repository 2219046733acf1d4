/* curl multi on libuv; see http_client_poll.h.
 *
 * Rules that are easy to break and each cost somebody a hanging transfer or a crash:
 * - results are read after every curl_multi_socket_action: a transfer that timed out as the last one
 *   leaves no running count behind that would remind us;
 * - a poll error is passed on to curl, which then looks at the socket itself; libuv has stopped the
 *   handle by then, so it is started again when curl wants to go on;
 * - a context's memory goes in its handle's close callback, never earlier;
 * - there is no table from file number to context: curl keeps the context, numbers are reused;
 * - the socket callback never fails: that would leave all transfers of the handle in limbo.
 * Refuses to call the owner's user from here: it only reports ends. Loop thread only.
 */
#include "net/http_client_poll.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

struct socket_ctx {
    struct list link;
    struct curl_bridge *bridge;
    uv_poll_t poll;
    curl_socket_t fd;
    int events;              /* what curl wants to know, UV_READABLE and UV_WRITABLE */
    int errors;              /* poll errors in a row */
    bool retired;            /* uv_close was called */
};

_Static_assert(_Generic(((struct socket_ctx *)0)->poll, uv_poll_t: 1, default: 0), "container_of needs the handle itself");
_Static_assert(_Generic(((struct curl_bridge *)0)->timer, uv_timer_t: 1, default: 0), "container_of needs the handle itself");

static void handle_closed(struct curl_bridge *b)
{
    if (--b->handles == 0)
        b->closed(b->arg);
}

static void drain(struct curl_bridge *b)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(b->multi, &left)))
        if (m->msg == CURLMSG_DONE)
            b->ended(b->arg, m->easy_handle, (int)m->data.result);
}

static void act(struct curl_bridge *b, curl_socket_t fd, int mask)
{
    int running;
    CURLMcode rc = curl_multi_socket_action(b->multi, fd, mask, &running);
    if (rc != CURLM_OK)
        log_warn("net", "curl could not go on: %s", curl_multi_strerror(rc));
    drain(b);
}

/* --- sockets ------------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *handle)
{
    struct socket_ctx *ctx = container_of((uv_poll_t *)handle, struct socket_ctx, poll);
    struct curl_bridge *b = ctx->bridge;
    free(ctx);
    handle_closed(b);
}

static void retire(struct socket_ctx *ctx)
{
    ctx->retired = true;
    list_del(&ctx->link);
    uv_poll_stop(&ctx->poll);
    uv_close((uv_handle_t *)&ctx->poll, on_poll_closed);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static int watch(struct socket_ctx *ctx)
{
    return uv_poll_start(&ctx->poll, ctx->events, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket_ctx *ctx = container_of(poll, struct socket_ctx, poll);
    int mask = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    if (status < 0)   /* the first time curl finds out by itself, it names the cause better; then we insist */
        mask = ctx->errors++ ? CURL_CSELECT_ERR : 0;
    else
        ctx->errors = 0;
    act(ctx->bridge, ctx->fd, mask);
    if (status < 0 && !ctx->retired)   /* its memory is there until the close callback */
        watch(ctx);
}

/* A number that curl calls new cannot still be watched for an older socket: that one was closed without a word. */
static void retire_stale(struct curl_bridge *b, curl_socket_t fd)
{
    list_each_safe(at, next, &b->sockets) {
        struct socket_ctx *ctx = container_of(at, struct socket_ctx, link);
        if (ctx->fd == fd)
            retire(ctx);
    }
}

static struct socket_ctx *socket_new(struct curl_bridge *b, curl_socket_t fd)
{
    struct socket_ctx *ctx = mem_zalloc(sizeof(*ctx));
    retire_stale(b, fd);
    int rc = uv_poll_init_socket(b->loop, &ctx->poll, fd);
    if (rc != 0) {
        log_warn("net", "a socket cannot be watched: %s", uv_strerror(rc));
        free(ctx);
        return NULL;
    }
    ctx->bridge = b;
    ctx->fd = fd;
    list_add(&b->sockets, &ctx->link);
    b->handles++;
    curl_multi_assign(b->multi, fd, ctx);
    return ctx;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userp, void *socketp)
{
    struct curl_bridge *b = userp;
    struct socket_ctx *ctx = socketp;
    if (what == CURL_POLL_REMOVE) {
        if (ctx) {
            curl_multi_assign(b->multi, fd, NULL);
            retire(ctx);
        }
        return 0;
    }
    if (!ctx)
        ctx = socket_new(b, fd);
    if (ctx) {
        ctx->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
        if (ctx->events == 0 ? uv_poll_stop(&ctx->poll) == 0 : watch(ctx) == 0)
            return 0;
    }
    b->ended(b->arg, easy, CURLE_COULDNT_CONNECT);   /* deaf without a watcher; the owner ends it in a later turn */
    return 0;
}

/* --- the timer ------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    struct curl_bridge *b = container_of(timer, struct curl_bridge, timer);
    act(b, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userp)
{
    struct curl_bridge *b = userp;
    if (timeout_ms < 0)
        return uv_timer_stop(&b->timer);
    uv_update_time(b->loop);   /* the cached time may be old: the timer would fire early by that */
    /* Never 0: curl may ask for "at once" many times in a row, and sockets shall have their turn between. */
    uv_timer_start(&b->timer, on_timer, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
    return 0;
}

/* --- life -------------------------------------------------------------------------------- */

int bridge_open(struct curl_bridge *b, uv_loop_t *loop)
{
    CURLM *multi = curl_multi_init();
    if (!multi)
        return ERR_IO;
    b->loop = loop;
    b->multi = multi;
    list_init(&b->sockets);
    uv_timer_init(loop, &b->timer);
    b->handles = 1;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, b);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, b);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 16L);   /* idle ones kept for the next request */
    return 0;
}

int bridge_add(struct curl_bridge *b, void *easy)
{
    CURLMcode rc = curl_multi_add_handle(b->multi, easy);
    if (rc == CURLM_OK)
        return 0;
    log_warn("net", "curl took no transfer: %s", curl_multi_strerror(rc));
    return ERR_IO;
}

void bridge_remove(struct curl_bridge *b, void *easy)
{
    curl_multi_remove_handle(b->multi, easy);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(container_of((uv_timer_t *)handle, struct curl_bridge, timer));
}

/* The callbacks are taken away first: the cleanup says goodbye on idle connections and would watch them anew. */
void bridge_close(struct curl_bridge *b)
{
    curl_multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, NULL);
    curl_multi_cleanup(b->multi);
    b->multi = NULL;
    list_each_safe(at, next, &b->sockets)
        retire(container_of(at, struct socket_ctx, link));
    uv_close((uv_handle_t *)&b->timer, on_timer_closed);
}
