/* Last.fm: track.getInfo with autocorrect, the same with the order exchanged, then track.search.
 *
 * Names, genres and listeners only. Never a year (the wiki's date is that of an edit), never an MBID (most are dead),
 * never the album (often a live set). An entry exists for nearly any misspelling, so the matcher asks for listeners.
 * The body is read before the status: errors come with HTTP 200, too. Pure; any thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "provider/answer.h"
#include "song/brand.h"
#include "song/version.h"

#define NAME_MAX_CHARS 150
#define PAUSE_IP_S 120            /* error 29: our address was too fast */
#define PAUSE_APPLICATION_S 600   /* error 29: all users of this key together */
#define PAUSE_OFFLINE_S 600       /* error 11: they say the service is down */
#define PAUSE_SERVICE_S 300       /* error 2: seen when the service is down */

enum question { ASK_INFO, ASK_INFO_SWAPPED, ASK_SEARCH, ASK_NOTHING };

static bool is_set(const char *s)
{
    return s && s[strspn(s, " \t\r\n")];
}

static enum question question_of(const struct wanted *w, int stage)
{
    static const enum question unknown[] = {ASK_SEARCH}, known[] = {ASK_INFO, ASK_SEARCH},
                               open[] = {ASK_INFO, ASK_INFO_SWAPPED, ASK_SEARCH};
    const enum question *list = open;
    size_t n = ARRAY_LEN(open);

    if (!is_set(w->artist)) {
        list = unknown;
        n = ARRAY_LEN(unknown);
    } else if (!w->order_open) {
        list = known;
        n = ARRAY_LEN(known);
    }
    return stage >= 0 && (size_t)stage < n ? list[stage] : ASK_NOTHING;
}

static void add_parameter(struct buf *url, const char *name, const char *text)
{
    buf_addf(url, "&%s=", name);
    percent_encode(url, slice_of(text), "");
}

/* Returns new: the title with the version that sets the recording apart, as Last.fm's entries are named;
 * other variants are left out. */
static char *track_name(const struct wanted *w, const char *title)
{
    unsigned sung = version_of_note(w->variant) & ~(unsigned)(VERSION_INSTRUMENTAL | VERSION_KARAOKE);
    char *name = query_text(title, NAME_MAX_CHARS), *both, *variant;

    if (!sung || !name[0])
        return name;
    variant = query_text(w->variant, 30);
    both = mem_printf("%s (%s)", name, variant);
    free(variant);
    free(name);
    return both;
}

static int lastfm_build(const struct provider_settings *s, const struct wanted *w, int stage, struct provider_request *out)
{
    enum question q = question_of(w, stage);
    bool swap = q == ASK_INFO_SWAPPED;
    char *track, *artist;
    struct buf url;

    *out = (struct provider_request){0};
    if (!s->key || !s->key[0])
        return ERR_KEY;
    if (q == ASK_NOTHING || !is_set(w->title))
        return ERR_INVALID;
    track = track_name(w, swap ? w->artist : w->title);
    artist = query_text(swap ? w->title : w->artist, NAME_MAX_CHARS);
    if (!track[0]) {
        free(track);
        free(artist);
        return ERR_INVALID;
    }
    buf_init(&url, 0);
    buf_addf(&url, "%s%cmethod=%s", s->url, strchr(s->url, '?') ? '&' : '?', q == ASK_SEARCH ? "track.search" : "track.getInfo");
    if (artist[0])
        add_parameter(&url, "artist", artist);
    add_parameter(&url, "track", track);
    buf_add_str(&url, q == ASK_SEARCH ? "&limit=20" : "&autocorrect=1");
    add_parameter(&url, "api_key", s->key);
    buf_add_str(&url, "&format=json");
    out->url = buf_detach(&url);
    free(track);
    free(artist);
    return 0;
}

static void read_rate_error(const char *message, const struct provider_reply *r, struct provider_answer *out)
{
    bool application = message && strcasestr(message, "application");
    int asked = answer_retry_after(r->retry_after);

    out->slow_down = true;
    answer_set(out, ANSWER_REFUSED, application ? "the API key made too many requests: an own key helps"
                                                : "too many requests from this address");
    out->retry_after_s = application ? PAUSE_APPLICATION_S : PAUSE_IP_S;
    if (asked > out->retry_after_s)
        out->retry_after_s = asked;
}

static void refuse_for(struct provider_answer *out, int seconds, const char *detail)
{
    answer_set(out, ANSWER_REFUSED, "%s", detail);
    out->retry_after_s = seconds;
}

/* The provider's own table. 8 and 16 concern one request and cost an attempt; 2 and 11 say the service is down, which is
 * nobody's attempt. Codes that only a wrong configuration or program can cause stop the provider: asking on would not help. */
