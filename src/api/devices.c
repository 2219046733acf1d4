/* Paired devices and pairing; see devices.h. Loop thread, except the run functions. */
#include "api/devices.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/api_internal.h"
#include "api/qr.h"
#include "base/log.h"

#define DEVICES_MAX 32
#define CODES_MAX 4
#define CODE_LENGTH 8
#define CODE_LIFE_MS (10 * 60 * 1000)
#define WRONG_MAX 30               /* wrong codes in one minute, of all who try */
#define SECRET_BYTES 32
#define COOKIE "songbook_device"
#define COOKIE_LIFE_S 34560000     /* 400 days: browsers keep none longer */
#define SEEN_MS (60 * 60 * 1000)

static const char code_letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";   /* none is taken for another */

struct code {
    char text[CODE_LENGTH + 1];    /* "" unused */
    char name[DEVICE_NAME_MAX + 1];
    uint64_t until_ms;             /* monotonic */
};

struct devices {
    struct device list[DEVICES_MAX];
    int n;
    int pairing;                   /* being stored */
    struct code codes[CODES_MAX];
    int wrong;
    uint64_t wrong_since_ms;
};

struct devices *devices_new(void)
{
    return mem_zalloc(sizeof(struct devices));
}

void devices_free(struct devices *t)
{
    free(t);
}

/* --- the cookie ------------------------------------------------------------------------------ */

static void hash_secret(struct slice secret, char out[DEVICE_HASH_SIZE])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)secret.p, secret.n, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* The value of the cookie of that name in a Cookie header. */
static bool find_cookie(const char *header, const char *name, struct slice *value)
{
    size_t n = strlen(name);

    while (header && *header) {
        header += strspn(header, " ;");
        if (strncmp(header, name, n) == 0 && header[n] == '=') {
            *value = (struct slice){header + n + 1, strcspn(header + n + 1, ";")};
            return true;
        }
        header += strcspn(header, ";");
    }
    return false;
}

/* As long for a wrong hash as for the right one. */
static bool same_hash(const char *a, const char *b)
{
    volatile unsigned char diff = 0;

    for (int i = 0; i < DEVICE_HASH_SIZE; i++)
        diff |= (unsigned char)(a[i] ^ b[i]);
    return diff == 0;
}

const struct device *devices_of_request(const struct devices *t, struct request *r)
{
    char hash[DEVICE_HASH_SIZE];
    struct slice value;
    const char *dot;
    int64_t id;

    if (!t->n || !find_cookie(request_header(r, "Cookie"), COOKIE, &value))
        return NULL;
    dot = memchr(value.p, '.', value.n);
    if (!dot || !input_number((struct slice){value.p, (size_t)(dot - value.p)}, &id))
        return NULL;
    hash_secret((struct slice){dot + 1, (size_t)(value.p + value.n - dot - 1)}, hash);
    for (int i = 0; i < t->n; i++)
        if (t->list[i].id == id)
            return same_hash(t->list[i].hash, hash) ? &t->list[i] : NULL;
    return NULL;
}

int devices_check_origin(struct request *r, struct err *e)
{
    const char *site = request_header(r, "Sec-Fetch-Site");

    if (request_method(r) & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS))
        return 0;
    /* The server has refused a foreign Origin before; here one has to be told at all. */
    if (request_header(r, "Origin") || (site && strcmp(site, "same-origin") == 0))
        return 0;
    return err_set(e, ERR_FORBIDDEN, "a change with the cookie of a paired device needs the Origin of our own page");
}

/* --- last seen -------------------------------------------------------------------------------- */

struct seen_op {
    struct dbq_op op;
    struct api *api;
    int64_t id, at_ms;
};

static int seen_run(struct db *db, struct dbq_op *op)
{
    struct seen_op *s = container_of(op, struct seen_op, op);

    return devices_seen(db, s->id, s->at_ms, &op->err);
}

