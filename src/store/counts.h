/* Numbers of the library, kept by triggers in the same transaction as the rows they count, so that they never lie
 * and cost nothing to read. `songbookctl check` may recompute them. */
#ifndef SONGBOOKD_STORE_COUNTS_H
#define SONGBOOKD_STORE_COUNTS_H

#include "song/song.h"
#include "store/db.h"

struct counts {
    int64_t by_status[SONG_STATUS_COUNT];   /* present songs */
    int64_t total;                          /* present songs */
    int64_t absent;
    int64_t queued;                         /* rows of enrichment_queue */
    int64_t queued_asked[2 << PROVIDER_COUNT]; /* queue rows by their asked mask (store/queue.h) */
    int64_t dating;                         /* of them those whose names are settled: they only wait for their date */
    /* from enrichment_state */
    int64_t total_processed, total_enriched, total_failed;
};
int counts_read(struct db *db, struct counts *out, struct err *e);
/* Recomputed from the rows, slowly; for checks and tests. */
int counts_recompute(struct db *db, struct counts *out, struct err *e);

#endif
