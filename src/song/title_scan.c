/* Text to tokens, brackets judged; see title_scan.h. Pure: no I/O, no state; any thread. Linear in the length: tokens are
 * bounded, each is looked up once, brackets are paired with a stack. */
#include "song/title_scan.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"

static bool is_blank(char c)
{
    return c == ' ' || c == TEXT_GAP;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Scripts written without blanks between words. */
static bool is_unspaced(int32_t cp)
{
    return (cp >= 0x2e80 && cp <= 0x9fff && !(cp >= 0x3000 && cp <= 0x3004) && !(cp >= 0x3008 && cp <= 0x3020)) ||
           (cp >= 0xac00 && cp <= 0xd7a3) || (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x0e00 && cp <= 0x0e7f);
}

static int32_t cp_at(struct slice s, size_t at)
{
    return at < s.n ? utf8_next(s, &at) : 0;
}

static int32_t cp_before(struct slice s, size_t at)
{
    size_t back = at;

    while (back && at - back < 4) {
        back--;
        if (((unsigned char)s.p[back] & 0xc0) != 0x80)
            return cp_at(s, back);
    }
    return 0;
}

/* The closing bracket of an opening one; 0 for other characters. */
static int32_t closing_of(int32_t cp)
{
    static const int32_t pairs[][2] = {{'(', ')'},       {'[', ']'},       {'{', '}'},       {0x3010, 0x3011}, {0x300c, 0x300d},
                                       {0x300e, 0x300f}, {0x3008, 0x3009}, {0x300a, 0x300b}, {0x3014, 0x3015}, {0x3016, 0x3017}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (pairs[i][0] == cp)
            return pairs[i][1];
    return 0;
}

static bool is_closing(int32_t cp)
{
    return cp == ')' || cp == ']' || cp == '}' || cp == 0x3011 || (cp >= 0x3009 && cp <= 0x300f && cp % 2) || cp == 0x3015 ||
           cp == 0x3017;
}

static bool is_title_bracket(int32_t cp)
{
    return cp == 0x300c || cp == 0x300e || cp == 0x3008 || cp == 0x300a;
}

static bool is_dash(int32_t cp)
{
    return cp == '-' || (cp >= 0x2010 && cp <= 0x2015) || cp == 0x2212 || cp == 0x2500 || cp == 0xfe58;
}

static bool is_bullet(int32_t cp)
{
    return cp == 0x2022 || cp == 0x2219 || cp == 0x25cf || cp == 0x25c6 || cp == 0x2605 || cp == 0x2606 || cp == 0x25a0 ||
           cp == 0xb7 || cp == 0x22c5 || cp == 0x30fb || cp == 0x25aa || cp == 0x2726;
}

static bool is_emoji(int32_t cp)
{
    return cp >= 0x1f000 && cp <= 0x1faff;
}

/* Microphones and notes, which channels set between artist and title. */
static bool is_music_emoji(int32_t cp)
{
    return cp == 0x1f3a4 || cp == 0x1f399 || (cp >= 0x1f3b5 && cp <= 0x1f3b6);
}

static bool is_double_quote(int32_t cp)
{
    return cp == '"' || (cp >= 0x201c && cp <= 0x201f) || cp == 0xab || cp == 0xbb;
}

static struct token *push(struct scan *s, enum token_type type, size_t at, size_t end)
{
    struct token *t = &s->tok[s->n++];

    *t = (struct token){.at = (uint32_t)at, .end = (uint32_t)end, .type = (uint8_t)type, .mate = -1};
    return t;
}

static void push_sep(struct scan *s, enum separator sep, size_t at, size_t end)
{
    push(s, sep == SEP_NONE ? TOKEN_PUNCT : TOKEN_SEP, at, end)->sep = (uint8_t)sep;
}

static enum separator dash_kind(struct slice s, size_t at, size_t end, bool ascii)
{
    int32_t before = cp_before(s, at), after = cp_at(s, end);
    bool open = at == 0 || before == ' ' || before == TEXT_GAP || before == ']' || before == ')' || before == 0x3011;
    bool close = end == s.n || after == ' ' || after == TEXT_GAP || after == '[' || after == '(' || closing_of(after) > 0x3000;

    if (open && close)
        return SEP_DASH;
    if (is_unspaced(before) && is_unspaced(after))
        return SEP_DASH;
    if (open || close)
        return SEP_HALF_DASH;
    return !ascii || end - at > 1 ? SEP_HALF_DASH : SEP_TIGHT;
}

/* "-", "--" and dashes of other scripts from i on. */
static size_t scan_dash(struct scan *s, struct slice l, size_t i)
{
    size_t end = i;
    bool ascii = true;

    while (end < l.n) {
        size_t next = end;
        int32_t cp = utf8_next(l, &next);
        if (!is_dash(cp))
            break;
        ascii = ascii && cp == '-';
        end = next;
    }
    push_sep(s, dash_kind(l, i, end, ascii), i, end);
    return end;
}

static enum separator mark_kind(struct slice l, int32_t cp, size_t at, size_t end)
{
    int32_t before = cp_before(l, at), after = cp_at(l, end);
    bool spaced = (at == 0 || is_blank((char)before)) && (end == l.n || after == ' ');

    if (cp == '|')
        return SEP_PIPE;
    if (cp == '_')
        return SEP_UNDERSCORE;
    if (cp == ':')
        return end == l.n || after == ' ' ? SEP_COLON : SEP_NONE;
    if (is_bullet(cp) || cp == '~' || is_music_emoji(cp))
        return spaced ? SEP_BULLET : SEP_NONE;
    if (cp == '/' || cp == '\\')
        return spaced || before == '/' || is_unspaced(before) || is_unspaced(after) || before == 0x3011 || before > 0xff00
                   ? SEP_SLASH
                   : SEP_NONE;
    return SEP_NONE;
}

/* "guitar karaoke", "karaoke song ca": tells the variant, and that this is karaoke. */
static bool says_karaoke(const struct phrase *p)
{
    return p->kind == PHRASE_VARIANT && strstr(p->text, "karaoke");
}

static bool begins_part(const struct scan *s)
{
    return s->n == 0 || s->tok[s->n - 1].type == TOKEN_OPEN || s->tok[s->n - 1].type == TOKEN_SEP;
}

/* A phrase or vendor that begins at i; returns its end or 0. */
static size_t scan_phrase(struct scan *s, struct slice l, size_t i)
{
    struct slice rest = {l.p + i, l.n - i};
    const struct phrase *p = phrase_at(rest);
    const struct vendor *v = vendor_at(rest);
    size_t pn = p ? strlen(p->text) : 0, vn = v ? strlen(v->alias) : 0;
    struct token *t;

    if (v && v->alone && strstr(v->alias, " karaoke") && !begins_part(s)) /* "Little Star Karaoke" */
        v = NULL, vn = 0;
    if (!p && !v)
        return 0;
    t = push(s, TOKEN_PHRASE, i, i + (vn >= pn ? vn : pn));
    t->vendor = vn >= pn ? v : NULL;
    t->phrase = vn > pn ? NULL : p;
    t->strong = (t->vendor && !t->vendor->alone) ||
                (t->phrase && (t->phrase->kind == PHRASE_NOISE || t->phrase->kind == PHRASE_INSTR || says_karaoke(t->phrase)));
    return t->end;
}

static const struct phrase web_address = {"www", PHRASE_NOISE, "", NULL};

/* "www.example.com/x": noise up to the next blank. Returns its end or 0. */
static size_t scan_address(struct scan *s, struct slice l, size_t i)
{
    size_t end = i;
    struct token *t;

    if (l.n - i < 8 || (memcmp(l.p + i, "www.", 4) != 0 && memcmp(l.p + i, "http", 4) != 0))
        return 0;
    while (end < l.n && !is_blank(l.p[end]) && l.p[end] != ')' && l.p[end] != ']')
        end++;
    t = push(s, TOKEN_PHRASE, i, end);
    t->phrase = &web_address;
    t->strong = true;
    return end;
}

/* The end of the word at i; an apostrophe, a dot or "&" between letters belongs to it. */
static size_t word_end(struct slice l, size_t i)
{
    size_t at = i;

    while (i < l.n) {
        size_t next = i;
        int32_t cp;
        char c = l.p[i];
        if ((unsigned char)c < 0x80) {
            bool inner = (c == '\'' || c == '.' || c == '`') && i > at;
            if (!is_word_byte(c) && !(inner && i + 1 <= l.n))
                break;
            i++;
            continue;
        }
        cp = utf8_next(l, &next);
        if (is_double_quote(cp) || is_dash(cp) || is_bullet(cp) || is_emoji(cp) || closing_of(cp) || is_closing(cp) ||
            (is_unspaced(cp) && i > at))
            break;
        i = next;
        if (is_unspaced(cp) && i < l.n && is_unspaced(cp_at(l, i)))
            break;
    }
    return i > at ? i : at + 1;
}

/* A character outside ASCII, or a sign: separator, bracket, quotation mark or part of the text. */
static size_t scan_sign(struct scan *s, struct slice l, size_t i, bool *word)
{
    size_t end = i;
    int32_t cp = utf8_next(l, &end);

    *word = false;
    if (is_dash(cp))
        return scan_dash(s, l, i);
    if (closing_of(cp)) {
        push(s, TOKEN_OPEN, i, end)->role = is_title_bracket(cp) ? GROUP_TITLE : GROUP_TEXT;
    } else if (is_closing(cp)) {
        push(s, TOKEN_CLOSE, i, end);
    } else if (is_double_quote(cp)) {
        push(s, TOKEN_QUOTE, i, end);
    } else if (cp == '|' || cp == '_' || cp == ':' || cp == '/' || cp == '\\' || cp == '~' || is_bullet(cp) ||
               is_music_emoji(cp)) {
        push_sep(s, mark_kind(l, cp, i, end), i, end);
    } else if (cp < 0x80 || is_emoji(cp)) {
        push(s, TOKEN_PUNCT, i, end);
    } else {
        *word = true;
        return i;
    }
    return end;
}

/* A lone small L, or a capital I in front of noise: people type them for a pipe. */
static bool is_false_pipe(const struct scan *s, struct slice l, size_t i, size_t end)
{
    bool alone = i && is_blank(l.p[i - 1]) && end < l.n && is_blank(l.p[end]) && end == i + 1;
    const struct phrase *p;

    if (!alone)
        return false;
    if (s->text.text.data[i] == 'l')
        return true;
    if (s->text.text.data[i] != 'I')
        return false;
    p = phrase_at((struct slice){l.p + end + 1, l.n - end - 1});
    return p && p->kind == PHRASE_NOISE;
}

static void scan_tokens(struct scan *s)
{
    struct slice l = {s->text.lower.data, s->text.lower.len};
    size_t i = 0;

    while (i < l.n) {
        bool word = is_word_byte(l.p[i]) && (unsigned char)l.p[i] < 0x80;
        size_t end;
        if (s->n >= SCAN_TOKENS - 1) {
            s->overflow = true;
            return;
        }
        if (s->text.text.data[i] == TEXT_GAP)
            push_sep(s, SEP_GAP, i, i + 1);
        if (is_blank(l.p[i])) {
            i++;
            continue;
        }
        if (!word) {
            end = scan_sign(s, l, i, &word);
            if (!word) {
                i = end;
                continue;
            }
        }
        end = scan_address(s, l, i);
        if (!end)
            end = scan_phrase(s, l, i);
        if (!end) {
            end = word_end(l, i);
            if (is_false_pipe(s, l, i, end))
                push_sep(s, SEP_PIPE, i, end);
            else
                push(s, TOKEN_WORD, i, end);
        }
        i = end;
    }
}

static void pair_brackets(struct scan *s)
{
    int stack[64], depth = 0;
    struct slice l = {s->text.lower.data, s->text.lower.len};

    for (int i = 0; i < s->n; i++) {
        if (s->tok[i].type == TOKEN_OPEN && depth < 64) {
            stack[depth++] = i;
        } else if (s->tok[i].type == TOKEN_CLOSE) {
            int32_t close = cp_at(l, s->tok[i].at);
            int d = depth;
            while (d && closing_of(cp_at(l, s->tok[stack[d - 1]].at)) != close)
                d--;
            if (!d)
                continue;
            depth = d - 1;
            s->tok[i].mate = (int16_t)stack[depth];
            s->tok[stack[depth]].mate = (int16_t)i;
        }
    }
    for (int i = 0; i < s->n; i++) {
        struct token *t = &s->tok[i];
        if ((t->type != TOKEN_OPEN && t->type != TOKEN_CLOSE) || t->mate >= 0)
            continue;
        t->type = TOKEN_PUNCT;
        if (i > 0 && i + 2 < s->n + 1 && s->tok[i + (i + 1 < s->n)].strong) /* "Title (Karaoke Version": never closed */
            for (int k = i; k < s->n; k++)
                s->tok[k].skip = true;
    }
}

struct slice scan_range(const struct scan *s, int a, int b)
{
    if (a >= b)
        return (struct slice){"", 0};
    return (struct slice){s->text.text.data + s->tok[a].at, s->tok[b - 1].end - s->tok[a].at};
}

struct slice scan_token(const struct scan *s, int i)
{
    return scan_range(s, i, i + 1);
}

bool slice_is_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

int slice_year(struct slice s)
{
    int y;

    if (s.n != 4 || !slice_is_digits(s))
        return 0;
    y = (s.p[0] - '0') * 1000 + (s.p[1] - '0') * 100 + (s.p[2] - '0') * 10 + (s.p[3] - '0');
    return y >= 1900 && y <= 2099 ? y : 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_lower_case(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'a' && s.p[i] <= 'z')
            return true;
    return false;
}

/* letters, digits, at most one letter, then up to two groups of "-digits"; or a digit among the letters ("7uLpA-0013"). */
bool slice_is_disc(struct slice s, bool strict)
{
    size_t i = 0, letters, digits = 0, groups = 0, zero = 0;

    while (i < s.n && (is_letter(s.p[i]) || (i == 0 && s.n > 1 && is_digit(s.p[0]) && is_letter(s.p[1]))))
        i++;
    letters = i;
    if (letters < 1 || letters > 10)
        return false;
    /* behind a blank only capitals are a code: "SF 1234", not "The 1975" */
    if (i < s.n && s.p[i] == ' ' && has_lower_case((struct slice){s.p, i}) && !(letters <= 3 && memchr(s.p, '-', s.n)))
        return false;
    if (i < s.n && (s.p[i] == ' ' || s.p[i] == '-'))
        i++;
    zero = i < s.n && s.p[i] == '0';
    while (i < s.n && is_digit(s.p[i])) {
        digits++;
        i++;
    }
    if (digits && i < s.n && is_letter(s.p[i]))
        i++;
    for (; i < s.n && (s.p[i] == '-' || s.p[i] == ' ') && i + 1 < s.n && is_digit(s.p[i + 1]); groups++)
        for (i++; i < s.n && is_digit(s.p[i]); i++)
            ;
    if (i < s.n || digits < 1 || (digits < 2 && groups == 0))
        return false;
    if (!strict)
        return true;
    return (letters >= 2 && groups > 0) || (digits >= 3 && groups > 0) || (letters >= 2 && digits >= 3 && zero) ||
           (letters <= 6 && letters >= 2 && digits >= 4);
}

/* "A", "Bb", "F#m", "C minor" begin like this; how: 1 surely a key, 2 perhaps. */
static int key_shape(struct slice s)
{
    size_t i = 1;

    if (s.n == 0 || s.p[0] < 'A' || s.p[0] > 'G')
        return 0;
    if (i < s.n && (s.p[i] == '#' || s.p[i] == 'b'))
        i++;
    if (i < s.n && s.p[i] == 'm')
        i++;
    if (i == s.n)
        return i > 1 ? 1 : 2;
    if (s.p[i] == '/' && i > 1)
        return 1;
    if (s.p[i] == ' ' && (strncasecmp(s.p + i + 1, "maj", 3) == 0 || strncasecmp(s.p + i + 1, "min", 3) == 0))
        return 1;
    return 0;
}

bool token_is_noise(const struct token *t)
{
    if (t->skip || (t->vendor && !t->vendor->alone) || t->type == TOKEN_PUNCT || (t->type == TOKEN_SEP && t->sep >= SEP_WEAK))
        return true;
    return t->phrase && t->phrase->kind >= PHRASE_NOISE && t->phrase->kind <= PHRASE_VARIANT;
}

struct group_count {
    int words, strong, weak, variants, vendors, first, last; /* first, last: token that is no sign, -1 none */
};

static void count_group(const struct scan *s, int a, int b, struct group_count *c)
{
    *c = (struct group_count){.first = -1, .last = -1};
    for (int i = a; i < b; i++) {
        const struct token *t = &s->tok[i];
        enum phrase_kind kind = t->phrase ? t->phrase->kind : PHRASE_NONE;
        if (t->type != TOKEN_WORD && t->type != TOKEN_PHRASE)
            continue;
        if (c->first < 0)
            c->first = i;
        c->last = i;
        if (t->vendor)
            c->vendors++;
        if (t->strong)
            c->strong++;
        else if (kind == PHRASE_VARIANT)
            c->variants++;
        else if (kind == PHRASE_LEAD || kind == PHRASE_WEAK)
            c->weak++;
        else if (!t->vendor && !slice_year(scan_token(s, i)))
            c->words++;
    }
}

static bool ends_with(struct slice s, const char *tail)
{
    size_t n = strlen(tail);

    return s.n > n && memcmp(s.p + s.n - n, tail, n) == 0;
}

static bool is_kind(const struct token *t, enum phrase_kind kind)
{
    return t->phrase && t->phrase->kind == kind;
}

/* A bracket in which some words are no phrase. */
static enum group_role judge_words(const struct scan *s, const struct group_count *c)
{
    const struct token *first = &s->tok[c->first], *last = &s->tok[c->last];
    struct slice word = {s->text.lower.data + last->at, last->end - last->at};

    if (is_kind(last, PHRASE_NOISE) && c->words <= 3)
        return c->first == c->last || first->strong ? GROUP_NOISE : GROUP_VENDOR;
    if (first->strong || (c->strong && c->words <= 4))
        return GROUP_NOISE;
    if (last->type == TOKEN_WORD && c->words <= 2 &&
        (ends_with(word, "oke") || ends_with(word, "sings") || ends_with(word, "karaoke")))
        return GROUP_VENDOR;
    if (c->words <= 3 && first->type == TOKEN_WORD && strncmp(s->text.lower.data + first->at, "kara", 4) == 0)
        return GROUP_VENDOR;
    if (is_kind(first, PHRASE_SOURCE) || is_kind(last, PHRASE_SOURCE))
        return GROUP_SOURCE;
    if (is_kind(last, PHRASE_VARIANT) || slice_eq_str(word, "version") || slice_eq_str(word, "mix") || slice_eq_str(word, "edit"))
        return GROUP_VARIANT;
    if (is_kind(first, PHRASE_VARIANT) && c->first < c->last) {
        struct slice next = scan_token(s, c->first + 1);
        if (slice_ieq_str(next, "at") || slice_ieq_str(next, "in") || slice_ieq_str(next, "from") || slice_ieq_str(next, "on") ||
            slice_is_digits(next))
            return GROUP_VARIANT;
    }
    return GROUP_TEXT;
}

/* "(Female Key of E)", "(Lower Key -2)", "(+2 key)". */
static bool holds_key(const struct scan *s, int a, int b)
{
    bool key = false, more = false;

    for (int i = a; i < b; i++) {
        const struct phrase *p = s->tok[i].phrase;
        bool named = p && (p->kind == PHRASE_KEY || (p->kind == PHRASE_VARIANT && strstr(p->text, "key")));
        key = key || named;
        more = more || (!named && s->tok[i].type == TOKEN_WORD);
    }
    return key && more;
}

/* "(KY.45071)", "(TJ.1234)", "(KY Karaoke No.KY45071)": the number in a machine's book. */
static bool is_song_number(const struct token *first, struct slice inside)
{
    size_t digits = 0;

    if (!first->vendor || inside.n > 26 || (strcmp(first->vendor->name, "KY") != 0 && strcmp(first->vendor->name, "TJ") != 0))
        return false;
    while (digits < inside.n && is_digit(inside.p[inside.n - 1 - digits]))
        digits++;
    return digits >= 3;
}

/* Tags of players in square brackets: "[CO]", "[VD#0,CO]", "[MULTI]". */
static bool is_tag(struct slice s)
{
    size_t letters = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= 'A' && c <= 'Z')
            letters++;
        else if (!is_digit(c) && c != '#' && c != ',' && c != ':' && c != ' ')
            return false;
    }
    return letters >= 2 && s.n <= 10;
}

