/* adapter_peft.c - the PEFT directory: adapter_config.json and adapter_model.safetensors.
 *
 * Keys of tensors: base_model.model.model.layers.N.MODULE.lora_A.weight [r, in] and lora_B.weight [out, r].
 * Which modules there are is what the tensors say; the configuration gives alpha, rsLoRA and the patterns
 * that change rank or alpha for some modules. The digest is SHA-256 over the configuration's canonical JSON
 * and the bytes of the tensors' file. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "kernels/adapter_inside.h"
#include "kernels/digest.h"
#include "kernels/file.h"
#include "kernels/safetensors.h"

#define CONFIG "adapter_config.json"
#define TENSORS "adapter_model.safetensors"
enum { CONFIG_MOST = 1 << 20, RANK_MOST = 1024, NAME = 192 };

struct reading {
    struct pl_adapter *a;
    const struct pl_model_info *m;
    const json_t *config;
    const struct pl_safetensors *s;
    struct pl_err *err;
};

static void tensor_name(char out[NAME], uint32_t layer, enum pl_module m, char side)
{
    snprintf(out, NAME, "base_model.model.model.layers.%u.%s.lora_%c.weight", layer, pl__module_hf(m), side);
}

/* What would make another function of the model than the pairs alone. */
static int refuse_variants(struct reading *r)
{
    static const char *const off[] = {"use_dora",
                                      "lora_bias",
                                      "fan_in_fan_out",
                                      "modules_to_save",
                                      "trainable_token_indices",
                                      "layer_replication",
                                      "target_parameters",
                                      "alora_invocation_tokens"};
    const char *type = json_string_value(json_object_get(r->config, "peft_type"));
    const char *bias = json_string_value(json_object_get(r->config, "bias"));
    if (!type || strcmp(type, "LORA") != 0)
        return pl_fail(r->err, PL_E_UNSUPPORTED, "peft_type", "the adapter's peft_type is not LORA");
    if (bias && strcmp(bias, "none") != 0)
        return pl_fail(r->err, PL_E_UNSUPPORTED, "bias", "an adapter with biases is not supported");
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        const json_t *v = json_object_get(r->config, off[i]);
        bool empty =
            !v || json_is_null(v) || json_is_false(v) || (json_is_array(v) && json_array_size(v) == 0);
        if (!empty) return pl_fail(r->err, PL_E_UNSUPPORTED, off[i], "%s is not supported", off[i]);
    }
    return 0;
}

static double number(const json_t *config, const char *key, double fallback)
{
    const json_t *v = json_object_get(config, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

/* Alpha of a module: the pattern whose key is the module's name or the end of it, else the whole's. PEFT's
 * patterns are regular expressions; those that are plain names are what it writes itself. */
static int alpha_of(struct reading *r, uint32_t layer, enum pl_module m, double *alpha)
{
    const json_t *patterns = json_object_get(r->config, "alpha_pattern"), *v;
    char full[NAME];
    const char *key;
    snprintf(full, sizeof full, "model.layers.%u.%s", layer, pl__module_hf(m));
    *alpha = number(r->config, "lora_alpha", 8);
    json_object_foreach((json_t *)(uintptr_t)patterns, key, v)
    {
        size_t len = strlen(key), n = strlen(full);
        if (strpbrk(key, "\\*+?[](){}|^$"))
            return pl_fail(r->err, PL_E_UNSUPPORTED, "alpha_pattern", "%.80s is no plain name of a module",
                           key);
        bool ends = len <= n && strcmp(full + n - len, key) == 0 && (len == n || full[n - len - 1] == '.');
        if (ends) *alpha = json_number_value(v);
    }
    if (!(*alpha > 0) || *alpha > 1e6)
        return pl_fail(r->err, PL_E_CORRUPT, "lora_alpha", "alpha is not in (0, 1e6]");
    return 0;
}

static int shape_pair(struct reading *r, uint32_t layer, enum pl_module m, size_t *used)
{
    char names[2][NAME];
    const struct pl_safetensor *t[2];
    struct pl_lora_pair *p = pl__adapter_pair(r->a, layer, m);
    for (int i = 0; i < 2; i++) {
        tensor_name(names[i], layer, m, "AB"[i]);
        t[i] = pl_safetensors_find(r->s, names[i]);
    }
    if (!t[0] && !t[1]) return 0;
    if (!t[0] || !t[1]) return pl_fail(r->err, PL_E_CORRUPT, names[!!t[0]], "%s is missing", names[!!t[0]]);
    pl_module_shape(r->m, m, &p->cols, &p->rows);
    uint64_t rank = t[0]->n_dims == 2 ? t[0]->shape[0] : 0;
    if (rank < 1 || rank > RANK_MOST || t[0]->shape[1] != p->cols)
        return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, names[0], "%s: its shape is not [1..%d, %u]", names[0],
                       RANK_MOST, p->cols);
    if (t[1]->n_dims != 2 || t[1]->shape[0] != p->rows || t[1]->shape[1] != rank)
        return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, names[1], "%s: its shape is not [%u, %u]", names[1],
                       p->rows, (unsigned)rank);
    double alpha;
    int rc = alpha_of(r, layer, m, &alpha);
    p->rank = (uint32_t)rank;
    p->scale = pl__adapter_scale((float)alpha, p->rank, r->a->rslora);
    *used += 2;
    return rc;
}

