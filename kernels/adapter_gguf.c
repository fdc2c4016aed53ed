/* adapter_gguf.c - the GGUF adapter: general.type "adapter", adapter.type "lora", adapter.lora.alpha, and for
 * each module blk.N.MODULE.weight.lora_a (ne [in, r]) and .lora_b (ne [r, out]), whose rows have the model
 * file's order already. */
#include <stdio.h>
#include <string.h>
#include "kernels/adapter_inside.h"

enum { RANK_MOST = 1024 };

static bool says(const struct pl_gguf *g, const char *key, const char *wanted)
{
    const char *s;
    size_t len;
    return pl_gguf_str(g, key, &s, &len) && len == strlen(wanted) && memcmp(s, wanted, len) == 0;
}

static int check_head(const struct pl_gguf *g, const struct pl_model_info *m, double *alpha,
                      struct pl_err *err)
{
    if (!says(g, "general.type", "adapter") || !says(g, "adapter.type", "lora"))
        return pl_fail(err, PL_E_UNSUPPORTED, "general.type", "the file is no LoRA adapter");
    if (!says(g, "general.architecture", m->architecture))
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "general.architecture",
                       "the adapter is not for architecture %s", m->architecture);
    if (!pl_gguf_f64(g, "adapter.lora.alpha", alpha) || !(*alpha >= 0) || *alpha > 1e6)
        return pl_fail(err, PL_E_CORRUPT, "adapter.lora.alpha",
                       "adapter.lora.alpha is missing or not in [0, 1e6]");
    return 0;
}

static int shape_pair(struct pl_adapter *a, const struct pl_gguf *g, const struct pl_model_info *m,
                      uint32_t layer, enum pl_module module, double alpha, uint64_t *used, struct pl_err *err)
{
    char name[128];
    const struct pl_tensor *t[2];
    struct pl_lora_pair *p = pl__adapter_pair(a, layer, module);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight.lora_%c", layer, pl__module_gguf(module), "ab"[i]);
        t[i] = pl_gguf_tensor(g, name);
    }
    if (!t[0] && !t[1]) return 0;
    pl_module_shape(m, module, &p->cols, &p->rows);
    uint64_t rank = t[0] ? t[0]->ne[1] : 0;
    if (!t[0] || !t[1] || rank < 1 || rank > RANK_MOST || t[0]->ne[0] != p->cols || t[1]->ne[0] != rank ||
        t[1]->ne[1] != p->rows)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, name, "%s: the pair is not [%u, r] and [r, %u]", name,
                       p->cols, p->rows);
    p->rank = (uint32_t)rank;
    p->scale = alpha > 0 ? (float)(alpha / (double)rank) : 1.0f;
    *used += 2;
    return 0;
}

static int read_values(const struct pl_tensor *t, float *out, struct pl_err *err)
{
    int rc = pl_dtype_floats(t->dtype, t->data, t->ne[0] * t->ne[1], out);
    if (rc == -PL_E_UNSUPPORTED)
        return pl_fail(err, PL_E_UNSUPPORTED, t->name, "%s: is neither F32, F16 nor BF16", t->name);
    return rc ? pl_fail(err, PL_E_CORRUPT, t->name, "%s: holds a value that is not finite", t->name) : 0;
}

static int read_pair(const struct pl_adapter *a, const struct pl_gguf *g, uint32_t layer,
                     enum pl_module module, struct pl_err *err)
{
    char name[128];
    const struct pl_lora_pair *p = pl__adapter_pair(a, layer, module);
    int rc = 0;
    for (int i = 0; i < 2 && p->rank && !rc; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight.lora_%c", layer, pl__module_gguf(module), "ab"[i]);
        rc = read_values(pl_gguf_tensor(g, name), (float *)(uintptr_t)(i ? p->b : p->a), err);
    }
    return rc;
}

int pl__adapter_read_gguf(struct pl_adapter *a, const struct pl_model_info *m, const char *path,
                          struct pl_err *err)
{
    struct pl_gguf *g = NULL;
    double alpha = 0;
    uint64_t used = 0;
    int rc = pl_gguf_open(path, &g, err);
    if (rc) return rc;
    rc = check_head(g, m, &alpha, err);
    a->alpha = (float)alpha;
    for (uint32_t i = 0; i < m->n_layers * PL_N_MODULES && !rc; i++)
        rc = shape_pair(a, g, m, i / PL_N_MODULES, (enum pl_module)(i % PL_N_MODULES), alpha, &used, err);
    if (!rc && (used == 0 || used != pl_gguf_n_tensors(g)))
        rc = pl_fail(err, PL_E_MODEL_UNSUPPORTED, "tensors", "%s holds %s", path,
                     used ? "tensors that have no place in this model" : "no pairs");
    if (!rc) rc = pl__adapter_allocate(a, m, err);
    for (uint32_t i = 0; i < m->n_layers * PL_N_MODULES && !rc; i++)
        rc = read_pair(a, g, i / PL_N_MODULES, (enum pl_module)(i % PL_N_MODULES), err);
    if (!rc) rc = pl_gguf_digest(g, a->digest, err);
    pl_gguf_close(&g);
    return rc;
}
