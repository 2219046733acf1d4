/* POST /undo: a batch, a song's part of one, or all that somebody changed since a time. Loop thread, except the run functions.
 *
 * A batch of few songs is taken back in one operation: all of it or nothing. A larger one is looked through first, so that it is
 * refused before anything is written, then taken back in steps, so that the writer serves others in between. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "store/undo.h"

#define STEP 200         /* songs of one operation */
#define ANSWERED_MAX 1000 /* ids told in the answer; `count` tells all */

enum undo_phase { UNDO_COLLECT, UNDO_AT_ONCE, UNDO_CHECK, UNDO_APPLY, UNDO_DONE };

struct undo_op {
    struct api_op o;
    struct undo u;
    char *source;    /* what u borrows */
    int64_t change;  /* names the batch and the song; 0 */
    enum undo_phase phase;
    struct undo_place place;
    bool collected;
    int64_t *ids;
    size_t n, at;
    size_t changed, kept;
    struct buf answered; /* ids, as the answer's list */
    struct buf told;     /* events of the songs */
};

/* --- pool -------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void sort_ids(struct undo_op *u)
{
    size_t n = 0;

    qsort(u->ids, u->n, sizeof *u->ids, by_id);
    for (size_t i = 0; i < u->n; i++)
        if (n == 0 || u->ids[n - 1] != u->ids[i])
            u->ids[n++] = u->ids[i];
    u->n = n;
}

static int collect(struct db *db, struct undo_op *u, struct err *e)
{
    int64_t ids[UNDO_LOOK], after = u->n ? u->ids[u->n - 1] : 0;
    int rc = u->change ? undo_find(db, u->change, &u->u.batch, &u->u.song_id, e) : 0;

    if (rc)
        return rc;
    u->change = 0;
    rc = u->u.batch ? undo_songs(db, &u->u, after, ids, UNDO_LOOK, e) : undo_look(db, &u->u, &u->place, ids, &u->collected, e);
    if (rc < 0)
        return rc;
    if (u->u.batch)
        u->collected = rc < UNDO_LOOK;
    u->ids = mem_realloc(u->ids, (u->n + (size_t)rc + 1) * sizeof *u->ids);
    memcpy(u->ids + u->n, ids, (size_t)rc * sizeof *ids);
    u->n += (size_t)rc;
    if (!u->u.batch)   /* keeps the list short: a song has many changes */
        sort_ids(u);
    return 0;
}

static void note(struct db *db, struct undo_op *u, int64_t id)
{
    if (u->changed++ < ANSWERED_MAX)
        buf_addf(&u->answered, "%s%lld", u->changed > 1 ? "," : "", (long long)id);
    if (u->changed <= API_TOLD_MAX)
        api_collect_told(db, &id, 1, &u->told);
}

