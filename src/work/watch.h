/* inotify as a hint: what happened in the watched directories, as paths.
 *
 * Used directly, because uv_fs_event swallows the overflow record. Directories are added by the walk, on
 * the pool (inotify_add_watch looks the path up and may block); here they get their paths. A lost, unknown or
 * overflowed event only asks for a rescan: the rescan is the truth. Loop thread only, except watch_fd's use.
 */
#ifndef SONGBOOKD_WORK_WATCH_H
#define SONGBOOKD_WORK_WATCH_H

#include <sys/inotify.h>
#include <uv.h>

#include "base/buf.h"

#define WATCH_MASK \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR | \
     IN_MASK_ADD)
#define WATCH_PARENT_MASK (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD)

enum watch_hint {
    WATCH_APPEARED,      /* a file or directory of that path is new, complete or was moved here */
    WATCH_GONE,          /* it went away */
    WATCH_LOST,          /* events were lost, or a watched directory itself went: look at everything (path empty) */
    WATCH_PARENT         /* something was made where a missing folder is waited for (path empty) */
};

struct watch;
/* NULL when the kernel gives no inotify; why is logged. Hints run from the poll callback. */
struct watch *watch_new(uv_loop_t *loop, void (*hint)(void *arg, enum watch_hint what, struct slice path), void *arg);
/* For inotify_add_watch on the pool. */
int watch_fd(const struct watch *w);
/* This number is that directory; path is copied. A parent is only watched for what is made in it. */
void watch_know(struct watch *w, int wd, const char *path, bool parent);
/* A full scan begins / is complete: directories it did not name again are no longer watched. */
void watch_begin(struct watch *w);
void watch_sweep(struct watch *w);
size_t watch_count(const struct watch *w);
void watch_close(struct watch *w, void (*closed)(void *arg), void *arg);

#endif
