/* Long answers: NDJSON and SSE. Loop thread only.
 *
 * One write is under way at a time; what the owner adds meanwhile waits and goes out as one piece, so a burst of
 * small events costs one system call. The bound counts both, and the socket's own buffer is kept small, so that a
 * reader that is too slow is noticed soon. The connection ends with the stream.
 */
#include "net/http_server_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void flush(struct stream *st);

static void on_piece_written(struct conn *c)
{
    struct stream *st = c->stream;

    st->writing = false;
    if (st->last_sent || c->eof)
        conn_close(c, "the stream ended");
    else if (st->pending.len || st->ending)
        flush(st);
    else if (st->on_drain)
        st->on_drain(st->drain_arg);
}

/* Sends all that waits as one chunk, and the end where nothing comes after it. */
static void flush(struct stream *st)
{
    struct write *w;
    bool data = st->pending.len > 0;
    const char *tail = !st->chunked ? "" : !st->ending ? "\r\n" : data ? "\r\n0\r\n\r\n" : "0\r\n\r\n";

    st->last_sent = st->ending;
    if (!data && !tail[0]) {
        conn_close(st->conn, "the stream ended");
        return;
    }
    w = write_new();
    if (data && st->chunked)
        buf_addf(&w->head, "%zx\r\n", st->pending.len);
    w->body = st->pending;
    buf_init(&st->pending, 0);
    st->writing = true;
    conn_write(st->conn, w, tail, on_piece_written);
}

/* NULL with the request answered where no stream may begin. */
static struct stream *refuse_stream(struct request *r)
{
    if (!reply_drop(r))
        request_reply_problem(r, 503, "busy", "too many streams are open; try again in a moment");
    return NULL;
}

struct stream *request_stream(struct request *r, const char *content_type, void (*closed)(void *arg), void *arg)
{
    struct conn *c = r->conn;
    struct stream *st;
    struct write *w;
    int size = HTTP_STREAM_QUEUE;

    if (!c || c->state == CONN_CLOSED || c->server->stream_count >= HTTP_MAX_STREAMS || c->server->closing)
        return refuse_stream(r);
    st = mem_zalloc(sizeof *st);
    *st = (struct stream){.conn = c, .chunked = r->m.http11 && r->m.method != HTTP_HEAD, .writing = true,
                          .closed = closed, .closed_arg = arg};
    st->ending = st->last_sent = r->m.method == HTTP_HEAD;
    buf_init(&st->pending, 0);
    w = write_new();
    reply_head(&w->head, r, 200, content_type, r->m.http11 ? BODY_CHUNKED : BODY_TO_CLOSE, 0);
    c->stream = st;
    c->server->stream_count++;
    reply_begun(r, 200);
    buf_reset(&c->in);
    conn_move(c, CONN_STREAM);
    uv_send_buffer_size(&c->u.handle, &size);
    conn_start_reading(c);
    conn_write(c, w, NULL, on_piece_written);
    return st;
}

void stream_conn_closed(struct stream *st)
{
    st->conn->server->stream_count--;
    st->closed(st->closed_arg);
    buf_deinit(&st->pending);
    free(st);
}

int stream_write(struct stream *st, struct slice data)
{
    if (st->ending || st->conn->state == CONN_CLOSED)
        return ERR_CLOSED;
    if (data.n > HTTP_STREAM_QUEUE || stream_queued(st) > HTTP_STREAM_QUEUE - data.n)
        return ERR_BUSY;
    buf_add_slice(&st->pending, data);
    if (st->pending.len && !st->writing)
        flush(st);
    return 0;
}

size_t stream_queued(const struct stream *st)
{
    if (st->conn->state == CONN_CLOSED)
        return 0;
    return st->pending.len + uv_stream_get_write_queue_size(&st->conn->u.stream);
}

void stream_on_drain(struct stream *st, void (*on_drain)(void *arg), void *arg)
{
    st->on_drain = on_drain;
    st->drain_arg = arg;
}

void stream_abort(struct stream *st)
{
    if (st->conn->state == CONN_CLOSED)
        return;
    st->ending = true;
    conn_close(st->conn, "the answer could not be completed");
}

void stream_end(struct stream *st, struct slice last)
{
    if (st->ending || st->conn->state == CONN_CLOSED)
        return;
    st->ending = true;
    buf_add_slice(&st->pending, last);
    if (!st->writing)
        flush(st);
}
