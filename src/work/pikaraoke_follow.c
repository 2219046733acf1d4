/* Following PiKaraoke's song list: rows that came, moved or went become songs; see pikaraoke.h.
 *
 * A pass reads the list in slices, each one short read, and compares it with the picture of the last pass. Only what differs is
 * looked at: its file on the pool, its song in the intake, which knows moved songs again. At the end rows that are gone
 * take their songs out of the library, which keeps everything else about them. An empty list is no answer, and when
 * most of a list is gone that is believed only a while later; when the list changes meanwhile, it is read again. Then the plays
 * since the last pass are counted; where rows came or changed, and after a start, all of them: a song may have joined that was
 * sung before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "work/pikaraoke_internal.h"
#include "work/walk.h"

#define LOAD_PAGE 2000
#define GONE_SLICE 500
#define GONE_GRACE_MS 10000           /* for more than half of the list */
#define GONE_FEW 10                   /* that few need none */
#define PRIORITY_NEW 10               /* a row that came while we run: a fresh download */

static const char *const phase_names[FOLLOW_PHASES] = {"idle", "load", "read", "stat", "feed", "drain", "gone", "lost",
                                                       "plays", "sung"};
static const unsigned phase_edges[FOLLOW_PHASES] = {
    [FOLLOW_IDLE] = 1u << FOLLOW_LOAD | 1u << FOLLOW_READ,
    [FOLLOW_LOAD] = 1u << FOLLOW_READ | 1u << FOLLOW_IDLE,
    [FOLLOW_READ] = 1u << FOLLOW_STAT | 1u << FOLLOW_FEED | 1u << FOLLOW_IDLE,
    [FOLLOW_STAT] = 1u << FOLLOW_FEED,
    [FOLLOW_FEED] = 1u << FOLLOW_READ | 1u << FOLLOW_DRAIN,
    [FOLLOW_DRAIN] = 1u << FOLLOW_GONE | 1u << FOLLOW_IDLE,
    [FOLLOW_GONE] = 1u << FOLLOW_LOST | 1u << FOLLOW_IDLE,
    [FOLLOW_LOST] = 1u << FOLLOW_PLAYS | 1u << FOLLOW_IDLE,
    [FOLLOW_PLAYS] = 1u << FOLLOW_SUNG | 1u << FOLLOW_IDLE,
    [FOLLOW_SUNG] = 1u << FOLLOW_PLAYS | 1u << FOLLOW_IDLE,
};

static void phase_move(struct follow *f, enum follow_phase to)
{
    if (!(phase_edges[f->phase] & 1u << to))
        bug("following PiKaraoke cannot go from %s to %s", phase_names[f->phase], phase_names[to]);
    log_debug("pikaraoke", "follow %s -> %s rows=%zu gone=%zu", phase_names[f->phase], phase_names[to], f->n_rows, f->n_gone);
    f->phase = to;
}

static uint64_t now_ms(const struct follow *f)
{
    return clock_mono(f->p->d.clock);
}

/* --- a pass and its end --------------------------------------------------------------------------- */

static void drop_rows(struct follow *f)
{
    for (size_t i = 0; i < f->n_rows; i++)
        free(f->rows[i].path);
    f->n_rows = 0;
}

/* What was handed to the intake stays; the picture stays the old one, so that the next pass sees the rest. */
static void abandon(struct follow *f, bool again)
{
    drop_rows(f);
    mirror_free(f->pass.next);
    f->pass.next = NULL;
    f->n_gone = 0;
    f->wanted = f->wanted || again;
    phase_move(f, FOLLOW_IDLE);
}

