/* Telling the service manager how we are: systemd's notify protocol in our own few lines, and its watchdog.
 *
 * Without NOTIFY_SOCKET (a terminal, Docker, another init) every function does nothing. libsystemd is not linked: the protocol
 * is one datagram of "NAME=value" lines (sd_notify(3) recommends to write it oneself). Loop thread only.
 */
#ifndef SONGBOOKD_DAEMON_SERVICE_H
#define SONGBOOKD_DAEMON_SERVICE_H

#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#define SERVICE_STATUS_MS 5000 /* time between two sentences */

struct service {
    int fd; /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_len;
    uv_timer_t watchdog, status;
    /* Writes one sentence for a person into out, without a line end. */
    void (*sentence)(void *arg, char *out, size_t size);
    void *arg;
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment. From here on the watchdog is fed by a timer of the
 * loop, at half its time: a loop that does not turn is noticed. The timers keep no loop alive. */
void service_init(struct service *s, uv_loop_t *loop, void (*sentence)(void *arg, char *out, size_t size), void *arg);
/* The start is over: also the end of a reload. */
void service_ready(struct service *s);
/* What the sentence tells may have changed: it is sent within SERVICE_STATUS_MS. */
void service_changed(struct service *s);
void service_reloading(struct service *s);
void service_stopping(struct service *s);
/* Closes the handles and the socket; may be called once. */
void service_close(struct service *s);

#endif
