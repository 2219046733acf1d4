/* What a lane tells of itself: its state as a word and a sentence, its endpoints, its counters. Loop thread only. */
#include "work/enrich_internal.h"

#include <string.h>

enum mood {
    MOOD_OK, MOOD_PACING, MOOD_REFUSED, MOOD_FAILING, MOOD_OFFLINE, MOOD_DISABLED, MOOD_NEEDS_KEY, MOOD_KEY_REFUSED, MOOD_LOCKED
};

static const char *const words[] = {"ok",       "pacing",    "refused",     "failing", "offline",
                                    "disabled", "needs_key", "key_refused", "locked"};

/* The endpoint that wants a token it did not want before; -1 when there is none. */
static int locked_end(const struct lane *l)
{
    for (int e = 0; e < ENDPOINTS_MAX && l->p->endpoints[e]; e++)
        if (endpoint_is_locked(l, e))
            return e;
    return -1;
}

static enum mood endpoint_mood(const struct lane *l, int end)
{
    if (endpoint_is_locked(l, end))
        return MOOD_LOCKED;
    if (l->ends[end].offline)
        return MOOD_OFFLINE;
    if (endpoint_rest_ms(l, end) > 0)
        return endpoint_is_failing(l, end) ? MOOD_FAILING : MOOD_REFUSED;
    return l->ends[end].in_flight ? MOOD_PACING : MOOD_OK;
}

static enum mood lane_mood(const struct lane *l)
{
    static const enum mood of_state[] = {
        [LANE_DISABLED] = MOOD_DISABLED, [LANE_NEEDS_KEY] = MOOD_NEEDS_KEY, [LANE_KEY_REFUSED] = MOOD_KEY_REFUSED};
    enum mood front;

    if (l->state != LANE_OK)
        return of_state[l->state];
    if (lane_front(l) < 0)
        return MOOD_LOCKED;
    front = endpoint_mood(l, lane_front(l));
    if (front > MOOD_PACING)
        return front;
    if (l->kept.key_refused)
        return MOOD_KEY_REFUSED;
    if (locked_end(l) >= 0)
        return MOOD_LOCKED;
    return l->in_flight || !list_is_empty(&l->turns) ? MOOD_PACING : MOOD_OK;
}

const char *lane_word(const struct lane *l)
{
    return words[lane_mood(l)];
}

/* Working or waiting for work is no difference worth an event. */
static const char *word_to_tell(const struct lane *l)
{
    return lane_mood(l) == MOOD_PACING ? "ok" : lane_word(l);
}

void lane_tell_change(struct lane *l)
{
    if (!l->told || strcmp(l->told, word_to_tell(l)) != 0)
        lane_publish(l);
}

static void locked_sentence(const struct lane *l, char out[240])
{
    int end = locked_end(l);

    if (!lane_is_usable(l))
        snprintf(out, 240, "%s has locked the place that needs no token; with your own user token it answers", l->p->title);
    else
        snprintf(out, 240, "%s has locked '%s' away%s; everything else goes on", l->p->title, end < 0 ? "" : l->p->endpoints[end],
                 l->key[0] ? "" : ": a user token may open it");
}

static void lane_sentence(const struct lane *l, char out[240])
{
    enum mood m = lane_mood(l);
    int front = lane_front(l);
    const char *t = l->p->title, *detail = front < 0 ? "" : l->ends[front].detail;
    const char *why = detail[0] ? detail : m == MOOD_KEY_REFUSED ? "check the key" : "no reason given";
    unsigned long long seconds = (lane_rest_ms(l) + 999) / 1000;

    switch (m) {
    case MOOD_OK:
    case MOOD_PACING:
        snprintf(out, 240, "%s answers", t);
        break;
    case MOOD_REFUSED:
        snprintf(out, 240, "%s asks us to wait (%s); going on in %llu s", t, why, seconds);
        break;
    case MOOD_FAILING:
        snprintf(out, 240, "%s fails (%s); trying again in %llu s", t, why, seconds);
        break;
    case MOOD_OFFLINE:
        snprintf(out, 240, "%s cannot be reached; trying again in %llu s", t, seconds);
        break;
    case MOOD_DISABLED:
        snprintf(out, 240, "%s is switched off", t);
        break;
    case MOOD_NEEDS_KEY:
        snprintf(out, 240, "%s needs your own API key", t);
        break;
    case MOOD_KEY_REFUSED:
        if (l->p->in_bulk)
            snprintf(out, 240, "%s refuses the user token; names are asked for without one", t);
        else
            snprintf(out, 240, "%s refuses us: %s", t, why);
        break;
    case MOOD_LOCKED:
        locked_sentence(l, out);
        break;
    }
}

/* Requests as a share of those that its pace would have allowed since the first one. */
double lane_budget_used(const struct lane *l)
{
    double allowed;

    if (!l->first_request_at)
        return 0;
    allowed = 1 + (double)(lane_now(l) - l->first_request_at) / lane_interval(l);
    return (double)l->requests < allowed ? (double)l->requests / allowed : 1;
}

static void put_endpoints(const struct lane *l, struct json_out *o)
{
    json_open(o, "endpoints", '{');
    for (int e = 0; e < ENDPOINTS_MAX && l->p->endpoints[e]; e++) {
        json_open(o, l->p->endpoints[e], '{');
        json_put_str(o, "state", words[endpoint_mood(l, e)]);
        json_put_num(o, "retry_in_seconds", (double)endpoint_rest_ms(l, e) / 1000, 1);
        json_put_int(o, "requests", (int64_t)l->ends[e].requests);
        json_close(o, '}');
    }
    json_close(o, '}');
}

void lane_json(const struct lane *l, struct json_out *o, const char *key)
{
    char sentence[240];

    lane_sentence(l, sentence);
    json_open(o, key, '{');
    json_put_str(o, "name", provider_name(l->p->id));
    json_put_str(o, "title", l->p->title);
    json_put_str(o, "state", lane_word(l));
    json_put_str(o, "sentence", sentence);
    json_put_bool(o, "usable", lane_is_usable(l));
    json_put_num(o, "rate_per_second", 1000.0 / lane_interval(l), 2);
    json_put_num(o, "retry_in_seconds", (double)lane_rest_ms(l) / 1000, 1);
    json_put_int(o, "in_flight", l->in_flight);
    json_put_int(o, "requests", (int64_t)l->requests);
    json_put_int(o, "found", (int64_t)l->found);
    json_put_int(o, "not_found", (int64_t)l->not_found);
    json_put_int(o, "refused", (int64_t)l->refused);
    json_put_int(o, "failed", (int64_t)l->failed);
    json_put_int(o, "cached", (int64_t)l->cached);
    json_put_int(o, "dating", (int64_t)l->dating);
    json_put_num(o, "budget_used", lane_budget_used(l), 2);
    put_endpoints(l, o);
    json_close(o, '}');
}

void lane_publish(struct lane *l)
{
    struct buf b;
    struct json_out o;

    l->told = word_to_tell(l);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    lane_json(l, &o, "provider");
    events_publish(l->w->d.events, EVENT_PROVIDER, buf_cstr(&b));
    buf_deinit(&b);
}
