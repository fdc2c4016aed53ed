/* Half precision in integers: every half, and the floats around every rounding border, like the F16C
 * instructions. */
#include <math.h>
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/f16.h"
#include "tests/support/support.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static double meaning(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return h & 0x8000 ? -v : v;
}

START_TEST(every_half_widens_exactly_and_comes_back)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float f = pl__f16_to_f32((uint16_t)h);
        if (!pl__f16_finite((uint16_t)h)) {
            ck_assert((h & 0x3ff) ? isnan(f) : isinf(f));
            continue;
        }
        ck_assert((double)f == meaning((uint16_t)h));
        ck_assert_uint_eq(pl__f32_to_f16(f), h);
    }
}
END_TEST

START_TEST(halfway_floats_go_to_even)
{
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float a = pl__f16_to_f32((uint16_t)h), b = pl__f16_to_f32((uint16_t)(h + 1)), middle = (a + b) / 2;
        ck_assert_uint_eq(pl__f32_to_f16(middle), h & 1 ? h + 1 : h);
        ck_assert_uint_eq(pl__f32_to_f16(nextafterf(middle, a)), h);
        ck_assert_uint_eq(pl__f32_to_f16(nextafterf(middle, b)), h + 1);
    }
}
END_TEST

START_TEST(large_floats_saturate_and_nan_stays)
{
    static const float big[] = {65504, 65519, 65520, 65536, 1e9f, 3e38f, INFINITY};
    for (unsigned i = 0; i < sizeof big / sizeof *big; i++) {
        ck_assert_uint_eq(pl__f32_to_f16(big[i]), 0x7bff);
        ck_assert_uint_eq(pl__f32_to_f16(-big[i]), 0xfbff);
    }
    ck_assert(isnan(pl__f16_to_f32(pl__f32_to_f16(NAN))));
    ck_assert_uint_eq(pl__f32_to_f16(-0.0f), 0x8000);
    ck_assert_uint_eq(pl__f32_to_f16(1e-41f), 0);
}
END_TEST

/* Bits of floats: near all borders of a half, or any. */
static float sample(uint64_t *seed)
{
    uint64_t r = pl_test_random(seed);
    if (r & 1) return pl__f32_from_bits((uint32_t)(r >> 32));
    uint32_t bits = pl__f32_bits(pl__f16_to_f32((uint16_t)(r >> 48)));
    return pl__f32_from_bits(bits + (uint32_t)(r >> 8 & 0x3fff) - 0x2000);
}

START_TEST(stores_of_every_instruction_set_are_the_softwares)
{
    static const struct {
        enum pl_isa isa;
        const struct pl__lane_ops *ops;
    } paths[] = {
        {PL_ISA_PORTABLE, &pl__lane_ops_portable},
#if defined(__x86_64__)
        {PL_ISA_AVX2, &pl__lane_ops_avx2},
        {PL_ISA_AVX512, &pl__lane_ops_avx512}
#endif
    };
    enum { N = 35 };
    for (unsigned p = 0; p < sizeof paths / sizeof *paths; p++) {
        if (!pl_isa_available(paths[p].isa)) {
            pl_test_skip(pl_isa_name(paths[p].isa), "this processor does not have it");
            continue;
        }
        uint64_t seed = pl_test_seed(3);
        for (int i = 0; i < 20000; i++) {
            float x[N];
            uint16_t out[N];
            for (int k = 0; k < N; k++) x[k] = sample(&seed);
            if (i % 2) pl__flush_subnormals(); /* with and without it: conversions do not look at the flags */
            paths[p].ops->store_f16(out, x, N);
            for (int k = 0; k < N; k++)
                ck_assert_msg(out[k] == pl__f32_to_f16(x[k]), "%s: %a gives %04x, not %04x",
                              pl_isa_name(paths[p].isa), (double)x[k], out[k], pl__f32_to_f16(x[k]));
        }
    }
}
END_TEST

#if defined(__x86_64__)
__attribute__((target("f16c"))) static void compare_with_f16c(void)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float hard = _cvtsh_ss((unsigned short)h);
        ck_assert_uint_eq(pl__f32_bits(hard), pl__f32_bits(pl__f16_to_f32((uint16_t)h)));
    }
}
#endif

START_TEST(every_half_widens_like_f16c)
{
#if defined(__x86_64__)
    if (pl_isa_available(PL_ISA_AVX2)) {
        compare_with_f16c();
        return;
    }
#endif
    pl_test_skip("f16c", "this processor does not have it");
}
END_TEST

static Suite *f16_suite(void)
{
    Suite *s = suite_create("f16");
    TCase *tc = tcase_create("f16");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, every_half_widens_exactly_and_comes_back);
    PL_TEST(tc, halfway_floats_go_to_even);
    PL_TEST(tc, large_floats_saturate_and_nan_stays);
    PL_TEST(tc, stores_of_every_instruction_set_are_the_softwares);
    PL_TEST(tc, every_half_widens_like_f16c);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(f16_suite)
