/* The worker's inside. enrich.c: the worker and its commands; lane.c: one provider's budget and who may use it next;
 * lane_take.c: taking songs off the queue for it; lane_trouble.c: what its answers do to it; lane_tell.c: what it says of
 * itself; job.c: one song's question; batch.c: many songs' questions in few requests (its inside: batch_internal.h); ask.c: what
 * a person asks beside the queue; words.c: what a person asks with other words; enrich_tell.c: what the worker tells. Private
 * to these files. Loop thread only.
 */
#ifndef SONGBOOKD_WORK_ENRICH_INTERNAL_H
#define SONGBOOKD_WORK_ENRICH_INTERNAL_H

#include "base/list.h"
#include "net/rate_limit.h"
#include "provider/bulk.h"
#include "provider/provider.h"
#include "store/queue.h"
#include "work/enrich.h"

struct lane;

/* Somebody who waits for a token of a lane to send one request. */
struct turn {
    struct list link;            /* in lane.turns while waiting */
    struct lane *lane;
    int end;                     /* endpoint */
    int rank;                    /* lower goes first; among equals first come first */
    bool unsent;                 /* its token was taken, the request has not gone out yet */
    uint64_t not_before;         /* monotonic ms; a shed request waits without holding up the others */
    bool (*go)(struct turn *t);  /* the token was taken: sends; false when nothing was sent */
    void (*drop)(struct turn *t);   /* the lane cannot be asked any more, or the worker rests */
};
enum { RANK_WANTED = -1, RANK_MANY = 0, RANK_SONG = 1, RANK_DATE = 2 };

/* What came back; owned. */
struct reply {
    int transport, status;
    char *content_type, *retry_after, *rate_zone, *rate_remaining, *rate_reset_in;
    struct buf body;
};
void reply_init(struct reply *r);
void reply_deinit(struct reply *r);
void reply_take(struct reply *r, const struct fetch_result *f);   /* takes the body */
struct provider_reply reply_view(const struct reply *r);

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
    struct turn turn;            /* waits while JOB_SLOT */
    struct lane *lane;
    enum job_state state;
    struct queue_item item;      /* song_id 0 for a test, a probe and words of a person: nothing of them is in the queue */
    struct words *words;         /* or NULL; outlives its jobs */
    bool probe;                  /* a question of our own: is the outage over? */
    char *artist, *title;        /* what is asked; owned copies, item.song may be replaced */
    char *pair_key;
    bool order_open;
    int stage;
    bool begun;                  /* the attempt is written */
    bool from_cache;
    bool closing;                /* shutdown or pause: ends as soon as it can, refunded */
    struct fetch *fetch;
    struct dbq_op op;
    uv_work_t work;
    struct reply reply;
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

/* One endpoint's breaker: rests after trouble, then lets one request at a time find out whether it is over. */
struct endpoint {
    uint64_t resume_at;                  /* monotonic ms; 0 none */
    uint64_t locked_until;               /* monotonic ms: it wants a token it did not want before; looked at again daily */
    bool offline;
    int refusals, failures, offlines;    /* in a row */
    int in_flight;
    char detail[160];                    /* the last trouble, for a person */
    uint64_t requests;
};

#define LANE_SKIP_MAX 512