static void finish(struct follow *f)
{
    bool first = !f->complete;

    mirror_free(f->mirror);
    f->mirror = f->pass.next;
    f->pass.next = NULL;
    f->gone_total += f->n_gone;
    f->complete = true;
    f->passes++;
    f->pass_ms = now_ms(f) - f->begun_ms;
    log_info("pikaraoke", "PiKaraoke's song list %s ms=%llu rows=%zu gone=%zu", first ? "is read" : "changed",
             (unsigned long long)f->pass_ms, mirror_count(f->mirror), f->n_gone);
    f->n_gone = 0;
    phase_move(f, FOLLOW_IDLE);
    events_progress_changed(f->p->d.events);
    pikaraoke_leave_folder(f->p);
    f->p->d.changed(f->p->d.arg);
    publish_unstick(&f->p->publish);
}

/* --- LOAD (reader) ------------------------------------------------------------------------------- */

static void load_row(const struct pk_row *r, void *arg)
{
    struct follow *f = arg;

    mirror_add(f->mirror, r->id, r->path, r->made);
    f->after = r->id;
}

static int run_load(struct db *db, struct dbq_op *op)
{
    struct follow *f = container_of(op, struct follow, op);

    f->read = pk_songs_rows(db, f->after, LOAD_PAGE, load_row, f, &op->err);
    return f->read < 0 ? f->read : 0;
}

static void begin_pass(struct follow *f)
{
    phase_move(f, FOLLOW_READ);
    f->begun_ms = now_ms(f);
    f->after = 0;
    f->n_gone = f->gone_done = 0;
    mirror_begin(&f->pass, f->mirror);
}

static void load_done(struct dbq_op *op, int rc)
{
    struct follow *f = container_of(op, struct follow, op);

    f->op_busy = false;
    if (rc) {
        log_warn("pikaraoke", "the songs that PiKaraoke lists cannot be read: %s", err_text(&op->err));
        mirror_free(f->mirror);
        f->mirror = NULL;
        f->wanted = true;             /* the next look tries again */
        phase_move(f, FOLLOW_IDLE);
    } else if (f->read < LOAD_PAGE) {
        begin_pass(f);
    }
    pikaraoke_ended(f->p);
    if (rc == 0)
        follow_step(f);
}

/* --- READ (beside) ----------------------------------------------------------------------------------- */

static void add_gone(void *arg, int64_t id)
{
    struct follow *f = arg;

    if (f->n_gone == f->cap_gone) {
        f->cap_gone = f->cap_gone ? f->cap_gone * 2 : 64;
        f->gone = mem_realloc(f->gone, f->cap_gone * sizeof *f->gone);
    }
    f->gone[f->n_gone++] = id;
}

static int format_for(const char *format, const char *extension)
{
    char low[8] = "";

    for (size_t i = 0; format && format[i] && i + 1 < sizeof low; i++)
        low[i] = format[i] >= 'A' && format[i] <= 'Z' ? (char)(format[i] + 32) : format[i];
    return format_of(low) ? format_of(low) : format_of(extension);
}

/* Fragments of a download that a scan of PiKaraoke's met are no songs; its next scan deletes them. */
static void read_row(const struct pk_row *r, void *arg)
{
    struct follow *f = arg;
    const char *made = r->made ? r->made : "", *path = r->path ? r->path : "";
    struct follow_row *row;
    struct song_file file;

    f->after = r->id;
    if (!mirror_compare(&f->pass, r->id, path, made, add_gone, f))
        return;
    song_file_split(slice_of(path), &file);
    if (path[0] != '/' || (file.base.n && file.base.p[0] != '.' && song_name_ignored(file.base)))
        return;
    row = &f->rows[f->n_rows++];
    *row = (struct follow_row){.id = r->id, .path = mem_strdup(path), .format = format_for(r->format, file.extension)};
    snprintf(row->made, sizeof row->made, "%s", made);
}

static int run_read(struct db *db, struct dbq_op *op)
{
    struct follow *f = container_of(op, struct follow, op);

    (void)db;
    f->read = pk_rows(f->p->pk, f->after, read_row, f, &op->err);
    if (f->read >= 0 && f->read < PK_ROWS_MAX)
        mirror_end(&f->pass, add_gone, f);
    return f->read < 0 ? f->read : 0;
}

