/* Options: one table for the file, the environment, the command line, settings made through the API, --help and docs.
 *
 * Precedence: command line > environment > settings (API) > file > default; every value knows its
 * origin. An unknown key is an error with its line and the nearest name; all errors of a file are
 * reported at once. Secrets print as "set". Files are read before the loop runs.
 */
#ifndef SONGBOOKD_CONFIG_CONFIG_H
#define SONGBOOKD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

enum option_id {
    OPT_SERVER_LISTEN, OPT_SERVER_SOCKET, OPT_SERVER_TOKEN_FILE, OPT_SERVER_HOSTS,
    OPT_LIBRARY_FOLDERS, OPT_LIBRARY_WATCH, OPT_LIBRARY_RESCAN_MINUTES,
    OPT_DATABASE_PATH,
    OPT_KEY_LASTFM, OPT_KEY_LISTENBRAINZ,
    OPT_LASTFM_ENABLED, OPT_LASTFM_URL, OPT_LASTFM_RATE, OPT_LASTFM_CA_FILE,
    OPT_MUSICBRAINZ_ENABLED, OPT_MUSICBRAINZ_URL, OPT_MUSICBRAINZ_RATE, OPT_MUSICBRAINZ_CONTACT, OPT_MUSICBRAINZ_CA_FILE,
    OPT_LISTENBRAINZ_ENABLED, OPT_LISTENBRAINZ_URL, OPT_LISTENBRAINZ_LABS_URL, OPT_LISTENBRAINZ_RATE, OPT_LISTENBRAINZ_CA_FILE,
    OPT_ENRICHMENT_AUTOSTART, OPT_ENRICHMENT_GATHER, OPT_ENRICHMENT_MAX_ATTEMPTS,
    OPT_PIKARAOKE_DATABASE, OPT_PIKARAOKE_PUBLISH, OPT_PIKARAOKE_URL, OPT_PIKARAOKE_MACHINE_ROOT,
    OPT_DASHBOARD_ORDER, OPT_DASHBOARD_REVIEW_BELOW, OPT_DASHBOARD_GUESTS,
    OPT_CHANGES_KEEP_DAYS,
    OPT_EVENTS_FILE,
    OPT_LOG_LEVEL,
    OPT_COUNT
};

enum option_type { OPTION_TEXT, OPTION_PATH, OPTION_BOOL, OPTION_NUMBER, OPTION_URL, OPTION_LIST };
enum option_flags {
    OPTION_SECRET = 1,   /* never shown; stored only in the keys file */
    OPTION_LIVE = 2,     /* may change while running through PATCH /settings */
    OPTION_REPEAT = 4,   /* may stand several times in the file, each adding one entry */
    OPTION_WHOLE = 8,    /* a number without a fraction */
    OPTION_NONE = 16     /* "none" (or "-" for events) is a value of its own, not a path */
};
struct option_row {
    const char *name;        /* "lastfm.rate"; "API_KEYS.lastfm" */
    const char *env;         /* extra environment name beside SONGBOOKD_<SECTION>_<KEY>, or NULL */
    enum option_type type;
    const char *fallback;    /* default as text; "" for empty */
    double min, max;         /* for numbers */
    const char *unit;        /* "requests/s", "minutes"; NULL */
    int flags;
    const char *help;        /* one sentence */
};
extern const struct option_row options[OPT_COUNT];

enum config_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_SETTING, ORIGIN_ENVIRONMENT, ORIGIN_COMMAND_LINE };
const char *config_origin_name(enum config_origin o);   /* "default", "file", "setting", "environment", "command line" */

struct config;
struct config *config_new(void);                        /* every option at its default */
void config_free(struct config *c);

/* Each layer keeps its own values, so that a later removal uncovers the one below. Values are checked when they are set.
 * Names are compared without case. A list is set from text with one entry a line. "~/" is expanded; a relative path counts
 * from the working directory, in a file from the file's folder, and is refused in ORIGIN_SETTING.
 * A secret is never in a message. */
