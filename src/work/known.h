/* What the library is known to hold, compactly: one row of 32 bytes for each stored song, found by the hash of its path.
 *
 * A full scan fills it from the store, compares the disk with it and throws it away: about 4.5 MB for 100,000
 * songs. No paths are kept; two paths with the same seeded 64-bit hash would only cost a needless look.
 * Filled and read on pool threads, one at a time; the loop thread never touches rows while a work item runs.
 * Here too, because table and walk share them: the configured folders and the codes of formats.
 */
#ifndef SONGBOOKD_WORK_KNOWN_H
#define SONGBOOKD_WORK_KNOWN_H

#include "base/buf.h"
#include "store/songs.h"

/* --- folders: absolute, without slash at the end ("/" itself is the empty path) ---------- */
#define FOLDERS_MAX 4000
#define FOLDERS_LEFT_OUT 2
struct folders {
    char **path;
    size_t *len;
    int n;
    char *left_out[FOLDERS_LEFT_OUT];   /* what lies there is somebody else's to list; NULL none */
};
void folders_init(struct folders *f, const char *const *paths);
void folders_deinit(struct folders *f);
/* The folder that holds the path (the longest one), or -1. */
int folders_of(const struct folders *f, struct slice path);
/* Replaces what is left out; paths are copied, NULL leaves nothing out. */
void folders_leave_out(struct folders *f, const char *const paths[FOLDERS_LEFT_OUT]);
/* The path is such a folder or lies in one. */
bool folders_is_left_out(const struct folders *f, struct slice path);

/* --- formats as small numbers --------------------------------------------------------------- */
const char *format_name(int format);      /* "mp4", ...; static */
int format_of(const char *name);          /* 0 when unknown */

/* --- the table ---------------------------------------------------------------------------------- */
#define KNOWN_OUTSIDE 4095                /* folder of a song that no configured folder holds */
struct known_row {
    uint64_t hash;
    int64_t size, mtime_ms;
    uint64_t id : 40, folder : 12, format : 5, present : 1, seen : 1;
};

struct known;
struct known *known_new(const struct folders *folders);   /* folders are borrowed */
void known_free(struct known *k);                         /* NULL is fine */
/* Rows must come by growing id. */
void known_add(struct known *k, const struct song_stamp *s);
size_t known_count(const struct known *k);
/* The row of a path, or NULL; for many paths in three rounds: the table is larger than the processor's caches and is met in the
 * disk's order, so the wait for memory is the time a look-up takes, and the rounds let the waits of many paths pass together. */
uint64_t known_hash(const struct known *k, struct slice path);    /* first for all: begins to fetch the slot */
void known_fetch(const struct known *k, uint64_t hash);           /* then for all: begins to fetch the row */
struct known_row *known_find_hash(const struct known *k, uint64_t hash);
struct known_row *known_by_id(const struct known *k, int64_t id);

/* Per folder (tally has folders->n entries): rows of present songs, and how many of those were not seen. */
struct known_tally { size_t present, missing; };
void known_tally(const struct known *k, struct known_tally *tally);
/* Present songs not seen, of the folders with take[i], and those outside all folders. Returns how many; *ids gets new memory. */
size_t known_missing(const struct known *k, const bool *take, int64_t **ids);

#endif
