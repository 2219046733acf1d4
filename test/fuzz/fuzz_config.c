/* Any bytes as a configuration file: errors are told as single lines, or every value in force is a legal one.
 * By hand:
 *   clang -g -O1 -std=gnu11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Isrc -I/usr/include/cjson \
 *     test/fuzz/fuzz_config.c src/config/{config,config_file,keys_file,option_value,options,places}.c \
 *     src/base/{buf,clock,err,file,json,log,mem,utf8}.c \
 *     -lm -lcjson -lutf8proc -linih -o fuzz_config
 *   ./fuzz_config -dict=test/fuzz/config.dict -max_len=2000 test/fuzz/seeds_config
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const char *line, void *arg)
{
    if (strpbrk(line, "\n\r\x1b"))
        abort();
    ++*(int *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = config_new(), *again = config_new();
    struct layer *file = &c->layers[ORIGIN_FILE];
    FILE *f = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    struct json_out o;
    struct buf b;
    struct err e;
    int told = 0, errors = f ? ini_layer_read(f, "fuzz.conf", "/base", file, look, &told) : 0;

    if ((errors > 0) != (told > 0))
        abort();
    /* What was accepted is accepted again as it is kept. */
    for (int i = 0; i < OPT_COUNT; i++)
        for (size_t k = 0; k < file->values[i].count; k++)
            if (layer_set(&again->layers[ORIGIN_SETTING], (enum option_id)i, file->values[i].items[k], NULL, &e) != 0 ||
                (file->values[i].items[k][0] && strcmp(config_text(again, (enum option_id)i), file->values[i].items[k]) != 0))
                abort();
    (void)config_check(c, &e);
    buf_init(&b, 0);
    json_out_init(&o, &b);
    config_json(c, &o);
    buf_deinit(&b);
    if (f)
        fclose(f);
    config_free(c);
    config_free(again);
    return 0;
}
