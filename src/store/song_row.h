/* Private to store/: a row of songs as a struct song and back, its folded keys, and the search index beside it. */
#ifndef SONGBOOKD_STORE_SONG_ROW_H
#define SONGBOOKD_STORE_SONG_ROW_H

#include "song/song.h"
#include "store/stmt.h"

/* In the order that song_row_borrow reads; the table goes by the name s. */
#define SONG_COLUMNS \
    "s.id, s.file_path, s.size, s.mtime_ms, s.format, s.youtube_id, s.pikaraoke_id, s.artist, s.title, s.variant," \
    " s.vendor, s.genre, s.year, s.confidence, s.metadata_status, s.reason, s.source, s.enrichment_attempts," \
    " s.last_enrichment_attempt, s.present, s.locked, s.version, s.created_at, s.updated_at, s.language, s.order_open," \
    " s.doubled, s.wanted, s.sung"
#define SONG_COLUMN_COUNT 29

/* Reads the row at its first SONG_COLUMN_COUNT columns; strings borrowed until the next row: no song_deinit. */
void song_row_borrow(const struct stmt *s, struct song *out);
/* A deep copy; song_deinit. */
void song_row_copy(const struct song *from, struct song *to);
/* Replaces an owned string of a song; "" and NULL are NULL. */
void song_row_set(char **field, const char *value);

/* ERR_NOT_FOUND with a sentence when there is none. */
int song_row_load(struct db *db, int64_t id, struct song *out, struct err *e);
/* Stores what may change after the insert (values, confidence, status, reason, source, locked), raises *after's version
 * and keeps the search index in step. Writes nothing when nothing differs; *changed says so. */
int song_row_save(struct db *db, const struct song *before, struct song *after, int64_t now_ms, bool *changed, struct err *e);

/* Folded texts of a row. Owned. */
struct song_keys {
    char *artist_key, *title_key;   /* cut to a length that an index likes */
    struct buf words;
};
void song_keys_init(struct song_keys *k);
void song_keys_deinit(struct song_keys *k);
/* Fills anew, memory reused. */
void song_keys_make(struct song_keys *k, const char *artist, const char *title, struct slice path);

/* Puts the words of the songs with id >= first into the search index, in one statement. */
int song_row_index_from(struct db *db, int64_t first, struct err *e);
/* Before the words of a row change or the row goes; and after they changed. */
int song_row_index_drop(struct db *db, int64_t id, struct err *e);
int song_row_index_add(struct db *db, int64_t id, struct err *e);
/* has_words(words, query): each word of the query begins a word. */
int song_row_functions(struct db *db, struct err *e);

/* What a queue priority says of who waits, as songs.wanted: from 10 a new download, from 20 asked for, from 30 about to be
 * sung; 1000 and more is a person looking at the song. */
int song_wanted_of(int priority);

/* Identity of the base name in base_hash; stable across versions, because it is stored. */
int64_t song_base_hash(struct slice base);

#endif
