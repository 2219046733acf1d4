/* Lots of files on their way into the store; see intake.h. */
#include "work/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/pk_songs.h"
#include "song/title.h"
#include "work/walk.h"

/* The way of a lot; lot_move is the only place that changes it. */
enum lot_state {
    LOT_OPEN,        /* files are still added */
    LOT_WAITING,     /* behind others */
    LOT_LOOKUP,      /* the reader asks for rows */
    LOT_TO_CHECK,    /* wants the pool */
    LOT_CHECKING,    /* the pool looks at old paths and reads names */
    LOT_READY,       /* wants the writer */
    LOT_STORING,     /* the writer has it */
    LOT_STATES
};
static const char *const state_names[LOT_STATES] = {"open",     "waiting", "lookup", "to_check",
                                                      "checking", "ready",   "storing"};
static const unsigned state_edges[LOT_STATES] = {
    [LOT_OPEN] = 1u << LOT_WAITING,
    [LOT_WAITING] = 1u << LOT_LOOKUP | 1u << LOT_TO_CHECK,
    [LOT_LOOKUP] = 1u << LOT_TO_CHECK,
    [LOT_TO_CHECK] = 1u << LOT_CHECKING,
    [LOT_CHECKING] = 1u << LOT_READY,
    [LOT_READY] = 1u << LOT_STORING,
};

enum file_fate {
    FATE_OPEN,         /* not known yet */
    FATE_SAME,         /* nothing to write */
    FATE_FOUND,        /* new, moved or back: songs_found */
    FATE_TOUCHED       /* its row gets new size, time or format */
};

struct old_row {       /* a row that could be this song under an old path */
    int64_t id, size, mtime_ms;
    char *path;
};

struct item {
    struct intake_file f;
    enum file_fate fate;
    struct old_row *old;
    size_t n_old;
    int64_t moved_from;
    struct guess guess;
    bool guessed;
};

struct lot {
    struct list link;
    struct intake *in;
    enum lot_state state;
    struct dbq_op op;
    int64_t now_ms;
    bool lookup;
    struct item *items;
    size_t n;
    /* what the writer made of it */
    struct intake_counts counts;
    int64_t *moved;
    size_t n_moved;
    struct song_news news;
};

struct intake {
    const struct clock *clock;
    struct dbq *q;
    struct events *ev;
    const struct folders *folders;
    struct intake_hooks hooks;
    struct list lots;         /* in order; the open one is the last */
    size_t n_lots;
    bool stopped;
    struct intake_counts counts;
    int64_t *moved;
    size_t n_moved, cap_moved;
    char problem[320];
};

static void lot_move(struct lot *b, enum lot_state to)
{
    if (!(state_edges[b->state] & 1u << to))
        bug("a lot of files cannot go from %s to %s", state_names[b->state], state_names[to]);
    log_debug("scan", "lot of files %s -> %s files=%zu", state_names[b->state], state_names[to], b->n);
    b->state = to;
}

static void item_deinit(struct item *it)
{
    free(it->f.path);
    for (size_t i = 0; i < it->n_old; i++)
        free(it->old[i].path);
    free(it->old);
    if (it->guessed)
        guess_deinit(&it->guess);
}

static void lot_free(struct lot *b)
{
    list_del(&b->link);
    b->in->n_lots--;
    for (size_t i = 0; i < b->n; i++)
        item_deinit(&b->items[i]);
    song_news_deinit(&b->news);
    free(b->items);
    free(b->moved);
    free(b);
}

struct intake *intake_new(const struct clock *clock, struct dbq *q, struct events *ev, const struct folders *folders,
                          const struct intake_hooks *hooks)
{
    struct intake *in = mem_zalloc(sizeof *in);

    in->clock = clock;
    in->q = q;
    in->ev = ev;
    in->folders = folders;
    in->hooks = *hooks;
    list_init(&in->lots);
    return in;
}

void intake_free(struct intake *in)
{
    intake_stop(in);
    free(in->moved);
    free(in);
}

static struct lot *open_lot(struct intake *in)
{
    struct lot *b;

    if (!list_is_empty(&in->lots)) {
        b = container_of(in->lots.prev, struct lot, link);
        if (b->state == LOT_OPEN)
            return b;
    }
    b = mem_zalloc(sizeof *b);
    b->in = in;
    b->items = mem_alloc(LOT_FILES * sizeof *b->items);
    list_add(&in->lots, &b->link);
    in->n_lots++;
    return b;
}

