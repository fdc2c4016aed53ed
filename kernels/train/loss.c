#include "kernels/train/loss.h"

#include <string.h>
#include "kernels/cpu/math.h"

enum { CHUNK = 128 };

/* Rows [0, count) of a chunk. */
struct chunk {
    struct pl__net *n;
    const uint32_t *rows; /* which rows of LAST; NULL: those of TARGETS */
    const struct pl__target *t;
    uint32_t count;
    float *hidden, *z, *teacher; /* [count, D], [count, V], [count, V] or NULL */
    float c;
    bool back;
    double value[CHUNK];
};

static uint32_t row_of(const struct chunk *k, uint32_t i)
{
    return k->rows ? k->rows[i] : k->t[i].row;
}

static void norm_one(void *arg, uint32_t i)
{
    const struct chunk *k = arg;
    size_t d = k->n->m->info.n_embd;
    k->n->lane->rmsnorm(k->n->last + row_of(k, i) * d, pl__net_norm(k->n), k->n->m->info.norm_eps,
                        (uint32_t)d, k->hidden + i * d);
}

/* Normed rows, then logits. */
static void open_chunk(struct chunk *k)
{
    struct pl__net *n = k->n;
    uint32_t d = n->m->info.n_embd, v = n->m->info.n_vocab;
    struct pl__weights head = pl__net_head(n);
    k->hidden = pl__scratch_get(&n->hidden, 2ull * CHUNK * d * sizeof(float));
    k->z = pl__scratch_get(&n->logits, (uint64_t)CHUNK * v * sizeof(float));
    pl__net_each_row(n, k->count, norm_one, k);
    pl__gemm_forward(&n->gemm, k->count, k->hidden, d, &head, k->z, v);
}

/* From the gradient in Z on: into DX, and into the head and the norm of a full net. */
static void close_chunk(struct chunk *k)
{
    struct pl__net *n = k->n;
    uint32_t d = n->m->info.n_embd, v = n->m->info.n_vocab;
    struct pl__weights head = pl__net_head(n);
    float *dhidden = k->hidden + (size_t)CHUNK * d;
    pl__gemm_back(&n->gemm, k->count, k->z, v, &head, dhidden, d, false);
    if (n->opts.full)
        pl__gemm(&n->gemm, v, d, k->count, pl__turned(k->z, v), pl__rows_of(k->hidden, d),
                 n->grads + n->at.head, d, true);
    for (uint32_t i = 0; i < k->count; i++) {
        size_t at = (size_t)row_of(k, i) * d;
        n->gemm.ops->norm_back(n->last + at, pl__net_norm(n), n->m->info.norm_eps, dhidden + (size_t)i * d, d,
                               n->dx + at, pl__net_norm_grad(n));
    }
}

/* log p of the target; with BACK the row becomes c * (onehot - softmax). */
static void target_one(void *arg, uint32_t i)
{
    struct chunk *k = arg;
    const struct pl__train_ops *ops = k->n->gemm.ops;
    uint32_t v = k->n->m->info.n_vocab, id = k->t[i].id;
    float *z = k->z + (size_t)i * v, wanted = z[id], max, c = k->t[i].c;
    float sum = ops->exp_row(z, v, &max);
    k->value[i] = (double)wanted - max - pl__log64((double)sum);
    if (!k->back) return;
    ops->scale(z, v, -c / sum);
    z[id] = z[id] + c;
}

static double run_targets(struct pl__net *n, const struct pl__target *t, uint32_t count, float *logp,
                          bool back)
{
    double sum = 0;
    for (uint32_t first = 0; first < count; first += CHUNK) {
        struct chunk k = {
            .n = n, .t = t + first, .count = count - first < CHUNK ? count - first : CHUNK, .back = back};
        open_chunk(&k);
        pl__net_each_row(n, k.count, target_one, &k);
        for (uint32_t i = 0; i < k.count; i++) {
            sum += k.t[i].c * k.value[i];
            if (logp) logp[first + i] = (float)k.value[i];
        }
        if (back) close_chunk(&k);
    }
    return sum;
}

