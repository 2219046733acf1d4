/* Answers out, in, and forgotten; see answers.h. */
#include "store/answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"
#include "store/evidence.h"
#include "store/stmt.h"

#define PAIR_MARK '\x1f' /* between artist and title, see fold_pair */

/* --- out -------------------------------------------------------------------------------------- */

static void put_answer(struct json_out *o, const char *provider, const char *pair, int64_t at_ms, const char *candidates)
{
    size_t n = strcspn(pair, "\x1f");
    char stamp[32];

    clock_iso(at_ms, stamp);
    json_open(o, NULL, '{');
    json_put_str(o, "provider", provider);
    json_put_slice(o, "artist", (struct slice){pair, n});
    json_put_str(o, "title", pair[n] ? pair + n + 1 : "");
    json_put_str(o, "at", stamp);
    if (candidates)
        json_put_raw(o, "candidates", candidates);
    else
        json_put_null(o, "candidates");
    json_close(o, '}');
}

/* "provider:pair", as the page before told it. */
static int read_after(const char *after, char **provider, const char **pair, struct err *e)
{
    const char *colon = after ? strchr(after, ':') : NULL;

    *provider = colon ? mem_strndup(after, (size_t)(colon - after)) : mem_strdup("");
    *pair = colon ? colon + 1 : "";
    if (after && (!colon || provider_of(*provider) < 0))
        return err_set(e, ERR_INVALID, "this is no 'next' of a page of answers");
    return 0;
}

int answers_page(struct db *db, const char *after, int limit, struct json_out *o, char **next, struct err *e)
{
    char *provider, *last = NULL;
    const char *pair;
    int rc = read_after(after, &provider, &pair, e), n = 0;
    struct stmt s;

    *next = NULL;
    if (rc == 0) {
        s = stmt_of(db,
                    "SELECT provider, pair_key, at_ms, candidates FROM answers WHERE (provider, pair_key) > (?, ?)"
                    " ORDER BY provider, pair_key LIMIT ?",
                    e);
        stmt_text(&s, provider);
        stmt_text(&s, pair);
        stmt_int(&s, limit);
        while (stmt_row(&s)) {
            put_answer(o, col_text(&s, 0), col_text(&s, 1), col_int(&s, 2), col_text(&s, 3));
            free(last);
            last = mem_printf("%s:%s", col_text(&s, 0), col_text(&s, 1));
            n++;
        }
        rc = stmt_end(&s);
    }
    free(provider);
    if (rc == 0 && n == limit)
        *next = last;
    else
        free(last);
    return rc;
}

/* --- in ---------------------------------------------------------------------------------------- */

/* A folded key: the same text folded again is itself, without blanks. That also keeps the mark out of it. */
static bool key_ok(const char *key)
{
    char *folded, *pair;
    bool ok;

    if (!key || strlen(key) > ANSWER_KEY_MAX || strchr(key, PAIR_MARK) || !utf8_valid(slice_of(key)))
        return false;
    pair = fold_pair(key, "");
    folded = mem_strndup(pair, strcspn(pair, "\x1f"));
    ok = strcmp(folded, key) == 0;
    free(folded);
    free(pair);
    return ok;
}

/* What is kept of the candidates is what this program reads of them. *json: new, or NULL for not found. */
static int read_candidates(const cJSON *answer, enum provider_id p, char **json, struct err *e)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(answer, "candidates");
    struct candidates list = {0};
    struct buf out;
    char *text;
    int rc;

    *json = NULL;
    if (cJSON_IsNull(given))
        return 0;
    if (!cJSON_IsArray(given))
        return err_set(e, ERR_INVALID, "candidates must be a list, or null");
    text = cJSON_PrintUnformatted(given);
    rc = text ? candidates_read_json(text, p, &list, e) : ERR_MALFORMED;
    cJSON_free(text);
    if (rc == 0 && list.count) {
        buf_init(&out, 0);
        candidates_json(&list, &out);
        *json = buf_detach(&out);
    }
    candidates_deinit(&list);
    return rc ? err_set(e, ERR_INVALID, "the candidates cannot be read") : 0;
}

