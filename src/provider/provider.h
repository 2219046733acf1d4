/* A provider: what it is called, how it is asked, how its answers are read. No state, no network.
 *
 * Every function is pure, so answers are read on a pool thread. The network, the limits and the
 * breaker belong to work/enrich, net/http_client and net/rate_limit.
 */
#ifndef SONGBOOKD_PROVIDER_PROVIDER_H
#define SONGBOOKD_PROVIDER_PROVIDER_H

#include "base/err.h"
#include "song/match.h"

/* How an answer is to be treated; docs/architecture.md "What an answer means". */
enum answer_class {
    ANSWER_FOUND,       /* candidates were read (the matcher decides whether one fits) */
    ANSWER_NOT_FOUND,   /* the provider says there is no such song: cache with its date */
    ANSWER_REFUSED,     /* not this song's fault: 429, 503, error 29: no attempt counted, wait */
    ANSWER_FAILED,      /* timeout, 5xx, nonsense: one attempt */
    ANSWER_KEY,         /* key, token or User-Agent refused: stop the provider, tell the owner */
    ANSWER_OFFLINE      /* no network at all (DNS, connect): wait, no attempt counted */
};
const char *answer_class_name(enum answer_class c);   /* "found", "not_found", "refused", ... */

struct provider_settings {       /* borrowed strings */
    const char *url;             /* root, e.g. "https://ws.audioscrobbler.com/2.0/" or "https://musicbrainz.org/ws/2" */
    const char *key;             /* API key or token; NULL or "" when there is none */
    const char *labs_url;        /* ListenBrainz' labs; NULL for the others */
};

struct provider_request {
    char *url;                   /* owned; may hold the key: log only through log_redact */
    char *header;                /* owned, one extra header line (may hold the key), or NULL */
    char *body;                  /* owned, JSON to be posted, or NULL for GET */
};
void provider_request_deinit(struct provider_request *r);

/* What came back; borrowed. transport is 0 or the ERR_ code of a request that got no whole answer. */
struct provider_reply {
    int transport;
    int status;                  /* HTTP status; 0 with a transport error */
    const char *content_type;    /* or NULL */
    const char *retry_after;     /* header text or NULL */
    const char *rate_zone;       /* x-ratelimit-zone or NULL */
    struct slice body;
    const char *rate_remaining;  /* x-ratelimit-remaining or NULL */
    const char *rate_reset_in;   /* x-ratelimit-reset-in or NULL */
};

struct provider_answer {
    enum answer_class kind;
    struct candidates candidates;
    int retry_after_s;           /* for REFUSED: seconds to wait; 0 when none are named (Retry-After: 0 counts as none) */
    bool slow_down;              /* for REFUSED: our own rate was too high (error 29, per-IP 503); false for random shedding */
    int pause_s;                 /* with any kind: the provider's budget is used up; wait so long before the next request */
    bool ask_again;              /* nothing settled and `stage` + 1 has another question: ask it, then provider_answer_join */
    char detail[160];            /* a sentence for a person; never a key */
};
void provider_answer_deinit(struct provider_answer *a);
/* Moves the candidates of an earlier stage in front of those of `into` (which keeps its own kind, except that NOT_FOUND
 * becomes FOUND when there are candidates) and empties `earlier`. For the worker after ask_again: then match_judge sees all. */
void provider_answer_join(struct provider_answer *into, struct provider_answer *earlier);

/* Places a provider is asked at. Each has its own breaker: one may be down or locked while the others answer. */
enum {
    ENDPOINT_MAIN = 0,           /* Last.fm; MusicBrainz' search */
    LISTENBRAINZ_LOOKUP = 0,     /* names, with a user token */
    LISTENBRAINZ_LABS = 1,       /* names, without one */
    LISTENBRAINZ_METADATA = 2,   /* names and tags by MBID */
    ENDPOINTS_MAX = 3
};

struct provider {
    enum provider_id id;
    const char *title;           /* "Last.fm" */
    const char *endpoints[ENDPOINTS_MAX];   /* stable keys; NULL behind the last */
    bool needs_key;
    bool in_bulk;                /* songs are asked for many at a time (provider/bulk.h); build and read are for a test */
    double default_rate;         /* requests per second as in the configuration */
    double pace;                 /* what is really used at the default: just below it (4.9 for Last.fm, 1/1.1 for MusicBrainz) */
    int max_in_flight;           /* 1 = strictly serial */
    /* Builds the request for stage 0 (or a later one the answer asked for). Returns 0, or ERR_INVALID when
     * there is nothing to ask (empty title after cleaning, no such stage), or ERR_KEY when a key is needed and there is none. */
    int (*build)(const struct provider_settings *s, const struct wanted *w, int stage, struct provider_request *out);
    /* Reads a reply; fills *out completely (provider_answer_deinit). Never fails: nonsense is ANSWER_FAILED. */
    void (*read)(const struct wanted *w, int stage, const struct provider_reply *r, struct provider_answer *out);
};

extern const struct provider provider_lastfm;
extern const struct provider provider_musicbrainz;
extern const struct provider provider_listenbrainz;
const struct provider *provider_get(enum provider_id id);

#endif
