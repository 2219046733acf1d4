/* HTTP/1.1 server for the control socket: llhttp on libuv streams. The only room that includes llhttp.h.
 *
 * Knows nothing of songs: it accepts on TCP and Unix sockets, enforces limits and time-outs, checks
 * the request line, Host and body, routes by a table, and answers. One request at a time per
 * connection; pipelined ones wait. All errors are application/problem+json. Loop thread only.
 *
 * Limits: URL 2 KiB (414), headers 16 KiB and 64 lines (431), body 512 KiB (413), 64 connections (503 and
 * close), headers within 10 s, whole request within 30 s (408), idle keep-alive 60 s, 16 streams.
 * No timer runs while no connection is open.
 *
 * Before routing: a second or missing Host 400, one that does not mean this server 421 (any will do on the Unix socket),
 * a page of another origin 403. A body must be JSON (415), and so must a POST without one that comes over TCP.
 * Every answer carries Server-Timing (from the whole request to the answer's head, in ms), nosniff, no-referrer, CORP
 * same-origin, and Cache-Control no-store unless the handler set it.
 */
#ifndef SONGBOOKD_NET_HTTP_SERVER_H
#define SONGBOOKD_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

#define HTTP_MAX_URL 2048
#define HTTP_MAX_HEADER_BYTES 16384
#define HTTP_MAX_HEADER_LINES 64
#define HTTP_MAX_BODY (512 * 1024)
#define HTTP_MAX_CONNECTIONS 64
#define HTTP_MAX_STREAMS 16
#define HTTP_STREAM_QUEUE (64 * 1024)
#define HTTP_MAX_PATH_ARGS 3

struct http_server;
struct request;      /* one request being answered; valid until its answer was given, also when the client is gone */
struct stream;       /* a long answer: NDJSON or SSE */

enum http_method {
    HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4, HTTP_PATCH = 8, HTTP_PUT = 16, HTTP_DELETE = 32, HTTP_OPTIONS = 64
};

/* A handler answers now (request_reply ...) or keeps the request and answers later, exactly once. */
typedef void (*request_cb)(struct request *r, void *app);

struct route {
    enum http_method method;     /* HTTP_GET rows answer HEAD, too */
    const char *path;            /* "/api/v1/songs/:id"; ':x' segments become path args in order */
    request_cb handler;
    const char *help;            /* one line for docs and OPTIONS */
};

struct http_timeouts {           /* 0 means the default */
    uint64_t header_ms, request_ms, idle_ms;
    uint64_t write_ms;           /* an answer or stream whose client reads nothing for that long is cut; 30 s */
};

struct http_server_options {     /* borrowed for the server's life */
    const struct route *routes;  /* ends with a row whose path is NULL */
    void *app;                   /* handed to handlers */
    const char *server_name;     /* Server header, e.g. "songbookd/0.1.0" */
    /* Further allowed Host values (NULL-terminated), "name" for any port or "name:port", beside localhost, loopback
     * literals and the bound address; may be NULL. */
    const char *const *extra_hosts;
    /* Called after routing, before the handler; returns 0 to go on or an ERR_ code (ERR_FORBIDDEN ...) with e set.
     * May be NULL. */
    int (*guard)(struct request *r, void *app, struct err *e);
    const struct http_timeouts *timeouts; /* NULL for the defaults; for tests */
};

struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *o);
/* host:port, "[::1]:5560"; port 0 takes a free one. ERR_IN_USE, ERR_CONFIG. */
int http_server_listen_tcp(struct http_server *s, const char *address, struct err *e);
/* Unix socket of that mode (0660). A stale file is replaced; a living server gives ERR_IN_USE; a path too long ERR_CONFIG. */
int http_server_listen_unix(struct http_server *s, const char *path, int mode, struct err *e);
/* The n-th bound address as text "127.0.0.1:5560" or "unix:/path"; NULL past the end. Borrowed. */
const char *http_server_address(const struct http_server *s, int n);
/* Stops listening, closes idle connections at once, lets active requests end (at most grace_ms), closes streams
 * after what is queued; `closed` runs once, later. */
void http_server_close(struct http_server *s, uint64_t grace_ms, void (*closed)(void *arg), void *arg);
int http_server_connections(const struct http_server *s);
int http_server_streams(const struct http_server *s);
uint64_t http_server_requests(const struct http_server *s);   /* answered since start */

/* --- the request ------------------------------------------------------------------ */
enum http_method request_method(const struct request *r);
struct slice request_path(const struct request *r);                     /* raw path without query */
struct slice request_path_arg(const struct request *r, int n);          /* decoded ':x' segment */
/* Decoded query parameter; false when absent. The slice lives as long as the request. */
bool request_query(const struct request *r, const char *name, struct slice *value);
/* Walks query parameters so that unknown names can be refused; false past the end. */
bool request_query_at(const struct request *r, int n, struct slice *name, struct slice *value);
/* Case-blind; NULL when absent; the last wins except Host, of which a second is refused. */
const char *request_header(const struct request *r, const char *name);
struct slice request_body(const struct request *r);
bool request_is_local_socket(const struct request *r);                   /* came through the Unix socket */

/* --- answers: exactly one per request ------------------------------------------------ */
/* Adds a header to the answer; before the reply. name and value are copied; one with CR or LF is left out and
 * logged. Cache-Control and the security headers replace the default ones. */
void request_set_header(struct request *r, const char *name, const char *value);
/* body may be empty; content_type NULL for none (204). HEAD, 204 and 304 send no body. Copies the body. */
void request_reply(struct request *r, int status, const char *content_type, struct slice body);
/* Takes the buffer's memory (b is empty after). */
void request_reply_buf(struct request *r, int status, const char *content_type, struct buf *b);
void request_reply_json(struct request *r, int status, struct buf *json);
/* problem+json from an error code: type, title, status, detail, code; 503 gets Retry-After: 1; 405 and its Allow come
 * from the router. */
void request_reply_error(struct request *r, int code, const struct err *e);
/* The same with a status the code's own does not name (e.g. 415). */
void request_reply_problem(struct request *r, int status, const char *code, const char *detail);

/* --- streams ------------------------------------------------------------------------- */
/* Turns the request into a stream (chunked for HTTP/1.1). closed(arg) runs exactly once, later, when it ended for any reason.
 * NULL when HTTP_MAX_STREAMS are open or the server closes (the request is answered 503) or the client is gone; then
 * closed is not called. A stream ends when its client shuts its sending side, and the connection ends with it. */
struct stream *request_stream(struct request *r, const char *content_type, void (*closed)(void *arg), void *arg);
/* Queues bytes. ERR_BUSY when more than HTTP_STREAM_QUEUE would wait: nothing is queued; the owner tells and closes.
 * ERR_CLOSED after the end. */
int stream_write(struct stream *s, struct slice data);
size_t stream_queued(const struct stream *s);
/* on_drain(arg) is called whenever the queue falls to empty. */
void stream_on_drain(struct stream *s, void (*on_drain)(void *arg), void *arg);
/* Cuts the connection without the end of the answer, so that the client sees that it is broken. */
void stream_abort(struct stream *s);
/* Sends what is queued (plus `last`, may be empty, beyond the bound) and closes. */
void stream_end(struct stream *s, struct slice last);

#endif
