/* The api object, and who may ask at all: Origin, token, content type. Loop thread only.
 *
 * The Host header and all limits are the server's affair; a request that arrives here has a route.
 * Peers on the Unix socket are trusted: the file's mode says who they are. */
#include "api/api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"

#define WRITING_METHODS (HTTP_POST | HTTP_PATCH | HTTP_PUT | HTTP_DELETE)

struct api *api_new(const struct api_deps *d)
{
    struct api *a = mem_zalloc(sizeof *a);
    struct buf b;
    struct json_out o;

    a->d = *d;
    list_init(&a->parses);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    json_put_str(&o, "name", "songbookd");
    json_put_str(&o, "version", d->version);
    json_put_int(&o, "api", 1);
    json_close(&o, '}');
    a->health = buf_detach(&b);
    return a;
}

static void free_now(struct api *a)
{
    free(a->health);
    free(a);
}

void api_hold(struct api *a)
{
    a->held++;
}

void api_drop(struct api *a)
{
    if (--a->held == 0 && a->freed)
        free_now(a);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    a->freed = true;
    if (a->held == 0)
        free_now(a);
}

/* A page of another origin must not drive the service through a visitor's browser. */
static bool origin_ok(struct request *r)
{
    const char *origin = request_header(r, "Origin"), *host = request_header(r, "Host");
    const char *site = request_header(r, "Sec-Fetch-Site"), *name;

    if (origin) {
        name = strstr(origin, "://");
        return name && host && strcasecmp(name + 3, host) == 0;
    }
    if (!site || !(request_method(r) & WRITING_METHODS))
        return true;
    return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

/* Takes as long for a wrong token as for the right one, so that it cannot be guessed byte by byte. */
static bool equal_in_constant_time(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    volatile unsigned char diff = na == nb ? 0 : 1;

    for (size_t i = 0; i < na; i++)
        diff |= (unsigned char)((unsigned char)a[i] ^ (unsigned char)(nb ? b[i % nb] : 0));
    return diff == 0;
}

static bool token_ok(struct request *r, const char *token)
{
    const char *given = request_header(r, "Authorization");

    if (!given || strncasecmp(given, "Bearer ", 7) != 0)
        return false;
    for (given += 7; *given == ' '; given++)
        ;
    return equal_in_constant_time(given, token);
}

/* What tells nothing but that we are here. */
static bool is_open_to_all(struct request *r)
{
    struct slice path = request_path(r);

    return slice_eq_str(path, "/healthz") || slice_eq_str(path, "/api/v1/health") || slice_eq_str(path, "/");
}

static bool has_body(struct request *r)
{
    const char *length = request_header(r, "Content-Length");

    return request_body(r).n > 0 || (length && strcmp(length, "0") != 0) || request_header(r, "Transfer-Encoding");
}

static bool is_json_type(const char *type)
{
    struct slice t;

    if (!type)
        return false;
    t = slice_trim((struct slice){type, strcspn(type, ";")});
    return slice_ieq_str(t, "application/json") || slice_ieq_str(t, "application/merge-patch+json");
}

static int guard(struct request *r, void *app, struct err *e)
{
    struct api *a = app;

    if (!origin_ok(r))
        return err_set(e, ERR_FORBIDDEN, "the request comes from a page of another origin");
    if (a->d.token && !request_is_local_socket(r) && !is_open_to_all(r) && !token_ok(r, a->d.token)) {
        request_set_header(r, "WWW-Authenticate", "Bearer realm=\"songbookd\"");
        return err_set(e, ERR_UNAUTHORIZED, "send the token as 'Authorization: Bearer TOKEN'");
    }
    if ((request_method(r) & WRITING_METHODS) && has_body(r) && !is_json_type(request_header(r, "Content-Type")))
        return err_set(e, ERR_MEDIA_TYPE, "the body must be JSON; send 'Content-Type: application/json'");
    return 0;
}

void api_server_options(struct api *a, struct http_server_options *out)
{
    out->routes = api_routes;
    out->app = a;
    out->guard = guard;
}
