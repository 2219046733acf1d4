/* Folded keys and tidy display text; see fold.h.
 *
 * Most names are ASCII: they take a byte loop. The rest goes through utf8proc once. Only the marks of
 * scripts in which they are optional (Latin, Greek, Cyrillic, Hebrew, Arabic) are stripped: a Thai vowel
 * or a Japanese voicing mark makes another word. A text of signs only ("!!!" is a band) keeps its signs,
 * so that its key is not the key of every other such text.
 * Pure: no I/O, no state; any thread.
 */
#include "song/fold.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Nothing longer is a name of anything; the rest is cut so that a hostile input stays cheap. */
#define FOLD_MAX_BYTES 65536

enum fold_kind { FOLD_KEY, FOLD_SEARCH };

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static struct slice bounded(struct slice s)
{
    if (s.n > FOLD_MAX_BYTES) {
        s.n = FOLD_MAX_BYTES;
        while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
            s.n--;
    }
    return s;
}

static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

/* Appends a blank unless the text is empty or ends with one. */
static void put_blank(struct buf *out)
{
    if (out->len && out->data[out->len - 1] != ' ')
        buf_add_byte(out, ' ');
}

/* One ASCII character; `before` and `after` are its neighbours, for letters that signs stand for. */
static void put_ascii(struct buf *out, enum fold_kind kind, unsigned char before, unsigned char c, unsigned char after)
{
    if (c >= 'A' && c <= 'Z') {
        buf_add_byte(out, (char)(c + 32));
    } else if (is_word_byte(c)) {
        buf_add_byte(out, (char)c);
    } else if (c == '&') {
        put_blank(out);
        buf_add(out, "and ", 4);
    } else if (c == '\'' || c == '`' || c == '.') {
        return;
    } else if (kind == FOLD_SEARCH && (c == '$' || c == '!') && is_word_byte(before) && is_word_byte(after)) {
        buf_add_byte(out, c == '$' ? 's' : 'i');
    } else if (kind == FOLD_SEARCH && c == '$' && is_word_byte(after)) {
        buf_add_byte(out, 's');
    } else {
        put_blank(out);
    }
}

static void fold_ascii(struct buf *out, struct slice s, enum fold_kind kind)
{
    for (size_t i = 0; i < s.n; i++)
        put_ascii(out, kind, i ? (unsigned char)s.p[i - 1] : 0, (unsigned char)s.p[i],
                  i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0);
}

/* Marks that spelling leaves out at will. */
static bool is_optional_mark(int32_t cp)
{
    return (cp >= 0x0300 && cp <= 0x036f) || (cp >= 0x0591 && cp <= 0x05c7) || (cp >= 0x064b && cp <= 0x065f) ||
           cp == 0x0670 || (cp >= 0x1ab0 && cp <= 0x1aff) || (cp >= 0xfe00 && cp <= 0xfe0f) ||
           (cp >= 0x20d0 && cp <= 0x20ff);
}

static bool is_apostrophe(int32_t cp)
{
    return cp == 0x2018 || cp == 0x2019 || cp == 0x201b || cp == 0x02bc || cp == 0x02b9 || cp == 0x2032 ||
           cp == 0x00b4 || cp == 0xff07 || cp == 0x02bb;
}

static const char *plain_letter(int32_t cp)
{
    switch (cp) {
    case 0x00f8: return "o";
    case 0x00e6: return "ae";
    case 0x0153: return "oe";
    case 0x0111: case 0x00f0: return "d";
    case 0x0142: return "l";
    case 0x00fe: return "th";
    case 0x0131: return "i";
    case 0x0127: return "h";
    default: return NULL;
    }
}

static bool is_word_cp(int32_t cp)
{
    utf8proc_category_t c = utf8proc_category(cp);

    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NO);
}

/* NFKC, case-folded, as code points; *count is their number. The caller frees. */
static utf8proc_int32_t *decompose(const char *text, size_t n, size_t *count)
{
    utf8proc_option_t opt = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    size_t room = n + 64;   /* enough for nearly all; utf8proc tells when it is not */
    utf8proc_int32_t *cps = mem_alloc((room + 1) * sizeof *cps);
    utf8proc_ssize_t got = utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, cps,
                                              (utf8proc_ssize_t)room, opt);

    if (got > (utf8proc_ssize_t)room) {
        room = (size_t)got;
        cps = mem_realloc(cps, (room + 1) * sizeof *cps);
        got = utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, cps,
                                 (utf8proc_ssize_t)room, opt);
    }
    *count = got > 0 ? (size_t)got : 0;
    return cps;
}

static size_t compose(utf8proc_int32_t *cps, size_t n)
{
    utf8proc_ssize_t got = utf8proc_normalize_utf32(cps, (utf8proc_ssize_t)n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);

    return got > 0 ? (size_t)got : 0;
}

