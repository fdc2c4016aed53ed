#include "tests/support/support.h"

#include <stdlib.h>
#include "actors/session/round.h"

/* The byte vocabulary makes ids of texts: one id a byte. */
static struct pl_vocab *vocab;
static struct pl_template *chatml;
static struct pl_model_text model;

static void set_up(void)
{
    ck_assert_int_eq(pl_vocab_create_bytes(&vocab, NULL), 0);
    ck_assert_int_eq(pl_template_create_chatml(vocab, &chatml, NULL), 0);
    model = (struct pl_model_text){vocab, chatml, "bytes", ""};
}

static void tear_down(void)
{
    pl_template_destroy(&chatml);
    pl_vocab_destroy(&vocab);
}

struct outcome {
    struct pl_buf answer, reasoning, rest;
    uint32_t calls, pieces;
    bool stopped, only_repeats;
};

static void take(struct pl_buf *from, struct pl_buf *to, uint32_t *pieces)
{
    if (from->len) ++*pieces;
    pl_buf_write(to, from->data, from->len);
    pl_buf_clear(from);
}

static struct outcome run(struct pl_round_opts o, const char *text)
{
    struct outcome out = {0};
    struct pl_round r;
    o.model = &model;
    ck_assert_int_eq(pl_round_init(&r, &o), 0);
    for (const char *p = text; *p; p++) {
        ck_assert_int_eq(pl_round_id(&r, (unsigned char)*p), 0);
        take(&r.reasoning, &out.reasoning, &out.pieces);
        take(&r.answer, &out.answer, &out.pieces);
    }
    ck_assert_int_eq(pl_round_end(&r), 0);
    take(&r.reasoning, &out.reasoning, &out.pieces);
    take(&r.answer, &out.answer, &out.pieces);
    out.calls = r.calls.calls_count;
    out.stopped = r.stopped;
    out.only_repeats = pl_round_only_repeats(&r);
    pl_buf_write(&out.rest, r.rest.data, r.rest.len);
    pl_round_finish(&r);
    return out;
}

static void finish(struct outcome *o)
{
    pl_buf_finish(&o->answer);
    pl_buf_finish(&o->reasoning);
    pl_buf_finish(&o->rest);
}

static void is(const struct pl_buf *b, const char *text)
{
    ck_assert_uint_eq(b->len, strlen(text));
    ck_assert_mem_eq(b->data ? (const char *)b->data : "", text, b->len);
}

START_TEST(plain_text_leaves_at_once)
{
    struct outcome o = run((struct pl_round_opts){0}, "Hello there");
    is(&o.answer, "Hello there");
    ck_assert_uint_eq(o.pieces, 11);
    finish(&o);
}
END_TEST

START_TEST(a_piece_never_splits_a_character)
{
    struct outcome o = run((struct pl_round_opts){0}, "\xe4\xbd\xa0\xe5\xa5\xbd");
    is(&o.answer, "\xe4\xbd\xa0\xe5\xa5\xbd");
    ck_assert_uint_eq(o.pieces, 2);
    finish(&o);
}
END_TEST

START_TEST(a_character_cut_by_the_end_becomes_the_replacement)
{
    struct outcome o = run((struct pl_round_opts){0}, "a\xe4\xbd");
    is(&o.answer, "a\xef\xbf\xbd");
    finish(&o);
}
END_TEST

START_TEST(reasoning_is_told_apart)
{
    struct outcome o = run((struct pl_round_opts){0}, "<think>two and two</think>Four.");
    is(&o.reasoning, "two and two");
    is(&o.answer, "Four.");
    finish(&o);
}
END_TEST

START_TEST(a_mark_that_is_none_is_text)
{
    struct outcome o = run((struct pl_round_opts){0}, "<thin air>");
    is(&o.answer, "<thin air>");
    is(&o.reasoning, "");
    finish(&o);
    o = run((struct pl_round_opts){0}, "<thi");
    is(&o.answer, "<thi");
    finish(&o);
}
END_TEST

START_TEST(reasoning_without_its_end_is_reasoning)
{
    struct outcome o = run((struct pl_round_opts){0}, "<think>on and on </thi");
    is(&o.reasoning, "on and on </thi");
    is(&o.answer, "");
    finish(&o);
}
END_TEST

START_TEST(a_stop_string_ends_the_answer_and_is_no_part_of_it)
{
    struct pl_str stop[] = {PL_STR("END"), PL_STR("\n\n")};
    struct outcome o = run((struct pl_round_opts){.stop = stop, .stop_count = 2}, "one E END two");
    is(&o.answer, "one E ");
    ck_assert(o.stopped);
    finish(&o);
    o = run((struct pl_round_opts){.stop = stop, .stop_count = 2}, "one EN");
    is(&o.answer, "one EN");
    ck_assert(!o.stopped);
    finish(&o);
}
END_TEST

