/* The blocking HTTP client of songbookctl; see ctl_http.h. Refuses https, heads over 64 KiB and broken framing. */
#include "ctl/ctl_http.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

static void http_reset(struct ctl_http *h)
{
    *h = (struct ctl_http){.fd = -1, .timeout_ms = CTL_HTTP_TIMEOUT_MS, .length = -1};
}

void ctl_http_close(struct ctl_http *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
}

/* Waits until the socket is ready for `events`. */
static int wait_for(struct ctl_http *h, short events, struct err *e)
{
    struct pollfd p = {.fd = h->fd, .events = events};
    int n;

    do
        n = poll(&p, 1, h->timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return err_set(e, ERR_TIMEOUT, "no answer within %d seconds", h->timeout_ms / 1000);
    return n < 0 ? err_set(e, ERR_IO, "waiting for the socket failed: %s", strerror(errno)) : 0;
}

/* The socket does not block, so that connecting ends after the time-out, too. */
static int connect_to(struct ctl_http *h, const struct sockaddr *sa, socklen_t len, struct err *e)
{
    int cause = 0;
    socklen_t n = sizeof(cause);

    h->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (h->fd < 0)
        return err_set(e, ERR_IO, "no socket: %s", strerror(errno));
    if (connect(h->fd, sa, len) != 0)
        cause = errno;
    /* A full backlog of a Unix socket says EAGAIN: somebody is there, but busy. */
    if (cause == EAGAIN && sa->sa_family == AF_UNIX)
        err_set(e, ERR_BUSY, "too many connections are waiting");
    else if (cause == EINPROGRESS && wait_for(h, POLLOUT, e) == 0 &&
             getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &cause, &n) == 0 && cause == 0)
        return 0;
    else if (cause == 0)
        return 0;
    else
        err_set(e, ERR_NETWORK, "%s", cause == EINPROGRESS ? "no answer" : strerror(cause));
    ctl_http_close(h);
    return cause == EAGAIN ? ERR_BUSY : ERR_NETWORK;
}

int ctl_http_open_socket(struct ctl_http *h, const char *path, struct err *e)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    http_reset(h);
    if (!*path || strlen(path) >= sizeof(sun.sun_path))
        return err_set(e, ERR_USAGE, "the socket path has to have 1 to %zu bytes", sizeof(sun.sun_path) - 1);
    memcpy(sun.sun_path, path, strlen(path));
    snprintf(h->host, sizeof(h->host), "localhost");
    return connect_to(h, (const struct sockaddr *)&sun, sizeof(sun), e);
}

/* Cuts "http://host:port/" into its parts; the brackets of an IPv6 address stay out of `name`. */
static int url_split(struct ctl_http *h, const char *url, char name[256], char port[8], struct err *e)
{
    const char *at, *colon;
    size_t all, n;

    if (strncasecmp(url, "http://", strlen("http://")) != 0)
        return err_set(e, ERR_USAGE, "'%s' is no 'http://HOST[:PORT]'", url);
    at = url + strlen("http://");
    all = strcspn(at, "/");
    colon = *at == '[' ? memchr(at, ']', all) : at;
    colon = colon ? memchr(colon, ':', all - (size_t)(colon - at)) : NULL;
    n = colon ? (size_t)(colon - at) : all;
    if (n > 2 && *at == '[' && at[n - 1] == ']')
        snprintf(name, 256, "%.*s", (int)(n - 2 < 255 ? n - 2 : 255), at + 1);
    else
        snprintf(name, 256, "%.*s", (int)(n < 255 ? n : 255), at);
    snprintf(port, 8, "%.*s", colon ? (int)(all - n - 1 < 7 ? all - n - 1 : 7) : 2, colon ? colon + 1 : "80");
    if (n == 0 || n > 255 || strpbrk(at, "@?# \r\n") || strspn(port, "0123456789") != strlen(port) || !*port ||
        strlen(port) > 5 || (at[all] == '/' && at[all + 1]))
        return err_set(e, ERR_USAGE, "'%s' is no 'http://HOST[:PORT]'", url);
    snprintf(h->host, sizeof(h->host), "%.*s", (int)all, at);
    return 0;
}

