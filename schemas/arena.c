#include "schemas/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct pl_arena_block {
    struct pl_arena_block *next;
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

enum { FIRST_BLOCK = 1008, ALIGN = alignof(max_align_t) };

static unsigned char *grow(struct pl_arena *a, size_t bytes)
{
    size_t size = a->head ? a->head->size * 2 : FIRST_BLOCK;
    if (size > 256 * 1024) size = 256 * 1024;
    if (size < bytes) size = bytes;
    struct pl_arena_block *b = malloc(sizeof *b + size);
    if (!b) return NULL;
    b->next = a->head;
    b->size = size;
    a->head = b;
    a->end = b->data + size;
    return b->data;
}

void pl_arena_lend(struct pl_arena *a, void *memory, size_t bytes)
{
    a->at = memory;
    a->end = a->at + bytes;
}

/* At least BYTES, not zeroed. */
static inline void *take(struct pl_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    size_t need = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (need == 0) need = ALIGN;
    if (a->limit_bytes && (need > a->limit_bytes || a->used_bytes > a->limit_bytes - need)) return NULL;
    unsigned char *p = a->at;
    if ((size_t)(a->end - p) < need) p = grow(a, need);
    if (!p) return NULL;
    a->at = p + need;
    a->used_bytes += need;
    return p;
}

void *pl_arena_alloc(struct pl_arena *a, size_t bytes)
{
    void *p = take(a, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

char *pl_arena_copy(struct pl_arena *a, const void *src, size_t bytes)
{
    char *p = bytes <= SIZE_MAX / 4 ? take(a, bytes + 1) : NULL;
    if (!p) return NULL;
    if (bytes) memcpy(p, src, bytes);
    p[bytes] = '\0';
    return p;
}

void pl_arena_finish(struct pl_arena *a)
{
    for (struct pl_arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->at = a->end = NULL;
    a->used_bytes = 0;
}
