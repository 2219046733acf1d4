/* Private to store/: the schema as a table of steps. Step N brings user_version from N-1 to N. */
#ifndef SONGBOOKD_STORE_MIGRATIONS_H
#define SONGBOOKD_STORE_MIGRATIONS_H

#include "store/stmt.h"

#define DB_APPLICATION_ID 0x536f4264   /* "SoBd" in the file's header: tells our file from any other */

struct migration {
    int version;                                   /* 1, 2, 3 ... without a gap */
    const char *sql;
    int (*then)(struct db *db, struct err *e);     /* what SQL alone cannot do; NULL */
};
extern const struct migration migrations[];
extern const size_t migrations_count;

/* Brings the file from `version` to the newest, each step in its own transaction. */
int migrations_run(struct db *db, int64_t version, struct err *e);

#endif
