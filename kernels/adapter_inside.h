/* adapter_inside.h - what the files of an adapter share. */
#ifndef PL_KERNELS_ADAPTER_INSIDE_H
#define PL_KERNELS_ADAPTER_INSIDE_H

#include "kernels/adapter.h"

/* "self_attn.q_proj" and "attn_q". */
const char *pl__module_hf(enum pl_module m);
const char *pl__module_gguf(enum pl_module m);
uint32_t pl__module_hf_row(const struct pl_model_info *m, enum pl_module module, uint32_t row);
struct pl_lora_pair *pl__adapter_pair(const struct pl_adapter *a, uint32_t layer, enum pl_module module);
float pl__adapter_scale(float alpha, uint32_t rank, bool rslora);
/* An adapter without pairs; then its pairs' shapes are set, and allocate gives them their memory. */
int pl__adapter_begin(const struct pl_model_info *m, struct pl_adapter **out, struct pl_err *err);
int pl__adapter_allocate(struct pl_adapter *a, const struct pl_model_info *m, struct pl_err *err);
int pl__adapter_read_peft(struct pl_adapter *a, const struct pl_model_info *m, const char *dir,
                          struct pl_err *err);
int pl__adapter_read_gguf(struct pl_adapter *a, const struct pl_model_info *m, const char *path,
                          struct pl_err *err);

#endif
