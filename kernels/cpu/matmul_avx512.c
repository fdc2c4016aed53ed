/* Products with quantised tiles by AVX-512 VNNI.
 *
 * vpdpbusd (never the saturating form) multiplies unsigned weights by signed activations; the offset of the
 * weights is taken off by starting the sum at offset * -(sum of activations), and the dot is exact in int32
 * in any order. Offsets are powers of two, hence shifts. Direct works against memory: a block is opened in
 * about 28 instructions per 512 weights. Panel works against the dot unit: 6 rows x 32 columns keep 12 + 12
 * accumulators in registers. */
#include "kernels/cpu/cpu.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { PREFETCH_BYTES = 4096 };

/* A block in registers; see struct pl__panel. */
struct block {
    __m512i q[8], s0, s1;
    __m512 d, m;
};

INLINE __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}
INLINE __m512 halves_at(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

/* v | (x & mask) in one instruction. */
INLINE __m512i or_masked(__m512i v, __m512i x, __m512i mask)
{
    return _mm512_ternarylogic_epi32(v, x, mask, 0xf8);
}

/* H moved by N bits, left when positive; what crosses into the next byte is masked away by the caller. */
INLINE __m512i moved(__m512i h, int n)
{
    return n >= 0 ? _mm512_slli_epi16(h, n) : _mm512_srli_epi16(h, -n);
}

INLINE void open_weights(struct pl__layout l, const uint8_t *p, __m512i q[8])
{
    __m512i nibble = _mm512_set1_epi8(15), bit = _mm512_set1_epi8(0x10), pair = _mm512_set1_epi8(0x30);
    for (int g = 0; g < 8 && l.high == 4; g++) q[g] = load(p + 64 * g);
    if (l.high == 4) return;
    for (int g = 0; g < 4; g++) {
        __m512i v = load(p + 64 * g);
        q[g] = _mm512_and_si512(v, nibble);
        q[g + 4] = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
    }
    for (int g = 0; g < 8 && l.high == 1; g++) q[g] = or_masked(q[g], moved(load(p + 256), 4 - g), bit);
    for (int g = 0; g < 8 && l.high == 2; g++)
        q[g] = or_masked(q[g], moved(load(p + 256 + 64 * (g / 4)), 4 - 2 * (g & 3)), pair);
}

INLINE void open_scales(struct pl__layout l, const uint8_t *head, const uint8_t *tail, struct block *out)
{
    if (!l.super) {
        out->d = halves_at(tail);
        if (l.min) out->m = halves_at(tail + 32);
        return;
    }
    __m128i first = _mm_loadu_si128((const void *)tail), second = _mm_loadu_si128((const void *)(tail + 16));
    out->d = halves_at(head);
    if (l.halves) {
        out->s0 = _mm512_cvtepi8_epi32(first);
        out->s1 = _mm512_cvtepi8_epi32(second);
    } else {
        __m512i minus = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_cvtepu8_epi32(second));
        out->d = _mm512_mul_ps(out->d, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(first)));
        out->m = _mm512_mul_ps(halves_at(head + 32), _mm512_cvtepi32_ps(minus));
    }
}

INLINE void open_block(int dtype, const uint8_t *tile, uint32_t b, struct block *out)
{
    struct pl__layout l = pl__layout_of(dtype);
    const uint8_t *p = pl__tile_block(tile, l, b);
    open_weights(l, p, out->q);
    open_scales(l, pl__tile_head(tile, l, b), p + pl__layout_tail(l), out);
}

/* Four activations at X to every lane. */
INLINE __m512i four(const int8_t *x)
{
    int32_t v;
    memcpy(&v, x, sizeof v);
    return _mm512_set1_epi32(v);
}

INLINE __m512i dots(__m512i sum, const __m512i *q, const int8_t *x, int groups)
{
    for (int g = 0; g < groups; g++) sum = _mm512_dpbusd_epi32(sum, q[g], four(x + 4 * g));
    return sum;
}

/* log2 of the offset; unused where there is none. */
INLINE unsigned shift_of(struct pl__layout l)
{
    return (unsigned)__builtin_ctz(l.offset | 0x100u);
}

INLINE __m512i block_dot(struct pl__layout l, const struct block *w, const int8_t *x,
                         const struct pl__qblock *b)
{
    if (l.halves) {
        __m512i lo = dots(_mm512_slli_epi32(_mm512_set1_epi32(b->ns0), 5), w->q, x, 4);
        __m512i hi = dots(_mm512_slli_epi32(_mm512_set1_epi32(b->ns - b->ns0), 5), w->q + 4, x + 16, 4);
        return _mm512_add_epi32(_mm512_mullo_epi32(w->s0, lo), _mm512_mullo_epi32(w->s1, hi));
    }
    __m512i start = _mm512_setzero_si512();
    if (l.offset) start = _mm512_slli_epi32(_mm512_set1_epi32(b->ns), shift_of(l));
    return dots(start, w->q, x, 8);
}

