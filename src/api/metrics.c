/* GET /metrics: the numbers of /progress, of the library and of the process as Prometheus reads them (text format 0.0.4).
 *
 * A thin table: each row names a path into the object of /progress, so a number has one source. A '*' in a path stands for
 * every member, whose name becomes the label; labels are names of ours (providers, states), never of songs. The database is asked
 * on the pool; everything else is memory. Base units: seconds and bytes.
 */
#include "api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "store/library_stats.h"

enum metric_type { COUNTER, GAUGE };

struct metric_row {
    const char *name; /* rows of the same name follow each other */
    enum metric_type type;
    const char *help;
    const char *path;  /* into /progress; a number, true or false, or one of `words` */
    const char *label; /* of what '*' stands for; NULL without one */
    const char *fixed; /* a further label, "outcome=\"found\""; NULL */
    double scale;      /* 0.001 makes seconds of milliseconds */
    const char *words; /* a text: one line for each of these, 1 for the present one; NULL for numbers */
};

#define PROVIDER_STATES "ok pacing refused failing offline disabled needs_key key_refused locked"

static const struct metric_row rows[] = {
    {"songbookd_songs", GAUGE, "Present songs by status.", "by_status.*", "status", NULL, 1, NULL},
    {"songbookd_songs_absent", GAUGE, "Songs whose file is gone.", "library.absent", NULL, NULL, 1, NULL},
    {"songbookd_queue_songs", GAUGE, "Songs that wait in the queue.", "queue_remaining", NULL, NULL, 1, NULL},
    {"songbookd_dating_songs", GAUGE, "Of these, songs that are named and only wait for their date.", "dating_remaining", NULL,
     NULL, 1, NULL},
    {"songbookd_worker_state", GAUGE, "1 for the present state of the worker.", "state", "state", NULL, 1,
     "running paused stopped"},
    {"songbookd_worker_processed_total", COUNTER, "Songs that left the queue since the worker was started.", "total_processed",
     NULL, NULL, 1, NULL},
    {"songbookd_worker_enriched_total", COUNTER, "Of these, enriched.", "total_enriched", NULL, NULL, 1, NULL},
    {"songbookd_worker_failed_total", COUNTER, "Of these, not found or given up.", "total_failed", NULL, NULL, 1, NULL},
    {"songbookd_worker_eta_seconds", GAUGE, "Time until the queue is empty by the providers' budgets; none when unknown.",
     "eta_seconds", NULL, NULL, 1, NULL},
    {"songbookd_requests_per_song", GAUGE, "Requests that naming a song cost in this run, dating left out.", "requests_per_song",
     NULL, NULL, 1, NULL},
    {"songbookd_offline", GAUGE, "1 when no provider can be reached.", "offline", NULL, NULL, 1, NULL},
    {"songbookd_provider_requests_total", COUNTER, "Requests sent.", "providers.*.requests", "provider", NULL, 1, NULL},
    {"songbookd_provider_dating_requests_total", COUNTER, "Of these, searches that only look for a date.", "providers.*.dating",
     "provider", NULL, 1, NULL},
    {"songbookd_provider_budget_used", GAUGE, "Share of what the provider's pace allowed that was used.",
     "providers.*.budget_used", "provider", NULL, 1, NULL},
    {"songbookd_provider_answers_total", COUNTER, "Answers by what they meant.", "providers.*.found", "provider",
     "outcome=\"found\"", 1, NULL},
    {"songbookd_provider_answers_total", COUNTER, NULL, "providers.*.not_found", "provider", "outcome=\"not_found\"", 1, NULL},
    {"songbookd_provider_answers_total", COUNTER, NULL, "providers.*.refused", "provider", "outcome=\"refused\"", 1, NULL},
    {"songbookd_provider_answers_total", COUNTER, NULL, "providers.*.failed", "provider", "outcome=\"failed\"", 1, NULL},
    {"songbookd_provider_cached_total", COUNTER, "Questions answered from what was asked before.", "providers.*.cached",
     "provider", NULL, 1, NULL},
    {"songbookd_provider_in_flight", GAUGE, "Requests on their way.", "providers.*.in_flight", "provider", NULL, 1, NULL},
    {"songbookd_provider_rate", GAUGE, "Requests a second that the provider gets at most, at present.",
     "providers.*.rate_per_second", "provider", NULL, 1, NULL},
    {"songbookd_provider_wait_seconds", GAUGE, "Rest that the provider's breaker still takes; 0 when it is closed.",
     "providers.*.retry_in_seconds", "provider", NULL, 1, NULL},
    {"songbookd_provider_usable", GAUGE, "1 when it is switched on and has its key.", "providers.*.usable", "provider", NULL, 1,
     NULL},
    {"songbookd_provider_state", GAUGE, "1 for the present state of the provider.", "providers.*.state", "provider", NULL, 1,
     PROVIDER_STATES},
    {"songbookd_scan_running", GAUGE, "1 while the folders are read.", "scan.running", NULL, NULL, 1, NULL},
    {"songbookd_scan_files", GAUGE, "Files seen by the running or last scan.", "scan.files", NULL, NULL, 1, NULL},
    {"songbookd_scan_duration_seconds", GAUGE, "How long that scan took, or has been running.", "scan.duration_ms", NULL, NULL,
     0.001, NULL},
    {"songbookd_loop_turns_total", COUNTER, "Turns of the event loop.", "loop.turns", NULL, NULL, 1, NULL},
    {"songbookd_loop_worst_turn_seconds", GAUGE, "Longest turn since the start, without waiting.", "loop.worst_turn_ms", NULL,
     NULL, 0.001, NULL},
    {"songbookd_loop_worst_turn_cpu_seconds", GAUGE, "CPU time of the costliest turn since the start.", "loop.worst_turn_cpu_ms",
     NULL, NULL, 0.001, NULL},
    {"songbookd_loop_recent_turn_cpu_seconds", GAUGE, "The same within the last minute.", "loop.recent_turn_cpu_ms", NULL, NULL,
     0.001, NULL},
    {"songbookd_store_transactions_total", COUNTER, "Transactions that wrote.", "store.transactions", NULL, NULL, 1, NULL},
    {"songbookd_store_operations_total", COUNTER, "Operations of the store.", "store.writes", NULL, "kind=\"write\"", 1, NULL},
    {"songbookd_store_operations_total", COUNTER, NULL, "store.reads", NULL, "kind=\"read\"", 1, NULL},
    {"songbookd_store_waiting", GAUGE, "Operations that wait for the store.", "store.waiting_writes", NULL, "kind=\"write\"", 1,
     NULL},
    {"songbookd_store_waiting", GAUGE, NULL, "store.waiting_reads", NULL, "kind=\"read\"", 1, NULL},
    {"songbookd_store_worst_transaction_seconds", GAUGE, "Longest transaction: so long another writer of the file waited.",
     "store.worst_transaction_ms", NULL, NULL, 0.001, NULL},
    {"songbookd_pikaraoke_published_songs", GAUGE, "Songs whose values stand in PiKaraoke's database.",
     "pikaraoke.publish.published", NULL, NULL, 1, NULL},
    {"songbookd_pikaraoke_waiting_songs", GAUGE, "Songs that wait to be published there.",
     "pikaraoke.publish.waiting", NULL, NULL, 1, NULL},
    {"songbookd_pikaraoke_transactions_total", COUNTER, "Transactions on PiKaraoke's database.",
     "pikaraoke.publish.transactions", NULL, NULL, 1, NULL},
    {"songbookd_pikaraoke_busy_total", COUNTER, "Times it was found locked.", "pikaraoke.publish.busy", NULL, NULL, 1, NULL},
    {"songbookd_pikaraoke_lock_seconds_total", COUNTER, "Time that it was locked by us.",
     "pikaraoke.publish.summed_lock_ms", NULL, NULL, 0.001, NULL},
    {"songbookd_pikaraoke_longest_lock_seconds", GAUGE, "Longest of these locks.",
     "pikaraoke.publish.longest_lock_ms", NULL, NULL, 0.001, NULL},
};

