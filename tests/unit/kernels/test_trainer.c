/* A run of training: what is learnt, that stopping and going on changes no bit, that neither the size of the
 * memory nor padding changes the loss, and what of a dataset or a checkpoint is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernels/engine.h"
#include "kernels/gguf.h"
#include "kernels/train/trainer.h"
#include "tests/support/support.h"

static char model_path[1024];
static struct pl_model *model;
static struct pl_vocab *vocab;
static struct pl_template *dialogue;

static void open_all(void)
{
    char command[4096];
    struct pl_gguf *g = NULL;
    struct pl_err err = {0};
    snprintf(model_path, sizeof model_path, "%s/tiny.gguf", pl_test_dir());
    snprintf(command, sizeof command, "/usr/bin/python3 -B '%s' '%s' --arch llama --types Q8_0,F32",
             pl_test_source("tests/tools/make_tiny.py"), model_path);
    ck_assert_int_eq(system(command), 0);
    ck_assert_msg(pl_model_open(model_path, PL_ISA_AUTO, &model, &err) == 0, "%s", err.text);
    ck_assert_int_eq(pl_gguf_open(model_path, &g, &err), 0);
    ck_assert_int_eq(pl_vocab_create(g, &vocab, &err), 0);
    ck_assert_int_eq(pl_template_create(g, vocab, &dialogue, &err), 0);
    pl_gguf_close(&g);
}

static void close_all(void)
{
    pl_template_destroy(&dialogue);
    pl_vocab_destroy(&vocab);
    pl_model_close(&model);
}

static const char *write_lines(const char *name, const char *text)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", pl_test_dir(), name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static struct pl_dataset *read_text(const char *text)
{
    struct pl_dataset *d = NULL;
    struct pl_err err = {0};
    const char *path = write_lines("d.jsonl", text);
    ck_assert_msg(pl_dataset_read(path, dialogue, vocab, 512, &d, &err) == 0, "%s", err.text);
    return d;
}

#define USER "{\"role\":\"user\",\"content\":\"a\"}"
#define REPLY "{\"role\":\"assistant\",\"content\":\"b\"}"

static const char lines[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"red?\"},{\"role\":\"assistant\",\"content\":\"blue\"}]}"
    "\n"
    "{\"prompt\":\"one\",\"completion\":\"two and three\",\"weight\":0.5}\n"
    "\n"
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},{\"role\":\"user\",\"content\":\"hi\"},"
    "{\"role\":\"assistant\",\"content\":\"hello\",\"weight\":0},{\"role\":\"user\",\"content\":\"again\"},"
    "{\"role\":\"assistant\",\"content\":\"hello again, you\"}]}\n"
    "{\"prompt\":\"a much longer question than the others are\",\"completion\":\"no\"}\n"
    "{\"prompt\":\"x\",\"completion\":\"y\"}\n";

static struct pl_train_opts small(uint32_t steps)
{
    struct pl_train_opts o = pl_train_defaults;
    o.threads = 2;
    o.rank = 4;
    o.alpha = 8;
    o.steps = steps;
    o.batch = 3;
    o.lr = 3e-3f;
    o.dropout = 0.1f;
    o.seed = 5;
    return o;
}

static struct pl_trainer *begin(const struct pl_train_opts *o, const struct pl_dataset *d,
                                const struct pl_dataset *replay)
{
    struct pl_trainer *t = NULL;
    struct pl_err err = {0};
    ck_assert_msg(pl_trainer_create(model, o, d, replay, NULL, &t, &err) == 0, "%s", err.text);
    return t;
}

static double run(struct pl_trainer *t, uint32_t steps)
{
    struct pl_train_stats s = {0};
    struct pl_err err = {0};
    for (uint32_t i = 0; i < steps; i++) ck_assert_msg(pl_trainer_step(t, &s, &err) == 0, "%s", err.text);
    return s.loss;
}

static struct pl_adapter *pairs_of(const struct pl_trainer *t)
{
    struct pl_adapter *a = NULL;
    struct pl_err err = {0};
    ck_assert_int_eq(pl_trainer_adapter(t, &a, &err), 0);
    return a;
}

static size_t values_of(const struct pl_adapter *a)
{
    size_t n = 0;
    for (uint32_t i = 0; i < a->n_layers * PL_N_MODULES; i++)
        n += (size_t)a->pairs[i].rank * (a->pairs[i].rows + a->pairs[i].cols);
    return n;
}

START_TEST(ids_are_those_that_serving_makes)
{
    struct pl_dataset *d = read_text(lines);
    ck_assert_uint_eq(d->count, 5);
    const struct pl_example *e = &d->examples[2];
    struct pl_chat_message first[2] = {{"system", "Be kind.", 8}, {"user", "hi", 2}},
                           second = {"user", "again", 5};
    struct pl_prompt p = {.messages = first, .n_messages = 2, .add_generation_prompt = true};
    struct pl_ids ids = {0};
    struct pl_err err = {0};
    ck_assert_int_eq(pl_template_ids(dialogue, &p, &ids, &err), 0);
    ck_assert_int_eq(pl_vocab_encode(vocab, "hello", 5, false, &ids), 0);
    ck_assert_int_eq(pl_ids_push(&ids, pl_vocab_eos(vocab)), 0);
    ck_assert_int_eq(pl_template_continue(dialogue, true, &second, 1, &ids, &err), 0);
    size_t answer = ids.count;
    ck_assert_int_eq(pl_vocab_encode(vocab, "hello again, you", 16, false, &ids), 0);
    ck_assert_int_eq(pl_ids_push(&ids, pl_vocab_eos(vocab)), 0);
    ck_assert_uint_eq(e->n_ids, ids.count);
    ck_assert_mem_eq(e->ids, ids.ids, ids.count * sizeof *ids.ids);
    /* the first answer has weight 0, so only the last one is learnt, its end mark too */
    for (size_t i = 0; i < ids.count; i++) ck_assert_float_eq(e->weight[i], i < answer ? 0.0f : 1.0f);
    ck_assert_float_eq(d->examples[1].weight[d->examples[1].n_ids - 1], 0.5f);
    pl_ids_finish(&ids);
    pl_dataset_free(&d);
}
END_TEST

