/* Our own functions against the C library's in more precision, and one value against sixteen lanes. */
#include <math.h>
#include <string.h>
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/f16.h"
#include "kernels/cpu/math.h"
#include "tests/support/support.h"

static double unit(uint64_t *seed)
{
    return (double)(pl_test_random(seed) >> 11) * 0x1p-53;
}

START_TEST(exp_is_within_one_ulp)
{
    double worst = 0;
    for (double x = -87.329; x < 88.72; x += 0.00037) {
        float in = (float)x, got = pl__exp(in);
        double want = exp((double)in), ulp = (double)(nextafterf((float)want, INFINITY) - (float)want);
        worst = fmax(worst, fabs((double)got - want) / ulp);
    }
    ck_assert_msg(worst < 1.0, "%g ulp", worst);
}
END_TEST

START_TEST(exp_has_written_ends)
{
    ck_assert(pl__exp(0.0f) == 1 && pl__exp(-0.0f) == 1);
    ck_assert(pl__exp(-87.34f) == 0 && pl__exp(-1e30f) == 0 && pl__exp(-INFINITY) == 0);
    ck_assert(isinf(pl__exp(88.73f)) && isinf(pl__exp(200.0f)) && isinf(pl__exp(INFINITY)));
    ck_assert(isnan(pl__exp(NAN)) && pl__exp(-87.3f) >= 0x1p-126f);
}
END_TEST

static void compare_lanes(enum pl_isa isa, const struct pl__lane_ops *ops)
{
    if (!pl_isa_available(isa)) {
        pl_test_skip(pl_isa_name(isa), "this processor does not have it");
        return;
    }
    static const float ends[16] = {0,      -0.0f, 88.7f,    88.73f,    89,     89.1f, -87.33f, -87.34f,
                                   -1e30f, 1e30f, INFINITY, -INFINITY, 1e-40f, 1,     -1,      3e-5f};
    uint64_t seed = pl_test_seed(5);
    for (int i = 0; i < 50000; i++) {
        float x[16], y[16];
        for (int k = 0; k < 16; k++) x[k] = i ? (float)(unit(&seed) * 180 - 90) : ends[k];
        ops->exp(x, y);
        for (int k = 0; k < 16; k++) ck_assert_uint_eq(pl__f32_bits(y[k]), pl__f32_bits(pl__exp(x[k])));
    }
    float nan[16] = {NAN};
    ops->exp(nan, nan);
    ck_assert(isnan(nan[0]) && nan[1] == 1);
}

START_TEST(exp_of_lanes_is_exp_of_one_value)
{
    compare_lanes(PL_ISA_PORTABLE, &pl__lane_ops_portable);
#if defined(__x86_64__)
    compare_lanes(PL_ISA_AVX2, &pl__lane_ops_avx2);
    compare_lanes(PL_ISA_AVX512, &pl__lane_ops_avx512);
#endif
}
END_TEST

START_TEST(sine_and_cosine_hold_for_a_million_positions)
{
    uint64_t seed = pl_test_seed(17);
    for (int i = 0; i < 400000; i++) {
        double angle = (unit(&seed) * 2 - 1) * ldexp(1, (int)(pl_test_random(&seed) % 22)), s, c;
        if (i % 4 == 0) angle = round(angle); /* whole positions */
        pl__sincos64(angle, &s, &c);
        ck_assert_msg(fabs(s - sin(angle)) < 1e-15 && fabs(c - cos(angle)) < 1e-15, "at %.17g", angle);
    }
    double s, c;
    pl__sincos64(0, &s, &c);
    ck_assert(s == 0 && c == 1);
}
END_TEST

START_TEST(float64_exp_log_and_pow_are_close)
{
    uint64_t seed = pl_test_seed(19);
    for (int i = 0; i < 200000; i++) {
        double x = (unit(&seed) * 2 - 1) * 600, y = exp((unit(&seed) * 2 - 1) * 40), p = -unit(&seed);
        ck_assert_double_lt(fabs(pl__exp64(x) / exp(x) - 1), 1e-15);
        ck_assert_double_lt(fabs(pl__log64(y) - log(y)), 4e-16 * fmax(1, fabs(log(y))));
        ck_assert_double_lt(fabs(pl__pow64(1e6, p) / pow(1e6, p) - 1), 1e-14);
    }
    ck_assert(pl__log64(1) == 0 && isinf(pl__log64(0)) && isnan(pl__log64(-1)) && pl__exp64(0) == 1);
    ck_assert(pl__exp64(-1000) == 0 && isinf(pl__exp64(1000)) && isnan(pl__exp64(NAN)));
}
END_TEST

static Suite *math_suite(void)
{
    Suite *s = suite_create("math");
    TCase *tc = tcase_create("math");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, exp_is_within_one_ulp);
    PL_TEST(tc, exp_has_written_ends);
    PL_TEST(tc, exp_of_lanes_is_exp_of_one_value);
    PL_TEST(tc, sine_and_cosine_hold_for_a_million_positions);
    PL_TEST(tc, float64_exp_log_and_pow_are_close);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(math_suite)
