/* Manners: others come first on this machine. Every few seconds the machine is read (machine.h), and while a song plays and it is
 * busy or hot the worker is held back and nothing is published. Also counts what we write to the disk. Loop thread only. */
#ifndef SONGBOOKD_WORK_MANNERS_H
#define SONGBOOKD_WORK_MANNERS_H

#include "work/machine.h"
#include "work/pikaraoke.h"

struct manners;
struct manners_deps {                /* borrowed for its life */
    uv_loop_t *loop;
    struct dbq *q;                   /* for its counts only */
    struct enrich *enrich;
    struct pikaraoke *pikaraoke;
    const char *root;                /* stands before /proc and /sys; "" for the machine itself */
};
struct manners *manners_new(const struct manners_deps *d);
/* Our database changed: there may be work to hold back. At rest, without PiKaraoke, no timer runs. */
void manners_committed(struct manners *m);
/* closed runs once, later; then memory is gone. */
void manners_close(struct manners *m, void (*closed)(void *arg), void *arg);
/* {"load","cpus","celsius","throttled","playing","hold","sentence","bytes_written","bytes_per_song"}; null where not known. */
void manners_json(const struct manners *m, struct json_out *o, const char *key);

#endif
