/* Any bytes as a model file: refused with a sentence, or read without a step outside. */
#include <stdlib.h>
#include <string.h>
#include "kernels/gguf.h"
#include "kernels/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t read_keys(const struct pl_gguf *g)
{
    uint64_t sum = 0;
    char shown[64];
    for (uint64_t i = 0; i < pl_gguf_n_keys(g); i++) {
        const char *key = pl_gguf_key_at(g, i), *ptr;
        size_t len;
        double number;
        PL_MUST(pl_utf8_valid(key, strlen(key)));
        pl_gguf_print_value(g, i, shown, sizeof shown);
        PL_MUST(pl_utf8_valid(shown, strlen(shown)));
        for (uint64_t k = 0; pl_gguf_str_array_at(g, key, k, &ptr, &len); k++)
            if (len) sum += (uint8_t)ptr[0] + (uint8_t)ptr[len - 1];
        for (uint64_t k = 0; pl_gguf_num_array_at(g, key, k, &number); k++) sum += number > 0;
        if (pl_gguf_str(g, key, &ptr, &len) && len) sum += (uint8_t)ptr[len - 1];
    }
    return sum;
}

static uint64_t read_tensors(const struct pl_gguf *g)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < pl_gguf_n_tensors(g); i++) {
        const struct pl_tensor *t = pl_gguf_tensor_at(g, i);
        PL_MUST(pl_gguf_tensor(g, t->name) == t);
        PL_MUST(pl_dtype_name(t->dtype) && t->size_bytes > 0);
        sum += ((const uint8_t *)t->data)[0] + ((const uint8_t *)t->data)[t->size_bytes - 1];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pl_gguf *g = NULL;
    struct pl_err err = {0};
    int rc = pl_gguf_open_memory(data, size, &g, &err);
    if (rc) {
        PL_MUST(!g && err.code == -rc && err.text[0]);
        return 0;
    }
    volatile uint64_t sum = read_keys(g) + read_tensors(g);
    (void)sum;
    pl_gguf_close(&g);
    return 0;
}
