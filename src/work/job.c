/* One question to one provider, from the attempt written before it to the outcome stored after it.
 *
 * The states and their allowed edges stand in `edges`; job_move is the only place that changes one.
 * Callbacks note their result and move on. Loop thread; reading and judging run on the pool.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "song/confidence.h"
#include "song/fold.h"
#include "store/evidence.h"

#define BIT(s) (1u << (s))

static const struct {
    const char *name;
    unsigned to;
} edges[] = {
    [JOB_BEGIN] = {"begin", BIT(JOB_SLOT) | BIT(JOB_READ) | BIT(JOB_DONE) | BIT(JOB_REFUND)},
    [JOB_SLOT] = {"slot", BIT(JOB_FETCH) | BIT(JOB_REFUND) | BIT(JOB_STORE) | BIT(JOB_DONE)},
    [JOB_FETCH] = {"fetch", BIT(JOB_READ) | BIT(JOB_REFUND) | BIT(JOB_DONE)},
    [JOB_READ] = {"read", BIT(JOB_STORE) | BIT(JOB_SLOT) | BIT(JOB_REFUND) | BIT(JOB_DONE)},
    [JOB_STORE] = {"store", BIT(JOB_DONE)},
    [JOB_REFUND] = {"refund", BIT(JOB_DONE)},
    [JOB_DONE] = {"done", 0},
};

static void job_move(struct job *j, enum job_state to)
{
    if (!(edges[j->state].to & BIT(to)))
        bug("job moves from %s to %s song=%lld", edges[j->state].name, edges[to].name, (long long)j->item.song_id);
    log_debug("enrich", "job %s -> %s song=%lld provider=%s", edges[j->state].name, edges[to].name, (long long)j->item.song_id,
              provider_name(j->lane->p->id));
    j->state = to;
}

static int64_t wall(const struct job *j)
{
    return clock_wall(j->lane->w->d.clock);
}

static struct wanted job_wanted(const struct job *j)
{
    return (struct wanted){j->artist, j->title, j->item.song.variant, j->order_open};
}

static struct job *job_alloc(struct lane *l)
{
    struct job *j = mem_zalloc(sizeof *j);

    j->lane = l;
    j->chosen = -1;
    list_init(&j->link);
    list_init(&j->turn.link);
    reply_init(&j->reply);
    list_add(&l->w->jobs, &j->link);
    l->w->open++;
    return j;
}

/* MusicBrainz' data settles the order; Last.fm has entries for many a pair that its listeners exchanged, and is to be confirmed.
 * Below the band of vendor habits the name's own order is open. */
bool job_order_is_open(const struct queue_item *i)
{
    return (i->agreed & ~(1u << PROVIDER_LASTFM)) == 0 && i->parsed_confidence < 0.70 && i->song.artist && i->song.artist[0];
}

struct job *job_new(struct lane *l, struct queue_item *item)
{
    struct job *j = job_alloc(l);

    j->item = *item;
    *item = (struct queue_item){0};
    j->artist = mem_strdup(j->item.song.artist ? j->item.song.artist : "");
    j->title = mem_strdup(j->item.song.title ? j->item.song.title : "");
    j->pair_key = fold_pair(j->artist, j->title);
    j->order_open = job_order_is_open(&j->item);
    j->from_cache = j->item.cached || j->item.cached_not_found;
    return j;
}

struct job *job_new_test(struct lane *l, test_cb done, void *arg)
{
    struct job *j = job_alloc(l);

    /* any song that every provider knows will do */
    j->artist = mem_strdup("Queen");
    j->title = mem_strdup("Bohemian Rhapsody");
    j->pair_key = mem_strdup("");
    j->test_done = done;
    j->test_arg = arg;
    return j;
}

struct job *job_new_probe(struct lane *l)
{
    struct job *j = job_new_test(l, NULL, NULL);

    j->probe = true;
    return j;
}

struct job *job_new_words(struct lane *l, struct words *q)
{
    struct job *j = job_alloc(l);

    j->words = q;
    j->artist = mem_strdup(q->artist);
    j->title = mem_strdup(q->title);
    j->item.song.variant = mem_strdup(q->variant);
    j->pair_key = mem_strdup("");
    return j;
}

