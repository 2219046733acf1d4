/* Pages of songs by filter, sort and cursor; see songs.h. Pool threads only.
 *
 * Two ways lead to a page. When one condition alone leaves few songs, they are fetched by its index and sorted. Else the
 * index of the sort is walked from the cursor on and each row is tested: where many songs match, the page fills after a
 * few rows. Each condition is asked how many it leaves, up to DRIVER_MAX, before the way is chosen; SQLite's planner has
 * no statistics here, so it is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "song/fold.h"
#include "store/counts.h"
#include "store/song_row.h"
#include "store/songs.h"

#define DRIVER_MAX 2000
#define CURSOR_MAX 1024
#define VALUES_MAX 16

enum value_kind { VALUE_INT, VALUE_NUM, VALUE_TEXT, VALUE_BYTES };
struct value {
    enum value_kind kind;
    int64_t i;
    double d;
    struct slice text;
};

/* A query under construction. */
struct query {
    struct db *db;
    const struct songs_filter *f;
    struct buf where;
    struct value values[VALUES_MAX];
    int n_values;
    char *words;        /* folded q; NULL without one */
    char *match;        /* the same for FTS5; NULL when it cannot say it */
    const char *index;  /* "INDEXED BY ..." of the driver; NULL: walk the sort index */
    bool by_fts;
};

/* --- conditions ----------------------------------------------------------------------- */

static void add_value(struct query *q, struct value v)
{
    if (q->n_values == VALUES_MAX)
        bug("store: too many conditions");
    q->values[q->n_values++] = v;
}

static void add_condition(struct query *q, const char *sql)
{
    buf_add_str(&q->where, q->where.len ? " AND " : " WHERE ");
    buf_add_str(&q->where, sql);
}

static void add_int(struct query *q, const char *sql, int64_t i)
{
    add_condition(q, sql);
    add_value(q, (struct value){.kind = VALUE_INT, .i = i});
}

static void add_num(struct query *q, const char *sql, double d)
{
    add_condition(q, sql);
    add_value(q, (struct value){.kind = VALUE_NUM, .d = d});
}

static void add_text(struct query *q, const char *sql, const char *text)
{
    add_condition(q, sql);
    add_value(q, (struct value){.kind = VALUE_TEXT, .text = slice_of(text)});
}

static void bind_values(struct stmt *s, const struct query *q)
{
    for (int i = 0; i < q->n_values; i++) {
        const struct value *v = &q->values[i];
        if (v->kind == VALUE_INT)
            stmt_int(s, v->i);
        else if (v->kind == VALUE_NUM)
            stmt_num(s, v->d);
        else if (v->kind == VALUE_TEXT)
            stmt_slice(s, v->text);
        else
            stmt_bytes(s, v->text);
    }
}

static bool is_fts_word(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (!(c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
    }
    return n > 0;
}

/* "a b" as "a"* "b"*; NULL when a word is of signs only, which the index does not hold. */
static char *match_of(const char *words)
{
    struct buf out;

    buf_init(&out, 0);
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, " ");
        if (!is_fts_word(p, n)) {
            buf_deinit(&out);
            return NULL;
        }
        buf_addf(&out, "\"%.*s\"* ", (int)n, p);
        p += n + strspn(p + n, " ");
    }
    return buf_detach(&out);
}

static void add_filter(struct query *q)
{
    const struct songs_filter *f = q->f;

    if (f->presence != PRESENCE_ALL)
        add_condition(q, f->presence == PRESENCE_PRESENT ? "s.present = 1" : "s.present = 0");
    if (f->status)
        add_text(q, "s.metadata_status = ?", song_status_name((enum song_status)(f->status - 1)));
    /* Confidences are shown with two digits and asked for as shown. */
    if (f->min_confidence >= 0)
        add_num(q, "s.confidence >= ?", f->min_confidence - 0.0005);
    if (f->max_confidence >= 0)
        add_num(q, "s.confidence <= ?", f->max_confidence + 0.0005);
    if (f->year)
        add_int(q, "s.year = ?", f->year);
    if (f->genre)
        add_text(q, "s.genre IS NOT NULL AND s.genre = ? COLLATE NOCASE", f->genre);
    if (f->youtube_id)
        add_text(q, "s.youtube_id = ?", f->youtube_id);
    if (f->pikaraoke_id)
        add_int(q, "s.pikaraoke_id = ?", f->pikaraoke_id);
    if (f->path.p) {
        add_condition(q, "s.file_path = ?");
        add_value(q, (struct value){.kind = VALUE_BYTES, .text = f->path});
    }
    if (q->by_fts)
        add_text(q, "s.id IN (SELECT rowid FROM songs_fts WHERE songs_fts MATCH ?)", q->match);
    else if (q->words)
        add_text(q, "has_words(s.words, ?)", q->words);
}

