/* The INI file and the environment as layers of the configuration.
 *
 * inih does the syntax, but cuts long lines silently, names only the first bad line, and takes an
 * indented line for more of the value above. So it is fed line by line, without indentation, by a
 * reader that counts, refuses long lines and watches that each line arrived. All errors are
 * reported; the values change only when there was none. Before the loop runs.
 */
#include "config/config_internal.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "config/option_value.h"

#define LINE_BYTES 198   /* newer inih takes a buffer that is full without a line end for a cut line, and eats the next one */
#define LINES_MAX 100000
#define ERRORS_SHOWN 50
#define ENV_PREFIX "SONGBOOKD_"

struct reading {
    FILE *in;
    const char *path, *base;     /* borrowed */
    struct layer *layer;
    void (*report)(const char *line, void *arg);
    void *arg;
    int line, errors;
    int first_at[OPT_COUNT];     /* line where the option stood first; 0 not yet */
    bool expected;               /* inih was given a line that has to reach the handler ... */
    bool cut;                    /* ... and takes what stands behind " ;" for a comment */
};

static void tell(struct reading *r, const struct err *e)
{
    struct buf shown;
    char *text;

    if (++r->errors > ERRORS_SHOWN + 1 || !r->report)
        return;
    if (r->errors > ERRORS_SHOWN)
        text = mem_printf("%s: there are more errors", r->path);
    else if (r->line)
        text = mem_printf("%s:%d: %s", r->path, r->line, err_text(e));
    else
        text = mem_printf("%s: %s", r->path, err_text(e));
    buf_init(&shown, 0);
    utf8_escape_controls(&shown, slice_of(text));
    r->report(buf_cstr(&shown), r->arg);
    buf_deinit(&shown);
    free(text);
}

__attribute__((format(printf, 2, 3))) static void tell_line(struct reading *r, const char *fmt, ...)
{
    struct err e = {.code = ERR_CONFIG};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e.text, sizeof(e.text), fmt, ap);
    va_end(ap);
    tell(r, &e);
}

/* Reads one line of the file into out (LINE_BYTES + 1). 1 for a line, 0 at the end, ERR_TOO_LARGE or ERR_MALFORMED for
 * a bad one. */
static int raw_line(FILE *in, char *out)
{
    size_t n = 0;
    bool nul = false;
    int c;

    while ((c = getc(in)) != EOF && c != '\n') {
        nul |= c == '\0';
        if (n < LINE_BYTES)
            out[n] = (char)c;
        n++;
    }
    if (c == EOF && n == 0)
        return 0;
    if (n > LINE_BYTES)
        return ERR_TOO_LARGE;
    out[n] = '\0';
    return nul ? ERR_MALFORMED : 1;
}

