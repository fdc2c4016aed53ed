/* The real world of a node: links by inproc, ipc and tcp, strangers on a ROUTER, children, threads, HTTP,
 * signals. Started with a first argument, this program is the child that hosts the node `leaf`. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "runtime/loop.h"
#include "runtime/loop_inside.h"
#include "schemas/gen/runtime.h"
#include "tests/support/support.h"

#if defined(__SANITIZE_THREAD__)
/* Debian's libzmq is not built for this sanitizer, which therefore does not see how its threads agree. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libzmq.so.5\nrace:libzmq.so.5\n";
}
#endif

enum { MESSAGES = 10000, WINDOW = 256, LISTENER = 7 };

static int echo_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_write *w = PL_BODY(m, store_write);
    const struct pl_store_get *g = PL_BODY(m, store_get);
    if (!w && !g) return 0;
    PL_NEW(answer, b, store_written);
    b->token = w ? w->token : (uint64_t)getpid();
    pl_reply(self, m, &answer);
    return 0;
}
static const struct pl_actor_class echo = {.name = "echo", .receive = echo_receive, .mailbox_limit = 4096};

static int run_leaf(void *zmq, const char *link, uint64_t incarnation)
{
    struct pl_loop *l = NULL;
    struct pl_node *n = NULL;
    int rc = pl_loop_create(zmq, &l, NULL);
    if (!rc) {
        uint64_t mine = incarnation ? incarnation : pl_loop_incarnation(l);
        struct pl_node_opts o = {
            .name = "leaf", .world = pl_loop_world(l), .hub = "service", .incarnation = mine};
        rc = pl_node_create(&o, &n, NULL);
    }
    if (!rc) rc = pl_node_add(n, &echo, NULL, NULL, NULL);
    if (!rc) pl_loop_attach(l, n);
    if (!rc) rc = pl_loop_connect(l, link, NULL);
    if (!rc) rc = pl_node_start(n, NULL);
    if (!rc) rc = pl_loop_run(l, NULL);
    pl_node_destroy(&n);
    pl_loop_destroy(&l);
    return rc;
}

static const char *argument(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return "";
}

static int run_child(int argc, char **argv)
{
    pl_child_begin(atol(argument(argc, argv, "--parent")));
    void *zmq = pl_zmq_create();
    int rc = run_leaf(zmq, argument(argc, argv, "--link"),
                      strtoull(argument(argc, argv, "--incarnation"), NULL, 10));
    pl_zmq_destroy(&zmq);
    return rc ? 1 : 0;
}

static void *zmq;
static struct pl_loop *loop;
static struct pl_node *node;
static struct pl_err err;

static void set_up(void)
{
    zmq = pl_zmq_create();
    ck_assert_int_eq(pl_loop_create(zmq, &loop, &err), 0);
    struct pl_node_opts o = {.name = "service", .world = pl_loop_world(loop)};
    ck_assert_int_eq(pl_node_create(&o, &node, &err), 0);
    pl_loop_attach(loop, node);
}

static void tear_down(void)
{
    pl_node_destroy(&node);
    pl_loop_destroy(&loop);
    pl_zmq_destroy(&zmq);
}

static void add(const struct pl_actor_class *cls)
{
    ck_assert_int_eq(pl_node_add(node, cls, NULL, NULL, &err), 0);
}

static void run(void)
{
    ck_assert_msg(pl_node_start(node, &err) == 0, "%s", err.text);
    ck_assert_msg(pl_loop_run(loop, &err) == 0, "%s", err.text);
}

static char hub[256];

static void thread_main(void *arg)
{
    run_leaf(zmq, hub, 0);
}

static void host_leaf(const char *endpoint, bool by_thread)
{
    static const struct pl_restart_policy policy = PL_RESTART_DEFAULT;
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(n, 0);
    self[n] = 0;
    ck_assert_msg(pl_loop_hub(loop, endpoint, hub, sizeof hub, &err) == 0, "%s", err.text);
    if (by_thread)
        ck_assert_int_eq(pl_loop_thread(loop, "leaf", thread_main, NULL, &err), 0);
    else
        ck_assert_int_eq(pl_loop_child(loop, "leaf",
                                       &(struct pl_child_opts){(const char *[]){self, "child", NULL}, hub, 0},
                                       &err),
                         0);
    ck_assert_int_eq(pl_node_child(node, "leaf", &policy, &err), 0);
    ck_assert_int_eq(pl_node_place(node, "echo", "leaf", &err), 0);
}

static const char *ipc_endpoint(void)
{
    static char text[4200];
    snprintf(text, sizeof text, "ipc://%s/run/s", pl_test_dir());
    return text;
}

static uint64_t asked, answered;

static void ask(struct pl_actor *self)
{
    PL_NEW(m, w, store_write);
    w->token = asked++;
    pl_send_to(self, "echo", &m);
}

static int asker_start(struct pl_actor *self, void *state, const void *arg)
{
    pl_monitor(self, "echo");
    return 0;
}

static int many_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    ck_assert_ptr_null(PL_BODY(m, sys_undelivered));
    if (PL_BODY(m, sys_up))
        while (asked < WINDOW) ask(self);
    if (!w) return 0;
    ck_assert_uint_eq(w->token, answered);
    answered++;
    if (asked < MESSAGES) ask(self);
    if (answered == MESSAGES) pl_node_stop(node, 5000);
    return 0;
}
static const struct pl_actor_class many = {
    .name = "asker", .start = asker_start, .receive = many_receive, .mailbox_limit = 4096};

static void ck_many(const char *endpoint, bool by_thread)
{
    add(&many);
    host_leaf(endpoint, by_thread);
    run();
    ck_assert_uint_eq(answered, MESSAGES);
    ck_assert(pl_node_stopped(node));
}

START_TEST(ten_thousand_messages_pass_a_thread_by_inproc)
{
    ck_many("inproc://hub", true);
}
END_TEST

START_TEST(ten_thousand_messages_pass_a_child_by_ipc)
{
    ck_many(ipc_endpoint(), false);
}
END_TEST

START_TEST(ten_thousand_messages_pass_a_child_by_tcp)
{
    ck_many("tcp://127.0.0.1:*", false);
}
END_TEST

START_TEST(ten_thousand_messages_pass_a_thread_by_tcp)
{
    ck_many("tcp://127.0.0.1:*", true);
}
END_TEST

static uint64_t pids[3];
static int ups, downs;

static void ask_pid(struct pl_actor *self)
{
    PL_NEW(m, g, store_get);
    g->token = 1;
    pl_send_to(self, "echo", &m);
}

/* Kills the child each time it said who it is; the third incarnation may stop in order. */
static int killer_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (PL_BODY(m, sys_down)) downs++;
    if (PL_BODY(m, sys_up)) ask_pid(self);
    if (!w) return 0;
    pids[ups++] = w->token;
    if (ups == 3)
        pl_node_stop(node, 5000);
    else
        kill((pid_t)w->token, SIGKILL);
    return 0;
}
static const struct pl_actor_class killer = {
    .name = "asker", .start = asker_start, .receive = killer_receive};

