/* GET /songs, GET /songs/{id} and POST /forget. Input is read on the loop, rows become text on the pool. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "base/utf8.h"
#include "song/song_json.h"

/* --- the list --------------------------------------------------------------------------- */

struct list_op {
    struct api_op o;
    struct songs_query query;
    struct json_out json;
    char *next;
};

static void put_row(const struct song *s, void *arg)
{
    struct list_op *l = arg;

    song_json(s, &l->json, NULL);
}

static int list_run(struct db *db, struct api_op *o, struct err *e)
{
    struct list_op *l = container_of(o, struct list_op, o);
    int rc;

    json_out_init(&l->json, &o->out);
    json_open(&l->json, NULL, '{');
    json_open(&l->json, "songs", '[');
    rc = songs_page(db, &l->query.f, put_row, l, &l->next, e);
    json_close(&l->json, ']');
    json_put_str(&l->json, "next", l->next);
    json_close(&l->json, '}');
    return rc;
}

/* The same question with the next page's cursor, for clients that follow links. */
static void set_next_link(struct list_op *l)
{
    struct slice name, value;
    struct buf b;

    buf_init(&b, 0);
    buf_add_str(&b, "</api/v1/songs?");
    for (int i = 0; request_query_at(l->o.req, i, &name, &value); i++) {
        if (slice_eq_str(name, "cursor"))
            continue;
        percent_encode(&b, name, "");
        buf_add_byte(&b, '=');
        percent_encode(&b, value, "");
        buf_add_byte(&b, '&');
    }
    buf_add_str(&b, "cursor=");
    percent_encode(&b, slice_of(l->next), "");
    buf_add_str(&b, ">; rel=\"next\"");
    request_set_header(l->o.req, "Link", buf_cstr(&b));
    buf_deinit(&b);
}

static bool list_answer(struct api_op *o, int rc)
{
    struct list_op *l = container_of(o, struct list_op, o);
    struct field_errors f;

    if (rc == ERR_INVALID) { /* only the store can tell that a cursor is not one of this list */
        fields_init(&f, "parameter");
        fields_refuse(&f, "cursor", "%s", err_text(&o->op.err));
        return fields_answer(&f, o->req);
    }
    if (rc == 0 && l->next)
        set_next_link(l);
    return api_op_answer(o, rc);
}

static void list_release(struct api_op *o)
{
    struct list_op *l = container_of(o, struct list_op, o);

    songs_query_deinit(&l->query);
    free(l->next);
}

/* Reads every parameter; on false the request was answered. */
static bool read_query(struct request *r, struct songs_query *q)
{
    struct field_errors f;
    struct slice name, value;
    struct err e = {0};

    fields_init(&f, "parameter");
    for (int i = 0; request_query_at(r, i, &name, &value); i++) {
        if (songs_query_set(q, name, value, &e) == 0)
            continue;
        char *text = utf8_repaired(name);
        fields_refuse(&f, text, "%s", err_text(&e));
        free(text);
    }
    songs_query_finish(q);
    return !fields_answer(&f, r);
}

void handle_songs(struct request *r, void *app)
{
    struct songs_query query;
    struct list_op *l;

    songs_query_init(&query);
    if (!read_query(r, &query) || !(l = api_op_new(app, r, sizeof *l, list_run))) {
        songs_query_deinit(&query);
        return;
    }
    l->query = query;
    if (query.path.data)
        l->query.f.path = (struct slice){l->query.path.data, l->query.path.len};
    l->o.answer = list_answer;
    l->o.release = list_release;
    api_op_read(&l->o);
}

/* --- one song ----------------------------------------------------------------------------- */

struct get_op {
    struct api_op o;
    int64_t version;
};

static int get_run(struct db *db, struct api_op *o, struct err *e)
{
    struct get_op *g = container_of(o, struct get_op, o);
    struct song s = {0};
    struct json_out json;
    int rc = songs_get(db, o->song_id, &s, e);

    if (rc)
        return rc;
    g->version = s.version;
    json_out_init(&json, &o->out);
    song_json(&s, &json, NULL);
    song_deinit(&s);
    return 0;
}

