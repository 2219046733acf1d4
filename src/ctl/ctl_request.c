/* One question to the daemon and what its answer means for the exit code; see ctl.h. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "config/config.h"
#include "ctl/ctl_http.h"

#define DEFAULT_URL "http://127.0.0.1:5560"
#define BASE "/api/v1"
#define BODY_MAX (64 * 1024 * 1024)

void reply_deinit(struct reply *r)
{
    buf_deinit(&r->body);
    cJSON_Delete(r->json);
    *r = (struct reply){0};
}

static int exit_code_of(int rc)
{
    switch (rc) {
    case 0:
        return EXIT_FINE;
    case ERR_USAGE:
        return EXIT_USAGE;
    case ERR_NETWORK:
        return EXIT_NO_DAEMON;
    case ERR_BUSY:
    case ERR_TIMEOUT:
        return EXIT_TEMPORARY;
    case ERR_CONFIG:
    case ERR_DATABASE:
        return EXIT_CONFIG;
    default:
        return EXIT_FAILED;
    }
}

static int open_default(const struct ctl *ctl, struct ctl_http *h)
{
    struct err socket_e = {0}, url_e = {0};
    char *path = default_socket_path();
    int rc = ctl_http_open_socket(h, path, &socket_e);

    if (rc != 0)
        rc = ctl_http_open_url(h, DEFAULT_URL, &url_e);
    if (rc != 0 && !ctl->quiet)
        complain("no songbookd answers at '%s' (%s) or %s (%s); start it, or name the place with --socket or --url", path,
                 socket_e.text, DEFAULT_URL, url_e.text);
    free(path);
    return exit_code_of(rc);
}

static int open_daemon(const struct ctl *ctl, struct ctl_http *h)
{
    struct err e = {0};
    int rc;

    if (!ctl->socket && !ctl->url)
        return open_default(ctl, h);
    rc = ctl->socket ? ctl_http_open_socket(h, ctl->socket, &e) : ctl_http_open_url(h, ctl->url, &e);
    if (rc == ERR_USAGE)
        return args_refuse(ctl, "%s", e.text);
    if (rc != 0 && !ctl->quiet)
        complain("no songbookd answers at '%s': %s", ctl->socket ? ctl->socket : ctl->url, e.text);
    return exit_code_of(rc);
}

/* The token to send, new memory; NULL in *token when none is wanted. */
static int read_token(const struct ctl *ctl, char **token)
{
    struct err e = {0};

    *token = NULL;
    if (!ctl->token_file || token_file_read(ctl->token_file, token, &e) == 0)
        return EXIT_FINE;
    complain("%s", err_text(&e));
    return EXIT_CONFIG;
}

static bool piece_keep(void *arg, struct slice piece)
{
    return buf_add_slice(arg, piece);
}

/* Tells the problem detail of a refusal; the exit code follows from the status. */
static int refused(const struct ctl_http_answer *a, struct reply *r)
{
    const char *detail = json_str(r->json, "detail");

    if (!detail)
        detail = json_str(r->json, "title");
    if (a->status == 503 && a->retry_after[0])
        complain("%s; try again in %s s", detail ? detail : "the daemon is busy", a->retry_after);
    else if (detail)
        complain("%s", detail);
    else
        complain("the daemon answered with status %d", a->status);
    for (const cJSON *x = json_first(json_get(r->json, "errors")); x; x = json_next(json_get(r->json, "errors"), x)) {
        const char *place = json_str(x, "pointer"), *text = json_str(x, "detail");
        place = place ? place : json_str(x, "parameter");
        if (text)
            complain("%s%s%s", place && *place ? place : "", place && *place ? ": " : "", text);
    }
    return a->status == 503 ? EXIT_TEMPORARY : EXIT_FAILED;
}

static int broken(struct err *e)
{
    complain("the daemon's answer broke off: %s", err_text(e));
    return e->code == ERR_TIMEOUT ? EXIT_TEMPORARY : EXIT_FAILED;
}