START_TEST(a_killed_child_is_started_again)
{
    add(&killer);
    host_leaf(ipc_endpoint(), false);
    run();
    ck_assert_int_eq(ups, 3);
    ck_assert_int_ge(downs, 2);
    ck_assert(pids[0] != pids[1] && pids[1] != pids[2]);
    struct pl_node_counts c;
    pl_node_counts(node, &c);
    ck_assert_uint_eq(c.child_restarts, 2);
}
END_TEST

/* Whoever cleans up takes the hub's socket away; the child is killed after that. */
static int remover_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (PL_BODY(m, store_written) && ups == 0) unlink(ipc_endpoint() + strlen("ipc://"));
    return killer_receive(self, state, m);
}
static const struct pl_actor_class remover = {
    .name = "asker", .start = asker_start, .receive = remover_receive};

START_TEST(a_child_finds_its_hub_when_the_socket_was_removed)
{
    ups = 0;
    add(&remover);
    host_leaf(ipc_endpoint(), false);
    run();
    ck_assert_int_eq(ups, 3);
    ck_assert_int_eq(access(ipc_endpoint() + strlen("ipc://"), F_OK), 0);
}
END_TEST

static int stopper_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (PL_BODY(m, sys_up)) pl_loop_end(loop);
    return 0;
}
static const struct pl_actor_class stopper = {
    .name = "asker", .start = asker_start, .receive = stopper_receive};

