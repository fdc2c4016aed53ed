/* Model files: what opens, and that everything which the graph would compute wrongly is refused by the name
 * of its key or tensor. Files are built in memory, one change away from a good one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernels/gguf.h"
#include "kernels/model.h"
#include "tests/support/support.h"
#include "tests/unit/kernels/gguf_bytes.h"

enum { DIM = 32, FF = 64, HEADS = 2, KV_HEADS = 1, HEAD = 16, VOCAB = 5, MOST_TENSORS = 40 };

/* How a file differs from the good one. Names of keys and tensors are whole names. */
struct change {
    const char *arch;               /* NULL: llama */
    const char *no_key, *no_tensor; /* left out */
    const char *key;                /* added or set, to TEXT, or NUMBER as a float, or COUNT */
    const char *text;
    float number;
    uint32_t count;
    const char *tensor; /* its shape becomes NE (when given), its type DTYPE, its first bytes BAD (NaN) */
    uint64_t ne[3];
    uint32_t dtype;
    bool bad;
    const char *extra; /* one tensor more, of the shape of DIM */
};

struct tensor {
    char name[64];
    uint64_t ne[3];
    uint32_t n_dims, dtype;
};

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static void key_u32(struct gb *b, const struct change *c, const char *arch, const char *suffix, uint32_t v)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", arch, suffix);
    if (!same(name, c->no_key) && !same(name, c->key)) gb_key_u32(b, name, v);
}

static void key_f32(struct gb *b, const struct change *c, const char *arch, const char *suffix, float v)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", arch, suffix);
    if (same(name, c->no_key) || same(name, c->key)) return;
    gb_key(b, name, GB_F32);
    gb_raw(b, &v, sizeof v);
}

static void write_keys(struct gb *b, const struct change *c, const char *arch)
{
    if (!same(c->no_key, "general.architecture")) gb_key_str(b, "general.architecture", arch);
    key_u32(b, c, arch, "block_count", 1);
    key_u32(b, c, arch, "context_length", 128);
    key_u32(b, c, arch, "embedding_length", DIM);
    key_u32(b, c, arch, "feed_forward_length", FF);
    key_u32(b, c, arch, "attention.head_count", HEADS);
    key_u32(b, c, arch, "attention.head_count_kv", KV_HEADS);
    key_f32(b, c, arch, "attention.layer_norm_rms_epsilon", 1e-5f);
    if (!c->key) return;
    if (c->text) {
        gb_key_str(b, c->key, c->text);
    } else if (c->number != 0) {
        gb_key(b, c->key, GB_F32);
        gb_raw(b, &c->number, sizeof c->number);
    } else {
        gb_key_u32(b, c->key, c->count);
    }
}

static void add(struct tensor *list, uint32_t *n, const struct change *c, const char *name, uint64_t cols,
                uint64_t rows)
{
    if (same(name, c->no_tensor)) return;
    struct tensor *t = &list[(*n)++];
    *t = (struct tensor){.ne = {cols, rows ? rows : 1, 1}, .n_dims = rows ? 2 : 1};
    snprintf(t->name, sizeof t->name, "%s", name);
    if (!same(name, c->tensor)) return;
    t->dtype = c->dtype;
    if (c->ne[0] == 0) return;
    memcpy(t->ne, c->ne, sizeof t->ne);
    t->n_dims = c->ne[2] ? 3 : c->ne[1] ? 2 : 1;
    for (int i = 1; i < 3; i++) t->ne[i] = t->ne[i] ? t->ne[i] : 1;
}

static uint32_t list_tensors(struct tensor *list, const struct change *c, const char *arch)
{
    uint32_t n = 0;
    add(list, &n, c, "token_embd.weight", DIM, VOCAB);
    add(list, &n, c, "output_norm.weight", DIM, 0);
    add(list, &n, c, "blk.0.attn_norm.weight", DIM, 0);
    add(list, &n, c, "blk.0.ffn_norm.weight", DIM, 0);
    add(list, &n, c, "blk.0.attn_q.weight", DIM, HEADS * HEAD);
    add(list, &n, c, "blk.0.attn_k.weight", DIM, KV_HEADS * HEAD);
    add(list, &n, c, "blk.0.attn_v.weight", DIM, KV_HEADS * HEAD);
    if (same(arch, "qwen2")) {
        add(list, &n, c, "blk.0.attn_q.bias", HEADS * HEAD, 0);
        add(list, &n, c, "blk.0.attn_k.bias", KV_HEADS * HEAD, 0);
        add(list, &n, c, "blk.0.attn_v.bias", KV_HEADS * HEAD, 0);
    }
    add(list, &n, c, "blk.0.attn_output.weight", HEADS * HEAD, DIM);
    add(list, &n, c, "blk.0.ffn_gate.weight", DIM, FF);
    add(list, &n, c, "blk.0.ffn_up.weight", DIM, FF);
    add(list, &n, c, "blk.0.ffn_down.weight", FF, DIM);
    if (c->extra) add(list, &n, c, c->extra, DIM, 0);
    return n;
}

