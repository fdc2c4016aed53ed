/* Reading tiles back: one block for the portable kernels, one row for embeddings and tests. */
#include "kernels/cpu/weight.h"

#include <string.h>
#include "kernels/cpu/f16.h"

static uint16_t half_at(const uint8_t *p, uint32_t r)
{
    uint16_t h;
    memcpy(&h, p + 2 * (uint64_t)r, sizeof h);
    return h;
}

static void open_weights(struct pl__layout l, const uint8_t *block, uint8_t q[8][64])
{
    if (l.high == 4) {
        memcpy(q, block, PL_BLOCK_WEIGHTS);
        return;
    }
    for (int g = 0; g < 4; g++)
        for (int i = 0; i < 64; i++) {
            q[g][i] = block[64 * g + i] & 15;
            q[g + 4][i] = block[64 * g + i] >> 4;
        }
    const uint8_t *high = block + 256;
    for (int g = 0; l.high && g < 8; g++)
        for (int i = 0; i < 64; i++) {
            int bits = l.high == 1 ? high[i] >> g & 1 : high[64 * (g / 4) + i] >> 2 * (g & 3) & 3;
            q[g][i] = (uint8_t)(q[g][i] | bits << 4);
        }
}

static void open_scales(struct pl__layout l, const uint8_t *head, const uint8_t *tail, struct pl__panel *out)
{
    for (uint32_t r = 0; r < PL_TILE; r++) {
        if (!l.super) {
            out->d[r] = pl__f16_to_f32(half_at(tail, r));
            out->m[r] = l.min ? pl__f16_to_f32(half_at(tail + 32, r)) : 0;
        } else if (l.halves) {
            out->d[r] = pl__f16_to_f32(half_at(head, r));
            out->s[0][r] = (int8_t)tail[r];
            out->s[1][r] = (int8_t)tail[16 + r];
        } else {
            out->d[r] = pl__f16_to_f32(half_at(head, r)) * (float)tail[r];
            out->m[r] = pl__f16_to_f32(half_at(head + 32, r)) * (float)-(int)tail[16 + r];
        }
    }
}

void pl__tile_open(int dtype, const uint8_t *tile, uint32_t b, struct pl__panel *out)
{
    struct pl__layout l = pl__layout_of(dtype);
    const uint8_t *block = pl__tile_block(tile, l, b);
    open_weights(l, block, out->q);
    open_scales(l, pl__tile_head(tile, l, b), block + pl__layout_tail(l), out);
}

/* The weights of row R in a block, still unsigned. */
static void row_weights(struct pl__layout l, const uint8_t *block, uint32_t r, int q[PL_BLOCK])
{
    const uint8_t *high = block + 256;
    for (uint32_t k = 0; k < PL_BLOCK; k++) {
        uint32_t g = k / 4, at = 4 * r + k % 4;
        if (l.high == 4)
            q[k] = block[64 * g + at];
        else
            q[k] = block[64 * (g & 3) + at] >> (g < 4 ? 0 : 4) & 15;
        if (l.high == 1) q[k] |= (high[at] >> g & 1) << 4;
        if (l.high == 2) q[k] |= (high[64 * (g / 4) + at] >> 2 * (g & 3) & 3) << 4;
    }
}

/* Rule 5: (d*sc)*q, then + min, each rounded once. */
static void row_block(struct pl__layout l, const uint8_t *tile, uint32_t b, uint32_t r, float *out)
{
    const uint8_t *block = pl__tile_block(tile, l, b), *head = pl__tile_head(tile, l, b);
    const uint8_t *tail = block + pl__layout_tail(l);
    int q[PL_BLOCK];
    row_weights(l, block, r, q);
    float d = pl__f16_to_f32(half_at(l.super ? head : tail, r)), m = 0;
    if (l.super && l.min)
        m = pl__f16_to_f32(half_at(head + 32, r)) * (float)-(int)tail[16 + r];
    else if (l.min)
        m = pl__f16_to_f32(half_at(tail + 32, r));
    for (uint32_t k = 0; k < PL_BLOCK; k++) {
        int scale = l.halves ? (int8_t)tail[16 * (k / 16) + r] : l.super ? tail[r] : 1;
        float v = d * (float)scale * (float)(q[k] - l.offset);
        out[k] = l.min ? v + m : v;
    }
}

static float row_float(int dtype, const uint8_t *tile, uint64_t at)
{
    uint32_t bits;
    if (dtype == PL_F16) return pl__f16_to_f32(half_at(tile + 2 * at, 0));
    if (dtype == PL_BF16) return pl__bf16_to_f32(half_at(tile + 2 * at, 0));
    memcpy(&bits, tile + 4 * at, 4);
    return pl__f32_from_bits(bits);
}

void pl__weight_row(const struct pl_weight *w, uint32_t row, float *out)
{
    const struct pl__part *p = w->parts;
    PL_MUST(row < w->rows);
    while (row >= p->row0 + p->rows) p++;
    uint32_t local = row - p->row0, r = local % PL_TILE;
    const uint8_t *tile = p->data + local / PL_TILE * p->tile_bytes;
    if (pl__dtype_is_float(p->dtype)) {
        for (uint32_t k = 0; k < w->cols; k++) out[k] = row_float(p->dtype, tile, (uint64_t)k * PL_TILE + r);
        return;
    }
    struct pl__layout l = pl__layout_of(p->dtype);
    for (uint32_t b = 0; b < w->cols / PL_BLOCK; b++) row_block(l, tile, b, r, out + (uint64_t)b * PL_BLOCK);
}