/* --- choosing the way ----------------------------------------------------------------- */

/* The statement counts up to DRIVER_MAX + 1 rows. */
static bool is_few(struct stmt *s)
{
    int64_t n = DRIVER_MAX + 1;
    int rc;

    stmt_int(s, DRIVER_MAX + 1);
    rc = stmt_run_int(s, &n);
    return rc == 1 && n <= DRIVER_MAX;
}

static bool fts_is_few(struct query *q)
{
    struct stmt s;

    if (!q->match)
        return false;
    s = stmt_of(q->db, "SELECT count(*) FROM (SELECT 1 FROM songs_fts WHERE songs_fts MATCH ? LIMIT ?)", NULL);
    stmt_text(&s, q->match);
    return is_few(&s);
}

static bool status_is_few(struct query *q)
{
    struct stmt s = stmt_of(q->db, "SELECT count(*) FROM (SELECT 1 FROM songs WHERE metadata_status = ? LIMIT ?)", NULL);

    stmt_text(&s, song_status_name((enum song_status)(q->f->status - 1)));
    return is_few(&s);
}

static bool year_is_few(struct query *q)
{
    struct stmt s = stmt_of(q->db, "SELECT count(*) FROM (SELECT 1 FROM songs WHERE year = ? LIMIT ?)", NULL);

    stmt_int(&s, q->f->year);
    return is_few(&s);
}

static bool genre_is_few(struct query *q)
{
    struct stmt s = stmt_of(q->db, "SELECT count(*) FROM (SELECT 1 FROM songs WHERE genre IS NOT NULL"
                                   " AND genre = ? COLLATE NOCASE LIMIT ?)", NULL);

    stmt_text(&s, q->f->genre);
    return is_few(&s);
}

static bool confidence_is_few(struct query *q)
{
    struct stmt s = stmt_of(q->db, "SELECT count(*) FROM (SELECT 1 FROM songs INDEXED BY songs_confidence"
                                   " WHERE confidence >= ? AND confidence <= ? LIMIT ?)", NULL);

    stmt_num(&s, q->f->min_confidence >= 0 ? q->f->min_confidence - 0.0005 : -1);
    stmt_num(&s, q->f->max_confidence >= 0 ? q->f->max_confidence + 0.0005 : 2);
    return is_few(&s);
}

static bool absent_is_few(struct query *q)
{
    struct stmt s = stmt_of(q->db, "SELECT count(*) FROM (SELECT 1 FROM songs WHERE present = 0 LIMIT ?)", NULL);

    return is_few(&s);
}

static void choose_way(struct query *q)
{
    const struct songs_filter *f = q->f;

    if (f->path.p || f->youtube_id || f->pikaraoke_id)
        q->index = "";   /* one row or few: the planner sees that itself */
    else if (q->words && fts_is_few(q))
        q->by_fts = true;
    else if (f->presence == PRESENCE_ABSENT && absent_is_few(q))
        q->index = " INDEXED BY songs_absent";
    else if (f->status && status_is_few(q))
        q->index = " INDEXED BY songs_status";
    else if (f->year && year_is_few(q))
        q->index = " INDEXED BY songs_year";
    else if (f->genre && genre_is_few(q))
        q->index = " INDEXED BY songs_genre";
    else if ((f->min_confidence >= 0 || f->max_confidence >= 0) && confidence_is_few(q))
        q->index = " INDEXED BY songs_confidence";
}

static void query_init(struct query *q, struct db *db, const struct songs_filter *f)
{
    *q = (struct query){.db = db, .f = f};
    buf_init(&q->where, 0);
    if (f->q && f->q[0]) {
        q->words = fold_search(slice_of(f->q));
        q->match = match_of(q->words);
    }
    choose_way(q);
    add_filter(q);
}

static void query_deinit(struct query *q)
{
    buf_deinit(&q->where);
    free(q->words);
    free(q->match);
}

/* --- sort and cursor ------------------------------------------------------------------ */

