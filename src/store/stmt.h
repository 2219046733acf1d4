/* Private to store/: one connection and its prepared statements.
 *
 * A struct stmt carries its first failure along: getting, binding and stepping after it do nothing, and stmt_end or
 * stmt_run returns it. So a call reads as get, bind in order, run, with one check at the end. SQL of stmt_of must be a
 * string that lives for ever (a literal): it is prepared once per connection and found again by its address, while there are
 * slots; statements beyond those are compiled at each use. Bound text is borrowed until the statement ends. A cached
 * statement cannot be used twice at the same time.
 */
#ifndef SONGBOOKD_STORE_STMT_H
#define SONGBOOKD_STORE_STMT_H

#include <sqlite3.h>

#include "base/buf.h"
#include "store/db.h"

#define STMT_SLOTS 256                  /* searched by open addressing: half of them stay empty */
#define STMT_CACHED (STMT_SLOTS / 2)    /* statements that are kept */

struct stmt_slot {
    const char *sql;
    sqlite3_stmt *st;
};

struct db {
    sqlite3 *h;
    int lock_fd;         /* -1 for a reader */
    bool reader;
    bool full_sync;      /* the connection's present synchronous level */
    size_t slots_used;
    struct stmt_slot slots[STMT_SLOTS];
};

struct stmt {
    struct db *db;
    sqlite3_stmt *st;
    struct err *e;
    int next;            /* parameter bound last */
    int rc;              /* first failure, as ERR_ */
    bool owned;          /* finalised at the end: not of the cache */
};

struct stmt stmt_of(struct db *db, const char *sql, struct err *e);
/* For SQL that is built at run time; compiled each time. */
struct stmt stmt_of_text(struct db *db, const char *sql, struct err *e);

void stmt_int(struct stmt *s, int64_t v);
void stmt_int_or_null(struct stmt *s, int64_t v);            /* 0 is NULL */
void stmt_num(struct stmt *s, double v);
void stmt_text(struct stmt *s, const char *v);               /* NULL is NULL */
void stmt_text_or_null(struct stmt *s, const char *v);       /* "" is NULL, too */
void stmt_slice(struct stmt *s, struct slice v);
void stmt_bytes(struct stmt *s, struct slice v);             /* TEXT when it is UTF-8, else BLOB: paths */

/* True while there is a row; false at the end and on failure. */
bool stmt_row(struct stmt *s);
/* Resets (or finalises) and returns 0 or the failure. */
int stmt_end(struct stmt *s);
/* Runs it to its end, ignoring rows. */
int stmt_run(struct stmt *s);
/* For statements of one integer: *out is that of the first row, untouched without a row; returns 1, 0 (no row) or ERR_. */
int stmt_run_int(struct stmt *s, int64_t *out);

static inline int64_t col_int(const struct stmt *s, int i) { return sqlite3_column_int64(s->st, i); }
static inline double col_num(const struct stmt *s, int i) { return sqlite3_column_double(s->st, i); }
/* Borrowed until the next row; NULL for NULL. A BLOB comes as its bytes. */
static inline const char *col_text(const struct stmt *s, int i) { return (const char *)sqlite3_column_text(s->st, i); }
static inline struct slice col_slice(const struct stmt *s, int i)
{
    const char *p = col_text(s, i);
    return (struct slice){p ? p : "", (size_t)sqlite3_column_bytes(s->st, i)};
}
/* ISO text as wall milliseconds; 0 for NULL or another form. */
int64_t col_time(const struct stmt *s, int i);

/* Rows the last statement changed. */
static inline int64_t db_changed(const struct db *db) { return sqlite3_changes(db->h); }
/* Translates a SQLite code, copying its text while the connection is ours. */
int db_fail(struct db *db, int sqlite_rc, struct err *e);
/* Runs SQL text without parameters. */
int db_exec(struct db *db, const char *sql, struct err *e);
void db_finalize_all(struct db *db);

#endif
