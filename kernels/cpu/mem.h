/* mem.h - large zeroed memory, 64-byte aligned, on huge pages where the system gives them (a fifth more
 * bandwidth in decode). Any thread. */
#ifndef PL_KERNELS_CPU_MEM_H
#define PL_KERNELS_CPU_MEM_H

#include <stdint.h>

/* Zeroed; NULL when out of memory or absurd. Given; freed with pl__mem_free, which takes NULL. */
void *pl__mem_alloc(uint64_t bytes);
void pl__mem_free(void *p);

#endif
