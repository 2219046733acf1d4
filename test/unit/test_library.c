/* The library as evidence: what other names settle, whatever the order in which they came. Names are invented. */
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
#include "song/library.h"

static struct guess parse(const char *name)
{
    struct guess g;

    title_parse(slice_of(name), &g);
    return g;
}

static void put(struct library *l, int64_t id, const char *name)
{
    struct guess g = parse(name);

    library_put(l, id, slice_of(name), &g);
    guess_deinit(&g);
}

/* What the library makes of the name that stands under id. */
static struct guess judged(const struct library *l, int64_t id, const char *name)
{
    struct guess g = parse(name);

    library_judge(l, id, &g);
    return g;
}

static void assert_reads(const struct library *l, int64_t id, const char *name, const char *artist, const char *title)
{
    struct guess g = judged(l, id, name);

    if (!g.artist || strcmp(g.artist, artist) != 0 || strcmp(g.title, title) != 0)
        print_error("'%s' is read as '%s' / '%s' (%s)\n", name, g.artist ? g.artist : "", g.title, g.reason);
    assert_string_equal(g.artist, artist);
    assert_string_equal(g.title, title);
    guess_deinit(&g);
}

/* Title first, without a sign of it: the same right part stands beside many left parts. */
static const char *const harbour[] = {
    "/songs/Paper Boats - Zorvo Kelt.mp4", "/songs/Velvet Tide - Zorvo Kelt.mp4",  "/songs/Amber Sail - Zorvo Kelt.mp4",
    "/songs/Cold Anchor - Zorvo Kelt.mp4", "/songs/Salt Lantern - Zorvo Kelt.mp4", "/songs/Quiet Pier - Zorvo Kelt.mp4",
};

static void a_part_beside_many_others_is_the_artist(void **state)
{
    struct library *l = library_new(1);
    struct guess g;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(harbour); i++)
        put(l, (int64_t)i, harbour[i]);
    for (size_t i = 0; i < ARRAY_LEN(harbour); i++) {
        g = judged(l, (int64_t)i, harbour[i]);
        assert_string_equal(g.artist, "Zorvo Kelt");
        assert_string_equal(g.rule, "library");
        assert_false(g.is_ambiguous);
        assert_true(g.confidence >= 0.70 && g.confidence <= 0.84);
        assert_non_null(strstr(g.reason, "beside 5 other titles"));
        guess_deinit(&g);
    }
    library_free(l);
}

static void copies_of_one_song_count_once(void **state)
{
    static const char *const names[] = {"/a/Paper Boats - Zorvo Kelt.mp4", "/b/Paper Boats - Zorvo Kelt.mp4",
                                        "/c/Zorvo Kelt - Paper Boats.mp4", "/d/paper boats - zorvo kelt.mkv"};
    struct library *l = library_new(1);
    struct guess g;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(l, (int64_t)i, names[i]);
    g = parse(names[0]);
    assert_false(library_judge(l, 0, &g));
    assert_true(g.is_ambiguous);
    guess_deinit(&g);
    library_free(l);
}

static void a_name_that_states_its_artist_settles_the_others(void **state)
{
    struct library *l = library_new(1);
    struct guess g;

    (void)state;
    put(l, 1, "/songs/Blue Harbour (In the Style of Zorvo Kelt).mp4");
    put(l, 2, "/songs/Paper Boats - Zorvo Kelt.mp4");
    g = judged(l, 2, "/songs/Paper Boats - Zorvo Kelt.mp4");
    assert_string_equal(g.artist, "Zorvo Kelt");
    assert_string_equal(g.rule, "library");
    guess_deinit(&g);
    library_free(l);
}