static int store_newer(struct db *db, const char *provider, const char *pair, int64_t at_ms, const char *candidates,
                       struct answers_taken *taken, struct err *e)
{
    struct stmt s = stmt_of(db,
                            "INSERT INTO answers(provider, pair_key, at_ms, candidates) VALUES (?1, ?2, ?3, ?4)"
                            " ON CONFLICT(provider, pair_key) DO UPDATE SET at_ms = ?3, candidates = ?4 WHERE at_ms < ?3",
                            e);
    int rc;

    stmt_text(&s, provider);
    stmt_text(&s, pair);
    stmt_int(&s, at_ms);
    stmt_text(&s, candidates);
    rc = stmt_run(&s);
    if (rc == 0 && db_changed(db))
        taken->stored++;
    else if (rc == 0)
        taken->kept++;
    return rc;
}

int answers_take(struct db *db, const cJSON *answer, int64_t now_ms, struct answers_taken *taken, struct err *e)
{
    const char *provider = json_str(answer, "provider"), *artist = json_str(answer, "artist"), *title = json_str(answer, "title");
    const char *at = json_str(answer, "at");
    int64_t at_ms = at ? clock_parse_iso(at) : -1;
    int p = provider ? provider_of(provider) : -1, rc;
    char *pair, *candidates;

    if (p < 0 || !key_ok(artist) || !key_ok(title) || at_ms < 0)
        return err_set(e, ERR_INVALID, "provider, folded artist and title, and the time are needed");
    rc = read_candidates(answer, (enum provider_id)p, &candidates, e);
    if (rc)
        return rc;
    pair = mem_printf("%s%c%s", artist, PAIR_MARK, title);
    rc = store_newer(db, provider, pair, at_ms < now_ms ? at_ms : now_ms, candidates, taken, e);
    free(pair);
    free(candidates);
    return rc;
}

/* --- forgetting ------------------------------------------------------------------------------- */

struct place {
    char *provider; /* owned */
    const char *pair;
};

/* The place of the row that comes `most` rows later: new memory, NULL when there are fewer. */
static int place_later(struct db *db, const struct place *from, int most, char **later, struct err *e)
{
    struct stmt s = stmt_of(db,
                            "SELECT provider || ':' || pair_key FROM answers WHERE (provider, pair_key) > (?, ?)"
                            " ORDER BY provider, pair_key LIMIT 1 OFFSET ?",
                            e);

    stmt_text(&s, from->provider);
    stmt_text(&s, from->pair);
    stmt_int(&s, most - 1);
    *later = stmt_row(&s) ? mem_strdup(col_text(&s, 0)) : NULL;
    return stmt_end(&s);
}

/* to NULL: up to the end. */
static int forget_between(struct db *db, const struct place *from, const struct place *to, int64_t now_ms, struct err *e)
{
    struct stmt s = to ? stmt_of(db,
                                 "DELETE FROM answers WHERE at_ms < iif(candidates IS NULL, ?, ?)"
                                 " AND (provider, pair_key) > (?, ?) AND (provider, pair_key) <= (?, ?)",
                                 e)
                       : stmt_of(db,
                                 "DELETE FROM answers WHERE at_ms < iif(candidates IS NULL, ?, ?)"
                                 " AND (provider, pair_key) > (?, ?)",
                                 e);

    stmt_int(&s, now_ms - ANSWER_NOT_FOUND_MS);
    stmt_int(&s, now_ms - ANSWER_FOUND_MS);
    stmt_text(&s, from->provider);
    stmt_text(&s, from->pair);
    if (to) {
        stmt_text(&s, to->provider);
        stmt_text(&s, to->pair);
    }
    return stmt_run(&s);
}

int answers_forget(struct db *db, int64_t now_ms, int most, char **place, int64_t *gone, struct err *e)
{
    struct place from, to = {0};
    char *later = NULL;
    int rc = read_after(*place, &from.provider, &from.pair, e);

    *gone = 0;
    if (rc == 0)
        rc = place_later(db, &from, most, &later, e);
    if (rc == 0 && later)
        rc = read_after(later, &to.provider, &to.pair, e);
    if (rc == 0)
        rc = forget_between(db, &from, later ? &to : NULL, now_ms, e);
    if (rc == 0)
        *gone = db_changed(db);
    free(from.provider);
    free(to.provider);
    free(*place);
    *place = later;
    return rc;
}
