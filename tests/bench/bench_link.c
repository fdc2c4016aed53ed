/* bench_link.c - a message to an actor in a child process and its answer back, over the hub's ipc link;
 * beside it a bare ZeroMQ DEALER that echoes frames of the same size to a ROUTER over ipc. One in flight
 * (round trip) and 64 (throughput), in turn, medians of five. Wall time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "runtime/loop.h"
#include "schemas/gen/types.h"
#include "tests/bench/bench.h"

enum { BODY_BYTES = 200, WINDOW = 64, ROUND_TRIPS = 5000, MANY = 100000, ROUNDS = 5 };

/* ---- the child: an actor that echoes ---- */

static int echo_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (!f) return 0;
    PL_NEW(answer, a, net_frame);
    if (answer) a->bytes = pl_msg_bin(answer, f->bytes.ptr, f->bytes.len);
    pl_reply(self, m, &answer);
    return 0;
}

static int run_leaf(void *zmq, const char *link, uint64_t incarnation)
{
    static const struct pl_actor_class echo = {.name = "echo", .receive = echo_receive};
    struct pl_loop *l = NULL;
    struct pl_node *n = NULL;
    int rc = pl_loop_create(zmq, &l, NULL);
    if (rc) return rc;
    struct pl_node_opts o = {
        .name = "leaf", .world = pl_loop_world(l), .hub = "service", .incarnation = incarnation};
    rc = pl_node_create(&o, &n, NULL);
    if (!rc) rc = pl_node_add(n, &echo, NULL, NULL, NULL);
    if (!rc) pl_loop_attach(l, n);
    if (!rc) rc = pl_loop_connect(l, link, NULL);
    if (!rc) rc = pl_node_start(n, NULL);
    if (!rc) rc = pl_loop_run(l, NULL);
    pl_node_destroy(&n);
    pl_loop_destroy(&l);
    return rc;
}

static const char *argument(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return "";
}

static int be_child(int argc, char **argv)
{
    pl_child_begin(atol(argument(argc, argv, "--parent")));
    void *zmq = pl_zmq_create();
    int rc = run_leaf(zmq, argument(argc, argv, "--link"),
                      strtoull(argument(argc, argv, "--incarnation"), NULL, 10));
    pl_zmq_destroy(&zmq);
    return rc != 0;
}

/* ---- the hub: an actor that asks ---- */

static struct {
    struct pl_loop *loop;
    uint64_t window, wanted, sent, answered, from_ns;
    unsigned round;
    double trip[ROUNDS], many[ROUNDS];
    void (*between)(unsigned round); /* the bare peer's turn */
} run;

static void ask(struct pl_actor *self)
{
    static const uint8_t bytes[BODY_BYTES];
    PL_NEW(m, f, net_frame);
    if (m) f->bytes = pl_msg_bin(m, bytes, sizeof bytes);
    run.sent++;
    pl_send_to(self, "echo", &m);
}

static void begin_part(struct pl_actor *self, uint64_t window, uint64_t wanted)
{
    run.window = window;
    run.wanted = wanted;
    run.sent = run.answered = 0;
    run.from_ns = bench_ns(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < window; i++) ask(self);
}

static void part_ended(struct pl_actor *self)
{
    double each_ns = (double)(bench_ns(CLOCK_MONOTONIC) - run.from_ns) / (double)run.wanted;
    if (run.window == 1) {
        run.trip[run.round] = each_ns;
        begin_part(self, WINDOW, MANY);
        return;
    }
    run.many[run.round] = each_ns;
    run.between(run.round);
    if (++run.round == ROUNDS)
        pl_loop_end(run.loop);
    else
        begin_part(self, 1, ROUND_TRIPS);
}

static int asker_start(struct pl_actor *self, void *state, const void *arg)
{
    pl_monitor(self, "echo");
    return 0;
}

static int asker_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (PL_BODY(m, sys_up)) begin_part(self, 1, ROUND_TRIPS);
    if (!PL_BODY(m, net_frame)) return 0;
    if (++run.answered == run.wanted)
        part_ended(self);
    else if (run.sent < run.wanted)
        ask(self);
    return 0;
}

