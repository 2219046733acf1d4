/* Taking changes back; see undo.h. Pool threads only.
 *
 * Rows of the log are only added: an undo writes rows of its own, in reverse. `undone` and `undone_by` are the only columns
 * that are ever written again, to show which changes stand. Taking an undo back lets stand again what it had taken back.
 */
#include "store/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/changes.h"
#include "store/queue.h"
#include "store/song_row.h"

#define CHAIN_MAX 64   /* undo of undo of undo ... */

/* --- which songs -------------------------------------------------------------------------- */

int undo_songs(struct db *db, const struct undo *u, int64_t after, int64_t *ids, int max, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT DISTINCT song_id FROM changes WHERE batch = ? AND song_id > ? AND undone = 0"
                                " ORDER BY song_id LIMIT ?", e);
    int n = 0, rc;

    stmt_int(&s, u->batch);
    stmt_int(&s, u->song_id > after ? u->song_id - 1 : after);
    stmt_int(&s, u->song_id ? 1 : max);
    while (stmt_row(&s))
        if (!u->song_id || col_int(&s, 0) == u->song_id)
            ids[n++] = col_int(&s, 0);
    rc = stmt_end(&s);
    return rc ? rc : n;
}

/* Undos are taken back by their batch; see revert_everything for the one exception. What the scan found, or read from all names
 * together, it would find again. */
static bool is_meant(const struct undo *u, const char *actor, const char *source)
{
    if (u->actor || u->source)
        return (!u->actor || logged_same(u->actor, actor)) && (!u->source || logged_same(u->source, source)) &&
               !logged_same(source, "undo");
    return !logged_same(actor, "scan");
}

int undo_look(struct db *db, const struct undo *u, struct undo_place *place, int64_t ids[UNDO_LOOK], bool *end, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT at_ms, id, song_id, actor, source FROM changes INDEXED BY changes_when"
                                " WHERE at_ms >= ?1 AND (at_ms, id) > (?2, ?3) ORDER BY at_ms, id LIMIT ?4", e);
    int n = 0, looked = 0, rc;

    stmt_int(&s, u->since_ms);
    stmt_int(&s, place->id ? place->at_ms : u->since_ms - 1);
    stmt_int(&s, place->id);
    stmt_int(&s, UNDO_LOOK);
    for (; stmt_row(&s); looked++) {
        *place = (struct undo_place){col_int(&s, 0), col_int(&s, 1)};
        if (is_meant(u, col_text(&s, 3), col_text(&s, 4)))
            ids[n++] = col_int(&s, 2);
    }
    *end = looked < UNDO_LOOK;
    rc = stmt_end(&s);
    return rc ? rc : n;
}

int undo_find(struct db *db, int64_t change, int64_t *batch, int64_t *song_id, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT batch, song_id FROM changes WHERE id = ?", e);
    bool found;
    int rc;

    stmt_int(&s, change);
    found = stmt_row(&s);
    if (found) {
        *batch = col_int(&s, 0);
        *song_id = col_int(&s, 1);
    }
    rc = stmt_end(&s);
    return rc ? rc : found ? 0 : err_set(e, ERR_NOT_FOUND, "there is no change %lld", (long long)change);
}

/* --- one song's values ---------------------------------------------------------------------- */

struct revert {
    struct db *db;
    struct undo *u;
    struct err *e;
    struct song before, after;
    int64_t *rows;              /* of the log, taken back */
    size_t n;
    bool kept;                  /* a later change stands on one of them */
    unsigned stuck;             /* fields whose older changes stay, because a newer one does */
};

static void take_row(struct revert *r, int64_t id)
{
    if ((r->n & (r->n + 1)) == 0)   /* full at 1, 3, 7 ... */
        r->rows = mem_realloc(r->rows, (2 * r->n + 2) * sizeof *r->rows);
    r->rows[r->n++] = id;
}

