/* One provider's lane: its settings, its budget, and whose turn it is to use it; see enrich_internal.h.
 *
 * Whoever wants to send a request waits in `turns`, ordered by rank. Each token of the rate limit lets one go whose
 * endpoint is open. Loop thread only.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define HOLD_INTERVAL_MS 5000         /* while others need the machine */
#define SLOW_INTERVAL_MS 1000         /* after a refusal that says our rate was too high */

uint64_t lane_now(const struct lane *l)
{
    return clock_mono(l->w->d.clock);
}

/* --- settings ------------------------------------------------------------------------------ */

static const struct {
    enum option_id enabled, url, rate, ca_file;
    int key, labs_url;
} keys_of[PROVIDER_COUNT] = {
    [PROVIDER_LASTFM] = {OPT_LASTFM_ENABLED, OPT_LASTFM_URL, OPT_LASTFM_RATE, OPT_LASTFM_CA_FILE, OPT_KEY_LASTFM, -1},
    [PROVIDER_MUSICBRAINZ] = {OPT_MUSICBRAINZ_ENABLED, OPT_MUSICBRAINZ_URL, OPT_MUSICBRAINZ_RATE, OPT_MUSICBRAINZ_CA_FILE, -1,
                              -1},
    [PROVIDER_LISTENBRAINZ] = {OPT_LISTENBRAINZ_ENABLED, OPT_LISTENBRAINZ_URL, OPT_LISTENBRAINZ_RATE, OPT_LISTENBRAINZ_CA_FILE,
                               OPT_KEY_LISTENBRAINZ, OPT_LISTENBRAINZ_LABS_URL},
};

static void on_token(void *arg);

/* What a provider may refuse for good: the key, the User-Agent with its contact, the place that is asked. The key itself is
 * never stored: the mark tells whether anything of it was replaced since. */
void lane_mark_key(const struct lane *l, char out[20])
{
    uint64_t h = hash_bytes(slice_of(l->key), 0x5eed);

    h = hash_bytes(slice_of(l->url), h);
    h = hash_bytes(slice_of(l->w->user_agent), h);
    snprintf(out, 20, "%016llx", (unsigned long long)h);
}

/* Below the limit by the share the provider's own pace is (4.9 of 5): its servers count arrivals, not starts. */
static double interval_for(const struct provider *p, double rate)
{
    return 1000.0 / (rate * p->pace / p->default_rate);
}

double lane_interval(const struct lane *l)
{
    if (l->w->hold != HOLD_NONE && l->interval_ms < HOLD_INTERVAL_MS)
        return HOLD_INTERVAL_MS;
    return l->slow_until > lane_now(l) && l->interval_ms < SLOW_INTERVAL_MS ? SLOW_INTERVAL_MS : l->interval_ms;
}

static void apply_interval(struct lane *l)
{
    double ms = lane_interval(l);

    if (l->limit && ms != rate_limit_interval(l->limit))
        rate_limit_set_interval(l->limit, ms);
}

void lane_pace(struct lane *l)
{
    apply_interval(l);
}

static const char *text_of(const struct config *c, int option)
{
    return option >= 0 ? config_text(c, (enum option_id)option) : "";
}

/* A key that was refused counts as none until anything of it changes. ListenBrainz names songs without one, too. */
static void settle_state(struct lane *l, bool enabled)
{
    char mark[20];

    lane_mark_key(l, mark);
    if (l->kept.key_refused && strcmp(mark, l->kept.key_mark) != 0)
        l->kept.key_refused = false;
    if (!enabled)
        l->state = LANE_DISABLED;
    else if (l->p->needs_key && !l->key[0])
        l->state = LANE_NEEDS_KEY;
    else if (l->kept.key_refused && !l->p->in_bulk)
        l->state = LANE_KEY_REFUSED;
    else
        l->state = LANE_OK;
}

