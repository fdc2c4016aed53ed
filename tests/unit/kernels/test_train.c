/* Training: gradients against central differences, for pairs and for every weight; the same bits for any
 * number of threads, any instruction set, and whether activations are kept or made again; what a frozen part
 * must not do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/train/loss.h"
#include "tests/support/support.h"

enum { ROWS = 96, VOCAB = 259, ALL = (1 << PL_N_MODULES) - 1 };
#ifdef PL_SANITIZED
enum { SLICES = 4 }; /* each is two passes forward, ten times slower there */
#else
enum { SLICES = 24 };
#endif

static const struct {
    const char *name, *options;
} kinds[] = {
    {"llama", "--arch llama --types F32 --untied"},
    {"qwen2", "--arch qwen2 --types F32 --heads 4 --kv-heads 2"},
    {"mixed", "--arch llama --types Q5_0,Q8_0,Q4_0,Q4_1,Q6_K,Q4_K,Q5_K,F16,BF16"},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };
static char paths[N_KINDS][1024];

static void make_models(void)
{
    char command[4096];
    for (int i = 0; i < N_KINDS; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s.gguf", pl_test_dir(), kinds[i].name);
        snprintf(command, sizeof command, "/usr/bin/python3 -B '%s' '%s' %s",
                 pl_test_source("tests/tools/make_tiny.py"), paths[i], kinds[i].options);
        ck_assert_int_eq(system(command), 0);
    }
}

static struct pl_model *open_model(int kind, enum pl_isa isa)
{
    struct pl_model *m = NULL;
    struct pl_err err = {0};
    ck_assert_msg(pl_model_open(paths[kind], isa, &m, &err) == 0, "%s", err.text);
    return m;
}

static struct pl__net *open_net(const struct pl_model *m, struct pl__net_opts o)
{
    struct pl__net *n = NULL;
    struct pl_err err = {0};
    o.max_rows = ROWS;
    if (!o.threads) o.threads = 2;
    if (!o.rank) o.rank = 4;
    if (!o.modules) o.modules = ALL;
    if (!o.alpha) o.alpha = 8;
    o.seed = 7;
    ck_assert_msg(pl__net_create(m, &o, &n, &err) == 0, "%s", err.text);
    return n;
}

/* Pairs whose B is zero have no gradient in A; so every value gets some. */
static void shake(struct pl__net *n)
{
    uint64_t state = 3;
    for (size_t i = 0; i < n->n_params && !n->opts.full; i++)
        n->params[i] += ((float)(pl_test_random(&state) % 2001) - 1000.0f) * 5e-5f;
}

/* Three texts of 70, 5 and 1 ids, longer than a run of queries and shorter than a tile. */
struct text {
    uint32_t ids[ROWS], segment[4];
    struct pl__rows rows;
    struct pl__target t[ROWS];
    uint32_t n_targets;
};

static void make_text(struct text *x)
{
    static const uint32_t lengths[3] = {70, 5, 1};
    uint64_t state = 5;
    *x = (struct text){0};
    for (uint32_t s = 0; s < 3; s++) x->segment[s + 1] = x->segment[s] + lengths[s];
    x->rows = (struct pl__rows){x->segment[3], 3, x->ids, x->segment};
    for (uint32_t i = 0; i < x->rows.n_rows; i++) {
        x->ids[i] = (uint32_t)(pl_test_random(&state) % VOCAB);
        if (i % 3 == 1) continue;
        uint32_t id = (uint32_t)(pl_test_random(&state) % VOCAB);
        float c = -0.02f - 0.001f * (float)(i % 7);
        x->t[x->n_targets++] = (struct pl__target){i, id, c};
    }
}

static double loss_of(struct pl__net *n, const struct text *x)
{
    float logp[ROWS];
    double sum = 0;
    pl__net_forward(n, &x->rows, 1, true);
    pl__loss_logprobs(n, x->t, x->n_targets, logp);
    for (uint32_t i = 0; i < x->n_targets; i++) sum += x->t[i].c * (double)logp[i];
    return sum;
}

static double gradient_of(struct pl__net *n, const struct text *x)
{
    memset(n->grads, 0, n->n_params * sizeof *n->grads);
    pl__net_forward(n, &x->rows, 1, true);
    pl__loss_begin(n);
    double loss = pl__loss_back(n, x->t, x->n_targets, NULL);
    pl__net_back(n);
    return loss;
}

