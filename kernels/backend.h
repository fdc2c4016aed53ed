/* backend.h - the table of ops under the model graph: one table, an implementation a device.
 *
 * kernels/graph.c is written against this table only. The CPU (kernels/cpu/) is the reference and works in the numeric
 * scheme X32 (docs/numerics.md): its results are the same bits for every batch, chunking, number of threads and
 * instruction set. A table is used by one thread at a time; ops may use workers of their own and are complete when
 * they return (CPU) or in order on the device's stream (others).
 *
 * Letters: T rows of the step, D width, H query heads, G key-value heads, E head width, F feed-forward width, V vocabulary.
 * Activations are float32 [T, features], row stride `ld` in elements. */
#ifndef PL_KERNELS_BACKEND_H
#define PL_KERNELS_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include "kernels/engine.h"
#include "kernels/gguf.h"
#include "schemas/err.h"

struct pl_dev;    /* one device: workers or stream, scratch */
struct pl_weight; /* a weight in the layout that the backend chose */
struct pl_kv;     /* the paged KV cache of all layers */

struct pl_mat {
    float *data; /* device memory; lent by whoever made the view */
    uint32_t rows, cols, ld;
};

struct pl_attn_desc {
    uint32_t n_heads, n_kv_heads, head_dim;
    float scale; /* of the dot products: 1/sqrt(E) */
};
struct pl_rope_desc {
    float theta;
    uint32_t dims;       /* leading dimensions of a head that turn */
    bool interleaved;    /* true: pairs (2i, 2i+1), GGUF "llama"; false: pairs (i, i+dims/2), "qwen2" (NEOX) */
    const float *factors; /* [dims/2] divisors of the frequencies (rope_freqs.weight), or NULL */
};

/* The ragged batch of a step: rows are grouped by sequence; sequence s owns rows [row[s], row[s+1]). Host memory. */
struct pl_batch {
    uint32_t n_rows, n_seqs;
    const uint32_t *pos;          /* [n_rows] position of each row in its sequence */
    const uint32_t *row;          /* [n_seqs+1] */
    const uint32_t *const *pages; /* [n_seqs] page table of each sequence */
};

/* A low-rank pair at one projection: y += scale * (x A^T) B^T, float32 (X32, rule 13). */
struct pl_lora_pair {
    const float *a; /* [rank, cols] */
    const float *b; /* [rows, rank] */
    uint32_t rank, rows, cols;
    float scale;
    uint32_t out_offset; /* first output column of a fused site (k of q-k-v begins at H*E) that the pair adds to */
};

struct pl_backend {
    const char *name;

    int (*open)(enum pl_isa isa, uint32_t threads, struct pl_dev **out, struct pl_err *err);
    void (*close)(struct pl_dev **dev);
    uint32_t (*threads)(const struct pl_dev *dev);
    float *(*alloc)(struct pl_dev *dev, uint64_t floats); /* zeroed; NULL when out of memory */
    void (*release)(struct pl_dev *dev, float *p);

    /* A weight of N rows by K columns made of N_PARTS tensors stacked by rows (q, k, v; gate, up; or one), which share
     * K but may differ in type, and a BIAS of N floats or NULL (copied). Tensor data may be unmapped afterwards unless
     * the backend keeps it (weight_keeps_source). Refuses a non-finite scale by the tensor's name. */
    int (*weight_create)(enum pl_isa isa, const struct pl_tensor *const *parts, uint32_t n_parts, const float *bias,
                         struct pl_weight **out, struct pl_err *err);
    void (*weight_destroy)(struct pl_weight **w);
    uint64_t (*weight_bytes)(const struct pl_weight *w);
    /* Row N of the weight as float32 into OUT [K] (tests, X32 rule 5). */
    void (*weight_row)(const struct pl_weight *w, uint32_t row, float *out);

    int (*kv_create)(struct pl_dev *dev, uint32_t n_layers, uint32_t n_pages, const struct pl_attn_desc *a,
                     struct pl_kv **out, struct pl_err *err);
    void (*kv_destroy)(struct pl_dev *dev, struct pl_kv **kv);
    void (*kv_copy_page)(struct pl_dev *dev, struct pl_kv *kv, uint32_t src, uint32_t dst);
    uint64_t (*kv_bytes)(const struct pl_kv *kv);

    /* x[t] = row ids[t] of the table. */
    void (*embed)(struct pl_dev *dev, const struct pl_weight *table, const uint32_t *ids, struct pl_mat x);
    /* out = x * gain / rms(x). OUT may not be X. */
    void (*rmsnorm)(struct pl_dev *dev, struct pl_mat x, const float *gain, float eps, struct pl_mat out);
    /* y = x w^T + bias. x [T,K], y [T,N]. LORA: [T] pairs' lists by row (NULL: none); each row's pairs are added after
     * the product and before the bias. */
    void (*matmul)(struct pl_dev *dev, struct pl_mat x, const struct pl_weight *w,
                   const struct pl_lora_pair *const *lora, const uint32_t *n_lora, struct pl_mat y);
    /* x += y. */
    void (*add)(struct pl_dev *dev, struct pl_mat x, struct pl_mat y);
    /* QKV [T, (H+2G)*E]: turns q and k of each row by its position, in place, and writes k and v to the rows' places in
     * the pages of LAYER. */
    void (*rope_kv_write)(struct pl_dev *dev, struct pl_mat qkv, const struct pl_attn_desc *a,
                          const struct pl_rope_desc *r, const struct pl_batch *b, struct pl_kv *kv, uint32_t layer);
    /* out [T, H*E]: causal attention of each row's q over positions 0..pos of its sequence (X32, rule 7). */
    void (*attention)(struct pl_dev *dev, struct pl_mat qkv, const struct pl_attn_desc *a, const struct pl_batch *b,
                      const struct pl_kv *kv, uint32_t layer, struct pl_mat out);
    /* out [T,F] = silu(gate_up[:, 0:F]) * gate_up[:, F:2F]. */
    void (*swiglu)(struct pl_dev *dev, struct pl_mat gate_up, struct pl_mat out);
};

extern const struct pl_backend pl_backend_cpu;

#endif
