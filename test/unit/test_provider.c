/* What the providers are asked, and how their answers are classed and read. Bodies are small and our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "provider/provider.h"

static const struct provider_settings lastfm_settings = {.url = "http://127.0.0.1:1/2.0/", .key = "k3y"};
static const struct provider_settings mb_settings = {.url = "http://127.0.0.1:1/ws/2"};
static const struct wanted abba = {"ABBA", "Waterloo", NULL, false};
static const struct wanted abba_open = {"ABBA", "Waterloo", NULL, true};
static const struct wanted no_artist = {NULL, "Waterloo", NULL, false};

/* Returns new: the request's URL, percent-decoded; NULL when there is nothing to ask. */
static char *asked(const struct provider *p, const struct provider_settings *s, const struct wanted *w, int stage)
{
    struct provider_request r;
    struct buf b;
    int rc = p->build(s, w, stage, &r);

    if (rc != 0) {
        assert_null(r.url);
        provider_request_deinit(&r);
        return NULL;
    }
    assert_true(strlen(r.url) < 2048);
    buf_init(&b, 0);
    assert_true(percent_decode(&b, slice_of(r.url), false));
    provider_request_deinit(&r);
    buf_cstr(&b);
    return buf_detach(&b);
}

static void assert_asked(const struct provider *p, const struct provider_settings *s, const struct wanted *w, int stage,
                         const char *url)
{
    char *got = asked(p, s, w, stage);

    assert_non_null(got);
    assert_string_equal(got, url);
    free(got);
}

static void lastfm_asks_info_then_search(void **state)
{
    struct wanted live = {"ABBA", "Waterloo", "live", false}, keyed = {"ABBA", "Waterloo", "key of A", false};

    (void)state;
    assert_asked(&provider_lastfm, &lastfm_settings, &abba, 0,
                 "http://127.0.0.1:1/2.0/?method=track.getInfo&artist=ABBA&track=Waterloo&autocorrect=1&api_key=k3y&format=json");
    assert_asked(&provider_lastfm, &lastfm_settings, &abba, 1,
                 "http://127.0.0.1:1/2.0/?method=track.search&artist=ABBA&track=Waterloo&limit=20&api_key=k3y&format=json");
    assert_asked(&provider_lastfm, &lastfm_settings, &abba_open, 1,
                 "http://127.0.0.1:1/2.0/?method=track.getInfo&artist=Waterloo&track=ABBA&autocorrect=1&api_key=k3y&format=json");
    assert_asked(&provider_lastfm, &lastfm_settings, &no_artist, 0,
                 "http://127.0.0.1:1/2.0/?method=track.search&track=Waterloo&limit=20&api_key=k3y&format=json");
    assert_asked(&provider_lastfm, &lastfm_settings, &live, 0,
                 "http://127.0.0.1:1/2.0/?method=track.getInfo&artist=ABBA&track=Waterloo (live)&autocorrect=1"
                 "&api_key=k3y&format=json");
    assert_asked(&provider_lastfm, &lastfm_settings, &keyed, 0,
                 "http://127.0.0.1:1/2.0/?method=track.getInfo&artist=ABBA&track=Waterloo&autocorrect=1&api_key=k3y&format=json");
    assert_null(asked(&provider_lastfm, &lastfm_settings, &abba, 2));
    assert_null(asked(&provider_lastfm, &lastfm_settings, &abba_open, 3));
    assert_null(asked(&provider_lastfm, &lastfm_settings, &no_artist, 1));
}

static void lastfm_is_not_asked_without_a_key(void **state)
{
    struct provider_settings keyless = {.url = "http://127.0.0.1:1/2.0/", .key = ""};
    struct provider_request r;

    (void)state;
    assert_int_equal(provider_lastfm.build(&keyless, &abba, 0, &r), ERR_KEY);
    assert_null(r.url);
}

static void an_empty_title_is_not_asked(void **state)
{
    static const char *const empty[] = {NULL, "", "  ", "\xe2\x80\x8b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        struct wanted w = {"ABBA", empty[i], NULL, true};
        assert_null(asked(&provider_lastfm, &lastfm_settings, &w, 0));
        assert_null(asked(&provider_musicbrainz, &mb_settings, &w, 0));
    }
}

