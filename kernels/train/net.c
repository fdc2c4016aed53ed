#include "kernels/train/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu/mem.h"
#include "kernels/train/random.h"

/* --- shapes --- */

static uint32_t qkv_width(const struct pl_model_info *i)
{
    return (i->n_heads + 2 * i->n_kv_heads) * i->head_dim;
}

static uint32_t site_out(const struct pl_model_info *i, enum pl_site site)
{
    const uint32_t out[PL_N_SITES] = {qkv_width(i), i->n_embd, 2 * i->n_ff, i->n_embd};
    return out[site];
}

static uint32_t site_in(const struct pl_model_info *i, enum pl_site site)
{
    const uint32_t in[PL_N_SITES] = {i->n_embd, i->n_heads * i->head_dim, i->n_embd, i->n_ff};
    return in[site];
}

static uint32_t widest(const struct pl_model_info *i)
{
    uint32_t most = i->n_embd;
    for (int s = 0; s < PL_N_SITES; s++) {
        if (site_out(i, (enum pl_site)s) > most) most = site_out(i, (enum pl_site)s);
        if (site_in(i, (enum pl_site)s) > most) most = site_in(i, (enum pl_site)s);
    }
    return most;
}

static void plan_pairs(struct pl__net *n)
{
    const struct pl_model_info *i = &n->m->info;
    for (uint32_t k = 0; k < PL_N_MODULES; k++) {
        struct pl__module *m = &n->modules[k];
        *m = (struct pl__module){0};
        m->site = pl_module_site(i, (enum pl_module)k, &m->at);
        pl_module_shape(i, (enum pl_module)k, &m->in, &m->out);
        m->on = n->opts.modules >> k & 1;
        if (!m->on) continue;
        m->a = n->layer_params;
        m->b = m->a + (size_t)n->opts.rank * m->in;
        n->layer_params = m->b + (size_t)n->opts.rank * m->out;
    }
    n->n_params = n->layer_params * i->n_layers;
    float rank = (float)n->opts.rank;
    n->scale = n->opts.alpha / (n->opts.rslora ? sqrtf(rank) : rank);
}

static void plan_full(struct pl__net *n)
{
    const struct pl_model_info *i = &n->m->info;
    size_t at = 0;
    n->at.attn_norm = at;
    n->at.ffn_norm = at += i->n_embd;
    n->at.bias = at += i->n_embd;
    at += qkv_width(i);
    for (int s = 0; s < PL_N_SITES; s++) {
        n->at.sites[s] = at;
        at += (size_t)site_out(i, (enum pl_site)s) * site_in(i, (enum pl_site)s);
    }
    n->layer_params = at;
    at *= i->n_layers;
    n->at.norm = at;
    n->at.embed = at += i->n_embd;
    at += (size_t)i->n_vocab * i->n_embd;
    n->at.head = n->m->head == n->m->embed ? n->at.embed : at;
    if (n->at.head == at) at += (size_t)i->n_vocab * i->n_embd;
    n->n_params = at;
}

/* --- first values --- */

/* A uniform in +-1/sqrt(in), B zero: at first the pairs do nothing. */
static void init_pairs(struct pl__net *n)
{
    for (uint32_t l = 0; l < n->m->info.n_layers; l++)
        for (uint32_t k = 0; k < PL_N_MODULES; k++) {
            const struct pl__module *m = &n->modules[k];
            if (!m->on) continue;
            float *a = n->params + l * n->layer_params + m->a, bound = 1.0f / sqrtf((float)m->in);
            uint64_t key = pl__random(n->opts.seed, (uint64_t)l * PL_N_MODULES + k);
            for (size_t i = 0; i < (size_t)n->opts.rank * m->in; i++)
                a[i] = (2.0f * pl__random_unit(key, i) - 1.0f) * bound;
        }
}

static void copy_weight(const struct pl_weight *w, float *out)
{
    for (uint32_t r = 0; r < w->rows; r++) pl__weight_row(w, r, out + (size_t)r * w->cols);
}

