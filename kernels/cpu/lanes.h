/* lanes.h - sixteen float32 lanes, three times: one AVX-512 register, two AVX2 registers, or a plain array.
 *
 * The ops of norms, attention and float weights are written once over this type (*_impl.h) and compiled once
 * an instruction set, so their order of operations cannot differ. Every operation here is IEEE exact (rounded
 * once), and the sum of the lanes is one written tree. No approximate reciprocals: Intel's and AMD's differ.
 */
#ifndef PL_KERNELS_CPU_LANES_H
#define PL_KERNELS_CPU_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "kernels/cpu/f16.h"
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#endif

#define PL_LANE static inline __attribute__((always_inline))
#define PL_ROUND_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, half to even */
#define PL_ROUND_MAGIC_BITS 0x4b400000

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)

typedef __m512 v16;

PL_LANE v16 v16_set(float f)
{
    return _mm512_set1_ps(f);
}
PL_LANE v16 v16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
PL_LANE void v16_store(float *p, v16 v)
{
    _mm512_storeu_ps(p, v);
}
PL_LANE v16 v16_load_n(const float *p, uint32_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
PL_LANE void v16_store_n(float *p, v16 v, uint32_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
PL_LANE v16 v16_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
PL_LANE v16 v16_load_bf16(const uint16_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
PL_LANE v16 v16_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}
PL_LANE v16 v16_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}
PL_LANE v16 v16_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}
PL_LANE v16 v16_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}
PL_LANE v16 v16_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}
PL_LANE v16 v16_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}
PL_LANE v16 v16_if_less(v16 a, v16 b, v16 yes, v16 no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
PL_LANE v16 v16_keep_n(v16 v, uint32_t n, v16 rest)
{
    return _mm512_mask_blend_ps((__mmask16)((1u << n) - 1), rest, v);
}
PL_LANE v16 v16_scale(v16 p, v16 t)
{
    __m512i n = _mm512_sub_epi32(_mm512_castps_si512(t), _mm512_set1_epi32(PL_ROUND_MAGIC_BITS));
    __m512i h = _mm512_srai_epi32(n, 1), bias = _mm512_set1_epi32(127);
    __m512i a = _mm512_slli_epi32(_mm512_add_epi32(h, bias), 23);
    __m512i b = _mm512_slli_epi32(_mm512_add_epi32(_mm512_sub_epi32(n, h), bias), 23);
    return _mm512_mul_ps(_mm512_mul_ps(p, _mm512_castsi512_ps(a)), _mm512_castsi512_ps(b));
}
PL_LANE __m256 v16_lo(v16 v)
{
    return _mm512_castps512_ps256(v);
}
PL_LANE __m256 v16_hi(v16 v)
{
    return _mm512_extractf32x8_ps(v, 1);
}
PL_LANE void v16_store_f16(uint16_t *p, v16 v)
{
    /* constant first: min and max give their second operand when one is NaN */
    v = _mm512_max_ps(_mm512_set1_ps(-65504.0f), _mm512_min_ps(_mm512_set1_ps(65504.0f), v));
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
PL_LANE uint32_t v16_max_magnitude(v16 a, v16 b)
{
    __m512i mask = _mm512_set1_epi32(0x7fffffff);
    __m512i x = _mm512_and_si512(_mm512_castps_si512(a), mask),
            y = _mm512_and_si512(_mm512_castps_si512(b), mask);
    return _mm512_reduce_max_epu32(_mm512_max_epu32(x, y));
}
PL_LANE int32_t v16_store_i8(int8_t *p, v16 v)
{
    __m512i q = _mm512_cvtps_epi32(v);
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(q));
    return _mm512_reduce_add_epi32(q);
}

#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

typedef struct {
    __m256 lo, hi;
} v16;

PL_LANE v16 v16_of(__m256 lo, __m256 hi)
{
    return (v16){lo, hi};
}
PL_LANE v16 v16_set(float f)
{
    return v16_of(_mm256_set1_ps(f), _mm256_set1_ps(f));
}
PL_LANE v16 v16_load(const float *p)
{
    return v16_of(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8));
}
PL_LANE void v16_store(float *p, v16 v)
{
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
}
PL_LANE v16 v16_load_f16(const uint16_t *p)
{
    return v16_of(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                  _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8))));
}
PL_LANE __m256 v16_bf16_half(const uint16_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
PL_LANE v16 v16_load_bf16(const uint16_t *p)
{
    return v16_of(v16_bf16_half(p), v16_bf16_half(p + 8));
}
PL_LANE v16 v16_add(v16 a, v16 b)
{
    return v16_of(_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi));
}
PL_LANE v16 v16_sub(v16 a, v16 b)
{
    return v16_of(_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi));
}
PL_LANE v16 v16_mul(v16 a, v16 b)
{
    return v16_of(_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi));
}
PL_LANE v16 v16_div(v16 a, v16 b)
{
    return v16_of(_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi));
}
PL_LANE v16 v16_max(v16 a, v16 b)
{
    return v16_of(_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi));
}
PL_LANE v16 v16_fma(v16 a, v16 b, v16 c)
{
    return v16_of(_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi));
}
PL_LANE v16 v16_if_less(v16 a, v16 b, v16 yes, v16 no)
{
    return v16_of(_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
                  _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)));
}
PL_LANE __m256 v16_scale_half(__m256 p, __m256 t)
{
    __m256i n = _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(PL_ROUND_MAGIC_BITS));
    __m256i h = _mm256_srai_epi32(n, 1), bias = _mm256_set1_epi32(127);
    __m256i a = _mm256_slli_epi32(_mm256_add_epi32(h, bias), 23);
    __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(n, h), bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
}
PL_LANE v16 v16_scale(v16 p, v16 t)
{
    return v16_of(v16_scale_half(p.lo, t.lo), v16_scale_half(p.hi, t.hi));
}
PL_LANE __m256 v16_lo(v16 v)
{
    return v.lo;
}
PL_LANE __m256 v16_hi(v16 v)
{
    return v.hi;
}
PL_LANE __m128i v16_f16_half(__m256 v)
{
    /* constant first: min and max give their second operand when one is NaN */
    v = _mm256_max_ps(_mm256_set1_ps(-65504.0f), _mm256_min_ps(_mm256_set1_ps(65504.0f), v));
    return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
PL_LANE void v16_store_f16(uint16_t *p, v16 v)
{
    _mm_storeu_si128((__m128i *)p, v16_f16_half(v.lo));
    _mm_storeu_si128((__m128i *)(p + 8), v16_f16_half(v.hi));
}
PL_LANE uint32_t v16_max_magnitude(v16 a, v16 b)
{
    __m256i mask = _mm256_set1_epi32(0x7fffffff);
    __m256i x = _mm256_max_epu32(_mm256_and_si256(_mm256_castps_si256(a.lo), mask),
                                 _mm256_and_si256(_mm256_castps_si256(a.hi), mask));
    __m256i y = _mm256_max_epu32(_mm256_and_si256(_mm256_castps_si256(b.lo), mask),
                                 _mm256_and_si256(_mm256_castps_si256(b.hi), mask));
    x = _mm256_max_epu32(x, y);
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}
PL_LANE int32_t v16_store_i8(int8_t *p, v16 v)
{
    __m256i lo = _mm256_cvtps_epi32(v.lo), hi = _mm256_cvtps_epi32(v.hi);
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(lo, hi), 0xd8);
    _mm_storeu_si128((__m128i *)p,
                     _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    __m256i s = _mm256_add_epi32(lo, hi);
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(t, _mm_shuffle_epi32(t, 0xb1)));
}

