/* Products with quantised tiles by AVX2: half a tile (8 rows of weights) at a time.
 *
 * vpmaddubsw adds two products of unsigned weights and signed activations in int16 and would saturate, so the
 * number of its results that are added before they are widened is bounded by the type, |activation| <= 127:
 *     4 bits  15*127*2*8 = 30,480        5 bits  31*127*2*4 = 31,496        6 bits  63*127*2*2 = 32,004
 *     8 bits  128*127*2  = 32,512, with |weight| and the activation given the weight's sign (-128 becomes
 * 128). */
#include "kernels/cpu/cpu.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { HALF = 8, MOST_ROWS = 4 };

/* Half H of a block: rows 8H to 8H+7; see struct pl__panel. */
struct block {
    __m256i q[8], s0, s1;
    __m256 d, m;
};

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
INLINE __m256 halves_at(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}
INLINE __m128i bytes_at(const uint8_t *p)
{
    return _mm_loadl_epi64((const void *)p);
}

/* H moved by N bits, left when positive; what crosses into the next byte is masked away. */
INLINE __m256i moved(__m256i h, int n)
{
    return n >= 0 ? _mm256_slli_epi16(h, n) : _mm256_srli_epi16(h, -n);
}

INLINE void open_weights(struct pl__layout l, const uint8_t *p, __m256i q[8])
{
    __m256i nibble = _mm256_set1_epi8(15), bit = _mm256_set1_epi8(0x10), pair = _mm256_set1_epi8(0x30);
    for (int g = 0; g < 8 && l.high == 4; g++) q[g] = load(p + 64 * g);
    if (l.high == 4) return;
    for (int g = 0; g < 4; g++) {
        __m256i v = load(p + 64 * g);
        q[g] = _mm256_and_si256(v, nibble);
        q[g + 4] = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
    }
    for (int g = 0; g < 8 && l.high == 1; g++)
        q[g] = _mm256_or_si256(q[g], _mm256_and_si256(moved(load(p + 256), 4 - g), bit));
    for (int g = 0; g < 8 && l.high == 2; g++)
        q[g] = _mm256_or_si256(q[g],
                               _mm256_and_si256(moved(load(p + 256 + 64 * (g / 4)), 4 - 2 * (g & 3)), pair));
}

INLINE void open_scales(struct pl__layout l, const uint8_t *head, const uint8_t *tail, int h,
                        struct block *out)
{
    if (!l.super) {
        out->d = halves_at(tail + 16 * h);
        if (l.min) out->m = halves_at(tail + 32 + 16 * h);
        return;
    }
    __m128i first = bytes_at(tail + HALF * h), second = bytes_at(tail + 16 + HALF * h);
    out->d = halves_at(head + 16 * h);
    if (l.halves) {
        out->s0 = _mm256_cvtepi8_epi32(first);
        out->s1 = _mm256_cvtepi8_epi32(second);
    } else {
        __m256i minus = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_cvtepu8_epi32(second));
        out->d = _mm256_mul_ps(out->d, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(first)));
        out->m = _mm256_mul_ps(halves_at(head + 32 + 16 * h), _mm256_cvtepi32_ps(minus));
    }
}

INLINE void open_block(int dtype, const uint8_t *tile, uint32_t b, int h, struct block *out)
{
    struct pl__layout l = pl__layout_of(dtype);
    const uint8_t *p = pl__tile_block(tile, l, b);
    open_weights(l, p + 32 * h, out->q);
    open_scales(l, pl__tile_head(tile, l, b), p + pl__layout_tail(l), h, out);
}

INLINE __m256i four(const int8_t *x)
{
    int32_t v;
    memcpy(&v, x, sizeof v);
    return _mm256_set1_epi32(v);
}

INLINE __m256i pairs(struct pl__layout l, __m256i w, __m256i x)
{
    if (l.high != 4) return _mm256_maddubs_epi16(w, x);
    w = _mm256_xor_si256(w, _mm256_set1_epi8((char)0x80)); /* back to the signed weight */
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
}

/* Dot of groups [g, g+n) without the offset, int16 sums widened as often as the bound above asks. */
INLINE __m256i dots(struct pl__layout l, const __m256i q[8], const int8_t *x, int g, int n)
{
    int most = l.high == 4 ? 1 : 8 >> l.high;
    __m256i sum = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
    for (int from = g; from < g + n; from += most) {
        __m256i part = pairs(l, q[from], four(x + 4 * from));
        for (int i = from + 1; i < from + most && i < g + n; i++)
            part = _mm256_add_epi16(part, pairs(l, q[i], four(x + 4 * i)));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, ones));
    }
    return sum;
}

INLINE __m256i block_dot(struct pl__layout l, const struct block *w, const int8_t *x,
                         const struct pl__qblock *b)
{
    if (l.halves) {
        __m256i lo = _mm256_add_epi32(dots(l, w->q, x, 0, 4), _mm256_set1_epi32(l.offset * b->ns0));
        __m256i hi = _mm256_add_epi32(dots(l, w->q, x, 4, 4), _mm256_set1_epi32(l.offset * (b->ns - b->ns0)));
        return _mm256_add_epi32(_mm256_mullo_epi32(w->s0, lo), _mm256_mullo_epi32(w->s1, hi));
    }
    __m256i sum = dots(l, w->q, x, 0, 8);
    if (!l.offset || l.high == 4) return sum;
    return _mm256_add_epi32(sum, _mm256_set1_epi32(l.offset * b->ns));
}

