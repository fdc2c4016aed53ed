/* world.h - what the tests of actors share: a node (and a leaf, when a test wants one) over a world of the
 * test, and probes, actors that keep a copy of each message they get and do what the test tells them. The
 * clock is set by hand. One world a test program; world_end leaves it empty. */
#ifndef PL_TESTS_UNIT_ACTORS_WORLD_H
#define PL_TESTS_UNIT_ACTORS_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include "actors/actors.h"
#include "runtime/node.h"
#include "schemas/gen/types.h"
#include "tests/support/support.h"

enum { WORLD_FRAMES = 4096, PROBE_SEEN = 4096, POKE = 99 /* listener + index of a probe */ };

struct probe;
typedef void (*probe_do)(struct pl_actor *self, struct probe *p, const struct pl_msg *m);
struct probe {
    const char *name;
    probe_do on_message; /* may be NULL */
    probe_do poked;      /* set by probe_poke */
    struct pl_msg *seen[PROBE_SEEN];
    uint32_t count;
    int fail; /* result of the next message's handler */
};

struct world_frame {
    char from[16], to[16];
    struct pl_buf bytes;
};
struct world_sent { /* to an outside peer */
    uint32_t listener;
    char peer[33];
    bool delimiter;
    struct pl_msg *m;
};

static struct world {
    uint64_t now_ms, random;
    struct pl_node *hub, *leaf;
    struct world_frame links[WORLD_FRAMES];
    uint32_t links_count;
    struct world_sent sent[WORLD_FRAMES];
    uint32_t sent_count;
    int net_answer;       /* of net_send; 0: takes it */
    const char *net_slow; /* only this peer gives net_answer; NULL: all */
    uint64_t child_starts, child_kills, incarnation;
    struct probe *probes[8];
    uint32_t probes_count;
} world;

static uint64_t world_now(void *self)
{
    return world.now_ms;
}

static uint64_t world_wall(void *self)
{
    return 1000000 + world.now_ms;
}

static uint64_t world_random(void *self)
{
    return pl_test_random(&world.random);
}

static int world_link_send(void *self, const char *node, const void *bytes, size_t len)
{
    ck_assert_uint_lt(world.links_count, WORLD_FRAMES);
    struct world_frame *f = &world.links[world.links_count++];
    *f = (struct world_frame){0};
    snprintf(f->from, sizeof f->from, "%s", (const char *)self);
    snprintf(f->to, sizeof f->to, "%s", node);
    pl_buf_write(&f->bytes, bytes, len);
    return 0;
}

static int world_net_send(void *self, uint32_t listener, struct pl_bin peer, bool delimiter,
                          const void *bytes, size_t len)
{
    struct pl_err err = {0};
    char name[33];
    snprintf(name, sizeof name, "%.*s", (int)peer.len, (const char *)peer.ptr);
    if (world.net_answer && (!world.net_slow || strcmp(world.net_slow, name) == 0)) return world.net_answer;
    ck_assert_uint_lt(world.sent_count, WORLD_FRAMES);
    struct world_sent *s = &world.sent[world.sent_count++];
    *s = (struct world_sent){.listener = listener, .delimiter = delimiter};
    memcpy(s->peer, name, sizeof name);
    ck_assert_msg(pl_msg_decode(bytes, len, world.now_ms, 0, &s->m, NULL, &err) == 0, "%s: %s", err.field,
                  err.text);
    return 0;
}

static int world_child_start(void *self, const char *node, uint64_t incarnation, struct pl_err *err)
{
    world.child_starts++;
    world.incarnation = incarnation;
    return 0;
}

static void world_child_kill(void *self, const char *node)
{
    world.child_kills++;
}

static int probe_start(struct pl_actor *self, void *state, const void *arg)
{
    *(struct probe **)state = (struct probe *)(uintptr_t)arg;
    return 0;
}

static int probe_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct probe *p = *(struct probe **)state;
    int fail = p->fail;
    if (PL_BODY(m, net_frame)) {
        p->poked(self, p, m);
        return 0;
    }
    ck_assert_uint_lt(p->count, PROBE_SEEN);
    p->seen[p->count++] = pl_msg_copy(m);
    if (p->on_message) p->on_message(self, p, m);
    p->fail = 0;
    return fail;
}

static const struct pl_actor_class probe_class = {.name = "probe",
                                                  .state_bytes = sizeof(struct probe *),
                                                  .start = probe_start,
                                                  .receive = probe_receive,
                                                  .restart = PL_RESTART_DEFAULT};

