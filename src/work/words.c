/* What a person asks with words of their own: each usable provider is asked once about them, beside the queue, and what comes
 * back is kept as candidates of a song that stays as it is.
 *
 * READ (reader): whether there is such a song. Then one job a provider; the last one that ends answers. After WORDS_PATIENCE_MS
 * those still waiting are taken back, so that nothing piles up behind a provider that rests. Loop thread, except run_read. */
#include "work/enrich_internal.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/songs.h"

#define WORDS_PATIENCE_MS 20000

static void on_timer_closed(uv_handle_t *h)
{
    struct words *q = h->data;
    struct enrich *w = q->w;

    w->n_words--;
    q->done(q->arg, q->rc);
    free(q->artist);
    free(q->title);
    free(q->variant);
    free(q);
    enrich_release(w);
}

static void finish(struct words *q, int rc)
{
    q->rc = rc;
    uv_close((uv_handle_t *)&q->timer, on_timer_closed);
}

void words_answered(struct words *q, int rc)
{
    if (rc && (!q->rc || q->rc == ERR_TIMEOUT))
        q->rc = rc;   /* what could not be stored says more than what did not come */
    if (--q->open == 0)
        finish(q, q->w->closing ? ERR_CANCELED : q->rc);
}

static void on_timer(uv_timer_t *t)
{
    struct words *q = t->data;

    list_each_safe(pos, tmp, &q->w->jobs) {
        struct job *j = container_of(pos, struct job, link);
        if (j->words == q)
            job_cancel(j);
    }
}

/* Nobody waits for a provider whose rest is longer than the patience. */
static bool may_answer(const struct lane *l)
{
    int end = job_single_end(l);

    return !endpoint_is_locked(l, end) && endpoint_rest_ms(l, end) < WORDS_PATIENCE_MS;
}

static void ask_all(struct words *q)
{
    struct enrich *w = q->w;

    q->open = 1;   /* this function: none may be the last before all were asked */
    uv_update_time(w->d.loop);
    uv_timer_start(&q->timer, on_timer, WORDS_PATIENCE_MS, 0);
    for (int i = 0; i < PROVIDER_COUNT; i++) {
        struct lane *l = &w->lanes[i];
        if (!l->p || !lane_is_usable(l))
            continue;
        q->open++;
        if (may_answer(l))
            job_start(job_new_words(l, q));
        else
            words_answered(q, ERR_TIMEOUT);
    }
    words_answered(q, 0);
}

static int run_read(struct db *db, struct dbq_op *op)
{
    struct words *q = container_of(op, struct words, op);
    struct song song = {0};
    int rc = q->refused ? q->refused : songs_get(db, q->song_id, &song, &op->err);

    if (rc)
        return rc;
    q->variant = mem_strdup(song.variant);
    song_deinit(&song);
    return 0;
}

static void read_done(struct dbq_op *op, int rc)
{
    struct words *q = container_of(op, struct words, op);

    if (rc == 0 && q->w->closing)
        rc = ERR_CANCELED;
    if (rc == 0 && !enrich_is_running(q->w))
        rc = ERR_UNAVAILABLE;
    if (rc)
        finish(q, rc);
    else
        ask_all(q);
}

void enrich_ask_words(struct enrich *w, int64_t song_id, const char *artist, const char *title, void (*done)(void *arg, int rc),
                      void *arg)
{
    struct words *q = mem_zalloc(sizeof *q);

    q->w = w;
    q->song_id = song_id;
    q->artist = mem_strdup(artist);
    q->title = mem_strdup(title);
    q->done = done;
    q->arg = arg;
    if (!enrich_is_running(w) || enrich_usable(w) == 0)
        q->refused = ERR_UNAVAILABLE;
    else if (w->n_words >= WORDS_MAX)
        q->refused = ERR_BUSY;
    uv_timer_init(w->d.loop, &q->timer);
    q->timer.data = q;
    w->n_words++;
    w->open++;
    q->op = (struct dbq_op){.run = run_read, .done = read_done, .flags = DBQ_URGENT};
    dbq_read(w->d.q, &q->op);
}
