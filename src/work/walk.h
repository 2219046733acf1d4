/* Walking directories: the disk side of a scan, without loop and without SQLite.
 *
 * walk_run does one bounded piece of work (about 20 ms or 500 files to report) and is called again until it says it is done; it
 * blocks on the disk, so it belongs on a pool thread. Only one thread uses a walk at a time.
 * A directory is read whole before its files are looked at, because a companion (.cdg of an .mp3, .ass of an .mp4) may
 * come after its song. Real directories come first; linked ones after all of them, each place once,
 * so that loops end and a song keeps its real path. Files are never opened.
 */
#ifndef SONGBOOKD_WORK_WALK_H
#define SONGBOOKD_WORK_WALK_H

#include <sys/stat.h>

#include "work/known.h"

#define WALK_FILES 500                /* reported by one piece */
#define WALK_MS 20
#define WALK_DEPTH_MAX 64
#define FILE_YOUNG_MS 2000            /* a file is complete when it was left alone for so long */

enum folder_state {
    FOLDER_UNKNOWN,                   /* not looked at yet */
    FOLDER_OK,
    FOLDER_EMPTY,                     /* there, without any entry: perhaps a mount point */
    FOLDER_GONE,
    FOLDER_UNREADABLE
};

struct walk_file {                    /* a file that is new, changed or back */
    char *path;
    int64_t size, mtime_ms;
    int64_t id;                       /* of its row; 0 none, or unknown when walked without a table */
    int format;
    int folder;
    bool present;                     /* as the row says */
    bool young;                       /* not complete yet */
};
struct walk_dir { char *path; int wd; };   /* a directory that was entered, and its inotify number (-1 none) */

struct walk_out {                     /* what one piece found; walk_out_deinit, or take the strings and reset the counts */
    struct walk_file *files;
    size_t n_files, cap_files;
    struct walk_dir *dirs;
    size_t n_dirs, cap_dirs;
    uint64_t looked;                  /* song files met */
};
void walk_out_deinit(struct walk_out *out);

struct walk_options {                 /* borrowed for its life */
    const struct folders *folders;
    struct known *known;              /* unchanged songs are marked seen there and not reported; NULL reports every song file */
    int watch_fd;                     /* inotify: each directory is added before it is read; -1 none */
    uint32_t watch_mask;
};

struct walk;
/* All folders. */
struct walk *walk_new(const struct walk_options *o);
/* One directory below a folder and what is in it; linked directories are left alone (walk_met_links). */
struct walk *walk_new_at(const struct walk_options *o, const char *dir);
void walk_free(struct walk *w);       /* NULL is fine */
/* One piece; now_ms is wall time. False when nothing is left. */
bool walk_run(struct walk *w, int64_t now_ms, struct walk_out *out);
/* One piece of reading the first directory's names, which needs no table: o.known may still be filled on another thread.
 * False when there is nothing more to read ahead. */
bool walk_read_ahead(struct walk *w, struct walk_out *out);

enum folder_state walk_folder(const struct walk *w, int folder);
bool walk_met_links(const struct walk *w);
/* Directories that could not be read (or were refused): how many, and the first for a person. */
size_t walk_failures(const struct walk *w, const char **first);
/* True when the path lies in one of them: nothing is known about it. */
bool walk_failed_at(const struct walk *w, struct slice path);
/* Directories that inotify refused. */
size_t walk_unwatched(const struct walk *w);

/* The state of a folder by one quick look. Blocks. */
enum folder_state walk_look_folder(const char *folder);
int64_t walk_mtime_ms(const struct stat *st);

#endif
