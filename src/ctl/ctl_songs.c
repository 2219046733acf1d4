/* Commands about one song. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ID_MAX 9007199254740991LL    /* the largest whole number JSON carries exactly */

static int id_read(const char *text, long long *id)
{
    return args_number("ID", text, 1, ID_MAX, id);
}

static void print_song(const cJSON *song)
{
    for (const cJSON *x = song ? song->child : NULL; x; x = x->next) {
        char *words;
        if (cJSON_IsObject(x))
            continue;
        if (cJSON_IsNumber(x) && strcmp(x->string, "confidence") == 0) {
            words = mem_printf("%.2f", x->valuedouble);
        } else if (!cJSON_IsArray(x)) {
            words = json_words(x);
        } else {
            struct buf b;
            buf_init(&b, 0);
            buf_add_str(&b, "");
            for (const cJSON *i = x->child; i; i = i->next)
                if (cJSON_IsString(i))
                    buf_addf(&b, "%s%s", b.len ? ", " : "", i->valuestring);
            words = b.len ? buf_detach(&b) : mem_strdup("-");
            buf_deinit(&b);
        }
        print_text(x->string);
        printf("%*s", (int)(strlen(x->string) < 26 ? 26 - strlen(x->string) : 1), "");
        print_text(words);
        putchar('\n');
        free(words);
    }
}

static int show_song(const struct ctl *ctl, const struct reply *r)
{
    const cJSON *inner = json_get(r->json, "song");

    if (ctl->json)
        return print_raw(r);
    print_song(cJSON_IsObject(inner) ? inner : r->json);
    return EXIT_FINE;
}

/* The path of the one song that the command line names; below: "" or what of it. GO_ON, or the exit code. */
static int song_path(struct ctl *ctl, int argc, char **argv, const char *below, char out[64])
{
    long long id;
    int rc = args_read(ctl, &argc, argv, NULL, 1, 1);

    if (rc == GO_ON && id_read(argv[0], &id) != 0)
        rc = EXIT_USAGE;
    if (rc == GO_ON)
        snprintf(out, 64, "/songs/%lld%s", id, below);
    return rc;
}

int cmd_show(struct ctl *ctl, int argc, char **argv)
{
    struct reply r = {0};
    char path[64];
    int rc = song_path(ctl, argc, argv, "", path);

    if (rc != GO_ON)
        return rc;
    rc = ask(ctl, "GET", path, NULL, NULL, &r);
    if (rc == EXIT_FINE)
        rc = show_song(ctl, &r);
    reply_deinit(&r);
    return print_finish(rc);
}

/* The daemon tells the story in sentences; the rows behind them are for --json. */
static void print_story(const cJSON *story)
{
    for (const cJSON *x = json_first(story); x; x = json_next(story, x)) {
        char *words = json_words(x);
        print_text(words);
        putchar('\n');
        free(words);
    }
}

int cmd_explain(struct ctl *ctl, int argc, char **argv)
{
    struct reply r = {0};
    char path[64];
    int rc = song_path(ctl, argc, argv, "/explain", path);

    if (rc != GO_ON)
        return rc;
    rc = ask(ctl, "GET", path, NULL, NULL, &r);
    if (rc == EXIT_FINE && !ctl->json && cJSON_IsArray(json_get(r.json, "story")))
        print_story(json_get(r.json, "story"));
    else if (rc == EXIT_FINE)
        rc = print_answer(ctl, &r);
    reply_deinit(&r);
    return print_finish(rc);
}

/* One NAME=VALUE as a member of the PATCH. An empty value takes the field's value away. */
static int edit_member(const struct ctl *ctl, const char *word, struct json_out *o)
{
    static const char *const texts[] = {"artist", "title", "variant", "genre"};
    const char *eq = strchr(word, '=');
    size_t n = eq ? (size_t)(eq - word) : 0;
    long long year;

    for (size_t i = 0; eq && i < ARRAY_LEN(texts); i++)
        if (strlen(texts[i]) == n && strncmp(word, texts[i], n) == 0) {
            json_put_str(o, texts[i], eq[1] ? eq + 1 : NULL);
            return 0;
        }
    if (eq && strncmp(word, "year=", 5) == 0) {
        if (eq[1] && args_number("year", eq + 1, 1000, 2100, &year) != 0)
            return ERR_USAGE;
        if (eq[1])
            json_put_int(o, "year", year);
        else
            json_put_null(o, "year");
        return 0;
    }
    if (strcmp(word, "verified=yes") == 0 || strcmp(word, "verified=true") == 0) {
        json_put_bool(o, "verified", true);
        return 0;
    }
    return args_refuse(ctl, "'%s' is none of artist=, title=, variant=, year=, genre=, verified=yes", word), ERR_USAGE;
}

