/* net.h - a model under training: forward with what the way back needs kept, and the way back.
 *
 * The base is a pl_model as serving opens it, frozen, its weights dequantised as they are used; what is
 * trained are the low-rank pairs of the chosen modules (Hu et al., arXiv 2106.09685: y = W x + s B A
 * dropout(x), s = alpha/rank, with rsLoRA alpha/sqrt(rank)), or, for a net made in full, every weight in
 * float32. Trained values lie in one vector PARAMS with their gradients in GRADS beside it.
 *
 * A batch is T rows in segments: each segment is a text of its own with positions from 0, and attends to
 * itself only. Letters as in engine.h. Activations of a batch stand until the next forward. One thread calls;
 * workers inside. */
#ifndef PL_KERNELS_TRAIN_NET_H
#define PL_KERNELS_TRAIN_NET_H

#include "kernels/adapter.h"
#include "kernels/model.h"
#include "kernels/train/gemm.h"

struct pl__net_opts {
    uint32_t threads, max_rows;
    bool full;              /* every weight; the rest of the options is for pairs */
    uint32_t rank, modules; /* MODULES: bits of enum pl_module */
    float alpha, dropout;
    bool rslora;
    uint64_t seed;  /* of the first values of A, and of dropout */
    bool recompute; /* keep only each layer's input, and run the layer again on the way back */
};

/* A module of any layer: OUT x IN, whose outputs are columns [AT, AT+OUT) of its site. A [rank, in] lies at
 * PARAMS + layer * layer_params + A, B [out, rank] likewise. */
struct pl__module {
    enum pl_site site;
    uint32_t out, in, at;
    size_t a, b;
    bool on;
};

struct pl__rows {
    uint32_t n_rows, n_segments;
    const uint32_t *ids;     /* [n_rows] */
    const uint32_t *segment; /* [n_segments + 1] first row of each */
};

/* Where the weights of a net made in full lie in PARAMS: of layer l at l * layer_params + the field. */
struct pl__full {
    size_t attn_norm, ffn_norm, bias, sites[PL_N_SITES];
    size_t embed, norm, head; /* of the whole; HEAD equals EMBED when the output is tied */
};

/* What a layer keeps for the way back. */
struct pl__kept {
    float *x;       /* [T, D] its input */
    float *qkv;     /* [T, (H+2G)E] turned */
    float *att;     /* [T, HE] */
    float *lse;     /* [T, H] log of the sum of e^score */
    float *mid;     /* [T, D] after attention */
    float *gate_up; /* [T, 2F] */
    float *low;     /* [modules][T, rank] s * (x A^T) */
};

struct pl__net {
    const struct pl_model *m;
    const struct pl__lane_ops *lane;
    struct pl__gemm gemm;
    struct pl__net_opts opts;
    float scale;
    struct pl__module modules[PL_N_MODULES];
    size_t layer_params, n_params;
    float *params, *grads;
    struct pl__full at;                         /* in PARAMS, of a net made in full */
    struct pl__kept *kept;                      /* [L], or one for all when recomputed, with X of their own */
    float *last;                                /* [T, D] after the last layer */
    float *dx;                                  /* [T, D] */
    float *dmid;                                /* [T, D] scratch */
    float *wide, *grad, *other;                 /* [T, widest of all] scratch */
    float *low;                                 /* [T, rank] scratch */
    struct pl__scratch *scores;                 /* [threads] of attention */
    struct pl__scratch logits, hidden, teacher; /* of a chunk of rows of the head (loss.h) */
    float *angles;                              /* [T, dims] */
    double *freq;                               /* [dims/2] */
    struct pl__rows rows; /* of the last forward; lent by the caller until the way back is over */
    uint64_t drop_key;    /* of this forward; 0: no dropout */
    void *memory;
};

int pl__net_create(const struct pl_model *m, const struct pl__net_opts *o, struct pl__net **out,
                   struct pl_err *err);
void pl__net_destroy(struct pl__net **net);

/* Fills LAST. STEP seeds dropout; TRAIN false: none. */
void pl__net_forward(struct pl__net *n, const struct pl__rows *rows, uint64_t step, bool train);
/* GRADS += gradients, given DX of LAST (see loss.h). DX is used up. */
void pl__net_back(struct pl__net *n);

/* Between the files of a net. */
void pl__net_attend(struct pl__net *n, struct pl__kept *k);
void pl__net_attend_back(struct pl__net *n, const struct pl__kept *k, const float *datt, float *dqkv);
/* The pairs of SITE in LAYER: Y += ..., and the way back: GRADS, and DX += ... unless NULL. X [T, in], DY [T,
 * out of the site]. */
void pl__net_pairs(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x, float *low,
                   float *y);
void pl__net_pairs_back(struct pl__net *n, uint32_t layer, enum pl_site site, const float *x,
                        const float *low, const float *dy, float *dx);
struct pl__weights pl__net_weights(const struct pl__net *n, uint32_t layer, enum pl_site site);
struct pl__weights pl__net_head(const struct pl__net *n);
/* [D] of the last norm, and where its gradient goes (NULL: nowhere). */
const float *pl__net_norm(const struct pl__net *n);
float *pl__net_norm_grad(struct pl__net *n);
/* Runs FN over rows [from, to) by the workers. */
void pl__net_each_row(struct pl__net *n, uint32_t rows, void (*fn)(void *arg, uint32_t row), void *arg);

#endif
