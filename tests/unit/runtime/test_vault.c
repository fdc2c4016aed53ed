/* The vault: what opens it, what is left of a forgotten key, and what a crash or a flip does to its file. */
#include "runtime/vault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { SLOT = 128 };

static const uint8_t master[PL_KEY_BYTES] = {1, 2, 3}, other[PL_KEY_BYTES] = {9};
static char path[4096], copy[4200];
static struct pl_err err;

static void set_up(void)
{
    snprintf(path, sizeof path, "%s/vault", pl_test_dir());
    snprintf(copy, sizeof copy, "%s.copy", path);
}

static struct pl_vault *open_with(const uint8_t *key, enum pl_vault_mode mode)
{
    struct pl_vault *v = NULL;
    int rc = pl_vault_open(path, key, mode, &v, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return v;
}

static uint64_t owner(struct pl_vault *v, const char *tenant, const char *user)
{
    uint64_t n = 0;
    ck_assert_int_eq(pl_vault_owner(v, pl_str_of(tenant), pl_str_of(user), true, &n, &err), 0);
    return n;
}

static void key_of(struct pl_vault *v, uint64_t number, uint8_t *out)
{
    const uint8_t *key;
    int rc = pl_vault_key(v, number, &key, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    memcpy(out, key, PL_KEY_BYTES);
}

static bool file_has(const char *file, const uint8_t *bytes, size_t n)
{
    size_t len;
    char *all = pl_test_read(file, &len);
    bool found = memmem(all, len, bytes, n) != NULL;
    free(all);
    return found;
}

static off_t size_of(const char *file)
{
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    return st.st_size;
}

static void flip(off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

START_TEST(a_sealed_text_opens_only_as_it_was_sealed)
{
    struct pl_seal *s = pl_seal_create();
    uint8_t nonce[PL_NONCE_BYTES] = {7}, out[5 + PL_TAG_BYTES], back[5];
    struct pl_bin aad[] = {{(const uint8_t *)"row", 3}, {(const uint8_t *)"1", 1}};
    struct pl_bin plain = {(const uint8_t *)"hello", 5}, sealed = {out, sizeof out};
    ck_assert_int_eq(pl_seal_lock(s, master, nonce, aad, 2, plain, out), 0);
    ck_assert_int_eq(pl_seal_open(s, master, nonce, aad, 2, sealed, back), 0);
    ck_assert_mem_eq(back, "hello", 5);
    ck_assert_int_eq(pl_seal_open(s, other, nonce, aad, 2, sealed, back), -PL_E_CORRUPT);
    ck_assert_int_eq(pl_seal_open(s, master, nonce, aad, 1, sealed, back), -PL_E_CORRUPT);
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] ^= 1;
        ck_assert_int_eq(pl_seal_open(s, master, nonce, aad, 2, sealed, back), -PL_E_CORRUPT);
        out[i] ^= 1;
    }
    nonce[0]++;
    ck_assert_int_eq(pl_seal_open(s, master, nonce, aad, 2, sealed, back), -PL_E_CORRUPT);
    ck_assert_int_eq(pl_seal_open(s, master, nonce, aad, 2, (struct pl_bin){out, 3}, back), -PL_E_CORRUPT);
    pl_seal_destroy(&s);
}
END_TEST

START_TEST(gcm_is_the_gcm_of_the_standard)
{
    /* NIST's test case 13 and 14: all zero key and nonce, no text and one zero block. */
    static const uint8_t empty[] = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
                                    0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b};
    static const uint8_t block[] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
                                    0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18};
    uint8_t zero[32] = {0}, out[32];
    struct pl_seal *s = pl_seal_create();
    ck_assert_int_eq(pl_seal_lock(s, zero, zero, NULL, 0, (struct pl_bin){NULL, 0}, out), 0);
    ck_assert_mem_eq(out, empty, 16);
    ck_assert_int_eq(pl_seal_lock(s, zero, zero, NULL, 0, (struct pl_bin){zero, 16}, out), 0);
    ck_assert_mem_eq(out, block, 16);
    pl_seal_destroy(&s);
}
END_TEST

