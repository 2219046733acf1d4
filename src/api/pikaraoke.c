/* GET /pikaraoke: what is known of PiKaraoke, what was published to it, what is held back and why. Memory only. */
#include "api/api_internal.h"

void handle_pikaraoke(struct request *r, void *app)
{
    struct api *a = app;
    struct buf b;
    struct json_out o;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    pikaraoke_json(a->d.pikaraoke, &o, NULL);
    api_reply_json(r, 200, &b);
}
