/* Third step of reading a name: the parts between separators, without noise, disc ids and track numbers.
 * Internal to title_*.c. */
#ifndef SONGBOOKD_SONG_TITLE_PARTS_H
#define SONGBOOKD_SONG_TITLE_PARTS_H

#include "song/title_scan.h"

#define PARTS_MAX 10

struct part {
    int a, b;               /* tokens [a, b) that carry text */
    uint8_t sep;            /* the separator before it */
    bool noise_behind;      /* "Title Karaoke": noise followed the text */
    bool noise_before;      /* "Karaoke Title" */
    bool noise_part_after;  /* the next part was noise only */
    bool noise_part_before;
};

struct parts {
    struct part p[PARTS_MAX];
    int n;
    size_t digits;              /* of a track number that was taken off */
    bool had_disc;                    /* a disc id or track number stood in front or behind: the habit of disc rippers */
    const char *disc_vendor;          /* told by the disc id, or NULL */
    const struct vendor *part_vendor; /* a vendor that filled a part of its own, or NULL */
    struct slice code;                /* an unknown vendor's name or code; empty when none */
};

/* Parts of the tokens [a, b); marks what it takes away as skipped. */
void parts_find(struct scan *s, int a, int b, struct parts *out);
/* One past the last token of the bracket or token at i. */
int parts_next(const struct scan *s, int i);

#endif
