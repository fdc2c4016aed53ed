/* attention_impl.h - online softmax over runs of 64 positions, over lanes (rule 7). Included by the lanes_*.c
 * files only.
 *
 * The order of operations for one query q of one head at position p, the same in prefill, decode and any
 * split. It begins with m = -infinity, l = 0, o[e] = 0. For every run j = 0, 1, ..., p/64, which holds n =
 * min(64, p+1-64j) positions, k and v widened exactly from F16:
 *
 *   s[i]  = fma chain over e = 0, 1, ..., E-1 of q[e]*k[i][e], from 0;  s[i] = s[i] * scale
 *   m'    = max(m, s[0..n))                                 (exact: any order)
 *   c     = exp(m - m'),  p[i] = exp(s[i] - m') for i < n, else 0
 *   sum   = the 16-lane tree over (p[i] + p[i+16]) + (p[i+32] + p[i+48])
 *   l     = fma(l, c, sum)
 *   o[e]  = o[e] * c, then the fma chain over i = 0, 1, ..., n-1 of p[i]*v[i][e] on top of it
 *   m     = m'
 *
 * The result is o[e] * (1/l). Positions from n on are skipped: scores computed beside them in the same
 * register are replaced, and their values are never read, since 0 times the NaN of a recycled page is NaN. */
#ifndef PL_KERNELS_CPU_ATTENTION_IMPL_H
#define PL_KERNELS_CPU_ATTENTION_IMPL_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"

enum { RUN = PL_PAGE_TOKENS };

/* What a query carries from run to run: m, l in a line of their own, then o. */
struct attend_state {
    float m, l;
    float pad[14];
    float o[];
};

PL_LANE void attend_scores(const float *q, const float *k, uint32_t head_dim, float scale, v16 *s,
                           uint32_t lanes)
{
    for (uint32_t j = 0; j < lanes; j++) s[j] = v16_set(0);
    for (uint32_t e = 0; e < head_dim; e++)
        for (uint32_t j = 0; j < lanes; j++)
            s[j] = v16_fma(v16_set(q[e]), v16_load(k + e * RUN + 16 * j), s[j]);
    for (uint32_t j = 0; j < lanes; j++) s[j] = v16_mul(s[j], v16_set(scale));
}

/* Scores of the N positions that count, -infinity behind them; gives the greatest of them and M. */
PL_LANE float attend_mask(v16 *s, uint32_t n, float m)
{
    v16 none = v16_set(-INFINITY), top = v16_set(m);
    for (uint32_t j = 0; j < 4; j++) {
        uint32_t left = n > 16 * j ? n - 16 * j : 0;
        if (left < 16) s[j] = v16_keep_n(s[j], left, none);
        top = v16_max(s[j], top);
    }
    return v16_top(top);
}

PL_LANE void attend_values(const float *p, uint32_t n, const float *v, uint32_t stride, uint32_t vectors,
                           float c, float *o)
{
    v16 acc[4];
    for (uint32_t j = 0; j < vectors; j++) acc[j] = v16_mul(v16_load(o + 16 * j), v16_set(c));
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < vectors; j++)
            acc[j] = v16_fma(v16_set(p[i]), v16_load(v + i * stride + 16 * j), acc[j]);
    for (uint32_t j = 0; j < vectors; j++) v16_store(o + 16 * j, acc[j]);
}

/* One query over one run of widened keys [E][64] and values [64][padded]. */
static void attend_run(const float *q, const struct pl__attend *a, const float *k, const float *v, uint32_t n,
                       float *p, struct attend_state *st)
{
    uint32_t padded = (a->head_dim + 15) / 16 * 16, e = 0;
    v16 s[4] = {v16_set(0), v16_set(0), v16_set(0), v16_set(0)};
    if (n <= 16)
        attend_scores(q, k, a->head_dim, a->scale, s, 1);
    else
        attend_scores(q, k, a->head_dim, a->scale, s, 4);
    float m = attend_mask(s, n, st->m);
    float both[16] = {st->m - m};
    v16_store(both, v16_exp(v16_load(both)));
    for (uint32_t j = 0; j < 4; j++) {
        s[j] = v16_exp(v16_sub(s[j], v16_set(m)));
        uint32_t left = n > 16 * j ? n - 16 * j : 0;
        if (left < 16) s[j] = v16_keep_n(s[j], left, v16_set(0));
        v16_store(p + 16 * j, s[j]);
    }
    float sum = v16_sum(v16_add(v16_add(s[0], s[1]), v16_add(s[2], s[3])));
    st->l = fmaf(st->l, both[0], sum);
    st->m = m;
    for (; e + 64 <= padded; e += 64) attend_values(p, n, v + e, padded, 4, both[0], st->o + e);
    for (; e < padded; e += 16) attend_values(p, n, v + e, padded, 1, both[0], st->o + e);
}

