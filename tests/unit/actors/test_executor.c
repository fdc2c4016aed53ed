/* test_executor.c - the executor actor, first alone with a test that speaks as its batcher, then under the
 * real batcher: with the hash model, and with a real one where it is installed. */
#include "actors/actors.h"
#include "runtime/node.h"
#include "schemas/gen/generate.h"
#include "schemas/gen/runtime.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

enum { ASKS = 24, IDS = 512 };

struct answer {
    uint32_t ids[IDS], n, n_done, cached;
    uint64_t hashes[IDS];
    enum pl_gen_done_reason reason;
};
struct ask {
    uint32_t ids[IDS], n_ids, max_tokens;
    double temperature;
};

static struct {
    struct pl_node *node;
    struct pl_vocab *vocab;
    struct pl_executor_opts executor;
    struct pl_batcher_opts batcher;
    uint64_t now, random;
    uint32_t crash_after;
    /* Alone: what the executor said, and the next step that it shall get. */
    struct pl_msg *step, *stepped;
    uint32_t n_ready;
    uint64_t incarnation;
    struct pl_exec_ready ready;
    /* Under the batcher. */
    struct ask asks[ASKS];
    struct answer answers[ASKS];
    uint32_t submit_from, submit_to;
} w;

/* The world. */

static uint64_t now_ms(void *self)
{
    return w.now;
}

static uint64_t draw_random(void *self)
{
    return pl_test_random(&w.random);
}

static enum pl_handler_fault fault(void *self, const char *actor, const struct pl_msg *m)
{
    if (!w.crash_after || strcmp(actor, "executor") != 0 || --w.crash_after) return PL_HANDLER_SOUND;
    return PL_HANDLER_FAILS_BEFORE;
}

static void run(void)
{
    for (;;) {
        while (pl_node_run(w.node, 100) > 0) {}
        uint64_t due = pl_node_due_ms(w.node);
        if (due == UINT64_MAX) return;
        if (due > w.now) w.now = due;
    }
}

static void poke(void)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert_int_eq(pl_node_net_frame(w.node, 0, &peer, "x", 1, false), 0);
    run();
}

static int start_node(const struct pl_actor_class *client, const struct pl_actor_class *batcher,
                      struct pl_err *err)
{
    static struct pl_log silent = {.fd = -1};
    struct pl_node_opts o = {.name = "service", .log = &silent};
    o.world =
        (struct pl_world){.now_ms = now_ms, .wall_ms = now_ms, .random = draw_random, .handler_fault = fault};
    w.batcher.vocab = w.vocab;
    ck_assert_int_eq(pl_node_create(&o, &w.node, err), 0);
    ck_assert_int_eq(pl_node_add(w.node, client, NULL, NULL, err), 0);
    if (batcher) ck_assert_int_eq(pl_node_add(w.node, batcher, NULL, &w.batcher, err), 0);
    ck_assert_int_eq(pl_node_add(w.node, &pl_executor_class, NULL, &w.executor, err), 0);
    ck_assert_int_eq(pl_node_listener(w.node, 0, client->name, err), 0);
    return pl_node_start(w.node, err);
}

static void start(const struct pl_actor_class *client, const struct pl_actor_class *batcher)
{
    struct pl_err err = {0};
    ck_assert_msg(start_node(client, batcher, &err) == 0, "%s", err.text);
    run();
}

static void prepare(void)
{
    memset(&w, 0, sizeof w);
    w.now = w.random = 1;
    w.executor = (struct pl_executor_opts){
        .threads = 1, .max_seqs = 16, .n_pages = 64, .max_rows = 144, .logits_hash = true, .incarnation = 5};
    w.batcher = (struct pl_batcher_opts){.max_seqs = 16, .queue = 16, .ctx_size = 512, .prefill_chunk = 128};
    ck_assert_int_eq(pl_vocab_create_bytes(&w.vocab, NULL), 0);
}

static void finish(void)
{
    pl_node_destroy(&w.node);
    pl_msg_unref(&w.step);
    pl_msg_unref(&w.stepped);
    pl_vocab_destroy(&w.vocab);
}

/* The executor alone. */

static int speaker_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (m->type == &pl_exec_ready_type) {
        w.ready = *(struct pl_exec_ready *)m->body;
        w.incarnation = w.ready.incarnation;
        ck_assert_uint_eq(w.ready.model_digest.len, 64);
        w.n_ready++;
    } else if (m->type == &pl_exec_stepped_type) {
        pl_msg_unref(&w.stepped);
        w.stepped = pl_msg_copy(m);
    } else if (m->type == &pl_net_frame_type) {
        pl_send_to(self, "executor", &w.step);
    }
    return 0;
}
static const struct pl_actor_class speaker = {
    .name = "batcher", .receive = speaker_receive, .restart = PL_RESTART_DEFAULT};