START_TEST(children_and_threads_end_with_their_loop)
{
    add(&stopper);
    host_leaf("inproc://hub", true);
    run();
    tear_down();
    set_up();
    add(&stopper);
    host_leaf(ipc_endpoint(), false);
    run();
    tear_down();
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
    set_up();
}
END_TEST

static int pid_pipe;

static int teller_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_written *w = PL_BODY(m, store_written);
    if (PL_BODY(m, sys_up)) ask_pid(self);
    if (w && write(pid_pipe, &w->token, sizeof w->token) != sizeof w->token) return -PL_E_IO;
    return 0;
}
static const struct pl_actor_class teller = {
    .name = "asker", .start = asker_start, .receive = teller_receive};

START_TEST(a_child_dies_with_a_parent_that_was_killed)
{
    int ends[2], status;
    uint64_t child = 0;
    const char *endpoint = ipc_endpoint(); /* of a directory that this process removes */
    tear_down();
    ck_assert_int_eq(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        close(ends[0]);
        pid_pipe = ends[1];
        set_up();
        add(&teller);
        host_leaf(endpoint, false);
        run();
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &child, sizeof child), sizeof child);
    struct pollfd p = {(int)syscall(SYS_pidfd_open, (pid_t)child, 0), POLLIN, 0};
    ck_assert_int_ge(p.fd, 0);
    kill(parent, SIGKILL);
    ck_assert_int_eq(waitpid(parent, &status, 0), parent);
    ck_assert_int_eq(poll(&p, 1, -1), 1);
    /* The child had no copy of our pipe either: with its parent's gone it is at its end. */
    ck_assert_int_eq(read(ends[0], &child, sizeof child), 0);
    set_up();
}
END_TEST

START_TEST(a_child_that_cannot_be_started_is_an_error)
{
    static const struct pl_restart_policy policy = PL_RESTART_DEFAULT;
    ck_assert_int_eq(pl_loop_hub(loop, "inproc://hub", NULL, 0, &err), 0);
    ck_assert_int_eq(
        pl_loop_child(loop, "leaf",
                      &(struct pl_child_opts){(const char *[]){"/nowhere/program", NULL}, "inproc://hub", 0},
                      &err),
        0);
    ck_assert_int_eq(pl_node_child(node, "leaf", &policy, &err), 0);
    ck_assert_int_eq(pl_node_start(node, &err), -PL_E_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/program"));
}
END_TEST

static char door[256];
static uint16_t port;

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void listen_at(const char *endpoint, uint64_t max_bytes, const char *actor)
{
    struct pl_listen_opts o = {LISTENER, endpoint, max_bytes};
    snprintf(door, sizeof door, "%s", endpoint);
    ck_assert_msg(pl_loop_listen(loop, &o, &err) == 0, "%s", err.text);
    ck_assert_int_eq(pl_node_listener(node, LISTENER, actor, &err), 0);
}

static void listen_tcp(uint64_t max_bytes, const char *actor)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", free_port());
    listen_at(endpoint, max_bytes, actor);
}

/* What the door saw, and a peer that says `end` to it ends the loop. */
static uint32_t frames, malformed, delimiters;

