/* Private to pikaraoke*.c. Loop thread only, except the run functions. */
#ifndef SONGBOOKD_WORK_PIKARAOKE_INTERNAL_H
#define SONGBOOKD_WORK_PIKARAOKE_INTERNAL_H

#include "store/pk_songs.h"
#include "work/intake.h"
#include "work/mirror.h"
#include "work/pikaraoke.h"

struct pikaraoke;

/* --- pikaraoke_follow.c --------------------------------------------------------------------------- */

enum follow_phase {
    FOLLOW_IDLE,
    FOLLOW_LOAD,       /* the picture of its rows is read from our database */
    FOLLOW_READ,       /* a slice of its rows is compared with the picture */
    FOLLOW_STAT,       /* the files of new and changed rows are looked at */
    FOLLOW_FEED,       /* they go to the intake, which wants room for the next slice */
    FOLLOW_DRAIN,      /* all rows are read; the intake still stores */
    FOLLOW_GONE,       /* songs whose rows are gone lose them */
    FOLLOW_LOST,       /* songs that lost their row to another one become absent */
    FOLLOW_PLAYS,      /* a slice of its play history is counted */
    FOLLOW_SUNG,       /* its songs learn how often they were sung */
    FOLLOW_PHASES
};

struct follow_row {
    int64_t id, size, mtime_ms;       /* size -1: there is no such file */
    char *path;
    char made[PK_MADE_BYTES];
    int format;
};

struct follow {
    struct pikaraoke *p;
    enum follow_phase phase;
    bool wanted;                      /* something changed there */
    bool op_busy, slot_busy;
    struct mirror *mirror;            /* NULL: not loaded, or no longer to be believed */
    struct mirror_pass pass;
    struct dbq_op op;
    uv_work_t work;
    struct lot *lot;                  /* what the slot works on; NULL: the files of rows */
    struct follow_row *rows;          /* PK_ROWS_MAX */
    size_t n_rows;
    int64_t after;                    /* of the slice; in LOAD of the page */
    int read;                         /* rows of the slice */
    int64_t *gone;
    size_t n_gone, cap_gone, gone_done;
    int64_t lost;
    struct pk_sung sung[PK_PLAYS_MAX];
    int n_sung;
    int64_t plays_after, plays_read;  /* the last play that our songs know; of the slice */
    bool plays_end, plays_refused;
    bool recount;                     /* rows came or changed: from the first play on */
    int64_t raised;
    struct folders folders;
    struct intake *in;
    bool complete;                    /* its list was read to its end in this process */
    bool empty;                       /* its list is empty: its own scan has not run */
    uint64_t gone_since;              /* monotonic ms since most of its rows are gone; 0 not so */
    uint64_t passes, added, moved, gone_total, pass_ms;
    uint64_t begun_ms;
};

void follow_init(struct follow *f, struct pikaraoke *p);
/* Everything that may go on goes on. */
void follow_step(struct follow *f);
void follow_set_folder(struct follow *f, const char *folder);
bool follow_is_quiet(const struct follow *f);       /* nothing is in flight */
void follow_deinit(struct follow *f);

/* --- pikaraoke_publish.c ---------------------------------------------------------------------------- */

enum publish_phase {
    PUBLISH_IDLE,
    PUBLISH_TAKE,      /* our database: what is next, and noting what is intended */
    PUBLISH_WRITE,     /* its database: one transaction */
    PUBLISH_AGAIN,     /* the same songs wait for another try */
    PUBLISH_RECORD,    /* our database: what came of it */
    PUBLISH_COUNT,     /* numbers for people */
    PUBLISH_PHASES
};

struct publish {
    struct pikaraoke *p;
    enum publish_phase phase;
    bool wish;                        /* the owner's */
    bool hold;                        /* others need the machine */
    bool hint, recount;               /* there may be something to publish; numbers to read */
    bool retry_held;
    bool progressed;                  /* something of this round is settled */
    struct dbq_op op;
    struct pk_song songs[PK_BATCH_MAX];
    int n;
    int64_t after, now_ms;
    struct pk_report report;
    struct pk_counts counts, fresh;
    uv_timer_t timer, beat;
    uint64_t last_beat, not_before, stalled_until, stuck_until, retry_at, counted_at;
    uint64_t own_writes, foreign_writes;   /* operations on our database */
    uint64_t begin_before;
    int busy_in_row;
    char trouble[240];                /* for a person; "" none */
    /* since start */
    uint64_t transactions, written, busy, stalls, longest_lock_us, lock_us;
};

void publish_init(struct publish *b, struct pikaraoke *p);
void publish_step(struct publish *b);
void publish_hint(struct publish *b);
/* Rows that could not be found there may be now. */
void publish_unstick(struct publish *b);
void publish_committed(struct publish *b);
bool publish_is_quiet(const struct publish *b);
void publish_close(struct publish *b);
bool publish_is_on(const struct publish *b);

/* --- pikaraoke_queue.c ------------------------------------------------------------------------------- */

struct queue_poll {
    struct pikaraoke *p;
    struct fetch *fetch;
    struct dbq_op op;
    bool op_busy, playing;
    bool none_soon;                   /* its queue was empty, and that is stored */
    char **paths;
    size_t n_paths;
    int64_t raised;
    uint64_t next_at;
    int failures;
    const char *state;                /* "off", "ok", "unreachable", "locked" */
    size_t waiting;                   /* songs in its queue at the last look */
};

void queue_poll_init(struct queue_poll *c, struct pikaraoke *p);
void queue_poll_tick(struct queue_poll *c);
bool queue_poll_is_quiet(const struct queue_poll *c);
void queue_poll_deinit(struct queue_poll *c);

/* --- pikaraoke.c ---------------------------------------------------------------------------------------- */

struct pikaraoke {
    struct pikaraoke_deps d;
    bool off;                         /* the owner said none, or there is nothing to look for */
    bool closing, closed_told, started;
    char *path;
    struct pk *pk;                    /* used by beside operations only, which run one at a time */
    struct dbq_op look_op;
    bool looking;
    struct dbq_op close_op;
    bool close_busy;
    bool look_publish;                /* as the running look has it */
    struct pk_look seen;              /* written by the pool */
    struct pk_look now;               /* the loop's */
    char *folder;                     /* of the last list that was read; kept while it cannot be read */
    char *remembered_path, *remembered_folder;
    struct dbq_op state_op;
    bool state_busy;
    int64_t rows;
    uint64_t held_again_at;
    uv_timer_t timer;
    int handles;
    struct follow follow;
    struct publish publish;
    struct queue_poll queue;
    void (*ready)(void *arg, int rc);
    void *ready_arg;
    void (*closed)(void *arg);
    void *closed_arg;
};

void pikaraoke_ended(struct pikaraoke *p);           /* something in flight ended */
void pikaraoke_on_handle_closed(uv_handle_t *h);     /* h->data is the pikaraoke */
void pikaraoke_leave_folder(struct pikaraoke *p);    /* its list was read: our scan leaves its folder to it */
bool pikaraoke_is_readable(const struct pikaraoke *p);

#endif
