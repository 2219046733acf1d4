/* A batch's inside. batch.c: what it holds, its way through the stages, what others ask of it; batch_ask.c: its requests;
 * batch_store.c: what they brought, stored and told. Private to these files. Loop thread, except where "pool" is said.
 */
#ifndef SONGBOOKD_WORK_BATCH_INTERNAL_H
#define SONGBOOKD_WORK_BATCH_INTERNAL_H

#include "work/enrich_internal.h"

#define BATCH_ROWS (2 * BATCH_SONGS)     /* both orders of every name */

enum stage {
    STAGE_BEGIN,                 /* the attempts are being written */
    STAGE_NAMES,                 /* the pairs are being asked for */
    STAGE_STORE,                 /* the names are being written */
    STAGE_GENRES,                /* the accepted recordings' genres are being asked for, then written */
    STAGE_DATES,                 /* the same for their first releases */
    STAGE_DONE                   /* about to be freed */
};

enum row_state { ROW_OPEN, ROW_ANSWERED, ROW_FAILED, ROW_BACK };

/* One pair as ListenBrainz is asked for it. */
struct row {
    char *artist, *title, *key;
    enum row_state state;
    struct candidate hit;        /* mbid NULL: a miss */
};

/* What one or more songs of the same names want to know. */
struct question {
    char *artist, *title, *pair_key;
    bool order_open, from_cache;
    int rows[2];                 /* as the name stands, and exchanged; -1 none */
    struct candidates answer;
};

struct entry {
    struct queue_item item;
    int question;
    bool begun, gone;
    int fact;                    /* of the accepted candidate; -1 none */
    struct outcome_result result;
};

/* What is learnt of one recording after its name. */
struct fact {
    char *mbid;
    struct candidate genres, dates;   /* mbid NULL until known */
};

struct batch {
    struct list link;
    struct lane *lane;
    enum stage stage;
    int rank, priority;          /* of its most urgent song */
    bool closing;
    struct entry entries[BATCH_SONGS];
    struct question questions[BATCH_SONGS];
    struct row rows[BATCH_ROWS];
    struct fact facts[BATCH_SONGS];
    int n_entries, n_questions, n_rows, n_facts;
    struct list requests;        /* of the present stage; batch_ask.c's */
    char detail[160];            /* the last trouble */
    int64_t back_until_ms;       /* refunded songs rest until then; 0 none */
    struct dbq_op op;
};

/* batch.c */
int64_t batch_wall(const struct batch *b);
bool batch_may_ask(const struct batch *b, const struct lane *l);   /* nothing speaks against sending l a request */
bool question_is_asked(const struct question *q);                  /* something of it goes to the provider */
/* ROW_ANSWERED, ROW_FAILED, or ROW_BACK when one of its rows was not asked for to the end. Any thread. */
enum row_state question_state(const struct batch *b, const struct question *q);
void batch_asked(struct batch *b);                    /* the last request of the stage has ended */
void batch_stored(struct batch *b, int rc, const struct err *e);   /* what the stage brought is written, or could not be */

/* batch_ask.c */
/* Asks for the first count rows (STAGE_NAMES) or facts, in requests as large as they may be. Ends in batch_asked, in a later
 * turn of the loop; count > 0. */
void batch_ask(struct batch *b, const struct bulk *bulk, int count);
void batch_cancel_requests(struct batch *b);          /* those on their way; what waits for a turn is dropped with the turns */

/* batch_store.c */
void batch_store_names(struct batch *b);              /* ends in batch_stored */
void batch_store_facts(struct batch *b);              /* ends in batch_stored */

#endif
