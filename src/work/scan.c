/* The scan: what the disk holds becomes what the library knows; see scan.h. Loop thread, except slot_work and what it calls.
 *
 * A full scan (sweep.c) is the truth. Beside it, at any time, hints are looked at: a path that appeared is probed at once,
 * a path that went only asks for a full scan after two quiet seconds. Files that are not complete yet are looked at
 * again when they should be. All disk work shares one slot on the pool: checks before probes before the full walk,
 * so that a new file is listed in time while a long scan runs.
 */
#include "work/scan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "work/intake.h"
#include "work/probe.h"
#include "work/sweep.h"
#include "work/walk.h"
#include "work/watch.h"

#define PROBES_SLICE 64
#define QUIET_MS 2000                 /* after something went away */
#define QUIET_MAX_MS 10000            /* even when it never gets quiet */
#define RETRY_MS 15000                /* a folder that is not there; mounts send no hints. Or a store that failed */
#define RETRY_MAX_MS 240000
#define PAUSE_MS 50                   /* the store is busy */
#define PROGRESS_MS 1000
#define DIRS_MAX 256                  /* directories waiting for their own walk */
#define YOUNG_SLACK_MS 5
#define PRIORITY_NEW 10               /* a file that appeared while we run */

/* What the slot does. */
enum slot { SLOT_FREE, SLOT_CHECK, SLOT_PROBE, SLOT_DIR, SLOT_SWEEP, SLOT_RETRY };

/* One timer for everything that is due; 0 is not due. */
enum due { DUE_YOUNG, DUE_QUIET, DUE_PERIOD, DUE_RETRY, DUE_STORE, DUE_PAUSE, DUE_PROGRESS, DUE_COUNT };

struct folder_look {                  /* of SLOT_RETRY, per folder */
    enum folder_state state;
    int wd;                           /* of the directory above a missing folder; -1 none */
    char *parent;
};

struct scan {
    uv_loop_t *loop;
    const struct clock *clock;
    struct dbq *q;
    struct events *ev;
    struct scan_options o;
    struct folders folders;
    enum folder_state *state;         /* per folder, as the last full scan found it */
    bool *walked;                     /* per folder: read by a full scan in this process */

    struct sweep *sweep;              /* the running full scan */
    char *leave_out[FOLDERS_LEFT_OUT];   /* taken over when nothing reads the folders */
    bool leave_changed;
    bool again, accept;               /* another one is wanted, and may call anything missing */
    bool unsettled;                   /* a full scan ended and settled was not told */
    bool young_lost;                  /* more young files than the list holds: the next full scan sees them again */
    uint64_t retry_ms;                /* the next wait after the store failed */
    struct scan_status status;
    uint64_t begun_ms;                /* of the running or last full scan, monotonic */

    struct intake *in;
    struct probes probes;
    char *dirs[DIRS_MAX];             /* directories named by hints */
    size_t n_dirs;
    struct walk *dir_walk;
    uint64_t quiet_since;             /* first reason of the waiting rescan, loop time */
    bool retry_now, first_look;       /* look at missing folders; for the first time after a full scan */

    uv_work_t work;
    enum slot slot;
    int64_t now_ms;                   /* wall time of the work item */
    struct lot *lot;
    struct probe probing[PROBES_SLICE];
    size_t n_probing;
    struct walk_out out;              /* of dir_walk */
    bool dir_more;
    struct folder_look *looks;

    struct watch *watch;
    uv_timer_t timer;
    uint64_t due[DUE_COUNT];          /* loop time */
    int open_handles;
    bool closing, told_unwatched;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void scan_step(struct scan *s);

/* --- what is due -------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t)
{
    struct scan *s = t->data;
    uint64_t now = uv_now(s->loop);

    for (int i = 0; i < DUE_COUNT; i++) {
        if (s->due[i] == 0 || s->due[i] > now)
            continue;
        s->due[i] = 0;
        if (i == DUE_QUIET || i == DUE_PERIOD || i == DUE_STORE)
            s->again = true;
        if (i == DUE_RETRY)
            s->retry_now = true;
    }
    scan_step(s);
}

static void due_in(struct scan *s, enum due what, uint64_t ms)
{
    s->due[what] = uv_now(s->loop) + ms;
}

/* The timer runs only while something is due. */
static void arm(struct scan *s)
{
    uint64_t now = uv_now(s->loop), first = UINT64_MAX;
    int64_t young = probes_due_ms(&s->probes), wall = clock_wall(s->clock);

    s->due[DUE_YOUNG] = 0;
    if (young >= 0) {
        /* bounded, because wall time may jump; at least a little, because a hand-turned clock may stand */
        int64_t ms = young - wall + YOUNG_SLACK_MS;
        due_in(s, DUE_YOUNG, ms < YOUNG_SLACK_MS ? YOUNG_SLACK_MS : ms > FILE_YOUNG_MS * 2 ? FILE_YOUNG_MS : (uint64_t)ms);
    }
    for (int i = 0; i < DUE_COUNT; i++)
        if (s->due[i] && s->due[i] < first)
            first = s->due[i];
    if (first == UINT64_MAX)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, first > now ? first - now : 0, 0);
}

