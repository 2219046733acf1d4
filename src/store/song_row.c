/* Rows of songs; see song_row.h. Pool threads only. */
#include "store/song_row.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "song/fold.h"

#define KEY_MAX 120      /* bytes of a sort key: more sorts nothing and only makes indexes and cursors large */
#define WORDS_MAX 1000   /* bytes of search words */
#define JOINED_MAX 24    /* an artist's words written as one, up to this length */

static char *own(const char *borrowed)
{
    return (char *)borrowed;   /* struct song has one type for both; the name says which it is here */
}

void song_row_borrow(const struct stmt *s, struct song *out)
{
    const char *status = col_text(s, 14);
    int st = song_status_of(status);

    *out = (struct song){
        .id = col_int(s, 0), .file_path = own(col_text(s, 1)), .size = col_int(s, 2), .mtime_ms = col_int(s, 3),
        .format = own(col_text(s, 4)), .youtube_id = own(col_text(s, 5)), .pikaraoke_id = col_int(s, 6),
        .artist = own(col_text(s, 7)), .title = own(col_text(s, 8)), .variant = own(col_text(s, 9)),
        .vendor = own(col_text(s, 10)), .genre = own(col_text(s, 11)), .year = (int)col_int(s, 12),
        .confidence = col_num(s, 13), .status = st < 0 ? SONG_PENDING : (enum song_status)st,
        .reason = own(col_text(s, 15)), .source = own(col_text(s, 16)), .attempts = (int)col_int(s, 17),
        .last_attempt_ms = col_time(s, 18), .present = col_int(s, 19) != 0, .locked = (unsigned)col_int(s, 20),
        .version = col_int(s, 21), .added_ms = col_time(s, 22), .updated_ms = col_time(s, 23),
        .language = own(col_text(s, 24)), .order_open = col_int(s, 25) != 0, .doubled = col_int(s, 26) != 0,
        .wanted = (int)col_int(s, 27), .sung = (int)col_int(s, 28),
    };
}

void song_row_copy(const struct song *from, struct song *to)
{
    *to = *from;
    to->file_path = mem_strdup(from->file_path);
    to->format = mem_strdup(from->format);
    to->youtube_id = mem_strdup(from->youtube_id);
    to->artist = mem_strdup(from->artist);
    to->title = mem_strdup(from->title);
    to->variant = mem_strdup(from->variant);
    to->vendor = mem_strdup(from->vendor);
    to->genre = mem_strdup(from->genre);
    to->reason = mem_strdup(from->reason);
    to->source = mem_strdup(from->source);
    to->language = mem_strdup(from->language);
}

void song_row_set(char **field, const char *value)
{
    char *copy = value && value[0] ? mem_strdup(value) : NULL;

    free(*field);
    *field = copy;
}

int song_row_load(struct db *db, int64_t id, struct song *out, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT " SONG_COLUMNS " FROM songs s WHERE s.id = ?", e);
    struct song row;
    bool found;
    int rc;

    *out = (struct song){0};
    stmt_int(&s, id);
    found = stmt_row(&s);
    if (found) {
        song_row_borrow(&s, &row);
        song_row_copy(&row, out);
    }
    rc = stmt_end(&s);
    if (rc == 0 && !found)
        rc = err_set(e, ERR_NOT_FOUND, "there is no song %lld", (long long)id);
    return rc;
}

/* --- keys ----------------------------------------------------------------------------- */

void song_keys_init(struct song_keys *k)
{
    *k = (struct song_keys){0};
    buf_init(&k->words, WORDS_MAX);
}

void song_keys_deinit(struct song_keys *k)
{
    free(k->artist_key);
    free(k->title_key);
    buf_deinit(&k->words);
}

static char *sort_key(const char *text)
{
    char *key = text ? fold_search(slice_of(text)) : mem_strdup("");
    size_t n = strlen(key);

    if (n > KEY_MAX) {
        n = KEY_MAX;
        while (n && ((unsigned char)key[n] & 0xc0) == 0x80)
            n--;
        key[n] = '\0';
    }
    return key;
}

static bool has_word(struct slice words, struct slice word, bool whole)
{
    const char *p = words.p, *end = words.p + words.n;

    while ((p = memmem(p, (size_t)(end - p), word.p, word.n))) {
        const char *after = p + word.n;
        if ((p == words.p || p[-1] == ' ') && (!whole || after == end || *after == ' '))
            return true;
        p++;
    }
    return false;
}

