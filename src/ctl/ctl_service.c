/* Commands about the daemon itself: how it is, what its worker shall do, what happens. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static void print_json_field(const char *label, const cJSON *obj, const char *key)
{
    char *words = json_words(json_get(obj, key));

    print_field(label, words);
    free(words);
}

static void print_counts(const char *label, const cJSON *counts)
{
    struct buf b;

    buf_init(&b, 0);
    for (const cJSON *x = counts ? counts->child : NULL; x; x = x->next)
        if (cJSON_IsNumber(x))
            buf_addf(&b, "%s%s %.0f", b.len ? ", " : "", x->string, x->valuedouble);
    print_field(label, b.len ? buf_cstr(&b) : "-");
    buf_deinit(&b);
}

static void print_time_left(const cJSON *p)
{
    int64_t s = json_int(p, "eta_seconds", -1);
    char text[64];

    if (s < 0)
        return;
    if (s >= 3600)
        snprintf(text, sizeof(text), "%lld h %lld min", (long long)(s / 3600), (long long)(s / 60 % 60));
    else
        snprintf(text, sizeof(text), "%lld min %lld s", (long long)(s / 60), (long long)(s % 60));
    print_field("time left", text);
}

/* Providers come as an object by name or as a list with names. */
static void print_provider_states(const cJSON *list)
{
    for (const cJSON *x = list ? list->child : NULL; x; x = x->next) {
        const char *name = x->string ? x->string : json_str(x, "name");
        const char *state = cJSON_IsString(x) ? x->valuestring : json_str(x, "state");
        if (name && state)
            print_field(name, state);
    }
}

int cmd_status(struct ctl *ctl, int argc, char **argv)
{
    struct reply r = {0};
    char done[64];
    int rc = args_read(ctl, &argc, argv, NULL, 0, 0);

    if (rc == GO_ON)
        rc = ask(ctl, "GET", "/progress", NULL, NULL, &r);
    else
        return rc;
    if (rc == EXIT_FINE && ctl->json) {
        rc = print_raw(&r);
    } else if (rc == EXIT_FINE) {
        double percent = 0;
        json_num(r.json, "percent", &percent);
        snprintf(done, sizeof(done), "%lld songs, %.1f %% done", (long long)json_int(r.json, "total", 0), percent);
        print_json_field("worker", r.json, "state");
        print_field("library", done);
        print_counts("by status", json_get(r.json, "by_status"));
        print_json_field("queue", r.json, "queue_remaining");
        print_json_field("processed", r.json, "total_processed");
        print_json_field("enriched", r.json, "total_enriched");
        print_json_field("failed", r.json, "total_failed");
        print_json_field("since", r.json, "started_at");
        print_json_field("songs/s", r.json, "rate_per_second");
        print_time_left(r.json);
        print_json_field("offline", r.json, "offline");
        print_provider_states(json_get(r.json, "providers"));
        rc = print_finish(EXIT_FINE);
    }
    reply_deinit(&r);
    return rc;
}

/* start, pause, resume and stop: the command's name is the last part of the path. */
int cmd_worker(struct ctl *ctl, int argc, char **argv)
{
    struct reply r = {0};
    char path[64];
    int rc = args_read(ctl, &argc, argv, NULL, 0, 0);

    if (rc != GO_ON)
        return rc;
    snprintf(path, sizeof(path), "/worker/%s", ctl->command->name);
    rc = ask(ctl, "POST", path, "{}", NULL, &r);
    if (rc == EXIT_FINE && ctl->json) {
        rc = print_raw(&r);
    } else if (rc == EXIT_FINE) {
        const char *state = json_str(r.json, "state");
        print_text(state);
        puts(json_bool(r.json, "changed", true) ? "" : " (it was so before)");
        rc = print_finish(EXIT_FINE);
    }
    reply_deinit(&r);
    return rc;
}

int cmd_scan(struct ctl *ctl, int argc, char **argv)
{
    bool accept = false;
    const struct arg_option own[] = {{"--accept-missing", &accept, NULL}, ARGS_END};
    int rc = args_read(ctl, &argc, argv, own, 0, 0);

    if (rc != GO_ON)
        return rc;
    return ask_and_show(ctl, "POST", "/scan", accept ? "{\"accept_missing\":true}" : "{\"accept_missing\":false}");
}

int cmd_health(struct ctl *ctl, int argc, char **argv)
{
    int rc = args_read(ctl, &argc, argv, NULL, 0, 0);

    return rc != GO_ON ? rc : ask_and_show(ctl, "GET", "/health", NULL);
}

