/* rows_impl.h - ops on one row at a time, over lanes. Included by the lanes_*.c files only. */
#ifndef PL_KERNELS_CPU_ROWS_IMPL_H
#define PL_KERNELS_CPU_ROWS_IMPL_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"

#define PL_BITS_2_POW_MINUS_100 (27u << 23)
#define PL_BITS_INFINITY 0x7f800000u

PL_LANE void quantize_empty(float d, int8_t *q, struct pl__qblock *b)
{
    memset(q, 0, PL_BLOCK);
    *b = (struct pl__qblock){.d = d, .ds = d};
}

/* Rule 1. a is found on the bits of |x|, where the greatest does not depend on the order even with a NaN. */
PL_LANE void quantize_block(const float *x, int8_t *q, struct pl__qblock *b)
{
    v16 lo = v16_load(x), hi = v16_load(x + 16);
    uint32_t bits = v16_max_magnitude(lo, hi);
    if (bits >= PL_BITS_INFINITY) {
        quantize_empty(NAN, q, b);
    } else if (bits < PL_BITS_2_POW_MINUS_100) {
        quantize_empty(0, q, b);
    } else {
        float a = pl__f32_from_bits(bits), d = a / 127.0f;
        v16 inverse = v16_set(127.0f / a);
        int32_t s0 = v16_store_i8(q, v16_mul(lo, inverse));
        int32_t sum = s0 + v16_store_i8(q + 16, v16_mul(hi, inverse));
        *b = (struct pl__qblock){.d = d, .ds = d * (float)sum, .ns = -sum, .ns0 = -s0};
    }
}

static void lanes_quantize(const float *x, uint32_t cols, int8_t *q, struct pl__qblock *b)
{
    for (uint32_t k = 0; k < cols; k += PL_BLOCK) quantize_block(x + k, q + k, b++);
}

static void lanes_rmsnorm(const float *x, const float *gain, float eps, uint32_t n, float *out)
{
    uint32_t whole = n / 16 * 16, rest = n % 16;
    v16 sum = v16_set(0);
    for (uint32_t i = 0; i < whole; i += 16) sum = v16_fma(v16_load(x + i), v16_load(x + i), sum);
    v16 tail = v16_load_n(x + whole, rest);
    if (rest) sum = v16_fma(tail, tail, sum);
    v16 r = v16_set(1.0f / sqrtf(v16_sum(sum) / (float)n + eps));
    for (uint32_t i = 0; i < whole; i += 16)
        v16_store(out + i, v16_mul(v16_mul(v16_load(x + i), r), v16_load(gain + i)));
    if (rest) v16_store_n(out + whole, v16_mul(v16_mul(tail, r), v16_load_n(gain + whole, rest)), rest);
}

/* g / (1 + e^-g) * u */
PL_LANE v16 silu_times(v16 g, v16 u)
{
    v16 one = v16_set(1.0f);
    return v16_mul(v16_div(g, v16_add(one, v16_exp(v16_sub(v16_set(0.0f), g)))), u);
}

static void lanes_swiglu(const float *gate, const float *up, uint32_t n, float *out)
{
    uint32_t whole = n / 16 * 16, rest = n % 16;
    for (uint32_t i = 0; i < whole; i += 16)
        v16_store(out + i, silu_times(v16_load(gate + i), v16_load(up + i)));
    if (rest)
        v16_store_n(out + whole, silu_times(v16_load_n(gate + whole, rest), v16_load_n(up + whole, rest)),
                    rest);
}

static void lanes_add(float *x, const float *y, uint32_t n)
{
    uint32_t whole = n / 16 * 16;
    for (uint32_t i = 0; i < whole; i += 16) v16_store(x + i, v16_add(v16_load(x + i), v16_load(y + i)));
    for (uint32_t i = whole; i < n; i++) x[i] = x[i] + y[i];
}

static void lanes_store_f16(uint16_t *out, const float *x, uint32_t n)
{
    uint32_t whole = n / 16 * 16;
    for (uint32_t i = 0; i < whole; i += 16) v16_store_f16(out + i, v16_load(x + i));
    for (uint32_t i = whole; i < n; i++) out[i] = pl__f32_to_f16(x[i]);
}

static void lanes_exp(const float *x, float *out)
{
    v16_store(out, v16_exp(v16_load(x)));
}

#endif
