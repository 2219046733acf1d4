/* Beside PiKaraoke: where its database is, the look of each second, and what is told; see pikaraoke.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "work/pikaraoke_internal.h"

#define LOOK_MS 1000
#define WAIT_MS 5000                  /* where nothing can be read yet */
#define HELD_AGAIN_MS 300000          /* held back songs are looked at again when something changed, so often at most */

bool pikaraoke_is_readable(const struct pikaraoke *p)
{
    return !p->off && p->now.state == PK_READABLE;
}

/* --- the end ----------------------------------------------------------------------------------------- */

static bool is_quiet(const struct pikaraoke *p)
{
    return !p->looking && !p->state_busy && !p->close_busy && p->handles == 0 && follow_is_quiet(&p->follow) &&
           publish_is_quiet(&p->publish) && queue_poll_is_quiet(&p->queue);
}

void pikaraoke_ended(struct pikaraoke *p)
{
    if (!p->closing || p->closed_told || !is_quiet(p))
        return;
    p->closed_told = true;
    p->closed(p->closed_arg);
}

void pikaraoke_on_handle_closed(uv_handle_t *h)
{
    struct pikaraoke *p = h->data;

    p->handles--;
    pikaraoke_ended(p);
}

/* --- what is remembered between starts ------------------------------------------------------------------ */

static int run_store_state(struct db *db, struct dbq_op *op)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, state_op);
    int rc = pk_state_set(db, "database", p->remembered_path, &op->err);

    return rc ? rc : pk_state_set(db, "folder", p->remembered_folder, &op->err);
}

static void state_stored(struct dbq_op *op, int rc)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, state_op);

    p->state_busy = false;
    if (rc && rc != ERR_CLOSED)
        log_warn("pikaraoke", "the place of PiKaraoke's songs cannot be noted: %s", err_text(&op->err));
    pikaraoke_ended(p);
}

static void remember(struct pikaraoke *p)
{
    if (p->state_busy || (text_same(p->remembered_path, p->path) && text_same(p->remembered_folder, p->folder)))
        return;
    mem_set_text(&p->remembered_path, p->path);
    mem_set_text(&p->remembered_folder, p->folder);
    p->state_busy = true;
    p->state_op = (struct dbq_op){.run = run_store_state, .done = state_stored};
    dbq_write(p->d.q, &p->state_op);
}

/* --- the look ------------------------------------------------------------------------------------------------ */

static int run_look(struct db *db, struct dbq_op *op)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, look_op);

    (void)db;
    pk_look(p->pk, p->look_publish, clock_wall(p->d.clock), &p->seen);
    return 0;
}

static void tell_difference(struct pikaraoke *p, const struct pk_look *old)
{
    if (old->state == p->now.state && old->profile == p->now.profile && old->writable == p->now.writable &&
        old->playing == p->now.playing && strcmp(old->why, p->now.why) == 0)
        return;
    if (p->now.state == PK_READABLE && (old->state != PK_READABLE || old->profile != p->now.profile))
        log_info("pikaraoke", "PiKaraoke's song list is followed database='%s' profile=%s folder='%s'", p->path,
                 pk_profile_name(p->now.profile), p->folder ? p->folder : "");
    else if (p->now.state == PK_REFUSED && strcmp(old->why, p->now.why) != 0)
        log_warn("pikaraoke", "%s", p->now.why);
    else if (old->state == PK_READABLE && p->now.state != PK_READABLE)
        log_info("pikaraoke", "PiKaraoke's song list is waited for: %s", p->now.why);
    events_progress_changed(p->d.events);
}

void pikaraoke_leave_folder(struct pikaraoke *p)
{
    const char *paths[FOLDERS_LEFT_OUT] = {p->folder, p->folder ? p->d.usual_folder : NULL};

    scan_leave_out(p->d.scan, paths);
}

static void take_folder(struct pikaraoke *p)
{
    if (p->now.changed && p->now.folder && !text_same(p->folder, p->now.folder)) {
        mem_set_text(&p->folder, p->now.folder);
        log_info("pikaraoke", "PiKaraoke's songs are in '%s'", p->folder);
    }
    follow_set_folder(&p->follow, p->folder);
    if (p->folder)
        remember(p);
}

static void take_change(struct pikaraoke *p)
{
    if (p->now.rows >= 0)
        p->rows = p->now.rows;
    if (p->now.replaced) {
        p->follow.recount = true;
        log_info("pikaraoke", "PiKaraoke's database was replaced; songs are recognised again");
    }
    if (p->now.changed || p->now.replaced)
        p->follow.wanted = true;
    if (p->now.changed && p->publish.counts.held && clock_mono(p->d.clock) >= p->held_again_at) {
        p->held_again_at = clock_mono(p->d.clock) + HELD_AGAIN_MS;
        p->publish.retry_held = true;
        publish_hint(&p->publish);
    }
}

