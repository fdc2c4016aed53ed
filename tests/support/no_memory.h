/* no_memory.h - lets the n-th allocation of a piece of code fail, and sees what it does not give back. For
 * programs that are linked with --wrap of malloc, calloc, realloc, strdup and free (tests/CMakeLists.txt):
 * allocations inside of shared libraries are not counted. One thread. */
#ifndef PL_TESTS_NO_MEMORY_H
#define PL_TESTS_NO_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* From here on allocations are counted; the N-th returns NULL (0: none). */
void pl_test_memory_begin(uint32_t n);
/* Until here. *FAILED: the N-th came. How many blocks were allocated in between and are not freed. */
uint32_t pl_test_memory_end(bool *failed);

#endif
