/* The client of songbookd: a table of commands, most of them one HTTP request each.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 69 no daemon, 75 try again later, 78 configuration.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "build_config.h"
#include "ctl/ctl.h"

static const struct command commands[] = {
    {"status", "", "How far the work is", cmd_status},
    {"start", "", "Start the worker", cmd_worker},
    {"pause", "", "Pause the worker; what is in flight ends", cmd_worker},
    {"resume", "", "Let a paused worker go on", cmd_worker},
    {"stop", "", "Stop the worker", cmd_worker},
    {"scan", "[--accept-missing]", "Look through the library folders now", cmd_scan},
    {"queue", "[ID...|--all|--failed] [--priority N]", "Queue songs; without any, count what waits", cmd_queue},
    {"songs", "[--q TEXT] [FILTER...] [--limit N|--all]", "List songs (filters: see 'songs --help')", cmd_songs},
    {"show", "ID", "One song with all its fields", cmd_show},
    {"explain", "ID", "Where a song's values come from", cmd_explain},
    {"edit", "ID NAME=VALUE...", "Set artist, title, variant, year, genre, or verified=yes", cmd_edit},
    {"accept", "ID N", "Take suggestion N for the song", cmd_decide},
    {"reject", "ID N", "Refuse suggestion N for the song", cmd_decide},
    {"suggest", "ID [artist=TEXT title=TEXT] [--limit N] [--ask]",
     "Suggestions for a song; --ask or words ask the providers", cmd_suggest},
    {"undo", "[BATCH|--change ID|--since TIME] [OPTION...]",
     "Take changes back; without any, a person's latest", cmd_undo},
    {"changes", "[--limit N]", "What was changed, latest first", cmd_changes},
    {"providers", "", "State of the metadata services", cmd_providers},
    {"events", "[--follow] [--since SEQ]", "What happened, as JSON lines", cmd_events},
    {"pikaraoke", "[status|publish on|publish off]", "PiKaraoke beside us: followed, published, held back", cmd_pikaraoke},
    {"settings", "[KEY[=VALUE]|--unset KEY|--test PROVIDER]", "Show or change settings", cmd_settings},
    {"forget", "[ID...] [--yes]", "Forget absent songs; without ID all of them", cmd_forget},
    {"export", "[--format csv|json|html] [--output FILE] [NAME=VALUE...]", "The songbook as a table or a page", cmd_export},
    {"pair", "[--name NAME|--list|--revoke ID]", "A code for another device; or the paired devices", cmd_pair},
    {"health", "", "Whether the daemon is well", cmd_health},
    {"check", "[--database PATH]", "Whether the database is whole; also without the daemon", cmd_check},
    {"backup", "[--database PATH] [FILE]", "A copy of the database; also while the daemon works", cmd_backup},
    {"restore", "[--database PATH] FILE", "Put a backup in the database's place; daemon stopped", cmd_restore},
    {"answers", "export|import [FILE|-]", "Carry what providers said to another songbookd", cmd_answers},
    {"setup", "[--system] [--home DIR] [--dry-run] [--force]", "Find PiKaraoke and its songs, write a configuration", cmd_setup},
    {"doctor", "[--config FILE]", "Look for what keeps songbookd from its work", cmd_doctor},
    {"parse", "[--tsv|--json] [--library] [FILE|-]", "Read names offline, one a line", cmd_parse},
};

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void help(void)
{
    puts("Usage: songbookctl [--socket PATH|--url URL] [--token-file FILE] [--json]\n"
         "                   COMMAND [ARGUMENT...]\n"
         "Asks a running songbookd. Without --socket or --url: the default socket, then\n"
         "http://127.0.0.1:5560.\n\nCommands:");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    puts("\nOptions:\n"
         "  --socket PATH  the daemon's Unix socket\n"
         "  --url URL      the daemon's address, http://HOST[:PORT]\n"
         "  --token-file FILE  where the daemon's token stands (mode 0600), for --url\n"
         "  --json         JSON instead of text\n"
         "  --help         this text; behind a command, its usage\n"
         "  --version      the version\n\n"
         "Exit codes: 0 done, 1 failed, 2 wrong usage, 69 no daemon, 75 try again later,\n"
         "78 configuration.");
}

/* Index of the command's name among the arguments: behind global options and their values. */
static int command_at(int argc, char **argv)
{
    int i = 1;

    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        bool pair = strcmp(argv[i], "--socket") == 0 || strcmp(argv[i], "--url") == 0 ||
                    strcmp(argv[i], "--token-file") == 0;
        i += pair ? 2 : 1;
    }
    return i < argc ? i : argc;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {0};
    int at = command_at(argc, argv), before = at - 1;

    for (int i = 1; i < at; i++)
        if (strcmp(argv[i], "--version") == 0) {
            puts("songbookctl " SONGBOOKD_VERSION);
            return print_done() ? EXIT_FINE : EXIT_FAILED;
        }
    if (args_read(&ctl, &before, argv + 1, NULL, 0, 0) != GO_ON)
        return EXIT_USAGE;
    if (ctl.help || (at < argc && strcmp(argv[at], "help") == 0)) {
        help();
        return print_done() ? EXIT_FINE : EXIT_FAILED;
    }
    if (at >= argc)
        return args_refuse(&ctl, "a command is missing");
    ctl.command = command_named(argv[at]);
    if (!ctl.command)
        return args_refuse(&ctl, "unknown command '%s'", argv[at]);
    return ctl.command->run(&ctl, argc - at - 1, argv + at + 1);
}
