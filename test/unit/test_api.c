/* The control API over a real server, store, events and configuration; the worker and the scan are played by this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "base/mem.h"
#include "store/evidence.h"
#include "store/queue.h"
#include "store/songs.h"

/* --- the worker and the scan, played ---------------------------------------------------- */

static struct {
    enum worker_mode mode;
    int start_rc, ask_rc;
    int wakes, scans;
    char settings[200];       /* members of the last settings event */
    bool accept_missing;
    char words[64];           /* "artist|title" of the last question in own words */
    struct scan_status scan;
} play;

struct later {
    uv_timer_t timer;
    worker_cb command;
    void (*asked)(void *arg, int rc);
    void (*tested)(void *arg, int rc, const char *kind, const char *detail);
    void *arg;
    int rc;
    bool changed;
};

static uv_loop_t loop;

static void on_later_closed(uv_handle_t *h)
{
    struct later *l = container_of((uv_timer_t *)h, struct later, timer);

    if (l->command)
        l->command(l->arg, l->rc, l->changed, play.mode);
    else if (l->asked)
        l->asked(l->arg, l->rc);
    else
        l->tested(l->arg, l->rc, "key", "the key was refused");
    free(l);
}

static struct later *later(void *arg)
{
    struct later *l = mem_zalloc(sizeof *l);

    uv_timer_init(&loop, &l->timer);
    uv_close((uv_handle_t *)&l->timer, on_later_closed);
    l->arg = arg;
    return l;
}

const char *worker_mode_name(enum worker_mode m)
{
    return m == WORKER_RUNNING ? "running" : m == WORKER_PAUSED ? "paused" : "stopped";
}

void enrich_command(struct enrich *w, enum worker_command cmd, worker_cb done, void *arg)
{
    static const enum worker_mode after[] = {WORKER_RUNNING, WORKER_PAUSED, WORKER_RUNNING, WORKER_STOPPED};
    struct later *l = later(arg);

    l->command = done;
    l->rc = cmd == WORKER_CMD_START ? play.start_rc : 0;
    if (l->rc == 0) {
        l->changed = play.mode != after[cmd];
        play.mode = after[cmd];
    }
}

enum worker_mode enrich_mode(const struct enrich *w)
{
    return play.mode;
}

void pikaraoke_progress_json(const struct pikaraoke *p, struct json_out *o)
{
    (void)p;
    json_put_null(o, "pikaraoke");
}

void pikaraoke_json(const struct pikaraoke *p, struct json_out *o, const char *key)
{
    (void)p;
    json_put_null(o, key);
}

void pikaraoke_look_now(struct pikaraoke *p)
{
    (void)p;
}

void manners_json(const struct manners *m, struct json_out *o, const char *key)
{
    (void)m;
    json_put_null(o, key);
}

void enrich_wake(struct enrich *w)
{
    play.wakes++;
}

void enrich_progress_json(const struct enrich *w, struct json_out *o)
{
    json_put_bool(o, "running", play.mode != WORKER_STOPPED);
    json_put_str(o, "state", worker_mode_name(play.mode));
}

void enrich_providers_json(const struct enrich *w, struct json_out *o)
{
    json_open(o, "providers", '[');
    json_close(o, ']');
}

void enrich_ask(struct enrich *w, int64_t song_id, void (*done)(void *arg, int rc), void *arg)
{
    struct later *l = later(arg);

    l->asked = done;
    l->rc = play.ask_rc;
}

void enrich_ask_words(struct enrich *w, int64_t song_id, const char *artist, const char *title, void (*done)(void *arg, int rc),
                      void *arg)
{
    snprintf(play.words, sizeof play.words, "%s|%s", artist, title);
    enrich_ask(w, song_id, done, arg);
}

void enrich_test(struct enrich *w, int provider, void (*done)(void *arg, int rc, const char *kind, const char *detail), void *arg)
{
    later(arg)->tested = done;
}

void scan_start(struct scan *s, bool accept_missing)
{
    play.scans++;
    play.accept_missing = accept_missing;
}

void scan_status(const struct scan *s, struct scan_status *out)
{
    *out = play.scan;
}

void loop_stats_json(const struct loop_stats *s, struct json_out *o, const char *key)
{
    json_open(o, key, '{');
    json_close(o, '}');
}

/* --- the service ------------------------------------------------------------------------ */

static struct {
    char folder[64], database[128], keys[128], socket[128];
    struct dbq *q;
    struct events *events;
    struct config *config;
    struct api *api;
    struct http_server *server;
    int port;
} t;

