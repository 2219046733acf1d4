/* Check, backup and restore of songbook.db; see backup.h. Blocks; never on the loop thread. */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/counts.h"
#include "store/stmt.h"

#define PROBLEMS_MAX 100

/* --- check ----------------------------------------------------------------------------- */

struct checker {
    struct db *db;
    struct err *e;
    void (*problem)(const char *line, void *arg);
    void *arg;
    int found;
};

__attribute__((format(printf, 2, 3))) static void found(struct checker *c, const char *fmt, ...)
{
    char line[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (c->found++ < PROBLEMS_MAX)
        c->problem(line, c->arg);
}

static int check_pages(struct checker *c)
{
    struct stmt s = stmt_of_text(c->db, "PRAGMA integrity_check(50)", c->e);

    while (stmt_row(&s)) {
        const char *line = col_text(&s, 0);
        if (line && strcmp(line, "ok") != 0)
            found(c, "damaged: %s", line);
    }
    return stmt_end(&s);
}

static int check_references(struct checker *c)
{
    struct stmt s = stmt_of_text(c->db, "PRAGMA foreign_key_check", c->e);

    while (stmt_row(&s))
        found(c, "row %lld of '%s' belongs to a row of '%s' that is not there", (long long)col_int(&s, 1),
              col_text(&s, 0) ? col_text(&s, 0) : "", col_text(&s, 2) ? col_text(&s, 2) : "");
    return stmt_end(&s);
}

/* Each counts the rows that break a promise. */
static const struct {
    const char *sql, *sentence;
} promises[] = {
    {"SELECT count(*) FROM enrichment_queue q JOIN songs s ON s.id = q.song_id WHERE s.present = 0",
     "absent songs stand in the queue"},
    {"SELECT count(*) FROM songs WHERE metadata_status = 'manual' AND confidence <> 1.0", "songs set by hand are not certain"},
    {"SELECT count(*) FROM songs WHERE confidence < 0 OR confidence > 1", "songs have a confidence outside 0 to 1"},
    {"SELECT count(*) FROM songs WHERE (present = 1) <> (missing_since IS NULL)", "songs are both present and missing"},
    {"SELECT count(*) FROM (SELECT song_id, field FROM evidence WHERE chosen GROUP BY song_id, field HAVING count(*) > 1)",
     "fields have more than one chosen source"},
};

static int check_promises(struct checker *c)
{
    int rc = 0;

    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(promises); i++) {
        struct stmt s = stmt_of_text(c->db, promises[i].sql, c->e);
        int64_t n = 0;
        rc = stmt_run_int(&s, &n);
        if (n)
            found(c, "%s (%lld)", promises[i].sentence, (long long)n);
    }
    return rc < 0 ? rc : 0;
}

static int check_counts(struct checker *c)
{
    struct counts kept, real;
    int rc = counts_read(c->db, &kept, c->e);

    if (rc == 0)
        rc = counts_recompute(c->db, &real, c->e);
    if (rc == 0 && memcmp(&kept, &real, sizeof kept) != 0)
        found(c, "the counts differ from what they count");
    return rc;
}

/* FTS5 compares its index with the songs; it is told so by what looks like a write, which needs the newest state of the database:
 * in the snapshot of the other checks SQLite refuses it once somebody has written since. A transaction of its own waits for its
 * turn. Where nothing can be written (a read-only medium) it is left out. */
static int check_index(struct checker *c)
{
    struct err e = {0};
    int rc = db_exec(c->db, "PRAGMA query_only = OFF; BEGIN IMMEDIATE", &e);

    if (rc == 0)
        rc = db_exec(c->db, "INSERT INTO songs_fts(songs_fts, rank) VALUES ('integrity-check', 1)", &e);
    db_rollback(c->db);
    if (rc == ERR_DATABASE)
        found(c, "the search index does not fit the songs");
    if (rc == ERR_BUSY)
        return err_set(c->e, rc, "the search index was not checked, because others were writing all the time; try again");
    return 0;
}

/* A file of an older version is checked as a file; our promises are those of the present schema. */
static int is_present_schema(struct checker *c, bool *yes)
{
    struct stmt s = stmt_of_text(c->db, "PRAGMA user_version", c->e);
    int64_t version = 0;
    int rc = stmt_run_int(&s, &version);

    *yes = version == db_schema_version();
    return rc < 0 ? rc : 0;
}

static int check_all(struct checker *c, int64_t *songs)
{
    struct stmt s;
    bool present = false;
    int rc = db_begin(c->db, false, c->e);

    if (rc == 0)
        rc = check_pages(c);
    if (rc == 0)
        rc = check_references(c);
    if (rc == 0)
        rc = is_present_schema(c, &present);
    if (rc == 0 && present)
        rc = check_promises(c);
    if (rc == 0 && present)
        rc = check_counts(c);
    if (rc == 0) {
        s = stmt_of_text(c->db, "SELECT count(*) FROM songs", c->e);
        rc = stmt_run_int(&s, songs) < 0 ? s.rc : 0;
    }
    db_rollback(c->db);
    return rc ? rc : check_index(c);
}

int database_check(const char *path, void (*problem)(const char *line, void *arg), void *arg, int64_t *songs, struct err *e)
{
    struct checker c = {.e = e, .problem = problem, .arg = arg};
    int rc = db_inspect(path, e);

    *songs = 0;
    if (rc == 0)
        rc = db_open_reader(path, &c.db, e);
    if (rc == 0)
        rc = check_all(&c, songs);
    db_close(c.db);
    return rc < 0 ? rc : c.found;
}

/* --- copying ---------------------------------------------------------------------------- */

