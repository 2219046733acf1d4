/* The configuration: the table, values and their layers, the file, the environment, the keys file, places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"

static char folder[] = "/tmp/test-config-XXXXXX";
static struct buf told;

static void collect(const char *line, void *arg)
{
    (void)arg;
    buf_addf(&told, "%s\n", line);
}

static char *write_file(const char *name, const char *text, size_t n)
{
    char *path = mem_printf("%s/%s", folder, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
    return path;
}

static int read_text(struct config *c, const char *text)
{
    char *path = write_file("songbookd.conf", text, strlen(text));
    int rc;

    buf_reset(&told);
    rc = config_read_file(c, path, collect, NULL);
    free(path);
    return rc;
}

/* What the file is refused with, without the path. */
static const char *refusal(const char *text)
{
    struct config *c = config_new();
    const char *colon;

    assert_int_equal(read_text(c, text), ERR_CONFIG);
    config_free(c);
    colon = strstr(buf_cstr(&told), "songbookd.conf:");
    assert_non_null(colon);
    return colon + strlen("songbookd.conf:");
}

/* --- table --------------------------------------------------------------------------------- */

static void every_row_has_a_name_a_help_and_a_default_that_is_a_value(void **state)
{
    struct config *c = config_new();
    struct err e = {0};

    for (int i = 0; i < OPT_COUNT; i++) {
        assert_non_null(options[i].name);
        assert_non_null(strchr(options[i].name, '.'));
        assert_non_null(options[i].help);
        assert_int_equal(option_find(options[i].name), i);
        assert_int_equal(config_set(c, ORIGIN_COMMAND_LINE, options[i].name, options[i].fallback, &e), 0);
        assert_int_equal(config_origin(c, (enum option_id)i), ORIGIN_COMMAND_LINE);
    }
    config_free(c);
}

static void defaults_are_those_promised(void **state)
{
    static const struct {
        enum option_id id;
        const char *text;
    } rows[] = {
        {OPT_SERVER_LISTEN, "127.0.0.1:5560"},
        {OPT_SERVER_SOCKET, ""},
        {OPT_LIBRARY_WATCH, "yes"},
        {OPT_LIBRARY_RESCAN_MINUTES, "60"},
        {OPT_LASTFM_ENABLED, "yes"},
        {OPT_LASTFM_URL, "https://ws.audioscrobbler.com/2.0/"},
        {OPT_LASTFM_RATE, "5"},
        {OPT_MUSICBRAINZ_URL, "https://musicbrainz.org/ws/2"},
        {OPT_MUSICBRAINZ_RATE, "1"},
        {OPT_LISTENBRAINZ_URL, "https://api.listenbrainz.org"},
        {OPT_LISTENBRAINZ_LABS_URL, "https://labs.api.listenbrainz.org"},
        {OPT_LISTENBRAINZ_RATE, "1"},
        {OPT_ENRICHMENT_AUTOSTART, "yes"},
        {OPT_ENRICHMENT_MAX_ATTEMPTS, "3"},
        {OPT_PIKARAOKE_PUBLISH, "no"},
        {OPT_LOG_LEVEL, "info"},
    };
    struct config *c = config_new();
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(config_text(c, rows[i].id), rows[i].text);
        assert_int_equal(config_origin(c, rows[i].id), ORIGIN_DEFAULT);
    }
    assert_int_equal(config_count(c, OPT_LIBRARY_FOLDERS), 0);
    assert_int_equal(config_check(c, &e), 0);
    config_free(c);
}

static void names_are_found_without_case_and_nearest_names_are_offered(void **state)
{
    static const struct {
        const char *name, *nearest;
    } rows[] = {
        {"lastfm.rat", "lastfm.rate"},
        {"libary.folders", "library.folders"},
        {"library.folder", "library.folders"},
        {"server.folders", "library.folders"},
        {"folders", "library.folders"},
        {"lastfm.cafile", "lastfm.ca_file"},
        {"api_key.lastfm", "API_KEYS.lastfm"},
        {"completely.different", NULL},
        {"", NULL},
    };

    assert_int_equal(option_find("api_keys.LastFM"), OPT_KEY_LASTFM);
    assert_int_equal(option_find("lastfm"), -1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *nearest = option_nearest(rows[i].name);
        if (rows[i].nearest)
            assert_string_equal(nearest, rows[i].nearest);
        else
            assert_null(nearest);
    }
}

