/* Second step of reading a name: text becomes tokens, brackets are paired and judged. Internal to title_*.c. */
#ifndef SONGBOOKD_SONG_TITLE_SCAN_H
#define SONGBOOKD_SONG_TITLE_SCAN_H

#include <stdint.h>

#include "song/phrases.h"
#include "song/title_text.h"
#include "song/vendors.h"

/* A name with more tokens than this is none; it is kept whole as a title. */
#define SCAN_TOKENS 320

enum token_type {
    TOKEN_WORD,
    TOKEN_PHRASE,   /* phrase or vendor set */
    TOKEN_OPEN,     /* bracket; mate is its partner */
    TOKEN_CLOSE,
    TOKEN_QUOTE,    /* double quotation mark of any style */
    TOKEN_SEP,      /* parts the name: see sep */
    TOKEN_PUNCT     /* belongs to the text */
};

enum separator {
    SEP_NONE,
    SEP_DASH,       /* any dash with a blank on each side, or between Asian characters */
    SEP_HALF_DASH,  /* a blank on one side only */
    SEP_PIPE, SEP_BULLET, SEP_SLASH,
    /* the weak ones: text unless nothing better is there */
    SEP_WEAK,
    SEP_COLON = SEP_WEAK, SEP_TIGHT, SEP_GAP, SEP_UNDERSCORE
};

/* What a bracket holds. */
enum group_role {
    GROUP_TEXT,      /* part of the artist or title */
    GROUP_NOISE, GROUP_VENDOR, GROUP_VARIANT, GROUP_KEY, GROUP_STYLE, GROUP_BY, GROUP_FEAT, GROUP_YEAR, GROUP_DISC,
    GROUP_CATALOGUE,
    GROUP_SOURCE,
    GROUP_TITLE      /* Asian quotation marks around a title */
};

struct token {
    uint32_t at, end;             /* bytes of the text */
    uint8_t type, sep, role;      /* role: of a TOKEN_OPEN */
    bool skip;                    /* taken out: not part of any text */
    bool strong;                  /* says by itself that this is karaoke */
    int16_t mate;
    const struct phrase *phrase;
    const struct vendor *vendor;
};

struct scan {
    struct title_text text;
    struct token tok[SCAN_TOKENS];
    int n;
    bool overflow;                /* more than SCAN_TOKENS */
    bool has_noise;               /* a strong token is somewhere */
    bool leading_noise_bracket;   /* "[KARAOKE] ..." */
    bool star;                    /* a lone "*" at the end */
};

void scan_init(struct scan *s, struct slice name);
void scan_deinit(struct scan *s);
/* True for kinds that may stand in a run of noise. */
bool token_is_noise(const struct token *t);
/* The text of the tokens [a, b) that are not skipped, tidied at both ends. Returns new. */
char *scan_text(const struct scan *s, int a, int b);
/* Bytes of token i. */
struct slice scan_token(const struct scan *s, int i);
struct slice scan_range(const struct scan *s, int a, int b);   /* bytes from the start of a to the end of b - 1 */
bool slice_is_digits(struct slice s);
/* "SF123-04", "SC8125", "ABCD2-1-01". strict: so surely that no artist's name looks like it. */
bool slice_is_disc(struct slice s, bool strict);
int slice_year(struct slice s);                                /* 1900..2099, else 0 */

#endif
