/* One node: mailboxes, timers, failures and restarts, sockets, the end. */
#include "tests/unit/runtime/node_world.h"

/* ---- one node ---- */

START_TEST(messages_are_answered_in_order)
{
    static struct host a, b;
    a = (struct host){.script = ask_echo};
    b = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, _i == 1);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(a.count, 4);
    for (uint64_t i = 1; i <= 3; i++) {
        ck_assert_uint_eq(a.seen[i].token, i + 100);
        ck_assert_str_eq(a.seen[i].from, "echo");
    }
    ck_assert_uint_eq(pl_node_due_ms(n), UINT64_MAX);
    end();
}
END_TEST

START_TEST(full_mailbox_refuses_the_newest_to_its_sender)
{
    static struct host a, b;
    a = (struct host){.script = flood};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 8);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 2);
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_uint_eq(u->a, PL_E_OVERLOADED);
    ck_assert_uint_eq(u->token, 9);
    ck_assert_str_eq(u->text, "echo");
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.refused, 2);
    end();
}
END_TEST

static int user_then_system(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    send_token(self, "echo", 1);
    send_token(self, "echo", 2);
    PL_NEW(c, b, store_written);
    b->token = 3;
    pl_send_system(self, "echo", &c);
    return 0;
}

START_TEST(system_lane_goes_first)
{
    static struct host a, b;
    a = (struct host){.script = user_then_system};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 3);
    ck_assert_uint_eq(b.seen[0].token, 3);
    ck_assert_uint_eq(b.seen[1].token, 1);
    ck_assert_uint_eq(b.seen[2].token, 2);
    end();
}
END_TEST

static int send_nowhere(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    PL_NEW(w, b, store_get);
    b->token = 77;
    w->env.correlation = pl_msg_str(w, PL_STR("abc"));
    pl_send_to(self, "nobody", &w);
    return 0;
}

START_TEST(unknown_receiver_is_told_to_the_sender)
{
    static struct host a;
    a = (struct host){.script = send_nowhere};
    struct pl_node *n = node_at(0, "service", NULL, 0, _i == 1);
    add(n, "asker", &a);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_ptr_nonnull(u);
    ck_assert_uint_eq(u->a, PL_E_NOT_FOUND);
    ck_assert_uint_eq(u->token, 77);
    end();
}
END_TEST

static int take_nothing(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    return PL_UNHANDLED;
}

START_TEST(message_that_is_not_taken_comes_back_as_unknown_type)
{
    static struct host a, b;
    struct pl_node_counts counts;
    a = (struct host){.script = ask_echo};
    b = (struct host){.script = take_nothing};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_ptr_nonnull(u);
    ck_assert_uint_eq(u->a, PL_E_UNKNOWN_TYPE);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 3);
    pl_node_counts(n, &counts);
    ck_assert_uint_eq(counts.dead, 3);
    ck_assert_uint_eq(b.starts, 1);
    end();
}
END_TEST

static int send_lacking(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    struct pl_msg *w = pl_msg_create(&pl_store_get_type);
    ck_assert_ptr_null(pl_msg_alloc(w, SIZE_MAX / 2));
    pl_send_to(self, "echo", &w);
    ck_assert_ptr_null(w);
    return 0;
}

START_TEST(message_that_lacks_memory_is_not_sent_and_fails_its_handler)
{
    static struct host a, b;
    struct pl_node_counts counts;
    a = (struct host){.script = send_lacking};
    b = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    pl_node_counts(n, &counts);
    ck_assert_uint_eq(b.count, 0);
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(counts.dead, 1);
    end();
}
END_TEST

static int send_with_deadline(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (!PL_BODY(m, net_frame)) return 0;
    for (uint64_t i = 0; i < 2; i++) {
        PL_NEW(w, b, store_written);
        b->token = i + 1;
        w->deadline_ms = i == 0 ? pl_now_ms(self) : pl_now_ms(self) + 5;
        pl_send_to(self, "echo", &w);
    }
    net.now_ms += 5;
    return 0;
}

START_TEST(deadline_counts_at_enqueue_and_at_dequeue)
{
    static struct host a, b;
    a = (struct host){.script = send_with_deadline};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    net.now_ms = 100;
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(b.count, 0);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 2);
    for (size_t i = 1; i < 3; i++) {
        ck_assert_uint_eq(a.seen[i].a, PL_E_DEADLINE_EXCEEDED);
        ck_assert_uint_eq(a.seen[i].token, i);
    }
    end();
}
END_TEST

static int forward_on(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    if (PL_BODY(m, store_written)) {
        pl_forward(self, "left", m);
        pl_forward(self, "right", m);
    }
    return 0;
}

