/* graph.h - the forward pass of a llama or qwen2 model over a ragged batch, one description for every
 * backend.
 *
 * The graph is the kind of model that has weights; what it offers is pl__kind_graph in kernels/model.h. */
#ifndef PL_KERNELS_GRAPH_H
#define PL_KERNELS_GRAPH_H

#include "kernels/model.h"

/* Floats of scratch that a graph over M takes for steps of MAX_ROWS rows (to tell a person what a setting
 * costs). */
uint64_t pl__graph_scratch_floats(const struct pl_model *m, uint32_t max_rows);

#endif
