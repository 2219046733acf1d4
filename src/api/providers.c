/* GET /providers: which providers there are, what state each is in and why. Loop thread only. */
#include "api/api_internal.h"

void handle_providers(struct request *r, void *app)
{
    struct api *a = app;
    struct buf b;
    struct json_out o;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    enrich_providers_json(a->d.enrich, &o);
    json_close(&o, '}');
    api_reply_json(r, 200, &b);
}
