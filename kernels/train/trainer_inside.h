/* trainer_inside.h - the trainer as its two files see it. */
#ifndef PL_KERNELS_TRAIN_TRAINER_INSIDE_H
#define PL_KERNELS_TRAIN_TRAINER_INSIDE_H

#include "kernels/train/loss.h"
#include "kernels/train/trainer.h"

/* The order of an epoch through a dataset. */
struct pl__order {
    uint32_t *order;
    uint64_t epoch;
    bool filled;
};

struct pl_trainer {
    struct pl_train_opts opts;
    const struct pl_dataset *data, *replay;
    struct pl__net *net;
    float *m, *v; /* AdamW's moments, as long as the net's params */
    uint32_t step, bad;
    double beta1_power, beta2_power;
    char identity[65]; /* digest of what a checkpoint must agree with */

    uint32_t *ids, *segment, *rows; /* of the batch that is packed */
    struct pl__target *targets;
    float *logp, *hidden;
    const struct pl_example **chosen, **replayed; /* [batch] */
    const float **replayed_hidden;
    struct pl__order order, replay_order;
    float *base_hidden; /* of all learnt ids of the replay */
    size_t *hidden_at;  /* [replay] where an example's begin */
};

int pl__trainer_identity(struct pl_trainer *t, const struct pl_adapter *from);

#endif
