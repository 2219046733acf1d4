/* The dashboard: GET / and the files below /web/. Loop thread only, from memory.
 *
 * The policy lets the page load from here and nowhere else, and lets no text become markup: names of files come from
 * strangers. Everything may be kept by the browser but is asked for again, so that a new version shows at once. */
#include <stdio.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/hash.h"
#include "web/web.h"

#define POLICY                                                                                                          \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

/* Where the index has this line, a reader without script finds how the library stands. */
#define SUMMARY_MARK "<!-- summary -->"

static void set_headers(struct request *r, const char *etag)
{
    request_set_header(r, "ETag", etag);
    request_set_header(r, "Cache-Control", "no-cache");
    request_set_header(r, "Content-Security-Policy", POLICY);
    request_set_header(r, "Cross-Origin-Opener-Policy", "same-origin");
    request_set_header(r, "Permissions-Policy", "camera=(), microphone=(), geolocation=()");
}

static bool is_known(const struct request *r, const char *etag)
{
    const char *known = request_header(r, "If-None-Match");

    return known && (strcmp(known, "*") == 0 || strstr(known, etag));
}

static bool takes_gzip(const struct request *r)
{
    const char *accept = request_header(r, "Accept-Encoding"), *at = accept ? strstr(accept, "gzip") : NULL;

    return at && strncmp(at + 4, ";q=0", 4) != 0;
}

static void reply_file(struct request *r, struct slice name)
{
    const struct web_file *f = web_find(name);
    char etag[40];
    bool packed;

    if (!input_no_query(r))
        return;
    if (!f) {
        request_reply_problem(r, 404, "not_found", "there is no such file");
        return;
    }
    packed = takes_gzip(r);
    snprintf(etag, sizeof etag, "\"%s%s\"", f->hash, packed ? "-gz" : "");
    set_headers(r, etag);
    request_set_header(r, "Vary", "Accept-Encoding");
    if (is_known(r, etag)) {
        request_reply(r, 304, NULL, SLICE_LIT(""));
        return;
    }
    if (packed)
        request_set_header(r, "Content-Encoding", "gzip");
    request_reply(r, 200, f->type, packed ? f->packed : f->plain);
}

void handle_web_file(struct request *r, void *app)
{
    (void)app;
    reply_file(r, request_path_arg(r, 0));
}

void handle_web_text(struct request *r, void *app)
{
    char name[64];
    struct slice arg = request_path_arg(r, 0);

    (void)app;
    snprintf(name, sizeof name, "lang/%.*s", (int)(arg.n < 40 ? arg.n : 40), arg.p);
    reply_file(r, slice_of(name));
}

/* --- the index ---------------------------------------------------------------------------- */

static void add_summary(struct buf *b, const struct counts *c)
{
    int64_t sure = c->by_status[SONG_MANUAL] + c->by_status[SONG_ENRICHED];

    buf_addf(b, "<p>%lld songs: %lld verified or matched, %lld read from their names, %lld not found, %lld in the queue.</p>",
             (long long)c->total, (long long)sure, (long long)c->by_status[SONG_PARSED],
             (long long)c->by_status[SONG_FAILED], (long long)c->queued);
}

void handle_index(struct request *r, void *app)
{
    struct api *a = app;
    const struct web_file *f = web_find(SLICE_LIT("index.html"));
    const char *mark = memmem(f->plain.p, f->plain.n, SUMMARY_MARK, sizeof SUMMARY_MARK - 1);
    const struct counts *c = dbq_counts(a->d.q);
    const struct device *device;
    struct buf b;
    char etag[100];

    /* Whoever may not read the library learns nothing of it here. */
    if (api_caller(a, r, &device) == CALLER_NOBODY)
        mark = NULL;
    snprintf(etag, sizeof etag, "\"%s-%llx\"", f->hash,
             mark ? (unsigned long long)hash_bytes((struct slice){(const char *)c, sizeof *c}, 1) : 0);
    set_headers(r, etag);
    if (is_known(r, etag)) {
        request_reply(r, 304, NULL, SLICE_LIT(""));
        return;
    }
    buf_init(&b, 0);
    buf_add(&b, f->plain.p, mark ? (size_t)(mark - f->plain.p) : f->plain.n);
    if (mark) {
        add_summary(&b, c);
        mark += sizeof SUMMARY_MARK - 1;
        buf_add(&b, mark, (size_t)(f->plain.p + f->plain.n - mark));
    }
    request_reply_buf(r, 200, f->type, &b);
}
