/* What a provider's answer does to a song, its evidence, its place in the queue and the counters, as one write; see
 * queue.h. Pool threads only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "song/fold.h"
#include "store/candidates.h"
#include "store/changes.h"
#include "store/evidence.h"
#include "store/queue.h"
#include "store/song_row.h"

/* The song's row of the queue; `exists` false when it was asked outside the queue or taken off meanwhile. */
struct seat {
    bool exists;
    unsigned asked, gave_up;
    int failures, priority;
};

struct effect {
    struct db *db;
    struct err *e;
    const struct outcome *o;
    struct song before, after;
    struct seat seat;
    const struct candidate *taken;   /* accepted and not refused by a person; or NULL */
    bool keeps_names;                /* manual song or contradicting answer: its names are only evidence */
    bool leaves, named;
};

static int load_seat(struct effect *f)
{
    struct stmt s = stmt_of(f->db, "SELECT asked, gave_up, failures, priority FROM enrichment_queue WHERE song_id = ?", f->e);

    stmt_int(&s, f->o->song_id);
    if (stmt_row(&s))
        f->seat = (struct seat){.exists = true, .asked = (unsigned)col_int(&s, 0), .gave_up = (unsigned)col_int(&s, 1),
                                .failures = (int)col_int(&s, 2), .priority = (int)col_int(&s, 3)};
    return stmt_end(&s);
}

/* --- the answer itself ---------------------------------------------------------------- */

static int put_answer(struct db *db, enum provider_id p, const char *pair_key, const struct candidates *list, int64_t now_ms,
                      struct err *e)
{
    bool empty = !list || list->count == 0;
    struct buf json;
    struct stmt s;
    int rc;

    buf_init(&json, 0);
    candidates_json(list, &json);
    s = stmt_of(db, "INSERT INTO answers(provider, pair_key, at_ms, candidates) VALUES (?1, ?2, ?3, ?4)"
                       " ON CONFLICT(provider, pair_key) DO UPDATE SET at_ms = ?3, candidates = ?4", e);
    stmt_text(&s, provider_name(p));
    stmt_text(&s, pair_key);
    stmt_int(&s, now_ms);
    stmt_text(&s, empty ? NULL : buf_cstr(&json));
    rc = stmt_run(&s);
    buf_deinit(&json);
    return rc;
}

static int cache_answer(struct effect *f)
{
    const struct outcome *o = f->o;

    if (o->from_cache || !o->pair_key || o->kind == OUTCOME_FAILED)
        return 0;
    return put_answer(f->db, o->provider, o->pair_key, o->candidates, o->now_ms, f->e);
}

static int choose(struct effect *f)
{
    const struct outcome *o = f->o;
    const struct candidate *c;
    int rc;

    if (o->kind != OUTCOME_FOUND || !o->candidates || o->chosen < 0 || (size_t)o->chosen >= o->candidates->count)
        return 0;
    c = &o->candidates->items[o->chosen];
    rc = candidates_is_rejected(f->db, o->song_id, c, f->e);
    if (rc == 0)
        f->taken = c;
    return rc < 0 ? rc : 0;
}

static bool may_write(const struct effect *f, enum song_field field)
{
    return f->before.status != SONG_MANUAL && !(f->before.locked & 1u << field);
}

/* The names were settled before and this answer only dates the song: what it says of other fields is a weaker copy. */
static bool only_dates(const struct effect *f)
{
    return f->seat.asked & QUEUE_SETTLED && f->o->provider == PROVIDER_MUSICBRAINZ;
}

/* The year that MusicBrainz gave before; 0 when it gave none. */
static int year_before(struct db *db, int64_t song_id, int *year, struct err *e)
{
    char *stored = NULL;
    int rc = evidence_value(db, song_id, "year", "musicbrainz", &stored, NULL, e);

    *year = rc == 0 && stored ? atoi(stored) : 0;
    free(stored);
    return rc;
}

