/* songbookd: the daemon's main(). Options, start order, run, shutdown order, exit code.
 *
 * One loop thread runs everything; SQLite and directory walks run on libuv's pool. At start every
 * error is fatal and says what to do; at run time an error costs one request or one song.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "build_config.h"
#include "daemon/args.h"
#include "daemon/reload.h"
#include "daemon/service.h"
#include "store/state.h"
#include "work/event_log.h"
#include "work/judge.h"
#include "work/prune.h"

#define EXIT_CONFIG 78
#define EXIT_TEMPORARY 75
#define EXIT_DONE_WITH_FAILURES 3
#define SHUTDOWN_GRACE_MS 500     /* for requests being answered */
#define SHUTDOWN_LIMIT_MS 1700    /* then whatever still hangs on the pool is left behind */

extern char **environ;

struct daemon {
    uv_loop_t loop;
    struct args args;
    struct config *config;
    char *database, *keys_path, *token;
    const char **folders;
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
    uint64_t last_activity;        /* monotonic ms of the last listing of a song, for --wait */
    bool waiting;                  /* start-up waits for an asynchronous step */
    int waited_rc;
    struct err waited_err;
    int exit_code;
};

/* --- small steps of the start ------------------------------------------------------------ */

static int exit_code_of(int rc)
{
    switch (rc) {
    case ERR_USAGE:
        return 2;
    case ERR_CONFIG:
    case ERR_DATABASE:
        return EXIT_CONFIG;
    default:
        return 1;
    }
}

static void complain(const char *line, void *arg)
{
    (void)arg;
    fprintf(stderr, "songbookd: %s\n", line);
}

static int fail(const struct err *e)
{
    complain(err_text(e), NULL);
    return exit_code_of(e->code);
}

/* The start is a straight line: it waits here for what the pool does. */
static int wait_for(struct daemon *d)
{
    d->waiting = true;
    while (d->waiting)
        uv_run(&d->loop, UV_RUN_ONCE);
    return d->waited_rc;
}

static void wait_over(struct daemon *d, int rc, const struct err *e)
{
    d->waiting = false;
    d->waited_rc = rc;
    if (rc && e)
        d->waited_err = *e;
    else if (rc)
        err_set(&d->waited_err, rc, "%s", err_sentence(rc));
}

static int read_configuration(struct daemon *d, struct err *e)
{
    int rc = reload_read(d->config, d->args.config_path, complain, NULL, e);

    if (rc)
        return rc;
    if (config_read_environment(d->config, environ, complain, NULL))
        return err_set(e, ERR_CONFIG, "the environment has errors; nothing was started");
    return config_check(d->config, e);
}

static void set_log_level(const struct config *c)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(config_text(c, OPT_LOG_LEVEL), names[i]) == 0)
            log_set_level((enum log_level)i);
}

static int read_token(struct daemon *d, struct err *e)
{
    const char *path = config_text(d->config, OPT_SERVER_TOKEN_FILE);
    char line[256];
    struct stat st;
    struct slice s;
    FILE *f;

    if (!path[0])
        return 0;
    f = fopen(path, "re");
    if (!f || fstat(fileno(f), &st) || !fgets(line, sizeof line, f)) {
        if (f)
            fclose(f);
        return err_set(e, ERR_CONFIG, "cannot read a token from '%s'; put one line of at least 16 characters into it", path);
    }
    fclose(f);
    s = slice_trim(slice_of(line));
    if (st.st_mode & 077)
        return err_set(e, ERR_CONFIG, "others can read the token file '%s'; use chmod 600", path);
    if (s.n < 16)
        return err_set(e, ERR_CONFIG, "the token in '%s' is too short; use at least 16 characters", path);
    d->token = mem_strndup(s.p, s.n);
    return 0;
}

