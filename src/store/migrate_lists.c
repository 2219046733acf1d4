/* Step 3 of the schema: what the lists of the dashboard stand on; see migrations.h. Pool threads only.
 *
 * songs learns the language its name hints at, whether the order of artist and title is open, whether another song looks
 * like the same one, and who waits for it. The numbers of the worklist are counted by triggers in the transaction that
 * changes the rows, as the others are. Names of songs listed earlier are read once more for the new columns alone. */
#include "song/title.h"
#include "store/migrations.h"

static const char columns[] =
    "ALTER TABLE songs ADD COLUMN language TEXT;"
    "ALTER TABLE songs ADD COLUMN order_open INTEGER NOT NULL DEFAULT 0;"   /* the name leaves the order open */
    "ALTER TABLE songs ADD COLUMN doubled INTEGER NOT NULL DEFAULT 0;"      /* kept by triggers, for present songs */
    "ALTER TABLE songs ADD COLUMN wanted INTEGER NOT NULL DEFAULT 0;"       /* 1 new download, 2 asked for, 3 about to be sung */
    "ALTER TABLE songs ADD COLUMN sung INTEGER NOT NULL DEFAULT 0;"         /* how often, where PiKaraoke is followed */
    "ALTER TABLE changes ADD COLUMN undone_by INTEGER;"                     /* the batch that took this row back */
    "UPDATE changes SET undone_by = u.batch FROM (SELECT DISTINCT batch, undoes FROM changes WHERE undoes IS NOT NULL) u"
    " WHERE changes.batch = u.undoes;"
    "CREATE INDEX changes_undone_by ON changes(undone_by, song_id) WHERE undone_by IS NOT NULL;"
    "DROP INDEX changes_batch;"
    "CREATE INDEX changes_batch ON changes(batch, song_id);"
    "CREATE INDEX changes_when ON changes(at_ms);";

static const char paired_devices[] =
    "CREATE TABLE devices (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, agent TEXT,"
    " secret_hash TEXT NOT NULL UNIQUE,"             /* SHA-256 of what the cookie carries */
    " paired_at_ms INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL);";

/* A list is walked by an index of its sort or fetched by one of its conditions; see songs_page.c. The two old ones held no
 * songs without a year or genre. */
static const char indexes[] =
    "DROP INDEX songs_year;"
    "DROP INDEX songs_genre;"
    "CREATE INDEX songs_by_year ON songs(coalesce(year, 0));"
    "CREATE INDEX songs_by_genre ON songs(genre COLLATE NOCASE);"
    "CREATE INDEX songs_vendor ON songs(vendor COLLATE NOCASE) WHERE vendor IS NOT NULL;"
    "CREATE INDEX songs_language ON songs(language) WHERE language IS NOT NULL;"
    "CREATE INDEX songs_source ON songs(source);"
    "CREATE INDEX songs_added ON songs(created_at);"
    "CREATE INDEX songs_order_open ON songs(id) WHERE order_open = 1;"
    "CREATE INDEX songs_doubled ON songs(artist_key, title_key) WHERE doubled = 1;"
    "CREATE INDEX songs_review ON songs(" SONG_REVIEW_RANK("") ", confidence)"
    " WHERE present = 1 AND metadata_status <> 'manual';";

/* The index of words once more, with short prefixes: while somebody types, "b" or "tune" would else gather the places of every
 * word that begins so. Costs 50 bytes a song. */
static const char search[] =
    "DROP TABLE songs_fts;"
    "CREATE VIRTUAL TABLE songs_fts USING fts5(words, content='songs', content_rowid='id',"
    " tokenize=\"ascii\", detail=none, columnsize=0, prefix='1 2 3 4 5 6 7');"
    "INSERT INTO songs_fts(songs_fts) VALUES ('rebuild');";

/* Songs of the same names and variant: all of a group of two or more are marked. Only one of a group can be unmarked when
 * another joins it, and only one can remain when one leaves, so no trigger walks a large group. */
#define SAME_AS(row, v) \
    row ".artist_key = " v ".artist_key AND " row ".title_key = " v ".title_key AND " row ".variant IS " v ".variant"
