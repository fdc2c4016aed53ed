#include "runtime/log.h"

#include <string.h>
#include <unistd.h>

#include "tests/support/support.h"

static int ends[2];

static uint64_t some_time(void *arg)
{
    return 1700000000123;
}

static struct pl_log piped(void)
{
    ck_assert_int_eq(pipe(ends), 0);
    return (struct pl_log){.fd = ends[1], .level = PL_LOG_INFO, .node = "service", .wall_ms = some_time};
}

static const char *line(void)
{
    static char text[8192];
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

START_TEST(line_is_one_json_object)
{
    struct pl_log log = piped();
    pl_log_write(&log, PL_LOG_INFO, "session", "accepted", "id=%s tokens=%u text=%s", "m-1", 12u,
                 "two words");
    ck_assert_str_eq(line(), "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"node\":\"service\","
                             "\"actor\":\"session\",\"event\":\"accepted\",\"id\":\"m-1\",\"tokens\":\"12\","
                             "\"text\":\"two words\"}\n");
}
END_TEST

START_TEST(value_cannot_make_a_key)
{
    struct pl_log log = piped();
    log.wall_ms = NULL;
    pl_log_write(&log, PL_LOG_WARN, "", "e", "a=%s b=%d", "x\",\"level\":\"info b=2\n", 3);
    ck_assert_str_eq(line(), "{\"level\":\"warn\",\"node\":\"service\",\"event\":\"e\","
                             "\"a\":\"x\\\",\\\"level\\\":\\\"info b=2\\u000a\",\"b\":\"3\"}\n");
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_replaced)
{
    struct pl_log log = piped();
    log.wall_ms = NULL;
    pl_log_write(&log, PL_LOG_WARN, "", "e", "a=%s", "\xc3\xa9\xff\xe2\x82");
    ck_assert_str_eq(line(), "{\"level\":\"warn\",\"node\":\"service\",\"event\":\"e\",\"a\":"
                             "\"\xc3\xa9\\ufffd\\ufffd\\ufffd\"}\n");
}
END_TEST

START_TEST(lines_above_the_level_are_dropped)
{
    struct pl_log log = piped();
    pl_log_write(&log, PL_LOG_DEBUG, "a", "e", "k=%d", 1);
    ck_assert_str_eq(line(), "");
    struct pl_log none = {.fd = -1, .level = PL_LOG_DEBUG};
    pl_log_write(&none, PL_LOG_ERROR, "a", "e", "k=%d", 1);
    pl_log_write(NULL, PL_LOG_ERROR, "a", "e", "k=%d", 1);
}
END_TEST

/* Each length puts the cut at another place of a pair. */
START_TEST(long_line_is_cut_and_stays_json)
{
    static char value[5000], quotes[5000];
    for (size_t n = 1000; n < 4500; n += 7) {
        struct pl_log log = piped();
        memset(value, 'a', n);
        value[n] = '\0';
        memset(quotes, '"', n / 3);
        quotes[n / 3] = '\0';
        pl_log_write(&log, PL_LOG_ERROR, quotes, value, "k=%s l=%s m=%d", quotes, value, 5);
        const char *text = line();
        size_t len = strlen(text);
        ck_assert_uint_le(len, 4096);
        ck_assert_str_eq(text + len - 3, "\"}\n");
        size_t open = 0;
        for (size_t i = 0; i < len; i++) {
            if (text[i] == '\\')
                i++;
            else
                open += text[i] == '"';
        }
        ck_assert_uint_eq(open % 2, 0);
    }
}
END_TEST

START_TEST(levels_have_names)
{
    ck_assert_int_eq(pl_log_level_parse("error"), PL_LOG_ERROR);
    ck_assert_int_eq(pl_log_level_parse("debug"), PL_LOG_DEBUG);
    ck_assert_int_eq(pl_log_level_parse("loud"), -1);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/log");
    TCase *tc = tcase_create("log");
    PL_TEST(tc, line_is_one_json_object);
    PL_TEST(tc, value_cannot_make_a_key);
    PL_TEST(tc, bytes_that_are_not_utf8_are_replaced);
    PL_TEST(tc, lines_above_the_level_are_dropped);
    PL_TEST(tc, long_line_is_cut_and_stays_json);
    PL_TEST(tc, levels_have_names);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
