/* Products of X32: the same bytes from every instruction set, batch and number of threads, and the right
 * numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/backend.h"
#include "kernels/cpu/f16.h"
#include "kernels/cpu/threads.h"
#include "tests/support/support.h"

static const int types[] = {PL_F32,  PL_F16,  PL_BF16, PL_Q4_0, PL_Q4_1,
                            PL_Q5_0, PL_Q8_0, PL_Q4_K, PL_Q5_K, PL_Q6_K};
enum { TYPES = sizeof types / sizeof *types, LD_EXTRA = 3, CANARY = 12345 };
static const enum pl_isa isas[] = {PL_ISA_PORTABLE, PL_ISA_AVX2, PL_ISA_AVX512, PL_ISA_AMX};
enum { ISAS = sizeof isas / sizeof *isas };

static uint64_t seed;
static uint32_t number(uint32_t below)
{
    return (uint32_t)(pl_test_random(&seed) % below);
}
static float uniform(void)
{
    return (float)number(1 << 20) / (1 << 19) - 1;
}
static bool is_float(int dtype)
{
    return dtype == PL_F32 || dtype == PL_F16 || dtype == PL_BF16;
}

static bool have(enum pl_isa isa)
{
    if (pl_isa_available(isa)) return true;
    pl_test_skip(pl_isa_name(isa), "this processor does not have it");
    return false;
}

static void put_half(uint8_t *at, float f)
{
    uint16_t h = pl__f32_to_f16(f);
    memcpy(at, &h, 2);
}

/* Random bytes, then scales of a usual size. */
static void random_block(int dtype, uint8_t *b, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) b[i] = (uint8_t)number(256);
    if (dtype == PL_F32) {
        float f = uniform();
        memcpy(b, &f, 4);
    } else if (dtype == PL_F16) {
        put_half(b, uniform());
    } else if (dtype == PL_BF16) {
        uint16_t h = (uint16_t)(pl__f32_bits(uniform()) >> 16);
        memcpy(b, &h, 2);
    } else {
        uint32_t at = dtype == PL_Q6_K ? 208 : 0;
        put_half(b + at, uniform() * 0.02f);
        if (dtype == PL_Q4_1 || dtype == PL_Q4_K || dtype == PL_Q5_K) put_half(b + 2, uniform() * 0.02f);
    }
}

static struct pl_tensor make_tensor(int dtype, uint32_t rows, uint32_t cols)
{
    uint32_t bytes = pl_dtype_block_bytes(dtype);
    uint64_t blocks = (uint64_t)rows * cols / pl_dtype_block(dtype);
    uint8_t *data = malloc(blocks * bytes);
    for (uint64_t i = 0; i < blocks; i++) random_block(dtype, data + i * bytes, bytes);
    return (struct pl_tensor){pl_dtype_name(dtype), dtype, 2, {cols, rows, 1, 1}, blocks * bytes, data};
}

static struct pl_weight *weight_of(const struct pl_tensor *a, const struct pl_tensor *b, const float *bias)
{
    const struct pl_tensor *parts[] = {a, b};
    struct pl_weight *w = NULL;
    struct pl_err err = {0};
    int rc = pl_backend_cpu.weight_create(PL_ISA_AUTO, parts, b ? 2 : 1, bias, &w, &err);
    ck_assert_msg(rc == 0, "%s: %s", err.field, err.text);
    return w;
}

static struct pl_weight *random_weight(int dtype, uint32_t rows, uint32_t cols)
{
    struct pl_tensor t = make_tensor(dtype, rows, cols);
    struct pl_weight *w = weight_of(&t, NULL, NULL);
    free((void *)t.data);
    return w;
}

static float *random_rows(uint32_t rows, uint32_t cols)
{
    float *x = malloc((size_t)rows * cols * sizeof *x);
    for (uint32_t i = 0; i < rows * cols; i++) x[i] = uniform() * (number(50) ? 1 : 20);
    return x;
}

/* Integers whose 8-bit form is exact: every 32 hold a 127. */
static float *integer_rows(uint32_t rows, uint32_t cols)
{
    float *x = malloc((size_t)rows * cols * sizeof *x);
    for (uint32_t i = 0; i < rows * cols; i++) x[i] = i % 32 ? (float)number(255) - 127 : 127;
    return x;
}

