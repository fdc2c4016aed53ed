/* Making a weight from the file's tensors: sizes are checked, rows are repacked tile by tile into memory of
 * our own. */
#include "kernels/cpu/weight.h"

#include <stdlib.h>
#include <string.h>
#include "kernels/cpu/mem.h"

static int check_part(const struct pl_tensor *t, uint64_t cols, struct pl_err *err)
{
    uint32_t block = pl_dtype_block(t->dtype);
    if (!block || !pl_dtype_name(t->dtype))
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, t->name, "type %d has no CPU kernels", t->dtype);
    if (t->n_dims > 2 || t->ne[2] != 1 || t->ne[3] != 1)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, t->name, "a weight has one or two dimensions");
    if (t->ne[0] == 0 || t->ne[1] == 0 || t->ne[0] > INT32_MAX || t->ne[1] > INT32_MAX || t->ne[0] % block)
        return pl_fail(err, PL_E_CORRUPT, t->name, "impossible size %llu x %llu",
                       (unsigned long long)t->ne[0], (unsigned long long)t->ne[1]);
    if (t->ne[0] != cols)
        return pl_fail(err, PL_E_CORRUPT, t->name, "has %llu columns, its neighbours %llu",
                       (unsigned long long)t->ne[0], (unsigned long long)cols);
    if (t->size_bytes / t->ne[1] < cols / block * pl_dtype_block_bytes(t->dtype))
        return pl_fail(err, PL_E_CORRUPT, t->name, "is shorter than its shape");
    return 0;
}

/* Fills everything but the data pointers; gives the bytes that the parts need. */
static int plan(struct pl_weight *w, const struct pl_tensor *const *parts, uint64_t *need, struct pl_err *err)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < w->n_parts; i++) {
        const struct pl_tensor *t = parts[i];
        int rc = check_part(t, parts[0]->ne[0], err);
        if (rc) return rc;
        struct pl__part *p = &w->parts[i];
        p->dtype = t->dtype;
        p->rows = (uint32_t)t->ne[1];
        p->row0 = (uint32_t)rows;
        p->tiles = (p->rows + PL_TILE - 1) / PL_TILE;
        p->tile0 = w->tiles;
        p->tile_bytes = pl__tile_bytes(t->dtype, (uint32_t)t->ne[0]);
        w->tiles += p->tiles;
        rows += p->rows;
        if (rows > INT32_MAX) return pl_fail(err, PL_E_MODEL_UNSUPPORTED, t->name, "too many rows");
        *need += (p->tiles * p->tile_bytes + 63) / 64 * 64;
        w->quantized |= !pl__dtype_is_float(t->dtype);
    }
    w->rows = (uint32_t)rows;
    w->cols = (uint32_t)parts[0]->ne[0];
    return 0;
}

static int pack(struct pl_weight *w, const struct pl_tensor *const *parts, struct pl_err *err)
{
    uint8_t *at = w->memory;
    for (uint32_t i = 0; i < w->n_parts; i++) {
        struct pl__part *p = &w->parts[i];
        uint64_t row_bytes = (uint64_t)w->cols / pl_dtype_block(p->dtype) * pl_dtype_block_bytes(p->dtype);
        p->data = at;
        for (uint32_t t = 0; t < p->tiles; t++) {
            uint32_t row = t * PL_TILE, rows = p->rows - row < PL_TILE ? p->rows - row : PL_TILE;
            const uint8_t *src = (const uint8_t *)parts[i]->data + row * row_bytes;
            if (!pl__tile_pack(p->dtype, src, row_bytes, rows, w->cols, at + t * p->tile_bytes))
                return pl_fail(err, PL_E_CORRUPT, parts[i]->name,
                               "rows %u to %u hold a scale that is not finite", row, row + rows - 1);
        }
        at += (p->tiles * p->tile_bytes + 63) / 64 * 64;
    }
    return 0;
}

static int fill(struct pl_weight *w, const struct pl_tensor *const *parts, const float *bias,
                struct pl_err *err)
{
    uint64_t need = 0;
    int rc = plan(w, parts, &need, err);
    if (rc) return rc;
    uint64_t bias_bytes = bias ? (uint64_t)w->rows * sizeof(float) : 0;
    w->bytes = need + bias_bytes;
    w->memory = pl__mem_alloc(w->bytes);
    if (!w->memory)
        return pl_fail(err, PL_E_NO_MEMORY, parts[0]->name, "no %llu bytes", (unsigned long long)w->bytes);
    if (bias) w->bias = memcpy(w->memory + need, bias, bias_bytes);
    return pack(w, parts, err);
}

int pl__weight_create(const struct pl_tensor *const *parts, uint32_t n_parts, const float *bias,
                      struct pl_weight **out, struct pl_err *err)
{
    PL_MUST(n_parts >= 1 && n_parts <= PL_MAX_PARTS);
    struct pl_weight *w = calloc(1, sizeof *w);
    if (!w) return pl_fail(err, PL_E_NO_MEMORY, parts[0]->name, "no memory");
    w->n_parts = n_parts;
    int rc = fill(w, parts, bias, err);
    if (rc)
        pl__weight_destroy(&w);
    else
        *out = w;
    return rc;
}

void pl__weight_destroy(struct pl_weight **w)
{
    if (!*w) return;
    pl__mem_free((*w)->memory);
    free(*w);
    *w = NULL;
}
