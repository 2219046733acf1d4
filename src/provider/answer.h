/* What the readers of all providers share: classes by transport and status, tidy text, genres. Pure; only for this room. */
#ifndef SONGBOOKD_PROVIDER_ANSWER_H
#define SONGBOOKD_PROVIDER_ANSWER_H

#include <cjson/cJSON.h>

#include "provider/provider.h"

/* Sets kind and detail. */
__attribute__((format(printf, 3, 4))) void answer_set(struct provider_answer *out, enum answer_class kind, const char *fmt, ...);
/* True when the reply has a transport error, which then is classified. A reset after the status came is a failure,
 * before it no network. */
bool answer_of_transport(const struct provider_reply *r, struct provider_answer *out);
/* Classifies by status alone, for bodies that say nothing themselves. Never FOUND or NOT_FOUND. */
void answer_of_status(const struct provider_reply *r, struct provider_answer *out);
/* Seconds of a Retry-After header: 0 for none, zero, a date or nonsense; at most an hour. */
int answer_retry_after(const char *header);

/* Returns new: the member as one tidy line for display (at most 400 bytes), or NULL when absent, no string, or blank. */
char *answer_text(const cJSON *obj, const char *key);
/* Returns new: the identifier in lower case, or NULL when it is none (id may be NULL). */
char *answer_mbid(const char *id);
/* Adds the tag's genre, if it is one and not yet there. */
void answer_add_genre(struct candidate *c, const char *tag);

/* Returns new: tidy text cut to so many characters, for a query. */
char *query_text(const char *text, size_t max_chars);

#endif
