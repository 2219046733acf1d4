/* llhttp with our bounds around it; see http_parse.h. Pure: no socket, no clock.
 *
 * The head goes through a small scanner first, which finds its end by itself: llhttp 8.1.0 takes a bare CR for
 * the end of a line, and two opinions on where a head ends are how requests are smuggled. Where the scanner and
 * llhttp disagree the request is refused.
 */
#include "net/http_llhttp.h"
#include "net/http_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define URL_MASK '|'                 /* what llhttp takes in a path and a query, and nowhere before them */

/* Chunk sizes and extensions come on top of the body; one-byte chunks cost six bytes each. */
#define MAX_BODY_ON_WIRE (8 * (size_t)HTTP_MAX_BODY)

enum scan_verdict { SCAN_MORE, SCAN_END, SCAN_BAD, SCAN_LONG_URL, SCAN_TOO_LARGE };

struct http_parser {
    llhttp_t llhttp;                 /* initialised anew for each request, so that no state leaks into the next */
    struct http_message *m;
    bool in_head, complete;
    bool after_cr;                   /* scanner: the last byte was a CR */
    size_t line_len, lines;          /* scanner: bytes in this line, lines before it */
    size_t spaces, url_len;          /* scanner: of the request line */
    const char *wire, *masked;       /* while a masked copy is fed: what came, and the copy */
    size_t head_bytes, body_bytes;   /* as they came on the wire */
    int status;                      /* 0 or the status of the refusal */
    const char *detail;
};

/* --- the message ------------------------------------------------------------------------- */

void http_message_init(struct http_message *m)
{
    memset(m, 0, sizeof *m);
    /* Each text gets a NUL; a line's CRLF, ": " and the request line's version leave room for it. */
    buf_init(&m->text, HTTP_MAX_HEADER_BYTES + 2 * HTTP_MAX_HEADER_LINES + 16);
    buf_init(&m->body, HTTP_MAX_BODY);
}

void http_message_deinit(struct http_message *m)
{
    buf_deinit(&m->text);
    buf_deinit(&m->body);
}

const char *http_message_header(const struct http_message *m, const char *name)
{
    for (int i = m->header_count - 1; i >= 0; i--)
        if (strcasecmp(m->text.data + m->headers[i].name, name) == 0)
            return m->text.data + m->headers[i].value;
    return NULL;
}

static int header_times(const struct http_message *m, const char *name)
{
    int n = 0;

    for (int i = 0; i < m->header_count; i++)
        n += strcasecmp(m->text.data + m->headers[i].name, name) == 0;
    return n;
}

/* --- what llhttp tells ------------------------------------------------------------------------ */

static int refuse(struct http_parser *p, int status, const char *detail)
{
    if (!p->status) {
        p->status = status;
        p->detail = detail;
    }
    return -1;
}

static struct http_parser *parser_of(llhttp_t *l)
{
    return l->data;
}

/* Spans come in pieces: everything is appended and ended by the _complete callbacks. */
static int add_text(struct http_parser *p, const char *at, size_t n)
{
    return buf_add(&p->m->text, at, n) ? 0 : refuse(p, 431, "the headers are too large");
}

static int on_llhttp_url(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);

    if (p->m->text.len + n > HTTP_MAX_URL)
        return refuse(p, 414, "the URL is longer than 2048 bytes");
    return add_text(p, p->masked ? p->wire + (at - p->masked) : at, n);
}

static int on_llhttp_url_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);

    p->m->target_len = (uint32_t)p->m->text.len;
    return add_text(p, "", 1);
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int on_llhttp_header_field(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    struct http_message *m = p->m;

    if (m->head_done)
        return refuse(p, 400, "trailers are not accepted");
    for (size_t i = 0; i < n; i++)
        if (!is_token_char(at[i]))
            return refuse(p, 400, "a header's name has a character that is not allowed");
    if (m->header_count == HTTP_MAX_HEADER_LINES)
        return refuse(p, 431, "there are more than 64 headers");
    if (n && !m->headers[m->header_count].name)
        m->headers[m->header_count].name = (uint32_t)m->text.len;
    return add_text(p, at, n);
}

