/* songbookctl doctor: looks for what keeps songbookd from its work, one line a check with the remedy behind it. Reads only; the
 * running daemon is asked what it knows, and it makes one request to each service.
 *
 * The checks are a table: adding one is adding a row. Each fills one finding or several. */
#include "ctl/ctl.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"
#include "ctl/pikaraoke_place.h"

#define EARLIEST_CLOCK 1767225600 /* 2026-01-01: before it this program did not exist */
#define DISK_BAD (64u << 20)      /* bytes free below which SQLite may fail in the midst of a song */
#define DISK_LOW (512u << 20)
#define MEMORY_LOW (64 << 10) /* kB available */
#define FILES_LOW 128         /* connections, streams, requests and the database together need fewer */
#define NETWORK_REMEDY "is the cable in, the Wi-Fi up? Songs keep what their names say, and wait"

enum grade { GRADE_OK, GRADE_NOTE, GRADE_WARN, GRADE_BAD };

struct doctor {
    struct ctl *ctl;
    struct config *config;
    const char *config_path;
    char *file;      /* that was read; NULL without one */
    bool system;     /* the service is the system's, as far as can be told */
    char *database;
    cJSON *progress; /* the daemon's; NULL when none answers */
    cJSON *settings;
    int reached, unreached; /* services, by their test request */
    struct json_out *out;   /* --json; NULL for lines */
    enum grade worst;
};

/* --- findings -------------------------------------------------------------------------------- */

static const char *const grade_words[] = {"ok", "note", "warn", "BAD"};

/* remedy: what to do, or NULL. what: one clause. Both without a full stop. */
__attribute__((format(printf, 5, 6))) static void find(struct doctor *d, enum grade g, const char *check, const char *remedy,
                                                       const char *fmt, ...)
{
    struct buf what;
    va_list ap;

    buf_init(&what, 1000);
    va_start(ap, fmt);
    buf_vaddf(&what, fmt, ap);
    va_end(ap);
    if (g > d->worst)
        d->worst = g;
    if (d->out) {
        json_open(d->out, NULL, '{');
        json_put_str(d->out, "check", check);
        json_put_str(d->out, "grade", g == GRADE_BAD ? "bad" : grade_words[g]);
        json_put_str(d->out, "finding", buf_cstr(&what));
        json_put_str(d->out, "remedy", remedy);
        json_close(d->out, '}');
    } else {
        printf("%-4s  %-13s ", grade_words[g], check);
        print_text(buf_cstr(&what));
        if (remedy) {
            fputs("; ", stdout);
            print_text(remedy);
        }
        putchar('\n');
    }
    buf_deinit(&what);
}

/* --- the checks -------------------------------------------------------------------------------- */

struct told_first {
    char text[240];
    int count;
};

static void keep_first(const char *line, void *arg)
{
    struct told_first *f = arg;

    if (f->count++ == 0)
        snprintf(f->text, sizeof f->text, "%s", line);
}

/* A person asks about the service of the system unless there is one of their own. */
static char *usual_config(void)
{
    char *own = default_config_path();

    return own || access(SYSTEM_CONFIG, R_OK) != 0 ? own : mem_strdup(SYSTEM_CONFIG);
}

static void check_configuration(struct doctor *d)
{
    char *place = d->config_path ? mem_strdup(d->config_path) : usual_config();
    struct told_first first = {"", 0};
    struct err e = {0};
    int rc = place ? config_read_file(d->config, place, keep_first, &first) : 0;

    if (!place)
        find(d, GRADE_OK, "configuration", NULL, "there is no file, and there need be none");
    else if (rc == ERR_NOT_FOUND)
        find(d, GRADE_BAD, "configuration", "check the path and its permissions", "'%s' cannot be read", place);
    else if (rc)
        find(d, GRADE_BAD, "configuration", "'songbookd --check-config' lists all of it", "%s%s", first.text,
             first.count > 1 ? " (and more)" : "");
    else if (config_check(d->config, &e))
        find(d, GRADE_BAD, "configuration", NULL, "%s", err_text(&e));
    else
        find(d, GRADE_OK, "configuration", NULL, "%s", place);
    d->system = !place || strcmp(place, SYSTEM_CONFIG) == 0;
    d->file = place;
}

static void find_no_daemon(struct doctor *d)
{
    char *start = start_command(d->system, "start");
    char *remedy = strncmp(start, "songbookd", 9) == 0
                       ? mem_strdup("start it: songbookd")
                       : mem_printf("%s; why it did not: journalctl %s songbookd", start, d->system ? "-u" : "--user -u");

    find(d, GRADE_BAD, "service", remedy, "no songbookd answers");
    free(remedy);
    free(start);
}

