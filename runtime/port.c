/* port.c - a ZeroMQ socket on the loop. Its descriptor is edge-triggered and any call on the socket may
 * swallow the edge, so the poll callback does nothing but wake the loop; pl__port_work asks the socket before
 * each wait. */
#include <stdlib.h>
#include <string.h>

#include "runtime/loop_inside.h"

enum { READ_BUDGET = 64 };

int pl__port_create(struct pl_loop *l, const struct pl__port_kind *kind, size_t bytes, int64_t max_bytes,
                    bool ipv6, struct pl__port **out, struct pl_err *err)
{
    struct pl__port *p = calloc(1, bytes);
    if (!p) return pl_fail(err, PL_E_NO_MEMORY, "socket", "out of memory");
    p->kind = kind;
    p->loop = l;
    int rc = pl__socket_create(l->zmq, kind->socket, max_bytes, ipv6, &p->socket, err);
    if (!rc && uv_poll_init(&l->uv, &p->poll, pl__socket_fd(p->socket)) != 0)
        rc = pl_fail(err, PL_E_IO, "socket", "cannot watch a ZeroMQ socket");
    if (rc) {
        pl__socket_close(&p->socket, 0);
        free(p);
        return rc;
    }
    p->poll.data = p;
    p->next = l->ports;
    l->ports = p;
    *out = p;
    return 0;
}

static void wake(uv_poll_t *poll, int status, int events) {}

int pl__port_begin(struct pl__port *p, struct pl_err *err)
{
    if (uv_poll_start(&p->poll, UV_READABLE, wake) == 0) return 0;
    return pl_fail(err, PL_E_IO, "socket", "cannot watch a ZeroMQ socket");
}

static void closed(uv_handle_t *h)
{
    struct pl__port *p = h->data;
    if (p->kind->finish) p->kind->finish(p);
    pl__socket_close(&p->socket, p->linger_ms);
    free(p);
}

void pl__port_close(struct pl__port *p)
{
    struct pl__port **at = &p->loop->ports;
    while (*at && *at != p) at = &(*at)->next;
    if (*at) *at = p->next;
    uv_close((uv_handle_t *)&p->poll, closed);
}

int pl__port_bind(struct pl__port *p, const struct pl__endpoint *e, struct pl_err *err)
{
    int rc = pl__endpoint_make_room(e, err);
    if (rc || zmq_bind(p->socket, e->text) == 0) return rc;
    return pl_fail(err, PL_E_IO, "endpoint", "cannot listen at %s: %s", e->text, zmq_strerror(zmq_errno()));
}

bool pl__port_work(struct pl__port *p)
{
    int events = pl__socket_events(p->socket);
    if (events < 0) {
        pl_loop_end(p->loop);
        return false;
    }
    bool open = !p->kind->open || p->kind->open(p);
    return open && (events & ZMQ_POLLIN);
}

void pl__port_read(struct pl__port *p)
{
    for (int i = 0; i < READ_BUDGET && (!p->kind->open || p->kind->open(p)); i++) {
        struct pl__frame f;
        if (p->kind->read) {
            if (!p->kind->read(p)) return;
            continue;
        }
        if (pl__socket_receive(p->socket, p->kind->socket, &f)) return;
        p->kind->take(p, &f);
        pl__frame_finish(&f);
    }
}
