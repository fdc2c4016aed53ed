/* The tools actor between a probe in place of the session and probes in place of hosts; and with the real
 * host, which loads the calculator, on a leaf. */
#include "tests/unit/actors/world.h"

static struct probe session, calc;
static const char *const names[] = {"calc", NULL};
static struct pl_tools_opts opts;

#define SCHEMA                                                                                               \
    "{\"type\": \"function\", \"function\": {\"name\": \"calc\", \"parameters\": {\"type\": \"object\", "    \
    "\"properties\": "                                                                                       \
    "{\"x\": {\"type\": \"string\"}}, \"required\": [\"x\"]}}}"

static void begin_tools(uint32_t max_waiting)
{
    world_begin();
    opts = (struct pl_tools_opts){.names = names, .max_waiting = max_waiting};
    world_add(world.hub, &pl_tools_class, NULL, &opts);
    world_probe(&session, "session");
}

static void begin_with(uint32_t max_waiting)
{
    begin_tools(max_waiting);
    world_probe(&calc, "tool.calc");
    world_start(world.hub);
    world_settle();
}

/* ---- what the probes do ---- */

static bool idempotent;
static const char *arguments;
static const char *tool_name;
static uint64_t call_number, deadline_ms;

static void hello(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    PL_NEW(h, b, tool_hello);
    b->tool.name = PL_STR("calc");
    b->tool.schema = PL_STR(SCHEMA);
    b->tool.timeout_ms = 100;
    b->tool.idempotent = idempotent;
    pl_send_to(self, "tools", &h);
}

static void call(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    PL_NEW(c, b, tool_call);
    b->call = call_number;
    b->tool = pl_str_of(tool_name);
    b->arguments = pl_str_of(arguments);
    if (deadline_ms) c->deadline_ms = deadline_ms;
    pl_send_to(self, "tools", &c);
}

static void cancel(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    PL_NEW(c, b, tool_cancel);
    b->call = call_number;
    pl_send_system(self, "tools", &c);
}

static struct pl_str ran_content;
static int ran_code;

/* Answers the newest run. */
static void ran(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    const struct pl_msg *run = probe_find(p, &pl_tool_run_type, probe_count(p, &pl_tool_run_type) - 1);
    PL_NEW(r, b, tool_ran);
    b->call = ((struct pl_tool_run *)run->body)->call;
    b->code = (uint32_t)ran_code;
    b->content = ran_content;
    pl_reply(self, run, &r);
}

static void crash_next(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    p->fail = -PL_E_INTERNAL;
}

static void crash_now(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    struct pl_msg *next = pl_msg_create(&pl_store_written_type);
    p->fail = -PL_E_INTERNAL;
    pl_send_to(self, pl_actor_name(self), &next);
}

static void begin(bool safe)
{
    begin_with(2);
    idempotent = safe;
    probe_poke(&calc, hello);
}

static void ask(uint64_t number, const char *args)
{
    call_number = number;
    tool_name = "calc";
    arguments = args;
    deadline_ms = 0;
    probe_poke(&session, call);
}

static void answer_run(const char *text)
{
    ran_code = 0;
    ran_content = pl_str_of(text);
    probe_poke(&calc, ran);
}

static uint32_t runs(void)
{
    return probe_count(&calc, &pl_tool_run_type);
}

static const struct pl_tool_result *result(uint32_t n)
{
    const struct pl_msg *m = probe_find(&session, &pl_tool_result_type, n);
    return m ? m->body : NULL;
}

static void expect(uint32_t n, uint64_t number, int code, const char *content)
{
    const struct pl_tool_result *r = result(n);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->call, number);
    ck_assert_msg(r->code == (uint32_t)code, "code %u: %.*s", r->code, PL_STR_FMT(r->content));
    if (content) ck_assert_msg(pl_str_is(r->content, content), "%.*s", PL_STR_FMT(r->content));
    ck_assert_uint_gt(r->content.len, 0);
}

static const struct pl_tool_described *described(void)
{
    uint32_t n = probe_count(&session, &pl_tool_described_type);
    return n ? probe_find(&session, &pl_tool_described_type, n - 1)->body : NULL;
}

/* ---- tests ---- */

START_TEST(call_is_run_and_answered_once)
{
    begin(true);
    ck_assert_uint_eq(described()->tools_count, 1);
    ck_assert(pl_str_is(described()->tools[0].name, "calc"));
    ck_assert(pl_str_is(described()->tools[0].schema, SCHEMA));
    ask(7, "{\"x\": \"1\"}");
    ck_assert_uint_eq(runs(), 1);
    ck_assert(pl_str_is(((struct pl_tool_run *)probe_find(&calc, &pl_tool_run_type, 0)->body)->arguments,
                        "{\"x\": \"1\"}"));
    answer_run("one");
    expect(0, 7, 0, "one");
    probe_poke(&calc, ran); /* again */
    ck_assert_ptr_null(result(1));
    ck_assert_uint_eq(pl_node_due_ms(world.hub), UINT64_MAX);
    ck_assert(world_metric("parlance_tools_calls_total{tool=\"calc\",code=\"ok\"}") == 1);
    world_end();
}
END_TEST

