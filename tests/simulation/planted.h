/* planted.h - whether each planted bug (runtime/plant.h) is found, and by the rule that it breaks.
 * Of the program simulate_planted only. */
#ifndef PL_TESTS_SIM_PLANTED_H
#define PL_TESTS_SIM_PLANTED_H

#include <stdint.h>

/* Runs seeds from 1 on until the bug NAME ("all": each of them) breaks a rule; prints how many it took. 0
 * when each was found by its rule within SEEDS, else 1; 2: there is no such bug. */
int planted(const char *name, uint64_t seeds);

#endif
