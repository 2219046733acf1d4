/* Publishing to PiKaraoke's rows; see pk_publish.h. Pool threads only. */
#include "store/pk_publish.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/pk_internal.h"

#define PARTED_BY '\x1f'
#define CHECKPOINT_PAGES 500       /* before SQLite's own 1000, at which PiKaraoke would have to do it in its only thread */

/* --- values -------------------------------------------------------------------------------- */

void pk_values_deinit(struct pk_values *v)
{
    for (int i = 0; i < PK_VALUES; i++)
        free(v->v[i]);
    *v = (struct pk_values){0};
}

char *pk_values_pack(const char *const v[PK_VALUES])
{
    struct buf b;

    buf_init(&b, 0);
    for (int i = 0; i < PK_VALUES; i++) {
        if (i)
            buf_add_byte(&b, PARTED_BY);
        buf_add_str(&b, v[i] ? v[i] : "");
    }
    return buf_detach(&b);
}

void pk_values_unpack(const char *text, struct pk_values *out)
{
    *out = (struct pk_values){0};
    for (int i = 0; text && i < PK_VALUES; i++) {
        const char *end = strchr(text, PARTED_BY);
        size_t n = end ? (size_t)(end - text) : strlen(text);
        out->v[i] = n ? mem_strndup(text, n) : NULL;
        text = end ? end + 1 : NULL;
    }
}

void pk_song_deinit(struct pk_song *s)
{
    pk_values_deinit(&s->want);
    pk_values_deinit(&s->last);
    pk_values_deinit(&s->intended);
    free(s->path);
    free(s->stored);
    *s = (struct pk_song){0};
}

/* --- judging ---------------------------------------------------------------------------------- */

static const struct {
    enum pk_verdict verdict;
    const char *name, *sentence;
} held[] = {
    {PK_HELD_FOREIGN, "foreign", "artist or title in PiKaraoke's database are not ours"},
    {PK_HELD_MANUAL, "manual", "a person decided in PiKaraoke's database"},
    {PK_HELD_STATUS, "status", "another program's status word stands in PiKaraoke's database"},
    {PK_HELD_LEFT, "left", "PiKaraoke's own worker has not given the song up"},
};

const char *pk_held_name(enum pk_verdict v)
{
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        if (held[i].verdict == v)
            return held[i].name;
    return NULL;
}

const char *pk_held_sentence(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        if (strcmp(held[i].name, name) == 0)
            return held[i].sentence;
    return "";
}

static bool is_empty(const char *s)
{
    return !s || !s[0];
}

static bool same(const char *a, const char *b)
{
    return is_empty(a) ? is_empty(b) : !is_empty(b) && strcmp(a, b) == 0;
}

static bool may_replace(enum pk_value i, const struct pk_values *row, const struct pk_values *want, const struct pk_values *last,
                        const struct pk_values *intended)
{
    const char *v = row->v[i];

    return is_empty(v) || same(v, want->v[i]) || same(v, last->v[i]) || same(v, intended->v[i]);
}

/* PK_WRITE when the row's status is no obstacle. */
static enum pk_verdict judge_status(enum pk_profile profile, const char *status, bool ours)
{
    bool decided = same(status, "manual") || same(status, "accepted");

    if (profile == PK_PROFILE_V2) {
        if (same(status, "no_match"))
            return PK_WRITE;
        return decided ? PK_HELD_MANUAL : PK_HELD_LEFT;
    }
    if (ours || is_empty(status) || same(status, "pending"))
        return PK_WRITE;
    return decided ? PK_HELD_MANUAL : PK_HELD_STATUS;
}

enum pk_verdict pk_judge(enum pk_profile profile, const struct pk_values *row, const struct pk_values *want,
                         const struct pk_values *last, const struct pk_values *intended, const char *next[PK_VALUES])
{
    const char *status = row->v[PK_STATUS];
    bool ours = same(status, last->v[PK_STATUS]) || same(status, intended->v[PK_STATUS]) || same(status, want->v[PK_STATUS]);
    enum pk_verdict v = judge_status(profile, status, ours);
    bool equal = true;

    if (v != PK_WRITE)
        return v;
    for (int i = 0; i < PK_VALUES; i++)
        next[i] = may_replace((enum pk_value)i, row, want, last, intended) ? want->v[i] : row->v[i];
    next[PK_STATUS] = want->v[PK_STATUS];
    if (profile == PK_PROFILE_V2) {   /* its words are not ours, and year and genre are kept for what it confirmed */
        next[PK_STATUS] = status;
        next[PK_YEAR] = is_empty(row->v[PK_YEAR]) ? want->v[PK_YEAR] : row->v[PK_YEAR];
        next[PK_GENRE] = is_empty(row->v[PK_GENRE]) ? want->v[PK_GENRE] : row->v[PK_GENRE];
    }
    if (!may_replace(PK_ARTIST, row, want, last, intended) || !may_replace(PK_TITLE, row, want, last, intended))
        return PK_HELD_FOREIGN;       /* half a pair would be a wrong pair */
    for (int i = 0; i < PK_VALUES; i++)
        equal = equal && same(next[i], row->v[i]);
    return equal ? PK_SAME : PK_WRITE;
}

/* --- reading before the lock -------------------------------------------------------------------- */

struct plan {
    struct pk_song *song;
    struct pk_values row;
    const char *next[PK_VALUES];
};

