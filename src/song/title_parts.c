/* Parts of a name; see title_parts.h. Pure: no I/O, no state; any thread.
 *
 * What may be taken away: runs of noise at either end of a part (never all parts), parts of noise only, ids. What looks like
 * an id but could be an artist (UB40, 311) goes only when two other parts stay. */
#include "song/title_parts.h"

#include <string.h>

#include "base/mem.h"
#include "song/hints.h"

int parts_next(const struct scan *s, int i)
{
    return s->tok[i].type == TOKEN_OPEN && s->tok[i].mate > i ? s->tok[i].mate + 1 : i + 1;
}

static bool carries_text(const struct token *t)
{
    return !t->skip && (t->type == TOKEN_WORD || t->type == TOKEN_PHRASE);
}

static bool has_text(const struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        if (carries_text(&s->tok[i]))
            return true;
    return false;
}

static bool has_strong(const struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        if (s->tok[i].strong)
            return true;
    return false;
}

static void drop(struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        s->tok[i].skip = true;
}

/* "Ada Vale - Left / Right": beside a dash, a slash is text unless noise follows it. */
static bool is_text_slash(const struct scan *s, int i, int b, bool dash)
{
    if (!dash || s->tok[i].sep != SEP_SLASH)
        return false;
    return i + 1 < b && !s->tok[i + 1].strong && !s->tok[i + 1].skip && !s->tok[i + 1].vendor;
}

static void split(const struct scan *s, int a, int b, struct parts *out)
{
    int start = a;
    uint8_t sep = SEP_NONE;
    bool dash = false;

    for (int i = a; i < b; i = parts_next(s, i))
        dash = dash || (s->tok[i].type == TOKEN_SEP && s->tok[i].sep == SEP_DASH && !s->tok[i].skip);

    for (int i = a; i <= b; i = i < b ? parts_next(s, i) : i + 1) {
        bool parts =
            i < b && s->tok[i].type == TOKEN_SEP && s->tok[i].sep < SEP_WEAK && !s->tok[i].skip && !is_text_slash(s, i, b, dash);
        if (i < b && !parts)
            continue;
        if (out->n == PARTS_MAX - 1 && i < b)
            continue;
        if (i > start)
            out->p[out->n++] = (struct part){.a = start, .b = i, .sep = sep};
        sep = i < b ? s->tok[i].sep : 0;
        start = i + 1;
    }
}

static bool is_one_of(const struct token *t, enum phrase_kind a, enum phrase_kind b)
{
    return t->phrase && (t->phrase->kind == a || t->phrase->kind == b);
}

/* Signs of quality at the very end say by themselves that they are none of the title; "MR" is Korean for a backing track. */
static bool ends_alone(const struct scan *s, int i)
{
    static const char *const words[] = {"hd",      "hq",     "uhd",    "4k",         "1080p", "720p",
                                        "full hd", "lyrics", "カバー", "歌ってみた", "ボカロ"};
    struct slice text = scan_token(s, i);

    if (s->tok[i].phrase && strcmp(s->tok[i].phrase->language, "vi") == 0 && s->tok[i].phrase->kind >= PHRASE_LEAD &&
        memchr(text.p, ' ', text.n))
        return true;
    if (slice_eq_str(text, "MR") || slice_eq_str(text, "TJ") || slice_eq_str(text, "KY"))
        return true;
    for (size_t k = 0; k < ARRAY_LEN(words); k++)
        if (slice_ieq_str(text, words[k]))
            return true;
    return false;
}

/* Index where the noise at the end of [a, b) begins; b when there is none. A run counts only with a strong word in it,
 * and begins with one, or with a word that may lead it ("official karaoke", "acoustic karaoke"). */
static int noise_tail(const struct scan *s, int a, int b)
{
    int from = b, strong = b;

    while (from > a && token_is_noise(&s->tok[from - 1]))
        from--;
    for (int i = b - 1; i >= from; i--)
        if (s->tok[i].strong)
            strong = i;
    for (int i = b - 1; strong == b && i > a && ends_alone(s, i) && from <= i; i--)
        strong = i;
    if (strong == b)
        return b;
    while (strong > from && (is_one_of(&s->tok[strong - 1], PHRASE_LEAD, PHRASE_VARIANT) || s->tok[strong - 1].skip))
        strong--;
    if (strong > a && s->tok[strong].vendor && is_one_of(&s->tok[strong - 1], PHRASE_SOURCE, PHRASE_BY))
        strong--;
    return strong;
}

