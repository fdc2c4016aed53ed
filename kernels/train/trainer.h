/* trainer.h - a run of training: batches in an order that the seed decides, AdamW, checkpoints.
 *
 * A step takes BATCH examples (and as many of the replay, whose loss is the divergence from the base on
 * them), packs them as segments into batches of at most MAX_ROWS ids, and moves the values once. The mean is
 * over the learnt ids of the whole step, never of a part of it. Everything random is a function of (seed,
 * step): a run that is stopped and goes on from a checkpoint ends with the same bits. Nothing here reads a
 * clock, prints or exits; one thread calls. */
#ifndef PL_KERNELS_TRAIN_TRAINER_H
#define PL_KERNELS_TRAIN_TRAINER_H

#include "kernels/adapter.h"
#include "kernels/train/dataset.h"

struct pl_train_opts {
    uint32_t threads;  /* 0: the CPUs that this process may use */
    uint32_t max_rows; /* ids in memory at once; 0: 1024, or the longest example */
    bool recompute;    /* keep less for the way back and compute it twice */

    uint32_t rank, modules; /* MODULES: bits of enum pl_module */
    float alpha, dropout;
    bool rslora;

    uint32_t steps, batch, warmup; /* WARMUP: steps until lr is reached; then it falls as a cosine to 0 */
    float lr, decay, clip;         /* CLIP: greatest norm of the gradient; 0: none */
    float replay_weight;
    uint64_t seed;
};
/* What research on small corrections found to learn without forgetting: rank 16, alpha 32, all modules, 2e-4,
 * 8 a step, warm-up 5, clip 1, no decay, no dropout, replay 1. Steps are the caller's. */
extern const struct pl_train_opts pl_train_defaults;

struct pl_train_stats {
    uint32_t step, steps; /* done, of */
    double loss;          /* mean -log p of the learnt ids, in nats */
    double divergence;    /* mean KL on the replay, in nats an id */
    double gradient_norm, lr;
    uint64_t ids; /* that went through in this step */
    bool skipped; /* the gradient was not finite: nothing was moved */
};

struct pl_trainer;
/* MODEL, DATA and REPLAY (NULL: none) are lent for the trainer's life. FROM (NULL: fresh): the adapter to go
 * on from, whose shape overrides that of O. *OUT is given. -PL_E_INVALID names the option, -PL_E_NO_MEMORY.
 * With a replay it runs the base over it once. */
int pl_trainer_create(const struct pl_model *model, const struct pl_train_opts *o,
                      const struct pl_dataset *data, const struct pl_dataset *replay,
                      const struct pl_adapter *from, struct pl_trainer **out, struct pl_err *err);
void pl_trainer_destroy(struct pl_trainer **t);
/* One step. -PL_E_NUMERIC_ERROR after three steps in a row whose gradient was not finite. */
int pl_trainer_step(struct pl_trainer *t, struct pl_train_stats *out, struct pl_err *err);
bool pl_trainer_done(const struct pl_trainer *t);
uint32_t pl_trainer_steps_done(const struct pl_trainer *t);
/* Mean -log p of the learnt ids of D, nothing moved. */
int pl_trainer_evaluate(struct pl_trainer *t, const struct pl_dataset *d, double *loss, struct pl_err *err);

/* Whole or not there. A checkpoint of another model, dataset or set of options is refused: -PL_E_CONFLICT. */
int pl_trainer_save(const struct pl_trainer *t, const char *path, struct pl_err *err);
int pl_trainer_load(struct pl_trainer *t, const char *path, struct pl_err *err);
/* A copy of the pairs as they are. *OUT is given. */
int pl_trainer_adapter(const struct pl_trainer *t, struct pl_adapter **out, struct pl_err *err);

#endif