START_TEST(a_long_dialogue_loses_its_oldest_turns)
{
    struct pl_dataset *d = NULL;
    struct pl_err err = {0};
    static const char two[] =
        "{\"messages\":[{\"role\":\"system\",\"content\":\"Be "
        "kind.\"},{\"role\":\"user\",\"content\":\"hi\"},"
        "{\"role\":\"assistant\",\"content\":\"hello\"},{\"role\":\"user\",\"content\":\"again\"},"
        "{\"role\":\"assistant\",\"content\":\"hello again, you\"}]}\n";
    struct pl_dataset *whole = read_text(two);
    const char *path = write_lines("long.jsonl", two);
    ck_assert_int_eq(pl_dataset_read(path, dialogue, vocab, whole->longest - 1, &d, &err), 0);
    ck_assert_uint_eq(d->cut, 1);
    ck_assert_uint_lt(d->longest, whole->longest);
    ck_assert_uint_eq(d->n_learnt, strlen("hello again, you") + 1); /* a byte an id, and the end mark */
    pl_dataset_free(&d);
    pl_dataset_free(&whole);
    ck_assert_int_eq(pl_dataset_read(path, dialogue, vocab, 20, &d, &err), -PL_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.text, "line 1"));
}
END_TEST

START_TEST(bad_lines_are_refused_by_number)
{
    static const char *const bad[] = {
        "{\"messages\":[]}",
        "{\"messages\":[" USER "]}",
        "{\"messages\":[" USER "," USER "]}",
        "{\"messages\":[" REPLY "," REPLY "]}",
        "{\"messages\":[{\"role\":\"user\"}," REPLY "]}",
        "{\"prompt\":\"a\"}",
        "{\"prompt\":\"a\",\"completion\":\"b\",\"weight\":-1}",
        "[1]",
        "{\"prompt\":\"a\",",
        "{\"prompt\":\"a\",\"prompt\":\"b\",\"completion\":\"c\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[512];
        struct pl_dataset *d = NULL;
        struct pl_err err = {0};
        snprintf(text, sizeof text, "{\"prompt\":\"a\",\"completion\":\"b\"}\n%s\n", bad[i]);
        ck_assert_int_eq(pl_dataset_read(write_lines("bad.jsonl", text), dialogue, vocab, 512, &d, &err),
                         -PL_E_INVALID);
        ck_assert_ptr_null(d);
        ck_assert_msg(strstr(err.text, "line 2") != NULL, "%s: %s", bad[i], err.text);
    }
    struct pl_dataset *d = NULL;
    struct pl_err err = {0};
    ck_assert_int_eq(pl_dataset_read(write_lines("empty.jsonl", "\n"), dialogue, vocab, 512, &d, &err),
                     -PL_E_INVALID);
    ck_assert_int_eq(pl_dataset_read("/nonexistent", dialogue, vocab, 512, &d, &err), -PL_E_NOT_FOUND);
}
END_TEST

