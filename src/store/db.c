/* Opening, checking and closing songbook.db, and its transactions; see db.h. Pool threads only.
 *
 * A file that is not ours is refused before SQLite opens it for writing: first by its header, then through a
 * connection that treats it as immutable, so that neither it nor a -wal or -shm beside it is touched.
 */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "store/backup.h"
#include "store/migrations.h"
#include "store/song_row.h"
#include "store/stmt.h"

#define HEADER_BYTES 100
#define QUICK_CHECK_BYTES (8 << 20)   /* a file up to this size is checked whole at each start */

/* --- the file before SQLite sees it --------------------------------------------------- */

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool has_content(const char *path, const char *suffix)
{
    char *name = mem_printf("%s%s", path, suffix);
    struct stat st;
    bool yes = stat(name, &st) == 0 && st.st_size > 0;

    free(name);
    return yes;
}

static int refuse_newer(const char *path, int64_t version, struct err *e)
{
    return err_set(e, ERR_DATABASE,
                   "'%s' was written by a newer songbookd (version %lld, this program knows %lld); update it or use another file",
                   path, (long long)version, (long long)db_schema_version());
}

static int refuse_foreign(const char *path, struct err *e)
{
    return err_set(e, ERR_DATABASE, "'%s' is not a songbook database; name another file", path);
}

/* Our application_id is in the file before any WAL exists, so the header alone tells. `n` bytes were read. */
static int check_header(const char *path, const unsigned char *h, ssize_t n, off_t size, struct err *e)
{
    uint32_t page;

    if (n < HEADER_BYTES || memcmp(h, "SQLite format 3", 16) != 0 || be32(h + 68) != DB_APPLICATION_ID)
        return refuse_foreign(path, e);
    if (be32(h + 60) > (uint32_t)db_schema_version())
        return refuse_newer(path, be32(h + 60), e);
    page = (uint32_t)h[16] << 8 | h[17];
    page = page == 1 ? 65536 : page;
    /* The page count holds when it was written with the change counter. */
    if (be32(h + 24) == be32(h + 92) && !has_content(path, "-wal") && (off_t)page * be32(h + 28) > size)
        return err_set(e, ERR_DATABASE, "'%s' is cut short, restore a backup", path);
    return 0;
}

/* *fresh: there is no file, or an empty one. */
static int inspect_file(const char *path, bool *fresh, struct err *e)
{
    unsigned char head[HEADER_BYTES];
    struct stat st;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *fresh = fd < 0 && errno == ENOENT;
    if (*fresh)
        return 0;
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_DATABASE, "'%s' is not a file; name another", path);
    }
    n = pread(fd, head, sizeof head, 0);
    close(fd);
    *fresh = st.st_size == 0;
    if (*fresh || has_content(path, "-journal"))   /* SQLite must roll back first; it was ours or empty */
        return 0;
    return check_header(path, head, n, st.st_size, e);
}

int db_inspect(const char *path, struct err *e)
{
    bool fresh;
    int rc = inspect_file(path, &fresh, e);

    return rc == 0 && fresh ? err_set(e, ERR_NOT_FOUND, "there is no database '%s'", path) : rc;
}

static int query_text(sqlite3 *h, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(h, sql, -1, &st, NULL);

    out[0] = '\0';
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW) {
            const char *p = (const char *)sqlite3_column_text(st, 0);
            strncat(out, p ? p : "", size - 1);
            rc = SQLITE_OK;
        }
    }
    sqlite3_finalize(st);
    return rc;
}

