/* GET /songbook: the songs of a filter as a page to print, as CSV or as JSON. Loop thread, except page_run.
 *
 * The answer is a stream that is written page by page: each page is a read of its own, so no snapshot of the database is held,
 * and the next one is read when the reader has taken most of the last. Whoever stops reading is cut by the server. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/songs_query.h"
#include "base/utf8.h"
#include "song/fold.h"
#include "song/song_json.h"

#define PAGE_SONGS 250
#define PIECE (16 * 1024)   /* given to the stream at once */
#define TITLE_MAX 120

enum book_format { BOOK_HTML, BOOK_CSV, BOOK_JSON };

struct songbook {
    struct dbq_op op;
    struct api *api;
    struct stream *out;      /* NULL once it ended */
    struct songs_query query;
    enum book_format format;
    bool by_title, title_first;
    bool guest;              /* learns nothing of files */
    int columns;
    char *title;             /* heading of the page */
    char *cursor;
    bool reading, last_page, failed;
    int64_t written;         /* songs */
    char letter[8];          /* heading the list stands under */
    char *artist;            /* name the titles stand under; NULL none yet */
    struct buf text;         /* made, not yet given to the stream */
    size_t given;
    struct json_out json;
};

/* --- html (pool, except head and tail) ----------------------------------------------------------- */

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.35 system-ui,sans-serif;margin:1rem auto;max-width:70rem;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;border-bottom:1px solid;margin:1rem 0 .3rem;break-after:avoid}"
    "h3{font-size:1rem;margin:.5rem 0 0;break-after:avoid}"
    "ul{list-style:none;margin:0;padding:0}li{break-inside:avoid;padding-inline-start:1rem;text-indent:-1rem}"
    "h3+ul li{padding-inline-start:2rem}small{opacity:.75}"
    ".c2 .list{columns:2 20rem}.c3 .list{columns:3 14rem}"
    "@media print{:root{color-scheme:light}body{font-size:9pt;margin:0;max-width:none;padding:0}"
    ".c2 .list{columns:2}.c3 .list{columns:3}@page{margin:12mm}}";

static void put_html(struct buf *b, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '&': buf_add_str(b, "&amp;"); break;
        case '<': buf_add_str(b, "&lt;"); break;
        case '>': buf_add_str(b, "&gt;"); break;
        case '"': buf_add_str(b, "&quot;"); break;
        case '\'': buf_add_str(b, "&#39;"); break;
        default: buf_add_byte(b, *text);
        }
    }
}

