/* Conditions on songs, by name; see songs_query.h. */
#include "api/songs_query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "song/genre.h"

#define QUERY_TEXT_MAX 200
#define CURSOR_MAX 4096

enum condition_kind { KIND_TEXT, KIND_NUMBER, KIND_BOOL };

struct condition {
    const char *name;
    enum condition_kind kind;
    bool paging; /* belongs to a page, not to a filter */
    int (*set)(struct songs_query *s, const char *text, struct slice raw, struct err *e);
};

static int set_q(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    if (!input_text_ok(raw, QUERY_TEXT_MAX))
        return err_set(e, ERR_INVALID, "at most %d bytes of UTF-8 without control characters are allowed", QUERY_TEXT_MAX);
    free(s->q);
    s->f.q = s->q = mem_strdup(text);
    return 0;
}

static int set_status(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    int status = song_status_of(text);

    (void)raw;
    if (status < 0)
        return err_set(e, ERR_INVALID, "a status is one of pending, parsed, enriched, manual, enrichment_failed");
    s->f.status = status + 1;
    return 0;
}

static int read_confidence(const char *text, double *out, struct err *e)
{
    char *end;
    double v = strtod(text, &end);

    if (!text[0] || strspn(text, "0123456789.") != strlen(text) || *end || !(v >= 0 && v <= 1))
        return err_set(e, ERR_INVALID, "a number from 0 to 1 is needed");
    *out = v;
    return 0;
}

static int set_min_confidence(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_confidence(text, &s->f.min_confidence, e);
}

static int set_below(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_confidence(text, &s->f.below, e);
}

static int set_max_confidence(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_confidence(text, &s->f.max_confidence, e);
}

static int read_whole(struct slice raw, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    if (!input_number(raw, out) || *out < min || *out > max)
        return err_set(e, ERR_INVALID, "a whole number from %lld to %lld is needed", (long long)min, (long long)max);
    return 0;
}

static int set_year_range(const char *text, struct slice raw, int *min, int *max, struct err *e)
{
    int64_t v;
    int rc = read_whole(raw, 1000, 2100, &v, e);

    (void)text;
    if (rc == 0 && min)
        *min = (int)v;
    if (rc == 0 && max)
        *max = (int)v;
    return rc;
}

static int set_year(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_year_range(text, raw, &s->f.min_year, &s->f.max_year, e);
}

static int set_min_year(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_year_range(text, raw, &s->f.min_year, NULL, e);
}

static int set_max_year(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_year_range(text, raw, NULL, &s->f.max_year, e);
}

static int set_decade(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    int64_t v;
    int rc = read_whole(raw, 1000, 2100, &v, e);

    (void)text;
    if (rc == 0 && v % 10)
        rc = err_set(e, ERR_INVALID, "a decade is named by its first year, such as 1980");
    if (rc == 0) {
        s->f.min_year = (int)v;
        s->f.max_year = (int)v + 9;
    }
    return rc;
}

/* A name that is compared as a whole; *field owns it. */
static int set_name(char **field, const char **out, const char *text, struct slice raw, struct err *e)
{
    if (raw.n == 0 || !input_text_ok(raw, QUERY_TEXT_MAX))
        return err_set(e, ERR_INVALID, "a name of at most %d bytes is needed", QUERY_TEXT_MAX);
    free(*field);
    *out = *field = mem_strdup(text);
    return 0;
}

static int set_genre(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_name(&s->genre, &s->f.genre, text, raw, e);
}

static int set_genre_group(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    s->f.genre_group = genre_group_of(text);
    (void)raw;
    return s->f.genre_group ? 0 : err_set(e, ERR_INVALID, "there is no such group of genres; /facets lists those in use");
}

static int set_vendor(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_name(&s->vendor, &s->f.vendor, text, raw, e);
}

static int set_language(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_name(&s->language, &s->f.language, text, raw, e);
}

static int set_source(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_name(&s->source, &s->f.source, text, raw, e);
}

static int set_reason(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    return set_name(&s->reason, &s->f.reason, text, raw, e);
}

