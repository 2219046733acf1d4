/* Pages of songs by filter, sort and cursor; see songs.h. Pool threads only.
 *
 * Two ways lead to a page. When one condition alone leaves few songs, they are fetched by its index and sorted. Else the
 * index of the sort is walked from the cursor on and each row is tested: where many songs match, the page fills after a
 * few rows; where few do, the walk ends after SONGS_WINDOW rows with what it found and a cursor to go on. Each condition
 * that has an index is asked how many it leaves, up to DRIVER_MAX, before the way is chosen; SQLite's planner has no
 * statistics here, so it is told.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "song/fold.h"
#include "song/genre.h"
#include "store/migrations.h"
#include "store/song_row.h"
#include "store/songs.h"

#define DRIVER_MAX 2000
#define CURSOR_MAX 1024
#define CONDITIONS_MAX 24
#define YEAR_MAX 9999
#define HALF_DIGIT 0.005   /* of the two digits that are shown */

enum value_kind { VALUE_INT, VALUE_NUM, VALUE_TEXT, VALUE_BYTES };
struct value {
    enum value_kind kind;
    int64_t i;
    double d;
    struct slice text;
};

/* A term of WHERE; the table goes by the name s. */
struct condition {
    const char *sql;
    const char *index;       /* " INDEXED BY ..." that finds what it leaves; NULL: none */
    struct value values[3];
    int n_values;
};

/* A query under construction. */
struct query {
    struct db *db;
    const struct songs_filter *f;
    struct condition list[CONDITIONS_MAX];
    int n;
    char added[32];          /* added_since as text */
    char *words;             /* folded q; NULL without one */
    char *match;             /* the same for FTS5; NULL when it cannot say it */
    char *genres;            /* the condition of a group of genres; NULL without one */
    const char *index;       /* of the driver; NULL: walk the index of the sort */
    bool by_fts;
};

/* --- conditions ----------------------------------------------------------------------- */

static struct value int_of(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .i = i};
}

static struct value num_of(double d)
{
    return (struct value){.kind = VALUE_NUM, .d = d};
}

static struct value text_of(const char *text)
{
    return (struct value){.kind = VALUE_TEXT, .text = slice_of(text)};
}

static struct condition *add(struct query *q, const char *sql, const char *index)
{
    if (q->n == CONDITIONS_MAX)
        bug("store: too many conditions");
    q->list[q->n] = (struct condition){.sql = sql, .index = index};
    return &q->list[q->n++];
}

static void with(struct condition *c, struct value v)
{
    c->values[c->n_values++] = v;
}

