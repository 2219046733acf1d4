/* Reading songs: one, by path, and the scan's view; see songs.h. Pages are in songs_page.c. Pool threads only. */
#include "store/songs.h"

#include "store/song_row.h"

int songs_get(struct db *db, int64_t id, struct song *out, struct err *e)
{
    return song_row_load(db, id, out, e);
}

int songs_find_path(struct db *db, struct slice path, int64_t *id, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id FROM songs WHERE file_path = ?", e);
    int rc;

    stmt_bytes(&s, path);
    rc = stmt_run_int(&s, id);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no song of that path");
    return rc < 0 ? rc : 0;
}

static int64_t give_stamps(struct stmt *s, void (*row)(const struct song_stamp *s, void *arg), void *arg)
{
    int64_t last = 0;

    while (stmt_row(s)) {
        struct song_stamp v = {.id = col_int(s, 0), .path = col_slice(s, 1), .size = col_int(s, 2), .mtime_ms = col_int(s, 3),
                               .format = col_text(s, 4), .youtube_id = col_text(s, 5), .present = col_int(s, 6) != 0,
                               .followed = col_int(s, 7) != 0};
        last = v.id;
        row(&v, arg);
    }
    return last;
}

int songs_stamps(struct db *db, int64_t after, int limit, void (*row)(const struct song_stamp *s, void *arg), void *arg,
                 int64_t *last, struct err *e)
{
    struct stmt s = stmt_of(db, "SELECT id, file_path, size, mtime_ms, format, youtube_id, present, pikaraoke_id FROM songs"
                                " WHERE id > ? ORDER BY id LIMIT ?", e);
    int64_t id;

    stmt_int(&s, after);
    stmt_int(&s, limit);
    id = give_stamps(&s, row, arg);
    *last = id ? id : after;
    return stmt_end(&s);
}

struct identity {
    struct slice base;
    int64_t size;
    int left;
    void (*row)(const struct song_stamp *s, void *arg);
    void *arg;
};

/* The hash only finds; the bytes decide. */
static void give_if_same(const struct song_stamp *s, void *arg)
{
    struct identity *want = arg;
    struct song_file split;

    song_file_split(s->path, &split);
    if (want->left > 0 && s->size == want->size && slice_eq(split.base, want->base)) {
        want->left--;
        want->row(s, want->arg);
    }
}

int songs_same_identity(struct db *db, const char *youtube_id, struct slice base, int64_t size,
                        void (*row)(const struct song_stamp *s, void *arg), void *arg, struct err *e)
{
    struct identity want = {.base = base, .size = size, .left = 8, .row = row, .arg = arg};
    struct stmt s;

    if (youtube_id && youtube_id[0]) {
        s = stmt_of(db, "SELECT id, file_path, size, mtime_ms, format, youtube_id, present, pikaraoke_id FROM songs"
                        " WHERE youtube_id = ? ORDER BY present, id LIMIT 8", e);
        stmt_text(&s, youtube_id);
        give_stamps(&s, row, arg);
    } else {
        s = stmt_of(db, "SELECT id, file_path, size, mtime_ms, format, youtube_id, present, pikaraoke_id FROM songs"
                        " WHERE base_hash = ? ORDER BY present, id", e);
        stmt_int(&s, song_base_hash(base));
        give_stamps(&s, give_if_same, &want);
    }
    return stmt_end(&s);
}
