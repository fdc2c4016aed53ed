/* The simulator: a small service (desk -> ledger on a leaf -> store) under every fault.
 *
 * A peer asks the desk to write a number and asks again until it is answered. The desk sends the number to
 * the ledger, which lives on a leaf and gives it back; then the desk writes it to the store and answers once
 * it is written. */
#include "runtime/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "schemas/gen/types.h"
#include "tests/support/support.h"

enum { PEERS = 3, NUMBERS = 20, PENDING = 256 };

struct pending {
    uint64_t token, number;
    uint8_t peer[32];
    uint32_t peer_len;
};
struct desk {
    uint64_t next_token;
    struct pending pending[PENDING];
};

static bool ack_too_early; /* a planted bug */

static int desk_start(struct pl_actor *self, void *state, const void *arg)
{
    ((struct desk *)state)->next_token = pl_random_u64(self) >> 1;
    return 0;
}

static struct pending *pending_of(struct desk *d, uint64_t token)
{
    struct pending *p = &d->pending[token % PENDING];
    return p->token == token ? p : NULL;
}

static void answer(struct pl_actor *self, struct pending *p)
{
    pl_net_send(self, 1, (struct pl_bin){p->peer, p->peer_len}, false, &p->number, sizeof p->number);
    p->token = 0;
}

static void ask_ledger(struct pl_actor *self, struct desk *d, const struct pl_net_frame *f)
{
    if (f->bytes.len != sizeof(uint64_t)) return;
    uint64_t token = ++d->next_token;
    struct pending *p = &d->pending[token % PENDING];
    *p = (struct pending){.token = token, .peer_len = f->peer.len};
    memcpy(p->peer, f->peer.ptr, f->peer.len);
    memcpy(&p->number, f->bytes.ptr, sizeof p->number);
    PL_NEW(m, w, store_written);
    w->token = token;
    pl_send_to(self, "ledger", &m);
}

static void write_number(struct pl_actor *self, const struct pending *p)
{
    PL_NEW(m, w, store_write);
    w->token = p->token;
    w->ops = pl_msg_alloc(m, sizeof *w->ops);
    w->ops_count = 1;
    pl_store_op_type.init(&w->ops[0]);
    w->ops[0].op = PL_STORE_OP_OP_PUT;
    w->ops[0].family = PL_STR("numbers");
    w->ops[0].key = pl_msg_bin(m, &p->number, sizeof p->number);
    w->ops[0].has_value = true;
    w->ops[0].value = pl_msg_bin(m, "x", 1);
    pl_send_to(self, "store", &m);
}

static int desk_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct desk *d = state;
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (PL_BODY(m, net_frame)) ask_ledger(self, d, m->body);
    struct pending *p = w ? pending_of(d, w->token) : NULL;
    if (!p) return 0;
    bool from_ledger = pl_str_is(m->env.from, "ledger");
    if (from_ledger) write_number(self, p);
    if (!from_ledger || ack_too_early) answer(self, p);
    return 0;
}

static int ledger_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (!w) return 0;
    PL_NEW(r, b, store_written);
    b->token = w->token;
    pl_reply(self, m, &r);
    return 0;
}

static const struct pl_actor_class desk_class = {
    .name = "desk", .state_bytes = sizeof(struct desk), .start = desk_start, .receive = desk_receive};
static const struct pl_actor_class ledger_class = {.name = "ledger", .receive = ledger_receive};

static int build_service(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 100, 1000, 1, 50};
    int rc = pl_node_create(o, out, NULL);
    if (rc == 0) rc = pl_node_add(*out, &pl_sim_store_class, NULL, pl_sim_disk(s), NULL);
    if (rc == 0) rc = pl_node_add(*out, &desk_class, NULL, NULL, NULL);
    if (rc == 0) rc = pl_node_place(*out, "ledger", "leaf", NULL);
    if (rc == 0) rc = pl_node_child(*out, "leaf", &policy, NULL);
    return rc == 0 ? pl_node_listener(*out, 1, "desk", NULL) : rc;
}

