/* Questions about many songs in one request: how each is asked and read. No state, no network; pure, any thread.
 *
 * Items and hits stand side by side: the hit of item i is hits[i], whatever the order of the provider's rows. An item
 * without a hit keeps a zeroed one. One bad item may fail the whole request, which says nothing about the others: the caller
 * asks for the halves.
 */
#ifndef SONGBOOKD_PROVIDER_BULK_H
#define SONGBOOKD_PROVIDER_BULK_H

#include "provider/provider.h"

struct bulk_item {               /* borrowed */
    const char *artist, *title;  /* for questions by name */
    const char *mbid;            /* for questions by recording MBID, lower case */
};

struct bulk {
    const char *name;            /* stable key */
    enum provider_id provider;
    int endpoint;                /* of that provider */
    size_t most;                 /* items in one request */
    /* 1..most items. Returns 0 or ERR_INVALID. */
    int (*build)(const struct provider_settings *s, const struct bulk_item *items, size_t n, struct provider_request *out);
    /* hits: n zeroed candidates; a hit has its mbid, artist and title set (candidate_deinit). *out has no candidates; its
     * kind is ANSWER_FOUND when the answer could be read, also without a single hit. */
    void (*read)(const struct bulk_item *items, size_t n, const struct provider_reply *r, struct candidate *hits,
                 struct provider_answer *out);
};

/* Names with a user token: 50 pairs, the service's bound. Exact matches only, after its own normalisation. */
extern const struct bulk bulk_lookup;
/* The same at the labs, without a token; 100 pairs is what one client is known to send. */
extern const struct bulk bulk_labs;
/* Canonical names, official genres and a date that may be a reissue's; 100 MBIDs (the service takes 1,000) keep an answer
 * small. */
extern const struct bulk bulk_metadata;
/* Dates by MusicBrainz' `rid:` search; 50 MBIDs (it takes 100) keep an answer small. */
extern const struct bulk bulk_dates;

/* Returns new: the key under which ListenBrainz looks a pair up, as far as needed to see that two pairs are one for it: it
 * answers only one of two equal ones. NULL when the pair cannot be asked: a name is empty after cleaning, or both are too long
 * together. */
char *bulk_key(const char *artist, const char *title);

#endif
