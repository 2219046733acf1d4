/* POST and GET /scan: start a scan, and see how the running or last one goes. Loop thread only. */
#include "api/api_internal.h"

void api_scan_json(struct api *a, struct json_out *o, const char *key)
{
    struct scan_status s = {0};

    scan_status(a->d.scan, &s);
    json_open(o, key, '{');
    json_put_bool(o, "running", s.running);
    json_put_int(o, "files", (int64_t)s.files);
    json_put_int(o, "listed", (int64_t)s.listed);
    json_put_int(o, "changed", (int64_t)s.changed);
    json_put_int(o, "missing", (int64_t)s.missing);
    json_put_int(o, "moved", (int64_t)s.moved);
    json_put_int(o, "young", (int64_t)s.young);
    json_put_str(o, "problem", s.problem[0] ? s.problem : NULL);
    json_put_int(o, "duration_ms", (int64_t)s.duration_ms);
    api_put_time(o, "finished_at", s.finished_ms);
    json_close(o, '}');
}

void handle_scan(struct request *r, void *app)
{
    struct buf b;
    struct json_out o;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    api_scan_json(app, &o, NULL);
    api_reply_json(r, 200, &b);
}

void handle_scan_start(struct request *r, void *app)
{
    static const char *const known[] = {"accept_missing", NULL};
    struct api *a = app;
    struct field_errors f;
    struct buf b;
    bool accept_missing = false;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    field_bool(&f, body, "accept_missing", &accept_missing);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        return;
    scan_start(a->d.scan, accept_missing);
    if (a->d.pikaraoke)
        pikaraoke_look_now(a->d.pikaraoke);
    buf_init(&b, 0);
    buf_add_str(&b, "{\"started\":true}");
    api_reply_json(r, 202, &b);
}
