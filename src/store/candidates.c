/* Candidates of songs: kept for suggestions, taken or refused by a person; see evidence.h. Pool threads only. */
#include "store/candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/fold.h"
#include "store/changes.h"
#include "store/evidence.h"
#include "store/song_row.h"

#define CANDIDATE_COLUMNS \
    "id, provider, artist, title, mbid, artist_alias, album, disambiguation, genre1, genre2, genre3, year, year_weak," \
    " listeners, provider_score, score, accepted, swapped, exact, rule, reason, rejected"

static char *own(const char *borrowed)
{
    return (char *)borrowed;   /* struct candidate has one type for both */
}

/* Strings borrowed until the next row. */
static void read_row(const struct stmt *s, struct candidate *c, struct stored_candidate *out)
{
    int p = provider_of(col_text(s, 1));

    *c = (struct candidate){
        .provider = p < 0 ? PROVIDER_LASTFM : (enum provider_id)p, .artist = own(col_text(s, 2)), .title = own(col_text(s, 3)),
        .mbid = own(col_text(s, 4)), .artist_alias = own(col_text(s, 5)), .album = own(col_text(s, 6)),
        .disambiguation = own(col_text(s, 7)), .genres = {own(col_text(s, 8)), own(col_text(s, 9)), own(col_text(s, 10))},
        .year = (int)col_int(s, 11), .year_weak = (int)col_int(s, 12), .listeners = col_int(s, 13),
        .provider_score = (int)col_int(s, 14), .score = col_num(s, 15), .accepted = col_int(s, 16) != 0,
        .swapped = col_int(s, 17) != 0, .exact = col_int(s, 18) != 0, .rule = col_text(s, 19),
    };
    snprintf(c->reason, sizeof c->reason, "%s", col_text(s, 20) ? col_text(s, 20) : "");
    *out = (struct stored_candidate){.id = col_int(s, 0), .c = c, .rejected = col_int(s, 21) != 0};
}

static int each_row(struct stmt *s, void (*row)(const struct stored_candidate *s, void *arg), void *arg)
{
    while (stmt_row(s)) {
        struct candidate c;
        struct stored_candidate v;
        read_row(s, &c, &v);
        row(&v, arg);
    }
    return stmt_end(s);
}

int candidates_list(struct db *db, int64_t song_id, int64_t since_ms, int limit,
                    void (*row)(const struct stored_candidate *s, void *arg), void *arg, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT " CANDIDATE_COLUMNS " FROM candidates WHERE song_id = ?1"
                                " ORDER BY ?2 > 0 AND at_ms >= ?2 DESC, accepted DESC, score DESC, provider, id LIMIT ?3", e);

    stmt_int(&s, song_id);
    stmt_int(&s, since_ms);
    stmt_int(&s, limit);
    return each_row(&s, row, arg);
}

int candidates_best(struct db *db, int64_t song_id, int provider, double min_score,
                    void (*row)(const struct stored_candidate *s, void *arg), void *arg, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT " CANDIDATE_COLUMNS " FROM candidates WHERE song_id = ?1 AND rejected = 0"
                                " AND (?2 IS NULL OR provider = ?2) AND score >= ?3 AND title <> ''"
                                " ORDER BY accepted DESC, score DESC, provider, id LIMIT 1", e);

    stmt_int(&s, song_id);
    stmt_text(&s, provider < 0 ? NULL : provider_name((enum provider_id)provider));
    stmt_num(&s, min_score - 0.005);   /* scores are shown with two digits and asked for as shown */
    return each_row(&s, row, arg);
}

/* --- storing -------------------------------------------------------------------------- */

