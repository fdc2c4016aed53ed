/* lookup.c - see lookup.h. */
#include "kernels/lookup.h"

#include <stdlib.h>
#include <string.h>
#include "schemas/err.h"

/* At half load with a good hash the longest run is a few dozen slots for a million keys. */
#define LONGEST_RUN 1024

uint64_t pl__hash_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93ull;
    x ^= x >> 29;
    x *= 0x9FB21C651E98DF25ull;
    return x ^ (x >> 32);
}

static uint64_t hash_bytes(const char *key, size_t len)
{
    uint64_t h = 0x243F6A8885A308D3ull ^ len;
    while (len >= 8) {
        uint64_t word;
        memcpy(&word, key, 8);
        h = pl__hash_mix(h ^ word);
        key += 8;
        len -= 8;
    }
    uint64_t tail = 0;
    memcpy(&tail, key, len);
    return pl__hash_mix(h ^ tail);
}

int pl__lookup_init(struct pl__lookup *l, size_t count)
{
    size_t slots = 16;
    while (slots / 2 < count) slots *= 2;
    l->slots = calloc(slots, sizeof *l->slots);
    l->mask = l->slots ? slots - 1 : 0;
    return l->slots ? 0 : -PL_E_NO_MEMORY;
}

void pl__lookup_finish(struct pl__lookup *l)
{
    free(l->slots);
    *l = (struct pl__lookup){0};
}

int pl__lookup_add(struct pl__lookup *l, const char *key, size_t len, uint32_t value)
{
    if (len > UINT32_MAX) return -PL_E_CORRUPT;
    size_t at = hash_bytes(key, len) & l->mask;
    for (unsigned run = 0; run < LONGEST_RUN; run++, at = (at + 1) & l->mask) {
        struct pl__lookup_slot *s = &l->slots[at];
        if (!s->key) {
            *s = (struct pl__lookup_slot){key, (uint32_t)len, value};
            return 0;
        }
        if (s->len == len && memcmp(s->key, key, len) == 0) return -PL_E_CONFLICT;
    }
    return -PL_E_CORRUPT;
}

uint32_t pl__lookup_find(const struct pl__lookup *l, const char *key, size_t len)
{
    if (!l->slots) return PL__LOOKUP_NONE;
    for (size_t at = hash_bytes(key, len) & l->mask; l->slots[at].key; at = (at + 1) & l->mask)
        if (l->slots[at].len == len && memcmp(l->slots[at].key, key, len) == 0) return l->slots[at].value;
    return PL__LOOKUP_NONE;
}
