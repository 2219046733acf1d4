/* Answers that touch nothing but memory fixed at the start: a probe must not wait for a disk. Loop thread only. */
#include "api/api_internal.h"

static const char index_page[] = "<!doctype html>\n"
                                 "<html lang=\"en\">\n"
                                 "<meta charset=\"utf-8\">\n"
                                 "<meta name=\"viewport\" content=\"width=device-width\">\n"
                                 "<title>songbookd</title>\n"
                                 "<h1>songbookd</h1>\n"
                                 "<p>It is running. The API is at <a href=\"/api/v1/progress\">/api/v1</a>:\n"
                                 "<a href=\"/api/v1/progress\">progress</a>, <a href=\"/api/v1/songs\">songs</a>,\n"
                                 "<a href=\"/api/v1/providers\">providers</a>, <a href=\"/api/v1/settings\">settings</a>,\n"
                                 "<a href=\"/api/v1/events\">events</a>.\n"
                                 "<p>From a terminal: <code>songbookctl status</code>.\n"
                                 "</html>\n";

void handle_index(struct request *r, void *app)
{
    (void)app;
    request_set_header(r, "Content-Security-Policy",
                       "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    request_reply(r, 200, "text/html; charset=utf-8", (struct slice){index_page, sizeof index_page - 1});
}

void handle_healthz(struct request *r, void *app)
{
    (void)app;
    request_reply(r, 200, "text/plain; charset=utf-8", SLICE_LIT("ok\n"));
}

void handle_health(struct request *r, void *app)
{
    struct api *a = app;

    if (!input_no_query(r))
        return;
    request_set_header(r, "Cache-Control", "no-cache");
    request_reply(r, 200, "application/json", slice_of(a->health));
}
