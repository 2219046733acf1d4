/* Reading what clients send: bodies, fields, queries, paths. Refuses with every reason at once. Loop thread, except input_object,
 * input_path and the field_ functions, which are pure and also run on the pool. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/utf8.h"

#define FIELD_ERRORS_MAX 50 /* listed; more wrong fields are only counted */

void fields_init(struct field_errors *f, const char *member)
{
    *f = (struct field_errors){.member = member};
    buf_init(&f->list, 0);
}

void fields_deinit(struct field_errors *f)
{
    buf_deinit(&f->list);
}

/* A JSON Pointer into the body, "" being the whole of it; a query parameter stands for itself. */
static void put_place(struct buf *b, const struct field_errors *f, const char *name)
{
    if (name[0] && strcmp(f->member, "pointer") == 0)
        buf_add_byte(b, '/');
    buf_add_str(b, name);
}

__attribute__((format(printf, 3, 0))) static void add_refusal(struct field_errors *f, const char *name, const char *fmt,
                                                              va_list ap)
{
    struct buf place;
    char detail[300];
    struct json_out o;

    if (++f->count > FIELD_ERRORS_MAX)
        return;
    vsnprintf(detail, sizeof detail, fmt, ap);
    buf_init(&place, 0);
    put_place(&place, f, name);
    json_out_init(&o, &f->list);
    o.comma = f->list.len > 0;
    json_open(&o, NULL, '{');
    json_put_str(&o, f->member, buf_cstr(&place));
    json_put_str(&o, "detail", detail);
    json_close(&o, '}');
    buf_deinit(&place);
}

void fields_refuse(struct field_errors *f, const char *name, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_refusal(f, name, fmt, ap);
    va_end(ap);
}

void fields_refuse_member(struct field_errors *f, const char *name, const char *fmt, ...)
{
    struct buf b;
    va_list ap;

    buf_init(&b, 0);
    for (; *name; name++) {
        if (*name == '~' || *name == '/')
            buf_add_str(&b, *name == '~' ? "~0" : "~1");
        else
            buf_add_byte(&b, *name);
    }
    va_start(ap, fmt);
    add_refusal(f, buf_cstr(&b), fmt, ap);
    va_end(ap);
    buf_deinit(&b);
}

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static void list_names(struct buf *b, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        buf_addf(b, "%s%s", i ? ", " : "", names[i]);
}

void fields_only(struct field_errors *f, const cJSON *obj, const char *const *names)
{
    struct buf known;

    buf_init(&known, 0);
    list_names(&known, names);
    for (const cJSON *m = obj ? obj->child : NULL; m; m = m->next)
        if (!is_listed(m->string, names))
            fields_refuse_member(f, m->string, "there is no such field here; known: %s", known.len ? buf_cstr(&known) : "none");
    buf_deinit(&known);
}

bool field_int(struct field_errors *f, const cJSON *obj, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const cJSON *v = json_get(obj, name);

    if (!v)
        return false;
    if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) || v->valuedouble < (double)min ||
        v->valuedouble > (double)max) {
        fields_refuse(f, name, "a whole number from %lld to %lld is needed", (long long)min, (long long)max);
        return false;
    }
    *out = (int64_t)v->valuedouble;
    return true;
}

bool field_bool(struct field_errors *f, const cJSON *obj, const char *name, bool *out)
{
    const cJSON *v = json_get(obj, name);

    if (!v)
        return false;
    if (!cJSON_IsBool(v)) {
        fields_refuse(f, name, "true or false is needed");
        return false;
    }
    *out = cJSON_IsTrue(v);
    return true;
}

size_t field_ids(struct field_errors *f, const cJSON *obj, const char *name, int64_t *out)
{
    const cJSON *v;
    size_t n = 0;
    char place[64];

    cJSON_ArrayForEach(v, json_get(obj, name))
    {
        if (cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble) && v->valuedouble >= 1 &&
            v->valuedouble <= INPUT_NUMBER_MAX) {
            out[n++] = (int64_t)v->valuedouble;
            continue;
        }
        snprintf(place, sizeof place, "%s/%zu", name, n);
        fields_refuse(f, place, "an id is a whole number of at least 1");
        return 0;
    }
    return n;
}

bool fields_answer(struct field_errors *f, struct request *r)
{
    struct buf b;
    struct json_out o;
    bool refused = f->count > 0;

    if (refused) {
        buf_init(&b, 0);
        json_out_init(&o, &b);
        json_open(&o, NULL, '{');
        json_put_str(&o, "type", "about:blank");
        json_put_str(&o, "title", "Unprocessable Content");
        json_put_int(&o, "status", 422);
        json_put_str(&o, "detail", f->count == 1 ? "one value is not allowed" : "several values are not allowed");
        json_put_str(&o, "code", err_name(ERR_INVALID));
        json_open(&o, "errors", '[');
        buf_add(&b, f->list.data, f->list.len);
        json_close(&o, ']');
        json_close(&o, '}');
        request_reply_buf(r, 422, "application/problem+json", &b);
    }
    fields_deinit(f);
    return refused;
}

