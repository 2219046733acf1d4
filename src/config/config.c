/* Values in layers; see config.h. Loop thread, no I/O. */
#include "config/config_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/option_value.h"

const char *config_origin_name(enum config_origin o)
{
    static const char *const names[LAYERS] = {"default", "file", "setting", "environment", "command line"};

    return names[o];
}

/* --- one layer ----------------------------------------------------------------------------- */

static void value_clear(struct value *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct value){0};
}

void layer_clear(struct layer *l)
{
    for (int i = 0; i < OPT_COUNT; i++)
        value_clear(&l->values[i]);
}

/* Takes `item`. */
static void value_push(struct value *v, char *item)
{
    v->items = mem_realloc(v->items, (v->count + 1) * sizeof(*v->items));
    v->items[v->count++] = item;
    v->set = true;
}

static bool value_has(const struct value *v, const char *item)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->items[i], item) == 0)
            return true;
    return false;
}

/* An entry that is there already is not added again. */
static int value_add(struct value *v, enum option_id id, const char *text, const char *base, struct err *e)
{
    char *item = option_value(id, text, base, e);
    bool none;

    if (!item)
        return ERR_CONFIG;
    none = options[id].flags & OPTION_NONE && strcmp(item, "none") == 0;
    if (value_has(v, item)) {
        free(item);
        return 0;
    }
    if (v->count >= LIST_MAX || (v->count && none) || value_has(v, "none")) {
        free(item);
        return v->count >= LIST_MAX ? err_set(e, ERR_CONFIG, "'%s' has more than %d entries", options[id].name, LIST_MAX)
                                    : err_set(e, ERR_CONFIG, "'%s' is none or addresses, not both", options[id].name);
    }
    value_push(v, item);
    return 0;
}

static int list_read(struct value *v, enum option_id id, const char *text, const char *base, struct err *e)
{
    int rc = 0;

    v->set = true;
    while (*text && rc == 0) {
        size_t n = strcspn(text, "\n");
        struct slice s = slice_trim((struct slice){text, n});
        char *entry = mem_strndup(s.p, s.n);
        if (s.n)
            rc = value_add(v, id, entry, base, e);
        free(entry);
        text += n + (text[n] == '\n');
    }
    return rc;
}

int layer_set(struct layer *l, enum option_id id, const char *text, const char *base, struct err *e)
{
    struct value fresh = {0};
    int rc = 0;

    if (options[id].type == OPTION_LIST) {
        rc = list_read(&fresh, id, text, base, e);
    } else {
        char *item = option_value(id, text, base, e);
        if (item)
            value_push(&fresh, item);
        else
            rc = ERR_CONFIG;
    }
    if (rc != 0) {
        value_clear(&fresh);
        return rc;
    }
    value_clear(&l->values[id]);
    l->values[id] = fresh;
    return 0;
}

int layer_add(struct layer *l, enum option_id id, const char *text, const char *base, struct err *e)
{
    if (options[id].type != OPTION_LIST)
        return err_set(e, ERR_CONFIG, "'%s' has one value only", options[id].name);
    if (*text == '\0') {
        l->values[id].set = true;
        return 0;
    }
    return value_add(&l->values[id], id, text, base, e);
}

/* --- all layers ---------------------------------------------------------------------------- */

struct config *config_new(void)
{
    struct config *c = mem_zalloc(sizeof(*c));
    struct err e;

    for (int i = 0; i < OPT_COUNT; i++)
        /* A refusal here is a mistake in the table, which a test shows. */
        if (layer_set(&c->layers[ORIGIN_DEFAULT], (enum option_id)i, options[i].fallback, NULL, &e) != 0)
            value_push(&c->layers[ORIGIN_DEFAULT].values[i], mem_strdup(options[i].fallback));
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (int i = 0; i < LAYERS; i++)
        layer_clear(&c->layers[i]);
    free(c);
}

int option_unknown(const char *name, struct err *e)
{
    const char *nearest = option_nearest(name);

    if (nearest)
        return err_set(e, ERR_CONFIG, "there is no option '%s'; did you mean '%s'?", name, nearest);
    return err_set(e, ERR_CONFIG, "there is no option '%s'; 'songbookd --help' lists them", name);
}

char *working_directory(void)
{
    char *d = getcwd(NULL, 0);

    return d ? d : mem_strdup("/");
}

static int set_or_add(struct config *c, enum config_origin layer, const char *name, const char *value, struct err *e,
                      int (*act)(struct layer *l, enum option_id id, const char *text, const char *base, struct err *e))
{
    int id = option_find(name), rc;
    char *base;

    if (id < 0)
        return option_unknown(name, e);
    base = layer == ORIGIN_SETTING ? NULL : working_directory();
    rc = act(&c->layers[layer], (enum option_id)id, value, base, e);
    free(base);
    return rc;
}

int config_set(struct config *c, enum config_origin layer, const char *name, const char *value, struct err *e)
{
    return set_or_add(c, layer, name, value, e, layer_set);
}

int config_add(struct config *c, enum config_origin layer, const char *name, const char *value, struct err *e)
{
    return set_or_add(c, layer, name, value, e, layer_add);
}