START_TEST(what_is_shown_is_learnt)
{
    struct pl_dataset *d = read_text(lines);
    struct pl_train_opts o = small(40);
    struct pl_trainer *t = begin(&o, d, NULL);
    double before, after;
    struct pl_err err = {0};
    ck_assert_int_eq(pl_trainer_evaluate(t, d, &before, &err), 0);
    run(t, 40);
    ck_assert_int_eq(pl_trainer_evaluate(t, d, &after, &err), 0);
    ck_assert_msg(after < before / 2, "%g before, %g after", before, after);
    ck_assert(pl_trainer_done(t));
    pl_trainer_destroy(&t);
    pl_dataset_free(&d);
}
END_TEST

START_TEST(a_run_that_is_stopped_goes_on_to_the_same_bits)
{
    char path[1100];
    struct pl_dataset *d = read_text(lines), *replay = read_text(lines);
    struct pl_train_opts o = small(8);
    struct pl_err err = {0};
    struct pl_trainer *whole = begin(&o, d, replay);
    run(whole, 8);
    struct pl_adapter *wanted = pairs_of(whole);
    snprintf(path, sizeof path, "%s/stopped", pl_test_dir());
    for (uint32_t at = 0; at < 8; at += 3) {
        struct pl_trainer *first = begin(&o, d, replay), *second = begin(&o, d, replay);
        run(first, at);
        ck_assert_int_eq(pl_trainer_save(first, path, &err), 0);
        pl_trainer_destroy(&first);
        ck_assert_msg(pl_trainer_load(second, path, &err) == 0, "%s", err.text);
        ck_assert_uint_eq(pl_trainer_steps_done(second), at);
        run(second, 8 - at);
        struct pl_adapter *got = pairs_of(second);
        ck_assert_mem_eq(got->values, wanted->values, values_of(wanted) * sizeof(float));
        pl_adapter_close(&got);
        pl_trainer_destroy(&second);
    }
    pl_adapter_close(&wanted);
    pl_trainer_destroy(&whole);
    pl_dataset_free(&d);
    pl_dataset_free(&replay);
}
END_TEST