/* Each tensor that no pair took is one that this program would silently leave out. */
static int refuse_surplus(struct reading *r)
{
    for (size_t i = 0; i < pl_safetensors_count(r->s); i++) {
        const char *name = pl_safetensors_at(r->s, i)->name;
        bool known = false;
        char wanted[NAME];
        for (uint32_t l = 0; l < r->m->n_layers && !known; l++)
            for (int k = 0; k < 2 * PL_N_MODULES && !known; k++) {
                tensor_name(wanted, l, (enum pl_module)(k / 2), "AB"[k % 2]);
                known = strcmp(name, wanted) == 0;
            }
        if (!known)
            return pl_fail(r->err, PL_E_MODEL_UNSUPPORTED, name, "%.120s has no place in this model", name);
    }
    return pl_fail(r->err, PL_E_CORRUPT, TENSORS, "there are no pairs in it");
}

static int read_pair(struct reading *r, uint32_t layer, enum pl_module m)
{
    char name[NAME];
    const struct pl_lora_pair *p = pl__adapter_pair(r->a, layer, m);
    if (!p->rank) return 0;
    tensor_name(name, layer, m, 'A');
    int rc = pl_safetensor_floats(pl_safetensors_find(r->s, name), (float *)(uintptr_t)p->a, r->err);
    if (rc) return rc;
    float *rows = malloc((size_t)p->rows * p->rank * sizeof *rows), *b = (float *)(uintptr_t)p->b;
    if (!rows) return pl_fail(r->err, PL_E_NO_MEMORY, name, "no memory for %s", name);
    tensor_name(name, layer, m, 'B');
    rc = pl_safetensor_floats(pl_safetensors_find(r->s, name), rows, r->err);
    for (uint32_t row = 0; row < p->rows && !rc; row++)
        memcpy(b + (size_t)row * p->rank, rows + (size_t)pl__module_hf_row(r->m, m, row) * p->rank,
               p->rank * sizeof *b);
    free(rows);
    return rc;
}

static int read_pairs(struct reading *r)
{
    size_t used = 0;
    int rc = 0;
    for (uint32_t i = 0; i < r->m->n_layers * PL_N_MODULES && !rc; i++)
        rc = shape_pair(r, i / PL_N_MODULES, (enum pl_module)(i % PL_N_MODULES), &used);
    if (!rc && (used != pl_safetensors_count(r->s) || used == 0)) rc = refuse_surplus(r);
    if (!rc) rc = pl__adapter_allocate(r->a, r->m, r->err);
    for (uint32_t i = 0; i < r->m->n_layers * PL_N_MODULES && !rc; i++)
        rc = read_pair(r, i / PL_N_MODULES, (enum pl_module)(i % PL_N_MODULES));
    return rc;
}

/* SHA-256 of the two files' digests: so that neither has to stand in memory twice. */
static int digest(struct pl_adapter *a, const json_t *config, const char *path, struct pl_err *err)
{
    char both[131], *bytes = NULL;
    size_t len;
    char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    int rc = text ? pl__sha256_hex(text, strlen(text), both) : -PL_E_NO_MEMORY;
    free(text);
    if (!rc) rc = pl_file_read(path, (size_t)4 << 30, &bytes, &len, err);
    if (!rc) rc = pl__sha256_hex(bytes, len, both + 65);
    free(bytes);
    both[64] = '\n';
    return rc ? rc : pl__sha256_hex(both, 129, a->digest);
}

int pl__adapter_read_peft(struct pl_adapter *a, const struct pl_model_info *m, const char *dir,
                          struct pl_err *err)
{
    char path[1100], *text = NULL;
    size_t len;
    json_error_t where;
    struct pl_safetensors *s = NULL;
    snprintf(path, sizeof path, "%.1000s/" CONFIG, dir);
    int rc = pl_file_read(path, CONFIG_MOST, &text, &len, err);
    if (rc) return rc;
    json_t *config = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    free(text);
    if (!json_is_object(config)) {
        json_decref(config);
        return pl_fail(err, PL_E_CORRUPT, CONFIG, "%s is no JSON object: %.100s", path, where.text);
    }
    struct reading r = {.a = a, .m = m, .config = config, .err = err};
    a->alpha = (float)number(config, "lora_alpha", 8);
    a->rslora = json_is_true(json_object_get(config, "use_rslora"));
    rc = refuse_variants(&r);
    snprintf(path, sizeof path, "%.1000s/" TENSORS, dir);
    if (!rc) rc = pl_safetensors_open(path, &s, err);
    r.s = s;
    if (!rc) rc = read_pairs(&r);
    if (!rc) rc = digest(a, config, path, err);
    pl_safetensors_close(&s);
    json_decref(config);
    return rc;
}

