/* The enrichment queue: order, taking, giving back, recovery; see queue.h. What an answer does is in outcome.c. Pool threads
 * only. */
#include "store/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "song/fold.h"
#include "store/answers.h"
#include "store/changes.h"
#include "store/song_row.h"

#define WAIT_MAX_MS INT64_C(3600000)                  /* none waits longer: a later one comes from a wrong clock */
#define FUTURE_MS INT64_C(86400000)                   /* so far ahead of now a stored time comes from such a clock, too */

int queue_drop(struct db *db, int64_t song_id, struct err *e)
{
    struct stmt s = stmt_of(db, "DELETE FROM enrichment_queue WHERE song_id = ?", e);

    stmt_int(&s, song_id);
    return stmt_run(&s);
}

int queue_unwant(struct db *db, struct song *song, struct err *e)
{
    struct stmt s;

    if (song->wanted == 0)
        return 0;
    song->wanted = 0;
    s = stmt_of(db, "UPDATE songs SET wanted = 0 WHERE id = ?", e);
    stmt_int(&s, song->id);
    return stmt_run(&s);
}

/* --- adding --------------------------------------------------------------------------- */

enum standing_in_queue { IN_QUEUE, NOT_IN_QUEUE, MAY_NOT_QUEUE, UNKNOWN_SONG };

/* Returns a standing_in_queue or ERR_. */
static int look(struct db *db, int64_t id, bool again, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT s.metadata_status = 'manual', q.id IS NOT NULL FROM songs s"
                                " LEFT JOIN enrichment_queue q ON q.song_id = s.id WHERE s.id = ? AND s.present = 1", e);
    int found = UNKNOWN_SONG;
    int rc;

    stmt_int(&s, id);
    if (stmt_row(&s))
        found = col_int(&s, 1) ? IN_QUEUE : col_int(&s, 0) && !again ? MAY_NOT_QUEUE : NOT_IN_QUEUE;
    rc = stmt_end(&s);
    return rc ? rc : found;
}

static int insert_row(struct db *db, int64_t id, int priority, const char *iso, struct err *e)
{
    struct stmt s = stmt_of(db, "INSERT INTO enrichment_queue(song_id, priority, queued_at) VALUES (?, ?, ?)", e);

    stmt_int(&s, id);
    stmt_int(&s, priority);
    stmt_text(&s, iso);
    return stmt_run(&s);
}

/* Remembered beyond the queue, until an answer names the song or a person decides: the review shows first what people wait
 * for. */
static int raise_wanted(struct db *db, int64_t id, int priority, struct err *e)
{
    struct stmt s;

    if (!song_wanted_of(priority))
        return 0;
    s = stmt_of(db, "UPDATE songs SET wanted = ?1 WHERE id = ?2 AND wanted < ?1", e);
    stmt_int(&s, song_wanted_of(priority));
    stmt_int(&s, id);
    return stmt_run(&s);
}

static int raise_priority(struct db *db, int64_t id, int priority, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE enrichment_queue SET priority = ?1 WHERE song_id = ?2 AND priority < ?1", e);

    stmt_int(&s, priority);
    stmt_int(&s, id);
    return stmt_run(&s);
}

/* What was asked before counts no more. What is in flight stays so. */
static int ask_anew(struct db *db, int64_t id, struct err *e)
{
    struct stmt s = stmt_of(db,
                            "UPDATE enrichment_queue SET asked = 0, failures = 0, gave_up = 0, interrupted = 0, not_before = 0"
                            " WHERE song_id = ?",
                            e);
    int rc;

    stmt_int(&s, id);
    rc = stmt_run(&s);
    if (rc)
        return rc;
    s = stmt_of(db, "UPDATE songs SET enrichment_attempts = 0 WHERE id = ? AND enrichment_attempts <> 0", e);
    stmt_int(&s, id);
    return stmt_run(&s);
}

int queue_add(struct db *db, const int64_t *ids, size_t n, int priority, bool again, int64_t now_ms, struct queue_result *out,
              struct err *e)
{
    char iso[32];
    int rc = 0;

