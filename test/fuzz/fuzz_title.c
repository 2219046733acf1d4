/* Any bytes are a name: title_parse and the folding must hold their promises for them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "song/fold.h"
#include "song/library.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
    if (!ok)
        abort();
}

static void require_text(const char *text)
{
    require(!text || utf8_valid(slice_of(text)));
}

/* A library that keeps the last names: its verdicts must hold the same promises, and what comes must be able to go. */
static void ask_library(struct slice name, struct guess *g)
{
    static struct library *l;
    static int64_t id;
    int64_t ids[8];

    if (!l)
        l = library_new(1);
    library_put(l, ++id, name, g);
    library_judge(l, id, g);
    require(g->title && g->rule && g->reason[0] && g->confidence >= 0 && g->confidence <= 1);
    require_text(g->artist);
    require_text(g->title);
    require_text(g->reason);
    library_take_changed(l, ids, 8);
    library_drop(l, id - 50);
    require(library_count(l) <= 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice name = {(const char *)data, size};
    struct guess g;
    char *key, *shown, *tidy;

    title_parse(name, &g);
    require(g.title != NULL && g.rule && *g.rule && g.reason[0]);
    require(g.confidence >= 0 && g.confidence <= 1);
    require(!g.artist || *g.artist);
    require_text(g.artist);
    require_text(g.title);
    require_text(g.variant);
    require_text(g.vendor);
    require_text(g.reason);
    shown = fold_display(name);
    /* A name of an extension, a folder or an id only is blank without them. */
    require(*g.title || !*shown || size > TITLE_MAX_BYTES || memchr(name.p, '.', size) || memchr(name.p, '/', size) ||
            g.youtube_id[0]);
    free(shown);
    tidy = guess_tidy(&g, size % 2);
    require_text(tidy);
    free(tidy);
    ask_library(name, &g);
    guess_deinit(&g);
    key = fold_key(name);
    require(strlen(key) <= 4 * size);
    require_text(key);
    free(key);
    return 0;
}