/* --- lines ----------------------------------------------------------------------------------- */

static void put_help(struct buf *b, const char *name, enum metric_type type, const char *help)
{
    buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type == COUNTER ? "counter" : "gauge");
}

/* label: `key="value"` parts, already joined; "" for none. */
static void put_line(struct buf *b, const char *name, const char *labels, double v)
{
    buf_addf(b, *labels ? "%s{%s} " : "%s%s ", name, labels);
    buf_addf(b, "%.15g\n", v);
}

/* Names that reach a label are our own words; anything else would be a mistake of ours and must not break the page. */
static void label_value(char out[40], const char *v)
{
    size_t n = 0;

    for (; *v && n < 39; v++)
        out[n++] =
            (*v >= 'a' && *v <= 'z') || (*v >= 'A' && *v <= 'Z') || (*v >= '0' && *v <= '9') || strchr("_.-", *v) ? *v : '_';
    out[n] = '\0';
}

static void put_states(struct buf *b, const struct metric_row *m, const char *labels, const char *now)
{
    char word[40], both[200];

    for (const char *w = m->words; *w; w += strspn(w, " ")) {
        size_t n = strcspn(w, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, w);
        snprintf(both, sizeof both, "%s%sstate=\"%s\"", labels, *labels ? "," : "", word);
        put_line(b, m->name, both, strcmp(word, now) == 0);
        w += n;
    }
}

