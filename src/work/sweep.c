/* One full scan; see sweep.h.
 *
 * Refuses to call songs missing when the disk did not give a full and believable answer: a folder that is gone, empty or
 * unreadable, a folder that lost more than half of its songs, a directory that could not be read, a store that failed.
 */
#include "work/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

#define STAMPS_SLICE 2000
#define MISSING_SLICE 500

enum phase {
    PHASE_LOAD,        /* the stored stamps are read into the table */
    PHASE_WALK,        /* the disk is compared with it */
    PHASE_DRAIN,       /* what was found is still on its way into the store */
    PHASE_SIFT,        /* stamps are read again: songs in directories that could not be read are not missing */
    PHASE_TALLY,       /* what is missing, and is that believable */
    PHASE_MARK,        /* songs become absent */
    PHASE_DONE,
    PHASE_COUNT
};
static const char *const phase_names[PHASE_COUNT] = {"load", "walk", "drain", "sift", "tally", "mark", "done"};
static const unsigned phase_edges[PHASE_COUNT] = {
    [PHASE_LOAD] = 1u << PHASE_WALK | 1u << PHASE_DONE,
    [PHASE_WALK] = 1u << PHASE_DRAIN,
    [PHASE_DRAIN] = 1u << PHASE_SIFT | 1u << PHASE_TALLY | 1u << PHASE_DONE,
    [PHASE_SIFT] = 1u << PHASE_TALLY | 1u << PHASE_DONE,
    [PHASE_TALLY] = 1u << PHASE_MARK | 1u << PHASE_DONE,
    [PHASE_MARK] = 1u << PHASE_DONE,
};

enum task { TASK_NONE, TASK_AHEAD, TASK_WALK, TASK_TALLY };

struct sweep {
    struct sweep_deps d;
    enum phase phase;
    enum task task;                   /* of the slot: the phase may change while it works */
    bool ahead;                       /* there may be names to read while the stamps load */
    struct known *known;
    struct walk *walk;
    struct walk_out out;
    bool more;                        /* the walk has not ended */
    int64_t now_ms;                   /* for the operation in flight */
    struct dbq_op op;                 /* LOAD, SIFT, MARK */
    bool op_busy;
    int64_t after, last;              /* paging of stamps */
    struct known_tally *tally;        /* per folder */
    bool *take;                       /* per folder: its missing songs become absent */
    int64_t *moved, *missing;
    size_t n_moved, n_missing, marked;
    uint64_t files, missing_total;
    char problem[200];
    bool store_failed;
};

static void phase_move(struct sweep *sw, enum phase to)
{
    if (!(phase_edges[sw->phase] & 1u << to))
        bug("a full scan cannot go from %s to %s", phase_names[sw->phase], phase_names[to]);
    log_debug("scan", "full scan %s -> %s files=%llu", phase_names[sw->phase], phase_names[to], (unsigned long long)sw->files);
    sw->phase = to;
}

/* Keeps the first problem, cut at the border of a character; every one is logged. */
__attribute__((format(printf, 2, 3))) static void add_problem(struct sweep *sw, const char *fmt, ...)
{
    struct buf raw, good;
    size_t next = 0, n = 0;
    va_list ap;

    buf_init(&raw, 0);
    buf_init(&good, 0);
    va_start(ap, fmt);
    buf_vaddf(&raw, fmt, ap);
    va_end(ap);
    log_warn("scan", "%s", buf_cstr(&raw));
    utf8_repair(&good, (struct slice){raw.data, raw.len});
    while (next < good.len && next < sizeof sw->problem) {
        n = next;
        utf8_next((struct slice){good.data, good.len}, &next);
    }
    n = next < sizeof sw->problem ? next : n;
    if (sw->problem[0] == '\0') {
        memcpy(sw->problem, good.data, n);
        sw->problem[n] = '\0';
    }
    buf_deinit(&raw);
    buf_deinit(&good);
}

static void fail(struct sweep *sw, const char *what, int rc)
{
    add_problem(sw, "%s: %s", what, sw->op.err.text[0] ? sw->op.err.text : err_sentence(rc));
    sw->store_failed = true;
    phase_move(sw, PHASE_DONE);
}

struct sweep *sweep_new(const struct sweep_deps *d)
{
    struct sweep *sw = mem_zalloc(sizeof *sw);
    size_t n = (size_t)d->folders->n + 1;
    struct walk_options o = {.folders = d->folders, .watch_fd = -1, .watch_mask = WATCH_MASK};

