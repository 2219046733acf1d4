/* The table of options and finding names in it; see config.h. Pure. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define SECRET_LIVE (OPTION_SECRET | OPTION_LIVE)
#define NAME_MAX_BYTES 64
/* No provider and no mirror gets more than this. */
#define RATE_MAX 1000

const struct option_row options[OPT_COUNT] = {
    [OPT_SERVER_LISTEN] = {"server.listen", NULL, OPTION_LIST, "127.0.0.1:5560", 0, 0, NULL, OPTION_REPEAT | OPTION_NONE,
                           "address of the API as HOST:PORT, or none; other than loopback needs server.token_file"},
    [OPT_SERVER_SOCKET] = {"server.socket", NULL, OPTION_PATH, "", 0, 0, NULL, OPTION_NONE,
                           "Unix socket of the API, or none; empty for the default place"},
    [OPT_SERVER_TOKEN_FILE] = {"server.token_file", NULL, OPTION_PATH, "", 0, 0, NULL, 0,
                               "file (mode 0600) with the token that other devices have to send"},
    [OPT_SERVER_HOSTS] = {"server.hosts", NULL, OPTION_LIST, "", 0, 0, NULL, OPTION_REPEAT,
                          "further name of this machine, NAME or NAME:PORT, under which it or a proxy before it is reached"},
    [OPT_LIBRARY_FOLDERS] = {"library.folders", NULL, OPTION_LIST, "", 0, 0, NULL, OPTION_REPEAT,
                             "folder with songs; one a line, the line may repeat"},
    [OPT_LIBRARY_WATCH] = {"library.watch", NULL, OPTION_BOOL, "yes", 0, 0, NULL, 0, "notice new files at once"},
    [OPT_LIBRARY_RESCAN_MINUTES] = {"library.rescan_minutes", NULL, OPTION_NUMBER, "60", 1, 10080, "minutes", OPTION_WHOLE,
                                    "time between full looks through the folders"},
    [OPT_DATABASE_PATH] = {"database.path", NULL, OPTION_PATH, "", 0, 0, NULL, 0,
                           "the songbook's database; empty for the default place"},
    [OPT_KEY_LASTFM] = {"API_KEYS.lastfm", "LASTFM_API_KEY", OPTION_TEXT, "", 0, 0, NULL, SECRET_LIVE,
                        "your key for Last.fm; without one Last.fm is not asked"},
    [OPT_KEY_LISTENBRAINZ] = {"API_KEYS.listenbrainz", "LISTENBRAINZ_TOKEN", OPTION_TEXT, "", 0, 0, NULL, SECRET_LIVE,
                              "your user token for ListenBrainz"},
    [OPT_LASTFM_ENABLED] = {"lastfm.enabled", NULL, OPTION_BOOL, "yes", 0, 0, NULL, OPTION_LIVE, "ask Last.fm"},
    [OPT_LASTFM_URL] = {"lastfm.url", NULL, OPTION_URL, "https://ws.audioscrobbler.com/2.0/", 0, 0, NULL, 0,
                        "address of Last.fm up to and including /2.0/"},
    [OPT_LASTFM_RATE] = {"lastfm.rate", NULL, OPTION_NUMBER, "5", 0.01, RATE_MAX, "requests/s", OPTION_LIVE,
                         "pace of requests to Last.fm; above the default only for a mirror"},
    [OPT_LASTFM_CA_FILE] = {"lastfm.ca_file", NULL, OPTION_PATH, "", 0, 0, NULL, 0,
                            "certificates to trust for Last.fm in place of the system's"},
    [OPT_MUSICBRAINZ_ENABLED] = {"musicbrainz.enabled", NULL, OPTION_BOOL, "yes", 0, 0, NULL, OPTION_LIVE, "ask MusicBrainz"},
    [OPT_MUSICBRAINZ_URL] = {"musicbrainz.url", NULL, OPTION_URL, "https://musicbrainz.org/ws/2", 0, 0, NULL, 0,
                             "address of MusicBrainz up to and including /ws/2"},
    [OPT_MUSICBRAINZ_RATE] = {"musicbrainz.rate", NULL, OPTION_NUMBER, "1", 0.01, RATE_MAX, "requests/s", OPTION_LIVE,
                              "pace of requests to MusicBrainz; above the default only for a mirror"},
    [OPT_MUSICBRAINZ_CONTACT] = {"musicbrainz.contact", NULL, OPTION_TEXT, "", 0, 0, NULL, OPTION_LIVE,
                                 "your mail or web address, sent along so that the service can reach you"},
    [OPT_MUSICBRAINZ_CA_FILE] = {"musicbrainz.ca_file", NULL, OPTION_PATH, "", 0, 0, NULL, 0,
                                 "certificates to trust for MusicBrainz in place of the system's"},
    [OPT_LISTENBRAINZ_ENABLED] = {"listenbrainz.enabled", NULL, OPTION_BOOL, "yes", 0, 0, NULL, OPTION_LIVE, "ask ListenBrainz"},
    [OPT_LISTENBRAINZ_URL] = {"listenbrainz.url", NULL, OPTION_URL, "https://api.listenbrainz.org", 0, 0, NULL, 0,
                              "address of ListenBrainz, host only"},
    [OPT_LISTENBRAINZ_LABS_URL] = {"listenbrainz.labs_url", NULL, OPTION_URL, "https://labs.api.listenbrainz.org", 0, 0, NULL, 0,
                                   "address of the ListenBrainz labs, host only"},
    [OPT_LISTENBRAINZ_RATE] = {"listenbrainz.rate", NULL, OPTION_NUMBER, "1", 0.01, RATE_MAX, "requests/s", OPTION_LIVE,
                               "pace of requests to ListenBrainz; above the default only for a mirror"},
    [OPT_LISTENBRAINZ_CA_FILE] = {"listenbrainz.ca_file", NULL, OPTION_PATH, "", 0, 0, NULL, 0,
                                  "certificates to trust for ListenBrainz in place of the system's"},
    [OPT_ENRICHMENT_AUTOSTART] = {"enrichment.autostart", NULL, OPTION_BOOL, "yes", 0, 0, NULL, 0,
                                  "start the worker by itself on the first start"},
    [OPT_ENRICHMENT_GATHER] = {"enrichment.gather", NULL, OPTION_BOOL, "yes", 0, 0, NULL, OPTION_LIVE,
                               "store what is learnt of many songs in few transactions: spares a memory card"},
    [OPT_ENRICHMENT_MAX_ATTEMPTS] = {"enrichment.max_attempts", NULL, OPTION_NUMBER, "3", 1, 20, "attempts",
                                     OPTION_LIVE | OPTION_WHOLE, "failed attempts before a song is given up"},
    [OPT_PIKARAOKE_DATABASE] = {"pikaraoke.database", NULL, OPTION_PATH, "", 0, 0, NULL, OPTION_NONE,
                                "PiKaraoke's database, or none; empty to look where it usually is"},
    [OPT_PIKARAOKE_PUBLISH] = {"pikaraoke.publish", NULL, OPTION_BOOL, "no", 0, 0, NULL, OPTION_LIVE,
                               "fill the empty columns of PiKaraoke's database"},
    [OPT_PIKARAOKE_URL] = {"pikaraoke.url", NULL, OPTION_URL, "", 0, 0, NULL, 0,
                           "address of PiKaraoke's own pages; empty for http://127.0.0.1:5555 beside its database"},
    [OPT_PIKARAOKE_MACHINE_ROOT] = {"pikaraoke.machine_root", NULL, OPTION_PATH, "", 0, 0, NULL, 0,
                                    "folder whose proc and sys tell load and heat, for tests; empty for the machine's own"},
    [OPT_DASHBOARD_ORDER] = {"dashboard.order", NULL, OPTION_TEXT, "artist-title", 0, 0, NULL, OPTION_LIVE,
                             "how names are shown: artist-title or title-artist"},
    [OPT_DASHBOARD_REVIEW_BELOW] = {"dashboard.review_below", NULL, OPTION_NUMBER, "0.85", 0.01, 1, NULL, OPTION_LIVE,
                                    "songs below this confidence stand in the review"},
    [OPT_DASHBOARD_GUESTS] = {"dashboard.guests", NULL, OPTION_BOOL, "no", 0, 0, NULL, OPTION_LIVE,
                              "let everyone who reaches the address read the songbook page, and nothing else"},
    [OPT_CHANGES_KEEP_DAYS] = {"changes.keep_days", NULL, OPTION_NUMBER, "365", 1, 36500, "days", OPTION_LIVE | OPTION_WHOLE,
                               "how long changes made by the worker can be taken back; those of persons stay for ever"},
    [OPT_EVENTS_FILE] = {"events.file", NULL, OPTION_PATH, "", 0, 0, NULL, OPTION_NONE,
                         "write events as JSON lines to this file, or - for stdout"},
    [OPT_LOG_LEVEL] = {"log.level", NULL, OPTION_TEXT, "info", 0, 0, NULL, OPTION_LIVE, "error, warn, info or debug"},
};