/* Turns the loop until *done, at most for a while: a hang is a failure, not a wait. */
static void run_until(const bool *done)
{
    struct pollfd fd = {.fd = uv_backend_fd(&loop), .events = POLLIN};

    for (int i = 0; i < 20000 && !*done; i++) {
        poll(&fd, 1, 1);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_true(*done);
}

static void on_opened(void *arg, int rc, const struct err *e)
{
    assert_int_equal(rc, 0);
    *(bool *)arg = true;
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void put_progress(void *arg, struct json_out *o)
{
    api_progress_members(t.api, o);
}

static void on_settings(void *arg, const char *members)
{
    snprintf(play.settings, sizeof play.settings, "%s", members);
}

static void start_service(const char *token)
{
    struct http_server_options o = {.server_name = "songbookd/test"};
    struct api_deps d = {.loop = &loop, .clock = &clock_system, .keys_path = t.keys, .version = "9.9", .token = token,
                         .settings_changed = on_settings};
    struct err e = {0};
    bool opened = false;

    memset(&play, 0, sizeof play);
    snprintf(t.folder, sizeof t.folder, "/tmp/test_api.XXXXXX");
    assert_non_null(mkdtemp(t.folder));
    snprintf(t.database, sizeof t.database, "%s/songbook.db", t.folder);
    snprintf(t.keys, sizeof t.keys, "%s/keys", t.folder);
    snprintf(t.socket, sizeof t.socket, "%s/sock", t.folder);
    assert_int_equal(uv_loop_init(&loop), 0);
    t.q = dbq_open(&loop, t.database, on_opened, &opened);
    run_until(&opened);
    t.events = events_new(&loop, &clock_system, 1, put_progress, NULL);
    t.config = config_new();
    d.q = t.q;
    d.events = t.events;
    d.config = t.config;
    t.api = api_new(&d);
    api_server_options(t.api, &o);
    static struct http_server_options kept;
    kept = o;
    t.server = http_server_new(&loop, &kept);
    assert_int_equal(http_server_listen_tcp(t.server, "127.0.0.1:0", &e), 0);
    assert_int_equal(http_server_listen_unix(t.server, t.socket, 0660, &e), 0);
    t.port = atoi(strrchr(http_server_address(t.server, 0), ':') + 1);
}

static int setup(void **state)
{
    start_service(NULL);
    return 0;
}

static int setup_token(void **state)
{
    start_service("correct-horse");
    return 0;
}

static int teardown(void **state)
{
    char command[160];
    bool server_closed = false, store_closed = false;

    http_server_close(t.server, 1000, on_closed, &server_closed);
    run_until(&server_closed);
    dbq_close(t.q, on_closed, &store_closed);
    run_until(&store_closed);
    api_free(t.api);
    events_free(t.events);
    config_free(t.config);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", t.folder);
    assert_int_equal(system(command), 0);
    return 0;
}

/* --- a client ------------------------------------------------------------------------------ */

struct reply {
    int status;
    char *text;                  /* head and body */
    char *body;
    cJSON *json;
};

static void reply_free(struct reply *r)
{
    cJSON_Delete(r->json);
    free(r->text);
}

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)t.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_true(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* Sends all of it while the loop turns; the whole answer up to the end of the connection. */
static void exchange(int fd, const char *text, size_t len, struct buf *in)
{
    char piece[65536];
    size_t sent = 0;
    ssize_t n = -1;

    for (int i = 0; i < 60000 && n != 0; i++) {
        struct pollfd fds[] = {{.fd = fd, .events = (short)(POLLIN | (sent < len ? POLLOUT : 0))},
                               {.fd = uv_backend_fd(&loop), .events = POLLIN}};
        poll(fds, 2, 1);
        if (sent < len) {
            ssize_t w = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
            sent += w > 0 ? (size_t)w : 0;
        }
        uv_run(&loop, UV_RUN_NOWAIT);
        n = recv(fd, piece, sizeof piece, 0);
        if (n > 0)
            buf_add(in, piece, (size_t)n);
    }
    assert_int_equal(n, 0);
}

static struct reply ask(const char *method, const char *path, const char *headers, const char *body)
{
    struct reply r = {0};
    struct buf in;
    int fd = dial();
    bool writes = strcmp(method, "POST") == 0 || strcmp(method, "PATCH") == 0;
    char *text = mem_printf("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s%s"
                            "Content-Length: %zu\r\n\r\n%s", method, path, t.port, headers ? headers : "",
                            writes ? "Content-Type: application/json\r\n" : "", body ? strlen(body) : 0, body ? body : "");

    buf_init(&in, 0);
    exchange(fd, text, strlen(text), &in);
    close(fd);
    free(text);
    buf_cstr(&in);
    r.text = buf_detach(&in);
    assert_int_equal(sscanf(r.text, "HTTP/1.1 %d", &r.status), 1);
    r.body = strstr(r.text, "\r\n\r\n");
    assert_non_null(r.body);
    r.body += 4;
    r.json = json_parse(slice_of(r.body), NULL);
    return r;
}

static void expect_status(const char *method, const char *path, const char *headers, const char *body, int status)
{
    struct reply r = ask(method, path, headers, body);

    if (r.status != status)
        print_error("%s %s %s: %s\n", method, path, body ? body : "", r.text);
    assert_int_equal(r.status, status);
    reply_free(&r);
}

/* A wrong value: 422, and the place is named. */
static void expect_refused(const char *method, const char *path, const char *headers, const char *body, const char *place)
{
    struct reply r = ask(method, path, headers, body);
    const cJSON *first = json_first(json_get(r.json, "errors"));
    const char *named = json_str(first, "pointer") ? json_str(first, "pointer") : json_str(first, "parameter");

    if (r.status != 422 || !named || strcmp(named, place) != 0)
        print_error("%s %s %s: %s\n", method, path, body ? body : "", r.text);
    assert_int_equal(r.status, 422);
    assert_non_null(strstr(r.text, "application/problem+json"));
    assert_string_equal(json_str(r.json, "code"), "invalid_value");
    assert_string_equal(named, place);
    reply_free(&r);
}

/* --- songs to work with ------------------------------------------------------------------- */

struct seed {
    struct dbq_op op;
    int (*what)(struct db *db, struct err *e);
    bool done;
};

static int seed_run(struct db *db, struct dbq_op *op)
{
    return container_of(op, struct seed, op)->what(db, &op->err);
}

static void seed_done(struct dbq_op *op, int rc)
{
    if (rc)
        print_error("%s\n", err_text(&op->err));
    assert_int_equal(rc, 0);
    container_of(op, struct seed, op)->done = true;
}

static void seed(int (*what)(struct db *db, struct err *e))
{
    struct seed s = {.op = {.run = seed_run, .done = seed_done}, .what = what};

    dbq_write(t.q, &s.op);
    run_until(&s.done);
}

/* Songs 1 to 3; the third one's name is not UTF-8. */
static int three_songs(struct db *db, struct err *e)
{
    static const char *const paths[] = {"/songs/Queen - Innuendo.mp4", "/songs/Abba - Waterloo.mp4",
                                        "/songs/Bj\xf6rk - Joga.mp4"};
    static char *const artists[] = {(char *)"Queen", (char *)"Abba", (char *)"Bjork"};
    static char *const titles[] = {(char *)"Innuendo", (char *)"Waterloo", (char *)"Joga"};
    struct found_result results[3];
    struct guess guesses[3];
    struct found_file files[3];

    memset(guesses, 0, sizeof guesses);
    memset(files, 0, sizeof files);
    for (int i = 0; i < 3; i++) {
        guesses[i].artist = artists[i];
        guesses[i].title = titles[i];
        guesses[i].confidence = 0.65;
        guesses[i].rule = "separator";
        files[i].path = slice_of(paths[i]);
        files[i].size = 1000 + i;
        files[i].mtime_ms = 1700000000000;
        files[i].format = "mp4";
        files[i].guess = &guesses[i];
    }
    return songs_found(db, files, 3, 1700000000000, results, e);
}

static int candidate_for_first(struct db *db, struct err *e)
{
    struct candidates list = {0};
    struct candidate *c = candidates_add(&list, PROVIDER_MUSICBRAINZ);
    struct outcome o = {.song_id = 1, .provider = PROVIDER_MUSICBRAINZ, .kind = OUTCOME_FOUND, .chosen = -1, .pair_key = "queen",
                        .remaining = 1u << PROVIDER_LASTFM,
                        .max_attempts = 3, .now_ms = 1700000001000, .candidates = &list};
    struct outcome_result result = {0};
    int rc;

    c->artist = mem_strdup("Queen");
    c->title = mem_strdup("Innuendo (Single)");
    c->genres[0] = mem_strdup("Rock");
    c->year = 1991;
    c->score = 0.8;
    c->rule = "version_differs";
    snprintf(c->reason, sizeof c->reason, "another version");
    rc = queue_outcome(db, &o, &result, e);
    song_deinit(&result.song);
    candidates_deinit(&list);
    return rc;
}

/* Stored later than any question of this test, with a poor score. */
static int candidate_of_the_future(struct db *db, struct err *e)
{
    struct candidates list = {0};
    struct candidate *c = candidates_add(&list, PROVIDER_LASTFM);
    int rc;

    c->artist = mem_strdup("Queen");
    c->title = mem_strdup("Headlong");
    c->score = 0.1;
    rc = candidates_keep(db, 1, PROVIDER_LASTFM, &list, 4000000000000, e);
    candidates_deinit(&list);
    return rc;
}

static int second_is_gone(struct db *db, struct err *e)
{
    int64_t id = 2;

    return songs_set_present(db, &id, 1, false, 1700000002000, NULL, e);
}

static char *etag_of(int id)
{
    char path[40], *at, *tag;
    struct reply r;

    snprintf(path, sizeof path, "/api/v1/songs/%d", id);
    r = ask("GET", path, NULL, NULL);
    at = strcasestr(r.text, "\r\nETag: ");
    assert_non_null(at);
    tag = mem_printf("If-Match: %.*s\r\n", (int)strcspn(at + 8, "\r"), at + 8);
    reply_free(&r);
    return tag;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void health_names_the_service(void **state)
{
    struct reply r = ask("GET", "/api/v1/health", NULL, NULL);

    assert_string_equal(r.body, "{\"name\":\"songbookd\",\"version\":\"9.9\",\"api\":1}");
    reply_free(&r);
    r = ask("GET", "/healthz", NULL, NULL);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    expect_status("GET", "/", NULL, NULL, 200);
    expect_status("GET", "/api/v1/nothing", NULL, NULL, 404);
    expect_status("DELETE", "/api/v1/health", NULL, NULL, 405);
}

static void progress_counts_the_library(void **state)
{
    struct reply r;

    seed(three_songs);
    seed(second_is_gone);
    r = ask("GET", "/api/v1/progress", NULL, NULL);
    assert_int_equal(r.status, 200);
    assert_int_equal(json_int(r.json, "total", -1), 2);
    assert_int_equal(json_int(json_get(r.json, "library"), "absent", -1), 1);
    assert_int_equal(json_int(json_get(r.json, "by_status"), "parsed", -1), 2);
    assert_int_equal(json_int(json_get(r.json, "by_status"), "enrichment_failed", -1), 0);
    assert_true(cJSON_IsNumber(json_get(r.json, "queue_remaining")));
    assert_true(cJSON_IsNumber(json_get(r.json, "percent")));
    assert_non_null(json_get(r.json, "scan"));
    assert_non_null(json_get(r.json, "loop"));
    assert_string_equal(json_str(r.json, "state"), "stopped");
    reply_free(&r);
}

static void worker_commands_say_what_changed(void **state)
{
    struct reply r;

    play.start_rc = ERR_UNAVAILABLE;
    r = ask("POST", "/api/v1/worker/start", NULL, NULL);
    assert_int_equal(r.status, 409);
    assert_string_equal(json_str(r.json, "code"), "no_usable_provider");
    reply_free(&r);
    play.start_rc = 0;
    r = ask("POST", "/api/v1/worker/start", NULL, "{}");
    assert_string_equal(r.body, "{\"changed\":true,\"state\":\"running\"}");
    reply_free(&r);
    r = ask("POST", "/api/v1/worker/start", NULL, NULL);
    assert_string_equal(r.body, "{\"changed\":false,\"state\":\"running\"}");
    reply_free(&r);
    r = ask("POST", "/api/v1/worker/pause", NULL, NULL);
    assert_string_equal(r.body, "{\"changed\":true,\"state\":\"paused\"}");
    reply_free(&r);
    expect_refused("POST", "/api/v1/worker/stop", NULL, "{\"a/b\":1}", "/a~1b");
}

static void songs_are_paged_by_cursor_and_link(void **state)
{
    struct reply r;
    char *at, path[1024];

    seed(three_songs);
    r = ask("GET", "/api/v1/songs?limit=2&sort=-title", NULL, NULL);
    assert_int_equal(json_count(json_get(r.json, "songs")), 2);
    assert_string_equal(json_str(json_item(json_get(r.json, "songs"), 0), "title"), "Waterloo");
    assert_non_null(json_str(r.json, "next"));
    at = strcasestr(r.text, "\r\nLink: <");
    assert_non_null(at);
    snprintf(path, sizeof path, "%.*s", (int)strcspn(at + 9, ">"), at + 9);
    reply_free(&r);
    r = ask("GET", path, NULL, NULL);
    assert_int_equal(json_count(json_get(r.json, "songs")), 1);
    assert_string_equal(json_str(json_item(json_get(r.json, "songs"), 0), "title"), "Innuendo");
    assert_null(json_get(r.json, "next"));
    assert_null(strcasestr(r.text, "\r\nLink:"));
    reply_free(&r);
}

static void a_name_that_is_not_utf8_is_found_by_its_uri(void **state)
{
    struct reply r;

    seed(three_songs);
    r = ask("GET", "/api/v1/songs?path=file:///songs/Bj%25F6rk%2520-%2520Joga.mp4", NULL, NULL);
    assert_int_equal(json_count(json_get(r.json, "songs")), 1);
    assert_string_equal(json_str(json_item(json_get(r.json, "songs"), 0), "file_uri"), "file:///songs/Bj%F6rk%20-%20Joga.mp4");
    reply_free(&r);
}

static void song_conditions_are_checked(void **state)
{
    static const struct {
        const char *query, *place;
    } bad[] = {{"limit=0", "limit"},
               {"limit=501", "limit"},
               {"limit=", "limit"},
               {"stauts=parsed", "stauts"},
               {"status=done", "status"},
               {"min_confidence=1.5", "min_confidence"},
               {"max_confidence=nan", "max_confidence"},
               {"max_confidence=0x1", "max_confidence"},
               {"year=99", "year"},
               {"sort=size", "sort"},
               {"youtube_id=short", "youtube_id"},
               {"pikaraoke_id=-1", "pikaraoke_id"},
               {"presence=maybe", "presence"},
               {"path=", "path"},
               {"q=%01", "q"}};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char path[120];
        snprintf(path, sizeof path, "/api/v1/songs?%s", bad[i].query);
        expect_refused("GET", path, NULL, NULL, bad[i].place);
    }
    expect_status("GET", "/api/v1/songs?path=/a%00b", NULL, NULL, 400);
    expect_status("GET", "/api/v1/songs?q=%ff", NULL, NULL, 400);
    expect_status("GET", "/api/v1/songs?cursor=nonsense", NULL, NULL, 422);
    expect_status("GET", "/api/v1/songs?min_confidence=0.5&max_confidence=1&status=parsed&year=1990&genre=Rock", NULL, NULL, 200);
}

static void a_song_carries_its_etag(void **state)
{
    char *tag, *header;

    seed(three_songs);
    tag = etag_of(1);
    header = mem_printf("If-None-Match: W/\"x\", %s", tag + strlen("If-Match: "));
    expect_status("GET", "/api/v1/songs/1", header, NULL, 304);
    expect_status("GET", "/api/v1/songs/1", "If-None-Match: \"v999\"\r\n", NULL, 200);
    expect_status("GET", "/api/v1/songs/99", NULL, NULL, 404);
    expect_status("GET", "/api/v1/songs/abc", NULL, NULL, 404);
    expect_status("GET", "/api/v1/songs/-1", NULL, NULL, 404);
    free(header);
    free(tag);
}

static void an_edit_needs_the_version_it_saw(void **state)
{
    struct reply r;
    char *tag;

    seed(three_songs);
    tag = etag_of(1);
    expect_status("PATCH", "/api/v1/songs/1", NULL, "{\"artist\":\"Queen\"}", 428);
    r = ask("PATCH", "/api/v1/songs/1", tag, "{\"artist\":\"  Queen  \",\"year\":1991}");
    assert_int_equal(r.status, 200);
    assert_string_equal(json_str(r.json, "artist"), "Queen");
    assert_string_equal(json_str(r.json, "metadata_status"), "manual");
    assert_string_equal(json_str(r.json, "label"), "Verified");
    assert_int_equal(json_int(r.json, "year", 0), 1991);
    assert_non_null(strcasestr(r.text, "\r\nETag: \"v"));
    reply_free(&r);
    expect_status("PATCH", "/api/v1/songs/1", tag, "{\"artist\":\"Kings\"}", 412);
    expect_status("PATCH", "/api/v1/songs/99", tag, "{\"artist\":\"Kings\"}", 404);
    expect_status("PATCH", "/api/v1/songs/1", "If-Match: *\r\n", "{\"year\":null,\"lock\":[\"genre\"]}", 200);
    assert_true(play.wakes > 0);
    free(tag);
}

static void an_edit_is_checked_field_by_field(void **state)
{
    static const struct {
        const char *body, *place;
    } bad[] = {{"{}", ""},
               {"{\"artist\":1}", "/artist"},
               {"{\"artist\":\"a\\nb\"}", "/artist"},
               {"{\"title\":\" \"}", "/title"},
               {"{\"title\":null}", "/title"},
               {"{\"year\":\"1991\"}", "/year"},
               {"{\"year\":999}", "/year"},
               {"{\"year\":1991.5}", "/year"},
               {"{\"verified\":false}", "/verified"},
               {"{\"lock\":\"year\"}", "/lock"},
               {"{\"lock\":[\"colour\"]}", "/lock"},
               {"{\"lock\":[\"year\"],\"unlock\":[\"year\"]}", "/unlock"},
               {"{\"genre\":[\"Rock\"]}", "/genre"},
               {"{\"confidence\":1}", "/confidence"}};
    char *tag, *body, *text;

    seed(three_songs);
    tag = etag_of(1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_refused("PATCH", "/api/v1/songs/1", tag, bad[i].body, bad[i].place);
    text = mem_alloc(502);
    memset(text, 'x', 501);
    text[501] = '\0';
    body = mem_printf("{\"genre\":\"%s\"}", text);
    expect_refused("PATCH", "/api/v1/songs/1", tag, body, "/genre");
    free(body);
    body = mem_printf("{\"genre\":\"%s\"}", text + 1);
    expect_status("PATCH", "/api/v1/songs/1", tag, body, 200);
    free(body);
    free(text);
    free(tag);
}

static void all_wrong_fields_are_named_at_once(void **state)
{
    struct reply r;

    seed(three_songs);
    r = ask("PATCH", "/api/v1/songs/1", "If-Match: *\r\n", "{\"artist\":1,\"year\":2,\"colour\":3}");
    assert_int_equal(r.status, 422);
    assert_int_equal(json_count(json_get(r.json, "errors")), 3);
    reply_free(&r);
}

static void bodies_that_cannot_be_read_are_400(void **state)
{
    static const char *const bad[] = {"{", "[]", "1", "{\"a\":1}x", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}", ""};

    seed(three_songs);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        expect_status("PATCH", "/api/v1/songs/1", "If-Match: *\r\n", bad[i], 400);
        expect_status("POST", "/api/v1/queue", NULL, bad[i], 400);
        expect_status("POST", "/api/v1/parse", NULL, bad[i], 400);
    }
}

static void suggestions_come_from_the_store(void **state)
{
    const cJSON *first;
    struct reply r;

    seed(three_songs);
    seed(candidate_for_first);
    r = ask("GET", "/api/v1/songs/1/suggestions?limit=20", NULL, NULL);
    first = json_first(json_get(r.json, "suggestions"));
    assert_string_equal(json_str(first, "display"), "Queen - Innuendo (Single)");
    assert_string_equal(json_str(first, "source"), "musicbrainz");
    assert_string_equal(json_str(first, "genre"), "Rock");
    assert_int_equal(json_int(first, "year", 0), 1991);
    assert_false(json_bool(first, "rejected", true));
    reply_free(&r);
    expect_refused("GET", "/api/v1/songs/1/suggestions?limit=21", NULL, NULL, "limit");
    expect_status("GET", "/api/v1/songs/99/suggestions", NULL, NULL, 404);
}

static void asking_answers_with_what_is_stored(void **state)
{
    struct reply r;

    seed(three_songs);
    seed(candidate_for_first);
    r = ask("POST", "/api/v1/songs/1/suggestions", NULL, NULL);
    assert_int_equal(json_count(json_get(r.json, "suggestions")), 1);
    assert_true(json_bool(r.json, "complete", false));
    reply_free(&r);
    play.ask_rc = ERR_TIMEOUT;
    r = ask("POST", "/api/v1/songs/1/suggestions", NULL, NULL);
    assert_int_equal(r.status, 200);
    assert_false(json_bool(r.json, "complete", true));
    reply_free(&r);
    play.ask_rc = ERR_UNAVAILABLE;
    r = ask("POST", "/api/v1/songs/1/suggestions", NULL, NULL);
    assert_int_equal(r.status, 409);
    assert_string_equal(json_str(r.json, "code"), "worker_not_running");
    reply_free(&r);
    play.mode = WORKER_RUNNING;
    r = ask("POST", "/api/v1/songs/1/suggestions", NULL, NULL);
    assert_string_equal(json_str(r.json, "code"), "no_usable_provider");
    reply_free(&r);
}

static void own_words_are_asked_with(void **state)
{
    static const struct { const char *body, *words; } good[] = {
        {"{\"artist\":\" Queen \",\"title\":\"Innuendo\"}", "Queen|Innuendo"}, {"{\"title\":\"Innuendo\"}", "|Innuendo"},
        {"{\"artist\":null,\"title\":\"Innuendo\"}", "|Innuendo"}, {"{}", ""}, {"{\"title\":null}", ""}};
    char *before, *after;

    seed(three_songs);
    seed(candidate_for_first);
    before = etag_of(1);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct reply r;
        play.words[0] = 0;
        r = ask("POST", "/api/v1/songs/1/suggestions?limit=20", NULL, good[i].body);
        assert_int_equal(r.status, 200);
        assert_string_equal(play.words, good[i].words);
        assert_int_equal(json_count(json_get(r.json, "suggestions")), 1);
        reply_free(&r);
    }
    after = etag_of(1);
    assert_string_equal(after, before);
    free(before);
    free(after);
    play.words[0] = 0;
    expect_refused("POST", "/api/v1/songs/1/suggestions", NULL, "{\"artist\":\"Queen\"}", "/title");
    expect_refused("POST", "/api/v1/songs/1/suggestions", NULL, "{\"title\":\" \"}", "/title");
    expect_refused("POST", "/api/v1/songs/1/suggestions", NULL, "{\"title\":7}", "/title");
    expect_refused("POST", "/api/v1/songs/1/suggestions", NULL, "{\"title\":\"a\\u0007b\"}", "/title");
    expect_refused("POST", "/api/v1/songs/1/suggestions", NULL, "{\"title\":\"a\",\"artist\":[]}", "/artist");
    expect_refused("POST", "/api/v1/songs/1/suggestions", NULL, "{\"title\":\"a\",\"year\":1}", "/year");
    assert_string_equal(play.words, "");
}

static void answers_to_own_words_go_first(void **state)
{
    struct reply r;

    seed(three_songs);
    seed(candidate_for_first);
    seed(candidate_of_the_future);
    r = ask("GET", "/api/v1/songs/1/suggestions", NULL, NULL);
    assert_string_equal(json_str(json_first(json_get(r.json, "suggestions")), "title"), "Innuendo (Single)");
    reply_free(&r);
    r = ask("POST", "/api/v1/songs/1/suggestions", NULL, "{}");
    assert_string_equal(json_str(json_first(json_get(r.json, "suggestions")), "title"), "Innuendo (Single)");
    reply_free(&r);
    r = ask("POST", "/api/v1/songs/1/suggestions?limit=1", NULL, "{\"title\":\"Headlong\"}");
    assert_string_equal(json_str(json_first(json_get(r.json, "suggestions")), "title"), "Headlong");
    reply_free(&r);
}

static int64_t first_candidate(void)
{
    struct reply r = ask("GET", "/api/v1/songs/1/suggestions", NULL, NULL);
    int64_t id = json_int(json_first(json_get(r.json, "suggestions")), "id", 0);

    assert_true(id > 0);
    reply_free(&r);
    return id;
}

static void a_candidate_is_accepted_and_undone(void **state)
{
    struct reply r;
    char *body;
    int64_t batch;

    seed(three_songs);
    seed(candidate_for_first);
    body = mem_printf("{\"candidate\":%lld}", (long long)first_candidate());
    expect_status("POST", "/api/v1/songs/1/accept", "If-Match: \"v999\"\r\n", body, 412);
    r = ask("POST", "/api/v1/songs/1/accept", NULL, body);
    assert_int_equal(r.status, 200);
    assert_string_equal(json_str(r.json, "title"), "Innuendo (Single)");
    assert_string_equal(json_str(r.json, "metadata_status"), "manual");
    reply_free(&r);
    r = ask("GET", "/api/v1/changes?song_id=1&limit=1", NULL, NULL);
    batch = json_int(json_first(json_get(r.json, "changes")), "batch", 0);
    assert_string_equal(json_str(json_first(json_get(r.json, "changes")), "actor"), "person");
    assert_true(json_int(r.json, "next", 0) > 0);
    reply_free(&r);
    free(body);
    body = mem_printf("{\"batch\":%lld}", (long long)batch);
    r = ask("POST", "/api/v1/undo", NULL, body);
    assert_int_equal(r.status, 200);
    assert_int_equal(json_first(json_get(r.json, "song_ids"))->valueint, 1);
    reply_free(&r);
    r = ask("GET", "/api/v1/songs/1", NULL, NULL);
    assert_string_equal(json_str(r.json, "title"), "Innuendo");
    assert_string_equal(json_str(r.json, "metadata_status"), "parsed");
    reply_free(&r);
    free(body);
    expect_status("POST", "/api/v1/undo", NULL, "{\"batch\":99999}", 404);
    expect_refused("POST", "/api/v1/undo", NULL, "{}", "");
}

static void a_candidate_is_rejected_for_ever(void **state)
{
    struct reply r;
    char *body;

    seed(three_songs);
    seed(candidate_for_first);
    body = mem_printf("{\"candidate\":%lld}", (long long)first_candidate());
    expect_status("POST", "/api/v1/songs/1/reject", NULL, body, 200);
    r = ask("GET", "/api/v1/songs/1/suggestions", NULL, NULL);
    assert_true(json_bool(json_first(json_get(r.json, "suggestions")), "rejected", false));
    reply_free(&r);
    expect_status("POST", "/api/v1/songs/1/reject", NULL, "{\"candidate\":777}", 404);
    expect_refused("POST", "/api/v1/songs/1/accept", NULL, "{}", "/candidate");
    expect_refused("POST", "/api/v1/songs/1/accept", NULL, "{\"candidate\":\"1\"}", "/candidate");
    free(body);
}

static void queueing_names_what_it_does_not_know(void **state)
{
    const cJSON *unknown;
    struct reply r;

    seed(three_songs);
    r = ask("POST", "/api/v1/queue", NULL,
            "{\"song_ids\":[1,77],\"pikaraoke_ids\":null,\"paths\":[\"/songs/Abba - Waterloo.mp4\","
            "\"file:///songs/Bj%F6rk%20-%20Joga.mp4\",\"/nowhere.mp4\"],\"priority\":5,\"demand\":\"soon\"}");
    assert_int_equal(r.status, 200);
    assert_int_equal(json_int(r.json, "queued", -1) + json_int(r.json, "already", -1), 3);
    unknown = json_get(r.json, "unknown");
    assert_int_equal(json_count(unknown), 2);
    assert_int_equal(json_item(unknown, 0)->valueint, 77);
    assert_string_equal(json_item(unknown, 1)->valuestring, "/nowhere.mp4");
    reply_free(&r);
    r = ask("POST", "/api/v1/queue", NULL, "{\"filter\":{\"q\":\"queen\",\"max_confidence\":0.65}}");
    assert_int_equal(json_int(r.json, "queued", -1) + json_int(r.json, "already", -1), 1);
    reply_free(&r);
    r = ask("POST", "/api/v1/queue", NULL, "{\"filter\":{}}");
    assert_int_equal(json_int(r.json, "queued", -1) + json_int(r.json, "already", -1), 3);
    reply_free(&r);
}

static void queueing_is_checked(void **state)
{
    static const struct {
        const char *body, *place;
    } bad[] = {{"{}", ""},
               {"{\"song_ids\":null}", ""},
               {"{\"song_ids\":1}", "/song_ids"},
               {"{\"song_ids\":[1,\"2\"]}", "/song_ids/1"},
               {"{\"song_ids\":[0]}", "/song_ids/0"},
               {"{\"paths\":[1]}", "/paths/0"},
               {"{\"filter\":[]}", "/filter"},
               {"{\"filter\":{\"limit\":5}}", "/filter/limit"},
               {"{\"filter\":{\"year\":\"1990\"}}", "/filter/year"},
               {"{\"song_ids\":[1],\"priority\":1.5}", "/priority"},
               {"{\"song_ids\":[1],\"demand\":\"now\"}", "/demand"},
               {"{\"song_ids\":[1],\"songs\":[1]}", "/songs"}};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_refused("POST", "/api/v1/queue", NULL, bad[i].body, bad[i].place);
}

static void a_song_is_asked_anew(void **state)
{
    struct reply r;

    seed(three_songs);
    r = ask("POST", "/api/v1/songs/1/requeue", NULL, "{\"priority\":7}");
    assert_int_equal(r.status, 200);
    assert_int_equal(json_int(r.json, "queued", -1) + json_int(r.json, "already", -1), 1);
    reply_free(&r);
    expect_status("POST", "/api/v1/songs/99/requeue", NULL, NULL, 404);
    seed(second_is_gone);
    expect_status("POST", "/api/v1/songs/2/requeue", NULL, NULL, 409);
    r = ask("POST", "/api/v1/queue", NULL, "{\"song_ids\":[2]}");
    assert_int_equal(json_count(json_get(r.json, "unknown")), 1);
    reply_free(&r);
}

static void explaining_tells_a_story(void **state)
{
    struct reply r;

    seed(three_songs);
    seed(candidate_for_first);
    r = ask("GET", "/api/v1/songs/1/explain", NULL, NULL);
    assert_int_equal(r.status, 200);
    assert_int_equal(json_int(r.json, "id", 0), 1);
    assert_true(json_count(json_get(r.json, "fields")) >= 2);
    assert_int_equal(json_count(json_get(r.json, "candidates")), 1);
    assert_true(cJSON_IsArray(json_get(r.json, "changes")));
    assert_true(json_count(json_get(r.json, "story")) >= 3);
    assert_non_null(strstr(json_first(json_get(r.json, "story"))->valuestring, "Queen - Innuendo.mp4"));
    reply_free(&r);
    expect_status("GET", "/api/v1/songs/99/explain", NULL, NULL, 404);
}

static void names_are_parsed_one_or_many(void **state)
{
    struct reply r;

    r = ask("POST", "/api/v1/parse", NULL, "{\"filename\":\"Queen - Innuendo.mp4\"}");
    assert_int_equal(r.status, 200);
    assert_string_equal(json_str(r.json, "title"), "Innuendo");
    assert_string_equal(json_str(json_get(r.json, "tidy"), "title_artist"), "Innuendo - Queen");
    assert_true(cJSON_IsNumber(json_get(r.json, "confidence")));
    assert_true(cJSON_IsBool(json_get(r.json, "is_ambiguous")));
    reply_free(&r);
    r = ask("POST", "/api/v1/parse", NULL, "{\"filenames\":[\"A - B\",\"\"],\"library\":true}");
    assert_int_equal(json_count(json_get(r.json, "results")), 2);
    reply_free(&r);
    expect_refused("POST", "/api/v1/parse", NULL, "{}", "");
    expect_refused("POST", "/api/v1/parse", NULL, "{\"filename\":\"a\",\"filenames\":[]}", "");
    expect_refused("POST", "/api/v1/parse", NULL, "{\"filename\":1}", "/filename");
    expect_refused("POST", "/api/v1/parse", NULL, "{\"filenames\":[\"a\",2]}", "/filenames/1");
    expect_refused("POST", "/api/v1/parse", NULL, "{\"filename\":\"a\",\"library\":1}", "/library");
}

static void two_thousand_names_are_the_most(void **state)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_str(&b, "{\"filenames\":[\"a\"");
    for (int i = 1; i < 2000; i++)
        buf_add_str(&b, ",\"a\"");
    buf_add_str(&b, "]}");
    expect_status("POST", "/api/v1/parse", NULL, buf_cstr(&b), 200);
    b.len -= 2;
    buf_add_str(&b, ",\"a\"]}");
    expect_refused("POST", "/api/v1/parse", NULL, buf_cstr(&b), "/filenames");
    buf_deinit(&b);
}