static int insert_candidate(struct db *db, int64_t song_id, enum provider_id p, const struct candidate *c, int64_t now_ms,
                            struct err *e)
{
    struct stmt s =
        stmt_of(db,
                "INSERT INTO candidates(song_id, provider, artist, title, mbid, artist_alias, album, disambiguation,"
                " genre1, genre2, genre3, year, year_weak, listeners, provider_score, score, accepted, swapped, exact,"
                " rule, reason, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                e);

    stmt_int(&s, song_id);
    stmt_text(&s, provider_name(p));
    stmt_text(&s, c->artist);
    stmt_text(&s, c->title);
    stmt_text(&s, c->mbid);
    stmt_text(&s, c->artist_alias);
    stmt_text(&s, c->album);
    stmt_text(&s, c->disambiguation);
    for (int i = 0; i < CANDIDATE_GENRES; i++)
        stmt_text(&s, c->genres[i]);
    stmt_int_or_null(&s, c->year);
    stmt_int_or_null(&s, c->year_weak);
    stmt_int(&s, c->listeners);
    stmt_int(&s, c->provider_score);
    stmt_num(&s, c->score);
    stmt_int(&s, c->accepted);
    stmt_int(&s, c->swapped);
    stmt_int(&s, c->exact);
    stmt_text(&s, c->rule);
    stmt_text_or_null(&s, c->reason);
    stmt_int(&s, now_ms);
    return stmt_run(&s);
}

int candidates_store(struct db *db, int64_t song_id, enum provider_id p, const struct candidates *list, int64_t now_ms,
                     struct err *e)
{
    struct stmt s = stmt_of(db, "DELETE FROM candidates WHERE song_id = ? AND provider = ? AND rejected = 0", e);
    int rc;

    stmt_int(&s, song_id);
    stmt_text(&s, provider_name(p));
    rc = stmt_run(&s);
    for (size_t i = 0; rc == 0 && list && i < list->count && i < CANDIDATES_KEPT; i++) {
        rc = candidates_is_rejected(db, song_id, &list->items[i], e);   /* its refused row is still there */
        if (rc == 0)
            rc = insert_candidate(db, song_id, p, &list->items[i], now_ms, e);
        else if (rc == 1)
            rc = 0;
    }
    return rc;
}

int candidates_keep(struct db *db, int64_t song_id, enum provider_id p, const struct candidates *list, int64_t now_ms,
                    struct err *e)
{
    struct song song;
    int rc = song_row_load(db, song_id, &song, e);

