/* Finding an embedded file. Pure. */
#include "web/web.h"

const struct web_file *web_find(struct slice name)
{
    for (const struct web_file *f = web_files; f->name; f++)
        if (slice_eq_str(name, f->name))
            return f;
    return NULL;
}
