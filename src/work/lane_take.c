/* Taking songs off the queue for one lane: which songs, when, and into what.
 *
 * A lane of single questions keeps two or three songs armed, and what it asks while the store gathers, so that the store's time
 * costs no budget. A lane that asks in bulk takes up to BATCH_SONGS at once; a few new songs wait a second for company, a single
 * one and what is more urgent than all that is being asked for go at once. While the endpoint is failing no song is taken before
 * a question of our own was answered. Loop thread only.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "song/fold.h"

#define COMPANY_MS 1000
#define SINGLE_MAX 8                  /* songs looked at for a lane of single questions */

void lane_store_failed(struct lane *l)
{
    /* The disk is full or failing: nothing is asked that could not be stored. */
    l->dry = true;
    lane_look_again_in(l, 5000);
}

/* --- who goes first ------------------------------------------------------------------------ */

static bool goes_ahead(const struct lane *l)
{
    return lane_is_usable(l) && !lane_is_blocked(l) && !lane_is_offline(l);
}

/* Cheapest first: ListenBrainz names a hundred songs for the price of five requests, Last.fm has the larger budget of the
 * others. Nobody waits for one that rests. */
static unsigned asked_before(const struct lane *l)
{
    static const enum provider_id order[] = {PROVIDER_LISTENBRAINZ, PROVIDER_LASTFM, PROVIDER_MUSICBRAINZ};
    unsigned mask = 0;

    for (size_t i = 0; i < ARRAY_LEN(order) && order[i] != l->p->id; i++)
        if (goes_ahead(&l->w->lanes[order[i]]))
            mask |= 1u << order[i];
    return mask;
}

/* The same pair is in the making in this lane: its answer will serve this song from the store. */
static bool pair_is_asked(const struct lane *l, const struct job *mine)
{
    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j != mine && j->lane == l && j->item.song_id && !j->from_cache && strcmp(j->pair_key, mine->pair_key) == 0)
            return true;
    }
    return false;
}

static bool song_is_asked(const struct enrich *w, int64_t song_id)
{
    list_each_safe(pos, tmp, &w->jobs)
        if (container_of(pos, struct job, link)->item.song_id == song_id)
            return true;
    return batches_hold_song(w, song_id);
}

/* Jobs of this lane that are not yet on their way; two of them hide the time the store needs. */
static int jobs_waiting(const struct lane *l)
{
    int n = 0;

    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j->lane == l && (j->state == JOB_BEGIN || j->state == JOB_SLOT))
            n++;
    }
    return n;
}

/* While many songs wait, what is stored of them is gathered into few transactions: so long as the fastest lane takes for some
 * songs, but no person at the dashboard waits long for news. */
#define GATHER_SONGS 12
#define GATHER_MS 2500
#define GATHER_FROM 40   /* waiting songs */

static uint64_t gather_ms(const struct enrich *w)
{
    double ms = GATHER_MS;

    if (w->closing)   /* whoever closes us waits for what is stored last */
        return 0;
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p && lane_is_usable(&w->lanes[i]) && !w->lanes[i].p->in_bulk &&
            lane_interval(&w->lanes[i]) * GATHER_SONGS < ms)
            ms = lane_interval(&w->lanes[i]) * GATHER_SONGS;
    return dbq_counts(w->d.q)->queued >= GATHER_FROM && config_bool(w->d.config, OPT_ENRICHMENT_GATHER) ? (uint64_t)ms : 0;
}

int lane_patience(const struct lane *l)
{
    uint64_t ms = gather_ms(l->w);

    dbq_gather(l->w->d.q, ms);
    return ms ? DBQ_PATIENT : 0;
}

/* So many songs are ready that the pace is kept while the store gathers; after trouble one request at a time is enough. */
static bool has_enough(const struct lane *l)
{
    bool single = endpoint_flight_limit(l, ENDPOINT_MAIN) == 1;
    int ready = single ? 2 : 3;

    if (l->p->in_bulk)
        return batches_are_full(l->w);
    if (!single || l->p->max_in_flight == 1)
        ready += (int)((double)gather_ms(l->w) / lane_interval(l));
    return jobs_waiting(l) >= ready;
}

