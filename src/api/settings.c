/* GET and PATCH /settings, POST /settings/test.
 *
 * A PATCH is stored first (options in the database, secrets in the keys file, both on the pool) and
 * applied to the running configuration after the commit, all of it or nothing. Values are tried on a
 * copy of the configuration before anything is stored: the next start must not fail because of them. Secrets are never shown,
 * logged or repeated in an error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"
#include "store/state.h"

#define SETTINGS_MAX 64 /* in one request */

static void reply_settings(struct request *r, struct api *a)
{
    struct buf b;
    struct json_out o;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    config_json(a->d.config, &o);
    api_reply_json(r, 200, &b);
}

void handle_settings(struct request *r, void *app)
{
    if (input_no_query(r))
        reply_settings(r, app);
}

/* --- reading a change --------------------------------------------------------------------- */

struct setting {
    int id;      /* option_id */
    char *value; /* NULL: remove, so that the layer below shows */
};

struct settings_op {
    struct api_op o;
    struct setting list[SETTINGS_MAX];
    size_t n;
};

/* The value as the configuration reads it; NULL with why set when the type is wrong. */
static char *value_text(const struct option_row *opt, const cJSON *v, const char **why)
{
    char number[40];

    switch (opt->type) {
    case OPTION_BOOL:
        *why = "true, false or null is needed";
        return cJSON_IsBool(v) ? mem_strdup(cJSON_IsTrue(v) ? "yes" : "no") : NULL;
    case OPTION_NUMBER:
        *why = "a number or null is needed";
        if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble) || fabs(v->valuedouble) > 1e15)
            return NULL;
        snprintf(number, sizeof number, "%.15g", v->valuedouble);
        return mem_strdup(number);
    default:
        *why = "a string of at most 500 bytes without control characters, or null, is needed";
        if (!cJSON_IsString(v) || !input_text_ok(slice_of(v->valuestring), API_TEXT_MAX))
            return NULL;
        return mem_strdup(v->valuestring);
    }
}

static void read_setting(struct field_errors *f, struct config *trial, struct settings_op *s, const cJSON *m)
{
    int id = option_find(m->string);
    const char *why = NULL, *nearest;
    struct err e = {0};
    char *value = NULL;

    if (id < 0) {
        nearest = option_nearest(m->string);
        fields_refuse_member(f, m->string, nearest ? "there is no such option; did you mean '%s'" : "there is no such option",
                             nearest);
        return;
    }
    if (!(options[id].flags & OPTION_LIVE)) {
        fields_refuse(f, m->string, "it cannot change while the service runs; set it in the configuration file and restart");
        return;
    }
    if (!cJSON_IsNull(m)) {
        value = value_text(&options[id], m, &why);
        if (value && config_set(trial, ORIGIN_SETTING, m->string, value, &e) != 0)
            why = options[id].flags & OPTION_SECRET ? "this cannot be a key" : err_text(&e);
        else if (value)
            why = NULL;
        if (why) {
            fields_refuse(f, m->string, "%s", why);
            free(value);
            return;
        }
    }
    s->list[s->n++] = (struct setting){id, value};
}

/* What the settings stand on, as far as it can be seen from outside: the values in force. */
static void copy_values(struct config *to, const struct config *from)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const char *name = options[i].name;
        if (options[i].type != OPTION_LIST)
            config_set(to, ORIGIN_FILE, name, config_text(from, (enum option_id)i), NULL);
        else
            for (size_t n = 0; n < config_count(from, (enum option_id)i); n++)
                config_add(to, ORIGIN_FILE, name, config_at(from, (enum option_id)i, n), NULL);
    }
}

/* A removed setting uncovers a layer that cannot be seen from here; the default stands for it. */
static void uncover(struct config *trial, const struct config *now, const struct settings_op *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!s->list[i].value && config_origin(now, (enum option_id)s->list[i].id) == ORIGIN_SETTING)
            config_unset(trial, ORIGIN_FILE, options[s->list[i].id].name, NULL);
}

static void read_settings(struct field_errors *f, struct settings_op *s, const cJSON *body)
{
    const struct config *now = s->o.api->d.config;
    struct config *trial;
    struct err e = {0};

    if (cJSON_GetArraySize(body) > SETTINGS_MAX) {
        fields_refuse(f, "", "more than %d settings at once", SETTINGS_MAX);
        return;
    }
    if (!body->child) {
        fields_refuse(f, "", "nothing to change: send at least one setting");
        return;
    }
    trial = config_new();
    copy_values(trial, now);
    for (const cJSON *m = body->child; m; m = m->next)
        read_setting(f, trial, s, m);
    uncover(trial, now, s);
    if (!f->count && config_check(trial, &e) != 0)
        fields_refuse(f, "", "%s", err_text(&e));
    config_free(trial);
}

/* --- storing (pool) ----------------------------------------------------------------------- */