START_TEST(forwarded_message_keeps_its_sender_and_goes_to_many)
{
    static struct host a, b, left, right;
    a = (struct host){.script = ask_echo};
    b = (struct host){.script = forward_on};
    left = right = (struct host){.script = echo};
    struct pl_node *n = node_at(0, "service", NULL, 0, _i == 1);
    add(n, "asker", &a);
    add(n, "echo", &b);
    add(n, "left", &left);
    add(n, "right", &right);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    ck_assert_uint_eq(left.count, 3);
    ck_assert_uint_eq(right.count, 3);
    ck_assert_str_eq(right.seen[0].from, "asker");
    ck_assert_uint_eq(a.count, 7);
    end();
}
END_TEST

/* ---- timers ---- */

static int three_timers(struct pl_actor *self, struct host *h)
{
    pl_timer_start(self, 20, 2, 200);
    pl_timer_start(self, 10, 1, 100);
    uint64_t t = pl_timer_start(self, 15, 9, 900);
    ck_assert(pl_timer_cancel(self, t));
    ck_assert(!pl_timer_cancel(self, t));
    return 0;
}

START_TEST(timers_fire_in_order_and_when_due)
{
    static struct host a;
    a = (struct host){.begin = three_timers};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    net.now_ms = 1000;
    add(n, "a", &a);
    start(n);
    ck_assert_uint_eq(pl_node_due_ms(n), 1010);
    settle();
    ck_assert_uint_eq(a.count, 0);
    net.now_ms = 1019;
    settle();
    ck_assert_uint_eq(a.count, 1);
    net.now_ms = 5000;
    settle();
    ck_assert_uint_eq(a.count, 2);
    ck_assert_uint_eq(a.seen[0].token, 100);
    ck_assert_uint_eq(a.seen[1].a, 2);
    end();
}
END_TEST

static int two_at_once(struct pl_actor *self, struct host *h)
{
    pl_timer_start(self, 5, 1, 0);
    h->timer = pl_timer_start(self, 5, 2, 0);
    return 0;
}

static int cancel_other(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    ck_assert(pl_timer_cancel(self, h->timer));
    return 0;
}

START_TEST(cancelling_a_fired_timer_takes_it_out_of_the_mailbox)
{
    static struct host a;
    a = (struct host){.begin = two_at_once, .script = cancel_other};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    start(n);
    net.now_ms = 10;
    settle();
    ck_assert_uint_eq(a.count, 1);
    ck_assert_uint_eq(a.seen[0].a, 1);
    ck_assert_uint_eq(a.batches, 1);
    end();
}
END_TEST

static int zero_timer(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    pl_timer_start(self, 0, 1, 0);
    return 0;
}

START_TEST(zero_delay_timer_does_not_keep_a_run_from_ending)
{
    static struct host a;
    a = (struct host){.script = zero_timer};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    poke(n);
    for (int i = 0; i < 10; i++) ck_assert_uint_le(pl_node_run(n, 100), 3);
    ck_assert_uint_ge(a.count, 5);
    end();
}
END_TEST

/* ---- failure and restart ---- */

static int start_timer(struct pl_actor *self, struct host *h)
{
    pl_timer_start(self, 1000000 / h->starts, (uint32_t)h->starts, 0);
    return 0;
}

START_TEST(failed_actor_restarts_clean_and_keeps_its_mail)
{
    static struct host a, b;
    a = (struct host){.script = ask_echo, .begin = watch_echo};
    b = (struct host){.script = echo, .begin = start_timer};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add(n, "echo", &b);
    listen_as(n, "asker");
    start(n);
    net.faulty = "echo";
    net.fault = _i == 0 ? PL_HANDLER_FAILS_BEFORE : PL_HANDLER_FAILS_AFTER;
    poke(n);
    settle();
    ck_assert_uint_eq(b.stops, 1);
    ck_assert(!pl_node_ready(n));
    ck_assert_uint_eq(a.seen[0].token, 1); /* sys.up of the first incarnation */
    const struct note *down = find(&a, &pl_sys_down_type);
    ck_assert_ptr_nonnull(down);
    ck_assert_uint_eq(down->b, 0);
    const struct note *u = find(&a, &pl_sys_undelivered_type);
    ck_assert_uint_eq(u->a, PL_E_UNAVAILABLE);
    ck_assert_uint_eq(u->token, 1);
    net.now_ms = 10;
    settle();
    ck_assert(pl_node_ready(n));
    ck_assert_uint_eq(b.starts, 2);
    ck_assert_uint_eq(count_of(&a, &pl_sys_up_type), 2);
    ck_assert_uint_eq(count_of(&a, &pl_store_written_type), _i == 0 ? 2 : 3);
    ck_assert_uint_eq(a.seen[a.count - 1].token, 103);
    net.now_ms = 2000000;
    settle(); /* the first incarnation's timer is dead */
    ck_assert_uint_eq(count_of(&b, &pl_sys_timer_type), 1);
    ck_assert_uint_eq(find(&b, &pl_sys_timer_type)->a, 2);
    end();
}
END_TEST