static int door_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (!f) return 0;
    frames++;
    malformed += f->malformed;
    delimiters += f->delimiter;
    if (f->bytes.len == 3 && memcmp(f->bytes.ptr, "end", 3) == 0) pl_node_stop(node, 1000);
    if (f->malformed) ck_assert_uint_eq(f->bytes.len, 0);
    const void *bytes = f->malformed ? "bad" : (const void *)f->bytes.ptr;
    size_t n = f->malformed ? 3 : f->bytes.len;
    ck_assert_int_eq(pl_net_send(self, f->listener, f->peer, f->delimiter, bytes, n), 0);
    return 0;
}
static const struct pl_actor_class doorman = {.name = "door", .receive = door_receive, .mailbox_limit = 4};

static void *client_socket(void *ctx, int type)
{
    void *s = zmq_socket(ctx, type);
    int zero = 0, patience = 20000;
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_connect(s, door);
    return s;
}

static void say_end(void *ctx)
{
    char buf[8];
    void *s = client_socket(ctx, ZMQ_DEALER);
    zmq_send(s, "end", 3, 0);
    zmq_recv(s, buf, sizeof buf, 0);
    zmq_close(s);
}

/* Runs the service while CLIENT talks to it from a thread with a context of its own. */
static void run_with(void *(*client)(void *ctx))
{
    pthread_t t;
    void *ctx = zmq_ctx_new(), *failed;
    ck_assert_msg(pl_node_start(node, &err) == 0, "%s", err.text);
    pthread_create(&t, NULL, client, ctx);
    ck_assert_int_eq(pl_loop_run(loop, &err), 0);
    pthread_join(t, &failed);
    zmq_ctx_term(ctx);
    ck_assert_msg(!failed, "client: %s", (const char *)failed);
}

/* Twenty bursts of 500, each read before the next. NULL or what went wrong. */
static void *talk_in_bursts(void *ctx)
{
    void *s = client_socket(ctx, ZMQ_DEALER);
    const char *wrong = NULL;
    for (uint32_t i = 0, next = 0; i < MESSAGES && !wrong;) {
        for (uint32_t k = 0; k < 500; k++, i++) zmq_send(s, &i, sizeof i, 0);
        for (uint32_t k = 0, got; k < 500 && !wrong; k++, next++)
            if (zmq_recv(s, &got, sizeof got, 0) != sizeof got || got != next) wrong = "an answer is missing";
    }
    zmq_close(s);
    say_end(ctx);
    return (void *)wrong;
}

START_TEST(ten_thousand_frames_pass_a_small_mailbox_without_a_stall)
{
    add(&doorman);
    listen_tcp(1024, "door");
    run_with(talk_in_bursts);
    ck_assert_uint_eq(frames, MESSAGES + 1);
    ck_assert_uint_eq(malformed, 0);
}
END_TEST

START_TEST(ten_thousand_frames_pass_by_ipc)
{
    add(&doorman);
    listen_at(ipc_endpoint(), 1024, "door");
    run_with(talk_in_bursts);
    ck_assert_uint_eq(frames, MESSAGES + 1);
}
END_TEST

static void *talk_by_req(void *ctx)
{
    char buf[8];
    const char *wrong = NULL;
    void *s = client_socket(ctx, ZMQ_REQ);
    for (int i = 0; i < 100 && !wrong; i++) {
        zmq_send(s, "hello", 5, 0);
        if (zmq_recv(s, buf, sizeof buf, 0) != 5) wrong = "no answer";
    }
    zmq_close(s);
    say_end(ctx);
    return (void *)wrong;
}

START_TEST(a_req_socket_gets_its_delimiter_back)
{
    add(&doorman);
    listen_tcp(1024, "door");
    run_with(talk_by_req);
    ck_assert_uint_eq(delimiters, 100);
}
END_TEST

static void send_parts(void *s, int n, const char *first)
{
    for (int i = 0; i < n; i++) {
        const char *part = i == 0 ? first : "x";
        zmq_send(s, part, strlen(part), i + 1 < n ? ZMQ_SNDMORE : 0);
    }
}