static void rescan_when_quiet(struct scan *s)
{
    uint64_t now = uv_now(s->loop);

    if (s->due[DUE_QUIET] == 0)
        s->quiet_since = now;
    s->due[DUE_QUIET] = now + QUIET_MS;
    if (s->due[DUE_QUIET] > s->quiet_since + QUIET_MAX_MS)
        s->due[DUE_QUIET] = s->quiet_since + QUIET_MAX_MS;
}

/* What could not be stored (a full disk) is found again by another full scan; files that came one by one, too. */
static void retry_store(struct scan *s)
{
    s->status.failing = true;
    if (s->due[DUE_STORE])
        return;
    due_in(s, DUE_STORE, s->retry_ms);
    s->retry_ms = s->retry_ms * 2 < RETRY_MAX_MS ? s->retry_ms * 2 : RETRY_MAX_MS;
}

static void store_works(struct scan *s)
{
    s->status.failing = false;
    s->retry_ms = s->o.retry_ms ? s->o.retry_ms : RETRY_MS;
}

/* --- telling ---------------------------------------------------------------------------- */

static void take_counts(struct scan *s)
{
    struct intake_counts c = intake_counts(s->in);

    s->status.listed = c.listed;
    s->status.changed = c.changed;
    s->status.moved = c.moved;
    s->status.returned = c.returned;
    if (s->sweep) {
        s->status.files = sweep_files(s->sweep);
        s->status.missing = sweep_missing(s->sweep);
    }
}

static void publish(struct scan *s, const char *state)
{
    struct buf b;
    struct json_out o;

    take_counts(s);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_put_str(&o, "state", state);
    json_put_int(&o, "files", (int64_t)s->status.files);
    json_put_int(&o, "listed", (int64_t)s->status.listed);
    json_put_int(&o, "changed", (int64_t)s->status.changed);
    json_put_int(&o, "moved", (int64_t)s->status.moved);
    json_put_int(&o, "returned", (int64_t)s->status.returned);
    json_put_int(&o, "missing", (int64_t)s->status.missing);
    json_put_str(&o, "problem", s->status.problem[0] ? s->status.problem : NULL);
    events_publish(s->ev, EVENT_SCAN, buf_cstr(&b));
    buf_deinit(&b);
}

/* --- found files ------------------------------------------------------------------------ */

static void add_young(struct scan *s, char *path, int64_t size, int64_t mtime_ms)
{
    struct probe p = {.path = path, .size = size, .mtime_ms = mtime_ms, .seen_ms = clock_wall(s->clock)};

    if (!probes_add_young(&s->probes, p)) {
        s->young_lost = true;
        rescan_when_quiet(s);
    }
}

/* Takes the path of f. */
static void take_file(struct scan *s, struct walk_file *f, bool hinted)
{
    bool first = f->folder >= 0 && !s->walked[f->folder];
    struct intake_file file = {
        .path = f->path, .size = f->size, .mtime_ms = f->mtime_ms, .format = f->format,
        .priority = first && !hinted ? 0 : PRIORITY_NEW,
        .id = f->id, .present = f->present,
        .lookup = f->id == 0 && (hinted || !sweep_knew_nothing(s->sweep)),
        .tell = hinted,
    };

    if (f->young)
        add_young(s, f->path, f->size, f->mtime_ms);
    else
        intake_add(s->in, &file);
}

static void take_out(struct scan *s, struct walk_out *out, bool hinted)
{
    for (size_t i = 0; i < out->n_files; i++)
        take_file(s, &out->files[i], hinted);
    for (size_t i = 0; i < out->n_dirs; i++) {
        watch_know(s->watch, out->dirs[i].wd, out->dirs[i].path, false);
        free(out->dirs[i].path);
    }
    out->n_files = out->n_dirs = 0;
}

