/* ops.h - the arithmetic of training, once an instruction set: the tile of the matrix product, and rows.
 *
 * Float32 throughout. Written over sixteen lanes (kernels/cpu/lanes.h) in ops_impl.h and compiled for each
 * instruction set, so all give the same bits: every output of a product is one chain of fused multiply-adds
 * in rising k, and sums of a row are sixteen chains and one tree. No state; any thread. */
#ifndef PL_KERNELS_TRAIN_OPS_H
#define PL_KERNELS_TRAIN_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernels/engine.h"

/* Decoupled weight decay as in Loshchilov and Hutter, arXiv 1711.05101. C1 and C2 are 1 - beta^step. */
struct pl__adamw {
    float lr, beta1, beta2, eps, decay, c1, c2;
    float grad_scale; /* what clipping multiplies each gradient with */
};

struct pl__train_ops {
    uint32_t mr, nr; /* rows and columns of a tile */
    /* C [mr, nr] (row stride LDC) = (ADD ? C : 0) + A B over K; A is packed [K][mr], B [K][nr], both 64-byte
     * aligned. */
    void (*tile)(uint32_t k, const float *a, const float *b, float *c, size_t ldc, bool add);
    /* x = e^(x - max) over the N values; gives their sum and the maximum. */
    float (*exp_row)(float *x, uint32_t n, float *max);
    /* x = e^(x - shift). */
    void (*exp_shift)(float *x, uint32_t n, float shift);
    void (*scale)(float *x, uint32_t n, float s);
    void (*add_scaled)(float *y, const float *x, uint32_t n, float s); /* y += s*x */
    void (*mul)(float *y, const float *x, const float *z, uint32_t n); /* y = x*z */
    float (*dot)(const float *x, const float *y, uint32_t n);
    /* DACT [N] is the gradient of silu(gate)*up; GATE and UP are replaced by their own gradients. */
    void (*swiglu_back)(float *gate, float *up, const float *dact, uint32_t n);
    /* DX += the gradient of rmsnorm(X)*GAIN given DY; DGAIN += its own when not NULL. */
    void (*norm_back)(const float *x, const float *gain, float eps, const float *dy, uint32_t n, float *dx,
                      float *dgain);
    void (*adamw)(float *p, const float *g, float *m, float *v, size_t n, const struct pl__adamw *o);
};

/* ISA as pl_model_open took it; never AUTO. */
const struct pl__train_ops *pl__train_ops_of(enum pl_isa isa);
extern const struct pl__train_ops pl__train_ops_portable, pl__train_ops_avx2, pl__train_ops_avx512;

#endif