/* Nothing but brackets and noise stands behind token i. */
static bool closes_name(const struct scan *s, int i)
{
    for (i++; i < s->n; i = s->tok[i].type == TOKEN_OPEN && s->tok[i].mate > i ? s->tok[i].mate + 1 : i + 1)
        if (s->tok[i].type == TOKEN_WORD || (s->tok[i].type == TOKEN_PHRASE && !s->tok[i].strong))
            return false;
    return true;
}

/* "(Karaoke Version Originally Performed By Ada Vale)". */
static bool names_artist(const struct scan *s, int a, int b)
{
    for (int i = a; i + 1 < b; i++)
        if (is_kind(&s->tok[i], PHRASE_STYLE) && s->tok[i + 1].type == TOKEN_WORD && (i == a || s->tok[a].strong))
            return true;
    return false;
}

static enum group_role judge_group(const struct scan *s, int a, int b)
{
    struct slice inside = slice_trim(scan_range(s, a, b));
    struct group_count c;

    count_group(s, a, b, &c);
    if (c.first < 0)
        return GROUP_TEXT;
    if (is_kind(&s->tok[c.first], PHRASE_STYLE) || names_artist(s, a, b))
        return GROUP_STYLE;
    if (is_kind(&s->tok[c.first], PHRASE_BY) && c.words)
        return GROUP_BY;
    if (is_kind(&s->tok[c.first], PHRASE_FEAT) && c.words)
        return GROUP_FEAT;
    if (slice_year(inside))
        return GROUP_YEAR;
    if (slice_is_digits(inside))
        return inside.n >= 5 ? GROUP_CATALOGUE : GROUP_TEXT;
    if (c.words <= 2 && holds_key(s, a, b))
        return GROUP_KEY;
    if (key_shape(inside) == 1 || (is_kind(&s->tok[c.first], PHRASE_KEY) && c.words <= 2))
        return GROUP_KEY;
    if (slice_is_disc(inside, false) && !c.vendors)
        return GROUP_DISC;
    if (is_song_number(&s->tok[c.first], inside))
        return GROUP_DISC;
    if (s->text.text.data[s->tok[a - 1].at] == '[' && is_tag(inside) && !c.variants && closes_name(s, b))
        return GROUP_NOISE;
    if (s->tok[a - 1].end - s->tok[a - 1].at == 3 && s->tok[a - 1].role != GROUP_TITLE && c.strong + c.weak + c.variants > 0)
        return c.variants && !c.words ? GROUP_VARIANT : GROUP_NOISE;
    if (c.vendors && c.words == 0 && c.strong == 0)
        return GROUP_VENDOR;
    if (c.words)
        return judge_words(s, &c);
    if (c.strong)
        return GROUP_NOISE;
    return c.variants ? GROUP_VARIANT : c.weak ? GROUP_NOISE : GROUP_TEXT;
}

