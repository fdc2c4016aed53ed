/* A safetensors file that lies about itself is refused by the name of what is at fault, before anything is
 * read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/gguf.h"
#include "kernels/safetensors.h"
#include "tests/support/support.h"

/* A file of HEADER and BYTES bytes of data; the length may be told otherwise. */
static int open_text(const char *header, uint64_t claimed, size_t bytes, struct pl_safetensors **s,
                     struct pl_err *err)
{
    static uint8_t file[4096];
    size_t len = strlen(header);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)(claimed >> 8 * i);
    memcpy(file + 8, header, len);
    memset(file + 8 + len, 0, bytes);
    return pl_safetensors_open_memory(file, 8 + len + bytes, s, err);
}

START_TEST(lies_are_refused)
{
    static const struct {
        const char *header, *says;
        size_t bytes;
    } bad[] = {
        {"[]", "no JSON object", 0},
        {"{", "no JSON object", 0},
        {"{\"a\":1}", "described by no object", 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         "no JSON object", 4},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", "unknown dtype", 4},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "unknown dtype", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "no shape", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", "no shape", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "no number for a dimension", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", "no number for a dimension",
         4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}",
         "more elements", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", "do not fit",
         0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "no two data_offsets", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "no two data_offsets", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "outside the file", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "outside the file", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "outside the file", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "do not fit", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "hole", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "overlaps", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "behind the last", 5},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pl_safetensors *s = NULL;
        struct pl_err err = {0};
        ck_assert_msg(open_text(bad[i].header, strlen(bad[i].header), bad[i].bytes, &s, &err) ==
                          -PL_E_CORRUPT,
                      "%s", bad[i].header);
        ck_assert_ptr_null(s);
        ck_assert_msg(strstr(err.text, bad[i].says) != NULL, "%s: %s", bad[i].header, err.text);
    }
}
END_TEST

START_TEST(lengths_beyond_the_file_are_refused)
{
    static const uint64_t claimed[] = {0, 3, 4096, 100000001, UINT64_MAX, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof claimed / sizeof claimed[0]; i++) {
        struct pl_safetensors *s = NULL;
        struct pl_err err = {0};
        ck_assert_int_eq(open_text("{}", claimed[i], 0, &s, &err), -PL_E_CORRUPT);
        ck_assert_str_eq(err.field, "header");
    }
    struct pl_safetensors *s = NULL;
    ck_assert_int_eq(pl_safetensors_open_memory("", 0, &s, NULL), -PL_E_CORRUPT);
    ck_assert_int_eq(pl_safetensors_open_memory("\2\0\0\0\0\0\0", 7, &s, NULL), -PL_E_CORRUPT);
    ck_assert_int_eq(pl_safetensors_open("/nonexistent", &s, NULL), -PL_E_NOT_FOUND);
    ck_assert_int_eq(pl_safetensors_open("/dev/null", &s, NULL), -PL_E_IO);
}
END_TEST

START_TEST(what_is_written_is_read)
{
    char path[1100];
    float a[6] = {1, -2, 3.5f, 0, 5, 6e-30f}, b[1] = {7}, got[6];
    const struct pl_safetensor t[2] = {
        {.name = "x.a", .n_dims = 2, .shape = {2, 3}, .size_bytes = sizeof a, .data = a},
        {.name = "y \" b", .n_dims = 1, .shape = {1}, .size_bytes = sizeof b, .data = b}};
    struct pl_safetensors *s = NULL;
    struct pl_err err = {0};
    snprintf(path, sizeof path, "%s/t.safetensors", pl_test_dir());
    ck_assert_int_eq(pl_safetensors_write(path, t, 2, &err), 0);
    ck_assert_msg(pl_safetensors_open(path, &s, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(pl_safetensors_count(s), 2);
    const struct pl_safetensor *x = pl_safetensors_find(s, "x.a");
    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(x->dtype, PL_F32);
    ck_assert_uint_eq(x->shape[1], 3);
    ck_assert_int_eq(pl_safetensor_floats(x, got, &err), 0);
    ck_assert_mem_eq(got, a, sizeof a);
    ck_assert_ptr_nonnull(pl_safetensors_find(s, "y \" b"));
    pl_safetensors_close(&s);
}
END_TEST

START_TEST(values_that_are_not_finite_are_refused)
{
    char path[1100];
    float a[2] = {1, 0};
    uint32_t infinity = 0x7f800000;
    memcpy(&a[1], &infinity, 4);
    const struct pl_safetensor t = {
        .name = "a", .n_dims = 1, .shape = {2}, .size_bytes = sizeof a, .data = a};
    struct pl_safetensors *s = NULL;
    struct pl_err err = {0};
    snprintf(path, sizeof path, "%s/i.safetensors", pl_test_dir());
    ck_assert_int_eq(pl_safetensors_write(path, &t, 1, &err), 0);
    ck_assert_int_eq(pl_safetensors_open(path, &s, &err), 0);
    ck_assert_int_eq(pl_safetensor_floats(pl_safetensors_at(s, 0), a, &err), -PL_E_CORRUPT);
    ck_assert_str_eq(err.field, "a");
    pl_safetensors_close(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("safetensors");
    TCase *tc = tcase_create("safetensors");
    PL_TEST(tc, lies_are_refused);
    PL_TEST(tc, lengths_beyond_the_file_are_refused);
    PL_TEST(tc, what_is_written_is_read);
    PL_TEST(tc, values_that_are_not_finite_are_refused);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
