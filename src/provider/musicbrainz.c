/* MusicBrainz: one search per song, both orders in the same query where the order is open.
 *
 * Its score is relative (the first hit is always 100) and only kept for showing. The year is the first official release's:
 * a recording's first-release-date counts bootlegs and live sets, a reissue's date is not the song's.
 * Recordings that are known by their identifiers are asked for 50 at a time.
 * A busy server answers 503, and now and then 200 with an error in it: neither is "not found". Pure; any thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "provider/answer.h"
#include "provider/bulk.h"
#include "song/credit.h"
#include "song/similar.h"
#include "song/version.h"

#define URL_MAX 2000              /* below 2 KiB with the host's name */
#define NAME_MAX_CHARS 120
#define YEAR_FIRST 1860
#define YEAR_LAST 2100
#define CREDIT_MAX_BYTES 400
#define ALIASES_MAX 100           /* of one artist that are looked at */

/* --- the question --- */

static bool is_operator(struct slice w)
{
    return slice_eq_str(w, "AND") || slice_eq_str(w, "OR") || slice_eq_str(w, "NOT");
}

static void add_escaped_word(struct buf *out, struct slice w)
{
    bool lower = is_operator(w);

    for (size_t i = 0; i < w.n; i++) {
        if (strchr("+-&|!(){}[]^\"~*?:\\/", w.p[i]))
            buf_add_byte(out, '\\');
        buf_add_byte(out, lower ? (char)(w.p[i] + 32) : w.p[i]);
    }
}

/* The text as the value of a field. Without quotes a misspelling still finds; CJK is one token and needs them. */
static void add_value(struct buf *out, const char *text)
{
    bool quoted = similar_is_cjk(text);
    const char *p = text;

    buf_add_byte(out, quoted ? '"' : '(');
    while (*p && quoted) {
        if (*p == '"' || *p == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, *p++);
    }
    while (*p) {
        size_t n = strcspn(p, " ");
        add_escaped_word(out, (struct slice){p, n});
        p += n;
        if (*p)
            buf_add_byte(out, *p++);
    }
    buf_add_byte(out, quoted ? '"' : ')');
}

static void add_pair(struct buf *out, const char *artist, const char *title)
{
    buf_add_str(out, "recording:");
    add_value(out, title);
    if (artist && artist[0]) {
        buf_add_str(out, " AND artist:");
        add_value(out, artist);
    }
}

/* Returns new: the title as a search wants it: no version, no guest. */
static char *title_words(const char *text, size_t max)
{
    struct title_form f;
    char *words;

    title_form_read(text, &f);
    words = query_text(f.text, max);
    title_form_deinit(&f);
    return words;
}

static char *artist_words(const char *text, size_t max)
{
    char *names = credit_search_words(text), *words = query_text(names, max);

    free(names);
    return words;
}

/* Returns new: the URL with each name cut to max characters, or NULL when no title is left. */
static char *build_url(const char *root, const struct wanted *w, size_t max)
{
    char *artist = artist_words(w->artist, max), *title = title_words(w->title, max);
    struct buf query, url;
    size_t n = strlen(root);

    buf_init(&query, 0);
    buf_init(&url, 0);
    if (title[0] && artist[0] && w->order_open) {
        char *other_artist = artist_words(w->title, max), *other_title = title_words(w->artist, max);
        buf_add_byte(&query, '(');
        add_pair(&query, artist, title);
        buf_add_str(&query, ") OR (");
        add_pair(&query, other_artist, other_title);
        buf_add_byte(&query, ')');
        free(other_artist);
        free(other_title);
    } else if (title[0]) {
        add_pair(&query, artist, title);
    }
    if (query.len) {
        buf_add(&url, root, n && root[n - 1] == '/' ? n - 1 : n);
        buf_add_str(&url, "/recording?query=");
        percent_encode(&url, (struct slice){query.data, query.len}, "");
        buf_add_str(&url, "&fmt=json&limit=25");
    }
    free(artist);
    free(title);
    buf_deinit(&query);
    if (url.len)
        return buf_detach(&url);
    buf_deinit(&url);
    return NULL;
}

static int mb_build(const struct provider_settings *s, const struct wanted *w, int stage, struct provider_request *out)
{
    size_t max = NAME_MAX_CHARS;

    *out = (struct provider_request){0};
    if (stage != 0)
        return ERR_INVALID;
    do {
        free(out->url);
        out->url = build_url(s->url, w, max);
        max /= 2;
    } while (out->url && strlen(out->url) > URL_MAX && max > 4);
    return out->url ? 0 : ERR_INVALID;
}

/* --- the answer --- */