static void a_scan_is_started_and_seen(void **state)
{
    struct reply r;

    play.scan = (struct scan_status){.running = true, .files = 12, .problem = "the folder is empty"};
    r = ask("POST", "/api/v1/scan", NULL, "{\"accept_missing\":true}");
    assert_int_equal(r.status, 202);
    assert_string_equal(r.body, "{\"started\":true}");
    assert_int_equal(play.scans, 1);
    assert_true(play.accept_missing);
    reply_free(&r);
    r = ask("GET", "/api/v1/scan", NULL, NULL);
    assert_true(json_bool(r.json, "running", false));
    assert_int_equal(json_int(r.json, "files", 0), 12);
    assert_string_equal(json_str(r.json, "problem"), "the folder is empty");
    assert_null(json_get(r.json, "finished_at"));
    reply_free(&r);
    expect_refused("POST", "/api/v1/scan", NULL, "{\"accept_missing\":1}", "/accept_missing");
}

static void only_absent_songs_are_forgotten(void **state)
{
    struct reply r;

    seed(three_songs);
    seed(second_is_gone);
    expect_refused("POST", "/api/v1/forget", NULL, "{}", "/song_ids");
    expect_refused("POST", "/api/v1/forget", NULL, "{\"song_ids\":[\"x\"]}", "/song_ids/0");
    r = ask("POST", "/api/v1/forget", NULL, "{\"song_ids\":[]}");
    assert_string_equal(r.body, "{\"forgotten\":0}");
    reply_free(&r);
    r = ask("POST", "/api/v1/forget", NULL, "{\"song_ids\":[1]}");
    assert_string_equal(r.body, "{\"forgotten\":0}");
    reply_free(&r);
    r = ask("POST", "/api/v1/forget", NULL, "{\"song_ids\":null}");
    assert_string_equal(r.body, "{\"forgotten\":1}");
    reply_free(&r);
    expect_status("GET", "/api/v1/songs/2", NULL, NULL, 404);
}

