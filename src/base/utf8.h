/* UTF-8 and percent-encoding: file names are bytes, people and JSON get valid UTF-8. Pure. */
#ifndef SONGBOOKD_BASE_UTF8_H
#define SONGBOOKD_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* True when all of s is well-formed UTF-8 (no surrogates, no overlong forms). */
bool utf8_valid(struct slice s);
/* Appends s with each bad byte sequence replaced by U+FFFD. */
void utf8_repair(struct buf *out, struct slice s);
/* Returns new: the repaired text. */
char *utf8_repaired(struct slice s);
/* Appends s repaired, with control and bidi-control characters as \xNN or \u{NNNN}: for log lines and terminals. */
void utf8_escape_controls(struct buf *out, struct slice s);
/* Reads one code point at *pos (< s.n) and moves *pos; -1 for a bad byte (moves by one). */
int32_t utf8_next(struct slice s, size_t *pos);
/* Appends the code point cp (0..0x10FFFF, no surrogate). */
void utf8_put(struct buf *out, int32_t cp);

/* Appends s percent-encoded; unreserved characters of RFC 3986 and those in `keep` stay. */
void percent_encode(struct buf *out, struct slice s, const char *keep);
/* Appends s decoded; false on a bad escape. '+' is a blank only when `form` is true. */
bool percent_decode(struct buf *out, struct slice s, bool form);
/* Returns new: "file://" and the exact bytes of the path, percent-encoded except '/'. */
char *file_uri(struct slice path);

#endif
