/* Turns of the loop: what is counted, and where it is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "work/loop_stats.h"

#define BURN_MS 8

/* Uses so much CPU; how long that takes on the wall does not matter. */
static void burn(void)
{
    struct timespec from, now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 <= BURN_MS);
}

static double number_of(const struct loop_stats *s, const char *key)
{
    struct buf b;
    struct json_out o;
    cJSON *root;
    double v = -1;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    loop_stats_json(s, &o, NULL);
    root = json_parse((struct slice){b.data, b.len}, NULL);
    assert_non_null(root);
    assert_true(json_num(root, key, &v));
    cJSON_Delete(root);
    buf_deinit(&b);
    return v;
}

static void burn_timer(uv_timer_t *t)
{
    burn();
    uv_close((uv_handle_t *)t, NULL);
}

static void burn_async(uv_async_t *a)
{
    burn();
    uv_close((uv_handle_t *)a, NULL);
}

static void nop(uv_timer_t *t)
{
    uv_close((uv_handle_t *)t, NULL);
}

static void run_a_turn(uv_loop_t *loop)
{
    uv_timer_t t;

    uv_timer_init(loop, &t);
    uv_timer_start(&t, nop, 1, 0);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* One more turn, so that the one before has ended. */
static void run_to_end(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    run_a_turn(loop);
}

static void end(uv_loop_t *loop, struct loop_stats *s)
{
    loop_stats_free(s);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void work_in_timers_is_counted(void **state)
{
    uv_loop_t loop;
    uv_timer_t t;
    struct loop_stats *s;

    (void)state;
    uv_loop_init(&loop);
    s = loop_stats_new(&loop);
    run_a_turn(&loop);   /* a timer that is due when the loop starts may run before any turn has begun */
    uv_timer_init(&loop, &t);
    uv_timer_start(&t, burn_timer, 1, 0);
    run_to_end(&loop);
    assert_true(number_of(s, "worst_turn_cpu_ms") >= BURN_MS);
    assert_true(number_of(s, "worst_turn_ms") >= BURN_MS);
    assert_true(number_of(s, "recent_turn_cpu_ms") >= BURN_MS);
    assert_true(number_of(s, "turns") >= 1);
    end(&loop, s);
}

static void work_inside_the_poll_is_counted(void **state)
{
    uv_loop_t loop;
    uv_async_t a;
    struct loop_stats *s;

    (void)state;
    uv_loop_init(&loop);
    s = loop_stats_new(&loop);
    uv_async_init(&loop, &a, burn_async);
    uv_async_send(&a);
    run_to_end(&loop);
    assert_true(number_of(s, "worst_turn_cpu_ms") >= BURN_MS);
    end(&loop, s);
}

static void waiting_uses_no_cpu(void **state)
{
    uv_loop_t loop;
    uv_timer_t t;
    struct loop_stats *s;

    (void)state;
    uv_loop_init(&loop);
    s = loop_stats_new(&loop);
    uv_timer_init(&loop, &t);
    uv_timer_start(&t, nop, 10 * BURN_MS, 0);
    run_to_end(&loop);
    assert_true(number_of(s, "turns") >= 1);
    assert_true(number_of(s, "worst_turn_cpu_ms") < BURN_MS);
    end(&loop, s);
}

static void it_does_not_keep_the_loop_alive(void **state)
{
    uv_loop_t loop;
    struct loop_stats *s;

    (void)state;
    uv_loop_init(&loop);
    s = loop_stats_new(&loop);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    end(&loop, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_in_timers_is_counted),
        cmocka_unit_test(work_inside_the_poll_is_counted),
        cmocka_unit_test(waiting_uses_no_cpu),
        cmocka_unit_test(it_does_not_keep_the_loop_alive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
