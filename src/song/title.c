/* Reads artist and title from a karaoke name; see title.h. Pure: no I/O, no clock, no state; any thread.
 *
 * The way of a name: title_text.c tidies the bytes, title_scan.c finds words, phrases, vendors and brackets, this file looks
 * for a phrase that names the artist, else title_parts.c parts the name and title_order.c says which part is which. Words and
 * habits are rows of phrases.c, vendors.c, hints.c; the rules with their confidence are rows of title_rules.c. */
#include "song/title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"
#include "song/hints.h"
#include "song/title_model.h"
#include "song/title_order.h"

static const char *const category_names[] = {"standard", "attribution", "instrumental", "legacy"};

const char *guess_category_name(enum guess_category c)
{
    return category_names[c];
}

void guess_deinit(struct guess *g)
{
    free(g->artist);
    free(g->title);
    free(g->variant);
    free(g->vendor);
    *g = (struct guess){0};
}

/* ---- the file name around the name ---- */

static bool is_media_extension(const char *extension)
{
    static const char *const more[] = {"kar", "mid",  "midi", "cdg", "m4a", "m4v", "flac", "ogg", "opus",
                                       "wav", "wma",  "wmv",  "mpg", "dat", "rm",  "rmvb", "ts",  "m2ts",
                                       "3gp", "mpeg", "flv",  "ass", "txt", "aac", "vob"};

    if (song_extension_ok(extension))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        if (strcasecmp(more[i], extension) == 0)
            return true;
    return false;
}

/* A slash parts folders only in what is surely a path: titles hold slashes, too ("AC/DC", "title / artist"). */
static bool is_path(struct slice name, bool media)
{
    const char *slash = name.n ? memrchr(name.p, '/', name.n) : NULL;
    bool spaced;

    if (!slash)
        return false;
    if (name.p[0] == '/' || (name.n > 1 && memcmp(name.p, "./", 2) == 0) || (name.n > 2 && memcmp(name.p, "../", 3) == 0))
        return true;
    spaced = slash > name.p && slash[-1] == ' ' && slash + 1 < name.p + name.n && slash[1] == ' ';
    return media && !spaced && !memchr(slash, ')', (size_t)(name.p + name.n - slash));
}

static bool cut_tail(struct slice *s, const char *tail)
{
    size_t n = strlen(tail);

    if (s->n <= n || strncasecmp(s->p + s->n - n, tail, n) != 0)
        return false;
    s->n -= n;
    return true;
}

/* "... (2)", "... - Copy", "... - Copy (2)": what file managers add. */
static struct slice without_copy_mark(struct slice s)
{
    static const char *const words[] = {" - copy", " - kopie", " - copie", " - copia", " - kopia"};

    if (s.n > 4 && s.p[s.n - 1] == ')' && s.p[s.n - 2] >= '1' && s.p[s.n - 2] <= '9' && s.p[s.n - 3] == '(')
        s = slice_trim((struct slice){s.p, s.n - 3});
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (cut_tail(&s, words[i]))
            break;
    return s;
}

/* "Title-aB3xQ9_Lk2E": the way of older downloaders. Taken off only where no word looks like it: small and capital letters and
 * digits mixed, and the digits not only at the end. */
static struct slice without_old_id(struct slice s)
{
    bool small = false, capital = false, inner = false;
    const char *id = s.p + s.n - 11;

    if (s.n < 14 || id[-1] != '-' || id[-2] == ' ')
        return s;
    for (int i = 0; i < 11; i++) {
        char c = id[i];
        bool digit = c >= '0' && c <= '9', sign = c == '-' || c == '_';
        if (!digit && !sign && !((c | 32) >= 'a' && (c | 32) <= 'z'))
            return s;
        small = small || (c >= 'a' && c <= 'z');
        capital = capital || (c >= 'A' && c <= 'Z');
        inner = inner || (digit && i < 10 && ((id[i + 1] | 32) >= 'a') && (id[i + 1] | 32) <= 'z');
    }
    return small && capital && inner ? (struct slice){s.p, s.n - 12} : s;
}

/* Like song_file_split, but only a media extension is one ("Mr. Brightside" has none), and a slash may belong to the title. */
static struct slice split_name(struct slice name, struct slice *folder, char id[12])
{
    const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
    size_t len = dot ? (size_t)(name.p + name.n - dot - 1) : 0;
    char extension[8] = "";
    bool media = false;

    if (dot && len > 0 && len < sizeof extension) {
        memcpy(extension, dot + 1, len);
        media = is_media_extension(extension);
    }
    if (is_path(name, media)) {
        const char *base = (const char *)memrchr(name.p, '/', name.n) + 1;
        *folder = (struct slice){name.p, (size_t)(base - 1 - name.p)};
        name = (struct slice){base, name.n - (size_t)(base - name.p)};
    }
    if (media && dot >= name.p)
        name.n = (size_t)(dot - name.p);
    name = song_take_id(without_copy_mark(name), id);
    return media && !*id ? without_old_id(name) : name;
}

/* ---- what the name tells beside artist and title ---- */

struct reading {
    struct scan scan;
    struct parts parts;
    struct guess *out;
    struct slice folder;         /* the path before the name; empty when none was given */
    struct slice name;           /* as given, without folder, extension and id */
    const struct vendor *vendor; /* the one whose habit counts, or NULL */
    const char *language;        /* of a phrase, "" none */
    struct slice detail;         /* what the reason names */
    bool blind;                  /* no artist is known */
    enum title_rule rule;
};

static void add_variant(struct buf *b, const char *text)
{
    if (!text || !*text || (b->data && strcasestr(b->data, text)))
        return;
    if (b->len)
        buf_add_str(b, ", ");
    buf_add_str(b, text);
}

/* "(Key of A)", "(Ebm)", "(-2 key)". */
static void add_key(struct buf *b, const struct scan *s, int open)
{
    char *inside = scan_text(s, open + 1, s->tok[open].mate), *text;
    bool named = strcasestr(inside, "key") || strcasestr(inside, "pitch");

    if (!*inside) {
        free(inside);
        inside = mem_strndup(scan_range(s, open + 1, s->tok[open].mate).p, scan_range(s, open + 1, s->tok[open].mate).n);
    }
    named = strcasestr(inside, "key") || strcasestr(inside, "pitch");
    text = named ? mem_strdup(inside) : mem_printf("key of %s", inside);
    add_variant(b, text);
    free(text);
    free(inside);
}

