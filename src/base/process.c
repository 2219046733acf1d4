/* /proc/self in numbers; see process.h. */
#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The number behind `key` in a file of "key: number" lines; -1 without one. */
static int64_t number_in(const char *path, const char *key)
{
    char line[200];
    long long n = -1;
    FILE *f = fopen(path, "re");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), " %lld", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}

static int64_t count_open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = 0;

    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n - 1; /* without the one that counts */
}

/* The kernel tells the start in clock ticks since the boot (field 22 of stat). The name before it may hold anything but a
 * closing bracket followed by nothing of the kind, so the last ')' ends it. */
static double start_seconds(void)
{
    char text[1024], *after;
    unsigned long long ticks;
    struct timespec boot, now;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    after = strrchr(text, ')');
    if (!after ||
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
        return -1;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - boot.tv_sec) + (double)(now.tv_nsec - boot.tv_nsec) / 1e9 +
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void process_stats_read(struct process_stats *out)
{
    struct rusage u;
    int64_t kilobytes = number_in("/proc/self/status", "VmRSS:");

    getrusage(RUSAGE_SELF, &u);
    out->cpu_seconds = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    out->start_seconds = start_seconds();
    out->resident_bytes = kilobytes < 0 ? -1 : kilobytes * 1024;
    out->open_files = count_open_files();
    out->written_bytes = number_in("/proc/self/io", "write_bytes:");
    out->read_bytes = number_in("/proc/self/io", "read_bytes:");
}
