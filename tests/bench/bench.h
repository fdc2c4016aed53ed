/* bench.h - what the benchmarks share: one clock. Each prints one JSON object on one line. */
#ifndef PL_TESTS_BENCH_H
#define PL_TESTS_BENCH_H

#include <stdint.h>
#include <time.h>

static inline uint64_t bench_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
