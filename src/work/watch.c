/* inotify hints; see watch.h. Loop thread only.
 *
 * Refuses to pass on what no scan would list: hidden names, unfinished downloads, files that are neither song nor companion.
 */
#include "work/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "song/song.h"

#define BUCKETS 1024
#define READ_BYTES 16384     /* one callback handles so much; the rest comes in the next turn */

struct entry {
    struct entry *next;
    int wd;
    uint64_t generation;
    bool parent;
    char *path;
};

struct watch {
    uv_poll_t poll;
    int fd;
    void (*hint)(void *arg, enum watch_hint what, struct slice path);
    void (*closed)(void *arg);
    void *arg, *closed_arg;
    uint64_t generation;
    size_t count;
    struct entry *buckets[BUCKETS];
};

static struct entry **find(struct watch *w, int wd)
{
    struct entry **at = &w->buckets[(unsigned)wd % BUCKETS];

    while (*at && (*at)->wd != wd)
        at = &(*at)->next;
    return at;
}

static void drop(struct watch *w, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    free(e->path);
    free(e);
    w->count--;
}

static bool is_of_interest(struct slice name, bool dir)
{
    struct song_file f;

    if (name.n == 0 || name.p[0] == '.')
        return false;
    if (dir)
        return true;
    song_file_split(name, &f);
    if (strcmp(f.extension, "cdg") == 0 || strcmp(f.extension, "ass") == 0)
        return true;
    /* without a known extension it may be a link to a directory */
    return f.extension[0] == '\0' || (song_extension_ok(f.extension) && !song_name_ignored(name));
}

static void tell_name(struct watch *w, const struct entry *e, const struct inotify_event *ev)
{
    struct slice name = slice_of(ev->name);
    char path[PATH_MAX];
    size_t n = strlen(e->path);

    if (!is_of_interest(name, ev->mask & IN_ISDIR))
        return;
    if (n + 1 + name.n >= sizeof path) {
        w->hint(w->arg, WATCH_LOST, slice_of(""));
        return;
    }
    memcpy(path, e->path, n);
    path[n] = '/';
    memcpy(path + n + 1, name.p, name.n + 1);
    w->hint(w->arg, ev->mask & (IN_MOVED_FROM | IN_DELETE) ? WATCH_GONE : WATCH_APPEARED, (struct slice){path, n + 1 + name.n});
}

static void take_event(struct watch *w, const struct inotify_event *ev)
{
    struct entry **at = find(w, ev->wd), *e = *at;

    if (ev->mask & IN_IGNORED) {
        if (e)
            drop(w, at);
        return;
    }
    if ((ev->mask & (IN_Q_OVERFLOW | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)) || !e) {
        w->hint(w->arg, WATCH_LOST, slice_of(""));
        return;
    }
    if (e->parent && (ev->mask & IN_ISDIR) && (ev->mask & (IN_CREATE | IN_MOVED_TO)))
        w->hint(w->arg, WATCH_PARENT, slice_of(""));
    if (!e->parent && ev->len)
        tell_name(w, e, ev);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    _Alignas(struct inotify_event) char bytes[READ_BYTES];
    ssize_t n = status == 0 ? read(w->fd, bytes, sizeof bytes) : -1;

    if (n < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        log_error("scan", "watching ends: %s", status ? uv_strerror(status) : strerror(errno));
        uv_poll_stop(poll);
        return;
    }
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *ev = (const struct inotify_event *)(const void *)(bytes + at);
        take_event(w, ev);
        at += (ssize_t)(sizeof *ev + ev->len);
    }
}

struct watch *watch_new(uv_loop_t *loop, void (*hint)(void *arg, enum watch_hint what, struct slice path), void *arg)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    struct watch *w;

    if (fd < 0) {
        log_warn("scan", "folders are not watched, new songs are found by rescans only: %s", strerror(errno));
        return NULL;
    }
    w = mem_zalloc(sizeof *w);
    w->fd = fd;
    w->hint = hint;
    w->arg = arg;
    if (uv_poll_init(loop, &w->poll, fd) != 0)
        bug("an inotify descriptor cannot be polled");
    w->poll.data = w;
    uv_poll_start(&w->poll, UV_READABLE, on_readable);
    return w;
}

int watch_fd(const struct watch *w)
{
    return w->fd;
}

void watch_know(struct watch *w, int wd, const char *path, bool parent)
{
    struct entry **at = find(w, wd), *e = *at;

    if (!e) {
        e = *at = mem_zalloc(sizeof *e);
        e->wd = wd;
        e->parent = true;
        w->count++;
    }
    if (parent && !e->parent)
        return;                       /* a directory of the library tells all that a parent tells */
    e->parent = parent;
    e->generation = w->generation;
    free(e->path);
    e->path = mem_strdup(path);
}

void watch_begin(struct watch *w)
{
    w->generation++;
}

void watch_sweep(struct watch *w)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry **at = &w->buckets[i]; *at;) {
            if ((*at)->generation == w->generation) {
                at = &(*at)->next;
                continue;
            }
            inotify_rm_watch(w->fd, (*at)->wd);
            drop(w, at);
        }
}

size_t watch_count(const struct watch *w)
{
    return w->count;
}

static void on_poll_closed(uv_handle_t *h)
{
    struct watch *w = h->data;
    void (*closed)(void *arg) = w->closed;
    void *arg = w->closed_arg;

    for (size_t i = 0; i < BUCKETS; i++)
        while (w->buckets[i])
            drop(w, &w->buckets[i]);
    close(w->fd);
    free(w);
    closed(arg);
}

void watch_close(struct watch *w, void (*closed)(void *arg), void *arg)
{
    w->closed = closed;
    w->closed_arg = arg;
    uv_close((uv_handle_t *)&w->poll, on_poll_closed);
}
