/* One spelling for comparing: the folded key of a text.
 *
 * NFKC case fold, marks stripped, typographic quotes and dashes unified, "&" as "and",
 * apostrophes and dots dropped, other punctuation as one blank, a leading "the " dropped.
 * Pure; built on utf8proc.
 */
#ifndef SONGBOOKD_SONG_FOLD_H
#define SONGBOOKD_SONG_FOLD_H

#include "base/buf.h"

/* Returns new. Bad UTF-8 is repaired first. Never longer than 4 times the input. */
char *fold_key(struct slice text);
/* Returns new: fold_key without blanks; the key pairs are asked and cached under: artist + '\x1f' + title. */
char *fold_pair(const char *artist, const char *title);
/* Returns new: words for searching in the library; like fold_key but keeps a leading "the" and maps stylised letters
 * ($ s, ! i, ø o, ß ss, æ ae, đ d, ł l). */
char *fold_search(struct slice text);
/* Returns new: NFC of the text with white space runs as one blank, trimmed; for display. */
char *fold_display(struct slice text);

#endif
