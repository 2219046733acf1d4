/* The schema, step by step. A released step is never edited: a change is a new step.
 *
 * The tables songs, enrichment_queue and enrichment_state carry the names of the design document, so that other programs
 * read them; times in them are ISO text in UTC. Columns that end in _ms are wall milliseconds.
 */
#include "store/migrations.h"

#include <stdlib.h>

#include "base/mem.h"

static const char create_songs[] =
    "CREATE TABLE songs ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"         /* never given twice: the change log outlives its song */
    " file_path TEXT NOT NULL UNIQUE,"               /* absolute, exact bytes: BLOB where they are not UTF-8 */
    " artist TEXT, title TEXT, variant TEXT, vendor TEXT, year INTEGER, genre TEXT,"
    " confidence REAL NOT NULL DEFAULT 0.0,"
    " metadata_status TEXT NOT NULL DEFAULT 'pending'"
    "  CHECK (metadata_status IN ('pending', 'parsed', 'enriched', 'manual', 'enrichment_failed')),"
    " enrichment_attempts INTEGER NOT NULL DEFAULT 0,"
    " last_enrichment_attempt TEXT,"
    " youtube_id TEXT, format TEXT, pikaraoke_id INTEGER,"
    " size INTEGER NOT NULL DEFAULT 0, mtime_ms INTEGER NOT NULL DEFAULT 0,"
    " base_hash INTEGER NOT NULL DEFAULT 0,"         /* of the name without folder: finds what moved */
    " artist_key TEXT NOT NULL DEFAULT '', title_key TEXT NOT NULL DEFAULT '',"   /* folded, for sorting */
    " words TEXT NOT NULL DEFAULT '',"               /* folded words of artist, title and name, for searching */
    " reason TEXT, source TEXT,"
    " present INTEGER NOT NULL DEFAULT 1, missing_since TEXT,"
    " parked INTEGER,"                               /* absent while queued: its asked mask */
    " locked INTEGER NOT NULL DEFAULT 0,"
    " version INTEGER NOT NULL DEFAULT 1,"
    " created_at TEXT NOT NULL, updated_at TEXT NOT NULL);"
    "CREATE INDEX songs_artist ON songs(artist_key, title_key);"
    "CREATE INDEX songs_title ON songs(title_key, artist_key);"
    "CREATE INDEX songs_confidence ON songs(confidence);"
    "CREATE INDEX songs_updated ON songs(updated_at);"
    "CREATE INDEX songs_status ON songs(metadata_status);"
    "CREATE INDEX songs_base ON songs(base_hash);"
    "CREATE INDEX songs_youtube ON songs(youtube_id) WHERE youtube_id IS NOT NULL;"
    "CREATE INDEX songs_pikaraoke ON songs(pikaraoke_id) WHERE pikaraoke_id IS NOT NULL;"
    "CREATE INDEX songs_year ON songs(year) WHERE year IS NOT NULL;"
    "CREATE INDEX songs_genre ON songs(genre COLLATE NOCASE) WHERE genre IS NOT NULL;"
    "CREATE INDEX songs_absent ON songs(id) WHERE present = 0;"
    /* Its rows are written by song_row.c, not by triggers: a trigger would make SQLite flush the index at every song. */
    "CREATE VIRTUAL TABLE songs_fts USING fts5(words, content='songs', content_rowid='id',"
    " tokenize=\"ascii\", detail=none, columnsize=0);";

static const char create_queue[] =
    "CREATE TABLE enrichment_queue ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " song_id INTEGER NOT NULL UNIQUE REFERENCES songs(id) ON DELETE CASCADE,"
    " priority INTEGER NOT NULL DEFAULT 0,"
    " queued_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,"
    " asked INTEGER NOT NULL DEFAULT 0,"
    " in_flight INTEGER NOT NULL DEFAULT 0,"
    " interrupted INTEGER NOT NULL DEFAULT 0,"
    " failures INTEGER NOT NULL DEFAULT 0,"          /* failed requests in a row */
    " gave_up INTEGER NOT NULL DEFAULT 0,"           /* mask of providers given up on */
    " not_before INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX queue_order ON enrichment_queue(asked, priority DESC, queued_at, id);"
    "CREATE INDEX queue_waiting ON enrichment_queue(not_before) WHERE not_before > 0;"
    "CREATE INDEX queue_in_flight ON enrichment_queue(in_flight) WHERE in_flight > 0;"
    "CREATE TABLE enrichment_state (key TEXT PRIMARY KEY, value TEXT);"
    "INSERT INTO enrichment_state VALUES ('total_processed', '0'), ('total_enriched', '0'), ('total_failed', '0');";

