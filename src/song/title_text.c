/* Bytes to tidy text; see title_text.h. Pure: no I/O, no state; any thread. */
#include "song/title_text.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool is_ascii(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] >= 0x80)
            return false;
    return true;
}

/* "&amp;", "&#39;", "&#x27;" at *pos: appends what they mean and moves *pos. */
static bool take_entity(struct buf *out, struct slice s, size_t *pos)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {{"amp;", '&'}, {"quot;", '"'}, {"apos;", '\''}, {"lt;", '<'}, {"gt;", '>'}, {"nbsp;", ' '}};
    const char *p = s.p + *pos + 1;
    size_t left = s.n - *pos - 1, i = 1;
    int32_t cp = 0;
    bool hex;

    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        size_t len = strlen(names[k].name);
        if (left >= len && strncasecmp(p, names[k].name, len) == 0) {
            buf_add_byte(out, names[k].c);
            *pos += len + 1;
            return true;
        }
    }
    if (left < 3 || p[0] != '#')
        return false;
    hex = p[1] == 'x' || p[1] == 'X';
    for (i += hex; i < left && i < 9 && p[i] != ';'; i++) {
        char c = p[i], low = (char)(c | 32);
        int d = c >= '0' && c <= '9' ? c - '0' : hex && low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (d < 0)
            return false;
        cp = cp * (hex ? 16 : 10) + d;
        if (cp > 0x10ffff)
            return false;
    }
    if (i >= left || p[i] != ';' || cp < 0x20 || (cp >= 0xd800 && cp <= 0xdfff))
        return false;
    utf8_put(out, cp);
    *pos += i + 2;
    return true;
}

/* What a downloader or a Japanese keyboard wrote for an ASCII character; 0 when the code point stays. */
static char ascii_for(int32_t cp)
{
    if ((cp >= 0xff10 && cp <= 0xff19) || (cp >= 0xff21 && cp <= 0xff3a) || (cp >= 0xff41 && cp <= 0xff5a))
        return (char)(cp - 0xff01 + 0x21);
    switch (cp) {
    case 0x29f8:
    case 0xff0f:
    case 0x2215:
        return '/';
    case 0x29f9:
    case 0xff3c:
        return '\\';
    case 0xff5c:
    case 0x2502:
    case 0x2503:
    case 0x01c0:
    case 0x2758:
        return '|';
    case 0xff02:
        return '"';
    case 0xff0a:
        return '*';
    case 0xff08:
        return '(';
    case 0xff09:
        return ')';
    case 0xff3b:
        return '[';
    case 0xff3d:
        return ']';
    case 0xff5b:
        return '{';
    case 0xff5d:
        return '}';
    case 0xff0d:
        return '-';
    case 0xff06:
        return '&';
    case 0xff07:
        return '\'';
    case 0xff3f:
        return '_';
    default:
        return 0;
    }
}

static bool is_blank_cp(int32_t cp)
{
    return cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || (cp >= 0x80 && cp < 0xa0) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static bool is_invisible_cp(int32_t cp)
{
    return cp == 0x200b || cp == 0x200e || cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x2069) ||
           cp == 0xfeff || cp == 0x061c || cp == 0xad;
}

/* A blank; the second in a row makes the first a gap. A wide or odd blank is never one half of a gap. */
static void put_blank(struct buf *out, bool may_gap)
{
    char *last = out->len ? &out->data[out->len - 1] : NULL;

    if (!last)
        return;
    if (*last == ' ' && may_gap)
        *last = TEXT_GAP;
    else if (*last != ' ' && *last != TEXT_GAP)
        buf_add_byte(out, ' ');
}

static void put_unicode(struct buf *out, struct slice s, size_t *pos)
{
    size_t at = *pos;
    int32_t cp = utf8_next(s, pos);
    char c = cp < 0 ? 0 : ascii_for(cp);

    if (cp < 0)
        buf_add_str(out, "\xef\xbf\xbd");
    else if (c)
        buf_add_byte(out, c);
    else if (cp == 0xff1a || cp == 0xa789)
        buf_add_str(out, ": ");
    else if (is_blank_cp(cp))
        put_blank(out, false);
    else if (!is_invisible_cp(cp))
        buf_add(out, s.p + at, *pos - at);
}

static void put_clean(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '&' && take_entity(out, s, &i))
            continue;
        if (c >= 0x80) {
            put_unicode(out, s, &i);
            continue;
        }
        if (c <= ' ' || c == 0x7f)
            put_blank(out, c == ' ');
        else
            buf_add_byte(out, (char)c);
        i++;
    }
    while (out->len && (out->data[out->len - 1] == ' ' || out->data[out->len - 1] == TEXT_GAP))
        out->data[--out->len] = '\0';
}

