/* GET and POST /answers: what providers said, for another songbookd, so that it asks nothing again. */
#include "api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#include "store/answers.h"

/* --- out ---------------------------------------------------------------------------------------- */

struct page_op {
    struct api_op o;
    int64_t limit;
    char *after; /* owned; NULL for the first page */
};

static int page_run(struct db *db, struct api_op *o, struct err *e)
{
    struct page_op *p = container_of(o, struct page_op, o);
    struct json_out json;
    char *next = NULL;
    int rc;

    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    json_open(&json, "answers", '[');
    rc = answers_page(db, p->after, (int)p->limit, &json, &next, e);
    json_close(&json, ']');
    json_put_str(&json, "next", next);
    json_close(&json, '}');
    free(next);
    return rc;
}

static void page_release(struct api_op *o)
{
    free(container_of(o, struct page_op, o)->after);
}

/* The cursor may hold the mark between artist and title, which no other text parameter may. */
static bool read_page_query(struct request *r, int64_t *limit, char **after)
{
    struct slice name, value;
    struct field_errors f;

    fields_init(&f, "parameter");
    for (int i = 0; request_query_at(r, i, &name, &value); i++) {
        if (slice_eq_str(name, "limit")) {
            if (!input_number(value, limit) || *limit < 1 || *limit > ANSWERS_PAGE_MAX)
                fields_refuse(&f, "limit", "a whole number from 1 to %d is needed", ANSWERS_PAGE_MAX);
        } else if (slice_eq_str(name, "cursor")) {
            free(*after);
            *after = mem_strndup(value.p, value.n);
        } else {
            char *key = utf8_repaired(name);
            fields_refuse(&f, key, "there is no such parameter here; known: limit, cursor");
            free(key);
        }
    }
    return !fields_answer(&f, r);
}

void handle_answers(struct request *r, void *app)
{
    int64_t limit = 100;
    char *after = NULL;
    struct page_op *p;

    if (!read_page_query(r, &limit, &after) || !(p = api_op_new(app, r, sizeof *p, page_run))) {
        free(after);
        return;
    }
    p->limit = limit;
    p->after = after;
    p->o.release = page_release;
    api_op_read(&p->o);
}

/* --- in ------------------------------------------------------------------------------------------ */

struct take_op {
    struct api_op o;
    cJSON *body;
    int refused; /* the row that ended it */
};

static int take_run(struct db *db, struct api_op *o, struct err *e)
{
    struct take_op *t = container_of(o, struct take_op, o);
    const cJSON *list = json_get(t->body, "answers");
    struct answers_taken taken = {0, 0};
    struct json_out json;
    int rc = 0, n = 0;

    for (const cJSON *x = list->child; rc == 0 && x; x = x->next, n++) {
        rc = answers_take(db, x, o->now_ms, &taken, e);
        t->refused = n;
    }
    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    json_put_int(&json, "stored", taken.stored);
    json_put_int(&json, "kept", taken.kept);
    json_close(&json, '}');
    return rc;
}

static bool take_answer(struct api_op *o, int rc)
{
    struct field_errors f;
    char place[32];

    if (rc == ERR_INVALID) {
        fields_init(&f, "pointer");
        snprintf(place, sizeof place, "answers/%d", container_of(o, struct take_op, o)->refused);
        fields_refuse(&f, place, "%s", err_text(&o->op.err));
        return fields_answer(&f, o->req);
    }
    api_op_answer(o, rc);
    if (rc == 0)
        enrich_wake(o->api->d.enrich); /* what waits may be answered now without a request */
    return true;
}

static void take_release(struct api_op *o)
{
    cJSON_Delete(container_of(o, struct take_op, o)->body);
}

void handle_answers_take(struct request *r, void *app)
{
    static const char *const known[] = {"answers", NULL};
    cJSON *body = input_body(r, false);
    struct field_errors f;
    struct take_op *t;

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    if (!cJSON_IsArray(json_get(body, "answers")) || cJSON_GetArraySize(json_get(body, "answers")) > ANSWERS_PAGE_MAX)
        fields_refuse(&f, "answers", "a list of at most %d answers is needed", ANSWERS_PAGE_MAX);
    if (fields_answer(&f, r) || !(t = api_op_new(app, r, sizeof *t, take_run))) {
        cJSON_Delete(body);
        return;
    }
    t->body = body;
    t->o.answer = take_answer;
    t->o.release = take_release;
    api_op_write(&t->o, 0);
}
