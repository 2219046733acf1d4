/* Our side of PiKaraoke; see pk_songs.h. Pool threads only. */
#include "store/pk_songs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/song.h"
#include "store/migrations.h"
#include "store/song_row.h"
#include "store/songs.h"

#define PRIORITY_SOON 30              /* before what persons ask for (20) and fresh downloads (10) */
#define SOON_MAX 500                  /* marks taken away at a time; the queue is looked at every few seconds */

#define SUNG_MAX 999999   /* as the order of the review has it */

/* --- following -------------------------------------------------------------------------- */

int pk_songs_rows(struct db *db, int64_t after, int limit, void (*row)(const struct pk_row *r, void *arg), void *arg,
                  struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT s.pikaraoke_id, s.file_path, s.format, r.made FROM songs s"
                                " LEFT JOIN pikaraoke_rows r ON r.song_id = s.id"
                                " WHERE s.pikaraoke_id > ? ORDER BY s.pikaraoke_id LIMIT ?", e);
    int n = 0, rc;

    stmt_int(&s, after);
    stmt_int(&s, limit);
    while (stmt_row(&s)) {
        struct pk_row r = {col_int(&s, 0), col_text(&s, 1), col_text(&s, 2), col_text(&s, 3)};
        n++;
        row(&r, arg);
    }
    rc = stmt_end(&s);
    return rc ? rc : n;
}

int pk_songs_of_row(struct db *db, int64_t row_id, int64_t *song_id, char **path, char made[PK_MADE_BYTES], struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT s.id, s.file_path, coalesce(r.made, '') FROM songs s"
                                " LEFT JOIN pikaraoke_rows r ON r.song_id = s.id WHERE s.pikaraoke_id = ? LIMIT 1", e);
    bool found;
    int rc;

    *path = NULL;
    stmt_int(&s, row_id);
    found = stmt_row(&s);
    if (found) {
        struct slice p = col_slice(&s, 1);
        *song_id = col_int(&s, 0);
        *path = mem_strndup(p.p, p.n);
        snprintf(made, PK_MADE_BYTES, "%s", col_text(&s, 2));
    }
    rc = stmt_end(&s);
    if (rc == 0 && !found)
        rc = ERR_NOT_FOUND;
    if (rc) {
        free(*path);
        *path = NULL;
    }
    return rc;
}

/* Takes the row away from the song that has it, whichever that is. */
static int lose_row(struct db *db, int64_t song_id, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE songs SET pikaraoke_id = NULL WHERE id = ?", e);
    int rc;

    stmt_int(&s, song_id);
    rc = stmt_run(&s);
    if (rc)
        return rc;
    s = stmt_of(db, "INSERT INTO pikaraoke_rows(song_id, lost, dirty) VALUES (?, 1, 0)"
                    " ON CONFLICT(song_id) DO UPDATE SET lost = 1, dirty = 0", e);
    stmt_int(&s, song_id);
    return stmt_run(&s);
}

/* 1 and *id, 0 when no song has that row, or ERR_. */
static int owner_of(struct db *db, int64_t row_id, int64_t but, int64_t *id, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id FROM songs WHERE pikaraoke_id = ? AND id <> ? LIMIT 1", e);

    stmt_int(&s, row_id);
    stmt_int(&s, but);
    return stmt_run_int(&s, id);
}

int pk_songs_attach(struct db *db, int64_t song_id, int64_t row_id, const char *made, struct err *e)
{
    int64_t other;
    struct stmt s;
    int rc;

    while ((rc = owner_of(db, row_id, song_id, &other, e)) == 1)
        if ((rc = lose_row(db, other, e)) != 0)
            return rc;
    if (rc)
        return rc;
    s = stmt_of(db, "UPDATE songs SET pikaraoke_id = ?1, version = version + 1 WHERE id = ?2 AND pikaraoke_id IS NOT ?1", e);
    stmt_int(&s, row_id);
    stmt_int(&s, song_id);
    rc = stmt_run(&s);
    if (rc)
        return rc;
    s = stmt_of(db, "INSERT INTO pikaraoke_rows(song_id, made) VALUES (?, ?) ON CONFLICT(song_id) DO UPDATE"
                    " SET made = excluded.made, lost = 0, dirty = 1, held = NULL WHERE lost = 1 OR made IS NOT excluded.made", e);
    stmt_int(&s, song_id);
    stmt_text(&s, made);
    return stmt_run(&s);
}