#else

typedef struct {
    float f[16];
} v16;

#define PL_EACH_LANE(expression)                                                                             \
    v16 out;                                                                                                 \
    for (int i = 0; i < 16; i++) out.f[i] = (expression);                                                    \
    return out

PL_LANE v16 v16_set(float f)
{
    PL_EACH_LANE(f);
}
PL_LANE v16 v16_load(const float *p)
{
    PL_EACH_LANE(p[i]);
}
PL_LANE void v16_store(float *p, v16 v)
{
    memcpy(p, v.f, sizeof v.f);
}
PL_LANE v16 v16_load_f16(const uint16_t *p)
{
    PL_EACH_LANE(pl__f16_to_f32(p[i]));
}
PL_LANE v16 v16_load_bf16(const uint16_t *p)
{
    PL_EACH_LANE(pl__bf16_to_f32(p[i]));
}
PL_LANE v16 v16_add(v16 a, v16 b)
{
    PL_EACH_LANE(a.f[i] + b.f[i]);
}
PL_LANE v16 v16_sub(v16 a, v16 b)
{
    PL_EACH_LANE(a.f[i] - b.f[i]);
}
PL_LANE v16 v16_mul(v16 a, v16 b)
{
    PL_EACH_LANE(a.f[i] * b.f[i]);
}
PL_LANE v16 v16_div(v16 a, v16 b)
{
    PL_EACH_LANE(a.f[i] / b.f[i]);
}
PL_LANE v16 v16_max(v16 a, v16 b)
{
    PL_EACH_LANE(a.f[i] > b.f[i] ? a.f[i] : b.f[i]);
}
PL_LANE v16 v16_fma(v16 a, v16 b, v16 c)
{
    PL_EACH_LANE(fmaf(a.f[i], b.f[i], c.f[i]));
}
PL_LANE v16 v16_if_less(v16 a, v16 b, v16 yes, v16 no)
{
    PL_EACH_LANE(a.f[i] < b.f[i] ? yes.f[i] : no.f[i]);
}
PL_LANE float v16_scale_one(float p, float t)
{
    int32_t n = (int32_t)(pl__f32_bits(t) - (uint32_t)PL_ROUND_MAGIC_BITS), h = n >> 1;
    float a = pl__f32_from_bits(((uint32_t)h + 127) << 23);
    return p * a * pl__f32_from_bits(((uint32_t)n - (uint32_t)h + 127) << 23);
}
PL_LANE v16 v16_scale(v16 p, v16 t)
{
    PL_EACH_LANE(v16_scale_one(p.f[i], t.f[i]));
}
PL_LANE void v16_store_f16(uint16_t *p, v16 v)
{
    for (int i = 0; i < 16; i++) p[i] = pl__f32_to_f16(v.f[i]);
}
PL_LANE uint32_t v16_max_magnitude(v16 a, v16 b)
{
    uint32_t m = 0;
    for (int i = 0; i < 16; i++) {
        uint32_t x = pl__f32_bits(a.f[i]) & 0x7fffffffu, y = pl__f32_bits(b.f[i]) & 0x7fffffffu;
        x = x > y ? x : y;
        m = m > x ? m : x;
    }
    return m;
}
PL_LANE int32_t v16_store_i8(int8_t *p, v16 v)
{
    int32_t sum = 0;
    for (int i = 0; i < 16; i++) {
        int32_t q = (int32_t)((v.f[i] + PL_ROUND_MAGIC) - PL_ROUND_MAGIC);
        p[i] = (int8_t)q;
        sum += q;
    }
    return sum;
}

