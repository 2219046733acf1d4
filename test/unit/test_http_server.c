/* The HTTP server over real sockets: statuses, order, limits, time-outs, streams, closing. One loop holds server and
 * clients; every test waits for conditions and ends with an empty loop. */
#include "http_test_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/http_parse.h"
#include "net/http_server.h"

#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" HOST "\r\n"

struct fix {
    uv_loop_t loop;
    struct http_server_options options;
    struct http_timeouts timeouts;
    struct http_server *server;
    bool server_closed;
    struct request *held[80];        /* requests that a test answers later */
    int held_count;
    struct stream *stream;
    int streams_refused, streams_closed, drained;
};

/* --- handlers ------------------------------------------------------------------------------------ */

static void on_hello(struct request *r, void *app)
{
    request_reply(r, 200, "text/plain", SLICE_LIT("hello"));
}

static void on_echo(struct request *r, void *app)
{
    struct slice name, value, arg = request_path_arg(r, 0), body = request_body(r);
    struct buf b;

    buf_init(&b, 0);
    buf_addf(&b, "%.*s|", (int)arg.n, arg.p);
    for (int i = 0; request_query_at(r, i, &name, &value); i++)
        buf_addf(&b, "%.*s=%.*s|", (int)name.n, name.p, (int)value.n, value.p);
    buf_add_slice(&b, body);
    request_reply_buf(r, 200, "text/plain", &b);
}

static void on_status(struct request *r, void *app)
{
    struct slice arg = request_path_arg(r, 0);
    int status = atoi(arg.p);

    request_set_header(r, "ETag", "\"7\"");
    request_set_header(r, "Cache-Control", "no-cache");
    request_set_header(r, "X-Split", "a\r\nSet-Cookie: b");
    request_reply(r, status, status == 204 ? NULL : "text/plain", SLICE_LIT("body"));
}

static void on_later(struct request *r, void *app)
{
    struct fix *f = app;

    f->held[f->held_count++] = r;
}

static void on_big(struct request *r, void *app)
{
    struct buf b;

    buf_init(&b, 0);
    buf_reserve(&b, 16 << 20);
    memset(b.data, 'x', 16 << 20);
    b.len = 16 << 20;
    request_reply_buf(r, 200, "text/plain", &b);
}

static void on_stream_closed(void *arg)
{
    struct fix *f = arg;

    f->streams_closed++;
}

static void on_stream(struct request *r, void *app)
{
    struct fix *f = app;
    struct stream *st = request_stream(r, "application/x-ndjson", on_stream_closed, f);

    if (st)
        f->stream = st;
    else
        f->streams_refused++;
}

static void on_busy(struct request *r, void *app)
{
    struct err e = {0};

    err_set(&e, ERR_BUSY, "the queue is full");
    request_reply_error(r, ERR_BUSY, &e);
}

static const struct route routes[] = {
    {HTTP_GET, "/", on_hello, "root"},
    {HTTP_GET, "/hello", on_hello, "hello"},
    {HTTP_POST, "/hello", on_hello, "hello"},
    {HTTP_GET, "/echo", on_echo, "echo"},
    {HTTP_POST, "/echo", on_echo, "echo"},
    {HTTP_GET, "/echo/:word", on_echo, "echo"},
    {HTTP_PATCH, "/echo/:word", on_echo, "echo"},
    {HTTP_PUT, "/echo/:word", on_echo, "echo"},
    {HTTP_DELETE, "/echo/:word", on_echo, "echo"},
    {HTTP_GET, "/status/:code", on_status, "status"},
    {HTTP_GET, "/later", on_later, "later"},
    {HTTP_GET, "/big", on_big, "big"},
    {HTTP_GET, "/stream", on_stream, "stream"},
    {HTTP_GET, "/busy", on_busy, "busy"},
    {HTTP_GET, "/guarded", on_hello, "guarded"},
    {0, NULL, NULL, NULL},
};

static int guard(struct request *r, void *app, struct err *e)
{
    if (slice_eq_str(request_path(r), "/guarded"))
        return err_set(e, ERR_UNAUTHORIZED, "no token");
    return 0;
}

