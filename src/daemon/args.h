/* The command line of songbookd. Runs before the loop. */
#ifndef SONGBOOKD_DAEMON_ARGS_H
#define SONGBOOKD_DAEMON_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct args {
    const char *config_path;   /* NULL: the default place, if there is a file */
    bool once, check_config, help, version;
    uint64_t wait_s;           /* with once: seconds without any advance before giving up */
};

/* Fills *out and the command line layer of *c. ERR_USAGE (exit 2) for an unknown option, ERR_CONFIG (78) for a bad value. */
int args_read(int argc, char **argv, struct args *out, struct config *c, struct err *e);
/* Prints --help to stdout; fits 80 columns. */
void args_print_help(void);

#endif
