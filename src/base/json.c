/* JSON reading and writing; see json.h. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* cJSON recurses per level; provider answers and clients must not choose our stack depth. */
static bool depth_ok(struct slice t)
{
    int depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_MAX_DEPTH)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

cJSON *json_parse(struct slice text, struct err *e)
{
    const char *end = NULL;
    cJSON *root;

    text = slice_trim(text);
    if (!utf8_valid(text)) {
        err_set(e, ERR_MALFORMED, "the text is not valid UTF-8");
        return NULL;
    }
    if (!depth_ok(text)) {
        err_set(e, ERR_MALFORMED, "the JSON is nested deeper than %d levels", JSON_MAX_DEPTH);
        return NULL;
    }
    root = cJSON_ParseWithLengthOpts(text.p, text.n, &end, 0);
    if (root && end == text.p + text.n)
        return root;
    err_set(e, ERR_MALFORMED, "the JSON cannot be read at byte %zu",
            end && end >= text.p ? (size_t)(end - text.p) : (size_t)0);
    cJSON_Delete(root);
    return NULL;
}

const cJSON *json_get(const cJSON *obj, const char *key)
{
    const cJSON *v = cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, key) : NULL;

    return cJSON_IsNull(v) ? NULL : v;
}

const char *json_str(const cJSON *obj, const char *key)
{
    const cJSON *v = json_get(obj, key);

    return cJSON_IsString(v) ? v->valuestring : NULL;
}

bool json_num(const cJSON *obj, const char *key, double *out)
{
    const cJSON *v = json_get(obj, key);
    char *end;

    if (cJSON_IsNumber(v)) {
        *out = v->valuedouble;
        return true;
    }
    if (!cJSON_IsString(v) || !v->valuestring[0])
        return false;
    *out = strtod(v->valuestring, &end);
    return *end == '\0' && isfinite(*out);
}

int64_t json_int(const cJSON *obj, const char *key, int64_t fallback)
{
    double d;

    if (!json_num(obj, key, &d) || !(d >= -9007199254740992.0 && d <= 9007199254740992.0))
        return fallback;
    return (int64_t)d;
}

bool json_bool(const cJSON *obj, const char *key, bool fallback)
{
    const cJSON *v = json_get(obj, key);

    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

int json_count(const cJSON *list)
{
    if (cJSON_IsArray(list))
        return cJSON_GetArraySize(list);
    return cJSON_IsObject(list) ? 1 : 0;
}

const cJSON *json_item(const cJSON *list, int i)
{
    if (cJSON_IsArray(list))
        return cJSON_GetArrayItem(list, i);
    return cJSON_IsObject(list) && i == 0 ? list : NULL;
}

const cJSON *json_first(const cJSON *list)
{
    if (cJSON_IsArray(list))
        return list->child;
    return cJSON_IsObject(list) ? list : NULL;
}

const cJSON *json_next(const cJSON *list, const cJSON *item)
{
    return cJSON_IsArray(list) ? item->next : NULL;
}

void json_quote(struct buf *b, struct slice s)
{
    buf_add_byte(b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        int32_t cp = utf8_next(s, &i);
        if (cp < 0)
            buf_add_str(b, "\xef\xbf\xbd");
        else if (cp == '"' || cp == '\\')
            buf_addf(b, "\\%c", (char)cp);
        else if (cp == '\n')
            buf_add_str(b, "\\n");
        else if (cp == '\t')
            buf_add_str(b, "\\t");
        else if (cp < 0x20 || cp == 0x7f || cp == 0x2028 || cp == 0x2029)
            buf_addf(b, "\\u%04x", (unsigned)cp);
        else
            buf_add(b, s.p + at, i - at);
    }
    buf_add_byte(b, '"');
}

void json_out_init(struct json_out *o, struct buf *b)
{
    *o = (struct json_out){.b = b};
}

static void lead(struct json_out *o, const char *key)
{
    if (o->comma)
        buf_add_byte(o->b, ',');
    o->comma = true;
    if (key) {
        json_quote(o->b, slice_of(key));
        buf_add_byte(o->b, ':');
    }
}

void json_open(struct json_out *o, const char *key, char bracket)
{
    lead(o, key);
    buf_add_byte(o->b, bracket);
    o->comma = false;
}

void json_close(struct json_out *o, char bracket)
{
    buf_add_byte(o->b, bracket);
    o->comma = true;
}

void json_put_str(struct json_out *o, const char *key, const char *s)
{
    if (!s)
        json_put_null(o, key);
    else
        json_put_slice(o, key, slice_of(s));
}

void json_put_slice(struct json_out *o, const char *key, struct slice s)
{
    lead(o, key);
    json_quote(o->b, s);
}

void json_put_int(struct json_out *o, const char *key, int64_t v)
{
    lead(o, key);
    buf_addf(o->b, "%lld", (long long)v);
}

void json_put_num(struct json_out *o, const char *key, double v, int decimals)
{
    lead(o, key);
    if (!isfinite(v))
        buf_add_str(o->b, "null");
    else
        buf_addf(o->b, "%.*f", decimals, v);
}

void json_put_bool(struct json_out *o, const char *key, bool v)
{
    lead(o, key);
    buf_add_str(o->b, v ? "true" : "false");
}

void json_put_null(struct json_out *o, const char *key)
{
    lead(o, key);
    buf_add_str(o->b, "null");
}

void json_put_raw(struct json_out *o, const char *key, const char *json)
{
    lead(o, key);
    buf_add_str(o->b, json);
}
