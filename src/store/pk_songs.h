/* Our side of PiKaraoke: which song has which row there, what of ours stands in it, and what waits to be published.
 * On our own database; see db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_PK_SONGS_H
#define SONGBOOKD_STORE_PK_SONGS_H

#include "store/db.h"
#include "store/pk_publish.h"

/* --- following -------------------------------------------------------------------------- */
/* Songs with a row there, by growing row id: calls row for each with row id > after, at most limit; returns how many. made is
 * NULL when it is not known. */
int pk_songs_rows(struct db *db, int64_t after, int limit, void (*row)(const struct pk_row *r, void *arg), void *arg,
                  struct err *e);
/* The song of that row there (also when the row is another one by now) and its path and made: new memory, may be NULL. */
int pk_songs_of_row(struct db *db, int64_t row_id, int64_t *song_id, char **path, char made[PK_MADE_BYTES], struct err *e);
/* The song has that row from now on; another song that had it loses it. It is published anew. */
int pk_songs_attach(struct db *db, int64_t song_id, int64_t row_id, const char *made, struct err *e);
/* The rows with these ids are gone there: their songs lose them and become absent, unless they have another row by now. */
int pk_songs_gone(struct db *db, const int64_t *row_ids, size_t n, int64_t now_ms, struct err *e);
/* Songs that lost their row and got no other become absent; at most limit. *done counts them. */
int pk_songs_drop_lost(struct db *db, int limit, int64_t now_ms, int64_t *done, struct err *e);
/* The songs of these rows were sung so often: kept where it is more than what is known, so that a reset of PiKaraoke's history
 * takes nothing away. Not a change of the song: its version stays. *raised counts songs. */
int pk_songs_sung(struct db *db, const struct pk_sung *sung, size_t n, int64_t *raised, struct err *e);
/* Nothing is followed any more: songs lose their rows and keep everything else. */
int pk_songs_release(struct db *db, struct err *e);
/* These files are about to be sung, and no others: nobody waits any more for those that were. Songs of theirs that wait for
 * providers are asked for first (*n counts those that were not yet), all but decided ones come first in the review. */
int pk_songs_soon(struct db *db, const char *const *paths, size_t n_paths, int64_t *n, struct err *e);

/* What is remembered between starts ("folder", "database"); new memory or NULL. value NULL removes. */
char *pk_state_get(struct db *db, const char *key);
int pk_state_set(struct db *db, const char *key, const char *value, struct err *e);

/* --- publishing ------------------------------------------------------------------------------ */
/* Takes the next songs with song id > after that differ from what was published, and notes what is intended: stored before it is
 * written there, so that our own values are known again after a crash between the two. Returns how many (at most max). */
int pk_songs_take(struct db *db, int64_t after, struct pk_song *out, int max, struct err *e);
/* What came of them. */
int pk_songs_record(struct db *db, const struct pk_song *songs, size_t n, int64_t now_ms, struct err *e);
/* Held back songs are looked at once more. */
int pk_songs_retry_held(struct db *db, struct err *e);

#define PK_REASONS_MAX 8
struct pk_counts {
    int64_t published, waiting, held;
    struct { char name[16]; int64_t n; } reasons[PK_REASONS_MAX];
    int n_reasons;
    int64_t last_ms;               /* wall time of the newest publication; 0 never */
};
int pk_songs_counts(struct db *db, struct pk_counts *out, struct err *e);

#endif
