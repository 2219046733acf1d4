/* The change log: what changed and by whom; see evidence.h. Rows are only added, and a person's stay for ever; what worker
 * and scan did is kept for a time. The way back is in undo.c. Pool threads only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/changes.h"
#include "store/evidence.h"
#include "store/song_row.h"

#define LOOKED_AT 5000   /* rows of one page, where few match */

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

static const char *const logged[LOG_COUNT] = {"artist", "title", "variant", "year", "genre", "metadata_status", "confidence",
                                              "reason", "source", "locked"};
enum { LOG_STATUS = FIELD_COUNT, LOG_CONFIDENCE, LOG_REASON, LOG_SOURCE, LOG_LOCKED };

static const char *locked_text(unsigned locked, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (int f = 0; f < FIELD_COUNT && n < size; f++)
        if (locked & 1u << f)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", song_field_name((enum song_field)f));
    return out[0] ? out : NULL;
}

const char *logged_value(const struct song *s, int i, char out[64])
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

void logged_set(struct song *s, int i, const char *text)
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

int logged_of(const char *field)
{
    for (int i = 0; i < LOG_COUNT; i++)
        if (strcmp(logged[i], field) == 0)
            return i;
    return -1;
}

const char *logged_name(int i)
{
    return logged[i];
}

bool logged_same(const char *a, const char *b)
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
        const char *from = logged_value(before, i, a), *to = logged_value(after, i, b);
        if (!logged_same(from, to))
            rc = changes_add(db, log, before->id, logged[i], (struct slice){from, from ? strlen(from) : 0},
                             (struct slice){to, to ? strlen(to) : 0}, e);
    }
    return rc;
}

/* The last of the next rows in the order of time; returns how many those are, or ERR_. */
static int look_ahead(struct db *db, int64_t before_ms, int most, struct changes_place *place, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT at_ms, id FROM changes INDEXED BY changes_when WHERE (at_ms, id) > (?, ?) AND at_ms < ?"
                                " ORDER BY at_ms, id LIMIT ?", e);
    int looked = 0, rc;

    stmt_int(&s, place->at_ms);
    stmt_int(&s, place->id);
    stmt_int(&s, before_ms);
    stmt_int(&s, most);
    for (; stmt_row(&s); looked++)
        *place = (struct changes_place){col_int(&s, 0), col_int(&s, 1)};
    rc = stmt_end(&s);
    return rc ? rc : looked;
}

/* Never over a person's old changes twice: they stay, and may be far more than what there is to forget. */
int changes_forget(struct db *db, int64_t before_ms, int most, struct changes_place *place, int64_t *gone, bool *end,
                   struct err *e)
{
    struct changes_place from = *place;
    int looked = look_ahead(db, before_ms, most, place, e), rc;
    struct stmt s;

    *gone = 0;
    if (looked < 0)
        return looked;
    *end = looked < most;
    s = stmt_of(db, "DELETE FROM changes WHERE actor <> 'person' AND id IN (SELECT id FROM changes INDEXED BY changes_when"
                    " WHERE (at_ms, id) > (?, ?) AND (at_ms, id) <= (?, ?))", e);
    stmt_int(&s, from.at_ms);
    stmt_int(&s, from.id);
    stmt_int(&s, place->at_ms);
    stmt_int(&s, place->id);
    rc = stmt_run(&s);
    *gone = rc ? 0 : db_changed(db);
    return rc;
}

/* --- reading -------------------------------------------------------------------------- */

static bool is_wanted(const struct stmt *s, const struct changes_filter *f)
{
    return col_int(s, 3) >= f->since_ms && (!f->song_id || col_int(s, 2) == f->song_id) &&
           (!f->actor || logged_same(f->actor, col_text(s, 4))) && (!f->source || logged_same(f->source, col_text(s, 5)));
}

/* Newest first; the rest of the filter is looked at row by row. */
static struct stmt rows_of(struct db *db, const struct changes_filter *f, struct err *e)
{
    struct stmt s;

    if (f->batch)
        s = stmt_of(db, "SELECT id, batch, song_id, at_ms, actor, source, field, old_value, new_value, undone"
                        " FROM changes WHERE id < ? AND batch = ? ORDER BY id DESC LIMIT ?", e);
    else if (f->song_id)
        s = stmt_of(db, "SELECT id, batch, song_id, at_ms, actor, source, field, old_value, new_value, undone"
                        " FROM changes WHERE id < ? AND song_id = ? ORDER BY id DESC LIMIT ?", e);
    else
        s = stmt_of(db, "SELECT id, batch, song_id, at_ms, actor, source, field, old_value, new_value, undone"
                        " FROM changes WHERE id < ? ORDER BY id DESC LIMIT ?", e);
    stmt_int(&s, f->before > 0 ? f->before : INT64_MAX);
    if (f->batch || f->song_id)
        stmt_int(&s, f->batch ? f->batch : f->song_id);
    stmt_int(&s, LOOKED_AT);
    return s;
}

int changes_page(struct db *db, const struct changes_filter *f, void (*row)(const struct change *c, void *arg), void *arg,
                 int64_t *next, struct err *e)
{
    struct stmt s = rows_of(db, f, e);
    int looked = 0, given = 0;

    *next = 0;
    while (given < f->limit && stmt_row(&s)) {
        struct change c = {.id = col_int(&s, 0), .batch = col_int(&s, 1), .song_id = col_int(&s, 2), .at_ms = col_int(&s, 3),
                           .actor = col_text(&s, 4), .source = col_text(&s, 5), .field = col_text(&s, 6),
                           .old_value = col_text(&s, 7), .new_value = col_text(&s, 8), .undone = col_int(&s, 9) != 0};
        *next = c.id;
        looked++;
        if (is_wanted(&s, f)) {
            given++;
            row(&c, arg);
        }
    }
    if (given < f->limit && looked < LOOKED_AT)
        *next = 0;
    return stmt_end(&s);
}
