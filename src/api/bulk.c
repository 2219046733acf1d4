/* POST /bulk: one decision about many songs. Loop thread, except the run functions.
 *
 * The set is gathered in steps on the reader: every song of the filter that the action concerns, with its version and, for
 * accept, its candidate. A preview answers with a page of it and its fingerprint, a hash over all of it. Doing it gathers
 * anew and goes on only when the fingerprint is the same; each song is then changed only at the version gathered. When one
 * was changed even so, or a step fails, what is done already is taken back: all of the preview is done, or nothing. What is cut
 * off by the end of the process is taken back at the next start (store/undo.h). Queueing again has no way back and needs none. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "song/song_json.h"
#include "store/evidence.h"
#include "store/queue.h"
#include "store/undo.h"

#define STEP 100         /* songs changed in one operation */
#define SONGS_MAX 200000 /* of one set */
#define PAGE_DEFAULT 50
#define REQUEUE_PRIORITY 20
#define FINGERPRINT_SIZE (2 * SHA256_DIGEST_LENGTH + 1)

enum action { ACTION_VERIFY, ACTION_ACCEPT, ACTION_SWAP, ACTION_REQUEUE, ACTION_COUNT };
static const char *const action_names[ACTION_COUNT] = {"verify", "accept", "swap", "requeue"};

struct item {
    int64_t id, version, candidate; /* no gaps: its bytes are hashed */
};

enum bulk_phase { BULK_GATHER, BULK_APPLY, BULK_TAKE_BACK };

struct bulk_op {
    struct api_op o;
    struct songs_query query;
    enum action action;
    int provider; /* accept: only its candidates; -1 any */
    double min_score;
    bool preview;
    char fingerprint[FINGERPRINT_SIZE]; /* of the preview that is to be done */
    int64_t limit, after;               /* of the preview's page */
    enum bulk_phase phase;
    char *cursor; /* of the next step of gathering */
    bool gathered;
    struct item *items;
    size_t n, room, at;
    int64_t shown, next; /* songs on the preview's page; the last one's id when more follow */
    struct json_out page;
    struct buf page_text;
    int64_t batch;
    bool open; /* the batch is marked as not yet whole */
    int failed; /* why it is being taken back */
    struct err failed_err;
    struct undo undo;
    struct queue_result queued;
    struct buf told;
    struct db *db; /* while run runs */
    struct err *e;
    int rc;
};

/* --- gathering (pool) --------------------------------------------------------------------- */

struct proposal {
    int64_t id;
    char *artist, *title, *genre;
    int year;
};

static void take_candidate(const struct stored_candidate *s, void *arg)
{
    struct proposal *p = arg;

    *p = (struct proposal){.id = s->id, .artist = mem_strdup(s->c->artist), .title = mem_strdup(s->c->title),
                           .genre = mem_strdup(s->c->genres[0]), .year = s->c->year};
}

static void proposal_deinit(struct proposal *p)
{
    free(p->artist);
    free(p->title);
    free(p->genre);
}

static bool has(const char *text)
{
    return text && text[0];
}

/* What a field would be: the candidate's value unless it has none or the field is locked. */
static const char *after_text(const struct song *s, enum song_field f, const char *now, const char *proposed)
{
    return has(proposed) && !(s->locked & 1u << f) ? proposed : now;
}

static void put_after(struct bulk_op *b, const struct song *s, const struct proposal *p)
{
    struct json_out *o = &b->page;
    bool swap = b->action == ACTION_SWAP, accept = b->action == ACTION_ACCEPT;

    json_open(o, "after", '{');
    json_put_str(o, "artist", accept ? p->artist : swap ? s->title : s->artist);
    json_put_str(o, "title", accept ? p->title : swap ? s->artist : s->title);
    api_put_int(o, "year", accept && p->year && !(s->locked & 1u << FIELD_YEAR) ? p->year : s->year);
    json_put_str(o, "genre", after_text(s, FIELD_GENRE, s->genre, accept ? p->genre : NULL));
    api_put_int(o, "candidate", p->id);
    json_close(o, '}');
}

static void show(struct bulk_op *b, const struct song *s, const struct proposal *p)
{
    if (!b->preview || s->id <= b->after)
        return;
    if (b->shown == b->limit) {
        b->next = b->next ? b->next : b->items[b->n - 2].id;
        return;
    }
    b->shown++;
    json_open(&b->page, NULL, '{');
    song_json(s, &b->page, "song");
    put_after(b, s, p);
    json_close(&b->page, '}');
}