/* The next look goes past it. False when there is no room to remember it. */
static bool pass_over(struct lane *l, int64_t song_id)
{
    if (l->n_passed == ARRAY_LEN(l->passed))
        return false;
    l->passed[l->n_passed++] = song_id;
    return true;
}

/* --- what was found -------------------------------------------------------------------------- */

/* False when another look would find the same songs again: they wait for jobs, and a job that ends wakes the lane. */
static bool take_singly(struct lane *l)
{
    bool advanced = false;

    for (int i = 0; i < l->n_items; i++) {
        struct job *j;
        bool enough = has_enough(l);
        advanced |= enough;
        if (enough || song_is_asked(l->w, l->items[i].song_id)) {
            queue_item_deinit(&l->items[i]);
            continue;
        }
        j = job_new(l, &l->items[i]);
        if (!j->from_cache && pair_is_asked(l, j)) {
            advanced |= pass_over(l, j->item.song_id);
            job_drop(j);
        } else {
            advanced = true;
            job_start(j);
        }
    }
    return advanced;
}

/* A single download, and what somebody waits for, is worth a request of its own. */
static bool wants_company(struct lane *l, int n)
{
    uint64_t now = lane_now(l);

    if (n <= 1 || n >= BATCH_SONGS || l->items[0].priority > 0 || l->items[0].cached)
        return false;
    if (!l->company_since)
        l->company_since = now;
    if (now - l->company_since >= COMPANY_MS)
        return false;
    lane_look_again_in(l, COMPANY_MS - (now - l->company_since));
    return true;
}

/* Songs without a priority do not hold up those with one. */
static int same_urgency(const struct lane *l, int n)
{
    int kept = 1;

    while (kept < n && (l->items[kept].priority > 0) == (l->items[0].priority > 0))
        kept++;
    return kept;
}

/* Asked for already, or its pair is: then that answer will serve this song from the store. */
static bool is_in_the_making(struct lane *l, const struct queue_item *i)
{
    char *pair;
    bool held;

    if (song_is_asked(l->w, i->song_id))
        return true;
    pair = fold_pair(i->song.artist ? i->song.artist : "", i->song.title ? i->song.title : "");
    held = batches_hold_pair(l->w, pair) && pass_over(l, i->song_id);
    free(pair);
    return held;
}

/* Drops what is in the making; returns how many are left, in order. */
static int keep_free_items(struct lane *l)
{
    int n = 0;

    for (int i = 0; i < l->n_items; i++) {
        struct queue_item item = l->items[i];
        l->items[i] = (struct queue_item){0};
        if (is_in_the_making(l, &item))
            queue_item_deinit(&item);
        else
            l->items[n++] = item;
    }
    return n;
}

/* False when there is nothing to do until something changes: a turn goes, a batch ends, songs come. */
static bool take_in_bulk(struct lane *l)
{
    int n = keep_free_items(l), kept;
    /* what is as urgent as a song in the making waits for a batch: a request each would cost far more than the wait */
    bool wanted = n > 0 && l->items[0].priority > batches_urgency(l->w);
    bool now = n > 0 && !has_enough(l) && (wanted || batch_may_start(l));

    /* a glance tells only that there is something: a whole look finds all that is as urgent, or they would go one by one */
    l->whole = now && l->most < BATCH_SONGS;
    kept = now && !l->whole && !wants_company(l, n) ? same_urgency(l, n) : 0;
    for (int i = kept; i < n; i++)
        queue_item_deinit(&l->items[i]);
    if (kept == 0)
        return l->whole;
    l->company_since = 0;
    batch_start(l, l->items, kept);
    return true;
}

/* --- looking --------------------------------------------------------------------------------- */

static int run_peek(struct db *db, struct dbq_op *op)
{
    struct lane *l = container_of(op, struct lane, peek);
    int n = queue_next(db, l->p->id, l->after, clock_wall(l->w->d.clock), l->skip, l->n_skip, l->most, l->items, &l->next_at,
                       &op->err);

    l->n_items = n > 0 ? n : 0;
    return n < 0 ? n : 0;
}