/* 450 songs that are gone. */
static int many_absent(struct db *db, struct err *e)
{
    struct guess g = {.artist = (char *)"A", .title = (char *)"B", .confidence = 0.6, .rule = "separator", .reason = "two parts"};
    struct found_result r;
    char path[40];
    int rc = 0;

    for (int i = 0; rc == 0 && i < 450; i++) {
        snprintf(path, sizeof path, "/songs/%d.mp4", i);
        rc = songs_found(db, &(struct found_file){.path = slice_of(path), .format = "mp4", .guess = &g}, 1, 1000, &r, e);
        if (rc == 0)
            rc = songs_set_present(db, &r.id, 1, false, 1000, NULL, e);
    }
    return rc;
}

/* Sends it and turns the loop until the first step is done. */
static int start_forgetting_all(void)
{
    uint64_t before = dbq_stats(t.q).transactions;
    int fd = dial();
    char *text = mem_printf("POST /api/v1/forget HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
                            "Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"song_ids\":null}", t.port);

    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    free(text);
    for (int i = 0; i < 20000 && dbq_stats(t.q).transactions == before; i++) {
        struct pollfd p = {.fd = uv_backend_fd(&loop), .events = POLLIN};
        poll(&p, 1, 1);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return fd;
}

static int nothing(struct db *db, struct err *e)
{
    return 0;
}

static void forgetting_many_lets_others_write_in_between(void **state)
{
    struct buf in;
    int fd;

    seed(many_absent);
    assert_int_equal(dbq_counts(t.q)->absent, 450);
    fd = start_forgetting_all();
    seed(nothing);
    assert_true(dbq_counts(t.q)->absent > 0);
    buf_init(&in, 0);
    exchange(fd, "", 0, &in);
    close(fd);
    assert_non_null(strstr(buf_cstr(&in), "{\"forgotten\":450}"));
    buf_deinit(&in);
    assert_int_equal(dbq_counts(t.q)->absent, 0);
}

static void forgetting_that_the_end_cuts_off_says_how_far_it_came(void **state)
{
    bool closed = false, opened = false;
    struct buf in;
    int fd;

    seed(many_absent);
    fd = start_forgetting_all();
    dbq_close(t.q, on_closed, &closed);
    run_until(&closed);
    buf_init(&in, 0);
    exchange(fd, "", 0, &in);
    close(fd);
    assert_non_null(strstr(buf_cstr(&in), "HTTP/1.1 503 "));
    assert_non_null(strstr(buf_cstr(&in), "00 songs are forgotten, ask again for the rest"));
    buf_deinit(&in);
    t.q = dbq_open(&loop, t.database, on_opened, &opened);   /* for the teardown, and to look */
    run_until(&opened);
    assert_true(dbq_counts(t.q)->absent > 0 && dbq_counts(t.q)->absent < 450);
}

static void settings_change_all_or_nothing(void **state)
{
    struct reply r;

    expect_refused("PATCH", "/api/v1/settings", NULL, "{\"lastfm.rate\":3,\"lastfm.rat\":4}", "/lastfm.rat");
    assert_int_equal(config_origin(t.config, OPT_LASTFM_RATE), ORIGIN_DEFAULT);
    expect_refused("PATCH", "/api/v1/settings", NULL, "{\"lastfm.rate\":\"3\"}", "/lastfm.rate");
    expect_refused("PATCH", "/api/v1/settings", NULL, "{\"lastfm.rate\":-3}", "/lastfm.rate");
    expect_refused("PATCH", "/api/v1/settings", NULL, "{\"database.path\":\"/tmp/x\"}", "/database.path");
    expect_refused("PATCH", "/api/v1/settings", NULL, "{}", "");
    /* five requests a second is what the provider allows; more would stop the next start */
    expect_refused("PATCH", "/api/v1/settings", NULL, "{\"lastfm.rate\":50}", "");
    r = ask("PATCH", "/api/v1/settings", NULL, "{\"lastfm.rate\":3,\"lastfm.enabled\":false}");
    assert_int_equal(r.status, 200);
    assert_string_equal(json_str(json_get(r.json, "lastfm.rate"), "origin"), "setting");
    reply_free(&r);
    assert_true(config_number(t.config, OPT_LASTFM_RATE) == 3);
    assert_false(config_bool(t.config, OPT_LASTFM_ENABLED));
    assert_string_equal(play.settings, "\"changed\":[\"lastfm.rate\",\"lastfm.enabled\"]");
    expect_status("PATCH", "/api/v1/settings", NULL, "{\"lastfm.rate\":null}", 200);
    assert_int_equal(config_origin(t.config, OPT_LASTFM_RATE), ORIGIN_DEFAULT);
}

static void a_secret_is_stored_apart_and_never_shown(void **state)
{
    static const char key[] = "0123456789abcdef0123456789abcdef";
    struct config *again = config_new();
    struct stat st;
    struct reply r;

    r = ask("PATCH", "/api/v1/settings", NULL, "{\"API_KEYS.lastfm\":\"0123456789abcdef0123456789abcdef\"}");
    assert_int_equal(r.status, 200);
    assert_null(strstr(r.text, key));
    assert_string_equal(json_str(json_get(r.json, "API_KEYS.lastfm"), "value"), "set");
    reply_free(&r);
    assert_string_equal(config_text(t.config, OPT_KEY_LASTFM), key);
    assert_int_equal(stat(t.keys, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect_status("PATCH", "/api/v1/settings", NULL, "{\"API_KEYS.listenbrainz\":\"another-token\"}", 200);
    assert_int_equal(keys_file_read(again, t.keys, NULL), 0);
    assert_string_equal(config_text(again, OPT_KEY_LASTFM), key);
    config_free(again);
    expect_status("PATCH", "/api/v1/settings", NULL, "{\"API_KEYS.lastfm\":null}", 200);
    assert_string_equal(config_text(t.config, OPT_KEY_LASTFM), "");
}

static void a_provider_is_tested(void **state)
{
    struct reply r = ask("POST", "/api/v1/settings/test", NULL, "{\"provider\":\"lastfm\"}");

    assert_string_equal(r.body, "{\"provider\":\"lastfm\",\"ok\":false,\"kind\":\"key\",\"detail\":\"the key was refused\"}");
    reply_free(&r);
    expect_refused("POST", "/api/v1/settings/test", NULL, "{\"provider\":\"napster\"}", "/provider");
    expect_status("GET", "/api/v1/providers", NULL, NULL, 200);
}

/* Opens a stream and turns the loop until `what` arrived. */
static char *stream_until(int fd, struct buf *in, const char *what)
{
    char piece[65536], *at = NULL;

    for (int i = 0; i < 20000 && !at; i++) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = uv_backend_fd(&loop), .events = POLLIN}};
        poll(fds, 2, 1);
        uv_run(&loop, UV_RUN_NOWAIT);
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n > 0)
            buf_add(in, piece, (size_t)n);
        at = strstr(buf_cstr(in), what);
    }
    if (!at)
        print_error("'%s' did not come: %s\n", what, buf_cstr(in));
    assert_non_null(at);
    return at;
}