/* "1976", "2003-04", "1968-08-26"; anything else is no date. The digits only: a time zone must not move a year. */
static int year_of(const char *date)
{
    int year = 0;

    if (!date)
        return 0;
    for (int i = 0; i < 4; i++) {
        if (date[i] < '0' || date[i] > '9')
            return 0;
        year = year * 10 + (date[i] - '0');
    }
    if ((date[4] && date[4] != '-') || year < YEAR_FIRST || year > YEAR_LAST)
        return 0;
    return year;
}

static int earlier(int a, int b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* What the releases of one recording say about its date. */
struct dating {
    int first_good;      /* earliest date of an official album, single or EP; 0 when there is none with a date */
    int first_official;  /* earliest of all official ones that are no live set or the like: compilations, too */
    int first_other;     /* earliest of bootlegs, promos, live sets */
    int first;           /* earliest of all */
};

enum group_kind { GROUP_GOOD, GROUP_COMPILATION, GROUP_OTHER };

/* An album, single or EP of studio takes; a compilation proves the song existed; live sets and their like prove nothing. */
static enum group_kind group_kind(const cJSON *group)
{
    static const char *const primary[] = {"Album", "Single", "EP"};
    static const char *const other[] = {"Live", "Remix", "DJ-mix", "Demo", "Interview", "Spokenword", "Audiobook",
                                        "Audio drama", "Field recording", "Mixtape/Street"};
    const char *type = json_str(group, "primary-type");
    const cJSON *secondary = json_get(group, "secondary-types");
    enum group_kind kind = GROUP_OTHER;

    for (size_t i = 0; type && i < ARRAY_LEN(primary); i++)
        if (strcmp(type, primary[i]) == 0)
            kind = GROUP_GOOD;
    for (const cJSON *s = cJSON_IsArray(secondary) ? secondary->child : NULL; s; s = s->next) {
        if (!cJSON_IsString(s))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(other); i++)
            if (strcmp(s->valuestring, other[i]) == 0)
                return GROUP_OTHER;
        if (strcmp(s->valuestring, "Compilation") == 0 && kind == GROUP_GOOD)
            kind = GROUP_COMPILATION;
    }
    return kind;
}

static int release_year(const cJSON *release)
{
    const cJSON *events = json_get(release, "release-events");
    int year = year_of(json_str(release, "date"));

    for (const cJSON *e = json_first(events); e; e = json_next(events, e))
        year = earlier(year, year_of(json_str(e, "date")));
    return year;
}

static void date_release(const cJSON *release, struct dating *d)
{
    const cJSON *group = json_get(release, "release-group");
    const char *status = json_str(release, "status");
    enum group_kind kind = group_kind(group);
    int year = release_year(release);

    d->first = earlier(d->first, year);
    if (!status || strcmp(status, "Official") != 0 || kind == GROUP_OTHER) {
        d->first_other = earlier(d->first_other, year);
        return;
    }
    d->first_official = earlier(d->first_official, year);
    /* A remastered edition is official, too, but its date is not the song's: its group's first date may be. */
    if (kind == GROUP_GOOD && !version_is_reissue(json_str(release, "title")) &&
        !version_is_reissue(json_str(release, "disambiguation")))
        d->first_good = earlier(d->first_good, year);
    if (kind == GROUP_GOOD)
        d->first_good = earlier(d->first_good, year_of(json_str(group, "first-release-date")));
}

/* docs/confidence.md "The year". The recording's own first date is believed unless a bootleg or live set explains it. */
static void date_candidate(const cJSON *recording, const cJSON *releases, struct candidate *c)
{
    int stated = year_of(json_str(recording, "first-release-date"));
    struct dating d = {0};
    int year = 0;

    for (const cJSON *r = json_first(releases); r; r = json_next(releases, r))
        date_release(r, &d);
    if (d.first_good) {
        year = earlier(d.first_good, d.first_official);
        if (stated && !(d.first_other && d.first_other <= stated))
            year = earlier(year, stated);
    }
    if (version_is_reissue(c->title) || version_is_reissue(c->disambiguation))
        year = 0;
    c->year = year;
    c->year_weak = year ? 0 : earlier(stated, d.first);
}

/* Returns new: the names with their joining phrases, or NULL when none can be read. */
static char *joined_credit(const cJSON *credit)
{
    struct buf b;
    char *joined;

    buf_init(&b, CREDIT_MAX_BYTES);
    for (const cJSON *c = json_first(credit); c; c = json_next(credit, c)) {
        const char *join = json_str(c, "joinphrase");
        char *name = answer_text(c, "name");
        if (!name)
            name = answer_text(json_get(c, "artist"), "name");
        if (name)
            buf_add_str(&b, name);
        if (name && join && c->next)
            buf_add_slice(&b, slice_of(join));
        free(name);
    }
    if (b.len == 0) {
        buf_deinit(&b);
        return NULL;
    }
    joined = query_text(b.data, CREDIT_MAX_BYTES);
    buf_deinit(&b);
    if (!joined[0]) {
        free(joined);
        return NULL;
    }
    return joined;
}

