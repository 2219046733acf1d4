/* What is done with files in more than one room. Blocks: pool threads, the start, and songbookctl. */
#ifndef SONGBOOKD_BASE_FILE_H
#define SONGBOOKD_BASE_FILE_H

#include "base/err.h"

/* Makes the folders that `path` lies in, where they are missing (mode 0755 less the umask). 0, or ERR_IO at the first that cannot
 * be made. */
int folders_make(const char *path, struct err *e);
/* A new, renamed or removed file is durable when its folder is: syncs the folder of `path`. A folder that cannot be synced is
 * left as it is: the file itself is whole either way. */
void folder_sync(const char *path);

/* open, with whose result reading does not change the time of last access: the kernel would write that to the disk once after
 * each change of the file, and once a day. Only an owner may ask for it; for anybody else it is a plain open. */
int file_open_unseen(const char *path, int flags, int mode);

#endif
