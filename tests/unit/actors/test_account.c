/* What a tenant holds of the session: places, tokens of the day, and that midnight and restarts are as
 * promised. */
#include <stdio.h>

#include "actors/session/account.h"
#include "tests/support/support.h"

#define DAY(n) ((uint64_t)(n)*PL_DAY_MS)
static const struct pl_tenant_rule own[] = {
    {.tenant = "poor", .quota = 100}, {.tenant = "queued", .queue = 3}, {.tenant = "narrow", .open = 2}};
static const struct pl_tenant_rules rules = {.own = own, .n_own = 3};
static struct pl_accounts accounts;
static struct pl_err err;
static uint64_t wait_ms;

static void begin(void)
{
    accounts = (struct pl_accounts){.rules = &rules, .max_seqs = 2, .metrics = pl_metrics_create()};
    wait_ms = 0;
}

static void end(void)
{
    pl__accounts_finish(&accounts);
    pl_metrics_destroy(&accounts.metrics);
}

static struct pl_account *account(const char *tenant)
{
    struct pl_account *a = pl__account_get(&accounts, pl_str_of(tenant));
    ck_assert_ptr_nonnull(a);
    return a;
}

static int admit(struct pl_account *a, uint64_t wall_ms)
{
    return pl__account_admit(&accounts, a, wall_ms, &wait_ms, &err);
}

START_TEST(the_quota_ends_at_midnight_utc)
{
    struct pl_account *a = account("poor");
    ck_assert_int_eq(admit(a, DAY(7) + 5), 0);
    pl__account_use(a, DAY(7) + 6, 99);
    ck_assert_int_eq(admit(a, DAY(7) + 7), 0);
    pl__account_use(a, DAY(7) + 8, 30); /* under way when it runs out: finished and counted */
    ck_assert_int_eq(admit(a, DAY(8) - 10), -PL_E_QUOTA_EXCEEDED);
    ck_assert_uint_eq(wait_ms, 10);
    ck_assert_int_eq(admit(a, DAY(8)), 0);
    ck_assert_uint_eq(a->tokens, 0);
}
END_TEST

START_TEST(an_answer_counts_on_the_day_of_its_storing)
{
    struct pl_account *a = account("poor");
    pl__account_use(a, DAY(7), 40);
    pl__account_use(a, DAY(8), 50);
    ck_assert_uint_eq(a->day, 8);
    ck_assert_uint_eq(a->tokens, 50);
}
END_TEST

START_TEST(a_clock_that_goes_back_gives_no_new_quota)
{
    struct pl_account *a = account("poor");
    pl__account_use(a, DAY(8), 100);
    ck_assert_int_eq(admit(a, DAY(7)), -PL_E_QUOTA_EXCEEDED);
    pl__account_use(a, DAY(7), 1);
    ck_assert_uint_eq(a->tokens, 101);
    ck_assert_uint_eq(a->day, 8);
}
END_TEST

START_TEST(what_the_disk_says_is_read_once)
{
    struct pl_account *a = account("poor");
    pl__account_read(a, 7, 100);
    pl__account_read(a, 7, 3); /* a second request of the tenant had asked too */
    ck_assert_int_eq(admit(a, DAY(7)), -PL_E_QUOTA_EXCEEDED);
    ck_assert_int_eq(admit(a, DAY(8)), 0);
}
END_TEST

START_TEST(places_are_the_slots_and_its_part_of_the_queue)
{
    struct pl_account *a = account("queued"), *b = account("narrow"), *c = account("free");
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(pl__account_places(&accounts, a), 5u - (unsigned)i);
        ck_assert_int_eq(admit(a, 1), 0);
        pl__account_open(a, 1);
    }
    ck_assert_int_eq(admit(a, 1), -PL_E_OVERLOADED);
    ck_assert_ptr_nonnull(strstr(err.text, "queued"));
    pl__account_open(a, -1);
    ck_assert_int_eq(admit(a, 1), 0);
    pl__account_open(b, 2);
    ck_assert_int_eq(admit(b, 1), -PL_E_OVERLOADED);
    pl__account_open(c, 1000);
    ck_assert_int_eq(admit(c, 1), 0);
    ck_assert_uint_eq(pl__account_places(&accounts, c), UINT32_MAX);
}
END_TEST

START_TEST(idle_accounts_make_room_and_busy_ones_stay)
{
    char name[PL_TENANT_NAME];
    struct pl_account *busy = account("busy"), *used = account("used");
    busy->users = 1;
    pl__account_open(used, 1);
    for (int i = 0; i < 2 * PL_TENANTS_KNOWN; i++) {
        snprintf(name, sizeof name, "t%d", i);
        account(name);
    }
    ck_assert_uint_le(pl_map_count(&accounts.all), PL_TENANTS_KNOWN);
    ck_assert_ptr_eq(account("busy"), busy);
    ck_assert_ptr_eq(account("used"), used);
}
END_TEST

START_TEST(more_busy_tenants_than_can_be_known_are_refused)
{
    char name[PL_TENANT_NAME];
    for (int i = 0; i < PL_TENANTS_KNOWN; i++) {
        snprintf(name, sizeof name, "t%d", i);
        account(name)->users = 1;
    }
    ck_assert_ptr_null(pl__account_get(&accounts, PL_STR("more")));
    account("t7")->users = 0;
    ck_assert_ptr_nonnull(pl__account_get(&accounts, PL_STR("more")));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("account");
    TCase *t = tcase_create("account");
    tcase_add_checked_fixture(t, begin, end);
    PL_TEST(t, the_quota_ends_at_midnight_utc);
    PL_TEST(t, an_answer_counts_on_the_day_of_its_storing);
    PL_TEST(t, a_clock_that_goes_back_gives_no_new_quota);
    PL_TEST(t, what_the_disk_says_is_read_once);
    PL_TEST(t, places_are_the_slots_and_its_part_of_the_queue);
    PL_TEST(t, idle_accounts_make_room_and_busy_ones_stay);
    PL_TEST(t, more_busy_tenants_than_can_be_known_are_refused);
    suite_add_tcase(s, t);
    return s;
}
PL_TESTS(suite)
