/* Names of states, fields and providers, confidence bands, and what a path tells; see song.h. */
#include "song/song.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "song/phrases.h"
#include "song/vendors.h"

static int find_name(const char *const *names, int n, const char *name)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static const char *const status_names[SONG_STATUS_COUNT] = {"pending", "parsed", "enriched", "manual",
                                                            "enrichment_failed"};

const char *song_status_name(enum song_status s)
{
    return status_names[s];
}

int song_status_of(const char *name)
{
    return find_name(status_names, SONG_STATUS_COUNT, name);
}

static const char *const field_names[FIELD_COUNT] = {"artist", "title", "variant", "year", "genre"};

const char *song_field_name(enum song_field f)
{
    return field_names[f];
}

int song_field_of(const char *name)
{
    return find_name(field_names, FIELD_COUNT, name);
}

static const char *const provider_names[PROVIDER_COUNT] = {"lastfm", "musicbrainz", "listenbrainz"};

const char *provider_name(enum provider_id p)
{
    return provider_names[p];
}

int provider_of(const char *name)
{
    return find_name(provider_names, PROVIDER_COUNT, name);
}

/* Lower bounds of the bands, best first. A shown number is rounded to two places, so the bound is, too. */
static const struct {
    double from;
    const char *label, *colour;
} bands[] = {
    {0.995, "Verified", "green"},          {0.845, "High confidence", "green"},
    {0.695, "Medium confidence", "yellow"}, {0.595, "Parsed", "yellow"},
    {0.395, "Review suggested", "orange"},  {0.195, "Low confidence", "orange"},
    {-1, "Needs review", "red"},
};

static size_t band_of(double confidence)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(bands) && !(confidence >= bands[i].from))
        i++;
    return i;
}

const char *confidence_label(double confidence)
{
    return bands[band_of(confidence)].label;
}

const char *confidence_colour(double confidence)
{
    return bands[band_of(confidence)].colour;
}

void song_deinit(struct song *s)
{
    free(s->file_path);
    free(s->format);
    free(s->youtube_id);
    free(s->artist);
    free(s->title);
    free(s->variant);
    free(s->vendor);
    free(s->genre);
    free(s->reason);
    free(s->source);
    free(s->language);
    *s = (struct song){0};
}

bool song_order_unsure(const struct song *s)
{
    return s->order_open && s->status != SONG_ENRICHED && s->status != SONG_MANUAL;
}

static bool is_id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool all_id_chars(const char *p)
{
    for (int i = 0; i < 11; i++)
        if (!is_id_char(p[i]))
            return false;
    return true;
}

/* "[soundchoice]" has the length of an id and is none: a word of the tables that fills the bracket. */
static bool is_known_word(const char *p)
{
    char lower[11];
    const struct phrase *phrase;
    const struct vendor *vendor;

    for (int i = 0; i < 11; i++)
        lower[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
    phrase = phrase_at((struct slice){lower, 11});
    vendor = vendor_at((struct slice){lower, 11});
    return (phrase && strlen(phrase->text) == 11) || (vendor && strlen(vendor->alias) == 11);
}

struct slice song_take_id(struct slice stem, char id[12])
{
    size_t n = stem.n;

    id[0] = '\0';
    if (n > 14 && memcmp(stem.p + n - 14, "---", 3) == 0 && all_id_chars(stem.p + n - 11)) {
        memcpy(id, stem.p + n - 11, 11);
        n -= 14;
    } else if (n > 13 && stem.p[n - 1] == ']' && stem.p[n - 13] == '[' && all_id_chars(stem.p + n - 12) &&
               !is_known_word(stem.p + n - 12)) {
        memcpy(id, stem.p + n - 12, 11);
        n -= 13;
        while (n && stem.p[n - 1] == ' ')
            n--;
    }
    id[11] = '\0';
    return (struct slice){stem.p, n};
}

static void take_extension(struct song_file *f)
{
    const char *dot = memrchr(f->base.p, '.', f->base.n);
    size_t len;

    f->extension[0] = '\0';
    f->stem = f->base;
    if (!dot || dot == f->base.p)
        return;
    len = (size_t)(f->base.p + f->base.n - dot - 1);
    if (len == 0 || len >= sizeof f->extension)
        return;
    for (size_t i = 0; i < len; i++) {
        char c = dot[1 + i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return;
        f->extension[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    f->extension[len] = '\0';
    f->stem.n = (size_t)(dot - f->base.p);
}

void song_file_split(struct slice path, struct song_file *out)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

    memset(out, 0, sizeof *out);
    out->base = slash ? (struct slice){slash + 1, path.n - (size_t)(slash + 1 - path.p)} : path;
    take_extension(out);
    out->name = song_take_id(out->stem, out->youtube_id);
}

bool song_extension_ok(const char *extension)
{
    static const char *const known[] = {"mp4", "mp3", "zip", "mkv", "avi", "webm", "mov"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcasecmp(known[i], extension) == 0)
            return true;
    return false;
}

/* yt-dlp's fragments "name.f399.mp4" and "name.temp.mp4"; `stem` is without the last extension. */
static bool is_fragment(struct slice stem)
{
    const char *dot = memrchr(stem.p, '.', stem.n);
    size_t n;

    if (!dot)
        return false;
    n = (size_t)(stem.p + stem.n - dot - 1);
    if (n == 4 && strncasecmp(dot + 1, "temp", 4) == 0)
        return true;
    if (n < 2 || n > 5 || dot[1] != 'f')
        return false;
    for (size_t i = 1; i < n; i++)
        if (dot[1 + i] < '0' || dot[1 + i] > '9')
            return false;
    return true;
}

bool song_name_ignored(struct slice base)
{
    static const char *const unfinished[] = {"part", "ytdl", "crdownload", "tmp", "partial", "download"};
    struct song_file f;
    const char *dot;

    if (base.n == 0 || base.p[0] == '.')
        return true;
    dot = memrchr(base.p, '.', base.n);
    for (size_t i = 0; dot && i < ARRAY_LEN(unfinished); i++)
        if (slice_ieq_str((struct slice){dot + 1, base.n - (size_t)(dot + 1 - base.p)}, unfinished[i]))
            return true;
    song_file_split(base, &f);
    return f.stem.n && is_fragment(f.stem);
}