static int body_read(struct ctl_http *h, const struct ctl_http_answer *a, struct reply *r, struct err *e)
{
    int rc;

    r->status = a->status;
    snprintf(r->etag, sizeof(r->etag), "%s", a->etag);
    rc = ctl_http_body(h, piece_keep, &r->body, e);
    if (rc == 0 && r->body.overflow)
        rc = err_set(e, ERR_TOO_LARGE, "it is longer than %d bytes", BODY_MAX);
    if (rc == 0 && strstr(a->type, "json") && r->body.len)
        r->json = json_parse((struct slice){r->body.data, r->body.len}, e);
    if (rc == 0 && strstr(a->type, "json") && !r->json && a->status < 300)
        rc = r->body.len ? ERR_MALFORMED : err_set(e, ERR_MALFORMED, "it is empty");
    return rc;
}

int ask(struct ctl *ctl, const char *method, const char *path, const char *body, const char *if_match, struct reply *r)
{
    struct ctl_http_request q = {.method = method, .body = body, .if_match = if_match, .accept = "application/json"};
    struct ctl_http_answer a;
    struct ctl_http h;
    struct buf full;
    struct err e = {0};
    char *token;
    int rc = read_token(ctl, &token);

    *r = (struct reply){0};
    buf_init(&r->body, BODY_MAX);
    if (rc == EXIT_FINE)
        rc = open_daemon(ctl, &h);
    if (rc != EXIT_FINE) {
        free(token);
        return rc;
    }
    q.token = token;
    buf_init(&full, 0);
    buf_addf(&full, BASE "%s", path);
    q.path = buf_cstr(&full);
    rc = ctl_http_send(&h, &q, &a, &e);
    if (rc == 0)
        rc = body_read(&h, &a, r, &e);
    ctl_http_close(&h);
    buf_deinit(&full);
    free(token);
    if (rc != 0)
        return ctl->quiet ? EXIT_FAILED : broken(&e);
    if (a.status >= 200 && a.status < 300)
        return EXIT_FINE;
    return ctl->quiet ? EXIT_FAILED : refused(&a, r);
}

int ask_stream(struct ctl *ctl, const char *path, bool patient, bool (*on_piece)(void *arg, struct slice piece), void *arg)
{
    struct ctl_http_request q = {.method = "GET"};
    struct ctl_http_answer a;
    struct ctl_http h;
    struct reply r = {0};
    struct buf full;
    struct err e = {0};
    char *token;
    int rc = read_token(ctl, &token);

    if (rc == EXIT_FINE)
        rc = open_daemon(ctl, &h);
    if (rc != EXIT_FINE) {
        free(token);
        return rc;
    }
    q.token = token;
    buf_init(&r.body, BODY_MAX);
    buf_init(&full, 0);
    buf_addf(&full, BASE "%s", path);
    q.path = buf_cstr(&full);
    rc = ctl_http_send(&h, &q, &a, &e);
    if (rc == 0 && a.status == 200) {
        h.timeout_ms = patient ? -1 : h.timeout_ms;
        rc = ctl_http_body(&h, on_piece, arg, &e);
        rc = rc != 0 ? broken(&e) : EXIT_FINE;
    } else if (rc == 0) {
        rc = body_read(&h, &a, &r, &e) == 0 ? refused(&a, &r) : broken(&e);
    } else {
        rc = broken(&e);
    }
    ctl_http_close(&h);
    buf_deinit(&full);
    free(token);
    reply_deinit(&r);
    return rc;
}

int print_raw(const struct reply *r)
{
    if (r->body.len) {
        fwrite(r->body.data, 1, r->body.len, stdout);
        if (r->body.data[r->body.len - 1] != '\n')
            putchar('\n');
    }
    return print_finish(EXIT_FINE);
}

int ask_and_show(struct ctl *ctl, const char *method, const char *path, const char *body)
{
    struct reply r = {0};
    int rc = ask(ctl, method, path, body, NULL, &r);

    if (rc == EXIT_FINE)
        rc = print_answer(ctl, &r);
    reply_deinit(&r);
    return rc;
}

int query_conditions(const struct ctl *ctl, int n, char **words, struct buf *path)
{
    for (int i = 0; i < n; i++) {
        const char *at = strchr(words[i], '=');
        char *name;
        if (!at || at == words[i])
            return args_refuse(ctl, "'%s' is no condition; write it as NAME=VALUE, such as q=queen", words[i]);
        name = mem_strndup(words[i], (size_t)(at - words[i]));
        query_add(path, name, at + 1);
        free(name);
    }
    return EXIT_FINE;
}

void query_add(struct buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    buf_addf(path, "%c%s=", strchr(buf_cstr(path), '?') ? '&' : '?', name);
    percent_encode(path, slice_of(value), "");
}