void reply_init(struct reply *r)
{
    *r = (struct reply){0};
    buf_init(&r->body, 0);
}

void reply_deinit(struct reply *r)
{
    free(r->content_type);
    free(r->retry_after);
    free(r->rate_zone);
    free(r->rate_remaining);
    free(r->rate_reset_in);
    buf_deinit(&r->body);
    reply_init(r);
}

void reply_take(struct reply *r, const struct fetch_result *f)
{
    reply_deinit(r);
    r->transport = f->code;
    r->status = f->status;
    r->content_type = mem_strdup(f->content_type);
    r->retry_after = mem_strdup(f->retry_after);
    r->rate_zone = mem_strdup(f->rate_zone);
    r->rate_remaining = mem_strdup(f->rate_remaining);
    r->rate_reset_in = mem_strdup(f->rate_reset_in);
    if (f->body) {
        buf_deinit(&r->body);
        r->body = *f->body;
        buf_init(f->body, 0);
    }
}

struct provider_reply reply_view(const struct reply *r)
{
    return (struct provider_reply){
        .transport = r->transport,
        .status = r->status,
        .content_type = r->content_type,
        .retry_after = r->retry_after,
        .rate_zone = r->rate_zone,
        .rate_remaining = r->rate_remaining,
        .rate_reset_in = r->rate_reset_in,
        .body = {r->body.data ? r->body.data : "", r->body.len},
    };
}

static void job_end(struct job *j)
{
    struct enrich *w = j->lane->w;

    job_move(j, JOB_DONE);
    list_del(&j->link);
    turn_leave(&j->turn);
    queue_item_deinit(&j->item);
    free(j->artist);
    free(j->title);
    free(j->pair_key);
    reply_deinit(&j->reply);
    candidates_deinit(&j->candidates);
    provider_answer_deinit(&j->answer);
    song_deinit(&j->result.song);
    free(j);
    enrich_job_ended(w);
}

/* Lanes look again only now: while the job lived its song was passed over. */
static void job_end_and_wake(struct job *j, bool store_failed)
{
    struct lane *l = j->lane;
    struct enrich *w = l->w;

    w->open++;       /* the worker must outlive its lanes' look */
    job_end(j);
    if (store_failed)
        lane_store_failed(l);
    else if (!w->closing)
        enrich_wake(w);
    enrich_release(w);
}

static bool was_answered(const struct job *j)
{
    return j->answer.kind == ANSWER_FOUND || j->answer.kind == ANSWER_NOT_FOUND;
}

static int run_store_words(struct db *db, struct dbq_op *op)
{
    struct job *j = container_of(op, struct job, op);

    return candidates_keep(db, j->words->song_id, j->lane->p->id, &j->candidates, wall(j), &op->err);
}

static void words_stored(struct dbq_op *op, int rc)
{
    struct job *j = container_of(op, struct job, op);

    if (rc && rc != ERR_NOT_FOUND)
        log_error("enrich", "cannot store suggestions: %s song=%lld", err_text(&op->err), (long long)j->words->song_id);
    words_answered(j->words, rc);
    job_end_and_wake(j, false);
}

static void end_words(struct job *j, int rc)
{
    if (rc == 0 && was_answered(j) && j->candidates.count) {
        job_move(j, JOB_STORE);
        j->op = (struct dbq_op){.run = run_store_words, .done = words_stored, .flags = DBQ_URGENT};
        dbq_write(j->lane->w->d.q, &j->op);
        return;
    }
    words_answered(j->words, rc == 0 && was_answered(j) ? 0 : ERR_TIMEOUT);
    job_end_and_wake(j, false);
}

static void end_test(struct job *j, int rc)
{
    j->test_done(j->test_arg, rc, rc ? err_name(rc) : answer_class_name(j->answer.kind),
                 rc ? err_sentence(rc) : j->answer.detail);
    job_end(j);
}

/* What is not of the queue leaves nothing to give back and no attempt to count. */
static void end_outside(struct job *j, int rc)
{
    if (j->words)
        end_words(j, rc);
    else if (j->probe)
        job_end_and_wake(j, rc != 0);   /* what could not be sent is tried again later */
    else
        end_test(j, rc);
}

