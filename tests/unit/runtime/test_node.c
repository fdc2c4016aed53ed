/* Nodes over a world of the test: a clock that is set by hand, links that are lists, faults on demand.
 * A test's actors are "hosts": what they do on a message is the script function that the test gives as their
 * arg. */
#include "runtime/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "schemas/gen/types.h"
#include "tests/support/support.h"

enum { NODES = 3, FRAMES = 16384, SEEN = 512 };

struct frame {
    char from[16], to[16];
    uint8_t *bytes;
    size_t len;
};
struct net {
    uint64_t now_ms, random;
    struct frame frames[FRAMES];
    size_t first, count;
    struct pl_node *nodes[NODES];
    bool deaf[NODES]; /* frames for it stay in the queue */
    int link_answer;  /* of link_send; 0: deliver */
    uint64_t started, killed, incarnation;
    char child[16];
    enum pl_handler_fault fault; /* of the next message of FAULTY */
    const char *faulty;
    int child_start_answer;
};
static struct net net;

static uint64_t now_ms(void *self)
{
    return net.now_ms;
}

static uint64_t chance(void *self)
{
    return net.random++ * 7919;
}

static int link_send(void *self, const char *node, const void *bytes, size_t len)
{
    const char *from = self;
    if (net.link_answer != 0) return net.link_answer;
    ck_assert_uint_lt(net.count, FRAMES);
    struct frame *f = &net.frames[net.count++];
    snprintf(f->from, sizeof f->from, "%s", from);
    snprintf(f->to, sizeof f->to, "%s", node);
    f->bytes = malloc(len);
    f->len = len;
    memcpy(f->bytes, bytes, len);
    return 0;
}

static int child_start(void *self, const char *node, uint64_t incarnation, struct pl_err *err)
{
    net.started++;
    net.incarnation = incarnation;
    snprintf(net.child, sizeof net.child, "%s", node);
    return net.child_start_answer;
}

static void child_kill(void *self, const char *node)
{
    net.killed++;
}

static enum pl_handler_fault handler_fault(void *self, const char *actor)
{
    enum pl_handler_fault f = net.faulty && strcmp(net.faulty, actor) == 0 ? net.fault : PL_HANDLER_SOUND;
    if (f != PL_HANDLER_SOUND) net.fault = PL_HANDLER_SOUND;
    return f;
}

static void net_reset(void)
{
    for (size_t i = 0; i < net.count; i++) free(net.frames[i].bytes);
    memset(&net, 0, sizeof net);
}

static struct pl_node *node_at(size_t i, const char *name, const char *hub, uint64_t incarnation, bool codec)
{
    static char names[NODES][16];
    snprintf(names[i], sizeof names[i], "%s", name);
    struct pl_node_opts o = {.name = name,
                             .hub = hub,
                             .incarnation = incarnation,
                             .codec_always = codec,
                             .world = {.self = names[i],
                                       .now_ms = now_ms,
                                       .random = chance,
                                       .link_send = link_send,
                                       .child_start = child_start,
                                       .child_kill = child_kill,
                                       .handler_fault = handler_fault}};
    struct pl_err err = {0};
    int rc = pl_node_create(&o, &net.nodes[i], &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return net.nodes[i];
}

/* ---- actors of the tests ---- */

struct note {
    const struct pl_type *type;
    uint64_t token, a, b;
    char from[65], text[65];
};
struct host { /* outlives its actor's incarnations */
    int (*script)(struct pl_actor *self, struct host *h, const struct pl_msg *m);
    int (*begin)(struct pl_actor *self, struct host *h);
    struct note seen[SEEN];
    size_t count, starts, stops, batches;
    int start_answer;
    uint64_t timer;
};

static int host_start(struct pl_actor *self, void *state, const void *arg)
{
    struct host *h = (struct host *)(uintptr_t)arg;
    struct host **mine = state;
    ck_assert_ptr_null(*mine);
    *mine = h;
    h->starts++;
    if (h->start_answer) return h->start_answer;
    return h->begin ? h->begin(self, h) : 0;
}

static void keep_note(struct host *h, const struct pl_msg *m)
{
    ck_assert_uint_lt(h->count, SEEN);
    struct note *n = &h->seen[h->count++];
    *n = (struct note){.type = m->type};
    snprintf(n->from, sizeof n->from, "%.*s", PL_STR_FMT(m->env.from));
    const struct pl_store_written *w = PL_BODY(m, store_written);
    const struct pl_sys_undelivered *u = PL_BODY(m, sys_undelivered);
    const struct pl_sys_timer *t = PL_BODY(m, sys_timer);
    const struct pl_sys_up *up = PL_BODY(m, sys_up);
    const struct pl_sys_down *down = PL_BODY(m, sys_down);
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (w) n->token = w->token;
    if (u) *n = (struct note){.type = m->type, .token = u->token, .a = u->code};
    if (u) snprintf(n->text, sizeof n->text, "%.*s", PL_STR_FMT(u->to));
    if (t) *n = (struct note){.type = m->type, .token = t->arg, .a = t->kind, .b = t->timer};
    if (up) *n = (struct note){.type = m->type, .token = up->incarnation};
    if (up) snprintf(n->text, sizeof n->text, "%.*s", PL_STR_FMT(up->actor));
    if (down)
        *n = (struct note){.type = m->type, .token = down->incarnation, .a = down->code, .b = down->final};
    if (down) snprintf(n->text, sizeof n->text, "%.*s", PL_STR_FMT(down->actor));
    if (f) *n = (struct note){.type = m->type, .token = f->listener, .a = f->bytes.len, .b = f->malformed};
}

static int host_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct host *h = *(struct host **)state;
    keep_note(h, m);
    return h->script ? h->script(self, h, m) : 0;
}

