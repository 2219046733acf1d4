/* songbookctl check, backup, restore: the database file as a whole. No daemon is asked: check and backup read a snapshot beside a
 * working one, restore wants it stopped. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "config/config.h"
#include "store/backup.h"

extern char **environ;

static void tell(const char *line, void *arg)
{
    (void)arg;
    complain("%s", line);
}

/* --database, else what the daemon would use: its environment, its file, its default. Returns new or NULL, told. */
static char *database_path(const char *given)
{
    struct config *c;
    char *place, *path;
    bool good;

    if (given)
        return mem_strdup(given);
    c = config_new();
    place = default_config_path();
    good = !place || config_read_file(c, place, tell, NULL) == 0;
    if (good)
        good = config_read_environment(c, environ, tell, NULL) == 0;
    path = good && config_text(c, OPT_DATABASE_PATH)[0] ? mem_strdup(config_text(c, OPT_DATABASE_PATH)) : NULL;
    if (good && !path)
        path = default_database_path();
    if (!good)
        complain("the configuration '%s' has errors; name the database with --database", place ? place : "");
    config_free(c);
    free(place);
    return path;
}

static int exit_of(int rc)
{
    switch (rc) {
    case ERR_DATABASE: case ERR_NOT_FOUND: return EXIT_CONFIG;
    case ERR_IN_USE: case ERR_BUSY: case ERR_FULL: return EXIT_TEMPORARY;
    default: return EXIT_FAILED;
    }
}

static int fail(const struct err *e, int rc)
{
    complain("%s", err_text(e));
    return exit_of(rc);
}

static int begin(struct ctl *ctl, int *argc, char **argv, int min, int max, char **path)
{
    const char *given = NULL;
    const struct arg_option own[] = {{"--database", NULL, &given}, ARGS_END};
    int rc = args_read(ctl, argc, argv, own, min, max);

    *path = NULL;
    if (rc != GO_ON)
        return rc;
    *path = database_path(given);
    return *path ? GO_ON : EXIT_CONFIG;
}

int cmd_check(struct ctl *ctl, int argc, char **argv)
{
    struct err e = {0};
    int64_t songs;
    char *path;
    int rc = begin(ctl, &argc, argv, 0, 0, &path);

    if (rc != GO_ON)
        return rc;
    rc = database_check(path, tell, NULL, &songs, &e);
    if (rc < 0) {
        rc = fail(&e, rc);
    } else if (rc > 0) {
        complain("'%s' has %d problems; restore a backup, or keep the file and report this", path, rc);
        rc = EXIT_FAILED;
    } else {
        printf("'%s' is whole: %lld songs\n", path, (long long)songs);
    }
    free(path);
    return print_finish(rc);
}

int cmd_backup(struct ctl *ctl, int argc, char **argv)
{
    struct err e = {0};
    char *path, *to, stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    int rc = begin(ctl, &argc, argv, 0, 1, &path);

    if (rc != GO_ON)
        return rc;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    to = argc ? mem_strdup(argv[0]) : mem_printf("%s.backup-%s", path, stamp);
    rc = database_backup(path, to, &e);
    if (rc)
        rc = fail(&e, rc);
    else
        printf("%s\n", to);
    free(to);
    free(path);
    return print_finish(rc);
}

int cmd_restore(struct ctl *ctl, int argc, char **argv)
{
    struct err e = {0};
    char *path, *aside;
    int rc = begin(ctl, &argc, argv, 1, 1, &path);

    if (rc != GO_ON)
        return rc;
    rc = database_restore(argv[0], path, &aside, &e);
    if (rc)
        rc = fail(&e, rc);
    else if (aside)
        printf("restored; what was there is kept in '%s'\n", aside);
    else
        puts("restored");
    free(aside);
    free(path);
    return print_finish(rc);
}