static int gone_one(struct db *db, int64_t row_id, int64_t now_ms, struct err *e)
{
    int64_t id;
    int rc = owner_of(db, row_id, 0, &id, e);

    if (rc <= 0)
        return rc;
    rc = lose_row(db, id, e);
    return rc ? rc : songs_set_present(db, &id, 1, false, now_ms, NULL, e);
}

int pk_songs_gone(struct db *db, const int64_t *row_ids, size_t n, int64_t now_ms, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = gone_one(db, row_ids[i], now_ms, e);
    return rc;
}

int pk_songs_drop_lost(struct db *db, int limit, int64_t now_ms, int64_t *done, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT r.song_id FROM pikaraoke_rows r INDEXED BY pikaraoke_lost"
                                " JOIN songs s ON s.id = r.song_id"
                                " WHERE r.lost = 1 AND s.present = 1 AND s.pikaraoke_id IS NULL LIMIT ?", e);
    int64_t *ids = mem_alloc((size_t)(limit + 1) * sizeof *ids);
    size_t n = 0;
    int rc;

    stmt_int(&s, limit);
    while (stmt_row(&s))
        ids[n++] = col_int(&s, 0);
    rc = stmt_end(&s);
    if (rc == 0)
        rc = songs_set_present(db, ids, n, false, now_ms, NULL, e);
    *done = (int64_t)n;
    free(ids);
    return rc;
}

static int sung_one(struct db *db, const struct pk_sung *sung, int64_t *raised, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE songs SET sung = ?1 WHERE pikaraoke_id = ?2 AND sung < ?1", e);
    int rc;

    stmt_int(&s, sung->times < SUNG_MAX ? sung->times : SUNG_MAX);
    stmt_int(&s, sung->row_id);
    rc = stmt_run(&s);
    if (rc == 0)
        *raised += db_changed(db);
    return rc;
}

int pk_songs_sung(struct db *db, const struct pk_sung *sung, size_t n, int64_t *raised, struct err *e)
{
    int rc = 0;

    *raised = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = sung_one(db, &sung[i], raised, e);
    return rc;
}

int pk_songs_release(struct db *db, struct err *e)
{
    int rc = db_exec(db, "UPDATE songs SET pikaraoke_id = NULL WHERE pikaraoke_id IS NOT NULL;"
                         "UPDATE pikaraoke_rows SET dirty = 0 WHERE dirty > 0;"
                         "DELETE FROM pikaraoke_state;", e);

    return rc;
}

/* --- what will be sung ------------------------------------------------------------------------ */

static int demand_one(struct db *db, const char *path, int64_t *n, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE enrichment_queue SET priority = ?1 WHERE priority < ?1"
                                " AND song_id = (SELECT id FROM songs WHERE file_path = ?2 AND present = 1)", e);
    int rc;

    stmt_int(&s, PRIORITY_SOON);
    stmt_text(&s, path);
    rc = stmt_run(&s);
    if (rc)
        return rc;
    *n += db_changed(db);
    s = stmt_of(db, "UPDATE songs SET wanted = ?1 WHERE file_path = ?2 AND present = 1 AND metadata_status <> 'manual'"
                    " AND wanted <> ?1", e);
    stmt_int(&s, song_wanted_of(PRIORITY_SOON));
    stmt_text(&s, path);
    return stmt_run(&s);
}

static bool is_among(struct slice path, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_str(path, paths[i]))
            return true;
    return false;
}

