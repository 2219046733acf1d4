/* Files on their way into the store, in lots: what is each one, and one transaction for all.
 *
 * A lot WAITS, is LOOKED UP (reader: the row of that path, or rows that could be the same song under an
 * old path), CHECKED (pool: is the old path gone; reading the name) and STORED (writer, alone). Lots go in order.
 * Only one lot with lookups is on its way at a time, so that no two files take the same old row;
 * without lookups (an empty library) the next one is checked while one is stored. Loop thread, except lot_check.
 * The owner (the scan has one, following PiKaraoke another) asks for what wants checking and takes it to the pool, one lot at a
 * time. Nothing unchanged is ever written.
 */
#ifndef SONGBOOKD_WORK_INTAKE_H
#define SONGBOOKD_WORK_INTAKE_H

#include "base/clock.h"
#include "store/dbq.h"
#include "work/events.h"
#include "work/known.h"

#define LOT_FILES 500
#define LOTS_AHEAD 3             /* more than so many lots stop the walk */

struct intake_file {
    char *path;                  /* owned */
    int64_t size, mtime_ms;
    int format;
    int priority;
    int64_t id;                  /* of its row, 0 when it has none or that is not known */
    bool present;                /* as the row says */
    bool lookup;                 /* ask the store what the path is */
    bool tell;                   /* an event for the song itself */
    bool by_probe;               /* its format was read without its directory: a stored pair stays a pair */
    int64_t pikaraoke_id;        /* its row in PiKaraoke's database, 0 none */
    char made[24];               /* created_at of that row */
};

struct intake_counts { uint64_t listed, changed, moved, returned; };

struct lot;
struct intake;
/* stored(arg): songs were listed or changed; step(arg): something may go on. */
struct intake_hooks {
    void (*stored)(void *arg);
    void (*step)(void *arg);
    void *arg;
};
struct intake *intake_new(const struct clock *clock, struct dbq *q, struct events *ev, const struct folders *folders,
                          const struct intake_hooks *hooks);
/* Only when intake_is_quiet. */
void intake_free(struct intake *in);

void intake_add(struct intake *in, const struct intake_file *f);   /* takes f->path */
/* The open lot may go, full or not. */
void intake_seal(struct intake *in);
/* Moves lots on. Returns false when it must be called again soon, because the store's queue is full. */
bool intake_step(struct intake *in);
/* The lot that wants the pool, or NULL; when it was checked there, say so. */
struct lot *intake_to_check(struct intake *in);
void lot_check(struct lot *b);   /* pool */
void intake_checked(struct intake *in, struct lot *b);

bool intake_has_room(const struct intake *in);    /* the walk may bring more */
bool intake_is_empty(const struct intake *in);    /* nothing is on its way */
bool intake_is_quiet(const struct intake *in);    /* no operation of the store is in flight */
/* Drops what has not begun; what is in flight ends without a call. */
void intake_stop(struct intake *in);

struct intake_counts intake_counts(const struct intake *in);
void intake_reset_counts(struct intake *in);
/* Ids of songs that moved or came back since the last call: their rows are not missing. Returns how many; new memory. */
size_t intake_take_moved(struct intake *in, int64_t **ids);
/* What went wrong since the last reset; "" nothing. */
const char *intake_problem(const struct intake *in);

#endif
