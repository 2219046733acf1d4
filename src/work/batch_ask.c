/* The requests of a batch's stage: each waits for its turn at the lane, is sent, read on the pool, and fills the rows or facts
 * it asked for. One that fails is asked for again in halves, so that one bad row is found and fails alone; a shed one waits and
 * is asked again; when the endpoint is closed to us, those that still wait are not sent.
 */
#include "work/batch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define SHED_TRIES 6              /* a shed question for genres or dates; then the search brings them */

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

void batch_ask(struct batch *b, const struct bulk *bulk, int count)
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
        batch_asked(b);
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
    bool failed = r->answer.kind == ANSWER_FAILED;

    snprintf(b->detail, sizeof b->detail, "%s", r->answer.detail);
    if (failed && r->n > 1 && !endpoint_is_failing(r->turn.lane, r->turn.end) && batch_may_ask(b, b->lane)) {
        request_halves(r);
        return;
    }
    set_rows(r, failed ? ROW_FAILED : ROW_BACK);
    if (failed && !endpoint_is_failing(r->turn.lane, r->turn.end))
        return;
    if (r->answer.kind == ANSWER_REFUSED)
        b->back_until_ms = batch_wall(b) + (int64_t)shed_wait(1 + r->turn.lane->ends[r->turn.end].refusals);
    withdraw_others(r);
}

static void facts_trouble(struct ask_many *r)
{
    struct batch *b = r->batch;
    bool again = batch_may_ask(b, r->turn.lane) && !endpoint_is_failing(r->turn.lane, r->turn.end);

    if (r->answer.kind == ANSWER_FAILED && r->n > 1 && again) {
        request_halves(r);
    } else if (r->answer.kind == ANSWER_REFUSED && r->tries < SHED_TRIES && batch_may_ask(b, r->turn.lane)) {
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
        r->batch->back_until_ms = batch_wall(r->batch) + 5000;
        request_drop(t);
        return false;
    }
    turn_sent(t);
    if (lane_turns_waiting(l) <= 1)
        l->dry = false;      /* time for the next batch: it is looked for when this token's turn is over */
    return true;
}

void batch_cancel_requests(struct batch *b)
{
    list_each_safe(pos, tmp, &b->requests) {
        struct ask_many *r = container_of(pos, struct ask_many, link);
        if (r->fetch)
            fetch_cancel(r->fetch);
    }
}
