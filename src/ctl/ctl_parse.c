/* songbookctl parse: names in, guesses out. Works offline, one line at a time in bounded memory; with --library all lines are
 * held, at most LIBRARY_MAX, so that they are evidence for each other. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/hash.h"
#include "song/library.h"

#define LINE_MAX_BYTES (1024 * 1024)

enum form { FORM_TABLE, FORM_TSV, FORM_JSON };

static const struct column columns[] = {{"CONF", 4, true}, {"ARTIST", 24, false}, {"TITLE", 31, false}, {"RULE", 15, false}};

/* A tab, a line end or a NUL inside a value would shift the columns of the line. */
static void tsv_value(const char *s, size_t n, char end)
{
    struct buf b;

    buf_init(&b, 0);
    utf8_repair(&b, (struct slice){s, n});
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] == '\t' || b.data[i] == '\n' || b.data[i] == '\r' || b.data[i] == '\0')
            b.data[i] = ' ';
    fputs(buf_cstr(&b), stdout);
    putchar(end);
    buf_deinit(&b);
}

static void tsv_str(const char *s)
{
    tsv_value(s ? s : "", s ? strlen(s) : 0, '\t');
}

static void print_tsv(struct slice name, const struct guess *g)
{
    tsv_value(name.p, name.n, '\t');
    tsv_str(g->artist);
    tsv_str(g->title);
    printf("%.2f\t", g->confidence);
    tsv_str(g->variant);
    tsv_str(g->vendor);
    if (g->year)
        printf("%d", g->year);
    putchar('\t');
    tsv_str(g->youtube_id);
    tsv_str(guess_category_name(g->category));
    tsv_value(g->rule ? g->rule : "", g->rule ? strlen(g->rule) : 0, '\n');
}

static void put_or_null(struct json_out *o, const char *key, const char *s)
{
    json_put_str(o, key, s && *s ? s : NULL);
}

static void put_evidence(struct json_out *o, const struct guess_evidence *v)
{
    json_open(o, "evidence", '{');
    json_put_bool(o, "pair", v->pair);
    json_put_bool(o, "title_first", v->title_first);
    json_put_bool(o, "settled", v->settled);
    json_put_bool(o, "weak", v->weak);
    json_put_bool(o, "noise", v->noise);
    json_put_bool(o, "fame", v->fame);
    json_put_bool(o, "extra", v->extra);
    json_put_bool(o, "catalogue", v->catalogue);
    json_put_int(o, "digits", v->digits);
    json_put_int(o, "residue", v->residue);
    json_put_int(o, "words", v->words);
    json_put_num(o, "lean", v->lean, 2);
    json_close(o, '}');
}

static void print_json(struct slice name, const struct guess *g)
{
    char *artist_title = guess_tidy(g, false), *title_artist = guess_tidy(g, true);
    struct buf b;
    struct json_out o;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    json_put_slice(&o, "name", name);
    put_or_null(&o, "artist", g->artist);
    put_or_null(&o, "title", g->title);
    json_put_num(&o, "confidence", g->confidence, 2);
    json_put_str(&o, "label", confidence_label(g->confidence));
    put_or_null(&o, "variant", g->variant);
    put_or_null(&o, "vendor", g->vendor);
    put_or_null(&o, "language", g->language);
    if (g->year)
        json_put_int(&o, "year", g->year);
    else
        json_put_null(&o, "year");
    put_or_null(&o, "youtube_id", g->youtube_id);
    json_put_str(&o, "category", guess_category_name(g->category));
    json_put_bool(&o, "is_ambiguous", g->is_ambiguous);
    put_or_null(&o, "rule", g->rule);
    put_or_null(&o, "reason", g->reason);
    put_evidence(&o, &g->evidence);
    json_open(&o, "tidy", '{');
    put_or_null(&o, "artist_title", artist_title);
    put_or_null(&o, "title_artist", title_artist);
    json_close(&o, '}');
    json_close(&o, '}');
    fwrite(b.data, 1, b.len, stdout);
    putchar('\n');
    buf_deinit(&b);
    free(artist_title);
    free(title_artist);
}

static void print_line(const struct guess *g)
{
    char confidence[16];
    const char *cells[] = {confidence, g->artist, g->title, g->rule};

    snprintf(confidence, sizeof(confidence), "%.2f", g->confidence);
    print_row(columns, cells, ARRAY_LEN(cells));
}

static void print_guess(struct slice name, const struct guess *g, enum form form)
{
    if (form == FORM_TSV)
        print_tsv(name, g);
    else if (form == FORM_JSON)
        print_json(name, g);
    else
        print_line(g);
}