/* The folders to scan; PiKaraoke's own where none is named. */
static void choose_folders(struct daemon *d)
{
    size_t n = config_count(d->config, OPT_LIBRARY_FOLDERS);
    const char *home = getenv("HOME");

    if (n == 0 && home && !d->args.once) {
        char *usual = mem_printf("%s/pikaraoke-songs", home);
        if (config_add(d->config, ORIGIN_DEFAULT, "library.folders", usual, NULL) == 0)
            n = config_count(d->config, OPT_LIBRARY_FOLDERS);
        log_info("main", "no song folder is named; using PiKaraoke's usual one folder='%s'", usual);
        d->usual_folder = usual;
    }
    d->folders = mem_zalloc((n + 1) * sizeof *d->folders);
    for (size_t i = 0; i < n; i++)
        d->folders[i] = config_at(d->config, OPT_LIBRARY_FOLDERS, i);
}

static int check_once_folders(struct daemon *d, struct err *e)
{
    struct stat st;

    if (!d->folders[0] && !config_text(d->config, OPT_PIKARAOKE_DATABASE)[0])
        return err_set(e, ERR_USAGE, "--once needs a song folder; name one on the command line or in [library] folders=");
    for (size_t i = 0; d->folders[i]; i++)
        if (stat(d->folders[i], &st) || !S_ISDIR(st.st_mode))
            return err_set(e, ERR_CONFIG, "there is no folder '%s'; --once does not wait for one", d->folders[i]);
    return 0;
}

/* --- the database --------------------------------------------------------------------------- */

static void on_opened(void *arg, int rc, const struct err *e)
{
    wait_over(arg, rc, e);
}

struct load {
    struct dbq_op op;
    struct daemon *d;
    struct list settings;
};

struct loaded_setting {
    struct list link;
    char *key, *value;
};

static void keep_setting(const char *key, const char *value, void *arg)
{
    struct loaded_setting *s = mem_zalloc(sizeof *s);

    s->key = mem_strdup(key);
    s->value = mem_strdup(value);
    list_add(arg, &s->link);
}

static int run_load(struct db *db, struct dbq_op *op)
{
    struct load *l = container_of(op, struct load, op);
    int rc = state_count_start(db, &l->d->start_count, &op->err);

    return rc ? rc : settings_each(db, keep_setting, &l->settings, &op->err);
}

static void load_done(struct dbq_op *op, int rc)
{
    struct load *l = container_of(op, struct load, op);

    wait_over(l->d, rc, &op->err);
}

/* A stored setting that this version refuses must not keep the service from starting. */
static void apply_settings(struct daemon *d, struct list *settings)
{
    list_each_safe(pos, tmp, settings) {
        struct loaded_setting *s = container_of(pos, struct loaded_setting, link);
        struct err e = {0};
        if (config_set(d->config, ORIGIN_SETTING, s->key, s->value, &e))
            log_warn("main", "a stored setting is ignored: %s", err_text(&e));
        free(s->key);
        free(s->value);
        free(s);
    }
}

static int open_database(struct daemon *d, struct err *e)
{
    /* durable: a start count that a power cut takes back would give numbers of events away twice */
    struct load load = {.op = {.run = run_load, .done = load_done, .flags = DBQ_DURABLE}, .d = d};
    const char *path = config_text(d->config, OPT_DATABASE_PATH);
    const char *slash;
    int rc;

    d->database = path[0] ? mem_strdup(path) : default_database_path();
    slash = strrchr(d->database, '/');
    d->keys_path = mem_printf("%.*s/songbookd.keys", slash ? (int)(slash - d->database) : 1, slash ? d->database : ".");
    log_info("main", "songbookd %s database='%s'", SONGBOOKD_VERSION, d->database);
    d->q = dbq_open(&d->loop, d->database, on_opened, d);
    rc = wait_for(d);
    if (rc == 0) {
        list_init(&load.settings);
        dbq_write(d->q, &load.op);
        rc = wait_for(d);
        apply_settings(d, &load.settings);
    }
    if (rc) {
        *e = d->waited_err;
        return rc;
    }
    d->failed_before = dbq_counts(d->q)->total_failed;
    return keys_file_read(d->config, d->keys_path, e);
}

/* --- telling --------------------------------------------------------------------------------- */

