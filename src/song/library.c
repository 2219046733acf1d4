/* Evidence from all names together; see library.h and docs/names.md.
 *
 * Tables: songs (one entry a name), parts (folded texts: how many different partners, so that two copies of one song count once,
 * and how often surely an artist or a title), styles (folder, extension, separator, vendor: how many names speak for either
 * order). A verdict is a function of these counts. Two steps, so that no verdict rests on itself: first the parts vote, then the
 * votes make the habit of a style. */
#include "song/library.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "song/fold.h"
#include "song/title_model.h"

#define NONE UINT32_MAX

/* Weights, in the points of title_order.c. */
#define PARTNERS 1.6         /* for each doubling of the number of different partners */
#define PARTNERS_MAX 8.0
#define KNOWN 3.0            /* other names say so outright */
#define VOTE 2.0             /* a part's evidence that counts for the habit of the style */
#define HABIT_STRONG 4.0
#define HABIT_WEAK 1.2
#define LIBRARY_DOUBT 0.58   /* "review suggested": evidence contradicts itself */
#define DECIDED 2.5          /* that much together settles the order */

struct song_entry {
    int64_t id;
    uint32_t part[2];        /* left, right; NONE when the name has no two parts */
    uint32_t next[2];        /* chain of the part: entry * 2 + side */
    uint32_t style;
    uint32_t path;           /* hash */
    int16_t lean;            /* the name's own points for the left part being the artist, in 64ths */
    uint8_t round;           /* it was seen last */
    uint8_t digits;          /* of the number in front */
    int8_t vote;             /* for the style: +1 artist first, -1 title first */
    bool used : 1, settled : 1, pair : 1, title_first : 1, dirty : 1;
};

struct part_entry {
    uint64_t key;
    uint32_t head;           /* chain of songs */
    uint32_t partners;       /* different ones */
    uint32_t artist, title;  /* names that settle it */
};

struct style_entry {
    uint64_t key;
    uint32_t artist_first, title_first;
    uint32_t names, numbered;   /* of a place */
    uint32_t place;          /* the style that stands for folder and extension alone; its own index when it is one */
    int8_t habit;            /* -2 .. 2 */
    bool strips;
};

/* Open addressing; slots hold index + 1. */
struct index {
    uint32_t *slot;
    size_t cap, used;
};

struct library {
    uint64_t seed;
    struct song_entry *songs;
    struct part_entry *parts;
    struct style_entry *styles;
    size_t n_songs, n_parts, n_styles, cap_songs, cap_parts, cap_styles;
    struct index by_id, by_part, by_style;
    uint32_t free_song;      /* chain of unused entries by next[0] */
    size_t live;
    size_t scan;             /* where library_take_changed goes on */
    size_t dirty;
    uint32_t round;
};

/* ---- tables ---- */

static void *grow(void *p, size_t *cap, size_t n, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap ? *cap + *cap / 2 : 256;
    return mem_realloc(p, *cap * size);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9ULL;

    return h ^ (h >> 31);
}

static uint64_t hash_of(const struct library *l, const struct index *x, uint32_t i)
{
    if (x == &l->by_id)
        return mix(l->seed, (uint64_t)l->songs[i].id);
    if (x == &l->by_part)
        return l->parts[i].key;
    return l->styles[i].key;
}

static void index_insert(struct library *l, struct index *x, uint64_t hash, uint32_t i)
{
    if ((x->used + 1) * 4 > x->cap * 3) {
        struct index old = *x;
        x->cap = old.cap ? old.cap * 2 : 512;
        x->slot = mem_zalloc(x->cap * sizeof *x->slot);
        x->used = 0;
        for (size_t k = 0; k < old.cap; k++)
            if (old.slot[k])
                index_insert(l, x, hash_of(l, x, old.slot[k] - 1), old.slot[k] - 1);
        free(old.slot);
    }
    for (size_t k = hash & (x->cap - 1);; k = (k + 1) & (x->cap - 1))
        if (!x->slot[k]) {
            x->slot[k] = i + 1;
            x->used++;
            return;
        }
}

