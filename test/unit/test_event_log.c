/* Events in a file: whole lines whatever happens to the disk, and a gap for what could not be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "work/event_log.h"

static char path[] = "/tmp/songbook-events-XXXXXX";

static void write_progress(void *arg, struct json_out *o)
{
    (void)arg;
    (void)o;
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void let_files_grow_to(rlim_t bytes)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void settle(uv_loop_t *loop)
{
    while (uv_run(loop, UV_RUN_NOWAIT) && loop->active_reqs.count)
        ;
}

/* Each line whole, numbers without a hole that no gap tells of; returns the last number. */
static uint64_t check_lines(void)
{
    FILE *f = fopen(path, "r");
    unsigned long long seq, from, to, last = 0;
    char line[4096];

    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        size_t n = strlen(line);
        const char *gap = strstr(line, "\"event\":\"gap\",\"from\":");
        assert_memory_equal(line + n - 2, "}\n", 2);
        assert_int_equal(sscanf(line, "{\"seq\":%llu,\"time\":", &seq), 1);
        if (gap) {
            assert_int_equal(sscanf(gap, "\"event\":\"gap\",\"from\":%llu,\"to\":%llu", &from, &to), 2);
            assert_true(from == last + 1);
            assert_true(to == seq);
        } else if (last && !strstr(line, "\"hello\"")) {
            assert_true(seq == last + 1);
        }
        last = seq;
    }
    fclose(f);
    return last;
}

static void full_disk_leaves_a_gap_and_whole_lines(void **state)
{
    struct clock clock = clock_manual();
    struct event_log *log;
    struct events *ev;
    bool closed = false;
    uv_loop_t loop;
    int fd = mkstemp(path);

    (void)state;
    close(fd);
    signal(SIGXFSZ, SIG_IGN);
    uv_loop_init(&loop);
    ev = events_new(&loop, &clock, 1, write_progress, NULL);
    assert_int_equal(event_log_new(&loop, ev, path, &log, NULL), 0);
    settle(&loop);
    let_files_grow_to(500);
    for (int i = 0; i < 20; i++) {
        events_publish(ev, EVENT_WORKER, "\"state\":\"running\"");
        settle(&loop);
    }
    let_files_grow_to(RLIM_INFINITY);
    for (int i = 0; i < 5; i++) {
        events_publish(ev, EVENT_WORKER, "\"state\":\"paused\"");
        settle(&loop);
    }
    event_log_close(log, on_closed, &closed);
    settle(&loop);
    assert_true(closed);
    assert_true(check_lines() == events_last_seq(ev));
    events_free(ev);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk_leaves_a_gap_and_whole_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