static int always_fail(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    return -PL_E_INTERNAL;
}

START_TEST(too_many_failures_fail_the_node)
{
    static struct host a, b;
    a = (struct host){.script = flood, .begin = watch_echo};
    b = (struct host){.script = always_fail};
    struct pl_actor_class frail = host_class;
    frail.restart = (struct pl_restart_policy){PL_RESTART_ALWAYS, 3, 10000, 1, 4};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add_class(n, &frail, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    struct pl_err err = {0};
    for (int i = 0; i < 20; i++) {
        settle();
        net.now_ms += 5;
    }
    ck_assert(pl_node_failed(n, &err));
    ck_assert_str_eq(err.field, "echo");
    ck_assert_uint_eq(b.starts, 4);
    const struct note *last = NULL;
    for (size_t i = 0; i < a.count; i++)
        if (a.seen[i].type == &pl_sys_down_type) last = &a.seen[i];
    ck_assert_uint_eq(last->b, 1);
    /* Each of the 10 came back, 2 as refused, the others as unavailable. */
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 10);
    struct pl_node_counts c;
    pl_node_counts(n, &c);
    ck_assert_uint_eq(c.restarts, 3);
    end();
}
END_TEST

START_TEST(actor_that_is_never_restarted_stays_down)
{
    static struct host a, b;
    a = (struct host){.script = ask_echo, .begin = watch_echo};
    b = (struct host){.script = always_fail};
    struct pl_actor_class frail = host_class;
    frail.restart.kind = PL_RESTART_NEVER;
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "asker", &a);
    add_class(n, &frail, "echo", &b);
    listen_as(n, "asker");
    start(n);
    poke(n);
    settle();
    net.now_ms = 100000;
    poke(n);
    settle();
    ck_assert(!pl_node_failed(n, NULL));
    ck_assert_uint_eq(b.starts, 1);
    ck_assert_uint_eq(find(&a, &pl_sys_down_type)->b, 1);
    ck_assert_uint_eq(count_of(&a, &pl_sys_undelivered_type), 6);
    end();
}
END_TEST

START_TEST(start_fails_with_the_first_actor_that_cannot_start)
{
    static struct host a, b;
    a = (struct host){.start_answer = 0};
    b = (struct host){.start_answer = -PL_E_IO};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    add(n, "b", &b);
    struct pl_err err = {0};
    ck_assert_int_eq(pl_node_start(n, &err), -PL_E_IO);
    ck_assert_str_eq(err.field, "b");
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(b.stops, 1);
    end();
}
END_TEST

/* ---- sockets, batches, stop ---- */

START_TEST(full_mailbox_stops_the_reading_of_a_socket)
{
    static struct host a;
    a = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    for (int i = 0; i < 8; i++) poke(n);
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    ck_assert(!pl_node_room(n, 1));
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, "x", 1, false), -PL_E_AGAIN);
    ck_assert_int_eq(pl_node_net_frame(n, 2, &peer, "x", 1, false), -PL_E_NOT_FOUND);
    settle();
    ck_assert(pl_node_room(n, 1));
    ck_assert_uint_eq(a.count, 8);
    static char big[(1 << 20) + 1];
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, big, sizeof big, false), 0);
    settle();
    ck_assert_uint_eq(a.seen[8].b, 1);
    ck_assert_uint_eq(a.seen[8].a, 0);
    end();
}
END_TEST

static int is_of_acme(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    const struct pl_net_frame *f = PL_BODY(m, net_frame);
    if (!f) return 0;
    ck_assert_int_eq(f->peer.len, 1);
    ck_assert(f->delimiter && f->act_for && f->has_key && f->has_tenant);
    ck_assert(pl_str_is(f->key, "billing") && pl_str_is(f->tenant, "acme"));
    ck_assert_uint_eq(f->roles, PL_ROLE_PRODUCER | PL_ROLE_AUDITOR);
    return 0;
}

START_TEST(frame_says_what_its_listener_knows_of_the_peer)
{
    static struct host a;
    a = (struct host){.script = is_of_acme};
    struct pl_node *n = node_at(0, "service", NULL, 0, true);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1},
                               .delimiter = true,
                               .key = PL_STR("billing"),
                               .tenant = PL_STR("acme"),
                               .roles = PL_ROLE_PRODUCER | PL_ROLE_AUDITOR,
                               .act_for = true};
    ck_assert_int_eq(pl_node_net_frame(n, 1, &peer, "x", 1, false), 0);
    settle();
    ck_assert_uint_eq(a.count, 1);
    end();
}
END_TEST

