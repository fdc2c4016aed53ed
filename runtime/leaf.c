/* leaf.c - the link of a leaf to its hub: one DEALER, and for ipc and tcp a monitor that tells when it is
 * connected.
 *
 *   connecting --handshake done--> up --disconnected--> connecting
 *
 * The node is told each time, and says hello at each up. An inproc link has no handshake: it is up when the
 * loop runs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/loop_inside.h"
#include "runtime/node_inside.h"

struct leaf {
    struct pl__port port;
    struct pl__port *monitor; /* NULL on inproc */
    bool up;
};

static const char *hub_name(struct pl_loop *l)
{
    return l->node && l->node->hub ? l->node->hub->name : NULL;
}

static void go_up(struct leaf *f)
{
    const char *hub = hub_name(f->port.loop);
    if (f->up) return;
    f->up = true;
    if (hub) pl_node_link_up(f->port.loop->node, hub);
}

static void go_down(struct leaf *f)
{
    const char *hub = hub_name(f->port.loop);
    if (!f->up) return;
    f->up = false;
    if (f->port.loop->ends_with_hub) _exit(1);
    if (hub) pl_node_link_lost(f->port.loop->node, hub);
}

static void take(struct pl__port *p, struct pl__frame *f)
{
    struct pl_bin bytes = pl__frame_bytes(f);
    const char *hub = hub_name(p->loop);
    if (!f->malformed && hub) pl_node_link_frame(p->loop->node, hub, bytes.ptr, bytes.len);
}

/* An event is a frame of a 16-bit number and a 32-bit value, and a frame with the address. */
static void take_event(struct pl__port *p, struct pl__frame *f)
{
    struct leaf *leaf = (struct leaf *)p->loop->leaf;
    uint16_t event = 0;
    if (zmq_msg_size(&f->peer) < sizeof event || !leaf) return;
    memcpy(&event, zmq_msg_data(&f->peer), sizeof event);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        go_up(leaf);
    else if (event == ZMQ_EVENT_DISCONNECTED)
        go_down(leaf);
}

static void stop_monitor(struct pl__port *p)
{
    zmq_socket_monitor(p->socket, NULL, 0);
}

static const struct pl__port_kind leaf_kind = {
    .socket = PL__SOCKET_LEAF, .take = take, .finish = stop_monitor};
static const struct pl__port_kind monitor_kind = {.socket = PL__SOCKET_MONITOR, .take = take_event};

int pl__leaf_send(struct pl__port *p, const void *bytes, size_t len)
{
    if (!((struct leaf *)p)->up) return -PL_E_GONE;
    return pl__socket_send(p->socket, (struct pl_bin){0}, false, bytes, len);
}

void pl__leaf_run(struct pl__port *p)
{
    struct leaf *f = (struct leaf *)p;
    if (!f->monitor) go_up(f);
}

static int watch(struct leaf *f, struct pl_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://parlance-monitor-%" PRIxPTR, (uintptr_t)f);
    int rc =
        pl__port_create(f->port.loop, &monitor_kind, sizeof(struct pl__port), 256, false, &f->monitor, err);
    if (!rc && (zmq_socket_monitor(f->port.socket, name,
                                   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0 ||
                zmq_connect(f->monitor->socket, name) != 0))
        rc = pl_fail(err, PL_E_IO, "endpoint", "cannot watch the link: %s", zmq_strerror(zmq_errno()));
    return rc ? rc : pl__port_begin(f->monitor, err);
}

void pl_loop_end_with_hub(struct pl_loop *l)
{
    l->ends_with_hub = true;
}

int pl_loop_connect(struct pl_loop *l, const char *endpoint, struct pl_err *err)
{
    struct pl__endpoint e;
    struct pl__port *p;
    int rc = l->hub || l->leaf
                 ? pl_fail(err, PL_E_CONFLICT, "endpoint", "this loop already has its end of the links")
                 : pl__endpoint_parse(endpoint, &e, err);
    if (!rc) rc = pl__port_create(l, &leaf_kind, sizeof(struct leaf), PL__LINK_BYTES_MAX, e.ipv6, &p, err);
    if (rc) return rc;
    struct leaf *f = (struct leaf *)p;
    if (e.transport != PL__INPROC) rc = watch(f, err);
    if (!rc && zmq_connect(p->socket, e.text) != 0)
        rc = pl_fail(err, PL_E_IO, "endpoint", "cannot connect to %s: %s", e.text, zmq_strerror(zmq_errno()));
    if (!rc) rc = pl__port_begin(p, err);
    if (!rc) {
        l->leaf = p;
        return 0;
    }
    if (f->monitor) pl__port_close(f->monitor);
    pl__port_close(p);
    return rc;
}