/* "don_t", "it_s", "we_ll": the underscore at i stands for an apostrophe. */
static bool is_apostrophe(const struct buf *b, size_t i)
{
    static const char *const ends[] = {"s", "t", "m", "re", "ll", "ve", "d"};
    const char *p = b->data + i + 1;

    if (i == 0 || !is_alpha(b->data[i - 1]))
        return false;
    for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
        size_t n = strlen(ends[k]);
        if (i + n < b->len && strncasecmp(p, ends[k], n) == 0 && !is_alpha(p[n]) && !(p[n] >= '0' && p[n] <= '9')) {
            char before = (char)(b->data[i - 1] | 32);
            return *ends[k] == 's' || (*ends[k] == 't' ? before == 'n' : *ends[k] == 'm' ? before == 'i' : i > 1);
        }
    }
    return false;
}

/* In a name with blanks: " _ " was a forbidden character (mostly a pipe), "n_t" an apostrophe; between words it parts. */
static void underscores_beside_blanks(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++) {
        bool open = i == 0 || b->data[i - 1] == ' ', close = i + 1 == b->len || b->data[i + 1] == ' ';
        if (b->data[i] != '_')
            continue;
        if (open && close)
            b->data[i] = '|';
        else if (open || close || b->data[i + 1] == '(' || b->data[i + 1] == '[' || b->data[i - 1] == ')')
            b->data[i] = ' ';
        else if (is_apostrophe(b, i))
            b->data[i] = '\'';
    }
}

/* "Ada_Vale - Blue_Harbour": the only blanks are those of dashes, so underscores are the others. */
static bool only_around_dashes(const struct buf *b, size_t blanks)
{
    size_t around = 0;

    for (size_t i = 1; i + 1 < b->len; i++)
        if (b->data[i] == '-')
            around += (b->data[i - 1] == ' ') + (b->data[i + 1] == ' ');
    return around == blanks;
}

static void underscores_between_words(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] == '_')
            b->data[i] = is_apostrophe(b, i) ? '\'' : ' ';
}

/* "ada-vale_blue-harbour": hyphens are the blanks, the one underscore parts. */
static bool hyphens_for_blanks(struct title_text *x)
{
    struct buf *b = &x->text;
    char *under = memchr(b->data, '_', b->len);
    size_t hyphens = 0;

    for (size_t i = 0; i < b->len; i++)
        hyphens += b->data[i] == '-' && i > 0 && is_alpha(b->data[i - 1]);
    if (!under || under == b->data || !under[1] || memchr(under + 1, '_', b->len - (size_t)(under + 1 - b->data)) || hyphens < 2)
        return false;
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] == '-')
            b->data[i] = ' ';
    *under = '|';
    return true;
}

/* In a name without blanks every underscore is one, but a single one may part artist and title. */
static void underscores_for_blanks(struct title_text *x, size_t count, size_t hyphens)
{
    struct buf *b = &x->text;

    size_t first = (size_t)((char *)memchr(b->data, '_', b->len) - b->data);

    if (count == 1 && hyphens == 0 && !memchr(b->data, '(', b->len) && !is_apostrophe(b, first))
        return;
    for (size_t i = 0; i + 2 < b->len; i++)
        if (memcmp(b->data + i, "___", 3) == 0)
            memcpy(b->data + i, " - ", 3);
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] == '_')
            b->data[i] = is_apostrophe(b, i) ? '\'' : ' ';
    x->underscored = true;
}

/* "Ada.Vale.-.Blue.Harbour": in a name without blanks, dots between words are blanks. */
static void dots_for_blanks(struct buf *b)
{
    size_t dots = 0, single = 0;

    for (size_t i = 1; i + 1 < b->len; i++)
        if (b->data[i] == '.') {
            dots++;
            single += b->data[i + 1] == '.' || i < 2 || b->data[i - 2] == '.' ||
                      (i + 2 < b->len && b->data[i + 2] == '.' && b->data[i + 1] != '-');
        }
    if (dots < 2 || single * 2 > dots)
        return;
    for (size_t i = 1; i + 1 < b->len; i++)
        if (b->data[i] == '.')
            b->data[i] = ' ';
}

/* "SC7550-01-Ada Vale-Blue Harbour": the hyphen behind disc and track parts them from the names. */
static void part_disc(struct buf *b)
{
    size_t i = 0, letters, digits, track;

    while (i < b->len && is_alpha(b->data[i]) && (unsigned char)b->data[i] < 0x80)
        i++;
    letters = i;
    while (i < b->len && b->data[i] >= '0' && b->data[i] <= '9')
        i++;
    digits = i - letters;
    if (letters < 1 || letters > 6 || digits < 2 || i >= b->len || b->data[i++] != '-')
        return;
    track = i;
    while (i < b->len && b->data[i] >= '0' && b->data[i] <= '9')
        i++;
    if (i - track >= 1 && i - track <= 2 && i + 1 < b->len && b->data[i] == '-' && is_alpha(b->data[i + 1]))
        b->data[i] = '|';
}