static int open_stream(const char *query, const char *headers)
{
    int fd = dial();
    char *text = mem_printf("GET /api/v1/events%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", query, t.port, headers);

    assert_true(send(fd, text, strlen(text), 0) > 0);
    free(text);
    return fd;
}

static void an_edit_is_told_on_the_stream(void **state)
{
    struct buf in;
    int fd;

    seed(three_songs);
    buf_init(&in, 0);
    fd = open_stream("", "");
    stream_until(fd, &in, "\"event\":\"hello\"");
    assert_non_null(strstr(buf_cstr(&in), "application/x-ndjson"));
    expect_status("PATCH", "/api/v1/songs/1", "If-Match: *\r\n", "{\"artist\":\"Queen!\"}", 200);
    stream_until(fd, &in, "\"event\":\"song\",\"song\":{\"id\":1,");
    stream_until(fd, &in, "\"artist\":\"Queen!\"");
    stream_until(fd, &in, "\"event\":\"progress\"");
    close(fd);
    buf_deinit(&in);
}

static void server_sent_events_resume_by_id(void **state)
{
    struct buf in;
    int fd;

    buf_init(&in, 0);
    events_publish(t.events, EVENT_SETTINGS, "\"changed\":[\"first\"]");
    events_publish(t.events, EVENT_SETTINGS, "\"changed\":[\"second\"]");
    fd = open_stream("", "Accept: text/event-stream\r\nLast-Event-ID: 4294967297\r\n");
    stream_until(fd, &in, "second");
    assert_null(strstr(buf_cstr(&in), "first"));
    assert_non_null(strstr(buf_cstr(&in), "text/event-stream"));
    assert_non_null(strstr(buf_cstr(&in), "retry: "));
    assert_non_null(strstr(buf_cstr(&in), "id: 4294967298\nevent: settings\ndata: {\"seq\":4294967298,"));
    close(fd);
    buf_reset(&in);
    fd = open_stream("?since=5", "");
    stream_until(fd, &in, "\"event\":\"gap\"");
    close(fd);
    buf_deinit(&in);
    expect_refused("GET", "/api/v1/events?since=x", NULL, NULL, "since");
    expect_status("GET", "/api/v1/events", "Last-Event-ID: -1\r\n", NULL, 422);
    expect_status("HEAD", "/api/v1/events", NULL, NULL, 200);
}

