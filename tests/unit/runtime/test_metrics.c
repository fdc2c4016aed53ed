#include "runtime/metrics.h"

#include <math.h>

#include "schemas/wire.h"
#include "tests/support/support.h"

static void text_is(const struct pl_metrics *m, const char *expected)
{
    struct pl_buf b = {0};
    pl_metrics_write(m, &b);
    pl_buf_write(&b, "", 1);
    ck_assert_str_eq((const char *)b.data, expected);
    pl_buf_finish(&b);
}

START_TEST(counters_and_gauges_are_written_by_family)
{
    struct pl_metrics *m = pl_metrics_create();
    struct pl_counter *a = pl_metrics_counter(m, "parlance_a_total", "Things.", "kind=\"x\"");
    struct pl_gauge *g = pl_metrics_gauge(m, "parlance_g_bytes", "Two\nlines \\.", NULL);
    struct pl_counter *b = pl_metrics_counter(m, "parlance_a_total", "Things.", "kind=\"y\"");
    pl_counter_add(a, 1);
    pl_counter_add(b, 2.5);
    pl_gauge_set(g, 123456789012.0);
    text_is(m, "# HELP parlance_a_total Things.\n# TYPE parlance_a_total counter\n"
               "parlance_a_total{kind=\"x\"} 1\nparlance_a_total{kind=\"y\"} 2.5\n"
               "# HELP parlance_g_bytes Two\\nlines \\\\.\n# TYPE parlance_g_bytes gauge\n"
               "parlance_g_bytes 123456789012\n");
    pl_metrics_destroy(&m);
    ck_assert_ptr_null(m);
}
END_TEST

static struct pl_metrics_page page(const char *node, const char *text)
{
    return (struct pl_metrics_page){node, pl_str_of(text)};
}

static void merge_is(const struct pl_metrics_page *pages, size_t n, const char *expected)
{
    struct pl_buf b = {0};
    pl_metrics_merge(pages, n, &b);
    pl_buf_write(&b, "", 1);
    ck_assert_str_eq((const char *)b.data, expected);
    pl_buf_finish(&b);
}

START_TEST(merged_pages_keep_families_whole)
{
    struct pl_metrics_page pages[] = {
        page(NULL, "# HELP a A.\n# TYPE a counter\na{k=\"1\"} 1\n# HELP b B.\n# TYPE b gauge\nb 2\n"),
        page("edge", "# HELP b Other.\n# TYPE b gauge\nb 3\n# HELP c C.\n# TYPE c gauge\nc{x=\"y\"} 4\n"),
        page("store", "# HELP c C.\n# TYPE c gauge\nc 5\n# HELP a A.\n# TYPE a counter\na{k=\"2\"} 6\n")};
    merge_is(pages, 3,
             "# HELP a A.\n# TYPE a counter\na{k=\"1\"} 1\na{node=\"store\",k=\"2\"} 6\n"
             "# HELP b B.\n# TYPE b gauge\nb 2\nb{node=\"edge\"} 3\n"
             "# HELP c C.\n# TYPE c gauge\nc{node=\"edge\",x=\"y\"} 4\nc{node=\"store\"} 5\n");
}
END_TEST

START_TEST(merged_pages_may_be_empty_or_cut)
{
    struct pl_metrics_page pages[] = {page(NULL, ""), page("edge", "# HELP "),
                                      page("x", "noise\n# HELP a\na 1"), page("y", NULL)};
    merge_is(pages, 4, "# HELP \n# HELP a\na{node=\"x\"} 1\n");
}
END_TEST

START_TEST(same_name_and_labels_give_the_same_handle)
{
    struct pl_metrics *m = pl_metrics_create();
    struct pl_counter *a = pl_metrics_counter(m, "parlance_a_total", "Things.", NULL);
    ck_assert_ptr_eq(a, pl_metrics_counter(m, "parlance_a_total", "Things.", NULL));
    ck_assert_ptr_eq(a, pl_metrics_counter(m, "parlance_a_total", "Things.", ""));
    ck_assert_ptr_ne(a, pl_metrics_counter(m, "parlance_a_total", "Things.", "x=\"1\""));
    pl_metrics_destroy(&m);
}
END_TEST

START_TEST(name_of_another_kind_gives_a_handle_that_nobody_prints)
{
    struct pl_metrics *m = pl_metrics_create();
    pl_metrics_counter(m, "parlance_a_total", "Things.", NULL);
    pl_gauge_set(pl_metrics_gauge(m, "parlance_a_total", "Things.", NULL), 9);
    pl_histogram_observe(pl_metrics_histogram(m, "parlance_a_total", "Things.", NULL, NULL, 0), 9);
    text_is(m, "# HELP parlance_a_total Things.\n# TYPE parlance_a_total counter\nparlance_a_total 0\n");
    pl_metrics_destroy(&m);
}
END_TEST

START_TEST(histogram_buckets_are_cumulative)
{
    static const double bounds[] = {0.1, 1, 10};
    struct pl_metrics *m = pl_metrics_create();
    struct pl_histogram *h = pl_metrics_histogram(m, "parlance_h_seconds", "Time.", "a=\"b\"", bounds, 3);
    static const double values[] = {0.05, 0.1, 0.5, 5, 50};
    for (int i = 0; i < 5; i++) pl_histogram_observe(h, values[i]);
    ck_assert_uint_eq(pl_histogram_count(h), 5);
    text_is(
        m,
        "# HELP parlance_h_seconds Time.\n# TYPE parlance_h_seconds histogram\n"
        "parlance_h_seconds_bucket{a=\"b\",le=\"0.1\"} 2\nparlance_h_seconds_bucket{a=\"b\",le=\"1\"} 3\n"
        "parlance_h_seconds_bucket{a=\"b\",le=\"10\"} 4\nparlance_h_seconds_bucket{a=\"b\",le=\"+Inf\"} 5\n"
        "parlance_h_seconds_sum{a=\"b\"} 55.65\nparlance_h_seconds_count{a=\"b\"} 5\n");
    pl_metrics_destroy(&m);
}
END_TEST

START_TEST(values_that_are_not_finite_have_names)
{
    struct pl_metrics *m = pl_metrics_create();
    pl_gauge_set(pl_metrics_gauge(m, "a", "A.", NULL), INFINITY);
    pl_gauge_set(pl_metrics_gauge(m, "b", "B.", NULL), -INFINITY);
    pl_gauge_set(pl_metrics_gauge(m, "c", "C.", NULL), NAN);
    text_is(m, "# HELP a A.\n# TYPE a gauge\na +Inf\n# HELP b B.\n# TYPE b gauge\nb -Inf\n"
               "# HELP c C.\n# TYPE c gauge\nc NaN\n");
    pl_metrics_destroy(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/metrics");
    TCase *tc = tcase_create("metrics");
    PL_TEST(tc, counters_and_gauges_are_written_by_family);
    PL_TEST(tc, merged_pages_keep_families_whole);
    PL_TEST(tc, merged_pages_may_be_empty_or_cut);
    PL_TEST(tc, same_name_and_labels_give_the_same_handle);
    PL_TEST(tc, name_of_another_kind_gives_a_handle_that_nobody_prints);
    PL_TEST(tc, histogram_buckets_are_cumulative);
    PL_TEST(tc, values_that_are_not_finite_have_names);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
