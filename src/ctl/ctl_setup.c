/* songbookctl setup: finds PiKaraoke, its songs and its database, says what it found, and writes a commented configuration. Asks
 * nothing. A configuration that is there stays, except with --force, which keeps it beside the new one. */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"
#include "ctl/pikaraoke_place.h"

#define SERVICE_USER "songbookd"
#define PATH_SHOWN_MAX 180       /* a line of the configuration file has at most 198 bytes */

struct setup {
    bool system, dry_run, force;
    const char *home;
    struct pikaraoke_place found;
};

/* --- the text of the configuration ------------------------------------------------------------- */

static void put_comment(struct buf *b, const struct option_row *o)
{
    buf_addf(b, "# %s", o->help);
    if (o->type == OPTION_NUMBER)
        buf_addf(b, " (%g to %g%s%s)", o->min, o->max, o->unit ? " " : "", o->unit ? o->unit : "");
    if (o->flags & OPTION_LIVE)
        buf_add_str(b, "; may change while running");
    buf_add_byte(b, '\n');
}

/* A line of the file is short, ends at its last letter, and a ' ;' begins a comment. */
static bool can_stand(const char *path)
{
    return strlen(path) <= PATH_SHOWN_MAX && slice_trim(slice_of(path)).n == strlen(path) && !strstr(path, " ;") &&
           !strpbrk(path, "\t\r\n");
}

static const char *found_value(const struct setup *s, int id)
{
    const char *value = id == OPT_LIBRARY_FOLDERS ? s->found.songs : id == OPT_PIKARAOKE_DATABASE ? s->found.database : NULL;

    return value && can_stand(value) ? value : NULL;
}

/* Every option with what it does; what was found counts, the rest is the default behind a '#'. */
static void put_options(struct buf *b, const struct setup *s)
{
    const char *section = "";

    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_row *o = &options[i];
        const char *dot = strchr(o->name, '.'), *value = found_value(s, i);
        size_t n = (size_t)(dot - o->name);
        if (strncmp(section, o->name, n + 1) != 0)
            buf_addf(b, "\n[%.*s]\n", (int)n, o->name);
        section = o->name;
        put_comment(b, o);
        buf_addf(b, "%s%s =%s%s\n", value ? "" : "#", dot + 1, value || *o->fallback ? " " : "", value ? value : o->fallback);
    }
}

static void put_file(struct buf *b, const struct setup *s)
{
    buf_add_str(b, "# songbookd: see songbookd.conf(5). Written by 'songbookctl setup'; a line behind '#' shows the default.\n"
                   "# After a change: 'songbookd --check-config', then reload or restart the service.\n");
    put_options(b, s);
}

/* --- writing it ---------------------------------------------------------------------------------- */

/* Where the program that it is for looks: root's is that of the system service. */
static char *config_place(const struct setup *s)
{
    return s->system && geteuid() != 0 ? mem_strdup(SYSTEM_CONFIG) : default_config_place();
}

static void make_folders(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        mkdir(path, 0755);
    }
}

static int write_whole(const char *path, const struct buf *text)
{
    FILE *f = fopen(path, "wxe");
    int failed = 0;

    if (!f)
        return errno;
    if (fwrite(text->data, 1, text->len, f) != text->len || fflush(f) || fsync(fileno(f)))
        failed = errno;
    if (fclose(f) && !failed)
        failed = errno;
    return failed;
}

/* Beside its place and renamed, so that there is never half a file. */
static int write_config(const struct setup *s, char *path, const struct buf *text)
{
    char *fresh = mem_printf("%s.new", path), *old = mem_printf("%s.old", path);
    int failed;

    make_folders(path);
    umask(022);
    unlink(fresh);
    failed = write_whole(fresh, text);
    if (!failed && s->force && access(path, F_OK) == 0 && rename(path, old))
        failed = errno;
    if (!failed && rename(fresh, path))
        failed = errno;
    if (failed)
        complain("'%s' cannot be written: %s%s", path, strerror(failed),
                 failed == EACCES && s->system ? "; use sudo, or leave --system out" : "");
    free(fresh);
    free(old);
    return failed ? EXIT_FAILED : EXIT_FINE;
}

/* --- telling ----------------------------------------------------------------------------------- */

static void tell(const char *name, char *owned)
{
    print_field(name, owned);
    free(owned);
}

/* Whether the folder is that user's own; NULL is whoever runs this. */
static bool is_owner(const char *user, const char *folder)
{
    const struct passwd *u = user ? getpwnam(user) : NULL;
    struct stat st;

    return stat(folder, &st) == 0 && st.st_uid == (u ? u->pw_uid : geteuid());
}