static void check_daemon(struct doctor *d)
{
    struct reply p = {0}, s = {0};

    d->ctl->quiet = true;
    if (ask(d->ctl, "GET", "/progress", NULL, NULL, &p) == EXIT_FINE) {
        d->progress = p.json;
        p.json = NULL;
    }
    if (d->progress && ask(d->ctl, "GET", "/settings", NULL, NULL, &s) == EXIT_FINE) {
        d->settings = s.json;
        s.json = NULL;
    }
    reply_deinit(&p);
    reply_deinit(&s);
    if (d->progress)
        find(d, GRADE_OK, "service", NULL, "songbookd %s answers, the worker is %s", json_str(d->progress, "version"),
             json_str(d->progress, "state"));
    else
        find_no_daemon(d);
}

static void check_clock(struct doctor *d)
{
    time_t now = time(NULL);
    char text[40];
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &tm);
    if (now < EARLIEST_CLOCK)
        find(d, GRADE_BAD, "clock", "sudo timedatectl set-ntp true (certificates cannot be checked before that)",
             "it is wrong: %s", text);
    else
        find(d, GRADE_OK, "clock", NULL, "%s", text);
}

static long count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    long n = 0;

    if (!dir)
        return -1;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* problem: the daemon's sentence about this folder, whose view counts; else NULL. */
static void check_folder(struct doctor *d, const char *folder, const char *problem)
{
    long n = count_files(folder);
    bool closed = n < 0 && errno == EACCES;
    char *what = problem ? mem_strdup(problem) : mem_printf("%s: %s", folder, n < 0 ? strerror(errno) : "it is empty");

    if (n < 0 && !closed)
        find(d, GRADE_BAD, "song folder",
             "mount or make it, or name another in the configuration: folders = DIR, below [library]", "%s", what);
    else if (closed || (n > 0 && problem))
        find(d, GRADE_BAD, "song folder",
             d->system ? "let the service's user read it: 'sudo songbookctl setup' tells how"
                       : "'songbookctl setup' tells how to open it",
             "%s", what);
    else if (n == 0)
        find(d, GRADE_WARN, "song folder", "is the disk mounted?", "%s", what);
    else
        find(d, GRADE_OK, "song folder", NULL, "%s has %ld entries", folder, n);
    free(what);
}

struct folders_checked {
    const char *problem;     /* of the daemon's last full look; told with the folder that it names */
    bool told;
    int n;
};

static void check_one(struct doctor *d, const char *folder, struct folders_checked *f)
{
    bool meant = f->problem && strstr(f->problem, folder);

    check_folder(d, folder, meant ? f->problem : NULL);
    f->told = f->told || meant;
    f->n++;
}

static void check_no_folder(struct doctor *d)
{
    const char *home = getenv("HOME");
    char *usual = mem_printf("%s/pikaraoke-songs", home ? home : "");

    if (access(usual, F_OK) == 0)
        check_folder(d, usual, NULL);
    else
        find(d, GRADE_BAD, "song folder", "name yours in the configuration: folders = DIR, below [library]",
             "none is named, and there is no %s", usual);
    free(usual);
}

/* The folders of the running daemon, which may have got them on its command line; else those of the file. */
static void check_folders(struct doctor *d)
{
    const cJSON *list = json_get(json_get(d->settings, "library.folders"), "value");
    struct folders_checked f = {.problem = json_str(json_get(d->progress, "scan"), "problem")};

    if (list)
        for (const cJSON *x = json_first(list); x; x = json_next(list, x))
            check_one(d, cJSON_IsString(x) ? x->valuestring : "", &f);
    else
        for (size_t i = 0; i < config_count(d->config, OPT_LIBRARY_FOLDERS); i++)
            check_one(d, config_at(d->config, OPT_LIBRARY_FOLDERS, i), &f);
    if (f.n == 0)
        check_no_folder(d);
    if (f.problem && !f.told)
        find(d, GRADE_BAD, "song folder", "mount it, or let the service's user read it (songbookctl setup)", "%s", f.problem);
}

/* Of the daemon, when it tells; else the default of whoever runs this. */
static void choose_database(struct doctor *d)
{
    const char *path = json_str(json_get(d->settings, "database.path"), "value");

    if (!path || !*path)
        path = config_text(d->config, OPT_DATABASE_PATH);
    if (*path)
        d->database = mem_strdup(path);
    else if (d->progress && access("/var/lib/songbookd/songbook.db", F_OK) == 0)
        d->database = mem_strdup("/var/lib/songbookd/songbook.db");
    else
        d->database = default_database_path();
}

