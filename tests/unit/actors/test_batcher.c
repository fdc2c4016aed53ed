/* test_batcher.c - the batcher between a client that records and an executor that checks.
 *
 * The executor here keeps, for every position of every page, a hash of all ids up to it, and checks before it
 * uses a page that the whole past of the sequence is there. What it draws is a function of the sequence
 * alone, so each answer can be computed beside it. Time is virtual. Every test runs twice: records passed as
 * they are, and encoded. */
#include "actors/actors.h"
#include "runtime/node.h"
#include "schemas/gen/generate.h"
#include "schemas/gen/runtime.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

enum {
    P = PL_PAGE_TOKENS,
    ASKS = 256,
    PAGES = 256,
    SLOTS = 64,
    IDS = 2048,
    STEPS = 20000,
    END = 257,
    POISON = 3,
    NAN_ID = 4
};

struct ask {
    uint32_t ids[IDS], n_ids, max_tokens;
    uint64_t seed, budget_ms;
    bool submitted;
    /* The answer. */
    uint32_t got[IDS], n_got, n_done, cached;
    enum pl_gen_done_reason reason;
    uint32_t code;
    uint64_t done_ms;
    uint32_t place; /* first, second, ... to get an id */
};
enum command { SUBMIT, CANCEL };
struct step_seen {
    uint32_t rows, decode, seqs;
};

struct world {
    struct pl_node *node;
    struct pl_batcher_opts batcher;
    struct pl_vocab *vocab;
    uint64_t now, random;
    struct ask asks[ASKS];
    struct {
        enum command what;
        uint32_t gen;
    } commands[4 * ASKS];
    uint32_t n_commands;
    /* The executor. */
    uint32_t slots, pages, rows, step_ms;
    struct step_seen steps[STEPS];
    uint32_t n_steps, n_starts, n_begun;
    bool absent;       /* it does not answer */
    uint32_t refuse;   /* so many next steps */
    const char *crash; /* actor that fails at its next CRASH_AFTER-th message, and again each CRASH_EACH */
    uint32_t crash_after, crash_each;
    uint32_t points[3];
};
static struct world *w;

/* The function that the executor draws from. */

static uint64_t extend(uint64_t h, uint32_t id)
{
    h = (h ^ (id + 1)) * 0xD6E8FEB86659FD93ull;
    return h ^ (h >> 32);
}

static uint32_t draw(uint64_t past, uint64_t seed)
{
    uint64_t h = extend(past, (uint32_t)seed + 77);
    return h % 61 == 0 ? END : 32 + (uint32_t)(h >> 8) % 90;
}

/* The executor. */

struct slot {
    bool open;
    uint32_t ids[IDS], n_ids;
    uint64_t seed;
};
struct checker {
    uint64_t incarnation;
    struct slot slots[SLOTS];
    uint64_t held[PAGES][P];
    struct pl_msg *answer; /* held back for step_ms */
};

static void checker_ready(struct pl_actor *self, struct checker *c)
{
    PL_NEW(m, r, exec_ready);
    *r = (struct pl_exec_ready){w->slots,       w->pages, w->rows, pl_msg_str(m, PL_STR("digest")),
                                c->incarnation, {0},      0};
    pl_send_to(self, "batcher", &m);
}

static int checker_start(struct pl_actor *self, void *state, const void *arg)
{
    struct checker *c = state;
    c->incarnation = pl_random_u64(self);
    memset(c->held, 0xEE, sizeof c->held);
    w->n_starts++;
    checker_ready(self, c);
    return 0;
}

static void checker_open(struct checker *c, const struct pl_exec_open *o)
{
    struct slot *s = &c->slots[o->slot];
    ck_assert_uint_lt(o->slot, w->slots);
    s->open = true;
    s->n_ids = o->ids_count;
    s->seed = o->seed;
    memcpy(s->ids, o->ids, o->ids_count * sizeof *s->ids);
}

static void checker_run(struct checker *c, const struct pl_exec_seq *q, struct pl_exec_stepped *out)
{
    struct slot *s = &c->slots[q->slot];
    uint64_t h = 0;
    ck_assert(s->open);
    ck_assert_uint_le(q->from + q->count, s->n_ids);
    ck_assert_uint_ge(q->pages_count * P, q->from + q->count);
    for (uint32_t i = 0; i < q->from + q->count; i++) {
        uint64_t *held = &c->held[q->pages[i / P]][i % P];
        h = extend(h, s->ids[i]);
        if (i >= q->from) *held = h;
        ck_assert_msg(*held == h, "slot %u: position %u of page %u is not its past", q->slot, i,
                      q->pages[i / P]);
    }
    if (!q->sample) return;
    ck_assert_uint_eq(q->from + q->count, s->n_ids);
    struct pl_exec_result *r = &out->results[out->results_count++];
    *r = (struct pl_exec_result){.slot = q->slot, .id = draw(h, s->seed), .logits_hash = h};
    if (s->ids[0] == NAN_ID && s->n_ids > 20)
        r->code = PL_E_NUMERIC_ERROR;
    else
        s->ids[s->n_ids++] = r->id;
}

