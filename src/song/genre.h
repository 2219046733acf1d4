/* Genres: a whitelist with merged spellings, in place of tag junk such as "seen live". Pure. */
#ifndef SONGBOOKD_SONG_GENRE_H
#define SONGBOOKD_SONG_GENRE_H

#include <stddef.h>

/* The display name ("Hip Hop") of a tag in any spelling ("hip-hop"), or NULL when it is no genre. Static. */
const char *genre_of_tag(const char *tag);
/* One of about 20 coarse genres ("Hip Hop", "Rock" ...) for a display name, without case; NULL when unknown. Static. */
const char *genre_coarse(const char *genre);
/* The coarse genre of that name, without case; NULL when there is none. Static. */
const char *genre_group_of(const char *name);
/* Key and display name of row i, for the table's test; NULL behind the last. */
const char *genre_row(size_t i, const char **name);

#endif
