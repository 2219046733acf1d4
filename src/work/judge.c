/* Names decided by the whole library; see judge.h.
 *
 * READ (reader): the next page of paths; a new one is read and remembered. LOOK (reader): the next songs whose verdict may have
 * changed; those that stand otherwise are collected. STORE (writer): what was collected, when it is enough or all. The library
 * is touched by the operation in flight alone, so it needs no lock.
 *
 * An operation that fails (a full disk) is followed by a wait, longer each time. Verdicts that were not stored are kept; they
 * name the version they were made for, so that they change nothing when the song was changed meanwhile. */
#include "work/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "song/library.h"
#include "store/songs.h"

/* A page of the dashboard waits for the operation that runs: about a millisecond. */
#define PAGE_NAMES 100
#define LOOK_SONGS 40
#define VERDICTS_MAX 200     /* stored together */
#define RETRY_FIRST_MS 2000
#define RETRY_LAST_MS (64 * 1000)

enum state { JUDGE_IDLE, JUDGE_READ, JUDGE_LOOK, JUDGE_STORE };

struct verdict {
    int64_t id, version;
    struct guess guess;
};

struct judge {
    const struct clock *clock;
    struct dbq *q;
    struct events *ev;
    struct judge_hooks hooks;
    struct dbq_op op;
    uv_timer_t retry;              /* runs while it waits after a failure */
    uint64_t retry_ms;             /* the last wait; 0 after a success */
    enum state state;
    struct library *library;       /* NULL while it is set aside */
    int64_t aside;                 /* it was, when it knew the songs up to this id: their verdicts are stored; 0 none to skip */
    uint64_t names, bytes;         /* what it knows, as of the last operation; bytes 0 while it is set aside */
    bool resting;

    bool want_new, want_all;       /* pages are to be read */
    bool reading, reading_all;     /* a round of pages is under way */
    bool page_end, looked_none;    /* what the last operation found */
    uint32_t round;
    int64_t cursor, page_last;
    size_t page_rows;