static void help_shows_every_option_within_80_columns(void **state)
{
    struct buf b;

    buf_init(&b, 0);
    config_help(&b);
    for (int i = 0; i < OPT_COUNT; i++)
        assert_non_null(strstr(buf_cstr(&b), options[i].name));
    for (const char *p = buf_cstr(&b); *p; p += strcspn(p, "\n") + 1)
        assert_in_range(strcspn(p, "\n"), 1, 80);
    buf_deinit(&b);
}

/* --- values -------------------------------------------------------------------------------- */

static void good_values_are_kept_in_one_spelling(void **state)
{
    static const struct {
        const char *name, *value, *kept;
    } rows[] = {
        {"library.watch", "TRUE", "yes"},
        {"library.watch", "off", "no"},
        {"lastfm.rate", "2.50", "2.5"},
        {"lastfm.rate", "0.01", "0.01"},
        {"enrichment.max_attempts", "05", "5"},
        {"log.level", "DEBUG", "debug"},
        {"lastfm.url", "http://127.0.0.1:8080/2.0/", "http://127.0.0.1:8080/2.0/"},
        {"lastfm.url", "https://[::1]:8443/2.0/", "https://[::1]:8443/2.0/"},
        {"pikaraoke.url", "", ""},
        {"server.listen", "[::1]:5560", "[::1]:5560"},
        {"server.listen", "localhost:0", "localhost:0"},
        {"server.listen", "none", "none"},
        {"server.socket", "none", "none"},
        {"pikaraoke.database", "none", "none"},
        {"events.file", "-", "-"},
        {"database.path", "/a//b/./c.db", "/a/b/c.db"},
        {"library.folders", "/songs/A, B; C/", "/songs/A, B; C"},
        {"library.folders", "/", "/"},
        {"musicbrainz.contact", "me@example.org", "me@example.org"},
    };
    struct config *c = config_new();
    struct err e = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(config_set(c, ORIGIN_SETTING, rows[i].name, rows[i].value, &e), 0);
        assert_string_equal(config_text(c, (enum option_id)option_find(rows[i].name)), rows[i].kept);
    }
    config_free(c);
}

