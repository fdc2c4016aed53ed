/* Real models say what an independent float32 reference says they must.
 *
 * Free-running: the greedy answer may leave the reference's only at a step whose two best logits lie within
 * 0.5 of each other. Teacher-forced: fed the reference's ids, the best id is the reference's at every step
 * with a margin over 0.5. The mean NLL of a text is within 0.5%. PL_TEST_LONG=1 runs every prompt of both
 * models, SmolLM2 on each ISA. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/generate.h"
#include "kernels/gguf.h"
#include "tests/support/support.h"

enum { PAGES = 24, ROWS = 512 };
static const double clear_margin = 0.5, nll_tolerance = 0.005;

static const struct pl_sampling greedy = {.top_p = 1.0f, .repetition_penalty = 1.0f};

static bool run_long(void)
{
    return getenv("PL_TEST_LONG") != NULL;
}

static struct pl_model *open_model(const char *path, enum pl_isa isa)
{
    struct pl_model *m = NULL;
    struct pl_err err = {0};
    ck_assert_msg(pl_model_open(path, isa, &m, &err) == 0, "%s: %s", path, err.text);
    return m;
}

static struct pl_engine *open_engine(struct pl_model *m)
{
    struct pl_engine *e = NULL;
    struct pl_err err = {0};
    struct pl_engine_opts o = {.n_slots = 1, .n_pages = PAGES, .max_rows = ROWS, .logits_hash = true};
    ck_assert_msg(pl_engine_create(m, &o, &e, &err) == 0, "%s", err.text);
    return e;
}

static uint32_t *read_ids(const json_t *list, uint32_t *n)
{
    uint32_t *ids = malloc((json_array_size(list) + 1) * sizeof *ids);
    *n = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < *n; i++) ids[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

static double margin_at(const json_t *prompt, uint32_t step)
{
    const json_t *two = json_array_get(json_object_get(prompt, "top2"), step);
    return json_number_value(json_array_get(two, 0)) - json_number_value(json_array_get(two, 1));
}

/* What a run chose and the hashes of its logits. */
struct trace {
    uint32_t n, ids[512];
    uint64_t hashes[512];
};

static int record(const struct pl_generated *g, void *arg)
{
    struct trace *t = arg;
    t->ids[t->n] = g->id;
    t->hashes[t->n++] = g->logits_hash;
    return 0;
}