static int noise_head(const struct scan *s, int a, int b)
{
    while (a < b && ((s->tok[a].strong && !is_one_of(&s->tok[a], PHRASE_INSTR, PHRASE_INSTR)) || s->tok[a].skip ||
                     s->tok[a].type == TOKEN_PUNCT || (s->tok[a].type == TOKEN_SEP && s->tok[a].sep == SEP_COLON)))
        a++;
    return a;
}

static bool all_noise(const struct scan *s, int a, int b)
{
    for (int i = a; i < b; i++)
        if (carries_text(&s->tok[i]) && !token_is_noise(&s->tok[i]) && !slice_year(scan_token(s, i)))
            return false;
    return true;
}

/* "karaoke" in any script, or a bracket that says so: what follows it is no more of the song. */
static bool is_marker(const struct scan *s, int i)
{
    const struct token *t = &s->tok[i];
    const char *text = t->phrase ? t->phrase->text : "";

    if (t->type == TOKEN_OPEN)
        return t->skip && t->role == GROUP_NOISE;
    return t->phrase && t->strong && t->phrase->kind != PHRASE_INSTR &&
           (strstr(text, "karaok") || strstr(text, "videoke") || strstr(text, "minus one") || (unsigned char)text[0] >= 0x80);
}

/* "... (karaoke) stop making sense version": words behind the marker that end like this name another recording. */
static bool names_recording(const struct scan *s, int a, int b)
{
    static const char *const words[] = {"version", "remix", "mix", "live", "edit", "part", "cover", "reprise", "medley"};

    while (b > a && !carries_text(&s->tok[b - 1]))
        b--;
    for (size_t i = 0; b > a && i < ARRAY_LEN(words); i++)
        if (slice_ieq_str(scan_token(s, b - 1), words[i]))
            return true;
    return false;
}

/* Where the text behind the marker begins that is to go; p->b when none. */
static int behind_marker(const struct scan *s, const struct part *p)
{
    for (int i = p->a; i < p->b; i = parts_next(s, i)) {
        if (!is_marker(s, i) || !has_text(s, p->a, i) || all_noise(s, p->a, i))
            continue;
        return has_text(s, parts_next(s, i), p->b) && !names_recording(s, i + 1, p->b) ? i : p->b;
    }
    return p->b;
}

/* "The Lyrics": an article alone is no name. */
static bool is_article(const struct scan *s, int a, int b)
{
    static const char *const articles[] = {"the", "a", "an", "la", "le", "el", "die", "der", "das"};
    int only = -1;

    for (int i = a; i < b; i++)
        if (carries_text(&s->tok[i])) {
            if (only >= 0)
                return false;
            only = i;
        }
    for (size_t k = 0; only >= 0 && k < ARRAY_LEN(articles); k++)
        if (slice_ieq_str(scan_token(s, only), articles[k]))
            return true;
    return false;
}

/* "Backing Track of My Life": what begins with "of" needs what stands before it. */
static bool begins_with_of(const struct scan *s, int a, int b)
{
    while (a < b && !carries_text(&s->tok[a]))
        a++;
    return a < b && slice_ieq_str(scan_token(s, a), "of");
}

/* Takes noise off the end, and off the front of the first part; true when text is left. "Karaoke Queen" behind a separator is
 * a title, in front it is a title that says what it is: "Karaoke Blue Harbour". */
static bool trim_part(struct scan *s, struct part *p, bool first, bool last_of_many)
{
    int tail, head;

    if (last_of_many) {
        int cut = behind_marker(s, p);
        p->noise_behind = p->noise_behind || cut < p->b;
        drop(s, cut, p->b);
        p->b = cut;
    }
    tail = noise_tail(s, p->a, p->b);

    if (!has_text(s, p->a, tail))
        return false;
    if (tail < p->b && !is_article(s, p->a, tail) && (has_strong(s, tail, p->b) || ends_alone(s, p->b - 1))) {
        drop(s, tail, p->b);
        p->noise_behind = true;
        p->b = tail;
    }
    head = noise_head(s, p->a, p->b);
    if (head > p->a && has_strong(s, p->a, head) && has_text(s, head, p->b) && !begins_with_of(s, head, p->b)) {
        bool bracket = s->tok[p->a].type == TOKEN_OPEN,
             colon = s->tok[head - 1].type == TOKEN_SEP || slice_eq_str(scan_token(s, head - 1), ">");
        p->noise_before = !bracket && !colon;
        if (first || bracket) {
            drop(s, p->a, head);
            p->a = head;
        }
    }
    return true;
}