/* More than a stream's queue holds is replayed piece by piece, in order and whole. */
static void a_long_replay_arrives_whole(void **state)
{
    enum { COUNT = 700 };
    char *members = mem_alloc(1100), mark[40];
    struct buf in;
    int fd, expected = 0;

    memset(members, 'x', 1000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(members, 1100, "\"number\":%d,\"fill\":\"%0900d\"", i, i);
        events_publish(t.events, EVENT_SETTINGS, members);
    }
    free(members);
    buf_init(&in, 0);
    fd = open_stream("?since=4294967297", "");
    snprintf(mark, sizeof mark, "\"number\":%d,", COUNT - 1);
    stream_until(fd, &in, mark);
    for (char *at = in.data; (at = strstr(at, "\"event\":\"settings\",\"number\":")); at++) {
        int number = atoi(at + strlen("\"event\":\"settings\",\"number\":"));
        assert_int_equal(number, ++expected);
    }
    assert_int_equal(expected, COUNT - 1);
    assert_null(strstr(in.data, "\"event\":\"gap\""));
    close(fd);
    buf_deinit(&in);
}

/* Who does not read for longer than events are held learns by a gap that some are missing, and goes on with the rest. */
static void a_slow_reader_gets_a_gap_and_the_rest(void **state)
{
    enum { COUNT = 3000 };
    char members[1100], mark[40];
    long long seq, last = 0;
    struct buf in;
    int fd;

    buf_init(&in, 0);
    fd = open_stream("", "");
    stream_until(fd, &in, "\"event\":\"hello\"");
    for (int i = 0; i < COUNT; i++) {
        snprintf(members, sizeof members, "\"number\":%d,\"fill\":\"%01000d\"", i, i);
        events_publish(t.events, EVENT_SETTINGS, members);
    }
    snprintf(mark, sizeof mark, "\"number\":%d,", COUNT - 1);
    stream_until(fd, &in, mark);
    assert_non_null(strstr(in.data, "\"event\":\"gap\""));
    for (char *at = in.data; (at = strstr(at, "{\"seq\":")); at++) {
        seq = atoll(at + strlen("{\"seq\":"));
        assert_true(seq >= last);
        last = seq;
    }
    close(fd);
    buf_deinit(&in);
}

