/* Events: numbers, replay, gaps, coalesced progress. Real loop, hand-turned clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "work/events.h"

struct seen {
    int n;
    enum event_kind kinds[3000];
    uint64_t seqs[3000];
    char last[400], progress[400];   /* the last event; the last of its kind */
};

static int count_of(const struct seen *s, enum event_kind k)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n += s->kinds[i] == k;
    return n;
}

struct fixture {
    uv_loop_t loop;
    struct clock clock;
    struct events *ev;
    int progress_calls;
};

static void write_progress(void *arg, struct json_out *o)
{
    struct fixture *f = arg;

    f->progress_calls++;
    json_put_int(o, "total", 7);
}

static void on_event(void *arg, enum event_kind k, uint64_t seq, struct slice json)
{
    struct seen *s = arg;

    s->kinds[s->n] = k;
    s->seqs[s->n++] = seq;
    snprintf(s->last, sizeof s->last, "%.*s", (int)json.n, json.p);
    if (k == EVENT_PROGRESS)
        memcpy(s->progress, s->last, sizeof s->last);
}

static void begin(struct fixture *f, int64_t start_count)
{
    *f = (struct fixture){.clock = clock_manual()};
    uv_loop_init(&f->loop);
    f->ev = events_new(&f->loop, &f->clock, start_count, write_progress, f);
}

static void end(struct fixture *f)
{
    events_free(f->ev);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void number_starts_with_the_start_count_and_grows_by_one(void **state)
{
    struct fixture f;
    struct seen s = {0};
    struct events_listener *l;

    (void)state;
    begin(&f, 3);
    l = events_listen(f.ev, 0, on_event, &s);
    events_publish(f.ev, EVENT_WORKER, "\"state\":\"running\"");
    assert_int_equal(s.n, 2);
    assert_int_equal(s.kinds[0], EVENT_HELLO);
    assert_int_equal(s.kinds[1], EVENT_WORKER);
    assert_true(s.seqs[1] == 3 * UINT64_C(4294967296) + 1);
    assert_string_equal(s.last, "{\"seq\":12884901889,\"time\":\"2023-11-14T22:13:20Z\",\"event\":\"worker\","
                                "\"state\":\"running\"}");
    events_unlisten(l);
    end(&f);
}

static void since_replays_what_came_after(void **state)
{
    struct fixture f;
    struct seen s = {0};
    struct events_listener *l;
    uint64_t first;

    (void)state;
    begin(&f, 1);
    events_publish(f.ev, EVENT_SCAN, "");
    first = events_last_seq(f.ev);
    events_publish(f.ev, EVENT_SONG, "");
    events_publish(f.ev, EVENT_WORKER, "");
    l = events_listen(f.ev, first, on_event, &s);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.kinds[1], EVENT_SONG);
    assert_int_equal(s.kinds[2], EVENT_WORKER);
    events_unlisten(l);
    end(&f);
}

static void what_is_no_longer_held_is_announced_by_a_gap(void **state)
{
    struct fixture f;
    struct seen s = {0};
    struct events_listener *l;
    uint64_t first;

    (void)state;
    begin(&f, 1);
    events_publish(f.ev, EVENT_SCAN, "");
    first = events_last_seq(f.ev);
    for (int i = 0; i < EVENTS_HELD + 10; i++)
        events_publish(f.ev, EVENT_SONG, "");
    l = events_listen(f.ev, first, on_event, &s);
    assert_int_equal(s.kinds[1], EVENT_GAP);
    assert_int_equal(s.n, 2 + EVENTS_HELD);
    assert_true(s.seqs[2] == s.seqs[1] + 1);
    events_unlisten(l);
    end(&f);
}

static void number_of_another_start_gives_a_gap(void **state)
{
    struct fixture f;
    struct seen s = {0};
    struct events_listener *l;

    (void)state;
    begin(&f, 2);
    l = events_listen(f.ev, UINT64_C(4294967296) + 5, on_event, &s);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.kinds[1], EVENT_GAP);
    events_unlisten(l);
    end(&f);
}

static void progress_of_one_turn_becomes_one_event(void **state)
{
    struct fixture f;
    struct seen s = {0};
    struct events_listener *l;

    (void)state;
    begin(&f, 1);
    l = events_listen(f.ev, 0, on_event, &s);
    for (int i = 0; i < 50; i++)
        events_progress_changed(f.ev);
    while (f.progress_calls == 0)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(f.progress_calls, 1);
    assert_int_equal(count_of(&s, EVENT_PROGRESS), 1);   /* a heartbeat may have come too, where the machine stood still */
    assert_non_null(strstr(s.progress, "\"total\":7"));
    events_unlisten(l);
    end(&f);
}

static void nobody_listening_costs_no_timer(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 1);
    events_progress_changed(f.ev);
    assert_int_equal(uv_run(&f.loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(f.progress_calls, 0);
    end(&f);
}

struct leaver {
    struct events_listener *self;
    int calls;
};

static void leave(void *arg, enum event_kind k, uint64_t seq, struct slice json)
{
    struct leaver *l = arg;

    (void)seq;
    (void)json;
    if (k == EVENT_HELLO)
        return;
    l->calls++;
    events_unlisten(l->self);
}

static void listener_may_leave_while_it_is_told(void **state)
{
    struct fixture f;
    struct leaver a = {0}, b = {0};

    (void)state;
    begin(&f, 1);
    a.self = events_listen(f.ev, 0, leave, &a);
    b.self = events_listen(f.ev, 0, leave, &b);
    events_publish(f.ev, EVENT_SCAN, "");
    events_publish(f.ev, EVENT_SCAN, "");
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    end(&f);   /* ends the process when somebody still listens */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_starts_with_the_start_count_and_grows_by_one),
        cmocka_unit_test(since_replays_what_came_after),
        cmocka_unit_test(what_is_no_longer_held_is_announced_by_a_gap),
        cmocka_unit_test(number_of_another_start_gives_a_gap),
        cmocka_unit_test(progress_of_one_turn_becomes_one_event),
        cmocka_unit_test(nobody_listening_costs_no_timer),
        cmocka_unit_test(listener_may_leave_while_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
