/* Reading the machine's state from /proc and /sys, and the rule; see machine.h. */
#include "work/machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define THROTTLED_NOW 0xf    /* bits of get_throttled: under voltage, capped, throttled, soft limit; higher ones are history */

/* The first bytes of a file below root; false when there is none. */
static bool read_text(const char *root, const char *path, char *out, size_t size)
{
    char *name = mem_printf("%s%s", root, path);
    FILE *f = fopen(name, "re");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;

    out[n] = '\0';
    if (f)
        fclose(f);
    free(name);
    return n > 0;
}

static double read_celsius(const char *root)
{
    char *dir = mem_printf("%s/sys/class/thermal", root);
    DIR *d = opendir(dir);
    double hottest = -273;
    const struct dirent *e;
    char path[300], text[64];

    while (d && (e = readdir(d))) {
        double c;
        if (strncmp(e->d_name, "thermal_zone", 12) != 0)
            continue;
        snprintf(path, sizeof path, "/sys/class/thermal/%s/temp", e->d_name);
        if (!read_text(root, path, text, sizeof text))
            continue;
        c = strtod(text, NULL) / 1000;
        if (c > hottest && c < 200)
            hottest = c;
    }
    if (d)
        closedir(d);
    free(dir);
    return hottest;
}

static int64_t read_written(const char *root)
{
    char text[1024];
    const char *p = read_text(root, "/proc/self/io", text, sizeof text) ? strstr(text, "\nwrite_bytes:") : NULL;

    return p ? strtoll(p + 13, NULL, 10) : -1;
}

void machine_read(const char *root, struct machine *out)
{
    char text[128];

    *out = (struct machine){.load = -1, .cpus = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (out->cpus < 1)
        out->cpus = 1;
    if (read_text(root, "/proc/loadavg", text, sizeof text))
        out->load = strtod(text, NULL);
    out->celsius = read_celsius(root);
    if (read_text(root, "/sys/devices/platform/soc/soc:firmware/get_throttled", text, sizeof text))
        out->throttled = (strtoul(text, NULL, 16) & THROTTLED_NOW) != 0;
    out->bytes_written = read_written(root);
}

enum hold_level machine_judge(const struct machine *m, bool playing, char why[160])
{
    double load = m->load < 0 ? 0 : m->load / m->cpus;
    const char *song = playing ? "a song plays and " : "";

    why[0] = '\0';
    if (m->throttled || m->celsius >= MACHINE_TOO_HOT) {
        if (m->throttled)
            snprintf(why, 160, "%sthe machine slows itself down (heat or power supply)", song);
        else
            snprintf(why, 160, "%sthe machine is hot (%.0f degrees)", song, m->celsius);
        return playing ? HOLD_STOP : HOLD_SLOW;
    }
    if (!playing || (load <= MACHINE_LOADED && m->celsius < MACHINE_HOT))
        return HOLD_NONE;
    if (load > MACHINE_LOADED)
        snprintf(why, 160, "a song plays and the machine is busy (load %.1f on %d processors)", m->load, m->cpus);
    else
        snprintf(why, 160, "a song plays and the machine is warm (%.0f degrees)", m->celsius);
    return load > MACHINE_BUSY ? HOLD_STOP : HOLD_SLOW;
}
