/* How long turns of the loop take: CPU time of each turn, and its time on the wall without waiting (lag). Shown under
 * `loop` in /progress. Switches libuv's idle time measuring on. Loop thread only. */
#ifndef SONGBOOKD_WORK_LOOP_STATS_H
#define SONGBOOKD_WORK_LOOP_STATS_H

#include <uv.h>

#include "base/json.h"

struct loop_stats;
struct loop_stats *loop_stats_new(uv_loop_t *loop);   /* embeds a prepare handle, unreferenced */
void loop_stats_free(struct loop_stats *s);           /* closes it */
/* {"turns","worst_turn_cpu_ms","worst_turn_ms","recent_turn_cpu_ms"}: worst since start, and within the last minute. */
void loop_stats_json(const struct loop_stats *s, struct json_out *o, const char *key);

#endif
