/* The plain reference of products with quantised tiles: panels only, integers in C, fmaf() for the float
 * part. */
#include <math.h>
#include "kernels/cpu/cpu.h"

static void open_tile(int dtype, const uint8_t *tile, uint32_t blocks, struct pl__panel *out)
{
    for (uint32_t b = 0; b < blocks; b++) pl__tile_open(dtype, tile, b, &out[b]);
}

/* Dots of 16 rows over groups [g0, g0+4), the offset taken off by way of NS, minus the sum of the
 * activations. */
static void dot16(const uint8_t q[8][64], const int8_t *x, int g0, int32_t start, int32_t out[PL_TILE])
{
    for (int r = 0; r < PL_TILE; r++) out[r] = start;
    for (int g = g0; g < g0 + 4; g++)
        for (int r = 0; r < PL_TILE; r++)
            for (int j = 0; j < 4; j++) out[r] += q[g][4 * r + j] * x[4 * g + j];
}

/* Rule 3: acc = fma(float(dot), dw*da, acc), then for types with a minimum fma(min, da*float(sum), acc). */
static void add_block(struct pl__layout l, const struct pl__panel *p, const int8_t *x,
                      const struct pl__qblock *b, float acc[PL_TILE])
{
    int32_t lo[PL_TILE], hi[PL_TILE];
    dot16(p->q, x, 0, l.offset * b->ns0, lo);
    dot16(p->q, x, 4, l.offset * (b->ns - b->ns0), hi);
    for (int r = 0; r < PL_TILE; r++) {
        int32_t dot = l.halves ? p->s[0][r] * lo[r] + p->s[1][r] * hi[r] : lo[r] + hi[r];
        acc[r] = fmaf((float)dot, p->d[r] * b->d, acc[r]);
        if (l.min) acc[r] = fmaf(p->m[r], b->ds, acc[r]);
    }
}

static void panel(int dtype, const struct pl__panel *p, uint32_t tiles, const struct pl__qact *x,
                  uint32_t rows, float *y, size_t ld)
{
    struct pl__layout l = pl__layout_of(dtype);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t t = 0; t < tiles; t++) {
            float acc[PL_TILE] = {0};
            const struct pl__panel *w = p + (size_t)t * x->blocks;
            const int8_t *q = x->q + (size_t)r * x->cols;
            const struct pl__qblock *b = x->b + (size_t)r * x->blocks;
            for (uint32_t i = 0; i < x->blocks; i++)
                add_block(l, &w[i], q + (size_t)i * PL_BLOCK, &b[i], acc);
            for (int i = 0; i < PL_TILE; i++) y[r * ld + PL_TILE * t + (uint32_t)i] = acc[i];
        }
}

const struct pl__tile_ops pl__tile_ops_portable = {.open = open_tile, .panel = panel};
