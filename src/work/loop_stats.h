/* How long turns of the loop take: CPU time of each turn between two waits, and lag. Shown under `loop` in /progress. Loop thread only. */
#ifndef SONGBOOKD_WORK_LOOP_STATS_H
#define SONGBOOKD_WORK_LOOP_STATS_H

#include <uv.h>

#include "base/json.h"

struct loop_stats;
struct loop_stats *loop_stats_new(uv_loop_t *loop);   /* embeds a prepare and a check handle, unreferenced */
void loop_stats_free(struct loop_stats *s);           /* closes them */
/* {"turns","worst_turn_cpu_ms","worst_turn_ms","recent_turn_cpu_ms"}: worst since start, and within the last minute. */
void loop_stats_json(const struct loop_stats *s, struct json_out *o, const char *key);
void loop_stats_reset(struct loop_stats *s);

#endif
