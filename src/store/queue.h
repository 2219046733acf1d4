/* The enrichment queue: which songs wait for which providers, in which order. See db.h for the rules of the room.
 *
 * A row of enrichment_queue holds, beside the seed's columns: asked (mask of providers that answered), in_flight (mask),
 * interrupted (times the process died while it was in flight), failures (failed requests in a row), gave_up (mask of providers
 * given up on while others were still to be asked), not_before (wall ms; backoff). Order: what was given a priority, by it; then
 * what has no settled names, then what only waits to be dated; within each by priority, then queued_at, then id.
 *
 * An answer may spare others theirs: MusicBrainz' makes ListenBrainz needless (the same data), and an exact one of ListenBrainz
 * makes Last.fm needless (unless a person asked) and leaves only the date to MusicBrainz.
 */
#ifndef SONGBOOKD_STORE_QUEUE_H
#define SONGBOOKD_STORE_QUEUE_H

#include "song/match.h"
#include "store/db.h"

/* Bit of `asked` beside those of the providers: artist and title are settled, MusicBrainz is only asked for the date. */
#define QUEUE_SETTLED (1u << PROVIDER_COUNT)
#define QUEUE_MASKS (2u << PROVIDER_COUNT)

#define QUEUE_ASKED 1000          /* priority of a song that a person asks the providers about: then nobody is spared */
#define QUEUE_MAX_INTERRUPTED 5   /* deaths of the process with the same song in flight before it gives up on it */

/* Queues songs (by id). Queueing again raises the priority, never lowers it. A song that failed or was asked before is asked anew
 * (asked mask, attempts and backoff cleared) when `again`. Absent songs count as unknown. Manual songs are counted unknown=0,
 * already=0 and not queued unless `again`. */
struct queue_result { int64_t queued, already, unknown; };
int queue_add(struct db *db, const int64_t *ids, size_t n, int priority, bool again, int64_t now_ms, struct queue_result *out,
              struct err *e);

struct queue_item {
    int64_t song_id;
    int priority;
    unsigned asked;
    int attempts;
    struct song song;        /* owned: song_deinit */
    double parsed_confidence;
    unsigned agreed;         /* providers whose evidence confirms the present artist and title */
    char *cached;            /* a fresh stored answer of that provider for this pair, as candidates JSON, or NULL */
    bool cached_not_found;
};
void queue_item_deinit(struct queue_item *i);
/* The next songs for a provider: those not asked by it, whose asked mask contains all bits of `after`, not before their time.
 * skip: song ids to leave out: those being worked on (in_flight alone tells nothing within a process: a store that failed may
 * have left it). Returns the count (0..max) or ERR_. *next_at gets the earliest not_before that holds one back (0 none). */
int queue_next(struct db *db, enum provider_id p, unsigned after, int64_t now_ms, const int64_t *skip, size_t n_skip, int max,
               struct queue_item *out, int64_t *next_at, struct err *e);

/* Before the request: attempt + 1 and in flight, in one write. ERR_NOT_FOUND: the song is gone; a song that only left the queue
 * is counted all the same. */
int queue_begin(struct db *db, int64_t song_id, enum provider_id p, int64_t now_ms, struct err *e);
/* The request was refused or canceled: attempt - 1, not in flight, not before not_before_ms. A song that is gone is no error. */
int queue_refund(struct db *db, int64_t song_id, enum provider_id p, int64_t not_before_ms, struct err *e);
/* At start: rows left in flight by a dead process get their attempt back and interrupted + 1; those that reached
 * QUEUE_MAX_INTERRUPTED give up. */
int queue_recover(struct db *db, int64_t now_ms, int64_t *recovered, struct err *e);
/* Songs not found before that time are queued again (priority -10), at most QUEUE_RECHECK_MAX of them. *n counts them. */
#define QUEUE_RECHECK_MAX 5000
int queue_recheck(struct db *db, int64_t before_ms, int64_t now_ms, int64_t *n, struct err *e);

/* A provider fell away (key refused, switched off): songs that all usable ones (mask, not 0) have answered for leave the queue,
 * enriched or as not_found / gave_up. At most QUEUE_SETTLE_MAX at a time: call again while *done is that many. ids gets them. */
#define QUEUE_SETTLE_MAX 500
int queue_settle(struct db *db, unsigned usable, int64_t now_ms, int64_t ids[QUEUE_SETTLE_MAX], int64_t *done, struct err *e);

/* What a provider's answer comes to; stored as one write. */
struct outcome {
    int64_t song_id;
    enum provider_id provider;
    enum { OUTCOME_FOUND, OUTCOME_NOT_FOUND, OUTCOME_FAILED } kind;
    const struct candidates *candidates;   /* stored for suggestions (first 10); may be empty */
    int chosen;                            /* index of the accepted candidate, or -1 */
    double confidence;                     /* with chosen: the new confidence */
    bool contradicts;
    const char *pair_key;                  /* fold_pair of what was asked; caches the answer unless FAILED or from_cache */
    bool from_cache;
    bool counted;                          /* queue_begin was called */
    unsigned remaining;                    /* all usable providers; those that answered are known */
    int max_attempts;
    int64_t not_before_ms;                 /* FAILED: when to try again */
    const char *detail;                    /* a sentence */
    int64_t now_ms;
};
struct outcome_result {
    bool changed;            /* visible fields or status changed: tell */
    bool left_queue;
    bool named;              /* its names are done with: just settled, or it left the queue without having been */
    struct song song;        /* the row as stored; song_deinit */
};
/* Values of locked fields and of manual songs are kept; their candidates and evidence are stored all the same. An empty answer
 * never deletes a value. Updates evidence, change log, counters of enrichment_state, queue, answers. The song row may be gone:
 * ERR_NOT_FOUND. */
int queue_outcome(struct db *db, const struct outcome *o, struct outcome_result *out, struct err *e);

/* What a later question found out about the accepted candidate of an answer that is stored already: genres and a year. The song
 * must still carry the candidate's names, else only the stored candidate and the kept answer learn of it. An empty value changes
 * nothing, and a year that MusicBrainz' search gave is only made earlier. */
struct detail {
    int64_t song_id;
    enum provider_id answered;             /* whose candidate it is */
    enum provider_id source;               /* who said it */
    const char *rule, *reason;             /* of the evidence; static */
    const struct candidates *candidates;   /* the whole answer, for the cache */
    int chosen;                            /* the candidate with its new values */
    const char *pair_key;                  /* as for the outcome; NULL: not cached */
    int64_t now_ms;
};
int queue_detail(struct db *db, const struct detail *d, struct outcome_result *out, struct err *e);

#endif
