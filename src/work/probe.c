/* Hints, young files, and the look at one path; see probe.h. */
#include "work/probe.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "song/song.h"
#include "work/walk.h"

void probe_deinit(struct probe *p)
{
    free(p->path);
    p->path = NULL;
}

/* --- the look (pool) -------------------------------------------------------------------- */

/* The path with another extension, when such a file is there. */
static bool sibling(const struct probe *p, size_t stem_end, const char *const *extensions, char out[PATH_MAX])
{
    struct stat st;

    for (int i = 0; extensions[i]; i++) {
        size_t n = strlen(extensions[i]);
        if (stem_end + n >= PATH_MAX)
            continue;
        memcpy(out, p->path, stem_end);
        memcpy(out + stem_end, extensions[i], n + 1);
        if (stat(out, &st) == 0 && S_ISREG(st.st_mode))
            return true;
    }
    return false;
}

static const char *const for_cdg[] = {".mp3", ".MP3", NULL};
static const char *const for_ass[] = {".mp4", ".MP4", NULL};
static const char *const cdgs[] = {".cdg", ".CDG", NULL};
static const char *const asses[] = {".ass", ".ASS", NULL};

/* Companions with the very same stem only: other spellings are the next full scan's, which reads whole directories. */
static int format_by_look(const struct probe *p, const struct song_file *f, size_t stem_end)
{
    char other[PATH_MAX];

    if (strcmp(f->extension, "mp3") == 0 && sibling(p, stem_end, cdgs, other))
        return format_of("cdg");
    if (strcmp(f->extension, "mp4") == 0 && sibling(p, stem_end, asses, other))
        return format_of("ass");
    return format_of(f->extension);
}

static bool is_complete(struct probe *p, const struct stat *st, int64_t now_ms)
{
    int64_t mtime_ms = walk_mtime_ms(st);

    if (p->seen_ms == 0 || p->seen_ms > now_ms || p->size != (int64_t)st->st_size || p->mtime_ms != mtime_ms)
        p->seen_ms = now_ms;
    p->size = (int64_t)st->st_size;
    p->mtime_ms = mtime_ms;
    return probe_due_ms(p) <= now_ms;
}

/* Follows a companion to its song; false when there is none. */
static bool follow_companion(struct probe *p, struct song_file *f, struct stat *st)
{
    bool cdg = strcmp(f->extension, "cdg") == 0, ass = strcmp(f->extension, "ass") == 0;
    char song[PATH_MAX];

    if (!cdg && !ass)
        return true;
    if (!sibling(p, (size_t)(f->stem.p + f->stem.n - p->path), cdg ? for_cdg : for_ass, song) || stat(song, st) != 0)
        return false;
    free(p->path);
    p->path = mem_strdup(song);
    p->hash = hash_bytes(slice_of(song), 0);
    p->seen_ms = 0;
    song_file_split(slice_of(p->path), f);
    return S_ISREG(st->st_mode);
}

void probe_look(struct probe *p, int64_t now_ms)
{
    struct song_file f;
    struct stat st, link;

    p->result = PROBE_NOTHING;
    if (stat(p->path, &st) != 0)
        return;
    if (S_ISDIR(st.st_mode)) {
        p->result = lstat(p->path, &link) == 0 && S_ISLNK(link.st_mode) ? PROBE_LINK : PROBE_DIR;
        return;
    }
    song_file_split(slice_of(p->path), &f);
    if (!S_ISREG(st.st_mode) || song_name_ignored(f.base) || !follow_companion(p, &f, &st) ||
        !song_extension_ok(f.extension) || song_name_ignored(f.base))
        return;
    p->format = format_by_look(p, &f, (size_t)(f.stem.p + f.stem.n - p->path));
    p->result = is_complete(p, &st, now_ms) ? PROBE_FILE : PROBE_YOUNG;
}

int64_t probe_due_ms(const struct probe *p)
{
    /* a time in the future says nothing: then two equal looks do */
    return (p->mtime_ms > p->seen_ms ? p->seen_ms : p->mtime_ms) + FILE_YOUNG_MS;
}

