/* Artist credits: who is named, and whether two credits name the same act. Pure.
 *
 * "Eminem feat. Rihanna", "Queen & David Bowie", "Beatles, The", "Bowie, David". A guest stands behind
 * feat., ft. or featuring.
 */
#ifndef SONGBOOKD_SONG_CREDIT_H
#define SONGBOOKD_SONG_CREDIT_H

#include <stdbool.h>
#include <stddef.h>

#define CREDIT_NAMES 12   /* the rest of a longer credit is not looked at by name */

struct credit {
    char *key;                       /* of the whole, article moved to the front and dropped */
    char *turned;                    /* of "Last, First" read as "First Last", or NULL */
    char *main_key;                  /* of the credit cut at the first guest */
    char *names[CREDIT_NAMES];       /* keys of the single names */
    size_t count, main_count;        /* all names; those before the first guest */
};
void credit_read(const char *text, struct credit *out);
void credit_deinit(struct credit *c);

enum credit_fit {
    CREDIT_DIFFERS,
    CREDIT_MISSPELT,   /* nearly the same spelling */
    CREDIT_PART,       /* one names only some of the other's main names */
    CREDIT_GUEST,      /* equal but for guests that one of them leaves out */
    CREDIT_EQUAL
};
enum credit_fit credit_compare(const struct credit *a, const struct credit *b);
/* True when they have at least one name in common, or the whole. */
bool credit_shares_name(const struct credit *a, const struct credit *b);

/* Returns new: the names of the credit without joining words, for a search query:
 * "Eminem feat. Rihanna" gives "Eminem Rihanna". */
char *credit_search_words(const char *text);

#endif
