/* What happened, numbered, for everyone who listens: streams of the API, --events, the progress line.
 *
 * seq = start count * 2^32 + n: it never goes back, also after kill -9. The last EVENTS_HELD events
 * are held for replay; what is no longer held is announced by a gap event. Progress is coalesced to one each
 * 250 ms, and repeated at least each 2 s while something changes; every other event is sent at once.
 * Loop thread only; no timer runs when nobody listens and nothing changes.
 */
#ifndef SONGBOOKD_WORK_EVENTS_H
#define SONGBOOKD_WORK_EVENTS_H

#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/json.h"
#include "song/song.h"

#define EVENTS_HELD 1024
#define EVENTS_HELD_BYTES (1024 * 1024)
#define EVENTS_HEARTBEAT_MS 15000

enum event_kind {
    EVENT_HELLO, EVENT_SCAN, EVENT_SONG, EVENT_PROGRESS, EVENT_WORKER, EVENT_PROVIDER, EVENT_SETTINGS, EVENT_GAP, EVENT_HEARTBEAT,
    EVENT_SHUTDOWN
};
const char *event_name(enum event_kind k);

struct events;
/* progress(arg, out): writes the members of a progress event when one is due. */
struct events *events_new(uv_loop_t *loop, const struct clock *clock, int64_t start_count,
                          void (*progress)(void *arg, struct json_out *o), void *arg);
void events_free(struct events *ev);    /* closes timers; listeners must be gone */

/* Publishes {"seq","time","event", <members>}; members is JSON without braces ("\"a\":1") or "". */
void events_publish(struct events *ev, enum event_kind k, const char *members);
/* Something that progress shows changed. */
void events_progress_changed(struct events *ev);
uint64_t events_last_seq(const struct events *ev);

/* Song events of one operation of the store: added where it runs, on the pool, and published after its commit. A flood is told by
 * progress alone: what does not fit is left out. Zeroed is empty. */
#define SONG_NEWS_MAX 50
struct song_news {
    char *json[SONG_NEWS_MAX];
    size_t n;
};
void song_news_add(struct song_news *s, const struct song *song);
void song_news_publish(const struct song_news *s, struct events *ev);
void song_news_deinit(struct song_news *s);   /* empties it */

/* A listener gets each event as one JSON text without newline (borrowed). It must not publish from inside, but may unlisten
 * itself. */
struct events_listener;
/* since: 0 for now on; otherwise replays what came after it, or a gap first. The first call is always hello. Calls come from
 * inside events_listen (during which it cannot unlisten) and from then on. Never NULL. */
struct events_listener *events_listen(struct events *ev, uint64_t since,
                                      void (*on_event)(void *arg, enum event_kind k, uint64_t seq, struct slice json), void *arg);
void events_unlisten(struct events_listener *l);

#endif
