/* POST /queue and POST /songs/{id}/requeue.
 *
 * The body may name twenty thousand songs or a filter that matches all of them: it is read on the
 * pool, and the songs are queued in steps, so that the writer serves others in between. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "store/queue.h"

#define TARGETS_MAX 20000
#define STEP 500 /* songs queued in one operation */
#define PRIORITY_LIMIT 1000000
#define REQUEUE_PRIORITY 20

enum target_kind { TARGET_ID, TARGET_PIKARAOKE, TARGET_PATH };

struct target {
    enum target_kind kind;
    int64_t number;
    char *path; /* as the client wrote it; owned */
};

struct queue_op {
    struct api_op o;
    char *text; /* the body */
    size_t len;
    bool is_read;
    struct field_errors fields;
    struct target *targets;
    size_t n, at;
    bool by_filter, filter_done;
    struct songs_query filter;
    char *cursor; /* of the filter's next step */
    int priority;
    bool again;
    struct queue_result sum;
    struct buf unknown; /* elements of the answer's list */
    struct json_out unknown_out;
};

/* --- reading the body (pool) ----------------------------------------------------------------- */

/* What is wanted sooner goes before what only has a number: about to be sung, asked for, newly downloaded. */
static int demand_floor(struct field_errors *f, const cJSON *body)
{
    static const struct {
        const char *name;
        int priority;
    } demands[] = {{"new", 10}, {"asked", 20}, {"soon", 30}};
    const cJSON *v = json_get(body, "demand");

    if (!v)
        return -PRIORITY_LIMIT;
    for (size_t i = 0; i < ARRAY_LEN(demands); i++)
        if (cJSON_IsString(v) && strcmp(v->valuestring, demands[i].name) == 0)
            return demands[i].priority;
    fields_refuse(f, "demand", "demand is one of new, asked, soon");
    return -PRIORITY_LIMIT;
}

static bool read_target(const cJSON *v, enum target_kind kind, struct target *out)
{
    *out = (struct target){.kind = kind};
    if (kind == TARGET_PATH) {
        if (!cJSON_IsString(v) || !v->valuestring[0])
            return false;
        out->path = mem_strdup(v->valuestring);
        return true;
    }
    if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) || v->valuedouble < 1 || v->valuedouble > INPUT_NUMBER_MAX)
        return false;
    out->number = (int64_t)v->valuedouble;
    return true;
}

/* Appends the list's targets; true when the list was given. */
static bool read_targets(struct queue_op *q, const cJSON *body, const char *name, enum target_kind kind)
{
    const cJSON *list = json_get(body, name), *v;
    size_t count;
    char place[64];
    int i = 0;

    if (!list)
        return false;
    if (!cJSON_IsArray(list)) {
        fields_refuse(&q->fields, name, "a list or null is needed");
        return true;
    }
    count = (size_t)cJSON_GetArraySize(list);
    if (q->n + count > TARGETS_MAX) {
        fields_refuse(&q->fields, name, "more than %d songs at once; use a filter or several requests", TARGETS_MAX);
        return true;
    }
    q->targets = mem_realloc(q->targets, (q->n + count + 1) * sizeof *q->targets);
    cJSON_ArrayForEach(v, list)
    {
        if (read_target(v, kind, &q->targets[q->n])) {
            q->n++;
            i++;
            continue;
        }
        snprintf(place, sizeof place, "%s/%d", name, i);
        fields_refuse(&q->fields, place,
                      kind == TARGET_PATH ? "a path or a file:// URI is needed" : "an id is a whole number of at least 1");
        return true;
    }
    return true;
}

static void read_filter(struct queue_op *q, const cJSON *body)
{
    const cJSON *filter = json_get(body, "filter");
    struct err e = {0};

    q->by_filter = filter != NULL;
    if (filter && !cJSON_IsObject(filter)) {
        fields_refuse(&q->fields, "filter", "an object with conditions of GET /songs is needed; {} is every present song");
        return;
    }
    for (const cJSON *m = filter ? filter->child : NULL; m; m = m->next)
        if (songs_query_set_json(&q->filter, m, &e) != 0) {
            char *place = mem_printf("filter/%s", m->string);
            fields_refuse(&q->fields, place, "%s", err_text(&e));
            free(place);
        }
    songs_query_finish(&q->filter);
}