/* A page that is written belongs to one sequence of the step. */
static void check_private(const struct pl_exec_step *s)
{
    for (uint32_t i = 0; i < s->seqs_count; i++)
        for (uint32_t k = s->seqs[i].from / P; k < s->seqs[i].pages_count; k++)
            for (uint32_t j = 0; j < s->seqs_count; j++)
                for (uint32_t l = 0; l < s->seqs[j].pages_count && j != i; l++)
                    ck_assert_uint_ne(s->seqs[i].pages[k], s->seqs[j].pages[l]);
}

static void see_step(const struct pl_exec_step *s)
{
    struct step_seen *seen = &w->steps[w->n_steps++];
    ck_assert_uint_lt(w->n_steps, STEPS);
    seen->seqs = s->seqs_count;
    for (uint32_t i = 0; i < s->seqs_count; i++) {
        bool opened = false;
        for (uint32_t k = 0; k < s->opens_count; k++) opened |= s->opens[k].slot == s->seqs[i].slot;
        seen->rows += s->seqs[i].count;
        seen->decode += s->seqs[i].count == 1 && s->seqs[i].sample && !opened;
    }
    ck_assert_uint_le(seen->rows, w->rows);
    ck_assert_uint_ge(seen->rows, 1);
}

static bool poisoned(const struct checker *c, const struct pl_exec_step *s)
{
    for (uint32_t i = 0; i < s->seqs_count; i++)
        if (c->slots[s->seqs[i].slot].ids[0] == POISON) return true;
    return false;
}

static void checker_step(struct pl_actor *self, struct checker *c, const struct pl_msg *m)
{
    const struct pl_exec_step *s = m->body;
    PL_NEW(answer, a, exec_stepped);
    a->step = s->step;
    if (c->answer) pl_send(self, &c->answer); /* that of a batcher that is gone */
    a->results = pl_msg_alloc(answer, (s->seqs_count + 1) * sizeof *a->results);
    for (uint32_t i = 0; i < s->closes_count; i++) c->slots[s->closes[i]].open = false;
    for (uint32_t i = 0; i < s->opens_count; i++) checker_open(c, &s->opens[i]);
    if (s->incarnation != c->incarnation || w->refuse || poisoned(c, s)) {
        a->code = s->incarnation != c->incarnation ? PL_E_GONE : PL_E_INVALID;
        if (w->refuse) w->refuse--;
    } else {
        for (uint32_t i = 0; i < s->copies_count; i++)
            memcpy(c->held[s->copies[i].dst], c->held[s->copies[i].src], sizeof *c->held);
        check_private(s);
        see_step(s);
        for (uint32_t i = 0; i < s->seqs_count; i++) checker_run(c, &s->seqs[i], a);
    }
    answer->env.to = PL_STR("batcher");
    if (w->absent)
        pl_msg_unref(&answer);
    else if (!w->step_ms)
        pl_send(self, &answer);
    else
        pl_timer_start(self, w->step_ms, 0, 0), c->answer = answer;
}

static int checker_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct checker *c = state;
    const struct pl_exec_step *s = PL_BODY(m, exec_step);
    if (s && s->incarnation == 0)
        checker_ready(self, c);
    else if (s)
        checker_step(self, c, m);
    else if (m->type == &pl_sys_timer_type && c->answer)
        pl_send(self, &c->answer);
    return 0;
}

static void checker_stop(struct pl_actor *self, void *state)
{
    pl_msg_unref(&((struct checker *)state)->answer);
}

static const struct pl_actor_class checker = {.name = "executor",
                                              .state_bytes = sizeof(struct checker),
                                              .start = checker_start,
                                              .receive = checker_receive,
                                              .stop = checker_stop,
                                              .restart = {PL_RESTART_ALWAYS, 1000, 10000, 10, 50}};

/* The client. */