/* A folder the service cannot enter is the trap of a system service: homes are closed to others on Debian 12 and later. */
static void tell_access(const struct setup *s)
{
    bool pass_only;
    const char *user = s->system ? SERVICE_USER : NULL;
    char *bar = s->found.songs ? folder_that_bars(user, s->found.songs, &pass_only) : NULL;

    if (bar) {
        bool own = is_owner(user, bar);
        tell("", mem_printf("%s cannot %s '%s'; allow it:", s->system ? "the user " SERVICE_USER : "you",
                            pass_only ? "pass through" : "read", bar));
        tell("", mem_printf("  %schmod %c+%s '%s'", own ? "" : "sudo ", own ? 'u' : 'o', pass_only ? "x" : "rx", bar));
        if (s->system)
            print_field("", "or run it as the user of PiKaraoke: systemctl --user enable --now songbookd");
    }
    free(bar);
}

static void tell_found(const struct setup *s)
{
    const struct pikaraoke_place *p = &s->found;

    if (!p->home) {
        print_field("PiKaraoke", "not found, and it need not be there");
        return;
    }
    tell("PiKaraoke", mem_printf("%s%s", p->home, p->running ? ", it is running" : ""));
    if (p->others)
        tell("", mem_printf("%d more on this machine; choose with --home DIR", p->others));
    if (p->songs && p->files >= 0)
        tell("song folder", mem_printf("%s (%s), %ld files and folders", p->songs, p->said_by, p->files));
    else
        tell("song folder", p->songs ? mem_printf("%s, which cannot be read", p->songs) : mem_strdup("none yet"));
    print_field("its database", p->database ? p->database : "none yet (PiKaraoke keeps one from version 1.20 on)");
    if ((p->songs && !can_stand(p->songs)) || (p->database && !can_stand(p->database)))
        print_field("", "a path like that cannot stand in the configuration: make a link with a plain name, and name it there");
    tell_access(s);
}

/* A file from before PiKaraoke came, as the package writes it, names no folder. */
static bool names_no_folder(const char *path)
{
    struct config *c = config_new();
    bool none = config_read_file(c, path, NULL, NULL) == 0 && config_count(c, OPT_LIBRARY_FOLDERS) == 0;

    config_free(c);
    return none;
}

static void tell_kept(const struct setup *s, const char *path)
{
    tell("configuration", mem_printf("%s is there and stays", path));
    print_field("", found_value(s, OPT_LIBRARY_FOLDERS) && names_no_folder(path)
                        ? "it names no song folder: --force writes what was found, and keeps the old one"
                        : "--force writes a new one, and keeps the old one");
}

static int store(const struct setup *s)
{
    char *path = config_place(s);
    struct buf text;
    int rc = EXIT_FINE;

    if (!path) {
        complain("there is no HOME to write a configuration to");
        return EXIT_FAILED;
    }
    buf_init(&text, 0);
    put_file(&text, s);
    if (access(path, F_OK) == 0 && !s->force) {
        tell_kept(s, path);
    } else {
        rc = write_config(s, path, &text);
        if (rc == EXIT_FINE)
            tell("configuration", mem_printf("%s is written", path));
    }
    buf_deinit(&text);
    free(path);
    return rc;
}

char *start_command(bool system, const char *verb)
{
    if (access("/run/systemd/system", F_OK) != 0)   /* as sd_booted(3) has it */
        return mem_strdup("songbookd");
    return mem_printf("%ssystemctl %s%s songbookd", system && geteuid() != 0 ? "sudo " : "", system ? "" : "--user ", verb);
}

static void tell_next(const struct setup *s)
{
    char *start = start_command(s->system, s->force ? "restart" : "enable --now");
    bool named = found_value(s, OPT_LIBRARY_FOLDERS) != NULL;

    if (!named)
        print_field("next", "name the folder of your songs there: folders = DIR, below [library]");
    tell(named ? "next" : "", mem_printf("%s%s; songbookctl doctor", named ? "" : "then ", start));
    free(start);
}

int cmd_setup(struct ctl *ctl, int argc, char **argv)
{
    struct setup s = {0};
    const struct arg_option own[] = {{"--system", &s.system, NULL},
                                     {"--home", NULL, &s.home},
                                     {"--dry-run", &s.dry_run, NULL},
                                     {"--force", &s.force, NULL},
                                     ARGS_END};
    struct buf text;
    int rc = args_read(ctl, &argc, argv, own, 0, 0);

    if (rc != GO_ON)
        return rc;
    if (s.home && (s.home[0] != '/' || access(s.home, X_OK)))
        return args_refuse(ctl, "'--home %s' is no folder that can be entered; give a whole path", s.home);
    s.system = s.system || geteuid() == 0;
    pikaraoke_find(s.home, s.system, &s.found);
    if (s.dry_run) {
        buf_init(&text, 0);
        put_file(&text, &s);
        fputs(buf_cstr(&text), stdout);
        buf_deinit(&text);
        rc = EXIT_FINE;
    } else {
        tell_found(&s);
        rc = store(&s);
        if (rc == EXIT_FINE)
            tell_next(&s);
    }
    pikaraoke_place_deinit(&s.found);
    return print_finish(rc);
}
