/* What a scan found: new, moved, changed, missing and forgotten songs; see songs.h. Pool threads only.
 *
 * songs_found is the hot path of a first scan: one statement for each row, and the search index in a single statement at
 * the end. (SQLite makes FTS5 flush at each nested savepoint, which any statement with triggers opens; see song_row.h.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/changes.h"
#include "store/pk_songs.h"
#include "store/song_row.h"
#include "store/songs.h"

struct finder {
    struct db *db;
    struct err *e;
    int64_t now_ms;
    char iso[32];
    struct song_keys keys;
    struct change_log log;
    int64_t first_new;      /* lowest id inserted by this call; 0 none */
};

static struct slice words_of(const struct finder *f)
{
    return (struct slice){f->keys.words.data, f->keys.words.len};
}

static const char *youtube_id_of(const struct found_file *file, const struct song_file *split)
{
    return split->youtube_id[0] ? split->youtube_id : file->guess && file->guess->youtube_id[0] ? file->guess->youtube_id : NULL;
}

static bool has_title(const struct guess *g)
{
    return g && g->title && g->title[0];
}

/* 1 when inserted, 0 when the path is known, or ERR_. */
static int insert_song(struct finder *f, const struct found_file *file, int64_t *id)
{
    const struct guess *g = file->guess;
    struct song_file split;
    struct stmt s = stmt_of(f->db,
                            "INSERT INTO songs(file_path, artist, title, variant, vendor, year, confidence, metadata_status,"
                            " youtube_id, format, size, mtime_ms, base_hash, artist_key, title_key, words, reason, source,"
                            " created_at, updated_at, language, order_open, wanted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                            " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 'name', ?18, ?18, ?19, ?20, ?21)"
                            " ON CONFLICT(file_path) DO NOTHING", f->e);
    int rc;

    song_file_split(file->path, &split);
    song_keys_make(&f->keys, g ? g->artist : NULL, g ? g->title : NULL, file->path);
    stmt_bytes(&s, file->path);
    stmt_text_or_null(&s, g ? g->artist : NULL);
    stmt_text_or_null(&s, g ? g->title : NULL);
    stmt_text_or_null(&s, g ? g->variant : NULL);
    stmt_text_or_null(&s, g ? g->vendor : NULL);
    stmt_int_or_null(&s, g ? g->year : 0);
    stmt_num(&s, g ? g->confidence : 0);
    stmt_text(&s, has_title(g) ? "parsed" : "pending");
    stmt_text(&s, youtube_id_of(file, &split));
    stmt_text_or_null(&s, file->format);
    stmt_int(&s, file->size);
    stmt_int(&s, file->mtime_ms);
    stmt_int(&s, song_base_hash(split.base));
    stmt_text(&s, f->keys.artist_key);
    stmt_text(&s, f->keys.title_key);
    stmt_slice(&s, words_of(f));
    stmt_text(&s, g ? g->rule : NULL);
    stmt_text(&s, f->iso);
    stmt_text_or_null(&s, g ? g->language : NULL);
    stmt_int(&s, g && g->is_ambiguous);
    stmt_int(&s, song_wanted_of(file->priority));
    rc = stmt_run(&s);
    if (rc || db_changed(f->db) == 0)
        return rc;
    *id = sqlite3_last_insert_rowid(f->db->h);
    if (!f->first_new)
        f->first_new = *id;
    return 1;
}

/* A new song has no older evidence whose mark would have to go: a plain insert. */
static int insert_evidence(struct finder *f, int64_t id, const char *field, const char *value, const struct guess *g)
{
    struct stmt s;

    if (!value || !value[0])
        return 0;
    s = stmt_of(f->db, "INSERT INTO evidence(song_id, field, source, value, rule, reason, score, at_ms, chosen)"
                       " VALUES (?, ?, 'name', ?, ?, ?, ?, ?, 1)", f->e);
    stmt_int(&s, id);
    stmt_text(&s, field);
    stmt_text(&s, value);
    stmt_text(&s, g->rule);
    stmt_text_or_null(&s, g->reason);
    stmt_num(&s, g->confidence);
    stmt_int(&s, f->now_ms);
    return stmt_run(&s);
}

static int insert_all_evidence(struct finder *f, int64_t id, const struct guess *g)
{
    char year[16];
    int rc;

    if (!g)
        return 0;
    snprintf(year, sizeof year, "%d", g->year);
    rc = insert_evidence(f, id, "artist", g->artist, g);
    if (rc == 0)
        rc = insert_evidence(f, id, "title", g->title, g);
    if (rc == 0)
        rc = insert_evidence(f, id, "variant", g->variant, g);
    if (rc == 0 && g->year)
        rc = insert_evidence(f, id, "year", year, g);
    return rc;
}

