/* What the requests of a batch brought: the names judged and stored for all its songs as one write, later the genres and dates.
 * Songs whose question was refused or never sent get their attempt back; songs that went meanwhile are nobody's trouble.
 */
#include "work/batch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/confidence.h"
#include "store/evidence.h"

/* --- the names ---------------------------------------------------------------------------------- */

static void copy_hit(struct batch *b, int row, struct candidates *to)
{
    const struct candidate *hit = row < 0 ? NULL : &b->rows[row].hit;
    struct candidate *c = hit && hit->mbid ? candidates_add(to, b->lane->p->id) : NULL;

    if (!c)
        return;
    c->artist = mem_strdup(hit->artist);
    c->title = mem_strdup(hit->title);
    c->mbid = mem_strdup(hit->mbid);
    c->album = mem_strdup(hit->album);
}

static void gather_answers(struct batch *b)
{
    for (int i = 0; i < b->n_questions; i++) {
        struct question *q = &b->questions[i];
        copy_hit(b, q->rows[0], &q->answer);
        if (q->rows[1] != q->rows[0])
            copy_hit(b, q->rows[1], &q->answer);
    }
}

static int fact_for(struct batch *b, const char *mbid)
{
    int i = 0;

    while (i < b->n_facts && strcmp(b->facts[i].mbid, mbid) != 0)
        i++;
    if (i == b->n_facts)
        b->facts[b->n_facts++].mbid = mem_strdup(mbid);
    return i;
}

static struct outcome outcome_for(struct batch *b, struct entry *x)
{
    struct question *q = &b->questions[x->question];
    bool failed = question_state(b, q) == ROW_FAILED;
    /* while the endpoint rests nothing is asked there anyway, and the other providers may have the song */
    bool waits = failed && !lane_is_blocked(b->lane);
    struct outcome o = {
        .song_id = x->item.song_id,
        .provider = b->lane->p->id,
        .kind = failed ? OUTCOME_FAILED : q->answer.count ? OUTCOME_FOUND : OUTCOME_NOT_FOUND,
        .candidates = &q->answer,
        .chosen = -1,
        .pair_key = question_is_asked(q) ? q->pair_key : NULL,
        .from_cache = q->from_cache,
        .counted = x->begun,
        .remaining = enrich_usable(b->lane->w),
        .max_attempts = (int)config_number(b->lane->w->d.config, OPT_ENRICHMENT_MAX_ATTEMPTS),
        .not_before_ms = waits ? batch_wall(b) + job_retry_ms(x->item.attempts) : 0,
        .detail = failed ? b->detail : question_is_asked(q) ? "" : "the name leaves nothing to ask for",
        .now_ms = batch_wall(b),
    };

    return o;
}

static void judge(struct batch *b, struct entry *x, struct outcome *o)
{
    struct question *q = &b->questions[x->question];
    const struct song *s = &x->item.song;
    struct wanted w = {q->artist, q->title, s->variant, job_order_is_open(&x->item)};
    struct standing standing = {x->item.parsed_confidence, s->confidence, s->status, x->item.agreed, q->artist, q->title};

    o->chosen = match_judge(&w, &q->answer);
    if (o->chosen < 0)
        return;
    o->confidence = confidence_accept(&standing, &q->answer.items[o->chosen], &o->contradicts);
    if (!q->from_cache && q->answer.items[o->chosen].mbid)
        x->fact = fact_for(b, q->answer.items[o->chosen].mbid);
}