static void client_submit(struct pl_actor *self, uint32_t gen)
{
    struct ask *k = &w->asks[gen];
    PL_NEW(m, s, gen_submit);
    s->gen = gen;
    s->ids = pl_msg_alloc(m, (k->n_ids + 1) * sizeof *s->ids);
    memcpy(s->ids, k->ids, k->n_ids * sizeof *s->ids);
    s->ids_count = k->n_ids;
    s->max_tokens = k->max_tokens;
    s->seed = k->seed;
    if (k->budget_ms) m->deadline_ms = w->now + k->budget_ms;
    pl_send_to(self, "batcher", &m);
}

static void client_cancel(struct pl_actor *self, uint32_t gen)
{
    PL_NEW(m, c, gen_cancel);
    c->gen = gen;
    pl_send_system(self, "batcher", &m);
}

static void client_tokens(const struct pl_gen_tokens *t)
{
    struct ask *k = &w->asks[t->gen];
    ck_assert_uint_eq(k->n_done, 0);
    ck_assert_uint_eq(t->first, k->n_got);
    if (!k->place) k->place = ++w->n_begun;
    ck_assert_uint_eq(t->logits_hashes_count, t->ids_count);
    for (uint32_t i = 0; i < t->ids_count; i++) k->got[k->n_got++] = t->ids[i];
}

static void client_done(const struct pl_gen_done *d)
{
    struct ask *k = &w->asks[d->gen];
    ck_assert_uint_eq(k->n_done++, 0);
    k->reason = d->reason;
    k->code = d->code;
    k->cached = d->cached_tokens;
    k->done_ms = w->now;
}

static int client_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (m->type == &pl_gen_tokens_type) client_tokens(m->body);
    if (m->type == &pl_gen_done_type) client_done(m->body);
    if (m->type != &pl_net_frame_type) return 0;
    for (uint32_t i = 0; i < w->n_commands; i++) {
        if (w->commands[i].what == SUBMIT)
            client_submit(self, w->commands[i].gen);
        else
            client_cancel(self, w->commands[i].gen);
    }
    w->n_commands = 0;
    return 0;
}

static const struct pl_actor_class client = {
    .name = "session", .receive = client_receive, .restart = PL_RESTART_DEFAULT};
static const struct pl_actor_class narrow_client = {
    .name = "session", .receive = client_receive, .mailbox_limit = 4, .restart = PL_RESTART_DEFAULT};

/* The world. */

static uint64_t now_ms(void *self)
{
    return w->now;
}

static uint64_t draw_random(void *self)
{
    return pl_test_random(&w->random);
}

static void kill_point(void *self, const char *point)
{
    static const char *const names[] = {"queued", "prefill", "decode"};
    for (int i = 0; i < 3; i++) w->points[i] += strcmp(point, names[i]) == 0;
}

static enum pl_handler_fault fault(void *self, const char *actor, const struct pl_msg *m)
{
    if (!w->crash || strcmp(actor, w->crash) != 0 || --w->crash_after > 0) return PL_HANDLER_SOUND;
    w->crash_after = w->crash_each + (w->crash_each > 1 ? (uint32_t)draw_random(NULL) % w->crash_each : 0);
    if (!w->crash_each) w->crash = NULL;
    return PL_HANDLER_FAILS_AFTER;
}

static void start_world(int codec, const struct pl_actor_class *client_class)
{
    static struct pl_log silent = {.fd = -1};
    struct pl_node_opts o = {.name = "service", .log = &silent, .codec_always = codec != 0};
    struct pl_err err = {0};
    o.world = (struct pl_world){.now_ms = now_ms,
                                .wall_ms = now_ms,
                                .random = draw_random,
                                .kill_point = kill_point,
                                .handler_fault = fault};
    w->batcher.vocab = w->vocab;
    ck_assert_int_eq(pl_node_create(&o, &w->node, &err), 0);
    ck_assert_int_eq(pl_node_add(w->node, client_class, NULL, NULL, &err), 0);
    ck_assert_int_eq(pl_node_add(w->node, &pl_batcher_class, NULL, &w->batcher, &err), 0);
    ck_assert_int_eq(pl_node_add(w->node, &checker, NULL, NULL, &err), 0);
    ck_assert_int_eq(pl_node_listener(w->node, 0, "session", &err), 0);
    ck_assert_int_eq(pl_node_start(w->node, &err), 0);
}

static void prepare(void)
{
    w = calloc(1, sizeof *w);
    w->now = 1000;
    w->random = 1;
    w->slots = 16, w->pages = 128, w->rows = 144;
    w->batcher = (struct pl_batcher_opts){.max_seqs = 16, .queue = 16, .ctx_size = 512, .prefill_chunk = 128};
    ck_assert_int_eq(pl_vocab_create_bytes(&w->vocab, NULL), 0);
}

