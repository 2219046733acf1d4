/* HTTP requests to providers: libcurl's multi interface on the loop. The only room that includes curl.h.
 *
 * Names are resolved with uv_getaddrinfo on the pool and handed to curl (CURLOPT_RESOLVE), so that
 * libcurl starts no thread. HTTP/1.1, CAPATH only, no proxy, redirects limited to the same host and
 * scheme, body bounded. Loop thread only.
 */
#ifndef SONGBOOKD_NET_HTTP_CLIENT_H
#define SONGBOOKD_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

struct http_client;   /* all transfers of the process, their connections and names */
struct fetch;         /* one transfer */

struct fetch_result {          /* borrowed, valid during the callback; body may be taken with buf_detach */
    int code;                  /* 0, or ERR_DNS (no address, or none in time), ERR_NETWORK (no connection, or none in time),
                                * ERR_LOST (it broke), ERR_TIMEOUT (asked, no whole answer in time), ERR_TOO_LARGE,
                                * ERR_CANCELED ... */
    int status;                /* HTTP status, 0 when none arrived */
    struct buf *body;
    const char *content_type;  /* NULL when absent, as the next four */
    const char *retry_after;
    const char *rate_zone;     /* x-ratelimit-zone */
    const char *rate_reset_in; /* x-ratelimit-reset-in */
    const char *rate_remaining; /* x-ratelimit-remaining */
    uint64_t started_ms, first_byte_ms, total_ms;   /* started_ms: loop time of the start; the others durations */
    const char *detail;        /* a sentence without URL or key */
};
/* Each time the request goes out: its connection stands, the next thing is the request. More than once after a redirect or a
 * retry, not at all when there was no connection. Called from within curl: only note it, start or cancel nothing. */
typedef void (*fetch_sent_cb)(void *arg);
typedef void (*fetch_cb)(void *arg, const struct fetch_result *r);

struct fetch_options {         /* borrowed during fetch_start; zero means default */
    const char *url;           /* http or https only */
    const char *user_agent;
    const char *header;        /* one extra header line or NULL */
    const char *post_body;     /* JSON text for POST, or NULL for GET */
    const char *secret;        /* a key that is part of the request: masked with '*' where the answer repeats it; or NULL */
    const char *ca_file;       /* own CA bundle or NULL for /etc/ssl/certs as CAPATH */
    uint64_t timeout_ms;       /* default 30000; connect 10000 */
    size_t max_body;           /* default 8 MiB: more gives ERR_TOO_LARGE */
    fetch_sent_cb sent;        /* or NULL; with the arg of done */
};

int http_client_new(uv_loop_t *loop, struct http_client **out, struct err *e);
/* Cancels every fetch (their callbacks run with ERR_CANCELED), then closes; `closed` runs once, later.
 * A running name lookup cannot be cancelled and is not waited for: then the loop does not end by itself, and
 * http_client_lookups tells (until `closed` has returned; then the client is gone). */
void http_client_close(struct http_client *c, void (*closed)(void *arg), void *arg);
int http_client_lookups(const struct http_client *c);       /* name lookups still on the pool */

/* On 0 `done` runs exactly once, later, never from inside the call; on an ERR_ code it does not: ERR_INVALID (URL or
 * header), ERR_BUSY (too many name lookups), ERR_CLOSED. *out (out may be NULL) is valid until done ran. */
int fetch_start(struct http_client *c, const struct fetch_options *o, fetch_cb done, void *arg,
                struct fetch **out, struct err *e);
/* done runs with ERR_CANCELED, later. Harmless after the end was decided. */
void fetch_cancel(struct fetch *f);

#endif
