/* Attention of X32: the same bytes however a sequence is cut up, whatever lies in the rest of a page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/backend.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/f16.h"
#include "tests/support/support.h"

static const enum pl_isa isas[] = {PL_ISA_PORTABLE, PL_ISA_AVX2, PL_ISA_AVX512, PL_ISA_AMX};
enum { ISAS = sizeof isas / sizeof *isas, LAYERS = 2, PAGES = 12 };

static uint64_t seed;
static uint32_t number(uint32_t below)
{
    return (uint32_t)(pl_test_random(&seed) % below);
}
static float uniform(void)
{
    return (float)number(1 << 20) / (1 << 19) - 1;
}

struct shape {
    uint32_t heads, kv_heads, head_dim;
};
static const struct shape shapes[] = {{4, 4, 8},  {6, 2, 24},  {9, 3, 64},
                                      {2, 1, 80}, {14, 2, 64}, {4, 1, 128}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static uint32_t qkv_width(struct shape s)
{
    return (s.heads + 2 * s.kv_heads) * s.head_dim;
}
static uint32_t out_width(struct shape s)
{
    return s.heads * s.head_dim;
}

/* Rows of q, k and v with big keys now and then, so that the maximum moves from run to run. */
static float *random_qkv(struct shape s, uint32_t rows)
{
    size_t n = (size_t)rows * qkv_width(s);
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = uniform() * (number(40) ? 1 : 8);
    return x;
}

struct rig {
    struct pl_dev *dev;
    struct pl_kv *kv;
    struct pl_attn_desc a;
    struct pl_rope_desc r;
    struct shape s;
};

/* Pages hold NaN until they are written. */
static struct rig rig_open(enum pl_isa isa, uint32_t threads, struct shape s)
{
    struct rig g = {.s = s,
                    .a = {s.heads, s.kv_heads, s.head_dim, 1.0f / sqrtf((float)s.head_dim)},
                    .r = {.theta = 10000, .dims = s.head_dim}};
    ck_assert_int_eq(pl_backend_cpu.open(isa, threads, &g.dev, NULL), 0);
    ck_assert_int_eq(pl_backend_cpu.kv_create(g.dev, LAYERS, PAGES, &g.a, &g.kv, NULL), 0);
    size_t halves = pl_backend_cpu.kv_bytes(g.kv) / 2;
    for (size_t i = 0; i < halves; i++) g.kv->data[i] = i % 3 ? 0x7e01 : 0xfc00;
    return g;
}

static void rig_close(struct rig *g)
{
    pl_backend_cpu.kv_destroy(g->dev, &g->kv);
    pl_backend_cpu.close(&g->dev);
}

static void step(struct rig *g, float *qkv, const struct pl_batch *b, float *out)
{
    struct pl_mat x = {qkv, b->n_rows, qkv_width(g->s), qkv_width(g->s)};
    struct pl_mat y = {out, b->n_rows, out_width(g->s), out_width(g->s)};
    pl_backend_cpu.rope_kv_write(g->dev, x, &g->a, &g->r, b, g->kv, 1);
    pl_backend_cpu.attention(g->dev, x, &g->a, b, g->kv, 1, y);
}

/* Runs positions [from, from+n) of one sequence whose qkv rows begin at QKV. */
static void run_chunk(struct rig *g, const uint32_t *pages, float *qkv, uint32_t from, uint32_t n, float *out)
{
    uint32_t pos[512], row[2] = {0, n};
    ck_assert_uint_le(n, 512);
    for (uint32_t i = 0; i < n; i++) pos[i] = from + i;
    struct pl_batch b = {n, 1, pos, row, &pages};
    step(g, qkv + (size_t)from * qkv_width(g->s), &b, out + (size_t)from * out_width(g->s));
}

static const uint32_t pages_a[] = {5, 0, 7, 2, 9}, pages_b[] = {1, 3, 8, 4, 6};

/* Output of N positions, CHUNK at a time. The caller frees. QKV is not changed. */
static float *run_all(enum pl_isa isa, uint32_t threads, struct shape s, const float *qkv, uint32_t n,
                      uint32_t chunk)
{
    struct rig g = rig_open(isa, threads, s);
    size_t bytes = (size_t)n * qkv_width(s) * sizeof(float);
    float *copy = memcpy(malloc(bytes), qkv, bytes), *out = calloc((size_t)n * out_width(s), sizeof *out);
    for (uint32_t at = 0; at < n; at += chunk)
        run_chunk(&g, pages_a, copy, at, n - at < chunk ? n - at : chunk, out);
    free(copy);
    rig_close(&g);
    return out;
}