int option_find(const char *name)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (strcasecmp(options[i].name, name) == 0)
            return i;
    return -1;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

/* Edit distance without case; both texts are shorter than NAME_MAX_BYTES. */
static int distance(const char *a, const char *b)
{
    int row[NAME_MAX_BYTES + 1], n = (int)strlen(b);

    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            if (diagonal + 1 < best)
                best = diagonal + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

static const char *key_part(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot ? dot + 1 : name;
}

const char *option_nearest(const char *name)
{
    const char *best = NULL;
    int allowed = 2, n = (int)strlen(name);

    if (n >= NAME_MAX_BYTES)
        return NULL;
    if (n / 4 > allowed)
        allowed = n / 4;
    for (int i = 0; i < OPT_COUNT; i++) {
        int d = distance(name, options[i].name);
        /* The right key in the wrong section, or without one, is a likely slip, too. */
        if (strcasecmp(key_part(name), key_part(options[i].name)) == 0 && d > 2)
            d = 2;
        if (d <= allowed) {
            best = options[i].name;
            allowed = d - 1;
        }
    }
    return best;
}

/* Appends words of `text` behind `indent` blanks, broken before column 80. */
static void add_wrapped(struct buf *out, const char *text, int indent)
{
    int at = 0;

    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at == 0 || at + 1 + n > 79) {
            buf_addf(out, "%s%*s", at ? "\n" : "", indent, "");
            at = indent;
        } else {
            buf_add_byte(out, ' ');
            at++;
        }
        buf_add(out, text, (size_t)n);
        at += n;
        text += n;
        text += strspn(text, " ");
    }
    buf_add_byte(out, '\n');
}

void config_help(struct buf *out)
{
    static const char *const kinds[] = {"TEXT", "PATH", "yes|no", "N", "URL", "ENTRY"};

    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_row *o = &options[i];
        char *text = mem_printf("%s%s%s%s%s%s%s%s", o->help, o->unit ? ", in " : "", o->unit ? o->unit : "",
                                *o->fallback ? " (default " : "", o->fallback, *o->fallback ? ")" : "", o->env ? "; also " : "",
                                o->env ? o->env : "");
        buf_addf(out, "  %s=%s\n", o->name, kinds[o->type]);
        add_wrapped(out, text, 6);
        free(text);
    }
}
