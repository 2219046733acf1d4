/* What a part of a name looks like by itself: an artist or a title? Used where the order is open.
 *
 * Two tables: names of artists that karaoke libraries are full of, and words that stand in titles far more often than in
 * names. Neither decides against a vendor's habit or a phrase. Pure, read only.
 */
#ifndef SONGBOOKD_SONG_HINTS_H
#define SONGBOOKD_SONG_HINTS_H

#include <stdbool.h>

#include "base/buf.h"

/* A part of a name, seen from outside. */
struct part_look {
    bool known_artist;
    int artist;        /* points that speak for an artist's name */
    int title;         /* points that speak for a title */
    int words;
    bool has_comma_list;
};
/* text: display form, valid UTF-8. */
void hint_look(struct slice text, struct part_look *out);
/* True when the text (any case, with or without "The") is a known artist. */
bool hint_is_artist(struct slice text);
/* True when text begins (from_end false) or ends (true) with a known artist and more words stand beside it; the longest one
 * counts. *split is the byte where that artist ends or begins. */
bool hint_split_artist(struct slice text, bool from_end, size_t *split);
/* The sorted names, for tests; *count is their number. */
const char *const *hint_artists(size_t *count);

#endif
