/* One provider's lane: its budget, when it rests and why, and taking songs off the queue for it.
 *
 * A lane rests (takes no song) while it is refused, offline or its breaker is open; the first song
 * after a rest is a probe: nothing else is in flight with it. Resting counts no attempt. Loop
 * thread only.
 */
#include "work/enrich_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define SLOW_INTERVAL_MS 1000         /* after a refusal that says our rate was too high ... */
#define SLOW_FOR_MS (5 * 60 * 1000)   /* ... for this long */
#define HOLD_INTERVAL_MS 5000         /* while others need the machine */
#define SHED_BEFORE_REST 10           /* random shedding only rests the lane after so many in a row */
#define FAILURES_BEFORE_REST 5
#define REST_MAX_MS (10 * 60 * 1000)

static uint64_t now_ms(const struct lane *l)
{
    return clock_mono(l->w->d.clock);
}

static const struct {
    enum option_id enabled, url, rate, ca_file;
    int key;
} keys_of[PROVIDER_COUNT] = {
    [PROVIDER_LASTFM] = {OPT_LASTFM_ENABLED, OPT_LASTFM_URL, OPT_LASTFM_RATE, OPT_LASTFM_CA_FILE, OPT_KEY_LASTFM},
    [PROVIDER_MUSICBRAINZ] = {OPT_MUSICBRAINZ_ENABLED, OPT_MUSICBRAINZ_URL, OPT_MUSICBRAINZ_RATE, OPT_MUSICBRAINZ_CA_FILE, -1},
    [PROVIDER_LISTENBRAINZ] = {OPT_LISTENBRAINZ_ENABLED, OPT_LISTENBRAINZ_URL, OPT_LISTENBRAINZ_RATE, OPT_LISTENBRAINZ_CA_FILE,
                               OPT_KEY_LISTENBRAINZ},
};

static void on_token(void *arg);

static void set_text(char **field, const char *value)
{
    free(*field);
    *field = mem_strdup(value);
}

/* What a provider may refuse for good: the key, the User-Agent with its contact, the place that is asked. The key itself is
 * never stored: the mark tells whether anything of it was replaced since. */
static void mark_key(const struct lane *l, char out[20])
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
    return l->slow_until > now_ms(l) && l->interval_ms < SLOW_INTERVAL_MS ? SLOW_INTERVAL_MS : l->interval_ms;
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

void lane_configure(struct lane *l)
{
    const struct config *c = l->w->d.config;
    enum provider_id id = l->p->id;
    char mark[20];

    set_text(&l->url, config_text(c, keys_of[id].url));
    set_text(&l->ca_file, config_text(c, keys_of[id].ca_file));
    set_text(&l->key, keys_of[id].key >= 0 ? config_text(c, (enum option_id)keys_of[id].key) : "");
    l->settings = (struct provider_settings){l->url, l->key};
    l->interval_ms = interval_for(l->p, config_number(c, keys_of[id].rate));
    apply_interval(l);
    mark_key(l, mark);
    if (l->kept.key_refused && strcmp(mark, l->kept.key_mark) != 0)
        l->kept.key_refused = false;
    if (!config_bool(c, keys_of[id].enabled))
        l->state = LANE_DISABLED;
    else if (l->p->needs_key && !l->key[0])
        l->state = LANE_NEEDS_KEY;
    else if (l->kept.key_refused)
        l->state = LANE_KEY_REFUSED;
    else
        l->state = LANE_OK;
}

void lane_init(struct lane *l, struct enrich *w, const struct provider *p)
{
    l->w = w;
    l->p = p;
    list_init(&l->slots);
    l->limit = rate_limit_new(w->d.loop, w->d.clock, 1000.0, on_token, l);
    uv_timer_init(w->d.loop, &l->timer);
    l->timer.data = l;
    w->open++;
    lane_configure(l);
    rate_limit_restore(l->limit, l->kept.last_start_ms);
}

static void on_timer_closed(uv_handle_t *h)
{
    enrich_release(((struct lane *)h->data)->w);
}

void lane_free_texts(struct lane *l)
{
    free(l->url);
    free(l->key);
    free(l->ca_file);
}