static void log_summary(struct daemon *d, const char *what)
{
    const struct counts *c = dbq_counts(d->q);
    char requests[240] = "";

    if (d->enrich)
        enrich_summary(d->enrich, requests, sizeof requests);
    log_info("main",
             "%s: %lld songs, %lld enriched, %lld by hand, %lld not found or given up, %lld waiting (%lld for their date)%s%s",
             what, (long long)c->total, (long long)c->by_status[SONG_ENRICHED], (long long)c->by_status[SONG_MANUAL],
             (long long)c->by_status[SONG_FAILED], (long long)c->queued, (long long)c->dating, requests[0] ? "; " : "", requests);
}

static void on_summary(uv_timer_t *t)
{
    log_summary(t->data, "working");
}

/* What 'systemctl status' shows. */
static void write_sentence(void *arg, char *out, size_t size)
{
    struct daemon *d = arg;
    const struct counts *c = dbq_counts(d->q);
    struct scan_status s;

    scan_status(d->scan, &s);
    if (s.running && !d->scan_settled)
        snprintf(out, size, "Reading the library: %llu files seen", (unsigned long long)s.files);
    else if (c->queued == 0)
        snprintf(out, size, "At rest: %lld songs, %lld enriched, %lld by hand, %lld not found", (long long)c->total,
                 (long long)c->by_status[SONG_ENRICHED], (long long)c->by_status[SONG_MANUAL],
                 (long long)c->by_status[SONG_FAILED]);
    else
        snprintf(out, size, "%s: %lld of %lld songs wait",
                 enrich_mode(d->enrich) == WORKER_RUNNING  ? "Enriching"
                 : enrich_mode(d->enrich) == WORKER_PAUSED ? "Paused"
                                                           : "Stopped",
                 (long long)c->queued, (long long)c->total);
}

/* One line a minute while there is work (every 5 s for a person at a terminal); no timer at rest. */
static void want_summary(struct daemon *d)
{
    if (d->closing || uv_is_active((uv_handle_t *)&d->summary_timer))
        return;
    if (dbq_counts(d->q)->queued > 0 && enrich_mode(d->enrich) == WORKER_RUNNING)
        uv_timer_start(&d->summary_timer, on_summary, isatty(STDERR_FILENO) ? 5000 : 60000, 0);
}

static void on_committed(void *arg)
{
    struct daemon *d = arg;

    if (!d->closing)
        events_progress_changed(d->events);
    if (d->enrich)
        want_summary(d);
    if (d->started && !d->closing)
        service_changed(&d->service);
    if (d->pikaraoke)
        pikaraoke_committed(d->pikaraoke);
    if (d->manners)
        manners_committed(d->manners);
}

static void write_progress(void *arg, struct json_out *o)
{
    struct daemon *d = arg;

    if (d->api && !d->closing)   /* a late timer: what progress tells of may be gone */
        api_progress_members(d->api, o);
}

/* --- shutdown: each step starts the next ------------------------------------------------------ */

