/* A batch: the names of up to a hundred songs asked for in a few requests, then their genres, then their dates.
 *
 * A batch walks the stages below; in each it has some requests under way, and when the last of them has ended, what they brought
 * is stored as one write and the next stage begins. Attempts are written before the names are asked for, and given back for
 * songs whose question was refused or never sent. Genres and dates belong to songs that are stored already: what cannot be
 * had of them is left to MusicBrainz' search, and costs no attempt.
 *
 * Songs of the same names share a question; pairs that are one to ListenBrainz share a row. A request that fails is asked for
 * again in halves, so that one bad row is found and fails alone. Loop thread; reading and judging run on the pool.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "song/confidence.h"
#include "song/fold.h"
#include "song/version.h"
#include "store/evidence.h"

#define ROWS_MAX (2 * BATCH_SONGS)
#define SHED_TRIES 6              /* a shed question for genres or dates; then the search brings them */

enum stage { STAGE_BEGIN, STAGE_NAMES, STAGE_STORE, STAGE_GENRES, STAGE_DATES, STAGE_DONE };
static const char *const stage_names[] = {"begin", "names", "store", "genres", "dates", "done"};

enum row_state { ROW_OPEN, ROW_ANSWERED, ROW_FAILED, ROW_BACK };

/* One pair as ListenBrainz is asked for it. */
struct row {
    char *artist, *title, *key;
    enum row_state state;
    struct candidate hit;        /* mbid NULL: a miss */
};

/* What one or more songs of the same names want to know. */
struct question {
    char *artist, *title, *pair_key;
    bool order_open, from_cache;
    int rows[2];                 /* as the name stands, and exchanged; -1 none */
    struct candidates answer;
};

struct entry {
    struct queue_item item;
    int question;
    bool begun, gone;
    int fact;                    /* of the accepted candidate; -1 none */
    struct outcome_result result;
};

/* What is learnt of one recording after its name. */
struct fact {
    char *mbid;
    struct candidate genres, dates;   /* mbid NULL until known */
};

struct batch {
    struct list link;
    struct lane *lane;
    enum stage stage;
    int rank, priority;          /* of its most urgent song */
    bool closing;
    struct entry entries[BATCH_SONGS];
    struct question questions[BATCH_SONGS];
    struct row rows[ROWS_MAX];
    struct fact facts[BATCH_SONGS];
    int n_entries, n_questions, n_rows, n_facts;
    struct list requests;        /* of the present stage */
    char detail[160];            /* the last trouble */
    int64_t back_until_ms;       /* refunded songs rest until then; 0 none */
    struct dbq_op op;
};

struct ask_many {
    struct list link;
    struct batch *batch;
    struct turn turn;
    const struct bulk *bulk;
    int first, n;                /* of rows, or of facts */
    int tries;
    struct fetch *fetch;
    struct reply reply;
    uv_work_t work;
    struct bulk_item *items;
    struct candidate *hits;
    struct provider_answer answer;
};

static void batch_next(struct batch *b);

static int64_t wall(const struct batch *b)
{
    return clock_wall(b->lane->w->d.clock);
}

static bool may_ask(const struct batch *b, const struct lane *l)
{
    return !b->closing && enrich_is_running(b->lane->w) && lane_is_usable(l);
}

static void batch_move(struct batch *b, enum stage to)
{
    log_debug("enrich", "batch %s -> %s songs=%d rows=%d", stage_names[b->stage], stage_names[to], b->n_entries, b->n_rows);
    b->stage = to;
}

/* --- what it holds ------------------------------------------------------------------------------ */

static int row_for(struct batch *b, const char *artist, const char *title)
{
    struct title_form form;
    char *key;
    int i = 0;

    title_form_read(title, &form);
    key = bulk_key(artist, form.text);
    while (key && i < b->n_rows && strcmp(b->rows[i].key, key) != 0)
        i++;
    if (!key)
        i = -1;
    else if (i == b->n_rows)
        b->rows[b->n_rows++] = (struct row){.artist = mem_strdup(artist), .title = mem_strdup(form.text), .key = key};
    else
        free(key);
    title_form_deinit(&form);
    return i;
}