void lane_configure(struct lane *l)
{
    const struct config *c = l->w->d.config;
    enum provider_id id = l->p->id;
    bool new_key = l->key && strcmp(l->key, text_of(c, keys_of[id].key)) != 0;

    mem_set_text(&l->url, config_text(c, keys_of[id].url));
    mem_set_text(&l->labs_url, text_of(c, keys_of[id].labs_url));
    mem_set_text(&l->ca_file, config_text(c, keys_of[id].ca_file));
    mem_set_text(&l->key, text_of(c, keys_of[id].key));
    l->settings = (struct provider_settings){.url = l->url, .labs_url = l->labs_url, .key = l->key};
    l->interval_ms = interval_for(l->p, config_number(c, keys_of[id].rate));
    apply_interval(l);
    for (int e = 0; new_key && e < ENDPOINTS_MAX; e++)
        l->ends[e].locked_until = 0;
    settle_state(l, config_bool(c, keys_of[id].enabled));
}

void lane_init(struct lane *l, struct enrich *w, const struct provider *p)
{
    l->w = w;
    l->p = p;
    list_init(&l->turns);
    l->items = mem_zalloc(BATCH_SONGS * sizeof *l->items);
    l->limit = rate_limit_new(w->d.loop, w->d.clock, 1000.0, on_token, l);
    uv_timer_init(w->d.loop, &l->timer);
    l->timer.data = l;
    w->open++;
    lane_configure(l);
    rate_limit_begin_full(l->limit);   /* a restart, or a loop of them, breaks no limit */
}

static void on_timer_closed(uv_handle_t *h)
{
    enrich_release(((struct lane *)h->data)->w);
}

void lane_free_texts(struct lane *l)
{
    free(l->url);
    free(l->labs_url);
    free(l->key);
    free(l->ca_file);
    free(l->items);
}