static void mb_asks_both_orders_in_one_query(void **state)
{
    struct provider_settings slash = {.url = "http://127.0.0.1:1/ws/2/"};

    (void)state;
    assert_asked(&provider_musicbrainz, &mb_settings, &abba, 0,
                 "http://127.0.0.1:1/ws/2/recording?query=recording:(Waterloo) AND artist:(ABBA)&fmt=json&limit=25");
    assert_asked(&provider_musicbrainz, &slash, &abba_open, 0,
                 "http://127.0.0.1:1/ws/2/recording?query=(recording:(Waterloo) AND artist:(ABBA)) OR "
                 "(recording:(ABBA) AND artist:(Waterloo))&fmt=json&limit=25");
    assert_asked(&provider_musicbrainz, &mb_settings, &no_artist, 0,
                 "http://127.0.0.1:1/ws/2/recording?query=recording:(Waterloo)&fmt=json&limit=25");
    assert_null(asked(&provider_musicbrainz, &mb_settings, &abba, 1));
}

static void mb_leaves_guests_and_versions_out(void **state)
{
    struct wanted w = {"Eminem feat. Rihanna", "The Monster (Live)", NULL, false};

    (void)state;
    assert_asked(&provider_musicbrainz, &mb_settings, &w, 0,
                 "http://127.0.0.1:1/ws/2/recording?query=recording:(The Monster) AND artist:(Eminem Rihanna)&fmt=json&limit=25");
}

static const struct {
    const char *title, *value;
} escapes[] = {
    {"a+b", "(a\\+b)"}, {"a-b", "(a\\-b)"}, {"a&&b", "(a\\&\\&b)"}, {"a|b", "(a\\|b)"}, {"a!", "(a\\!)"}, {"a^b", "(a\\^b)"},
    {"a\"b", "(a\\\"b)"}, {"a~b", "(a\\~b)"}, {"a*b", "(a\\*b)"}, {"a?", "(a\\?)"}, {"a:b", "(a\\:b)"}, {"a\\b", "(a\\\\b)"},
    {"a/b", "(a\\/b)"}, {"a{b}c", "(a\\{b\\}c)"}, {"a (b) c", "(a \\(b\\) c)"}, {"a [b] c", "(a \\[b\\] c)"},
    {"???", "(\\?\\?\\?)"},
    {"This AND That", "(This and That)"}, {"OR NOT", "(or not)"}, {"And Or", "(And Or)"}, {"ANDY", "(ANDY)"},
    {"\xe6\x84\x9b \"x\" OR", "\"\xe6\x84\x9b \\\"x\\\" OR\""},
};

static void mb_escapes_what_lucene_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
        struct wanted w = {NULL, escapes[i].title, NULL, false};
        char *got = asked(&provider_musicbrainz, &mb_settings, &w, 0);
        char *want = mem_printf("http://127.0.0.1:1/ws/2/recording?query=recording:%s&fmt=json&limit=25", escapes[i].value);
        assert_non_null(got);
        assert_string_equal(got, want);
        free(got);
        free(want);
    }
}

static void urls_stay_short_and_clean(void **state)
{
    char longest[6001];
    struct wanted w = {longest, longest, NULL, true};
    struct provider_request r;

    (void)state;
    for (size_t i = 0; i < 6000; i += 3)
        memcpy(longest + i, "\xe6\x84\x9b", 3);
    longest[6000] = '\0';
    assert_int_equal(provider_musicbrainz.build(&mb_settings, &w, 0, &r), 0);
    assert_true(strlen(r.url) < 2048);
    for (const char *p = r.url; *p; p++)
        assert_true(*p > 0x20 && *p < 0x7f);
    provider_request_deinit(&r);
    w = (struct wanted){"\xff\x01 a\nb", "t\r\n\xc3", NULL, true};
    assert_int_equal(provider_lastfm.build(&lastfm_settings, &w, 0, &r), 0);
    for (const char *p = r.url; *p; p++)
        assert_true(*p > 0x20 && *p < 0x7f);
    provider_request_deinit(&r);
}

/* --- classes --- */

struct class_case {
    const struct provider *p;
    int transport, status;
    const char *body, *retry_after, *zone;
    enum answer_class kind;
    bool slow_down;
    int pause;
};
#define LF &provider_lastfm
#define MB &provider_musicbrainz
#define BUSY "{\"error\":\"The server is currently busy. Try later.\"}"
#define OVER "{\"error\":\"Your requests are exceeding the allowable rate limit.\"}"

