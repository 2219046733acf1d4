/* Whom we answer at all: the guard against web pages.
 *
 * A page on any site can make a browser send requests here. DNS rebinding needs a Host of its own, so only names
 * that mean this machine are served (421). Cross-site requests carry Origin or Sec-Fetch-Site (403), and a body in
 * JSON cannot be sent cross-site without asking first (415). The Unix socket is out of a browser's reach: any Host
 * there, and an empty POST needs no content type. Pure but for the connection's own address.
 */
#include "net/http_server_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct authority {
    struct slice name;               /* without brackets */
    bool ip6;
    int port;                        /* 80 when not given */
};

static bool refuse(struct refusal *out, int status, const char *code, const char *detail)
{
    *out = (struct refusal){status, code, detail};
    return false;
}

/* --- Host -------------------------------------------------------------------------------------------- */

static bool read_port(const char *s, int *port)
{
    size_t digits = strspn(s, "0123456789");

    *port = digits ? atoi(s) : 80;
    return s[digits] == '\0' && digits <= 5;
}

static bool read_authority(const char *host, struct authority *out)
{
    const char *end;

    out->port = 80;
    out->ip6 = host[0] == '[';
    end = out->ip6 ? strchr(host, ']') : host + strcspn(host, ":");
    if (!end)
        return false;
    out->name = (struct slice){host + out->ip6, (size_t)(end - host) - out->ip6};
    end += out->ip6;
    return *end == '\0' || (*end == ':' && read_port(end + 1, &out->port));
}

/* The literal's bytes, network order; false when it is a name. */
static bool read_literal(const struct authority *a, unsigned char ip[16])
{
    char text[INET6_ADDRSTRLEN];

    if (a->name.n == 0 || a->name.n >= sizeof text)
        return false;
    memcpy(text, a->name.p, a->name.n);
    text[a->name.n] = '\0';
    return inet_pton(a->ip6 ? AF_INET6 : AF_INET, text, ip) == 1;
}

static bool is_loopback(const struct authority *a)
{
    static const unsigned char ip6_loopback[16] = {[15] = 1};
    unsigned char ip[16];

    if (!a->ip6 && slice_ieq_str(a->name, "localhost"))
        return true;
    if (!read_literal(a, ip))
        return false;
    return a->ip6 ? memcmp(ip, ip6_loopback, 16) == 0 : ip[0] == 127;
}

/* The very address the client connected to; an address cannot be rebound. */
static bool is_bound_address(const struct request *r, const struct authority *a)
{
    struct sockaddr_storage ss;
    const struct sockaddr_in *in4 = (struct sockaddr_in *)&ss;
    const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
    unsigned char ip[16];
    int n = sizeof ss;

    if (!read_literal(a, ip) || uv_tcp_getsockname(&r->conn->u.tcp, (struct sockaddr *)&ss, &n) != 0)
        return false;
    if (ss.ss_family == AF_INET6)
        return a->ip6 && memcmp(ip, &in6->sin6_addr, 16) == 0 && ntohs(in6->sin6_port) == a->port;
    return !a->ip6 && memcmp(ip, &in4->sin_addr, 4) == 0 && ntohs(in4->sin_port) == a->port;
}

/* Entries name a host for every port, or "host:port". */
static bool is_extra_host(const struct request *r, const char *host, const struct authority *a)
{
    const char *const *extra = r->conn->server->o->extra_hosts;

    for (; extra && *extra; extra++)
        if (strcasecmp(*extra, host) == 0 || (!a->ip6 && slice_ieq_str(a->name, *extra)))
            return true;
    return false;
}

bool check_host(const struct request *r, struct refusal *out)
{
    const char *host = request_header(r, "host");
    struct authority a;

    if (r->local)
        return true;
    if (read_authority(host, &a) && (is_loopback(&a) || is_bound_address(r, &a) || is_extra_host(r, host, &a)))
        return true;
    return refuse(out, 421, "foreign_host", "this server does not answer for the host named in the Host header");
}

/* --- Origin ---------------------------------------------------------------------------------------------- */

/* Whether a proxy that speaks https may stand before us under this name. */
static bool may_be_https(const struct request *r, const char *host)
{
    struct authority a;

    return r->local || (read_authority(host, &a) && is_extra_host(r, host, &a));
}

static bool is_own_origin(const struct request *r, const char *origin)
{
    const char *host = request_header(r, "host");

    if (strncmp(origin, "http://", 7) == 0)
        return strcasecmp(origin + 7, host) == 0;
    return strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0 && may_be_https(r, host);
}

bool check_origin(const struct request *r, struct refusal *out)
{
    const char *origin = request_header(r, "origin"), *site = request_header(r, "sec-fetch-site");
    const char *mode = request_header(r, "sec-fetch-mode");
    bool reads = r->m.method == HTTP_GET || r->m.method == HTTP_HEAD;

    if (reads) {
        /* Following a link to here is fine; a foreign page's script holding our streams open is not. */
        if (site && strcmp(site, "cross-site") == 0 && !(mode && strcmp(mode, "navigate") == 0))
            return refuse(out, 403, "foreign_origin", "a page of another site may not read this");
        return true;
    }
    if (origin && !is_own_origin(r, origin))
        return refuse(out, 403, "foreign_origin", "a page of another origin may not do this");
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return refuse(out, 403, "foreign_origin", "a page of another origin may not do this");
    return true;
}

/* --- content type ---------------------------------------------------------------------------------------- */

static bool is_json(const struct request *r)
{
    const char *type = request_header(r, "content-type");
    struct slice media;

    if (!type)
        return false;
    media = slice_trim((struct slice){type, strcspn(type, ";")});
    return slice_ieq_str(media, "application/json") ||
           (r->m.method == HTTP_PATCH && slice_ieq_str(media, "application/merge-patch+json"));
}

bool check_content_type(const struct request *r, struct refusal *out)
{
    const enum http_method changing = HTTP_POST | HTTP_PATCH | HTTP_PUT | HTTP_DELETE;
    bool needed = r->m.method == HTTP_POST ? !r->local || r->m.body.len : (r->m.method & changing) && r->m.body.len;

    if (!needed || is_json(r))
        return true;
    return refuse(out, 415, "media_type", "the content type must be application/json");
}
