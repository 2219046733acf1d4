/* Evidence to chance to confidence; see title_model.h. */
#include "song/title_model.h"

#include <math.h>

#include "base/mem.h"

double title_chance(enum title_rule rule, const struct guess_evidence *v)
{
    double x = 2 + v->lean / 2;

    return 1 / (1 + exp(-x));
}

double title_confidence(enum title_rule rule, const struct guess_evidence *v)
{
    const struct title_rule_row *row = title_rule_row(rule);
    double p = title_chance(rule, v);

    return row->low + (row->high - row->low) * p;
}
