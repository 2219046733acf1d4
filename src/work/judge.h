/* The whole library decides the names that are open: which part is the artist, is a number part of the title.
 *
 * It remembers what every present song's name says (song/library.h, bounded memory), reads new names as the scan lists them,
 * forgets those that went, and stores what it decides anew, with evidence and reason. It never touches what a person or a
 * provider decided. All of it happens in operations of the store's queue, one in flight, a few hundred names each; loop thread.
 */
#ifndef SONGBOOKD_WORK_JUDGE_H
#define SONGBOOKD_WORK_JUDGE_H

#include "base/clock.h"
#include "store/dbq.h"
#include "work/events.h"

/* Up to so many names are remembered at rest, too (half a MB); a larger library is read anew when names come (half a second of
 * pool time for 100,000 on a desktop machine), and takes no memory in between. */
#define JUDGE_KEEP_NAMES 5000

struct judge;
struct judge_hooks {
    void (*changed)(void *arg);   /* songs were decided anew */
    void (*idle)(void *arg);      /* nothing is left to decide */
    void *arg;
    size_t keep;                  /* JUDGE_KEEP_NAMES */
};
struct judge_status {
    uint64_t names;               /* remembered */
    uint64_t decided;             /* songs changed since the start */
    uint64_t bytes;               /* memory of what is remembered */
    uint64_t pool_ms;             /* time spent on the pool since the start */
};

struct judge *judge_new(const struct clock *clock, struct dbq *q, struct events *ev, const struct judge_hooks *hooks);
/* Songs were listed; all: songs may have gone, moved or come back as well, so that every row is looked at. */
void judge_wake(struct judge *j, bool all);
/* Songs were listed, and more are on their way: decides once there are twice as many as it knows, so that a first scan of any
 * length costs about one decision more in all, and the first songs are decided at once. judge_wake must follow at the end. */
void judge_more(struct judge *j);
/* No more songs are on their way for now: when all is decided a large library is set aside. Until the next judge_wake. */
void judge_rest(struct judge *j);
bool judge_is_idle(const struct judge *j);
void judge_status(const struct judge *j, struct judge_status *out);
/* Begins nothing any more; closed runs once, later, when no operation is in flight. Then memory is gone. */
void judge_close(struct judge *j, void (*closed)(void *arg), void *arg);

#endif
