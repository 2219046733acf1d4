/* Asks a server over many kept connections at a steady rate, and prints how long each path takes.
 *
 *   load HOST PORT CONNECTIONS RATE SECONDS PATH...
 *
 * Every connection asks the paths in turn, each at its own offset; RATE is of all together. A time runs from the write to
 * the last byte of the answer; when the connection's previous answer was not there at the time the request was due, from that
 * time, so that a server that stalls cannot hide it. Ends after SECONDS or at SIGTERM. Prints one line per path: path,
 * count, p50, p99 and maximum in ms.
 * A small C program because a generator in a scripting language would need most of a core and measure itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (1 << 20)

struct series {
    const char *path;
    double *ms;
    size_t n, cap;
};

struct conn {
    int fd, path;
    bool waiting;
    double due, asked;      /* next request; start of the present one */
    char *answer;
    size_t n, want;         /* received; head and body, 0 while the head is not complete */
};

static struct series *series;
static int n_paths;
static char request[2000];
static const char *host_port;
static volatile sig_atomic_t stopped;

static void on_term(int sig)
{
    (void)sig;
    stopped = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void ask(struct conn *c, double now, bool late)
{
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", series[c->path].path, host_port);

    c->asked = late ? c->due : now;
    c->waiting = true;
    c->n = c->want = 0;
    if (write(c->fd, request, (size_t)n) != n)
        die("write");
}

static void add_time(struct series *s, double ms)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->ms = realloc(s->ms, s->cap * sizeof *s->ms);
    }
    s->ms[s->n++] = ms;
}

static void find_end(struct conn *c)
{
    char *end, *length;

    c->answer[c->n] = '\0';
    end = strstr(c->answer, "\r\n\r\n");
    if (!end)
        return;
    length = strcasestr(c->answer, "\r\ncontent-length:");
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0 || !length || length > end) {
        fprintf(stderr, "load: %s answered %.60s\n", series[c->path].path, c->answer);
        exit(1);
    }
    c->want = (size_t)(end + 4 - c->answer) + strtoul(length + 17, NULL, 10);
}

/* True when the answer is complete. */
static bool take(struct conn *c)
{
    ssize_t got = read(c->fd, c->answer + c->n, ANSWER_MAX - 1 - c->n);

    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0)
        die("the connection ended");
    c->n += (size_t)got;
    if (!c->want)
        find_end(c);
    if (!c->want || c->n < c->want)
        return false;
    add_time(&series[c->path], now_ms() - c->asked);
    c->waiting = false;
    c->path = (c->path + 1) % n_paths;
    return true;
}

static int connect_to(const char *host, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    inet_pton(AF_INET, host, &a.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void arm(int timer, const struct conn *c, int n)
{
    struct itimerspec t = {0};
    double first = 0;

    for (int i = 0; i < n; i++)
        if (!c[i].waiting && (first == 0 || c[i].due < first))
            first = c[i].due;
    if (first == 0)
        return;
    t.it_value.tv_sec = (time_t)(first / 1e3);
    t.it_value.tv_nsec = (long)((first - (double)t.it_value.tv_sec * 1e3) * 1e6);
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void run(struct conn *c, int n, double period, double end)
{
    int ep = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)n}, got[64];
    uint64_t times;

    epoll_ctl(ep, EPOLL_CTL_ADD, timer, &ev);
    for (int i = 0; i < n; i++) {
        ev.data.u32 = (uint32_t)i;
        epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &ev);
    }
    while (!stopped && now_ms() < end) {
        int k;
        arm(timer, c, n);
        k = epoll_wait(ep, got, 64, 100);
        for (int i = 0; i < k; i++) {
            struct conn *one = &c[got[i].data.u32];
            if (got[i].data.u32 == (uint32_t)n) {
                if (read(timer, &times, sizeof times) < 0 && errno != EAGAIN)
                    die("timer");
            } else if (take(one)) {
                one->due += period;
                if (one->due < now_ms())
                    ask(one, now_ms(), true);
            }
        }
        for (int i = 0; i < n; i++)
            if (!c[i].waiting && c[i].due <= now_ms())
                ask(&c[i], now_ms(), false);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int n = argc > 6 ? atoi(argv[3]) : 0;
    double rate = argc > 6 ? atof(argv[4]) : 0, start;
    struct conn *c = calloc((size_t)n + 1, sizeof *c);
    static char name[200];

    if (n < 1 || rate <= 0)
        return 2;
    signal(SIGTERM, on_term);
    prctl(PR_SET_TIMERSLACK, 1UL);
    snprintf(name, sizeof name, "%s:%s", argv[1], argv[2]);
    host_port = name;
    n_paths = argc - 6;
    series = calloc((size_t)n_paths, sizeof *series);
    for (int i = 0; i < n_paths; i++)
        series[i].path = argv[6 + i];
    for (int i = 0; i < n; i++) {
        c[i].fd = connect_to(argv[1], atoi(argv[2]));
        c[i].answer = malloc(ANSWER_MAX);
    }
    start = now_ms();
    for (int i = 0; i < n; i++) {
        c[i].path = i % n_paths;
        c[i].due = start + (i + 1) * 1e3 / rate;
    }
    run(c, n, n * 1e3 / rate, start + atof(argv[5]) * 1e3);
    for (int i = 0; i < n_paths; i++) {
        struct series *s = &series[i];
        if (!s->n)
            return 1;
        qsort(s->ms, s->n, sizeof *s->ms, by_size);
        printf("%s %zu %.3f %.3f %.3f\n", s->path, s->n, s->ms[s->n / 2], s->ms[s->n * 99 / 100], s->ms[s->n - 1]);
    }
    return 0;
}
