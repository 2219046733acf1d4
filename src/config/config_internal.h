/* The layers of values, shared by the files of the config room. */
#ifndef SONGBOOKD_CONFIG_CONFIG_INTERNAL_H
#define SONGBOOKD_CONFIG_CONFIG_INTERNAL_H

#include <stdio.h>

#include "config/config.h"

#define LAYERS (ORIGIN_COMMAND_LINE + 1)
#define LIST_MAX 256

/* What one layer says about one option. */
struct value {
    bool set;
    char **items;            /* owned; exactly one unless the option is a list */
    size_t count;
};

struct layer {
    struct value values[OPT_COUNT];
};

struct config {
    struct layer layers[LAYERS];
};

void layer_clear(struct layer *l);
/* Sets the value of one option; base as in option_value. Lists: text with one entry a line. */
int layer_set(struct layer *l, enum option_id id, const char *text, const char *base, struct err *e);
/* One more entry of a list. */
int layer_add(struct layer *l, enum option_id id, const char *text, const char *base, struct err *e);
/* Writes "there is no option ..." with the nearest name; returns ERR_CONFIG. */
int option_unknown(const char *name, struct err *e);
/* Returns new: the working directory. */
char *working_directory(void);

/* Reads INI lines from f into l, relative paths from base. Returns the number of errors, all of which were reported. */
int ini_layer_read(FILE *file, const char *path, const char *base, struct layer *l, void (*report)(const char *line, void *arg),
                   void *arg);

#endif
