/* From the file's rows (ggml's public block layouts) to tiles. A row's block is first decoded to one unsigned
 * byte a weight, so that a type is one small function; speed matters little, it is done once a load. */
#include "kernels/cpu/weight.h"

#include <string.h>
#include "kernels/cpu/f16.h"

uint64_t pl__tile_bytes(int dtype, uint32_t cols)
{
    if (dtype == PL_F32) return (uint64_t)cols * PL_TILE * 4;
    if (pl__dtype_is_float(dtype)) return (uint64_t)cols * PL_TILE * 2;
    struct pl__layout l = pl__layout_of(dtype);
    uint64_t blocks = cols / PL_BLOCK;
    return l.super ? blocks / 8 * (l.head_bytes + 8u * l.block_bytes) : blocks * l.block_bytes;
}

/* A file block of one row, decoded: 32 or 256 unsigned weights and its scales. */
struct decoded {
    uint16_t d, m; /* halves of the file; m is m or dmin */
    uint8_t q[256];
    uint8_t scale[16]; /* a 32 (K) or a 16 (Q6_K, two's complement) */
    uint8_t min[8];
};

static uint16_t half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return h;
}

static void nibbles(const uint8_t *src, uint8_t *low, uint8_t *high, int n)
{
    for (int i = 0; i < n; i++) {
        low[i] = src[i] & 15;
        high[i] = src[i] >> 4;
    }
}

static void decode_q4(const uint8_t *src, struct decoded *out, bool min)
{
    out->d = half_at(src);
    out->m = min ? half_at(src + 2) : 0;
    nibbles(src + (min ? 4 : 2), out->q, out->q + 16, 16);
}

static void decode_q5_0(const uint8_t *src, struct decoded *out)
{
    uint32_t high;
    memcpy(&high, src + 2, sizeof high);
    out->d = half_at(src);
    out->m = 0;
    nibbles(src + 6, out->q, out->q + 16, 16);
    for (int k = 0; k < 32; k++) out->q[k] = (uint8_t)(out->q[k] | (high >> k & 1) << 4);
}

static void decode_q8_0(const uint8_t *src, struct decoded *out)
{
    out->d = half_at(src);
    out->m = 0;
    for (int k = 0; k < 32; k++) out->q[k] = src[2 + k] ^ 0x80;
}

/* Twelve bytes hold eight 6-bit scales and eight 6-bit mins: the first four of each are the low six bits of
 * bytes 0-3 and 4-7, whose top two bits are the top bits of the last four; the low nibbles of those are in
 * bytes 8-11. */
static void decode_scales(const uint8_t *src, struct decoded *out)
{
    for (int i = 0; i < 4; i++) {
        out->scale[i] = src[i] & 63;
        out->min[i] = src[4 + i] & 63;
        out->scale[4 + i] = (uint8_t)((src[8 + i] & 15) | src[i] >> 6 << 4);
        out->min[4 + i] = (uint8_t)(src[8 + i] >> 4 | src[4 + i] >> 6 << 4);
    }
}

/* Q4_K and Q5_K: 32 bytes hold 64 weights, low nibbles first; bit 2c (2c+1) of qh byte i is k = 64c + i (+
 * 32). */
static void decode_k(const uint8_t *src, struct decoded *out, bool five)
{
    const uint8_t *qh = src + 16, *qs = src + (five ? 48 : 16);
    out->d = half_at(src);
    out->m = half_at(src + 2);
    decode_scales(src + 4, out);
    for (int c = 0; c < 4; c++) nibbles(qs + 32 * c, out->q + 64 * c, out->q + 64 * c + 32, 32);
    for (int k = 0; five && k < 256; k++) out->q[k] = (uint8_t)(out->q[k] | (qh[k % 32] >> k / 32 & 1) << 4);
}

/* Q6_K: of each half of 128, 64 bytes of nibbles (k and k+64 share a byte) and 32 bytes of two high bits. */
static void decode_q6_k(const uint8_t *src, struct decoded *out)
{
    for (int h = 0; h < 2; h++) {
        const uint8_t *ql = src + 64 * h, *qh = src + 128 + 32 * h;
        uint8_t *q = out->q + 128 * h;
        nibbles(ql, q, q + 64, 64);
        for (int k = 0; k < 128; k++) q[k] = (uint8_t)(q[k] | (qh[k % 32] >> k / 32 * 2 & 3) << 4);
    }
    memcpy(out->scale, src + 192, 16);
    out->d = half_at(src + 208);
    out->m = 0;
}

