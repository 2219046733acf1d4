/* Titles taken apart into song and take; see version.h.
 *
 * Words that are versions only in brackets or behind a dash ("live", "mix", "edit") are never looked for in the title
 * itself: "Live and Let Die" is a song. Pure; any thread.
 */
#include "song/version.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/similar.h"

#define NOTE_WORDS 32

static const struct {
    const char *word;
    unsigned bits;
} version_words[] = {
    {"live", VERSION_LIVE}, {"concert", VERSION_LIVE}, {"unplugged", VERSION_LIVE | VERSION_ACOUSTIC},
    {"session", VERSION_LIVE}, {"sessions", VERSION_LIVE}, {"vivo", VERSION_LIVE}, {"directo", VERSION_LIVE},
    {"ライブ", VERSION_LIVE}, {"라이브", VERSION_LIVE}, {"现场", VERSION_LIVE}, {"現場", VERSION_LIVE},
    {"remix", VERSION_REMIX}, {"remixed", VERSION_REMIX}, {"rmx", VERSION_REMIX}, {"bootleg", VERSION_REMIX},
    {"mashup", VERSION_REMIX}, {"mixed", VERSION_REMIX}, {"dub", VERSION_REMIX},
    {"acoustic", VERSION_ACOUSTIC}, {"acoustique", VERSION_ACOUSTIC}, {"acustico", VERSION_ACOUSTIC},
    {"acustica", VERSION_ACOUSTIC}, {"akustik", VERSION_ACOUSTIC}, {"stripped", VERSION_ACOUSTIC},
    {"demo", VERSION_DEMO}, {"demos", VERSION_DEMO}, {"outtake", VERSION_DEMO}, {"rehearsal", VERSION_DEMO},
    {"alternate", VERSION_DEMO}, {"instrumental", VERSION_INSTRUMENTAL}, {"instrumentals", VERSION_INSTRUMENTAL},
    {"karaoke", VERSION_KARAOKE}, {"playback", VERSION_KARAOKE}, {"カラオケ", VERSION_KARAOKE},
    {"伴奏", VERSION_KARAOKE}, {"노래방", VERSION_KARAOKE},
    {"sped", VERSION_SPEED}, {"slowed", VERSION_SPEED}, {"nightcore", VERSION_SPEED}, {"chopped", VERSION_SPEED},
    {"cover", VERSION_COVER}, {"tribute", VERSION_COVER},
    {"piano", VERSION_ARRANGED}, {"orchestral", VERSION_ARRANGED}, {"orchestra", VERSION_ARRANGED},
    {"symphonic", VERSION_ARRANGED}, {"acapella", VERSION_ARRANGED}, {"acappella", VERSION_ARRANGED},
    {"cappella", VERSION_ARRANGED}, {"capella", VERSION_ARRANGED}, {"lullaby", VERSION_ARRANGED},
    {"extended", VERSION_EXTENDED}, {"maxi", VERSION_EXTENDED},
    {"reprise", VERSION_REPRISE}, {"interlude", VERSION_REPRISE}, {"medley", VERSION_REPRISE}, {"intro", VERSION_REPRISE},
    {"rerecorded", VERSION_OTHER}, {"rerecording", VERSION_OTHER},
};

/* Words of editions: they take a segment off without setting the recording apart. */
static const char *const edition_words[] = {
    "remaster", "remastered", "remasterizado", "remastering", "explicit", "official", "lyrics", "lyric", "letra", "hd",
    "hq", "4k", "uhd", "bonus", "deluxe", "anniversary", "ost", "soundtrack", "reissue", "uncensored",
};
/* Words that say "the song as it is known", with "version", "mix" or "edit" or alone in a segment. */
static const char *const plain_version_words[] = {
    "single", "album", "edited", "uncut", "audio", "version", "edit", "radio", "original", "video", "full", "short", "long",
    "studio", "mono", "stereo", "clean",
    "explicit", "the", "official", "uk", "us", "tv", "lp", "ep", "cd", "7", "inch", "main", "standard", "mix",
    "digital",
};

struct words {
    struct slice w[NOTE_WORDS];
    size_t n;
};

static void split_words(const char *key, struct words *out)
{
    out->n = 0;
    while (*key && out->n < NOTE_WORDS) {
        size_t n = strcspn(key, " ");
        if (n)
            out->w[out->n++] = (struct slice){key, n};
        key += n + (key[n] == ' ');
    }
}

static bool is_in(struct slice w, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_str(w, list[i]))
            return true;
    return false;
}

static bool is_number(struct slice w)
{
    for (size_t i = 0; i < w.n; i++)
        if (w.p[i] < '0' || w.p[i] > '9')
            return false;
    return w.n > 0;
}

static bool word_is(const struct words *t, size_t i, const char *const *list, size_t n)
{
    return i < t->n && is_in(t->w[i], list, n);
}

