/* Fourth step of reading a name: which of two parts is the artist? Internal to title_*.c. */
#ifndef SONGBOOKD_SONG_TITLE_ORDER_H
#define SONGBOOKD_SONG_TITLE_ORDER_H

#include "song/title_parts.h"
#include "song/title_rules.h"

/* What speaks for an order, collected by the caller. Texts are borrowed. */
struct order_case {
    const char *left, *right;
    const struct part *left_part, *right_part;   /* NULL for weak separators */
    const struct vendor *vendor;                 /* or NULL */
    enum vendor_separator separator;
    enum separator sep;                          /* what stands between the two */
    const char *language;                        /* "" unknown */
    bool underscored, had_disc, leading_noise_bracket, karafun_star;
    bool title_first_words;                      /* phrases of a country whose singers write the title first */
    bool numbered;                               /* a collection's number in front, which tells nothing of the order */
    bool piano;                                  /* "piano karaoke": its makers mostly write the title first */
    bool blind;                                  /* no artist is known */
};

struct order {
    bool title_first;
    bool open;                /* no more than likelier */
    enum title_rule rule;
    double lean;              /* points for the chosen order over the other */
    bool fame;                /* a known artist's name played a part */
};

void order_decide(const struct order_case *c, struct order *out);

#endif