static struct pl_exec_step *new_step(uint64_t number, uint64_t incarnation)
{
    w.step = pl_msg_create(&pl_exec_step_type);
    struct pl_exec_step *s = w.step->body;
    s->step = number;
    s->incarnation = incarnation;
    s->opens = pl_msg_alloc(w.step, 4 * sizeof *s->opens);
    s->seqs = pl_msg_alloc(w.step, 4 * sizeof *s->seqs);
    s->has_opens = true;
    return s;
}

static void add_open(struct pl_exec_step *s, uint32_t slot, const char *prompt, uint32_t last)
{
    struct pl_exec_open *o = &s->opens[s->opens_count++];
    pl_exec_open_type.init(o);
    o->slot = slot;
    o->ids_count = o->n_prompt = (uint32_t)strlen(prompt) + 1;
    o->ids = pl_msg_alloc(w.step, o->ids_count * sizeof *o->ids);
    for (uint32_t i = 0; prompt[i]; i++) o->ids[i] = (unsigned char)prompt[i];
    o->ids[o->ids_count - 1] = last;
    o->temperature = 0;
}

static void add_seq(struct pl_exec_step *s, uint32_t slot, uint32_t from, uint32_t count, bool sample)
{
    struct pl_exec_seq *q = &s->seqs[s->seqs_count++];
    uint32_t *page = pl_msg_alloc(w.step, sizeof *page);
    *page = slot;
    *q = (struct pl_exec_seq){
        .slot = slot, .from = from, .count = count, .sample = sample, .pages = page, .pages_count = 1};
}

static const struct pl_exec_stepped *send_step(void)
{
    pl_msg_unref(&w.stepped);
    poke();
    return w.stepped ? w.stepped->body : NULL;
}

START_TEST(a_start_says_what_there_is)
{
    start(&speaker, NULL);
    ck_assert_uint_eq(w.n_ready, 1);
    ck_assert_uint_eq(w.ready.slots, 16);
    ck_assert_uint_eq(w.ready.pages, 64);
    ck_assert_uint_eq(w.ready.max_rows, 144);
    ck_assert_uint_ne(w.ready.incarnation, 0);
    finish();
}
END_TEST

START_TEST(a_question_is_answered_with_the_same_incarnation)
{
    start(&speaker, NULL);
    uint64_t before = w.incarnation;
    new_step(0, 0);
    ck_assert_ptr_null(send_step());
    ck_assert_uint_eq(w.n_ready, 2);
    ck_assert_uint_eq(w.incarnation, before);
    finish();
}
END_TEST

START_TEST(each_start_is_another_incarnation)
{
    start(&speaker, NULL);
    uint64_t before = w.incarnation;
    w.crash_after = 1;
    new_step(1, before);
    ck_assert_ptr_null(send_step());
    ck_assert_uint_eq(w.n_ready, 2);
    ck_assert_uint_ne(w.incarnation, before);
    struct pl_exec_step *s = new_step(2, before);
    add_open(s, 0, "hello", '!');
    add_seq(s, 0, 0, 6, true);
    const struct pl_exec_stepped *a = send_step();
    ck_assert_uint_eq(a->step, 2);
    ck_assert_uint_eq(a->code, PL_E_GONE);
    ck_assert_uint_eq(a->results_count, 0);
    finish();
}
END_TEST

START_TEST(a_prompt_in_pieces_draws_what_the_whole_draws)
{
    start(&speaker, NULL);
    struct pl_exec_step *s = new_step(1, w.incarnation);
    add_open(s, 0, "hello there", '!');
    add_open(s, 1, "hello there", '!');
    add_seq(s, 0, 0, 12, true);
    add_seq(s, 1, 0, 5, false);
    const struct pl_exec_stepped *a = send_step();
    ck_assert_uint_eq(a->code, 0);
    ck_assert_uint_eq(a->results_count, 1);
    struct pl_exec_result whole = a->results[0];
    s = new_step(2, w.incarnation);
    add_seq(s, 1, 5, 7, true);
    add_seq(s, 0, 12, 1, true);
    a = send_step();
    ck_assert_uint_eq(a->step, 2);
    ck_assert_uint_eq(a->results_count, 2);
    ck_assert_uint_eq(a->results[0].slot, 1);
    ck_assert_uint_eq(a->results[0].id, whole.id);
    ck_assert_uint_eq(a->results[0].logits_hash, whole.logits_hash);
    ck_assert_uint_ne(whole.logits_hash, 0);
    finish();
}
END_TEST

