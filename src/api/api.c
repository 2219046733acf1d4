/* The api object, and who may ask at all. Loop thread only.
 *
 * Host, Origin, content type and all limits are the server's affair; a request that arrives here has
 * a route. Where a token is set, every peer over TCP needs it, also on loopback: a proxy there would
 * let strangers in. Peers on the Unix socket are trusted: the file's mode says who they are. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api_internal.h"

struct api *api_new(const struct api_deps *d)
{
    struct api *a = mem_zalloc(sizeof *a);
    struct buf b;
    struct json_out o;

    a->d = *d;
    a->devices = devices_new();
    list_init(&a->parses);
    list_init(&a->streams);
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
    devices_free(a->devices);
    free(a->facets);
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

/* What tells nothing but that we are here, and the dashboard's own files. */
static bool is_open_to_all(struct request *r)
{
    struct slice path = request_path(r);

    return slice_eq_str(path, "/healthz") || slice_eq_str(path, "/api/v1/health") || slice_eq_str(path, "/") ||
           (path.n > 5 && memcmp(path.p, "/web/", 5) == 0) || slice_eq_str(path, "/api/v1/session") ||
           slice_eq_str(path, "/api/v1/pair");
}

/* The songbook page, where the owner lets guests read it. */
static bool is_open_to_guests(const struct api *a, struct request *r)
{
    return slice_eq_str(request_path(r), "/songbook") && config_bool(a->d.config, OPT_DASHBOARD_GUESTS);
}

void api_set_server(struct api *a, struct http_server *server)
{
    a->server = server;
}

enum caller api_caller(struct api *a, struct request *r, const struct device **device)
{
    *device = NULL;
    if (request_is_local_socket(r))
        return CALLER_SOCKET;
    if (a->d.token && request_header(r, "Authorization"))
        return token_ok(r, a->d.token) ? CALLER_TOKEN : CALLER_NOBODY;
    *device = devices_of_request(a->devices, r);
    return *device ? CALLER_DEVICE : a->d.token ? CALLER_NOBODY : CALLER_LOCAL;
}

static int guard(struct request *r, void *app, struct err *e)
{
    struct api *a = app;
    const struct device *device;
    enum caller who = api_caller(a, r, &device);

    if (device)
        devices_note(a, device);
    if (is_open_to_all(r) || is_open_to_guests(a, r))
        return 0;
    if (who == CALLER_NOBODY) {
        request_set_header(r, "WWW-Authenticate", "Bearer realm=\"songbookd\"");
        return err_set(e, ERR_UNAUTHORIZED, "pair this device, or send the token as 'Authorization: Bearer TOKEN'");
    }
    return who == CALLER_DEVICE ? devices_check_origin(r, e) : 0;
}

void api_server_options(struct api *a, struct http_server_options *out)
{
    out->routes = api_routes;
    out->app = a;
    out->guard = guard;
}
