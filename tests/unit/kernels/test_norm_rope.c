/* Norm, gate, sum, embedding and rotary positions: the right numbers, and the same bytes from every
 * instruction set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/backend.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/f16.h"
#include "tests/support/support.h"

static const enum pl_isa isas[] = {PL_ISA_PORTABLE, PL_ISA_AVX2, PL_ISA_AVX512, PL_ISA_AMX};
enum { ISAS = sizeof isas / sizeof *isas, ROWS = 11, MOST = 200 };

static uint64_t seed;
static uint32_t number(uint32_t below)
{
    return (uint32_t)(pl_test_random(&seed) % below);
}
static float uniform(void)
{
    return (float)number(1 << 20) / (1 << 19) - 1;
}

static struct pl_dev *open_dev(enum pl_isa isa, uint32_t threads)
{
    struct pl_dev *dev = NULL;
    ck_assert_int_eq(pl_backend_cpu.open(isa, threads, &dev, NULL), 0);
    return dev;
}

static void fill(float *x, size_t n, float size)
{
    for (size_t i = 0; i < n; i++) x[i] = uniform() * size;
}

static void same_bytes(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(pl__f32_bits(a[i]) == pl__f32_bits(b[i]), "%s, value %zu: %a and %a", what, i,
                      (double)a[i], (double)b[i]);
}

static void close_to(float got, double want, double tolerance)
{
    ck_assert_msg(fabs((double)got - want) <= tolerance * fmax(1e-3, fabs(want)), "%.9g, expected %.9g",
                  (double)got, want);
}

/* norm, then gate over [x, x], then add: all of them on N columns. */
static void run_ops(enum pl_isa isa, uint32_t threads, uint32_t n, const float *x, const float *gain,
                    float *norm, float *gate, float *sum)
{
    struct pl_dev *dev = open_dev(isa, threads);
    struct pl_mat in = {(float *)x, ROWS, n, 2 * MOST}, wide = {(float *)x, ROWS, 2 * n, 2 * MOST};
    pl_backend_cpu.rmsnorm(dev, in, gain, 1e-5f, (struct pl_mat){norm, ROWS, n, MOST});
    pl_backend_cpu.swiglu(dev, wide, (struct pl_mat){gate, ROWS, n, MOST});
    for (uint32_t r = 0; r < ROWS; r++) memcpy(sum + r * MOST, norm + r * MOST, n * sizeof *sum);
    pl_backend_cpu.add(dev, (struct pl_mat){sum, ROWS, n, MOST}, (struct pl_mat){gate, ROWS, n, MOST});
    pl_backend_cpu.close(&dev);
}

static void check_values(uint32_t n, const float *x, const float *gain, const float *norm, const float *gate,
                         const float *sum)
{
    for (uint32_t r = 0; r < ROWS; r++) {
        const float *row = x + (size_t)r * 2 * MOST;
        double squares = 0;
        for (uint32_t i = 0; i < n; i++) squares += (double)row[i] * (double)row[i];
        for (uint32_t i = 0; i < n; i++) {
            double g = (double)row[i], u = (double)row[n + i];
            close_to(norm[r * MOST + i], g * (double)gain[i] / sqrt(squares / n + 1e-5), 1e-6);
            close_to(gate[r * MOST + i], g / (1 + exp(-g)) * u, 1e-6);
            ck_assert(sum[r * MOST + i] == norm[r * MOST + i] + gate[r * MOST + i]);
        }
    }
}

START_TEST(row_ops_are_right_and_the_same_on_every_path)
{
    static const uint32_t widths[] = {1, 15, 16, 17, 64, 100, 172, 199, 200};
    static float x[ROWS * 2 * MOST], gain[MOST], want[3][ROWS * MOST], got[3][ROWS * MOST];
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        fill(x, ROWS * 2 * MOST, 12);
        fill(gain, MOST, 2);
        run_ops(PL_ISA_PORTABLE, 1, widths[w], x, gain, want[0], want[1], want[2]);
        check_values(widths[w], x, gain, want[0], want[1], want[2]);
        for (int i = 1; i < ISAS; i++) {
            if (!pl_isa_available(isas[i])) {
                if (w == 0) pl_test_skip(pl_isa_name(isas[i]), "this processor does not have it");
                continue;
            }
            run_ops(isas[i], 3, widths[w], x, gain, got[0], got[1], got[2]);
            for (int k = 0; k < 3; k++) same_bytes(want[k], got[k], ROWS * MOST, pl_isa_name(isas[i]));
        }
    }
}
END_TEST

