/* The audit record: a chain that shows what was changed, and a tail that a crash may have torn. */
#include "runtime/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

static char path[4096];

static const char *data(void)
{
    const char *dir = pl_test_dir();
    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    return dir;
}

static int add(const char *dir, const char *act, const char *detail)
{
    return pl_audit_append(
        dir, &(struct pl_audit_entry){.act = act, .tenant = "default", .subject = "s1", .detail = detail},
        NULL);
}

static struct pl_audit_report verify(const char *dir, const char *head)
{
    struct pl_audit_report r;
    struct pl_err err = {0};
    ck_assert_int_eq(pl_audit_verify(dir, head, &r, &err, NULL, NULL), 0);
    return r;
}

static void write_all(const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fwrite(bytes, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(each_line_names_the_one_before)
{
    const char *dir = data();
    ck_assert_int_eq(verify(dir, NULL).lines, 0);
    for (int i = 0; i < 5; i++) ck_assert_int_eq(add(dir, "keys.new", "a \"b\" \n \xc3\xa4"), 0);
    struct pl_audit_report r = verify(dir, NULL);
    ck_assert_int_eq(r.lines, 5);
    ck_assert_int_eq(r.bad_line, 0);
    ck_assert_int_eq(r.torn_bytes, 0);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(the_kept_head_shows_lines_that_were_cut_off)
{
    const char *dir = data();
    for (int i = 0; i < 3; i++) add(dir, "keys.new", NULL);
    struct pl_audit_report kept = verify(dir, NULL);
    add(dir, "keys.new", NULL);
    ck_assert(verify(dir, kept.head).head_found);
    size_t len;
    char *bytes = pl_test_read(path, &len), *second = memchr(bytes, '\n', len);
    write_all(bytes, (size_t)(second + 1 - bytes));
    struct pl_audit_report r = verify(dir, kept.head);
    ck_assert_int_eq(r.bad_line, 0); /* the chain alone does not show it */
    ck_assert(!r.head_found);
    free(bytes);
}
END_TEST

/* Every byte of a record of three lines, one after the other. */
START_TEST(any_flipped_byte_is_named_by_its_line)
{
    const char *dir = data();
    for (int i = 0; i < 3; i++) add(dir, "sessions.forget", "x");
    size_t len, line = 1;
    char *bytes = pl_test_read(path, &len);
    for (size_t i = 0; i + 1 < len; i++) {
        char was = bytes[i];
        bytes[i] ^= 1;
        write_all(bytes, len);
        ck_assert_int_eq(verify(dir, NULL).bad_line, line);
        bytes[i] = was;
        line += was == '\n';
    }
    free(bytes);
}
END_TEST

START_TEST(a_removed_or_swapped_line_is_found)
{
    const char *dir = data();
    for (int i = 0; i < 3; i++) add(dir, "sessions.forget", "x");
    size_t len;
    char *bytes = pl_test_read(path, &len), *first = memchr(bytes, '\n', len);
    write_all(first + 1, (size_t)(bytes + len - first - 1));
    ck_assert_int_eq(verify(dir, NULL).bad_line, 1);
    char *second = memchr(first + 1, '\n', (size_t)(bytes + len - first - 1));
    memmove(first + 1, second + 1, (size_t)(bytes + len - second - 1));
    write_all(bytes, len - (size_t)(second - first));
    ck_assert_int_eq(verify(dir, NULL).bad_line, 2);
    free(bytes);
}
END_TEST

START_TEST(nothing_follows_a_line_that_does_not_verify)
{
    const char *dir = data();
    for (int i = 0; i < 2; i++) add(dir, "sessions.forget", "x");
    size_t len;
    char *bytes = pl_test_read(path, &len);
    bytes[len - 10] ^= 1;
    write_all(bytes, len);
    struct pl_err err = {0};
    ck_assert_int_eq(pl_audit_append(dir, &(struct pl_audit_entry){.act = "a"}, &err), -PL_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "audit verify"));
    size_t now;
    free(pl_test_read(path, &now));
    ck_assert_int_eq(now, len);
    free(bytes);
}
END_TEST

/* The last line cut at every seventh byte: told from tampering, cut off by the next entry, and said. */
START_TEST(a_torn_last_line_is_told_and_repaired)
{
    const char *dir = data();
    add(dir, "a", NULL);
    size_t one, two;
    free(pl_test_read(path, &one));
    add(dir, "b", NULL);
    char *bytes = pl_test_read(path, &two);
    for (size_t cut = one + 1; cut < two; cut += 7) {
        write_all(bytes, cut);
        struct pl_audit_report r = verify(dir, NULL);
        ck_assert_int_eq(r.bad_line, 0);
        ck_assert_int_eq(r.torn_bytes, cut - one);
        ck_assert_int_eq(add(dir, "c", NULL), 0);
        r = verify(dir, NULL);
        ck_assert_int_eq(r.lines, 3);
        ck_assert_int_eq(r.bad_line + r.torn_bytes, 0);
        size_t n;
        char *after = pl_test_read(path, &n);
        ck_assert_ptr_nonnull(strstr(after, "\"audit.repair\""));
        free(after);
    }
    free(bytes);
}
END_TEST

START_TEST(many_writers_make_one_chain)
{
    enum { WRITERS = 4, EACH = 25 };
    const char *dir = data();
    for (int w = 0; w < WRITERS; w++) {
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        for (int i = 0; pid == 0 && i < EACH; i++)
            if (add(dir, "keys.new", NULL)) _exit(1);
        if (pid == 0) _exit(0);
    }
    for (int w = 0, status; w < WRITERS; w++) {
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
    struct pl_audit_report r = verify(dir, NULL);
    ck_assert_int_eq(r.lines, WRITERS * EACH);
    ck_assert_int_eq(r.bad_line, 0);
}
END_TEST

START_TEST(what_is_too_long_or_no_text_is_refused_by_its_field)
{
    const char *dir = data();
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct pl_err err = {0};
    ck_assert_int_eq(pl_audit_append(dir, &(struct pl_audit_entry){.act = name}, &err), -PL_E_TOO_LARGE);
    ck_assert_str_eq(err.field, "act");
    ck_assert_int_eq(pl_audit_append(dir, &(struct pl_audit_entry){.act = "a", .subject = name}, &err),
                     -PL_E_TOO_LARGE);
    ck_assert_str_eq(err.field, "subject");
    ck_assert_int_eq(pl_audit_append(dir, &(struct pl_audit_entry){0}, &err), -PL_E_INVALID);
    ck_assert_int_eq(add(dir, "a", "\xff"), -PL_E_INVALID);
    ck_assert_int_eq(verify(dir, NULL).lines, 0);
    char detail[3000];
    memset(detail, '\1', sizeof detail); /* six characters each, when escaped */
    detail[sizeof detail - 1] = 0;
    ck_assert_int_eq(add(dir, "a", detail), 0);
    ck_assert_int_eq(verify(dir, NULL).lines, 1);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audit");
    TCase *tc = tcase_create("audit");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, each_line_names_the_one_before);
    PL_TEST(tc, the_kept_head_shows_lines_that_were_cut_off);
    PL_TEST(tc, any_flipped_byte_is_named_by_its_line);
    PL_TEST(tc, a_removed_or_swapped_line_is_found);
    PL_TEST(tc, nothing_follows_a_line_that_does_not_verify);
    PL_TEST(tc, a_torn_last_line_is_told_and_repaired);
    PL_TEST(tc, many_writers_make_one_chain);
    PL_TEST(tc, what_is_too_long_or_no_text_is_refused_by_its_field);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
