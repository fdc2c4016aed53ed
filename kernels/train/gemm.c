#include "kernels/train/gemm.h"

#include <stdlib.h>
#include <string.h>

enum { RUN = 256, WEIGHT_TILES = 32 }; /* k of a run; tiles of 16 rows that are dequantised at once */

struct product {
    const struct pl__train_ops *ops;
    uint32_t m, n, k; /* of this run */
    struct pl__operand a, b;
    float *c;
    size_t ldc;
    bool add;
    float *packed_a;
    struct pl__scratch *scratch; /* [threads] */
    struct pl__share share;
};

static uint32_t up(uint32_t n, uint32_t to)
{
    return (n + to - 1) / to * to;
}

int pl__gemm_init(struct pl__gemm *g, enum pl_isa isa, uint32_t threads, struct pl_err *err)
{
    memset(g, 0, sizeof *g);
    g->ops = pl__train_ops_of(isa);
    g->tiles = pl__tile_ops_of(isa);
    g->thread = calloc(threads, sizeof *g->thread);
    if (!g->thread) return pl_fail(err, PL_E_NO_MEMORY, "threads", "no memory for %u workers", threads);
    return pl__pool_create(threads, &g->pool, err);
}

void pl__gemm_finish(struct pl__gemm *g)
{
    for (uint32_t t = 0; g->pool && t < pl__pool_threads(g->pool); t++) pl__scratch_free(&g->thread[t]);
    pl__scratch_free(&g->a);
    pl__scratch_free(&g->weight);
    pl__pool_destroy(&g->pool);
    free(g->thread);
    memset(g, 0, sizeof *g);
}

/* LINES lines of WIDTH from LINE on, packed [k][width], zeros behind the last: rows of A or columns of B,
 * whose element (line, k) lies at p[line*across + k*along]. */
static void pack(const float *p, size_t across, size_t along, uint32_t lines, uint32_t width, uint32_t k,
                 float *out)
{
    uint32_t used = lines < width ? lines : width;
    if (across == 1 && used == width) {
        for (uint32_t i = 0; i < k; i++) memcpy(out + (size_t)i * width, p + i * along, width * sizeof *out);
        return;
    }
    if (used < width) memset(out, 0, (size_t)k * width * sizeof *out);
    for (uint32_t l = 0; l < used; l++)
        for (uint32_t i = 0; i < k; i++) out[(size_t)i * width + l] = p[l * across + i * along];
}

static void pack_a(const struct product *j, uint32_t from, uint32_t to)
{
    uint32_t mr = j->ops->mr;
    for (uint32_t p = from; p < to; p++) {
        uint32_t row = p * mr;
        pack(j->a.p + row * j->a.row, j->a.row, j->a.col, j->m - row, mr, j->k,
             j->packed_a + (size_t)row * j->k);
    }
}

static void pack_share(void *arg, uint32_t thread)
{
    struct product *j = arg;
    uint32_t from, to;
    while (pl__share_next(&j->share, &from, &to)) pack_a(j, from, to);
}

/* One tile; what lies over the edge of C goes by way of EDGE. */
static void multiply_tile(const struct product *j, const float *b, uint32_t row, uint32_t col, float *edge)
{
    uint32_t mr = j->ops->mr, nr = j->ops->nr;
    uint32_t rows = j->m - row < mr ? j->m - row : mr, cols = j->n - col < nr ? j->n - col : nr;
    float *c = j->c + row * j->ldc + col;
    const float *a = j->packed_a + (size_t)row * j->k;
    if (rows == mr && cols == nr) {
        j->ops->tile(j->k, a, b, c, j->ldc, j->add);
        return;
    }
    for (uint32_t r = 0; j->add && r < rows; r++) memcpy(edge + r * nr, c + r * j->ldc, cols * sizeof *c);
    j->ops->tile(j->k, a, b, edge, nr, j->add);
    for (uint32_t r = 0; r < rows; r++) memcpy(c + r * j->ldc, edge + r * nr, cols * sizeof *c);
}

static void multiply_panel(const struct product *j, uint32_t panel, float *b)
{
    uint32_t nr = j->ops->nr, col = panel * nr;
    float *edge = b + (size_t)nr * RUN;
    pack(j->b.p + col * j->b.col, j->b.col, j->b.row, j->n - col, nr, j->k, b);
    for (uint32_t row = 0; row < j->m; row += j->ops->mr) multiply_tile(j, b, row, col, edge);
}

