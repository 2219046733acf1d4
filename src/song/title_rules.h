/* The rules that may decide a name: one row each, with its key, its band of confidence, the sentence for people and an example.
 * Internal to title_*.c; the key is public (guess.rule, reasons of songs). */
#ifndef SONGBOOKD_SONG_TITLE_RULES_H
#define SONGBOOKD_SONG_TITLE_RULES_H

#include <stddef.h>

enum title_rule {
    RULE_EMPTY,
    RULE_TITLE_ONLY,
    RULE_WEAK,
    RULE_NO_SEPARATOR,
    RULE_SEPARATOR,
    RULE_BY,
    RULE_VENDOR,
    RULE_ARTIST,
    RULE_SORT_FORM,
    RULE_QUOTED,
    RULE_GUEST,
    RULE_FOLDER,
    RULE_SOURCE,
    RULE_SHAPE,
    RULE_PHRASE,
    RULE_LIBRARY,
    RULE_COUNT
};

struct title_rule_row {
    const char *key;
    double low, high;       /* confidence */
    const char *reason;     /* a sentence; may hold one %s: the vendor or the phrase */
    const char *example;    /* a name that it decides; its artist is "Ada Vale" and its title "Blue Harbour" */
};

/* Indexed by enum title_rule. */
const struct title_rule_row *title_rule_row(enum title_rule rule);

#endif