/* Looks at the line that goes to inih; false when it has to be passed over. */
static bool line_check(struct reading *r, char *line)
{
    struct slice s = slice_trim(slice_of(line));

    if (r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
        s = slice_trim(slice_of(line + 3));
    memmove(line, s.p, s.n);
    line[s.n] = '\0';
    if (s.n == 0 || line[0] == ';' || line[0] == '#')
        return true;
    if (line[0] == '[' && !strchr(line, ']')) {
        tell_line(r, "a section needs a closing ']'");
        return false;
    }
    r->expected = line[0] != '[';
    r->cut = strstr(line, " ;") || strstr(line, "\t;");
    return true;
}

static void line_over(struct reading *r)
{
    if (r->expected)
        tell_line(r, "neither '[section]' nor 'key = value'");
    r->expected = false;
}

static char *on_ini_line(char *out, int size, void *arg)
{
    struct reading *r = arg;
    char line[LINE_BYTES + 1];
    int rc;

    line_over(r);
    while (r->line < LINES_MAX && (rc = raw_line(r->in, line)) != 0) {
        r->line++;
        if (rc == ERR_TOO_LARGE || (rc == 1 && (int)strlen(line) >= size - 1))
            tell_line(r, "the line has more than %d bytes", LINE_BYTES);
        else if (rc == ERR_MALFORMED)
            tell_line(r, "the line holds a NUL byte");
        else if (line_check(r, line))
            return strcpy(out, line);
    }
    if (r->line >= LINES_MAX)
        tell_line(r, "the file has more than %d lines", LINES_MAX);
    return NULL;
}

static int on_ini_value(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;
    char *name = *section ? mem_printf("%s.%s", section, key) : mem_strdup(key);
    int id = option_find(name), rc;
    struct err e = {0};

    r->expected = false;
    if (id < 0)
        rc = option_unknown(name, &e);
    else if (r->first_at[id] && !(options[id].flags & OPTION_REPEAT))
        rc = err_set(&e, ERR_CONFIG, "'%s' stands in line %d already", options[id].name, r->first_at[id]);
    else if (r->cut && (options[id].type == OPTION_PATH || options[id].type == OPTION_LIST))
        rc = err_set(&e, ERR_CONFIG, "'%s': what follows ' ;' would be a comment; put comments on lines of their own, and "
                                     "rename or link to a folder with ' ;' in its name", options[id].name);
    else if (options[id].flags & OPTION_REPEAT)
        rc = layer_add(r->layer, (enum option_id)id, value, r->base, &e);
    else
        rc = layer_set(r->layer, (enum option_id)id, value, r->base, &e);
    if (id >= 0 && !r->first_at[id])
        r->first_at[id] = r->line;
    if (rc != 0)
        tell(r, &e);
    free(name);
    return 1;
}

int ini_layer_read(FILE *file, const char *path, const char *base, struct layer *l, void (*report)(const char *line, void *arg),
                   void *arg)
{
    struct reading r = {.in = file, .path = path, .base = base, .layer = l, .report = report, .arg = arg};

    ini_parse_stream(on_ini_line, &r, on_ini_value, &r);
    line_over(&r);
    r.line = 0;
    if (ferror(file))
        tell_line(&r, "cannot be read: %s", strerror(errno));
    return r.errors;
}

/* Returns new: the folder that holds the file, absolute. */
static char *folder_of(const char *path)
{
    char *cwd = working_directory(), *folder = path[0] == '/' ? mem_strdup(path) : mem_printf("%s/%s", cwd, path);
    char *slash = strrchr(folder, '/');

    slash[slash == folder] = '\0';
    free(cwd);
    return folder;
}

int config_read_file(struct config *c, const char *path, void (*report)(const char *line, void *arg), void *arg)
{
    struct layer *fresh;
    char *base;
    FILE *f = fopen(path, "re");
    int errors;

    if (!f)
        return ERR_NOT_FOUND;
    fresh = mem_zalloc(sizeof(*fresh));
    base = folder_of(path);
    errors = ini_layer_read(f, path, base, fresh, report, arg);
    fclose(f);
    free(base);
    if (errors) {
        layer_clear(fresh);
        free(fresh);
        return ERR_CONFIG;
    }
    layer_clear(&c->layers[ORIGIN_FILE]);
    c->layers[ORIGIN_FILE] = *fresh;
    free(fresh);
    return 0;
}

/* --- environment --------------------------------------------------------------------------- */

/* "SONGBOOKD_LASTFM_RATE" for "lastfm.rate". */
static bool is_env_name(const struct option_row *o, const char *name, size_t n)
{
    const char *p = name + strlen(ENV_PREFIX), *q = o->name;

    if (n != strlen(ENV_PREFIX) + strlen(o->name))
        return false;
    for (; *q; p++, q++) {
        char want = *q == '.' ? '_' : *q;
        if (strncasecmp(p, &want, 1) != 0)
            return false;
    }
    return true;
}

/* The option of an environment variable; -1 when it is none of ours, -2 when it should be. */
static int env_option(const char *name, size_t n)
{
    bool prefixed = n > strlen(ENV_PREFIX) && strncmp(name, ENV_PREFIX, strlen(ENV_PREFIX)) == 0;

    for (int i = 0; i < OPT_COUNT; i++) {
        const char *env = options[i].env;
        if ((env && strlen(env) == n && strncmp(env, name, n) == 0) || (prefixed && is_env_name(&options[i], name, n)))
            return i;
    }
    return prefixed ? -2 : -1;
}

/* Returns new: the name of the variable for that option. */
static char *env_name(const char *option)
{
    char *name = mem_printf(ENV_PREFIX "%s", option);

    for (char *p = name; *p; p++)
        *p = (char)(*p == '.' ? '_' : *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return name;
}

static void env_unknown(struct reading *r, const char *name, size_t n)
{
    char *key = mem_strndup(name + strlen(ENV_PREFIX), n - strlen(ENV_PREFIX)), *meant;
    const char *nearest = option_nearest(key);

    meant = nearest ? env_name(nearest) : NULL;
    if (meant)
        tell_line(r, "there is no variable '" ENV_PREFIX "%s'; did you mean '%s'?", key, meant);
    else
        tell_line(r, "there is no variable '" ENV_PREFIX "%s'; they are named " ENV_PREFIX "<SECTION>_<KEY>", key);
    free(meant);
    free(key);
}

static void env_take(struct reading *r, const char *entry)
{
    const char *eq = strchr(entry, '=');
    struct err e = {0};
    int id = eq ? env_option(entry, (size_t)(eq - entry)) : -1;
    bool other = id >= 0 && options[id].env && strncmp(entry, ENV_PREFIX, strlen(ENV_PREFIX)) != 0;

    if (id == -2)
        env_unknown(r, entry, (size_t)(eq - entry));
    /* The name that other programs share is the weaker one, and empty it says nothing. */
    if (id < 0 || (other && (!eq[1] || r->layer->values[id].set)))
        return;
    if (layer_set(r->layer, (enum option_id)id, eq + 1, r->base, &e) != 0)
        tell(r, &e);
}

int config_read_environment(struct config *c, char **environ_, void (*report)(const char *line, void *arg), void *arg)
{
    struct layer *fresh = mem_zalloc(sizeof(*fresh));
    char *base = working_directory();
    struct reading r = {.path = "environment", .base = base, .layer = fresh, .report = report, .arg = arg};

    /* Twice, our own names first, so that the order of the environment does not matter. */
    for (int shared = 0; shared < 2; shared++)
        for (char **p = environ_; *p; p++)
            if ((strncmp(*p, ENV_PREFIX, strlen(ENV_PREFIX)) != 0) == shared)
                env_take(&r, *p);
    free(base);
    if (r.errors) {
        layer_clear(fresh);
        free(fresh);
        return ERR_CONFIG;
    }
    layer_clear(&c->layers[ORIGIN_ENVIRONMENT]);
    c->layers[ORIGIN_ENVIRONMENT] = *fresh;
    free(fresh);
    return 0;
}