struct lora {
    const struct pl_lora_pair *const *pairs;
    const uint32_t *n;
};

/* y of [rows, n + LD_EXTRA]; what lies between the rows must stay. The caller frees. */
static float *product(enum pl_isa isa, uint32_t threads, const struct pl_weight *w, uint32_t n,
                      const float *x, uint32_t rows, uint32_t cols, struct lora l)
{
    struct pl_dev *dev = NULL;
    ck_assert_int_eq(pl_backend_cpu.open(isa, threads, &dev, NULL), 0);
    uint32_t ld = n + LD_EXTRA;
    float *y = malloc((size_t)rows * ld * sizeof *y);
    for (uint32_t i = 0; i < rows * ld; i++) y[i] = CANARY;
    struct pl_mat mx = {(float *)x, rows, cols, cols}, my = {y, rows, n, ld};
    pl_backend_cpu.matmul(dev, mx, w, l.pairs, l.n, my);
    pl_backend_cpu.close(&dev);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = n; i < ld; i++) ck_assert(y[r * ld + i] == CANARY);
    return y;
}

static float *plain(enum pl_isa isa, const struct pl_weight *w, uint32_t n, const float *x, uint32_t rows,
                    uint32_t cols)
{
    return product(isa, 1, w, n, x, rows, cols, (struct lora){0});
}

static void same_bytes(const float *a, const float *b, size_t n, const char *what, int dtype)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(pl__f32_bits(a[i]) == pl__f32_bits(b[i]), "%s, %s, value %zu: %a and %a", what,
                      pl_dtype_name(dtype), i, (double)a[i], (double)b[i]);
}

static void compare_isas(const struct pl_weight *w, uint32_t n, const float *x, uint32_t rows, uint32_t cols,
                         int dtype)
{
    float *want = plain(PL_ISA_PORTABLE, w, n, x, rows, cols);
    for (int i = 1; i < ISAS; i++) {
        if (!pl_isa_available(isas[i])) continue;
        float *got = plain(isas[i], w, n, x, rows, cols);
        same_bytes(want, got, (size_t)rows * (n + LD_EXTRA), pl_isa_name(isas[i]), dtype);
        free(got);
    }
    free(want);
}

START_TEST(every_instruction_set_gives_the_same_bytes)
{
    static const uint32_t rows[] = {1, 2, 5, 8, 9, 33};
    for (int i = 1; i < ISAS; i++) have(isas[i]);
    for (int t = 0; t < TYPES; t++) {
        uint32_t cols = is_float(types[t]) ? 172 : 512, n = 55; /* three tiles and a part of one */
        struct pl_weight *w = random_weight(types[t], n, cols);
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            float *x = random_rows(rows[r], cols);
            compare_isas(w, n, x, rows[r], cols, types[t]);
            free(x);
        }
        pl_backend_cpu.weight_destroy(&w);
    }
}
END_TEST

START_TEST(row_of_a_batch_equals_the_row_alone)
{
    static const uint32_t batch[] = {2, 7, 8, 9, 33, 100};
    enum { N = 40 };
    for (int i = 0; i < ISAS; i++)
        for (int t = 0; t < TYPES && pl_isa_available(isas[i]); t++) {
            uint32_t cols = is_float(types[t]) ? 172 : 512;
            struct pl_weight *w = random_weight(types[t], N, cols);
            float *x = random_rows(100, cols);
            for (size_t b = 0; b < sizeof batch / sizeof *batch; b++) {
                float *all = plain(isas[i], w, N, x, batch[b], cols);
                for (uint32_t r = 0; r<batch[b]; r += batch[b]> 40 ? 7 : 1) {
                    float *one = plain(isas[i], w, N, x + (size_t)r * cols, 1, cols);
                    same_bytes(one, all + (size_t)r * (N + LD_EXTRA), N, "batch", types[t]);
                    free(one);
                }
                free(all);
            }
            free(x);
            pl_backend_cpu.weight_destroy(&w);
        }
}
END_TEST