/* By the index of the review, which begins with those. */
static int no_longer_soon(struct db *db, const char *const *paths, size_t n_paths, int64_t ids[SOON_MAX], size_t *n,
                          struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id, file_path FROM songs WHERE present = 1 AND metadata_status <> 'manual'"
                                " AND " SONG_REVIEW_RANK("") " <= ?1 * -1000000 LIMIT ?2", e);

    stmt_int(&s, song_wanted_of(PRIORITY_SOON));
    stmt_int(&s, SOON_MAX);
    for (*n = 0; stmt_row(&s);)
        if (!is_among(col_slice(&s, 1), paths, n_paths))
            ids[(*n)++] = col_int(&s, 0);
    return stmt_end(&s);
}

int pk_songs_soon(struct db *db, const char *const *paths, size_t n_paths, int64_t *n, struct err *e)
{
    int64_t ids[SOON_MAX];
    size_t gone = 0;
    int rc = no_longer_soon(db, paths, n_paths, ids, &gone, e);

    for (size_t i = 0; rc == 0 && i < gone; i++) {
        struct stmt s = stmt_of(db, "UPDATE songs SET wanted = 0 WHERE id = ?", e);
        stmt_int(&s, ids[i]);
        rc = stmt_run(&s);
    }
    *n = 0;
    for (size_t i = 0; rc == 0 && i < n_paths; i++)
        rc = demand_one(db, paths[i], n, e);
    return rc;
}

/* --- what is remembered ------------------------------------------------------------------------ */

char *pk_state_get(struct db *db, const char *key)
{
    struct stmt s = stmt_of(db, "SELECT value FROM pikaraoke_state WHERE key = ?", NULL);
    char *value = NULL;

    stmt_text(&s, key);
    if (stmt_row(&s))
        value = mem_strdup(col_text(&s, 0));
    if (stmt_end(&s)) {
        free(value);
        return NULL;
    }
    return value;
}

int pk_state_set(struct db *db, const char *key, const char *value, struct err *e)
{
    struct stmt s = value ? stmt_of(db, "INSERT INTO pikaraoke_state(key, value) VALUES (?, ?)"
                                        " ON CONFLICT(key) DO UPDATE SET value = excluded.value", e)
                          : stmt_of(db, "DELETE FROM pikaraoke_state WHERE key = ?", e);

    stmt_text(&s, key);
    if (value)
        stmt_text(&s, value);
    return stmt_run(&s);
}

/* --- publishing ------------------------------------------------------------------------------ */

static char *copy(const char *s)
{
    return s && s[0] ? mem_strdup(s) : NULL;
}

/* Our word for a song that nothing was found for is PiKaraoke's "failed". */
static const char *word_for(const char *status)
{
    return status && strcmp(status, "enrichment_failed") == 0 ? "failed" : status;
}

static void read_song(const struct stmt *s, struct pk_song *out)
{
    const char *at = col_text(s, 10);

    *out = (struct pk_song){.song_id = col_int(s, 0), .row_id = col_int(s, 1), .attempts = (int)col_int(s, 9)};
    out->path = mem_strdup(col_text(s, 2));
    for (int i = 0; i < PK_STATUS; i++)
        out->want.v[i] = copy(col_text(s, 3 + i));
    out->want.v[PK_STATUS] = copy(word_for(col_text(s, 8)));
    if (at && strlen(at) >= 19)   /* "2026-01-31T12:00:00Z" as PiKaraoke writes times */
        snprintf(out->attempted_at, sizeof out->attempted_at, "%.10s %.8s", at, at + 11);
    pk_values_unpack(col_text(s, 11), &out->last);
    pk_values_unpack(col_text(s, 12), &out->intended);
}

static int intend(struct db *db, const struct pk_song *song, struct err *e)
{
    char *text = pk_values_pack((const char *const *)song->want.v);
    struct stmt s = stmt_of(db, "UPDATE pikaraoke_rows SET intended = ?, dirty = 2 WHERE song_id = ?", e);
    int rc;

    stmt_text(&s, text);
    stmt_int(&s, song->song_id);
    rc = stmt_run(&s);
    free(text);
    return rc;
}

