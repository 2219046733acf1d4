/* Strong ETags made of a song's row version. Pure, except that etag_set writes to an answer. */
#include <stdio.h>
#include <string.h>

#include "api/api_internal.h"

void etag_set(struct request *r, int64_t version)
{
    char text[32];

    snprintf(text, sizeof text, "\"v%lld\"", (long long)version);
    request_set_header(r, "ETag", text);
}

bool etag_matches(const char *header, int64_t version, bool weak)
{
    char want[32];
    size_t n = (size_t)snprintf(want, sizeof want, "v%lld", (long long)version);
    const char *end;

    while (*header) {
        bool is_weak = strncmp(header, "W/\"", 3) == 0;
        if (*header == '*')
            return true;
        if (is_weak)
            header += 2;
        if (*header != '"') {
            header++;
            continue;
        }
        end = strchr(++header, '"');
        if (!end)
            return false;
        if ((weak || !is_weak) && (size_t)(end - header) == n && memcmp(header, want, n) == 0)
            return true;
        header = end + 1;
    }
    return false;
}
