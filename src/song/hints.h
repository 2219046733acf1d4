/* What a part of a name looks like by itself: an artist or a title? Used where the order is open.
 *
 * Known artists (artists.h), first names, words that stand in titles far more often than in names, surnames of East Asia. None
 * of it decides against a vendor's habit or a phrase. Pure, read only.
 */
#ifndef SONGBOOKD_SONG_HINTS_H
#define SONGBOOKD_SONG_HINTS_H

#include <stdbool.h>

#include "song/artists.h"

/* A part of a name, seen from outside. */
struct part_look {
    enum artist_fame fame;
    int artist;        /* points that speak for an artist's name */
    int title;         /* points that speak for a title */
    int words;
    bool has_comma_list;
};
/* text: display form, valid UTF-8. */
void hint_look(struct slice text, struct part_look *out);
/* How well the text is known as an artist: all of it, the first name of its credit, or what stands around its bracket. */
enum artist_fame hint_fame(struct slice text);
/* True when all of the text is a known artist's name (any case, with or without "The"). */
bool hint_is_artist(struct slice text);
/* True when text begins (from_end false) or ends (true) with a known artist (FAME_NAME) and more words stand beside it; the
 * longest one counts. *split is the byte where that artist ends or begins. */
bool hint_split_artist(struct slice text, bool from_end, size_t *split);

#endif
