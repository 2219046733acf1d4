/* What providers said, by folded artist and title: read out and taken in, so that a second machine asks nothing again. The
 * answers hold no path, no song and no person's edit. See db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_ANSWERS_H
#define SONGBOOKD_STORE_ANSWERS_H

#include "base/json.h"
#include "song/song.h"
#include "store/db.h"

#define ANSWERS_PAGE_MAX 500
#define ANSWER_KEY_MAX 2000 /* bytes of a folded artist or title that are taken in */

/* Appends the elements of an array, {"provider","artist","title","at","candidates"}: candidates null where the provider knew
 * nothing. after: the *next of the page before (borrowed), NULL for the first. *next: new memory, NULL at the end.
 * ERR_INVALID when `after` is none of ours. */
int answers_page(struct db *db, const char *after, int limit, struct json_out *o, char **next, struct err *e);

struct answers_taken {
    int64_t stored, kept; /* kept: what is here already is as new */
};
/* Takes in one element of such an array. The newer answer counts; a time in the future counts as now. ERR_INVALID with e set when
 * it is none: nothing of it is stored. */
int answers_take(struct db *db, const cJSON *answer, int64_t now_ms, struct answers_taken *taken, struct err *e);

#endif