/* The derivative along random directions, each over a slice of the parameters, so that no part can hide. In
 * float32 the difference of two losses has an error of its own; hence one part in a hundred, or what rounding
 * makes of it. */
static void check_directions(struct pl__net *n, const struct text *x, uint32_t slices)
{
    uint64_t state = 17;
    size_t each = (n->n_params + slices - 1) / slices;
    gradient_of(n, x);
    float *start = malloc(n->n_params * sizeof *start), *grads = malloc(n->n_params * sizeof *grads);
    ck_assert(start && grads);
    memcpy(start, n->params, n->n_params * sizeof *start);
    memcpy(grads, n->grads, n->n_params * sizeof *grads);
    for (uint32_t s = 0; s < slices; s++) {
        size_t from = s * each, to = from + each < n->n_params ? from + each : n->n_params;
        double along = 0, norm = 0, loss[2];
        for (size_t i = from; i < to; i++) norm += (double)grads[i] * grads[i];
        norm = sqrt(norm);
        ck_assert_msg(norm > 0, "slice %u has no gradient", s);
        float *step = calloc(to - from, sizeof *step);
        for (size_t i = from; i < to; i++) {
            double noise =
                ((double)(pl_test_random(&state) % 2001) - 1000.0) / 1000.0 / sqrt((double)(to - from));
            step[i - from] = (float)(0.02 * (grads[i] / norm + noise));
        }
        for (int side = 0; side < 2; side++) {
            for (size_t i = from; i < to; i++)
                n->params[i] = start[i] + (side ? -1.0f : 1.0f) * step[i - from];
            loss[side] = loss_of(n, x);
        }
        for (size_t i = from; i < to; i++) along += (double)grads[i] * step[i - from];
        memcpy(n->params, start, n->n_params * sizeof *start);
        double measured = (loss[0] - loss[1]) / 2;
        ck_assert_msg(fabs(measured - along) <= 0.02 * fabs(along) + 2e-6,
                      "slice %u: %g by difference, %g by gradient", s, measured, along);
        free(step);
    }
    free(start);
    free(grads);
}

START_TEST(gradients_of_pairs_are_the_differences)
{
    struct text x;
    make_text(&x);
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int drop = 0; drop < 2; drop++) {
            struct pl_model *m = open_model(kind, PL_ISA_AUTO);
            struct pl__net *n =
                open_net(m, (struct pl__net_opts){.dropout = drop ? 0.3f : 0, .rslora = drop});
            shake(n);
            check_directions(n, &x, SLICES);
            pl__net_destroy(&n);
            pl_model_close(&m);
        }
}
END_TEST

START_TEST(gradients_of_every_weight_are_the_differences)
{
    struct text x;
    make_text(&x);
    for (int kind = 0; kind < 2; kind++) {
        struct pl_model *m = open_model(kind, PL_ISA_AUTO);
        struct pl__net *n = open_net(m, (struct pl__net_opts){.full = true});
        check_directions(n, &x, SLICES);
        pl__net_destroy(&n);
        pl_model_close(&m);
    }
}
END_TEST

static void same_gradients(int kind, enum pl_isa isa, struct pl__net_opts o, const float *wanted, double loss)
{
    struct text x;
    make_text(&x);
    struct pl_model *m = open_model(kind, isa);
    struct pl__net *n = open_net(m, o);
    shake(n);
    ck_assert_double_eq(gradient_of(n, &x), loss);
    ck_assert_mem_eq(n->grads, wanted, n->n_params * sizeof *wanted);
    pl__net_destroy(&n);
    pl_model_close(&m);
}

START_TEST(bits_depend_on_nothing_but_the_data)
{
    struct text x;
    make_text(&x);
    struct pl_model *m = open_model(2, PL_ISA_PORTABLE);
    struct pl__net *n = open_net(m, (struct pl__net_opts){.dropout = 0.1f});
    shake(n);
    double loss = gradient_of(n, &x);
    for (int isa = PL_ISA_PORTABLE; isa <= PL_ISA_AVX512; isa++) {
        if (!pl_isa_available((enum pl_isa)isa)) continue;
        for (uint32_t threads = 1; threads <= 3; threads += 2)
            for (int again = 0; again < 2; again++)
                same_gradients(2, (enum pl_isa)isa,
                               (struct pl__net_opts){.dropout = 0.1f, .threads = threads, .recompute = again},
                               n->grads, loss);
    }
    pl__net_destroy(&n);
    pl_model_close(&m);
}
END_TEST

