/* net_attention.c - causal attention over segments, with the scores made again on the way back.
 *
 * Work is shared out by segment and key-value head, so that a head's key and value gradients are added by one
 * thread in the order of its queries. Queries go in runs of 64 rows: scores of a run are [64, keys] in the
 * thread's scratch.
 *
 *   S = scale Q K^T, P = softmax(S), O = P V;  lse = max + log(sum of e^(S - max))
 *   back: P = e^(S - lse), dP = dO V^T, dS = scale P (dP - dO.O), dQ = dS K, dK += dS^T Q, dV += P^T dO */
#include <string.h>
#include "kernels/cpu/math.h"
#include "kernels/train/net.h"

enum { QUERIES = 64 };

struct job {
    struct pl__net *n;
    const struct pl__kept *k;
    const float *datt; /* NULL: forward */
    float *dqkv;
    uint32_t longest;
    struct pl__scratch *scores; /* [threads]: S and dP */
    struct pl__share share;
};

/* One head of one run of queries: everything the products need. */
struct run {
    const float *q, *k, *v; /* first query of the run; first key and value of the segment */
    uint32_t first, count, keys, head_dim;
    size_t ld; /* of q, k, v */
    float *s, *dp;
};

static void mask_row(float *row, uint32_t valid, uint32_t keys)
{
    memset(row + valid, 0, (keys - valid) * sizeof *row);
}

static void score(const struct job *j, struct pl__scratch *scratch, const struct run *r)
{
    const struct pl__train_ops *ops = j->n->gemm.ops;
    pl__gemm_alone(ops, scratch, r->count, r->keys, r->head_dim, pl__rows_of(r->q, r->ld),
                   pl__turned(r->k, r->ld), r->s, r->keys, false);
    for (uint32_t i = 0; i < r->count; i++)
        ops->scale(r->s + (size_t)i * r->keys, r->first + i + 1, j->n->m->attn.scale);
}

static void forward_run(const struct job *j, struct pl__scratch *scratch, const struct run *r, float *out,
                        size_t ld_out, float *lse, uint32_t heads)
{
    const struct pl__train_ops *ops = j->n->gemm.ops;
    score(j, scratch, r);
    for (uint32_t i = 0; i < r->count; i++) {
        float *row = r->s + (size_t)i * r->keys, max;
        uint32_t valid = r->first + i + 1;
        float sum = ops->exp_row(row, valid, &max);
        ops->scale(row, valid, 1.0f / sum);
        mask_row(row, valid, r->keys);
        lse[(size_t)i * heads] = max + (float)pl__log64((double)sum);
    }
    pl__gemm_alone(ops, scratch, r->count, r->head_dim, r->keys, pl__rows_of(r->s, r->keys),
                   pl__rows_of(r->v, r->ld), out, ld_out, false);
}

static void back_run(const struct job *j, struct pl__scratch *scratch, const struct run *r, const float *out,
                     const float *dout, size_t ld_out, const float *lse, uint32_t heads, float *dq, float *dk,
                     float *dv)
{
    const struct pl__train_ops *ops = j->n->gemm.ops;
    score(j, scratch, r);
    pl__gemm_alone(ops, scratch, r->count, r->keys, r->head_dim, pl__rows_of(dout, ld_out),
                   pl__turned(r->v, r->ld), r->dp, r->keys, false);
    for (uint32_t i = 0; i < r->count; i++) {
        float *p = r->s + (size_t)i * r->keys, *d = r->dp + (size_t)i * r->keys;
        uint32_t valid = r->first + i + 1;
        float along = ops->dot(dout + i * ld_out, out + i * ld_out, r->head_dim);
        ops->exp_shift(p, valid, lse[(size_t)i * heads]);
        for (uint32_t c = 0; c < valid; c++) d[c] = p[c] * (d[c] - along) * j->n->m->attn.scale;
        mask_row(p, valid, r->keys);
        mask_row(d, valid, r->keys);
    }
    pl__gemm_alone(ops, scratch, r->count, r->head_dim, r->keys, pl__rows_of(r->dp, r->keys),
                   pl__rows_of(r->k, r->ld), dq, r->ld, false);
    pl__gemm_alone(ops, scratch, r->keys, r->head_dim, r->count, pl__turned(r->dp, r->keys),
                   pl__rows_of(r->q, r->ld), dk, r->ld, true);
    pl__gemm_alone(ops, scratch, r->keys, r->head_dim, r->count, pl__turned(r->s, r->keys),
                   pl__rows_of(dout, ld_out), dv, r->ld, true);
}

