/* The service manager; see service.h. */
#include "daemon/service.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* "/run/systemd/notify", or "@name" for a name outside of the file system. False for anything else (vsock: a machine, not a
 * service). */
static bool address_of(struct service *s, const char *name)
{
    size_t n = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof s->to.sun_path)
        return false;
    s->to.sun_family = AF_UNIX;
    memcpy(s->to.sun_path, name, n + 1);
    if (name[0] == '@')
        s->to.sun_path[0] = '\0';
    s->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
    return true;
}

/* Never waits: a manager that does not read must not hold the loop. What is lost is told again at the next change. */
static void tell(struct service *s, const char *text)
{
    if (s->fd < 0)
        return;
    if (sendto(s->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&s->to, s->to_len) < 0)
        log_debug("main", "the service manager was not told: %s", strerror(errno));
}

static void on_watchdog(uv_timer_t *t)
{
    tell(t->data, "WATCHDOG=1");
}

static void tell_status(struct service *s, const char *before)
{
    char sentence[160] = "", text[240];

    if (s->fd < 0)
        return;
    s->sentence(s->arg, sentence, sizeof sentence);
    snprintf(text, sizeof text, "%sSTATUS=%s", before, sentence);
    tell(s, text);
}

static void on_status(uv_timer_t *t)
{
    tell_status(t->data, "");
}

/* Half the watchdog's time in ms; 0 when there is none, or it is another process's. */
static uint64_t watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return strtoull(usec, NULL, 10) / 2000;
}

void service_init(struct service *s, uv_loop_t *loop, void (*sentence)(void *arg, char *out, size_t size), void *arg)
{
    const char *name = getenv("NOTIFY_SOCKET");
    uint64_t every = watchdog_ms();

    *s = (struct service){.fd = -1, .sentence = sentence, .arg = arg};
    uv_timer_init(loop, &s->watchdog);
    uv_timer_init(loop, &s->status);
    s->watchdog.data = s->status.data = s;
    uv_unref((uv_handle_t *)&s->watchdog);
    uv_unref((uv_handle_t *)&s->status);
    if (!name || !*name)
        return;
    if (address_of(s, name))
        s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        log_warn("main", "NOTIFY_SOCKET cannot be used; the service manager is not told anything");
    else if (every)
        uv_timer_start(&s->watchdog, on_watchdog, every, every);
}

void service_ready(struct service *s)
{
    tell_status(s, "READY=1\n");
}

void service_changed(struct service *s)
{
    if (s->fd >= 0 && !uv_is_active((uv_handle_t *)&s->status) && !uv_is_closing((uv_handle_t *)&s->status))
        uv_timer_start(&s->status, on_status, SERVICE_STATUS_MS, 0);
}

void service_reloading(struct service *s)
{
    char text[80];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(uv_hrtime() / 1000));
    tell(s, text);
}

/* No sentence after that: what it would tell of goes piece by piece. */
void service_stopping(struct service *s)
{
    uv_timer_stop(&s->status);
    tell(s, "STOPPING=1\nSTATUS=Stopping");
}

void service_close(struct service *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    uv_close((uv_handle_t *)&s->watchdog, NULL);
    uv_close((uv_handle_t *)&s->status, NULL);
}