static const struct class_case classes[] = {
    /* no answer */
    {LF, ERR_DNS, 0, "", NULL, NULL, ANSWER_OFFLINE, false, 0},
    {MB, ERR_NETWORK, 0, "", NULL, NULL, ANSWER_OFFLINE, false, 0},
    {MB, ERR_LOST, 200, "{\"rec", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, ERR_TIMEOUT, 0, "", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, ERR_TOO_LARGE, 200, "", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, ERR_CANCELED, 0, "", NULL, NULL, ANSWER_REFUSED, false, 0},
    /* Last.fm's table, under any status */
    {LF, 0, 200, "{\"error\":6,\"message\":\"Track not found\",\"links\":[]}", NULL, NULL, ANSWER_NOT_FOUND, false, 0},
    {LF, 0, 404, "{\"error\":6,\"message\":\"The artist could not be found\"}", NULL, NULL, ANSWER_NOT_FOUND, false, 0},
    {LF, 0, 400, "{\"error\":6,\"message\":\"Invalid parameters\"}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 400, "{\"error\":6}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"error\":\"20\",\"message\":\"\"}", NULL, NULL, ANSWER_NOT_FOUND, false, 0},
    {LF, 0, 403, "{\"error\":10,\"message\":\"Invalid API key\"}", NULL, NULL, ANSWER_KEY, false, 0},
    {LF, 0, 200, "{\"error\":26,\"message\":\"Suspended\"}", NULL, NULL, ANSWER_KEY, false, 0},
    {LF, 0, 200, "{\"error\":4}", NULL, NULL, ANSWER_KEY, false, 0},
    {LF, 0, 200, "{\"error\":3}", NULL, NULL, ANSWER_KEY, false, 0},
    {LF, 0, 429, "{\"error\":29,\"message\":\"Your IP has made too many requests\"}", NULL, NULL, ANSWER_REFUSED, true, 120},
    {LF, 0, 200, "{\"message\":\"This application has made too many requests\",\"error\":29}", NULL, NULL,
     ANSWER_REFUSED, true, 600},
    {LF, 0, 200, "{\"error\":29}", "900", NULL, ANSWER_REFUSED, true, 900},
    {LF, 0, 503, "{\"error\":11,\"message\":\"Service Offline\"}", NULL, NULL, ANSWER_REFUSED, false, 600},
    {LF, 0, 200, "{\"error\":2}", NULL, NULL, ANSWER_REFUSED, false, 300},
    {LF, 0, 500, "{\"error\":8,\"message\":\"Operation failed\"}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"error\":16}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"error\":12345}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"error\":{}}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"error\":1e99}", NULL, NULL, ANSWER_FAILED, false, 0},
    /* Last.fm without its table */
    {LF, 0, 403, "<html>", NULL, NULL, ANSWER_KEY, false, 0},
    {LF, 0, 404, "<html>", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 404, "{}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 429, "", "7", NULL, ANSWER_REFUSED, true, 7},
    {LF, 0, 503, "busy", "0", NULL, ANSWER_REFUSED, false, 0},
    {LF, 0, 500, "<html>", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 302, "", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "<html>hello</html>", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"track\":{\"name\":\"Wat", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "[]", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "null", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"track\":[]}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"track\":{\"name\":{},\"artist\":7}}", NULL, NULL, ANSWER_FAILED, false, 0},
    {LF, 0, 200, "{\"track\":{\"name\":\"Waterloo\",\"artist\":{\"name\":\"[unknown]\"}}}", NULL, NULL,
     ANSWER_NOT_FOUND, false, 0},
    /* MusicBrainz */
    {MB, 0, 503, OVER, "5", "per-ip", ANSWER_REFUSED, true, 5},
    {MB, 0, 503, OVER, "1", "ws ip=203.0.113.9", ANSWER_REFUSED, true, 1},
    {MB, 0, 503, BUSY, "0", "global", ANSWER_REFUSED, false, 0},
    {MB, 0, 503, BUSY, "0", "search-global", ANSWER_REFUSED, false, 0},
    {MB, 0, 503, "<html>", NULL, NULL, ANSWER_REFUSED, false, 0},
    {MB, 0, 503, "{\"recordings\":[],\"count\":0}", NULL, NULL, ANSWER_REFUSED, false, 0},
    {MB, 0, 503, BUSY, "99999999999", NULL, ANSWER_REFUSED, false, 3600},
    {MB, 0, 503, BUSY, "-3", NULL, ANSWER_REFUSED, false, 0},
    {MB, 0, 503, BUSY, "Wed, 21 Oct 2026 07:28:00 GMT", NULL, ANSWER_REFUSED, false, 0},
    {MB, 0, 429, "", NULL, NULL, ANSWER_REFUSED, true, 0},
    {MB, 0, 200, BUSY, NULL, NULL, ANSWER_REFUSED, false, 0},
    {MB, 0, 200, OVER, NULL, NULL, ANSWER_REFUSED, true, 0},
    {MB, 0, 200, "{\"error\":\"something\"}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "{\"error\":{\"code\":1},\"recordings\":[]}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 403, "{\"error\":\"throttled because it has not identified itself\"}", NULL, "global", ANSWER_KEY, false, 0},
    {MB, 0, 403, "", NULL, NULL, ANSWER_KEY, false, 0},
    {MB, 0, 404, "{\"error\":\"Not Found\"}", NULL, NULL, ANSWER_FAILED, false, 0},   /* a search finds or does not */
    {MB, 0, 404, "<html>", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 400, "{\"error\":\"blank search query\"}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 414, "", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 500, "{\"recordings\":[],\"count\":0}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "{\"recordings\":[],\"count\":0,\"offset\":0}", NULL, NULL, ANSWER_NOT_FOUND, false, 0},
    {MB, 0, 200, "{\"recordings\":[],\"count\":12}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "{\"recordings\":[7,null,{}],\"count\":3}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "{\"recordings\":{},\"count\":0}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "{\"count\":0}", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "{\"recordings\":[", NULL, NULL, ANSWER_FAILED, false, 0},
    {MB, 0, 200, "<!doctype html>", NULL, NULL, ANSWER_FAILED, false, 0},
};

static void answers_are_classed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        const struct class_case *c = &classes[i];
        struct provider_reply r = {.transport = c->transport, .status = c->status, .retry_after = c->retry_after,
                                   .rate_zone = c->zone, .body = slice_of(c->body)};
        struct provider_answer a;
        c->p->read(&abba, 0, &r, &a);
        if (a.kind != c->kind || a.slow_down != c->slow_down || a.retry_after_s != c->pause)
            fail_msg("row %zu '%s': %s, slow_down %d, pause %d", i, c->body, answer_class_name(a.kind), a.slow_down,
                     a.retry_after_s);
        assert_true(a.detail[0]);
        assert_null(strstr(a.detail, "k3y"));
        assert_int_equal(a.candidates.count, 0);
        provider_answer_deinit(&a);
    }
}

static void deep_answers_are_refused(void **state)
{
    size_t n = 200000;
    char *deep = mem_alloc(n);
    struct provider_reply r = {.status = 200, .body = {deep, n}};
    struct provider_answer a;

    (void)state;
    memset(deep, '[', n);
    provider_musicbrainz.read(&abba, 0, &r, &a);
    assert_int_equal(a.kind, ANSWER_FAILED);
    provider_answer_deinit(&a);
    provider_lastfm.read(&abba, 0, &r, &a);
    assert_int_equal(a.kind, ANSWER_FAILED);
    provider_answer_deinit(&a);
    free(deep);
}

/* --- reading --- */

static struct provider_answer answer(const struct provider *p, const struct wanted *w, int stage, const char *body)
{
    struct provider_reply r = {.status = 200, .body = slice_of(body)};
    struct provider_answer a;

    p->read(w, stage, &r, &a);
    return a;
}

#define LF_TRACK(artist, title, listeners) \
    "{\"track\":{\"name\":\"" title "\",\"listeners\":" listeners ",\"artist\":{\"name\":\"" artist "\"}," \
    "\"album\":{\"title\":\"Somewhere Live\"},\"wiki\":{\"published\":\"04 Mar 2014, 10:00\"}," \
    "\"toptags\":{\"tag\":[{\"name\":\"seen live\"},{\"name\":\"pop\"},{\"name\":\"70s\"},{\"name\":\"Euro-Pop\"}," \
    "{\"name\":\"Pop\"},{\"name\":\"disco\"},{\"name\":\"rock\"}]}}}"

static void lastfm_gives_names_and_genres_and_never_a_year(void **state)
{
    struct provider_answer a = answer(LF, &abba, 0, LF_TRACK("ABBA", "Waterloo", "\"812345\""));

    (void)state;
    assert_int_equal(a.kind, ANSWER_FOUND);
    assert_int_equal(a.candidates.count, 1);
    assert_string_equal(a.candidates.items[0].artist, "ABBA");
    assert_string_equal(a.candidates.items[0].title, "Waterloo");
    assert_int_equal(a.candidates.items[0].listeners, 812345);
    assert_string_equal(a.candidates.items[0].genres[0], "Pop");
    assert_string_equal(a.candidates.items[0].genres[1], "Europop");
    assert_string_equal(a.candidates.items[0].genres[2], "Disco");
    assert_int_equal(a.candidates.items[0].year, 0);
    assert_int_equal(a.candidates.items[0].year_weak, 0);
    assert_null(a.candidates.items[0].mbid);
    assert_true(a.candidates.items[0].accepted);
    assert_false(a.ask_again);
    provider_answer_deinit(&a);
}

static void lastfm_asks_again_when_nothing_fits(void **state)
{
    static const struct {
        const struct wanted *w;
        int stage;
        const char *body;
        enum answer_class kind;
        bool again;
    } rows[] = {
        {&abba, 0, "{\"error\":6,\"message\":\"Track not found\"}", ANSWER_NOT_FOUND, true},
        {&abba, 0, LF_TRACK("Fake", "Waterloo", "\"2\""), ANSWER_FOUND, true},
        {&abba, 0, LF_TRACK("ABBA", "Waterloo", "\"2\""), ANSWER_FOUND, true},
        {&abba, 0, LF_TRACK("ABBA", "Waterloo", "{}"), ANSWER_FOUND, true},
        {&abba, 0, LF_TRACK("ABBA", "Waterloo", "900"), ANSWER_FOUND, false},
        {&abba_open, 0, LF_TRACK("ABBA", "Waterloo", "900"), ANSWER_FOUND, true},
        {&abba_open, 0, LF_TRACK("ABBA", "Waterloo", "90000"), ANSWER_FOUND, false},
        {&abba_open, 1, LF_TRACK("ABBA", "Waterloo", "900"), ANSWER_FOUND, false},
        {&abba, 1, "{\"results\":{\"trackmatches\":{\"track\":[]}}}", ANSWER_NOT_FOUND, false},
        {&abba, 0, "{\"error\":8}", ANSWER_FAILED, false},
        {&abba, 0, "{\"error\":29}", ANSWER_REFUSED, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_answer a = answer(LF, rows[i].w, rows[i].stage, rows[i].body);
        if (a.kind != rows[i].kind || a.ask_again != rows[i].again)
            fail_msg("row %zu: %s, again %d", i, answer_class_name(a.kind), a.ask_again);
        provider_answer_deinit(&a);
    }
}

static void lastfm_search_takes_every_shape_of_nothing(void **state)
{
    static const struct {
        const char *matches;
        enum answer_class kind;
    } rows[] = {
        {"{\"track\":[]}", ANSWER_NOT_FOUND}, {"{\"track\":\"\"}", ANSWER_NOT_FOUND}, {"{\"track\":\"\\n\"}", ANSWER_NOT_FOUND},
        {"{}", ANSWER_NOT_FOUND}, {"\"\\n\"", ANSWER_NOT_FOUND}, {"[]", ANSWER_NOT_FOUND},
        {"null", ANSWER_FAILED}, {"7", ANSWER_FAILED}, {"{\"track\":7}", ANSWER_FAILED},
        {"{\"track\":[7,{},\"x\"]}", ANSWER_FAILED},
        {"{\"track\":{\"name\":\"Waterloo\",\"artist\":\"ABBA\",\"listeners\":\"7000\"}}", ANSWER_FOUND},
        {"{\"track\":[{\"name\":\"Waterloo\",\"artist\":{\"name\":\"ABBA\"}}]}", ANSWER_FOUND},
        {"{\"track\":[{\"name\":\"Waterloo\",\"artist\":\"[unknown]\"}]}", ANSWER_NOT_FOUND},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *body = mem_printf("{\"results\":{\"opensearch:totalResults\":\"0\",\"trackmatches\":%s}}", rows[i].matches);
        struct provider_answer a = answer(LF, &abba, 1, body);
        if (a.kind != rows[i].kind)
            fail_msg("row %zu: %s", i, answer_class_name(a.kind));
        provider_answer_deinit(&a);
        free(body);
    }
}

static void a_search_that_counts_hits_without_rows_is_no_answer(void **state)
{
    struct provider_answer a = answer(LF, &abba, 1, "{\"results\":{\"opensearch:totalResults\":\"11\","
                                      "\"trackmatches\":{\"track\":[]}}}");

    (void)state;
    assert_int_equal(a.kind, ANSWER_FAILED);
    provider_answer_deinit(&a);
}

static void names_become_one_clean_line(void **state)
{
    struct provider_answer a = answer(LF, &no_artist, 0,
        "{\"results\":{\"trackmatches\":{\"track\":[{\"name\":\" Water\\n\\u202eloo\\u0000x \",\"artist\":\"A\\tB\"}]}}}");

    (void)state;
    assert_int_equal(a.kind, ANSWER_FOUND);
    assert_string_equal(a.candidates.items[0].title, "Water loo");
    assert_string_equal(a.candidates.items[0].artist, "A B");
    provider_answer_deinit(&a);
}

#define MB_HEAD "{\"created\":\"2026-01-01T00:00:00Z\",\"count\":1,\"offset\":0,\"recordings\":["
#define MB_CREDIT "\"artist-credit\":[{\"name\":\"Calexico\",\"joinphrase\":\" feat. \",\"artist\":{\"name\":\"Calexico\"}}," \
                  "{\"name\":\"Nicolai\",\"artist\":{\"name\":\"Nicolai\"}}]"
#define MB_ABBA "\"artist-credit\":[{\"name\":\"ABBA\",\"artist\":{\"name\":\"ABBA\"}}]"
#define RELEASE(status, primary, secondary, date) \
    "{\"title\":\"T\",\"status\":\"" status "\",\"date\":\"" date "\",\"release-group\":{\"primary-type\":\"" primary \
    "\",\"secondary-types\":[" secondary "]}}"

static void mb_joins_the_credit_and_lowers_the_mbid(void **state)
{
    struct wanted w = {"Calexico", "Alone", NULL, false};
    struct provider_answer a = answer(MB, &w, 0, MB_HEAD
        "{\"id\":\"0E16076B-4C48-420D-A684-C3E213368782\",\"score\":\"97\",\"title\":\"Alone\",\"disambiguation\":\"live\","
        "\"video\":null,\"length\":null," MB_CREDIT ",\"tags\":[{\"count\":1,\"name\":\"country\"},"
        "{\"count\":0,\"name\":\"pop\"},"
        "{\"count\":4,\"name\":\"indie rock\"},{\"count\":9,\"name\":\"seen live\"}]}]}");
    const struct candidate *c = a.candidates.items;

    (void)state;
    assert_int_equal(a.kind, ANSWER_FOUND);
    assert_string_equal(c->artist, "Calexico feat. Nicolai");
    assert_string_equal(c->mbid, "0e16076b-4c48-420d-a684-c3e213368782");
    assert_string_equal(c->disambiguation, "live");
    assert_int_equal(c->provider_score, 97);
    assert_string_equal(c->genres[0], "Indie Rock");
    assert_string_equal(c->genres[1], "Country");
    assert_null(c->genres[2]);
    provider_answer_deinit(&a);
}

static void mb_keeps_the_alias_that_was_asked_for(void **state)
{
    struct wanted w = {"Naomi Tamura", "Negai", NULL, false}, swapped = {"Negai", "Naomi Tamura", NULL, true};
    const char *body = MB_HEAD "{\"id\":\"x\",\"title\":\"Negai\",\"artist-credit\":[{\"name\":\"\xe7\x94\xb0\xe6\x9d\x91\","
        "\"artist\":{\"name\":\"\xe7\x94\xb0\xe6\x9d\x91\",\"aliases\":[{\"name\":null},{\"name\":\"NAOMI TAMURA\"}]}}]}]}";
    struct provider_answer a = answer(MB, &w, 0, body);

    (void)state;
    assert_string_equal(a.candidates.items[0].artist_alias, "NAOMI TAMURA");
    assert_null(a.candidates.items[0].mbid);
    assert_int_equal(match_judge(&w, &a.candidates), 0);
    provider_answer_deinit(&a);
    a = answer(MB, &swapped, 0, body);
    assert_int_equal(match_judge(&swapped, &a.candidates), 0);
    assert_true(a.candidates.items[0].swapped);
    provider_answer_deinit(&a);
    a = answer(MB, &abba, 0, body);
    assert_null(a.candidates.items[0].artist_alias);
    provider_answer_deinit(&a);
}

static const struct {
    const char *first, *releases, *more;   /* first-release-date, releases, further members */
    int year, weak;
} dates[] = {
    {"1974-03-04", RELEASE("Official", "Single", "", "1974-03-04"), "", 1974, 0},
    {"1974", RELEASE("Official", "Album", "", "1992-01") "," RELEASE("Official", "Album", "\"Compilation\"", "1980"), "",
     1974, 0},
    {"", RELEASE("Official", "Album", "", "1992-01") "," RELEASE("Official", "Album", "\"Compilation\"", "1980"), "", 1980, 0},
    /* a bootleg or live set explains the early date: it is not believed */
    {"1970", RELEASE("Bootleg", "Album", "", "1970") "," RELEASE("Official", "Album", "", "1974"), "", 1974, 0},
    {"1970", RELEASE("Official", "Album", "\"Live\"", "1970") "," RELEASE("Official", "EP", "", "1974"), "", 1974, 0},
    {"1970", RELEASE("Promotion", "Single", "", "1970") "," RELEASE("Official", "Single", "", "1974"), "", 1974, 0},
    /* nothing but what may be later than the song */
    {"1980", RELEASE("Official", "Album", "\"Compilation\"", "1980"), "", 0, 1980},
    {"1980", RELEASE("Official", "Album", "\"Live\"", "1980"), "", 0, 1980},
    {"1980", "", "", 0, 1980},
    {"", "", "", 0, 0},
    {"2011", "{\"title\":\"T (Deluxe Edition)\",\"status\":\"Official\",\"date\":\"2011\","
     "\"release-group\":{\"primary-type\":\"Album\"}}", "", 0, 2011},
    {"2011", RELEASE("Official", "Album", "", "2011"), ",\"disambiguation\":\"2011 remaster\"", 0, 2011},
    {"2011", "{\"title\":\"T\",\"status\":\"Official\",\"date\":\"2011\",\"release-group\":{\"primary-type\":\"Album\","
     "\"first-release-date\":\"1973-05\"}}", "", 1973, 0},
    /* an undated album proves nothing about the date beside it */
    {"", RELEASE("Official", "Album", "", "") "," RELEASE("Official", "Album", "\"Compilation\"", "1999"), "", 0, 1999},
    /* nonsense */
    {"19743-01", RELEASE("Official", "Album", "", "0001"), "", 0, 0},
    {"1200", RELEASE("Official", "Album", "", "2999-01-01"), "", 0, 0},
};

static void mb_year_is_the_first_official_release(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        char *body = mem_printf(MB_HEAD "{\"id\":\"\",\"title\":\"Waterloo\"," MB_ABBA
                                ",\"first-release-date\":\"%s\",\"releases\":[%s]%s}]}",
                                dates[i].first, dates[i].releases, dates[i].more);
        struct provider_answer a = answer(MB, &abba, 0, body);
        assert_int_equal(a.candidates.count, 1);
        if (a.candidates.items[0].year != dates[i].year || a.candidates.items[0].year_weak != dates[i].weak)
            fail_msg("row %zu: %d, weak %d", i, a.candidates.items[0].year, a.candidates.items[0].year_weak);
        provider_answer_deinit(&a);
        free(body);
    }
}

static void wrong_types_are_survived_everywhere(void **state)
{
    static const char *const values[] = {"null", "7", "-1e308", "\"x\"", "[]", "{}", "true", "[[]]", "[null]",
                                         "[7,\"x\",{}]", "{\"name\":{}}"};
    static const char *const members[] = {"id", "score", "disambiguation", "first-release-date", "releases", "tags",
                                          "artist-credit", "title"};

    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(members); m++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            char *body = mem_printf(MB_HEAD "{\"%s\":%s,\"id\":\"x\",\"title\":\"Waterloo\"," MB_ABBA ",\"releases\":[{\"%s\":%s,"
                "\"release-group\":{\"%s\":%s,\"primary-type\":%s,\"secondary-types\":%s},"
                "\"release-events\":%s,\"status\":%s}]}]}",
                members[m], values[v], members[m], values[v], members[m], values[v], values[v], values[v], values[v], values[v]);
            struct provider_answer a = answer(MB, &abba, 0, body);
            assert_true(a.kind == ANSWER_FOUND || a.kind == ANSWER_FAILED);
            match_judge(&abba_open, &a.candidates);
            provider_answer_deinit(&a);
            free(body);
            body = mem_printf("{\"track\":{\"name\":\"Waterloo\",\"artist\":{\"name\":\"ABBA\"},\"listeners\":%s,"
                "\"toptags\":{\"tag\":%s},"
                "\"album\":%s}}", values[v], values[v], values[v]);
            a = answer(LF, &abba, 0, body);
            assert_int_equal(a.kind, ANSWER_FOUND);
            provider_answer_deinit(&a);
            free(body);
        }
}

static void candidates_stay_bounded(void **state)
{
    struct buf b;
    struct provider_answer a;

    (void)state;
    buf_init(&b, 0);
    buf_add_str(&b, "{\"results\":{\"trackmatches\":{\"track\":[");
    for (int i = 0; i < 400; i++)
        buf_addf(&b, "%s{\"name\":\"Song %d\",\"artist\":\"A\",\"listeners\":\"%d\"}", i ? "," : "", i, i);
    buf_add_str(&b, "]}}}");
    a = answer(LF, &abba, 1, buf_cstr(&b));
    assert_int_equal(a.kind, ANSWER_FOUND);
    assert_int_equal(a.candidates.count, CANDIDATE_MAX);
    provider_answer_deinit(&a);
    buf_deinit(&b);
}

static void joined_stages_are_judged_together(void **state)
{
    struct wanted w = {"Hello", "Adele", NULL, true};
    struct provider_answer first = answer(LF, &w, 0, LF_TRACK("Hello", "Adele", "\"700\""));
    struct provider_answer second = answer(LF, &w, 1, LF_TRACK("Adele", "Hello", "\"2000000\""));
    struct provider_answer none;

    (void)state;
    assert_true(first.ask_again);
    provider_answer_join(&second, &first);
    assert_int_equal(first.candidates.count, 0);
    assert_int_equal(second.candidates.count, 2);
    assert_int_equal(match_judge(&w, &second.candidates), 0);
    assert_string_equal(second.candidates.items[0].artist, "Adele");
    none = answer(LF, &w, 2, "{\"results\":{\"trackmatches\":{\"track\":[]}}}");
    assert_int_equal(none.kind, ANSWER_NOT_FOUND);
    provider_answer_join(&none, &second);
    assert_int_equal(none.kind, ANSWER_FOUND);
    assert_int_equal(none.candidates.count, 2);
    provider_answer_deinit(&first);
    provider_answer_deinit(&second);
    provider_answer_deinit(&none);
}

static void providers_are_paced_below_their_limit(void **state)
{
    (void)state;
    for (int id = 0; id < PROVIDER_COUNT; id++) {
        const struct provider *p = provider_get((enum provider_id)id);
        assert_int_equal(p->id, id);
        assert_true(p->pace < p->default_rate);
        assert_true(p->max_in_flight >= 1);
    }
    assert_int_equal(provider_musicbrainz.max_in_flight, 1);
    assert_string_equal(answer_class_name(ANSWER_FOUND), "found");
    assert_string_equal(answer_class_name(ANSWER_OFFLINE), "offline");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lastfm_asks_info_then_search),
        cmocka_unit_test(lastfm_is_not_asked_without_a_key),
        cmocka_unit_test(an_empty_title_is_not_asked),
        cmocka_unit_test(mb_asks_both_orders_in_one_query),
        cmocka_unit_test(mb_leaves_guests_and_versions_out),
        cmocka_unit_test(mb_escapes_what_lucene_reads),
        cmocka_unit_test(urls_stay_short_and_clean),
        cmocka_unit_test(answers_are_classed),
        cmocka_unit_test(deep_answers_are_refused),
        cmocka_unit_test(lastfm_gives_names_and_genres_and_never_a_year),
        cmocka_unit_test(lastfm_asks_again_when_nothing_fits),
        cmocka_unit_test(lastfm_search_takes_every_shape_of_nothing),
        cmocka_unit_test(a_search_that_counts_hits_without_rows_is_no_answer),
        cmocka_unit_test(names_become_one_clean_line),
        cmocka_unit_test(mb_joins_the_credit_and_lowers_the_mbid),
        cmocka_unit_test(mb_keeps_the_alias_that_was_asked_for),
        cmocka_unit_test(mb_year_is_the_first_official_release),
        cmocka_unit_test(wrong_types_are_survived_everywhere),
        cmocka_unit_test(candidates_stay_bounded),
        cmocka_unit_test(joined_stages_are_judged_together),
        cmocka_unit_test(providers_are_paced_below_their_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
