/* net/http_client against a server in the same loop, names from an own getaddrinfo, and TLS from openssl s_server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "net/http_client_dns.h"
#include "scripted_server.h"

/* --- names: libuv's pool calls this getaddrinfo ---------------------------------------- */

static atomic_int lookups_made;
static uv_sem_t hanging_name;   /* posted to let a lookup of *.hang.test go on */

static bool ends_with(const char *s, const char *end)
{
    return strlen(s) >= strlen(end) && strcmp(s + strlen(s) - strlen(end), end) == 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!node || !strstr(node, ".test"))
        return real(node, service, hints, out);
    atomic_fetch_add(&lookups_made, 1);
    if (strcmp(node, "missing.test") == 0)
        return EAI_NONAME;
    if (ends_with(node, "hang.test"))
        uv_sem_wait(&hanging_name);
    return real("127.0.0.1", service, hints, out);
}

/* --- sockets the loop refuses to watch ---------------------------------------------------- */

static bool refuse_sockets;

int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *handle, uv_os_sock_t fd)
{
    int (*real)(uv_loop_t *, uv_poll_t *, uv_os_sock_t);
    *(void **)&real = dlsym(RTLD_NEXT, "uv_poll_init_socket");
    return refuse_sockets ? UV_ENOMEM : real(loop, handle, fd);
}

/* --- the server's answers ---------------------------------------------------------------- */

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define REDIRECT(code, to) "HTTP/1.1 " code " Moved\r\nLocation: " to "\r\nContent-Length: 0\r\n\r\n"

static char far_redirect[128];   /* to the same host on another port; filled in setup */