static void seen_done(struct dbq_op *op, int rc)
{
    struct seen_op *s = container_of(op, struct seen_op, op);
    struct api *a = s->api;

    (void)rc;
    free(s);
    api_drop(a);
}

void devices_note(struct api *a, const struct device *d)
{
    int64_t now = clock_wall(a->d.clock);
    struct seen_op *s;

    if ((now >= d->seen_at_ms && now - d->seen_at_ms < SEEN_MS) || dbq_is_full(a->d.q))
        return;
    for (int i = 0; i < a->devices->n; i++)
        if (a->devices->list[i].id == d->id)
            a->devices->list[i].seen_at_ms = now;
    s = mem_zalloc(sizeof *s);
    *s = (struct seen_op){.op = {.run = seen_run, .done = seen_done}, .api = a, .id = d->id, .at_ms = now};
    api_hold(a);
    dbq_write(a->d.q, &s->op);
}

/* --- loading at start --------------------------------------------------------------------------- */

struct load_op {
    struct dbq_op op;
    struct api *api;
    struct device list[DEVICES_MAX];
    int n;
    void (*done)(void *arg, int rc);
    void *arg;
};

static int load_run(struct db *db, struct dbq_op *op)
{
    struct load_op *l = container_of(op, struct load_op, op);

    l->n = devices_load(db, l->list, DEVICES_MAX, &op->err);
    return l->n < 0 ? l->n : 0;
}

static void load_done(struct dbq_op *op, int rc)
{
    struct load_op *l = container_of(op, struct load_op, op);
    struct devices *t = l->api->devices;

    if (rc == 0) {
        memcpy(t->list, l->list, sizeof t->list);
        t->n = l->n;
    }
    l->done(l->arg, rc);
    api_drop(l->api);
    free(l);
}

void api_load(struct api *a, void (*done)(void *arg, int rc), void *arg)
{
    struct load_op *l = mem_zalloc(sizeof *l);

    l->op.run = load_run;
    l->op.done = load_done;
    l->api = a;
    l->done = done;
    l->arg = arg;
    api_hold(a);
    dbq_read(a->d.q, &l->op);
}

/* --- random texts ------------------------------------------------------------------------------- */

static void fill_random(void *p, size_t n)
{
    if (getrandom(p, n, 0) != (ssize_t)n)
        bug("api: the kernel has no random bytes");
}

static void make_code(char out[CODE_LENGTH + 1])
{
    unsigned char bytes[CODE_LENGTH];

    fill_random(bytes, sizeof bytes);
    for (int i = 0; i < CODE_LENGTH; i++)
        out[i] = code_letters[bytes[i] % (sizeof code_letters - 1)];
    out[CODE_LENGTH] = '\0';
}