/* A year that the same song was given before by its identifier: the search may have missed that recording. */
static int take_year(struct effect *f, int *year)
{
    int before = 0, rc = only_dates(f) ? year_before(f->db, f->o->song_id, &before, f->e) : 0;

    if (before && before < *year)
        *year = before;
    return rc;
}

/* What the candidate has for the field, or NULL; may be written to year. */
static const char *value_of(const struct candidate *c, enum song_field field, char year[16])
{
    snprintf(year, 16, "%d", c->year);
    switch (field) {
    case FIELD_ARTIST: return c->artist;
    case FIELD_TITLE: return c->title;
    case FIELD_GENRE: return c->genres[0];
    case FIELD_YEAR: return c->year ? year : NULL;
    default: return NULL;
    }
}

static int take_field(struct effect *f, enum song_field field)
{
    const struct candidate *c = f->taken;
    char year[16], **text = song_field_text(&f->after, field);
    const char *value = value_of(c, field, year);
    struct evidence_row row = {.field = song_field_name(field), .value = value, .source = provider_name(f->o->provider),
                               .rule = c->rule ? c->rule : "match", .reason = c->reason, .score = c->score};

    if (!value || !value[0])
        return 0;
    if (field == FIELD_YEAR) {
        int first = c->year, rc = take_year(f, &first);
        if (rc)
            return rc;
        snprintf(year, sizeof year, "%d", first);
    }
    row.chosen = may_write(f, field) && !(f->keeps_names && (field == FIELD_ARTIST || field == FIELD_TITLE)) &&
                 !(field == FIELD_GENRE && only_dates(f) && f->after.genre);
    if (row.chosen && text)
        song_row_set(text, value);
    else if (row.chosen)
        f->after.year = atoi(year);
    return evidence_put(f->db, f->o->song_id, &row, f->o->now_ms, f->e);
}

static int take_candidate(struct effect *f)
{
    struct song *s = &f->after;
    int rc = 0;

    f->keeps_names = s->status == SONG_MANUAL || (f->o->contradicts && s->status == SONG_ENRICHED);
    for (int field = 0; rc == 0 && field < FIELD_COUNT; field++)
        rc = take_field(f, (enum song_field)field);
    if (s->status == SONG_MANUAL)
        return rc;
    s->status = SONG_ENRICHED;
    s->confidence = f->o->confidence;
    song_row_set(&s->reason, f->o->contradicts ? "contradiction" : f->taken->rule);
    if (!f->keeps_names)
        song_row_set(&s->source, provider_name(f->o->provider));
    return rc;
}

/* An answer that gave nothing is part of the song's story, too. */
static int note_answer(struct effect *f)
{
    const char *what = f->o->kind == OUTCOME_FAILED ? "failed" : f->o->kind == OUTCOME_FOUND ? "not_accepted" : "not_found";
    struct evidence_row row = {.field = "answer", .value = what, .source = provider_name(f->o->provider), .rule = what,
                               .reason = f->o->detail};

    return evidence_put(f->db, f->o->song_id, &row, f->o->now_ms, f->e);
}

static int store_answer(struct effect *f)
{
    const struct outcome *o = f->o;
    int rc = cache_answer(f);

    if (rc == 0 && o->candidates && o->candidates->count)   /* an empty answer leaves older suggestions */
        rc = candidates_store(f->db, o->song_id, o->provider, o->candidates, o->now_ms, f->e);
    if (rc == 0)
        rc = choose(f);
    if (rc == 0)
        rc = f->taken ? take_candidate(f) : note_answer(f);
    return rc;
}

/* --- the place in the queue ----------------------------------------------------------- */

/* Who need not be asked any more, now that this answer is there; see queue.h. */
static unsigned spared(const struct effect *f)
{
    const struct candidate *c = f->taken;

    if (f->o->provider == PROVIDER_MUSICBRAINZ)
        return 1u << PROVIDER_LISTENBRAINZ;
    if (f->o->provider == PROVIDER_LISTENBRAINZ && c && c->exact && !f->o->contradicts)
        return QUEUE_SETTLED | (f->seat.priority >= QUEUE_ASKED ? 0 : 1u << PROVIDER_LASTFM);
    return 0;
}

