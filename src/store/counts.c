/* Reading the counted numbers, and counting them again the slow way; see counts.h. Pool threads only. */
#include "store/counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/queue.h"
#include "store/stmt.h"

static const char *const lists[] = {"no_year", "no_genre", "order_unsure", "duplicate", "failed_not_found", "failed_gave_up"};

const char *worklist_key(enum worklist w)
{
    return lists[w];
}

int64_t counts_below(const struct counts *c, int percent)
{
    int64_t n = 0;

    for (int i = 0; i < percent && i < (int)ARRAY_LEN(c->open_at); i++)
        n += c->open_at[i];
    return n;
}

static void take_list(struct counts *c, const char *key, int64_t n)
{
    int percent;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (strcmp(key, lists[i]) == 0) {
            c->lists[i] = n;
            return;
        }
    if (strncmp(key, "open ", 5) == 0 && (percent = atoi(key + 5)) >= 0 && percent <= 100)
        c->open_at[percent] = n;
}

static void take(struct counts *c, const char *key, int64_t n)
{
    int status = song_status_of(key);

    if (status >= 0) {
        c->by_status[status] = n;
        c->total += n;
    } else if (strcmp(key, "absent") == 0) {
        c->absent = n;
    } else if (strncmp(key, "asked ", 6) == 0) {
        unsigned mask = (unsigned)atoi(key + 6);
        if (mask >= ARRAY_LEN(c->queued_asked))
            return;
        c->queued_asked[mask] = n;
        c->queued += n;
        c->dating += mask & QUEUE_SETTLED ? n : 0;
    } else if (strcmp(key, "total_processed") == 0) {
        c->total_processed = n;
    } else if (strcmp(key, "total_enriched") == 0) {
        c->total_enriched = n;
    } else if (strcmp(key, "total_failed") == 0) {
        c->total_failed = n;
    } else {
        take_list(c, key, n);
    }
}

/* Statements of two columns: key and number. */
static int take_rows(struct stmt *s, struct counts *c)
{
    while (stmt_row(s)) {
        const char *key = col_text(s, 0);
        take(c, key ? key : "", col_int(s, 1));
    }
    return stmt_end(s);
}

static int read_totals(struct db *db, struct counts *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT key, CAST(value AS INTEGER) FROM enrichment_state"
                                " WHERE key IN ('total_processed', 'total_enriched', 'total_failed')", e);

    return take_rows(&s, out);
}

int counts_read(struct db *db, struct counts *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT key, n FROM counts", e);
    struct counts c = {0};
    int rc = take_rows(&s, &c);

    if (rc == 0)
        rc = read_totals(db, &c, e);
    if (rc == 0)
        *out = c;
    return rc;
}

/* The worklist said in other words than the triggers say it. */
static const char recount_lists[] =
    "SELECT 'no_year', count(*) FROM songs WHERE present AND year IS NULL"
    " UNION ALL SELECT 'no_genre', count(*) FROM songs WHERE present AND genre IS NULL"
    " UNION ALL SELECT 'order_unsure', count(*) FROM songs WHERE present AND order_open"
    "  AND metadata_status NOT IN ('enriched', 'manual')"
    " UNION ALL SELECT 'duplicate', coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM songs WHERE present AND title_key <> ''"
    "  GROUP BY artist_key, title_key, variant HAVING n > 1)"
    " UNION ALL SELECT iif(reason = 'not_found', 'failed_not_found', 'failed_gave_up'), count(*) FROM songs"
    "  WHERE present AND metadata_status = 'enrichment_failed' GROUP BY 1"
    " UNION ALL SELECT 'open ' || CAST((confidence + 0.005) * 100 AS INTEGER), count(*) FROM songs"
    "  WHERE present AND metadata_status <> 'manual' GROUP BY 1";

int counts_recompute(struct db *db, struct counts *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT iif(present, metadata_status, 'absent'), count(*) FROM songs GROUP BY 1", e);
    int rc;

    memset(out, 0, sizeof *out);
    rc = take_rows(&s, out);
    if (rc == 0) {
        s = stmt_of(db, recount_lists, e);
        rc = take_rows(&s, out);
    }
    if (rc == 0) {
        s = stmt_of(db, "SELECT 'asked ' || asked, count(*) FROM enrichment_queue GROUP BY asked", e);
        rc = take_rows(&s, out);
    }
    return rc ? rc : read_totals(db, out, e);
}