static bool is_last_slice(const struct follow *f)
{
    return f->read < PK_ROWS_MAX;
}

static void read_done(struct dbq_op *op, int rc)
{
    struct follow *f = container_of(op, struct follow, op);

    f->op_busy = false;
    f->empty = rc == 0 && is_last_slice(f) && mirror_count(f->pass.next) == 0;
    if (rc) {
        log_debug("pikaraoke", "the song list is read again: %s", err_text(&op->err));
        abandon(f, true);
    } else if (f->empty) {
        abandon(f, false);            /* PiKaraoke's own scan comes first */
    } else {
        f->recount = f->recount || f->n_rows > 0;
        phase_move(f, f->n_rows ? FOLLOW_STAT : FOLLOW_FEED);
    }
    pikaraoke_ended(f->p);
    if (rc == 0)
        follow_step(f);
}

/* --- the slot: looking at files (pool) -------------------------------------------------------------------- */

static void look_at_files(struct follow *f)
{
    for (size_t i = 0; i < f->n_rows; i++) {
        struct follow_row *r = &f->rows[i];
        struct stat st;
        r->size = -1;
        if (lstat(r->path, &st) == 0) {
            r->size = (int64_t)st.st_size;
            r->mtime_ms = walk_mtime_ms(&st);
        }
    }
}

static void slot_work(uv_work_t *work)
{
    struct follow *f = container_of(work, struct follow, work);

    if (f->lot)
        lot_check(f->lot);
    else
        look_at_files(f);
}

static void feed(struct follow *f)
{
    for (size_t i = 0; i < f->n_rows; i++) {
        struct follow_row *r = &f->rows[i];
        struct intake_file file = {.path = r->path, .size = r->size, .mtime_ms = r->mtime_ms, .format = r->format,
                                   .priority = f->complete ? PRIORITY_NEW : 0, .lookup = true, .tell = f->complete,
                                   .pikaraoke_id = r->id};
        memcpy(file.made, r->made, sizeof file.made);
        intake_add(f->in, &file);
        r->path = NULL;
    }
    f->n_rows = 0;
    intake_seal(f->in);
}

static void slot_done(uv_work_t *work, int status)
{
    struct follow *f = container_of(work, struct follow, work);

    (void)status;
    f->slot_busy = false;
    if (f->lot) {
        intake_checked(f->in, f->lot);
        f->lot = NULL;
    } else if (!f->p->closing) {
        feed(f);
        phase_move(f, FOLLOW_FEED);
    }
    pikaraoke_ended(f->p);
    follow_step(f);
}

static void start_slot(struct follow *f)
{
    if (f->slot_busy)
        return;
    f->lot = intake_to_check(f->in);
    if (!f->lot && f->phase != FOLLOW_STAT)
        return;
    f->slot_busy = true;
    if (uv_queue_work(f->p->d.loop, &f->work, slot_work, slot_done) != 0)
        bug("the pool takes no work");
}

/* --- GONE and LOST (writer) ---------------------------------------------------------------------------------- */

static int run_gone(struct db *db, struct dbq_op *op)
{
    struct follow *f = container_of(op, struct follow, op);
    size_t n = f->n_gone - f->gone_done;

    return pk_songs_gone(db, f->gone + f->gone_done, n < GONE_SLICE ? n : GONE_SLICE, clock_wall(f->p->d.clock), &op->err);
}

static int run_lost(struct db *db, struct dbq_op *op)
{
    struct follow *f = container_of(op, struct follow, op);

    return pk_songs_drop_lost(db, GONE_SLICE, clock_wall(f->p->d.clock), &f->lost, &op->err);
}

static void begin_plays(struct follow *f)
{
    if (f->recount)
        f->plays_after = 0;
    f->recount = false;
    phase_move(f, FOLLOW_PLAYS);
}

