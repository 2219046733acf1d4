/* Rows of paired devices; see devices.h. Pool threads only. */
#include "store/devices.h"

#include <stdio.h>

#include "store/stmt.h"

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

int devices_load(struct db *db, struct device *out, int max, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id, name, agent, secret_hash, paired_at_ms, seen_at_ms FROM devices"
                                " ORDER BY id LIMIT ?", e);
    int n = 0, rc;

    stmt_int(&s, max);
    while (stmt_row(&s)) {
        struct device *d = &out[n++];
        *d = (struct device){.id = col_int(&s, 0), .paired_at_ms = col_int(&s, 4), .seen_at_ms = col_int(&s, 5)};
        copy(d->name, sizeof d->name, col_text(&s, 1));
        copy(d->agent, sizeof d->agent, col_text(&s, 2));
        copy(d->hash, sizeof d->hash, col_text(&s, 3));
    }
    rc = stmt_end(&s);
    return rc ? rc : n;
}

int devices_add(struct db *db, struct device *d, struct err *e)
{
    struct stmt s = stmt_of(db, "INSERT INTO devices(name, agent, secret_hash, paired_at_ms, seen_at_ms)"
                                " VALUES (?, ?, ?, ?, ?)", e);
    int rc;

    stmt_text(&s, d->name);
    stmt_text_or_null(&s, d->agent);
    stmt_text(&s, d->hash);
    stmt_int(&s, d->paired_at_ms);
    stmt_int(&s, d->seen_at_ms);
    rc = stmt_run(&s);
    if (rc == 0)
        d->id = sqlite3_last_insert_rowid(db->h);
    return rc;
}

int devices_remove(struct db *db, int64_t id, struct err *e)
{
    struct stmt s = stmt_of(db, "DELETE FROM devices WHERE id = ?", e);
    int rc;

    stmt_int(&s, id);
    rc = stmt_run(&s);
    return rc ? rc : db_changed(db) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no paired device %lld", (long long)id);
}

int devices_seen(struct db *db, int64_t id, int64_t at_ms, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE devices SET seen_at_ms = ? WHERE id = ?", e);

    stmt_int(&s, at_ms);
    stmt_int(&s, id);
    return stmt_run(&s);
}
