/* letters.h - the dead letters that a node remembers: a ring of the newest, with their messages for as long
 * as there is room.
 *
 * Bounds: COUNT letters, and BYTES of messages; a letter whose message was let go (the oldest go first, and
 * one that is larger than a quarter of all the room is never kept) is still listed. What was refused for want
 * of room, and the notices of the runtime itself, are counted by the node and are no letters. Nothing is
 * written anywhere: a restart forgets them. */
#ifndef PL_RUNTIME_LETTERS_H
#define PL_RUNTIME_LETTERS_H

#include "runtime/msg.h"

struct pl__letter {
    uint64_t number, at_ms; /* from 1; wall clock */
    int cause;
    bool replayed;
    char from[65], to[65], trace[65];
    const char *type; /* static */
    size_t bytes;
    struct pl_msg *m; /* NULL: let go */
};
struct pl__letters {
    uint32_t limit; /* letters; 0: none are remembered */
    size_t bytes_limit, bytes;
    uint64_t newest;         /* number of the newest, which is how many there were */
    uint64_t oldest_kept;    /* nothing below it has its message */
    struct pl__letter *ring; /* LIMIT places, made for the first letter; number N lies at N % LIMIT */
};
void pl__letters_init(struct pl__letters *l, uint32_t limit, size_t bytes_limit);
void pl__letters_finish(struct pl__letters *l);
/* M is borrowed; it is remembered by a reference. Out of memory: it is forgotten. */
void pl__letters_add(struct pl__letters *l, struct pl_msg *m, int cause, uint64_t wall_ms);
/* Letter NUMBER, lent until the next is added; NULL when it is not remembered (any more). */
struct pl__letter *pl__letters_find(struct pl__letters *l, uint64_t number);
uint64_t
pl__letters_first(const struct pl__letters *l); /* number of the oldest that is remembered; 0: none is */
/* Whether letter NUMBER can be sent again: 0 or what pl__letters_replay would return. */
int pl__letters_check(struct pl__letters *l, uint64_t number, struct pl_err *err);
/* *OUT is given: the message as it was, to be sent again, without its deadline. -PL_E_NOT_FOUND, -PL_E_GONE
 * (its message was let go), -PL_E_CONFLICT (it was sent again before), -PL_E_NO_MEMORY. */
int pl__letters_replay(struct pl__letters *l, uint64_t number, struct pl_msg **out, struct pl_err *err);

#endif
