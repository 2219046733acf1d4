/* The library as evidence: which part of a name is the artist, judged from all names together.
 *
 * A name of two parts whose order is open is settled by the other names: a part that stands beside many different others is an
 * artist; one that other names say is an artist (or a title) is one; a folder, a vendor or a way of writing has a habit; and
 * where nearly all names of a folder begin with a number, the number is none of the title. What is remembered are counts of
 * folded parts, so a verdict depends on the set of names alone and never on the order in which they came. Adding or dropping a
 * name costs the names that share a part with it. About 100 bytes a name; at most LIBRARY_MAX names, further ones are not
 * remembered.
 *
 * Pure: no I/O, no clock. One thread at a time.
 */
#ifndef SONGBOOKD_SONG_LIBRARY_H
#define SONGBOOKD_SONG_LIBRARY_H

#include "song/title.h"

#define LIBRARY_MAX 250000

struct library;

/* seed: for the hash tables, at random where the names come from strangers (hash_seed); no verdict depends on it. */
struct library *library_new(uint64_t seed);
void library_free(struct library *l);

/* Remembers what the name says. `path` is the name with its folder as far as there is one; g is title_parse's guess of it,
 * untouched. An id that is remembered already is replaced. */
void library_put(struct library *l, int64_t id, struct slice path, const struct guess *g);
/* True when the name is remembered under id with this very path. It counts as seen in that round
 * (library_drop_unseen); of the number of a round only the lowest byte counts. */
bool library_see(struct library *l, int64_t id, struct slice path, uint32_t round);
/* Forgets the names that were neither seen nor put since the round began. library_put counts as seen in the last round. */
void library_drop_unseen(struct library *l, uint32_t round);
/* Forgets a name; nothing happens when it is not remembered. */
void library_drop(struct library *l, int64_t id);
/* Changes *g, which must be title_parse's guess of the name that is remembered under id, to what the library says: order,
 * number, confidence, rule "library" and its reason. False when the library adds nothing. */
bool library_judge(const struct library *l, int64_t id, struct guess *g);
/* The ids whose verdict may have changed since the last call, at most max; they count as told. Returns how many. */
size_t library_take_changed(struct library *l, int64_t *ids, size_t max);

/* All verdicts so far are known to the caller already: library_take_changed tells only of what changes from now on. */
void library_settle(struct library *l);

size_t library_count(const struct library *l);
size_t library_bytes(const struct library *l);   /* memory in use */

#endif