static void on_sweep_found(void *arg, struct walk_out *out)
{
    take_out(arg, out, false);
}

static void on_step(void *arg)
{
    scan_step(arg);
}

static void on_stored(void *arg)
{
    struct scan *s = arg;

    take_counts(s);
    s->o.changed(s->o.arg);
}

/* --- full scans --------------------------------------------------------------------------- */

static void begin_sweep(struct scan *s)
{
    struct sweep_deps d = {s->clock, s->q, s->in, &s->folders, s->watch, s->accept, on_sweep_found, on_step, s};
    int64_t *moved;

    s->again = s->accept = s->young_lost = false;
    s->due[DUE_QUIET] = s->due[DUE_PERIOD] = s->due[DUE_RETRY] = s->due[DUE_STORE] = 0;
    intake_take_moved(s->in, &moved);
    free(moved);
    intake_reset_counts(s->in);
    if (s->watch)
        watch_begin(s->watch);
    s->status = (struct scan_status){.running = true, .failing = s->status.failing, .finished_ms = s->status.finished_ms};
    s->begun_ms = clock_mono(s->clock);
    s->sweep = sweep_new(&d);
    log_debug("scan", "full scan started folders=%d", s->folders.n);
    publish(s, "started");
    due_in(s, DUE_PROGRESS, PROGRESS_MS);
}

/* A folder that is not there, or empty, may be mounted later. */
static bool is_waited_for(enum folder_state state)
{
    return state == FOLDER_GONE || state == FOLDER_EMPTY || state == FOLDER_UNREADABLE;
}

static bool waits_for_folder(const struct scan *s)
{
    for (int i = 0; i < s->folders.n; i++)
        if (is_waited_for(s->state[i]))
            return true;
    return false;
}

static void take_folder_states(struct scan *s)
{
    for (int i = 0; i < s->folders.n; i++) {
        enum folder_state state = sweep_folder(s->sweep, i);
        if (state == FOLDER_UNKNOWN)
            continue;                 /* the scan did not get there */
        s->state[i] = state;
        s->walked[i] = s->walked[i] || state == FOLDER_OK || state == FOLDER_EMPTY;
    }
    s->first_look = true;
}

static void tell_unwatched(struct scan *s)
{
    size_t n = sweep_unwatched(s->sweep);

    if (n && !s->told_unwatched)
        log_warn("scan", "%zu directories cannot be watched, new songs there wait for the next full scan;"
                         " raise fs.inotify.max_user_watches to watch them", n);
    s->told_unwatched = n > 0;
}

static void end_sweep(struct scan *s)
{
    take_counts(s);
    take_folder_states(s);
    tell_unwatched(s);
    s->status.running = false;
    s->status.finished_ms = clock_wall(s->clock);
    s->status.duration_ms = clock_mono(s->clock) - s->begun_ms;
    memcpy(s->status.problem, sweep_problem(s->sweep), sizeof s->status.problem);
    if (sweep_store_failed(s->sweep))
        retry_store(s);
    else
        store_works(s);
    sweep_free(s->sweep);
    s->sweep = NULL;
    if (s->watch)
        watch_sweep(s->watch);
    s->unsettled = true;
    s->due[DUE_PROGRESS] = 0;
    if (s->o.rescan_ms)
        due_in(s, DUE_PERIOD, s->o.rescan_ms);
    s->retry_now = waits_for_folder(s);
    log_info("scan", "full scan finished ms=%llu files=%llu listed=%llu changed=%llu moved=%llu returned=%llu missing=%llu",
             (unsigned long long)s->status.duration_ms, (unsigned long long)s->status.files,
             (unsigned long long)s->status.listed, (unsigned long long)s->status.changed, (unsigned long long)s->status.moved,
             (unsigned long long)s->status.returned, (unsigned long long)s->status.missing);
    if (s->status.problem[0])
        publish(s, "problem");
    publish(s, "finished");
    events_progress_changed(s->ev);
    s->o.changed(s->o.arg);
}

/* --- hints -------------------------------------------------------------------------------- */

