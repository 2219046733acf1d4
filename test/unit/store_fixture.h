/* A fresh songbook.db in a folder of its own, and short ways to put songs in. */
#ifndef SONGBOOKD_TEST_STORE_FIXTURE_H
#define SONGBOOKD_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/counts.h"
#include "store/db.h"
#include "store/songs.h"

#define NOW INT64_C(1700000000000)   /* 2023-11-14T22:13:20Z */
#define DAY INT64_C(86400000)

struct fixture {
    char dir[64];
    char path[96];
    struct db *db;
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    struct err e = {0};

    snprintf(f->dir, sizeof f->dir, "/tmp/songbook-test-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/songbook.db", f->dir);
    if (db_open(f->path, &f->db, &e)) {
        print_error("%s\n", e.text);
        return -1;
    }
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    struct fixture *f = *state;
    char name[128];

    db_close(f->db);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", f->path, ends[i]);
        unlink(name);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* Counted numbers must be those of the rows, after whatever a test did. */
static inline void assert_counts_true(struct db *db)
{
    struct counts kept, real;

    assert_int_equal(counts_read(db, &kept, NULL), 0);
    assert_int_equal(counts_recompute(db, &real, NULL), 0);
    assert_memory_equal(&kept, &real, sizeof kept);
}

static inline struct guess guess_of(const char *artist, const char *title, double confidence)
{
    return (struct guess){.artist = (char *)artist, .title = (char *)title, .confidence = confidence, .rule = "separator",
                          .reason = "two parts"};
}

static inline int64_t add_song(struct db *db, const char *path, const char *artist, const char *title)
{
    struct guess g = guess_of(artist, title, 0.65);
    struct found_file file = {.path = slice_of(path), .size = 1000, .mtime_ms = NOW - DAY, .format = "mp4", .guess = &g};
    struct found_result r;

    assert_int_equal(songs_found(db, &file, 1, NOW, &r, NULL), 0);
    assert_true(r.inserted);
    return r.id;
}

#endif
