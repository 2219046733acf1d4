/* Any bytes as PiKaraoke's database: looked at, judged and read to the end, or refused with a reason. Never a crash, a leak or a
 * reading without end.
 *
 * The first byte tells how: 1 for publishing, 2 with an (empty) write-ahead log beside it, as if PiKaraoke ran, 4 changed to
 * nothing between the look and the rows. The rest is the file. The seeds are databases of 512-byte pages, one per profile:
 * test/fuzz/make_seeds_pk. By hand:
 *   build-fuzz/test/fuzz/fuzz_pk -max_len=20000 test/fuzz/seeds_pk
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "store/pk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1790000000000)
#define SLICES_MAX 40      /* a file of some kilobytes holds fewer rows than that */

#define MUST(x) \
    do { \
        if (!(x)) \
            bug("does not hold: " #x); \
    } while (0)

struct place {
    char dir[64], path[96], log[104], shm[104];
};

static void leave(void);
static struct place here;

static const struct place *place(void)
{
    if (here.dir[0])
        return &here;
    snprintf(here.dir, sizeof here.dir, "%s/songbook-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(here.dir) != NULL);
    snprintf(here.path, sizeof here.path, "%s/pikaraoke.db", here.dir);
    snprintf(here.log, sizeof here.log, "%s-wal", here.path);
    snprintf(here.shm, sizeof here.shm, "%s-shm", here.path);
    atexit(leave);
    log_set_level(LOG_ERROR);
    return &here;
}

static void leave(void)
{
    unlink(here.path);
    unlink(here.log);
    unlink(here.shm);
    rmdir(here.dir);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void take_row(const struct pk_row *r, void *arg)
{
    int64_t *last = arg;

    MUST(r->id > *last);
    *last = r->id;
    /* what a caller does with them: each is text or NULL */
    MUST((r->path ? strlen(r->path) : 0) + (r->format ? strlen(r->format) : 0) + (r->made ? strlen(r->made) : 0) < SIZE_MAX / 2);
}

static void read_rows(struct pk *pk)
{
    int64_t last = 0;
    int n = PK_ROWS_MAX;

    for (int i = 0; n == PK_ROWS_MAX; i++) {
        struct err e = {0};
        MUST(i < SLICES_MAX);
        n = pk_rows(pk, last, take_row, &last, &e);
        MUST(n <= PK_ROWS_MAX && (n >= 0 || err_text(&e)[0]));
    }
}

static void read_plays(struct pk *pk)
{
    static struct pk_sung sung[PK_PLAYS_MAX];
    int64_t after = 0, before;
    bool end = false;

    for (int i = 0; !end; i++) {
        struct err e = {0};
        int n;
        MUST(i < SLICES_MAX);
        before = after;
        n = pk_plays(pk, &after, sung, &end, &e);
        MUST(n <= PK_PLAYS_MAX && (n >= 0 || err_text(&e)[0]));
        MUST(end || n < 0 || after > before);
        if (n < 0)
            break;
    }
}

static void check_look(const struct pk_look *l, bool publish)
{
    MUST((l->state == PK_READABLE) == (l->why[0] == '\0'));
    MUST(utf8_valid(slice_of(l->why)) && utf8_valid(slice_of(l->unpublishable)));
    MUST(!l->writable || (publish && !l->unpublishable[0] && l->state == PK_READABLE));
    MUST(!l->writable || l->profile == PK_PROFILE_V1 || l->profile == PK_PROFILE_V2);
    MUST(!l->folder || l->folder[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct place *p = place();
    bool publish, readable;
    struct pk_look look;
    struct pk *pk;

    if (size < 1)
        return 0;
    publish = data[0] & 1;
    unlink(p->log);
    unlink(p->shm);
    write_file(p->path, data + 1, size - 1);
    if (data[0] & 2)
        write_file(p->log, NULL, 0);
    pk = pk_new(p->path);
    pk_look(pk, publish, NOW, &look);
    check_look(&look, publish);
    readable = look.state == PK_READABLE;
    pk_look_deinit(&look);
    if (data[0] & 4)
        write_file(p->path, NULL, 0);
    if (readable)
        read_rows(pk);
    if (readable)
        read_plays(pk);
    pk_look(pk, publish, NOW + 1000, &look);
    check_look(&look, publish);
    pk_look_deinit(&look);
    pk_free(pk);
    return 0;
}
