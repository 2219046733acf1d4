/* Commands about many songs: listing, queueing, the log of changes. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PAGE_MAX 500
#define ID_MAX 9007199254740991LL

/* What `songs` was asked for; filters go to the daemon unread, which knows their values. */
struct listing {
    const char *q, *status, *min, *max, *year, *genre, *path, *youtube_id, *pikaraoke_id, *sort, *cursor, *limit;
    int n_words;             /* further conditions, as NAME=VALUE */
    char **words;
    bool all;
    long long left;          /* songs still wanted */
};

static int listing_path(const struct ctl *ctl, const struct listing *l, const char *cursor, struct buf *path)
{
    const struct {
        const char *name, *value;
    } filters[] = {{"q", l->q}, {"status", l->status}, {"min_confidence", l->min}, {"max_confidence", l->max}, {"year", l->year},
                   {"genre", l->genre}, {"path", l->path}, {"youtube_id", l->youtube_id}, {"pikaraoke_id", l->pikaraoke_id},
                   {"sort", l->sort}, {"cursor", cursor}};
    char limit[32];

    buf_reset(path);
    buf_add_str(path, "/songs");
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        query_add(path, filters[i].name, filters[i].value);
    snprintf(limit, sizeof(limit), "%lld", l->left < PAGE_MAX ? l->left : PAGE_MAX);
    query_add(path, "limit", limit);
    return query_conditions(ctl, l->n_words, l->words, path);
}

static void print_songs(const cJSON *list, bool head)
{
    static const struct column columns[] = {{"ID", 6, true}, {"CONF", 4, true}, {"STATUS", 8, false}, {"ARTIST", 20, false},
                                            {"TITLE", 24, false}, {"YEAR", 4, false}};

    if (head)
        print_head(columns, ARRAY_LEN(columns));
    for (const cJSON *s = json_first(list); s; s = json_next(list, s)) {
        const char *status = json_str(s, "metadata_status");
        char *id = json_words(json_get(s, "id")), *year = json_words(json_get(s, "year")), confidence[16];
        const char *cells[] = {id, confidence, status && strcmp(status, "enrichment_failed") == 0 ? "failed" : status,
                               json_str(s, "artist"), json_str(s, "title"), year};
        double c = 0;
        json_num(s, "confidence", &c);
        snprintf(confidence, sizeof(confidence), "%.2f", c);
        print_row(columns, cells, ARRAY_LEN(cells));
        free(id);
        free(year);
    }
}

/* One page; *cursor (owned) becomes the place of the next, NULL at the end. */
static int page_show(struct ctl *ctl, struct listing *l, char **cursor, bool first)
{
    struct reply r = {0};
    struct buf path;
    char *next;
    int rc;

    buf_init(&path, 0);
    rc = listing_path(ctl, l, *cursor, &path);
    if (rc == EXIT_FINE)
        rc = ask(ctl, "GET", buf_cstr(&path), NULL, NULL, &r);
    buf_deinit(&path);
    if (rc == EXIT_FINE && ctl->json)
        rc = print_raw(&r);
    else if (rc == EXIT_FINE)
        print_songs(json_get(r.json, "songs"), first);
    l->left -= json_count(json_get(r.json, "songs"));
    next = json_get(r.json, "next") ? json_words(json_get(r.json, "next")) : NULL;
    free(*cursor);
    *cursor = next;
    reply_deinit(&r);
    return print_finish(rc);
}

int cmd_songs(struct ctl *ctl, int argc, char **argv)
{
    struct listing l = {0};
    const struct arg_option own[] = {
        {"--q", NULL, &l.q},         {"--status", NULL, &l.status},         {"--min-confidence", NULL, &l.min},
        {"--year", NULL, &l.year},   {"--genre", NULL, &l.genre},           {"--max-confidence", NULL, &l.max},
        {"--path", NULL, &l.path},   {"--youtube-id", NULL, &l.youtube_id}, {"--pikaraoke-id", NULL, &l.pikaraoke_id},
        {"--sort", NULL, &l.sort},   {"--cursor", NULL, &l.cursor},         {"--limit", NULL, &l.limit},
        {"--all", &l.all, NULL},     ARGS_END};
    char *cursor;
    bool first = true;
    int rc = args_read(ctl, &argc, argv, own, 0, -1);

    if (rc == EXIT_FINE)
        puts("Filters: --status NAME --min-confidence N --max-confidence N --year N\n"
             "--genre NAME --path TEXT --youtube-id ID --pikaraoke-id N, and each condition\n"
             "of the API as NAME=VALUE: decade=1980 language=de no_year=true. --sort NAME\n"
             "orders them; --cursor TEXT goes on where a page ended. With --json each page is\n"
             "a line.");
    if (rc != GO_ON)
        return print_finish(rc);
    l.n_words = argc;
    l.words = argv;
    l.left = l.all ? ID_MAX : 50;
    if (l.limit && args_number("--limit", l.limit, 1, ID_MAX, &l.left) != 0)
        return EXIT_USAGE;
    cursor = mem_strdup(l.cursor);
    do {
        rc = page_show(ctl, &l, &cursor, first);
        first = false;
    } while (rc == EXIT_FINE && cursor && l.left > 0);
    if (rc == EXIT_FINE && cursor && !ctl->json)
        complain("there are more; --all shows them, or --cursor '%s' the next ones", cursor);
    free(cursor);
    return rc;
}

