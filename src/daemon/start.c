/* The start: each step finishes before the next begins, and every error ends it with what to do. */
#include "daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "build_config.h"
#include "store/state.h"
#include "store/undo.h"

int start_wait(struct daemon *d)
{
    d->waiting = true;
    while (d->waiting)
        uv_run(&d->loop, UV_RUN_ONCE);
    return d->waited_rc;
}

void start_waited(struct daemon *d, int rc, const struct err *e)
{
    d->waiting = false;
    d->waited_rc = rc;
    if (rc && e)
        d->waited_err = *e;
    else if (rc)
        err_set(&d->waited_err, rc, "%s", err_sentence(rc));
}

static void on_ready(void *arg, int rc)
{
    start_waited(arg, rc, NULL);
}

static const char **list_of(const struct config *c, enum option_id id)
{
    size_t n = config_count(c, id);
    const char **list = mem_zalloc((n + 1) * sizeof *list);

    for (size_t i = 0; i < n; i++)
        list[i] = config_at(c, id, i);
    return list;
}

/* The folders to scan; PiKaraoke's own where none is named. */
static void choose_folders(struct daemon *d)
{
    size_t n = config_count(d->config, OPT_LIBRARY_FOLDERS);
    const char *home = getenv("HOME");

    if (n == 0 && home && !d->args.once) {
        char *usual = mem_printf("%s/pikaraoke-songs", home);
        config_add(d->config, ORIGIN_DEFAULT, "library.folders", usual, NULL);
        log_info("main", "no song folder is named; using PiKaraoke's usual one folder='%s'", usual);
        d->usual_folder = usual;
    }
    d->folders = list_of(d->config, OPT_LIBRARY_FOLDERS);
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
    start_waited(arg, rc, e);
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

    start_waited(l->d, rc, &op->err);
}

struct cut_off {
    struct dbq_op op;
    struct daemon *d;
    struct undo_cut cut;
};

static int run_cut_off(struct db *db, struct dbq_op *op)
{
    return undo_cut_off(db, &container_of(op, struct cut_off, op)->cut, clock_wall(&clock_system), &op->err);
}

static void cut_off_done(struct dbq_op *op, int rc)
{
    start_waited(container_of(op, struct cut_off, op)->d, rc, &op->err);
}

static int take_back_cut_off(struct daemon *d)
{
    struct cut_off c = {.op = {.run = run_cut_off, .done = cut_off_done}, .d = d};
    int rc;

    do {
        dbq_write(d->q, &c.op);
        rc = start_wait(d);
    } while (rc == 0 && c.cut.more);
    if (c.cut.songs)
        log_warn("main", "a change of many songs was cut off when the last run ended: %lld songs are as before",
                 (long long)c.cut.songs);
    return rc;
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
    rc = start_wait(d);
    if (rc == 0) {
        list_init(&load.settings);
        dbq_write(d->q, &load.op);
        rc = start_wait(d);
        apply_settings(d, &load.settings);
    }
    if (rc == 0)
        rc = take_back_cut_off(d);
    if (rc) {
        *e = d->waited_err;
        return rc;
    }
    d->failed_before = dbq_counts(d->q)->total_failed;
    return keys_file_read(d->config, d->keys_path, e);
}

/* --- the parts -------------------------------------------------------------------------------- */

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
        .changed = news_scan_changed,
        .settled = news_idle,
        .arg = d,
    };
    struct manners_deps manners = {&d->loop, d->q, d->enrich, NULL, config_text(d->config, OPT_PIKARAOKE_MACHINE_ROOT)};
    int rc;

    d->pikaraoke_places = d->args.once ? mem_zalloc(sizeof *d->pikaraoke_places) : default_pikaraoke_paths();
    deps.places = (const char *const *)d->pikaraoke_places;
    d->pikaraoke = pikaraoke_new(&deps, on_ready, d);
    rc = start_wait(d);
    manners.pikaraoke = d->pikaraoke;
    d->manners = manners_new(&manners);
    return rc;
}

