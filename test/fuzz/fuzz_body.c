/* Any bytes as the body of a request to the API: refused with reasons that are JSON themselves, or read into what the handlers
 * may rely on. The first byte chooses the request; sockets, loop and store are left out.
 *
 * The readers are private to the files of their handlers, so those files are part of this program.
 * Built by -Dfuzz=true (test/fuzz/meson.build). By hand:
 *   build-fuzz/test/fuzz/fuzz_body -dict=test/fuzz/body.dict -max_len=4000 test/fuzz/seeds_body
 */
#include "api/parse.c"
#include "api/song_edit.c"

#define apply settings_apply
#include "api/settings.c"
#undef apply
#define apply bulk_apply
#include "api/bulk.c"
#undef apply
#undef STEP
#include "api/queue.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
    do { \
        if (!(x)) \
            bug("does not hold: " #x); \
    } while (0)

static void check_json(const struct buf *list, char open, char close)
{
    struct err e = {0};
    struct buf b;
    cJSON *root;

    buf_init(&b, 0);
    buf_add_byte(&b, open);
    buf_add(&b, list->data, list->len);
    buf_add_byte(&b, close);
    root = json_parse((struct slice){b.data, b.len}, &e);
    MUST(root != NULL);
    cJSON_Delete(root);
    buf_deinit(&b);
}

static void check_refusals(struct field_errors *f)
{
    MUST((f->count > 0) == (f->list.len > 0));
    check_json(&f->list, '[', ']');
    fields_deinit(f);
}

static void check_query(const struct songs_query *q)
{
    MUST(q->f.min_confidence <= 1 && q->f.max_confidence <= 1 && q->f.limit == 50 && q->f.cursor == NULL);
    MUST(!q->f.q || input_text_ok(slice_of(q->f.q), 200));
    MUST(!q->f.path.n || !memchr(q->f.path.p, 0, q->f.path.n));
}

static void fuzz_edit(const cJSON *body)
{
    struct edit_op p = {0};
    struct field_errors f;

    fields_init(&f, "pointer");
    read_edit(&f, body, &p);
    for (int i = 0; i < FIELD_COUNT; i++)
        MUST(!p.text[i] || input_text_ok(slice_of(p.text[i]), API_TEXT_MAX));
    MUST(p.edit.year == 0 || (p.edit.year >= 1000 && p.edit.year <= 2100));
    MUST(f.count || p.edit.set || p.edit.verify || p.edit.lock || p.edit.unlock);
    edit_release(&p.s);
    check_refusals(&f);
}

static void fuzz_queue(const cJSON *body)
{
    struct queue_op q = {0};

    songs_query_init(&q.filter);
    fields_init(&q.fields, "pointer");
    buf_init(&q.unknown, 0);
    read_body(&q, body);
    MUST(q.n <= TARGETS_MAX && q.priority >= -PRIORITY_LIMIT && q.priority <= PRIORITY_LIMIT);
    MUST(q.fields.count || q.n || q.by_filter || json_get(body, "song_ids") || json_get(body, "paths") ||
         json_get(body, "pikaraoke_ids"));
    for (size_t i = 0; i < q.n; i++)
        MUST(q.targets[i].kind == TARGET_PATH ? q.targets[i].path[0] != '\0' : q.targets[i].number >= 1);
    check_query(&q.filter);
    check_json(&q.fields.list, '[', ']');
    queue_release(&q.o);
}

static void fuzz_bulk(const cJSON *body)
{
    struct bulk_op b = {.provider = -1, .limit = PAGE_DEFAULT};
    struct field_errors f;

    songs_query_init(&b.query);
    buf_init(&b.page_text, API_ANSWER_MAX);
    buf_init(&b.told, 0);
    fields_init(&f, "pointer");
    read_bulk(&f, body, &b);
    MUST(b.limit >= 1 && b.limit <= 500 && b.after >= 0 && b.min_score >= 0 && b.min_score <= 1);
    MUST(b.provider >= -1 && b.provider < PROVIDER_COUNT && b.fingerprint[FINGERPRINT_SIZE - 1] == '\0');
    check_query(&b.query);
    bulk_release(&b.o);
    check_refusals(&f);
}

static void fuzz_settings(const cJSON *body)
{
    struct config *config = config_new();
    struct api a = {.d.config = config};
    struct settings_op s = {.o.api = &a};
    struct field_errors f;

    fields_init(&f, "pointer");
    read_settings(&f, &s, body);
    MUST(s.n <= SETTINGS_MAX);
    for (size_t i = 0; i < s.n; i++)
        MUST(options[s.list[i].id].flags & OPTION_LIVE);
    settings_release(&s.o);
    check_refusals(&f);
    config_free(config);
}

static void fuzz_parse(const cJSON *body)
{
    struct parse_job j = {0};

    buf_init(&j.out, API_ANSWER_MAX);
    fields_init(&j.fields, "pointer");
    parse_body(&j, body);
    MUST((j.fields.count == 0) == (j.out.len > 0));
    if (j.out.len)
        check_json(&j.out, ' ', ' ');
    buf_deinit(&j.out);
    check_refusals(&j.fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const cJSON *body) = {fuzz_edit, fuzz_queue, fuzz_bulk, fuzz_settings, fuzz_parse};
    struct err e = {0};
    cJSON *body;
    char *copy;

    if (size < 1)
        return 0;
    copy = malloc(size);   /* exactly as long, so that a read past the end is caught */
    memcpy(copy, data + 1, size - 1);
    body = input_object((struct slice){copy, size - 1}, data[0] & 0x80, &e);
    free(copy);
    MUST(body || err_text(&e)[0]);
    if (body)
        readers[(data[0] & 0x7f) % ARRAY_LEN(readers)](body);
    cJSON_Delete(body);
    return 0;
}
