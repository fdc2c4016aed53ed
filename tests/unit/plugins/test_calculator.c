/* The bundled calculator, through its shared object as Parlance loads it. */
#include "plugins/parlance_tool.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/support.h"

static const struct parlance_tool *tool;

static void load(void)
{
    const char *build = getenv("PL_TEST_BUILD");
    char path[4096];
    snprintf(path, sizeof path, "%s/tools/calculator.so", build ? build : ".");
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(object != NULL, "%s", dlerror());
    void *symbol = dlsym(object, "parlance_tool");
    const struct parlance_tool *(*describe)(void) = NULL;
    ck_assert_ptr_nonnull(symbol);
    memcpy(&describe, &symbol, sizeof describe);
    tool = describe();
}

static int calculate(const char *expression, char *out, size_t size)
{
    char arguments[8192];
    int n = snprintf(arguments, sizeof arguments, "{\"expression\": \"%s\"}", expression);
    memset(out, '#', size);
    return tool->call(arguments, (size_t)n, out, size);
}

static const struct sample {
    const char *expression, *result; /* a result that begins with ! is a refusal */
} samples[] = {
    {"1+1", "2"},
    {"12345 * 67890", "838102050"},
    {"99999999999999999999 * 99999999999999999999", "9999999999999999999800000000000000000001"},
    {"12345678901234567890 * 98765432109876543210", "1219326311370217952237463801111263526900"},
    {"-12345678901234567890 * 98765432109876543210", "-1219326311370217952237463801111263526900"},
    {"2^10", "1024"},
    {"2**10", "1024"},
    {"2^100", "1267650600228229401496703205376"},
    {"2^3^2", "512"},
    {"-2^2", "-4"},
    {"(-2)^2", "4"},
    {"2^-1", "0.5"},
    {"0^0", "1"},
    {"(-1)^1000000000001", "-1"},
    {"4^0.5", "2"},
    {"1 - 2 - 3", "-4"},
    {"100 / 10 / 5", "2"},
    {"2 + 3 * 4", "14"},
    {"(2 + 3) * 4", "20"},
    {"-(3 - 5)", "2"},
    {"--3", "3"},
    {"+3", "3"},
    {"1219326311370217952237463801111263526900 / 12345678901234567890", "98765432109876543210"},
    {"1000000000000000000000 / 1000000000", "1000000000000"},
    {"7 / 2", "3.5"},
    {"1 / 3", "0.333333333333333"},
    {"-1 / 3", "-0.333333333333333"},
    {"1 / 3 * 3", "1"},
    {"7 % 3", "1"},
    {"-7 % 3", "2"},
    {"7 % -3", "-2"},
    {"7.5 % 2", "1.5"},
    {"123456789012345678901234567890 % 97", "52"},
    {"0.1 + 0.2", "0.3"},
    {"19.99 * 3", "59.97"},
    {".5 + 5.", "5.5"},
    {"12.0 * 2", "24"},
    {"0.5 * 4", "2"},
    {"-0.0 * 5", "0"},
    {"1,234,567 + 1", "1234568"},
    {"1,234.5 * 2", "2469"},
    {"12 x 12", "144"},
    {"12x12", "144"},
    {"12X12", "144"},
    {"12 \xC3\x97 12", "144"},
    {"12 \xC2\xB7 12", "144"},
    {"144 \xC3\xB7 12", "12"},
    {"5 \xE2\x88\x92 7", "-2"},
    {"6 * 7 =", "42"},
    {"  6\\t*\\n7  ", "42"},
    {"10.0^20 * 1.5", "150000000000000000000"},
    {"1.5 * 10^300 * 10^7 / 10^300 / 10^7", "1.5"},
    {"1.5 / 10^20", "0.000000000000000000015"},
    {"0.1", "0.1"},
    {"1000000.5 * 2", "2000001"},
    {"1/7*1000", "142.857142857143"},
    {"5 / 0", "!division by zero"},
    {"5 % 0", "!division by zero"},
    {"5.5 / 0.0", "!division by zero"},
    {"0^-1", "!division by zero"},
    {"(-8)^0.5", "!the result is not a real number"},
    {"9^9^9", "!the result is too large"},
    {"10.5^1000", "!the result is too large"},
    {"", "!the expression ends too early"},
    {"1 +", "!the expression ends too early"},
    {"(1 + 2", "!a ')' is missing"},
    {"1 + 2)", "!unexpected ')' at position 6"},
    {"1 2", "!unexpected '2' at position 3"},
    {"1e5", "!unexpected 'e' at position 2"},
    {"sqrt(4)", "!unexpected 's' at position 1"},
    {"1,23", "!unexpected ',' at position 2"},
    {"1234,567", "!unexpected ',' at position 5"},
    {"1.2.3", "!unexpected '.' at position 4"},
    {"3 * \xC3\xA9", "!unexpected '\xC3\xA9' at position 5"},
    {"2(3)", "!unexpected '(' at position 2"},
    {"*3", "!unexpected '*' at position 1"},
    {".", "!unexpected '.' at position 1"},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

START_TEST(expression_gives_its_value_or_the_reason)
{
    const struct sample *t = &samples[_i];
    char out[65537];
    int n = calculate(t->expression, out, sizeof out - 1);
    bool refused = t->result[0] == '!';
    out[n >= 0 ? n : (int)strlen(out)] = 0;
    ck_assert_msg((n == PARLANCE_TOOL_REFUSED) == refused, "%s gave %d: %s", t->expression, n, out);
    ck_assert_msg(strcmp(out, t->result + refused) == 0, "%s gave %s, not %s", t->expression, out, t->result);
}
END_TEST

START_TEST(products_of_twenty_digits_are_exact)
{
    uint64_t random = pl_test_seed(3);
    for (int i = 0; i < 2000; i++) {
        uint64_t a = pl_test_random(&random) >> (i % 60), b = pl_test_random(&random) >> (i % 37);
        char text[512], out[256], back[128];
        snprintf(text, sizeof text, "%llu * %llu", (unsigned long long)a, (unsigned long long)b);
        out[calculate(text, out, sizeof out - 1)] = 0;
        /* the product divided by one factor, and modulo a prime, with arithmetic that is not the tool's */
        unsigned __int128 product = (unsigned __int128)a * b, tens = 1;
        char digits[64], *d = digits;
        while (tens <= product / 10) tens *= 10;
        for (; tens; tens /= 10) *d++ = (char)('0' + (int)(product / tens % 10));
        *d = 0;
        ck_assert_msg(strcmp(out, digits) == 0, "%s gave %s, not %s", text, out, digits);
        if (!b) continue;
        snprintf(text, sizeof text, "%s / %llu", out, (unsigned long long)b);
        back[calculate(text, back, sizeof back - 1)] = 0;
        snprintf(text, sizeof text, "%llu", (unsigned long long)a);
        ck_assert_str_eq(back, text);
    }
}
END_TEST

START_TEST(nesting_is_limited)
{
    char text[4097], out[512];
    memset(text, '(', 4000);
    text[4000] = 0;
    ck_assert_int_eq(calculate(text, out, sizeof out), PARLANCE_TOOL_REFUSED);
    ck_assert_str_eq(out, "the expression is nested too deeply");
    memset(text, '-', 4000);
    ck_assert_int_eq(calculate(text, out, sizeof out), PARLANCE_TOOL_REFUSED);
    for (int i = 0; i < 2000; i++) memcpy(text + 2 * i, "2^", 2);
    ck_assert_int_eq(calculate(text, out, sizeof out), PARLANCE_TOOL_REFUSED);
}
END_TEST

START_TEST(long_numbers_are_bounded)
{
    char text[4097], out[8192];
    memset(text, '9', 1000);
    text[1000] = 0;
    ck_assert_int_eq(calculate(text, out, sizeof out), 1000);
    memset(text, '9', 4000);
    text[4000] = 0;
    ck_assert_int_eq(calculate(text, out, sizeof out), PARLANCE_TOOL_REFUSED);
    ck_assert_str_eq(out, "a number is too long");
}
END_TEST

START_TEST(result_never_passes_the_buffer)
{
    for (size_t size = 0; size < 12; size++) {
        char out[32];
        int n = calculate("12345 * 67890", out, sizeof out);
        memset(out, '#', sizeof out);
        n = tool->call("{\"expression\": \"12345 * 67890\"}", 31, out, size);
        ck_assert_int_eq(n, 9); /* more than the size: the host sees that it did not fit */
        ck_assert_int_eq(out[size], '#');
        n = tool->call("{\"expression\": \"1 +\"}", 21, out, size);
        ck_assert_int_eq(n, PARLANCE_TOOL_REFUSED);
        ck_assert_int_eq(out[size], '#');
    }
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"expression\": 5}", "null"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char out[128];
        ck_assert_int_eq(tool->call(bad[i], strlen(bad[i]), out, sizeof out), PARLANCE_TOOL_REFUSED);
        ck_assert_str_eq(out, "the argument \"expression\" is missing");
    }
}
END_TEST

START_TEST(description_holds_together)
{
    ck_assert_uint_eq(tool->abi, PARLANCE_TOOL_ABI);
    ck_assert_uint_eq(tool->size, sizeof *tool);
    ck_assert_str_eq(tool->name, "calculator");
    ck_assert(tool->flags & PARLANCE_TOOL_IDEMPOTENT);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("calculator");
    TCase *tc = tcase_create("calculator");
    tcase_add_checked_fixture(tc, load, NULL);
    tcase_add_loop_test(tc, expression_gives_its_value_or_the_reason, 0, SAMPLES);
    PL_TEST(tc, products_of_twenty_digits_are_exact);
    PL_TEST(tc, nesting_is_limited);
    PL_TEST(tc, long_numbers_are_bounded);
    PL_TEST(tc, result_never_passes_the_buffer);
    PL_TEST(tc, bad_arguments_are_refused);
    PL_TEST(tc, description_holds_together);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