static int read_bool(const char *text, bool *out, struct err *e)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_set(e, ERR_INVALID, "true or false is needed");
    *out = text[0] == 't';
    return 0;
}

static int set_no_year(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_bool(text, &s->f.no_year, e);
}

static int set_no_genre(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_bool(text, &s->f.no_genre, e);
}

static int set_order_unsure(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_bool(text, &s->f.order_unsure, e);
}

static int set_duplicate(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return read_bool(text, &s->f.doubled, e);
}

/* A day means its first moment (UTC). */
int songs_query_time(const char *text, int64_t *out, struct err *e)
{
    char *full = strlen(text) == 10 ? mem_printf("%sT00:00:00Z", text) : mem_strdup(text);

    *out = clock_parse_iso(full);
    free(full);
    if (*out < 0)
        return err_set(e, ERR_INVALID, "a day or a time is needed, such as 2026-01-31 or 2026-01-31T12:00:00Z");
    return 0;
}

static int set_added_since(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)raw;
    return songs_query_time(text, &s->f.added_since_ms, e);
}

static int set_path(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)text;
    buf_reset(&s->path);
    if (!input_path(raw, &s->path))
        return err_set(e, ERR_INVALID, "a path or a file:// URI is needed");
    s->f.path = (struct slice){s->path.data, s->path.len};
    return 0;
}

static int set_youtube_id(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

    if (raw.n != 11 || strspn(text, allowed) != 11)
        return err_set(e, ERR_INVALID, "a YouTube id has 11 characters of A-Z a-z 0-9 _ -");
    free(s->youtube_id);
    s->f.youtube_id = s->youtube_id = mem_strdup(text);
    return 0;
}

static int set_pikaraoke_id(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    (void)text;
    return read_whole(raw, 1, INPUT_NUMBER_MAX, &s->f.pikaraoke_id, e);
}

static int set_presence(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    static const char *const names[] = {"present", "absent", "all"};

    (void)raw;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) {
            s->f.presence = (enum songs_presence)i;
            s->presence_set = true;
            return 0;
        }
    return err_set(e, ERR_INVALID, "presence is one of present, absent, all");
}

static int set_sort(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    static const char *const names[] = {"id", "artist", "title", "confidence", "updated", "year", "added", "review"};
    bool descending = text[0] == '-';

    (void)raw;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(text + descending, names[i]) == 0 && !(descending && i == SORT_REVIEW)) {
            s->f.sort = (enum songs_sort)i;
            s->f.descending = descending;
            return 0;
        }
    return err_set(e, ERR_INVALID, "sort is one of id, artist, title, confidence, updated, year, added, with '-' before it for"
                                  " descending, or review");
}

static int set_limit(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    int64_t v;
    int rc = read_whole(raw, 1, 500, &v, e);

    (void)text;
    if (rc == 0)
        s->f.limit = (int)v;
    return rc;
}

static int set_cursor(struct songs_query *s, const char *text, struct slice raw, struct err *e)
{
    if (raw.n == 0 || !input_text_ok(raw, CURSOR_MAX))
        return err_set(e, ERR_INVALID, "the cursor is not one of ours");
    free(s->cursor);
    s->f.cursor = s->cursor = mem_strdup(text);
    return 0;
}

