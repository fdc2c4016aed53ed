/* The list of errors and the detail that goes with a failure. */
#include "schemas/err.h"
#include "tests/support/support.h"

#include <string.h>

START_TEST(fail_returns_the_negative_code)
{
    struct pl_err err = {0};
    ck_assert_int_eq(pl_fail(&err, PL_E_IO, "path", "cannot open %s", "x"), -PL_E_IO);
    ck_assert_int_eq(err.code, PL_E_IO);
    ck_assert_str_eq(err.field, "path");
    ck_assert_str_eq(err.text, "cannot open x");
    ck_assert_ptr_nonnull(strstr(err.file, "test_err.c"));
    ck_assert_int_gt(err.line, 0);
}
END_TEST

START_TEST(fail_without_detail_is_allowed)
{
    ck_assert_int_eq(pl_fail(NULL, PL_E_GONE, NULL, "gone"), -PL_E_GONE);
    struct pl_err err = {0};
    ck_assert_int_eq(pl_fail(&err, PL_E_GONE, NULL, "gone"), -PL_E_GONE);
    ck_assert_str_eq(err.field, "");
}
END_TEST

START_TEST(every_name_leads_back_to_its_code)
{
#define X(upper, name, number, http, text)                                                                   \
    ck_assert_str_eq(pl_error_name(PL_E_##upper), #name);                                                    \
    ck_assert_int_eq(pl_error_code(#name, strlen(#name)), number);                                           \
    ck_assert_str_eq(pl_error_text(number), text);
    PL_ERRORS(X)
#undef X
}
END_TEST

START_TEST(unknown_codes_read_as_internal)
{
    ck_assert_str_eq(pl_error_name(9999), "internal");
    ck_assert_str_eq(pl_error_text(-1), pl_error_text(PL_E_INTERNAL));
    ck_assert_int_eq(pl_error_code("invali", 6), 0);
    ck_assert_int_eq(pl_error_code("", 0), 0);
}
END_TEST

/* The text is made of n bytes "a" and then many two byte characters, so that each cut position is met. */
START_TEST(long_texts_are_cut_at_a_character)
{
    for (int n = 0; n < 4; n++) {
        struct pl_err err = {0};
        char text[1024] = "aaaa";
        size_t len = (size_t)n;
        for (; len + 3 < sizeof text; len += 3) memcpy(text + len, "\xE2\x82\xAC", 3);
        text[len] = 0;
        pl_fail(&err, PL_E_INVALID, "f", "%s", text);
        size_t kept = strlen(err.text);
        ck_assert_uint_lt(kept, sizeof err.text);
        ck_assert_uint_gt(kept, sizeof err.text - 4);
        ck_assert_uint_eq((kept - (size_t)n) % 3, 0);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("err");
    TCase *tc = tcase_create("err");
    PL_TEST(tc, fail_returns_the_negative_code);
    PL_TEST(tc, fail_without_detail_is_allowed);
    PL_TEST(tc, every_name_leads_back_to_its_code);
    PL_TEST(tc, unknown_codes_read_as_internal);
    PL_TEST(tc, long_texts_are_cut_at_a_character);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
