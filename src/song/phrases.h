/* The words that surround artist and title in karaoke names: a table, one row a phrase.
 *
 * Rows stand in byte order of their text (a test checks it), in lower case, words parted by one blank.
 * Adding a language is adding rows. Every row is tested with the standard example of its kind, made
 * from an invented artist and title:
 *   STYLE         "Blue Harbour <text> Ada Vale"      must give both, with the confidence of a phrase
 *   NOISE, INSTR  "Ada Vale - Blue Harbour (<text>)"  must leave both parts clean, in either order
 *   VARIANT       "Ada Vale - Blue Harbour (<text>)"  the same, and the row's variant is told
 * Pure, read only.
 */
#ifndef SONGBOOKD_SONG_PHRASES_H
#define SONGBOOKD_SONG_PHRASES_H

#include "base/buf.h"

enum phrase_kind {
    PHRASE_NONE,
    PHRASE_STYLE,     /* the artist follows */
    PHRASE_BY,        /* the artist may follow: "by" */
    PHRASE_FEAT,      /* a guest follows */
    PHRASE_NOISE,     /* says "this is karaoke" and nothing of the song */
    PHRASE_INSTR,     /* noise that makes the category instrumental */
    PHRASE_LEAD,      /* noise in front of noise ("official karaoke") or between it */
    PHRASE_WEAK,      /* noise behind noise ("karaoke version"), a word of a title elsewhere */
    PHRASE_VARIANT,   /* names another recording or another karaoke cut */
    PHRASE_KEY,       /* a musical key follows */
    PHRASE_SOURCE     /* a film, album or show follows or precedes */
};

struct phrase {
    const char *text;
    enum phrase_kind kind;
    const char *language;   /* "" when it tells none */
    const char *variant;    /* what guess.variant says, for PHRASE_VARIANT */
};

/* The longest phrase at the start of `lower` that ends at the end of a word, or NULL. */
const struct phrase *phrase_at(struct slice lower);
/* All rows, for tests and documentation; *count is their number. */
const struct phrase *phrase_table(size_t *count);

/* Shared by the tables of this room: finds the longest key at the start of `lower`; key(i) gives row i of n sorted rows.
 * Returns its index or -1. */
int phrase_longest(struct slice lower, const char *(*key)(size_t i), size_t n);

#endif
