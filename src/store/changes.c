/* The change log: what changed, by whom, and the way back; see evidence.h. Pool threads only.
 *
 * Rows are only added, and a person's stay for ever; of what worker and scan did the newest are kept. An undo is a batch of its
 * own that points at the one it takes back; `undone` is the only column that is ever written again, and only to show which
 * batches stand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/changes.h"
#include "store/evidence.h"
#include "store/queue.h"
#include "store/song_row.h"

#define UNDO_CHAIN_MAX 1000   /* undo of undo of undo ... */

char **song_field_text(struct song *s, enum song_field f)
{
    switch (f) {
    case FIELD_ARTIST: return &s->artist;
    case FIELD_TITLE: return &s->title;
    case FIELD_VARIANT: return &s->variant;
    case FIELD_GENRE: return &s->genre;
    default: return NULL;
    }
}

/* --- values as text ------------------------------------------------------------------- */

static const char *const logged[] = {"artist", "title", "variant", "year", "genre", "metadata_status", "confidence",
                                     "reason", "source", "locked"};
enum { LOG_STATUS = FIELD_COUNT, LOG_CONFIDENCE, LOG_REASON, LOG_SOURCE, LOG_LOCKED, LOG_COUNT };

static const char *locked_text(unsigned locked, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (int f = 0; f < FIELD_COUNT && n < size; f++)
        if (locked & 1u << f)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", song_field_name((enum song_field)f));
    return out[0] ? out : NULL;
}

/* NULL where there is no value; may be written to out. */
static const char *value_text(const struct song *s, int i, char out[64])
{
    switch (i) {
    case FIELD_ARTIST: return s->artist;
    case FIELD_TITLE: return s->title;
    case FIELD_VARIANT: return s->variant;
    case FIELD_GENRE: return s->genre;
    case FIELD_YEAR:
        snprintf(out, 64, "%d", s->year);
        return s->year ? out : NULL;
    case LOG_STATUS: return song_status_name(s->status);
    case LOG_CONFIDENCE:
        snprintf(out, 64, "%.6g", s->confidence);
        return out;
    case LOG_REASON: return s->reason;
    case LOG_SOURCE: return s->source;
    default: return locked_text(s->locked, out, 64);
    }
}

static unsigned locked_of(const char *text)
{
    unsigned bits = 0;

    for (int f = 0; text && f < FIELD_COUNT; f++)
        if (strstr(text, song_field_name((enum song_field)f)))   /* no field's name is within another's */
            bits |= 1u << f;
    return bits;
}

static void set_value(struct song *s, int i, const char *text)
{
    int status = text ? song_status_of(text) : -1;

    if (i == FIELD_YEAR)
        s->year = text ? atoi(text) : 0;
    else if (i < FIELD_COUNT)
        song_row_set(song_field_text(s, (enum song_field)i), text);
    else if (i == LOG_STATUS)
        s->status = status < 0 ? SONG_PENDING : (enum song_status)status;
    else if (i == LOG_CONFIDENCE)
        s->confidence = text ? strtod(text, NULL) : 0;
    else if (i == LOG_REASON)
        song_row_set(&s->reason, text);
    else if (i == LOG_SOURCE)
        song_row_set(&s->source, text);
    else
        s->locked = locked_of(text);
}

static int logged_of(const char *field)
{
    for (int i = 0; i < LOG_COUNT; i++)
        if (strcmp(logged[i], field) == 0)
            return i;
    return -1;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* --- writing -------------------------------------------------------------------------- */

static int start_batch(struct db *db, struct change_log *log, struct err *e)
{
    struct stmt s;
    int rc;

    if (log->batch)
        return 0;
    s = stmt_of(db, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0) + 1", e);
    rc = stmt_run_int(&s, &log->batch);
    return rc < 0 ? rc : 0;
}

int changes_add(struct db *db, struct change_log *log, int64_t song_id, const char *field, struct slice old_value,
                struct slice new_value, struct err *e)
{
    struct stmt s;
    int rc = start_batch(db, log, e);

    if (rc)
        return rc;
    s = stmt_of(db, "INSERT INTO changes(batch, song_id, at_ms, actor, source, field, undoes, old_value, new_value)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e);
    stmt_int(&s, log->batch);
    stmt_int(&s, song_id);
    stmt_int(&s, log->now_ms);
    stmt_text(&s, log->actor);
    stmt_text(&s, log->source);
    stmt_text(&s, field);
    stmt_int_or_null(&s, log->undoes);
    if (old_value.p)
        stmt_bytes(&s, old_value);
    else
        stmt_text(&s, NULL);
    if (new_value.p)
        stmt_bytes(&s, new_value);
    else
        stmt_text(&s, NULL);
    return stmt_run(&s);
}

int changes_add_song(struct db *db, struct change_log *log, const struct song *before, const struct song *after, struct err *e)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < LOG_COUNT; i++) {
        char a[64], b[64];
        const char *from = value_text(before, i, a), *to = value_text(after, i, b);
        if (!same(from, to))
            rc = changes_add(db, log, before->id, logged[i], (struct slice){from, from ? strlen(from) : 0},
                             (struct slice){to, to ? strlen(to) : 0}, e);
    }
    return rc;
}