/* Takes slot k out and closes the gap. */
static void index_remove(struct library *l, struct index *x, size_t k)
{
    size_t mask = x->cap - 1;

    x->slot[k] = 0;
    x->used--;
    for (size_t j = (k + 1) & mask; x->slot[j]; j = (j + 1) & mask) {
        size_t home = hash_of(l, x, x->slot[j] - 1) & mask;
        if (((j - home) & mask) < ((j - k) & mask))
            continue;
        x->slot[k] = x->slot[j];
        x->slot[j] = 0;
        k = j;
    }
}

static size_t find_song_slot(const struct library *l, int64_t id)
{
    const struct index *x = &l->by_id;

    if (!x->cap)
        return SIZE_MAX;
    for (size_t k = mix(l->seed, (uint64_t)id) & (x->cap - 1); x->slot[k]; k = (k + 1) & (x->cap - 1))
        if (l->songs[x->slot[k] - 1].id == id)
            return k;
    return SIZE_MAX;
}

static uint32_t part_of(struct library *l, uint64_t key)
{
    const struct index *x = &l->by_part;

    for (size_t k = x->cap ? key & (x->cap - 1) : 0; x->cap && x->slot[k]; k = (k + 1) & (x->cap - 1))
        if (l->parts[x->slot[k] - 1].key == key)
            return x->slot[k] - 1;
    l->parts = grow(l->parts, &l->cap_parts, l->n_parts, sizeof *l->parts);
    l->parts[l->n_parts] = (struct part_entry){.key = key, .head = NONE};
    index_insert(l, &l->by_part, key, (uint32_t)l->n_parts);
    return (uint32_t)l->n_parts++;
}

static uint32_t style_of(struct library *l, uint64_t key)
{
    const struct index *x = &l->by_style;

    for (size_t k = x->cap ? key & (x->cap - 1) : 0; x->cap && x->slot[k]; k = (k + 1) & (x->cap - 1))
        if (l->styles[x->slot[k] - 1].key == key)
            return x->slot[k] - 1;
    l->styles = grow(l->styles, &l->cap_styles, l->n_styles, sizeof *l->styles);
    l->styles[l->n_styles] = (struct style_entry){.key = key};
    index_insert(l, &l->by_style, key, (uint32_t)l->n_styles);
    return (uint32_t)l->n_styles++;
}

struct library *library_new(uint64_t seed)
{
    struct library *l = mem_zalloc(sizeof *l);

    l->seed = seed;
    l->free_song = NONE;
    return l;
}

void library_free(struct library *l)
{
    if (!l)
        return;
    free(l->songs);
    free(l->parts);
    free(l->styles);
    free(l->by_id.slot);
    free(l->by_part.slot);
    free(l->by_style.slot);
    free(l);
}

size_t library_count(const struct library *l)
{
    return l->live;
}

size_t library_bytes(const struct library *l)
{
    return sizeof *l + l->cap_songs * sizeof *l->songs + l->cap_parts * sizeof *l->parts +
           l->cap_styles * sizeof *l->styles +
           (l->by_id.cap + l->by_part.cap + l->by_style.cap) * sizeof(uint32_t);
}

/* ---- what the parts say ---- */

static bool is_artist_side(const struct song_entry *s, int side)
{
    return side == (s->title_first ? 1 : 0);
}

/* Points for part `side` being an artist, from the other names. */
static double part_points(const struct library *l, const struct song_entry *s, int side)
{
    const struct part_entry *p = &l->parts[s->part[side]];
    uint32_t own_artist = s->settled && is_artist_side(s, side), own_title = s->settled && !is_artist_side(s, side);
    uint32_t artist = p->artist - own_artist, title = p->title - own_title;
    double v = p->partners > 1 ? PARTNERS * log2(p->partners) : 0;

    if (v > PARTNERS_MAX)
        v = PARTNERS_MAX;
    if (artist > title)
        v += KNOWN;
    else if (title > artist)
        v -= KNOWN;
    return v;
}

