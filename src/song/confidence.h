/* What the song looks like after a provider answered: confidence, status and where values come from. Pure.
 * The bands are those of song.h; docs/confidence.md gives the source of each number. */
#ifndef SONGBOOKD_SONG_CONFIDENCE_H
#define SONGBOOKD_SONG_CONFIDENCE_H

#include "song/match.h"

/* What is known before the answer. */
struct standing {
    double parsed_confidence;    /* of the guess */
    double confidence;           /* now */
    enum song_status status;     /* now */
    unsigned agreed;             /* providers (bits) that already confirmed the present artist and title */
    const char *artist, *title;  /* now; borrowed */
};

/* Confidence of accepting c: 0.90-0.97 both names exact at MusicBrainz/ListenBrainz, or independent sources
 * agree; 0.70-0.84 one provider's fuzzy match. Agreement never lowers it; a contradiction (an earlier provider
 * confirmed other names) lowers it below 0.60 and sets *contradicts. */
double confidence_accept(const struct standing *s, const struct candidate *c, bool *contradicts);

#endif
