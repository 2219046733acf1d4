/* A fast 64-bit hash for tables in memory. Not for secrets: choose the seed at random per table. */
#ifndef SONGBOOKD_BASE_HASH_H
#define SONGBOOKD_BASE_HASH_H

#include <stdint.h>

#include "base/buf.h"

uint64_t hash_bytes(struct slice s, uint64_t seed);
/* A seed from the kernel. */
uint64_t hash_seed(void);

#endif
