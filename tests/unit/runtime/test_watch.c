#include "runtime/watch.h"

#include "runtime/letters.h"
#include "runtime/work.h"
#include "schemas/gen/admin.h"
#include "schemas/gen/chat.h"
#include "tests/unit/runtime/node_world.h"

/* ---- how handlers' times are counted ---- */

START_TEST(quantiles_are_exact_to_a_quarter)
{
    static const struct pl__spread none;
    for (uint64_t us = 0; us < 3000000; us = us * 5 / 4 + 1) {
        struct pl__spread s = {{0}};
        pl__spread_add(&s, us);
        uint64_t got = pl__spread_at(&s, &none, 0.5);
        ck_assert_uint_ge(got, us);
        ck_assert_uint_le(got, us + us / 4);
    }
    struct pl__spread s = {{0}};
    for (int i = 0; i < 99; i++) pl__spread_add(&s, 3);
    pl__spread_add(&s, 1000);
    ck_assert_uint_eq(pl__spread_at(&s, &none, 0.5), 3);
    ck_assert_uint_eq(pl__spread_at(&s, &none, 0.99), 3);
    ck_assert_uint_ge(pl__spread_at(&s, &none, 0.999), 1000);
    ck_assert_uint_eq(pl__spread_at(&none, &none, 0.5), 0);
}
END_TEST

START_TEST(old_times_are_forgotten)
{
    struct pl__work w = {0};
    pl__work_wait(&w, 1, 100000);
    pl__work_wait(&w, PL__WORK_WINDOW_US + 1, 3);
    ck_assert_uint_ge(pl__spread_at(&w.wait[0], &w.wait[1], 1), 100000);
    pl__work_wait(&w, 2 * PL__WORK_WINDOW_US + 2, 3);
    ck_assert_uint_eq(pl__spread_at(&w.wait[0], &w.wait[1], 1), 3);
}
END_TEST

static uint64_t slow_us;

static uint64_t now_us(void *self)
{
    return net.now_ms * 1000;
}

static int take_time(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    net.now_ms += slow_us / 1000;
    return 0;
}

static struct pl_node *node_with_clock(void)
{
    struct pl_node_opts o = {.name = "service", .world = {.now_ms = now_ms, .now_us = now_us}};
    net.now_ms = 1000;
    ck_assert_int_eq(pl_node_create(&o, &net.nodes[0], NULL), 0);
    return net.nodes[0];
}

static double metric(struct pl_node *n, const char *name)
{
    return pl_metrics_counter(pl_node_metrics(n), name, "", "actor=\"slow\"")->value;
}

