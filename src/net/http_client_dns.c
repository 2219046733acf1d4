/* Name lookups with uv_getaddrinfo, shared and kept for a short while; see http_client_dns.h.
 *
 * Refuses to keep failures (the next attempt may find the network back) and to run more than a few
 * lookups: each may hold a pool thread for as long as a dead resolver takes. Loop thread only; the
 * lookups themselves run on libuv's pool.
 */
#include "net/http_client_dns.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

struct cached {
    char *host;            /* NULL: the place is free */
    char *addresses;
    uint64_t until;        /* loop time */
};

struct names {
    uv_loop_t *loop;
    struct cached cache[NAMES_MAX_CACHED];
    struct list lookups;
    int running;
    bool closing;
};

struct lookup {
    struct list link;
    struct list waiters;   /* struct name_wait */
    struct names *names;
    char *host;
    uv_getaddrinfo_t req;
};

struct names *names_new(uv_loop_t *loop)
{
    struct names *n = mem_zalloc(sizeof(*n));
    n->loop = loop;
    list_init(&n->lookups);
    return n;
}

static void drop_cached(struct cached *slot)
{
    free(slot->host);
    free(slot->addresses);
    *slot = (struct cached){0};
}

static void free_when_idle(struct names *n)
{
    if (!n->closing || n->running > 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(n->cache); i++)
        drop_cached(&n->cache[i]);
    free(n);
}

void names_cancel(struct names *n)
{
    list_each_safe(at, next, &n->lookups) {
        struct lookup *l = container_of(at, struct lookup, link);
        uv_cancel((uv_req_t *)&l->req);   /* works only for those no thread has begun; they still call back */
    }
}

void names_close(struct names *n)
{
    n->closing = true;
    free_when_idle(n);
}

int names_running(const struct names *n)
{
    return n->running;
}

/* --- what is known ------------------------------------------------------------------- */

static struct cached *find_cached(struct names *n, const char *host)
{
    for (size_t i = 0; i < ARRAY_LEN(n->cache); i++)
        if (n->cache[i].host && strcasecmp(n->cache[i].host, host) == 0)
            return &n->cache[i];
    return NULL;
}

static void keep(struct names *n, const char *host, const char *addresses)
{
    struct cached *slot = find_cached(n, host);
    for (size_t i = 0; !slot && i < ARRAY_LEN(n->cache); i++)
        if (!n->cache[i].host)
            slot = &n->cache[i];
    if (!slot) {
        slot = &n->cache[0];
        for (size_t i = 1; i < ARRAY_LEN(n->cache); i++)
            if (n->cache[i].until < slot->until)
                slot = &n->cache[i];
    }
    drop_cached(slot);
    slot->host = mem_strdup(host);
    slot->addresses = mem_strdup(addresses);
    slot->until = uv_now(n->loop) + NAMES_KEEP_MS;
}

void names_forget(struct names *n, const char *host)
{
    struct cached *slot = find_cached(n, host);
    if (slot)
        drop_cached(slot);
}

bool names_is_literal(const char *host)
{
    struct in_addr v4;
    return host[0] == '[' || inet_pton(AF_INET, host, &v4) == 1;
}

/* RFC 6761: these are the loopback addresses, no resolver is asked. */
static bool is_localhost(const char *host)
{
    size_t n = strlen(host);
    return strcasecmp(host, "localhost") == 0 || (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

/* --- asking --------------------------------------------------------------------------- */

static void addresses_as_text(struct buf *out, const struct addrinfo *list)
{
    int count = 0;
    for (const struct addrinfo *a = list; a && count < NAMES_MAX_ADDRESSES; a = a->ai_next) {
        char text[INET6_ADDRSTRLEN];
        bool v6 = a->ai_family == AF_INET6;
        if (!v6 && a->ai_family != AF_INET)
            continue;
        const void *raw = v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr;
        if (inet_ntop(a->ai_family, raw, text, sizeof(text)))
            buf_addf(out, v6 ? "%s[%s]" : "%s%s", count++ ? "," : "", text);
    }
}

static void on_addresses(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct lookup *l = container_of(req, struct lookup, req);
    struct names *n = l->names;
    struct buf text;
    buf_init(&text, 1024);
    addresses_as_text(&text, status == 0 ? list : NULL);
    uv_freeaddrinfo(list);
    const char *addresses = text.len > 0 ? buf_cstr(&text) : NULL;
    const char *why = addresses ? NULL : status != 0 ? uv_strerror(status) : "it has no address";
    if (addresses)
        keep(n, l->host, addresses);
    list_del(&l->link);
    n->running--;
    while (!list_is_empty(&l->waiters)) {
        struct name_wait *w = container_of(l->waiters.next, struct name_wait, link);
        list_del(&w->link);
        w->found(w, addresses, why);
    }
    log_debug("net", "name lookup ended host=%s result=%s", l->host, addresses ? addresses : why);
    buf_deinit(&text);
    free(l->host);
    free(l);
    free_when_idle(n);
}

static struct lookup *find_running(struct names *n, const char *host)
{
    list_each_safe(at, next, &n->lookups) {
        struct lookup *l = container_of(at, struct lookup, link);
        if (strcasecmp(l->host, host) == 0)
            return l;
    }
    return NULL;
}

static int start_lookup(struct names *n, const char *host, struct lookup **out, struct err *e)
{
    if (n->running >= NAMES_MAX_RUNNING)
        return err_set(e, ERR_BUSY, "%d name lookups are running already", n->running);
    struct lookup *l = mem_zalloc(sizeof(*l));
    l->names = n;
    l->host = mem_strdup(host);
    list_init(&l->waiters);
    /* No address of a family this machine has not: connecting to it would only cost time. */
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    int rc = uv_getaddrinfo(n->loop, &l->req, on_addresses, host, NULL, &hints);
    if (rc != 0) {
        free(l->host);
        free(l);
        return err_set(e, ERR_INVALID, "host name '%.100s' cannot be looked up: %s", host, uv_strerror(rc));
    }
    list_add(&n->lookups, &l->link);
    n->running++;
    *out = l;
    return 0;
}

int names_find(struct names *n, const char *host, struct name_wait *w, const char **addresses, struct err *e)
{
    *addresses = NULL;
    if (names_is_literal(host)) {
        *addresses = "";
        return 0;
    }
    if (is_localhost(host)) {
        *addresses = "127.0.0.1,[::1]";
        return 0;
    }
    struct cached *slot = find_cached(n, host);
    if (slot && slot->until > uv_now(n->loop)) {
        *addresses = slot->addresses;
        return 0;
    }
    struct lookup *l = find_running(n, host);
    int rc = l ? 0 : start_lookup(n, host, &l, e);
    if (rc == 0)
        list_add(&l->waiters, &w->link);
    return rc;
}

void names_leave(struct name_wait *w)
{
    list_del(&w->link);
}