static void read_error(int64_t code, const char *message, const struct provider_reply *r, struct provider_answer *out)
{
    switch (code) {
    case 6:
        if (message && strcasestr(message, "found"))
            answer_set(out, ANSWER_NOT_FOUND, "Last.fm does not know this song");
        else
            answer_set(out, ANSWER_FAILED, "Last.fm calls the question invalid (error 6)");
        break;
    case 20:
        answer_set(out, ANSWER_NOT_FOUND, "Last.fm has nothing about this song");
        break;
    case 4: case 9: case 10: case 13: case 14: case 15: case 17:
        answer_set(out, ANSWER_KEY, "Last.fm refuses the API key (error %d)", (int)code);
        break;
    case 26:
        answer_set(out, ANSWER_KEY, "the API key was suspended by Last.fm (error 26)");
        break;
    case 3: case 5: case 27:
        answer_set(out, ANSWER_KEY, "Last.fm does not know this method (error %d): is the url right?", (int)code);
        break;
    case 29:
        read_rate_error(message, r, out);
        break;
    case 11:
        refuse_for(out, PAUSE_OFFLINE_S, "Last.fm says that its service is offline (error 11)");
        break;
    case 2:
        refuse_for(out, PAUSE_SERVICE_S, "Last.fm does not offer the service now (error 2)");
        break;
    case 7: case 8: case 16:
        answer_set(out, ANSWER_FAILED, "Last.fm could not answer (error %d)", (int)code);
        break;
    default:
        answer_of_status(r, out);
        break;
    }
}

static void read_tags(const cJSON *toptags, struct candidate *c)
{
    const cJSON *tags = json_get(toptags, "tag");

    for (const cJSON *t = json_first(tags); t; t = json_next(tags, t))
        answer_add_genre(c, json_str(t, "name"));
}

/* Adds the candidate unless a name is missing or the artist is a placeholder. False when a name is missing:
 * then it is no track. */
static bool add_track(struct provider_answer *out, char *artist, char *title, const cJSON *track)
{
    bool whole = artist && title;
    struct candidate *c;

    if (!whole || brand_is_placeholder(artist) || !(c = candidates_add(&out->candidates, PROVIDER_LASTFM))) {
        free(artist);
        free(title);
        return whole;
    }
    c->artist = artist;
    c->title = title;
    c->listeners = json_int(track, "listeners", -1);
    if (c->listeners < 0)
        c->listeners = -1;
    read_tags(json_get(track, "toptags"), c);
    return true;
}

static void read_info(const cJSON *root, struct provider_answer *out)
{
    const cJSON *track = json_get(root, "track");

    if (!add_track(out, answer_text(json_get(track, "artist"), "name"), answer_text(track, "name"), track))
        answer_set(out, ANSWER_FAILED, "the answer holds no track");
    else if (out->candidates.count == 0)
        answer_set(out, ANSWER_NOT_FOUND, "Last.fm knows no artist of this song");
    else
        answer_set(out, ANSWER_FOUND, "Last.fm knows this song");
}

/* "nothing" is a missing key, "", "\n" or [] depending on the method's age. */
static bool is_nothing(const cJSON *v)
{
    return !v || (cJSON_IsString(v) && !is_set(v->valuestring)) || (cJSON_IsArray(v) && !v->child);
}

/* The artist of a search row is text; in other lists it is an object with a name. */
static char *row_artist(const cJSON *row)
{
    char *artist = answer_text(row, "artist");

    return artist ? artist : answer_text(json_get(row, "artist"), "name");
}

static void read_search(const cJSON *root, struct provider_answer *out)
{
    const cJSON *results = json_get(root, "results"), *matches = json_get(results, "trackmatches");
    const cJSON *tracks = json_get(matches, "track");
    bool any = false;

    if (!results || !(cJSON_IsObject(matches) || (matches && is_nothing(matches)))) {
        answer_set(out, ANSWER_FAILED, "the answer holds no results");
        return;
    }
    for (const cJSON *t = json_first(tracks); t; t = json_next(tracks, t))
        any |= add_track(out, row_artist(t), answer_text(t, "name"), t);
    if (out->candidates.count)
        answer_set(out, ANSWER_FOUND, "Last.fm proposes %zu songs", out->candidates.count);
    else if (any || (is_nothing(tracks) && json_int(results, "opensearch:totalResults", 0) == 0))
        answer_set(out, ANSWER_NOT_FOUND, "Last.fm found nothing under these names");
    else
        answer_set(out, ANSWER_FAILED, "the answer's rows cannot be read");
}

/* Whether the next question is worth its request. Few listeners do not settle an open order: entries with the names
 * exchanged by their listeners exist for many a hit. */
static bool wants_more(const struct wanted *w, int stage, struct provider_answer *out)
{
    int best;

    if ((out->kind != ANSWER_FOUND && out->kind != ANSWER_NOT_FOUND) || question_of(w, stage + 1) == ASK_NOTHING)
        return false;
    best = match_judge(w, &out->candidates);
    if (best < 0)
        return true;
    return question_of(w, stage + 1) == ASK_INFO_SWAPPED && out->candidates.items[best].listeners < MATCH_LISTENERS_OPEN;
}

static void lastfm_read(const struct wanted *w, int stage, const struct provider_reply *r, struct provider_answer *out)
{
    cJSON *root;

    memset(out, 0, sizeof *out);
    if (answer_of_transport(r, out))
        return;
    root = json_parse(r->body, NULL);
    if (json_get(root, "error"))
        read_error(json_int(root, "error", -1), json_str(root, "message"), r, out);
    else if (!cJSON_IsObject(root) || r->status != 200)
        answer_of_status(r, out);
    else if (question_of(w, stage) == ASK_SEARCH)
        read_search(root, out);
    else
        read_info(root, out);
    cJSON_Delete(root);
    out->ask_again = wants_more(w, stage, out);
}

const struct provider provider_lastfm = {
    .id = PROVIDER_LASTFM,
    .title = "Last.fm",
    .endpoints = {"api"},
    .needs_key = true,
    .default_rate = 5,
    .pace = 4.9,
    .max_in_flight = 8,
    .build = lastfm_build,
    .read = lastfm_read,
};
