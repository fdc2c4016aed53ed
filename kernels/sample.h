/* sample.h - from logits to one token id.
 *
 * Pure functions: same logits, history and parameters give the same id on every machine (numeric scheme X32, rule 14:
 * ties go to the lower id, sums in one written order, the draw is a counter of (seed, position)).
 * Order: repetition penalty, presence and frequency penalties, then greedy when temperature is 0; else temperature,
 * top_k, min_p, top_p over the sorted candidates, softmax, draw. */
#ifndef PL_KERNELS_SAMPLE_H
#define PL_KERNELS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct pl_sampling {
    float temperature;        /* 0 = greedy; 0..2 */
    float top_p;              /* (0,1]; 1 = off */
    float min_p;              /* [0,1); 0 = off: drop below min_p * the best probability */
    float repetition_penalty; /* > 0; 1 = off; over prompt and answer (CTRL, arXiv 1909.05858) */
    float presence_penalty;   /* -2..2; over the answer only (OpenAI) */
    float frequency_penalty;  /* -2..2; over the answer only */
    uint32_t top_k;           /* 0 = off */
    uint64_t seed;
};
#define PL_SAMPLING_DEFAULT {.temperature = 0.7f, .top_p = 0.9f, .repetition_penalty = 1.0f}

/* LOGITS: [n_vocab], changed in place by the penalties. IDS: the N_IDS ids so far, of which the first N_PROMPT are the
 * prompt. POSITION: index in the sequence of the id to be drawn (n_ids). SCRATCH: at least
 * pl_sample_scratch_bytes(n_vocab), aligned for float. Returns the id, or -1 when a logit is not finite. */
int64_t pl_sample(float *logits, uint32_t n_vocab, const struct pl_sampling *s, const uint32_t *ids, size_t n_ids,
                  size_t n_prompt, uint64_t position, void *scratch);
size_t pl_sample_scratch_bytes(uint32_t n_vocab);

/* Uniform in [0,1) with 24 bits from a counter of (seed, position); the same on every machine. */
float pl_sample_uniform(uint64_t seed, uint64_t position);

#endif