static void close_own(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void shutdown_last(void *arg)
{
    struct daemon *d = arg;

    d->db_closed = true;
    if (d->api)
        api_free(d->api);
    enrich_free(d->enrich);
    pikaraoke_free(d->pikaraoke);
    if (d->events)
        events_free(d->events);
    if (d->stats)
        loop_stats_free(d->stats);
    close_own((uv_handle_t *)&d->on_term);
    close_own((uv_handle_t *)&d->on_int);
    close_own((uv_handle_t *)&d->on_hup);
    close_own((uv_handle_t *)&d->once_timer);
    close_own((uv_handle_t *)&d->summary_timer);
    service_close(&d->service);
    /* the limit alone must not keep the loop alive, but must fire while a lookup does */
    uv_unref((uv_handle_t *)&d->limit_timer);
}

static void shutdown_database(void *arg)
{
    struct daemon *d = arg;

    if (d->prune)
        prune_close(d->prune);
    dbq_close(d->q, shutdown_last, d);
}

static void shutdown_event_log(void *arg)
{
    struct daemon *d = arg;

    if (d->event_log)
        event_log_close(d->event_log, shutdown_database, d);
    else
        shutdown_database(d);
}

static void shutdown_client(void *arg)
{
    struct daemon *d = arg;

    http_client_close(d->http, shutdown_event_log, d);
}

static void shutdown_worker(void *arg)
{
    struct daemon *d = arg;

    enrich_close(d->enrich, shutdown_client, d);
}

static void shutdown_judge(void *arg)
{
    struct daemon *d = arg;

    judge_close(d->judge, shutdown_worker, d);
}

static void shutdown_scan(void *arg)
{
    struct daemon *d = arg;

    scan_close(d->scan, shutdown_judge, d);
}

static void shutdown_pikaraoke(void *arg)
{
    struct daemon *d = arg;

    pikaraoke_close(d->pikaraoke, shutdown_scan, d);
}

static void shutdown_manners(void *arg)
{
    struct daemon *d = arg;

    manners_close(d->manners, shutdown_pikaraoke, d);
    d->manners = NULL;
}

/* A name lookup or a read on a dead disk cannot be cancelled, and exit() would wait for it: once the database is
 * closed, or the time is over in any case, leave without. Everything acknowledged is stored by then. */
static void on_limit(uv_timer_t *t)
{
    struct daemon *d = t->data;

    if (!d->db_closed)
        log_warn("main", "something does not end in time; leaving without it");
    _exit(d->exit_code);
}

static void shut_down(struct daemon *d, int code)
{
    if (d->closing)
        return;
    d->closing = true;
    d->exit_code = code;
    service_stopping(&d->service);
    uv_update_time(&d->loop);
    uv_timer_start(&d->limit_timer, on_limit, SHUTDOWN_LIMIT_MS, 0);
    events_publish(d->events, EVENT_SHUTDOWN, "");
    if (d->server)
        http_server_close(d->server, SHUTDOWN_GRACE_MS, shutdown_manners, d);
    else
        shutdown_manners(d);
}

/* Half a start cannot be undone part by part, and need not be: nothing was acknowledged. Opening may wait for another program's
 * lock, so the start is given up when it takes its time, else it ends as soon as it is over. */
static void stop_during_start(struct daemon *d)
{
    uv_update_time(&d->loop);
    uv_timer_start(&d->limit_timer, on_limit, SHUTDOWN_LIMIT_MS, 0);
    d->stop_wished = true;
}

static void on_stop_signal(uv_signal_t *h, int signum)
{
    struct daemon *d = h->data;

    if (d->closing || d->stop_wished)
        _exit(128 + signum);   /* asked twice: at once */
    log_info("main", "stopping on signal %d", signum);
    if (d->started)
        shut_down(d, 0);
    else
        stop_during_start(d);
}

static void on_reloaded(void *arg, int rc, const char *changed)
{
    struct daemon *d = arg;

    if (d->closing)
        return;
    service_ready(&d->service);
    if (rc || !changed)
        return;
    set_log_level(d->config);
    enrich_reconfigure(d->enrich);
    events_publish(d->events, EVENT_SETTINGS, changed);
    events_progress_changed(d->events);
    enrich_wake(d->enrich);
}

static void on_hup(uv_signal_t *h, int signum)
{
    struct daemon *d = h->data;

    (void)signum;
    if (!d->started || d->closing)
        return;
    if (d->event_log)
        event_log_reopen(d->event_log);
    service_reloading(&d->service);
    reload_start(&d->reload, &d->loop);
}

/* --- --once ------------------------------------------------------------------------------------ */

static void look_whether_done(struct daemon *d)
{
    const struct counts *c = dbq_counts(d->q);

    if (!d->args.once || d->closing || !d->scan_settled || !judge_is_idle(d->judge) || !pikaraoke_is_settled(d->pikaraoke) ||
        !enrich_is_idle(d->enrich) || c->queued)
        return;
    log_summary(d, "done");
    shut_down(d, c->total_failed > d->failed_before ? EXIT_DONE_WITH_FAILURES : 0);
}

static void on_once_timer(uv_timer_t *t)
{
    struct daemon *d = t->data;
    uint64_t now = clock_mono(&clock_system), last = enrich_last_advance(d->enrich);
    struct scan_status s;

    look_whether_done(d);
    if (d->closing)
        return;          /* the scan may be gone */
    scan_status(d->scan, &s);
    if ((s.running || !d->scan_settled || !pikaraoke_is_settled(d->pikaraoke)) && !s.failing)
        d->last_activity = now;
    if (d->last_activity > last)
        last = d->last_activity;
    if (d->closing || now - last < d->args.wait_s * 1000)
        return;
    log_summary(d, "stuck");
    log_warn("main", "nothing could advance for %llu s; the queue is kept for the next run", (unsigned long long)d->args.wait_s);
    shut_down(d, EXIT_TEMPORARY);
}

static void on_worker_idle(void *arg)
{
    look_whether_done(arg);
}

/* Songs went, moved or came back since the judge was told: it looks at every row. */
static bool scan_gone(struct daemon *d)
{
    struct scan_status s;
    uint64_t gone;
    bool more;

    scan_status(d->scan, &s);
    gone = s.missing + s.moved + s.returned;
    more = gone && gone != d->scans_gone;
    d->scans_gone = gone;
    return more;
}

/* At the end of each comes on_scan_settled, or on_scan_changed once more. */
static bool more_songs_come(struct daemon *d)
{
    struct scan_status s;

    scan_status(d->scan, &s);
    return s.running || (d->pikaraoke && pikaraoke_is_reading(d->pikaraoke));
}

static void on_scan_changed(void *arg)
{
    struct daemon *d = arg;

    d->last_activity = clock_mono(&clock_system);
    if (more_songs_come(d))
        judge_more(d->judge);
    else
        judge_wake(d->judge, scan_gone(d));
    enrich_wake(d->enrich);
}

static void on_judge_changed(void *arg)
{
    struct daemon *d = arg;

    d->last_activity = clock_mono(&clock_system);
    enrich_wake(d->enrich);
}

static void on_judge_idle(void *arg)
{
    look_whether_done(arg);
}

static void on_pikaraoke_settled(void *arg)
{
    look_whether_done(arg);
}

static void on_scan_settled(void *arg)
{
    struct daemon *d = arg;
    bool first = !d->scan_settled;
    struct scan_status s;

    d->scan_settled = true;
    scan_status(d->scan, &s);
    judge_wake(d->judge, s.missing || s.moved || s.returned);
    judge_rest(d->judge);
    if (first)
        log_summary(d, "library read");
    if (d->started && !d->closing)
        service_changed(&d->service);
    pikaraoke_scanned(d->pikaraoke);
    look_whether_done(d);
}

/* --- start ------------------------------------------------------------------------------------- */

static void own_handles(struct daemon *d)
{
    uv_signal_init(&d->loop, &d->on_term);
    uv_signal_init(&d->loop, &d->on_int);
    uv_signal_init(&d->loop, &d->on_hup);
    uv_timer_init(&d->loop, &d->once_timer);
    uv_timer_init(&d->loop, &d->summary_timer);
    uv_timer_init(&d->loop, &d->limit_timer);
    d->on_term.data = d->on_int.data = d->on_hup.data = d;
    d->once_timer.data = d->summary_timer.data = d->limit_timer.data = d;
    uv_unref((uv_handle_t *)&d->summary_timer);
    uv_signal_start(&d->on_term, on_stop_signal, SIGTERM);
    uv_signal_start(&d->on_int, on_stop_signal, SIGINT);
    uv_signal_start(&d->on_hup, on_hup, SIGHUP);
    service_init(&d->service, &d->loop, write_sentence, d);
    d->reload = (struct reload){.live = d->config, .path = d->args.config_path, .done = on_reloaded, .arg = d};
}

static void on_ready(void *arg, int rc)
{
    wait_over(arg, rc, NULL);
}

static void on_command(void *arg, int rc, bool changed, enum worker_mode mode)
{
    (void)changed;
    (void)mode;
    wait_over(arg, rc, NULL);
}

/* The worker's totals count since it was started: started anew, they begin at 0. */
static void start_once(struct daemon *d)
{
    enrich_command(d->enrich, WORKER_CMD_START, on_command, d);
    if (wait_for(d) == ERR_UNAVAILABLE)
        log_warn("main", "no provider is usable: names are read, nothing can be asked");
    if (dbq_counts(d->q)->total_failed < d->failed_before)
        d->failed_before = dbq_counts(d->q)->total_failed;
}

/* A single run follows a database that was named, and looks for none. */
static int start_beside_pikaraoke(struct daemon *d)
{
    struct pikaraoke_deps deps = {
        .loop = &d->loop,
        .clock = &clock_system,
        .q = d->q,
        .events = d->events,
        .scan = d->scan,
        .enrich = d->enrich,
        .http = d->http,
        .config = d->config,
        .usual_folder = d->usual_folder,
        .changed = on_scan_changed,
        .settled = on_pikaraoke_settled,
        .arg = d,
    };
    struct manners_deps manners = {&d->loop, d->q, d->enrich, NULL, config_text(d->config, OPT_PIKARAOKE_MACHINE_ROOT)};
    int rc;

    d->pikaraoke_places = d->args.once ? mem_zalloc(sizeof *d->pikaraoke_places) : default_pikaraoke_paths();
    deps.places = (const char *const *)d->pikaraoke_places;
    d->pikaraoke = pikaraoke_new(&deps, on_ready, d);
    rc = wait_for(d);
    manners.pikaraoke = d->pikaraoke;
    d->manners = manners_new(&manners);
    return rc;
}

static int start_work(struct daemon *d, struct err *e)
{
    const char *events_file = config_text(d->config, OPT_EVENTS_FILE);
    struct enrich_deps deps = {&d->loop,  &clock_system, d->q,           d->http,        d->events,
                               d->config, on_worker_idle, d};
    struct scan_options scan = {
        .folders = d->folders,
        .watch = config_bool(d->config, OPT_LIBRARY_WATCH) && !d->args.once,
        .rescan_ms = d->args.once ? 0 : (uint64_t)config_number(d->config, OPT_LIBRARY_RESCAN_MINUTES) * 60000,
        .changed = on_scan_changed,
        .settled = on_scan_settled,
        .arg = d,
    };
    int rc;

    d->enrich = enrich_new(&deps, on_ready, d);
    rc = wait_for(d);
    if (rc == 0 && d->args.once)
        start_once(d);
    d->prune = prune_new(&d->loop, &clock_system, d->q, d->config);
    d->judge = judge_new(&clock_system, d->q, d->events,
                         &(struct judge_hooks){on_judge_changed, on_judge_idle, d, JUDGE_KEEP_NAMES});
    d->scan = scan_new(&d->loop, &clock_system, d->q, d->events, &scan);
    if (rc == 0)
        rc = start_beside_pikaraoke(d);
    if (rc == 0 && events_file[0])
        return event_log_new(&d->loop, d->events, events_file, &d->event_log, e);
    return rc ? err_set(e, rc, "the worker's state cannot be read from '%s'", d->database) : 0;
}

/* /run is empty after each start of the machine, and who runs no desktop may lack a state folder. What fails here is told by
 * the socket that cannot be made. */
static void make_folders_of(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        mkdir(path, 0755);
    }
}