    *out = (struct queue_result){0};
    clock_iso(now_ms, iso);
    for (size_t i = 0; rc >= 0 && i < n; i++) {
        int was = look(db, ids[i], again, e);
        rc = was < 0 ? was : 0;
        if (was == UNKNOWN_SONG)
            out->unknown++;
        else if (was == IN_QUEUE)
            rc = raise_priority(db, ids[i], priority, e);
        else if (was == NOT_IN_QUEUE)
            rc = insert_row(db, ids[i], priority, iso, e);
        out->already += was == IN_QUEUE;
        out->queued += was == NOT_IN_QUEUE;
        if (rc == 0 && again && (was == IN_QUEUE || was == NOT_IN_QUEUE))
            rc = ask_anew(db, ids[i], e);
        if (rc == 0 && (was == IN_QUEUE || was == NOT_IN_QUEUE))
            rc = raise_wanted(db, ids[i], priority, e);
    }
    return rc;
}

/* --- taking --------------------------------------------------------------------------- */

/* A row of the queue as it is ordered. */
struct place {
    int64_t song_id;
    char queued_at[32];
    int64_t id, priority;
    unsigned asked;
};

static bool is_skipped(const int64_t *skip, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (skip[i] == id)
            return true;
    return false;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    bool x_waits = x->priority <= 0 && x->asked & QUEUE_SETTLED, y_waits = y->priority <= 0 && y->asked & QUEUE_SETTLED;
    int by_age;

    if (x_waits != y_waits)
        return x_waits ? 1 : -1;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    by_age = strcmp(x->queued_at, y->queued_at);
    return by_age ? by_age : x->id < y->id ? -1 : x->id > y->id;
}

/* The first places of one asked mask, in order, straight from the index. */
static int take_places(struct db *db, unsigned asked, int64_t now_ms, const int64_t *skip, size_t n_skip, int max,
                       struct place *out, int *n, struct err *e)
{
    struct stmt s =
        stmt_of(db,
                "SELECT song_id, priority, queued_at, id FROM enrichment_queue INDEXED BY queue_order"
                " WHERE asked = ? AND (not_before <= ? OR not_before > ?) ORDER BY priority DESC, queued_at, id",
                e);
    int got = 0;

    stmt_int(&s, asked);
    stmt_int(&s, now_ms);
    stmt_int(&s, now_ms + WAIT_MAX_MS);
    while (got < max && stmt_row(&s)) {
        struct place *p = &out[*n + got];
        if (is_skipped(skip, n_skip, col_int(&s, 0)))
            continue;
        *p = (struct place){.song_id = col_int(&s, 0), .priority = col_int(&s, 1), .id = col_int(&s, 3), .asked = asked};
        strncat(p->queued_at, col_text(&s, 2), sizeof p->queued_at - 1);
        got++;
    }
    *n += got;
    return stmt_end(&s);
}

static int earliest_wait(struct db *db, enum provider_id p, unsigned after, int64_t now_ms, int64_t *next_at, struct err *e)
{
    struct stmt s = stmt_of(
        db,
        "SELECT not_before FROM enrichment_queue INDEXED BY queue_waiting WHERE not_before > 0"
        " AND not_before > ?1 AND not_before <= ?2 AND (asked & ?3) = 0 AND (asked & ?4) = ?4 ORDER BY not_before LIMIT 1",
        e);
    int rc;

    stmt_int(&s, now_ms);
    stmt_int(&s, now_ms + WAIT_MAX_MS);
    stmt_int(&s, 1 << p);
    stmt_int(&s, after);
    rc = stmt_run_int(&s, next_at);
    return rc < 0 ? rc : 0;
}

/* Fresh from both sides: an answer from the future was stored with a wrong clock. */
static bool is_fresh(int64_t at_ms, int64_t now_ms, int64_t for_ms)
{
    return at_ms <= now_ms + FUTURE_MS && now_ms - at_ms < for_ms;
}

static int load_answer(struct db *db, enum provider_id p, int64_t now_ms, struct queue_item *item, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT at_ms, candidates FROM answers WHERE provider = ? AND pair_key = ?", e);
    char *pair = fold_pair(item->song.artist ? item->song.artist : "", item->song.title ? item->song.title : "");
    int rc;

    stmt_text(&s, provider_name(p));
    stmt_text(&s, pair);
    if (stmt_row(&s)) {
        const char *json = col_text(&s, 1);
        if (json && is_fresh(col_int(&s, 0), now_ms, ANSWER_FOUND_MS))
            item->cached = mem_strdup(json);
        else if (!json && is_fresh(col_int(&s, 0), now_ms, ANSWER_NOT_FOUND_MS))
            item->cached_not_found = true;
    }
    rc = stmt_end(&s);
    free(pair);
    return rc;
}

