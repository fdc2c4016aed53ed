/* A listener with keys: who proves a known key comes in with its tenant and roles, nobody else does. Real
 * sockets; a client on a thread of its own. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "runtime/keys.h"
#include "runtime/loop.h"
#include "tests/support/support.h"
#include "schemas/gen/runtime.h"

static struct pl_err err;
static void *zmq;
static struct pl_loop *loop;
static struct pl_node *node;
static struct pl_key_pair client, server;
static char door[256];

/* What the actor behind the listener saw of its newest frame. */
static struct seen {
    uint32_t frames, roles;
    bool act_for;
    char key[65], tenant[65];
} seen;

static int door_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (!f) return 0;
    seen.frames++;
    seen.roles = f->roles;
    seen.act_for = f->act_for;
    snprintf(seen.key, sizeof seen.key, "%.*s", PL_STR_FMT(f->key));
    snprintf(seen.tenant, sizeof seen.tenant, "%.*s", PL_STR_FMT(f->tenant));
    pl_net_send(self, f->listener, f->peer, f->delimiter, f->bytes.ptr, f->bytes.len);
    return 0;
}
static const struct pl_actor_class doorman = {.name = "door", .receive = door_receive};

static void add_key(const char *name, uint32_t roles, bool act_for)
{
    struct pl_key k = {
        .roles = roles, .act_for = act_for, .tenant = "acme", .created = "2001-01-01T00:00:00Z"};
    snprintf(k.name, sizeof k.name, "%s", name);
    ck_assert_msg(pl_keys_add(pl_test_dir(), &k, &client, &server, &err) == 0, "%s", err.text);
}

static void begin(void)
{
    memset(&seen, 0, sizeof seen);
    zmq = pl_zmq_create();
    ck_assert_int_eq(pl_loop_create(zmq, &loop, &err), 0);
    struct pl_node_opts o = {.name = "service", .world = pl_loop_world(loop)};
    ck_assert_int_eq(pl_node_create(&o, &node, &err), 0);
    pl_loop_attach(loop, node);
    ck_assert_int_eq(pl_node_add(node, &doorman, NULL, NULL, &err), 0);
    snprintf(door, sizeof door, "ipc://%s/run/door.sock", pl_test_dir());
}

static void end(void)
{
    pl_node_destroy(&node);
    pl_loop_destroy(&loop);
    pl_zmq_destroy(&zmq);
}

static int listen_at(const char *endpoint, bool require_keys)
{
    struct pl_listen_opts o = {
        .listener = 0, .endpoint = endpoint, .data = pl_test_dir(), .require_keys = require_keys};
    memset(&err, 0, sizeof err);
    return pl_loop_listen(loop, &o, &err);
}

static void *connect_with(void *ctx, const struct pl_key_pair *own)
{
    void *s = zmq_socket(ctx, ZMQ_DEALER);
    int zero = 0, patience = 20000;
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if (own) {
        zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, server.public_key, PL_KEY_TEXT);
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, own->public_key, PL_KEY_TEXT);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, own->secret_key, PL_KEY_TEXT);
    }
    zmq_connect(s, door);
    return s;
}

static bool ask(void *s)
{
    char buf[8];
    return zmq_send(s, "ping", 4, 0) == 4 && zmq_recv(s, buf, sizeof buf, 0) == 4;
}

/* Runs the service while CLIENT talks to it; a text is what it found wrong. */
static void run_with(void *(*talk)(void *ctx))
{
    pthread_t t;
    void *failed, *ctx = zmq_ctx_new();
    ck_assert_int_eq(pl_node_listener(node, 0, "door", &err), 0);
    ck_assert_int_eq(pl_node_start(node, &err), 0);
    pthread_create(&t, NULL, talk, ctx);
    ck_assert_int_eq(pl_loop_run(loop, &err), 0);
    pthread_join(t, &failed);
    zmq_ctx_term(ctx);
    ck_assert_msg(!failed, "client: %s", (const char *)failed);
}

/* The client's thread ends the loop from outside by the signal that the loop takes. */
static void stop_node(void *arg)
{
    pl_node_stop(node, 1000);
}

static void *finish_talk(const char *wrong)
{
    pthread_kill(pthread_self(), SIGTERM);
    return (void *)(uintptr_t)wrong;
}

static void *talk_once(void *ctx)
{
    void *s = connect_with(ctx, &client);
    bool good = ask(s);
    zmq_close(s);
    return finish_talk(good ? NULL : "no answer");
}

START_TEST(a_key_brings_its_tenant_and_roles)
{
    add_key("till", PL_ROLE_PRODUCER | PL_ROLE_AUDITOR, true);
    ck_assert_msg(listen_at(door, true) == 0, "%s", err.text);
    pl_loop_on_stop(loop, stop_node, NULL);
    run_with(talk_once);
    ck_assert_str_eq(seen.key, "till");
    ck_assert_str_eq(seen.tenant, "acme");
    ck_assert_uint_eq(seen.roles, PL_ROLE_PRODUCER | PL_ROLE_AUDITOR);
    ck_assert(seen.act_for);
}
END_TEST

static void *talk_plain(void *ctx)
{
    void *s = connect_with(ctx, NULL);
    bool good = ask(s);
    zmq_close(s);
    return finish_talk(good ? NULL : "no answer");
}

START_TEST(ipc_needs_no_key_and_may_act_for_any_tenant)
{
    ck_assert_msg(listen_at(door, false) == 0, "%s", err.text);
    pl_loop_on_stop(loop, stop_node, NULL);
    run_with(talk_plain);
    ck_assert_str_eq(seen.key, "");
    ck_assert_str_eq(seen.tenant, "");
    ck_assert(seen.act_for);
}
END_TEST

