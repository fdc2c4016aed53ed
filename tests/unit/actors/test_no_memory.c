/* Want of memory at each single allocation of what reads foreign bytes: no crash, nothing kept, and an error
 * that says so. Each subject runs again and again, the first allocation failing, then the second, until none
 * is left to fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gguf.h"
#include "kernels/template.h"
#include "kernels/vocab.h"
#include "ops/daemon/options.h"
#include "runtime/msg.h"
#include "runtime/wrap.h"
#include "schemas/gen/types.h"
#include "tests/support/no_memory.h"
#include "tests/support/support.h"

enum { ALLOCATIONS_MAX = 20000 };

static void *subject; /* what the running case reads */
static size_t subject_bytes;

/* 0 or an error; it frees what it made. */
typedef int (*attempt)(struct pl_err *err);

static void ck_every_allocation(attempt fn, const char *what, bool says)
{
    uint32_t n = 1;
    for (; n < ALLOCATIONS_MAX; n++) {
        struct pl_err err = {0};
        bool failed;
        pl__msg_forget_kept();
        pl_test_memory_begin(n);
        int rc = fn(&err);
        pl__msg_forget_kept();
        uint32_t kept = pl_test_memory_end(&failed);
        ck_assert_msg(kept == 0, "%s: %u blocks kept after allocation %u failed", what, kept, n);
        if (!failed) ck_assert_msg(rc == 0, "%s: %s", what, err.text);
        if (!failed) break;
        ck_assert_msg(rc == -PL_E_NO_MEMORY, "%s: allocation %u of it failed: %s %s", what, n,
                      pl_error_name(-rc), err.text);
        ck_assert_msg(!says || (err.code == PL_E_NO_MEMORY && err.text[0]), "%s: allocation %u: no sentence",
                      what, n);
    }
    ck_assert_msg(n > 1, "%s allocates nothing", what);
    printf("figure: allocations of %s: %u\n", what, n - 1);
}

static struct pl_msg *request(void)
{
    static char text[3000];
    PL_NEW(m, r, chat_request);
    ck_assert_ptr_nonnull(m);
    memset(text, 'x', sizeof text - 1);
    m->env.id = PL_STR("id");
    m->env.session = PL_STR("session");
    r->has_text = true;
    r->text = pl_str_of(text);
    return m;
}

static int decode(struct pl_err *err)
{
    struct pl_msg *m = NULL;
    int rc = pl_msg_decode(subject, subject_bytes, 0, 0, &m, NULL, err);
    pl_msg_unref(&m);
    return rc;
}

START_TEST(a_message_is_decoded_or_there_is_no_memory)
{
    struct pl_buf bytes = {0};
    struct pl_msg *m = request();
    ck_assert_int_eq(pl_msg_encode(m, 0, &bytes), 0);
    subject = bytes.data;
    subject_bytes = bytes.len;
    ck_every_allocation(decode, "decoding a message", true);
    pl_buf_finish(&bytes);
    pl_msg_unref(&m);
}
END_TEST

static int encode(struct pl_err *err)
{
    struct pl_buf bytes = {0};
    int rc = pl_msg_encode(subject, 0, &bytes);
    pl_buf_finish(&bytes);
    return rc;
}

static int copy(struct pl_err *err)
{
    struct pl_msg *m = pl_msg_copy(subject);
    int rc = m ? 0 : -PL_E_NO_MEMORY;
    pl_msg_unref(&m);
    return rc;
}

START_TEST(a_message_is_encoded_or_copied_or_there_is_no_memory)
{
    struct pl_msg *m = request();
    subject = m;
    ck_every_allocation(encode, "encoding a message", false);
    ck_every_allocation(copy, "copying a message", false);
    pl_msg_unref(&m);
}
END_TEST

static int copy_record(struct pl_err *err)
{
    struct pl_arena arena = {0};
    struct pl_rec_turn record;
    int rc = pl_rec_turn_type.copy(subject, &arena, &record);
    pl_arena_finish(&arena);
    return rc;
}

START_TEST(a_record_is_copied_or_there_is_no_memory)
{
    static char text[2000];
    static uint32_t ids[900];
    struct pl_rec_turn record;
    memset(text, 'x', sizeof text - 1);
    pl_rec_turn_type.init(&record);
    record.text = pl_str_of(text);
    record.answer_ids = ids;
    record.answer_ids_count = 900;
    subject = &record;
    ck_every_allocation(copy_record, "copying a record", false);
}
END_TEST

