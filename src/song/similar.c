/* Keys and their likeness; see similar.h.
 *
 * Refuses to call short or CJK keys alike unless equal. Every loop is bounded by SIMILAR_MAX_CHARS.
 * Pure; any thread.
 */
#include "song/similar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"

#define WORDS_MAX 64

static struct slice cut(struct slice s, size_t max)
{
    if (s.n > max) {
        s.n = max;
        while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
            s.n--;
    }
    return s;
}

/* The next blank-parted word from *p on; false at the end. */
static bool next_word(const char **p, struct slice *word)
{
    while (**p == ' ')
        (*p)++;
    word->p = *p;
    while (**p && **p != ' ')
        (*p)++;
    word->n = (size_t)(*p - word->p);
    return word->n > 0;
}

char *similar_key(struct slice text)
{
    char *folded = fold_search(cut(text, SIMILAR_MAX_BYTES));
    const char *p = folded;
    struct slice word;
    struct buf out;

    buf_init(&out, 0);
    if (strncmp(p, "the ", 4) == 0)
        p += 4;
    while (next_word(&p, &word)) {
        bool inside = out.len && *p;
        if (out.len)
            buf_add_byte(&out, ' ');
        if (inside && slice_eq_str(word, "n"))
            buf_add_str(&out, "and");
        else if (inside && slice_eq_str(word, "pt"))
            buf_add_str(&out, "part");
        else
            buf_add_slice(&out, word);
    }
    free(folded);
    buf_cstr(&out);
    return buf_detach(&out);
}

bool similar_equal(const char *a, const char *b)
{
    bool any = false;

    for (;; a++, b++) {
        while (*a == ' ')
            a++;
        while (*b == ' ')
            b++;
        if (*a != *b)
            return false;
        if (!*a)
            return any;
        any = true;
    }
}

size_t similar_length(const char *key)
{
    size_t n = 0;

    for (; *key; key++)
        n += *key != ' ' && ((unsigned char)*key & 0xc0) != 0x80;
    return n;
}

bool similar_is_cjk(const char *key)
{
    struct slice s = slice_of(key);

    for (size_t i = 0; i < s.n;) {
        int32_t cp = utf8_next(s, &i);
        if ((cp >= 0x1100 && cp <= 0x11ff) || (cp >= 0x2e80 && cp <= 0x9fff) || (cp >= 0xac00 && cp <= 0xd7af) ||
            (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x20000 && cp <= 0x3ffff))
            return true;
    }
    return false;
}

/* The first SIMILAR_MAX_CHARS characters of a word or key. */
static size_t code_points(struct slice s, int32_t out[SIMILAR_MAX_CHARS])
{
    size_t n = 0;

    for (size_t i = 0; i < s.n && n < SIMILAR_MAX_CHARS;)
        out[n++] = utf8_next(s, &i);
    return n;
}

static uint16_t smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return (uint16_t)(m < c ? m : c);
}

/* Optimal string alignment distance with three rows. */
static size_t distance(const int32_t *a, size_t n, const int32_t *b, size_t m)
{
    uint16_t rows[3][SIMILAR_MAX_CHARS + 1];
    uint16_t *before = rows[0], *last = rows[1], *row = rows[2], *spare;

    memset(rows, 0, sizeof rows);
    for (size_t j = 0; j <= m; j++)
        last[j] = (uint16_t)j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = (uint16_t)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = smallest(last[j] + 1u, row[j - 1] + 1u, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1u < row[j])
                row[j] = (uint16_t)(before[j - 2] + 1u);
        }
        spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

double similar_ratio(const char *a, const char *b)
{
    int32_t x[SIMILAR_MAX_CHARS], y[SIMILAR_MAX_CHARS];
    size_t n, m, longer;
    double ratio;

    if (similar_equal(a, b))
        return 1;
    n = code_points(slice_of(a), x);
    m = code_points(slice_of(b), y);
    longer = n > m ? n : m;
    if (n <= 4 || m <= 4 || n > 2 * m || m > 2 * n)
        return 0;
    ratio = 1 - (double)distance(x, n, y, m) / (double)longer;
    return ratio < 0.99 ? ratio : 0.99;   /* what was cut off may differ */
}

static bool is_filler(struct slice w)
{
    static const char *const fillers[] = {"a", "an", "the", "o", "oh", "and"};

    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        if (slice_eq_str(w, fillers[i]))
            return true;
    return false;
}

static size_t split(const char *key, struct slice words[WORDS_MAX])
{
    size_t n = 0;

    while (n < WORDS_MAX && next_word(&key, &words[n]))
        if (!is_filler(words[n]))
            n++;
    return n;
}

static bool has_digit(struct slice w)
{
    for (size_t i = 0; i < w.n; i++)
        if (w.p[i] >= '0' && w.p[i] <= '9')
            return true;
    return false;
}

/* "ii" is a number as well as "2": one stroke more is another part of the work. */
static bool is_roman(struct slice w)
{
    for (size_t i = 0; i < w.n; i++)
        if (!memchr("ivx", w.p[i], 3))
            return false;
    return w.n > 0;
}

static bool word_misspelt(struct slice v, struct slice w)
{
    int32_t x[SIMILAR_MAX_CHARS], y[SIMILAR_MAX_CHARS];
    size_t n, m;

    if (slice_eq(v, w))
        return true;
    if (has_digit(v) || has_digit(w) || is_roman(v) || is_roman(w))
        return false;
    n = code_points(v, x);
    m = code_points(w, y);
    if (n < 5 || m < 5 || x[0] != y[0])
        return false;
    return distance(x, n, y, m) <= (n > m ? n : m) / 3;
}

/* Numbers of both keys in order, for texts whose words do not line up. */
static bool numbers_agree(const struct slice *v, size_t n, const struct slice *w, size_t m)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < n && !has_digit(v[i]) && !is_roman(v[i]))
            i++;
        while (j < m && !has_digit(w[j]) && !is_roman(w[j]))
            j++;
        if (i == n || j == m)
            return i == n && j == m;
        if (!slice_eq(v[i++], w[j++]))
            return false;
    }
}

/* A word typed as two, with a slip besides: judged as one run of letters. */
static bool runs_misspelt(const char *a, const char *b)
{
    struct buf x, y;
    bool same;

    buf_init(&x, 0);
    buf_init(&y, 0);
    for (; *a; a++)
        if (*a != ' ')
            buf_add_byte(&x, *a);
    for (; *b; b++)
        if (*b != ' ')
            buf_add_byte(&y, *b);
    same = buf_cstr(&x)[0] == buf_cstr(&y)[0] && similar_ratio(buf_cstr(&x), buf_cstr(&y)) >= 0.88;
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}

bool similar_misspelt(const char *a, const char *b)
{
    struct slice v[WORDS_MAX], w[WORDS_MAX];
    size_t n, m;

    if (similar_equal(a, b))
        return true;
    if (similar_is_cjk(a) || similar_is_cjk(b))
        return false;
    n = split(a, v);
    m = split(b, w);
    if (n != m)
        return (n > m ? n - m : m - n) == 1 && numbers_agree(v, n, w, m) && runs_misspelt(a, b);
    for (size_t i = 0; i < n; i++)
        if (!word_misspelt(v[i], w[i]))
            return false;
    return n > 0;
}
