/* The conditions of GET /songs and of "filter" objects: one table of names for both. Pure. */
#ifndef SONGBOOKD_API_SONGS_QUERY_H
#define SONGBOOKD_API_SONGS_QUERY_H

#include "base/json.h"
#include "store/songs.h"

struct songs_query {
    struct songs_filter f; /* borrows from the members below */
    char *q, *genre, *vendor, *language, *source, *reason, *youtube_id, *cursor;
    struct buf path;
    bool presence_set;
};
void songs_query_init(struct songs_query *s);
void songs_query_deinit(struct songs_query *s);
/* Takes one condition as text. ERR_NOT_FOUND for an unknown name, ERR_INVALID for a bad value; e says why. */
int songs_query_set(struct songs_query *s, struct slice name, struct slice value, struct err *e);
/* Likewise from a member of a JSON object; sort, limit and cursor are unknown there. */
int songs_query_set_json(struct songs_query *s, const cJSON *member, struct err *e);
/* Wall milliseconds of a day or a time as clients write it. ERR_INVALID. */
int songs_query_time(const char *text, int64_t *out, struct err *e);
/* After the last condition: presence follows from the others unless it was given. */
void songs_query_finish(struct songs_query *s);

#endif
