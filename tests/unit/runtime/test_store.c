/* The store actor on a real RocksDB, driven through a real node with a clock of our own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/node.h"
#include "runtime/store.h"
#include "schemas/gen/runtime.h"
#include "tests/unit/runtime/store_world.h"

START_TEST(writes_of_one_turn_share_a_commit)
{
    char key[16];
    ck_assert_int_eq(open_store(), 0);
    for (uint32_t i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%u", i);
        put_text(i, key, "v");
    }
    kick();
    ck_assert_uint_eq(answers_count, 100);
    for (uint32_t i = 0; i < 100; i++) ck_written(i, i);
    ck_assert_double_eq(counter("parlance_store_commits_total"), 1);
    ck_assert_double_eq(counter("parlance_store_commit_requests_total"), 100);
}
END_TEST

START_TEST(a_batch_is_bounded_by_requests_and_by_bytes)
{
    static char big[1 << 20];
    ck_assert_int_eq(open_store(), 0);
    for (uint32_t i = 0; i < 1100; i++) put_text(i, "k", "v");
    kick();
    ck_assert_uint_eq(answers_count, 1100);
    ck_assert_double_eq(counter("parlance_store_commits_total"), 3);
    for (uint32_t i = 0; i < 8; i++) put(i, "big", big, sizeof big);
    kick();
    ck_assert_uint_eq(answers_count, 8);
    ck_assert_double_eq(counter("parlance_store_commits_total"), 5);
}
END_TEST

START_TEST(a_read_sees_every_write_before_it_and_answers_keep_the_order)
{
    ck_assert_int_eq(open_store(), 0);
    get(1, "turns", "a");
    put_text(2, "a", "one");
    get(3, "turns", "a");
    put_text(4, "a", "two");
    write_one(5, PL_STORE_OP_OP_DELETE, "turns", "gone");
    get(6, "turns", "a");
    get(7, "users", "a");
    kick();
    ck_assert_uint_eq(answers_count, 7);
    ck_value(0, NULL);
    ck_written(1, 2);
    ck_value(2, "one");
    ck_written(3, 4);
    ck_written(4, 5);
    ck_value(5, "two");
    ck_value(6, NULL);
}
END_TEST

START_TEST(an_empty_value_is_a_value)
{
    ck_assert_int_eq(open_store(), 0);
    put_text(1, "a", "");
    get(2, "turns", "a");
    scan(3, NULL, NULL);
    kick();
    ck_written(0, 1);
    ck_value(1, "");
    ck_rows(2, "a", false);
    ck_assert(PL_BODY(answers[2], store_rows)->rows[0].has_value);
}
END_TEST

static void put_letters(const char *letters)
{
    for (const char *p = letters; *p; p++) put_text(0, (char[2]){*p, 0}, "0123456789");
}

START_TEST(delete_range_takes_exactly_its_range)
{
    ck_assert_int_eq(open_store(), 0);
    put_letters("abcdef");
    delete_range(1, "b", "e");
    delete_range(2, "f", "f");
    scan(3, NULL, NULL);
    kick();
    ck_rows(answers_count - 1, "aef", false);
}
END_TEST

START_TEST(scan_keeps_to_its_range_and_its_limits)
{
    ck_assert_int_eq(open_store(), 0);
    put_letters("abcdef");
    kick();
    scan(0, "b", "e");
    scan(1, "b", NULL);
    scan(2, NULL, "");
    scan(3, NULL, NULL)->limit = 2;
    scan(4, NULL, NULL)->limit = 6;
    scan(5, "c", "c");
    scan(6, "e", "b");
    scan(7, NULL, NULL)->max_bytes = 25;
    scan(8, NULL, NULL)->max_bytes = 0;
    kick();
    ck_rows(0, "bcd", false);
    ck_rows(1, "bcdef", false);
    ck_rows(2, "abcdef", false);
    ck_rows(3, "ab", true);
    ck_rows(4, "abcdef", false);
    ck_rows(5, "", false);
    ck_rows(6, "", false);
    ck_rows(7, "ab", true);
    ck_rows(8, "a", true);
}
END_TEST

START_TEST(a_reverse_scan_begins_at_the_end)
{
    ck_assert_int_eq(open_store(), 0);
    put_letters("abcdef");
    kick();
    scan(0, "b", "e")->reverse = true;
    scan(1, NULL, NULL)->reverse = true;
    struct pl_store_scan *s = scan(2, NULL, "d");
    s->reverse = true;
    s->limit = 2;
    kick();
    ck_rows(0, "dcb", false);
    ck_rows(1, "fedcba", false);
    ck_rows(2, "cb", true);
}
END_TEST

START_TEST(a_bad_write_is_refused_alone_and_whole)
{
    ck_assert_int_eq(open_store(), 0);
    put_text(1, "a", "good");
    PL_NEW(m, w, store_write);
    w->token = 2;
    w->ops = pl_msg_alloc(m, 2 * sizeof *w->ops);
    w->ops_count = 2;
    w->ops[0] = (struct pl_store_op){.family = PL_STR("turns"), .key = bin("half"), .has_value = true};
    w->ops[1] = (struct pl_store_op){.family = PL_STR("nobody"), .key = bin("x"), .has_value = true};
    out[out_count++] = m;
    write_one(3, PL_STORE_OP_OP_PUT, "turns", "no value");
    delete_range(4, "b", "a");
    delete_range(5, "b", NULL);
    get(6, "nobody", "a");
    get(7, "default", "a");
    scan(8, NULL, NULL)->family = PL_STR("nobody");
    get(9, "turns", "half");
    get(10, "turns", "a");
    kick();
    ck_assert_uint_eq(answers_count, 10);
    for (uint32_t i = 0; i < 4; i++) ck_failed(i, i + 2, PL_E_INVALID);
    ck_written(4, 1);
    for (uint32_t i = 5; i < 8; i++) ck_failed(i, i + 1, PL_E_INVALID);
    ck_value(8, NULL);
    ck_value(9, "good");
}
END_TEST

START_TEST(what_was_written_is_there_after_closing_and_opening)
{
    struct stat st;
    ck_assert_int_eq(open_store(), 0);
    put_text(1, "a", "kept");
    kick();
    ck_written(0, 1);
    close_store();
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    static const char *const more[] = {"turns", "tools", NULL};
    opts.families = more;
    ck_assert_int_eq(open_store(), 0);
    get(1, "turns", "a");
    get(2, "users", "a");
    get(3, "tools", "a");
    kick();
    ck_value(0, "kept");
    ck_failed(1, 2, PL_E_INVALID);
    ck_value(2, NULL);
}
END_TEST

START_TEST(a_store_that_another_has_open_is_refused)
{
    ck_assert_int_eq(open_store(), 0);
    struct pl_node *first = node;
    ck_assert_int_eq(open_store(), -PL_E_CONFLICT);
    pl_node_destroy(&node);
    node = first;
}
END_TEST

static void forget_acknowledged(void)
{
    char acked[4200];
    snprintf(acked, sizeof acked, "%s/ACKED", path);
    ck_assert_int_eq(unlink(acked), 0);
}

START_TEST(a_torn_last_record_is_dropped_and_nothing_else)
{
    char log[4400];
    struct stat st;
    ck_assert_int_eq(open_store(), 0);
    write_many(0, 200);
    close_store();
    find_file(".log", log, sizeof log);
    ck_assert_int_eq(stat(log, &st), 0);
    ck_assert_int_eq(truncate(log, st.st_size - 100), 0);
    forget_acknowledged(); /* as after a crash of the machine in the middle of the last commit */
    ck_assert_int_eq(open_store(), 0);
    ck_assert_uint_eq(count_rows(), 199);
    write_many(199, 210);
    close_store();
    ck_assert_int_eq(open_store(), 0);
    ck_assert_uint_eq(count_rows(), 210);
}
END_TEST