static void make_secret(char out[2 * SECRET_BYTES + 1])
{
    unsigned char bytes[SECRET_BYTES];

    fill_random(bytes, sizeof bytes);
    for (int i = 0; i < SECRET_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* --- where other devices find us ------------------------------------------------------------------ */

static bool is_wildcard(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* The first address of an interface that others reach; IPv4, because people type it. */
static bool own_address(char *out, size_t size)
{
    uv_interface_address_t *list;
    bool found = false;
    int n;

    if (uv_interface_addresses(&list, &n) != 0)
        return false;
    for (int i = 0; i < n && !found; i++)
        if (!list[i].is_internal && list[i].address.address4.sin_family == AF_INET)
            found = uv_ip4_name(&list[i].address.address4, out, size) == 0;
    uv_free_interface_addresses(list, n);
    return found;
}

/* "http://HOST:PORT" of a listener that other devices reach, else of one of this machine (false), else "". */
static bool public_url(const struct api *a, char out[320])
{
    char host[256], own[64];
    int port;

    out[0] = '\0';
    for (int i = 0; a->server && http_server_address(a->server, i); i++) {
        const char *address = http_server_address(a->server, i);
        if (strncmp(address, "unix:", 5) == 0 || !config_split_listen(address, host, &port))
            continue;
        if (is_wildcard(host) && own_address(own, sizeof own))
            snprintf(host, sizeof host, "%s", own);
        snprintf(out, 320, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host, port);
        if (!config_host_is_loopback(host) && !is_wildcard(host))
            return true;
    }
    return false;
}

/* --- POST /pair/code ---------------------------------------------------------------------------------- */

/* An unused or expired place, else the oldest code's: it makes room. */
static struct code *place_for_code(struct devices *t, uint64_t now)
{
    struct code *oldest = &t->codes[0];

    for (int i = 0; i < CODES_MAX; i++) {
        struct code *c = &t->codes[i];
        if (!c->text[0] || c->until_ms <= now)
            return c;
        if (c->until_ms < oldest->until_ms)
            oldest = c;
    }
    return oldest;
}

static const char unreachable[] =
    "set server.listen=0.0.0.0:5560 and server.token_file, so that other devices reach this service";

static void put_code(struct api *a, const struct code *c, struct json_out *o)
{
    char base[320], *url;
    bool reachable = public_url(a, base);
    struct buf qr;

    url = mem_printf("%s/#pair=%s", base, c->text);
    json_open(o, NULL, '{');
    buf_init(&qr, 0);
    buf_addf(&qr, "%.4s-%s", c->text, c->text + 4);
    json_put_str(o, "code", buf_cstr(&qr));
    api_put_time(o, "expires_at", clock_wall(a->d.clock) + CODE_LIFE_MS);
    json_put_int(o, "expires_in", CODE_LIFE_MS / 1000);
    json_put_str(o, "url", base[0] ? url : NULL);
    json_put_bool(o, "reachable", reachable);
    json_put_str(o, "hint", reachable ? NULL : unreachable);
    buf_reset(&qr);
    json_put_str(o, "qr_svg", base[0] && qr_svg(url, &qr) ? buf_cstr(&qr) : NULL);
    buf_reset(&qr);
    json_put_str(o, "qr_text", base[0] && qr_terminal(url, &qr) ? buf_cstr(&qr) : NULL);
    json_close(o, '}');
    buf_deinit(&qr);
    free(url);
}

/* "name" of the body, trimmed; NULL with the errors noted when it is none. */
static const char *read_name(struct field_errors *f, const cJSON *body, char out[DEVICE_NAME_MAX + 1])
{
    const cJSON *v = json_get(body, "name");
    struct slice s = v && cJSON_IsString(v) ? slice_trim(slice_of(v->valuestring)) : (struct slice){"", 0};

    if (v && (!cJSON_IsString(v) || !input_text_ok(s, DEVICE_NAME_MAX)))
        fields_refuse(f, "name", "a text of at most %d bytes without control characters is needed", DEVICE_NAME_MAX);
    else
        snprintf(out, DEVICE_NAME_MAX + 1, "%.*s", (int)s.n, s.p);
    return out;
}

void handle_pair_code(struct request *r, void *app)
{
    static const char *const known[] = {"name", NULL};
    struct api *a = app;
    uint64_t now = clock_mono(a->d.clock);
    struct code made = {.until_ms = now + CODE_LIFE_MS};
    struct field_errors f;
    struct json_out o;
    struct buf b;
    cJSON *body = input_body(r, true);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    read_name(&f, body, made.name);
    cJSON_Delete(body);
    if (fields_answer(&f, r))
        return;
    make_code(made.text);
    *place_for_code(a->devices, now) = made;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    put_code(a, &made, &o);
    request_set_header(r, "Cache-Control", "no-store");
    request_reply_json(r, 200, &b);
    log_info("api", "a pairing code was made; it serves once within ten minutes");
}

/* --- POST /pair ------------------------------------------------------------------------------------------ */

struct pair_op {
    struct api_op o;
    struct device device;
    char secret[2 * SECRET_BYTES + 1];
};

static void put_device(const struct device *d, bool is_this, struct json_out *o, const char *key)
{
    json_open(o, key, '{');
    json_put_int(o, "id", d->id);
    json_put_str(o, "name", d->name[0] ? d->name : NULL);
    json_put_str(o, "agent", d->agent[0] ? d->agent : NULL);
    api_put_time(o, "paired_at", d->paired_at_ms);
    api_put_time(o, "last_seen_at", d->seen_at_ms);
    json_put_bool(o, "this", is_this);
    json_close(o, '}');
}

static int pair_run(struct db *db, struct api_op *o, struct err *e)
{
    return devices_add(db, &container_of(o, struct pair_op, o)->device, e);
}

static bool pair_answer(struct api_op *o, int rc)
{
    struct pair_op *p = container_of(o, struct pair_op, o);
    struct devices *t = o->api->devices;
    struct json_out json;
    char *cookie;

    t->pairing--;
    if (rc)
        return api_op_answer(o, rc);
    t->list[t->n++] = p->device;
    cookie = mem_printf(COOKIE "=%lld.%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict", (long long)p->device.id, p->secret,
                        COOKIE_LIFE_S);
    request_set_header(o->req, "Set-Cookie", cookie);
    explicit_bzero(cookie, strlen(cookie));
    free(cookie);
    json_out_init(&json, &o->out);
    json_open(&json, NULL, '{');
    put_device(&p->device, true, &json, "device");
    json_close(&json, '}');
    request_set_header(o->req, "Cache-Control", "no-store");
    request_reply_json(o->req, 200, &o->out);
    log_info("api", "a device was paired device=%lld", (long long)p->device.id);
    return true;
}

static void pair_release(struct api_op *o)
{
    struct pair_op *p = container_of(o, struct pair_op, o);

    explicit_bzero(p->secret, sizeof p->secret);
}

/* Letters and digits count, as people type them. */
static void normal_code(const char *text, char out[CODE_LENGTH + 1])
{
    int n = 0;

    for (; *text; text++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
        if (c == ' ' || c == '-')
            continue;
        if (n == CODE_LENGTH) {   /* too long is wrong */
            out[0] = '\0';
            return;
        }
        out[n++] = c;
    }
    out[n] = '\0';
}

static struct code *find_code(struct devices *t, const char *text, uint64_t now)
{
    char want[CODE_LENGTH + 1];

    normal_code(text, want);
    for (int i = 0; i < CODES_MAX; i++)
        if (want[0] && t->codes[i].until_ms > now && strcmp(t->codes[i].text, want) == 0)
            return &t->codes[i];
    return NULL;
}

static bool too_many_tries(struct devices *t, uint64_t now)
{
    if (now - t->wrong_since_ms >= 60000) {
        t->wrong_since_ms = now;
        t->wrong = 0;
    }
    return t->wrong >= WRONG_MAX;
}

/* Takes the code; NULL when the request was answered. */
static struct code *take_code(struct request *r, struct api *a, const char *text)
{
    struct devices *t = a->devices;
    uint64_t now = clock_mono(a->d.clock);
    struct code *c;

    if (too_many_tries(t, now)) {
        request_set_header(r, "Retry-After", "60");
        request_reply_problem(r, 429, "too_many", "too many wrong codes were tried; wait a minute");
        return NULL;
    }
    c = find_code(t, text, now);
    if (!c) {
        t->wrong++;
        request_reply_problem(r, 403, "wrong_code", "this code is wrong, used or older than ten minutes; make a new one");
    }
    return c;
}

static void start_pairing(struct request *r, struct api *a, struct code *c, const char *name)
{
    const char *agent = request_header(r, "User-Agent");
    struct pair_op *p = api_op_new(a, r, sizeof *p, pair_run);

    if (!p)
        return;
    p->o.answer = pair_answer;
    p->o.release = pair_release;
    make_secret(p->secret);
    hash_secret(slice_of(p->secret), p->device.hash);
    p->device.paired_at_ms = p->device.seen_at_ms = p->o.now_ms;
    snprintf(p->device.name, sizeof p->device.name, "%s", name[0] ? name : c->name);
    if (agent && input_text_ok(slice_of(agent), sizeof p->device.agent - 1))
        snprintf(p->device.agent, sizeof p->device.agent, "%s", agent);
    *c = (struct code){0};   /* it serves once */
    a->devices->pairing++;
    api_op_write(&p->o, DBQ_DURABLE | DBQ_URGENT);
}

void handle_pair(struct request *r, void *app)
{
    static const char *const known[] = {"code", "name", NULL};
    struct api *a = app;
    char name[DEVICE_NAME_MAX + 1] = "";
    struct field_errors f;
    struct code *c;
    char *text;
    cJSON *body = input_body(r, false);

    if (!body)
        return;
    fields_init(&f, "pointer");
    fields_only(&f, body, known);
    read_name(&f, body, name);
    text = mem_strdup(json_str(body, "code"));
    if (!text)
        fields_refuse(&f, "code", "the code is needed");
    cJSON_Delete(body);
    if (fields_answer(&f, r)) {
        free(text);
        return;
    }
    if (a->devices->n + a->devices->pairing >= DEVICES_MAX)
        request_reply_problem(r, 409, "conflict", "too many devices are paired; revoke one first");
    else if ((c = take_code(r, a, text)))
        start_pairing(r, a, c, name);
    free(text);
}

/* --- the list, and taking one off it -------------------------------------------------------------------- */

void handle_devices(struct request *r, void *app)
{
    struct api *a = app;
    const struct device *own = devices_of_request(a->devices, r);
    struct json_out o;
    struct buf b;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    json_open(&o, "devices", '[');
    for (int i = 0; i < a->devices->n; i++)
        put_device(&a->devices->list[i], own == &a->devices->list[i], &o, NULL);
    json_close(&o, ']');
    json_close(&o, '}');
    api_reply_json(r, 200, &b);
}

static int revoke_run(struct db *db, struct api_op *o, struct err *e)
{
    return devices_remove(db, o->song_id, e);
}

static bool revoke_answer(struct api_op *o, int rc)
{
    struct devices *t = o->api->devices;

    if (rc)
        return api_op_answer(o, rc);
    for (int i = 0; i < t->n; i++)
        if (t->list[i].id == o->song_id) {
            memmove(&t->list[i], &t->list[i + 1], (size_t)(t->n - i - 1) * sizeof t->list[0]);
            t->n--;
            break;
        }
    api_streams_end_of(o->api, o->song_id);
    buf_add_str(&o->out, "{\"revoked\":true}");
    return api_op_answer(o, 0);
}

void handle_device_revoke(struct request *r, void *app)
{
    struct api_op *o;
    int64_t id;

    if (!input_no_members(r))
        return;
    if (!input_number(request_path_arg(r, 0), &id) || id < 1) {
        request_reply_problem(r, 404, "not_found", "there is no such device");
        return;
    }
    o = api_op_new(app, r, sizeof *o, revoke_run);
    if (!o)
        return;
    o->song_id = id;
    o->answer = revoke_answer;
    api_op_write(o, DBQ_DURABLE | DBQ_URGENT);
}

/* --- GET /session ------------------------------------------------------------------------------------------ */

void handle_session(struct request *r, void *app)
{
    static const char *const names[] = {NULL, "socket", "local", "token", "device"};
    struct api *a = app;
    const struct device *d = NULL;
    enum caller who = api_caller(a, r, &d);
    struct json_out o;
    struct buf b;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    json_put_bool(&o, "authorized", who != CALLER_NOBODY);
    json_put_str(&o, "by", names[who]);
    if (d)
        put_device(d, true, &o, "device");
    else
        json_put_null(&o, "device");
    json_put_bool(&o, "guest_songbook", config_bool(a->d.config, OPT_DASHBOARD_GUESTS));
    json_put_str(&o, "order", config_text(a->d.config, OPT_DASHBOARD_ORDER));
    json_close(&o, '}');
    api_reply_json(r, 200, &b);
}