static void finish(void)
{
    struct pl_node_counts c;
    pl_node_counts(w->node, &c);
    ck_assert_uint_eq(c.sent, c.handled + c.refused + c.dead + c.in_flight);
    pl_node_destroy(&w->node);
    pl_vocab_destroy(&w->vocab);
    free(w);
}

/* Runs what is due until UNTIL_MS of virtual time, or until nothing is. */
static void run_until(uint64_t until_ms)
{
    for (;;) {
        while (pl_node_run(w->node, 1000) > 0) {}
        uint64_t due = pl_node_due_ms(w->node);
        if (due > until_ms) break;
        if (due > w->now) w->now = due;
    }
    if (until_ms != UINT64_MAX - 1 && until_ms > w->now) w->now = until_ms;
}

static void settle(void)
{
    run_until(UINT64_MAX - 1);
}

static void poke(void)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert_int_eq(pl_node_net_frame(w->node, 0, &peer, "x", 1, false), 0);
}

static void add_command(enum command what, uint32_t gen)
{
    w->commands[w->n_commands].what = what;
    w->commands[w->n_commands++].gen = gen;
}

/* A prompt of N ids that begins like all prompts of its SORT. */
static struct ask *ask(uint32_t gen, uint32_t sort, uint32_t n, uint32_t max_tokens)
{
    struct ask *k = &w->asks[gen];
    for (uint32_t i = 0; i < n && i < IDS; i++) k->ids[i] = 10 + (sort * 31 + i * (sort + 1)) % 200;
    k->n_ids = n;
    k->max_tokens = max_tokens;
    k->seed = sort;
    k->submitted = true;
    add_command(SUBMIT, gen);
    return k;
}

/* What the executor would draw, computed from the ids alone. */
static uint32_t reference(const struct ask *k, uint32_t *out)
{
    uint64_t h = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->n_ids; i++) h = extend(h, k->ids[i]);
    while (n < k->max_tokens && k->n_ids + n < w->batcher.ctx_size) {
        out[n] = draw(h, k->seed);
        if (out[n++] == END) break;
        h = extend(h, out[n - 1]);
    }
    return n;
}

static void check_beginning(const struct ask *k)
{
    uint32_t want[IDS], n = reference(k, want);
    ck_assert_uint_le(k->n_got, n);
    ck_assert_mem_eq(k->got, want, k->n_got * sizeof *want);
}

static void check_whole(const struct ask *k)
{
    uint32_t want[IDS], n = reference(k, want);
    check_beginning(k);
    ck_assert_uint_eq(k->n_got, n);
    ck_assert_uint_eq(k->n_done, 1);
    ck_assert_int_eq(k->reason, want[n - 1] == END ? PL_GEN_DONE_REASON_STOP : PL_GEN_DONE_REASON_LENGTH);
    ck_assert_uint_eq(k->code, 0);
}

static void check_all(void)
{
    for (int i = 0; i < ASKS; i++)
        if (w->asks[i].submitted) check_whole(&w->asks[i]);
}

static void check_failed(const struct ask *k, enum pl_gen_done_reason reason, uint32_t code)
{
    ck_assert_uint_eq(k->n_done, 1);
    ck_assert_int_eq(k->reason, reason);
    ck_assert_uint_eq(k->code, code);
}

static uint64_t metric(const char *name)
{
    return (uint64_t)pl_metrics_counter(pl_node_metrics(w->node), name, "", NULL)->value;
}

/* Tests. */

START_TEST(an_answer_is_what_the_model_draws)
{
    start_world(_i, &client);
    for (uint32_t i = 0; i < 8; i++) {
        ask(i, i, 1 + i * 29, 100);
        poke();
        settle();
    }
    check_all();
    ck_assert_uint_eq(w->points[0], 8);
    ck_assert_uint_ge(w->points[1], 8);
    ck_assert_uint_ge(w->points[2], 8);
    finish();
}
END_TEST

START_TEST(sixteen_together_equal_each_alone)
{
    start_world(_i, &client);
    for (uint32_t i = 0; i < 16; i++) ask(i, i, 3 + i, 80);
    poke();
    settle();
    check_all();
    uint32_t full = 0;
    for (uint32_t i = 0; i < w->n_steps; i++) full += w->steps[i].decode == 16;
    ck_assert_uint_gt(full, 0);
    finish();
}
END_TEST