/* Answers that are being read still come: what they say about the provider is kept, so all but the limiter stays. */
void lane_close(struct lane *l)
{
    rate_limit_free(l->limit);
    l->limit = NULL;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

bool lane_is_usable(const struct lane *l)
{
    return l->p && l->state == LANE_OK;
}

uint64_t lane_rest_ms(const struct lane *l)
{
    uint64_t now = now_ms(l);

    return l->resume_at > now ? l->resume_at - now : 0;
}

bool lane_is_blocked(const struct lane *l)
{
    return lane_rest_ms(l) > 0;
}

/* After trouble one request at a time finds out whether it is over. */
static int flight_limit(const struct lane *l)
{
    return l->offline || l->failures >= FAILURES_BEFORE_REST || l->refusals >= SHED_BEFORE_REST ? 1 : l->p->max_in_flight;
}

enum mood { MOOD_OK, MOOD_PACING, MOOD_REFUSED, MOOD_FAILING, MOOD_OFFLINE, MOOD_DISABLED, MOOD_NEEDS_KEY, MOOD_KEY_REFUSED };

static enum mood lane_mood(const struct lane *l)
{
    static const enum mood of_state[] = {
        [LANE_DISABLED] = MOOD_DISABLED, [LANE_NEEDS_KEY] = MOOD_NEEDS_KEY, [LANE_KEY_REFUSED] = MOOD_KEY_REFUSED};

    if (l->state != LANE_OK)
        return of_state[l->state];
    if (l->offline)
        return MOOD_OFFLINE;
    if (lane_is_blocked(l))
        return l->failures >= FAILURES_BEFORE_REST ? MOOD_FAILING : MOOD_REFUSED;
    return l->in_flight || !list_is_empty(&l->slots) ? MOOD_PACING : MOOD_OK;
}

const char *lane_word(const struct lane *l)
{
    static const char *const words[] = {"ok", "pacing", "refused", "failing", "offline", "disabled", "needs_key", "key_refused"};

    return words[lane_mood(l)];
}

/* --- taking songs ------------------------------------------------------------------------ */

/* Working or waiting for work is no difference worth an event. */
static const char *word_to_tell(const struct lane *l)
{
    return lane_mood(l) == MOOD_PACING ? "ok" : lane_word(l);
}

static void tell_change(struct lane *l)
{
    if (!l->told || strcmp(l->told, word_to_tell(l)) != 0)
        lane_publish(l);
}

static void look_again_in(struct lane *l, uint64_t ms);

static void on_lane_timer(uv_timer_t *t)
{
    struct lane *l = t->data;

    apply_interval(l);
    if (l->slow_until > now_ms(l))
        look_again_in(l, l->slow_until - now_ms(l));
    tell_change(l);
    enrich_wake(l->w);   /* all: the others look at this lane's rest, too */
    lane_slot_wanted(l);
}

static void look_again_in(struct lane *l, uint64_t ms)
{
    uint64_t due = uv_timer_get_due_in(&l->timer);

    if (uv_is_active((uv_handle_t *)&l->timer) && due <= ms)
        return;
    uv_update_time(l->w->d.loop);
    uv_timer_start(&l->timer, on_lane_timer, ms + 1, 0);
}

void lane_slow_down(struct lane *l, uint64_t ms)
{
    l->slow_until = now_ms(l) + ms;
    apply_interval(l);
    look_again_in(l, ms);
}

/* The disk is full or failing: nothing is asked that could not be stored. */
void lane_store_failed(struct lane *l)
{
    l->dry = true;
    look_again_in(l, 5000);
}

/* Cheapest first: MusicBrainz waits for Last.fm's answer to a song while Last.fm can be asked. */
static unsigned asked_before(const struct lane *l)
{
    const struct lane *lastfm = &l->w->lanes[PROVIDER_LASTFM];

    if (l->p->id == PROVIDER_LASTFM || !lane_is_usable(lastfm) || lane_is_blocked(lastfm) || lastfm->offline)
        return 0;
    return 1u << PROVIDER_LASTFM;
}

static int run_peek(struct db *db, struct dbq_op *op)
{
    struct lane *l = container_of(op, struct lane, peek);
    int n = queue_next(db, l->p->id, l->after, clock_wall(l->w->d.clock), l->skip, l->n_skip, (int)ARRAY_LEN(l->items), l->items,
                       &l->next_at, &op->err);

    l->n_items = n > 0 ? n : 0;
    return n < 0 ? n : 0;
}

/* The same pair is in the making in this lane: its answer will serve this song from the store. */
static bool pair_is_asked(const struct lane *l, const struct job *mine)
{
    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j != mine && j->lane == l && j->item.song_id && !j->from_cache && strcmp(j->pair_key, mine->pair_key) == 0)
            return true;
    }
    return false;
}