static void the_way_of_writing_has_a_habit(void **state)
{
    static const char *const titles[] = {"Yesterday Rain", "Alone Tonight", "Maybe Never", "Home Again", "Tell Me Why",
                                         "Hold On", "Let It Snow", "Only You", "Come Back", "Stay Here"};
    static const char *const artists[] = {"Elton John", "ABBA", "Bryan Adams", "Whitney Houston", "Phil Collins", "Tina Turner",
                                          "Rod Stewart", "Celine Dion", "Lionel Richie", "George Michael"};
    struct library *l = library_new(1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
        char *name = mem_printf("/rips/%s - %s.kar", titles[i], artists[i]);
        put(l, (int64_t)i, name);
        free(name);
    }
    put(l, 100, "/rips/Zorvo Kelt - Grunvik.kar");
    assert_reads(l, 100, "/rips/Zorvo Kelt - Grunvik.kar", "Grunvik", "Zorvo Kelt");
    put(l, 101, "/other/Zorvo Mint - Grunvak.kar");   /* another folder: another hand */
    assert_reads(l, 101, "/other/Zorvo Mint - Grunvak.kar", "Zorvo Mint", "Grunvak");
    library_free(l);
}

static void a_number_in_front_of_nearly_every_name_is_none_of_the_title(void **state)
{
    struct library *l = library_new(1);

    (void)state;
    for (int i = 0; i < 20; i++) {
        char *name = mem_printf("/ktv/%03d Zorvo%c Kelt%c - Grun%c Vik%c.mkv", 101 + i, 'a' + i, 'b' + i, 'c' + i, 'd' + i);
        put(l, i, name);
        free(name);
    }
    put(l, 50, "/ktv/359 Amber Sail - Elton John.mkv");
    assert_reads(l, 50, "/ktv/359 Amber Sail - Elton John.mkv", "Elton John", "Amber Sail");
    put(l, 51, "/songs/359 Amber Sail - Elton John.mkv");
    assert_reads(l, 51, "/songs/359 Amber Sail - Elton John.mkv", "Elton John", "359 Amber Sail");
    library_free(l);
}

static void a_settled_name_keeps_its_order(void **state)
{
    struct library *l = library_new(1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(harbour); i++)
        put(l, (int64_t)i, harbour[i]);
    put(l, 10, "/songs/Zorvo Kelt (In the Style of Ada Vale).mp4");
    assert_reads(l, 10, "/songs/Zorvo Kelt (In the Style of Ada Vale).mp4", "Ada Vale", "Zorvo Kelt");
    library_free(l);
}

/* A library of names that share parts and habits; deterministic. */
static char *made_name(unsigned i)
{
    unsigned h = i * 2654435761u;
    unsigned artist = h % 37, title = (h >> 8) % 211, form = (h >> 20) % 5;
    char *a = mem_printf("Zor%c%c Kelt", 'a' + (int)(artist % 7), 'a' + (int)(artist / 7));
    char *t = mem_printf("Grun%c Vik%c%c", 'a' + (int)(title % 5), 'a' + (int)(title / 5 % 7), 'a' + (int)(title / 35));
    char *name = form == 0   ? mem_printf("/a/%s - %s.mp4", t, a)
                 : form == 1 ? mem_printf("/b/%s - %s (Karaoke Version).mp4", a, t)
                 : form == 2 ? mem_printf("/c/%s_-_%s.kar", a, t)
                 : form == 3 ? mem_printf("/a/%s (In the Style of %s).mp4", t, a)
                             : mem_printf("/d/%03u %s - %s.mkv", i % 1000, t, a);

    free(a);
    free(t);
    return name;
}

static void assert_same_verdicts(const struct library *a, const struct library *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char *name = made_name(i);
        struct guess g = judged(a, i, name), h = judged(b, i, name);
        assert_string_equal(g.artist ? g.artist : "", h.artist ? h.artist : "");
        assert_string_equal(g.title, h.title);
        assert_string_equal(g.reason, h.reason);
        assert_true(g.confidence == h.confidence);
        guess_deinit(&g);
        guess_deinit(&h);
        free(name);
    }
}

#define MADE 600

static void verdicts_do_not_depend_on_the_order_of_arrival(void **state)
{
    struct library *a = library_new(1), *b = library_new(99);

    (void)state;
    for (unsigned i = 0; i < MADE; i++) {
        char *name = made_name(i);
        put(a, i, name);
        free(name);
    }
    /* The other way round, with names that go again and names that come twice. */
    for (unsigned i = MADE; i-- > 0;) {
        char *name = made_name(i), *other = made_name(i + 5000);
        put(b, i + 100000, other);
        put(b, i, other);
        put(b, i, name);
        free(name);
        free(other);
    }
    for (unsigned i = 0; i < MADE; i++)
        library_drop(b, i + 100000);
    assert_int_equal(library_count(a), MADE);
    assert_int_equal(library_count(b), MADE);
    assert_same_verdicts(a, b, MADE);
    library_free(a);
    library_free(b);
}

