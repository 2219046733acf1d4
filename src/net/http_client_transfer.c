/* Setting up curl easy handles and reading what they brought; see http_client_transfer.h.
 *
 * Refuses everything that would let the other side choose for us: redirects are not followed here,
 * no proxy, no other protocol, no more header or body than agreed. Refuses to let curl look up a
 * name: it would start a thread for it. Loop thread only.
 */
#include "net/http_client_transfer.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/http_client_dns.h"

#define CONNECT_MS 10000
#define IDLE_CONNECTION_S 30L
#define MAX_HEADER_VALUE 1024
#define MIN_SECRET 8                  /* shorter ones are no keys, and would mask half an answer */
#define CA_DIRECTORY "/etc/ssl/certs"

_Static_assert(TRANSFER_ERROR_TEXT >= CURL_ERROR_SIZE, "curl writes that much");

/* --- targets ---------------------------------------------------------------------------- */

void target_deinit(struct target *t)
{
    free(t->url);
    free(t->scheme);
    free(t->host);
    free(t->port);
    *t = (struct target){0};
}

static bool url_part(CURLU *u, CURLUPart part, unsigned flags, char **out)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
        return false;
    *out = mem_strdup(text);
    curl_free(text);
    return true;
}

/* Names are handed to curl with their addresses by exact text; forms curl would rewrite on its way are refused. */
static bool host_is_plain(const char *host)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(host);
    if (host[0] == '[')
        return true;
    return n > 0 && n <= 253 && strspn(host, name) == n && host[n - 1] != '.' && host[0] != '.';
}

static int check_target(const struct target *t, struct err *e)
{
    if (strcasecmp(t->scheme, "http") != 0 && strcasecmp(t->scheme, "https") != 0)
        return err_set(e, ERR_INVALID, "only http and https URLs can be fetched");
    if (!host_is_plain(t->host))
        return err_set(e, ERR_INVALID, "the URL's host name is not usable; letters outside ASCII need their 'xn--' form");
    return 0;
}

int target_parse(struct target *t, const char *url, struct err *e)
{
    struct target parsed = {0};
    int rc = ERR_INVALID;
    CURLU *u = curl_url();
    CURLUcode uc = u ? curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) : CURLUE_OUT_OF_MEMORY;
    if (uc != CURLUE_OK) {
        err_set(e, rc, "the URL cannot be read: %s", curl_url_strerror(uc));
        goto out;
    }
    if (!url_part(u, CURLUPART_URL, 0, &parsed.url) || !url_part(u, CURLUPART_SCHEME, 0, &parsed.scheme) ||
        !url_part(u, CURLUPART_HOST, 0, &parsed.host) || !url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, &parsed.port)) {
        err_set(e, rc, "the URL has no http or https host");
        goto out;
    }
    rc = check_target(&parsed, e);
out:
    curl_url_cleanup(u);
    if (rc == 0)
        *t = parsed;
    else
        target_deinit(&parsed);
    return rc;
}

bool target_same_origin(const struct target *a, const struct target *b)
{
    return strcasecmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

/* --- what curl calls while it works ------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *userp)
{
    struct transfer *t = userp;
    if (t->first_byte_at == 0)
        t->first_byte_at = uv_now(t->loop);
    t->header_bytes += size * n;
    if (t->header_bytes <= TRANSFER_MAX_HEADER_BYTES)
        return size * n;
    t->too_large = true;   /* curl keeps every header line: endless ones would be endless memory */
    return 0;
}

/* A provider that repeats a key in a message, or a proxy that shows the request, must not carry it into logs, events and songs.
 * Looks only at what is new and the little before it that could be the key's beginning. */
static void mask_secret(const struct transfer *t, char *text, size_t len, size_t seen)
{
    size_t n = t->secret ? strlen(t->secret) : 0, from = seen >= n ? seen - n + 1 : 0;
    char *at;
    while (n >= MIN_SECRET && (at = memmem(text + from, len - from, t->secret, n))) {
        memset(at, '*', n);
        from = (size_t)(at - text) + n;
    }
}

/* Called with decoded bytes, so that the bound holds for what a compressed answer unfolds to. */
static size_t on_body(char *data, size_t size, size_t n, void *userp)
{
    struct transfer *t = userp;
    size_t seen = t->body.len;
    if (buf_add(&t->body, data, size * n)) {
        mask_secret(t, t->body.data, t->body.len, seen);
        return size * n;
    }
    t->too_large = true;
    return 0;
}

/* Curl asks before it resolves what it holds no address for; letting it would start its thread. */
static int on_resolver_start(void *resolver, void *reserved, void *userp)
{
    const struct transfer *t = userp;
    return t->literal ? 0 : 1;
}

/* The connection stands, new or kept; the request is the next thing curl writes. */
static int on_prereq(void *userp, char *remote, char *local, int remote_port, int local_port)
{
    const struct transfer *t = userp;
    if (t->sent)
        t->sent(t->sent_arg);
    return CURL_PREREQFUNC_OK;
}

/* --- setting up ------------------------------------------------------------------------------ */

static void set_name(struct transfer *t, const struct transfer_setup *s)
{
    const struct target *to = s->target;
    t->literal = names_is_literal(to->host);
    if (t->literal)
        return;
    /* Without '+': such entries expire. The '-' line takes away what an earlier transfer left for the name. */
    char *forget = mem_printf("-%s:%s", to->host, to->port);
    char *know = mem_printf("%s:%s:%s", to->host, to->port, s->addresses);
    t->resolve = curl_slist_append(t->resolve, forget);
    t->resolve = curl_slist_append(t->resolve, know);
    free(forget);
    free(know);
    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve);
}

