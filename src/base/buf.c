/* Growable bytes with a bound; see buf.h. */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct slice slice_of(const char *s)
{
    return (struct slice){s ? s : "", s ? strlen(s) : 0};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool text_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool slice_eq_str(struct slice a, const char *s)
{
    return slice_eq(a, slice_of(s));
}

bool slice_ieq_str(struct slice a, const char *s)
{
    return a.n == strlen(s) && strncasecmp(a.p, s, a.n) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice slice_trim(struct slice s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max ? max : SIZE_MAX / 2};
}

void buf_deinit(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_detach(struct buf *b)
{
    char *p;

    buf_cstr(b);
    p = b->data;
    b->data = NULL;
    b->len = b->cap = 0;
    b->overflow = false;
    return p;
}

const char *buf_cstr(struct buf *b)
{
    if (!b->data) {
        b->data = mem_alloc(1);
        b->cap = 1;
    }
    b->data[b->len] = '\0';   /* reserved but never appended to, it carries none */
    return b->data;
}

bool buf_reserve(struct buf *b, size_t more)
{
    size_t want, cap;

    if (b->overflow || more > b->max || b->len > b->max - more) {
        b->overflow = true;
        return false;
    }
    want = b->len + more + 1;
    if (want <= b->cap)
        return true;
    cap = b->cap > 64 ? b->cap : 64;   /* from 1, as buf_cstr leaves it, growing by a half would never end */
    while (cap < want)
        cap += cap / 2;
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n))
        return false;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
    return true;
}

bool buf_add_str(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

bool buf_add_byte(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

bool buf_add_slice(struct buf *b, struct slice s)
{
    return buf_add(b, s.p, s.n);
}

bool buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0 || !buf_reserve(b, (size_t)n)) {
        va_end(again);
        b->overflow = true;
        return false;
    }
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
    return true;
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    bool ok;

    va_start(ap, fmt);
    ok = buf_vaddf(b, fmt, ap);
    va_end(ap);
    return ok;
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (n >= b->len) {
        buf_reset(b);
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}
