/* Every weight type: a row read back from the packed tiles is what the file's blocks mean. */
#include <math.h>
#include <string.h>
#include <stdlib.h>
#include "kernels/backend.h"
#include "kernels/cpu/f16.h"
#include "kernels/cpu/weight.h"
#include "tests/support/support.h"

struct entry {
    uint32_t dtype, rows, cols, bytes;
    const uint8_t *data;
    const uint8_t *expected; /* float32, unaligned */
};

static struct entry entry_at(const char **at)
{
    struct entry e;
    memcpy(&e, *at, 16);
    e.data = (const uint8_t *)*at + 16;
    e.expected = e.data + e.bytes;
    *at += 16 + e.bytes + (size_t)e.rows * e.cols * sizeof(float);
    return e;
}

static struct pl_tensor tensor_of(const struct entry *e)
{
    return (struct pl_tensor){.name = pl_dtype_name((int)e->dtype),
                              .dtype = (int)e->dtype,
                              .n_dims = 2,
                              .ne = {e->cols, e->rows, 1, 1},
                              .size_bytes = e->bytes,
                              .data = e->data};
}

static void check_entry(const struct entry *e)
{
    struct pl_tensor t = tensor_of(e);
    const struct pl_tensor *parts[] = {&t, &t};
    struct pl_weight *w = NULL;
    struct pl_err err = {0};
    ck_assert_msg(pl_backend_cpu.weight_create(PL_ISA_AUTO, parts, 2, NULL, &w, &err) == 0, "%s", err.text);
    float *row = malloc(e->cols * sizeof *row);
    for (uint32_t r = 0; r < 2 * e->rows; r++) { /* stacked twice: the second part is rows again */
        pl_backend_cpu.weight_row(w, r, row);
        for (uint32_t k = 0; k < e->cols; k++) {
            float want;
            memcpy(&want, e->expected + ((size_t)(r % e->rows) * e->cols + k) * sizeof want, sizeof want);
            ck_assert_msg(row[k] == want, "%s row %u k %u: %a, expected %a", t.name, r, k, (double)row[k],
                          (double)want);
        }
    }
    free(row);
    pl_backend_cpu.weight_destroy(&w);
    ck_assert_ptr_null(w);
}

START_TEST(rows_mean_what_the_file_format_says)
{
    size_t len;
    char *file = pl_test_read(pl_test_source("tests/fixtures/quants.bin"), &len);
    ck_assert(len > 8 && memcmp(file, "PLQ1", 4) == 0);
    uint32_t count;
    memcpy(&count, file + 4, sizeof count);
    ck_assert_uint_eq(count, 10);
    const char *at = file + 8;
    for (uint32_t i = 0; i < count; i++) {
        struct entry e = entry_at(&at);
        ck_assert(at <= file + len);
        check_entry(&e);
    }
    ck_assert_ptr_eq(at, file + len);
    free(file);
}
END_TEST

/* Byte offset of each 16-bit scale in a block. */
static const struct {
    int dtype, at;
} scales[] = {{PL_Q4_0, 0}, {PL_Q4_1, 0}, {PL_Q4_1, 2}, {PL_Q5_0, 0},   {PL_Q8_0, 0}, {PL_Q4_K, 0},
              {PL_Q4_K, 2}, {PL_Q5_K, 0}, {PL_Q5_K, 2}, {PL_Q6_K, 208}, {PL_F16, 0},  {PL_BF16, 0}};

START_TEST(scale_that_is_not_finite_is_refused_by_the_tensors_name)
{
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        uint32_t block = pl_dtype_block(scales[i].dtype), bytes = pl_dtype_block_bytes(scales[i].dtype);
        uint8_t *data = calloc(3, bytes);
        uint16_t bad = scales[i].dtype == PL_BF16 ? 0x7f80 : 0xfc00; /* infinity */
        memcpy(data + 2 * bytes + scales[i].at, &bad, 2);
        struct pl_tensor t = {"blk.0.bad", scales[i].dtype, 2, {block, 3, 1, 1}, 3 * bytes, data};
        const struct pl_tensor *parts[] = {&t};
        struct pl_weight *w = NULL;
        struct pl_err err = {0};
        ck_assert_int_eq(pl_backend_cpu.weight_create(PL_ISA_AUTO, parts, 1, NULL, &w, &err), -PL_E_CORRUPT);
        ck_assert_str_eq(err.field, "blk.0.bad");
        ck_assert_ptr_null(w);
        free(data);
    }
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_refused)
{
    float data[64] = {0};
    struct pl_tensor a = {"a", PL_F32, 2, {32, 2, 1, 1}, 256, data},
                     b = {"b", PL_F32, 2, {16, 2, 1, 1}, 128, data};
    struct pl_tensor c = {"c", PL_Q8_0, 2, {33, 1, 1, 1}, 68, data},
                     d = {"d", PL_F32, 2, {32, 2, 1, 1}, 200, data};
    struct pl_tensor e = {"e", 99, 2, {32, 2, 1, 1}, 256, data};
    const struct pl_tensor *bad[][2] = {{&a, &b}, {&c, &c}, {&d, &d}, {&e, &e}};
    for (size_t i = 0; i < 4; i++) {
        struct pl_weight *w = NULL;
        ck_assert_int_lt(pl_backend_cpu.weight_create(PL_ISA_AUTO, bad[i], 2, NULL, &w, NULL), 0);
        ck_assert_ptr_null(w);
    }
}
END_TEST

static Suite *quants_suite(void)
{
    Suite *s = suite_create("quants");
    TCase *tc = tcase_create("quants");
    PL_TEST(tc, rows_mean_what_the_file_format_says);
    PL_TEST(tc, scale_that_is_not_finite_is_refused_by_the_tensors_name);
    PL_TEST(tc, shapes_that_do_not_fit_are_refused);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(quants_suite)