static void *talk_nonsense(void *ctx)
{
    char buf[8];
    const char *wrong = NULL;
    void *s = client_socket(ctx, ZMQ_DEALER);
    send_parts(s, 2, "a");
    send_parts(s, 3, "");
    send_parts(s, 100, "a");
    for (int i = 0; i < 3 && !wrong; i++) {
        int64_t more = 1;
        size_t size = sizeof more;
        do {
            if (zmq_recv(s, buf, sizeof buf, 0) < 0) wrong = "no answer";
            zmq_getsockopt(s, ZMQ_RCVMORE, &more, &size);
        } while (more && !wrong);
        if (!wrong && memcmp(buf, "bad", 3) != 0) wrong = "not taken for malformed";
    }
    zmq_send(s, "", 0, 0);
    if (!wrong && zmq_recv(s, buf, sizeof buf, 0) != 0) wrong = "an empty frame is a frame";
    zmq_close(s);
    say_end(ctx);
    return (void *)wrong;
}

START_TEST(what_is_not_one_frame_is_told_as_malformed)
{
    add(&doorman);
    listen_tcp(1024, "door");
    run_with(talk_nonsense);
    ck_assert_uint_eq(malformed, 3);
    ck_assert_uint_eq(frames, 5);
}
END_TEST

static void *talk_too_long(void *ctx)
{
    static char big[4096];
    char buf[8];
    void *s = client_socket(ctx, ZMQ_DEALER), *other = client_socket(ctx, ZMQ_DEALER);
    const char *wrong = NULL;
    zmq_send(s, big, sizeof big, 0);
    zmq_send(other, "fine", 4, 0);
    if (zmq_recv(other, buf, sizeof buf, 0) != 4) wrong = "another peer was not served";
    if (zmq_recv(s, buf, sizeof buf, ZMQ_DONTWAIT) >= 0) wrong = "the long message was answered";
    zmq_close(s);
    zmq_close(other);
    say_end(ctx);
    return (void *)wrong;
}

START_TEST(a_message_over_the_limit_is_never_seen)
{
    add(&doorman);
    listen_tcp(1024, "door");
    run_with(talk_too_long);
    ck_assert_uint_eq(frames, 2);
}
END_TEST

/* Sends numbered blocks to the peer until its queue is full, says how many by a last one, sent when there is
 * room. */
static uint32_t accepted;
static struct pl_bin slow_peer;
static bool full;

static int flood_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    static uint8_t block[16 << 10], peer[32];
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (f && f->bytes.len == 3) {
        pl_node_stop(node, 1000);
        return pl_net_send(self, LISTENER, f->peer, false, "x", 1);
    }
    if (f) {
        memcpy(peer, f->peer.ptr, f->peer.len);
        slow_peer = (struct pl_bin){peer, f->peer.len};
    }
    if (!f && !PL_BODY(m, sys_timer)) return 0;
    ck_assert_int_eq(pl_net_send(self, LISTENER, (struct pl_bin){(const uint8_t *)"none", 4}, false, "x", 1),
                     -PL_E_GONE);
    ck_assert_int_eq(pl_net_send(self, LISTENER + 1, slow_peer, false, "x", 1), -PL_E_GONE);
    int rc = 0;
    while (!full && (rc = pl_net_send(self, LISTENER, slow_peer, false, block, sizeof block)) == 0) {
        accepted++;
        memcpy(block, &accepted, sizeof accepted);
    }
    full = true;
    rc = pl_net_send(self, LISTENER, slow_peer, false, &accepted, sizeof accepted);
    if (rc == -PL_E_AGAIN)
        pl_timer_start(self, 5, 1, 0);
    else
        ck_assert_int_eq(rc, 0);
    return 0;
}
static const struct pl_actor_class flood = {.name = "door", .receive = flood_receive};

static void *read_slowly(void *ctx)
{
    static uint8_t block[16 << 10];
    uint32_t got = 0, number = 0;
    const char *wrong = NULL;
    void *s = client_socket(ctx, ZMQ_DEALER);
    zmq_send(s, "go", 2, 0);
    for (int n = 0; !wrong && n != sizeof number;) {
        n = zmq_recv(s, block, sizeof block, 0);
        if (n > 0) memcpy(&number, block, sizeof number);
        if (n < 0 || number != got) wrong = "a block is missing";
        got += n == sizeof block;
    }
    zmq_close(s);
    say_end(ctx);
    return (void *)wrong;
}

