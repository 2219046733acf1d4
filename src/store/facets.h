/* What values songs have, and how often: for menus of filters. See db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_FACETS_H
#define SONGBOOKD_STORE_FACETS_H

#include "store/db.h"

enum facet { FACET_LANGUAGE, FACET_DECADE, FACET_GENRE, FACET_VENDOR, FACET_SOURCE, FACET_COUNT };

/* Where the next step begins; zero at first. */
struct facet_place {
    char *text;              /* owned; of a decade: NULL */
    int64_t number, id;
    bool begun, end;
};
void facet_place_deinit(struct facet_place *p);

/* Counts the values of FACET_STEP songs more, absent ones too, in the order of the values; genres and vendors without case. A
 * value may come in two steps, as the last of one and the first of the next. Reads nothing but an index. value: the text, or the
 * decade's first year as text; borrowed. */
#define FACET_STEP 20000
int facet_step(struct db *db, enum facet f, struct facet_place *p, void (*row)(const char *value, int64_t n, void *arg),
               void *arg, struct err *e);

#endif
