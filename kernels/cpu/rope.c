/* Rotary positions and the write into the KV cache.
 *
 * Angles are pos * theta^(-2i/dims) (divided by the factor of the pair, if there are any) in float64, their
 * sine and cosine rounded once to float32; a pair turns as (a*c - b*s, a*s + b*c), each operation rounded
 * once. */
#include <string.h>
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/f16.h"
#include "kernels/cpu/math.h"

struct job {
    struct pl_dev *dev;
    struct pl_mat qkv;
    const struct pl_attn_desc *a;
    const struct pl_rope_desc *r;
    const struct pl_batch *b;
    struct pl_kv *kv;
    uint16_t *layer; /* page 0 of the layer */
    struct pl__share share;
};

static bool cached(const struct pl__rope_cache *c, const struct pl_rope_desc *r, const struct pl_batch *b)
{
    if (!c->filled || c->n_rows != b->n_rows || c->dims != r->dims || c->theta != r->theta) return false;
    if (c->has_factors != (r->factors != NULL)) return false;
    if (r->factors && memcmp(c->factors.data, r->factors, r->dims / 2 * sizeof(float)) != 0) return false;
    return memcmp(c->pos.data, b->pos, b->n_rows * sizeof *b->pos) == 0;
}

static void remember(struct pl__rope_cache *c, const struct pl_rope_desc *r, const struct pl_batch *b)
{
    uint32_t pairs = r->dims / 2;
    memcpy(pl__scratch_get(&c->pos, b->n_rows * sizeof *b->pos), b->pos, b->n_rows * sizeof *b->pos);
    float *factors = pl__scratch_get(&c->factors, pairs * sizeof(float));
    if (r->factors) memcpy(factors, r->factors, pairs * sizeof(float));
    double *freq = pl__scratch_get(&c->freq, pairs * sizeof(double));
    pl__rope_frequencies(r, freq);
    pl__scratch_get(&c->table, (uint64_t)b->n_rows * r->dims * sizeof(float));
    c->n_rows = b->n_rows;
    c->dims = r->dims;
    c->theta = r->theta;
    c->has_factors = r->factors != NULL;
    c->filled = true;
}

void pl__rope_frequencies(const struct pl_rope_desc *r, double *freq)
{
    for (uint32_t i = 0; i < r->dims / 2; i++) {
        freq[i] = pl__pow64((double)r->theta, -2.0 * i / r->dims);
        if (r->factors) freq[i] /= (double)r->factors[i];
    }
}

void pl__rope_angles(const double *freq, uint32_t dims, uint32_t pos, float *out)
{
    for (uint32_t i = 0; i < dims / 2; i++) {
        double s, cosine;
        pl__sincos64(pos * freq[i], &s, &cosine);
        out[i] = (float)cosine;
        out[dims / 2 + i] = (float)s;
    }
}

static void fill_rows(void *arg, uint32_t thread)
{
    struct job *j = arg;
    const struct pl__rope_cache *c = &j->dev->rope;
    uint32_t from, to;
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t row = from; row < to; row++)
            pl__rope_angles(c->freq.data, c->dims, j->b->pos[row],
                            (float *)c->table.data + (size_t)row * c->dims);
}

void pl__rope_turn(float *head, const struct pl_rope_desc *r, const float *cosines)
{
    uint32_t pairs = r->dims / 2, step = r->interleaved ? 2 : 1, other = r->interleaved ? 1 : pairs;
    const float *sines = cosines + pairs;
    for (uint32_t i = 0; i < pairs; i++) {
        float *x = head + (size_t)i * step, a = x[0], b = x[other];
        x[0] = a * cosines[i] - b * sines[i];
        x[other] = a * sines[i] + b * cosines[i];
    }
}

static void write_kv(const struct job *j, const float *k, const float *v, uint32_t page, uint32_t slot)
{
    const struct pl_kv *kv = j->kv;
    uint32_t head_dim = kv->head_dim;
    for (uint32_t g = 0; g < kv->n_kv_heads; g++) {
        uint16_t *keys = j->layer + page * kv->page_stride + g * kv->head_stride;
        uint16_t *values = keys + kv->n_kv_heads * kv->head_stride;
        for (uint32_t e = 0; e < head_dim; e++)
            keys[e * PL_PAGE_TOKENS + slot] = pl__f32_to_f16(k[g * head_dim + e]);
        j->dev->lane->store_f16(values + (size_t)slot * head_dim, v + (size_t)g * head_dim, head_dim);
    }
}

static void do_row(const struct job *j, uint32_t row, const uint32_t *pages)
{
    const struct pl_attn_desc *a = j->a;
    const float *cosines = (const float *)j->dev->rope.table.data + (size_t)row * j->r->dims;
    float *q = j->qkv.data + (size_t)row * j->qkv.ld;
    uint32_t pos = j->b->pos[row], page = pages[pos / PL_PAGE_TOKENS];
    PL_MUST(page < j->kv->n_pages);
    for (uint32_t h = 0; h < a->n_heads + a->n_kv_heads; h++)
        pl__rope_turn(q + (size_t)h * a->head_dim, j->r, cosines);
    const float *k = q + (size_t)a->n_heads * a->head_dim;
    write_kv(j, k, k + (size_t)a->n_kv_heads * a->head_dim, page, pos % PL_PAGE_TOKENS);
}

static void do_rows(void *arg, uint32_t thread)
{
    struct job *j = arg;
    uint32_t from, to, s = 0;
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t row = from; row < to; row++) {
            while (row >= j->b->row[s + 1]) s++; /* claims only rise */
            do_row(j, row, j->b->pages[s]);
        }
}

void pl__cpu_rope_kv_write(struct pl_dev *dev, struct pl_mat qkv, const struct pl_attn_desc *a,
                           const struct pl_rope_desc *r, const struct pl_batch *b, struct pl_kv *kv,
                           uint32_t layer)
{
    PL_MUST(qkv.rows == b->n_rows && b->row[b->n_seqs] == b->n_rows && layer < kv->n_layers);
    PL_MUST(a->head_dim == kv->head_dim && a->n_kv_heads == kv->n_kv_heads && r->dims <= a->head_dim);
    struct job j = {.dev = dev, .qkv = qkv, .a = a, .r = r, .b = b, .kv = kv};
    j.layer = kv->data + layer * kv->layer_stride;
    if (!cached(&dev->rope, r, b)) {
        remember(&dev->rope, r, b);
        pl__share_init(&j.share, b->n_rows, 1);
        pl__dev_run(dev, b->n_rows, fill_rows, &j);
    }
    pl__share_init(&j.share, b->n_rows, 1);
    pl__dev_run(dev, b->n_rows, do_rows, &j);
}