START_TEST(unknown_tool_is_not_found)
{
    begin(true);
    call_number = 1;
    tool_name = "nothing";
    arguments = "{}";
    probe_poke(&session, call);
    expect(0, 1, PL_E_NOT_FOUND, NULL);
    world_end();
}
END_TEST

START_TEST(arguments_that_do_not_fit_are_refused)
{
    static const char *const bad[] = {"", "{", "[]", "\"x\"", "{}", "{\"x\": 5}"};
    begin(true);
    for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask(i, bad[i]);
        expect(i, i, PL_E_INVALID, NULL);
    }
    ck_assert_uint_eq(runs(), 0);
    expect(4, 4, PL_E_INVALID, "the arguments do not fit the tool calc: x is missing");
    world_end();
}
END_TEST

START_TEST(arguments_that_came_before_the_schema_are_checked_too)
{
    begin_with(4);
    ask(1, "{}");
    ask(2, "{\"x\": \"\"}");
    ck_assert_ptr_null(result(0));
    probe_poke(&calc, hello);
    expect(0, 1, PL_E_INVALID, NULL);
    ck_assert_uint_eq(runs(), 1);
    world_end();
}
END_TEST

START_TEST(calls_run_one_at_a_time_in_order_and_the_line_is_bounded)
{
    begin(true);
    for (uint64_t i = 1; i <= 4; i++) ask(i, "{\"x\": \"\"}");
    ck_assert_uint_eq(runs(), 1);
    expect(0, 4, PL_E_OVERLOADED, NULL);
    for (uint32_t i = 1; i <= 3; i++) {
        answer_run("done");
        expect(i, i, 0, "done");
        ck_assert_uint_eq(runs(), i < 3 ? i + 1 : 3);
    }
    world_end();
}
END_TEST

START_TEST(slow_tool_times_out_and_a_late_result_is_nothing)
{
    begin(true);
    ask(1, "{\"x\": \"\"}");
    world_pass(99);
    ck_assert_ptr_null(result(0));
    world_pass(1);
    expect(0, 1, PL_E_TOOL_TIMEOUT, NULL);
    answer_run("late");
    ck_assert_ptr_null(result(1));
    ask(2, "{\"x\": \"\"}"); /* waits for the host that is being restarted */
    ck_assert_uint_eq(runs(), 1);
    world_pass(5000); /* nobody told that it died: it is tried all the same */
    ck_assert_uint_eq(runs(), 2);
    world_end();
}
END_TEST

START_TEST(crash_is_retried_once_when_that_is_safe)
{
    begin(true);
    probe_poke(&calc, crash_next);
    ask(1, "{\"x\": \"\"}");
    world_pass(50); /* restarted by its supervisor */
    ck_assert_ptr_null(result(0));
    ck_assert_uint_eq(runs(), 2);
    answer_run("second time");
    expect(0, 1, 0, "second time");
    world_end();
}
END_TEST

START_TEST(second_crash_fails_the_call)
{
    begin(true);
    probe_poke(&calc, crash_next);
    ask(1, "{\"x\": \"\"}");
    probe_poke(&calc, crash_next);
    world_pass(50);
    expect(0, 1, PL_E_TOOL_FAILED, "the tool calc crashed");
    ck_assert_uint_eq(runs(), 2);
    world_end();
}
END_TEST

START_TEST(crash_of_an_unsafe_tool_fails_the_call)
{
    begin(false);
    probe_poke(&calc, crash_next);
    ask(1, "{\"x\": \"\"}");
    expect(0, 1, PL_E_TOOL_FAILED, "the tool calc crashed");
    ask(2, "{\"x\": \"\"}");
    world_pass(50);
    ck_assert_uint_eq(runs(), 2);
    answer_run("well");
    expect(1, 2, 0, "well");
    world_end();
}
END_TEST

START_TEST(crash_while_it_holds_a_call_spares_those_that_wait)
{
    begin(false);
    ask(1, "{\"x\": \"\"}");
    ask(2, "{\"x\": \"\"}");
    probe_poke(&calc, crash_now);
    expect(0, 1, PL_E_TOOL_FAILED, "the tool calc crashed");
    world_pass(50);
    answer_run("well");
    expect(1, 2, 0, "well");
    world_end();
}
END_TEST

