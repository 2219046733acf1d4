/* The file with the API's token: read by the daemon that asks for it and by songbookctl, which sends it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/config.h"

#define TOKEN_MIN 16

int token_file_read(const char *path, char **token, struct err *e)
{
    char line[256];
    struct stat st;
    struct slice s;
    FILE *f = fopen(path, "re");

    *token = NULL;
    if (!f || fstat(fileno(f), &st) || !fgets(line, sizeof line, f)) {
        if (f)
            fclose(f);
        return err_set(e, ERR_CONFIG, "cannot read a token from '%s'; put one line of at least %d characters into it", path,
                       TOKEN_MIN);
    }
    fclose(f);
    s = slice_trim(slice_of(line));
    if (st.st_mode & 077)
        return err_set(e, ERR_CONFIG, "others can read the token file '%s'; use chmod 600", path);
    if (s.n < TOKEN_MIN)
        return err_set(e, ERR_CONFIG, "the token in '%s' is too short; use at least %d characters", path, TOKEN_MIN);
    *token = mem_strndup(s.p, s.n);
    return 0;
}
