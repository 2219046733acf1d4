/* Artist credits taken apart and compared; see credit.h. Pure; any thread. */
#include "song/credit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/similar.h"

/* What may stand between two names. Words need blanks or brackets around them, and so do signs that also occur inside
 * a name ("AC/DC"). "with" is no guest: bands are called so, and half of such a name is another band. */
static const struct {
    const char *text;
    bool alone;      /* only with a blank on both sides */
    bool guest;      /* the names behind it are guests */
} joiners[] = {
    {"featuring", true, true}, {"feat.", true, true}, {"feat", true, true}, {"ft.", true, true}, {"ft", true, true},
    {"with", true, false}, {"con", true, false}, {"versus", true, false}, {"vs.", true, false}, {"vs", true, false},
    {"and", true, false}, {"und", true, false}, {"et", true, false}, {"y", true, false}, {"x", true, false},
    {"+", true, false}, {"/", true, false}, {"&", false, false}, {",", false, false}, {";", false, false},
    {"\xc3\x97", false, false} /* × */, {"\xe3\x80\x81" /* ideographic comma */, false, false},
    {"\xef\xbc\x86" /* full-width & */, false, false}, {"\xef\xbc\x8c" /* full-width comma */, false, false},
};

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == '(' || c == '[' || c == ')' || c == ']' || c == '\0';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool starts_with(struct slice s, size_t at, const char *text)
{
    for (; *text; text++, at++)
        if (at >= s.n || lower(s.p[at]) != *text)
            return false;
    return true;
}

/* The length of the joiner at s[at], or 0. */
static size_t joiner_at(struct slice s, size_t at, bool *guest)
{
    for (size_t i = 0; i < ARRAY_LEN(joiners); i++) {
        size_t n = strlen(joiners[i].text);
        if (!starts_with(s, at, joiners[i].text))
            continue;
        if (joiners[i].alone && (at == 0 || !is_gap(s.p[at - 1]) || !is_gap(at + n < s.n ? s.p[at + n] : '\0')))
            continue;
        *guest = joiners[i].guest;
        return n;
    }
    return 0;
}

