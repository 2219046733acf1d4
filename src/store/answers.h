/* What providers said, by folded artist and title: read out and taken in, so that a second machine asks nothing again, and
 * forgotten when it is too old. The answers hold no path, no song and no person's edit. See db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_ANSWERS_H
#define SONGBOOKD_STORE_ANSWERS_H

#include "base/json.h"
#include "song/song.h"
#include "store/db.h"

#define ANSWERS_PAGE_MAX 500
#define ANSWER_KEY_MAX 2000 /* bytes of a folded artist or title that are taken in */

#define ANSWER_FOUND_MS (INT64_C(180) * 86400000)    /* an answer is believed for half a year */
#define ANSWER_NOT_FOUND_MS (INT64_C(28) * 86400000) /* an empty one for four weeks */

/* Appends the elements of an array, {"provider","artist","title","at","candidates"}: candidates null where the provider knew
 * nothing. limit: at least 1; that it is at most ANSWERS_PAGE_MAX is the caller's duty. after: the *next of the page before
 * (borrowed), NULL for the first. *next: new memory, NULL at the end. ERR_INVALID when `after` is none of ours. */
int answers_page(struct db *db, const char *after, int limit, struct json_out *o, char **next, struct err *e);

struct answers_taken {
    int64_t stored, kept; /* kept: what is here already is as new */
};
/* Takes in one element of such an array. The newer answer counts; a time in the future counts as now. ERR_INVALID with e set when
 * it is none: nothing of it is stored. */
int answers_take(struct db *db, const cJSON *answer, int64_t now_ms, struct answers_taken *taken, struct err *e);

/* Forgets answers that are believed no longer. Looks at no more than `most` rows; *place is NULL at first, then where the next
 * call goes on (new memory, in place of the old), and NULL again when all were looked at. *gone counts what was deleted. */
int answers_forget(struct db *db, int64_t now_ms, int most, char **place, int64_t *gone, struct err *e);

#endif
