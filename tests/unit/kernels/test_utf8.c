/* Cutting, checking and repairing UTF-8. */
#include "kernels/utf8.h"

#include <stdlib.h>
#include <string.h>
#include "tests/support/support.h"

static size_t complete(const char *text)
{
    return pl_utf8_complete(text, strlen(text));
}

START_TEST(cut_never_falls_inside_a_character)
{
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x99z"; /* 1, 2, 3, 4 and 1 bytes */
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t n = 0; n < sizeof whole / sizeof whole[0]; n++)
        ck_assert_uint_eq(pl_utf8_complete(text, n), whole[n]);
}
END_TEST

START_TEST(bytes_that_cannot_become_a_character_are_complete)
{
    ck_assert_uint_eq(complete("\xFF"), 1);
    ck_assert_uint_eq(complete("\x80"), 1);
    ck_assert_uint_eq(complete("\x80\x80\x80\x80"), 4);
    ck_assert_uint_eq(complete("\xC0"), 1);      /* overlong */
    ck_assert_uint_eq(complete("a\xE0\x80"), 3); /* overlong */
    ck_assert_uint_eq(complete("a\xED\xA0"), 3); /* a surrogate */
    ck_assert_uint_eq(complete("a\xF4\x90"), 3); /* over U+10FFFF */
    ck_assert_uint_eq(complete("a\xF5"), 2);
    ck_assert_uint_eq(complete("\xE2\x28"), 2);
}
END_TEST

START_TEST(at_most_three_bytes_are_held_back)
{
    uint64_t seed = pl_test_seed(5);
    for (int round = 0; round < 100000; round++) {
        char text[12];
        size_t n = pl_test_random(&seed) % 12;
        for (size_t i = 0; i < n; i++) text[i] = (char)pl_test_random(&seed);
        size_t kept = pl_utf8_complete(text, n);
        ck_assert(kept <= n && n - kept <= 3);
    }
}
END_TEST

START_TEST(valid_is_what_the_standard_says)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80\x80\x80",
                                      "\xC3",
                                      "\xE2\x82",
                                      "a\xFF",
                                      "\xFE"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert(pl_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) ck_assert(!pl_utf8_valid(bad[i], strlen(bad[i])));
    ck_assert(pl_utf8_valid("a\0b", 3));
}
END_TEST

static void expect_clean(const char *in, const char *out)
{
    char buf[128];
    size_t n = pl_utf8_sanitize(buf, sizeof buf, in, strlen(in));
    ck_assert_uint_eq(n, strlen(out));
    ck_assert(memcmp(buf, out, n) == 0);
    ck_assert_uint_eq(pl_utf8_sanitize(NULL, 0, in, strlen(in)), n);
}

#define R "\xEF\xBF\xBD"

START_TEST(invalid_sequences_become_one_replacement_each)
{
    expect_clean("h\xC3\xA9", "h\xC3\xA9");
    /* The Unicode standard's own example, table 3-8, and its two others. */
    expect_clean("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", R R R R R R R R "\x41");
    expect_clean("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", R R R R R R R R "\x41");
    expect_clean("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", R R R R R "\x41" R R "\x42");
    expect_clean("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", R R R R "\x41");
}
END_TEST

START_TEST(cleaned_text_is_valid_at_every_size)
{
    uint64_t seed = pl_test_seed(6);
    for (int round = 0; round < 20000; round++) {
        char in[16], out[48];
        size_t n = pl_test_random(&seed) % 16;
        for (size_t i = 0; i < n; i++)
            in[i] = (char)(pl_test_random(&seed) % 3 ? pl_test_random(&seed) | 0x80 : 'a');
        size_t size = pl_test_random(&seed) % sizeof out;
        memset(out, 'x', sizeof out);
        size_t need = pl_utf8_sanitize(out, size, in, n);
        ck_assert_uint_le(need, 3 * n);
        size_t shown = need <= size ? need : pl_utf8_complete(out, size);
        ck_assert(pl_utf8_valid(out, shown));
        for (size_t i = size; i < sizeof out; i++) ck_assert_int_eq(out[i], 'x');
    }
}
END_TEST

START_TEST(next_gives_the_character)
{
    uint32_t code;
    ck_assert(pl_utf8_next("\xF0\x9F\xA6\x99", 4, &code) == 4 && code == 0x1F999);
    ck_assert(pl_utf8_next("\xE2\x82\xAC", 3, &code) == 3 && code == 0x20AC);
    ck_assert(pl_utf8_next("\xC3\xA9", 2, &code) == 2 && code == 0xE9);
    ck_assert(pl_utf8_next("", 1, &code) == 1 && code == 0);
    ck_assert(pl_utf8_next("\xF0\x9F\xA6", 3, &code) == 3 && code == UINT32_MAX);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kernels/utf8");
    TCase *tc = tcase_create("utf8");
    suite_add_tcase(s, tc);
    PL_TEST(tc, cut_never_falls_inside_a_character);
    PL_TEST(tc, bytes_that_cannot_become_a_character_are_complete);
    PL_TEST(tc, at_most_three_bytes_are_held_back);
    PL_TEST(tc, valid_is_what_the_standard_says);
    PL_TEST(tc, invalid_sequences_become_one_replacement_each);
    PL_TEST(tc, cleaned_text_is_valid_at_every_size);
    PL_TEST(tc, next_gives_the_character);
    return s;
}

PL_TESTS(suite)