static uint64_t tensor_bytes(const struct tensor *t)
{
    uint64_t count = t->ne[0] * t->ne[1] * t->ne[2];
    return count / pl_dtype_block((int)t->dtype) * pl_dtype_block_bytes((int)t->dtype);
}

/* Small values that differ, so that logits do too. */
static void fill(uint8_t *data, const struct tensor *t, bool bad)
{
    float x = bad ? NAN : 0.01f;
    uint64_t count = tensor_bytes(t) / sizeof x;
    for (uint64_t i = 0; i < count && t->dtype == PL_F32; i++) {
        memcpy(data + 4 * i, &x, sizeof x);
        x = 0.01f * (float)(i * 7 % 23 + 1);
    }
    if (bad && t->dtype != PL_F32) memset(data, 0xFF, 2);
}

static void write_tensors(struct gb *b, const struct change *c, const char *arch)
{
    struct tensor list[MOST_TENSORS];
    uint32_t n = list_tensors(list, c, arch);
    uint64_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        gb_tensor(b, list[i].name, list[i].n_dims, list[i].ne, list[i].dtype, at);
        at += (tensor_bytes(&list[i]) + 31) / 32 * 32;
    }
    uint8_t *data = calloc(1, at), *p = data;
    ck_assert_ptr_nonnull(data);
    for (uint32_t i = 0; i < n; i++) {
        fill(p, &list[i], c->bad && same(list[i].name, c->tensor));
        p += (tensor_bytes(&list[i]) + 31) / 32 * 32;
    }
    gb_data(b, 32, data, at);
    free(data);
}

static const char *write_file(const struct change *c)
{
    static char path[4096];
    struct gb b;
    const char *arch = c->arch ? c->arch : "llama";
    gb_begin(&b);
    write_keys(&b, c, arch);
    write_tensors(&b, c, arch);
    snprintf(path, sizeof path, "%s/model.gguf", pl_test_dir());
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(b.p, 1, b.n, f) == b.n);
    fclose(f);
    gb_finish(&b);
    return path;
}

static struct pl_model *open_good(const struct change *c)
{
    struct pl_model *m = NULL;
    struct pl_err err = {0};
    int rc = pl_model_open(write_file(c), PL_ISA_PORTABLE, &m, &err);
    ck_assert_msg(rc == 0, "%s: %s", err.field, err.text);
    return m;
}

/* The logits' hash after three ids. */
static uint64_t hash_of(struct pl_model *m)
{
    struct pl_engine *e = NULL;
    struct pl_engine_opts o = {.threads = 1, .n_slots = 1, .n_pages = 1, .max_rows = 4, .logits_hash = true};
    struct pl_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    const uint32_t ids[] = {1, 2, 4}, page = 0;
    struct pl_step_seq q = {
        .count = 3, .sample = true, .forced_id = PL_NO_FORCE, .pages = &page, .n_pages = 1};
    struct pl_step step = {.seqs = &q, .n_seqs = 1};
    struct pl_sampled out;
    uint32_t n;
    ck_assert_int_eq(pl_engine_create(m, &o, &e, NULL), 0);
    ck_assert_int_eq(pl_engine_open(e, 0, ids, 3, 3, &greedy, NULL), 0);
    ck_assert_int_eq(pl_engine_step(e, &step, &out, &n, NULL), 0);
    ck_assert_int_eq(out.status, 0);
    pl_engine_destroy(&e);
    return out.logits_hash;
}

START_TEST(good_files_open_and_say_what_they_are)
{
    struct pl_model *m = open_good(&(struct change){0});
    const struct pl_model_info *i = pl_model_info(m);
    ck_assert_str_eq(i->architecture, "llama");
    ck_assert_uint_eq(i->n_vocab, VOCAB);
    ck_assert_uint_eq(i->n_ctx_train, 128);
    ck_assert_uint_eq(i->n_layers, 1);
    ck_assert_uint_eq(i->head_dim, HEAD);
    ck_assert_uint_eq(i->n_kv_heads, KV_HEADS);
    ck_assert_float_eq(i->rope_theta, 10000.0f);
    ck_assert_uint_eq(i->n_params, DIM * (VOCAB + 3 + 2 * HEADS * HEAD + 2 * KV_HEADS * HEAD + 3 * FF));
    ck_assert_uint_eq(strlen(i->digest), 64);
    ck_assert_uint_gt(i->weight_bytes, 0);
    ck_assert(m->head == m->embed);
    ck_assert(m->rope.interleaved && !m->rope.factors);
    pl_model_close(&m);
    ck_assert_ptr_null(m);
    m = open_good(&(struct change){.arch = "qwen2"});
    ck_assert(!m->rope.interleaved);
    pl_model_close(&m);
}
END_TEST

