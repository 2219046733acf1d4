/* The bridge between curl's multi interface and the loop: who wants to read, who wants to write, when to look again.
 *
 * Knows sockets and one timer, not requests. Only http_client*.c use this; curl's handles are void * here
 * so that curl.h stays in the .c files. Loop thread only.
 */
#ifndef SONGBOOKD_NET_HTTP_CLIENT_POLL_H
#define SONGBOOKD_NET_HTTP_CLIENT_POLL_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"

struct curl_bridge {              /* embedded; fields are its own business */
    uv_loop_t *loop;
    void *multi;                  /* CURLM *, NULL after bridge_close */
    uv_timer_t timer;             /* the only one curl has */
    struct list sockets;          /* contexts whose handle was not closed yet */
    int handles;                  /* uv handles whose close callback has not run */
    /* A transfer is over; `result` is a CURLcode. Called while curl is at work: take a note, call nothing of curl.
     * May come twice for one transfer. */
    void (*ended)(void *arg, void *easy, int result);
    void (*closed)(void *arg);
    void *arg;
};

/* Set ended, closed and arg before. 0 or ERR_IO. */
int bridge_open(struct curl_bridge *b, uv_loop_t *loop);
/* 0 or an ERR_ code. */
int bridge_add(struct curl_bridge *b, void *easy);
void bridge_remove(struct curl_bridge *b, void *easy);
/* Every transfer was removed before. `closed` comes once, later. */
void bridge_close(struct curl_bridge *b);

#endif
