/* Numbered events with replay; see events.h. Loop thread only. */
#include "work/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "song/song_json.h"
#include "build_config.h"

#define PROGRESS_GAP_MS 250

struct held {
    uint64_t seq;
    enum event_kind kind;
    char *json;
    size_t len;
};

struct events {
    uv_loop_t *loop;
    const struct clock *clock;
    void (*progress)(void *arg, struct json_out *o);
    void *progress_arg;
    uint64_t seq;                 /* of the last event */
    uint64_t first;               /* the last number before this process's first event */
    struct held held[EVENTS_HELD];
    size_t head, count, bytes;    /* ring: head is the oldest */
    uint64_t progress_at;         /* monotonic ms of the last progress event; 0 never */
    bool progress_due;
    uv_timer_t progress_timer, heartbeat_timer;
    int open_timers;
    struct list listeners;
    int n_listeners;
    int depth;                    /* inside a walk over the listeners: none is freed */
};

struct events_listener {
    struct list link;
    struct events *ev;
    void (*on_event)(void *arg, enum event_kind k, uint64_t seq, struct slice json);
    void *arg;
    bool dead;
};

const char *event_name(enum event_kind k)
{
    static const char *const names[] = {"hello",    "scan", "song",      "progress", "worker",
                                        "provider", "settings", "gap", "heartbeat", "shutdown"};

    return names[k];
}

struct events *events_new(uv_loop_t *loop, const struct clock *clock, int64_t start_count,
                          void (*progress)(void *arg, struct json_out *o), void *arg)
{
    struct events *ev = mem_zalloc(sizeof *ev);

    ev->loop = loop;
    ev->clock = clock;
    ev->progress = progress;
    ev->progress_arg = arg;
    /* the high part must keep numbers below 2^53, which JSON readers hold exactly */
    ev->seq = ev->first = (uint64_t)(start_count & 0x1fffff) << 32;
    list_init(&ev->listeners);
    uv_timer_init(loop, &ev->progress_timer);
    uv_timer_init(loop, &ev->heartbeat_timer);
    ev->progress_timer.data = ev->heartbeat_timer.data = ev;
    ev->open_timers = 2;
    return ev;
}

static void on_timer_closed(uv_handle_t *h)
{
    struct events *ev = h->data;

    if (--ev->open_timers)
        return;
    while (ev->count--) {
        free(ev->held[ev->head].json);
        ev->head = (ev->head + 1) % EVENTS_HELD;
    }
    free(ev);
}

void events_free(struct events *ev)
{
    if (!ev)
        return;
    if (!list_is_empty(&ev->listeners))
        bug("events closed while somebody listens");
    uv_close((uv_handle_t *)&ev->progress_timer, on_timer_closed);
    uv_close((uv_handle_t *)&ev->heartbeat_timer, on_timer_closed);
}

/* {"seq":..,"time":..,"event":..[,members]} */
static void event_text(struct buf *b, const struct events *ev, enum event_kind k, uint64_t seq, const char *members)
{
    char stamp[32];

    clock_iso(clock_wall(ev->clock), stamp);
    buf_addf(b, "{\"seq\":%llu,\"time\":\"%s\",\"event\":\"%s\"", (unsigned long long)seq, stamp, event_name(k));
    if (members[0])
        buf_addf(b, ",%s", members);
    buf_add_byte(b, '}');
}

static void sweep_dead(struct events *ev)
{
    list_each_safe(pos, tmp, &ev->listeners) {
        struct events_listener *l = container_of(pos, struct events_listener, link);
        if (l->dead) {
            list_del(pos);
            free(l);
        }
    }
}

static void tell(struct events *ev, enum event_kind k, uint64_t seq, struct slice json)
{
    ev->depth++;
    list_each_safe(pos, tmp, &ev->listeners) {
        struct events_listener *l = container_of(pos, struct events_listener, link);
        if (!l->dead)
            l->on_event(l->arg, k, seq, json);
    }
    if (--ev->depth == 0)
        sweep_dead(ev);
}

static void drop_oldest(struct events *ev)
{
    struct held *h = &ev->held[ev->head];

    ev->bytes -= h->len;
    free(h->json);
    ev->head = (ev->head + 1) % EVENTS_HELD;
    ev->count--;
}

static struct held *hold(struct events *ev, enum event_kind k, struct buf *b)
{
    struct held *h;
    size_t len = b->len;

    while (ev->count && (ev->count == EVENTS_HELD || ev->bytes + len > EVENTS_HELD_BYTES))
        drop_oldest(ev);
    h = &ev->held[(ev->head + ev->count) % EVENTS_HELD];
    *h = (struct held){ev->seq, k, buf_detach(b), len};
    ev->count++;
    ev->bytes += len;
    return h;
}

void events_publish(struct events *ev, enum event_kind k, const char *members)
{
    struct buf b;
    struct held *h;

    buf_init(&b, 0);
    event_text(&b, ev, k, ++ev->seq, members);
    h = hold(ev, k, &b);
    tell(ev, k, h->seq, (struct slice){h->json, h->len});
}