/* --- giving the attempt back --------------------------------------------------------- */

static int run_refund(struct db *db, struct dbq_op *op)
{
    struct job *j = container_of(op, struct job, op);

    return queue_refund(db, j->item.song_id, j->lane->p->id, j->refund_until_ms, &op->err);
}

static void refund_done(struct dbq_op *op, int rc)
{
    struct job *j = container_of(op, struct job, op);

    if (rc && rc != ERR_NOT_FOUND)
        log_warn("enrich", "cannot give an attempt back: %s song=%lld", err_text(&op->err), (long long)j->item.song_id);
    job_end_and_wake(j, rc && rc != ERR_NOT_FOUND);
}

static void job_refund(struct job *j, uint64_t wait_ms)
{
    if (j->item.song_id == 0) {
        end_outside(j, j->words || j->closing ? ERR_CANCELED : 0);
        return;
    }
    job_move(j, JOB_REFUND);
    j->refund_until_ms = wait_ms ? wall(j) + (int64_t)wait_ms : 0;
    j->op = (struct dbq_op){.run = run_refund, .done = refund_done, .flags = lane_patience(j->lane)};
    dbq_write(j->lane->w->d.q, &j->op);
}

/* --- storing the outcome ---------------------------------------------------------------- */

static int run_store(struct db *db, struct dbq_op *op)
{
    struct job *j = container_of(op, struct job, op);

    return queue_outcome(db, &j->outcome, &j->result, &op->err);
}

static void store_done(struct dbq_op *op, int rc)
{
    struct job *j = container_of(op, struct job, op);
    struct enrich *w = j->lane->w;

    if (rc && rc != ERR_NOT_FOUND)
        log_error("enrich", "cannot store an answer: %s song=%lld provider=%s", err_text(&op->err), (long long)j->item.song_id,
                  provider_name(j->lane->p->id));
    if (rc == 0) {
        enrich_advanced(w, &j->result);
        enrich_song_stored(w, &j->result, provider_name(j->lane->p->id));
    }
    job_end_and_wake(j, rc && rc != ERR_NOT_FOUND);
}

int64_t job_retry_ms(int attempts)
{
    int64_t wait = 5000LL << (attempts < 6 ? attempts : 6);

    return wait * 3 / 4 + rand() % (wait / 2);
}

static void job_store(struct job *j, int kind)
{
    struct lane *l = j->lane;

    job_move(j, JOB_STORE);
    j->outcome = (struct outcome){
        .song_id = j->item.song_id,
        .provider = l->p->id,
        .kind = kind,
        .candidates = &j->candidates,
        .chosen = j->chosen,
        .confidence = j->confidence,
        .contradicts = j->contradicts,
        .pair_key = j->pair_key,
        .from_cache = j->from_cache,
        .counted = j->begun,
        .remaining = enrich_usable(l->w),
        .max_attempts = (int)config_number(l->w->d.config, OPT_ENRICHMENT_MAX_ATTEMPTS),
        .not_before_ms = kind == OUTCOME_FAILED ? wall(j) + job_retry_ms(j->item.attempts) : 0,
        .detail = j->answer.detail,
        .now_ms = wall(j),
    };
    j->op = (struct dbq_op){.run = run_store, .done = store_done, .flags = lane_patience(l)};
    dbq_write(l->w->d.q, &j->op);
}

/* --- reading on the pool ------------------------------------------------------------------ */

static void add_candidates(struct candidates *all, struct candidates *more)
{
    for (size_t i = 0; i < more->count; i++) {
        struct candidate *c = candidates_add(all, more->items[i].provider);
        if (!c)
            break;
        *c = more->items[i];
        more->items[i] = (struct candidate){0};
    }
    candidates_deinit(more);
    *more = (struct candidates){0};
}

static void judge(struct job *j)
{
    struct wanted w = job_wanted(j);
    struct standing s = {
        .parsed_confidence = j->item.parsed_confidence,
        .confidence = j->item.song.confidence,
        .status = j->item.song.status,
        .agreed = j->item.agreed,
        .artist = j->artist,
        .title = j->title,
    };

    j->chosen = match_judge(&w, &j->candidates);
    if (j->chosen >= 0)
        j->confidence = confidence_accept(&s, &j->candidates.items[j->chosen], &j->contradicts);
}

