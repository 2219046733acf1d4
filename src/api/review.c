/* GET /review: what a person decides next, each song with its values and with what is proposed instead. Input is read on the
 * loop, rows become text on the pool. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "base/utf8.h"
#include "song/song_json.h"
#include "song/title.h"
#include "store/evidence.h"

#define LOOKED_AT 30 /* candidates of a song */

struct review_op {
    struct api_op o;
    struct songs_query query;
    int below;     /* hundredths */
    bool filtered; /* by more than that */
    struct db *db; /* while run runs */
    struct json_out json;
    struct err *e;
    int rc;
    char *next;
};

/* --- one song ------------------------------------------------------------------------------ */

struct proposal {
    int count;     /* candidates that nobody refused */
    bool have;
    int64_t id;
    char *artist, *title, *genre;
    const char *source;
    int year;
    double score;
};

static void take_candidate(const struct stored_candidate *s, void *arg)
{
    struct proposal *p = arg;

    if (s->rejected || !s->c->title)
        return;
    p->count++;
    if (p->have) /* the list is best first */
        return;
    *p = (struct proposal){.count = 1, .have = true, .id = s->id, .artist = mem_strdup(s->c->artist),
                           .title = mem_strdup(s->c->title), .genre = mem_strdup(s->c->genres[0]),
                           .source = provider_name(s->c->provider), .year = s->c->year, .score = s->c->score};
}

static void put_values(struct json_out *o, const char *key, const char *artist, const char *title, int year, const char *genre)
{
    json_open(o, key, '{');
    json_put_str(o, "artist", artist);
    json_put_str(o, "title", title);
    api_put_int(o, "year", year);
    json_put_str(o, "genre", genre);
}

static bool differs(const char *before, const char *after)
{
    return after && after[0] && strcmp(before ? before : "", after) != 0;
}

/* An empty value of a candidate changes nothing. */
static void put_changes(struct json_out *o, const struct song *s, const struct proposal *p)
{
    json_open(o, "changes", '[');
    if (differs(s->artist, p->artist))
        json_put_str(o, NULL, "artist");
    if (differs(s->title, p->title))
        json_put_str(o, NULL, "title");
    if (p->year && p->year != s->year)
        json_put_str(o, NULL, "year");
    if (differs(s->genre, p->genre))
        json_put_str(o, NULL, "genre");
    json_close(o, ']');
}

static void put_proposal(struct json_out *o, const struct song *s, const struct proposal *p)
{
    if (!p->have) {
        json_put_null(o, "after");
        return;
    }
    put_values(o, "after", p->artist && p->artist[0] ? p->artist : s->artist, p->title, p->year ? p->year : s->year,
               p->genre && p->genre[0] ? p->genre : s->genre);
    json_put_str(o, "source", p->source);
    json_put_num(o, "score", p->score, 2);
    json_put_int(o, "candidate", p->id);
    put_changes(o, s, p);
    json_close(o, '}');
}

static void put_tidy(struct json_out *o, const struct song *s)
{
    struct guess g;
    char *artist_title, *title_artist;

    title_parse(slice_of(s->file_path), &g);
    artist_title = guess_tidy(&g, false);
    title_artist = guess_tidy(&g, true);
    json_open(o, "tidy", '{');
    json_put_str(o, "artist", g.artist);
    json_put_str(o, "title", g.title);
    json_put_str(o, "artist_title", artist_title);
    json_put_str(o, "title_artist", title_artist);
    json_close(o, '}');
    free(artist_title);
    free(title_artist);
    guess_deinit(&g);
}

static void put_row(const struct song *s, void *arg)
{
    static const char *const waits[] = {NULL, "new", "asked", "soon"};
    struct review_op *v = arg;
    struct json_out *o = &v->json;
    struct proposal p = {0};

    if (v->rc == 0)
        v->rc = candidates_list(v->db, s->id, 0, LOOKED_AT, take_candidate, &p, v->e);
    json_open(o, NULL, '{');
    song_json(s, o, "song");
    json_put_str(o, "wanted", waits[s->wanted >= 0 && s->wanted < 4 ? s->wanted : 0]);
    put_values(o, "before", s->artist, s->title, s->year, s->genre);
    json_close(o, '}');
    put_proposal(o, s, &p);
    put_tidy(o, s);
    json_put_int(o, "suggestions", p.count);
    json_close(o, '}');
    free(p.artist);
    free(p.title);
    free(p.genre);
}

/* --- the page ------------------------------------------------------------------------------- */

static int review_run(struct db *db, struct api_op *o, struct err *e)
{
    struct review_op *v = container_of(o, struct review_op, o);
    int rc;

    v->db = db;
    v->e = e;
    json_out_init(&v->json, &o->out);
    json_open(&v->json, NULL, '{');
    json_put_num(&v->json, "below", v->below / 100.0, 2);
    json_open(&v->json, "songs", '[');
    rc = songs_page(db, &v->query.f, put_row, v, &v->next, e);
    json_close(&v->json, ']');
    json_put_str(&v->json, "next", v->next);
    return rc ? rc : v->rc;
}

static bool review_answer(struct api_op *o, int rc)
{
    struct review_op *v = container_of(o, struct review_op, o);
    struct field_errors f;

    if (rc == ERR_INVALID) {
        fields_init(&f, "parameter");
        fields_refuse(&f, "cursor", "%s", err_text(&o->op.err));
        return fields_answer(&f, o->req);
    }
    if (rc == 0 && v->filtered)
        json_put_null(&v->json, "remaining");
    else if (rc == 0)
        json_put_int(&v->json, "remaining", counts_below(dbq_counts(o->api->d.q), v->below));
    json_close(&v->json, '}');
    return api_op_answer(o, rc);
}

static void review_release(struct api_op *o)
{
    struct review_op *v = container_of(o, struct review_op, o);

    songs_query_deinit(&v->query);
    free(v->next);
}

static bool is_of_the_page(struct slice name)
{
    return slice_eq_str(name, "below") || slice_eq_str(name, "limit") || slice_eq_str(name, "cursor");
}

/* Every parameter of GET /songs but the order, which is the point here. */
static bool read_review(struct request *r, struct review_op *v)
{
    struct field_errors f;
    struct slice name, value;
    struct err e = {0};

    fields_init(&f, "parameter");
    for (int i = 0; request_query_at(r, i, &name, &value); i++) {
        v->filtered |= !is_of_the_page(name);
        if (!slice_eq_str(name, "sort") && songs_query_set(&v->query, name, value, &e) == 0)
            continue;
        char *text = utf8_repaired(name);
        fields_refuse(&f, text, "%s", slice_eq_str(name, "sort") ? "the review has its own order" : err_text(&e));
        free(text);
    }
    if (v->query.f.presence != PRESENCE_PRESENT)
        fields_refuse(&f, "presence", "the review is about present songs");
    return !fields_answer(&f, r);
}

void handle_review(struct request *r, void *app)
{
    struct api *a = app;
    struct review_op *v = api_op_new(a, r, sizeof *v, review_run);

    if (!v)
        return;
    songs_query_init(&v->query);
    v->query.f.limit = 20;
    v->query.f.sort = SORT_REVIEW;
    v->o.answer = review_answer;
    v->o.release = review_release;
    if (!read_review(r, v)) {
        api_op_free(&v->o);
        return;
    }
    v->below = v->query.f.below >= 0 ? (int)lround(v->query.f.below * 100) : api_review_below(a);
    v->query.f.below = v->below / 100.0;
    api_op_read(&v->o);
}