/* --- the lists (loop) ------------------------------------------------------------------- */

void probes_deinit(struct probes *ps)
{
    probes_drop_hints(ps);
    for (size_t i = 0; i < ps->n_young; i++)
        probe_deinit(&ps->young[i]);
    free(ps->hints);
    free(ps->young);
    *ps = (struct probes){0};
}

void probes_drop_hints(struct probes *ps)
{
    for (size_t i = 0; i < ps->n_hints; i++)
        probe_deinit(&ps->hints[i]);
    ps->n_hints = 0;
}

static size_t find(const struct probe *list, size_t n, uint64_t hash, const char *path, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].hash == hash && strncmp(list[i].path, path, len) == 0 && list[i].path[len] == '\0')
            return i;
    return n;
}

bool probes_hint(struct probes *ps, struct slice path)
{
    uint64_t hash = hash_bytes(path, 0);

    if (find(ps->hints, ps->n_hints, hash, path.p, path.n) < ps->n_hints)
        return true;
    if (ps->n_hints == HINTS_MAX)
        return false;
    if (!ps->hints)
        ps->hints = mem_alloc(HINTS_MAX * sizeof *ps->hints);
    ps->hints[ps->n_hints++] = (struct probe){.path = mem_strndup(path.p, path.n), .hash = hash};
    return true;
}

static void note_due(struct probes *ps, const struct probe *p)
{
    int64_t due = probe_due_ms(p);

    if (ps->n_young == 1 || due < ps->due_ms)
        ps->due_ms = due;
}

bool probes_add_young(struct probes *ps, struct probe p)
{
    size_t at;

    p.hash = hash_bytes(slice_of(p.path), 0);
    at = find(ps->young, ps->n_young, p.hash, p.path, strlen(p.path));
    if (at < ps->n_young) {
        if (ps->young[at].size == p.size && ps->young[at].mtime_ms == p.mtime_ms)
            p.seen_ms = ps->young[at].seen_ms;
        probe_deinit(&ps->young[at]);
        ps->young[at] = p;
        ps->due_stale = true;
        return true;
    }
    if (ps->n_young == YOUNG_MAX) {
        probe_deinit(&p);
        return false;
    }
    if ((ps->n_young & (ps->n_young - 1)) == 0)
        ps->young = mem_realloc(ps->young, (ps->n_young ? ps->n_young * 2 : 1) * sizeof *ps->young);
    ps->young[ps->n_young++] = p;
    note_due(ps, &p);
    return true;
}

static struct probe take_young(struct probes *ps, size_t at)
{
    struct probe p = ps->young[at];

    ps->young[at] = ps->young[--ps->n_young];
    ps->due_stale = true;
    if (ps->n_young == 0) {
        free(ps->young);
        ps->young = NULL;
    }
    return p;
}

size_t probes_take(struct probes *ps, int64_t now_ms, struct probe *out, size_t max)
{
    size_t n = 0, taken;

    for (taken = 0; taken < ps->n_hints && n < max; taken++) {
        struct probe p = ps->hints[taken];
        size_t at = find(ps->young, ps->n_young, p.hash, p.path, strlen(p.path));
        if (at < ps->n_young) {
            probe_deinit(&p);
            p = take_young(ps, at);
        }
        out[n++] = p;
    }
    ps->n_hints -= taken;
    if (taken && ps->n_hints)
        memmove(ps->hints, ps->hints + taken, ps->n_hints * sizeof *ps->hints);
    for (size_t i = 0; i < ps->n_young && n < max;)
        if (probe_due_ms(&ps->young[i]) <= now_ms || ps->young[i].seen_ms > now_ms)   /* or the clock was set back */
            out[n++] = take_young(ps, i);
        else
            i++;
    return n;
}

int64_t probes_due_ms(struct probes *ps)
{
    if (ps->n_young == 0)
        return -1;
    for (size_t i = 0; ps->due_stale && i < ps->n_young; i++)
        if (i == 0 || probe_due_ms(&ps->young[i]) < ps->due_ms)
            ps->due_ms = probe_due_ms(&ps->young[i]);
    ps->due_stale = false;
    return ps->due_ms;
}
