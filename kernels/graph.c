/* graph.c - the forward pass.
 *
 * Owns, for one engine, the device, the KV cache and the scratch: one piece of memory, laid out below. Only
 * ops of the backend's table touch it, so the same lines run on every device. No op mixes rows except
 * attention, which mixes the positions of one sequence; this is why a sequence's bits cannot depend on what
 * else is in the step.
 *
 * For each layer, T rows:
 *
 *   h   = norm(x)           [T, D]
 *   qkv = h Wqkv + b        [T, (H+2G)*E]   q and k are turned; k and v go into pages
 *   att = attention(qkv)    [T, H*E]
 *   h   = att Wo            [T, D]          x += h
 *   h   = norm(x)           [T, D]
 *   gu  = h Wgu             [T, 2F]
 *   act = silu(gate) * up   [T, F]
 *   h   = act Wd            [T, D]          x += h
 *
 * and after the last, for the R rows that are asked for: logits = norm(x) Wv  [R, V].
 *
 * What it offers is pl__kind_graph in kernels/model.h. */
#include "kernels/model.h"

#include <stdlib.h>

struct pl_run {
    const struct pl_model *m;
    const struct pl_backend *ops;
    struct pl_dev *dev;
    struct pl_kv *kv;
    float *scratch;
    float *x, *h, *qkv, *att, *gate_up, *act; /* inside scratch, in this order */
};

static uint32_t qkv_width(const struct pl_model *m)
{
    return (m->info.n_heads + 2 * m->info.n_kv_heads) * m->info.head_dim;
}

static uint32_t att_width(const struct pl_model *m)
{
    return m->info.n_heads * m->info.head_dim;
}

/* Floats of scratch for steps of MAX_ROWS rows. */
static uint64_t scratch_floats(const struct pl_model *m, uint32_t max_rows)
{
    uint64_t a_row = 2ull * m->info.n_embd + qkv_width(m) + att_width(m) + 3ull * m->info.n_ff;
    return a_row * max_rows;
}

static int create_scratch(struct pl_run *g, uint32_t rows, struct pl_err *err)
{
    const struct pl_model *m = g->m;
    g->scratch = g->ops->alloc(g->dev, scratch_floats(m, rows));
    if (!g->scratch) return pl_fail(err, PL_E_NO_MEMORY, "max_rows", "no memory for steps of %u rows", rows);
    uint64_t t = rows;
    g->x = g->scratch;
    g->h = g->x + t * m->info.n_embd;
    g->qkv = g->h + t * m->info.n_embd;
    g->att = g->qkv + t * qkv_width(m);
    g->gate_up = g->att + t * att_width(m);
    g->act = g->gate_up + t * 2 * m->info.n_ff;
    return 0;
}

static void graph_destroy(struct pl_run **run)
{
    struct pl_run *g = *run;
    if (!g) return;
    if (g->scratch) g->ops->release(g->dev, g->scratch);
    if (g->kv) g->ops->kv_destroy(g->dev, &g->kv);
    if (g->dev) g->ops->close(&g->dev);
    free(g);
    *run = NULL;
}

static int graph_create(const struct pl_model *m, const struct pl_engine_opts *o, struct pl_run **out,
                        struct pl_err *err)
{
    struct pl_run *g = calloc(1, sizeof *g);
    if (!g) return pl_fail(err, PL_E_NO_MEMORY, "engine", "no memory for an engine");
    g->m = m;
    g->ops = m->backend;
    int rc = g->ops->open(m->isa, o->threads, &g->dev, err);
    if (!rc) rc = g->ops->kv_create(g->dev, m->info.n_layers, o->n_pages, &m->attn, &g->kv, err);
    if (!rc) rc = create_scratch(g, o->max_rows, err);
    if (rc) graph_destroy(&g);
    *out = g;
    return rc;
}

static struct pl_mat mat(float *data, uint32_t rows, uint32_t cols)
{
    return (struct pl_mat){data, rows, cols, cols};
}

static void project(struct pl_run *g, const struct pl_forward *f, uint32_t layer, enum pl_site site,
                    struct pl_mat x, const struct pl_weight *w, struct pl_mat y)
{
    const struct pl_lora_rows *lora = f->lora ? &f->lora[layer * PL_N_SITES + site] : NULL;
    g->ops->matmul(g->dev, x, w, lora ? lora->rows : NULL, lora ? lora->n : NULL, y);
}

