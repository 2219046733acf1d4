/* Prepared statements of one connection, and SQLite's failures as ours; see stmt.h. Pool threads only. */
#include "store/stmt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

/* Where SQLite says less than the kernel did: a quota that is used up comes as a plain write error. */
static bool is_disk_full(sqlite3 *h)
{
    int no = sqlite3_system_errno(h);

    return no == ENOSPC || no == EDQUOT;
}

static int code_of(sqlite3 *h, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_INTERRUPT:
        return ERR_CANCELED;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_IOERR:
        return is_disk_full(h) ? ERR_FULL : ERR_IO;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOMEM:
        return ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return ERR_DATABASE;
    default:
        return ERR_BUG;
    }
}

int db_fail(struct db *db, int sqlite_rc, struct err *e)
{
    int code = code_of(db->h, sqlite_rc);
    const char *text = db->h ? sqlite3_errmsg(db->h) : sqlite3_errstr(sqlite_rc);

    if (code == ERR_BUG)
        log_error("store", "statement failed: %s sqlite=%d", text, sqlite_rc);
    if (code == ERR_FULL)
        return err_set(e, code, "no space left for the database, free some and try again (%s)", text);
    if (code == ERR_DATABASE)
        return err_set(e, code, "the database is damaged, restore a backup (%s)", text);
    return err_set(e, code, "database: %s", text);
}

int db_exec(struct db *db, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(db, rc, e);
}

static struct stmt_slot *slot_of(struct db *db, const char *sql)
{
    size_t i = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % STMT_SLOTS;

    while (db->slots[i].sql && db->slots[i].sql != sql)
        i = (i + 1) % STMT_SLOTS;
    return &db->slots[i];
}

struct stmt stmt_of(struct db *db, const char *sql, struct err *e)
{
    struct stmt s = {.db = db, .e = e};
    struct stmt_slot *slot = slot_of(db, sql);
    int rc;

    if (!slot->sql) {
        if (db->slots_used == STMT_CACHED)
            return stmt_of_text(db, sql, e);
        rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->st, NULL);
        if (rc != SQLITE_OK) {
            s.rc = db_fail(db, rc, e);
            return s;
        }
        slot->sql = sql;
        db->slots_used++;
    }
    s.st = slot->st;
    if (sqlite3_stmt_busy(s.st))
        bug("store: statement used inside itself: %s", sql);
    return s;
}

struct stmt stmt_of_text(struct db *db, const char *sql, struct err *e)
{
    struct stmt s = {.db = db, .e = e, .owned = true};
    int rc = sqlite3_prepare_v2(db->h, sql, -1, &s.st, NULL);

    if (rc != SQLITE_OK)
        s.rc = db_fail(db, rc, e);
    return s;
}

static void check(struct stmt *s, int rc)
{
    if (rc != SQLITE_OK && s->rc == 0)
        s->rc = db_fail(s->db, rc, s->e);
}

void stmt_int(struct stmt *s, int64_t v)
{
    if (s->rc == 0)
        check(s, sqlite3_bind_int64(s->st, ++s->next, v));
}

void stmt_int_or_null(struct stmt *s, int64_t v)
{
    if (v)
        stmt_int(s, v);
    else
        s->next++;   /* bindings are cleared at the end of each use */
}

void stmt_num(struct stmt *s, double v)
{
    if (s->rc == 0)
        check(s, sqlite3_bind_double(s->st, ++s->next, v));
}

void stmt_text(struct stmt *s, const char *v)
{
    if (s->rc == 0)
        check(s, sqlite3_bind_text(s->st, ++s->next, v, -1, SQLITE_STATIC));
}

void stmt_text_or_null(struct stmt *s, const char *v)
{
    stmt_text(s, v && v[0] ? v : NULL);
}

void stmt_slice(struct stmt *s, struct slice v)
{
    if (s->rc == 0)
        check(s, sqlite3_bind_text(s->st, ++s->next, v.p ? v.p : "", (int)v.n, SQLITE_STATIC));
}

void stmt_bytes(struct stmt *s, struct slice v)
{
    if (utf8_valid(v))
        stmt_slice(s, v);
    else if (s->rc == 0)
        check(s, sqlite3_bind_blob(s->st, ++s->next, v.p, (int)v.n, SQLITE_STATIC));
}

bool stmt_row(struct stmt *s)
{
    int rc;

    if (s->rc)
        return false;
    rc = sqlite3_step(s->st);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        s->rc = db_fail(s->db, rc, s->e);
    return false;
}

int stmt_end(struct stmt *s)
{
    if (s->owned) {
        sqlite3_finalize(s->st);
    } else if (s->st) {
        sqlite3_reset(s->st);
        sqlite3_clear_bindings(s->st);
    }
    s->st = NULL;
    return s->rc;
}

int stmt_run(struct stmt *s)
{
    while (stmt_row(s)) {
    }
    return stmt_end(s);
}

int stmt_run_int(struct stmt *s, int64_t *out)
{
    bool found = stmt_row(s);
    int rc;

    if (found)
        *out = col_int(s, 0);
    rc = stmt_end(s);
    return rc ? rc : found;
}

int64_t col_time(const struct stmt *s, int i)
{
    const char *p = col_text(s, i);
    int64_t ms;

    if (!p)
        return 0;
    ms = clock_parse_iso(p);
    return ms < 0 ? 0 : ms;
}

void db_finalize_all(struct db *db)
{
    for (size_t i = 0; i < STMT_SLOTS; i++) {
        sqlite3_finalize(db->slots[i].st);
        db->slots[i] = (struct stmt_slot){0};
    }
    db->slots_used = 0;
}