/* Keys under which an alias is the artist that was asked for. */
struct asked {
    char *artist, *title;    /* title only where the order is open */
};

static bool is_asked(const struct asked *k, const char *name)
{
    char *key = name ? similar_key(slice_of(name)) : NULL;
    bool hit = key && (similar_equal(key, k->artist) || (k->title && similar_equal(key, k->title)));

    free(key);
    return hit;
}

/* Returns new: the alias under which the name knows the only artist of the credit, or NULL. */
static char *asked_alias(const struct asked *k, const cJSON *credit)
{
    const cJSON *artist = json_get(json_first(credit), "artist"), *aliases = json_get(artist, "aliases");
    size_t seen = 0;

    if (json_count(credit) != 1)
        return NULL;
    if (is_asked(k, json_str(artist, "name")))
        return answer_text(artist, "name");
    for (const cJSON *a = json_first(aliases); a && seen < ALIASES_MAX; a = json_next(aliases, a), seen++)
        if (is_asked(k, json_str(a, "name")))
            return answer_text(a, "name");
    return NULL;
}

/* The release to show and to judge by: the first official one, else the first. */
static char *album_of(const cJSON *releases)
{
    for (const cJSON *r = json_first(releases); r; r = json_next(releases, r)) {
        const char *status = json_str(r, "status");
        if (status && strcmp(status, "Official") == 0 && group_kind(json_get(r, "release-group")) == GROUP_GOOD)
            return answer_text(r, "title");
    }
    return answer_text(json_first(releases), "title");
}

/* Tags are anybody's, most used first; the white list and its spelling decide. */
static void read_tags(const cJSON *tags, struct candidate *c)
{
    int64_t below = INT64_MAX;

    for (size_t round = 0; round < 8 && !c->genres[CANDIDATE_GENRES - 1]; round++) {
        int64_t top = -1;
        for (const cJSON *t = json_first(tags); t; t = json_next(tags, t)) {
            int64_t count = json_int(t, "count", 0);
            if (count < below && count > top)
                top = count;
        }
        if (top <= 0)
            return;
        for (const cJSON *t = json_first(tags); t; t = json_next(tags, t))
            if (json_int(t, "count", 0) == top)
                answer_add_genre(c, json_str(t, "name"));
        below = top;
    }
}

static void add_recording(const struct asked *k, const cJSON *recording, struct provider_answer *out)
{
    const cJSON *credit = json_get(recording, "artist-credit"), *releases = json_get(recording, "releases");
    char *artist = joined_credit(credit), *title = answer_text(recording, "title");
    struct candidate *c = artist && title ? candidates_add(&out->candidates, PROVIDER_MUSICBRAINZ) : NULL;
    int64_t score = json_int(recording, "score", -1);

    if (!c) {
        free(artist);
        free(title);
        return;
    }
    c->artist = artist;
    c->title = title;
    c->mbid = answer_mbid(json_str(recording, "id"));
    c->disambiguation = answer_text(recording, "disambiguation");
    c->artist_alias = is_asked(k, artist) ? NULL : asked_alias(k, credit);
    c->album = album_of(releases);
    c->provider_score = score >= 0 && score <= 100 ? (int)score : -1;
    date_candidate(recording, releases, c);
    read_tags(json_get(recording, "tags"), c);
}

static void read_recordings(const struct wanted *w, const cJSON *root, struct provider_answer *out)
{
    const cJSON *list = json_get(root, "recordings");
    struct asked k;

    if (!cJSON_IsArray(list)) {
        answer_set(out, ANSWER_FAILED, "the answer holds no list of recordings");
        return;
    }
    k.artist = similar_key(slice_of(w->artist));
    k.title = w->order_open ? similar_key(slice_of(w->title)) : NULL;
    for (const cJSON *r = list->child; r; r = r->next)
        add_recording(&k, r, out);
    free(k.artist);
    free(k.title);
    if (out->candidates.count)
        answer_set(out, ANSWER_FOUND, "MusicBrainz proposes %zu recordings", out->candidates.count);
    else if (!list->child && json_int(root, "count", 0) == 0)
        answer_set(out, ANSWER_NOT_FOUND, "MusicBrainz has no such recording");
    else
        answer_set(out, ANSWER_FAILED, "the answer's recordings cannot be read");
}

static bool zone_is_ours(const char *zone)
{
    return zone && (strstr(zone, "per-ip") || strstr(zone, "ip="));
}

