/* model.c - from a checked GGUF file to weights in the backend's layout.
 *
 * Owns the weights, norms and hyper-parameters of a model; immutable after opening. Architectures: "llama"
 * (RoPE over interleaved pairs) and "qwen2" (RoPE over halves, biases on q, k and v). Refused, by the name of
 * the key or tensor: other architectures and RoPE scalings, experts, sliding windows, missing or surplus
 * tensors, wrong shapes, types that the ops lack, norms and biases that are not float32 or not finite. The
 * file is unmapped before open returns. */
#include "kernels/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is needed while a file is being read. */
struct reader {
    const struct pl_gguf *g;
    struct pl_model *m;
    const char *arch;
    uint64_t n_used; /* tensors taken so far: a file may hold no others */
    struct pl_err *err;
};

static int unsupported(struct reader *r, const char *name, const char *why)
{
    return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, name, "%s: %s", name, why);
}

static const char *key_of(const struct reader *r, const char *suffix, char buf[64])
{
    snprintf(buf, 64, "%s.%s", r->arch, suffix);
    return buf;
}

/* An integer of the architecture within [LEAST, MOST]; FALLBACK when absent, unless that is 0. */
static int read_u32(struct reader *r, const char *suffix, uint32_t least, uint32_t most, uint32_t fallback,
                    uint32_t *out)
{
    char buf[64];
    const char *key = key_of(r, suffix, buf);
    uint64_t v = fallback;
    if (!pl_gguf_u64(r->g, key, &v) && fallback == 0)
        return unsupported(r, key, "is missing or not a number");
    if (v < least || v > most)
        return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, key, "%s: %llu is outside %u..%u", key,
                       (unsigned long long)v, least, most);
    *out = (uint32_t)v;
    return 0;
}

static int read_float(struct reader *r, const char *suffix, double least, double most, double fallback,
                      float *out)
{
    char buf[64];
    const char *key = key_of(r, suffix, buf);
    double v = fallback;
    if (!pl_gguf_f64(r->g, key, &v) && !(fallback > 0))
        return unsupported(r, key, "is missing or not a number");
    if (!(v >= least && v <= most))
        return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, key, "%s: %g is outside %g..%g", key, v, least, most);
    *out = (float)v;
    return 0;
}

static int read_architecture(struct reader *r)
{
    const char *s;
    size_t len;
    struct pl_model_info *info = &r->m->info;
    if (!pl_gguf_str(r->g, "general.architecture", &s, &len))
        return unsupported(r, "general.architecture", "is missing");
    if ((len == 5 && memcmp(s, "llama", 5) == 0) || (len == 5 && memcmp(s, "qwen2", 5) == 0))
        snprintf(info->architecture, sizeof info->architecture, "%.*s", (int)len, s);
    else
        return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, "general.architecture",
                       "architecture %.*s is not supported; llama and qwen2 are", len < 64 ? (int)len : 64,
                       s);
    r->arch = info->architecture;
    if (pl_gguf_str(r->g, "general.name", &s, &len))
        snprintf(info->name, sizeof info->name, "%.*s", len < sizeof info->name ? (int)len : 127, s);
    return 0;
}

/* Keys that change what the graph would have to do. */
static int refuse_variants(struct reader *r)
{
    char buf[64];
    const char *key = key_of(r, "rope.scaling.type", buf), *s;
    size_t len;
    if (pl_gguf_str(r->g, key, &s, &len) && !(len == 4 && memcmp(s, "none", 4) == 0))
        return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, key, "%s: RoPE scaling %.*s is not supported", key,
                       len < 64 ? (int)len : 64, s);
    double scale = 1.0;
    key = key_of(r, "rope.scale_linear", buf);
    if (pl_gguf_f64(r->g, key, &scale) && scale != 1.0) return unsupported(r, key, "is not supported");
    uint64_t n = 0;
    key = key_of(r, "expert_count", buf);
    if (pl_gguf_u64(r->g, key, &n) && n != 0)
        return unsupported(r, key, "mixtures of experts are not supported");
    key = key_of(r, "attention.sliding_window", buf);
    if (pl_gguf_u64(r->g, key, &n) && n != 0 && n < r->m->info.n_ctx_train)
        return unsupported(r, key, "a sliding window is not supported");
    return 0;
}

