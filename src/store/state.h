/* Small persistent state: the worker's wish and counters, each provider's limits, settings made through the API. See db.h. */
#ifndef SONGBOOKD_STORE_STATE_H
#define SONGBOOKD_STORE_STATE_H

#include "song/song.h"
#include "store/db.h"

/* enrichment_state, the seed's keys: worker_running, worker_paused ("true"/"false"), worker_started_at (ISO), total_*. */
struct worker_state { bool known; bool running, paused; int64_t started_at_ms; /* 0 never */ };
int state_worker_get(struct db *db, struct worker_state *out, struct err *e);   /* known false when nothing was ever stored */
/* reset_totals: a fresh start sets total_* to 0. */
int state_worker_set(struct db *db, const struct worker_state *s, bool reset_totals, struct err *e);

/* Adds one to the start count and returns it (1 at the first start): the high part of event numbers. */
int state_count_start(struct db *db, int64_t *count, struct err *e);

struct provider_state {
    int64_t refused_until_ms;   /* 0 none */
    int64_t slow_until_ms;      /* penalty rate until then; 0 none */
    bool key_refused;           /* until the key changes */
    char key_mark[20];          /* hash of the key it was refused for, hex; never the key */
};
int state_provider_get(struct db *db, enum provider_id p, struct provider_state *out, struct err *e);
int state_provider_set(struct db *db, enum provider_id p, const struct provider_state *s, struct err *e);

/* Settings made through the API: key "section.key" to text. No secrets: those live in a file of mode 0600 (config/). */
int settings_each(struct db *db, void (*row)(const char *key, const char *value, void *arg), void *arg, struct err *e);
int settings_set(struct db *db, const char *key, const char *value, int64_t now_ms, struct err *e);   /* value NULL removes */

#endif