/* Providers whose stored artist and title are the present ones. */
static int agreeing(struct db *db, const struct song *song, unsigned *mask, struct err *e)
{
    int rc = 0;
    char *present = fold_pair(song->artist ? song->artist : "", song->title ? song->title : "");

    *mask = 0;
    for (int p = 0; rc == 0 && p < PROVIDER_COUNT; p++) {
        struct stmt s =
            stmt_of(db,
                    "SELECT a.value, t.value FROM evidence a JOIN evidence t ON t.song_id = a.song_id AND t.field = 'title'"
                    " AND t.source = a.source WHERE a.song_id = ? AND a.field = 'artist' AND a.source = ?"
                    " AND a.rule <> 'rejected'",
                    e);
        char *said = NULL;
        stmt_int(&s, song->id);
        stmt_text(&s, provider_name((enum provider_id)p));
        if (stmt_row(&s))
            said = fold_pair(col_text(&s, 0) ? col_text(&s, 0) : "", col_text(&s, 1) ? col_text(&s, 1) : "");
        rc = stmt_end(&s);
        if (rc == 0 && said && strcmp(said, present) == 0)
            *mask |= 1u << p;
        free(said);
    }
    free(present);
    return rc;
}

static int load_item(struct db *db, enum provider_id p, int64_t now_ms, const struct place *place, struct queue_item *item,
                     struct err *e)
{
    char *parsed = NULL;
    int rc;

    *item = (struct queue_item){.song_id = place->song_id, .priority = (int)place->priority, .asked = place->asked};
    rc = song_row_load(db, place->song_id, &item->song, e);
    if (rc)
        return rc;
    item->attempts = item->song.attempts;
    rc = evidence_value(db, place->song_id, "title", "name", &parsed, &item->parsed_confidence, e);
    free(parsed);
    if (rc == 0)
        rc = agreeing(db, &item->song, &item->agreed, e);
    if (rc == 0)
        rc = load_answer(db, p, now_ms, item, e);
    if (rc)
        queue_item_deinit(item);
    return rc;
}

void queue_item_deinit(struct queue_item *i)
{
    song_deinit(&i->song);
    free(i->cached);
    *i = (struct queue_item){0};
}

int queue_next(struct db *db, enum provider_id p, unsigned after, int64_t now_ms, const int64_t *skip, size_t n_skip, int max,
               struct queue_item *out, int64_t *next_at, struct err *e)
{
    struct place *places;
    int n = 0, done = 0, rc = 0;

    *next_at = 0;
    if (max <= 0)
        return 0;
    places = mem_alloc((size_t)max * QUEUE_MASKS * sizeof *places);
    for (unsigned asked = 0; rc == 0 && asked < QUEUE_MASKS; asked++)
        if (!(asked & 1u << p) && (asked & after) == after)
            rc = take_places(db, asked, now_ms, skip, n_skip, max, places, &n, e);
    if (rc == 0 && n < max)
        rc = earliest_wait(db, p, after, now_ms, next_at, e);
    qsort(places, (size_t)n, sizeof *places, compare_places);
    for (; rc == 0 && done < n && done < max; done++)
        rc = load_item(db, p, now_ms, &places[done], &out[done], e);
    if (rc)
        while (done > 0)
            queue_item_deinit(&out[--done]);
    free(places);
    return rc ? rc : done;
}

/* --- before a request and after a refusal --------------------------------------------- */

int queue_begin(struct db *db, int64_t song_id, enum provider_id p, int64_t now_ms, struct err *e)
{
    /* Attempts are no part of the row's version: a person's open edit must not go stale because a provider is asked. */
    struct stmt s = stmt_of(db, "UPDATE songs SET enrichment_attempts = enrichment_attempts + 1, last_enrichment_attempt = ?"
                                " WHERE id = ?", e);
    char iso[32];
    int rc;

    clock_iso(now_ms, iso);
    stmt_text(&s, iso);
    stmt_int(&s, song_id);
    rc = stmt_run(&s);
    if (rc == 0 && db_changed(db) == 0)
        rc = err_set(e, ERR_NOT_FOUND, "there is no song %lld", (long long)song_id);
    if (rc)
        return rc;
    s = stmt_of(db, "UPDATE enrichment_queue SET in_flight = in_flight | ? WHERE song_id = ?", e);
    stmt_int(&s, 1 << p);
    stmt_int(&s, song_id);
    return stmt_run(&s);
}

static int take_attempts_back(struct db *db, int64_t song_id, int n, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE songs SET enrichment_attempts = max(0, enrichment_attempts - ?) WHERE id = ?", e);

    stmt_int(&s, n);
    stmt_int(&s, song_id);
    return stmt_run(&s);
}