/* The next word of *rest, which moves behind it; false at the end. */
static bool next_word(struct slice *rest, struct slice *word)
{
    size_t n = 0;

    while (rest->n && rest->p[0] == ' ') {
        rest->p++;
        rest->n--;
    }
    while (n < rest->n && rest->p[n] != ' ')
        n++;
    *word = (struct slice){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

static void add_word(struct buf *words, struct slice word)
{
    if (words->len && has_word((struct slice){words->data, words->len}, word, true))
        return;
    if (words->len + word.n + 1 > WORDS_MAX)
        return;
    if (words->len)
        buf_add_byte(words, ' ');
    buf_add_slice(words, word);
}

static void add_words(struct buf *words, const char *folded)
{
    struct slice rest = slice_of(folded), word;

    while (next_word(&rest, &word))
        add_word(words, word);
}

/* "O'Connor" folds to one word, but people also type two: both are found. */
static void add_parted(struct buf *words, struct slice raw)
{
    char *copy = mem_strndup(raw.p, raw.n), *p, *folded;
    bool any = false;

    for (p = copy; *p; p++)
        if (*p == '\'' || *p == '.') {
            *p = ' ';
            any = true;
        }
    for (p = copy; (p = strstr(p, "\xe2\x80\x99")); any = true)
        memset(p, ' ', 3);
    if (any) {
        folded = fold_search(slice_of(copy));
        add_words(words, folded);
        free(folded);
    }
    free(copy);
}

/* "AC/DC" is two words, but people also type one. */
static void add_joined(struct buf *words, const char *key)
{
    char joined[JOINED_MAX + 1];
    size_t n = 0;

    if (strlen(key) > JOINED_MAX || !strchr(key, ' '))
        return;
    for (; *key; key++)
        if (*key != ' ')
            joined[n++] = *key;
    add_word(words, (struct slice){joined, n});
}

static bool may_part(struct slice raw)
{
    return memchr(raw.p, '\'', raw.n) || memchr(raw.p, '.', raw.n) || memmem(raw.p, raw.n, "\xe2\x80\x99", 3);
}

static void add_text(struct buf *words, struct slice raw)
{
    char *folded = fold_search(raw);

    add_words(words, folded);
    if (may_part(raw))
        add_parted(words, raw);
    free(folded);
}

void song_keys_make(struct song_keys *k, const char *artist, const char *title, struct slice path)
{
    struct song_file file;

    free(k->artist_key);
    free(k->title_key);
    k->artist_key = sort_key(artist);
    k->title_key = sort_key(title);
    buf_reset(&k->words);
    add_words(&k->words, k->artist_key);
    add_joined(&k->words, k->artist_key);
    add_words(&k->words, k->title_key);
    song_file_split(path, &file);
    add_text(&k->words, file.name);
    /* What the name spells with a sign is added by the name; a corrected value may spell it so, too. */
    if (artist && may_part(slice_of(artist)))
        add_parted(&k->words, slice_of(artist));
    if (title && may_part(slice_of(title)))
        add_parted(&k->words, slice_of(title));
    buf_cstr(&k->words);
}

int song_wanted_of(int priority)
{
    return priority >= 1000 ? 2 : priority >= 30 ? 3 : priority >= 20 ? 2 : priority >= 10 ? 1 : 0;
}

/* FNV-1a. */
int64_t song_base_hash(struct slice base)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    int64_t out;

    for (size_t i = 0; i < base.n; i++)
        h = (h ^ (unsigned char)base.p[i]) * UINT64_C(0x100000001b3);
    memcpy(&out, &h, sizeof out);
    return out;
}

/* --- search index --------------------------------------------------------------------- */

int song_row_index_from(struct db *db, int64_t first, struct err *e)
{
    struct stmt s = stmt_of(db, "INSERT INTO songs_fts(rowid, words) SELECT id, words FROM songs WHERE id >= ?", e);

    stmt_int(&s, first);
    return stmt_run(&s);
}

int song_row_index_drop(struct db *db, int64_t id, struct err *e)
{
    struct stmt s =
        stmt_of(db, "INSERT INTO songs_fts(songs_fts, rowid, words) SELECT 'delete', id, words FROM songs WHERE id = ?", e);

    stmt_int(&s, id);
    return stmt_run(&s);
}

int song_row_index_add(struct db *db, int64_t id, struct err *e)
{
    struct stmt s = stmt_of(db, "INSERT INTO songs_fts(rowid, words) SELECT id, words FROM songs WHERE id = ?", e);

    stmt_int(&s, id);
    return stmt_run(&s);
}

static struct slice value_slice(sqlite3_value *v)
{
    const char *p = (const char *)sqlite3_value_text(v);

    return (struct slice){p ? p : "", (size_t)sqlite3_value_bytes(v)};
}

static void sql_has_words(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct slice words = value_slice(argv[0]), rest = value_slice(argv[1]), word;
    bool all = true;

    (void)argc;
    while (all && next_word(&rest, &word))
        all = has_word(words, word, false);
    sqlite3_result_int(ctx, all);
}

int song_row_functions(struct db *db, struct err *e)
{
    int rc = sqlite3_create_function(db->h, "has_words", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_has_words,
                                     NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(db, rc, e);
}

/* --- storing -------------------------------------------------------------------------- */

/* Apart from the rest, because it touches the search and sort indexes: most changes leave the names alone. */
static int save_names(struct db *db, const struct song *a, struct err *e)
{
    struct song_keys k;
    struct stmt s;
    int64_t moved = 0;
    int rc;

    song_keys_init(&k);
    song_keys_make(&k, a->artist, a->title, slice_of(a->file_path));
    s = stmt_of(db, "SELECT 1 FROM songs WHERE id = ? AND words <> ?", e);
    stmt_int(&s, a->id);
    stmt_slice(&s, (struct slice){k.words.data, k.words.len});
    rc = stmt_run_int(&s, &moved);
    if (rc > 0)
        rc = song_row_index_drop(db, a->id, e);
    if (rc == 0) {
        s = stmt_of(db, "UPDATE songs SET artist = ?, title = ?, artist_key = ?, title_key = ?, words = ? WHERE id = ?", e);
        stmt_text(&s, a->artist);
        stmt_text(&s, a->title);
        stmt_text(&s, k.artist_key);
        stmt_text(&s, k.title_key);
        stmt_slice(&s, (struct slice){k.words.data, k.words.len});
        stmt_int(&s, a->id);
        rc = stmt_run(&s);
    }
    if (rc == 0 && moved)
        rc = song_row_index_add(db, a->id, e);
    song_keys_deinit(&k);
    return rc;
}

static int save_rest(struct db *db, const struct song *a, struct err *e)
{
    struct stmt s = stmt_of(db, "UPDATE songs SET variant = ?, year = ?, genre = ?, confidence = ?, metadata_status = ?,"
                                " reason = ?, source = ?, locked = ?, version = ?, updated_at = ? WHERE id = ?", e);
    char iso[32];

    clock_iso(a->updated_ms, iso);
    stmt_text(&s, a->variant);
    stmt_int_or_null(&s, a->year);
    stmt_text(&s, a->genre);
    stmt_num(&s, a->confidence);
    stmt_text(&s, song_status_name(a->status));
    stmt_text(&s, a->reason);
    stmt_text(&s, a->source);
    stmt_int(&s, a->locked);
    stmt_int(&s, a->version);
    stmt_text(&s, iso);
    stmt_int(&s, a->id);
    return stmt_run(&s);
}

/* Triggers keep the mark of songs that another file holds, too; new names may join or leave such a group. */
static int reload_doubled(struct db *db, struct song *a, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT doubled FROM songs WHERE id = ?", e);
    int64_t doubled = 0;
    int rc;

    stmt_int(&s, a->id);
    rc = stmt_run_int(&s, &doubled);
    a->doubled = doubled != 0;
    return rc < 0 ? rc : 0;
}

int song_row_save(struct db *db, const struct song *b, struct song *a, int64_t now_ms, bool *changed, struct err *e)
{
    bool names = !text_same(b->artist, a->artist) || !text_same(b->title, a->title);
    int rc = 0;

    *changed = names || !text_same(b->variant, a->variant) || !text_same(b->genre, a->genre) ||
               !text_same(b->reason, a->reason) || !text_same(b->source, a->source) || b->year != a->year ||
               b->confidence != a->confidence || b->status != a->status || b->locked != a->locked;
    if (!*changed)
        return 0;
    a->version = b->version + 1;
    a->updated_ms = now_ms;
    if (names)
        rc = save_names(db, a, e);
    if (rc == 0)
        rc = save_rest(db, a, e);
    return rc || !names ? rc : reload_doubled(db, a, e);
}