/* Songs that went meanwhile are nobody's trouble. */
static int store_entry(struct db *db, struct batch *b, struct entry *x, struct outcome *o, struct err *e)
{
    const struct question *q = &b->questions[x->question];
    int rc;

    if (x->gone)
        return 0;
    if (question_state(b, q) == ROW_BACK) {
        rc = x->begun ? queue_refund(db, x->item.song_id, b->lane->p->id, b->back_until_ms, e) : 0;
    } else {
        if (o->kind == OUTCOME_FOUND)
            judge(b, x, o);
        rc = queue_outcome(db, o, &x->result, e);
    }
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

struct names_op {
    struct dbq_op op;
    struct batch *b;
    struct outcome outcomes[BATCH_SONGS];
};

static int run_names(struct db *db, struct dbq_op *op)
{
    struct names_op *n = container_of(op, struct names_op, op);
    int rc = 0;

    for (int i = 0; rc == 0 && i < n->b->n_entries; i++)
        rc = store_entry(db, n->b, &n->b->entries[i], &n->outcomes[i], &op->err);
    return rc;
}

/* Tells what was stored and forgets it: the next stage stores anew. */
static void tell_results(struct batch *b, const char *source)
{
    struct enrich *w = b->lane->w;

    for (int i = 0; i < b->n_entries; i++) {
        struct outcome_result *r = &b->entries[i].result;
        if (r->song.id) {
            enrich_advanced(w, r);
            enrich_song_stored(w, r, source);
        }
        song_deinit(&r->song);
        *r = (struct outcome_result){0};
    }
}

static void count_answers(struct batch *b)
{
    for (int i = 0; i < b->n_entries; i++) {
        const struct question *q = &b->questions[b->entries[i].question];
        if (q->from_cache)
            b->lane->cached++;
        else if (question_is_asked(q) && question_state(b, q) == ROW_ANSWERED)
            *(q->answer.count ? &b->lane->found : &b->lane->not_found) += 1;
    }
}

static void names_done(struct dbq_op *op, int rc)
{
    struct names_op *n = container_of(op, struct names_op, op);
    struct batch *b = n->b;

    struct err e = op->err;

    free(n);
    if (rc == 0) {
        count_answers(b);
        tell_results(b, provider_name(b->lane->p->id));
        if (!b->lane->w->closing)
            enrich_wake(b->lane->w);     /* the other lanes may have the songs now */
    }
    batch_stored(b, rc, &e);
}

void batch_store_names(struct batch *b)
{
    struct names_op *n = mem_zalloc(sizeof *n);

    gather_answers(b);
    n->b = b;
    for (int i = 0; i < b->n_entries; i++)
        n->outcomes[i] = outcome_for(b, &b->entries[i]);
    n->op = (struct dbq_op){.run = run_names, .done = names_done};
    dbq_write(b->lane->w->d.q, &n->op);
}

/* --- genres and dates --------------------------------------------------------------------------- */

/* Moves what was learnt into the candidate. False when there is nothing new. */
static bool add_genres(const struct candidate *from, struct candidate *c)
{
    if (!from->mbid)
        return false;
    for (int i = 0; i < CANDIDATE_GENRES && from->genres[i]; i++) {
        free(c->genres[i]);
        c->genres[i] = mem_strdup(from->genres[i]);
    }
    if (!c->year)
        c->year_weak = from->year_weak;
    return from->genres[0] || from->year_weak;
}

static bool add_dates(const struct candidate *from, struct candidate *c)
{
    if (!from->mbid)
        return false;
    c->year = from->year;
    c->year_weak = from->year ? 0 : from->year_weak && (!c->year_weak || from->year_weak < c->year_weak) ? from->year_weak
                                                                                                       : c->year_weak;
    for (int i = 0; i < CANDIDATE_GENRES && from->genres[i] && !c->genres[0]; i++)
        c->genres[i] = mem_strdup(from->genres[i]);
    return from->year || from->year_weak;
}

static int candidate_of(const struct question *q, const char *mbid)
{
    for (size_t i = 0; i < q->answer.count; i++)
        if (q->answer.items[i].mbid && strcmp(q->answer.items[i].mbid, mbid) == 0)
            return (int)i;
    return -1;
}

static int store_fact(struct db *db, struct batch *b, struct entry *x, struct err *e)
{
    struct question *q = &b->questions[x->question];
    const struct fact *f = &b->facts[x->fact];
    bool dates = b->stage == STAGE_DATES;
    struct detail d = {
        .song_id = x->item.song_id, .answered = PROVIDER_LISTENBRAINZ, .candidates = &q->answer,
        .chosen = candidate_of(q, f->mbid), .source = dates ? PROVIDER_MUSICBRAINZ : PROVIDER_LISTENBRAINZ,
        .rule = dates ? "first_release" : "tags",
        .reason = dates ? "the first official album, single or EP that holds this recording"
                        : "official genres of the recording, its release group or its artist",
        .pair_key = q->pair_key, .now_ms = batch_wall(b),
    };
    int rc;

    if (d.chosen < 0)
        return 0;
    if (!(dates ? add_dates(&f->dates, &q->answer.items[d.chosen]) : add_genres(&f->genres, &q->answer.items[d.chosen])))
        return 0;
    rc = queue_detail(db, &d, &x->result, e);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int run_facts(struct db *db, struct dbq_op *op)
{
    struct batch *b = container_of(op, struct batch, op);
    int rc = 0;

    for (int i = 0; rc == 0 && i < b->n_entries; i++)
        if (!b->entries[i].gone && b->entries[i].fact >= 0)
            rc = store_fact(db, b, &b->entries[i], &op->err);
    return rc;
}

static void facts_done(struct dbq_op *op, int rc)
{
    struct batch *b = container_of(op, struct batch, op);

    if (rc == 0)
        tell_results(b, provider_name(b->stage == STAGE_DATES ? PROVIDER_MUSICBRAINZ : PROVIDER_LISTENBRAINZ));
    batch_stored(b, rc, &op->err);
}

void batch_store_facts(struct batch *b)
{
    b->op = (struct dbq_op){.run = run_facts, .done = facts_done};
    dbq_write(b->lane->w->d.q, &b->op);
}
