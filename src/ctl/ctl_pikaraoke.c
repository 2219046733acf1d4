/* songbookctl pikaraoke: what the daemon knows of PiKaraoke, and the switch for publishing to its database. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_words(const char *name, const cJSON *obj, const char *key)
{
    char *words = json_words(json_get(obj, key));

    print_field(name, words);
    free(words);
}

static void print_publish(const cJSON *p)
{
    print_words("publishing", p, "state");
    print_words("", p, "sentence");
    print_words("published", p, "published");
    print_words("waiting", p, "waiting");
    for (const cJSON *h = json_first(json_get(p, "held")); h; h = json_next(json_get(p, "held"), h)) {
        char *n = json_words(json_get(h, "songs"));
        struct buf line;
        buf_init(&line, 0);
        buf_addf(&line, "%s, %s", n, json_str(h, "sentence") ? json_str(h, "sentence") : "");
        print_field("held back", buf_cstr(&line));
        buf_deinit(&line);
        free(n);
    }
    print_words("lock, ms", p, "longest_lock_ms");
    if (json_bool(p, "offered", false))
        print_field("", "'songbookctl pikaraoke publish on' switches it on");
}

static int show(struct ctl *ctl)
{
    struct reply r = {0};
    int rc = ask(ctl, "GET", "/pikaraoke", NULL, NULL, &r);

    if (rc == EXIT_FINE && ctl->json) {
        rc = print_raw(&r);
    } else if (rc == EXIT_FINE) {
        print_words("state", r.json, "state");
        print_words("", r.json, "sentence");
        print_words("database", r.json, "database");
        print_words("profile", r.json, "profile");
        print_words("folder", r.json, "folder");
        print_words("songs there", r.json, "songs");
        print_publish(json_get(r.json, "publish"));
        rc = print_finish(EXIT_FINE);
    }
    reply_deinit(&r);
    return rc;
}

static int publish(struct ctl *ctl, const char *word)
{
    bool on = strcmp(word, "on") == 0;
    struct reply r = {0};
    int rc;

    if (!on && strcmp(word, "off") != 0)
        return args_refuse(ctl, "'publish %s' needs 'on' or 'off'", word);
    rc = ask(ctl, "PATCH", "/settings", on ? "{\"pikaraoke.publish\":true}" : "{\"pikaraoke.publish\":false}", NULL, &r);
    reply_deinit(&r);
    return rc == EXIT_FINE ? show(ctl) : rc;
}

int cmd_pikaraoke(struct ctl *ctl, int argc, char **argv)
{
    int rc = args_read(ctl, &argc, argv, NULL, 0, 2);

    if (rc != GO_ON)
        return rc;
    if (argc == 2 && strcmp(argv[0], "publish") == 0)
        return publish(ctl, argv[1]);
    if (argc == 0 || (argc == 1 && strcmp(argv[0], "status") == 0))
        return show(ctl);
    return args_refuse(ctl, "unknown words behind 'pikaraoke'");
}
