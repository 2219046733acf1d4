/* 64-bit hash in the manner of MurmurHash2's 64-bit mix (Austin Appleby, public domain); see hash.h. */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

static const uint64_t factor = UINT64_C(0xc6a4a7935bd1e995);

static uint64_t mix(uint64_t k)
{
    k *= factor;
    k ^= k >> 47;
    return k * factor;
}

uint64_t hash_bytes(struct slice s, uint64_t seed)
{
    uint64_t h = seed ^ (s.n * factor), k;
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&k, s.p + i, 8);
        h = (h ^ mix(k)) * factor;
    }
    if (i < s.n) {
        k = 0;
        memcpy(&k, s.p + i, s.n - i);
        h = (h ^ mix(k)) * factor;
    }
    h ^= h >> 47;
    h *= factor;
    return h ^ (h >> 47);
}

uint64_t hash_seed(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint64_t)time(NULL) * factor;
    return seed;
}