static void a_foreign_page_is_refused(void **state)
{
    char own[80];

    snprintf(own, sizeof own, "Origin: http://127.0.0.1:%d\r\n", t.port);
    expect_status("POST", "/api/v1/worker/stop", own, NULL, 200);
    expect_status("POST", "/api/v1/worker/stop", "Origin: http://evil.example\r\n", NULL, 403);
    expect_status("POST", "/api/v1/worker/stop", "Origin: null\r\n", NULL, 403);
}

static void a_body_must_be_declared_as_json(void **state)
{
    struct buf in;
    int fd = dial();
    char *text = mem_printf("POST /api/v1/queue HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
                            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}", t.port);

    buf_init(&in, 0);
    exchange(fd, text, strlen(text), &in);
    assert_non_null(strstr(buf_cstr(&in), "HTTP/1.1 415 "));
    close(fd);
    free(text);
    buf_deinit(&in);
}

static void tcp_needs_the_token_where_one_is_set(void **state)
{
    struct reply r = ask("GET", "/api/v1/progress", NULL, NULL);

    assert_int_equal(r.status, 401);
    assert_non_null(strcasestr(r.text, "\r\nWWW-Authenticate: Bearer"));
    reply_free(&r);
    expect_status("GET", "/api/v1/progress", "Authorization: Bearer wrong\r\n", NULL, 401);
    expect_status("GET", "/api/v1/progress", "Authorization: Bearer correct-horse2\r\n", NULL, 401);
    expect_status("GET", "/api/v1/progress", "Authorization: Basic correct-horse\r\n", NULL, 401);
    expect_status("GET", "/api/v1/progress", "Authorization: Bearer correct-horse\r\n", NULL, 200);
    expect_status("GET", "/api/v1/health", NULL, NULL, 200);
    expect_status("GET", "/healthz", NULL, NULL, 200);
}

