/* What waits to be sung in PiKaraoke goes first with us: its pages /get_queue and /now_playing are read every few seconds.
 *
 * Optional in every respect: another port, a password, a page of another form or no answer change nothing else, and are asked
 * for ever more rarely. Only paths are taken from the answers. See pikaraoke.h. Loop thread, except run_raise.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "build_config.h"
#include "work/pikaraoke_internal.h"

#define USUAL_URL "http://127.0.0.1:5555"
#define EVERY_MS 5000
#define MOST_MS 300000
#define TIMEOUT_MS 3000
#define BODY_MAX (512u * 1024)
#define SONGS_MAX 100

static uint64_t now_ms(const struct queue_poll *c)
{
    return clock_mono(c->p->d.clock);
}

static void drop_paths(struct queue_poll *c)
{
    for (size_t i = 0; i < c->n_paths; i++)
        free(c->paths[i]);
    free(c->paths);
    c->paths = NULL;
    c->n_paths = 0;
}

/* --- raising (writer) --------------------------------------------------------------------------- */

static int run_raise(struct db *db, struct dbq_op *op)
{
    struct queue_poll *c = container_of(op, struct queue_poll, op);

    return pk_songs_soon(db, (const char *const *)c->paths, c->n_paths, &c->raised, &op->err);
}

static void raise_done(struct dbq_op *op, int rc)
{
    struct queue_poll *c = container_of(op, struct queue_poll, op);

    c->op_busy = false;
    c->none_soon = rc == 0 && c->n_paths == 0;
    drop_paths(c);
    if (rc == 0 && c->raised && !c->p->closing) {
        log_info("pikaraoke", "songs that wait to be sung are asked for first songs=%lld", (long long)c->raised);
        enrich_wake(c->p->d.enrich);
    }
    pikaraoke_ended(c->p);
}

static void raise_paths(struct queue_poll *c, const cJSON *list)
{
    c->paths = mem_zalloc(SONGS_MAX * sizeof *c->paths);
    for (const cJSON *x = json_first(list); x && c->n_paths < SONGS_MAX; x = json_next(list, x)) {
        const char *path = cJSON_IsObject(x) ? json_str(x, "file") : NULL;
        if (path && path[0] == '/')
            c->paths[c->n_paths++] = mem_strdup(path);
    }
    c->waiting = c->n_paths;
    if (c->n_paths == 0 && c->none_soon) {
        drop_paths(c);
        return;
    }
    c->op_busy = true;
    c->op = (struct dbq_op){.run = run_raise, .done = raise_done};
    dbq_write(c->p->d.q, &c->op);
}

/* --- asking -------------------------------------------------------------------------------------- */

static void failed(struct queue_poll *c, const char *state)
{
    uint64_t ms = (uint64_t)EVERY_MS << (c->failures < 6 ? c->failures : 6);

    c->failures++;
    c->state = state;
    c->playing = false;
    c->waiting = 0;
    c->next_at = now_ms(c) + (ms < MOST_MS ? ms : MOST_MS);
}

static void ask(struct queue_poll *c, const char *page, fetch_cb done);

static cJSON *answer_of(const struct fetch_result *r)
{
    return r->code == 0 && r->status == 200 ? json_parse((struct slice){r->body->data, r->body->len}, NULL) : NULL;
}

static void playing_done(void *arg, const struct fetch_result *r)
{
    struct queue_poll *c = arg;
    cJSON *j = answer_of(r);
    const char *title = json_str(j, "now_playing");

    c->fetch = NULL;
    c->playing = title && title[0] && !json_bool(j, "is_paused", false);
    cJSON_Delete(j);
    pikaraoke_ended(c->p);
}

static void queue_done(void *arg, const struct fetch_result *r)
{
    struct queue_poll *c = arg;
    cJSON *list = answer_of(r);

    c->fetch = NULL;
    if (c->p->closing) {
        /* nothing begins any more */
    } else if (!cJSON_IsArray(list)) {
        failed(c, r->code || r->status == 0 ? "unreachable" : "locked");
    } else {
        c->failures = 0;
        c->state = "ok";
        c->next_at = now_ms(c) + EVERY_MS;
        raise_paths(c, list);
        ask(c, "/now_playing", playing_done);
    }
    cJSON_Delete(list);
    pikaraoke_ended(c->p);
}

static void ask(struct queue_poll *c, const char *page, fetch_cb done)
{
    const char *root = config_text(c->p->d.config, OPT_PIKARAOKE_URL);
    size_t n;
    char *url;
    struct fetch_options o = {.user_agent = "songbookd/" SONGBOOKD_VERSION, .timeout_ms = TIMEOUT_MS, .max_body = BODY_MAX};

    if (!root[0])
        root = USUAL_URL;
    n = strlen(root);
    while (n && root[n - 1] == '/')
        n--;
    url = mem_printf("%.*s%s", (int)n, root, page);
    o.url = url;
    if (fetch_start(c->p->d.http, &o, done, c, &c->fetch, NULL) != 0) {
        c->fetch = NULL;
        failed(c, "unreachable");
    }
    free(url);
}

/* Without a URL it is looked for where it usually is, but only beside its database. */
void queue_poll_tick(struct queue_poll *c)
{
    bool named = config_text(c->p->d.config, OPT_PIKARAOKE_URL)[0] != '\0';

    if (!named && !pikaraoke_is_readable(c->p)) {
        c->state = "off";
        c->playing = false;
        return;
    }
    if (c->fetch || c->op_busy || now_ms(c) < c->next_at)
        return;
    c->next_at = now_ms(c) + EVERY_MS;
    ask(c, "/get_queue", queue_done);
}

/* --- life -------------------------------------------------------------------------------------------- */

void queue_poll_init(struct queue_poll *c, struct pikaraoke *p)
{
    c->p = p;
    c->state = "off";
}

bool queue_poll_is_quiet(const struct queue_poll *c)
{
    return !c->fetch && !c->op_busy;
}

void queue_poll_deinit(struct queue_poll *c)
{
    drop_paths(c);
}
