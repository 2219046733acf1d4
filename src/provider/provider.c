/* The list of providers and what their values have in common; see provider.h. Pure; any thread. */
#include "provider/provider.h"

#include <stdlib.h>
#include <string.h>

static const char *const class_names[] = {"found", "not_found", "refused", "failed", "key", "offline"};

const char *answer_class_name(enum answer_class c)
{
    return class_names[c];
}

void provider_request_deinit(struct provider_request *r)
{
    free(r->url);
    free(r->header);
    free(r->body);
    *r = (struct provider_request){0};
}

void provider_answer_deinit(struct provider_answer *a)
{
    candidates_deinit(&a->candidates);
    memset(a, 0, sizeof *a);
}

void provider_answer_join(struct provider_answer *into, struct provider_answer *earlier)
{
    struct candidates all = earlier->candidates;

    earlier->candidates = (struct candidates){0};
    for (size_t i = 0; i < into->candidates.count; i++) {
        struct candidate *from = &into->candidates.items[i], *to = candidates_add(&all, from->provider);
        if (to)
            *to = *from;
        else
            candidate_deinit(from);
    }
    free(into->candidates.items);
    into->candidates = all;
    if (into->kind == ANSWER_NOT_FOUND && all.count)
        into->kind = ANSWER_FOUND;
}

const struct provider *provider_get(enum provider_id id)
{
    switch (id) {
    case PROVIDER_LASTFM: return &provider_lastfm;
    case PROVIDER_MUSICBRAINZ: return &provider_musicbrainz;
    case PROVIDER_LISTENBRAINZ: return &provider_listenbrainz;
    default: return NULL;
    }
}