/* Reads schema and, where that is quick, every page, without touching anything. Only where no WAL waits to be replayed. */
static int check_pages(const char *path, struct err *e)
{
    char *escaped, *uri, text[120];
    struct buf enc;
    struct stat st = {0};
    sqlite3 *h = NULL;
    int rc;

    buf_init(&enc, 0);
    percent_encode(&enc, slice_of(path), "/");
    escaped = buf_detach(&enc);
    uri = mem_printf("file:%s?immutable=1", escaped);
    rc = sqlite3_open_v2(uri, &h, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = query_text(h, "SELECT value FROM enrichment_state", text, sizeof text);
    if (rc == SQLITE_OK && stat(path, &st) == 0 && st.st_size <= QUICK_CHECK_BYTES) {
        rc = query_text(h, "PRAGMA quick_check(1)", text, sizeof text);
        if (rc == SQLITE_OK && strcmp(text, "ok") != 0)
            rc = SQLITE_CORRUPT;
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        rc = err_set(e, ERR_DATABASE, "'%s' is damaged, restore a backup (%s)", path, h ? sqlite3_errmsg(h) : "");
    else
        rc = 0;
    sqlite3_close(h);
    free(uri);
    free(escaped);
    return rc;
}

/* --- lock, file ----------------------------------------------------------------------- */

int db_lock(const char *path, int *fd, struct err *e)
{
    char *name = mem_printf("%s.lock", path);
    int rc = 0;

    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        rc = err_set(e, ERR_IO, "cannot open the lock file '%s': %s", name, strerror(errno));
    } else if (flock(*fd, LOCK_EX | LOCK_NB)) {
        rc = errno == EWOULDBLOCK ? err_set(e, ERR_IN_USE, "the database '%s' is in use by another songbookd", path)
                                  : err_set(e, ERR_IO, "cannot lock '%s': %s", name, strerror(errno));
        close(*fd);
        *fd = -1;
    }
    free(name);
    return rc;
}

/* SQLite would create it with the umask's mode: made here so that nobody else reads it. */
static int create_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(e, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot create '%s': %s", path, strerror(errno));
    close(fd);
    return 0;
}

/* --- connections ---------------------------------------------------------------------- */

static const char common_pragmas[] =
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA mmap_size = 0;"           /* a mapped file that loses its medium kills the process */
    "PRAGMA cache_size = -2000;"
    "PRAGMA secure_delete = OFF;"     /* Debian's default is on: it doubles writes, and titles are no secrets */
    "PRAGMA temp_store = MEMORY;";

static struct db *db_new(bool reader)
{
    struct db *db = mem_zalloc(sizeof *db);

    db->lock_fd = -1;
    db->reader = reader;
    return db;
}

/* SQLite opens its files as it is told here, so that reading them writes nothing either. Once for the whole process. */
static void read_unseen(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    if (vfs && vfs->iVersion >= 3 && vfs->xSetSystemCall)
        vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)file_open_unseen);
}

/* One thread at a time uses a connection, handed over by the pool: SQLite's own mutexes are not needed. */
static int connect_file(struct db *db, const char *path, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int rc;

    pthread_once(&once, read_unseen);
    rc = sqlite3_open_v2(path, &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc != SQLITE_OK)
        return db_fail(db, rc, e);
    sqlite3_busy_timeout(db->h, 5000);
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    rc = db_exec(db, common_pragmas, e);
    return rc ? rc : song_row_functions(db, e);
}

static int pragma_int(struct db *db, const char *sql, int64_t *out, struct err *e)
{
    struct stmt s = stmt_of_text(db, sql, e);
    int rc = stmt_run_int(&s, out);

    return rc < 0 ? rc : 0;
}

/* The same questions as check_header's, now through WAL and journal. */
static int check_identity(struct db *db, const char *path, int64_t *version, struct err *e)
{
    int64_t id = 0, tables = 0;
    int rc = pragma_int(db, "PRAGMA application_id", &id, e);

    if (rc == 0)
        rc = pragma_int(db, "PRAGMA user_version", version, e);
    if (rc == 0)
        rc = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (rc)
        return rc;
    if (id != DB_APPLICATION_ID && (id != 0 || tables != 0 || *version != 0))
        return refuse_foreign(path, e);
    if (*version > db_schema_version())
        return refuse_newer(path, *version, e);
    return 0;
}

