/* See file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

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
