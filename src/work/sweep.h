/* One full scan: the stored stamps against the disk, and the decision about what is missing.
 *
 * The scan (scan.c) owns the pool slot and gives it when sweep_wants_slot; found files go to the intake through `found`.
 * Rows come and go in slices, so that no loop turn grows with the library. Loop thread, except sweep_work.
 */
#ifndef SONGBOOKD_WORK_SWEEP_H
#define SONGBOOKD_WORK_SWEEP_H

#include "base/clock.h"
#include "store/dbq.h"
#include "work/intake.h"
#include "work/walk.h"
#include "work/watch.h"

struct sweep;
struct sweep_deps {                  /* borrowed for its life */
    const struct clock *clock;
    struct dbq *q;
    struct intake *in;
    const struct folders *folders;
    struct watch *watch;             /* or NULL */
    bool accept;                     /* however many files are missing, their songs become absent */
    /* Files and directories that one piece of the walk met; what it keeps it takes out of *out. */
    void (*found)(void *arg, struct walk_out *out);
    /* Something may go on. */
    void (*step)(void *arg);
    void *arg;
};
struct sweep *sweep_new(const struct sweep_deps *d);
/* Moves on what needs no slot. */
void sweep_step(struct sweep *sw);
/* True when it has something for the pool; the caller then must go on to sweep_work. */
bool sweep_wants_slot(struct sweep *sw);
/* One bounded piece, on the pool; now_ms is wall time, taken on the loop. Then sweep_worked, back on the loop. */
void sweep_work(struct sweep *sw, int64_t now_ms);
void sweep_worked(struct sweep *sw);
bool sweep_is_done(const struct sweep *sw);
/* No operation of the store is in flight: it may be freed (when no work item is). */
bool sweep_is_quiet(const struct sweep *sw);
void sweep_free(struct sweep *sw);   /* NULL is fine */

bool sweep_knew_nothing(const struct sweep *sw);   /* no song was stored when it began */
uint64_t sweep_files(const struct sweep *sw);
uint64_t sweep_missing(const struct sweep *sw);
const char *sweep_problem(const struct sweep *sw); /* for a person; "" none */
bool sweep_store_failed(const struct sweep *sw);   /* something found could not be looked up or stored */
size_t sweep_unwatched(const struct sweep *sw);    /* directories that inotify refused */
enum folder_state sweep_folder(const struct sweep *sw, int folder);

#endif
