/* How fast names are read, against merely normalising and folding the same bytes with utf8proc in the same run; what the library
 * as evidence costs for 100,000 songs; and that a name of 64 KiB costs no more per byte than ten times an ordinary one.
 *
 *   names FILE     a table whose first column is the name (test/data/names.tsv)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utf8proc.h>

#include "song/library.h"

#define ROUNDS 7
#define SONGS 100000

static char *names[20000];
static size_t count, bytes;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void read_names(const char *path)
{
    char line[70000];
    FILE *in = fopen(path, "r");

    if (!in || !fgets(line, sizeof line, in)) {
        perror(path);
        exit(1);
    }
    while (count < sizeof names / sizeof *names && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\t\n")] = '\0';
        names[count] = strdup(line);
        bytes += strlen(names[count++]);
    }
    fclose(in);
}

static double parse_all(void)
{
    double begun = now_ms();

    for (int k = 0; k < 20; k++)
        for (size_t i = 0; i < count; i++) {
            struct guess g;
            title_parse(slice_of(names[i]), &g);
            guess_deinit(&g);
        }
    return (now_ms() - begun) / 20;
}

static double fold_all(void)
{
    double begun = now_ms();

    for (int k = 0; k < 20; k++)
        for (size_t i = 0; i < count; i++) {
            utf8proc_uint8_t *out = NULL;
            utf8proc_map((const utf8proc_uint8_t *)names[i], 0, &out,
                         UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
            free(out);
        }
    return (now_ms() - begun) / 20;
}

static double median(double *v, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
            double t = v[k];
            v[k] = v[k - 1];
            v[k - 1] = t;
        }
    return v[n / 2];
}

static void speed(void)
{
    double parse[ROUNDS], fold[ROUNDS], ratio[ROUNDS];

    for (int r = 0; r < ROUNDS; r++) {
        parse[r] = parse_all();
        fold[r] = fold_all();
        ratio[r] = parse[r] / fold[r];
    }
    printf("reading %zu names (%zu bytes): %.0f names/s, %.1f times normalising and folding (at most 8)\n", count, bytes,
           (double)count / median(parse, ROUNDS) * 1e3, median(ratio, ROUNDS));
}

/* Artists of many songs, songs of many artists, four folders with habits of their own. */
static void made_name(char *out, size_t size, unsigned i)
{
    unsigned h = i * 2654435761u, artist = h % 9001, title = (h >> 7) % 60013;

    switch (i % 4) {
    case 0: snprintf(out, size, "/a/Tune Number %u - Group of %u.kar", title, artist); break;
    case 1: snprintf(out, size, "/b/Group of %u - Tune Number %u (Karaoke Version).mp4", artist, title); break;
    case 2: snprintf(out, size, "/c/Group_of_%u_-_Tune_Number_%u.mid", artist, title); break;
    default: snprintf(out, size, "/d/Tune Number %u (In the Style of Group of %u) [Karaoke].mp4", title, artist);
    }
}

static void library(void)
{
    struct library *l = library_new(1);
    struct guess *g = calloc(SONGS, sizeof *g);
    int64_t ids[1000];
    size_t n, judged = 0, again = 0;
    double begun, parsed, put, all, one;
    char name[256];

    begun = now_ms();
    for (unsigned i = 0; i < SONGS; i++) {
        made_name(name, sizeof name, i);
        title_parse(slice_of(name), &g[i]);
    }
    parsed = now_ms() - begun;
    begun = now_ms();
    for (unsigned i = 0; i < SONGS; i++) {
        made_name(name, sizeof name, i);
        library_put(l, i, slice_of(name), &g[i]);
    }
    put = now_ms() - begun;
    begun = now_ms();
    while ((n = library_take_changed(l, ids, 1000)) > 0)
        for (size_t k = 0; k < n; k++)
            judged += library_judge(l, ids[k], &g[ids[k]]);
    all = now_ms() - begun;
    begun = now_ms();
    for (unsigned i = SONGS; i < SONGS + 1000; i++) {
        struct guess one_more;
        made_name(name, sizeof name, i);
        title_parse(slice_of(name), &one_more);
        library_put(l, i, slice_of(name), &one_more);
        while ((n = library_take_changed(l, ids, 1000)) > 0)
            again += n;
        guess_deinit(&one_more);
    }
    one = now_ms() - begun;
    printf("the library of %d songs: reading %.0f ms, remembering %.0f ms, judging %.0f ms, together %.0f ms (at most 2000); %zu "
           "decided\n",
           SONGS, parsed, put, all, parsed + put + all, judged);
    printf("one more song: %.3f ms, %.1f songs looked at again; %.1f MB in all, %.0f bytes a song\n", one / 1000,
           (double)again / 1000, (double)library_bytes(l) / 1e6, (double)library_bytes(l) / SONGS);
    for (unsigned i = 0; i < SONGS; i++)
        guess_deinit(&g[i]);
    free(g);
    library_free(l);
}

static void pathological(void)
{
    static const char *const pieces[] = {
        "(", ")", "-", " - ", "ft. ", "\"", "_", "&", "karaoke ", "in the style of ", "\xff", "\xcc\x81", "노래방", "【",
        "|", "by ", "a - b (karaoke) ", "&#39;", " ", "a", "((((a))))", "' ", "www.", "🎤"};
    double ordinary = 1e9, worst = 0;
    const char *which = "";

    for (int r = 0; r < ROUNDS; r++) {
        double t = parse_all() * 1e6 / (double)bytes;
        ordinary = t < ordinary ? t : ordinary;
    }
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t n = TITLE_MAX_BYTES, len = strlen(pieces[i]);
        char *name = malloc(n);
        double best = 1e9;
        for (size_t k = 0; k < n; k++)
            name[k] = pieces[i][k % len];
        for (int r = 0; r < ROUNDS; r++) {
            struct guess g;
            double begun = now_ms(), t;
            title_parse((struct slice){name, n}, &g);
            t = (now_ms() - begun) * 1e6 / (double)n;
            best = t < best ? t : best;
            guess_deinit(&g);
        }
        if (best > worst) {
            worst = best;
            which = pieces[i];
        }
        free(name);
    }
    printf("a name of 64 KiB: at worst %.1f ns a byte (of '%s'), %.2f times an ordinary one (at most 10)\n", worst, which,
           worst / ordinary);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    read_names(argv[1]);
    speed();
    library();
    pathological();
    return 0;
}
