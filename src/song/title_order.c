/* Artist or title first; see title_order.h. Pure: no I/O, no state; any thread.
 *
 * Evidence in order of strength: the vendor's habit, forms that only one of them takes (sort form, quotation marks, guests), a
 * well-known artist, the style of writing. Without any, points for how the parts look, and the order stays open. */
#include "song/title_order.h"

#include <string.h>
#include <strings.h>

#include "song/hints.h"

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strcasestr(p, word)); p += n) {
        bool starts = p == text || p[-1] == ' ' || p[-1] == '(';
        if (starts && (p[n] == ' ' || p[n] == '.'))
            return true;
    }
    return false;
}

static bool has_guest(const char *text)
{
    return has_word(text, "ft") || has_word(text, "feat") || has_word(text, "featuring");
}

/* A film, show or musical in the artist's place: "Frozen Soundtrack", "Wicked (musical)", "Original Broadway Cast". */
static bool names_source(const char *text)
{
    static const char *const ends[] = {
        " soundtrack", " ost",  " cast", "(musical)", "(film)", "(movie)", "(tv)", " musical", " original cast recording",
        "soundtrack)", " cast)"};
    size_t n = strlen(text);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t k = strlen(ends[i]);
        if (n > k && strcasecmp(text + n - k, ends[i]) == 0)
            return true;
    }
    return false;
}

static bool is_quoted(const char *text)
{
    static const char *const pairs[][2] = {{"\"", "\""}, {"“", "”"},   {"「", "」"}, {"『", "』"},
                                           {"《", "》"}, {"〈", "〉"}, {"'", "'"},   {"‘", "’"}};
    size_t n = strlen(text);

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t a = strlen(pairs[i][0]), b = strlen(pairs[i][1]);
        if (n > a + b && strncmp(text, pairs[i][0], a) == 0 && strcmp(text + n - b, pairs[i][1]) == 0)
            return true;
    }
    return false;
}

static void decide(struct order *out, enum title_rule rule, bool title_first, double lean)
{
    out->rule = rule;
    out->title_first = title_first;
    out->open = rule == RULE_SEPARATOR || rule == RULE_WEAK;
    out->lean = lean;
    out->fame = rule == RULE_ARTIST;
}

static enum artist_fame fame_of(const struct order_case *c, const char *part)
{
    return c->blind ? FAME_NONE : hint_fame(slice_of(part));
}

/* "Karaoke with Lyrics" is one vendor's phrase, but others write it as well: a known artist on the other side outweighs it.
 * A vendor that names itself is believed. */
static bool vendor_contradicted(const struct order_case *c)
{
    bool title_first = c->vendor->order[c->separator] == VENDOR_TITLE_FIRST;
    enum artist_fame l = fame_of(c, c->left), r = fame_of(c, c->right);

    return !vendor_is_named(c->vendor) && (title_first ? l > r : r > l);
}

/* Evidence of form: true when it settles the order. */
static bool decide_by_form(const struct order_case *c, struct order *out)
{
    bool gl = has_guest(c->left), gr = has_guest(c->right);
    bool ql = is_quoted(c->left), qr = is_quoted(c->right);

    if (names_source(c->left) != names_source(c->right)) {
        decide(out, RULE_SOURCE, names_source(c->right), 4);
        return true;
    }
    if (c->vendor && c->vendor->order[c->separator] != VENDOR_OPEN && !vendor_contradicted(c)) {
        decide(out, RULE_VENDOR, c->vendor->order[c->separator] == VENDOR_TITLE_FIRST, 6);
        return true;
    }
    if (c->karafun_star) {
        decide(out, RULE_VENDOR, true, 6);
        return true;
    }
    if (ql != qr) {
        decide(out, RULE_QUOTED, ql, 4);
        return true;
    }
    if (gl && !gr) {
        decide(out, RULE_GUEST, false, 4);
        return true;
    }
    return false;
}

/* A known name that is an ordinary word as well weighs like a strong look. */
#define FAME_WORD_POINTS 3.0
#define FAME_NAME_POINTS 5.0

static int points(const struct part_look *l)
{
    return l->artist - l->title;
}

/* Points for artist first from where the noise stands. */
static double noise_points(const struct order_case *c)
{
    double p = 0;

    if (!c->left_part)
        return 0;
    if (c->left_part->noise_behind && !c->left_part->noise_part_before)
        p -= 4;
    if (c->left_part->noise_before)
        p -= 3;
    if (c->left_part->noise_part_after)
        p -= 3;
    if (c->leading_noise_bracket)
        p -= *c->language ? 2 : 0.5;
    return p;
}

/* Beside a title in another script, the Latin side is mostly the artist: bands choose Latin names. */
static double script_points(const struct order_case *c)
{
    bool l = (unsigned char)c->left[0] < 0xc8, r = (unsigned char)c->right[0] < 0xc8; /* Latin, with its usual accents */
    bool asian = (unsigned char)(l ? c->right[0] : c->left[0]) >= 0xe2;

    if (l == r || strcmp(c->language, "vi") == 0)
        return 0;
    return (l ? 1 : -1) * (asian && strcmp(c->language, "th") != 0 ? 1.0 : 2.0);
}

static double look_points(const struct order_case *c, const struct part_look *l, const struct part_look *r)
{
    double p = 1.1 + points(l) - points(r) + noise_points(c);

    if (l->words >= r->words + 2)
        p -= 1;
    if (r->words >= l->words + 2)
        p += 1;
    if (has_guest(c->right))
        p -= 2;
    if (strcmp(c->language, "vi") == 0 || strcmp(c->language, "th") == 0)
        p -= 3;
    p += script_points(c);
    if (c->title_first_words)
        p -= 3;
    if (c->piano)
        p -= 1.5;
    if (strcmp(c->language, "ja") == 0 && c->sep == SEP_SLASH)
        p -= 4;
    if (c->had_disc)
        p += strcmp(c->language, "zh") == 0 ? -3 : c->numbered ? 0 : 4;
    return p;
}

void order_decide(const struct order_case *c, struct order *out)
{
    struct part_look l, r;
    double p;
    bool settles;

    if (decide_by_form(c, out))
        return;
    hint_look(slice_of(c->left), &l);
    hint_look(slice_of(c->right), &r);
    if (c->blind)
        l.fame = r.fame = FAME_NONE;
    settles = l.fame != r.fame && (l.fame == FAME_NAME || r.fame == FAME_NAME);
    p = look_points(c, &l, &r);
    if (c->underscored && c->sep != SEP_TIGHT && !(settles && r.fame == FAME_NAME && !l.fame)) {
        decide(out, RULE_SHAPE, false, 5 + (settles ? 2 : 0));
        return;
    }
    if (settles) {
        bool title_first = r.fame == FAME_NAME;
        double for_it = title_first ? -p : p, other = title_first ? l.fame : r.fame;
        decide(out, RULE_ARTIST, title_first, FAME_NAME_POINTS + for_it / 2 - (other == FAME_WORD ? 2 : 0));
        return;
    }
    p += FAME_WORD_POINTS * ((l.fame == FAME_WORD) - (r.fame == FAME_WORD));
    if (c->underscored)
        decide(out, RULE_SHAPE, p < -6, p < -6 ? 1 : 3);
    else
        decide(out, RULE_SEPARATOR, p < 0, p < 0 ? -p : p);
    out->fame = l.fame || r.fame;
}