static void wrong_values_are_refused_with_the_allowed_form(void **state)
{
    static const struct {
        const char *name, *value, *form;
    } rows[] = {
        {"library.watch", "maybe", "yes or no"},
        {"library.watch", "", "yes or no"},
        {"lastfm.rate", "fast", "a number from 0.01 to 1000 requests/s"},
        {"lastfm.rate", "", "a number"},
        {"lastfm.rate", "0", "a number"},
        {"lastfm.rate", "-1", "a number"},
        {"lastfm.rate", "1e3", "a number"},
        {"lastfm.rate", "0x5", "a number"},
        {"lastfm.rate", "nan", "a number"},
        {"lastfm.rate", "5.", "a number"},
        {"lastfm.rate", ".5", "a number"},
        {"lastfm.rate", "5 5", "a number"},
        {"library.rescan_minutes", "1.5", "a whole number from 1 to 10080 minutes"},
        {"enrichment.max_attempts", "21", "a whole number from 1 to 20"},
        {"lastfm.url", "ftp://host/", "http://HOST"},
        {"lastfm.url", "http://", "http://HOST"},
        {"lastfm.url", "http://user@host/", "http://HOST"},
        {"lastfm.url", "http://host:99999/", "http://HOST"},
        {"lastfm.url", "http://ho st/", "http://HOST"},
        {"lastfm.url", "http://host/?q=1", "http://HOST"},
        {"lastfm.url", "http://[12/", "http://HOST"},
        {"lastfm.url", "", "http://HOST"},
        {"log.level", "loud", "error, warn, info or debug"},
        {"server.listen", "5560", "HOST:PORT"},
        {"server.listen", "127.0.0.1", "HOST:PORT"},
        {"server.listen", "127.0.0.1:70000", "HOST:PORT"},
        {"server.listen", "::1:5560", "HOST:PORT"},
        {"server.listen", ":5560", "HOST:PORT"},
        {"server.listen", "http://127.0.0.1:5560", "HOST:PORT"},
        {"server.hosts", "http://party.local", "NAME:PORT"},
        {"server.hosts", "party local", "NAME:PORT"},
        {"server.listen", "none\n127.0.0.1:5560", "not both"},
        {"musicbrainz.contact", "a\r\nX-Header: b", "without control characters"},
        {"musicbrainz.contact", "\xff", "UTF-8"},
        {"database.path", "songbook.db", "begins with '/' or '~/'"},
        {"database.path", "/music/songs /", "ends with a blank"},
        {"lastfm.rat", "5", "did you mean 'lastfm.rate'?"},
    };
    struct config *c = config_new();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        assert_int_equal(config_set(c, ORIGIN_SETTING, rows[i].name, rows[i].value, &e), ERR_CONFIG);
        if (!strstr(e.text, rows[i].form))
            fail_msg("'%s=%s' says: %s", rows[i].name, rows[i].value, e.text);
        assert_non_null(strstr(e.text, rows[i].name));
    }
    assert_int_equal(config_origin(c, OPT_LASTFM_RATE), ORIGIN_DEFAULT);
    config_free(c);
}

static void a_refused_secret_is_not_in_the_message(void **state)
{
    struct config *c = config_new();
    struct err e = {0};

    assert_int_equal(config_set(c, ORIGIN_FILE, "API_KEYS.lastfm", "my secret", &e), ERR_CONFIG);
    assert_null(strstr(e.text, "secret"));
    config_free(c);
}

static void the_home_and_relative_paths_become_absolute(void **state)
{
    struct config *c = config_new();
    struct err e = {0};
    char *cwd = getcwd(NULL, 0), *want = mem_printf("%s/songs/a", cwd), *home = mem_strdup(getenv("HOME"));

    setenv("HOME", "/home/anna", 1);
    assert_int_equal(config_set(c, ORIGIN_COMMAND_LINE, "database.path", "~/x.db", &e), 0);
    assert_string_equal(config_text(c, OPT_DATABASE_PATH), "/home/anna/x.db");
    assert_int_equal(config_add(c, ORIGIN_COMMAND_LINE, "library.folders", "./songs//a/", &e), 0);
    assert_string_equal(config_at(c, OPT_LIBRARY_FOLDERS, 0), want);
    unsetenv("HOME");
    assert_int_equal(config_set(c, ORIGIN_COMMAND_LINE, "database.path", "~/x.db", &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "HOME"));
    if (home)
        setenv("HOME", home, 1);
    free(home);
    free(cwd);
    free(want);
    config_free(c);
}

/* --- layers -------------------------------------------------------------------------------- */

static void the_highest_layer_counts_and_its_removal_uncovers_the_one_below(void **state)
{
    struct config *c = config_new();
    struct err e = {0};

    for (int layer = ORIGIN_FILE; layer <= ORIGIN_COMMAND_LINE; layer++) {
        char value[2] = {(char)('0' + layer), '\0'};
        assert_int_equal(config_set(c, (enum config_origin)layer, "enrichment.max_attempts", value, &e), 0);
        assert_true(config_number(c, OPT_ENRICHMENT_MAX_ATTEMPTS) == layer);
        assert_int_equal(config_origin(c, OPT_ENRICHMENT_MAX_ATTEMPTS), layer);
    }
    for (int layer = ORIGIN_COMMAND_LINE; layer >= ORIGIN_FILE; layer--) {
        assert_int_equal(config_origin(c, OPT_ENRICHMENT_MAX_ATTEMPTS), layer);
        assert_int_equal(config_unset(c, (enum config_origin)layer, "enrichment.max_attempts", &e), 0);
    }
    assert_true(config_number(c, OPT_ENRICHMENT_MAX_ATTEMPTS) == 3);
    config_free(c);
}

