/* node_world.h - what the tests of nodes share: a clock that is set by hand, links that are lists, faults on
 * demand. A test's actors are "hosts": what they do on a message is the script function that the test gives
 * as their arg. One world a test program. */
#ifndef PL_TESTS_UNIT_RUNTIME_NODE_WORLD_H
#define PL_TESTS_UNIT_RUNTIME_NODE_WORLD_H

#include "runtime/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "schemas/gen/types.h"
#include "tests/support/support.h"

enum { NODES = 3, FRAMES = 32768, SEEN = 512 };

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
    bool weigh, swollen; /* children are weighed; the child holds too much */
    bool gather; /* the hub wants its leaves' metrics */
};
static struct net net;

static inline uint64_t now_ms(void *self)
{
    return net.now_ms;
}

static inline uint64_t chance(void *self)
{
    return net.random++ * 7919;
}

static inline int link_send(void *self, const char *node, const void *bytes, size_t len)
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

static inline int child_start(void *self, const char *node, uint64_t incarnation, struct pl_err *err)
{
    net.started++;
    net.incarnation = incarnation;
    snprintf(net.child, sizeof net.child, "%s", node);
    return net.child_start_answer;
}

static inline void child_kill(void *self, const char *node)
{
    net.killed++;
}

static inline bool child_swollen(void *self, const char *node)
{
    return net.swollen;
}

static inline enum pl_handler_fault handler_fault(void *self, const char *actor, const struct pl_msg *m)
{
    enum pl_handler_fault f = net.faulty && strcmp(net.faulty, actor) == 0 ? net.fault : PL_HANDLER_SOUND;
    if (f != PL_HANDLER_SOUND) net.fault = PL_HANDLER_SOUND;
    return f;
}

static inline void net_reset(void)
{
    for (size_t i = 0; i < net.count; i++) free(net.frames[i].bytes);
    memset(&net, 0, sizeof net);
}

static inline struct pl_node *node_at(size_t i, const char *name, const char *hub, uint64_t incarnation,
                                      bool codec)
{
    static char names[NODES][16];
    snprintf(names[i], sizeof names[i], "%s", name);
    struct pl_node_opts o = {.name = name,
                             .hub = hub,
                             .incarnation = incarnation,
                             .codec_always = codec,
                             .gather_metrics = net.gather,
                             .dead_letters = 4,
                             .dead_letter_bytes = 64 << 10,
                             .world = {.self = names[i],
                                       .now_ms = now_ms,
                                       .random = chance,
                                       .link_send = link_send,
                                       .child_start = child_start,
                                       .child_kill = child_kill,
                                       .child_swollen = net.weigh ? child_swollen : NULL,
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

static inline int host_start(struct pl_actor *self, void *state, const void *arg)
{
    struct host *h = (struct host *)(uintptr_t)arg;
    struct host **mine = state;
    ck_assert_ptr_null(*mine);
    *mine = h;
    h->starts++;
    if (h->start_answer) return h->start_answer;
    return h->begin ? h->begin(self, h) : 0;
}

static inline void keep_note(struct host *h, const struct pl_msg *m)
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

static inline int host_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct host *h = *(struct host **)state;
    keep_note(h, m);
    return h->script ? h->script(self, h, m) : 0;
}

static inline int host_batch_end(struct pl_actor *self, void *state)
{
    (*(struct host **)state)->batches++;
    return 0;
}

static inline void host_stop(struct pl_actor *self, void *state)
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

static inline void add_class(struct pl_node *n, const struct pl_actor_class *c, const char *name,
                             struct host *h)
{
    struct pl_err err = {0};
    int rc = pl_node_add(n, c, name, h, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

static inline void add(struct pl_node *n, const char *name, struct host *h)
{
    add_class(n, &host_class, name, h);
}

static inline void start(struct pl_node *n)
{
    struct pl_err err = {0};
    int rc = pl_node_start(n, &err);
    ck_assert_msg(rc == 0, "%s: %s", err.field, err.text);
}

static inline void balanced(const struct pl_node *n)
{
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.sent, c.handled + c.refused + c.dead + c.in_flight);
}

static inline size_t index_of(const char *name)
{
    for (size_t i = 0; i < NODES; i++)
        if (net.nodes[i] && strcmp(pl_node_name(net.nodes[i]), name) == 0) return i;
    return NODES;
}

static inline bool deliver_one(void)
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
static inline void settle(void)
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

static inline void end(void)
{
    for (size_t i = 0; i < NODES; i++) pl_node_destroy(&net.nodes[i]);
    net_reset();
}

static inline const struct note *find(const struct host *h, const struct pl_type *t)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->seen[i].type == t) return &h->seen[i];
    return NULL;
}

static inline size_t count_of(const struct host *h, const struct pl_type *t)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) n += h->seen[i].type == t;
    return n;
}

static inline void send_token(struct pl_actor *self, const char *to, uint64_t token)
{
    PL_NEW(m, b, store_written);
    b->token = token;
    pl_send_to(self, to, &m);
}

/* Gives an actor work from outside: a net frame of listener 1. */
static inline void poke(struct pl_node *n)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, "x", 1, false), 0);
}

static inline void listen_as(struct pl_node *n, const char *actor)
{
    ck_assert_int_eq(pl_node_listener(n, 1, actor, NULL), 0);
}
/* ---- scripts ---- */

static inline int echo(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (!w || w->token >= 100) return 0;
    PL_NEW(r, b, store_written);
    b->token = w->token + 100;
    pl_reply(self, m, &r);
    return 0;
}

static inline int ask_echo(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    for (uint64_t i = 1; i <= 3; i++) send_token(self, "echo", i);
    return 0;
}

static inline int flood(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    for (uint64_t i = 1; i <= 10; i++) send_token(self, "echo", i);
    return 0;
}

static inline int watch_echo(struct pl_actor *self, struct host *h)
{
    pl_monitor(self, "echo");
    return 0;
}

static inline int last_words(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (PL_BODY(m, sys_stop)) send_token(self, "echo", 500);
    return 0;
}

#endif
