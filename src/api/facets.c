/* GET /facets: what languages, decades, genres, vendors and sources there are. Loop thread, except facets_run.
 *
 * Counted in steps on the reader, so that a page turn meanwhile does not wait, and kept for a while: menus need no more. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "song/genre.h"
#include "store/facets.h"

#define KEPT_MS 30000
#define VALUES_MAX 2000 /* distinct ones that are counted */
#define SHOWN_MAX 50

struct value {
    char *text;
    int64_t n;
};

struct facets_op {
    struct api_op o;
    enum facet facet;
    struct facet_place place;
    struct value list[VALUES_MAX];
    size_t n;
    struct json_out json;
};

static void take_value(const char *text, int64_t n, void *arg)
{
    struct facets_op *f = arg;
    struct value *last = f->n ? &f->list[f->n - 1] : NULL;

    if (last && strcmp(last->text, text) == 0)
        last->n += n;
    else if (f->n < VALUES_MAX)
        f->list[f->n++] = (struct value){mem_strdup(text), n};
}

static int by_count(const void *a, const void *b)
{
    const struct value *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->text, y->text);
}

static void put_facet(struct facets_op *f, const char *name)
{
    qsort(f->list, f->n, sizeof f->list[0], by_count);
    json_open(&f->json, name, '[');
    for (size_t i = 0; i < f->n && i < SHOWN_MAX; i++) {
        json_open(&f->json, NULL, '{');
        if (f->facet == FACET_DECADE)
            json_put_int(&f->json, "value", atoi(f->list[i].text));
        else
            json_put_str(&f->json, "value", f->list[i].text);
        json_put_int(&f->json, "count", f->list[i].n);
        json_close(&f->json, '}');
    }
    json_close(&f->json, ']');
}

/* Of the genres just counted, those of the same group together. */
static void group_genres(struct facets_op *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        const char *group = genre_coarse(f->list[i].text);
        size_t at = 0;
        while (group && at < n && strcmp(f->list[at].text, group) != 0)
            at++;
        if (group && at < n) {
            f->list[at].n += f->list[i].n;
            free(f->list[i].text);
        } else if (group) {
            free(f->list[i].text);
            f->list[n++] = (struct value){mem_strdup(group), f->list[i].n};
        } else {
            free(f->list[i].text);
        }
    }
    f->n = n;
}

static void clear(struct facets_op *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->list[i].text);
    f->n = 0;
    facet_place_deinit(&f->place);
}

static int facets_run(struct db *db, struct api_op *o, struct err *e)
{
    static const char *const names[FACET_COUNT] = {"languages", "decades", "genres", "vendors", "sources"};
    struct facets_op *f = container_of(o, struct facets_op, o);
    int rc = facet_step(db, f->facet, &f->place, take_value, f, e);

    if (rc || !f->place.end)
        return rc;
    put_facet(f, names[f->facet]);
    if (f->facet == FACET_GENRE) {
        group_genres(f);
        put_facet(f, "genre_groups");
    }
    clear(f);
    f->facet++;
    return 0;
}

static bool facets_answer(struct api_op *o, int rc)
{
    struct facets_op *f = container_of(o, struct facets_op, o);
    struct api *a = o->api;

    if (rc)
        return api_op_answer(o, rc);
    if (f->facet < FACET_COUNT) {
        api_op_read(o);
        return false;
    }
    json_close(&f->json, '}');
    free(a->facets);
    a->facets = mem_strndup(o->out.data, o->out.len);
    a->facets_at_ms = clock_mono(a->d.clock);
    return api_op_answer(o, 0);
}

static void facets_release(struct api_op *o)
{
    clear(container_of(o, struct facets_op, o));
}

void handle_facets(struct request *r, void *app)
{
    struct api *a = app;
    struct facets_op *f;

    if (!input_no_query(r))
        return;
    if (a->facets && clock_mono(a->d.clock) - a->facets_at_ms < KEPT_MS) {
        request_set_header(r, "Cache-Control", "no-cache");
        request_reply(r, 200, "application/json", slice_of(a->facets));
        return;
    }
    f = api_op_new(a, r, sizeof *f, facets_run);
    if (!f)
        return;
    json_out_init(&f->json, &f->o.out);
    json_open(&f->json, NULL, '{');
    f->o.answer = facets_answer;
    f->o.release = facets_release;
    api_op_read(&f->o);
}
