/* See scripted_server.h. Everything on the loop thread. */
#include "scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define FLOOD_BYTES (50u * 1024 * 1024)
#define DRIP_MS 5

struct connection {
    struct list link;
    struct scripted_server *server;
    uv_tcp_t tcp;
    uv_timer_t timer;
    int handles;
    struct buf in;
    const struct script *script;
    int served;
    bool closing;
    char chunk[4096];
};

struct write {
    uv_write_t req;
    struct connection *c;
    char *data;
    void (*then)(struct connection *c);
};

static void free_connection(struct connection *c)
{
    if (--c->handles > 0)
        return;
    c->server->open--;
    buf_deinit(&c->in);
    free(c);
}

static void on_tcp_closed(uv_handle_t *h) { free_connection(container_of((uv_tcp_t *)h, struct connection, tcp)); }
static void on_timer_closed(uv_handle_t *h) { free_connection(container_of((uv_timer_t *)h, struct connection, timer)); }

static void end_connection(struct connection *c, bool reset)
{
    if (c->closing)
        return;
    c->closing = true;
    list_del(&c->link);
    if (!reset || uv_tcp_close_reset(&c->tcp, on_tcp_closed) != 0)
        uv_close((uv_handle_t *)&c->tcp, on_tcp_closed);
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void then_close(struct connection *c) { end_connection(c, false); }
static void then_reset(struct connection *c) { end_connection(c, true); }

static void on_written(uv_write_t *req, int status)
{
    struct write *w = container_of(req, struct write, req);
    struct connection *c = w->c;
    void (*then)(struct connection *c) = w->then;
    free(w->data);
    free(w);
    if (status < 0)
        end_connection(c, false);
    else if (then && !c->closing)
        then(c);
}

static void send_bytes(struct connection *c, const char *data, size_t n, void (*then)(struct connection *c))
{
    struct write *w = mem_zalloc(sizeof(*w));
    w->c = c;
    w->data = mem_strndup(data, n);
    w->then = then;
    uv_buf_t b = uv_buf_init(w->data, (unsigned)n);
    if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, on_written) != 0) {
        free(w->data);
        free(w);
        end_connection(c, false);
    }
}

static void flood(struct connection *c)
{
    struct buf piece;
    if (c->server->flooded >= FLOOD_BYTES) {
        end_connection(c, false);
        return;
    }
    buf_init(&piece, 0);
    while (piece.len < 64 * 1024)
        buf_add_str(&piece, c->script->fill);
    c->server->flooded += piece.len;
    send_bytes(c, piece.data, piece.len, flood);
    buf_deinit(&piece);
}

static void on_drip(uv_timer_t *t)
{
    struct connection *c = container_of(t, struct connection, timer);
    send_bytes(c, "x", 1, NULL);
}

static void then_drip(struct connection *c)
{
    uv_timer_start(&c->timer, on_drip, DRIP_MS, DRIP_MS);
}

static void echo(struct connection *c, size_t n)
{
    struct buf out;
    buf_init(&out, 0);
    buf_addf(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", n);
    buf_add(&out, c->in.data, n);
    send_bytes(c, out.data, out.len, NULL);
    buf_deinit(&out);
}

static void perform(struct connection *c, size_t request_size)
{
    const struct script *s = c->script;
    const char *text = s->text ? s->text : "";
    size_t n = s->size ? s->size : strlen(text);
    void (*const then[])(struct connection *c) = {
        [SCRIPT_SEND] = NULL, [SCRIPT_SEND_CLOSE] = then_close, [SCRIPT_RESET] = then_reset,
        [SCRIPT_DRIP] = then_drip, [SCRIPT_FLOOD] = flood, [SCRIPT_FIRST_ONLY] = NULL,
    };
    if (s->kind == SCRIPT_HANG)
        return;
    if (s->kind == SCRIPT_ECHO)
        echo(c, request_size);
    else if (s->kind == SCRIPT_FIRST_ONLY && c->served > 1)
        end_connection(c, false);
    else
        send_bytes(c, text, n, then[s->kind]);
}

/* The size of the first whole request in the buffer, 0 when it is not whole yet. */
static size_t whole_request(struct connection *c)
{
    const char *text = buf_cstr(&c->in);
    const char *end = strstr(text, "\r\n\r\n");
    if (!end)
        return 0;
    size_t size = (size_t)(end - text) + 4;
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (length && length < end)
        size += strtoul(length + 17, NULL, 10);
    return c->in.len >= size ? size : 0;
}

static void find_script(struct connection *c)
{
    const char *path = strchr(c->in.data, ' ');
    assert_non_null(path);
    size_t n = strcspn(++path, " ?");
    for (const struct script *s = c->server->scripts; s->path; s++)
        if (strlen(s->path) == n && memcmp(s->path, path, n) == 0)
            c->script = s;
    assert_non_null(c->script);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct connection *c = container_of((uv_tcp_t *)stream, struct connection, tcp);
    if (n < 0) {
        end_connection(c, false);
        return;
    }
    buf_add(&c->in, b->base, (size_t)n);
    size_t size = whole_request(c);
    if (size == 0)
        return;
    c->server->requests++;
    c->served++;
    c->script = NULL;
    find_script(c);
    perform(c, size);
    if (!c->closing)
        buf_drop_front(&c->in, size);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    struct connection *c = container_of((uv_tcp_t *)h, struct connection, tcp);
    *b = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct scripted_server *s = container_of((uv_tcp_t *)listener, struct scripted_server, listener);
    assert_int_equal(status, 0);
    struct connection *c = mem_zalloc(sizeof(*c));
    c->server = s;
    c->handles = 2;
    buf_init(&c->in, 0);
    uv_tcp_init(s->loop, &c->tcp);
    uv_timer_init(s->loop, &c->timer);
    list_add(&s->connections, &c->link);
    s->accepted++;
    s->open++;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&c->tcp), 0);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

void scripted_server_start(struct scripted_server *s, uv_loop_t *loop, const struct script *scripts)
{
    struct sockaddr_in a;
    int size = sizeof(a);
    *s = (struct scripted_server){.loop = loop, .scripts = scripts};
    list_init(&s->connections);
    assert_int_equal(uv_tcp_init(loop, &s->listener), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &a), 0);
    assert_int_equal(uv_tcp_bind(&s->listener, (struct sockaddr *)&a, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 64, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&a, &size), 0);
    s->port = (a.sin_port & 0xff) << 8 | a.sin_port >> 8;
}

void scripted_server_stop(struct scripted_server *s)
{
    list_each_safe(at, next, &s->connections)
        end_connection(container_of(at, struct connection, link), false);
    uv_close((uv_handle_t *)&s->listener, NULL);
}
