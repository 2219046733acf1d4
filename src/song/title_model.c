/* Evidence to chance to confidence; see title_model.h. The weights are written by test/confidence.py. */
#include "song/title_model.h"

#include <math.h>

#include "base/mem.h"

/* What kind of evidence decided: rules of one kind share their weights. */
enum kind { STATED, SETTLED, FROM_LIBRARY, OPEN, WEAK, TITLE_ONLY, KIND_COUNT };

/* Logistic regression: points of the log odds. */
struct weights { double base, lean, residue, extra, digits, noise, words; };

/* clang-format off */
/* begin of weights */
static const struct weights weights[KIND_COUNT] = {
    [STATED] = {3.75, 0.84, -0.74, 0.05, 0.00, 0.06, 0.28},
    [SETTLED] = {4.23, 0.60, -0.20, 0.00, -0.18, -0.41, 0.15},
    [FROM_LIBRARY] = {3.40, 0.54, -0.60, -1.05, 0.01, -0.06, 0.01},
    [OPEN] = {1.82, 1.83, -0.59, 0.00, 0.03, -0.07, -0.22},
    [WEAK] = {1.54, 1.18, -0.29, -1.74, 0.00, 0.74, 0.11},
    [TITLE_ONLY] = {2.27, 2.12, -0.60, 0.00, 0.00, 0.61, -0.89},
};
/* end of weights */
/* clang-format on */

static enum kind kind_of(enum title_rule rule)
{
    switch (rule) {
    case RULE_PHRASE:
    case RULE_BY: return STATED;
    case RULE_LIBRARY: return FROM_LIBRARY;
    case RULE_SEPARATOR: return OPEN;
    case RULE_WEAK:
    case RULE_NO_SEPARATOR: return WEAK;
    case RULE_TITLE_ONLY:
    case RULE_EMPTY: return TITLE_ONLY;
    default: return SETTLED;
    }
}

static double at_most(double v, double max)
{
    return v < max ? v : max;
}

static double log_odds(enum title_rule rule, const struct guess_evidence *v)
{
    const struct weights *w = &weights[kind_of(rule)];
    bool title_only = kind_of(rule) == TITLE_ONLY;

    return w->base + w->lean * (title_only ? v->catalogue : at_most(v->lean, 8) / 4) + w->residue * at_most(v->residue, 3) +
           w->extra * v->extra + w->digits * (v->digits > 0) + w->noise * v->noise + w->words * at_most(v->words, 12) / 4;
}

double title_chance(enum title_rule rule, const struct guess_evidence *v)
{
    return rule == RULE_EMPTY ? 0.05 : 1 / (1 + exp(-log_odds(rule, v)));
}

/* Log odds that fill the band of a kind: at 0 and below a reading stands at its low end. The band is narrower than the odds
 * differ, so that readings of one kind keep their order. */
static const double full_band[KIND_COUNT] = {
    [STATED] = 6, [SETTLED] = 6, [FROM_LIBRARY] = 6, [OPEN] = 4, [WEAK] = 4, [TITLE_ONLY] = 3};

double title_confidence(enum title_rule rule, const struct guess_evidence *v)
{
    const struct title_rule_row *row = title_rule_row(rule);
    double at = log_odds(rule, v) / full_band[kind_of(rule)];

    if (rule == RULE_EMPTY)
        return row->low;
    at = at < 0 ? 0 : at_most(at, 1);
    return at_most(row->low + (row->high - row->low) * at, title_chance(rule, v));
}