/* What is in the keys file stays there unless this change names it. */
static int store_secrets(const struct settings_op *s, struct err *e)
{
    const char *path = s->o.api->d.keys_path;
    struct config *keys = config_new();
    int rc = keys_file_read(keys, path, e);

    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        const struct option_row *opt = &options[s->list[i].id];
        if (!(opt->flags & OPTION_SECRET))
            continue;
        rc = s->list[i].value ? config_set(keys, ORIGIN_SETTING, opt->name, s->list[i].value, e)
                              : config_unset(keys, ORIGIN_SETTING, opt->name, e);
    }
    if (rc == 0)
        rc = keys_file_write(keys, path, e);
    config_free(keys);
    /* a keys file with the wrong mode is no fault of the request */
    return rc == ERR_CONFIG ? ERR_EXISTS : rc;
}

static int settings_run(struct db *db, struct api_op *o, struct err *e)
{
    struct settings_op *s = container_of(o, struct settings_op, o);
    bool secrets = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        const struct option_row *opt = &options[s->list[i].id];
        if (opt->flags & OPTION_SECRET)
            secrets = true;
        else
            rc = settings_set(db, opt->name, s->list[i].value, o->now_ms, e);
    }
    /* the file last: when it cannot be written, the rows are rolled back */
    return rc == 0 && secrets ? store_secrets(s, e) : rc;
}

/* --- applying (loop) ----------------------------------------------------------------------- */

static void apply(struct settings_op *s, struct config *c)
{
    struct err e = {0};
    int rc;

    for (size_t i = 0; i < s->n; i++) {
        const char *name = options[s->list[i].id].name;
        rc = s->list[i].value ? config_set(c, ORIGIN_SETTING, name, s->list[i].value, &e)
                              : config_unset(c, ORIGIN_SETTING, name, &e);
        if (rc)
            log_error("api", "a stored setting was not applied option=%s", name);
    }
}

static void tell_settings(struct settings_op *s)
{
    struct api *a = s->o.api;
    struct buf b;
    struct json_out o;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, "changed", '[');
    for (size_t i = 0; i < s->n; i++)
        json_put_str(&o, NULL, options[s->list[i].id].name);
    json_close(&o, ']');
    a->d.settings_changed(a->d.arg, buf_cstr(&b));
    buf_deinit(&b);
}

static bool settings_answer(struct api_op *o, int rc)
{
    struct settings_op *s = container_of(o, struct settings_op, o);
    struct api *a = o->api;

    if (rc)
        return api_op_answer(o, rc);
    apply(s, a->d.config);
    reply_settings(o->req, a);
    tell_settings(s);
    return true;
}

static void settings_release(struct api_op *o)
{
    struct settings_op *s = container_of(o, struct settings_op, o);

    for (size_t i = 0; i < s->n; i++)
        free(s->list[i].value);
}

void handle_settings_edit(struct request *r, void *app)
{
    struct field_errors f;
    struct settings_op *s;
    cJSON *body = input_body(r, false);

    if (!body)
        return;
    s = api_op_new(app, r, sizeof *s, settings_run);
    if (!s) {
        cJSON_Delete(body);
        return;
    }
    s->o.answer = settings_answer;
    s->o.release = settings_release;
    fields_init(&f, "pointer");
    read_settings(&f, s, body);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        api_op_free(&s->o);
    else
        api_op_write(&s->o, DBQ_DURABLE | DBQ_URGENT);
}

/* --- one test request ------------------------------------------------------------------------ */

struct test_wait {
    struct api *api;
    struct request *req;
    int provider;
};

static void test_done(void *arg, int rc, const char *kind, const char *detail)
{
    struct test_wait *t = arg;
    struct buf b;
    struct json_out o;

    if (rc == ERR_UNAVAILABLE) {
        api_reply_no_provider(t->req);
    } else if (rc) {
        request_reply_error(t->req, rc, NULL);
    } else {
        buf_init(&b, 0);
        json_out_init(&o, &b);
        json_open(&o, NULL, '{');
        json_put_str(&o, "provider", provider_name((enum provider_id)t->provider));
        json_put_bool(&o, "ok", strcmp(kind, "found") == 0 || strcmp(kind, "not_found") == 0);
        json_put_str(&o, "kind", kind);
        json_put_str(&o, "detail", detail);
        json_close(&o, '}');
        api_reply_json(t->req, 200, &b);
    }
    api_drop(t->api);
    free(t);
}

void handle_settings_test(struct request *r, void *app)
{
    static const char *const known[] = {"provider", NULL};
    struct api *a = app;
    struct field_errors f;
    struct test_wait *t;
    const char *name;
    int provider;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    name = json_str(body, "provider");
    provider = name ? provider_of(name) : -1;
    if (provider < 0)
        fields_refuse(&f, "provider", "a provider is one of lastfm, musicbrainz, listenbrainz");
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        return;
    t = mem_zalloc(sizeof *t);
    *t = (struct test_wait){a, r, provider};
    api_hold(a);
    enrich_test(a->d.enrich, provider, test_done, t);
}