START_TEST(number_of_threads_changes_no_bit)
{
    enum { N = 200, ROWS = 19, COLS = 256 };
    for (int t = 0; t < TYPES; t++) {
        struct pl_weight *w = random_weight(types[t], N, COLS);
        float *x = random_rows(ROWS, COLS);
        float *one = product(PL_ISA_AUTO, 1, w, N, x, ROWS, COLS, (struct lora){0});
        for (uint32_t threads = 2; threads <= 3; threads++) {
            float *more = product(PL_ISA_AUTO, threads, w, N, x, ROWS, COLS, (struct lora){0});
            same_bytes(one, more, (size_t)ROWS * (N + LD_EXTRA), "threads", types[t]);
            free(more);
        }
        free(one);
        free(x);
        pl_backend_cpu.weight_destroy(&w);
    }
}
END_TEST

/* Against float64 over the exact weights. An activation is off by at most half of its step, a/254, plus
 * float32 rounding of a few operations a block; so |error| <= sum |w| * a/254 + 2e-6 * sum |w x|. EXACT: the
 * activations are exact. */
static void check_close(const struct pl_weight *w, uint32_t n, const float *x, uint32_t rows, uint32_t cols,
                        const float *y, bool exact)
{
    float *row = malloc(cols * sizeof *row);
    double error2 = 0, size2 = 0;
    for (uint32_t i = 0; i < n; i++) {
        pl_backend_cpu.weight_row(w, i, row);
        for (uint32_t r = 0; r < rows; r++) {
            const float *xr = x + (size_t)r * cols;
            double sum = 0, weight = 0, product_size = 0, top = 0;
            for (uint32_t k = 0; k < cols; k++) {
                if (k % 32 == 0) top = 0;
                for (uint32_t j = k; k % 32 == 0 && j < k + 32 && j < cols; j++)
                    top = fmax(top, fabs((double)xr[j]));
                sum += (double)row[k] * (double)xr[k];
                weight += fabs((double)row[k]) * top / 254;
                product_size += fabs((double)row[k] * (double)xr[k]);
            }
            double off = fabs((double)y[(size_t)r * (n + LD_EXTRA) + i] - sum);
            ck_assert_msg(off <= (exact ? 0 : weight * 1.001) + 4e-6 * product_size,
                          "row %u column %u is off by %g", r, i, off);
            error2 += off * off;
            size2 += sum * sum;
        }
    }
    ck_assert_msg(sqrt(error2 / size2) < (exact ? 1e-5 : 0.02), "relative RMS error %g",
                  sqrt(error2 / size2));
    free(row);
}

START_TEST(product_is_close_to_float64)
{
    enum { N = 33, ROWS = 12, COLS = 768 };
    for (int t = 0; t < TYPES; t++) {
        struct pl_weight *w = random_weight(types[t], N, COLS);
        float *x = random_rows(ROWS, COLS), *whole = integer_rows(ROWS, COLS);
        float *y = plain(PL_ISA_AUTO, w, N, x, ROWS, COLS), *z = plain(PL_ISA_AUTO, w, N, whole, ROWS, COLS);
        check_close(w, N, x, ROWS, COLS, y, is_float(types[t]));
        check_close(w, N, whole, ROWS, COLS, z, true);
        free(x);
        free(whole);
        free(y);
        free(z);
        pl_backend_cpu.weight_destroy(&w);
    }
}
END_TEST

/* Weights and activations at the ends of their ranges, where int16 sums are fullest. FILL: the byte of all
 * quants. */
static void check_extremes(int dtype, uint8_t fill, float sign)
{
    enum { N = 16, ROWS = 9, COLS = 256 };
    struct pl_tensor t = make_tensor(dtype, N, COLS);
    uint32_t bytes = pl_dtype_block_bytes(dtype), at = dtype == PL_Q6_K ? 208 : 0;
    for (uint64_t i = 0; i < t.size_bytes / bytes; i++) {
        uint8_t *b = (uint8_t *)t.data + i * bytes;
        memset(b, fill, bytes);
        put_half(b + at, 0.0078125f);
        if (dtype == PL_Q4_1 || dtype == PL_Q4_K || dtype == PL_Q5_K) put_half(b + 2, 0.5f);
    }
    struct pl_weight *w = weight_of(&t, NULL, NULL);
    float x[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++) x[i] = sign * 127 * (i / COLS % 2 && i % 2 ? -1.0f : 1.0f);
    for (int i = 0; i < ISAS; i++) {
        if (!pl_isa_available(isas[i])) continue;
        float *y = plain(isas[i], w, N, x, ROWS, COLS);
        for (uint32_t r = 0; r < ROWS; r += 2)
            check_close(w, N, x + r * COLS, 1, COLS, y + r * (N + LD_EXTRA), true);
        free(y);
    }
    compare_isas(w, N, x, ROWS, COLS, dtype);
    compare_isas(w, N, x, 4, COLS, dtype);
    free((void *)t.data);
    pl_backend_cpu.weight_destroy(&w);
}