static int file_error(struct err *e, const char *what, const char *path)
{
    int no = errno;

    return err_set(e, no == ENOSPC || no == EDQUOT ? ERR_FULL : ERR_IO, "%s '%s': %s", what, path, strerror(no));
}

/* One go, so that it is one snapshot: a writer beside it makes no difference. The copy is taken out of WAL mode: it needs no
 * other file, and may stand on a read-only medium. */
static int copy_pages(struct db *from, sqlite3 *to, const char *name, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from->h, "main");
    int rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);

    if (b)
        sqlite3_backup_finish(b);
    if (rc == SQLITE_DONE)
        rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    return err_set(e, (rc & 0xff) == SQLITE_FULL ? ERR_FULL : (rc & 0xff) == SQLITE_CORRUPT ? ERR_DATABASE : ERR_IO,
                   "the copy '%s' cannot be written: %s", name, sqlite3_errmsg(to));
}

static int sync_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CLOEXEC), rc = 0;

    if (fd < 0 || fsync(fd) != 0)
        rc = file_error(e, "cannot sync", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A synced copy under a name of its own beside `beside`. Returns new in *temp, also on failure (then the file is gone). */
static int copy_beside(struct db *from, const char *beside, char **temp, struct err *e)
{
    sqlite3 *to = NULL;
    int fd, rc;

    *temp = mem_printf("%s.XXXXXX", beside);
    fd = mkostemp(*temp, O_CLOEXEC);   /* mode 0600 */
    if (fd < 0)
        return file_error(e, "cannot create", *temp);
    close(fd);
    rc = sqlite3_open_v2(*temp, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = copy_pages(from, to, *temp, e);
    else
        rc = err_set(e, ERR_IO, "cannot open '%s': %s", *temp, sqlite3_errmsg(to));
    sqlite3_close(to);
    if (rc == 0)
        rc = sync_file(*temp, e);
    if (rc)
        unlink(*temp);
    return rc;
}

static int put_in_place(const char *temp, const char *path, struct err *e)
{
    if (rename(temp, path) != 0) {
        int rc = file_error(e, "cannot write", path);
        unlink(temp);
        return rc;
    }
    folder_sync(path);
    return 0;
}

int backup_of(struct db *db, const char *to, struct err *e)
{
    char *temp;
    int rc = copy_beside(db, to, &temp, e);

    if (rc == 0)
        rc = put_in_place(temp, to, e);
    free(temp);
    return rc;
}

static void ignore(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

static int must_be_whole(const char *path, const char *what_to_do, struct err *e)
{
    int64_t songs;
    int n = database_check(path, ignore, NULL, &songs, e);

    if (n <= 0)
        return n;
    return err_set(e, ERR_DATABASE, "'%s' has %d problems; %s", path, n, what_to_do);
}

int database_backup(const char *path, const char *to, struct err *e)
{
    struct db *db = NULL;
    struct stat st;
    int rc = db_inspect(path, e);

    if (rc == 0 && lstat(to, &st) == 0)
        rc = err_set(e, ERR_EXISTS, "'%s' is there already; name another file", to);
    if (rc == 0)
        rc = db_open_reader(path, &db, e);
    if (rc == 0)
        rc = backup_of(db, to, e);
    db_close(db);
    if (rc == 0)
        rc = must_be_whole(to, "the database itself is damaged: 'songbookctl check' tells more", e);
    return rc;
}

/* --- restore ---------------------------------------------------------------------------- */

/* The last changes of a database that still works come out of its WAL; beside a damaged one the WAL is kept, too. */
static void settle_wal(const char *path)
{
    sqlite3 *h = NULL;

    if (sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        sqlite3_wal_checkpoint_v2(h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(h);
}

static int move_suffix(const char *path, const char *aside, const char *suffix, struct err *e)
{
    char *from = mem_printf("%s%s", path, suffix), *to = mem_printf("%s%s", aside, suffix);
    int rc = rename(from, to) == 0 || errno == ENOENT ? 0 : file_error(e, "cannot move", from);

    free(from);
    free(to);
    return rc;
}

/* First a second name for what is there, then the new file over the first: at no moment is there no database. */
static int keep_aside(const char *path, char **aside, struct err *e)
{
    struct stat st;
    struct tm tm;
    time_t now = time(NULL);
    char stamp[32];
    int rc;

    *aside = NULL;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : file_error(e, "cannot look at", path);
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    *aside = mem_printf("%s.before-restore-%s-%d", path, stamp, (int)getpid());
    settle_wal(path);
    if (link(path, *aside) != 0 && rename(path, *aside) != 0)
        return file_error(e, "cannot keep", path);
    rc = move_suffix(path, *aside, "-wal", e);
    return rc ? rc : move_suffix(path, *aside, "-shm", e);
}

static int restore_locked(const char *from, const char *path, char **aside, struct err *e)
{
    struct db *source = NULL;
    char *temp = NULL;
    int rc = must_be_whole(from, "name another backup", e);

    if (rc == 0)
        rc = db_open_reader(from, &source, e);
    if (rc == 0)
        rc = copy_beside(source, path, &temp, e);
    db_close(source);
    if (rc == 0) {
        rc = keep_aside(path, aside, e);
        if (rc)
            unlink(temp);
        else
            rc = put_in_place(temp, path, e);
    }
    free(temp);
    return rc;
}

int database_restore(const char *from, const char *path, char **aside, struct err *e)
{
    int fd = -1, rc;

    *aside = NULL;
    rc = db_lock(path, &fd, e);
    if (rc == ERR_IN_USE)
        return err_set(e, rc, "'%s' is in use; stop songbookd first, then restore", path);
    if (rc == 0)
        rc = restore_locked(from, path, aside, e);
    if (fd >= 0)
        close(fd);
    return rc;
}