int changes_prune(struct db *db, int64_t keep, int64_t *gone, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT batch FROM changes INDEXED BY changes_machine WHERE actor <> 'person'"
                                " ORDER BY id DESC LIMIT 1 OFFSET ?", e);
    int64_t first_kept = 0;   /* a batch's number is the id of its first row, and batches go whole */
    int rc;

    *gone = 0;
    stmt_int(&s, keep);
    rc = stmt_run_int(&s, &first_kept);
    if (rc <= 0)
        return rc;
    s = stmt_of(db, "DELETE FROM changes WHERE id IN (SELECT id FROM changes INDEXED BY changes_machine"
                    " WHERE actor <> 'person' AND id < ? ORDER BY id LIMIT ?)", e);
    stmt_int(&s, first_kept);
    stmt_int(&s, CHANGES_PRUNE_MAX);
    rc = stmt_run(&s);
    *gone = rc ? 0 : db_changed(db);
    return rc;
}

/* --- reading -------------------------------------------------------------------------- */

int changes_page(struct db *db, int64_t song_id, int64_t before, int limit, void (*row)(const struct change *c, void *arg),
                 void *arg, struct err *e)
{
    struct stmt s = song_id ? stmt_of(db, "SELECT id, batch, song_id, at_ms, actor, source, field, old_value, new_value, undone"
                                          " FROM changes WHERE id < ? AND song_id = ? ORDER BY id DESC LIMIT ?", e)
                            : stmt_of(db, "SELECT id, batch, song_id, at_ms, actor, source, field, old_value, new_value, undone"
                                          " FROM changes WHERE id < ? ORDER BY id DESC LIMIT ?", e);

    stmt_int(&s, before > 0 ? before : INT64_MAX);
    if (song_id)
        stmt_int(&s, song_id);
    stmt_int(&s, limit);
    while (stmt_row(&s)) {
        struct change c = {.id = col_int(&s, 0), .batch = col_int(&s, 1), .song_id = col_int(&s, 2), .at_ms = col_int(&s, 3),
                           .actor = col_text(&s, 4), .source = col_text(&s, 5), .field = col_text(&s, 6),
                           .old_value = col_text(&s, 7), .new_value = col_text(&s, 8), .undone = col_int(&s, 9) != 0};
        row(&c, arg);
    }
    return stmt_end(&s);
}

/* --- undo ----------------------------------------------------------------------------- */

/* Takes the song's rows of the batch back on *after, newest first. */
static int revert_song(struct db *db, int64_t batch, struct song *after, struct err *e)
{
    struct stmt s =
        stmt_of(db, "SELECT field, old_value, new_value FROM changes WHERE batch = ? AND song_id = ? ORDER BY id DESC", e);
    int rc = 0;

    stmt_int(&s, batch);
    stmt_int(&s, after->id);
    while (rc == 0 && stmt_row(&s)) {
        int i = logged_of(col_text(&s, 0));
        char text[64];
        if (i < 0)
            continue;
        if (same(value_text(after, i, text), col_text(&s, 2)))
            set_value(after, i, col_text(&s, 1));
        else
            rc = err_set(e, ERR_EXISTS, "the %s of song %lld was changed again later, undo that first", logged[i],
                         (long long)after->id);
    }
    if (rc)
        stmt_end(&s);
    else
        rc = stmt_end(&s);
    return rc;
}

static int rechoose(struct db *db, const struct song *after, struct err *e)
{
    int rc = 0;

    for (int f = 0; rc == 0 && f < FIELD_COUNT; f++) {
        char text[64];
        rc = evidence_choose(db, after->id, logged[f], value_text(after, f, text), e);
    }
    return rc;
}

