/* Reading artist and title from a karaoke name.
 *
 * Patterns, vendors and phrases are rows of tables in this room; each row has an example that is
 * its first test. Any bytes up to TITLE_MAX_BYTES are legal input (the rest is cut); time is
 * linear in the length. Noise removal never empties a name.
 */
#ifndef SONGBOOKD_SONG_TITLE_H
#define SONGBOOKD_SONG_TITLE_H

#include "song/song.h"

#define TITLE_MAX_BYTES 65536

enum guess_category { GUESS_STANDARD, GUESS_ATTRIBUTION, GUESS_INSTRUMENTAL, GUESS_LEGACY };
const char *guess_category_name(enum guess_category c);   /* "standard", "attribution", "instrumental", "legacy" */

/* What the decision rests on: for the confidence, and for the library, whose other names may settle an open order. */
struct guess_evidence {
    bool pair;                  /* artist and title are two parts that might stand the other way round */
    bool title_first;           /* they stand as "title, artist" */
    bool settled;               /* the name itself settles which is which */
    bool weak;                  /* parted by a weak sign */
    bool noise;                 /* the name says that it is karaoke */
    bool fame;                  /* one part is a known artist's name */
    bool extra;                 /* more parts than two */
    bool catalogue;             /* a catalogue number: collections that name no artists write it */
    uint8_t style;              /* how the name is written: separator, underscores; equal bytes are alike */
    uint8_t digits;             /* the first part begins with a number of so many digits; 0 none */
    uint8_t number;             /* a track number of so many digits was taken off; 0 none */
    uint8_t residue;            /* signs and words of noise that stayed in artist and title */
    uint8_t words;              /* of artist and title together, 255 at most */
    uint32_t hand;              /* of the noise around them and how it is set: equal where the same hand wrote the names */
    double lean;                /* points for the chosen order over the other; 0 a toss */
};

struct guess {
    char *artist;               /* as credited; NULL when the name holds none */
    char *title;                /* never empty unless the name is */
    char *variant;              /* "live", "acoustic", "duet", "key of A" ...; NULL */
    char *vendor;               /* canonical vendor name; NULL */
    char language[8];           /* hint, "" unknown */
    char youtube_id[12];        /* "" none */
    int year;                   /* stated by the name; 0 none */
    double confidence;          /* within the bands of song.h */
    enum guess_category category;
    bool is_ambiguous;          /* the order of artist and title is open */
    struct guess_evidence evidence;
    const char *rule;           /* stable key of the deciding rule, static: "phrase", "vendor_order", "separator" ... */
    char reason[160];           /* one sentence for a person */
};

/* name: a file name or path, with or without folder, extension and id. Fills *out completely; guess_deinit releases it. */
void title_parse(struct slice name, struct guess *out);
/* The same, without knowing any artist: what the reading is worth where a name's artist is in no table (measurements). */
void title_parse_blind(struct slice name, struct guess *out);
void guess_deinit(struct guess *g);

/* Returns new: the tidy name (auto-format): "Artist - Title", or "Title - Artist" when title_first. Without artist: the title. */
char *guess_tidy(const struct guess *g, bool title_first);

#endif
