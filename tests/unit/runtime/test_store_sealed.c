/* What lies on disk is sealed, what is forgotten is gone, and what was acknowledged and is missing is told.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store_value.h"
#include "schemas/gen/admin.h"
#include "tests/unit/runtime/store_world.h"

#define MARKER "the marker that nobody may read"

static void put_owned(uint64_t token, const char *key, const char *value, const char *user, const char *also)
{
    put_text(token, key, value);
    struct pl_store_op *op = ((struct pl_store_write *)out[out_count - 1]->body)->ops;
    op->has_tenant = true;
    op->tenant = PL_STR("t");
    op->has_user = user != NULL;
    op->user = pl_str_of(user);
    op->has_also = also != NULL;
    op->also = pl_str_of(also);
}

static void forget(uint64_t token, const char *user)
{
    PL_NEW(m, f, store_forget);
    f->token = token;
    f->tenant = PL_STR("t");
    f->user = pl_str_of(user);
    out[out_count++] = m;
}

static void ck_forgotten(uint32_t i, bool found)
{
    ck_assert_uint_lt(i, answers_count);
    const struct pl_store_forgotten *f = PL_BODY(answers[i], store_forgotten);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(f->found, found);
}

/* Lets the timers of a sweep come due. */
static void let_sweep(void)
{
    for (int i = 0; i < 50; i++) {
        now_ms += 10;
        run();
    }
}

static bool dir_has(const char *dir, const void *bytes, size_t n)
{
    bool found = false;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        char file[4600];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", dir, e->d_name);
        if (stat(file, &st) || !S_ISREG(st.st_mode)) continue;
        size_t len;
        char *all = pl_test_read(file, &len);
        found = found || memmem(all, len, bytes, n);
        free(all);
    }
    closedir(d);
    return found;
}