int queue_refund(struct db *db, int64_t song_id, enum provider_id p, int64_t not_before_ms, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE enrichment_queue SET in_flight = in_flight & ~?1, not_before = ?2 WHERE song_id = ?3", e);
    int rc;

    stmt_int(&s, 1 << p);
    stmt_int(&s, not_before_ms);
    stmt_int(&s, song_id);
    rc = stmt_run(&s);
    return rc ? rc : take_attempts_back(db, song_id, 1, e);
}

/* --- at start, and long after --------------------------------------------------------- */

static int bits(int64_t mask)
{
    int n = 0;

    for (; mask; mask &= mask - 1)
        n++;
    return n;
}

/* 1 with a row, 0 at the end, or ERR_. */
static int next_in_flight(struct db *db, int64_t *song_id, int64_t *in_flight, int64_t *interrupted, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT song_id, in_flight, interrupted FROM enrichment_queue INDEXED BY queue_in_flight"
                                " WHERE in_flight > 0 LIMIT 1", e);
    bool found = stmt_row(&s);
    int rc;

    if (found) {
        *song_id = col_int(&s, 0);
        *in_flight = col_int(&s, 1);
        *interrupted = col_int(&s, 2);
    }
    rc = stmt_end(&s);
    return rc ? rc : found;
}

/* One of a few songs in flight at every crash is likely its cause; one of a whole batch is not, and gets far more patience. */
static int patience_of(struct db *db, int *patience, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT count(*) FROM enrichment_queue INDEXED BY queue_in_flight WHERE in_flight > 0", e);
    int64_t n = 0;
    int rc = stmt_run_int(&s, &n);

    *patience = n > 8 ? 6 * QUEUE_MAX_INTERRUPTED : QUEUE_MAX_INTERRUPTED;
    return rc < 0 ? rc : 0;
}

int queue_recover(struct db *db, int64_t now_ms, int64_t *recovered, struct err *e)
{
    int64_t id = 0, in_flight = 0, interrupted = 0;
    int patience, rc = patience_of(db, &patience, e);

    *recovered = 0;
    while (rc == 0 && (rc = next_in_flight(db, &id, &in_flight, &interrupted, e)) == 1) {
        struct stmt s =
            stmt_of(db, "UPDATE enrichment_queue SET in_flight = 0, interrupted = interrupted + 1 WHERE song_id = ?", e);
        stmt_int(&s, id);
        rc = stmt_run(&s);
        if (rc == 0)
            rc = take_attempts_back(db, id, bits(in_flight), e);
        if (rc == 0 && interrupted + 1 >= patience)
            rc = queue_give_up(db, id, now_ms, e);
        if (rc)
            return rc;
        *recovered += 1;
    }
    return rc;
}

int queue_recheck(struct db *db, int64_t before_ms, int64_t now_ms, int64_t *n, struct err *e)
{
    struct stmt s = stmt_of(db,
                            "INSERT INTO enrichment_queue(song_id, priority, queued_at) SELECT s.id, -10, ?1 FROM songs s"
                            " INDEXED BY songs_status WHERE s.metadata_status = 'enrichment_failed' AND s.reason = 'not_found'"
                            " AND s.present = 1 AND (coalesce(s.last_enrichment_attempt, s.updated_at) < ?2"
                            " OR coalesce(s.last_enrichment_attempt, s.updated_at) > ?4)"
                            " AND NOT EXISTS (SELECT 1 FROM enrichment_queue q WHERE q.song_id = s.id) LIMIT ?3",
                            e);
    char now[32], before[32], future[32];
    int rc;

    *n = 0;
    clock_iso(now_ms + FUTURE_MS, future);
    clock_iso(now_ms, now);
    clock_iso(before_ms, before);
    stmt_text(&s, now);
    stmt_text(&s, before);
    stmt_int(&s, QUEUE_RECHECK_MAX);
    stmt_text(&s, future);
    rc = stmt_run(&s);
    if (rc == 0)
        *n = db_changed(db);
    if (rc || *n == 0)
        return rc;
    s = stmt_of(db, "UPDATE songs SET enrichment_attempts = 0 WHERE enrichment_attempts <> 0"
                    " AND id IN (SELECT song_id FROM enrichment_queue WHERE priority = -10 AND queued_at = ?)", e);
    stmt_text(&s, now);
    return stmt_run(&s);
}
