/* Fuzzes the frames of a link. The first byte picks who listens: a hub with one child and an actor that
 * watches it, or ('l') a leaf. Then come frames, each two bytes of length (little-endian) and its bytes; the
 * top bit of the length: the link is lost, the child ends and is started again before. Whatever the other
 * side says, the node goes on, and sent = handled + refused + dead + in flight. */
#include "runtime/node.h"
#include "tests/fuzz/fuzz.h"

static uint64_t clock_ms;

static uint64_t now_ms(void *self)
{
    return clock_ms;
}

static int link_send(void *self, const char *node, const void *bytes, size_t len)
{
    PL_MUST(strcmp(node, "leaf") == 0 || strcmp(node, "service") == 0);
    PL_MUST(len > 1 && pl_wire_check((const uint8_t *)bytes + 1, len - 1, NULL) == 0);
    return clock_ms % 7 == 3 ? -PL_E_AGAIN : 0;
}

static uint64_t incarnation_now;

static int child_start(void *self, const char *node, uint64_t incarnation, struct pl_err *err)
{
    incarnation_now = incarnation;
    return incarnation % 5 == 4 ? -PL_E_IO : 0;
}

static void child_kill(void *self, const char *node) {}

static uint64_t chance(void *self)
{
    return clock_ms * 7919;
}

static int begin(struct pl_actor *self, void *state, const void *arg)
{
    pl_monitor(self, "echo");
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (m->type == &pl_sys_down_type || m->type == &pl_sys_undelivered_type) return 0;
    PL_NEW(answer, pong, pong);
    PL_NEW(question, ping, ping);
    (void)pong, (void)ping;
    pl_reply(self, m, &answer);
    pl_send_to(self, "echo", &question);
    if (pl_now_ms(self) % 5 == 0) pl_child_restart(self, "echo");
    return 0;
}

static struct pl_node *make_node(bool leaf)
{
    static const struct pl_actor_class watcher = {.name = "session", .start = begin, .receive = receive};
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 1000, 1, 1, 1};
    struct pl_node_opts o = {.name = leaf ? "leaf" : "service",
                             .hub = leaf ? "service" : NULL,
                             .heartbeat_ms = 3,
                             .heartbeat_timeout_ms = 30,
                             .world = {.now_ms = now_ms,
                                       .random = chance,
                                       .link_send = link_send,
                                       .child_start = child_start,
                                       .child_kill = child_kill}};
    struct pl_node *n = NULL;
    PL_MUST(pl_node_create(&o, &n, NULL) == 0 && pl_node_add(n, &watcher, NULL, NULL, NULL) == 0);
    if (!leaf)
        PL_MUST(pl_node_place(n, "echo", "leaf", NULL) == 0 && pl_node_child(n, "leaf", &policy, NULL) == 0);
    PL_MUST(pl_node_start(n, NULL) == 0);
    if (leaf) pl_node_link_up(n, "service");
    return n;
}

/* The child that was started last says who it is, as a sound one would. */
static void say_hello(struct pl_node *n)
{
    struct pl_str actors[] = {PL_STR("echo")};
    struct pl_buf b = {0};
    PL_NEW(m, hello, node_hello);
    PL_MUST(m && pl_buf_write(&b, "", 1) == 0);
    hello->node = PL_STR("leaf");
    hello->incarnation = incarnation_now;
    hello->actors = actors;
    hello->actors_count = 1;
    PL_MUST(pl_msg_encode(m, clock_ms, &b) == 0);
    pl_node_link_frame(n, "leaf", b.data, b.len);
    pl_buf_finish(&b);
    pl_msg_unref(&m);
}

static void end_child(struct pl_node *n, int status)
{
    pl_node_link_lost(n, "leaf");
    pl_node_child_exited(n, "leaf", incarnation_now, status);
    for (int i = 0; i < 4; i++, clock_ms += 3) pl_node_run(n, 16);
    say_hello(n);
}

static void must_add_up(const struct pl_node *n)
{
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    PL_MUST(c.sent == c.handled + c.refused + c.dead + c.in_flight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 16384) return 0;
    bool leaf = *data++ == 'l';
    clock_ms = 1000;
    incarnation_now = 0;
    struct pl_node *n = make_node(leaf);
    if (!leaf) say_hello(n);
    for (size--; size >= 2;) {
        size_t len = (size_t)(data[0] | (data[1] & 0x7f) << 8);
        bool lost = data[1] & 0x80;
        data += 2, size -= 2;
        if (len > size) len = size;
        if (lost && leaf) pl_node_link_lost(n, "service");
        if (lost && !leaf) end_child(n, len % 3 ? (int)len : 0);
        pl_node_link_frame(n, leaf ? "service" : "leaf", data, len);
        data += len, size -= len;
        clock_ms += 3;
        pl_node_run(n, 16);
        must_add_up(n);
    }
    pl_node_stop(n, 10);
    for (int i = 0; i < 8; i++, clock_ms += 3) pl_node_run(n, 64);
    pl_node_destroy(&n);
    return 0;
}
