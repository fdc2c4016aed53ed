/* map.h - a hash map from byte strings to pointers, walked in the order of insertion.
 *
 * Keys are copied; values belong to the caller. A zero-initialised struct is an empty map; SEED may be set
 * before the first put (from pl_random_u64 where keys come from a peer, so that nobody can aim at one slot).
 * The walk does not depend on the seed. One thread. */
#ifndef PL_ACTORS_MAP_H
#define PL_ACTORS_MAP_H

#include <stdint.h>

struct pl_map_entry;
struct pl_map {
    struct pl_map_entry **slots;
    struct pl_map_entry *first, *last; /* in order of insertion */
    uint32_t capacity, count;          /* of slots, a power of two; of entries */
    uint64_t seed;
};

/* Sets KEY (LEN bytes, 0 allowed) to VALUE (not NULL); an earlier value of that key is replaced and its place
 * in the order kept. 0; -PL_E_NO_MEMORY, and nothing has changed. */
int pl_map_put(struct pl_map *map, const void *key, uint32_t len, void *value);
/* NULL when there is no such key. */
void *pl_map_get(const struct pl_map *map, const void *key, uint32_t len);
/* Takes the entry out and gives its value; NULL when there is no such key. */
void *pl_map_remove(struct pl_map *map, const void *key, uint32_t len);
uint32_t pl_map_count(const struct pl_map *map);
/* Calls FN for each entry. FN may remove the entry that it was given (the key is gone with it) and no other;
 * it is open whether an entry that it puts is visited. */
typedef void (*pl_map_visit)(const void *key, uint32_t len, void *value, void *arg);
void pl_map_each(struct pl_map *map, pl_map_visit fn, void *arg);
/* The oldest entry's value; NULL when the map is empty. */
void *pl_map_first(const struct pl_map *map);
/* Frees the entries, not the values. The map is empty and usable again. */
void pl_map_finish(struct pl_map *map);

#endif
