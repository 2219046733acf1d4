/* The picture of PiKaraoke's rows; see mirror.h. */
#include "work/mirror.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

struct row {
    int64_t id;
    uint64_t hash;         /* of path and made; 0 differs from all */
};

struct mirror {
    struct row *rows;
    size_t n, cap;
    uint64_t seed;
};

static struct mirror *mirror_with(uint64_t seed)
{
    struct mirror *m = mem_zalloc(sizeof *m);

    m->seed = seed;
    return m;
}

struct mirror *mirror_new(void)
{
    return mirror_with(hash_seed());
}

void mirror_free(struct mirror *m)
{
    if (m)
        free(m->rows);
    free(m);
}

static uint64_t hash_of(const struct mirror *m, const char *path, const char *made)
{
    return path && made ? hash_bytes(slice_of(path), hash_bytes(slice_of(made), m->seed)) | 1 : 0;
}

static void add(struct mirror *m, int64_t id, uint64_t hash)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap + m->cap / 2 : 256;
        m->rows = mem_realloc(m->rows, m->cap * sizeof *m->rows);
    }
    m->rows[m->n++] = (struct row){id, hash};
}

void mirror_add(struct mirror *m, int64_t id, const char *path, const char *made)
{
    if (m->n == 0 || m->rows[m->n - 1].id < id)
        add(m, id, hash_of(m, path, made));
}

size_t mirror_count(const struct mirror *m)
{
    return m->n;
}

void mirror_begin(struct mirror_pass *p, const struct mirror *old)
{
    *p = (struct mirror_pass){.old = old, .next = mirror_with(old->seed)};
}

bool mirror_compare(struct mirror_pass *p, int64_t id, const char *path, const char *made, void (*gone)(void *arg, int64_t id),
                    void *arg)
{
    uint64_t hash = hash_of(p->old, path, made);

    add(p->next, id, hash);
    for (; p->at < p->old->n && p->old->rows[p->at].id < id; p->at++)
        gone(arg, p->old->rows[p->at].id);
    if (p->at < p->old->n && p->old->rows[p->at].id == id)
        return p->old->rows[p->at++].hash != hash || hash == 0;
    return true;
}

void mirror_end(struct mirror_pass *p, void (*gone)(void *arg, int64_t id), void *arg)
{
    for (; p->at < p->old->n; p->at++)
        gone(arg, p->old->rows[p->at].id);
}
