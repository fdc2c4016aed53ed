/* bench_store.c - durable acceptance: 500-byte records through the store actor, 128 in flight, so that a
 * commit takes many; beside it the same store and code with one in flight, which is one sync for each. In
 * turn, medians of five. The argument is the directory (its disk is what is measured); default: the current
 * one. Wall time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/loop.h"
#include "runtime/store.h"
#include "schemas/gen/types.h"
#include "tests/bench/bench.h"

enum { RECORD_BYTES = 500, IN_FLIGHT = 128, MANY = 50000, FEW = 2000, ROUNDS = 5 };

static uint64_t sent, answered, wanted, failed;

static void write_next(struct pl_actor *self)
{
    static const uint8_t record[RECORD_BYTES] = "a record";
    char key[24];
    PL_NEW(m, w, store_write);
    if (m) w->ops = pl_msg_alloc(m, sizeof *w->ops);
    if (m && w->ops) {
        pl_store_op_type.init(w->ops);
        w->token = ++sent;
        w->ops_count = 1;
        w->ops->op = PL_STORE_OP_OP_PUT;
        w->ops->family = PL_STR("rows");
        w->ops->key =
            pl_msg_bin(m, key, (size_t)snprintf(key, sizeof key, "%016llx", (unsigned long long)sent));
        w->ops->has_value = true;
        w->ops->value = pl_msg_bin(m, record, sizeof record);
    }
    pl_send_to(self, "store", &m);
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    bool written = PL_BODY(m, store_written) != NULL;
    if (!written && !PL_BODY(m, net_frame)) failed += !PL_BODY(m, sys_stop);
    const struct pl_net_frame *begin = PL_BODY(m, net_frame);
    if (begin) {
        uint64_t window;
        memcpy(&window, begin->bytes.ptr, sizeof window);
        while (window-- > 0) write_next(self);
    } else {
        answered++;
        if (sent < wanted) write_next(self);
    }
    return 0;
}

/* Records a second with WINDOW in flight. */
static double measure(struct pl_node *n, uint64_t window, uint64_t records)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)"b", 1}};
    sent = answered = 0;
    wanted = records;
    uint64_t from = bench_ns(CLOCK_MONOTONIC);
    if (pl_node_net_frame(n, 1, &peer, &window, sizeof window, false) != 0) return 0;
    while (answered < wanted && !failed) pl_node_run(n, 1024);
    return (double)records * 1e9 / (double)(bench_ns(CLOCK_MONOTONIC) - from);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int run(struct pl_loop *loop, const char *path)
{
    static const char *const families[] = {"rows", NULL};
    static const struct pl_actor_class writer = {.name = "writer", .receive = receive};
    struct pl_master master = {.key = {42}};
    struct pl_store_opts opts = {.path = path, .families = families, .master = &master};
    struct pl_node_opts o = {.name = "bench", .world = pl_loop_world(loop)};
    struct pl_node *n = NULL;
    double many[ROUNDS], one[ROUNDS];
    struct pl_err err = {0};
    int rc = pl_node_create(&o, &n, &err);
    if (rc == 0) rc = pl_node_add(n, &pl_store_class, NULL, &opts, &err);
    if (rc == 0) rc = pl_node_add(n, &writer, NULL, NULL, &err);
    if (rc == 0) rc = pl_node_listener(n, 1, "writer", &err);
    if (rc == 0) rc = pl_node_start(n, &err);
    if (rc == 0) measure(n, IN_FLIGHT, MANY / 10);
    for (int i = 0; rc == 0 && i < ROUNDS; i++) {
        many[i] = measure(n, IN_FLIGHT, MANY);
        one[i] = measure(n, 1, FEW);
        if (failed) rc = pl_fail(&err, PL_E_STORAGE, "store", "a write failed");
    }
    pl_node_destroy(&n);
    if (rc) fprintf(stderr, "bench_store: %s\n", err.text);
    if (rc) return 1;
    qsort(many, ROUNDS, sizeof *many, order);
    qsort(one, ROUNDS, sizeof *one, order);
    printf("{\"bench\":\"store\",\"per_second\":%.0f,\"one_sync_each\":%.0f,\"ratio\":%.1f}\n",
           many[ROUNDS / 2], one[ROUNDS / 2], many[ROUNDS / 2] / one[ROUNDS / 2]);
    return 0;
}

int main(int argc, char **argv)
{
    char folder[4096], store[4200], command[4300];
    struct pl_loop *loop = NULL;
    snprintf(folder, sizeof folder, "%.4000s/bench-store-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(folder) || pl_loop_create(NULL, &loop, NULL) != 0) {
        fprintf(stderr, "bench_store: cannot work in %s\n", folder);
        return 1;
    }
    snprintf(store, sizeof store, "%s/db", folder);
    int rc = run(loop, store);
    pl_loop_destroy(&loop);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) ? 1 : rc;
}