START_TEST(arrivals_of_one_instant_join_one_step)
{
    start_world(_i, &client);
    settle();
    for (uint32_t i = 0; i < 16; i++) ask(i, i, 4, 5);
    poke();
    settle();
    check_all();
    ck_assert_uint_eq(w->steps[0].seqs, 16);
    finish();
}
END_TEST

START_TEST(a_long_prompt_does_not_stop_those_that_decode)
{
    w->batcher.prefill_chunk = 16;
    start_world(_i, &client);
    ask(0, 1, 3, 60);
    poke();
    w->step_ms = 10;
    run_until(w->now + 25);
    uint32_t before = w->asks[0].n_got;
    ask(1, 2, 400, 5);
    poke();
    run_until(w->now + 100);
    ck_assert_uint_eq(w->asks[1].n_got, 0);
    ck_assert_uint_ge(w->asks[0].n_got, before + 9);
    for (uint32_t i = 0; i < w->n_steps; i++) ck_assert_uint_le(w->steps[i].rows, 16 + 1);
    settle();
    check_all();
    finish();
}
END_TEST

START_TEST(those_who_wait_begin_in_order)
{
    start_world(_i, &client);
    w->step_ms = 1;
    for (uint32_t i = 0; i < 32; i++) ask(i, 100 + i, 5, 200), w->asks[i].ids[0] = 10;
    poke();
    settle();
    for (uint32_t i = 0; i < 32; i++) ck_assert_uint_eq(w->asks[i].place, i + 1);
    check_all();
    finish();
}
END_TEST

START_TEST(one_more_than_slots_and_queue_is_refused)
{
    start_world(_i, &client);
    for (uint32_t i = 0; i < 33; i++) ask(i, i, 5, 20);
    poke();
    settle();
    w->asks[32].submitted = false;
    check_failed(&w->asks[32], PL_GEN_DONE_REASON_ERROR, PL_E_OVERLOADED);
    check_all();
    finish();
}
END_TEST

START_TEST(a_prompt_that_fills_the_context_is_refused)
{
    start_world(_i, &client);
    ask(0, 1, 512, 20);
    ask(1, 1, 511, 20);
    ask(2, 1, 0, 20);
    ask(3, 1, 5, 20);
    w->asks[3].ids[4] = 259;
    poke();
    settle();
    check_failed(&w->asks[0], PL_GEN_DONE_REASON_ERROR, PL_E_CONTEXT_LENGTH_EXCEEDED);
    check_failed(&w->asks[2], PL_GEN_DONE_REASON_ERROR, PL_E_INVALID);
    check_failed(&w->asks[3], PL_GEN_DONE_REASON_ERROR, PL_E_INVALID);
    check_whole(&w->asks[1]);
    ck_assert_uint_eq(w->asks[1].n_got, 1);
    finish();
}
END_TEST

START_TEST(a_full_context_ends_with_length)
{
    start_world(_i, &client);
    for (uint32_t i = 0; i < 8; i++) ask(i, i, 480, 400);
    poke();
    settle();
    check_all();
    finish();
}
END_TEST

START_TEST(a_cancellation_is_answered_once_and_ends_the_text)
{
    start_world(_i, &client);
    w->step_ms = 10;
    for (uint32_t i = 0; i < 20; i++) ask(i, i, 30, 200);
    poke();
    run_until(w->now + 45);
    for (uint32_t i = 0; i < 20; i += 2) add_command(CANCEL, i); /* 16, 18: waiting; the others: in a step */
    add_command(CANCEL, 200);
    poke();
    settle();
    for (uint32_t i = 0; i < 20; i++) {
        if (i % 2)
            check_whole(&w->asks[i]);
        else if (w->asks[i].reason == PL_GEN_DONE_REASON_CANCELLED)
            check_beginning(&w->asks[i]);
        else
            check_whole(&w->asks[i]);
    }
    check_failed(&w->asks[16], PL_GEN_DONE_REASON_CANCELLED, PL_E_CANCELLED);
    ck_assert_uint_eq(w->asks[16].n_got, 0);
    ck_assert_uint_eq(w->asks[200].n_done, 0);
    finish();
}
END_TEST

START_TEST(a_cancellation_that_overtakes_its_submit_counts)
{
    start_world(_i, &client);
    settle();
    ask(0, 1, 30, 20);
    ask(1, 2, 30, 20);
    add_command(CANCEL, 0); /* by the system lane: handled first */
    poke();
    settle();
    check_failed(&w->asks[0], PL_GEN_DONE_REASON_CANCELLED, PL_E_CANCELLED);
    ck_assert_uint_eq(w->asks[0].n_got, 0);
    check_whole(&w->asks[1]);
    finish();
}
END_TEST