START_TEST(a_sequence_that_cannot_be_opened_fails_alone)
{
    start(&speaker, NULL);
    struct pl_exec_step *s = new_step(1, w.incarnation);
    add_open(s, 0, "one", 100000);
    add_open(s, 1, "two", '!');
    add_seq(s, 0, 0, 4, true);
    add_seq(s, 1, 0, 4, true);
    const struct pl_exec_stepped *a = send_step();
    ck_assert_uint_eq(a->code, 0);
    ck_assert_uint_eq(a->results_count, 2);
    ck_assert_uint_eq(a->results[0].slot, 0);
    ck_assert_uint_eq(a->results[0].code, PL_E_INVALID);
    ck_assert_uint_eq(a->results[1].slot, 1);
    ck_assert_uint_eq(a->results[1].code, 0);
    finish();
}
END_TEST

START_TEST(an_invalid_step_is_refused_and_says_why)
{
    start(&speaker, NULL);
    struct pl_exec_step *s = new_step(1, w.incarnation);
    add_seq(s, 3, 0, 1, true); /* never opened */
    const struct pl_exec_stepped *a = send_step();
    ck_assert_uint_eq(a->code, PL_E_INVALID);
    ck_assert(a->has_text);
    finish();
}
END_TEST

START_TEST(a_closed_slot_is_closed)
{
    start(&speaker, NULL);
    struct pl_exec_step *s = new_step(1, w.incarnation);
    add_open(s, 0, "one", '!');
    add_seq(s, 0, 0, 4, true);
    ck_assert_uint_eq(send_step()->code, 0);
    s = new_step(2, w.incarnation);
    s->closes = pl_msg_alloc(w.step, sizeof *s->closes);
    s->closes_count = 1;
    s->has_closes = true;
    add_seq(s, 0, 4, 1, true);
    ck_assert_uint_eq(send_step()->code, PL_E_INVALID);
    finish();
}
END_TEST

START_TEST(a_model_that_is_not_there_fails_the_start)
{
    struct pl_err err = {0};
    w.executor.model_path = "no/such/model.gguf";
    ck_assert_int_lt(start_node(&speaker, NULL, &err), 0);
    finish();
}
END_TEST

/* Under the batcher. */

static void submit(struct pl_actor *self, uint32_t gen)
{
    const struct ask *k = &w.asks[gen];
    PL_NEW(m, s, gen_submit);
    s->gen = gen;
    s->ids = pl_msg_alloc(m, k->n_ids * sizeof *s->ids);
    memcpy(s->ids, k->ids, k->n_ids * sizeof *s->ids);
    s->ids_count = k->n_ids;
    s->max_tokens = k->max_tokens;
    s->temperature = k->temperature;
    s->repetition_penalty = 1.1;
    s->seed = gen;
    pl_send_to(self, "batcher", &m);
}

static int client_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_gen_tokens *t = PL_BODY(m, gen_tokens);
    const struct pl_gen_done *d = PL_BODY(m, gen_done);
    for (uint32_t i = 0; t && i < t->ids_count; i++) {
        struct answer *a = &w.answers[t->gen];
        a->hashes[a->n] = t->logits_hashes[i];
        a->ids[a->n++] = t->ids[i];
    }
    if (d) {
        w.answers[d->gen].reason = d->reason;
        w.answers[d->gen].cached = d->cached_tokens;
        w.answers[d->gen].n_done++;
    }
    for (uint32_t i = w.submit_from; m->type == &pl_net_frame_type && i < w.submit_to; i++) submit(self, i);
    return 0;
}
static const struct pl_actor_class client = {
    .name = "session", .receive = client_receive, .restart = PL_RESTART_DEFAULT};

static void ask_all(uint32_t from, uint32_t to)
{
    w.submit_from = from;
    w.submit_to = to;
    poke();
}

/* Prompts with a common beginning of SAME ids. */
static void make_asks(uint32_t n, uint32_t same, uint32_t more, uint32_t max_tokens, uint32_t vocab)
{
    for (uint32_t i = 0; i < n; i++) {
        struct ask *k = &w.asks[i];
        uint64_t chance = 7;
        k->n_ids = same + 1 + i * more;
        for (uint32_t j = 0; j < k->n_ids; j++) {
            if (j == same) chance += i;
            k->ids[j] = (uint32_t)(pl_test_random(&chance) % vocab);
        }
        k->max_tokens = max_tokens;
        k->temperature = i % 2 ? 0.9 : 0;
    }
}