/* One key-value head of one segment. */
static void attend_group(const struct job *j, uint32_t segment, uint32_t group, uint32_t thread)
{
    const struct pl_attn_desc *a = &j->n->m->attn;
    const uint32_t *seg = j->n->rows.segment;
    uint32_t row0 = seg[segment], length = seg[segment + 1] - row0, each = a->n_heads / a->n_kv_heads,
             e = a->head_dim;
    size_t ld = (size_t)(a->n_heads + 2 * a->n_kv_heads) * e, ld_out = (size_t)a->n_heads * e;
    size_t key = ((size_t)a->n_heads + group) * e, value = key + (size_t)a->n_kv_heads * e;
    const float *base = j->k->qkv + row0 * ld;
    float *scores = pl__scratch_get(&j->scores[thread], 2ull * QUERIES * j->longest * sizeof *scores);
    struct pl__scratch *scratch = &j->n->gemm.thread[thread];
    for (uint32_t h = group * each; h < (group + 1) * each; h++)
        for (uint32_t first = 0; first < length; first += QUERIES) {
            uint32_t count = length - first < QUERIES ? length - first : QUERIES;
            struct run r = {.q = base + first * ld + (size_t)h * e,
                            .k = base + key,
                            .v = base + value,
                            .first = first,
                            .count = count,
                            .keys = first + count,
                            .head_dim = e,
                            .ld = ld,
                            .s = scores,
                            .dp = scores + (size_t)QUERIES * j->longest};
            size_t at = (row0 + first) * ld_out + (size_t)h * e;
            float *lse = j->k->lse + (size_t)(row0 + first) * a->n_heads + h;
            float *d = j->dqkv ? j->dqkv + row0 * ld : NULL;
            if (!d)
                forward_run(j, scratch, &r, j->k->att + at, ld_out, lse, a->n_heads);
            else
                back_run(j, scratch, &r, j->k->att + at, j->datt + at, ld_out, lse, a->n_heads,
                         d + first * ld + (size_t)h * e, d + key, d + value);
        }
}

static void attend_share(void *arg, uint32_t thread)
{
    struct job *j = arg;
    uint32_t from, to, groups = j->n->m->attn.n_kv_heads;
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t i = from; i < to; i++) attend_group(j, i / groups, i % groups, thread);
}

static void attend(struct pl__net *n, struct job *j)
{
    const struct pl__rows *rows = &n->rows;
    for (uint32_t s = 0; s < rows->n_segments; s++) {
        uint32_t length = rows->segment[s + 1] - rows->segment[s];
        if (length > j->longest) j->longest = length;
    }
    j->n = n;
    j->scores = n->scores;
    pl__share_init(&j->share, rows->n_segments * n->m->attn.n_kv_heads, 1);
    pl__gemm_share(&n->gemm, attend_share, j);
}

void pl__net_attend(struct pl__net *n, struct pl__kept *k)
{
    attend(n, &(struct job){.k = k});
}

void pl__net_attend_back(struct pl__net *n, const struct pl__kept *k, const float *datt, float *dqkv)
{
    const struct pl_attn_desc *a = &n->m->attn;
    memset(dqkv, 0, (size_t)n->rows.n_rows * (a->n_heads + 2 * a->n_kv_heads) * a->head_dim * sizeof *dqkv);
    attend(n, &(struct job){.k = k, .datt = datt, .dqkv = dqkv});
}