#define MARKED_LIKE(v) "songs d INDEXED BY songs_doubled WHERE d.doubled = 1 AND " SAME_AS("d", v)
#define LEAVE_GROUP \
    "UPDATE songs SET doubled = 0 WHERE old.doubled = 1" \
    " AND id = (SELECT id FROM " MARKED_LIKE("old") " AND d.id <> old.id LIMIT 1)" \
    " AND (SELECT count(*) FROM (SELECT 1 FROM " MARKED_LIKE("old") " AND d.id <> old.id LIMIT 2)) = 1;"
#define MAY_JOIN "new.present = 1 AND new.title_key <> '' AND "
#define JOIN_GROUP \
    "UPDATE songs SET doubled = 1 WHERE " MAY_JOIN "NOT EXISTS (SELECT 1 FROM " MARKED_LIKE("new") ") AND id =" \
    " (SELECT id FROM songs d INDEXED BY songs_artist WHERE " SAME_AS("d", "new") \
    " AND d.present = 1 AND d.id <> new.id LIMIT 1);" \
    "UPDATE songs SET doubled = 1 WHERE " MAY_JOIN "id = new.id AND EXISTS (SELECT 1 FROM " MARKED_LIKE("new") ");"

static const char doubles[] =
    "UPDATE songs SET doubled = 1 WHERE present = 1 AND title_key <> '' AND EXISTS (SELECT 1 FROM songs d"
    " WHERE " SAME_AS("d", "songs") " AND d.present = 1 AND d.id <> songs.id);"
    "CREATE TRIGGER double_in AFTER INSERT ON songs BEGIN " JOIN_GROUP " END;"
    "CREATE TRIGGER double_out AFTER DELETE ON songs BEGIN " LEAVE_GROUP " END;"
    "CREATE TRIGGER double_moves AFTER UPDATE OF artist_key, title_key, variant, present ON songs"
    " WHEN old.present <> new.present OR NOT (" SAME_AS("new", "old") ") BEGIN"
    " UPDATE songs SET doubled = 0 WHERE id = new.id AND doubled = 1;" LEAVE_GROUP JOIN_GROUP " END;";

/* Conditions of the worklist as 0 or 1; `v` names the row. */
#define NO_YEAR(v) "(" v ".present = 1 AND " v ".year IS NULL)"
#define NO_GENRE(v) "(" v ".present = 1 AND " v ".genre IS NULL)"
#define UNSURE(v) \
    "(" v ".present = 1 AND " v ".order_open = 1 AND " v ".metadata_status IN ('pending', 'parsed', 'enrichment_failed'))"
#define DOUBLED(v) "(" v ".present = 1 AND " v ".doubled = 1)"
#define NOT_FOUND(v) "(" v ".present = 1 AND " v ".metadata_status = 'enrichment_failed' AND " v ".reason IS 'not_found')"
#define GAVE_UP(v) "(" v ".present = 1 AND " v ".metadata_status = 'enrichment_failed' AND " v ".reason IS NOT 'not_found')"
#define OPEN(v) "(" v ".present = 1 AND " v ".metadata_status <> 'manual')"
/* Shown with two digits, and counted by them. */
#define PERCENT(v) "CAST((" v ".confidence + 0.005) * 100 AS INTEGER)"

/* One statement for all of them: a first scan runs it for every song. */
#define KEY_IN(key, is) "iif(" is("new") ", '" key "', NULL), "
#define KEY_OUT(key, is) "iif(" is("old") ", '" key "', NULL), "
#define COUNT_MOVE(key, is) \
    "UPDATE counts SET n = n + " is("new") " - " is("old") " WHERE key = '" key "' AND " is("new") " <> " is("old") ";"
#define EVERY(COUNT) \
    COUNT("no_year", NO_YEAR) COUNT("no_genre", NO_GENRE) COUNT("order_unsure", UNSURE) COUNT("duplicate", DOUBLED) \
    COUNT("failed_not_found", NOT_FOUND) COUNT("failed_gave_up", GAVE_UP)
#define COUNT_NOW(key, is) "UPDATE counts SET n = (SELECT count(*) FROM songs WHERE " is("songs") ") WHERE key = '" key "';"