static struct script scripts[] = {
    {"/ok", SCRIPT_SEND, OK_HEAD "Content-Length: 5\r\n\r\nhello", 0, NULL},
    {"/chunked", SCRIPT_SEND, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", 0, NULL},
    {"/until-close", SCRIPT_SEND_CLOSE, "HTTP/1.1 200 OK\r\n\r\nall of it", 0, NULL},
    {"/nul", SCRIPT_SEND, OK_HEAD "Content-Length: 3\r\n\r\na\0b", sizeof(OK_HEAD "Content-Length: 3\r\n\r\na\0b") - 1, NULL},
    {"/empty", SCRIPT_SEND, "HTTP/1.1 204 No Content\r\n\r\n", 0, NULL},
    {"/limits", SCRIPT_SEND,
     "HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nRETRY-AFTER: 17\r\nX-RateLimit-Zone: ws-global\r\n"
     "x-ratelimit-reset-in: 4\r\nContent-Length: 2\r\n\r\n{}", 0, NULL},
    {"/first-only", SCRIPT_FIRST_ONLY, OK_HEAD "Content-Length: 5\r\n\r\nfirst", 0, NULL},
    {"/never", SCRIPT_SEND_CLOSE, "", 0, NULL},
    {"/reset", SCRIPT_RESET, OK_HEAD "Content-Length: 100\r\n\r\nsome", 0, NULL},
    {"/truncated", SCRIPT_SEND_CLOSE, OK_HEAD "Content-Length: 100\r\n\r\nsome", 0, NULL},
    {"/hang", SCRIPT_HANG, NULL, 0, NULL},
    {"/drip", SCRIPT_DRIP, OK_HEAD "\r\n", 0, NULL},
    {"/flood", SCRIPT_FLOOD, OK_HEAD "\r\n", 0, "0123456789abcdef0123456789abcdef"},
    {"/header-flood", SCRIPT_FLOOD, OK_HEAD, 0, "X-More: 0123456789abcdef0123456789abcdef\r\n"},
    {"/huge-length", SCRIPT_SEND, OK_HEAD "Content-Length: 52428800\r\n\r\n", 0, NULL},
    {"/garbage", SCRIPT_SEND_CLOSE, "this is not the protocol you are looking for\n", 0, NULL},
    {"/bad-gzip", SCRIPT_SEND_CLOSE, OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!", 0, NULL},
    {"/echo", SCRIPT_ECHO, NULL, 0, NULL},
    {"/loop", SCRIPT_SEND, REDIRECT("302", "/loop"), 0, NULL},
    {"/hop1", SCRIPT_SEND, REDIRECT("301", "/hop2?api_key=topsecret"), 0, NULL},
    {"/hop2", SCRIPT_SEND, REDIRECT("302", "/hop3"), 0, NULL},
    {"/hop3", SCRIPT_SEND, REDIRECT("307", "/ok"), 0, NULL},
    {"/to-echo-302", SCRIPT_SEND, REDIRECT("302", "/echo"), 0, NULL},
    {"/to-echo-307", SCRIPT_SEND, REDIRECT("307", "/echo"), 0, NULL},
    {"/away", SCRIPT_SEND, REDIRECT("302", "http://elsewhere.test/ok"), 0, NULL},
    {"/to-https", SCRIPT_SEND, REDIRECT("302", "https://127.0.0.1/ok"), 0, NULL},
    {"/to-file", SCRIPT_SEND, REDIRECT("302", "file:///etc/passwd"), 0, NULL},
    {"/to-nonsense", SCRIPT_SEND, REDIRECT("302", "http://[nonsense/"), 0, NULL},
    {"/to-port", SCRIPT_SEND, far_redirect, 0, NULL},
    {"/no-location", SCRIPT_SEND, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", 0, NULL},
    {"/gzip", SCRIPT_SEND, NULL, 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

/* --- fixture ------------------------------------------------------------------------------- */

struct fixture {
    uv_loop_t loop;
    struct scripted_server server;
    struct http_client *client;
    bool closed;
    int done;          /* callbacks of all fetches */
};

struct outcome {
    struct fixture *f;
    struct fetch *fetch;
    int calls, sent;
    int code, status;
    size_t size;
    char *body;
    char content_type[64], retry_after[64], rate_zone[64], rate_reset_in[64];
    char detail[256];
    uint64_t started, first_byte, total;
};

static void setup(struct fixture *f)
{
    *f = (struct fixture){0};
    atomic_store(&lookups_made, 0);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    scripted_server_start(&f->server, &f->loop, scripts);
    snprintf(far_redirect, sizeof(far_redirect), REDIRECT("302", "http://127.0.0.1:%d/ok"), f->server.port == 9 ? 10 : 9);
    assert_int_equal(http_client_new(&f->loop, &f->client, NULL), 0);
}

static void on_client_closed(void *arg)
{
    struct fixture *f = arg;
    assert_false(f->closed);
    f->closed = true;
}

static void run_until_done(struct fixture *f, int calls)
{
    while (f->done < calls)
        assert_true(uv_run(&f->loop, UV_RUN_ONCE) != 0 || f->done >= calls);
}

static void run_until_closed(struct fixture *f)
{
    while (!f->closed)
        assert_true(uv_run(&f->loop, UV_RUN_ONCE) != 0 || f->closed);
}

static void end_loop(struct fixture *f)
{
    scripted_server_stop(&f->server);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void teardown(struct fixture *f)
{
    http_client_close(f->client, on_client_closed, f);
    assert_false(f->closed);
    run_until_closed(f);
    end_loop(f);
}

static void count_done(struct fixture *f)
{
    f->done++;
    uv_stop(&f->loop);   /* else UV_RUN_ONCE waits for a socket after its timers have run */
}

static void copy(char *out, size_t size, const char *in)
{
    snprintf(out, size, "%s", in ? in : "(none)");
}

static void note(void *arg, const struct fetch_result *r)
{
    struct outcome *o = arg;
    o->calls++;
    count_done(o->f);
    o->fetch = NULL;
    o->code = r->code;
    o->status = r->status;
    o->size = r->body->len;
    o->body = buf_detach(r->body);
    o->started = r->started_ms;
    o->first_byte = r->first_byte_ms;
    o->total = r->total_ms;
    copy(o->content_type, sizeof(o->content_type), r->content_type);
    copy(o->retry_after, sizeof(o->retry_after), r->retry_after);
    copy(o->rate_zone, sizeof(o->rate_zone), r->rate_zone);
    copy(o->rate_reset_in, sizeof(o->rate_reset_in), r->rate_reset_in);
    copy(o->detail, sizeof(o->detail), r->detail);
    assert_null(strstr(o->detail, "topsecret"));
    assert_null(strstr(o->detail, "api_key"));
}

static void note_sent(void *arg)
{
    struct outcome *o = arg;
    assert_int_equal(o->calls, 0);
    o->sent++;
}

static void outcome_deinit(struct outcome *o)
{
    free(o->body);
    *o = (struct outcome){0};
}

static void start(struct fixture *f, struct outcome *o, const char *host, const char *path, struct fetch_options options)
{
    struct err e = {0};
    char *url = mem_printf("http://%s:%d%s?api_key=topsecret", host, f->server.port, path);
    *o = (struct outcome){.f = f};
    options.url = url;
    options.sent = note_sent;
    if (!options.timeout_ms)
        options.timeout_ms = 600000;   /* a machine may stand still for a while */
    int before = f->done;
    assert_int_equal(fetch_start(f->client, &options, note, o, &o->fetch, &e), 0);
    assert_int_equal(f->done, before);   /* never from inside the call */
    free(url);
}

static void get(struct fixture *f, struct outcome *o, const char *path, struct fetch_options options)
{
    start(f, o, "127.0.0.1", path, options);
    run_until_done(f, f->done + 1);
}

#define NO_OPTIONS ((struct fetch_options){0})

/* --- plain answers --------------------------------------------------------------------------- */

static void answers_come_whole_with_status_and_type(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body;
        size_t size;
        const char *type;
    } rows[] = {
        {"/ok", 200, "hello", 5, "text/plain"},
        {"/chunked", 200, "abcdefg", 7, "text/plain"},
        {"/until-close", 200, "all of it", 9, "(none)"},
        {"/nul", 200, "a\0b", 3, "text/plain"},
        {"/empty", 204, "", 0, "(none)"},
        {"/no-location", 302, "", 0, "(none)"},
    };
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        get(&f, &o, rows[i].path, NO_OPTIONS);
        assert_int_equal(o.code, 0);
        assert_int_equal(o.status, rows[i].status);
        assert_int_equal(o.size, rows[i].size);
        assert_memory_equal(o.body, rows[i].body, rows[i].size + 1);
        assert_string_equal(o.content_type, rows[i].type);
        assert_string_equal(o.retry_after, "(none)");
        assert_true(o.first_byte <= o.total);
        outcome_deinit(&o);
    }
    teardown(&f);
}

static void refusal_headers_are_handed_on(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/limits", NO_OPTIONS);
    assert_int_equal(o.code, 0);
    assert_int_equal(o.status, 503);
    assert_string_equal(o.body, "{}");
    assert_string_equal(o.content_type, "application/json");
    assert_string_equal(o.retry_after, "17");
    assert_string_equal(o.rate_zone, "ws-global");
    assert_string_equal(o.rate_reset_in, "4");
    outcome_deinit(&o);
    teardown(&f);
}

static void request_says_what_the_options_say(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/echo", (struct fetch_options){.user_agent = "songbookd/9 ( me )", .header = "Authorization: Token abc"});
    assert_int_equal(strncmp(o.body, "GET /echo?api_key=topsecret HTTP/1.1\r\n", 38), 0);
    assert_non_null(strstr(o.body, "\r\nUser-Agent: songbookd/9 ( me )\r\n"));
    assert_non_null(strstr(o.body, "\r\nAuthorization: Token abc\r\n"));
    assert_non_null(strstr(o.body, "\r\nAccept-Encoding: gzip,deflate\r\n"));
    assert_null(strstr(o.body, "Upgrade"));
    outcome_deinit(&o);
    get(&f, &o, "/echo", (struct fetch_options){.post_body = "{\"a\":1}"});
    assert_int_equal(strncmp(o.body, "POST /echo?", 11), 0);
    assert_non_null(strstr(o.body, "\r\nContent-Type: application/json\r\n"));
    assert_true(ends_with(o.body, "\r\n\r\n{\"a\":1}"));
    outcome_deinit(&o);
    teardown(&f);
}

static void connections_are_kept_and_used_again(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (int i = 0; i < 5; i++) {
        get(&f, &o, "/ok", NO_OPTIONS);
        assert_string_equal(o.body, "hello");
        outcome_deinit(&o);
    }
    assert_int_equal(f.server.requests, 5);
    assert_int_equal(f.server.accepted, 1);
    teardown(&f);
}

static void proxies_of_the_environment_are_ignored(void **state)
{
    struct fixture f;
    struct outcome o;
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    setup(&f);
    get(&f, &o, "/ok", NO_OPTIONS);
    assert_int_equal(o.code, 0);
    outcome_deinit(&o);
    teardown(&f);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void many_at_once_end_each_with_its_own_answer(void **state)
{
    struct fixture f;
    struct outcome o[24];
    static const char *const paths[] = {"/ok", "/chunked", "/until-close"};
    static const char *const bodies[] = {"hello", "abcdefg", "all of it"};
    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(o); i++)
        start(&f, &o[i], i % 2 ? "localhost" : "127.0.0.1", paths[i % 3], NO_OPTIONS);
    run_until_done(&f, (int)ARRAY_LEN(o));
    for (size_t i = 0; i < ARRAY_LEN(o); i++) {
        assert_int_equal(o[i].code, 0);
        assert_string_equal(o[i].body, bodies[i % 3]);
        outcome_deinit(&o[i]);
    }
    teardown(&f);
}

/* --- compression ---------------------------------------------------------------------------------- */

/* An HTTP answer with the output of a shell command, gzipped, as body. */
static char *gzip_answer(const char *command, size_t *size)
{
    struct buf body, all;
    char piece[4096];
    size_t n;
    FILE *p = popen(command, "r");
    assert_non_null(p);
    buf_init(&body, 0);
    buf_init(&all, 0);
    while ((n = fread(piece, 1, sizeof(piece), p)) > 0)
        buf_add(&body, piece, n);
    assert_int_equal(pclose(p), 0);
    buf_addf(&all, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", body.len);
    buf_add(&all, body.data, body.len);
    buf_deinit(&body);
    *size = all.len;
    return buf_detach(&all);
}

static struct script *script_for(const char *path)
{
    for (struct script *s = scripts; s->path; s++)
        if (strcmp(s->path, path) == 0)
            return s;
    return NULL;
}

static void compressed_answers_are_unfolded_and_bounded_unfolded(void **state)
{
    struct fixture f;
    struct outcome o;
    struct script *s = script_for("/gzip");
    setup(&f);
    char *small = gzip_answer("printf 'small text' | gzip -c", &s->size);
    s->text = small;
    get(&f, &o, "/gzip", NO_OPTIONS);
    assert_string_equal(o.body, "small text");
    outcome_deinit(&o);
    char *bomb = gzip_answer("head -c 20000000 /dev/zero | gzip -c", &s->size);
    assert_true(s->size < 100000);
    s->text = bomb;
    get(&f, &o, "/gzip", (struct fetch_options){.max_body = 200000});
    assert_int_equal(o.code, ERR_TOO_LARGE);
    assert_int_equal(o.size, 0);
    outcome_deinit(&o);
    teardown(&f);
    free(small);
    free(bomb);
}

/* --- bad answers ------------------------------------------------------------------------------------ */

static void bad_answers_have_their_code(void **state)
{
    static const struct {
        const char *path;
        int code, status;
    } rows[] = {
        {"/reset", ERR_LOST, 200},          {"/truncated", ERR_LOST, 200},        {"/never", ERR_LOST, 0},
        {"/huge-length", ERR_TOO_LARGE, 200}, {"/garbage", ERR_PROVIDER, 0},      {"/bad-gzip", ERR_PROVIDER, 200},
        {"/loop", ERR_PROVIDER, 302},       {"/away", ERR_PROVIDER, 302},         {"/to-https", ERR_PROVIDER, 302},
        {"/to-file", ERR_PROVIDER, 302},    {"/to-nonsense", ERR_PROVIDER, 302},  {"/to-port", ERR_PROVIDER, 302},
    };
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        get(&f, &o, rows[i].path, NO_OPTIONS);
        if (o.code != rows[i].code || o.status != rows[i].status)
            fail_msg("%s gave %d status %d: %s", rows[i].path, o.code, o.status, o.detail);
        assert_int_equal(o.size, 0);
        assert_true(o.detail[0] != '\0');
        outcome_deinit(&o);
    }
    assert_int_equal(atomic_load(&lookups_made), 0);   /* the host redirected to is not even looked up */
    get(&f, &o, "/ok", NO_OPTIONS);                    /* and the client lives on */
    assert_int_equal(o.code, 0);
    outcome_deinit(&o);
    teardown(&f);
}

static void endless_answers_are_cut_at_the_bound(void **state)
{
    static const char *const paths[] = {"/flood", "/header-flood"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct fixture f;
        struct outcome o;
        setup(&f);
        get(&f, &o, paths[i], (struct fetch_options){.max_body = 1024 * 1024});
        assert_int_equal(o.code, ERR_TOO_LARGE);
        assert_int_equal(o.size, 0);
        assert_true(f.server.flooded < 40u * 1024 * 1024);   /* socket buffers take a few MB more than the bound */
        outcome_deinit(&o);
        teardown(&f);
    }
}

static void an_answer_of_exactly_the_bound_is_taken(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/chunked", (struct fetch_options){.max_body = 7});
    assert_int_equal(o.code, 0);
    outcome_deinit(&o);
    get(&f, &o, "/chunked", (struct fetch_options){.max_body = 6});
    assert_int_equal(o.code, ERR_TOO_LARGE);
    outcome_deinit(&o);
    teardown(&f);
}

static void silence_and_dripping_end_with_the_timeout(void **state)
{
    static const char *const paths[] = {"/hang", "/drip"};
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        do {   /* a machine that stands still may not even send the question in that time */
            get(&f, &o, paths[i], (struct fetch_options){.timeout_ms = 150});
        } while (o.code == ERR_NETWORK);
        assert_int_equal(o.code, ERR_TIMEOUT);
        assert_int_equal(o.size, 0);
        assert_true(o.total >= 149);   /* curl counts finer than the loop */
        outcome_deinit(&o);
    }
    teardown(&f);
}

static void nobody_listening_is_a_network_error(void **state)
{
    struct fixture f;
    struct outcome o = {0};
    struct fetch_options options = {.url = "http://127.0.0.1:1/x?api_key=topsecret", .sent = note_sent};
    setup(&f);
    o.f = &f;
    assert_int_equal(fetch_start(f.client, &options, note, &o, NULL, NULL), 0);
    run_until_done(&f, 1);
    assert_int_equal(o.code, ERR_NETWORK);
    assert_int_equal(o.status, 0);
    assert_int_equal(o.sent, 0);
    outcome_deinit(&o);
    teardown(&f);
}

/* Listens and accepts nobody; once its queue is full the kernel drops what comes, as a dead line does. */
static int deaf_server(int *port, int waiting[3])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    for (int i = 0; i < 3; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(waiting[i], (struct sockaddr *)&a, sizeof(a)) != 0)
            assert_int_equal(errno, EINPROGRESS);
    }
    return fd;
}

static void a_connection_that_never_comes_is_a_network_error_and_no_timeout(void **state)
{
    struct fixture f;
    struct outcome o = {0};
    int port, waiting[3], fd = deaf_server(&port, waiting);
    char url[64];
    struct fetch_options options = {.url = url, .timeout_ms = 200};
    setup(&f);
    o.f = &f;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", port);
    assert_int_equal(fetch_start(f.client, &options, note, &o, NULL, NULL), 0);
    run_until_done(&f, 1);
    assert_int_equal(o.code, ERR_NETWORK);
    outcome_deinit(&o);
    for (int i = 0; i < 3; i++)
        close(waiting[i]);
    close(fd);
    teardown(&f);
}

static void a_socket_that_cannot_be_watched_costs_one_fetch(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    refuse_sockets = true;
    get(&f, &o, "/ok", NO_OPTIONS);
    refuse_sockets = false;
    assert_int_equal(o.code, ERR_NETWORK);
    outcome_deinit(&o);
    get(&f, &o, "/ok", NO_OPTIONS);
    assert_int_equal(o.code, 0);
    outcome_deinit(&o);
    teardown(&f);
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (int i = 0; i < 4; i++) {
        get(&f, &o, "/first-only", NO_OPTIONS);
        assert_int_equal(o.code, 0);
        assert_string_equal(o.body, "first");
        outcome_deinit(&o);
    }
    assert_int_equal(f.server.accepted, 4);
    assert_int_equal(f.server.requests, 7);   /* three of them met a connection that closed without a word */
    teardown(&f);
}

static void a_server_that_always_closes_is_not_asked_for_ever(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/ok", NO_OPTIONS);
    outcome_deinit(&o);
    get(&f, &o, "/never", NO_OPTIONS);        /* on the kept connection, then on a new one */
    assert_int_equal(o.code, ERR_LOST);
    assert_int_equal(f.server.accepted, 2);
    assert_int_equal(f.server.requests, 3);
    assert_int_equal(o.sent, 2);
    outcome_deinit(&o);
    teardown(&f);
}

/* --- redirects ----------------------------------------------------------------------------------------- */

static void redirects_on_the_same_host_are_followed_three_times(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/hop1", NO_OPTIONS);
    assert_int_equal(o.code, 0);
    assert_int_equal(o.status, 200);
    assert_string_equal(o.body, "hello");
    assert_int_equal(f.server.requests, 4);
    assert_int_equal(o.sent, 4);
    outcome_deinit(&o);
    get(&f, &o, "/loop", NO_OPTIONS);
    assert_int_equal(o.code, ERR_PROVIDER);
    assert_int_equal(f.server.requests, 8);
    outcome_deinit(&o);
    teardown(&f);
}

static void redirected_post_keeps_or_drops_its_body_by_status(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/to-echo-302", (struct fetch_options){.post_body = "[1]", .header = "X-Mine: yes"});
    assert_int_equal(strncmp(o.body, "GET /echo ", 10), 0);
    assert_non_null(strstr(o.body, "X-Mine: yes"));
    outcome_deinit(&o);
    get(&f, &o, "/to-echo-307", (struct fetch_options){.post_body = "[1]"});
    assert_int_equal(strncmp(o.body, "POST /echo ", 11), 0);
    assert_true(ends_with(o.body, "\r\n\r\n[1]"));
    outcome_deinit(&o);
    teardown(&f);
}

/* --- names ------------------------------------------------------------------------------------------------ */

static void a_name_is_looked_up_once_and_kept(void **state)
{
    struct fixture f;
    struct outcome o[3];
    setup(&f);
    for (int i = 0; i < 3; i++)
        start(&f, &o[i], i == 1 ? "MUSIC.test" : "music.test", "/ok", NO_OPTIONS);
    assert_int_equal(http_client_lookups(f.client), 1);   /* three wait for one */
    run_until_done(&f, 3);
    assert_int_equal(http_client_lookups(f.client), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(o[i].code, 0);
        assert_string_equal(o[i].body, "hello");
        outcome_deinit(&o[i]);
    }
    start(&f, &o[0], "music.test", "/ok", NO_OPTIONS);
    run_until_done(&f, 4);
    assert_string_equal(o[0].body, "hello");
    outcome_deinit(&o[0]);
    assert_int_equal(atomic_load(&lookups_made), 1);
    teardown(&f);
}

static void addresses_and_localhost_need_no_lookup(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "LocalHost", "songs.localhost"};
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        start(&f, &o, hosts[i], "/ok", NO_OPTIONS);
        assert_int_equal(http_client_lookups(f.client), 0);
        run_until_done(&f, f.done + 1);
        assert_int_equal(o.code, 0);
        outcome_deinit(&o);
    }
    teardown(&f);
}

