/* A provider's candidates as JSON, for the cache of answers; see evidence.h. Pure; any thread. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "store/evidence.h"

static void put_candidate(struct json_out *o, const struct candidate *c)
{
    json_open(o, NULL, '{');
    json_put_str(o, "artist", c->artist);
    json_put_str(o, "title", c->title);
    if (c->mbid)
        json_put_str(o, "mbid", c->mbid);
    if (c->artist_alias)
        json_put_str(o, "artist_alias", c->artist_alias);
    if (c->album)
        json_put_str(o, "album", c->album);
    if (c->disambiguation)
        json_put_str(o, "disambiguation", c->disambiguation);
    json_open(o, "genres", '[');
    for (int i = 0; i < CANDIDATE_GENRES && c->genres[i]; i++)
        json_put_str(o, NULL, c->genres[i]);
    json_close(o, ']');
    json_put_int(o, "year", c->year);
    json_put_int(o, "year_weak", c->year_weak);
    json_put_int(o, "listeners", c->listeners);
    json_put_int(o, "provider_score", c->provider_score);
    json_close(o, '}');
}

void candidates_json(const struct candidates *list, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out);
    json_open(&o, NULL, '[');
    for (size_t i = 0; list && i < list->count && i < ANSWER_MAX_CANDIDATES; i++)
        put_candidate(&o, &list->items[i]);
    json_close(&o, ']');
}

static void read_candidate(const cJSON *x, struct candidate *c)
{
    const cJSON *genres = json_get(x, "genres");
    int i = 0;

    c->artist = mem_strdup(json_str(x, "artist"));
    c->title = mem_strdup(json_str(x, "title"));
    c->mbid = mem_strdup(json_str(x, "mbid"));
    c->artist_alias = mem_strdup(json_str(x, "artist_alias"));
    c->album = mem_strdup(json_str(x, "album"));
    c->disambiguation = mem_strdup(json_str(x, "disambiguation"));
    for (const cJSON *g = json_first(genres); g && i < CANDIDATE_GENRES; g = json_next(genres, g))
        if (cJSON_IsString(g))
            c->genres[i++] = mem_strdup(g->valuestring);
    c->year = (int)json_int(x, "year", 0);
    c->year_weak = (int)json_int(x, "year_weak", 0);
    c->listeners = json_int(x, "listeners", -1);
    c->provider_score = (int)json_int(x, "provider_score", -1);
}

int candidates_read_json(const char *json, enum provider_id p, struct candidates *list, struct err *e)
{
    cJSON *doc = json_parse(slice_of(json), e);
    struct candidate *c;

    if (!doc)
        return ERR_MALFORMED;
    for (const cJSON *x = json_first(doc); x; x = json_next(doc, x)) {
        c = candidates_add(list, p);
        if (!c)
            break;
        read_candidate(x, c);
    }
    cJSON_Delete(doc);
    return 0;
}