static int read_row(struct pk *pk, struct plan *p, struct err *e)
{
    struct stmt s = stmt_of(&pk->db, "SELECT artist, title, variant, year, genre, metadata_status FROM songs"
                                     " WHERE id = ? AND file_path = ?", e);
    bool found;
    int rc;

    stmt_int(&s, p->song->row_id);
    stmt_text(&s, p->song->path);
    found = stmt_row(&s);
    for (int i = 0; found && i < PK_VALUES; i++)
        p->row.v[i] = mem_strdup(col_text(&s, i));
    rc = stmt_end(&s);
    if (rc)
        return rc;
    p->song->verdict = PK_MOVED;
    if (found)
        p->song->verdict = pk_judge(pk->profile, &p->row, &p->song->want, &p->song->last, &p->song->intended, p->next);
    return 0;
}

static void keep_stored(struct plan *p)
{
    p->song->stored = pk_values_pack(p->next);
}

/* --- under the lock -------------------------------------------------------------------------------- */

static int update(struct pk *pk, const struct plan *p, struct err *e)
{
    struct stmt s = stmt_of(&pk->db,
                            "UPDATE songs SET artist = ?1, title = ?2, variant = ?3, year = ?4, genre = ?5, metadata_status = ?6,"
                            " enrichment_attempts = coalesce(?7, enrichment_attempts),"
                            " last_enrichment_attempt = coalesce(?8, last_enrichment_attempt), updated_at = CURRENT_TIMESTAMP"
                            " WHERE id = ?9 AND file_path = ?10 AND artist IS ?11 AND title IS ?12 AND variant IS ?13"
                            " AND year IS ?14 AND genre IS ?15 AND metadata_status IS ?16", e);
    bool count_attempts = pk->profile == PK_PROFILE_V1;   /* v2's worker counts its own */

    for (int i = 0; i < PK_VALUES; i++)
        stmt_text_or_null(&s, p->next[i]);
    stmt_int_or_null(&s, count_attempts ? p->song->attempts : 0);
    stmt_text_or_null(&s, count_attempts ? p->song->attempted_at : NULL);
    stmt_int(&s, p->song->row_id);
    stmt_text(&s, p->song->path);
    for (int i = 0; i < PK_VALUES; i++)
        stmt_text(&s, p->row.v[i]);
    return stmt_run(&s);
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int write_all(struct pk *pk, struct plan *plans, size_t n, uint64_t until_us, struct pk_report *report, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct plan *p = &plans[i];
        int rc;
        if (p->song->verdict != PK_WRITE)
            continue;
        if (now_us() > until_us) {
            p->song->verdict = PK_LATER;
            continue;
        }
        rc = update(pk, p, e);
        if (rc)
            return rc;
        if (db_changed(&pk->db) == 1)
            report->written++;
        else
            p->song->verdict = PK_MOVED;
    }
    return 0;
}

static int transaction(struct pk *pk, struct plan *plans, size_t n, struct pk_report *report, struct err *e)
{
    int rc = db_begin(&pk->db, false, e);
    uint64_t began = now_us();

    if (rc)
        return rc;
    rc = write_all(pk, plans, n, began + (PK_LOCK_MS - 5) * 1000, report, e);   /* the commit needs its share */
    if (rc == 0)
        rc = db_commit(&pk->db, e);
    if (rc)
        db_rollback(&pk->db);
    report->lock_us = now_us() - began;
    if (rc)
        report->written = 0;
    return rc;
}

static int on_logged(void *arg, sqlite3 *h, const char *name, int pages)
{
    (void)h;
    (void)name;
    ((struct pk *)arg)->log_pages = pages;
    return SQLITE_OK;
}

/* Takes no lock that PiKaraoke waits for; what it cannot do now the next one does. */
static void checkpoint(struct pk *pk)
{
    if (pk->log_pages < CHECKPOINT_PAGES)
        return;
    sqlite3_wal_checkpoint_v2(pk->db.h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    pk->log_pages = 0;
}

static bool wants_writing(const struct plan *plans, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (plans[i].song->verdict == PK_WRITE)
            return true;
    return false;
}

static int plan_and_write(struct pk *pk, struct plan *plans, size_t n, uint64_t begin_before_ms, struct pk_report *report,
                          struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_row(pk, &plans[i], e);
    if (rc == 0 && wants_writing(plans, n)) {
        if (now_us() / 1000 > begin_before_ms)
            return err_set(e, ERR_TIMEOUT, "the machine stood still");
        sqlite3_wal_hook(pk->db.h, on_logged, pk);
        rc = transaction(pk, plans, n, report, e);
        if (rc == 0)
            checkpoint(pk);
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (plans[i].song->verdict == PK_WRITE || plans[i].song->verdict == PK_SAME)
            keep_stored(&plans[i]);
    return rc;
}

int pk_publish(struct pk *pk, struct pk_song *songs, size_t n, uint64_t begin_before_ms, struct pk_report *report, struct err *e)
{
    struct plan plans[PK_BATCH_MAX] = {0};
    int rc;

    *report = (struct pk_report){0};
    if (n > PK_BATCH_MAX)
        bug("more than %d rows at once for PiKaraoke", PK_BATCH_MAX);
    if (!pk->db.h || !pk->writable || !pk_is_same_file(pk))
        return err_set(e, ERR_STALE, "PiKaraoke's database is not open for writing");
    for (size_t i = 0; i < n; i++)
        plans[i].song = &songs[i];
    rc = plan_and_write(pk, plans, n, begin_before_ms, report, e);
    for (size_t i = 0; i < n; i++)
        pk_values_deinit(&plans[i].row);
    return rc;
}
