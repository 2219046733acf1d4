/* Beside PiKaraoke: following its song list, publishing to it, asking first for what will be sung.
 *
 * Where its database is found it replaces our own scan of its folder: pikaraoke_follow.c turns rows that came, moved or went into
 * songs; pikaraoke_publish.c fills its empty columns once the owner switched that on; pikaraoke_queue.c asks its pages for
 * the songs that wait to be sung. Everything is optional: without PiKaraoke nothing here runs. Loop thread only; all SQLite is in
 * operations of dbq.
 */
#ifndef SONGBOOKD_WORK_PIKARAOKE_H
#define SONGBOOKD_WORK_PIKARAOKE_H

#include <uv.h>

#include "base/clock.h"
#include "base/json.h"
#include "config/config.h"
#include "net/http_client.h"
#include "store/dbq.h"
#include "work/enrich.h"
#include "work/events.h"
#include "work/scan.h"

struct pikaraoke;
struct pikaraoke_deps {                /* borrowed for its life */
    uv_loop_t *loop;
    const struct clock *clock;
    struct dbq *q;
    struct events *events;
    struct scan *scan;
    struct enrich *enrich;
    struct http_client *http;
    const struct config *config;       /* pikaraoke.database, .publish, .url */
    const char *const *places;         /* where its database usually is, NULL-terminated; used when the option names none */
    const char *usual_folder;          /* left to it, too, while it is followed; NULL when the owner named folders */
    /* Songs were listed or changed; and: a whole look through its list ended, or there is nothing to look at. */
    void (*changed)(void *arg);
    void (*settled)(void *arg);
    void *arg;
};

/* Looks once, so that the scan knows what to leave out; ready runs once, later. */
struct pikaraoke *pikaraoke_new(const struct pikaraoke_deps *d, void (*ready)(void *arg, int rc), void *arg);
/* From now on it looks every second. */
void pikaraoke_start(struct pikaraoke *p);
/* Nothing begins any more; closed runs once, later. The memory stays until pikaraoke_free. */
void pikaraoke_close(struct pikaraoke *p, void (*closed)(void *arg), void *arg);
void pikaraoke_free(struct pikaraoke *p);            /* after closed; NULL is fine */

/* Settings changed. */
void pikaraoke_reconfigure(struct pikaraoke *p);
/* Our database changed: there may be something to publish. */
void pikaraoke_committed(struct pikaraoke *p);
/* Looks through its whole list now, for a person who asks for a scan. */
void pikaraoke_look_now(struct pikaraoke *p);
void pikaraoke_scanned(struct pikaraoke *p);            /* a scan of ours ended: PiKaraoke may have come */
/* Nothing is under way, and its list was read once if there is one. */
bool pikaraoke_is_settled(const struct pikaraoke *p);
bool pikaraoke_is_reading(const struct pikaraoke *p);    /* its list is being read; changed is called at the end */
uint64_t pikaraoke_place(const struct pikaraoke *p);     /* how far the reading is: changes while it comes forward */
bool pikaraoke_is_following(const struct pikaraoke *p);  /* its list can be read */
bool pikaraoke_is_playing(const struct pikaraoke *p);    /* a song is being played, as far as it can be known */
/* No transaction there while others need the machine. */
void pikaraoke_hold(struct pikaraoke *p, bool hold);

/* The members "pikaraoke" and "attached" of /progress. */
void pikaraoke_progress_json(const struct pikaraoke *p, struct json_out *o);
/* The object of GET /pikaraoke. */
void pikaraoke_json(const struct pikaraoke *p, struct json_out *o, const char *key);

#endif