/* Rule 3. */
INLINE __m512 add_block(struct pl__layout l, __m512i dot, __m512 d, __m512 m, const struct pl__qblock *b,
                        __m512 acc)
{
    acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(d, _mm512_set1_ps(b->d)), acc);
    return l.min ? _mm512_fmadd_ps(m, _mm512_set1_ps(b->ds), acc) : acc;
}

INLINE void direct_rows(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t row, uint32_t rows,
                        float *y, size_t ld)
{
    struct pl__layout l = pl__layout_of(dtype);
    const int8_t *q = x->q + (size_t)row * x->cols;
    const struct pl__qblock *b = x->b + (size_t)row * x->blocks;
    __m512 acc[8];
    for (uint32_t r = 0; r < rows; r++) acc[r] = _mm512_setzero_ps();
    for (uint32_t i = 0; i < x->blocks; i++) {
        struct block w;
        const char *ahead = (const char *)pl__tile_block(tile, l, i) + PREFETCH_BYTES;
        for (int at = 0; at < l.block_bytes; at += 64) _mm_prefetch(ahead + at, _MM_HINT_T0);
        open_block(dtype, tile, i, &w);
        for (uint32_t r = 0; r < rows; r++) {
            const struct pl__qblock *rb = b + (size_t)r * x->blocks + i;
            __m512i dot = block_dot(l, &w, q + (size_t)r * x->cols + (size_t)i * PL_BLOCK, rb);
            acc[r] = add_block(l, dot, w.d, w.m, rb, acc[r]);
        }
    }
    for (uint32_t r = 0; r < rows; r++) _mm512_storeu_ps(y + r * ld, acc[r]);
}

/* A tile is read again for the rest of the rows, from the first-level cache. */
INLINE void direct_type(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t rows, float *y,
                        size_t ld)
{
    uint32_t r = 0;
    for (; r + 8 <= rows; r += 8) direct_rows(dtype, tile, x, r, 8, y + r * ld, ld);
    for (; r + 4 <= rows; r += 4) direct_rows(dtype, tile, x, r, 4, y + r * ld, ld);
    for (; r + 2 <= rows; r += 2) direct_rows(dtype, tile, x, r, 2, y + r * ld, ld);
    for (; r < rows; r++) direct_rows(dtype, tile, x, r, 1, y + r * ld, ld);
}

static void direct(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t rows, float *y,
                   size_t ld){PL_EACH_QUANT(direct_type, tile, x, rows, y, ld)}

INLINE void open_type(int dtype, const uint8_t *tile, uint32_t blocks, struct pl__panel *out)
{
    struct pl__layout l = pl__layout_of(dtype);
    for (uint32_t b = 0; b < blocks; b++, out++) {
        struct block w;
        open_block(dtype, tile, b, &w);
        for (int g = 0; g < 8; g++) _mm512_store_si512(out->q[g], w.q[g]);
        _mm512_store_ps(out->d, w.d);
        if (l.min) _mm512_store_ps(out->m, w.m);
        if (!l.halves) continue;
        _mm512_store_si512(out->s[0], w.s0);
        _mm512_store_si512(out->s[1], w.s1);
    }
}

static void open_tile(int dtype, const uint8_t *tile, uint32_t blocks,
                      struct pl__panel *out){PL_EACH_QUANT(open_type, tile, blocks, out)}

/* Adds groups [g, g+4) of TILES panels times ROWS rows to SUM. */
INLINE void panel_dots(const struct pl__panel *const *p, uint32_t tiles, const int8_t *x, uint32_t cols,
                       uint32_t rows, int g, __m512i sum[6][2])
{
    for (int i = g; i < g + 4; i++) {
        __m512i w0 = _mm512_load_si512(p[0]->q[i]), w1 = tiles > 1 ? _mm512_load_si512(p[1]->q[i]) : w0;
        for (uint32_t r = 0; r < rows; r++) {
            __m512i a = four(x + (size_t)r * cols + 4 * i);
            sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], w0, a);
            if (tiles > 1) sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], w1, a);
        }
    }
}

INLINE __m512i start_at(int32_t minus_sum, unsigned shift)
{
    return _mm512_sll_epi32(_mm512_set1_epi32(minus_sum), _mm_cvtsi32_si128((int)shift));
}

