/* Private to store/: storing candidates and knowing which were refused. */
#ifndef SONGBOOKD_STORE_CANDIDATES_H
#define SONGBOOKD_STORE_CANDIDATES_H

#include "song/match.h"
#include "store/stmt.h"

#define CANDIDATES_KEPT 10   /* of one answer */

/* Replaces what is stored of that provider for the song; refused ones stay. */
int candidates_store(struct db *db, int64_t song_id, enum provider_id p, const struct candidates *list, int64_t now_ms,
                     struct err *e);
/* 1 when a person refused it (by MBID, or by artist and title), 0, or ERR_. */
int candidates_is_rejected(struct db *db, int64_t song_id, const struct candidate *c, struct err *e);

#endif