static int ids_put(struct json_out *o, int argc, char **argv)
{
    long long id;

    json_open(o, "song_ids", '[');
    for (int i = 0; i < argc; i++) {
        if (args_number("ID", argv[i], 1, ID_MAX, &id) != 0)
            return ERR_USAGE;
        json_put_int(o, NULL, id);
    }
    json_close(o, ']');
    return 0;
}

static int queue_count(struct ctl *ctl)
{
    struct reply r = {0};
    int rc = ask(ctl, "GET", "/progress", NULL, NULL, &r);

    if (rc == EXIT_FINE && ctl->json)
        printf("{\"queue_remaining\":%lld}\n", (long long)json_int(r.json, "queue_remaining", 0));
    else if (rc == EXIT_FINE)
        printf("%lld\n", (long long)json_int(r.json, "queue_remaining", 0));
    reply_deinit(&r);
    return print_finish(rc);
}

int cmd_queue(struct ctl *ctl, int argc, char **argv)
{
    bool all = false, failed = false;
    const char *priority = NULL;
    const struct arg_option own[] = {
        {"--all", &all, NULL}, {"--failed", &failed, NULL}, {"--priority", NULL, &priority}, ARGS_END};
    struct json_out o;
    struct buf body;
    long long p = 0;
    int rc = args_read(ctl, &argc, argv, own, 0, -1);

    if (rc != GO_ON)
        return rc;
    if ((argc > 0) + all + failed > 1)
        return args_refuse(ctl, "IDs, '--all' and '--failed' exclude each other");
    if (priority && args_number("--priority", priority, -1000000, 1000000, &p) != 0)
        return EXIT_USAGE;
    if (!argc && !all && !failed)
        return priority ? args_refuse(ctl, "'--priority' needs songs") : queue_count(ctl);
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    rc = argc ? ids_put(&o, argc, argv) : 0;
    if (!argc)
        json_put_raw(&o, "filter", failed ? "{\"status\":\"enrichment_failed\"}" : "{}");
    if (priority)
        json_put_int(&o, "priority", p);
    json_close(&o, '}');
    rc = rc != 0 ? EXIT_USAGE : ask_and_show(ctl, "POST", "/queue", buf_cstr(&body));
    buf_deinit(&body);
    return rc;
}

static void print_changes(const cJSON *list)
{
    static const struct column columns[] = {{"BATCH", 6, true}, {"TIME", 20, false}, {"SONG", 6, true}, {"FIELD", 10, false},
                                            {"CHANGE", 30, false}};

    print_head(columns, ARRAY_LEN(columns));
    for (const cJSON *c = json_first(list); c; c = json_next(list, c)) {
        const cJSON *song = json_get(c, "song_id") ? json_get(c, "song_id") : json_get(c, "song");
        char *batch = json_words(json_get(c, "batch")), *id = json_words(song);
        char *old = json_words(json_get(c, "old")), *now = json_words(json_get(c, "new"));
        char *change = mem_printf("%s -> %s", old, now);
        const char *cells[] = {batch, json_str(c, "time"), id, json_str(c, "field"), change};
        print_row(columns, cells, ARRAY_LEN(cells));
        free(batch);
        free(id);
        free(old);
        free(now);
        free(change);
    }
}

int cmd_changes(struct ctl *ctl, int argc, char **argv)
{
    const char *limit = NULL;
    const struct arg_option own[] = {{"--limit", NULL, &limit}, ARGS_END};
    struct reply r = {0};
    struct buf path;
    long long n;
    int rc = args_read(ctl, &argc, argv, own, 0, 0);

    if (rc != GO_ON)
        return rc;
    if (limit && args_number("--limit", limit, 1, PAGE_MAX, &n) != 0)
        return EXIT_USAGE;
    buf_init(&path, 0);
    buf_add_str(&path, "/changes");
    query_add(&path, "limit", limit);
    rc = ask(ctl, "GET", buf_cstr(&path), NULL, NULL, &r);
    if (rc == EXIT_FINE && ctl->json)
        rc = print_raw(&r);
    else if (rc == EXIT_FINE)
        print_changes(json_get(r.json, "changes") ? json_get(r.json, "changes") : r.json);
    buf_deinit(&path);
    reply_deinit(&r);
    return print_finish(rc);
}

/* The batch of the first change of a page that a person made and that stands, or -1. */
static long long standing_batch(const cJSON *list)
{
    for (const cJSON *c = json_first(list); c; c = json_next(list, c)) {
        const char *source = json_str(c, "source");
        if (cJSON_IsFalse(json_get(c, "undone")) && !(source && strcmp(source, "undo") == 0))
            return json_int(c, "batch", -1);
    }
    return -1;
}