START_TEST(segments_do_not_see_each_other)
{
    struct text x;
    make_text(&x);
    struct pl_model *m = open_model(0, PL_ISA_AUTO);
    struct pl__net *n = open_net(m, (struct pl__net_opts){0});
    float together[ROWS], alone[ROWS];
    pl__net_forward(n, &x.rows, 0, false);
    pl__loss_logprobs(n, x.t, x.n_targets, together);
    uint32_t done = 0;
    for (uint32_t s = 0; s < 3; s++) {
        uint32_t from = x.segment[s], segment[2] = {0, x.segment[s + 1] - from}, count = 0;
        struct pl__target t[ROWS];
        while (done + count < x.n_targets && x.t[done + count].row < x.segment[s + 1]) {
            t[count] = x.t[done + count];
            t[count].row -= from;
            count++;
        }
        pl__net_forward(n, &(struct pl__rows){segment[1], 1, x.ids + from, segment}, 0, false);
        pl__loss_logprobs(n, t, count, alone);
        ck_assert_mem_eq(alone, together + done, count * sizeof *alone);
        done += count;
    }
    ck_assert_uint_eq(done, x.n_targets);
    pl__net_destroy(&n);
    pl_model_close(&m);
}
END_TEST

START_TEST(a_fresh_pair_changes_nothing)
{
    struct text x;
    make_text(&x);
    struct pl_model *m = open_model(0, PL_ISA_AUTO);
    struct pl__net *with = open_net(m, (struct pl__net_opts){0}),
                   *other = open_net(m, (struct pl__net_opts){.rank = 9});
    ck_assert_double_eq(loss_of(with, &x), loss_of(other, &x));
    pl__net_destroy(&with);
    pl__net_destroy(&other);
    pl_model_close(&m);
}
END_TEST

START_TEST(divergence_from_itself_is_nothing)
{
    struct text x;
    make_text(&x);
    struct pl_model *m = open_model(0, PL_ISA_AUTO);
    struct pl__net *n = open_net(m, (struct pl__net_opts){0});
    uint32_t rows[ROWS], count = x.rows.n_rows;
    float *hidden = calloc((size_t)ROWS * m->info.n_embd, sizeof *hidden);
    for (uint32_t i = 0; i < count; i++) rows[i] = i;
    pl__net_forward(n, &x.rows, 0, false);
    pl__loss_hidden(n, rows, count, hidden);
    pl__loss_begin(n);
    ck_assert_double_eq_tol(pl__loss_kl_back(n, rows, count, hidden, 1.0f), 0, 1e-5);
    for (uint32_t i = 0; i < count * m->info.n_embd; i++) ck_assert_float_eq_tol(n->dx[i], 0, 1e-5f);
    free(hidden);
    pl__net_destroy(&n);
    pl_model_close(&m);
}
END_TEST

static double divergence(struct pl__net *n, const struct text *x, const uint32_t *rows, const float *hidden)
{
    pl__net_forward(n, &x->rows, 0, false);
    pl__loss_begin(n);
    return pl__loss_kl_back(n, rows, x->rows.n_rows, hidden, 1.0f);
}

