/* First step of reading a name: bytes become tidy text. Internal to title_*.c.
 *
 * Valid UTF-8 in NFC, HTML entities decoded, the look-alikes that downloaders write for forbidden
 * characters put back, underscores read as what they stand for, runs of blanks as TEXT_GAP.
 */
#ifndef SONGBOOKD_SONG_TITLE_TEXT_H
#define SONGBOOKD_SONG_TITLE_TEXT_H

#include "base/buf.h"

/* Stands for two or more blanks in a row: some people part artist and title that way. */
#define TEXT_GAP '\x1f'

struct title_text {
    struct buf text;    /* for display */
    struct buf lower;   /* same length byte for byte, for the tables */
    bool underscored;   /* "_" stood for every blank */
    bool numbered;      /* "01-Artist-Title": the number in front is a track's */
    bool slug;          /* no blank, no capital: "maroon_5-sunday_morning" */
};

void title_text_init(struct title_text *x, struct slice name);
void title_text_deinit(struct title_text *x);

#endif
