/* What the files of the HTTP server share, and nobody else.
 *
 *   http_server.c   life of the server, its timers, the list of connections
 *   http_listen.c   listening sockets and accepting
 *   http_conn.c     one connection: reading, one request at a time, writing, time-outs, closing
 *   http_parse.c    bytes to a request (http_parse.h)
 *   http_check.c    whom we answer at all: Host, Origin, content type
 *   http_route.c    the table of routes
 *   http_later.c    the wait after wrong credentials
 *   http_request.c  what handlers read
 *   http_reply.c    what handlers answer
 *   http_stream.c   long answers
 */
#ifndef SONGBOOKD_NET_HTTP_SERVER_INTERNAL_H
#define SONGBOOKD_NET_HTTP_SERVER_INTERNAL_H

#include <sys/types.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "net/http_parse.h"
#include "net/http_server.h"

#define MAX_LISTENERS 8
#define MAX_REFUSED 16               /* connections beyond the limit that still get to read their 503 */
#define MAX_PARAMS 64
#define INPUT_MAX (64 * 1024)        /* pipelined bytes kept while a request is answered; then reading stops */
#define OWN_HANDLES 4                /* of the server: sweep, grace, turn, later */
#define LATER_MAX 16                 /* refused credentials whose answer waits at a time; more get 429 at once */
#define LATER_FIRST_MS 100           /* first wait, doubled with each further failure ... */
#define LATER_LONGEST_MS 1600        /* ... up to this */
#define LATER_FORGET_MS 60000        /* without a failure they begin anew */
#define LINGER_MS 2000               /* how long a closed request's rest is read, so that the answer is not reset away */
#define DEAF_MS 500                  /* who took nothing of an answer for so long may lose the place to another */
#define LINGER_MAX (4 * 1024 * 1024)

struct listener {
    struct http_server *server;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    bool local;                      /* a Unix socket */
    char *path;                      /* its path; the inode tells at the end whether the file is still ours */
    dev_t dev;
    ino_t ino;
    char text[160];                  /* http_server_address */
};

struct http_server {
    uv_loop_t *loop;
    const struct http_server_options *o;
    struct http_timeouts timeouts;   /* every field set */
    struct listener *listeners[MAX_LISTENERS];
    int listener_count;
    struct list conns;               /* every connection whose handle is open */
    int conn_count, refused_count;   /* serving; over the limit */
    int told;                        /* refusals written in the turn of the loop at told_at */
    uint64_t told_at;
    int stream_count;
    int handles;                     /* libuv handles not closed yet; the server is freed with the last */
    uint64_t requests, next_request_id;
    uv_timer_t sweep;                /* runs while there are connections */
    uv_timer_t grace;                /* the end of patience while closing */
    uv_idle_t turn;                  /* next turn of the loop: connections in `ready` go on */
    struct list ready;
    uv_timer_t later;                /* the next answer of `refused` is due; runs only while there is one */
    struct list refused;             /* requests with wrong credentials, in the order of their answers */
    int refused_later;
    int guesses;                     /* wrong credentials in a row */
    uint64_t guessed_at;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
    int64_t date_s;                  /* what `date` says */
    char date[40];
    uint64_t accept_warned_ms;
    char read_buf[INPUT_MAX];        /* every read lands here and is used up or copied before the next */
};

enum conn_state {
    CONN_READ,                       /* waiting for a request or reading one */
    CONN_HANDLE,                     /* a handler has the request */
    CONN_WRITE,                      /* the answer is on its way */
    CONN_STREAM,                     /* the answer is a stream */
    CONN_LINGER,                     /* our side is shut; what the client still sends is thrown away */
    CONN_CLOSED                      /* uv_close was called */
};

struct conn {
    struct http_server *server;
    struct list link;                /* server->conns */
    struct list ready;               /* server->ready */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    uv_shutdown_t shutdown;
    enum conn_state state;
    bool local;                      /* through a Unix socket */
    uid_t uid;                       /* then: who; for the log */
    bool refused;                    /* over the limit: gets its 503 and nothing else */
    bool unread;                     /* its request has arrived and was not read yet */
    bool eof;                        /* the client shut its side; it may still read */
    bool reading;
    bool served;                     /* at least one request was answered */
    bool keep;                       /* another request may follow the answer being written */
    bool linger;                     /* unread input may remain when the answer is written */
    uint64_t deadline;               /* loop time; 0 for none */
    uint64_t request_start;
    size_t stuck_bytes;              /* write queue at the last look of the sweep */
    uint64_t stuck_since;
    size_t dropped;                  /* bytes read and thrown away */
    struct http_parser *parser;
    struct buf in;                   /* bytes behind the present request */
    struct request *request;         /* being read or handled */
    struct stream *stream;
};