    song_deinit(&song);
    return rc ? rc : candidates_store(db, song_id, p, list, now_ms, e);
}

static bool same_pair(const char *artist, const char *title, const char *pair)
{
    char *own_pair = fold_pair(artist ? artist : "", title ? title : "");
    bool same = strcmp(own_pair, pair) == 0;

    free(own_pair);
    return same;
}

int candidates_is_rejected(struct db *db, int64_t song_id, const struct candidate *c, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT mbid, artist, title FROM candidates WHERE song_id = ? AND rejected = 1", e);
    char *pair = NULL;
    bool rejected = false;
    int rc;

    stmt_int(&s, song_id);
    while (!rejected && stmt_row(&s)) {
        const char *mbid = col_text(&s, 0);
        if (!pair)
            pair = fold_pair(c->artist ? c->artist : "", c->title ? c->title : "");
        rejected = (mbid && c->mbid && strcmp(mbid, c->mbid) == 0) || same_pair(col_text(&s, 1), col_text(&s, 2), pair);
    }
    free(pair);
    rc = stmt_end(&s);
    return rc ? rc : rejected;
}

/* --- a person's decision -------------------------------------------------------------- */

struct decision {
    struct db *db;
    struct err *e;
    int64_t now_ms;
    int64_t candidate_id;
    int64_t *batch;          /* to join; NULL */
    struct candidate c;      /* owned */
    struct song before, after;
};

static int load_candidate(struct decision *d, int64_t song_id)
{
    struct stmt s = stmt_of(d->db, "SELECT " CANDIDATE_COLUMNS " FROM candidates WHERE id = ? AND song_id = ?", d->e);
    bool found;
    int rc;

    stmt_int(&s, d->candidate_id);
    stmt_int(&s, song_id);
    found = stmt_row(&s);
    if (found) {
        struct candidate c;
        struct stored_candidate v;
        read_row(&s, &c, &v);
        d->c = (struct candidate){.provider = c.provider, .artist = mem_strdup(c.artist), .title = mem_strdup(c.title),
                                  .mbid = mem_strdup(c.mbid), .year = c.year, .score = c.score};
        d->c.genres[0] = mem_strdup(c.genres[0]);
    }
    rc = stmt_end(&s);
    if (rc == 0 && !found)
        rc = err_set(d->e, ERR_NOT_FOUND, "song %lld has no suggestion %lld", (long long)song_id, (long long)d->candidate_id);
    return rc;
}

static int decision_load(struct decision *d, struct db *db, int64_t song_id, int64_t candidate_id, int64_t if_version,
                         int64_t now_ms, struct err *e)
{
    int rc;

    *d = (struct decision){.db = db, .e = e, .now_ms = now_ms, .candidate_id = candidate_id};
    rc = song_row_load(db, song_id, &d->before, e);
    if (rc)
        return rc;
    song_row_copy(&d->before, &d->after);
    if (if_version && if_version != d->before.version)
        return err_set(e, ERR_STALE, "song %lld was changed meanwhile, load it again", (long long)song_id);
    return load_candidate(d, song_id);
}

/* Gives the stored song out and releases the rest. */
static int decision_end(struct decision *d, int rc, struct song *out)
{
    candidate_deinit(&d->c);
    song_deinit(&d->before);
    if (out)
        *out = (struct song){0};
    if (rc == 0 && out)
        *out = d->after;
    else
        song_deinit(&d->after);
    return rc;
}

static int decision_store(struct decision *d)
{
    struct change_log log = {.batch = d->batch ? *d->batch : 0, .actor = "person", .source = provider_name(d->c.provider),
                             .now_ms = d->now_ms};
    bool changed;
    int rc = song_row_save(d->db, &d->before, &d->after, d->now_ms, &changed, d->e);

    if (rc == 0 && changed)
        rc = changes_add_song(d->db, &log, &d->before, &d->after, d->e);
    if (d->batch)
        *d->batch = log.batch;
    return rc;
}

static int set_rejected(struct decision *d, bool rejected)
{
    struct stmt s = stmt_of(d->db, "UPDATE candidates SET rejected = ? WHERE id = ?", d->e);

    stmt_int(&s, rejected);
    stmt_int(&s, d->candidate_id);
    return stmt_run(&s);
}

static void take_values(struct decision *d)
{
    struct song *s = &d->after;

    song_row_set(&s->artist, d->c.artist);
    song_row_set(&s->title, d->c.title);
    if (d->c.year && !(s->locked & 1u << FIELD_YEAR))
        s->year = d->c.year;
    if (d->c.genres[0] && !(s->locked & 1u << FIELD_GENRE))
        song_row_set(&s->genre, d->c.genres[0]);
    s->status = SONG_MANUAL;
    s->confidence = 1.0;
    song_row_set(&s->source, "person");
    song_row_set(&s->reason, "accepted");
}

static int put_accepted(struct decision *d)
{
    int rc = 0;

    for (int f = 0; rc == 0 && f < FIELD_COUNT; f++) {
        char **text = song_field_text(&d->after, (enum song_field)f);
        char year[16];
        struct evidence_row row = {.field = song_field_name((enum song_field)f), .source = "person", .rule = "accepted",
                                   .score = 1.0, .chosen = true};
        bool taken = f == FIELD_ARTIST || f == FIELD_TITLE || (f == FIELD_YEAR && d->c.year && d->after.year == d->c.year) ||
                     (f == FIELD_GENRE && d->c.genres[0] && d->after.genre && strcmp(d->after.genre, d->c.genres[0]) == 0);
        snprintf(year, sizeof year, "%d", d->after.year);
        row.value = text ? *text : year;
        if (taken)
            rc = evidence_put(d->db, d->after.id, &row, d->now_ms, d->e);
    }
    return rc;
}

int candidates_accept(struct db *db, int64_t song_id, int64_t candidate_id, int64_t if_version, int64_t *batch, int64_t now_ms,
                      struct song *out, struct err *e)
{
    struct decision d;
    int rc = decision_load(&d, db, song_id, candidate_id, if_version, now_ms, e);