/* keys: how many columns are sorted by before the id. */
static const struct sort {
    int keys;
    bool is_number;
    const char *columns[2];
    const char *index;
} sorts[] = {
    [SORT_ID] = {0, false, {NULL, NULL}, " NOT INDEXED"},
    [SORT_ARTIST] = {2, false, {"s.artist_key", "s.title_key"}, " INDEXED BY songs_artist"},
    [SORT_TITLE] = {2, false, {"s.title_key", "s.artist_key"}, " INDEXED BY songs_title"},
    [SORT_CONFIDENCE] = {1, true, {"s.confidence", NULL}, " INDEXED BY songs_confidence"},
    [SORT_UPDATED] = {1, false, {"s.updated_at", NULL}, " INDEXED BY songs_updated"},
};

/* Position behind the last row of a page: sort and direction as two letters, then id and keys, parted by US. */
struct cursor {
    int64_t id;
    char *keys[2];     /* owned */
};

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *b64_encode(struct slice s)
{
    char *out = mem_alloc(s.n / 3 * 4 + 5), *w = out;

    for (size_t i = 0; i < s.n; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
        size_t left = s.n - i;
        v |= left > 1 ? (uint32_t)(unsigned char)s.p[i + 1] << 8 : 0;
        v |= left > 2 ? (unsigned char)s.p[i + 2] : 0;
        *w++ = b64[v >> 18 & 63];
        *w++ = b64[v >> 12 & 63];
        if (left > 1)
            *w++ = b64[v >> 6 & 63];
        if (left > 2)
            *w++ = b64[v & 63];
    }
    *w = '\0';
    return out;
}

static bool b64_decode(const char *text, struct buf *out)
{
    uint32_t v = 0;
    int bits = 0;

    for (; *text; text++) {
        const char *at = strchr(b64, *text);
        if (!at)
            return false;
        v = v << 6 | (uint32_t)(at - b64);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (!buf_add_byte(out, (char)(v >> bits & 0xff)))
                return false;
        }
    }
    return true;
}

static char sort_mark(const struct songs_filter *f)
{
    return (char)('a' + (int)f->sort);
}

static char *cursor_make(const struct songs_filter *f, int64_t id, const char *key0, const char *key1)
{
    struct buf b;
    char *out;

    buf_init(&b, 0);
    buf_addf(&b, "%c%c%lld\x1f%s\x1f%s", sort_mark(f), f->descending ? 'd' : 'u', (long long)id, key0 ? key0 : "",
             key1 ? key1 : "");
    out = b64_encode((struct slice){b.data, b.len});
    buf_deinit(&b);
    return out;
}

static void cursor_deinit(struct cursor *c)
{
    free(c->keys[0]);
    free(c->keys[1]);
}

static bool cursor_read(const struct songs_filter *f, struct cursor *c)
{
    struct buf b;
    char *p, *end, *next;
    bool ok;

    buf_init(&b, CURSOR_MAX);
    ok = b64_decode(f->cursor, &b) && b.len > 4 && !memchr(b.data, '\0', b.len) && b.data[0] == sort_mark(f) &&
         b.data[1] == (f->descending ? 'd' : 'u');
    if (ok) {
        c->id = strtoll(b.data + 2, &end, 10);
        ok = end != b.data + 2 && *end == '\x1f';
    }
    if (ok) {
        p = end + 1;
        next = strchr(p, '\x1f');
        ok = next != NULL;
    }
    if (ok) {
        c->keys[0] = mem_strndup(p, (size_t)(next - p));
        c->keys[1] = mem_strdup(next + 1);
    }
    buf_deinit(&b);
    return ok;
}

/* "(k1, k2, id) > (?, ?, ?)": SQLite seeks the index with it. */
static void add_keyset(struct query *q, const struct cursor *c)
{
    const struct sort *sort = &sorts[q->f->sort];
    const char *op = q->f->descending ? "<" : ">";
    char sql[120];

    if (sort->keys == 0)
        snprintf(sql, sizeof sql, "s.id %s ?", op);
    else if (sort->keys == 1)
        snprintf(sql, sizeof sql, "(%s, s.id) %s (?, ?)", sort->columns[0], op);
    else
        snprintf(sql, sizeof sql, "(%s, %s, s.id) %s (?, ?, ?)", sort->columns[0], sort->columns[1], op);
    add_condition(q, sql);
    for (int i = 0; i < sort->keys; i++)
        if (sort->is_number)
            add_value(q, (struct value){.kind = VALUE_NUM, .d = strtod(c->keys[i], NULL)});
        else
            add_value(q, (struct value){.kind = VALUE_TEXT, .text = slice_of(c->keys[i])});
    add_value(q, (struct value){.kind = VALUE_INT, .i = c->id});
}

