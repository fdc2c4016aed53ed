/* rules.h - what was broken: each rule has a name, and whoever breaks it says where and by which two numbers.
 */
#ifndef PL_TESTS_SIM_RULES_H
#define PL_TESTS_SIM_RULES_H

#include "runtime/sim.h"

struct rules {
    struct pl_sim *sim;
    uint64_t seed, broken; /* how often any rule was broken */
    bool verbose;          /* say each at once */
    char rule[24];         /* the first: its name, ... */
    char text[320];        /* ... and a line with seed, step, time, place and both numbers */
};
/* GOT is not what it must be against BOUND: a count, a number, a time, as the rule has it. */
void rules_broken(struct rules *r, const char *rule, uint64_t got, uint64_t bound, const char *where, ...)
    __attribute__((format(printf, 5, 6)));

#endif