START_TEST(subnormals_are_the_same_on_every_path)
{
    static float x[ROWS * 2 * MOST], gain[MOST], want[3][ROWS * MOST], got[3][ROWS * MOST];
    fill(x, ROWS * 2 * MOST, 1);
    fill(gain, MOST, 1);
    for (int i = 0; i < ROWS * 2 * MOST; i++) x[i] *= i % 3 == 0 ? 1e-39f : i % 3 == 1 ? 0x1p-120f : 300;
    for (int i = 0; i < MOST; i += 2) gain[i] *= 1e-40f;
    run_ops(PL_ISA_PORTABLE, 1, 100, x, gain, want[0], want[1], want[2]);
    for (int i = 1; i < ISAS; i++) {
        if (!pl_isa_available(isas[i])) continue;
        run_ops(isas[i], 2, 100, x, gain, got[0], got[1], got[2]);
        for (int k = 0; k < 3; k++) same_bytes(want[k], got[k], ROWS * MOST, pl_isa_name(isas[i]));
    }
}
END_TEST

START_TEST(embedding_rows_are_the_weights_rows)
{
    enum { N = 50, K = 40 };
    static float table[N * K], x[ROWS * K];
    fill(table, N * K, 1);
    struct pl_tensor t = {"t", PL_F32, 2, {K, N, 1, 1}, sizeof table, table};
    const struct pl_tensor *parts[] = {&t};
    struct pl_weight *w = NULL;
    ck_assert_int_eq(pl_backend_cpu.weight_create(PL_ISA_AUTO, parts, 1, NULL, &w, NULL), 0);
    uint32_t ids[ROWS];
    for (int r = 0; r < ROWS; r++) ids[r] = number(N);
    struct pl_dev *dev = open_dev(PL_ISA_AUTO, 2);
    pl_backend_cpu.embed(dev, w, ids, (struct pl_mat){x, ROWS, K, K});
    for (int r = 0; r < ROWS; r++) same_bytes(table + ids[r] * K, x + r * K, K, "row");
    pl_backend_cpu.weight_destroy(&w);
    pl_backend_cpu.close(&dev);
}
END_TEST

enum { H = 3, G = 1, E = 24, WIDTH = (H + 2 * G) * E };
static const uint32_t positions[ROWS] = {0, 1, 2, 63, 64, 127, 1000, 4095, 131071, 1000000, 1048575};

/* Each row is a sequence of its own; all share page 0, which is enough to turn them. Some share a slot there as well, so
 * one thread writes them in order. */
static void run_rope(enum pl_isa isa, const struct pl_rope_desc *r, float *qkv, uint16_t *keys)
{
    static uint32_t pages[1048576 / PL_PAGE_TOKENS];
    struct pl_dev *dev = open_dev(isa, 1);
    struct pl_attn_desc a = {H, G, E, 1};
    struct pl_kv *kv = NULL;
    ck_assert_int_eq(pl_backend_cpu.kv_create(dev, 1, 1, &a, &kv, NULL), 0);
    uint32_t row[ROWS + 1];
    const uint32_t *tables[ROWS];
    for (uint32_t i = 0; i <= ROWS; i++) row[i] = i;
    for (uint32_t i = 0; i < ROWS; i++) tables[i] = pages;
    struct pl_batch b = {ROWS, ROWS, positions, row, tables};
    pl_backend_cpu.rope_kv_write(dev, (struct pl_mat){qkv, ROWS, WIDTH, WIDTH}, &a, r, &b, kv, 0);
    memcpy(keys, kv->data, kv->page_stride * sizeof *keys);
    pl_backend_cpu.kv_destroy(dev, &kv);
    pl_backend_cpu.close(&dev);
}

