/* Command export: the songbook as CSV, JSON or a page, to stdout or to a new file. */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool write_piece(void *arg, struct slice piece)
{
    return fwrite(piece.p, 1, piece.n, arg) == piece.n;
}

/* NAME=VALUE words are parameters of GET /songbook, which knows them. */
static int book_path(struct ctl *ctl, const char *format, int argc, char **argv, struct buf *path)
{
    buf_add_str(path, "/songbook");
    query_add(path, "format", format ? format : "csv");
    return query_conditions(ctl, argc, argv, path);
}

/* A file that exists is somebody's: it is not overwritten. What could not be completed is removed. */
static int export_to(struct ctl *ctl, const char *path, const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), rc;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (!f) {
        complain("cannot make '%s': %s", file, strerror(errno));
        return EXIT_FAILED;
    }
    rc = ask_stream(ctl, path, false, write_piece, f);
    if (ferror(f) | fclose(f)) {
        complain("cannot write '%s': %s", file, strerror(errno));
        rc = EXIT_FAILED;
    }
    if (rc != EXIT_FINE)
        unlink(file);
    return rc;
}

int cmd_export(struct ctl *ctl, int argc, char **argv)
{
    const char *format = NULL, *file = NULL;
    const struct arg_option own[] = {{"--format", NULL, &format}, {"--output", NULL, &file}, ARGS_END};
    struct buf path;
    int rc = args_read(ctl, &argc, argv, own, 0, -1);

    if (rc == EXIT_FINE)
        puts("The format is csv (default), json or html. Conditions are those of 'songs', and\n"
             "by=title, columns=3, verified=true, title=TEXT; for example:\n"
             "export decade=1980 language=de");
    if (rc != GO_ON)
        return print_finish(rc);
    buf_init(&path, 0);
    rc = book_path(ctl, format, argc, argv, &path);
    if (rc == EXIT_FINE)
        rc = file ? export_to(ctl, buf_cstr(&path), file)
                  : print_finish(ask_stream(ctl, buf_cstr(&path), false, write_piece, stdout));
    buf_deinit(&path);
    return rc;
}