/* The song was given other names while it was asked for (the library decided, see judge.h): that nothing was found for the old
 * ones says nothing about it. */
static bool asked_for_other_names(const struct effect *f)
{
    char *present;
    bool other;

    if (f->o->kind == OUTCOME_FAILED || f->taken || !f->o->pair_key)
        return false;
    present = fold_pair(f->before.artist ? f->before.artist : "", f->before.title ? f->before.title : "");
    other = strcmp(present, f->o->pair_key) != 0;
    free(present);
    return other;
}

static void advance_seat(struct effect *f)
{
    const struct outcome *o = f->o;
    unsigned bit = 1u << o->provider;
    struct seat *s = &f->seat;
    bool settled = s->asked & QUEUE_SETTLED;

    if (asked_for_other_names(f))
        return;
    if (o->kind != OUTCOME_FAILED) {
        s->asked |= bit | spared(f);
        s->failures = 0;
        s->gave_up &= ~(bit | spared(f));
    } else {
        s->failures += o->counted;
        if (s->failures < o->max_attempts)
            return;
        /* The others may still know it: only this provider is done with. */
        s->asked |= bit;
        s->gave_up |= bit;
        s->failures = 0;
    }
    /* by the row, not by what the worker read before the request: a person may have had it asked anew meanwhile */
    f->leaves = s->exists && (o->remaining & ~s->asked) == 0;
    f->named = s->exists && !settled && (f->leaves || s->asked & QUEUE_SETTLED);
}

static int store_seat(struct effect *f)
{
    const struct outcome *o = f->o;
    struct stmt s;

    if (f->leaves)
        return queue_drop(f->db, o->song_id, f->e);
    if (!f->seat.exists) {   /* asked while its file is gone: remembered for its return */
        s = stmt_of(f->db, "UPDATE songs SET parked = parked | ? WHERE id = ? AND parked IS NOT NULL", f->e);
        stmt_int(&s, f->seat.asked);
        stmt_int(&s, o->song_id);
        return stmt_run(&s);
    }
    s = stmt_of(f->db,
                "UPDATE enrichment_queue SET asked = ?, gave_up = ?, failures = ?, in_flight = in_flight & ~?, interrupted = 0,"
                " not_before = ? WHERE song_id = ?",
                f->e);
    stmt_int(&s, f->seat.asked);
    stmt_int(&s, f->seat.gave_up);
    stmt_int(&s, f->seat.failures);
    stmt_int(&s, 1 << o->provider);
    stmt_int(&s, o->kind == OUTCOME_FAILED ? o->not_before_ms : 0);
    stmt_int(&s, o->song_id);
    return stmt_run(&s);
}

/* A song that left the queue without ever having been confirmed. */
static void fail_if_unknown(struct song *s, bool gave_up)
{
    if (s->status == SONG_ENRICHED || s->status == SONG_MANUAL)
        return;
    s->status = SONG_FAILED;
    song_row_set(&s->reason, gave_up ? "gave_up" : "not_found");
}

/* Who waited has what he waited for. Who waits for a song that nobody knows waits on, for a person. */
static int unwant_if_named(struct db *db, struct song *s, struct err *e)
{
    return s->status == SONG_ENRICHED || s->status == SONG_MANUAL ? queue_unwant(db, s, e) : 0;
}

/* --- counters and log ----------------------------------------------------------------- */

static int count(struct db *db, const struct song *before, const struct song *after, bool left, struct err *e)
{
    bool enriched = after->status == SONG_ENRICHED && before->status != SONG_ENRICHED;
    bool failed = after->status == SONG_FAILED && before->status != SONG_FAILED;
    struct stmt s;

    if (!left && !enriched && !failed)
        return 0;
    s = stmt_of(db, "UPDATE enrichment_state SET value = CAST(value AS INTEGER) + CASE key WHEN 'total_processed' THEN ?1"
                    " WHEN 'total_enriched' THEN ?2 ELSE ?3 END"
                    " WHERE key IN ('total_processed', 'total_enriched', 'total_failed')", e);
    stmt_int(&s, left);
    stmt_int(&s, enriched);
    stmt_int(&s, failed);
    return stmt_run(&s);
}