static int insert_queue(struct finder *f, int64_t id, int priority, int64_t asked)
{
    struct stmt s = stmt_of(f->db, "INSERT INTO enrichment_queue(song_id, priority, queued_at, asked) VALUES (?, ?, ?, ?)"
                                   " ON CONFLICT(song_id) DO NOTHING", f->e);

    stmt_int(&s, id);
    stmt_int(&s, priority);
    stmt_text(&s, f->iso);
    stmt_int(&s, asked);
    return stmt_run(&s);
}

static int add_new(struct finder *f, const struct found_file *file, int64_t id)
{
    int rc = insert_all_evidence(f, id, file->guess);

    return rc ? rc : insert_queue(f, id, file->priority, 0);
}

/* --- known songs ---------------------------------------------------------------------- */

static int log_presence(struct finder *f, int64_t id, bool present)
{
    struct slice yes = SLICE_LIT("true"), no = SLICE_LIT("false");

    return changes_add(f->db, &f->log, id, "present", present ? no : yes, present ? yes : no, f->e);
}

/* Back on the queue where it stood when it went missing. */
static int unpark(struct finder *f, int64_t id, int priority)
{
    struct stmt s = stmt_of(f->db, "SELECT parked FROM songs WHERE id = ? AND parked IS NOT NULL", f->e);
    int64_t asked = 0;
    int rc;

    stmt_int(&s, id);
    rc = stmt_run_int(&s, &asked);
    if (rc <= 0)
        return rc;
    s = stmt_of(f->db, "UPDATE songs SET parked = NULL WHERE id = ?", f->e);
    stmt_int(&s, id);
    rc = stmt_run(&s);
    return rc ? rc : insert_queue(f, id, priority, asked);
}

/* 1 when it was the other way before. */
static int set_present(struct finder *f, int64_t id, bool present)
{
    struct stmt s = present ? stmt_of(f->db,
                                      "UPDATE songs SET present = 1, missing_since = NULL, version = version + 1,"
                                      " updated_at = ?1 WHERE id = ?2 AND present = 0",
                                      f->e)
                            : stmt_of(f->db,
                                      "UPDATE songs SET present = 0, missing_since = ?1, version = version + 1, updated_at = ?1,"
                                      " parked = (SELECT asked FROM enrichment_queue WHERE song_id = ?2)"
                                      " WHERE id = ?2 AND present = 1",
                                      f->e);
    int rc;

    stmt_text(&s, f->iso);
    stmt_int(&s, id);
    rc = stmt_run(&s);
    if (rc || db_changed(f->db) == 0)
        return rc;
    rc = present ? unpark(f, id, 0) : queue_drop(f->db, id, f->e);
    if (rc == 0)
        rc = log_presence(f, id, present);
    return rc ? rc : 1;
}

static int touch(struct finder *f, int64_t id, int64_t size, int64_t mtime_ms, const char *format)
{
    struct stmt s = stmt_of(f->db,
                            "UPDATE songs SET size = ?1, mtime_ms = ?2, format = ?3, version = version + 1, updated_at = ?4"
                            " WHERE id = ?5 AND (size <> ?1 OR mtime_ms <> ?2 OR format IS NOT ?3)",
                            f->e);

    stmt_int(&s, size);
    stmt_int(&s, mtime_ms);
    stmt_text_or_null(&s, format);
    stmt_text(&s, f->iso);
    stmt_int(&s, id);
    return stmt_run(&s);
}

static int store_move(struct finder *f, const struct found_file *file, const struct song *before)
{
    struct song_file split;
    struct stmt s;
    int rc;

    song_file_split(file->path, &split);
    song_keys_make(&f->keys, before->artist, before->title, file->path);
    rc = song_row_index_drop(f->db, before->id, f->e);
    if (rc)
        return rc;
    s = stmt_of(f->db, "UPDATE songs SET file_path = ?, base_hash = ?, words = ?, youtube_id = coalesce(?, youtube_id),"
                       " version = version + 1, updated_at = ? WHERE id = ?", f->e);
    stmt_bytes(&s, file->path);
    stmt_int(&s, song_base_hash(split.base));
    stmt_slice(&s, words_of(f));
    stmt_text(&s, youtube_id_of(file, &split));
    stmt_text(&s, f->iso);
    stmt_int(&s, before->id);
    rc = stmt_run(&s);
    if (rc == 0)
        rc = song_row_index_add(f->db, before->id, f->e);
    if (rc == 0)
        rc = changes_add(f->db, &f->log, before->id, "file_path", slice_of(before->file_path), file->path, f->e);
    return rc;
}