static int question_for(struct batch *b, const struct queue_item *item)
{
    const char *artist = item->song.artist ? item->song.artist : "", *title = item->song.title ? item->song.title : "";
    char *pair = fold_pair(artist, title);
    struct question *q;
    int i = 0;

    while (i < b->n_questions && strcmp(b->questions[i].pair_key, pair) != 0)
        i++;
    q = &b->questions[i];
    if (i < b->n_questions) {
        free(pair);
        q->order_open |= job_order_is_open(item);
        return i;
    }
    b->n_questions++;
    *q = (struct question){.artist = mem_strdup(artist), .title = mem_strdup(title), .pair_key = pair, .rows = {-1, -1},
                           .order_open = job_order_is_open(item), .from_cache = item->cached || item->cached_not_found};
    if (item->cached)
        candidates_read_json(item->cached, b->lane->p->id, &q->answer, NULL);
    return i;
}

static void make_rows(struct batch *b)
{
    for (int i = 0; i < b->n_questions; i++) {
        struct question *q = &b->questions[i];
        if (q->from_cache)
            continue;
        q->rows[0] = row_for(b, q->artist, q->title);
        if (q->order_open)
            q->rows[1] = row_for(b, q->title, q->artist);
    }
}

static bool is_asked(const struct question *q)
{
    return q->rows[0] >= 0 || q->rows[1] >= 0;
}

static enum row_state question_state(const struct batch *b, const struct question *q)
{
    enum row_state state = ROW_ANSWERED;

    for (int i = 0; i < 2; i++) {
        enum row_state row = q->rows[i] < 0 ? ROW_ANSWERED : b->rows[q->rows[i]].state;
        if (row == ROW_BACK || row == ROW_OPEN)
            return ROW_BACK;
        if (row == ROW_FAILED)
            state = ROW_FAILED;
    }
    return state;
}

static void batch_free(struct batch *b)
{
    for (int i = 0; i < b->n_entries; i++) {
        queue_item_deinit(&b->entries[i].item);
        song_deinit(&b->entries[i].result.song);
    }
    for (int i = 0; i < b->n_questions; i++) {
        free(b->questions[i].artist);
        free(b->questions[i].title);
        free(b->questions[i].pair_key);
        candidates_deinit(&b->questions[i].answer);
    }
    for (int i = 0; i < b->n_rows; i++) {
        free(b->rows[i].artist);
        free(b->rows[i].title);
        free(b->rows[i].key);
        candidate_deinit(&b->rows[i].hit);
    }
    for (int i = 0; i < b->n_facts; i++) {
        free(b->facts[i].mbid);
        candidate_deinit(&b->facts[i].genres);
        candidate_deinit(&b->facts[i].dates);
    }
    free(b);
}

static void batch_end(struct batch *b, bool store_failed)
{
    struct lane *l = b->lane;
    struct enrich *w = l->w;

    batch_move(b, STAGE_DONE);
    list_del(&b->link);
    batch_free(b);
    if (store_failed)
        lane_store_failed(l);
    else if (!w->closing)
        enrich_wake(w);
    enrich_job_ended(w);
}

/* --- requests ----------------------------------------------------------------------------------- */

static bool request_go(struct turn *t);
static void request_drop(struct turn *t);

static void request_new(struct batch *b, const struct bulk *bulk, int first, int n, int tries)
{
    struct ask_many *r = mem_zalloc(sizeof *r);

    r->batch = b;
    r->bulk = bulk;
    r->first = first;
    r->n = n;
    r->tries = tries;
    reply_init(&r->reply);
    list_add(&b->requests, &r->link);
    turn_init(&r->turn, &b->lane->w->lanes[bulk->provider], bulk->endpoint, b->rank, request_go, request_drop);
    turn_wait(&r->turn);
}

/* The requests of a stage, each as large as it may be. */
static void request_all(struct batch *b, const struct bulk *bulk, int count)
{
    for (int first = 0; first < count; first += (int)bulk->most)
        request_new(b, bulk, first, count - first < (int)bulk->most ? count - first : (int)bulk->most, 0);
}

