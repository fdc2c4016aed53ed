/* lookup.h - an index from byte strings to numbers, built once and then only read.
 *
 * Open addressing at half load. The keys are borrowed: they must stay where they are as long as the index
 * lives. Keys come from model files that may be hostile, so that a key whose search would walk too far (many
 * keys made to collide) is refused instead of making every later search slow. Reading is safe from any
 * thread. */
#ifndef PL_KERNELS_LOOKUP_H
#define PL_KERNELS_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#define PL__LOOKUP_NONE UINT32_MAX

struct pl__lookup_slot {
    const char *key;
    uint32_t len, value;
};
struct pl__lookup {
    struct pl__lookup_slot *slots;
    size_t mask; /* slots - 1, slots is a power of two */
};

/* Room for COUNT keys. 0 or -PL_E_NO_MEMORY. */
int pl__lookup_init(struct pl__lookup *l, size_t count);
void pl__lookup_finish(struct pl__lookup *l);
/* 0; -PL_E_CONFLICT when the key is there (the first one stays); -PL_E_CORRUPT when too many keys collide or
 * the key is over 4 GiB. */
int pl__lookup_add(struct pl__lookup *l, const char *key, size_t len, uint32_t value);
/* The value of a key, or PL__LOOKUP_NONE. An index that was never initialised has no keys. */
uint32_t pl__lookup_find(const struct pl__lookup *l, const char *key, size_t len);
/* Mixes the bits of a 64-bit number so that all of them reach the low ones. */
uint64_t pl__hash_mix(uint64_t x);

#endif
