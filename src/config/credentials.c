/* Keys from systemd's credentials (LoadCredential=, see systemd.exec(5)); see config.h. Blocks: before the loop, or on the pool.
 */
#include "config/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CREDENTIAL_MAX 512

/* The first line of the file, without blanks around it; "" when there is none. */
static int first_line(const char *path, char text[CREDENTIAL_MAX], struct err *e)
{
    FILE *f = fopen(path, "re");
    struct slice s;

    text[0] = '\0';
    if (!f)
        return errno == ENOENT ? 0 : err_set(e, ERR_CONFIG, "the credential '%s' cannot be read: %s", path, strerror(errno));
    if (!fgets(text, CREDENTIAL_MAX, f))
        text[0] = '\0';
    fclose(f);
    s = slice_trim(slice_of(text));
    memmove(text, s.p, s.n);
    text[s.n] = '\0';
    return 0;
}

int config_read_credentials(struct config *c, const char *directory, struct err *e)
{
    int rc = 0;

    for (int i = 0; rc == 0 && directory && i < OPT_COUNT; i++) {
        char text[CREDENTIAL_MAX], *path;
        if (!(options[i].flags & OPTION_SECRET))
            continue;
        path = mem_printf("%s/songbookd.%s", directory, strchr(options[i].name, '.') + 1);
        rc = first_line(path, text, e);
        if (rc == 0 && text[0])
            rc = layer_set(&c->layers[ORIGIN_FILE], (enum option_id)i, text, NULL, e);
        explicit_bzero(text, sizeof text);
        free(path);
    }
    return rc;
}
