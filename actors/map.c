#include "actors/map.h"

#include <stdlib.h>
#include <string.h>
#include "schemas/err.h"

struct pl_map_entry {
    struct pl_map_entry *chain;          /* next in the slot */
    struct pl_map_entry *before, *after; /* in order of insertion */
    void *value;
    uint64_t hash;
    uint32_t len;
    uint8_t key[];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes a step, each folded in by a full 64 by 64 bit product with a secret that depends on the seed.
 */
static uint64_t hash_of(uint64_t seed, const uint8_t *key, uint32_t len)
{
    const uint64_t secret = seed ^ 0xD6E8FEB86659FD93ull;
    uint64_t h = secret ^ len;
    while (len) {
        uint32_t n = len < 8 ? len : 8;
        uint64_t word = 0;
        memcpy(&word, key, n);
        h = mix(h ^ word, 0x9FB21C651E98DF25ull ^ (secret << 1));
        key += n;
        len -= n;
    }
    return mix(h ^ 0xA0761D6478BD642Full, 0xE7037ED1A0B428DBull);
}

static struct pl_map_entry **slot_of(const struct pl_map *map, uint64_t hash)
{
    return &map->slots[hash & (map->capacity - 1)];
}

/* Where the pointer to KEY's entry stands, or the end of its chain. The map has slots. */
static struct pl_map_entry **find(const struct pl_map *map, uint64_t hash, const void *key, uint32_t len)
{
    struct pl_map_entry **at = slot_of(map, hash);
    while (*at && ((*at)->hash != hash || (*at)->len != len || (len && memcmp((*at)->key, key, len) != 0)))
        at = &(*at)->chain;
    return at;
}

static int grow(struct pl_map *map)
{
    uint32_t capacity = map->capacity ? map->capacity * 2 : 16;
    struct pl_map_entry **slots = calloc(capacity, sizeof *slots);
    if (!slots) return -PL_E_NO_MEMORY;
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    for (struct pl_map_entry *e = map->first; e; e = e->after) {
        e->chain = *slot_of(map, e->hash);
        *slot_of(map, e->hash) = e;
    }
    return 0;
}

static struct pl_map_entry *entry_create(uint64_t hash, const void *key, uint32_t len, void *value)
{
    struct pl_map_entry *e = calloc(1, sizeof *e + len);
    if (!e) return NULL;
    e->hash = hash;
    e->len = len;
    e->value = value;
    if (len) memcpy(e->key, key, len);
    return e;
}

int pl_map_put(struct pl_map *map, const void *key, uint32_t len, void *value)
{
    uint64_t hash = hash_of(map->seed, key, len);
    struct pl_map_entry *e = map->capacity ? *find(map, hash, key, len) : NULL;
    if (e) {
        e->value = value;
        return 0;
    }
    /* Growing comes first: a failure after the entry was linked would have to be undone. */
    if (map->count >= map->capacity && grow(map) != 0) return -PL_E_NO_MEMORY;
    e = entry_create(hash, key, len, value);
    if (!e) return -PL_E_NO_MEMORY;
    e->chain = *slot_of(map, hash);
    *slot_of(map, hash) = e;
    e->before = map->last;
    if (map->last)
        map->last->after = e;
    else
        map->first = e;
    map->last = e;
    map->count++;
    return 0;
}

void *pl_map_get(const struct pl_map *map, const void *key, uint32_t len)
{
    if (!map->count) return NULL;
    struct pl_map_entry *e = *find(map, hash_of(map->seed, key, len), key, len);
    return e ? e->value : NULL;
}

void *pl_map_remove(struct pl_map *map, const void *key, uint32_t len)
{
    if (!map->count) return NULL;
    struct pl_map_entry **at = find(map, hash_of(map->seed, key, len), key, len), *e = *at;
    if (!e) return NULL;
    *at = e->chain;
    if (e->before)
        e->before->after = e->after;
    else
        map->first = e->after;
    if (e->after)
        e->after->before = e->before;
    else
        map->last = e->before;
    map->count--;
    void *value = e->value;
    free(e);
    return value;
}

uint32_t pl_map_count(const struct pl_map *map)
{
    return map->count;
}

void pl_map_each(struct pl_map *map, pl_map_visit fn, void *arg)
{
    for (struct pl_map_entry *e = map->first, *after; e; e = after) {
        after = e->after; /* FN may free E */
        fn(e->key, e->len, e->value, arg);
    }
}

void *pl_map_first(const struct pl_map *map)
{
    return map->first ? map->first->value : NULL;
}

void pl_map_finish(struct pl_map *map)
{
    for (struct pl_map_entry *e = map->first, *after; e; e = after) {
        after = e->after;
        free(e);
    }
    free(map->slots);
    *map = (struct pl_map){.seed = map->seed};
}
