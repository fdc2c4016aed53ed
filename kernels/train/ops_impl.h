/* ops_impl.h - the table of ops.h over lanes. Included by ops_*.c only, which define TILE_ROWS and TILE_LANES
 * (columns in units of 16) to fit the registers. */
#ifndef PL_KERNELS_TRAIN_OPS_IMPL_H
#define PL_KERNELS_TRAIN_OPS_IMPL_H

#include "kernels/cpu/lanes.h"
#include "kernels/train/ops.h"

#ifndef TILE_ROWS
#define TILE_ROWS 4
#define TILE_LANES 1
#endif

/* Bound by the multipliers: two loads of B and TILE_ROWS broadcasts feed TILE_ROWS * TILE_LANES products. */
static void ops_tile(uint32_t k, const float *a, const float *b, float *c, size_t ldc, bool add)
{
    v16 acc[TILE_ROWS][TILE_LANES];
#pragma GCC unroll 16
    for (uint32_t r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 2
        for (uint32_t j = 0; j < TILE_LANES; j++)
            acc[r][j] = add ? v16_load(c + r * ldc + 16 * j) : v16_set(0);
    for (uint32_t i = 0; i < k; i++, a += TILE_ROWS, b += 16 * TILE_LANES) {
        v16 col[TILE_LANES];
#pragma GCC unroll 2
        for (uint32_t j = 0; j < TILE_LANES; j++) col[j] = v16_load(b + 16 * j);
#pragma GCC unroll 16
        for (uint32_t r = 0; r < TILE_ROWS; r++) {
            v16 x = v16_set(a[r]);
#pragma GCC unroll 2
            for (uint32_t j = 0; j < TILE_LANES; j++) acc[r][j] = v16_fma(x, col[j], acc[r][j]);
        }
    }
#pragma GCC unroll 16
    for (uint32_t r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 2
        for (uint32_t j = 0; j < TILE_LANES; j++) v16_store(c + r * ldc + 16 * j, acc[r][j]);
}

static void ops_exp_shift(float *x, uint32_t n, float shift)
{
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, v16_exp(v16_sub(v16_load(x + i), v16_set(shift))));
    if (i < n) v16_store_n(x + i, v16_exp(v16_sub(v16_load_n(x + i, n - i), v16_set(shift))), n - i);
}

static float ops_exp_row(float *x, uint32_t n, float *max)
{
    v16 top = v16_set(-INFINITY), sum = v16_set(0);
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) top = v16_max(v16_load(x + i), top);
    if (i < n) top = v16_max(v16_keep_n(v16_load_n(x + i, n - i), n - i, v16_set(-INFINITY)), top);
    *max = v16_top(top);
    ops_exp_shift(x, n, *max);
    for (i = 0; i + 16 <= n; i += 16) sum = v16_add(sum, v16_load(x + i));
    if (i < n) sum = v16_add(sum, v16_load_n(x + i, n - i));
    return v16_sum(sum);
}

static void ops_scale(float *x, uint32_t n, float s)
{
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, v16_mul(v16_load(x + i), v16_set(s)));
    for (; i < n; i++) x[i] = x[i] * s;
}

static void ops_add_scaled(float *y, const float *x, uint32_t n, float s)
{
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_fma(v16_set(s), v16_load(x + i), v16_load(y + i)));
    if (i < n)
        v16_store_n(y + i, v16_fma(v16_set(s), v16_load_n(x + i, n - i), v16_load_n(y + i, n - i)), n - i);
}

static void ops_mul(float *y, const float *x, const float *z, uint32_t n)
{
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_mul(v16_load(x + i), v16_load(z + i)));
    for (; i < n; i++) y[i] = x[i] * z[i];
}

static float ops_dot(const float *x, const float *y, uint32_t n)
{
    v16 sum = v16_set(0);
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) sum = v16_fma(v16_load(x + i), v16_load(y + i), sum);
    if (i < n) sum = v16_fma(v16_load_n(x + i, n - i), v16_load_n(y + i, n - i), sum);
    return v16_sum(sum);
}

/* With s = 1/(1+e^-g): d silu(g) = s*(1 + g*(1-s)). */
PL_LANE void swiglu_back_16(v16 *g, v16 *u, v16 d)
{
    v16 one = v16_set(1.0f), s = v16_div(one, v16_add(one, v16_exp(v16_sub(v16_set(0.0f), *g))));
    v16 slope = v16_mul(s, v16_fma(*g, v16_sub(one, s), one));
    v16 silu = v16_mul(*g, s);
    *g = v16_mul(v16_mul(d, *u), slope);
    *u = v16_mul(d, silu);
}

static void ops_swiglu_back(float *gate, float *up, const float *dact, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t count = n - i < 16 ? n - i : 16;
        v16 g = v16_load_n(gate + i, count), u = v16_load_n(up + i, count);
        swiglu_back_16(&g, &u, v16_load_n(dact + i, count));
        v16_store_n(gate + i, g, count);
        v16_store_n(up + i, u, count);
    }
}

/* With y = x*r*w and r = (mean(x^2) + eps)^(-1/2): dx = r*w*dy - x * r^3/n * sum(w*dy*x). */
static void ops_norm_back(const float *x, const float *gain, float eps, const float *dy, uint32_t n,
                          float *dx, float *dgain)
{
    v16 along = v16_set(0);
    float r = 1.0f / sqrtf(ops_dot(x, x, n) / (float)n + eps);
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t count = n - i < 16 ? n - i : 16;
        v16 xv = v16_load_n(x + i, count), d = v16_load_n(dy + i, count);
        along = v16_fma(v16_mul(v16_load_n(gain + i, count), d), xv, along);
        if (dgain)
            v16_store_n(dgain + i, v16_fma(v16_mul(xv, v16_set(r)), d, v16_load_n(dgain + i, count)), count);
    }
    float back = -(v16_sum(along) * r * r * r / (float)n);
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t count = n - i < 16 ? n - i : 16;
        v16 straight = v16_mul(v16_mul(v16_load_n(gain + i, count), v16_load_n(dy + i, count)), v16_set(r));
        v16 sum = v16_fma(v16_load_n(x + i, count), v16_set(back), straight);
        v16_store_n(dx + i, v16_add(v16_load_n(dx + i, count), sum), count);
    }
}

/* One square root a value: sqrtf is IEEE exact on every path, a vector one would be as well. */
static void ops_adamw(float *p, const float *g, float *m, float *v, size_t n, const struct pl__adamw *o)
{
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * o->grad_scale;
        m[i] = fmaf(o->beta1, m[i], (1.0f - o->beta1) * d);
        v[i] = fmaf(o->beta2, v[i], (1.0f - o->beta2) * d * d);
        float step = m[i] / o->c1 / (sqrtf(v[i] / o->c2) + o->eps);
        p[i] = p[i] - o->lr * (step + o->decay * p[i]);
    }
}

#define PL_TRAIN_OPS                                                                                         \
    {                                                                                                        \
        .mr = TILE_ROWS, .nr = 16 * TILE_LANES, .tile = ops_tile, .exp_row = ops_exp_row,                    \
        .exp_shift = ops_exp_shift, .scale = ops_scale, .add_scaled = ops_add_scaled, .mul = ops_mul,        \
        .dot = ops_dot, .swiglu_back = ops_swiglu_back, .norm_back = ops_norm_back, .adamw = ops_adamw       \
    }

#endif