static int read_heads(struct reader *r)
{
    struct pl_model_info *i = &r->m->info;
    uint32_t value_length, dims;
    char buf[64];
    int rc = read_u32(r, "attention.head_count", 1, 1024, 0, &i->n_heads);
    if (!rc) rc = read_u32(r, "attention.head_count_kv", 1, i->n_heads, i->n_heads, &i->n_kv_heads);
    if (!rc && i->n_heads % i->n_kv_heads != 0)
        rc = unsupported(r, key_of(r, "attention.head_count_kv", buf), "does not divide the number of heads");
    if (!rc) rc = read_u32(r, "attention.key_length", 2, 512, i->n_embd / i->n_heads, &i->head_dim);
    if (!rc) rc = read_u32(r, "attention.value_length", i->head_dim, i->head_dim, i->head_dim, &value_length);
    if (!rc) rc = read_u32(r, "rope.dimension_count", 2, i->head_dim, i->head_dim, &dims);
    if (!rc && (dims % 2 || i->head_dim % 2))
        rc = unsupported(r, key_of(r, "rope.dimension_count", buf), "is odd");
    if (rc) return rc;
    r->m->rope = (struct pl_rope_desc){i->rope_theta, dims, strcmp(r->arch, "llama") == 0, NULL};
    r->m->attn =
        (struct pl_attn_desc){i->n_heads, i->n_kv_heads, i->head_dim, 1.0f / sqrtf((float)i->head_dim)};
    return 0;
}

static int read_hparams(struct reader *r)
{
    struct pl_model_info *i = &r->m->info;
    int rc = read_u32(r, "block_count", 1, 1024, 0, &i->n_layers);
    if (!rc) rc = read_u32(r, "context_length", 1, 1u << 24, 0, &i->n_ctx_train);
    if (!rc) rc = read_u32(r, "embedding_length", 2, 1u << 17, 0, &i->n_embd);
    if (!rc) rc = read_u32(r, "feed_forward_length", 1, 1u << 20, 0, &i->n_ff);
    if (!rc) rc = read_float(r, "attention.layer_norm_rms_epsilon", 1e-12, 1.0, 0, &i->norm_eps);
    if (!rc) rc = read_float(r, "rope.freq_base", 1.0, 1e12, 10000.0, &i->rope_theta);
    if (!rc) rc = read_heads(r);
    if (!rc) rc = refuse_variants(r);
    return rc;
}

/* The tensor NAME of COLS by ROWS (ROWS 0: any number; 1 dimension when ROWS is 1). NULL in *OUT when absent.
 */
static int find(struct reader *r, const char *name, uint64_t cols, uint64_t rows,
                const struct pl_tensor **out)
{
    const struct pl_tensor *t = *out = pl_gguf_tensor(r->g, name);
    if (!t) return 0;
    bool fits = t->ne[0] == cols && (rows == 0 || t->ne[1] == rows) && t->ne[2] == 1 && t->ne[3] == 1;
    if (!fits)
        return pl_fail(
            r->err, PL_E_MODEL_UNSUPPORTED, name, "%s: shape %llux%llux%llux%llu, expected %llux%llu", name,
            (unsigned long long)t->ne[0], (unsigned long long)t->ne[1], (unsigned long long)t->ne[2],
            (unsigned long long)t->ne[3], (unsigned long long)cols, (unsigned long long)rows);
    r->n_used++;
    r->m->info.n_params += t->ne[0] * t->ne[1];
    return 0;
}

static int need(struct reader *r, const char *name, uint64_t cols, uint64_t rows,
                const struct pl_tensor **out)
{
    int rc = find(r, name, cols, rows, out);
    if (!rc && !*out) rc = unsupported(r, name, "tensor is missing");
    return rc;
}

/* Copies a float32 vector into DST after checking it. */
static int copy_vector(struct reader *r, const struct pl_tensor *t, float *dst)
{
    if (t->dtype != PL_F32) return unsupported(r, t->name, "must be float32");
    memcpy(dst, t->data, t->ne[0] * sizeof *dst);
    for (uint64_t k = 0; k < t->ne[0]; k++)
        if (!isfinite(dst[k]))
            return pl_fail(r->err, PL_E_CORRUPT, t->name, "%s: holds a value that is not finite", t->name);
    return 0;
}

static int read_vector(struct reader *r, const char *name, uint32_t count, float **out)
{
    const struct pl_tensor *t;
    int rc = need(r, name, count, 1, &t);
    if (rc) return rc;
    *out = malloc(count * sizeof **out);
    if (!*out) return pl_fail(r->err, PL_E_NO_MEMORY, name, "no memory for %s", name);
    return copy_vector(r, t, *out);
}

static int create_weight(struct reader *r, const struct pl_tensor *const *parts, uint32_t n,
                         const float *bias, struct pl_weight **out)
{
    int rc = r->m->backend->weight_create(r->m->isa, parts, n, bias, out, r->err);
    if (!rc) r->m->info.weight_bytes += r->m->backend->weight_bytes(*out);
    return rc;
}