/* A full scan would come there: below a folder, not below a hidden directory, spelled as it spells paths. */
static bool is_scannable(const struct scan *s, struct slice path)
{
    int folder = folders_of(&s->folders, path);
    size_t from = folder < 0 ? 0 : s->folders.len[folder];

    if (folder < 0 || folders_is_left_out(&s->folders, path))
        return false;
    if (path.n >= PATH_MAX || path.p[path.n - 1] == '/' || memchr(path.p, '\0', path.n))
        return false;
    for (size_t i = from; i + 1 < path.n; i++)
        if (path.p[i] == '/' && (path.p[i + 1] == '.' || path.p[i + 1] == '/'))
            return false;
    return true;
}

static void add_hint(struct scan *s, struct slice path)
{
    if (probes_hint(&s->probes, path))
        return;
    log_info("scan", "more than %d paths changed at once: a full scan looks at them", HINTS_MAX);
    probes_drop_hints(&s->probes);
    rescan_when_quiet(s);
}

void scan_hint(struct scan *s, struct slice path)
{
    if (s->closing || !is_scannable(s, path))
        return;
    add_hint(s, path);
    scan_step(s);
}

static void on_watch_hint(void *arg, enum watch_hint what, struct slice path)
{
    struct scan *s = arg;

    if (s->closing)
        return;
    if (what == WATCH_APPEARED && is_scannable(s, path))
        add_hint(s, path);
    else if (what == WATCH_PARENT)
        s->retry_now = true;
    else if (what != WATCH_APPEARED)
        rescan_when_quiet(s);
    scan_step(s);
}

static void add_dir(struct scan *s, char *path)
{
    if (s->n_dirs < DIRS_MAX) {
        s->dirs[s->n_dirs++] = path;
        return;
    }
    free(path);
    rescan_when_quiet(s);
}

static void take_probe(struct scan *s, struct probe *p)
{
    struct intake_file file = {.path = p->path, .size = p->size, .mtime_ms = p->mtime_ms, .format = p->format,
                               .priority = PRIORITY_NEW, .lookup = true, .tell = true, .by_probe = true};

    switch (p->result) {
    case PROBE_FILE:
        intake_add(s->in, &file);
        return;
    case PROBE_YOUNG:
        if (!probes_add_young(&s->probes, *p)) {
            s->young_lost = true;
            rescan_when_quiet(s);
        }
        return;
    case PROBE_DIR:
        add_dir(s, p->path);
        return;
    case PROBE_LINK:
        rescan_when_quiet(s);
        break;
    case PROBE_NOTHING:
        break;
    }
    probe_deinit(p);
}

static void begin_dir_walk(struct scan *s)
{
    struct walk_options o = {.folders = &s->folders, .watch_fd = -1, .watch_mask = WATCH_MASK};
    char *dir = s->dirs[--s->n_dirs];

    if (s->watch)
        o.watch_fd = watch_fd(s->watch);
    s->dir_walk = walk_new_at(&o, dir);
    free(dir);
}

static void take_dir_walk(struct scan *s)
{
    take_out(s, &s->out, true);
    s->out.looked = 0;
    intake_seal(s->in);
    if (s->dir_more)
        return;
    if (walk_met_links(s->dir_walk))
        rescan_when_quiet(s);
    walk_free(s->dir_walk);
    s->dir_walk = NULL;
    walk_out_deinit(&s->out);
}

/* --- folders that are waited for ---------------------------------------------------------- */

/* The nearest directory above a missing folder tells when something is made in it. Pool. */
static void look_above(struct scan *s, struct folder_look *l, const char *folder)
{
    char *slash;

    l->parent = mem_strdup(folder);
    while (l->wd < 0 && (slash = strrchr(l->parent, '/'))) {
        *slash = '\0';
        l->wd = inotify_add_watch(watch_fd(s->watch), l->parent[0] ? l->parent : "/", WATCH_PARENT_MASK);
    }
}

static void look_at_folders(struct scan *s)
{
    for (int i = 0; i < s->folders.n; i++) {
        struct folder_look *l = &s->looks[i];
        *l = (struct folder_look){.state = s->state[i], .wd = -1};
        if (!is_waited_for(s->state[i]))
            continue;
        l->state = walk_look_folder(s->folders.path[i]);
        if (l->state == FOLDER_GONE && s->watch)
            look_above(s, l, s->folders.path[i]);
    }
}

