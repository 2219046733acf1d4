/* Walking directories, the table of known songs, and looking at single paths: real files in a temporary folder, no loop. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "work/probe.h"
#include "work/walk.h"

#define NOW INT64_C(1700000000000)
#define OLD_S 1600000000

static char root[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(root, "/tmp/songbook-walk-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
    char cmd[160];

    (void)state;
    snprintf(cmd, sizeof cmd, "chmod -R u+rwx '%s' && rm -rf '%s'", root, root);
    return system(cmd);
}

static const char *at(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void age(const char *name, int64_t s)
{
    struct timespec ts[2] = {{.tv_sec = s}, {.tv_sec = s}};

    assert_int_equal(utimensat(AT_FDCWD, at(name), ts, 0), 0);
}

static void put(const char *name, const char *text)
{
    int fd = open(at(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    age(name, OLD_S);
}

static void put_dir(const char *name)
{
    assert_int_equal(mkdir(at(name), 0700), 0);
}

static void put_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, at(name)), 0);
}

struct result {
    struct folders folders;
    struct walk *walk;
    struct walk_out out;
    uint64_t looked;
};

static void walk_all(struct result *r, struct known *known, const char *const *paths, int64_t now)
{
    struct walk_options o = {.folders = &r->folders, .known = known, .watch_fd = -1};
    bool more;

    if (!r->folders.path)
        folders_init(&r->folders, paths);
    r->walk = walk_new(&o);
    do {
        size_t before = r->out.n_files;
        more = walk_run(r->walk, now, &r->out);
        assert_true(r->out.n_files <= before + WALK_FILES);
        r->looked += r->out.looked;
        r->out.looked = 0;
    } while (more);
}

static void walk_root(struct result *r)
{
    const char *paths[] = {root, NULL};

    memset(r, 0, sizeof *r);
    walk_all(r, NULL, paths, NOW);
}

static void done(struct result *r)
{
    walk_free(r->walk);
    walk_out_deinit(&r->out);
    folders_deinit(&r->folders);
}

static const struct walk_file *found(const struct result *r, const char *name)
{
    const char *path = at(name);

    for (size_t i = 0; i < r->out.n_files; i++)
        if (strcmp(r->out.files[i].path, path) == 0)
            return &r->out.files[i];
    return NULL;
}

static const char *format_at(const struct result *r, const char *name)
{
    const struct walk_file *f = found(r, name);

    return f ? format_name(f->format) : "not found";
}

/* --- what is a song ----------------------------------------------------------------------- */

static void pairs_are_one_song_whatever_the_case(void **state)
{
    struct result r;

    (void)state;
    put("a - b.mp3", "x");
    put("A - B.CDG", "x");
    put("c - d.mp4", "x");
    put("c - d.ass", "x");
    put("e - f.MP3", "x");
    put("g.mp4", "x");
    put("g.cdg", "x");
    walk_root(&r);
    assert_int_equal(r.out.n_files, 4);
    assert_string_equal(format_at(&r, "a - b.mp3"), "cdg");
    assert_string_equal(format_at(&r, "c - d.mp4"), "ass");
    assert_string_equal(format_at(&r, "e - f.MP3"), "mp3");
    assert_string_equal(format_at(&r, "g.mp4"), "mp4");
    done(&r);
}

static void every_song_extension_is_listed(void **state)
{
    static const char *const names[] = {"1.mp4", "2.mp3", "3.zip", "4.mkv", "5.avi", "6.webm", "7.MOV"};
    struct result r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(names[i], "");
    walk_root(&r);
    assert_int_equal(r.out.n_files, ARRAY_LEN(names));
    assert_string_equal(format_at(&r, "7.MOV"), "mov");
    done(&r);
}