static const char numbers[] =
    "INSERT INTO counts(key) VALUES ('no_year'), ('no_genre'), ('order_unsure'), ('duplicate'), ('failed_not_found'),"
    " ('failed_gave_up');"
    "INSERT INTO counts(key) WITH RECURSIVE p(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM p WHERE n < 100)"
    " SELECT 'open ' || n FROM p;"
    EVERY(COUNT_NOW)
    "UPDATE counts SET n = o.n FROM (SELECT 'open ' || " PERCENT("songs") " AS k, count(*) AS n FROM songs WHERE " OPEN("songs")
    "  GROUP BY 1) o WHERE key = o.k;";

static const char count_in[] =
    "CREATE TRIGGER list_song_in AFTER INSERT ON songs WHEN new.present = 1 BEGIN"
    " UPDATE counts SET n = n + 1 WHERE key IN (" EVERY(KEY_IN)
    "iif(" OPEN("new") ", 'open ' || " PERCENT("new") ", NULL)); END;";

static const char count_out[] =
    "CREATE TRIGGER list_song_out AFTER DELETE ON songs WHEN old.present = 1 BEGIN"
    " UPDATE counts SET n = n - 1 WHERE key IN (" EVERY(KEY_OUT)
    "iif(" OPEN("old") ", 'open ' || " PERCENT("old") ", NULL)); END;";

static const char count_moves[] =
    "CREATE TRIGGER list_song_moves AFTER UPDATE OF present, year, genre, order_open, doubled, metadata_status, reason ON songs"
    " WHEN old.present <> new.present OR old.year IS NOT new.year OR old.genre IS NOT new.genre"
    " OR old.order_open <> new.order_open OR old.doubled <> new.doubled OR old.metadata_status <> new.metadata_status"
    " OR old.reason IS NOT new.reason BEGIN " EVERY(COUNT_MOVE) " END;";

static const char confidence_moves[] =
    "CREATE TRIGGER list_confidence_moves AFTER UPDATE OF present, confidence, metadata_status ON songs"
    " WHEN old.present <> new.present OR old.confidence <> new.confidence OR old.metadata_status <> new.metadata_status BEGIN"
    " UPDATE counts SET n = n - 1 WHERE key = 'open ' || " PERCENT("old") " AND " OPEN("old") ";"
    " UPDATE counts SET n = n + 1 WHERE key = 'open ' || " PERCENT("new") " AND " OPEN("new") "; END;";

/* --- names that were read before ---------------------------------------------------------- */

static int keep_hints(struct db *db, int64_t id, const struct guess *g, struct err *e)
{
    struct stmt s;

    if (!g->language[0] && !g->is_ambiguous)
        return 0;
    s = stmt_of(db, "UPDATE songs SET language = ?, order_open = ? WHERE id = ?", e);
    stmt_text_or_null(&s, g->language);
    stmt_int(&s, g->is_ambiguous);
    stmt_int(&s, id);
    return stmt_run(&s);
}

/* One name after `after`; 1 with *after moved, 0 at the end, or ERR_. */
static int read_next(struct db *db, int64_t *after, struct guess *g, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id, file_path FROM songs WHERE id > ? ORDER BY id LIMIT 1", e);
    bool found;
    int rc;

    stmt_int(&s, *after);
    found = stmt_row(&s);
    if (found) {
        *after = col_int(&s, 0);
        title_parse(col_slice(&s, 1), g);
    }
    rc = stmt_end(&s);
    if (rc && found)
        guess_deinit(g);
    return rc ? rc : found;
}

static int read_names(struct db *db, struct err *e)
{
    int64_t id = 0;
    struct guess g;
    int rc;

    while ((rc = read_next(db, &id, &g, e)) == 1) {
        rc = keep_hints(db, id, &g, e);
        guess_deinit(&g);
        if (rc)
            return rc;
    }
    return rc;
}

int migrate_lists(struct db *db, struct err *e)
{
    const char *const parts[] = {paired_devices, search, indexes, doubles, numbers, count_in, count_out, count_moves,
                                 confidence_moves};
    int rc = db_exec(db, columns, e);

    if (rc == 0)
        rc = read_names(db, e);
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++)
        rc = db_exec(db, parts[i], e);
    return rc;
}
