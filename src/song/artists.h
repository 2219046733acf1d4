/* Artists that karaoke libraries are full of: general knowledge of all languages and decades, one row a name.
 *
 * Two tables. `names`: nobody means anything else by them ("Elton John", "YOASOBI"). `words`: names that are ordinary words or
 * first names as well ("Bread", "Monica"): they only weigh. Rows are keys (artist_key), in byte order; a test checks both.
 * Adding an artist is adding a row. Pure, read only.
 */
#ifndef SONGBOOKD_SONG_ARTISTS_H
#define SONGBOOKD_SONG_ARTISTS_H

#include <stdbool.h>

#include "base/buf.h"

#define ARTIST_KEY_MAX 160

enum artist_fame {
    FAME_NONE,
    FAME_WORD,    /* a known name, and an ordinary word */
    FAME_NAME     /* a known name */
};

/* Writes the key of a name: folded words parted by one blank, without a leading "the". False when it does not fit or is empty. */
bool artist_key(struct slice text, char key[ARTIST_KEY_MAX]);
enum artist_fame artist_fame_of_key(const char *key);
/* Of the whole text only. */
enum artist_fame artist_fame(struct slice text);
/* The rows, for tests; *count is their number. */
const char *const *artist_names(size_t *count);
const char *const *artist_words(size_t *count);

#endif