static void unknown_name_is_asked_again_next_time(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (int i = 1; i <= 2; i++) {
        start(&f, &o, "missing.test", "/ok", NO_OPTIONS);
        run_until_done(&f, i);
        assert_int_equal(o.code, ERR_DNS);
        assert_non_null(strstr(o.detail, "'missing.test'"));
        outcome_deinit(&o);
        assert_int_equal(atomic_load(&lookups_made), i);
    }
    teardown(&f);
}

static void names_whose_address_does_not_answer_are_asked_again(void **state)
{
    struct fixture f;
    struct outcome o = {0};
    struct fetch_options options = {.url = "http://music.test:1/"};
    setup(&f);
    o.f = &f;
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(fetch_start(f.client, &options, note, &o, NULL, NULL), 0);
        run_until_done(&f, i);
        assert_int_equal(o.code, ERR_NETWORK);
        assert_int_equal(atomic_load(&lookups_made), i);
        free(o.body);
    }
    teardown(&f);
}

static void many_names_do_not_grow_the_memory_of_names(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i <= NAMES_MAX_CACHED; i++) {   /* one more than has room: the oldest is gone in round two */
            char host[32];
            snprintf(host, sizeof(host), "n%d.test", i);
            start(&f, &o, host, "/ok", NO_OPTIONS);
            run_until_done(&f, f.done + 1);
            assert_int_equal(o.code, 0);
            outcome_deinit(&o);
        }
    }
    assert_true(atomic_load(&lookups_made) > NAMES_MAX_CACHED + 1);
    teardown(&f);
}