static void add_item(struct bulk_op *b, const struct song *s, int64_t candidate)
{
    if (b->n == b->room) {
        b->room = b->room ? 2 * b->room : 256;
        b->items = mem_realloc(b->items, b->room * sizeof *b->items);
    }
    b->items[b->n++] = (struct item){s->id, s->version, candidate};
}

/* A person's word is not decided over, and each action needs something to work with. */
static bool is_concerned(const struct bulk_op *b, const struct song *s)
{
    if (b->action == ACTION_REQUEUE)
        return s->present;
    if (s->status == SONG_MANUAL)
        return false;
    return b->action == ACTION_SWAP ? has(s->artist) && has(s->title) : b->action == ACTION_ACCEPT || has(s->title);
}

static void gather_row(const struct song *s, void *arg)
{
    struct bulk_op *b = arg;
    struct proposal p = {0};

    if (b->rc || !is_concerned(b, s))
        return;
    if (b->action == ACTION_ACCEPT)
        b->rc = candidates_best(b->db, s->id, b->provider, b->min_score, take_candidate, &p, b->e);
    if (b->n == SONGS_MAX)
        b->rc = err_set(b->e, ERR_TOO_LARGE, "more than %d songs at once; narrow the filter", SONGS_MAX);
    if (b->rc == 0 && (b->action != ACTION_ACCEPT || p.id)) {
        add_item(b, s, p.id);
        show(b, s, &p);
    }
    proposal_deinit(&p);
}

static int gather(struct bulk_op *b, struct err *e)
{
    char *next = NULL;
    int rc;

    b->query.f.limit = 500;
    b->query.f.sort = SORT_ID;
    b->query.f.cursor = b->cursor;
    rc = songs_page(b->db, &b->query.f, gather_row, b, &next, e);
    free(b->cursor);
    b->cursor = next;
    b->gathered = next == NULL;
    return rc ? rc : b->rc;
}

static void fingerprint_of(const struct bulk_op *b, char out[FINGERPRINT_SIZE])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    struct buf text;

    buf_init(&text, 0);
    buf_addf(&text, "%d %d %.3f ", (int)b->action, b->provider, b->min_score);
    buf_add(&text, (const char *)b->items, b->n * sizeof *b->items);
    SHA256((const unsigned char *)text.data, text.len, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
    buf_deinit(&text);
}

/* --- doing (pool) ----------------------------------------------------------------------------- */

static int swap_names(struct bulk_op *b, const struct item *i, struct err *e)
{
    struct song s = {0};
    struct song_edit edit = {.set = 1u << FIELD_ARTIST | 1u << FIELD_TITLE, .batch = &b->batch};
    int rc = songs_get(b->db, i->id, &s, e);

    if (rc)
        return rc;
    edit.text[FIELD_ARTIST] = s.title;
    edit.text[FIELD_TITLE] = s.artist;
    rc = songs_edit(b->db, i->id, i->version, &edit, b->o.now_ms, NULL, e);
    song_deinit(&s);
    return rc;
}

static int requeue(struct bulk_op *b, const struct item *i, struct err *e)
{
    struct queue_result r = {0};
    int rc = queue_add(b->db, &i->id, 1, REQUEUE_PRIORITY, true, b->o.now_ms, &r, e);

    b->queued.queued += r.queued;
    b->queued.already += r.already;
    return rc;
}

static int apply_one(struct bulk_op *b, const struct item *i, struct err *e)
{
    struct song_edit verify = {.verify = true, .batch = &b->batch};

    switch (b->action) {
    case ACTION_VERIFY:
        return songs_edit(b->db, i->id, i->version, &verify, b->o.now_ms, NULL, e);
    case ACTION_ACCEPT:
        return candidates_accept(b->db, i->id, i->candidate, i->version, &b->batch, b->o.now_ms, NULL, e);
    case ACTION_SWAP:
        return swap_names(b, i, e);
    default:
        return requeue(b, i, e);
    }
}

/* The first step of several says that more is to come, the last that it is whole. */
static int mark_step(struct bulk_op *b, bool last, struct err *e)
{
    bool first = b->batch && !last && !b->open;

    if (first) {
        b->open = true;
        return undo_mark_open(b->db, b->batch, e);
    }
    return last && b->open ? undo_mark_closed(b->db, b->batch, e) : 0;
}

/* A failing step is rolled back as a whole: *at stays where the next one would begin. */
static int apply(struct bulk_op *b, struct err *e)
{
    size_t end = b->at + STEP < b->n ? b->at + STEP : b->n;
    int rc = 0;

    for (size_t i = b->at; rc == 0 && i < end; i++)
        rc = apply_one(b, &b->items[i], e);
    if (rc == 0)
        rc = mark_step(b, end == b->n, e);
    if (rc)
        return rc;
    for (; b->at < end; b->at++)
        if (b->at < API_TOLD_MAX)
            api_collect_told(b->db, &b->items[b->at].id, 1, &b->told);
    return 0;
}

