/* Answers: status line, headers that every answer carries, bodies, problems. Loop thread only.
 *
 * An answer to a client that is gone is dropped here, so handlers need not ask. What a handler puts into a
 * header cannot split the answer.
 */
#include "net/http_server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static const struct {
    const char *name, *value;
} default_headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {207, "Multi-Status"}, {303, "See Other"},
    {304, "Not Modified"}, {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
    {410, "Gone"}, {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
    {415, "Unsupported Media Type"}, {421, "Misdirected Request"}, {422, "Unprocessable Content"},
    {428, "Precondition Required"}, {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Answer";
}

/* --- the head --------------------------------------------------------------------------------------- */

void request_set_header(struct request *r, const char *name, const char *value)
{
    if (!name[0] || strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n")) {
        log_error("net", "a header was left out: it would split the answer req=%llu", (unsigned long long)r->id);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(default_headers); i++)
        if (strcasecmp(name, default_headers[i].name) == 0)
            r->replaced |= 1u << i;
    buf_addf(&r->headers, "%s: %s\r\n", name, value);
}

static bool may_keep(const struct request *r)
{
    const struct conn *c = r->conn;

    return r->m.keep_alive && !c->server->closing && !c->refused;
}

static void add_connection(struct buf *out, const struct request *r)
{
    if (!r->conn->keep)
        buf_add_str(out, "Connection: close\r\n");
    else if (!r->m.http11)
        buf_add_str(out, "Connection: keep-alive\r\n");
}

void reply_head(struct buf *out, struct request *r, int status, const char *content_type, enum body_kind kind, size_t length)
{
    struct http_server *s = r->conn->server;

    r->conn->keep = kind != BODY_CHUNKED && kind != BODY_TO_CLOSE && may_keep(r);
    buf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_of(status), server_date(s));
    if (s->o->server_name)
        buf_addf(out, "Server: %s\r\n", s->o->server_name);
    add_connection(out, r);
    if (content_type)
        buf_addf(out, "Content-Type: %s\r\n", content_type);
    if (kind == BODY_LENGTH)
        buf_addf(out, "Content-Length: %zu\r\n", length);
    else if (kind == BODY_CHUNKED)
        buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    for (size_t i = 0; i < ARRAY_LEN(default_headers); i++)
        if (!(r->replaced & 1u << i))
            buf_addf(out, "%s: %s\r\n", default_headers[i].name, default_headers[i].value);
    if (r->whole_ns)
        buf_addf(out, "Server-Timing: app;dur=%.2f\r\n", (double)(uv_hrtime() - r->whole_ns) / 1e6);
    buf_add(out, r->headers.data, r->headers.len);
    buf_add_str(out, "\r\n");
}

/* --- answers ---------------------------------------------------------------------------------------------- */

bool reply_drop(struct request *r)
{
    struct conn *c = r->conn;

    if (c && c->state != CONN_CLOSED)
        return false;
    if (c)
        c->request = NULL;
    log_debug("net", "answer dropped, the client is gone req=%llu", (unsigned long long)r->id);
    request_free(r);
    return true;
}

void reply_begun(struct request *r, int status)
{
    struct conn *c = r->conn;
    struct http_server *s = c->server;

    s->requests++;
    if (log_enabled(LOG_DEBUG))
        log_debug("net", "answered %s %.*s status=%d req=%llu ms=%llu from=%s uid=%d", method_name(r->m.method), (int)r->path.n,
                  r->path.n ? r->path.p : "", status, (unsigned long long)r->id,
                  (unsigned long long)(r->started ? uv_now(s->loop) - r->started : 0), r->local ? "socket" : "tcp",
                  r->local ? (int)c->uid : -1);
    c->request = NULL;
    request_free(r);
}

void request_reply_buf(struct request *r, int status, const char *content_type, struct buf *b)
{
    struct conn *c = r->conn;
    bool bodiless = status == 204 || status == 304;
    struct write *w;

    if (reply_drop(r)) {
        buf_deinit(b);
        return;
    }
    w = write_new();
    reply_head(&w->head, r, status, content_type, bodiless ? BODY_NONE : BODY_LENGTH, b->len);
    if (!bodiless && r->m.method != HTTP_HEAD) {
        w->body = *b;
        buf_init(b, 0);
    } else {
        buf_deinit(b);
    }
    reply_begun(r, status);
    conn_move(c, CONN_WRITE);
    conn_write(c, w, NULL, conn_answered);
}

void request_reply(struct request *r, int status, const char *content_type, struct slice body)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_slice(&b, body);
    request_reply_buf(r, status, content_type, &b);
}

void request_reply_json(struct request *r, int status, struct buf *json)
{
    request_reply_buf(r, status, "application/json", json);
}

/* --- problems ---------------------------------------------------------------------------------------------- */

void request_reply_problem(struct request *r, int status, const char *code, const char *detail)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    json_put_str(&o, "type", "about:blank");
    json_put_str(&o, "title", reason_of(status));
    json_put_int(&o, "status", status);
    json_put_str(&o, "detail", detail);
    json_put_str(&o, "code", code);
    json_close(&o, '}');
    if (status == 503)
        request_set_header(r, "Retry-After", "1");
    request_reply_buf(r, status, "application/problem+json", &b);
}

void request_reply_error(struct request *r, int code, const struct err *e)
{
    request_reply_problem(r, err_http_status(code), err_name(code), e && e->text[0] ? e->text : err_sentence(code));
}
