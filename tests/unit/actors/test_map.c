/* The hash map, against a plain array that does the same slowly. */
#include "actors/map.h"

#include <string.h>
#include "tests/support/support.h"

enum { KEYS = 512 };

START_TEST(empty_map_has_nothing)
{
    struct pl_map map = {0};
    ck_assert_ptr_null(pl_map_get(&map, "a", 1));
    ck_assert_ptr_null(pl_map_remove(&map, "a", 1));
    ck_assert_ptr_null(pl_map_first(&map));
    ck_assert_uint_eq(pl_map_count(&map), 0);
    pl_map_finish(&map);
}
END_TEST

START_TEST(put_replaces_the_value_of_a_key)
{
    struct pl_map map = {0};
    int a, b;
    ck_assert_int_eq(pl_map_put(&map, "key", 3, &a), 0);
    ck_assert_int_eq(pl_map_put(&map, "key", 3, &b), 0);
    ck_assert_ptr_eq(pl_map_get(&map, "key", 3), &b);
    ck_assert_uint_eq(pl_map_count(&map), 1);
    pl_map_finish(&map);
}
END_TEST

START_TEST(keys_are_bytes_of_any_length)
{
    struct pl_map map = {0};
    int a, b, c;
    ck_assert_int_eq(pl_map_put(&map, "a\0b", 3, &a), 0);
    ck_assert_int_eq(pl_map_put(&map, "a\0c", 3, &b), 0);
    ck_assert_int_eq(pl_map_put(&map, NULL, 0, &c), 0);
    ck_assert_ptr_eq(pl_map_get(&map, "a\0b", 3), &a);
    ck_assert_ptr_eq(pl_map_get(&map, "a\0c", 3), &b);
    ck_assert_ptr_eq(pl_map_get(&map, "", 0), &c);
    ck_assert_ptr_null(pl_map_get(&map, "a", 1));
    pl_map_finish(&map);
}
END_TEST

struct seen {
    struct pl_map *map;
    uint32_t order[KEYS];
    uint32_t n;
    bool remove_odd;
};

static void visit(const void *key, uint32_t len, void *value, void *arg)
{
    struct seen *s = arg;
    uint32_t number;
    memcpy(&number, key, sizeof number);
    s->order[s->n++] = number;
    if (s->remove_odd && number % 2) ck_assert_ptr_eq(pl_map_remove(s->map, key, len), value);
}

START_TEST(walk_keeps_the_order_of_insertion_and_may_remove)
{
    struct pl_map map = {.seed = 99};
    struct seen s = {.map = &map, .remove_odd = true};
    static char values[KEYS];
    for (uint32_t i = 0; i < KEYS; i++) ck_assert_int_eq(pl_map_put(&map, &i, sizeof i, &values[i]), 0);
    pl_map_each(&map, visit, &s);
    ck_assert_uint_eq(s.n, KEYS);
    for (uint32_t i = 0; i < KEYS; i++) ck_assert_uint_eq(s.order[i], i);
    s = (struct seen){.map = &map};
    pl_map_each(&map, visit, &s);
    ck_assert_uint_eq(s.n, KEYS / 2);
    for (uint32_t i = 0; i < s.n; i++) ck_assert_uint_eq(s.order[i], 2 * i);
    ck_assert_ptr_eq(pl_map_first(&map), &values[0]);
    pl_map_finish(&map);
}
END_TEST

START_TEST(random_operations_agree_with_an_array)
{
    uint64_t random = pl_test_seed(7);
    static char values[KEYS];
    void *plain[KEYS] = {0};
    struct pl_map map = {.seed = pl_test_random(&random)};
    uint32_t count = 0;
    for (int step = 0; step < 200000; step++) {
        uint64_t r = pl_test_random(&random);
        uint32_t k = (uint32_t)(r >> 8) % KEYS;
        if (r % 3 == 0) {
            ck_assert_ptr_eq(pl_map_remove(&map, &k, sizeof k), plain[k]);
            count -= plain[k] != NULL;
            plain[k] = NULL;
        } else if (r % 3 == 1) {
            count += plain[k] == NULL;
            plain[k] = &values[(r >> 40) % KEYS];
            ck_assert_int_eq(pl_map_put(&map, &k, sizeof k, plain[k]), 0);
        } else {
            ck_assert_ptr_eq(pl_map_get(&map, &k, sizeof k), plain[k]);
        }
        ck_assert_uint_eq(pl_map_count(&map), count);
    }
    pl_map_finish(&map);
    ck_assert_uint_eq(pl_map_count(&map), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("map");
    TCase *tc = tcase_create("map");
    PL_TEST(tc, empty_map_has_nothing);
    PL_TEST(tc, put_replaces_the_value_of_a_key);
    PL_TEST(tc, keys_are_bytes_of_any_length);
    PL_TEST(tc, walk_keeps_the_order_of_insertion_and_may_remove);
    PL_TEST(tc, random_operations_agree_with_an_array);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