static int listen_all(struct daemon *d, struct err *e)
{
    const char *socket_path = config_text(d->config, OPT_SERVER_SOCKET);
    char *usual = socket_path[0] ? NULL : default_socket_path();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < config_count(d->config, OPT_SERVER_LISTEN); i++)
        if (strcmp(config_at(d->config, OPT_SERVER_LISTEN, i), "none") != 0)
            rc = http_server_listen_tcp(d->server, config_at(d->config, OPT_SERVER_LISTEN, i), e);
    if (usual)
        make_folders_of(usual);
    if (rc == 0 && strcmp(socket_path, "none") != 0)
        rc = http_server_listen_unix(d->server, usual ? usual : socket_path, 0660, e);
    free(usual);
    for (int i = 0; rc == 0 && http_server_address(d->server, i); i++) {
        const char *a = http_server_address(d->server, i);
        log_info("main", "listening address=%s%s", strncmp(a, "unix:", 5) == 0 ? "" : "http://", a);
    }
    return rc;
}

static int start_api(struct daemon *d, struct err *e)
{
    struct api_deps deps = {
        .loop = &d->loop,
        .clock = &clock_system,
        .q = d->q,
        .events = d->events,
        .scan = d->scan,
        .enrich = d->enrich,
        .config = d->config,
        .loop_stats = d->stats,
        .pikaraoke = d->pikaraoke,
        .manners = d->manners,
        .keys_path = d->keys_path,
        .version = SONGBOOKD_VERSION,
        .token = d->token,
    };
    int rc;

    d->server_options.server_name = "songbookd/" SONGBOOKD_VERSION;
    d->api = api_new(&deps);
    api_server_options(d->api, &d->server_options);
    rc = http_server_new(&d->loop, &d->server_options, &d->server);
    if (rc)
        return err_set(e, rc, "the server cannot be made");
    api_set_server(d->api, d->server);
    api_load(d->api, on_ready, d);
    rc = wait_for(d);
    return rc ? err_set(e, rc, "the paired devices cannot be read from '%s'", d->database) : listen_all(d, e);
}