int ctl_http_open_url(struct ctl_http *h, const char *url, struct err *e)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    char name[256], port[8];
    int rc;

    http_reset(h);
    rc = url_split(h, url, name, port, e);
    if (rc != 0)
        return rc;
    rc = getaddrinfo(name, port, &hints, &list);
    if (rc != 0)
        return err_set(e, ERR_NETWORK, "the host '%s' cannot be found: %s", name, gai_strerror(rc));
    rc = ERR_NETWORK;
    for (const struct addrinfo *a = list; a && rc != 0; a = a->ai_next)
        rc = connect_to(h, a->ai_addr, a->ai_addrlen, e);
    freeaddrinfo(list);
    return rc;
}

static int send_all(struct ctl_http *h, const char *p, size_t n, struct err *e)
{
    while (n) {
        ssize_t done = send(h->fd, p, n, MSG_NOSIGNAL);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        } else if (errno == EAGAIN) {
            int rc = wait_for(h, POLLOUT, e);
            if (rc != 0)
                return rc;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return 0;    /* an early answer (413, 431) may wait to be read */
        } else if (errno != EINTR) {
            return err_set(e, ERR_NETWORK, "sending failed: %s", strerror(errno));
        }
    }
    return 0;
}

/* Reads more into h->in, which is empty. 1 for bytes, 0 for the end, or an error. */
static int fill(struct ctl_http *h, struct err *e)
{
    for (;;) {
        ssize_t n = recv(h->fd, h->in, sizeof(h->in), 0);
        if (n >= 0) {
            h->at = 0;
            h->have = (size_t)n;
            return n > 0;
        }
        if (errno == EAGAIN) {
            int rc = wait_for(h, POLLIN, e);
            if (rc != 0)
                return rc;
        } else if (errno != EINTR) {
            return err_set(e, ERR_NETWORK, "reading failed: %s", strerror(errno));
        }
    }
}

/* One line without its end into `line`, whose bound it may not pass. */
static int line_read(struct ctl_http *h, struct buf *line, struct err *e)
{
    buf_reset(line);
    for (;;) {
        if (h->at == h->have) {
            int rc = fill(h, e);
            if (rc <= 0)
                return rc < 0 ? rc : err_set(e, ERR_NETWORK, "the connection ended within the answer");
        }
        char c = h->in[h->at++];
        if (c == '\n')
            break;
        if (!buf_add_byte(line, c))
            return err_set(e, ERR_MALFORMED, "the answer's head is too large");
    }
    if (line->len && line->data[line->len - 1] == '\r')
        line->data[--line->len] = '\0';
    buf_cstr(line);
    return 0;
}

/* The value when the line is that header, else NULL. */
static const char *header_value(const char *line, const char *name)
{
    size_t n = strlen(name);

    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    line += n + 1;
    return line + strspn(line, " \t");
}

static int header_take(struct ctl_http *h, const char *line, struct ctl_http_answer *a, struct err *e)
{
    const char *v;
    char *end;

    if ((v = header_value(line, "content-length"))) {
        errno = 0;
        h->length = isdigit((unsigned char)*v) ? strtoll(v, &end, 10) : -1;
        if (h->length < 0 || errno || *end)
            return err_set(e, ERR_MALFORMED, "the answer's Content-Length is no number");
    } else if ((v = header_value(line, "transfer-encoding"))) {
        if (strcasecmp(v, "chunked") != 0)
            return err_set(e, ERR_MALFORMED, "the answer's Transfer-Encoding '%s' is unknown", v);
        h->chunked = true;
    } else if ((v = header_value(line, "etag"))) {
        snprintf(a->etag, sizeof(a->etag), "%s", v);
    } else if ((v = header_value(line, "content-type"))) {
        snprintf(a->type, sizeof(a->type), "%s", v);
    } else if ((v = header_value(line, "retry-after"))) {
        snprintf(a->retry_after, sizeof(a->retry_after), "%s", v);
    }
    return 0;
}

/* Status line and headers of one answer (also of a 1xx before the real one). */
static int head_read(struct ctl_http *h, struct ctl_http_answer *a, struct err *e)
{
    struct buf line;
    size_t total = 0;
    int minor, rc;

    buf_init(&line, CTL_HTTP_HEAD_MAX);
    h->chunked = false;
    h->length = -1;
    *a = (struct ctl_http_answer){0};
    rc = line_read(h, &line, e);
    if (rc == 0 && sscanf(buf_cstr(&line), "HTTP/1.%1d %3d", &minor, &a->status) != 2)
        rc = err_set(e, ERR_MALFORMED, "what answers there does not speak HTTP");
    while (rc == 0 && (rc = line_read(h, &line, e)) == 0 && line.len) {
        total += line.len;
        rc = total > CTL_HTTP_HEAD_MAX ? err_set(e, ERR_MALFORMED, "the answer's head is too large")
                                       : header_take(h, line.data, a, e);
    }
    buf_deinit(&line);
    if (a->status == 204 || a->status == 304) {
        h->chunked = false;
        h->length = 0;
    }
    return rc;
}

