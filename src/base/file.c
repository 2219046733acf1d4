/* See file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

int folders_make(const char *path, struct err *e)
{
    char *copy = mem_strdup(path);
    int rc = 0;

    for (char *p = copy + 1; rc == 0 && copy[0] && (p = strchr(p, '/')); p++) {
        *p = '\0';
        if (mkdir(copy, 0755) && errno != EEXIST)
            rc = err_set(e, ERR_IO, "cannot make the folder '%s': %s", copy, strerror(errno));
        *p = '/';
    }
    free(copy);
    return rc;
}

void folder_sync(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

int file_open_unseen(const char *path, int flags, int mode)
{
    int fd = -1;

    if (flags & O_EXCL)   /* refused only after the file was made: the second try would find it in its way */
        return open(path, flags, mode);
    fd = open(path, flags | O_NOATIME, mode);
    return fd < 0 && errno == EPERM ? open(path, flags, mode) : fd;
}