START_TEST(tool_that_fails_in_a_row_is_closed_for_a_while)
{
    begin(false);
    for (uint32_t i = 0; i < 5; i++) {
        ask(i, "{\"x\": \"\"}");
        ran_code = PL_E_TOOL_FAILED;
        ran_content = PL_STR("broken");
        probe_poke(&calc, ran);
        expect(i, i, PL_E_TOOL_FAILED, "broken");
    }
    ask(5, "{\"x\": \"\"}");
    expect(5, 5, PL_E_UNAVAILABLE, NULL);
    ck_assert_uint_eq(runs(), 5);
    world_pass(5000);
    ask(6, "{\"x\": \"\"}");
    answer_run("well");
    expect(6, 6, 0, "well");
    world_end();
}
END_TEST

START_TEST(refused_arguments_are_no_failure_of_the_tool)
{
    begin(false);
    for (uint32_t i = 0; i < 10; i++) {
        ask(i, "{\"x\": \"\"}");
        ran_code = PL_E_INVALID;
        ran_content = PL_STR("division by zero");
        probe_poke(&calc, ran);
        expect(i, i, PL_E_INVALID, "division by zero");
    }
    world_end();
}
END_TEST

START_TEST(rubbish_is_not_passed_on)
{
    begin(false);
    ask(1, "{\"x\": \"\"}");
    ran_code = 0;
    ran_content = PL_STR("\xFF\xFE");
    probe_poke(&calc, ran);
    world_pass(100); /* where messages are encoded on the way, this one gets nowhere */
    ck_assert(result(0)->code == PL_E_TOOL_FAILED || result(0)->code == PL_E_TOOL_TIMEOUT);
    ck_assert_ptr_null(result(1));
    world_end();
}
END_TEST

START_TEST(cancelled_call_is_not_answered)
{
    begin(false);
    ask(1, "{\"x\": \"\"}");
    ask(2, "{\"x\": \"\"}");
    ask(3, "{\"x\": \"\"}");
    call_number = 1;
    probe_poke(&session, cancel);
    call_number = 2;
    probe_poke(&session, cancel);
    answer_run("of 1");
    ck_assert_ptr_null(result(0));
    answer_run("of 3");
    expect(0, 3, 0, "of 3");
    ck_assert_ptr_null(result(1));
    world_end();
}
END_TEST

START_TEST(call_without_time_left_is_not_run)
{
    begin(false);
    ask(1, "{\"x\": \"\"}");
    call_number = 2;
    deadline_ms = world.now_ms + 10;
    probe_poke(&session, call);
    world_pass(20);
    answer_run("of 1");
    expect(1, 2, PL_E_DEADLINE_EXCEEDED, NULL);
    ck_assert_uint_eq(runs(), 1);
    world_end();
}
END_TEST

START_TEST(call_for_a_tool_that_never_comes_is_unavailable)
{
    begin_with(4);
    ask(1, "{\"x\": \"\"}");
    world_pass(29999);
    ck_assert_ptr_null(result(0));
    world_pass(1);
    expect(0, 1, PL_E_UNAVAILABLE, NULL);
    world_end();
}
END_TEST

START_TEST(restarted_session_is_told_again)
{
    begin(true);
    ck_assert_ptr_nonnull(described());
    probe_poke(&session, crash_now);
    probe_clear(&session);
    world_pass(50);
    ck_assert_uint_eq(described()->tools_count, 1);
    world_end();
}
END_TEST

START_TEST(tool_of_another_name_is_not_taken)
{
    begin_with(4);
    probe_poke(&session, hello); /* it says calc, but it is not tool.calc */
    ck_assert(!described() || described()->tools_count == 0);
    world_end();
}
END_TEST

/* ---- with the real host, in a node of its own ---- */

static void leaf_begin(const char *path)
{
    struct pl_node_opts o = {.name = "box", .hub = "service", .incarnation = world.incarnation};
    struct pl_err err = {0};
    static struct pl_tool_host_opts host;
    host.path = path;
    o.world = (struct pl_world){.self = (void *)(uintptr_t) "box",
                                .now_ms = world_now,
                                .wall_ms = world_wall,
                                .random = world_random,
                                .link_send = world_link_send};
    ck_assert_msg(pl_node_create(&o, &world.leaf, &err) == 0, "%s", err.text);
    world_add(world.leaf, &pl_tool_host_class, "tool.calculator", &host);
    world_start(world.leaf);
    pl_node_link_up(world.leaf, "service");
    world_settle();
}

static void hub_begin(void)
{
    static const char *const real[] = {"calculator", NULL};
    const struct pl_restart_policy policy = PL_RESTART_DEFAULT;
    begin_tools(8);
    opts.names = real;
    ck_assert_int_eq(pl_node_child(world.hub, "box", &policy, NULL), 0);
    ck_assert_int_eq(pl_node_place(world.hub, "tool.calculator", "box", NULL), 0);
    world_start(world.hub);
    world_settle();
}

