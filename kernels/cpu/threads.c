/* A job is published by raising `epoch`; `left` counts the workers that have not finished it. A sleeper
 * announces itself in `sleepers` before it looks at the epoch again, and the publisher raises the epoch
 * before it looks at `sleepers` (both sequentially consistent), so one of the two always sees the other and
 * no wake-up is lost. */
#include "kernels/cpu/threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

enum { SPINS = 2000 };

struct worker {
    struct pl__pool *pool;
    pthread_t id;
    uint32_t number;
};

struct pl__pool {
    _Atomic uint32_t epoch, left, sleepers, caller_sleeps;
    bool stop;
    void (*fn)(void *arg, uint32_t thread);
    void *arg;
    uint32_t threads, started;
    struct worker workers[];
};

uint32_t pl__usable_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (uint32_t)n : 1;
}

void pl__flush_subnormals(void)
{
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* flush to zero, denormals are zero */
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (1u << 24)));
#endif
}

static void relax(void)
{
#if defined(__SSE__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *at, uint32_t value)
{
    syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *at)
{
    syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static uint32_t wait_for_job(struct pl__pool *p, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t now = atomic_load_explicit(&p->epoch, memory_order_acquire);
        if (now != seen) return now;
        relax();
    }
    atomic_fetch_add(&p->sleepers, 1);
    uint32_t now;
    while ((now = atomic_load(&p->epoch)) == seen) futex_wait(&p->epoch, seen);
    atomic_fetch_sub(&p->sleepers, 1);
    return now;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pl__pool *p = w->pool;
    pl__flush_subnormals();
    for (uint32_t seen = 0;;) {
        seen = wait_for_job(p, seen);
        if (p->stop) return NULL;
        p->fn(p->arg, w->number);
        if (atomic_fetch_sub(&p->left, 1) == 1 && atomic_load(&p->caller_sleeps)) futex_wake(&p->left);
    }
}

static void publish(struct pl__pool *p)
{
    atomic_fetch_add(&p->epoch, 1);
    if (atomic_load(&p->sleepers)) futex_wake(&p->epoch);
}

static void wait_for_workers(struct pl__pool *p)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->left, memory_order_acquire) == 0) return;
        relax();
    }
    atomic_store(&p->caller_sleeps, 1);
    uint32_t left;
    while ((left = atomic_load(&p->left)) != 0) futex_wait(&p->left, left);
    atomic_store(&p->caller_sleeps, 0);
}

void pl__pool_run(struct pl__pool *p, void (*fn)(void *arg, uint32_t thread), void *arg)
{
    pl__flush_subnormals();
    if (p->threads > 1) {
        p->fn = fn;
        p->arg = arg;
        atomic_store(&p->left, p->threads - 1);
        publish(p);
    }
    fn(arg, 0);
    if (p->threads > 1) wait_for_workers(p);
}

int pl__pool_create(uint32_t threads, struct pl__pool **out, struct pl_err *err)
{
    struct pl__pool *p = calloc(1, sizeof *p + threads * sizeof(struct worker));
    if (!p) return pl_fail(err, PL_E_NO_MEMORY, "threads", "no memory for %u workers", threads);
    p->threads = threads;
    for (uint32_t i = 1; i < threads; i++) {
        struct worker *w = &p->workers[i];
        *w = (struct worker){.pool = p, .number = i};
        if (pthread_create(&w->id, NULL, worker_main, w) != 0) {
            pl__pool_destroy(&p);
            return pl_fail(err, PL_E_UNAVAILABLE, "threads", "the system refused worker %u of %u", i,
                           threads);
        }
        p->started = i;
    }
    *out = p;
    return 0;
}

void pl__pool_destroy(struct pl__pool **pool)
{
    struct pl__pool *p = *pool;
    if (!p) return;
    p->stop = true;
    publish(p);
    for (uint32_t i = 1; i <= p->started; i++) pthread_join(p->workers[i].id, NULL);
    free(p);
    *pool = NULL;
}

uint32_t pl__pool_threads(const struct pl__pool *p)
{
    return p->threads;
}

void pl__share_init(struct pl__share *s, uint32_t n, uint32_t chunk)
{
    atomic_init(&s->next, 0);
    s->n = n;
    s->chunk = chunk ? chunk : 1;
}

int pl__share_next(struct pl__share *s, uint32_t *from, uint32_t *to)
{
    uint32_t at = atomic_fetch_add_explicit(&s->next, s->chunk, memory_order_relaxed);
    if (at >= s->n) return 0;
    *from = at;
    *to = s->n - at < s->chunk ? s->n : at + s->chunk;
    return 1;
}
