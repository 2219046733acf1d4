/* The command line of songbookd; see args.h. */
#include "daemon/args.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    ARG_CONFIG = 256, ARG_DATABASE, ARG_LISTEN, ARG_SOCKET, ARG_PIKARAOKE, ARG_SET, ARG_EVENTS, ARG_ONCE, ARG_WAIT, ARG_CHECK
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, ARG_CONFIG},
    {"database", required_argument, NULL, ARG_DATABASE},
    {"listen", required_argument, NULL, ARG_LISTEN},
    {"socket", required_argument, NULL, ARG_SOCKET},
    {"pikaraoke-db", required_argument, NULL, ARG_PIKARAOKE},
    {"set", required_argument, NULL, ARG_SET},
    {"events", required_argument, NULL, ARG_EVENTS},
    {"once", no_argument, NULL, ARG_ONCE},
    {"wait", required_argument, NULL, ARG_WAIT},
    {"check-config", no_argument, NULL, ARG_CHECK},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

void args_print_help(void)
{
    struct buf b;

    fputs("usage: songbookd [OPTION]... [SONGS_DIR ...]\n"
          "\n"
          "Gives a karaoke library clean artists, titles, years and genres.\n"
          "\n"
          "  --config FILE          read this configuration\n"
          "  --database FILE        keep songbook.db here\n"
          "  --listen HOST:PORT     address of the API (may repeat); 'none' for no TCP\n"
          "  --socket PATH          Unix socket of the API; 'none' for none\n"
          "  --pikaraoke-db FILE    PiKaraoke's database; 'none' to ignore it\n"
          "  --set SECTION.KEY=VAL  set any option below (may repeat)\n"
          "  --events FILE|-        write events as JSON lines\n"
          "  --once                 scan, work until the queue is empty, then exit:\n"
          "                         0 done, 3 done with failures, 75 stuck\n"
          "  --wait SECONDS         with --once: how long without an advance is stuck\n"
          "                         (default 120)\n"
          "  --check-config         check the configuration and exit: 0 or 78\n"
          "  -h, --help             this text\n"
          "  -V, --version          the version\n"
          "\n"
          "Options for the file, --set and SONGBOOKD_<SECTION>_<KEY>:\n",
          stdout);
    buf_init(&b, 0);
    config_help(&b);
    fputs(buf_cstr(&b), stdout);
    buf_deinit(&b);
}

static int set_pair(struct config *c, const char *pair, struct err *e)
{
    const char *eq = strchr(pair, '=');
    char *name;
    int id, rc;

    if (!eq)
        return err_set(e, ERR_USAGE, "'--set %s' needs the form section.key=value", pair);
    name = mem_strndup(pair, (size_t)(eq - pair));
    id = option_find(name);
    if (id >= 0 && options[id].flags & OPTION_SECRET)
        rc = err_set(e, ERR_USAGE,
                     "'%s' is a secret and would be visible to everyone in the process list; use the environment or the file",
                     name);
    else
        rc = config_set(c, ORIGIN_COMMAND_LINE, name, eq + 1, e);
    free(name);
    return rc;
}

static int set_list(struct config *c, const char *name, const char *value, struct err *e)
{
    if (strcmp(value, "none") == 0)
        return config_set(c, ORIGIN_COMMAND_LINE, name, "none", e);
    return config_add(c, ORIGIN_COMMAND_LINE, name, value, e);
}

static int add_folder(struct config *c, const char *arg, struct err *e)
{
    char *absolute, *cwd;
    size_t n;
    int rc;

    if (arg[0] == '/') {
        absolute = mem_strdup(arg);
    } else {
        cwd = getcwd(NULL, 0);
        absolute = mem_printf("%s/%s", cwd ? cwd : "", arg);
        free(cwd);
    }
    for (n = strlen(absolute); n > 1 && absolute[n - 1] == '/';)
        absolute[--n] = '\0';
    rc = config_add(c, ORIGIN_COMMAND_LINE, "library.folders", absolute, e);
    free(absolute);
    return rc;
}

static int read_wait(const char *text, uint64_t *out, struct err *e)
{
    char *end;
    double s = strtod(text, &end);

    if (!*text || *end || !(s >= 0 && s <= 86400))
        return err_set(e, ERR_USAGE, "'--wait %s' needs seconds between 0 and 86400", text);
    *out = (uint64_t)s;
    return 0;
}

static int read_option(int opt, struct args *out, struct config *c, struct err *e)
{
    switch (opt) {
    case ARG_CONFIG:
        out->config_path = optarg;
        return 0;
    case ARG_DATABASE:
        return config_set(c, ORIGIN_COMMAND_LINE, "database.path", optarg, e);
    case ARG_LISTEN:
        return set_list(c, "server.listen", optarg, e);
    case ARG_SOCKET:
        return config_set(c, ORIGIN_COMMAND_LINE, "server.socket", optarg, e);
    case ARG_PIKARAOKE:
        return config_set(c, ORIGIN_COMMAND_LINE, "pikaraoke.database", optarg, e);
    case ARG_SET:
        return set_pair(c, optarg, e);
    case ARG_EVENTS:
        return config_set(c, ORIGIN_COMMAND_LINE, "events.file", optarg, e);
    case ARG_ONCE:
        out->once = true;
        return 0;
    case ARG_WAIT:
        return read_wait(optarg, &out->wait_s, e);
    case ARG_CHECK:
        out->check_config = true;
        return 0;
    case 'h':
        out->help = true;
        return 0;
    case 'V':
        out->version = true;
        return 0;
    default:
        return ERR_USAGE;
    }
}

int args_read(int argc, char **argv, struct args *out, struct config *c, struct err *e)
{
    int opt, rc;

    *out = (struct args){.wait_s = 120};
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":hV", long_options, NULL)) != -1) {
        const char *word = argv[optind - 1];
        if (opt == ':')
            return err_set(e, ERR_USAGE, "'%s' needs a value; see songbookd --help", word);
        if (opt == '?')
            return err_set(e, ERR_USAGE, "there is no option '%s'; see songbookd --help", word);
        rc = read_option(opt, out, c, e);
        if (rc)
            return rc;
    }
    for (; optind < argc; optind++) {
        rc = add_folder(c, argv[optind], e);
        if (rc)
            return rc;
    }
    return 0;
}
