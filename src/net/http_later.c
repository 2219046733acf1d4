/* The wait after wrong credentials: a token or a code cannot be tried out quickly. Loop thread only.
 *
 * All strangers share one count: behind a proxy they have one address, and a guesser has many. Who sends the right token is never
 * kept waiting. At most LATER_MAX wait, so that guessers cannot take every connection.
 */
#include "net/http_server_internal.h"

#include "base/log.h"

static uint64_t wait_ms(struct http_server *s, uint64_t now)
{
    uint64_t ms;

    if (s->guessed_at && now - s->guessed_at > LATER_FORGET_MS)
        s->guesses = 0;
    s->guessed_at = now;
    ms = s->guesses < 5 ? (uint64_t)LATER_FIRST_MS << s->guesses : LATER_LONGEST_MS;
    s->guesses += s->guesses < 1000;
    return ms < LATER_LONGEST_MS ? ms : LATER_LONGEST_MS;
}

static void arm(struct http_server *s)
{
    const struct request *first;
    uint64_t now = uv_now(s->loop);

    if (list_is_empty(&s->refused))
        return;
    first = container_of(s->refused.next, struct request, later);
    uv_timer_start(&s->later, server_later_due, first->later_due > now ? first->later_due - now : 0, 0);
}

static void answer_first(struct http_server *s)
{
    struct request *r = container_of(s->refused.next, struct request, later);
    struct err why = r->later_why;

    list_del(&r->later);
    s->refused_later--;
    request_reply_error(r, why.code, &why);
}

/* Each answer waits behind those before it: the first is always the next to be due. */
void server_later_due(uv_timer_t *t)
{
    struct http_server *s = t->data;

    while (!list_is_empty(&s->refused) && container_of(s->refused.next, struct request, later)->later_due <= uv_now(s->loop))
        answer_first(s);
    arm(s);
}

void server_refuse_now(struct http_server *s)
{
    while (!list_is_empty(&s->refused))
        answer_first(s);
}

void request_refuse_later(struct request *r, const struct err *e)
{
    struct http_server *s = r->conn->server;
    const struct request *last = list_is_empty(&s->refused) ? NULL : container_of(s->refused.prev, struct request, later);
    uint64_t now;

    uv_update_time(s->loop);
    now = uv_now(s->loop);
    if (s->guesses == 10)
        log_warn("net", "wrong tokens come in a row: somebody may be guessing; answers wait");
    r->later_due = now + wait_ms(s, now);
    if (s->closing) {
        request_reply_error(r, e->code, e);
        return;
    }
    if (s->refused_later >= LATER_MAX) {
        request_set_header(r, "Retry-After", "2");
        request_reply_problem(r, 429, "too_many_attempts", "too many wrong tokens; wait a moment");
        return;
    }
    if (last && last->later_due > r->later_due)
        r->later_due = last->later_due;
    r->later_why = *e;
    list_add(&s->refused, &r->later);
    s->refused_later++;
    arm(s);
}
