/* shrink.h - from a run that broke a rule to the fewest faults that still break one. */
#ifndef PL_TESTS_SIM_SHRINK_H
#define PL_TESTS_SIM_SHRINK_H

#include "tests/simulation/run.h"

/* FAILED is the outcome of O. Prints the faults that remain and the command that repeats the run with them.
 * First the shortest part of the list from its beginning, then each fault is left out in turn; at most 30 s
 * or 200 runs. */
void shrink(const struct run_opts *o, const struct outcome *failed);

#endif