/* The whole bracket where it says more than the table's word ("Live at Wembley"). */
static void add_group_variant(struct buf *b, const struct scan *s, int open)
{
    int first = open + 1, mate = s->tok[open].mate;
    bool only = true;
    const char *word = NULL;

    for (int i = first; i < mate; i++) {
        const struct phrase *p = s->tok[i].phrase;
        if (s->tok[i].type == TOKEN_WORD)
            only = false;
        else if (p && p->kind == PHRASE_VARIANT && !word)
            word = p->variant;
    }
    if (only && word) {
        add_variant(b, word);
    } else {
        struct slice inside = slice_trim(scan_range(s, first, mate));
        char *text = fold_display(inside);
        add_variant(b, text);
        free(text);
    }
}

static void read_groups(struct reading *r, struct buf *variant)
{
    const struct scan *s = &r->scan;

    for (int i = 0; i < s->n; i++) {
        const struct token *t = &s->tok[i];
        if (t->type != TOKEN_OPEN || t->mate < 0)
            continue;
        if (t->role == GROUP_VARIANT)
            add_group_variant(variant, s, i);
        else if (t->role == GROUP_KEY)
            add_key(variant, s, i);
        else if (t->role == GROUP_YEAR)
            r->out->year = slice_year(slice_trim(scan_range(s, i + 1, t->mate)));
        else if (t->role == GROUP_VENDOR && !r->parts.code.n)
            r->parts.code = slice_trim(scan_range(s, i + 1, t->mate));
    }
}

static void read_tokens(struct reading *r, struct buf *variant)
{
    const struct scan *s = &r->scan;

    for (int i = 0; i < s->n; i++) {
        const struct token *t = &s->tok[i];
        if (t->phrase && *t->phrase->language && !*r->language && t->phrase->kind <= PHRASE_INSTR)
            r->language = t->phrase->language;
        if (!t->skip || !t->phrase)
            continue;
        if (t->phrase->kind == PHRASE_INSTR)
            r->out->category = GUESS_INSTRUMENTAL;
        if (t->phrase->kind == PHRASE_VARIANT)
            add_variant(variant, t->phrase->variant);
        if (t->phrase->kind == PHRASE_NOISE && strstr(t->phrase->text, "instrumental"))
            r->out->category = GUESS_INSTRUMENTAL;
    }
}

/* Vendors name themselves best in brackets and tails; a phrase that only one of them uses counts when no other does. */
static const struct vendor *find_vendor(const struct scan *s)
{
    const struct vendor *best = NULL;

    for (int i = 0; i < s->n; i++) {
        const struct token *t = &s->tok[i];
        bool in_bracket = i && s->tok[i - 1].type == TOKEN_OPEN && s->tok[i - 1].role == GROUP_VENDOR;
        bool named;
        if (!t->vendor || (t->vendor->alone && !in_bracket))
            continue;
        named = vendor_is_named(t->vendor);
        if (!best || named)
            best = t->vendor;
    }
    return best;
}

static const char *language_of_script(const char *text)
{
    struct slice s = slice_of(text);
    size_t han = 0, kana = 0, hangul = 0, thai = 0, cyrillic = 0, greek = 0, hebrew = 0, arabic = 0, viet = 0;

    for (size_t i = 0; i < s.n;) {
        int32_t cp;
        if ((unsigned char)s.p[i] < 0x80) {
            i++;
            continue;
        }
        cp = utf8_next(s, &i);
        han += cp >= 0x3400 && cp <= 0x9fff;
        kana += cp >= 0x3041 && cp <= 0x30ff && cp != 0x30fb;
        hangul += cp >= 0xac00 && cp <= 0xd7a3;
        thai += cp >= 0x0e01 && cp <= 0x0e5b;
        cyrillic += cp >= 0x0400 && cp <= 0x04ff;
        greek += cp >= 0x0370 && cp <= 0x03ff;
        hebrew += cp >= 0x05d0 && cp <= 0x05ea;
        arabic += cp >= 0x0620 && cp <= 0x06ff;
        viet += (cp >= 0x1ea0 && cp <= 0x1ef9) || cp == 0x01a1 || cp == 0x01b0 || cp == 0x0103 || cp == 0x0111 || cp == 0x0110 ||
                cp == 0x01a0 || cp == 0x01af || cp == 0x0102;
    }
    if (kana)
        return "ja";
    if (hangul)
        return "ko";
    if (han)
        return "zh";
    return thai ? "th" : cyrillic ? "ru" : greek ? "el" : hebrew ? "he" : arabic ? "ar" : viet ? "vi" : "";
}

/* Names of disc rips and MIDI collections: ids in front, underscores for blanks. */
static bool is_legacy(const struct reading *r)
{
    const struct scan *s = &r->scan;
    bool legacy = r->parts.had_disc || s->text.underscored || s->text.slug;

    for (int i = 0; i < s->n; i++)
        legacy = legacy || (s->tok[i].type == TOKEN_SEP && s->tok[i].sep == SEP_UNDERSCORE) ||
                 (s->tok[i].type == TOKEN_OPEN && (s->tok[i].role == GROUP_CATALOGUE || s->tok[i].role == GROUP_DISC));
    return legacy;
}

static void read_facts(struct reading *r)
{
    struct buf variant;
    const char *script = language_of_script(r->scan.text.text.data);
    const struct vendor *v = r->vendor;

    buf_init(&variant, 200);
    read_groups(r, &variant);
    read_tokens(r, &variant);
    if (r->out->category == GUESS_STANDARD && is_legacy(r))
        r->out->category = GUESS_LEGACY;
    if (variant.len)
        r->out->variant = buf_detach(&variant);
    buf_deinit(&variant);
    if (v)
        r->out->vendor = mem_strdup(v->name);
    else if (r->parts.disc_vendor)
        r->out->vendor = mem_strdup(r->parts.disc_vendor);
    else if (r->parts.code.n)
        r->out->vendor = fold_display(r->parts.code);
    snprintf(r->out->language, sizeof r->out->language, "%s", *script ? script : strcmp(r->language, "en") ? r->language : "");
}

static bool knows_artist(const struct reading *r, struct slice text)
{
    return !r->blind && hint_is_artist(text);
}

/* ---- results ---- */

