/* One connection: reads a request, hands it on, writes the answer, and again.
 *
 * One request at a time: bytes behind it wait (bounded), and are taken up from the loop, never from inside the
 * answer, so that neither order nor stack depends on the client. A client that shut its side still gets its
 * answer. conn_close calls nobody: owners hear of the end from the close callback. Loop thread only.
 */
#include "net/http_server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"

/* --- state ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    unsigned to;                     /* bits of the states that may follow */
} states[] = {
    [CONN_READ] = {"read", 1u << CONN_HANDLE | 1u << CONN_CLOSED},
    [CONN_HANDLE] = {"handle", 1u << CONN_WRITE | 1u << CONN_STREAM | 1u << CONN_CLOSED},
    [CONN_WRITE] = {"write", 1u << CONN_READ | 1u << CONN_LINGER | 1u << CONN_CLOSED},
    [CONN_STREAM] = {"stream", 1u << CONN_CLOSED},
    [CONN_LINGER] = {"linger", 1u << CONN_CLOSED},
    [CONN_CLOSED] = {"closed", 0},
};

void conn_move(struct conn *c, enum conn_state to)
{
    if (!(states[c->state].to & 1u << to))
        bug("a connection cannot go from '%s' to '%s'", states[c->state].name, states[to].name);
    c->state = to;
    c->deadline = 0;
}

static void set_deadline(struct conn *c, uint64_t from, uint64_t ms)
{
    c->deadline = from + ms;
}

/* --- close ---------------------------------------------------------------------------------------- */

static void on_conn_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    struct http_server *s = c->server;
    struct request *r = c->request;

    if (r) {
        r->conn = NULL;
        if (!r->handed)
            request_free(r);
    }
    if (c->stream)
        stream_conn_closed(c->stream);
    http_parser_free(c->parser);
    buf_deinit(&c->in);
    free(c);
    server_handle_closed(s);
}

void conn_close(struct conn *c, const char *why)
{
    if (c->state == CONN_CLOSED)
        return;
    log_debug("net", "connection closed: %s state=%s", why, states[c->state].name);
    conn_move(c, CONN_CLOSED);
    server_conn_closing(c->server, c);
    uv_close(&c->u.handle, on_conn_closed);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
}

/* A close with unread input makes the kernel send a reset, which can overtake the answer on the client's side.
 * So where input may remain, only our side is shut, and the rest is read for a while. */
static void conn_finish(struct conn *c)
{
    bool rest = c->linger || !c->reading;

    if (!rest || c->eof || c->server->closing) {
        conn_close(c, "answered");
        return;
    }
    conn_move(c, CONN_LINGER);
    set_deadline(c, uv_now(c->server->loop), LINGER_MS);
    if (uv_shutdown(&c->shutdown, &c->u.stream, on_shutdown) != 0)
        conn_close(c, "already disconnected");
    else
        conn_start_reading(c);
}

/* --- writing ---------------------------------------------------------------------------------------- */

struct write *write_new(void)
{
    struct write *w = mem_zalloc(sizeof *w);

    buf_init(&w->head, 0);
    buf_init(&w->body, 0);
    return w;
}

static void write_free(struct write *w)
{
    buf_deinit(&w->head);
    buf_deinit(&w->body);
    free(w);
}

static void on_written(uv_write_t *req, int status)
{
    struct write *w = container_of(req, struct write, req);
    struct conn *c = w->conn;
    void (*done)(struct conn *) = w->done;

    write_free(w);
    c->stuck_since = 0;
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0)
        conn_close(c, "the client went away");
    else if (done)
        done(c);
}