static int host_batch_end(struct pl_actor *self, void *state)
{
    (*(struct host **)state)->batches++;
    return 0;
}

static void host_stop(struct pl_actor *self, void *state)
{
    struct host *h = *(struct host **)state;
    if (h) h->stops++;
}

static const struct pl_actor_class host_class = {.name = "host",
                                                 .state_bytes = sizeof(struct host *),
                                                 .start = host_start,
                                                 .receive = host_receive,
                                                 .batch_end = host_batch_end,
                                                 .stop = host_stop,
                                                 .mailbox_limit = 8};

static void add_class(struct pl_node *n, const struct pl_actor_class *c, const char *name, struct host *h)
{
    struct pl_err err = {0};
    int rc = pl_node_add(n, c, name, h, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

static void add(struct pl_node *n, const char *name, struct host *h)
{
    add_class(n, &host_class, name, h);
}

static void start(struct pl_node *n)
{
    struct pl_err err = {0};
    int rc = pl_node_start(n, &err);
    ck_assert_msg(rc == 0, "%s: %s", err.field, err.text);
}

static void balanced(const struct pl_node *n)
{
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.sent, c.handled + c.refused + c.dead + c.in_flight);
}

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < NODES; i++)
        if (net.nodes[i] && strcmp(pl_node_name(net.nodes[i]), name) == 0) return i;
    return NODES;
}

static bool deliver_one(void)
{
    for (size_t k = net.first; k < net.count; k++) {
        struct frame *f = &net.frames[k];
        size_t to = index_of(f->to);
        if (!f->bytes || (to < NODES && net.deaf[to])) continue;
        if (to < NODES) pl_node_link_frame(net.nodes[to], f->from, f->bytes, f->len);
        free(f->bytes);
        f->bytes = NULL;
        return true;
    }
    return false;
}

/* Runs all nodes until nothing happens at this time. */
static void settle(void)
{
    for (bool busy = true; busy;) {
        busy = deliver_one();
        for (size_t i = 0; i < NODES; i++) {
            if (!net.nodes[i]) continue;
            while (pl_node_run(net.nodes[i], 3)) {
                busy = true;
                balanced(net.nodes[i]);
            }
            balanced(net.nodes[i]);
        }
    }
}

static void end(void)
{
    for (size_t i = 0; i < NODES; i++) pl_node_destroy(&net.nodes[i]);
    net_reset();
}

static const struct note *find(const struct host *h, const struct pl_type *t)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->seen[i].type == t) return &h->seen[i];
    return NULL;
}

static size_t count_of(const struct host *h, const struct pl_type *t)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) n += h->seen[i].type == t;
    return n;
}

static void send_token(struct pl_actor *self, const char *to, uint64_t token)
{
    PL_NEW(m, b, store_written);
    b->token = token;
    pl_send_to(self, to, &m);
}

/* Gives an actor work from outside: a net frame of listener 1. */
static void poke(struct pl_node *n)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, "x", 1, false), 0);
}

static void listen_as(struct pl_node *n, const char *actor)
{
    ck_assert_int_eq(pl_node_listener(n, 1, actor, NULL), 0);
}

/* ---- one node ---- */

static int echo(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (!w || w->token >= 100) return 0;
    PL_NEW(r, b, store_written);
    b->token = w->token + 100;
    pl_reply(self, m, &r);
    return 0;
}

static int ask_echo(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    for (uint64_t i = 1; i <= 3; i++) send_token(self, "echo", i);
    return 0;
}

