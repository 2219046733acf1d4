/* Finding songs: the recursive scan, single files the watcher names, moves, and what is missing.
 *
 * Directory walks and lstat run on the pool, one work item at a time, in batches; rows go through
 * dbq. A scan that finds more than half of a folder's songs missing, or the folder empty or gone,
 * changes no presence and says so. Loop thread only, except where said.
 */
#ifndef SONGBOOKD_WORK_SCAN_H
#define SONGBOOKD_WORK_SCAN_H

#include <uv.h>

#include "base/clock.h"
#include "store/dbq.h"
#include "work/events.h"
#include "work/known.h"

struct scan;
struct scan_options {
    const char *const *folders;      /* absolute, NULL-terminated; borrowed for the scan's life */
    bool watch;                      /* use inotify as a hint */
    uint64_t rescan_ms;              /* periodic full scan; 0 none */
    uint64_t retry_ms;               /* first wait before another try after the store failed, then doubled; 0: 15 s */
    /* Called on the loop after songs were listed or changed (queue may have grown): wakes the worker. */
    void (*changed)(void *arg);
    /* Called when a full scan ended, all it found is stored and no young file is waited for. */
    void (*settled)(void *arg);
    void *arg;
};
struct scan_status {
    bool running;
    bool failing;                    /* something found could not be stored; it is tried again */
    uint64_t files, listed, changed, missing, moved;   /* of the running or last scan */
    uint64_t returned;               /* absent songs that are back */
    uint64_t young;                  /* files still growing, waited for */
    uint64_t watched;                /* directories with an inotify watch */
    char problem[200];               /* "" or what kept presence unchanged, for a person */
    int64_t finished_ms;             /* wall time of the last end; 0 never */
    uint64_t duration_ms;            /* of the running one so far, or of the last one */
};

struct scan *scan_new(uv_loop_t *loop, const struct clock *clock, struct dbq *q, struct events *ev,
                      const struct scan_options *o);
/* Starts a full scan now, or once more after the running one. accept_missing: this time missing files become absent however
 * many they are. */
void scan_start(struct scan *s, bool accept_missing);
/* A hint that this path appeared or changed (absolute bytes); paths outside the folders are passed over. */
void scan_hint(struct scan *s, struct slice path);
/* Leaves these folders and what is in them to somebody else (PiKaraoke's database): nothing there is
 * listed; what was listed and is not theirs goes. A full scan follows when that changed. Paths are copied; NULL for none. */
void scan_leave_out(struct scan *s, const char *const paths[FOLDERS_LEFT_OUT]);
void scan_status(const struct scan *s, struct scan_status *out);
/* Stops, closes watchers and timers; closed runs once, later, when no work item is left. */
void scan_close(struct scan *s, void (*closed)(void *arg), void *arg);

#endif