/* One handler for each time in ms; the last two lines are what an actor that may block is counted for. */
START_TEST(slow_handlers_are_counted_but_not_those_that_may_block)
{
    static const struct {
        uint64_t us;
        bool may_block;
        double slow, stalls;
    } cases[] = {{4000, false, 0, 0},
                 {5000, false, 1, 0},
                 {49000, false, 1, 0},
                 {50000, false, 1, 1},
                 {50000, true, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct host h = {.script = take_time};
        struct pl_actor_class cls = host_class;
        cls.may_block = cases[i].may_block;
        struct pl_node *n = node_with_clock();
        add_class(n, &cls, "slow", &h);
        listen_as(n, "slow");
        start(n);
        slow_us = cases[i].us;
        poke(n);
        settle();
        ck_assert_double_eq(metric(n, "parlance_actor_slow_handlers_total"), cases[i].slow);
        ck_assert_double_eq(metric(n, "parlance_actor_stalls_total"), cases[i].stalls);
        ck_assert_double_eq(metric(n, "parlance_actor_messages_total"), 1);
        ck_assert_double_eq_tol(metric(n, "parlance_actor_busy_seconds_total"), (double)slow_us / 1e6, 1e-9);
        end();
    }
}
END_TEST

/* ---- dead letters ---- */

static struct pl_msg *letter(size_t bytes)
{
    PL_NEW(m, f, net_frame);
    void *zeros = calloc(1, bytes + 1);
    f->bytes = pl_msg_bin(m, zeros, bytes);
    m->env.to = pl_msg_str(m, PL_STR("someone"));
    m->deadline_ms = 5;
    free(zeros);
    return m;
}

static void add_letter(struct pl__letters *l, size_t bytes)
{
    struct pl_msg *m = letter(bytes);
    pl__letters_add(l, m, PL_E_GONE, 7);
    pl_msg_unref(&m);
}

START_TEST(the_newest_letters_are_remembered)
{
    struct pl__letters l;
    pl__letters_init(&l, 4, 1 << 20);
    ck_assert_uint_eq(pl__letters_first(&l), 0);
    for (int i = 0; i < 6; i++) add_letter(&l, 10);
    ck_assert_uint_eq(l.newest, 6);
    ck_assert_uint_eq(pl__letters_first(&l), 3);
    ck_assert_ptr_null(pl__letters_find(&l, 2));
    ck_assert_ptr_null(pl__letters_find(&l, 7));
    ck_assert_str_eq(pl__letters_find(&l, 3)->to, "someone");
    pl__letters_finish(&l);
}
END_TEST

START_TEST(messages_of_letters_stay_within_their_bytes)
{
    struct pl__letters l;
    pl__letters_init(&l, 64, 100000);
    for (int i = 0; i < 40; i++) {
        add_letter(&l, 15000);
        ck_assert_uint_le(l.bytes, 100000);
    }
    ck_assert_ptr_null(pl__letters_find(&l, 1)->m);
    ck_assert_ptr_nonnull(pl__letters_find(&l, 40)->m);
    add_letter(&l, 30000); /* more than a quarter of the room */
    ck_assert_ptr_null(pl__letters_find(&l, 41)->m);
    ck_assert_ptr_nonnull(pl__letters_find(&l, 40)->m);
    pl__letters_finish(&l);
    ck_assert_uint_eq(l.bytes, 0);
}
END_TEST

START_TEST(a_letter_is_replayed_once_and_without_its_deadline)
{
    struct pl__letters l;
    struct pl_err err = {0};
    struct pl_msg *m = NULL;
    pl__letters_init(&l, 4, 100000);
    add_letter(&l, 10);
    add_letter(&l, 30000);
    ck_assert_int_eq(pl__letters_replay(&l, 1, &m, &err), 0);
    ck_assert_uint_eq(m->deadline_ms, PL_NO_DEADLINE);
    ck_assert_uint_eq(PL_BODY(m, net_frame)->bytes.len, 10);
    pl_msg_unref(&m);
    ck_assert_int_eq(pl__letters_replay(&l, 1, &m, &err), -PL_E_CONFLICT);
    ck_assert_int_eq(pl__letters_replay(&l, 2, &m, &err), -PL_E_GONE);
    ck_assert_int_eq(pl__letters_replay(&l, 3, &m, &err), -PL_E_NOT_FOUND);
    ck_assert_ptr_null(m);
    pl__letters_finish(&l);
}
END_TEST

/* ---- the actor, over two nodes ---- */

static struct pl_msg *heard[16];
static uint32_t heard_count;
static struct pl_msg *question; /* of the asker, when it is poked */

static int ask_watch(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) {
        heard[heard_count++] = pl_msg_copy(m);
        return 0;
    }
    question->env.correlation = pl_msg_str(question, PL_STR("mine"));
    pl_send_to(self, "watch", &question);
    return 0;
}

static const struct pl_msg *ask(struct pl_node *hub, struct pl_msg *q)
{
    question = q;
    uint32_t before = heard_count;
    poke(hub);
    settle();
    return heard_count > before ? heard[heard_count - 1] : NULL;
}

static void forget_heard(void)
{
    while (heard_count) pl_msg_unref(&heard[--heard_count]);
}

static int fail_once(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    return h->count == 1 && PL_BODY(m, store_written) ? -PL_E_INTERNAL : 0;
}

/* A store that records acts, or cannot. */
static bool recording;
static uint32_t recorded;

