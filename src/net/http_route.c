/* From a complete request to its handler: checks, the table of routes, the guard. Loop thread only.
 *
 * The first row that fits wins, so literal paths stand before ':x' ones in the table. A path that no row fits is
 * 404, a method that no fitting row has 405. Segments are compared undecoded; only arguments are decoded.
 */
#include "net/http_server_internal.h"

#include <string.h>

#include "base/mem.h"

static const struct {
    enum http_method method;
    const char *name;
} method_names[] = {{HTTP_GET, "GET"},     {HTTP_HEAD, "HEAD"},     {HTTP_POST, "POST"},      {HTTP_PATCH, "PATCH"},
                    {HTTP_PUT, "PUT"},     {HTTP_DELETE, "DELETE"}, {HTTP_OPTIONS, "OPTIONS"}};

const char *method_name(enum http_method m)
{
    for (size_t i = 0; i < ARRAY_LEN(method_names); i++)
        if (method_names[i].method == m)
            return method_names[i].name;
    return "?";
}

static void set_allow(struct request *r, unsigned methods)
{
    char value[64] = "";

    for (size_t i = 0; i < ARRAY_LEN(method_names); i++) {
        if (!(methods & method_names[i].method))
            continue;
        if (value[0])
            strcat(value, ", ");
        strcat(value, method_names[i].name);
    }
    request_set_header(r, "Allow", value);
}

/* --- matching ---------------------------------------------------------------------------------------- */

static struct slice next_segment(const char **at, const char *end)
{
    const char *start = *at + 1, *slash = memchr(start, '/', (size_t)(end - start));

    *at = slash ? slash : end;
    return (struct slice){start, (size_t)(*at - start)};
}

/* Fills args with the undecoded ':x' segments. */
static bool path_fits(const char *pattern, struct slice path, struct slice args[HTTP_MAX_PATH_ARGS])
{
    const char *p = pattern, *p_end = pattern + strlen(pattern), *s = path.p, *s_end = path.p + path.n;
    int n = 0;

    while (p < p_end && s < s_end) {
        struct slice want = next_segment(&p, p_end), have = next_segment(&s, s_end);
        if (want.n && want.p[0] == ':') {
            if (have.n == 0 || n == HTTP_MAX_PATH_ARGS)
                return false;
            args[n++] = have;
        } else if (!slice_eq(want, have)) {
            return false;
        }
    }
    return p == p_end && s == s_end;
}

/* The row for the request, or NULL; *methods are those that fit the path, 0 when it is unknown. */
static const struct route *find_route(struct request *r, unsigned *methods)
{
    const struct route *found = NULL;
    unsigned wanted = r->m.method == HTTP_HEAD ? HTTP_GET | HTTP_HEAD : r->m.method;

    *methods = 0;
    for (const struct route *row = r->conn->server->o->routes; row->path; row++) {
        struct slice args[HTTP_MAX_PATH_ARGS] = {{NULL, 0}};
        if (!path_fits(row->path, r->path, args))
            continue;
        *methods |= row->method | (row->method & HTTP_GET ? HTTP_HEAD : 0) | HTTP_OPTIONS;
        if (!found && (row->method & wanted)) {
            found = row;
            memcpy(r->args, args, sizeof args);
        }
    }
    return found;
}

static bool decode_args(struct request *r)
{
    for (int i = 0; i < HTTP_MAX_PATH_ARGS; i++)
        if (r->args[i].p && !request_decode(r, r->args[i], false, &r->args[i]))
            return false;
    return true;
}

/* --- dispatch ------------------------------------------------------------------------------------------ */

static void reply_options(struct request *r, unsigned methods)
{
    set_allow(r, methods);
    request_reply(r, 204, NULL, SLICE_LIT(""));
}

static void call_handler(struct request *r, const struct route *row)
{
    const struct http_server_options *o = r->conn->server->o;
    struct refusal no;
    struct err e = {0};
    int rc;

    if (!decode_args(r)) {
        request_reply_problem(r, 400, "malformed", "the path is not percent-encoded UTF-8");
        return;
    }
    rc = o->guard ? o->guard(r, o->app, &e) : 0;
    if (rc == ERR_UNAUTHORIZED && (request_header(r, "authorization") || request_header(r, "cookie")))
        request_refuse_later(r, &e);
    else if (rc != 0)
        request_reply_error(r, rc, &e);
    else if (!check_content_type(r, &no))
        request_reply_problem(r, no.status, no.code, no.detail);
    else
        row->handler(r, o->app);
}

static void route_request(struct request *r)
{
    const unsigned every = HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PATCH | HTTP_PUT | HTTP_DELETE | HTTP_OPTIONS;
    const struct route *row;
    unsigned methods;

    if (slice_eq_str(r->path, "*")) {
        reply_options(r, every);
        return;
    }
    row = find_route(r, &methods);
    if (row) {
        call_handler(r, row);
    } else if (!methods) {
        request_reply_problem(r, 404, "not_found", "there is nothing at this path");
    } else if (r->m.method == HTTP_OPTIONS) {
        reply_options(r, methods);
    } else {
        set_allow(r, methods);
        request_reply_problem(r, 405, "method_not_allowed", "this path does not know the method");
    }
}

void request_dispatch(struct request *r)
{
    struct refusal no;

    r->handed = true;
    r->whole_ns = uv_hrtime();
    if (!check_host(r, &no) || !check_origin(r, &no))
        request_reply_problem(r, no.status, no.code, no.detail);
    else if (!request_read_target(r))
        request_reply_problem(r, 400, "malformed", "the query is not percent-encoded UTF-8, or has more than 64 parameters");
    else
        route_request(r);
}
