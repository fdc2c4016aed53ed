/* Fuzzes the frames of a link: a hub with one child and an actor that watches it. The input is a list of
 * frames, each two bytes of length (little-endian) and its bytes; the top bit of the length is: the link was
 * lost before. Whatever the child says, the hub goes on, and sent = handled + refused + dead + in flight. */
#include "runtime/node.h"
#include "tests/fuzz/fuzz.h"

static uint64_t clock_ms;

static uint64_t now_ms(void *self)
{
    return clock_ms;
}

static int link_send(void *self, const char *node, const void *bytes, size_t len)
{
    PL_MUST(len > 1 && strcmp(node, "leaf") == 0 &&
            pl_wire_check((const uint8_t *)bytes + 1, len - 1, NULL) == 0);
    return clock_ms % 7 == 3 ? -PL_E_AGAIN : 0;
}

static int child_start(void *self, const char *node, uint64_t incarnation, struct pl_err *err)
{
    return 0;
}

static void child_kill(void *self, const char *node) {}

static int begin(struct pl_actor *self, void *state, const void *arg)
{
    pl_monitor(self, "echo");
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (m->type == &pl_sys_down_type || m->type == &pl_sys_undelivered_type) return 0;
    PL_NEW(answer, pong, pong);
    (void)pong;
    pl_reply(self, m, &answer);
    return 0;
}

static struct pl_node *make_hub(void)
{
    static const struct pl_actor_class watcher = {.name = "session", .start = begin, .receive = receive};
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 1000, 1, 1, 1};
    struct pl_node_opts o = {
        .name = "service",
        .world = {
            .now_ms = now_ms, .link_send = link_send, .child_start = child_start, .child_kill = child_kill}};
    struct pl_node *n = NULL;
    PL_MUST(pl_node_create(&o, &n, NULL) == 0 && pl_node_add(n, &watcher, NULL, NULL, NULL) == 0);
    PL_MUST(pl_node_place(n, "echo", "leaf", NULL) == 0 && pl_node_child(n, "leaf", &policy, NULL) == 0);
    PL_MUST(pl_node_start(n, NULL) == 0);
    return n;
}

static void must_add_up(const struct pl_node *n)
{
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    PL_MUST(c.sent == c.handled + c.refused + c.dead + c.in_flight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clock_ms = 1000;
    struct pl_node *n = make_hub();
    while (size >= 2) {
        size_t len = (size_t)(data[0] | (data[1] & 0x7f) << 8);
        bool lost = data[1] & 0x80;
        data += 2, size -= 2;
        if (len > size) len = size;
        if (lost) pl_node_link_lost(n, "leaf");
        pl_node_link_frame(n, "leaf", data, len);
        data += len, size -= len;
        clock_ms += 3;
        pl_node_run(n, 16);
        must_add_up(n);
    }
    pl_node_destroy(&n);
    return 0;
}
