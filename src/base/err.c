/* The error table; see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    int code;
    int http;
    const char *name;
    const char *sentence;
} table[] = {
    {ERR_OK, 200, "ok", "no error"},
    {ERR_BUG, 500, "bug", "something happened that must not; please report it"},
    {ERR_CANCELED, 503, "canceled", "the work was stopped"},
    {ERR_INVALID, 422, "invalid_value", "a value is not allowed"},
    {ERR_MALFORMED, 400, "malformed", "the input could not be read"},
    {ERR_NOT_FOUND, 404, "not_found", "there is no such thing"},
    {ERR_EXISTS, 409, "conflict", "the present state does not allow it"},
    {ERR_STALE, 412, "stale", "it changed meanwhile; read it again"},
    {ERR_NEED_MATCH, 428, "if_match_required", "send the ETag you read as If-Match"},
    {ERR_TOO_LARGE, 413, "too_large", "it is larger than allowed"},
    {ERR_BUSY, 503, "busy", "too much is waiting; try again in a moment"},
    {ERR_CLOSED, 503, "closed", "the service is shutting down"},
    {ERR_IO, 500, "io", "reading or writing failed"},
    {ERR_FULL, 507, "disk_full", "no space is left on the disk"},
    {ERR_DATABASE, 500, "database", "the database cannot be used"},
    {ERR_CONFIG, 422, "configuration", "the configuration is wrong"},
    {ERR_USAGE, 400, "usage", "the command line is wrong"},
    {ERR_IN_USE, 409, "in_use", "another process holds it"},
    {ERR_NETWORK, 502, "network", "the connection failed"},
    {ERR_LOST, 502, "connection_lost", "the connection broke"},
    {ERR_TIMEOUT, 504, "timeout", "no answer in time"},
    {ERR_DNS, 502, "dns", "the name could not be resolved"},
    {ERR_REFUSED, 503, "refused", "the provider refuses for now"},
    {ERR_KEY, 502, "key_refused", "the provider refuses the key"},
    {ERR_PROVIDER, 502, "provider", "the provider gave no usable answer"},
    {ERR_UNAVAILABLE, 409, "unavailable", "nothing usable is configured for it"},
    {ERR_FORBIDDEN, 403, "forbidden", "this is not allowed"},
    {ERR_UNAUTHORIZED, 401, "unauthorized", "the token is missing or wrong"},
    {ERR_MEDIA_TYPE, 415, "media_type", "the body must be application/json"},
};

static size_t row_of(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].code == code)
            return i;
    return 1;
}

const char *err_name(int code)
{
    return table[row_of(code)].name;
}

int err_http_status(int code)
{
    return table[row_of(code)].http;
}

const char *err_sentence(int code)
{
    return table[row_of(code)].sentence;
}

/* A cut in the middle of a character would make the text unfit for JSON. */
static void trim_utf8(char *s, size_t size)
{
    size_t n = strnlen(s, size - 1);

    if (n < size - 1)
        return;
    while (n && ((unsigned char)s[n - 1] & 0xc0) == 0x80)
        n--;
    if (n && (unsigned char)s[n - 1] >= 0xc0)
        n--;
    s[n] = '\0';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return code;
    e->code = code;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    trim_utf8(e->text, sizeof e->text);
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char inner[sizeof e->text];
    va_list ap;
    size_t n;

    if (!e)
        return ERR_BUG;
    snprintf(inner, sizeof inner, "%s", err_text(e));
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, ": %s", inner);
    trim_utf8(e->text, sizeof e->text);
    return e->code;
}

const char *err_text(const struct err *e)
{
    if (!e)
        return "unknown error";
    return e->text[0] ? e->text : err_sentence(e->code);
}