/* Rule 3. */
INLINE __m256 add_block(struct pl__layout l, __m256i dot, const struct block *w, const struct pl__qblock *b,
                        __m256 acc)
{
    acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(w->d, _mm256_set1_ps(b->d)), acc);
    return l.min ? _mm256_fmadd_ps(w->m, _mm256_set1_ps(b->ds), acc) : acc;
}

INLINE void add_rows(struct pl__layout l, const struct block *w, const struct pl__qact *x, uint32_t row,
                     uint32_t rows, uint32_t i, __m256 acc[MOST_ROWS])
{
    for (uint32_t r = 0; r < rows; r++) {
        const struct pl__qblock *b = x->b + (size_t)(row + r) * x->blocks + i;
        const int8_t *q = x->q + (size_t)(row + r) * x->cols + (size_t)i * PL_BLOCK;
        acc[r] = add_block(l, block_dot(l, w, q, b), w, b, acc[r]);
    }
}

INLINE void direct_rows(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t row, uint32_t rows,
                        float *y, size_t ld)
{
    struct pl__layout l = pl__layout_of(dtype);
    __m256 acc[2][MOST_ROWS];
    for (uint32_t r = 0; r < rows; r++) acc[0][r] = acc[1][r] = _mm256_setzero_ps();
    for (uint32_t i = 0; i < x->blocks; i++)
        for (int h = 0; h < 2; h++) {
            struct block w;
            open_block(dtype, tile, i, h, &w);
            add_rows(l, &w, x, row, rows, i, acc[h]);
        }
    for (uint32_t r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++) _mm256_storeu_ps(y + r * ld + HALF * h, acc[h][r]);
}

INLINE void direct_type(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t rows, float *y,
                        size_t ld)
{
    uint32_t r = 0;
    for (; r + 4 <= rows; r += 4) direct_rows(dtype, tile, x, r, 4, y + r * ld, ld);
    for (; r + 2 <= rows; r += 2) direct_rows(dtype, tile, x, r, 2, y + r * ld, ld);
    for (; r < rows; r++) direct_rows(dtype, tile, x, r, 1, y + r * ld, ld);
}

INLINE void open_type(int dtype, const uint8_t *tile, uint32_t blocks, struct pl__panel *out)
{
    struct pl__layout l = pl__layout_of(dtype);
    for (uint32_t i = 0; i < 2 * blocks; i++) {
        int h = (int)(i % 2);
        struct pl__panel *to = &out[i / 2];
        struct block w;
        open_block(dtype, tile, i / 2, h, &w);
        for (int g = 0; g < 8; g++) _mm256_store_si256((__m256i *)(void *)&to->q[g][32 * h], w.q[g]);
        _mm256_store_ps(to->d + HALF * h, w.d);
        if (l.min) _mm256_store_ps(to->m + HALF * h, w.m);
        if (!l.halves) continue;
        _mm256_store_si256((__m256i *)(void *)&to->s[0][HALF * h], w.s0);
        _mm256_store_si256((__m256i *)(void *)&to->s[1][HALF * h], w.s1);
    }
}

INLINE void load_panel(struct pl__layout l, const struct pl__panel *p, int h, struct block *w)
{
    for (int g = 0; g < 8; g++) w->q[g] = load(&p->q[g][32 * h]);
    w->d = _mm256_load_ps(p->d + HALF * h);
    if (l.min) w->m = _mm256_load_ps(p->m + HALF * h);
    if (l.halves) {
        w->s0 = load(&p->s[0][HALF * h]);
        w->s1 = load(&p->s[1][HALF * h]);
    }
}

INLINE void panel_rows(int dtype, const struct pl__panel *p, int h, const struct pl__qact *x, uint32_t row,
                       uint32_t rows, float *y, size_t ld)
{
    struct pl__layout l = pl__layout_of(dtype);
    __m256 acc[MOST_ROWS];
    for (uint32_t r = 0; r < rows; r++) acc[r] = _mm256_setzero_ps();
    for (uint32_t i = 0; i < x->blocks; i++) {
        struct block w;
        load_panel(l, &p[i], h, &w);
        add_rows(l, &w, x, row, rows, i, acc);
    }
    for (uint32_t r = 0; r < rows; r++) _mm256_storeu_ps(y + r * ld + HALF * h, acc[r]);
}

INLINE void panel_type(int dtype, const struct pl__panel *p, uint32_t tiles, const struct pl__qact *x,
                       uint32_t rows, float *y, size_t ld)
{
    for (uint32_t i = 0; i < 2 * tiles; i++) {
        const struct pl__panel *at = p + (size_t)(i / 2) * x->blocks;
        float *to = y + (size_t)PL_TILE * (i / 2);
        uint32_t r = 0;
        for (; r + 4 <= rows; r += 4) panel_rows(dtype, at, (int)(i % 2), x, r, 4, to + r * ld, ld);
        for (; r < rows; r++) panel_rows(dtype, at, (int)(i % 2), x, r, 1, to + r * ld, ld);
    }
}

static void direct(int dtype, const uint8_t *tile, const struct pl__qact *x, uint32_t rows, float *y,
                   size_t ld)
{
    PL_EACH_QUANT(direct_type, tile, x, rows, y, ld)
}

static void open_tile(int dtype, const uint8_t *tile, uint32_t blocks, struct pl__panel *out)
{
    PL_EACH_QUANT(open_type, tile, blocks, out)
}

static void panel(int dtype, const struct pl__panel *p, uint32_t tiles, const struct pl__qact *x,
                  uint32_t rows, float *y, size_t ld)
{
    PL_EACH_QUANT(panel_type, p, tiles, x, rows, y, ld)
}

const struct pl__tile_ops pl__tile_ops_avx2 = {
    .direct_most = 8, .direct = direct, .open = open_tile, .panel = panel};

#endif
