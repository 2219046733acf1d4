/* ListenBrainz: many names in one request, then canonical names and genres by MBID.
 *
 * Its matcher is exact after its own normalisation (letters and digits of artist and title glued together), so nothing is
 * fuzzy here; our matcher still judges what comes back. It answers from MusicBrainz data. Dates: a date known only to the year
 * is left out, and the release's year is that of the canonical release, often a reissue: both are weak. Pure; any thread.
 */
#include "provider/bulk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "provider/answer.h"
#include "song/fold.h"
#include "song/genre.h"
#include "song/version.h"

#define PAIR_MAX_CHARS 249        /* "less than 250" says the service, and counts both names */
#define TALLY_MAX 64              /* different genres of one level that are looked at */
#define YEAR_FIRST 1860
#define YEAR_LAST 2100
#define RESET_MAX_S 60            /* its windows are 10 s long; a header that says more is not believed */

/* --- the question --- */

static size_t count_chars(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Returns new: letters and digits only, "" when there are none. */
static char *word_characters(const char *text)
{
    char *plain = mem_strdup(text ? text : ""), *key, *w;

    for (char *p = plain; *p; p++)
        if (strchr("&!$_", *p))
            *p = ' ';      /* to the service these are no letters, however a name is meant */
    key = w = fold_search(slice_of(plain));
    for (const char *p = key; *p; p++)
        if ((unsigned char)*p >= 0x80 || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9'))
            *w++ = *p;
    *w = '\0';
    free(plain);
    return key;
}

char *bulk_key(const char *artist, const char *title)
{
    char *a = word_characters(artist), *t = word_characters(title), *key = NULL;

    if (a[0] && t[0] && count_chars(artist) + count_chars(title) <= PAIR_MAX_CHARS)
        key = mem_printf("%s%s", a, t);
    free(a);
    free(t);
    return key;
}

static char *url_of(const char *root, const char *path)
{
    size_t n = strlen(root);

    return mem_printf("%.*s%s", (int)(n && root[n - 1] == '/' ? n - 1 : n), root, path);
}

static char *authorization(const struct provider_settings *s)
{
    return s->key && s->key[0] ? mem_printf("Authorization: Token %s", s->key) : NULL;
}

static void put_pairs(struct json_out *o, const struct bulk_item *items, size_t n, const char *artist, const char *title)
{
    for (size_t i = 0; i < n; i++) {
        json_open(o, NULL, '{');
        json_put_str(o, artist, items[i].artist);
        json_put_str(o, title, items[i].title);
        json_close(o, '}');
    }
}

static int lookup_build(const struct provider_settings *s, const struct bulk_item *items, size_t n, struct provider_request *out)
{
    struct buf body;
    struct json_out o;

    *out = (struct provider_request){0};
    if (n == 0 || n > bulk_lookup.most)
        return ERR_INVALID;
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    json_open(&o, "recordings", '[');
    put_pairs(&o, items, n, "artist_name", "recording_name");
    json_close(&o, ']');
    json_close(&o, '}');
    out->body = buf_detach(&body);
    out->url = url_of(s->url, "/1/metadata/lookup/");
    out->header = authorization(s);
    return 0;
}

/* The labs get no token: they need none, and it is for another host. */
static int labs_build(const struct provider_settings *s, const struct bulk_item *items, size_t n, struct provider_request *out)
{
    struct buf body;
    struct json_out o;

    *out = (struct provider_request){0};
    if (n == 0 || n > bulk_labs.most || !s->labs_url)
        return ERR_INVALID;
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '[');
    put_pairs(&o, items, n, "artist_credit_name", "recording_name");
    json_close(&o, ']');
    out->body = buf_detach(&body);
    out->url = url_of(s->labs_url, "/acr-lookup/json");
    return 0;
}

static int metadata_build(const struct provider_settings *s, const struct bulk_item *items, size_t n,
                          struct provider_request *out)
{
    struct buf body;
    struct json_out o;

    *out = (struct provider_request){0};
    if (n == 0 || n > bulk_metadata.most)
        return ERR_INVALID;
    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    json_open(&o, "recording_mbids", '[');
    for (size_t i = 0; i < n; i++)
        json_put_str(&o, NULL, items[i].mbid);
    json_close(&o, ']');
    json_put_str(&o, "inc", "artist tag release");
    json_close(&o, '}');
    out->body = buf_detach(&body);
    out->url = url_of(s->url, "/1/metadata/recording/");
    out->header = authorization(s);
    return 0;
}

/* --- the answer --- */

static int seconds_of(const char *header)
{
    int s = answer_retry_after(header);

    return s > RESET_MAX_S ? RESET_MAX_S : s;
}

/* Unlike MusicBrainz' headers of the same name these count our own requests: 0 means that the next one would be refused, and 1
 * may belong to the one that is on its way already. */
static void obey_budget(const struct provider_reply *r, struct provider_answer *out)
{
    if (r->rate_remaining && (strcmp(r->rate_remaining, "0") == 0 || strcmp(r->rate_remaining, "1") == 0))
        out->pause_s = seconds_of(r->rate_reset_in) + 1;
}

static void read_error(const cJSON *root, const struct provider_reply *r, struct provider_answer *out)
{
    int64_t code = json_int(root, "code", r->status);
    struct provider_reply as = *r;

    if (r->status == 200)
        as.status = code >= 400 && code < 600 ? (int)code : 200;
    answer_of_status(&as, out);
    if (as.status == 429 && out->retry_after_s == 0)   /* it names no Retry-After */
        out->retry_after_s = seconds_of(r->rate_reset_in) + 1;
    if (as.status == 401)
        answer_set(out, ANSWER_KEY, "ListenBrainz wants a valid user token (HTTP 401)");
}

/* Returns new: the answer, or NULL with *out saying why there is none. */
static cJSON *read_root(const struct provider_reply *r, struct provider_answer *out)
{
    cJSON *root;

    memset(out, 0, sizeof *out);
    if (answer_of_transport(r, out))
        return NULL;
    obey_budget(r, out);
    root = json_parse(r->body, NULL);
    if (root && r->status == 200 && !json_get(root, "error"))
        return root;
    read_error(root, r, out);
    cJSON_Delete(root);
    return NULL;
}

/* A row without an MBID is a miss. */
static void read_row(const cJSON *row, struct candidate *hit)
{
    char *mbid = answer_mbid(json_str(row, "recording_mbid"));
    char *artist = answer_text(row, "artist_credit_name"), *title = answer_text(row, "recording_name");

    if (!mbid || !artist || !title || hit->mbid) {
        free(mbid);
        free(artist);
        free(title);
        return;
    }
    *hit = (struct candidate){.provider = PROVIDER_LISTENBRAINZ, .artist = artist, .title = title, .mbid = mbid,
                              .album = answer_text(row, "release_name"), .listeners = -1, .provider_score = -1};
}

/* Joined by the row's index. Returns how many different items a row was for. */
static size_t read_rows(const cJSON *rows, size_t n, struct candidate *hits)
{
    bool *seen = mem_zalloc(n * sizeof *seen);
    size_t count = 0;

    for (const cJSON *row = rows->child; row; row = row->next) {
        int64_t i = json_int(row, "index", -1);
        if (i < 0 || (size_t)i >= n)
            continue;
        count += !seen[i];
        seen[i] = true;
        read_row(row, &hits[i]);
    }
    free(seen);
    return count;
}

static void read_names(size_t n, const struct provider_reply *r, bool misses_are_absent, struct candidate *hits,
                       struct provider_answer *out)
{
    cJSON *root = read_root(r, out);
    size_t seen;

    if (!root)
        return;
    if (!cJSON_IsArray(root)) {
        answer_set(out, ANSWER_FAILED, "the answer holds no rows");
    } else {
        seen = read_rows(root, n, hits);
        if (misses_are_absent ? root->child && seen == 0 : seen < n)
            answer_set(out, ANSWER_FAILED, "the answer holds rows for %zu of %zu questions", seen, n);
        else
            answer_set(out, ANSWER_FOUND, "ListenBrainz answered %zu questions", n);
    }
    cJSON_Delete(root);
}

static void lookup_read(const struct bulk_item *items, size_t n, const struct provider_reply *r, struct candidate *hits,
                        struct provider_answer *out)
{
    (void)items;
    read_names(n, r, false, hits, out);
}

static void labs_read(const struct bulk_item *items, size_t n, const struct provider_reply *r, struct candidate *hits,
                      struct provider_answer *out)
{
    (void)items;
    read_names(n, r, true, hits, out);
}

/* --- metadata --- */

struct tally {
    const char *genre;
    int64_t weight;
    size_t order;                /* the provider's */
    bool official;
};

/* All spellings of a genre count together; it is official when one of them is. */
static size_t tally_tags(const cJSON *tags, struct tally tally[TALLY_MAX])
{
    size_t n = 0;

    for (const cJSON *t = json_first(tags); t; t = json_next(tags, t)) {
        const char *tag = json_str(t, "tag"), *genre = tag ? genre_of_tag(tag) : NULL;
        int64_t count = json_int(t, "count", 0);
        size_t i = 0;
        if (!genre || count <= 0)
            continue;
        while (i < n && strcmp(tally[i].genre, genre) != 0)
            i++;
        if (i == TALLY_MAX)
            continue;
        if (i == n)
            tally[n] = (struct tally){genre, 0, n, false}, n++;
        tally[i].weight += count < 1000000 ? count : 1000000;
        tally[i].official |= json_get(t, "genre_mbid") != NULL;
    }
    return n;
}

static int heavier(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void add_level(const cJSON *tags, bool official, struct candidate *c)
{
    struct tally tally[TALLY_MAX];
    size_t n = tally_tags(tags, tally);

    qsort(tally, n, sizeof *tally, heavier);
    for (size_t i = 0; i < n; i++)
        if (tally[i].official == official)
            answer_add_genre(c, tally[i].genre);
}

/* Official genres first, then whatever else the white list knows; the recording's before its release group's before its
 * artist's. A collection of various artists says nothing about one song. */
static void read_genres(const cJSON *entry, struct candidate *c)
{
    const cJSON *tag = json_get(entry, "tag");
    const char *album_artist = json_str(json_get(entry, "release"), "album_artist_name");
    bool various = album_artist && strcasecmp(album_artist, "Various Artists") == 0;

    for (int official = 1; official >= 0; official--) {
        add_level(json_get(tag, "recording"), official, c);
        if (!various)
            add_level(json_get(tag, "release_group"), official, c);
        add_level(json_get(tag, "artist"), official, c);
    }
}

static int year_within(int64_t year)
{
    return year >= YEAR_FIRST && year <= YEAR_LAST ? (int)year : 0;
}

static int weak_year(const cJSON *entry)
{
    const char *date = json_str(json_get(entry, "recording"), "first_release_date");
    int stated = date ? year_within(strtol(date, NULL, 10)) : 0;
    int release = year_within(json_int(json_get(entry, "release"), "year", 0));

    return stated && (!release || stated < release) ? stated : release;
}

static void read_entry(const cJSON *entry, const char *mbid, struct candidate *hit)
{
    char *artist = answer_text(json_get(entry, "artist"), "name"), *title = answer_text(json_get(entry, "recording"), "name");

    /* An older shape names no recording: then what the lookup said stands. */
    *hit = (struct candidate){.provider = PROVIDER_LISTENBRAINZ, .artist = artist, .title = title, .mbid = mem_strdup(mbid),
                              .album = answer_text(json_get(entry, "release"), "name"), .year_weak = weak_year(entry),
                              .listeners = -1, .provider_score = -1};
    read_genres(entry, hit);
}

static void metadata_read(const struct bulk_item *items, size_t n, const struct provider_reply *r, struct candidate *hits,
                          struct provider_answer *out)
{
    cJSON *root = read_root(r, out);
    size_t found = 0;

    if (!root)
        return;
    if (!cJSON_IsObject(root)) {
        answer_set(out, ANSWER_FAILED, "the answer is no table of recordings");
        cJSON_Delete(root);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const cJSON *entry = json_get(root, items[i].mbid);
        if (!cJSON_IsObject(entry))
            continue;
        read_entry(entry, items[i].mbid, &hits[i]);
        found++;
    }
    if (root->child && found == 0)
        answer_set(out, ANSWER_FAILED, "the answer holds none of the recordings asked for");
    else
        answer_set(out, ANSWER_FOUND, "ListenBrainz described %zu recordings", found);
    cJSON_Delete(root);
}

const struct bulk bulk_lookup = {"lookup", PROVIDER_LISTENBRAINZ, LISTENBRAINZ_LOOKUP, 50, lookup_build, lookup_read};
const struct bulk bulk_labs = {"labs", PROVIDER_LISTENBRAINZ, LISTENBRAINZ_LABS, 100, labs_build, labs_read};
const struct bulk bulk_metadata = {"metadata", PROVIDER_LISTENBRAINZ, LISTENBRAINZ_METADATA, 100, metadata_build, metadata_read};

/* --- one song: a test of the token, or of the labs without one --- */

static const struct bulk *bulk_for(const struct provider_settings *s)
{
    return s->key && s->key[0] ? &bulk_lookup : &bulk_labs;
}

static int one_build(const struct provider_settings *s, const struct wanted *w, int stage, struct provider_request *out)
{
    struct bulk_item item = {w->artist, w->title, NULL};
    char *key = bulk_key(w->artist, w->title);

    *out = (struct provider_request){0};
    if (!key || stage != 0)
        return free(key), ERR_INVALID;
    free(key);
    return bulk_for(s)->build(s, &item, 1, out);
}

static void one_read(const struct wanted *w, int stage, const struct provider_reply *r, struct provider_answer *out)
{
    struct candidate hit = {0}, *c;

    (void)w;
    (void)stage;
    read_names(1, r, true, &hit, out);
    c = hit.mbid ? candidates_add(&out->candidates, PROVIDER_LISTENBRAINZ) : NULL;
    if (c)
        *c = hit;
    else if (out->kind == ANSWER_FOUND)
        answer_set(out, ANSWER_NOT_FOUND, "ListenBrainz does not know this song");
}

const struct provider provider_listenbrainz = {
    .id = PROVIDER_LISTENBRAINZ,
    .title = "ListenBrainz",
    .endpoints = {"lookup", "labs", "metadata"},
    .needs_key = false,
    .in_bulk = true,
    .default_rate = 1,
    .pace = 0.98,
    .max_in_flight = 2,
    .build = one_build,
    .read = one_read,
};