void pl__loss_begin(struct pl__net *n)
{
    memset(n->dx, 0, (size_t)n->rows.n_rows * n->m->info.n_embd * sizeof *n->dx);
}

void pl__loss_logprobs(struct pl__net *n, const struct pl__target *t, uint32_t count, float *logp)
{
    run_targets(n, t, count, logp, false);
}

double pl__loss_back(struct pl__net *n, const struct pl__target *t, uint32_t count, float *logp)
{
    return run_targets(n, t, count, logp, true);
}

void pl__loss_hidden(struct pl__net *n, const uint32_t *rows, uint32_t count, float *hidden)
{
    struct chunk k = {.n = n, .rows = rows, .count = count, .hidden = hidden};
    pl__net_each_row(n, count, norm_one, &k);
}

/* The row becomes c * (softmax(z) - p) for the teacher's p. */
static void kl_one(void *arg, uint32_t i)
{
    struct chunk *k = arg;
    const struct pl__train_ops *ops = k->n->gemm.ops;
    uint32_t v = k->n->m->info.n_vocab;
    float *z = k->z + (size_t)i * v, *p = k->teacher + (size_t)i * v, max, teacher_max;
    double along = 0; /* sum of e^(teacher - its max) * (teacher - z) */
    for (uint32_t j = 0; j < v; j++) k->teacher[(size_t)CHUNK * v + (size_t)i * v + j] = p[j] - z[j];
    const float *apart = k->teacher + (size_t)CHUNK * v + (size_t)i * v;
    float sum = ops->exp_row(z, v, &max), teacher_sum = ops->exp_row(p, v, &teacher_max);
    for (uint32_t j = 0; j < v; j += 4096)
        along += (double)ops->dot(p + j, apart + j, v - j < 4096 ? v - j : 4096);
    double log_z = max + pl__log64((double)sum), log_p = teacher_max + pl__log64((double)teacher_sum);
    k->value[i] = along / (double)teacher_sum + log_z - log_p;
    ops->scale(z, v, k->c / sum);
    ops->add_scaled(z, p, v, -k->c / teacher_sum);
}

double pl__loss_kl_back(struct pl__net *n, const uint32_t *rows, uint32_t count, const float *hidden, float c)
{
    uint32_t d = n->m->info.n_embd, v = n->m->info.n_vocab;
    struct pl__weights head = {.packed = n->m->head, .rows = v, .cols = d};
    double sum = 0;
    for (uint32_t first = 0; first < count; first += CHUNK) {
        struct chunk k = {
            .n = n, .rows = rows + first, .count = count - first < CHUNK ? count - first : CHUNK, .c = c};
        open_chunk(&k);
        k.teacher = pl__scratch_get(&n->teacher, 2ull * CHUNK * v * sizeof(float));
        pl__gemm_forward(&n->gemm, k.count, hidden + (size_t)first * d, d, &head, k.teacher, v);
        pl__net_each_row(n, k.count, kl_one, &k);
        for (uint32_t i = 0; i < k.count; i++) sum += k.value[i];
        close_chunk(&k);
    }
    return sum;
}

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + pl__exp64(-x)) : pl__exp64(x) / (1 + pl__exp64(x));
}

double pl__loss_dpo(double l_chosen, double r_chosen, double l_rejected, double r_rejected, double beta,
                    double *c)
{
    double h = beta * ((l_chosen - r_chosen) - (l_rejected - r_rejected)), other = sigmoid(-h);
    *c = -beta * other;
    /* -log sigmoid(h), without the overflow of e^-h */
    return h > 0 ? pl__log64(1 + pl__exp64(-h)) : -h + pl__log64(1 + pl__exp64(h));
}

double pl__loss_kto(double l, double r, double k, bool good, double beta, double weight, double *c)
{
    double sign = good ? 1 : -1, v = sigmoid(sign * beta * (l - r - k));
    *c = -sign * weight * beta * v * (1 - v);
    return weight * (1 - v);
}
