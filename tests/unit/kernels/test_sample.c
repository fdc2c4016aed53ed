/* The rules of pl_sample: order of ties, each filter's edge, the penalties' formulae, the distribution of the
 * draws. */
#include "kernels/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/support.h"

enum { MOST = 512, DRAWS = 40000 };

static const struct pl_sampling plain = {.temperature = 1.0f, .top_p = 1.0f, .repetition_penalty = 1.0f};
static const struct pl_sampling greedy = {.top_p = 1.0f, .repetition_penalty = 1.0f};

static int64_t draw(const float *logits, uint32_t n, struct pl_sampling s, uint64_t position)
{
    static unsigned char scratch[64 * 1024];
    float copy[MOST];
    ck_assert_uint_le(n, MOST);
    ck_assert_uint_le(pl_sample_scratch_bytes(n), sizeof scratch);
    memcpy(copy, logits, n * sizeof *copy);
    return pl_sample(copy, n, &s, NULL, 0, 0, position, scratch);
}

/* How often each of N ids is drawn in DRAWS draws of different seeds. */
static void count_draws(const float *logits, uint32_t n, struct pl_sampling s, uint32_t *counts)
{
    uint64_t seed = pl_test_seed(20240917);
    memset(counts, 0, n * sizeof *counts);
    for (int i = 0; i < DRAWS; i++) {
        s.seed = pl_test_random(&seed);
        int64_t id = draw(logits, n, s, (uint64_t)i % 97);
        ck_assert(id >= 0 && id < n);
        counts[id]++;
    }
}

START_TEST(greedy_takes_the_highest_and_the_lower_id_of_a_tie)
{
    const float a[] = {1, 5, 3, 5, 5}, zeros[] = {-1, -0.0f, 0.0f, 1e-42f}, low[] = {-7};
    ck_assert_int_eq(draw(a, 5, greedy, 0), 1);
    ck_assert_int_eq(draw(zeros, 4, greedy, 0), 1); /* -0, 0 and a subnormal are one value */
    ck_assert_int_eq(draw(low, 1, greedy, 0), 0);
}
END_TEST

START_TEST(warm_ties_are_ordered_by_id)
{
    float flat[300];
    for (int i = 0; i < 300; i++) flat[i] = 2.5f;
    struct pl_sampling s = plain;
    uint32_t counts[300];
    s.top_k = 3;
    count_draws(flat, 300, s, counts);
    ck_assert_uint_eq(counts[0] + counts[1] + counts[2], DRAWS);
    s.top_k = 0;
    s.top_p = 0.009f; /* 3 of 300 cross 0.009 */
    count_draws(flat, 300, s, counts);
    ck_assert_uint_eq(counts[0] + counts[1] + counts[2], DRAWS);
    for (int i = 0; i < 3; i++) ck_assert_uint_gt(counts[i], DRAWS / 4);
}
END_TEST

START_TEST(a_logit_that_is_not_finite_is_refused)
{
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        float l[100] = {0};
        l[83] = bad[i];
        ck_assert_int_eq(draw(l, 100, greedy, 0), -1);
        ck_assert_int_eq(draw(l, 100, plain, 0), -1);
    }
}
END_TEST

START_TEST(a_penalty_that_overflows_is_refused)
{
    static unsigned char scratch[64 * 1024];
    float l[4] = {3e38f, 1, 2, 3};
    struct pl_sampling s = greedy;
    uint32_t ids[] = {0};
    s.repetition_penalty = 0.5f;
    ck_assert_int_eq(pl_sample(l, 4, &s, ids, 1, 1, 1, scratch), -1);
}
END_TEST

START_TEST(top_k_keeps_exactly_k)
{
    const float l[] = {0, 0.1f, 0.2f, 0.3f, 0.2f, 0.1f};
    struct pl_sampling s = plain;
    uint32_t counts[6];
    s.top_k = 2; /* ids 3 and 2; 4 ties with 2 and has the higher id */
    count_draws(l, 6, s, counts);
    ck_assert_uint_eq(counts[2] + counts[3], DRAWS);
    ck_assert(counts[2] > 0 && counts[3] > 0);
    s.top_k = 1;
    count_draws(l, 6, s, counts);
    ck_assert_uint_eq(counts[3], DRAWS);
    s.top_k = 600; /* more than there are: off */
    count_draws(l, 6, s, counts);
    for (int i = 0; i < 6; i++) ck_assert_uint_gt(counts[i], 0);
}
END_TEST