int ctl_http_send(struct ctl_http *h, const struct ctl_http_request *q, struct ctl_http_answer *a, struct err *e)
{
    struct buf out;
    int rc;

    buf_init(&out, 0);
    buf_addf(&out, "%s %s HTTP/1.1\r\nhost: %s\r\nuser-agent: songbookctl\r\nconnection: close\r\n", q->method, q->path,
             h->host);
    if (q->accept)
        buf_addf(&out, "accept: %s\r\n", q->accept);
    if (q->token)
        buf_addf(&out, "authorization: Bearer %s\r\n", q->token);
    if (q->if_match)
        buf_addf(&out, "if-match: %s\r\n", q->if_match);
    if (q->body)
        buf_addf(&out, "content-type: application/json\r\ncontent-length: %zu\r\n", strlen(q->body));
    buf_addf(&out, "\r\n%s", q->body ? q->body : "");
    rc = send_all(h, out.data, out.len, e);
    buf_deinit(&out);
    do
        rc = rc != 0 ? rc : head_read(h, a, e);
    while (rc == 0 && a->status >= 100 && a->status < 200);
    return rc;
}

/* Hands out up to *left bytes (all for -1). 1 to go on, 0 when the callback stopped, or an error; *left reaches 0. */
static int pass_on(struct ctl_http *h, int64_t *left, bool (*on_piece)(void *arg, struct slice piece), void *arg, struct err *e)
{
    while (*left != 0) {
        size_t n;
        if (h->at == h->have) {
            int rc = fill(h, e);
            if (rc < 0)
                return rc;
            if (rc == 0 && *left > 0)
                return err_set(e, ERR_NETWORK, "the connection ended within the answer");
            if (rc == 0)
                return 1;
        }
        n = h->have - h->at;
        if (*left > 0 && (int64_t)n > *left)
            n = (size_t)*left;
        h->at += n;
        if (*left > 0)
            *left -= (int64_t)n;
        if (!on_piece(arg, (struct slice){h->in + h->at - n, n}))
            return 0;
    }
    return 1;
}

/* The length of the next chunk; 0 after the last one, whose trailers are read. */
static int chunk_head(struct ctl_http *h, struct buf *line, int64_t *n, struct err *e)
{
    char *end;
    int rc = line_read(h, line, e);

    if (rc != 0)
        return rc;
    errno = 0;
    *n = isxdigit((unsigned char)line->data[0]) ? strtoll(line->data, &end, 16) : -1;
    if (*n < 0 || errno || (*end && *end != ';' && *end != ' '))
        return err_set(e, ERR_MALFORMED, "the answer's chunks cannot be read");
    while (*n == 0 && (rc = line_read(h, line, e)) == 0 && line->len)
        ;
    return rc;
}

static int chunks_read(struct ctl_http *h, bool (*on_piece)(void *arg, struct slice piece), void *arg, struct err *e)
{
    struct buf line;
    int64_t n = 0;
    int rc, go = 1;

    buf_init(&line, CTL_HTTP_HEAD_MAX);
    while ((rc = chunk_head(h, &line, &n, e)) == 0 && n > 0) {
        go = pass_on(h, &n, on_piece, arg, e);
        if (go <= 0 || (rc = line_read(h, &line, e)) != 0)
            break;
        if (line.len) {
            rc = err_set(e, ERR_MALFORMED, "the answer's chunks cannot be read");
            break;
        }
    }
    buf_deinit(&line);
    return go < 0 ? go : rc;
}

int ctl_http_body(struct ctl_http *h, bool (*on_piece)(void *arg, struct slice piece), void *arg, struct err *e)
{
    int64_t left = h->length;
    int rc = h->chunked ? chunks_read(h, on_piece, arg, e) : pass_on(h, &left, on_piece, arg, e);

    return rc < 0 ? rc : 0;
}
