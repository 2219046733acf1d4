/* A song as JSON, the one form that the API, the events and exports share. Pure. */
#ifndef SONGBOOKD_SONG_SONG_JSON_H
#define SONGBOOKD_SONG_SONG_JSON_H

#include "base/json.h"
#include "song/song.h"

/* {"id","file_path" (repaired),"file_uri" (exact bytes),"youtube_id","pikaraoke_id","format","artist","title","variant","vendor",
 *  "year","genre","confidence","label","metadata_status","reason","enrichment_attempts","last_enrichment_attempt","source",
 *  "present","locked":[names],"language","order_unsure","duplicate","wanted","sung","added_at","version"}; absent values are
 *  null. key as in json.h. */
void song_json(const struct song *s, struct json_out *o, const char *key);
/* The same without the braces, for an object that says more of the song. */
void song_json_members(const struct song *s, struct json_out *o);

#endif