    sw->d = *d;
    sw->ahead = sw->more = true;
    sw->known = o.known = known_new(d->folders);
    if (d->watch)
        o.watch_fd = watch_fd(d->watch);
    sw->walk = walk_new(&o);
    sw->tally = mem_zalloc(n * sizeof *sw->tally);
    sw->take = mem_zalloc(n * sizeof *sw->take);
    if (d->folders->n == 0)
        phase_move(sw, PHASE_DONE);
    return sw;
}

void sweep_free(struct sweep *sw)
{
    if (!sw)
        return;
    walk_free(sw->walk);
    known_free(sw->known);
    walk_out_deinit(&sw->out);
    free(sw->tally);
    free(sw->take);
    free(sw->moved);
    free(sw->missing);
    free(sw);
}

/* --- operations of the store --------------------------------------------------------------- */

static void load_row(const struct song_stamp *s, void *arg)
{
    known_add(((struct sweep *)arg)->known, s);
}

static void sift_row(const struct song_stamp *s, void *arg)
{
    struct sweep *sw = arg;
    struct known_row *row = known_by_id(sw->known, s->id);

    if (row && !row->seen && walk_failed_at(sw->walk, s->path))
        row->seen = 1;
}

static int run_load(struct db *db, struct dbq_op *op)
{
    struct sweep *sw = container_of(op, struct sweep, op);

    return songs_stamps(db, sw->after, STAMPS_SLICE, load_row, sw, &sw->last, &op->err);
}

static int run_sift(struct db *db, struct dbq_op *op)
{
    struct sweep *sw = container_of(op, struct sweep, op);

    return songs_stamps(db, sw->after, STAMPS_SLICE, sift_row, sw, &sw->last, &op->err);
}

static int run_mark(struct db *db, struct dbq_op *op)
{
    struct sweep *sw = container_of(op, struct sweep, op);
    size_t n = sw->n_missing - sw->marked;

    return songs_set_present(db, sw->missing + sw->marked, n < MISSING_SLICE ? n : MISSING_SLICE, false, sw->now_ms, NULL,
                             &op->err);
}

static void stamps_done(struct dbq_op *op, int rc)
{
    struct sweep *sw = container_of(op, struct sweep, op);

    sw->op_busy = false;
    if (rc)
        fail(sw, "the stored songs cannot be read", rc);
    else if (sw->last == sw->after)
        phase_move(sw, sw->phase == PHASE_LOAD ? PHASE_WALK : PHASE_TALLY);
    sw->after = sw->last;
    sw->d.step(sw->d.arg);
}

static void mark_done(struct dbq_op *op, int rc)
{
    struct sweep *sw = container_of(op, struct sweep, op);

    sw->op_busy = false;
    sw->marked += MISSING_SLICE;
    if (rc)
        fail(sw, "missing songs cannot be marked", rc);
    else if (sw->marked >= sw->n_missing)
        phase_move(sw, PHASE_DONE);
    sw->d.step(sw->d.arg);
}

static void start_op(struct sweep *sw)
{
    sw->op_busy = true;
    sw->now_ms = clock_wall(sw->d.clock);
    sw->op = (struct dbq_op){.done = stamps_done};
    if (sw->phase == PHASE_MARK) {
        sw->op.run = run_mark;
        sw->op.done = mark_done;
        sw->op.flags = DBQ_ALONE;
        dbq_write(sw->d.q, &sw->op);
        return;
    }
    sw->op.run = sw->phase == PHASE_LOAD ? run_load : run_sift;
    dbq_read(sw->d.q, &sw->op);
}

/* --- the slot ---------------------------------------------------------------------------- */

/* Takes for each folder whose answer is full and believable. */
static void decide(struct sweep *sw)
{
    for (int i = 0; i < sw->d.folders->n; i++) {
        enum folder_state state = walk_folder(sw->walk, i);
        if (sw->d.accept)
            sw->take[i] = state != FOLDER_UNREADABLE;
        else
            sw->take[i] = state == FOLDER_OK && sw->tally[i].missing * 2 <= sw->tally[i].present;
    }
}

static void tally(struct sweep *sw)
{
    for (size_t i = 0; i < sw->n_moved; i++) {
        struct known_row *row = known_by_id(sw->known, sw->moved[i]);
        if (row)
            row->seen = 1;
    }
    known_tally(sw->known, sw->tally);
    decide(sw);
    sw->n_missing = known_missing(sw->known, sw->take, &sw->missing);
}