START_TEST(a_slow_reader_loses_nothing_that_was_accepted)
{
    add(&flood);
    listen_tcp(1024, "door");
    run_with(read_slowly);
    ck_assert(full);
    ck_assert_uint_ge(accepted, 256); /* what libzmq holds for one peer */
}
END_TEST

static int try_listen(const char *endpoint)
{
    struct pl_listen_opts o = {LISTENER, endpoint, 1024};
    return pl_loop_listen(loop, &o, &err);
}

START_TEST(an_address_that_others_reach_is_refused)
{
    static const char *const bad[] = {"tcp://0.0.0.0:5580", "tcp://*:5580",      "tcp://10.0.0.1:5580",
                                      "tcp://[::]:5580",    "tcp://128.0.0.1:1", "tcp://eth0:5580",
                                      "tcp://example.org:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(try_listen(bad[i]), -PL_E_FORBIDDEN);
        ck_assert_ptr_nonnull(strstr(err.text, "keys"));
        ck_assert_int_eq(pl_loop_metrics(loop, bad[i] + 6, &err), -PL_E_FORBIDDEN);
        ck_assert_int_eq(pl_loop_hub(loop, bad[i], NULL, 0, &err), -PL_E_FORBIDDEN);
    }
}
END_TEST

START_TEST(an_address_that_is_none_is_refused)
{
    char text[300] = "ipc:///tmp/";
    memset(text + strlen(text), 'x', 200);
    static const char *const bad[] = {"",
                                      "127.0.0.1:1",
                                      "http://127.0.0.1:1",
                                      "tcp://127.0.0.1",
                                      "tcp://:1",
                                      "tcp://127.0.0.1:",
                                      "ipc://",
                                      "tcp://127.0.0.1:70000",
                                      "ipc://@abc",
                                      "tcp://127.0.0.1:1x",
                                      "inproc://name",
                                      "ipc:///tmp/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_int_eq(try_listen(bad[i]), -PL_E_INVALID);
    ck_assert_int_eq(try_listen(text), -PL_E_INVALID);
}
END_TEST

START_TEST(an_address_in_use_is_an_error_that_names_it)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", free_port());
    ck_assert_int_eq(try_listen(endpoint), 0);
    struct pl_listen_opts o = {LISTENER + 1, endpoint, 1024};
    ck_assert_int_eq(pl_loop_listen(loop, &o, &err), -PL_E_IO);
    ck_assert_ptr_nonnull(strstr(err.text, endpoint));
    ck_assert_int_eq(pl_loop_metrics(loop, endpoint + 6, &err), -PL_E_IO);
    ck_assert_ptr_nonnull(strstr(err.text, endpoint + 6));
    o.endpoint = ipc_endpoint();
    ck_assert_int_eq(pl_loop_listen(loop, &o, &err), 0);
    o.listener++;
    ck_assert_int_eq(pl_loop_listen(loop, &o, &err), -PL_E_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "in use"));
}
END_TEST

START_TEST(an_ipc_socket_lies_in_a_directory_of_our_own)
{
    struct stat st;
    char dir[4200], file[4300], endpoint[4400];
    ck_assert_int_eq(try_listen(ipc_endpoint()), 0);
    snprintf(dir, sizeof dir, "%s/run", pl_test_dir());
    ck_assert_int_eq(stat(dir, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    snprintf(dir, sizeof dir, "%s/open", pl_test_dir());
    snprintf(endpoint, sizeof endpoint, "ipc://%s/s", dir);
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    struct pl_listen_opts o = {LISTENER + 1, endpoint, 0};
    ck_assert_int_eq(pl_loop_listen(loop, &o, &err), -PL_E_FORBIDDEN);
    ck_assert_int_eq(chmod(dir, 0700), 0);
    snprintf(file, sizeof file, "%s/s", dir);
    fclose(fopen(file, "w"));
    ck_assert_int_eq(pl_loop_listen(loop, &o, &err), -PL_E_IO);
    ck_assert_int_eq(unlink(file), 0);
    /* A socket whose process is gone. */
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", file);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    ck_assert_msg(pl_loop_listen(loop, &o, &err) == 0, "%s", err.text);
}
END_TEST

static int connect_http(void)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) perror("connect");
    return fd;
}

