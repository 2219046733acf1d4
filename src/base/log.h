/* The log: one event, one line, on stderr.
 *
 * A line is level, domain, sentence, then key=value pairs with the ids that tell its story
 * (song=, provider=, req=). Control characters, newlines and bytes that are not UTF-8 are escaped
 * here, so that any text may be passed; `api_key=...` and `Token ...` values are masked here as a
 * last guard, whatever the caller did. Under systemd (JOURNAL_STREAM matches stderr) lines carry
 * "<N>" priorities and no time, else a UTC time. Lines are at most PIPE_BUF (4,096) bytes. When nobody reads the log, lines are
 * dropped and their number is told later: a log never stops the loop. Thread safe.
 */
#ifndef SONGBOOKD_BASE_LOG_H
#define SONGBOOKD_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);      /* default LOG_INFO */
bool log_enabled(enum log_level level);

/* domain: a room or activity: "store", "net", "scan", "enrich", "api", "main". */
__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *domain, const char *fmt, ...);

#define log_error(domain, ...) log_line(LOG_ERROR, domain, __VA_ARGS__)
#define log_warn(domain, ...) log_line(LOG_WARN, domain, __VA_ARGS__)
#define log_info(domain, ...) log_line(LOG_INFO, domain, __VA_ARGS__)
#define log_debug(domain, ...) \
    do { \
        if (log_enabled(LOG_DEBUG)) \
            log_line(LOG_DEBUG, domain, __VA_ARGS__); \
    } while (0)

/* Ends the process with one line and abort(); for states that cannot be. */
__attribute__((noreturn, format(printf, 1, 2))) void bug(const char *fmt, ...);

/* Masks the values of api_key=, token= and "Token x" inside `s`, in place. */
void log_redact(char *s);

#endif