/* For the left part being the artist. */
static double parts_evidence(const struct library *l, const struct song_entry *s)
{
    if (!s->pair || s->part[0] == s->part[1])
        return 0;
    return part_points(l, s, 0) - part_points(l, s, 1);
}

static int8_t vote_of(const struct library *l, const struct song_entry *s)
{
    double e;

    if (!s->pair)
        return 0;
    if (s->settled)
        return s->title_first ? -1 : 1;
    e = parts_evidence(l, s);
    return e >= VOTE ? 1 : e <= -VOTE ? -1 : 0;
}

/* ---- what a style does ---- */

static int8_t habit_of(const struct style_entry *y)
{
    uint32_t n = y->artist_first + y->title_first;
    uint32_t most = y->artist_first > y->title_first ? y->artist_first : y->title_first;
    int8_t sign = y->artist_first >= y->title_first ? 1 : -1;

    if (n >= 8 && most * 10 >= n * 9)
        return (int8_t)(2 * sign);
    return n >= 4 && most * 4 >= n * 3 ? sign : 0;
}

static bool strips_of(const struct style_entry *y)
{
    return y->numbered >= 10 && y->numbered * 10 >= y->names * 6;
}

static void mark(struct library *l, struct song_entry *s)
{
    if (!s->dirty) {
        s->dirty = true;
        l->dirty++;
    }
}

/* Notes a change of the style; when its habit turns, all its names are to be judged again. */
static void style_changed(struct library *l, uint32_t style)
{
    struct style_entry *y = &l->styles[style];
    int8_t habit = habit_of(y);
    bool strips = strips_of(y);

    if (habit == y->habit && strips == y->strips)
        return;
    y->habit = habit;
    y->strips = strips;
    for (size_t i = 0; i < l->n_songs; i++)
        if (l->songs[i].used && (l->songs[i].style == style || l->styles[l->songs[i].style].place == style) && l->songs[i].pair)
            mark(l, &l->songs[i]);
}

static void set_vote(struct library *l, struct song_entry *s, int8_t vote)
{
    struct style_entry *y = &l->styles[s->style];

    if (vote == s->vote)
        return;
    y->artist_first += (uint32_t)(vote > 0) - (uint32_t)(s->vote > 0);
    y->title_first += (uint32_t)(vote < 0) - (uint32_t)(s->vote < 0);
    s->vote = vote;
    style_changed(l, s->style);
}

/* The names that share the part are to be judged again. */
static void touch_part(struct library *l, uint32_t part)
{
    for (uint32_t link = l->parts[part].head; link != NONE; link = l->songs[link / 2].next[link % 2]) {
        struct song_entry *s = &l->songs[link / 2];
        if (!s->settled) {
            mark(l, s);
            set_vote(l, s, vote_of(l, s));
        }
    }
}

/* ---- names come and go ---- */

static void link_part(struct library *l, uint32_t song, int side)
{
    struct song_entry *s = &l->songs[song];
    struct part_entry *p = &l->parts[s->part[side]];

    s->next[side] = p->head;
    p->head = song * 2 + (uint32_t)side;
}

static void unlink_part(struct library *l, uint32_t song, int side)
{
    uint32_t *at = &l->parts[l->songs[song].part[side]].head;

    while (*at != song * 2 + (uint32_t)side)
        at = &l->songs[*at / 2].next[*at % 2];
    *at = l->songs[song].next[side];
}

/* True when a linked name has these two parts, in either order. The chains of both are followed side by side, so that the shorter
 * one ends the search. */
