#include "runtime/supervisor.h"

#include "tests/support/support.h"

static struct pl__supervisor made(enum pl_restart_kind kind, uint32_t max, uint32_t within, uint32_t backoff,
                                  uint32_t backoff_max)
{
    struct pl__supervisor s;
    struct pl_restart_policy p = {kind, max, within, backoff, backoff_max};
    ck_assert_int_eq(pl__supervisor_init(&s, &p, NULL), 0);
    return s;
}

START_TEST(more_failures_than_the_intensity_give_up)
{
    struct pl__supervisor s = made(PL_RESTART_ALWAYS, 3, 1000, 10, 100);
    uint64_t delay;
    for (uint64_t i = 0; i < 3; i++)
        ck_assert_int_eq(pl__supervisor_failed(&s, i * 100, 0, &delay), PL__RESTART);
    ck_assert_int_eq(pl__supervisor_failed(&s, 999, 0, &delay), PL__GIVE_UP);
    ck_assert_uint_eq(s.restarts, 3);
    pl__supervisor_finish(&s);
}
END_TEST

START_TEST(old_failures_are_forgotten)
{
    struct pl__supervisor s = made(PL_RESTART_ALWAYS, 3, 1000, 10, 100);
    uint64_t delay;
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_int_eq(pl__supervisor_failed(&s, i * 334, 0, &delay), PL__RESTART);
    pl__supervisor_finish(&s);
}
END_TEST

START_TEST(without_a_window_there_is_no_limit)
{
    struct pl__supervisor s = made(PL_RESTART_ALWAYS, 0, 0, 1, 1);
    uint64_t delay;
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(pl__supervisor_failed(&s, 5, 0, &delay), PL__RESTART);
    pl__supervisor_finish(&s);
}
END_TEST

START_TEST(never_means_never)
{
    struct pl__supervisor s = made(PL_RESTART_NEVER, 10, 1000, 10, 100);
    uint64_t delay;
    ck_assert_int_eq(pl__supervisor_failed(&s, 0, 0, &delay), PL__STAY_DOWN);
    ck_assert_uint_eq(s.restarts, 0);
    pl__supervisor_finish(&s);
}
END_TEST

START_TEST(backoff_doubles_up_to_its_limit_and_starts_anew_after_a_calm)
{
    struct pl__supervisor s = made(PL_RESTART_ALWAYS, 100, 10000, 10, 100);
    static const uint64_t expected[] = {10, 20, 40, 80, 100, 100};
    uint64_t delay;
    for (uint64_t i = 0; i < 6; i++) {
        pl__supervisor_failed(&s, i, 0, &delay);
        ck_assert_uint_eq(delay, expected[i]);
    }
    pl__supervisor_failed(&s, 20000, 0, &delay);
    ck_assert_uint_eq(delay, 10);
    pl__supervisor_finish(&s);
}
END_TEST

START_TEST(jitter_takes_away_at_most_half)
{
    struct pl__supervisor s = made(PL_RESTART_ALWAYS, 4000, 1000, 64, 64);
    uint64_t state = pl_test_seed(3), least = UINT64_MAX, most = 0, delay;
    for (int i = 0; i < 3000; i++) {
        pl__supervisor_failed(&s, 0, pl_test_random(&state), &delay);
        if (delay < least) least = delay;
        if (delay > most) most = delay;
    }
    ck_assert_uint_eq(least, 32);
    ck_assert_uint_eq(most, 64);
    pl__supervisor_finish(&s);
}
END_TEST

START_TEST(zeroed_policy_is_the_default_one)
{
    struct pl__supervisor s = made(PL_RESTART_ALWAYS, 0, 0, 0, 0);
    uint64_t delay;
    for (int i = 0; i < 10; i++) ck_assert_int_eq(pl__supervisor_failed(&s, 0, 0, &delay), PL__RESTART);
    ck_assert_int_eq(pl__supervisor_failed(&s, 0, 0, &delay), PL__GIVE_UP);
    pl__supervisor_finish(&s);
    struct pl_restart_policy p = {PL_RESTART_ALWAYS, 5000, 1, 1, 1};
    ck_assert_int_eq(pl__supervisor_init(&s, &p, NULL), -PL_E_INVALID);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/supervisor");
    TCase *tc = tcase_create("supervisor");
    PL_TEST(tc, more_failures_than_the_intensity_give_up);
    PL_TEST(tc, old_failures_are_forgotten);
    PL_TEST(tc, without_a_window_there_is_no_limit);
    PL_TEST(tc, never_means_never);
    PL_TEST(tc, backoff_doubles_up_to_its_limit_and_starts_anew_after_a_calm);
    PL_TEST(tc, jitter_takes_away_at_most_half);
    PL_TEST(tc, zeroed_policy_is_the_default_one);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
