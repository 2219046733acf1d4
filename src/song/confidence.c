/* Confidence after an answer; see confidence.h and docs/confidence.md. Pure; any thread. */
#include "song/confidence.h"

#include <string.h>

#define EXACT 0.94               /* both names are those of MusicBrainz data */
#define EXACT_SWAPPED 0.92       /* the same, and the answer settled the order */
#define EXACT_ALIAS 0.91
#define EXACT_MAX 0.97           /* short of a person nothing is surer */
#define AGREED_LEAST 0.90        /* independent sources agree */
#define AGREED_STEP 0.03
#define FUZZY_LEAST 0.70
#define FUZZY_MAX 0.82
#define LASTFM_EXACT 0.84        /* it has an entry for nearly anything: one such answer is never "high" */
#define BOTH_ORDERS 0.70
#define CONTRADICTED 0.50
#define STATED 0.845             /* the name itself states the artist */

static bool is_musicbrainz_data(enum provider_id p)
{
    return p == PROVIDER_MUSICBRAINZ || p == PROVIDER_LISTENBRAINZ;
}

/* ListenBrainz answers from MusicBrainz data: the two are one source. */
static unsigned others_than(unsigned agreed, enum provider_id p)
{
    unsigned family = 1u << p;

    if (is_musicbrainz_data(p))
        family = 1u << PROVIDER_MUSICBRAINZ | 1u << PROVIDER_LISTENBRAINZ;
    return agreed & ~family;
}

static double at_most(double v, double max)
{
    return v < max ? v : max;
}

static double at_least(double v, double min)
{
    return v > min ? v : min;
}

/* What this answer is worth when it stands alone. */
static double alone(const struct candidate *c)
{
    if (c->rule && strcmp(c->rule, "both_orders") == 0)
        return BOTH_ORDERS;
    if (c->exact && c->provider == PROVIDER_LASTFM)
        return LASTFM_EXACT;
    if (c->exact && c->rule && strcmp(c->rule, "alias") == 0)
        return EXACT_ALIAS;
    if (c->exact)
        return c->swapped ? EXACT_SWAPPED : EXACT;
    return at_most(at_least(FUZZY_LEAST + (c->score - 0.72) / (1 - 0.72) * (FUZZY_MAX - FUZZY_LEAST), FUZZY_LEAST), FUZZY_MAX);
}

double confidence_accept(const struct standing *s, const struct candidate *c, bool *contradicts)
{
    enum match_kinship k = match_pairs(s->artist, s->title, c->artist, c->title);
    bool same = k == MATCH_SAME_SONG;
    double v;

    *contradicts = false;
    if (s->status == SONG_MANUAL || !c->accepted)
        return s->confidence;
    if (k == MATCH_OTHER_SONG && s->agreed & ~(1u << c->provider)) {   /* a provider may correct itself */
        *contradicts = true;
        return at_most(s->confidence, CONTRADICTED);
    }
    v = alone(c);
    if (same && others_than(s->agreed, c->provider))
        v = at_most(at_least(at_least(v, s->confidence) + AGREED_STEP, AGREED_LEAST), EXACT_MAX);
    else if (same && !c->swapped && s->parsed_confidence >= STATED)
        v = at_most(v + AGREED_STEP, EXACT_MAX);   /* the name is a source of its own when it states the artist */
    /* A fuzzy answer to a name in its own order only corrects the spelling: what the name was sure of stays. */
    if (k != MATCH_OTHER_SONG || !c->swapped)
        v = at_least(v, at_most(at_least(s->confidence, s->parsed_confidence), EXACT_MAX));
    return v;
}
