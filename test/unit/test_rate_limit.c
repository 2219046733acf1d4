/* net/rate_limit: the arithmetic on a hand-turned clock, the waiter on a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/rate_limit.h"

#define LASTFM_MS (1000.0 / 4.9)

struct fixture {
    uv_loop_t loop;
    struct clock clock;
    struct rate_limit *limit;
    int ready_calls;
};

static void count_ready(void *arg)
{
    struct fixture *f = arg;
    f->ready_calls++;
}

static void setup_with(struct fixture *f, const struct clock *clock, double interval, rate_limit_cb ready, void *arg)
{
    f->ready_calls = 0;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->clock = clock_manual();
    f->limit = rate_limit_new(&f->loop, clock ? clock : &f->clock, interval, ready ? ready : count_ready, arg ? arg : f);
}

static void setup_manual(struct fixture *f, double interval)
{
    setup_with(f, NULL, interval, NULL, NULL);
}

static void teardown(struct fixture *f)
{
    rate_limit_free(f->limit);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

/* The next token comes after so long and no sooner; it is taken. */
static void assert_next_after(struct fixture *f, uint64_t ms)
{
    if (ms) {
        clock_advance(&f->clock, ms - 1);
        assert_false(rate_limit_take(f->limit));
        clock_advance(&f->clock, 1);
    }
    assert_true(rate_limit_take(f->limit));
}

/* --- taking ------------------------------------------------------------------------- */

static void first_token_is_free_and_second_waits_one_interval(void **state)
{
    struct fixture f;
    setup_manual(&f, 1100);
    assert_next_after(&f, 0);
    assert_false(rate_limit_take(f.limit));
    assert_next_after(&f, 1100);
    teardown(&f);
}

static void a_long_pause_saves_up_nothing(void **state)
{
    struct fixture f;
    setup_manual(&f, 200);
    assert_true(rate_limit_take(f.limit));
    clock_advance(&f.clock, 60000);
    assert_true(rate_limit_take(f.limit));
    assert_false(rate_limit_take(f.limit));
    assert_next_after(&f, 200);
    teardown(&f);
}

static void a_token_that_is_given_back_costs_nothing(void **state)
{
    struct fixture f;
    setup_manual(&f, LASTFM_MS);
    assert_true(rate_limit_take(f.limit));
    rate_limit_give_back(f.limit);                /* the very first one */
    for (int i = 0; i < 5; i++) {
        assert_next_after(&f, i ? 205 : 0);
        for (int n = 0; n < 3; n++) {
            clock_advance(&f.clock, 205);
            assert_true(rate_limit_take(f.limit));
            rate_limit_give_back(f.limit);
            assert_true(rate_limit_take(f.limit));   /* at once, for somebody else */
            rate_limit_give_back(f.limit);
        }
        clock_advance(&f.clock, 1000);
        assert_true(rate_limit_take(f.limit));
    }
    teardown(&f);
}

static void a_token_that_is_given_back_leaves_the_one_before(void **state)
{
    struct fixture f;
    setup_manual(&f, 1100);
    assert_true(rate_limit_take(f.limit));
    clock_advance(&f.clock, 1100);
    assert_true(rate_limit_take(f.limit));
    rate_limit_give_back(f.limit);
    rate_limit_set_interval(f.limit, 1500);
    assert_next_after(&f, 400);                      /* counted from the first one */
    teardown(&f);
}

static void a_refused_take_costs_nothing(void **state)
{
    struct fixture f;
    setup_manual(&f, 100);
    assert_true(rate_limit_take(f.limit));
    for (int i = 0; i < 99; i++) {
        clock_advance(&f.clock, 1);
        assert_false(rate_limit_take(f.limit));
    }
    clock_advance(&f.clock, 1);
    assert_true(rate_limit_take(f.limit));
    teardown(&f);
}