static int take_back(struct bulk_op *b, struct err *e)
{
    size_t end = b->at > STEP ? b->at - STEP : 0;
    int rc = 0;

    for (; rc >= 0 && b->at > end; b->at--) {
        rc = undo_song(b->db, &b->undo, b->items[b->at - 1].id, e);
        if (rc == ERR_EXISTS)   /* changed by somebody since: that stands */
            rc = 0;
    }
    if (rc >= 0 && b->at == 0)
        rc = undo_mark_closed(b->db, b->batch, e);
    return rc < 0 ? rc : 0;
}

static int bulk_run(struct db *db, struct api_op *o, struct err *e)
{
    struct bulk_op *b = container_of(o, struct bulk_op, o);

    b->db = db;
    b->e = e;
    return b->phase == BULK_GATHER ? gather(b, e) : b->phase == BULK_APPLY ? apply(b, e) : take_back(b, e);
}

/* --- answering (loop) ------------------------------------------------------------------------------ */

static bool answer_preview(struct bulk_op *b)
{
    char fingerprint[FINGERPRINT_SIZE];
    struct json_out o;

    fingerprint_of(b, fingerprint);
    json_out_init(&o, &b->o.out);
    json_open(&o, NULL, '{');
    json_put_int(&o, "count", (int64_t)b->n);
    json_put_str(&o, "fingerprint", fingerprint);
    json_open(&o, "songs", '[');
    buf_add(&b->o.out, b->page_text.data, b->page_text.len);
    json_close(&o, ']');
    api_put_int(&o, "next", b->next);
    json_close(&o, '}');
    return api_op_answer(&b->o, 0);
}

static bool answer_changed(struct bulk_op *b)
{
    request_reply_problem(b->o.req, 409, "changed", "the songs are not those of the preview any more; look at it again");
    return true;
}

static void tell(struct bulk_op *b)
{
    api_tell_collected(b->o.api, &b->told, b->at);
    enrich_wake(b->o.api->d.enrich);
}

static bool answer_done(struct bulk_op *b)
{
    struct json_out o;

    json_out_init(&o, &b->o.out);
    json_open(&o, NULL, '{');
    json_put_int(&o, "count", (int64_t)b->n);
    api_put_int(&o, "batch", b->batch);
    if (b->action == ACTION_REQUEUE) {
        json_put_int(&o, "queued", b->queued.queued);
        json_put_int(&o, "already", b->queued.already);
    }
    json_close(&o, '}');
    api_op_answer(&b->o, 0);
    if (b->n)
        tell(b);
    return true;
}

/* Nothing of it stands. */
static bool answer_undone(struct bulk_op *b)
{
    if (b->failed == ERR_STALE || b->failed == ERR_NOT_FOUND)
        return answer_changed(b);
    request_reply_error(b->o.req, b->failed, &b->failed_err);
    return true;
}

/* Some of it stands, and cannot be taken back now: the disk is full, or the service ends. */
static bool answer_half_done(struct bulk_op *b, int rc)
{
    struct err e = {0};

    err_set(&e, rc, "the change of %zu songs was cut off; what was done of it is taken back at the next start", b->n);
    request_reply_error(b->o.req, rc, &e);
    return true;
}

/* A song of the set was changed or went while the others were done, or a step could not be stored. */
static bool start_taking_back(struct bulk_op *b, int rc)
{
    b->failed = rc;
    b->failed_err = b->o.op.err;
    if (b->at == 0 || !b->batch)
        return answer_undone(b);
    b->undo = (struct undo){.batch = b->batch, .now_ms = b->o.now_ms};
    b->phase = BULK_TAKE_BACK;
    buf_reset(&b->told);
    api_op_write(&b->o, DBQ_DURABLE);
    return false;
}

static bool after_gathering(struct bulk_op *b)
{
    char now[FINGERPRINT_SIZE];

    if (!b->gathered) {
        api_op_read(&b->o);
        return false;
    }
    if (b->preview)
        return answer_preview(b);
    fingerprint_of(b, now);
    if (strcmp(now, b->fingerprint) != 0)
        return answer_changed(b);
    if (b->n == 0)
        return answer_done(b);
    b->phase = BULK_APPLY;
    api_op_write(&b->o, DBQ_DURABLE);
    return false;
}

