/* Walking directories; see walk.h. Pool side: blocks on the disk, no loop, no SQLite.
 *
 * Refuses, with a line in the log: paths of PATH_MAX bytes and more, directories deeper than WALK_DEPTH_MAX. Passes over hidden
 * names, unfinished downloads and lost+found.
 */
#include "work/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define FAILURES_MAX 256               /* remembered one by one; above it nothing is taken for missing */
#define PENDING_MAX 200000             /* directories waiting to be entered */
#define LOOKS 32                       /* files looked at between two looks at the clock */
#define ARENA_MAX (256u * 1024 * 1024) /* names of one directory */

/* A set of 64-bit numbers with linear probing; 0 is stored as 1. */
struct number_set {
    uint64_t *slots;
    size_t n, n_slots;
};

struct pending {
    char *path;
    int depth;
    int root;                          /* folder number when it is one, else -1 */
};
struct pending_list {
    struct pending *at;
    size_t n, cap;
};

enum { NAME_SONG = 1, NAME_LINK = 2 }; /* first byte of a name in the arena, or-ed with NAME_BASE so that it is never 0 */
#define NAME_BASE 64

struct walk {
    struct walk_options o;
    uint64_t seed;
    bool started, only_here, met_links;
    enum folder_state *folders;        /* per folder */
    struct pending_list stack, links, later_links;
    size_t next_link;
    struct number_set visited;         /* hashes of device and inode */
    char **failures;
    size_t n_failures, unwatched;
    /* the directory being read */
    DIR *dir;
    struct pending here;
    bool reading;                      /* else its names are looked at */
    bool ordered;                      /* they stand in the order in which they are looked at */
    size_t entries;
    struct buf names;                  /* kind byte, name, NUL; again and again */
    uint32_t *offsets;
    size_t n_names, cap_names, next_name;
    struct number_set companions;      /* hashes of extension and lower-case stem */
    char path[PATH_MAX];               /* of `here`, with a slash, then the name looked at */
    size_t prefix;
};

/* --- small helpers --------------------------------------------------------------------- */

static bool set_has(const struct number_set *s, uint64_t v)
{
    v = v ? v : 1;
    for (size_t at = v & (s->n_slots - 1); s->n_slots && s->slots[at]; at = (at + 1) & (s->n_slots - 1))
        if (s->slots[at] == v)
            return true;
    return false;
}

static void set_put(struct number_set *s, uint64_t v)
{
    size_t at = v & (s->n_slots - 1);

    while (s->slots[at])
        at = (at + 1) & (s->n_slots - 1);
    s->slots[at] = v;
}

/* False when it was there already. */
static bool set_add(struct number_set *s, uint64_t v)
{
    struct number_set old = *s;

    v = v ? v : 1;
    if (set_has(s, v))
        return false;
    if ((s->n + 1) * 4 > s->n_slots * 3) {
        s->n_slots = s->n_slots ? s->n_slots * 2 : 64;
        s->slots = mem_zalloc(s->n_slots * sizeof *s->slots);
        for (size_t i = 0; i < old.n_slots; i++)
            if (old.slots[i])
                set_put(s, old.slots[i]);
        free(old.slots);
    }
    set_put(s, v);
    s->n++;
    return true;
}

static void set_clear(struct number_set *s)
{
    free(s->slots);
    *s = (struct number_set){0};
}

static bool pending_add(struct pending_list *l, char *path, int depth, int root)
{
    if (l->n >= PENDING_MAX)
        return false;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->at = mem_realloc(l->at, l->cap * sizeof *l->at);
    }
    l->at[l->n++] = (struct pending){path, depth, root};
    return true;
}

static void pending_clear(struct pending_list *l, size_t from)
{
    for (size_t i = from; i < l->n; i++)
        free(l->at[i].path);
    free(l->at);
    *l = (struct pending_list){0};
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct pending *)a)->path, ((const struct pending *)b)->path);
}

static uint64_t place_of(const struct walk *w, const struct stat *st)
{
    uint64_t key[2] = {(uint64_t)st->st_dev, (uint64_t)st->st_ino};

    return hash_bytes((struct slice){(const char *)key, sizeof key}, w->seed);
}

