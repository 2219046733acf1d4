/* Finding PiKaraoke; see pikaraoke_place.h. The places are those of PiKaraoke 1.19 and later: ~/.pikaraoke, ~/pikaraoke-songs,
 * /app/pikaraoke-songs in its Docker image, and -d or --download-path on its command line. */
#include "ctl/pikaraoke_place.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/config.h"

#define DOCKER_HOME "/app"
#define ARGS_BYTES 8192   /* of a process's command line that are read */
#define COUNT_MAX 1000000 /* entries that are counted */

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static long count_entries(const char *path)
{
    DIR *d = opendir(path);
    long n = 0;

    if (!d)
        return -1;
    for (struct dirent *e; n < COUNT_MAX && (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* --- the list of processes -------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The value of -d or --download-path among the NUL-parted arguments; NULL when it is no PiKaraoke, "" when it names none. */
static const char *download_path(char *args, size_t n)
{
    bool ours = false;
    const char *path = "";
    int index = 0;

    for (char *a = args; a < args + n; a += strlen(a) + 1, index++) {
        const char *next = a + strlen(a) + 1 < args + n ? a + strlen(a) + 1 : "";
        if (index < 4 && strcmp(base_name(a), "pikaraoke") == 0)
            ours = true;
        else if (strcmp(a, "-d") == 0 || strcmp(a, "--download-path") == 0)
            path = next;
        else if (strncmp(a, "--download-path=", 16) == 0)
            path = a + 16;
    }
    return ours ? path : NULL;
}

/* Looks at one process; true when it is PiKaraoke. *path is new or NULL. */
static bool look_at_process(const char *pid, uid_t *owner, char **path)
{
    char *name = mem_printf("/proc/%s/cmdline", pid), args[ARGS_BYTES];
    const char *found = NULL;
    FILE *f = fopen(name, "re");
    struct stat st;
    size_t n = f ? fread(args, 1, sizeof args - 1, f) : 0;

    args[n] = '\0';
    if (n && fstat(fileno(f), &st) == 0 && (found = download_path(args, n))) {
        *owner = st.st_uid;
        *path = found[0] == '/' ? mem_strdup(found) : NULL;
    }
    if (f)
        fclose(f);
    free(name);
    return found != NULL;
}

static bool find_process(uid_t *owner, char **path)
{
    DIR *d = opendir("/proc");
    bool found = false;

    for (struct dirent *e; d && !found && (e = readdir(d));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
            found = look_at_process(e->d_name, owner, path);
    if (d)
        closedir(d);
    return found;
}

/* --- homes ---------------------------------------------------------------------------------- */

static void take_home(struct pikaraoke_place *p, const char *home)
{
    char *songs = mem_printf("%s/pikaraoke-songs", home), *database = mem_printf("%s/" PIKARAOKE_FILE, home);
    bool have_songs = is_folder(songs), have_database = access(database, F_OK) == 0;

    if (!have_songs) { /* an older layout */
        free(songs);
        songs = mem_printf("%s/pikaraoke/songs", home);
        have_songs = is_folder(songs);
    }
    if ((have_songs || have_database) && p->home) {
        p->others += strcmp(p->home, home) != 0;
    } else if (have_songs || have_database) {
        p->home = mem_strdup(home);
        p->songs = have_songs ? mem_strdup(songs) : NULL;
        p->said_by = have_songs ? mem_strdup("the usual place") : NULL;
        p->database = have_database ? mem_strdup(database) : NULL;
    }
    free(songs);
    free(database);
}

/* People, not services: their numbers begin at 1000, and nobody has the last. */
static void take_every_home(struct pikaraoke_place *p)
{
    struct passwd *u;

    setpwent();
    while ((u = getpwent()))
        if (u->pw_uid >= 1000 && u->pw_uid < 65534)
            take_home(p, u->pw_dir);
    endpwent();
}

static void take_process(struct pikaraoke_place *p, bool all_users)
{
    uid_t owner = 0;
    char *path = NULL;
    struct passwd *u;

    p->running = find_process(&owner, &path);
    u = p->running ? getpwuid(owner) : NULL;
    if (u && (all_users || owner == geteuid()))
        take_home(p, u->pw_dir);
    if (path && is_folder(path)) {
        free(p->songs);
        free(p->said_by);
        p->songs = path;
        p->said_by = mem_strdup("its command line");
        if (!p->home)
            p->home = mem_strdup(u ? u->pw_dir : "/");
        path = NULL;
    }
    free(path);
}

void pikaraoke_find(const char *home, bool all_users, struct pikaraoke_place *out)
{
    const char *own = getenv("HOME");

    *out = (struct pikaraoke_place){.files = -1};
    if (home) {
        take_home(out, home);
    } else {
        take_process(out, all_users); /* what runs is what counts */
        if (own && own[0] == '/')
            take_home(out, own);
        if (all_users)
            take_every_home(out);
        take_home(out, DOCKER_HOME);
    }
    if (out->songs)
        out->files = count_entries(out->songs);
}

void pikaraoke_place_deinit(struct pikaraoke_place *p)
{
    free(p->home);
    free(p->songs);
    free(p->database);
    free(p->said_by);
}

/* --- who may read it ------------------------------------------------------------------------- */

/* In the child, as that user: the length of the first part of the path that bars the way, 0 for none, by exit code 0 or 1 and
 * the pipe. */
static size_t first_bar(const char *path)
{
    char *part = mem_strdup(path);
    size_t n = 0;

    for (char *slash = strchr(part + 1, '/'); n == 0; slash = slash ? strchr(slash + 1, '/') : NULL) {
        if (slash)
            *slash = '\0';
        if (access(part, slash ? X_OK : R_OK | X_OK) != 0)
            n = strlen(part);
        if (!slash)
            break;
        *slash = '/';
    }
    free(part);
    return n;
}

static void become(const char *user)
{
    struct passwd *u = user && geteuid() == 0 ? getpwnam(user) : NULL;

    if (u && (initgroups(u->pw_name, u->pw_gid) || setgid(u->pw_gid) || setuid(u->pw_uid)))
        _exit(2);
}

char *folder_that_bars(const char *user, const char *path, bool *pass_only)
{
    size_t n = 0;
    int ends[2], status = 0;
    pid_t child;

    *pass_only = false;
    if (pipe(ends))
        return NULL;
    child = fork();
    if (child == 0) {
        become(user);
        n = first_bar(path);
        _exit(write(ends[1], &n, sizeof n) == sizeof n ? 0 : 2);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &n, sizeof n) != sizeof n)
        n = 0;
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    *pass_only = n < strlen(path);
    return n ? mem_strndup(path, n) : NULL;
}