static const struct condition conditions[] = {
    {"q", KIND_TEXT, false, set_q},
    {"status", KIND_TEXT, false, set_status},
    {"min_confidence", KIND_NUMBER, false, set_min_confidence},
    {"max_confidence", KIND_NUMBER, false, set_max_confidence},
    {"below", KIND_NUMBER, false, set_below},
    {"year", KIND_NUMBER, false, set_year},
    {"min_year", KIND_NUMBER, false, set_min_year},
    {"max_year", KIND_NUMBER, false, set_max_year},
    {"decade", KIND_NUMBER, false, set_decade},
    {"genre", KIND_TEXT, false, set_genre},
    {"genre_group", KIND_TEXT, false, set_genre_group},
    {"vendor", KIND_TEXT, false, set_vendor},
    {"language", KIND_TEXT, false, set_language},
    {"source", KIND_TEXT, false, set_source},
    {"reason", KIND_TEXT, false, set_reason},
    {"no_year", KIND_BOOL, false, set_no_year},
    {"no_genre", KIND_BOOL, false, set_no_genre},
    {"order_unsure", KIND_BOOL, false, set_order_unsure},
    {"duplicate", KIND_BOOL, false, set_duplicate},
    {"added_since", KIND_TEXT, false, set_added_since},
    {"path", KIND_TEXT, false, set_path},
    {"youtube_id", KIND_TEXT, false, set_youtube_id},
    {"pikaraoke_id", KIND_NUMBER, false, set_pikaraoke_id},
    {"presence", KIND_TEXT, false, set_presence},
    {"sort", KIND_TEXT, true, set_sort},
    {"limit", KIND_NUMBER, true, set_limit},
    {"cursor", KIND_TEXT, true, set_cursor},
};

void songs_query_init(struct songs_query *s)
{
    *s = (struct songs_query){.f = {.min_confidence = -1, .max_confidence = -1, .below = -1, .limit = 50}};
    buf_init(&s->path, 0);
}

void songs_query_deinit(struct songs_query *s)
{
    free(s->q);
    free(s->genre);
    free(s->vendor);
    free(s->language);
    free(s->source);
    free(s->reason);
    free(s->youtube_id);
    free(s->cursor);
    buf_deinit(&s->path);
}

/* There are more than an error has room for. */
static int unknown_condition(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such condition; /api/v1/openapi.json has all of them, such as q, status,"
                                     " decade, genre, language, no_year, min_confidence");
}

static const struct condition *condition_of(struct slice name, bool with_paging)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        if (slice_eq_str(name, conditions[i].name) && (with_paging || !conditions[i].paging))
            return &conditions[i];
    return NULL;
}

static int condition_set(const struct condition *c, struct songs_query *s, struct slice value, struct err *e)
{
    char *text = mem_strndup(value.p ? value.p : "", value.n);
    int rc;

    if (strlen(text) != value.n)
        rc = err_set(e, ERR_INVALID, "a NUL byte is not allowed");
    else
        rc = c->set(s, text, (struct slice){text, value.n}, e);
    free(text);
    return rc;
}

int songs_query_set(struct songs_query *s, struct slice name, struct slice value, struct err *e)
{
    const struct condition *c = condition_of(name, true);

    return c ? condition_set(c, s, value, e) : unknown_condition(e);
}

int songs_query_set_json(struct songs_query *s, const cJSON *member, struct err *e)
{
    const struct condition *c = condition_of(slice_of(member->string), false);
    char number[40];

    if (!c)
        return unknown_condition(e);
    if (cJSON_IsNull(member))
        return 0;
    if (c->kind == KIND_TEXT) {
        if (!cJSON_IsString(member))
            return err_set(e, ERR_INVALID, "a string is needed");
        return condition_set(c, s, slice_of(member->valuestring), e);
    }
    if (c->kind == KIND_BOOL) {
        if (!cJSON_IsBool(member))
            return err_set(e, ERR_INVALID, "true or false is needed");
        return condition_set(c, s, slice_of(cJSON_IsTrue(member) ? "true" : "false"), e);
    }
    if (!cJSON_IsNumber(member) || !isfinite(member->valuedouble) || fabs(member->valuedouble) > INPUT_NUMBER_MAX)
        return err_set(e, ERR_INVALID, "a number is needed");
    if (member->valuedouble == floor(member->valuedouble))
        snprintf(number, sizeof number, "%.0f", member->valuedouble);
    else
        snprintf(number, sizeof number, "%.17f", member->valuedouble);
    return condition_set(c, s, slice_of(number), e);
}

void songs_query_finish(struct songs_query *s)
{
    if (!s->presence_set && (s->f.path.n || s->f.youtube_id || s->f.pikaraoke_id))
        s->f.presence = PRESENCE_ALL;
}
