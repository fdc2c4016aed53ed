/* sim_model.h - the model of the simulation: a hash in place of weights, behind the executor's own messages.
 *
 * Ids are bytes (pl_vocab_create_bytes). What follows a list of ids is a function of the ids alone. An answer
 * is a few letters and the end token; when the prompt offers the calculator and holds no result yet, it is a
 * tool call. The executor keeps what was written to each KV page and refuses a step whose pages do not hold
 * what the sequence's ids say: a wrong page table, copy or reuse is found at once. */
#ifndef PL_TESTS_SIM_MODEL_H
#define PL_TESTS_SIM_MODEL_H

#include "actors/actors.h"

/* The id that follows the N ids, of which the first N_PROMPT are the prompt. */
uint32_t sim_model_next(const uint32_t *ids, size_t n, size_t n_prompt);

struct sim_executor_opts {
    uint32_t slots, pages, max_rows;
    uint64_t *incarnations; /* counts the executor's starts */
    uint64_t *wrong;        /* counts steps whose pages were wrong */
};
extern const struct pl_actor_class sim_executor_class; /* name "executor" */

#endif
