/* Looking after the database file as a whole: check, back up, restore.
 *
 * Synchronous; used by songbookctl, and by db_open before it changes the schema. check and backup may run beside a working
 * daemon: they read one snapshot, and check takes a turn as a writer for the search index. restore needs the database for
 * itself.
 */
#ifndef SONGBOOKD_STORE_BACKUP_H
#define SONGBOOKD_STORE_BACKUP_H

#include "base/err.h"
#include "store/db.h"

/* Integrity of every page, foreign keys, the search index, and what our own counts and marks promise. problem(line) is called
 * for each finding, at most 100 times. Returns how many there were, or ERR_NOT_FOUND, ERR_DATABASE (none of ours, newer, or
 * too damaged to be read), ERR_BUSY (no turn for the search index), ERR_IO. Nothing is changed. *songs: rows of songs. */
int database_check(const char *path, void (*problem)(const char *line, void *arg), void *arg, int64_t *songs, struct err *e);

/* One whole, checked copy of the database as of now, in a file that needs no other beside it (mode 0600). Written under another
 * name and renamed when it is on the disk. ERR_EXISTS when `to` is there. */
int database_backup(const char *path, const char *to, struct err *e);

/* Puts a copy of `from` (a backup, or any songbook database) in the place of the database. What was there is kept under the
 * name that is returned in *aside (caller frees; NULL when there was nothing). ERR_IN_USE while a daemon has it open;
 * ERR_DATABASE when `from` is damaged, foreign or newer: then nothing is changed. */
int database_restore(const char *from, const char *path, char **aside, struct err *e);

/* For db_open: the open database as it is, to `to`, which is replaced. */
int backup_of(struct db *db, const char *to, struct err *e);

#endif