static int start_work(struct daemon *d, struct err *e)
{
    const char *events_file = config_text(d->config, OPT_EVENTS_FILE);
    struct enrich_deps deps = {&d->loop,  &clock_system, d->q,           d->http,        d->events,
                               d->config, news_idle, d};
    struct scan_options scan = {
        .folders = d->folders,
        .watch = config_bool(d->config, OPT_LIBRARY_WATCH) && !d->args.once,
        .rescan_ms = d->args.once ? 0 : (uint64_t)config_number(d->config, OPT_LIBRARY_RESCAN_MINUTES) * 60000,
        .changed = news_scan_changed,
        .settled = news_scan_settled,
        .arg = d,
    };
    int rc;

    d->enrich = enrich_new(&deps, on_ready, d);
    rc = start_wait(d);
    if (rc == 0 && d->args.once)
        once_start(d);
    d->prune = prune_new(&d->loop, &clock_system, d->q, d->config);
    d->judge = judge_new(&d->loop, &clock_system, d->q, d->events,
                         &(struct judge_hooks){news_judge_changed, news_idle, d, JUDGE_KEEP_NAMES});
    d->scan = scan_new(&d->loop, &clock_system, d->q, d->events, &scan);
    if (rc == 0)
        rc = start_beside_pikaraoke(d);
    if (rc == 0 && events_file[0])
        return event_log_new(&d->loop, d->events, events_file, &d->event_log, e);
    return rc ? err_set(e, rc, "the worker's state cannot be read from '%s'", d->database) : 0;
}

/* --- the server ------------------------------------------------------------------------------- */

static int listen_all(struct daemon *d, struct err *e)
{
    const char *socket_path = config_text(d->config, OPT_SERVER_SOCKET);
    char *usual = socket_path[0] ? NULL : default_socket_path();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < config_count(d->config, OPT_SERVER_LISTEN); i++)
        if (strcmp(config_at(d->config, OPT_SERVER_LISTEN, i), "none") != 0)
            rc = http_server_listen_tcp(d->server, config_at(d->config, OPT_SERVER_LISTEN, i), e);
    /* /run is empty after each start of the machine, and who runs no desktop may lack a state folder. What fails here is told
     * by the socket that cannot be made. */
    if (usual)
        folders_make(usual, NULL);
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
        .settings_changed = news_settings,
        .arg = d,
        .token = d->token,
    };
    int rc;

    d->server_options.server_name = "songbookd/" SONGBOOKD_VERSION;
    d->api = api_new(&deps);
    api_server_options(d->api, &d->server_options);
    d->server_options.extra_hosts = d->hosts = list_of(d->config, OPT_SERVER_HOSTS);
    d->server = http_server_new(&d->loop, &d->server_options);
    api_set_server(d->api, d->server);
    api_load(d->api, on_ready, d);
    rc = start_wait(d);
    return rc ? err_set(e, rc, "the paired devices cannot be read from '%s'", d->database) : listen_all(d, e);
}

int start_all(struct daemon *d, struct err *e)
{
    const char *token_file = config_text(d->config, OPT_SERVER_TOKEN_FILE);
    int rc = token_file[0] ? token_file_read(token_file, &d->token, e) : 0;

    choose_folders(d);
    if (rc == 0 && d->args.once)
        rc = check_once_folders(d, e);
    if (rc == 0)
        rc = open_database(d, e);
    if (rc)
        return rc;
    d->stats = loop_stats_new(&d->loop);
    d->events = events_new(&d->loop, &clock_system, d->start_count, tell_progress, d);
    dbq_on_commit(d->q, news_committed, d);
    rc = http_client_new(&d->loop, &d->http, e);
    if (rc == 0)
        rc = start_work(d, e);
    if (rc == 0)
        rc = start_api(d, e);
    return rc;
}
