/* What the files of this room share: the api object, reading input, operations on the store, telling.
 *
 * A handler reads its input on the loop thread, then either answers at once (memory only) or starts
 * an api_op: `run` builds the answer's text on the pool, `answer` sends it on the loop after the
 * commit. Every request is answered exactly once on every way out, also when the client is gone.
 */
#ifndef SONGBOOKD_API_API_INTERNAL_H
#define SONGBOOKD_API_API_INTERNAL_H

#include "api/api.h"
#include "api/devices.h"
#include "base/list.h"
#include "store/songs.h"

#define API_TEXT_MAX 500                   /* bytes of a text field a person may write */
#define API_ANSWER_MAX (32u * 1024 * 1024) /* bytes of the largest answer: 500 songs with the longest paths stay below */

#define INPUT_NUMBER_MAX 9007199254740992 /* 2^53: what JSON readers hold exactly */

struct api {
    struct api_deps d;
    struct http_server *server;
    struct devices *devices;
    char *facets;           /* the last answer of GET /facets; NULL none yet */
    uint64_t facets_at_ms;  /* monotonic */
    char *health;       /* the whole answer of GET /health */
    int held;           /* requests and streams that still need this struct */
    bool freed;         /* api_free was called: the last one held frees */
    bool parsing;       /* one parse work is on the pool */
    struct list parses; /* those that wait for it */
    struct list streams; /* of events.c */
};

/* How the request may ask; *device is set for CALLER_DEVICE. */
enum caller api_caller(struct api *a, struct request *r, const struct device **device);

void api_hold(struct api *a);
void api_drop(struct api *a);

extern const struct route api_routes[]; /* ends with a row whose path is NULL */

/* --- input (input.c) ------------------------------------------------------------------ */
/* Collects what is wrong with the fields of a body or a query, so that a person learns all of it at once. */
struct field_errors {
    const char *member; /* "pointer" for a body, "parameter" for a query */
    int count;
    struct buf list; /* elements of the errors array */
};
void fields_init(struct field_errors *f, const char *member);
void fields_deinit(struct field_errors *f);
__attribute__((format(printf, 3, 4))) void fields_refuse(struct field_errors *f, const char *name, const char *fmt, ...);
/* The same with a name that a client chose: '/' and '~' are escaped for the pointer. */
__attribute__((format(printf, 3, 4))) void fields_refuse_member(struct field_errors *f, const char *name, const char *fmt, ...);
/* Refuses every member of obj that is not in names (NULL-terminated). */
void fields_only(struct field_errors *f, const cJSON *obj, const char *const *names);
/* Present, of the right type and in range: true and *out set. Absent or null: false. Else refused and false. */
bool field_int(struct field_errors *f, const cJSON *obj, const char *name, int64_t min, int64_t max, int64_t *out);
bool field_bool(struct field_errors *f, const cJSON *obj, const char *name, bool *out);
/* Reads a list of ids into out, which has room for all its elements; returns how many, 0 after a refusal. */
size_t field_ids(struct field_errors *f, const cJSON *obj, const char *name, int64_t *out);
/* Answers 422 with the list when something was refused (true), and releases the collector in any case. */
bool fields_answer(struct field_errors *f, struct request *r);

/* The text as a JSON object (new memory), NULL with e set when it is none. An empty text is an empty object when may_be_empty.
 * Pure. */
cJSON *input_object(struct slice text, bool may_be_empty, struct err *e);
/* The request's body likewise; on NULL the request was answered. Query parameters beside it are refused. */
cJSON *input_body(struct request *r, bool may_be_empty);
cJSON *input_body_beside_query(struct request *r, bool may_be_empty); /* ... are the caller's affair */
/* For requests that take nothing: true with no body, or {}; else answered. */
bool input_no_members(struct request *r);
/* Whole decimal number of at most 2^53; false for anything else. */
bool input_number(struct slice text, int64_t *out);
/* The song id in the path; on false the request was answered 404. */
bool input_song_id(struct request *r, int64_t *id);
/* Refuses query parameters that are not in names and reads numbers; on false the request was answered. */
struct query_number {
    const char *name;
    int64_t min, max, *out;
};
bool input_query(struct request *r, const struct query_number *numbers, size_t n);
bool input_no_query(struct request *r);
/* Path bytes from text as people and JSON write it: the path itself, or a file:// URI with percent-encoded bytes. */
bool input_path(struct slice text, struct buf *out);
/* Valid UTF-8 without control characters, not longer than max bytes. */
bool input_text_ok(struct slice text, size_t max);

/* --- events (events.c) ----------------------------------------------------------------- */
/* Ends the event streams of a device that was put out. */
void api_streams_end_of(struct api *a, int64_t device_id);

/* --- ETags (etag.c) ------------------------------------------------------------------- */
void etag_set(struct request *r, int64_t version);
/* True when the header's list (or "*") names the version. weak: W/ counts, as If-None-Match has it. */
bool etag_matches(const char *header, int64_t version, bool weak);