static inline void world_begin(void)
{
    memset(&world, 0, sizeof world);
    world.random = 1;
    world.now_ms = 1000;
    struct pl_node_opts o = {.name = "service"};
    struct pl_err err = {0};
    o.world = (struct pl_world){.self = (void *)(uintptr_t) "service",
                                .now_ms = world_now,
                                .wall_ms = world_wall,
                                .random = world_random,
                                .link_send = world_link_send,
                                .net_send = world_net_send,
                                .child_start = world_child_start,
                                .child_kill = world_child_kill};
    ck_assert_msg(pl_node_create(&o, &world.hub, &err) == 0, "%s", err.text);
}

static inline void world_add(struct pl_node *n, const struct pl_actor_class *cls, const char *name,
                             const void *arg)
{
    struct pl_err err = {0};
    ck_assert_msg(pl_node_add(n, cls, name, arg, &err) == 0, "%s", err.text);
}

/* A probe named NAME on the hub; it can be poked. */
static inline void world_probe(struct probe *p, const char *name)
{
    *p = (struct probe){.name = name};
    world_add(world.hub, &probe_class, name, p);
    ck_assert_int_eq(pl_node_listener(world.hub, POKE + world.probes_count, name, NULL), 0);
    world.probes[world.probes_count++] = p;
}

static inline void world_start(struct pl_node *n)
{
    struct pl_err err = {0};
    ck_assert_msg(pl_node_start(n, &err) == 0, "%s: %s", err.field, err.text);
}

static inline bool world_deliver(void)
{
    if (!world.links_count) return false;
    struct world_frame f = world.links[0];
    memmove(world.links, world.links + 1, --world.links_count * sizeof f);
    struct pl_node *to = strcmp(f.to, "service") == 0 ? world.hub : world.leaf;
    if (to) pl_node_link_frame(to, f.from, f.bytes.data, f.bytes.len);
    pl_buf_finish(&f.bytes);
    return true;
}

/* Runs until nothing happens at this time. */
static inline void world_settle(void)
{
    for (bool busy = true; busy;) {
        busy = world_deliver();
        while (pl_node_run(world.hub, 16)) busy = true;
        while (world.leaf && pl_node_run(world.leaf, 16)) busy = true;
    }
}

static inline void world_pass(uint64_t ms)
{
    for (uint64_t end = world.now_ms + ms; world.now_ms < end; world.now_ms++) world_settle();
    world_settle();
}

/* Lets the probe's actor run FN. */
static inline void probe_poke(struct probe *p, probe_do fn)
{
    uint32_t i = 0;
    while (world.probes[i] != p) i++;
    p->poked = fn;
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert_int_eq(pl_node_net_frame(world.hub, POKE + i, &peer, "x", 1, false), 0);
    world_settle();
}

/* The N-th message of the type (from 0) that the probe got; NULL when there are not so many. */
static inline const struct pl_msg *probe_find(const struct probe *p, const struct pl_type *type, uint32_t n)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->seen[i]->type == type && n-- == 0) return p->seen[i];
    return NULL;
}

static inline uint32_t probe_count(const struct probe *p, const struct pl_type *type)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->count; i++) n += p->seen[i]->type == type;
    return n;
}

static inline void probe_clear(struct probe *p)
{
    for (uint32_t i = 0; i < p->count; i++) pl_msg_unref(&p->seen[i]);
    p->count = 0;
}

static inline void world_sent_clear(void)
{
    for (uint32_t i = 0; i < world.sent_count; i++) pl_msg_unref(&world.sent[i].m);
    world.sent_count = 0;
}

/* Value of a counter or gauge line, such as `x_total{code="invalid"}`. 0 when it is not there. */
static inline double world_metric(const char *line)
{
    struct pl_buf b = {0};
    char needle[160];
    pl_metrics_write(pl_node_metrics(world.hub), &b);
    pl_buf_write(&b, "", 1);
    snprintf(needle, sizeof needle, "\n%s ", line);
    const char *at = strstr((char *)b.data, needle);
    double value = at ? atof(at + strlen(needle)) : 0;
    pl_buf_finish(&b);
    return value;
}

static inline void world_end(void)
{
    struct pl_node_counts c;
    pl_node_counts(world.hub, &c);
    ck_assert_uint_eq(c.sent, c.handled + c.refused + c.dead + c.in_flight);
    for (uint32_t i = 0; i < world.probes_count; i++) probe_clear(world.probes[i]);
    pl_node_destroy(&world.leaf);
    pl_node_destroy(&world.hub);
    while (world_deliver())
        ;
    world_sent_clear();
}

#endif