START_TEST(gradient_of_the_divergence_is_the_difference)
{
    struct text x;
    make_text(&x);
    struct pl_model *m = open_model(1, PL_ISA_AUTO);
    struct pl__net *n = open_net(m, (struct pl__net_opts){0});
    uint32_t rows[ROWS];
    float *hidden = calloc((size_t)ROWS * m->info.n_embd, sizeof *hidden);
    for (uint32_t i = 0; i < x.rows.n_rows; i++) rows[i] = i;
    pl__net_forward(n, &x.rows, 0, false);
    pl__loss_hidden(n, rows, x.rows.n_rows, hidden);
    shake(n);
    for (size_t i = 0; i < n->n_params; i++) n->params[i] *= 3;
    memset(n->grads, 0, n->n_params * sizeof *n->grads);
    double here = divergence(n, &x, rows, hidden), square = 0;
    pl__net_back(n);
    ck_assert_double_gt(here, 0.01);
    for (size_t i = 0; i < n->n_params; i++) square += (double)n->grads[i] * n->grads[i];
    float step = (float)(0.01 / sqrt(square));
    for (size_t i = 0; i < n->n_params; i++) n->params[i] += step * n->grads[i];
    double up = divergence(n, &x, rows, hidden);
    for (size_t i = 0; i < n->n_params; i++) n->params[i] -= 2 * step * n->grads[i];
    double down = divergence(n, &x, rows, hidden), wanted = 2 * (double)step * square;
    ck_assert_msg(fabs(up - down - wanted) < 0.01 * wanted, "%g by difference, %g by gradient", up - down,
                  wanted);
    free(hidden);
    pl__net_destroy(&n);
    pl_model_close(&m);
}
END_TEST

START_TEST(preference_losses_begin_where_the_papers_say)
{
    double c, h = 1e-5, other;
    ck_assert_double_eq_tol(pl__loss_dpo(-3, -3, -5, -5, 0.1, &c), log(2), 1e-12);
    ck_assert_double_eq_tol(c, -0.05, 1e-12);
    double up = pl__loss_dpo(-3 + h, -2, -5, -4.5, 0.7, &other),
           down = pl__loss_dpo(-3 - h, -2, -5, -4.5, 0.7, &other);
    pl__loss_dpo(-3, -2, -5, -4.5, 0.7, &c);
    ck_assert_double_eq_tol((up - down) / (2 * h), c, 1e-8);
    for (int good = 0; good < 2; good++) {
        ck_assert_double_eq_tol(pl__loss_kto(-4, -4, 0, good, 0.1, 1, &c), 0.5, 1e-12);
        up = pl__loss_kto(-4 + h, -3, 0.2, good, 0.5, 1.3, &other);
        down = pl__loss_kto(-4 - h, -3, 0.2, good, 0.5, 1.3, &other);
        pl__loss_kto(-4, -3, 0.2, good, 0.5, 1.3, &c);
        ck_assert_double_eq_tol((up - down) / (2 * h), c, 1e-8);
    }
    ck_assert_double_eq_tol(pl__loss_dpo(900, 0, -900, 0, 1, &c), 0, 1e-12);
    ck_assert_double_eq_tol(pl__loss_dpo(-900, 0, 900, 0, 1, &c), 1800, 1e-6);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    const struct pl__net_opts good = {.threads = 1, .max_rows = 8, .rank = 2, .modules = ALL, .alpha = 1};
    struct pl_model *m = open_model(0, PL_ISA_AUTO);
    for (int i = 0; i < 5; i++) {
        static const char *const fields[] = {"rank", "targets", "alpha", "dropout", "max_rows"};
        struct pl__net_opts o = good;
        struct pl__net *n = NULL;
        struct pl_err err = {0};
        if (i == 0) o.rank = 0;
        if (i == 1) o.modules = 0;
        if (i == 2) o.alpha = NAN;
        if (i == 3) o.dropout = 1;
        if (i == 4) o.max_rows = 0;
        ck_assert_int_eq(pl__net_create(m, &o, &n, &err), -PL_E_INVALID);
        ck_assert_str_eq(err.field, fields[i]);
    }
    pl_model_close(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train");
    TCase *tc = tcase_create("train");
    tcase_add_unchecked_fixture(tc, make_models, NULL);
    tcase_set_timeout(tc, 300);
    PL_TEST(tc, gradients_of_pairs_are_the_differences);
    PL_TEST(tc, gradients_of_every_weight_are_the_differences);
    PL_TEST(tc, bits_depend_on_nothing_but_the_data);
    PL_TEST(tc, segments_do_not_see_each_other);
    PL_TEST(tc, a_fresh_pair_changes_nothing);
    PL_TEST(tc, divergence_from_itself_is_nothing);
    PL_TEST(tc, gradient_of_the_divergence_is_the_difference);
    PL_TEST(tc, preference_losses_begin_where_the_papers_say);
    PL_TEST(tc, options_out_of_range_are_refused);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