    struct verdict verdict[VERDICTS_MAX];
    size_t n_verdicts;
    struct song_news news;
    size_t n_changed;
    int64_t now_ms;
    uint64_t took_ns;              /* the last operation, on the pool */
    uint64_t pool_ns, decided;

    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void judge_step(struct judge *j);

/* ---- READ ---- */

/* The songs that were decided before are all remembered again; what comes now is new. */
static void catch_up(struct judge *j)
{
    library_settle(j->library);
    j->aside = 0;
}

static void take_name(int64_t id, struct slice path, void *arg)
{
    struct judge *j = arg;
    struct guess g;

    j->page_rows++;
    if (j->aside && id > j->aside)
        catch_up(j);
    if (library_see(j->library, id, path, j->round))
        return;
    title_parse(path, &g);
    library_put(j->library, id, path, &g);
    guess_deinit(&g);
}

static void count_row(int64_t id, struct slice path, void *arg)
{
    struct judge *j = arg;

    (void)id;
    (void)path;
    j->page_rows++;
}

static int run_read(struct db *db, struct dbq_op *op)
{
    struct judge *j = container_of(op, struct judge, op);
    uint64_t begun = uv_hrtime();
    int rc;

    j->page_rows = 0;
    if (!j->library)               /* set aside: is there anything to read it anew for? */
        return songs_names(db, j->aside, 1, count_row, j, &j->page_last, &op->err);
    rc = songs_names(db, j->cursor, PAGE_NAMES, take_name, j, &j->page_last, &op->err);
    j->page_end = j->page_rows < PAGE_NAMES;
    if (rc == 0 && j->page_end && j->aside)
        catch_up(j);
    if (rc == 0 && j->page_end && j->reading_all)
        library_drop_unseen(j->library, j->round);
    j->took_ns = uv_hrtime() - begun;
    return rc;
}

/* ---- LOOK ---- */

static bool differs(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

/* What the library has no more to say about goes back to what the name says; other songs are left as they are. */
static bool was_judged(const struct song *s, const struct guess *g)
{
    if (s->status == SONG_FAILED)   /* its reason tells how the asking ended */
        return differs(s->artist, g->artist) || differs(s->title, g->title);
    return s->reason && strncmp(s->reason, "library", 7) == 0;
}

/* Collects the verdict when the song stands otherwise. */
static void look_at(struct judge *j, const struct song *s)
{
    struct verdict *v = &j->verdict[j->n_verdicts];
    bool judged;

    if (!song_may_be_judged(s))
        return;
    title_parse(slice_of(s->file_path), &v->guess);
    judged = library_judge(j->library, s->id, &v->guess);
    if (song_says(s, &v->guess) || (!judged && !was_judged(s, &v->guess))) {
        guess_deinit(&v->guess);
        return;
    }
    v->id = s->id;
    v->version = s->version;
    j->n_verdicts++;
}

static int run_look(struct db *db, struct dbq_op *op)
{
    struct judge *j = container_of(op, struct judge, op);
    uint64_t begun = uv_hrtime();
    int64_t ids[LOOK_SONGS];
    size_t n = library_take_changed(j->library, ids, LOOK_SONGS);
    int rc = 0;

    j->looked_none = n == 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct song s = {0};
        rc = songs_get(db, ids[i], &s, NULL);
        if (rc == 0)
            look_at(j, &s);
        song_deinit(&s);
        if (rc == ERR_NOT_FOUND)
            rc = 0;
    }
    j->took_ns = uv_hrtime() - begun;
    return rc;
}

/* ---- STORE ---- */

static void drop_verdicts(struct judge *j)
{
    for (size_t i = 0; i < j->n_verdicts; i++)
        guess_deinit(&j->verdict[i].guess);
    j->n_verdicts = 0;
}

static int run_store(struct db *db, struct dbq_op *op)
{
    struct judge *j = container_of(op, struct judge, op);
    int rc = 0;

    j->n_changed = 0;
    for (size_t i = 0; rc >= 0 && i < j->n_verdicts; i++) {
        struct song s;
        rc = songs_judged(db, j->verdict[i].id, j->verdict[i].version, &j->verdict[i].guess, j->now_ms, &s, &op->err);
        if (rc == 1) {
            j->n_changed++;
            song_news_add(&j->news, &s);
            song_deinit(&s);
        }
    }
    return rc < 0 ? rc : 0;
}

static void stored(struct judge *j, int rc)
{
    if (rc == 0) {
        song_news_publish(&j->news, j->ev);
        j->decided += j->n_changed;
        if (j->n_changed) {
            events_progress_changed(j->ev);
            j->hooks.changed(j->hooks.arg);
        }
    }
    song_news_deinit(&j->news);
    if (rc == 0)
        drop_verdicts(j);
}

/* ---- the step ---- */

static void finish_close(uv_handle_t *h)
{
    struct judge *j = h->data;
    void (*closed)(void *arg) = j->closed;
    void *arg = j->closed_arg;

    drop_verdicts(j);
    song_news_deinit(&j->news);
    library_free(j->library);
    free(j);
    closed(arg);
}

/* A page that cannot be read is asked for again. */
static void page_read(struct judge *j, int rc)
{
    if (rc)
        return;
    if (!j->library) {
        j->reading = j->page_rows > 0;
        j->library = j->reading ? library_new(hash_seed()) : NULL;
        j->cursor = 0;
        return;
    }
    j->cursor = j->page_last;
    if (j->page_end)
        j->reading = j->reading_all = false;
}

/* Which songs were to be looked at is not known any more: all are. */
static void look_failed(struct judge *j)
{
    drop_verdicts(j);
    library_free(j->library);
    j->library = library_new(hash_seed());
    j->aside = 0;
    j->want_all = true;
}

static void on_retry(uv_timer_t *t)
{
    judge_step(t->data);
}

static void try_again_later(struct judge *j)
{
    j->retry_ms = j->retry_ms == 0 ? RETRY_FIRST_MS : j->retry_ms < RETRY_LAST_MS ? 2 * j->retry_ms : RETRY_LAST_MS;
    uv_timer_start(&j->retry, on_retry, j->retry_ms, 0);
}

static void take_status(struct judge *j)
{
    j->pool_ns += j->took_ns;
    j->took_ns = 0;
    if (j->library) {
        j->names = library_count(j->library);
        j->bytes = library_bytes(j->library);
    }
}

static void op_done(struct dbq_op *op, int rc)
{
    struct judge *j = container_of(op, struct judge, op);
    enum state was = j->state;

    j->state = JUDGE_IDLE;
    if (rc && rc != ERR_CLOSED)
        log_error("judge", "the library cannot be judged, trying again: %s", op->err.text[0] ? op->err.text : err_sentence(rc));
    if (was == JUDGE_READ)
        page_read(j, rc);
    if (was == JUDGE_STORE)
        stored(j, rc);
    if (was == JUDGE_LOOK && rc)
        look_failed(j);
    take_status(j);
    if (rc == 0)
        j->retry_ms = 0;
    if (j->closing)
        uv_close((uv_handle_t *)&j->retry, finish_close);
    else if (rc)
        try_again_later(j);
    else
        judge_step(j);
}

static void begin(struct judge *j, enum state state, int (*run)(struct db *db, struct dbq_op *op))
{
    j->state = state;
    j->op = (struct dbq_op){.run = run, .done = op_done};
    if (state == JUDGE_STORE)
        dbq_write(j->q, &j->op);
    else
        dbq_read(j->q, &j->op);
}

static void begin_round(struct judge *j)
{
    if (!j->library && j->want_all) {
        j->library = library_new(hash_seed());
        j->aside = 0;              /* what went may have changed any verdict */
    }
    j->reading = true;
    j->reading_all = j->want_all;
    if (j->want_all) {
        j->cursor = 0;
        j->round++;
    }
    j->want_new = j->want_all = false;
}

static void set_aside(struct judge *j)
{
    if (!j->library || !j->resting || library_count(j->library) <= j->hooks.keep)
        return;
    j->aside = j->cursor;
    library_free(j->library);
    j->library = NULL;
    j->bytes = 0;
}

static void judge_step(struct judge *j)
{
    if (j->state != JUDGE_IDLE || j->closing || uv_is_active((uv_handle_t *)&j->retry))
        return;
    if (!j->reading && (j->want_new || j->want_all)) {
        begin_round(j);
        j->looked_none = false;
    }
    if (j->reading) {
        begin(j, JUDGE_READ, run_read);
    } else if (j->n_verdicts && (j->looked_none || j->n_verdicts > VERDICTS_MAX - LOOK_SONGS)) {
        j->now_ms = clock_wall(j->clock);
        begin(j, JUDGE_STORE, run_store);
    } else if (j->library && !j->looked_none) {
        begin(j, JUDGE_LOOK, run_look);
    } else {
        set_aside(j);
        j->hooks.idle(j->hooks.arg);
    }
}

/* ---- life ---- */

struct judge *judge_new(uv_loop_t *loop, const struct clock *clock, struct dbq *q, struct events *ev,
                        const struct judge_hooks *hooks)
{
    struct judge *j = mem_zalloc(sizeof *j);

    j->clock = clock;
    j->q = q;
    j->ev = ev;
    j->hooks = *hooks;
    j->library = library_new(hash_seed());
    j->want_all = true;
    uv_timer_init(loop, &j->retry);
    j->retry.data = j;
    return j;
}

void judge_wake(struct judge *j, bool all)
{
    j->want_new = true;
    j->want_all = j->want_all || all;
    j->resting = false;
    judge_step(j);
}

void judge_more(struct judge *j)
{
    if ((uint64_t)dbq_counts(j->q)->total >= 2 * j->names)
        judge_wake(j, false);
}

void judge_rest(struct judge *j)
{
    j->resting = true;
    if (judge_is_idle(j))
        set_aside(j);
}

bool judge_is_idle(const struct judge *j)
{
    return j->state == JUDGE_IDLE && !j->reading && !j->want_new && !j->n_verdicts &&
           !uv_is_active((const uv_handle_t *)&j->retry);
}

void judge_status(const struct judge *j, struct judge_status *out)
{
    *out = (struct judge_status){.names = j->names, .decided = j->decided, .bytes = j->bytes, .pool_ms = j->pool_ns / 1000000,
                                 .waiting = uv_is_active((const uv_handle_t *)&j->retry)};
}

void judge_close(struct judge *j, void (*closed)(void *arg), void *arg)
{
    j->closing = true;
    j->closed = closed;
    j->closed_arg = arg;
    if (j->state == JUDGE_IDLE)
        uv_close((uv_handle_t *)&j->retry, finish_close);
}
