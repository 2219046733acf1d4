/* From bytes to one HTTP/1.x request at a time, without sockets: shared by the connection and the fuzzer.
 *
 * Bounds everything a client drives (http_server.h), and is stricter than llhttp: control characters, a bare
 * CR or LF, folded lines, trailers, a missing or second Host, and an Upgrade other than h2c are refused.
 * The parser never looks past the end of a request, so what is pipelined stays with the caller.
 */
#ifndef SONGBOOKD_NET_HTTP_PARSE_H
#define SONGBOOKD_NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/http_server.h"

struct http_header {
    uint32_t name, value;            /* offsets of NUL-terminated texts in http_message.text */
};

struct http_message {
    enum http_method method;         /* 0: a real method that this server never serves */
    bool http11;                     /* false: HTTP/1.0 */
    bool keep_alive;                 /* known once the message is complete */
    bool expect_continue;            /* the client waits for 100 before it sends the body */
    bool head_done;                  /* the fields above and the headers are readable */
    uint32_t target;                 /* the request target in text, "/path?query" or "*" */
    uint32_t target_len;
    struct buf text;                 /* target, names and values, each NUL-terminated */
    struct http_header headers[HTTP_MAX_HEADER_LINES];
    int header_count;
    struct buf body;
};

void http_message_init(struct http_message *m);
void http_message_deinit(struct http_message *m);
/* The last header of that name, case-blind; NULL when absent. */
const char *http_message_header(const struct http_message *m, const char *name);

enum http_parse_result {
    HTTP_PARSE_MORE,                 /* every byte was used and the request is not complete */
    HTTP_PARSE_DONE,                 /* the request is complete; *used tells where the next one begins */
    HTTP_PARSE_ERROR                 /* http_parser_error tells what to answer; then close */
};

struct http_parser;
struct http_parser *http_parser_new(void);
void http_parser_free(struct http_parser *p);
/* The next bytes belong to a new request, which is read into m (borrowed until done or error). */
void http_parser_begin(struct http_parser *p, struct http_message *m);
/* *used: how many of the bytes belong to this request, all of them when it wants more; says nothing on an error. */
enum http_parse_result http_parser_feed(struct http_parser *p, struct slice data, size_t *used);
/* Status (400, 413, 414 or 431) and a sentence for the answer. */
int http_parser_error(const struct http_parser *p, const char **detail);

#endif
