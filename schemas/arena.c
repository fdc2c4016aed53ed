#include "schemas/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct pl_arena_block {
    struct pl_arena_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

enum { FIRST_BLOCK = 1008, ALIGN = alignof(max_align_t) };

static struct pl_arena_block *grow(struct pl_arena *a, size_t bytes)
{
    size_t size = a->head ? a->head->size * 2 : FIRST_BLOCK;
    if (size > 256 * 1024) size = 256 * 1024;
    if (size < bytes) size = bytes;
    struct pl_arena_block *b = malloc(sizeof *b + size);
    if (!b) return NULL;
    b->next = a->head;
    b->used = 0;
    b->size = size;
    a->head = b;
    return b;
}

void *pl_arena_alloc(struct pl_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    size_t need = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (need == 0) need = ALIGN;
    if (a->limit_bytes && (need > a->limit_bytes || a->used_bytes > a->limit_bytes - need)) return NULL;
    struct pl_arena_block *b = a->head;
    if (!b || b->size - b->used < need) b = grow(a, need);
    if (!b) return NULL;
    void *p = b->data + b->used;
    b->used += need;
    a->used_bytes += need;
    return memset(p, 0, need);
}

char *pl_arena_copy(struct pl_arena *a, const void *src, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    char *p = pl_arena_alloc(a, bytes + 1);
    if (p && bytes) memcpy(p, src, bytes);
    return p;
}

void pl_arena_finish(struct pl_arena *a)
{
    for (struct pl_arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->used_bytes = 0;
}