static int revert_value(struct revert *r, int64_t row, int i, const char *old_value, const char *new_value)
{
    char text[64];

    if (!(r->stuck & 1u << i) && logged_same(logged_value(&r->after, i, text), new_value)) {
        logged_set(&r->after, i, old_value);
        take_row(r, row);
        return 0;
    }
    r->stuck |= 1u << i;
    r->kept = true;
    if (!r->u->batch)
        return 0;
    return err_set(r->e, ERR_EXISTS, "the %s of song %lld was changed again later, undo that first", logged_name(i),
                   (long long)r->after.id);
}

static struct stmt standing_rows(struct revert *r)
{
    const struct undo *u = r->u;
    struct stmt s;

    if (u->batch)
        s = stmt_of(r->db, "SELECT id, field, old_value, new_value, actor, source FROM changes WHERE batch = ? AND song_id = ?"
                           " AND undone = 0 ORDER BY id DESC", r->e);
    else
        s = stmt_of(r->db, "SELECT id, field, old_value, new_value, actor, source FROM changes WHERE at_ms >= ? AND song_id = ?"
                           " AND undone = 0 ORDER BY id DESC", r->e);
    stmt_int(&s, u->batch ? u->batch : u->since_ms);
    stmt_int(&s, r->before.id);
    return s;
}

/* Newest first, each where its value still stands. */
static int revert_rows(struct revert *r)
{
    struct stmt s = standing_rows(r);
    int rc = 0, ended;

    while (rc == 0 && stmt_row(&s)) {
        int i = logged_of(col_text(&s, 1));
        if (i >= 0 && (r->u->batch || is_meant(r->u, col_text(&s, 4), col_text(&s, 5))))
            rc = revert_value(r, col_int(&s, 0), i, col_text(&s, 2), col_text(&s, 3));
    }
    ended = stmt_end(&s);
    return rc ? rc : ended;
}

/* All changes of persons and the worker: the values are those before the first of them, whatever was undone and done again. */
static int revert_everything(struct revert *r)
{
    struct stmt s = stmt_of(r->db, "SELECT id, field, old_value, undone FROM changes WHERE at_ms >= ? AND song_id = ?"
                                   " AND actor <> 'scan' ORDER BY id DESC", r->e);

    stmt_int(&s, r->u->since_ms);
    stmt_int(&s, r->before.id);
    while (stmt_row(&s)) {
        int i = logged_of(col_text(&s, 1));
        if (i < 0)
            continue;
        logged_set(&r->after, i, col_text(&s, 2));
        if (!col_int(&s, 3))
            take_row(r, col_int(&s, 0));
    }
    return stmt_end(&s);
}

static int revert(struct revert *r)
{
    return r->u->batch || r->u->actor || r->u->source ? revert_rows(r) : revert_everything(r);
}

/* --- what stands --------------------------------------------------------------------------- */

/* The rows that `batch` had taken back in this song: they stand again, or are undone again. */
static int ripple(struct revert *r, int64_t batch, bool undone, int depth)
{
    struct stmt s = stmt_of(r->db, "UPDATE changes SET undone = ? WHERE undone_by = ? AND song_id = ?", r->e);
    int64_t next[CHAIN_MAX];
    int n = 0, rc;

    stmt_int(&s, undone);
    stmt_int(&s, batch);
    stmt_int(&s, r->before.id);
    rc = stmt_run(&s);
    if (rc || depth == CHAIN_MAX)
        return rc;
    s = stmt_of(r->db, "SELECT DISTINCT batch FROM changes WHERE undone_by = ? AND song_id = ? AND undoes IS NOT NULL LIMIT ?",
                r->e);
    stmt_int(&s, batch);
    stmt_int(&s, r->before.id);
    stmt_int(&s, CHAIN_MAX);
    while (stmt_row(&s))
        next[n++] = col_int(&s, 0);
    rc = stmt_end(&s);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = ripple(r, next[i], !undone, depth + 1);
    return rc;
}

