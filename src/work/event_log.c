/* Events as JSON lines; see event_log.h. Loop thread; the write itself on the pool. */
#include "work/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct event_log {
    uv_loop_t *loop;
    struct events *ev;
    struct events_listener *listener;
    char *path;                /* NULL for stdout */
    int fd;
    struct buf waiting;
    struct buf writing;
    uv_work_t work;
    bool busy, closing;
    bool reopen;               /* wished; `reopening` is the copy that the pool reads */
    bool reopening;
    int failed;                /* errno of the last write, 0 none */
    int complained;            /* the errno that was logged last; 0 when writing went well since */
    size_t written;            /* of `writing` */
    size_t rest;               /* bytes at the front of `waiting`, or of `writing` when busy, that end a line begun before */
    uint64_t last_seq;
    uint64_t lost_from, lost_to;
    uint64_t gap_from;         /* of the gap in `writing`; 0 none */
    void (*closed)(void *arg);
    void *closed_arg;
};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/* Pool: a file that grew past its bound is kept once as FILE.1. */
static void rotate_if_large(struct event_log *l)
{
    struct stat st;
    char *old;
    int fd;

    if (!l->path || (!l->reopening && (fstat(l->fd, &st) || st.st_size < EVENT_LOG_MAX)))
        return;
    if (!l->reopening) {
        old = mem_printf("%s.1", l->path);
        if (rename(l->path, old)) { /* then the old file simply goes on */
        }
        free(old);
    }
    fd = open_file(l->path);
    if (fd >= 0) {
        close(l->fd);
        l->fd = fd;
    }
}

static void write_on_pool(uv_work_t *work)
{
    struct event_log *l = container_of(work, struct event_log, work);
    size_t at = 0;

    rotate_if_large(l);
    l->failed = 0;
    l->written = 0;
    while (at < l->writing.len) {
        ssize_t n = write(l->fd, l->writing.data + at, l->writing.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            l->failed = errno;
            return;
        }
        at += (size_t)n;
        l->written = at;
    }
}

static void finish(struct event_log *l)
{
    void (*closed)(void *) = l->closed;
    void *arg = l->closed_arg;

    if (l->path)
        close(l->fd);
    buf_deinit(&l->waiting);
    buf_deinit(&l->writing);
    free(l->path);
    free(l);
    closed(arg);
}

static void pump(struct event_log *l);

/* 0 when there is no line. */
static uint64_t seq_of_line(const char *text, size_t n)
{
    static const char head[] = "{\"seq\":";

    return n > sizeof head - 1 && memcmp(text, head, sizeof head - 1) == 0 ? strtoull(text + sizeof head - 1, NULL, 10) : 0;
}

/* What could not be written becomes a gap; a line that was begun is ended when writing works again. */
static void give_up_lines(struct event_log *l)
{
    const char *text = buf_cstr(&l->writing);
    size_t at = l->written, end = at;
    bool torn = at < l->rest || (at && text[at - 1] != '\n');
    uint64_t first;

    while (torn && end < l->writing.len && text[end++] != '\n')
        ;
    first = seq_of_line(text + end, l->writing.len - end);
    if (!first && l->waiting.len)
        first = seq_of_line(buf_cstr(&l->waiting), l->waiting.len);
    if (l->gap_from && (!first || l->gap_from < first))
        first = l->gap_from;
    if (first && (!l->lost_from || first < l->lost_from))
        l->lost_from = first;
    if (first)
        l->lost_to = l->last_seq;
    buf_reset(&l->waiting);
    if (!l->closing)
        buf_add(&l->waiting, text + at, end - at);
    l->rest = l->waiting.len;
}

static void after_write(uv_work_t *work, int status)
{
    struct event_log *l = container_of(work, struct event_log, work);

    (void)status;
    l->busy = false;
    if (l->failed && l->failed != l->complained)   /* once, not for each event */
        log_warn("events", "cannot write events: %s path='%s'", strerror(l->failed), l->path ? l->path : "-");
    if (l->failed || l->written)
        l->complained = l->failed;
    if (l->failed)
        give_up_lines(l);
    else
        l->rest = 0;
    l->gap_from = 0;
    if (!l->failed || l->closing)
        pump(l);   /* else the next event tries again */
}

static void note_lost(struct event_log *l)
{
    char stamp[32];

    if (!l->lost_to || (l->closing && l->complained) || l->waiting.len > EVENT_LOG_QUEUE / 2)
        return;
    clock_iso(clock_wall(&clock_system), stamp);
    buf_addf(&l->waiting, "{\"seq\":%llu,\"time\":\"%s\",\"event\":\"gap\",\"from\":%llu,\"to\":%llu}\n",
             (unsigned long long)l->lost_to, stamp, (unsigned long long)l->lost_from, (unsigned long long)l->lost_to);
    l->gap_from = l->lost_from;
    l->lost_from = l->lost_to = 0;
}

static void pump(struct event_log *l)
{
    struct buf empty;

    if (l->busy)
        return;
    if (l->reopen) {   /* the front of that line stays in the old file */
        buf_drop_front(&l->waiting, l->rest);
        l->rest = 0;
    }
    note_lost(l);
    if (l->waiting.len == 0 && !l->reopen) {
        if (l->closing)
            finish(l);
        return;
    }
    empty = l->writing;
    l->writing = l->waiting;
    l->waiting = empty;
    buf_reset(&l->waiting);
    l->busy = true;
    l->reopening = l->reopen;
    l->reopen = false;
    uv_queue_work(l->loop, &l->work, write_on_pool, after_write);
}

static void on_event(void *arg, enum event_kind k, uint64_t seq, struct slice json)
{
    struct event_log *l = arg;

    if (k == EVENT_HEARTBEAT)
        return;
    l->last_seq = seq;
    if (!l->busy && l->lost_to)
        note_lost(l);
    if (l->lost_to || l->waiting.len + json.n + 1 > EVENT_LOG_QUEUE) {
        l->lost_from = l->lost_from ? l->lost_from : seq;
        l->lost_to = seq;
        return;
    }
    buf_add_slice(&l->waiting, json);
    buf_add_byte(&l->waiting, '\n');
    if (l->listener)
        pump(l);
}

int event_log_new(uv_loop_t *loop, struct events *ev, const char *path, struct event_log **out, struct err *e)
{
    struct event_log *l;
    bool is_stdout = strcmp(path, "-") == 0;
    int fd = is_stdout ? STDOUT_FILENO : open_file(path);

    if (fd < 0)
        return err_set(e, ERR_CONFIG, "cannot open the events file '%s': %s; check the folder and its permissions", path,
                       strerror(errno));
    l = mem_zalloc(sizeof *l);
    l->loop = loop;
    l->ev = ev;
    l->path = is_stdout ? NULL : mem_strdup(path);
    l->fd = fd;
    buf_init(&l->waiting, 0);
    buf_init(&l->writing, 0);
    l->listener = events_listen(ev, 0, on_event, l);
    pump(l);
    *out = l;
    return 0;
}

void event_log_reopen(struct event_log *l)
{
    if (!l || !l->path)
        return;
    l->reopen = true;
    pump(l);
}

void event_log_close(struct event_log *l, void (*closed)(void *arg), void *arg)
{
    events_unlisten(l->listener);
    l->closing = true;
    l->closed = closed;
    l->closed_arg = arg;
    if (!l->reopen && !l->busy && l->waiting.len == 0)
        l->reopen = true;   /* one empty turn through the pool: closed comes later, never from inside */
    pump(l);
}
