/* Where things live when nobody says otherwise: systemd's directories, a system service, or a user's XDG homes.
 * Reads the environment only; creates nothing. Runs before the loop. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define DATABASE_FILE "songbook.db"
#define SOCKET_FILE "songbookd.sock"
#define CONFIG_FILE "songbookd.conf"

/* An absolute path from the environment; systemd may give several, parted by ':', the first is ours. Returns new or NULL. */
static char *env_directory(const char *name)
{
    const char *v = getenv(name);

    if (!v || v[0] != '/')
        return NULL;
    return mem_strndup(v, strcspn(v, ":"));
}

/* An XDG home: its variable, else the fallback (which may be NULL) below HOME. Returns new; NULL when there is none. */
static char *xdg_home(const char *name, const char *fallback)
{
    const char *v = getenv(name), *home = getenv("HOME");

    if (v && v[0] == '/')
        return mem_strdup(v);
    return fallback && home && home[0] == '/' ? mem_printf("%s/%s", home, fallback) : NULL;
}

/* Takes `directory`; returns new. */
static char *below(char *directory, const char *rest)
{
    char *path = mem_printf("%s/%s", directory, rest);

    free(directory);
    return path;
}

char *default_database_path(void)
{
    char *d = env_directory("STATE_DIRECTORY");

    if (d)
        return below(d, DATABASE_FILE);
    if (geteuid() != 0 && (d = xdg_home("XDG_STATE_HOME", ".local/state")))
        return below(d, "songbookd/" DATABASE_FILE);
    return mem_strdup("/var/lib/songbookd/" DATABASE_FILE);
}

char *default_socket_path(void)
{
    char *d = env_directory("RUNTIME_DIRECTORY"), *slash;

    if (d)
        return below(d, SOCKET_FILE);
    if (geteuid() == 0)
        return mem_strdup("/run/songbookd/" SOCKET_FILE);
    if ((d = xdg_home("XDG_RUNTIME_DIR", NULL)))
        return below(d, SOCKET_FILE);
    d = default_database_path();
    slash = strrchr(d, '/');
    *slash = '\0';
    return below(d, SOCKET_FILE);
}

/* Returns path when that file exists, else NULL (path is released). Takes path. */
static char *existing(char *path)
{
    if (path && access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

char *default_config_place(void)
{
    char *d = env_directory("CONFIGURATION_DIRECTORY");

    if (d)
        return below(d, CONFIG_FILE);
    if (geteuid() == 0)
        return mem_strdup(SYSTEM_CONFIG);
    d = xdg_home("XDG_CONFIG_HOME", ".config");
    return d ? below(d, "songbookd/" CONFIG_FILE) : NULL;
}

char *default_config_path(void)
{
    char *d = env_directory("CONFIGURATION_DIRECTORY"), *path = NULL;

    if (d)
        path = existing(below(d, CONFIG_FILE));
    if (path)
        return path;
    if (geteuid() == 0)
        return existing(mem_strdup(SYSTEM_CONFIG));
    d = xdg_home("XDG_CONFIG_HOME", ".config");
    return d ? existing(below(d, "songbookd/" CONFIG_FILE)) : NULL;
}

/* Its own user's home, the user of most Raspberry Pis, and the user of its container. */
char **default_pikaraoke_paths(void)
{
    static const char *const homes[] = {"/home/pi", "/home/pikaraoke"};
    char **paths = mem_zalloc((PIKARAOKE_PLACES_MAX + 1) * sizeof *paths);
    const char *home = getenv("HOME");
    size_t n = 0;

    if (home && home[0] == '/')
        paths[n++] = mem_printf("%s/" PIKARAOKE_FILE, home);
    for (size_t i = 0; i < ARRAY_LEN(homes); i++)
        if (!home || strcmp(home, homes[i]) != 0)
            paths[n++] = mem_printf("%s/" PIKARAOKE_FILE, homes[i]);
    return paths;
}