static void request_free(struct ask_many *r)
{
    turn_leave(&r->turn);
    list_del(&r->link);
    reply_deinit(&r->reply);
    for (int i = 0; r->hits && i < r->n; i++)
        candidate_deinit(&r->hits[i]);
    free(r->hits);
    free(r->items);
    provider_answer_deinit(&r->answer);
    free(r);
}

static void request_end(struct ask_many *r)
{
    struct batch *b = r->batch;

    request_free(r);
    if (list_is_empty(&b->requests))
        batch_next(b);
}

static void set_rows(struct ask_many *r, enum row_state state)
{
    if (r->batch->stage == STAGE_NAMES)
        for (int i = r->first; i < r->first + r->n; i++)
            r->batch->rows[i].state = state;
}

static void request_drop(struct turn *t)
{
    struct ask_many *r = container_of(t, struct ask_many, turn);

    set_rows(r, ROW_BACK);
    request_end(r);
}

/* The endpoint is closed to us: what still waits to be sent there is not sent. The last one to end is r. */
static void withdraw_others(struct ask_many *r)
{
    list_each_safe(pos, tmp, &r->batch->requests) {
        struct ask_many *other = container_of(pos, struct ask_many, link);
        if (other == r || list_is_empty(&other->turn.link))
            continue;
        set_rows(other, ROW_BACK);
        request_free(other);
    }
}

static void request_halves(struct ask_many *r)
{
    int half = r->n / 2;

    request_new(r->batch, r->bulk, r->first, half, r->tries);
    request_new(r->batch, r->bulk, r->first + half, r->n - half, r->tries);
}

static void take_names(struct ask_many *r)
{
    set_rows(r, ROW_ANSWERED);
    for (int i = 0; i < r->n; i++) {
        r->batch->rows[r->first + i].hit = r->hits[i];
        r->hits[i] = (struct candidate){0};
    }
}

static void take_facts(struct ask_many *r)
{
    for (int i = 0; i < r->n; i++) {
        struct fact *f = &r->batch->facts[r->first + i];
        struct candidate *to = r->batch->stage == STAGE_GENRES ? &f->genres : &f->dates;
        candidate_deinit(to);
        *to = r->hits[i];
        r->hits[i] = (struct candidate){0};
    }
}

/* A second three times, then 4 s, 8 s, 16 s, with up to a second of jitter: a server that sheds at random mostly answers the
 * next time. */
static uint64_t shed_wait(int tries)
{
    int doublings = tries <= 3 ? 0 : tries < SHED_TRIES ? tries - 2 : SHED_TRIES - 2;

    return (1000u << doublings) + (unsigned)(rand() % 1000);
}

static void names_trouble(struct ask_many *r)
{
    struct batch *b = r->batch;
    /* an outage says nothing about any row */
    bool failed = r->answer.kind == ANSWER_FAILED && !endpoint_is_failing(r->turn.lane, r->turn.end);

    snprintf(b->detail, sizeof b->detail, "%s", r->answer.detail);
    if (failed && r->n > 1 && may_ask(b, b->lane)) {
        request_halves(r);
        return;
    }
    set_rows(r, failed && r->n == 1 ? ROW_FAILED : ROW_BACK);
    if (failed)
        return;
    if (r->answer.kind == ANSWER_REFUSED)
        b->back_until_ms = wall(b) + (int64_t)shed_wait(1 + r->turn.lane->ends[r->turn.end].refusals);
    withdraw_others(r);
}

static void facts_trouble(struct ask_many *r)
{
    struct batch *b = r->batch;
    bool again = may_ask(b, r->turn.lane) && !endpoint_is_failing(r->turn.lane, r->turn.end);

    if (r->answer.kind == ANSWER_FAILED && r->n > 1 && again) {
        request_halves(r);
    } else if (r->answer.kind == ANSWER_REFUSED && r->tries < SHED_TRIES && may_ask(b, r->turn.lane)) {
        request_new(b, r->bulk, r->first, r->n, r->tries + 1);
        container_of(b->requests.prev, struct ask_many, link)->turn.not_before =
            lane_now(r->turn.lane) + shed_wait(r->tries + 1);
        lane_turns_wanted(r->turn.lane);
    } else if (r->answer.kind != ANSWER_REFUSED && r->n > 1) {
        withdraw_others(r);
    }
}