static int mark_row(struct revert *r, int64_t id)
{
    struct stmt s = stmt_of(r->db, "UPDATE changes SET undone = 1, undone_by = ? WHERE id = ?"
                                   " RETURNING batch, undoes IS NOT NULL", r->e);
    int64_t batch = 0;
    bool is_undo = false;
    int rc;

    stmt_int(&s, r->u->written);
    stmt_int(&s, id);
    if (stmt_row(&s)) {
        batch = col_int(&s, 0);
        is_undo = col_int(&s, 1) != 0;
    }
    while (stmt_row(&s)) {
    }
    rc = stmt_end(&s);
    return rc || !is_undo ? rc : ripple(r, batch, false, 0);
}

/* --- storing -------------------------------------------------------------------------------- */

static int rechoose(struct revert *r)
{
    int rc = 0;

    for (int f = 0; rc == 0 && f < FIELD_COUNT; f++) {
        char text[64];
        rc = evidence_choose(r->db, r->after.id, logged_name(f), logged_value(&r->after, f, text), r->e);
    }
    return rc;
}

/* A song that a person had decided and that now is open again goes back to the queue. What the worker did and a person took
 * back is not asked again at once: it would only be done again. */
static int reopen(struct revert *r)
{
    enum song_status was = r->before.status, is = r->after.status;
    struct queue_result q;

    if (is == SONG_MANUAL) {
        int rc = queue_drop(r->db, r->after.id, r->e);
        return rc ? rc : queue_unwant(r->db, &r->after, r->e);
    }
    if (was == SONG_MANUAL && (is == SONG_PENDING || is == SONG_PARSED))
        return queue_add(r->db, &r->after.id, 1, 0, false, r->u->now_ms, &q, r->e);
    return 0;
}

static int store(struct revert *r, bool *changed)
{
    /* What an undo over many batches takes back is in no single batch; it is marked as an undo all the same. */
    struct change_log log = {.batch = r->u->written, .actor = "person", .source = "undo",
                             .undoes = r->u->batch ? r->u->batch : -1, .now_ms = r->u->now_ms};
    int rc = song_row_save(r->db, &r->before, &r->after, r->u->now_ms, changed, r->e);

    if (rc || !*changed)
        return rc;
    rc = changes_add_song(r->db, &log, &r->before, &r->after, r->e);
    r->u->written = log.batch;
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = mark_row(r, r->rows[i]);
    if (rc == 0)
        rc = rechoose(r);
    return rc ? rc : reopen(r);
}

int undo_song(struct db *db, struct undo *u, int64_t id, struct err *e)
{
    struct revert r = {.db = db, .u = u, .e = e};
    bool changed = false;
    int rc = song_row_load(db, id, &r.before, e);

    if (rc)   /* a song that is gone has nothing to put back */
        return rc == ERR_NOT_FOUND ? UNDO_NOTHING : rc;
    song_row_copy(&r.before, &r.after);
    rc = revert(&r);
    if (rc == 0)
        rc = store(&r, &changed);
    song_deinit(&r.before);
    song_deinit(&r.after);
    free(r.rows);
    if (rc)
        return rc;
    if (changed)
        return r.kept ? UNDO_PARTLY : UNDO_CHANGED;
    return r.kept ? UNDO_KEPT : UNDO_NOTHING;
}

int undo_check(struct db *db, struct undo *u, int64_t id, struct err *e)
{
    struct revert r = {.db = db, .u = u, .e = e};
    int rc = song_row_load(db, id, &r.before, e);

    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    song_row_copy(&r.before, &r.after);
    rc = revert(&r);
    song_deinit(&r.before);
    song_deinit(&r.after);
    free(r.rows);
    return rc;
}

/* --- a whole batch ------------------------------------------------------------------------------ */

static int batch_exists(struct db *db, const struct undo *u, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT 1 FROM changes WHERE batch = ?1 AND (?2 = 0 OR song_id = ?2) LIMIT 1", e);
    int64_t one;
    int rc;

    stmt_int(&s, u->batch);
    stmt_int(&s, u->song_id);
    rc = stmt_run_int(&s, &one);
    return rc < 0 ? rc : rc ? 0 : err_set(e, ERR_NOT_FOUND, "there is no batch of changes %lld", (long long)u->batch);
}

