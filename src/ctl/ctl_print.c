/* What songbookctl writes for people; see ctl.h. Every text passes utf8_escape_controls, so that no name drives a terminal. */
#include "ctl/ctl.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"

#define LINE_CELLS 80
#define GAP "  "
#define TREE_DEPTH 20

void complain(const char *fmt, ...)
{
    struct buf text, shown;
    va_list ap;

    buf_init(&text, 4096);
    buf_init(&shown, 0);
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    utf8_escape_controls(&shown, (struct slice){buf_cstr(&text), text.len});
    fflush(stdout);
    fprintf(stderr, "songbookctl: %s\n", buf_cstr(&shown));
    buf_deinit(&text);
    buf_deinit(&shown);
}

static char *escaped(const char *s)
{
    struct buf b;

    buf_init(&b, 0);
    utf8_escape_controls(&b, slice_of(s));
    return buf_detach(&b);
}

void print_text(const char *s)
{
    char *shown = s ? escaped(s) : mem_strdup("-");

    fputs(shown, stdout);
    free(shown);
}

/* Cells of the code point at *pos, which moves behind it. */
static int cells_next(struct slice s, size_t *pos)
{
    int32_t cp = utf8_next(s, pos);
    int w = cp < 0 ? 1 : utf8proc_charwidth(cp);

    return w < 0 ? 0 : w;
}

static int cells_of(struct slice s)
{
    int n = 0;

    for (size_t i = 0; i < s.n;)
        n += cells_next(s, &i);
    return n;
}

/* Appends text in exactly `width` cells (blanks on the left when right), the last cell without trailing blanks. */
static void add_cell(struct buf *line, const char *text, int width, bool right, bool last)
{
    struct slice s = slice_of(text);
    int have = cells_of(s), fill;
    size_t end = s.n;

    if (have > width) {
        int used = 0;
        for (size_t i = 0; i < s.n;) {
            size_t at = i;
            int w = cells_next(s, &i);
            if (used + w > width - 1) {
                end = at;
                break;
            }
            used += w;
        }
        have = used + 1;
    }
    fill = width - have;
    for (int i = 0; right && i < fill; i++)
        buf_add_byte(line, ' ');
    buf_add(line, s.p, end);
    if (end < s.n)
        buf_add_str(line, "\xe2\x80\xa6");
    for (int i = 0; !right && !last && i < fill; i++)
        buf_add_byte(line, ' ');
}

void print_row(const struct column *c, const char *const *cells, size_t n)
{
    struct buf line;
    int left = LINE_CELLS;

    buf_init(&line, 0);
    for (size_t i = 0; i < n; i++) {
        char *shown = cells[i] ? escaped(cells[i]) : mem_strdup("-");
        int width = i + 1 < n ? c[i].width : left;
        add_cell(&line, shown, width, c[i].right, i + 1 == n);
        if (i + 1 < n)
            buf_add_str(&line, GAP);
        left -= width + (int)strlen(GAP);
        free(shown);
    }
    puts(buf_cstr(&line));
    buf_deinit(&line);
}

void print_head(const struct column *c, size_t n)
{
    const char *titles[16];

    for (size_t i = 0; i < n && i < ARRAY_LEN(titles); i++)
        titles[i] = c[i].title;
    print_row(c, titles, n);
}

void print_field(const char *name, const char *value)
{
    printf("%-14s ", name);
    print_text(value);
    putchar('\n');
}

char *json_words(const cJSON *v)
{
    double d;

    if (cJSON_IsString(v))
        return mem_strdup(v->valuestring);
    if (cJSON_IsBool(v))
        return mem_strdup(cJSON_IsTrue(v) ? "yes" : "no");
    if (!cJSON_IsNumber(v))
        return mem_strdup("-");
    d = v->valuedouble;
    if (d == floor(d) && fabs(d) < 9007199254740992.0)
        return mem_printf("%lld", (long long)d);
    return mem_printf("%.3g", d);
}

static bool is_branch(const cJSON *v)
{
    return cJSON_IsObject(v) || cJSON_IsArray(v);
}

static void print_leaf(const cJSON *v)
{
    char *words = json_words(v);

    print_text(words);
    putchar('\n');
    free(words);
}

void print_tree(const cJSON *v, int indent)
{
    if (!is_branch(v)) {
        print_leaf(v);
        return;
    }
    if (indent > 2 * TREE_DEPTH)
        return;
    for (const cJSON *x = v->child; x; x = x->next) {
        printf("%*s", indent, "");
        print_text(cJSON_IsArray(v) ? "-" : x->string);
        fputs(cJSON_IsArray(v) ? " " : ": ", stdout);
        if (is_branch(x))
            putchar('\n');
        if (is_branch(x))
            print_tree(x, indent + 2);
        else
            print_leaf(x);
    }
}

int print_answer(const struct ctl *ctl, const struct reply *r)
{
    if (ctl->json || !r->json)
        return print_raw(r);
    print_tree(r->json, 0);
    return print_finish(EXIT_FINE);
}

bool print_done(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    complain("the output could not be written: %s", strerror(errno));
    return false;
}

int print_finish(int rc)
{
    return rc == EXIT_FINE && !print_done() ? EXIT_FAILED : rc;
}