/* Probabilities 1/2, 1/4, 1/8, 1/8. */
static const float halves[] = {0.0f, -0.69314718f, -1.38629436f, -1.38629436f};

START_TEST(top_p_cuts_after_the_candidate_that_crosses)
{
    struct pl_sampling s = plain;
    uint32_t counts[4];
    s.top_p = 0.4f; /* the first alone crosses */
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[0], DRAWS);
    s.top_p = 0.6f; /* half is not enough, so the second is kept whole */
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[0] + counts[1], DRAWS);
    ck_assert_uint_gt(counts[1], DRAWS / 3 - DRAWS / 50);
    s.top_p = 0.8f;
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[3], 0);
    ck_assert_uint_gt(counts[2], 0);
}
END_TEST

START_TEST(min_p_is_relative_to_the_best)
{
    struct pl_sampling s = plain;
    uint32_t counts[4];
    s.min_p = 0.3f; /* 1/4 over 1/2 is 0.5; 1/8 over 1/2 is 0.25 */
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[0] + counts[1], DRAWS);
    ck_assert_uint_gt(counts[1], 0);
    s.min_p = 0.2f;
    count_draws(halves, 4, s, counts);
    ck_assert(counts[2] > 0 && counts[3] > 0);
    s.min_p = 0.999f;
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[0], DRAWS);
}
END_TEST

START_TEST(top_p_counts_only_what_top_k_and_min_p_left)
{
    struct pl_sampling s = plain;
    uint32_t counts[4];
    s.top_k = 2;
    s.top_p = 0.66f; /* of 1/2 + 1/4 the first has two thirds: it crosses alone */
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[0], DRAWS);
    s.top_k = 0;
    s.min_p = 0.3f;
    count_draws(halves, 4, s, counts);
    ck_assert_uint_eq(counts[0], DRAWS);
    s.top_p = 0.68f;
    count_draws(halves, 4, s, counts);
    ck_assert_uint_gt(counts[1], 0);
}
END_TEST

START_TEST(penalties_follow_their_formulae_in_order)
{
    static unsigned char scratch[64 * 1024];
    float l[6] = {2.0f, -2.0f, 3.0f, 1.0f, 0.5f, 9.0f};
    const uint32_t ids[] = {0, 1, 3, 0, 3, 3, 70000}; /* 0, 1, 3 are the prompt; ids outside are ignored */
    struct pl_sampling s = greedy;
    s.repetition_penalty = 1.25f;
    s.presence_penalty = 0.5f;
    s.frequency_penalty = 0.25f;
    ck_assert_int_eq(pl_sample(l, 6, &s, ids, 7, 3, 7, scratch), 5);
    ck_assert_float_eq(l[0], 2.0f / 1.25f - 0.5f - 0.25f);
    ck_assert_float_eq(l[1], -2.0f * 1.25f); /* prompt only: no presence, no frequency */
    ck_assert_float_eq(l[2], 3.0f);
    ck_assert_float_eq(l[3], 1.0f / 1.25f - 0.5f - 2 * 0.25f);
    ck_assert_float_eq(l[4], 0.5f);
}
END_TEST

START_TEST(penalties_change_the_choice)
{
    static unsigned char scratch[64 * 1024];
    float l[3] = {2.0f, 1.9f, 0.0f}, again[3] = {2.0f, 1.9f, 0.0f};
    const uint32_t ids[] = {2, 0};
    struct pl_sampling s = greedy;
    ck_assert_int_eq(pl_sample(l, 3, &s, ids, 2, 1, 2, scratch), 0);
    s.frequency_penalty = 0.2f;
    ck_assert_int_eq(pl_sample(again, 3, &s, ids, 2, 1, 2, scratch), 1);
}
END_TEST

/* Pearson's chi-square of COUNTS against probabilities P; ids with an expectation under 5 are pooled. */
static double chi_square(const uint32_t *counts, const double *p, int n, int *freedom)
{
    double chi = 0, rest_p = 0, rest = 0;
    *freedom = -1;
    for (int i = 0; i < n; i++) {
        double e = p[i] * DRAWS;
        if (e < 5) {
            rest_p += e;
            rest += counts[i];
            continue;
        }
        chi += (counts[i] - e) * (counts[i] - e) / e;
        ++*freedom;
    }
    if (rest_p >= 5) {
        chi += (rest - rest_p) * (rest - rest_p) / rest_p;
        ++*freedom;
    }
    return chi;
}