static int build_leaf(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    int rc = pl_node_create(o, out, NULL);
    return rc == 0 ? pl_node_add(*out, &ledger_class, NULL, NULL, NULL) : rc;
}

/* ---- a peer that asks until it is answered ---- */

struct asker {
    struct pl_sim_peer *peer;
    uint64_t base;
    bool answered[NUMBERS];
    uint64_t answers;
};

static void asker_receive(struct pl_sim_peer *p, const void *bytes, size_t len, void *arg)
{
    struct asker *a = arg;
    uint64_t number;
    ck_assert_uint_eq(len, sizeof number);
    memcpy(&number, bytes, sizeof number);
    ck_assert(number >= a->base && number < a->base + NUMBERS);
    a->answered[number - a->base] = true;
    a->answers++;
}

static bool finished(const struct asker *a)
{
    for (int i = 0; i < NUMBERS; i++)
        if (!a->answered[i]) return false;
    return true;
}

static void asker_tick(struct pl_sim_peer *p, void *arg)
{
    struct asker *a = arg;
    for (int i = 0; i < NUMBERS; i++) {
        uint64_t number = a->base + (uint64_t)i;
        if (!a->answered[i]) pl_sim_peer_send(p, &number, sizeof number);
    }
    if (!finished(a)) pl_sim_peer_timer(p, 50);
}

struct run {
    struct pl_sim *sim;
    struct asker askers[PEERS];
};

static const double all_faults[PL_FAULT_COUNT] = {
    [PL_FAULT_DROP] = 0.05,         [PL_FAULT_DUPLICATE] = 0.05,    [PL_FAULT_DELAY] = 0.05,
    [PL_FAULT_REORDER] = 0.2,       [PL_FAULT_PEER_RESTART] = 0.01, [PL_FAULT_ACTOR_CRASH] = 0.005,
    [PL_FAULT_CHILD_CRASH] = 0.005, [PL_FAULT_NODE_CRASH] = 0.005,  [PL_FAULT_WRITE_FAILED] = 0.05,
    [PL_FAULT_SLOW_COMMIT] = 0.1,   [PL_FAULT_PARTITION] = 0.005,   [PL_FAULT_HALF_OPEN] = 0.005,
    [PL_FAULT_CLOCK_JUMP] = 0.005,  [PL_FAULT_PAUSE] = 0.0005,      [PL_FAULT_WRITE_DOUBTFUL] = 0.02,
    [PL_FAULT_DISK_FULL] = 0.01};

static void begin_with(struct run *r, const struct pl_sim_opts *o)
{
    memset(r, 0, sizeof *r);
    ck_assert_int_eq(pl_sim_create(o, &r->sim, NULL), 0);
    ck_assert_int_eq(pl_sim_node(r->sim, "service", NULL, build_service, NULL, NULL), 0);
    ck_assert_int_eq(pl_sim_node(r->sim, "leaf", "service", build_leaf, NULL, NULL), 0);
    for (int i = 0; i < PEERS; i++) {
        struct asker *a = &r->askers[i];
        a->base = (uint64_t)(i + 1) * 1000;
        a->peer = pl_sim_peer(r->sim, 1, asker_receive, asker_tick, a);
        pl_sim_peer_timer(a->peer, 1);
    }
}

static void begin(struct run *r, uint64_t seed, const double *faults)
{
    struct pl_sim_opts o = {.seed = seed};
    if (faults) memcpy(o.probability, faults, sizeof o.probability);
    begin_with(r, &o);
}

static void remove_row(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct run *r = arg;
    uint64_t number;
    memcpy(&number, key.ptr, sizeof number);
    struct asker *a = &r->askers[number / 1000 - 1];
    a->answered[number - a->base] = false;
}

/* How many answers were given for numbers that are not on the disk. */
static size_t lies(const struct run *r)
{
    struct run left = *r;
    size_t n = 0;
    pl_sim_disk_each(pl_sim_disk(r->sim), "numbers", remove_row, &left);
    for (int i = 0; i < PEERS; i++)
        for (int k = 0; k < NUMBERS; k++) n += left.askers[i].answered[k];
    return n;
}