static void run_attention(struct pl_run *g, const struct pl_forward *f, uint32_t n, struct pl_mat x,
                          struct pl_mat h)
{
    const struct pl_model *m = g->m;
    const struct pl_layer *l = &m->layers[n];
    struct pl_mat qkv = mat(g->qkv, x.rows, qkv_width(m)), att = mat(g->att, x.rows, att_width(m));
    g->ops->rmsnorm(g->dev, x, l->attn_norm, m->info.norm_eps, h);
    project(g, f, n, PL_SITE_QKV, h, l->qkv, qkv);
    g->ops->rope_kv_write(g->dev, qkv, &m->attn, &m->rope, f->batch, g->kv, n);
    g->ops->attention(g->dev, qkv, &m->attn, f->batch, g->kv, n, att);
    project(g, f, n, PL_SITE_OUT, att, l->out, h);
    g->ops->add(g->dev, x, h);
}

static void run_ffn(struct pl_run *g, const struct pl_forward *f, uint32_t n, struct pl_mat x,
                    struct pl_mat h)
{
    const struct pl_model *m = g->m;
    const struct pl_layer *l = &m->layers[n];
    struct pl_mat gate_up = mat(g->gate_up, x.rows, 2 * m->info.n_ff),
                  act = mat(g->act, x.rows, m->info.n_ff);
    g->ops->rmsnorm(g->dev, x, l->ffn_norm, m->info.norm_eps, h);
    project(g, f, n, PL_SITE_GATE_UP, h, l->gate_up, gate_up);
    g->ops->swiglu(g->dev, gate_up, act);
    project(g, f, n, PL_SITE_DOWN, act, l->down, h);
    g->ops->add(g->dev, x, h);
}

/* The wanted rows are normed into the first rows of h, one call for each run of neighbours. */
static void run_head(struct pl_run *g, const struct pl_forward *f)
{
    const struct pl_model *m = g->m;
    uint64_t d = m->info.n_embd;
    for (uint32_t i = 0, n; i < f->n_out; i += n) {
        for (n = 1; i + n < f->n_out && f->out_rows[i + n] == f->out_rows[i] + n;) n++;
        g->ops->rmsnorm(g->dev, mat(g->x + f->out_rows[i] * d, n, m->info.n_embd), m->norm, m->info.norm_eps,
                        mat(g->h + i * d, n, m->info.n_embd));
    }
    g->ops->matmul(g->dev, mat(g->h, f->n_out, m->info.n_embd), m->head, NULL, NULL,
                   mat(f->logits, f->n_out, m->info.n_vocab));
}

static void graph_forward(struct pl_run *g, const struct pl_forward *f)
{
    const struct pl_model *m = g->m;
    struct pl_mat x = mat(g->x, f->batch->n_rows, m->info.n_embd), h = mat(g->h, x.rows, m->info.n_embd);
    g->ops->embed(g->dev, m->embed, f->ids, x);
    for (uint32_t n = 0; n < m->info.n_layers; n++) {
        run_attention(g, f, n, x, h);
        run_ffn(g, f, n, x, h);
    }
    if (f->n_out > 0) run_head(g, f);
}

static uint32_t graph_threads(const struct pl_run *g)
{
    return g->ops->threads(g->dev);
}
static uint64_t graph_kv_bytes(const struct pl_run *g)
{
    return g->ops->kv_bytes(g->kv);
}
static float *graph_alloc(struct pl_run *g, uint64_t floats)
{
    return g->ops->alloc(g->dev, floats);
}
static void graph_release(struct pl_run *g, float *p)
{
    g->ops->release(g->dev, p);
}

static void graph_copy_page(struct pl_run *g, uint32_t src, uint32_t dst)
{
    g->ops->kv_copy_page(g->dev, g->kv, src, dst);
}

const struct pl_model_kind pl__kind_graph = {
    .create = graph_create,
    .destroy = graph_destroy,
    .threads = graph_threads,
    .kv_bytes = graph_kv_bytes,
    .alloc = graph_alloc,
    .release = graph_release,
    .copy_page = graph_copy_page,
    .forward = graph_forward,
};