/* --- writing --- */

static int write_config(const struct pl_adapter *a, const struct pl_model_info *m, const char *dir,
                        struct pl_err *err)
{
    char path[1100];
    struct pl_file w;
    json_t *targets = json_array();
    for (int k = 0; k < PL_N_MODULES; k++)
        if (a->modules >> k & 1)
            json_array_append_new(targets, json_string(pl_module_name((enum pl_module)k)));
    json_t *config = json_pack(
        "{s:s,s:s,s:s,s:i,s:f,s:f,s:s,s:b,s:b,s:b,s:o,s:n,s:s}", "peft_type", "LORA", "task_type",
        "CAUSAL_LM", "base_model_name_or_path", m->name, "r", (int)a->rank, "lora_alpha", (double)a->alpha,
        "lora_dropout", 0.0, "bias", "none", "use_rslora", a->rslora, "fan_in_fan_out", 0, "inference_mode",
        1, "target_modules", targets, "modules_to_save", "parlance_base_digest", m->digest);
    snprintf(path, sizeof path, "%.1000s/" CONFIG, dir);
    if (!config) return pl_fail(err, PL_E_NO_MEMORY, CONFIG, "no memory for %s", path);
    int rc = pl_file_begin(&w, path, err);
    if (!rc) {
        json_dumpf(config, w.f, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        fputc('\n', w.f);
        rc = pl_file_end(&w, true, err);
    }
    json_decref(config);
    return rc;
}

/* Fills the two tensors of a pair; B is copied, rows in Hugging Face's order. */
static int name_pair(const struct pl_adapter *a, const struct pl_model_info *m, uint32_t layer,
                     enum pl_module module, struct pl_safetensor t[2])
{
    const struct pl_lora_pair *p = pl__adapter_pair(a, layer, module);
    float *b = malloc((size_t)p->rows * p->rank * sizeof *b);
    char *names = malloc(2 * NAME);
    if (!b || !names) {
        free(b);
        free(names);
        return -PL_E_NO_MEMORY;
    }
    for (uint32_t row = 0; row < p->rows; row++)
        memcpy(b + (size_t)pl__module_hf_row(m, module, row) * p->rank, p->b + (size_t)row * p->rank,
               p->rank * sizeof *b);
    tensor_name(names, layer, module, 'A');
    tensor_name(names + NAME, layer, module, 'B');
    t[0] = (struct pl_safetensor){.name = names, .n_dims = 2, .shape = {p->rank, p->cols}, .data = p->a};
    t[1] = (struct pl_safetensor){.name = names + NAME, .n_dims = 2, .shape = {p->rows, p->rank}, .data = b};
    for (int i = 0; i < 2; i++) t[i].size_bytes = t[i].shape[0] * t[i].shape[1] * sizeof *b;
    return 0;
}

int pl_adapter_save(const struct pl_adapter *a, const struct pl_model_info *m, const char *dir,
                    struct pl_err *err)
{
    char path[1100];
    size_t n = 0;
    int rc = 0;
    if (mkdir(dir, 0777) && errno != EEXIST)
        return pl_fail(err, PL_E_IO, "out", "cannot make %s: %s", dir, strerror(errno));
    struct pl_safetensor *all = calloc((size_t)a->n_layers * PL_N_MODULES * 2, sizeof *all);
    if (!all) rc = -PL_E_NO_MEMORY;
    for (uint32_t i = 0; i < a->n_layers * PL_N_MODULES && !rc; i++) {
        if (!a->pairs[i].rank) continue;
        rc = name_pair(a, m, i / PL_N_MODULES, (enum pl_module)(i % PL_N_MODULES), all + n);
        if (!rc) n += 2;
    }
    if (rc) pl_fail(err, -rc, "out", "no memory to write %s", dir);
    snprintf(path, sizeof path, "%.1000s/" TENSORS, dir);
    if (!rc) rc = pl_safetensors_write(path, all, n, err);
    if (!rc) rc = write_config(a, m, dir, err);
    for (size_t i = 0; i < n; i += 2) {
        free((void *)(uintptr_t)all[i].name);
        free((void *)(uintptr_t)all[i + 1].data);
    }
    free(all);
    return rc;
}
