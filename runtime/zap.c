/* zap.c - who may come in: ZeroMQ's authentication protocol (RFC 27), answered from the table of keys.
 *
 * While a CURVE handshake is on, an I/O thread of ZeroMQ asks here by inproc; the answer goes back without
 * blocking the loop. The user id that every message of that connection then carries is the public key, which
 * stands for one holder for ever: a name could come again with another key. What a key may do is looked up at
 * each frame, so that a change of the table counts from the next message on; the file is looked at (one stat)
 * at each question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/loop_inside.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
/* version, request id, domain, address, identity, mechanism, public key */
enum { PARTS = 7, KEY_BYTES = 32, MESSAGE_BYTES = 4096 };

struct zap {
    struct pl__port port;
    struct pl_keys *keys;
    struct pl_key_pair server;
};

/* Takes a changed table; a broken one is told and the old one kept. */
static void refresh(struct zap *z)
{
    struct pl_node *node = z->port.loop->node;
    struct pl_err err = {0};
    int rc = pl_keys_refresh(z->keys, &err);
    if (rc == 0 || !node) return;
    if (rc < 0)
        pl_log_write(pl_node_log(node), PL_LOG_ERROR, "", "keys not read",
                     "text=%s what was read before holds", err.text);
    else
        pl_log_write(pl_node_log(node), PL_LOG_INFO, "", "keys read", "live=%u", pl_keys_live(z->keys));
}

static void count_refused(struct zap *z)
{
    struct pl_node *node = z->port.loop->node;
    if (!node) return;
    pl_counter_add(pl_metrics_counter(pl_node_metrics(node), "parlance_keys_refused_total",
                                      "Handshakes under a key that is not allowed.", NULL),
                   1);
}

static bool is_text(zmq_msg_t *part, const char *text)
{
    return zmq_msg_size(part) == strlen(text) && memcmp(zmq_msg_data(part), text, strlen(text)) == 0;
}

static const struct pl_key *key_of(struct zap *z, zmq_msg_t *parts, size_t n)
{
    char text[PL_KEY_TEXT];
    if (n != PARTS || !is_text(&parts[0], "1.0") || !is_text(&parts[5], "CURVE") ||
        zmq_msg_size(&parts[6]) != KEY_BYTES || !zmq_z85_encode(text, zmq_msg_data(&parts[6]), KEY_BYTES))
        return NULL;
    return pl_keys_known(z->keys, text);
}

static struct pl_bin text_part(const char *text)
{
    return (struct pl_bin){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void answer(struct zap *z, zmq_msg_t *request_id, const struct pl_key *key)
{
    const struct pl_bin parts[] = {
        text_part("1.0"),
        {zmq_msg_data(request_id), (uint32_t)zmq_msg_size(request_id)},
        text_part(key ? "200" : "400"),
        text_part(key ? "OK" : "this key is not allowed here"),
        text_part(key ? key->public_key : ""),
        text_part(""),
    };
    pl__socket_send_parts(z->port.socket, parts, sizeof parts / sizeof *parts);
}

static bool read_question(struct pl__port *p)
{
    struct zap *z = (struct zap *)p;
    zmq_msg_t parts[PARTS];
    size_t n = 0;
    if (pl__socket_receive_parts(p->socket, parts, PARTS, &n)) return false;
    refresh(z);
    const struct pl_key *key = key_of(z, parts, n);
    if (!key) count_refused(z);
    answer(z, &parts[1], key);
    for (size_t i = 0; i < PARTS; i++) zmq_msg_close(&parts[i]);
    return true;
}

static void finish(struct pl__port *p)
{
    struct zap *z = (struct zap *)p;
    pl_keys_close(&z->keys);
    explicit_bzero(&z->server, sizeof z->server);
}

static const struct pl__port_kind kind = {.socket = PL__SOCKET_ZAP, .read = read_question, .finish = finish};

static int no_keys(const char *data, struct pl_err *err)
{
    return pl_fail(
        err, PL_E_FORBIDDEN, "keys",
        "clients need keys here and there are none: make one with `parlance keys new NAME --tenant "
        "TENANT --role producer --out FILE --data %s`, and start again",
        data);
}

static int read_keys(const char *data, struct pl_key_pair *server, struct pl_keys **keys, struct pl_err *err)
{
    if (!data) return pl_fail(err, PL_E_FORBIDDEN, "keys", "no keys are known here");
    int rc = pl_keys_server(data, server, err);
    if (rc == -PL_E_NOT_FOUND) return no_keys(data, err);
    return rc ? rc : pl_keys_open(data, keys, err);
}

int pl__zap_can_open(const char *data, struct pl_err *err)
{
    struct pl_key_pair server;
    struct pl_keys *keys = NULL;
    int rc = read_keys(data, &server, &keys, err);
    if (!rc && !pl_keys_live(keys)) rc = no_keys(data, err);
    pl_keys_close(&keys);
    explicit_bzero(&server, sizeof server);
    return rc;
}

static int bind_here(struct zap *z, struct pl_err *err)
{
    if (zmq_bind(z->port.socket, ZAP_ENDPOINT) == 0) return pl__port_begin(&z->port, err);
    return pl_fail(err, PL_E_CONFLICT, "keys", "another loop of this process answers for keys: %s",
                   zmq_strerror(zmq_errno()));
}

int pl__zap_open(struct pl_loop *l, const char *data, struct pl_err *err)
{
    struct pl__port *p;
    if (l->zap) return 0;
    int rc = pl__port_create(l, &kind, sizeof(struct zap), MESSAGE_BYTES, false, &p, err);
    if (rc) return rc;
    rc = read_keys(data, &((struct zap *)p)->server, &((struct zap *)p)->keys, err);
    if (!rc) rc = bind_here((struct zap *)p, err);
    if (rc)
        pl__port_close(p);
    else
        l->zap = p;
    return rc;
}

const struct pl_key_pair *pl__zap_server(const struct pl_loop *l)
{
    return &((struct zap *)l->zap)->server;
}

void pl__zap_identify(struct pl_loop *l, const char *user, struct pl_net_peer *peer)
{
    struct zap *z = (struct zap *)l->zap;
    refresh(z);
    const struct pl_key *key = pl_keys_holder(z->keys, user);
    peer->key = pl_str_of(key ? key->name : "removed");
    if (!key || key->revoked[0]) return;
    peer->tenant = pl_str_of(key->tenant);
    peer->roles = key->roles;
    peer->act_for = key->act_for;
}