void intake_add(struct intake *in, const struct intake_file *f)
{
    struct lot *b = open_lot(in);

    b->items[b->n++] = (struct item){.f = *f};
    b->lookup = b->lookup || f->lookup;
    if (b->n == LOT_FILES)
        lot_move(b, LOT_WAITING);
}

void intake_seal(struct intake *in)
{
    struct lot *b;

    if (list_is_empty(&in->lots))
        return;
    b = container_of(in->lots.prev, struct lot, link);
    if (b->state == LOT_OPEN)
        lot_move(b, LOT_WAITING);
}

/* --- LOOKUP (reader) -------------------------------------------------------------------- */

static void add_old_row(const struct song_stamp *s, void *arg)
{
    struct item *it = arg;

    if (slice_eq(s->path, slice_of(it->f.path)))
        return;
    it->old = mem_realloc(it->old, (it->n_old + 1) * sizeof *it->old);
    it->old[it->n_old++] = (struct old_row){s->id, s->size, s->mtime_ms, mem_strndup(s->path.p, s->path.n)};
}

/* A probe does not read the directory, so it may miss a companion that is spelled otherwise. */
static bool same_format(const struct item *it, const char *stored)
{
    int format = format_of(stored), pair = it->f.format == format_of("mp3") ? format_of("cdg") : format_of("ass");

    return format == it->f.format || (it->f.by_probe && format == pair &&
                                      (it->f.format == format_of("mp3") || it->f.format == format_of("mp4")));
}

static int look_up_path(struct db *db, struct item *it, struct err *e)
{
    struct song song = {0};
    int rc = songs_find_path(db, slice_of(it->f.path), &it->f.id, e);

    if (rc == ERR_NOT_FOUND) {
        it->f.id = 0;
        return 0;
    }
    if (rc == 0)
        rc = songs_get(db, it->f.id, &song, e);
    if (rc)
        return rc;
    it->f.present = song.present;
    if (same_format(it, song.format)) {
        it->f.format = format_of(song.format);
        if (song.present && song.size == it->f.size && song.mtime_ms == it->f.mtime_ms && !it->f.pikaraoke_id)
            it->fate = FATE_SAME;
    }
    song_deinit(&song);
    return 0;
}

/* A row of PiKaraoke's is recognised by its id and the time it was made; a later, reset database gives ids anew. */
static int look_up_row(struct db *db, struct item *it, struct err *e)
{
    char made[PK_MADE_BYTES], *path;
    int64_t id;
    int rc = pk_songs_of_row(db, it->f.pikaraoke_id, &id, &path, made, e);

    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (strcmp(made, it->f.made) == 0 && strcmp(path, it->f.path) != 0)
        it->moved_from = id;
    free(path);
    return 0;
}

static int run_lookup(struct db *db, struct dbq_op *op)
{
    struct lot *b = container_of(op, struct lot, op);
    int rc = 0;

    for (size_t i = 0; i < b->n && rc == 0; i++) {
        struct item *it = &b->items[i];
        struct song_file f;
        if (!it->f.lookup || it->f.id)
            continue;
        rc = look_up_path(db, it, &op->err);
        if (rc == 0 && it->f.id == 0 && it->f.pikaraoke_id)
            rc = look_up_row(db, it, &op->err);
        if (rc || it->f.id || it->moved_from)
            continue;
        song_file_split(slice_of(it->f.path), &f);
        rc = songs_same_identity(db, f.youtube_id[0] ? f.youtube_id : NULL, f.base, it->f.size, add_old_row, it, &op->err);
    }
    return rc;
}

static void set_problem(struct intake *in, const char *what, const struct lot *b, int rc)
{
    const char *why = b->op.err.text[0] ? b->op.err.text : err_sentence(rc);

    log_error("scan", "%s: %s files=%zu", what, why, b->n);
    snprintf(in->problem, sizeof in->problem, "%s: %s", what, why);
}

/* The object behind `in` may be closing when this returns. */
static void go_on(struct intake *in)
{
    in->hooks.step(in->hooks.arg);
}

static void lookup_done(struct dbq_op *op, int rc)
{
    struct lot *b = container_of(op, struct lot, op);
    struct intake *in = b->in;

    lot_move(b, LOT_TO_CHECK);
    if (rc || in->stopped) {
        if (!in->stopped)
            set_problem(in, "songs cannot be looked up", b, rc);
        lot_free(b);
    }
    go_on(in);
}

/* --- CHECK (pool) ------------------------------------------------------------------------ */

