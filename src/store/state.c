/* Small persistent state; see state.h. Pool threads only. */
#include "store/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/stmt.h"

static int put(struct db *db, const char *key, const char *value, struct err *e)
{
    struct stmt s = stmt_of(db, "INSERT INTO enrichment_state(key, value) VALUES (?1, ?2)"
                                " ON CONFLICT(key) DO UPDATE SET value = ?2 WHERE value IS NOT ?2", e);

    stmt_text(&s, key);
    stmt_text(&s, value);
    return stmt_run(&s);
}

static void take_worker(struct worker_state *w, const char *key, const char *value)
{
    if (strcmp(key, "worker_running") == 0) {
        w->known = true;
        w->running = strcmp(value, "true") == 0;
    } else if (strcmp(key, "worker_paused") == 0) {
        w->paused = strcmp(value, "true") == 0;
    } else {
        int64_t ms = clock_parse_iso(value);
        w->started_at_ms = ms < 0 ? 0 : ms;
    }
}

int state_worker_get(struct db *db, struct worker_state *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT key, value FROM enrichment_state"
                                " WHERE key IN ('worker_running', 'worker_paused', 'worker_started_at')", e);

    *out = (struct worker_state){0};
    while (stmt_row(&s)) {
        const char *value = col_text(&s, 1);
        take_worker(out, col_text(&s, 0), value ? value : "");
    }
    return stmt_end(&s);
}

int state_worker_set(struct db *db, const struct worker_state *w, bool reset_totals, struct err *e)
{
    char iso[32] = "";
    int rc;

    if (w->started_at_ms)
        clock_iso(w->started_at_ms, iso);
    rc = put(db, "worker_running", w->running ? "true" : "false", e);
    if (rc == 0)
        rc = put(db, "worker_paused", w->paused ? "true" : "false", e);
    if (rc == 0)
        rc = put(db, "worker_started_at", iso[0] ? iso : NULL, e);
    if (rc == 0 && reset_totals) {
        struct stmt s = stmt_of(db, "UPDATE enrichment_state SET value = '0' WHERE value <> '0'"
                                    " AND key IN ('total_processed', 'total_enriched', 'total_failed')", e);
        rc = stmt_run(&s);
    }
    return rc;
}

int state_count_start(struct db *db, int64_t *count, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT CAST(value AS INTEGER) FROM enrichment_state WHERE key = 'start_count'", e);
    char text[24];
    int64_t n = 0;
    int rc = stmt_run_int(&s, &n);

    if (rc < 0)
        return rc;
    *count = n + 1;
    snprintf(text, sizeof text, "%lld", (long long)*count);
    return put(db, "start_count", text, e);
}

int state_provider_get(struct db *db, enum provider_id p, struct provider_state *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT refused_until_ms, slow_until_ms, key_refused, key_mark"
                                " FROM provider_state WHERE provider = ?", e);

    *out = (struct provider_state){0};
    stmt_text(&s, provider_name(p));
    if (stmt_row(&s)) {
        out->refused_until_ms = col_int(&s, 0);
        out->slow_until_ms = col_int(&s, 1);
        out->key_refused = col_int(&s, 2) != 0;
        snprintf(out->key_mark, sizeof out->key_mark, "%s", col_text(&s, 3));
    }
    return stmt_end(&s);
}

int state_provider_set(struct db *db, enum provider_id p, const struct provider_state *v, struct err *e)
{
    struct stmt s =
        stmt_of(db,
                "INSERT INTO provider_state(provider, refused_until_ms, slow_until_ms, key_refused, key_mark)"
                " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(provider) DO UPDATE SET"
                " refused_until_ms = ?2, slow_until_ms = ?3, key_refused = ?4, key_mark = ?5",
                e);

    stmt_text(&s, provider_name(p));
    stmt_int(&s, v->refused_until_ms);
    stmt_int(&s, v->slow_until_ms);
    stmt_int(&s, v->key_refused);
    stmt_text(&s, v->key_mark);
    return stmt_run(&s);
}

int settings_each(struct db *db, void (*row)(const char *key, const char *value, void *arg), void *arg, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT key, value FROM settings ORDER BY key", e);

    while (stmt_row(&s))
        row(col_text(&s, 0), col_text(&s, 1), arg);
    return stmt_end(&s);
}

int settings_set(struct db *db, const char *key, const char *value, int64_t now_ms, struct err *e)
{
    struct stmt s;
    char iso[32];

    if (!value) {
        s = stmt_of(db, "DELETE FROM settings WHERE key = ?", e);
        stmt_text(&s, key);
        return stmt_run(&s);
    }
    clock_iso(now_ms, iso);
    s = stmt_of(db, "INSERT INTO settings(key, value, set_at) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT(key) DO UPDATE SET value = ?2, set_at = ?3", e);
    stmt_text(&s, key);
    stmt_text(&s, value);
    stmt_text(&s, iso);
    return stmt_run(&s);
}
