/* How long turns of the loop take; see loop_stats.h. Loop thread only.
 *
 * A turn is measured from one prepare callback to the next: libuv runs I/O callbacks inside the poll itself, before check
 * callbacks, so check to prepare would miss most of the work. Waiting costs no CPU, so the thread's
 * CPU clock needs no correction; the time on the wall has libuv's own count of idle time taken off.
 */
#include "work/loop_stats.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

#define BUCKET_NS (UINT64_C(30) * 1000000000)   /* two of them are the last minute */

struct worst { uint64_t cpu_ns, wall_ns; };

struct loop_stats {
    uv_loop_t *loop;
    uv_prepare_t prepare;
    bool begun;
    uint64_t cpu_ns, wall_ns, idle_ns;     /* at the last prepare */
    uint64_t turns;
    struct worst ever, now, before;        /* since start, in this bucket, in the one before */
    uint64_t bucket_at;
};

static uint64_t cpu_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void worst_take(struct worst *w, uint64_t cpu_ns, uint64_t wall_ns)
{
    w->cpu_ns = cpu_ns > w->cpu_ns ? cpu_ns : w->cpu_ns;
    w->wall_ns = wall_ns > w->wall_ns ? wall_ns : w->wall_ns;
}

static void turn_buckets(struct loop_stats *s, uint64_t now)
{
    if (now - s->bucket_at < BUCKET_NS)
        return;
    s->before = now - s->bucket_at < 2 * BUCKET_NS ? s->now : (struct worst){0};
    s->now = (struct worst){0};
    s->bucket_at = now;
}

static void end_turn(struct loop_stats *s, uint64_t cpu, uint64_t wall, uint64_t idle)
{
    uint64_t used = wall - s->wall_ns, waited = idle - s->idle_ns;
    uint64_t busy = used > waited ? used - waited : 0;

    turn_buckets(s, wall);
    s->turns++;
    worst_take(&s->ever, cpu - s->cpu_ns, busy);
    worst_take(&s->now, cpu - s->cpu_ns, busy);
}

static void on_prepare(uv_prepare_t *h)
{
    struct loop_stats *s = h->data;
    uint64_t cpu = cpu_now(), wall = uv_hrtime(), idle = uv_metrics_idle_time(s->loop);

    if (s->begun)
        end_turn(s, cpu, wall, idle);
    s->begun = true;
    s->cpu_ns = cpu;
    s->wall_ns = wall;
    s->idle_ns = idle;
}

struct loop_stats *loop_stats_new(uv_loop_t *loop)
{
    struct loop_stats *s = mem_zalloc(sizeof *s);

    s->loop = loop;
    s->bucket_at = uv_hrtime();
    uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
    uv_prepare_init(loop, &s->prepare);
    s->prepare.data = s;
    uv_prepare_start(&s->prepare, on_prepare);
    uv_unref((uv_handle_t *)&s->prepare);
    return s;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void loop_stats_free(struct loop_stats *s)
{
    if (s)
        uv_close((uv_handle_t *)&s->prepare, on_closed);
}

void loop_stats_json(const struct loop_stats *s, struct json_out *o, const char *key)
{
    struct worst recent = s->now;
    bool fresh = uv_hrtime() - s->bucket_at < BUCKET_NS * 2;

    worst_take(&recent, s->before.cpu_ns, s->before.wall_ns);
    json_open(o, key, '{');
    json_put_int(o, "turns", (int64_t)s->turns);
    json_put_num(o, "worst_turn_cpu_ms", (double)s->ever.cpu_ns / 1e6, 3);
    json_put_num(o, "worst_turn_ms", (double)s->ever.wall_ns / 1e6, 3);
    json_put_num(o, "recent_turn_cpu_ms", fresh ? (double)recent.cpu_ns / 1e6 : 0, 3);
    json_close(o, '}');
}
