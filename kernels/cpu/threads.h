/* threads.h - the workers of a CPU device.
 *
 * A pool of N threads is the caller and N-1 workers. pl__pool_run gives a job to all of them and returns when
 * all are done. Waiting spins for about as long as a short op takes and then sleeps on a futex: a futex alone
 * would cost a quarter of a decode step. One thread at a time may call pl__pool_run. */
#ifndef PL_KERNELS_CPU_THREADS_H
#define PL_KERNELS_CPU_THREADS_H

#include <stdatomic.h>
#include <stdint.h>
#include "schemas/err.h"

struct pl__pool;

/* CPUs that this process may run on, at least 1. */
uint32_t pl__usable_cpus(void);

/* THREADS >= 1. *OUT is given. -PL_E_NO_MEMORY, -PL_E_UNAVAILABLE when the system refuses a thread. */
int pl__pool_create(uint32_t threads, struct pl__pool **out, struct pl_err *err);
/* Waits for the workers to end. NULL-safe, nulls. */
void pl__pool_destroy(struct pl__pool **pool);
uint32_t pl__pool_threads(const struct pl__pool *pool);
/* Runs FN(arg, t) for t = 0..threads-1, t = 0 on the caller's thread. */
void pl__pool_run(struct pl__pool *pool, void (*fn)(void *arg, uint32_t thread), void *arg);

/* Subnormals are flushed and read as zero in the calling thread from now on (X32, rule 11). Every op of the
 * CPU table calls it first; a thread that computes with other functions of kernels/ calls it when it starts.
 */
void pl__flush_subnormals(void);

/* Shares items 0..n-1 out in chunks to whoever is free: for (begin; next(&...); ). */
struct pl__share {
    _Atomic uint32_t next;
    uint32_t n, chunk;
};
void pl__share_init(struct pl__share *s, uint32_t n, uint32_t chunk);
/* Claims [*from, *to); 0 when nothing is left. */
int pl__share_next(struct pl__share *s, uint32_t *from, uint32_t *to);

#endif
