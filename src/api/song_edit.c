/* PATCH /songs/{id}: a person's word. Durable before it is acknowledged, told after. Refuses without If-Match: two phones may
 * edit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/utf8.h"
#include "song/fold.h"

struct edit_op {
    struct song_op s;
    struct song_edit edit;
    char *text[FIELD_COUNT]; /* what edit.text borrows */
};

static int edit_change(struct db *db, struct song_op *s, struct err *e)
{
    struct edit_op *p = container_of(s, struct edit_op, s);

    p->edit.batch = &s->batch;
    return songs_edit(db, s->o.song_id, s->seen_version, &p->edit, s->o.now_ms, &s->song, e);
}

static void edit_release(struct song_op *s)
{
    struct edit_op *p = container_of(s, struct edit_op, s);

    for (int i = 0; i < FIELD_COUNT; i++)
        free(p->text[i]);
}

static void read_text(struct field_errors *f, const cJSON *v, enum song_field field, struct edit_op *p)
{
    const char *name = song_field_name(field);
    struct slice text = {0};

    if (!cJSON_IsNull(v) && !cJSON_IsString(v)) {
        fields_refuse(f, name, "a string or null is needed");
        return;
    }
    if (cJSON_IsString(v))
        text = slice_trim(slice_of(v->valuestring));
    if (!input_text_ok(text, API_TEXT_MAX)) {
        fields_refuse(f, name, "at most %d bytes of UTF-8 without control characters are allowed", API_TEXT_MAX);
        return;
    }
    free(p->text[field]);
    p->text[field] = fold_display(text);
    if (field == FIELD_TITLE && !p->text[field][0]) {
        fields_refuse(f, name, "a song needs a title");
        return;
    }
    p->edit.text[field] = p->text[field];
    p->edit.set |= 1u << field;
}

static void read_year(struct field_errors *f, const cJSON *v, struct edit_op *p)
{
    double y = cJSON_IsNumber(v) ? v->valuedouble : -1;

    if (!cJSON_IsNull(v) && (!cJSON_IsNumber(v) || y != floor(y) || y < 1000 || y > 2100)) {
        fields_refuse(f, "year", "a whole number from 1000 to 2100 or null is needed");
        return;
    }
    p->edit.year = cJSON_IsNull(v) ? 0 : (int)y;
    p->edit.set |= 1u << FIELD_YEAR;
}

static unsigned read_locks(struct field_errors *f, const cJSON *body, const char *name)
{
    const cJSON *list = json_get(body, name), *v;
    unsigned mask = 0;

    if (!list)
        return 0;
    if (!cJSON_IsArray(list)) {
        fields_refuse(f, name, "a list of field names is needed");
        return 0;
    }
    cJSON_ArrayForEach(v, list)
    {
        int field = cJSON_IsString(v) ? song_field_of(v->valuestring) : -1;
        if (field < 0) {
            fields_refuse(f, name, "a field is one of artist, title, variant, year, genre");
            return 0;
        }
        mask |= 1u << field;
    }
    return mask;
}

static void read_verified(struct field_errors *f, const cJSON *body, struct edit_op *p)
{
    const cJSON *v = json_get(body, "verified");

    if (v && !cJSON_IsTrue(v))
        fields_refuse(f, "verified", "only true can be said; take an edit back with undo");
    p->edit.verify = v && cJSON_IsTrue(v);
}

static void read_edit(struct field_errors *f, const cJSON *body, struct edit_op *p)
{
    static const char *const known[] = {"artist", "title", "variant", "year", "genre", "verified", "lock", "unlock", NULL};
    const cJSON *v;

    fields_only(f, body, known);
    for (int i = 0; i < FIELD_COUNT; i++) {
        v = cJSON_GetObjectItemCaseSensitive(body, song_field_name((enum song_field)i));
        if (v && i == FIELD_YEAR)
            read_year(f, v, p);
        else if (v)
            read_text(f, v, (enum song_field)i, p);
    }
    read_verified(f, body, p);
    p->edit.lock = read_locks(f, body, "lock");
    p->edit.unlock = read_locks(f, body, "unlock");
    if (p->edit.lock & p->edit.unlock)
        fields_refuse(f, "unlock", "a field is in lock and in unlock");
    if (!f->count && !p->edit.set && !p->edit.verify && !p->edit.lock && !p->edit.unlock)
        fields_refuse(f, "", "nothing to change: send at least one field");
}

void handle_song_edit(struct request *r, void *app)
{
    struct field_errors f;
    struct edit_op *p;
    cJSON *body = input_body(r, false);

    if (!body)
        return;
    p = song_op_new(app, r, sizeof *p, true, edit_change);
    if (!p) {
        cJSON_Delete(body);
        return;
    }
    p->s.release = edit_release;
    fields_init(&f, "pointer");
    read_edit(&f, body, p);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        api_op_free(&p->s.o);
    else
        song_op_start(&p->s);
}