static void put_value(struct buf *b, const struct metric_row *m, const cJSON *v, const char *star)
{
    char name[40], labels[120] = "";

    if (star && strcmp(m->label, "state") != 0) {
        label_value(name, star);
        snprintf(labels, sizeof labels, "%s=\"%s\"", m->label, name);
    }
    if (m->fixed)
        snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%s", *labels ? "," : "", m->fixed);
    if (m->words && cJSON_IsString(v))
        put_states(b, m, labels, v->valuestring);
    else if (cJSON_IsNumber(v))
        put_line(b, m->name, labels, v->valuedouble * m->scale);
    else if (cJSON_IsBool(v))
        put_line(b, m->name, labels, cJSON_IsTrue(v));
}

/* Follows the path below v; what is not there, or null, gives no line. */
static void walk(struct buf *b, const struct metric_row *m, const cJSON *v, const char *path, const char *star)
{
    char part[40];
    size_t n = strcspn(path, ".");

    if (!v || cJSON_IsNull(v))
        return;
    if (!*path) {
        put_value(b, m, v, star);
        return;
    }
    snprintf(part, sizeof part, "%.*s", (int)n, path);
    path += n + (path[n] == '.');
    if (strcmp(part, "*") != 0) {
        walk(b, m, json_get(v, part), path, star);
        return;
    }
    for (const cJSON *x = cJSON_IsObject(v) ? v->child : NULL; x; x = x->next)
        walk(b, m, x, path, x->string);
}

static void put_progress(struct buf *b, const cJSON *progress)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].help)
            put_help(b, rows[i].name, rows[i].type, rows[i].help);
        walk(b, &rows[i], progress, rows[i].path, NULL);
    }
}

/* --- what comes from elsewhere ------------------------------------------------------------------ */

static void put_one(struct buf *b, const char *name, enum metric_type type, const char *help, double v)
{
    if (v < 0)
        return;
    put_help(b, name, type, help);
    put_line(b, name, "", v);
}

static void put_process(struct buf *b, const char *version)
{
    struct process_stats p;
    char text[40], labels[80];

    process_stats_read(&p);
    label_value(text, version);
    snprintf(labels, sizeof labels, "version=\"%s\"", text);
    put_help(b, "songbookd_build_info", GAUGE, "1; the label tells the version.");
    put_line(b, "songbookd_build_info", labels, 1);
    put_one(b, "songbookd_disk_written_bytes_total", COUNTER, "Bytes sent to the disk since the start.", (double)p.written_bytes);
    put_one(b, "songbookd_disk_read_bytes_total", COUNTER, "Bytes read from the disk since the start.", (double)p.read_bytes);
    put_one(b, "process_cpu_seconds_total", COUNTER, "CPU time in user and kernel mode.", p.cpu_seconds);
    put_one(b, "process_resident_memory_bytes", GAUGE, "Memory in RAM.", (double)p.resident_bytes);
    put_one(b, "process_open_fds", GAUGE, "Open files and sockets.", (double)p.open_files);
    put_one(b, "process_start_time_seconds", GAUGE, "Start, in seconds since 1970.", p.start_seconds);
}

static void put_library(struct buf *b, const struct library_stats *s)
{
    char labels[60];

    put_help(b, "songbookd_confidence_songs", GAUGE,
             "Songs by the band of their confidence, also absent ones; the label is its lower end.");
    for (int i = 0; i < CONFIDENCE_BANDS; i++) {
        snprintf(labels, sizeof labels, "band=\"%.2f\"", confidence_bands[i]);
        put_line(b, "songbookd_confidence_songs", labels, (double)s->in_band[i]);
    }
    put_one(b, "songbookd_database_bytes", GAUGE, "Size of the database.", (double)s->database_bytes);
    put_one(b, "songbookd_database_wal_bytes", GAUGE, "Size of its write-ahead log.", (double)s->wal_bytes);
}

static int metrics_run(struct db *db, struct api_op *o, struct err *e)
{
    struct library_stats s;
    int rc = library_stats_read(db, &s, e);

    if (rc == 0)
        put_library(&o->out, &s);
    put_process(&o->out, o->api->d.version);
    return rc;
}

static cJSON *read_progress(struct api *a)
{
    struct buf b;
    struct json_out out;
    cJSON *j;

    buf_init(&b, 0);
    json_out_init(&out, &b);
    json_open(&out, NULL, '{');
    api_progress_members(a, &out);
    json_close(&out, '}');
    j = json_parse(slice_of(buf_cstr(&b)), NULL);
    buf_deinit(&b);
    return j;
}

static bool metrics_answer(struct api_op *o, int rc)
{
    cJSON *progress;

    if (rc)
        return api_op_answer(o, rc);
    progress = read_progress(o->api);
    put_progress(&o->out, progress);
    cJSON_Delete(progress);
    request_reply_buf(o->req, 200, "text/plain; version=0.0.4; charset=utf-8", &o->out);
    return true;
}

void handle_metrics(struct request *r, void *app)
{
    struct api_op *o;

    if (!input_no_query(r))
        return;
    o = api_op_new(app, r, sizeof *o, metrics_run);
    if (!o)
        return;
    o->answer = metrics_answer;
    api_op_read(o);
}
