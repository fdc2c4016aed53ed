/* run.h - one run: a world, its clients, the faults, the quiet after them, the verdict. */
#ifndef PL_TESTS_SIM_RUN_H
#define PL_TESTS_SIM_RUN_H

#include "tests/simulation/world.h"

struct run_opts {
    struct profile profile;
    bool log, verbose;
    bool hasty;      /* ends with the first rule that is broken */
    bool only_these; /* else all faults may happen */
    const uint32_t *only;
    uint32_t only_count;
};
struct outcome {
    uint64_t trace, events, faults[PL_FAULT_COUNT], forgotten, torn, sent, errors, calls, virtual_ms;
    uint64_t broken;
    char rule[24], text[320];
    struct pl_sim_fault *list; /* given, malloc'd: what happened */
    uint32_t list_count;
};
/* 0; 1 when the run could not begin, which it says. */
int run_seed(const struct run_opts *o, struct outcome *out);
void outcome_finish(struct outcome *o);

#endif