static bool all_finished(const struct run *r)
{
    for (int i = 0; i < PEERS; i++)
        if (!finished(&r->askers[i])) return false;
    return true;
}

START_TEST(without_faults_all_is_answered_once)
{
    struct run r;
    begin(&r, 1, NULL);
    pl_sim_run(r.sim, 1000, 1000000);
    ck_assert(all_finished(&r));
    for (int f = 0; f < PL_FAULT_COUNT; f++)
        ck_assert_uint_eq(pl_sim_fault_count(r.sim, (enum pl_fault)f), 0);
    ck_assert_uint_eq(lies(&r), 0);
    ck_assert_uint_eq(pl_sim_now_ms(r.sim), 1000);
    pl_sim_destroy(&r.sim);
}
END_TEST

START_TEST(acknowledged_is_durable_under_every_fault)
{
    uint64_t seed = pl_test_seed(100), seen[PL_FAULT_COUNT] = {0}, lost[2] = {0};
    for (uint64_t i = 0; i < 60; i++) {
        struct run r;
        begin(&r, seed + i, all_faults);
        for (int step = 0; step < 20; step++) {
            pl_sim_run(r.sim, pl_sim_now_ms(r.sim) + 50, 1000000);
            ck_assert_msg(lies(&r) == 0, "seed %llu", (unsigned long long)(seed + i));
        }
        pl_sim_faults_off(r.sim);
        pl_sim_run(r.sim, pl_sim_now_ms(r.sim) + 60000, 1000000);
        ck_assert_msg(all_finished(&r) && lies(&r) == 0, "seed %llu", (unsigned long long)(seed + i));
        for (int f = 0; f < PL_FAULT_COUNT; f++) seen[f] += pl_sim_fault_count(r.sim, (enum pl_fault)f);
        uint64_t forgotten, torn;
        pl_sim_disk_losses(pl_sim_disk(r.sim), &forgotten, &torn);
        lost[0] += forgotten;
        lost[1] += torn;
        pl_sim_destroy(&r.sim);
    }
    for (int f = 0; f < PL_FAULT_COUNT;
         f++) /* allocations fail only where the allocator is the simulator's */
        ck_assert_msg((seen[f] > 0) == (f != PL_FAULT_NO_MEMORY), "%s", pl_fault_name((enum pl_fault)f));
    ck_assert_uint_gt(lost[0], 0);
    ck_assert_uint_gt(lost[1], 0);
}
END_TEST

START_TEST(answer_before_the_write_is_found)
{
    size_t found = 0;
    ack_too_early = true;
    for (uint64_t seed = 1; seed <= 60 && !found; seed++) {
        struct run r;
        begin(&r, seed, all_faults);
        for (int step = 0; step < 200; step++) {
            pl_sim_run(r.sim, UINT64_MAX, 50);
            found += lies(&r);
        }
        pl_sim_destroy(&r.sim);
    }
    ack_too_early = false;
    ck_assert_uint_gt(found, 0);
}
END_TEST

static uint64_t trace_of(uint64_t seed)
{
    struct run r;
    begin(&r, seed, all_faults);
    pl_sim_run(r.sim, 2000, 20000);
    uint64_t hash = pl_sim_trace_hash(r.sim);
    pl_sim_destroy(&r.sim);
    return hash;
}

START_TEST(same_seed_gives_the_same_trace)
{
    uint64_t seed = pl_test_seed(7);
    for (uint64_t i = 0; i < 10; i++) ck_assert_uint_eq(trace_of(seed + i), trace_of(seed + i));
    ck_assert_uint_ne(trace_of(seed), trace_of(seed + 1));
}
END_TEST

static uint64_t trace_with(uint64_t seed, const uint32_t *only, uint32_t count, uint32_t *happened)
{
    struct pl_sim_opts o = {.seed = seed, .only = only, .only_count = count, .only_these = true};
    struct run r;
    memcpy(o.probability, all_faults, sizeof o.probability);
    begin_with(&r, &o);
    pl_sim_run(r.sim, 2000, 20000);
    pl_sim_faults(r.sim, happened);
    uint64_t hash = pl_sim_trace_hash(r.sim);
    pl_sim_destroy(&r.sim);
    return hash;
}

