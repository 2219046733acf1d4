/* The words of the project as types: what a song is, where it stands, how sure we are.
 *
 * Glossary
 *   song        one playable file (or pair: mp3+cdg, mp4+ass) in the library
 *   name        its file name without folder, extension and id
 *   guess       artist and title read from the name (song/title.h)
 *   candidate   one provider's suggestion for one song (song/match.h)
 *   evidence    anything that speaks for a value: a phrase, a vendor's habit, a provider, a person
 *   confidence  0.00-1.00, the estimated chance that artist and title are both right
 *   status      where the song stands
 *
 * This room is pure: same input, same output; no I/O, no clock, no globals that change.
 */
#ifndef SONGBOOKD_SONG_SONG_H
#define SONGBOOKD_SONG_SONG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum song_status {
    SONG_PENDING,   /* listed, nothing usable read yet */
    SONG_PARSED,    /* values come from the name */
    SONG_ENRICHED,  /* a provider confirmed or corrected them */
    SONG_MANUAL,    /* a person decided; nothing changes it unless a person asks */
    SONG_FAILED,    /* "enrichment_failed": no provider knows it, or asking failed; keeps the parsed values */
    SONG_STATUS_COUNT
};
/* "pending", "parsed", "enriched", "manual", "enrichment_failed". */
const char *song_status_name(enum song_status s);
/* The status of that name, or -1. */
int song_status_of(const char *name);

/* Fields a person may edit or lock; also the bits of song.locked (1 << field). */
enum song_field { FIELD_ARTIST, FIELD_TITLE, FIELD_VARIANT, FIELD_YEAR, FIELD_GENRE, FIELD_COUNT };
const char *song_field_name(enum song_field f);   /* "artist", ... */
int song_field_of(const char *name);              /* or -1 */

/* Providers; also the bits of masks (1 << provider). */
enum provider_id { PROVIDER_LASTFM, PROVIDER_MUSICBRAINZ, PROVIDER_LISTENBRAINZ, PROVIDER_COUNT };
const char *provider_name(enum provider_id p);    /* "lastfm", "musicbrainz", "listenbrainz" */
int provider_of(const char *name);                /* or -1 */

/* Band of a confidence; the table stands in docs/api.md and in product words: label and colour follow from the number. */
const char *confidence_label(double confidence);  /* "Verified" ... "Needs review" */
const char *confidence_colour(double confidence); /* "green", "yellow", "orange", "red" */

/* A row of the library as every room knows it. Strings are owned (song_deinit); NULL means no value. */
struct song {
    int64_t id;
    char *file_path;         /* exact bytes, NUL terminated (a path holds no NUL) */
    int64_t size;            /* bytes */
    int64_t mtime_ms;        /* modification time, wall ms */
    char *format;            /* "mp4", "cdg" (mp3+cdg or zip holding it keeps "zip"), "ass" (mp4+ass), ... */
    char *youtube_id;        /* 11 characters or NULL */
    int64_t pikaraoke_id;    /* 0 when not attached */
    char *artist, *title, *variant, *vendor, *genre;
    int year;                /* 0 when unknown */
    double confidence;
    enum song_status status;
    char *reason;            /* for SONG_FAILED: "not_found" or "gave_up"; else the rule that decided, e.g. "phrase" */
    char *source;            /* who artist and title come from: "name", "lastfm", "musicbrainz", "person" */
    int attempts;
    int64_t last_attempt_ms; /* wall ms; 0 never */
    bool present;
    unsigned locked;         /* bits 1 << song_field */
    int64_t version;         /* grows with every change of the row: the ETag */
    int64_t added_ms, updated_ms;
    char *language;          /* code that the name hints at; NULL unknown */
    bool order_open;         /* the name leaves the order of artist and title open */
    bool doubled;            /* another present song has the same folded artist, title and variant */
    int wanted;              /* 0 nobody waits, 1 new download, 2 asked for by a person, 3 about to be sung */
    int sung;                /* how often it was sung in PiKaraoke, as far as that was followed */
};
void song_deinit(struct song *s);
/* The order is open and nobody has settled it. */
bool song_order_unsure(const struct song *s);

/* What the file system tells about a path, by name alone. */
struct song_file {
    struct slice base;       /* file name with extension */
    struct slice stem;       /* without extension */
    struct slice name;       /* stem without a YouTube id in either form */
    char extension[8];       /* lower case, without dot; "" when none or too long */
    char youtube_id[12];     /* "" when none */
};
/* Splits the path; slices borrow from it. `---ID` wins over ` [ID]`; the id is exactly 11 of [A-Za-z0-9_-] at the end of
 * the stem. */
void song_file_split(struct slice path, struct song_file *out);
/* The stem without the id at its end; the id is copied to `id` ("" when there is none). A bracket filled by a known word of
 * eleven letters ("[soundchoice]") is no id. */
struct slice song_take_id(struct slice stem, char id[12]);
/* True for the extensions that are songs: mp4 mp3 zip mkv avi webm mov (case-blind). */
bool song_extension_ok(const char *extension);
/* True for what a scan passes over by name: hidden, "._*", ".part" and other unfinished downloads, ".fNNN.*", ".temp.*". */
bool song_name_ignored(struct slice base);

#endif