static const char create_evidence[] =
    "CREATE TABLE evidence ("
    " song_id INTEGER NOT NULL REFERENCES songs(id) ON DELETE CASCADE,"
    " field TEXT NOT NULL, source TEXT NOT NULL, value TEXT, rule TEXT, reason TEXT,"
    " score REAL NOT NULL DEFAULT 0, at_ms INTEGER NOT NULL, chosen INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (song_id, field, source)) WITHOUT ROWID;"
    "CREATE TABLE candidates ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " song_id INTEGER NOT NULL REFERENCES songs(id) ON DELETE CASCADE,"
    " provider TEXT NOT NULL, artist TEXT, title TEXT, mbid TEXT, artist_alias TEXT, album TEXT, disambiguation TEXT,"
    " genre1 TEXT, genre2 TEXT, genre3 TEXT, year INTEGER, year_weak INTEGER, listeners INTEGER NOT NULL DEFAULT -1,"
    " provider_score INTEGER NOT NULL DEFAULT -1, score REAL NOT NULL DEFAULT 0,"
    " accepted INTEGER NOT NULL DEFAULT 0, swapped INTEGER NOT NULL DEFAULT 0, exact INTEGER NOT NULL DEFAULT 0,"
    " rule TEXT, reason TEXT, rejected INTEGER NOT NULL DEFAULT 0, at_ms INTEGER NOT NULL);"
    "CREATE INDEX candidates_song ON candidates(song_id);"
    "CREATE TABLE answers ("                          /* what providers said, by folded artist and title */
    " provider TEXT NOT NULL, pair_key TEXT NOT NULL, at_ms INTEGER NOT NULL, candidates TEXT,"   /* NULL: not found */
    " PRIMARY KEY (provider, pair_key)) WITHOUT ROWID;"
    "CREATE TABLE changes ("                          /* outlives its song, so it does not refer to it */
    " id INTEGER PRIMARY KEY AUTOINCREMENT, batch INTEGER NOT NULL, song_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " actor TEXT NOT NULL, source TEXT, field TEXT NOT NULL, old_value TEXT, new_value TEXT,"
    " undoes INTEGER, undone INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX changes_song ON changes(song_id);"
    "CREATE INDEX changes_batch ON changes(batch);"
    "CREATE TRIGGER changes_stay BEFORE UPDATE OF id, batch, song_id, at_ms, actor, source, field, old_value, new_value, undoes"
    " ON changes BEGIN SELECT RAISE(ABORT, 'the change log is only added to'); END;";

static const char create_state[] =
    "CREATE TABLE provider_state (provider TEXT PRIMARY KEY,"
    " refused_until_ms INTEGER NOT NULL DEFAULT 0, slow_until_ms INTEGER NOT NULL DEFAULT 0,"
    " key_refused INTEGER NOT NULL DEFAULT 0, key_mark TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL, set_at TEXT NOT NULL) WITHOUT ROWID;";

/* One row for each number, made here, so that the triggers are plain updates. */
static const char create_counts[] =
    "CREATE TABLE counts (key TEXT PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "INSERT INTO counts(key) VALUES ('pending'), ('parsed'), ('enriched'), ('manual'), ('enrichment_failed'), ('absent'),"
    " ('asked 0'), ('asked 1'), ('asked 2'), ('asked 3'), ('asked 4'), ('asked 5'), ('asked 6'), ('asked 7');"
    "CREATE TRIGGER count_song_in AFTER INSERT ON songs BEGIN"
    " UPDATE counts SET n = n + 1 WHERE key = iif(new.present, new.metadata_status, 'absent'); END;"
    "CREATE TRIGGER count_song_out AFTER DELETE ON songs BEGIN"
    " UPDATE counts SET n = n - 1 WHERE key = iif(old.present, old.metadata_status, 'absent'); END;"
    "CREATE TRIGGER count_song_moves AFTER UPDATE OF metadata_status, present ON songs"
    " WHEN old.metadata_status <> new.metadata_status OR old.present <> new.present BEGIN"
    " UPDATE counts SET n = n - 1 WHERE key = iif(old.present, old.metadata_status, 'absent');"
    " UPDATE counts SET n = n + 1 WHERE key = iif(new.present, new.metadata_status, 'absent'); END;"
    "CREATE TRIGGER count_queue_in AFTER INSERT ON enrichment_queue BEGIN"
    " UPDATE counts SET n = n + 1 WHERE key = 'asked ' || new.asked; END;"
    "CREATE TRIGGER count_queue_out AFTER DELETE ON enrichment_queue BEGIN"
    " UPDATE counts SET n = n - 1 WHERE key = 'asked ' || old.asked; END;"
    "CREATE TRIGGER count_queue_moves AFTER UPDATE OF asked ON enrichment_queue WHEN old.asked <> new.asked BEGIN"
    " UPDATE counts SET n = n - 1 WHERE key = 'asked ' || old.asked;"
    " UPDATE counts SET n = n + 1 WHERE key = 'asked ' || new.asked; END;";