static void copy_full(struct pl__net *n)
{
    const struct pl_model *m = n->m;
    size_t d = m->info.n_embd * sizeof(float);
    for (uint32_t l = 0; l < m->info.n_layers; l++) {
        const struct pl_layer *from = &m->layers[l];
        const struct pl_weight *sites[PL_N_SITES] = {from->qkv, from->out, from->gate_up, from->down};
        float *to = n->params + l * n->layer_params;
        memcpy(to + n->at.attn_norm, from->attn_norm, d);
        memcpy(to + n->at.ffn_norm, from->ffn_norm, d);
        if (from->qkv->bias) memcpy(to + n->at.bias, from->qkv->bias, from->qkv->rows * sizeof *to);
        for (int s = 0; s < PL_N_SITES; s++) copy_weight(sites[s], to + n->at.sites[s]);
    }
    memcpy(n->params + n->at.norm, m->norm, d);
    copy_weight(m->embed, n->params + n->at.embed);
    if (n->at.head != n->at.embed) copy_weight(m->head, n->params + n->at.head);
}

/* --- memory --- */

/* Hands out pieces of one allocation; with a NULL base it only counts. */
struct carve {
    float *base;
    size_t used;
};

static float *take(struct carve *c, size_t floats)
{
    float *p = c->base ? c->base + c->used : NULL;
    c->used += (floats + 15) / 16 * 16;
    return p;
}

static void carve_kept(struct pl__net *n, struct carve *c, struct pl__kept *k, bool own)
{
    const struct pl_model_info *i = &n->m->info;
    size_t t = n->opts.max_rows;
    k->x = take(c, t * i->n_embd);
    if (!own) { /* the rest is that of the first, made again for each layer */
        float *x = k->x;
        *k = n->kept[0];
        k->x = x;
        return;
    }
    k->qkv = take(c, t * qkv_width(i));
    k->att = take(c, t * i->n_heads * i->head_dim);
    k->lse = take(c, t * i->n_heads);
    k->mid = take(c, t * i->n_embd);
    k->gate_up = take(c, t * 2 * i->n_ff);
    k->low = n->opts.full ? NULL : take(c, t * n->opts.rank * PL_N_MODULES);
}

static void carve_all(struct pl__net *n, struct carve *c)
{
    size_t t = n->opts.max_rows, wide = widest(&n->m->info);
    n->params = take(c, n->n_params);
    n->grads = take(c, n->n_params);
    for (uint32_t l = 0; l < n->m->info.n_layers; l++)
        carve_kept(n, c, &n->kept[l], l == 0 || !n->opts.recompute);
    n->last = take(c, t * n->m->info.n_embd);
    n->dx = take(c, t * n->m->info.n_embd);
    n->dmid = take(c, t * n->m->info.n_embd);
    n->wide = take(c, t * wide);
    n->grad = take(c, t * wide);
    n->other = take(c, t * wide);
    n->low = take(c, t * n->opts.rank);
    n->angles = take(c, t * n->m->rope.dims);
}

static int create_memory(struct pl__net *n, struct pl_err *err)
{
    struct carve c = {0};
    n->kept = calloc(n->m->info.n_layers, sizeof *n->kept);
    n->freq = calloc(n->m->rope.dims / 2, sizeof *n->freq);
    n->scores = calloc(n->opts.threads, sizeof *n->scores);
    if (!n->kept || !n->freq || !n->scores) return pl_fail(err, PL_E_NO_MEMORY, "net", "no memory for a net");
    carve_all(n, &c);
    n->memory = pl__mem_alloc(c.used * sizeof(float));
    if (!n->memory)
        return pl_fail(err, PL_E_NO_MEMORY, "max_rows", "no memory for %zu MiB of activations and gradients",
                       c.used * sizeof(float) >> 20);
    c = (struct carve){.base = n->memory};
    carve_all(n, &c);
    pl__rope_frequencies(&n->m->rope, n->freq);
    return 0;
}