static void read_body(struct queue_op *q, const cJSON *body)
{
    static const char *const known[] = {"song_ids", "pikaraoke_ids", "paths", "filter", "priority", "demand", "again", NULL};
    int64_t priority = 0;
    bool any = false;
    int floor_;

    fields_only(&q->fields, body, known);
    any |= read_targets(q, body, "song_ids", TARGET_ID);
    any |= read_targets(q, body, "pikaraoke_ids", TARGET_PIKARAOKE);
    any |= read_targets(q, body, "paths", TARGET_PATH);
    read_filter(q, body);
    if (!any && !q->by_filter)
        fields_refuse(&q->fields, "",
                      "one of song_ids, pikaraoke_ids, paths and filter is needed; a filter of {} is every present song");
    field_int(&q->fields, body, "priority", -PRIORITY_LIMIT, PRIORITY_LIMIT, &priority);
    floor_ = demand_floor(&q->fields, body);
    q->priority = priority < floor_ ? floor_ : (int)priority;
    /* who names songs, or the failed ones, wants them asked anew; another filter only fills the queue */
    q->again = any || q->filter.f.status == SONG_FAILED + 1;
    field_bool(&q->fields, body, "again", &q->again);
}

/* --- queueing (pool) ------------------------------------------------------------------------- */

static void take_id(const struct song *s, void *arg)
{
    *(int64_t *)arg = s->id;
}

static int find_pikaraoke(struct db *db, int64_t pikaraoke_id, int64_t *id, struct err *e)
{
    struct songs_query query;
    char *next = NULL;
    int rc;

    songs_query_init(&query);
    query.f.pikaraoke_id = pikaraoke_id;
    query.f.limit = 1;
    songs_query_finish(&query);
    *id = 0;
    rc = songs_page(db, &query.f, take_id, id, &next, e);
    free(next);
    songs_query_deinit(&query);
    return rc ? rc : *id ? 0 : ERR_NOT_FOUND;
}

static int find_path(struct db *db, const char *text, int64_t *id, struct err *e)
{
    struct buf path;
    int rc = ERR_NOT_FOUND;

    buf_init(&path, 0);
    if (input_path(slice_of(text), &path))
        rc = songs_find_path(db, (struct slice){path.data, path.len}, id, e);
    buf_deinit(&path);
    return rc;
}

/* ERR_NOT_FOUND also for a song whose file is gone: it cannot be queued. */
static int find_target(struct db *db, const struct target *t, int64_t *id, struct err *e)
{
    struct song s = {0};
    int rc = 0;

    *id = t->number;
    if (t->kind == TARGET_PIKARAOKE)
        rc = find_pikaraoke(db, t->number, id, e);
    else if (t->kind == TARGET_PATH)
        rc = find_path(db, t->path, id, e);
    if (rc == 0)
        rc = songs_get(db, *id, &s, e);
    if (rc)
        return rc;
    rc = s.present ? 0 : ERR_NOT_FOUND;
    song_deinit(&s);
    return rc;
}

static int add_ids(struct db *db, struct queue_op *q, const int64_t *ids, size_t n, struct err *e)
{
    struct queue_result result = {0};
    int rc = n ? queue_add(db, ids, n, q->priority, q->again, q->o.now_ms, &result, e) : 0;

    q->sum.queued += result.queued;
    q->sum.already += result.already;
    return rc;
}

static int step_targets(struct db *db, struct queue_op *q, struct err *e)
{
    int64_t ids[STEP];
    size_t n = 0;
    int rc;

    for (; q->at < q->n && n < STEP; q->at++) {
        const struct target *t = &q->targets[q->at];
        rc = find_target(db, t, &ids[n], e);
        if (rc == 0)
            n++;
        else if (rc != ERR_NOT_FOUND)
            return rc;
        else if (t->kind == TARGET_PATH)
            json_put_str(&q->unknown_out, NULL, t->path);
        else
            json_put_int(&q->unknown_out, NULL, t->number);
    }
    return add_ids(db, q, ids, n, e);
}

struct id_list {
    int64_t ids[STEP];
    size_t n;
};

static void collect_id(const struct song *s, void *arg)
{
    struct id_list *l = arg;

    if (l->n < STEP)
        l->ids[l->n++] = s->id;
}

