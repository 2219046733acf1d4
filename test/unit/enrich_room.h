/* A room for tests of the worker: a real store and a server of the test in one loop; the clock is the system's and can be turned
 * ahead. */
#ifndef SONGBOOKD_TEST_ENRICH_ROOM_H
#define SONGBOOKD_TEST_ENRICH_ROOM_H

#include <uv.h>

#include "store_fixture.h"

#include "scripted_server.h"
#include "store/queue.h"
#include "store/stmt.h"
#include "work/enrich_internal.h"

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define LASTFM_UNKNOWN JSON_HEAD "{\"error\":6,\"message\":\"Track not found\"}"
#define LASTFM_KEY_REFUSED "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{\"error\":10,\"message\":\"Invalid API key\"}"
#define LASTFM_TOO_FAST JSON_HEAD "{\"error\":29,\"message\":\"Rate limit exceeded\"}"
#define LASTFM_QUEEN \
    JSON_HEAD "{\"track\":{\"name\":\"Bohemian Rhapsody\",\"artist\":{\"name\":\"Queen\"},\"listeners\":\"2000000\"}}"
#define LASTFM_NONSENSE "HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nno"
#define MB_UNKNOWN JSON_HEAD "{\"count\":0,\"recordings\":[]}"
#define MB_FORBIDDEN "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{\"error\":\"no\"}"
#define MB_SHED "HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n{\"error\":\"The MusicBrainz web server is currently busy.\"}"

enum { LASTFM_SCRIPT, MB_SCRIPT, LOOKUP_SCRIPT, LABS_SCRIPT, METADATA_SCRIPT };

struct told { enum event_kind kind; char text[300]; };

struct room {
    struct fixture *store;
    uv_loop_t loop;
    struct clock clock;
    struct script scripts[6];
    struct scripted_server server;
    struct http_client *http;
    struct dbq *q;
    struct events *events;
    struct events_listener *listener;
    struct config *config;
    struct enrich *w;
    uv_timer_t tick, guard;
    bool opened, ready, closed, http_closed, q_closed;
    int idles;
    struct told told[200];
    int n_told;
    /* of the last command, question or test */
    int answers, rc;
    bool changed;
    enum worker_mode mode;
    char kind[32], detail[200];
};

/* --- the room ------------------------------------------------------------------------------- */

static inline uint64_t turned_mono(const struct clock *c)
{
    return clock_mono(&clock_system) + c->manual_mono;
}

static inline int64_t turned_wall(const struct clock *c)
{
    return clock_wall(&clock_system) + c->manual_wall;
}

static inline void on_tick(uv_timer_t *t)
{
    (void)t;
}

/* Counts seconds in which the loop had turns: a machine that stands still does not use them up. */
static inline void on_guard(uv_timer_t *t)
{
    int *left = t->data;

    if (--*left == 0)
        fail_msg("what the test waits for does not come");
}

#define UNTIL(r, condition)                                    \
    do {                                                       \
        int left = 120;                                        \
        (r)->guard.data = &left;                               \
        uv_timer_start(&(r)->guard, on_guard, 1000, 1000);     \
        while (!(condition))                                   \
            uv_run(&(r)->loop, UV_RUN_ONCE);                   \
        uv_timer_stop(&(r)->guard);                            \
    } while (0)

/* Lets everything happen that is going to happen soon. */
static inline void turn(struct room *r, int turns)
{
    for (int i = 0; i < turns; i++)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static inline void on_event(void *arg, enum event_kind k, uint64_t seq, struct slice json)
{
    struct room *r = arg;
    struct told *t = &r->told[r->n_told];

    (void)seq;
    if (k == EVENT_PROGRESS || r->n_told == (int)ARRAY_LEN(r->told))
        return;
    r->n_told++;
    t->kind = k;
    snprintf(t->text, sizeof t->text, "%.*s", (int)json.n, json.p);
}

static inline int count_told(const struct room *r, enum event_kind k, const char *part)
{
    int n = 0;

    for (int i = 0; i < r->n_told; i++)
        n += r->told[i].kind == k && strstr(r->told[i].text, part);
    return n;
}

static inline void write_progress(void *arg, struct json_out *o)
{
    struct room *r = arg;

    if (r->w)
        enrich_progress_json(r->w, o);
}

static inline void on_opened(void *arg, int rc, const struct err *e)
{
    (void)e;
    assert_int_equal(rc, 0);
    ((struct room *)arg)->opened = true;
}

static inline void on_ready(void *arg, int rc)
{
    assert_int_equal(rc, 0);
    ((struct room *)arg)->ready = true;
}

static inline void on_flag(void *arg)
{
    assert_false(*(bool *)arg);
    *(bool *)arg = true;
}

static inline void on_idle(void *arg)
{
    ((struct room *)arg)->idles++;
}

static inline void set(struct room *r, const char *name, const char *value)
{
    struct err e = {0};

    if (config_set(r->config, ORIGIN_COMMAND_LINE, name, value, &e))
        fail_msg("%s", err_text(&e));
}

static inline void set_url(struct room *r, const char *name, int port, const char *path)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    set(r, name, url);
}