START_TEST(messages_are_answered_in_order)
{
    static struct host a, b;
    a = (struct host){.script = ask_echo};
    b = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, _i == 1);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(a.count, 4);
    for (uint64_t i = 1; i <= 3; i++) {
        ck_assert_uint_eq(a.seen[i].token, i + 100);
        ck_assert_str_eq(a.seen[i].from, "echo");
    }
    ck_assert_uint_eq(pl_node_due_ms(n), UINT64_MAX);
    end();
}
END_TEST

static int flood(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    for (uint64_t i = 1; i <= 10; i++) send_token(self, "echo", i);
    return 0;
}

START_TEST(full_mailbox_refuses_the_newest_to_its_sender)
{
    static struct host a, b;
    a = (struct host){.script = flood};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 8);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 2);
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_uint_eq(u->a, PL_E_OVERLOADED);
    ck_assert_uint_eq(u->token, 9);
    ck_assert_str_eq(u->text, "echo");
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.refused, 2);
    end();
}
END_TEST

static int user_then_system(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    send_token(self, "echo", 1);
    send_token(self, "echo", 2);
    PL_NEW(c, b, store_written);
    b->token = 3;
    pl_send_system(self, "echo", &c);
    return 0;
}

START_TEST(system_lane_goes_first)
{
    static struct host a, b;
    a = (struct host){.script = user_then_system};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 3);
    ck_assert_uint_eq(b.seen[0].token, 3);
    ck_assert_uint_eq(b.seen[1].token, 1);
    ck_assert_uint_eq(b.seen[2].token, 2);
    end();
}
END_TEST

static int send_nowhere(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    PL_NEW(w, b, store_get);
    b->token = 77;
    w->env.correlation = pl_msg_str(w, PL_STR("abc"));
    pl_send_to(self, "nobody", &w);
    return 0;
}

START_TEST(unknown_receiver_is_told_to_the_sender)
{
    static struct host a;
    a = (struct host){.script = send_nowhere};
    struct pl_node *n = node_at(0, "service", NULL, 0, _i == 1);
    add(n, "asker", &a);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_ptr_nonnull(u);
    ck_assert_uint_eq(u->a, PL_E_NOT_FOUND);
    ck_assert_uint_eq(u->token, 77);
    end();
}
END_TEST

static int take_nothing(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    return PL_UNHANDLED;
}

START_TEST(message_that_is_not_taken_comes_back_as_unknown_type)
{
    static struct host a, b;
    struct pl_node_counts counts;
    a = (struct host){.script = ask_echo};
    b = (struct host){.script = take_nothing};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_ptr_nonnull(u);
    ck_assert_uint_eq(u->a, PL_E_UNKNOWN_TYPE);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 3);
    pl_node_counts(n, &counts);
    ck_assert_uint_eq(counts.dead, 3);
    ck_assert_uint_eq(b.starts, 1);
    end();
}
END_TEST

static int send_lacking(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    struct pl_msg *w = pl_msg_create(&pl_store_get_type);
    ck_assert_ptr_null(pl_msg_alloc(w, SIZE_MAX / 2));
    pl_send_to(self, "echo", &w);
    ck_assert_ptr_null(w);
    return 0;
}

START_TEST(message_that_lacks_memory_is_not_sent_and_fails_its_handler)
{
    static struct host a, b;
    struct pl_node_counts counts;
    a = (struct host){.script = send_lacking};
    b = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    pl_node_counts(n, &counts);
    ck_assert_uint_eq(b.count, 0);
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(counts.dead, 1);
    end();
}
END_TEST

static int send_with_deadline(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    for (uint64_t i = 0; i < 2; i++) {
        PL_NEW(w, b, store_written);
        b->token = i + 1;
        w->deadline_ms = i == 0 ? pl_now_ms(self) : pl_now_ms(self) + 5;
        pl_send_to(self, "echo", &w);
    }
    net.now_ms += 5;
    return 0;
}

START_TEST(deadline_counts_at_enqueue_and_at_dequeue)
{
    static struct host a, b;
    a = (struct host){.script = send_with_deadline};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    net.now_ms = 100;
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 0);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 2);
    for (size_t i = 1; i < 3; i++) {
        ck_assert_uint_eq(a.seen[i].a, PL_E_DEADLINE_EXCEEDED);
        ck_assert_uint_eq(a.seen[i].token, i);
    }
    end();
}
END_TEST

static int forward_on(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (PL_BODY(m, store_written)) {
        pl_forward(self, "left", m);
        pl_forward(self, "right", m);
    }
    return 0;
}