static void set_connection(struct transfer *t, const struct transfer_setup *s)
{
    CURL *easy = t->easy;
    uint64_t connect_ms = s->timeout_ms < CONNECT_MS ? s->timeout_ms : CONNECT_MS;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");            /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);   /* another host would need a lookup: the fetch decides */
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolver_start);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, t);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, s->fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    /* The directory is read as needed; parsing the bundle would hold the loop for some 30 ms at each new handle. */
    curl_easy_setopt(easy, CURLOPT_CAINFO, s->ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH, s->ca_file ? NULL : CA_DIRECTORY);
}

static void add_header(struct transfer *t, const char *line)
{
    t->headers = curl_slist_append(t->headers, line);
}

static void set_request(struct transfer *t, const struct transfer_setup *s)
{
    CURL *easy = t->easy;
    curl_easy_setopt(easy, CURLOPT_URL, s->target->url);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, s->user_agent);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip,deflate");
    if (s->header)
        add_header(t, s->header);
    if (s->post_body) {
        add_header(t, "Content-Type: application/json");
        add_header(t, "Expect:");   /* no extra round trip before a large body */
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(s->post_body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, s->post_body);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_answer(struct transfer *t, const struct transfer_setup *s)
{
    CURL *easy = t->easy;
    buf_init(&t->body, s->max_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)s->max_body);   /* refuses before the first byte */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
}

int transfer_init(struct transfer *t, const struct transfer_setup *s)
{
    *t = (struct transfer){
        .loop = s->loop, .easy = curl_easy_init(), .secret = s->secret, .sent = s->sent, .sent_arg = s->arg};
    if (!t->easy)
        return ERR_IO;
    set_request(t, s);
    set_answer(t, s);
    set_connection(t, s);
    set_name(t, s);
    return 0;
}

void transfer_deinit(struct transfer *t)
{
    if (t->easy)
        curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolve);
    buf_deinit(&t->body);
    *t = (struct transfer){0};
}

/* --- reading ------------------------------------------------------------------------------------- */

bool transfer_died_unseen(const struct transfer *t, int curl_code)
{
    long connects = 1;
    if (curl_code != CURLE_SEND_ERROR && curl_code != CURLE_RECV_ERROR && curl_code != CURLE_GOT_NOTHING)
        return false;
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    return connects == 0 && t->header_bytes == 0 && t->body.len == 0;
}

/* A time-out before anything was sent: packets vanish on the way, as they do when the line is dead. */
static bool was_never_asked(const struct transfer *t, int curl_code)
{
    long sent = 0;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
    return curl_code == CURLE_OPERATION_TIMEDOUT && sent == 0;
}

bool transfer_could_not_connect(const struct transfer *t, int curl_code)
{
    return curl_code == CURLE_COULDNT_CONNECT || was_never_asked(t, curl_code);
}

int transfer_status(const struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

char *transfer_location(const struct transfer *t)
{
    char *url = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &url);
    return mem_strdup(url);
}

char *transfer_header(const struct transfer *t, const char *name)
{
    struct curl_header *h = NULL;
    if (curl_easy_header(t->easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return NULL;
    char *value = mem_strndup(h->value, strnlen(h->value, MAX_HEADER_VALUE));
    mask_secret(t, value, strlen(value), 0);
    return value;
}

static const struct {
    CURLcode curl;
    int code;
    const char *what;
} failures[] = {
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no complete answer in time"},
    {CURLE_COULDNT_RESOLVE_HOST, ERR_DNS, "the host name could not be resolved"},
    {CURLE_COULDNT_CONNECT, ERR_NETWORK, "no connection"},
    {CURLE_FILESIZE_EXCEEDED, ERR_TOO_LARGE, "the answer is too large"},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_NETWORK, "the server's certificate is not trusted"},
    {CURLE_SSL_CACERT_BADFILE, ERR_NETWORK, "the CA file cannot be used"},
    {CURLE_SSL_CONNECT_ERROR, ERR_NETWORK, "no TLS connection"},
    {CURLE_GOT_NOTHING, ERR_LOST, "the server closed without an answer"},
    {CURLE_PARTIAL_FILE, ERR_LOST, "the answer ended early"},
    {CURLE_RECV_ERROR, ERR_LOST, "the connection broke"},
    {CURLE_SEND_ERROR, ERR_LOST, "the connection broke"},
    {CURLE_WEIRD_SERVER_REPLY, ERR_PROVIDER, "the answer is not HTTP"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_PROVIDER, "the answer is not HTTP"},
    {CURLE_BAD_CONTENT_ENCODING, ERR_PROVIDER, "the answer's compression is broken"},
};

int transfer_classify(const struct transfer *t, int curl_code, char *detail, size_t size)
{
    const char *what = "the connection failed";
    const char *why = curl_easy_strerror((CURLcode)curl_code);
    int code = ERR_NETWORK;
    if (t->too_large) {
        snprintf(detail, size, "%s", t->header_bytes > TRANSFER_MAX_HEADER_BYTES ? "the answer's header is too large"
                                                                                 : "the answer is too large");
        return ERR_TOO_LARGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        if ((int)failures[i].curl != curl_code)
            continue;
        code = failures[i].code;
        what = failures[i].what;
    }
    if (was_never_asked(t, curl_code)) {
        code = ERR_NETWORK;
        what = "no connection in time";
    }
    if (curl_code == CURLE_PEER_FAILED_VERIFICATION && t->error[0])
        why = t->error;   /* the general sentence does not tell an expired certificate from a foreign one */
    snprintf(detail, size, "%s: %s", what, why);
    log_redact(detail);
    return code;
}