static void set_rule(struct reading *r, enum title_rule rule)
{
    const struct title_rule_row *row = title_rule_row(rule);
    char detail[80];

    snprintf(detail, sizeof detail, "%.*s", (int)(r->detail.n < 60 ? r->detail.n : 60), r->detail.n ? r->detail.p : "the vendor");
    r->out->rule = row->key;
    r->rule = rule;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(r->out->reason, sizeof r->out->reason, row->reason, detail);
#pragma GCC diagnostic pop
}

/* "Beatles, The" -> "The Beatles". */
static char *unsort_article(char *text)
{
    static const char *const articles[] = {"The", "A",   "An",  "Los", "Las", "Les", "Le", "La",
                                           "El",  "Die", "Der", "Das", "De",  "Il",  "I"};
    char *comma = strrchr(text, ','), *result;

    if (!comma || comma == text || comma[1] != ' ')
        return text;
    for (size_t i = 0; i < ARRAY_LEN(articles); i++)
        if (strcasecmp(comma + 2, articles[i]) == 0) {
            result = mem_printf("%s %.*s", comma + 2, (int)(comma - text), text);
            free(text);
            return result;
        }
    return text;
}

/* "Costello, Elvis", "Knight, Gladys & The Pips" -> first name first; NULL when it is no sort form. */
static char *unsort_person(const char *text)
{
    const char *comma = strchr(text, ','), *amp = strchr(text, '&'), *rest, *end;

    if (!comma || comma == text || comma[1] != ' ' || strchr(comma + 1, ',') || (amp && amp < comma))
        return NULL;
    rest = comma + 2;
    end = strstr(rest, " & ");
    if (!end)
        end = strcasestr(rest, " and ");
    if (!end)
        end = rest + strlen(rest);
    if (end == rest || !((*rest >= 'A' && *rest <= 'Z') || (unsigned char)*rest >= 0x80))
        return NULL;
    return mem_printf("%.*s %.*s%s", (int)(end - rest), rest, (int)(comma - text), text, end);
}

/* Strips one pair of quotation marks around the whole text. */
static char *unquote(char *text)
{
    static const char *const pairs[][2] = {{"\"", "\""}, {"“", "”"},   {"„", "“"},   {"«", "»"},   {"‘", "’"},
                                           {"'", "'"},   {"「", "」"}, {"『", "』"}, {"《", "》"}, {"〈", "〉"}};
    size_t n = strlen(text);

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        size_t a = strlen(pairs[i][0]), b = strlen(pairs[i][1]);
        if (n <= a + b || strncmp(text, pairs[i][0], a) != 0 || strcmp(text + n - b, pairs[i][1]) != 0)
            continue;
        if (memmem(text + a, n - a - b, pairs[i][0], a) && i > 0)
            continue;
        memmove(text, text + a, n - a - b);
        text[n - a - b] = '\0';
        return text;
    }
    return text;
}

/* The name as it is, for when nothing of it may be taken away. Returns new. */
static char *whole_name(const struct reading *r)
{
    const struct buf *text = &r->scan.text.text;
    char *whole = fold_display((struct slice){text->data, text->len});

    if (*whole)
        return whole;
    free(whole);
    return fold_display(r->name);
}

/* Takes both texts. An empty artist is none; an empty title becomes the whole name. */
static void set_names(struct reading *r, char *artist, char *title)
{
    title = unsort_article(unquote(title));
    if (artist)
        artist = unsort_article(artist);
    if (artist && !*artist) {
        free(artist);
        artist = NULL;
    }
    if (!*title) {
        free(title);
        title = whole_name(r);
    }
    r->out->artist = artist;
    r->out->title = title;
}

/* ---- a phrase names the artist ---- */

static bool is_text_token(const struct token *t)
{
    return !t->skip && (t->type == TOKEN_WORD || t->type == TOKEN_PHRASE);
}

/* True when [a, b) holds nothing but noise. */
static bool only_noise(const struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        if (is_text_token(&s->tok[i]) && !token_is_noise(&s->tok[i]))
            return false;
    return true;
}

static int next_separator(const struct scan *s, int i, int end)
{
    while (i < end && !(s->tok[i].type == TOKEN_SEP && s->tok[i].sep < SEP_WEAK))
        i = parts_next(s, i);
    return i;
}

/* A dash ends the artist unless more of the name and then noise follows ("Diddy - Dirty Money | Karaoke"). */
static bool dash_stops(const struct scan *s, int i, int end)
{
    int next = next_separator(s, i + 1, end);

    if (only_noise(s, i + 1, next) || s->tok[i + 1].strong)
        return true;
    for (int k = i + 1; k < end; k++)
        if (s->tok[k].strong)
            return false;
    return true;
}

/* One past the artist that begins at a. */
static int artist_stop(const struct scan *s, int a, int end)
{
    for (int i = a; i < end; i = parts_next(s, i)) {
        const struct token *t = &s->tok[i];
        enum phrase_kind kind = t->phrase ? t->phrase->kind : PHRASE_NONE;
        bool soft = i > a && (kind == PHRASE_LEAD || kind == PHRASE_WEAK || kind == PHRASE_VARIANT);
        if (t->type == TOKEN_SEP && t->sep < SEP_WEAK && (t->sep != SEP_DASH || dash_stops(s, i, end)))
            return i;
        if ((t->strong && i > a) || (t->type == TOKEN_OPEN && t->skip) || (soft && only_noise(s, i, next_separator(s, i, end))))
            return i;
    }
    return end;
}

/* The last quotation mark after a that closes: what follows it is no more of the artist. 0 for none. */
static int closing_quote(const struct scan *s, int a, int end)
{
    int last = 0;

    for (int i = a + 1; i < end; i++) {
        const struct token *next = &s->tok[i + 1];
        if (s->tok[i].type != TOKEN_QUOTE)
            continue;
        if (i + 1 == end || next->type == TOKEN_OPEN || next->type == TOKEN_CLOSE || next->type == TOKEN_SEP ||
            token_is_noise(next))
            last = i;
    }
    return last;
}

