/* The running daemon: all parts in one place, and the files that join them. start.c: the start, a straight line; news.c: what
 * one part's news means for the others; tell.c: what the whole says of itself; once.c: --once; stop.c: the end, step by step.
 * Private to these files and songbookd.c. Loop thread only.
 */
#ifndef SONGBOOKD_DAEMON_DAEMON_H
#define SONGBOOKD_DAEMON_DAEMON_H

#include "api/api.h"
#include "daemon/args.h"
#include "daemon/reload.h"
#include "daemon/service.h"
#include "work/event_log.h"
#include "work/judge.h"
#include "work/prune.h"

struct daemon {
    uv_loop_t loop;
    struct args args;
    struct config *config;
    char *database, *keys_path, *token;
    const char **folders, **hosts;         /* NULL-terminated, of strings of the configuration */
    struct dbq *q;
    struct events *events;
    struct event_log *event_log;
    struct http_client *http;
    struct enrich *enrich;
    struct scan *scan;
    struct judge *judge;
    uint64_t scans_gone;   /* songs that went, moved or came back, as the judge was told last */
    struct loop_stats *stats;
    struct prune *prune;
    struct pikaraoke *pikaraoke;
    struct manners *manners;
    char **pikaraoke_places;
    char *usual_folder;            /* of songs, where the owner named none */
    struct api *api;
    struct http_server_options server_options;   /* borrowed by the server */
    struct http_server *server;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t once_timer, summary_timer, limit_timer;
    struct service service;
    struct reload reload;
    int64_t start_count;
    int64_t failed_before;         /* total_failed at start, for the exit code of --once */
    bool scan_settled, closing, db_closed;
    bool started;                  /* all parts are there, so that they can be closed in order */
    bool stop_wished;              /* a signal came before that */
    uint64_t last_activity;        /* monotonic ms of the last look at a file or listing of a song, for --wait */
    uint64_t read_place;           /* how far the looking was then */
    bool waiting;                  /* start-up waits for an asynchronous step */
    int waited_rc;
    struct err waited_err;
    unsigned stop_step;            /* the next of stop.c's */
    int exit_code;
};

/* start.c */
/* Everything up to the listening sockets; nothing is looked for or asked yet. On an error, which is for a person, what was
 * started stays as it is: the process is about to end. */
int start_all(struct daemon *d, struct err *e);
/* The start is a straight line: start_wait runs the loop until start_waited tells how a step on the pool ended. */
int start_wait(struct daemon *d);
void start_waited(struct daemon *d, int rc, const struct err *e);

/* news.c: hooks of the parts; arg is the daemon */
void news_committed(void *arg);                      /* the store has written */
void news_scan_changed(void *arg);                   /* songs were listed or changed */
void news_scan_settled(void *arg);                   /* a whole look through the folders has ended */
void news_judge_changed(void *arg);                  /* songs were decided by the library */
void news_idle(void *arg);                           /* a part has nothing left to do */
void news_hangup(uv_signal_t *h, int signum);        /* SIGHUP */
void news_reloaded(void *arg, int rc, const char *changed);
void news_settings(void *arg, const char *changed);  /* values in force changed; changed: members of the settings event */
void news_log_level(const struct config *c);         /* the level in force */

/* tell.c */
void tell_summary(struct daemon *d, const char *what);            /* one line for the log */
void tell_while_working(struct daemon *d);           /* one such line now and then while there is work; no timer at rest */
void tell_sentence(void *arg, char *out, size_t size);            /* for 'systemctl status' */
void tell_progress(void *arg, struct json_out *o);   /* the members of a progress event */

/* once.c */
void once_start(struct daemon *d);                   /* may call start_wait */
void once_watch(struct daemon *d);                   /* ends the run when all is done, or nothing could advance for --wait */
void once_look(struct daemon *d);                    /* is it done? */

/* stop.c */
void stop_begin(struct daemon *d, int exit_code);    /* the loop ends when everything is closed; harmless the second time */
void stop_on_signal(uv_signal_t *h, int signum);     /* SIGTERM, SIGINT */

#endif