/* Sends REQUEST and reads to the end of the answer. */
static const char *request(const char *text, size_t len)
{
    static char answer[65536];
    size_t n = 0;
    ssize_t got;
    int fd = connect_http();
    if (send(fd, text, len, MSG_NOSIGNAL) < 0) perror("send");
    while ((got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0) n += (size_t)got;
    answer[n] = 0;
    close(fd);
    return answer;
}

static bool gives(const char *text, const char *status, const char *part)
{
    const char *a = request(text, strlen(text));
    return strncmp(a, status, strlen(status)) == 0 && strstr(a, part);
}

static void *browse(void *ctx)
{
    static char large[10000];
    int silent[40];
    const char *wrong = NULL;
    for (int i = 0; i < 8; i++) silent[i] = connect_http();
    if (!gives("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.0 200", "ok")) wrong = "healthz";
    if (!gives("GET /readyz HTTP/1.0\r\n\r\n", "HTTP/1.0 200", "ready")) wrong = "readyz";
    if (!gives("GET /metrics?x=y HTTP/1.1\r\n\r\n", "HTTP/1.0 200", "parlance_messages_total{"))
        wrong = "metrics";
    if (!gives("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 200", "version=0.0.4")) wrong = "type";
    if (!gives("GET /else HTTP/1.1\r\n\r\n", "HTTP/1.0 404", "Connection: close")) wrong = "404";
    if (!gives("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 405", "")) wrong = "405";
    if (!gives("nonsense\r\n\r\n", "HTTP/1.0 400", "")) wrong = "400";
    if (!gives(" \r\n\r\n", "HTTP/1.0 400", "")) wrong = "400 of blanks";
    memset(large, 'x', sizeof large);
    if (strncmp(request(large, 8191), "HTTP/1.0 431", 12) != 0) wrong = "431";
    for (int i = 8; i < 40; i++) silent[i] = connect_http();
    for (int i = 0; i < 40; i++) close(silent[i]);
    say_end(ctx);
    return (void *)wrong;
}

START_TEST(http_serves_three_pages_and_nothing_else)
{
    char host[32];
    add(&doorman);
    listen_tcp(1024, "door");
    port = free_port();
    snprintf(host, sizeof host, "127.0.0.1:%u", port);
    ck_assert_msg(pl_loop_metrics(loop, host, &err) == 0, "%s", err.text);
    run_with(browse);
}
END_TEST

static int signals;

static void on_stop(void *arg)
{
    signals++;
    pl_node_stop(node, 1000);
}

static int raise_start(struct pl_actor *self, void *state, const void *arg)
{
    kill(getpid(), *(const int *)arg);
    return 0;
}
static int deaf(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    return 0;
}
static const struct pl_actor_class raiser = {.name = "raiser", .start = raise_start, .receive = deaf};

START_TEST(a_signal_stops_in_order)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    ck_assert_int_eq(pl_node_add(node, &raiser, NULL, &numbers[_i], NULL), 0);
    pl_loop_on_stop(loop, on_stop, NULL);
    run();
    ck_assert_int_eq(signals, 1);
    ck_assert(pl_node_stopped(node));
}
END_TEST

static int timer_start(struct pl_actor *self, void *state, const void *arg)
{
    pl_timer_start(self, 300, 1, 0);
    return 0;
}

static int timer_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (PL_BODY(m, sys_timer)) pl_loop_end(loop);
    return 0;
}
static const struct pl_actor_class sleeper = {.name = "door", .start = timer_start, .receive = timer_receive};

static uint32_t turns;

static void count_turn(uv_check_t *c)
{
    turns++;
}