static int save_and_log(struct db *db, const struct song *before, struct song *after, const char *source, int64_t now_ms,
                        bool *changed, struct err *e)
{
    struct change_log log = {.actor = "worker", .source = source, .now_ms = now_ms};
    int rc = song_row_save(db, before, after, now_ms, changed, e);

    return rc || !*changed ? rc : changes_add_song(db, &log, before, after, e);
}

static int apply_outcome(struct effect *f, bool *changed)
{
    int rc = load_seat(f);

    if (rc == 0)
        rc = store_answer(f);
    if (rc)
        return rc;
    advance_seat(f);
    rc = store_seat(f);
    if (f->leaves)
        fail_if_unknown(&f->after, f->seat.gave_up != 0);
    if (rc == 0)
        rc = save_and_log(f->db, &f->before, &f->after, provider_name(f->o->provider), f->o->now_ms, changed, f->e);
    if (rc == 0 && (f->leaves || f->named))
        rc = unwant_if_named(f->db, &f->after, f->e);
    return rc ? rc : count(f->db, &f->before, &f->after, f->leaves, f->e);
}

int queue_outcome(struct db *db, const struct outcome *o, struct outcome_result *out, struct err *e)
{
    struct effect f = {.db = db, .e = e, .o = o};
    int rc = song_row_load(db, o->song_id, &f.before, e);

    *out = (struct outcome_result){0};
    if (rc)
        return rc;
    song_row_copy(&f.before, &f.after);
    rc = apply_outcome(&f, &out->changed);
    song_deinit(&f.before);
    if (rc) {
        song_deinit(&f.after);
        return rc;
    }
    out->left_queue = f.leaves;
    out->named = f.named;
    out->song = f.after;
    return 0;
}

/* --- what is learnt later ------------------------------------------------------------- */

static int update_candidate(struct db *db, const struct detail *d, struct err *e)
{
    const struct candidate *c = &d->candidates->items[d->chosen];
    struct stmt s = stmt_of(db,
                            "UPDATE candidates SET genre1 = coalesce(?, genre1), genre2 = coalesce(?, genre2),"
                            " genre3 = coalesce(?, genre3), year = coalesce(?, year), year_weak = ?, at_ms = ?"
                            " WHERE song_id = ? AND provider = ? AND mbid = ?",
                            e);

    for (int i = 0; i < CANDIDATE_GENRES; i++)
        stmt_text(&s, c->genres[i]);
    stmt_int_or_null(&s, c->year);
    stmt_int_or_null(&s, c->year_weak);
    stmt_int(&s, d->now_ms);
    stmt_int(&s, d->song_id);
    stmt_text(&s, provider_name(d->answered));
    stmt_text(&s, c->mbid);
    return stmt_run(&s);
}

static bool carries_names(const struct song *s, const struct candidate *c)
{
    char *a = fold_pair(s->artist ? s->artist : "", s->title ? s->title : "");
    char *b = fold_pair(c->artist ? c->artist : "", c->title ? c->title : "");
    bool same = s->status == SONG_ENRICHED && strcmp(a, b) == 0;

    free(a);
    free(b);
    return same;
}

/* Text of what the field is to become; NULL when nothing is to change. */
static int detail_value(struct db *db, const struct detail *d, enum song_field field, char year[16], const char **value,
                        struct err *e)
{
    const struct candidate *c = &d->candidates->items[d->chosen];
    int before, rc;

    *value = field == FIELD_GENRE ? c->genres[0] : NULL;
    if (field != FIELD_YEAR || c->year == 0)
        return 0;
    rc = year_before(db, d->song_id, &before, e);
    snprintf(year, 16, "%d", c->year);
    *value = before && before <= c->year ? NULL : year;
    return rc;
}