/* The heading a name stands under: its first letter as it is sorted, "#" for digits and what has no letter. */
static void letter_of(const char *name, char out[8])
{
    char *key = fold_search(slice_of(name ? name : ""));
    unsigned char c = (unsigned char)key[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (c >= 'a' && c <= 'z')
        snprintf(out, 8, "%c", c - 32);
    else if (c < 0x80 || strlen(key) < n)
        snprintf(out, 8, "#");
    else
        snprintf(out, 8, "%.*s", (int)n, key);
    free(key);
}

static void close_list(struct songbook *s)
{
    if (s->artist)
        buf_add_str(&s->text, "</ul>\n");
    free(s->artist);
    s->artist = NULL;
}

/* by artist: the artist once, the titles below; by title: each line whole. */
static void put_headings(struct songbook *s, const char *sorted_by, const char *artist)
{
    char letter[8];

    letter_of(sorted_by, letter);
    if (strcmp(letter, s->letter) != 0) {
        close_list(s);
        snprintf(s->letter, sizeof s->letter, "%s", letter);
        buf_add_str(&s->text, "<h2 dir=\"auto\">");
        put_html(&s->text, letter);
        buf_add_str(&s->text, "</h2>\n");
    }
    if (s->artist && (s->by_title || strcmp(s->artist, artist) == 0))
        return;
    close_list(s);
    s->artist = mem_strdup(artist);
    if (!s->by_title) {
        buf_add_str(&s->text, "<h3 dir=\"auto\">");
        put_html(&s->text, artist[0] ? artist : "?");
        buf_add_str(&s->text, "</h3>");
    }
    buf_add_str(&s->text, "<ul>\n");
}

static void put_line(struct songbook *s, const struct song *song, const char *title)
{
    struct buf *b = &s->text;
    const char *artist = song->artist ? song->artist : "";
    bool both = s->by_title && artist[0], artist_first = both && !s->title_first;

    buf_add_str(b, "<li dir=\"auto\">");
    if (artist_first) {
        put_html(b, artist);
        buf_add_str(b, " - ");
    }
    put_html(b, title);
    if (both && !artist_first) {
        buf_add_str(b, " - ");
        put_html(b, artist);
    }
    if (song->variant) {
        buf_add_str(b, " (");
        put_html(b, song->variant);
        buf_add_byte(b, ')');
    }
    if (song->year)
        buf_addf(b, " <small>%d</small>", song->year);
    buf_add_str(b, "</li>\n");
}

static void put_html_song(struct songbook *s, const struct song *song)
{
    struct song_file file;
    char *title = song->title ? mem_strdup(song->title) : NULL;
    const char *artist = song->artist ? song->artist : "";

    if (!title && s->guest)
        return;
    if (!title) {   /* nothing was read from the name: the name itself */
        song_file_split(slice_of(song->file_path), &file);
        title = utf8_repaired(file.name);
    }
    put_headings(s, s->by_title ? title : artist, artist);
    put_line(s, song, title);
    free(title);
}

static void put_html_head(struct songbook *s)
{
    struct buf *b = &s->text;

    buf_add_str(b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    put_html(b, s->title);
    buf_addf(b, "</title>\n<style>%s</style>\n<body class=\"c%d\">\n<main>\n<h1 dir=\"auto\">", style, s->columns);
    put_html(b, s->title);
    buf_add_str(b, "</h1>\n<div class=\"list\">\n");
}

/* --- csv ------------------------------------------------------------------------------------------ */

/* Always quoted. A spreadsheet takes what begins with these signs for a formula, so it gets an apostrophe before it. */
static void put_cell(struct buf *b, const char *text, bool first)
{
    if (!first)
        buf_add_byte(b, ',');
    buf_add_byte(b, '"');
    if (text && *text && strchr("=+-@\t\r\n", *text))
        buf_add_byte(b, '\'');
    for (; text && *text; text++) {
        if (*text == '"')
            buf_add_byte(b, '"');
        buf_add_byte(b, *text);
    }
    buf_add_byte(b, '"');
}

static void put_csv_song(struct songbook *s, const struct song *song)
{
    char *path = utf8_repaired(slice_of(song->file_path));
    char year[16] = "", confidence[16];
    const char *cells[] = {song->artist, song->title, song->variant, year, song->genre, song->language, song->vendor, confidence,
                           song_status_name(song->status), song->source, song->youtube_id, path};

    if (song->year)
        snprintf(year, sizeof year, "%d", song->year);
    snprintf(confidence, sizeof confidence, "%.2f", song->confidence);
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        put_cell(&s->text, cells[i], i == 0);
    buf_add_str(&s->text, "\r\n");
    free(path);
}

/* --- beginning, songs, end --------------------------------------------------------------------------- */

static void put_head(struct songbook *s)
{
    if (s->format == BOOK_HTML) {
        put_html_head(s);
    } else if (s->format == BOOK_CSV) {
        buf_add_str(&s->text, "artist,title,variant,year,genre,language,vendor,confidence,status,source,youtube_id,file\r\n");
    } else {
        json_out_init(&s->json, &s->text);
        json_open(&s->json, NULL, '{');
        json_open(&s->json, "songs", '[');
    }
}

static void put_tail(struct songbook *s)
{
    if (s->format == BOOK_HTML) {
        close_list(s);
        buf_addf(&s->text, "</div>\n<p><small>%lld</small></p>\n</main>\n</body>\n</html>\n", (long long)s->written);
    } else if (s->format == BOOK_JSON) {
        json_close(&s->json, ']');
        json_close(&s->json, '}');
    }
}

static void put_song(const struct song *song, void *arg)
{
    struct songbook *s = arg;

    s->written++;
    if (s->format == BOOK_HTML)
        put_html_song(s, song);
    else if (s->format == BOOK_CSV)
        put_csv_song(s, song);
    else
        song_json(song, &s->json, NULL);
}

static int page_run(struct db *db, struct dbq_op *op)
{
    struct songbook *s = container_of(op, struct songbook, op);
    char *next = NULL;
    int rc;

    s->query.f.cursor = s->cursor;
    rc = songs_page(db, &s->query.f, put_song, s, &next, &op->err);
    free(s->cursor);
    s->cursor = next;
    s->last_page = next == NULL;
    if (rc == 0 && s->last_page)
        put_tail(s);
    return rc;
}

/* --- the stream (loop) --------------------------------------------------------------------------------- */

static void free_songbook(struct songbook *s)
{
    struct api *a = s->api;

    songs_query_deinit(&s->query);
    free(s->title);
    free(s->cursor);
    free(s->artist);
    buf_deinit(&s->text);
    free(s);
    api_drop(a);
}

static void read_page(struct songbook *s)
{
    s->reading = true;
    buf_reset(&s->text);
    s->given = 0;
    s->json.b = &s->text;
    dbq_read(s->api->d.q, &s->op);
}

/* Gives the stream what it takes; reads on when all was given. May end the stream: the last statement of its callers. */
static void pump(struct songbook *s)
{
    while (s->out && s->given < s->text.len) {
        size_t n = s->text.len - s->given < PIECE ? s->text.len - s->given : PIECE;
        int rc = stream_write(s->out, (struct slice){s->text.data + s->given, n});
        if (rc)   /* full: on_drain goes on; ended: `closed` comes */
            return;
        s->given += n;
    }
    if (s->out && s->last_page)
        stream_end(s->out, (struct slice){0});
    else if (s->out)
        read_page(s);
}

static void page_done(struct dbq_op *op, int rc)
{
    struct songbook *s = container_of(op, struct songbook, op);

    s->reading = false;
    if (!s->out)
        free_songbook(s);
    else if (rc)
        stream_abort(s->out);   /* what was sent is no songbook: the client sees a broken answer */
    else
        pump(s);
}

static void on_drain(void *arg)
{
    struct songbook *s = arg;

    if (!s->reading)
        pump(s);
}

static void on_closed(void *arg)
{
    struct songbook *s = arg;

    s->out = NULL;
    if (!s->reading)
        free_songbook(s);
}

/* --- reading the request -------------------------------------------------------------------------------- */

static int choice_of(const char *const *names, int n, const char *text)
{
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

/* True when the parameter is one of the page's own. */
static bool read_own(struct field_errors *f, struct songbook *s, const char *name, const char *text)
{
    static const char *const formats[] = {"html", "csv", "json"}, *const bys[] = {"artist", "title"};
    static const char *const columns[] = {"1", "2", "3"}, *const bools[] = {"false", "true"};
    int v;

    if (strcmp(name, "format") == 0) {
        if ((v = choice_of(formats, 3, text)) < 0)
            fields_refuse(f, name, "a format is one of html, csv, json");
        else
            s->format = (enum book_format)v;
    } else if (strcmp(name, "by") == 0) {
        if ((v = choice_of(bys, 2, text)) < 0)
            fields_refuse(f, name, "the order is by artist or title");
        else
            s->by_title = v == 1;
    } else if (strcmp(name, "columns") == 0) {
        if ((v = choice_of(columns, 3, text)) < 0)
            fields_refuse(f, name, "columns are 1, 2 or 3");
        else
            s->columns = v + 1;
    } else if (strcmp(name, "verified") == 0) {
        if ((v = choice_of(bools, 2, text)) < 0)
            fields_refuse(f, name, "true or false is needed");
        else if (v)
            s->query.f.status = SONG_MANUAL + 1;
    } else if (strcmp(name, "title") == 0) {
        if (!input_text_ok(slice_of(text), TITLE_MAX))
            fields_refuse(f, name, "a text of at most %d bytes without control characters is needed", TITLE_MAX);
        free(s->title);
        s->title = mem_strdup(text);
    } else {
        return false;
    }
    return true;
}

/* Whether there is a song with that file, of that status and the like is not a guest's affair. */
static bool is_for_guests(const char *key)
{
    static const char *const names[] = {"genre",  "genre_group", "language",       "year",           "min_year", "max_year",
                                        "decade", "added_since", "min_confidence", "max_confidence"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

static void read_parameter(struct field_errors *f, struct songbook *s, struct slice name, struct slice value)
{
    char *key = utf8_repaired(name), *text = mem_strndup(value.p ? value.p : "", value.n);
    bool of_a_list = strcmp(key, "sort") == 0 || strcmp(key, "limit") == 0 || strcmp(key, "cursor") == 0;
    struct err e = {0};

    if (of_a_list)
        fields_refuse(f, key, "the songbook is whole and has its own order; see 'by'");
    else if (read_own(f, s, key, text))
        ;
    else if (s->guest && !is_for_guests(key))
        fields_refuse(f, key, "guests may choose by genre, language, year, decade, added_since and confidence");
    else if (songs_query_set(&s->query, name, value, &e) != 0)
        fields_refuse(f, key, "%s; also known: format, by, columns, verified, title", err_text(&e));
    free(key);
    free(text);
}

static struct songbook *songbook_new(struct request *r, struct api *a, bool page_only)
{
    struct songbook *s = mem_zalloc(sizeof *s);
    const struct device *device;
    struct field_errors f;
    struct slice name, value;

    *s = (struct songbook){.api = a, .columns = 2, .title_first = api_title_first(a),
                           .guest = api_caller(a, r, &device) == CALLER_NOBODY, .title = mem_strdup("Songbook"),
                           .op = {.run = page_run, .done = page_done}};
    songs_query_init(&s->query);
    buf_init(&s->text, 0);
    api_hold(a);
    fields_init(&f, "parameter");
    for (int i = 0; request_query_at(r, i, &name, &value); i++)
        read_parameter(&f, s, name, value);
    songs_query_finish(&s->query);
    if (page_only && s->format != BOOK_HTML)
        fields_refuse(&f, "format", "this page has no other format; see /api/v1/songbook");
    s->query.f.sort = s->by_title ? SORT_TITLE : SORT_ARTIST;
    s->query.f.limit = PAGE_SONGS;
    if (!fields_answer(&f, r))
        return s;
    free_songbook(s);
    return NULL;
}

/* The page may run no script and load nothing; its one style is named by its hash. */
static void set_policy(struct request *r)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    char text[64], *policy;

    SHA256((const unsigned char *)style, sizeof style - 1, sum);
    EVP_EncodeBlock((unsigned char *)text, sum, sizeof sum);
    policy = mem_printf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                        text);
    request_set_header(r, "Content-Security-Policy", policy);
    free(policy);
}

static void answer(struct request *r, struct api *a, bool page_only)
{
    static const char *const types[] = {"text/html; charset=utf-8", "text/csv; charset=utf-8; header=present",
                                        "application/json"};
    struct songbook *s = songbook_new(r, a, page_only);

    if (!s)
        return;
    if (s->format == BOOK_HTML)
        set_policy(r);
    else if (s->format == BOOK_CSV)
        request_set_header(r, "Content-Disposition", "attachment; filename=\"songbook.csv\"");
    request_set_header(r, "Cache-Control", "no-cache");
    s->out = request_stream(r, types[s->format], on_closed, s);
    if (!s->out) {
        free_songbook(s);
        return;
    }
    stream_on_drain(s->out, on_drain, s);
    put_head(s);
    s->reading = true;   /* the head is short: it goes out with the first page */
    dbq_read(a->d.q, &s->op);
}

void handle_songbook(struct request *r, void *app)
{
    answer(r, app, false);
}

void handle_songbook_page(struct request *r, void *app)
{
    answer(r, app, true);
}