START_TEST(a_deadline_ends_those_that_wait_and_those_that_run)
{
    start_world(_i, &client);
    w->step_ms = 10;
    for (uint32_t i = 0; i < 17; i++) ask(i, i + 300, 30, 300)->budget_ms = i % 2 ? 0 : 55;
    poke();
    uint64_t begun = w->now;
    settle();
    for (uint32_t i = 0; i < 17; i++) {
        struct ask *k = &w->asks[i];
        if (k->reason != PL_GEN_DONE_REASON_DEADLINE) {
            check_whole(k);
            continue;
        }
        check_failed(k, PL_GEN_DONE_REASON_DEADLINE, PL_E_DEADLINE_EXCEEDED);
        check_beginning(k);
        ck_assert_uint_eq(i % 2, 0);
        ck_assert_uint_eq(k->done_ms, begun + 55); /* between two steps, not at the end of one */
    }
    ck_assert_int_eq(w->asks[16].reason, PL_GEN_DONE_REASON_DEADLINE);
    finish();
}
END_TEST

START_TEST(a_deadline_holds_while_the_executor_is_silent)
{
    start_world(_i, &client);
    w->absent = true;
    ask(0, 1, 30, 300)->budget_ms = 70;
    ask(1, 1, 30, 300)->budget_ms = 90;
    poke();
    uint64_t begun = w->now;
    settle();
    ck_assert_uint_eq(w->asks[0].done_ms, begun + 70);
    ck_assert_uint_eq(w->asks[1].done_ms, begun + 90);
    finish();
}
END_TEST

START_TEST(few_pages_give_the_same_texts_as_many)
{
    w->pages = 8; /* one full context */
    w->batcher.max_seqs = 8;
    start_world(_i, &client);
    for (uint32_t i = 0; i < 16; i++) ask(i, i, 20 + i * 11, 250);
    poke();
    settle();
    check_all();
    ck_assert_uint_gt(metric("parlance_preemptions_total"), 3);
    finish();
}
END_TEST

START_TEST(a_crash_of_the_executor_does_not_change_a_text)
{
    start_world(_i, &client);
    w->step_ms = _i ? 3 : 0;
    w->crash = "executor";
    w->crash_after = 9;
    w->crash_each = 7;
    for (uint32_t i = 0; i < 16; i++) ask(i, i, 5 + i * 9, 40);
    poke();
    settle();
    check_all();
    ck_assert_uint_gt(w->n_starts, 4);
    finish();
}
END_TEST

START_TEST(a_refused_step_is_tried_again_once)
{
    start_world(_i, &client);
    w->refuse = 1;
    for (uint32_t i = 0; i < 4; i++) ask(i, i, 30, 40);
    poke();
    settle();
    check_all();
    w->refuse = 2;
    for (uint32_t i = 4; i < 6; i++) ask(i, i, 30, 40);
    poke();
    settle();
    for (uint32_t i = 4; i < 6; i++) {
        check_failed(&w->asks[i], PL_GEN_DONE_REASON_ERROR, PL_E_INVALID);
        w->asks[i].submitted = false;
    }
    ask(6, 6, 30, 40);
    poke();
    settle();
    check_all();
    finish();
}
END_TEST

START_TEST(what_is_refused_again_and_again_ends_alone)
{
    start_world(_i, &client);
    ask(0, 1, 30, 30);
    poke();
    settle();
    ask(1, 2, 30, 30)->ids[0] = POISON;
    poke();
    settle();
    ask(2, 3, 30, 30);
    poke();
    settle();
    check_failed(&w->asks[1], PL_GEN_DONE_REASON_ERROR, PL_E_INVALID);
    w->asks[1].submitted = false;
    check_all();
    finish();
}
END_TEST

START_TEST(under_whom_the_executor_always_dies_ends)
{
    start_world(_i, &client);
    settle();
    w->crash = "executor";
    w->crash_after = w->crash_each = 1;
    ask(0, 1, 30, 30);
    poke();
    settle();
    check_failed(&w->asks[0], PL_GEN_DONE_REASON_ERROR, PL_E_UNAVAILABLE);
    finish();
}
END_TEST

START_TEST(a_numeric_error_ends_one_sequence_only)
{
    start_world(_i, &client);
    for (uint32_t i = 0; i < 8; i++) ask(i, i, 18, 60);
    w->asks[3].ids[0] = NAN_ID;
    poke();
    settle();
    check_failed(&w->asks[3], PL_GEN_DONE_REASON_ERROR, PL_E_NUMERIC_ERROR);
    check_beginning(&w->asks[3]);
    ck_assert_uint_gt(w->asks[3].n_got, 0);
    w->asks[3].submitted = false;
    check_all();
    finish();
}
END_TEST

