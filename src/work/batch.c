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
#include "work/batch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "song/fold.h"
#include "song/version.h"
#include "store/evidence.h"

static const char *const stage_names[] = {"begin", "names", "store", "genres", "dates", "done"};

int64_t batch_wall(const struct batch *b)
{
    return clock_wall(b->lane->w->d.clock);
}

bool batch_may_ask(const struct batch *b, const struct lane *l)
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

bool question_is_asked(const struct question *q)
{
    return q->rows[0] >= 0 || q->rows[1] >= 0;
}

enum row_state question_state(const struct batch *b, const struct question *q)
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

/* --- its way -------------------------------------------------------------------------------------- */

static void store_names(struct batch *b)
{
    batch_move(b, STAGE_STORE);
    batch_store_names(b);
}

static void plan_dates(struct batch *b)
{
    const struct lane *mb = &b->lane->w->lanes[PROVIDER_MUSICBRAINZ];

    batch_move(b, STAGE_DATES);
    if (mb->p && batch_may_ask(b, mb) && endpoint_is_open(mb, bulk_dates.endpoint))
        batch_ask(b, &bulk_dates, b->n_facts);
    else
        batch_end(b, false);
}

static void plan_genres(struct batch *b)
{
    batch_move(b, STAGE_GENRES);
    if (b->n_facts == 0)
        batch_end(b, false);
    else if (batch_may_ask(b, b->lane) && endpoint_is_open(b->lane, bulk_metadata.endpoint))
        batch_ask(b, &bulk_metadata, b->n_facts);
    else
        plan_dates(b);
}

void batch_asked(struct batch *b)
{
    if (b->stage == STAGE_NAMES)
        store_names(b);
    else
        batch_store_facts(b);
}

void batch_stored(struct batch *b, int rc, const struct err *e)
{
    if (rc) {
        log_error("enrich", "cannot store what a batch brought: %s", err_text(e));
        batch_end(b, true);
    } else if (b->stage == STAGE_STORE) {
        plan_genres(b);
    } else if (b->stage == STAGE_GENRES) {
        plan_dates(b);
    } else {
        batch_end(b, false);
    }
}

static int run_begin(struct db *db, struct dbq_op *op)
{
    struct batch *b = container_of(op, struct batch, op);
    int rc = 0;

    for (int i = 0; rc == 0 && i < b->n_entries; i++) {
        struct entry *x = &b->entries[i];
        if (!question_is_asked(&b->questions[x->question]))
            continue;
        rc = queue_begin(db, x->item.song_id, b->lane->p->id, batch_wall(b), &op->err);
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
    if (b->n_rows && batch_may_ask(b, l))
        batch_ask(b, front == LISTENBRAINZ_LOOKUP ? &bulk_lookup : &bulk_labs, b->n_rows);
    else
        store_names(b);     /* nothing to ask for, or rows that stay open: given back */
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
        batch_cancel_requests(b);
    }
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_drop_turns(&w->lanes[i]);
}
