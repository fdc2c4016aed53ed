/* loop.c - one libuv loop: its turn, and how it begins and ends. Belongs to the thread that runs it.
 *
 *   prepare   the node handles messages and due timers; every socket is asked what it has
 *             work left: the idle handle is on, so that poll does not wait
 *             none:      the timer stands at the node's next due time
 *   poll      waits for a descriptor, a timer, a signal
 *   check     receives from every socket, up to a budget each
 *
 * Nothing between prepare's question and poll touches a ZeroMQ socket, so no edge is lost. With nothing to do
 * the loop sleeps: it never polls by time, but for the files of outside sockets, once a second. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/loop_inside.h"

enum { NODE_BUDGET = 1024, LINGER_MS = 250 };

void *pl_zmq_create(void)
{
    void *zmq = zmq_ctx_new();
    if (zmq) zmq_ctx_set(zmq, ZMQ_BLOCKY, 0);
    return zmq;
}

void pl_zmq_destroy(void **zmq)
{
    if (!zmq || !*zmq) return;
    zmq_ctx_shutdown(*zmq);
    while (zmq_ctx_term(*zmq) != 0 && zmq_errno() == EINTR) {}
    *zmq = NULL;
}

static void wake(uv_timer_t *t) {}

static void spin(uv_idle_t *i) {}

/* Handles what the node has; true when it has more to do right now. */
static bool run_node(struct pl_loop *l)
{
    if (!l->node || l->ended) return false;
    pl_node_run(l->node, NODE_BUDGET);
    if (!pl_node_stopped(l->node) && !pl_node_failed(l->node, NULL)) return true;
    l->orderly = pl_node_stopped(l->node);
    uv_stop(&l->uv);
    return false;
}

/* Arms the timer for the node's next due time; true when that is now. */
static bool arm(struct pl_loop *l)
{
    uint64_t due_ms = pl_node_due_ms(l->node), now_ms = pl__world_now_ms(l);
    if (due_ms == UINT64_MAX) {
        uv_timer_stop(&l->due);
        return false;
    }
    if (due_ms <= now_ms) return true;
    uv_update_time(&l->uv);
    uv_timer_start(&l->due, wake, due_ms - now_ms, 0);
    return false;
}

static void on_prepare(uv_prepare_t *h)
{
    struct pl_loop *l = h->data;
    bool runs = run_node(l), work = false;
    for (struct pl__port *p = l->ports; p; p = p->next) work |= pl__port_work(p);
    if (runs) work |= arm(l);
    if (work)
        uv_idle_start(&l->idle, spin);
    else
        uv_idle_stop(&l->idle);
}

static void on_check(uv_check_t *h)
{
    struct pl_loop *l = h->data;
    for (struct pl__port *p = l->ports; p && !l->ended; p = p->next) pl__port_read(p);
}

static void init_handles(struct pl_loop *l)
{
    uv_prepare_init(&l->uv, &l->prepare);
    uv_check_init(&l->uv, &l->check);
    uv_idle_init(&l->uv, &l->idle);
    uv_timer_init(&l->uv, &l->due);
    uv_timer_init(&l->uv, &l->watch);
    l->prepare.data = l->check.data = l->watch.data = l;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_start(&l->check, on_check);
}

int pl_loop_create(void *zmq, struct pl_loop **out, struct pl_err *err)
{
    struct pl_loop *l = calloc(1, sizeof *l);
    if (!l) return pl_fail(err, PL_E_NO_MEMORY, "loop", "out of memory");
    int rc = uv_loop_init(&l->uv);
    if (rc) {
        free(l);
        return pl_fail(err, PL_E_IO, "loop", "cannot make an event loop: %s", uv_strerror(rc));
    }
    signal(SIGPIPE, SIG_IGN); /* a closed peer is an error code, not our end */
    l->zmq = zmq;
    init_handles(l);
    pl__world_init(l);
    pl__host_enter(l);
    *out = l;
    return 0;
}

static void close_base(struct pl_loop *l)
{
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_close((uv_handle_t *)&l->due, NULL);
    uv_close((uv_handle_t *)&l->watch, NULL);
    for (int i = 0; l->on_stop && i < 2; i++) uv_close((uv_handle_t *)&l->signals[i], NULL);
}

void pl_loop_destroy(struct pl_loop **lp)
{
    if (!lp || !*lp) return;
    struct pl_loop *l = *lp;
    l->node = NULL; /* it may be gone already */
    close_base(l);
    pl__children_end(l);
    pl__hosts_end(l);
    pl__http_close(l);
    pl__host_leave(l);
    while (l->ports) {
        l->ports->linger_ms = l->orderly ? LINGER_MS : 0;
        pl__port_close(l->ports);
    }
    while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0) {}
    PL_MUST(uv_loop_close(&l->uv) == 0);
    free(l);
    *lp = NULL;
}

void pl_loop_attach(struct pl_loop *l, struct pl_node *n)
{
    l->node = n;
}

static void on_signal(uv_signal_t *s, int number)
{
    struct pl_loop *l = s->data;
    l->on_stop(l->on_stop_arg);
}

void pl_loop_on_stop(struct pl_loop *l, void (*fn)(void *arg), void *arg)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    bool first = !l->on_stop;
    l->on_stop = fn;
    l->on_stop_arg = arg;
    for (int i = 0; first && i < 2; i++) {
        PL_MUST(uv_signal_init(&l->uv, &l->signals[i]) == 0);
        l->signals[i].data = l;
        PL_MUST(uv_signal_start(&l->signals[i], on_signal, numbers[i]) == 0);
    }
}

int pl_loop_run(struct pl_loop *l, struct pl_err *err)
{
    if (l->leaf && !l->ended) pl__leaf_run(l->leaf);
    if (!l->ended) uv_run(&l->uv, UV_RUN_DEFAULT);
    l->ended = true;
    struct pl_err why = {0};
    if (!l->node || !pl_node_failed(l->node, &why)) return 0;
    if (err) *err = why;
    return why.code ? -why.code : -PL_E_INTERNAL;
}

void pl_loop_end(struct pl_loop *l)
{
    l->ended = true;
    l->orderly = true;
    uv_stop(&l->uv);
}

void pl__loop_child_exited(struct pl_loop *l, const char *node, uint64_t incarnation, int status)
{
    if (!l->node) return;
    if (l->hub) {
        pl__port_read(l->hub);
        pl__hub_forget(l->hub, node);
    }
    pl_node_child_exited(l->node, node, incarnation, status);
}