static void a_hanging_lookup_ends_its_fetch_in_time_and_is_dropped_later(void **state)
{
    struct fixture f;
    struct outcome o, other;
    setup(&f);
    start(&f, &o, "hang.test", "/ok", (struct fetch_options){.timeout_ms = 50});
    run_until_done(&f, 1);
    assert_int_equal(o.code, ERR_DNS);   /* the line is dead, not the provider slow: no failure of the song */
    assert_int_equal(http_client_lookups(f.client), 1);
    start(&f, &other, "127.0.0.1", "/ok", NO_OPTIONS);   /* others go on meanwhile */
    run_until_done(&f, 2);
    assert_int_equal(other.code, 0);
    uv_sem_post(&hanging_name);
    while (http_client_lookups(f.client) > 0)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(o.calls, 1);
    outcome_deinit(&o);
    outcome_deinit(&other);
    teardown(&f);
}

static void closing_does_not_wait_for_hanging_lookups(void **state)
{
    struct fixture f;
    struct outcome o[6];
    char host[32];
    setup(&f);
    for (int i = 0; i < 6; i++) {   /* two pool threads take lookups, so most are still queued */
        snprintf(host, sizeof(host), "n%d.hang.test", i);
        start(&f, &o[i], host, "/ok", NO_OPTIONS);
    }
    while (atomic_load(&lookups_made) == 0)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(http_client_lookups(f.client), 6);
    http_client_close(f.client, on_client_closed, &f);
    assert_int_equal(f.done, 0);
    run_until_closed(&f);
    assert_int_equal(f.done, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(o[i].code, ERR_CANCELED);
        outcome_deinit(&o[i]);
        uv_sem_post(&hanging_name);
    }
    end_loop(&f);
    while (uv_sem_trywait(&hanging_name) == 0)   /* posts that no lookup needed */
        continue;
}

