#include "runtime/timer.h"

#include "tests/support/support.h"

enum { MANY = 2000 };

START_TEST(timers_come_out_by_due_time_then_age)
{
    struct pl__timers t = {0};
    int owner;
    uint64_t a = pl__timers_add(&t, 20, &owner, 1, 0), b = pl__timers_add(&t, 10, &owner, 2, 0);
    uint64_t c = pl__timers_add(&t, 10, &owner, 3, 0);
    struct pl__timer out;
    ck_assert_uint_eq(pl__timers_due_ms(&t), 10);
    ck_assert(!pl__timers_pop(&t, 9, &out));
    ck_assert(pl__timers_pop(&t, 10, &out) && out.id == b);
    ck_assert(pl__timers_pop(&t, 10, &out) && out.id == c);
    ck_assert(!pl__timers_pop(&t, 10, &out));
    ck_assert(pl__timers_peek(&t, 30, &out) && out.id == a);
    ck_assert(pl__timers_pop(&t, 30, &out) && out.kind == 1);
    ck_assert_uint_eq(pl__timers_due_ms(&t), UINT64_MAX);
    pl__timers_finish(&t);
}
END_TEST

START_TEST(cancel_needs_the_owner_and_a_waiting_timer)
{
    struct pl__timers t = {0};
    int mine, other;
    uint64_t a = pl__timers_add(&t, 1, &mine, 0, 0);
    ck_assert(!pl__timers_cancel(&t, a, &other));
    ck_assert(!pl__timers_cancel(&t, 0, &mine));
    ck_assert(!pl__timers_cancel(&t, UINT64_MAX, &mine));
    ck_assert(pl__timers_cancel(&t, a, &mine));
    ck_assert(!pl__timers_cancel(&t, a, &mine));
    uint64_t b = pl__timers_add(&t, 1, &mine, 0, 0); /* the same slot, another id */
    ck_assert_uint_ne(a, b);
    ck_assert(!pl__timers_cancel(&t, a, &mine));
    ck_assert(pl__timers_cancel(&t, b, &mine));
    pl__timers_finish(&t);
}
END_TEST

START_TEST(all_timers_of_one_owner_are_cancelled_and_no_others)
{
    struct pl__timers t = {0};
    int owners[3];
    for (uint64_t i = 0; i < 300; i++) pl__timers_add(&t, 1000 - i * 7 % 301, &owners[i % 3], 0, i);
    pl__timers_cancel_all(&t, &owners[1]);
    struct pl__timer out;
    uint64_t last = 0, count = 0;
    while (pl__timers_pop(&t, 2000, &out)) {
        ck_assert_ptr_ne(out.owner, &owners[1]);
        ck_assert_uint_ge(out.due_ms, last);
        last = out.due_ms;
        count++;
    }
    ck_assert_uint_eq(count, 200);
    pl__timers_finish(&t);
}
END_TEST

/* Against an array that is searched from end to end. */
START_TEST(heap_agrees_with_a_plain_list)
{
    struct pl__timers t = {0};
    static struct pl__timer plain[MANY];
    size_t count = 0;
    uint64_t state = pl_test_seed(5), now = 0;
    int owner;
    for (int i = 0; i < 20000; i++) {
        uint64_t r = pl_test_random(&state);
        if (r % 3 == 0 && count < MANY) {
            uint64_t due = now + r % 97;
            plain[count++] = (struct pl__timer){due, pl__timers_add(&t, due, &owner, 0, 0), &owner, 0, 0};
        } else if (r % 3 == 1 && count) {
            size_t k = r / 3 % count;
            ck_assert(pl__timers_cancel(&t, plain[k].id, &owner));
            plain[k] = plain[--count];
        } else {
            now += r % 5;
            size_t best = count;
            for (size_t k = 0; k < count; k++)
                if (plain[k].due_ms <= now &&
                    (best == count || plain[k].due_ms < plain[best].due_ms ||
                     (plain[k].due_ms == plain[best].due_ms &&
                      pl__timer_serial(plain[k].id) < pl__timer_serial(plain[best].id))))
                    best = k;
            struct pl__timer out;
            bool due = pl__timers_pop(&t, now, &out);
            ck_assert_int_eq(due, best < count);
            if (!due) continue;
            ck_assert_uint_eq(out.id, plain[best].id);
            plain[best] = plain[--count];
        }
    }
    pl__timers_finish(&t);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/timer");
    TCase *tc = tcase_create("timer");
    PL_TEST(tc, timers_come_out_by_due_time_then_age);
    PL_TEST(tc, cancel_needs_the_owner_and_a_waiting_timer);
    PL_TEST(tc, all_timers_of_one_owner_are_cancelled_and_no_others);
    PL_TEST(tc, heap_agrees_with_a_plain_list);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