/* Beside PiKaraoke: the row each song has there, and what of ours stands in it. A song keeps its row here when PiKaraoke drops
 * it (lost), so that values we wrote are known again when it returns. dirty: 1 to be published, 2 being published. */
static const char create_pikaraoke[] =
    "CREATE TABLE pikaraoke_rows ("
    " song_id INTEGER PRIMARY KEY REFERENCES songs(id) ON DELETE CASCADE,"
    " made TEXT,"                                     /* created_at of the row there */
    " lost INTEGER NOT NULL DEFAULT 0,"
    " dirty INTEGER NOT NULL DEFAULT 1,"
    " published TEXT, intended TEXT,"                 /* values, parted by U+001F; see pk_publish.h */
    " published_ms INTEGER,"
    " held TEXT);"                                    /* why it was not published */
    "CREATE INDEX pikaraoke_dirty ON pikaraoke_rows(song_id) WHERE dirty > 0;"
    "CREATE INDEX pikaraoke_lost ON pikaraoke_rows(song_id) WHERE lost = 1;"
    "CREATE INDEX pikaraoke_held ON pikaraoke_rows(held) WHERE held IS NOT NULL;"
    "CREATE INDEX pikaraoke_published ON pikaraoke_rows(published_ms) WHERE published_ms IS NOT NULL;"
    "CREATE TRIGGER pikaraoke_changes AFTER UPDATE OF artist, title, variant, year, genre, metadata_status ON songs"
    " WHEN new.pikaraoke_id IS NOT NULL BEGIN"
    " UPDATE pikaraoke_rows SET dirty = 1 WHERE song_id = new.id AND dirty <> 1; END;"
    "CREATE TABLE pikaraoke_state (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;";

static int create_all(struct db *db, struct err *e)
{
    const char *const parts[] = {create_songs, create_queue, create_evidence, create_state, create_counts};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(parts); i++)
        rc = db_exec(db, parts[i], e);
    return rc;
}

/* Rows whose names are settled and that wait only to be dated carry one bit more in their mask (QUEUE_SETTLED). */
static const char count_settled[] =
    "INSERT INTO counts(key) VALUES ('asked 8'), ('asked 9'), ('asked 10'), ('asked 11'), ('asked 12'), ('asked 13'),"
    " ('asked 14'), ('asked 15');";

const struct migration migrations[] = {
    {1, NULL, create_all},
    {2, count_settled, NULL},
    {3, NULL, migrate_lists},
    {4, create_pikaraoke, NULL},
};
const size_t migrations_count = ARRAY_LEN(migrations);

int64_t db_schema_version(void)
{
    return migrations[migrations_count - 1].version;
}

static int run_step(struct db *db, const struct migration *m, struct err *e)
{
    char *mark = mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", DB_APPLICATION_ID, m->version);
    int rc = db_exec(db, "BEGIN IMMEDIATE", e);

    if (rc == 0 && m->sql)
        rc = db_exec(db, m->sql, e);
    if (rc == 0 && m->then)
        rc = m->then(db, e);
    if (rc == 0)
        rc = db_exec(db, mark, e);
    if (rc == 0)
        rc = db_exec(db, "COMMIT", e);
    if (rc)
        db_rollback(db);
    free(mark);
    return rc;
}

int migrations_run(struct db *db, int64_t version, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < migrations_count; i++)
        if (migrations[i].version > version)
            rc = run_step(db, &migrations[i], e);
    return rc;
}
