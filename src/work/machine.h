/* How the machine is doing: load, heat, throttling, and what we wrote to its disk. Reading blocks and belongs on the pool;
 * the judgement is pure. What cannot be read is left out. */
#ifndef SONGBOOKD_WORK_MACHINE_H
#define SONGBOOKD_WORK_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "work/enrich.h"

struct machine {
    double load;             /* of one minute; < 0 not known */
    int cpus;
    double celsius;          /* of the hottest thermal zone; < -100 not known */
    bool throttled;          /* the Raspberry Pi slows itself down: too hot or too little voltage, now */
    int64_t bytes_written;   /* by this process to disks since it started; -1 not known */
};
/* root stands before /proc and /sys; "" for the machine itself. */
void machine_read(const char *root, struct machine *out);

/* The rule. While a song plays: slow above a load of MACHINE_LOADED per processor or from MACHINE_HOT degrees on; stop above
 * MACHINE_BUSY, from MACHINE_TOO_HOT on, or while the machine slows itself down. Otherwise only MACHINE_TOO_HOT and
 * throttling slow. why gets a sentence ("" with HOLD_NONE). Pure. */
#define MACHINE_LOADED 0.75
#define MACHINE_BUSY 1.5
#define MACHINE_HOT 75
#define MACHINE_TOO_HOT 80
enum hold_level machine_judge(const struct machine *m, bool playing, char why[160]);

#endif
