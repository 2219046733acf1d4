/* PiKaraoke's database: opening, profile, changes, rows; see pk.h. Pool threads only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "store/pk_internal.h"

#define HEADER_BYTES 100
#define COLUMNS_MAX 128
#define PLAY_MAX_MS (30LL * 60 * 1000)   /* an open play older than this was left over by a crash */

const char *pk_profile_name(enum pk_profile p)
{
    static const char *const names[] = {"none", "v1", "v2", "fork", "unknown"};

    return names[p];
}

/* --- the profile --------------------------------------------------------------------------- */

static bool has_column(const char *const *columns, const char *name)
{
    for (; *columns; columns++)
        if (strcmp(*columns, name) == 0)
            return true;
    return false;
}

static const char *const needed_to_read[] = {"id", "file_path", "format", "created_at", NULL};
static const char *const needed_to_publish[] = {"artist", "title", "variant", "year", "genre", "metadata_status",
                                                "enrichment_attempts", "last_enrichment_attempt", "updated_at", NULL};

static bool has_all(const char *const *columns, const char *const *names)
{
    for (; *names; names++)
        if (!has_column(columns, *names))
            return false;
    return true;
}

enum pk_profile pk_profile_of(int64_t user_version, const char *const *columns)
{
    if (!has_all(columns, needed_to_read) || !has_all(columns, needed_to_publish) || user_version < 1)
        return PK_PROFILE_UNKNOWN;
    if (has_column(columns, "metadata_sources") || has_column(columns, "audio_sha256"))
        return user_version <= 9 ? PK_PROFILE_FORK : PK_PROFILE_UNKNOWN;
    if (user_version <= 2 && (user_version == 2 || has_column(columns, "suggested_score")))
        return PK_PROFILE_V2;
    return user_version == 1 ? PK_PROFILE_V1 : PK_PROFILE_UNKNOWN;
}

static bool is_column_missing(char **columns, const char *const *names)
{
    return !has_all((const char *const *)columns, names);
}

static void free_columns(char **columns)
{
    for (; *columns; columns++)
        free(*columns);
}

/* Returns how many, or ERR_; names get new memory (free_columns), none on failure. */
static int read_columns(struct pk *pk, char *columns[COLUMNS_MAX + 1], struct err *e)
{
    struct stmt s = stmt_of(&pk->db, "SELECT name FROM pragma_table_info('songs')", e);
    int n = 0, rc;

    while (stmt_row(&s) && n < COLUMNS_MAX)
        columns[n++] = mem_strdup(col_text(&s, 0));
    columns[n] = NULL;
    rc = stmt_end(&s);
    if (rc)
        free_columns(columns);
    return rc ? rc : n;
}

/* --- what it may be opened on ------------------------------------------------------------------ */

