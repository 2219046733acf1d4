/* GET /changes: the log of what changed. Loop thread, except the run functions. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "base/utf8.h"
#include "store/evidence.h"

static void put_change(const struct change *c, void *arg)
{
    struct json_out *o = arg;

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
}

int api_changes_json(struct db *db, const struct changes_filter *f, struct json_out *o, int64_t *next, struct err *e)
{
    int rc;

    json_open(o, "changes", '[');
    rc = changes_page(db, f, put_change, o, next, e);
    json_close(o, ']');
    return rc;
}

struct changes_op {
    struct api_op o;
    struct changes_filter filter;
    char *source; /* what the filter borrows */
};

static int changes_run(struct db *db, struct api_op *o, struct err *e)
{
    struct changes_op *c = container_of(o, struct changes_op, o);
    struct json_out json;
    int64_t next = 0;
    int rc;

    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    rc = api_changes_json(db, &c->filter, &json, &next, e);
    api_put_int(&json, "next", next);
    json_close(&json, '}');
    return rc;
}

static void changes_release(struct api_op *o)
{
    free(container_of(o, struct changes_op, o)->source);
}

const char *api_actor(const char *text)
{
    static const char *const actors[] = {"person", "worker", "scan"};

    for (size_t i = 0; i < ARRAY_LEN(actors); i++)
        if (text && strcmp(text, actors[i]) == 0)
            return actors[i];
    return NULL;
}

static void read_number(struct field_errors *f, const char *name, struct slice value, int64_t max, int64_t *out)
{
    int64_t v;

    if (!input_number(value, &v) || v < 1 || v > max)
        fields_refuse(f, name, "a whole number from 1 to %lld is needed", (long long)max);
    else
        *out = v;
}

static void read_since(struct field_errors *f, const char *text, int64_t *out)
{
    struct err e = {0};

    if (songs_query_time(text, out, &e) != 0)
        fields_refuse(f, "since", "%s", err_text(&e));
}

static void read_parameter(struct field_errors *f, struct changes_op *c, struct slice name, struct slice value)
{
    char *key = utf8_repaired(name), *text = mem_strndup(value.p ? value.p : "", value.n);
    int64_t limit = c->filter.limit;

    if (strcmp(key, "before") == 0)
        read_number(f, key, value, INPUT_NUMBER_MAX, &c->filter.before);
    else if (strcmp(key, "song_id") == 0)
        read_number(f, key, value, INPUT_NUMBER_MAX, &c->filter.song_id);
    else if (strcmp(key, "batch") == 0)
        read_number(f, key, value, INPUT_NUMBER_MAX, &c->filter.batch);
    else if (strcmp(key, "limit") == 0)
        read_number(f, key, value, 500, &limit);
    else if (strcmp(key, "since") == 0)
        read_since(f, text, &c->filter.since_ms);
    else if (strcmp(key, "actor") == 0 && !(c->filter.actor = api_actor(text)))
        fields_refuse(f, key, "an actor is one of person, worker, scan");
    else if (strcmp(key, "source") == 0) {
        free(c->source);
        c->filter.source = c->source = mem_strdup(text);
    } else if (strcmp(key, "actor") != 0)
        fields_refuse(f, key, "there is no such parameter here; known: before, limit, song_id, batch, actor, source, since");
    c->filter.limit = (int)limit;
    free(key);
    free(text);
}

void handle_changes(struct request *r, void *app)
{
    struct changes_op *c = api_op_new(app, r, sizeof *c, changes_run);
    struct field_errors f;
    struct slice name, value;

    if (!c)
        return;
    c->filter.limit = 50;
    c->o.release = changes_release;
    fields_init(&f, "parameter");
    for (int i = 0; request_query_at(r, i, &name, &value); i++)
        read_parameter(&f, c, name, value);
    if (fields_answer(&f, r))
        api_op_free(&c->o);
    else
        api_op_read(&c->o);
}
