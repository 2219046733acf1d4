/* Private to store/: writing the change log and the evidence. */
#ifndef SONGBOOKD_STORE_CHANGES_H
#define SONGBOOKD_STORE_CHANGES_H

#include "song/song.h"
#include "store/stmt.h"

/* Who changes what, for the rows of one batch. */
struct change_log {
    int64_t batch;         /* 0 until the first row is written, or a batch to join */
    const char *actor;     /* "person", "worker", "scan" */
    const char *source;    /* or NULL */
    int64_t undoes;        /* batch this one takes back, or 0 */
    int64_t now_ms;
};
int changes_add(struct db *db, struct change_log *log, int64_t song_id, const char *field, struct slice old_value,
                struct slice new_value, struct err *e);   /* p NULL: no value */
/* One row for each field that differs. */
int changes_add_song(struct db *db, struct change_log *log, const struct song *before, const struct song *after, struct err *e);

/* What of a song is logged: the fields and how they stand, as text. logged_of: -1 for what is only told, not taken back. */
#define LOG_COUNT (FIELD_COUNT + 5)
const char *logged_name(int i);
int logged_of(const char *field);
const char *logged_value(const struct song *s, int i, char out[64]);   /* NULL: none; may be written to out */
void logged_set(struct song *s, int i, const char *text);
bool logged_same(const char *a, const char *b);                        /* NULL equals only NULL */

/* The text field of a song, NULL for FIELD_YEAR. */
char **song_field_text(struct song *s, enum song_field f);

struct evidence_row {      /* borrowed */
    const char *field, *value, *source, *rule, *reason;
    double score;
    bool chosen;           /* takes the mark from the field's other rows */
};
int evidence_put(struct db *db, int64_t song_id, const struct evidence_row *row, int64_t now_ms, struct err *e);
/* Marks the newest row of the field with that value as the present one (none when there is no such row); one that a person
 * refused only where no other says it: after an undo of the refusal. */
int evidence_choose(struct db *db, int64_t song_id, const char *field, const char *value, struct err *e);
/* The value of a source for a field: *value is new memory, or NULL when there is none; *score (may be NULL) its score when it
 * exists. 0 or ERR_: a value that could not be read is not one that is empty. */
int evidence_value(struct db *db, int64_t song_id, const char *field, const char *source, char **value, double *score,
                   struct err *e);

/* Takes a song off the queue, whatever its state there. */
int queue_drop(struct db *db, int64_t song_id, struct err *e);
/* Nobody waits for the song any more (songs.wanted): it was decided or answered. */
int queue_unwant(struct db *db, struct song *s, struct err *e);
/* Ends the asking for a song: failed with "gave_up" unless it stands better, off the queue, counted. */
int queue_give_up(struct db *db, int64_t song_id, int64_t now_ms, struct err *e);

#endif