struct lane {
    struct enrich *w;
    const struct provider *p;
    char *url, *labs_url, *key, *ca_file;   /* owned copies of the settings in force */
    struct provider_settings settings;
    struct provider_state kept;          /* as stored */
    enum lane_state state;
    struct rate_limit *limit;
    double interval_ms;                  /* by the settings; a penalty may stretch it */
    struct list turns;                   /* who waits for a token, by rank */
    int in_flight;
    struct endpoint ends[ENDPOINTS_MAX];
    uint64_t slow_until;                 /* monotonic ms; 1 request/s at most until then */
    uint64_t last_pause_until;           /* monotonic ms; the provider's own budget was used up */
    uv_timer_t timer;                    /* an endpoint's rest, or the earliest song held back */
    const char *told;                    /* the state that was published last */
    uint64_t requests, found, not_found, refused, failed, cached, dating;
    uint64_t first_request_at;           /* monotonic ms; for the share of the budget that is used */
    /* taking songs */
    bool peeking, dry;
    bool look_again;                     /* woken while peeking: the answer may be older than what woke us */
    uint64_t company_since;              /* monotonic ms since when too few songs for a batch are there; 0 none */
    struct dbq_op peek;
    struct queue_item *items;            /* room for lane_take_max */
    int n_items, most;
    bool whole;                          /* a glance found what a whole look must take */
    int64_t skip[LANE_SKIP_MAX];
    size_t n_skip;
    int64_t passed[LANE_SKIP_MAX / 4];   /* songs that wait for another one's answer; forgotten when the lane is woken */
    size_t n_passed;
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

#define WORDS_MAX 8                      /* questions in own words at a time: each costs requests that the songs could have */

struct words {
    struct enrich *w;
    int64_t song_id;
    char *artist, *title, *variant;      /* owned; variant is the song's, or NULL */
    struct dbq_op op;
    uv_timer_t timer;
    int refused;                         /* an ERR_ that needs no look at the song */
    int open;                            /* jobs that have not ended */
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
    struct list batches;
    struct list asks;
    int n_words;                         /* questions in own words that are not yet answered */
    enum hold_level hold;
    char hold_why[160];
    bool ready, closing;
    uint64_t last_advance;
    uint64_t named;                      /* songs whose names were done with in this run */
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
void enrich_advanced(struct enrich *w, const struct outcome_result *r);
void enrich_job_ended(struct enrich *w);
void enrich_song_stored(struct enrich *w, const struct outcome_result *r, const char *source);
void enrich_release(struct enrich *w);
void enrich_retained(struct enrich *w);               /* w stays until enrich_release */
unsigned enrich_usable(const struct enrich *w);       /* mask of providers that can be asked, now or after a pause */
void enrich_settle(struct enrich *w);
bool enrich_is_running(const struct enrich *w);
void enrich_regained(struct enrich *w);               /* a provider can be asked that could not be before */

/* ask.c */
void ask_finish(struct ask *a, int rc);               /* answers it; harmless when it was */

/* words.c */
void words_answered(struct words *q, int rc);         /* one of its jobs has ended: 0 answered, ERR_TIMEOUT not */

/* enrich_tell.c */
void enrich_count_done(struct enrich *w);             /* a song left the queue: for the rate */

/* lane.c */
void lane_init(struct lane *l, struct enrich *w, const struct provider *p);
void lane_close(struct lane *l);
void lane_free_texts(struct lane *l);
void lane_configure(struct lane *l);
bool lane_is_usable(const struct lane *l);            /* enabled, and somewhere it can be asked for names */
int lane_front(const struct lane *l);                 /* the endpoint that names songs, or -1 when none is open */
bool lane_is_blocked(const struct lane *l);           /* usable, but its front rests for a while */
bool lane_is_offline(const struct lane *l);
uint64_t lane_rest_ms(const struct lane *l);          /* until its front takes requests again; 0 now */
double lane_interval(const struct lane *l);           /* ms between two requests, at present */
void lane_pace(struct lane *l);                       /* what decides the interval changed */
int lane_patience(const struct lane *l);              /* DBQ_PATIENT while so much waits that company will come, else 0 */
void lane_slow_down(struct lane *l, uint64_t ms);     /* one request a second at most, for so long */
void lane_look_again_in(struct lane *l, uint64_t ms);
uint64_t lane_now(const struct lane *l);
void lane_mark_key(const struct lane *l, char out[20]);
void turn_init(struct turn *t, struct lane *l, int end, int rank, bool (*go)(struct turn *), void (*drop)(struct turn *));
void turn_wait(struct turn *t);                       /* go runs later, from a timer */
void turn_leave(struct turn *t);                      /* harmless when it does not wait */
/* A request of the turn's endpoint was handed to the network, went out (each time), and has ended. */
void turn_sent(struct turn *t);
void turn_went_out(struct turn *t);
void turn_back(struct turn *t);
int lane_turns_waiting(const struct lane *l);
void lane_turns_wanted(struct lane *l);
/* Whoever waits gives back: pause, stop, key refused (ALL_ENDS), or an outage of one endpoint. */
#define ALL_ENDS (-1)
void lane_drop_turns(struct lane *l, int end);

/* lane_take.c */
void lane_fill(struct lane *l);                       /* takes songs off the queue as the budget allows */
void lane_wake(struct lane *l);                       /* something changed: looks again although the queue was dry */
void lane_store_failed(struct lane *l);

/* lane_trouble.c */
void lane_took_answer(struct lane *l, int end, const struct provider_answer *a);
bool endpoint_is_locked(const struct lane *l, int end);
uint64_t endpoint_rest_ms(const struct lane *l, int end);
int endpoint_flight_limit(const struct lane *l, int end);
bool endpoint_is_open(const struct lane *l, int end);   /* can be asked now or within a moment: neither locked nor resting */
bool endpoint_is_failing(const struct lane *l, int end);   /* so often in a row that it rests */

/* lane_tell.c */
void lane_publish(struct lane *l);
void lane_tell_change(struct lane *l);                /* publishes when the state is another than was told */
void lane_json(const struct lane *l, struct json_out *o, const char *key);
double lane_budget_used(const struct lane *l);        /* 0..1 of what its pace allowed since its first request */
const char *lane_word(const struct lane *l);          /* "ok", "pacing", "refused", ... */

/* batch.c */
#define BATCH_SONGS 100
#define BATCHES_MAX 6
/* Takes the items (1..BATCH_SONGS); none of them is asked for elsewhere. */
void batch_start(struct lane *l, struct queue_item *items, int n);
bool batch_may_start(const struct lane *l);           /* the lane has use for another one */
int batches_urgency(const struct enrich *w);          /* the highest priority whose names are being asked for; at least 0 */
bool batches_are_full(const struct enrich *w);        /* not even one that somebody waits for may start */
bool batches_hold_song(const struct enrich *w, int64_t song_id);   /* its names are being asked for */
bool batches_hold_pair(const struct enrich *w, const char *pair_key);
void batches_skip(const struct enrich *w, struct lane *l);         /* adds their songs to lane.skip */
void batches_cancel(struct enrich *w);
void lane_skip_song(struct lane *l, int64_t song_id);

/* job.c */
/* How long a song that failed waits: 5 s, 10 s, 20 s ... with a quarter of jitter either way, so that songs that failed together
 * do not return together. */
int64_t job_retry_ms(int attempts);
bool job_order_is_open(const struct queue_item *i);   /* which of the two names is the artist is still to be found out */
struct job *job_new(struct lane *l, struct queue_item *item);   /* takes the item */
struct job *job_new_test(struct lane *l, test_cb done, void *arg);
/* After an outage a question about a song that every provider knows goes first: none of the library pays for finding out
 * whether it is over. */
struct job *job_new_probe(struct lane *l);
struct job *job_new_words(struct lane *l, struct words *q);
int job_single_end(const struct lane *l);             /* where one question outside the queue is asked */
void job_start(struct job *j);
void job_drop(struct job *j);                         /* instead of job_start: nothing was written for it */
void job_cancel(struct job *j);

#endif
