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
    [STATED] = {4.43, 0.27, -0.56, 0.01, 0.00, 0.15, 0.46},
    [SETTLED] = {4.27, 0.59, -0.42, 0.00, -0.24, -0.07, 0.25},
    [FROM_LIBRARY] = {2.71, 0.86, -0.50, 0.00, 0.01, -0.16, 0.46},
    [OPEN] = {1.09, 1.77, -0.32, 0.00, -0.29, 0.01, 0.20},
    [WEAK] = {1.44, 0.63, -0.51, -1.02, 0.00, 0.90, 0.25},
    [TITLE_ONLY] = {2.33, 1.84, -0.72, 0.00, 0.00, 0.05, -0.48},
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
