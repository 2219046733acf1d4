/* The confidence of a reading, from its evidence. Fitted: see docs/confidence.md and test/confidence.py. Pure, any thread. */
#ifndef SONGBOOKD_SONG_TITLE_MODEL_H
#define SONGBOOKD_SONG_TITLE_MODEL_H

#include "song/title.h"
#include "song/title_rules.h"

/* The estimated chance that artist and title are both right, before the band of the rule limits what is shown. */
double title_chance(enum title_rule rule, const struct guess_evidence *v);
/* What is shown: within the band of the rule, ordered by the chance, never above it. */
double title_confidence(enum title_rule rule, const struct guess_evidence *v);

#endif