static int run_hub(void *zmq, const char *self_path, const char *endpoint, struct pl_err *err)
{
    static const struct pl_actor_class asker = {
        .name = "asker", .start = asker_start, .receive = asker_receive};
    static const struct pl_restart_policy policy = PL_RESTART_DEFAULT;
    const char *argv[] = {self_path, "child", NULL};
    struct pl_child_opts child = {.argv = argv, .endpoint = endpoint};
    struct pl_node *n = NULL;
    int rc = pl_loop_create(zmq, &run.loop, err);
    if (rc) return rc;
    struct pl_node_opts o = {.name = "service", .world = pl_loop_world(run.loop)};
    rc = pl_node_create(&o, &n, err);
    if (!rc) pl_loop_attach(run.loop, n);
    if (!rc) rc = pl_loop_hub(run.loop, endpoint, NULL, 0, err);
    if (!rc) rc = pl_loop_child(run.loop, "leaf", &child, err);
    if (!rc) rc = pl_node_child(n, "leaf", &policy, err);
    if (!rc) rc = pl_node_place(n, "echo", "leaf", err);
    if (!rc) rc = pl_node_add(n, &asker, NULL, NULL, err);
    if (!rc) rc = pl_node_start(n, err);
    if (!rc) rc = pl_loop_run(run.loop, err);
    pl_node_destroy(&n);
    pl_loop_destroy(&run.loop);
    return rc;
}

/* ---- bare ZeroMQ ---- */

static struct {
    void *router;
    char id[16];
    int id_len;
    double trip[ROUNDS], many[ROUNDS];
} bare;

static int be_bare_child(const char *endpoint, long parent)
{
    pl_child_begin(parent);
    void *zmq = zmq_ctx_new(), *s = zmq_socket(zmq, ZMQ_DEALER);
    char bytes[BODY_BYTES];
    if (zmq_connect(s, endpoint) != 0) return 1;
    zmq_send(s, "up", 2, 0);
    for (int n; (n = zmq_recv(s, bytes, sizeof bytes, 0)) >= 0;) zmq_send(s, bytes, (size_t)n, 0);
    return 0;
}

static double bare_part(uint64_t window, uint64_t wanted)
{
    static char bytes[BODY_BYTES];
    uint64_t sent = 0, answered = 0, from_ns = bench_ns(CLOCK_MONOTONIC);
    while (answered < wanted) {
        for (; sent < wanted && sent - answered < window; sent++) {
            zmq_send(bare.router, bare.id, (size_t)bare.id_len, ZMQ_SNDMORE);
            zmq_send(bare.router, bytes, sizeof bytes, 0);
        }
        char id[16];
        zmq_recv(bare.router, id, sizeof id, 0);
        zmq_recv(bare.router, bytes, sizeof bytes, 0);
        answered++;
    }
    return (double)(bench_ns(CLOCK_MONOTONIC) - from_ns) / (double)wanted;
}

static void bare_round(unsigned round)
{
    bare.trip[round] = bare_part(1, ROUND_TRIPS);
    bare.many[round] = bare_part(WINDOW, MANY);
}

static int bare_open(void *zmq, const char *self_path, const char *endpoint)
{
    char up[8], parent[24];
    bare.router = zmq_socket(zmq, ZMQ_ROUTER);
    if (zmq_bind(bare.router, endpoint) != 0) return -1;
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    if (fork() == 0) {
        execl(self_path, self_path, "bare", endpoint, parent, (char *)NULL);
        _exit(1);
    }
    bare.id_len = zmq_recv(bare.router, bare.id, sizeof bare.id, 0);
    return bare.id_len > 0 && zmq_recv(bare.router, up, sizeof up, 0) == 2 ? 0 : -1;
}

/* ---- both ---- */

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, order);
    return v[ROUNDS / 2];
}

static void report(void)
{
    double trip = median(run.trip) / 1e3, bare_trip = median(bare.trip) / 1e3;
    double many = 1e9 / median(run.many), bare_many = 1e9 / median(bare.many);
    printf("{\"bench\":\"link\",\"round_trip_us\":%.1f,\"bare_round_trip_us\":%.1f,\"round_trip_ratio\":%.2f,"
           "\"per_second\":%.0f,\"bare_per_second\":%.0f,\"throughput_ratio\":%.2f}\n",
           trip, bare_trip, trip / bare_trip, many, bare_many, many / bare_many);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0) return be_child(argc, argv);
    if (argc > 3 && strcmp(argv[1], "bare") == 0) return be_bare_child(argv[2], atol(argv[3]));
    char folder[] = "/tmp/bench-link-XXXXXX", hub[64], echo[64], path[4096] = {0}, command[64];
    if (!mkdtemp(folder) || readlink("/proc/self/exe", path, sizeof path - 1) < 0) return 1;
    snprintf(hub, sizeof hub, "ipc://%s/hub", folder);
    snprintf(echo, sizeof echo, "ipc://%s/bare", folder);
    struct pl_err err = {0};
    void *zmq = pl_zmq_create(), *own = zmq_ctx_new();
    run.between = bare_round;
    int rc = bare_open(own, path, echo);
    if (rc == 0) rc = run_hub(zmq, path, hub, &err);
    if (rc == 0) report();
    if (rc) fprintf(stderr, "bench_link: %s\n", err.text);
    zmq_close(bare.router);
    pl_zmq_destroy(&zmq);
    pl_zmq_destroy(&own);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : rc != 0;
}