START_TEST(the_next_turn_finds_the_last_one_in_the_cache)
{
    start_world(_i, &client);
    struct ask *first = ask(0, 5, 100, 30), *second;
    poke();
    settle();
    check_all();
    ck_assert_uint_eq(first->cached, 0);
    second = ask(1, 5, 100, 30);
    memcpy(second->ids + 100, first->got, first->n_got * sizeof *first->got);
    second->n_ids += first->n_got;
    for (uint32_t i = 0; i < 20; i++) second->ids[second->n_ids++] = 40 + i;
    poke();
    settle();
    check_all();
    ck_assert_uint_eq(second->cached, 100 + first->n_got - 1); /* the last id was drawn and never run */
    ck_assert_uint_eq(metric("parlance_cached_tokens_total"), second->cached);
    ck_assert_uint_eq(metric("parlance_prompt_tokens_total"), first->n_ids + second->n_ids);
    ck_assert_uint_eq(metric("parlance_generation_tokens_total"), first->n_got + second->n_got);
    finish();
}
END_TEST

START_TEST(equal_beginnings_that_came_together_are_run_once)
{
    start_world(_i, &client);
    for (uint32_t i = 0; i < 12; i++) {
        ask(i, 9, 210, 10);
        w->asks[i].ids[200] = 100 + i; /* the first 200 ids are a common system prompt */
    }
    poke();
    settle();
    check_all();
    for (uint32_t i = 2; i < 12; i++) ck_assert_uint_ge(w->asks[i].cached, 192);
    finish();
}
END_TEST

START_TEST(a_restarted_batcher_takes_no_answer_to_an_older_step)
{
    start_world(_i, &client);
    w->step_ms = 100;
    ask(0, 1, 30, 30);
    poke();
    run_until(w->now + 20);
    w->crash = "batcher";
    w->crash_after = 1;
    ask(1, 2, 30, 30);
    poke();
    run_until(w->now + 60); /* it died while a step was under way; both are forgotten */
    w->step_ms = 0;
    ask(2, 3, 30, 30);
    poke();
    settle();
    ck_assert_uint_eq(w->asks[0].n_got + w->asks[1].n_got, 0);
    check_whole(&w->asks[2]);
    finish();
}
END_TEST

START_TEST(a_client_that_restarts_is_owed_nothing)
{
    start_world(_i, &client);
    w->step_ms = 10;
    ask(0, 1, 30, 300);
    poke();
    run_until(w->now + 15);
    w->crash = "session";
    w->crash_after = 1;
    poke();
    settle();
    uint32_t steps = w->n_steps;
    ck_assert_uint_lt(steps, 10);
    memset(&w->asks[0], 0, sizeof w->asks[0]);
    ask(0, 2, 30, 20);
    poke();
    settle();
    check_all();
    finish();
}
END_TEST

START_TEST(a_client_whose_mailbox_is_full_is_told_by_the_system_lane)
{
    start_world(_i, &narrow_client);
    for (uint32_t i = 0; i < 8; i++) ask(i, i, 10, 50);
    poke();
    settle();
    uint32_t whole = 0;
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(w->asks[i].n_done, 1);
        if (w->asks[i].reason == PL_GEN_DONE_REASON_ERROR)
            ck_assert_uint_eq(w->asks[i].code, PL_E_OVERLOADED);
        else
            check_whole(&w->asks[i]), whole++;
    }
    ck_assert_uint_ge(whole, 1);
    ck_assert_uint_lt(whole, 8);
    finish();
}
END_TEST

static bool has_line(const char *text, const char *line)
{
    return strstr(text, line) != NULL;
}

START_TEST(the_metrics_tell_of_batches)
{
    struct pl_buf text = {0};
    start_world(_i, &client);
    w->step_ms = 20;
    for (uint32_t i = 0; i < 16; i++) ask(i, i, 4, 30);
    poke();
    settle();
    pl_metrics_write(pl_node_metrics(w->node), &text);
    pl_buf_write(&text, "", 1);
    const char *t = (const char *)text.data;
    uint32_t decode = 0;
    for (uint32_t i = 0; i < w->n_steps; i++) decode += w->steps[i].decode > 0;
    ck_assert_uint_eq(metric("parlance_decode_steps_total"), decode);
    ck_assert(has_line(t, "parlance_decode_batch_size_bucket{le=\"11\"}"));
    ck_assert(has_line(t, "parlance_time_to_first_token_seconds_count 16"));
    ck_assert(has_line(t, "parlance_step_duration_seconds_bucket{le=\"0.01\"} 0"));
    ck_assert(has_line(t, "parlance_requests_running 0"));
    ck_assert(has_line(t, "parlance_requests_waiting 0"));
    ck_assert(has_line(t, "parlance_kv_cache_usage_ratio 0"));
    pl_buf_finish(&text);
    finish();
}
END_TEST

