/* PiKaraoke's own database (pikaraoke.db): finding out what it is, noticing changes, reading its rows. See db.h for the rules of
 * the room: everything here blocks and runs on a pool thread, inside a dbq_beside operation, one at a time.
 *
 * The file belongs to PiKaraoke, which stands still while it is locked and ends when that lasts five seconds. So: it is
 * never created; reading holds no snapshot longer than one slice of rows; without publishing neither the file nor its log is
 * written, and no file is made beside it. While no log (-wal) exists, nobody has it open, and it is read as a file at rest.
 */
#ifndef SONGBOOKD_STORE_PK_H
#define SONGBOOKD_STORE_PK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define PK_ROWS_MAX 1000           /* rows of one slice */
#define PK_MADE_BYTES 24           /* created_at as text, NUL included */

/* Whose schema it is; by its columns and user_version. */
enum pk_profile {
    PK_PROFILE_NONE,               /* not looked at */
    PK_PROFILE_V1,                 /* releases 1.20 to 1.22: may be published to */
    PK_PROFILE_V2,                 /* has a metadata worker of its own: only what that gave up on */
    PK_PROFILE_FORK,               /* fills the same columns itself: read only */
    PK_PROFILE_UNKNOWN             /* read only */
};
const char *pk_profile_name(enum pk_profile p);    /* "none", "v1", "v2", "fork", "unknown" */

enum pk_state {
    PK_ABSENT,                     /* there is no such file (yet) */
    PK_UNREADY,                    /* PiKaraoke has not set it up, or is busy doing so */
    PK_REFUSED,                    /* it must not or cannot be opened: why says it */
    PK_READABLE
};

struct pk_look {                   /* what pk_look found; folder is owned: pk_look_deinit */
    enum pk_state state;
    enum pk_profile profile;
    int64_t user_version;
    char *folder;                  /* its library folder, or NULL */
    bool changed;                  /* something was written since the last look; true at the first one */
    bool replaced;                 /* another file stands at the path */
    bool playing;                  /* a song is being played, as its play history has it */
    bool writable;                 /* opened for publishing */
    int64_t rows;                  /* of songs; counted when something changed, else -1 */
    char why[240];                 /* for a person: why it is not readable; "" */
    char unpublishable[240];       /* for a person: why nothing can be published to it; "" */
};
void pk_look_deinit(struct pk_look *l);

struct pk;
struct pk *pk_new(const char *path);               /* opens nothing */
void pk_free(struct pk *pk);                       /* closes; NULL is fine */
/* Opens when it can be, notices changes (PRAGMA data_version, no disk access) and another file at the path. publish: open for
 * writing, as far as the profile, the owner and the file system allow. now_ms is wall time. */
void pk_look(struct pk *pk, bool publish, int64_t now_ms, struct pk_look *out);

struct pk_row {                    /* borrowed */
    int64_t id;
    const char *path, *format;
    const char *made;              /* created_at: with the id it tells a row from that of a later, reset database */
};
/* Rows with id > after, at most PK_ROWS_MAX, by growing id, in one short read. Returns how many, or ERR_: ERR_BUSY try again,
 * ERR_STALE the file was replaced or changed under a reading at rest: look first; ERR_DATABASE it is damaged: ids that do not
 * grow would be read for ever. */
int pk_rows(struct pk *pk, int64_t after, void (*row)(const struct pk_row *r, void *arg), void *arg, struct err *e);

struct pk_sung {
    int64_t row_id;
    int64_t times;
};
/* How often the songs were sung whose plays follow play *after: one entry for each song that has one of the next PK_PLAYS_MAX
 * plays, with the number of all its plays. *after becomes the last of these plays. Returns how many entries (at most
 * PK_PLAYS_MAX: out has room for them); *end says that no play follows. An older PiKaraoke that keeps no plays: none, at the end.
 * ERR_ as pk_rows. */
#define PK_PLAYS_MAX 500
int pk_plays(struct pk *pk, int64_t *after, struct pk_sung *out, bool *end, struct err *e);

/* True for file systems on which a write-ahead log cannot be shared (NFS, SMB, 9p, FUSE ...), by statfs' f_type. */
bool pk_is_network(long f_type);
/* By user_version and the names of the columns of songs, NULL-terminated. Pure. */
enum pk_profile pk_profile_of(int64_t user_version, const char *const *columns);

#endif
