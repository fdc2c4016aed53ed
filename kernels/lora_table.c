/* lora_table.c - which pairs each row of a step takes, at each site of each layer: what the graph hands to
 * the op table.
 *
 * Sequences with different adapters, and with none, stand in one step; each row names its own list, so
 * nothing in a step depends on who else is there. Made for the most rows of a step once; one thread. */
#include <stdlib.h>
#include "kernels/model.h"

struct pl__lora_table {
    uint32_t n_sites, max_rows;
    const struct pl_lora_pair **rows; /* [site][row] */
    uint32_t *n;                      /* the same */
    struct pl_lora_rows *sites;       /* [site] */
};

int pl__lora_table_create(uint32_t n_layers, uint32_t max_rows, struct pl__lora_table **out)
{
    struct pl__lora_table *t = calloc(1, sizeof *t);
    if (!t) return -PL_E_NO_MEMORY;
    t->n_sites = n_layers * PL_N_SITES;
    t->max_rows = max_rows;
    t->rows = calloc((size_t)t->n_sites * max_rows, sizeof *t->rows);
    t->n = calloc((size_t)t->n_sites * max_rows, sizeof *t->n);
    t->sites = calloc(t->n_sites, sizeof *t->sites);
    if (!t->rows || !t->n || !t->sites) {
        pl__lora_table_destroy(&t);
        return -PL_E_NO_MEMORY;
    }
    for (uint32_t s = 0; s < t->n_sites; s++)
        t->sites[s] = (struct pl_lora_rows){t->rows + (size_t)s * max_rows, t->n + (size_t)s * max_rows};
    *out = t;
    return 0;
}

void pl__lora_table_destroy(struct pl__lora_table **table)
{
    struct pl__lora_table *t = *table;
    if (!t) return;
    free((void *)t->rows);
    free(t->n);
    free(t->sites);
    free(t);
    *table = NULL;
}

void pl__lora_table_fill(struct pl__lora_table *t, const struct pl_adapter *a, uint32_t from, uint32_t to)
{
    for (uint32_t s = 0; s < t->n_sites; s++)
        for (uint32_t r = from; r < to; r++) {
            t->rows[(size_t)s * t->max_rows + r] = a ? a->sites[s].pairs : NULL;
            t->n[(size_t)s * t->max_rows + r] = a ? a->sites[s].n : 0;
        }
}

const struct pl_lora_rows *pl__lora_table_rows(const struct pl__lora_table *t)
{
    return t->sites;
}