static void a_list_of_a_higher_layer_replaces_the_lower_one(void **state)
{
    struct config *c = config_new();
    struct err e = {0};

    assert_int_equal(config_add(c, ORIGIN_FILE, "library.folders", "/a", &e), 0);
    assert_int_equal(config_add(c, ORIGIN_FILE, "library.folders", "/b", &e), 0);
    assert_int_equal(config_add(c, ORIGIN_FILE, "library.folders", "/b/", &e), 0);
    assert_int_equal(config_count(c, OPT_LIBRARY_FOLDERS), 2);
    assert_int_equal(config_set(c, ORIGIN_ENVIRONMENT, "library.folders", "/c\n /d \n\n", &e), 0);
    assert_int_equal(config_count(c, OPT_LIBRARY_FOLDERS), 2);
    assert_string_equal(config_at(c, OPT_LIBRARY_FOLDERS, 1), "/d");
    assert_string_equal(config_at(c, OPT_LIBRARY_FOLDERS, 2), "");
    assert_int_equal(config_set(c, ORIGIN_COMMAND_LINE, "server.listen", "none", &e), 0);
    assert_string_equal(config_text(c, OPT_SERVER_LISTEN), "none");
    assert_int_equal(config_add(c, ORIGIN_COMMAND_LINE, "server.listen", "127.0.0.1:1", &e), ERR_CONFIG);
    config_free(c);
}

static void a_public_address_needs_a_token(void **state)
{
    static const struct {
        const char *listen;
        bool open;
    } rows[] = {{"127.0.0.1:5560", false}, {"127.8.8.8:5560", false}, {"[::1]:5560", false}, {"LocalHost:5560", false},
                {"none", false},           {"0.0.0.0:5560", true},     {"[::]:5560", true},   {"192.168.1.2:5560", true},
                {"raspberrypi:5560", true}, {"[::ffff:127.0.0.1]:5560", true}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = config_new();
        struct err e = {0};
        assert_int_equal(config_set(c, ORIGIN_FILE, "server.listen", rows[i].listen, &e), 0);
        assert_int_equal(config_check(c, &e), rows[i].open ? ERR_CONFIG : 0);
        assert_int_equal(config_set(c, ORIGIN_FILE, "server.token_file", "/etc/token", &e), 0);
        assert_int_equal(config_check(c, &e), 0);
        config_free(c);
    }
}

static void a_rate_above_the_default_needs_a_mirror(void **state)
{
    struct config *c = config_new();
    struct err e = {0};

    assert_int_equal(config_set(c, ORIGIN_SETTING, "musicbrainz.rate", "50", &e), 0);
    assert_int_equal(config_check(c, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "musicbrainz.url"));
    assert_true(config_number(c, OPT_MUSICBRAINZ_RATE) == 1);
    assert_int_equal(config_set(c, ORIGIN_FILE, "musicbrainz.url", "http://MusicBrainz.org:80/ws/2", &e), 0);
    assert_int_equal(config_check(c, &e), ERR_CONFIG);
    assert_int_equal(config_set(c, ORIGIN_FILE, "musicbrainz.url", "http://127.0.0.1:5000/ws/2", &e), 0);
    assert_int_equal(config_check(c, &e), 0);
    assert_true(config_number(c, OPT_MUSICBRAINZ_RATE) == 50);
    assert_int_equal(config_set(c, ORIGIN_SETTING, "listenbrainz.rate", "3", &e), 0);
    assert_int_equal(config_set(c, ORIGIN_SETTING, "listenbrainz.url", "http://127.0.0.1:1", &e), 0);
    assert_int_equal(config_check(c, &e), ERR_CONFIG);
    config_free(c);
}

/* --- file ---------------------------------------------------------------------------------- */