static void remove_part(struct parts *ps, int i)
{
    if (i > 0)
        ps->p[i - 1].noise_part_after = true;
    if (i + 1 < ps->n)
        ps->p[i + 1].noise_part_before = true;
    memmove(&ps->p[i], &ps->p[i + 1], (size_t)(ps->n - i - 1) * sizeof ps->p[0]);
    ps->n--;
}

static struct slice part_bytes(const struct scan *s, const struct part *p)
{
    int a = p->a, b = p->b;

    while (a < b && (s->tok[a].skip || s->tok[a].type == TOKEN_PUNCT))
        a++;
    while (b > a && (s->tok[b - 1].skip || s->tok[b - 1].type == TOKEN_PUNCT))
        b--;
    return scan_range(s, a, b);
}

/* One word that is noise only beside noise: "Carpenters - Sing (Karaoke Version)" keeps its title. */
static bool is_lone_word(const struct scan *s, const struct part *p)
{
    const struct token *only = NULL;

    for (int i = p->a; i < p->b; i++) {
        const struct token *t = &s->tok[i];
        if (!carries_text(t))
            continue;
        if (only)
            return false;
        only = t;
    }
    return only && only->phrase && !only->strong && !only->vendor && (s->tok[p->a].type != TOKEN_OPEN);
}

/* "Karaoke" alone may be the title: "Drake - Karaoke (Karaoke Version)". */
static bool is_title_karaoke(const struct scan *s, const struct part *p, bool other_noise)
{
    struct slice bytes = part_bytes(s, p);

    return other_noise && (slice_ieq_str(bytes, "karaoke") || is_lone_word(s, p));
}

/* "Ada Vale - Song karaoke": with two parts, a word that is a title as well stays when noise follows it. */
static bool begins_with_title_word(const struct scan *s, const struct part *p)
{
    static const char *const words[] = {"song", "sing", "music", "video", "duet", "live", "lyrics", "tonight"};
    int i = p->a;

    while (i < p->b && !carries_text(&s->tok[i]))
        i++;
    if (i + 1 >= p->b || !s->tok[i].phrase || s->tok[i].strong)
        return false;
    for (size_t k = 0; k < ARRAY_LEN(words); k++)
        if (slice_ieq_str(scan_token(s, i), words[k]))
            return has_strong(s, i + 1, p->b) || ends_alone(s, p->b - 1);
    return false;
}

static bool other_strong(const struct scan *s, const struct part *p)
{
    return has_strong(s, 0, p->a) || has_strong(s, p->b, s->n) || has_strong(s, p->a + 1, p->b);
}

static const struct vendor *lone_vendor(const struct scan *s, const struct part *p)
{
    const struct vendor *v = NULL;

    for (int i = p->a; i < p->b; i++) {
        const struct token *t = &s->tok[i];
        if (!carries_text(t))
            continue;
        if (t->vendor)
            v = t->vendor;
        else if (!token_is_noise(t))
            return NULL;
    }
    return v;
}

static bool holds_year(const struct scan *s, const struct part *p)
{
    for (int i = p->a; i < p->b; i++)
        if (slice_year(scan_token(s, i)))
            return true;
    return false;
}

/* "Finnkaraoke - ...", "Some Name Karaoke - ...": a channel in front of the song. */
static bool is_channel(const struct scan *s, const struct part *p)
{
    int last = p->b - 1, words = 0;
    struct slice text;

    for (int i = p->a; i < p->b; i++)
        words += carries_text(&s->tok[i]);
    while (last > p->a && !carries_text(&s->tok[last]))
        last--;
    text = (struct slice){s->text.lower.data + s->tok[last].at, s->tok[last].end - s->tok[last].at};
    if (words == 1)
        return text.n > 9 && (memmem(text.p, text.n, "karaoke", 7) == text.p + text.n - 7) && s->tok[last].type == TOKEN_WORD;
    return words <= 3 && slice_eq_str(text, "karaoke") && !has_strong(s, p->a, last);
}

/* Parts that hold more than noise. */
static int count_texts(const struct scan *s, const struct parts *ps)
{
    int n = 0;

    for (int i = 0; i < ps->n; i++)
        n += !all_noise(s, ps->p[i].a, ps->p[i].b);
    return n;
}

