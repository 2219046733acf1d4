/* What a handler reads of its request: path, parameters, headers, body. Loop thread only.
 *
 * Parameters are decoded once, before the handler runs; text that is not UTF-8 or has a NUL never gets that far.
 */
#include "net/http_server_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

struct request *request_new(uint64_t id, bool local)
{
    struct request *r = mem_zalloc(sizeof *r);

    http_message_init(&r->m);
    buf_init(&r->text, 0);
    buf_init(&r->headers, 0);
    r->id = id;
    r->local = local;
    return r;
}

void request_free(struct request *r)
{
    http_message_deinit(&r->m);
    buf_deinit(&r->text);
    buf_deinit(&r->headers);
    free(r->params);
    free(r);
}

/* --- the target ------------------------------------------------------------------------------------ */

bool request_decode(struct request *r, struct slice raw, bool form, struct slice *out)
{
    size_t start = r->text.len;

    if (!percent_decode(&r->text, raw, form))
        return false;
    *out = (struct slice){r->text.data + start, r->text.len - start};
    return utf8_valid(*out) && !memchr(out->p, '\0', out->n);
}

static struct slice cut(struct slice *rest, char at)
{
    const char *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
    struct slice piece = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t step = piece.n + (end != NULL);

    rest->p += step;
    rest->n -= step;
    return piece;
}

static bool read_params(struct request *r)
{
    struct slice rest = r->query;

    r->params = mem_alloc(MAX_PARAMS * sizeof *r->params);
    while (rest.n) {
        struct slice value = cut(&rest, '&'), name = cut(&value, '=');
        struct param *p = &r->params[r->param_count];
        if (name.n == 0 && value.n == 0)
            continue;
        if (r->param_count == MAX_PARAMS || !request_decode(r, name, true, &p->name) ||
            !request_decode(r, value, true, &p->value))
            return false;
        r->param_count++;
    }
    return true;
}

bool request_read_target(struct request *r)
{
    struct slice rest = {r->m.text.data + r->m.target, r->m.target_len};

    /* Decoding never lengthens, so nothing moves under the slices handed out. */
    buf_reserve(&r->text, rest.n + 1);
    buf_reset(&r->text);
    r->path = cut(&rest, '?');
    r->query = rest;
    return !rest.n || read_params(r);
}

/* --- reading --------------------------------------------------------------------------------------- */

enum http_method request_method(const struct request *r)
{
    return r->m.method;
}

struct slice request_path(const struct request *r)
{
    return r->path;
}

struct slice request_path_arg(const struct request *r, int n)
{
    return n >= 0 && n < HTTP_MAX_PATH_ARGS && r->args[n].p ? r->args[n] : SLICE_LIT("");
}

bool request_query(const struct request *r, const char *name, struct slice *value)
{
    for (int i = 0; i < r->param_count; i++) {
        if (slice_eq_str(r->params[i].name, name)) {
            *value = r->params[i].value;
            return true;
        }
    }
    return false;
}

bool request_query_at(const struct request *r, int n, struct slice *name, struct slice *value)
{
    if (n < 0 || n >= r->param_count)
        return false;
    *name = r->params[n].name;
    *value = r->params[n].value;
    return true;
}

const char *request_header(const struct request *r, const char *name)
{
    return http_message_header(&r->m, name);
}

struct slice request_body(const struct request *r)
{
    return (struct slice){r->m.body.data ? r->m.body.data : "", r->m.body.len};
}

bool request_is_local_socket(const struct request *r)
{
    return r->local;
}