START_TEST(forwarded_message_keeps_its_sender_and_goes_to_many)
{
    static struct host a, b, left, right;
    a = (struct host){.script = ask_echo};
    b = (struct host){.script = forward_on};
    left = right = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, _i == 1);
    add(n, "asker", &a);
    add(n, "echo", &b);
    add(n, "left", &left);
    add(n, "right", &right);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(left.count, 3);
    ck_assert_uint_eq(right.count, 3);
    ck_assert_str_eq(right.seen[0].from, "asker");
    ck_assert_uint_eq(a.count, 7);
    end();
}
END_TEST

/* ---- timers ---- */

static int three_timers(struct pl_actor *self, struct host *h)
{
    pl_timer_start(self, 20, 2, 200);
    pl_timer_start(self, 10, 1, 100);
    uint64_t t = pl_timer_start(self, 15, 9, 900);
    ck_assert(pl_timer_cancel(self, t));
    ck_assert(!pl_timer_cancel(self, t));
    return 0;
}

START_TEST(timers_fire_in_order_and_when_due)
{
    static struct host a;
    a = (struct host){.begin = three_timers};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    net.now_ms = 1000;
    add(n, "a", &a);
    start(n);
    ck_assert_uint_eq(pl_node_due_ms(n), 1010);
    settle();
    ck_assert_uint_eq(a.count, 0);
    net.now_ms = 1019;
    settle();
    ck_assert_uint_eq(a.count, 1);
    net.now_ms = 5000;
    settle();
    ck_assert_uint_eq(a.count, 2);
    ck_assert_uint_eq(a.seen[0].token, 100);
    ck_assert_uint_eq(a.seen[1].a, 2);
    end();
}
END_TEST

static int two_at_once(struct pl_actor *self, struct host *h)
{
    pl_timer_start(self, 5, 1, 0);
    h->timer = pl_timer_start(self, 5, 2, 0);
    return 0;
}

static int cancel_other(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    ck_assert(pl_timer_cancel(self, h->timer));
    return 0;
}

START_TEST(cancelling_a_fired_timer_takes_it_out_of_the_mailbox)
{
    static struct host a;
    a = (struct host){.begin = two_at_once, .script = cancel_other};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    start(n);
    net.now_ms = 10;
    settle();
    ck_assert_uint_eq(a.count, 1);
    ck_assert_uint_eq(a.seen[0].a, 1);
    ck_assert_uint_eq(a.batches, 1);
    end();
}
END_TEST

static int zero_timer(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    pl_timer_start(self, 0, 1, 0);
    return 0;
}

START_TEST(zero_delay_timer_does_not_keep_a_run_from_ending)
{
    static struct host a;
    a = (struct host){.script = zero_timer};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    poke(n);
    for (int i = 0; i < 10; i++) ck_assert_uint_le(pl_node_run(n, 100), 3);
    ck_assert_uint_ge(a.count, 5);
    end();
}
END_TEST

/* ---- failure and restart ---- */

static int watch_echo(struct pl_actor *self, struct host *h)
{
    pl_monitor(self, "echo");
    return 0;
}

static int start_timer(struct pl_actor *self, struct host *h)
{
    pl_timer_start(self, 1000000 / h->starts, (uint32_t)h->starts, 0);
    return 0;
}

START_TEST(failed_actor_restarts_clean_and_keeps_its_mail)
{
    static struct host a, b;
    a = (struct host){.script = ask_echo, .begin = watch_echo};
    b = (struct host){.script = echo, .begin = start_timer};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    net.faulty = "echo";
    net.fault = _i == 0 ? PL_HANDLER_FAILS_BEFORE : PL_HANDLER_FAILS_AFTER;
    poke(n);
    settle();
    ck_assert_uint_eq(b.stops, 1);
    ck_assert(!pl_node_ready(n));
    ck_assert_uint_eq(a.seen[0].token, 1); /* sys.up of the first incarnation */
    const struct note *down = find(&a, &pl_sys_down_type);
    ck_assert_ptr_nonnull(down);
    ck_assert_uint_eq(down->b, 0);
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_uint_eq(u->a, PL_E_UNAVAILABLE);
    ck_assert_uint_eq(u->token, 1);
    net.now_ms = 10;
    settle();
    ck_assert(pl_node_ready(n));
    ck_assert_uint_eq(b.starts, 2);
    ck_assert_uint_eq(count_of(&a, &pl_sys_up_type), 2);
    ck_assert_uint_eq(count_of(&a, &pl_store_written_type), _i == 0 ? 2 : 3);
    ck_assert_uint_eq(a.seen[a.count - 1].token, 103);
    net.now_ms = 2000000;
    settle(); /* the first incarnation's timer is dead */
    ck_assert_uint_eq(count_of(&b, &pl_sys_timer_type), 1);
    ck_assert_uint_eq(find(&b, &pl_sys_timer_type)->a, 2);
    end();
}
END_TEST