/* "80s Karaoke: Artist - Title": what stands before the colon says what it is. */
static void drop_colon_channel(struct scan *s, struct part *p)
{
    for (int i = p->a + 1; i < p->b && i <= p->a + 3; i++)
        if (s->tok[i].type == TOKEN_SEP && s->tok[i].sep == SEP_COLON && s->tok[i - 1].strong && has_text(s, i + 1, p->b)) {
            drop(s, p->a, i + 1);
            p->a = i + 1;
            return;
        }
}

static void drop_channel(struct scan *s, struct parts *ps)
{
    if (ps->n > 1)
        drop_colon_channel(s, &ps->p[0]);
    bool vendor = ps->n > 1 && lone_vendor(s, &ps->p[0]) && has_strong(s, ps->p[0].a, ps->p[0].b);

    if (ps->n < 2 ||
        !(vendor || (is_channel(s, &ps->p[0]) && ps->p[1].sep < SEP_PIPE &&
                     (count_texts(s, ps) > 2 || !memchr(part_bytes(s, &ps->p[0]).p, ' ', part_bytes(s, &ps->p[0]).n)))))
        return;
    drop(s, ps->p[0].a, ps->p[0].b);
    remove_part(ps, 0);
    ps->p[0].noise_part_before = false;
}

static void drop_noise_parts(struct scan *s, struct parts *ps)
{
    for (int i = 0; i < ps->n;) {
        struct part *p = &ps->p[i];
        bool noise = all_noise(s, p->a, p->b) && has_strong(s, p->a, p->b);
        if (noise && ps->n == 2 && (holds_year(s, p) || begins_with_title_word(s, p)))
            noise = false; /* one of two parts: a song called "1979" */
        if (noise && ps->n == 2 && is_title_karaoke(s, p, other_strong(s, p))) {
            i++;
            continue;
        }
        if (!has_text(s, p->a, p->b) || (noise && ps->n > 1)) {
            drop(s, p->a, p->b);
            remove_part(ps, i);
            continue;
        }
        if (noise || trim_part(s, p, i == 0, i > 0 && i == ps->n - 1) || ps->n == 1) {
            i++;
            continue;
        }
        drop(s, p->a, p->b);
        remove_part(ps, i);
    }
}

static bool begins_with(const struct scan *s, const struct part *p, const char *phrase)
{
    for (int i = p->a; i < p->b; i++)
        if (carries_text(&s->tok[i]))
            return s->tok[i].phrase && strcmp(s->tok[i].phrase->text, phrase) == 0;
    return false;
}

static int part_words(const struct scan *s, const struct part *p)
{
    int n = 0;

    for (int i = p->a; i < p->b; i++)
        n += carries_text(&s->tok[i]) && memchr(scan_token(s, i).p, ' ', scan_token(s, i).n) != NULL;
    return n;
}

/* "... | Key: -2", "... | Key of G". */
static bool is_key_part(const struct scan *s, const struct part *p)
{
    int texts = 0;

    for (int i = p->a; i < p->b; i++)
        texts += carries_text(&s->tok[i]);
    for (int i = p->a; i < p->b; i++)
        if (carries_text(&s->tok[i]))
            return texts <= 4 && s->tok[i].phrase && s->tok[i].phrase->kind == PHRASE_KEY;
    return false;
}

/* With two parts to stay, a third that is a vendor, a year, a variant, or noise with unknown words goes. */
static void drop_extra_parts(struct scan *s, struct parts *ps)
{
    for (int i = ps->n - 1; i >= 0 && ps->n > 1; i--) {
        struct part *p = &ps->p[i];
        const struct vendor *v = lone_vendor(s, p);
        struct slice bytes = part_bytes(s, p);
        bool last = i == ps->n - 1, weak = all_noise(s, p->a, p->b) || slice_year(bytes) || is_key_part(s, p);
        int songs = ps->n - (lone_vendor(s, &ps->p[0]) != NULL);
        bool unknown = last && (p->noise_behind || p->noise_before || p->noise_part_before) && p->sep != SEP_NONE;
        bool live_music = last && i > 0 && begins_with(s, p, "nhạc sống"); /* "... | Nhạc Sống Gia Huy": who made it */
        bool behind = p->noise_part_before || (p->sep == SEP_PIPE && s->has_noise && part_words(s, p) > 0);
        bool cut = last && i > 0 && behind && all_noise(s, p->a, p->b); /* "Title - Karaoke - Duet", "... | Tone Nam" */
        if (v && v->alone && (ps->n > 2 || bytes.n > 3))
            ps->part_vendor = v;
        else if (songs > 2 && unknown && i >= 2)
            ps->code = bytes;
        else if (!live_music && !cut && !(ps->n > 2 && weak && (i > 0 || p->noise_part_before)))
            continue;
        /* The separators go, too: they would stand between the rest. */
        drop(s, i > 0 ? ps->p[i - 1].b : p->a, p->b);
        remove_part(ps, i);
    }
}