static void only_so_many_lookups_run_at_once(void **state)
{
    struct fixture f;
    struct outcome o[NAMES_MAX_RUNNING];
    struct err e;
    struct fetch_options options = {.url = "http://one-too-many.hang.test/"};
    char host[32];
    setup(&f);
    for (int i = 0; i < NAMES_MAX_RUNNING; i++) {
        snprintf(host, sizeof(host), "n%d.hang.test", i);
        start(&f, &o[i], host, "/ok", NO_OPTIONS);
        uv_sem_post(&hanging_name);
    }
    assert_int_equal(fetch_start(f.client, &options, note, &o[0], NULL, &e), ERR_BUSY);
    run_until_done(&f, NAMES_MAX_RUNNING);
    for (int i = 0; i < NAMES_MAX_RUNNING; i++) {
        assert_int_equal(o[i].code, 0);
        outcome_deinit(&o[i]);
    }
    teardown(&f);
}

/* --- starting and stopping ------------------------------------------------------------------------------- */

static void unusable_options_are_refused_at_once(void **state)
{
    static const struct fetch_options rows[] = {
        {.url = NULL}, {.url = ""}, {.url = "127.0.0.1/ok"}, {.url = "ftp://127.0.0.1/ok"}, {.url = "file:///etc/passwd"},
        {.url = "http://"}, {.url = "http://m\xc3\xbcsik.test/"}, {.url = "http://a b/"}, {.url = "http://music.test./"},
        {.url = "http://music%2etest:x/"}, {.url = "http://host:99999/"}, {.url = "http://a,b/"},
        {.url = "http://127.0.0.1/", .header = "A: b\r\nC: d"}, {.url = "http://127.0.0.1/", .user_agent = "a\nb"},
    };
    struct fixture f;
    struct outcome o = {0};
    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        if (fetch_start(f.client, &rows[i], note, &o, NULL, &e) != ERR_INVALID)
            fail_msg("row %zu was taken", i);
        assert_true(e.text[0] != '\0');
    }
    assert_int_equal(o.calls, 0);
    teardown(&f);
}

