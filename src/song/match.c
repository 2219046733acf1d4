/* The matcher; see match.h.
 *
 * Each candidate is read once (credit, title, version) and compared with the one or two readings of the name. A refusal
 * always has its rule: nothing is accepted because nothing else was found. Numbers: docs/confidence.md.
 * Pure; any thread.
 */
#include "song/match.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/brand.h"
#include "song/credit.h"
#include "song/similar.h"
#include "song/version.h"

#define SCORE_GUEST 0.98
#define SCORE_ALIAS 0.97
#define SCORE_PART 0.92
#define SCORE_SUBTITLE 0.92
#define SCORE_LEAST 0.72         /* two names each just misspelt are too much together */
#define SCORE_REFUSED 0.70       /* what refused candidates reach at most: they are only proposed */
#define SIMILAR_LEAST 0.80
#define RUNNER_UP_GAP 0.03
#define LISTENERS_DECIDE 5       /* times as many listeners settle which order is meant */

/* One reading of the name: this part is the artist, that one the title. */
struct reading {
    const char *artist;          /* borrowed */
    struct credit credit;
    struct title_form title;
    unsigned versions;
};

struct view {
    struct candidate c;
    struct credit credit;
    struct title_form title;
    unsigned versions;
    bool alias_fits;
    size_t order;                /* the provider's */
};

enum title_fit { TITLE_DIFFERS, TITLE_MISSPELT, TITLE_SUBTITLE, TITLE_EQUAL };

/* What one reading makes of a candidate. */
struct verdict {
    double score;
    bool accepted, exact, swapped;
    const char *rule;
    const char *sentence;
};

void candidate_deinit(struct candidate *c)
{
    free(c->artist);
    free(c->title);
    free(c->mbid);
    free(c->artist_alias);
    free(c->album);
    free(c->disambiguation);
    for (size_t i = 0; i < CANDIDATE_GENRES; i++)
        free(c->genres[i]);
    memset(c, 0, sizeof *c);
}

struct candidate *candidates_add(struct candidates *list, enum provider_id p)
{
    struct candidate *c;

    if (list->count >= CANDIDATE_MAX)
        return NULL;
    /* Room grows by doubling; the count alone tells when, so that the struct needs no field for it. */
    if ((list->count & (list->count - 1)) == 0)
        list->items = mem_realloc(list->items, (list->count ? list->count * 2 : 1) * sizeof *list->items);
    c = &list->items[list->count++];
    memset(c, 0, sizeof *c);
    c->provider = p;
    c->listeners = -1;
    c->provider_score = -1;
    return c;
}

void candidates_deinit(struct candidates *list)
{
    for (size_t i = 0; i < list->count; i++)
        candidate_deinit(&list->items[i]);
    free(list->items);
    *list = (struct candidates){0};
}

double match_similarity(const char *a, const char *b)
{
    char *x = similar_key(slice_of(a)), *y = similar_key(slice_of(b));
    double s = similar_ratio(x, y);

    free(x);
    free(y);
    return s;
}

bool match_is_brand(const char *artist)
{
    return artist && (brand_is_placeholder(artist) || brand_is_cover(artist));
}

static bool is_set(const char *s)
{
    return s && s[strspn(s, " \t\r\n")];
}

/* A number or "part" on one side only: "(Part 2)" is no subtitle but another song. */
static bool names_part(const char *key)
{
    return strpbrk(key, "0123456789") || strstr(key, "part");
}

static enum title_fit compare_titles(const struct title_form *a, const struct title_form *b)
{
    bool bare_a = similar_equal(a->core, a->key), bare_b = similar_equal(b->core, b->key);

    if (similar_equal(a->key, b->key))
        return TITLE_EQUAL;
    if ((bare_a || bare_b) && similar_equal(a->core, b->core) && similar_length(a->core) >= 3 &&
        !names_part(a->key) && !names_part(b->key))
        return TITLE_SUBTITLE;
    if (similar_ratio(a->key, b->key) >= SIMILAR_LEAST && similar_misspelt(a->key, b->key) &&
        version_of_words(a->key) == version_of_words(b->key))
        return TITLE_MISSPELT;
    return TITLE_DIFFERS;
}

/* A karaoke file is the original without its voice: asked "instrumental", the studio take is meant as well. */
static bool versions_agree(unsigned wanted, unsigned found)
{
    unsigned vocal = ~(unsigned)(VERSION_INSTRUMENTAL | VERSION_KARAOKE);

    if ((wanted & vocal) != (found & vocal))
        return false;
    return !(found & VERSION_INSTRUMENTAL) || (wanted & VERSION_INSTRUMENTAL);
}