START_TEST(a_loop_with_nothing_to_do_sleeps)
{
    static uv_check_t counter;
    add(&sleeper);
    listen_tcp(1024, "door");
    uv_check_init(&loop->uv, &counter);
    uv_check_start(&counter, count_turn);
    run();
    ck_assert_uint_lt(turns, 50);
    uv_close((uv_handle_t *)&counter, NULL);
}
END_TEST

static int failing(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    return -PL_E_INTERNAL;
}
static const struct pl_actor_class breaker = {.name = "door",
                                              .start = timer_start,
                                              .receive = failing,
                                              .restart = {PL_RESTART_ALWAYS, 1, 100000, 1, 1}};

START_TEST(a_failed_node_ends_the_loop_with_its_error)
{
    add(&breaker);
    ck_assert_int_eq(pl_node_start(node, &err), 0);
    ck_assert_int_lt(pl_loop_run(loop, &err), 0);
    ck_assert(err.code != 0);
    ck_assert_ptr_nonnull(strstr(err.text, "door"));
}
END_TEST

static int point_start(struct pl_actor *self, void *state, const void *arg)
{
    pl_kill_point(self, "commit");
    pl_kill_point(self, "decode");
    pl_kill_point(self, "commit");
    return 0;
}
static const struct pl_actor_class pointed = {.name = "door", .start = point_start, .receive = deaf};

START_TEST(a_kill_point_kills_at_its_pass)
{
    tear_down();
    setenv("PARLANCE_KILL_AT", "commit:3", 1);
    set_up();
    add(&pointed);
    ck_assert_int_eq(pl_node_start(node, &err), 0);
    tear_down();
    setenv("PARLANCE_KILL_AT", "commit:2", 1);
    set_up();
    add(&pointed);
    pl_node_start(node, &err);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("loop");
    TCase *tc = tcase_create("loop");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    PL_TEST(tc, ten_thousand_messages_pass_a_thread_by_inproc);
    PL_TEST(tc, ten_thousand_messages_pass_a_child_by_ipc);
    PL_TEST(tc, ten_thousand_messages_pass_a_child_by_tcp);
    PL_TEST(tc, ten_thousand_messages_pass_a_thread_by_tcp);
    PL_TEST(tc, a_killed_child_is_started_again);
    PL_TEST(tc, a_child_finds_its_hub_when_the_socket_was_removed);
    PL_TEST(tc, children_and_threads_end_with_their_loop);
    PL_TEST(tc, a_child_dies_with_a_parent_that_was_killed);
    PL_TEST(tc, a_child_that_cannot_be_started_is_an_error);
    PL_TEST(tc, ten_thousand_frames_pass_a_small_mailbox_without_a_stall);
    PL_TEST(tc, ten_thousand_frames_pass_by_ipc);
    PL_TEST(tc, a_req_socket_gets_its_delimiter_back);
    PL_TEST(tc, what_is_not_one_frame_is_told_as_malformed);
    PL_TEST(tc, a_message_over_the_limit_is_never_seen);
    PL_TEST(tc, a_slow_reader_loses_nothing_that_was_accepted);
    PL_TEST(tc, an_address_that_others_reach_is_refused);
    PL_TEST(tc, an_address_that_is_none_is_refused);
    PL_TEST(tc, an_address_in_use_is_an_error_that_names_it);
    PL_TEST(tc, an_ipc_socket_lies_in_a_directory_of_our_own);
    PL_TEST(tc, http_serves_three_pages_and_nothing_else);
    tcase_add_loop_test(tc, a_signal_stops_in_order, 0, 2);
    PL_TEST(tc, a_loop_with_nothing_to_do_sleeps);
    PL_TEST(tc, a_failed_node_ends_the_loop_with_its_error);
    tcase_add_test_raise_signal(tc, a_kill_point_kills_at_its_pass, SIGKILL);
    suite_add_tcase(s, tc);
    return s;
}

int main(int argc, char **argv)
{
    return argc > 1 ? run_child(argc, argv) : pl_test_main(suite());
}