    d.batch = batch;
    if (rc == 0) {
        take_values(&d);
        rc = set_rejected(&d, false);
    }
    if (rc == 0)
        rc = decision_store(&d);
    if (rc == 0)
        rc = put_accepted(&d);
    if (rc == 0)
        rc = queue_drop(db, song_id, e);
    if (rc == 0)
        rc = queue_unwant(db, &d.after, e);
    return decision_end(&d, rc, out);
}

/* The song's names came from this candidate, not from a person. */
static bool is_in_use(const struct decision *d)
{
    const struct song *s = &d->before;
    char *pair;
    bool same;

    if (s->status != SONG_ENRICHED || !s->source || strcmp(s->source, "name") == 0 || strcmp(s->source, "person") == 0)
        return false;
    pair = fold_pair(d->c.artist ? d->c.artist : "", d->c.title ? d->c.title : "");
    same = same_pair(s->artist, s->title, pair);
    free(pair);
    return same;
}

/* Puts back what the name said, except in locked fields and in those a person filled. */
static int restore_field(struct decision *d, enum song_field f, double *score)
{
    const char *field = song_field_name(f);
    char **text = song_field_text(&d->after, f);
    char *parsed = NULL, *person = NULL;
    int rc;

    if (d->after.locked & 1u << f)
        return 0;
    rc = evidence_value(d->db, d->after.id, field, "name", &parsed, score, d->e);
    if (rc == 0)
        rc = evidence_value(d->db, d->after.id, field, "person", &person, NULL, d->e);
    if (rc == 0 && !person) {
        if (text)
            song_row_set(text, parsed);
        else
            d->after.year = parsed ? atoi(parsed) : 0;
        rc = evidence_choose(d->db, d->after.id, field, parsed, d->e);
    }
    free(parsed);
    free(person);
    return rc;
}

/* The refused provider no longer speaks for the song. */
static int disown(struct decision *d)
{
    struct stmt s = stmt_of(d->db, "UPDATE evidence SET rule = 'rejected', chosen = 0 WHERE song_id = ? AND source = ?", d->e);

    stmt_int(&s, d->before.id);
    stmt_text(&s, provider_name(d->c.provider));
    return stmt_run(&s);
}

static int restore_parsed(struct decision *d)
{
    double score = 0;
    int rc = disown(d);

    for (int f = 0; rc == 0 && f < FIELD_COUNT; f++)
        rc = restore_field(d, (enum song_field)f, f == FIELD_TITLE ? &score : NULL);
    d->after.confidence = score;
    d->after.status = d->after.title ? SONG_PARSED : SONG_PENDING;
    song_row_set(&d->after.source, "name");
    song_row_set(&d->after.reason, "rejected");
    return rc;
}

int candidates_reject(struct db *db, int64_t song_id, int64_t candidate_id, int64_t if_version, int64_t *batch, int64_t now_ms,
                      struct song *out, struct err *e)
{
    struct decision d;
    int rc = decision_load(&d, db, song_id, candidate_id, if_version, now_ms, e);

    d.batch = batch;
    if (rc == 0)
        rc = set_rejected(&d, true);
    if (rc == 0 && is_in_use(&d))
        rc = restore_parsed(&d);
    if (rc == 0)
        rc = decision_store(&d);
    return decision_end(&d, rc, out);
}
