/* What the kernel says of this process: time, memory, bytes written. Reads /proc/self, which touches no disk. */
#ifndef SONGBOOKD_BASE_PROCESS_H
#define SONGBOOKD_BASE_PROCESS_H

#include <stdint.h>

/* A member is -1 where the kernel does not say (built without task I/O accounting, /proc hidden). */
struct process_stats {
    double cpu_seconds;   /* of all threads, in user and kernel mode */
    double start_seconds; /* wall time of the start, seconds since 1970 */
    int64_t resident_bytes;
    int64_t open_files;
    int64_t written_bytes; /* that were sent, or will be sent, to the disk: write_bytes of /proc/self/io */
    int64_t read_bytes;    /* that came from the disk */
};
void process_stats_read(struct process_stats *out);

#endif