/* "01-Ada Vale-Blue Harbour": two hyphens without blanks, the first behind a track number. */
static void part_track(struct title_text *x)
{
    struct buf *b = &x->text;
    size_t hyphens = 0;
    bool spaced = strstr(b->data, " - ") != NULL;

    for (size_t i = 0; i < b->len; i++)
        hyphens += b->data[i] == '-';
    if (spaced || hyphens != 2 || b->len < 6 || b->data[2] != '-' || !is_alpha(b->data[3]) || b->data[0] < '0' ||
        b->data[0] > '3' || b->data[1] < '0' || b->data[1] > '9' || !memchr(b->data, ' ', b->len))
        return;
    b->data[2] = '|';
    x->numbered = true;
}

static void read_underscores(struct title_text *x)
{
    struct buf *b = &x->text;
    size_t unders = 0, blanks = 0, hyphens = 0, capitals = 0;

    for (size_t i = 0; i < b->len; i++) {
        unders += b->data[i] == '_';
        blanks += b->data[i] == ' ' || b->data[i] == TEXT_GAP;
        hyphens += b->data[i] == '-';
        capitals += b->data[i] >= 'A' && b->data[i] <= 'Z';
    }
    if (!blanks && !unders)
        dots_for_blanks(b);
    part_disc(b);
    part_track(x);
    x->slug = !blanks && !capitals && unders + hyphens >= 2;
    if (unders && blanks && only_around_dashes(b, blanks))
        underscores_between_words(b);
    else if (unders && blanks)
        underscores_beside_blanks(b);
    else if (unders && !(x->slug && hyphens_for_blanks(x)))
        underscores_for_blanks(x, unders, hyphens);
    else if (x->slug && is_alpha(b->data[0]) && is_ascii(b->data, b->len))
        for (size_t i = 1; i < b->len; i++)
            if (b->data[i] == '-' && is_alpha(b->data[i - 1]))
                b->data[i] = ' ';
}

/* Eleven characters that are no two words: "Bryan_Ferry" could be an id, but is none. */
static bool is_likely_id(const char *p)
{
    int turns = 0;

    for (int i = 0; i < 11; i++) {
        bool next_capital = i < 10 && p[i + 1] >= 'A' && p[i + 1] <= 'Z';
        if ((p[i] >= '0' && p[i] <= '9') || p[i] == '-')
            return true;
        turns += p[i] >= 'a' && p[i] <= 'z' && next_capital;
    }
    return turns > 1;
}

/* Some downloaders begin with the id and the channel: "dQw4w9WgXcQ__Some Channel__Artist - Title". */
static struct slice without_channel(struct slice s)
{
    const char *end;

    if (s.n < 16 || memcmp(s.p + 11, "__", 2) != 0 || memchr(s.p, ' ', 11) || !is_likely_id(s.p))
        return s;
    end = memmem(s.p + 13, s.n - 13, "__", 2);
    if (!end || end + 2 >= s.p + s.n)
        return s;
    return (struct slice){end + 2, s.n - (size_t)(end + 2 - s.p)};
}

static void compose(struct buf *b)
{
    utf8proc_uint8_t *nfc = NULL;

    if (utf8proc_map((const utf8proc_uint8_t *)b->data, (utf8proc_ssize_t)b->len, &nfc, UTF8PROC_STABLE | UTF8PROC_COMPOSE) < 0)
        return;
    buf_reset(b);
    buf_add_str(b, (const char *)nfc);
    free(nfc);
}

/* Lower case where it takes the same number of bytes, so that offsets are shared with the text. */
static void put_lower(struct buf *out, const struct buf *text)
{
    struct slice s = {text->data, text->len};

    buf_reserve(out, s.n);
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t at = i;
        if (c < 0x80) {
            buf_add_byte(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c == TEXT_GAP ? ' ' : (char)c);
            i++;
            continue;
        }
        int32_t cp = utf8_next(s, &i);
        if (cp < 0x3000 && cp > 0) {
            utf8proc_uint8_t low[4];
            utf8proc_ssize_t n = utf8proc_encode_char(utf8proc_tolower(cp), low);
            if (n == (utf8proc_ssize_t)(i - at)) {
                buf_add(out, low, (size_t)n);
                continue;
            }
        }
        buf_add(out, s.p + at, i - at);
    }
}

void title_text_init(struct title_text *x, struct slice name)
{
    memset(x, 0, sizeof *x);
    buf_init(&x->text, 0);
    buf_init(&x->lower, 0);
    buf_reserve(&x->text, name.n + 16);
    put_clean(&x->text, without_channel(name));
    buf_cstr(&x->text);
    if (!is_ascii(x->text.data, x->text.len))
        compose(&x->text);
    if (x->text.len)
        read_underscores(x);
    put_lower(&x->lower, &x->text);
    buf_cstr(&x->lower);
}

void title_text_deinit(struct title_text *x)
{
    buf_deinit(&x->text);
    buf_deinit(&x->lower);
}
