/* The keys file: secrets that were set through the API, in the form of the configuration, for the owner's eyes only.
 * Refuses a file that others can read. Written beside itself and renamed, so that a pulled plug leaves one whole file. */
#include "config/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct first_error {
    char text[200];
};

static void keep_first(const char *line, void *arg)
{
    struct first_error *f = arg;

    if (!f->text[0])
        snprintf(f->text, sizeof(f->text), "%s", line);
}

static bool is_secret(int id)
{
    return options[id].flags & OPTION_SECRET;
}

/* Moves the secrets of `from` into the settings of c; other options have no business in this file. */
static int keys_take(struct config *c, struct layer *from, const char *path, struct err *e)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (from->values[i].set && !is_secret(i))
            return err_set(e, ERR_CONFIG, "'%s' may hold keys only, not '%s'", path, options[i].name);
    for (int i = 0; i < OPT_COUNT; i++) {
        struct value *to = &c->layers[ORIGIN_SETTING].values[i], old = *to;
        if (from->values[i].set) {
            *to = from->values[i];
            from->values[i] = old;
        }
    }
    return 0;
}

int keys_file_read(struct config *c, const char *path, struct err *e)
{
    struct first_error first = {""};
    struct layer *keys;
    struct stat st;
    FILE *f = fopen(path, "re");
    int rc = 0;

    if (!f && errno == ENOENT)
        return 0;
    if (!f || fstat(fileno(f), &st) != 0) {
        rc = err_set(e, ERR_CONFIG, "the keys file '%s' cannot be read: %s", path, strerror(errno));
        if (f)
            fclose(f);
        return rc;
    }
    if (!S_ISREG(st.st_mode) || st.st_mode & 077) {
        fclose(f);
        return err_set(e, ERR_CONFIG, "others can read the keys file '%s'; use chmod 600", path);
    }
    keys = mem_zalloc(sizeof(*keys));
    if (ini_layer_read(f, path, NULL, keys, keep_first, &first) > 0)
        rc = err_set(e, ERR_CONFIG, "%s", first.text);
    else
        rc = keys_take(c, keys, path, e);
    fclose(f);
    layer_clear(keys);
    free(keys);
    return rc;
}

/* The sections and keys; every secret is "section.key". */
static void keys_text(const struct config *c, struct buf *out)
{
    buf_add_str(out, "# Written by songbookd. Change keys with 'songbookctl settings'.\n");
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct value *v = &c->layers[ORIGIN_SETTING].values[i];
        const char *dot = strchr(options[i].name, '.');
        if (is_secret(i) && v->set && v->count)
            buf_addf(out, "[%.*s]\n%s = %s\n", (int)(dot - options[i].name), options[i].name, dot + 1, v->items[0]);
    }
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return fsync(fd);
}

int keys_file_write(const struct config *c, const char *path, struct err *e)
{
    char *temp = mem_printf("%s.XXXXXX", path);
    int fd = mkostemp(temp, O_CLOEXEC), failed, rc = 0;    /* mode 0600 */
    struct buf text;

    buf_init(&text, 0);
    keys_text(c, &text);
    failed = fd < 0 || write_all(fd, text.data, text.len) != 0 ? errno : 0;
    if (fd >= 0 && close(fd) != 0 && !failed)
        failed = errno;
    if (!failed && rename(temp, path) != 0)
        failed = errno;
    if (failed) {
        rc = err_set(e, failed == ENOSPC ? ERR_FULL : ERR_IO, "the keys file '%s' cannot be written: %s", path, strerror(failed));
        if (fd >= 0)
            unlink(temp);
    } else {
        folder_sync(path);
    }
    explicit_bzero(text.data, text.len);
    buf_deinit(&text);
    free(temp);
    return rc;
}
