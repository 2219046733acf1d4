/* GET /changes: the log of what changed; POST /undo: a batch put back. Loop thread, except the run functions. */
#include <stdlib.h>

#include "api/api_internal.h"
#include "store/evidence.h"

struct change_rows {
    struct json_out *o;
    int64_t last;
    int count;
};

static void put_change(const struct change *c, void *arg)
{
    struct change_rows *rows = arg;
    struct json_out *o = rows->o;

    json_open(o, NULL, '{');
    json_put_int(o, "id", c->id);
    json_put_int(o, "batch", c->batch);
    json_put_int(o, "song_id", c->song_id);
    api_put_time(o, "time", c->at_ms);
    json_put_str(o, "actor", c->actor);
    json_put_str(o, "source", c->source);
    json_put_str(o, "field", c->field);
    json_put_str(o, "old", c->old_value);
    json_put_str(o, "new", c->new_value);
    json_put_bool(o, "undone", c->undone);
    json_close(o, '}');
    rows->last = c->id;
    rows->count++;
}

int api_changes_json(struct db *db, int64_t song_id, int64_t before, int limit, struct json_out *o, int64_t *last, int *count,
                     struct err *e)
{
    struct change_rows rows = {.o = o};
    int rc;

    json_open(o, "changes", '[');
    rc = changes_page(db, song_id, before, limit, put_change, &rows, e);
    json_close(o, ']');
    *last = rows.last;
    *count = rows.count;
    return rc;
}

struct changes_op {
    struct api_op o;
    int64_t before, limit;
};

static int changes_run(struct db *db, struct api_op *o, struct err *e)
{
    struct changes_op *c = container_of(o, struct changes_op, o);
    struct json_out json;
    int64_t last;
    int count, rc;

    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    rc = api_changes_json(db, o->song_id, c->before, (int)c->limit, &json, &last, &count, e);
    api_put_int(&json, "next", count == c->limit ? last : 0);
    json_close(&json, '}');
    return rc;
}

void handle_changes(struct request *r, void *app)
{
    int64_t before = 0, limit = 50, song_id = 0;
    const struct query_number numbers[] = {
        {"before", 1, INPUT_NUMBER_MAX, &before}, {"limit", 1, 500, &limit}, {"song_id", 1, INPUT_NUMBER_MAX, &song_id}};
    struct changes_op *c;

    if (!input_query(r, numbers, ARRAY_LEN(numbers)))
        return;
    c = api_op_new(app, r, sizeof *c, changes_run);
    if (!c)
        return;
    c->o.song_id = song_id;
    c->before = before;
    c->limit = limit;
    api_op_read(&c->o);
}

/* --- undo -------------------------------------------------------------------------------- */

struct undo_op {
    struct api_op o;
    int64_t batch;
    size_t n;        /* songs changed */
    struct buf told; /* their events */
};

static int undo_run(struct db *db, struct api_op *o, struct err *e)
{
    struct undo_op *u = container_of(o, struct undo_op, o);
    struct json_out json;
    int64_t *ids = NULL;
    int rc = changes_undo(db, u->batch, o->now_ms, &ids, &u->n, e);

    if (rc)
        return rc;
    api_collect_told(db, ids, u->n, &u->told);
    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    json_put_int(&json, "batch", u->batch);
    json_open(&json, "song_ids", '[');
    for (size_t i = 0; i < u->n; i++)
        json_put_int(&json, NULL, ids[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    free(ids);
    return 0;
}

static bool undo_answer(struct api_op *o, int rc)
{
    struct undo_op *u = container_of(o, struct undo_op, o);

    api_op_answer(o, rc);
    if (rc == 0) {
        api_tell_collected(o->api, &u->told, u->n);
        enrich_wake(o->api->d.enrich);
    }
    return true;
}

static void undo_release(struct api_op *o)
{
    buf_deinit(&container_of(o, struct undo_op, o)->told);
}

void handle_undo(struct request *r, void *app)
{
    static const char *const known[] = {"batch", NULL};
    struct field_errors f;
    struct undo_op *u;
    int64_t batch = 0;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    if (!field_int(&f, body, "batch", 1, INPUT_NUMBER_MAX, &batch) && !f.count)
        fields_refuse(&f, "batch", "the number of a batch is needed; see the change log");
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        return;
    u = api_op_new(app, r, sizeof *u, undo_run);
    if (!u)
        return;
    u->batch = batch;
    buf_init(&u->told, 0);
    u->o.answer = undo_answer;
    u->o.release = undo_release;
    api_op_write(&u->o, DBQ_DURABLE | DBQ_URGENT);
}