static void fractions_of_a_millisecond_are_kept(void **state)
{
    struct fixture f;
    setup_manual(&f, LASTFM_MS);   /* 204.08 ms */
    uint64_t starts[100];
    for (int n = 0; n < 100;) {
        if (rate_limit_take(f.limit))
            starts[n++] = f.clock.manual_mono;
        clock_advance(&f.clock, 1);
    }
    for (int n = 1; n < 100; n++)
        assert_int_equal(starts[n] - starts[n - 1], 205);   /* the first whole millisecond that is not too early */
    for (int n = 5; n < 100; n++)
        assert_true(starts[n] - starts[n - 5] > 1000);      /* never six within a second */
    teardown(&f);
}

static void interval_below_a_millisecond_allows_one_start_per_tick_of_the_clock(void **state)
{
    struct fixture f;
    setup_manual(&f, 0.5);
    for (int i = 0; i < 10; i++) {
        assert_true(rate_limit_take(f.limit));
        assert_false(rate_limit_take(f.limit));
        clock_advance(&f.clock, 1);
    }
    teardown(&f);
}

/* --- what goes out late -------------------------------------------------------------- */

static void a_serial_provider_waits_a_second_from_when_the_request_went_out(void **state)
{
    struct fixture f;
    setup_manual(&f, 1100);
    assert_true(rate_limit_take(f.limit));
    rate_limit_unsent(f.limit);
    clock_advance(&f.clock, 5000);
    assert_false(rate_limit_take(f.limit));   /* still connecting: it may go out now */
    rate_limit_sent(f.limit);
    assert_next_after(&f, 1010);
    teardown(&f);
}

static void requests_that_connect_leave_no_room_for_a_burst(void **state)
{
    struct fixture f;
    setup_manual(&f, LASTFM_MS);
    for (int i = 0; i < 5; i++) {
        assert_true(rate_limit_take(f.limit));
        rate_limit_unsent(f.limit);
        clock_advance(&f.clock, 205);
    }
    clock_advance(&f.clock, 60000);
    assert_false(rate_limit_take(f.limit));   /* five may go out at this moment */
    for (int i = 0; i < 5; i++)
        rate_limit_sent(f.limit);
    clock_advance(&f.clock, 1009);
    assert_false(rate_limit_take(f.limit));
    clock_advance(&f.clock, 1);
    assert_true(rate_limit_take(f.limit));
    teardown(&f);
}

static void redirects_and_retries_count_as_well(void **state)
{
    struct fixture f;
    setup_manual(&f, LASTFM_MS);
    assert_true(rate_limit_take(f.limit));
    for (int i = 0; i < 4; i++)
        rate_limit_sent_again(f.limit);
    clock_advance(&f.clock, 205);
    assert_false(rate_limit_take(f.limit));
    clock_advance(&f.clock, 4 * 205);
    assert_true(rate_limit_take(f.limit));
    teardown(&f);
}

/* Or a provider that redirects each question would be asked several times as often as it allows. */
static void what_goes_out_again_is_paid_for(void **state)
{
    struct fixture f;
    uint64_t sent = 0, began;

    setup_manual(&f, 1100);
    began = f.clock.manual_mono;
    while (f.clock.manual_mono < began + 600 * 1000) {
        if (rate_limit_take(f.limit)) {
            rate_limit_sent_again(f.limit);
            rate_limit_sent_again(f.limit);
            rate_limit_sent_again(f.limit);
            sent += 4;
        }
        clock_advance(&f.clock, 10);
    }
    assert_in_range(sent, 500, 600 * 1000 / 1100 + 4);
    teardown(&f);
}

static void never_six_within_a_second_whatever_connecting_takes(void **state)
{
    struct fixture f;
    uint64_t sent[2000], due[5];   /* due: when those that connect go out */
    int n = 0, connecting = 0;
    unsigned seed = 7;

    setup_manual(&f, LASTFM_MS);
    while (n < 2000) {
        for (int i = 0; i < connecting; i++) {
            if (due[i] > f.clock.manual_mono)
                continue;
            rate_limit_sent(f.limit);
            sent[n++] = f.clock.manual_mono;
            due[i--] = due[--connecting];
            if (n == 2000)
                break;
        }
        if (n < 2000 && connecting < 5 && rate_limit_take(f.limit)) {
            rate_limit_unsent(f.limit);
            seed = seed * 1103515245u + 12345u;
            due[connecting++] = f.clock.manual_mono + (seed >> 16) % (seed & 1024 ? 900 : 3);
        }
        clock_advance(&f.clock, 1);
    }
    for (int i = 5; i < 2000; i++)
        assert_true(sent[i] - sent[i - 5] > 1000);
    teardown(&f);
}