/* The artist in the tokens from a on; *stop is one past it. Returns new. */
static char *take_artist(struct scan *s, int a, int end, int *stop)
{
    int quote;

    while (a < end && s->tok[a].type != TOKEN_QUOTE && !is_text_token(&s->tok[a]) && s->tok[a].type != TOKEN_OPEN &&
           !slice_eq_str(scan_token(s, a), "'"))
        a++;
    quote = a < end && s->tok[a].type == TOKEN_QUOTE ? closing_quote(s, a, end) : 0;
    if (quote > a + 1) {
        for (int i = a + 1; i < quote; i++)
            s->tok[i].skip = false;
        *stop = quote + 1;
        return scan_text(s, a + 1, quote);
    }
    *stop = artist_stop(s, a, end);
    return unquote(scan_text(s, a, *stop));
}

static bool same_name(const char *a, const char *b)
{
    char *ka = fold_key(slice_of(a)), *kb = fold_key(slice_of(b));
    bool same = strcmp(ka, kb) == 0;

    free(ka);
    free(kb);
    return same;
}

/* The title among the parts when the artist is known: a part that repeats the artist is not it. */
static char *title_beside(const struct reading *r, const char *artist)
{
    const struct parts *ps = &r->parts;
    int first = 0, last = ps->n - 1;
    char *text;

    if (ps->n == 0)
        return mem_strdup("");
    if (ps->n > 1 && ps->p[0].noise_before && ps->p[0].b - ps->p[0].a <= 2) /* "Karaoke Planet - Title" */
        first++;
    text = scan_text(&r->scan, ps->p[first].a, ps->p[first].b);
    if (last > first && same_name(text, artist)) {
        first++;
    } else if (last > first) {
        free(text);
        text = scan_text(&r->scan, ps->p[last].a, ps->p[last].b);
        last -= same_name(text, artist);
    }
    free(text);
    return scan_text(&r->scan, ps->p[first].a, ps->p[last].b);
}

static int enclosing_group(const struct scan *s, int i)
{
    for (int k = 0; k < i; k = parts_next(s, k))
        if (s->tok[k].type == TOKEN_OPEN && s->tok[k].mate > i)
            return k;
    return -1;
}

static void skip_range(struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        s->tok[i].skip = true;
}

/* "In the Style of Artist - Title": the phrase begins the name. */
static bool read_leading_phrase(struct reading *r, int phrase)
{
    struct scan *s = &r->scan;

    parts_find(s, phrase + 1, s->n, &r->parts);
    if (r->parts.n < 2)
        return false;
    set_names(r, unquote(scan_text(s, r->parts.p[0].a, r->parts.p[0].b)),
              scan_text(s, r->parts.p[1].a, r->parts.p[r->parts.n - 1].b));
    return true;
}

static bool has_text_outside(const struct scan *s, int a, int b)
{
    for (int i = 0; i < s->n; i++)
        if ((i < a || i >= b) && is_text_token(&s->tok[i]) && !(token_is_noise(&s->tok[i])))
            return true;
    return false;
}

/* The artist stands behind token i, in a bracket or to the end; what is before it is the title. */
static bool read_artist_after(struct reading *r, int i, enum title_rule rule)
{
    struct scan *s = &r->scan;
    int group = enclosing_group(s, i), stop;
    int end = group >= 0 ? s->tok[group].mate : s->n;
    char *artist;

    if (group < 0 && !has_text_outside(s, i, s->n) && rule == RULE_PHRASE) {
        r->detail = scan_token(s, i);
        if (!read_leading_phrase(r, i))
            return false;
        set_rule(r, rule);
        r->out->evidence = (struct guess_evidence){.settled = true, .lean = 3};
        return true;
    }
    artist = take_artist(s, i + 1, end, &stop);
    if (!*artist) {
        free(artist);
        return false;
    }
    if (group >= 0) {
        skip_range(s, group, only_noise(s, s->tok[group].mate + 1, s->n) ? s->n : s->tok[group].mate + 1);
        parts_find(s, 0, s->n, &r->parts);
    } else {
        skip_range(s, i, s->n);
        parts_find(s, 0, i, &r->parts);
    }
    r->detail = scan_token(s, i);
    set_names(r, artist, title_beside(r, artist));
    set_rule(r, rule);
    r->out->evidence = (struct guess_evidence){.settled = true, .lean = 5, .extra = r->parts.n > 1};
    return true;
}

static bool read_phrase(struct reading *r)
{
    const struct scan *s = &r->scan;

    for (int i = 0; i < s->n; i++)
        if (s->tok[i].phrase && s->tok[i].phrase->kind == PHRASE_STYLE && i + 1 < s->n) {
            r->out->category = GUESS_ATTRIBUTION;
            if (read_artist_after(r, i, RULE_PHRASE))
                return true;
            r->out->category = GUESS_STANDARD;
            break;
        }
    return false;
}

/* ---- "Title by Artist" ---- */

static bool is_in(const char *const *words, size_t n, struct slice w)
{
    for (size_t i = 0; i < n; i++)
        if (slice_ieq_str(w, words[i]))
            return true;
    return false;
}

/* Words around a "by" that belongs to the title: "Stand by Me", "Down by the River", "Side by Side". */
static bool by_is_title(const struct scan *s, int i)
{
    static const char *const after[] = {"me",   "you",       "your",        "my",       "side",    "night",  "day",
                                        "now",  "one",       "myself",      "yourself", "heart",   "name",   "a",
                                        "in",   "moonlight", "step",        "numbers",  "request", "design", "this",
                                        "that", "its",       "candlelight", "and"};
    static const char *const before[] = {"stand",   "down",    "side",  "day",   "step",   "one",  "little", "night",
                                         "drive",   "passing", "pass",  "close", "gone",   "go",   "stood",  "standing",
                                         "stay",    "swear",   "live",  "play",  "bye",    "as",   "passed", "touched",
                                         "blinded", "killed",  "saved", "led",   "driven", "near", "bit"};

    return i == 0 || i + 1 >= s->n || is_in(after, ARRAY_LEN(after), scan_token(s, i + 1)) ||
           is_in(before, ARRAY_LEN(before), scan_token(s, i - 1));
}