static int check_opts(const struct pl_model *m, const struct pl__net_opts *o, struct pl_err *err)
{
    if (m->kind != &pl__kind_graph)
        return pl_fail(err, PL_E_UNSUPPORTED, "model", "a model without weights learns nothing");
    if (o->threads < 1 || o->threads > 1024)
        return pl_fail(err, PL_E_INVALID, "threads", "threads are 1 to 1024");
    if (o->max_rows < 1 || o->max_rows > 1u << 16)
        return pl_fail(err, PL_E_INVALID, "max_rows", "rows are 1 to 65536");
    if (o->full) return 0;
    if (o->rank < 1 || o->rank > 1024) return pl_fail(err, PL_E_INVALID, "rank", "rank is 1 to 1024");
    if (!(o->modules & ((1u << PL_N_MODULES) - 1)))
        return pl_fail(err, PL_E_INVALID, "targets", "no module is chosen");
    if (!(o->alpha > 0)) return pl_fail(err, PL_E_INVALID, "alpha", "alpha is above 0");
    if (!(o->dropout >= 0 && o->dropout < 1))
        return pl_fail(err, PL_E_INVALID, "dropout", "dropout is in [0, 1)");
    return 0;
}

int pl__net_create(const struct pl_model *m, const struct pl__net_opts *o, struct pl__net **out,
                   struct pl_err *err)
{
    int rc = check_opts(m, o, err);
    if (rc) return rc;
    struct pl__net *n = calloc(1, sizeof *n);
    if (!n) return pl_fail(err, PL_E_NO_MEMORY, "net", "no memory for a net");
    n->m = m;
    n->opts = *o;
    n->lane = pl__lane_ops_of(m->isa);
    if (o->full)
        plan_full(n);
    else
        plan_pairs(n);
    rc = pl__gemm_init(&n->gemm, m->isa, o->threads, err);
    if (!rc) rc = create_memory(n, err);
    if (rc)
        pl__net_destroy(&n);
    else if (o->full)
        copy_full(n);
    else
        init_pairs(n);
    *out = n;
    return rc;
}

void pl__net_destroy(struct pl__net **net)
{
    struct pl__net *n = *net;
    if (!n) return;
    for (uint32_t t = 0; n->scores && t < n->opts.threads; t++) pl__scratch_free(&n->scores[t]);
    pl__scratch_free(&n->logits);
    pl__scratch_free(&n->hidden);
    pl__scratch_free(&n->teacher);
    pl__gemm_finish(&n->gemm);
    pl__mem_free(n->memory);
    free(n->scores);
    free(n->freq);
    free(n->kept);
    free(n);
    *net = NULL;
}

/* --- where weights are --- */

struct pl__weights pl__net_weights(const struct pl__net *n, uint32_t layer, enum pl_site site)
{
    const struct pl_layer *l = &n->m->layers[layer];
    const struct pl_weight *packed[PL_N_SITES] = {l->qkv, l->out, l->gate_up, l->down};
    struct pl__weights w = {.packed = packed[site], .rows = packed[site]->rows, .cols = packed[site]->cols};
    if (!n->opts.full) return w;
    w.packed = NULL;
    w.plain = n->params + layer * n->layer_params + n->at.sites[site];
    return w;
}

struct pl__weights pl__net_head(const struct pl__net *n)
{
    struct pl__weights w = {.packed = n->m->head, .rows = n->m->info.n_vocab, .cols = n->m->info.n_embd};
    if (!n->opts.full) return w;
    w.packed = NULL;
    w.plain = n->params + n->at.head;
    return w;
}

const float *pl__net_norm(const struct pl__net *n)
{
    return n->opts.full ? n->params + n->at.norm : n->m->norm;
}

float *pl__net_norm_grad(struct pl__net *n)
{
    return n->opts.full ? n->grads + n->at.norm : NULL;
}

static const float *layer_norm(const struct pl__net *n, uint32_t layer, bool ffn)
{
    const struct pl_layer *l = &n->m->layers[layer];
    if (!n->opts.full) return ffn ? l->ffn_norm : l->attn_norm;
    return n->params + layer * n->layer_params + (ffn ? n->at.ffn_norm : n->at.attn_norm);
}