static void cancel_ends_with_its_own_code_once(void **state)
{
    static const struct {
        const char *host, *path;
    } rows[] = {{"127.0.0.1", "/hang"}, {"127.0.0.1", "/drip"}, {"music.test", "/hang"}, {"hang.test", "/ok"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int running = 0; running < 2; running++) {   /* right after the start, and in full swing */
            struct fixture f;
            struct outcome o;
            setup(&f);
            start(&f, &o, rows[i].host, rows[i].path, NO_OPTIONS);
            while (running && f.server.requests == 0 && !(i == 3 && atomic_load(&lookups_made) == 1))
                uv_run(&f.loop, UV_RUN_NOWAIT);   /* nothing wakes the loop while the lookup hangs */
            fetch_cancel(o.fetch);
            fetch_cancel(o.fetch);
            assert_int_equal(o.calls, 0);
            run_until_done(&f, 1);
            assert_int_equal(o.code, ERR_CANCELED);
            outcome_deinit(&o);
            uv_sem_post(&hanging_name);
            teardown(&f);
            while (uv_sem_trywait(&hanging_name) == 0)
                continue;
        }
    }
}

static void close_cancels_what_is_running(void **state)
{
    static const char *const paths[] = {"/hang", "/drip", "/flood", "/ok", "/loop"};
    struct fixture f;
    struct outcome o[5];
    setup(&f);
    for (int i = 0; i < 5; i++)
        start(&f, &o[i], "localhost", paths[i], (struct fetch_options){.max_body = SIZE_MAX / 4});
    while (f.server.accepted < 5)
        uv_run(&f.loop, UV_RUN_ONCE);
    http_client_close(f.client, on_client_closed, &f);
    struct fetch_options options = {.url = "http://127.0.0.1/"};
    assert_int_equal(fetch_start(f.client, &options, note, &o[0], NULL, NULL), ERR_CLOSED);
    run_until_closed(&f);
    assert_int_equal(f.done, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(o[i].calls, 1);
        assert_true(o[i].code == ERR_CANCELED || (i == 3 && o[i].code == 0));
        outcome_deinit(&o[i]);
    }
    end_loop(&f);
}

static void close_with_a_kept_connection_or_with_nothing(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    teardown(&f);
    setup(&f);
    get(&f, &o, "/ok", NO_OPTIONS);
    outcome_deinit(&o);
    teardown(&f);
}

struct chain {
    struct outcome o;
    struct outcome victim;
    int left;
};

static void start_the_next(void *arg, const struct fetch_result *r)
{
    struct chain *c = arg;
    assert_int_equal(r->code, 0);
    count_done(c->o.f);
    if (--c->left == 0)
        return;
    char *url = mem_printf("http://localhost:%d/ok", c->o.f->server.port);
    struct fetch_options options = {.url = url};
    int before = c->o.f->done;
    assert_int_equal(fetch_start(c->o.f->client, &options, start_the_next, c, NULL, NULL), 0);
    assert_int_equal(c->o.f->done, before);
    free(url);
}

static void callbacks_may_start_fetches(void **state)
{
    struct fixture f;
    setup(&f);
    struct chain c = {.o = {.f = &f}, .left = 11};
    struct fetch_result first = {.code = 0};
    start_the_next(&c, &first);
    run_until_done(&f, 11);
    assert_int_equal(f.server.accepted, 1);
    teardown(&f);
}