static bool song_has_job(const struct enrich *w, int64_t song_id)
{
    list_each_safe(pos, tmp, &w->jobs)
        if (container_of(pos, struct job, link)->item.song_id == song_id)
            return true;
    return false;
}

/* Jobs of this lane that are not yet on their way; two of them hide the time the store needs. */
static int lane_waiting(const struct lane *l)
{
    int n = 0;

    list_each_safe(pos, tmp, &l->w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j->lane == l && (j->state == JOB_BEGIN || j->state == JOB_SLOT))
            n++;
    }
    return n;
}

/* While many songs wait, what is stored of them is gathered into few transactions: so long as the fastest lane takes for some
 * songs, but no person at the dashboard waits long for news. */
#define GATHER_SONGS 12
#define GATHER_MS 2500
#define GATHER_FROM 40   /* waiting songs */

static uint64_t gather_ms(const struct enrich *w)
{
    double ms = GATHER_MS;

    for (int i = 0; i < PROVIDER_COUNT; i++)
        if (w->lanes[i].p && lane_is_usable(&w->lanes[i]) && lane_interval(&w->lanes[i]) * GATHER_SONGS < ms)
            ms = lane_interval(&w->lanes[i]) * GATHER_SONGS;
    return dbq_counts(w->d.q)->queued >= GATHER_FROM ? (uint64_t)ms : 0;
}

int lane_patience(const struct lane *l)
{
    uint64_t ms = gather_ms(l->w);

    dbq_gather(l->w->d.q, ms);
    return ms ? DBQ_PATIENT : 0;
}

/* So many are ready that the pace is kept while the store gathers. */
static int waiting_target(const struct lane *l)
{
    if (flight_limit(l) == 1 && l->p->max_in_flight > 1)
        return 2;
    return (l->p->max_in_flight > 1 ? 3 : 2) + (int)((double)gather_ms(l->w) / lane_interval(l));
}

/* The next look goes past it. False when there is no room to remember it. */
static bool pass_over(struct lane *l, int64_t song_id)
{
    if (l->n_passed == ARRAY_LEN(l->passed))
        return false;
    l->passed[l->n_passed++] = song_id;
    return true;
}

/* False when another look would find the same songs again: they wait for jobs, and a job that ends wakes the lane. */
static bool take_items(struct lane *l)
{
    bool advanced = false;

    for (int i = 0; i < l->n_items; i++) {
        struct job *j;
        bool enough = lane_waiting(l) >= waiting_target(l);
        advanced |= enough;
        if (enough || song_has_job(l->w, l->items[i].song_id)) {
            queue_item_deinit(&l->items[i]);
            continue;
        }
        j = job_new(l, &l->items[i]);
        if (!j->from_cache && pair_is_asked(l, j)) {
            advanced |= pass_over(l, j->item.song_id);
            job_drop(j);
        } else {
            advanced = true;
            job_start(j);
        }
    }
    return advanced;
}

static void peek_done(struct dbq_op *op, int rc)
{
    struct lane *l = container_of(op, struct lane, peek);
    struct enrich *w = l->w;

    l->peeking = false;
    if (w->closing || !enrich_is_running(w) || !lane_is_usable(l)) {
        for (int i = 0; i < l->n_items; i++)
            queue_item_deinit(&l->items[i]);
    } else if (rc == 0) {
        /* what was committed while the peek was under way may not be in it */
        l->dry = !take_items(l) && !l->look_again;
        if (l->next_at)
            look_again_in(l, l->next_at > clock_wall(w->d.clock) ? (uint64_t)(l->next_at - clock_wall(w->d.clock)) : 0);
    } else {
        log_warn("enrich", "cannot read the queue: %s", err_text(&op->err));
        lane_store_failed(l);
    }
    l->n_items = 0;
    l->look_again = false;
    if (rc == 0)
        lane_fill(l);
    enrich_job_ended(w);
}