/* All at once, with few pages: whatever happens, each is answered once, and what is answered is the model's.
 */
static void disorder(uint64_t seed)
{
    uint32_t gen = 0;
    w->random = seed;
    w->step_ms = 5;
    w->crash = "executor";
    w->crash_after = w->crash_each = 40;
    while (gen < 200) {
        uint32_t n = (uint32_t)(draw_random(NULL) % 6);
        for (uint32_t i = 0; i < n && gen < 200; i++, gen++) {
            struct ask *k =
                ask(gen, (uint32_t)(draw_random(NULL) % 5), 1 + (uint32_t)(draw_random(NULL) % 300), 60);
            if (draw_random(NULL) % 4 == 0) k->budget_ms = 1 + draw_random(NULL) % 200;
        }
        if (gen && draw_random(NULL) % 2) add_command(CANCEL, (uint32_t)(draw_random(NULL) % gen));
        poke();
        run_until(w->now + draw_random(NULL) % 60);
    }
    settle();
}

START_TEST(disorder_answers_each_once_and_truly)
{
    uint64_t seed = pl_test_seed(11 + (uint64_t)_i);
    uint32_t reasons[5] = {0};
    w->pages = 10;
    w->batcher.max_seqs = 6;
    start_world(_i % 2, &client);
    disorder(seed);
    for (uint32_t i = 0; i < 200; i++) {
        struct ask *k = &w->asks[i];
        check_beginning(k);
        /* A submit whose deadline passed in the mailbox of a failed actor never reaches the batcher. */
        ck_assert_uint_eq(k->n_done, 1);
        reasons[k->reason]++;
        if (k->reason <= PL_GEN_DONE_REASON_LENGTH) check_whole(k);
        if (k->reason == PL_GEN_DONE_REASON_ERROR) ck_assert_uint_eq(k->code, PL_E_OVERLOADED);
    }
    ck_assert_uint_gt(reasons[PL_GEN_DONE_REASON_STOP], 5);
    ck_assert_uint_gt(reasons[PL_GEN_DONE_REASON_LENGTH], 5);
    ck_assert_uint_gt(reasons[PL_GEN_DONE_REASON_DEADLINE], 2);
    finish();
}
END_TEST

#define BOTH(fn) tcase_add_loop_test(tc, (fn), 0, 2)

static Suite *batcher(void)
{
    Suite *s = suite_create("batcher");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, prepare, NULL);
    BOTH(an_answer_is_what_the_model_draws);
    BOTH(sixteen_together_equal_each_alone);
    BOTH(arrivals_of_one_instant_join_one_step);
    BOTH(a_long_prompt_does_not_stop_those_that_decode);
    BOTH(those_who_wait_begin_in_order);
    BOTH(one_more_than_slots_and_queue_is_refused);
    BOTH(a_prompt_that_fills_the_context_is_refused);
    BOTH(a_full_context_ends_with_length);
    BOTH(a_cancellation_is_answered_once_and_ends_the_text);
    BOTH(a_cancellation_that_overtakes_its_submit_counts);
    BOTH(a_deadline_ends_those_that_wait_and_those_that_run);
    BOTH(a_deadline_holds_while_the_executor_is_silent);
    BOTH(few_pages_give_the_same_texts_as_many);
    BOTH(a_crash_of_the_executor_does_not_change_a_text);
    BOTH(a_refused_step_is_tried_again_once);
    BOTH(what_is_refused_again_and_again_ends_alone);
    BOTH(under_whom_the_executor_always_dies_ends);
    BOTH(a_numeric_error_ends_one_sequence_only);
    BOTH(the_next_turn_finds_the_last_one_in_the_cache);
    BOTH(equal_beginnings_that_came_together_are_run_once);
    BOTH(a_restarted_batcher_takes_no_answer_to_an_older_step);
    BOTH(a_client_that_restarts_is_owed_nothing);
    BOTH(a_client_whose_mailbox_is_full_is_told_by_the_system_lane);
    BOTH(the_metrics_tell_of_batches);
    tcase_add_loop_test(tc, disorder_answers_each_once_and_truly, 0, 8);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(batcher)
