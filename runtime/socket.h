/* socket.h - every ZeroMQ socket of the program is made, read and written here and nowhere else. */
#ifndef PL_RUNTIME_SOCKET_H
#define PL_RUNTIME_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

#include "runtime/keys.h"
#include "schemas/err.h"
#include "schemas/wire.h"

enum pl__socket_kind {
    PL__SOCKET_HUB,      /* ROUTER that leaves connect to */
    PL__SOCKET_LEAF,     /* DEALER that connects to a hub */
    PL__SOCKET_LISTENER, /* ROUTER for strangers */
    PL__SOCKET_MONITOR,  /* PAIR that tells of a socket's connection */
    PL__SOCKET_ZAP       /* REP that says whose key is good */
};
/* Largest message on a link: what the node's outbox of a link holds and a little more. */
#define PL__LINK_BYTES_MAX ((int64_t)80 << 20)

/* One message. PEER is its first part: of a ROUTER the routing id, of a monitor the event; empty on a DEALER.
 * A message that is not one frame, or an empty frame and one, is MALFORMED and has no bytes. */
struct pl__frame {
    zmq_msg_t peer, bytes;
    bool delimiter, malformed;
};

/* A socket with every option set. IPV6: the address has brackets. -PL_E_IO. */
int pl__socket_create(void *zmq, enum pl__socket_kind kind, int64_t max_bytes, bool ipv6, void **out,
                      struct pl_err *err);
/* Before a bind: only who proves a key by CURVE comes in, and only when the context's ZAP handler says so;
 * without a handler nobody does. -PL_E_IO. */
int pl__socket_require_keys(void *socket, const struct pl_key_pair *server, struct pl_err *err);
/* Before a connect: who we are, and whom we expect. -PL_E_IO. */
int pl__socket_use_keys(void *socket, const struct pl_key_pair *own, const char *server_public,
                        struct pl_err *err);
/* Closes at once but for what was sent: that has LINGER_MS to leave. */
void pl__socket_close(void **socket, int linger_ms);
/* The descriptor that tells, edge-triggered, that pl__socket_events may have changed. */
int pl__socket_fd(void *socket);
/* ZMQ_POLLIN | ZMQ_POLLOUT; handles what the socket was told, so the descriptor falls silent. -PL_E_GONE:
 * shut down. */
int pl__socket_events(void *socket);
/* 0: *F is to be finished; -PL_E_AGAIN: nothing there; -PL_E_GONE: the context is shut down. */
int pl__socket_receive(void *socket, enum pl__socket_kind kind, struct pl__frame *f);
void pl__frame_finish(struct pl__frame *f);
struct pl_bin pl__frame_peer(struct pl__frame *f);
struct pl_bin pl__frame_bytes(struct pl__frame *f);
/* What the ZAP handler said of the sender: its user id; "" for none. Lives as long as the frame. */
const char *pl__frame_user(struct pl__frame *f);
/* A whole message of up to MAX parts; further ones are dropped and counted in *N. All MAX are to be closed
 * after a 0.
 */
int pl__socket_receive_parts(void *socket, zmq_msg_t *parts, size_t max, size_t *n);
int pl__socket_send_parts(void *socket, const struct pl_bin *parts, size_t n);
/* PEER {NULL,0} on a DEALER. 0, -PL_E_AGAIN (its queue is full) or -PL_E_GONE (no such peer); never blocks.
 */
int pl__socket_send(void *socket, struct pl_bin peer, bool delimiter, const void *bytes, size_t len);

#endif
