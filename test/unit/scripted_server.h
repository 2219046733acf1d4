/* A TCP server inside the test's own loop that answers by a script per path, mostly badly. */
#ifndef SONGBOOKD_TEST_SCRIPTED_SERVER_H
#define SONGBOOKD_TEST_SCRIPTED_SERVER_H

#include <stddef.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"

enum script_kind {
    SCRIPT_SEND,          /* text (or bytes when `size` is set), connection stays */
    SCRIPT_SEND_CLOSE,    /* the same, then close */
    SCRIPT_RESET,         /* the same, then a TCP reset */
    SCRIPT_HANG,          /* nothing, ever */
    SCRIPT_DRIP,          /* text, then a byte every few milliseconds for ever */
    SCRIPT_FLOOD,         /* text, then `fill` over and over as fast as it is taken, up to 50 MB */
    SCRIPT_ECHO,          /* 200 with the request's own text as body */
    SCRIPT_FIRST_ONLY     /* text for the first request of a connection; the second closes it without a word */
};

struct script {
    const char *path;     /* without query; the table ends with NULL */
    enum script_kind kind;
    const char *text;
    size_t size;          /* of text, 0: strlen */
    const char *fill;
};

struct scripted_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    const struct script *scripts;
    struct list connections;
    int port;
    int accepted;         /* connections so far */
    int requests;
    int open;             /* connections now */
    size_t flooded;       /* bytes of SCRIPT_FLOOD */
};

void scripted_server_start(struct scripted_server *s, uv_loop_t *loop, const struct script *scripts);
void scripted_server_stop(struct scripted_server *s);   /* closes all; the loop does the rest */

#endif
