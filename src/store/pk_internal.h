/* Private to pk*.c: the connection to PiKaraoke's database. */
#ifndef SONGBOOKD_STORE_PK_INTERNAL_H
#define SONGBOOKD_STORE_PK_INTERNAL_H

#include <sys/stat.h>

#include "store/pk.h"
#include "store/stmt.h"

struct pk {
    char *path;
    struct db db;                  /* h NULL: not open */
    bool at_rest;                  /* opened as a file that nobody writes */
    bool writable;
    bool permitted;                /* the last look found nothing against publishing */
    struct stat st;                /* of the file when it was opened */
    int64_t data_version;
    int log_pages;                 /* of the -wal after our last commit */
    /* as the last look found it */
    enum pk_profile profile;
    int64_t user_version;
    bool playing;
    char *folder;
};

/* False when another file stands at the path, or what is read at rest has been written: nothing read may be believed. */
bool pk_is_same_file(const struct pk *pk);
/* A table, not a view. */
int pk_has_table(struct pk *pk, const char *name, bool *yes, struct err *e);

#endif