/* The latest batch of a person that still stands, so that a second undo goes a step further back and not forth again. */
static int latest_batch(struct ctl *ctl, long long *batch)
{
    long long before = 0;
    int rc;

    *batch = -1;
    do {
        struct reply r = {0};
        char path[96] = "/changes?actor=person&limit=500", more[40];
        snprintf(more, sizeof more, "&before=%lld", before);
        if (before)
            strcat(path, more);
        rc = ask(ctl, "GET", path, NULL, NULL, &r);
        before = rc == EXIT_FINE ? json_int(r.json, "next", 0) : 0;
        if (rc == EXIT_FINE)
            *batch = standing_batch(json_get(r.json, "changes"));
        reply_deinit(&r);
    } while (*batch < 0 && before > 0);
    if (rc == EXIT_FINE && *batch < 0) {
        complain("no change of a person stands that could be taken back; 'songbookctl undo --since TIME' takes back others'");
        rc = EXIT_FAILED;
    }
    return rc;
}

/* What `undo` was asked for. */
struct taking_back {
    const char *song, *change, *since, *by, *source;
};

/* The request's body; an exit code when the options do not go together. */
static int undo_body(struct ctl *ctl, const struct taking_back *t, const char *batch_text, struct json_out *o)
{
    long long batch = 0, song, change;

    if ((t->by || t->source) && !t->since)
        return args_refuse(ctl, "'--by' and '--source' need '--since'");
    if ((batch_text || t->song) && (t->change || t->since))
        return args_refuse(ctl, "BATCH, '--change' and '--since' exclude each other");
    if (t->change && t->since)
        return args_refuse(ctl, "'--change' and '--since' exclude each other");
    if (t->since) {
        json_put_str(o, "since", t->since);
        json_put_str(o, "actor", t->by);
        json_put_str(o, "source", t->source);
        return EXIT_FINE;
    }
    if (t->change) {
        if (args_number("--change", t->change, 1, ID_MAX, &change) != 0)
            return EXIT_USAGE;
        json_put_int(o, "change", change);
        return EXIT_FINE;
    }
    if (t->song && !batch_text)
        return args_refuse(ctl, "'--song' needs a BATCH");
    if ((batch_text && args_number("BATCH", batch_text, 0, ID_MAX, &batch) != 0) ||
        (t->song && args_number("--song", t->song, 1, ID_MAX, &song) != 0))
        return EXIT_USAGE;
    if (!batch_text) {
        int rc = latest_batch(ctl, &batch);
        if (rc != EXIT_FINE)
            return rc;
    }
    json_put_int(o, "batch", batch);
    if (t->song)
        json_put_int(o, "song_id", song);
    return EXIT_FINE;
}

int cmd_undo(struct ctl *ctl, int argc, char **argv)
{
    struct taking_back t = {0};
    const struct arg_option own[] = {{"--song", NULL, &t.song}, {"--change", NULL, &t.change}, {"--since", NULL, &t.since},
                                     {"--by", NULL, &t.by},     {"--source", NULL, &t.source}, ARGS_END};
    struct json_out o;
    struct buf body;
    int rc = args_read(ctl, &argc, argv, own, 0, 1);

    if (rc == EXIT_FINE)
        puts("BATCH: a number of 'songbookctl changes'; --song ID takes back its part in that\n"
             "song, --change ID the same by one of the changes. --since TIME (2026-01-31 or\n"
             "2026-01-31T12:00:00Z) takes back everything since then, --by person|worker and\n"
             "--source NAME only what they changed.");
    if (rc != GO_ON)
        return print_finish(rc);
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    rc = undo_body(ctl, &t, argc ? argv[0] : NULL, &o);
    json_close(&o, '}');
    if (rc == EXIT_FINE)
        rc = ask_and_show(ctl, "POST", "/undo", buf_cstr(&body));
    buf_deinit(&body);
    return rc;
}

/* Only a person at a terminal is asked: a script said what it wants. */
static bool confirmed(void)
{
    char answer[16];

    if (!isatty(STDIN_FILENO))
        return true;
    fputs("Forget all absent songs with everything known about them? [y/N] ", stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int cmd_forget(struct ctl *ctl, int argc, char **argv)
{
    bool yes = false;
    const struct arg_option own[] = {{"--yes", &yes, NULL}, ARGS_END};
    struct json_out o;
    struct buf body;
    int rc = args_read(ctl, &argc, argv, own, 0, -1);

    if (rc != GO_ON)
        return rc;
    if (!argc && !yes && !confirmed()) {
        complain("nothing was forgotten");
        return EXIT_FAILED;
    }
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    rc = argc ? ids_put(&o, argc, argv) : 0;
    if (!argc)
        json_put_null(&o, "song_ids");
    json_close(&o, '}');
    rc = rc != 0 ? EXIT_USAGE : ask_and_show(ctl, "POST", "/forget", buf_cstr(&body));
    buf_deinit(&body);
    return rc;
}