static void unfinished_hidden_and_foreign_files_are_passed_over(void **state)
{
    static const char *const names[] = {".hidden.mp4", "._x.mp4", "x.mp4.part", "x---abcdefghijk.f137.mp4", "x.temp.mp4", "x.txt",
                                        "x.jpg", "noext", ".dir/x.mp4", "lost+found/x.mp4"};
    struct result r;

    (void)state;
    put_dir(".dir");
    put_dir("lost+found");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(names[i], "x");
    assert_int_equal(mkfifo(at("pipe.mp4"), 0600), 0);
    put_dir("dir.mp4");
    walk_root(&r);
    assert_int_equal(r.out.n_files, 0);
    assert_int_equal(walk_folder(r.walk, 0), FOLDER_OK);
    done(&r);
}

static void names_are_bytes(void **state)
{
    static const char *const names[] = {"bad \xff\xfe\x80.mp4", "new\nline.mp4", "quote\"'<b>&.mp4", "\xe2\x80\xaertl.mp4",
                                        "tab\t\x01.mp4"};
    char longest[256];
    struct result r;

    (void)state;
    memset(longest, 'x', 255);
    memcpy(longest + 251, ".mp4", 5);
    put(longest, "x");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(names[i], "x");
    walk_root(&r);
    assert_int_equal(r.out.n_files, ARRAY_LEN(names) + 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(found(&r, names[i]));
    assert_non_null(found(&r, longest));
    done(&r);
}

static void size_and_time_come_with_the_file(void **state)
{
    struct result r;

    (void)state;
    put("a.mp4", "12345");
    walk_root(&r);
    assert_int_equal(found(&r, "a.mp4")->size, 5);
    assert_int_equal(found(&r, "a.mp4")->mtime_ms, OLD_S * INT64_C(1000));
    assert_false(found(&r, "a.mp4")->young);
    done(&r);
}

static void a_file_touched_less_than_two_seconds_ago_is_young(void **state)
{
    struct result r;

    (void)state;
    put("now.mp4", "x");
    put("one.mp4", "x");
    put("two.mp4", "x");
    put("future.mp4", "x");
    age("now.mp4", NOW / 1000);
    age("one.mp4", NOW / 1000 - 1);
    age("two.mp4", NOW / 1000 - 2);
    age("future.mp4", NOW / 1000 + 1000);
    walk_root(&r);
    assert_true(found(&r, "now.mp4")->young);
    assert_true(found(&r, "one.mp4")->young);
    assert_false(found(&r, "two.mp4")->young);
    assert_true(found(&r, "future.mp4")->young);
    done(&r);
}

/* --- links, depth, length ------------------------------------------------------------------ */

static void loops_of_links_end_and_real_paths_win(void **state)
{
    struct result r;

    (void)state;
    put_dir("real");
    put("real/a.mp4", "x");
    put_link("real", "alias");
    put_link("..", "real/up");
    put_link(".", "self");
    put_link("nowhere", "broken.mp4");
    walk_root(&r);
    assert_int_equal(r.out.n_files, 1);
    assert_non_null(found(&r, "real/a.mp4"));
    done(&r);
}

static void a_linked_directory_outside_is_followed_once_by_name(void **state)
{
    struct result r = {0};
    char in[PATH_MAX];
    const char *paths[] = {in, NULL};

    (void)state;
    put_dir("in");
    put_dir("out");
    put_dir("out/deep");
    put("out/deep/a.mp4", "x");
    put_link("../out", "in/z");
    put_link("../out", "in/b");
    put_link("../out/deep/a.mp4", "in/file.mp4");
    snprintf(in, sizeof in, "%s", at("in"));
    walk_all(&r, NULL, paths, NOW);
    assert_int_equal(r.out.n_files, 2);
    assert_non_null(found(&r, "in/b/deep/a.mp4"));
    assert_non_null(found(&r, "in/file.mp4"));
    done(&r);
}

static void folders_in_folders_list_each_file_once(void **state)
{
    struct result r = {0};
    char inner[PATH_MAX], slash[PATH_MAX];
    const char *paths[] = {slash, inner, inner, NULL};

    (void)state;
    put_dir("inner");
    put("inner/a.mp4", "x");
    put("b.mp4", "x");
    snprintf(inner, sizeof inner, "%s", at("inner"));
    snprintf(slash, sizeof slash, "%s//", root);
    walk_all(&r, NULL, paths, NOW);
    assert_int_equal(r.out.n_files, 2);
    assert_int_equal(found(&r, "inner/a.mp4")->folder, 1);
    assert_int_equal(found(&r, "b.mp4")->folder, 0);
    done(&r);
}

static void directories_nested_too_deep_are_refused_and_told(void **state)
{
    struct result r;
    char deep[PATH_MAX] = "d";
    const char *first;

    (void)state;
    put_dir(deep);
    for (int i = 1; i <= WALK_DEPTH_MAX + 1; i++) {
        strcat(deep, "/d");
        put_dir(deep);
    }
    walk_root(&r);
    assert_int_equal(walk_failures(r.walk, &first), 1);
    assert_true(walk_failed_at(r.walk, slice_of(at(deep))));
    done(&r);
}

static void a_path_longer_than_the_system_allows_ends_the_branch(void **state)
{
    char name[251];
    struct result r;
    int fd = open(root, O_RDONLY | O_DIRECTORY), next;

    (void)state;
    memset(name, 'n', 250);
    name[250] = '\0';
    put("a.mp4", "x");
    for (int i = 0; i < 20; i++) {     /* 20 * 251 > PATH_MAX: only reachable step by step */
        assert_int_equal(mkdirat(fd, name, 0700), 0);
        next = openat(fd, name, O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(fd);
    walk_root(&r);
    assert_int_equal(r.out.n_files, 1);
    done(&r);
}

/* --- folders and failures --------------------------------------------------------------------- */

static void states_of_folders_are_told_apart(void **state)
{
    struct result r = {0};
    char paths[4][PATH_MAX];
    const char *list[] = {paths[0], paths[1], paths[2], paths[3], NULL};

    (void)state;
    put_dir("full");
    put("full/readme", "x");
    put_dir("empty");
    put("file", "x");
    snprintf(paths[0], PATH_MAX, "%s", at("full"));
    snprintf(paths[1], PATH_MAX, "%s", at("empty"));
    snprintf(paths[2], PATH_MAX, "%s", at("file"));
    snprintf(paths[3], PATH_MAX, "%s", at("gone/deeper"));
    walk_all(&r, NULL, list, NOW);
    assert_int_equal(walk_folder(r.walk, 0), FOLDER_OK);
    assert_int_equal(walk_folder(r.walk, 1), FOLDER_EMPTY);
    assert_int_equal(walk_folder(r.walk, 2), FOLDER_GONE);
    assert_int_equal(walk_folder(r.walk, 3), FOLDER_GONE);
    for (int i = 0; i < 4; i++)
        assert_int_equal(walk_look_folder(list[i]), walk_folder(r.walk, i));
    done(&r);
}

static void an_unreadable_directory_is_told(void **state)
{
    struct result r;
    const char *first;

    (void)state;
    put_dir("closed");
    put("closed/a.mp4", "x");
    put("b.mp4", "x");
    assert_int_equal(chmod(root, 0755), 0);
    assert_int_equal(chmod(at("closed"), 0), 0);
    if (geteuid() == 0 && seteuid(65534) != 0) {      /* root reads everything */
        print_message("skipped: root cannot become another user here\n");
        skip();
    }
    walk_root(&r);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(r.out.n_files, 1);
    assert_int_equal(walk_failures(r.walk, &first), 1);
    assert_string_equal(first, at("closed"));
    assert_true(walk_failed_at(r.walk, slice_of(at("closed/a.mp4"))));
    assert_false(walk_failed_at(r.walk, slice_of(at("closed2/a.mp4"))));
    done(&r);
}

static void large_directories_come_in_pieces(void **state)
{
    struct result r;
    char name[32];

    (void)state;
    for (int i = 0; i < 1234; i++) {
        snprintf(name, sizeof name, "%04d.mp4", i);
        put(name, "");
    }
    walk_root(&r);
    assert_int_equal(r.looked, 1234);
    assert_int_equal(r.out.n_files, 1234);
    for (int i = 0; i < 1234; i++) {
        snprintf(name, sizeof name, "%04d.mp4", i);
        assert_string_equal(r.out.files[i].path, at(name));
    }
    done(&r);
}

/* --- the table ---------------------------------------------------------------------------------- */

static struct song_stamp stamp_of(int64_t id, const char *name, int64_t size, const char *format, bool present)
{
    return (struct song_stamp){.id = id, .path = slice_of(at(name)), .size = size, .mtime_ms = OLD_S * INT64_C(1000),
                               .format = format, .present = present};
}

static void only_differences_to_the_table_are_reported(void **state)
{
    static const struct { const char *name; int64_t size; const char *format; bool present; } rows[] = {
        {"same.mp4", 1, "mp4", true},   {"grown.mp4", 9, "mp4", true}, {"pair.mp3", 1, "mp3", true},
        {"back.mp4", 1, "mp4", false},  {"gone.mp4", 1, "mp4", true},  {"long gone.mp4", 1, "mp4", false},
    };
    const char *paths[] = {root, NULL};
    struct result r = {0};
    struct known_tally tally[1];
    struct known *k;
    int64_t *missing;
    bool take[1] = {true};

    (void)state;
    folders_init(&r.folders, paths);
    k = known_new(&r.folders);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct song_stamp s = stamp_of((int64_t)i + 10, rows[i].name, rows[i].size, rows[i].format, rows[i].present);
        known_add(k, &s);
    }
    put("same.mp4", "x");
    put("grown.mp4", "x");
    put("pair.mp3", "x");
    put("pair.cdg", "x");
    put("back.mp4", "x");
    put("new.mp4", "x");
    walk_all(&r, k, paths, NOW);
    assert_int_equal(r.looked, 5);
    assert_int_equal(r.out.n_files, 4);
    assert_null(found(&r, "same.mp4"));
    assert_int_equal(found(&r, "grown.mp4")->id, 11);
    assert_string_equal(format_at(&r, "pair.mp3"), "cdg");
    assert_int_equal(found(&r, "back.mp4")->id, 13);
    assert_false(found(&r, "back.mp4")->present);
    assert_int_equal(found(&r, "new.mp4")->id, 0);
    known_tally(k, tally);
    assert_int_equal(tally[0].present, 4);
    assert_int_equal(tally[0].missing, 1);
    assert_int_equal(known_missing(k, take, &missing), 1);
    assert_int_equal(missing[0], 14);
    free(missing);
    known_free(k);
    done(&r);
}

static void names_are_read_while_the_table_is_filled(void **state)
{
    const char *paths[] = {root, NULL};
    struct result r = {0};
    struct walk_options o = {.folders = &r.folders, .watch_fd = -1};
    struct song_stamp same;

    (void)state;
    folders_init(&r.folders, paths);
    o.known = known_new(&r.folders);
    put("same.mp4", "x");
    put("new.mp4", "x");
    r.walk = walk_new(&o);
    while (walk_read_ahead(r.walk, &r.out)) {
    }
    assert_false(walk_read_ahead(r.walk, &r.out));
    assert_int_equal(r.out.n_files, 0);
    put("too late.mp4", "x");
    same = stamp_of(10, "same.mp4", 1, "mp4", true);
    known_add(o.known, &same);
    while (walk_run(r.walk, NOW, &r.out)) {
    }
    assert_int_equal(r.out.looked, 2);
    assert_int_equal(r.out.n_files, 1);
    assert_non_null(found(&r, "new.mp4"));
    known_free(o.known);
    done(&r);
}

static struct known_row *row_of(const struct known *k, const char *path)
{
    return known_find_hash(k, known_hash(k, slice_of(path)));
}

static void the_table_finds_each_of_many_rows(void **state)
{
    const char *paths[] = {"/songs", "/songs/more", NULL};
    struct folders f;
    struct known *k;
    char path[64];

    (void)state;
    folders_init(&f, paths);
    k = known_new(&f);
    for (int64_t i = 1; i <= 20000; i++) {
        struct song_stamp s = {.id = i * 3, .size = i, .format = "mp4", .present = true};
        snprintf(path, sizeof path, "%s/%lld.mp4", i % 3 == 0 ? "/songs" : i % 3 == 1 ? "/songs/more" : "/elsewhere",
                 (long long)i);
        s.path = slice_of(path);
        known_add(k, &s);
    }
    assert_int_equal(known_count(k), 20000);
    assert_int_equal(row_of(k, "/songs/9999.mp4")->id, 29997);
    assert_int_equal(row_of(k, "/songs/9999.mp4")->folder, 0);
    assert_int_equal(row_of(k, "/songs/more/10000.mp4")->folder, 1);
    assert_int_equal(row_of(k, "/elsewhere/2.mp4")->folder, KNOWN_OUTSIDE);
    assert_null(row_of(k, "/songs/9999.mp"));
    assert_int_equal(known_by_id(k, 60000)->size, 20000);
    assert_null(known_by_id(k, 4));
    known_free(k);
    folders_deinit(&f);
}

/* --- single paths --------------------------------------------------------------------------------- */

static enum probe_result look(const char *name, int64_t now, struct probe *p)
{
    if (!p->path)
        p->path = mem_strdup(at(name));
    probe_look(p, now);
    return p->result;
}

static enum probe_result look_once(const char *name)
{
    struct probe p = {0};
    enum probe_result result = look(name, NOW, &p);

    probe_deinit(&p);
    return result;
}

static void a_probe_tells_what_a_path_is(void **state)
{
    (void)state;
    put("a.mp4", "x");
    put("b.txt", "x");
    put("c.mp4.part", "x");
    put("alone.cdg", "x");
    put_dir("dir");
    put_link("dir", "link");
    assert_int_equal(look_once("a.mp4"), PROBE_FILE);
    assert_int_equal(look_once("b.txt"), PROBE_NOTHING);
    assert_int_equal(look_once("c.mp4.part"), PROBE_NOTHING);
    assert_int_equal(look_once("alone.cdg"), PROBE_NOTHING);
    assert_int_equal(look_once("gone.mp4"), PROBE_NOTHING);
    assert_int_equal(look_once("dir"), PROBE_DIR);
    assert_int_equal(look_once("link"), PROBE_LINK);
}

static void a_companion_stands_for_its_song(void **state)
{
    struct probe p = {0};

    (void)state;
    put("a.mp3", "xyz");
    put("a.cdg", "x");
    assert_int_equal(look("a.cdg", NOW, &p), PROBE_FILE);
    assert_string_equal(p.path, at("a.mp3"));
    assert_string_equal(format_name(p.format), "cdg");
    assert_int_equal(p.size, 3);
    probe_deinit(&p);
}

static void a_time_in_the_future_needs_two_equal_looks(void **state)
{
    struct probe p = {0};

    (void)state;
    put("a.mp4", "x");
    age("a.mp4", NOW / 1000 + 86400);
    assert_int_equal(look("a.mp4", NOW, &p), PROBE_YOUNG);
    assert_int_equal(look("a.mp4", NOW + 1999, &p), PROBE_YOUNG);
    put("a.mp4", "grown");
    age("a.mp4", NOW / 1000 + 86400);
    assert_int_equal(look("a.mp4", NOW + 2000, &p), PROBE_YOUNG);
    assert_int_equal(look("a.mp4", NOW + 3999, &p), PROBE_YOUNG);
    assert_int_equal(look("a.mp4", NOW + 4000, &p), PROBE_FILE);
    probe_deinit(&p);
}

static void young_files_are_given_out_when_they_are_due(void **state)
{
    struct probes ps = {0};
    struct probe out[4];

    (void)state;
    assert_int_equal(probes_due_ms(&ps), -1);
    for (int i = 0; i < 3; i++) {
        struct probe p = {.path = mem_printf("/s/%d.mp4", i), .size = 1, .mtime_ms = NOW - i * 100, .seen_ms = NOW};
        assert_true(probes_add_young(&ps, p));
    }
    assert_int_equal(probes_due_ms(&ps), NOW + 1800);
    assert_int_equal(probes_take(&ps, NOW + 1799, out, 4), 0);
    assert_int_equal(probes_take(&ps, NOW + 1800, out, 4), 1);
    assert_string_equal(out[0].path, "/s/2.mp4");
    probe_deinit(&out[0]);
    assert_int_equal(probes_due_ms(&ps), NOW + 1900);
    /* a hint of a young file takes it with its earlier look */
    assert_true(probes_hint(&ps, slice_of("/s/0.mp4")));
    assert_true(probes_hint(&ps, slice_of("/s/0.mp4")));
    assert_int_equal(probes_take(&ps, NOW, out, 4), 1);
    assert_int_equal(out[0].seen_ms, NOW);
    probe_deinit(&out[0]);
    assert_int_equal(ps.n_young, 1);
    probes_deinit(&ps);
}

static void hints_and_young_files_are_bounded(void **state)
{
    struct probes ps = {0};
    char path[32];

    (void)state;
    for (int i = 0; i < HINTS_MAX; i++) {
        snprintf(path, sizeof path, "/s/%d.mp4", i);
        assert_true(probes_hint(&ps, slice_of(path)));
    }
    assert_false(probes_hint(&ps, slice_of("/s/one more.mp4")));
    for (int i = 0; i < YOUNG_MAX; i++)
        assert_true(probes_add_young(&ps, (struct probe){.path = mem_printf("/s/%d.mp4", i), .seen_ms = NOW}));
    assert_false(probes_add_young(&ps, (struct probe){.path = mem_strdup("/s/x.mp4"), .seen_ms = NOW}));
    probes_deinit(&ps);
}

/* A time of last access that most systems would bring up to date when the place is read: it is older than a day. */
static void a_walk_leaves_no_trace_in_the_folder(void **state)
{
    struct result r;
    struct stat st;

    (void)state;
    put("Queen - Innuendo.mp4", "");
    put_dir("more");
    age("more", OLD_S);
    age("", OLD_S);
    walk_root(&r);
    assert_int_equal(r.out.n_files, 1);
    done(&r);
    assert_int_equal(walk_look_folder(root), FOLDER_OK);
    assert_int_equal(stat(at("more"), &st), 0);
    assert_int_equal(st.st_atim.tv_sec, OLD_S);
    assert_int_equal(stat(root, &st), 0);
    assert_int_equal(st.st_atim.tv_sec, OLD_S);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pairs_are_one_song_whatever_the_case),
        TEST(every_song_extension_is_listed),
        TEST(unfinished_hidden_and_foreign_files_are_passed_over),
        TEST(names_are_bytes),
        TEST(size_and_time_come_with_the_file),
        TEST(a_file_touched_less_than_two_seconds_ago_is_young),
        TEST(loops_of_links_end_and_real_paths_win),
        TEST(a_linked_directory_outside_is_followed_once_by_name),
        TEST(folders_in_folders_list_each_file_once),
        TEST(directories_nested_too_deep_are_refused_and_told),
        TEST(a_path_longer_than_the_system_allows_ends_the_branch),
        TEST(states_of_folders_are_told_apart),
        TEST(an_unreadable_directory_is_told),
        TEST(a_walk_leaves_no_trace_in_the_folder),
        TEST(large_directories_come_in_pieces),
        TEST(only_differences_to_the_table_are_reported),
        TEST(names_are_read_while_the_table_is_filled),
        TEST(the_table_finds_each_of_many_rows),
        TEST(a_probe_tells_what_a_path_is),
        TEST(a_companion_stands_for_its_song),
        TEST(a_time_in_the_future_needs_two_equal_looks),
        TEST(young_files_are_given_out_when_they_are_due),
        TEST(hints_and_young_files_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
