/* Others come first; see manners.h. */
#include "work/manners.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define LOOK_MS 5000
#define LAST_LOOK_MS 1000

struct manners {
    struct manners_deps d;
    uv_timer_t timer;
    uv_work_t work;
    bool busy;
    struct machine seen, now;         /* the pool's, the loop's */
    bool known;
    enum hold_level level;
    char why[160];
    int64_t total_before, processed_before;
    void (*closed)(void *arg);
    void *closed_arg;
    bool closing, timer_closed;
};

static void finish_close(struct manners *m)
{
    void (*closed)(void *) = m->closed;
    void *arg = m->closed_arg;

    if (!m->timer_closed || m->busy)
        return;
    free(m);
    closed(arg);
}

static void look(uv_work_t *work)
{
    struct manners *m = container_of(work, struct manners, work);

    machine_read(m->d.root, &m->seen);
}

static void on_timer(uv_timer_t *t);

static void looked(uv_work_t *work, int status)
{
    struct manners *m = container_of(work, struct manners, work);

    (void)status;
    m->busy = false;
    if (m->closing) {
        finish_close(m);
        return;
    }
    m->now = m->seen;
    m->known = true;
    m->level = machine_judge(&m->now, pikaraoke_is_playing(m->d.pikaraoke), m->why);
    enrich_hold(m->d.enrich, m->level, m->why);
    pikaraoke_hold(m->d.pikaraoke, m->level == HOLD_STOP);
    if (m->level != HOLD_NONE || dbq_counts(m->d.q)->queued || pikaraoke_is_following(m->d.pikaraoke))
        uv_timer_start(&m->timer, on_timer, LOOK_MS, 0);
}

static void on_timer(uv_timer_t *t)
{
    struct manners *m = t->data;

    if (m->busy)
        return;
    m->busy = true;
    if (uv_queue_work(m->d.loop, &m->work, look, looked) != 0)
        bug("the pool takes no work");
}

struct manners *manners_new(const struct manners_deps *d)
{
    struct manners *m = mem_zalloc(sizeof *m);
    const struct counts *c = dbq_counts(d->q);

    m->d = *d;
    m->total_before = c->total;
    m->processed_before = c->total_processed;
    uv_timer_init(d->loop, &m->timer);
    m->timer.data = m;
    uv_timer_start(&m->timer, on_timer, 0, 0);
    return m;
}

void manners_committed(struct manners *m)
{
    bool work = dbq_counts(m->d.q)->queued > 0 || pikaraoke_is_following(m->d.pikaraoke);

    if (m->closing || m->busy)
        return;
    if (!work)                        /* one last look at what was written, then rest */
        uv_timer_start(&m->timer, on_timer, LAST_LOOK_MS, 0);
    else if (!uv_is_active((uv_handle_t *)&m->timer))
        uv_timer_start(&m->timer, on_timer, 0, 0);
}

static void on_timer_closed(uv_handle_t *h)
{
    struct manners *m = h->data;

    m->timer_closed = true;
    finish_close(m);
}

void manners_close(struct manners *m, void (*closed)(void *arg), void *arg)
{
    m->closing = true;
    m->closed = closed;
    m->closed_arg = arg;
    uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

/* Songs listed and songs asked for since the start: what the writing was for. */
static int64_t songs_done(const struct manners *m)
{
    const struct counts *c = dbq_counts(m->d.q);
    int64_t listed = c->total - m->total_before, asked = c->total_processed - m->processed_before;

    return (listed > 0 ? listed : 0) + (asked > 0 ? asked : 0);
}

void manners_json(const struct manners *m, struct json_out *o, const char *key)
{
    static const char *const levels[] = {"none", "slow", "stop"};
    int64_t songs = songs_done(m);
    bool bytes = m->known && m->now.bytes_written >= 0;

    json_open(o, key, '{');
    json_put_num(o, "load", m->known && m->now.load >= 0 ? m->now.load : (double)NAN, 2);
    json_put_int(o, "cpus", m->now.cpus);
    json_put_num(o, "celsius", m->known && m->now.celsius > -100 ? m->now.celsius : (double)NAN, 1);
    json_put_bool(o, "throttled", m->now.throttled);
    json_put_bool(o, "playing", pikaraoke_is_playing(m->d.pikaraoke));
    json_put_str(o, "hold", levels[m->level]);
    json_put_str(o, "sentence", m->level == HOLD_NONE ? NULL : m->why);
    if (bytes)
        json_put_int(o, "bytes_written", m->now.bytes_written);
    else
        json_put_null(o, "bytes_written");
    json_put_num(o, "bytes_per_song", bytes && songs ? (double)m->now.bytes_written / (double)songs : (double)NAN, 0);
    json_close(o, '}');
}