static void same_bytes(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(pl__f32_bits(a[i]) == pl__f32_bits(b[i]), "%s, value %zu: %a and %a", what, i,
                      (double)a[i], (double)b[i]);
}

START_TEST(every_instruction_set_gives_the_same_bytes)
{
    for (int i = 1; i < ISAS; i++)
        if (!pl_isa_available(isas[i])) pl_test_skip(pl_isa_name(isas[i]), "this processor does not have it");
    for (int k = 0; k < SHAPES; k++) {
        uint32_t n = 150;
        float *qkv = random_qkv(shapes[k], n), *want = run_all(PL_ISA_PORTABLE, 1, shapes[k], qkv, n, n);
        for (int i = 1; i < ISAS; i++) {
            if (!pl_isa_available(isas[i])) continue;
            float *got = run_all(isas[i], 1, shapes[k], qkv, n, n);
            same_bytes(want, got, (size_t)n * out_width(shapes[k]), pl_isa_name(isas[i]));
            free(got);
        }
        free(want);
        free(qkv);
    }
}
END_TEST

START_TEST(chunking_and_threads_change_no_bit)
{
    static const uint32_t chunks[] = {1, 7, 16, 17, 64, 65, 200};
    for (int k = 0; k < SHAPES; k++) {
        uint32_t n = 200;
        float *qkv = random_qkv(shapes[k], n), *want = run_all(PL_ISA_AUTO, 1, shapes[k], qkv, n, n);
        for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
            float *got = run_all(PL_ISA_AUTO, 1 + c % 3, shapes[k], qkv, n, chunks[c]);
            same_bytes(want, got, (size_t)n * out_width(shapes[k]), "chunks");
            free(got);
        }
        free(want);
        free(qkv);
    }
}
END_TEST

START_TEST(sequences_of_a_ragged_batch_do_not_touch_each_other)
{
    struct shape s = shapes[2];
    uint32_t na = 100, nb = 70, w = qkv_width(s), o = out_width(s);
    float *a = random_qkv(s, na), *b = random_qkv(s, nb);
    float *want_a = run_all(PL_ISA_AUTO, 1, s, a, na, na), *want_b = run_all(PL_ISA_AUTO, 1, s, b, nb, nb);
    struct rig g = rig_open(PL_ISA_AUTO, 2, s);
    float *out = calloc((size_t)(na + nb) * o, sizeof *out),
          *mixed = malloc((size_t)(na + nb) * w * sizeof *mixed);
    run_chunk(&g, pages_b, b, 0, nb - 1, out); /* b's prompt, then its next token beside all of a */
    memcpy(mixed, a, (size_t)na * w * sizeof *mixed);
    memcpy(mixed + (size_t)na * w, b + (size_t)(nb - 1) * w, w * sizeof *mixed);
    uint32_t pos[200], row[] = {0, na, na + 1};
    for (uint32_t i = 0; i < na; i++) pos[i] = i;
    pos[na] = nb - 1;
    const uint32_t *pages[] = {pages_a, pages_b};
    struct pl_batch batch = {na + 1, 2, pos, row, pages};
    step(&g, mixed, &batch, out);
    same_bytes(want_a, out, (size_t)na * o, "first sequence");
    same_bytes(want_b + (size_t)(nb - 1) * o, out + (size_t)na * o, o, "second sequence");
    float *all[] = {a, b, want_a, want_b, out, mixed};
    for (int i = 0; i < 6; i++) free(all[i]);
    rig_close(&g);
}
END_TEST

/* Softmax attention in float64 over what the op turned and rounded. */
static double reference(struct shape s, const float *turned, uint32_t pos, uint32_t head, uint32_t e,
                        double scale)
{
    uint32_t w = qkv_width(s), d = s.head_dim, g = head / (s.heads / s.kv_heads);
    const float *q = turned + (size_t)pos * w + head * d;
    double score[512], top = -INFINITY, sum = 0, out = 0;
    for (uint32_t i = 0; i <= pos; i++) {
        const float *k = turned + (size_t)i * w + (s.heads + g) * d;
        score[i] = 0;
        for (uint32_t j = 0; j < d; j++)
            score[i] += (double)q[j] * (double)pl__f16_to_f32(pl__f32_to_f16(k[j]));
        score[i] *= scale;
        top = fmax(top, score[i]);
    }
    for (uint32_t i = 0; i <= pos; i++) {
        double p = exp(score[i] - top);
        float v = turned[(size_t)i * w + (s.heads + s.kv_heads + g) * d + e];
        sum += p;
        out += p * (double)pl__f16_to_f32(pl__f32_to_f16(v));
    }
    return out / sum;
}

