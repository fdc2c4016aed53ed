/* memory.h - the allocator of the simulation, made of malloc by the linker (--wrap): one chosen allocation of
 * a node's code fails, and what is allocated and not freed again is counted. Libraries of the system keep
 * their own malloc, which does not fail: jansson does not say that what it read was fine and only memory
 * lacked. One thread. */
#ifndef PL_TESTS_SIM_MEMORY_H
#define PL_TESTS_SIM_MEMORY_H

#include "runtime/sim.h"

extern struct pl_sim_memory memory_fault;
/* Blocks that the program's own objects hold now. */
int64_t memory_blocks(void);
/* For jansson: counted, since the program frees what it gives. */
void *memory_sound(size_t bytes);

#endif