#endif

/* What an operation of several steps means, for each of the three above:
 * v16_max_magnitude: the greatest |x| of 32 values as its bits (integers: NaN and order of operands do not
 * matter). v16_store_i8: rounds half to even, stores 16 bytes, gives their sum. |v| must be below 127.5.
 * v16_scale: p * 2^(n>>1) * 2^(n-(n>>1)), n being the integer in t = n + PL_ROUND_MAGIC, -252 <= n <= 254. */

#if !defined(__AVX512F__)
PL_LANE v16 v16_load_n(const float *p, uint32_t n)
{
    float padded[16] = {0};
    for (uint32_t i = 0; i < n; i++) padded[i] = p[i];
    return v16_load(padded);
}
PL_LANE void v16_store_n(float *p, v16 v, uint32_t n)
{
    float all[16];
    v16_store(all, v);
    for (uint32_t i = 0; i < n; i++) p[i] = all[i];
}
/* The first N lanes of V, the others of REST: a masked lane is replaced, never computed with. */
PL_LANE v16 v16_keep_n(v16 v, uint32_t n, v16 rest)
{
    float all[16];
    v16_store(all, rest);
    v16_store_n(all, v, n);
    return v16_load(all);
}
#endif

PL_LANE v16 v16_load_f16_n(const uint16_t *p, uint32_t n)
{
    uint16_t padded[16] = {0};
    for (uint32_t i = 0; i < n; i++) padded[i] = p[i];
    return v16_load_f16(padded);
}

/* The tree: lanes i and i+8, then i and i+4, then i and i+2, then 0 and 1. */
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
PL_LANE float v16_sum(v16 v)
{
    __m256 a = _mm256_add_ps(v16_lo(v), v16_hi(v));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}
PL_LANE float v16_top(v16 v)
{
    __m256 a = _mm256_max_ps(v16_lo(v), v16_hi(v));
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}
#else
PL_LANE float v16_sum(v16 v)
{
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; i++) v.f[i] = v.f[i] + v.f[i + half];
    return v.f[0];
}
PL_LANE float v16_top(v16 v)
{
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; i++) v.f[i] = v.f[i] > v.f[i + half] ? v.f[i] : v.f[i + half];
    return v.f[0];
}
#endif

/* e^x within 1 ulp: x = n*ln2 + r, |r| <= ln2/2; Taylor to r^7 by Horner in fma. Below -87.33, where a normal
 * number ends, exactly 0 (so that flushing of subnormals cannot matter); above 89 infinity; NaN stays NaN.
 * pl__exp in math.c is the same operations on one value. */
PL_LANE v16 v16_exp(v16 x)
{
    v16 t = v16_fma(x, v16_set(1.44269504f), v16_set(PL_ROUND_MAGIC)),
        n = v16_sub(t, v16_set(PL_ROUND_MAGIC));
    v16 r = v16_fma(n, v16_set(-0.693359375f), x);
    r = v16_fma(n, v16_set(2.12194440e-4f), r);
    v16 p = v16_set(1.0f / 5040);
    p = v16_fma(p, r, v16_set(1.0f / 720));
    p = v16_fma(p, r, v16_set(1.0f / 120));
    p = v16_fma(p, r, v16_set(1.0f / 24));
    p = v16_fma(p, r, v16_set(1.0f / 6));
    p = v16_fma(p, r, v16_set(0.5f));
    p = v16_fma(p, r, v16_set(1.0f));
    p = v16_fma(p, r, v16_set(1.0f));
    p = v16_scale(p, t);
    p = v16_if_less(x, v16_set(-87.33f), v16_set(0.0f), p);
    return v16_if_less(v16_set(89.0f), x, v16_set(INFINITY), p);
}

#endif