static int step_filter(struct db *db, struct queue_op *q, struct err *e)
{
    struct id_list list = {.n = 0};
    char *next = NULL;
    int rc;

    q->filter.f.limit = STEP;
    q->filter.f.cursor = q->cursor;
    rc = songs_page(db, &q->filter.f, collect_id, &list, &next, e);
    free(q->cursor);
    q->cursor = next;
    q->filter_done = next == NULL;
    return rc ? rc : add_ids(db, q, list.ids, list.n, e);
}

static bool is_finished(const struct queue_op *q)
{
    return q->at == q->n && (!q->by_filter || q->filter_done);
}

static int queue_run(struct db *db, struct api_op *o, struct err *e)
{
    struct queue_op *q = container_of(o, struct queue_op, o);
    cJSON *body;

    if (!q->is_read) {
        body = input_object((struct slice){q->text, q->len}, false, e);
        if (!body)
            return ERR_MALFORMED;
        read_body(q, body);
        cJSON_Delete(body);
        q->is_read = true;
    }
    if (q->fields.count)
        return 0;
    return q->at < q->n ? step_targets(db, q, e) : is_finished(q) ? 0 : step_filter(db, q, e);
}

/* --- answering (loop) ------------------------------------------------------------------------- */

static void put_result(struct buf *out, const struct queue_result *r, struct slice unknown)
{
    buf_addf(out, "{\"queued\":%lld,\"already\":%lld,\"unknown\":[", (long long)r->queued, (long long)r->already);
    buf_add_slice(out, unknown);
    buf_add_str(out, "]}");
}

static bool queue_answer(struct api_op *o, int rc)
{
    struct queue_op *q = container_of(o, struct queue_op, o);

    if (rc == 0 && fields_answer(&q->fields, o->req))
        return true;
    if (rc == 0 && !is_finished(q)) {
        api_op_write(o, DBQ_DURABLE);
        return false;
    }
    put_result(&o->out, &q->sum, (struct slice){q->unknown.data, q->unknown.len});
    api_op_answer(o, rc);
    if (q->sum.queued || q->sum.already) {
        events_progress_changed(o->api->d.events);
        enrich_wake(o->api->d.enrich);
    }
    return true;
}

static void queue_release(struct api_op *o)
{
    struct queue_op *q = container_of(o, struct queue_op, o);

    for (size_t i = 0; i < q->n; i++)
        free(q->targets[i].path);
    free(q->targets);
    free(q->text);
    free(q->cursor);
    songs_query_deinit(&q->filter);
    fields_deinit(&q->fields);
    buf_deinit(&q->unknown);
}

void handle_queue(struct request *r, void *app)
{
    struct slice body = request_body(r);
    struct queue_op *q = input_no_query(r) ? api_op_new(app, r, sizeof *q, queue_run) : NULL;

    if (!q)
        return;
    q->text = mem_strndup(body.p ? body.p : "", body.n);
    q->len = body.n;
    songs_query_init(&q->filter);
    fields_init(&q->fields, "pointer");
    buf_init(&q->unknown, 0);
    json_out_init(&q->unknown_out, &q->unknown);
    q->o.answer = queue_answer;
    q->o.release = queue_release;
    api_op_write(&q->o, DBQ_DURABLE);
}

/* --- one song anew ---------------------------------------------------------------------------- */

struct requeue_op {
    struct song_op s;
    int priority;
};

static int requeue_change(struct db *db, struct song_op *s, struct err *e)
{
    struct requeue_op *q = container_of(s, struct requeue_op, s);
    struct queue_result result = {0};
    int rc = queue_add(db, &s->o.song_id, 1, q->priority, true, s->o.now_ms, &result, e);

    if (rc)
        return rc;
    if (result.unknown)
        return err_set(e, ERR_EXISTS, "the file of song %lld is missing; it cannot be queued", (long long)s->o.song_id);
    put_result(&s->o.out, &result, (struct slice){0});
    return songs_get(db, s->o.song_id, &s->song, e);
}

void handle_requeue(struct request *r, void *app)
{
    static const char *const known[] = {"priority", NULL};
    struct field_errors f;
    struct requeue_op *q;
    int64_t priority = REQUEUE_PRIORITY;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    field_int(&f, body, "priority", -PRIORITY_LIMIT, PRIORITY_LIMIT, &priority);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        return;
    q = song_op_new(app, r, sizeof *q, false, requeue_change);
    if (!q)
        return;
    q->priority = (int)priority;
    song_op_start(&q->s);
}