START_TEST(weights_outlive_the_file)
{
    struct pl_model *m = open_good(&(struct change){0});
    uint64_t before = hash_of(m);
    const char *path = write_file(&(struct change){.arch = "qwen2"});
    ck_assert_int_eq(truncate(path, 10), 0);
    ck_assert_uint_eq(hash_of(m), before);
    pl_model_close(&m);
}
END_TEST

START_TEST(rope_factors_and_theta_change_the_answer)
{
    struct pl_model *m = open_good(&(struct change){0});
    uint64_t plain = hash_of(m);
    pl_model_close(&m);
    m = open_good(
        &(struct change){.extra = "rope_freqs.weight", .tensor = "rope_freqs.weight", .ne = {HEAD / 2}});
    ck_assert_ptr_nonnull(m->rope.factors);
    ck_assert_uint_ne(hash_of(m), plain);
    pl_model_close(&m);
    m = open_good(&(struct change){.key = "llama.rope.freq_base", .number = 50.0f});
    ck_assert_uint_ne(hash_of(m), plain);
    pl_model_close(&m);
}
END_TEST

/* Each is refused, as corrupt when a value is not finite and else as not supported, and the error's field is
 * the key or tensor. */
static const struct {
    const char *field;
    struct change change;
} refused[] = {
    {"general.architecture", {.arch = "mamba"}},
    {"general.architecture", {.no_key = "general.architecture"}},
    {"llama.block_count", {.no_key = "llama.block_count"}},
    {"llama.block_count", {.key = "llama.block_count", .count = 0}},
    {"llama.block_count", {.key = "llama.block_count", .count = 1u << 30}},
    {"llama.block_count", {.key = "llama.block_count", .text = "one"}},
    {"llama.embedding_length", {.key = "llama.embedding_length", .count = 0xFFFFFFFFu}},
    {"llama.feed_forward_length", {.key = "llama.feed_forward_length", .count = 1u << 31}},
    {"llama.attention.head_count", {.key = "llama.attention.head_count", .count = 0}},
    {"llama.attention.head_count_kv", {.key = "llama.attention.head_count_kv", .count = 3}},
    {"llama.attention.key_length", {.key = "llama.attention.key_length", .count = 100000}},
    {"llama.attention.value_length", {.key = "llama.attention.value_length", .count = 8}},
    {"llama.rope.dimension_count", {.key = "llama.rope.dimension_count", .count = 7}},
    {"llama.rope.dimension_count", {.key = "llama.rope.dimension_count", .count = 64}},
    {"llama.rope.freq_base", {.key = "llama.rope.freq_base", .number = NAN}},
    {"llama.rope.freq_base", {.key = "llama.rope.freq_base", .number = -1.0f}},
    {"llama.attention.layer_norm_rms_epsilon", {.no_key = "llama.attention.layer_norm_rms_epsilon"}},
    {"llama.attention.layer_norm_rms_epsilon",
     {.key = "llama.attention.layer_norm_rms_epsilon", .number = INFINITY}},
    {"llama.rope.scaling.type", {.key = "llama.rope.scaling.type", .text = "yarn"}},
    {"llama.rope.scale_linear", {.key = "llama.rope.scale_linear", .number = 4.0f}},
    {"llama.expert_count", {.key = "llama.expert_count", .count = 8}},
    {"llama.attention.sliding_window", {.key = "llama.attention.sliding_window", .count = 64}},
    {"token_embd.weight", {.no_tensor = "token_embd.weight"}},
    {"token_embd.weight", {.tensor = "token_embd.weight", .ne = {DIM + 32, VOCAB}}},
    {"token_embd.weight", {.tensor = "token_embd.weight", .ne = {DIM, VOCAB, 2}}},
    {"token_embd.weight", {.tensor = "token_embd.weight", .dtype = PL_Q8_0, .bad = true}},
    {"output_norm.weight", {.no_tensor = "output_norm.weight"}},
    {"output_norm.weight", {.tensor = "output_norm.weight", .dtype = PL_F16}},
    {"output_norm.weight", {.tensor = "output_norm.weight", .bad = true}},
    {"output.weight", {.extra = "output.weight"}},
    {"blk.0.attn_norm.weight", {.tensor = "blk.0.attn_norm.weight", .ne = {DIM - 1}}},
    {"blk.0.ffn_norm.weight", {.no_tensor = "blk.0.ffn_norm.weight"}},
    {"blk.0.attn_q.weight", {.tensor = "blk.0.attn_q.weight", .ne = {DIM, HEADS *HEAD + 1}}},
    {"blk.0.attn_k.weight", {.tensor = "blk.0.attn_k.weight", .ne = {DIM, HEADS *HEAD}}},
    {"blk.0.attn_v.weight", {.no_tensor = "blk.0.attn_v.weight"}},
    {"blk.0.attn_v.weight", {.tensor = "blk.0.attn_v.weight", .dtype = PL_Q4_1, .bad = true}},
    {"blk.0.attn_output.weight", {.no_tensor = "blk.0.attn_output.weight"}},
    {"blk.0.ffn_up.weight", {.tensor = "blk.0.ffn_up.weight", .ne = {FF, DIM}}},
    {"blk.0.ffn_up.weight", {.tensor = "blk.0.ffn_up.weight", .dtype = PL_Q5_0, .bad = true}},
    {"blk.0.ffn_down.weight", {.tensor = "blk.0.ffn_down.weight", .ne = {DIM, FF}}},
    {"blk.0.attn_q.bias", {.extra = "blk.0.attn_q.bias", .tensor = "blk.0.attn_q.bias", .bad = true}},
    {"blk.0.attn_k.bias", {.arch = "qwen2", .no_tensor = "blk.0.attn_k.bias"}},
    {"blk.0.attn_v.bias", {.arch = "qwen2", .tensor = "blk.0.attn_v.bias", .bad = true}},
    {"blk.0.attn_q_norm.weight", {.extra = "blk.0.attn_q_norm.weight"}},
    {"blk.1.attn_norm.weight", {.extra = "blk.1.attn_norm.weight"}},
    {"rope_freqs.weight", {.extra = "rope_freqs.weight"}},
    {"rope_freqs.weight",
     {.extra = "rope_freqs.weight", .tensor = "rope_freqs.weight", .ne = {HEAD / 2}, .bad = true}},
};

