#include "kernels/adapter.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "kernels/adapter_inside.h"
#include "kernels/cpu/mem.h"

static const struct {
    const char *name, *short_name, *hf, *gguf;
} modules[PL_N_MODULES] = {
    {"q_proj", "q", "self_attn.q_proj", "attn_q"},      {"k_proj", "k", "self_attn.k_proj", "attn_k"},
    {"v_proj", "v", "self_attn.v_proj", "attn_v"},      {"o_proj", "o", "self_attn.o_proj", "attn_output"},
    {"gate_proj", "gate", "mlp.gate_proj", "ffn_gate"}, {"up_proj", "up", "mlp.up_proj", "ffn_up"},
    {"down_proj", "down", "mlp.down_proj", "ffn_down"},
};

const char *pl_module_name(enum pl_module m)
{
    return modules[m].name;
}

const char *pl__module_hf(enum pl_module m)
{
    return modules[m].hf;
}

const char *pl__module_gguf(enum pl_module m)
{
    return modules[m].gguf;
}

uint32_t pl_modules_parse(const char *list)
{
    uint32_t bits = 0;
    if (strcmp(list, "all") == 0 || strcmp(list, "all-linear") == 0) return (1u << PL_N_MODULES) - 1;
    for (const char *p = list; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        int m = 0;
        while (m < PL_N_MODULES &&
               !(strlen(modules[m].name) == len && memcmp(modules[m].name, p, len) == 0) &&
               !(strlen(modules[m].short_name) == len && memcmp(modules[m].short_name, p, len) == 0))
            m++;
        if (m == PL_N_MODULES) return 0;
        bits |= 1u << m;
        p += len;
    }
    return bits;
}

void pl_module_shape(const struct pl_model_info *m, enum pl_module module, uint32_t *in, uint32_t *out)
{
    uint32_t q = m->n_heads * m->head_dim, kv = m->n_kv_heads * m->head_dim;
    const uint32_t ins[PL_N_MODULES] = {m->n_embd, m->n_embd, m->n_embd, q, m->n_embd, m->n_embd, m->n_ff};
    const uint32_t outs[PL_N_MODULES] = {q, kv, kv, m->n_embd, m->n_ff, m->n_ff, m->n_embd};
    *in = ins[module];
    *out = outs[module];
}

enum pl_site pl_module_site(const struct pl_model_info *m, enum pl_module module, uint32_t *at)
{
    static const enum pl_site sites[PL_N_MODULES] = {
        PL_SITE_QKV, PL_SITE_QKV, PL_SITE_QKV, PL_SITE_OUT, PL_SITE_GATE_UP, PL_SITE_GATE_UP, PL_SITE_DOWN};
    uint32_t q = m->n_heads * m->head_dim, kv = m->n_kv_heads * m->head_dim;
    const uint32_t first[PL_N_MODULES] = {0, q, q + kv, 0, 0, m->n_ff, 0};
    *at = first[module];
    return sites[module];
}

/* Row of Hugging Face's q or k that stands at ROW of the GGUF file: llama interleaves the halves of a head.
 */
uint32_t pl__module_hf_row(const struct pl_model_info *m, enum pl_module module, uint32_t row)
{
    bool turned = (module == PL_MODULE_Q || module == PL_MODULE_K) && strcmp(m->architecture, "llama") == 0;
    uint32_t head = row / m->head_dim, at = row % m->head_dim;
    return turned ? head * m->head_dim + (at % 2) * (m->head_dim / 2) + at / 2 : row;
}

struct pl_lora_pair *pl__adapter_pair(const struct pl_adapter *a, uint32_t layer, enum pl_module module)
{
    return &a->pairs[(size_t)layer * PL_N_MODULES + module];
}

float pl__adapter_scale(float alpha, uint32_t rank, bool rslora)
{
    return alpha / (rslora ? sqrtf((float)rank) : (float)rank);
}

