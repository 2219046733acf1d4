/* Keys for comparing names, and how alike two keys are. Pure; the matcher's tool.
 *
 * A key is a folded text (song/fold.h) in which stylised letters are mapped, a leading article is gone and
 * "n" between words reads "and". Blanks part words; equality looks past them ("AC/DC", "ACDC").
 */
#ifndef SONGBOOKD_SONG_SIMILAR_H
#define SONGBOOKD_SONG_SIMILAR_H

#include <stdbool.h>

#include "base/buf.h"

#define SIMILAR_MAX_BYTES 1024   /* of a text; the rest is cut: no name is longer, and cost is its square */
#define SIMILAR_MAX_CHARS 256    /* of a key that are compared */

/* Returns new: the key of the text. */
char *similar_key(struct slice text);
/* Equal but for blanks. Two empty keys are not equal: nothing is known about either. */
bool similar_equal(const char *a, const char *b);
/* Length of the key in characters, blanks left out. */
size_t similar_length(const char *key);
/* True when the key holds Han, Kana or Hangul: each character is a word, so "nearly equal" means nothing. */
bool similar_is_cjk(const char *key);
/* 0..1: 1 minus the edits (insert, delete, replace, swap of neighbours) over the longer length. 1 only when equal;
 * 0 when one is more than twice as long or either has 4 or fewer characters and they differ. */
double similar_ratio(const char *a, const char *b);
/* True when b may be a misspelling of a: word by word nearly equal, same first letters, short words and numbers equal.
 * "Lose Yourself" is no misspelling of "Love Yourself", though one letter differs. */
bool similar_misspelt(const char *a, const char *b);

#endif
