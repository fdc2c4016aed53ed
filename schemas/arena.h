/* arena.h - memory that dies with its message.
 *
 * A chain of blocks; pieces are never freed one by one. One owner, one thread. The total is bounded by
 * LIMIT_BYTES, because sizes often come from a peer. Zero-initialised struct = empty arena with no limit. */
#ifndef PL_SCHEMAS_ARENA_H
#define PL_SCHEMAS_ARENA_H

#include <stddef.h>

struct pl_arena_block;
struct pl_arena {
    struct pl_arena_block *head; /* NULL: nothing was allocated, and there is nothing to free */
    unsigned char *at, *end;     /* free part of the newest block */
    size_t used_bytes;  /* handed out so far */
    size_t limit_bytes; /* 0: no limit */
};

/* Gives the empty arena A its first BYTES at MEMORY, aligned for any type, which stay the caller's and must outlive it. */
void pl_arena_lend(struct pl_arena *a, void *memory, size_t bytes);
/* Returns zeroed memory aligned for any type, valid until pl_arena_finish; NULL when over the limit or out of memory. */
void *pl_arena_alloc(struct pl_arena *a, size_t bytes);
/* Copies BYTES of SRC and adds a NUL after them (not counted). NULL as above. */
char *pl_arena_copy(struct pl_arena *a, const void *src, size_t bytes);
/* Frees everything; the arena is empty and usable again. Takes a zeroed arena. */
void pl_arena_finish(struct pl_arena *a);

#endif
