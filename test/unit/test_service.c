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

/* Datagrams that wait at the manager's socket and are this text. */
static int heard(int fd, const char *text)
{
    char got[256];
    int n = 0;

    for (ssize_t len; (len = recv(fd, got, sizeof got - 1, MSG_DONTWAIT)) >= 0;) {
        got[len] = '\0';
        n += strcmp(got, text) == 0;
    }
    return n;
}

/* Stuck in a callback, the process is as alive as ever: nobody but the loop may say so. */
static void a_loop_that_stands_still_feeds_no_watchdog(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(sa_family_t);   /* the kernel chooses a name outside of the file system */
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[sizeof name.sun_path + 1];
    struct service s;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(bind(manager, (struct sockaddr *)&name, size), 0);
    size = sizeof name;
    assert_int_equal(getsockname(manager, (struct sockaddr *)&name, &size), 0);
    snprintf(text, sizeof text, "@%.*s", (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), name.sun_path + 1);
    setenv("NOTIFY_SOCKET", text, 1);
    setenv("WATCHDOG_USEC", "20000", 1);
    unsetenv("WATCHDOG_PID");
    uv_loop_init(&loop);
    service_init(&s, &loop, write_sentence, NULL);
    usleep(200000);
    assert_int_equal(heard(manager, "WATCHDOG=1"), 0);
    uv_ref((uv_handle_t *)&s.watchdog);
    uv_run(&loop, UV_RUN_ONCE);
    assert_true(heard(manager, "WATCHDOG=1") >= 1);
    service_close(&s);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    close(manager);
    unsetenv("WATCHDOG_USEC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sentence_is_due_once_it_stops),
        cmocka_unit_test(a_loop_that_stands_still_feeds_no_watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