static void check_rope(const struct pl_rope_desc *r, const float *before, const float *after)
{
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint32_t h = 0; h < H + G; h++) {
            const float *x = before + row * WIDTH + h * E, *y = after + row * WIDTH + h * E;
            for (uint32_t i = 0; i < r->dims / 2; i++) {
                uint32_t p = r->interleaved ? 2 * i : i, q = r->interleaved ? p + 1 : i + r->dims / 2;
                double angle = positions[row] * pow((double)r->theta, -2.0 * i / r->dims);
                if (r->factors) angle /= (double)r->factors[i];
                double c = cos(angle), s = sin(angle), a = (double)x[p], b = (double)x[q];
                ck_assert_double_lt(fabs((double)y[p] - (a * c - b * s)), 1e-6);
                ck_assert_double_lt(fabs((double)y[q] - (a * s + b * c)), 1e-6);
            }
            for (uint32_t e = r->dims; e < E; e++) ck_assert(x[e] == y[e]);
        }
    for (uint32_t row = 0; row < ROWS; row++) /* values are left alone */
        same_bytes(before + row * WIDTH + (H + G) * E, after + row * WIDTH + (H + G) * E, G * E, "values");
}

START_TEST(positions_turn_both_kinds_of_pairs_up_to_a_million)
{
    static const float factors[] = {1, 1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8};
    static const struct pl_rope_desc kinds[] = {{10000, E, true, NULL},
                                                {1000000, E, false, NULL},
                                                {500000, E, true, factors},
                                                {10000, 16, false, NULL}};
    static float x[ROWS * WIDTH], want[ROWS * WIDTH], got[ROWS * WIDTH];
    static uint16_t want_keys[2 * 64 * E * G], got_keys[2 * 64 * E * G];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        fill(x, ROWS * WIDTH, 1);
        memcpy(want, x, sizeof x);
        run_rope(PL_ISA_PORTABLE, &kinds[k], want, want_keys);
        check_rope(&kinds[k], x, want);
        for (int i = 1; i < ISAS; i++) {
            if (!pl_isa_available(isas[i])) continue;
            memcpy(got, x, sizeof x);
            run_rope(isas[i], &kinds[k], got, got_keys);
            same_bytes(want, got, ROWS * WIDTH, pl_isa_name(isas[i]));
            ck_assert_mem_eq(want_keys, got_keys, sizeof want_keys);
        }
    }
}
END_TEST

START_TEST(rope_tables_follow_a_change_of_the_step)
{
    struct pl_dev *dev = open_dev(PL_ISA_AUTO, 1);
    struct pl_attn_desc a = {1, 1, 4, 1};
    struct pl_kv *kv = NULL;
    ck_assert_int_eq(pl_backend_cpu.kv_create(dev, 1, 1, &a, &kv, NULL), 0);
    uint32_t row[] = {0, 1}, pages[] = {0};
    const uint32_t *tables[] = {pages};
    for (uint32_t i = 0; i < 8; i++) {
        float x[12] = {1, 0, 1, 0};
        uint32_t pos = i / 2;
        struct pl_rope_desc r = {i % 2 ? 100.0f : 10000.0f, 4, true, NULL};
        struct pl_batch b = {1, 1, &pos, row, tables};
        pl_backend_cpu.rope_kv_write(dev, (struct pl_mat){x, 1, 12, 12}, &a, &r, &b, kv, 0);
        close_to(x[0], cos(pos), 1e-6);
        close_to(x[2], cos(pos / sqrt((double)r.theta)), 1e-6);
    }
    pl_backend_cpu.kv_destroy(dev, &kv);
    pl_backend_cpu.close(&dev);
}
END_TEST

static Suite *norm_rope_suite(void)
{
    seed = pl_test_seed(13);
    Suite *s = suite_create("norm_rope");
    TCase *tc = tcase_create("norm_rope");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, row_ops_are_right_and_the_same_on_every_path);
    PL_TEST(tc, subnormals_are_the_same_on_every_path);
    PL_TEST(tc, embedding_rows_are_the_weights_rows);
    PL_TEST(tc, positions_turn_both_kinds_of_pairs_up_to_a_million);
    PL_TEST(tc, rope_tables_follow_a_change_of_the_step);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(norm_rope_suite)
