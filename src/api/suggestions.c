/* Candidates of a song: list what is stored, ask the providers, take one, refuse one. Loop thread, except the run functions. */
#include <stdlib.h>

#include "api/api_internal.h"
#include "store/evidence.h"

#define SUGGESTIONS_DEFAULT 5
#define SUGGESTIONS_MAX 20

static void put_display(struct json_out *o, const struct candidate *c)
{
    struct buf b;

    buf_init(&b, 0);
    if (c->artist && c->artist[0])
        buf_addf(&b, "%s - ", c->artist);
    buf_add_str(&b, c->title ? c->title : "");
    json_put_str(o, "display", buf_cstr(&b));
    buf_deinit(&b);
}

static void put_candidate(const struct stored_candidate *s, void *arg)
{
    const struct candidate *c = s->c;
    struct json_out *o = arg;

    json_open(o, NULL, '{');
    json_put_int(o, "id", s->id);
    json_put_str(o, "artist", c->artist);
    json_put_str(o, "title", c->title);
    api_put_int(o, "year", c->year);
    json_put_str(o, "genre", c->genres[0]);
    json_put_str(o, "source", provider_name(c->provider));
    json_put_num(o, "score", c->score, 2);
    put_display(o, c);
    json_put_str(o, "rule", c->rule);
    json_put_str(o, "reason", c->reason[0] ? c->reason : NULL);
    json_put_bool(o, "rejected", s->rejected);
    json_close(o, '}');
}

int api_candidates_json(struct db *db, int64_t song_id, int64_t since_ms, int limit, struct json_out *o, const char *key,
                        struct err *e)
{
    int rc;

    json_open(o, key, '[');
    rc = candidates_list(db, song_id, since_ms, limit, put_candidate, o, e);
    json_close(o, ']');
    return rc;
}

/* --- the list, at once or after asking ---------------------------------------------------- */

struct suggest_op {
    struct api_op o;
    int64_t limit;
    bool asked; /* POST: say whether all providers answered */
    bool complete;
    int64_t since_ms; /* what came since then goes first: the answers to a person's words */
    char *artist, *title; /* those words, owned; NULL: the song's own names */
};

static int suggest_run(struct db *db, struct api_op *o, struct err *e)
{
    struct suggest_op *s = container_of(o, struct suggest_op, o);
    struct song song = {0};
    struct json_out json;
    int rc = songs_get(db, o->song_id, &song, e);

    if (rc)
        return rc;
    song_deinit(&song);
    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    rc = api_candidates_json(db, o->song_id, s->since_ms, (int)s->limit, &json, "suggestions", e);
    if (s->asked)
        json_put_bool(&json, "complete", s->complete);
    json_close(&json, '}');
    return rc;
}

static struct suggest_op *suggest_new(struct request *r, struct api *a)
{
    int64_t limit = SUGGESTIONS_DEFAULT, id;
    const struct query_number numbers[] = {{"limit", 1, SUGGESTIONS_MAX, &limit}};
    struct suggest_op *s;

    if (!input_song_id(r, &id) || !input_query(r, numbers, 1))
        return NULL;
    s = api_op_new(a, r, sizeof *s, suggest_run);
    if (!s)
        return NULL;
    s->o.song_id = id;
    s->limit = limit;
    return s;
}

void handle_suggestions(struct request *r, void *app)
{
    struct suggest_op *s = suggest_new(r, app);

    if (s)
        api_op_read(&s->o);
}

/* No answer in time is no error: what is stored so far is shown, the rest comes as an event. */
static void ask_done(void *arg, int rc)
{
    struct suggest_op *s = arg;
    struct api *a = s->o.api;

    if (rc == 0 || rc == ERR_TIMEOUT) {
        s->complete = rc == 0;
        api_op_read(&s->o);
        return;
    }
    if (rc == ERR_UNAVAILABLE && enrich_mode(a->d.enrich) != WORKER_RUNNING)
        request_reply_problem(s->o.req, 409, "worker_not_running", "the worker is not running; start or resume it first");
    else if (rc == ERR_UNAVAILABLE)
        api_reply_no_provider(s->o.req);
    else
        request_reply_error(s->o.req, rc, NULL);
    api_op_free(&s->o);
}

static void release_words(struct api_op *o)
{
    struct suggest_op *s = container_of(o, struct suggest_op, o);

    free(s->artist);
    free(s->title);
}

/* New memory, or NULL when there is none or it was refused. */
static char *read_word(struct field_errors *f, const cJSON *body, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, name);
    struct slice text = {0};

    if (!v || cJSON_IsNull(v))
        return NULL;
    if (cJSON_IsString(v))
        text = slice_trim(slice_of(v->valuestring));
    if (cJSON_IsString(v) && input_text_ok(text, API_TEXT_MAX))
        return mem_strndup(text.n ? text.p : "", text.n);
    fields_refuse(f, name, "a string of at most %d bytes of UTF-8 without control characters is needed", API_TEXT_MAX);
    return NULL;
}

static void read_words(struct field_errors *f, const cJSON *body, char **artist, char **title)
{
    static const char *const known[] = {"artist", "title", NULL};

    fields_only(f, body, known);
    *artist = read_word(f, body, "artist");
    *title = read_word(f, body, "title");
    if (!f->count && (*title ? !**title : *artist != NULL))
        fields_refuse(f, "title", "own words need a title");
}

void handle_suggestions_ask(struct request *r, void *app)
{
    struct api *a = app;
    struct field_errors f;
    struct suggest_op *s = NULL;
    char *artist, *title;
    cJSON *body = input_body_beside_query(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    read_words(&f, body, &artist, &title);
    cJSON_Delete(body);
    if (!fields_answer(&f, r))
        s = suggest_new(r, a);
    if (!s) {
        free(artist);
        free(title);
        return;
    }
    s->asked = true;
    s->artist = artist;
    s->title = title;
    s->o.release = release_words;
    s->since_ms = title ? s->o.now_ms : 0;
    if (title)
        enrich_ask_words(a->d.enrich, s->o.song_id, artist ? artist : "", title, ask_done, s);
    else
        enrich_ask(a->d.enrich, s->o.song_id, ask_done, s);
}

/* --- a person decides --------------------------------------------------------------------- */

struct choice_op {
    struct song_op s;
    int64_t candidate;
};

static int accept_change(struct db *db, struct song_op *s, struct err *e)
{
    struct choice_op *c = container_of(s, struct choice_op, s);

    return candidates_accept(db, s->o.song_id, c->candidate, s->seen_version, &s->batch, s->o.now_ms, &s->song, e);
}

static int reject_change(struct db *db, struct song_op *s, struct err *e)
{
    struct choice_op *c = container_of(s, struct choice_op, s);

    return candidates_reject(db, s->o.song_id, c->candidate, s->seen_version, &s->batch, s->o.now_ms, &s->song, e);
}

static void choose(struct request *r, struct api *a, int (*change)(struct db *db, struct song_op *s, struct err *e))
{
    static const char *const known[] = {"candidate", NULL};
    struct field_errors f;
    struct choice_op *c;
    int64_t candidate = 0;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    if (!field_int(&f, body, "candidate", 1, INPUT_NUMBER_MAX, &candidate) && !f.count)
        fields_refuse(&f, "candidate", "the id of a suggestion is needed");
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        return;
    c = song_op_new(a, r, sizeof *c, false, change);
    if (!c)
        return;
    c->candidate = candidate;
    song_op_start(&c->s);
}

void handle_accept(struct request *r, void *app)
{
    choose(r, app, accept_change);
}

void handle_reject(struct request *r, void *app)
{
    choose(r, app, reject_change);
}
