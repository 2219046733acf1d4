/* Is this candidate the song that was asked for? Own similarity, with its reasons. Pure.
 *
 * A provider's score is relative (its first hit is always 100) and never used to accept.
 * Both artist and title must match; short strings must match exactly; brands, tribute and cover
 * bands are refused unless the name asked for that very artist; qualifiers (live, remix, acoustic)
 * must agree with what was asked.
 */
#ifndef SONGBOOKD_SONG_MATCH_H
#define SONGBOOKD_SONG_MATCH_H

#include "song/song.h"

#define CANDIDATE_MAX 100        /* per answer; the rest is dropped */
#define CANDIDATE_GENRES 3
#define MATCH_LISTENERS 500      /* Last.fm: fewer than this speak for nothing, it has an entry for any misspelling */
#define MATCH_LISTENERS_OPEN 2000   /* below this an entry does not settle which of two names is the artist */

/* One provider's suggestion. Strings owned (candidate_deinit). */
struct candidate {
    enum provider_id provider;
    char *artist;                /* joined artist credit */
    char *title;
    char *mbid;                  /* recording MBID, lower case, or NULL */
    char *artist_alias;          /* folded-equal alias of the first artist in another script, or NULL */
    char *album;                 /* a release title, for refusing "karaoke" collections; or NULL */
    char *disambiguation;        /* or NULL */
    char *genres[CANDIDATE_GENRES];   /* already whitelisted and spelled our way, best first */
    int year;                    /* dated by the rule of docs/confidence.md; 0 unknown */
    int year_weak;               /* a date that may be a reissue's: kept for showing only; 0 none */
    int64_t listeners;           /* Last.fm; -1 unknown */
    int provider_score;          /* as given; only for ordering ties; -1 unknown */
    /* filled by match_judge */
    double score;                /* 0..1: how well it fits what was asked */
    bool accepted;               /* fits well enough to be used without a person */
    bool swapped;                /* fits with artist and title of the name exchanged */
    bool exact;                  /* both names equal after folding; a guest that one side leaves out does not count */
    const char *rule;            /* stable key, static; accepted: "exact", "guest", "alias", "credit_part", "subtitle", "fuzzy",
                                  * "both_orders"; refused: "placeholder", "no_artist", "brand", "artist_differs",
                                  * "title_differs", "version_differs", "few_listeners", "runner_up", "weaker",
                                  * "same_song" (the accepted one again) */
    char reason[160];            /* one sentence */
};
void candidate_deinit(struct candidate *c);

struct candidates {
    struct candidate *items;     /* owned */
    size_t count;
};
/* Appends a zeroed candidate (provider set, -1 where unknown) and returns it; NULL when CANDIDATE_MAX is reached.
 * The only way to grow a list. */
struct candidate *candidates_add(struct candidates *list, enum provider_id p);
void candidates_deinit(struct candidates *list);

/* What the name asks for. Borrowed strings. */
struct wanted {
    const char *artist;          /* NULL or "" when the name holds none: then nothing is accepted, only proposed */
    const char *title;
    const char *variant;         /* or NULL */
    bool order_open;             /* try artist and title exchanged, too */
};

/* Judges every candidate, sorts best first (accepted, then score, then provider's order) and returns the
 * index of the best accepted one, or -1. At most one candidate stays accepted; its year becomes the earliest good
 * year of all that are the same song ("same_song"), and missing genres come from them. Judging twice changes nothing. */
int match_judge(const struct wanted *w, struct candidates *list);

/* Similarity 0..1 of two texts after folding; 1 only for equal keys. Relative edit distance;
 * keys of 4 or fewer characters are equal or 0. */
double match_similarity(const char *a, const char *b);
enum match_kinship {
    MATCH_OTHER_SONG,
    MATCH_NEAR_SONG,     /* the same but for spelling, or one credit names only some of the artists */
    MATCH_SAME_SONG      /* same act (guests aside), same title (subtitle aside), same version */
};
/* How two pairs are related. A missing name is another song. */
enum match_kinship match_pairs(const char *artist, const char *title, const char *other_artist, const char *other_title);
/* True when the artist is a karaoke brand, tribute or cover band, or placeholder ("[unknown]", "Various Artists"). */
bool match_is_brand(const char *artist);

#endif