void conn_write(struct conn *c, struct write *w, const char *tail, void (*done)(struct conn *c))
{
    uv_buf_t bufs[3];
    unsigned n = 0;

    w->conn = c;
    w->done = done;
    if (w->head.len)
        bufs[n++] = uv_buf_init(w->head.data, (unsigned)w->head.len);
    if (w->body.len)
        bufs[n++] = uv_buf_init(w->body.data, (unsigned)w->body.len);
    if (tail && tail[0])
        bufs[n++] = uv_buf_init((char *)tail, (unsigned)strlen(tail));
    if (uv_write(&w->req, &c->u.stream, bufs, n, on_written) != 0) {
        write_free(w);
        conn_close(c, "the client went away");
    }
}

void conn_answered(struct conn *c)
{
    struct http_server *s = c->server;

    c->served = true;
    if (!c->keep || s->closing) {
        conn_finish(c);
        return;
    }
    conn_move(c, CONN_READ);
    set_deadline(c, uv_now(s->loop), s->timeouts.idle_ms);
    if (c->in.len)
        server_run_later(s, c);
    else if (c->eof)
        conn_close(c, "answered");
    else
        conn_start_reading(c);
}

/* --- requests ----------------------------------------------------------------------------------------- */

/* Answers what cannot be read; nothing behind it can be trusted. */
static void refuse(struct conn *c, int status, const char *code, const char *detail)
{
    c->linger = true;
    c->request->m.keep_alive = false;
    buf_reset(&c->in);
    conn_move(c, CONN_HANDLE);
    request_reply_problem(c->request, status, code, detail);
}

static const char *code_of(int status)
{
    switch (status) {
    case 413:
        return "too_large";
    case 414:
        return "url_too_long";
    case 431:
        return "headers_too_large";
    default:
        return "malformed";
    }
}

static void refuse_unreadable(struct conn *c)
{
    const char *detail;
    int status = http_parser_error(c->parser, &detail);

    refuse(c, status, code_of(status), detail);
}

static void request_begin(struct conn *c)
{
    struct http_server *s = c->server;

    c->request = request_new(++s->next_request_id, c->local);
    c->request->conn = c;
    c->request->started = c->request_start = uv_now(s->loop);
    http_parser_begin(c->parser, &c->request->m);
    set_deadline(c, c->request_start, s->timeouts.header_ms);
}

static void request_waits(struct conn *c)
{
    struct request *r = c->request;
    struct write *w;

    if (!r->m.head_done)
        return;
    set_deadline(c, c->request_start, c->server->timeouts.request_ms);
    if (!r->m.expect_continue || r->sent_continue || r->m.body.len)
        return;
    r->sent_continue = true;
    w = write_new();
    conn_write(c, w, "HTTP/1.1 100 Continue\r\n\r\n", NULL);
}

/* Empty lines before a request are allowed, and old clients send them. */
static size_t skip_empty_lines(struct slice data)
{
    size_t n = 0;

    while (n < data.n && (data.p[n] == '\r' || data.p[n] == '\n'))
        n++;
    return n;
}

/* Reads at most one request out of data and starts its answer; returns how many bytes were used. */
static size_t consume(struct conn *c, struct slice data)
{
    size_t skipped = c->request ? 0 : skip_empty_lines(data), used;

    if (skipped == data.n)
        return skipped;
    if (!c->request)
        request_begin(c);
    switch (http_parser_feed(c->parser, (struct slice){data.p + skipped, data.n - skipped}, &used)) {
    case HTTP_PARSE_MORE:
        request_waits(c);
        return data.n;
    case HTTP_PARSE_DONE:
        conn_move(c, CONN_HANDLE);
        request_dispatch(c->request);
        return skipped + used;
    case HTTP_PARSE_ERROR:
        refuse_unreadable(c);
        break;
    }
    return data.n;
}

/* The client will send nothing more. */
static void input_ended(struct conn *c)
{
    if (c->state == CONN_STREAM || c->state == CONN_LINGER) {
        conn_close(c, "closed by the client");
    } else if (c->state == CONN_READ && c->in.len == 0) {
        if (c->request)
            refuse(c, 400, "malformed", "the request ended too early");
        else
            conn_close(c, "closed by the client");
    }
}