/* A song that a person had decided and that now is open again goes back to the queue. What the worker did and a person took
 * back is not asked again at once: it would only be done again. */
static int undo_queue(struct db *db, const struct song *before, const struct song *after, int64_t now_ms, struct err *e)
{
    struct queue_result r;

    if (after->status == SONG_MANUAL)
        return queue_drop(db, after->id, e);
    if (before->status == SONG_MANUAL && (after->status == SONG_PENDING || after->status == SONG_PARSED))
        return queue_add(db, &after->id, 1, 0, false, now_ms, &r, e);
    return 0;
}

/* *changed: it had fields to put back. A song that is gone has none. */
static int undo_song(struct db *db, int64_t id, struct change_log *log, bool *changed, struct err *e)
{
    struct song before, after;
    int rc = song_row_load(db, id, &before, e);

    *changed = false;
    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    song_row_copy(&before, &after);
    rc = revert_song(db, log->undoes, &after, e);
    if (rc == 0)
        rc = song_row_save(db, &before, &after, log->now_ms, changed, e);
    if (rc == 0 && *changed)
        rc = changes_add_song(db, log, &before, &after, e);
    if (rc == 0 && *changed)
        rc = rechoose(db, &after, e);
    if (rc == 0 && *changed)
        rc = undo_queue(db, &before, &after, log->now_ms, e);
    song_deinit(&before);
    song_deinit(&after);
    return rc;
}

static int mark_undone(struct db *db, int64_t batch, struct err *e)
{
    bool undone = true;
    int rc = 0;

    for (int i = 0; rc == 0 && batch && i < UNDO_CHAIN_MAX; i++) {
        struct stmt s = stmt_of(db, "UPDATE changes SET undone = ? WHERE batch = ?", e);
        stmt_int(&s, undone);
        stmt_int(&s, batch);
        rc = stmt_run(&s);
        if (rc)
            break;
        s = stmt_of(db, "SELECT coalesce(undoes, 0) FROM changes WHERE batch = ? LIMIT 1", e);
        stmt_int(&s, batch);
        batch = 0;
        rc = stmt_run_int(&s, &batch);
        rc = rc < 0 ? rc : 0;
        undone = !undone;
    }
    return rc;
}

static int songs_of_batch(struct db *db, int64_t batch, int64_t **ids, size_t *n, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT DISTINCT song_id FROM changes WHERE batch = ? AND undone = 0 ORDER BY song_id", e);
    size_t cap = 0;

    stmt_int(&s, batch);
    while (stmt_row(&s)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            *ids = mem_realloc(*ids, cap * sizeof **ids);
        }
        (*ids)[(*n)++] = col_int(&s, 0);
    }
    return stmt_end(&s);
}

static int batch_exists(struct db *db, int64_t batch, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT 1 FROM changes WHERE batch = ? LIMIT 1", e);
    int64_t one;

    stmt_int(&s, batch);
    return stmt_run_int(&s, &one);
}

int changes_undo(struct db *db, int64_t batch, int64_t now_ms, int64_t **song_ids, size_t *n, struct err *e)
{
    struct change_log log = {.actor = "person", .source = "undo", .undoes = batch, .now_ms = now_ms};
    size_t found = 0;
    int rc;

    *song_ids = NULL;
    *n = 0;
    rc = batch_exists(db, batch, e);
    if (rc <= 0)
        return rc ? rc : err_set(e, ERR_NOT_FOUND, "there is no batch of changes %lld", (long long)batch);
    rc = songs_of_batch(db, batch, song_ids, &found, e);
    if (rc == 0 && found == 0)
        rc = err_set(e, ERR_EXISTS, "the changes %lld are undone already", (long long)batch);
    for (size_t i = 0; rc == 0 && i < found; i++) {
        bool changed;
        int64_t id = (*song_ids)[i];
        rc = undo_song(db, id, &log, &changed, e);
        if (changed)
            (*song_ids)[(*n)++] = id;
    }
    if (rc == 0 && *n == 0)
        rc = err_set(e, ERR_EXISTS, "the changes %lld hold nothing that can be put back", (long long)batch);
    if (rc == 0)
        rc = mark_undone(db, batch, e);
    if (rc) {
        free(*song_ids);
        *song_ids = NULL;
        *n = 0;
    }
    return rc;
}