/* Where nobody spoke of PiKaraoke it is looked for after each scan only: a machine without it is left asleep. */
static uint64_t look_ms(const struct pikaraoke *p)
{
    bool spoken_of = p->remembered_path || config_text(p->d.config, OPT_PIKARAOKE_DATABASE)[0];

    if (p->now.state == PK_READABLE)
        return LOOK_MS;
    return p->now.state == PK_ABSENT && !spoken_of ? 0 : WAIT_MS;
}

static void on_timer(uv_timer_t *t);

static void go_on(struct pikaraoke *p)
{
    if (p->started && look_ms(p))
        uv_timer_start(&p->timer, on_timer, look_ms(p), 0);
    follow_step(&p->follow);
    publish_step(&p->publish);
    queue_poll_tick(&p->queue);
    if (p->d.settled && pikaraoke_is_settled(p))
        p->d.settled(p->d.arg);
}

static void look_done(struct dbq_op *op, int rc)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, look_op);
    struct pk_look old = p->now;

    p->looking = false;
    if (rc == 0) {
        p->now = p->seen;
        p->seen = (struct pk_look){0};
        if (!p->closing) {
            if (p->now.state == PK_READABLE)
                take_folder(p);
            take_change(p);
            tell_difference(p, &old);
        }
        pk_look_deinit(&old);
    }
    if (p->ready) {
        void (*ready)(void *, int) = p->ready;
        const char *guessed[FOLDERS_LEFT_OUT] = {NULL, p->d.usual_folder};
        p->ready = NULL;
        if (pikaraoke_is_readable(p) && !p->remembered_folder)   /* where its songs are is known now, and need not be guessed */
            scan_leave_out(p->d.scan, guessed);
        ready(p->ready_arg, rc == ERR_CLOSED ? rc : 0);
    } else if (!p->closing) {
        go_on(p);
    }
    pikaraoke_ended(p);
}

static void start_look(struct pikaraoke *p)
{
    if (p->looking || p->closing || p->off)
        return;
    p->looking = true;
    p->look_publish = p->publish.wish;
    p->look_op = (struct dbq_op){.run = run_look, .done = look_done};
    dbq_beside(p->d.q, &p->look_op);
}

static void on_timer(uv_timer_t *t)
{
    struct pikaraoke *p = t->data;

    start_look(p);
    if (p->off) {
        queue_poll_tick(&p->queue);
        uv_timer_start(&p->timer, on_timer, WAIT_MS, 0);
    }
}

/* --- where it is ------------------------------------------------------------------------------------------------- */

/* The file named by the owner, else one that exists where it usually is, else the one followed before, else the first usual
 * place: PiKaraoke may come later. */
static char *choose_path(const struct pikaraoke *p)
{
    const char *named = config_text(p->d.config, OPT_PIKARAOKE_DATABASE);

    if (named[0])
        return mem_strdup(named);
    if (p->remembered_path && access(p->remembered_path, F_OK) == 0)
        return mem_strdup(p->remembered_path);
    for (size_t i = 0; p->d.places[i]; i++)
        if (access(p->d.places[i], R_OK) == 0)
            return mem_strdup(p->d.places[i]);
    return mem_strdup(p->remembered_path ? p->remembered_path : p->d.places[0]);
}

static bool is_none(const struct pikaraoke *p)
{
    return strcmp(config_text(p->d.config, OPT_PIKARAOKE_DATABASE), "none") == 0;
}

/* On the pool, because looking for files may block. */
static int run_load_state(struct db *db, struct dbq_op *op)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, state_op);

    if (is_none(p))
        return pk_songs_release(db, &op->err);
    p->remembered_path = pk_state_get(db, "database");
    p->remembered_folder = pk_state_get(db, "folder");
    p->path = choose_path(p);
    return 0;
}

static void state_loaded(struct dbq_op *op, int rc)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, state_op);
    void (*ready)(void *, int) = p->ready;

    p->state_busy = false;
    p->off = rc != 0 || !p->path;
    if (!p->off) {
        p->pk = pk_new(p->path);
        if (text_same(p->path, p->remembered_path))
            mem_set_text(&p->folder, p->remembered_folder);
        if (p->folder)
            pikaraoke_leave_folder(p);
        start_look(p);
        return;
    }
    p->ready = NULL;
    ready(p->ready_arg, rc);
    pikaraoke_ended(p);
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

