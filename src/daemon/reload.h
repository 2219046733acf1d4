/* SIGHUP: the configuration file is read anew, on the pool, and the running configuration changes only when all of the file
 * is good. Options that cannot change while running keep their value and are named in the log. */
#ifndef SONGBOOKD_DAEMON_RELOAD_H
#define SONGBOOKD_DAEMON_RELOAD_H

#include <uv.h>

#include "config/config.h"

struct reload {
    uv_work_t work;
    struct config *live; /* borrowed */
    const char *path;    /* borrowed; NULL: the default place, if there is a file */
    bool busy, again;
    /* On the loop, once for each reading: rc 0 when the configuration was taken; changed: NULL, or the members of a settings
     * event with the names of the options whose value in force is another now (borrowed). */
    void (*done)(void *arg, int rc, const char *changed);
    void *arg;
    /* of the reading under way */
    struct config *fresh;
    int rc;
    struct err err;
};

/* Starts a reading, or one more after the present one. Everything is logged here, the good and the bad. */
void reload_start(struct reload *r, uv_loop_t *loop);
/* What a start and a reload read: the file and systemd's credentials, into the file's layer of c. Reports each error of the
 * file. May block: before the loop, or on the pool. */
int reload_read(struct config *c, const char *path, void (*report)(const char *line, void *arg), void *arg, struct err *e);

#endif