/* "by" parts only where nothing better does, and where noise, a quotation mark or a known artist speaks for it. */
static bool read_by(struct reading *r)
{
    struct scan *s = &r->scan;

    for (int i = s->n - 2; i > 0; i--) {
        const struct token *t = &s->tok[i];
        int group, next, parted;
        bool sure;
        if (!t->phrase || t->phrase->kind != PHRASE_BY || t->skip)
            continue;
        group = enclosing_group(s, i);
        if (group >= 0 && s->tok[group].role != GROUP_BY)
            continue;
        sure = s->tok[i - 1].type == TOKEN_QUOTE || group >= 0;
        next = next_separator(s, i, s->n);
        parted = next_separator(s, 0, i); /* noise in front may be parted from the title */
        if (parted < i && only_noise(s, 0, parted))
            parted = next_separator(s, parted + 1, i);
        if (!sure && (by_is_title(s, i) || parted < i || !only_noise(s, next, s->n)))
            continue;
        if (!sure && !s->has_noise && !knows_artist(r, scan_range(s, i + 1, s->n)))
            continue;
        return read_artist_after(r, i, RULE_BY);
    }
    return false;
}

/* ---- two parts or more ---- */

static enum vendor_separator vendor_separator_of(enum separator sep)
{
    return sep == SEP_PIPE || sep == SEP_BULLET ? VENDOR_PIPE : sep == SEP_COLON ? VENDOR_COLON : VENDOR_DASH;
}

static void fill_case(const struct reading *r, struct order_case *c, enum separator sep)
{
    c->vendor = r->vendor;
    c->sep = sep;
    c->separator = vendor_separator_of(sep);
    c->language = language_of_script(r->scan.text.text.data);
    c->underscored = r->scan.text.underscored;
    c->had_disc = r->parts.had_disc;
    c->numbered = r->parts.digits > 2;
    c->leading_noise_bracket = r->scan.leading_noise_bracket;
    c->karafun_star = r->scan.star && r->scan.has_noise;
    c->blind = r->blind;
    for (int i = 0; i < r->scan.n; i++) {
        const struct phrase *p = r->scan.tok[i].phrase;
        c->title_first_words = c->title_first_words || (p && strcmp(p->language, "tl") == 0);
        c->piano = c->piano || (p && (strstr(p->text, "piano karaoke") || strstr(p->text, "karaoke piano")));
    }
}

/* Takes both texts. A sort form tells the artist where a disc id shows that rippers' habit, or where the turned name is known. */
static bool use_sort_form(struct reading *r, char *left, char *right)
{
    char *turned[2] = {unsort_person(left), unsort_person(right)};

    for (int i = 0; i < 2; i++) {
        bool known = turned[i] && knows_artist(r, slice_of(turned[i]));
        bool habit = r->parts.had_disc && !turned[1 - i] && !knows_artist(r, slice_of(i == 0 ? right : left));
        if (turned[i] && (known || habit)) {
            free(turned[1 - i]);
            set_names(r, turned[i], i == 0 ? right : left);
            free(i == 0 ? left : right);
            r->out->evidence = (struct guess_evidence){.settled = true, .fame = known, .lean = known ? 6 : 4};
            set_rule(r, RULE_SORT_FORM);
            return true;
        }
    }
    free(turned[0]);
    free(turned[1]);
    return false;
}

/* "359 Blue Harbour": 3; 0 when no number and blank begin the text. */
static uint8_t leading_digits(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n < 5 && text[n] == ' ' ? (uint8_t)n : 0;
}

/* Takes both texts. weak: the separator itself is doubtful. */
static void use_two(struct reading *r, char *left, char *right, struct order_case *c, bool weak)
{
    struct order o;

    if (use_sort_form(r, left, right))
        return;
    c->left = left;
    c->right = right;
    order_decide(c, &o);
    if (weak && o.open)
        o.rule = RULE_WEAK;
    r->detail = slice_of(c->vendor ? c->vendor->name : c->karafun_star ? "KaraFun" : "");
    r->out->evidence = (struct guess_evidence){.pair = true,
                                               .title_first = o.title_first,
                                               .settled = !o.open,
                                               .weak = weak,
                                               .fame = o.fame,
                                               .lean = o.lean,
                                               .digits = leading_digits(left),
                                               .extra = r->parts.n > 2,
                                               .style = (uint8_t)(c->sep << 1 | c->underscored)};
    set_names(r, o.title_first ? right : left, o.title_first ? left : right);
    set_rule(r, o.rule);
    r->out->is_ambiguous = o.open;
}

/* "Title - by Artist": the last part begins with the word. */
static bool read_by_part(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct parts *ps = &r->parts;
    const struct part *last = &ps->p[ps->n - 1];
    int by = last->a;

    while (by < last->b && !is_text_token(&s->tok[by]))
        by++;
    if (by + 1 >= last->b || !s->tok[by].phrase || s->tok[by].phrase->kind != PHRASE_BY || by_is_title(s, by))
        return false;
    r->detail = scan_token(s, by);
    set_names(r, unquote(scan_text(s, by + 1, last->b)), scan_text(s, ps->p[0].a, ps->p[ps->n - 2].b));
    set_rule(r, RULE_BY);
    r->out->evidence = (struct guess_evidence){.settled = true, .lean = 4, .extra = ps->n > 2};
    return true;
}

/* The last of three or more parts has nothing to do with the song: "A - T | ...", and "T Karaoke | A | Film". */
static bool is_aside(const struct parts *ps)
{
    enum separator last = ps->p[ps->n - 1].sep, first = ps->p[1].sep;
    bool behind = last == SEP_PIPE || last == SEP_BULLET;

    return (behind && first != SEP_PIPE && first != SEP_BULLET) ||
           (last == first && (ps->p[0].noise_behind || ps->p[0].noise_part_after));
}

static void read_many(struct reading *r)
{
    struct scan *s = &r->scan;
    struct parts *ps = &r->parts;
    struct order_case c = {.left_part = &ps->p[0], .right_part = &ps->p[ps->n - 1]};
    int left = 1; /* parts that are the left text */
    bool extra = false;

    /* Behind a pipe or bullet stands what has nothing to do with "A - B". */
    while (ps->n > 2 && is_aside(ps)) {
        skip_range(s, ps->p[ps->n - 1].a, ps->p[ps->n - 1].b);
        ps->n--;
    }
    fill_case(r, &c, ps->p[1].sep);
    c.right_part = &ps->p[ps->n - 1];
    if (ps->n > 2) {
        struct slice last = scan_range(s, ps->p[ps->n - 1].a, ps->p[ps->n - 1].b);
        bool title_first = r->vendor && r->vendor->order[c.separator] == VENDOR_TITLE_FIRST;
        extra = true;
        if (title_first || knows_artist(r, last) || c.karafun_star)
            left = ps->n - 1;
    }
    use_two(r, scan_text(s, ps->p[0].a, ps->p[left - 1].b), scan_text(s, ps->p[left].a, ps->p[ps->n - 1].b), &c, extra);
}