static enum match_kinship kinship(enum credit_fit artist, enum title_fit title)
{
    if (artist == CREDIT_DIFFERS || title == TITLE_DIFFERS)
        return MATCH_OTHER_SONG;
    return artist >= CREDIT_GUEST && title >= TITLE_SUBTITLE ? MATCH_SAME_SONG : MATCH_NEAR_SONG;
}

enum match_kinship match_pairs(const char *artist, const char *title, const char *other_artist, const char *other_title)
{
    struct credit a, b;
    struct title_form t, u;
    enum match_kinship k;

    if (!is_set(artist) || !is_set(title) || !is_set(other_artist) || !is_set(other_title))
        return MATCH_OTHER_SONG;
    credit_read(artist, &a);
    credit_read(other_artist, &b);
    title_form_read(title, &t);
    title_form_read(other_title, &u);
    k = kinship(credit_compare(&a, &b), compare_titles(&t, &u));
    if (!versions_agree(t.versions, u.versions) && !versions_agree(u.versions, t.versions))
        k = MATCH_OTHER_SONG;
    credit_deinit(&a);
    credit_deinit(&b);
    title_form_deinit(&t);
    title_form_deinit(&u);
    return k;
}

static void reading_init(struct reading *r, const char *artist, const char *title, const char *variant)
{
    r->artist = artist;
    credit_read(artist, &r->credit);
    title_form_read(title, &r->title);
    r->versions = r->title.versions | version_of_note(variant);
}

static void reading_deinit(struct reading *r)
{
    credit_deinit(&r->credit);
    title_form_deinit(&r->title);
}

static void view_init(struct view *v, struct candidate *c, size_t order)
{
    memset(v, 0, sizeof *v);
    v->c = *c;
    v->order = order;
    credit_read(c->artist, &v->credit);
    title_form_read(c->title, &v->title);
    v->versions = v->title.versions | version_of_note(c->disambiguation);
}

static void view_deinit(struct view *v)
{
    credit_deinit(&v->credit);
    title_form_deinit(&v->title);
}

/* Karaoke and tribute recordings; a song or an artist that the name itself calls so is none. */
static bool is_cover(const struct reading *r, const struct view *v, enum credit_fit fit)
{
    if (fit != CREDIT_EQUAL && brand_is_cover(v->c.artist))
        return true;
    if (v->versions & (VERSION_KARAOKE | (VERSION_COVER & ~r->versions)))
        return true;
    if (v->c.title && !similar_equal(v->title.key, r->title.key) && brand_in_title(v->c.title))
        return true;
    if (!v->c.album || strstr(r->title.key, "karaoke") || strstr(r->credit.key, "karaoke"))
        return false;
    /* The artist may well have played on a tribute to somebody; a karaoke album of the artist has no voice. */
    return brand_in_title(v->c.album) && (fit != CREDIT_EQUAL || strcasestr(v->c.album, "karaoke"));
}

static double artist_score(const struct reading *r, const struct view *v, enum credit_fit fit)
{
    double whole, main_part;

    switch (fit) {
    case CREDIT_EQUAL: return 1;
    case CREDIT_GUEST: return SCORE_GUEST;
    case CREDIT_PART: return SCORE_PART;
    default: break;
    }
    whole = similar_ratio(r->credit.key, v->credit.key);
    main_part = similar_ratio(r->credit.main_key, v->credit.main_key);
    return whole > main_part ? whole : main_part;
}

static double title_score(const struct reading *r, const struct view *v, enum title_fit fit)
{
    if (fit == TITLE_EQUAL)
        return 1;
    if (fit == TITLE_SUBTITLE)
        return SCORE_SUBTITLE;
    return similar_ratio(r->title.key, v->title.key);
}

static void refuse(struct verdict *d, double artist, double title, const char *rule, const char *sentence)
{
    d->rule = rule;
    d->sentence = sentence;
    d->score = SCORE_REFUSED * (artist + title) / 2;
}

