/* UTF-8 and percent-encoding; see utf8.h. */
#include "base/utf8.h"

#include <string.h>

#include <utf8proc.h>

int32_t utf8_next(struct slice s, size_t *pos)
{
    utf8proc_int32_t cp;
    unsigned char c = (unsigned char)s.p[*pos];
    utf8proc_ssize_t n;

    if (c < 0x80) {
        (*pos)++;
        return c;
    }
    n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + *pos, (utf8proc_ssize_t)(s.n - *pos), &cp);
    if (n <= 0) {
        (*pos)++;
        return -1;
    }
    *pos += (size_t)n;
    return cp;
}

void utf8_put(struct buf *out, int32_t cp)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(cp, bytes);

    buf_add(out, bytes, n > 0 ? (size_t)n : 0);
}

bool utf8_valid(struct slice s)
{
    for (size_t i = 0; i < s.n;)
        if (utf8_next(s, &i) < 0)
            return false;
    return true;
}

void utf8_repair(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        if (utf8_next(s, &i) < 0)
            buf_add_str(out, "\xef\xbf\xbd");
        else
            buf_add(out, s.p + at, i - at);
    }
}

char *utf8_repaired(struct slice s)
{
    struct buf b;

    buf_init(&b, 0);
    utf8_repair(&b, s);
    return buf_detach(&b);
}

/* Characters that move the cursor, hide text or turn its direction. */
static bool is_unsafe(int32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c || (cp >= 0x200b && cp <= 0x200f) ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

void utf8_escape_controls(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        int32_t cp = utf8_next(s, &i);
        if (cp < 0)
            buf_addf(out, "\\x%02x", (unsigned)(unsigned char)s.p[at]);
        else if (!is_unsafe(cp))
            buf_add(out, s.p + at, i - at);
        else if (cp < 0x80)
            buf_addf(out, "\\x%02x", (unsigned)cp);
        else
            buf_addf(out, "\\u{%04x}", (unsigned)cp);
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void percent_encode(struct buf *out, struct slice s, const char *keep)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i]) || (c && strchr(keep, c))) {
            buf_add_byte(out, s.p[i]);
        } else {
            char esc[3] = {'%', hex[c >> 4], hex[c & 15]};
            buf_add(out, esc, 3);
        }
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool percent_decode(struct buf *out, struct slice s, bool form)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            bool whole = s.n - i > 2;
            int hi = whole ? hex_value(s.p[i + 1]) : -1;
            int lo = whole ? hex_value(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return false;
            buf_add_byte(out, (char)(hi * 16 + lo));
            i += 2;
        } else {
            buf_add_byte(out, form && s.p[i] == '+' ? ' ' : s.p[i]);
        }
    }
    return true;
}

char *file_uri(struct slice path)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_str(&b, "file://");
    percent_encode(&b, path, "/");
    return buf_detach(&b);
}
