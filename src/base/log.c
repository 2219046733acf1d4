/* The log; see log.h. */
#include "base/log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"

static atomic_int threshold = LOG_INFO; /* set by the loop, read by the pool's threads, too */

static const struct {
    const char *name;
    int syslog;
} levels[] = {{"error", 3}, {"warn", 4}, {"info", 6}, {"debug", 7}};

void log_set_level(enum log_level level)
{
    threshold = level;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= threshold;
}

/* JOURNAL_STREAM is "device:inode" of the stream systemd connected. */
static bool to_journal(void)
{
    static atomic_int known = -1; /* threads that come first at once find the same */
    const char *s;
    unsigned long long dev, ino;
    struct stat st;
    int yes = known;

    if (yes >= 0)
        return yes;
    s = getenv("JOURNAL_STREAM");
    yes = s && sscanf(s, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
          st.st_dev == dev && st.st_ino == ino;
    known = yes;
    return yes;
}

static void mask(char *value)
{
    while (*value && !strchr(" &\"',;)}\n\r\t", *value))
        *value++ = '*';
}

void log_redact(char *s)
{
    static const char *const marks[] = {"api_key=", "token=", "Token ", "api_sig="};

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        char *p = s;
        while ((p = strcasestr(p, marks[i]))) {
            p += strlen(marks[i]);
            /* prose such as "token is missing" must stay readable: only long values are secrets */
            if (strcspn(p, " &\"',;)}\n\r\t") >= 12 || marks[i][strlen(marks[i]) - 1] == '=')
                mask(p);
        }
    }
}

/* A pipe that nobody reads, or a stopped terminal, must not stop the loop: then lines are dropped and counted. Up to PIPE_BUF
 * bytes go into a pipe that polls as writable without waiting. */
static void write_line(struct buf *line)
{
    static atomic_uint lost;
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    char told[80];
    unsigned n;

    if (poll(&p, 1, 0) == 0) {
        atomic_fetch_add(&lost, 1);
        return;
    }
    if (line->len > PIPE_BUF) {
        line->len = PIPE_BUF;
        line->data[PIPE_BUF - 1] = '\n';
    }
    if (write(STDERR_FILENO, line->data, line->len) < 0) { /* a log that cannot be written is not an error */
    }
    n = atomic_exchange(&lost, 0);
    if (n == 0)
        return;
    snprintf(told, sizeof told, "(%u lines of the log were lost before this: nobody read it)\n", n);
    if (poll(&p, 1, 0) == 0 || write(STDERR_FILENO, told, strlen(told)) < 0)
        atomic_fetch_add(&lost, n);
}

void log_line(enum log_level level, const char *domain, const char *fmt, ...)
{
    struct buf text, line;
    va_list ap;

    if (!log_enabled(level))
        return;
    buf_init(&text, 8192);
    buf_init(&line, 0);
    va_start(ap, fmt);
    if (!buf_vaddf(&text, fmt, ap))
        buf_add_str(&text, "(message too long)");
    va_end(ap);
    log_redact((char *)buf_cstr(&text));
    if (to_journal()) {
        buf_addf(&line, "<%d>%s: ", levels[level].syslog, domain);
    } else {
        time_t now = time(NULL);
        struct tm tm;
        char stamp[32];
        gmtime_r(&now, &tm);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
        buf_addf(&line, "%s %-5s %s: ", stamp, levels[level].name, domain);
    }
    utf8_escape_controls(&line, (struct slice){text.data ? text.data : "", text.len});
    buf_add_byte(&line, '\n');
    write_line(&line);
    buf_deinit(&line);
    buf_deinit(&text);
}

void bug(const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_line(LOG_ERROR, "bug", "%s", text);
    abort();
}