static void run(struct pl_engine *e, const json_t *prompt, bool forced, uint32_t most, struct trace *t)
{
    uint32_t n_ids, n_want;
    uint32_t *ids = read_ids(json_object_get(prompt, "ids"), &n_ids);
    uint32_t *want = read_ids(json_object_get(prompt, "greedy"), &n_want);
    if (most < n_want) n_want = most;
    struct pl_generate_opts o = {
        .sampling = greedy, .most = n_want, .n_pages = PAGES, .fn = record, .arg = t};
    if (forced) {
        o.forced = want;
        o.n_forced = n_want;
    }
    struct pl_generate_result r;
    struct pl_err err = {0};
    t->n = 0;
    ck_assert_msg(pl_generate(e, ids, n_ids, &o, &r, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(t->n, n_want);
    pl_generate_result_finish(&r);
    free(ids);
    free(want);
}

/* Returns how many steps the rules could judge. */
static uint32_t check_prompt(struct pl_engine *e, const json_t *prompt)
{
    static struct trace free_running, forced;
    uint32_t n, judged = 0;
    uint32_t *want = read_ids(json_object_get(prompt, "greedy"), &n);
    run(e, prompt, false, n, &free_running);
    run(e, prompt, true, n, &forced);
    for (uint32_t i = 0; i < n; i++) {
        if (free_running.ids[i] == want[i]) continue;
        ck_assert_msg(margin_at(prompt, i) < clear_margin,
                      "free-running: step %u of %.40s: %u, reference %u by %.2f", i,
                      json_string_value(json_object_get(prompt, "text")), free_running.ids[i], want[i],
                      margin_at(prompt, i));
        break;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (margin_at(prompt, i) <= clear_margin) continue;
        judged++;
        ck_assert_msg(forced.ids[i] == want[i], "forced: step %u of %.40s: %u, reference %u by %.2f", i,
                      json_string_value(json_object_get(prompt, "text")), forced.ids[i], want[i],
                      margin_at(prompt, i));
    }
    free(want);
    return judged;
}

static struct pl_vocab *open_vocab(const char *path)
{
    struct pl_gguf *g = NULL;
    struct pl_vocab *v = NULL;
    struct pl_err err = {0};
    ck_assert_msg(pl_gguf_open(path, &g, &err) == 0 && pl_vocab_create(g, &v, &err) == 0, "%s", err.text);
    pl_gguf_close(&g);
    return v;
}

static void check_nll(struct pl_engine *e, const struct pl_model *m, const struct pl_vocab *v,
                      const json_t *golden)
{
    const json_t *nll = json_object_get(golden, "nll");
    struct pl_ids ids = {0};
    size_t len;
    char *text = pl_test_read(pl_test_shared("models/golden/nll.txt"), &len);
    ck_assert_int_eq(pl_vocab_encode(v, text, len, false, &ids), 0);
    ck_assert_uint_eq(ids.count, (size_t)json_integer_value(json_object_get(nll, "ids")));
    struct pl_perplexity_opts o = {.n_vocab = pl_model_info(m)->n_vocab, .n_ctx = 1024, .chunk = 128};
    struct pl_perplexity p;
    struct pl_err err = {0};
    ck_assert_msg(pl_perplexity(e, ids.ids, ids.count, &o, &p, &err) == 0, "%s", err.text);
    double want = json_number_value(json_object_get(nll, "mean"));
    printf("mean NLL %.6f, reference %.6f (%+.3f%%)\n", p.mean_nll, want, 100 * (p.mean_nll / want - 1));
    ck_assert_uint_eq(p.n_scored, (uint64_t)json_integer_value(json_object_get(nll, "tokens")));
    ck_assert_double_lt(fabs(p.mean_nll / want - 1), nll_tolerance);
    pl_ids_finish(&ids);
    free(text);
}

/* The texts of the prompts, read with their marks, are the ids of the reference. */
static void check_tokens(const struct pl_vocab *v, const json_t *golden)
{
    size_t i;
    json_t *prompt;
    json_array_foreach(json_object_get(golden, "prompts"), i, prompt)
    {
        uint32_t n;
        uint32_t *want = read_ids(json_object_get(prompt, "ids"), &n);
        struct pl_ids got = {0};
        const json_t *text = json_object_get(prompt, "text");
        ck_assert_int_eq(pl_vocab_encode(v, json_string_value(text), json_string_length(text), true, &got),
                         0);
        ck_assert_uint_eq(got.count, n);
        ck_assert_mem_eq(got.ids, want, n * sizeof *want);
        pl_ids_finish(&got);
        free(want);
    }
}

static void check_model(const char *path, const json_t *golden, enum pl_isa isa)
{
    struct pl_model *m = open_model(path, isa);
    struct pl_engine *e = open_engine(m);
    struct pl_vocab *v = open_vocab(path);
    uint32_t judged = 0;
    size_t i;
    json_t *prompt;
    check_tokens(v, golden);
    json_array_foreach(json_object_get(golden, "prompts"), i, prompt) judged += check_prompt(e, prompt);
    printf("%s on %s: %u steps with a clear margin are right\n", pl_model_info(m)->name, pl_isa_name(isa),
           judged);
    check_nll(e, m, v, golden);
    pl_vocab_destroy(&v);
    pl_engine_destroy(&e);
    pl_model_close(&m);
}

/* The golden file and the path of the model NAME, or NULL with the reason said. */
static json_t *load_golden(const char *name, char path[4096])
{
    char relative[64];
    const char *model = pl_test_model(name);
    if (model) snprintf(path, 4096, "%s", model);
    snprintf(relative, sizeof relative, "models/golden/%s.json", name);
    const char *file = pl_test_shared(relative);
    if (!file || !model) {
        pl_test_skip(name, file ? "the model file is absent" : "the golden answers are absent");
        return NULL;
    }
    json_t *golden = json_load_file(file, 0, NULL);
    ck_assert_ptr_nonnull(golden);
    return golden;
}

START_TEST(smollm2_answers_as_the_reference)
{
    char path[4096];
    json_t *golden = load_golden("smollm2", path);
    if (!golden) return;
    for (int isa = PL_ISA_PORTABLE; isa <= PL_ISA_AMX; isa++)
        if (pl_isa_available((enum pl_isa)isa) && (run_long() || isa == (int)pl_isa_best()))
            check_model(path, golden, (enum pl_isa)isa);
    json_decref(golden);
}
END_TEST

START_TEST(coder_answers_as_the_reference)
{
    if (!run_long()) {
        pl_test_skip("coder", "only with PL_TEST_LONG=1");
        return;
    }
    char path[4096];
    json_t *golden = load_golden("coder", path);
    if (!golden) return;
    check_model(path, golden, pl_isa_best());
    json_decref(golden);
}
END_TEST

START_TEST(each_instruction_set_gives_the_same_bits)
{
    static struct trace first, other;
    char path[4096];
    json_t *golden = load_golden("smollm2", path);
    if (!golden) return;
    const json_t *prompt = json_array_get(json_object_get(golden, "prompts"), 0);
    for (int isa = PL_ISA_PORTABLE; isa <= PL_ISA_AMX; isa++) {
        if (!pl_isa_available((enum pl_isa)isa)) continue;
        struct pl_model *m = open_model(path, (enum pl_isa)isa);
        struct pl_engine *e = open_engine(m);
        struct trace *t = isa == PL_ISA_PORTABLE ? &first : &other;
        run(e, prompt, false, 8, t);
        ck_assert_uint_eq(t->n, first.n);
        ck_assert_mem_eq(t->ids, first.ids, first.n * sizeof *first.ids);
        ck_assert_mem_eq(t->hashes, first.hashes, first.n * sizeof *first.hashes);
        printf("%s: 8 tokens, last hash %016llx\n", pl_isa_name((enum pl_isa)isa),
               (unsigned long long)t->hashes[t->n - 1]);
        pl_engine_destroy(&e);
        pl_model_close(&m);
    }
    json_decref(golden);
}
END_TEST

static void make_stories(char *path, size_t size, const char *bin, const char *tokens)
{
    char command[16384];
    snprintf(path, size, "%s/stories.gguf", pl_test_dir());
    snprintf(command, sizeof command, "/usr/bin/python3 -B '%s' '%s' '%s' '%s'",
             pl_test_source("tests/tools/make_stories.py"), bin, tokens, path);
    ck_assert_int_eq(system(command), 0);
}

/* 200 greedy ids after the begin mark; the space that a sentence piece puts before the first word is not
 * written. */
static void check_stories(const char *path, const char *want, enum pl_isa isa)
{
    struct pl_err err = {0};
    struct pl_model *m = open_model(path, isa);
    struct pl_engine *e = open_engine(m);
    struct pl_vocab *v = open_vocab(path);
    uint32_t bos = pl_vocab_bos(v);
    struct pl_generate_opts o = {.sampling = greedy, .most = 200, .n_pages = PAGES, .vocab = v};
    struct pl_generate_result r;
    ck_assert_msg(pl_generate(e, &bos, 1, &o, &r, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(r.ids.count, 200);
    ck_assert_str_eq(r.text + (*r.text == ' '), want);
    pl_generate_result_finish(&r);
    pl_vocab_destroy(&v);
    pl_engine_destroy(&e);
    pl_model_close(&m);
}

START_TEST(stories_are_told_to_the_letter)
{
    const char *dir = pl_test_shared("models/stories260K");
    if (!dir) {
        pl_test_skip("stories260K", "the model is absent");
        return;
    }
    char bin[4096], tokens[4096], golden[4096], path[4096];
    snprintf(bin, sizeof bin, "%s/stories260K.bin", dir);
    snprintf(tokens, sizeof tokens, "%s/tok512.bin", dir);
    snprintf(golden, sizeof golden, "%s/golden_greedy_200.txt", dir);
    make_stories(path, sizeof path, bin, tokens);
    size_t len;
    char *want = pl_test_read(golden, &len);
    while (len > 0 && want[len - 1] == '\n') want[--len] = 0;
    for (int isa = PL_ISA_PORTABLE; isa <= PL_ISA_AMX; isa++)
        if (pl_isa_available((enum pl_isa)isa)) check_stories(path, want, (enum pl_isa)isa);
    free(want);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kernels/golden");
    TCase *tc = tcase_create("golden");
    tcase_set_timeout(tc, 3600);
    PL_TEST(tc, stories_are_told_to_the_letter);
    PL_TEST(tc, each_instruction_set_gives_the_same_bits);
    PL_TEST(tc, smollm2_answers_as_the_reference);
    PL_TEST(tc, coder_answers_as_the_reference);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
