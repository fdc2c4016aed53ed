/* loop.h - the real world of a node: one libuv loop with ZeroMQ sockets, child processes and threads.
 *
 * Owns the libuv loop and every socket on it; belongs to the thread that runs it. The edge-triggered ZeroMQ
 * descriptor is driven as prepare/check/idle: the poll callback is empty and only wakes the loop, prepare
 * asks ZMQ_EVENTS and starts an idle handle when there is work, check receives up to a budget without
 * blocking. One function sets every socket's options: mandatory routing, finite high-water marks, bounded
 * message size, no linger, short handshake, heartbeats, never blocking. */
#ifndef PL_RUNTIME_LOOP_H
#define PL_RUNTIME_LOOP_H

#include "runtime/node.h"

struct pl_loop;

/* A loop and its world. ZMQ: a ZeroMQ context shared by the loops of a process (pl_zmq_create). */
void *pl_zmq_create(void);
void pl_zmq_destroy(void **zmq); /* after all loops; does not hang (shutdown first, no linger) */
int pl_loop_create(void *zmq, struct pl_loop **out, struct pl_err *err);
void pl_loop_destroy(struct pl_loop **l);
struct pl_world pl_loop_world(struct pl_loop *l);
/* The node that runs on this loop (borrowed). */
void pl_loop_attach(struct pl_loop *l, struct pl_node *n);

/* Hub: binds ENDPOINT (inproc://, ipc://, tcp://127.0.0.1:*) for links of leaves; may be called again for
 * more endpoints of the same hub. ACTUAL (may be NULL): what
 * it became. */
int pl_loop_hub(struct pl_loop *l, const char *endpoint, char *actual, size_t size, struct pl_err *err);
/* Leaf: connects to its hub. */
int pl_loop_connect(struct pl_loop *l, const char *endpoint, struct pl_err *err);

/* Leaf in a process of its own: losing the hub ends the process at once. The hub kills it anyhow, or is dead
 * itself; until then its actors would tell strangers of a trouble that asking again mends. */
void pl_loop_end_with_hub(struct pl_loop *l);

struct pl_listen_opts {
    uint32_t listener;    /* number that net.frame and pl_net_send use */
    const char *endpoint; /* tcp://127.0.0.1:5580 or ipc://PATH (directory made 0700) */
    uint64_t max_bytes;   /* of one message; larger ones cut the peer */
    const char
        *data; /* directory whose keys/ says who may come in (runtime/keys.h); NULL: keys are unknown */
    bool require_keys; /* also on ipc and loopback; anywhere else they are required anyway */
};
/* Outside ROUTER socket. Frames go to the node, with what is known of their sender: the tenant, roles and
 * act_for of its key; without keys act_for on ipc and nothing else. Where keys are required a stranger's
 * handshake fails, which is tried before this returns, and frames under a key that was revoked meanwhile come
 * with its name and no role. -PL_E_FORBIDDEN: keys are required, and DATA is NULL or holds no key of the
 * service. Blocks for some milliseconds, 2 seconds at most, where keys are required. */
int pl_loop_listen(struct pl_loop *l, const struct pl_listen_opts *o, struct pl_err *err);

/* Whether it can be listened at, for one that has a child do it: the errors are those of pl_loop_listen, and
 * -PL_E_FORBIDDEN where keys are required and no client's lives. Nothing stays open. ACTUAL (may be NULL):
 * the endpoint, with a port that is free in place of `*`. */
int pl_listen_probe(const struct pl_listen_opts *o, char *actual, size_t size, struct pl_err *err);

struct pl_child_opts {
    const char *const *argv; /* NULL-terminated, copied; argv[0] is the program */
    const char *endpoint;    /* of the hub, copied */
    uint64_t memory_bytes; /* most that it may hold resident; 0: no limit. Looked at each 50 ms: more, and it
                            * is killed, and started again as its policy says */
    const char
        *withhold; /* a name of the environment that the child is started without; NULL: none; copied */
};
/* How to start the child process that hosts NODE. The child gets --link ENDPOINT, --incarnation N, --parent
 * PID and, with a limit, --memory BYTES appended. It dies with this process, kill -9 too (PR_SET_PDEATHSIG,
 * which the child itself sets by pl_child_begin). */
int pl_loop_child(struct pl_loop *l, const char *node, const struct pl_child_opts *o, struct pl_err *err);
/* Called first in a child's main: dies with PARENT, and at once if that is no longer its parent. */
void pl_child_begin(long parent);
/* Called next, before there are threads: bounds the address space at three times MEMORY_BYTES more than now
 * (0: no bound; under sanitizers none), for what grows faster than the parent looks. An abort for want of
 * memory ends with PL_CHILD_EXIT_MEMORY. -PL_E_IO. */
int pl_child_limit(uint64_t memory_bytes, struct pl_err *err);
/* Raises the number of open files to what the system allows this process: for one with outside sockets. */
void pl_child_open_files(void);
/* How to start the thread that hosts NODE: MAIN runs on a new thread with ARG. For leaves on inproc. */
int pl_loop_thread(struct pl_loop *l, const char *node, void (*main)(void *arg), void *arg,
                   struct pl_err *err);
/* Of the first loop made on such a thread: the incarnation for its node's options. 0 elsewhere. */
uint64_t pl_loop_incarnation(const struct pl_loop *l);

/* HTTP on HOST:PORT (loopback only without keys) with GET /metrics, /healthz, /readyz; nothing else. */
int pl_loop_metrics(struct pl_loop *l, const char *host_port, struct pl_err *err);

/* Calls FN when SIGTERM or SIGINT arrives. */
void pl_loop_on_stop(struct pl_loop *l, void (*fn)(void *arg), void *arg);
/* Runs until pl_loop_end, or the node stopped or failed. 0 or the node's error. */
int pl_loop_run(struct pl_loop *l, struct pl_err *err);
void pl_loop_end(struct pl_loop *l);

#endif