int pk_songs_take(struct db *db, int64_t after, struct pk_song *out, int max, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT s.id, s.pikaraoke_id, s.file_path, s.artist, s.title, s.variant, s.year, s.genre,"
                                " s.metadata_status, s.enrichment_attempts, s.last_enrichment_attempt, r.published, r.intended"
                                " FROM pikaraoke_rows r INDEXED BY pikaraoke_dirty CROSS JOIN songs s ON s.id = r.song_id"
                                " WHERE r.dirty > 0 AND r.song_id > ? AND s.present = 1 AND s.pikaraoke_id IS NOT NULL"
                                " ORDER BY r.song_id LIMIT ?", e);
    int n = 0, rc;

    stmt_int(&s, after);
    stmt_int(&s, max);
    while (n < max && stmt_row(&s))
        read_song(&s, &out[n++]);
    rc = stmt_end(&s);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = intend(db, &out[i], e);
    for (int i = 0; rc && i < n; i++)
        pk_song_deinit(&out[i]);
    return rc ? rc : n;
}

static int record_stored(struct db *db, const struct pk_song *song, int64_t now_ms, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE pikaraoke_rows SET published = ?, intended = NULL, held = NULL, published_ms = ?,"
                                " dirty = CASE dirty WHEN 2 THEN 0 ELSE dirty END WHERE song_id = ?", e);

    stmt_text(&s, song->stored);
    stmt_int(&s, now_ms);
    stmt_int(&s, song->song_id);
    return stmt_run(&s);
}

static int record_held(struct db *db, const struct pk_song *song, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE pikaraoke_rows SET intended = NULL, held = ?,"
                                " dirty = CASE dirty WHEN 2 THEN 0 ELSE dirty END WHERE song_id = ?", e);

    stmt_text(&s, pk_held_name(song->verdict));
    stmt_int(&s, song->song_id);
    return stmt_run(&s);
}

int pk_songs_record(struct db *db, const struct pk_song *songs, size_t n, int64_t now_ms, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (songs[i].stored)
            rc = record_stored(db, &songs[i], now_ms, e);
        else if (pk_held_name(songs[i].verdict))
            rc = record_held(db, &songs[i], e);
    }
    return rc;
}

int pk_songs_retry_held(struct db *db, struct err *e)
{
    return db_exec(db, "UPDATE pikaraoke_rows SET dirty = 1 WHERE held IS NOT NULL AND lost = 0 AND dirty = 0", e);
}

static int read_reasons(struct db *db, struct pk_counts *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT held, count(*) FROM pikaraoke_rows INDEXED BY pikaraoke_held"
                                " WHERE held IS NOT NULL GROUP BY held ORDER BY held LIMIT ?", e);

    stmt_int(&s, PK_REASONS_MAX);
    while (out->n_reasons < PK_REASONS_MAX && stmt_row(&s)) {
        int i = out->n_reasons++;
        snprintf(out->reasons[i].name, sizeof out->reasons[i].name, "%s", col_text(&s, 0));
        out->reasons[i].n = col_int(&s, 1);
        out->held += out->reasons[i].n;
    }
    return stmt_end(&s);
}

static int read_one(struct db *db, const char *sql, int64_t *out, struct err *e)
{
    struct stmt s = stmt_of(db, sql, e);
    int rc = stmt_run_int(&s, out);

    return rc < 0 ? rc : 0;
}

int pk_songs_counts(struct db *db, struct pk_counts *out, struct err *e)
{
    int rc;

    *out = (struct pk_counts){0};
    rc = read_reasons(db, out, e);
    if (rc == 0)
        rc = read_one(db, "SELECT count(*) FROM pikaraoke_rows INDEXED BY pikaraoke_published WHERE published_ms IS NOT NULL",
                      &out->published, e);
    if (rc == 0)
        rc = read_one(db, "SELECT count(*) FROM pikaraoke_rows INDEXED BY pikaraoke_dirty WHERE dirty > 0", &out->waiting, e);
    if (rc == 0)
        rc = read_one(db, "SELECT coalesce(max(published_ms), 0) FROM pikaraoke_rows INDEXED BY pikaraoke_published"
                          " WHERE published_ms IS NOT NULL", &out->last_ms, e);
    return rc;
}