void lane_wake(struct lane *l)
{
    l->dry = false;
    l->look_again = l->peeking;
    l->n_passed = 0;
    lane_fill(l);
}

static void skip(struct lane *l, int64_t song_id)
{
    if (l->n_skip < ARRAY_LEN(l->skip))
        l->skip[l->n_skip++] = song_id;
}

void lane_fill(struct lane *l)
{
    struct enrich *w = l->w;
    if (!lane_is_usable(l) || w->closing || !w->ready || !enrich_is_running(w) || w->hold == HOLD_STOP || l->peeking || l->dry ||
        lane_waiting(l) >= waiting_target(l))
        return;
    if (dbq_is_full(w->d.q)) {
        look_again_in(l, 1000);
        return;
    }
    if (lane_is_blocked(l)) {
        look_again_in(l, lane_rest_ms(l));
        return;
    }
    l->after = asked_before(l);
    l->n_skip = 0;
    list_each_safe(pos, tmp, &w->jobs) {
        const struct job *j = container_of(pos, struct job, link);
        if (j->item.song_id)
            skip(l, j->item.song_id);
    }
    for (size_t i = 0; i < l->n_passed; i++)
        skip(l, l->passed[i]);
    l->peeking = true;
    l->look_again = false;
    w->open++;
    l->peek = (struct dbq_op){.run = run_peek, .done = peek_done};
    dbq_read(w->d.q, &l->peek);
}

void lane_drop_armed(struct lane *l)
{
    list_each_safe(pos, tmp, &l->slots) {
        struct job *j = container_of(pos, struct job, slot_link);
        if (j->item.song_id)
            job_cancel(j);
    }
}

/* --- tokens ---------------------------------------------------------------------------------- */

void lane_slot_wanted(struct lane *l)
{
    if (!l->limit)
        return;
    if (list_is_empty(&l->slots) || l->in_flight >= flight_limit(l)) {
        rate_limit_unwant(l->limit);
        return;
    }
    if (lane_is_blocked(l)) {
        look_again_in(l, lane_rest_ms(l));
        return;
    }
    rate_limit_want(l->limit);
}

static void on_token(void *arg)
{
    struct lane *l = arg;

    apply_interval(l);   /* the slow time may be over */
    while (!list_is_empty(&l->slots) && l->in_flight < flight_limit(l) && !lane_is_blocked(l)) {
        if (!rate_limit_take(l->limit))
            break;
        if (job_fetch(container_of(l->slots.next, struct job, slot_link)))
            break;
    }
    lane_slot_wanted(l);
    lane_fill(l);
}

/* --- what answers do to the lane ----------------------------------------------------------------- */

static uint64_t doubled(uint64_t first_ms, int times, uint64_t most_ms)
{
    uint64_t ms = first_ms << (times < 16 ? times : 16);

    return ms < most_ms ? ms : most_ms;
}

/* A tenth of jitter, so that many machines behind one address do not come back at once. */
static void rest(struct lane *l, uint64_t ms)
{
    ms += (uint64_t)rand() % (ms / 10 + 1);
    if (l->resume_at < now_ms(l) + ms)
        l->resume_at = now_ms(l) + ms;
    if (l->limit)
        rate_limit_hold(l->limit, ms);
    look_again_in(l, ms);
}

/* Answers to requests that were under way when the trouble began belong to the same trouble: only what comes after a rest
 * makes the next one longer. */
static void rest_longer(struct lane *l, uint64_t first_ms, int times, uint64_t most_ms)
{
    if (!lane_is_blocked(l))
        rest(l, doubled(first_ms, times, most_ms));
}

static void took_refusal(struct lane *l, const struct provider_answer *a)
{
    uint64_t asked_ms = (uint64_t)a->retry_after_s * 1000;

    l->refused++;
    l->refusals += !lane_is_blocked(l);
    if (asked_ms > 3600 * 1000)
        asked_ms = 3600 * 1000;
    if (a->slow_down) {
        l->kept.slow_until_ms = clock_wall(l->w->d.clock) + SLOW_FOR_MS;
        lane_slow_down(l, SLOW_FOR_MS);
        if (asked_ms)
            rest(l, asked_ms);
        else
            rest_longer(l, 2000, l->refusals - 1, REST_MAX_MS);
    } else if (asked_ms) {
        rest(l, asked_ms);
    } else if (l->refusals >= SHED_BEFORE_REST) {
        rest_longer(l, 30000, l->refusals - SHED_BEFORE_REST, REST_MAX_MS);
    }
}