static const char *calculator_path(void)
{
    static char path[4096];
    const char *build = getenv("PL_TEST_BUILD");
    snprintf(path, sizeof path, "%s/tools/calculator.so", build ? build : ".");
    return path;
}

static void ask_calculator(uint64_t number, const char *args)
{
    call_number = number;
    tool_name = "calculator";
    arguments = args;
    probe_poke(&session, call);
}

START_TEST(real_host_serves_the_calculator)
{
    hub_begin();
    leaf_begin(calculator_path());
    ck_assert_uint_eq(described()->tools_count, 1);
    ck_assert(described()->tools[0].idempotent);
    ask_calculator(1, "{\"expression\": \"12345 * 67890\"}");
    expect(0, 1, 0, "838102050");
    ask_calculator(2, "{\"expression\": \"1 / 0\"}");
    expect(1, 2, PL_E_INVALID, "division by zero");
    ask_calculator(3, "{\"expression\": 5}");
    expect(2, 3, PL_E_INVALID, NULL);
    world_end();
}
END_TEST

START_TEST(host_that_hangs_is_killed_and_the_next_one_serves)
{
    hub_begin();
    leaf_begin(calculator_path());
    pl_node_destroy(&world.leaf); /* it is there, but it does not answer */
    ask_calculator(1, "{\"expression\": \"1 + 1\"}");
    world_pass(1999);
    ck_assert_ptr_null(result(0));
    world_pass(1);
    expect(0, 1, PL_E_TOOL_TIMEOUT, NULL);
    ck_assert_uint_eq(world.child_kills, 1);
    pl_node_child_exited(world.hub, "box", world.incarnation, 9);
    ask_calculator(2, "{\"expression\": \"2 + 2\"}");
    world_pass(100);
    ck_assert_uint_eq(world.child_starts, 2);
    leaf_begin(calculator_path());
    expect(1, 2, 0, "4");
    world_end();
}
END_TEST

START_TEST(host_that_dies_in_a_call_is_asked_again)
{
    hub_begin();
    leaf_begin(calculator_path());
    pl_node_destroy(&world.leaf);
    ask_calculator(1, "{\"expression\": \"1 + 1\"}");
    pl_node_child_exited(world.hub, "box", world.incarnation, 11);
    world_pass(100);
    ck_assert_ptr_null(result(0));
    leaf_begin(calculator_path());
    expect(0, 1, 0, "2");
    world_end();
}
END_TEST

START_TEST(object_that_is_no_tool_is_refused_at_start)
{
    static const char *const bad[] = {"/nonexistent.so", "libm.so.6"};
    for (int i = 0; i < 2; i++) {
        struct pl_tool_host_opts host = {.path = bad[i]};
        struct pl_err err = {0};
        world_begin();
        world_add(world.hub, &pl_tool_host_class, "tool.calc", &host);
        ck_assert_int_ne(pl_node_start(world.hub, &err), 0);
        world_end();
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("tools");
    TCase *tc = tcase_create("tools");
    tcase_set_timeout(tc, 60);
    PL_TEST(tc, call_is_run_and_answered_once);
    PL_TEST(tc, unknown_tool_is_not_found);
    PL_TEST(tc, arguments_that_do_not_fit_are_refused);
    PL_TEST(tc, arguments_that_came_before_the_schema_are_checked_too);
    PL_TEST(tc, calls_run_one_at_a_time_in_order_and_the_line_is_bounded);
    PL_TEST(tc, slow_tool_times_out_and_a_late_result_is_nothing);
    PL_TEST(tc, crash_is_retried_once_when_that_is_safe);
    PL_TEST(tc, second_crash_fails_the_call);
    PL_TEST(tc, crash_of_an_unsafe_tool_fails_the_call);
    PL_TEST(tc, crash_while_it_holds_a_call_spares_those_that_wait);
    PL_TEST(tc, tool_that_fails_in_a_row_is_closed_for_a_while);
    PL_TEST(tc, refused_arguments_are_no_failure_of_the_tool);
    PL_TEST(tc, rubbish_is_not_passed_on);
    PL_TEST(tc, cancelled_call_is_not_answered);
    PL_TEST(tc, call_without_time_left_is_not_run);
    PL_TEST(tc, call_for_a_tool_that_never_comes_is_unavailable);
    PL_TEST(tc, restarted_session_is_told_again);
    PL_TEST(tc, tool_of_another_name_is_not_taken);
    PL_TEST(tc, real_host_serves_the_calculator);
    PL_TEST(tc, host_that_hangs_is_killed_and_the_next_one_serves);
    PL_TEST(tc, host_that_dies_in_a_call_is_asked_again);
    PL_TEST(tc, object_that_is_no_tool_is_refused_at_start);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