bool pk_is_network(long f_type)
{
    static const unsigned long types[] = {
        0x6969,      /* NFS */
        0xff534d42,  /* CIFS */
        0xfe534d42,  /* SMB2 */
        0x517b,      /* SMB */
        0x01021997,  /* 9p */
        0x65735546,  /* FUSE: sshfs, drives shared by Docker Desktop */
        0x00c36400,  /* Ceph */
        0x5346414f,  /* AFS */
        0x73757245,  /* Coda */
        0x564c,      /* NCP */
        0x0bd00bd0,  /* Lustre */
        0x786f4256,  /* shared folders of VirtualBox */
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if ((uint32_t)f_type == (uint32_t)types[i])
            return true;
    return false;
}

__attribute__((format(printf, 3, 4))) static enum pk_state say(struct pk_look *out, enum pk_state state, const char *fmt, ...)
{
    struct err e = {0};
    struct buf b;
    va_list ap;

    buf_init(&b, 0);
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    err_set(&e, ERR_IO, "%s", buf_cstr(&b));   /* cuts at the border of a character */
    memcpy(out->why, e.text, sizeof out->why);
    buf_deinit(&b);
    out->state = state;
    return state;
}
_Static_assert(sizeof ((struct pk_look *)NULL)->why == sizeof ((struct err *)NULL)->text, "room for the text of an error");

static bool exists(const char *path, const char *end)
{
    char *name = mem_printf("%s%s", path, end);
    struct stat st;
    bool yes = lstat(name, &st) == 0;

    free(name);
    return yes;
}

/* Only while the file is not open: closing any descriptor of it would drop SQLite's locks in this process. */
static int read_header(const char *path, unsigned char header[HEADER_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = pread(fd, header, HEADER_BYTES, 0);
    close(fd);
    return n < 0 ? -1 : n == HEADER_BYTES;
}

/* PK_READABLE when it may be opened. */
static enum pk_state inspect(const struct pk *pk, struct pk_look *out)
{
    unsigned char header[HEADER_BYTES];
    struct statfs fs;
    int rc;

    if (statfs(pk->path, &fs) == 0 && pk_is_network((long)fs.f_type))
        return say(out, PK_REFUSED, "'%s' lies on a network drive, where two programs cannot share it", pk->path);
    rc = read_header(pk->path, header);
    if (rc < 0)
        return say(out, PK_REFUSED, "'%s' cannot be read: %s", pk->path, strerror(errno));
    if (rc == 0)
        return say(out, PK_UNREADY, "'%s' is not set up yet; start PiKaraoke once", pk->path);
    if (memcmp(header, "SQLite format 3", 16) != 0)
        return say(out, PK_REFUSED, "'%s' is no SQLite database", pk->path);
    if (header[18] != 2 || header[19] != 2)
        return say(out, PK_REFUSED,
                   "'%s' has no write-ahead log, so reading it could stop PiKaraoke; is it of version 1.20 or later?", pk->path);
    return PK_READABLE;
}

/* --- opening ------------------------------------------------------------------------------------ */

static void close_file(struct pk *pk)
{
    if (!pk->db.h)
        return;
    db_finalize_all(&pk->db);
    sqlite3_close(pk->db.h);
    pk->db.h = NULL;
}

static const char read_pragmas[] = "PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -1000;"
                                   " PRAGMA trusted_schema = OFF;";
/* Checkpoints are ours to time, so that no commit, ours or PiKaraoke's, has to do one. */
static const char write_pragmas[] = "PRAGMA mmap_size = 0; PRAGMA cache_size = -1000; PRAGMA trusted_schema = OFF;"
                                    " PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;";

static int open_file(struct pk *pk, bool writable, struct err *e)
{
    struct buf enc;
    char *uri;
    int rc;

    buf_init(&enc, 0);
    percent_encode(&enc, slice_of(pk->path), "/");
    pk->at_rest = !writable && !exists(pk->path, "-wal");
    uri = mem_printf("file:%s?mode=%s%s", buf_cstr(&enc), writable ? "rw" : "ro", pk->at_rest ? "&immutable=1" : "");
    buf_deinit(&enc);
    pk->db = (struct db){.lock_fd = -1, .reader = !writable};
    rc = sqlite3_open_v2(uri, &pk->db.h,
                         (writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                             SQLITE_OPEN_EXRESCODE, NULL);
    free(uri);
    if (rc != SQLITE_OK) {
        rc = db_fail(&pk->db, rc, e);
        close_file(pk);
        return rc;
    }
    sqlite3_busy_timeout(pk->db.h, 0);
    sqlite3_db_config(pk->db.h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (!writable)   /* closing must not write either */
        sqlite3_db_config(pk->db.h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    rc = db_exec(&pk->db, writable ? write_pragmas : read_pragmas, e);
    if (rc)
        close_file(pk);
    pk->writable = writable;
    pk->data_version = -1;
    pk->log_pages = 0;
    return rc;
}

bool pk_is_same_file(const struct pk *pk)
{
    struct stat st;

    if (stat(pk->path, &st) || st.st_ino != pk->st.st_ino || st.st_dev != pk->st.st_dev)
        return false;
    if (!pk->at_rest)
        return true;
    return st.st_size == pk->st.st_size && st.st_mtim.tv_sec == pk->st.st_mtim.tv_sec &&
           st.st_mtim.tv_nsec == pk->st.st_mtim.tv_nsec && !exists(pk->path, "-wal");
}

/* --- reading what it is --------------------------------------------------------------------------- */

static int read_int(struct pk *pk, const char *sql, int64_t *out, struct err *e)
{
    struct stmt s = stmt_of(&pk->db, sql, e);
    int rc = stmt_run_int(&s, out);

    return rc < 0 ? rc : 0;
}

static int read_folder(struct pk *pk, struct err *e)
{
    struct stmt s = stmt_of(&pk->db, "SELECT value FROM metadata WHERE key = 'last_scan_directory'", e);
    const char *v;

    free(pk->folder);
    pk->folder = NULL;
    if (stmt_row(&s) && (v = col_text(&s, 0)) && v[0] == '/')
        pk->folder = mem_strdup(v);
    return stmt_end(&s);
}

int pk_has_table(struct pk *pk, const char *name, bool *yes, struct err *e)
{
    struct stmt s = stmt_of(&pk->db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", e);
    int64_t one;
    int rc;

    stmt_text(&s, name);
    rc = stmt_run_int(&s, &one);
    *yes = rc == 1;
    return rc < 0 ? rc : 0;
}

static int read_playing(struct pk *pk, int64_t now_ms, struct err *e)
{
    struct stmt s;
    bool plays;
    int64_t began;
    int rc = pk_has_table(pk, "plays", &plays, e);

    pk->playing = false;
    if (rc || !plays)
        return rc;
    s = stmt_of(&pk->db, "SELECT played_at FROM plays WHERE id = (SELECT max(id) FROM plays) AND ended_at IS NULL", e);
    if (stmt_row(&s)) {
        began = col_time(&s, 0);
        pk->playing = began > now_ms - PLAY_MAX_MS && began < now_ms + PLAY_MAX_MS;
    }
    return stmt_end(&s);
}

/* The kinds of trouble, as a state. */
static enum pk_state fail(struct pk *pk, int rc, const struct err *e, struct pk_look *out)
{
    close_file(pk);
    if (rc == ERR_BUSY)
        return say(out, PK_UNREADY, "PiKaraoke is setting '%s' up", pk->path);
    if (rc == ERR_DATABASE)
        return say(out, PK_REFUSED, "'%s' is damaged; PiKaraoke's own backup or a new start of PiKaraoke helps", pk->path);
    return say(out, PK_REFUSED, "'%s' cannot be read (%s)", pk->path, err_text(e));
}

static enum pk_state read_schema(struct pk *pk, struct pk_look *out)
{
    char *columns[COLUMNS_MAX + 1];
    struct err e = {0};
    bool metadata = false, songs = false, readable;
    int rc = read_int(pk, "PRAGMA user_version", &pk->user_version, &e), n;

    n = rc ? rc : read_columns(pk, columns, &e);
    if (n < 0)
        return fail(pk, n, &e, out);
    readable = !is_column_missing(columns, needed_to_read);
    pk->profile = pk_profile_of(pk->user_version, (const char *const *)columns);
    free_columns(columns);
    if (pk->user_version < 1 || n == 0) {
        close_file(pk);
        return say(out, PK_UNREADY, "'%s' is not set up yet (user_version %lld); start PiKaraoke once", pk->path,
                   (long long)pk->user_version);
    }
    rc = pk_has_table(pk, "metadata", &metadata, &e);
    if (rc == 0)
        rc = pk_has_table(pk, "songs", &songs, &e);   /* a view could be of rows without end */
    if (rc)
        return fail(pk, rc, &e, out);
    if (!readable || !metadata || !songs) {
        close_file(pk);
        return say(out, PK_REFUSED, "'%s' holds no song list that this version of songbookd can read", pk->path);
    }
    return PK_READABLE;
}

static enum pk_state read_all(struct pk *pk, int64_t now_ms, struct pk_look *out)
{
    struct err e = {0};
    int rc;

    if (read_schema(pk, out) != PK_READABLE)
        return out->state;
    rc = read_folder(pk, &e);
    if (rc == 0)
        rc = read_playing(pk, now_ms, &e);
    if (rc == 0)
        rc = read_int(pk, "SELECT count(*) FROM songs", &out->rows, &e);
    return rc ? fail(pk, rc, &e, out) : PK_READABLE;
}

/* --- may it be published to ----------------------------------------------------------------------- */

static void judge_publishing(const struct pk *pk, struct pk_look *out)
{
    char *text = out->unpublishable;
    size_t n = sizeof out->unpublishable;
    struct statvfs fs;
    struct stat st;

    text[0] = '\0';
    if (pk->profile == PK_PROFILE_FORK)
        snprintf(text, n, "this PiKaraoke fills its song list by itself; nothing is written to it");
    else if (pk->profile == PK_PROFILE_UNKNOWN)
        snprintf(text, n, "this version of PiKaraoke's database (user_version %lld) is not known; it is only read",
                 (long long)pk->user_version);
    else if (geteuid() != 0 && geteuid() != pk->st.st_uid)
        snprintf(text, n, "the database belongs to another user; run songbookd as PiKaraoke's user to publish");
    else if (statvfs(pk->path, &fs) == 0 && fs.f_flag & ST_RDONLY)
        snprintf(text, n, "the database lies on a disk that is mounted read-only");
    else if (stat(pk->path, &st) || !(st.st_mode & 0222) || access(pk->path, W_OK))
        snprintf(text, n, "the database is write-protected; PiKaraoke cannot write to it either");
}

/* --- the look ------------------------------------------------------------------------------------- */

static enum pk_state open_now(struct pk *pk, bool writable, struct pk_look *out)
{
    struct err e = {0};
    int rc;

    if (inspect(pk, out) != PK_READABLE)
        return out->state;
    if (stat(pk->path, &pk->st))
        return say(out, PK_ABSENT, "there is no '%s' yet", pk->path);
    rc = open_file(pk, writable, &e);
    return rc ? fail(pk, rc, &e, out) : PK_READABLE;
}

static enum pk_state look(struct pk *pk, int64_t now_ms, struct pk_look *out)
{
    struct err e = {0};
    int64_t version = 0;
    int rc = pk->at_rest ? 0 : read_int(pk, "PRAGMA data_version", &version, &e);

    if (rc == ERR_BUSY && pk->data_version >= 0)
        return PK_READABLE;          /* it is being closed or recovered: the next look tells */
    if (rc)
        return fail(pk, rc, &e, out);
    if (version == pk->data_version)
        return PK_READABLE;
    out->changed = true;
    if (read_all(pk, now_ms, out) != PK_READABLE)
        return out->state;
    pk->data_version = version;
    return PK_READABLE;
}

static enum pk_state find(struct pk *pk, bool writable, int64_t now_ms, struct pk_look *out)
{
    struct stat st;

    if (stat(pk->path, &st)) {
        int no = errno;
        close_file(pk);
        if (no != ENOENT && no != ENOTDIR)
            return say(out, PK_REFUSED, "'%s' cannot be looked at: %s", pk->path, strerror(no));
        return say(out, PK_ABSENT, "there is no '%s' yet", pk->path);
    }
    if (!S_ISREG(st.st_mode))
        return say(out, PK_REFUSED, "'%s' is no file", pk->path);
    if (pk->db.h && !pk_is_same_file(pk)) {
        out->replaced = st.st_ino != pk->st.st_ino || st.st_dev != pk->st.st_dev;
        close_file(pk);
    }
    if (!pk->db.h && open_now(pk, writable, out) != PK_READABLE)
        return out->state;
    return look(pk, now_ms, out);
}

/* Opened for writing only when the profile, read before, allows it. */
static void look_twice(struct pk *pk, bool publish, int64_t now_ms, struct pk_look *out)
{
    bool replaced;

    for (int i = 0; i < 2; i++) {
        bool writable = publish && pk->permitted;
        if (pk->db.h && pk->writable != writable)
            close_file(pk);
        replaced = out->replaced;
        if (find(pk, writable, now_ms, out) == PK_READABLE)
            judge_publishing(pk, out);
        out->replaced = out->replaced || replaced;
        pk->permitted = out->state == PK_READABLE && out->unpublishable[0] == '\0';
        if (out->state != PK_READABLE || pk->writable == (publish && pk->permitted))
            return;
    }
}

void pk_look(struct pk *pk, bool publish, int64_t now_ms, struct pk_look *out)
{
    *out = (struct pk_look){.state = PK_READABLE, .rows = -1};
    look_twice(pk, publish, now_ms, out);
    if (out->state != PK_READABLE)
        return;
    out->writable = pk->writable;
    out->profile = pk->profile;
    out->user_version = pk->user_version;
    out->playing = pk->playing;
    out->folder = mem_strdup(pk->folder);
}

void pk_look_deinit(struct pk_look *l)
{
    free(l->folder);
    l->folder = NULL;
}

/* --- rows ------------------------------------------------------------------------------------------ */

int pk_rows(struct pk *pk, int64_t after, void (*row)(const struct pk_row *r, void *arg), void *arg, struct err *e)
{
    struct stmt s;
    int64_t last = after;
    bool ordered = true;
    int n = 0, rc;

    if (!pk->db.h || !pk_is_same_file(pk))
        return err_set(e, ERR_STALE, "PiKaraoke's database was replaced");
    s = stmt_of(&pk->db, "SELECT id, file_path, format, created_at FROM songs WHERE id > ? ORDER BY id LIMIT ?", e);
    stmt_int(&s, after);
    stmt_int(&s, PK_ROWS_MAX);
    while (stmt_row(&s)) {
        struct pk_row r = {col_int(&s, 0), col_text(&s, 1), col_text(&s, 2), col_text(&s, 3)};
        ordered = r.id > last;   /* in a damaged file the tree may lead back: a reading without end */
        if (!ordered)
            break;
        last = r.id;
        n++;
        row(&r, arg);
    }
    rc = stmt_end(&s);
    if (rc)
        return rc;
    if (!ordered)
        return err_set(e, ERR_DATABASE, "PiKaraoke's database is damaged: its songs are out of order");
    return pk_is_same_file(pk) ? n : err_set(e, ERR_STALE, "PiKaraoke's database changed while it was read");
}

/* --- life ------------------------------------------------------------------------------------------ */

struct pk *pk_new(const char *path)
{
    struct pk *pk = mem_zalloc(sizeof *pk);

    pk->path = mem_strdup(path);
    pk->db.lock_fd = -1;
    return pk;
}

void pk_free(struct pk *pk)
{
    if (!pk)
        return;
    close_file(pk);
    free(pk->folder);
    free(pk->path);
    free(pk);
}