START_TEST(batch_ends_after_all_that_waited)
{
    static struct host a;
    a = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    for (int i = 0; i < 5; i++) poke(n);
    ck_assert_uint_eq(pl_node_run(n, 3), 3);
    ck_assert_uint_eq(a.batches, 0);
    ck_assert_uint_eq(pl_node_due_ms(n), 0);
    ck_assert_uint_eq(pl_node_run(n, 3), 2);
    ck_assert_uint_eq(a.batches, 1);
    end();
}
END_TEST

START_TEST(stop_drains_what_can_be_finished)
{
    static struct host a, b;
    a = (struct host){.script = last_words};
    b = (struct host){.script = NULL};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    add(n, "echo", &b);
    start(n);
    pl_node_stop(n, 1000);
    ck_assert(!pl_node_stopped(n));
    settle();
    ck_assert(pl_node_stopped(n));
    ck_assert_uint_eq(b.seen[b.count - 1].token, 500);
    ck_assert_uint_eq(a.stops + b.stops, 2);
    ck_assert_uint_eq(pl_node_due_ms(n), UINT64_MAX);
    end();
}
END_TEST

static int chatter(struct pl_actor *self, struct host *h, const struct pl_msg *m)
{
    h->count = 0;
    if (!PL_BODY(m, sys_stop)) send_token(self, "a", 1);
    return 0;
}

START_TEST(stop_ends_after_its_grace)
{
    static struct host a;
    a = (struct host){.script = chatter};
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    listen_as(n, "a");
    start(n);
    poke(n);
    pl_node_stop(n, 1000);
    for (int i = 0; i < 100; i++) pl_node_run(n, 10);
    ck_assert(!pl_node_stopped(n));
    net.now_ms = 1000;
    pl_node_run(n, 10);
    ck_assert(pl_node_stopped(n));
    balanced(n);
    end();
}
END_TEST

START_TEST(names_are_unique_and_plain)
{
    static struct host a;
    struct pl_node *n = node_at(0, "service", NULL, 0, false);
    add(n, "a", &a);
    ck_assert_int_eq(pl_node_add(n, &host_class, "a", &a, NULL), -PL_E_CONFLICT);
    ck_assert_int_eq(pl_node_add(n, &host_class, "a\"b", &a, NULL), -PL_E_INVALID);
    ck_assert_int_eq(pl_node_add(n, &host_class, "", &a, NULL), -PL_E_INVALID);
    ck_assert_int_eq(pl_node_place(n, "c", "", NULL), -PL_E_INVALID);
    ck_assert_int_eq(pl_node_place(n, "a", "leaf", NULL), -PL_E_CONFLICT);
    ck_assert_int_eq(pl_node_listener(n, 1, "b", NULL), -PL_E_NOT_FOUND);
    end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/node");
    TCase *tc = tcase_create("node");
    tcase_add_checked_fixture(tc, net_reset, end);
    tcase_add_loop_test(tc, messages_are_answered_in_order, 0, 2);
    PL_TEST(tc, full_mailbox_refuses_the_newest_to_its_sender);
    PL_TEST(tc, system_lane_goes_first);
    tcase_add_loop_test(tc, unknown_receiver_is_told_to_the_sender, 0, 2);
    PL_TEST(tc, message_that_is_not_taken_comes_back_as_unknown_type);
    PL_TEST(tc, message_that_lacks_memory_is_not_sent_and_fails_its_handler);
    PL_TEST(tc, deadline_counts_at_enqueue_and_at_dequeue);
    tcase_add_loop_test(tc, forwarded_message_keeps_its_sender_and_goes_to_many, 0, 2);
    PL_TEST(tc, timers_fire_in_order_and_when_due);
    PL_TEST(tc, cancelling_a_fired_timer_takes_it_out_of_the_mailbox);
    PL_TEST(tc, zero_delay_timer_does_not_keep_a_run_from_ending);
    tcase_add_loop_test(tc, failed_actor_restarts_clean_and_keeps_its_mail, 0, 2);
    PL_TEST(tc, too_many_failures_fail_the_node);
    PL_TEST(tc, actor_that_is_never_restarted_stays_down);
    PL_TEST(tc, start_fails_with_the_first_actor_that_cannot_start);
    PL_TEST(tc, full_mailbox_stops_the_reading_of_a_socket);
    PL_TEST(tc, frame_says_what_its_listener_knows_of_the_peer);
    PL_TEST(tc, batch_ends_after_all_that_waited);
    PL_TEST(tc, stop_drains_what_can_be_finished);
    PL_TEST(tc, stop_ends_after_its_grace);
    PL_TEST(tc, names_are_unique_and_plain);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
