/* Names for the HTTP client: host name -> addresses in the form libcurl takes them.
 *
 * One lookup per name runs at a time, whoever waits for it; answers are kept for a minute, failures
 * not at all. A lookup on the pool cannot be stopped: it may outlive those who waited and the owner.
 * Only http_client*.c use this. Loop thread only.
 */
#ifndef SONGBOOKD_NET_HTTP_CLIENT_DNS_H
#define SONGBOOKD_NET_HTTP_CLIENT_DNS_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/list.h"

#define NAMES_MAX_CACHED 32
#define NAMES_MAX_RUNNING 32
#define NAMES_MAX_ADDRESSES 8
#define NAMES_KEEP_MS (60 * 1000)

struct names;

struct name_wait {         /* embedded in the one who waits; list_init `link` before the first use */
    struct list link;
    /* addresses "192.0.2.1,[2001:db8::1]", or NULL and why. Both borrowed. Called from the loop, at most once. */
    void (*found)(struct name_wait *w, const char *addresses, const char *why);
};

struct names *names_new(uv_loop_t *loop);
/* The last call. Memory goes with the last running lookup. */
void names_close(struct names *n);
/* Takes back lookups that no thread has begun; those running go on. Nobody may be waiting any more. */
void names_cancel(struct names *n);
int names_running(const struct names *n);

/* True for a literal IPv4 address or an IPv6 address in brackets. */
bool names_is_literal(const char *host);
/* 0: *addresses is the answer (borrowed until the next call), or NULL: w->found will come. ERR_BUSY, ERR_INVALID: it will not. */
int names_find(struct names *n, const char *host, struct name_wait *w, const char **addresses, struct err *e);
/* Stops waiting; found does not come any more. Safe when not waiting. */
void names_leave(struct name_wait *w);
/* Drops what is kept for the host: its addresses do not answer. */
void names_forget(struct names *n, const char *host);

#endif
