/* The worker: takes songs off the queue, asks providers within their limits, stores and tells.
 *
 * One lane per provider, each with its own budget, breaker and state; a song advances from lane to
 * lane through the queue's asked mask. A job walks BEGIN, SLOT, FETCH, READ, STORE; job.c shows the
 * states and allowed edges as a table. Loop thread only.
 */
#ifndef SONGBOOKD_WORK_ENRICH_H
#define SONGBOOKD_WORK_ENRICH_H

#include <uv.h>

#include "base/clock.h"
#include "base/json.h"
#include "config/config.h"
#include "net/http_client.h"
#include "store/dbq.h"
#include "store/state.h"
#include "work/events.h"

enum worker_mode { WORKER_STOPPED, WORKER_PAUSED, WORKER_RUNNING };
const char *worker_mode_name(enum worker_mode m);   /* "stopped", "paused", "running" */

struct enrich;
struct enrich_deps {                 /* borrowed for its life */
    uv_loop_t *loop;
    const struct clock *clock;
    struct dbq *q;
    struct http_client *http;
    struct events *events;
    const struct config *config;
    /* Called when a lane came to rest or moved on: --once looks whether it is done. */
    void (*idle)(void *arg);
    void *arg;
};

/* Reads worker and provider state through the queue; ready runs once, later. */
struct enrich *enrich_new(const struct enrich_deps *d, void (*ready)(void *arg, int rc), void *arg);
/* Stops taking jobs, cancels requests (attempts refunded); closed runs once, later. The memory stays until enrich_free: store
 * operations of others that end meanwhile may still wake, reconfigure and read it. Nothing may be asked of it any more. */
void enrich_close(struct enrich *w, void (*closed)(void *arg), void *arg);
/* After closed has run. NULL is fine. */
void enrich_free(struct enrich *w);

/* The seed's commands; done(arg, rc, changed, mode) runs once, later, when the wish is stored.
 * start: ERR_UNAVAILABLE when no provider is usable. pause and resume change nothing unless running / paused. */
typedef void (*worker_cb)(void *arg, int rc, bool changed, enum worker_mode mode);
enum worker_command { WORKER_CMD_START, WORKER_CMD_PAUSE, WORKER_CMD_RESUME, WORKER_CMD_STOP };
void enrich_command(struct enrich *w, enum worker_command cmd, worker_cb done, void *arg);
enum worker_mode enrich_mode(const struct enrich *w);
/* Songs were queued or settings changed: look again. */
void enrich_wake(struct enrich *w);
/* Settings changed: keys, rates, URLs, enabled are read anew. */
void enrich_reconfigure(struct enrich *w);
/* Others need the machine: SLOW, each provider is asked once in five seconds at most; STOP, no song is taken off the queue.
 * What is in flight ends, and what a person asks for is asked all the same. sentence (copied) says why. */
enum hold_level { HOLD_NONE, HOLD_SLOW, HOLD_STOP };
void enrich_hold(struct enrich *w, enum hold_level level, const char *sentence);
/* True when nothing is in flight or takeable now. */
bool enrich_is_idle(const struct enrich *w);
/* Monotonic ms of the last time a song advanced; for --wait. */
uint64_t enrich_last_advance(const struct enrich *w);

/* Members of /progress that the worker knows: running paused total_* started_at state rate_per_second eta_seconds
 * dating_remaining requests dating_requests requests_per_song offline
 * providers{...}. */
void enrich_progress_json(const struct enrich *w, struct json_out *o);
/* One line about the requests of this run, for the log and the end of --once. */
void enrich_summary(const struct enrich *w, char *out, size_t size);
/* The array for GET /providers. */
void enrich_providers_json(const struct enrich *w, struct json_out *o);
/* Asks the usable providers for one song now, outside the queue's order but within the limits (POST suggestions);
 * done(arg, rc) when stored. ERR_UNAVAILABLE while the worker rests, ERR_BUSY when too many are asked for, ERR_TIMEOUT after
 * 20 s. */
void enrich_ask(struct enrich *w, int64_t song_id, void (*done)(void *arg, int rc), void *arg);
/* Asks every usable provider once with these words (copied; artist may be ""), within the limits, and keeps what it answers as
 * candidates of the song, in place of those that it gave before. The song itself, its attempts and its place in the queue stay
 * as they are. done(arg, rc) when all that came is stored: ERR_TIMEOUT when not all answered within 20 s (the rest is dropped),
 * ERR_NOT_FOUND without such a song, ERR_UNAVAILABLE while the worker rests, ERR_BUSY when too much is asked for. */
void enrich_ask_words(struct enrich *w, int64_t song_id, const char *artist, const char *title, void (*done)(void *arg, int rc),
                      void *arg);
/* One test request to a provider with its present key (POST /settings/test): kind per answer_class_name, sentence in detail.
 * One at a time for each provider: ERR_BUSY. */
void enrich_test(struct enrich *w, int provider, void (*done)(void *arg, int rc, const char *kind, const char *detail),
                 void *arg);

#endif