int pl__adapter_begin(const struct pl_model_info *m, struct pl_adapter **out, struct pl_err *err)
{
    struct pl_adapter *a = calloc(1, sizeof *a);
    if (a) a->pairs = calloc((size_t)m->n_layers * PL_N_MODULES, sizeof *a->pairs);
    if (a) a->sites = calloc((size_t)m->n_layers * PL_N_SITES, sizeof *a->sites);
    if (!a || !a->pairs || !a->sites) {
        pl_adapter_close(&a);
        return pl_fail(err, PL_E_NO_MEMORY, "adapter", "no memory for an adapter");
    }
    a->n_layers = m->n_layers;
    snprintf(a->architecture, sizeof a->architecture, "%s", m->architecture);
    snprintf(a->base_digest, sizeof a->base_digest, "%s", m->digest);
    *out = a;
    return 0;
}

static void join_sites(struct pl_adapter *a, const struct pl_model_info *m)
{
    for (uint32_t l = 0; l < a->n_layers; l++)
        for (int k = 0; k < PL_N_MODULES; k++) {
            const struct pl_lora_pair *p = pl__adapter_pair(a, l, (enum pl_module)k);
            uint32_t at;
            struct pl_adapter_site *s = &a->sites[l * PL_N_SITES + pl_module_site(m, (enum pl_module)k, &at)];
            if (!p->rank) continue;
            s->pairs[s->n] = *p;
            s->pairs[s->n++].out_offset = at;
        }
}

int pl__adapter_allocate(struct pl_adapter *a, const struct pl_model_info *m, struct pl_err *err)
{
    size_t total = 0, at = 0, n = (size_t)a->n_layers * PL_N_MODULES;
    for (size_t i = 0; i < n; i++) total += (size_t)a->pairs[i].rank * (a->pairs[i].cols + a->pairs[i].rows);
    a->values = pl__mem_alloc(total * sizeof *a->values);
    if (!a->values) return pl_fail(err, PL_E_NO_MEMORY, "adapter", "no memory for %zu values", total);
    for (size_t i = 0; i < n; i++) {
        struct pl_lora_pair *p = &a->pairs[i];
        if (!p->rank) continue;
        p->a = a->values + at;
        p->b = p->a + (size_t)p->rank * p->cols;
        at += (size_t)p->rank * (p->cols + p->rows);
        a->modules |= 1u << i % PL_N_MODULES;
        if (p->rank > a->rank) a->rank = p->rank;
    }
    join_sites(a, m);
    return 0;
}

int pl_adapter_create(const struct pl_model_info *m, uint32_t rank, float alpha, bool rslora, uint32_t bits,
                      struct pl_adapter **out, struct pl_err *err)
{
    int rc = pl__adapter_begin(m, out, err);
    if (rc) return rc;
    struct pl_adapter *a = *out;
    a->alpha = alpha;
    a->rslora = rslora;
    for (uint32_t l = 0; l < m->n_layers; l++)
        for (int k = 0; k < PL_N_MODULES; k++) {
            struct pl_lora_pair *p = pl__adapter_pair(a, l, (enum pl_module)k);
            if (!(bits >> k & 1)) continue;
            pl_module_shape(m, (enum pl_module)k, &p->cols, &p->rows);
            p->rank = rank;
            p->scale = pl__adapter_scale(alpha, rank, rslora);
        }
    rc = pl__adapter_allocate(a, m, err);
    if (rc) pl_adapter_close(out);
    return rc;
}

void pl_adapter_close(struct pl_adapter **adapter)
{
    struct pl_adapter *a = *adapter;
    if (!a) return;
    pl__mem_free(a->values);
    free(a->pairs);
    free(a->sites);
    free(a);
    *adapter = NULL;
}

int pl_adapter_open(const char *path, const struct pl_model_info *m, struct pl_adapter **out,
                    struct pl_err *err)
{
    struct stat st;
    *out = NULL;
    if (stat(path, &st))
        return pl_fail(err, PL_E_NOT_FOUND, "adapter", "cannot open %s: %s", path, strerror(errno));
    int rc = pl__adapter_begin(m, out, err);
    if (!rc)
        rc = S_ISDIR(st.st_mode) ? pl__adapter_read_peft(*out, m, path, err)
                                 : pl__adapter_read_gguf(*out, m, path, err);
    if (rc) pl_adapter_close(out);
    return rc;
}
