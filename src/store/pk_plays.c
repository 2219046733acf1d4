/* How often songs were sung, by PiKaraoke's own play history; see pk.h. Pool threads only. */
#include "store/pk_internal.h"

/* Steps of SQLite's machine that one slice may take: a hundred thousand plays without an index need a tenth. In a damaged file
 * the tree of an index may lead back, and counting would not end. */
#define STEPS_AT_ONCE 10000
#define STEPS_MAX 10000000

static int has_plays(struct pk *pk, bool *yes, struct err *e)
{
    struct stmt s;
    int64_t columns = 0;
    int rc = pk_has_table(pk, "plays", yes, e);

    if (rc || !*yes)
        return rc;
    s = stmt_of(&pk->db, "SELECT count(*) FROM pragma_table_info('plays') WHERE name IN ('id', 'song_id')", e);
    rc = stmt_run_int(&s, &columns);
    *yes = columns == 2;
    return rc < 0 ? rc : 0;
}

/* The last of the next plays; returns how many they are, or ERR_. */
static int next_plays(struct pk *pk, int64_t after, int64_t *last, struct err *e)
{
    struct stmt s = stmt_of(&pk->db, "SELECT count(*), max(id) FROM (SELECT id FROM plays WHERE id > ? ORDER BY id LIMIT ?)", e);
    int64_t n = 0;
    int rc;

    stmt_int(&s, after);
    stmt_int(&s, PK_PLAYS_MAX);
    if (stmt_row(&s)) {
        n = col_int(&s, 0);
        *last = n ? col_int(&s, 1) : after;
    }
    rc = stmt_end(&s);
    return rc ? rc : (int)n;
}

static int count_plays(struct pk *pk, int64_t after, int64_t last, struct pk_sung *out, struct err *e)
{
    struct stmt s = stmt_of(&pk->db, "SELECT song_id, count(*) FROM plays WHERE song_id IN"
                                     " (SELECT song_id FROM plays WHERE id > ? AND id <= ?) GROUP BY song_id LIMIT ?", e);
    int n = 0, rc;

    stmt_int(&s, after);
    stmt_int(&s, last);
    stmt_int(&s, PK_PLAYS_MAX);
    while (n < PK_PLAYS_MAX && stmt_row(&s))
        out[n++] = (struct pk_sung){.row_id = col_int(&s, 0), .times = col_int(&s, 1)};
    rc = stmt_end(&s);
    return rc ? rc : n;
}

static int too_long(void *arg)
{
    int *steps = arg;

    *steps += STEPS_AT_ONCE;
    return *steps > STEPS_MAX;
}

static int read_slice(struct pk *pk, int64_t *after, struct pk_sung *out, bool *end, struct err *e)
{
    int64_t last = *after;
    int n = next_plays(pk, *after, &last, e);

    if (n < 0)
        return n;
    *end = n < PK_PLAYS_MAX;
    if (n && last <= *after)
        return err_set(e, ERR_DATABASE, "PiKaraoke's database is damaged: its plays are out of order");
    n = n ? count_plays(pk, *after, last, out, e) : 0;
    if (n >= 0)
        *after = last;
    return n;
}

int pk_plays(struct pk *pk, int64_t *after, struct pk_sung *out, bool *end, struct err *e)
{
    int64_t before = *after;
    int steps = 0, rc;
    bool plays;

    *end = true;
    if (!pk->db.h || !pk_is_same_file(pk))
        return err_set(e, ERR_STALE, "PiKaraoke's database was replaced");
    rc = has_plays(pk, &plays, e);
    if (rc || !plays)
        return rc;
    sqlite3_progress_handler(pk->db.h, STEPS_AT_ONCE, too_long, &steps);
    rc = read_slice(pk, after, out, end, e);
    sqlite3_progress_handler(pk->db.h, 0, NULL, NULL);
    if (rc >= 0 && !pk_is_same_file(pk))
        rc = err_set(e, ERR_STALE, "PiKaraoke's database changed while it was read");
    if (rc < 0)
        *after = before;
    return rc;
}