/* The dots of one block. SUM is [rows][tiles]. */
INLINE void panel_block(struct pl__layout l, const struct pl__panel *const *p, uint32_t tiles,
                        const int8_t *x, uint32_t cols, const struct pl__qblock *b, uint32_t blocks,
                        uint32_t rows, unsigned shift, __m512i sum[6][2])
{
    __m512i low[6][2];
    for (uint32_t r = 0; r < rows; r++) {
        const struct pl__qblock *rb = b + (size_t)r * blocks;
        __m512i start = l.min ? _mm512_setzero_si512() : start_at(l.halves ? rb->ns0 : rb->ns, shift);
        for (uint32_t t = 0; t < tiles; t++) sum[r][t] = start;
    }
    panel_dots(p, tiles, x, cols, rows, 0, sum);
    for (uint32_t r = 0; r < rows && l.halves; r++)
        for (uint32_t t = 0; t < tiles; t++) {
            const struct pl__qblock *rb = b + (size_t)r * blocks;
            low[r][t] = _mm512_mullo_epi32(sum[r][t], _mm512_load_si512(p[t]->s[0]));
            sum[r][t] = start_at(rb->ns - rb->ns0, shift);
        }
    panel_dots(p, tiles, x, cols, rows, 4, sum);
    for (uint32_t r = 0; r < rows && l.halves; r++)
        for (uint32_t t = 0; t < tiles; t++)
            sum[r][t] =
                _mm512_add_epi32(low[r][t], _mm512_mullo_epi32(sum[r][t], _mm512_load_si512(p[t]->s[1])));
}

INLINE void panel_rows(struct pl__layout l, const struct pl__panel *p, uint32_t tiles,
                       const struct pl__qact *x, uint32_t row, uint32_t rows, unsigned shift, float *y,
                       size_t ld)
{
    const int8_t *q = x->q + (size_t)row * x->cols;
    const struct pl__qblock *b = x->b + (size_t)row * x->blocks;
    __m512 acc[6][2];
    for (uint32_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm512_setzero_ps();
    for (uint32_t i = 0; i < x->blocks; i++) {
        const struct pl__panel *at[2] = {p + i, p + (tiles > 1 ? x->blocks : 0) + i};
        __m512i sum[6][2];
        panel_block(l, at, tiles, q + (size_t)i * PL_BLOCK, x->cols, b + i, x->blocks, rows, shift, sum);
        for (uint32_t t = 0; t < tiles; t++)
            for (uint32_t r = 0; r < rows; r++)
                acc[r][t] = add_block(l, sum[r][t], _mm512_load_ps(at[t]->d), _mm512_load_ps(at[t]->m),
                                      b + (size_t)r * x->blocks + i, acc[r][t]);
    }
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t t = 0; t < tiles; t++) _mm512_storeu_ps(y + r * ld + (size_t)PL_TILE * t, acc[r][t]);
}

INLINE void panel_tiles(struct pl__layout l, const struct pl__panel *p, uint32_t tiles,
                        const struct pl__qact *x, uint32_t rows, unsigned shift, float *y, size_t ld)
{
    uint32_t r = 0, most = l.halves ? 4 : 6; /* the two-scale type keeps two sums an output */
    for (; r + most <= rows; r += most) panel_rows(l, p, tiles, x, r, most, shift, y + r * ld, ld);
    for (; r + 2 <= rows; r += 2) panel_rows(l, p, tiles, x, r, 2, shift, y + r * ld, ld);
    for (; r < rows; r++) panel_rows(l, p, tiles, x, r, 1, shift, y + r * ld, ld);
}

INLINE void panel_kind(struct pl__layout l, const struct pl__panel *p, uint32_t tiles,
                       const struct pl__qact *x, uint32_t rows, unsigned shift, float *y, size_t ld)
{
    if (tiles == 2)
        panel_tiles(l, p, 2, x, rows, shift, y, ld);
    else
        panel_tiles(l, p, 1, x, rows, shift, y, ld);
}

/* Three kinds are left once weights are bytes: offset, minimum, two scales. */
static void panel(int dtype, const struct pl__panel *p, uint32_t tiles, const struct pl__qact *x,
                  uint32_t rows, float *y, size_t ld)
{
    struct pl__layout l = pl__layout_of(dtype);
    unsigned shift = shift_of(l);
    if (l.min)
        panel_kind((struct pl__layout){.min = true}, p, tiles, x, rows, shift, y, ld);
    else if (l.halves)
        panel_kind((struct pl__layout){.halves = true}, p, tiles, x, rows, shift, y, ld);
    else
        panel_kind((struct pl__layout){.offset = 1}, p, tiles, x, rows, shift, y, ld);
}

const struct pl__tile_ops pl__tile_ops_avx512 = {
    .direct_most = 32, .direct = direct, .open = open_tile, .panel = panel};

#endif