/* --- fixture ---------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    static const char *const extra[] = {"karaoke.lan", "pi:8080", NULL};
    struct fix *f = mem_zalloc(sizeof *f);

    alarm(300);
    uv_loop_init(&f->loop);
    f->options = (struct http_server_options){.routes = routes, .app = f, .server_name = "test/1", .extra_hosts = extra,
                                              .guard = guard, .timeouts = &f->timeouts};
    *state = f;
    return 0;
}

static void start(struct fix *f)
{
    struct err e = {0};

    f->server = http_server_new(&f->loop, &f->options);
    assert_int_equal(http_server_listen_tcp(f->server, "127.0.0.1:0", &e), 0);
}

static void on_server_closed(void *arg)
{
    struct fix *f = arg;

    f->server_closed = true;
}

static void stop(struct fix *f, uint64_t grace_ms)
{
    http_server_close(f->server, grace_ms, on_server_closed, f);
    assert_false(f->server_closed);
    while (!f->server_closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->server = NULL;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    if (f->server)
        stop(f, 0);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static struct client *open_client(struct fix *f)
{
    return client_open(&f->loop, http_server_address(f->server, 0));
}

/* A connection that the kernel has made; the loop has not turned. */
static int dial(struct fix *f)
{
    struct sockaddr_in to;
    char host[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port;

    assert_int_equal(sscanf(http_server_address(f->server, 0), "%63[^:]:%d", host, &port), 2);
    assert_int_equal(uv_ip4_addr(host, port, &to), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* An answer, or the end of the connection. */
static void wait_readable(struct fix *f, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (poll(&p, 1, 0) == 0)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void turn(struct fix *f, int times)
{
    while (times-- > 0)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* One request on its own connection; the answer belongs to *c, which the caller frees. */
static const char *ask(struct fix *f, const char *request, struct client **c)
{
    *c = open_client(f);
    (*c)->head = strncmp(request, "HEAD", 4) == 0;
    client_send(*c, request);
    client_wait_answers(*c, 1);
    return client_answer(*c, 0);
}

static void wait_held(struct fix *f, int n)
{
    while (f->held_count < n)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void wait_connections(struct fix *f, int n)
{
    while (http_server_connections(f->server) != n)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* --- statuses ------------------------------------------------------------------------------------------ */

struct exchange {
    const char *request;
    int status;
    const char *has;                 /* a piece of the answer, or NULL */
};

static void check_exchanges(struct fix *f, const struct exchange *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct client *c;
        const char *answer = ask(f, rows[i].request, &c);
        if (answer_status(answer) != rows[i].status || (rows[i].has && !strstr(answer, rows[i].has)))
            fail_msg("request '%.120s' got '%.400s', expected %d and '%s'", rows[i].request, answer, rows[i].status,
                     rows[i].has ? rows[i].has : "");
        if (rows[i].status >= 400)
            assert_non_null(strstr(answer, "Content-Type: application/problem+json\r\n"));
        client_free(c);
    }
}

static void http_answers_what_it_serves(void **state)
{
    static const struct exchange rows[] = {
        {HELLO, 200, "\r\n\r\nhello"},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"HEAD /hello HTTP/1.1\r\n" HOST "\r\n", 200, "Content-Length: 5\r\n"},
        {"GET /hello HTTP/1.0\r\n" HOST "\r\n", 200, "Connection: close\r\n"},
        {"GET /hello HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", 200, "Connection: keep-alive\r\n"},
        {"GET http://localhost/hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"GET http://localhost HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"GET http://localhost?a=1 HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"GET http://localhost/ HTTP/1.1\r\n" HOST "\r\n", 200, "hello"},
        {"OPTIONS /hello HTTP/1.1\r\n" HOST "\r\n", 204, "Allow: GET, HEAD, POST, OPTIONS\r\n"},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 204, "Allow: GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS\r\n"},
        {"GET /echo/a%2Fb%20c?x=1&y=a+b%26c&z HTTP/1.1\r\n" HOST "\r\n", 200, "\r\n\r\na/b c|x=1|y=a b&c|z=|"},
        {"GET /echo?q=Bj\xc3\xb6rk HTTP/1.1\r\n" HOST "\r\n", 200, "|q=Bj\xc3\xb6rk|"},
        {"GET /echo/Bj\xc3\xb6rk HTTP/1.1\r\n" HOST "\r\n", 200, "\r\n\r\nBj\xc3\xb6rk|"},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\n\r\n{}", 200, "\r\n\r\n|{}"},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
         200, "|{}"},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n",
         200, "|abcd"},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "\r\n", 200, NULL},
        {"PATCH /echo/a HTTP/1.1\r\n" HOST "Content-Type: application/merge-patch+json\r\nContent-Length: 2\r\n\r\n{}",
         200, "a|{}"},
        {"DELETE /echo/a HTTP/1.1\r\n" HOST "\r\n", 200, "a|"},
        {"GET /hello HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
         200, "\r\n\r\nhello"},
        {"GET /busy HTTP/1.1\r\n" HOST "\r\n", 503, "Retry-After: 1\r\n"},
        {"GET /busy HTTP/1.1\r\n" HOST "\r\n", 503, "\"detail\":\"the queue is full\",\"code\":\"busy\""},
        {"GET /guarded HTTP/1.1\r\n" HOST "\r\n", 401, "no token"},
    };

    start(*state);
    check_exchanges(*state, rows, ARRAY_LEN(rows));
}

static void http_refuses_malformed_requests(void **state)
{
    static const struct exchange rows[] = {
        {"hello\r\n\r\n", 400, "\"code\":\"malformed\""},
        {"GET /hello\r\n\r\n", 400, NULL},
        {"BREW /hello HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"G\xc3\x8bT /hello HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET \xc3\xb6/hello HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /hello HTTP/1.\xb1\r\n" HOST "\r\n", 400, NULL},
        {"GET /hello HTTP/9.9\r\n" HOST "\r\n", 400, NULL},
        {"GET /hello HTTP/2.0\r\n" HOST "\r\n", 400, NULL},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, NULL},
        {"\x16\x03\x01\x02", 400, NULL},
        {"GET /hello HTTP/1.1\r\n\r\n", 400, "Host header is missing"},
        {"GET /hello HTTP/1.0\r\n\r\n", 400, "Host header is missing"},
        {"GET /hello HTTP/1.1\r\n" HOST HOST "\r\n", 400, "more than one Host"},
        {"GET /hello HTTP/1.1\r\n" HOST "Foo:\rBar: x\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n" HOST "Foo: a\nBar: x\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\n" "Host: localhost\n\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n" HOST "Foo: a\r\n b\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n" HOST "Foo : a\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n" HOST "Foo: a\x01\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, NULL},
        {"GET hello HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET * HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /hello#x HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET http://other/hello HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /echo?q=%zz HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /echo?q=%ff HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /echo?q=%00 HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /echo/%ff HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: x\r\n\r\n{}", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: gzip\r\n\r\n{}", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST /echo HTTP/1.0\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400, "trailers"},
    };

    start(*state);
    check_exchanges(*state, rows, ARRAY_LEN(rows));
}

static void http_refuses_unknown_paths_methods_and_types(void **state)
{
    static const struct exchange rows[] = {
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404, "\"code\":\"not_found\""},
        {"GET /hello/ HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
        {"GET /echo/ HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
        {"GET /echo/a/b HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
        {"OPTIONS /nothing HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
        {"DELETE /hello HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD, POST, OPTIONS\r\n"},
        {"PROPFIND /hello HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD, POST, OPTIONS\r\n"},
        {"POST /echo/a HTTP/1.1\r\n" HOST JSON "\r\n", 405, "Allow: GET, HEAD, PATCH, PUT, DELETE, OPTIONS\r\n"},
        {"POST /echo HTTP/1.1\r\n" HOST "\r\n", 415, "\"code\":\"media_type\""},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\na=",
         415, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Type: application/merge-patch+json\r\nContent-Length: 2\r\n\r\n{}", 415, NULL},
        {"PATCH /echo/a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 415, NULL},
        {"PUT /echo/a HTTP/1.1\r\n" HOST "Content-Type: application/jsonp\r\nContent-Length: 2\r\n\r\n{}", 415, NULL},
    };

    start(*state);
    check_exchanges(*state, rows, ARRAY_LEN(rows));
}

static void http_serves_only_its_own_names(void **state)
{
    static const struct exchange rows[] = {
        {"GET /hello HTTP/1.1\r\nHost: localhost:1234\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: LocalHost\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: 127.9.9.9:1\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: [::1]:5560\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: karaoke.lan:99\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: pi:8080\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: pi:8081\r\n\r\n", 421, "\"code\":\"foreign_host\""},
        {"GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, NULL},
        {"GET /nothing HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: 192.168.1.1\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: [::2]\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: localhost:x\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost: localhost@evil\r\n\r\n", 421, NULL},
        {"GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 421, NULL},
    };

    start(*state);
    check_exchanges(*state, rows, ARRAY_LEN(rows));
}

#define POST_FROM(headers) "POST /echo HTTP/1.1\r\n" HOST JSON headers "\r\n"
#define GET_FROM(headers) "GET /hello HTTP/1.1\r\n" HOST headers "\r\n"

static void http_refuses_pages_of_other_origins(void **state)
{
    static const struct exchange rows[] = {
        {POST_FROM("Origin: http://localhost\r\n"), 200, NULL},
        {POST_FROM("Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n"), 200, NULL},
        {POST_FROM("Sec-Fetch-Site: none\r\n"), 200, NULL},
        {POST_FROM("Origin: null\r\n"), 403, "\"code\":\"foreign_origin\""},
        {POST_FROM("Origin: http://localhost:81\r\n"), 403, NULL},
        {POST_FROM("Origin: https://localhost\r\n"), 403, NULL},
        {POST_FROM("Origin: http://evil.example\r\n"), 403, NULL},
        {POST_FROM("Origin:\r\n"), 403, NULL},
        {POST_FROM("Sec-Fetch-Site: cross-site\r\n"), 403, NULL},
        {POST_FROM("Sec-Fetch-Site: same-site\r\n"), 403, NULL},
        {"POST /nothing HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n", 403, NULL},
        {"OPTIONS /echo HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n", 403, NULL},
        {"DELETE /echo/a HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n", 403, NULL},
        {"POST /echo HTTP/1.1\r\nHost: karaoke.lan\r\n" JSON "Origin: https://karaoke.lan\r\n\r\n", 200, NULL},
        {GET_FROM("Origin: http://evil.example\r\n"), 200, NULL},
        {GET_FROM("Sec-Fetch-Site: same-site\r\n"), 200, NULL},
        {GET_FROM("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"), 200, NULL},
        {GET_FROM("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"), 403, NULL},
    };

    start(*state);
    check_exchanges(*state, rows, ARRAY_LEN(rows));
}

static void http_serves_the_address_it_is_bound_to(void **state)
{
    struct fix *f = *state;
    struct client *c;
    char request[128];
    struct err e = {0};

    f->server = http_server_new(&f->loop, &f->options);
    if (http_server_listen_tcp(f->server, "[::1]:0", &e) != 0)
        skip();
    assert_memory_equal(http_server_address(f->server, 0), "[::1]:", 6);
    assert_null(http_server_address(f->server, 1));
    snprintf(request, sizeof request, "GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n", http_server_address(f->server, 0));
    assert_int_equal(answer_status(ask(f, request, &c)), 200);
    client_free(c);
}

static void http_puts_security_headers_on_every_answer(void **state)
{
    static const char *const requests[] = {HELLO, "GET /nothing HTTP/1.1\r\n" HOST "\r\n", "nonsense\r\n\r\n"};
    struct fix *f = *state;

    start(f);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct client *c;
        const char *answer = ask(f, requests[i], &c);
        char date[64];
        assert_non_null(strstr(answer, "\r\nServer: test/1\r\n"));
        assert_non_null(strstr(answer, "\r\nCache-Control: no-store\r\n"));
        assert_non_null(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(answer, "\r\nReferrer-Policy: no-referrer\r\n"));
        assert_non_null(strstr(answer, "\r\nCross-Origin-Resource-Policy: same-origin\r\n"));
        assert_null(strstr(answer, "Access-Control"));
        assert_true(answer_header(answer, "Date", date, sizeof date));
        assert_int_equal(strlen(date), 29);
        client_free(c);
    }
}

static void http_lets_handlers_set_headers_but_not_split_answers(void **state)
{
    struct client *c;
    const char *answer;

    start(*state);
    answer = ask(*state, "GET /status/200 HTTP/1.1\r\n" HOST "\r\n", &c);
    assert_non_null(strstr(answer, "\r\nETag: \"7\"\r\n"));
    assert_non_null(strstr(answer, "\r\nCache-Control: no-cache\r\n"));
    assert_null(strstr(answer, "no-store"));
    assert_null(strstr(answer, "X-Split"));
    assert_null(strstr(answer, "Set-Cookie"));
    client_free(c);
}

static void http_sends_no_body_with_head_204_and_304(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, "GET /status/204 HTTP/1.1\r\n" HOST "\r\nGET /status/304 HTTP/1.1\r\n" HOST "\r\n");
    client_wait_answers(c, 2);
    c->head = true;
    client_send(c, "HEAD /hello HTTP/1.1\r\n" HOST "\r\nHEAD /status/200 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    client_wait_end(c);
    assert_int_equal(client_answers(c), 4);
    assert_int_equal(answer_status(client_answer(c, 0)), 204);
    assert_int_equal(answer_status(client_answer(c, 1)), 304);
    assert_null(strstr(c->got.data, "body"));
    assert_null(strstr(c->got.data, "hello"));
    assert_string_equal(answer_body(client_answer(c, 3)), "");
    client_free(c);
}

/* --- limits ------------------------------------------------------------------------------------------- */

/* A request with n filler bytes between two texts. */
static char *padded(const char *before, size_t n, const char *after)
{
    char *s = mem_alloc(strlen(before) + n + strlen(after) + 1);

    strcpy(s, before);
    memset(s + strlen(before), 'a', n);
    strcpy(s + strlen(before) + n, after);
    return s;
}

static void check_padded(struct fix *f, const char *before, size_t n, const char *after, int status)
{
    char *request = padded(before, n, after);
    struct client *c;
    const char *answer = ask(f, request, &c);

    if (answer_status(answer) != status)
        fail_msg("'%.40s' with %zu bytes more got %.60s", before, n, answer);
    client_free(c);
    free(request);
}

static void http_refuses_what_is_too_large(void **state)
{
    struct fix *f = *state;
    const char *line = "GET /hello HTTP/1.1\r\n" HOST "X: ";
    size_t room = HTTP_MAX_HEADER_BYTES - strlen(line) - 4;

    start(f);
    check_padded(f, "GET /", HTTP_MAX_URL - 1, " HTTP/1.1\r\n" HOST "\r\n", 404);
    check_padded(f, "GET /", HTTP_MAX_URL, " HTTP/1.1\r\n" HOST "\r\n", 414);
    check_padded(f, "GET /", 100000, " HTTP/1.1\r\n" HOST "\r\n", 414);
    check_padded(f, line, room, "\r\n\r\n", 200);
    check_padded(f, line, room + 1, "\r\n\r\n", 431);
    check_padded(f, line, 1000000, "\r\n\r\n", 431);
    check_padded(f, "GET /hello HTTP/1.1\r\n" HOST, 1000000, ": x\r\n\r\n", 431);
    check_padded(f, "POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 524288\r\n\r\n", 524288, "", 200);
    check_padded(f, "POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 524289\r\n\r\n", 524289, "", 413);
    check_padded(f, "POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n80000\r\n",
                 524288, "\r\n0\r\n\r\n", 200);
    check_padded(f, "POST /echo HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n80001\r\n",
                 524289, "\r\n0\r\n\r\n", 413);
}

static void check_header_lines(struct fix *f, int lines, int status)
{
    struct client *c;
    struct buf b;

    buf_init(&b, 0);
    buf_add_str(&b, "GET /hello HTTP/1.1\r\n" HOST);
    for (int i = 1; i < lines; i++)
        buf_addf(&b, "X%d: y\r\n", i);
    buf_add_str(&b, "\r\n");
    assert_int_equal(answer_status(ask(f, buf_cstr(&b), &c)), status);
    client_free(c);
    buf_deinit(&b);
}

static void http_counts_header_lines(void **state)
{
    start(*state);
    check_header_lines(*state, 64, 200);
    check_header_lines(*state, 65, 431);
    check_header_lines(*state, 1000, 431);
}

static void http_refuses_a_large_body_before_it_is_sent(void **state)
{
    struct client *c;
    const char *answer;

    start(*state);
    answer = ask(*state, "POST /echo HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 600000\r\n\r\n", &c);
    assert_int_equal(answer_status(answer), 413);
    client_wait_end(c);
    client_free(c);
}

static void http_invites_the_body_of_a_client_that_asks(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, "POST /echo HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_wait_answers(c, 1);
    assert_string_equal(c->got.data, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(c, "{");
    turn(f, 3);
    client_send(c, "}");
    client_wait_answers(c, 2);
    assert_int_equal(answer_status(client_answer(c, 1)), 200);
    assert_string_equal(answer_body(client_answer(c, 1)), "|{}");
    client_free(c);
}

static void http_answers_503_when_every_connection_is_at_work(void **state)
{
    struct fix *f = *state;
    struct client *c[HTTP_MAX_CONNECTIONS], *extra;
    int crowd[100];

    start(f);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++) {
        c[i] = open_client(f);
        client_send(c[i], "GET /later HTTP/1.1\r\n" HOST "\r\n");
        wait_held(f, i + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        crowd[i] = dial(f);           /* are told so, the first of them, or cut; they read nothing and stay */
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        wait_readable(f, crowd[i]);
    for (uint64_t now = uv_now(&f->loop); uv_now(&f->loop) == now;)
        turn(f, 1);                   /* the next one is not of their flood */
    extra = open_client(f);
    client_wait_end(extra);
    assert_int_equal(answer_status(client_answer(extra, 0)), 503);
    assert_non_null(strstr(extra->got.data, "Retry-After: 1\r\n"));
    assert_int_equal(http_server_connections(f->server), HTTP_MAX_CONNECTIONS);
    client_free(extra);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        close(crowd[i]);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++) {
        request_reply(f->held[i], 200, "text/plain", SLICE_LIT("late"));
        client_wait_answers(c[i], 1);
        assert_int_equal(answer_status(client_answer(c[i], 0)), 200);
        client_free(c[i]);
    }
}

static void http_gives_the_places_of_the_silent_to_those_who_ask(void **state)
{
    struct fix *f = *state;
    struct client *silent[HTTP_MAX_CONNECTIONS], *honest, *late;

    start(f);
    honest = open_client(f);
    client_send(honest, HELLO);
    client_wait_answers(honest, 1);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS - 1; i++) {
        silent[i] = open_client(f);
        if (i % 2)
            client_send(silent[i], "GET /hel");   /* slow headers hold a place, too */
        wait_connections(f, i + 2);
    }
    for (int n = 0; n < 2 * HTTP_MAX_CONNECTIONS; n++) {
        assert_int_equal(answer_status(ask(f, HELLO, &late)), 200);
        client_free(late);
        assert_true(http_server_connections(f->server) <= HTTP_MAX_CONNECTIONS);
    }
    client_send(honest, HELLO);   /* was served before: stays longer than who never asked */
    client_wait_answers(honest, 2);
    client_free(honest);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS - 1; i++)
        client_free(silent[i]);
}

static void http_does_not_take_the_place_of_one_whose_request_waits_to_be_read(void **state)
{
    struct fix *f = *state;
    int silent[2 * HTTP_MAX_CONNECTIONS], asks;
    char start_of_answer[16] = "";

    start(f);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++)
        silent[i] = dial(f);
    wait_connections(f, HTTP_MAX_CONNECTIONS);
    asks = dial(f);
    assert_int_equal(write(asks, HELLO, strlen(HELLO)), (ssize_t)strlen(HELLO));
    for (int i = HTTP_MAX_CONNECTIONS; i < 2 * HTTP_MAX_CONNECTIONS; i++)
        silent[i] = dial(f);          /* all of them are accepted in one turn */
    wait_readable(f, asks);
    assert_true(read(asks, start_of_answer, 12) == 12);
    assert_string_equal(start_of_answer, "HTTP/1.1 200");
    close(asks);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        close(silent[i]);
    wait_connections(f, 0);
}

static void http_survives_a_flood_of_connections(void **state)
{
    struct fix *f = *state;
    struct client *c[300];
    int served = 0;

    start(f);
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        c[i] = open_client(f);
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        client_send(c[i], HELLO);
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        while (!c[i]->ended && !client_answer(c[i], 0))
            uv_run(&f->loop, UV_RUN_ONCE);
        served += client_answer(c[i], 0) && answer_status(client_answer(c[i], 0)) == 200;
    }
    assert_true(served >= HTTP_MAX_CONNECTIONS);
    assert_true(http_server_connections(f->server) <= HTTP_MAX_CONNECTIONS);
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        client_free(c[i]);
    wait_connections(f, 0);
    assert_int_equal(answer_status(ask(f, HELLO, &c[0])), 200);
    client_free(c[0]);
}

/* --- wrong credentials ------------------------------------------------------------------------------------ */

#define GUESS "GET /guarded HTTP/1.1\r\n" HOST "Authorization: Bearer wrong\r\n\r\n"

static void http_answers_wrong_credentials_ever_later_and_others_at_once(void **state)
{
    struct fix *f = *state;
    struct client *guesser, *other;
    uint64_t began;

    start(f);
    guesser = open_client(f);
    uv_update_time(&f->loop);
    began = uv_now(&f->loop);
    for (int i = 0; i < 4; i++) {
        client_send(guesser, GUESS);
        /* whoever sends nothing wrong is answered meanwhile */
        assert_int_equal(answer_status(ask(f, HELLO, &other)), 200);
        client_free(other);
        assert_int_equal(answer_status(ask(f, "GET /guarded HTTP/1.1\r\n" HOST "\r\n", &other)), 401);
        client_free(other);
        client_wait_answers(guesser, i + 1);
        assert_int_equal(answer_status(client_answer(guesser, i)), 401);
    }
    uv_update_time(&f->loop);
    assert_true(uv_now(&f->loop) - began >= 100 + 200 + 400 + 800);
    client_free(guesser);
}

static void http_lets_only_so_many_guessers_wait(void **state)
{
    struct fix *f = *state;
    struct client *c[24];
    int later = 0, refused = 0;
    uint64_t began;

    start(f);
    uv_update_time(&f->loop);
    began = uv_now(&f->loop);
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = open_client(f);
        client_send(c[i], GUESS);
    }
    client_free(c[0]);              /* leaves before its answer */
    for (size_t i = 1; i < ARRAY_LEN(c); i++) {
        client_wait_answers(c[i], 1);
        later += answer_status(client_answer(c[i], 0)) == 401;
        refused += answer_status(client_answer(c[i], 0)) == 429;
        client_free(c[i]);
    }
    uv_update_time(&f->loop);
    assert_true(later >= 15 && (refused >= 1 || uv_now(&f->loop) - began > 3200));   /* or the machine stood still meanwhile */
    assert_int_equal(later + refused, 23);
}

static void http_closes_while_guessers_wait(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    for (int i = 0; i < 8; i++) {   /* the last would wait for more than a second */
        c = open_client(f);
        client_send(c, GUESS);
        turn(f, 3);
        client_free(c);
    }
}

/* --- keep-alive and pipelining --------------------------------------------------------------------------- */

static void http_keeps_the_connection_until_asked_to_close(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    for (int i = 0; i < 5; i++) {
        client_send(c, HELLO);
        client_wait_answers(c, i + 1);
    }
    client_send(c, "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" HELLO);
    client_wait_end(c);
    assert_int_equal(client_answers(c), 6);
    assert_non_null(strstr(client_answer(c, 5), "Connection: close\r\n"));
    assert_int_equal(http_server_requests(f->server), 6);
    client_free(c);
}

static void http_keeps_the_order_of_pipelined_requests(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, "GET /echo/one HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST
                   "\r\nGET /echo/three HTTP/1.1\r\n" HOST "\r\n");
    wait_held(f, 1);
    turn(f, 5);
    assert_int_equal(client_answers(c), 1);
    request_reply(f->held[0], 200, "text/plain", SLICE_LIT("two"));
    client_wait_answers(c, 3);
    assert_memory_equal(answer_body(client_answer(c, 0)), "one|", 4);
    assert_memory_equal(answer_body(client_answer(c, 1)), "two", 3);
    assert_string_equal(answer_body(client_answer(c, 2)), "three|");
    client_free(c);
}

static void http_answers_more_pipelined_requests_than_it_keeps(void **state)
{
    struct fix *f = *state;
    struct client *c;
    struct buf b;

    start(f);
    c = open_client(f);
    buf_init(&b, 0);
    buf_add_str(&b, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 4000; i++)
        buf_addf(&b, "GET /echo/%d HTTP/1.1\r\n" HOST "\r\n", i);
    client_send(c, buf_cstr(&b));
    wait_held(f, 1);
    turn(f, 20);
    request_reply(f->held[0], 204, NULL, SLICE_LIT(""));
    while (http_server_requests(f->server) < 4001)
        uv_run(&f->loop, UV_RUN_ONCE);
    while (!strstr(c->got.data + c->got.len - 6, "3999|"))
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_memory_equal(answer_body(client_answer(c, 1)), "0|", 2);
    assert_memory_equal(answer_body(client_answer(c, 2)), "1|", 2);
    assert_int_equal(client_answers(c), 4001);
    client_free(c);
    buf_deinit(&b);
}

static void http_reads_requests_that_come_byte_by_byte(void **state)
{
    static const char request[] = "POST /echo?a=b HTTP/1.1\r\n" HOST JSON "Content-Length: 3\r\n\r\nxyz";
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    for (size_t i = 0; i + 1 < sizeof request; i++) {
        client_send_bytes(c, request + i, 1);
        turn(f, 2);
    }
    client_wait_answers(c, 1);
    assert_string_equal(answer_body(client_answer(c, 0)), "|a=b|xyz");
    client_free(c);
}

/* --- time-outs ------------------------------------------------------------------------------------------- */

static void check_timed_out(struct fix *f, const char *sent, int status)
{
    struct client *c;

    c = open_client(f);
    client_send(c, sent);
    client_wait_end(c);
    if (status)
        assert_int_equal(answer_status(client_answer(c, 0)), status);
    else
        assert_int_equal(c->got.len, 0);
    client_free(c);
}

static void http_times_out_a_slow_header(void **state)
{
    struct fix *f = *state;

    f->timeouts.header_ms = 30;
    start(f);
    check_timed_out(f, "GET /hello HTTP/1.1\r\nHost: loc", 408);
}

static void http_times_out_a_slow_body(void **state)
{
    struct fix *f = *state;

    f->timeouts.request_ms = 30;
    start(f);
    check_timed_out(f, "POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 10\r\n\r\nabc", 408);
}

static void http_closes_a_silent_connection_without_a_word(void **state)
{
    struct fix *f = *state;

    f->timeouts.header_ms = 30;
    start(f);
    check_timed_out(f, "", 0);
    check_timed_out(f, "\r\n", 0);
}

static void http_closes_an_idle_connection(void **state)
{
    struct fix *f = *state;
    struct client *c;

    f->timeouts.idle_ms = 30;
    start(f);
    c = open_client(f);
    client_send(c, HELLO);
    client_wait_end(c);
    assert_int_equal(client_answers(c), 1);
    client_free(c);
}

static void http_gives_the_places_of_those_who_read_nothing_to_those_who_ask(void **state)
{
    struct fix *f = *state;
    struct client *deaf[HTTP_MAX_CONNECTIONS], *honest;
    int status = 0;

    f->timeouts.write_ms = 600 * 1000;       /* they would be cut long after the test */
    start(f);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++) {
        deaf[i] = open_client(f);
        client_send(deaf[i], "GET /big HTTP/1.1\r\n" HOST "\r\n");
        uv_read_stop(&deaf[i]->u.stream);
        while ((int)http_server_requests(f->server) <= i)
            uv_run(&f->loop, UV_RUN_ONCE);
        uv_read_stop(&deaf[i]->u.stream);
    }
    for (int n = 0; n < 20000 && status != 200; n++) {
        status = answer_status(ask(f, HELLO, &honest));
        client_free(honest);
        usleep(1000);
    }
    assert_int_equal(status, 200);
    for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++)
        client_free(deaf[i]);
}

static void http_cuts_a_client_that_does_not_read_its_answer(void **state)
{
    struct fix *f = *state;
    struct client *c;

    f->timeouts.write_ms = 30;
    start(f);
    c = open_client(f);
    client_send(c, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    uv_read_stop(&c->u.stream);
    while (http_server_requests(f->server) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_read_stop(&c->u.stream);
    wait_connections(f, 0);
    client_free(c);
}

static void http_runs_no_timer_without_connections(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    turn(f, 1);
    assert_int_equal(uv_backend_timeout(&f->loop), -1);
    ask(f, HELLO, &c);
    turn(f, 2);
    assert_int_not_equal(uv_backend_timeout(&f->loop), -1);
    client_free(c);
    wait_connections(f, 0);
    turn(f, 2);
    assert_int_equal(uv_backend_timeout(&f->loop), -1);
}

/* --- clients that leave ------------------------------------------------------------------------------------ */

static void http_answers_400_to_a_request_cut_short(void **state)
{
    static const char *const requests[] = {"GET /hello HT", "GET /hello HTTP/1.1\r\nHost: x\r\n",
                                           "POST /echo HTTP/1.1\r\n" HOST JSON "Content-Length: 9\r\n\r\n{}"};
    struct fix *f = *state;

    start(f);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct client *c = open_client(f);
        client_send(c, requests[i]);
        client_finish(c);
        client_wait_end(c);
        assert_int_equal(answer_status(client_answer(c, 0)), 400);
        client_free(c);
    }
}

static void http_answers_a_client_that_shut_its_side(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, HELLO "GET /later HTTP/1.1\r\n" HOST "\r\n" HELLO);
    client_finish(c);
    wait_held(f, 1);
    turn(f, 20);                     /* the end of its side may have been read */
    request_reply(f->held[0], 200, "text/plain", SLICE_LIT("late"));
    client_wait_end(c);
    assert_int_equal(client_answers(c), 3);
    assert_memory_equal(answer_body(client_answer(c, 1)), "late", 4);
    client_free(c);
}

/* Answered at once, not later: the rest of what came waits elsewhere while a handler runs. */
static void http_answers_all_that_is_pipelined_before_a_client_shuts_its_side(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, HELLO HELLO HELLO HELLO HELLO);
    client_finish(c);
    client_wait_end(c);
    assert_int_equal(client_answers(c), 5);
    client_free(c);
}

/* Closes with a reset, so that the server cannot take it for a half-closed client. */
static void reset_client(struct client *c)
{
    uv_tcp_close_reset(&c->u.tcp, client_on_closed);
    client_free(c);
}

static void http_drops_the_answer_of_a_client_that_is_gone(void **state)
{
    struct fix *f = *state;
    struct client *c;
    struct buf b;

    start(f);
    for (int i = 0; i < 2; i++) {
        c = open_client(f);
        client_send(c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
        wait_held(f, i + 1);
        reset_client(c);
        wait_connections(f, 0);
    }
    assert_true(slice_eq_str(request_path(f->held[0]), "/later"));
    buf_init(&b, 0);
    buf_add_str(&b, "late");
    request_reply_json(f->held[0], 200, &b);
    request_set_header(f->held[1], "X", "y");
    request_reply_error(f->held[1], ERR_CANCELED, NULL);
    assert_int_equal(http_server_requests(f->server), 0);
}

static void http_lets_a_request_outlive_the_server(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    wait_held(f, 1);
    stop(f, 0);
    request_reply(f->held[0], 200, "text/plain", SLICE_LIT("late"));
    client_wait_end(c);
    assert_int_equal(c->got.len, 0);
    client_free(c);
}

/* --- streams --------------------------------------------------------------------------------------------- */

static struct client *open_stream(struct fix *f, const char *request)
{
    struct client *c = open_client(f);

    f->stream = NULL;
    client_send(c, request);
    while (!f->stream)
        uv_run(&f->loop, UV_RUN_ONCE);
    return c;
}

#define STREAM "GET /stream HTTP/1.1\r\n" HOST "\r\n"

static void http_streams_in_chunks(void **state)
{
    struct fix *f = *state;
    struct client *c;
    char *text;
    bool ended;

    start(f);
    c = open_stream(f, STREAM);
    assert_int_equal(http_server_streams(f->server), 1);
    assert_int_equal(stream_write(f->stream, SLICE_LIT("{\"a\":1}\n")), 0);
    assert_int_equal(stream_write(f->stream, SLICE_LIT("")), 0);
    turn(f, 5);
    assert_int_equal(stream_write(f->stream, SLICE_LIT("{\"b\":2}\n")), 0);
    stream_end(f->stream, SLICE_LIT("{\"c\":3}\n"));
    assert_int_equal(stream_write(f->stream, SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(f->streams_closed, 0);
    client_wait_end(c);
    text = answer_chunks(c->got.data, &ended);
    assert_string_equal(text, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    assert_true(ended);
    assert_non_null(strstr(c->got.data, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(c->got.data, "Content-Type: application/x-ndjson\r\n"));
    free(text);
    wait_connections(f, 0);
    turn(f, 2);
    assert_int_equal(f->streams_closed, 1);
    assert_int_equal(http_server_streams(f->server), 0);
    client_free(c);
}

static void http_streams_to_an_old_client_until_close(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_stream(f, "GET /stream HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n");
    stream_write(f->stream, SLICE_LIT("one\n"));
    stream_end(f->stream, SLICE_LIT("two\n"));
    client_wait_end(c);
    assert_string_equal(answer_body(c->got.data), "one\ntwo\n");
    assert_null(strstr(c->got.data, "chunked"));
    assert_non_null(strstr(c->got.data, "Connection: close\r\n"));
    client_free(c);
}

static void http_answers_head_of_a_stream_and_ends_it(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_stream(f, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    client_wait_end(c);
    assert_int_equal(answer_status(c->got.data), 200);
    assert_string_equal(answer_body(c->got.data), "");
    turn(f, 2);
    assert_int_equal(f->streams_closed, 1);
    client_free(c);
}

static void http_tells_a_stream_that_its_reader_is_too_slow(void **state)
{
    static char line[4096];
    struct fix *f = *state;
    struct client *c;
    int rc = 0, n = 0;

    memset(line, 'x', sizeof line);
    start(f);
    c = open_stream(f, STREAM);
    uv_read_stop(&c->u.stream);
    while ((rc = stream_write(f->stream, (struct slice){line, sizeof line})) == 0) {
        assert_true(stream_queued(f->stream) <= HTTP_STREAM_QUEUE);
        assert_true(++n < 100000);
        turn(f, 1);
    }
    assert_int_equal(rc, ERR_BUSY);
    assert_int_equal(stream_write(f->stream, (struct slice){line, HTTP_STREAM_QUEUE + 1}), ERR_BUSY);
    assert_int_equal(f->streams_closed, 0);
    stream_end(f->stream, SLICE_LIT("told\n"));
    uv_read_start(&c->u.stream, client_on_alloc, client_on_read);
    client_wait_end(c);
    assert_non_null(strstr(c->got.data, "told\n\r\n0\r\n\r\n"));
    turn(f, 2);
    assert_int_equal(f->streams_closed, 1);
    client_free(c);
}

static void http_cuts_a_stream_whose_reader_stopped(void **state)
{
    static char line[4096];
    struct fix *f = *state;
    struct client *c;

    f->timeouts.write_ms = 30;
    start(f);
    c = open_stream(f, STREAM);
    uv_read_stop(&c->u.stream);
    while (stream_write(f->stream, (struct slice){line, sizeof line}) == 0)
        turn(f, 1);
    stream_end(f->stream, SLICE_LIT("never read"));
    while (f->streams_closed == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    turn(f, 3);
    assert_int_equal(f->streams_closed, 1);
    client_free(c);
}

static void on_drained(void *arg)
{
    struct fix *f = arg;

    if (++f->drained < 3)
        stream_write(f->stream, SLICE_LIT("more\n"));
}

static void http_tells_when_a_stream_is_drained(void **state)
{
    struct fix *f = *state;
    struct client *c;
    char *text;
    bool ended;

    start(f);
    c = open_stream(f, STREAM);
    stream_on_drain(f->stream, on_drained, f);
    stream_write(f->stream, SLICE_LIT("first\n"));
    while (f->drained < 3)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(stream_queued(f->stream), 0);
    stream_end(f->stream, SLICE_LIT(""));
    client_wait_end(c);
    text = answer_chunks(c->got.data, &ended);
    assert_string_equal(text, "first\nmore\nmore\n");
    assert_true(ended);
    free(text);
    client_free(c);
}

static void http_ends_a_stream_when_its_client_leaves(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_stream(f, STREAM);
    client_free(c);
    while (f->streams_closed == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    turn(f, 3);
    assert_int_equal(f->streams_closed, 1);
    assert_int_equal(http_server_streams(f->server), 0);
}

static void http_limits_streams(void **state)
{
    struct fix *f = *state;
    struct client *c[HTTP_MAX_STREAMS], *extra;

    start(f);
    for (int i = 0; i < HTTP_MAX_STREAMS; i++)
        c[i] = open_stream(f, STREAM);
    assert_int_equal(answer_status(ask(f, STREAM, &extra)), 503);
    assert_int_equal(f->streams_refused, 1);
    client_free(extra);
    client_free(c[0]);
    while (f->streams_closed == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    c[0] = open_stream(f, STREAM);
    for (int i = 0; i < HTTP_MAX_STREAMS; i++)
        client_free(c[i]);
}

static void http_drops_a_client_that_keeps_sending_to_a_stream(void **state)
{
    static char rubbish[1 << 20];
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_stream(f, STREAM);
    for (int i = 0; i < 6; i++)
        client_send_bytes(c, rubbish, sizeof rubbish);
    while (f->streams_closed == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    client_free(c);
}

/* --- closing --------------------------------------------------------------------------------------------- */

static void http_closes_idle_connections_and_lets_active_ones_end(void **state)
{
    struct fix *f = *state;
    struct client *idle, *active, *stream;
    bool ended;
    char *text;

    start(f);
    ask(f, HELLO, &idle);
    active = open_client(f);
    client_send(active, "GET /later HTTP/1.1\r\n" HOST "\r\n" HELLO);
    wait_held(f, 1);
    stream = open_stream(f, STREAM);
    stream_write(f->stream, SLICE_LIT("last words\n"));
    http_server_close(f->server, 30000, on_server_closed, f);
    client_wait_end(idle);
    client_wait_end(stream);
    text = answer_chunks(stream->got.data, &ended);
    assert_string_equal(text, "last words\n");
    assert_true(ended);
    assert_false(f->server_closed);
    request_reply(f->held[0], 200, "text/plain", SLICE_LIT("late"));
    client_wait_end(active);
    assert_int_equal(client_answers(active), 1);
    assert_non_null(strstr(active->got.data, "Connection: close\r\n"));
    while (!f->server_closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->server = NULL;
    assert_int_equal(f->streams_closed, 1);
    free(text);
    client_free(idle);
    client_free(active);
    client_free(stream);
}

static void http_closes_without_connections_or_listeners(void **state)
{
    struct fix *f = *state;

    f->server = http_server_new(&f->loop, &f->options);
    stop(f, 30000);
}

static void http_cuts_unfinished_requests_when_patience_ends(void **state)
{
    struct fix *f = *state;
    struct client *c;

    start(f);
    c = open_client(f);
    client_send(c, "GET /hello HTTP/1.1\r\n");
    wait_connections(f, 1);
    turn(f, 5);
    stop(f, 20);
    client_wait_end(c);
    client_free(c);
}

static void on_close_from_handler(struct request *r, void *app)
{
    struct fix *f = app;

    http_server_close(f->server, 30000, on_server_closed, f);
    request_reply(r, 202, NULL, SLICE_LIT(""));
}

static void http_may_be_closed_by_a_handler(void **state)
{
    static const struct route closing[] = {{HTTP_GET, "/close", on_close_from_handler, ""}, {0, NULL, NULL, NULL}};
    struct fix *f = *state;
    struct client *c;

    f->options.routes = closing;
    start(f);
    assert_int_equal(answer_status(ask(f, "GET /close HTTP/1.1\r\n" HOST "\r\n", &c)), 202);
    while (!f->server_closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->server = NULL;
    client_free(c);
}

/* --- listening -------------------------------------------------------------------------------------------- */

static void http_refuses_addresses_it_cannot_use(void **state)
{
    static const char *const bad[] = {"", "127.0.0.1", ":80", "host.example:80", "127.0.0.1:x", "127.0.0.1:70000", "::1:80",
                                      "[::1]", "[::1:80", "127.0.0.1:80:", "203.0.113.77:0"};
    struct fix *f = *state;
    struct err e = {0};

    start(f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(http_server_listen_tcp(f->server, bad[i], &e), ERR_CONFIG);
    assert_int_equal(http_server_listen_tcp(f->server, http_server_address(f->server, 0), &e), ERR_IN_USE);
    assert_non_null(strstr(e.text, http_server_address(f->server, 0)));
    assert_int_equal(http_server_listen_tcp(f->server, "localhost:0", &e), 0);
    assert_memory_equal(http_server_address(f->server, 1), "127.0.0.1:", 10);
}

struct place {
    char folder[64], path[96];
};

static struct place make_place(void)
{
    struct place p;

    strcpy(p.folder, "/tmp/songbookd-http-XXXXXX");
    assert_non_null(mkdtemp(p.folder));
    snprintf(p.path, sizeof p.path, "%s/sock", p.folder);
    return p;
}

static void start_unix(struct fix *f, const char *path)
{
    struct err e = {0};

    f->server = http_server_new(&f->loop, &f->options);
    assert_int_equal(http_server_listen_unix(f->server, path, 0660, &e), 0);
}

static void http_listens_on_a_unix_socket_with_its_mode(void **state)
{
    static const struct exchange rows[] = {
        {"GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\nHost: anything.example\r\n\r\n", 200, NULL},
        {"GET /hello HTTP/1.1\r\n\r\n", 400, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 415, NULL},
    };
    struct fix *f = *state;
    struct place p = make_place();
    struct stat st;

    start_unix(f, p.path);
    assert_int_equal(stat(p.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_memory_equal(http_server_address(f->server, 0), "unix:/tmp/", 10);
    check_exchanges(f, rows, ARRAY_LEN(rows));
    stop(f, 0);
    assert_int_equal(stat(p.path, &st), -1);
    assert_int_equal(rmdir(p.folder), 0);
}

static void http_replaces_a_stale_socket_only(void **state)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct fix *f = *state;
    struct place p = make_place();
    struct http_server *second;
    struct err e = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", p.path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    close(fd);
    start_unix(f, p.path);
    second = http_server_new(&f->loop, &f->options);
    assert_int_equal(http_server_listen_unix(second, p.path, 0660, &e), ERR_IN_USE);
    assert_non_null(strstr(e.text, p.path));
    http_server_close(second, 0, on_server_closed, f);
    while (!f->server_closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->server_closed = false;
    assert_int_equal(access(p.path, F_OK), 0);
    stop(f, 0);
    rmdir(p.folder);
}

static void http_leaves_alone_what_is_not_its_socket(void **state)
{
    struct fix *f = *state;
    struct place p = make_place();
    char other[128], too_long[200];
    struct err e = {0};

    start_unix(f, p.path);
    snprintf(other, sizeof other, "%s/file", p.folder);
    close(open(other, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(http_server_listen_unix(f->server, other, 0660, &e), ERR_CONFIG);
    assert_int_equal(access(other, F_OK), 0);
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(http_server_listen_unix(f->server, too_long, 0660, &e), ERR_CONFIG);
    assert_int_equal(http_server_listen_unix(f->server, "", 0660, &e), ERR_CONFIG);
    assert_int_equal(http_server_listen_unix(f->server, "/nonexistent/sock", 0660, &e), ERR_CONFIG);
    /* Somebody else took the path meanwhile. */
    assert_int_equal(rename(other, p.path), 0);
    stop(f, 0);
    assert_int_equal(access(p.path, F_OK), 0);
    unlink(p.path);
    rmdir(p.folder);
}

static void http_sheds_clients_when_descriptors_run_out(void **state)
{
    struct fix *f = *state;
    struct sockaddr_in in;
    struct rlimit old, none;
    struct client *c;
    char byte;
    struct pollfd pfd;
    int fd, lowest;

    start(f);
    ask(f, HELLO, &c);
    uv_ip4_addr("127.0.0.1", atoi(strrchr(http_server_address(f->server, 0), ':') + 1), &in);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lowest = dup(fd);
    close(lowest);
    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    turn(f, 5);
    pfd = (struct pollfd){.fd = uv_backend_fd(&f->loop), .events = POLLIN};
    assert_int_equal(poll(&pfd, 1, 0), 0);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
    close(fd);
    client_send(c, HELLO);
    client_wait_answers(c, 2);
    client_free(c);
}

/* --- the parser alone ---------------------------------------------------------------------------------------- */

static void parser_stops_at_the_end_of_a_request(void **state)
{
    static const char two[] = "POST /\xc3\xb6 HTTP/1.1\r\nX:  padd\xc3\xa9 \t\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
                              "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    struct http_parser *p = http_parser_new();

    /* Every place where the bytes may be cut by the network. */
    for (size_t cut = 0; cut + 1 < sizeof two; cut++) {
        struct http_message m;
        size_t used, first;
        enum http_parse_result r;

        http_message_init(&m);
        http_parser_begin(p, &m);
        r = http_parser_feed(p, (struct slice){two, cut}, &first);
        if (r == HTTP_PARSE_MORE) {
            assert_int_equal(first, cut);
            r = http_parser_feed(p, (struct slice){two + first, sizeof two - 1 - first}, &used);
            first += used;
        }
        assert_int_equal(r, HTTP_PARSE_DONE);
        assert_string_equal(two + first, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(m.method, HTTP_POST);
        assert_true(m.keep_alive);
        assert_string_equal(m.text.data + m.target, "/\xc3\xb6");
        assert_string_equal(http_message_header(&m, "x"), "padd\xc3\xa9");
        assert_true(slice_eq_str((struct slice){m.body.data, m.body.len}, "hi"));
        http_message_deinit(&m);
    }
    http_parser_free(p);
}

static void parser_bounds_chunk_extensions(void **state)
{
    static char extension[65536];
    struct http_parser *p = http_parser_new();
    struct http_message m;
    enum http_parse_result r;
    const char *detail;
    size_t used, fed = 0;

    memset(extension, 'e', sizeof extension);
    http_message_init(&m);
    http_parser_begin(p, &m);
    r = http_parser_feed(p, SLICE_LIT("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;"), &used);
    while (r == HTTP_PARSE_MORE && fed < 100 * sizeof extension) {
        r = http_parser_feed(p, (struct slice){extension, sizeof extension}, &used);
        fed += used;
    }
    assert_int_equal(r, HTTP_PARSE_ERROR);
    assert_int_equal(http_parser_error(p, &detail), 413);
    http_message_deinit(&m);
    http_parser_free(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(http_answers_what_it_serves),
        T(http_refuses_malformed_requests),
        T(http_refuses_unknown_paths_methods_and_types),
        T(http_serves_only_its_own_names),
        T(http_refuses_pages_of_other_origins),
        T(http_serves_the_address_it_is_bound_to),
        T(http_puts_security_headers_on_every_answer),
        T(http_lets_handlers_set_headers_but_not_split_answers),
        T(http_sends_no_body_with_head_204_and_304),
        T(http_refuses_what_is_too_large),
        T(http_counts_header_lines),
        T(http_refuses_a_large_body_before_it_is_sent),
        T(http_invites_the_body_of_a_client_that_asks),
        T(http_answers_503_when_every_connection_is_at_work),
        T(http_gives_the_places_of_the_silent_to_those_who_ask),
        T(http_answers_wrong_credentials_ever_later_and_others_at_once),
        T(http_lets_only_so_many_guessers_wait),
        T(http_closes_while_guessers_wait),
        T(http_does_not_take_the_place_of_one_whose_request_waits_to_be_read),
        T(http_survives_a_flood_of_connections),
        T(http_keeps_the_connection_until_asked_to_close),
        T(http_keeps_the_order_of_pipelined_requests),
        T(http_answers_more_pipelined_requests_than_it_keeps),
        T(http_reads_requests_that_come_byte_by_byte),
        T(http_times_out_a_slow_header),
        T(http_times_out_a_slow_body),
        T(http_closes_a_silent_connection_without_a_word),
        T(http_closes_an_idle_connection),
        T(http_gives_the_places_of_those_who_read_nothing_to_those_who_ask),
        T(http_cuts_a_client_that_does_not_read_its_answer),
        T(http_runs_no_timer_without_connections),
        T(http_answers_400_to_a_request_cut_short),
        T(http_answers_a_client_that_shut_its_side),
        T(http_answers_all_that_is_pipelined_before_a_client_shuts_its_side),
        T(http_drops_the_answer_of_a_client_that_is_gone),
        T(http_lets_a_request_outlive_the_server),
        T(http_streams_in_chunks),
        T(http_streams_to_an_old_client_until_close),
        T(http_answers_head_of_a_stream_and_ends_it),
        T(http_tells_a_stream_that_its_reader_is_too_slow),
        T(http_cuts_a_stream_whose_reader_stopped),
        T(http_tells_when_a_stream_is_drained),
        T(http_ends_a_stream_when_its_client_leaves),
        T(http_limits_streams),
        T(http_drops_a_client_that_keeps_sending_to_a_stream),
        T(http_closes_idle_connections_and_lets_active_ones_end),
        T(http_closes_without_connections_or_listeners),
        T(http_cuts_unfinished_requests_when_patience_ends),
        T(http_may_be_closed_by_a_handler),
        T(http_refuses_addresses_it_cannot_use),
        T(http_listens_on_a_unix_socket_with_its_mode),
        T(http_replaces_a_stale_socket_only),
        T(http_leaves_alone_what_is_not_its_socket),
        T(http_sheds_clients_when_descriptors_run_out),
        cmocka_unit_test(parser_stops_at_the_end_of_a_request),
        cmocka_unit_test(parser_bounds_chunk_extensions),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