/* U+00B4 decomposes to a blank and a mark, which would part the word: apostrophes go before utf8proc. */
static void drop_apostrophes(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        int32_t cp = utf8_next(s, &i);
        if (cp < 0)
            buf_add_str(out, "\xef\xbf\xbd");
        else if (!is_apostrophe(cp))
            buf_add(out, s.p + at, i - at);
    }
}

static void fold_unicode(struct buf *out, struct slice s, enum fold_kind kind)
{
    struct buf repaired;
    utf8proc_int32_t *cps;
    size_t n, kept = 0;

    buf_init(&repaired, 0);
    drop_apostrophes(&repaired, s);
    cps = decompose(repaired.data ? repaired.data : "", repaired.len, &n);
    for (size_t i = 0; i < n; i++)
        if (!is_optional_mark(cps[i]))
            cps[kept++] = cps[i];
    n = compose(cps, kept);
    for (size_t i = 0; i < n; i++) {
        const char *plain = kind == FOLD_SEARCH ? plain_letter(cps[i]) : NULL;
        if (cps[i] < 0x80)
            put_ascii(out, kind, i && cps[i - 1] < 0x80 ? (unsigned char)cps[i - 1] : 0x80, (unsigned char)cps[i],
                      i + 1 == n ? 0 : cps[i + 1] < 0x80 ? (unsigned char)cps[i + 1] : 0x80);
        else if (plain)
            buf_add_str(out, plain);
        else if (is_word_cp(cps[i]))
            utf8_put(out, cps[i]);
        else
            put_blank(out);
    }
    free(cps);
    buf_deinit(&repaired);
}

/* A text without any letter or digit: its signs, without blanks and case. */
static void fold_signs(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        int32_t cp = utf8_next(s, &i);
        if (cp > 0x20 && cp != 0x7f)
            buf_add(out, s.p + at, i - at);
    }
}

static char *fold(struct slice text, enum fold_kind kind)
{
    struct slice s = bounded(text);
    struct buf out;

    buf_init(&out, s.n * 4);
    buf_reserve(&out, s.n + s.n / 4);
    if (is_ascii(s))
        fold_ascii(&out, s, kind);
    else
        fold_unicode(&out, s, kind);
    if (out.len && out.data[out.len - 1] == ' ')
        out.data[--out.len] = '\0';
    if (out.len == 0)
        fold_signs(&out, s);
    if (kind == FOLD_KEY && out.len > 4 && memcmp(out.data, "the ", 4) == 0)
        buf_drop_front(&out, 4);
    buf_cstr(&out);
    return buf_detach(&out);
}

char *fold_key(struct slice text)
{
    return fold(text, FOLD_KEY);
}

char *fold_search(struct slice text)
{
    return fold(text, FOLD_SEARCH);
}

char *fold_pair(const char *artist, const char *title)
{
    char *a = fold_key(slice_of(artist)), *t = fold_key(slice_of(title));
    char *pair = mem_alloc(strlen(a) + strlen(t) + 2), *w = pair;

    for (const char *p = a; *p; p++)
        if (*p != ' ')
            *w++ = *p;
    *w++ = '\x1f';
    for (const char *p = t; *p; p++)
        if (*p != ' ')
            *w++ = *p;
    *w = '\0';
    free(a);
    free(t);
    return pair;
}

static bool is_blank_cp(int32_t cp)
{
    return cp <= 0x20 || (cp >= 0x7f && cp <= 0xa0) || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

/* Characters that only turn or hide text. Joiners stay: Persian and emoji need them. */
static bool is_invisible_cp(int32_t cp)
{
    return cp == 0x200b || cp == 0x200e || cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x2069) || cp == 0xfeff || cp == 0x061c;
}

static void display_text(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        int32_t cp = utf8_next(s, &i);
        if (cp < 0)
            buf_add_str(out, "\xef\xbf\xbd");
        else if (is_blank_cp(cp))
            put_blank(out);
        else if (!is_invisible_cp(cp))
            buf_add(out, s.p + at, i - at);
    }
    if (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

char *fold_display(struct slice text)
{
    struct buf out;
    utf8proc_uint8_t *nfc = NULL;
    char *copy;

    buf_init(&out, 0);
    buf_reserve(&out, text.n + 1);
    display_text(&out, text);
    buf_cstr(&out);
    if (is_ascii((struct slice){out.data, out.len}))
        return buf_detach(&out);
    if (utf8proc_map((const utf8proc_uint8_t *)out.data, (utf8proc_ssize_t)out.len, &nfc,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE) < 0)
        return buf_detach(&out);
    copy = mem_strdup((const char *)nfc);   /* memory of one kind: callers and the sanitizers see only mem_* */
    free(nfc);
    buf_deinit(&out);
    return copy;
}