/* Ids by falling logit, then rising id. */
static void sort_ids(const float *l, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = i;
        for (; k > 0 && l[order[k - 1]] < l[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
}

/* Draws from random logits under S follow softmax(l / T) over the candidates that a full sort would keep. */
static void check_distribution(struct pl_sampling s, uint32_t n, float spread)
{
    float l[MOST];
    double p[MOST], sum = 0, kept = 0;
    uint32_t order[MOST], counts[MOST], left = n, freedom;
    uint64_t state = pl_test_seed(77);
    for (uint32_t i = 0; i < n; i++) l[i] = spread * (float)(pl_test_random(&state) >> 40) * 0x1p-24f;
    sort_ids(l, n, order);
    for (uint32_t i = 0; i < n; i++) p[i] = exp((l[i] - l[order[0]]) / s.temperature);
    if (s.top_k > 0 && s.top_k < left) left = s.top_k;
    while (left > 1 && p[order[left - 1]] < s.min_p) left--;
    for (uint32_t i = 0; i < left; i++) sum += p[order[i]];
    for (uint32_t i = 0; i < left; i++) {
        kept += p[order[i]];
        if (kept >= s.top_p * sum) left = i + 1;
    }
    for (uint32_t i = left; i < n; i++) p[order[i]] = 0;
    for (uint32_t i = 0; i < n; i++) p[i] /= kept;
    count_draws(l, n, s, counts);
    for (uint32_t i = left; i < n; i++) ck_assert_uint_eq(counts[order[i]], 0);
    int df;
    double chi = chi_square(counts, p, (int)n, &df);
    freedom = df > 0 ? (uint32_t)df : 1;
    printf("n %u kept %u: chi-square %.1f with %u degrees\n", n, left, chi, freedom);
    ck_assert_double_lt(chi, freedom + 4.5 * sqrt(2.0 * freedom) + 10); /* one in a hundred thousand */
}

START_TEST(draws_follow_the_exact_probabilities)
{
    check_distribution((struct pl_sampling){1.0f, 1.0f, 0, 1, 0, 0, 0, 0}, 10, 3);
    check_distribution((struct pl_sampling){0.7f, 0.9f, 0, 1, 0, 0, 0, 0}, 200, 8);
    check_distribution((struct pl_sampling){1.5f, 1.0f, 0, 1, 0, 0, 20, 0}, 500, 30);
    check_distribution((struct pl_sampling){0.5f, 0.95f, 0.05f, 1, 0, 0, 40, 0}, 512, 4);
    check_distribution((struct pl_sampling){2.0f, 1.0f, 0.1f, 1, 0, 0, 0, 0}, 77, 12);
    check_distribution((struct pl_sampling){2.0f, 0.999f, 0, 1, 0, 0, 0, 0}, 333, 45);
}
END_TEST

/* The id that a full sort, float64 sums and the same uniform give; -1 where the draw lies too near a boundary
 * to say. */
static int64_t plain_draw(const float *l, uint32_t n, const struct pl_sampling *s, uint64_t position)
{
    uint32_t order[MOST], left = n;
    double p[MOST], sum = 0, kept = 0, at = 0;
    sort_ids(l, n, order);
    for (uint32_t i = 0; i < n; i++) p[i] = exp((double)(l[order[i]] - l[order[0]]) / (double)s->temperature);
    if (s->top_k > 0 && s->top_k < left) left = s->top_k;
    while (p[left - 1] < (double)s->min_p) left--;
    for (uint32_t i = 0; i < left; i++) sum += p[i];
    for (uint32_t i = 0; i < left; i++) {
        kept += p[i];
        if (fabs(kept / sum - (double)s->top_p) < 1e-6 && s->top_p < 1) return -1;
        if (kept >= (double)s->top_p * sum) left = i + 1;
    }
    double u = (double)pl_sample_uniform(s->seed, position) * kept;
    for (uint32_t i = 0; i < left; i++) {
        at += p[i];
        if (fabs(at - u) < 1e-6 * kept) return -1;
        if (at > u) return order[i];
    }
    return -1;
}

START_TEST(a_draw_is_its_place_in_the_full_order)
{
    uint64_t state = pl_test_seed(5);
    float l[MOST];
    uint32_t judged = 0;
    for (int round = 0; round < 4000; round++) {
        uint32_t n = 1 + (uint32_t)(pl_test_random(&state) % MOST);
        float spread = (float)(1 + pl_test_random(&state) % 40), step = round % 3 ? 0x1p-24f : 0x1p-4f;
        for (uint32_t i = 0; i < n; i++) /* a coarse step makes many ties */
            l[i] = spread * (float)(pl_test_random(&state) % (uint64_t)(1 / step)) * step - 3;
        struct pl_sampling s = {.temperature = 0.2f + (float)(round % 7) * 0.3f, .repetition_penalty = 1};
        s.top_p = round % 2 ? 1.0f : 0.3f + (float)(round % 13) * 0.05f;
        s.top_k = round % 5 ? 0 : 1 + (uint32_t)(pl_test_random(&state) % 50);
        s.min_p = round % 4 ? 0 : 0.0123f;
        s.seed = pl_test_random(&state);
        int64_t want = plain_draw(l, n, &s, (uint64_t)round), got = draw(l, n, s, (uint64_t)round);
        ck_assert_msg(want < 0 || got == want, "round %d: %d, not %d", round, (int)got, (int)want);
        judged += want >= 0;
    }
    ck_assert_uint_gt(judged, 3500);
}
END_TEST

START_TEST(what_the_scratch_held_before_does_not_matter)
{
    enum { N = 400 };
    float l[N], work[N];
    const uint32_t ids[] = {5, 9, 9, 200, 5};
    uint64_t state = pl_test_seed(3);
    for (int i = 0; i < N; i++) l[i] = 6.0f * (float)(pl_test_random(&state) >> 40) * 0x1p-24f;
    struct pl_sampling s = {0.8f, 0.95f, 0.01f, 1.1f, 0.2f, 0.3f, 50, 0};
    unsigned char *scratch = malloc(pl_sample_scratch_bytes(N));
    for (uint64_t seed = 0; seed < 300; seed++) {
        int64_t first = -2;
        s.seed = seed;
        for (int round = 0; round < 4; round++) {
            for (size_t i = 0; i < pl_sample_scratch_bytes(N); i++)
                scratch[i] = round == 0 ? 0 : round == 1 ? 0xFF : (unsigned char)pl_test_random(&state);
            memcpy(work, l, sizeof l);
            int64_t id = pl_sample(work, N, &s, ids, 5, 2, 5, scratch);
            if (round == 0) first = id;
            ck_assert_int_eq(id, first);
        }
    }
    free(scratch);
}
END_TEST

START_TEST(extreme_logits_and_temperatures_are_drawn_from)
{
    const float far[] = {3e38f, -3e38f, 0}, close[] = {1.0f, 1.0000001f, 1.0f};
    struct pl_sampling s = plain;
    ck_assert_int_eq(draw(far, 3, s, 1), 0);
    s.temperature = 1e-6f;
    ck_assert_int_eq(draw(far, 3, s, 1), 0);
    s.temperature = 1e-30f; /* as good as zero */
    ck_assert_int_eq(draw(close, 3, s, 1), 1);
}
END_TEST

START_TEST(uniform_is_a_counter_of_seed_and_position)
{
    double sum = 0;
    ck_assert_float_eq(pl_sample_uniform(1, 2), pl_sample_uniform(1, 2));
    ck_assert_float_ne(pl_sample_uniform(1, 2), pl_sample_uniform(1, 3));
    ck_assert_float_ne(pl_sample_uniform(1, 2), pl_sample_uniform(2, 1));
    for (uint64_t i = 0; i < 10000; i++) {
        float u = pl_sample_uniform(i % 100, i / 100);
        ck_assert(u >= 0.0f && u < 1.0f);
        sum += (double)u;
    }
    ck_assert_double_lt(fabs(sum / 10000 - 0.5), 0.02);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kernels/sample");
    TCase *tc = tcase_create("sample");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, greedy_takes_the_highest_and_the_lower_id_of_a_tie);
    PL_TEST(tc, warm_ties_are_ordered_by_id);
    PL_TEST(tc, a_logit_that_is_not_finite_is_refused);
    PL_TEST(tc, a_penalty_that_overflows_is_refused);
    PL_TEST(tc, top_k_keeps_exactly_k);
    PL_TEST(tc, top_p_cuts_after_the_candidate_that_crosses);
    PL_TEST(tc, min_p_is_relative_to_the_best);
    PL_TEST(tc, top_p_counts_only_what_top_k_and_min_p_left);
    PL_TEST(tc, penalties_follow_their_formulae_in_order);
    PL_TEST(tc, penalties_change_the_choice);
    PL_TEST(tc, draws_follow_the_exact_probabilities);
    PL_TEST(tc, a_draw_is_its_place_in_the_full_order);
    PL_TEST(tc, what_the_scratch_held_before_does_not_matter);
    PL_TEST(tc, extreme_logits_and_temperatures_are_drawn_from);
    PL_TEST(tc, uniform_is_a_counter_of_seed_and_position);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
