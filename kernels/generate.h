/* generate.h - one sequence on an engine from prompt to answer, for the command line and for tests.
 *
 * Uses slot 0 and the first pages of an engine that nobody else uses meanwhile. Calls block until done; one
 * thread. The daemon does not come here: its batcher makes steps of many sequences itself. */
#ifndef PL_KERNELS_GENERATE_H
#define PL_KERNELS_GENERATE_H

#include "kernels/engine.h"
#include "kernels/vocab.h"

/* One step of an answer. */
struct pl_generated {
    uint32_t index;    /* 0 for the first id after the prompt */
    uint32_t id;       /* the id that the model chose */
    uint32_t fed;      /* the id that follows in the sequence: ID, or the forced one */
    bool end;          /* FED ends an answer */
    const char *piece; /* bytes that FED adds to the text (none for control tokens), lent by the vocabulary */
    size_t piece_len;
    uint64_t logits_hash; /* when the engine makes them */
    const float *logits;  /* [V] lent for the call; NULL unless pl_engine_keep_logits */
};
/* Called for each step; anything but 0 ends the answer (stop = PL_STOP_CANCELLED). */
typedef int (*pl_generate_fn)(const struct pl_generated *g, void *arg);

enum pl_stop { PL_STOP_END, PL_STOP_LENGTH, PL_STOP_CANCELLED, PL_STOP_CONTEXT };

struct pl_generate_opts {
    struct pl_sampling sampling;
    uint32_t most;    /* most ids to generate, 1.. */
    uint32_t chunk;   /* prompt ids a step; 0: all at once. At most the engine's max_rows */
    uint32_t n_pages; /* pages that may be used: the engine's n_pages; they bound prompt + answer */
    const uint32_t
        *forced; /* teacher forcing: exactly these ids follow the prompt, MOST and ends do not count */
    uint32_t n_forced;
    const struct pl_vocab *vocab; /* NULL: nothing ends early and there is no text */
    pl_generate_fn fn;            /* called for each step, or NULL */
    void *arg;
};
struct pl_generate_result {
    struct pl_ids
        ids;    /* that were fed after the prompt, the end token included; pl_generate_result_finish frees */
    char *text; /* their pieces, NUL-terminated; any bytes */
    size_t text_len;
    enum pl_stop stop;
};

/* Runs PROMPT and then generates. RESULT is set (given) also after an error, with what was there.
 * -PL_E_CONTEXT_LENGTH_EXCEEDED when the prompt does not fit the pages, -PL_E_NUMERIC_ERROR, -PL_E_NO_MEMORY,
 * and the errors of pl_engine_open and pl_engine_step. */
int pl_generate(struct pl_engine *e, const uint32_t *prompt, uint32_t n_prompt,
                const struct pl_generate_opts *o, struct pl_generate_result *result, struct pl_err *err);
void pl_generate_result_finish(struct pl_generate_result *r);

struct pl_perplexity_opts {
    uint32_t n_vocab; /* of the engine's model */
    uint32_t n_ctx;   /* ids of a window, 2.. ; the engine has pages for them */
    uint32_t chunk;   /* ids a step, 1..max_rows: CHUNK * V logits are in memory at a time */
};
struct pl_perplexity {
    uint64_t n_scored;
    double mean_nll; /* nats a token */
    double perplexity;
};
/* Scores each of IDS but the first once, given the ids before it in its window. A text longer than n_ctx is
 * cut into windows that overlap by half, so that a scored token has at least n_ctx/2 ids before it. NLL is
 * log-sum-exp in float64. Errors as above; -PL_E_INVALID for fewer than two ids. */
int pl_perplexity(struct pl_engine *e, const uint32_t *ids, size_t n_ids, const struct pl_perplexity_opts *o,
                  struct pl_perplexity *out, struct pl_err *err);

#endif
