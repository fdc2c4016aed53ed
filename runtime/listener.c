/* listener.c - a socket for strangers: each message becomes a net.frame of the node.
 *
 * 1. While the actor behind it has no room nothing is read: the strangers' own sockets fill up.
 * 2. A frame that the node could not take after all is held and offered again; nothing is dropped here but
 * what comes under a routing id that is too long for us, and that is counted. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/loop_inside.h"

enum { DEFAULT_BYTES = 1 << 20 };

struct listener {
    struct pl__port port;
    uint32_t number;
    bool holding;
    struct pl__frame held;
};

static bool offer(struct listener *n, struct pl__frame *f)
{
    struct pl_node *node = n->port.loop->node;
    struct pl_bin bytes = pl__frame_bytes(f);
    if (!node) return true;
    struct pl_net_peer peer = {.id = pl__frame_peer(f), .delimiter = f->delimiter};
    return pl_node_net_frame(node, n->number, &peer, bytes.ptr, bytes.len, f->malformed) != -PL_E_AGAIN;
}

static bool is_open(struct pl__port *p)
{
    struct listener *n = (struct listener *)p;
    struct pl_node *node = p->loop->node;
    if (!node || !pl_node_room(node, n->number)) return false;
    if (!n->holding) return true;
    if (!offer(n, &n->held)) return false;
    pl__frame_finish(&n->held);
    n->holding = false;
    return true;
}

static void count_refused(struct pl_node *node)
{
    if (!node) return;
    pl_counter_add(pl_metrics_counter(pl_node_metrics(node), "parlance_listener_refused_total",
                                      "Messages under a routing id of more than 32 bytes.", NULL),
                   1);
}

static void take(struct pl__port *p, struct pl__frame *f)
{
    struct listener *n = (struct listener *)p;
    if (pl__frame_peer(f).len > PL__PEER_ID_MAX) {
        count_refused(p->loop->node);
        return;
    }
    if (offer(n, f)) return;
    zmq_msg_init(&n->held.peer);
    zmq_msg_init(&n->held.bytes);
    zmq_msg_move(&n->held.peer, &f->peer);
    zmq_msg_move(&n->held.bytes, &f->bytes);
    n->held.delimiter = f->delimiter;
    n->held.malformed = f->malformed;
    n->holding = true;
}

static void finish(struct pl__port *p)
{
    struct listener *n = (struct listener *)p;
    if (n->holding) pl__frame_finish(&n->held);
}

static const struct pl__port_kind kind = {
    .socket = PL__SOCKET_LISTENER, .take = take, .open = is_open, .finish = finish};

static struct listener *find(struct pl_loop *l, uint32_t number)
{
    for (struct pl__port *p = l->ports; p; p = p->next)
        if (p->kind == &kind && ((struct listener *)p)->number == number) return (struct listener *)p;
    return NULL;
}

int pl__listener_send(struct pl_loop *l, uint32_t listener, struct pl_bin peer, bool delimiter,
                      const void *bytes, size_t len)
{
    struct listener *n = find(l, listener);
    return n && peer.len ? pl__socket_send(n->port.socket, peer, delimiter, bytes, len) : -PL_E_GONE;
}

static int parse(const char *endpoint, struct pl__endpoint *e, struct pl_err *err)
{
    int rc = pl__endpoint_parse(endpoint, e, err);
    if (!rc && e->transport == PL__INPROC)
        rc = pl_fail(err, PL_E_INVALID, "endpoint", "strangers come by tcp or ipc, not by %s", e->text);
    return rc;
}

int pl_listen_probe(const char *endpoint, char *actual, size_t size, struct pl_err *err)
{
    struct pl__endpoint e;
    int rc = parse(endpoint, &e, err);
    if (!rc) rc = pl__endpoint_make_room(&e, err);
    if (!rc) rc = pl__endpoint_probe(&e, err);
    if (!rc && actual && (size_t)snprintf(actual, size, "%s", e.text) >= size)
        rc = pl_fail(err, PL_E_TOO_LARGE, "endpoint", "no room for the name of the endpoint");
    return rc;
}

int pl_loop_listen(struct pl_loop *l, const struct pl_listen_opts *o, struct pl_err *err)
{
    struct pl__endpoint e;
    struct pl__port *p;
    int rc = find(l, o->listener)
                 ? pl_fail(err, PL_E_CONFLICT, "listener", "listener %u is there already", o->listener)
                 : parse(o->endpoint, &e, err);
    int64_t max = o->max_bytes ? (int64_t)o->max_bytes : DEFAULT_BYTES;
    if (!rc) rc = pl__port_create(l, &kind, sizeof(struct listener), max, e.ipv6, &p, err);
    if (rc) return rc;
    ((struct listener *)p)->number = o->listener;
    rc = pl__port_bind(p, &e, err);
    if (!rc) rc = pl__port_begin(p, err);
    if (rc) pl__port_close(p);
    return rc;
}
