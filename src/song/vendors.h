/* Who makes karaoke, how their names are recognised, and in which order they write artist and title.
 *
 * One row an alias, in byte order of the alias (a test checks it); rows of one vendor share its name and habit. Adding a
 * vendor is adding rows; each is tested with "Ada Vale - Blue Harbour [<alias>]" in the order of its habit.
 * The habit differs with the separator for some: {dash, pipe, colon}.
 * Pure, read only.
 */
#ifndef SONGBOOKD_SONG_VENDORS_H
#define SONGBOOKD_SONG_VENDORS_H

#include <stdbool.h>

#include "base/buf.h"

enum vendor_order { VENDOR_OPEN, VENDOR_ARTIST_FIRST, VENDOR_TITLE_FIRST };
enum vendor_separator { VENDOR_DASH, VENDOR_PIPE, VENDOR_COLON, VENDOR_SEPARATORS };

struct vendor {
    const char *alias;                              /* lower case */
    const char *name;                               /* canonical */
    enum vendor_order order[VENDOR_SEPARATORS];
    bool alone;                                     /* recognised only when it fills a bracket or the part behind a separator */
};

/* The vendor with the longest alias at the start of `lower`, or NULL. */
const struct vendor *vendor_at(struct slice lower);
/* The vendor whose disc ids begin with these letters ("SC" of "SC8125-01"), any case, or NULL. */
/* True when the alias is the vendor's name and not merely a phrase it uses. */
bool vendor_is_named(const struct vendor *v);
const char *vendor_of_disc(struct slice letters);
/* All rows; *count is their number. */
const struct vendor *vendor_table(size_t *count);

#endif