START_TEST(a_checkpoint_of_something_else_is_refused)
{
    char path[1100];
    size_t len;
    struct pl_dataset *d = read_text(lines);
    struct pl_train_opts o = small(9), other = o;
    struct pl_err err = {0};
    struct pl_trainer *t = begin(&o, d, NULL);
    run(t, 2);
    snprintf(path, sizeof path, "%s/other", pl_test_dir());
    ck_assert_int_eq(pl_trainer_save(t, path, &err), 0);
    other.lr = 1e-3f;
    struct pl_trainer *u = begin(&other, d, NULL);
    ck_assert_int_eq(pl_trainer_load(u, path, &err), -PL_E_CONFLICT);
    char *bytes = pl_test_read(path, &len);
    for (int i = 0; i < 4; i++) { /* cut short, nothing, a byte of the values, of the digest */
        FILE *f = fopen(path, "w");
        if (i >= 2) bytes[i == 2 ? len / 2 : len - 1] ^= 1;
        fwrite(bytes, 1, i == 0 ? len - 7 : i == 1 ? 0 : len, f);
        fclose(f);
        if (i >= 2) bytes[i == 2 ? len / 2 : len - 1] ^= 1;
        ck_assert_int_eq(pl_trainer_load(t, path, &err), -PL_E_CORRUPT);
        ck_assert_uint_eq(pl_trainer_steps_done(t), 2);
    }
    free(bytes);
    pl_trainer_destroy(&u);
    pl_trainer_destroy(&t);
    pl_dataset_free(&d);
}
END_TEST

START_TEST(memory_does_not_change_the_loss)
{
    struct pl_dataset *d = read_text(lines);
    double loss[3];
    const uint32_t rows[3] = {d->longest, d->longest + 60, 1024};
    for (int i = 0; i < 3; i++) {
        struct pl_train_opts o = small(4);
        o.dropout = 0;
        o.batch = 5;
        o.max_rows = rows[i];
        struct pl_trainer *t = begin(&o, d, NULL);
        loss[i] = run(t, 4);
        pl_trainer_destroy(&t);
    }
    ck_assert_double_eq_tol(loss[0], loss[2], 1e-5);
    ck_assert_double_eq_tol(loss[1], loss[2], 1e-5);
    pl_dataset_free(&d);
}
END_TEST

START_TEST(a_replay_begins_at_no_divergence_and_holds_it_down)
{
    struct pl_dataset *d = read_text(lines),
                      *replay = read_text("{\"prompt\":\"other\",\"completion\":\"talk about it\"}\n");
    double last[2];
    for (int i = 0; i < 2; i++) {
        struct pl_train_opts o = small(24);
        struct pl_train_stats s;
        struct pl_err err = {0};
        o.replay_weight = i ? 10 : 0;
        struct pl_trainer *t = begin(&o, d, replay);
        ck_assert_int_eq(pl_trainer_step(t, &s, &err), 0);
        ck_assert_double_eq_tol(s.divergence, 0, 1e-5);
        for (int k = 1; k < 24; k++) ck_assert_int_eq(pl_trainer_step(t, &s, &err), 0);
        last[i] = s.divergence;
        pl_trainer_destroy(&t);
    }
    ck_assert_msg(last[1] < last[0] / 2, "%g without, %g with", last[0], last[1]);
    pl_dataset_free(&d);
    pl_dataset_free(&replay);
}
END_TEST

/* --- adapters --- */

START_TEST(an_adapter_comes_back_from_its_directory)
{
    char dir[1100];
    struct pl_dataset *d = read_text(lines);
    struct pl_train_opts o = small(3);
    struct pl_err err = {0};
    o.rslora = true;
    struct pl_trainer *t = begin(&o, d, NULL);
    run(t, 3);
    struct pl_adapter *a = pairs_of(t), *b = NULL;
    snprintf(dir, sizeof dir, "%s/adapter", pl_test_dir());
    ck_assert_msg(pl_adapter_save(a, pl_model_info(model), dir, &err) == 0, "%s", err.text);
    ck_assert_msg(pl_adapter_open(dir, pl_model_info(model), &b, &err) == 0, "%s", err.text);
    ck_assert_mem_eq(b->values, a->values, values_of(a) * sizeof(float));
    for (uint32_t i = 0; i < a->n_layers * PL_N_MODULES; i++) {
        ck_assert_float_eq(a->pairs[i].scale, b->pairs[i].scale);
        ck_assert_float_eq(a->pairs[i].scale, 4.0f);
    }
    ck_assert_uint_eq(strlen(b->digest), 64);
    struct pl_trainer *next = NULL;
    ck_assert_msg(pl_trainer_create(model, &o, d, NULL, b, &next, &err) == 0, "%s", err.text);
    struct pl_adapter *same = pairs_of(next);
    ck_assert_mem_eq(same->values, a->values, values_of(a) * sizeof(float));
    pl_adapter_close(&same);
    pl_adapter_close(&a);
    pl_adapter_close(&b);
    pl_trainer_destroy(&next);
    pl_trainer_destroy(&t);
    pl_dataset_free(&d);
}
END_TEST

