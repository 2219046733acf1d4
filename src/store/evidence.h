/* Why a value stands: evidence per field, stored candidates, the change log. See db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_EVIDENCE_H
#define SONGBOOKD_STORE_EVIDENCE_H

#include "song/match.h"
#include "store/db.h"
#include "store/songs.h"

struct evidence {              /* borrowed during the callback */
    const char *field;         /* "artist", "title", ... */
    const char *value;
    const char *source;        /* "name", "lastfm", "musicbrainz", "person" */
    const char *rule;          /* stable key */
    const char *reason;        /* sentence or NULL */
    double score;              /* confidence or match score */
    int64_t at_ms;
    bool chosen;               /* it is the present value */
};
/* In the order they came. */
int evidence_list(struct db *db, int64_t song_id, void (*row)(const struct evidence *v, void *arg), void *arg, struct err *e);

struct stored_candidate {      /* borrowed during the callback */
    int64_t id;
    const struct candidate *c;
    bool rejected;
};
/* Best first: score, then provider; before them those stored since that time (wall ms; 0: no such preference). */
int candidates_list(struct db *db, int64_t song_id, int64_t since_ms, int limit,
                    void (*row)(const struct stored_candidate *s, void *arg), void *arg, struct err *e);
/* The best that nobody refused, of that provider (-1: any), with at least that score as shown. Calls row at most once. */
int candidates_best(struct db *db, int64_t song_id, int provider, double min_score,
                    void (*row)(const struct stored_candidate *s, void *arg), void *arg, struct err *e);
/* Keeps what a provider answered to a person's words (the first 10), in place of what it gave before; refused ones stay. The song
 * itself is not touched. ERR_NOT_FOUND when it is gone. */
int candidates_keep(struct db *db, int64_t song_id, enum provider_id p, const struct candidates *list, int64_t now_ms,
                    struct err *e);
/* A person takes a candidate (manual, confidence 1.00) or refuses it for ever (its values are put back to the parsed ones if it
 * was chosen). batch: NULL for a batch of its own; else 0 starts one and gets its id, another value joins it. */
int candidates_accept(struct db *db, int64_t song_id, int64_t candidate_id, int64_t if_version, int64_t *batch, int64_t now_ms,
                      struct song *out, struct err *e);
int candidates_reject(struct db *db, int64_t song_id, int64_t candidate_id, int64_t if_version, int64_t *batch, int64_t now_ms,
                      struct song *out, struct err *e);

/* What is stored of an answer, as JSON and back: the fields that a provider gave, not the judgement. _read appends to *list. */
#define ANSWER_MAX_CANDIDATES 25
void candidates_json(const struct candidates *list, struct buf *out);
int candidates_read_json(const char *json, enum provider_id p, struct candidates *list, struct err *e);

struct change {                /* borrowed during the callback */
    int64_t id, batch, song_id, at_ms;
    const char *actor;         /* "person", "worker", "scan" */
    const char *source;        /* "lastfm", ... or NULL */
    const char *field;         /* also "metadata_status", "confidence", "locked", "present", "file_path" */
    const char *old_value, *new_value;   /* text or NULL */
    bool undone;
};
/* Newest first; zero and NULL mean no condition. */
struct changes_filter {
    int64_t before;            /* ids below */
    int64_t song_id, batch;
    int64_t since_ms;          /* wall ms, inclusive */
    const char *actor, *source;
    int limit;
};
/* *next is the `before` of the next page, 0 at the end; a page may be shorter than the limit although there is a next one. */
int changes_page(struct db *db, const struct changes_filter *f, void (*row)(const struct change *c, void *arg), void *arg,
                 int64_t *next, struct err *e);
/* Forgets what worker and scan did before that time, at most `limit` rows, oldest first; *gone tells how many. What a person
 * did is never forgotten. */
int changes_forget(struct db *db, int64_t before_ms, int limit, int64_t *gone, struct err *e);

#endif
