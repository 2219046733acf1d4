/* The way back: what the change log holds, taken back song by song. See db.h for the rules of the room.
 *
 * An undo is a batch of its own, so it can be taken back like any other. One song is the unit: a caller with many songs does
 * them in several operations that join the same batch, and the writer serves others in between.
 */
#ifndef SONGBOOKD_STORE_UNDO_H
#define SONGBOOKD_STORE_UNDO_H

#include <stddef.h>

#include "store/db.h"

struct undo {                       /* strings borrowed */
    int64_t batch;                  /* this batch ... */
    int64_t song_id;                /* ... only in that song; 0 in all of its songs */
    int64_t since_ms;               /* batch 0: all changes since then (wall ms) ... */
    const char *actor, *source;     /* ... by this actor, from this source; NULL any but the scan. Not those of earlier undos */
    int64_t now_ms;
    int64_t written;                /* the batch that this undo writes; 0 before the first song */
};

/* Songs in which the batch has something to take back, ids above `after`, ascending, at most max. Returns how many, or ERR_. */
int undo_songs(struct db *db, const struct undo *u, int64_t after, int64_t *ids, int max, struct err *e);
/* The same for `since`: looks at UNDO_LOOK rows of the log from *place on (zero at first) and gives their songs, in the order
 * of time, some of them twice. *end says that the log is through. */
#define UNDO_LOOK 5000
struct undo_place { int64_t at_ms, id; };
int undo_look(struct db *db, const struct undo *u, struct undo_place *place, int64_t ids[UNDO_LOOK], bool *end, struct err *e);
/* The batch of a change and its song. ERR_NOT_FOUND. */
int undo_find(struct db *db, int64_t change, int64_t *batch, int64_t *song_id, struct err *e);

/* Kept: all of it was changed again later and stays; partly: some of it. */
enum undone { UNDO_NOTHING, UNDO_KEPT, UNDO_PARTLY, UNDO_CHANGED };
/* Takes it back in one song. For a batch: ERR_EXISTS, and nothing is changed, when a later change stands on it. Returns an enum
 * undone, or ERR_. */
int undo_song(struct db *db, struct undo *u, int64_t id, struct err *e);
/* Whether undo_song would go through for a batch: 0 or ERR_EXISTS; writes nothing. */
int undo_check(struct db *db, struct undo *u, int64_t id, struct err *e);
/* A whole batch at once: ERR_NOT_FOUND, ERR_EXISTS when a later change stands on it or it is undone already; then the caller
 * rolls back, as dbq does. *song_ids (new memory) lists what changed. */
int undo_batch(struct db *db, struct undo *u, int64_t **song_ids, size_t *n, struct err *e);

/* A change of many songs that takes several operations: the first of them marks its batch as open, the last as closed. What is
 * open at the next start was cut off (kill -9, a pulled plug, the end of the service). Harmless for what is closed already. */
int undo_mark_open(struct db *db, int64_t batch, struct err *e);
int undo_mark_closed(struct db *db, int64_t batch, struct err *e);
/* Takes back what was cut off, but where a later change stands on it: a step of some hundred songs, to be called in operations
 * of their own while more is set, so that a start that is cut off itself goes on from there. songs counts what changed. Begin
 * zeroed. */
struct undo_cut {
    int64_t batch, after, songs;   /* where the next step goes on */
    bool more;
};
int undo_cut_off(struct db *db, struct undo_cut *c, int64_t now_ms, struct err *e);

#endif