static struct slice trim_brackets(struct slice s)
{
    while (s.n && is_gap(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_gap(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Calls row for every name; guest is true from the first guest on. at_guest is where the guests begin (s.n for none). */
static size_t each_name(struct slice s, void (*row)(struct slice name, bool guest, void *arg), void *arg)
{
    size_t from = 0, at_guest = s.n;
    bool guest = false, next_guest = false;

    for (size_t i = 0; i <= s.n;) {
        size_t n = i < s.n ? joiner_at(s, i, &next_guest) : 0;
        if (i < s.n && n == 0) {
            i++;
            continue;
        }
        struct slice name = trim_brackets((struct slice){s.p + from, i - from});
        if (name.n)
            row(name, guest, arg);
        if (i == s.n)
            break;
        if (next_guest && !guest && i > 0) {
            guest = true;
            at_guest = i;
        }
        i += n;
        from = i;
    }
    return at_guest;
}

static void keep_name(struct slice name, bool guest, void *arg)
{
    struct credit *c = arg;
    char *key;

    if (c->count == CREDIT_NAMES)
        return;
    key = similar_key(name);
    if (!key[0] || strcmp(key, "the") == 0) {
        free(key);
        return;
    }
    c->names[c->count++] = key;
    c->main_count += !guest;
}

static bool is_article(struct slice s)
{
    static const char *const articles[] = {"the", "a", "an", "los", "las", "la", "el", "les", "le", "die", "der", "das"};

    for (size_t i = 0; i < ARRAY_LEN(articles); i++)
        if (slice_ieq_str(s, articles[i]))
            return true;
    return false;
}

/* Returns new: "tail head" for "head, tail" with that only comma, else NULL. */
static char *turn_sort_form(struct slice s, bool *article)
{
    const char *comma = s.n ? memchr(s.p, ',', s.n) : NULL;
    struct slice head, tail;

    if (!comma || memchr(comma + 1, ',', (size_t)(s.p + s.n - comma - 1)))
        return NULL;
    head = slice_trim((struct slice){s.p, (size_t)(comma - s.p)});
    tail = slice_trim((struct slice){comma + 1, (size_t)(s.p + s.n - comma - 1)});
    if (head.n == 0 || tail.n == 0 || memchr(tail.p, '&', tail.n))
        return NULL;
    *article = is_article(tail);
    return mem_printf("%.*s %.*s", (int)tail.n, tail.p, (int)head.n, head.p);
}

void credit_read(const char *text, struct credit *out)
{
    struct slice s = slice_trim(slice_of(text));
    char *turned;
    bool article = false;
    size_t at_guest;

    memset(out, 0, sizeof *out);
    if (s.n > SIMILAR_MAX_BYTES)
        s.n = SIMILAR_MAX_BYTES;   /* a character cut in two is repaired by folding */
    turned = turn_sort_form(s, &article);
    if (turned && article)
        s = slice_of(turned);
    out->key = similar_key(s);
    at_guest = each_name(s, keep_name, out);
    out->main_key = similar_key((struct slice){s.p, at_guest});
    if (turned && !article)
        out->turned = similar_key(slice_of(turned));
    free(turned);
}

void credit_deinit(struct credit *c)
{
    free(c->key);
    free(c->turned);
    free(c->main_key);
    for (size_t i = 0; i < c->count; i++)
        free(c->names[i]);
    memset(c, 0, sizeof *c);
}

static bool has_name(const struct credit *c, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (similar_equal(c->names[i], name))
            return true;
    return false;
}

/* Every one of the first n names of a is among the first m of b. */
static bool contains(const struct credit *b, size_t m, const struct credit *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!has_name(b, m, a->names[i]))
            return false;
    return n > 0;
}

static bool whole_equal(const struct credit *a, const struct credit *b)
{
    return similar_equal(a->key, b->key) || (a->turned && similar_equal(a->turned, b->key)) ||
           (b->turned && similar_equal(a->key, b->turned));
}

/* A part too short ("DC", "X") says nothing about who is meant. */
static bool names_long_enough(const struct credit *c)
{
    for (size_t i = 0; i < c->main_count; i++)
        if (similar_length(c->names[i]) < 3 && !similar_is_cjk(c->names[i]))
            return false;
    return true;
}

static bool misspelt(const char *a, const char *b)
{
    return similar_ratio(a, b) >= 0.8 && similar_misspelt(a, b);
}

enum credit_fit credit_compare(const struct credit *a, const struct credit *b)
{
    if (whole_equal(a, b))
        return CREDIT_EQUAL;
    if (a->count == b->count && contains(b, b->count, a, a->count) && contains(a, a->count, b, b->count))
        return CREDIT_EQUAL;
    if (similar_equal(a->main_key, b->main_key) ||
        (a->main_count == b->main_count && contains(b, b->main_count, a, a->main_count)))
        return CREDIT_GUEST;
    if ((contains(b, b->count, a, a->main_count) && names_long_enough(a)) ||
        (contains(a, a->count, b, b->main_count) && names_long_enough(b)))
        return CREDIT_PART;
    if (misspelt(a->key, b->key) || misspelt(a->main_key, b->main_key))
        return CREDIT_MISSPELT;
    return CREDIT_DIFFERS;
}

bool credit_shares_name(const struct credit *a, const struct credit *b)
{
    if (whole_equal(a, b) || similar_equal(a->main_key, b->main_key))
        return true;
    for (size_t i = 0; i < a->count; i++)
        if (has_name(b, b->count, a->names[i]))
            return true;
    return false;
}

static void add_words(struct slice name, bool guest, void *arg)
{
    struct buf *out = arg;

    (void)guest;
    if (out->len)
        buf_add_byte(out, ' ');
    buf_add_slice(out, name);
}

char *credit_search_words(const char *text)
{
    struct slice s = slice_trim(slice_of(text));
    struct buf out;

    buf_init(&out, 0);
    if (s.n > SIMILAR_MAX_BYTES)
        s.n = SIMILAR_MAX_BYTES;
    each_name(s, add_words, &out);
    if (out.len == 0)
        buf_add_slice(&out, s);
    buf_cstr(&out);
    return buf_detach(&out);
}
