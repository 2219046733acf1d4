/* The worker's inside: enrich.c (the worker and its commands), lane.c (one provider's budget, breaker and state), job.c (one
 * question to one provider), ask.c (what a person asks beside the queue), enrich_tell.c (what it tells). Private to these files.
 * Loop thread only. */
#ifndef SONGBOOKD_WORK_ENRICH_INTERNAL_H
#define SONGBOOKD_WORK_ENRICH_INTERNAL_H

#include "base/list.h"
#include "net/rate_limit.h"
#include "provider/provider.h"
#include "store/queue.h"
#include "work/enrich.h"

struct lane;

enum job_state {
    JOB_BEGIN,    /* the attempt is being written */
    JOB_SLOT,     /* armed: waits for a token and a place in flight */
    JOB_FETCH,    /* the request is on its way */
    JOB_READ,     /* the answer is read and judged on the pool */
    JOB_STORE,    /* the outcome is being written */
    JOB_REFUND,   /* the attempt is being given back */
    JOB_DONE      /* about to be freed */
};

typedef void (*test_cb)(void *arg, int rc, const char *kind, const char *detail);

struct job {
    struct list link;            /* in enrich.jobs */
    struct list slot_link;       /* in lane.slots while JOB_SLOT */
    struct lane *lane;
    enum job_state state;
    struct queue_item item;      /* song_id 0 for a test request */
    char *artist, *title;        /* what is asked; owned copies, item.song may be replaced */
    char *pair_key;
    bool order_open;
    int stage;
    bool begun;                  /* the attempt is written */
    bool from_cache;
    bool unsent;                 /* its token was taken, the request has not gone out yet */
    bool closing;                /* shutdown or pause: ends as soon as it can, refunded */
    struct fetch *fetch;
    struct dbq_op op;
    uv_work_t work;
    /* the reply, owned */
    int transport, status;
    char *content_type, *retry_after, *rate_zone;
    struct buf body;
    /* read on the pool */
    struct candidates candidates;   /* of all stages */
    struct provider_answer answer;
    int chosen;
    double confidence;
    bool contradicts;
    struct outcome outcome;
    struct outcome_result result;
    int64_t refund_until_ms;
    test_cb test_done;
    void *test_arg;
};

enum lane_state { LANE_OK, LANE_DISABLED, LANE_NEEDS_KEY, LANE_KEY_REFUSED };

struct lane {
    struct enrich *w;
    const struct provider *p;
    char *url, *key, *ca_file;           /* owned copies of the settings in force */
    struct provider_settings settings;
    struct provider_state kept;          /* as stored */
    enum lane_state state;
    struct rate_limit *limit;
    double interval_ms;                  /* by the settings; a penalty may stretch it */
    struct list slots;                   /* armed jobs, first come first */
    int in_flight;
    bool peeking, dry;
    bool look_again;                     /* woken while peeking: the answer may be older than what woke us */
    uint64_t resume_at;                  /* monotonic ms until which the lane takes no job; 0 none */
    uint64_t slow_until;                 /* monotonic ms; 1 request/s at most until then */
    bool offline;
    int refusals, failures, offlines;    /* in a row */
    uv_timer_t timer;                    /* resume_at, or the earliest song held back */
    char detail[160];                    /* the last trouble, for a person */
    const char *told;                    /* the state that was published last */
    uint64_t requests, found, not_found, refused, failed, cached;
    /* the peek under way */
    struct dbq_op peek;
    struct queue_item items[8];
    int64_t skip[64];
    size_t n_skip;
    int64_t passed[32];                  /* songs that wait for another one's answer; forgotten when the lane is woken */
    size_t n_passed;
    int n_items;
    unsigned after;
    int64_t next_at;
};

#define ASKS_MAX 64                      /* songs asked for at a time; as many as the server has connections */

struct ask {
    struct list link;
    struct enrich *w;
    int64_t song_id;
    struct dbq_op op;
    uv_timer_t timer;
    bool queued, finished;
    int rc;
    void (*done)(void *arg, int rc);
    void *arg;
};

#define RATE_SECONDS 60

struct enrich {
    struct enrich_deps d;
    char *user_agent;
    struct worker_state wish;
    struct lane lanes[PROVIDER_COUNT];   /* p NULL where there is no such provider */
    struct list jobs;
    struct list asks;
    enum hold_level hold;
    char hold_why[160];
    bool ready, closing;
    uint64_t last_advance;
    uint32_t done_in[RATE_SECONDS];      /* songs that left the queue, per second of monotonic time */
    uint64_t done_second;
    int open;                            /* things that must end before the memory goes */
    bool settling, settle_again;
    void (*ready_cb)(void *arg, int rc);
    void *ready_arg;
    uv_timer_t recheck_timer;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* enrich.c */
void enrich_advanced(struct enrich *w, bool left_queue);
void enrich_job_ended(struct enrich *w);
void enrich_song_stored(struct enrich *w, const struct outcome_result *r, const char *source);
void enrich_release(struct enrich *w);
unsigned enrich_usable(const struct enrich *w);       /* mask of providers that can be asked, now or after a pause */
void enrich_settle(struct enrich *w);
bool enrich_is_running(const struct enrich *w);
void enrich_regained(struct enrich *w);               /* a provider can be asked that could not be before */

/* ask.c */
void ask_finish(struct ask *a, int rc);               /* answers it; harmless when it was */

/* enrich_tell.c */
void enrich_count_done(struct enrich *w);             /* a song left the queue: for the rate */

/* lane.c */
void lane_init(struct lane *l, struct enrich *w, const struct provider *p);
void lane_close(struct lane *l);
void lane_free_texts(struct lane *l);
void lane_configure(struct lane *l);
bool lane_is_usable(const struct lane *l);            /* enabled, with a key where needed */
bool lane_is_blocked(const struct lane *l);           /* usable, but resting for a while */
void lane_fill(struct lane *l);                       /* takes songs off the queue as the budget allows */
void lane_wake(struct lane *l);                       /* something changed: looks again although the queue was dry */
void lane_drop_armed(struct lane *l);                 /* pause, stop, key refused: armed jobs are refunded */
void lane_took_answer(struct lane *l, const struct provider_answer *a);
void lane_slot_wanted(struct lane *l);
void lane_store_failed(struct lane *l);
void lane_publish(struct lane *l);
void lane_json(const struct lane *l, struct json_out *o, const char *key);
const char *lane_word(const struct lane *l);          /* "ok", "pacing", "refused", ... */
uint64_t lane_rest_ms(const struct lane *l);          /* until it takes jobs again; 0 now */
double lane_interval(const struct lane *l);           /* ms between two requests, at present */
void lane_pace(struct lane *l);                       /* what decides the interval changed */
int lane_patience(const struct lane *l);              /* DBQ_PATIENT while so much waits that company will come, else 0 */
void lane_slow_down(struct lane *l, uint64_t ms);     /* one request a second at most, for so long */

/* job.c */
struct job *job_new(struct lane *l, struct queue_item *item);   /* takes the item */
struct job *job_new_test(struct lane *l, test_cb done, void *arg);
void job_start(struct job *j);
void job_drop(struct job *j);                         /* instead of job_start: nothing was written for it */
bool job_fetch(struct job *j);                        /* the token was taken: send; false when it ended at once */
void job_cancel(struct job *j);

#endif