static bool has_pair(const struct library *l, uint32_t a, uint32_t b)
{
    uint32_t i = l->parts[a].head, k = l->parts[b].head;

    while (i != NONE && k != NONE) {
        const struct song_entry *s = &l->songs[i / 2], *t = &l->songs[k / 2];
        if (s->part[1 - i % 2] == b || t->part[1 - k % 2] == a)
            return true;
        i = s->next[i % 2];
        k = t->next[k % 2];
    }
    return false;
}

/* by: +1 before the name is linked, -1 after it was unlinked. */
static void count_parts(struct library *l, const struct song_entry *s, int by)
{
    bool only = !has_pair(l, s->part[0], s->part[1]);

    for (int side = 0; side < 2; side++) {
        struct part_entry *p = &l->parts[s->part[side]];
        if (only)
            p->partners += (uint32_t)by;
        if (s->settled && is_artist_side(s, side))
            p->artist += (uint32_t)by;
        else if (s->settled)
            p->title += (uint32_t)by;
    }
}

static uint64_t key_of(const struct library *l, const char *text)
{
    char *key = fold_key(slice_of(text));
    uint64_t hash = hash_bytes(slice_of(key), l->seed);

    free(key);
    return hash;
}

/* Folder and extension: *place; with separator, vendor and the noise around the parts: a style. Names alike in these were
 * written by the same hand. */
static uint64_t style_key(const struct library *l, struct slice path, const struct guess *g, uint64_t *place)
{
    const char *slash = path.p ? memrchr(path.p, '/', path.n) : NULL, *dot = path.p ? memrchr(path.p, '.', path.n) : NULL;
    struct slice folder = {path.p, slash ? (size_t)(slash - path.p) : 0}, extension = {"", 0};
    uint64_t h = hash_bytes(folder, l->seed);

    if (dot && (!slash || dot > slash) && path.p + path.n - dot <= 5)
        extension = (struct slice){dot, (size_t)(path.p + path.n - dot)};
    h = mix(h, hash_bytes(extension, l->seed));
    *place = mix(h, 1);
    h = mix(h, hash_bytes(slice_of(g->vendor ? g->vendor : ""), l->seed));
    return mix(h, (uint64_t)g->evidence.hand << 8 | g->evidence.style);
}

static uint32_t new_song(struct library *l)
{
    uint32_t i = l->free_song;

    if (i != NONE) {
        l->free_song = l->songs[i].next[0];
        return i;
    }
    l->songs = grow(l->songs, &l->cap_songs, l->n_songs, sizeof *l->songs);
    return (uint32_t)l->n_songs++;
}

static void enter(struct library *l, uint32_t i)
{
    struct song_entry *s = &l->songs[i];
    struct style_entry *place = &l->styles[l->styles[s->style].place];

    place->names++;
    place->numbered += s->digits > 0;
    style_changed(l, l->styles[s->style].place);
    if (s->part[0] != NONE) {
        count_parts(l, s, 1);
        link_part(l, i, 0);
        if (s->part[0] != s->part[1])
            link_part(l, i, 1);
        touch_part(l, s->part[0]);
        touch_part(l, s->part[1]);
        set_vote(l, &l->songs[i], vote_of(l, &l->songs[i]));
    }
}

static double clamp(double lean)
{
    return lean > 100 ? 100 : lean < -100 ? -100 : lean;
}

static uint32_t path_hash(const struct library *l, struct slice path)
{
    return (uint32_t)hash_bytes(path, l->seed);
}