/* Keys of all 64 positions (garbage is masked later), values of the first N. */
static void attend_widen(const uint16_t *k, const uint16_t *v, uint32_t head_dim, uint32_t n, float *k_out,
                         float *v_out)
{
    uint32_t padded = (head_dim + 15) / 16 * 16;
    for (uint32_t i = 0; i < head_dim * RUN; i += 16) v16_store(k_out + i, v16_load_f16(k + i));
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t *from = v + i * head_dim;
        float *to = v_out + i * padded;
        uint32_t e = 0;
        for (; e + 16 <= head_dim; e += 16) v16_store(to + e, v16_load_f16(from + e));
        if (e < head_dim) v16_store(to + e, v16_load_f16_n(from + e, head_dim - e));
    }
}

static void attend_finish(const struct attend_state *st, uint32_t head_dim, float *out)
{
    v16 r = v16_set(1.0f / st->l);
    uint32_t e = 0;
    for (; e + 16 <= head_dim; e += 16) v16_store(out + e, v16_mul(v16_load(st->o + e), r));
    if (e < head_dim) v16_store_n(out + e, v16_mul(v16_load(st->o + e), r), head_dim - e);
}

PL_LANE struct attend_state *attend_state_at(float *states, const struct pl__attend *a, uint32_t row,
                                             uint32_t head)
{
    size_t padded = (a->head_dim + 15) / 16 * 16;
    return (struct attend_state *)(void *)(states + (row * a->n_heads + head) * (16 + padded));
}

static void attend_begin(const struct pl__attend *a, float *states)
{
    size_t padded = (a->head_dim + 15) / 16 * 16;
    memset(states, 0, (size_t)a->n_rows * a->n_heads * (16 + padded) * sizeof *states);
    for (uint32_t i = 0; i < a->n_rows * a->n_heads; i++) attend_state_at(states, a, 0, i)->m = -INFINITY;
}

/* Runs outside, queries inside: a page is widened once for all rows and heads that share it. */
static void lanes_attend(const struct pl__attend *a, float *scratch)
{
    size_t padded = (a->head_dim + 15) / 16 * 16;
    float *k = scratch, *v = k + a->head_dim * RUN, *p = v + padded * RUN, *states = p + RUN;
    uint32_t last = 0;
    for (uint32_t r = 0; r < a->n_rows; r++) last = a->pos[r] > last ? a->pos[r] : last;
    attend_begin(a, states);
    for (uint32_t first = 0; first <= last; first += RUN) {
        size_t page = a->pages[first / RUN] * a->page_stride;
        uint32_t used = last + 1 - first < RUN ? last + 1 - first : RUN;
        attend_widen(a->k + page, a->v + page, a->head_dim, used, k, v);
        for (uint32_t r = 0; r < a->n_rows; r++) {
            if (a->pos[r] < first) continue;
            uint32_t n = a->pos[r] + 1 - first < RUN ? a->pos[r] + 1 - first : RUN;
            for (uint32_t h = 0; h < a->n_heads; h++)
                attend_run(a->q + r * a->q_ld + h * a->head_dim, a, k, v, n, p,
                           attend_state_at(states, a, r, h));
        }
    }
    for (uint32_t r = 0; r < a->n_rows; r++)
        for (uint32_t h = 0; h < a->n_heads; h++)
            attend_finish(attend_state_at(states, a, r, h), a->head_dim,
                          a->out + r * a->out_ld + h * a->head_dim);
}

#endif