static int load_config(struct pl_err *err)
{
    static const char *const words[] = {"--max-seqs=3", "--queue", "5", "word"};
    const char *const *rest = NULL;
    int n_rest = 0;
    struct pl_config *c = NULL;
    int rc = pl_config_load(pl_daemon_options, 4, words, subject, &rest, &n_rest, &c, err);
    pl_config_destroy(&c);
    return rc;
}

START_TEST(a_configuration_is_loaded_or_there_is_no_memory)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/parlance.ini", pl_test_dir());
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("[parlance]\nmodel = hash\nthreads = 2\n", f);
    fclose(f);
    subject = path;
    ck_every_allocation(load_config, "loading a configuration", true);
}
END_TEST

static int open_gguf(struct pl_err *err)
{
    struct pl_gguf *g = NULL;
    int rc = pl_gguf_open_memory(subject, subject_bytes, &g, err);
    pl_gguf_close(&g);
    return rc;
}

START_TEST(a_model_file_is_opened_or_there_is_no_memory)
{
    subject = pl_test_read(pl_test_source("tests/fixtures/fuzz_gguf/every_kind.gguf"), &subject_bytes);
    ck_every_allocation(open_gguf, "opening a model file", true);
    free(subject);
}
END_TEST

static int create_vocab(struct pl_err *err)
{
    struct pl_vocab *v = NULL;
    int rc = pl_vocab_create(subject, &v, err);
    pl_vocab_destroy(&v);
    return rc;
}

START_TEST(a_vocabulary_is_made_or_there_is_no_memory)
{
    static const char *const files[] = {"tests/fixtures/fuzz_vocab/bpe.gguf",
                                        "tests/fixtures/fuzz_vocab/spm.gguf"};
    struct pl_gguf *g = NULL;
    char *bytes = pl_test_read(pl_test_source(files[_i]), &subject_bytes);
    ck_assert_int_eq(pl_gguf_open_memory(bytes, subject_bytes, &g, NULL), 0);
    subject = g;
    ck_every_allocation(create_vocab,
                        _i ? "making a SentencePiece vocabulary" : "making a byte-pair vocabulary", true);
    pl_gguf_close(&g);
    free(bytes);
}
END_TEST

static const struct pl_chat_message talk[] = {{"system", "Be brief.", 9},
                                              {"user", "Say <|im_end|> twice.", 21}};
static const struct pl_prompt prompt = {.messages = talk, .n_messages = 2, .add_generation_prompt = true};

static int render_text(struct pl_err *err)
{
    char *text = NULL;
    size_t len = 0;
    int rc = pl_template_text(subject, &prompt, &text, &len, err);
    free(text);
    return rc;
}

static int render_ids(struct pl_err *err)
{
    struct pl_ids ids = {0};
    int rc = pl_template_ids(subject, &prompt, &ids, err);
    pl_ids_finish(&ids);
    return rc;
}

static int go_on(struct pl_err *err)
{
    struct pl_ids ids = {0};
    int rc = pl_template_continue(subject, false, talk + 1, 1, &ids, err);
    pl_ids_finish(&ids);
    return rc;
}

START_TEST(a_template_is_rendered_or_there_is_no_memory)
{
    struct pl_vocab *v = NULL;
    struct pl_template *t = NULL;
    ck_assert_int_eq(pl_vocab_create_bytes(&v, NULL), 0);
    ck_assert_int_eq(pl_template_create_chatml(v, &t, NULL), 0);
    subject = t;
    ck_every_allocation(render_text, "rendering a prompt's text", true);
    ck_every_allocation(render_ids, "rendering a prompt's ids", true);
    ck_every_allocation(go_on, "continuing a dialogue", true);
    pl_template_destroy(&t);
    pl_vocab_destroy(&v);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("no_memory");
    TCase *tc = tcase_create("each allocation");
    tcase_set_timeout(tc, 120);
    suite_add_tcase(s, tc);
    PL_TEST(tc, a_message_is_decoded_or_there_is_no_memory);
    PL_TEST(tc, a_message_is_encoded_or_copied_or_there_is_no_memory);
    PL_TEST(tc, a_record_is_copied_or_there_is_no_memory);
    PL_TEST(tc, a_configuration_is_loaded_or_there_is_no_memory);
    PL_TEST(tc, a_model_file_is_opened_or_there_is_no_memory);
    tcase_add_loop_test(tc, a_vocabulary_is_made_or_there_is_no_memory, 0, 2);
    PL_TEST(tc, a_template_is_rendered_or_there_is_no_memory);
    return s;
}

PL_TESTS(suite)
