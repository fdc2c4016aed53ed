/* hub.c - the links of a hub: one ROUTER, and for each leaf the routing id that its last node.hello came by.
 *
 * A connection is nobody until it says hello; what else it sends is dropped. A leaf that was started again
 * says hello by a new connection, which replaces the old one; a late hello of an older incarnation does not.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/loop_inside.h"
#include "runtime/msg.h"
#include "schemas/gen/runtime.h"

enum { LEAVES_MAX = 64, HELLO_BYTES_MAX = 64 << 10 };

struct leaf_id {
    char node[PL__NODE_NAME_MAX + 1];
    uint64_t incarnation;
    uint8_t id[PL__PEER_ID_MAX];
    uint32_t id_len; /* 0: not connected */
};
struct hub {
    struct pl__port port;
    struct leaf_id leaves[LEAVES_MAX];
    uint32_t count;
};

static struct leaf_id *by_name(struct hub *h, struct pl_str node)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (pl_str_is(node, h->leaves[i].node)) return &h->leaves[i];
    return NULL;
}

static struct leaf_id *by_id(struct hub *h, struct pl_bin id)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct leaf_id *l = &h->leaves[i];
        if (l->id_len == id.len && memcmp(l->id, id.ptr, id.len) == 0) return l;
    }
    return NULL;
}

static struct leaf_id *remember(struct hub *h, const struct pl_node_hello *hello, struct pl_bin id)
{
    struct leaf_id *l = by_name(h, hello->node);
    if (hello->node.len == 0 || hello->node.len > PL__NODE_NAME_MAX || id.len > PL__PEER_ID_MAX) return NULL;
    if (l && hello->incarnation < l->incarnation) return NULL;
    if (!l && h->count == LEAVES_MAX) return NULL;
    if (!l) l = &h->leaves[h->count++];
    snprintf(l->node, sizeof l->node, "%.*s", PL_STR_FMT(hello->node));
    l->incarnation = hello->incarnation;
    memcpy(l->id, id.ptr, id.len);
    l->id_len = id.len;
    return l;
}

static struct leaf_id *greet(struct hub *h, struct pl_bin id, struct pl_bin bytes)
{
    struct pl_msg *m = NULL;
    struct leaf_id *l = NULL;
    /* The first byte of a frame is its lane. */
    if (bytes.len < 2 || bytes.len > HELLO_BYTES_MAX ||
        pl_msg_decode(bytes.ptr + 1, bytes.len - 1, 0, HELLO_BYTES_MAX, &m, NULL, NULL))
        return l;
    const struct pl_node_hello *hello = PL_BODY(m, node_hello);
    if (hello) l = remember(h, hello, id);
    pl_msg_unref(&m);
    return l;
}

static void take(struct pl__port *p, struct pl__frame *f)
{
    struct hub *h = (struct hub *)p;
    struct pl_bin id = pl__frame_peer(f), bytes = pl__frame_bytes(f);
    if (f->malformed || id.len == 0) return;
    struct leaf_id *l = by_id(h, id);
    if (!l) l = greet(h, id, bytes);
    if (l && p->loop->node) pl_node_link_frame(p->loop->node, l->node, bytes.ptr, bytes.len);
}

static const struct pl__port_kind hub_kind = {.socket = PL__SOCKET_HUB, .take = take};

int pl__hub_send(struct pl__port *p, const char *node, const void *bytes, size_t len)
{
    const struct leaf_id *l = by_name((struct hub *)p, pl_str_of(node));
    if (!l || l->id_len == 0) return -PL_E_GONE;
    return pl__socket_send(p->socket, (struct pl_bin){l->id, l->id_len}, false, bytes, len);
}

void pl__hub_forget(struct pl__port *p, const char *node)
{
    struct leaf_id *l = by_name((struct hub *)p, pl_str_of(node));
    if (l) l->id_len = 0;
}

static int hub_open(struct pl_loop *l, const struct pl__endpoint *e, struct pl_err *err)
{
    struct pl__port *p;
    int rc = pl__port_create(l, &hub_kind, sizeof(struct hub), PL__LINK_BYTES_MAX, e->ipv6, &p, err);
    if (rc) return rc;
    rc = pl__port_bind(p, e, err);
    if (!rc) rc = pl__port_begin(p, err);
    if (rc)
        pl__port_close(p);
    else
        l->hub = p;
    return rc;
}

int pl_loop_hub(struct pl_loop *l, const char *endpoint, char *actual, size_t size, struct pl_err *err)
{
    struct pl__endpoint e;
    if (l->leaf) return pl_fail(err, PL_E_CONFLICT, "endpoint", "this loop is a leaf already");
    int rc = pl__endpoint_parse(endpoint, &e, err);
    if (!rc) rc = l->hub ? pl__port_bind(l->hub, &e, err) : hub_open(l, &e, err);
    if (!rc && actual && zmq_getsockopt(l->hub->socket, ZMQ_LAST_ENDPOINT, actual, &size) != 0)
        rc = pl_fail(err, PL_E_TOO_LARGE, "endpoint", "no room for the name of the endpoint");
    return rc;
}
