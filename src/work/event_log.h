/* Events as JSON lines in a file or on stdout (--events, [events] file=).
 *
 * Writes go to the pool, one at a time; at most EVENT_LOG_QUEUE bytes wait: what does not fit is left out and
 * announced by a gap line, never silently. A file is bounded: above EVENT_LOG_MAX it becomes FILE.1
 * and a new one is begun. Heartbeats are not written. Loop thread only.
 */
#ifndef SONGBOOKD_WORK_EVENT_LOG_H
#define SONGBOOKD_WORK_EVENT_LOG_H

#include "work/events.h"

#define EVENT_LOG_QUEUE (1024 * 1024)
#define EVENT_LOG_MAX (16 * 1024 * 1024)

struct event_log;
/* path "-" is stdout. Opens at once (before the loop runs): ERR_CONFIG when it cannot. */
int event_log_new(uv_loop_t *loop, struct events *ev, const char *path, struct event_log **out, struct err *e);
/* Opens the file anew (after a rotation by others; SIGHUP). */
void event_log_reopen(struct event_log *l);
/* Writes what waits, then closes; closed runs once, later. A reader of stdout that does not read delays it without end: the
 * caller bounds it. */
void event_log_close(struct event_log *l, void (*closed)(void *arg), void *arg);

#endif
