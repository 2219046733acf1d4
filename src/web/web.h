/* The files of the dashboard, as they were when the program was built.
 *
 * Plain HTML, CSS, ES modules and catalogues of texts lie beside this header; embed.py makes the table. All of it
 * is public: nothing here depends on the library or on who asks. Constant memory, any thread.
 */
#ifndef SONGBOOKD_WEB_WEB_H
#define SONGBOOKD_WEB_WEB_H

#include "base/buf.h"

struct web_file {
    const char *name;    /* below /web/: "app.js", "lang/de.json" */
    const char *type;    /* for Content-Type */
    const char *hash;    /* of the content, for the ETag */
    struct slice plain;
    struct slice packed; /* the same with gzip */
};

extern const struct web_file web_files[]; /* ends with a row whose name is NULL */

/* The file of that name, or NULL. */
const struct web_file *web_find(struct slice name);

#endif