static void publish_progress(struct events *ev)
{
    struct buf b;
    struct json_out o;

    ev->progress_due = false;
    ev->progress_at = clock_mono(ev->clock);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    ev->progress(ev->progress_arg, &o);
    events_publish(ev, EVENT_PROGRESS, buf_cstr(&b));
    buf_deinit(&b);
}

static void on_progress_timer(uv_timer_t *t)
{
    struct events *ev = t->data;

    if (ev->progress_due && ev->n_listeners)
        publish_progress(ev);
}

void events_progress_changed(struct events *ev)
{
    uint64_t since;

    if (ev->progress_due || ev->n_listeners == 0)
        return;
    ev->progress_due = true;
    since = clock_mono(ev->clock) - ev->progress_at;
    uv_update_time(ev->loop);
    /* never from inside: several changes of one turn become one event */
    uv_timer_start(&ev->progress_timer, on_progress_timer,
                   ev->progress_at && since < PROGRESS_GAP_MS ? PROGRESS_GAP_MS - since : 1, 0);
}

uint64_t events_last_seq(const struct events *ev)
{
    return ev->seq;
}

static void on_heartbeat_timer(uv_timer_t *t)
{
    struct events *ev = t->data;
    struct buf b;

    buf_init(&b, 0);
    event_text(&b, ev, EVENT_HEARTBEAT, ev->seq, "");
    tell(ev, EVENT_HEARTBEAT, ev->seq, (struct slice){b.data, b.len});
    buf_deinit(&b);
}

static uint64_t oldest_before(const struct events *ev)
{
    return ev->count ? ev->held[ev->head].seq - 1 : ev->seq;
}

static void send_one(struct events_listener *l, enum event_kind k, uint64_t seq, const char *members)
{
    struct buf b;

    buf_init(&b, 0);
    event_text(&b, l->ev, k, seq, members);
    l->on_event(l->arg, k, seq, (struct slice){b.data, b.len});
    buf_deinit(&b);
}

static void send_hello(struct events_listener *l, uint64_t from)
{
    char members[160];

    snprintf(members, sizeof members, "\"name\":\"songbookd\",\"version\":\"%s\",\"api\":1,\"oldest\":%llu", SONGBOOKD_VERSION,
             (unsigned long long)(oldest_before(l->ev) + 1));
    send_one(l, EVENT_HELLO, from, members);
}

static void replay(struct events_listener *l, uint64_t since)
{
    struct events *ev = l->ev;

    for (size_t i = 0; i < ev->count; i++) {
        const struct held *h = &ev->held[(ev->head + i) % EVENTS_HELD];
        if (h->seq > since)
            l->on_event(l->arg, h->kind, h->seq, (struct slice){h->json, h->len});
    }
}

/* A number from another start of the process, or older than what is held, cannot be replayed. */
static bool is_held(const struct events *ev, uint64_t since)
{
    return since >= oldest_before(ev) && since <= ev->seq && since >= ev->first;
}

static void send_gap(struct events_listener *l, uint64_t since, uint64_t to)
{
    char members[120];

    snprintf(members, sizeof members, "\"from\":%llu,\"to\":%llu", (unsigned long long)(since + 1), (unsigned long long)to);
    send_one(l, EVENT_GAP, to, members);
}

static void greet(struct events_listener *l, uint64_t since)
{
    struct events *ev = l->ev;
    uint64_t from = since ? since : ev->seq;
    bool gap = since && !is_held(ev, since);

    if (gap)
        from = oldest_before(ev);
    send_hello(l, from);
    if (gap)
        send_gap(l, since, from);
    if (since)
        replay(l, from);
}

struct events_listener *events_listen(struct events *ev, uint64_t since,
                                      void (*on_event)(void *arg, enum event_kind k, uint64_t seq, struct slice json), void *arg)
{
    struct events_listener *l = mem_zalloc(sizeof *l);

    l->ev = ev;
    l->on_event = on_event;
    l->arg = arg;
    greet(l, since);
    list_add(&ev->listeners, &l->link);
    ev->n_listeners++;
    if (ev->n_listeners == 1)
        uv_timer_start(&ev->heartbeat_timer, on_heartbeat_timer, EVENTS_HEARTBEAT_MS, EVENTS_HEARTBEAT_MS);
    events_progress_changed(ev);
    return l;
}

void events_unlisten(struct events_listener *l)
{
    struct events *ev = l->ev;

    if (l->dead)
        return;
    l->dead = true;
    if (--ev->n_listeners == 0) {
        uv_timer_stop(&ev->heartbeat_timer);
        uv_timer_stop(&ev->progress_timer);
        ev->progress_due = false;
    }
    if (ev->depth == 0)
        sweep_dead(ev);
}

/* --- song events ------------------------------------------------------------------------- */

void song_news_add(struct song_news *s, const struct song *song)
{
    struct json_out o;
    struct buf text;

    if (s->n == SONG_NEWS_MAX)
        return;
    buf_init(&text, 0);
    json_out_init(&o, &text);
    song_json(song, &o, "song");
    s->json[s->n++] = buf_detach(&text);
}

void song_news_publish(const struct song_news *s, struct events *ev)
{
    for (size_t i = 0; i < s->n; i++)
        events_publish(ev, EVENT_SONG, s->json[i]);
}

void song_news_deinit(struct song_news *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->json[i]);
    s->n = 0;
}