/* Answers that are being read still come: what they say about the provider is kept, so all but the limiter stays. */
void lane_close(struct lane *l)
{
    rate_limit_free(l->limit);
    l->limit = NULL;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* --- where it can be asked -------------------------------------------------------------------- */

int lane_front(const struct lane *l)
{
    if (!l->p->in_bulk)
        return ENDPOINT_MAIN;
    if (l->key[0] && !l->kept.key_refused && !endpoint_is_locked(l, LISTENBRAINZ_LOOKUP))
        return LISTENBRAINZ_LOOKUP;
    return endpoint_is_locked(l, LISTENBRAINZ_LABS) ? -1 : LISTENBRAINZ_LABS;
}

bool lane_is_usable(const struct lane *l)
{
    return l->p && l->state == LANE_OK && lane_front(l) >= 0;
}

uint64_t lane_rest_ms(const struct lane *l)
{
    int front = lane_front(l);

    return front < 0 ? 0 : endpoint_rest_ms(l, front);
}

bool lane_is_blocked(const struct lane *l)
{
    return lane_rest_ms(l) > 0;
}

bool lane_is_offline(const struct lane *l)
{
    int front = lane_front(l);

    return front >= 0 && l->ends[front].offline;
}

/* --- the timer -------------------------------------------------------------------------------- */

static void on_lane_timer(uv_timer_t *t)
{
    struct lane *l = t->data;

    apply_interval(l);
    if (l->slow_until > lane_now(l))
        lane_look_again_in(l, l->slow_until - lane_now(l));
    lane_tell_change(l);
    enrich_wake(l->w);   /* all: the others look at this lane's rest, too */
    lane_turns_wanted(l);
}

void lane_look_again_in(struct lane *l, uint64_t ms)
{
    uint64_t due = uv_timer_get_due_in(&l->timer);

    if (!l->limit || (uv_is_active((uv_handle_t *)&l->timer) && due <= ms))
        return;
    uv_update_time(l->w->d.loop);
    uv_timer_start(&l->timer, on_lane_timer, ms + 1, 0);
}

void lane_slow_down(struct lane *l, uint64_t ms)
{
    l->slow_until = lane_now(l) + ms;
    apply_interval(l);
    lane_look_again_in(l, ms);
}

/* --- turns ------------------------------------------------------------------------------------- */

void turn_init(struct turn *t, struct lane *l, int end, int rank, bool (*go)(struct turn *), void (*drop)(struct turn *))
{
    *t = (struct turn){.lane = l, .end = end, .rank = rank, .go = go, .drop = drop};
    list_init(&t->link);
}

void turn_wait(struct turn *t)
{
    struct list *at = &t->lane->turns;

    while (at->prev != &t->lane->turns && container_of(at->prev, struct turn, link)->rank > t->rank)
        at = at->prev;
    list_add_before(at, &t->link);   /* behind all that go before it */
    lane_turns_wanted(t->lane);
}

void turn_leave(struct turn *t)
{
    list_del(&t->link);
}

void turn_sent(struct turn *t)
{
    struct lane *l = t->lane;

    l->in_flight++;
    l->requests++;
    l->ends[t->end].in_flight++;
    l->ends[t->end].requests++;
    if (!l->first_request_at)
        l->first_request_at = lane_now(l);
    rate_limit_unsent(l->limit);
    t->unsent = true;
}

void turn_went_out(struct turn *t)
{
    if (!t->lane->limit)
        return;
    if (t->unsent)
        rate_limit_sent(t->lane->limit);
    else
        rate_limit_sent_again(t->lane->limit);
    t->unsent = false;
}

void turn_back(struct turn *t)
{
    if (t->unsent)
        turn_went_out(t);   /* it never did: its place in the window is free after a second */
    t->lane->in_flight--;
    t->lane->ends[t->end].in_flight--;
    lane_turns_wanted(t->lane);
}

int lane_turns_waiting(const struct lane *l)
{
    int n = 0;

    list_each_safe(pos, tmp, &l->turns)
        n++;
    return n;
}

/* How long the turn still has to wait for other reasons than the budget; UINT64_MAX until a request of its endpoint ends. */
static uint64_t held_ms(const struct turn *t)
{
    const struct lane *l = t->lane;
    uint64_t rest = endpoint_rest_ms(l, t->end), now = lane_now(l);

    if (l->in_flight >= l->p->max_in_flight || l->ends[t->end].in_flight >= endpoint_flight_limit(l, t->end))
        return UINT64_MAX;
    if (t->not_before > now && t->not_before - now > rest)
        rest = t->not_before - now;
    return rest;
}

/* The first that may go now; *wait_ms the shortest wait when there is none. */
static struct turn *first_turn(const struct lane *l, uint64_t *wait_ms)
{
    *wait_ms = UINT64_MAX;
    list_each_safe(pos, tmp, &l->turns) {
        struct turn *t = container_of(pos, struct turn, link);
        uint64_t ms = held_ms(t);
        if (ms == 0)
            return t;
        if (ms < *wait_ms)
            *wait_ms = ms;
    }
    return NULL;
}

void lane_turns_wanted(struct lane *l)
{
    uint64_t wait_ms;

    if (!l->limit)
        return;
    if (first_turn(l, &wait_ms)) {
        rate_limit_want(l->limit);
        return;
    }
    rate_limit_unwant(l->limit);
    if (wait_ms != UINT64_MAX)
        lane_look_again_in(l, wait_ms);
}

static void on_token(void *arg)
{
    struct lane *l = arg;
    struct turn *t;
    uint64_t wait_ms;

    apply_interval(l);   /* the slow time may be over */
    while (l->limit && (t = first_turn(l, &wait_ms)) && rate_limit_take(l->limit)) {
        turn_leave(t);
        if (t->go(t))
            break;
        if (l->limit)
            rate_limit_give_back(l->limit);   /* nothing was sent: the next one may go */
    }
    lane_turns_wanted(l);
    lane_fill(l);
}

void lane_drop_turns(struct lane *l, int end)
{
    struct list all;

    /* A dropped turn may drop others: each is taken from a list that only shrinks. */
    list_init(&all);
    list_each_safe(pos, tmp, &l->turns) {
        struct turn *t = container_of(pos, struct turn, link);
        if (end != ALL_ENDS && t->end != end)
            continue;
        list_del(&t->link);
        list_add(&all, &t->link);
    }
    while (!list_is_empty(&all)) {
        struct turn *t = container_of(all.next, struct turn, link);
        list_del(&t->link);
        t->drop(t);
    }
}
