/* dataset.h - dialogues as ids with the weight of each id as something to learn.
 *
 * Read from JSON lines: {"messages": [{"role", "content", "weight"}...], "weight"} as OpenAI's fine-tuning
 * files have it, or {"prompt", "completion"}. What is learnt are the assistant's ids with the end mark behind
 * them; ids are made exactly as serving makes them: the template's prompt, the answer tokenised by itself,
 * the template's continuation. Immutable once read; any thread. */
#ifndef PL_KERNELS_TRAIN_DATASET_H
#define PL_KERNELS_TRAIN_DATASET_H

#include "kernels/template.h"

struct pl_example {
    uint32_t *ids;
    float *weight; /* [n_ids] 0: not learnt; the first id never is */
    uint32_t n_ids, n_learnt;
};
struct pl_dataset {
    struct pl_example *examples;
    uint32_t count, longest, cut; /* CUT: examples whose oldest turns were left out to fit */
    uint64_t n_ids, n_learnt;
    char digest[65]; /* SHA-256 of the file */
};

/* Examples of more than MOST ids lose whole turns from their front. *OUT is given. -PL_E_NOT_FOUND, -PL_E_IO,
 * -PL_E_INVALID with the line's number, -PL_E_TOO_LARGE, -PL_E_NO_MEMORY. */
int pl_dataset_read(const char *path, const struct pl_template *t, const struct pl_vocab *v, uint32_t most,
                    struct pl_dataset **out, struct pl_err *err);
void pl_dataset_free(struct pl_dataset **d);

#endif