static void bind_values(struct stmt *s, const struct condition *c)
{
    for (int i = 0; i < c->n_values; i++) {
        const struct value *v = &c->values[i];
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

static void bind_all(struct stmt *s, const struct query *q)
{
    for (int i = 0; i < q->n; i++)
        bind_values(s, &q->list[i]);
}

static void put_where(struct buf *sql, const struct query *q)
{
    for (int i = 0; i < q->n; i++)
        buf_addf(sql, "%s%s", i ? " AND " : " WHERE ", q->list[i].sql);
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

/* Confidences are shown with two digits and asked for as shown. */
static void add_confidence(struct query *q)
{
    const struct songs_filter *f = q->f;
    double low = f->min_confidence >= 0 ? f->min_confidence - HALF_DIGIT : -1;
    double high = f->max_confidence >= 0 ? f->max_confidence + HALF_DIGIT : 2;
    struct condition *c;

    if (f->below >= 0)
        high = fmin(high, f->below - HALF_DIGIT);
    if (low < 0 && high > 1)
        return;
    c = add(q, "s.confidence >= ? AND s.confidence < ?", " INDEXED BY songs_confidence");
    with(c, num_of(low));
    with(c, num_of(high));
}

static void add_years(struct query *q)
{
    const struct songs_filter *f = q->f;
    struct condition *c;

    if (!f->no_year && !f->min_year && !f->max_year)
        return;
    c = add(q, "coalesce(s.year, 0) >= ? AND coalesce(s.year, 0) <= ?", " INDEXED BY songs_by_year");
    with(c, int_of(f->min_year ? f->min_year : f->no_year ? 0 : 1));
    with(c, int_of(f->no_year ? 0 : f->max_year ? f->max_year : YEAR_MAX));
}

/* A group is no column: it is the genres of our table that belong to it. */
static char *genres_of(const char *group)
{
    struct buf sql;
    const char *name;
    int n = 0;

    buf_init(&sql, 0);
    buf_add_str(&sql, "s.genre COLLATE NOCASE IN (");
    for (size_t i = 0; genre_row(i, &name); i++) {
        if (strcasecmp(genre_coarse(name), group) != 0)
            continue;
        buf_add_str(&sql, n++ ? ", '" : "'");
        for (; *name; name++) {
            buf_add_byte(&sql, *name);
            if (*name == '\'')
                buf_add_byte(&sql, *name);
        }
        buf_add_byte(&sql, '\'');
    }
    buf_add_byte(&sql, ')');
    return buf_detach(&sql);
}

/* What narrows most stands first: the first that leaves few drives. */
static void add_names(struct query *q)
{
    const struct songs_filter *f = q->f;

    if (f->path.p)
        with(add(q, "s.file_path = ?", ""), (struct value){.kind = VALUE_BYTES, .text = f->path});
    if (f->youtube_id)
        with(add(q, "s.youtube_id = ?", ""), text_of(f->youtube_id));
    if (f->pikaraoke_id)
        with(add(q, "s.pikaraoke_id = ?", ""), int_of(f->pikaraoke_id));
    if (f->genre)
        with(add(q, "s.genre = ? COLLATE NOCASE", " INDEXED BY songs_by_genre"), text_of(f->genre));
    if (f->genre_group)
        add(q, q->genres = genres_of(f->genre_group), " INDEXED BY songs_by_genre");
    if (f->vendor)
        with(add(q, "s.vendor IS NOT NULL AND s.vendor = ? COLLATE NOCASE", " INDEXED BY songs_vendor"), text_of(f->vendor));
    if (f->language)
        with(add(q, "s.language IS NOT NULL AND s.language = ?", " INDEXED BY songs_language"), text_of(f->language));
    if (f->source)
        with(add(q, "s.source = ?", " INDEXED BY songs_source"), text_of(f->source));
    if (f->reason)
        with(add(q, "s.reason = ?", NULL), text_of(f->reason));
}

static void add_filter(struct query *q)
{
    const struct songs_filter *f = q->f;

    add_names(q);
    if (f->presence != PRESENCE_ALL)
        add(q, f->presence == PRESENCE_PRESENT ? "s.present = 1" : "s.present = 0",
            f->presence == PRESENCE_ABSENT ? " INDEXED BY songs_absent" : NULL);
    if (f->status)
        with(add(q, "s.metadata_status = ?", " INDEXED BY songs_status"),
             text_of(song_status_name((enum song_status)(f->status - 1))));
    if (f->order_unsure)
        add(q, "s.order_open = 1 AND s.metadata_status IN ('pending', 'parsed', 'enrichment_failed')",
            " INDEXED BY songs_order_open");
    if (f->doubled)
        add(q, "s.doubled = 1", " INDEXED BY songs_doubled");
    if (f->no_genre)
        add(q, "s.genre IS NULL", " INDEXED BY songs_by_genre");
    add_years(q);
    if (f->added_since_ms) {
        clock_iso(f->added_since_ms, q->added);
        with(add(q, "s.created_at >= ?", " INDEXED BY songs_added"), text_of(q->added));
    }
    add_confidence(q);
    if (f->sort == SORT_REVIEW)
        add(q, "s.present = 1 AND s.metadata_status <> 'manual'", NULL);
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

static bool leaves_few(struct query *q, const struct condition *c)
{
    char *sql = mem_printf("SELECT count(*) FROM (SELECT 1 FROM songs s%s WHERE %s LIMIT ?)", c->index, c->sql);
    struct stmt s = stmt_of_text(q->db, sql, NULL);
    bool few;

    bind_values(&s, c);
    few = is_few(&s);
    free(sql);
    return few;
}

static void choose_way(struct query *q)
{
    const struct songs_filter *f = q->f;

    if (f->path.p || f->youtube_id || f->pikaraoke_id) {
        q->index = "";   /* one row or few: the planner sees that itself */
    } else if (q->words && fts_is_few(q)) {
        q->by_fts = true;
        q->index = "";
    }
    for (int i = 0; i < q->n && !q->index; i++)
        if (q->list[i].index && leaves_few(q, &q->list[i]))
            q->index = q->list[i].index;
}

static void query_init(struct query *q, struct db *db, const struct songs_filter *f)
{
    *q = (struct query){.db = db, .f = f};
    if (f->q && f->q[0]) {
        q->words = fold_search(slice_of(f->q));
        q->match = match_of(q->words);
    }
    add_filter(q);
    choose_way(q);
    if (q->by_fts)
        with(add(q, "s.id IN (SELECT rowid FROM songs_fts WHERE songs_fts MATCH ?)", NULL), text_of(q->match));
    else if (q->words)
        with(add(q, "has_words(s.words, ?)", NULL), text_of(q->words));
}

static void query_deinit(struct query *q)
{
    free(q->words);
    free(q->match);
    free(q->genres);
}

/* --- sort and cursor ------------------------------------------------------------------ */

/* keys: how many columns are sorted by before the id. */
static const struct sort {
    int keys;
    bool numbers;
    const char *columns[2];
    const char *index;
} sorts[] = {
    [SORT_ID] = {0, false, {NULL, NULL}, " NOT INDEXED"},
    [SORT_ARTIST] = {2, false, {"s.artist_key", "s.title_key"}, " INDEXED BY songs_artist"},
    [SORT_TITLE] = {2, false, {"s.title_key", "s.artist_key"}, " INDEXED BY songs_title"},
    [SORT_CONFIDENCE] = {1, true, {"s.confidence", NULL}, " INDEXED BY songs_confidence"},
    [SORT_UPDATED] = {1, false, {"s.updated_at", NULL}, " INDEXED BY songs_updated"},
    [SORT_YEAR] = {1, true, {"coalesce(s.year, 0)", NULL}, " INDEXED BY songs_by_year"},
    [SORT_ADDED] = {1, false, {"s.created_at", NULL}, " INDEXED BY songs_added"},
    [SORT_REVIEW] = {2, true, {SONG_REVIEW_RANK("s."), "s.confidence"}, " INDEXED BY songs_review"},
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

static char *cursor_make(const struct songs_filter *f, const struct cursor *c)
{
    struct buf b;
    char *out;

    buf_init(&b, 0);
    buf_addf(&b, "%c%c%lld\x1f%s\x1f%s", sort_mark(f), f->descending ? 'd' : 'u', (long long)c->id,
             c->keys[0] ? c->keys[0] : "", c->keys[1] ? c->keys[1] : "");
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

static struct value key_value(const struct sort *sort, const char *key)
{
    return sort->numbers ? num_of(strtod(key, NULL)) : text_of(key);
}

/* "(k1, k2, id) > (?, ?, ?)", written to sql (borrowed by the condition): SQLite seeks the index with it. */
static void add_keyset(struct query *q, const struct cursor *c, const char *op, char sql[200])
{
    const struct sort *sort = &sorts[q->f->sort];
    struct condition *term = add(q, sql, NULL);

    if (sort->keys == 0)
        snprintf(sql, 200, "s.id %s ?", op);
    else if (sort->keys == 1)
        snprintf(sql, 200, "(%s, s.id) %s (?, ?)", sort->columns[0], op);
    else
        snprintf(sql, 200, "(%s, %s, s.id) %s (?, ?, ?)", sort->columns[0], sort->columns[1], op);
    for (int i = 0; i < sort->keys; i++)
        with(term, key_value(sort, c->keys[i]));
    with(term, int_of(c->id));
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

static void add_keys(struct buf *sql, const struct sort *sort)
{
    for (int i = 0; i < 2; i++)
        buf_addf(sql, ", %s", sort->columns[i] ? sort->columns[i] : "NULL");
}

static char *key_text(const struct stmt *s, const struct sort *sort, int column)
{
    if (sort->numbers && col_text(s, column))
        return mem_printf("%.17g", col_num(s, column));
    return mem_strdup(col_text(s, column));
}

/* The place of a row whose sort keys stand from `column` on. */
static void cursor_of_row(const struct stmt *s, const struct songs_filter *f, int column, struct cursor *c)
{
    cursor_deinit(c);
    c->id = col_int(s, 0);
    for (int i = 0; i < 2; i++)
        c->keys[i] = key_text(s, &sorts[f->sort], column + i);
}

/* Where a walk from the cursor on has to end; false when fewer rows than a window are left. Reads nothing but the index. */
static bool window_end(struct query *q, const struct condition *from, struct cursor *end)
{
    const struct sort *sort = &sorts[q->f->sort];
    struct buf sql;
    struct stmt s;
    bool found;

    buf_init(&sql, 0);
    buf_add_str(&sql, "SELECT s.id");
    add_keys(&sql, sort);
    buf_addf(&sql, " FROM songs s%s", sort->index);
    if (q->f->sort == SORT_REVIEW)
        buf_add_str(&sql, " WHERE s.present = 1 AND s.metadata_status <> 'manual'");
    if (from)
        buf_addf(&sql, "%s%s", q->f->sort == SORT_REVIEW ? " AND " : " WHERE ", from->sql);
    add_order(&sql, q->f);
    buf_addf(&sql, " OFFSET %d", SONGS_WINDOW);
    s = stmt_of_text(q->db, buf_cstr(&sql), NULL);
    if (from)
        bind_values(&s, from);
    stmt_int(&s, 1);
    found = stmt_row(&s);
    if (found)
        cursor_of_row(&s, q->f, 1, end);
    buf_deinit(&sql);
    return stmt_end(&s) == 0 && found;
}

static char *page_sql(const struct query *q)
{
    const struct sort *sort = &sorts[q->f->sort];
    struct buf sql;

    buf_init(&sql, 0);
    buf_add_str(&sql, "SELECT " SONG_COLUMNS);
    add_keys(&sql, sort);
    buf_addf(&sql, " FROM songs s%s", q->index ? q->index : sort->index);
    put_where(&sql, q);
    add_order(&sql, q->f);
    return buf_detach(&sql);
}

/* One row more than asked for tells whether there is a next page. *last becomes the place of the page's last row when there is
 * one more behind it, else it stays. */
static int give_page(struct query *q, void (*row)(const struct song *s, void *arg), void *arg, struct cursor *last, bool *more,
                     struct err *e)
{
    char *sql = page_sql(q);
    struct stmt s = stmt_of_text(q->db, sql, e);
    struct cursor place = {0};
    int n = 0;

    bind_all(&s, q);
    stmt_int(&s, (int64_t)q->f->limit + 1);
    while (stmt_row(&s)) {
        struct song v;
        if (++n > q->f->limit)
            break;
        if (n == q->f->limit)
            cursor_of_row(&s, q->f, SONG_COLUMN_COUNT, &place);
        song_row_borrow(&s, &v);
        row(&v, arg);
    }
    free(sql);
    if (n > q->f->limit) {
        cursor_deinit(last);
        *last = place;
        *more = true;
    } else {
        cursor_deinit(&place);
    }
    return stmt_end(&s);
}

/* Every row on the way matches: the page fills at once. */
static bool every_row_matches(const struct query *q)
{
    return q->n == 0 || (q->f->sort == SORT_REVIEW && q->n == 1);
}

int songs_page(struct db *db, const struct songs_filter *f, void (*row)(const struct song *s, void *arg), void *arg, char **next,
               struct err *e)
{
    struct cursor from = {0}, end = {0};
    char from_sql[200], end_sql[200];
    struct query q;
    bool more = false;
    int rc;

    *next = NULL;
    if (f->cursor && !cursor_read(f, &from)) {
        cursor_deinit(&from);
        return err_set(e, ERR_INVALID, "the cursor does not belong to this list, start without one");
    }
    query_init(&q, db, f);
    more = !q.index && !every_row_matches(&q);
    if (f->cursor)
        add_keyset(&q, &from, f->descending ? "<" : ">", from_sql);
    if (more)
        more = window_end(&q, f->cursor ? &q.list[q.n - 1] : NULL, &end);
    if (more)
        add_keyset(&q, &end, f->descending ? ">=" : "<=", end_sql);
    rc = give_page(&q, row, arg, &end, &more, e);
    if (rc == 0 && more)
        *next = cursor_make(f, &end);
    query_deinit(&q);
    cursor_deinit(&from);
    cursor_deinit(&end);
    return rc;
}
