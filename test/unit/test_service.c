/* What the service manager is told at the end. Real loop and socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/service.h"

static void write_sentence(void *arg, char *out, size_t size)
{
    (void)arg;
    snprintf(out, size, "At rest");
}

static void no_sentence_is_due_once_it_stops(void **state)
{
    struct service s;
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    setenv("NOTIFY_SOCKET", "@songbookd-nobody-listens", 1);
    service_init(&s, &loop, write_sentence, NULL);
    assert_true(s.fd >= 0);
    service_changed(&s);
    assert_true(uv_is_active((uv_handle_t *)&s.status));
    service_stopping(&s);
    assert_false(uv_is_active((uv_handle_t *)&s.status));
    service_close(&s);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_sentence_is_due_once_it_stops)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