static int at_once(struct db *db, struct undo_op *u, struct err *e)
{
    int64_t *ids;
    size_t n;
    int rc = undo_batch(db, &u->u, &ids, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        note(db, u, ids[i]);
    free(ids);
    return rc;
}

static int check(struct db *db, struct undo_op *u, struct err *e)
{
    size_t end = u->at + STEP < u->n ? u->at + STEP : u->n;
    int rc = 0;

    for (; rc == 0 && u->at < end; u->at++)
        rc = undo_check(db, &u->u, u->ids[u->at], e);
    return rc;
}

static int apply(struct db *db, struct undo_op *u, struct err *e)
{
    size_t end = u->at + STEP < u->n ? u->at + STEP : u->n;
    int rc = 0;

    for (; rc >= 0 && u->at < end; u->at++) {
        rc = undo_song(db, &u->u, u->ids[u->at], e);
        if (rc == UNDO_CHANGED || rc == UNDO_PARTLY)
            note(db, u, u->ids[u->at]);
        u->kept += rc == UNDO_PARTLY || rc == UNDO_KEPT || rc == ERR_EXISTS;
        if (rc == ERR_EXISTS)   /* changed since it was looked at */
            rc = 0;
    }
    return rc < 0 ? rc : 0;
}

static int undo_run(struct db *db, struct api_op *o, struct err *e)
{
    struct undo_op *u = container_of(o, struct undo_op, o);

    switch (u->phase) {
    case UNDO_COLLECT:
        return collect(db, u, e);
    case UNDO_AT_ONCE:
        return at_once(db, u, e);
    case UNDO_CHECK:
        return check(db, u, e);
    default:
        return apply(db, u, e);
    }
}

/* --- loop ---------------------------------------------------------------------------------- */

static void tell(struct undo_op *u)
{
    struct api *a = u->o.api;

    if (!u->changed)
        return;
    api_tell_collected(a, &u->told, u->changed);
    enrich_wake(a->d.enrich);
}

static bool finish(struct undo_op *u, int rc)
{
    struct json_out json;

    json_out_init(&json, &u->o.out);
    json_open(&json, NULL, '{');
    api_put_int(&json, "batch", u->u.batch);
    api_put_int(&json, "undo_batch", u->u.written);
    json_put_int(&json, "count", (int64_t)u->changed);
    json_put_int(&json, "kept", (int64_t)u->kept);
    json_open(&json, "song_ids", '[');
    buf_add(&u->o.out, u->answered.data, u->answered.len);
    json_close(&json, ']');
    json_close(&json, '}');
    api_op_answer(&u->o, rc);
    tell(u);
    return true;
}

static enum undo_phase after_collecting(const struct undo_op *u)
{
    if (!u->collected)
        return UNDO_COLLECT;
    if (!u->u.batch)
        return u->n ? UNDO_APPLY : UNDO_DONE;
    return u->n <= STEP ? UNDO_AT_ONCE : UNDO_CHECK;
}

static enum undo_phase next_phase(struct undo_op *u)
{
    if (u->phase == UNDO_COLLECT)
        return after_collecting(u);
    if (u->phase == UNDO_AT_ONCE)
        return UNDO_DONE;
    if (u->at < u->n)
        return u->phase;
    u->at = 0;
    return u->phase == UNDO_CHECK ? UNDO_APPLY : UNDO_DONE;
}

static void submit(struct undo_op *u)
{
    if (u->phase == UNDO_COLLECT || u->phase == UNDO_CHECK)
        api_op_read(&u->o);
    else
        api_op_write(&u->o, u->phase == UNDO_AT_ONCE ? DBQ_DURABLE | DBQ_URGENT : DBQ_DURABLE);
}

static bool undo_answer(struct api_op *o, int rc)
{
    struct undo_op *u = container_of(o, struct undo_op, o);

    if (rc) {   /* what earlier steps did is done, and told */
        api_op_answer(o, rc);
        tell(u);
        return true;
    }
    u->phase = next_phase(u);
    if (u->phase == UNDO_DONE)
        return finish(u, 0);
    submit(u);
    return false;
}

static void undo_release(struct api_op *o)
{
    struct undo_op *u = container_of(o, struct undo_op, o);

    free(u->source);
    free(u->ids);
    buf_deinit(&u->answered);
    buf_deinit(&u->told);
}

/* --- reading the request ---------------------------------------------------------------------- */

static void read_since(struct field_errors *f, const cJSON *body, struct undo_op *u)
{
    const cJSON *actor = json_get(body, "actor"), *source = json_get(body, "source");
    const char *since = json_str(body, "since");
    struct err e = {0};

    if (!since || songs_query_time(since, &u->u.since_ms, &e) != 0)
        fields_refuse(f, "since", "%s", since ? err_text(&e) : "a day or a time is needed, such as 2026-01-31");
    u->u.actor = actor ? api_actor(cJSON_IsString(actor) ? actor->valuestring : NULL) : NULL;
    if (actor && (!u->u.actor || strcmp(u->u.actor, "scan") == 0))
        fields_refuse(f, "actor", "an actor is one of person, worker; what a scan found it would find again");
    if (source && !cJSON_IsString(source))
        fields_refuse(f, "source", "a string or null is needed");
    else if (source)
        u->u.source = u->source = mem_strdup(source->valuestring);
}

static void read_undo(struct field_errors *f, const cJSON *body, struct undo_op *u)
{
    static const char *const by_batch[] = {"batch", "song_id", NULL}, *const by_change[] = {"change", NULL};
    static const char *const by_time[] = {"since", "actor", "source", NULL};
    bool batch = json_get(body, "batch") != NULL, change = json_get(body, "change") != NULL;
    bool since = json_get(body, "since") != NULL;

    if (batch + change + since != 1) {
        fields_refuse(f, "", "one of batch, change and since is needed; see the change log");
        return;
    }
    fields_only(f, body, batch ? by_batch : change ? by_change : by_time);
    if (since)
        read_since(f, body, u);
    else if (change)
        field_int(f, body, "change", 1, INPUT_NUMBER_MAX, &u->change);
    else
        field_int(f, body, "batch", 1, INPUT_NUMBER_MAX, &u->u.batch);
    field_int(f, body, "song_id", 1, INPUT_NUMBER_MAX, &u->u.song_id);
}

void handle_undo(struct request *r, void *app)
{
    struct field_errors f;
    struct undo_op *u;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    u = api_op_new(app, r, sizeof *u, undo_run);
    if (!u) {
        cJSON_Delete(body);
        return;
    }
    buf_init(&u->told, 0);
    buf_init(&u->answered, 0);
    u->u.now_ms = u->o.now_ms;
    u->o.answer = undo_answer;
    u->o.release = undo_release;
    fields_init(&f, "pointer");
    read_undo(&f, body, u);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        api_op_free(&u->o);
    else
        submit(u);
}
