/* Fuzzes the request parser and the reading of targets: no crash, bounds kept, and the answer never depends on how
 * the network cut the bytes.
 *
 * The first byte chooses the size of the pieces; the rest is what a client sends, several requests in a row.
 * By hand:
 *   clang -g -O1 -std=gnu11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Isrc -I/usr/share/include/llhttp \
 *     test/fuzz/fuzz_http.c src/net/http_parse.c src/net/http_request.c src/base/{buf,mem,utf8,log,clock}.c \
 *     /usr/share/llhttp/{api,http,llhttp}.c -luv -lutf8proc -o fuzz_http
 *   ./fuzz_http -dict=test/fuzz/http.dict -max_len=40000 test/fuzz/seeds_http
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/http_server_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum http_parse_result result;
    size_t used;
    int status;
};

#define MUST(x) \
    do { \
        if (!(x)) \
            bug("does not hold: " #x); \
    } while (0)

/* What a handler could rely on. */
static void check_request(struct request *r)
{
    const struct http_message *m = &r->m;
    struct slice name, value;

    MUST(m->head_done && m->header_count <= HTTP_MAX_HEADER_LINES && m->body.len <= HTTP_MAX_BODY);
    MUST(request_header(r, "host") != NULL);
    MUST(m->target_len <= HTTP_MAX_URL && strlen(m->text.data + m->target) == m->target_len);
    for (int i = 0; i < m->header_count; i++)
        MUST(!strpbrk(m->text.data + m->headers[i].value, "\r\n") && m->text.data[m->headers[i].name]);
    if (!request_read_target(r))
        return;
    MUST(request_path(r).n > 0);
    for (int i = 0; request_query_at(r, i, &name, &value); i++)
        MUST(!memchr(value.p, '\0', value.n) && i < MAX_PARAMS);
}

static struct outcome parse(struct slice data, size_t piece)
{
    struct http_parser *p = http_parser_new();
    struct request *r = request_new(1, false);
    struct outcome o = {HTTP_PARSE_MORE, 0, 0};
    const char *detail;

    http_parser_begin(p, &r->m);
    while (o.result == HTTP_PARSE_MORE && o.used < data.n) {
        size_t n = data.n - o.used < piece ? data.n - o.used : piece, used;
        /* A copy of its own, so that a read past the piece is caught. */
        char *copy = malloc(n);
        memcpy(copy, data.p + o.used, n);
        o.result = http_parser_feed(p, (struct slice){copy, n}, &used);
        MUST(used <= n && (o.result != HTTP_PARSE_MORE || used == n));
        o.used += used;
        free(copy);
    }
    if (o.result == HTTP_PARSE_ERROR) {
        o.used = 0;
        o.status = http_parser_error(p, &detail);
        MUST(detail && (o.status == 400 || o.status == 413 || o.status == 414 || o.status == 431));
    } else if (o.result == HTTP_PARSE_DONE) {
        check_request(r);
    }
    request_free(r);
    http_parser_free(p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest;
    size_t piece;

    if (size < 2)
        return 0;
    piece = data[0] + 1u;
    rest = (struct slice){(const char *)data + 1, size - 1};
    for (int i = 0; i < 16 && rest.n; i++) {
        struct outcome whole = parse(rest, SIZE_MAX), pieces = parse(rest, piece);
        MUST(whole.result == pieces.result && whole.status == pieces.status && whole.used == pieces.used);
        if (whole.result != HTTP_PARSE_DONE)
            break;
        MUST(whole.used > 0);
        rest.p += whole.used;
        rest.n -= whole.used;
    }
    return 0;
}