static void the_unix_socket_is_trusted(void **state)
{
    static const char text[] = "GET /api/v1/progress HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct buf in;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", t.socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    buf_init(&in, 0);
    exchange(fd, text, sizeof text - 1, &in);
    assert_non_null(strstr(buf_cstr(&in), "HTTP/1.1 200 "));
    close(fd);
    buf_deinit(&in);
}

/* The service ends while a client waits and another is gone: nobody is answered twice, nothing leaks. */
static void ending_answers_what_is_open(void **state)
{
    int fd = dial(), gone = dial();
    char *text = mem_printf("POST /api/v1/parse HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                            "Content-Length: 16\r\n\r\n{\"filename\":\"a\"}", t.port);

    assert_true(send(fd, text, strlen(text), 0) > 0);
    assert_true(send(gone, text, strlen(text), 0) > 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    close(gone);
    close(fd);
    free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(health_names_the_service),
        T(progress_counts_the_library),
        T(worker_commands_say_what_changed),
        T(songs_are_paged_by_cursor_and_link),
        T(a_name_that_is_not_utf8_is_found_by_its_uri),
        T(song_conditions_are_checked),
        T(a_song_carries_its_etag),
        T(an_edit_needs_the_version_it_saw),
        T(an_edit_is_checked_field_by_field),
        T(all_wrong_fields_are_named_at_once),
        T(bodies_that_cannot_be_read_are_400),
        T(suggestions_come_from_the_store),
        T(asking_answers_with_what_is_stored),
        T(own_words_are_asked_with),
        T(answers_to_own_words_go_first),
        T(a_candidate_is_accepted_and_undone),
        T(a_candidate_is_rejected_for_ever),
        T(queueing_names_what_it_does_not_know),
        T(queueing_is_checked),
        T(a_song_is_asked_anew),
        T(explaining_tells_a_story),
        T(names_are_parsed_one_or_many),
        T(two_thousand_names_are_the_most),
        T(a_scan_is_started_and_seen),
        T(only_absent_songs_are_forgotten),
        T(forgetting_many_lets_others_write_in_between),
        T(forgetting_that_the_end_cuts_off_says_how_far_it_came),
        T(settings_change_all_or_nothing),
        T(a_secret_is_stored_apart_and_never_shown),
        T(a_provider_is_tested),
        T(an_edit_is_told_on_the_stream),
        T(server_sent_events_resume_by_id),
        T(a_long_replay_arrives_whole),
        T(a_slow_reader_gets_a_gap_and_the_rest),
        T(a_foreign_page_is_refused),
        T(a_body_must_be_declared_as_json),
        cmocka_unit_test_setup_teardown(tcp_needs_the_token_where_one_is_set, setup_token, teardown),
        cmocka_unit_test_setup_teardown(the_unix_socket_is_trusted, setup_token, teardown),
        T(ending_answers_what_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
