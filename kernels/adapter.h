/* adapter.h - a LoRA adapter: low-rank pairs for modules of a model, read from and written to the two formats
 * in use.
 *
 * A PEFT directory (adapter_config.json, adapter_model.safetensors; Hugging Face PEFT) or a GGUF adapter
 * (general.type = "adapter", tensors NAME.lora_a and NAME.lora_b). In memory rows of q and k stand in the
 * order of the model's GGUF file: for architecture llama that is not Hugging Face's, and both formats are
 * turned as they are read and written. Refused by name: DoRA, biases, trained embeddings or whole modules,
 * unknown or missing tensors, shapes that do not fit the model, values that are not finite, another
 * architecture. Immutable once made; any thread. */
#ifndef PL_KERNELS_ADAPTER_H
#define PL_KERNELS_ADAPTER_H

#include <stdbool.h>
#include "kernels/backend.h"

/* Projections of a layer as they are run; fused weights are one site, told apart by out_offset. */
enum pl_site { PL_SITE_QKV, PL_SITE_OUT, PL_SITE_GATE_UP, PL_SITE_DOWN, PL_N_SITES };
enum { PL_SITE_MODULES = 3 }; /* most modules of a site */
enum pl_module {
    PL_MODULE_Q,
    PL_MODULE_K,
    PL_MODULE_V,
    PL_MODULE_OUT,
    PL_MODULE_GATE,
    PL_MODULE_UP,
    PL_MODULE_DOWN,
    PL_N_MODULES
};
/* "q_proj", ... as Hugging Face names them. Static. */
const char *pl_module_name(enum pl_module m);
/* Bits of modules of "all", or of a list such as "q,v" or "q_proj,v_proj"; 0 when a name is unknown. */
uint32_t pl_modules_parse(const char *list);
/* Inputs and outputs of a module. */
void pl_module_shape(const struct pl_model_info *m, enum pl_module module, uint32_t *in, uint32_t *out);
/* The site that a module is part of, and its first output there. */
enum pl_site pl_module_site(const struct pl_model_info *m, enum pl_module module, uint32_t *at);

struct pl_adapter {
    char architecture[32], base_digest[65],
        digest[65];          /* BASE_DIGEST: of the model file it was trained on, or empty */
    uint32_t n_layers, rank; /* RANK: the greatest of any module */
    float alpha;             /* of the whole, as the configuration says */
    bool rslora;
    uint32_t modules;           /* bits */
    struct pl_lora_pair *pairs; /* [n_layers * PL_N_MODULES]; rank 0: none */
    struct pl_adapter_site {    /* [n_layers * PL_N_SITES] the same as the graph takes them */
        struct pl_lora_pair pairs[PL_SITE_MODULES];
        uint32_t n;
    } * sites;
    float *values; /* all A and B */
};

/* *OUT is given. PATH: a directory, or a file. -PL_E_NOT_FOUND, -PL_E_IO, -PL_E_CORRUPT, -PL_E_UNSUPPORTED,
 * -PL_E_MODEL_UNSUPPORTED (does not fit M), -PL_E_NO_MEMORY. */
int pl_adapter_open(const char *path, const struct pl_model_info *m, struct pl_adapter **out,
                    struct pl_err *err);
void pl_adapter_close(struct pl_adapter **a);

/* Room for pairs of RANK for the modules of the bits, zeroed; the caller fills the values before anybody
 * reads. */
int pl_adapter_create(const struct pl_model_info *m, uint32_t rank, float alpha, bool rslora,
                      uint32_t modules, struct pl_adapter **out, struct pl_err *err);
/* Writes the PEFT directory DIR (made when absent). All pairs have one rank and scale. */
int pl_adapter_save(const struct pl_adapter *a, const struct pl_model_info *m, const char *dir,
                    struct pl_err *err);

#endif