START_TEST(owners_and_their_keys_are_the_same_after_opening_again)
{
    uint8_t a[PL_KEY_BYTES], b[PL_KEY_BYTES], system[PL_KEY_BYTES], again[PL_KEY_BYTES], row[PL_KEY_BYTES];
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    uint64_t ann = owner(v, "t", "ann"), bob = owner(v, "t", "bob"), far = owner(v, "u", "ann");
    ck_assert_uint_ne(ann, bob);
    ck_assert_uint_ne(ann, far);
    ck_assert_uint_eq(owner(v, "t", "ann"), ann);
    ck_assert_uint_eq(owner(v, "t", ""), PL_VAULT_SYSTEM);
    key_of(v, ann, a), key_of(v, bob, b), key_of(v, PL_VAULT_SYSTEM, system);
    memcpy(row, pl_vault_row_key(v), sizeof row);
    ck_assert(memcmp(a, b, sizeof a) != 0);
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    pl_vault_close(&v);
    ck_assert_int_eq(size_of(path) % SLOT, 0);
    v = open_with(master, PL_VAULT_EXISTING);
    ck_assert_uint_eq(owner(v, "t", "ann"), ann);
    ck_assert_uint_eq(owner(v, "u", "ann"), far);
    key_of(v, ann, again);
    ck_assert_mem_eq(a, again, sizeof a);
    key_of(v, PL_VAULT_SYSTEM, again);
    ck_assert_mem_eq(system, again, sizeof a);
    ck_assert_mem_eq(row, pl_vault_row_key(v), sizeof row);
    pl_vault_close(&v);
}
END_TEST

START_TEST(no_name_and_no_plain_key_is_in_the_file)
{
    uint8_t key[PL_KEY_BYTES];
    struct stat st;
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    key_of(v, owner(v, "tenant-name", "user-name"), key);
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    ck_assert(!file_has(path, (const uint8_t *)"user-name", 9));
    ck_assert(!file_has(path, (const uint8_t *)"tenant-name", 11));
    ck_assert(!file_has(path, key, sizeof key));
    key_of(v, PL_VAULT_SYSTEM, key);
    ck_assert(!file_has(path, key, sizeof key));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    pl_vault_close(&v);
}
END_TEST

START_TEST(another_master_key_is_refused)
{
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    pl_vault_close(&v);
    ck_assert_int_eq(pl_vault_open(path, other, PL_VAULT_EXISTING, &v, &err), -PL_E_FORBIDDEN);
    ck_assert_ptr_null(v);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    v = open_with(master, PL_VAULT_EXISTING);
    pl_vault_close(&v);
}
END_TEST

START_TEST(a_forgotten_key_is_nowhere_and_its_number_says_so)
{
    uint8_t kept[PL_KEY_BYTES], again[PL_KEY_BYTES], wrapped[32];
    const uint8_t *key;
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    uint64_t ann = owner(v, "t", "ann"), bob = owner(v, "t", "bob"), gone, none;
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    ck_assert_int_eq(pl_vault_add_copy(path, copy, &err), 0);
    key_of(v, bob, kept);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(pread(fd, wrapped, sizeof wrapped, (off_t)ann * SLOT + 68), sizeof wrapped);
    close(fd);
    ck_assert(file_has(path, wrapped, sizeof wrapped) && file_has(copy, wrapped, sizeof wrapped));
    ck_assert_int_eq(pl_vault_forget(v, PL_STR("t"), PL_STR("ann"), &gone, &err), 0);
    ck_assert_uint_eq(gone, ann);
    ck_assert(!file_has(path, wrapped, sizeof wrapped) && !file_has(copy, wrapped, sizeof wrapped));
    ck_assert_int_eq(pl_vault_key(v, ann, &key, &err), -PL_E_GONE);
    ck_assert_int_eq(pl_vault_forget(v, PL_STR("t"), PL_STR("ann"), &none, &err), 0);
    ck_assert_uint_eq(none, 0);
    ck_assert(pl_vault_unswept(v));
    uint64_t fresh = owner(v, "t", "ann");
    ck_assert_uint_gt(fresh, bob);
    ck_assert_int_eq(pl_vault_swept(v, &err), 0);
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    pl_vault_close(&v);
    v = open_with(master, PL_VAULT_EXISTING);
    ck_assert(!pl_vault_unswept(v));
    ck_assert_int_eq(pl_vault_key(v, ann, &key, &err), -PL_E_GONE);
    ck_assert_int_eq(pl_vault_key(v, fresh + 1, &key, &err), -PL_E_CORRUPT);
    key_of(v, bob, again);
    ck_assert_mem_eq(kept, again, sizeof kept);
    pl_vault_close(&v);
}
END_TEST

START_TEST(a_copy_that_was_away_forgets_when_it_is_back)
{
    const uint8_t *key;
    uint64_t number;
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    uint64_t ann = owner(v, "t", "ann");
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    char away[4300];
    snprintf(away, sizeof away, "%s.away", copy);
    ck_assert_int_eq(pl_vault_add_copy(path, copy, &err), 0);
    ck_assert_int_eq(rename(copy, away), 0);
    ck_assert_int_eq(pl_vault_forget(v, PL_STR("t"), PL_STR("ann"), &number, &err), 0);
    ck_assert_int_eq(rename(away, copy), 0);
    ck_assert_int_eq(pl_vault_clean_copies(v, &err), 0);
    pl_vault_close(&v);
    ck_assert_int_eq(rename(copy, path), 0);
    v = open_with(master, PL_VAULT_EXISTING);
    ck_assert_int_eq(pl_vault_key(v, ann, &key, &err), -PL_E_GONE);
    pl_vault_close(&v);
}
END_TEST

