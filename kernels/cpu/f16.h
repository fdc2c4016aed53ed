/* f16.h - IEEE half precision and bfloat16 in integer operations: the same bits as the F16C instructions,
 * whatever the flags of the unit are. Saturating at 65504 because a key beyond it would turn whole rows of
 * attention to NaN. */
#ifndef PL_KERNELS_CPU_F16_H
#define PL_KERNELS_CPU_F16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline float pl__f32_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t pl__f32_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline bool pl__f16_finite(uint16_t h)
{
    return (h & 0x7c00u) != 0x7c00u;
}

static inline float pl__f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31) { /* a signalling NaN becomes quiet, as the instruction does */
        uint32_t quiet = mantissa ? 0x400000u : 0;
        return pl__f32_from_bits(sign | 0x7f800000u | quiet | mantissa << 13);
    }
    if (exponent) return pl__f32_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    if (!mantissa) return pl__f32_from_bits(sign);
    uint32_t shift = (uint32_t)__builtin_clz(mantissa) - 21; /* brings the leading one to bit 10 */
    return pl__f32_from_bits(sign | (113 - shift) << 23 | (mantissa << shift & 0x3ffu) << 13);
}

/* Drops the low SHIFT bits of V, rounding half to even. */
static inline uint32_t pl__round_shift(uint32_t v, uint32_t shift)
{
    uint32_t half = 1u << (shift - 1), rest = v & ((half << 1) - 1), kept = v >> shift;
    return kept + (rest > half || (rest == half && (kept & 1)));
}

/* Round to nearest even, subnormals kept, infinities and everything above 65504 to +-65504, NaN stays NaN. */
static inline uint16_t pl__f32_to_f16(float f)
{
    uint32_t bits = pl__f32_bits(f), magnitude = bits & 0x7fffffffu;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477fe000u) return (uint16_t)(sign | 0x7bffu);
    if (magnitude >= 0x38800000u) return (uint16_t)(sign | (pl__round_shift(magnitude, 13) - (112u << 10)));
    if (magnitude < 0x33000000u) return sign; /* below half of the least subnormal */
    uint32_t shift = 126 - (magnitude >> 23);
    return (uint16_t)(sign | pl__round_shift((magnitude & 0x7fffffu) | 0x800000u, shift));
}

static inline float pl__bf16_to_f32(uint16_t h)
{
    return pl__f32_from_bits((uint32_t)h << 16);
}

#endif
