/* stranger.c - a try of the lock before anybody comes: a client with a key that nobody knows has to be
 * refused.
 *
 * CURVE without a handler that is asked would be encryption for everybody, and nothing would show it; so the
 * socket as it stands is tried, by the way that a client takes. */
#include <stdio.h>
#include <string.h>

#include "runtime/loop_inside.h"

enum { WAIT_MS = 2000, TURN_MS = 100, EVENT_BYTES = 256 };

/* Where a client on this machine reaches what is bound to every address. */
static void reachable(char *endpoint, size_t size)
{
    static const char *const from[] = {"tcp://0.0.0.0:", "tcp://[::]:"};
    static const char *const to[] = {"tcp://127.0.0.1:", "tcp://[::1]:"};
    char port[16];
    for (int i = 0; i < 2; i++) {
        if (strncmp(endpoint, from[i], strlen(from[i])) != 0) continue;
        snprintf(port, sizeof port, "%.8s", endpoint + strlen(from[i]));
        snprintf(endpoint, size, "%s%s", to[i], port);
    }
}

static int next_event(void *monitor)
{
    struct pl__frame f;
    uint16_t event = 0;
    if (pl__socket_receive(monitor, PL__SOCKET_MONITOR, &f)) return 0;
    if (zmq_msg_size(&f.peer) >= sizeof event) memcpy(&event, zmq_msg_data(&f.peer), sizeof event);
    pl__frame_finish(&f);
    return event;
}

/* Answers the handshake's question until the stranger hears what became of it: the event, or 0. */
static int await_verdict(struct pl_loop *l, void *monitor)
{
    for (int waited = 0; waited < WAIT_MS; waited += TURN_MS) {
        zmq_pollitem_t items[] = {{.socket = monitor, .events = ZMQ_POLLIN},
                                  {.socket = l->zap->socket, .events = ZMQ_POLLIN}};
        while (zmq_poll(items, 2, TURN_MS) > 0) {
            if (items[1].revents) pl__port_read(l->zap);
            int event = items[0].revents ? next_event(monitor) : 0;
            if (event) return event;
        }
    }
    return 0;
}

static int knock(void *stranger, void *monitor, const struct pl_key_pair *server, const char *endpoint,
                 struct pl_err *err)
{
    struct pl_key_pair own;
    if (zmq_curve_keypair(own.public_key, own.secret_key))
        return pl_fail(err, PL_E_UNSUPPORTED, "keys", "this build of ZeroMQ knows no CURVE");
    char name[64];
    snprintf(name, sizeof name, "inproc://parlance-stranger-%p", stranger);
    int rc = pl__socket_use_keys(stranger, &own, server->public_key, err);
    if (!rc && (zmq_socket_monitor(stranger, name,
                                   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) ||
                zmq_connect(monitor, name) || zmq_connect(stranger, endpoint)))
        rc = pl_fail(err, PL_E_IO, "keys", "cannot try the lock at %s: %s", endpoint,
                     zmq_strerror(zmq_errno()));
    return rc;
}

static int try_lock(struct pl_loop *l, const char *endpoint, bool ipv6, struct pl_err *err)
{
    void *stranger = NULL, *monitor = NULL;
    int rc = pl__socket_create(l->zmq, PL__SOCKET_LEAF, EVENT_BYTES, ipv6, &stranger, err);
    if (!rc) rc = pl__socket_create(l->zmq, PL__SOCKET_MONITOR, EVENT_BYTES, false, &monitor, err);
    if (!rc) rc = knock(stranger, monitor, pl__zap_server(l), endpoint, err);
    int event = rc ? 0 : await_verdict(l, monitor);
    if (!rc && event != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        rc = pl_fail(err, PL_E_INTERNAL, "keys", "a stranger's key is %s at %s",
                     event ? "taken" : "not refused in time", endpoint);
    if (stranger) zmq_socket_monitor(stranger, NULL, 0);
    pl__socket_close(&stranger, 0);
    pl__socket_close(&monitor, 0);
    return rc;
}

int pl__stranger_is_refused(struct pl_loop *l, void *socket, struct pl_err *err)
{
    char endpoint[256];
    size_t size = sizeof endpoint;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size))
        return pl_fail(err, PL_E_IO, "keys", "the socket does not say where it is bound");
    reachable(endpoint, sizeof endpoint);
    return try_lock(l, endpoint, strchr(endpoint, '[') != NULL, err);
}