START_TEST(a_torn_tail_is_written_over_and_a_flip_is_refused)
{
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    uint64_t ann = owner(v, "t", "ann");
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    pl_vault_close(&v);
    off_t whole = size_of(path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert_int_eq(write(fd, path, 70), 70);
    close(fd);
    v = open_with(master, PL_VAULT_EXISTING);
    ck_assert_uint_eq(owner(v, "t", "ann"), ann);
    uint64_t bob = owner(v, "t", "bob");
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    pl_vault_close(&v);
    ck_assert_int_eq(size_of(path), whole + SLOT);
    v = open_with(master, PL_VAULT_EXISTING);
    ck_assert_uint_eq(owner(v, "t", "bob"), bob);
    ck_assert_uint_eq(pl_vault_count(v), bob + 1);
    pl_vault_close(&v);
    flip(SLOT + 90);
    ck_assert_int_eq(pl_vault_open(path, master, PL_VAULT_EXISTING, &v, &err), -PL_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "slot 1"));
    flip(SLOT + 90);
    flip(3);
    ck_assert_int_eq(pl_vault_open(path, master, PL_VAULT_EXISTING, &v, &err), -PL_E_CORRUPT);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(pl_vault_open(path, master, PL_VAULT_CREATE, &v, &err), -PL_E_CORRUPT);
}
END_TEST

START_TEST(rotation_keeps_every_key_and_shuts_out_the_old_master)
{
    uint8_t a[PL_KEY_BYTES], b[PL_KEY_BYTES], again[PL_KEY_BYTES], wrapped[32];
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    uint64_t ann = owner(v, "t", "ann"), bob = owner(v, "u", "bob");
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    ck_assert_int_eq(pl_vault_add_copy(path, copy, &err), 0);
    key_of(v, ann, a), key_of(v, bob, b);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(pread(fd, wrapped, sizeof wrapped, (off_t)ann * SLOT + 68), sizeof wrapped);
    close(fd);
    ck_assert_int_eq(pl_vault_rotate_tenant(v, PL_STR("nobody"), &err), -PL_E_NOT_FOUND);
    ck_assert_int_eq(pl_vault_rotate_tenant(v, PL_STR("t"), &err), 0);
    ck_assert(!file_has(path, wrapped, sizeof wrapped) && !file_has(copy, wrapped, sizeof wrapped));
    ck_assert_int_eq(pl_vault_rotate_master(v, other, &err), 0);
    uint64_t cid = owner(v, "t", "cid");
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    pl_vault_close(&v);
    ck_assert_int_eq(pl_vault_open(path, master, PL_VAULT_EXISTING, &v, &err), -PL_E_FORBIDDEN);
    v = open_with(other, PL_VAULT_EXISTING);
    key_of(v, ann, again);
    ck_assert_mem_eq(a, again, sizeof a);
    key_of(v, bob, again);
    ck_assert_mem_eq(b, again, sizeof b);
    ck_assert_uint_eq(owner(v, "t", "cid"), cid);
    key_of(v, cid, again);
    pl_vault_close(&v);
}
END_TEST

START_TEST(a_thousand_owners_are_found_again)
{
    char name[16];
    struct pl_vault *v = open_with(master, PL_VAULT_CREATE);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "u%u", i);
        ck_assert_uint_eq(owner(v, "t", name), 3 + i);
    }
    ck_assert_int_eq(pl_vault_sync(v, &err), 0);
    pl_vault_close(&v);
    v = open_with(master, PL_VAULT_READ_ONLY);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "u%u", i);
        ck_assert_uint_eq(owner(v, "t", name), 3 + i);
    }
    pl_vault_close(&v);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/vault");
    TCase *tc = tcase_create("vault");
    tcase_add_checked_fixture(tc, set_up, NULL);
    PL_TEST(tc, a_sealed_text_opens_only_as_it_was_sealed);
    PL_TEST(tc, gcm_is_the_gcm_of_the_standard);
    PL_TEST(tc, owners_and_their_keys_are_the_same_after_opening_again);
    PL_TEST(tc, no_name_and_no_plain_key_is_in_the_file);
    PL_TEST(tc, another_master_key_is_refused);
    PL_TEST(tc, a_forgotten_key_is_nowhere_and_its_number_says_so);
    PL_TEST(tc, a_copy_that_was_away_forgets_when_it_is_back);
    PL_TEST(tc, a_torn_tail_is_written_over_and_a_flip_is_refused);
    PL_TEST(tc, rotation_keeps_every_key_and_shuts_out_the_old_master);
    PL_TEST(tc, a_thousand_owners_are_found_again);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
