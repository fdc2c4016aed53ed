/* pages.h - who owns which KV page, and which pages hold ids that can be used again.
 *
 * Pure bookkeeping over page numbers: the keys and values themselves lie in the executor. A page holds
 * PL_PAGE_TOKENS positions of one sequence. Sequences have tables; pages that are complete, and the last page
 * of a sequence that ended, are filed in the prefix cache, from where other sequences share or copy them. One
 * thread. */
#ifndef PL_ACTORS_PAGES_H
#define PL_ACTORS_PAGES_H

#include "kernels/engine.h"

struct pl_pages;

/* The pages of one sequence, in order of position. PAGES is the caller's memory of ROOM entries and outlives
 * the use. Zero COUNT and FILED = no pages. */
struct pl_page_table {
    uint32_t *pages;
    uint32_t room, count;
    uint32_t filed; /* so many of the first pages are filed: shared, never written again */
    uint64_t owner; /* sequences of different owners share nothing; set before pl_pages_open */
};

/* How many pages N positions take. */
static inline uint32_t pl_pages_for(uint32_t n_positions)
{
    return n_positions / PL_PAGE_TOKENS + (n_positions % PL_PAGE_TOKENS != 0);
}

/* N_PAGES empty pages of a model (its digest keys the cache). 0 or -PL_E_NO_MEMORY. */
int pl_pages_create(uint32_t n_pages, const char *digest, size_t digest_len, struct pl_pages **out);
void pl_pages_destroy(struct pl_pages **p);

/* What pl_pages_open found. */
struct pl_page_find {
    uint32_t n_cached; /* leading positions that need not be run; at most n_ids-1 */
    bool has_copy;     /* COPY must be done before the sequence runs */
    struct pl_page_copy
        copy; /* may name a source that the next call gives away: do copies in order, before any row */
};
/* Begins a sequence of N_IDS >= 1 known ids in the empty table T: takes what the cache has of it and fresh
 * pages for the rest. All of it, or -PL_E_AGAIN when there are too few pages now, and nothing is held. */
int pl_pages_open(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n_ids,
                  struct pl_page_find *out);
/* Makes T cover N_POSITIONS. -PL_E_AGAIN when pages lack; those that were added stay. */
int pl_pages_grow(struct pl_pages *p, struct pl_page_table *t, uint32_t n_positions);
/* The first N_RAN positions of T now hold IDS: completed pages go to the cache. A page that the cache already
 * has is given back and the cached one taken instead, so T's numbers may change. */
void pl_pages_file(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n_ran);
/* Ends T, of which the first N_RAN positions hold IDS: they stay cached until their pages are needed. */
void pl_pages_close(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n_ran);
/* Ends T without trusting what was not filed yet. */
void pl_pages_drop(struct pl_pages *p, struct pl_page_table *t);

/* Forgets every cached page that no table holds: nothing can share it any more. */
void pl_pages_forget(struct pl_pages *p);

uint32_t pl_pages_total(const struct pl_pages *p);
uint32_t pl_pages_available(const struct pl_pages *p); /* free, or cached and used by nobody */

/* For tests: checks every invariant of pages.c against all TABLES in use. NULL, or what is broken (static
 * string). */
const char *pl_pages_check(const struct pl_pages *p, const struct pl_page_table *const *tables,
                           uint32_t n_tables);

#endif