static float *layer_norm_grad(struct pl__net *n, uint32_t layer, bool ffn)
{
    if (!n->opts.full) return NULL;
    return n->grads + layer * n->layer_params + (ffn ? n->at.ffn_norm : n->at.attn_norm);
}

/* --- rows --- */

struct rows_job {
    void (*fn)(void *arg, uint32_t row);
    void *arg;
    struct pl__share share;
};

static void rows_share(void *arg, uint32_t thread)
{
    struct rows_job *j = arg;
    uint32_t from, to;
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t r = from; r < to; r++) j->fn(j->arg, r);
}

void pl__net_each_row(struct pl__net *n, uint32_t rows, void (*fn)(void *arg, uint32_t row), void *arg)
{
    struct rows_job j = {.fn = fn, .arg = arg};
    pl__share_init(&j.share, rows, 8);
    pl__gemm_share(&n->gemm, rows_share, &j);
}

/* Operands of an op on rows; which are used is the op's. */
struct rows_op {
    struct pl__net *n;
    uint32_t layer, cols;
    const float *x, *gain;
    float *y, *z;
};

static void embed_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    const struct pl__net *n = o->n;
    float *out = o->y + (size_t)r * o->cols;
    if (n->opts.full)
        memcpy(out, n->params + n->at.embed + (size_t)n->rows.ids[r] * o->cols, o->cols * sizeof *out);
    else
        pl__weight_row(n->m->embed, n->rows.ids[r], out);
}

static void norm_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    size_t at = (size_t)r * o->cols;
    o->n->lane->rmsnorm(o->x + at, o->gain, o->n->m->info.norm_eps, o->cols, o->y + at);
}

static void add_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    o->n->lane->add(o->y + (size_t)r * o->cols, o->x + (size_t)r * o->cols, o->cols);
}

static void bias_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    o->n->lane->add(o->y + (size_t)r * o->cols, o->gain, o->cols);
}

static void swiglu_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    const float *gate = o->x + (size_t)r * 2 * o->cols;
    o->n->lane->swiglu(gate, gate + o->cols, o->cols, o->y + (size_t)r * o->cols);
}

static void swiglu_back_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    float *gate = o->y + (size_t)r * 2 * o->cols;
    o->n->gemm.ops->swiglu_back(gate, gate + o->cols, o->x + (size_t)r * o->cols, o->cols);
}

static void turn_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    const struct pl_model *m = o->n->m;
    float *q = o->y + (size_t)r * o->cols;
    for (uint32_t h = 0; h < m->attn.n_heads + m->attn.n_kv_heads; h++)
        pl__rope_turn(q + (size_t)h * m->attn.head_dim, &m->rope, o->x + (size_t)r * m->rope.dims);
}

/* The other way round: the same with the sines turned over. */
static void turn_back_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    const struct pl_rope_desc *rope = &o->n->m->rope;
    float angles[1024];
    const float *from = o->x + (size_t)r * rope->dims;
    for (uint32_t i = 0; i < rope->dims; i++) angles[i] = i < rope->dims / 2 ? from[i] : -from[i];
    float *q = o->y + (size_t)r * o->cols;
    for (uint32_t h = 0; h < o->n->m->attn.n_heads + o->n->m->attn.n_kv_heads; h++)
        pl__rope_turn(q + (size_t)h * o->n->m->attn.head_dim, rope, angles);
}

static void norm_back_row(void *arg, uint32_t r)
{
    const struct rows_op *o = arg;
    size_t at = (size_t)r * o->cols;
    o->n->gemm.ops->norm_back(o->x + at, o->gain, o->n->m->info.norm_eps, o->z + at, o->cols, o->y + at,
                              NULL);
}

/* DX += the gradient of the norm of X, given DY. Gains have their gradients added row after row by one
 * thread. */
static void norm_back(struct pl__net *n, const float *x, const float *gain, float *dgain, float *dy,
                      float *dx)
{
    uint32_t d = n->m->info.n_embd;
    struct rows_op o = {.n = n, .cols = d, .x = x, .gain = gain, .y = dx, .z = dy};
    if (!dgain) {
        pl__net_each_row(n, n->rows.n_rows, norm_back_row, &o);
        return;
    }
    for (size_t r = 0; r < n->rows.n_rows; r++)
        n->gemm.ops->norm_back(x + r * d, gain, n->m->info.norm_eps, dy + r * d, d, dx + r * d, dgain);
}

