/* float_impl.h - products with float weights and low-rank pairs, over lanes (rules 4 and 13): one fma chain
 * in rising k an output, the lanes being outputs. Works against the latency of that chain at one row, against
 * memory from four on. Included by the lanes_*.c files only. */
#ifndef PL_KERNELS_CPU_FLOAT_IMPL_H
#define PL_KERNELS_CPU_FLOAT_IMPL_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"

PL_LANE v16 load_weights(int dtype, const uint8_t *tile, size_t k)
{
    const void *p = tile + k * PL_TILE * (dtype == PL_F32 ? 4 : 2);
    if (dtype == PL_F32) return v16_load(p);
    return dtype == PL_F16 ? v16_load_f16(p) : v16_load_bf16(p);
}

PL_LANE void float_rows(int dtype, const uint8_t *tile, uint32_t cols, const float *x, size_t ldx,
                        uint32_t rows, float *y, size_t ldy)
{
    v16 acc[8];
    for (uint32_t r = 0; r < rows; r++) acc[r] = v16_set(0);
    for (uint32_t k = 0; k < cols; k++) {
        v16 w = load_weights(dtype, tile, k);
        for (uint32_t r = 0; r < rows; r++) acc[r] = v16_fma(v16_set(x[r * ldx + k]), w, acc[r]);
    }
    for (uint32_t r = 0; r < rows; r++) v16_store(y + r * ldy, acc[r]);
}

PL_LANE void float_type(int dtype, const uint8_t *tile, uint32_t cols, const float *x, size_t ldx,
                        uint32_t rows, float *y, size_t ldy)
{
    uint32_t r = 0;
    for (; r + 8 <= rows; r += 8) float_rows(dtype, tile, cols, x + r * ldx, ldx, 8, y + r * ldy, ldy);
    for (; r + 3 <= rows; r += 3) float_rows(dtype, tile, cols, x + r * ldx, ldx, 3, y + r * ldy, ldy);
    for (; r < rows; r++) float_rows(dtype, tile, cols, x + r * ldx, ldx, 1, y + r * ldy, ldy);
}

static void lanes_float_tile(int dtype, const uint8_t *tile, uint32_t cols, const float *x, size_t ldx,
                             uint32_t rows, float *y, size_t ldy)
{
    if (dtype == PL_F32)
        float_type(PL_F32, tile, cols, x, ldx, rows, y, ldy);
    else if (dtype == PL_F16)
        float_type(PL_F16, tile, cols, x, ldx, rows, y, ldy);
    else
        float_type(PL_BF16, tile, cols, x, ldx, rows, y, ldy);
}

/* COUNT chains side by side hide the latency of each. */
PL_LANE void chains(const float *rows, size_t ld, uint32_t count, const float *x, uint32_t n, float *out)
{
    float acc[8] = {0};
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < count; i++) acc[i] = fmaf(x[k], rows[i * ld + k], acc[i]);
    for (uint32_t i = 0; i < count; i++) out[i] = acc[i];
}

static void lanes_lora_down(const struct pl_lora_pair *p, const float *x, float *u)
{
    uint32_t r = 0;
    for (; r + 8 <= p->rank; r += 8) chains(p->a + (size_t)r * p->cols, p->cols, 8, x, p->cols, u + r);
    for (; r < p->rank; r++) chains(p->a + (size_t)r * p->cols, p->cols, 1, x, p->cols, u + r);
}

static void lanes_lora_up(const struct pl_lora_pair *p, const float *u, uint32_t from, uint32_t to, float *y)
{
    for (uint32_t n = from; n < to; n += 8) {
        float t[8];
        uint32_t count = to - n < 8 ? to - n : 8;
        const float *b = p->b + (size_t)n * p->rank;
        if (count == 8)
            chains(b, p->rank, 8, u, p->rank, t);
        else
            chains(b, p->rank, count, u, p->rank, t);
        for (uint32_t i = 0; i < count; i++) y[n - from + i] = fmaf(p->scale, t[i], y[n - from + i]);
    }
}

#endif
