/* The queue between the loop and SQLite.
 *
 * Three strands, each with at most one work item on libuv's pool: the writer, a reader connection that sees the last commit, and
 * one beside them for a database that is not ours (PiKaraoke's). What is queued for the writer while it works becomes its next
 * transaction (at most 200 operations or 50 ms); patient ones wait for company, see dbq_gather; every operation has its own
 * savepoint, so a failing one does not fail its neighbours. `done` runs on the loop thread after the commit: tell others
 * only there.
 *
 * Of the three at most two are on the pool at a time, so that it keeps threads for names and files; the strand that waited
 * longest is next.
 */
#ifndef SONGBOOKD_STORE_DBQ_H
#define SONGBOOKD_STORE_DBQ_H

#include <uv.h>

#include "base/list.h"
#include "store/counts.h"
#include "store/db.h"

struct dbq;
struct dbq_op;

enum {
    DBQ_DURABLE = 1,     /* fsynced before done (a person's edit) */
    DBQ_ALONE = 2,       /* own transaction, without a savepoint: for large batches, which a savepoint makes slow */
    DBQ_URGENT = 4,      /* goes before operations that are not urgent */
    DBQ_PATIENT = 8      /* need not be stored at once: waits for company */
};

/* Embed in the activity's object; it must live until done has run. */
struct dbq_op {
    /* On a pool thread, inside a transaction (writer) or read snapshot (reader). Returns 0 or ERR_; may fill op->err. */
    int (*run)(struct db *db, struct dbq_op *op);
    /* On the loop thread, exactly once, later: rc is run's, or why the commit failed, or ERR_CLOSED. */
    void (*done)(struct dbq_op *op, int rc);
    int flags;
    struct err err;
    /* owned by dbq */
    struct list link;
    int rc;
};

/* Opens both connections on the pool; opened(arg, rc, err) runs once, later. On rc != 0 only dbq_close may follow. */
struct dbq *dbq_open(uv_loop_t *loop, const char *path, void (*opened)(void *arg, int rc, const struct err *e), void *arg);
/* Lets what is queued finish, checkpoints, closes both connections; closed runs once, later, then memory is gone. New operations
 * get ERR_CLOSED. */
void dbq_close(struct dbq *q, void (*closed)(void *arg), void *arg);

/* Never fails: errors come through done. */
void dbq_write(struct dbq *q, struct dbq_op *op);
void dbq_read(struct dbq *q, struct dbq_op *op);
/* For another program's database: run gets NULL, no transaction is begun, one operation at a time in their order. */
void dbq_beside(struct dbq *q, struct dbq_op *op);

/* A transaction writes whole pages, mostly the same ones again, so ten answers in one cost a fraction of ten by themselves: on a
 * card that counts. With ms > 0 patient operations are held until ms after the last transaction began; any other operation takes
 * them along at once. 0, the default, holds nothing. */
void dbq_gather(struct dbq *q, uint64_t ms);

/* True above the high-water mark (1000 waiting in the writer strand, 500 in the reader): scan pauses, the API answers 503, enrich
 * takes no new job. */
bool dbq_is_full(const struct dbq *q);
/* The counts as of the last commit: exact, in memory. */
const struct counts *dbq_counts(const struct dbq *q);
/* Called on the loop thread after each commit, after counts were refreshed and before the operations' done. */
void dbq_on_commit(struct dbq *q, void (*committed)(void *arg), void *arg);

struct dbq_stats { uint64_t writes, reads, transactions; uint64_t worst_transaction_ms; size_t waiting_writes, waiting_reads; };
struct dbq_stats dbq_stats(const struct dbq *q);

#endif