static void note_disc(struct parts *ps, struct slice id)
{
    size_t n = 0;

    while (n < id.n && ((id.p[n] | 32) >= 'a' && (id.p[n] | 32) <= 'z'))
        n++;
    ps->had_disc = true;
    if (!ps->disc_vendor)
        ps->disc_vendor = vendor_of_disc((struct slice){id.p, n});
}

/* All capitals and at most five: "TNSK - Artist - Title" begins with a vendor's code. */
static bool is_code(struct slice s)
{
    if (s.n < 2 || s.n > 5)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return true;
}

/* Takes `word` and a number of at most three digits off the front; false when they do not stand there. */
static bool take_numbered(struct slice *s, const char *word)
{
    size_t n = strlen(word), digits = 0;

    if (s->n <= n || strncasecmp(s->p, word, n) != 0)
        return false;
    n += s->p[n] == ' ';
    while (n + digits < s->n && s->p[n + digits] >= '0' && s->p[n + digits] <= '9')
        digits++;
    if (digits == 0 || digits > 3)
        return false;
    *s = slice_trim((struct slice){s->p + n + digits, s->n - n - digits});
    return true;
}

/* "Track 07", "Disc 2", "CD1 Track 11". */
static bool is_track(struct slice s)
{
    bool any = take_numbered(&s, "cd") || take_numbered(&s, "disc") || take_numbered(&s, "disk");

    any = take_numbered(&s, "track") || any;
    return any && s.n == 0;
}

/* "SF Hits 077-12": words and then disc and track. */
static bool ends_like_disc(struct slice s)
{
    size_t n = s.n, track = 0, disc = 0;

    while (n && s.p[n - 1] >= '0' && s.p[n - 1] <= '9' && track < 3)
        n--, track++;
    if (!n || track < 2 || s.p[--n] != '-')
        return false;
    while (n && s.p[n - 1] >= '0' && s.p[n - 1] <= '9' && disc < 5)
        n--, disc++;
    return disc >= 2 && n && s.p[n - 1] == ' ' && s.n < 24;
}

/* "CB60301 - 12 Ada Vale": behind the disc stands the track. */
static void drop_track(struct scan *s, struct part *p)
{
    int i = p->a;

    while (i < p->b && s->tok[i].skip)
        i++;
    if (i + 1 < p->b && has_text(s, i + 1, p->b) && slice_is_digits(scan_token(s, i)) && s->tok[i].end - s->tok[i].at == 2) {
        drop(s, p->a, i + 1);
        p->a = i + 1;
    }
}

static void drop_ids(struct scan *s, struct parts *ps)
{
    while (ps->n > 1) {
        struct slice first = part_bytes(s, &ps->p[0]);
        bool plain = slice_is_digits(first) && first.n <= 4;
        bool goes = ps->n > 2 ? plain || slice_is_disc(first, false) : slice_is_disc(first, true) || (plain && first.p[0] == '0');
        goes = goes || (plain && s->text.numbered) || is_track(first) || (ps->n > 2 && ends_like_disc(first));
        if (!goes || hint_is_artist(first))
            break;
        note_disc(ps, first);
        if (!plain && !memchr(first.p, '-', first.n) && !hint_is_artist(part_bytes(s, &ps->p[1])))
            drop_track(s, &ps->p[1]);
        drop(s, ps->p[0].a, ps->p[0].b);
        remove_part(ps, 0);
        ps->p[0].noise_part_before = false;
    }
    for (int i = 1; i + 1 < ps->n && ps->n > 2; i++) /* "Artist - 01 - Title", "Artist - Album - 01 - Title" */
        if (part_bytes(s, &ps->p[i]).n == 2 && slice_is_digits(part_bytes(s, &ps->p[i])) && i + 2 == ps->n) {
            note_disc(ps, part_bytes(s, &ps->p[i]));
            drop(s, ps->p[0].b, ps->p[i].b);
            ps->p[1] = ps->p[ps->n - 1];
            ps->n = 2;
            break;
        }
    while (ps->n > 1) {
        struct slice last = part_bytes(s, &ps->p[ps->n - 1]);
        if (!slice_is_disc(last, ps->n == 2) || hint_is_artist(last))
            break;
        note_disc(ps, last);
        drop(s, ps->p[ps->n - 1].a, ps->p[ps->n - 1].b);
        ps->n--;
    }
    if (ps->n > 2 && is_code(part_bytes(s, &ps->p[0])) && !hint_is_artist(part_bytes(s, &ps->p[0]))) {
        ps->code = part_bytes(s, &ps->p[0]);
        drop(s, ps->p[0].a, ps->p[0].b);
        remove_part(ps, 0);
    }
}

