/* Answers that touch nothing but memory fixed at the start: a probe must not wait for a disk. Loop thread only. */
#include "api/api_internal.h"

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
