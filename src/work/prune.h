/* Forgetting what is old: changes that no person made, changes.keep_days after they happened, and answers of providers that are
 * believed no longer (store/answers.h).
 *
 * Looks once at the start and then once a day, and deletes in steps, so that the writer serves others in between. Loop
 * thread only.
 */
#ifndef SONGBOOKD_WORK_PRUNE_H
#define SONGBOOKD_WORK_PRUNE_H

#include "base/clock.h"
#include "config/config.h"
#include "store/dbq.h"

struct prune;
struct prune *prune_new(uv_loop_t *loop, const struct clock *clock, struct dbq *q, const struct config *config);
/* To be called before the queue closes; memory goes when its last operation and its timer are done. */
void prune_close(struct prune *p);

#endif
