/* Reading the configuration again; see reload.h. */
#include "daemon/reload.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

int reload_read(struct config *c, const char *path, void (*report)(const char *line, void *arg), void *arg, struct err *e)
{
    char *place = path ? mem_strdup(path) : default_config_path();
    int rc = place ? config_read_file(c, place, report, arg) : 0;

    if (rc == ERR_NOT_FOUND)
        rc = err_set(e, ERR_CONFIG, "cannot read the configuration '%s'; check the path and its permissions", place);
    else if (rc)
        rc = err_set(e, ERR_CONFIG, "the configuration '%s' has errors", place);
    free(place);
    return rc ? rc : config_read_credentials(c, getenv("CREDENTIALS_DIRECTORY"), e);
}

static void log_error_of_file(const char *line, void *arg)
{
    (void)arg;
    log_error("main", "%s", line);
}

static void on_pool(uv_work_t *work)
{
    struct reload *r = container_of(work, struct reload, work);

    r->rc = reload_read(r->fresh, r->path, log_error_of_file, NULL, &r->err);
}

struct taken {
    struct buf text;
    struct json_out out;
    int count;
};

static void on_told(void *arg, const char *option, bool taken)
{
    struct taken *t = arg;

    if (!taken) {
        log_warn("main", "'%s' has a new value in the file, which is taken at the next start", option);
        return;
    }
    json_put_str(&t->out, NULL, option);
    t->count++;
}

static void on_read(uv_work_t *work, int status)
{
    struct reload *r = container_of(work, struct reload, work);
    uv_loop_t *loop = work->loop;
    struct taken t = {.count = 0};
    int rc;

    (void)status; /* nothing cancels */
    buf_init(&t.text, 0);
    json_out_init(&t.out, &t.text);
    json_open(&t.out, "changed", '[');
    if (r->rc == 0)
        r->rc = config_take_file(r->live, r->fresh, on_told, &t, &r->err);
    json_close(&t.out, ']');
    if (r->rc)
        log_error("main", "%s; the old configuration stays in force", err_text(&r->err));
    else
        log_info("main", "the configuration was read again options_changed=%d", t.count);
    config_free(r->fresh);
    r->busy = false;
    rc = r->rc;
    if (r->again)
        reload_start(r, loop);
    r->done(r->arg, rc, rc == 0 && t.count ? buf_cstr(&t.text) : NULL);
    buf_deinit(&t.text);
}

void reload_start(struct reload *r, uv_loop_t *loop)
{
    r->again = r->busy;
    if (r->busy)
        return;
    r->busy = true;
    r->err = (struct err){0};
    r->fresh = config_new();
    if (uv_queue_work(loop, &r->work, on_pool, on_read))
        bug("main: no work item");
}