static void took_key_refusal(struct lane *l)
{
    l->kept.key_refused = true;
    mark_key(l, l->kept.key_mark);
    if (l->state == LANE_OK)
        l->state = LANE_KEY_REFUSED;
    log_warn("enrich", "%s refuses us: %s; the other providers go on", l->p->title, l->detail);
    lane_drop_armed(l);
    enrich_settle(l->w);
}

static bool is_trouble(enum answer_class k)
{
    return k != ANSWER_FOUND && k != ANSWER_NOT_FOUND;
}

/* What must survive a restart: how long we were told to stay away, and a refused key. */
struct keep_op {
    struct dbq_op op;
    struct enrich *w;
    enum provider_id id;
    struct provider_state state;
};

static int run_keep(struct db *db, struct dbq_op *op)
{
    struct keep_op *k = container_of(op, struct keep_op, op);

    return state_provider_set(db, k->id, &k->state, &op->err);
}

static void keep_done(struct dbq_op *op, int rc)
{
    struct keep_op *k = container_of(op, struct keep_op, op);
    struct enrich *w = k->w;

    if (rc)
        log_warn("enrich", "cannot store the state of a provider: %s", err_text(&op->err));
    free(k);
    enrich_job_ended(w);
}

static void keep(struct lane *l)
{
    struct keep_op *k = mem_zalloc(sizeof *k);

    l->kept.refused_until_ms = lane_rest_ms(l) ? clock_wall(l->w->d.clock) + (int64_t)lane_rest_ms(l) : 0;
    k->w = l->w;
    k->id = l->p->id;
    k->state = l->kept;
    k->op = (struct dbq_op){.run = run_keep, .done = keep_done};
    l->w->open++;
    dbq_write(l->w->d.q, &k->op);
}

/* An answer in spite of the refusal (a test, or one that was under way): the provider knows us again. */
static void took_key_back(struct lane *l)
{
    l->kept.key_refused = false;
    l->state = LANE_OK;
    log_info("enrich", "%s answers again", l->p->title);
    keep(l);
    enrich_regained(l->w);
}

void lane_took_answer(struct lane *l, const struct provider_answer *a)
{
    bool spoke = a->kind == ANSWER_FOUND || a->kind == ANSWER_NOT_FOUND;

    if (spoke && l->state == LANE_KEY_REFUSED)
        took_key_back(l);
    snprintf(l->detail, sizeof l->detail, "%s", is_trouble(a->kind) ? a->detail : "");
    if (a->kind != ANSWER_REFUSED)
        l->refusals = 0;
    if (a->kind != ANSWER_FAILED)
        l->failures = 0;
    if (a->kind != ANSWER_OFFLINE) {
        l->offline = false;
        l->offlines = 0;
    }
    switch (a->kind) {
    case ANSWER_FOUND:
        l->found++;
        break;
    case ANSWER_NOT_FOUND:
        l->not_found++;
        break;
    case ANSWER_REFUSED:
        took_refusal(l, a);
        break;
    case ANSWER_FAILED:
        l->failed++;
        l->failures += !lane_is_blocked(l);
        if (l->failures >= FAILURES_BEFORE_REST)
            rest_longer(l, 10000, l->failures - FAILURES_BEFORE_REST, REST_MAX_MS);
        break;
    case ANSWER_KEY:
        took_key_refusal(l);
        break;
    case ANSWER_OFFLINE:
        l->offline = true;
        if (!lane_is_blocked(l))
            rest(l, doubled(5000, l->offlines++, 5 * 60 * 1000));
        break;
    }
    if (a->kind == ANSWER_KEY || (a->kind == ANSWER_REFUSED && lane_is_blocked(l)))
        keep(l);
    tell_change(l);
}

/* --- telling ---------------------------------------------------------------------------------------- */

static void lane_sentence(const struct lane *l, char out[240])
{
    enum mood m = lane_mood(l);
    const char *t = l->p->title, *why = l->detail[0] ? l->detail : m == MOOD_KEY_REFUSED ? "check the key" : "no reason given";
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
        snprintf(out, 240, "%s refuses us: %s", t, why);
        break;
    }
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
