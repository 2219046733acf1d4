/* One request as curl sees it: where it goes, how it is set up, what came back.
 *
 * A fetch makes a new transfer for each redirect and retry. Only http_client*.c use this; curl's handles
 * are void * here so that curl.h stays in the .c files. Loop thread only.
 */
#ifndef SONGBOOKD_NET_HTTP_CLIENT_TRANSFER_H
#define SONGBOOKD_NET_HTTP_CLIENT_TRANSFER_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

#define TRANSFER_MAX_HEADER_BYTES (64 * 1024)
#define TRANSFER_ERROR_TEXT 256               /* CURL_ERROR_SIZE */

struct target {                               /* a URL taken apart; owned strings */
    char *url;                                /* in curl's normal form, so that both read the same host from it */
    char *scheme;
    char *host;                               /* IPv6 in brackets */
    char *port;                               /* decimal, never empty */
};

/* ERR_INVALID unless an http or https URL with a host in ASCII. Fills t only on 0. The text of e holds no part of the URL. */
int target_parse(struct target *t, const char *url, struct err *e);
void target_deinit(struct target *t);
bool target_same_origin(const struct target *a, const struct target *b);

struct transfer_setup {                       /* borrowed; the strings must live as long as the transfer */
    uv_loop_t *loop;
    const struct target *target;
    const char *addresses;                    /* "192.0.2.1,[2001:db8::1]"; empty when the host is one itself */
    const char *user_agent, *header, *post_body, *secret, *ca_file;   /* may be NULL */
    size_t max_body;
    uint64_t timeout_ms;
    bool fresh;                               /* on no connection that was used before */
    void (*sent)(void *arg);                  /* called when the request goes out, from within curl; or NULL */
    void *arg;
};

struct transfer {                             /* embedded; does not move while it runs */
    uv_loop_t *loop;
    void *easy;                               /* NULL when there is none */
    void *headers, *resolve;                  /* curl_slist */
    const char *secret;                       /* masked in what comes back; borrowed, may be NULL */
    struct buf body;
    size_t header_bytes;
    uint64_t first_byte_at;                   /* loop time; 0 for none */
    bool literal;                             /* the host is an address */
    bool too_large;
    void (*sent)(void *arg);
    void *sent_arg;
    char error[TRANSFER_ERROR_TEXT];
};

/* 0 or ERR_IO. */
int transfer_init(struct transfer *t, const struct transfer_setup *s);
void transfer_deinit(struct transfer *t);     /* safe on a zeroed or ended one; after it was removed from the bridge */

/* A kept connection had died before the server could have seen the request. */
bool transfer_died_unseen(const struct transfer *t, int curl_code);
/* Nothing was asked: refused, or no connection in time. */
bool transfer_could_not_connect(const struct transfer *t, int curl_code);
int transfer_status(const struct transfer *t);                 /* 0 when none arrived */
char *transfer_location(const struct transfer *t);             /* returns new: where a redirect leads, absolute; NULL for none */
char *transfer_header(const struct transfer *t, const char *name);   /* returns new, cut at 1 KiB; NULL when absent */
/* The ERR_ code for a CURLcode, with a sentence that holds no part of the URL but the host. */
int transfer_classify(const struct transfer *t, int curl_code, char *detail, size_t size);

#endif