static void a_file_is_read_with_comments_case_and_repeated_keys(void **state)
{
    struct config *c = config_new();
    char *want = mem_printf("%s/more songs", folder);

    assert_int_equal(read_text(c, "\xef\xbb\xbf# head\r\n"
                                  "[api_keys]\r\n"
                                  "LastFM = abc=123\r\n"
                                  "; comment\n"
                                  "[Library]\n"
                                  "folders = /songs/A, B\n"
                                  "  folders = more songs\n"
                                  "watch: no ; remark\n"
                                  "\n"
                                  "[server]\n"
                                  "listen = 127.0.0.1:1\n"
                                  "\tlisten = 127.0.0.1:2"),
                     0);
    assert_string_equal(config_text(c, OPT_KEY_LASTFM), "abc=123");
    assert_int_equal(config_count(c, OPT_LIBRARY_FOLDERS), 2);
    assert_string_equal(config_at(c, OPT_LIBRARY_FOLDERS, 0), "/songs/A, B");
    assert_string_equal(config_at(c, OPT_LIBRARY_FOLDERS, 1), want);
    assert_false(config_bool(c, OPT_LIBRARY_WATCH));
    assert_int_equal(config_count(c, OPT_SERVER_LISTEN), 2);
    assert_int_equal(config_origin(c, OPT_SERVER_LISTEN), ORIGIN_FILE);
    free(want);
    config_free(c);
}

static void path_that_a_comment_would_cut_is_refused(void **state)
{
    struct config *c = config_new();

    assert_non_null(strstr(refusal("[library]\nfolders = /songs/Sing ;along\n"), "2: 'library.folders'"));
    assert_non_null(strstr(refusal("[database]\npath = /songs/a.db\t; mine\n"), "lines of their own"));
    assert_int_equal(read_text(c, "[library]\nfolders = /songs/Sing;along\n[lastfm]\nrate = 2 ; slowly\n"), 0);
    assert_string_equal(config_at(c, OPT_LIBRARY_FOLDERS, 0), "/songs/Sing;along");
    assert_true(config_number(c, OPT_LASTFM_RATE) == 2);
    config_free(c);
}

static void every_error_of_a_file_is_told_with_its_line(void **state)
{
    struct config *c = config_new();
    char *path, *want;

    assert_int_equal(read_text(c, "[lastfm]\n"
                                  "rate = 2\n"
                                  "rat = 5\n"
                                  "enabled = perhaps\n"
                                  "just words\n"
                                  "[broken\n"
                                  "rate = 3\n"
                                  "[nowhere]\n"
                                  "thing = 1\n"),
                     ERR_CONFIG);
    path = mem_printf("%s/songbookd.conf", folder);
    want = mem_printf("%s:3: there is no option 'lastfm.rat'; did you mean 'lastfm.rate'?\n"
                      "%s:4: 'lastfm.enabled' needs yes or no, not 'perhaps'\n"
                      "%s:5: neither '[section]' nor 'key = value'\n"
                      "%s:6: a section needs a closing ']'\n"
                      "%s:7: 'lastfm.rate' stands in line 2 already\n"
                      "%s:9: there is no option 'nowhere.thing'; 'songbookd --help' lists them\n",
                      path, path, path, path, path, path);
    assert_string_equal(buf_cstr(&told), want);
    assert_int_equal(config_origin(c, OPT_LASTFM_RATE), ORIGIN_DEFAULT);
    free(path);
    free(want);
    config_free(c);
}

static void values_stay_when_the_file_turns_bad_and_go_when_it_no_longer_names_them(void **state)
{
    struct config *c = config_new();

    assert_int_equal(read_text(c, "[lastfm]\nrate = 2\nenabled = no\n"), 0);
    assert_int_equal(read_text(c, "[lastfm]\nrate = 4\nrate = x\n"), ERR_CONFIG);
    assert_true(config_number(c, OPT_LASTFM_RATE) == 2);
    assert_int_equal(read_text(c, "[lastfm]\nrate = 3\n"), 0);
    assert_true(config_number(c, OPT_LASTFM_RATE) == 3);
    assert_true(config_bool(c, OPT_LASTFM_ENABLED));
    config_free(c);
}