static void accept(struct verdict *d, enum credit_fit artist, enum title_fit title, bool alias)
{
    d->accepted = true;
    d->exact = artist >= CREDIT_GUEST && title == TITLE_EQUAL;
    if (alias)
        d->rule = "alias", d->sentence = "another name of the artist and the title are those of the name";
    else if (artist == CREDIT_EQUAL && title == TITLE_EQUAL)
        d->rule = "exact", d->sentence = "artist and title are those of the name";
    else if (artist == CREDIT_GUEST && title == TITLE_EQUAL)
        d->rule = "guest", d->sentence = "artist and title are those of the name but for a guest";
    else if (artist == CREDIT_PART)
        d->rule = "credit_part", d->sentence = "the credit names more or fewer artists than the name";
    else if (title == TITLE_SUBTITLE && artist >= CREDIT_GUEST)
        d->rule = "subtitle", d->sentence = "the title differs only by what stands in brackets";
    else
        d->rule = "fuzzy", d->sentence = "artist and title are nearly those of the name";
}

static struct verdict judge_reading(const struct reading *r, const struct view *v)
{
    struct verdict d = {0};
    enum credit_fit artist = credit_compare(&r->credit, &v->credit);
    enum title_fit title = compare_titles(&r->title, &v->title);
    bool alias = false;
    double a, t;

    if (artist < CREDIT_GUEST && title == TITLE_EQUAL && v->c.artist_alias) {
        struct credit other;
        credit_read(v->c.artist_alias, &other);
        alias = credit_compare(&r->credit, &other) == CREDIT_EQUAL;
        credit_deinit(&other);
    }
    if (alias)
        artist = CREDIT_EQUAL;
    a = alias ? SCORE_ALIAS : artist_score(r, v, artist);
    t = title_score(r, v, title);
    if (is_cover(r, v, artist))
        refuse(&d, a / 2, t / 2, "brand", "a karaoke brand, tribute or cover band, not the artist of the name");
    else if (artist == CREDIT_DIFFERS || (artist == CREDIT_PART && title != TITLE_EQUAL))
        refuse(&d, a, t, "artist_differs", "the artist is not that of the name");
    else if (title == TITLE_DIFFERS || a * t < SCORE_LEAST)
        refuse(&d, a, t, "title_differs", "the title is not that of the name");
    else if (!versions_agree(r->versions, v->versions))
        refuse(&d, a, t, "version_differs", "another version of the song (live, remix, acoustic ...) than the name says");
    else if (v->c.provider == PROVIDER_LASTFM && v->c.listeners < MATCH_LISTENERS)
        refuse(&d, a, t, "few_listeners", "too few people have listened to it under these names");
    else
        accept(&d, artist, title, alias), d.score = a * t;
    return d;
}

static struct verdict judge_view(const struct reading *readings, size_t n, bool has_artist, const struct view *v)
{
    struct verdict best = {0}, d;

    if (!is_set(v->c.artist) || !is_set(v->c.title) || brand_is_placeholder(v->c.artist)) {
        refuse(&best, 0, 0, "placeholder", "the answer names no real artist or title");
        return best;
    }
    if (!has_artist) {
        double t = title_score(&readings[0], v, compare_titles(&readings[0].title, &v->title));
        bool brand = brand_is_cover(v->c.artist);
        refuse(&best, 0, brand ? t / 2 : t, brand ? "brand" : "no_artist",
               brand ? "a karaoke brand, tribute or cover band" : "the name holds no artist, so this is only proposed");
        return best;
    }
    for (size_t i = 0; i < n; i++) {
        d = judge_reading(&readings[i], v);
        d.swapped = i == 1;
        if (i == 0 || d.accepted > best.accepted || (d.accepted == best.accepted && d.score > best.score))
            best = d;
    }
    return best;
}

static void store_verdict(struct candidate *c, const struct verdict *d)
{
    c->score = d->score;
    c->accepted = d->accepted;
    c->exact = d->exact;
    c->swapped = d->swapped;
    c->rule = d->rule;
    snprintf(c->reason, sizeof c->reason, "%s%s", d->sentence,
             d->swapped && d->accepted ? ", read with artist and title exchanged" : "");
}

