/* Options: file < environment < flags, and errors that name the option and its place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/config.h"
#include "tests/support/support.h"

static const struct pl_option table[] = {
    {"config", PL_OPT_STRING, NULL, 0, 0, NULL, NULL, "The file.", false},
    {"max-seqs", PL_OPT_U64, "8", 1, 1024, NULL, NULL, "Sequences at a time.", false},
    {"temperature", PL_OPT_F64, "0.7", 0, 2, NULL, NULL, "Of sampling.", false},
    {"isa", PL_OPT_CHOICE, NULL, 0, 0, "portable|avx2|avx512", NULL, "Instruction set.", false},
    {"trace", PL_OPT_BOOL, "false", 0, 0, NULL, NULL, "Traces.", false},
    {"tool", PL_OPT_STRING, NULL, 0, 0, NULL, NULL, "A tool.", true},
    {"timeout", PL_OPT_U64, NULL, 0, 0, NULL, "ms", "Time.", false},
    {"placement.executor", PL_OPT_STRING, "process", 0, 0, NULL, NULL, "Where.", false},
    {"tenant-queue", PL_OPT_U64, "4", 0, 64, NULL, NULL, "Places in the line.", false, "tenant"},
    {"tenant-rate", PL_OPT_F64, "0", 0, 1000, NULL, NULL, "Requests a second.", false, "tenant"},
    {NULL, 0, NULL, 0, 0, NULL, NULL, NULL, false},
};

static struct pl_config *config;
static struct pl_err err;
static const char *const *rest;
static int n_rest;

static int load_words(const char *file, int argc, const char *const *argv)
{
    memset(&err, 0, sizeof err);
    pl_config_destroy(&config);
    return pl_config_load(table, argc, argv, file, NULL, NULL, &config, &err);
}
#define LOAD(file, ...)                                                                                      \
    load_words((file), (int)(sizeof((const char *[]){NULL, ##__VA_ARGS__}) / sizeof(char *)) - 1,            \
               (const char *[]){NULL, ##__VA_ARGS__} + 1)

static const char *file_with(const char *text)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/parlance.conf", pl_test_dir());
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void ck_says(const char *part)
{
    ck_assert_msg(strstr(err.text, part) != NULL, "`%s` lacks `%s`", err.text, part);
}

START_TEST(defaults_hold_when_nothing_is_said)
{
    ck_assert_int_eq(LOAD(NULL), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 8);
    ck_assert_double_eq(pl_config_f64(config, "temperature"), 0.7);
    ck_assert_ptr_null(pl_config_str(config, "isa"));
    ck_assert(!pl_config_bool(config, "trace"));
    ck_assert_uint_eq(pl_config_u64(config, "timeout"), 0);
    ck_assert_uint_eq(pl_config_count(config, "tool"), 0);
    ck_assert(!pl_config_is_set(config, "max-seqs"));
}
END_TEST

START_TEST(flags_go_before_environment_and_that_before_the_file)
{
    const char *file = file_with("[parlance]\nmax-seqs = 1\ntemperature = 1\n; words\nisa = avx2\n"
                                 "[placement]\nexecutor = thread\n");
    setenv("PARLANCE_MAX_SEQS", "2", 1);
    setenv("PARLANCE_TEMPERATURE", "2", 1);
    setenv("PARLANCE_NOBODY_KNOWS", "x", 1);
    ck_assert_int_eq(LOAD(file, "--max-seqs", "3"), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 3);
    ck_assert_double_eq(pl_config_f64(config, "temperature"), 2);
    ck_assert_str_eq(pl_config_str(config, "isa"), "avx2");
    ck_assert_str_eq(pl_config_str(config, "placement.executor"), "thread");
    ck_assert(pl_config_is_set(config, "isa"));
}
END_TEST

START_TEST(a_section_is_the_first_part_of_a_name_everywhere)
{
    ck_assert_int_eq(LOAD(NULL, "--placement-executor=node"), 0);
    ck_assert_str_eq(pl_config_str(config, "placement.executor"), "node");
    setenv("PARLANCE_PLACEMENT_EXECUTOR", "thread", 1);
    ck_assert_int_eq(LOAD(NULL), 0);
    ck_assert_str_eq(pl_config_str(config, "placement.executor"), "thread");
}
END_TEST

START_TEST(the_file_is_named_by_flag_or_environment)
{
    char flag[4300];
    const char *file = file_with("[parlance]\nmax-seqs = 77\n");
    snprintf(flag, sizeof flag, "--config=%s", file);
    ck_assert_int_eq(LOAD("/nowhere/default.conf", flag), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 77);
    ck_assert_int_eq(LOAD("/nowhere/default.conf"), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 8);
    setenv("PARLANCE_CONFIG", file, 1);
    ck_assert_int_eq(LOAD("/nowhere/default.conf"), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 77);
    ck_assert_int_eq(LOAD(NULL, "--config", "/nowhere/named.conf"), -PL_E_IO);
    ck_says("/nowhere/named.conf");
}
END_TEST

START_TEST(booleans_take_all_their_forms)
{
    static const char *const yes[] = {"--trace", "--trace=true", "--trace=on", "--trace=1", "--trace=yes"};
    static const char *const no[] = {"--no-trace", "--trace=false", "--trace=off", "--trace=0", "--trace=no"};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(LOAD(NULL, yes[i]), 0);
        ck_assert(pl_config_bool(config, "trace"));
        ck_assert_int_eq(LOAD(NULL, "--trace", no[i]), 0);
        ck_assert(!pl_config_bool(config, "trace"));
    }
    ck_assert_int_eq(LOAD(NULL, "--trace=maybe"), -PL_E_INVALID);
    ck_assert_int_eq(LOAD(NULL, "--no-max-seqs"), -PL_E_INVALID);
}
END_TEST

START_TEST(repeatable_options_add_up_within_a_source)
{
    const char *file = file_with("[parlance]\ntool = a.so\ntool = b.so\n");
    ck_assert_int_eq(LOAD(file), 0);
    ck_assert_uint_eq(pl_config_count(config, "tool"), 2);
    ck_assert_str_eq(pl_config_at(config, "tool", 1), "b.so");
    ck_assert_int_eq(LOAD(file, "--tool", "x", "--tool=y", "--tool", "z"), 0);
    ck_assert_uint_eq(pl_config_count(config, "tool"), 3);
    ck_assert_str_eq(pl_config_at(config, "tool", 0), "x");
    ck_assert_str_eq(pl_config_at(config, "tool", 2), "z");
}
END_TEST

START_TEST(an_option_twice_in_a_file_is_refused_and_the_last_flag_counts)
{
    ck_assert_int_eq(LOAD(file_with("[parlance]\nmax-seqs = 1\nmax-seqs = 2\n")), -PL_E_INVALID);
    ck_says("parlance.conf:3");
    ck_assert_int_eq(LOAD(NULL, "--max-seqs=1", "--max-seqs=2"), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 2);
}
END_TEST

START_TEST(an_unknown_name_names_the_nearest)
{
    ck_assert_int_eq(LOAD(NULL, "--max-seq=3"), -PL_E_INVALID);
    ck_says("max-seqs");
    ck_says("--max-seq");
    ck_assert_int_eq(LOAD(NULL, "--placement-exekutor", "x"), -PL_E_INVALID);
    ck_says("placement.executor");
    ck_assert_int_eq(LOAD(file_with("[parlance]\n\ntemprature = 1\n")), -PL_E_INVALID);
    ck_says("parlance.conf:3");
    ck_says("`temperature`");
    ck_assert_int_eq(LOAD(file_with("[placment]\nexecutor = x\n")), -PL_E_INVALID);
    ck_says("placement.executor");
    ck_assert_int_eq(LOAD(NULL, "--entirely-different"), -PL_E_INVALID);
    ck_assert_ptr_null(strstr(err.text, "nearest"));
    ck_assert_int_eq(LOAD(NULL, "-x"), -PL_E_INVALID);
    ck_assert_int_eq(LOAD(NULL, "--"), 0);
}
END_TEST

START_TEST(a_bad_value_names_its_option_and_its_place)
{
    static const char *const bad[] = {"0",  "1025", "-1", "", " 1", "1x", "0x10", "99999999999999999999",
                                      "1.5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(LOAD(NULL, "--max-seqs", bad[i]), -PL_E_INVALID);
        ck_says("--max-seqs");
        ck_assert_str_eq(err.field, "max-seqs");
    }
    setenv("PARLANCE_TEMPERATURE", "warm", 1);
    ck_assert_int_eq(LOAD(NULL), -PL_E_INVALID);
    ck_says("PARLANCE_TEMPERATURE");
    setenv("PARLANCE_TEMPERATURE", "nan", 1);
    ck_assert_int_eq(LOAD(NULL), -PL_E_INVALID);
    unsetenv("PARLANCE_TEMPERATURE");
    ck_assert_int_eq(LOAD(file_with("[parlance]\nisa = sse9\n")), -PL_E_INVALID);
    ck_says("parlance.conf:2");
    ck_says("portable|avx2|avx512");
    ck_assert_int_eq(LOAD(NULL, "--isa=avx2|avx512"), -PL_E_INVALID);
    ck_assert_int_eq(LOAD(NULL, "--isa="), -PL_E_INVALID);
}
END_TEST

START_TEST(a_flag_without_its_value_is_refused)
{
    ck_assert_int_eq(LOAD(NULL, "--max-seqs"), -PL_E_INVALID);
    ck_says("needs a value");
    ck_assert_int_eq(LOAD(NULL, "--tool", "--trace"), -PL_E_INVALID);
    ck_assert_int_eq(LOAD(NULL, "--tool=--trace"), 0);
    ck_assert_str_eq(pl_config_at(config, "tool", 0), "--trace");
    ck_assert(!pl_config_bool(config, "trace"));
}
END_TEST

START_TEST(words_are_left_to_who_asks_for_them)
{
    const char *const argv[] = {"serve", "--trace", "now", "-", "--", "--max-seqs", "x"};
    ck_assert_int_eq(pl_config_load(table, 7, argv, NULL, &rest, &n_rest, &config, &err), 0);
    ck_assert_int_eq(n_rest, 5);
    ck_assert_str_eq(rest[0], "serve");
    ck_assert_str_eq(rest[2], "-");
    ck_assert_str_eq(rest[4], "x");
    ck_assert(pl_config_bool(config, "trace"));
    ck_assert_int_eq(LOAD(NULL, "serve"), -PL_E_INVALID);
    ck_says("serve");
}
END_TEST

START_TEST(a_broken_file_is_refused_with_its_line)
{
    char text[700] = "[parlance]\ntool = ";
    ck_assert_int_eq(LOAD(file_with("[parlance]\nmax-seqs = 1\nnonsense\n")), -PL_E_INVALID);
    ck_says("parlance.conf:3");
    memset(text + strlen(text), 'x', 600);
    ck_assert_int_eq(LOAD(file_with(text)), -PL_E_INVALID);
    ck_says("parlance.conf:2");
    ck_assert_int_eq(LOAD(file_with("")), 0);
    ck_assert_int_eq(LOAD(file_with("\xef\xbb\xbf[parlance]\r\nmax-seqs = 5 ; five\r\n")), 0);
    ck_assert_uint_eq(pl_config_u64(config, "max-seqs"), 5);
}
END_TEST

START_TEST(help_shows_each_option_with_its_facts_and_is_cut_at_the_size)
{
    char page[4096], small[32];
    pl_config_help(table, page, sizeof page);
    ck_assert_ptr_nonnull(strstr(page, "--max-seqs N\n"));
    ck_assert_ptr_nonnull(strstr(page, "1 to 1024; default 8"));
    ck_assert_ptr_nonnull(strstr(page, "--isa portable|avx2|avx512"));
    ck_assert_ptr_nonnull(strstr(page, "--placement-executor"));
    ck_assert_ptr_nonnull(strstr(page, "(in ms)"));
    ck_assert_ptr_nonnull(strstr(page, "--tool TEXT ..."));
    pl_config_help(table, small, sizeof small);
    ck_assert_uint_eq(strlen(small), sizeof small - 1);
    ck_assert_int_eq(strncmp(small, page, sizeof small - 1), 0);
}
END_TEST

START_TEST(a_section_of_one_member_goes_before_all)
{
    const char *file = file_with("tenant-queue = 9\n[tenant acme]\nqueue = 3\n[tenant b c]\nrate = 2.5\n");
    ck_assert_msg(LOAD(file, "--tenant-queue", "7") == 0, "%s", err.text);
    ck_assert_uint_eq(pl_config_u64(config, "tenant-queue"), 7);
    ck_assert_uint_eq(pl_config_u64_of(config, "tenant-queue", "acme"), 3);
    ck_assert_uint_eq(pl_config_u64_of(config, "tenant-queue", "other"), 7);
    ck_assert_uint_eq(pl_config_u64_of(config, "tenant-queue", "b c"), 7);
    ck_assert_double_eq(pl_config_f64_of(config, "tenant-rate", "b c"), 2.5);
    ck_assert_double_eq(pl_config_f64_of(config, "tenant-rate", "acme"), 0);
    ck_assert_str_eq(pl_config_member(config, "tenant", 0), "acme");
    ck_assert_str_eq(pl_config_member(config, "tenant", 1), "b c");
    ck_assert_ptr_null(pl_config_member(config, "tenant", 2));
    ck_assert_ptr_null(pl_config_member(config, "user", 0));
}
END_TEST

START_TEST(a_wrong_section_of_a_member_is_refused_with_its_line)
{
    ck_assert_int_eq(LOAD(file_with("[tenant acme]\nqueue = 65\n")), -PL_E_INVALID);
    ck_says("parlance.conf:2");
    ck_assert_int_eq(LOAD(file_with("[tenant acme]\nspeed = 1\n")), -PL_E_INVALID);
    ck_says("parlance.conf:2");
    ck_assert_int_eq(LOAD(file_with("[user acme]\nqueue = 1\n")), -PL_E_INVALID);
    ck_assert_int_eq(LOAD(file_with("[tenant acme]\nqueue = 1\n[tenant acme]\nqueue = 2\n")), -PL_E_INVALID);
    ck_says("already set");
    ck_assert_int_eq(
        LOAD(file_with("[tenant aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee]\nqueue = 1\n")),
        -PL_E_INVALID);
    ck_says("section");
}
END_TEST

START_TEST(another_kind_of_getter_stops_the_process)
{
    ck_assert_int_eq(LOAD(NULL), 0);
    pl_config_u64(config, "isa");
}
END_TEST

static void tear_down(void)
{
    pl_config_destroy(&config);
}

static Suite *suite(void)
{
    Suite *s = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_checked_fixture(tc, NULL, tear_down);
    PL_TEST(tc, defaults_hold_when_nothing_is_said);
    PL_TEST(tc, flags_go_before_environment_and_that_before_the_file);
    PL_TEST(tc, a_section_is_the_first_part_of_a_name_everywhere);
    PL_TEST(tc, the_file_is_named_by_flag_or_environment);
    PL_TEST(tc, booleans_take_all_their_forms);
    PL_TEST(tc, repeatable_options_add_up_within_a_source);
    PL_TEST(tc, an_option_twice_in_a_file_is_refused_and_the_last_flag_counts);
    PL_TEST(tc, an_unknown_name_names_the_nearest);
    PL_TEST(tc, a_bad_value_names_its_option_and_its_place);
    PL_TEST(tc, a_flag_without_its_value_is_refused);
    PL_TEST(tc, words_are_left_to_who_asks_for_them);
    PL_TEST(tc, a_broken_file_is_refused_with_its_line);
    PL_TEST(tc, help_shows_each_option_with_its_facts_and_is_cut_at_the_size);
    PL_TEST(tc, a_section_of_one_member_goes_before_all);
    PL_TEST(tc, a_wrong_section_of_a_member_is_refused_with_its_line);
    tcase_add_test_raise_signal(tc, another_kind_of_getter_stops_the_process, 6);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