static void take_looks(struct scan *s)
{
    for (int i = 0; i < s->folders.n; i++) {
        struct folder_look *l = &s->looks[i];
        /* a disk that fails in the middle but opens well must not be scanned round and round */
        if (l->state != s->state[i] && !(s->first_look && s->state[i] == FOLDER_UNREADABLE))
            s->again = true;
        s->state[i] = l->state;
        if (l->wd >= 0)
            watch_know(s->watch, l->wd, l->parent, true);
        free(l->parent);
        l->parent = NULL;
    }
    s->first_look = false;
    if (waits_for_folder(s))
        due_in(s, DUE_RETRY, RETRY_MS);
}

/* --- the slot ------------------------------------------------------------------------------ */

static void slot_work(uv_work_t *req)
{
    struct scan *s = req->data;

    switch (s->slot) {
    case SLOT_CHECK:
        lot_check(s->lot);
        break;
    case SLOT_PROBE:
        for (size_t i = 0; i < s->n_probing; i++)
            probe_look(&s->probing[i], s->now_ms);
        break;
    case SLOT_DIR:
        s->dir_more = walk_run(s->dir_walk, s->now_ms, &s->out);
        break;
    case SLOT_SWEEP:
        sweep_work(s->sweep, s->now_ms);
        break;
    case SLOT_RETRY:
        look_at_folders(s);
        break;
    case SLOT_FREE:
        break;
    }
}

static void drop_slot(struct scan *s, enum slot was)
{
    if (was == SLOT_CHECK)
        intake_checked(s->in, s->lot);
    for (size_t i = 0; was == SLOT_PROBE && i < s->n_probing; i++)
        probe_deinit(&s->probing[i]);
    for (int i = 0; was == SLOT_RETRY && i < s->folders.n; i++)
        free(s->looks[i].parent);
}

static void on_slot_done(uv_work_t *req, int status)
{
    struct scan *s = req->data;
    enum slot was = s->slot;

    (void)status;
    s->slot = SLOT_FREE;
    if (s->closing) {
        drop_slot(s, was);
    } else if (was == SLOT_CHECK) {
        intake_checked(s->in, s->lot);
    } else if (was == SLOT_PROBE) {
        for (size_t i = 0; i < s->n_probing; i++)
            take_probe(s, &s->probing[i]);
        intake_seal(s->in);
    } else if (was == SLOT_DIR) {
        take_dir_walk(s);
    } else if (was == SLOT_SWEEP) {
        sweep_worked(s->sweep);
    } else if (was == SLOT_RETRY) {
        take_looks(s);
    }
    scan_step(s);
}

/* What the slot does next; the order is the order of urgency. */
static enum slot choose_slot(struct scan *s)
{
    s->lot = intake_to_check(s->in);
    if (s->lot)
        return SLOT_CHECK;
    if (intake_has_room(s->in)) {
        s->n_probing = probes_take(&s->probes, s->now_ms, s->probing, PROBES_SLICE);
        if (s->n_probing)
            return SLOT_PROBE;
        if (!s->dir_walk && s->n_dirs)
            begin_dir_walk(s);
        if (s->dir_walk)
            return SLOT_DIR;
    }
    if (s->sweep && sweep_wants_slot(s->sweep))
        return SLOT_SWEEP;
    if (s->retry_now && !s->sweep) {
        s->retry_now = false;
        return SLOT_RETRY;
    }
    return SLOT_FREE;
}

static void start_slot(struct scan *s)
{
    if (s->slot != SLOT_FREE)
        return;
    s->now_ms = clock_wall(s->clock);
    s->slot = choose_slot(s);
    if (s->slot != SLOT_FREE && uv_queue_work(s->loop, &s->work, slot_work, on_slot_done) != 0)
        bug("the pool takes no work");
}

/* --- the step ------------------------------------------------------------------------------ */

static bool is_settled(const struct scan *s)
{
    return !s->sweep && !s->again && !s->status.failing && !s->young_lost && s->slot == SLOT_FREE &&
           intake_is_empty(s->in) && s->probes.n_hints == 0 && s->probes.n_young == 0 && s->n_dirs == 0 && !s->dir_walk;
}

static void finish_close(struct scan *s);

static void step_sweep(struct scan *s)
{
    if (s->sweep)
        sweep_step(s->sweep);
    if (s->sweep && sweep_is_done(s->sweep))
        end_sweep(s);
}

