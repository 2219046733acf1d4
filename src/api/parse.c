/* POST /parse: what the names say, without touching the library.
 *
 * Names are read on the pool, one request at a time, so that a client with two thousand names neither
 * stops the loop nor takes the threads that the store needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/hash.h"
#include "base/log.h"
#include "song/library.h"

#define PARSE_NAMES_MAX 2000

struct parse_job {
    uv_work_t work;
    struct list link;
    struct api *api;
    struct request *req;
    char *text; /* the body */
    size_t len;
    struct buf out;
    struct field_errors fields;
    struct err err;
    int rc;
};

/* Takes g's contents. */
static void put_guess(struct json_out *o, struct guess *g)
{
    char *artist_title = guess_tidy(g, false), *title_artist = guess_tidy(g, true);

    json_open(o, NULL, '{');
    json_put_str(o, "artist", g->artist);
    json_put_str(o, "title", g->title);
    json_put_str(o, "variant", g->variant);
    json_put_str(o, "vendor", g->vendor);
    api_put_int(o, "year", g->year);
    json_put_str(o, "language", g->language[0] ? g->language : NULL);
    json_put_str(o, "youtube_id", g->youtube_id[0] ? g->youtube_id : NULL);
    json_put_num(o, "confidence", g->confidence, 2);
    json_put_str(o, "label", confidence_label(g->confidence));
    json_put_str(o, "category", guess_category_name(g->category));
    json_put_bool(o, "is_ambiguous", g->is_ambiguous);
    json_put_str(o, "rule", g->rule);
    json_put_str(o, "reason", g->reason[0] ? g->reason : NULL);
    json_open(o, "tidy", '{');
    json_put_str(o, "artist_title", artist_title);
    json_put_str(o, "title_artist", title_artist);
    json_close(o, '}');
    json_close(o, '}');
    free(artist_title);
    free(title_artist);
    guess_deinit(g);
}

static bool names_ok(struct field_errors *f, const cJSON *names)
{
    const cJSON *v;
    char place[40];
    int i = 0;

    if (!cJSON_IsArray(names) || cJSON_GetArraySize(names) > PARSE_NAMES_MAX) {
        fields_refuse(f, "filenames", "a list of at most %d strings is needed", PARSE_NAMES_MAX);
        return false;
    }
    cJSON_ArrayForEach(v, names)
    {
        snprintf(place, sizeof place, "filenames/%d", i++);
        if (!cJSON_IsString(v)) {
            fields_refuse(f, place, "a string is needed");
            return false;
        }
    }
    return true;
}

/* With a library every name is evidence for the others: all are read first, then each is judged. */
static struct library *remember(const cJSON *names)
{
    struct library *l = library_new(hash_seed());
    const cJSON *v;
    int64_t id = 0;

    cJSON_ArrayForEach(v, names)
    {
        struct guess g;
        title_parse(slice_of(v->valuestring), &g);
        library_put(l, id++, slice_of(v->valuestring), &g);
        guess_deinit(&g);
    }
    return l;
}

static void parse_many(struct parse_job *j, const cJSON *names, bool library)
{
    struct library *l = library ? remember(names) : NULL;
    struct json_out o;
    const cJSON *v;
    int64_t id = 0;

    json_out_init(&o, &j->out);
    json_open(&o, NULL, '{');
    json_open(&o, "results", '[');
    cJSON_ArrayForEach(v, names)
    {
        struct guess g;
        title_parse(slice_of(v->valuestring), &g);
        if (l)
            library_judge(l, id++, &g);
        put_guess(&o, &g);
    }
    json_close(&o, ']');
    json_close(&o, '}');
    library_free(l);
}

static void parse_one(struct parse_job *j, const cJSON *name)
{
    struct json_out o;
    struct guess g;

    json_out_init(&o, &j->out);
    title_parse(slice_of(name->valuestring), &g);
    put_guess(&o, &g);
}

static void parse_body(struct parse_job *j, const cJSON *body)
{
    static const char *const known[] = {"filename", "filenames", "library", NULL};
    const cJSON *one = json_get(body, "filename"), *many = json_get(body, "filenames");
    bool library = false;

    fields_only(&j->fields, body, known);
    field_bool(&j->fields, body, "library", &library);
    if (!one == !many)
        fields_refuse(&j->fields, "", "either filename or filenames is needed");
    else if (one && !cJSON_IsString(one))
        fields_refuse(&j->fields, "filename", "a string is needed");
    else if (many)
        names_ok(&j->fields, many);
    if (j->fields.count)
        return;
    if (one)
        parse_one(j, one);
    else
        parse_many(j, many, library);
}

static void parse_work(uv_work_t *w)
{
    struct parse_job *j = container_of(w, struct parse_job, work);
    cJSON *body = input_object((struct slice){j->text, j->len}, false, &j->err);

    if (!body)
        j->rc = ERR_MALFORMED;
    else
        parse_body(j, body);
    cJSON_Delete(body);
}

static void parse_start(struct parse_job *j);

static void parse_done(uv_work_t *w, int status)
{
    struct parse_job *j = container_of(w, struct parse_job, work);
    struct api *a = j->api;

    if (status)
        j->rc = ERR_CANCELED;
    if (j->rc == 0 && j->out.overflow)
        j->rc = ERR_TOO_LARGE;
    if (j->rc) {
        fields_deinit(&j->fields);
        request_reply_error(j->req, j->rc, &j->err);
    } else if (!fields_answer(&j->fields, j->req)) {
        api_reply_json(j->req, 200, &j->out);
    }
    buf_deinit(&j->out);
    free(j->text);
    free(j);
    a->parsing = false;
    if (!list_is_empty(&a->parses)) {
        j = container_of(a->parses.next, struct parse_job, link);
        list_del(&j->link);
        parse_start(j);
    }
    api_drop(a);
}

static void parse_start(struct parse_job *j)
{
    j->api->parsing = true;
    if (uv_queue_work(j->api->d.loop, &j->work, parse_work, parse_done) != 0)
        bug("a work item could not be queued");
}

void handle_parse(struct request *r, void *app)
{
    struct api *a = app;
    struct slice body = request_body(r);
    struct parse_job *j;

    if (!input_no_query(r))
        return;
    j = mem_zalloc(sizeof *j);
    j->api = a;
    j->req = r;
    j->text = mem_strndup(body.p ? body.p : "", body.n);
    j->len = body.n;
    list_init(&j->link);
    buf_init(&j->out, API_ANSWER_MAX);
    fields_init(&j->fields, "pointer");
    api_hold(a);
    if (a->parsing)
        list_add(&a->parses, &j->link);
    else
        parse_start(j);
}