/* cJSON ends a string at an escaped NUL: the rest would vanish without a word. */
static bool has_escaped_nul(struct slice t)
{
    for (size_t i = 0; i + 5 < t.n; i++) {
        if (t.p[i] != '\\')
            continue;
        if (memcmp(t.p + i, "\\u0000", 6) == 0)
            return true;
        i++;
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* cJSON takes numbers that JSON has not: 01, 1. and -.5 */
static bool number_ok(struct slice t, size_t i)
{
    char before = i ? t.p[i - 1] : ' ', after = i + 1 < t.n ? t.p[i + 1] : ' ';

    if (t.p[i] == '.' || t.p[i] == '-')
        return is_digit(after);
    if (t.p[i] != '0' || !is_digit(after))
        return true;
    return is_digit(before) || strchr(".eE+", before) || (before == '-' && i > 1 && (t.p[i - 2] | 0x20) == 'e');
}

/* ... and control characters everywhere. */
static bool is_strict(struct slice t)
{
    bool quoted = false;

    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if ((unsigned char)c < 0x20 && (quoted || !strchr("\t\n\r", c)))
            return false;
        if (!quoted && !number_ok(t, i))
            return false;
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
    }
    return true;
}

cJSON *input_object(struct slice text, bool may_be_empty, struct err *e)
{
    cJSON *root;

    if (slice_trim(text).n == 0) {
        if (may_be_empty)
            return cJSON_CreateObject();
        err_set(e, ERR_MALFORMED, "a JSON object is needed as the body");
        return NULL;
    }
    if (has_escaped_nul(text) || memchr(text.p, 0, text.n)) {
        err_set(e, ERR_MALFORMED, "the JSON holds a NUL character");
        return NULL;
    }
    if (!is_strict(text)) {
        err_set(e, ERR_MALFORMED, "the JSON has a control character, or a number that is none");
        return NULL;
    }
    root = json_parse(text, e);
    if (root && !cJSON_IsObject(root)) {
        err_set(e, ERR_MALFORMED, "the body must be a JSON object");
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

cJSON *input_body_beside_query(struct request *r, bool may_be_empty)
{
    struct err e = {0};
    cJSON *body = input_object(request_body(r), may_be_empty, &e);

    if (!body)
        request_reply_error(r, ERR_MALFORMED, &e);
    return body;
}

cJSON *input_body(struct request *r, bool may_be_empty)
{
    return input_no_query(r) ? input_body_beside_query(r, may_be_empty) : NULL;
}

bool input_number(struct slice text, int64_t *out)
{
    int64_t v = 0;

    if (text.n == 0 || text.n > 16)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        v = v * 10 + (text.p[i] - '0');
    }
    *out = v;
    return v <= INPUT_NUMBER_MAX;
}

bool input_song_id(struct request *r, int64_t *id)
{
    struct err e = {0};

    if (input_number(request_path_arg(r, 0), id) && *id > 0)
        return true;
    err_set(&e, ERR_NOT_FOUND, "there is no such song; ids are whole numbers");
    request_reply_error(r, ERR_NOT_FOUND, &e);
    return false;
}

static bool take_number(struct field_errors *f, const struct query_number *numbers, size_t n, struct slice name,
                        struct slice value)
{
    int64_t v;

    for (size_t i = 0; i < n; i++) {
        const struct query_number *q = &numbers[i];
        if (!slice_eq_str(name, q->name))
            continue;
        if (!input_number(value, &v) || v < q->min || v > q->max)
            fields_refuse(f, q->name, "a whole number from %lld to %lld is needed", (long long)q->min, (long long)q->max);
        else
            *q->out = v;
        return true;
    }
    return false;
}

bool input_query(struct request *r, const struct query_number *numbers, size_t n)
{
    struct field_errors f;
    struct slice name, value;
    struct buf known;

    fields_init(&f, "parameter");
    buf_init(&known, 0);
    for (size_t i = 0; i < n; i++)
        buf_addf(&known, "%s%s", i ? ", " : "", numbers[i].name);
    for (int i = 0; request_query_at(r, i, &name, &value); i++) {
        if (take_number(&f, numbers, n, name, value))
            continue;
        char *text = utf8_repaired(name);
        fields_refuse(&f, text, "there is no such parameter here; known: %s", known.len ? buf_cstr(&known) : "none");
        free(text);
    }
    buf_deinit(&known);
    return !fields_answer(&f, r);
}

bool input_no_members(struct request *r)
{
    static const char *const none[] = {NULL};
    struct field_errors f;
    cJSON *body = input_body(r, true);

    if (!body)
        return false;
    fields_init(&f, "pointer");
    fields_only(&f, body, none);
    cJSON_Delete(body);
    return !fields_answer(&f, r);
}

bool input_no_query(struct request *r)
{
    return input_query(r, NULL, 0);
}

bool input_path(struct slice text, struct buf *out)
{
    static const struct slice scheme = {"file://", 7}, host = {"localhost", 9};

    if (text.n < scheme.n || memcmp(text.p, scheme.p, scheme.n) != 0) {
        buf_add_slice(out, text);
        return text.n > 0 && !memchr(text.p, 0, text.n);
    }
    text = (struct slice){text.p + scheme.n, text.n - scheme.n};
    if (text.n > host.n && memcmp(text.p, host.p, host.n) == 0)
        text = (struct slice){text.p + host.n, text.n - host.n};
    if (text.n == 0 || text.p[0] != '/' || !percent_decode(out, text, false))
        return false;
    return !memchr(out->data, 0, out->len);
}

bool input_text_ok(struct slice text, size_t max)
{
    if (text.n > max || !utf8_valid(text))
        return false;
    for (size_t i = 0; i < text.n;) {
        int32_t cp = utf8_next(text, &i);
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029)
            return false;
    }
    return true;
}