START_TEST(attention_is_close_to_float64)
{
    for (int k = 0; k < SHAPES; k++) {
        struct shape s = shapes[k];
        uint32_t n = 140, o = out_width(s);
        struct rig g = rig_open(PL_ISA_AUTO, 1, s);
        float *qkv = random_qkv(s, n), *out = calloc((size_t)n * o, sizeof *out);
        run_chunk(&g, pages_a, qkv, 0, n, out); /* turns qkv in place */
        for (uint32_t i = 0; i < 3000; i++) {
            uint32_t pos = number(n), head = number(s.heads), e = number(s.head_dim);
            double want = reference(s, qkv, pos, head, e, (double)g.a.scale);
            double got = (double)out[(size_t)pos * o + head * s.head_dim + e];
            ck_assert_msg(fabs(got - want) < 1e-5, "position %u head %u: %g, expected %g", pos, head, got,
                          want);
        }
        free(qkv);
        free(out);
        rig_close(&g);
    }
}
END_TEST

START_TEST(recycled_pages_do_not_leak_what_was_in_them)
{
    struct shape s = shapes[4];
    uint32_t n = 130, o = out_width(s);
    float *qkv = random_qkv(s, n), *poison = random_qkv(s, 320),
          *want = run_all(PL_ISA_AUTO, 1, s, qkv, n, 13);
    for (size_t i = 0; i < (size_t)320 * qkv_width(s); i++) poison[i] = NAN;
    struct rig g = rig_open(PL_ISA_AUTO, 2, s);
    float *out = calloc((size_t)320 * o, sizeof *out);
    run_chunk(&g, pages_a, poison, 0, 320, out);
    for (uint32_t i = 0; i < 320 * o; i++) ck_assert(isnan(out[i]));
    for (uint32_t at = 0; at < n; at += 13) run_chunk(&g, pages_a, qkv, at, 13, out);
    same_bytes(want, out, (size_t)n * o, "recycled");
    free(qkv);
    free(poison);
    free(want);
    free(out);
    rig_close(&g);
}
END_TEST

START_TEST(row_that_is_not_finite_hurts_no_earlier_one)
{
    struct shape s = shapes[2];
    uint32_t n = 80, o = out_width(s);
    float *qkv = random_qkv(s, n), *want = run_all(PL_ISA_AUTO, 1, s, qkv, n, n);
    qkv[(size_t)70 * qkv_width(s) + 3] = NAN;
    float *got = run_all(PL_ISA_AUTO, 1, s, qkv, n, n);
    same_bytes(want, got, (size_t)70 * o, "before NaN");
    same_bytes(want + (size_t)71 * o, got + (size_t)71 * o, (size_t)(n - 71) * o, "NaN in a query only");
    ck_assert(isnan(got[(size_t)70 * o]));
    free(qkv);
    free(want);
    free(got);
}
END_TEST

START_TEST(copied_page_serves_like_the_original)
{
    struct shape s = shapes[1];
    uint32_t n = 100, o = out_width(s), copied[] = {5, 11};
    float *qkv = random_qkv(s, n), *want = run_all(PL_ISA_AUTO, 1, s, qkv, n, n);
    struct rig g = rig_open(PL_ISA_AUTO, 1, s);
    float *out = calloc((size_t)n * o, sizeof *out);
    run_chunk(&g, pages_a, qkv, 0, 90, out);
    pl_backend_cpu.kv_copy_page(g.dev, g.kv, pages_a[1], 11);
    memset(g.kv->data + g.kv->layer_stride + pages_a[1] * g.kv->page_stride, 0xff, g.kv->page_stride * 2);
    run_chunk(&g, copied, qkv, 90, n - 90, out);
    same_bytes(want, out, (size_t)n * o, "copied");
    free(qkv);
    free(want);
    free(out);
    rig_close(&g);
}
END_TEST

static Suite *attention_suite(void)
{
    seed = pl_test_seed(11);
    Suite *s = suite_create("attention");
    TCase *tc = tcase_create("attention");
    tcase_set_timeout(tc, 300);
    PL_TEST(tc, every_instruction_set_gives_the_same_bytes);
    PL_TEST(tc, chunking_and_threads_change_no_bit);
    PL_TEST(tc, sequences_of_a_ragged_batch_do_not_touch_each_other);
    PL_TEST(tc, attention_is_close_to_float64);
    PL_TEST(tc, recycled_pages_do_not_leak_what_was_in_them);
    PL_TEST(tc, row_that_is_not_finite_hurts_no_earlier_one);
    PL_TEST(tc, copied_page_serves_like_the_original);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(attention_suite)