static int start(struct daemon *d, struct err *e)
{
    int rc = read_token(d, e);

    choose_folders(d);
    if (rc == 0 && d->args.once)
        rc = check_once_folders(d, e);
    if (rc == 0)
        rc = open_database(d, e);
    if (rc)
        return rc;
    d->stats = loop_stats_new(&d->loop);
    d->events = events_new(&d->loop, &clock_system, d->start_count, write_progress, d);
    dbq_on_commit(d->q, on_committed, d);
    rc = http_client_new(&d->loop, &d->http, e);
    if (rc == 0)
        rc = start_work(d, e);
    if (rc == 0)
        rc = start_api(d, e);
    return rc;
}

static void on_abandoned(void *arg)
{
    wait_over(arg, 0, NULL);
}

/* What a failed start leaves open is the kernel's to close, except the database, which is closed in order. */
static int abandon_start(struct daemon *d, const struct err *e)
{
    int code = fail(e);

    if (d->q) {
        dbq_close(d->q, on_abandoned, d);
        wait_for(d);
    }
    fflush(NULL);
    _exit(code);
}

static void start_looking(struct daemon *d)
{
    scan_start(d->scan, false);
    pikaraoke_start(d->pikaraoke);
}

static int run(struct daemon *d)
{
    d->last_activity = clock_mono(&clock_system);
    if (d->args.once)
        uv_timer_start(&d->once_timer, on_once_timer, 200, 200);
    d->started = true;
    if (d->stop_wished)
        shut_down(d, 0);
    else
        start_looking(d);
    want_summary(d);
    if (!d->closing)
        service_ready(&d->service);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&d->limit_timer, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&d->loop))
        log_warn("main", "handles were left open at the end");
    log_info("main", "stopped");
    return d->exit_code;
}

