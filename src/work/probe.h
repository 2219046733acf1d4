/* Single paths: hints that wait, young files that are waited for, and the look at one path.
 *
 * A probe is one path with what was seen at the last look, if there was one. Lists live on the loop thread; probe_look
 * runs on the pool with a probe that was taken out of them.
 */
#ifndef SONGBOOKD_WORK_PROBE_H
#define SONGBOOKD_WORK_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define HINTS_MAX 1024
#define YOUNG_MAX 4096

enum probe_result {
    PROBE_NOTHING,       /* gone, or nothing that a scan would list */
    PROBE_FILE,          /* a complete song file */
    PROBE_YOUNG,         /* a song file, not complete yet */
    PROBE_DIR,           /* a directory */
    PROBE_LINK           /* a link to a directory: only a full scan may follow it */
};

struct probe {
    char *path;          /* owned */
    uint64_t hash;       /* of path, for the lists */
    /* the last look; seen_ms is the wall time at which size and mtime had this value first, 0 never */
    int64_t size, mtime_ms, seen_ms;
    int format;
    enum probe_result result;
};
void probe_deinit(struct probe *p);
/* Looks at the path; a companion's path becomes its song's. Blocks. now_ms is wall time. */
void probe_look(struct probe *p, int64_t now_ms);
/* Wall time at which a file seen so will be complete when nobody touches it. */
int64_t probe_due_ms(const struct probe *p);

struct probes {          /* zero-initialise */
    struct probe *hints, *young;
    size_t n_hints, n_young;
    int64_t due_ms;      /* at or before the earliest due time of a young file; exact unless due_stale */
    bool due_stale;
};
void probes_deinit(struct probes *ps);
/* Adds a path unless it waits already. False when the list is full. */
bool probes_hint(struct probes *ps, struct slice path);
void probes_drop_hints(struct probes *ps);
/* Takes p; a young file of that path keeps the time of its first equal look. False (and p is freed) when the list is full. */
bool probes_add_young(struct probes *ps, struct probe p);
/* Moves hints and due young files to out, at most max; returns how many. */
size_t probes_take(struct probes *ps, int64_t now_ms, struct probe *out, size_t max);
/* The earliest due wall time of a young file; -1 when there is none. */
int64_t probes_due_ms(struct probes *ps);

#endif
