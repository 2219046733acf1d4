/* Numbers of the whole library; see library_stats.h. */
#include "store/library_stats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/stmt.h"

const double confidence_bands[CONFIDENCE_BANDS] = {0, 0.2, 0.4, 0.6, 0.7, 0.85, 0.9, 1.0};

/* Rows come in ascending order and are few: confidences have two digits. */
static int read_bands(struct db *db, struct library_stats *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT CAST(round(confidence * 100) AS INTEGER), count(*) FROM songs GROUP BY confidence", e);

    while (stmt_row(&s)) {
        int band = CONFIDENCE_BANDS - 1;
        while (band > 0 && col_int(&s, 0) < (int64_t)(confidence_bands[band] * 100 + 0.5))
            band--;
        out->in_band[band] += col_int(&s, 1);
    }
    return stmt_end(&s);
}

static int64_t wal_bytes(struct db *db)
{
    const char *name = sqlite3_db_filename(db->h, "main");
    char *path = mem_printf("%s-wal", name ? name : "");
    struct stat st;
    int64_t n = stat(path, &st) == 0 ? (int64_t)st.st_size : 0;

    free(path);
    return n;
}

int library_stats_read(struct db *db, struct library_stats *out, struct err *e)
{
    struct stmt s;
    int rc;

    memset(out, 0, sizeof *out);
    rc = read_bands(db, out, e);
    if (rc == 0) {
        s = stmt_of(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", e);
        rc = stmt_run_int(&s, &out->database_bytes);
    }
    out->wal_bytes = wal_bytes(db);
    return rc < 0 ? rc : 0;
}
