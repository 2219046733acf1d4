/* Writing our values into PiKaraoke's existing rows: compare-and-set, in transactions of milliseconds. See pk.h.
 *
 * The rows are read and judged before the lock is taken; inside it there are only the updates, each of which holds its
 * row to the id, the path and every value that was judged. What is neither empty nor ours stays, and the song is held back
 * with a reason. The lock is never waited for: ERR_BUSY, and the caller's timer tries again.
 */
#ifndef SONGBOOKD_STORE_PK_PUBLISH_H
#define SONGBOOKD_STORE_PK_PUBLISH_H

#include "store/pk.h"

#define PK_BATCH_MAX 50            /* rows of one transaction */
#define PK_LOCK_MS 20              /* after which it is committed as it stands */

enum pk_value { PK_ARTIST, PK_TITLE, PK_VARIANT, PK_YEAR, PK_GENRE, PK_STATUS, PK_VALUES };
struct pk_values { char *v[PK_VALUES]; };             /* owned, NULL where there is none */
void pk_values_deinit(struct pk_values *v);
/* As one text, parted by U+001F, and back. NULL gives no values. Returns new. */
char *pk_values_pack(const char *const v[PK_VALUES]);
void pk_values_unpack(const char *text, struct pk_values *out);

enum pk_verdict {
    PK_WRITE,                      /* to be written, or written */
    PK_SAME,                       /* the row says so already */
    PK_HELD_FOREIGN,               /* artist or title there are somebody else's */
    PK_HELD_MANUAL,                /* a person decided there: manual or accepted */
    PK_HELD_STATUS,                /* its status is a word of another program */
    PK_HELD_LEFT,                  /* its own worker has not given it up */
    PK_MOVED,                      /* the row went, or changed while we looked: later */
    PK_LATER                       /* there was no time for it in this transaction */
};
/* The stable name of a reason to hold back, NULL for the other verdicts; and a sentence for a person. */
const char *pk_held_name(enum pk_verdict v);
const char *pk_held_sentence(const char *name);
/* Decides for one row. row: what stands there; want, last, intended: ours now, as last published, as about to be when we were
 * interrupted. next: what the row shall hold (borrowed from row and want). Pure. */
enum pk_verdict pk_judge(enum pk_profile profile, const struct pk_values *row, const struct pk_values *want,
                         const struct pk_values *last, const struct pk_values *intended, const char *next[PK_VALUES]);

struct pk_song {                   /* owned: pk_song_deinit */
    int64_t song_id, row_id;
    char *path;
    struct pk_values want, last, intended;
    int attempts;
    char attempted_at[32];         /* "YYYY-MM-DD HH:MM:SS", or "" */
    enum pk_verdict verdict;       /* what came of it */
    char *stored;                  /* PK_WRITE, PK_SAME: the row's values now, packed */
};
void pk_song_deinit(struct pk_song *s);

struct pk_report {                 /* of one pk_publish */
    uint64_t lock_us;              /* that PiKaraoke's database was locked by us; 0 not at all */
    int written;
};
/* One transaction at most. begin_before_ms: monotonic time after which none is begun (ERR_TIMEOUT): what was planned before this
 * machine stood still may be stale. ERR_BUSY: somebody else holds the lock. ERR_STALE: look first. On an error no row was
 * changed. */
int pk_publish(struct pk *pk, struct pk_song *songs, size_t n, uint64_t begin_before_ms, struct pk_report *report, struct err *e);

#endif