START_TEST(extreme_quants_do_not_saturate)
{
    for (int t = 0; t < TYPES; t++) {
        if (is_float(types[t])) continue;
        check_extremes(types[t], 0xff, 1);
        check_extremes(types[t], 0xff, -1);
        check_extremes(types[t], 0x80, 1); /* -128 in Q8_0: where the sign trick could fail */
        check_extremes(types[t], 0x80, -1);
        check_extremes(types[t], 0x7f, -1);
    }
}
END_TEST

START_TEST(subnormals_are_the_same_on_every_path)
{
    enum { N = 20, ROWS = 10, COLS = 256 };
    for (int t = 0; t < TYPES; t++) {
        struct pl_tensor tensor = make_tensor(types[t], N, COLS);
        uint32_t bytes = pl_dtype_block_bytes(types[t]), at = types[t] == PL_Q6_K ? 208 : 0;
        uint16_t tiny = 0x0003;
        for (uint64_t i = 0; i < tensor.size_bytes / bytes; i += 2)
            if (!is_float(types[t])) memcpy((uint8_t *)tensor.data + i * bytes + at, &tiny, 2);
        struct pl_weight *w = weight_of(&tensor, NULL, NULL);
        float *x = random_rows(ROWS, COLS);
        for (int i = 0; i < ROWS * COLS; i++) x[i] *= i / 32 % 3 ? 0x1p-97f : i / 32 % 2 ? 1e-41f : 0x1p-120f;
        compare_isas(w, N, x, ROWS, COLS, types[t]);
        compare_isas(w, N, x, 3, COLS, types[t]);
        free(x);
        free((void *)tensor.data);
        pl_backend_cpu.weight_destroy(&w);
    }
}
END_TEST

START_TEST(row_that_is_not_finite_hurts_no_other)
{
    enum { N = 20, ROWS = 10, COLS = 256, STRIDE = N + LD_EXTRA };
    for (int i = 0; i < ISAS; i++)
        for (int t = 0; t < TYPES && pl_isa_available(isas[i]); t++) {
            struct pl_weight *w = random_weight(types[t], N, COLS);
            float *x = random_rows(ROWS, COLS), *good = plain(isas[i], w, N, x, ROWS, COLS);
            x[1 * COLS + 77] = NAN;
            x[5 * COLS + 200] = -INFINITY;
            float *y = plain(isas[i], w, N, x, ROWS, COLS);
            for (uint32_t r = 0; r < ROWS; r++) {
                if (r == 1 || r == 5)
                    for (uint32_t c = 0; c < N; c++) ck_assert(!isfinite(y[r * STRIDE + c]));
                else
                    same_bytes(good + r * STRIDE, y + r * STRIDE, N, "beside NaN", types[t]);
            }
            free(x);
            free(y);
            free(good);
            pl_backend_cpu.weight_destroy(&w);
        }
}
END_TEST

START_TEST(stacked_parts_equal_the_parts_alone)
{
    enum { A = 21, B = 35, ROWS = 11, COLS = 256 };
    for (int t = 0; t < TYPES; t++) {
        struct pl_tensor a = make_tensor(types[t], A, COLS), b = make_tensor(types[(t + 1) % TYPES], B, COLS);
        float bias[A + B], *x = random_rows(ROWS, COLS);
        for (int i = 0; i < A + B; i++) bias[i] = uniform();
        struct pl_weight *both = weight_of(&a, &b, bias), *wa = weight_of(&a, NULL, bias),
                         *wb = weight_of(&b, NULL, bias + A);
        float *y = plain(PL_ISA_AUTO, both, A + B, x, ROWS, COLS),
              *ya = plain(PL_ISA_AUTO, wa, A, x, ROWS, COLS), *yb = plain(PL_ISA_AUTO, wb, B, x, ROWS, COLS);
        for (uint32_t r = 0; r < ROWS; r++) {
            same_bytes(y + r * (A + B + LD_EXTRA), ya + r * (A + LD_EXTRA), A, "first part", types[t]);
            same_bytes(y + r * (A + B + LD_EXTRA) + A, yb + r * (B + LD_EXTRA), B, "second part", types[t]);
        }
        float *all[] = {x, y, ya, yb, (float *)a.data, (float *)b.data};
        for (int i = 0; i < 6; i++) free(all[i]);
        pl_backend_cpu.weight_destroy(&both);
        pl_backend_cpu.weight_destroy(&wa);
        pl_backend_cpu.weight_destroy(&wb);
    }
}
END_TEST

