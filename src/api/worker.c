/* POST /worker/start, pause, resume, stop: the wish is stored before it is acknowledged. Loop thread only. */
#include <stdlib.h>

#include "api/api_internal.h"

struct command_wait {
    struct api *api;
    struct request *req;
};

static void command_done(void *arg, int rc, bool changed, enum worker_mode mode)
{
    struct command_wait *w = arg;
    struct buf b;
    struct json_out o;

    if (rc == ERR_UNAVAILABLE) {
        api_reply_no_provider(w->req);
    } else if (rc) {
        request_reply_error(w->req, rc, NULL);
    } else {
        buf_init(&b, 0);
        json_out_init(&o, &b);
        json_open(&o, NULL, '{');
        json_put_bool(&o, "changed", changed);
        json_put_str(&o, "state", worker_mode_name(mode));
        json_close(&o, '}');
        api_reply_json(w->req, 200, &b);
    }
    api_drop(w->api);
    free(w);
}

static void command(struct request *r, struct api *a, enum worker_command cmd)
{
    struct command_wait *w;

    if (!input_no_members(r))
        return;
    if (dbq_is_full(a->d.q)) {
        request_reply_error(r, ERR_BUSY, NULL);
        return;
    }
    w = mem_zalloc(sizeof *w);
    *w = (struct command_wait){a, r};
    api_hold(a);
    enrich_command(a->d.enrich, cmd, command_done, w);
}

void handle_worker_start(struct request *r, void *app)
{
    command(r, app, WORKER_CMD_START);
}

void handle_worker_pause(struct request *r, void *app)
{
    command(r, app, WORKER_CMD_PAUSE);
}

void handle_worker_resume(struct request *r, void *app)
{
    command(r, app, WORKER_CMD_RESUME);
}

void handle_worker_stop(struct request *r, void *app)
{
    command(r, app, WORKER_CMD_STOP);
}
