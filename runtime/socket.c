/* socket.c - every ZeroMQ socket of the program is made, read and written here.
 *
 * Why each option: a ROUTER without MANDATORY drops what a slow peer does not take and calls it sent; a
 * high-water mark of 0 is no limit; MAXMSGSIZE is checked before memory is taken; an infinite LINGER hangs at
 * exit; a long handshake lets silent strangers hold connections; IMMEDIATE keeps messages away from a hub
 * that is not there. Identities are ours (ROUTER_HANDOVER off): nobody takes over another's connection. */
#include "runtime/socket.h"

#include <errno.h>
#include <string.h>

#include "runtime/signals.h"

enum {
    HIGH_WATER = 1000,
    STRANGER_RECEIVES = 64, /* messages of up to 1 MiB that libzmq holds for us, of each peer */
    STRANGER_SENDS = 256, /* what a peer does not take beyond them waits in the frontdoor's bounded outbox */
    HANDSHAKE_MS = 2000,
    HEARTBEAT_MS = 2000,
    HEARTBEAT_TIMEOUT_MS = 6000,
    BACKLOG = 256,
    ZAP_ENFORCE_DOMAIN = 93 /* the header shows it to draft builds only; the library takes it */
};

static bool set_int(void *s, int option, int value)
{
    return zmq_setsockopt(s, option, &value, sizeof value) == 0;
}

static bool set_heartbeat(void *s)
{
    return set_int(s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           set_int(s, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           set_int(s, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS);
}

static bool set_kind(void *s, enum pl__socket_kind kind)
{
    switch (kind) {
    case PL__SOCKET_HUB:
        return set_int(s, ZMQ_ROUTER_MANDATORY, 1);
    case PL__SOCKET_LISTENER:
        return set_int(s, ZMQ_ROUTER_MANDATORY, 1) && set_heartbeat(s) && set_int(s, ZMQ_BACKLOG, BACKLOG) &&
               set_int(s, ZMQ_RCVHWM, STRANGER_RECEIVES) && set_int(s, ZMQ_SNDHWM, STRANGER_SENDS);
    case PL__SOCKET_LEAF:
        return set_int(s, ZMQ_IMMEDIATE, 1) && set_int(s, ZMQ_RECONNECT_IVL, 20) &&
               set_int(s, ZMQ_RECONNECT_IVL_MAX, 1000);
    case PL__SOCKET_MONITOR:
    case PL__SOCKET_ZAP:
        return true;
    }
    return false;
}

static bool set_all(void *s, enum pl__socket_kind kind, int64_t max_bytes, bool ipv6)
{
    return set_int(s, ZMQ_LINGER, 0) && set_int(s, ZMQ_SNDHWM, HIGH_WATER) &&
           set_int(s, ZMQ_RCVHWM, HIGH_WATER) && set_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           set_int(s, ZMQ_IPV6, ipv6) &&
           zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes) == 0 && set_kind(s, kind);
}

int pl__socket_create(void *zmq, enum pl__socket_kind kind, int64_t max_bytes, bool ipv6, void **out,
                      struct pl_err *err)
{
    static const int types[] = {ZMQ_ROUTER, ZMQ_DEALER, ZMQ_ROUTER, ZMQ_PAIR, ZMQ_REP};
    sigset_t before;
    pl__signals_block(&before); /* the first socket of a context starts its threads */
    void *s = zmq_socket(zmq, types[kind]);
    pl__signals_restore(&before);
    if (s && set_all(s, kind, max_bytes, ipv6)) {
        *out = s;
        return 0;
    }
    int rc = pl_fail(err, PL_E_IO, "socket", "cannot make a ZeroMQ socket: %s", zmq_strerror(zmq_errno()));
    if (s) zmq_close(s);
    return rc;
}

static bool set_text(void *s, int option, const char *text)
{
    return zmq_setsockopt(s, option, text, strlen(text)) == 0;
}

/* A key is 40 characters and the NUL. */
static bool set_key(void *s, int option, const char *key)
{
    return zmq_setsockopt(s, option, key, PL_KEY_TEXT) == 0;
}

int pl__socket_require_keys(void *s, const struct pl_key_pair *server, struct pl_err *err)
{
    if (set_text(s, ZMQ_ZAP_DOMAIN, "parlance") && set_int(s, ZAP_ENFORCE_DOMAIN, 1) &&
        set_int(s, ZMQ_CURVE_SERVER, 1) && set_key(s, ZMQ_CURVE_SECRETKEY, server->secret_key))
        return 0;
    return pl_fail(err, PL_E_IO, "keys", "ZeroMQ cannot ask for keys: %s", zmq_strerror(zmq_errno()));
}

int pl__socket_use_keys(void *s, const struct pl_key_pair *own, const char *server_public, struct pl_err *err)
{
    if (set_key(s, ZMQ_CURVE_PUBLICKEY, own->public_key) &&
        set_key(s, ZMQ_CURVE_SECRETKEY, own->secret_key) && set_key(s, ZMQ_CURVE_SERVERKEY, server_public))
        return 0;
    return pl_fail(err, PL_E_IO, "keys", "ZeroMQ cannot use a key: %s", zmq_strerror(zmq_errno()));
}

void pl__socket_close(void **socket, int linger_ms)
{
    if (!*socket) return;
    set_int(*socket, ZMQ_LINGER, linger_ms);
    zmq_close(*socket);
    *socket = NULL;
}

int pl__socket_fd(void *socket)
{
    int fd = -1;
    size_t n = sizeof fd;
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &n) == 0 ? fd : -1;
}