static void flip_in(const char *file, off_t at)
{
    uint8_t byte;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static off_t size_of(const char *file)
{
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    return st.st_size;
}

START_TEST(no_byte_of_a_value_is_on_disk_in_the_clear)
{
    ck_assert_int_eq(open_store(), 0);
    put_owned(1, "a", MARKER, "ann", NULL);
    put_text(2, "b", MARKER);
    kick();
    ck_written(0, 1), ck_written(1, 2);
    ck_assert(!dir_has(path, MARKER, 12)); /* the log */
    close_store();
    ck_assert_int_eq(open_store(), 0);
    ck_assert(!dir_has(path, MARKER, 12)); /* tables too */
    get(1, "turns", "a"), get(2, "turns", "b");
    kick();
    ck_value(0, MARKER), ck_value(1, MARKER);
}
END_TEST

START_TEST(a_forgotten_users_rows_are_absent_and_nobody_elses)
{
    ck_assert_int_eq(open_store(), 0);
    put_owned(1, "a", MARKER, "ann", NULL);
    put_owned(2, "b", "of bob", "bob", NULL);
    put_owned(3, "c", "of both", "bob", "ann");
    put_owned(4, "d", "of both", "ann", "bob");
    put_text(5, "e", "of nobody");
    forget(6, "ann");
    get(7, "turns", "a"), get(8, "turns", "b"), get(9, "turns", "c"), get(10, "turns", "d");
    scan(11, NULL, NULL);
    kick();
    ck_forgotten(5, true);
    ck_value(6, NULL), ck_value(7, "of bob"), ck_value(8, NULL), ck_value(9, NULL);
    ck_rows(10, "be", false);
    put_owned(1, "a", "anew", "ann", NULL);
    forget(2, "cid");
    get(3, "turns", "a");
    kick();
    ck_forgotten(1, false);
    ck_value(2, "anew");
    close_store();
    ck_assert_int_eq(open_store(), 0);
    scan(1, NULL, NULL);
    kick();
    ck_rows(0, "abe", false);
}
END_TEST

START_TEST(the_sweep_removes_dead_rows_and_goes_on_after_a_restart)
{
    char key[16];
    ck_assert_int_eq(open_store(), 0);
    for (uint32_t i = 0; i < 4000; i++) {
        snprintf(key, sizeof key, "k%05u", i);
        put_owned(i, key, "v", i % 2 ? "ann" : "bob", NULL);
    }
    kick();
    forget(0, "ann");
    kick();
    ck_forgotten(0, true);
    close_store(); /* before the first chunk */
    ck_assert_int_eq(open_store(), 0);
    let_sweep();
    ck_assert_uint_eq(count_rows(), 2000);
    close_store();
    /* What is left is bob's alone: with his key gone as well, a sweep finds exactly his rows. */
    ck_assert_int_eq(open_store(), 0);
    forget(0, "bob");
    kick();
    let_sweep();
    ck_assert_uint_eq(count_rows(), 0);
}
END_TEST

START_TEST(a_backup_of_before_opens_nothing_of_the_forgotten)
{
    char backup[4200], command[13000];
    ck_assert_int_eq(open_store(), 0);
    put_owned(1, "a", MARKER, "ann", NULL);
    put_owned(2, "b", "kept", "bob", NULL);
    kick();
    close_store();
    snprintf(backup, sizeof backup, "%s.backup", path);
    snprintf(command, sizeof command, "cp -r %s %s", path, backup);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(open_store(), 0);
    forget(1, "ann");
    kick();
    ck_forgotten(0, true);
    close_store();
    snprintf(command, sizeof command, "rm -rf %s && mv %s %s", path, backup, path);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(open_store(), 0);
    get(1, "turns", "a"), get(2, "turns", "b");
    kick();
    ck_value(0, NULL), ck_value(1, "kept");
}
END_TEST

START_TEST(a_value_that_was_moved_or_changed_is_corrupt_and_named)
{
    char file[4200];
    uint8_t sealed[64], plain[64];
    size_t len;
    uint32_t got;
    struct pl_err err = {0};
    struct pl_vault *vault;
    struct pl__values v;
    snprintf(file, sizeof file, "%s.v", path);
    ck_assert_int_eq(pl_vault_open(file, master.key, PL_VAULT_CREATE, &vault, NULL), 0);
    ck_assert_int_eq(pl__values_init(&v, vault, NULL), 0);
    struct pl_store_op op = {
        .family = PL_STR("turns"), .key = bin("a"), .has_value = true, .value = bin("text")};
    ck_assert_int_eq(pl__value_seal(&v, &op, sealed, &len, NULL), 0);
    struct pl_bin there = {sealed, (uint32_t)len};
    ck_assert_int_eq(pl__value_open(&v, op.family, op.key, there, plain, &got, NULL), 0);
    ck_assert_uint_eq(got, 4);
    ck_assert_int_eq(pl__value_open(&v, op.family, bin("b"), there, plain, &got, &err), -PL_E_CORRUPT);
    ck_assert_str_eq(err.text, "the value of b in family turns does not open");
    ck_assert_int_eq(pl__value_open(&v, PL_STR("users"), op.key, there, plain, &got, &err), -PL_E_CORRUPT);
    for (size_t i = 0; i < len; i++) { /* version, owner, nonce, text, tag */
        sealed[i] ^= 1;
        ck_assert_int_eq(pl__value_open(&v, op.family, op.key, there, plain, &got, &err), -PL_E_CORRUPT);
        sealed[i] ^= 1;
    }
    for (uint32_t n = 0; n < len; n++)
        ck_assert_int_eq(pl__value_open(&v, op.family, op.key, (struct pl_bin){sealed, n}, plain, &got, &err),
                         -PL_E_CORRUPT);
    pl__values_finish(&v);
    pl_vault_close(&vault);
}
END_TEST

START_TEST(another_master_key_or_vault_is_refused)
{
    char vault[4200], kept[4300];
    struct pl_master other = {.key = {7}};
    ck_assert_int_eq(open_store(), 0);
    put_text(1, "a", "v");
    kick();
    close_store();
    opts.master = &other;
    ck_assert_int_eq(open_store(), -PL_E_FORBIDDEN);
    close_store();
    opts.master = &master;
    snprintf(vault, sizeof vault, "%s.vault", path);
    snprintf(kept, sizeof kept, "%s.kept", vault);
    ck_assert_int_eq(rename(vault, kept), 0);
    ck_assert_int_eq(open_store(), -PL_E_NOT_FOUND);
    close_store();
    struct pl_vault *v;
    ck_assert_int_eq(pl_vault_open(vault, master.key, PL_VAULT_CREATE, &v, NULL), 0);
    pl_vault_close(&v);
    ck_assert_int_eq(open_store(), -PL_E_CONFLICT);
    close_store();
    ck_assert_int_eq(rename(kept, vault), 0);
    ck_assert_int_eq(open_store(), 0);
    get(1, "turns", "a");
    kick();
    ck_value(0, "v");
}
END_TEST

START_TEST(a_vault_that_lost_keys_is_refused_and_left_as_it_is)
{
    char vault[4200];
    ck_assert_int_eq(open_store(), 0);
    put_owned(1, "a", "v", "ann", NULL);
    kick();
    close_store();
    snprintf(vault, sizeof vault, "%s.vault", path);
    off_t whole = size_of(vault);
    flip_in(vault, whole - 40); /* alone, a last slot that was damaged looks like one that was cut off */
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
    close_store();
    ck_assert_int_eq(size_of(vault), whole);
    flip_in(vault, whole - 40);
    ck_assert_int_eq(open_store(), 0);
    close_store();
    ck_assert_int_eq(truncate(vault, whole - 128), 0);
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
    close_store();
}
END_TEST

START_TEST(acknowledged_commits_that_are_missing_are_told_from_a_torn_tail)
{
    char log[4400];
    ck_assert_int_eq(open_store(), 0);
    write_many(0, 200);
    close_store();
    find_file(".log", log, sizeof log);
    off_t whole = size_of(log);
    flip_in(log, whole - 50); /* the last record: RocksDB alone would take it for torn */
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
    close_store();
    flip_in(log, whole - 50);
    int fd = open(log, O_WRONLY | O_APPEND | O_CLOEXEC); /* a commit that was cut off before its sync */
    char half[60] = {3};
    ck_assert_int_eq(write(fd, half, sizeof half), sizeof half);
    close(fd);
    ck_assert_int_eq(open_store(), 0);
    ck_assert_uint_eq(count_rows(), 200);
}
END_TEST

START_TEST(a_flipped_byte_in_a_table_is_refused_at_the_start)
{
    char table[4400];
    ck_assert_int_eq(open_store(), 0);
    write_many(0, 500);
    close_store();
    ck_assert_int_eq(open_store(), 0);
    close_store();
    find_file(".sst", table, sizeof table);
    off_t middle = size_of(table) / 2;
    flip_in(table, middle);
    ck_assert_int_eq(open_store(), -PL_E_CORRUPT);
    close_store();
    flip_in(table, middle);
    ck_assert_int_eq(open_store(), 0);
    ck_assert_uint_eq(count_rows(), 500);
}
END_TEST

START_TEST(keys_are_rotated_while_the_store_runs)
{
    char file[4200], held[4200];
    struct pl_vault *v;
    uint8_t old[PL_KEY_BYTES];
    ck_assert_int_eq(open_store(), 0);
    put_owned(1, "a", "of ann", "ann", NULL);
    kick();
    snprintf(file, sizeof file, "%s.key", path);
    snprintf(held, sizeof held, "%.4000s.master", path);
    ck_assert_int_eq(pl_master_write(file, NULL, NULL), 0);
    ck_assert_int_eq(pl_master_write(held, master.key, NULL), 0);
    snprintf(master.file, sizeof master.file, "%.4090s", held);
    memcpy(old, master.key, sizeof old);
    PL_NEW(t, rotate_tenant, keys_rotate);
    rotate_tenant->has_tenant = true;
    rotate_tenant->tenant = PL_STR("t");
    out[out_count++] = t;
    PL_NEW(m, rotate, keys_rotate);
    rotate->has_file = true;
    rotate->file = pl_msg_str(m, pl_str_of(file));
    out[out_count++] = m;
    get(3, "turns", "a");
    put_owned(4, "b", "of bob", "bob", NULL);
    kick();
    ck_assert_ptr_nonnull(PL_BODY(answers[0], keys_rotated));
    ck_assert_ptr_nonnull(PL_BODY(answers[1], keys_rotated));
    ck_value(2, "of ann");
    ck_written(3, 4);
    close_store();
    ck_assert_int_eq(pl_vault_open(opts.vault ? opts.vault : "", old, PL_VAULT_EXISTING, &v, NULL),
                     -PL_E_NOT_FOUND);
    ck_assert_int_eq(pl_master_read(held, master.key, NULL), 0);
    ck_assert(memcmp(old, master.key, sizeof old) != 0);
    ck_assert_int_eq(open_store(), 0);
    get(1, "turns", "a"), get(2, "turns", "b");
    kick();
    ck_value(0, "of ann"), ck_value(1, "of bob");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("store_sealed");
    TCase *tc = tcase_create("store_sealed");
    tcase_add_checked_fixture(tc, set_up, close_store);
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, no_byte_of_a_value_is_on_disk_in_the_clear);
    PL_TEST(tc, a_forgotten_users_rows_are_absent_and_nobody_elses);
    PL_TEST(tc, the_sweep_removes_dead_rows_and_goes_on_after_a_restart);
    PL_TEST(tc, a_backup_of_before_opens_nothing_of_the_forgotten);
    PL_TEST(tc, a_value_that_was_moved_or_changed_is_corrupt_and_named);
    PL_TEST(tc, another_master_key_or_vault_is_refused);
    PL_TEST(tc, a_vault_that_lost_keys_is_refused_and_left_as_it_is);
    PL_TEST(tc, acknowledged_commits_that_are_missing_are_told_from_a_torn_tail);
    PL_TEST(tc, a_flipped_byte_in_a_table_is_refused_at_the_start);
    PL_TEST(tc, keys_are_rotated_while_the_store_runs);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
