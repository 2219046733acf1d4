/* Any bytes are a name: title_parse and the folding must hold their promises for them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "song/fold.h"
#include "song/title.h"

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
    guess_deinit(&g);
    key = fold_key(name);
    require(strlen(key) <= 4 * size);
    require_text(key);
    free(key);
    return 0;
}
