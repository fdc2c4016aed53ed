/* The worker pool: every worker runs every job once, and computes with subnormals flushed. */
#include <stdlib.h>
#include "kernels/backend.h"
#include "kernels/cpu/threads.h"
#include "tests/support/support.h"

enum { MOST = 8 };

struct counts {
    _Atomic uint32_t per_thread[MOST];
    struct pl__share share;
    uint8_t *taken;
};

static void count(void *arg, uint32_t thread)
{
    struct counts *c = arg;
    atomic_fetch_add(&c->per_thread[thread], 1);
}

START_TEST(every_worker_runs_every_job_once)
{
    for (uint32_t threads = 1; threads <= MOST; threads++) {
        struct pl__pool *p = NULL;
        struct counts c = {0};
        ck_assert_int_eq(pl__pool_create(threads, &p, NULL), 0);
        ck_assert_uint_eq(pl__pool_threads(p), threads);
        for (uint32_t i = 1; i <= 500; i++) {
            pl__pool_run(p, count, &c);
            for (uint32_t t = 0; t < MOST; t++) ck_assert_uint_eq(c.per_thread[t], t < threads ? i : 0);
        }
        pl__pool_destroy(&p);
        ck_assert_ptr_null(p);
    }
}
END_TEST

static void take(void *arg, uint32_t thread)
{
    struct counts *c = arg;
    uint32_t from, to;
    while (pl__share_next(&c->share, &from, &to))
        for (uint32_t i = from; i < to; i++) c->taken[i]++;
}

START_TEST(shared_items_are_taken_exactly_once)
{
    static const uint32_t sizes[] = {0, 1, 5, 64, 1001};
    struct pl__pool *p = NULL;
    ck_assert_int_eq(pl__pool_create(3, &p, NULL), 0);
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint32_t chunk = 0; chunk < 9; chunk++) {
            struct counts c = {.taken = calloc(sizes[s] + 1, 1)};
            pl__share_init(&c.share, sizes[s], chunk);
            pl__pool_run(p, take, &c);
            for (uint32_t i = 0; i < sizes[s]; i++) ck_assert_uint_eq(c.taken[i], 1);
            ck_assert_uint_eq(c.taken[sizes[s]], 0);
            free(c.taken);
        }
    pl__pool_destroy(&p);
}
END_TEST

static void make_subnormal(void *arg, uint32_t thread)
{
    float *out = arg;
    volatile float small = 0x1p-126f, half = 0.5f, subnormal = 1e-40f, big = 0x1p100f;
    out[2 * thread] = small * half;        /* flushed to zero */
    out[2 * thread + 1] = subnormal * big; /* read as zero */
}

START_TEST(subnormals_are_flushed_in_every_thread)
{
#if defined(__SSE__) || defined(__aarch64__)
    struct pl__pool *p = NULL;
    float out[2 * MOST];
    for (int i = 0; i < 2 * MOST; i++) out[i] = 1;
    ck_assert_int_eq(pl__pool_create(MOST, &p, NULL), 0);
    pl__pool_run(p, make_subnormal, out);
    for (int i = 0; i < 2 * MOST; i++) ck_assert(out[i] == 0);
    pl__pool_destroy(&p);
#else
    pl_test_skip("flush to zero", "no way to set it on this processor");
#endif
}
END_TEST

START_TEST(pool_that_was_never_used_ends)
{
    for (int i = 0; i < 50; i++) {
        struct pl__pool *p = NULL;
        ck_assert_int_eq(pl__pool_create(4, &p, NULL), 0);
        pl__pool_destroy(&p);
    }
    struct pl__pool *none = NULL;
    pl__pool_destroy(&none);
}
END_TEST

START_TEST(device_refuses_what_the_machine_lacks)
{
    struct pl_dev *dev = NULL;
    struct pl_err err;
    ck_assert_int_eq(pl_backend_cpu.open(PL_ISA_AUTO, 0, &dev, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "threads");
    for (int isa = PL_ISA_PORTABLE; isa <= PL_ISA_AMX; isa++) {
        ck_assert_int_eq(pl_isa_parse(pl_isa_name((enum pl_isa)isa)), isa);
        if (pl_isa_available((enum pl_isa)isa)) continue;
        ck_assert_int_eq(pl_backend_cpu.open((enum pl_isa)isa, 1, &dev, &err), -PL_E_UNSUPPORTED);
        ck_assert_ptr_null(dev);
    }
    ck_assert_int_eq(pl_isa_parse("mmx"), -1);
    ck_assert(pl_isa_available(pl_isa_best()));
}
END_TEST

static Suite *threads_suite(void)
{
    Suite *s = suite_create("threads");
    TCase *tc = tcase_create("threads");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, every_worker_runs_every_job_once);
    PL_TEST(tc, shared_items_are_taken_exactly_once);
    PL_TEST(tc, subnormals_are_flushed_in_every_thread);
    PL_TEST(tc, pool_that_was_never_used_ends);
    PL_TEST(tc, device_refuses_what_the_machine_lacks);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(threads_suite)
