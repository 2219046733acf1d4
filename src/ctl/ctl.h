/* songbookctl's own words: what a command gets, how it reads its arguments, asks the daemon and prints.
 *
 * Data goes to stdout, messages to stderr. Everything that comes from a name or from the daemon is
 * escaped before a terminal sees it. A command returns the exit code of the program.
 */
#ifndef SONGBOOKD_CTL_CTL_H
#define SONGBOOKD_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define GO_ON (-1)           /* no exit code: the command runs on */

enum exit_code {
    EXIT_FINE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_DAEMON = 69,
    EXIT_TEMPORARY = 75,
    EXIT_CONFIG = 78
};

/* One call of the program. */
struct ctl {
    const char *socket;      /* --socket; borrowed; NULL when not given */
    const char *token_file;  /* --token-file; borrowed; NULL when not given */
    const char *url;         /* --url; borrowed; NULL when not given */
    bool json;               /* --json: the daemon's JSON as it came */
    bool help;               /* --help stood behind the command */
    bool quiet;              /* ask tells nothing on stderr: the command has words of its own */
    const struct command *command;
};

/* A row of the table of commands in songbookctl.c. */
struct command {
    const char *name;
    const char *args;        /* as shown by --help */
    const char *help;        /* one line */
    int (*run)(struct ctl *ctl, int argc, char **argv);   /* argv: what stands behind the name */
};

/* Arguments (ctl_args.c) */

struct arg_option {
    const char *name;        /* "--limit" */
    bool *flag;              /* set when the option stands alone ... */
    const char **value;      /* ... or gets the text behind it */
};
#define ARGS_END {NULL, NULL, NULL}

/* Takes the options (and the global ones, which may stand anywhere) out of argv; what remains are words.
 * "--" ends the options. min and max bound the number of words, max < 0 for any. Returns GO_ON, or the exit code after
 * the help was printed or a wrong usage told. */
int args_read(struct ctl *ctl, int *argc, char **argv, const struct arg_option *own, int min, int max);
/* A whole number from low to high; tells what was wrong and returns ERR_USAGE. */
int args_number(const char *what, const char *text, long long low, long long high, long long *out);
/* A message on stderr with the way to the help; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int args_refuse(const struct ctl *ctl, const char *fmt, ...);

/* Asking the daemon (ctl_request.c) */

struct reply {
    int status;
    char etag[64];           /* "" when none */
    struct buf body;
    cJSON *json;             /* NULL when the body is none */
};
void reply_deinit(struct reply *r);

/* Sends one request; body NULL for none. Returns EXIT_FINE with a reply of status 2xx, otherwise an exit code after the
 * cause was told on stderr (the daemon's problem detail). *r is always to be released by reply_deinit. */
int ask(struct ctl *ctl, const char *method, const char *path, const char *body, const char *if_match, struct reply *r);
/* Same for an answer that is passed on as it comes: on_piece returns false to stop reading (that is success).
 * patient: no time-out between pieces. */
int ask_stream(struct ctl *ctl, const char *path, bool patient, bool (*on_piece)(void *arg, struct slice piece), void *arg);
/* Prints the reply's JSON as it came (--json) and returns EXIT_FINE. */
int print_raw(const struct reply *r);
/* Asks and prints the answer as print_answer does. */
int ask_and_show(struct ctl *ctl, const char *method, const char *path, const char *body);
/* Adds "?name=value" or "&name=value", percent-encoded; nothing when value is NULL. */
void query_add(struct buf *path, const char *name, const char *value);
/* Adds words of the command line, each NAME=VALUE; EXIT_FINE, or the exit code after a complaint. */
int query_conditions(const struct ctl *ctl, int n, char **words, struct buf *path);

/* Printing (ctl_print.c) */

struct column {
    const char *title;
    int width;               /* cells on the terminal; the last column takes what is left of 80 */
    bool right;              /* numbers */
};
/* A message on stderr: "songbookctl: ..." */
__attribute__((format(printf, 1, 2))) void complain(const char *fmt, ...);
/* Escaped for a terminal; NULL as "-". */
void print_text(const char *s);
void print_head(const struct column *c, size_t n);
/* Cuts each cell to its width, with an ellipsis. */
void print_row(const struct column *c, const char *const *cells, size_t n);
/* "name: value" with names of equal width. */
void print_field(const char *name, const char *value);
/* The text of a scalar: strings as they are, whole numbers without a point, "yes"/"no", "-" for null. Returns new. */
char *json_words(const cJSON *v);
/* Any JSON as indented "name: value" lines. */
void print_tree(const cJSON *v, int indent);
/* The answer's tree, or its JSON with --json. */
int print_answer(const struct ctl *ctl, const struct reply *r);
/* True when stdout could be written; tells on stderr when not. */
bool print_done(void);
/* The command's last word: rc, or EXIT_FAILED when the output could not be written. */
int print_finish(int rc);

/* The commands; ctl_service.c: the daemon and its worker, ctl_songs.c: one song, ctl_library.c: many songs. */
int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_worker(struct ctl *ctl, int argc, char **argv);
int cmd_scan(struct ctl *ctl, int argc, char **argv);
int cmd_providers(struct ctl *ctl, int argc, char **argv);
int cmd_health(struct ctl *ctl, int argc, char **argv);
int cmd_events(struct ctl *ctl, int argc, char **argv);
int cmd_settings(struct ctl *ctl, int argc, char **argv);
int cmd_pikaraoke(struct ctl *ctl, int argc, char **argv);   /* ctl_pikaraoke.c */

int cmd_show(struct ctl *ctl, int argc, char **argv);
int cmd_explain(struct ctl *ctl, int argc, char **argv);
int cmd_edit(struct ctl *ctl, int argc, char **argv);
int cmd_decide(struct ctl *ctl, int argc, char **argv);
int cmd_suggest(struct ctl *ctl, int argc, char **argv);

int cmd_songs(struct ctl *ctl, int argc, char **argv);
int cmd_queue(struct ctl *ctl, int argc, char **argv);
int cmd_changes(struct ctl *ctl, int argc, char **argv);
int cmd_undo(struct ctl *ctl, int argc, char **argv);
int cmd_forget(struct ctl *ctl, int argc, char **argv);

/* ctl_database.c: the file itself, with or without a daemon */
int cmd_check(struct ctl *ctl, int argc, char **argv);
int cmd_backup(struct ctl *ctl, int argc, char **argv);
int cmd_restore(struct ctl *ctl, int argc, char **argv);
int cmd_export(struct ctl *ctl, int argc, char **argv);
int cmd_pair(struct ctl *ctl, int argc, char **argv);

int cmd_parse(struct ctl *ctl, int argc, char **argv);

/* ctl_setup.c, ctl_doctor.c: the machine around the daemon */
int cmd_answers(struct ctl *ctl, int argc, char **argv);   /* ctl_answers.c */
int cmd_setup(struct ctl *ctl, int argc, char **argv);
int cmd_doctor(struct ctl *ctl, int argc, char **argv);
/* What a person types to start (or "restart") the service here, of the system or of this user; returns new. */
char *start_command(bool system, const char *verb);

#endif
