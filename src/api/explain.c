/* GET /songs/{id}/explain: the evidence of every field, the candidates, the changes, and the same as sentences in order. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "song/song_json.h"
#include "store/evidence.h"

#define EXPLAIN_CANDIDATES 20
#define EXPLAIN_CHANGES 50
#define EXPLAIN_EVIDENCE 500 /* rows shown; a song gathers a handful */

struct explain_rows {
    struct json_out *fields;
    struct json_out *story;
    int n;
};

static const char *source_words(const char *source)
{
    if (strcmp(source, "name") == 0)
        return "the file name";
    if (strcmp(source, "person") == 0)
        return "a person";
    return source;
}

/* "artist 'Queen' comes from the file name (phrase): the name says whose song it is; this is the present value" */
static void tell_evidence(const struct evidence *v, struct json_out *story)
{
    struct buf b;

    buf_init(&b, 0);
    if (v->value && v->value[0])
        buf_addf(&b, "%s '%s' comes from %s", v->field, v->value, source_words(v->source));
    else
        buf_addf(&b, "%s says that there is no %s", source_words(v->source), v->field);
    if (v->rule)
        buf_addf(&b, " (%s)", v->rule);
    if (v->reason && v->reason[0])
        buf_addf(&b, ": %s", v->reason);
    if (v->chosen)
        buf_add_str(&b, "; this is the present value");
    json_put_str(story, NULL, buf_cstr(&b));
    buf_deinit(&b);
}

static void put_evidence(const struct evidence *v, void *arg)
{
    struct explain_rows *rows = arg;
    struct json_out *o = rows->fields;

    if (++rows->n > EXPLAIN_EVIDENCE)
        return;
    json_open(o, NULL, '{');
    json_put_str(o, "field", v->field);
    json_put_str(o, "value", v->value);
    json_put_str(o, "source", v->source);
    json_put_str(o, "rule", v->rule);
    json_put_str(o, "reason", v->reason);
    json_put_num(o, "score", v->score, 2);
    api_put_time(o, "at", v->at_ms);
    json_put_bool(o, "chosen", v->chosen);
    json_close(o, '}');
    tell_evidence(v, rows->story);
}

static void tell_start(const struct song *s, struct json_out *story)
{
    const char *slash = strrchr(s->file_path, '/');
    char at[32];
    struct buf b;

    buf_init(&b, 0);
    clock_iso(s->added_ms, at);
    buf_addf(&b, "the file '%s' was listed at %s", slash ? slash + 1 : s->file_path, at);
    json_put_str(story, NULL, buf_cstr(&b));
    buf_deinit(&b);
}

static void tell_locks(const struct song *s, struct json_out *story)
{
    struct buf b;

    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!(s->locked & 1u << i))
            continue;
        buf_init(&b, 0);
        buf_addf(&b, "%s is locked: only a person changes it", song_field_name((enum song_field)i));
        json_put_str(story, NULL, buf_cstr(&b));
        buf_deinit(&b);
    }
}

static void tell_end(const struct song *s, struct json_out *story)
{
    struct buf b;

    tell_locks(s, story);
    buf_init(&b, 0);
    buf_addf(&b, "now it is %s with confidence %.2f (%s)", song_status_name(s->status), s->confidence,
             confidence_label(s->confidence));
    if (s->reason && s->reason[0])
        buf_addf(&b, ", decided by '%s'", s->reason);
    if (s->attempts)
        buf_addf(&b, ", after %d attempt%s to ask providers", s->attempts, s->attempts == 1 ? "" : "s");
    if (!s->present)
        buf_add_str(&b, "; its file is missing");
    json_put_str(story, NULL, buf_cstr(&b));
    buf_deinit(&b);
}

/* Members "fields" and, gathered beside it, the story. */
static int put_fields(struct db *db, const struct song *s, struct json_out *o, struct json_out *story, struct err *e)
{
    struct explain_rows rows = {o, story, 0};
    int rc;

    tell_start(s, story);
    json_open(o, "fields", '[');
    rc = evidence_list(db, s->id, put_evidence, &rows, e);
    json_close(o, ']');
    tell_end(s, story);
    return rc;
}

static int explain_run(struct db *db, struct api_op *o, struct err *e)
{
    struct song s = {0};
    struct json_out json, story_out;
    struct buf story;
    struct changes_filter changes = {.song_id = o->song_id, .limit = EXPLAIN_CHANGES};
    int64_t next;
    int rc = songs_get(db, o->song_id, &s, e);

    if (rc)
        return rc;
    buf_init(&story, API_ANSWER_MAX);
    json_out_init(&story_out, &story);
    json_open(&story_out, NULL, '[');
    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    json_put_int(&json, "id", s.id);
    song_json(&s, &json, "song");
    rc = put_fields(db, &s, &json, &story_out, e);
    json_close(&story_out, ']');
    if (rc == 0)
        rc = api_candidates_json(db, s.id, 0, EXPLAIN_CANDIDATES, &json, "candidates", e);
    if (rc == 0)
        rc = api_changes_json(db, &changes, &json, &next, e);
    json_put_raw(&json, "story", buf_cstr(&story));
    json_close(&json, '}');
    buf_deinit(&story);
    song_deinit(&s);
    return rc;
}

void handle_explain(struct request *r, void *app)
{
    struct api_op *o;
    int64_t id;

    if (!input_no_query(r) || !input_song_id(r, &id))
        return;
    o = api_op_new(app, r, sizeof *o, explain_run);
    if (!o)
        return;
    o->song_id = id;
    api_op_read(o);
}