START_TEST(run_of_the_listed_faults_is_the_same_run)
{
    uint64_t seed = pl_test_seed(21);
    uint32_t numbers[4096], n, happened;
    struct run r;
    begin(&r, seed, all_faults);
    pl_sim_run(r.sim, 2000, 20000);
    const struct pl_sim_fault *list = pl_sim_faults(r.sim, &n);
    ck_assert(n > 2 && n < 4096);
    for (uint32_t i = 0; i < n; i++) numbers[i] = list[i].number;
    uint64_t all = pl_sim_trace_hash(r.sim);
    pl_sim_destroy(&r.sim);
    ck_assert_uint_eq(trace_with(seed, numbers, n, &happened), all);
    ck_assert_uint_eq(happened, n);
    ck_assert_uint_ne(trace_with(seed, numbers, 1, &happened), all);
    ck_assert_uint_eq(happened, 1);
    trace_with(seed, NULL, 0, &happened);
    ck_assert_uint_eq(happened, 0);
}
END_TEST

START_TEST(crash_by_hand_boots_again)
{
    struct run r;
    begin(&r, 3, NULL);
    pl_sim_run(r.sim, 20, 1000000);
    ck_assert_ptr_nonnull(pl_sim_node_at(r.sim, "service"));
    pl_sim_crash(r.sim, "service");
    ck_assert_ptr_null(pl_sim_node_at(r.sim, "service"));
    ck_assert_ptr_null(pl_sim_node_at(r.sim, "leaf"));
    pl_sim_run(r.sim, 5000, 1000000);
    ck_assert(all_finished(&r));
    pl_sim_crash(r.sim, "leaf");
    ck_assert_ptr_null(pl_sim_node_at(r.sim, "leaf"));
    pl_sim_run(r.sim, 6000, 1000000);
    ck_assert_ptr_nonnull(pl_sim_node_at(r.sim, "leaf"));
    ck_assert_uint_eq(pl_sim_fault_count(r.sim, PL_FAULT_NODE_CRASH), 1);
    ck_assert_uint_eq(pl_sim_fault_count(r.sim, PL_FAULT_CHILD_CRASH), 1);
    pl_sim_destroy(&r.sim);
}
END_TEST

START_TEST(stopped_service_stays_down)
{
    struct run r;
    begin(&r, 4, NULL);
    pl_sim_run(r.sim, 500, 1000000);
    pl_node_stop(pl_sim_node_at(r.sim, "service"), 1000);
    pl_sim_run(r.sim, 5000, 1000000);
    ck_assert_ptr_null(pl_sim_node_at(r.sim, "service"));
    ck_assert_ptr_null(pl_sim_node_at(r.sim, "leaf"));
    pl_sim_run(r.sim, UINT64_MAX, 100000);
    ck_assert_ptr_null(pl_sim_node_at(r.sim, "service"));
    pl_sim_destroy(&r.sim);
}
END_TEST

/* ---- the store's messages ---- */

struct clerk { /* outlives the actor */
    int step;
    bool done;
};

static struct pl_store_op op_of(enum pl_store_op_op kind, const char *key, const char *value)
{
    struct pl_store_op op;
    pl_store_op_type.init(&op);
    op.op = kind;
    op.family = PL_STR("f");
    op.key = (struct pl_bin){(const uint8_t *)key, (uint32_t)strlen(key)};
    if (kind == PL_STORE_OP_OP_PUT) op.has_value = true, op.value = op.key;
    if (kind == PL_STORE_OP_OP_PUT)
        op.value = (struct pl_bin){(const uint8_t *)value, (uint32_t)strlen(value)};
    if (kind == PL_STORE_OP_OP_DELETE_RANGE)
        op.has_end = true, op.end = (struct pl_bin){(const uint8_t *)value, 1};
    return op;
}

