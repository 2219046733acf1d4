/* Numbers of the library, kept by triggers in the same transaction as the rows they count, so that they never lie
 * and cost nothing to read. `songbookctl check` may recompute them. */
#ifndef SONGBOOKD_STORE_COUNTS_H
#define SONGBOOKD_STORE_COUNTS_H

#include "song/song.h"
#include "store/db.h"

/* What the worklist counts. */
enum worklist {
    WORKLIST_NO_YEAR, WORKLIST_NO_GENRE, WORKLIST_ORDER_UNSURE, WORKLIST_DUPLICATE, WORKLIST_NOT_FOUND, WORKLIST_GAVE_UP,
    WORKLIST_COUNT
};
const char *worklist_key(enum worklist w);  /* "no_year", ... */

struct counts {
    int64_t by_status[SONG_STATUS_COUNT];   /* present songs */
    int64_t total;                          /* present songs */
    int64_t absent;
    int64_t lists[WORKLIST_COUNT];          /* present songs on each list */
    int64_t open_at[101];                   /* present songs that no person decided, by confidence in hundredths as shown */
    int64_t queued;                         /* rows of enrichment_queue */
    int64_t queued_asked[2 << PROVIDER_COUNT]; /* queue rows by their asked mask (store/queue.h) */
    int64_t dating;                         /* of them those whose names are settled: they only wait for their date */
    /* from enrichment_state */
    int64_t total_processed, total_enriched, total_failed;
};
/* *out is untouched on failure: the last true numbers are better than half of the new ones. */
int counts_read(struct db *db, struct counts *out, struct err *e);
/* Open songs whose confidence, as shown, is below that many hundredths. */
int64_t counts_below(const struct counts *c, int percent);
/* Recomputed from the rows, slowly; for checks and tests. */
int counts_recompute(struct db *db, struct counts *out, struct err *e);

#endif
