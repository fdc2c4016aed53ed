/* net_pairs.c - the low-rank pairs of a site, there and back.
 *
 *   Xd = dropout(X), L = s Xd A^T, Y += L B^T
 *   back: dB += dY^T L, dL = s dY B, dA += dL^T Xd, dX += dropout'(dL A)
 *
 * Dropout is a function of (seed, step, layer, module, element), so nothing is kept for it and a step that is
 * made again is the same (Salmon et al. 2011: random numbers by counters). */
#include <string.h>
#include "kernels/train/net.h"
#include "kernels/train/random.h"

struct drop {
    const float *x;
    float *out;
    uint32_t cols;
    uint64_t key;
    float p;
    bool add; /* OUT += masked X; else OUT = masked X */
};

static void drop_row(void *arg, uint32_t row)
{
    const struct drop *d = arg;
    const float *x = d->x + (size_t)row * d->cols;
    float *out = d->out + (size_t)row * d->cols, keep = 1.0f / (1.0f - d->p);
    uint32_t least = (uint32_t)(d->p * 4294967296.0f);
    for (uint32_t i = 0; i < d->cols; i++) {
        bool kept = (uint32_t)(pl__random(d->key, (uint64_t)row * d->cols + i) >> 32) >= least;
        float v = kept ? x[i] * keep : 0;
        out[i] = d->add ? out[i] + v : v;
    }
}

static uint64_t key_of(const struct pl__net *n, uint32_t layer, uint32_t module)
{
    return pl__random(n->drop_key, (uint64_t)layer * PL_N_MODULES + module);
}

/* X with dropout: X itself when there is none, else a copy in OTHER. */
static const float *dropped(struct pl__net *n, uint32_t layer, uint32_t module, const float *x)
{
    const struct pl__module *m = &n->modules[module];
    if (!n->drop_key || n->opts.dropout <= 0) return x;
    struct drop d = {
        .x = x, .out = n->other, .cols = m->in, .key = key_of(n, layer, module), .p = n->opts.dropout};
    pl__net_each_row(n, n->rows.n_rows, drop_row, &d);
    return n->other;
}

static uint32_t site_width(const struct pl__net *n, enum pl_site site)
{
    return pl__net_weights(n, 0, site).rows;
}

void pl__net_pairs(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x, float *low, float *y)
{
    uint32_t t = n->rows.n_rows, rank = n->opts.rank, width = site_width(n, site);
    const float *params = n->params + layer * n->layer_params;
    for (uint32_t i = 0; i < PL_N_MODULES; i++) {
        const struct pl__module *m = &n->modules[i];
        if (!m->on || m->site != site) continue;
        float *l = low + (size_t)i * n->opts.max_rows * rank;
        const float *in = dropped(n, layer, i, x);
        pl__gemm(&n->gemm, t, rank, m->in, pl__rows_of(in, m->in), pl__turned(params + m->a, m->in), l, rank,
                 false);
        n->gemm.ops->scale(l, t * rank, n->scale);
        pl__gemm(&n->gemm, t, m->out, rank, pl__rows_of(l, rank), pl__turned(params + m->b, rank), y + m->at,
                 width, true);
    }
}

static void pair_back(struct pl__net *n, uint32_t layer, uint32_t module, const float *x, const float *low,
                      const float *dy, uint32_t width, float *dx)
{
    const struct pl__module *m = &n->modules[module];
    uint32_t t = n->rows.n_rows, rank = n->opts.rank;
    const float *params = n->params + layer * n->layer_params;
    float *grads = n->grads + layer * n->layer_params;
    pl__gemm(&n->gemm, m->out, rank, t, pl__turned(dy, width), pl__rows_of(low, rank), grads + m->b, rank,
             true);
    pl__gemm(&n->gemm, t, rank, m->out, pl__rows_of(dy, width), pl__rows_of(params + m->b, rank), n->low,
             rank, false);
    n->gemm.ops->scale(n->low, t * rank, n->scale);
    const float *in = dropped(n, layer, module, x);
    pl__gemm(&n->gemm, rank, m->in, t, pl__turned(n->low, rank), pl__rows_of(in, m->in), grads + m->a, m->in,
             true);
    if (!dx) return;
    bool plain = in == x;
    float *to = plain ? dx : n->other;
    pl__gemm(&n->gemm, t, m->in, rank, pl__rows_of(n->low, rank), pl__rows_of(params + m->a, m->in), to,
             m->in, plain);
    if (plain) return;
    struct drop d = {.x = to,
                     .out = dx,
                     .cols = m->in,
                     .key = key_of(n, layer, module),
                     .p = n->opts.dropout,
                     .add = true};
    pl__net_each_row(n, t, drop_row, &d);
}

void pl__net_pairs_back(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x,
                        const float *low, const float *dy, float *dx)
{
    uint32_t width = site_width(n, site);
    for (uint32_t i = 0; i < PL_N_MODULES; i++)
        if (n->modules[i].on && n->modules[i].site == site)
            pair_back(n, layer, i, x, low + (size_t)i * n->opts.max_rows * n->opts.rank,
                      dy + n->modules[i].at, width, dx);
}