static void read_many(uv_work_t *work)
{
    struct ask_many *r = container_of(work, struct ask_many, work);
    struct provider_reply reply = reply_view(&r->reply);

    r->bulk->read(r->items, (size_t)r->n, &reply, r->hits, &r->answer);
}

static void after_many(uv_work_t *work, int status)
{
    struct ask_many *r = container_of(work, struct ask_many, work);
    bool names = r->batch->stage == STAGE_NAMES;

    (void)status;
    reply_deinit(&r->reply);
    lane_took_answer(r->turn.lane, r->turn.end, &r->answer);
    if (r->answer.kind != ANSWER_FOUND)
        names ? names_trouble(r) : facts_trouble(r);
    else
        names ? take_names(r) : take_facts(r);
    request_end(r);
}

static void on_many_sent(void *arg)
{
    turn_went_out(&((struct ask_many *)arg)->turn);
}

static void on_many_fetched(void *arg, const struct fetch_result *f)
{
    struct ask_many *r = arg;

    r->fetch = NULL;
    reply_take(&r->reply, f);
    turn_back(&r->turn);
    if (f->code == ERR_CANCELED)
        request_drop(&r->turn);
    else
        uv_queue_work(r->batch->lane->w->d.loop, &r->work, read_many, after_many);
}

static struct bulk_item *items_of(const struct ask_many *r)
{
    struct bulk_item *items = mem_zalloc((size_t)r->n * sizeof *items);
    const struct batch *b = r->batch;

    for (int i = 0; i < r->n; i++) {
        if (b->stage == STAGE_NAMES)
            items[i] = (struct bulk_item){b->rows[r->first + i].artist, b->rows[r->first + i].title, NULL};
        else
            items[i].mbid = b->facts[r->first + i].mbid;
    }
    return items;
}

static bool request_go(struct turn *t)
{
    struct ask_many *r = container_of(t, struct ask_many, turn);
    struct lane *l = t->lane;
    struct provider_request request = {0};
    struct fetch_options o = {.user_agent = l->w->user_agent, .ca_file = l->ca_file[0] ? l->ca_file : NULL, .sent = on_many_sent};
    struct err e = {0};
    int rc;

    free(r->items);
    r->items = items_of(r);
    free(r->hits);
    r->hits = mem_zalloc((size_t)r->n * sizeof *r->hits);
    rc = r->bulk->build(&l->settings, r->items, (size_t)r->n, &request);
    o.url = request.url;
    o.header = request.header;
    o.post_body = request.body;
    o.secret = l->key;
    if (rc == 0)
        rc = fetch_start(l->w->d.http, &o, on_many_fetched, r, &r->fetch, &e);
    provider_request_deinit(&request);
    if (rc) {
        log_warn("enrich", "cannot send a request: %s provider=%s", err_text(&e), provider_name(l->p->id));
        r->batch->back_until_ms = wall(r->batch) + 5000;
        request_drop(t);
        return false;
    }
    turn_sent(t);
    if (lane_turns_waiting(l) <= 1)
        l->dry = false;      /* time for the next batch: it is looked for when this token's turn is over */
    return true;
}

/* --- the names, stored -------------------------------------------------------------------------- */

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
    int64_t retry = 5000LL << (x->item.attempts < 6 ? x->item.attempts : 6);
    struct outcome o = {
        .song_id = x->item.song_id,
        .provider = b->lane->p->id,
        .kind = failed ? OUTCOME_FAILED : q->answer.count ? OUTCOME_FOUND : OUTCOME_NOT_FOUND,
        .candidates = &q->answer,
        .chosen = -1,
        .pair_key = is_asked(q) ? q->pair_key : NULL,
        .from_cache = q->from_cache,
        .counted = x->begun,
        .remaining = enrich_usable(b->lane->w),
        .max_attempts = (int)config_number(b->lane->w->d.config, OPT_ENRICHMENT_MAX_ATTEMPTS),
        .not_before_ms = waits ? wall(b) + retry * 3 / 4 + rand() % (retry / 2) : 0,
        .detail = failed ? b->detail : is_asked(q) ? "" : "the name leaves nothing to ask for",
        .now_ms = wall(b),
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
        else if (question_state(b, q) == ROW_ANSWERED)
            *(q->answer.count ? &b->lane->found : &b->lane->not_found) += 1;
    }
}

