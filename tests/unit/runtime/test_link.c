/* Hub and leaves: hellos, heartbeats, children, outboxes, damaged frames. */
#include "tests/unit/runtime/node_world.h"

static struct host hub_host, leaf_host;

static struct pl_node *make_leaf(uint64_t incarnation)
{
    struct pl_node *leaf = node_at(1, "leaf", "service", incarnation, false);
    add(leaf, "echo", &leaf_host);
    start(leaf);
    pl_node_link_up(leaf, "service");
    return leaf;
}

static struct pl_node *make_hub(int (*script)(struct pl_actor *, struct host *, const struct pl_msg *))
{
    hub_host = (struct host){.script = script, .begin = watch_echo};
    leaf_host = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 2, 100000, 10, 10};
    add(n, "asker", &hub_host);
    ck_assert_int_eq(pl_node_place(n, "echo", "leaf", NULL), 0);
    ck_assert_int_eq(pl_node_child(n, "leaf", &policy, NULL), 0);
    listen_as(n, "asker");
    start(n);
    ck_assert_uint_eq(net.started, 1);
    return n;
}

START_TEST(actor_of_a_leaf_answers_as_if_it_were_here)
{
    struct pl_node *n = make_hub(ask_echo);
    poke(n); /* what is sent before the first hello waits */
    settle();
    ck_assert(!pl_node_ready(n));
    make_leaf(net.incarnation);
    settle();
    ck_assert(pl_node_ready(n));
    ck_assert_uint_eq(count_of(&hub_host, &pl_store_written_type), 3);
    ck_assert_uint_eq(hub_host.seen[hub_host.count - 1].token, 103);
    ck_assert_str_eq(hub_host.seen[hub_host.count - 1].from, "echo");
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_up_type), 1);
    end();
}
END_TEST

START_TEST(refusal_travels_back_over_the_link)
{
    struct pl_node *n = make_hub(flood);
    make_leaf(net.incarnation);
    settle();
    poke(n);
    pl_node_run(n, 100); /* ten frames for the leaf, delivered before it runs */
    while (deliver_one()) {}
    settle();
    ck_assert_uint_eq(count_of(&leaf_host, &pl_store_written_type), 8);
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 2);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->token, 9);
    end();
}
END_TEST

START_TEST(dead_child_is_restarted_and_its_senders_are_told)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    pl_node_destroy(&net.nodes[1]);
    pl_node_link_lost(n, "leaf");
    ck_assert_uint_eq(net.killed, 1);
    pl_node_child_exited(n, "leaf", net.incarnation, 9);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_down_type), 1);
    poke(n);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 3);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->a, PL_E_UNAVAILABLE);
    net.now_ms += 10;
    settle();
    ck_assert_uint_eq(net.started, 2);
    make_leaf(1); /* a late hello of the old incarnation is not believed */
    settle();
    ck_assert(!pl_node_ready(n));
    pl_node_destroy(&net.nodes[1]);
    make_leaf(net.incarnation);
    settle();
    ck_assert(pl_node_ready(n));
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_up_type), 2);
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.child_restarts, 1);
    end();
}
END_TEST

START_TEST(child_that_ends_too_often_fails_the_node)
{
    struct pl_node *n = make_hub(ask_echo);
    for (int i = 0; i < 3; i++) {
        ck_assert(!pl_node_failed(n, NULL));
        pl_node_child_exited(n, "leaf", net.incarnation, 1);
        net.now_ms += 10;
        settle();
    }
    ck_assert(pl_node_failed(n, NULL));
    ck_assert_uint_eq(net.started, 3);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_down_type)->b, 1);
    end();
}
END_TEST

START_TEST(silent_child_is_killed)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    for (int i = 0; i < 100; i++) { /* it answers pings */
        net.now_ms += 1000;
        settle();
    }
    ck_assert_uint_eq(net.killed, 0);
    net.deaf[0] = true;
    for (int i = 0; i < 62; i++) {
        net.now_ms += 1000;
        settle();
    }
    ck_assert_uint_eq(net.killed, 1);
    pl_node_child_exited(n, "leaf", net.incarnation, 9);
    net.now_ms += 1000;
    settle();
    ck_assert_uint_eq(net.started, 2);
    end();
}
END_TEST