static void release(struct daemon *d)
{
    config_free(d->config);
    free(d->database);
    free(d->keys_path);
    free(d->token);
    free(d->folders);
    free(d->usual_folder);
    for (char **p = d->pikaraoke_places; p && *p; p++)
        free(*p);
    free(d->pikaraoke_places);
}

int main(int argc, char **argv)
{
    static struct daemon d;
    struct err e = {0};
    int rc;

    signal(SIGPIPE, SIG_IGN);
    umask(027);
    mallopt(M_ARENA_MAX, 1);   /* pool threads would each keep an arena: 7 MB more at 10,000 songs */
    srand((unsigned)hash_seed());   /* jitter: no two machines behind one address come back together */
    d.config = config_new();
    rc = args_read(argc, argv, &d.args, d.config, &e);
    if (rc == 0 && d.args.help)
        args_print_help();
    else if (rc == 0 && d.args.version)
        printf("songbookd %s\n", SONGBOOKD_VERSION);
    if (rc == 0 && (d.args.help || d.args.version))
        return 0;
    if (rc == 0)
        rc = read_configuration(&d, &e);
    if (rc)
        return fail(&e);
    if (d.args.check_config) {
        puts("the configuration is good");
        return 0;
    }
    set_log_level(d.config);
    uv_loop_init(&d.loop);
    own_handles(&d);
    rc = start(&d, &e);
    if (rc)
        return abandon_start(&d, &e);
    rc = run(&d);
    release(&d);
    return rc;
}
