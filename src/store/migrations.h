/* Private to store/: the schema as a table of steps. Step N brings user_version from N-1 to N. */
#ifndef SONGBOOKD_STORE_MIGRATIONS_H
#define SONGBOOKD_STORE_MIGRATIONS_H

#include "store/stmt.h"

#define DB_APPLICATION_ID 0x536f4264   /* "SoBd" in the file's header: tells our file from any other */

struct migration {
    int version;                                   /* growing */
    const char *sql;
    int (*then)(struct db *db, struct err *e);     /* what SQL alone cannot do; NULL */
};
extern const struct migration migrations[];
extern const size_t migrations_count;

/* Steps that are more than SQL of one file. */
int migrate_lists(struct db *db, struct err *e);

/* Order of the review: who waits for the song, then how often it is sung; the smaller the more useful. An index holds this very
 * expression. t: "" or the table's name with its dot. */
#define SONG_REVIEW_RANK(t) "-(" t "wanted * 1000000 + min(" t "sung, 999999))"

/* Brings the file from `version` to the newest, each step in its own transaction. */
int migrations_run(struct db *db, int64_t version, struct err *e);

#endif
