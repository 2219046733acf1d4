/* Who is no original artist: karaoke brands, cover mills, tribute bands, placeholders. Tables of this room. Pure. */
#ifndef SONGBOOKD_SONG_BRAND_H
#define SONGBOOKD_SONG_BRAND_H

#include <stdbool.h>
#include <stddef.h>

/* "[unknown]", "Various Artists": never the artist of a song, whoever asks. */
bool brand_is_placeholder(const char *artist);
/* A karaoke brand, cover mill, tribute or cover band by name; placeholders not included. */
bool brand_is_cover(const char *artist);
/* True when a title or a release's title says that somebody else sings: "(Karaoke Version)", "in the style of", "tribute to". */
bool brand_in_title(const char *title);

/* Row i of the tables as a key, for their test; NULL behind the last. */
const char *brand_row(size_t i);

#endif
