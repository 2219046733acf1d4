/* Numbers of the whole library and its file, for /metrics. Pool threads only. */
#ifndef SONGBOOKD_STORE_LIBRARY_STATS_H
#define SONGBOOKD_STORE_LIBRARY_STATS_H

#include "store/db.h"

#define CONFIDENCE_BANDS 8
/* The lowest confidence of each band, from "Needs review" to "Verified". */
extern const double confidence_bands[CONFIDENCE_BANDS];

struct library_stats {
    int64_t in_band[CONFIDENCE_BANDS]; /* songs, present and absent ones */
    int64_t database_bytes;            /* pages of the database times their size */
    int64_t wal_bytes;                 /* of the write-ahead log beside it; 0 without one */
};
/* Walks the index of confidences: some milliseconds for 100,000 songs. */
int library_stats_read(struct db *db, struct library_stats *out, struct err *e);

#endif
