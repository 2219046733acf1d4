/* The control API: routes and small handlers, one file per noun. docs/api.md has a section per route.
 *
 * Joins net/http_server with store and work. Handlers run on the loop thread; what needs SQLite runs
 * in a dbq operation that builds the answer's text on the pool. Every answer that reports a change
 * is sent after its commit.
 */
#ifndef SONGBOOKD_API_API_H
#define SONGBOOKD_API_API_H

#include "config/config.h"
#include "net/http_server.h"
#include "store/dbq.h"
#include "work/enrich.h"
#include "work/events.h"
#include "work/loop_stats.h"
#include "work/manners.h"
#include "work/pikaraoke.h"
#include "work/scan.h"

struct api_deps {                    /* borrowed for the api's life */
    uv_loop_t *loop;
    const struct clock *clock;
    struct dbq *q;
    struct events *events;
    struct scan *scan;
    struct enrich *enrich;
    struct config *config;
    struct loop_stats *loop_stats;
    struct pikaraoke *pikaraoke;
    struct manners *manners;
    const char *keys_path;           /* keys file for secrets set through the API */
    const char *version;
    /* Values in force changed; members: of the settings event that is to tell it (borrowed). */
    void (*settings_changed)(void *arg, const char *members);
    void *arg;
    const char *token;               /* required on TCP, from loopback, too; NULL when only local addresses are bound */
};

struct api;
struct api *api_new(const struct api_deps *d);
/* The routes, the guard (Origin, content type, token) and the app pointer for http_server_new. */
void api_server_options(struct api *a, struct http_server_options *out);
/* Members of a progress event and of GET /progress (without braces around). */
void api_progress_members(struct api *a, struct json_out *o);
/* Reads what the api keeps in memory; done runs once, later. Before the server listens. */
void api_load(struct api *a, void (*done)(void *arg, int rc), void *arg);
/* The server tells under which addresses other devices find us; borrowed. */
void api_set_server(struct api *a, struct http_server *server);
void api_free(struct api *a);        /* after the server closed and the queue drained */

#endif
