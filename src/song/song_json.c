/* A song as JSON; see song_json.h. */
#include "song/song_json.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "song/genre.h"

static void put_int_or_null(struct json_out *o, const char *key, int64_t v)
{
    if (v)
        json_put_int(o, key, v);
    else
        json_put_null(o, key);
}

static void put_locked(struct json_out *o, unsigned locked)
{
    json_open(o, "locked", '[');
    for (int f = 0; f < FIELD_COUNT; f++)
        if (locked & 1u << f)
            json_put_str(o, NULL, song_field_name((enum song_field)f));
    json_close(o, ']');
}

void song_json_members(const struct song *s, struct json_out *o)
{
    char *uri = file_uri(slice_of(s->file_path));
    char stamp[32];

    json_put_int(o, "id", s->id);
    json_put_str(o, "file_path", s->file_path);
    json_put_str(o, "file_uri", uri);
    json_put_str(o, "youtube_id", s->youtube_id);
    put_int_or_null(o, "pikaraoke_id", s->pikaraoke_id);
    json_put_str(o, "format", s->format);
    json_put_str(o, "artist", s->artist);
    json_put_str(o, "title", s->title);
    json_put_str(o, "variant", s->variant);
    json_put_str(o, "vendor", s->vendor);
    put_int_or_null(o, "year", s->year);
    json_put_str(o, "genre", s->genre);
    json_put_str(o, "genre_group", s->genre ? genre_coarse(s->genre) : NULL);
    json_put_num(o, "confidence", s->confidence, 2);
    json_put_str(o, "label", confidence_label(s->confidence));
    json_put_str(o, "metadata_status", song_status_name(s->status));
    json_put_str(o, "reason", s->reason);
    json_put_int(o, "enrichment_attempts", s->attempts);
    if (s->last_attempt_ms)
        clock_iso(s->last_attempt_ms, stamp);
    json_put_str(o, "last_enrichment_attempt", s->last_attempt_ms ? stamp : NULL);
    json_put_str(o, "source", s->source);
    json_put_bool(o, "present", s->present);
    put_locked(o, s->locked);
    json_put_str(o, "language", s->language);
    json_put_bool(o, "order_unsure", song_order_unsure(s));
    json_put_bool(o, "duplicate", s->doubled && s->present);
    json_put_int(o, "wanted", s->wanted);
    json_put_int(o, "sung", s->sung);
    if (s->added_ms)
        clock_iso(s->added_ms, stamp);
    json_put_str(o, "added_at", s->added_ms ? stamp : NULL);
    json_put_int(o, "version", s->version);
    free(uri);
}

void song_json(const struct song *s, struct json_out *o, const char *key)
{
    json_open(o, key, '{');
    song_json_members(s, o);
    json_close(o, '}');
}