/* Rule 13, written out: A then B as fma chains, then fma(scale, t, y). */
static void add_pair(const struct pl_lora_pair *p, const float *x, float *y)
{
    float *u = malloc(p->rank * sizeof *u);
    for (uint32_t r = 0; r < p->rank; r++) {
        u[r] = 0;
        for (uint32_t k = 0; k < p->cols; k++) u[r] = fmaf(x[k], p->a[r * p->cols + k], u[r]);
    }
    for (uint32_t n = 0; n < p->rows; n++) {
        float t = 0;
        for (uint32_t r = 0; r < p->rank; r++) t = fmaf(u[r], p->b[n * p->rank + r], t);
        y[p->out_offset + n] = fmaf(p->scale, t, y[p->out_offset + n]);
    }
    free(u);
}

START_TEST(adapters_are_added_row_by_row_before_the_bias)
{
    enum { N = 70, ROWS = 9, COLS = 256, STRIDE = N + LD_EXTRA };
    pl__flush_subnormals();
    float *a = random_rows(11, COLS), *b = random_rows(N, 11), *x = random_rows(ROWS, COLS), bias[N];
    for (int i = 0; i < N; i++) bias[i] = uniform();
    struct pl_lora_pair some[] = {{a, b, 11, 37, COLS, 0.7f, 5}, {a, b, 3, 20, COLS, -2.0f, 50}};
    const struct pl_lora_pair *lists[ROWS] = {some, NULL, some + 1, some, some, NULL, some, some, NULL};
    uint32_t counts[ROWS] = {2, 0, 1, 1, 2, 0, 1, 2, 0};
    struct pl_tensor t = make_tensor(PL_Q5_0, N, COLS);
    struct pl_weight *w = weight_of(&t, NULL, NULL), *biased = weight_of(&t, NULL, bias);
    for (int i = 0; i < ISAS; i++) {
        if (!pl_isa_available(isas[i])) continue;
        float *want = plain(isas[i], w, N, x, ROWS, COLS);
        for (uint32_t r = 0; r < ROWS; r++) {
            for (uint32_t p = 0; p < counts[r]; p++) add_pair(&lists[r][p], x + r * COLS, want + r * STRIDE);
            for (uint32_t n = 0; n < N; n++) want[r * STRIDE + n] += bias[n];
        }
        float *got = product(isas[i], 2, biased, N, x, ROWS, COLS, (struct lora){lists, counts});
        same_bytes(want, got, (size_t)ROWS * STRIDE, "adapters", PL_Q5_0);
        free(got);
        free(want);
    }
    free(a);
    free(b);
    free(x);
    free((void *)t.data);
    pl_backend_cpu.weight_destroy(&w);
    pl_backend_cpu.weight_destroy(&biased);
}
END_TEST

static Suite *matmul_suite(void)
{
    seed = pl_test_seed(7);
    Suite *s = suite_create("matmul");
    TCase *tc = tcase_create("matmul");
    tcase_set_timeout(tc, 300);
    PL_TEST(tc, every_instruction_set_gives_the_same_bytes);
    PL_TEST(tc, row_of_a_batch_equals_the_row_alone);
    PL_TEST(tc, number_of_threads_changes_no_bit);
    PL_TEST(tc, product_is_close_to_float64);
    PL_TEST(tc, extreme_quants_do_not_saturate);
    PL_TEST(tc, subnormals_are_the_same_on_every_path);
    PL_TEST(tc, row_that_is_not_finite_hurts_no_other);
    PL_TEST(tc, stacked_parts_equal_the_parts_alone);
    PL_TEST(tc, adapters_are_added_row_by_row_before_the_bias);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(matmul_suite)