/* Gone for good, as far as one can see: an unplugged folder is no proof. */
static bool is_gone(const struct intake *in, const char *path)
{
    struct stat st;
    int folder;

    if (lstat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return false;
    folder = folders_of(in->folders, slice_of(path));
    return folder < 0 || walk_look_folder(in->folders->path[folder]) == FOLDER_OK;
}

static int likeness(const struct item *it, const struct old_row *old)
{
    struct song_file a, b;

    song_file_split(slice_of(it->f.path), &a);
    song_file_split(slice_of(old->path), &b);
    return slice_eq(a.base, b.base) + (old->size == it->f.size) + (old->mtime_ms == it->f.mtime_ms);
}

static bool is_taken(const struct lot *b, const struct item *before, int64_t id)
{
    for (const struct item *it = b->items; it < before; it++)
        if (it->moved_from == id)
            return true;
    return false;
}

/* The one old row that is this song; none when two are equally like it. */
static int64_t find_moved(const struct lot *b, const struct item *it)
{
    int64_t best = 0;
    int best_likeness = -1;

    for (size_t i = 0; i < it->n_old; i++) {
        const struct old_row *old = &it->old[i];
        int like;
        if (is_taken(b, it, old->id) || !is_gone(b->in, old->path))
            continue;
        like = likeness(it, old);
        if (like > best_likeness) {
            best = old->id;
            best_likeness = like;
        } else if (like == best_likeness) {
            best = 0;
        }
    }
    return best;
}

void lot_check(struct lot *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct item *it = &b->items[i];
        if (it->fate != FATE_OPEN)
            continue;
        if (it->f.id && it->f.present && !it->f.pikaraoke_id) {
            it->fate = FATE_TOUCHED;
            continue;
        }
        it->fate = FATE_FOUND;
        if (it->f.id == 0 && it->moved_from == 0)
            it->moved_from = find_moved(b, it);
        title_parse(slice_of(it->f.path), &it->guess);
        it->guessed = true;
    }
}

struct lot *intake_to_check(struct intake *in)
{
    list_each_safe(pos, tmp, &in->lots) {
        struct lot *b = container_of(pos, struct lot, link);
        if (b->state == LOT_TO_CHECK) {
            lot_move(b, LOT_CHECKING);
            return b;
        }
    }
    return NULL;
}

static bool writes_something(const struct lot *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->items[i].fate != FATE_SAME)
            return true;
    return false;
}

void intake_checked(struct intake *in, struct lot *b)
{
    lot_move(b, LOT_READY);
    if (in->stopped || !writes_something(b))
        lot_free(b);
}

/* --- STORE (writer) ---------------------------------------------------------------------- */

static int store_touched(struct db *db, struct lot *b, struct err *e)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct item *it = &b->items[i];
        int rc;
        if (it->fate != FATE_TOUCHED)
            continue;
        rc = songs_touched(db, it->f.id, it->f.size, it->f.mtime_ms, format_name(it->f.format), b->now_ms, e);
        if (rc && rc != ERR_NOT_FOUND)
            return rc;
        b->counts.changed++;
    }
    return 0;
}

static void tell_later(struct db *db, struct lot *b, int64_t id)
{
    struct song song = {0};

    if (b->news.n == SONG_NEWS_MAX || songs_get(db, id, &song, NULL) != 0)
        return;
    song_news_add(&b->news, &song);
    song_deinit(&song);
}

static void take_results(struct db *db, struct lot *b, const struct found_result *r, const size_t *item_of, size_t n)
{
    b->moved = mem_alloc((n + 1) * sizeof *b->moved);
    for (size_t i = 0; i < n; i++) {
        b->counts.listed += r[i].inserted;
        b->counts.moved += r[i].moved;
        b->counts.returned += r[i].returned;
        if (r[i].moved || r[i].returned)
            b->moved[b->n_moved++] = r[i].id;
        if (b->items[item_of[i]].f.tell && (r[i].inserted || r[i].moved || r[i].returned))
            tell_later(db, b, r[i].id);
    }
}

static int store_found(struct db *db, struct lot *b, struct err *e)
{
    struct found_file *files = mem_alloc(b->n * sizeof *files);
    struct found_result *results = mem_zalloc(b->n * sizeof *results);
    size_t *item_of = mem_alloc(b->n * sizeof *item_of), n = 0;
    int rc = 0;

    for (size_t i = 0; i < b->n; i++) {
        const struct item *it = &b->items[i];
        if (it->fate != FATE_FOUND)
            continue;
        files[n] = (struct found_file){.path = slice_of(it->f.path), .size = it->f.size, .mtime_ms = it->f.mtime_ms,
                                       .format = format_name(it->f.format), .guess = &it->guess,
                                       .priority = it->f.priority, .moved_from = it->moved_from,
                                       .pikaraoke_id = it->f.pikaraoke_id, .made = it->f.made};
        item_of[n++] = i;
    }
    if (n)
        rc = songs_found(db, files, n, b->now_ms, results, e);
    if (rc == 0)
        take_results(db, b, results, item_of, n);
    free(files);
    free(results);
    free(item_of);
    return rc;
}