static void one_that_waits_for_an_unsent_request_is_woken_by_its_going_out(void **state)
{
    struct fixture f;
    setup_with(&f, &clock_system, 1000.0 / 3, NULL, NULL);
    for (int i = 0; i < 4; i++) {   /* all that a window holds */
        while (!rate_limit_take(f.limit))
            uv_sleep(1);
        rate_limit_unsent(f.limit);
    }
    rate_limit_want(f.limit);
    assert_int_equal(uv_run(&f.loop, UV_RUN_NOWAIT), 0);   /* no timer: nothing to wait for but an event */
    for (int i = 0; i < 4; i++)
        rate_limit_sent(f.limit);
    assert_int_equal(uv_run(&f.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(f.ready_calls, 1);
    teardown(&f);
}

/* --- interval and hold ---------------------------------------------------------------- */

static void changed_interval_counts_from_the_last_start(void **state)
{
    struct fixture f;
    setup_manual(&f, 200);
    assert_true(rate_limit_take(f.limit));
    clock_advance(&f.clock, 50);
    rate_limit_set_interval(f.limit, 1000);
    assert_true(rate_limit_interval(f.limit) == 1000);
    assert_next_after(&f, 950);
    clock_advance(&f.clock, 50);
    rate_limit_set_interval(f.limit, 60);
    assert_next_after(&f, 10);
    clock_advance(&f.clock, 50);
    assert_false(rate_limit_take(f.limit));
    rate_limit_set_interval(f.limit, 20);
    assert_true(rate_limit_take(f.limit));
    teardown(&f);
}

static void hold_delays_and_is_never_shortened(void **state)
{
    struct fixture f;
    setup_manual(&f, 200);
    rate_limit_hold(f.limit, 5000);
    rate_limit_hold(f.limit, 100);
    assert_next_after(&f, 5000);
    rate_limit_hold(f.limit, 50);                       /* shorter than what the interval asks anyway */
    assert_next_after(&f, 200);
    teardown(&f);
}

/* --- across restarts ------------------------------------------------------------------- */

static void a_start_waits_until_what_the_last_run_may_have_sent_is_past(void **state)
{
    static const struct {
        double interval;
        uint64_t wait;
    } rows[] = {{1100, 1100}, {LASTFM_MS, 1010}, {1000, 1010}, {5, 5}};   /* the last is a mirror: no window */

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        setup_manual(&f, rows[i].interval);
        rate_limit_begin_full(f.limit);
        assert_next_after(&f, rows[i].wait);
        teardown(&f);
    }
}

static void wall_clock_steps_do_not_move_the_schedule(void **state)
{
    struct fixture f;
    setup_manual(&f, 1000);
    assert_true(rate_limit_take(f.limit));
    f.clock.manual_wall += 3600 * 1000;
    assert_next_after(&f, 1000);
    f.clock.manual_wall -= 7200 * 1000;
    assert_next_after(&f, 1000);
    teardown(&f);
}

/* --- the waiter -------------------------------------------------------------------------- */

static void ready_comes_later_and_once_per_want(void **state)
{
    struct fixture f;
    setup_with(&f, &clock_system, 1, NULL, NULL);
    rate_limit_want(f.limit);
    rate_limit_want(f.limit);
    assert_int_equal(f.ready_calls, 0);
    assert_int_equal(uv_run(&f.loop, UV_RUN_DEFAULT), 0);   /* and no timer is left behind */
    assert_int_equal(f.ready_calls, 1);
    rate_limit_want(f.limit);
    assert_int_equal(uv_run(&f.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(f.ready_calls, 2);
    teardown(&f);
}

static void unwant_takes_the_wish_back(void **state)
{
    struct fixture f;
    setup_with(&f, &clock_system, 1, NULL, NULL);
    rate_limit_want(f.limit);
    rate_limit_unwant(f.limit);
    assert_int_equal(uv_run(&f.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(f.ready_calls, 0);
    teardown(&f);
}

static void free_while_wanted_calls_nobody(void **state)
{
    struct fixture f;
    setup_with(&f, &clock_system, 1, NULL, NULL);
    rate_limit_want(f.limit);
    teardown(&f);
    assert_int_equal(f.ready_calls, 0);
}

static void longer_hold_after_want_is_obeyed_and_shorter_interval_wakes_early(void **state)
{
    struct fixture f;
    setup_with(&f, &clock_system, 3600 * 1000.0, NULL, NULL);
    assert_true(rate_limit_take(f.limit));
    rate_limit_want(f.limit);                       /* an hour away */
    rate_limit_set_interval(f.limit, 2);            /* unless this wakes it, the test times out */
    rate_limit_hold(f.limit, 30);
    uint64_t begin = uv_hrtime();
    assert_int_equal(uv_run(&f.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(f.ready_calls, 1);
    assert_true(uv_hrtime() - begin >= 29 * 1000000ull);   /* lower bound only: late is no fault of ours */
    teardown(&f);
}

struct pacing {
    struct fixture f;
    uint64_t starts[40];
    int n;
};

static void start_when_ready(void *arg)
{
    struct pacing *p = arg;
    assert_true(rate_limit_take(p->f.limit));       /* ready means: free now */
    p->starts[p->n++] = uv_hrtime();
    if (p->n < 40)
        rate_limit_want(p->f.limit);
}

static void real_starts_are_never_closer_than_the_interval(void **state)
{
    struct pacing p = {.n = 0};
    setup_with(&p.f, &clock_system, 5.4, start_when_ready, &p);
    rate_limit_want(p.f.limit);
    assert_int_equal(uv_run(&p.f.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(p.n, 40);
    /* Stamps are taken just after the take, so a pair may look closer by the time of one assert; the sum may not. */
    assert_true(p.starts[39] - p.starts[0] >= 39 * 5400000ull - 200000);
    for (int i = 1; i < 40; i++)
        assert_true(p.starts[i] - p.starts[i - 1] >= 5400000 - 200000);
    teardown(&p.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_token_is_free_and_second_waits_one_interval),
        cmocka_unit_test(a_long_pause_saves_up_nothing),
        cmocka_unit_test(a_token_that_is_given_back_costs_nothing),
        cmocka_unit_test(a_token_that_is_given_back_leaves_the_one_before),
        cmocka_unit_test(a_refused_take_costs_nothing),
        cmocka_unit_test(fractions_of_a_millisecond_are_kept),
        cmocka_unit_test(interval_below_a_millisecond_allows_one_start_per_tick_of_the_clock),
        cmocka_unit_test(a_serial_provider_waits_a_second_from_when_the_request_went_out),
        cmocka_unit_test(requests_that_connect_leave_no_room_for_a_burst),
        cmocka_unit_test(redirects_and_retries_count_as_well),
        cmocka_unit_test(what_goes_out_again_is_paid_for),
        cmocka_unit_test(never_six_within_a_second_whatever_connecting_takes),
        cmocka_unit_test(one_that_waits_for_an_unsent_request_is_woken_by_its_going_out),
        cmocka_unit_test(changed_interval_counts_from_the_last_start),
        cmocka_unit_test(hold_delays_and_is_never_shortened),
        cmocka_unit_test(a_start_waits_until_what_the_last_run_may_have_sent_is_past),
        cmocka_unit_test(wall_clock_steps_do_not_move_the_schedule),
        cmocka_unit_test(ready_comes_later_and_once_per_want),
        cmocka_unit_test(unwant_takes_the_wish_back),
        cmocka_unit_test(free_while_wanted_calls_nobody),
        cmocka_unit_test(longer_hold_after_want_is_obeyed_and_shorter_interval_wakes_early),
        cmocka_unit_test(real_starts_are_never_closer_than_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
