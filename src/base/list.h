/* Intrusive doubly linked list: a head and links embedded in the elements. */
#ifndef SONGBOOKD_BASE_LIST_H
#define SONGBOOKD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l) { l->prev = l->next = l; }
static inline bool list_is_empty(const struct list *l) { return l->next == l; }
static inline void list_add_before(struct list *at, struct list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}
/* Adds at the end of the list whose head is l. */
static inline void list_add(struct list *l, struct list *item) { list_add_before(l, item); }
/* Takes the item out; safe to repeat, and on an item that was list_init-ed. */
static inline void list_del(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}
/* The item may be removed inside the loop. */
#define list_each_safe(pos, tmp, head) \
    for (struct list *pos = (head)->next, *tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

#endif