/* ---- one part: perhaps a weak separator ---- */

static int count_weak(const struct scan *s, const struct part *p, enum separator sep, int *at)
{
    int count = 0;

    for (int i = p->a; i < p->b; i = parts_next(s, i)) {
        const struct token *t = &s->tok[i];
        if (t->type != TOKEN_SEP || t->sep != sep || t->skip || i == p->a || i == p->b - 1)
            continue;
        if (!count++)
            *at = i;
    }
    return count;
}

static bool is_capital(const struct scan *s, int i)
{
    char c = s->text.text.data[s->tok[i].at];

    return c < 'a' || c > 'z';
}

/* "BlueHarbour": words written together. */
static bool has_hump(struct slice s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z' && s.p[i - 1] >= 'a' && s.p[i - 1] <= 'z')
            return true;
    return false;
}

/* A hyphen without blanks parts only where both sides look like it: "Take A Bow-Rihanna", not "Anti-Hero". */
static bool tight_parts(const struct reading *r, const struct part *p, int at)
{
    const struct scan *s = &r->scan;
    struct slice left = scan_range(s, p->a, at), right = scan_range(s, at + 1, p->b);

    if (s->text.underscored || r->parts.had_disc)
        return true;
    if (knows_artist(r, left) || knows_artist(r, right) || (has_hump(left) && has_hump(right) && p->b - p->a == 3))
        return true;
    return at - p->a >= 2 && is_capital(s, at + 1) && is_capital(s, at - 1) && !knows_artist(r, scan_range(s, p->a, p->b)) &&
           s->tok[at + 1].type == TOKEN_WORD && s->tok[at + 1].end - s->tok[at + 1].at > 2 && p->b - at == 2 + (p->b - at > 2);
}

/* One underscore parts squashed names ("AllMyLife_AdaVale") and known artists; else it is a blank: "Moon_River". */
static bool underscore_parts(const struct reading *r, const struct part *p, int at)
{
    struct slice left = scan_range(&r->scan, p->a, at), right = scan_range(&r->scan, at + 1, p->b);

    if (left.n > 3 && right.n > 3 && (memchr(left.p, ' ', left.n) || memchr(right.p, ' ', right.n)))
        return true; /* "Ada Vale_Blue Harbour" */
    return has_hump(left) || has_hump(right) || knows_artist(r, left) || knows_artist(r, right);
}

static bool split_part(struct reading *r, int at, int behind, enum separator sep)
{
    struct scan *s = &r->scan;
    struct part p = r->parts.p[0];
    struct order_case c = {0};
    char *left = scan_text(s, p.a, at), *right = scan_text(s, behind, p.b);

    if (!*left || !*right) {
        free(left);
        free(right);
        return false;
    }
    fill_case(r, &c, sep);
    use_two(r, left, right, &c, sep != SEP_COLON || !c.vendor);
    return true;
}

static bool read_weak(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];
    int at = 0;

    if (count_weak(s, p, SEP_COLON, &at) == 1 && s->has_noise)
        return split_part(r, at, at + 1, SEP_COLON);
    if (count_weak(s, p, SEP_GAP, &at) == 1)
        return split_part(r, at, at + 1, SEP_GAP);
    if (count_weak(s, p, SEP_UNDERSCORE, &at) == 1 && underscore_parts(r, p, at))
        return split_part(r, at, at + 1, SEP_UNDERSCORE);
    if (count_weak(s, p, SEP_TIGHT, &at) == 1 && tight_parts(r, p, at))
        return split_part(r, at, at + 1, SEP_TIGHT);
    return false;
}

static bool has_words(const struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        if (is_text_token(&s->tok[i]))
            return true;
    return false;
}

/* "[Ada Vale]" -> "Ada Vale". */
static char *unbracket(char *text)
{
    size_t n = strlen(text);

    if (n > 2 && ((text[0] == '[' && text[n - 1] == ']') || (text[0] == '(' && text[n - 1] == ')'))) {
        memmove(text, text + 1, n - 2);
        text[n - 2] = '\0';
    }
    return text;
}

/* "Title Karaoke Artist": noise in the middle parts, and the title comes first. */
static bool read_noise_between(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];

    for (int i = p->a + 1; i + 1 < p->b; i++) {
        const struct token *t = &s->tok[i];
        bool bracket = t->type == TOKEN_OPEN && t->skip && t->role == GROUP_NOISE;
        int behind = bracket ? t->mate + 1 : i + 1;
        if (!bracket && (!t->strong || t->type != TOKEN_PHRASE || !t->phrase || t->phrase->kind != PHRASE_NOISE))
            continue;
        if (behind >= p->b || !has_words(s, behind, p->b))
            continue;
        if (s->tok[behind].phrase &&
            s->tok[behind].phrase->kind >= PHRASE_NOISE) { /* "... karaoke with words in two languages" */
            set_names(r, NULL, scan_text(s, p->a, i));
            set_rule(r, RULE_TITLE_ONLY);
            return true;
        }
        set_names(r, unbracket(scan_text(s, behind, p->b)), scan_text(s, p->a, i));
        if (!r->out->artist) {
            guess_deinit(r->out);
            return false;
        }
        set_rule(r, RULE_WEAK);
        r->out->evidence = (struct guess_evidence){.pair = true, .title_first = true, .weak = true, .lean = 3};
        r->out->is_ambiguous = true;
        return true;
    }
    return false;
}

static bool is_lenticular(const struct scan *s, int i)
{
    return slice_eq_str(scan_token(s, i), "【");
}

static bool begins_with_phrase(const struct scan *s, int a, int b)
{
    while (a < b && !is_text_token(&s->tok[a]))
        a++;
    return a < b && s->tok[a].phrase != NULL;
}