static void leave_done(struct dbq_op *op, int rc)
{
    struct follow *f = container_of(op, struct follow, op);

    f->op_busy = false;
    f->gone_done += GONE_SLICE;
    if (rc) {
        log_warn("pikaraoke", "songs that PiKaraoke dropped cannot be marked: %s", err_text(&op->err));
        abandon(f, true);
    } else if (f->phase == FOLLOW_GONE && f->gone_done >= f->n_gone) {
        phase_move(f, FOLLOW_LOST);
    } else if (f->phase == FOLLOW_LOST && f->lost < GONE_SLICE) {
        begin_plays(f);
    }
    pikaraoke_ended(f->p);
    if (rc == 0)
        follow_step(f);
}

/* --- PLAYS (beside) and SUNG (writer) ------------------------------------------------------------------------ */

static int run_plays(struct db *db, struct dbq_op *op)
{
    struct follow *f = container_of(op, struct follow, op);

    (void)db;
    f->plays_read = f->plays_after;
    f->n_sung = pk_plays(f->p->pk, &f->plays_read, f->sung, &f->plays_end, &op->err);
    return f->n_sung < 0 ? f->n_sung : 0;
}

static int run_sung(struct db *db, struct dbq_op *op)
{
    struct follow *f = container_of(op, struct follow, op);

    return pk_songs_sung(db, f->sung, (size_t)f->n_sung, &f->raised, &op->err);
}

/* The list itself is read: how often its songs are sung may wait for the next pass. */
static void plays_done(struct dbq_op *op, int rc)
{
    struct follow *f = container_of(op, struct follow, op);

    f->op_busy = false;
    if (rc == ERR_CLOSED) {
        abandon(f, false);
    } else if (rc == ERR_BUSY || rc == ERR_STALE) {
        f->wanted = true;
        finish(f);
    } else if (rc) {
        if (!f->plays_refused)        /* said once, not at every change of the list */
            log_warn("pikaraoke", "how often songs were sung is not known: %s", err_text(&op->err));
        f->plays_refused = true;
        finish(f);
    } else if (f->phase == FOLLOW_PLAYS && f->n_sung > 0) {
        phase_move(f, FOLLOW_SUNG);
    } else {
        if (f->phase == FOLLOW_SUNG && f->raised)
            log_debug("pikaraoke", "songs were sung songs=%lld", (long long)f->raised);
        f->plays_after = f->plays_read;
        f->plays_refused = false;
        if (f->plays_end)
            finish(f);
        else if (f->phase == FOLLOW_SUNG)
            phase_move(f, FOLLOW_PLAYS);
    }
    pikaraoke_ended(f->p);
    if (rc == 0)
        follow_step(f);
}

/* Most of the list is gone: a reset or another folder, and perhaps the rest is still being written. */
static bool must_wait(struct follow *f)
{
    if (f->n_gone < GONE_FEW || f->n_gone * 2 <= mirror_count(f->mirror)) {
        f->gone_since = 0;
        return false;
    }
    if (f->gone_since == 0)
        f->gone_since = now_ms(f);
    return now_ms(f) - f->gone_since < GONE_GRACE_MS;
}

/* --- the step ---------------------------------------------------------------------------------------------------- */

static void start(struct follow *f, bool beside, int (*run)(struct db *db, struct dbq_op *op),
                  void (*done)(struct dbq_op *op, int rc), bool writes)
{
    f->op_busy = true;
    f->op = (struct dbq_op){.run = run, .done = done, .flags = writes ? DBQ_ALONE : 0};
    if (beside)
        dbq_beside(f->p->d.q, &f->op);
    else if (writes)
        dbq_write(f->p->d.q, &f->op);
    else
        dbq_read(f->p->d.q, &f->op);
}