static void a_long_line_is_refused_and_the_longest_is_whole(void **state)
{
    struct config *c = config_new();
    char line[300] = "database.path = /", *text;

    memset(line + strlen(line), 'x', 198 - strlen(line));
    assert_int_equal(strlen(line), 198);
    text = mem_printf("%s\nlastfm.rate = 2\n", line);
    assert_int_equal(read_text(c, text), 0);
    assert_string_equal(config_text(c, OPT_DATABASE_PATH), line + strlen("database.path = "));
    assert_true(config_number(c, OPT_LASTFM_RATE) == 2);
    config_free(c);
    free(text);
    text = mem_printf("[lastfm]\nrate = 5\n# %sy\nenabled = yes\n", line);
    assert_string_equal(refusal(text), "3: the line has more than 198 bytes\n");
    free(text);
}

static void strange_bytes_in_a_file_are_refused_and_told_escaped(void **state)
{
    struct config *c = config_new();
    char *path = write_file("nul.conf", "[lastfm]\nra\0te=1\n", 17);

    buf_reset(&told);
    assert_int_equal(config_read_file(c, path, collect, NULL), ERR_CONFIG);
    assert_non_null(strstr(buf_cstr(&told), "nul.conf:2: the line holds a NUL byte"));
    free(path);
    assert_non_null(strstr(refusal("[a]\n\x1b[31mred = 1\n"), "\\x1b[31mred"));
    config_free(c);
}

static void a_missing_file_is_not_found_and_a_folder_is_an_error(void **state)
{
    struct config *c = config_new();

    assert_int_equal(config_read_file(c, "/nonexistent/x.conf", collect, NULL), ERR_NOT_FOUND);
    assert_int_equal(config_read_file(c, folder, collect, NULL), ERR_CONFIG);
    config_free(c);
}

static void a_flood_of_errors_is_cut(void **state)
{
    struct config *c = config_new();
    struct buf text;
    int lines = 0;

    buf_init(&text, 0);
    for (int i = 0; i < 500; i++)
        buf_add_str(&text, "nonsense\n");
    assert_int_equal(read_text(c, buf_cstr(&text)), ERR_CONFIG);
    for (const char *p = buf_cstr(&told); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 51);
    buf_deinit(&text);
    config_free(c);
}

/* --- environment --------------------------------------------------------------------------- */

static void the_environment_sets_values_by_both_names(void **state)
{
    char *env[] = {(char *)"PATH=/bin",
                   (char *)"LASTFM_API_KEY=shared",
                   (char *)"SONGBOOKD_API_KEYS_LASTFM=own",
                   (char *)"LISTENBRAINZ_TOKEN=tok",
                   (char *)"SONGBOOKD_LIBRARY_RESCAN_MINUTES=5",
                   (char *)"SONGBOOKD_LIBRARY_FOLDERS=/a\n/b",
                   (char *)"odd",
                   NULL};
    struct config *c = config_new();

    buf_reset(&told);
    assert_int_equal(config_read_environment(c, env, collect, NULL), 0);
    assert_string_equal(config_text(c, OPT_KEY_LASTFM), "own");
    assert_string_equal(config_text(c, OPT_KEY_LISTENBRAINZ), "tok");
    assert_true(config_number(c, OPT_LIBRARY_RESCAN_MINUTES) == 5);
    assert_int_equal(config_count(c, OPT_LIBRARY_FOLDERS), 2);
    assert_int_equal(config_origin(c, OPT_KEY_LASTFM), ORIGIN_ENVIRONMENT);
    config_free(c);
}