/* 1 when the row took the new path, 0 when another song has it or the row is gone, or ERR_. */
static int move_song(struct finder *f, const struct found_file *file, struct found_result *r)
{
    struct song before;
    int64_t other;
    int rc = songs_find_path(f->db, file->path, &other, NULL);

    if (rc != ERR_NOT_FOUND)
        return rc;
    rc = song_row_load(f->db, file->moved_from, &before, NULL);
    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    rc = store_move(f, file, &before);
    song_deinit(&before);
    if (rc == 0)
        rc = touch(f, file->moved_from, file->size, file->mtime_ms, file->format);
    if (rc == 0)
        rc = set_present(f, file->moved_from, true);
    if (rc < 0)
        return rc;
    *r = (struct found_result){.id = file->moved_from, .moved = true, .returned = rc == 1};
    return 1;
}

static int known_song(struct finder *f, const struct found_file *file, struct found_result *r)
{
    int rc = songs_find_path(f->db, file->path, &r->id, f->e);

    if (rc == 0)
        rc = touch(f, r->id, file->size, file->mtime_ms, file->format);
    if (rc == 0)
        rc = set_present(f, r->id, true);
    r->returned = rc == 1;
    return rc < 0 ? rc : 0;
}

static int found_one(struct finder *f, const struct found_file *file, struct found_result *r)
{
    int rc = 0;

    *r = (struct found_result){0};
    if (file->moved_from)
        rc = move_song(f, file, r);
    if (rc)
        return rc < 0 ? rc : 0;
    rc = insert_song(f, file, &r->id);
    if (rc == 0)
        return known_song(f, file, r);
    r->inserted = rc == 1;
    return rc < 0 ? rc : add_new(f, file, r->id);
}

static void finder_init(struct finder *f, struct db *db, int64_t now_ms, struct err *e)
{
    *f = (struct finder){.db = db, .e = e, .now_ms = now_ms, .log = {.actor = "scan", .now_ms = now_ms}};
    clock_iso(now_ms, f->iso);
    song_keys_init(&f->keys);
}

int songs_found(struct db *db, const struct found_file *files, size_t n, int64_t now_ms, struct found_result *results,
                struct err *e)
{
    struct finder f;
    int rc = 0;

    finder_init(&f, db, now_ms, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = found_one(&f, &files[i], &results[i]);
        if (rc == 0 && files[i].pikaraoke_id)
            rc = pk_songs_attach(db, results[i].id, files[i].pikaraoke_id, files[i].made, e);
    }
    if (rc == 0 && f.first_new)
        rc = song_row_index_from(db, f.first_new, e);
    song_keys_deinit(&f.keys);
    return rc;
}

int songs_touched(struct db *db, int64_t id, int64_t size, int64_t mtime_ms, const char *format, int64_t now_ms, struct err *e)
{
    struct finder f;
    int rc;

    finder_init(&f, db, now_ms, e);
    rc = touch(&f, id, size, mtime_ms, format);
    song_keys_deinit(&f.keys);
    return rc;
}

int songs_set_present(struct db *db, const int64_t *ids, size_t n, bool present, int64_t now_ms, size_t *changed, struct err *e)
{
    struct finder f;
    size_t count = 0;
    int rc = 0;

    finder_init(&f, db, now_ms, e);
    for (size_t i = 0; rc >= 0 && i < n; i++) {
        rc = set_present(&f, ids[i], present);
        count += rc == 1;
    }
    song_keys_deinit(&f.keys);
    if (changed)
        *changed = count;
    return rc < 0 ? rc : 0;
}

/* --- forgetting ----------------------------------------------------------------------- */

static int forget_one(struct db *db, int64_t id, int64_t *forgotten, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT 1 FROM songs WHERE id = ? AND present = 0", e);
    int64_t one;
    int rc;

    stmt_int(&s, id);
    rc = stmt_run_int(&s, &one);
    if (rc <= 0)
        return rc;
    rc = song_row_index_drop(db, id, e);
    if (rc)
        return rc;
    s = stmt_of(db, "DELETE FROM songs WHERE id = ?", e);
    stmt_int(&s, id);
    *forgotten += 1;
    return stmt_run(&s);
}

static int next_absent(struct db *db, int64_t *id, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id FROM songs INDEXED BY songs_absent WHERE present = 0 LIMIT 1", e);

    return stmt_run_int(&s, id);
}

int songs_forget(struct db *db, const int64_t *ids, size_t n, int64_t *forgotten, struct err *e)
{
    int64_t id;
    int rc = 0;

    *forgotten = 0;
    for (size_t i = 0; rc == 0 && ids && i < n; i++)
        rc = forget_one(db, ids[i], forgotten, e);
    for (size_t i = 0; rc == 0 && !ids && i < n && (rc = next_absent(db, &id, e)) == 1; i++)
        rc = forget_one(db, id, forgotten, e);
    return rc < 0 ? rc : 0;
}