/* "五月天《倔强》伴奏", "『Title』 Artist": what stands in quotation marks of East Asia is the title. */
static bool read_title_bracket(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];
    int open = -1, mate;
    char *artist;

    for (int i = p->a; i < p->b && open < 0; i = parts_next(s, i))
        if (s->tok[i].type == TOKEN_OPEN &&
            (s->tok[i].role == GROUP_TITLE || (s->tok[i].role == GROUP_TEXT && is_lenticular(s, i) && i > p->a)))
            open = i;
    if (open < 0)
        return false;
    mate = s->tok[open].mate;
    artist = open > p->a ? scan_text(s, p->a, open) : scan_text(s, mate + 1, p->b);
    if (!*artist || (open > p->a && !only_noise(s, mate + 1, p->b) && !begins_with_phrase(s, mate + 1, p->b))) {
        free(artist);
        return false;
    }
    set_names(r, artist, scan_text(s, open + 1, mate));
    set_rule(r, RULE_QUOTED);
    r->out->evidence = (struct guess_evidence){.settled = true, .lean = 4};
    return true;
}

/* 'Ada Vale "Blue Harbour" karaoke': the quotation marks end the name, so they are not part of the artist's. */
static bool read_quoted_end(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];
    int open = -1, close = -1, count = 0;

    for (int i = p->a; i < p->b; i = parts_next(s, i)) {
        if (s->tok[i].type != TOKEN_QUOTE || s->tok[i].skip)
            continue;
        *(count++ ? &close : &open) = i;
    }
    if (count != 2 || close <= open + 1 || open <= p->a || !has_words(s, p->a, open) || !only_noise(s, close + 1, p->b) ||
        only_noise(s, open + 1, close))
        return false;
    set_names(r, scan_text(s, p->a, open), scan_text(s, open + 1, close));
    set_rule(r, RULE_QUOTED);
    r->out->evidence = (struct guess_evidence){.settled = true, .lean = 3};
    return true;
}

/* "Ada Vale 'Blue Harbour' karaoke": the same with single marks, which must not be apostrophes ("'Til Mornin'"). */
static bool read_single_quoted_end(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];
    int open = -1, last = p->b - 1;
    struct slice end;
    char *title;

    while (last > p->a && (s->tok[last].skip || token_is_noise(&s->tok[last])))
        last--;
    for (int i = p->a + 1; i < last; i++)
        if (slice_eq_str(scan_token(s, i), "'"))
            open = open < 0 ? i : last;
    end = scan_token(s, last);
    if (!s->has_noise || open < 0 || open >= last || end.n < 2 || end.p[end.n - 1] != '\'' ||
        s->tok[open].at == s->tok[open - 1].end)
        return false;
    if (end.n > 3 && strncasecmp(end.p + end.n - 3, "in'", 3) == 0)
        return false;
    title = scan_text(s, open + 1, last + 1);
    title[strlen(title) - 1] = '\0';
    set_names(r, scan_text(s, p->a, open), title);
    set_rule(r, RULE_QUOTED);
    r->out->evidence = (struct guess_evidence){.settled = true, .lean = 3};
    return true;
}

/* "Blue Harbour (Ada Vale) karaoke": the last bracket holds what looks like an artist. */
static bool read_bracket_artist(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];
    int open = -1, end;
    struct part_look look;
    struct slice inside;

    for (int i = p->a; i < p->b; i = parts_next(s, i))
        if (s->tok[i].type == TOKEN_OPEN && !s->tok[i].skip && s->tok[i].role == GROUP_TEXT)
            open = i;
    if (!s->has_noise || open <= p->a || !only_noise(s, s->tok[open].mate + 1, s->n))
        return false;
    end = open;
    inside = scan_range(s, open + 1, s->tok[open].mate);
    hint_look(inside, &look);
    if (r->blind)
        look.fame = FAME_NONE;
    if (look.fame != FAME_NAME && (look.artist < 3 || look.title > 0 || look.words < 2))
        return false;
    for (int i = open; i > p->a + 1 && token_is_noise(&s->tok[i - 1]); i--)
        end = s->tok[i - 1].strong ? i - 1 : end;
    skip_range(s, end, open);
    set_names(r, scan_text(s, open + 1, s->tok[open].mate), scan_text(s, p->a, end));
    set_rule(r, RULE_NO_SEPARATOR);
    r->out->evidence =
        (struct guess_evidence){.fame = look.fame == FAME_NAME, .weak = true, .lean = look.fame == FAME_NAME ? 4 : 2};
    r->out->is_ambiguous = true;
    return true;
}

/* A known artist at either end of a name that says it is karaoke. Without that, only in front, and of two words or more:
 * "Elton John Blue Harbour.mp4", but not "Queen Of Hearts.mp4". */
static bool read_no_separator(struct reading *r)
{
    struct scan *s = &r->scan;
    const struct part *p = &r->parts.p[0];
    char *text = scan_text(s, p->a, p->b);
    struct slice t = slice_of(text);
    size_t split;
    bool front = !r->blind && hint_split_artist(t, false, &split) && (s->has_noise || memchr(text, ' ', split));
    bool found = front || (s->has_noise && !r->blind && hint_split_artist(t, true, &split));

    if (found) {
        char *a = fold_display((struct slice){t.p, split}), *b = fold_display((struct slice){t.p + split, t.n - split});
        set_names(r, front ? a : b, front ? b : a);
        set_rule(r, RULE_NO_SEPARATOR);
        r->out->evidence = (struct guess_evidence){.fame = true, .weak = true, .lean = 3};
        r->out->is_ambiguous = true;
    }
    free(text);
    return found;
}

/* "城里的月光 许美静": one blank, both sides Asian, one side looks like a name. */
static bool read_asian_blank(struct reading *r)
{
    const struct part p = r->parts.p[0];
    char *text = scan_text(&r->scan, p.a, p.b), *blank = strchr(text, ' ');
    struct order_case c = {.sep = SEP_GAP};
    struct part_look l, m;
    bool found = false;

    if (blank && !strchr(blank + 1, ' ') && (unsigned char)text[0] >= 0xe3 && (unsigned char)blank[1] >= 0xe3) {
        hint_look((struct slice){text, (size_t)(blank - text)}, &l);
        hint_look(slice_of(blank + 1), &m);
        if (l.artist != m.artist || l.fame != m.fame) {
            fill_case(r, &c, SEP_GAP);
            use_two(r, mem_strndup(text, (size_t)(blank - text)), mem_strdup(blank + 1), &c, true);
            found = true;
        }
    }
    free(text);
    return found;
}

/* "Ada Vale/Blue Harbour.mp4", "Ada Vale/Album/01 Blue Harbour.mp4": a folder that is surely an artist; empty when none is. */
static struct slice folder_artist(const struct reading *r)
{
    struct slice rest = r->folder;

