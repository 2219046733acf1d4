/* The songs table: listing, one song, edits of persons, what a scan found. See db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_SONGS_H
#define SONGBOOKD_STORE_SONGS_H

#include "song/song.h"
#include "song/title.h"
#include "store/db.h"

/* --- reading ------------------------------------------------------------------------- */
int songs_get(struct db *db, int64_t id, struct song *out, struct err *e);          /* ERR_NOT_FOUND */
/* The song of that path, by its exact bytes, present or not. */
int songs_find_path(struct db *db, struct slice path, int64_t *id, struct err *e);  /* ERR_NOT_FOUND */

/* SORT_REVIEW lists only present songs that no person decided: wanted first, then sung often, then least sure; ascending only. */
enum songs_sort { SORT_ID, SORT_ARTIST, SORT_TITLE, SORT_CONFIDENCE, SORT_UPDATED, SORT_YEAR, SORT_ADDED, SORT_REVIEW };
enum songs_presence { PRESENCE_PRESENT, PRESENCE_ABSENT, PRESENCE_ALL };
struct songs_filter {                 /* borrowed strings; zero/NULL means no condition, except as said */
    const char *q; /* words, matched without case, accents and punctuation against artist, title and name (prefix of each word) */
    int status;                       /* song_status + 1; 0 any */
    double min_confidence;            /* inclusive; < 0 none */
    double max_confidence;            /* inclusive; < 0 none */
    double below;                     /* exclusive; < 0 none */
    int min_year, max_year;           /* inclusive; 0 none */
    bool no_year, no_genre;
    bool order_unsure, doubled;       /* as the songs' */
    const char *genre, *vendor;       /* exact, without case */
    const char *genre_group;          /* a name of genre_group_of */
    const char *language, *source, *reason;   /* exact */
    int64_t added_since_ms;           /* 0 none */
    struct slice path;                /* exact bytes */
    const char *youtube_id;
    int64_t pikaraoke_id;             /* 0 any */
    enum songs_presence presence;     /* default present only; with path, youtube_id or pikaraoke_id set the API passes ALL */
    enum songs_sort sort;
    bool descending;
    int limit;                        /* 1..500 */
    const char *cursor;               /* opaque, from an earlier page with the same sort; NULL for the first */
};
/* Calls row for each song of the page (borrowed); *next gets new memory with the cursor of the next page or NULL.
 * A page may be shorter than the limit, even empty, with a next one: one call looks at no more than SONGS_WINDOW rows.
 * ERR_INVALID for a cursor that is not ours. */
#define SONGS_WINDOW 6000
int songs_page(struct db *db, const struct songs_filter *f, void (*row)(const struct song *s, void *arg), void *arg, char **next,
               struct err *e);

/* --- a person's edit ------------------------------------------------------------------ */
struct song_edit {                    /* borrowed; only fields whose bit is in `set` are changed; "" or year 0 clears */
    unsigned set;                     /* bits 1 << song_field */
    const char *text[FIELD_COUNT];    /* for FIELD_YEAR unused */
    int year;
    bool verify;                      /* verified:true: accept artist and title as they are */
    unsigned lock, unlock;            /* bits */
    int64_t *batch;                   /* NULL: a batch of its own; else 0 starts one and gets its id, another value joins it */
};
/* Applies the edit when if_version equals the row's version (ERR_STALE) or if_version is 0 (no check). Artist, title or verify
 * make it manual with confidence 1.00 and take it off the queue; other fields get locked. Writes change log and evidence.
 * *out (may be NULL) gets the new row. After a failure the caller rolls back, as dbq does. */
int songs_edit(struct db *db, int64_t id, int64_t if_version, const struct song_edit *edit, int64_t now_ms, struct song *out,
               struct err *e);

/* --- what a scan found ---------------------------------------------------------------- */
struct found_file {                   /* borrowed */
    struct slice path;                /* absolute, exact bytes */
    int64_t size, mtime_ms;
    const char *format;
    const struct guess *guess;        /* of the name */
    int priority;                     /* queue priority; 10 for a file that appeared while we run, 0 at a first scan */
    int64_t moved_from;               /* id of the song this file is, moved; 0 for a new one */
    int64_t pikaraoke_id;             /* its row there, 0 none; with made, that row's created_at */
    const char *made;
};
struct found_result { int64_t id; bool inserted, moved, returned; };
/* Inserts, or moves (keeps all values), or brings back an absent song of the same path; queues what may be enriched.
 * results: n entries, filled. One call is one op. */
int songs_found(struct db *db, const struct found_file *files, size_t n, int64_t now_ms, struct found_result *results,
                struct err *e);
/* Size, mtime or format of a known path changed: stored; values are kept. */
int songs_touched(struct db *db, int64_t id, int64_t size, int64_t mtime_ms, const char *format, int64_t now_ms, struct err *e);
/* Marks songs absent or present again; never deletes. *changed (may be NULL) counts rows that really changed. */
int songs_set_present(struct db *db, const int64_t *ids, size_t n, bool present, int64_t now_ms, size_t *changed, struct err *e);
/* Deletes absent songs of the list, or the next n absent ones when ids is NULL: the owner's "forget". In steps: thousands at once
 * would keep others from the writer for seconds. Fewer than n without a list: there are no more. */
int songs_forget(struct db *db, const int64_t *ids, size_t n, int64_t *forgotten, struct err *e);

/* --- what the library decides --------------------------------------------------------- */
/* Paths of present songs with id > after, in the order of ids, at most limit; *last gets the last id (or after). */
int songs_names(struct db *db, int64_t after, int limit, void (*row)(int64_t id, struct slice path, void *arg), void *arg,
                int64_t *last, struct err *e);
/* True while artist and title come from the name alone: nobody edited, locked or confirmed them. */
bool song_may_be_judged(const struct song *s);
/* True when the song stands as the guess says. */
bool song_says(const struct song *s, const struct guess *g);
/* Stores artist, title, confidence, rule and reason of the guess with their evidence, when the song is still of that version and
 * may be judged. Returns 1 when it changed (*out is filled, song_deinit), 0 when it stays (also when it is gone or of another
 * version: the next look finds out), or ERR_. A queued song whose names changed is asked for anew. */
int songs_judged(struct db *db, int64_t id, int64_t version, const struct guess *g, int64_t now_ms, struct song *out,
                 struct err *e);

/* The scan's view of the table, paged by id: calls row for rows with id > after, at most limit; *last gets the last id (or
 * after). */
struct song_stamp {
    int64_t id;
    struct slice path;
    int64_t size, mtime_ms;
    const char *format;
    const char *youtube_id;
    bool present;
    bool followed;                    /* PiKaraoke's list says whether it is there, not the disk */
};
int songs_stamps(struct db *db, int64_t after, int limit, void (*row)(const struct song_stamp *s, void *arg), void *arg,
                 int64_t *last, struct err *e);
/* Songs that could be the moved file: by YouTube id if there is one, else by base name and size. Calls row for each (at most 8).
 */
int songs_same_identity(struct db *db, const char *youtube_id, struct slice base, int64_t size,
                        void (*row)(const struct song_stamp *s, void *arg), void *arg, struct err *e);

#endif
