/* Fuzzes what training reads: 's' and a safetensors file; 'p', the text of an adapter_config.json, a zero
 * byte and its adapter_model.safetensors, for a model of one layer; 'd' and a file of dialogues. */
#include <math.h>

#include "kernels/adapter.h"
#include "kernels/safetensors.h"
#include "kernels/train/dataset.h"
#include "tests/fuzz/fuzz.h"

static const struct pl_model_info info = {.architecture = "llama",
                                          .n_vocab = 259,
                                          .n_layers = 1,
                                          .n_embd = 4,
                                          .n_heads = 2,
                                          .n_kv_heads = 1,
                                          .head_dim = 2,
                                          .n_ff = 4};
static struct pl_vocab *vocab;
static struct pl_template *dialogue;

static void try_tensors(const uint8_t *data, size_t size)
{
    struct pl_safetensors *s = NULL;
    struct pl_err err = {0};
    uint64_t sum = 0;
    int rc = pl_safetensors_open_memory(data, size, &s, &err);
    PL_MUST(rc == 0 || (!s && err.text[0]));
    for (size_t i = 0; s && i < pl_safetensors_count(s); i++) {
        const struct pl_safetensor *t = pl_safetensors_at(s, i);
        const uint8_t *p = t->data;
        PL_MUST(p >= data && t->size_bytes <= (uint64_t)(data + size - p));
        PL_MUST(pl_safetensors_find(s, t->name) == t);
        for (uint64_t k = 0; k < t->size_bytes; k++) sum += p[k];
    }
    PL_MUST(sum != UINT64_MAX);
    pl_safetensors_close(&s);
}

static void try_adapter(const uint8_t *data, size_t size)
{
    struct pl_adapter *a = NULL;
    struct pl_err err = {0};
    size_t len = 0;
    char *config = fuzz_piece(&data, &size, 0, &len);
    fuzz_file("adapter_config.json", (const uint8_t *)(config ? config : ""), len);
    fuzz_file("adapter_model.safetensors", data, size);
    free(config);
    int rc = pl_adapter_open(fuzz_dir(), &info, &a, &err);
    PL_MUST(rc == 0 || (!a && err.text[0]));
    for (uint32_t i = 0; a && i < PL_N_MODULES; i++) {
        const struct pl_lora_pair *p = &a->pairs[i];
        for (uint64_t k = 0; k < (uint64_t)p->rank * p->rows; k++) PL_MUST(isfinite(p->b[k]));
    }
    pl_adapter_close(&a);
}

static void try_dialogues(const uint8_t *data, size_t size)
{
    struct pl_dataset *d = NULL;
    struct pl_err err = {0};
    int rc = pl_dataset_read(fuzz_file("d.jsonl", data, size), dialogue, vocab, 512, &d, &err);
    PL_MUST(rc == 0 || (!d && err.text[0]));
    for (uint32_t i = 0; d && i < d->count; i++) {
        const struct pl_example *e = &d->examples[i];
        PL_MUST(e->n_ids <= 512 && e->weight[0] == 0);
        for (uint32_t k = 0; k < e->n_ids; k++) PL_MUST(e->ids[k] < info.n_vocab && e->weight[k] >= 0);
    }
    pl_dataset_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!vocab)
        PL_MUST(pl_vocab_create_bytes(&vocab, NULL) == 0 &&
                pl_template_create_chatml(vocab, &dialogue, NULL) == 0);
    if (size == 0) return 0;
    if (data[0] == 's') try_tensors(data + 1, size - 1);
    if (data[0] == 'p') try_adapter(data + 1, size - 1);
    if (data[0] == 'd') try_dialogues(data + 1, size - 1);
    return 0;
}
