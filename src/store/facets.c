/* Counting values by their indexes; see facets.h. Pool threads only. */
#include "store/facets.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/stmt.h"

static const char *const counting[FACET_COUNT] = {
    [FACET_LANGUAGE] = "SELECT v, count(*), max(id) FROM (SELECT language AS v, id FROM songs INDEXED BY songs_language"
                       " WHERE language IS NOT NULL AND (language, id) > (?1, ?2) ORDER BY language, id LIMIT ?3)"
                       " GROUP BY v ORDER BY v",
    [FACET_DECADE] = "SELECT v / 10 * 10, count(*), max(id), max(v) FROM (SELECT coalesce(year, 0) AS v, id FROM songs"
                     " INDEXED BY songs_by_year WHERE coalesce(year, 0) > 0 AND (coalesce(year, 0), id) > (?1, ?2)"
                     " ORDER BY coalesce(year, 0), id LIMIT ?3) GROUP BY v ORDER BY v",
    [FACET_GENRE] = "SELECT v, count(*), max(id) FROM (SELECT genre AS v, id FROM songs INDEXED BY songs_by_genre"
                    " WHERE genre IS NOT NULL AND (genre COLLATE NOCASE, id) > (?1, ?2)"
                    " ORDER BY genre COLLATE NOCASE, id LIMIT ?3) GROUP BY v COLLATE NOCASE ORDER BY v COLLATE NOCASE",
    [FACET_VENDOR] = "SELECT v, count(*), max(id) FROM (SELECT vendor AS v, id FROM songs INDEXED BY songs_vendor"
                     " WHERE vendor IS NOT NULL AND (vendor COLLATE NOCASE, id) > (?1, ?2)"
                     " ORDER BY vendor COLLATE NOCASE, id LIMIT ?3) GROUP BY v COLLATE NOCASE ORDER BY v COLLATE NOCASE",
    [FACET_SOURCE] = "SELECT v, count(*), max(id) FROM (SELECT source AS v, id FROM songs INDEXED BY songs_source"
                     " WHERE source IS NOT NULL AND (source, id) > (?1, ?2) ORDER BY source, id LIMIT ?3)"
                     " GROUP BY v ORDER BY v",
};

void facet_place_deinit(struct facet_place *p)
{
    free(p->text);
    *p = (struct facet_place){0};
}

static void move(struct facet_place *p, enum facet f, const struct stmt *s)
{
    p->begun = true;
    p->id = col_int(s, 2);
    if (f == FACET_DECADE) {
        p->number = col_int(s, 3);
        return;
    }
    free(p->text);
    p->text = mem_strdup(col_text(s, 0));
}

int facet_step(struct db *db, enum facet f, struct facet_place *p, void (*row)(const char *value, int64_t n, void *arg),
               void *arg, struct err *e)
{
    struct stmt s = stmt_of(db, counting[f], e);
    int64_t seen = 0;

    if (f == FACET_DECADE)
        stmt_int(&s, p->number);
    else
        stmt_text(&s, p->begun ? p->text : "");
    stmt_int(&s, p->id);
    stmt_int(&s, FACET_STEP);
    while (stmt_row(&s)) {
        seen += col_int(&s, 1);
        row(col_text(&s, 0), col_int(&s, 1), arg);
        move(p, f, &s);
    }
    p->end = seen < FACET_STEP;
    return stmt_end(&s);
}