/* A weight of one tensor. */
static int read_weight(struct reader *r, const char *name, uint32_t cols, uint32_t rows,
                       struct pl_weight **out)
{
    const struct pl_tensor *t;
    int rc = need(r, name, cols, rows, &t);
    return rc ? rc : create_weight(r, &t, 1, NULL, out);
}

static const char *layer_name(uint32_t layer, const char *suffix, char buf[64])
{
    snprintf(buf, 64, "blk.%u.%s", layer, suffix);
    return buf;
}

/* The biases of q, k and v in one vector: all three or none; qwen2 always has them. */
static int read_qkv_bias(struct reader *r, uint32_t layer, const uint32_t rows[3], float **out)
{
    static const char *const names[3] = {"attn_q.bias", "attn_k.bias", "attn_v.bias"};
    char buf[64];
    bool wanted = strcmp(r->arch, "qwen2") == 0 || pl_gguf_tensor(r->g, layer_name(layer, names[0], buf));
    if (!wanted) return 0;
    float *bias = *out = malloc((rows[0] + rows[1] + rows[2]) * sizeof *bias);
    if (!bias) return pl_fail(r->err, PL_E_NO_MEMORY, "bias", "no memory for a bias");
    for (int i = 0; i < 3; bias += rows[i++]) {
        const struct pl_tensor *t;
        int rc = need(r, layer_name(layer, names[i], buf), rows[i], 1, &t);
        if (!rc) rc = copy_vector(r, t, bias);
        if (rc) return rc;
    }
    return 0;
}

static int read_qkv(struct reader *r, uint32_t layer, struct pl_weight **out)
{
    static const char *const names[3] = {"attn_q.weight", "attn_k.weight", "attn_v.weight"};
    const struct pl_model_info *i = &r->m->info;
    const uint32_t rows[3] = {i->n_heads * i->head_dim, i->n_kv_heads * i->head_dim,
                              i->n_kv_heads * i->head_dim};
    const struct pl_tensor *parts[3];
    char buf[64];
    float *bias = NULL;
    int rc = 0;
    for (int p = 0; p < 3 && !rc; p++)
        rc = need(r, layer_name(layer, names[p], buf), i->n_embd, rows[p], &parts[p]);
    if (!rc) rc = read_qkv_bias(r, layer, rows, &bias);
    if (!rc) rc = create_weight(r, parts, 3, bias, out);
    free(bias);
    return rc;
}

static int read_gate_up(struct reader *r, uint32_t layer, struct pl_weight **out)
{
    const struct pl_model_info *i = &r->m->info;
    const struct pl_tensor *parts[2];
    char buf[64];
    int rc = need(r, layer_name(layer, "ffn_gate.weight", buf), i->n_embd, i->n_ff, &parts[0]);
    if (!rc) rc = need(r, layer_name(layer, "ffn_up.weight", buf), i->n_embd, i->n_ff, &parts[1]);
    return rc ? rc : create_weight(r, parts, 2, NULL, out);
}

static int read_layer(struct reader *r, uint32_t n, struct pl_layer *l)
{
    const struct pl_model_info *i = &r->m->info;
    char buf[64];
    int rc = read_vector(r, layer_name(n, "attn_norm.weight", buf), i->n_embd, &l->attn_norm);
    if (!rc) rc = read_vector(r, layer_name(n, "ffn_norm.weight", buf), i->n_embd, &l->ffn_norm);
    if (!rc) rc = read_qkv(r, n, &l->qkv);
    if (!rc)
        rc = read_weight(r, layer_name(n, "attn_output.weight", buf), i->n_heads * i->head_dim, i->n_embd,
                         &l->out);
    if (!rc) rc = read_gate_up(r, n, &l->gate_up);
    if (!rc) rc = read_weight(r, layer_name(n, "ffn_down.weight", buf), i->n_ff, i->n_embd, &l->down);
    return rc;
}

/* Token table and output projection; a file without output.weight uses the table for both. */
static int read_ends(struct reader *r)
{
    struct pl_model *m = r->m;
    const struct pl_tensor *t;
    int rc = need(r, "token_embd.weight", m->info.n_embd, 0, &t);
    if (rc) return rc;
    if (t->ne[1] < 2 || t->ne[1] > 1u << 22)
        return unsupported(r, t->name, "has an impossible number of rows");
    m->info.n_vocab = (uint32_t)t->ne[1];
    rc = create_weight(r, &t, 1, NULL, &m->embed);
    if (!rc) rc = read_vector(r, "output_norm.weight", m->info.n_embd, &m->norm);
    if (!rc) rc = find(r, "output.weight", m->info.n_embd, m->info.n_vocab, &t);
    if (rc) return rc;
    if (t) return create_weight(r, &t, 1, NULL, &m->head);
    m->head = m->embed;
    return 0;
}