static uint64_t panel_bytes(const struct pl__train_ops *ops)
{
    return ((uint64_t)ops->nr * RUN + (uint64_t)ops->mr * ops->nr) * sizeof(float);
}

static void multiply_share(void *arg, uint32_t thread)
{
    struct product *j = arg;
    uint32_t from, to;
    float *b = pl__scratch_get(&j->scratch[thread], panel_bytes(j->ops));
    memset(b + (size_t)j->ops->nr * RUN, 0, (size_t)j->ops->mr * j->ops->nr * sizeof *b);
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t p = from; p < to; p++) multiply_panel(j, p, b);
}

/* The next run of K. */
static void advance(struct product *j, uint32_t k_done, uint32_t k, struct pl__operand a,
                    struct pl__operand b, bool add)
{
    j->k = k - k_done < RUN ? k - k_done : RUN;
    j->a = (struct pl__operand){a.p + k_done * a.col, a.row, a.col};
    j->b = (struct pl__operand){b.p + k_done * b.row, b.row, b.col};
    j->add = add || k_done > 0;
}

static void clear(uint32_t m, uint32_t n, float *c, size_t ldc)
{
    for (uint32_t r = 0; r < m; r++) memset(c + r * ldc, 0, n * sizeof *c);
}

void pl__gemm(struct pl__gemm *g, uint32_t m, uint32_t n, uint32_t k, struct pl__operand a,
              struct pl__operand b, float *c, size_t ldc, bool add)
{
    struct product j = {.ops = g->ops, .m = m, .n = n, .c = c, .ldc = ldc, .scratch = g->thread};
    uint32_t row_panels = up(m, g->ops->mr) / g->ops->mr, panels = up(n, g->ops->nr) / g->ops->nr;
    if (k == 0 && !add) clear(m, n, c, ldc);
    if (m == 0 || n == 0) return;
    j.packed_a = pl__scratch_get(&g->a, (uint64_t)up(m, g->ops->mr) * RUN * sizeof(float));
    for (uint32_t done = 0; done < k; done += RUN) {
        advance(&j, done, k, a, b, add);
        pl__share_init(&j.share, row_panels, 4);
        pl__gemm_share(g, pack_share, &j);
        pl__share_init(&j.share, panels, 1);
        pl__gemm_share(g, multiply_share, &j);
    }
}

void pl__gemm_alone(const struct pl__train_ops *ops, struct pl__scratch *scratch, uint32_t m, uint32_t n,
                    uint32_t k, struct pl__operand a, struct pl__operand b, float *c, size_t ldc, bool add)
{
    struct product j = {.ops = ops, .m = m, .n = n, .c = c, .ldc = ldc};
    uint32_t rows = up(m, ops->mr);
    if (k == 0 && !add) clear(m, n, c, ldc);
    if (m == 0 || n == 0) return;
    uint8_t *memory = pl__scratch_get(scratch, panel_bytes(ops) + (uint64_t)rows * RUN * sizeof(float));
    float *panel = (float *)(void *)memory;
    j.packed_a = (float *)(void *)(memory + panel_bytes(ops));
    memset(panel + (size_t)ops->nr * RUN, 0, (size_t)ops->mr * ops->nr * sizeof *panel);
    for (uint32_t done = 0; done < k; done += RUN) {
        advance(&j, done, k, a, b, add);
        pack_a(&j, 0, rows / ops->mr);
        for (uint32_t p = 0; p < up(n, ops->nr) / ops->nr; p++) multiply_panel(&j, p, panel);
    }
}

void pl__gemm_share(struct pl__gemm *g, void (*fn)(void *arg, uint32_t thread), void *arg)
{
    pl__flush_subnormals();
    pl__pool_run(g->pool, fn, arg);
}

/* --- packed weights --- */

struct opening {
    struct pl__gemm *g;
    const struct pl_weight *w;
    const struct pl__part *part;
    uint32_t tile; /* first of the part */
    float *out;    /* [16 * tiles, cols] */
    struct pl__share share;
};