static void cancel_the_other_and_close(void *arg, const struct fetch_result *r)
{
    struct chain *c = arg;
    struct fixture *f = c->o.f;
    count_done(f);
    fetch_cancel(c->victim.fetch);
    assert_int_equal(c->victim.calls, 0);
    http_client_close(f->client, on_client_closed, f);
    assert_false(f->closed);
}

static void callbacks_may_cancel_and_close(void **state)
{
    struct fixture f;
    setup(&f);
    struct chain c = {.o = {.f = &f}};
    char *url = mem_printf("http://localhost:%d/ok", f.server.port);
    struct fetch_options options = {.url = url};
    start(&f, &c.victim, "localhost", "/hang", NO_OPTIONS);
    assert_int_equal(fetch_start(f.client, &options, cancel_the_other_and_close, &c, NULL, NULL), 0);
    run_until_closed(&f);
    assert_int_equal(c.victim.calls, 1);
    assert_int_equal(c.victim.code, ERR_CANCELED);
    outcome_deinit(&c.victim);
    free(url);
    end_loop(&f);
}

static void an_idle_client_wakes_nobody(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/until-close", NO_OPTIONS);
    outcome_deinit(&o);
    get(&f, &o, "/ok", NO_OPTIONS);
    outcome_deinit(&o);
    for (int i = 0; i < 20; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_backend_timeout(&f.loop), -1);   /* no timer at all: not ours, not curl's */
    teardown(&f);
}

/* --- the log ----------------------------------------------------------------------------------------------- */

static void the_log_names_the_host_but_no_key(void **state)
{
    struct fixture f;
    struct outcome o;
    char text[16384] = "";
    FILE *to = tmpfile();
    assert_non_null(to);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(to), STDERR_FILENO);
    log_set_level(LOG_DEBUG);
    setup(&f);
    get(&f, &o, "/hop1", NO_OPTIONS);
    outcome_deinit(&o);
    get(&f, &o, "/reset", (struct fetch_options){.header = "Authorization: Token topsecret-token"});
    outcome_deinit(&o);
    start(&f, &o, "missing.test", "/ok", NO_OPTIONS);
    run_until_done(&f, f.done + 1);
    outcome_deinit(&o);
    teardown(&f);
    log_set_level(LOG_INFO);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(to);
    assert_true(fread(text, 1, sizeof(text) - 1, to) > 0);
    fclose(to);
    assert_non_null(strstr(text, "host=127.0.0.1"));
    assert_non_null(strstr(text, "host=missing.test"));
    assert_null(strstr(text, "topsecret"));
    assert_null(strstr(text, "hop1"));
}

static void an_answer_that_repeats_the_key_is_masked(void **state)
{
    struct fixture f;
    struct outcome o;
    setup(&f);
    get(&f, &o, "/echo", (struct fetch_options){.header = "Authorization: Token topsecret-token", .secret = "topsecret-token"});
    assert_int_equal(o.code, 0);
    assert_non_null(strstr(o.body, "Token ***************"));
    assert_null(strstr(o.body, "topsecret-"));
    outcome_deinit(&o);
    teardown(&f);
}

/* --- TLS ------------------------------------------------------------------------------------------------------ */

struct tls_server {
    char dir[64], cert[96], key[96];
    uv_process_t process;
    uv_pipe_t out;
    char text[1024];
    size_t n;
    int port;
    bool exited;
};

static void on_tls_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    struct tls_server *s = h->data;
    *b = uv_buf_init(s->text + s->n, (unsigned)(sizeof(s->text) - 1 - s->n));
}

static void on_tls_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct tls_server *s = stream->data;
    if (n <= 0) {
        uv_read_stop(stream);
        return;
    }
    s->n += (size_t)n;
    s->text[s->n] = '\0';
    const char *at = strstr(s->text, "ACCEPT 127.0.0.1:");
    if (at && strchr(at, '\n'))
        s->port = atoi(at + 17);
}

static void on_tls_exit(uv_process_t *p, int64_t status, int sig)
{
    struct tls_server *s = p->data;
    s->exited = true;
    uv_close((uv_handle_t *)p, NULL);
}

static bool make_certificate(struct tls_server *s)
{
    snprintf(s->dir, sizeof(s->dir), "/tmp/songbookd-tls-XXXXXX");
    if (!mkdtemp(s->dir))
        return false;
    snprintf(s->cert, sizeof(s->cert), "%s/cert.pem", s->dir);
    snprintf(s->key, sizeof(s->key), "%s/key.pem", s->dir);
    char *command = mem_printf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
                               "-subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:music.test "
                               "-keyout %s -out %s >/dev/null 2>&1",
                               s->key, s->cert);
    int rc = system(command);
    free(command);
    return rc == 0;
}

static void remove_certificate(struct tls_server *s)
{
    unlink(s->cert);
    unlink(s->key);
    rmdir(s->dir);
}