static void check_database(struct doctor *d)
{
    char head[16] = "";
    FILE *f = fopen(d->database, "re");
    struct stat st;

    if (!f && errno == ENOENT)
        find(d, d->progress ? GRADE_NOTE : GRADE_OK, "database", NULL, "%s is not there%s", d->database,
             d->progress ? "; the service keeps its own elsewhere" : " yet; the first start makes it");
    else if (!f)
        find(d, d->progress ? GRADE_OK : GRADE_NOTE, "database",
             d->progress ? NULL : "run this as the service's user, or with sudo", "%s: %s%s", d->database, strerror(errno),
             d->progress ? ", but the service has it open" : "");
    else if (fstat(fileno(f), &st) || fread(head, 1, sizeof head, f) != sizeof head || memcmp(head, "SQLite format 3", 16) != 0)
        find(d, GRADE_BAD, "database", "stop the service and restore a backup", "%s is no database", d->database);
    else
        find(d, GRADE_OK, "database", NULL, "%s, %.1f MB", d->database, (double)st.st_size / 1e6);
    if (f)
        fclose(f);
}

/* The nearest folder that exists. Returns new. */
static char *existing_folder(const char *path)
{
    char *folder = mem_strdup(path), *slash;

    while ((slash = strrchr(folder, '/')) && slash != folder) {
        *slash = '\0';
        if (access(folder, F_OK) == 0)
            return folder;
    }
    free(folder);
    return mem_strdup("/");
}

static void check_disk(struct doctor *d)
{
    char *folder = existing_folder(d->database);
    unsigned long long available;
    struct statvfs fs;

    if (statvfs(folder, &fs)) {
        find(d, GRADE_WARN, "disk space", NULL, "%s: %s", folder, strerror(errno));
    } else {
        available = (unsigned long long)fs.f_bavail * fs.f_frsize;
        if (fs.f_flag & ST_RDONLY)
            find(d, GRADE_BAD, "disk space", "is the card worn out? 'dmesg' tells; move to another (docs/operations.md)",
                 "%s cannot be written: it is mounted read-only", folder);
        else if (available < DISK_BAD)
            find(d, GRADE_BAD, "disk space", "make room: nothing can be stored", "%.0f MB are free at %s",
                 (double)available / 1e6, folder);
        else if (available < DISK_LOW)
            find(d, GRADE_WARN, "disk space", "make room soon", "%.0f MB are free at %s", (double)available / 1e6, folder);
        else
            find(d, GRADE_OK, "disk space", NULL, "%.1f GB are free at %s", (double)available / 1e9, folder);
    }
    free(folder);
}

/* Without a daemon: can its names be resolved at all? Blocks as long as the resolver does. */
static void check_name_lookup(struct doctor *d)
{
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo("musicbrainz.org", "443", &hints, &found);

    if (rc)
        find(d, GRADE_WARN, "network", NETWORK_REMEDY, "musicbrainz.org: %s", gai_strerror(rc));
    else
        find(d, GRADE_OK, "network", NULL, "names are resolved");
    if (found)
        freeaddrinfo(found);
}

static void find_key(struct doctor *d, const char *name, const char *title)
{
    char *remedy = mem_printf("set your own: songbookctl settings API_KEYS.%s=-", name);

    find(d, GRADE_BAD, name, remedy, "%s refuses the key", title);
    free(remedy);
}

/* One request to a provider, made by the daemon. */
static void test_provider(struct doctor *d, const char *name, const char *title)
{
    char *body = mem_printf("{\"provider\":\"%s\"}", name);
    struct reply r = {0};
    int rc = ask(d->ctl, "POST", "/settings/test", body, NULL, &r);
    const char *kind = json_str(r.json, "kind"), *detail = json_str(r.json, "detail");

    if (rc != EXIT_FINE || !kind)
        find(d, GRADE_NOTE, name, "try again in a minute", "%s could not be asked now", title);
    else if (json_bool(r.json, "ok", false))
        find(d, GRADE_OK, name, NULL, "%s answers", title);
    else if (strcmp(kind, "key") == 0)
        find_key(d, name, title);
    else
        find(d, GRADE_WARN, name, "it is tried again by itself", "%s: %s", title, detail ? detail : kind);
    d->reached += kind && strcmp(kind, "offline") != 0;
    d->unreached += kind && strcmp(kind, "offline") == 0;
    reply_deinit(&r);
    free(body);
}

static void check_provider(struct doctor *d, const cJSON *p)
{
    const char *name = json_str(p, "name"), *title = json_str(p, "title"), *state = json_str(p, "state");

    if (!name || !title || !state)
        return;
    if (strcmp(state, "disabled") == 0)
        find(d, GRADE_NOTE, name, NULL, "%s is switched off", title);
    else if (strcmp(state, "needs_key") == 0)
        find(d, GRADE_NOTE, name,
             "it is free: https://www.last.fm/api/account/create, then 'songbookctl settings API_KEYS.lastfm=-'",
             "%s is not asked without a key of your own", title);
    else if (strcmp(state, "key_refused") == 0)
        find_key(d, name, title);
    else
        test_provider(d, name, title);
}

