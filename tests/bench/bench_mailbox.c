/* bench_mailbox.c - what one message between two actors of one node costs: created, sent, checked, handled,
 * freed. Two actors throw a number to and fro; then the same with every message encoded and decoded.
 * Processor time, so that a busy machine does not count. */
#include <stdio.h>
#include <time.h>

#include "runtime/node.h"
#include "schemas/gen/types.h"

enum { BALLS = 32 };

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ms(void *self)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static void throw_ball(struct pl_actor *self, const char *to, uint64_t token)
{
    PL_NEW(m, w, store_written);
    if (w) w->token = token;
    pl_send_to(self, to, &m);
}

static int begin(struct pl_actor *self, void *state, const void *arg)
{
    for (uint64_t i = 0; arg && i < BALLS; i++) throw_ball(self, arg, i);
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (w) throw_ball(self, m->env.from.len == 4 ? "left" : "right", w->token);
    return 0;
}

static double measure(bool codec, size_t messages)
{
    static const struct pl_actor_class player = {.name = "player", .start = begin, .receive = receive};
    struct pl_node_opts o = {.name = "bench", .codec_always = codec, .world = {.now_ms = now_ms}};
    struct pl_node *n = NULL;
    size_t done = 0;
    if (pl_node_create(&o, &n, NULL) != 0) return 0;
    pl_node_add(n, &player, "left", "right", NULL);
    pl_node_add(n, &player, "right", NULL, NULL);
    pl_node_start(n, NULL);
    uint64_t from = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (done < messages) done += pl_node_run(n, 4096);
    uint64_t spent = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - from;
    pl_node_destroy(&n);
    return (double)spent / (double)done;
}

int main(void)
{
    double plain = measure(false, 3000000), codec = measure(true, 500000);
    printf("{\"bench\":\"mailbox\",\"ns_per_message\":%.1f,\"messages_per_second\":%.0f,\"codec_ns_per_"
           "message\":%.1f}\n",
           plain, 1e9 / plain, codec);
    return 0;
}