/* Every name whose verdict differs after a change is among those that library_take_changed names. */
static void a_change_names_all_songs_it_touches(void **state)
{
    struct library *l = library_new(7);
    char *before[MADE];
    int64_t ids[MADE];
    bool told[MADE] = {false};
    size_t n;
    unsigned differ = 0;

    (void)state;
    for (unsigned i = 0; i < MADE; i += 8) {
        char *name = made_name(i);
        put(l, i, name);
        free(name);
    }
    while (library_take_changed(l, ids, 100))
        ;
    for (unsigned i = 0; i < MADE; i += 8) {
        char *name = made_name(i);
        struct guess g = judged(l, i, name);
        before[i] = mem_printf("%s|%s|%.6f", g.artist ? g.artist : "", g.title, g.confidence);
        guess_deinit(&g);
        free(name);
    }
    for (unsigned i = 0; i < MADE; i++) {
        char *name = made_name(i);
        if (i % 8)
            put(l, i, name);
        free(name);
    }
    while ((n = library_take_changed(l, ids, 50)) > 0)
        for (size_t k = 0; k < n; k++)
            told[ids[k]] = true;
    for (unsigned i = 0; i < MADE; i += 8) {
        char *name = made_name(i);
        struct guess g = judged(l, i, name);
        char *now = mem_printf("%s|%s|%.6f", g.artist ? g.artist : "", g.title, g.confidence);
        if (strcmp(now, before[i]) != 0) {
            assert_true(told[i]);
            differ++;
        }
        guess_deinit(&g);
        free(now);
        free(before[i]);
        free(name);
    }
    assert_true(differ > 10);   /* else the test shows nothing */
    library_free(l);
}

static void a_reason_is_never_cut_within_a_character(void **state)
{
    struct library *l = library_new(1);

    (void)state;
    for (int i = 0; i < 6; i++) {
        char *name = mem_printf("Zorvo Tune %d - Abcééééééééééééééééééééééééééééééééééé.mp4", i);
        struct guess g;
        put(l, i, name);
        g = judged(l, i, name);
        assert_true(utf8_valid(slice_of(g.reason)));
        guess_deinit(&g);
        free(name);
    }
    library_free(l);
}

static void unseen_names_are_dropped(void **state)
{
    struct library *l = library_new(1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(harbour); i++)
        put(l, (int64_t)i, harbour[i]);
    assert_true(library_see(l, 0, slice_of(harbour[0]), 1));
    assert_false(library_see(l, 1, slice_of("/songs/another path.mp4"), 1));
    put(l, 1, "/songs/another path.mp4");
    library_drop_unseen(l, 1);
    assert_int_equal(library_count(l), 2);
    library_free(l);
}

static void memory_is_bounded(void **state)
{
    struct library *l = library_new(3);

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char *name = mem_printf("/s/Zorvo %x - Grunvik %x.mp4", i * 2654435761u, i * 40503u);
        put(l, i, name);
        free(name);
    }
    assert_true(library_bytes(l) < 20000 * 250);
    library_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_beside_many_others_is_the_artist),
        cmocka_unit_test(copies_of_one_song_count_once),
        cmocka_unit_test(a_name_that_states_its_artist_settles_the_others),
        cmocka_unit_test(the_way_of_writing_has_a_habit),
        cmocka_unit_test(a_number_in_front_of_nearly_every_name_is_none_of_the_title),
        cmocka_unit_test(a_settled_name_keeps_its_order),
        cmocka_unit_test(verdicts_do_not_depend_on_the_order_of_arrival),
        cmocka_unit_test(a_change_names_all_songs_it_touches),
        cmocka_unit_test(a_reason_is_never_cut_within_a_character),
        cmocka_unit_test(unseen_names_are_dropped),
        cmocka_unit_test(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
