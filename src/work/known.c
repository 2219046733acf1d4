/* The table of stored songs that a scan compares the disk with; see known.h.
 *
 * Rows stand in one array in the order of their ids; an index of 32-bit slots with linear probing finds them by hash.
 */
#include "work/known.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

void folders_init(struct folders *f, const char *const *paths)
{
    int n = 0;

    while (paths && paths[n])
        n++;
    if (n > FOLDERS_MAX) {
        log_error("scan", "only the first %d folders are used folders=%d", FOLDERS_MAX, n);
        n = FOLDERS_MAX;
    }
    f->path = mem_alloc(sizeof *f->path * (size_t)(n + 1));
    f->len = mem_alloc(sizeof *f->len * (size_t)(n + 1));
    f->n = n;
    memset(f->left_out, 0, sizeof f->left_out);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(paths[i]);
        while (len && paths[i][len - 1] == '/')
            len--;
        f->path[i] = mem_strndup(paths[i], len);
        f->len[i] = len;
    }
}

void folders_deinit(struct folders *f)
{
    for (int i = 0; i < f->n; i++)
        free(f->path[i]);
    for (int i = 0; i < FOLDERS_LEFT_OUT; i++)
        free(f->left_out[i]);
    free(f->path);
    free(f->len);
    *f = (struct folders){0};
}

int folders_of(const struct folders *f, struct slice path)
{
    int best = -1;

    for (int i = 0; i < f->n; i++) {
        if (path.n <= f->len[i] || path.p[f->len[i]] != '/' || memcmp(path.p, f->path[i], f->len[i]) != 0)
            continue;
        if (best < 0 || f->len[i] > f->len[best])
            best = i;
    }
    return best;
}

void folders_leave_out(struct folders *f, const char *const paths[FOLDERS_LEFT_OUT])
{
    for (int i = 0; i < FOLDERS_LEFT_OUT; i++) {
        size_t n = paths[i] ? strlen(paths[i]) : 0;
        while (n && paths[i][n - 1] == '/')
            n--;
        free(f->left_out[i]);
        f->left_out[i] = paths[i] ? mem_strndup(paths[i], n) : NULL;
    }
}

bool folders_is_left_out(const struct folders *f, struct slice path)
{
    for (int i = 0; i < FOLDERS_LEFT_OUT; i++) {
        size_t n = f->left_out[i] ? strlen(f->left_out[i]) : 0;
        if (f->left_out[i] && path.n >= n && memcmp(path.p, f->left_out[i], n) == 0 && (path.n == n || path.p[n] == '/'))
            return true;
    }
    return false;
}

static const char *const formats[] = {"", "mp4", "mp3", "zip", "mkv", "avi", "webm", "mov", "cdg", "ass"};

const char *format_name(int format)
{
    return format >= 0 && format < (int)ARRAY_LEN(formats) ? formats[format] : "";
}

int format_of(const char *name)
{
    for (size_t i = 1; name && i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i], name) == 0)
            return (int)i;
    return 0;
}

struct known {
    const struct folders *folders;
    uint64_t seed;
    struct known_row *rows;
    size_t n, cap;
    uint32_t *slots;         /* row number + 1; 0 is free */
    size_t n_slots;          /* a power of two */
};

struct known *known_new(const struct folders *folders)
{
    struct known *k = mem_zalloc(sizeof *k);

    k->folders = folders;
    k->seed = hash_seed();
    return k;
}

void known_free(struct known *k)
{
    if (!k)
        return;
    free(k->rows);
    free(k->slots);
    free(k);
}

static void put_slot(struct known *k, size_t row)
{
    size_t at = k->rows[row].hash & (k->n_slots - 1);

    while (k->slots[at])
        at = (at + 1) & (k->n_slots - 1);
    k->slots[at] = (uint32_t)row + 1;
}

static void grow(struct known *k)
{
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap + k->cap / 2 : 1024;
        k->rows = mem_realloc(k->rows, k->cap * sizeof *k->rows);
    }
    if ((k->n + 1) * 4 <= k->n_slots * 3)
        return;
    free(k->slots);
    k->n_slots = k->n_slots ? k->n_slots * 2 : 2048;
    k->slots = mem_zalloc(k->n_slots * sizeof *k->slots);
    for (size_t i = 0; i < k->n; i++)
        put_slot(k, i);
}

void known_add(struct known *k, const struct song_stamp *s)
{
    int folder = folders_of(k->folders, s->path);

    if (k->n == UINT32_MAX - 1)
        bug("more songs than a scan can hold");
    grow(k);
    k->rows[k->n] = (struct known_row){
        .hash = hash_bytes(s->path, k->seed),
        .size = s->size,
        .mtime_ms = s->mtime_ms,
        .id = (uint64_t)s->id & 0xffffffffffu,
        .folder = folder < 0 ? KNOWN_OUTSIDE : (unsigned)folder & 0xfffu,
        .format = (unsigned)format_of(s->format) & 0x1fu,
        .present = s->present,
        .seen = s->followed,           /* not ours to call missing */
    };
    put_slot(k, k->n++);
}

size_t known_count(const struct known *k)
{
    return k->n;
}

uint64_t known_hash(const struct known *k, struct slice path)
{
    uint64_t hash = hash_bytes(path, k->seed);

    if (k->n)
        __builtin_prefetch(&k->slots[hash & (k->n_slots - 1)]);
    return hash;
}

void known_fetch(const struct known *k, uint64_t hash)
{
    uint32_t slot = k->n ? k->slots[hash & (k->n_slots - 1)] : 0;

    if (slot)
        __builtin_prefetch(&k->rows[slot - 1], 1);
}

struct known_row *known_find_hash(const struct known *k, uint64_t hash)
{
    if (k->n == 0)
        return NULL;
    for (size_t at = hash & (k->n_slots - 1); k->slots[at]; at = (at + 1) & (k->n_slots - 1))
        if (k->rows[k->slots[at] - 1].hash == hash)
            return &k->rows[k->slots[at] - 1];
    return NULL;
}

struct known_row *known_by_id(const struct known *k, int64_t id)
{
    size_t lo = 0, hi = k->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if ((int64_t)k->rows[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < k->n && (int64_t)k->rows[lo].id == id ? &k->rows[lo] : NULL;
}

void known_tally(const struct known *k, struct known_tally *tally)
{
    memset(tally, 0, sizeof *tally * (size_t)k->folders->n);
    for (size_t i = 0; i < k->n; i++) {
        const struct known_row *r = &k->rows[i];
        if (!r->present || r->folder == KNOWN_OUTSIDE)
            continue;
        tally[r->folder].present++;
        tally[r->folder].missing += !r->seen;
    }
}

size_t known_missing(const struct known *k, const bool *take, int64_t **ids)
{
    size_t n = 0, cap = 0;

    *ids = NULL;
    for (size_t i = 0; i < k->n; i++) {
        const struct known_row *r = &k->rows[i];
        if (!r->present || r->seen || (r->folder != KNOWN_OUTSIDE && !take[r->folder]))
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 64;
            *ids = mem_realloc(*ids, cap * sizeof **ids);
        }
        (*ids)[n++] = (int64_t)r->id;
    }
    return n;
}