static void unknown_and_wrong_variables_are_errors(void **state)
{
    char *env[] = {(char *)"SONGBOOKD_LASTFM_RAT=5", (char *)"SONGBOOKD_LASTFM_RATE=much", (char *)"LASTFM_API_KEY=", NULL};
    struct config *c = config_new();

    buf_reset(&told);
    assert_int_equal(config_read_environment(c, env, collect, NULL), ERR_CONFIG);
    assert_string_equal(buf_cstr(&told),
                        "environment: there is no variable 'SONGBOOKD_LASTFM_RAT'; did you mean 'SONGBOOKD_LASTFM_RATE'?\n"
                        "environment: 'lastfm.rate' needs a number from 0.01 to 1000 requests/s, not 'much'\n");
    assert_int_equal(config_origin(c, OPT_LASTFM_RATE), ORIGIN_DEFAULT);
    config_free(c);
}

/* --- keys file and JSON -------------------------------------------------------------------- */

static void keys_come_back_from_their_file_which_only_the_owner_reads(void **state)
{
    struct config *c = config_new(), *again = config_new();
    char *path = mem_printf("%s/keys", folder);
    struct err e = {0};
    struct stat st;

    assert_int_equal(keys_file_read(c, path, &e), 0);
    assert_int_equal(config_set(c, ORIGIN_SETTING, "API_KEYS.lastfm", "a:b=c/+", &e), 0);
    assert_int_equal(config_set(c, ORIGIN_ENVIRONMENT, "API_KEYS.listenbrainz", "not-mine", &e), 0);
    assert_int_equal(keys_file_write(c, path, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(keys_file_read(again, path, &e), 0);
    assert_string_equal(config_text(again, OPT_KEY_LASTFM), "a:b=c/+");
    assert_int_equal(config_origin(again, OPT_KEY_LASTFM), ORIGIN_SETTING);
    assert_string_equal(config_text(again, OPT_KEY_LISTENBRAINZ), "");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(keys_file_read(again, path, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "chmod 600"));
    free(path);
    config_free(c);
    config_free(again);
}

static void the_keys_file_holds_nothing_but_keys(void **state)
{
    struct config *c = config_new();
    char *path = write_file("keys2", "[lastfm]\nrate = 2\n", 18);
    struct err e = {0};

    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(keys_file_read(c, path, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "lastfm.rate"));
    assert_int_equal(config_origin(c, OPT_LASTFM_RATE), ORIGIN_DEFAULT);
    assert_int_equal(keys_file_write(c, "/nonexistent/keys", &e), ERR_IO);
    free(path);
    config_free(c);
}

static void the_json_shows_origins_and_hides_secrets(void **state)
{
    struct config *c = config_new();
    struct json_out o;
    struct buf b;
    struct err e = {0};
    cJSON *j;

    assert_int_equal(config_set(c, ORIGIN_FILE, "API_KEYS.lastfm", "abcdef", &e), 0);
    assert_int_equal(config_set(c, ORIGIN_COMMAND_LINE, "lastfm.rate", "0.5", &e), 0);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    config_json(c, &o);
    assert_null(strstr(buf_cstr(&b), "abcdef"));
    j = json_parse(slice_of(buf_cstr(&b)), &e);
    assert_non_null(j);
    assert_int_equal(cJSON_GetArraySize(j), OPT_COUNT);
    assert_string_equal(json_str(json_get(j, "API_KEYS.lastfm"), "value"), "set");
    assert_string_equal(json_str(json_get(j, "API_KEYS.listenbrainz"), "value"), "not set");
    assert_true(json_get(json_get(j, "lastfm.rate"), "value")->valuedouble == 0.5);
    assert_string_equal(json_str(json_get(j, "lastfm.rate"), "origin"), "command line");
    assert_true(json_bool(json_get(j, "library.watch"), "value", false));
    assert_true(cJSON_IsArray(json_get(json_get(j, "server.listen"), "value")));
    cJSON_Delete(j);
    buf_deinit(&b);
    config_free(c);
}

/* --- places -------------------------------------------------------------------------------- */

static void check_place(char *(*place)(void), const char *want)
{
    char *got = place();

    assert_string_equal(got, want);
    free(got);
}

static void systemd_says_where_things_live(void **state)
{
    char *path;

    setenv("STATE_DIRECTORY", "/var/lib/x:/var/lib/y", 1);
    setenv("RUNTIME_DIRECTORY", "/run/x", 1);
    setenv("CONFIGURATION_DIRECTORY", folder, 1);
    check_place(default_database_path, "/var/lib/x/songbook.db");
    check_place(default_socket_path, "/run/x/songbookd.sock");
    path = write_file("songbookd.conf", "", 0);
    check_place(default_config_path, path);
    free(path);
    unsetenv("STATE_DIRECTORY");
    unsetenv("RUNTIME_DIRECTORY");
    unsetenv("CONFIGURATION_DIRECTORY");
}

static void a_service_and_a_user_have_their_own_places(void **state)
{
    if (geteuid() == 0) {
        check_place(default_database_path, "/var/lib/songbookd/songbook.db");
        check_place(default_socket_path, "/run/songbookd/songbookd.sock");
        /* The rest is seen from a user's side. */
        if (seteuid(65534) != 0)
            return;
    }
    setenv("HOME", "/home/anna", 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    check_place(default_database_path, "/home/anna/.local/state/songbookd/songbook.db");
    check_place(default_socket_path, "/home/anna/.local/state/songbookd/songbookd.sock");
    setenv("XDG_STATE_HOME", "/state", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    check_place(default_database_path, "/state/songbookd/songbook.db");
    check_place(default_socket_path, "/run/user/1000/songbookd.sock");
    assert_null(default_config_path());
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static int set_up(void **state)
{
    buf_init(&told, 0);
    buf_cstr(&told);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"songbookd.conf", "nul.conf", "keys", "keys2"};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *path = mem_printf("%s/%s", folder, files[i]);
        unlink(path);
        free(path);
    }
    buf_deinit(&told);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_name_a_help_and_a_default_that_is_a_value),
        cmocka_unit_test(defaults_are_those_promised),
        cmocka_unit_test(names_are_found_without_case_and_nearest_names_are_offered),
        cmocka_unit_test(help_shows_every_option_within_80_columns),
        cmocka_unit_test(good_values_are_kept_in_one_spelling),
        cmocka_unit_test(wrong_values_are_refused_with_the_allowed_form),
        cmocka_unit_test(a_refused_secret_is_not_in_the_message),
        cmocka_unit_test(the_home_and_relative_paths_become_absolute),
        cmocka_unit_test(the_highest_layer_counts_and_its_removal_uncovers_the_one_below),
        cmocka_unit_test(a_list_of_a_higher_layer_replaces_the_lower_one),
        cmocka_unit_test(a_public_address_needs_a_token),
        cmocka_unit_test(a_rate_above_the_default_needs_a_mirror),
        cmocka_unit_test(a_file_is_read_with_comments_case_and_repeated_keys),
        cmocka_unit_test(every_error_of_a_file_is_told_with_its_line),
        cmocka_unit_test(path_that_a_comment_would_cut_is_refused),
        cmocka_unit_test(values_stay_when_the_file_turns_bad_and_go_when_it_no_longer_names_them),
        cmocka_unit_test(a_long_line_is_refused_and_the_longest_is_whole),
        cmocka_unit_test(strange_bytes_in_a_file_are_refused_and_told_escaped),
        cmocka_unit_test(a_missing_file_is_not_found_and_a_folder_is_an_error),
        cmocka_unit_test(a_flood_of_errors_is_cut),
        cmocka_unit_test(the_environment_sets_values_by_both_names),
        cmocka_unit_test(unknown_and_wrong_variables_are_errors),
        cmocka_unit_test(keys_come_back_from_their_file_which_only_the_owner_reads),
        cmocka_unit_test(the_keys_file_holds_nothing_but_keys),
        cmocka_unit_test(the_json_shows_origins_and_hides_secrets),
        cmocka_unit_test(systemd_says_where_things_live),
        cmocka_unit_test(a_service_and_a_user_have_their_own_places),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