static bool page_has(struct pl_node *n, const char *line)
{
    struct pl_buf b = {0};
    pl_node_metrics_write(n, &b);
    pl_buf_write(&b, "", 1);
    bool has = strstr((const char *)b.data, line) != NULL;
    pl_buf_finish(&b);
    return has;
}

START_TEST(metrics_of_a_leaf_are_on_the_hubs_page_while_it_is_up)
{
    net.gather = true;
    struct pl_node *n = make_hub(ask_echo), *leaf = make_leaf(net.incarnation);
    pl_counter_add(pl_metrics_counter(pl_node_metrics(leaf), "parlance_x_total", "X.", "k=\"v\""), 3);
    settle();
    ck_assert(!page_has(n, "parlance_x_total"));
    net.now_ms += 1000;
    settle();
    ck_assert(page_has(n, "parlance_x_total{node=\"leaf\",k=\"v\"} 3\n"));
    ck_assert(page_has(n, "parlance_actor_up{actor=\"asker\"} 1\n"));
    pl_node_link_lost(n, "leaf");
    ck_assert(!page_has(n, "parlance_x_total"));
    end();
}
END_TEST

START_TEST(swollen_child_is_killed_and_started_again)
{
    net.weigh = true;
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    net.now_ms += 1000;
    settle();
    ck_assert_uint_eq(net.killed, 0);
    net.swollen = true;
    net.now_ms += 50;
    settle();
    ck_assert_uint_eq(net.killed, 1);
    net.swollen = false;
    pl_node_child_exited(n, "leaf", net.incarnation, PL_CHILD_EXIT_MEMORY);
    net.now_ms += 1000;
    settle();
    ck_assert_uint_eq(net.started, 2);
    end();
}
END_TEST

START_TEST(who_talks_to_strangers_is_told_when_the_hub_stops)
{
    struct pl_node *n = make_hub(NULL);
    make_leaf(net.incarnation);
    ck_assert_int_eq(pl_node_listener(net.nodes[1], 5, "echo", NULL), 0);
    settle();
    net.link_answer = 0;
    hub_host.script = NULL;
    poke(n); /* the hub has something to do: it does not say node.bye yet */
    pl_node_stop(n, 1000);
    ck_assert_uint_eq(count_of(&leaf_host, &pl_sys_stop_type), 0);
    settle();
    ck_assert_uint_ge(count_of(&leaf_host, &pl_sys_stop_type), 1);
    end();
}
END_TEST

START_TEST(full_link_fills_a_bounded_outbox)
{
    struct pl_node *n = make_hub(flood);
    make_leaf(net.incarnation);
    settle();
    net.link_answer = -PL_E_AGAIN;
    for (int i = 0; i < 1640; i++) { /* ten messages each */
        poke(n);
        settle();
        hub_host.count = 0;
    }
    poke(n);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 10);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->a, PL_E_OVERLOADED);
    ck_assert_uint_le(pl_node_due_ms(n), net.now_ms + 2);
    net.link_answer = 0;
    net.now_ms += 2;
    hub_host.count = leaf_host.count = 0;
    net.deaf[1] = true;
    settle();
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.in_flight, 0);
    end();
}
END_TEST

START_TEST(lost_link_gives_back_what_waited)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    net.link_answer = _i == 0 ? -PL_E_AGAIN : -PL_E_GONE;
    poke(n);
    settle();
    if (_i == 0) pl_node_link_lost(n, "leaf");
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 3);
    ck_assert_uint_eq(find(&hub_host, &pl_sys_undelivered_type)->a, PL_E_GONE);
    ck_assert_uint_eq(net.killed, 1);
    end();
}
END_TEST

START_TEST(leaf_asks_the_hub_for_whom_it_does_not_know)
{
    static struct host other, third;
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    other = (struct host){.script = ask_echo, .begin = watch_echo};
    third = (struct host){.script = echo};
    ck_assert_int_eq(pl_node_place(n, "asker", "left", NULL), 0);
    ck_assert_int_eq(pl_node_place(n, "echo", "right", NULL), 0);
    start(n);
    struct pl_node *left = node_at(1, "left", "service", 1, false),
                   *right = node_at(2, "right", "service", 1, false);
    add(left, "asker", &other);
    listen_as(left, "asker");
    add(right, "echo", &third);
    start(left);
    start(right);
    pl_node_link_up(left, "service");
    settle();
    pl_node_link_up(right, "service");
    settle();
    ck_assert_uint_eq(count_of(&other, &pl_sys_up_type), 1); /* told by the hub, wherever it lives */
    poke(left);
    settle();
    ck_assert_uint_eq(count_of(&other, &pl_store_written_type), 3);
    pl_node_link_lost(n, "right");
    settle();
    ck_assert_uint_eq(count_of(&other, &pl_sys_down_type), 1);
    end();
}
END_TEST