static void names_done(struct dbq_op *op, int rc)
{
    struct names_op *n = container_of(op, struct names_op, op);
    struct batch *b = n->b;

    if (rc)
        log_error("enrich", "cannot store the answers to a batch: %s", err_text(&op->err));
    free(n);
    if (rc) {
        batch_end(b, true);
        return;
    }
    count_answers(b);
    tell_results(b, provider_name(b->lane->p->id));
    if (!b->lane->w->closing)
        enrich_wake(b->lane->w);     /* the other lanes may have the songs now */
    batch_next(b);
}

static void store_names(struct batch *b)
{
    struct names_op *n = mem_zalloc(sizeof *n);

    batch_move(b, STAGE_STORE);
    gather_answers(b);
    n->b = b;
    for (int i = 0; i < b->n_entries; i++)
        n->outcomes[i] = outcome_for(b, &b->entries[i]);
    n->op = (struct dbq_op){.run = run_names, .done = names_done};
    dbq_write(b->lane->w->d.q, &n->op);
}

/* --- genres and dates, stored --------------------------------------------------------------------- */

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
        .pair_key = q->pair_key, .now_ms = wall(b),
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

static void plan_dates(struct batch *b);

static void facts_done(struct dbq_op *op, int rc)
{
    struct batch *b = container_of(op, struct batch, op);

    if (rc) {
        log_error("enrich", "cannot store what a batch learnt: %s", err_text(&op->err));
        batch_end(b, true);
        return;
    }
    tell_results(b, provider_name(b->stage == STAGE_DATES ? PROVIDER_MUSICBRAINZ : PROVIDER_LISTENBRAINZ));
    if (b->stage == STAGE_GENRES)
        plan_dates(b);
    else
        batch_end(b, false);
}

static void store_facts(struct batch *b)
{
    b->op = (struct dbq_op){.run = run_facts, .done = facts_done};
    dbq_write(b->lane->w->d.q, &b->op);
}

/* --- its way -------------------------------------------------------------------------------------- */

static void plan_dates(struct batch *b)
{
    const struct lane *mb = &b->lane->w->lanes[PROVIDER_MUSICBRAINZ];

    batch_move(b, STAGE_DATES);
    if (mb->p && may_ask(b, mb) && endpoint_is_open(mb, bulk_dates.endpoint))
        request_all(b, &bulk_dates, b->n_facts);
    else
        batch_end(b, false);
}

static void plan_genres(struct batch *b)
{
    batch_move(b, STAGE_GENRES);
    if (b->n_facts == 0)
        batch_end(b, false);
    else if (may_ask(b, b->lane) && endpoint_is_open(b->lane, bulk_metadata.endpoint))
        request_all(b, &bulk_metadata, b->n_facts);
    else
        plan_dates(b);
}

/* The requests of the stage are over, or its write. */
static void batch_next(struct batch *b)
{
    switch (b->stage) {
    case STAGE_BEGIN:
    case STAGE_NAMES:
        store_names(b);
        break;
    case STAGE_STORE:
        plan_genres(b);
        break;
    case STAGE_GENRES:
    case STAGE_DATES:
        store_facts(b);
        break;
    case STAGE_DONE:
        break;
    }
}

static int run_begin(struct db *db, struct dbq_op *op)
{
    struct batch *b = container_of(op, struct batch, op);
    int rc = 0;

    for (int i = 0; rc == 0 && i < b->n_entries; i++) {
        struct entry *x = &b->entries[i];
        if (!is_asked(&b->questions[x->question]))
            continue;
        rc = queue_begin(db, x->item.song_id, b->lane->p->id, wall(b), &op->err);
        x->begun = rc == 0;
        x->gone = rc == ERR_NOT_FOUND;
        rc = rc == ERR_NOT_FOUND ? 0 : rc;
    }
    return rc;
}

