/* Shared parts of the readers; see answer.h. Pure; any thread. */
#include "provider/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"
#include "song/genre.h"

#define TEXT_MAX 400
#define RETRY_AFTER_MAX 3600

void answer_set(struct provider_answer *out, enum answer_class kind, const char *fmt, ...)
{
    va_list ap;

    out->kind = kind;
    va_start(ap, fmt);
    vsnprintf(out->detail, sizeof out->detail, fmt, ap);
    va_end(ap);
}

bool answer_of_transport(const struct provider_reply *r, struct provider_answer *out)
{
    switch (r->transport) {
    case 0:
        return false;
    case ERR_DNS:
        answer_set(out, ANSWER_OFFLINE, "the provider's name cannot be resolved");
        break;
    case ERR_NETWORK:
        answer_set(out, ANSWER_OFFLINE, "the provider cannot be reached");
        break;
    case ERR_LOST:
        /* not offline: a song whose question breaks every connection must not be asked for ever */
        answer_set(out, ANSWER_FAILED, "the connection broke before the answer was whole");
        break;
    case ERR_CANCELED: case ERR_CLOSED: case ERR_BUSY:
        answer_set(out, ANSWER_REFUSED, "the question was not asked to its end");
        break;
    case ERR_TIMEOUT:
        answer_set(out, ANSWER_FAILED, "no answer in time");
        break;
    case ERR_TOO_LARGE:
        answer_set(out, ANSWER_FAILED, "the answer is too large");
        break;
    default:
        answer_set(out, ANSWER_FAILED, "the request failed: %s", err_name(r->transport));
        break;
    }
    return true;
}

int answer_retry_after(const char *header)
{
    long v;
    char *end;

    if (!header)
        return 0;
    v = strtol(header, &end, 10);
    if (end == header || v <= 0)
        return 0;
    while (*end == ' ')
        end++;
    if (*end)
        return 0;
    return v > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (int)v;
}

void answer_of_status(const struct provider_reply *r, struct provider_answer *out)
{
    switch (r->status) {
    case 401: case 403:
        answer_set(out, ANSWER_KEY, "the provider refuses us (HTTP %d): key, token or User-Agent", r->status);
        break;
    case 429:
        out->slow_down = true;
        answer_set(out, ANSWER_REFUSED, "too many requests (HTTP 429)");
        break;
    case 503:
        answer_set(out, ANSWER_REFUSED, "the provider is busy (HTTP 503)");
        break;
    case 200:
        answer_set(out, ANSWER_FAILED, "the answer cannot be read");
        break;
    default:
        answer_set(out, ANSWER_FAILED, "the provider answered with HTTP %d", r->status);
        break;
    }
    if (out->kind == ANSWER_REFUSED)
        out->retry_after_s = answer_retry_after(r->retry_after);
}

char *answer_mbid(const char *id)
{
    char *mbid;

    if (!id || strlen(id) != 36)
        return NULL;
    mbid = mem_strdup(id);
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (mbid[i] >= 'A' && mbid[i] <= 'F')
            mbid[i] = (char)(mbid[i] + 32);
        if (dash ? mbid[i] != '-' : !strchr("0123456789abcdef", mbid[i])) {
            free(mbid);
            return NULL;
        }
    }
    return mbid;
}

static size_t utf8_cut(const char *s, size_t n)
{
    while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    return n;
}

char *answer_text(const cJSON *obj, const char *key)
{
    const char *s = json_str(obj, key);
    char *tidy;

    if (!s)
        return NULL;
    /* Cut before tidying, so that a hostile megabyte is not normalised. */
    tidy = fold_display((struct slice){s, strlen(s) > 4 * TEXT_MAX ? utf8_cut(s, 4 * TEXT_MAX) : strlen(s)});
    if (strlen(tidy) > TEXT_MAX)
        tidy[utf8_cut(tidy, TEXT_MAX)] = '\0';
    if (!tidy[0]) {
        free(tidy);
        return NULL;
    }
    return tidy;
}

void answer_add_genre(struct candidate *c, const char *tag)
{
    const char *genre = genre_of_tag(tag);

    if (!genre)
        return;
    for (size_t i = 0; i < CANDIDATE_GENRES; i++) {
        if (c->genres[i] && strcmp(c->genres[i], genre) == 0)
            return;
        if (!c->genres[i]) {
            c->genres[i] = mem_strdup(genre);
            return;
        }
    }
}

char *query_text(const char *text, size_t max_chars)
{
    struct slice s = slice_of(text);
    char *tidy;
    size_t at = 0;

    if (s.n > 4 * TEXT_MAX)
        s.n = utf8_cut(text, 4 * TEXT_MAX);
    tidy = fold_display(s);
    s = slice_of(tidy);
    for (size_t n = 0; n < max_chars && at < s.n; n++)
        utf8_next(s, &at);
    tidy[at] = '\0';
    return tidy;
}