START_TEST(a_flipped_byte_within_the_log_is_refused)
{
    char log[4400];
    struct stat st;
    uint8_t byte;
    ck_assert_int_eq(open_store(), 0);
    write_many(0, 200);
    close_store();
    find_file(".log", log, sizeof log);
    ck_assert_int_eq(stat(log, &st), 0);
    int fd = open(log, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(pread(fd, &byte, 1, st.st_size / 2), 1);
    byte ^= 0x10;
    ck_assert_int_eq(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    close(fd);
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
    close_store();
    fd = open(log, O_RDWR | O_CLOEXEC);
    byte ^= 0x10;
    ck_assert_int_eq(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    close(fd);
    ck_assert_int_eq(open_store(), 0);
    ck_assert_uint_eq(count_rows(), 200);
}
END_TEST

START_TEST(a_store_without_its_current_is_not_taken_for_a_new_one)
{
    char current[4200];
    ck_assert_int_eq(open_store(), 0);
    write_many(0, 3);
    close_store();
    ck_assert_int_eq(open_store(), 0); /* recovery turns the log into a table */
    close_store();
    snprintf(current, sizeof current, "%s/CURRENT", path);
    ck_assert_int_eq(unlink(current), 0);
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
}
END_TEST

START_TEST(log_without_current_is_refused)
{
    char current[4200];
    ck_assert_int_eq(open_store(), 0);
    write_many(0, 3);
    close_store();
    snprintf(current, sizeof current, "%s/CURRENT", path);
    ck_assert_int_eq(unlink(current), 0);
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
}
END_TEST

START_TEST(below_the_reserve_writes_are_refused_and_reads_are_not)
{
    ck_assert_int_eq(open_store(), 0);
    put_text(1, "a", "v");
    kick();
    close_store();
    opts.reserve_bytes = UINT64_MAX;
    ck_assert_int_eq(open_store(), 0);
    put_text(2, "b", "v");
    get(3, "turns", "a");
    get(4, "turns", "b");
    kick();
    ck_failed(0, 2, PL_E_STORAGE_FULL);
    ck_value(1, "v");
    ck_value(2, NULL);
    opts.reserve_bytes = 1;
    close_store();
    ck_assert_int_eq(open_store(), 0);
    put_text(5, "b", "v");
    kick();
    ck_written(0, 5);
}
END_TEST

/* Writes until the store says no; how many were acknowledged. */
static uint32_t write_until_refused(uint32_t most)
{
    static char value[64 << 10];
    char key[16];
    uint64_t seed = 7;
    for (uint32_t i = 0; i < most; i++) {
        for (size_t k = 0; k < sizeof value; k += 8) memcpy(value + k, &(uint64_t){pl_test_random(&seed)}, 8);
        snprintf(key, sizeof key, "k%06u", i);
        put(i, key, value, sizeof value);
        kick();
        if (!PL_BODY(answers[0], store_written)) {
            ck_failed(0, i, PL_E_STORAGE_FULL);
            return i;
        }
    }
    ck_abort_msg("the disk never filled");
}

static void ck_read_only(uint32_t acknowledged)
{
    char key[16];
    put_text(1, "later", "v");
    snprintf(key, sizeof key, "k%06u", acknowledged - 1);
    get(2, "turns", key);
    snprintf(key, sizeof key, "k%06u", acknowledged);
    get(3, "turns", key);
    kick();
    ck_failed(0, 1, PL_E_STORAGE_FULL);
    ck_assert_ptr_nonnull(PL_BODY(answers[1], store_values));
    ck_assert(PL_BODY(answers[1], store_values)->rows[0].found);
    ck_value(2, NULL);
}

/* Lets the reopening timer come due, often enough for one that found no room at first. */
static void wait_for_reopen(void)
{
    for (int i = 0; i < 10; i++) {
        now_ms += 60000;
        run();
    }
}

static void ck_works_again(uint32_t acknowledged)
{
    put_text(1, "zlater", "v");
    kick();
    ck_written(0, 1);
    uint32_t rows = 0;
    for (struct pl_store_scan *s = scan(0, "k", "l"); s;) {
        s->limit = 4096;
        kick();
        const struct pl_store_rows *r = PL_BODY(answers[0], store_rows);
        ck_assert_ptr_nonnull(r);
        rows += r->rows_count;
        char from[64];
        if (!r->more) break;
        snprintf(from, sizeof from, "%.*s~", (int)r->rows[r->rows_count - 1].key.len,
                 (const char *)r->rows[r->rows_count - 1].key.ptr);
        s = scan(0, from, "l");
    }
    ck_assert_uint_eq(rows, acknowledged);
}

static uint64_t free_bytes(void)
{
    struct statvfs s;
    ck_assert_int_eq(statvfs(pl_test_dir(), &s), 0);
    return (uint64_t)s.f_bavail * s.f_frsize;
}

START_TEST(a_full_disk_is_an_error_code_and_space_brings_writes_back)
{
    char ballast[4200];
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", pl_test_dir(), "tmpfs", 0, "size=64m") != 0) {
        pl_test_skip("full disk", "a file system cannot be mounted without privilege");
        return;
    }
    snprintf(ballast, sizeof ballast, "%s/ballast", pl_test_dir());
    int fd = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_eq(posix_fallocate(fd, 0, 44 << 20), 0);
    close(fd);
    ck_assert_int_eq(open_store(), 0);
    uint32_t acknowledged = write_until_refused(2000);
    ck_assert_uint_gt(acknowledged, 10);
    /* False: a flush took the last page, and the reserve saw it before a write could fail; room may come back
     * by itself. */
    bool failed = counter("parlance_store_errors_total") > 0;
    if (failed) ck_read_only(acknowledged);
    ck_assert_int_eq(unlink(ballast), 0);
    if (failed) wait_for_reopen();
    ck_works_again(acknowledged);
    close_store();
    ck_assert_int_eq(open_store(), 0);
    ck_works_again(acknowledged);
    close_store();
    ck_assert_int_eq(umount(pl_test_dir()), 0);
}
END_TEST

START_TEST(a_disk_without_room_to_recover_refuses_to_open)
{
    char ballast[4200];
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", pl_test_dir(), "tmpfs", 0, "size=64m") != 0) {
        pl_test_skip("full disk", "a file system cannot be mounted without privilege");
        return;
    }
    ck_assert_int_eq(open_store(), 0);
    put_text(1, "k", "v");
    kick();
    ck_written(0, 1);
    close_store();
    snprintf(ballast, sizeof ballast, "%s/ballast", pl_test_dir());
    int fd = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_eq(posix_fallocate(fd, 0, (off_t)free_bytes() - 65536), 0);
    close(fd);
    ck_assert_int_eq(open_store(), -PL_E_STORAGE_FULL);
    close_store();
    ck_assert_int_eq(unlink(ballast), 0);
    ck_assert_int_eq(open_store(), 0);
    get(2, "turns", "k");
    kick();
    ck_assert_ptr_nonnull(PL_BODY(answers[0], store_values));
    close_store();
    ck_assert_int_eq(umount(pl_test_dir()), 0);
}
END_TEST

START_TEST(a_log_that_cannot_grow_is_an_error_code_and_reopening_heals_it)
{
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 300 << 10;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint32_t acknowledged = write_until_refused(200);
    ck_assert_uint_gt(acknowledged, 0);
    ck_read_only(acknowledged);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    wait_for_reopen();
    ck_works_again(acknowledged);
    ck_assert_double_eq(counter("parlance_store_errors_total"), 1);
}
END_TEST

/* Writes one key after another and tells each acknowledged one to the pipe. Never returns. */
static void write_for_ever(int fd)
{
    ck_assert_int_eq(open_store(), 0);
    for (uint32_t i = 0;; i++) {
        write_many(i, i + 1);
        if (write(fd, &i, sizeof i) != sizeof i) _exit(1);
    }
}

START_TEST(what_was_acknowledged_survives_sigkill)
{
    int pipes[2], status;
    uint32_t last = 0, all = 0;
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) write_for_ever(pipes[1]);
        close(pipes[1]);
        for (int i = 0; i < 100 * (round + 1) && read(pipes[0], &last, sizeof last) == sizeof last; i++) {}
        kill(pid, SIGKILL);
        while (read(pipes[0], &last, sizeof last) == sizeof last) {}
        close(pipes[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (last > all) all = last;
    }
    ck_assert_int_eq(open_store(), 0);
    ck_assert_uint_ge(count_rows(), all + 1);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("store");
    TCase *tc = tcase_create("store");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, close_store);
    PL_TEST(tc, writes_of_one_turn_share_a_commit);
    PL_TEST(tc, a_batch_is_bounded_by_requests_and_by_bytes);
    PL_TEST(tc, a_read_sees_every_write_before_it_and_answers_keep_the_order);
    PL_TEST(tc, an_empty_value_is_a_value);
    PL_TEST(tc, delete_range_takes_exactly_its_range);
    PL_TEST(tc, scan_keeps_to_its_range_and_its_limits);
    PL_TEST(tc, a_reverse_scan_begins_at_the_end);
    PL_TEST(tc, a_bad_write_is_refused_alone_and_whole);
    PL_TEST(tc, what_was_written_is_there_after_closing_and_opening);
    PL_TEST(tc, a_store_that_another_has_open_is_refused);
    PL_TEST(tc, a_torn_last_record_is_dropped_and_nothing_else);
    PL_TEST(tc, a_flipped_byte_within_the_log_is_refused);
    PL_TEST(tc, a_store_without_its_current_is_not_taken_for_a_new_one);
    PL_TEST(tc, log_without_current_is_refused);
    PL_TEST(tc, below_the_reserve_writes_are_refused_and_reads_are_not);
    PL_TEST(tc, a_full_disk_is_an_error_code_and_space_brings_writes_back);
    PL_TEST(tc, a_disk_without_room_to_recover_refuses_to_open);
    PL_TEST(tc, a_log_that_cannot_grow_is_an_error_code_and_reopening_heals_it);
    PL_TEST(tc, what_was_acknowledged_survives_sigkill);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