int cmd_edit(struct ctl *ctl, int argc, char **argv)
{
    struct reply before = {0}, r = {0};
    struct json_out o;
    struct buf body;
    char path[64];
    long long id;
    int rc = args_read(ctl, &argc, argv, NULL, 2, -1);

    if (rc != GO_ON)
        return rc;
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    rc = id_read(argv[0], &id);
    for (int i = 1; i < argc && rc == 0; i++)
        rc = edit_member(ctl, argv[i], &o);
    json_close(&o, '}');
    snprintf(path, sizeof(path), "/songs/%lld", id);
    /* The ETag is what the person could have seen: a change in between is refused by the daemon, not overwritten. */
    rc = rc != 0 ? EXIT_USAGE : ask(ctl, "GET", path, NULL, NULL, &before);
    if (rc == EXIT_FINE)
        rc = ask(ctl, "PATCH", path, buf_cstr(&body), before.etag[0] ? before.etag : NULL, &r);
    if (rc == EXIT_FINE)
        rc = show_song(ctl, &r);
    buf_deinit(&body);
    reply_deinit(&before);
    reply_deinit(&r);
    return print_finish(rc);
}

/* accept and reject: the command's name is the last part of the path. */
int cmd_decide(struct ctl *ctl, int argc, char **argv)
{
    struct reply r = {0};
    char path[64], body[64];
    long long id, n;
    int rc = args_read(ctl, &argc, argv, NULL, 2, 2);

    if (rc != GO_ON)
        return rc;
    if (id_read(argv[0], &id) != 0 || args_number("N", argv[1], 0, ID_MAX, &n) != 0)
        return EXIT_USAGE;
    snprintf(path, sizeof(path), "/songs/%lld/%s", id, ctl->command->name);
    snprintf(body, sizeof(body), "{\"candidate\":%lld}", n);
    rc = ask(ctl, "POST", path, body, NULL, &r);
    if (rc == EXIT_FINE)
        rc = show_song(ctl, &r);
    reply_deinit(&r);
    return print_finish(rc);
}

static void print_candidates(const cJSON *list)
{
    static const struct column columns[] = {{"N", 5, true}, {"SCORE", 5, true}, {"ARTIST", 20, false}, {"TITLE", 20, false},
                                            {"YEAR", 4, true}, {"FROM", 16, false}};

    print_head(columns, ARRAY_LEN(columns));
    for (const cJSON *c = json_first(list); c; c = json_next(list, c)) {
        char *n = json_words(json_get(c, "candidate") ? json_get(c, "candidate") : json_get(c, "id"));
        char *score = json_words(json_get(c, "score")), *year = json_words(json_get(c, "year"));
        const char *cells[] = {n, score, json_str(c, "artist"), json_str(c, "title"), year, json_str(c, "source")};
        print_row(columns, cells, ARRAY_LEN(cells));
        free(n);
        free(score);
        free(year);
    }
}

/* artist= and title= as the body of the question; what they may be is the daemon's to say. */
static int suggest_words(const struct ctl *ctl, int n, char **words, struct buf *body)
{
    struct json_out o;

    json_out_init(&o, body);
    json_open(&o, NULL, '{');
    for (int i = 0; i < n; i++) {
        if (strncmp(words[i], "artist=", 7) != 0 && strncmp(words[i], "title=", 6) != 0)
            return args_refuse(ctl, "'%s' is none of artist=, title=", words[i]), ERR_USAGE;
        json_put_str(&o, words[i][0] == 'a' ? "artist" : "title", strchr(words[i], '=') + 1);
    }
    json_close(&o, '}');
    return 0;
}

int cmd_suggest(struct ctl *ctl, int argc, char **argv)
{
    bool fresh = false;
    const char *limit = NULL;
    const struct arg_option own[] = {{"--ask", &fresh, NULL}, {"--limit", NULL, &limit}, ARGS_END};
    struct reply r = {0};
    struct buf path, body;
    long long id, n;
    int rc = args_read(ctl, &argc, argv, own, 1, 3);

    if (rc != GO_ON)
        return rc;
    if (id_read(argv[0], &id) != 0 || (limit && args_number("--limit", limit, 1, 500, &n) != 0))
        return EXIT_USAGE;
    buf_init(&path, 0);
    buf_init(&body, 0);
    buf_addf(&path, "/songs/%lld/suggestions", id);
    query_add(&path, "limit", limit);
    fresh = fresh || argc > 1;
    rc = suggest_words(ctl, argc - 1, argv + 1, &body) ? EXIT_USAGE : EXIT_FINE;
    if (rc == EXIT_FINE)
        rc = ask(ctl, fresh ? "POST" : "GET", buf_cstr(&path), fresh ? buf_cstr(&body) : NULL, NULL, &r);
    if (rc == EXIT_FINE && ctl->json)
        rc = print_raw(&r);
    else if (rc == EXIT_FINE)
        print_candidates(json_get(r.json, "suggestions") ? json_get(r.json, "suggestions") : r.json);
    buf_deinit(&path);
    buf_deinit(&body);
    reply_deinit(&r);
    return print_finish(rc);
}