bool sweep_wants_slot(struct sweep *sw)
{
    if (sw->phase == PHASE_LOAD && sw->ahead)
        sw->task = TASK_AHEAD;
    else if (sw->phase == PHASE_WALK && intake_has_room(sw->d.in))
        sw->task = TASK_WALK;
    else if (sw->phase == PHASE_TALLY)
        sw->task = TASK_TALLY;
    return sw->task != TASK_NONE;
}

void sweep_work(struct sweep *sw, int64_t now_ms)
{
    switch (sw->task) {
    case TASK_AHEAD:
        sw->ahead = walk_read_ahead(sw->walk, &sw->out);
        break;
    case TASK_WALK:
        sw->more = walk_run(sw->walk, now_ms, &sw->out);
        break;
    case TASK_TALLY:
        tally(sw);
        break;
    case TASK_NONE:
        break;
    }
}

static void tell_folder(struct sweep *sw, int i)
{
    const char *path = sw->d.folders->len[i] ? sw->d.folders->path[i] : "/";
    const struct known_tally *t = &sw->tally[i];

    switch (walk_folder(sw->walk, i)) {
    case FOLDER_GONE:
        add_problem(sw, "folder '%s' does not exist, it is waited for", path);
        break;
    case FOLDER_UNREADABLE:
        add_problem(sw, "folder '%s' cannot be read, its songs are kept", path);
        break;
    case FOLDER_EMPTY:
        if (t->present && !sw->take[i])
            add_problem(sw, "folder '%s' is empty, its %zu songs are kept: is it mounted?", path, t->present);
        break;
    default:
        if (!sw->take[i] && t->missing)
            add_problem(sw, "%zu of %zu songs are missing in '%s', all are kept until this is accepted", t->missing, t->present,
                        path);
    }
}

static void tallied(struct sweep *sw)
{
    const char *first;
    size_t failures = walk_failures(sw->walk, &first);

    sw->missing_total = sw->n_missing;
    for (int i = 0; i < sw->d.folders->n; i++) {
        tell_folder(sw, i);
        if (!sw->take[i])
            sw->missing_total += sw->tally[i].missing;
    }
    if (failures)
        add_problem(sw, "%zu directories cannot be read, their songs are kept; the first is '%s'", failures, first);
    phase_move(sw, sw->n_missing ? PHASE_MARK : PHASE_DONE);
}

void sweep_worked(struct sweep *sw)
{
    enum task was = sw->task;

    sw->task = TASK_NONE;
    if (was == TASK_TALLY) {
        tallied(sw);
        return;
    }
    sw->files += sw->out.looked;
    sw->out.looked = 0;
    sw->d.found(sw->d.arg, &sw->out);
    if (was == TASK_AHEAD || sw->more)
        return;
    intake_seal(sw->d.in);
    phase_move(sw, PHASE_DRAIN);
}

/* Everything found is stored; with a failure on the way nothing can be said about what is missing. */
static void drained(struct sweep *sw)
{
    const char *first;

    if (intake_problem(sw->d.in)[0]) {
        add_problem(sw, "%s", intake_problem(sw->d.in));
        sw->store_failed = true;
        phase_move(sw, PHASE_DONE);
        return;
    }
    sw->n_moved = intake_take_moved(sw->d.in, &sw->moved);
    sw->after = sw->last = 0;
    phase_move(sw, walk_failures(sw->walk, &first) && known_count(sw->known) ? PHASE_SIFT : PHASE_TALLY);
}

void sweep_step(struct sweep *sw)
{
    if (sw->op_busy)
        return;
    if (sw->phase == PHASE_DRAIN && intake_is_empty(sw->d.in))
        drained(sw);
    if (sw->phase == PHASE_LOAD || sw->phase == PHASE_SIFT || sw->phase == PHASE_MARK)
        start_op(sw);
}

bool sweep_is_done(const struct sweep *sw)
{
    return sw->phase == PHASE_DONE && sw->task == TASK_NONE;
}

bool sweep_is_quiet(const struct sweep *sw)
{
    return !sw->op_busy;
}

bool sweep_knew_nothing(const struct sweep *sw)
{
    return known_count(sw->known) == 0;
}

uint64_t sweep_files(const struct sweep *sw)
{
    return sw->files;
}

uint64_t sweep_missing(const struct sweep *sw)
{
    return sw->missing_total;
}

const char *sweep_problem(const struct sweep *sw)
{
    return sw->problem;
}

bool sweep_store_failed(const struct sweep *sw)
{
    return sw->store_failed;
}

enum folder_state sweep_folder(const struct sweep *sw, int folder)
{
    return walk_folder(sw->walk, folder);
}

size_t sweep_unwatched(const struct sweep *sw)
{
    return walk_unwatched(sw->walk);
}