static int always_fail(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    return -PL_E_INTERNAL;
}

START_TEST(too_many_failures_fail_the_node)
{
    static struct host a, b;
    a = (struct host){.script = flood, .begin = watch_echo};
    b = (struct host){.script = always_fail};
    struct pl_actor_class frail = host_class;
    frail.restart = (struct pl_restart_policy){PL_RESTART_ALWAYS, 3, 10000, 1, 4};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add_class(n, &frail, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    struct pl_err err = {0};
    for (int i = 0; i < 20; i++) {
        settle();
        net.now_ms += 5;
    }
    ck_assert(pl_node_failed(n, &err));
    ck_assert_str_eq(err.field, "echo");
    ck_assert_uint_eq(b.starts, 4);
    const struct note *last = NULL;
    for (size_t i = 0; i < a.count; i++)
        if (a.seen[i].type == &pl_sys_down_type) last = &a.seen[i];
    ck_assert_uint_eq(last->b, 1);
    /* Each of the 10 came back, 2 as refused, the others as unavailable. */
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 10);
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.restarts, 3);
    end();
}
END_TEST

START_TEST(actor_that_is_never_restarted_stays_down)
{
    static struct host a, b;
    a = (struct host){.script = ask_echo, .begin = watch_echo};
    b = (struct host){.script = always_fail};
    struct pl_actor_class frail = host_class;
    frail.restart.kind = PL_RESTART_NEVER;
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add_class(n, &frail, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    net.now_ms = 100000;
    poke(n);
    settle();
    ck_assert(!pl_node_failed(n, NULL));
    ck_assert_uint_eq(b.starts, 1);
    ck_assert_uint_eq(find(&a, &pl_sys_down_type)->b, 1);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 6);
    end();
}
END_TEST

START_TEST(start_fails_with_the_first_actor_that_cannot_start)
{
    static struct host a, b;
    a = (struct host){.start_answer = 0};
    b = (struct host){.start_answer = -PL_E_IO};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    add(n, "b", &b);
    struct pl_err err = {0};
    ck_assert_int_eq(pl_node_start(n, &err), -PL_E_IO);
    ck_assert_str_eq(err.field, "b");
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(b.stops, 1);
    end();
}
END_TEST

/* ---- sockets, batches, stop ---- */

START_TEST(full_mailbox_stops_the_reading_of_a_socket)
{
    static struct host a;
    a = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    for (int i = 0; i < 8; i++) poke(n);
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert(!pl_node_room(n, 1));
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, "x", 1, false), -PL_E_AGAIN);
    ck_assert_int_eq(pl_node_net_frame(n, 2, &peer, "x", 1, false), -PL_E_NOT_FOUND);
    settle();
    ck_assert(pl_node_room(n, 1));
    ck_assert_uint_eq(a.count, 8);
    static char big[(1 << 20) + 1];
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, big, sizeof big, false), 0);
    settle();
    ck_assert_uint_eq(a.seen[8].b, 1);
    ck_assert_uint_eq(a.seen[8].a, 0);
    end();
}
END_TEST

static int is_of_acme(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (!f) return 0;
    ck_assert_int_eq(f->peer.len, 1);
    ck_assert(f->delimiter && f->act_for && f->has_key && f->has_tenant);
    ck_assert(pl_str_is(f->key, "billing") && pl_str_is(f->tenant, "acme"));
    ck_assert_uint_eq(f->roles, PL_ROLE_PRODUCER | PL_ROLE_AUDITOR);
    return 0;
}

START_TEST(frame_says_what_its_listener_knows_of_the_peer)
{
    static struct host a;
    a = (struct host){.script = is_of_acme};
    struct pl_node *n = node_at(0, "service", NULL, 0, true);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1},
                               .delimiter = true,
                               .key = PL_STR("billing"),
                               .tenant = PL_STR("acme"),
                               .roles = PL_ROLE_PRODUCER | PL_ROLE_AUDITOR,
                               .act_for = true};
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, "x", 1, false), 0);
    settle();
    ck_assert_uint_eq(a.count, 1);
    end();
}
END_TEST

START_TEST(batch_ends_after_all_that_waited)
{
    static struct host a;
    a = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    for (int i = 0; i < 5; i++) poke(n);
    ck_assert_uint_eq(pl_node_run(n, 3), 3);
    ck_assert_uint_eq(a.batches, 0);
    ck_assert_uint_eq(pl_node_due_ms(n), 0);
    ck_assert_uint_eq(pl_node_run(n, 3), 2);
    ck_assert_uint_eq(a.batches, 1);
    end();
}
END_TEST