/* Everything that may go on goes on. May be called from anywhere on the loop; `s` may be gone afterwards when closing. */
static void scan_step(struct scan *s)
{
    if (s->closing) {
        finish_close(s);
        return;
    }
    step_sweep(s);
    if (s->leave_changed && !s->sweep && s->slot == SLOT_FREE && !s->dir_walk) {
        s->leave_changed = false;
        folders_leave_out(&s->folders, (const char *const *)s->leave_out);
    }
    if (!s->sweep && s->again && !s->leave_changed && !s->closing) {
        begin_sweep(s);   /* after the end of the last one: nothing else would wake us for it */
        step_sweep(s);
    }
    if (s->closing)
        return;
    if (!intake_step(s->in))
        due_in(s, DUE_PAUSE, PAUSE_MS);
    if (!s->sweep && intake_problem(s->in)[0])
        retry_store(s);
    start_slot(s);
    if (s->sweep && s->due[DUE_PROGRESS] == 0) {
        publish(s, "progress");
        due_in(s, DUE_PROGRESS, PROGRESS_MS);
    }
    arm(s);
    if (s->unsettled && is_settled(s)) {
        s->unsettled = false;
        s->o.settled(s->o.arg);
    }
}

/* --- life ----------------------------------------------------------------------------------- */

struct scan *scan_new(uv_loop_t *loop, const struct clock *clock, struct dbq *q, struct events *ev, const struct scan_options *o)
{
    struct scan *s = mem_zalloc(sizeof *s);
    struct intake_hooks hooks = {on_stored, on_step, s};
    size_t n;

    s->loop = loop;
    s->clock = clock;
    s->q = q;
    s->ev = ev;
    s->o = *o;
    store_works(s);
    folders_init(&s->folders, o->folders);
    n = (size_t)s->folders.n + 1;
    s->state = mem_zalloc(n * sizeof *s->state);
    s->walked = mem_zalloc(n * sizeof *s->walked);
    s->looks = mem_zalloc(n * sizeof *s->looks);
    s->in = intake_new(clock, q, ev, &s->folders, &hooks);
    s->work.data = s;
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    s->open_handles = 1;
    if (o->watch)
        s->watch = watch_new(loop, on_watch_hint, s);
    s->open_handles += s->watch != NULL;
    return s;
}

void scan_start(struct scan *s, bool accept_missing)
{
    if (s->closing)
        return;
    s->again = true;
    s->accept = s->accept || accept_missing;
    scan_step(s);
}

void scan_leave_out(struct scan *s, const char *const paths[FOLDERS_LEFT_OUT])
{
    bool changed = false;

    for (int i = 0; i < FOLDERS_LEFT_OUT; i++) {
        changed = changed || !text_same(s->leave_out[i], paths[i]);
        mem_set_text(&s->leave_out[i], paths[i]);
    }
    if (!changed || s->closing)
        return;
    s->leave_changed = true;
    s->again = s->again || s->begun_ms != 0;      /* not before the first one was asked for */
    scan_step(s);
}

void scan_status(const struct scan *s, struct scan_status *out)
{
    *out = s->status;
    if (s->sweep) {
        out->files = sweep_files(s->sweep);
        out->duration_ms = clock_mono(s->clock) - s->begun_ms;
    }
    out->young = s->probes.n_young + s->young_lost;
    out->watched = s->watch ? watch_count(s->watch) : 0;
}

/* Frees when nothing of the scan is in flight any more. */
static void finish_close(struct scan *s)
{
    void (*closed)(void *arg) = s->closed;
    void *arg = s->closed_arg;

    if (s->open_handles || s->slot != SLOT_FREE || !intake_is_quiet(s->in) || (s->sweep && !sweep_is_quiet(s->sweep)))
        return;
    sweep_free(s->sweep);
    intake_free(s->in);
    probes_deinit(&s->probes);
    while (s->n_dirs)
        free(s->dirs[--s->n_dirs]);
    walk_free(s->dir_walk);
    walk_out_deinit(&s->out);
    folders_deinit(&s->folders);
    for (int i = 0; i < FOLDERS_LEFT_OUT; i++)
        free(s->leave_out[i]);
    free(s->state);
    free(s->walked);
    free(s->looks);
    free(s);
    closed(arg);
}

static void on_watch_closed(void *arg)
{
    struct scan *s = arg;

    s->open_handles--;
    finish_close(s);
}

static void on_timer_closed(uv_handle_t *h)
{
    on_watch_closed(h->data);
}

void scan_close(struct scan *s, void (*closed)(void *arg), void *arg)
{
    s->closing = true;
    s->closed = closed;
    s->closed_arg = arg;
    intake_stop(s->in);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    if (s->watch)
        watch_close(s->watch, on_watch_closed, s);
}
