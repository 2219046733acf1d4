/* A configuration file that was read again while the service runs; see config_take_file in config.h. Loop thread, no I/O. */
#include "config/config_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void layer_swap(struct layer *a, struct layer *b)
{
    struct layer *t = mem_alloc(sizeof *t);

    *t = *a;
    *a = *b;
    *b = *t;
    free(t);
}

static bool value_equal(const struct value *a, const struct value *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

/* The value that counts, with `file` as the file's layer. */
static const struct value *value_with(const struct config *c, const struct layer *file, int id)
{
    for (int l = ORIGIN_COMMAND_LINE; l > ORIGIN_DEFAULT; l--) {
        const struct value *v = l == ORIGIN_FILE ? &file->values[id] : &c->layers[l].values[id];
        if (v->set)
            return v;
    }
    return &c->layers[ORIGIN_DEFAULT].values[id];
}

static void value_swap(struct value *a, struct value *b)
{
    struct value t = *a;

    *a = *b;
    *b = t;
}

int config_take_file(struct config *c, struct config *fresh, void (*told)(void *arg, const char *option, bool taken), void *arg,
                     struct err *e)
{
    struct layer *now = &c->layers[ORIGIN_FILE], *old = &fresh->layers[ORIGIN_FILE];
    int rc;

    layer_swap(now, old);
    rc = config_check(c, e);
    if (rc) {
        layer_swap(now, old);
        return rc;
    }
    for (int i = 0; i < OPT_COUNT; i++) {
        bool live = options[i].flags & OPTION_LIVE;
        if (!value_equal(value_with(c, now, i), value_with(c, old, i)))
            told(arg, options[i].name, live);
        if (!live)
            value_swap(&now->values[i], &old->values[i]); /* others hold its text */
    }
    return 0;
}
