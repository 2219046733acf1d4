/* Names that the library decides anew: reading them, storing the verdicts; see songs.h. Pool threads only. */
#include "store/songs.h"

#include <math.h>
#include <string.h>

#include "store/changes.h"
#include "store/queue.h"
#include "store/song_row.h"

int songs_names(struct db *db, int64_t after, int limit, void (*row)(int64_t id, struct slice path, void *arg), void *arg,
                int64_t *last, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id, file_path FROM songs WHERE id > ? AND present = 1 ORDER BY id LIMIT ?", e);

    *last = after;
    stmt_int(&s, after);
    stmt_int(&s, limit);
    while (stmt_row(&s)) {
        *last = col_int(&s, 0);
        row(*last, col_slice(&s, 1), arg);
    }
    return stmt_end(&s);
}

bool song_may_be_judged(const struct song *s)
{
    bool from_name = !s->source || strcmp(s->source, "name") == 0;
    bool open = s->status == SONG_PARSED || s->status == SONG_PENDING || s->status == SONG_FAILED;

    return s->present && open && from_name && !(s->locked & (1u << FIELD_ARTIST | 1u << FIELD_TITLE));
}

bool song_says(const struct song *s, const struct guess *g)
{
    return text_same(s->artist, g->artist) && text_same(s->title, g->title) && s->order_open == g->is_ambiguous &&
           fabs(s->confidence - g->confidence) < 0.0005 && (s->status == SONG_FAILED || text_same(s->reason, g->rule));
}

static int log_values(struct db *db, const struct song *before, const struct song *after, int64_t now_ms, struct err *e)
{
    struct change_log log = {.actor = "scan", .source = "library", .now_ms = now_ms};
    const char *old[] = {before->artist, before->title}, *new[] = {after->artist, after->title};
    static const char *const field[] = {"artist", "title"};
    int rc = 0;

    for (int i = 0; rc == 0 && i < 2; i++)
        if (!text_same(old[i], new[i]))
            rc = changes_add(db, &log, before->id, field[i], old[i] ? slice_of(old[i]) : (struct slice){0},
                             new[i] ? slice_of(new[i]) : (struct slice){0}, e);
    return rc;
}

static int put_evidence(struct db *db, const struct song *s, const struct guess *g, int64_t now_ms, struct err *e)
{
    const char *value[] = {g->artist, g->title};
    static const char *const field[] = {"artist", "title"};
    int rc = 0;

    for (int i = 0; rc == 0 && i < 2; i++) {
        struct evidence_row row = {.field = field[i], .value = value[i], .source = "name", .rule = g->rule, .reason = g->reason,
                                   .score = g->confidence, .chosen = true};
        if (value[i] && *value[i])
            rc = evidence_put(db, s->id, &row, now_ms, e);
    }
    return rc;
}

static int set_order_open(struct db *db, int64_t id, bool open, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE songs SET order_open = ?1 WHERE id = ?2 AND order_open <> ?1", e);

    stmt_int(&s, open);
    stmt_int(&s, id);
    return stmt_run(&s);
}

/* Other names are another question: whoever was asked before is asked again, also for a song that was given up. An answer for
 * the old names that is under way counts for nothing; see outcome.c. */
static int ask_anew(struct db *db, const struct song *song, int64_t now_ms, struct err *e)
{
    struct queue_result r;
    struct stmt s;

    if (song->status == SONG_FAILED)
        return queue_add(db, &song->id, 1, 0, true, now_ms, &r, e);
    s = stmt_of(db, "UPDATE enrichment_queue SET asked = 0, not_before = 0 WHERE song_id = ? AND asked <> 0", e);
    stmt_int(&s, song->id);
    return stmt_run(&s);
}

int songs_judged(struct db *db, int64_t id, int64_t version, const struct guess *g, int64_t now_ms, struct song *out,
                 struct err *e)
{
    struct song before, after;
    bool changed = false, renamed, before_open;
    int rc = song_row_load(db, id, &before, e);

    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (before.version != version || !song_may_be_judged(&before) || song_says(&before, g)) {
        song_deinit(&before);
        return 0;
    }
    before_open = before.order_open;
    song_row_copy(&before, &after);
    song_row_set(&after.artist, g->artist);
    song_row_set(&after.title, g->title);
    after.confidence = g->confidence;
    if (after.status != SONG_FAILED)
        song_row_set(&after.reason, g->rule);
    renamed = !text_same(before.artist, after.artist) || !text_same(before.title, after.title);
    rc = song_row_save(db, &before, &after, now_ms, &changed, e);
    if (rc == 0)
        rc = set_order_open(db, id, g->is_ambiguous, e);
    after.order_open = g->is_ambiguous;
    if (rc == 0)
        rc = put_evidence(db, &after, g, now_ms, e);
    if (rc == 0 && renamed)
        rc = log_values(db, &before, &after, now_ms, e);
    if (rc == 0 && renamed)
        rc = ask_anew(db, &after, now_ms, e);
    song_deinit(&before);
    changed = changed || before_open != g->is_ambiguous;
    if (rc == 0 && changed)
        *out = after;
    else
        song_deinit(&after);
    return rc ? rc : changed;
}