static int on_llhttp_header_field_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    struct http_message *m = p->m;

    if (m->head_done)
        return refuse(p, 400, "trailers are not accepted");
    /* llhttp lets a line through that begins with the colon, and then reports no name at all. */
    if (m->header_count == HTTP_MAX_HEADER_LINES || !m->headers[m->header_count].name)
        return refuse(p, 400, "a header has no name");
    if (add_text(p, "", 1) != 0)
        return -1;
    m->headers[m->header_count].value = (uint32_t)m->text.len;
    return 0;
}

static int on_llhttp_header_value(llhttp_t *l, const char *at, size_t n)
{
    return add_text(parser_of(l), at, n);
}

static int on_llhttp_header_value_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    struct http_message *m = p->m;
    struct buf *t = &m->text;

    while (t->len > m->headers[m->header_count].value && (t->data[t->len - 1] == ' ' || t->data[t->len - 1] == '\t'))
        t->len--;
    m->header_count++;
    return add_text(p, "", 1);
}

static enum http_method method_of(uint8_t llhttp_method)
{
    switch (llhttp_method) {
    case LLHTTP_GET:
        return HTTP_GET;
    case LLHTTP_HEAD:
        return HTTP_HEAD;
    case LLHTTP_POST:
        return HTTP_POST;
    case LLHTTP_PATCH:
        return HTTP_PATCH;
    case LLHTTP_PUT:
        return HTTP_PUT;
    case LLHTTP_DELETE:
        return HTTP_DELETE;
    case LLHTTP_OPTIONS:
        return HTTP_OPTIONS;
    default:
        return 0;
    }
}

/* "http://host/path" becomes host and "/path"; "http://host" alone means "/", and "http://host?a" "/?a": RFC 9112 3.2.2. */
static int split_absolute_target(struct http_parser *p)
{
    struct http_message *m = p->m;
    char *text = m->text.data, *host = text + strlen("http://"), *path = host + strcspn(host, "/?");
    const char *named = http_message_header(m, "host");

    if (strlen(named) != (size_t)(path - host) || strncasecmp(named, host, (size_t)(path - host)) != 0)
        return refuse(p, 400, "the URL and the Host header name different hosts");
    if (*path != '/')
        *--path = '/';               /* over the host, which nobody needs any more */
    m->target = (uint32_t)(path - text);
    m->target_len -= m->target;
    return 0;
}

static int check_target(struct http_parser *p)
{
    struct http_message *m = p->m;
    const char *target = m->text.data;

    if (memchr(target, '#', m->target_len))
        return refuse(p, 400, "the URL has a fragment");
    if (target[0] == '/' || (strcmp(target, "*") == 0 && m->method == HTTP_OPTIONS))
        return 0;
    if (strncasecmp(target, "http://", 7) == 0)
        return split_absolute_target(p);
    return refuse(p, 400, "the request needs a path");
}

static int check_framing(struct http_parser *p)
{
    struct http_message *m = p->m;
    const char *coding = http_message_header(m, "transfer-encoding");
    const char *upgrade = http_message_header(m, "upgrade");

    if (coding && (!m->http11 || strcasecmp(coding, "chunked") != 0 || header_times(m, "transfer-encoding") > 1))
        return refuse(p, 400, "only the transfer encoding 'chunked' is understood");
    /* curl --http2 offers h2c; going on in HTTP/1.1 is a legal answer to that, and to nothing else we want to serve. */
    if (upgrade && strcasecmp(upgrade, "h2c") != 0)
        return refuse(p, 400, "this protocol upgrade is not supported");
    if (!coding && p->llhttp.content_length > HTTP_MAX_BODY)
        return refuse(p, 413, "the body is larger than 512 KiB");
    return 0;
}

