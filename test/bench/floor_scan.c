/* The floor a scan is compared with: a plain C loop that does what cannot be left out.
 *
 *   floor_scan fill FOLDER FROM.db TO.db   readdir + lstat of FOLDER, then fills the tables of TO.db (made with the schema
 *                                          of FROM.db, same indexes and triggers) with FROM.db's rows, held in memory
 *                                          before the clock starts, in transactions of 5,000 songs; the search index is
 *                                          filled with one statement at the end of each, the fastest way there is
 *   floor_scan again FOLDER FROM.db        readdir + lstat of FOLDER and reading every stored row
 *
 * Prints milliseconds. Only for comparison in the same run; not part of songbookd.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SONGS_PER_TRANSACTION 5000

/* Those of the service, so that only the way differs. */
static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                              "PRAGMA cache_size=-2000;"
                              "PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=2000;"
                              "PRAGMA journal_size_limit=8388608;";
static const char *const tables[] = {"songs", "evidence", "enrichment_queue"};
#define TABLES 3

struct rows {
    int columns, count;
    sqlite3_value **values;   /* count * columns */
    char insert[4000];
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void check(int rc, sqlite3 *db, const char *what)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
        return;
    fprintf(stderr, "floor_scan: %s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static int walk(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    struct stat st;
    int n = 0;

    if (!d)
        exit(1);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            n++;
    closedir(d);
    return n;
}

static void load(sqlite3 *db, const char *table, struct rows *r)
{
    char sql[200];
    sqlite3_stmt *s;
    int room = 0, at;

    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1", table);
    check(sqlite3_prepare_v2(db, sql, -1, &s, NULL), db, sql);
    r->columns = sqlite3_column_count(s);
    r->count = 0;
    r->values = NULL;
    while (sqlite3_step(s) == SQLITE_ROW) {
        if (r->count == room) {
            room = room ? room * 2 : 1024;
            r->values = realloc(r->values, (size_t)room * (size_t)r->columns * sizeof *r->values);
        }
        for (int i = 0; i < r->columns; i++)
            r->values[(size_t)r->count * (size_t)r->columns + (size_t)i] = sqlite3_value_dup(sqlite3_column_value(s, i));
        r->count++;
    }
    at = snprintf(r->insert, sizeof r->insert, "INSERT INTO %s (", table);
    for (int i = 0; i < r->columns; i++)
        at += snprintf(r->insert + at, sizeof r->insert - (size_t)at, "%s%s", i ? "," : "", sqlite3_column_name(s, i));
    at += snprintf(r->insert + at, sizeof r->insert - (size_t)at, ") VALUES (");
    for (int i = 0; i < r->columns; i++)
        at += snprintf(r->insert + at, sizeof r->insert - (size_t)at, "%s?", i ? "," : "");
    snprintf(r->insert + at, sizeof r->insert - (size_t)at, ")");
    sqlite3_finalize(s);
}

/* Tables first, then the rows the counting triggers update, then indexes and triggers. */
static void copy_kind(sqlite3 *from, sqlite3 *to, const char *condition)
{
    sqlite3_stmt *s;
    char sql[400];

    /* shadow tables of FTS come with their virtual table */
    snprintf(sql, sizeof sql, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%%' AND name NOT IN "
                              "(SELECT name FROM pragma_table_list WHERE type = 'shadow') AND %s ORDER BY rowid", condition);
    check(sqlite3_prepare_v2(from, sql, -1, &s, NULL), from, "schema");
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *create = (const char *)sqlite3_column_text(s, 0);
        check(sqlite3_exec(to, create, NULL, NULL, NULL), to, create);
    }
    sqlite3_finalize(s);
}

static void copy_schema(sqlite3 *from, sqlite3 *to, const char *from_path)
{
    char sql[5000];

    copy_kind(from, to, "type = 'table'");
    snprintf(sql, sizeof sql, "ATTACH '%s' AS f; INSERT INTO counts SELECT key, 0 FROM f.counts; DETACH f", from_path);
    check(sqlite3_exec(to, sql, NULL, NULL, NULL), to, "counts");
    copy_kind(from, to, "type <> 'table'");
}