/* The three kinds of "not now": our own rate, a busy server, shed searches. Slowing down helps against the first only. */
static void read_refusal(const char *message, const struct provider_reply *r, struct provider_answer *out)
{
    bool ours = zone_is_ours(r->rate_zone) || r->status == 429 || strcasestr(message, "allowable rate limit");

    out->slow_down = ours;
    out->retry_after_s = answer_retry_after(r->retry_after);
    if (ours)
        answer_set(out, ANSWER_REFUSED, "MusicBrainz says that we ask too fast");
    else
        answer_set(out, ANSWER_REFUSED, "MusicBrainz is busy and sheds requests");
}

static void read_error(const char *message, const struct provider_reply *r, struct provider_answer *out)
{
    bool busy = strcasestr(message, "currently busy") || strcasestr(message, "allowable rate limit");

    if (r->status == 403 || r->status == 401 || strcasestr(message, "not identified itself"))
        answer_set(out, ANSWER_KEY, "MusicBrainz refuses the User-Agent: give a contact");
    else if (r->status == 503 || r->status == 429 || busy)
        read_refusal(message, r, out);
    else   /* a search that finds nothing answers 200 with an empty list: a 404 says that the address is wrong */
        answer_set(out, ANSWER_FAILED, "MusicBrainz could not answer (HTTP %d)", r->status);
}

/* Returns new: the answer as JSON when it holds no error, or NULL with *out saying why. */
static cJSON *read_root(const struct provider_reply *r, struct provider_answer *out)
{
    cJSON *root;
    const char *message;

    memset(out, 0, sizeof *out);
    if (answer_of_transport(r, out))
        return NULL;
    root = json_parse(r->body, NULL);
    message = json_str(root, "error");
    if (json_get(root, "error"))
        read_error(message ? message : "", r, out);
    else if (r->status == 503)
        read_refusal("", r, out);
    else if (!cJSON_IsObject(root) || r->status != 200)
        answer_of_status(r, out);
    else
        return root;
    cJSON_Delete(root);
    return NULL;
}

static void mb_read(const struct wanted *w, int stage, const struct provider_reply *r, struct provider_answer *out)
{
    cJSON *root = read_root(r, out);

    (void)stage;
    if (root)
        read_recordings(w, root, out);
    cJSON_Delete(root);
}

/* --- many recordings by their MBIDs --- */

static int dates_build(const struct provider_settings *s, const struct bulk_item *items, size_t n, struct provider_request *out)
{
    size_t root = strlen(s->url);
    struct buf query, url;

    *out = (struct provider_request){0};
    if (n == 0 || n > bulk_dates.most)
        return ERR_INVALID;
    buf_init(&query, 0);
    buf_init(&url, 0);
    for (size_t i = 0; i < n; i++)
        buf_addf(&query, "%s%s", i ? " OR " : "rid:(", items[i].mbid);
    buf_add_byte(&query, ')');
    buf_add(&url, s->url, root && s->url[root - 1] == '/' ? root - 1 : root);
    buf_add_str(&url, "/recording?query=");
    percent_encode(&url, (struct slice){query.data, query.len}, "");
    buf_addf(&url, "&fmt=json&limit=%zu", n);
    buf_deinit(&query);
    out->url = buf_detach(&url);
    return 0;
}

static void take_hit(const struct bulk_item *items, size_t n, struct candidate *c, struct candidate *hits)
{
    for (size_t i = 0; c->mbid && i < n; i++) {
        if (hits[i].mbid || strcmp(items[i].mbid, c->mbid) != 0)
            continue;
        hits[i] = *c;
        *c = (struct candidate){0};
        return;
    }
}

/* In the order of a score that means nothing here: each recording is joined by its identifier. */
static void dates_read(const struct bulk_item *items, size_t n, const struct provider_reply *r, struct candidate *hits,
                       struct provider_answer *out)
{
    cJSON *root = read_root(r, out);
    const struct wanted nobody = {"", "", NULL, false};

    if (!root)
        return;
    read_recordings(&nobody, root, out);
    if (out->kind == ANSWER_NOT_FOUND)
        out->kind = ANSWER_FOUND;   /* the question was answered: none of these is there any more */
    for (size_t i = 0; i < out->candidates.count; i++)
        take_hit(items, n, &out->candidates.items[i], hits);
    candidates_deinit(&out->candidates);
    cJSON_Delete(root);
}

const struct bulk bulk_dates = {"dates", PROVIDER_MUSICBRAINZ, ENDPOINT_MAIN, 50, dates_build, dates_read};

const struct provider provider_musicbrainz = {
    .id = PROVIDER_MUSICBRAINZ,
    .title = "MusicBrainz",
    .endpoints = {"search"},
    .needs_key = false,
    .default_rate = 1,
    .pace = 1 / 1.1,
    .max_in_flight = 1,
    .build = mb_build,
    .read = mb_read,
};
