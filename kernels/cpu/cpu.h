/* cpu.h - what the files of the CPU backend share: the device, quantised activations, the KV cache, and the
 * two tables of functions that exist once an instruction set. All tables give the same bits
 * (docs/numerics.md). */
#ifndef PL_KERNELS_CPU_CPU_H
#define PL_KERNELS_CPU_CPU_H

#include <stddef.h>
#include "kernels/backend.h"
#include "kernels/cpu/threads.h"
#include "kernels/cpu/weight.h"

/* Rule 1, a block of 32 activations: q in [-127, 127], x = d*q. A block that holds a NaN or an infinity has d
 * = ds = NaN and zero q, so that it poisons its own row and nothing else. */
struct pl__qblock {
    float d;
    float ds;    /* d * float(sum of q) */
    int32_t ns;  /* minus the sum of q */
    int32_t ns0; /* minus the sum of the first 16 */
};
struct pl__qact {               /* of T rows */
    const int8_t *q;            /* [T, cols] */
    const struct pl__qblock *b; /* [T, blocks] */
    uint32_t cols, blocks;
};

/* Products of quantised tiles. Y gets 16 columns a tile; tile t of a call at y + 16*t. */
struct pl__tile_ops {
    /* Steps of up to this many rows go direct, larger ones by panels: where the two were measured to meet. */
    uint32_t direct_most;
    /* One tile times rows [0, rows), weights opened in registers. NULL when direct_most is 0. */
    void (*direct)(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t rows, float *y,
                   size_t ld);
    /* Opens a tile into X.blocks panels. */
    void (*open)(int dtype, const uint8_t *tile, uint32_t blocks, struct pl__panel *out);
    /* One or two opened tiles (one after the other in P) times any number of rows from row 0. */
    void (*panel)(int dtype, const struct pl__panel *p, uint32_t tiles, const struct pl__qact *x,
                  uint32_t rows, float *y, size_t ld);
};
extern const struct pl__tile_ops pl__tile_ops_portable, pl__tile_ops_avx2, pl__tile_ops_avx512;
/* The table of an instruction set that is not AUTO. */
const struct pl__tile_ops *pl__tile_ops_of(enum pl_isa isa);

/* Attention of the heads that share one key-value head, for some rows of one sequence. */
struct pl__attend {
    const float *q; /* head h of row r: q + r*q_ld + h*head_dim */
    float *out;     /* the same with out_ld */
    size_t q_ld, out_ld;
    const uint32_t *pos; /* [n_rows] */
    uint32_t n_rows, n_heads, head_dim;
    float scale;
    const uint16_t *k, *v; /* of page 0: keys [head_dim][64], values [64][head_dim] */
    size_t page_stride;    /* in halves */
    const uint32_t *pages;
};
/* Floats of scratch that it needs. */
static inline size_t pl__attend_scratch(uint32_t n_rows, uint32_t n_heads, uint32_t head_dim)
{
    size_t padded = (head_dim + 15) / 16 * 16;
    return PL_PAGE_TOKENS * (head_dim + padded + 1) + (size_t)n_rows * n_heads * (padded + 16);
}

/* Ops over lanes: written once (*_impl.h), compiled for each instruction set. */
struct pl__lane_ops {
    void (*quantize)(const float *x, uint32_t cols, int8_t *q, struct pl__qblock *b);
    void (*rmsnorm)(const float *x, const float *gain, float eps, uint32_t n, float *out);
    void (*swiglu)(const float *gate, const float *up, uint32_t n, float *out);
    void (*add)(float *x, const float *y, uint32_t n);
    void (*store_f16)(uint16_t *out, const float *x, uint32_t n);
    void (*attend)(const struct pl__attend *a, float *scratch);
    /* A tile of F32, F16 or BF16 times ROWS rows; y gets 16 columns. */
    void (*float_tile)(int dtype, const uint8_t *tile, uint32_t cols, const float *x, size_t ldx,
                       uint32_t rows, float *y, size_t ldy);
    /* u = A x; then y[n] += scale * (B u)[n] for n in [from, to). */
    void (*lora_down)(const struct pl_lora_pair *p, const float *x, float *u);
    void (*lora_up)(const struct pl_lora_pair *p, const float *u, uint32_t from, uint32_t to, float *y);
    void (*exp)(const float *x, float *out); /* 16 values; the tests compare it with pl__exp */
};
extern const struct pl__lane_ops pl__lane_ops_portable, pl__lane_ops_avx2, pl__lane_ops_avx512;
const struct pl__lane_ops *pl__lane_ops_of(enum pl_isa isa);

/* Memory that grows to the largest step and stays. */
struct pl__scratch {
    void *data;
    uint64_t bytes;
};
/* At least BYTES, old contents lost when it grows. Out of memory stops the process: an op cannot fail, and
 * what it needs is bounded by the rows of a step and the width of the model. */
void *pl__scratch_get(struct pl__scratch *s, uint64_t bytes);
void pl__scratch_free(struct pl__scratch *s); /* empty again */

/* Cosines and sines of the rows of the last step: every layer asks for the same ones. */
struct pl__rope_cache {
    struct pl__scratch table, pos, factors, freq;
    uint32_t n_rows, dims;
    float theta;
    bool filled, has_factors;
};

struct pl_dev {
    enum pl_isa isa;
    const struct pl__tile_ops *tile;
    const struct pl__lane_ops *lane;
    struct pl__pool *pool;
    struct pl__scratch q, qblocks, lora_u, lora_at, tasks;
    struct pl__scratch *thread; /* [threads] */
    struct pl__rope_cache rope;
};
/* Runs FN(arg, thread) on all workers when ITEMS is worth it, else on this thread alone. */
void pl__dev_run(struct pl_dev *dev, uint32_t items, void (*fn)(void *arg, uint32_t thread), void *arg);

/* Pages of 64 positions: [layer][page][keys, values][kv head], keys [head_dim][64] and values [64][head_dim]
 * in F16. Keys lie across positions so that a score is a chain over head_dim with positions as lanes. */
struct pl_kv {
    uint16_t *data;
    uint32_t n_layers, n_pages, n_kv_heads, head_dim;
    size_t head_stride, page_stride, layer_stride; /* in halves */
};

void pl__cpu_matmul(struct pl_dev *dev, struct pl_mat x, const struct pl_weight *w,
                    const struct pl_lora_pair *const *lora, const uint32_t *n_lora, struct pl_mat y);
/* FREQ [dims/2]: radians a position. OUT [dims]: cosines, then sines, of POS. */
void pl__rope_frequencies(const struct pl_rope_desc *r, double *freq);
void pl__rope_angles(const double *freq, uint32_t dims, uint32_t pos, float *out);
/* Turns a head in place by what pl__rope_angles gave. */
void pl__rope_turn(float *head, const struct pl_rope_desc *r, const float *cosines);
void pl__cpu_rope_kv_write(struct pl_dev *dev, struct pl_mat qkv, const struct pl_attn_desc *a,
                           const struct pl_rope_desc *r, const struct pl_batch *b, struct pl_kv *kv,
                           uint32_t layer);
void pl__cpu_attention(struct pl_dev *dev, struct pl_mat qkv, const struct pl_attn_desc *a,
                       const struct pl_batch *b, const struct pl_kv *kv, uint32_t layer, struct pl_mat out);

#endif