static bool bulk_answer(struct api_op *o, int rc)
{
    struct bulk_op *b = container_of(o, struct bulk_op, o);

    if (b->phase == BULK_APPLY && rc)
        return start_taking_back(b, rc);
    if (rc)
        return b->phase == BULK_TAKE_BACK ? answer_half_done(b, rc) : api_op_answer(o, rc);
    if (b->phase == BULK_GATHER)
        return after_gathering(b);
    if (b->phase == BULK_APPLY ? b->at < b->n : b->at > 0) {
        api_op_write(o, DBQ_DURABLE);
        return false;
    }
    if (b->phase == BULK_APPLY)
        return answer_done(b);
    events_publish(o->api->d.events, EVENT_GAP, "\"reason\":\"many songs changed at once; read the list again\"");
    return answer_undone(b);
}

static void bulk_release(struct api_op *o)
{
    struct bulk_op *b = container_of(o, struct bulk_op, o);

    songs_query_deinit(&b->query);
    free(b->cursor);
    free(b->items);
    buf_deinit(&b->page_text);
    buf_deinit(&b->told);
}

/* --- reading the request ------------------------------------------------------------------------------- */

static void read_action(struct field_errors *f, const cJSON *body, struct bulk_op *b)
{
    const char *name = json_str(body, "action");

    for (int i = 0; name && i < ACTION_COUNT; i++)
        if (strcmp(name, action_names[i]) == 0) {
            b->action = (enum action)i;
            return;
        }
    fields_refuse(f, "action", "an action is one of verify, accept, swap, requeue");
}

static void read_accept(struct field_errors *f, const cJSON *body, struct bulk_op *b)
{
    const cJSON *source = json_get(body, "source"), *score = json_get(body, "min_score");

    b->provider = source && cJSON_IsString(source) ? provider_of(source->valuestring) : -1;
    if (source && b->provider < 0)
        fields_refuse(f, "source", "a provider is one of lastfm, musicbrainz, listenbrainz");
    if (score && (!cJSON_IsNumber(score) || score->valuedouble < 0 || score->valuedouble > 1))
        fields_refuse(f, "min_score", "a number from 0 to 1 is needed");
    else if (score)
        b->min_score = score->valuedouble;
    if ((source || score) && b->action != ACTION_ACCEPT)
        fields_refuse(f, "", "source and min_score belong to accept; for the other actions they stand in the filter as source"
                             " and min_confidence");
}

static void read_fingerprint(struct field_errors *f, const cJSON *body, struct bulk_op *b)
{
    const char *text = json_str(body, "fingerprint");

    if (b->preview)
        return;
    if (!text || strlen(text) != FINGERPRINT_SIZE - 1)
        fields_refuse(f, "fingerprint", "the fingerprint of a preview is needed; ask for one with \"preview\":true");
    else
        memcpy(b->fingerprint, text, FINGERPRINT_SIZE);
}

static void read_bulk(struct field_errors *f, const cJSON *body, struct bulk_op *b)
{
    static const char *const known[] = {"filter", "action", "preview", "source", "min_score", "fingerprint", "limit", "after",
                                        NULL};
    const cJSON *filter = json_get(body, "filter");
    struct err e = {0};

    fields_only(f, body, known);
    if (!filter || !cJSON_IsObject(filter))
        fields_refuse(f, "filter", "an object with conditions of GET /songs is needed; {} is every present song");
    for (const cJSON *m = filter && cJSON_IsObject(filter) ? filter->child : NULL; m; m = m->next)
        if (songs_query_set_json(&b->query, m, &e) != 0) {
            char *place = mem_printf("filter/%s", m->string);
            fields_refuse(f, place, "%s", err_text(&e));
            free(place);
        }
    songs_query_finish(&b->query);
    read_action(f, body, b);
    read_accept(f, body, b);
    field_bool(f, body, "preview", &b->preview);
    field_int(f, body, "limit", 1, 500, &b->limit);
    field_int(f, body, "after", 1, INPUT_NUMBER_MAX, &b->after);
    read_fingerprint(f, body, b);
}

void handle_bulk(struct request *r, void *app)
{
    struct field_errors f;
    struct bulk_op *b;
    cJSON *body = input_body(r, false);

    if (!body)
        return;
    b = api_op_new(app, r, sizeof *b, bulk_run);
    if (!b) {
        cJSON_Delete(body);
        return;
    }
    songs_query_init(&b->query);
    buf_init(&b->page_text, API_ANSWER_MAX);
    json_out_init(&b->page, &b->page_text);
    buf_init(&b->told, 0);
    b->provider = -1;
    b->limit = PAGE_DEFAULT;
    b->o.answer = bulk_answer;
    b->o.release = bulk_release;
    fields_init(&f, "pointer");
    read_bulk(&f, body, b);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        api_op_free(&b->o);
    else
        api_op_read(&b->o);
}