/* --- operations on the store (op.c) ------------------------------------------------------ */
struct api_op {
    struct dbq_op op;
    struct api *api;
    struct request *req;
    int64_t song_id;
    int64_t now_ms; /* wall time of the request */
    struct buf out; /* the answer's text, written by run */
    int (*run)(struct db *db, struct api_op *o, struct err *e);
    /* On the loop after the commit. True: the request was answered; false: o was submitted again. NULL: 200 with `out`, or the
     * error. */
    bool (*answer)(struct api_op *o, int rc);
    void (*release)(struct api_op *o); /* frees what the enclosing struct owns; may be NULL */
};
/* Zeroed memory of `size`, whose first member is a struct api_op; NULL when too much waits (the request was answered 503). */
void *api_op_new(struct api *a, struct request *r, size_t size, int (*run)(struct db *db, struct api_op *o, struct err *e));
void api_op_read(struct api_op *o);
void api_op_write(struct api_op *o, int flags);
/* The plain answer. */
bool api_op_answer(struct api_op *o, int rc);
/* Frees an operation that was never submitted; its request is answered by the caller. */
void api_op_free(struct api_op *o);

/* A change of one song by a person: If-Match, the new row, the event. The enclosing struct's first member. */
struct song_op {
    struct api_op o;
    char *if_match;       /* NULL: no condition */
    int64_t seen_version; /* of the row before the change; 0 unknown */
    bool have_song;
    struct song song;
    int64_t batch;        /* what was logged of the change; 0 nothing changed */
    int (*change)(struct db *db, struct song_op *s, struct err *e); /* fills song and batch */
    void (*release)(struct song_op *s);
    bool wake; /* the queue may have grown */
};
/* NULL when the request was answered: bad id, If-Match missing though needed, too much waiting. */
void *song_op_new(struct api *a, struct request *r, size_t size, bool need_match,
                  int (*change)(struct db *db, struct song_op *s, struct err *e));
void song_op_start(struct song_op *s);

/* --- answers and events (tell.c) ---------------------------------------------------------- */
/* 200 and the like, never cached without asking; takes the buffer's memory. */
void api_reply_json(struct request *r, int status, struct buf *json);
void api_reply_no_provider(struct request *r);
/* A person changed this song: to be called after the commit. */
void api_tell_song(struct api *a, const struct song *s);
/* Reads the rows of ids and appends the members of one song event each, NUL-terminated; at most API_TOLD_MAX. For run functions.
 */
#define API_TOLD_MAX 500
void api_collect_told(struct db *db, const int64_t *ids, size_t n, struct buf *told);
/* Publishes them; more than were collected are announced by a gap. */
void api_tell_collected(struct api *a, const struct buf *told, size_t n);

/* --- pieces of JSON ------------------------------------------------------------------------ */
void api_scan_json(struct api *a, struct json_out *o, const char *key);
/* since_ms as for candidates_list. */
int api_candidates_json(struct db *db, int64_t song_id, int64_t since_ms, int limit, struct json_out *o, const char *key,
                        struct err *e);
struct changes_filter;
int api_changes_json(struct db *db, const struct changes_filter *f, struct json_out *o, int64_t *next, struct err *e);
/* "person", "worker", "scan" as a text that lives for ever, or NULL. */
const char *api_actor(const char *text);
void api_put_time(struct json_out *o, const char *key, int64_t wall_ms); /* 0 gives null */
void api_put_int(struct json_out *o, const char *key, int64_t v);        /* 0 gives null */

/* --- settings that lists obey ---------------------------------------------------------------- */
/* dashboard.review_below in hundredths. */
int api_review_below(const struct api *a);
/* dashboard.order is title-artist. */
bool api_title_first(const struct api *a);

/* --- handlers, by noun ------------------------------------------------------------------------ */
void handle_index(struct request *r, void *app);
void handle_web_file(struct request *r, void *app);
void handle_web_text(struct request *r, void *app);
void handle_healthz(struct request *r, void *app);
void handle_health(struct request *r, void *app);
void handle_progress(struct request *r, void *app);
void handle_worker_start(struct request *r, void *app);
void handle_worker_pause(struct request *r, void *app);
void handle_worker_resume(struct request *r, void *app);
void handle_worker_stop(struct request *r, void *app);
void handle_queue(struct request *r, void *app);
void handle_requeue(struct request *r, void *app);
void handle_songs(struct request *r, void *app);
void handle_song(struct request *r, void *app);
void handle_song_edit(struct request *r, void *app);
void handle_worklist(struct request *r, void *app);
void handle_facets(struct request *r, void *app);
void handle_review(struct request *r, void *app);
void handle_forget(struct request *r, void *app);
void handle_suggestions(struct request *r, void *app);
void handle_suggestions_ask(struct request *r, void *app);
void handle_accept(struct request *r, void *app);
void handle_reject(struct request *r, void *app);
void handle_explain(struct request *r, void *app);
void handle_parse(struct request *r, void *app);
void handle_scan_start(struct request *r, void *app);
void handle_scan(struct request *r, void *app);
void handle_changes(struct request *r, void *app);
void handle_songbook(struct request *r, void *app);
void handle_songbook_page(struct request *r, void *app);
void handle_bulk(struct request *r, void *app);
void handle_undo(struct request *r, void *app);
void handle_settings(struct request *r, void *app);
void handle_settings_edit(struct request *r, void *app);
void handle_settings_test(struct request *r, void *app);
void handle_providers(struct request *r, void *app);
void handle_answers(struct request *r, void *app);
void handle_answers_take(struct request *r, void *app);
void handle_metrics(struct request *r, void *app);
void handle_openapi(struct request *r, void *app);
void handle_pair_code(struct request *r, void *app);
void handle_pair(struct request *r, void *app);
void handle_devices(struct request *r, void *app);
void handle_device_revoke(struct request *r, void *app);
void handle_session(struct request *r, void *app);
void handle_events(struct request *r, void *app);
void handle_pikaraoke(struct request *r, void *app);

#endif
