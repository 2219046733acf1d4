/* A request that waits for the store: one object holds the database operation, the request and the answer's text.
 *
 * Created and answered on the loop thread; run is called on the pool and touches nothing but its own
 * object and the connection it is given. */
#include <stdlib.h>

#include "api/api_internal.h"
#include "song/song_json.h"

static int op_run(struct db *db, struct dbq_op *op)
{
    struct api_op *o = container_of(op, struct api_op, op);

    return o->run(db, o, &op->err);
}

static void op_done(struct dbq_op *op, int rc)
{
    struct api_op *o = container_of(op, struct api_op, op);

    if (o->answer ? o->answer(o, rc) : api_op_answer(o, rc))
        api_op_free(o);
}

void *api_op_new(struct api *a, struct request *r, size_t size, int (*run)(struct db *db, struct api_op *o, struct err *e))
{
    struct api_op *o;

    if (dbq_is_full(a->d.q)) {
        request_reply_error(r, ERR_BUSY, NULL);
        return NULL;
    }
    o = mem_zalloc(size);
    o->op.run = op_run;
    o->op.done = op_done;
    o->api = a;
    o->req = r;
    o->run = run;
    o->now_ms = clock_wall(a->d.clock);
    buf_init(&o->out, API_ANSWER_MAX);
    api_hold(a);
    return o;
}

void api_op_read(struct api_op *o)
{
    dbq_read(o->api->d.q, &o->op);
}

void api_op_write(struct api_op *o, int flags)
{
    o->op.flags = flags;
    dbq_write(o->api->d.q, &o->op);
}

bool api_op_answer(struct api_op *o, int rc)
{
    if (rc == 0 && o->out.overflow)
        rc = err_set(&o->op.err, ERR_TOO_LARGE, "the answer is too large; ask for less at a time");
    if (rc)
        request_reply_error(o->req, rc, &o->op.err);
    else
        api_reply_json(o->req, 200, &o->out);
    return true;
}

void api_op_free(struct api_op *o)
{
    struct api *a = o->api;

    if (o->release)
        o->release(o);
    buf_deinit(&o->out);
    free(o);
    api_drop(a);
}

/* --- a change of one song ------------------------------------------------------------- */

static int song_op_run(struct db *db, struct api_op *o, struct err *e)
{
    struct song_op *s = container_of(o, struct song_op, o);
    struct song before = {0};
    int rc = songs_get(db, o->song_id, &before, e);

    if (rc)
        return rc;
    s->seen_version = before.version;
    song_deinit(&before);
    if (s->if_match && !etag_matches(s->if_match, s->seen_version, false))
        return err_set(e, ERR_STALE, "song %lld changed meanwhile; read it again and repeat your change", (long long)o->song_id);
    rc = s->change(db, s, e);
    s->have_song = rc == 0;
    return rc;
}

/* The new row, and what POST /undo takes to put back this change and no other. */
static void put_changed(const struct song_op *s, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open(&json, NULL, '{');
    song_json_members(&s->song, &json);
    api_put_int(&json, "batch", s->batch);
    json_close(&json, '}');
}

static bool song_op_answer(struct api_op *o, int rc)
{
    struct song_op *s = container_of(o, struct song_op, o);

    if (rc) {
        if (rc == ERR_STALE)
            etag_set(o->req, s->seen_version);
        return api_op_answer(o, rc);
    }
    etag_set(o->req, s->song.version);
    if (o->out.len == 0)
        put_changed(s, &o->out);
    api_op_answer(o, 0);
    api_tell_song(o->api, &s->song);
    if (s->wake)
        enrich_wake(o->api->d.enrich);
    return true;
}

static void song_op_release(struct api_op *o)
{
    struct song_op *s = container_of(o, struct song_op, o);

    if (s->release)
        s->release(s);
    if (s->have_song)
        song_deinit(&s->song);
    free(s->if_match);
}

void *song_op_new(struct api *a, struct request *r, size_t size, bool need_match,
                  int (*change)(struct db *db, struct song_op *s, struct err *e))
{
    const char *if_match = request_header(r, "If-Match");
    struct song_op *s;
    int64_t id;

    if (!input_song_id(r, &id))
        return NULL;
    if (need_match && !if_match) {
        request_reply_error(r, ERR_NEED_MATCH, NULL);
        return NULL;
    }
    s = api_op_new(a, r, size, song_op_run);
    if (!s)
        return NULL;
    s->o.song_id = id;
    s->o.answer = song_op_answer;
    s->o.release = song_op_release;
    s->if_match = mem_strdup(if_match);
    s->change = change;
    s->wake = true;
    return s;
}

void song_op_start(struct song_op *s)
{
    api_op_write(&s->o, DBQ_DURABLE | DBQ_URGENT);
}