void library_put(struct library *l, int64_t id, struct slice path, const struct guess *g)
{
    const struct guess_evidence *v = &g->evidence;
    const char *left = v->title_first ? g->title : g->artist, *right = v->title_first ? g->artist : g->title;
    uint64_t style, place;
    uint32_t i, at;

    library_drop(l, id);
    if (l->live >= LIBRARY_MAX)
        return;
    style = style_key(l, path, g, &place);
    i = new_song(l);
    l->songs[i] = (struct song_entry){.id = id, .part = {NONE, NONE}, .next = {NONE, NONE}, .used = true,
                                      .settled = v->settled, .pair = v->pair, .title_first = v->title_first,
                                      .lean = (int16_t)(64 * clamp(v->title_first ? -v->lean : v->lean)),
                                      .digits = v->digits ? v->digits : v->number,
                                      .path = path_hash(l, path), .round = (uint8_t)l->round};
    l->songs[i].style = style_of(l, style);
    at = style_of(l, place);
    l->styles[l->songs[i].style].place = at;
    l->styles[at].place = at;
    if (g->artist && g->title && *g->title && (v->pair || v->settled)) {
        l->songs[i].part[0] = part_of(l, key_of(l, left));
        l->songs[i].part[1] = part_of(l, key_of(l, right));
    } else {
        l->songs[i].pair = false;
    }
    index_insert(l, &l->by_id, mix(l->seed, (uint64_t)id), i);
    l->live++;
    enter(l, i);
    if (l->songs[i].pair)
        mark(l, &l->songs[i]);
}

bool library_see(struct library *l, int64_t id, struct slice path, uint32_t round)
{
    size_t slot = find_song_slot(l, id);
    struct song_entry *s = slot == SIZE_MAX ? NULL : &l->songs[l->by_id.slot[slot] - 1];

    l->round = round;
    if (!s || s->path != path_hash(l, path))
        return false;
    s->round = (uint8_t)round;
    return true;
}

void library_drop_unseen(struct library *l, uint32_t round)
{
    l->round = round;
    for (size_t i = 0; i < l->n_songs; i++)
        if (l->songs[i].used && l->songs[i].round != (uint8_t)round)
            library_drop(l, l->songs[i].id);
}

void library_drop(struct library *l, int64_t id)
{
    size_t slot = find_song_slot(l, id);
    struct song_entry *s;
    struct style_entry *place;
    uint32_t i;

    if (slot == SIZE_MAX)
        return;
    i = l->by_id.slot[slot] - 1;
    s = &l->songs[i];
    place = &l->styles[l->styles[s->style].place];
    index_remove(l, &l->by_id, slot);
    set_vote(l, s, 0);
    place->names--;
    place->numbered -= s->digits > 0;
    if (s->part[0] != NONE) {
        unlink_part(l, i, 0);
        if (s->part[0] != s->part[1])
            unlink_part(l, i, 1);
        count_parts(l, s, -1);
        touch_part(l, s->part[0]);
        touch_part(l, s->part[1]);
    }
    style_changed(l, l->styles[s->style].place);
    l->dirty -= s->dirty;
    *s = (struct song_entry){.next = {l->free_song, NONE}};
    l->free_song = i;
    l->live--;
}

size_t library_take_changed(struct library *l, int64_t *ids, size_t max)
{
    size_t n = 0;

    for (size_t seen = 0; seen < l->n_songs && n < max && l->dirty; seen++, l->scan++) {
        struct song_entry *s = &l->songs[l->scan % l->n_songs];
        if (!s->used || !s->dirty)
            continue;
        s->dirty = false;
        l->dirty--;
        ids[n++] = s->id;
    }
    if (l->n_songs)
        l->scan %= l->n_songs;
    return n;
}

/* ---- the verdict ---- */

static double habit_points(int habit)
{
    return habit == 2 ? HABIT_STRONG : habit == -2 ? -HABIT_STRONG : habit * HABIT_WEAK;
}

