/* Growable bytes with a bound.
 *
 * A buf owns its memory. An append that would pass `max` appends nothing, sets `overflow` and
 * returns false; later appends fail too until buf_reset, so a chain of appends is checked once at
 * its end. The data always carries a NUL behind `len` once anything was appended (or after
 * buf_cstr).
 */
#ifndef SONGBOOKD_BASE_BUF_H
#define SONGBOOKD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Borrowed bytes, not NUL terminated. */
struct slice {
    const char *p;
    size_t n;
};

#define SLICE_LIT(s) ((struct slice){(s), sizeof(s) - 1})
struct slice slice_of(const char *s);                        /* NULL gives an empty slice */
bool slice_eq(struct slice a, struct slice b);               /* byte equality */
bool slice_eq_str(struct slice a, const char *s);
bool text_same(const char *a, const char *b);   /* NULL is as good as "" */
bool slice_ieq_str(struct slice a, const char *s);           /* ASCII letters compared without case */
struct slice slice_trim(struct slice s);                     /* ASCII white space off both ends */

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;      /* largest len */
    bool overflow;
};

void buf_init(struct buf *b, size_t max);                    /* max 0: no bound (half of SIZE_MAX) */
void buf_deinit(struct buf *b);
void buf_reset(struct buf *b);                               /* empties, keeps the memory */
char *buf_detach(struct buf *b);                             /* returns new NUL-terminated memory (caller frees); b is empty */
const char *buf_cstr(struct buf *b);                         /* borrowed until the next append */

bool buf_reserve(struct buf *b, size_t more);
bool buf_add(struct buf *b, const void *p, size_t n);
bool buf_add_str(struct buf *b, const char *s);
bool buf_add_byte(struct buf *b, char c);
bool buf_add_slice(struct buf *b, struct slice s);
__attribute__((format(printf, 2, 3))) bool buf_addf(struct buf *b, const char *fmt, ...);
__attribute__((format(printf, 2, 0))) bool buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_drop_front(struct buf *b, size_t n);                /* removes the first n bytes */

#endif