static void check_same(uint32_t n, const struct answer *alone)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct answer *a = &w.answers[i];
        ck_assert_uint_eq(a->n_done, 1);
        ck_assert_int_eq(a->reason, alone[i].reason);
        ck_assert_uint_eq(a->n, alone[i].n);
        ck_assert_mem_eq(a->ids, alone[i].ids, a->n * sizeof *a->ids);
        ck_assert_mem_eq(a->hashes, alone[i].hashes, a->n * sizeof *a->hashes);
    }
}

/* The asks of N one by one, each by an executor of its own that has nothing cached; then all together. */
static void compare_alone_and_together(uint32_t n, uint32_t crash_after)
{
    static struct answer alone[ASKS];
    for (uint32_t i = 0; i < n; i++) {
        start(&client, &pl_batcher_class);
        ask_all(i, i + 1);
        pl_node_destroy(&w.node);
    }
    memcpy(alone, w.answers, sizeof alone);
    memset(w.answers, 0, sizeof w.answers);
    start(&client, &pl_batcher_class);
    w.crash_after = crash_after;
    ask_all(0, n);
    check_same(n, alone);
}

START_TEST(hash_answers_end_by_themselves)
{
    make_asks(8, 20, 10, 100, 256);
    start(&client, &pl_batcher_class);
    ask_all(0, 8);
    for (uint32_t i = 0; i < 8; i += 2) { /* the greedy ones */
        const struct answer *a = &w.answers[i];
        ck_assert_int_eq(a->reason, PL_GEN_DONE_REASON_STOP);
        ck_assert_uint_ge(a->n, 2);
        for (uint32_t k = 0; k + 1 < a->n; k++) ck_assert(a->ids[k] >= ' ' && a->ids[k] <= '~');
        ck_assert(pl_vocab_is_end(w.vocab, a->ids[a->n - 1]));
    }
    finish();
}
END_TEST

START_TEST(hash_answers_together_equal_alone)
{
    make_asks(16, 70, 9, 60, 256);
    compare_alone_and_together(16, 0);
    finish();
}
END_TEST

START_TEST(hash_answers_survive_a_crash)
{
    make_asks(16, 70, 9, 60, 256);
    compare_alone_and_together(16, 12);
    finish();
}
END_TEST

/* The real thing: pages that are shared, copied and taken over must hold the same bits that a lone run
 * computes. */
START_TEST(a_real_model_answers_together_as_alone)
{
    const char *path = pl_test_model("smollm2");
    if (!path) {
        pl_test_skip("a_real_model_answers_together_as_alone", "no model smollm2 is installed");
        return;
    }
    w.executor.model_path = path;
    w.executor.threads = 2;
    w.executor.n_pages = w.batcher.ctx_size / PL_PAGE_TOKENS; /* so that some are pre-empted */
    make_asks(4, 100, 7, 12, 256);
    w.asks[3].n_ids = 64 * 4; /* no common end of page */
    for (uint32_t i = 100; i < 64 * 4; i++) w.asks[3].ids[i] = i;
    compare_alone_and_together(4, 7);
    memset(w.answers, 0, sizeof w.answers);
    static struct answer before;
    ask_all(2, 3);
    before = w.answers[2];
    ck_assert_uint_eq(before.n_done, 1);
    memset(w.answers, 0, sizeof w.answers);
    ask_all(2, 3);
    ck_assert_uint_eq(w.answers[2].cached, w.asks[2].n_ids - 1);
    ck_assert_mem_eq(w.answers[2].hashes, before.hashes, before.n * sizeof *before.hashes);
    finish();
}
END_TEST

static Suite *executor(void)
{
    Suite *s = suite_create("executor");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, prepare, NULL);
    PL_TEST(tc, a_start_says_what_there_is);
    PL_TEST(tc, a_question_is_answered_with_the_same_incarnation);
    PL_TEST(tc, each_start_is_another_incarnation);
    PL_TEST(tc, a_prompt_in_pieces_draws_what_the_whole_draws);
    PL_TEST(tc, a_sequence_that_cannot_be_opened_fails_alone);
    PL_TEST(tc, an_invalid_step_is_refused_and_says_why);
    PL_TEST(tc, a_closed_slot_is_closed);
    PL_TEST(tc, a_model_that_is_not_there_fails_the_start);
    PL_TEST(tc, hash_answers_end_by_themselves);
    PL_TEST(tc, hash_answers_together_equal_alone);
    PL_TEST(tc, hash_answers_survive_a_crash);
    PL_TEST(tc, a_real_model_answers_together_as_alone);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(executor)