/* What becomes of a handshake: 'y', 'n', or '?' after a while in which nothing becomes of it. */
static char handshake(void *ctx, const struct pl_key_pair *own, int patience_ms)
{
    uint16_t event = 0;
    void *s = zmq_socket(ctx, ZMQ_DEALER), *m = zmq_socket(ctx, ZMQ_PAIR);
    int zero = 0;
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(m, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    if (own) {
        zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, server.public_key, PL_KEY_TEXT);
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, own->public_key, PL_KEY_TEXT);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, own->secret_key, PL_KEY_TEXT);
    }
    zmq_socket_monitor(s, "inproc://watch", 0xf800); /* its four ends */
    zmq_connect(m, "inproc://watch");
    zmq_connect(s, door);
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, m, 0) >= 2) memcpy(&event, zmq_msg_data(&part), sizeof event);
    zmq_msg_close(&part);
    zmq_socket_monitor(s, NULL, 0);
    zmq_close(s);
    zmq_close(m);
    return event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? 'y' : event ? 'n' : '?';
}

static void *talk_as_strangers(void *ctx)
{
    struct pl_key_pair stranger;
    zmq_curve_keypair(stranger.public_key, stranger.secret_key);
    if (handshake(ctx, &stranger, 20000) != 'n') return finish_talk("a stranger's key was not refused");
    void *plain = connect_with(ctx, NULL), *good = connect_with(ctx, &client);
    zmq_send(plain, "plain", 5, 0);
    if (!ask(good)) return finish_talk("a good key was refused");
    zmq_close(plain);
    zmq_close(good);
    if (pl_keys_revoke(pl_test_dir(), "till", "2002-01-01T00:00:00Z", NULL)) return finish_talk("revoke");
    if (handshake(ctx, &client, 20000) != 'n') return finish_talk("a revoked key was not refused");
    return finish_talk(NULL);
}

START_TEST(strangers_and_revoked_keys_are_refused)
{
    add_key("till", PL_ROLE_PRODUCER, false);
    ck_assert_msg(listen_at(door, true) == 0, "%s", err.text);
    pl_loop_on_stop(loop, stop_node, NULL);
    run_with(talk_as_strangers);
    ck_assert_uint_eq(seen.frames, 1);
}
END_TEST

static void *talk_and_lose_key(void *ctx)
{
    void *s = connect_with(ctx, &client);
    const char *wrong = ask(s) && seen.roles == PL_ROLE_PRODUCER ? NULL : "the good key";
    if (!wrong && pl_keys_revoke(pl_test_dir(), "till", "2002-01-01T00:00:00Z", NULL)) wrong = "revoke";
    if (!wrong && !ask(s)) wrong = "the connection";
    zmq_close(s);
    return finish_talk(wrong);
}

START_TEST(a_revoked_key_has_no_roles_from_the_next_frame_on)
{
    add_key("till", PL_ROLE_PRODUCER, true);
    ck_assert_msg(listen_at(door, true) == 0, "%s", err.text);
    pl_loop_on_stop(loop, stop_node, NULL);
    run_with(talk_and_lose_key);
    ck_assert_uint_eq(seen.frames, 2);
    ck_assert_str_eq(seen.key, "till");
    ck_assert_uint_eq(seen.roles, 0);
    ck_assert_str_eq(seen.tenant, "");
    ck_assert(!seen.act_for);
}
END_TEST

START_TEST(an_open_address_needs_keys)
{
    static const char *const open[] = {"tcp://0.0.0.0:*", "tcp://*:*", "tcp://[::]:*"};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(listen_at(open[i], false), -PL_E_FORBIDDEN);
        ck_assert_ptr_nonnull(strstr(err.text, "parlance keys new"));
    }
    add_key("till", PL_ROLE_PRODUCER, false);
    ck_assert_int_eq(pl_keys_revoke(pl_test_dir(), "till", "2002-01-01T00:00:00Z", &err), 0);
    struct pl_listen_opts o = {.endpoint = "tcp://0.0.0.0:*", .data = pl_test_dir()};
    ck_assert_int_eq(pl_listen_probe(&o, NULL, 0, &err), -PL_E_FORBIDDEN);
    add_key("tell", PL_ROLE_PRODUCER, false);
    ck_assert_msg(pl_listen_probe(&o, NULL, 0, &err) == 0, "%s", err.text);
    ck_assert_msg(listen_at("tcp://0.0.0.0:*", false) == 0, "%s", err.text);
    ck_assert_int_eq(listen_at("tcp://example.org:1", false), -PL_E_CONFLICT);
}
END_TEST

START_TEST(a_name_is_no_address)
{
    add_key("till", PL_ROLE_PRODUCER, false);
    ck_assert_int_eq(listen_at("tcp://example.org:1", false), -PL_E_INVALID);
    ck_assert_int_eq(listen_at("tcp://eth0:1", false), -PL_E_INVALID);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("zap");
    TCase *t = tcase_create("keys");
    tcase_add_checked_fixture(t, begin, end);
    tcase_set_timeout(t, 120);
    PL_TEST(t, a_key_brings_its_tenant_and_roles);
    PL_TEST(t, ipc_needs_no_key_and_may_act_for_any_tenant);
    PL_TEST(t, strangers_and_revoked_keys_are_refused);
    PL_TEST(t, a_revoked_key_has_no_roles_from_the_next_frame_on);
    PL_TEST(t, an_open_address_needs_keys);
    PL_TEST(t, a_name_is_no_address);
    suite_add_tcase(s, t);
    return s;
}
PL_TESTS(suite)