int pl__socket_events(void *socket)
{
    int events = 0;
    size_t n = sizeof events;
    while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &n) != 0)
        if (zmq_errno() != EINTR) return -PL_E_GONE;
    return events;
}

static int failed(void)
{
    int e = zmq_errno();
    return e == EAGAIN || e == ENOMEM ? -PL_E_AGAIN : -PL_E_GONE;
}

static int receive_part(void *s, zmq_msg_t *m, bool *more)
{
    int rc;
    do rc = zmq_msg_recv(m, s, ZMQ_DONTWAIT);
    while (rc < 0 && zmq_errno() == EINTR);
    *more = rc >= 0 && zmq_msg_more(m);
    return rc < 0 ? failed() : 0;
}

/* Receives the parts after the peer's: ZeroMQ hands out whole messages, so all of them are there. Each
 * further part replaces the last one in F. */
static int receive_rest(void *s, struct pl__frame *f)
{
    bool more = true;
    size_t parts = 0, first_bytes = 0;
    while (more) {
        int rc = receive_part(s, &f->bytes, &more);
        if (rc) return rc;
        if (parts++ == 0) first_bytes = zmq_msg_size(&f->bytes);
    }
    f->delimiter = parts > 1 && first_bytes == 0;
    f->malformed = parts > 2 || (parts == 2 && !f->delimiter);
    return 0;
}

int pl__socket_receive(void *socket, enum pl__socket_kind kind, struct pl__frame *f)
{
    bool first = kind != PL__SOCKET_LEAF, more = true;
    *f = (struct pl__frame){.malformed = false};
    zmq_msg_init(&f->peer);
    zmq_msg_init(&f->bytes);
    int rc = first ? receive_part(socket, &f->peer, &more) : 0;
    if (!rc && more)
        rc = receive_rest(socket, f);
    else if (!rc)
        f->malformed = true;
    if (rc) pl__frame_finish(f);
    return rc;
}

void pl__frame_finish(struct pl__frame *f)
{
    zmq_msg_close(&f->peer);
    zmq_msg_close(&f->bytes);
}

struct pl_bin pl__frame_peer(struct pl__frame *f)
{
    return (struct pl_bin){zmq_msg_data(&f->peer), (uint32_t)zmq_msg_size(&f->peer)};
}

struct pl_bin pl__frame_bytes(struct pl__frame *f)
{
    if (f->malformed) return (struct pl_bin){0};
    return (struct pl_bin){zmq_msg_data(&f->bytes), (uint32_t)zmq_msg_size(&f->bytes)};
}

const char *pl__frame_user(struct pl__frame *f)
{
    const char *user = zmq_msg_gets(&f->bytes, "User-Id");
    return user ? user : "";
}

int pl__socket_receive_parts(void *socket, zmq_msg_t *parts, size_t max, size_t *n)
{
    bool more = true;
    zmq_msg_t rest;
    int rc = 0;
    *n = 0;
    zmq_msg_init(&rest);
    for (size_t i = 0; i < max; i++) zmq_msg_init(&parts[i]);
    for (; more && !rc; ++*n) rc = receive_part(socket, *n < max ? &parts[*n] : &rest, &more);
    zmq_msg_close(&rest);
    for (size_t i = 0; i < max && rc; i++) zmq_msg_close(&parts[i]);
    return rc;
}

static int send_part(void *s, const void *bytes, size_t len, int more)
{
    int rc;
    do rc = zmq_send(s, bytes, len, ZMQ_DONTWAIT | more);
    while (rc < 0 && zmq_errno() == EINTR);
    return rc < 0 ? failed() : 0;
}

/* A socket learns only now and then that its peer made room, so a first "full" is asked about and tried once
 * more. */
static int send_first(void *s, const void *bytes, size_t len, int more)
{
    int rc = send_part(s, bytes, len, more);
    if (rc != -PL_E_AGAIN || pl__socket_events(s) < 0) return rc;
    return send_part(s, bytes, len, more);
}

int pl__socket_send(void *socket, struct pl_bin peer, bool delimiter, const void *bytes, size_t len)
{
    if (peer.len == 0) return send_first(socket, bytes, len, 0);
    int rc = send_first(socket, peer.ptr, peer.len, ZMQ_SNDMORE);
    if (!rc && delimiter) rc = send_part(socket, "", 0, ZMQ_SNDMORE);
    if (!rc) rc = send_part(socket, bytes, len, 0);
    return rc;
}

int pl__socket_send_parts(void *socket, const struct pl_bin *parts, size_t n)
{
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = send_part(socket, parts[i].ptr, parts[i].len, i + 1 < n ? ZMQ_SNDMORE : 0);
    return rc;
}
