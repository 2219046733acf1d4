/* What the worker tells of itself: rate, time left, providers. Loop thread only. */
#include "work/enrich_internal.h"

void enrich_count_done(struct enrich *w)
{
    uint64_t second = clock_mono(w->d.clock) / 1000;

    for (uint64_t s = w->done_second + 1; s <= second && s <= w->done_second + RATE_SECONDS; s++)
        w->done_in[s % RATE_SECONDS] = 0;
    w->done_second = second;
    w->done_in[second % RATE_SECONDS]++;
}

static double rate_per_second(const struct enrich *w)
{
    uint64_t second = clock_mono(w->d.clock) / 1000, sum = 0;

    for (uint64_t s = 0; s < RATE_SECONDS; s++)
        if (second >= s && second - s <= w->done_second)   /* what lies behind it was cleared or is not yet written */
            sum += w->done_in[(second - s) % RATE_SECONDS];
    return (double)sum / RATE_SECONDS;
}

/* In bulk: four requests for the names of a hundred songs in both orders, one for their genres. */
static double requests_per_song(const struct lane *l)
{
    return l->p->in_bulk ? 0.05 : 1;
}

static bool all_offline(const struct enrich *w)
{
    unsigned usable = enrich_usable(w);

    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (usable & 1u << i && !lane_is_offline(&w->lanes[i]))
            return false;
    return usable != 0;
}

/* Songs a lane has yet to ask for, by the budget it has; the slowest lane decides. -1 when it cannot be said. */
static double eta_seconds(const struct enrich *w)
{
    const struct counts *c = dbq_counts(w->d.q);
    double longest = 0;

    if (c->queued == 0)
        return 0;
    if (!enrich_is_running(w) || enrich_usable(w) == 0 || all_offline(w))
        return -1;
    for (int i = 0; i < PROVIDER_COUNT; i++) {
        int64_t songs = 0;
        double s;
        if (!lane_is_usable(&w->lanes[i]))
            continue;
        for (unsigned mask = 0; mask < QUEUE_MASKS; mask++)
            if (!(mask & 1u << i))
                songs += c->queued_asked[mask];
        s = (double)songs * requests_per_song(&w->lanes[i]) * lane_interval(&w->lanes[i]);
        s = (s + (double)lane_rest_ms(&w->lanes[i])) / 1000;
        if (s > longest)
            longest = s;
    }
    return longest;
}

struct sums { uint64_t requests, dating; };

static struct sums sum_requests(const struct enrich *w)
{
    struct sums s = {0};

    for (int i = 0; i < PROVIDER_COUNT; i++) {
        s.requests += w->lanes[i].requests;
        s.dating += w->lanes[i].dating;
    }
    return s;
}

/* Dating searches come later and one by one: they would hide what naming costs. */
static double requests_for_a_song(const struct enrich *w, struct sums s)
{
    return w->named ? (double)(s.requests - s.dating) / (double)w->named : 0;
}

void enrich_summary(const struct enrich *w, char *out, size_t size)
{
    struct sums s = sum_requests(w);
    size_t at = (size_t)snprintf(out, size, "%llu requests, %.3f a song named, and %llu dating searches",
                                 (unsigned long long)(s.requests - s.dating), requests_for_a_song(w, s),
                                 (unsigned long long)s.dating);

    for (int i = 0; i < PROVIDER_COUNT && at < size; i++)
        if (w->lanes[i].p && w->lanes[i].requests)
            at += (size_t)snprintf(out + at, size - at, "; %s %llu (%.0f %% of its budget)", provider_name((enum provider_id)i),
                                   (unsigned long long)w->lanes[i].requests, 100 * lane_budget_used(&w->lanes[i]));
}

void enrich_progress_json(const struct enrich *w, struct json_out *o)
{
    const struct counts *c = dbq_counts(w->d.q);
    double eta = eta_seconds(w);
    struct sums sums = sum_requests(w);
    char stamp[32];

    json_put_bool(o, "running", w->wish.running);
    json_put_bool(o, "paused", w->wish.paused);
    json_put_str(o, "state", worker_mode_name(enrich_mode(w)));
    json_put_int(o, "total_processed", c->total_processed);
    json_put_int(o, "total_enriched", c->total_enriched);
    json_put_int(o, "total_failed", c->total_failed);
    if (w->wish.started_at_ms)
        clock_iso(w->wish.started_at_ms, stamp);
    json_put_str(o, "started_at", w->wish.started_at_ms ? stamp : NULL);
    json_put_num(o, "rate_per_second", rate_per_second(w), 2);
    if (eta < 0)
        json_put_null(o, "eta_seconds");
    else
        json_put_int(o, "eta_seconds", (int64_t)(eta + 0.999));
    json_put_int(o, "dating_remaining", c->dating);
    json_put_int(o, "requests", (int64_t)sums.requests);
    json_put_int(o, "dating_requests", (int64_t)sums.dating);
    json_put_num(o, "requests_per_song", requests_for_a_song(w, sums), 3);
    json_put_bool(o, "offline", all_offline(w));
    json_put_str(o, "held", w->hold == HOLD_NONE ? NULL : w->hold_why);
    json_open(o, "providers", '{');
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_json(&w->lanes[i], o, provider_name((enum provider_id)i));
    json_close(o, '}');
}

void enrich_providers_json(const struct enrich *w, struct json_out *o)
{
    json_open(o, "providers", '[');
    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p)
            lane_json(&w->lanes[i], o, NULL);
    json_close(o, ']');
}
