/* gemm.h - matrix products of training: C = A B or C += A B in float32, over strided operands and over the
 * packed weights of serving.
 *
 * Operands are packed into tiles of the instruction set; K is taken in runs of 256, each added to what stands
 * in C, so an output is one chain of fused multiply-adds in rising k whatever the run, the thread or the
 * instruction set: the same bits. Weights are dequantised a few hundred rows at a time into scratch that
 * stays in the cache. A struct pl__gemm belongs to the thread that calls it and uses the workers of its pool.
 */
#ifndef PL_KERNELS_TRAIN_GEMM_H
#define PL_KERNELS_TRAIN_GEMM_H

#include "kernels/cpu/cpu.h"
#include "kernels/train/ops.h"

/* Element (i, j) is p[i*row + j*col]. */
struct pl__operand {
    const float *p;
    size_t row, col;
};
static inline struct pl__operand pl__rows_of(const float *p, size_t ld)
{
    return (struct pl__operand){p, ld, 1};
}
static inline struct pl__operand pl__turned(const float *p, size_t ld)
{
    return (struct pl__operand){p, 1, ld};
}

struct pl__gemm {
    const struct pl__train_ops *ops;
    const struct pl__tile_ops *tiles; /* opens packed weights */
    struct pl__pool *pool;
    struct pl__scratch a;       /* packed A of a run */
    struct pl__scratch *thread; /* [threads] packed B and an edge tile */
    struct pl__scratch weight;  /* dequantised rows */
};
int pl__gemm_init(struct pl__gemm *g, enum pl_isa isa, uint32_t threads, struct pl_err *err);
void pl__gemm_finish(struct pl__gemm *g);

/* C [M, N] with row stride LDC = (ADD ? C : 0) + A [M, K] B [K, N]. */
void pl__gemm(struct pl__gemm *g, uint32_t m, uint32_t n, uint32_t k, struct pl__operand a,
              struct pl__operand b, float *c, size_t ldc, bool add);
/* The same by the calling thread alone; SCRATCH is its own. For many small products at once. */
void pl__gemm_alone(const struct pl__train_ops *ops, struct pl__scratch *scratch, uint32_t m, uint32_t n,
                    uint32_t k, struct pl__operand a, struct pl__operand b, float *c, size_t ldc, bool add);

/* A matrix of N rows by K columns: packed as serving has it, or plain float32 of row stride K. */
struct pl__weights {
    const struct pl_weight *packed; /* NULL: plain */
    const float *plain;
    uint32_t rows, cols;
};
/* Y [T, rows] (LDY) = X [T, cols] (LDX) W^T. */
void pl__gemm_forward(struct pl__gemm *g, uint32_t t, const float *x, size_t ldx, const struct pl__weights *w,
                      float *y, size_t ldy);
/* DX [T, cols] (LDX) = (ADD ? DX : 0) + DY [T, rows] (LDY) W. */
void pl__gemm_back(struct pl__gemm *g, uint32_t t, const float *dy, size_t ldy, const struct pl__weights *w,
                   float *dx, size_t ldx, bool add);
/* Runs FN on all workers. */
void pl__gemm_share(struct pl__gemm *g, void (*fn)(void *arg, uint32_t thread), void *arg);

#endif