static void read_on_pool(uv_work_t *work)
{
    struct job *j = container_of(work, struct job, work);
    struct wanted w = job_wanted(j);
    struct provider_reply reply = reply_view(&j->reply);

    provider_answer_deinit(&j->answer);
    if (j->from_cache) {
        j->answer = (struct provider_answer){.kind = j->item.cached_not_found ? ANSWER_NOT_FOUND : ANSWER_FOUND};
        if (j->item.cached)
            candidates_read_json(j->item.cached, j->lane->p->id, &j->answer.candidates, NULL);
    } else {
        j->lane->p->read(&w, j->stage, &reply, &j->answer);
    }
    add_candidates(&j->candidates, &j->answer.candidates);
    judge(j);
}

static bool may_ask(const struct job *j)
{
    return !j->closing && enrich_is_running(j->lane->w) && lane_is_usable(j->lane);
}

static bool job_go(struct turn *t);
static void job_drop_turn(struct turn *t);

/* A test is about the token, when there is one. */
int job_single_end(const struct lane *l)
{
    if (l->p->in_bulk)
        return l->key[0] ? LISTENBRAINZ_LOOKUP : LISTENBRAINZ_LABS;
    return lane_front(l);
}

static void job_slot(struct job *j)
{
    bool wanted = j->item.priority > 0 || j->words || j->probe;
    int rank = wanted ? RANK_WANTED : j->item.asked & QUEUE_SETTLED ? RANK_DATE : RANK_SONG;
    int end = j->item.song_id || j->probe ? lane_front(j->lane) : job_single_end(j->lane);

    job_move(j, JOB_SLOT);
    turn_init(&j->turn, j->lane, end < 0 ? ENDPOINT_MAIN : end, rank, job_go, job_drop_turn);
    turn_wait(&j->turn);
}

/* Half an answer is none: whoever may not ask on gives the song back whole. */
static void ask_further(struct job *j)
{
    if (may_ask(j)) {
        j->stage++;
        job_slot(j);
    } else {
        job_refund(j, 0);
    }
}

static void after_read(uv_work_t *work, int status)
{
    struct job *j = container_of(work, struct job, work);
    struct lane *l = j->lane;
    enum answer_class kind = j->answer.kind;
    int refusals;

    (void)status;
    reply_deinit(&j->reply);
    if (!j->from_cache) {
        lane_took_answer(l, j->turn.end, &j->answer);
        l->found += kind == ANSWER_FOUND;
        l->not_found += kind == ANSWER_NOT_FOUND;
    }
    if (j->words && j->answer.ask_again && was_answered(j) && j->chosen < 0 && j->stage < 4) {
        ask_further(j);
        return;
    }
    if (j->item.song_id == 0) {
        end_outside(j, 0);
        return;
    }
    switch (kind) {
    case ANSWER_FOUND:
    case ANSWER_NOT_FOUND:
        if (j->answer.ask_again && j->chosen < 0 && !j->from_cache && j->stage < 4) {
            ask_further(j);
            return;
        }
        job_store(j, j->candidates.count ? OUTCOME_FOUND : OUTCOME_NOT_FOUND);
        return;
    case ANSWER_FAILED:
        if (endpoint_is_failing(l, j->turn.end))
            job_refund(j, 0);        /* an outage says nothing about the song, and others may have it meanwhile */
        else
            job_store(j, OUTCOME_FAILED);
        return;
    case ANSWER_REFUSED:
        /* the song rests a little longer than the lane does, so that others get their turn: 2 s to 32 s, jittered */
        refusals = l->ends[j->turn.end].refusals;
        job_refund(j, (2000u << (refusals < 4 ? refusals : 4)) + (unsigned)(rand() % 1000));
        return;
    case ANSWER_KEY:
    case ANSWER_OFFLINE:
        job_refund(j, 0);
        return;
    }
}

static void job_read(struct job *j)
{
    job_move(j, JOB_READ);
    uv_queue_work(j->lane->w->d.loop, &j->work, read_on_pool, after_read);
}