static void drained(struct follow *f)
{
    if (intake_problem(f->in)[0]) {   /* logged there; what was not stored is new again in the next pass */
        intake_reset_counts(f->in);
        mirror_free(f->mirror);
        mirror_free(f->pass.next);
        f->pass.next = f->mirror = NULL;
        f->n_gone = 0;
        f->wanted = true;
        phase_move(f, FOLLOW_IDLE);
        return;
    }
    if (must_wait(f)) {
        if (f->wanted)
            abandon(f, true);         /* it changed meanwhile */
        return;
    }
    phase_move(f, FOLLOW_GONE);
    if (f->n_gone == 0)
        phase_move(f, FOLLOW_LOST);
}

static void next(struct follow *f)
{
    if (f->phase == FOLLOW_IDLE && f->wanted && pikaraoke_is_readable(f->p) && f->p->started) {
        f->wanted = false;
        if (f->mirror) {
            begin_pass(f);
        } else {
            f->mirror = mirror_new();
            f->after = 0;
            phase_move(f, FOLLOW_LOAD);
        }
    }
    if (f->phase == FOLLOW_FEED && is_last_slice(f))
        phase_move(f, FOLLOW_DRAIN);
    if (f->phase == FOLLOW_FEED && intake_has_room(f->in))
        phase_move(f, FOLLOW_READ);
    if (f->phase == FOLLOW_DRAIN && intake_is_empty(f->in))
        drained(f);
}

void follow_step(struct follow *f)
{
    if (f->p->closing || f->p->off)
        return;
    intake_step(f->in);               /* when the store is full the look of each second tries again */
    if (!f->op_busy)
        next(f);
    start_slot(f);
    if (f->op_busy)
        return;
    if (f->phase == FOLLOW_LOAD)
        start(f, false, run_load, load_done, false);
    else if (f->phase == FOLLOW_READ)
        start(f, true, run_read, read_done, false);
    else if (f->phase == FOLLOW_GONE)
        start(f, false, run_gone, leave_done, true);
    else if (f->phase == FOLLOW_LOST)
        start(f, false, run_lost, leave_done, true);
    else if (f->phase == FOLLOW_PLAYS)
        start(f, true, run_plays, plays_done, false);
    else if (f->phase == FOLLOW_SUNG)
        start(f, false, run_sung, plays_done, true);
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

static void on_stored(void *arg)
{
    struct follow *f = arg;

    f->p->d.changed(f->p->d.arg);
}

static void on_step(void *arg)
{
    struct follow *f = arg;

    pikaraoke_ended(f->p);
    follow_step(f);
}

void follow_init(struct follow *f, struct pikaraoke *p)
{
    struct intake_hooks hooks = {on_stored, on_step, f};

    f->p = p;
    f->rows = mem_alloc(PK_ROWS_MAX * sizeof *f->rows);
    folders_init(&f->folders, NULL);
    f->in = intake_new(p->d.clock, p->d.q, p->d.events, &f->folders, &hooks);
}

void follow_set_folder(struct follow *f, const char *folder)
{
    const char *paths[] = {folder, NULL};

    size_t n = folder ? strlen(folder) : 0;

    while (n && folder[n - 1] == '/')
        n--;
    if (f->folders.n == (folder != NULL) && (!folder || (f->folders.len[0] == n && memcmp(f->folders.path[0], folder, n) == 0)))
        return;
    if (f->slot_busy)                 /* the pool reads the present one; the next look sets it */
        return;
    folders_deinit(&f->folders);
    folders_init(&f->folders, paths);
}

bool follow_is_quiet(const struct follow *f)
{
    return !f->op_busy && !f->slot_busy && intake_is_quiet(f->in);
}

void follow_deinit(struct follow *f)
{
    drop_rows(f);
    free(f->rows);
    free(f->gone);
    mirror_free(f->pass.next);
    mirror_free(f->mirror);
    intake_free(f->in);
    folders_deinit(&f->folders);
}
