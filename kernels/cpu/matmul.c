/* y = x w^T: quantise the rows once, share tiles of output columns out to the workers, then low-rank pairs
 * and bias.
 *
 * Work is divided by output columns only and each output is one chain over all of K, so neither the number of
 * threads nor the rows of the batch can change a bit. Up to 8 rows (decode) read the packed tiles directly,
 * bound by memory; more rows open two tiles into a panel that stays in the second-level cache and run all
 * rows over it. */
#include <string.h>
#include "kernels/cpu/cpu.h"

enum { PANEL_TILES = 2 };

struct job {
    struct pl_dev *dev;
    struct pl_mat x, y;
    const struct pl_weight *w;
    const struct pl_lora_pair *const *lora;
    const uint32_t *n_lora;
    struct pl__qact act;
    int8_t *q;
    struct pl__qblock *qblocks;
    float *lora_u;     /* A x of all pairs of all rows */
    uint32_t *lora_at; /* [rows] where a row's begin */
    struct pl__share share;
};

/* What every row needs before any output: its 8-bit form and the narrow side of its pairs. */
static void prepare_row(const struct job *j, uint32_t r)
{
    const float *x = j->x.data + (size_t)r * j->x.ld;
    const struct pl__lane_ops *ops = j->dev->lane;
    if (j->w->quantized)
        ops->quantize(x, j->act.cols, j->q + (size_t)r * j->act.cols, j->qblocks + (size_t)r * j->act.blocks);
    if (!j->lora) return;
    float *u = j->lora_u + j->lora_at[r];
    for (uint32_t i = 0; i < j->n_lora[r]; i++) {
        ops->lora_down(&j->lora[r][i], x, u);
        u += j->lora[r][i].rank;
    }
}

static void prepare_rows(void *arg, uint32_t thread)
{
    struct job *j = arg;
    uint32_t from, to;
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t r = from; r < to; r++) prepare_row(j, r);
}

/* Rule 13: the pairs of row R that touch columns [c0, c1). */
static void add_lora(const struct job *j, uint32_t r, uint32_t c0, uint32_t c1)
{
    const float *u = j->lora_u + j->lora_at[r];
    for (uint32_t i = 0; i < j->n_lora[r]; i++) {
        const struct pl_lora_pair *p = &j->lora[r][i];
        uint32_t from = c0 > p->out_offset ? c0 : p->out_offset;
        uint32_t end = p->out_offset + p->rows, to = c1 < end ? c1 : end;
        if (from < to)
            j->dev->lane->lora_up(p, u, from - p->out_offset, to - p->out_offset,
                                  j->y.data + (size_t)r * j->y.ld + from);
        u += p->rank;
    }
}

static void finish_columns(const struct job *j, uint32_t c0, uint32_t c1)
{
    if (!j->lora && !j->w->bias) return;
    for (uint32_t r = 0; r < j->x.rows; r++) {
        if (j->lora) add_lora(j, r, c0, c1);
        if (j->w->bias) j->dev->lane->add(j->y.data + (size_t)r * j->y.ld + c0, j->w->bias + c0, c1 - c0);
    }
}

struct thread_scratch {
    struct pl__panel *panels; /* PANEL_TILES * blocks */
    float *out;               /* [rows, PANEL_TILES * 16] of a tile that is not full */
};

static void multiply(const struct job *j, const struct pl__part *p, const uint8_t *tile, uint32_t tiles,
                     struct thread_scratch s, float *y, size_t ld)
{
    const struct pl__tile_ops *ops = j->dev->tile;
    uint32_t rows = j->x.rows;
    if (pl__dtype_is_float(p->dtype)) {
        for (uint32_t t = 0; t < tiles; t++)
            j->dev->lane->float_tile(p->dtype, tile + t * p->tile_bytes, j->w->cols, j->x.data, j->x.ld, rows,
                                     y + (size_t)PL_TILE * t, ld);
    } else if (rows <= ops->direct_most) {
        for (uint32_t t = 0; t < tiles; t++)
            ops->direct(p->dtype, tile + t * p->tile_bytes, &j->act, rows, y + (size_t)PL_TILE * t, ld);
    } else {
        for (uint32_t t = 0; t < tiles; t++)
            ops->open(p->dtype, tile + t * p->tile_bytes, j->act.blocks,
                      s.panels + (size_t)t * j->act.blocks);
        ops->panel(p->dtype, s.panels, tiles, &j->act, rows, y, ld);
    }
}