static void judge_brackets(struct scan *s)
{
    for (int i = 0; i < s->n; i++) {
        struct token *t = &s->tok[i];
        enum group_role role;
        if (t->type != TOKEN_OPEN)
            continue;
        role = judge_group(s, i + 1, t->mate);
        if (role != GROUP_TEXT)
            t->role = (uint8_t)role;
        if (i == 0 && role == GROUP_NOISE)
            s->leading_noise_bracket = true;
        if (t->role == GROUP_TEXT || t->role == GROUP_TITLE || t->role == GROUP_STYLE || t->role == GROUP_BY)
            continue;
        for (int k = i; k <= t->mate; k++)
            s->tok[k].skip = true;
        t->strong = role == GROUP_NOISE || role == GROUP_VENDOR;
        i = t->mate;
    }
}

void scan_init(struct scan *s, struct slice name)
{
    s->n = 0;
    s->overflow = s->has_noise = s->leading_noise_bracket = s->star = false;
    title_text_init(&s->text, name);
    scan_tokens(s);
    if (s->overflow)
        return;
    pair_brackets(s);
    judge_brackets(s);
    for (int i = 0; i < s->n; i++)
        s->has_noise = s->has_noise || s->tok[i].strong;
    if (s->n > 1 && slice_eq_str(scan_token(s, s->n - 1), "*") && s->text.text.data[s->tok[s->n - 1].at - 1] == ' ') {
        s->star = true;
        s->tok[s->n - 1].skip = true;
    }
}

