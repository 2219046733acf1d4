/* A small HTTP client on the test's own loop: sends bytes as they are, collects what comes back. */
#ifndef SONGBOOKD_TEST_HTTP_TEST_CLIENT_H
#define SONGBOOKD_TEST_HTTP_TEST_CLIENT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mem.h"

struct client {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    bool connected, ended, closed;    /* ended: end of file or an error was read */
    bool head;                        /* answers have no bodies */
    struct buf got;
};

struct client_write {
    uv_write_t req;
    char *data;
};

static inline void client_on_alloc(uv_handle_t *h, size_t n, uv_buf_t *buf)
{
    *buf = uv_buf_init(mem_alloc(65536), 65536);
}

static inline void client_on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = s->data;

    if (n > 0)
        buf_add(&c->got, buf->base, (size_t)n);
    else if (n < 0)
        c->ended = true;
    free(buf->base);
}

static inline void client_on_connect(uv_connect_t *req, int status)
{
    struct client *c = req->data;

    c->connected = status == 0;
    if (status != 0)
        c->ended = true;
    else
        uv_read_start(&c->u.stream, client_on_alloc, client_on_read);
}

/* address as http_server_address gives it */
static inline struct client *client_open(uv_loop_t *loop, const char *address)
{
    struct client *c = mem_zalloc(sizeof *c);

    buf_init(&c->got, 0);
    c->connect.data = c;
    if (strncmp(address, "unix:", 5) == 0) {
        uv_pipe_init(loop, &c->u.pipe, 0);
        uv_pipe_connect(&c->connect, &c->u.pipe, address + 5, client_on_connect);
    } else {
        struct sockaddr_storage ss;
        const char *port = strrchr(address, ':') + 1;
        uv_tcp_init(loop, &c->u.tcp);
        if (address[0] == '[')
            uv_ip6_addr("::1", atoi(port), (struct sockaddr_in6 *)&ss);
        else
            uv_ip4_addr("127.0.0.1", atoi(port), (struct sockaddr_in *)&ss);
        assert_int_equal(uv_tcp_connect(&c->connect, &c->u.tcp, (struct sockaddr *)&ss, client_on_connect), 0);
    }
    c->u.handle.data = c;
    return c;
}

static inline void client_on_sent(uv_write_t *req, int status)
{
    struct client_write *w = (struct client_write *)req;

    free(w->data);
    free(w);
}

static inline void client_send_bytes(struct client *c, const void *p, size_t n)
{
    struct client_write *w = mem_zalloc(sizeof *w);
    uv_buf_t b;

    while (!c->connected && !c->ended)
        uv_run(c->u.handle.loop, UV_RUN_ONCE);
    w->data = mem_alloc(n ? n : 1);
    memcpy(w->data, p, n);
    b = uv_buf_init(w->data, (unsigned)n);
    if (uv_write(&w->req, &c->u.stream, &b, 1, client_on_sent) != 0)
        client_on_sent(&w->req, 0);
}

static inline void client_send(struct client *c, const char *text)
{
    client_send_bytes(c, text, strlen(text));
}

static inline void client_on_shut(uv_shutdown_t *req, int status)
{
}

/* Shuts the sending side only. */
static inline void client_finish(struct client *c)
{
    uv_shutdown(&c->shutdown, &c->u.stream, client_on_shut);
}

static inline void client_on_closed(uv_handle_t *h)
{
    struct client *c = h->data;

    c->closed = true;
}

static inline void client_free(struct client *c)
{
    uv_loop_t *loop = c->u.handle.loop;

    if (!uv_is_closing(&c->u.handle))
        uv_close(&c->u.handle, client_on_closed);
    while (!c->closed)
        uv_run(loop, UV_RUN_ONCE);
    buf_deinit(&c->got);
    free(c);
}

/* --- answers -------------------------------------------------------------------------------- */

/* The value of a header in the answer that starts at `head`, cut at the line's end; false when absent. */
static inline bool answer_header(const char *head, const char *name, char *value, size_t size)
{
    const char *end = strstr(head, "\r\n\r\n");

    for (const char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line, "\r\n")) {
        size_t n = strlen(name);
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            snprintf(value, size, "%.*s", (int)(strstr(line, "\r\n") - line - (long)n - 2), line + n + 2);
            return true;
        }
    }
    return false;
}

/* The end of the answer that starts at `head`, or NULL while it is not complete. */
static inline const char *answer_end(const struct client *c, const char *head)
{
    const char *body = strstr(head, "\r\n\r\n");
    size_t have, length = 0;
    char value[32];

    if (!body)
        return NULL;
    body += 4;
    have = (size_t)(c->got.data + c->got.len - body);
    if (answer_header(head, "Content-Length", value, sizeof value) && !c->head)
        length = strtoul(value, NULL, 10);
    return have >= length ? body + length : NULL;
}

/* The n-th complete answer (0 is the first), or NULL. */
static inline const char *client_answer(const struct client *c, int n)
{
    const char *at = c->got.data;

    while (at && *at) {
        const char *end = answer_end(c, at);
        if (!end)
            return NULL;
        if (n-- == 0)
            return at;
        at = end;
    }
    return NULL;
}

static inline int client_answers(const struct client *c)
{
    const char *at = c->got.data;
    int n = 0;

    while (at && *at && (at = answer_end(c, at)))
        n++;
    return n;
}

static inline void client_wait_answers(struct client *c, int n)
{
    while (!client_answer(c, n - 1) && !c->ended)
        uv_run(c->u.handle.loop, UV_RUN_ONCE);
    assert_non_null(client_answer(c, n - 1));
}

static inline void client_wait_end(struct client *c)
{
    while (!c->ended)
        uv_run(c->u.handle.loop, UV_RUN_ONCE);
}

static inline int answer_status(const char *answer)
{
    assert_non_null(answer);
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    return atoi(answer + 9);
}

static inline const char *answer_body(const char *answer)
{
    return strstr(answer, "\r\n\r\n") + 4;
}

/* Takes the chunks off a chunked answer; *ended tells whether the last one was there. */
static inline char *answer_chunks(const char *answer, bool *ended)
{
    const char *at = answer_body(answer);
    struct buf out;

    *ended = false;
    buf_init(&out, 0);
    while (*at) {
        char *data;
        size_t n = strtoul(at, &data, 16);
        data += 2;
        if (n == 0) {
            *ended = true;
            break;
        }
        if (strlen(data) < n + 2)
            break;
        buf_add(&out, data, n);
        at = data + n + 2;
    }
    return buf_detach(&out);
}

#endif
