/* Answers in their common form, and telling listeners what a person changed. Loop thread, except api_collect_told (pool). */
#include <string.h>

#include "api/api_internal.h"
#include "song/song_json.h"

void api_reply_json(struct request *r, int status, struct buf *json)
{
    request_set_header(r, "Cache-Control", "no-cache");
    request_reply_json(r, status, json);
}

void api_reply_no_provider(struct request *r)
{
    request_reply_problem(
        r, 409, "no_usable_provider",
        "no provider can be asked: all are switched off, without a key, or their key was refused; see the settings");
}

void api_tell_song(struct api *a, const struct song *s)
{
    struct buf b;
    struct json_out o;

    buf_init(&b, 0);
    json_out_init(&o, &b);
    song_json(s, &o, "song");
    events_publish(a->d.events, EVENT_SONG, buf_cstr(&b));
    buf_deinit(&b);
    events_progress_changed(a->d.events);
}

void api_collect_told(struct db *db, const int64_t *ids, size_t n, struct buf *told)
{
    struct json_out o;
    struct song s;

    for (size_t i = 0; i < n && i < API_TOLD_MAX; i++) {
        s = (struct song){0};
        if (songs_get(db, ids[i], &s, NULL) != 0)
            continue;
        json_out_init(&o, told);
        song_json(&s, &o, "song");
        buf_add_byte(told, '\0');
        song_deinit(&s);
    }
}

void api_tell_collected(struct api *a, const struct buf *told, size_t n)
{
    for (size_t at = 0; at < told->len; at += strlen(told->data + at) + 1)
        events_publish(a->d.events, EVENT_SONG, told->data + at);
    if (n > API_TOLD_MAX)
        events_publish(a->d.events, EVENT_GAP, "\"reason\":\"many songs changed at once; read the list again\"");
    events_progress_changed(a->d.events);
}

void api_put_time(struct json_out *o, const char *key, int64_t wall_ms)
{
    char text[32];

    if (wall_ms)
        clock_iso(wall_ms, text);
    json_put_str(o, key, wall_ms ? text : NULL);
}

void api_put_int(struct json_out *o, const char *key, int64_t v)
{
    if (v)
        json_put_int(o, key, v);
    else
        json_put_null(o, key);
}
