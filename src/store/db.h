/* One SQLite connection to songbook.db, and its schema.
 *
 * Every function of this room is plain synchronous C with `struct db *` first. It runs on a pool
 * thread inside a dbq operation, or directly in unit tests; never on the loop thread.
 * store/ is the only room that includes sqlite3.h. Times are wall milliseconds at the interface;
 * in the file columns ending in _at are ISO text (UTC), those ending in _ms are numbers.
 */
#ifndef SONGBOOKD_STORE_DB_H
#define SONGBOOKD_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct db;

/* Opens for writing: creates the file (mode 0600, folder made when missing), takes the lock file PATH.lock with flock for the
 * life of the connection, sets WAL, checks application_id and migrates. ERR_IN_USE when another process holds it,
 * ERR_DATABASE when it is no songbook database, damaged, or newer than this program (the file stays untouched), ERR_FULL, ERR_IO.
 */
int db_open(const char *path, struct db **out, struct err *e);
/* Whether the file is a songbook database that this program may read, by its first page; nothing is touched. ERR_NOT_FOUND when
 * there is none, ERR_DATABASE as db_open. */
int db_inspect(const char *path, struct err *e);
/* The lock alone, as db_open takes it; *fd is closed by the caller. ERR_IN_USE, ERR_IO. */
int db_lock(const char *path, int *fd, struct err *e);
/* A second connection for reading only; the file must exist. */
int db_open_reader(const char *path, struct db **out, struct err *e);
/* Finalises all statements, checkpoints (writer) and closes; NULL is fine. */
void db_close(struct db *db);

int db_begin(struct db *db, bool durable, struct err *e);   /* BEGIN IMMEDIATE; durable: synchronous FULL for this transaction */
int db_commit(struct db *db, struct err *e);
void db_rollback(struct db *db);
int db_savepoint(struct db *db, struct err *e);
int db_release(struct db *db, struct err *e);
void db_rollback_to(struct db *db);
/* False when SQLite itself has rolled the transaction back (disk full, I/O error, interrupt). */
bool db_in_transaction(const struct db *db);
/* TRUNCATE checkpoint and memory release; for idle times. */
void db_tidy(struct db *db);
int64_t db_schema_version(void);                              /* what this program writes to user_version */

#endif