static int record_act(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    const struct pl_audit_add *a = PL_BODY(m, audit_add);
    if (!a || !recording) return a ? PL_UNHANDLED : 0;
    recorded++;
    PL_NEW(reply, b, audit_added);
    b->token = a->token;
    pl_reply(self, m, &reply);
    return 0;
}

static struct host asker, worker, keeper;

/* A hub with the asker, a leaf "far" with a worker that fails on its first message. */
static struct pl_node *two_nodes(struct pl_node **leaf)
{
    asker = (struct host){.script = ask_watch};
    worker = (struct host){.script = fail_once};
    struct pl_node *hub = node_at(0, "service", NULL, 0, false);
    *leaf = node_at(1, "far", "service", 1, false);
    net.now_ms = 1000;
    ck_assert_int_eq(pl_node_place(hub, "echo", "far", NULL), 0);
    ck_assert_int_eq(pl_watch_add(hub, NULL), 0);
    add(hub, "asker", &asker);
    keeper = (struct host){.script = record_act};
    recording = true;
    recorded = 0;
    add(hub, "store", &keeper);
    listen_as(hub, "asker");
    add(*leaf, "echo", &worker);
    ck_assert_int_eq(pl_watch_add(*leaf, NULL), 0);
    start(hub);
    start(*leaf);
    pl_node_link_up(*leaf, "service");
    settle();
    return hub;
}

static const struct pl_actor_row *row_of(const struct pl_node_state *s, const char *actor)
{
    for (uint32_t i = 0; i < s->actors_count; i++)
        if (pl_str_is(s->actors[i].actor, actor)) return &s->actors[i];
    ck_abort_msg("no row of %s", actor);
}

START_TEST(top_tells_of_all_nodes)
{
    struct pl_node *leaf, *hub = two_nodes(&leaf);
    const struct pl_msg *m = ask(hub, pl_msg_create(&pl_node_top_type));
    ck_assert_ptr_nonnull(m);
    ck_assert(pl_str_is(m->env.correlation, "mine"));
    const struct pl_node_state *s = PL_BODY(m, node_state);
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(s->nodes_count, 2);
    ck_assert(pl_str_is(s->nodes[0].node, "service") && s->nodes[0].up);
    ck_assert(pl_str_is(s->nodes[1].node, "far") && s->nodes[1].up);
    ck_assert(pl_str_is(row_of(s, "echo")->node, "far"));
    ck_assert_uint_eq(row_of(s, "echo")->limit, 8);
    ck_assert_uint_eq(row_of(s, "asker")->state, PL_ACTOR_ROW_STATE_UP);
    ck_assert_uint_gt(s->figures_count, 10);
    ck_assert_int_eq(pl_node_state_type.validate(s, NULL), 0);
    forget_heard();
}
END_TEST

START_TEST(a_node_that_says_nothing_is_listed_as_not_up)
{
    struct pl_node *leaf, *hub = two_nodes(&leaf);
    net.deaf[1] = true;
    ck_assert_ptr_null(ask(hub, pl_msg_create(&pl_node_top_type)));
    net.now_ms += 500;
    settle();
    ck_assert_uint_eq(heard_count, 1);
    const struct pl_node_state *s = PL_BODY(heard[0], node_state);
    ck_assert_uint_eq(s->nodes_count, 2);
    ck_assert(!s->nodes[1].up && pl_str_is(s->nodes[1].node, "far"));
    net.deaf[1] = false;
    settle(); /* its late answer finds nobody */
    ck_assert_uint_eq(heard_count, 1);
    forget_heard();
}
END_TEST

START_TEST(a_fifth_question_ends_the_oldest)
{
    struct pl_node *leaf, *hub = two_nodes(&leaf);
    net.deaf[1] = true;
    for (int i = 0; i < 4; i++) ck_assert_ptr_null(ask(hub, pl_msg_create(&pl_node_top_type)));
    ck_assert_ptr_nonnull(ask(hub, pl_msg_create(&pl_node_top_type)));
    net.now_ms += 500;
    settle();
    ck_assert_uint_eq(heard_count, 5);
    forget_heard();
}
END_TEST