START_TEST(a_tool_call_is_no_text)
{
    struct pl_str tools[] = {PL_STR("calculator")};
    struct outcome o = run((struct pl_round_opts){.tools = tools, .tools_count = 1},
                           "Let me see. <tool_call>\n{\"name\": \"calculator\", \"arguments\": "
                           "{\"expression\": \"1+1\"}}\n</tool_call>");
    ck_assert_uint_eq(o.calls, 1);
    ck_assert_ptr_null(memmem(o.answer.data, o.answer.len, "tool_call", 9));
    finish(&o);
    o = run((struct pl_round_opts){.tools = tools, .tools_count = 1},
            "{\"name\": \"calculator\", \"arguments\": {\"expression\": \"1+1\"}}");
    ck_assert_uint_eq(o.calls, 1);
    is(&o.answer, "");
    finish(&o);
}
END_TEST

START_TEST(text_that_looks_like_a_call_is_text_without_tools)
{
    struct outcome o = run((struct pl_round_opts){0}, "{\"name\": \"calculator\"}");
    is(&o.answer, "{\"name\": \"calculator\"}");
    finish(&o);
}
END_TEST

START_TEST(a_repeated_result_is_held_and_recognised)
{
    struct pl_str repeats[] = {PL_STR("42")}, tools[] = {PL_STR("calculator")};
    struct pl_round_opts opts = {.repeats = repeats, .repeats_count = 1, .tools = tools, .tools_count = 1};
    struct outcome o = run(opts, " 42\n");
    is(&o.answer, "");
    ck_assert(o.only_repeats);
    finish(&o);
    o = run(opts, "{\"result\": 42}");
    ck_assert(o.only_repeats);
    finish(&o);
    o = run(opts, "42 is the answer");
    is(&o.answer, "42 is the answer");
    ck_assert(!o.only_repeats);
    finish(&o);
    o = run(opts, "");
    ck_assert(o.only_repeats);
    finish(&o);
}
END_TEST

START_TEST(a_call_on_nothing_but_a_result_is_recognised)
{
    const struct {
        const char *arguments;
        bool only;
    } cases[] = {
        {"{\"expression\":\"42\"}", true},      {"{\"expression\":\" 42\\n\"}", true},
        {"{\"expression\":42}", true},          {"{\"expression\":\"42+1\"}", false},
        {"{\"expression\":\"\"}", false},       {"{\"expression\":[42]}", false},
        {"{\"a\":\"42\",\"b\":\"42\"}", false}, {"{}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pl_found_call c = {PL_STR("calculator"), pl_str_of(cases[i].arguments)};
        ck_assert_msg(pl_round_call_holds_only(&c, PL_STR("42")) == cases[i].only, "%s", cases[i].arguments);
    }
}
END_TEST

START_TEST(an_answer_without_text_is_empty)
{
    struct pl_str tools[] = {PL_STR("calculator")}, stops[] = {PL_STR("END")}, repeats[] = {PL_STR("42")};
    struct pl_round_opts all[] = {{0},
                                  {.stop = stops, .stop_count = 1},
                                  {.tools = tools, .tools_count = 1},
                                  {.stop = stops,
                                   .stop_count = 1,
                                   .tools = tools,
                                   .tools_count = 1,
                                   .repeats = repeats,
                                   .repeats_count = 1}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct outcome o = run(all[i], "");
        is(&o.answer, "");
        is(&o.reasoning, "");
        is(&o.rest, "");
        ck_assert(!o.stopped);
        ck_assert(o.only_repeats);
        finish(&o);
    }
    struct outcome o = run((struct pl_round_opts){.stop = stops, .stop_count = 1}, "<think>");
    is(&o.answer, "");
    is(&o.reasoning, "");
    finish(&o);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("round");
    TCase *tc = tcase_create("round");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    PL_TEST(tc, plain_text_leaves_at_once);
    PL_TEST(tc, a_piece_never_splits_a_character);
    PL_TEST(tc, a_character_cut_by_the_end_becomes_the_replacement);
    PL_TEST(tc, reasoning_is_told_apart);
    PL_TEST(tc, a_mark_that_is_none_is_text);
    PL_TEST(tc, reasoning_without_its_end_is_reasoning);
    PL_TEST(tc, a_stop_string_ends_the_answer_and_is_no_part_of_it);
    PL_TEST(tc, a_tool_call_is_no_text);
    PL_TEST(tc, text_that_looks_like_a_call_is_text_without_tools);
    PL_TEST(tc, a_repeated_result_is_held_and_recognised);
    PL_TEST(tc, a_call_on_nothing_but_a_result_is_recognised);
    PL_TEST(tc, an_answer_without_text_is_empty);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