static void add_order(struct buf *sql, const struct songs_filter *f)
{
    const struct sort *sort = &sorts[f->sort];
    const char *way = f->descending ? " DESC" : "";

    buf_add_str(sql, " ORDER BY ");
    for (int i = 0; i < sort->keys; i++)
        buf_addf(sql, "%s%s, ", sort->columns[i], way);
    buf_addf(sql, "s.id%s LIMIT ?", way);
}

static char *page_sql(const struct query *q)
{
    const struct sort *sort = &sorts[q->f->sort];
    struct buf sql;

    buf_init(&sql, 0);
    buf_add_str(&sql, "SELECT " SONG_COLUMNS);
    for (int i = 0; i < 2; i++)
        buf_addf(&sql, ", %s", sort->columns[i] ? sort->columns[i] : "NULL");
    buf_addf(&sql, " FROM songs s%s", q->by_fts ? "" : q->index ? q->index : sort->index);
    buf_add(&sql, q->where.data, q->where.len);
    add_order(&sql, q->f);
    return buf_detach(&sql);
}

static char *cursor_of_row(const struct stmt *s, const struct songs_filter *f)
{
    char number[40];

    if (sorts[f->sort].is_number) {
        snprintf(number, sizeof number, "%.17g", col_num(s, SONG_COLUMN_COUNT));
        return cursor_make(f, col_int(s, 0), number, NULL);
    }
    return cursor_make(f, col_int(s, 0), col_text(s, SONG_COLUMN_COUNT), col_text(s, SONG_COLUMN_COUNT + 1));
}

/* One row more than asked for tells whether there is a next page. */
static int give_page(struct query *q, void (*row)(const struct song *s, void *arg), void *arg, char **next, struct err *e)
{
    char *sql = page_sql(q);
    struct stmt s = stmt_of_text(q->db, sql, e);
    int n = 0;

    bind_values(&s, q);
    stmt_int(&s, (int64_t)q->f->limit + 1);
    while (stmt_row(&s)) {
        struct song v;
        if (++n > q->f->limit)
            break;
        if (n == q->f->limit)
            *next = cursor_of_row(&s, q->f);
        song_row_borrow(&s, &v);
        row(&v, arg);
    }
    if (n <= q->f->limit) {
        free(*next);
        *next = NULL;
    }
    free(sql);
    return stmt_end(&s);
}

int songs_page(struct db *db, const struct songs_filter *f, void (*row)(const struct song *s, void *arg), void *arg, char **next,
               struct err *e)
{
    struct cursor c = {0};
    struct query q;
    int rc;

    *next = NULL;
    if (f->cursor && !cursor_read(f, &c)) {
        cursor_deinit(&c);
        return err_set(e, ERR_INVALID, "the cursor does not belong to this list, start without one");
    }
    query_init(&q, db, f);
    if (f->cursor)
        add_keyset(&q, &c);
    rc = give_page(&q, row, arg, next, e);
    query_deinit(&q);
    cursor_deinit(&c);
    return rc;
}

/* No condition but presence: these numbers are kept. */
static int kept_count(struct db *db, enum songs_presence presence, int64_t *n, struct err *e)
{
    struct counts c;
    int rc = counts_read(db, &c, e);

    *n = presence == PRESENCE_PRESENT ? c.total : presence == PRESENCE_ABSENT ? c.absent : c.total + c.absent;
    return rc;
}

int songs_count(struct db *db, const struct songs_filter *f, int64_t *n, struct err *e)
{
    struct query q;
    struct buf sql;
    struct stmt s;
    int rc;

    query_init(&q, db, f);
    if (q.n_values == 0) {
        query_deinit(&q);
        return kept_count(db, f->presence, n, e);
    }
    buf_init(&sql, 0);
    buf_addf(&sql, "SELECT count(*) FROM songs s%s", q.index ? q.index : "");
    buf_add(&sql, q.where.data, q.where.len);
    s = stmt_of_text(db, buf_cstr(&sql), e);
    bind_values(&s, &q);
    rc = stmt_run_int(&s, n);
    buf_deinit(&sql);
    query_deinit(&q);
    return rc < 0 ? rc : 0;
}
