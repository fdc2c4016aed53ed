/* loss.h - the head of a net: log-probabilities of the wanted ids, and gradients of losses over them.
 *
 * Every loss of training is a sum over target rows of a function of log p(id), so its gradient in the logits
 * z is c * (onehot(id) - softmax(z)) with one number c a row: -1/T for supervised text, and what the formulas
 * of loss.c give for pairs and ratings. Rows without a target never reach the head, and at most 128 rows of
 * logits exist at once (V = 151,936 would need 0.6 GB for 1,024).
 *
 * After pl__net_forward: pl__loss_begin, any number of the backs, then pl__net_back. */
#ifndef PL_KERNELS_TRAIN_LOSS_H
#define PL_KERNELS_TRAIN_LOSS_H

#include "kernels/train/net.h"

struct pl__target {
    uint32_t row, id; /* ID follows the text up to and with ROW */
    float c;
};

/* DX = 0. */
void pl__loss_begin(struct pl__net *n);
/* LOGP [count] = log p(id) of each. */
void pl__loss_logprobs(struct pl__net *n, const struct pl__target *t, uint32_t count, float *logp);
/* DX += the gradient of sum c * log p; with a full net also the head's own. LOGP as above, may be NULL. Gives
 * the sum. */
double pl__loss_back(struct pl__net *n, const struct pl__target *t, uint32_t count, float *logp);
/* HIDDEN [count, D] = the normed rows that go into the head: what a teacher's answer needs to be remembered
 * by. */
void pl__loss_hidden(struct pl__net *n, const uint32_t *rows, uint32_t count, float *hidden);
/* DX += the gradient of c * sum over ROWS of KL(teacher || net), the teacher being the net's frozen head over
 * HIDDEN [count, D]. Gives the sum of KL in nats. */
double pl__loss_kl_back(struct pl__net *n, const uint32_t *rows, uint32_t count, const float *hidden,
                        float c);

/* Coefficients of preferences, for log-probabilities L of an answer and R of the same under the reference.
 * DPO (Rafailov et al., arXiv 2305.18290): value and the c of the chosen answer; the rejected one's is its
 * negative. */
double pl__loss_dpo(double l_chosen, double r_chosen, double l_rejected, double r_rejected, double beta,
                    double *c);
/* KTO (Ethayarajh et al., arXiv 2402.01306): value weight*(1 - v) with v = sigmoid(+-beta (l - r - k)). */
double pl__loss_kto(double l, double r, double k, bool good, double beta, double weight, double *c);

#endif
