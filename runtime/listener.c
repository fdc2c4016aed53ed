/* listener.c - a socket for strangers: each message becomes a net.frame of the node.
 *
 * 1. While the actor behind it has no room nothing is read: the strangers' own sockets fill up.
 * 2. A frame that the node could not take after all is held and offered again; nothing is dropped here but
 * what comes under a routing id that is too long for us, and that is counted.
 * 3. Whoever cleans up a directory may take the socket's file along, and then nobody new can come: the file
 * is looked at once a second and made again. Those who are connected stay so. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/loop_inside.h"

enum { DEFAULT_BYTES = 1 << 20, WATCH_MS = 1000 };

struct listener {
    struct pl__port port;
    uint32_t number;
    bool keyed; /* senders have proved a key */
    bool ipc;
    bool holding;
    struct pl__frame held;
    struct pl__endpoint at;
    struct stat file; /* of an ipc endpoint, as it was when it was bound */
    bool told;        /* that the file cannot be made again */
};

static bool offer(struct listener *n, struct pl__frame *f)
{
    struct pl_node *node = n->port.loop->node;
    struct pl_bin bytes = pl__frame_bytes(f);
    if (!node) return true;
    struct pl_net_peer peer = {.id = pl__frame_peer(f), .delimiter = f->delimiter};
    if (n->keyed)
        pl__zap_identify(n->port.loop, pl__frame_user(f), &peer);
    else
        peer.act_for = n->ipc; /* the directory is this user's: it may speak for any tenant */
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

static void keep_file(struct listener *n)
{
    struct stat now;
    struct pl_err err = {0};
    struct pl_log *log = n->port.loop->node ? pl_node_log(n->port.loop->node) : NULL;
    if (!n->ipc) return;
    bool ours = lstat(n->at.path, &now) == 0 && now.st_ino == n->file.st_ino && now.st_dev == n->file.st_dev;
    if (ours || (n->told && access(n->at.path, F_OK) == 0)) return;
    bool failed = pl__port_bind(&n->port, &n->at, &err) != 0;
    if (log && failed && !n->told) pl_log_write(log, PL_LOG_WARN, "", "socket lost", "text=%s", err.text);
    if (log && !failed) pl_log_write(log, PL_LOG_INFO, "", "socket made again", "path=%s", n->at.path);
    n->told = failed;
    if (!failed) lstat(n->at.path, &n->file);
}

static void watch(uv_timer_t *t)
{
    struct pl_loop *l = t->data;
    for (struct pl__port *p = l->ports; p; p = p->next)
        if (p->kind == &kind) keep_file((struct listener *)p);
}

static int parse(const struct pl_listen_opts *o, struct pl__endpoint *e, struct pl_err *err)
{
    int rc = o->data ? pl__endpoint_parse_any(o->endpoint, e, err) : pl__endpoint_parse(o->endpoint, e, err);
    if (!rc && e->transport == PL__INPROC)
        rc = pl_fail(err, PL_E_INVALID, "endpoint", "strangers come by tcp or ipc, not by %s", e->text);
    return rc;
}

static bool needs_keys(const struct pl_listen_opts *o, const struct pl__endpoint *e)
{
    return o->require_keys || !e->local;
}

int pl_listen_probe(const struct pl_listen_opts *o, char *actual, size_t size, struct pl_err *err)
{
    struct pl__endpoint e;
    int rc = parse(o, &e, err);
    if (!rc && needs_keys(o, &e)) rc = pl__zap_can_open(o->data, err);
    if (!rc) rc = pl__endpoint_make_room(&e, err);
    if (!rc) rc = pl__endpoint_probe(&e, err);
    if (!rc && actual && (size_t)snprintf(actual, size, "%s", e.text) >= size)
        rc = pl_fail(err, PL_E_TOO_LARGE, "endpoint", "no room for the name of the endpoint");
    return rc;
}

/* The key side of a new socket that is not bound yet. */
static int require_keys(struct listener *n, const struct pl_listen_opts *o, struct pl_err *err)
{
    struct pl_loop *l = n->port.loop;
    int rc = pl__zap_open(l, o->data, err);
    n->keyed = true;
    return rc ? rc : pl__socket_require_keys(n->port.socket, pl__zap_server(l), err);
}

static int open_listener(struct listener *n, const struct pl_listen_opts *o, const struct pl__endpoint *e,
                         struct pl_err *err)
{
    n->number = o->listener;
    n->ipc = e->transport == PL__IPC;
    n->at = *e;
    int rc = needs_keys(o, e) ? require_keys(n, o, err) : 0;
    if (!rc) rc = pl__port_bind(&n->port, e, err);
    if (!rc && n->keyed) rc = pl__stranger_is_refused(n->port.loop, n->port.socket, err);
    if (!rc && n->ipc) lstat(e->path, &n->file);
    if (!rc && n->ipc) uv_timer_start(&n->port.loop->watch, watch, WATCH_MS, WATCH_MS);
    return rc ? rc : pl__port_begin(&n->port, err);
}

int pl_loop_listen(struct pl_loop *l, const struct pl_listen_opts *o, struct pl_err *err)
{
    struct pl__endpoint e;
    struct pl__port *p;
    int rc = find(l, o->listener)
                 ? pl_fail(err, PL_E_CONFLICT, "listener", "listener %u is there already", o->listener)
                 : parse(o, &e, err);
    int64_t max = o->max_bytes ? (int64_t)o->max_bytes : DEFAULT_BYTES;
    if (!rc) rc = pl__port_create(l, &kind, sizeof(struct listener), max, e.ipv6, &p, err);
    if (rc) return rc;
    rc = open_listener((struct listener *)p, o, &e, err);
    if (rc) pl__port_close(p);
    return rc;
}