/* A quantised tile to rows: value = d*(q - offset), + m. */
static void open_quantised(const struct opening *j, const uint8_t *tile, struct pl__panel *panels, float *out)
{
    struct pl__layout l = pl__layout_of(j->part->dtype);
    uint32_t cols = j->w->cols, blocks = cols / PL_BLOCK;
    j->g->tiles->open(j->part->dtype, tile, blocks, panels);
    for (uint32_t r = 0; r < PL_TILE; r++)
        for (uint32_t b = 0; b < blocks; b++) {
            const struct pl__panel *p = &panels[b];
            float *to = out + (size_t)r * cols + (size_t)b * PL_BLOCK, m = l.min ? p->m[r] : 0;
            for (uint32_t i = 0; i < PL_BLOCK; i++) {
                float d = l.halves ? p->d[r] * (float)p->s[i / 16][r] : p->d[r];
                to[i] = d * (float)(p->q[i / 4][4 * r + i % 4] - l.offset) + m;
            }
        }
}

static void open_share(void *arg, uint32_t thread)
{
    struct opening *j = arg;
    uint32_t from, to, cols = j->w->cols;
    bool floats = pl__dtype_is_float(j->part->dtype);
    uint64_t bytes = floats ? 1 : (uint64_t)(cols / PL_BLOCK) * sizeof(struct pl__panel);
    struct pl__panel *panels = pl__scratch_get(&j->g->thread[thread], bytes);
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t t = from; t < to; t++) {
            float *out = j->out + (size_t)t * PL_TILE * cols;
            uint32_t row = (j->tile + t) * PL_TILE;
            if (!floats) {
                open_quantised(j, j->part->data + (j->tile + t) * j->part->tile_bytes, panels, out);
                continue;
            }
            for (uint32_t r = 0; r < PL_TILE && row + r < j->part->rows; r++)
                pl__weight_row(j->w, j->part->row0 + row + r, out + (size_t)r * cols);
        }
}

/* Calls FN for each run of rows of W as float32: ROWS rows from ROW0 at P, row stride cols. */
typedef void (*rows_fn)(struct pl__gemm *g, const float *p, uint32_t row0, uint32_t rows, void *arg);
static void each_rows(struct pl__gemm *g, const struct pl__weights *w, rows_fn fn, void *arg)
{
    if (!w->packed) {
        fn(g, w->plain, 0, w->rows, arg);
        return;
    }
    for (uint32_t p = 0; p < w->packed->n_parts; p++) {
        const struct pl__part *part = &w->packed->parts[p];
        for (uint32_t tile = 0; tile < part->tiles; tile += WEIGHT_TILES) {
            uint32_t tiles = part->tiles - tile < WEIGHT_TILES ? part->tiles - tile : WEIGHT_TILES;
            uint32_t left = part->rows - tile * PL_TILE, rows = tiles * PL_TILE;
            struct opening j = {.g = g, .w = w->packed, .part = part, .tile = tile};
            j.out = pl__scratch_get(&g->weight, (uint64_t)WEIGHT_TILES * PL_TILE * w->cols * sizeof(float));
            pl__share_init(&j.share, tiles, 1);
            pl__gemm_share(g, open_share, &j);
            fn(g, j.out, part->row0 + tile * PL_TILE, rows < left ? rows : left, arg);
        }
    }
}

struct through {
    const struct pl__weights *w;
    const float *in;
    float *out;
    size_t ld_in, ld_out;
    uint32_t t;
    bool add;
};

static void forward_rows(struct pl__gemm *g, const float *p, uint32_t row0, uint32_t rows, void *arg)
{
    const struct through *j = arg;
    pl__gemm(g, j->t, rows, j->w->cols, pl__rows_of(j->in, j->ld_in), pl__turned(p, j->w->cols),
             j->out + row0, j->ld_out, false);
}

void pl__gemm_forward(struct pl__gemm *g, uint32_t t, const float *x, size_t ldx, const struct pl__weights *w,
                      float *y, size_t ldy)
{
    struct through j = {.w = w, .in = x, .out = y, .ld_in = ldx, .ld_out = ldy, .t = t};
    each_rows(g, w, forward_rows, &j);
}

static void back_rows(struct pl__gemm *g, const float *p, uint32_t row0, uint32_t rows, void *arg)
{
    struct through *j = arg;
    pl__gemm(g, j->t, j->w->cols, rows, pl__rows_of(j->in + row0, j->ld_in), pl__rows_of(p, j->w->cols),
             j->out, j->ld_out, j->add);
    j->add = true;
}

void pl__gemm_back(struct pl__gemm *g, uint32_t t, const float *dy, size_t ldy, const struct pl__weights *w,
                   float *dx, size_t ldx, bool add)
{
    struct through j = {.w = w, .in = dy, .out = dx, .ld_in = ldy, .ld_out = ldx, .t = t, .add = add};
    each_rows(g, w, back_rows, &j);
}