START_TEST(what_the_graph_cannot_do_is_refused_by_name)
{
    struct pl_model *m = NULL;
    struct pl_err err = {0};
    int rc = pl_model_open(write_file(&refused[_i].change), PL_ISA_PORTABLE, &m, &err);
    int want = refused[_i].change.bad ? -PL_E_CORRUPT : -PL_E_MODEL_UNSUPPORTED;
    ck_assert_msg(rc == want, "%d: %s: %d, %s", _i, refused[_i].field, rc, err.text);
    ck_assert_ptr_null(m);
    ck_assert_msg(strstr(err.field, refused[_i].field) || strstr(err.text, refused[_i].field),
                  "%d: %s, not %s: %s", _i, err.field, refused[_i].field, err.text);
}
END_TEST

START_TEST(a_file_that_is_absent_or_cut_is_refused)
{
    struct pl_model *m = NULL;
    struct pl_err err = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/absent.gguf", pl_test_dir());
    ck_assert_int_eq(pl_model_open(path, PL_ISA_PORTABLE, &m, &err), -PL_E_NOT_FOUND);
    const char *cut = write_file(&(struct change){0});
    ck_assert_int_eq(truncate(cut, 3000), 0);
    ck_assert_int_eq(pl_model_open(cut, PL_ISA_PORTABLE, &m, &err), -PL_E_CORRUPT);
    ck_assert_ptr_null(m);
    pl_model_close(&m);
}
END_TEST

START_TEST(engine_options_out_of_range_are_refused)
{
    static const struct pl_engine_opts bad[] = {
        {.n_slots = 0, .n_pages = 1, .max_rows = 1},
        {.n_slots = 1, .n_pages = 0, .max_rows = 1},
        {.n_slots = 1, .n_pages = 1, .max_rows = 0},
        {.n_slots = 1, .n_pages = 1, .max_rows = 1, .threads = 5000},
        {.n_slots = 1u << 30, .n_pages = 1, .max_rows = 1},
    };
    struct pl_model *m = open_good(&(struct change){0});
    struct pl_engine *e = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pl_err err = {0};
        ck_assert_int_eq(pl_engine_create(m, &bad[i], &e, &err), -PL_E_INVALID);
        ck_assert(err.field[0]);
    }
    ck_assert_ptr_null(e);
    pl_model_close(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kernels/model_files");
    TCase *tc = tcase_create("model_files");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, good_files_open_and_say_what_they_are);
    PL_TEST(tc, weights_outlive_the_file);
    PL_TEST(tc, rope_factors_and_theta_change_the_answer);
    tcase_add_loop_test(tc, what_the_graph_cannot_do_is_refused_by_name, 0, sizeof refused / sizeof *refused);
    PL_TEST(tc, a_file_that_is_absent_or_cut_is_refused);
    PL_TEST(tc, engine_options_out_of_range_are_refused);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
