/* random.h - random numbers by counter: the same key and number give the same bits, so nothing has a state to
 * save.
 *
 * The finaliser of SplitMix64 (Steele, Lea and Flood 2014) over key and counter, twice. Not for secrets. */
#ifndef PL_KERNELS_TRAIN_RANDOM_H
#define PL_KERNELS_TRAIN_RANDOM_H

#include <stdint.h>

static inline uint64_t pl__random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

/* Number N of the stream of KEY. */
static inline uint64_t pl__random(uint64_t key, uint64_t n)
{
    return pl__random_mix(key ^ pl__random_mix((n + 1) * 0x9E3779B97F4A7C15ull));
}

/* In [0, 1), 24 bits. */
static inline float pl__random_unit(uint64_t key, uint64_t n)
{
    return (float)(pl__random(key, n) >> 40) * 0x1p-24f;
}

#endif