/* --- asking --------------------------------------------------------------------------------- */

static void on_sent(void *arg)
{
    turn_went_out(&((struct job *)arg)->turn);
}

static void on_fetched(void *arg, const struct fetch_result *r)
{
    struct job *j = arg;

    j->fetch = NULL;
    reply_take(&j->reply, r);
    turn_back(&j->turn);
    if (r->code == ERR_CANCELED)
        job_refund(j, 0);
    else
        job_read(j);
}

/* What cannot be asked (nothing left of the title) is no failure of anybody: the provider does not know it. */
static void job_unaskable(struct job *j)
{
    snprintf(j->answer.detail, sizeof j->answer.detail, "the name leaves nothing to ask for");
    if (j->item.song_id)
        job_store(j, OUTCOME_NOT_FOUND);
    else
        end_outside(j, j->words ? 0 : ERR_INVALID);   /* that it knows nothing of such words is an answer */
}

static bool job_go(struct turn *t)
{
    struct job *j = container_of(t, struct job, turn);
    struct lane *l = j->lane;
    struct wanted w = job_wanted(j);
    struct provider_settings settings = l->settings;
    struct provider_request request = {0};
    struct fetch_options o = {.user_agent = l->w->user_agent, .ca_file = l->ca_file[0] ? l->ca_file : NULL, .sent = on_sent};
    struct err e = {0};
    int rc;

    if (l->p->in_bulk && t->end == LISTENBRAINZ_LABS)
        settings.key = "";
    if (l->p->build(&settings, &w, j->stage, &request)) {
        job_unaskable(j);
        return false;
    }
    o.url = request.url;
    o.header = request.header;
    o.post_body = request.body;
    o.secret = l->key;
    rc = fetch_start(l->w->d.http, &o, on_fetched, j, &j->fetch, &e);
    provider_request_deinit(&request);
    if (rc) {
        log_warn("enrich", "cannot send a request: %s provider=%s", err_text(&e), provider_name(l->p->id));
        if (j->item.song_id)
            job_refund(j, 5000);
        else
            end_outside(j, rc);
        return false;
    }
    job_move(j, JOB_FETCH);
    turn_sent(t);
    l->dating += (j->item.asked & QUEUE_SETTLED) != 0;
    return true;
}

/* A test asks on: a person wants to know. */
static void job_drop_turn(struct turn *t)
{
    struct job *j = container_of(t, struct job, turn);

    if (j->test_done)
        turn_wait(t);
    else
        job_cancel(j);
}

/* --- the attempt, written before the request --------------------------------------------------- */

static int run_begin(struct db *db, struct dbq_op *op)
{
    struct job *j = container_of(op, struct job, op);

    return queue_begin(db, j->item.song_id, j->lane->p->id, wall(j), &op->err);
}

static void begin_done(struct dbq_op *op, int rc)
{
    struct job *j = container_of(op, struct job, op);

    if (rc) {
        if (rc != ERR_NOT_FOUND)
            log_warn("enrich", "cannot begin: %s song=%lld", err_text(&op->err), (long long)j->item.song_id);
        job_end_and_wake(j, rc != ERR_NOT_FOUND);
        return;
    }
    j->begun = true;
    j->item.attempts++;
    if (may_ask(j))
        job_slot(j);
    else
        job_refund(j, 0);
}

void job_start(struct job *j)
{
    if (j->item.song_id == 0) {
        job_slot(j);
        return;
    }
    if (j->from_cache) {
        j->lane->cached++;
        job_read(j);
        return;
    }
    /* a lane that has nothing ready would lose its pace by waiting */
    j->op = (struct dbq_op){
        .run = run_begin, .done = begin_done, .flags = list_is_empty(&j->lane->turns) ? 0 : lane_patience(j->lane)};
    dbq_write(j->lane->w->d.q, &j->op);
}

void job_drop(struct job *j)
{
    job_end(j);
}

void job_cancel(struct job *j)
{
    j->closing = true;
    if (j->state == JOB_SLOT) {
        turn_leave(&j->turn);
        job_refund(j, 0);
    } else if (j->state == JOB_FETCH && j->fetch) {
        fetch_cancel(j->fetch);
    }
}
