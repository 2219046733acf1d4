/* GET /progress and the body of progress events: numbers kept in memory by the others, no database access. Loop thread only. */
#include "api/api_internal.h"

/* The share of present songs that need no naming any more. Queue rows of absent songs can exceed the total. */
static double percent_done(const struct counts *c)
{
    int64_t unnamed = c->queued - c->dating, waiting = unnamed < c->total ? unnamed : c->total;

    return c->total > 0 ? 100.0 * (double)(c->total - waiting) / (double)c->total : 0;
}

static void put_library(const struct counts *c, struct json_out *o)
{
    json_open(o, "by_status", '{');
    for (int i = 0; i < SONG_STATUS_COUNT; i++)
        json_put_int(o, song_status_name((enum song_status)i), c->by_status[i]);
    json_close(o, '}');
    json_open(o, "library", '{');
    json_put_int(o, "present", c->total);
    json_put_int(o, "absent", c->absent);
    json_close(o, '}');
}

static void put_store(const struct dbq_stats *s, struct json_out *o)
{
    json_open(o, "store", '{');
    json_put_int(o, "transactions", (int64_t)s->transactions);
    json_put_int(o, "worst_transaction_ms", (int64_t)s->worst_transaction_ms);
    json_put_int(o, "writes", (int64_t)s->writes);
    json_put_int(o, "reads", (int64_t)s->reads);
    json_put_int(o, "waiting_writes", (int64_t)s->waiting_writes);
    json_put_int(o, "waiting_reads", (int64_t)s->waiting_reads);
    json_close(o, '}');
}

void api_progress_members(struct api *a, struct json_out *o)
{
    const struct counts *c = dbq_counts(a->d.q);
    struct dbq_stats store = dbq_stats(a->d.q);

    enrich_progress_json(a->d.enrich, o);
    json_put_int(o, "queue_remaining", c->queued);
    json_put_int(o, "total", c->total);
    json_put_num(o, "percent", percent_done(c), 1);
    put_library(c, o);
    api_scan_json(a, o, "scan");
    loop_stats_json(a->d.loop_stats, o, "loop");
    put_store(&store, o);
    if (a->d.pikaraoke)
        pikaraoke_progress_json(a->d.pikaraoke, o);
    if (a->d.manners)
        manners_json(a->d.manners, o, "machine");
    json_put_str(o, "version", a->d.version);
}

void handle_progress(struct request *r, void *app)
{
    struct buf b;
    struct json_out o;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    api_progress_members(app, &o);
    json_close(&o, '}');
    api_reply_json(r, 200, &b);
}