static int on_llhttp_headers_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    struct http_message *m = p->m;
    const char *expect;
    int hosts = header_times(m, "host");

    if (l->http_major != 1 || l->http_minor > 1)
        return refuse(p, 400, "the request is neither HTTP/1.1 nor HTTP/1.0");
    m->http11 = l->http_minor == 1;
    m->method = method_of(l->method);
    if (hosts != 1)
        return refuse(p, 400, hosts ? "there is more than one Host header" : "the Host header is missing");
    if (check_target(p) != 0 || check_framing(p) != 0)
        return -1;
    expect = http_message_header(m, "expect");
    m->expect_continue = m->http11 && expect && strcasecmp(expect, "100-continue") == 0;
    m->head_done = true;
    return 0;
}

static int on_llhttp_body(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);

    return buf_add(&p->m->body, at, n) ? 0 : refuse(p, 413, "the body is larger than 512 KiB");
}

static int on_llhttp_message_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);

    /* Only here: afterwards llhttp has forgotten what the headers said. */
    p->m->keep_alive = llhttp_should_keep_alive(l);
    p->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_llhttp_url,
    .on_url_complete = on_llhttp_url_complete,
    .on_header_field = on_llhttp_header_field,
    .on_header_field_complete = on_llhttp_header_field_complete,
    .on_header_value = on_llhttp_header_value,
    .on_header_value_complete = on_llhttp_header_value_complete,
    .on_headers_complete = on_llhttp_headers_complete,
    .on_body = on_llhttp_body,
    .on_message_complete = on_llhttp_message_complete,
};

/* --- the scanner of the head ---------------------------------------------------------------------- */

/* What is too long is refused before llhttp sees it: otherwise it would depend on how the network cut the bytes whether
 * the length or an error further on is found first. */
static enum scan_verdict scan_request_line(struct http_parser *p, unsigned char c)
{
    if (c == ' ')
        p->spaces++;
    else if (p->spaces == 1 && ++p->url_len > HTTP_MAX_URL)
        return SCAN_LONG_URL;
    return SCAN_MORE;
}

/* Looks at one byte of the head. */
static enum scan_verdict scan_byte(struct http_parser *p, unsigned char c)
{
    if (p->after_cr) {
        if (c != '\n')
            return SCAN_BAD;
        p->after_cr = false;
        if (p->line_len == 0)
            return p->lines ? SCAN_END : SCAN_BAD;
        p->line_len = 0;
        p->lines++;
        return SCAN_MORE;
    }
    if (c == '\r') {
        p->after_cr = true;
        return SCAN_MORE;
    }
    if ((c < ' ' && c != '\t') || c == 0x7f)
        return SCAN_BAD;
    if (p->line_len++ > 0)
        return p->lines == 0 ? scan_request_line(p, c) : SCAN_MORE;
    if (c == ' ' || c == '\t')
        return SCAN_BAD;
    /* The request line is not a header. */
    return p->lines > HTTP_MAX_HEADER_LINES ? SCAN_TOO_LARGE : SCAN_MORE;
}

/* How many bytes of data belong to the head and are clean goes to *clean. */
static enum scan_verdict scan_head(struct http_parser *p, struct slice data, size_t *clean)
{
    for (*clean = 0; *clean < data.n; ++*clean) {
        enum scan_verdict v;

        if (++p->head_bytes > HTTP_MAX_HEADER_BYTES)
            return SCAN_TOO_LARGE;
        v = scan_byte(p, (unsigned char)data.p[*clean]);
        if (v == SCAN_END)
            ++*clean;
        if (v != SCAN_MORE)
            return v;
    }
    return SCAN_MORE;
}

/* --- the parser ------------------------------------------------------------------------------------- */

struct http_parser *http_parser_new(void)
{
    return mem_zalloc(sizeof(struct http_parser));
}

void http_parser_free(struct http_parser *p)
{
    free(p);
}