struct pikaraoke *pikaraoke_new(const struct pikaraoke_deps *d, void (*ready)(void *arg, int rc), void *arg)
{
    struct pikaraoke *p = mem_zalloc(sizeof *p);

    p->d = *d;
    p->ready = ready;
    p->ready_arg = arg;
    p->now.rows = -1;
    uv_timer_init(d->loop, &p->timer);
    p->timer.data = p;
    p->handles = 1;
    follow_init(&p->follow, p);
    publish_init(&p->publish, p);
    queue_poll_init(&p->queue, p);
    p->publish.wish = config_bool(d->config, OPT_PIKARAOKE_PUBLISH);
    p->state_busy = true;
    p->state_op = (struct dbq_op){.run = run_load_state, .done = state_loaded};
    dbq_write(d->q, &p->state_op);
    return p;
}

void pikaraoke_start(struct pikaraoke *p)
{
    p->started = true;
    if (!p->closing && (!p->off || config_text(p->d.config, OPT_PIKARAOKE_URL)[0]))
        uv_timer_start(&p->timer, on_timer, 0, 0);
}

/* Closing may write the log back: not on the loop, and behind whatever is under way there. */
static int run_close(struct db *db, struct dbq_op *op)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, close_op);

    (void)db;
    pk_free(p->pk);
    p->pk = NULL;
    return 0;
}

static void close_done(struct dbq_op *op, int rc)
{
    struct pikaraoke *p = container_of(op, struct pikaraoke, close_op);

    (void)rc;
    p->close_busy = false;
    pikaraoke_ended(p);
}

void pikaraoke_close(struct pikaraoke *p, void (*closed)(void *arg), void *arg)
{
    p->closing = true;
    p->closed = closed;
    p->closed_arg = arg;
    intake_stop(p->follow.in);
    if (p->queue.fetch)
        fetch_cancel(p->queue.fetch);
    publish_close(&p->publish);
    p->close_busy = true;
    p->close_op = (struct dbq_op){.run = run_close, .done = close_done};
    dbq_beside(p->d.q, &p->close_op);
    uv_close((uv_handle_t *)&p->timer, pikaraoke_on_handle_closed);
}

void pikaraoke_free(struct pikaraoke *p)
{
    if (!p)
        return;
    pk_free(p->pk);
    pk_look_deinit(&p->now);
    pk_look_deinit(&p->seen);
    follow_deinit(&p->follow);
    for (int i = 0; i < p->publish.n; i++)
        pk_song_deinit(&p->publish.songs[i]);
    queue_poll_deinit(&p->queue);
    free(p->path);
    free(p->folder);
    free(p->remembered_path);
    free(p->remembered_folder);
    free(p);
}

/* --- use ----------------------------------------------------------------------------------------------------------------- */

void pikaraoke_reconfigure(struct pikaraoke *p)
{
    p->publish.wish = config_bool(p->d.config, OPT_PIKARAOKE_PUBLISH);
    if (!p->started || p->off)
        return;
    start_look(p);                    /* opens for writing, or no longer */
    p->publish.not_before = 0;
    publish_unstick(&p->publish);
}

void pikaraoke_committed(struct pikaraoke *p)
{
    if (p->started && !p->closing)
        publish_committed(&p->publish);
}

void pikaraoke_look_now(struct pikaraoke *p)
{
    p->follow.wanted = true;
    start_look(p);
}

void pikaraoke_scanned(struct pikaraoke *p)
{
    if (p->started && !pikaraoke_is_readable(p))
        start_look(p);
}

bool pikaraoke_is_settled(const struct pikaraoke *p)
{
    if (p->off || p->now.state != PK_READABLE)
        return !p->looking || p->off;
    return (p->follow.complete || p->follow.empty) && p->follow.phase == FOLLOW_IDLE && !p->follow.wanted;
}

bool pikaraoke_is_reading(const struct pikaraoke *p)
{
    return p->follow.phase != FOLLOW_IDLE;
}

uint64_t pikaraoke_place(const struct pikaraoke *p)
{
    return p->follow.passes + (uint64_t)p->follow.after;
}

bool pikaraoke_is_following(const struct pikaraoke *p)
{
    return pikaraoke_is_readable(p);
}

bool pikaraoke_is_playing(const struct pikaraoke *p)
{
    return (pikaraoke_is_readable(p) && p->now.playing) || p->queue.playing;
}

void pikaraoke_hold(struct pikaraoke *p, bool hold)
{
    p->publish.hold = hold;
    if (p->started && !p->closing)
        publish_step(&p->publish);
}