static uint64_t until(const struct lane *l, int64_t wall_ms)
{
    int64_t now = clock_wall(l->w->d.clock);

    return wall_ms > now ? (uint64_t)(wall_ms - now) : 0;
}

/* While others need the machine only what a person asked for is taken. */
static void keep_asked_items(struct lane *l)
{
    int n = 0;

    if (l->w->hold != HOLD_STOP)
        return;
    for (int i = 0; i < l->n_items; i++) {
        struct queue_item item = l->items[i];
        l->items[i] = (struct queue_item){0};
        if (item.priority >= QUEUE_ASKED)
            l->items[n++] = item;
        else
            queue_item_deinit(&item);
    }
    l->n_items = n;
}

static bool is_probed(const struct lane *l)
{
    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j->lane == l && j->probe)
            return true;
    }
    return false;
}

/* The songs found wait for the probe; its end wakes the lane. False when nothing was found, or there is no outage. */
static bool probe_first(struct lane *l)
{
    int front = lane_front(l);

    if (l->n_items == 0 || front < 0 || !endpoint_is_failing(l, front))
        return false;
    for (int i = 0; i < l->n_items; i++)
        queue_item_deinit(&l->items[i]);
    if (!is_probed(l))
        job_start(job_new_probe(l));
    return true;
}

/* False when there is nothing to do until something changes. */
static bool take(struct lane *l)
{
    if (probe_first(l))
        return false;
    return l->p->in_bulk ? take_in_bulk(l) : take_singly(l);
}

static void peek_done(struct dbq_op *op, int rc)
{
    struct lane *l = container_of(op, struct lane, peek);
    struct enrich *w = l->w;

    l->peeking = false;
    if (w->closing || !enrich_is_running(w) || !lane_is_usable(l)) {
        for (int i = 0; i < l->n_items; i++)
            queue_item_deinit(&l->items[i]);
    } else if (rc == 0) {
        keep_asked_items(l);
        /* what was committed while the peek was under way may not be in it */
        l->dry = !take(l) && !l->look_again;
        if (l->next_at)
            lane_look_again_in(l, until(l, l->next_at));
    } else {
        log_warn("enrich", "cannot read the queue: %s", err_text(&op->err));
        lane_store_failed(l);
    }
    l->n_items = 0;
    l->look_again = false;
    if (rc == 0)
        lane_fill(l);
    enrich_job_ended(w);
}

void lane_wake(struct lane *l)
{
    l->dry = false;
    l->look_again = l->peeking;
    l->n_passed = 0;
    lane_fill(l);
}

void lane_skip_song(struct lane *l, int64_t song_id)
{
    if (l->n_skip < ARRAY_LEN(l->skip))
        l->skip[l->n_skip++] = song_id;
}

static void gather_skips(struct lane *l)
{
    l->n_skip = 0;
    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j->item.song_id)
            lane_skip_song(l, j->item.song_id);
    }
    for (size_t i = 0; i < l->n_passed; i++)
        lane_skip_song(l, l->passed[i]);
    batches_skip(l->w, l);
}

/* A person's question is asked all the same. */
static bool is_held(const struct enrich *w)
{
    return w->hold == HOLD_STOP && list_is_empty(&w->asks);
}

void lane_fill(struct lane *l)
{
    struct enrich *w = l->w;

    if (!lane_is_usable(l) || w->closing || !w->ready || !enrich_is_running(w) || is_held(w) || l->peeking || l->dry ||
        has_enough(l))
        return;
    if (dbq_is_full(w->d.q)) {
        lane_look_again_in(l, 1000);
        return;
    }
    if (lane_is_blocked(l)) {
        lane_look_again_in(l, lane_rest_ms(l));
        return;
    }
    l->after = asked_before(l);
    /* while no batch may start only a song that is more urgent than those in the making matters: the first tells */
    l->most = !l->p->in_bulk ? SINGLE_MAX : batch_may_start(l) || l->whole ? BATCH_SONGS : 1;
    l->whole = false;
    gather_skips(l);
    l->peeking = true;
    l->look_again = false;
    w->open++;
    l->peek = (struct dbq_op){.run = run_peek, .done = peek_done};
    dbq_read(w->d.q, &l->peek);
}