void conn_turn(struct conn *c)
{
    struct buf in = c->in;
    size_t used;

    if (c->state != CONN_READ)
        return;
    buf_init(&c->in, 0);
    used = consume(c, (struct slice){in.data, in.len});
    buf_drop_front(&in, used);
    c->in = in;
    if (c->state == CONN_STREAM)
        buf_reset(&c->in);
    if (c->state == CONN_CLOSED)
        return;
    if (!c->eof)
        conn_start_reading(c);
    else if (c->state == CONN_READ)
        input_ended(c);
}

/* --- reading --------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = h->data;
    size_t room = c->state == CONN_STREAM || c->state == CONN_LINGER ? INPUT_MAX : INPUT_MAX - c->in.len;

    *buf = uv_buf_init(c->server->read_buf, (unsigned)room);
}

static void stop_reading(struct conn *c)
{
    uv_read_stop(&c->u.stream);
    c->reading = false;
}

static void input_arrived(struct conn *c, struct slice data)
{
    size_t used = 0;

    c->unread = false;
    if (c->state == CONN_STREAM || c->state == CONN_LINGER) {
        c->dropped += data.n;
        if (c->dropped > LINGER_MAX)
            conn_close(c, "the client does not stop sending");
        return;
    }
    if (c->state == CONN_READ && c->in.len == 0)
        used = consume(c, data);
    if (used < data.n && c->state != CONN_STREAM)
        buf_add(&c->in, data.p + used, data.n - used);
    if (c->in.len >= INPUT_MAX && c->state != CONN_CLOSED)
        stop_reading(c);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct conn *c = stream->data;

    if (c->state == CONN_CLOSED || nread == 0)
        return;
    if (nread > 0) {
        input_arrived(c, (struct slice){buf->base, (size_t)nread});
        return;
    }
    stop_reading(c);
    c->eof = true;
    if (nread == UV_EOF)
        input_ended(c);
    else
        conn_close(c, "the client went away");
}

void conn_start_reading(struct conn *c)
{
    if (c->reading || c->eof || c->in.len >= INPUT_MAX)
        return;
    c->reading = uv_read_start(&c->u.stream, on_alloc, on_read) == 0;
    if (!c->reading)
        conn_close(c, "cannot be read");
}

/* --- time-outs ------------------------------------------------------------------------------------------ */

static bool is_stuck(struct conn *c, uint64_t now)
{
    size_t waiting = uv_stream_get_write_queue_size(&c->u.stream);

    if (waiting == 0 || waiting != c->stuck_bytes || !c->stuck_since) {
        c->stuck_bytes = waiting;
        c->stuck_since = waiting ? now : 0;
        return false;
    }
    return now - c->stuck_since >= c->server->timeouts.write_ms;
}

void conn_sweep(struct conn *c, uint64_t now)
{
    if (is_stuck(c, now))
        conn_close(c, "the client reads nothing");
    else if (!c->deadline || now < c->deadline)
        return;
    else if (c->state == CONN_READ && c->request)
        refuse(c, 408, "request_timeout", "the request did not arrive in time");
    else
        conn_close(c, "idle for too long");
}

/* --- accept ----------------------------------------------------------------------------------------------- */

