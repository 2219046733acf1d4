/* Which recording a title names: the plain title, and what sets this take apart (live, remix, acoustic ...). Pure.
 *
 * "Song (Live at Wembley)" and "Song - 2011 Remaster" are "Song"; the first is another recording, the second is not.
 * "(I Can't Get No) Satisfaction" keeps its brackets: only what names a version, a guest or an edition is taken off.
 */
#ifndef SONGBOOKD_SONG_VERSION_H
#define SONGBOOKD_SONG_VERSION_H

#include <stdbool.h>

#include "base/buf.h"

enum {
    VERSION_LIVE = 1 << 0,
    VERSION_REMIX = 1 << 1,
    VERSION_ACOUSTIC = 1 << 2,
    VERSION_DEMO = 1 << 3,
    VERSION_INSTRUMENTAL = 1 << 4,
    VERSION_KARAOKE = 1 << 5,
    VERSION_SPEED = 1 << 6,      /* sped up, slowed, nightcore */
    VERSION_COVER = 1 << 7,
    VERSION_ARRANGED = 1 << 8,   /* piano, orchestra, a cappella */
    VERSION_EXTENDED = 1 << 9,
    VERSION_REPRISE = 1 << 10,   /* reprise, interlude, medley */
    VERSION_OTHER = 1 << 11      /* "(Spanish Version)", "(re-recorded)": some version of its own */
};

struct title_form {
    char *text;          /* the title without versions, guests and editions; never empty unless the title is */
    char *key;           /* its key (song/similar.h) */
    char *core;          /* key without any bracket: "satisfaction"; equal to key where there is none */
    unsigned versions;   /* VERSION_ bits */
    bool remaster;       /* an edition of old material: its date is not the song's */
};
void title_form_read(const char *title, struct title_form *out);
void title_form_deinit(struct title_form *f);

/* Bits of a free text that describes a recording: a variant ("live"), a disambiguation ("live, 1985-07-13: Wembley").
 * NULL gives 0. */
unsigned version_of_note(const char *note);
/* Bits of single words that stand in a key, whatever their place. */
unsigned version_of_words(const char *key);
/* True when the text names a remaster, an anniversary or a deluxe edition. NULL is false. */
bool version_is_reissue(const char *text);

#endif