static bool tls_server_start(struct tls_server *s, uv_loop_t *loop)
{
    char *args[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", s->cert, "-key", s->key, "-www", NULL};
    uv_stdio_container_t io[] = {{.flags = UV_IGNORE},
                                 {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->out},
                                 {.flags = UV_IGNORE}};
    uv_process_options_t options = {.exit_cb = on_tls_exit, .file = "openssl", .args = args, .stdio = io, .stdio_count = 3};
    uv_pipe_init(loop, &s->out, 0);
    s->out.data = s->process.data = s;
    if (uv_spawn(loop, &s->process, &options) != 0)
        return false;
    uv_read_start((uv_stream_t *)&s->out, on_tls_alloc, on_tls_read);
    while (s->port == 0 && !s->exited)
        uv_run(loop, UV_RUN_ONCE);
    return s->port != 0;
}

static void https_is_checked_against_the_given_certificates(void **state)
{
    static const struct {
        const char *host;
        bool own_ca;
        int code;
    } rows[] = {
        {"localhost", true, 0},
        {"music.test", true, 0},                  /* by name, through a lookup */
        {"localhost", false, ERR_NETWORK},        /* nobody in /etc/ssl/certs signed it */
        {"other.test", true, ERR_NETWORK},        /* signed, but for another host */
        {"127.0.0.1", true, ERR_NETWORK},
    };
    struct fixture f;
    struct tls_server tls = {.port = 0};
    if (!make_certificate(&tls)) {
        remove_certificate(&tls);
        print_message("skipped: openssl cannot make a certificate here\n");
        skip();
    }
    setup(&f);
    assert_true(tls_server_start(&tls, &f.loop));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o = {.f = &f};
        char *url = mem_printf("https://%s:%d/?api_key=topsecret", rows[i].host, tls.port);
        struct fetch_options options = {.url = url, .ca_file = rows[i].own_ca ? tls.cert : NULL, .timeout_ms = 600000};
        assert_int_equal(fetch_start(f.client, &options, note, &o, NULL, NULL), 0);
        run_until_done(&f, f.done + 1);
        if (o.code != rows[i].code)
            fail_msg("%s gave %d: %s", url, o.code, o.detail);
        assert_int_equal(o.status, rows[i].code == 0 ? 200 : 0);
        assert_true(rows[i].code == 0 || strstr(o.detail, "certificate is not trusted"));
        free(url);
        outcome_deinit(&o);
    }
    struct outcome o = {.f = &f};
    char *url = mem_printf("https://localhost:%d/", tls.port);
    struct fetch_options options = {.url = url, .ca_file = "/nonexistent/ca.pem"};
    assert_int_equal(fetch_start(f.client, &options, note, &o, NULL, NULL), 0);
    run_until_done(&f, f.done + 1);
    assert_int_equal(o.code, ERR_NETWORK);
    assert_non_null(strstr(o.detail, "CA file"));
    outcome_deinit(&o);
    free(url);
    uv_process_kill(&tls.process, SIGTERM);
    uv_close((uv_handle_t *)&tls.out, NULL);
    teardown(&f);
    remove_certificate(&tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_whole_with_status_and_type),
        cmocka_unit_test(refusal_headers_are_handed_on),
        cmocka_unit_test(request_says_what_the_options_say),
        cmocka_unit_test(connections_are_kept_and_used_again),
        cmocka_unit_test(proxies_of_the_environment_are_ignored),
        cmocka_unit_test(many_at_once_end_each_with_its_own_answer),
        cmocka_unit_test(compressed_answers_are_unfolded_and_bounded_unfolded),
        cmocka_unit_test(bad_answers_have_their_code),
        cmocka_unit_test(endless_answers_are_cut_at_the_bound),
        cmocka_unit_test(an_answer_of_exactly_the_bound_is_taken),
        cmocka_unit_test(silence_and_dripping_end_with_the_timeout),
        cmocka_unit_test(a_connection_that_never_comes_is_a_network_error_and_no_timeout),
        cmocka_unit_test(nobody_listening_is_a_network_error),
        cmocka_unit_test(a_socket_that_cannot_be_watched_costs_one_fetch),
        cmocka_unit_test(a_kept_connection_that_died_is_replaced),
        cmocka_unit_test(a_server_that_always_closes_is_not_asked_for_ever),
        cmocka_unit_test(redirects_on_the_same_host_are_followed_three_times),
        cmocka_unit_test(redirected_post_keeps_or_drops_its_body_by_status),
        cmocka_unit_test(a_name_is_looked_up_once_and_kept),
        cmocka_unit_test(addresses_and_localhost_need_no_lookup),
        cmocka_unit_test(unknown_name_is_asked_again_next_time),
        cmocka_unit_test(names_whose_address_does_not_answer_are_asked_again),
        cmocka_unit_test(many_names_do_not_grow_the_memory_of_names),
        cmocka_unit_test(a_hanging_lookup_ends_its_fetch_in_time_and_is_dropped_later),
        cmocka_unit_test(closing_does_not_wait_for_hanging_lookups),
        cmocka_unit_test(only_so_many_lookups_run_at_once),
        cmocka_unit_test(unusable_options_are_refused_at_once),
        cmocka_unit_test(cancel_ends_with_its_own_code_once),
        cmocka_unit_test(close_cancels_what_is_running),
        cmocka_unit_test(close_with_a_kept_connection_or_with_nothing),
        cmocka_unit_test(callbacks_may_start_fetches),
        cmocka_unit_test(callbacks_may_cancel_and_close),
        cmocka_unit_test(an_idle_client_wakes_nobody),
        cmocka_unit_test(the_log_names_the_host_but_no_key),
        cmocka_unit_test(an_answer_that_repeats_the_key_is_masked),
        cmocka_unit_test(https_is_checked_against_the_given_certificates),
    };
    signal(SIGPIPE, SIG_IGN);
    uv_sem_init(&hanging_name, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
