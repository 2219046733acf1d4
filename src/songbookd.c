/* songbookd: the daemon's main(). What is read before the loop, start, run, end, exit code; the rest is in daemon/.
 *
 * One loop thread runs everything; SQLite and directory walks run on libuv's pool. At start every
 * error is fatal and says what to do; at run time an error costs one request or one song.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "build_config.h"
#include "daemon/daemon.h"

#define EXIT_CONFIG 78           /* sysexits.h: something in the configuration or the database is wrong */

extern char **environ;

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

static int read_configuration(struct daemon *d, struct err *e)
{
    int rc = reload_read(d->config, d->args.config_path, complain, NULL, e);

    if (rc)
        return rc;
    if (config_read_environment(d->config, environ, complain, NULL))
        return err_set(e, ERR_CONFIG, "the environment has errors; nothing was started");
    return config_check(d->config, e);
}

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
    uv_signal_start(&d->on_term, stop_on_signal, SIGTERM);
    uv_signal_start(&d->on_int, stop_on_signal, SIGINT);
    uv_signal_start(&d->on_hup, news_hangup, SIGHUP);
    service_init(&d->service, &d->loop, tell_sentence, d);
    d->reload = (struct reload){.live = d->config, .path = d->args.config_path, .done = news_reloaded, .arg = d};
}

static void on_abandoned(void *arg)
{
    start_waited(arg, 0, NULL);
}

/* What a failed start leaves open is the kernel's to close, except the database, which is closed in order. */
static int abandon_start(struct daemon *d, const struct err *e)
{
    int code = fail(e);

    if (d->q) {
        dbq_close(d->q, on_abandoned, d);
        start_wait(d);
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
        once_watch(d);
    d->started = true;
    if (d->stop_wished)
        stop_begin(d, 0);
    else
        start_looking(d);
    tell_while_working(d);
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
    free(d->hosts);
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
    news_log_level(d.config);
    uv_loop_init(&d.loop);
    own_handles(&d);
    rc = start_all(&d, &e);
    if (rc)
        return abandon_start(&d, &e);
    rc = run(&d);
    release(&d);
    return rc;
}