int64_t walk_mtime_ms(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static enum folder_state state_of_errno(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP ? FOLDER_GONE : FOLDER_UNREADABLE;
}

/* Takes the path. */
static void add_failure(struct walk *w, char *path, const char *why)
{
    log_warn("scan", "directory '%s' cannot be read: %s", path, why);
    w->failures = mem_realloc(w->failures, (w->n_failures + 1) * sizeof *w->failures);
    if (w->n_failures >= FAILURES_MAX)
        free(path);
    else
        w->failures[w->n_failures] = path;
    w->n_failures++;
}

/* --- life --------------------------------------------------------------------------------- */

static struct walk *walk_make(const struct walk_options *o)
{
    struct walk *w = mem_zalloc(sizeof *w);

    w->o = *o;
    w->seed = hash_seed();
    w->folders = mem_zalloc(sizeof *w->folders * (size_t)(o->folders->n + 1));
    buf_init(&w->names, ARENA_MAX);
    return w;
}

struct walk *walk_new(const struct walk_options *o)
{
    return walk_make(o);
}

struct walk *walk_new_at(const struct walk_options *o, const char *dir)
{
    struct walk *w = walk_make(o);

    w->started = true;
    w->only_here = true;
    pending_add(&w->stack, mem_strdup(dir), 0, -1);
    return w;
}

static void leave_dir(struct walk *w)
{
    if (w->dir)
        closedir(w->dir);
    w->dir = NULL;
    free(w->here.path);
    w->here.path = NULL;
    set_clear(&w->companions);
    if (w->names.cap > 65536) {        /* one huge directory must not keep its arena */
        buf_deinit(&w->names);
        buf_init(&w->names, ARENA_MAX);
        free(w->offsets);
        w->offsets = NULL;
        w->cap_names = 0;
    }
    buf_reset(&w->names);
    w->n_names = w->next_name = w->entries = 0;
}

void walk_free(struct walk *w)
{
    if (!w)
        return;
    leave_dir(w);
    buf_deinit(&w->names);
    free(w->offsets);
    pending_clear(&w->stack, 0);
    pending_clear(&w->links, w->next_link);
    pending_clear(&w->later_links, 0);
    set_clear(&w->visited);
    for (size_t i = 0; i < w->n_failures && i < FAILURES_MAX; i++)
        free(w->failures[i]);
    free(w->failures);
    free(w->folders);
    free(w);
}

void walk_out_deinit(struct walk_out *out)
{
    for (size_t i = 0; i < out->n_files; i++)
        free(out->files[i].path);
    for (size_t i = 0; i < out->n_dirs; i++)
        free(out->dirs[i].path);
    free(out->files);
    free(out->dirs);
    *out = (struct walk_out){0};
}

/* --- entering directories ---------------------------------------------------------------- */

/* Folders claim their places before anything is entered: a link to one of them must not take its songs. */
static void claim_folders(struct walk *w)
{
    const struct folders *f = w->o.folders;
    struct stat st;

    for (int i = 0; i < f->n; i++) {
        if (folders_is_left_out(f, slice_of(f->path[i])))
            w->folders[i] = FOLDER_OK;           /* whoever it is left to looks for it */
        else if (stat(f->len[i] ? f->path[i] : "/", &st) != 0)
            w->folders[i] = state_of_errno(errno);
        else if (!S_ISDIR(st.st_mode))
            w->folders[i] = FOLDER_GONE;
        else if (!set_add(&w->visited, place_of(w, &st)))
            w->folders[i] = FOLDER_OK;           /* the same place as an earlier one, which lists it */
        else
            pending_add(&w->links, mem_strdup(f->path[i]), 0, i);
    }
    /* the stack gives the last one first */
    while (w->links.n) {
        const struct pending *last = &w->links.at[--w->links.n];
        pending_add(&w->stack, last->path, 0, last->root);
    }
    w->started = true;
}

static bool next_pending(struct walk *w, struct pending *out)
{
    if (w->stack.n) {
        *out = w->stack.at[--w->stack.n];
        return true;
    }
    if (w->next_link == w->links.n) {
        pending_clear(&w->links, w->next_link);
        w->links = w->later_links;
        w->later_links = (struct pending_list){0};
        w->next_link = 0;
        /* the order of names, not of the disk, decides which of two links to one place is followed */
        if (w->links.n)
            qsort(w->links.at, w->links.n, sizeof *w->links.at, by_path);
    }
    if (w->next_link == w->links.n)
        return false;
    *out = w->links.at[w->next_link++];
    return true;
}

/* Takes p->path. */
static void not_entered(struct walk *w, struct pending *p, int error)
{
    if (p->root >= 0)
        w->folders[p->root] = state_of_errno(error);
    if (state_of_errno(error) == FOLDER_UNREADABLE)
        add_failure(w, p->path, strerror(error));
    else
        free(p->path);
}

static void note_dir(struct walk *w, const char *path, struct walk_out *out)
{
    int wd = -1;

    if (w->o.watch_fd < 0)
        return;
    wd = inotify_add_watch(w->o.watch_fd, path[0] ? path : "/", w->o.watch_mask);
    if (wd < 0) {
        w->unwatched++;
        return;
    }
    if (out->n_dirs == out->cap_dirs) {
        out->cap_dirs = out->cap_dirs ? out->cap_dirs * 2 : 16;
        out->dirs = mem_realloc(out->dirs, out->cap_dirs * sizeof *out->dirs);
    }
    out->dirs[out->n_dirs++] = (struct walk_dir){mem_strdup(path), wd};
}

/* Takes p->path. */
static void enter_dir(struct walk *w, struct pending p, struct walk_out *out)
{
    const char *path = p.path[0] ? p.path : "/";
    bool left_out = folders_is_left_out(w->o.folders, slice_of(p.path));
    int fd = left_out ? -1 : file_open_unseen(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, 0);
    struct stat st;

    if (left_out) {
        if (p.root >= 0)
            w->folders[p.root] = FOLDER_OK;
        free(p.path);
        return;
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        not_entered(w, &p, error);
        return;
    }
    if (p.root < 0 && !set_add(&w->visited, place_of(w, &st))) {
        close(fd);
        free(p.path);
        return;
    }
    note_dir(w, p.path, out);            /* before it is read, so that nothing appears unseen in between */
    w->dir = fdopendir(fd);
    if (!w->dir) {
        int error = errno;
        close(fd);
        not_entered(w, &p, error);
        return;
    }
    w->here = p;
    w->reading = true;
    w->ordered = false;
    w->prefix = strlen(p.path);
    memcpy(w->path, p.path, w->prefix);
    w->path[w->prefix++] = '/';
}

/* Puts the name behind the prefix; false when the path gets too long. */
static bool join(struct walk *w, const char *name, size_t n)
{
    if (w->prefix + n >= sizeof w->path) {
        log_warn("scan", "'%s' in '%s' is passed over: its path is longer than %d bytes", name, w->here.path, PATH_MAX - 1);
        return false;
    }
    memcpy(w->path + w->prefix, name, n + 1);
    return true;
}

static void found_dir(struct walk *w, const char *name, bool link)
{
    char *path;

    if (strcmp(name, "lost+found") == 0)
        return;
    if (link && w->only_here) {
        w->met_links = true;
        return;
    }
    if (!join(w, name, strlen(name)) || w->prefix + strlen(name) + 1 >= sizeof w->path)
        return;
    path = mem_strdup(w->path);
    if (w->here.depth + 1 > WALK_DEPTH_MAX)
        add_failure(w, path, "it is nested too deep");
    else if (!pending_add(link ? &w->later_links : &w->stack, path, w->here.depth + 1, -1))
        add_failure(w, path, "too many directories wait");
}

/* --- reading names ---------------------------------------------------------------------- */

static uint64_t companion_key(const struct walk *w, const char *extension, struct slice stem)
{
    char low[NAME_MAX + 1];
    size_t n = stem.n < sizeof low ? stem.n : sizeof low;

    for (size_t i = 0; i < n; i++)
        low[i] = stem.p[i] >= 'A' && stem.p[i] <= 'Z' ? (char)(stem.p[i] + 32) : stem.p[i];
    return hash_bytes((struct slice){low, n}, w->seed ^ (uint64_t)(unsigned char)extension[0]);
}

static void add_name(struct walk *w, int kind, struct slice name)
{
    size_t at = w->names.len;

    buf_add_byte(&w->names, (char)(NAME_BASE | kind));
    buf_add_slice(&w->names, name);
    buf_add_byte(&w->names, '\0');
    if (w->names.overflow)
        return;
    if (w->n_names == w->cap_names) {
        w->cap_names = w->cap_names ? w->cap_names * 2 : 256;
        w->offsets = mem_realloc(w->offsets, w->cap_names * sizeof *w->offsets);
    }
    w->offsets[w->n_names++] = (uint32_t)at;
}

static void take_entry(struct walk *w, const struct dirent *d)
{
    struct slice name = slice_of(d->d_name);
    bool link = d->d_type == DT_LNK, open_question = link || d->d_type == DT_UNKNOWN;
    struct song_file f;
    int kind = link ? NAME_LINK : 0;

    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
        return;
    w->entries++;
    if (d->d_name[0] == '.')
        return;
    if (d->d_type == DT_DIR) {
        found_dir(w, d->d_name, false);
        return;
    }
    if (d->d_type != DT_REG && !open_question)
        return;
    song_file_split(name, &f);
    if (strcmp(f.extension, "cdg") == 0 || strcmp(f.extension, "ass") == 0)
        set_add(&w->companions, companion_key(w, f.extension, f.stem));
    else if (song_extension_ok(f.extension) && !song_name_ignored(name))
        kind |= NAME_SONG;
    if ((kind & NAME_SONG) || open_question)
        add_name(w, kind, name);
}

static int by_name(const void *a, const void *b, void *names)
{
    const char *base = names;

    return strcmp(base + *(const uint32_t *)a + 1, base + *(const uint32_t *)b + 1);
}

static void end_reading(struct walk *w)
{
    w->reading = false;
    if (w->here.root >= 0)
        w->folders[w->here.root] = w->entries ? FOLDER_OK : FOLDER_EMPTY;
}

/* Songs that are all new go in by name: the index of paths is filled in order, and people see ids in order. */
static void order_names(struct walk *w)
{
    if (w->n_names && (!w->o.known || known_count(w->o.known) == 0))
        qsort_r(w->offsets, w->n_names, sizeof *w->offsets, by_name, w->names.data);
    w->ordered = true;
}

static void reading_failed(struct walk *w, const char *why)
{
    if (w->here.root >= 0)
        w->folders[w->here.root] = FOLDER_UNREADABLE;
    add_failure(w, mem_strdup(w->here.path), why);
    leave_dir(w);
}

static void read_names(struct walk *w)
{
    for (int i = 0; i < 256; i++) {
        const struct dirent *d;
        errno = 0;
        d = readdir(w->dir);
        if (d) {
            take_entry(w, d);
            continue;
        }
        if (errno || w->names.overflow)
            reading_failed(w, errno ? strerror(errno) : "it holds too many names");
        else
            end_reading(w);
        return;
    }
}

/* --- looking at files ------------------------------------------------------------------- */

static int format_here(const struct walk *w, const struct song_file *f)
{
    if (strcmp(f->extension, "mp3") == 0 && set_has(&w->companions, companion_key(w, "cdg", f->stem)))
        return format_of("cdg");
    if (strcmp(f->extension, "mp4") == 0 && set_has(&w->companions, companion_key(w, "ass", f->stem)))
        return format_of("ass");
    return format_of(f->extension);
}

static void add_file(struct walk *w, struct slice path, const struct stat *st, int format, const struct known_row *row,
                     int64_t now_ms, struct walk_out *out)
{
    struct walk_file *f;

    if (out->n_files == out->cap_files) {
        out->cap_files = out->cap_files ? out->cap_files * 2 : 32;
        out->files = mem_realloc(out->files, out->cap_files * sizeof *out->files);
    }
    f = &out->files[out->n_files++];
    *f = (struct walk_file){.path = mem_strndup(path.p, path.n), .size = (int64_t)st->st_size, .mtime_ms = walk_mtime_ms(st)};
    f->id = row ? (int64_t)row->id : 0;
    f->present = row && row->present;
    f->format = format;
    f->folder = folders_of(w->o.folders, path);
    f->young = f->mtime_ms > now_ms - FILE_YOUNG_MS;
}

static void look_at_song(struct walk *w, struct slice name, uint64_t hash, const struct stat *st, int64_t now_ms,
                         struct walk_out *out)
{
    struct slice path = {w->path, w->prefix + name.n};
    struct known_row *row = w->o.known ? known_find_hash(w->o.known, hash) : NULL;
    struct song_file f;
    int format;

    song_file_split(name, &f);
    format = format_here(w, &f);
    out->looked++;
    if (row)
        row->seen = 1;
    if (row && row->present && row->size == (int64_t)st->st_size && row->mtime_ms == walk_mtime_ms(st) &&
        row->format == (unsigned)format)
        return;
    add_file(w, path, st, format, row, now_ms, out);
}

static void look_at(struct walk *w, const char *record, uint64_t hash, int64_t now_ms, struct walk_out *out)
{
    struct slice name = slice_of(record + 1);
    struct stat st;

    if (fstatat(dirfd(w->dir), name.p, &st, 0) != 0) {
        /* there, but the disk does not say what it is: not missing */
        if (state_of_errno(errno) == FOLDER_UNREADABLE && w->o.known && join(w, name.p, name.n)) {
            struct known_row *row = known_find_hash(w->o.known, hash);
            if (row)
                row->seen = 1;
        }
        return;
    }
    if (S_ISDIR(st.st_mode))
        found_dir(w, name.p, record[0] & NAME_LINK);
    else if (S_ISREG(st.st_mode) && (record[0] & NAME_SONG) && join(w, name.p, name.n))
        look_at_song(w, name, hash, &st, now_ms, out);
}

/* The next few names, at most as many as may be reported. */
static void look_at_some(struct walk *w, size_t most, int64_t now_ms, struct walk_out *out)
{
    const char *record[LOOKS];
    uint64_t hash[LOOKS] = {0};
    size_t n = 0;

    if (!w->ordered)
        order_names(w);
    for (; n < LOOKS && n < most && w->next_name + n < w->n_names; n++) {
        struct slice name;
        record[n] = w->names.data + w->offsets[w->next_name + n];
        name = slice_of(record[n] + 1);
        if (w->o.known && w->prefix + name.n < sizeof w->path) {
            memcpy(w->path + w->prefix, name.p, name.n);
            hash[n] = known_hash(w->o.known, (struct slice){w->path, w->prefix + name.n});
        }
    }
    for (size_t i = 0; i < n && w->o.known; i++)
        known_fetch(w->o.known, hash[i]);
    for (size_t i = 0; i < n; i++)
        look_at(w, record[i], hash[i], now_ms, out);
    w->next_name += n;
    if (w->next_name == w->n_names)
        leave_dir(w);
}

static uint64_t now_mono(void)
{
    return clock_mono(&clock_system);
}

bool walk_run(struct walk *w, int64_t now_ms, struct walk_out *out)
{
    uint64_t until = now_mono() + WALK_MS;
    size_t full = out->n_files + WALK_FILES;
    struct pending p;

    if (!w->started)
        claim_folders(w);
    while (out->n_files < full && now_mono() < until) {
        if (!w->dir) {
            if (!next_pending(w, &p))
                return false;
            enter_dir(w, p, out);
        } else if (w->reading) {
            read_names(w);
        } else {
            look_at_some(w, full - out->n_files, now_ms, out);
        }
    }
    return true;
}

bool walk_read_ahead(struct walk *w, struct walk_out *out)
{
    uint64_t until = now_mono() + WALK_MS;
    struct pending p;

    if (!w->started)
        claim_folders(w);
    while (!w->dir && w->stack.n && next_pending(w, &p))
        enter_dir(w, p, out);
    while (w->dir && w->reading && now_mono() < until)
        read_names(w);
    return w->dir && w->reading;
}

/* --- what came out -------------------------------------------------------------------- */

enum folder_state walk_folder(const struct walk *w, int folder)
{
    return w->folders[folder];
}

bool walk_met_links(const struct walk *w)
{
    return w->met_links;
}

size_t walk_failures(const struct walk *w, const char **first)
{
    *first = w->n_failures ? w->failures[0] : "";
    return w->n_failures;
}

bool walk_failed_at(const struct walk *w, struct slice path)
{
    if (w->n_failures > FAILURES_MAX)
        return true;
    for (size_t i = 0; i < w->n_failures; i++) {
        size_t n = strlen(w->failures[i]);
        if (path.n > n && path.p[n] == '/' && memcmp(path.p, w->failures[i], n) == 0)
            return true;
    }
    return false;
}

size_t walk_unwatched(const struct walk *w)
{
    return w->unwatched;
}

enum folder_state walk_look_folder(const char *folder)
{
    int fd = file_open_unseen(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, 0);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    enum folder_state state = FOLDER_EMPTY;

    if (!d) {
        state = state_of_errno(errno);
        if (fd >= 0)
            close(fd);
        return state;
    }
    errno = 0;
    while (state == FOLDER_EMPTY && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            state = FOLDER_OK;
    if (state == FOLDER_EMPTY && errno)
        state = FOLDER_UNREADABLE;
    closedir(d);
    return state;
}
