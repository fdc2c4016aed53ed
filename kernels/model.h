/* model.h - inside of a model, shared by the files of kernels/ that open, run and hash models; not for other
 * layers.
 *
 * A model is one of two kinds behind one table: the graph over weights (graph.c) or the hash of the ids so
 * far (model_hash.c). The engine knows slots, pages and sampling; a kind knows how to turn a batch of rows
 * into logits. */
#ifndef PL_KERNELS_MODEL_H
#define PL_KERNELS_MODEL_H

#include "kernels/adapter.h"
#include "kernels/backend.h"

/* Pairs of one site by row of the step: ROWS [T] lists of N [T] pairs. */
struct pl_lora_rows {
    const struct pl_lora_pair *const *rows;
    const uint32_t *n;
};

/* One forward pass over a checked batch. Everything is lent for the call. */
struct pl_forward {
    const struct pl_batch *batch;
    const uint32_t *ids;             /* [T] */
    const uint32_t *const *history;  /* [S] ids of each sequence from its position 0 */
    const struct pl_lora_rows *lora; /* [L * PL_N_SITES] or NULL */
    const uint32_t *out_rows;        /* [n_out] rows that give logits, rising */
    uint32_t n_out;
    float *logits; /* [n_out, V], from the kind's alloc */
};

/* Whose pairs each row of a step takes (lora_table.c). */
struct pl__lora_table;
int pl__lora_table_create(uint32_t n_layers, uint32_t max_rows, struct pl__lora_table **out);
void pl__lora_table_destroy(struct pl__lora_table **t);
/* Rows [from, to) take the pairs of A, or none when it is NULL. */
void pl__lora_table_fill(struct pl__lora_table *t, const struct pl_adapter *a, uint32_t from, uint32_t to);
/* For pl_forward, after all rows of the step are filled. */
const struct pl_lora_rows *pl__lora_table_rows(const struct pl__lora_table *t);

struct pl_run; /* a kind's state for one engine: workers, KV, scratch */
struct pl_model_kind {
    int (*create)(const struct pl_model *m, const struct pl_engine_opts *o, struct pl_run **out,
                  struct pl_err *err);
    void (*destroy)(struct pl_run **run);
    uint32_t (*threads)(const struct pl_run *run);
    uint64_t (*kv_bytes)(const struct pl_run *run);
    float *(*alloc)(struct pl_run *run, uint64_t floats); /* NULL when out of memory */
    void (*release)(struct pl_run *run, float *p);
    void (*copy_page)(struct pl_run *run, uint32_t src, uint32_t dst);
    void (*forward)(struct pl_run *run, const struct pl_forward *f);
};
extern const struct pl_model_kind pl__kind_graph, pl__kind_hash;

struct pl_layer {
    float *attn_norm, *ffn_norm; /* [D] */
    struct pl_weight *qkv;       /* [(H+2G)*E, D], with bias for qwen2 */
    struct pl_weight *out;       /* [D, H*E] */
    struct pl_weight *gate_up;   /* [2F, D] */
    struct pl_weight *down;      /* [D, F] */
};
struct pl_model {
    struct pl_model_info info;
    const struct pl_model_kind *kind;
    const struct pl_backend *backend; /* NULL: the hash model, which has nothing below */
    enum pl_isa isa;
    struct pl_attn_desc attn;
    struct pl_rope_desc rope; /* factors points to rope_factors */
    float *rope_factors;      /* [rope.dims/2] or NULL */
    struct pl_weight *embed;  /* [V, D] */
    struct pl_weight *head;   /* [V, D]; the same object as embed when the output is tied */
    float *norm;              /* [D] of the last norm */
    struct pl_layer *layers;  /* [L] */
};

#endif