static void send_ops(struct pl_actor *self, uint64_t token, const struct pl_store_op *ops, uint32_t n)
{
    PL_NEW(m, w, store_write);
    w->token = token;
    w->ops = pl_msg_alloc(m, n * sizeof *ops);
    memcpy(w->ops, ops, n * sizeof *ops);
    w->ops_count = n;
    pl_send_to(self, "store", &m);
}

static void send_scan(struct pl_actor *self, uint64_t token, bool reverse, uint32_t limit)
{
    PL_NEW(m, q, store_scan);
    q->token = token;
    q->family = PL_STR("f");
    q->reverse = reverse;
    q->limit = limit;
    q->has_from = q->has_to = true;
    q->from = (struct pl_bin){(const uint8_t *)"b", 1};
    q->to = (struct pl_bin){(const uint8_t *)"e", 1};
    pl_send_to(self, "store", &m);
}

/* Everything at once: the answers must be as if each had waited for the one before. */
static int clerk_start(struct pl_actor *self, void *state, const void *arg)
{
    const struct pl_store_op first[] = {
        op_of(PL_STORE_OP_OP_PUT, "a", "1"), op_of(PL_STORE_OP_OP_PUT, "b", "2"),
        op_of(PL_STORE_OP_OP_PUT, "c", "3"), op_of(PL_STORE_OP_OP_PUT, "d", "4"),
        op_of(PL_STORE_OP_OP_PUT, "e", "5")};
    const struct pl_store_op second[] = {op_of(PL_STORE_OP_OP_DELETE, "a", NULL),
                                         op_of(PL_STORE_OP_OP_DELETE_RANGE, "c", "d")};
    *(struct clerk **)state = (struct clerk *)(uintptr_t)arg;
    send_ops(self, 1, first, 5);
    send_scan(self, 2, true, 2);
    send_ops(self, 3, second, 2);
    PL_NEW(m, g, store_get);
    g->token = 4;
    g->keys = pl_msg_alloc(m, 2 * sizeof *g->keys);
    for (int i = 0; i < 2; i++) pl_store_key_type.init(&g->keys[i]);
    g->keys[0].family = g->keys[1].family = PL_STR("f");
    g->keys[0].key = (struct pl_bin){(const uint8_t *)"a", 1};
    g->keys[1].key = (struct pl_bin){(const uint8_t *)"b", 1};
    g->keys_count = 2;
    pl_send_to(self, "store", &m);
    send_scan(self, 5, false, 10);
    return 0;
}

static int clerk_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct clerk *c = *(struct clerk **)state;
    const struct pl_store_written *w = PL_BODY(m, store_written);
    const struct pl_store_rows *r = PL_BODY(m, store_rows);
    const struct pl_store_values *v = PL_BODY(m, store_values);
    c->step++;
    uint64_t token = w ? w->token : r ? r->token : v ? v->token : 0;
    ck_assert_uint_eq(token, (uint64_t)c->step);
    if (token == 2) {
        ck_assert_uint_eq(r->rows_count, 2);
        ck_assert(r->more && r->rows[0].key.ptr[0] == 'd' && r->rows[1].key.ptr[0] == 'c');
    }
    if (token == 4) {
        ck_assert(!v->rows[0].found && v->rows[1].found);
        ck_assert(v->rows[1].value.len == 1 && v->rows[1].value.ptr[0] == '2');
    }
    if (token == 5) {
        ck_assert_uint_eq(r->rows_count, 2);
        ck_assert(!r->more && r->rows[0].key.ptr[0] == 'b' && r->rows[1].key.ptr[0] == 'd');
        c->done = true;
    }
    return 0;
}

static const struct pl_actor_class clerk_class = {
    .name = "clerk", .state_bytes = sizeof(struct clerk *), .start = clerk_start, .receive = clerk_receive};

static int build_clerk(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    int rc = pl_node_create(o, out, NULL);
    if (rc == 0) rc = pl_node_add(*out, &pl_sim_store_class, NULL, pl_sim_disk(s), NULL);
    return rc == 0 ? pl_node_add(*out, &clerk_class, NULL, arg, NULL) : rc;
}