static int last_words(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (PL_BODY(m, sys_stop)) send_token(self, "echo", 500);
    return 0;
}

START_TEST(stop_drains_what_can_be_finished)
{
    static struct host a, b;
    a = (struct host){.script = last_words};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    add(n, "echo", &b);
    start(n);
    pl_node_stop(n, 1000);
    ck_assert(!pl_node_stopped(n));
    settle();
    ck_assert(pl_node_stopped(n));
    ck_assert_uint_eq(b.seen[b.count - 1].token, 500);
    ck_assert_uint_eq(a.stops + b.stops, 2);
    ck_assert_uint_eq(pl_node_due_ms(n), UINT64_MAX);
    end();
}
END_TEST

static int chatter(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    h->count = 0;
    if (!PL_BODY(m, sys_stop)) send_token(self, "a", 1);
    return 0;
}

START_TEST(stop_ends_after_its_grace)
{
    static struct host a;
    a = (struct host){.script = chatter};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    poke(n);
    pl_node_stop(n, 1000);
    for (int i = 0; i < 100; i++) pl_node_run(n, 10);
    ck_assert(!pl_node_stopped(n));
    net.now_ms = 1000;
    pl_node_run(n, 10);
    ck_assert(pl_node_stopped(n));
    balanced(n);
    end();
}
END_TEST

/* ---- hub and leaf ---- */

static struct host hub_host, leaf_host;

static struct pl_node *make_leaf(uint64_t incarnation)
{
    struct pl_node *leaf = node_at(1, "leaf", "service", incarnation, false);
    add(leaf, "echo", &leaf_host);
    start(leaf);
    pl_node_link_up(leaf, "service");
    return leaf;
}

static struct pl_node *make_hub(int (*script)(struct pl_actor *, struct host *, const struct pl_msg *))
{
    hub_host = (struct host){.script = script, .begin = watch_echo};
    leaf_host = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 2, 100000, 10, 10};
    add(n, "asker", &hub_host);
    ck_assert_int_eq(pl_node_place(n, "echo", "leaf", NULL), 0);
    ck_assert_int_eq(pl_node_child(n, "leaf", &policy, NULL), 0);
    listen_as(n, "asker");
    start(n);
    ck_assert_uint_eq(net.started, 1);
    return n;
}

START_TEST(actor_of_a_leaf_answers_as_if_it_were_here)
{
    struct pl_node *n = make_hub(ask_echo);
    poke(n); /* what is sent before the first hello waits */
    settle();
    ck_assert(!pl_node_ready(n));
    make_leaf(net.incarnation);
    settle();
    ck_assert(pl_node_ready(n));
    ck_assert_uint_eq(count_of(&hub_host, &pl_store_written_type), 3);
    ck_assert_uint_eq(hub_host.seen[hub_host.count - 1].token, 103);
    ck_assert_str_eq(hub_host.seen[hub_host.count - 1].from, "echo");
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_up_type), 1);
    end();
}
END_TEST

START_TEST(refusal_travels_back_over_the_link)
{
    struct pl_node *n = make_hub(flood);
    make_leaf(net.incarnation);
    settle();
    poke(n);
    pl_node_run(n, 100); /* ten frames for the leaf, delivered before it runs */
    while (deliver_one()) {}
    settle();
    ck_assert_uint_eq(count_of(&leaf_host, &pl_store_written_type), 8);
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 2);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->token, 9);
    end();
}
END_TEST

START_TEST(dead_child_is_restarted_and_its_senders_are_told)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    pl_node_destroy(&net.nodes[1]);
    pl_node_link_lost(n, "leaf");
    ck_assert_uint_eq(net.killed, 1);
    pl_node_child_exited(n, "leaf", net.incarnation, 9);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_down_type), 1);
    poke(n);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 3);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->a, PL_E_UNAVAILABLE);
    net.now_ms += 10;
    settle();
    ck_assert_uint_eq(net.started, 2);
    make_leaf(1); /* a late hello of the old incarnation is not believed */
    settle();
    ck_assert(!pl_node_ready(n));
    pl_node_destroy(&net.nodes[1]);
    make_leaf(net.incarnation);
    settle();
    ck_assert(pl_node_ready(n));
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_up_type), 2);
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.child_restarts, 1);
    end();
}
END_TEST

