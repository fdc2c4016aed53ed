/* The arithmetic of limits: bucket, day, labels, and that many tenants stay within their bound. */
#include <stdio.h>

#include "actors/tenant_limits.h"
#include "tests/support/support.h"

START_TEST(a_bucket_gives_its_burst_and_then_its_rate)
{
    struct pl_tenant_rule rule = {.rate = 4, .burst = 2};
    struct pl_bucket b = {0};
    ck_assert_uint_eq(pl_bucket_take(&b, &rule, 1000), 0);
    ck_assert_uint_eq(pl_bucket_take(&b, &rule, 1000), 0);
    ck_assert_uint_eq(pl_bucket_take(&b, &rule, 1000), 250);
    ck_assert_uint_eq(pl_bucket_take(&b, &rule, 1100), 150); /* a refusal costs nothing */
    ck_assert_uint_eq(pl_bucket_take(&b, &rule, 1250), 0);
    ck_assert_uint_eq(pl_bucket_take(&b, &rule, 1250), 250);
}
END_TEST

START_TEST(over_any_time_no_more_than_burst_and_rate_get_through)
{
    uint64_t random = pl_test_seed(7), now = 1, passed = 0;
    struct pl_tenant_rule rule = {.rate = 12.5, .burst = 20};
    struct pl_bucket b = {0};
    for (int i = 0; i < 20000; i++) {
        now += pl_test_random(&random) % 40;
        passed += pl_bucket_take(&b, &rule, now) == 0;
        ck_assert_double_le((double)passed, 20 + (double)now * 12.5 / 1000 + 1e-6);
    }
    ck_assert_double_ge((double)passed, (double)now * 12.5 / 1000 * 0.99);
}
END_TEST

START_TEST(without_a_burst_it_is_what_a_second_brings)
{
    struct pl_tenant_rule slow = {.rate = 0.5}, fast = {.rate = 3};
    struct pl_bucket b = {0}, c = {0};
    ck_assert_uint_eq(pl_bucket_take(&b, &slow, 1), 0);
    ck_assert_uint_eq(pl_bucket_take(&b, &slow, 1), 2000);
    for (int i = 0; i < 3; i++) ck_assert_uint_eq(pl_bucket_take(&c, &fast, 1), 0);
    ck_assert_uint_ne(pl_bucket_take(&c, &fast, 1), 0);
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
    struct pl_bucket b = {0};
    const struct pl_tenant_rule *rule = pl_tenant_rule(NULL, PL_STR("acme"));
    for (int i = 0; i < 1000; i++) ck_assert_uint_eq(pl_bucket_take(&b, rule, 1), 0);
    ck_assert(pl_bucket_full(&b, rule, 1));
}
END_TEST

START_TEST(a_rule_of_ones_own_goes_before_the_usual)
{
    static const struct pl_tenant_rule own[] = {{.tenant = "acme", .queue = 3}};
    const struct pl_tenant_rules rules = {.usual = {.queue = 9}, .own = own, .n_own = 1};
    ck_assert_uint_eq(pl_tenant_rule(&rules, PL_STR("acme"))->queue, 3);
    ck_assert_uint_eq(pl_tenant_rule(&rules, PL_STR("acm"))->queue, 9);
    ck_assert_uint_eq(pl_tenant_rule(&rules, PL_STR("acmee"))->queue, 9);
}
END_TEST

START_TEST(a_day_ends_at_midnight_utc)
{
    ck_assert_uint_eq(pl_day_of(0), 0);
    ck_assert_uint_eq(pl_day_of(PL_DAY_MS - 1), 0);
    ck_assert_uint_eq(pl_day_of(PL_DAY_MS), 1);
    ck_assert_uint_eq(pl_day_left_ms(PL_DAY_MS - 1), 1);
    ck_assert_uint_eq(pl_day_left_ms(PL_DAY_MS), PL_DAY_MS);
}
END_TEST

START_TEST(labels_are_quoted_and_bounded)
{
    static struct pl_tenant_labels l;
    char out[PL_TENANT_LABEL], name[PL_TENANT_NAME];
    pl_tenant_label(&l, PL_STR("a\"b\\c"), out);
    ck_assert_str_eq(out, "tenant=\"a\\\"b\\\\c\"");
    for (int i = 0; i < 2 * PL_TENANT_LABELS; i++) {
        snprintf(name, sizeof name, "t%d", i);
        pl_tenant_label(&l, pl_str_of(name), out);
        ck_assert_int_eq(strcmp(out, "tenant=\"other\"") == 0, i >= PL_TENANT_LABELS - 1);
    }
    pl_tenant_label(&l, PL_STR("t3"), out);
    ck_assert_str_eq(out, "tenant=\"t3\"");
    memset(name, '"', 64);
    name[64] = 0;
    l.count = 0;
    pl_tenant_label(&l, pl_str_of(name), out);
    ck_assert_uint_eq(strlen(out), 8 + 128 + 1);
}
END_TEST

START_TEST(idle_tenants_make_room_and_busy_ones_do_not)
{
    const struct pl_tenant_rules rules = {.usual = {.rate = 1, .burst = 1}};
    struct pl_metrics *metrics = pl_metrics_create();
    struct pl_rates r = {.rules = &rules, .metrics = metrics};
    char name[PL_TENANT_NAME];
    for (int i = 0; i < PL_TENANTS_KNOWN; i++) {
        snprintf(name, sizeof name, "t%d", i);
        ck_assert_uint_eq(pl_rates_take(&r, pl_str_of(name), 1), 0);
    }
    ck_assert_uint_ne(pl_rates_take(&r, PL_STR("more"), 1), 0); /* none of them is idle */
    ck_assert_uint_eq(pl_rates_take(&r, PL_STR("more"), 1001), 0);
    ck_assert_uint_eq(pl_map_count(&r.tenants), 1);
    pl_rates_finish(&r);
    pl_metrics_destroy(&metrics);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("tenant_limits");
    TCase *t = tcase_create("limits");
    PL_TEST(t, a_bucket_gives_its_burst_and_then_its_rate);
    PL_TEST(t, over_any_time_no_more_than_burst_and_rate_get_through);
    PL_TEST(t, without_a_burst_it_is_what_a_second_brings);
    PL_TEST(t, no_rate_is_no_limit);
    PL_TEST(t, a_rule_of_ones_own_goes_before_the_usual);
    PL_TEST(t, a_day_ends_at_midnight_utc);
    PL_TEST(t, labels_are_quoted_and_bounded);
    PL_TEST(t, idle_tenants_make_room_and_busy_ones_do_not);
    suite_add_tcase(s, t);
    return s;
}
PL_TESTS(suite)
