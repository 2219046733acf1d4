/* A person's edit of one song; see songs.h. Pool threads only. */
#include <stdio.h>

#include "store/changes.h"
#include "store/song_row.h"
#include "store/songs.h"

#define NAME_FIELDS (1u << FIELD_ARTIST | 1u << FIELD_TITLE)

static void apply(struct song *s, const struct song_edit *edit)
{
    for (int f = 0; f < FIELD_COUNT; f++)
        if (edit->set & 1u << f) {
            if (f == FIELD_YEAR)
                s->year = edit->year;
            else
                song_row_set(song_field_text(s, (enum song_field)f), edit->text[f]);
        }
    s->locked |= (edit->set & ~NAME_FIELDS) | edit->lock;
    s->locked &= ~edit->unlock;
    if (edit->verify || edit->set & NAME_FIELDS) {
        s->status = SONG_MANUAL;
        s->confidence = 1.0;
        song_row_set(&s->source, "person");
        song_row_set(&s->reason, edit->set & NAME_FIELDS ? "edited" : "verified");
    }
}

static int put_evidence(struct db *db, const struct song *s, const struct song_edit *edit, int64_t now_ms, struct err *e)
{
    unsigned fields = edit->set | (edit->verify ? NAME_FIELDS : 0);
    int rc = 0;

    for (int f = 0; rc == 0 && f < FIELD_COUNT; f++) {
        char year[16];
        struct song copy = *s;
        char **text = song_field_text(&copy, (enum song_field)f);
        struct evidence_row row = {
            .field = song_field_name((enum song_field)f), .source = "person", .score = 1.0, .chosen = true};
        if (!(fields & 1u << f))
            continue;
        snprintf(year, sizeof year, "%d", s->year);
        row.value = text ? *text : s->year ? year : NULL;
        row.rule = edit->set & 1u << f ? "edited" : "verified";
        rc = evidence_put(db, s->id, &row, now_ms, e);
    }
    return rc;
}

static int store_edit(struct db *db, const struct song *before, struct song *after, const struct song_edit *edit, int64_t now_ms,
                      struct err *e)
{
    struct change_log log = {.batch = edit->batch ? *edit->batch : 0, .actor = "person", .now_ms = now_ms};
    bool changed;
    int rc = song_row_save(db, before, after, now_ms, &changed, e);

    if (rc == 0 && changed)
        rc = changes_add_song(db, &log, before, after, e);
    if (rc == 0)
        rc = put_evidence(db, after, edit, now_ms, e);
    if (rc == 0 && after->status == SONG_MANUAL && (edit->verify || edit->set & NAME_FIELDS))
        rc = queue_drop(db, after->id, e);
    if (rc == 0 && after->status == SONG_MANUAL)
        rc = queue_unwant(db, after, e);
    if (rc == 0 && edit->batch)
        *edit->batch = log.batch;
    return rc;
}

int songs_edit(struct db *db, int64_t id, int64_t if_version, const struct song_edit *edit, int64_t now_ms, struct song *out,
               struct err *e)
{
    struct song before, after;
    int rc = song_row_load(db, id, &before, e);

    if (out)
        *out = (struct song){0};
    if (rc)
        return rc;
    if (if_version && if_version != before.version) {
        song_deinit(&before);
        return err_set(e, ERR_STALE, "song %lld was changed meanwhile, load it again", (long long)id);
    }
    song_row_copy(&before, &after);
    apply(&after, edit);
    rc = store_edit(db, &before, &after, edit, now_ms, e);
    song_deinit(&before);
    if (rc == 0 && out)
        *out = after;
    else
        song_deinit(&after);
    return rc;
}