START_TEST(child_that_ends_too_often_fails_the_node)
{
    struct pl_node *n = make_hub(ask_echo);
    for (int i = 0; i < 3; i++) {
        ck_assert(!pl_node_failed(n, NULL));
        pl_node_child_exited(n, "leaf", net.incarnation, 1);
        net.now_ms += 10;
        settle();
    }
    ck_assert(pl_node_failed(n, NULL));
    ck_assert_uint_eq(net.started, 3);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_down_type)->b, 1);
    end();
}
END_TEST

START_TEST(silent_child_is_killed)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    for (int i = 0; i < 100; i++) { /* it answers pings */
        net.now_ms += 1000;
        settle();
    }
    ck_assert_uint_eq(net.killed, 0);
    net.deaf[0] = true;
    for (int i = 0; i < 62; i++) {
        net.now_ms += 1000;
        settle();
    }
    ck_assert_uint_eq(net.killed, 1);
    pl_node_child_exited(n, "leaf", net.incarnation, 9);
    net.now_ms += 1000;
    settle();
    ck_assert_uint_eq(net.started, 2);
    end();
}
END_TEST

START_TEST(full_link_fills_a_bounded_outbox)
{
    struct pl_node *n = make_hub(flood);
    make_leaf(net.incarnation);
    settle();
    net.link_answer = -PL_E_AGAIN;
    for (int i = 0; i < 410; i++) {
        poke(n);
        settle();
        hub_host.count = 0;
    }
    poke(n);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 10);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->a, PL_E_OVERLOADED);
    ck_assert_uint_le(pl_node_due_ms(n), net.now_ms + 2);
    net.link_answer = 0;
    net.now_ms += 2;
    hub_host.count = leaf_host.count = 0;
    net.deaf[1] = true;
    settle();
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.in_flight, 0);
    end();
}
END_TEST

START_TEST(lost_link_gives_back_what_waited)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    net.link_answer = _i == 0 ? -PL_E_AGAIN : -PL_E_GONE;
    poke(n);
    settle();
    if (_i == 0) pl_node_link_lost(n, "leaf");
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 3);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->a, PL_E_GONE);
    ck_assert_uint_eq(net.killed, 1);
    end();
}
END_TEST

START_TEST(leaf_asks_the_hub_for_whom_it_does_not_know)
{
    static struct host other, third;
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    other = (struct host){.script = ask_echo, .begin = watch_echo};
    third = (struct host){.script = echo};
    ck_assert_int_eq(pl_node_place(n, "asker", "left", NULL), 0);
    ck_assert_int_eq(pl_node_place(n, "echo", "right", NULL), 0);
    start(n);
    struct pl_node *left = node_at(1, "left", "service", 1, false),
                   *right = node_at(2, "right", "service", 1, false);
    add(left, "asker", &other);
    listen_as(left, "asker");
    add(right, "echo", &third);
    start(left);
    start(right);
    pl_node_link_up(left, "service");
    settle();
    pl_node_link_up(right, "service");
    settle();
    ck_assert_uint_eq(count_of(&other, &pl_sys_up_type), 1); /* told by the hub, wherever it lives */
    poke(left);
    settle();
    ck_assert_uint_eq(count_of(&other, &pl_store_written_type), 3);
    pl_node_link_lost(n, "right");
    settle();
    ck_assert_uint_eq(count_of(&other, &pl_sys_down_type), 1);
    end();
}
END_TEST

START_TEST(restart_of_a_leafs_actor_is_told_to_the_hub)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    net.faulty = "echo";
    net.fault = PL_HANDLER_FAILS_BEFORE;
    poke(n);
    settle();
    net.now_ms += 50;
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_down_type), 1);
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_up_type), 2);
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 1);
    ck_assert_uint_eq(count_of(&hub_host, &pl_store_written_type), 2);
    end();
}
END_TEST

START_TEST(stopping_hub_lets_its_children_finish)
{
    struct pl_node *n = make_hub(last_words);
    struct pl_node *leaf = make_leaf(net.incarnation);
    settle();
    pl_node_stop(n, 5000);
    settle();
    ck_assert(!pl_node_stopped(n));
    ck_assert(pl_node_stopped(leaf));
    ck_assert_uint_eq(leaf_host.seen[0].token, 500);
    ck_assert_uint_eq(net.killed, 0);
    pl_node_child_exited(n, "leaf", net.incarnation, 0);
    settle();
    ck_assert(pl_node_stopped(n));
    end();
}
END_TEST

START_TEST(stopping_hub_kills_children_after_its_grace)
{
    struct pl_node *n = make_hub(NULL);
    make_leaf(net.incarnation);
    settle();
    net.deaf[1] = true;
    pl_node_stop(n, 5000);
    settle();
    ck_assert(!pl_node_stopped(n));
    ck_assert_uint_eq(pl_node_due_ms(n), 1000); /* the heartbeat */
    net.now_ms = 5000;
    settle();
    ck_assert(pl_node_stopped(n));
    ck_assert_uint_eq(net.killed, 1);
    end();
}
END_TEST

