/* nearest.h - how far apart two names are, to tell who mistyped one what was meant. */
#ifndef PL_RUNTIME_NEAREST_H
#define PL_RUNTIME_NEAREST_H

#include <stddef.h>

/* Levenshtein's distance of A and the N bytes at B, with `.` and `-` the same; names of more than 64 bytes are
 * UINT_MAX from all. */
unsigned pl_name_distance(const char *a, const char *b, size_t n);
/* How many changes are still a slip of the fingers in a name of N bytes. */
unsigned pl_name_slips(size_t n);

#endif