static void begin_done(struct dbq_op *op, int rc)
{
    struct batch *b = container_of(op, struct batch, op);
    struct lane *l = b->lane;
    int front = lane_front(l);

    if (rc) {
        log_warn("enrich", "cannot begin a batch: %s", err_text(&op->err));
        batch_end(b, true);
        return;
    }
    for (int i = 0; i < b->n_entries; i++)
        b->entries[i].item.attempts += b->entries[i].begun;
    batch_move(b, STAGE_NAMES);
    if (b->n_rows && may_ask(b, l))
        request_all(b, front == LISTENBRAINZ_LOOKUP ? &bulk_lookup : &bulk_labs, b->n_rows);
    else
        batch_next(b);      /* nothing to ask for, or rows that stay open: given back */
}

void batch_start(struct lane *l, struct queue_item *items, int n)
{
    struct batch *b = mem_zalloc(sizeof *b);

    b->lane = l;
    b->priority = items[0].priority;
    b->rank = b->priority > 0 ? RANK_WANTED : RANK_MANY;
    list_init(&b->requests);
    list_add(&l->w->batches, &b->link);
    for (int i = 0; i < n; i++) {
        struct entry *x = &b->entries[b->n_entries++];
        *x = (struct entry){.item = items[i], .fact = -1};
        items[i] = (struct queue_item){0};
        x->question = question_for(b, &x->item);
    }
    make_rows(b);
    log_debug("enrich", "batch begins songs=%d questions=%d rows=%d", b->n_entries, b->n_questions, b->n_rows);
    enrich_retained(l->w);
    b->op = (struct dbq_op){.run = run_begin, .done = begin_done};
    dbq_write(l->w->d.q, &b->op);
}

/* --- what others ask ------------------------------------------------------------------------------- */

static bool is_naming(const struct batch *b)
{
    return b->stage <= STAGE_STORE;
}

/* One batch under way and the next one ready when its last requests go. */
bool batch_may_start(const struct lane *l)
{
    int naming = 0;

    list_each_safe(pos, tmp, &l->w->batches)
        naming += is_naming(container_of(pos, struct batch, link));
    return naming == 0 || (naming == 1 && lane_turns_waiting(l) <= 1);
}

int batches_urgency(const struct enrich *w)
{
    int most = 0;

    list_each_safe(pos, tmp, &w->batches) {
        const struct batch *b = container_of(pos, struct batch, link);
        if (is_naming(b) && b->priority > most)
            most = b->priority;
    }
    return most;
}

bool batches_are_full(const struct enrich *w)
{
    int n = 0;

    list_each_safe(pos, tmp, &w->batches) {
        const struct batch *b = container_of(pos, struct batch, link);
        if (b->stage == STAGE_BEGIN)
            return true;
        n++;
    }
    return n >= BATCHES_MAX;
}

bool batches_hold_song(const struct enrich *w, int64_t song_id)
{
    list_each_safe(pos, tmp, &w->batches) {
        const struct batch *b = container_of(pos, struct batch, link);
        for (int i = 0; is_naming(b) && i < b->n_entries; i++)
            if (b->entries[i].item.song_id == song_id)
                return true;
    }
    return false;
}

bool batches_hold_pair(const struct enrich *w, const char *pair_key)
{
    list_each_safe(pos, tmp, &w->batches) {
        const struct batch *b = container_of(pos, struct batch, link);
        for (int i = 0; is_naming(b) && i < b->n_questions; i++)
            if (strcmp(b->questions[i].pair_key, pair_key) == 0)
                return true;
    }
    return false;
}

void batches_skip(const struct enrich *w, struct lane *l)
{
    list_each_safe(pos, tmp, &w->batches) {
        const struct batch *b = container_of(pos, struct batch, link);
        for (int i = 0; is_naming(b) && i < b->n_entries; i++)
            lane_skip_song(l, b->entries[i].item.song_id);
    }
}

void batches_cancel(struct enrich *w)
{
    list_each_safe(pos, tmp, &w->batches) {
        struct batch *b = container_of(pos, struct batch, link);
        b->closing = true;
        list_each_safe(at, next, &b->requests) {
            struct ask_many *r = container_of(at, struct ask_many, link);
            if (r->fetch)
                fetch_cancel(r->fetch);
        }
    }
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_drop_turns(&w->lanes[i], ALL_ENDS);
}