static int undo_all(struct db *db, struct undo *u, int64_t *ids, size_t found, size_t *n, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc >= 0 && i < found; i++) {
        rc = undo_song(db, u, ids[i], e);
        if (rc == UNDO_CHANGED)
            ids[(*n)++] = ids[i];
    }
    if (rc >= 0 && *n == 0)
        rc = err_set(e, ERR_EXISTS, "the changes %lld hold nothing that can be put back", (long long)u->batch);
    return rc < 0 ? rc : 0;
}

int undo_batch(struct db *db, struct undo *u, int64_t **song_ids, size_t *n, struct err *e)
{
    enum { STEP = 500 };
    size_t found = 0;
    int rc = batch_exists(db, u, e), got = STEP;

    *song_ids = NULL;
    *n = 0;
    while (rc == 0 && got == STEP) {
        *song_ids = mem_realloc(*song_ids, (found + STEP) * sizeof **song_ids);
        got = undo_songs(db, u, found ? (*song_ids)[found - 1] : 0, *song_ids + found, STEP, e);
        rc = got < 0 ? got : 0;
        found += got > 0 ? (size_t)got : 0;
    }
    if (rc == 0 && found == 0)
        rc = err_set(e, ERR_EXISTS, "the changes %lld are undone already", (long long)u->batch);
    if (rc == 0)
        rc = undo_all(db, u, *song_ids, found, n, e);
    if (rc) {
        free(*song_ids);
        *song_ids = NULL;
        *n = 0;
    }
    return rc;
}

/* --- what was cut off ---------------------------------------------------------------------------- */

#define OPEN_BATCH "open_batch "   /* and its number: a key of enrichment_state */

static int state_run(struct db *db, const char *sql, int64_t batch, struct err *e)
{
    struct stmt s = stmt_of(db, sql, e);

    stmt_int(&s, batch);
    return stmt_run(&s);
}

int undo_mark_open(struct db *db, int64_t batch, struct err *e)
{
    return state_run(db, "INSERT OR IGNORE INTO enrichment_state(key, value) VALUES ('" OPEN_BATCH "' || ?1, ?1)", batch, e);
}

int undo_mark_closed(struct db *db, int64_t batch, struct err *e)
{
    return state_run(db, "DELETE FROM enrichment_state WHERE key = '" OPEN_BATCH "' || ?", batch, e);
}

/* The next one that is open; 0 when there is none. */
static int next_open(struct db *db, int64_t *batch, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT CAST(value AS INTEGER) FROM enrichment_state WHERE key GLOB '" OPEN_BATCH "*'"
                                " LIMIT 1", e);
    int rc;

    *batch = 0;
    rc = stmt_run_int(&s, batch);
    return rc < 0 ? rc : 0;
}

#define CUT_OFF_STEP 500   /* songs */

/* The next songs of the batch; closes it behind the last. */
static int take_back(struct db *db, struct undo_cut *c, int64_t now_ms, struct err *e)
{
    struct undo u = {.batch = c->batch, .now_ms = now_ms};
    int64_t ids[CUT_OFF_STEP];
    int n = undo_songs(db, &u, c->after, ids, CUT_OFF_STEP, e), rc = n < 0 ? n : 0;

    for (int i = 0; rc >= 0 && i < n; i++) {
        rc = undo_song(db, &u, ids[i], e);
        c->songs += rc == UNDO_CHANGED;
        if (rc == ERR_EXISTS)   /* changed by somebody since: that stands */
            rc = 0;
    }
    if (rc < 0)
        return rc;
    if (n == CUT_OFF_STEP) {
        c->after = ids[n - 1];
        return 0;
    }
    rc = undo_mark_closed(db, c->batch, e);
    c->batch = c->after = 0;
    return rc;
}

int undo_cut_off(struct db *db, struct undo_cut *c, int64_t now_ms, struct err *e)
{
    int rc = c->batch ? 0 : next_open(db, &c->batch, e);

    c->more = rc == 0 && c->batch;
    return c->more ? take_back(db, c, now_ms, e) : rc;
}