struct param {
    struct slice name, value;
};

struct request {
    struct http_message m;
    struct conn *conn;               /* NULL once the client is gone: the answer is dropped */
    uint64_t id, started;
    uint64_t whole_ns;               /* when it was there as a whole; 0 for one that never was */
    bool local;
    bool sent_continue;
    bool handed;                     /* a handler has it, or had its chance */
    struct slice path, query;        /* into m.text */
    struct buf text;                 /* decoded parameters and path segments; never grows once slices point into it */
    struct param *params;
    int param_count;
    struct slice args[HTTP_MAX_PATH_ARGS];
    struct buf headers;              /* "Name: value\r\n" lines set by the handler */
    unsigned replaced;               /* bits of the default headers the handler set itself */
    struct list later;               /* server->refused */
    uint64_t later_due;
    struct err later_why;
};

struct stream {
    struct conn *conn;
    bool chunked;
    bool writing;                    /* one write is under way */
    bool ending;                     /* nothing more is taken from the owner */
    bool last_sent;                  /* nothing more will be written */
    struct buf pending;              /* goes out as one piece when the write under way is done */
    void (*closed)(void *arg);
    void *closed_arg;
    void (*on_drain)(void *arg);
    void *drain_arg;
};

/* One uv_write and the memory it sends. */
struct write {
    uv_write_t req;
    struct conn *conn;
    void (*done)(struct conn *c);
    struct buf head, body;
};

/* http_server.c */
void server_handle_closed(struct http_server *s);
void server_conn_opened(struct http_server *s, struct conn *c);
void server_conn_closing(struct http_server *s, struct conn *c);   /* its descriptor is free, its memory not */
void server_run_later(struct http_server *s, struct conn *c);      /* conn_turn in the next turn of the loop */
const char *server_date(struct http_server *s);

/* http_listen.c */
void listener_close(struct listener *l);

/* http_conn.c */
/* Takes a client off the listener's queue. */
void conn_accept(struct http_server *s, struct listener *l);
/* Goes on with what was pipelined. */
void conn_turn(struct conn *c);
void conn_sweep(struct conn *c, uint64_t now);
void conn_move(struct conn *c, enum conn_state to);
void conn_close(struct conn *c, const char *why);
/* Reads on, unless the client's end was seen or what it pipelined fills the room for it. */
void conn_start_reading(struct conn *c);
struct write *write_new(void);
/* Writes head, body and tail (borrowed, static text or NULL); takes w. done(c) runs later unless the connection closes first. */
void conn_write(struct conn *c, struct write *w, const char *tail, void (*done)(struct conn *c));
/* The answer is written: on with the next request, or close. */
void conn_answered(struct conn *c);

/* http_check.c: true to go on; false with what to answer */
struct refusal {
    int status;
    const char *code, *detail;
};
bool check_host(const struct request *r, struct refusal *out);
bool check_origin(const struct request *r, struct refusal *out);
bool check_content_type(const struct request *r, struct refusal *out);

/* http_route.c */
const char *method_name(enum http_method m);
/* Checks, routes and calls the handler; every way ends in an answer or a handler that owes one. */
void request_dispatch(struct request *r);

/* http_later.c */
/* Answers a request whose credentials are wrong, the later the more of them came in a row. */
void request_refuse_later(struct request *r, const struct err *e);
/* Answers all that wait, at once; for the end of the server. */
void server_refuse_now(struct http_server *s);
void server_later_due(uv_timer_t *t);

/* http_request.c */
struct request *request_new(uint64_t id, bool local);
void request_free(struct request *r);
/* Splits and decodes the target; false when it is not well-formed. */
bool request_read_target(struct request *r);
/* Appends the decoded form to r->text; false when it is not well-formed UTF-8 without NUL. */
bool request_decode(struct request *r, struct slice raw, bool form, struct slice *out);

/* http_reply.c */
enum body_kind { BODY_LENGTH, BODY_CHUNKED, BODY_TO_CLOSE, BODY_NONE };
/* Appends status line and headers up to the empty line; `length` counts for BODY_LENGTH. */
void reply_head(struct buf *out, struct request *r, int status, const char *content_type, enum body_kind kind, size_t length);
/* Drops the answer to a client that is gone; true when it was. */
bool reply_drop(struct request *r);
/* The answer has begun: counts, logs, frees r and takes it off its connection. */
void reply_begun(struct request *r, int status);

/* http_stream.c */
void stream_conn_closed(struct stream *st);      /* tells the owner and frees it */

#endif
