/* A small blocking HTTP/1.1 client for one exchange per connection: Unix socket or plain TCP.
 *
 * The answer is read with Content-Length, chunked, or up to the end of the connection; its head is
 * bounded, its body goes to a callback piece by piece. TLS is refused: the daemon speaks none.
 */
#ifndef SONGBOOKD_CTL_CTL_HTTP_H
#define SONGBOOKD_CTL_CTL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The longest answer, that to a question in own words, takes the daemon up to 20 s. */
#define CTL_HTTP_TIMEOUT_MS 30000
#define CTL_HTTP_HEAD_MAX (64 * 1024)

struct ctl_http {
    int fd;                  /* -1 when closed */
    int timeout_ms;          /* for connecting and each wait for bytes; -1 for none */
    char host[300];          /* value of the Host header */
    char in[16384];          /* read, not consumed */
    size_t at, have;
    bool chunked;            /* how the answer's body ends: chunks ... */
    int64_t length;          /* ... or its length; -1 for the end of the connection */
};

struct ctl_http_request {
    const char *method, *path;
    const char *body;        /* NULL for none; sent as application/json */
    const char *if_match;    /* or NULL */
    const char *token;       /* or NULL; sent as 'Authorization: Bearer' */
    const char *accept;      /* or NULL */
};

struct ctl_http_answer {
    int status;
    char etag[64], type[128], retry_after[32];   /* "" when absent */
};

/* Connects; h is closed after an error. ERR_NETWORK when nobody listens, ERR_USAGE for an address that cannot be used. */
int ctl_http_open_socket(struct ctl_http *h, const char *path, struct err *e);
int ctl_http_open_url(struct ctl_http *h, const char *url, struct err *e);
void ctl_http_close(struct ctl_http *h);

/* Sends the request and reads the answer's head. */
int ctl_http_send(struct ctl_http *h, const struct ctl_http_request *q, struct ctl_http_answer *a, struct err *e);
/* Reads the body; on_piece returns false for no more, which is no error. */
int ctl_http_body(struct ctl_http *h, bool (*on_piece)(void *arg, struct slice piece), void *arg, struct err *e);

#endif