/* The lines that are evidence for each other. */
struct lines {
    struct library *library;
    char **text;
    size_t *len;
    size_t n, cap;
    bool blind;
};

static void read_name(struct slice name, bool blind, struct guess *g)
{
    if (blind)
        title_parse_blind(name, g);
    else
        title_parse(name, g);
}

static void lines_add(struct lines *l, struct slice name)
{
    struct guess g;

    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 1024;
        l->text = mem_realloc(l->text, l->cap * sizeof *l->text);
        l->len = mem_realloc(l->len, l->cap * sizeof *l->len);
    }
    l->text[l->n] = mem_strndup(name.p, name.n);
    l->len[l->n] = name.n;
    read_name(name, l->blind, &g);
    library_put(l->library, (int64_t)l->n++, name, &g);
    guess_deinit(&g);
}

static void lines_print(struct lines *l, enum form form)
{
    for (size_t i = 0; i < l->n && !ferror(stdout); i++) {
        struct slice name = {l->text[i], l->len[i]};
        struct guess g;
        read_name(name, l->blind, &g);
        library_judge(l->library, (int64_t)i, &g);
        print_guess(name, &g, form);
        guess_deinit(&g);
    }
}

static void lines_deinit(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->text[i]);
    free(l->text);
    free(l->len);
    library_free(l->library);
}

static void parse_one(struct slice name, enum form form, bool blind)
{
    struct guess g;

    read_name(name, blind, &g);
    print_guess(name, &g, form);
    guess_deinit(&g);
}

/* Reads up to a line end, which is dropped (also as CR LF). 1 for a line, 0 at the end, ERR_TOO_LARGE. */
static int line_read(FILE *in, struct buf *line)
{
    int c;

    buf_reset(line);
    while ((c = getc_unlocked(in)) != EOF && c != '\n')
        if (!buf_add_byte(line, (char)c))
            return ERR_TOO_LARGE;
    if (c == EOF && line->len == 0)
        return 0;
    if (line->len && line->data[line->len - 1] == '\r')
        line->len--;
    return 1;
}

/* lines: without a library each name is read on its own. */
static int parse_lines(FILE *in, const char *what, enum form form, struct lines *lines)
{
    struct buf line;
    long long number = 0;
    int rc;

    buf_init(&line, LINE_MAX_BYTES);
    while ((rc = line_read(in, &line)) > 0) {
        struct slice name = {line.data ? line.data : "", line.len};
        number++;
        if (lines->library && lines->n < LIBRARY_MAX)
            lines_add(lines, name);
        else if (!lines->library)
            parse_one(name, form, lines->blind);
        else
            rc = ERR_TOO_LARGE;
        if (ferror(stdout) || rc < 0)
            break;
    }
    if (lines->library)
        lines_print(lines, form);
    buf_deinit(&line);
    if (rc == ERR_TOO_LARGE && lines->n == LIBRARY_MAX)
        complain("'%s' has more than %d lines; without --library there is no limit", what, LIBRARY_MAX);
    else if (rc == ERR_TOO_LARGE)
        complain("line %lld of '%s' is longer than %d bytes", number + 1, what, LINE_MAX_BYTES);
    else if (ferror(in))
        complain("'%s' cannot be read: %s", what, strerror(errno));
    return print_done() && rc == 0 && !ferror(in) ? EXIT_FINE : EXIT_FAILED;
}

int cmd_parse(struct ctl *ctl, int argc, char **argv)
{
    bool tsv = false, library = false, blind = false;
    const struct arg_option own[] = {{"--tsv", &tsv, NULL}, {"--library", &library, NULL}, {"--blind", &blind, NULL}, ARGS_END};
    const char *path;
    FILE *in = stdin;
    struct lines lines = {0};
    int rc = args_read(ctl, &argc, argv, own, 0, 1);

    if (rc != GO_ON)
        return rc;
    if (tsv && ctl->json)
        return args_refuse(ctl, "'--tsv' and '--json' exclude each other");
    path = argc ? argv[0] : "-";
    if (strcmp(path, "-") != 0 && !(in = fopen(path, "re"))) {
        complain("'%s' cannot be opened: %s", path, strerror(errno));
        return EXIT_FAILED;
    }
    if (tsv)
        puts("name\tartist\ttitle\tconfidence\tvariant\tvendor\tyear\tyoutube_id\tcategory\treason");
    else if (!ctl->json)
        print_head(columns, ARRAY_LEN(columns));
    lines.blind = blind;
    if (library)
        lines.library = library_new(hash_seed());
    rc = parse_lines(in, path, tsv ? FORM_TSV : ctl->json ? FORM_JSON : FORM_TABLE, &lines);
    lines_deinit(&lines);
    if (in != stdin)
        fclose(in);
    return rc;
}
