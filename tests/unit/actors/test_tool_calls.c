/* Finding tool calls: what is one, what is not, and that any chunking of a text gives the same. */
#include "actors/tool_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include "tests/support/support.h"

static const struct pl_str declared[] = {PL_STR("calculator"), PL_STR("clock")};
enum { DECLARED = 2 };

#define CALC "{\"name\": \"calculator\", \"arguments\": {\"expression\": \"12345 * 6789\"}}"
#define CALC_ARGS "{\"expression\":\"12345 * 6789\"}"
#define CLOCK "{\"name\": \"clock\", \"arguments\": {}}"

/* A text, what stays of it, and its calls as "name arguments" lines. */
static const struct sample {
    const char *text, *rest, *calls;
} samples[] = {
    {"", "", ""},
    {"hello", "hello", ""},
    /* tags */
    {"<tool_call>" CALC "</tool_call>", "", "calculator " CALC_ARGS "\n"},
    {"<tool_call>\n" CALC "\n</tool_call>", "", "calculator " CALC_ARGS "\n"},
    {"I ask.\n<tool_call>" CALC "</tool_call>\nWait.", "I ask.\n\nWait.", "calculator " CALC_ARGS "\n"},
    {"<tool_call>" CALC "</tool_call>\n<tool_call>" CLOCK "</tool_call>", "\n",
     "calculator " CALC_ARGS "\nclock {}\n"},
    {"<tool_call>" CALC "\n" CLOCK "</tool_call>", "", "calculator " CALC_ARGS "\nclock {}\n"},
    {"<tool_call>[" CALC ", " CLOCK "]</tool_call>", "", "calculator " CALC_ARGS "\nclock {}\n"},
    {"<tool_call>" CALC, "", "calculator " CALC_ARGS "\n"},
    {"<tool_call>" CALC "\n</tool_ca", "", "calculator " CALC_ARGS "\n"},
    {"<tool_call>" CALC "\n<tool_call>" CLOCK "</tool_call>", "", "calculator " CALC_ARGS "\nclock {}\n"},
    {"<tool_call>" CALC " and so on", "and so on", "calculator " CALC_ARGS "\n"},
    {"<tool_call>{\"name\": \"unknown\", \"arguments\": {\"a\": [1, 2.5, null]}}</tool_call>", "",
     "unknown {\"a\":[1,2.5,null]}\n"},
    {"<tool_call>{\"name\": \"clock\"}</tool_call>", "", "clock {}\n"},
    {"<tool_call>{\"name\": \"clock\", \"parameters\": {\"z\": \"\xC3\xA9\"}}</tool_call>", "",
     "clock {\"z\":\"\xC3\xA9\"}\n"},
    {"<tool_call>{\"name\": \"clock\", \"arguments\": \"{\\\"z\\\": 1}\"}</tool_call>", "",
     "clock {\"z\":1}\n"},
    {"<tool_call>{\"type\": \"function\", \"function\": " CALC "}</tool_call>", "",
     "calculator " CALC_ARGS "\n"},
    /* braces missing or too many */
    {"<tool_call>{\"name\": \"clock\", \"arguments\": {\"a\": 1}</tool_call>", "", "clock {\"a\":1}\n"},
    {"<tool_call>{\"name\": \"clock\", \"arguments\": {\"a\": 1}}}\n</tool_call>", "", "clock {\"a\":1}\n"},
    /* no calls in tags */
    {"<tool_call>what?</tool_call>", "<tool_call>what?</tool_call>", ""},
    {"<tool_call>{\"name\": 7}</tool_call>!", "<tool_call>{\"name\": 7}</tool_call>!", ""},
    {"<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
     "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>", ""},
    {"<tool_call>{\"name\": \"clock\", \"arguments\": [1]}</tool_call>",
     "<tool_call>{\"name\": \"clock\", \"arguments\": [1]}</tool_call>", ""},
    {"<tool_call>", "<tool_call>", ""},
    {"a <tool_cal", "a <tool_cal", ""},
    {"a <<tool_call>" CLOCK "</tool_call>", "a <", "clock {}\n"},
    {"a < b <tool> </tool_call> c", "a < b <tool> </tool_call> c", ""},
    {"<tool_call>x<tool_call>" CLOCK "</tool_call>", "<tool_call>x", "clock {}\n"},
    /* the whole answer */
    {CALC, "", "calculator " CALC_ARGS "\n"},
    {" \n" CALC "\n", "", "calculator " CALC_ARGS "\n"},
    {"[" CALC "," CLOCK "]", "", "calculator " CALC_ARGS "\nclock {}\n"},
    {CALC "\n" CLOCK, "", "calculator " CALC_ARGS "\nclock {}\n"},
    {"```json\n" CALC "\n```", "", "calculator " CALC_ARGS "\n"},
    {"```\n" CALC "\n```\n", "", "calculator " CALC_ARGS "\n"},
    {"```json" CALC "```", "", "calculator " CALC_ARGS "\n"},
    {"```json\n" CALC, "", "calculator " CALC_ARGS "\n"},
    {"{\"name\": \"clock\", \"arguments\": {\"a\": \"}\\\"{\"}", "", "clock {\"a\":\"}\\\"{\"}\n"},
    {CLOCK "}", "", "clock {}\n"},
    /* not the whole answer, or not a declared tool */
    {"Sure: " CALC, "Sure: " CALC, ""},
    {CALC " is it", CALC " is it", ""},
    {"```json\n" CALC "\n```\nDone.", "```json\n" CALC "\n```\nDone.", ""},
    {"``" CALC "``", "``" CALC "``", ""},
    {"{\"name\": \"Alice\", \"arguments\": {}}", "{\"name\": \"Alice\", \"arguments\": {}}", ""},
    {"{\"name\": \"clock\"}", "{\"name\": \"clock\"}", ""},
    {"[" CALC ", {\"name\": \"Alice\"}]", "[" CALC ", {\"name\": \"Alice\"}]", ""},
    {"[]", "[]", ""},
    {"{", "{", ""},
    {"{\"name\": \"clock\", \"arguments\": {\"a\": \"", "{\"name\": \"clock\", \"arguments\": {\"a\": \"",
     ""},
    {"{}} <tool_call>" CLOCK "</tool_call>", "{}} ", "clock {}\n"},
    {"   ", "   ", ""},
    {"```", "```", ""},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static struct pl_str whole(const char *s)
{
    return pl_str_of(s);
}

static char *calls_text(const struct pl_tool_stream *s)
{
    struct pl_buf b = {0};
    for (uint32_t i = 0; i < s->calls_count; i++)
        pl_buf_printf(&b, "%.*s %.*s\n", PL_STR_FMT(s->calls[i].name), PL_STR_FMT(s->calls[i].arguments));
    pl_buf_write(&b, "", 1);
    return (char *)b.data;
}

static void expect(struct pl_tool_stream *s, struct pl_buf *answer, const struct sample *want)
{
    char *calls = calls_text(s);
    pl_buf_write(answer, "", 1);
    ck_assert_str_eq((char *)answer->data, want->rest);
    ck_assert_str_eq(calls, want->calls);
    free(calls);
    pl_buf_finish(answer);
    pl_tool_stream_finish(s);
}

START_TEST(calls_are_found_and_the_rest_stays)
{
    struct pl_tool_stream s;
    struct pl_buf answer = {0};
    ck_assert_int_eq(pl_tool_calls_find(&s, whole(samples[_i].text), declared, DECLARED, &answer), 0);
    expect(&s, &answer, &samples[_i]);
}
END_TEST

static void feed_cut(struct pl_tool_stream *s, const char *text, size_t a, size_t b, struct pl_buf *answer)
{
    size_t n = strlen(text);
    pl_tool_stream_init(s, declared, DECLARED);
    ck_assert_int_eq(pl_tool_stream_feed(s, (struct pl_str){text, (uint32_t)a}, answer), 0);
    ck_assert_int_eq(pl_tool_stream_feed(s, (struct pl_str){text + a, (uint32_t)(b - a)}, answer), 0);
    ck_assert_int_eq(pl_tool_stream_feed(s, (struct pl_str){text + b, (uint32_t)(n - b)}, answer), 0);
    ck_assert_int_eq(pl_tool_stream_end(s, answer), 0);
}

START_TEST(every_chunking_gives_the_same)
{
    const struct sample *t = &samples[_i];
    size_t n = strlen(t->text);
    for (size_t a = 0; a <= n; a++)
        for (size_t b = a; b <= n; b++) {
            struct pl_tool_stream s;
            struct pl_buf answer = {0};
            feed_cut(&s, t->text, a, b, &answer);
            expect(&s, &answer, t);
        }
}
END_TEST

START_TEST(bytes_alone_give_the_same)
{
    const struct sample *t = &samples[_i];
    struct pl_tool_stream s;
    struct pl_buf answer = {0};
    pl_tool_stream_init(&s, declared, DECLARED);
    for (const char *p = t->text; *p; p++) pl_tool_stream_feed(&s, (struct pl_str){p, 1}, &answer);
    ck_assert_int_eq(pl_tool_stream_end(&s, &answer), 0);
    expect(&s, &answer, t);
}
END_TEST

START_TEST(plain_text_leaves_at_once)
{
    struct pl_tool_stream s;
    struct pl_buf answer = {0};
    pl_tool_stream_init(&s, declared, DECLARED);
    pl_tool_stream_feed(&s, PL_STR("The answer <b>"), &answer);
    ck_assert_uint_eq(answer.len, 14);
    pl_tool_stream_feed(&s, PL_STR("<tool"), &answer);
    ck_assert_uint_eq(answer.len, 14);
    pl_tool_stream_feed(&s, PL_STR("s"), &answer);
    ck_assert_uint_eq(answer.len, 20);
    ck_assert(!pl_tool_stream_holds(&s));
    pl_tool_stream_feed(&s, PL_STR("<tool_call>{"), &answer);
    ck_assert(pl_tool_stream_holds(&s));
    pl_buf_finish(&answer);
    pl_tool_stream_finish(&s);
}
END_TEST

START_TEST(json_that_is_no_call_is_released_when_it_ends)
{
    struct pl_tool_stream s;
    struct pl_buf answer = {0};
    pl_tool_stream_init(&s, declared, DECLARED);
    pl_tool_stream_feed(&s, PL_STR("{\"a\": 1"), &answer);
    ck_assert_uint_eq(answer.len, 0);
    pl_tool_stream_feed(&s, PL_STR("}"), &answer);
    ck_assert_uint_eq(answer.len, 8);
    pl_buf_finish(&answer);
    pl_tool_stream_finish(&s);
}
END_TEST

START_TEST(without_declared_tools_all_is_text)
{
    for (int i = 0; i < SAMPLES; i++) {
        struct pl_tool_stream s;
        struct pl_buf answer = {0};
        struct sample want = {samples[i].text, samples[i].text, ""};
        ck_assert_int_eq(pl_tool_calls_find(&s, whole(samples[i].text), NULL, 0, &answer), 0);
        expect(&s, &answer, &want);
    }
}
END_TEST

START_TEST(more_calls_than_the_limit_stay_text)
{
    struct pl_buf text = {0}, answer = {0};
    struct pl_tool_stream s;
    for (int i = 0; i < PL_TOOL_CALLS_MAX + 3; i++) pl_buf_printf(&text, "<tool_call>" CLOCK "</tool_call>");
    struct pl_str all = {(const char *)text.data, (uint32_t)text.len};
    ck_assert_int_eq(pl_tool_calls_find(&s, all, declared, DECLARED, &answer), 0);
    ck_assert_uint_eq(s.calls_count, PL_TOOL_CALLS_MAX);
    ck_assert_uint_eq(answer.len, 3 * strlen("<tool_call>" CLOCK "</tool_call>"));
    pl_buf_finish(&text);
    pl_buf_finish(&answer);
    pl_tool_stream_finish(&s);
}
END_TEST

START_TEST(deep_nesting_is_text)
{
    struct pl_buf text = {0}, answer = {0};
    struct pl_tool_stream s;
    for (int i = 0; i < 100000; i++) pl_buf_write(&text, "[", 1);
    for (int i = 0; i < 100000; i++) pl_buf_write(&text, "]", 1);
    struct pl_str all = {(const char *)text.data, (uint32_t)text.len};
    ck_assert_int_eq(pl_tool_calls_find(&s, all, declared, DECLARED, &answer), 0);
    ck_assert_uint_eq(s.calls_count, 0);
    ck_assert_uint_eq(answer.len, text.len);
    pl_buf_finish(&text);
    pl_buf_finish(&answer);
    pl_tool_stream_finish(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("tool_calls");
    TCase *tc = tcase_create("tool_calls");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, calls_are_found_and_the_rest_stays, 0, SAMPLES);
    tcase_add_loop_test(tc, every_chunking_gives_the_same, 0, SAMPLES);
    tcase_add_loop_test(tc, bytes_alone_give_the_same, 0, SAMPLES);
    PL_TEST(tc, plain_text_leaves_at_once);
    PL_TEST(tc, json_that_is_no_call_is_released_when_it_ends);
    PL_TEST(tc, without_declared_tools_all_is_text);
    PL_TEST(tc, more_calls_than_the_limit_stay_text);
    PL_TEST(tc, deep_nesting_is_text);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