    for (int depth = 0; depth < 2 && rest.n; depth++) {
        const char *slash = memrchr(rest.p, '/', rest.n);
        size_t at = slash ? (size_t)(slash + 1 - rest.p) : 0;
        struct slice name = {rest.p + at, rest.n - at};
        if (!r->blind && artist_fame(name) == FAME_NAME)
            return name;
        rest.n = slash ? at - 1 : 0;
    }
    return (struct slice){"", 0};
}

static void read_title_only(struct reading *r)
{
    struct scan *s = &r->scan;
    char *title = r->parts.n ? scan_text(s, r->parts.p[0].a, r->parts.p[0].b) : mem_strdup("");
    bool catalogue = false, text = false;
    struct slice artist;

    for (int i = 0; i < s->n; i++)
        text = text || s->tok[i].type == TOKEN_WORD || s->tok[i].type == TOKEN_PHRASE;
    for (int i = 0; i < s->n; i++)
        catalogue = catalogue || (s->tok[i].type == TOKEN_OPEN && s->tok[i].role == GROUP_CATALOGUE);
    if (!strchr(title, ' '))
        for (char *u = title; (u = strchr(u, '_')); u++)
            *u = ' '; /* "Moon_River" */
    artist = text && *title ? folder_artist(r) : (struct slice){"", 0};
    set_names(r, artist.n ? fold_display(artist) : NULL, title);
    set_rule(r, artist.n ? RULE_FOLDER : text ? RULE_TITLE_ONLY : RULE_EMPTY);
    r->out->evidence = (struct guess_evidence){.catalogue = catalogue && !artist.n, .settled = artist.n > 0, .lean = 0};
}

static void read_parts(struct reading *r)
{
    struct scan *s = &r->scan;

    parts_find(s, 0, s->n, &r->parts);
    if (r->parts.part_vendor)
        r->vendor = r->parts.part_vendor;
    if (r->parts.n >= 2 && read_by_part(r))
        return;
    if (r->parts.n >= 2)
        read_many(r);
    else if (r->parts.n == 0 || !(read_title_bracket(r) || read_quoted_end(r) || read_weak(r) || read_single_quoted_end(r) ||
                                  read_bracket_artist(r) || read_noise_between(r) || read_no_separator(r) || read_asian_blank(r)))
        read_title_only(r);
}

/* ---- what the confidence rests on ---- */

static uint32_t hash_step(uint32_t h, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h;
}

static bool is_residue(const struct scan *s, int i)
{
    const struct token *t = &s->tok[i];

    if (t->skip)
        return false;
    if (t->type == TOKEN_SEP)
        return true;
    if (t->type == TOKEN_OPEN)
        return t->role != GROUP_TITLE;
    return t->phrase && t->phrase->kind >= PHRASE_NOISE && t->phrase->kind <= PHRASE_VARIANT;
}

/* What was taken away shows whose hand wrote the name; what stayed although it looks like noise makes the reading less sure. */
static void read_evidence(struct reading *r)
{
    const struct scan *s = &r->scan;
    struct guess_evidence *v = &r->out->evidence;
    uint32_t hand = 2166136261u;
    int residue = 0, words = 0;

    for (int i = 0; i < s->n; i++) {
        const struct token *t = &s->tok[i];
        residue += is_residue(s, i);
        words += !t->skip && (t->type == TOKEN_WORD || t->type == TOKEN_PHRASE);
        if (t->skip && t->role != GROUP_YEAR && (t->phrase || t->vendor || t->type == TOKEN_OPEN))
            hand = hash_step(hand, s->text.lower.data + t->at, t->end - t->at);
    }
    residue -= v->pair && r->parts.n < 2; /* the weak sign that parts them */
    for (int i = 1; i < r->parts.n; i++)
        residue -= v->pair && residue > 0;
    v->residue = (uint8_t)(residue < 0 ? 0 : residue > 9 ? 9 : residue);
    v->words = (uint8_t)(words > 255 ? 255 : words);
    v->hand = hash_step(hand, r->out->language, strlen(r->out->language));
    v->noise = s->has_noise;
    v->number = (uint8_t)r->parts.digits;
}

/* A name of more tokens than any song has: kept whole. */
static void read_whole(struct reading *r)
{
    set_names(r, NULL, mem_strdup(""));
    set_rule(r, RULE_TITLE_ONLY);
}

static struct slice bounded(struct slice name)
{
    if (name.n > TITLE_MAX_BYTES) {
        name.n = TITLE_MAX_BYTES;
        while (name.n && ((unsigned char)name.p[name.n] & 0xc0) == 0x80)
            name.n--;
    }
    return name;
}

static void parse(struct slice name, bool blind, struct guess *out)
{
    struct reading r;
    char id[12];
    struct slice folder = {"", 0}, bare = split_name(bounded(name), &folder, id);

    memset(out, 0, sizeof *out);
    memcpy(out->youtube_id, id, sizeof id);
    r.out = out;
    r.blind = blind;
    r.rule = RULE_EMPTY;
    r.name = bare;
    r.folder = folder;
    r.vendor = NULL;
    r.language = "";
    r.detail = (struct slice){"", 0};
    memset(&r.parts, 0, sizeof r.parts);
    scan_init(&r.scan, bare);
    r.vendor = r.scan.overflow ? NULL : find_vendor(&r.scan);
    if (r.scan.text.text.len == 0) {
        out->title = whole_name(&r);
        set_rule(&r, RULE_EMPTY);
    } else if (r.scan.overflow) {
        read_whole(&r);
    } else {
        if (!read_phrase(&r) && !read_by(&r))
            read_parts(&r);
        read_facts(&r);
        read_evidence(&r);
    }
    out->confidence = title_confidence(r.rule, &out->evidence);
    scan_deinit(&r.scan);
}

void title_parse(struct slice name, struct guess *out)
{
    parse(name, false, out);
}

void title_parse_blind(struct slice name, struct guess *out)
{
    parse(name, true, out);
}

char *guess_tidy(const struct guess *g, bool title_first)
{
    const char *title = g->title ? g->title : "";

    if (!g->artist || !*g->artist)
        return mem_strdup(title);
    return title_first ? mem_printf("%s - %s", title, g->artist) : mem_printf("%s - %s", g->artist, title);
}
