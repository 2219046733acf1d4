/* GET /events: a listener on work/events written to a stream, as JSON lines or server-sent events. Loop thread only.
 *
 * A slow reader costs at most the server's queue per stream: when an event does not fit, the stream
 * falls behind, and once the queue drained it goes on from the last event it got, replayed from what
 * is held, or with a gap when that is gone. Nothing is skipped silently. One that takes nothing at all
 * is cut by the server. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"

struct event_stream {
    struct list link; /* api->streams */
    struct api *api;
    int64_t device; /* that listens; 0 for others */
    struct stream *out;
    struct events_listener *listener;
    uint64_t last; /* seq of the last event written */
    bool sse;
    bool greeted; /* hello was written; listening anew sends another one, which is dropped */
    bool behind;  /* events are left out until the queue drained */
    bool ended;
    struct buf line;
};

static void frame(struct event_stream *es, enum event_kind k, uint64_t seq, struct slice json)
{
    buf_reset(&es->line);
    if (!es->sse) {
        buf_add_slice(&es->line, json);
        buf_add_byte(&es->line, '\n');
        return;
    }
    if (!es->greeted)
        buf_add_str(&es->line, "retry: 3000\n");
    /* without an id a browser keeps the one it has: a heartbeat is nothing to resume from */
    if (k != EVENT_HEARTBEAT)
        buf_addf(&es->line, "id: %llu\n", (unsigned long long)seq);
    buf_addf(&es->line, "event: %s\ndata: ", event_name(k));
    buf_add_slice(&es->line, json);
    buf_add_str(&es->line, "\n\n");
}

static void end_with_gap(struct event_stream *es)
{
    struct buf b;
    char at[32];
    uint64_t to = events_last_seq(es->api->d.events);

    es->ended = true;
    clock_iso(clock_wall(es->api->d.clock), at);
    buf_init(&b, 0);
    buf_addf(&b,
             "{\"seq\":%llu,\"time\":\"%s\",\"event\":\"gap\",\"from\":%llu,\"to\":%llu,\"reason\":\"an event is too large\"}",
             (unsigned long long)to, at, (unsigned long long)es->last + 1, (unsigned long long)to);
    frame(es, EVENT_GAP, to, (struct slice){b.data, b.len});
    buf_deinit(&b);
    stream_end(es->out, (struct slice){es->line.data, es->line.len});
}

static void on_event(void *arg, enum event_kind k, uint64_t seq, struct slice json)
{
    struct event_stream *es = arg;
    int rc;

    if (es->ended || es->behind || (k == EVENT_HELLO && es->greeted))
        return;
    frame(es, k, seq, json);
    rc = stream_write(es->out, (struct slice){es->line.data, es->line.len});
    if (rc == 0) {
        es->greeted = true;
        if (seq > es->last)
            es->last = seq;
    } else if (rc != ERR_BUSY) {
        es->ended = true;
    } else if (stream_queued(es->out) == 0) {
        end_with_gap(es); /* it would never fit */
    } else {
        es->behind = true;
    }
}

static void on_drain(void *arg)
{
    struct event_stream *es = arg;

    if (!es->behind || es->ended)
        return;
    es->behind = false;
    events_unlisten(es->listener);
    es->listener = events_listen(es->api->d.events, es->last, on_event, es);
}

static void on_stream_closed(void *arg)
{
    struct event_stream *es = arg;
    struct api *a = es->api;

    if (es->listener)
        events_unlisten(es->listener);
    list_del(&es->link);
    buf_deinit(&es->line);
    free(es);
    api_drop(a);
}

void api_streams_end_of(struct api *a, int64_t device_id)
{
    list_each_safe(pos, next, &a->streams) {
        struct event_stream *es = container_of(pos, struct event_stream, link);
        if (es->device != device_id || es->ended)
            continue;
        es->ended = true;
        stream_end(es->out, (struct slice){0});
    }
}

/* Last-Event-ID is what a browser sends when it reconnects; since is for everyone else and wins. */
static bool read_since(struct request *r, int64_t *since)
{
    const struct query_number numbers[] = {{"since", 0, INPUT_NUMBER_MAX, since}};
    const char *last = request_header(r, "Last-Event-ID");
    struct slice value;
    struct err e = {0};

    if (!input_query(r, numbers, 1))
        return false;
    if (!last || request_query(r, "since", &value) || input_number(slice_of(last), since))
        return true;
    err_set(&e, ERR_INVALID, "Last-Event-ID must be the seq of an event");
    request_reply_error(r, ERR_INVALID, &e);
    return false;
}

void handle_events(struct request *r, void *app)
{
    static const char ndjson[] = "application/x-ndjson", sse[] = "text/event-stream; charset=utf-8";
    struct api *a = app;
    const struct device *device;
    struct event_stream *es;
    const char *accept = request_header(r, "Accept");
    bool is_sse = accept && strstr(accept, "text/event-stream");
    int64_t since = 0;

    if (!read_since(r, &since))
        return;
    request_set_header(r, "Cache-Control", "no-cache, no-transform");
    request_set_header(r, "X-Accel-Buffering", "no");
    if (request_method(r) == HTTP_HEAD) {
        request_reply(r, 200, is_sse ? sse : ndjson, (struct slice){0});
        return;
    }
    es = mem_zalloc(sizeof *es);
    es->api = a;
    es->sse = is_sse;
    es->device = api_caller(a, r, &device) == CALLER_DEVICE ? device->id : 0;
    buf_init(&es->line, 0);
    es->out = request_stream(r, is_sse ? sse : ndjson, on_stream_closed, es);
    if (!es->out) {
        buf_deinit(&es->line);
        free(es);
        return;
    }
    list_add(&a->streams, &es->link);
    api_hold(a);
    stream_on_drain(es->out, on_drain, es);
    es->listener = events_listen(a->d.events, (uint64_t)since, on_event, es);
}