int config_unset(struct config *c, enum config_origin layer, const char *name, struct err *e)
{
    int id = option_find(name);

    if (id < 0)
        return option_unknown(name, e);
    if (layer != ORIGIN_DEFAULT)
        value_clear(&c->layers[layer].values[id]);
    return 0;
}

enum config_origin config_origin(const struct config *c, enum option_id id)
{
    int layer = ORIGIN_COMMAND_LINE;

    while (layer > ORIGIN_DEFAULT && !c->layers[layer].values[id].set)
        layer--;
    return (enum config_origin)layer;
}

static const struct value *in_force(const struct config *c, enum option_id id)
{
    return &c->layers[config_origin(c, id)].values[id];
}

const char *config_text(const struct config *c, enum option_id id)
{
    const struct value *v = in_force(c, id);

    return v->count ? v->items[0] : "";
}

size_t config_count(const struct config *c, enum option_id id)
{
    return in_force(c, id)->count;
}

const char *config_at(const struct config *c, enum option_id id, size_t i)
{
    const struct value *v = in_force(c, id);

    return i < v->count ? v->items[i] : "";
}

bool config_bool(const struct config *c, enum option_id id)
{
    return strcmp(config_text(c, id), "yes") == 0;
}

/* --- rates: the providers' own hosts are never asked faster than their rules allow ---------- */

static const struct pace {
    enum option_id rate, url[2];
} paces[] = {
    {OPT_LASTFM_RATE, {OPT_LASTFM_URL, OPT_LASTFM_URL}},
    {OPT_MUSICBRAINZ_RATE, {OPT_MUSICBRAINZ_URL, OPT_MUSICBRAINZ_URL}},
    {OPT_LISTENBRAINZ_RATE, {OPT_LISTENBRAINZ_URL, OPT_LISTENBRAINZ_LABS_URL}},
};

static bool is_own_host(const struct config *c, enum option_id url)
{
    char now[256], own[256];

    return url_host(config_text(c, url), now) && url_host(options[url].fallback, own) && strcmp(now, own) == 0;
}

/* The largest rate that the present addresses allow. */
static double rate_limit_of(const struct config *c, const struct pace *p)
{
    return is_own_host(c, p->url[0]) || is_own_host(c, p->url[1]) ? strtod(options[p->rate].fallback, NULL)
                                                                  : options[p->rate].max;
}

double config_number(const struct config *c, enum option_id id)
{
    double d = strtod(config_text(c, id), NULL);

    for (size_t i = 0; i < ARRAY_LEN(paces); i++)
        if (paces[i].rate == id && d > rate_limit_of(c, &paces[i]))
            return rate_limit_of(c, &paces[i]);
    return d;
}

int config_check(const struct config *c, struct err *e)
{
    char host[256];
    int port;

    for (size_t i = 0; i < ARRAY_LEN(paces); i++) {
        const struct option_row *o = &options[paces[i].rate];
        if (strtod(config_text(c, paces[i].rate), NULL) > rate_limit_of(c, &paces[i]))
            return err_set(e, ERR_CONFIG, "'%s' may be above %s only for a mirror; set '%s' to one, or lower the rate", o->name,
                           o->fallback, options[paces[i].url[0]].name);
    }
    if (config_text(c, OPT_SERVER_TOKEN_FILE)[0])
        return 0;
    for (size_t i = 0; i < config_count(c, OPT_SERVER_LISTEN); i++) {
        const char *at = config_at(c, OPT_SERVER_LISTEN, i);
        if (config_split_listen(at, host, &port) && !config_host_is_loopback(host))
            return err_set(e, ERR_CONFIG,
                           "'server.listen' is '%s', which others can reach; set 'server.token_file', or use 127.0.0.1", at);
    }
    return 0;
}

/* --- showing ------------------------------------------------------------------------------- */

static void put_value(const struct config *c, enum option_id id, struct json_out *o)
{
    const struct option_row *opt = &options[id];
    const char *text = config_text(c, id);

    if (opt->flags & OPTION_SECRET) {
        json_put_str(o, "value", *text ? "set" : "not set");
    } else if (opt->type == OPTION_LIST) {
        json_open(o, "value", '[');
        for (size_t i = 0; i < config_count(c, id); i++)
            json_put_str(o, NULL, config_at(c, id, i));
        json_close(o, ']');
    } else if (opt->type == OPTION_BOOL) {
        json_put_bool(o, "value", config_bool(c, id));
    } else if (opt->type == OPTION_NUMBER) {
        json_put_raw(o, "value", text);
    } else {
        json_put_str(o, "value", text);
    }
}

void config_json(const struct config *c, struct json_out *o)
{
    json_open(o, NULL, '{');
    for (int i = 0; i < OPT_COUNT; i++) {
        json_open(o, options[i].name, '{');
        put_value(c, (enum option_id)i, o);
        json_put_str(o, "origin", config_origin_name(config_origin(c, (enum option_id)i)));
        json_put_str(o, "unit", options[i].unit);
        json_put_str(o, "help", options[i].help);
        json_put_bool(o, "live", options[i].flags & OPTION_LIVE);
        json_put_bool(o, "secret", options[i].flags & OPTION_SECRET);
        json_close(o, '}');
    }
    json_close(o, '}');
}