/* Best first. The dated one of equals goes before: its identifier is that of the first official release. */
static int by_rank(const void *a, const void *b)
{
    const struct view *x = a, *y = b;

    if (x->c.accepted != y->c.accepted)
        return x->c.accepted ? -1 : 1;
    if (x->c.score != y->c.score)
        return x->c.score > y->c.score ? -1 : 1;
    if (x->c.swapped != y->c.swapped)
        return x->c.swapped ? 1 : -1;
    if ((x->c.year != 0) != (y->c.year != 0))
        return x->c.year ? -1 : 1;
    if (x->c.listeners != y->c.listeners)
        return x->c.listeners > y->c.listeners ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void demote(struct candidate *c, const char *rule, const char *sentence)
{
    c->accepted = false;
    c->rule = rule;
    snprintf(c->reason, sizeof c->reason, "%s", sentence);
}

static bool same_song(const struct view *a, const struct view *b)
{
    return credit_shares_name(&a->credit, &b->credit) && compare_titles(&a->title, &b->title) >= TITLE_SUBTITLE;
}

/* The same recording as far as names tell: only then may it date the other. */
static bool same_names(const struct view *a, const struct view *b)
{
    return credit_compare(&a->credit, &b->credit) >= CREDIT_GUEST && compare_titles(&a->title, &b->title) == TITLE_EQUAL &&
           versions_agree(a->versions, b->versions);
}

static int earlier(int a, int b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* What the other entries of the same song know, too. */
static void gather(struct view *best, const struct view *other)
{
    if (!same_names(best, other))
        return;
    best->c.year = earlier(best->c.year, other->c.year);
    best->c.year_weak = earlier(best->c.year_weak, other->c.year_weak);
    for (size_t i = 0; i < CANDIDATE_GENRES && !best->c.genres[0]; i++)
        if (other->c.genres[0])
            for (size_t g = 0; g < CANDIDATE_GENRES; g++)
                best->c.genres[g] = mem_strdup(other->c.genres[g]);
}

static void drop_all(struct view *views, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (views[i].c.accepted)
            demote(&views[i].c, "runner_up", "two different songs fit the name nearly equally well");
}

/* The name fits one song as it stands and another one exchanged: far more listeners decide, else the name's order, unsure. */
static struct view *settle_orders(struct view *best, struct view *rival)
{
    struct view *straight = best->c.swapped ? rival : best, *swapped = best->c.swapped ? best : rival;
    int64_t s = straight->c.listeners, w = swapped->c.listeners;

    if (s >= 0 && w >= 0 && s / LISTENERS_DECIDE >= w + 1)
        return straight;
    if (s >= 0 && w >= 0 && w / LISTENERS_DECIDE >= s + 1)
        return swapped;
    straight->c.exact = false;
    straight->c.rule = "both_orders";
    snprintf(straight->c.reason, sizeof straight->c.reason, "the name fits a song in either order; its own order was kept");
    return straight;
}

/* Of all accepted one stays, or none. Views stand best first. */
static void choose(struct view *views, size_t n)
{
    struct view *best = &views[0];

    for (size_t i = 1; i < n && views[i].c.accepted; i++) {
        struct view *v = &views[i];
        if (same_song(best, v) || best->c.score - v->c.score >= RUNNER_UP_GAP)
            continue;
        if (v->c.swapped == best->c.swapped) {
            drop_all(views, n);
            return;
        }
        best = settle_orders(best, v);
        break;
    }
    for (size_t i = 0; i < n; i++) {
        struct view *v = &views[i];
        if (v == best || !v->c.accepted)
            continue;
        if (same_song(best, v)) {
            gather(best, v);
            demote(&v->c, "same_song", "the same song as the accepted one");
        } else {
            demote(&v->c, "weaker", "fits, but less well than the accepted one");
        }
    }
    if (best->c.year)
        best->c.year_weak = 0;
}

int match_judge(const struct wanted *w, struct candidates *list)
{
    struct reading readings[2];
    bool has_artist = is_set(w->artist);
    size_t n = has_artist && w->order_open ? 2 : 1;
    struct view *views;
    bool found;

    if (list->count == 0)
        return -1;
    views = mem_alloc(list->count * sizeof *views);
    reading_init(&readings[0], w->artist, w->title, w->variant);
    if (n == 2)
        reading_init(&readings[1], w->title, w->artist, w->variant);
    for (size_t i = 0; i < list->count; i++) {
        struct verdict d;
        view_init(&views[i], &list->items[i], i);
        d = judge_view(readings, n, has_artist, &views[i]);
        store_verdict(&views[i].c, &d);
    }
    qsort(views, list->count, sizeof *views, by_rank);
    found = views[0].c.accepted;
    if (found)
        choose(views, list->count);
    qsort(views, list->count, sizeof *views, by_rank);
    for (size_t i = 0; i < list->count; i++) {
        list->items[i] = views[i].c;
        view_deinit(&views[i]);
    }
    for (size_t i = 0; i < n; i++)
        reading_deinit(&readings[i]);
    free(views);
    return list->items[0].accepted ? 0 : -1;
}
