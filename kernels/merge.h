/* merge.h - pairwise merging of a word's symbols, best pair first: the loop of both kinds of BPE.
 *
 * A word is a list of symbols; a rule says whether two neighbours may become one and how early. The best pair
 * is merged until no pair may be; among equals the leftmost goes first. A heap of candidates makes this O(n
 * log n) for words of any length. A merger is scratch memory of one call: one thread. */
#ifndef PL_KERNELS_MERGE_H
#define PL_KERNELS_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl__symbol {
    uint32_t start, len; /* bytes of the text that it covers; LEN 0: it was merged into another */
    uint32_t id;         /* token, or PL_NO_TOKEN */
    uint32_t prev, next; /* neighbours, or PL__NO_SYMBOL */
};
#define PL__NO_SYMBOL UINT32_MAX

/* True when A and B (neighbours, A first) may be merged: *RANK (smaller is earlier) and the result's *ID. */
typedef bool (*pl__merge_rule)(const void *ctx, const struct pl__symbol *a, const struct pl__symbol *b,
                               uint32_t *rank, uint32_t *id);

struct pl__candidate {
    uint64_t key; /* rank, then place */
    uint32_t len, id;
};

/* Zero-initialised = empty. */
struct pl__merger {
    struct pl__symbol *symbols;
    struct pl__candidate *heap;
    size_t n_symbols, n_heap, capacity;
};

/* Empties the merger and makes room for a word of COUNT symbols. 0 or -PL_E_NO_MEMORY. */
int pl__merger_begin(struct pl__merger *m, size_t count);
/* Adds the next symbol of the word; at most COUNT of them. */
void pl__merger_add(struct pl__merger *m, uint32_t start, uint32_t len, uint32_t id);
/* Merges. The result is read from symbol 0 along NEXT. */
void pl__merger_run(struct pl__merger *m, pl__merge_rule rule, const void *ctx);
void pl__merger_finish(struct pl__merger *m);

#endif