/* An unknown name: the nearest one is in the text. */
int config_set(struct config *c, enum config_origin layer, const char *name, const char *value, struct err *e);
int config_unset(struct config *c, enum config_origin layer, const char *name, struct err *e);
/* One more entry of a list. */
int config_add(struct config *c, enum config_origin layer, const char *name, const char *value, struct err *e);
/* Reads an INI file into ORIGIN_FILE. Reports every error: report(arg, "FILE:12: ...") each; returns ERR_CONFIG if
 * there was one, ERR_NOT_FOUND if the file cannot be opened. Values stay as before when it fails. */
int config_read_file(struct config *c, const char *path, void (*report)(const char *line, void *arg), void *arg);
/* LASTFM_API_KEY, LISTENBRAINZ_TOKEN, SONGBOOKD_<SECTION>_<KEY>; an unknown SONGBOOKD_ name is an error as in a file. */
int config_read_environment(struct config *c, char **environ_, void (*report)(const char *line, void *arg), void *arg);
/* systemd's credentials: the text of DIRECTORY/songbookd.lastfm and the like (one file for each secret option, named after its
 * key) into ORIGIN_FILE, above what the file says. directory NULL or without such files: nothing. The text is in no message. */
int config_read_credentials(struct config *c, const char *directory, struct err *e);
/* A file that was read anew into `fresh`: its ORIGIN_FILE layer replaces that of c if the whole then passes config_check;
 * otherwise c stays as it was (ERR_CONFIG). told(arg, name, true) is called for every option whose value in force is another
 * now, told(arg, name, false) for one that is not OPTION_LIVE: it keeps its value until the next start. */
int config_take_file(struct config *c, struct config *fresh, void (*told)(void *arg, const char *option, bool taken), void *arg,
                     struct err *e);
/* Checks that concern several values: a public listen address needs a token file, a rate above the default a mirror. */
int config_check(const struct config *c, struct err *e);

const char *config_text(const struct config *c, enum option_id id);      /* "" when empty; borrowed until that value changes */
/* A rate never passes its default while url is the provider's own host. */
double config_number(const struct config *c, enum option_id id);
bool config_bool(const struct config *c, enum option_id id);
size_t config_count(const struct config *c, enum option_id id);          /* entries of a list */
const char *config_at(const struct config *c, enum option_id id, size_t i);
enum config_origin config_origin(const struct config *c, enum option_id id);
int option_find(const char *name);                                       /* option_id or -1 */
const char *option_nearest(const char *name);                            /* the name a person probably meant, or NULL */

/* Parts of "HOST:PORT" or "[V6]:PORT"; false when it is neither. */
bool config_split_listen(const char *text, char host[256], int *port);
/* True for localhost, 127.0.0.0/8 and ::1. */
bool config_host_is_loopback(const char *host);

/* Writes one object with every option as {"name":{"value","origin","unit","help","live","secret"}}; secrets as
 * "set"/"not set" in value. */
void config_json(const struct config *c, struct json_out *o);

/* The keys file (mode 0600) beside the database: secrets set through the API.
 * A missing file is fine; a file others can read is refused. */
int keys_file_read(struct config *c, const char *path, struct err *e);
int keys_file_write(const struct config *c, const char *path, struct err *e);  /* atomically; writes ORIGIN_SETTING secrets */

/* The API's token out of a file of one line, mode 0600, at least 16 characters. *token is new memory. */
int token_file_read(const char *path, char **token, struct err *e);

/* Default places: database, socket and configuration path for a system service or a user (XDG). Returns new. */
char *default_database_path(void);
char *default_socket_path(void);
char *default_config_path(void);      /* the first that exists, or NULL */
char *default_config_place(void);     /* where a new one belongs; NULL without a home */
#define SYSTEM_CONFIG "/etc/songbookd/songbookd.conf"
/* Where PiKaraoke keeps its database below a home. */
#define PIKARAOKE_FILE ".pikaraoke/pikaraoke.db"
/* Where that usually is: NULL-terminated, the likeliest first; new memory, each and all. */
#define PIKARAOKE_PLACES_MAX 4
char **default_pikaraoke_paths(void);

/* The options of the command line as printed by --help, from the table; fits 80 columns. */
void config_help(struct buf *out);

#endif