static bool get_answer(struct api_op *o, int rc)
{
    struct get_op *g = container_of(o, struct get_op, o);
    const char *seen = request_header(o->req, "If-None-Match");

    if (rc)
        return api_op_answer(o, rc);
    etag_set(o->req, g->version);
    if (!seen || !etag_matches(seen, g->version, true))
        return api_op_answer(o, 0);
    request_set_header(o->req, "Cache-Control", "no-cache");
    request_reply(o->req, 304, NULL, (struct slice){0});
    return true;
}

void handle_song(struct request *r, void *app)
{
    struct get_op *g;
    int64_t id;

    if (!input_no_query(r) || !input_song_id(r, &id))
        return;
    g = api_op_new(app, r, sizeof *g, get_run);
    if (!g)
        return;
    g->o.song_id = id;
    g->o.answer = get_answer;
    api_op_read(&g->o);
}

/* --- forgetting ---------------------------------------------------------------------------- */

/* In steps, each durable, so that an edit does not wait for thousands of songs. */
#define FORGET_STEP 100

struct forget_op {
    struct api_op o;
    int64_t *ids; /* NULL: all absent songs */
    size_t n, at;
    int64_t gone; /* by the last step */
    int64_t forgotten;
};

static int forget_run(struct db *db, struct api_op *o, struct err *e)
{
    struct forget_op *f = container_of(o, struct forget_op, o);
    size_t left = f->ids ? f->n - f->at : FORGET_STEP;

    /* an empty list is nobody, not everybody */
    return songs_forget(db, f->ids ? f->ids + f->at : NULL, left < FORGET_STEP ? left : FORGET_STEP, &f->gone, e);
}

/* What is gone stays gone when a later step fails, or the service ends in the middle: the answer says so. */
static void forget_failed(struct forget_op *f, int rc)
{
    struct err why = f->o.op.err;

    if (f->forgotten)
        err_set(&f->o.op.err, rc, "%lld songs are forgotten, ask again for the rest: %s", (long long)f->forgotten,
                why.text[0] ? why.text : err_sentence(rc));
}

static bool forget_answer(struct api_op *o, int rc)
{
    struct forget_op *f = container_of(o, struct forget_op, o);

    f->at += FORGET_STEP;
    f->forgotten += rc ? 0 : f->gone;
    if (rc == 0 && (f->ids ? f->at < f->n : f->gone == FORGET_STEP)) {
        api_op_write(o, DBQ_DURABLE);
        return false;
    }
    if (rc)
        forget_failed(f, rc);
    buf_addf(&o->out, "{\"forgotten\":%lld}", (long long)f->forgotten);
    api_op_answer(o, rc);
    if (f->forgotten)
        events_progress_changed(o->api->d.events);
    return true;
}

static void forget_release(struct api_op *o)
{
    free(container_of(o, struct forget_op, o)->ids);
}

static void read_forget(struct field_errors *f, const cJSON *body, int64_t **ids, size_t *n)
{
    static const char *const known[] = {"song_ids", NULL};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "song_ids");

    fields_only(f, body, known);
    if (!list) {
        fields_refuse(f, "song_ids", "a list of ids is needed, or null for all absent songs");
    } else if (cJSON_IsArray(list)) {
        *ids = mem_zalloc(sizeof **ids * (size_t)(cJSON_GetArraySize(list) + 1));
        *n = field_ids(f, body, "song_ids", *ids);
    } else if (!cJSON_IsNull(list)) {
        fields_refuse(f, "song_ids", "a list of ids is needed, or null for all absent songs");
    }
}

void handle_forget(struct request *r, void *app)
{
    struct field_errors f;
    struct forget_op *op = NULL;
    int64_t *ids = NULL;
    size_t n = 0;
    cJSON *body = input_body(r, false);

    if (!body)
        return;
    fields_init(&f, "pointer");
    read_forget(&f, body, &ids, &n);
    cJSON_Delete(body);
    if (fields_answer(&f, r) || !(op = api_op_new(app, r, sizeof *op, forget_run))) {
        free(ids);
        return;
    }
    op->ids = ids;
    op->n = n;
    op->o.answer = forget_answer;
    op->o.release = forget_release;
    api_op_write(&op->o, DBQ_DURABLE);
}