/* What a step does to the schema cannot be taken back by an older program: it finds its own file here. */
static int backup_before_migration(struct db *db, const char *path, int64_t version, struct err *e)
{
    char *to;
    int rc;

    if (version == 0 || version == db_schema_version())
        return 0;
    to = mem_printf("%s.v%lld.backup", path, (long long)version);
    rc = backup_of(db, to, e);
    if (rc)
        err_wrap(e, "the database must be backed up before its schema changes, which fails");
    else
        log_info("store", "schema %lld becomes %lld; the database as it was is kept in '%s'", (long long)version,
                 (long long)db_schema_version(), to);
    free(to);
    return rc;
}

static int prepare_writer(struct db *db, const char *path, struct err *e)
{
    int64_t version = 0;
    int rc;

    /* Until the file is known to be ours, closing must not write to it either. */
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    rc = check_identity(db, path, &version, e);
    if (rc)
        return rc;
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    rc = backup_before_migration(db, path, version, e);
    if (rc == 0)
        rc = migrations_run(db, version, e);
    if (rc == 0)
        rc = db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 2000;"
                         "PRAGMA journal_size_limit = 8388608;", e);
    return rc;
}

int db_open(const char *path, struct db **out, struct err *e)
{
    struct db *db = db_new(false);
    bool fresh = false;
    int rc;

    *out = NULL;
    rc = folders_make(path, e);
    if (rc == 0)
        rc = db_lock(path, &db->lock_fd, e);
    if (rc == 0)
        rc = inspect_file(path, &fresh, e);
    if (rc == 0 && fresh)
        rc = create_file(path, e);
    else if (rc == 0 && !has_content(path, "-wal") && !has_content(path, "-journal"))
        rc = check_pages(path, e);
    if (rc == 0)
        rc = connect_file(db, path, e);
    if (rc == 0)
        rc = prepare_writer(db, path, e);
    if (rc) {
        db_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

int db_open_reader(const char *path, struct db **out, struct err *e)
{
    struct db *db = db_new(true);
    int rc = connect_file(db, path, e);

    *out = NULL;
    if (rc == 0)
        rc = db_exec(db, "PRAGMA query_only = ON; PRAGMA cache_size = -1000", e);   /* the system caches the file, too */
    if (rc) {
        db_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db_finalize_all(db);
    if (db->h && sqlite3_close(db->h) != SQLITE_OK)
        bug("store: database closed with a statement in use");
    if (db->lock_fd >= 0)
        close(db->lock_fd);   /* the lock file stays: removing it would race with the next opener */
    free(db);
}

/* --- transactions --------------------------------------------------------------------- */

static int run(struct db *db, const char *sql, struct err *e)
{
    struct stmt s = stmt_of(db, sql, e);

    return stmt_run(&s);
}

int db_begin(struct db *db, bool durable, struct err *e)
{
    int rc = 0;

    if (db->reader)
        return run(db, "BEGIN", e);
    /* The level cannot change inside a transaction. */
    if (durable != db->full_sync)
        rc = db_exec(db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", e);
    if (rc == 0) {
        db->full_sync = durable;
        rc = run(db, "BEGIN IMMEDIATE", e);
    }
    return rc;
}

int db_commit(struct db *db, struct err *e)
{
    return run(db, "COMMIT", e);
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db))
        run(db, "ROLLBACK", NULL);
}

bool db_in_transaction(const struct db *db)
{
    return !sqlite3_get_autocommit(db->h);
}

int db_savepoint(struct db *db, struct err *e)
{
    return run(db, "SAVEPOINT op", e);
}

int db_release(struct db *db, struct err *e)
{
    return run(db, "RELEASE op", e);
}

void db_rollback_to(struct db *db)
{
    if (!db_in_transaction(db))
        return;
    run(db, "ROLLBACK TO op", NULL);
    run(db, "RELEASE op", NULL);
}

void db_tidy(struct db *db)
{
    if (!db->reader)
        sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_db_release_memory(db->h);
}
