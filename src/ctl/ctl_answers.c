/* songbookctl answers: what providers said, out of one songbookd and into another, as JSON lines. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LINE_MAX_BYTES (256 * 1024)
#define BATCH_BYTES (400 * 1024) /* the daemon takes bodies of 512 KiB */
#define BATCH_ANSWERS 200
#define FORMAT 1

/* --- export ----------------------------------------------------------------------------------- */

static long print_page(const struct reply *r, FILE *out)
{
    long n = 0;

    for (const cJSON *x = json_first(json_get(r->json, "answers")); x; x = json_next(json_get(r->json, "answers"), x), n++) {
        char *line = cJSON_PrintUnformatted(x);
        fprintf(out, "%s\n", line);
        cJSON_free(line);
    }
    return n;
}

static int export_all(struct ctl *ctl, FILE *out, long *n)
{
    char *cursor = NULL;
    int rc;

    do {
        struct reply r = {0};
        struct buf path;
        buf_init(&path, 0);
        buf_add_str(&path, "/answers?limit=200");
        query_add(&path, "cursor", cursor);
        rc = ask(ctl, "GET", buf_cstr(&path), NULL, NULL, &r);
        free(cursor);
        cursor = rc == EXIT_FINE && json_str(r.json, "next") ? mem_strdup(json_str(r.json, "next")) : NULL;
        if (rc == EXIT_FINE)
            *n += print_page(&r, out);
        buf_deinit(&path);
        reply_deinit(&r);
    } while (rc == EXIT_FINE && cursor && !ferror(out));
    free(cursor);
    return rc;
}

static int export(struct ctl *ctl, const char *path)
{
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    long n = 0;
    int rc;

    if (!out) {
        complain("'%s' cannot be written: %s", path, strerror(errno));
        return EXIT_FAILED;
    }
    fprintf(out, "{\"songbookd\":\"answers\",\"format\":%d}\n", FORMAT);
    rc = export_all(ctl, out, &n);
    if (fflush(out) || ferror(out)) {
        complain("'%s' cannot be written: %s", path, strerror(errno));
        rc = EXIT_FAILED;
    }
    if (out != stdout && fclose(out) && rc == EXIT_FINE)
        rc = EXIT_FAILED;
    if (rc == EXIT_FINE)
        complain("%ld answers", n);
    return rc;
}

/* --- import ------------------------------------------------------------------------------------- */

struct import {
    struct ctl *ctl;
    struct buf batch;
    int in_batch;
    long long line, stored, kept;
};

static int send_batch(struct import *i)
{
    struct reply r = {0};
    int rc = EXIT_FINE;

    if (i->in_batch == 0)
        return rc;
    buf_add_str(&i->batch, "]}");
    rc = ask(i->ctl, "POST", "/answers", buf_cstr(&i->batch), NULL, &r);
    if (rc == EXIT_FINE) {
        i->stored += json_int(r.json, "stored", 0);
        i->kept += json_int(r.json, "kept", 0);
    } else {
        complain("nothing of the %d lines up to line %lld was taken", i->in_batch, i->line);
    }
    reply_deinit(&r);
    buf_reset(&i->batch);
    i->in_batch = 0;
    return rc;
}

static int take_line(struct import *i, struct slice line)
{
    int rc = EXIT_FINE;

    if (i->in_batch && (i->batch.len + line.n > BATCH_BYTES || i->in_batch == BATCH_ANSWERS))
        rc = send_batch(i);
    buf_add_str(&i->batch, i->in_batch++ ? "," : "{\"answers\":[");
    buf_add_slice(&i->batch, line);
    return rc;
}

static bool is_header(struct slice line)
{
    cJSON *j = json_parse(line, NULL);
    const char *kind = json_str(j, "songbookd");
    bool ok = kind && strcmp(kind, "answers") == 0 && json_int(j, "format", 0) == FORMAT;

    cJSON_Delete(j);
    return ok;
}

/* One line without its end; false at the end of the file, or with line->overflow set. */
static bool read_line(FILE *in, struct buf *line)
{
    int c;

    buf_reset(line);
    while ((c = getc_unlocked(in)) != EOF && c != '\n')
        if (!buf_add_byte(line, (char)c))
            return false;
    return c != EOF || line->len > 0;
}

static int import_lines(struct import *i, FILE *in, const char *path)
{
    struct buf line;
    int rc = EXIT_FINE;

    buf_init(&line, LINE_MAX_BYTES);
    while (rc == EXIT_FINE && read_line(in, &line)) {
        struct slice s = slice_trim(slice_of(buf_cstr(&line)));
        i->line++;
        if (i->line == 1 && !is_header(s)) {
            complain("'%s' is no file that 'songbookctl answers export' wrote", path);
            rc = EXIT_FAILED;
        } else if (i->line > 1 && s.n) {
            rc = take_line(i, s);
        }
    }
    if (line.overflow) {
        complain("line %lld of '%s' is longer than %d bytes", i->line + 1, path, LINE_MAX_BYTES);
        rc = EXIT_FAILED;
    }
    buf_deinit(&line);
    return rc == EXIT_FINE ? send_batch(i) : rc;
}

static int import(struct ctl *ctl, const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    struct import i = {.ctl = ctl};
    int rc;

    if (!in) {
        complain("'%s' cannot be opened: %s", path, strerror(errno));
        return EXIT_FAILED;
    }
    buf_init(&i.batch, 0);
    rc = import_lines(&i, in, path);
    buf_deinit(&i.batch);
    if (in != stdin)
        fclose(in);
    if (i.line)
        complain("%lld answers taken, %lld known already", i.stored, i.kept);
    return rc;
}

int cmd_answers(struct ctl *ctl, int argc, char **argv)
{
    int rc = args_read(ctl, &argc, argv, NULL, 1, 2);

    if (rc != GO_ON)
        return rc;
    if (strcmp(argv[0], "export") == 0)
        return export(ctl, argc > 1 ? argv[1] : "-");
    if (strcmp(argv[0], "import") == 0)
        return import(ctl, argc > 1 ? argv[1] : "-");
    return args_refuse(ctl, "'%s' is neither export nor import", argv[0]);
}