/* Each service by itself, then what that says about the network. */
static void check_network(struct doctor *d)
{
    const cJSON *providers = json_get(d->progress, "providers");

    for (const cJSON *p = providers ? providers->child : NULL; p; p = p->next)
        check_provider(d, p);
    if (d->reached)
        find(d, GRADE_OK, "network", NULL, "services are reached");
    else if (d->unreached)
        find(d, GRADE_WARN, "network", NETWORK_REMEDY, "no service can be reached");
    else
        check_name_lookup(d);
}

static const char *secret_in_file(const struct config *c)
{
    for (enum option_id i = 0; i < OPT_COUNT; i++)
        if (options[i].flags & OPTION_SECRET && config_text(c, i)[0] && config_origin(c, i) == ORIGIN_FILE)
            return options[i].name;
    return NULL;
}

static void check_keys(struct doctor *d)
{
    char *folder = mem_strdup(d->database), *slash = strrchr(folder, '/'), *keys;
    const char *secret = secret_in_file(d->config);
    struct stat st;

    if (slash)
        *slash = '\0';
    keys = mem_printf("%s/songbookd.keys", folder);
    if (stat(keys, &st) == 0 && st.st_mode & 077)
        find(d, GRADE_BAD, "keys", "chmod 600 on it: songbookd refuses to start", "others can read '%s'", keys);
    else if (secret && d->file && stat(d->file, &st) == 0 && st.st_mode & 004)
        find(d, GRADE_WARN, "keys", "chmod 640 on it, or use 'songbookctl settings API_KEYS.NAME=-' or /etc/credstore",
             "every user of this machine can read '%s' in '%s'", secret, d->file);
    else
        find(d, GRADE_OK, "keys", NULL, "no key lies open");
    free(folder);
    free(keys);
}

static long number_from(const char *path, const char *key)
{
    char line[200];
    long n = -1;
    FILE *f = fopen(path, "re");

    while (f && n < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            n = strtol(line + strlen(key), NULL, 10);
    if (f)
        fclose(f);
    return n;
}

static void check_limits(struct doctor *d)
{
    long watches = number_from("/proc/sys/fs/inotify/max_user_watches", ""),
         memory = number_from("/proc/meminfo", "MemAvailable:");
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_LOW)
        find(d, GRADE_WARN, "limits", "raise 'ulimit -n' or LimitNOFILE=", "%llu open files are allowed",
             (unsigned long long)files.rlim_cur);
    else if (watches >= 0 && watches < 1024)
        find(d, GRADE_WARN, "limits", "sudo sysctl fs.inotify.max_user_watches=65536", "%ld folders can be watched at once",
             watches);
    else if (memory >= 0 && memory < MEMORY_LOW)
        find(d, GRADE_WARN, "limits", "close what is not needed", "%ld MB of memory are available", memory / 1024);
    else
        find(d, GRADE_OK, "limits", NULL, "files, watches and memory (%ld MB available) suffice", memory / 1024);
}

static void check_pikaraoke(struct doctor *d)
{
    struct pikaraoke_place p;

    pikaraoke_find(NULL, geteuid() == 0, &p);
    if (!p.home)
        find(d, GRADE_NOTE, "PiKaraoke", NULL, "it is not found here, and need not be");
    else if (p.database && access(p.database, R_OK) != 0)
        find(d, GRADE_WARN, "PiKaraoke", "run songbookd as the same user: systemctl --user enable --now songbookd",
             "%s cannot be read", p.database);
    else
        find(d, GRADE_OK, "PiKaraoke", NULL, "%s, %s", p.home, p.running ? "it is running" : "it is not running now");
    pikaraoke_place_deinit(&p);
}

/* In the order in which trouble should be mended. */
static void (*const checks[])(struct doctor *d) = {
    check_configuration, check_daemon,  check_clock, check_folders, choose_database, check_database,
    check_disk,          check_network, check_keys,  check_limits,  check_pikaraoke,
};

int cmd_doctor(struct ctl *ctl, int argc, char **argv)
{
    struct doctor d = {.ctl = ctl};
    const struct arg_option own[] = {{"--config", NULL, &d.config_path}, ARGS_END};
    struct json_out out;
    struct buf json;
    int rc = args_read(ctl, &argc, argv, own, 0, 0);

    if (rc != GO_ON)
        return rc;
    buf_init(&json, 0);
    json_out_init(&out, &json);
    if (ctl->json)
        d.out = &out;
    d.config = config_new();
    json_open(&out, NULL, '[');
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        checks[i](&d);
    json_close(&out, ']');
    if (ctl->json)
        puts(buf_cstr(&json));
    buf_deinit(&json);
    cJSON_Delete(d.progress);
    cJSON_Delete(d.settings);
    config_free(d.config);
    free(d.database);
    free(d.file);
    return print_finish(d.worst == GRADE_BAD ? EXIT_FAILED : EXIT_FINE);
}