/* "live" in brackets is a verb in "(Long Live Rock)" and "(We Live for Love)". */
static bool live_is_version(const struct words *t, size_t i)
{
    static const char *const verbs[] = {"we", "i", "you", "they", "to", "long", "let", "who", "can", "dont", "and", "how"};
    static const char *const after[] = {"at", "in", "from", "on", "version", "session", "sessions", "performance", "take",
                                        "recording", "mix", "demo", "acoustic", "video", "edit", "lounge", "bbc", "mtv"};

    if (i > 0 && word_is(t, i - 1, verbs, ARRAY_LEN(verbs)))
        return false;
    return i == 0 || i + 1 == t->n || is_number(t->w[i + 1]) || word_is(t, i + 1, after, ARRAY_LEN(after));
}

static unsigned bits_of(struct slice w)
{
    for (size_t i = 0; i < ARRAY_LEN(version_words); i++)
        if (slice_eq_str(w, version_words[i].word))
            return version_words[i].bits;
    return 0;
}

static bool all_plain(const struct words *t, size_t but)
{
    for (size_t i = 0; i < t->n; i++)
        if (i != but && !word_is(t, i, plain_version_words, ARRAY_LEN(plain_version_words)) && !is_number(t->w[i]))
            return false;
    return true;
}

/* "(1999)" may be the name of the song. */
static bool all_numbers(const struct words *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!is_number(t->w[i]))
            return false;
    return true;
}

/* "(Spanish Version)", "(Club Mix)", "(Tom's Edit)" against "(Single Version)", "(Original Mix)", "(Radio Edit)". */
static unsigned bits_of_last(const struct words *t, unsigned so_far)
{
    static const char *const mixes[] = {"mix", "edit"};
    static const char *const versions[] = {"version", "ver", "versions", "rendition"};
    size_t last = t->n - 1;

    if (word_is(t, last, mixes, ARRAY_LEN(mixes)))
        return all_plain(t, last) ? 0 : VERSION_REMIX;
    if (word_is(t, last, versions, ARRAY_LEN(versions)) && !so_far && !all_plain(t, last))
        return VERSION_OTHER;
    return 0;
}

static bool has_pair(const struct words *t, const char *first, const char *second)
{
    for (size_t i = 0; i + 1 < t->n; i++)
        if (slice_eq_str(t->w[i], first) && slice_eq_str(t->w[i + 1], second))
            return true;
    return false;
}

static unsigned bits_of_segment(const struct words *t)
{
    unsigned bits = 0;

    if (t->n == 0)
        return 0;
    for (size_t i = 0; i < t->n; i++) {
        unsigned b = bits_of(t->w[i]);
        if (b != VERSION_LIVE || !slice_eq_str(t->w[i], "live") || live_is_version(t, i))
            bits |= b;
    }
    if (has_pair(t, "12", "inch") || has_pair(t, "12", "version") || has_pair(t, "12", "mix"))
        bits |= VERSION_EXTENDED;
    if (has_pair(t, "re", "recorded") || has_pair(t, "re", "recording"))
        bits |= VERSION_OTHER;
    if (bits & VERSION_INSTRUMENTAL && has_pair(t, "with", "vocals"))
        bits &= ~(unsigned)VERSION_INSTRUMENTAL;
    return bits | bits_of_last(t, bits);
}

static bool is_guest_segment(const struct words *t, bool bracket)
{
    static const char *const guest[] = {"feat", "ft", "featuring"};

    return word_is(t, 0, guest, ARRAY_LEN(guest)) || (bracket && t->n > 1 && slice_eq_str(t->w[0], "with"));
}

static bool is_edition_segment(const struct words *t, bool bracket)
{
    if (t->n == 0)
        return false;
    if (bracket && t->n > 1 && slice_eq_str(t->w[0], "from"))
        return true;
    for (size_t i = 0; i < t->n; i++)
        if (word_is(t, i, edition_words, ARRAY_LEN(edition_words)))
            return true;
    return all_plain(t, t->n) && !all_numbers(t);
}

/* Whether the segment is taken off; its meaning goes into f. */
static bool take_segment(struct slice s, bool bracket, struct title_form *f)
{
    char *key = similar_key(s);
    struct words t;
    unsigned bits;
    bool taken;

    split_words(key, &t);
    bits = bits_of_segment(&t);
    f->versions |= bits;
    f->remaster |= version_is_reissue(key);
    taken = bits || is_guest_segment(&t, bracket) || is_edition_segment(&t, bracket);
    free(key);
    return taken;
}

/* The closing bracket of the opener at s[at], or NULL; *open_n and *close_n are their lengths. */
static const char *closer_of(struct slice s, size_t at, size_t *n)
{
    static const char *const pairs[][2] = {
        {"(", ")"}, {"[", "]"}, {"{", "}"}, {"\xef\xbc\x88", "\xef\xbc\x89"}, {"\xe3\x80\x90", "\xe3\x80\x91"},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        *n = strlen(pairs[i][0]);
        if (s.n - at >= *n && memcmp(s.p + at, pairs[i][0], *n) == 0)
            return pairs[i][1];
    }
    return NULL;
}

