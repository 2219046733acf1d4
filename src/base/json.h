/* JSON: reading through cJSON with bounds, writing straight into a buf.
 *
 * Reading: json_parse checks UTF-8, size and depth (JSON_MAX_DEPTH) before cJSON sees the text.
 * The accessors take what providers really send: numbers as strings, a single object where a list
 * is meant, null for absent (they treat null and absent alike).
 * Writing: a json_out appends to a buf and puts commas itself; strings are repaired to valid UTF-8.
 * It exists beside cJSON because a page of 500 songs as a tree costs 10,000 allocations.
 */
#ifndef SONGBOOKD_BASE_JSON_H
#define SONGBOOKD_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_MAX_DEPTH 64

/* Returns new (cJSON_Delete), or NULL with e set to ERR_MALFORMED. The whole text must be one value. */
cJSON *json_parse(struct slice text, struct err *e);

const cJSON *json_get(const cJSON *obj, const char *key);               /* case-sensitive; NULL when absent or null */
const char *json_str(const cJSON *obj, const char *key);                /* NULL unless a string */
bool json_num(const cJSON *obj, const char *key, double *out);          /* number, or string that is one */
int64_t json_int(const cJSON *obj, const char *key, int64_t fallback);
bool json_bool(const cJSON *obj, const char *key, bool fallback);
/* The elements of a list: an array's, or the single object itself; use with json_item. */
int json_count(const cJSON *list);
const cJSON *json_item(const cJSON *list, int i);                       /* O(i); use json_each for loops */
/* for (const cJSON *x = json_first(list); x; x = json_next(list, x)) */
const cJSON *json_first(const cJSON *list);
const cJSON *json_next(const cJSON *list, const cJSON *item);

struct json_out {
    struct buf *b;
    bool comma;      /* the next value needs one before it */
};

void json_out_init(struct json_out *o, struct buf *b);
/* key NULL inside arrays and at the top. */
void json_open(struct json_out *o, const char *key, char bracket);      /* '{' or '[' */
void json_close(struct json_out *o, char bracket);                      /* '}' or ']' */
void json_put_str(struct json_out *o, const char *key, const char *s);  /* NULL gives null */
void json_put_slice(struct json_out *o, const char *key, struct slice s);
void json_put_int(struct json_out *o, const char *key, int64_t v);
void json_put_num(struct json_out *o, const char *key, double v, int decimals);   /* NaN gives null */
void json_put_bool(struct json_out *o, const char *key, bool v);
void json_put_null(struct json_out *o, const char *key);
void json_put_raw(struct json_out *o, const char *key, const char *json);         /* already valid JSON */
/* Appends s as a quoted JSON string. */
void json_quote(struct buf *b, struct slice s);

#endif