START_TEST(store_answers_in_order_and_reads_see_earlier_writes)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pl_sim_opts o = {.seed = seed};
        struct pl_sim *s;
        struct clerk c = {.step = 0};
        ck_assert_int_eq(pl_sim_create(&o, &s, NULL), 0);
        ck_assert_int_eq(pl_sim_node(s, "service", NULL, build_clerk, &c, NULL), 0);
        pl_sim_run(s, 1000, 100000);
        ck_assert(c.done);
        pl_sim_destroy(&s);
    }
}
END_TEST

/* ---- what the store refuses ---- */

static int spoiler_start(struct pl_actor *self, void *state, const void *arg)
{
    struct pl_store_op bad[] = {
        op_of(PL_STORE_OP_OP_PUT, "a", "1"), op_of(PL_STORE_OP_OP_DELETE_RANGE, "a", "b"),
        op_of(PL_STORE_OP_OP_DELETE_RANGE, "b", "a"), op_of(PL_STORE_OP_OP_DELETE, "a", NULL)};
    *(struct clerk **)state = (struct clerk *)(uintptr_t)arg;
    bad[0].has_value = false;
    bad[1].has_end = false;
    bad[3].op = 99;
#ifdef PL_CODEC_ALWAYS
    const uint64_t n = 3; /* to encode an op that is none is a bug and stops the process */
#else
    const uint64_t n = 4;
#endif
    for (uint64_t i = 0; i < n; i++) {
        const struct pl_store_op both[] = {op_of(PL_STORE_OP_OP_PUT, "c", "1"), bad[i]};
        send_ops(self, i + 1, both, 2);
    }
    send_scan(self, n + 1, false, 10);
    return 0;
}

static int spoiler_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct clerk *c = *(struct clerk **)state;
    const struct pl_store_failed *f = PL_BODY(m, store_failed);
    const struct pl_store_rows *r = PL_BODY(m, store_rows);
    c->step++;
    ck_assert_uint_eq(f ? f->token : r ? r->token : 0, (uint64_t)c->step);
    if (f) ck_assert_uint_eq(f->code, PL_E_INVALID);
    if (r) ck_assert_uint_eq(r->rows_count, 0);
    c->done = r != NULL;
    return 0;
}

static const struct pl_actor_class spoiler_class = {.name = "spoiler",
                                                    .state_bytes = sizeof(struct clerk *),
                                                    .start = spoiler_start,
                                                    .receive = spoiler_receive};

static int build_spoiler(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    int rc = pl_node_create(o, out, NULL);
    if (rc == 0) rc = pl_node_add(*out, &pl_sim_store_class, NULL, pl_sim_disk(s), NULL);
    return rc == 0 ? pl_node_add(*out, &spoiler_class, NULL, arg, NULL) : rc;
}

START_TEST(write_that_is_not_whole_is_refused_and_changes_nothing)
{
    struct pl_sim_opts o = {.seed = 1};
    struct pl_sim *s;
    struct clerk c = {.step = 0};
    ck_assert_int_eq(pl_sim_create(&o, &s, NULL), 0);
    ck_assert_int_eq(pl_sim_node(s, "service", NULL, build_spoiler, &c, NULL), 0);
    pl_sim_run(s, 1000, 100000);
    ck_assert(c.done);
    pl_sim_destroy(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/sim");
    TCase *tc = tcase_create("sim");
    tcase_set_timeout(tc, 300);
    PL_TEST(tc, without_faults_all_is_answered_once);
    PL_TEST(tc, store_answers_in_order_and_reads_see_earlier_writes);
    PL_TEST(tc, write_that_is_not_whole_is_refused_and_changes_nothing);
    PL_TEST(tc, acknowledged_is_durable_under_every_fault);
    PL_TEST(tc, answer_before_the_write_is_found);
    PL_TEST(tc, same_seed_gives_the_same_trace);
    PL_TEST(tc, run_of_the_listed_faults_is_the_same_run);
    PL_TEST(tc, crash_by_hand_boots_again);
    PL_TEST(tc, stopped_service_stays_down);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