static int run_store(struct db *db, struct dbq_op *op)
{
    struct lot *b = container_of(op, struct lot, op);
    int rc = store_found(db, b, &op->err);

    return rc ? rc : store_touched(db, b, &op->err);
}

static void add_moved(struct intake *in, const struct lot *b)
{
    if (in->n_moved + b->n_moved > in->cap_moved) {
        in->cap_moved = in->n_moved + b->n_moved + 64;
        in->moved = mem_realloc(in->moved, in->cap_moved * sizeof *in->moved);
    }
    for (size_t i = 0; i < b->n_moved; i++)
        in->moved[in->n_moved++] = b->moved[i];
}

static void take_counts(struct intake *in, const struct lot *b)
{
    in->counts.listed += b->counts.listed;
    in->counts.changed += b->counts.changed;
    in->counts.moved += b->counts.moved;
    in->counts.returned += b->counts.returned;
    add_moved(in, b);
}

static void store_done(struct dbq_op *op, int rc)
{
    struct lot *b = container_of(op, struct lot, op);
    struct intake *in = b->in;

    if (rc)
        set_problem(in, "songs cannot be stored", b, rc);
    else
        take_counts(in, b);
    if (rc == 0)
        song_news_publish(&b->news, in->ev);
    lot_free(b);
    if (rc == 0 && !in->stopped) {
        events_progress_changed(in->ev);
        in->hooks.stored(in->hooks.arg);
    }
    go_on(in);
}

static void start_store(struct intake *in, struct lot *b)
{
    lot_move(b, LOT_STORING);
    b->now_ms = clock_wall(in->clock);
    b->op = (struct dbq_op){.run = run_store, .done = store_done, .flags = DBQ_ALONE};
    dbq_write(in->q, &b->op);
}

static void start_next(struct intake *in, struct lot *b)
{
    if (!b->lookup) {
        lot_move(b, LOT_TO_CHECK);
        return;
    }
    lot_move(b, LOT_LOOKUP);
    b->op = (struct dbq_op){.run = run_lookup, .done = lookup_done};
    dbq_read(in->q, &b->op);
}

bool intake_step(struct intake *in)
{
    const struct lot *storing = NULL, *before = NULL;   /* the one being stored, and the one between */

    list_each_safe(pos, tmp, &in->lots) {
        struct lot *b = container_of(pos, struct lot, link);
        if (b->state == LOT_READY && !storing) {
            if (dbq_is_full(in->q))
                return false;
            start_store(in, b);
        } else if (b->state == LOT_WAITING && !before && !(b->lookup && storing)) {
            start_next(in, b);
        }
        if (b->state == LOT_STORING)
            storing = b;
        else
            before = b;
    }
    return true;
}

/* --- state ------------------------------------------------------------------------------ */

bool intake_has_room(const struct intake *in)
{
    return in->n_lots < LOTS_AHEAD;
}

bool intake_is_empty(const struct intake *in)
{
    return in->n_lots == 0;
}

bool intake_is_quiet(const struct intake *in)
{
    list_each_safe(pos, tmp, &in->lots) {
        const struct lot *b = container_of(pos, struct lot, link);
        if (b->state == LOT_LOOKUP || b->state == LOT_STORING || b->state == LOT_CHECKING)
            return false;
    }
    return true;
}

void intake_stop(struct intake *in)
{
    in->stopped = true;
    list_each_safe(pos, tmp, &in->lots) {
        struct lot *b = container_of(pos, struct lot, link);
        if (b->state != LOT_LOOKUP && b->state != LOT_STORING && b->state != LOT_CHECKING)
            lot_free(b);
    }
}

struct intake_counts intake_counts(const struct intake *in)
{
    return in->counts;
}

void intake_reset_counts(struct intake *in)
{
    in->counts = (struct intake_counts){0};
    in->problem[0] = '\0';
}

size_t intake_take_moved(struct intake *in, int64_t **ids)
{
    size_t n = in->n_moved;

    *ids = in->moved;
    in->moved = NULL;
    in->n_moved = in->cap_moved = 0;
    return n;
}

const char *intake_problem(const struct intake *in)
{
    return in->problem;
}