static int send_to_echo(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (PL_BODY(m, net_frame)) send_token(self, "echo", 5);
    return 0;
}

static const struct pl_letters_listed *letters_of(struct pl_node *hub)
{
    const struct pl_msg *m = ask(hub, pl_msg_create(&pl_letters_list_type));
    ck_assert_ptr_nonnull(m);
    return PL_BODY(m, letters_listed);
}

static const struct pl_msg *replay(struct pl_node *hub, const char *name)
{
    PL_NEW(q, b, letters_replay);
    b->letter = pl_msg_str(q, pl_str_of(name));
    return ask(hub, q);
}

static const struct pl_chat_error *error_of(const struct pl_msg *m)
{
    return PL_BODY(m, chat_error);
}

START_TEST(a_message_that_a_handler_failed_on_is_a_letter_and_comes_again_by_hand)
{
    struct pl_node *leaf, *hub = two_nodes(&leaf);
    asker.script = send_to_echo;
    poke(hub);
    settle();
    net.now_ms += 1000; /* the worker is restarted */
    settle();
    asker.script = ask_watch;
    ck_assert_uint_eq(worker.count, 1);
    const struct pl_letters_listed *l = letters_of(hub);
    ck_assert_uint_eq(l->letters_count, 1);
    ck_assert(pl_str_is(l->letters[0].letter, "far:1") && pl_str_is(l->letters[0].cause, "unavailable"));
    ck_assert(pl_str_is(l->letters[0].from, "asker") && pl_str_is(l->letters[0].to, "echo"));
    ck_assert(l->letters[0].kept && !l->letters[0].replayed);
    recording = false;
    const struct pl_chat_error *e = error_of(replay(hub, "far:1"));
    ck_assert(e && pl_str_is(e->field, "audit"));
    ck_assert_uint_eq(worker.count, 1); /* what cannot be recorded is not done */
    recording = true;
    const struct pl_msg *again = replay(hub, "far:1");
    ck_assert_ptr_nonnull(PL_BODY(again, letters_replayed));
    ck_assert_uint_eq(recorded, 2); /* intent and done */
    ck_assert_uint_eq(worker.count, 2);
    ck_assert_uint_eq(worker.seen[1].token, 5);
    l = letters_of(hub); /* beside the line that could not be recorded */
    ck_assert_uint_eq(l->letters_count, 2);
    ck_assert(pl_str_is(l->letters[1].letter, "far:1") && l->letters[1].replayed);
    e = error_of(replay(hub, "far:1"));
    ck_assert(e && pl_str_is(e->code, "conflict"));
    e = error_of(replay(hub, "nowhere:1"));
    ck_assert(e && pl_str_is(e->code, "not_found") && pl_str_is(e->field, "letter"));
    const struct pl_msg *m = ask(hub, pl_msg_create(&pl_node_top_type));
    const struct pl_actor_row *row = row_of(PL_BODY(m, node_state), "echo");
    ck_assert(row->has_last_error && pl_str_is(row->last_error, "internal in store.written"));
    ck_assert_uint_eq(row->restarts, 1);
    forget_heard();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/watch");
    TCase *tc = tcase_create("watch");
    tcase_add_checked_fixture(tc, net_reset, end);
    PL_TEST(tc, quantiles_are_exact_to_a_quarter);
    PL_TEST(tc, old_times_are_forgotten);
    PL_TEST(tc, slow_handlers_are_counted_but_not_those_that_may_block);
    PL_TEST(tc, the_newest_letters_are_remembered);
    PL_TEST(tc, messages_of_letters_stay_within_their_bytes);
    PL_TEST(tc, a_letter_is_replayed_once_and_without_its_deadline);
    PL_TEST(tc, top_tells_of_all_nodes);
    PL_TEST(tc, a_node_that_says_nothing_is_listed_as_not_up);
    PL_TEST(tc, a_fifth_question_ends_the_oldest);
    PL_TEST(tc, a_message_that_a_handler_failed_on_is_a_letter_and_comes_again_by_hand);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