void scan_deinit(struct scan *s)
{
    title_text_deinit(&s->text);
}

/* Signs that no artist or title begins or ends with: separators, lone quotes of noise, emoji. */
static bool is_edge(int32_t cp, bool front)
{
    if (cp == ' ' || cp == TEXT_GAP || is_dash(cp) || is_bullet(cp) || cp == '|' || cp == ',' || cp == ';' || cp == '~' ||
        cp == '_' || cp == '*' || cp == '=' || cp == '\\')
        return true;
    if (cp == ':' || cp == '/' || cp == '>' || cp == '<' || (front && (cp == '.' || cp == ')' || cp == ']')))
        return true;
    return cp == 0xfe0f || cp == 0x200d || cp == 0x266a || cp == 0x266b || cp == 0x266c || cp == 0x3001 || cp == 0xfffd ||
           (cp >= 0x2190 && cp <= 0x21ff) || (cp >= 0x2300 && cp <= 0x23ff) || (cp >= 0x25a0 && cp <= 0x27bf) ||
           (cp >= 0x1f000 && cp <= 0x1faff) || cp == 0x203b;
}

static struct slice trim_edges(struct slice s)
{
    size_t at = 0;

    while (at < s.n) {
        size_t next = at;
        if (!is_edge(utf8_next(s, &next), true))
            break;
        at = next;
    }
    s.p += at;
    s.n -= at;
    while (s.n) {
        size_t back = s.n - 1;
        while (back && ((unsigned char)s.p[back] & 0xc0) == 0x80)
            back--;
        if (!is_edge(cp_at(s, back), false))
            break;
        s.n = back;
    }
    return s;
}

char *scan_text(const struct scan *s, int a, int b)
{
    const char *p = s->text.text.data;
    struct slice trimmed;
    struct buf out;
    char *text;
    int prev = -1;

    buf_init(&out, 0);
    for (int i = a; i < b; i++) {
        const struct token *t = &s->tok[i];
        if (t->skip)
            continue;
        if (prev >= 0 && s->tok[prev].end < t->at) {
            bool hole = prev + 1 < i;
            bool blank = !hole || is_blank(p[s->tok[prev].end]) || is_blank(p[t->at - 1]);
            if (blank)
                buf_add_byte(&out, ' ');
        }
        buf_add(&out, p + t->at, t->end - t->at);
        prev = i;
    }
    trimmed = trim_edges((struct slice){out.data ? out.data : "", out.len});
    if (!trimmed.n)
        trimmed = slice_trim((struct slice){out.data ? out.data : "", out.len});
    text = fold_display(trimmed);
    buf_deinit(&out);
    return text;
}