/* As much of a text as a sentence bears, cut between characters. */
static int shown(const char *text)
{
    size_t n = strlen(text);

    if (n > 60)
        for (n = 60; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    return (int)n;
}

static void say_why(const struct library *l, const struct song_entry *s, double parts, bool title_first, struct guess *g)
{
    const struct part_entry *a = &l->parts[s->part[title_first ? 1 : 0]];
    const struct style_entry *y = &l->styles[s->style];
    uint32_t n = y->artist_first + y->title_first, most = title_first ? y->title_first : y->artist_first;

    if ((title_first ? -parts : parts) < VOTE)
        snprintf(g->reason, sizeof g->reason, "%u of %u names written like this put the %s first", most, n,
                 title_first ? "title" : "artist");
    else if (a->partners > 2)
        snprintf(g->reason, sizeof g->reason, "'%.*s' stands beside %u other titles in this library", shown(g->artist), g->artist,
                 a->partners - 1);
    else if (a->artist > a->title)
        snprintf(g->reason, sizeof g->reason, "'%.*s' is the artist of other songs in this library", shown(g->artist), g->artist);
    else
        snprintf(g->reason, sizeof g->reason, "'%.*s' is a title in other names of this library", shown(g->title), g->title);
}

static bool strip_number(const struct song_entry *s, const struct style_entry *y, struct guess *g)
{
    char *left = g->evidence.title_first ? g->title : g->artist;
    size_t n = g->evidence.digits;

    if (!n || !y->strips || s->digits != n || !left || strlen(left) <= n + 1)
        return false;
    memmove(left, left + n + 1, strlen(left + n + 1) + 1);
    return true;
}

static void swap_names(struct guess *g)
{
    char *t = g->artist;

    g->artist = g->title;
    g->title = t;
    g->evidence.title_first = !g->evidence.title_first;
}

/* A known name on one side is strong, but not so strong as the habit of the very hand that wrote the name, and parts that speak
 * against it: then both are doubted, and somebody should look. */
static bool contradict(const struct library *l, const struct song_entry *s, struct guess *g)
{
    const struct style_entry *y = &l->styles[s->style];
    double parts = parts_evidence(l, s), against = s->title_first ? parts : -parts;
    bool habit = s->title_first ? y->habit == 2 : y->habit == -2;
    uint32_t most = s->title_first ? y->artist_first : y->title_first;

    if (!g->evidence.fame || !habit || against < -HABIT_STRONG)
        return false;
    g->is_ambiguous = true;
    g->confidence = LIBRARY_DOUBT;
    g->rule = "library_doubt";
    snprintf(g->reason, sizeof g->reason,
             "'%.*s' is a known artist, but %u of %u names written like this put the parts the other way", shown(g->artist),
             g->artist, most, y->artist_first + y->title_first);
    return true;
}

bool library_judge(const struct library *l, int64_t id, struct guess *g)
{
    size_t slot = find_song_slot(l, id);
    const struct song_entry *s;
    const struct style_entry *y;
    double parts, sum;
    bool stripped, title_first;

    if (slot == SIZE_MAX)
        return false;
    s = &l->songs[l->by_id.slot[slot] - 1];
    y = &l->styles[s->style];
    if (!s->pair)
        return false;
    stripped = strip_number(s, &l->styles[l->styles[s->style].place], g);
    if (s->settled)
        return contradict(l, s, g) || stripped;
    parts = parts_evidence(l, s);
    sum = s->lean / 128.0 + parts + habit_points(y->habit);
    title_first = sum < 0;
    if (fabs(sum) < DECIDED || (fabs(parts) < VOTE && abs(y->habit) < 2) ||
        (title_first ? parts > 0 && y->habit >= 0 : parts < 0 && y->habit <= 0))
        return stripped;
    if (title_first != g->evidence.title_first)
        swap_names(g);
    g->rule = title_rule_row(RULE_LIBRARY)->key;
    g->is_ambiguous = false;
    g->evidence.settled = true;
    g->evidence.lean = fabs(sum);
    /* In whole hundredths: one more song does not rewrite all others of its artist. */
    g->confidence = floor(title_confidence(RULE_LIBRARY, &g->evidence) * 100) / 100;
    say_why(l, s, parts, title_first, g);
    return true;
}

void library_settle(struct library *l)
{
    for (size_t i = 0; i < l->n_songs; i++)
        l->songs[i].dirty = false;
    l->dirty = 0;
}
