/* Evidence: for each song, field and source the value it speaks for; see evidence.h. Pool threads only. */
#include "store/evidence.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/changes.h"

int evidence_list(struct db *db, int64_t song_id, void (*row)(const struct evidence *v, void *arg), void *arg, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT field, value, source, rule, reason, score, at_ms, chosen FROM evidence"
                                " WHERE song_id = ? ORDER BY at_ms, source, field", e);

    stmt_int(&s, song_id);
    while (stmt_row(&s)) {
        struct evidence v = {.field = col_text(&s, 0), .value = col_text(&s, 1), .source = col_text(&s, 2),
                             .rule = col_text(&s, 3), .reason = col_text(&s, 4), .score = col_num(&s, 5),
                             .at_ms = col_int(&s, 6), .chosen = col_int(&s, 7) != 0};
        row(&v, arg);
    }
    return stmt_end(&s);
}

static int unchoose(struct db *db, int64_t song_id, const char *field, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE evidence SET chosen = 0 WHERE song_id = ? AND field = ? AND chosen <> 0", e);

    stmt_int(&s, song_id);
    stmt_text(&s, field);
    return stmt_run(&s);
}

int evidence_put(struct db *db, int64_t song_id, const struct evidence_row *row, int64_t now_ms, struct err *e)
{
    int rc = row->chosen ? unchoose(db, song_id, row->field, e) : 0;
    struct stmt s;

    if (rc)
        return rc;
    s = stmt_of(db, "INSERT INTO evidence(song_id, field, source, value, rule, reason, score, at_ms, chosen)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(song_id, field, source) DO UPDATE SET"
                    " value = ?4, rule = ?5, reason = ?6, score = ?7, at_ms = ?8, chosen = ?9", e);
    stmt_int(&s, song_id);
    stmt_text(&s, row->field);
    stmt_text(&s, row->source);
    stmt_text(&s, row->value);
    stmt_text(&s, row->rule);
    stmt_text_or_null(&s, row->reason);
    stmt_num(&s, row->score);
    stmt_int(&s, now_ms);
    stmt_int(&s, row->chosen);
    return stmt_run(&s);
}

int evidence_choose(struct db *db, int64_t song_id, const char *field, const char *value, struct err *e)
{
    int rc = unchoose(db, song_id, field, e);
    struct stmt s;

    if (rc || !value)
        return rc;
    s = stmt_of(db,
                "UPDATE evidence SET chosen = 1 WHERE song_id = ?1 AND field = ?2 AND source ="
                " (SELECT source FROM evidence WHERE song_id = ?1 AND field = ?2 AND value = ?3"
                " ORDER BY rule IS 'rejected', at_ms DESC LIMIT 1)",
                e);
    stmt_int(&s, song_id);
    stmt_text(&s, field);
    stmt_text(&s, value);
    return stmt_run(&s);
}

int evidence_value(struct db *db, int64_t song_id, const char *field, const char *source, char **value, double *score,
                   struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT value, score FROM evidence WHERE song_id = ? AND field = ? AND source = ?", e);

    *value = NULL;
    stmt_int(&s, song_id);
    stmt_text(&s, field);
    stmt_text(&s, source);
    if (stmt_row(&s)) {
        *value = mem_strdup(col_text(&s, 0));
        if (score)
            *score = col_num(&s, 1);
    }
    return stmt_end(&s);
}