START_TEST(restart_of_a_leafs_actor_is_told_to_the_hub)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    net.faulty = "echo";
    net.fault = PL_HANDLER_FAILS_BEFORE;
    poke(n);
    settle();
    net.now_ms += 50;
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_down_type), 1);
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_up_type), 2);
    ck_assert_uint_eq(count_of(&hub_host, &pl_sys_undelivered_type), 1);
    ck_assert_uint_eq(count_of(&hub_host, &pl_store_written_type), 2);
    end();
}
END_TEST

START_TEST(stopping_hub_lets_its_children_finish)
{
    struct pl_node *n = make_hub(last_words);
    struct pl_node *leaf = make_leaf(net.incarnation);
    settle();
    pl_node_stop(n, 5000);
    settle();
    ck_assert(!pl_node_stopped(n));
    ck_assert(pl_node_stopped(leaf));
    ck_assert_uint_eq(leaf_host.seen[0].token, 500);
    ck_assert_uint_eq(net.killed, 0);
    pl_node_child_exited(n, "leaf", net.incarnation, 0);
    settle();
    ck_assert(pl_node_stopped(n));
    end();
}
END_TEST

START_TEST(stopping_hub_kills_children_after_its_grace)
{
    struct pl_node *n = make_hub(NULL);
    make_leaf(net.incarnation);
    settle();
    net.deaf[1] = true;
    pl_node_stop(n, 5000);
    settle();
    ck_assert(!pl_node_stopped(n));
    ck_assert_uint_eq(pl_node_due_ms(n), 1000); /* the heartbeat */
    net.now_ms = 5000;
    settle();
    ck_assert(pl_node_stopped(n));
    ck_assert_uint_eq(net.killed, 1);
    end();
}
END_TEST

START_TEST(damaged_frames_are_counted_and_harm_nothing)
{
    struct pl_node *n = make_hub(ask_echo);
    make_leaf(net.incarnation);
    settle();
    uint64_t state = pl_test_seed(11);
    for (int i = 0; i < 2000; i++) {
        uint8_t junk[64];
        size_t len = pl_test_random(&state) % sizeof junk;
        for (size_t k = 0; k < len; k++) junk[k] = (uint8_t)pl_test_random(&state);
        if (len) junk[0] &= 1;
        pl_node_link_frame(n, i % 2 ? "leaf" : "stranger", junk, len);
    }
    balanced(n);
    poke(n);
    settle();
    ck_assert_uint_eq(count_of(&hub_host, &pl_store_written_type), 3);
    end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/link");
    TCase *tc = tcase_create("hub and leaf");
    tcase_add_checked_fixture(tc, net_reset, end);
    PL_TEST(tc, actor_of_a_leaf_answers_as_if_it_were_here);
    PL_TEST(tc, refusal_travels_back_over_the_link);
    PL_TEST(tc, dead_child_is_restarted_and_its_senders_are_told);
    PL_TEST(tc, child_that_ends_too_often_fails_the_node);
    PL_TEST(tc, silent_child_is_killed);
    PL_TEST(tc, full_link_fills_a_bounded_outbox);
    PL_TEST(tc, metrics_of_a_leaf_are_on_the_hubs_page_while_it_is_up);
    PL_TEST(tc, swollen_child_is_killed_and_started_again);
    PL_TEST(tc, who_talks_to_strangers_is_told_when_the_hub_stops);
    tcase_add_loop_test(tc, lost_link_gives_back_what_waited, 0, 2);
    PL_TEST(tc, leaf_asks_the_hub_for_whom_it_does_not_know);
    PL_TEST(tc, restart_of_a_leafs_actor_is_told_to_the_hub);
    PL_TEST(tc, stopping_hub_lets_its_children_finish);
    PL_TEST(tc, stopping_hub_kills_children_after_its_grace);
    PL_TEST(tc, damaged_frames_are_counted_and_harm_nothing);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