/* A request may have come with the connection and not been read yet: in a flood, many are accepted in one turn of the loop. */
static bool has_unread(const struct conn *c)
{
    uv_os_fd_t fd;
    int n = 0;

    return uv_fileno(&c->u.handle, &fd) == 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* Nobody is waiting on it: the answer is gone out, or the client has not asked. */
static bool may_go(const struct conn *c)
{
    return !c->refused && (c->state == CONN_LINGER || (c->state == CONN_READ && c->in.len == 0 && !c->unread));
}

/* Took nothing of its answer since an earlier look of the sweep. */
static bool reads_nothing(const struct conn *c)
{
    return c->state == CONN_WRITE && !c->refused && c->stuck_since && uv_now(c->server->loop) - c->stuck_since >= DEAF_MS &&
           uv_stream_get_write_queue_size(&c->u.stream) == c->stuck_bytes;
}

static int worth(const struct conn *c)
{
    return c->state == CONN_LINGER ? 0 : c->state == CONN_WRITE ? 3 : c->served ? 2 : 1;
}

/* All places are taken: whoever only holds one gives it up. First who was refused anyway, then who never asked for anything, then
 * who has been silent for longest, then who reads nothing of an answer. A page that is at work keeps its connection; an idle
 * browser opens another unnoticed. */
static struct conn *least_worth(struct http_server *s)
{
    struct conn *least = NULL;

    list_each_safe(l, next, &s->conns) {
        struct conn *c = container_of(l, struct conn, link);
        if (!may_go(c) && !reads_nothing(c))
            continue;
        if (!least || worth(c) < worth(least) || (worth(c) == worth(least) && c->deadline < least->deadline))
            least = c;
    }
    return least;
}

static void make_room(struct http_server *s)
{
    struct conn *c = least_worth(s);

    while (c && c->state == CONN_READ && has_unread(c)) {   /* is asked of each once, until it is read */
        c->unread = true;
        c = least_worth(s);
    }
    if (c)
        conn_close(c, "its place is needed");
}

/* Too many read their refusal: the first of them has had the longest time for it. */
static void make_room_among_the_refused(struct http_server *s)
{
    list_each_safe(l, next, &s->conns) {
        struct conn *c = container_of(l, struct conn, link);
        if (c->refused && c->state != CONN_CLOSED) {
            conn_close(c, "others are refused, too");
            return;
        }
    }
}

/* So many of one turn of the loop are told; in a flood the rest is cut, for an answer to each would hold up who is served. */
static bool may_be_told(struct http_server *s)
{
    if (s->told_at != uv_now(s->loop))
        s->told = 0;
    s->told_at = uv_now(s->loop);
    return s->told++ < MAX_REFUSED;
}

static void refuse_busy(struct conn *c)
{
    c->request = request_new(++c->server->next_request_id, c->local);
    c->request->conn = c;
    refuse(c, 503, "busy", "too many connections are open; try again in a moment");
}

static void learn_peer(struct conn *c)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    uv_os_fd_t fd;

    c->uid = (uid_t)-1;
    if (uv_fileno(&c->u.handle, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0)
        c->uid = cred.uid;
}

static struct conn *conn_new(struct http_server *s, bool local)
{
    struct conn *c = mem_zalloc(sizeof *c);

    c->server = s;
    c->local = local;
    c->parser = http_parser_new();
    list_init(&c->link);
    list_init(&c->ready);
    buf_init(&c->in, 0);
    if (local)
        uv_pipe_init(s->loop, &c->u.pipe, 0);
    else
        uv_tcp_init(s->loop, &c->u.tcp);
    c->u.handle.data = c;
    return c;
}

void conn_accept(struct http_server *s, struct listener *l)
{
    struct conn *c = conn_new(s, l->local);
    int rc = uv_accept(&l->u.stream, &c->u.stream);
    bool told;

    if (s->conn_count >= HTTP_MAX_CONNECTIONS)
        make_room(s);
    c->refused = s->conn_count >= HTTP_MAX_CONNECTIONS;
    told = c->refused && may_be_told(s);
    if (told && s->refused_count >= MAX_REFUSED)
        make_room_among_the_refused(s);
    server_conn_opened(s, c);
    if (rc != 0 || (c->refused && !told)) {
        conn_close(c, rc != 0 ? uv_strerror(rc) : "too many connections at once");
        return;
    }
    if (c->local)
        learn_peer(c);
    else
        uv_tcp_nodelay(&c->u.tcp, 1);
    set_deadline(c, uv_now(s->loop), s->timeouts.header_ms);
    if (c->refused)
        refuse_busy(c);
    else
        conn_start_reading(c);
}
