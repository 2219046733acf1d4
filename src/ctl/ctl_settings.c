/* songbookctl settings: values with their origin, and changing them. A secret is read from stdin, because arguments
 * are visible to every process of the machine. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "config/config.h"

#define VALUE_MAX 4096

/* The text of a value: lists with one entry after the other. Returns new. */
static char *value_words(const cJSON *v)
{
    struct buf b;

    if (!cJSON_IsArray(v))
        return json_words(v);
    buf_init(&b, 0);
    buf_add_str(&b, "");
    for (const cJSON *x = v->child; x; x = x->next) {
        char *w = json_words(x);
        buf_addf(&b, "%s%s", b.len ? ", " : "", w);
        free(w);
    }
    return buf_detach(&b);
}

static void print_settings(const cJSON *all)
{
    static const struct column columns[] = {{"KEY", 24, false}, {"ORIGIN", 12, false}, {"VALUE", 40, false}};

    print_head(columns, ARRAY_LEN(columns));
    for (const cJSON *s = all ? all->child : NULL; s; s = s->next) {
        char *value;
        if (!cJSON_IsObject(s) || !s->string)
            continue;
        value = value_words(json_get(s, "value"));
        const char *cells[] = {s->string, json_str(s, "origin"), value};
        print_row(columns, cells, ARRAY_LEN(cells));
        free(value);
    }
}

static int show(struct ctl *ctl, const char *key)
{
    struct reply r = {0};
    const cJSON *all, *one;
    char *value;
    int rc = ask(ctl, "GET", "/settings", NULL, NULL, &r);

    all = json_get(r.json, "settings") ? json_get(r.json, "settings") : r.json;
    one = key ? json_get(all, key) : NULL;
    if (rc == EXIT_FINE && key && !one) {
        const char *near = option_nearest(key);
        complain("there is no setting '%s'%s%s%s", key, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        rc = EXIT_FAILED;
    } else if (rc == EXIT_FINE && key && ctl->json) {
        char *text = cJSON_PrintUnformatted(one);
        puts(text ? text : "null");
        cJSON_free(text);
    } else if (rc == EXIT_FINE && key) {
        value = value_words(json_get(one, "value"));
        print_text(value);
        putchar('\n');
        free(value);
    } else if (rc == EXIT_FINE && ctl->json) {
        rc = print_raw(&r);
    } else if (rc == EXIT_FINE) {
        print_settings(all);
    }
    reply_deinit(&r);
    return print_finish(rc);
}

/* The value in the JSON type of its option; what does not fit goes as text, and the daemon says what it needs. */
static void put_setting(struct json_out *o, const char *key, const char *value)
{
    int id = option_find(key);
    bool yes = strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0;
    bool no = strcasecmp(value, "no") == 0 || strcasecmp(value, "false") == 0;
    size_t digits = strspn(value, "0123456789."), n = strlen(value);

    key = id >= 0 ? options[id].name : key;
    if (id >= 0 && options[id].type == OPTION_BOOL && (yes || no))
        json_put_bool(o, key, yes);
    else if (id >= 0 && options[id].type == OPTION_NUMBER && n && digits == n && value[0] != '.' && n < 16)
        json_put_num(o, key, strtod(value, NULL), strchr(value, '.') ? 3 : 0);
    else
        json_put_str(o, key, value);
}

/* PATCH of one key; value NULL takes the setting away. */
static int change(struct ctl *ctl, const char *key, const char *value)
{
    struct reply r = {0};
    struct json_out o;
    struct buf body;
    int rc;

    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    if (value)
        put_setting(&o, key, value);
    else
        json_put_null(&o, key);
    json_close(&o, '}');
    rc = ask(ctl, "PATCH", "/settings", buf_cstr(&body), NULL, &r);
    if (rc == EXIT_FINE && ctl->json)
        rc = print_raw(&r);
    else if (rc == EXIT_FINE)
        complain("'%s' is %s", key, value ? "set" : "no longer set");
    buf_deinit(&body);
    reply_deinit(&r);
    return print_finish(rc);
}

static int change_word(struct ctl *ctl, const char *word)
{
    const char *eq = strchr(word, '=');
    char *key = mem_strndup(word, (size_t)(eq - word)), line[VALUE_MAX];
    const char *value = eq + 1;
    int rc, id = option_find(key);

    if (strcmp(value, "-") == 0) {
        if (!fgets(line, sizeof(line), stdin))
            line[0] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        value = line;
    } else if (id >= 0 && options[id].flags & OPTION_SECRET && *value) {
        complain("note: others on this machine can see a key among the arguments; '%s=-' reads it from stdin", key);
    }
    rc = change(ctl, key, value);
    free(key);
    return rc;
}

static int test(struct ctl *ctl, const char *provider)
{
    struct reply r = {0};
    struct json_out o;
    struct buf body;
    int rc;

    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    json_put_str(&o, "provider", provider);
    json_close(&o, '}');
    rc = ask(ctl, "POST", "/settings/test", buf_cstr(&body), NULL, &r);
    if (rc == EXIT_FINE)
        rc = print_answer(ctl, &r);
    if (rc == EXIT_FINE && !cJSON_IsTrue(json_get(r.json, "ok")))
        rc = EXIT_FAILED;
    buf_deinit(&body);
    reply_deinit(&r);
    return print_finish(rc);
}

int cmd_settings(struct ctl *ctl, int argc, char **argv)
{
    const char *unset = NULL, *provider = NULL;
    const struct arg_option own[] = {{"--unset", NULL, &unset}, {"--test", NULL, &provider}, ARGS_END};
    int rc = args_read(ctl, &argc, argv, own, 0, 1);

    if (rc != GO_ON)
        return rc;
    if ((unset != NULL) + (provider != NULL) + argc > 1)
        return args_refuse(ctl, "KEY, '--unset' and '--test' exclude each other");
    if (provider)
        return test(ctl, provider);
    if (unset)
        return change(ctl, unset, NULL);
    return argc && strchr(argv[0], '=') ? change_word(ctl, argv[0]) : show(ctl, argc ? argv[0] : NULL);
}
