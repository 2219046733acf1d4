/* What PiKaraoke's database is known to hold, compactly: 16 bytes a row, so that a change there is found without asking our own
 * database. A pass reads the rows in slices by growing id and compares; the picture it makes replaces the old one at its end.
 * Pure; one thread at a time. */
#ifndef SONGBOOKD_WORK_MIRROR_H
#define SONGBOOKD_WORK_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mirror;
struct mirror *mirror_new(void);
void mirror_free(struct mirror *m);            /* NULL is fine */
/* Rows must come by growing id. made may be NULL: such a row always differs. */
void mirror_add(struct mirror *m, int64_t id, const char *path, const char *made);
size_t mirror_count(const struct mirror *m);

/* A comparison of a new picture with the old one, row by row. */
struct mirror_pass {
    const struct mirror *old;                  /* borrowed */
    struct mirror *next;                       /* owned until taken */
    size_t at;                                 /* first row of old not compared yet */
};
void mirror_begin(struct mirror_pass *p, const struct mirror *old);
/* True when the row is new or differs. Ids of rows that are gone before it go to gone(arg, id). */
bool mirror_compare(struct mirror_pass *p, int64_t id, const char *path, const char *made, void (*gone)(void *arg, int64_t id),
                    void *arg);
/* The rows ended: all that is left of the old ones is gone. */
void mirror_end(struct mirror_pass *p, void (*gone)(void *arg, int64_t id), void *arg);

#endif