static inline int room_setup(void **state)
{
    struct room *r = mem_zalloc(sizeof *r);

    if (fixture_setup((void **)&r->store))
        return -1;
    r->clock = (struct clock){turned_mono, turned_wall, 0, 0};
    uv_loop_init(&r->loop);
    uv_timer_init(&r->loop, &r->tick);
    uv_timer_init(&r->loop, &r->guard);
    uv_timer_start(&r->tick, on_tick, 1, 1);
    r->scripts[LASTFM_SCRIPT] = (struct script){"/2.0/", SCRIPT_SEND_CLOSE, LASTFM_UNKNOWN, 0, NULL};
    r->scripts[MB_SCRIPT] = (struct script){"/ws/2/recording", SCRIPT_SEND_CLOSE, MB_UNKNOWN, 0, NULL};
    scripted_server_start(&r->server, &r->loop, r->scripts);
    assert_int_equal(http_client_new(&r->loop, &r->http, NULL), 0);
    r->config = config_new();
    set_url(r, "lastfm.url", r->server.port, "/2.0/");
    set_url(r, "musicbrainz.url", r->server.port, "/ws/2");
    set(r, "listenbrainz.enabled", "no");   /* test_batch.c switches it on */
    set(r, "lastfm.rate", "100");
    set(r, "musicbrainz.rate", "100");
    set(r, "API_KEYS.lastfm", "0123456789abcdef0123456789abcdef");
    *state = r;
    return 0;
}

static inline void start_worker(struct room *r)
{
    struct enrich_deps d = {&r->loop, &r->clock, r->q, r->http, r->events, r->config, on_idle, r};

    r->ready = r->closed = false;
    r->w = enrich_new(&d, on_ready, r);
}

/* Closes the writer of the fixture and starts the worker over the same file. */
static inline void start(struct room *r)
{
    db_close(r->store->db);
    r->store->db = NULL;
    r->q = dbq_open(&r->loop, r->store->path, on_opened, r);
    UNTIL(r, r->opened);
    r->events = events_new(&r->loop, &r->clock, 1, write_progress, r);
    r->listener = events_listen(r->events, 0, on_event, r);
    start_worker(r);
}

static inline void start_ready(struct room *r)
{
    start(r);
    UNTIL(r, r->ready);
}

static inline void close_worker(struct room *r)
{
    enrich_close(r->w, on_flag, &r->closed);
    assert_false(r->closed);
    UNTIL(r, r->closed);
}

static inline int room_teardown(void **state)
{
    struct room *r = *state;

    if (!r->closed)
        close_worker(r);
    enrich_free(r->w);
    r->w = NULL;
    http_client_close(r->http, on_flag, &r->http_closed);
    UNTIL(r, r->http_closed);
    dbq_close(r->q, on_flag, &r->q_closed);
    UNTIL(r, r->q_closed);
    events_unlisten(r->listener);
    events_free(r->events);
    scripted_server_stop(&r->server);
    uv_close((uv_handle_t *)&r->tick, NULL);
    uv_close((uv_handle_t *)&r->guard, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    config_free(r->config);
    fixture_teardown((void **)&r->store);
    free(r);
    return 0;
}

/* --- songs ------------------------------------------------------------------------------------ */

static inline int64_t add_guessed(struct room *r, const char *path, const char *artist, const char *title, int priority,
                                  double confidence)
{
    struct guess g = guess_of(artist, title, confidence);
    struct found_file file = {.path = slice_of(path), .size = 1000, .mtime_ms = NOW - DAY, .format = "mp4", .guess = &g,
                              .priority = priority};
    struct found_result out;

    assert_int_equal(songs_found(r->store->db, &file, 1, NOW, &out, NULL), 0);
    return out.id;
}

static inline int64_t add(struct room *r, const char *path, const char *artist, const char *title, int priority)
{
    return add_guessed(r, path, artist, title, priority, 0.85);
}

static inline int64_t add_numbered(struct room *r, int n)
{
    char path[32], title[32];

    snprintf(path, sizeof path, "/s/%d", n);
    snprintf(title, sizeof title, "Title %d", n);
    return add(r, path, "Artist", title, 0);
}

/* What the file says now, read past the worker. */
static inline int64_t ask_db(struct room *r, const char *sql)
{
    struct db *db;
    struct stmt s;
    int64_t n = -1;

    assert_int_equal(db_open_reader(r->store->path, &db, NULL), 0);
    s = stmt_of(db, sql, NULL);
    assert_true(stmt_run_int(&s, &n) >= 0);
    db_close(db);
    return n;
}

#define ATTEMPTS "SELECT sum(enrichment_attempts) FROM songs"
#define IN_FLIGHT "SELECT count(*) FROM enrichment_queue WHERE in_flight <> 0"
#define QUEUED "SELECT count(*) FROM enrichment_queue"
#define FAILED_SONGS "SELECT count(*) FROM songs WHERE metadata_status = 'enrichment_failed'"

struct write {
    struct dbq_op op;
    const char *sql;
    int64_t again;    /* or a song to be queued again */
    bool done;
};

static inline int run_write(struct db *db, struct dbq_op *op)
{
    struct write *w = container_of(op, struct write, op);
    struct queue_result out;
    struct stmt s;

    if (w->again)
        return queue_add(db, &w->again, 1, 5, true, NOW, &out, &op->err);
    s = stmt_of(db, w->sql, &op->err);
    return stmt_run(&s);
}

static inline void write_done(struct dbq_op *op, int rc)
{
    assert_int_equal(rc, 0);
    container_of(op, struct write, op)->done = true;
}

static inline void write_now(struct room *r, const char *sql, int64_t again)
{
    struct write w = {.op = {.run = run_write, .done = write_done}, .sql = sql, .again = again};

    dbq_write(r->q, &w.op);
    UNTIL(r, w.done);
}

/* --- looking at the worker ---------------------------------------------------------------------- */

static inline int jobs_in(const struct room *r, enum job_state state)
{
    int n = 0;

    list_each_safe(pos, tmp, &r->w->jobs)
        n += container_of(pos, struct job, link)->state == state;
    return n;
}

static inline struct lane *lane_of(struct room *r, enum provider_id p)
{
    return &r->w->lanes[p];
}

static inline bool is_done(struct room *r)
{
    return r->ready && dbq_counts(r->q)->queued == 0 && enrich_is_idle(r->w);
}

#endif