static bool is_asian_part(const struct scan *s, const struct part *p)
{
    struct slice text = part_bytes(s, p);

    return text.n > 2 && (unsigned char)text.p[0] >= 0xe3;
}

/* "1-05", "A07": disc or side, and track. */
static bool is_side_track(struct slice s)
{
    if (s.n == 4 && s.p[1] == '-')
        return slice_is_digits((struct slice){s.p, 1}) && slice_is_digits((struct slice){s.p + 2, 2}) && s.p[2] < '4';
    return s.n == 3 && (s.p[0] == 'A' || s.p[0] == 'B') && (s.p[1] == '0' || s.p[1] == '1') &&
           slice_is_digits((struct slice){s.p + 1, 2}) && !hint_is_artist(s);
}

/* "SF123-04 Artist", "021 title", "07. Artist": an id glued to the first part by a blank. */
static void drop_inline_id(struct scan *s, struct parts *ps)
{
    struct part *p = &ps->p[0];
    const char *text = s->text.text.data;
    int i = p->a;
    struct slice id, next;

    while (i < p->b && s->tok[i].skip)
        i++;
    p->a = i;
    if (i >= p->b || s->tok[i].type != TOKEN_WORD)
        return;
    while (i + 1 < p->b && s->tok[i + 1].at == s->tok[i].end && s->tok[i + 1].type != TOKEN_OPEN)
        i++;
    if (i + 1 >= p->b || !has_text(s, i + 1, p->b))
        return;
    id = scan_range(s, p->a, i + 1);
    next = (struct slice){text + s->tok[i + 1].at, s->text.text.len - s->tok[i + 1].at};
    if (id.n > 1 && id.n <= 4 && id.p[id.n - 1] == '.' && slice_is_digits((struct slice){id.p, id.n - 1}))
        id.n--;
    else if (slice_is_digits(id)
                 ? !(id.n <= 4 && ((unsigned char)next.p[0] >= 0xe3 || (id.n == 3 && ps->n == 2 && is_asian_part(s, &ps->p[1])) ||
                                   (id.p[0] == '0' && id.n > 1)))
                 : !(ps->n > 1 && is_side_track(id)) && !(slice_is_disc(id, true) && memchr(id.p, '-', id.n)))
        return;
    note_disc(ps, id);
    if (slice_is_digits(id))
        ps->digits = id.n;
    drop(s, p->a, i + 1);
    p->a = i + 1;
}

/* "(SDK) Artist - Title": a code in brackets in front. */
static void drop_code_bracket(struct scan *s, struct parts *ps)
{
    struct part *p = &ps->p[0];
    int end = parts_next(s, p->a);
    struct slice inside;

    if (ps->n < 2 || s->tok[p->a].type != TOKEN_OPEN || s->tok[p->a].skip || end >= p->b)
        return;
    inside = scan_range(s, p->a + 1, end - 1);
    if (slice_is_digits(inside) && inside.n == 2 && inside.p[0] < '4') /* "(05) Artist - Title" */
        note_disc(ps, inside);
    else if (is_code(inside) || slice_is_disc(inside, true))
        ps->code = inside;
    else
        return;
    drop(s, p->a, end);
    p->a = end;
}

void parts_find(struct scan *s, int a, int b, struct parts *out)
{
    memset(out, 0, sizeof *out);
    split(s, a, b, out);
    drop_channel(s, out);
    drop_noise_parts(s, out);
    if (out->n == 0)
        return;
    drop_extra_parts(s, out);
    drop_code_bracket(s, out);
    drop_ids(s, out);
    drop_inline_id(s, out);
}