START_TEST(damaged_frames_are_counted_and_harm_nothing)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    uint64_t state = pl_test_seed(11);
    for (int i = 0; i < 2000; i++) {
        uint8_t junk[64];
        size_t len = pl_test_random(&state) % sizeof junk;
        for (size_t k = 0; k < len; k++) junk[k] = (uint8_t)pl_test_random(&state);
        if (len) junk[0] &= 1;
        pl_node_link_frame(n, i % 2 ? "leaf" : "stranger", junk, len);
    }
    balanced(n);
    poke(n);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_store_written_type), 3);
    end();
}
END_TEST

START_TEST(names_are_unique_and_plain)
{
    static struct host a;
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    ck_assert_int_eq(pl_node_add(n, &host_class, "a", &a, NULL), -PL_E_CONFLICT);
    ck_assert_int_eq(pl_node_add(n, &host_class, "a\"b", &a, NULL), -PL_E_INVALID);
    ck_assert_int_eq(pl_node_add(n, &host_class, "", &a, NULL), -PL_E_INVALID);
    ck_assert_int_eq(pl_node_place(n, "c", "", NULL), -PL_E_INVALID);
    ck_assert_int_eq(pl_node_place(n, "a", "leaf", NULL), -PL_E_CONFLICT);
    ck_assert_int_eq(pl_node_listener(n, 1, "b", NULL), -PL_E_NOT_FOUND);
    end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/node");
    TCase *one = tcase_create("one node"), *links = tcase_create("hub and leaf");
    tcase_add_checked_fixture(one, net_reset, end);
    tcase_add_checked_fixture(links, net_reset, end);
    tcase_add_loop_test(one, messages_are_answered_in_order, 0, 2);
    PL_TEST(one, full_mailbox_refuses_the_newest_to_its_sender);
    PL_TEST(one, system_lane_goes_first);
    tcase_add_loop_test(one, unknown_receiver_is_told_to_the_sender, 0, 2);
    PL_TEST(one, message_that_is_not_taken_comes_back_as_unknown_type);
    PL_TEST(one, message_that_lacks_memory_is_not_sent_and_fails_its_handler);
    PL_TEST(one, deadline_counts_at_enqueue_and_at_dequeue);
    tcase_add_loop_test(one, forwarded_message_keeps_its_sender_and_goes_to_many, 0, 2);
    PL_TEST(one, timers_fire_in_order_and_when_due);
    PL_TEST(one, cancelling_a_fired_timer_takes_it_out_of_the_mailbox);
    PL_TEST(one, zero_delay_timer_does_not_keep_a_run_from_ending);
    tcase_add_loop_test(one, failed_actor_restarts_clean_and_keeps_its_mail, 0, 2);
    PL_TEST(one, too_many_failures_fail_the_node);
    PL_TEST(one, actor_that_is_never_restarted_stays_down);
    PL_TEST(one, start_fails_with_the_first_actor_that_cannot_start);
    PL_TEST(one, full_mailbox_stops_the_reading_of_a_socket);
    PL_TEST(one, frame_says_what_its_listener_knows_of_the_peer);
    PL_TEST(one, batch_ends_after_all_that_waited);
    PL_TEST(one, stop_drains_what_can_be_finished);
    PL_TEST(one, stop_ends_after_its_grace);
    PL_TEST(one, names_are_unique_and_plain);
    PL_TEST(links, actor_of_a_leaf_answers_as_if_it_were_here);
    PL_TEST(links, refusal_travels_back_over_the_link);
    PL_TEST(links, dead_child_is_restarted_and_its_senders_are_told);
    PL_TEST(links, child_that_ends_too_often_fails_the_node);
    PL_TEST(links, silent_child_is_killed);
    PL_TEST(links, full_link_fills_a_bounded_outbox);
    tcase_add_loop_test(links, lost_link_gives_back_what_waited, 0, 2);
    PL_TEST(links, leaf_asks_the_hub_for_whom_it_does_not_know);
    PL_TEST(links, restart_of_a_leafs_actor_is_told_to_the_hub);
    PL_TEST(links, stopping_hub_lets_its_children_finish);
    PL_TEST(links, stopping_hub_kills_children_after_its_grace);
    PL_TEST(links, damaged_frames_are_counted_and_harm_nothing);
    suite_add_tcase(s, one);
    suite_add_tcase(s, links);
    return s;
}

PL_TESTS(suite)