void http_parser_begin(struct http_parser *p, struct http_message *m)
{
    memset(p, 0, sizeof *p);
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->llhttp.data = p;
    p->m = m;
    p->in_head = true;
}

/* Gives bytes to llhttp; *used is set when the message became complete. */
static enum http_parse_result execute(struct http_parser *p, struct slice data, size_t *used)
{
    llhttp_errno_t rc = llhttp_execute(&p->llhttp, data.p, data.n);

    if (p->status)
        return HTTP_PARSE_ERROR;
    if (p->complete && rc == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&p->llhttp) - data.p);
        return HTTP_PARSE_DONE;
    }
    if (rc != HPE_OK) {
        refuse(p, 400, "the request is not well-formed HTTP/1.1");
        return HTTP_PARSE_ERROR;
    }
    *used = data.n;
    return HTTP_PARSE_MORE;
}

static enum http_parse_result refused(struct http_parser *p, int status, const char *detail)
{
    refuse(p, status, detail);
    return HTTP_PARSE_ERROR;
}

/* People type names with accents into a URL as they are, and curl sends them so. llhttp 8 takes such bytes, llhttp 9 refuses
 * them. So it is shown a copy with URL_MASK in their place, and the URL is read from what came. Returns NULL when there
 * is nothing to mask. */
static char *mask_request_line(struct slice data)
{
    const char *end = memchr(data.p, '\r', data.n);
    size_t n = end ? (size_t)(end - data.p) : data.n;
    char *copy = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!((unsigned char)data.p[i] & 0x80))
            continue;
        if (!copy)
            copy = memcpy(mem_alloc(data.n), data.p, data.n);
        copy[i] = URL_MASK;
    }
    return copy;
}

static enum http_parse_result execute_head(struct http_parser *p, struct slice head, bool request_line, size_t *used)
{
    char *copy = request_line ? mask_request_line(head) : NULL;
    enum http_parse_result r;

    p->wire = head.p;
    p->masked = copy;
    r = execute(p, (struct slice){copy ? copy : head.p, head.n}, used);
    p->wire = p->masked = NULL;
    free(copy);
    return r;
}

static enum http_parse_result feed_head(struct http_parser *p, struct slice data, size_t *used)
{
    bool request_line = p->lines == 0 && !p->after_cr;
    size_t clean;
    enum scan_verdict v = scan_head(p, data, &clean);
    enum http_parse_result r = execute_head(p, (struct slice){data.p, clean}, request_line, used);

    if (r == HTTP_PARSE_ERROR)
        return r;
    if (v == SCAN_BAD)
        return refused(p, 400, "the request line or a header has a character that is not allowed there");
    if (v == SCAN_LONG_URL)
        return refused(p, 414, "the URL is longer than 2048 bytes");
    if (v == SCAN_TOO_LARGE)
        return refused(p, 431, "the headers are larger than 16 KiB or 64 lines");
    p->in_head = v != SCAN_END;
    if (p->m->head_done == p->in_head || (r == HTTP_PARSE_DONE && *used != clean))
        return refused(p, 400, "the end of the headers is not clear");
    return r;
}

enum http_parse_result http_parser_feed(struct http_parser *p, struct slice data, size_t *used)
{
    enum http_parse_result r = HTTP_PARSE_MORE;
    size_t head = 0, body = 0;

    *used = 0;
    if (p->in_head) {
        r = feed_head(p, data, &head);
        *used = head;
        if (r != HTTP_PARSE_MORE || head == data.n)
            return r;
    }
    r = execute(p, (struct slice){data.p + head, data.n - head}, &body);
    *used = head + body;
    p->body_bytes += body;
    if (r == HTTP_PARSE_MORE && p->body_bytes > MAX_BODY_ON_WIRE)
        return refused(p, 413, "the body is larger than allowed");
    return r;
}

int http_parser_error(const struct http_parser *p, const char **detail)
{
    *detail = p->detail;
    return p->status;
}