static void each(struct pl__net *n, void (*fn)(void *arg, uint32_t row), struct rows_op o)
{
    o.n = n;
    pl__net_each_row(n, n->rows.n_rows, fn, &o);
}

/* --- forward --- */

static void project(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x, float *low,
                    float *y)
{
    struct pl__weights w = pl__net_weights(n, layer, site);
    pl__gemm_forward(&n->gemm, n->rows.n_rows, x, w.cols, &w, y, w.rows);
    if (!n->opts.full) pl__net_pairs(n, layer, site, x, low, y);
}

static const float *bias_of(const struct pl__net *n, uint32_t layer)
{
    const float *bias = n->m->layers[layer].qkv->bias;
    return bias && n->opts.full ? n->params + layer * n->layer_params + n->at.bias : bias;
}

static void run_layer(struct pl__net *n, uint32_t layer, struct pl__kept *k, float *out)
{
    const struct pl_model_info *i = &n->m->info;
    uint32_t d = i->n_embd, w = qkv_width(i);
    each(n, norm_row,
         (struct rows_op){.cols = d, .x = k->x, .gain = layer_norm(n, layer, false), .y = n->wide});
    project(n, layer, PL_SITE_QKV, n->wide, k->low, k->qkv);
    if (bias_of(n, layer))
        each(n, bias_row, (struct rows_op){.cols = w, .gain = bias_of(n, layer), .y = k->qkv});
    each(n, turn_row, (struct rows_op){.cols = w, .x = n->angles, .y = k->qkv});
    pl__net_attend(n, k);
    project(n, layer, PL_SITE_OUT, k->att, k->low, k->mid);
    each(n, add_row, (struct rows_op){.cols = d, .x = k->x, .y = k->mid});
    each(n, norm_row,
         (struct rows_op){.cols = d, .x = k->mid, .gain = layer_norm(n, layer, true), .y = n->wide});
    project(n, layer, PL_SITE_GATE_UP, n->wide, k->low, k->gate_up);
    each(n, swiglu_row, (struct rows_op){.cols = i->n_ff, .x = k->gate_up, .y = n->wide});
    if (!out) { /* run again for the way back: of what follows only the narrow side of the pairs is wanted */
        if (!n->opts.full) pl__net_pairs(n, layer, PL_SITE_DOWN, n->wide, k->low, n->grad);
        return;
    }
    project(n, layer, PL_SITE_DOWN, n->wide, k->low, out);
    each(n, add_row, (struct rows_op){.cols = d, .x = k->mid, .y = out});
}

static void fill_angles(void *arg, uint32_t s)
{
    struct pl__net *n = arg;
    uint32_t dims = n->m->rope.dims;
    for (uint32_t r = n->rows.segment[s]; r < n->rows.segment[s + 1]; r++)
        pl__rope_angles(n->freq, dims, r - n->rows.segment[s], n->angles + (size_t)r * dims);
}

void pl__net_forward(struct pl__net *n, const struct pl__rows *rows, uint64_t step, bool train)
{
    uint32_t layers = n->m->info.n_layers;
    PL_MUST(rows->n_rows <= n->opts.max_rows && rows->segment[rows->n_segments] == rows->n_rows);
    n->rows = *rows;
    n->drop_key =
        train && !n->opts.full && n->opts.dropout > 0 ? pl__random(n->opts.seed ^ 0x64726f70, step) | 1 : 0;
    pl__net_each_row(n, rows->n_segments, fill_angles, n);
    each(n, embed_row, (struct rows_op){.cols = n->m->info.n_embd, .y = n->kept[0].x});
    for (uint32_t l = 0; l < layers; l++)
        run_layer(n, l, &n->kept[l], l + 1 < layers ? n->kept[l + 1].x : n->last);
}

/* --- back --- */