static int detail_field(struct db *db, const struct detail *d, enum song_field field, struct song *after, struct err *e)
{
    char year[16], **text = song_field_text(after, field);
    struct evidence_row row = {.field = song_field_name(field), .source = provider_name(d->source), .rule = d->rule,
                               .reason = d->reason, .score = 1, .chosen = true};
    int rc = detail_value(db, d, field, year, &row.value, e);

    if (rc || !row.value || after->locked & 1u << field)
        return rc;
    if (text)
        song_row_set(text, row.value);
    else
        after->year = atoi(row.value);
    return evidence_put(db, d->song_id, &row, d->now_ms, e);
}

int queue_detail(struct db *db, const struct detail *d, struct outcome_result *out, struct err *e)
{
    const struct candidate *c = &d->candidates->items[d->chosen];
    struct song before, after;
    int rc = song_row_load(db, d->song_id, &before, e);

    *out = (struct outcome_result){0};
    if (rc)
        return rc;
    song_row_copy(&before, &after);
    if (d->pair_key)
        rc = put_answer(db, d->answered, d->pair_key, d->candidates, d->now_ms, e);
    if (rc == 0)
        rc = update_candidate(db, d, e);
    if (rc == 0 && carries_names(&before, c)) {
        rc = detail_field(db, d, FIELD_GENRE, &after, e);
        if (rc == 0)
            rc = detail_field(db, d, FIELD_YEAR, &after, e);
    }
    if (rc == 0)
        rc = save_and_log(db, &before, &after, provider_name(d->source), d->now_ms, &out->changed, e);
    song_deinit(&before);
    if (rc)
        song_deinit(&after);
    else
        out->song = after;
    return rc;
}

/* Takes a song off the queue that nobody is left to ask for. */
static int leave_unasked(struct db *db, int64_t song_id, bool gave_up, int64_t now_ms, struct err *e)
{
    struct song before, after;
    bool changed;
    int rc = song_row_load(db, song_id, &before, e);

    if (rc)
        return rc;
    song_row_copy(&before, &after);
    fail_if_unknown(&after, gave_up);
    rc = save_and_log(db, &before, &after, NULL, now_ms, &changed, e);
    if (rc == 0)
        rc = queue_drop(db, song_id, e);
    if (rc == 0)
        rc = unwant_if_named(db, &after, e);
    if (rc == 0)
        rc = count(db, &before, &after, true, e);
    song_deinit(&before);
    song_deinit(&after);
    return rc;
}

int queue_give_up(struct db *db, int64_t song_id, int64_t now_ms, struct err *e)
{
    return leave_unasked(db, song_id, true, now_ms, e);
}

/* The first songs that every usable provider has answered for; ids and whether one of them gave up. */
static int settled(struct db *db, unsigned usable, int64_t *ids, bool *gave_up, size_t *n, struct err *e)
{
    struct stmt s =
        stmt_of(db, "SELECT song_id, gave_up FROM enrichment_queue WHERE asked <> 0 AND (asked & ?1) = ?1 LIMIT ?2", e);

    stmt_int(&s, usable);
    stmt_int(&s, QUEUE_SETTLE_MAX);
    for (*n = 0; *n < QUEUE_SETTLE_MAX && stmt_row(&s); (*n)++) {
        ids[*n] = col_int(&s, 0);
        gave_up[*n] = col_int(&s, 1) != 0;
    }
    return stmt_end(&s);
}

int queue_settle(struct db *db, unsigned usable, int64_t now_ms, int64_t ids[QUEUE_SETTLE_MAX], int64_t *done, struct err *e)
{
    bool gave_up[QUEUE_SETTLE_MAX];
    size_t n;
    int rc = settled(db, usable, ids, gave_up, &n, e);

    *done = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = leave_unasked(db, ids[i], gave_up[i], now_ms, e);
        *done += rc == 0;
    }
    return rc;
}