static uint64_t answer_hash(const struct pl_adapter *a, const struct pl_adapter *neighbour)
{
    struct pl_engine *e = NULL;
    struct pl_err err = {0};
    struct pl_engine_opts o = {.threads = 2, .n_slots = 2, .n_pages = 4, .max_rows = 64, .logits_hash = true};
    struct pl_sampling greedy = {.temperature = 0, .top_p = 1, .repetition_penalty = 1};
    uint32_t ids[20], pages[2][1] = {{0}, {1}}, n_out;
    for (uint32_t i = 0; i < 20; i++) ids[i] = 3 * i;
    ck_assert_int_eq(pl_engine_create(model, &o, &e, &err), 0);
    struct pl_step_seq q[2];
    struct pl_sampled out[2];
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(pl_engine_open(e, i, ids, 20, 20, &greedy, &err), 0);
        q[i] = (struct pl_step_seq){i, 0, 20, true, PL_NO_FORCE, pages[i], 1};
    }
    ck_assert_int_eq(pl_engine_adapter(e, 0, a, &err), 0);
    ck_assert_int_eq(pl_engine_adapter(e, 1, neighbour, &err), 0);
    struct pl_step step = {.seqs = q, .n_seqs = 2};
    ck_assert_int_eq(pl_engine_step(e, &step, out, &n_out, &err), 0);
    pl_engine_destroy(&e);
    return out[0].logits_hash;
}

START_TEST(an_adapter_is_its_own_rows_and_nobody_elses)
{
    struct pl_dataset *d = read_text(lines);
    struct pl_train_opts o = small(3);
    struct pl_trainer *t = begin(&o, d, NULL);
    struct pl_adapter *fresh = pairs_of(t);
    run(t, 3);
    struct pl_adapter *a = pairs_of(t);
    uint64_t bare = answer_hash(NULL, NULL), with = answer_hash(a, NULL);
    ck_assert_uint_ne(with, bare);
    ck_assert_uint_eq(answer_hash(NULL, a), bare);
    ck_assert_uint_eq(answer_hash(a, fresh), with);
    ck_assert_uint_eq(answer_hash(a, a), with);
    ck_assert_uint_eq(answer_hash(fresh, a), bare); /* B is zero */
    pl_adapter_close(&fresh);
    pl_adapter_close(&a);
    pl_trainer_destroy(&t);
    pl_dataset_free(&d);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("trainer");
    TCase *tc = tcase_create("trainer");
    tcase_add_unchecked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 300);
    PL_TEST(tc, ids_are_those_that_serving_makes);
    PL_TEST(tc, a_long_dialogue_loses_its_oldest_turns);
    PL_TEST(tc, bad_lines_are_refused_by_number);
    PL_TEST(tc, what_is_shown_is_learnt);
    PL_TEST(tc, a_run_that_is_stopped_goes_on_to_the_same_bits);
    PL_TEST(tc, a_checkpoint_of_something_else_is_refused);
    PL_TEST(tc, memory_does_not_change_the_loss);
    PL_TEST(tc, a_replay_begins_at_no_divergence_and_holds_it_down);
    PL_TEST(tc, an_adapter_comes_back_from_its_directory);
    PL_TEST(tc, an_adapter_is_its_own_rows_and_nobody_elses);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