static int read_rope_factors(struct reader *r)
{
    struct pl_model *m = r->m;
    if (!pl_gguf_tensor(r->g, "rope_freqs.weight")) return 0;
    int rc = read_vector(r, "rope_freqs.weight", m->rope.dims / 2, &m->rope_factors);
    for (uint32_t k = 0; !rc && k < m->rope.dims / 2; k++)
        if (!(m->rope_factors[k] > 0))
            rc = unsupported(r, "rope_freqs.weight", "holds a factor that is not positive");
    m->rope.factors = m->rope_factors;
    return rc;
}

static bool known_tensor(const struct pl_model *m, const char *name)
{
    static const char *const globals[] = {"token_embd.weight", "output_norm.weight", "output.weight",
                                          "rope_freqs.weight"};
    static const char *const parts[] = {"attn_norm.weight", "ffn_norm.weight", "attn_q.weight",
                                        "attn_k.weight",    "attn_v.weight",   "attn_q.bias",
                                        "attn_k.bias",      "attn_v.bias",     "attn_output.weight",
                                        "ffn_gate.weight",  "ffn_up.weight",   "ffn_down.weight"};
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (strcmp(name, globals[i]) == 0) return true;
    unsigned layer;
    int at = 0;
    if (sscanf(name, "blk.%u.%n", &layer, &at) != 1 || at == 0 || layer >= m->info.n_layers) return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name + at, parts[i]) == 0) return true;
    return false;
}

/* A tensor that nothing reads means that the graph would compute something else than the model's makers
 * meant. */
static int refuse_surplus(struct reader *r)
{
    if (r->n_used == pl_gguf_n_tensors(r->g)) return 0;
    for (uint64_t i = 0; i < pl_gguf_n_tensors(r->g); i++) {
        const char *name = pl_gguf_tensor_at(r->g, i)->name;
        if (!known_tensor(r->m, name))
            return unsupported(r, name, "tensor has no place in this architecture");
    }
    return unsupported(r, "tensors", "there are more than this architecture uses");
}

static int read_model(struct reader *r)
{
    struct pl_model *m = r->m;
    int rc = read_architecture(r);
    if (!rc) rc = read_hparams(r);
    if (!rc) rc = read_rope_factors(r);
    if (!rc) rc = read_ends(r);
    if (rc) return rc;
    m->layers = calloc(m->info.n_layers, sizeof *m->layers);
    if (!m->layers) return pl_fail(r->err, PL_E_NO_MEMORY, "layers", "no memory for the layers");
    for (uint32_t n = 0; n < m->info.n_layers && !rc; n++) rc = read_layer(r, n, &m->layers[n]);
    if (!rc) rc = refuse_surplus(r);
    if (!rc) rc = pl_gguf_digest(r->g, m->info.digest, r->err);
    return rc;
}

int pl_model_open(const char *path, enum pl_isa isa, struct pl_model **out, struct pl_err *err)
{
    struct pl_gguf *g = NULL;
    struct pl_model *m = NULL;
    int rc = pl_gguf_open(path, &g, err);
    if (rc) return rc;
    m = calloc(1, sizeof *m);
    if (!m) {
        rc = pl_fail(err, PL_E_NO_MEMORY, "model", "no memory for a model");
        goto out;
    }
    m->kind = &pl__kind_graph;
    m->backend = &pl_backend_cpu;
    m->isa = isa == PL_ISA_AUTO ? pl_isa_best() : isa;
    struct reader r = {.g = g, .m = m, .err = err};
    if (pl_isa_available(m->isa))
        rc = read_model(&r);
    else
        rc = pl_fail(err, PL_E_UNSUPPORTED, "isa", "this machine cannot run %s", pl_isa_name(m->isa));
    if (!rc) {
        *out = m;
        m = NULL;
    }
out:
    pl_model_close(&m);
    pl_gguf_close(&g);
    return rc;
}

static void drop(const struct pl_model *m, struct pl_weight **w)
{
    if (*w) m->backend->weight_destroy(w);
}

void pl_model_close(struct pl_model **model)
{
    struct pl_model *m = *model;
    if (!m) return;
    for (uint32_t n = 0; m->layers && n < m->info.n_layers; n++) {
        struct pl_layer *l = &m->layers[n];
        free(l->attn_norm);
        free(l->ffn_norm);
        drop(m, &l->qkv);
        drop(m, &l->out);
        drop(m, &l->gate_up);
        drop(m, &l->down);
    }
    if (m->head != m->embed) drop(m, &m->head);
    drop(m, &m->embed);
    free(m->layers);
    free(m->norm);
    free(m->rope_factors);
    free(m);
    *model = NULL;
}

const struct pl_model_info *pl_model_info(const struct pl_model *m)
{
    return &m->info;
}
