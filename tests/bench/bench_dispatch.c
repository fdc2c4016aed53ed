/* bench_dispatch.c - what one message between actors of one loop costs, by the code that the daemon runs:
 * made, filled, sent by name, found, queued, its deadline looked at, handled, counted, freed.
 *
 * 1,000 actors; each message goes on to the next actor of a shuffled ring, with a body of 200 bytes of its
 * own and a deadline. The argument says how many messages are under way at a time (64): with 1,000 the
 * processor's caches hold none of them. The clock is the loop's. Processor time, so that a busy machine does
 * not count. With the argument `codec` every message is encoded and decoded besides, as between processes. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/loop.h"
#include "runtime/node.h"
#include "schemas/gen/types.h"
#include "tests/bench/bench.h"

enum { ACTORS = 1000, BODY_BYTES = 200, DEADLINE_MS = 60000, MESSAGES = 8000000, MESSAGES_CODED = 500000 };

static char names[ACTORS][8];
static const char *next_of[ACTORS];
static unsigned under_way = 64, under_way_now;

static void pass_on(struct pl_actor *self, const char *to, const uint8_t *bytes)
{
    PL_NEW(m, f, net_frame);
    if (m) {
        f->bytes = pl_msg_bin(m, bytes, BODY_BYTES);
        m->deadline_ms = pl_now_ms(self) + DEADLINE_MS;
    }
    pl_send_to(self, to, &m);
}

static int begin(struct pl_actor *self, void *state, const void *arg)
{
    uint8_t bytes[BODY_BYTES] = {0};
    const char *next = *(const char **)state = *(const char *const *)arg;
    if (under_way_now < under_way) pass_on(self, next, bytes);
    under_way_now++;
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (f) pass_on(self, *(const char **)state, f->bytes.ptr);
    return f ? 0 : PL_UNHANDLED;
}

/* One ring through all of them, in an order that memory does not follow. */
static void shuffle_ring(void)
{
    uint32_t order[ACTORS], random = 1;
    for (uint32_t i = 0; i < ACTORS; i++) {
        snprintf(names[i], sizeof names[i], "a%u", i % ACTORS);
        order[i] = i;
    }
    for (uint32_t i = ACTORS - 1; i > 0; i--) {
        random = random * 1664525u + 1013904223u;
        uint32_t k = (random >> 8) % (i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (uint32_t i = 0; i < ACTORS; i++) next_of[order[i]] = names[order[(i + 1) % ACTORS]];
}

static int measure(struct pl_loop *loop, bool codec, size_t messages, double *ns)
{
    static const struct pl_actor_class player = {
        .name = "player", .state_bytes = sizeof(const char *), .start = begin, .receive = receive};
    struct pl_node_opts o = {.name = "bench", .codec_always = codec, .world = pl_loop_world(loop)};
    struct pl_node *n = NULL;
    size_t done = 0;
    int rc = pl_node_create(&o, &n, NULL);
    for (int i = 0; rc == 0 && i < ACTORS; i++) rc = pl_node_add(n, &player, names[i], &next_of[i], NULL);
    if (rc == 0) rc = pl_node_start(n, NULL);
    while (rc == 0 && done < messages / 10) done += pl_node_run(n, 1024);
    uint64_t from = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (done = 0; rc == 0 && done < messages;) done += pl_node_run(n, 1024);
    *ns = (double)(bench_ns(CLOCK_PROCESS_CPUTIME_ID) - from) / (double)messages;
    struct pl_node_counts counts = {0};
    if (rc == 0) pl_node_counts(n, &counts);
    if (counts.dead || counts.refused) rc = -PL_E_INTERNAL;
    pl_node_destroy(&n);
    return rc;
}

int main(int argc, char **argv)
{
    struct pl_loop *loop = NULL;
    bool codec = argc > 1 && strcmp(argv[1], "codec") == 0;
    double ns = 0;
    if (argc > 1 && !codec) under_way = (unsigned)atoi(argv[1]);
    shuffle_ring();
    int rc = pl_loop_create(NULL, &loop, NULL);
    if (rc == 0) rc = measure(loop, codec, codec ? MESSAGES_CODED : MESSAGES, &ns);
    pl_loop_destroy(&loop);
    if (rc != 0) fprintf(stderr, "bench_dispatch: %s\n", pl_error_name(-rc));
    printf("{\"bench\":\"dispatch\",\"codec\":%s,\"under_way\":%u,\"ns\":%.1f}\n", codec ? "true" : "false",
           under_way, ns);
    return rc != 0;
}