static void print_provider(const cJSON *p)
{
    static const struct column columns[] = {{"PROVIDER", 14, false}, {"STATE", 14, false}, {"RATE", 5, true}, {"WHY", 41, false}};
    const char *name = p->string ? p->string : json_str(p, "name"), *why = json_str(p, "sentence");
    char *rate = json_words(json_get(p, "rate_per_second"));
    const char *cells[] = {name, json_str(p, "state"), rate, why ? why : ""};

    if (!p->prev || !p->prev->next)
        print_head(columns, ARRAY_LEN(columns));
    print_row(columns, cells, ARRAY_LEN(cells));
    free(rate);
}

int cmd_providers(struct ctl *ctl, int argc, char **argv)
{
    struct reply r = {0};
    int rc = args_read(ctl, &argc, argv, NULL, 0, 0);

    if (rc != GO_ON)
        return rc;
    rc = ask(ctl, "GET", "/providers", NULL, NULL, &r);
    if (rc == EXIT_FINE && ctl->json) {
        rc = print_raw(&r);
    } else if (rc == EXIT_FINE) {
        const cJSON *list = json_get(r.json, "providers");
        list = list ? list : r.json;
        for (const cJSON *p = list ? list->child : NULL; p; p = p->next)
            print_provider(p);
        rc = print_finish(EXIT_FINE);
    }
    reply_deinit(&r);
    return rc;
}

/* The stream of events. Without --follow a first, silent look learns the newest number, and the printed one ends there. */
struct watch {
    struct buf line;
    double since, newest;
    bool follow, json, silent;
    bool reached;
};

static void event_print(const struct watch *w, struct slice line)
{
    struct buf shown;

    buf_init(&shown, 0);
    if (w->json)
        buf_add_slice(&shown, line);
    else
        utf8_escape_controls(&shown, line);
    fwrite(shown.data, 1, shown.len, stdout);
    putchar('\n');
    buf_deinit(&shown);
}

static void event_take(struct watch *w, struct slice line)
{
    cJSON *j = json_parse(line, NULL);
    const char *event = json_str(j, "event");
    double seq = -1;

    bool hello = event && strcmp(event, "hello") == 0, heartbeat = event && strcmp(event, "heartbeat") == 0;

    json_num(j, "seq", &seq);
    if (!w->silent && event && !heartbeat)
        event_print(w, line);
    if (w->silent && hello)
        w->newest = seq;
    /* The hello stands where the replay begins: at the newest only when there is nothing to replay. A heartbeat means
     * silence: whatever was held has been told. */
    if (w->silent || heartbeat || (event && seq >= w->newest && (!hello || seq == w->since)))
        w->reached = true;
    cJSON_Delete(j);
}

static bool events_piece(void *arg, struct slice piece)
{
    struct watch *w = arg;

    for (size_t i = 0; i < piece.n; i++) {
        if (piece.p[i] != '\n') {
            buf_add_byte(&w->line, piece.p[i]);
            continue;
        }
        if (w->line.len && !w->line.overflow)
            event_take(w, (struct slice){w->line.data, w->line.len});
        buf_reset(&w->line);
        if (!w->follow && w->reached)
            return false;
    }
    return fflush(stdout) == 0;
}

static int events_newest(struct ctl *ctl, struct watch *w)
{
    int rc;

    w->silent = true;
    rc = ask_stream(ctl, "/events", false, events_piece, w);
    w->silent = w->reached = false;
    buf_reset(&w->line);
    return rc;
}

int cmd_events(struct ctl *ctl, int argc, char **argv)
{
    struct watch w = {0};
    const char *since = NULL;
    const struct arg_option own[] = {{"--follow", &w.follow, NULL}, {"--since", NULL, &since}, ARGS_END};
    struct buf path;
    long long seq;
    int rc = args_read(ctl, &argc, argv, own, 0, 0);

    if (rc != GO_ON)
        return rc;
    if (since && args_number("--since", since, 0, 9007199254740991LL, &seq) != 0)
        return EXIT_USAGE;
    if (!since && !w.follow)
        since = "1";    /* everything that is still held */
    w.json = ctl->json;
    buf_init(&w.line, 1024 * 1024);
    rc = w.follow ? EXIT_FINE : events_newest(ctl, &w);
    w.since = since ? strtod(since, NULL) : 0;
    buf_init(&path, 0);
    buf_add_str(&path, "/events");
    query_add(&path, "since", since);
    if (rc == EXIT_FINE)
        rc = ask_stream(ctl, buf_cstr(&path), w.follow, events_piece, &w);
    buf_deinit(&path);
    buf_deinit(&w.line);
    return print_finish(rc);
}