static void insert_row(sqlite3 *db, sqlite3_stmt *s, const struct rows *r, int row)
{
    for (int i = 0; i < r->columns; i++)
        sqlite3_bind_value(s, i + 1, r->values[(size_t)row * (size_t)r->columns + (size_t)i]);
    check(sqlite3_step(s), db, "insert");
    sqlite3_reset(s);
}

struct filler {
    sqlite3 *to;
    sqlite3_stmt *insert[TABLES], *index;
    struct rows r[TABLES];
    int next[TABLES];
};

static sqlite3_int64 id_at(const struct filler *f, int table)
{
    return sqlite3_value_int64(f->r[table].values[(size_t)f->next[table] * (size_t)f->r[table].columns]);
}

static void fill_transaction(struct filler *f)
{
    sqlite3_int64 first = id_at(f, 0);

    check(sqlite3_exec(f->to, "BEGIN IMMEDIATE", NULL, NULL, NULL), f->to, "begin");
    for (int n = 0; n < SONGS_PER_TRANSACTION && f->next[0] < f->r[0].count; n++) {
        sqlite3_int64 id = id_at(f, 0);
        insert_row(f->to, f->insert[0], &f->r[0], f->next[0]++);
        while (f->next[1] < f->r[1].count && id_at(f, 1) <= id)
            insert_row(f->to, f->insert[1], &f->r[1], f->next[1]++);
        if (f->next[2] < f->r[2].count)
            insert_row(f->to, f->insert[2], &f->r[2], f->next[2]++);
    }
    sqlite3_bind_int64(f->index, 1, first);
    check(sqlite3_step(f->index), f->to, "index");
    sqlite3_reset(f->index);
    check(sqlite3_exec(f->to, "COMMIT", NULL, NULL, NULL), f->to, "commit");
}

static void fill(const char *folder, const char *from_path, const char *to_path)
{
    static const char index[] = "INSERT INTO songs_fts(rowid, words) SELECT id, words FROM songs WHERE id >= ?";
    struct filler f = {0};
    sqlite3 *from;
    int files;
    double start;

    check(sqlite3_open(from_path, &from), from, from_path);
    check(sqlite3_open(to_path, &f.to), f.to, to_path);
    check(sqlite3_exec(f.to, pragmas, NULL, NULL, NULL), f.to, "pragmas");
    copy_schema(from, f.to, from_path);
    for (int t = 0; t < TABLES; t++) {
        load(from, tables[t], &f.r[t]);
        check(sqlite3_prepare_v2(f.to, f.r[t].insert, -1, &f.insert[t], NULL), f.to, f.r[t].insert);
    }
    check(sqlite3_prepare_v2(f.to, index, -1, &f.index, NULL), f.to, index);
    start = now_ms();
    files = walk(folder);
    while (f.next[0] < f.r[0].count)
        fill_transaction(&f);
    printf("%.1f ms: %d files, %d songs, %d evidence rows, %d queue rows\n", now_ms() - start, files, f.next[0],
           f.next[1], f.next[2]);
}

static void again(const char *folder, const char *from_path)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    static const char rows_sql[] = "SELECT id, file_path, size, mtime_ms, format, youtube_id, present FROM songs";
    sqlite3_int64 sum = 0;
    double start;
    int files, rows = 0;

    check(sqlite3_open_v2(from_path, &db, SQLITE_OPEN_READONLY, NULL), db, from_path);
    check(sqlite3_prepare_v2(db, rows_sql, -1, &s, NULL), db, rows_sql);
    start = now_ms();
    files = walk(folder);
    while (sqlite3_step(s) == SQLITE_ROW) {
        sum += sqlite3_column_int64(s, 0) + sqlite3_column_bytes(s, 1) + sqlite3_column_int64(s, 2) + sqlite3_column_int64(s, 3);
        rows++;
    }
    printf("%.1f ms: %d files, %d rows (%lld)\n", now_ms() - start, files, rows, (long long)sum);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "fill") == 0)
        fill(argv[2], argv[3], argv[4]);
    else if (argc == 4 && strcmp(argv[1], "again") == 0)
        again(argv[2], argv[3]);
    else
        return 2;
    return 0;
}