static void decode(int dtype, const uint8_t *src, struct decoded *out)
{
    if (dtype == PL_Q4_0 || dtype == PL_Q4_1)
        decode_q4(src, out, dtype == PL_Q4_1);
    else if (dtype == PL_Q5_0)
        decode_q5_0(src, out);
    else if (dtype == PL_Q8_0)
        decode_q8_0(src, out);
    else if (dtype == PL_Q6_K)
        decode_q6_k(src, out);
    else
        decode_k(src, out, dtype == PL_Q5_K);
}

static void put_half(uint8_t *at, uint32_t r, uint16_t h)
{
    memcpy(at + 2 * r, &h, sizeof h);
}

/* 32 weights of row R into their places in a zeroed block. Byte j of a group is k = 4*g + j. */
static void put_weights(struct pl__layout l, const uint8_t *q, uint32_t r, uint8_t *block)
{
    uint8_t *at = block + 4 * r, *high = at + 256;
    if (l.high == 4) {
        for (int g = 0; g < 8; g++) memcpy(at + 64 * g, q + 4 * g, 4);
        return;
    }
    for (int k = 0; k < 16; k++) at[64 * (k / 4) + k % 4] = (uint8_t)((q[k] & 15) | q[k + 16] << 4);
    for (int k = 0; k < 32 && l.high == 1; k++) high[k % 4] = (uint8_t)(high[k % 4] | q[k] >> 4 << k / 4);
    for (int k = 0; k < 32 && l.high == 2; k++) {
        uint8_t *h = &high[64 * (k / 16) + k % 4];
        *h = (uint8_t)(*h | q[k] >> 4 << 2 * (k / 4 % 4));
    }
}

static void put_scales(struct pl__layout l, const struct decoded *d, uint32_t b, uint32_t r, uint8_t *head,
                       uint8_t *block)
{
    uint8_t *tail = block + pl__layout_tail(l);
    if (!l.super) {
        put_half(tail, r, d->d);
        if (l.min) put_half(tail + 32, r, d->m);
        return;
    }
    put_half(head, r, d->d);
    if (l.min) put_half(head + 32, r, d->m);
    tail[r] = l.halves ? d->scale[2 * b] : d->scale[b];
    tail[16 + r] = l.halves ? d->scale[2 * b + 1] : d->min[b];
}

static bool pack_row(int dtype, const uint8_t *src, uint32_t r, uint32_t cols, uint8_t *tile)
{
    struct pl__layout l = pl__layout_of(dtype);
    uint32_t file_block = pl_dtype_block(dtype), bytes = pl_dtype_block_bytes(dtype),
             inside = file_block / PL_BLOCK;
    for (uint32_t i = 0; i < cols / file_block; i++, src += bytes) {
        struct decoded d;
        decode(dtype, src, &d);
        if (!pl__f16_finite(d.d) || !pl__f16_finite(d.m)) return false;
        for (uint32_t b = 0; b < inside; b++) {
            uint8_t *head = (uint8_t *)pl__tile_head(tile, l, i * inside + b);
            uint8_t *block = (uint8_t *)pl__tile_block(tile, l, i * inside + b);
            put_weights(l, d.q + PL_BLOCK * b, r, block);
            put_scales(l, &d, b, r, head, block);
        }
    }
    return true;
}

static bool pack_row_f32(const uint8_t *src, uint32_t r, uint32_t cols, uint8_t *tile)
{
    bool finite = true;
    for (uint32_t k = 0; k < cols; k++) {
        uint32_t bits;
        memcpy(&bits, src + 4 * (uint64_t)k, 4);
        finite &= (bits & 0x7f800000u) != 0x7f800000u;
        memcpy(tile + 4 * ((uint64_t)k * PL_TILE + r), &bits, 4);
    }
    return finite;
}

static bool pack_row_16(int dtype, const uint8_t *src, uint32_t r, uint32_t cols, uint8_t *tile)
{
    uint16_t exponent = dtype == PL_F16 ? 0x7c00 : 0x7f80;
    bool finite = true;
    for (uint32_t k = 0; k < cols; k++) {
        uint16_t h = half_at(src + 2 * (uint64_t)k);
        finite &= (h & exponent) != exponent;
        memcpy(tile + 2 * ((uint64_t)k * PL_TILE + r), &h, 2);
    }
    return finite;
}

bool pl__tile_pack(int dtype, const uint8_t *src, uint64_t row_bytes, uint32_t rows, uint32_t cols,
                   uint8_t *tile)
{
    for (uint32_t r = 0; r < rows; r++, src += row_bytes) {
        bool finite = dtype == PL_F32             ? pack_row_f32(src, r, cols, tile)
                      : pl__dtype_is_float(dtype) ? pack_row_16(dtype, src, r, cols, tile)
                                                  : pack_row(dtype, src, r, cols, tile);
        if (!finite) return false;
    }
    return true;
}