/* TILES (1 or 2) tiles of part P from its tile T on. */
static void run_tiles(const struct job *j, const struct pl__part *p, uint32_t t, uint32_t tiles,
                      struct thread_scratch s)
{
    uint32_t c0 = p->row0 + t * PL_TILE, wide = tiles * PL_TILE, left = p->rows - t * PL_TILE;
    const uint8_t *tile = p->data + t * p->tile_bytes;
    float *y = j->y.data + c0;
    if (left >= wide) {
        multiply(j, p, tile, tiles, s, y, j->y.ld);
        left = wide;
    } else {
        multiply(j, p, tile, tiles, s, s.out, wide);
        for (uint32_t r = 0; r < j->x.rows; r++)
            memcpy(y + (size_t)r * j->y.ld, s.out + (size_t)r * wide, left * sizeof *y);
    }
    finish_columns(j, c0, c0 + left);
}

static struct thread_scratch scratch_of(const struct job *j, uint32_t thread)
{
    uint64_t panels = j->w->quantized ? (uint64_t)PANEL_TILES * j->act.blocks * sizeof(struct pl__panel) : 0;
    uint64_t out = (uint64_t)j->x.rows * PANEL_TILES * PL_TILE * sizeof(float);
    uint8_t *p = pl__scratch_get(&j->dev->thread[thread], panels + out);
    return (struct thread_scratch){(struct pl__panel *)(void *)p, (float *)(void *)(p + panels)};
}

static void run_share(void *arg, uint32_t thread)
{
    struct job *j = arg;
    struct thread_scratch s = scratch_of(j, thread);
    uint32_t from, to;
    while (pl__share_next(&j->share, &from, &to)) {
        const struct pl__part *p = j->w->parts;
        for (uint32_t t = from; t < to;) {
            while (t >= p->tile0 + p->tiles) p++;
            uint32_t tiles = t + 1 < to && t + 1 < p->tile0 + p->tiles ? 2 : 1;
            run_tiles(j, p, t - p->tile0, tiles, s);
            t += tiles;
        }
    }
}

static void plan_lora(struct job *j)
{
    uint32_t total = 0;
    j->lora_at = pl__scratch_get(&j->dev->lora_at, j->x.rows * sizeof *j->lora_at);
    for (uint32_t r = 0; r < j->x.rows; r++) {
        j->lora_at[r] = total;
        for (uint32_t i = 0; i < j->n_lora[r]; i++) {
            const struct pl_lora_pair *p = &j->lora[r][i];
            PL_MUST(p->cols == j->w->cols && p->rows <= j->w->rows && p->out_offset <= j->w->rows - p->rows);
            total += p->rank;
        }
    }
    j->lora_u = pl__scratch_get(&j->dev->lora_u, total * sizeof *j->lora_u);
}

static void plan_activations(struct job *j)
{
    j->act.cols = j->w->cols;
    j->act.blocks = j->w->cols / PL_BLOCK;
    if (!j->w->quantized) return;
    j->q = pl__scratch_get(&j->dev->q, (uint64_t)j->x.rows * j->act.cols);
    j->qblocks = pl__scratch_get(&j->dev->qblocks, (uint64_t)j->x.rows * j->act.blocks * sizeof *j->qblocks);
    j->act.q = j->q;
    j->act.b = j->qblocks;
}

/* Chunks of pairs of tiles, small enough that a thread that lost its core for a while costs little. */
static uint32_t chunk_of(uint32_t tiles, uint32_t threads)
{
    uint32_t chunk = tiles / (threads * 8) / PANEL_TILES * PANEL_TILES;
    return chunk < PANEL_TILES ? PANEL_TILES : chunk > 32 ? 32 : chunk;
}

void pl__cpu_matmul(struct pl_dev *dev, struct pl_mat x, const struct pl_weight *w,
                    const struct pl_lora_pair *const *lora, const uint32_t *n_lora, struct pl_mat y)
{
    PL_MUST(x.cols == w->cols && y.cols == w->rows && x.rows == y.rows && x.ld >= x.cols && y.ld >= y.cols);
    if (x.rows == 0) return;
    struct job j = {.dev = dev, .x = x, .y = y, .w = w, .lora = lora, .n_lora = n_lora};
    plan_activations(&j);
    if (lora) plan_lora(&j);
    pl__share_init(&j.share, x.rows, 1);
    if (w->quantized || lora) pl__dev_run(dev, x.rows, prepare_rows, &j);
    pl__share_init(&j.share, w->tiles, chunk_of(w->tiles, pl__pool_threads(dev->pool)));
    pl__dev_run(dev, w->tiles, run_share, &j);
}