/* The end of the bracket that opens at s[at]: behind its closer, or s.n where it is never closed. */
static size_t bracket_end(struct slice s, size_t at, size_t n, const char *closer, struct slice *inside)
{
    size_t depth = 0;

    for (size_t i = at; i < s.n; i++) {
        if (s.n - i >= n && memcmp(s.p + i, s.p + at, n) == 0) {
            depth++;
        } else if (s.n - i >= n && memcmp(s.p + i, closer, n) == 0 && --depth == 0) {
            *inside = (struct slice){s.p + at + n, i - at - n};
            return i + n;
        }
    }
    *inside = (struct slice){s.p + at + n, s.n - at - n};
    return s.n;
}

/* Copies the title without the brackets that are taken off; core gets none of them. */
static void strip_brackets(struct slice s, struct title_form *f, struct buf *text, struct buf *core)
{
    for (size_t i = 0; i < s.n;) {
        size_t n, end;
        struct slice inside;
        const char *closer = closer_of(s, i, &n);
        if (!closer) {
            buf_add_byte(text, s.p[i]);
            buf_add_byte(core, s.p[i]);
            i++;
            continue;
        }
        end = bracket_end(s, i, n, closer, &inside);
        if (!take_segment(inside, true, f))
            buf_add(text, s.p + i, end - i);
        buf_add_byte(core, ' ');
        i = end;
    }
}

/* Where the last " - " (or long dash) begins, or 0; *skip is its length. */
static size_t last_dash(struct slice s, size_t *skip)
{
    static const char *const dashes[] = {" - ", " \xe2\x80\x93 ", " \xe2\x80\x94 "};
    size_t at = 0;

    for (size_t i = 1; i < s.n; i++)
        for (size_t d = 0; d < ARRAY_LEN(dashes); d++) {
            size_t n = strlen(dashes[d]);
            if (s.n - i > n && memcmp(s.p + i, dashes[d], n) == 0) {
                at = i;
                *skip = n;
            }
        }
    return at;
}

static void strip_tails(struct buf *text, struct title_form *f)
{
    size_t at, skip = 0;

    while ((at = last_dash((struct slice){buf_cstr(text), text->len}, &skip)) > 0) {
        if (!take_segment((struct slice){text->data + at + skip, text->len - at - skip}, false, f))
            return;
        text->len = at;
        text->data[at] = '\0';
    }
}

/* "Song feat. Somebody": the guest is the artist credit's business. */
static size_t guest_start(const char *s)
{
    static const char *const words[] = {" feat. ", " feat ", " ft. ", " ft ", " featuring "};
    size_t at = strlen(s);

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *hit = strcasestr(s, words[i]);
        if (hit && hit != s && (size_t)(hit - s) < at)
            at = (size_t)(hit - s);
    }
    return at;
}

static char *trimmed(struct buf *b)
{
    struct slice s = slice_trim((struct slice){buf_cstr(b), guest_start(buf_cstr(b))});

    return mem_strndup(s.p, s.n);
}

void title_form_read(const char *title, struct title_form *out)
{
    struct slice s = slice_trim(slice_of(title));
    struct buf text, core;
    char *bare;

    memset(out, 0, sizeof *out);
    if (s.n > SIMILAR_MAX_BYTES)
        s.n = SIMILAR_MAX_BYTES;
    buf_init(&text, 0);
    buf_init(&core, 0);
    strip_brackets(s, out, &text, &core);
    strip_tails(&text, out);
    strip_tails(&core, out);
    out->text = trimmed(&text);
    out->key = similar_key(slice_of(out->text));
    bare = trimmed(&core);
    out->core = similar_key(slice_of(bare));
    free(bare);
    if (!out->key[0]) {   /* the title is nothing but what looks like a version: then it is the title */
        free(out->text);
        free(out->key);
        out->text = mem_strndup(s.p, s.n);
        out->key = similar_key(s);
        out->versions = 0;
    }
    if (!out->core[0]) {
        free(out->core);
        out->core = mem_strdup(out->key);
    }
    buf_deinit(&text);
    buf_deinit(&core);
}

void title_form_deinit(struct title_form *f)
{
    free(f->text);
    free(f->key);
    free(f->core);
    memset(f, 0, sizeof *f);
}

unsigned version_of_words(const char *key)
{
    struct words t;
    unsigned bits = 0;

    split_words(key, &t);
    for (size_t i = 0; i < t.n; i++)
        bits |= bits_of(t.w[i]);
    return bits;
}

unsigned version_of_note(const char *note)
{
    char *key;
    struct words t;
    unsigned bits;

    if (!note || !note[0])
        return 0;
    key = similar_key(slice_of(note));
    split_words(key, &t);
    bits = version_of_words(key) | bits_of_segment(&t);
    bits &= ~(unsigned)VERSION_COVER;   /* "Dylan cover" says whose song it is; who plays it is the credit's business */
    free(key);
    return bits;
}

bool version_is_reissue(const char *text)
{
    static const char *const marks[] = {"remaster", "anniversary", "deluxe", "reissue", "re issue", "expanded", "super deluxe",
                                        "collectors edition", "special edition", "legacy edition"};
    char *key;
    bool hit = false;

    if (!text || !text[0])
        return false;
    key = similar_key(slice_of(text));
    for (size_t i = 0; i < ARRAY_LEN(marks) && !hit; i++)
        hit = strstr(key, marks[i]) != NULL;
    free(key);
    return hit;
}