static void weight_back(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x, const float *dy)
{
    const struct pl_model_info *i = &n->m->info;
    uint32_t out = site_out(i, site), in = site_in(i, site);
    float *grad = n->grads + layer * n->layer_params + n->at.sites[site];
    pl__gemm(&n->gemm, out, in, n->rows.n_rows, pl__turned(dy, out), pl__rows_of(x, in), grad, in, true);
}

/* DX [T, in] (NULL: not wanted) = gradient of X, which went through SITE to give what DY is the gradient of.
 */
static void project_back(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x,
                         const float *low, const float *dy, float *dx)
{
    struct pl__weights w = pl__net_weights(n, layer, site);
    if (dx) pl__gemm_back(&n->gemm, n->rows.n_rows, dy, w.rows, &w, dx, w.cols, false);
    if (n->opts.full)
        weight_back(n, layer, site, x, dy);
    else
        pl__net_pairs_back(n, layer, site, x, low, dy, dx);
}

static void bias_back(struct pl__net *n, uint32_t layer, const float *dqkv)
{
    uint32_t w = qkv_width(&n->m->info);
    if (!n->opts.full || !bias_of(n, layer)) return;
    float *grad = n->grads + layer * n->layer_params + n->at.bias;
    for (size_t r = 0; r < n->rows.n_rows; r++) n->lane->add(grad, dqkv + r * w, w);
}

/* n->dx is the gradient of the layer's output, and becomes that of its input. */
static void ffn_back(struct pl__net *n, uint32_t layer, struct pl__kept *k)
{
    const struct pl_model_info *i = &n->m->info;
    each(n, swiglu_row, (struct rows_op){.cols = i->n_ff, .x = k->gate_up, .y = n->wide});
    project_back(n, layer, PL_SITE_DOWN, n->wide, k->low, n->dx, n->grad);
    each(n, swiglu_back_row, (struct rows_op){.cols = i->n_ff, .x = n->grad, .y = k->gate_up});
    const float *gain = layer_norm(n, layer, true);
    each(n, norm_row, (struct rows_op){.cols = i->n_embd, .x = k->mid, .gain = gain, .y = n->wide});
    project_back(n, layer, PL_SITE_GATE_UP, n->wide, k->low, k->gate_up, n->grad);
    norm_back(n, k->mid, gain, layer_norm_grad(n, layer, true), n->grad, n->dx);
}

static void attention_back(struct pl__net *n, uint32_t layer, struct pl__kept *k)
{
    const struct pl_model_info *i = &n->m->info;
    bool wanted =
        layer > 0 || n->opts.full; /* the table of tokens is frozen: nothing below the first layer learns */
    project_back(n, layer, PL_SITE_OUT, k->att, k->low, n->dx, n->wide);
    pl__net_attend_back(n, k, n->wide, n->grad);
    each(n, turn_back_row, (struct rows_op){.cols = qkv_width(i), .x = n->angles, .y = n->grad});
    bias_back(n, layer, n->grad);
    const float *gain = layer_norm(n, layer, false);
    each(n, norm_row, (struct rows_op){.cols = i->n_embd, .x = k->x, .gain = gain, .y = n->wide});
    project_back(n, layer, PL_SITE_QKV, n->wide, k->low, n->grad, wanted ? n->dmid : NULL);
    if (wanted) norm_back(n, k->x, gain, layer_norm_grad(n, layer, false), n->dmid, n->dx);
}

static void embed_back(struct pl__net *n)
{
    uint32_t d = n->m->info.n_embd;
    for (size_t r = 0; r < n->rows.n_rows; r++)
        n->lane->add(n->grads + n->at.embed + (size_t)n->rows.ids[r] * d, n->dx + r * d, d);
}

void pl__net_back(struct pl__net *n)
{
    for (uint32_t l = n->m->info.n_layers; l-- > 0;) {
        struct pl__kept *k = &n->kept[l];
        if (n->opts.recompute) run_layer(n, l, k, NULL);
        ffn_back(n, l, k);
        attention_back(n, l, k);
    }
    if (n->opts.full) embed_back(n);
}
