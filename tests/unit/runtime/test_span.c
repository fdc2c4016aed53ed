#include "runtime/span.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/runtime/node_world.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

START_TEST(only_traceparents_are_taken)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {TRACE, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what", true},
        {"", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(pl_trace_check(pl_str_of(cases[i].text)) == cases[i].good, "%s", cases[i].text);
    ck_assert(
        !pl_trace_check((struct pl_str){"00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692\00331-01", 55}));
}
END_TEST

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Two writers, as two processes would be. */
START_TEST(the_file_stays_within_its_bound_and_loses_no_line_of_the_newest)
{
    enum { LIMIT = 1000, LINES = 200 };
    char path[256], old[260], line[32];
    struct pl_spans *writers[2];
    struct pl_err err = {0};
    snprintf(path, sizeof path, "%s/spans", pl_test_dir());
    snprintf(old, sizeof old, "%s.1", path);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(pl_spans_open(path, LIMIT, &writers[i], &err) == 0, "%s", err.text);
    for (int i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof line, "line %d\n", i);
        pl__spans_write(writers[i / 3 % 2], line, (size_t)n);
        ck_assert_uint_le(size_of(path), LIMIT);
        ck_assert_uint_le(size_of(old), LIMIT);
    }
    for (int i = 0; i < 2; i++) pl_spans_close(&writers[i]);
    size_t len[2];
    char *texts[2] = {pl_test_read(old, &len[0]), pl_test_read(path, &len[1])};
    ck_assert_uint_gt(len[0], LIMIT - 32);
    char *both = malloc(len[0] + len[1] + 1);
    memcpy(both, texts[0], len[0]);
    memcpy(both + len[0], texts[1], len[1] + 1);
    int number, at, next = -1;
    for (char *p = both; sscanf(p, "line %d\n%n", &number, &at) == 1; p += at) {
        ck_assert(next < 0 || number == next);
        next = number + 1;
    }
    ck_assert_int_eq(next, LINES);
    free(both);
    free(texts[0]);
    free(texts[1]);
}
END_TEST

/* ---- over actors ---- */

static char seen_by_echo[65], seen_in_reply[65];
static int step;

static int keep_trace(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    snprintf(seen_by_echo, sizeof seen_by_echo, "%.*s", PL_STR_FMT(m->env.trace));
    pl_log(self, PL_LOG_INFO, "handled", NULL);
    return echo(self, h, m);
}

/* First a message with a trace; while its answer is handled, one without; then an untraced one. */
static int talk(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    snprintf(seen_in_reply, sizeof seen_in_reply, "%.*s", PL_STR_FMT(m->env.trace));
    if (step++ == 0) {
        PL_NEW(w, b, store_written);
        b->token = 1;
        w->env.trace = pl_msg_str(w, PL_STR(TRACE));
        pl_send_to(self, "echo", &w);
    } else if (step == 2) {
        send_token(self, "echo", 2);
    }
    return 0;
}

START_TEST(what_is_sent_while_a_message_is_handled_has_its_trace_and_so_has_the_log)
{
    static struct host a, b;
    char line[512] = "";
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    struct pl_log log = {.fd = ends[1], .level = PL_LOG_INFO, .node = "service"};
    a = (struct host){.script = talk};
    b = (struct host){.script = keep_trace};
    struct pl_node_opts o = {.name = "service", .log = &log, .world = {.now_ms = now_ms, .random = chance}};
    ck_assert_int_eq(pl_node_create(&o, &net.nodes[0], NULL), 0);
    struct pl_node *n = net.nodes[0];
    step = 0;
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 2);
    ck_assert_str_eq(seen_by_echo, TRACE); /* also the second, which was sent without */
    ck_assert_str_eq(seen_in_reply, TRACE);
    ck_assert_int_gt(read(ends[0], line, sizeof line - 1), 0);
    ck_assert_ptr_nonnull(strstr(line, "\"trace\":\"0af7651916cd43dd8448eb211c80319c\""));
    poke(n); /* belongs to no trace */
    settle();
    ck_assert_str_eq(seen_in_reply, "");
    close(ends[0]);
    close(ends[1]);
    end();
}
END_TEST

static struct pl_span spans[3];

static int make_spans(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    pl_span_begin(self, &spans[0], "a", PL_STR(TRACE), false);
    pl_span_begin(self, &spans[1], "b", (struct pl_str){0}, false);
    pl_span_begin(self, &spans[2], "c", (struct pl_str){0}, true);
    for (int i = 0; i < 3; i++) {
        struct pl_span copy = spans[i];
        pl_span_end(self, &copy, PL_E_GONE, NULL, 0);
        pl_span_end(self, &copy, 0, NULL, 0); /* it is none any more */
    }
    return 0;
}

static size_t lines_of(const char *path)
{
    size_t len, n = 0;
    char *text = pl_test_read(path, &len);
    for (size_t i = 0; i < len; i++) n += text[i] == '\n';
    free(text);
    return n;
}

START_TEST(without_a_file_contexts_pass_through_and_with_one_each_span_is_written_once)
{
    char path[256];
    snprintf(path, sizeof path, "%s/spans", pl_test_dir());
    for (int with = 0; with < 2; with++) {
        static struct host a;
        struct pl_spans *file = NULL;
        if (with) ck_assert_int_eq(pl_spans_open(path, 1 << 20, &file, NULL), 0);
        a = (struct host){.script = make_spans};
        struct pl_node_opts o = {
            .name = "service", .spans = file, .world = {.now_ms = now_ms, .random = chance}};
        ck_assert_int_eq(pl_node_create(&o, &net.nodes[0], NULL), 0);
        add(net.nodes[0], "a", &a);
        listen_as(net.nodes[0], "a");
        start(net.nodes[0]);
        uint64_t drawn = net.random;
        poke(net.nodes[0]);
        settle();
        ck_assert_int_eq(spans[0].on, with);
        ck_assert(!spans[1].on && !*spans[1].context);
        ck_assert_int_eq(spans[2].on, with);
        if (!with) ck_assert_str_eq(spans[0].context, TRACE);
        if (!with)
            ck_assert_uint_eq(net.random, drawn); /* nothing is drawn, so runs of a simulator stay the same */
        if (with)
            ck_assert(pl_trace_check(pl_span_context(&spans[2])) &&
                      strcmp(spans[0].parent, "b7ad6b7169203331") == 0);
        end();
        pl_spans_close(&file);
    }
    ck_assert_uint_eq(lines_of(path), 2);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/span");
    TCase *tc = tcase_create("span");
    tcase_add_checked_fixture(tc, net_reset, end);
    PL_TEST(tc, only_traceparents_are_taken);
    PL_TEST(tc, the_file_stays_within_its_bound_and_loses_no_line_of_the_newest);
    PL_TEST(tc, what_is_sent_while_a_message_is_handled_has_its_trace_and_so_has_the_log);
    PL_TEST(tc, without_a_file_contexts_pass_through_and_with_one_each_span_is_written_once);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
