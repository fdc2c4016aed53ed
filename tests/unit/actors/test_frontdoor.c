/* The front door between outside peers of the test and probes in place of session and feedback. */
#include "actors/tenant_limits.h"
#include "runtime/roles.h"
#include "tests/unit/actors/world.h"

static struct probe session, feedback, executor, store;
static const struct pl_model_text model = {.name = "a model", .model_digest = "abc"};
static struct pl_frontdoor_opts opts;

static void begin_with(struct pl_frontdoor_opts o)
{
    world_begin();
    o.model = &model;
    o.version = "1.2.3";
    opts = o;
    world_add(world.hub, &pl_frontdoor_class, NULL, &opts);
    world_probe(&session, "session");
    world_probe(&feedback, "feedback");
    world_probe(&executor, "executor");
    world_probe(&store, "store");
    for (uint32_t l = 0; l < 2; l++) ck_assert_int_eq(pl_node_listener(world.hub, l, "frontdoor", NULL), 0);
    world_start(world.hub);
    world_settle();
}

static void begin(void)
{
    begin_with((struct pl_frontdoor_opts){0});
}

/* ---- the outside ---- */

struct from {
    uint32_t listener;
    const char *peer;
    bool req;
    const char *key, *tenant; /* NULL: none */
    uint32_t roles;
    bool act_for;
};
static const struct from alice = {PL_LISTENER_CLIENTS, "alice", false},
                         bob = {PL_LISTENER_CLIENTS, "bob", false}, req = {PL_LISTENER_CLIENTS, "req", true},
                         admin = {PL_LISTENER_ADMIN, "admin", false};

static void send_bytes(struct from f, const void *bytes, size_t len, bool malformed)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)f.peer, (uint32_t)strlen(f.peer)},
                               .delimiter = f.req,
                               .key = pl_str_of(f.key),
                               .tenant = pl_str_of(f.tenant),
                               .roles = f.roles,
                               .act_for = f.act_for};
    ck_assert_int_eq(pl_node_net_frame(world.hub, f.listener, &peer, bytes, len, malformed), 0);
    world_settle();
}

/* Sends M (taken) with ID, which may be NULL. */
static void send_msg(struct from f, struct pl_msg *m, const char *id)
{
    struct pl_buf b = {0};
    m->env.has_id = id != NULL;
    m->env.id = pl_str_of(id);
    ck_assert_int_eq(pl_msg_encode(m, world.now_ms, &b), 0);
    send_bytes(f, b.data, b.len, false);
    pl_buf_finish(&b);
    pl_msg_unref(&m);
}

static struct pl_msg *ask(const char *text)
{
    PL_NEW(m, b, chat_request);
    b->has_text = true;
    b->text = pl_str_of(text);
    return m;
}

static void send_type(struct from f, const char *type, const char *id)
{
    const struct pl_type *t = pl_type_find(type, strlen(type));
    ck_assert_ptr_nonnull(t);
    send_msg(f, pl_msg_create(t), id);
}

static const struct world_sent *last(void)
{
    ck_assert_uint_gt(world.sent_count, 0);
    return &world.sent[world.sent_count - 1];
}

static void expect_error(const char *peer, const char *correlation, const char *code, const char *field)
{
    const struct world_sent *s = last();
    const struct pl_chat_error *e = PL_BODY(s->m, chat_error);
    ck_assert_str_eq(s->peer, peer);
    ck_assert_ptr_nonnull(e);
    ck_assert_msg(pl_str_is(e->code, code), "%.*s: %.*s", PL_STR_FMT(e->code), PL_STR_FMT(e->message));
    ck_assert_msg(pl_str_is(e->field, field), "%.*s", PL_STR_FMT(e->field));
    ck_assert(pl_str_is(s->m->env.correlation, correlation));
    ck_assert_uint_gt(e->message.len, 5);
}

/* ---- the inside: what the session does when it is poked ---- */

static uint32_t reply_to; /* index in session.seen */

static void reply_accepted(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    PL_NEW(r, b, chat_accepted);
    b->session = PL_STR("s");
    b->credit = 17;
    pl_reply(self, p->seen[reply_to], &r);
}

static void reply_delta(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    static uint32_t seq;
    PL_NEW(r, b, chat_delta);
    b->seq = seq++;
    b->text = PL_STR("piece");
    pl_reply(self, p->seen[reply_to], &r);
}

static void reply_done(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    PL_NEW(r, b, chat_done);
    b->text = PL_STR("the answer");
    r->env.session = PL_STR("s");
    pl_reply(self, p->seen[reply_to], &r);
}

START_TEST(request_reaches_the_session_and_its_answers_come_back)
{
    begin();
    struct pl_msg *m = ask("hello");
    m->env.from = PL_STR("batcher");
    m->env.reply_to = PL_STR("executor");
    m->env.user = PL_STR("u1");
    send_msg(alice, m, "id-1");
    const struct pl_msg *got = probe_find(&session, &pl_chat_request_type, 0);
    ck_assert_ptr_nonnull(got);
    ck_assert(pl_str_is(got->env.tenant, "default"));
    ck_assert(pl_str_is(got->env.from, "frontdoor"));
    ck_assert(pl_str_is(got->env.reply_to, "frontdoor"));
    ck_assert(pl_str_is(got->env.id, "id-1"));
    ck_assert(pl_str_is(got->env.user, "u1"));
    ck_assert(pl_str_is(((struct pl_chat_request *)got->body)->text, "hello"));
    reply_to = 0;
    probe_poke(&session, reply_accepted);
    probe_poke(&session, reply_delta);
    probe_poke(&session, reply_done);
    ck_assert_uint_eq(world.sent_count, 3);
    const struct pl_type *order[] = {&pl_chat_accepted_type, &pl_chat_delta_type, &pl_chat_done_type};
    for (uint32_t i = 0; i < 3; i++) {
        const struct pl_msg *out = world.sent[i].m;
        ck_assert_ptr_eq(out->type, order[i]);
        ck_assert_str_eq(world.sent[i].peer, "alice");
        ck_assert(pl_str_is(out->env.correlation, "id-1"));
        ck_assert(!out->env.has_from && !out->env.has_to && !out->env.has_reply_to && !out->env.has_tenant);
    }
    ck_assert(pl_str_is(world.sent[2].m->env.session, "s"));
    ck_assert(world_metric("parlance_frontdoor_open_requests") == 0);
    ck_assert(world_metric("parlance_frontdoor_messages_total{type=\"chat.request\"}") == 1);
    probe_poke(&session, reply_done); /* nobody waits any more */
    ck_assert_uint_eq(world.sent_count, 3);
    world_end();
}
END_TEST

START_TEST(equal_ids_of_two_peers_keep_apart)
{
    begin();
    send_msg(alice, ask("a"), "same");
    send_msg(bob, ask("b"), "same");
    ck_assert_uint_eq(session.count, 2);
    ck_assert(!pl_str_eq(session.seen[0]->env.correlation, session.seen[1]->env.correlation));
    reply_to = 1;
    probe_poke(&session, reply_done);
    ck_assert_str_eq(last()->peer, "bob");
    reply_to = 0;
    probe_poke(&session, reply_done);
    ck_assert_str_eq(last()->peer, "alice");
    world_end();
}
END_TEST

START_TEST(req_peer_gets_the_final_answer_only)
{
    begin();
    send_msg(req, ask("a"), "id");
    reply_to = 0;
    probe_poke(&session, reply_accepted);
    probe_poke(&session, reply_delta);
    ck_assert_uint_eq(world.sent_count, 0);
    probe_poke(&session, reply_done);
    ck_assert_uint_eq(world.sent_count, 1);
    ck_assert(world.sent[0].delimiter);
    world_end();
}
END_TEST

START_TEST(types_go_to_their_actor)
{
    static const char *const to_session[] = {"chat.cancel", "chat.resume"}, *const to_feedback[] = {
                                                                                "retrain.request",
                                                                                "retrain.status",
                                                                                "feedback.stats"};
    begin();
    for (uint32_t i = 0; i < 2; i++) send_type(alice, to_session[i], "id");
    send_type(admin, "sessions.list", NULL);
    ck_assert_uint_eq(session.count, 3);
    for (uint32_t i = 0; i < 3; i++) send_type(admin, to_feedback[i], NULL);
    ck_assert_uint_eq(feedback.count, 3);
    ck_assert_uint_eq(world.sent_count, 0);
    world_end();
}
END_TEST

/* ---- keys ---- */

#define KEY(name_, tenant_, roles_, act_for_)                                                                \
    ((struct from){.listener = PL_LISTENER_CLIENTS,                                                          \
                   .peer = name_,                                                                            \
                   .key = name_,                                                                             \
                   .tenant = tenant_,                                                                        \
                   .roles = roles_,                                                                          \
                   .act_for = act_for_})

static void ask_for_tenant(struct from f, const char *tenant)
{
    struct pl_msg *m = ask("hello");
    m->env.has_tenant = tenant != NULL;
    m->env.tenant = pl_str_of(tenant);
    m->env.has_key = true;
    m->env.key = PL_STR("forged");
    send_msg(f, m, "id");
}

static void ck_forbidden(const char *field)
{
    const struct pl_chat_error *e = PL_BODY(last()->m, chat_error);
    ck_assert_ptr_nonnull(e);
    ck_assert_msg(pl_str_is(e->code, "forbidden"), "%.*s", PL_STR_FMT(e->code));
    ck_assert(pl_str_is(e->field, field));
    world_sent_clear();
}

static bool went_in_for(const char *tenant)
{
    bool good = session.count == 1 && pl_str_is(session.seen[0]->env.tenant, tenant) &&
                !pl_str_is(session.seen[0]->env.key, "forged");
    probe_clear(&session);
    return good;
}

START_TEST(the_tenant_is_the_keys)
{
    begin();
    struct from key = KEY("till", "acme", PL_ROLE_PRODUCER, false);
    ask_for_tenant(key, NULL);
    ck_assert(went_in_for("acme"));
    ask_for_tenant(key, "acme");
    ck_assert(went_in_for("acme"));
    ask_for_tenant(key, "other");
    ck_forbidden("tenant");
    ask_for_tenant(key, "default");
    ck_forbidden("tenant");
    ck_assert_uint_eq(session.count, 0);
    key.act_for = true;
    ask_for_tenant(key, "other");
    ck_assert(went_in_for("other"));
    ask_for_tenant(key, NULL);
    ck_assert(went_in_for("acme"));
    world_end();
}
END_TEST

START_TEST(without_a_key_the_tenant_is_the_senders_word_by_ipc_and_admin_socket_only)
{
    begin();
    struct from by_ipc = alice;
    by_ipc.act_for = true; /* what the listener says of ipc */
    ask_for_tenant(alice, "acme");
    ck_forbidden("tenant");
    ask_for_tenant(alice, "default");
    ck_assert(went_in_for("default"));
    ask_for_tenant(by_ipc, "acme");
    ck_assert(went_in_for("acme"));
    ask_for_tenant(admin, "acme");
    ck_assert(went_in_for("acme"));
    ask_for_tenant(admin, NULL);
    ck_assert(went_in_for("default"));
    world_end();
}
END_TEST

START_TEST(a_revoked_key_is_refused_with_the_id_of_its_message)
{
    begin();
    struct from key = KEY("till", NULL, 0, false);
    ask_for_tenant(key, NULL);
    ck_assert(pl_str_is(last()->m->env.correlation, "id"));
    ck_forbidden("key");
    send_type(key, "ping", NULL);
    ck_forbidden("key");
    ck_assert_uint_eq(session.count, 0);
    world_end();
}
END_TEST

/* Whether a message of the type gets in, or is answered. */
static bool may(struct from f, const char *type)
{
    world_sent_clear();
    uint32_t before = session.count + feedback.count;
    send_type(f, type, "id");
    if (session.count + feedback.count > before) return true;
    const struct pl_chat_error *e = PL_BODY(last()->m, chat_error);
    if (e && pl_str_is(e->code, "forbidden")) {
        ck_assert(pl_str_is(e->field, "type"));
        ck_assert_msg(memmem(e->message.ptr, e->message.len, "role", 4) ||
                          memmem(e->message.ptr, e->message.len, "act for", 7),
                      "%.*s", PL_STR_FMT(e->message));
    }
    return !e || !pl_str_is(e->code, "forbidden");
}

START_TEST(each_message_needs_its_role)
{
    static const struct {
        const char *type;
        uint32_t roles;
    } table[] = {
        {"ping", PL_ROLES_ALL},
        {"chat.cancel", PL_ROLE_PRODUCER},
        {"chat.resume", PL_ROLE_PRODUCER},
        {"sessions.list", PL_ROLE_OPERATOR | PL_ROLE_AUDITOR},
        {"sessions.show", PL_ROLE_OPERATOR | PL_ROLE_AUDITOR},
        {"sessions.delete", PL_ROLE_OPERATOR},
        {"feedback.list", PL_ROLE_OPERATOR | PL_ROLE_AUDITOR},
        {"feedback.stats", PL_ROLE_OPERATOR | PL_ROLE_AUDITOR},
        {"retrain.status", PL_ROLE_OPERATOR | PL_ROLE_AUDITOR},
        {"retrain.request", PL_ROLE_OPERATOR},
        {"node.top", 0},
        {"letters.list", 0},
    };
    begin();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (uint32_t role = 1; role <= PL_ROLE_AUDITOR; role <<= 1)
            ck_assert_msg(may(KEY("k", "acme", role, false), table[i].type) == ((table[i].roles & role) != 0),
                          "%s with role %u", table[i].type, role);
    world_end();
}
END_TEST

START_TEST(what_is_about_all_tenants_needs_an_operator_who_may_act_for_others)
{
    begin();
    ck_assert(!may(KEY("k", "acme", PL_ROLE_OPERATOR, false), "letters.list"));
    ck_assert(!may(KEY("k", "acme", PL_ROLE_AUDITOR, true), "letters.list"));
    ck_assert(may(KEY("k", "acme", PL_ROLE_OPERATOR, true), "letters.list"));
    ck_assert(may(admin, "letters.list"));
    world_end();
}
END_TEST

/* ---- rates ---- */

static uint64_t wait_told(void)
{
    const struct pl_chat_error *e = PL_BODY(last()->m, chat_error);
    ck_assert(e && pl_str_is(e->code, "overloaded") && e->has_retry_after_ms);
    return e->retry_after_ms;
}

START_TEST(a_tenant_over_its_rate_is_told_when_to_come_back)
{
    static const struct pl_tenant_rule own[] = {{.tenant = "slow", .rate = 2, .burst = 3}};
    static const struct pl_tenant_rules rules = {.own = own, .n_own = 1};
    begin_with((struct pl_frontdoor_opts){.tenants = &rules});
    struct from slow = KEY("s", "slow", PL_ROLE_PRODUCER, false),
                fast = KEY("f", "fast", PL_ROLE_PRODUCER, 0);
    for (int i = 0; i < 3; i++) ask_for_tenant(slow, NULL);
    ck_assert_uint_eq(session.count, 3);
    ask_for_tenant(slow, NULL);
    ck_assert_uint_eq(wait_told(), 500);
    send_type(slow, "ping", NULL); /* free */
    ck_assert_ptr_nonnull(PL_BODY(last()->m, pong));
    send_type(slow, "chat.cancel", "other");
    ck_assert_uint_eq(session.count, 4);
    for (int i = 0; i < 100; i++) ask_for_tenant(fast, NULL);
    ck_assert_uint_eq(session.count, 104);
    world.now_ms += 499;
    ask_for_tenant(slow, NULL);
    ck_assert_uint_eq(wait_told(), 1);
    world.now_ms += 1;
    ask_for_tenant(slow, NULL);
    ck_assert_uint_eq(session.count, 105);
    ck_assert_double_eq(world_metric("parlance_tenant_rate_refused_total{tenant=\"slow\"}"), 2);
    world_end();
}
END_TEST

START_TEST(ping_is_answered_here)
{
    begin();
    send_type(alice, "ping", NULL);
    const struct pl_pong *p = PL_BODY(last()->m, pong);
    ck_assert_ptr_nonnull(p);
    ck_assert(pl_str_is(p->version, "1.2.3"));
    ck_assert(pl_str_is(p->model, "a model"));
    ck_assert(pl_str_is(p->model_digest, "abc"));
    ck_assert(p->ready);
    ck_assert(!last()->m->env.has_correlation);
    send_msg(alice, ask("a"), "id");
    reply_to = 0;
    probe_poke(&session, reply_accepted);
    send_type(req, "ping", "p1");
    p = PL_BODY(last()->m, pong);
    ck_assert_uint_eq(p->credit, 17);
    ck_assert(pl_str_is(last()->m->env.correlation, "p1"));
    world_end();
}
END_TEST

static void fail_now(struct pl_actor *self, struct probe *p, const struct pl_msg *m)
{
    p->fail = -PL_E_INTERNAL;
    struct pl_msg *next = pl_msg_create(&pl_store_written_type);
    pl_send_to(self, pl_actor_name(self), &next);
}

START_TEST(not_ready_while_a_part_that_requests_need_is_down)
{
    struct probe *parts[] = {&executor, &store, &session};
    begin();
    for (int i = 0; i < 3; i++) {
        probe_poke(parts[i], fail_now);
        send_type(alice, "ping", NULL);
        ck_assert(!((struct pl_pong *)last()->m->body)->ready);
        world_pass(100);
        send_type(alice, "ping", NULL);
        ck_assert(((struct pl_pong *)last()->m->body)->ready);
    }
    world_end();
}
END_TEST

static size_t sent_by_reply(uint32_t index)
{
    size_t before = world.sent_count;
    reply_to = index;
    probe_poke(&session, reply_done);
    return world.sent_count - before;
}

/* A cancel gets no answer of its own while its request is open, whichever of several ended first. */
START_TEST(requests_of_one_id_are_found_whatever_order_they_end_in)
{
    begin();
    for (int i = 0; i < 3; i++) send_msg(alice, ask("a"), "id"); /* seen 0 to 2 */
    send_msg(bob, ask("a"), "id");                               /* 3 */
    ck_assert_uint_eq(sent_by_reply(1), 1);
    send_type(alice, "chat.cancel", "id"); /* 4 */
    ck_assert_uint_eq(sent_by_reply(4), 0);
    ck_assert_uint_eq(sent_by_reply(2), 1);
    send_type(alice, "chat.cancel", "id"); /* 5 */
    ck_assert_uint_eq(sent_by_reply(5), 0);
    ck_assert_uint_eq(sent_by_reply(0), 1);
    send_type(alice, "chat.cancel", "id"); /* 6: nothing of hers is open, and bob's is not hers */
    ck_assert_uint_eq(sent_by_reply(6), 1);
    ck_assert_str_eq(last()->peer, "alice");
    ck_assert_uint_eq(sent_by_reply(3), 1);
    ck_assert_str_eq(last()->peer, "bob");
    world_end();
}
END_TEST

/* Requests that the session has said nothing about would only lie in its memory. */
START_TEST(bytes_without_any_answer_are_bounded)
{
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    begin_with((struct pl_frontdoor_opts){.unanswered_bytes = 7000});
    send_msg(alice, ask(text), "a");
    send_msg(bob, ask(text), "b");
    send_msg(alice, ask(text), "c");
    expect_error("alice", "c", "overloaded", "");
    ck_assert_uint_eq(probe_count(&session, &pl_chat_request_type), 2);
    reply_to = 0;
    probe_poke(&session, reply_accepted);
    send_msg(alice, ask(text), "c");
    ck_assert_uint_eq(probe_count(&session, &pl_chat_request_type), 3);
    world_end();
}
END_TEST

START_TEST(what_is_not_taken_is_answered_with_code_and_field)
{
    begin();
    send_type(alice, "sessions.list", "i1");
    expect_error("alice", "i1", "forbidden", "type");
    send_type(alice, "retrain.request", "i2");
    expect_error("alice", "i2", "forbidden", "type");
    send_type(alice, "chat.done", "i3");
    expect_error("alice", "i3", "unknown_type", "type");
    send_type(admin, "sys.stop", "i4");
    expect_error("admin", "i4", "unknown_type", "type");
    send_type(alice, "net.frame", "i5");
    expect_error("alice", "i5", "unknown_type", "type");
    send_msg(alice, ask("x"), NULL);
    expect_error("alice", "", "invalid", "id");
    send_type(alice, "chat.cancel", NULL);
    expect_error("alice", "", "invalid", "id");
    send_bytes(alice, "x", 1, true);
    expect_error("alice", "", "invalid", "message");
    ck_assert_uint_eq(session.count + feedback.count, 0);
    ck_assert(world_metric("parlance_frontdoor_errors_total{code=\"forbidden\"}") == 2);
    ck_assert(world_metric("parlance_frontdoor_errors_total{code=\"unknown_type\"}") == 3);
    world_end();
}
END_TEST

START_TEST(undecodable_message_is_answered_with_its_id)
{
    /* {"v":1,"id":"i7","type":"chat.request","body":{"text":5}} and {"v":1,"id":"i8","type":"no.such"} */
    static const char wrong[] = "\x84\xA1v\x01\xA2id\xA2i7\xA4type\xAC"
                                "chat.request\xA4"
                                "body\x81\xA4text\x05";
    static const char unknown[] = "\x83\xA1v\x01\xA2id\xA2i8\xA4type\xA7no.such";
    begin();
    send_bytes(alice, wrong, sizeof wrong - 1, false);
    expect_error("alice", "i7", "invalid", "text");
    send_bytes(alice, unknown, sizeof unknown - 1, false);
    expect_error("alice", "i8", "unknown_type", "type");
    send_bytes(alice, "\xC1", 1, false);
    ck_assert_ptr_nonnull(PL_BODY(last()->m, chat_error));
    send_bytes(alice, "", 0, false);
    ck_assert_ptr_nonnull(PL_BODY(last()->m, chat_error));
    ck_assert_uint_eq(world.sent_count, 4);
    world_end();
}
END_TEST

START_TEST(oversized_message_is_refused_by_name)
{
    begin_with((struct pl_frontdoor_opts){.max_message_bytes = 1000});
    char text[2001];
    memset(text, 'a', 2000);
    text[2000] = 0;
    send_msg(alice, ask(text), "big");
    expect_error("alice", "big", "too_large", "message");
    text[500] = 0;
    send_msg(alice, ask(text), "small");
    ck_assert_uint_eq(session.count, 1);
    world_end();
}
END_TEST

START_TEST(an_error_is_never_answered)
{
    begin();
    send_type(alice, "chat.error", "id");
    ck_assert_uint_eq(world.sent_count, 0);
    world_end();
}
END_TEST

START_TEST(open_requests_are_bounded)
{
    begin_with((struct pl_frontdoor_opts){.request_limit = 2, .max_peers = 2});
    send_msg(alice, ask("1"), "r1");
    send_msg(alice, ask("2"), "r2");
    send_msg(alice, ask("3"), "r3");
    expect_error("alice", "r3", "overloaded", "");
    ck_assert_uint_gt(((struct pl_chat_error *)last()->m->body)->retry_after_ms, 0);
    reply_to = 0;
    probe_poke(&session, reply_done);
    send_msg(bob, ask("4"), "r4");
    ck_assert_uint_eq(session.count, 3);
    world_end();
}
END_TEST

START_TEST(peers_are_bounded)
{
    begin_with((struct pl_frontdoor_opts){.max_peers = 1});
    send_msg(alice, ask("1"), "r1");
    send_msg(bob, ask("2"), "r2");
    expect_error("bob", "r2", "overloaded", "");
    reply_to = 0;
    probe_poke(&session, reply_done);
    send_msg(bob, ask("3"), "r3");
    ck_assert_uint_eq(session.count, 2);
    world_end();
}
END_TEST

START_TEST(slow_peer_gets_everything_in_order_when_it_reads_again)
{
    begin();
    send_msg(alice, ask("1"), "r1");
    send_msg(bob, ask("2"), "r2");
    world.net_answer = -PL_E_AGAIN;
    world.net_slow = "alice";
    reply_to = 0;
    for (int i = 0; i < 10; i++) probe_poke(&session, reply_delta);
    probe_poke(&session, reply_done);
    ck_assert_uint_eq(world.sent_count, 0);
    reply_to = 1;
    probe_poke(&session, reply_done); /* bob is not held up */
    ck_assert_uint_eq(world.sent_count, 1);
    world_pass(20);
    ck_assert_uint_eq(world.sent_count, 1);
    world.net_answer = 0;
    world_pass(5);
    ck_assert_uint_eq(world.sent_count, 12);
    for (uint32_t i = 2; i < 11; i++) {
        const struct pl_chat_delta *a = world.sent[i - 1].m->body, *b = world.sent[i].m->body;
        ck_assert_uint_eq(b->seq, a->seq + 1);
    }
    ck_assert_ptr_eq(last()->m->type, &pl_chat_done_type);
    ck_assert_uint_eq(pl_node_due_ms(world.hub), UINT64_MAX); /* nothing is retried any more */
    world_end();
}
END_TEST

START_TEST(peer_that_does_not_read_is_cut)
{
    begin_with((struct pl_frontdoor_opts){.outbox_bytes = 1000});
    send_msg(alice, ask("1"), "r1");
    send_msg(alice, ask("2"), "r2");
    world.net_answer = -PL_E_AGAIN;
    reply_to = 0;
    for (int i = 0; i < 30; i++) probe_poke(&session, reply_delta);
    ck_assert(world_metric("parlance_frontdoor_peers_cut_total") == 1);
    ck_assert(world_metric("parlance_frontdoor_open_requests") == 0);
    world.net_answer = 0;
    probe_poke(&session, reply_done);
    world_pass(20);
    ck_assert_uint_eq(world.sent_count, 0);
    send_msg(alice, ask("3"), "r3"); /* it may come again */
    ck_assert_uint_eq(session.count, 3);
    world_end();
}
END_TEST

START_TEST(gone_peer_is_forgotten)
{
    begin();
    send_msg(alice, ask("1"), "r1");
    send_msg(alice, ask("2"), "r2");
    world.net_answer = -PL_E_GONE;
    reply_to = 0;
    probe_poke(&session, reply_delta);
    ck_assert(world_metric("parlance_frontdoor_open_requests") == 0);
    send_type(bob, "chat.done", "x"); /* an error to one that is gone */
    ck_assert_uint_eq(world.sent_count, 0);
    world_end();
}
END_TEST

static void nothing(struct pl_actor *self, struct probe *p, const struct pl_msg *m) {}

START_TEST(refused_by_the_actor_is_told_to_the_peer)
{
    begin();
    struct pl_msg *m = ask("late");
    m->deadline_ms = world.now_ms; /* no budget left */
    send_msg(alice, m, "r1");
    expect_error("alice", "r1", "deadline_exceeded", "");
    session.fail = -PL_E_INTERNAL;
    send_msg(alice, ask("crash"), "r2");
    expect_error("alice", "r2", "unavailable", "");
    ck_assert_uint_gt(((struct pl_chat_error *)last()->m->body)->retry_after_ms, 0);
    ck_assert_uint_eq(world.sent_count, 2);
    world_pass(100);
    probe_poke(&session, nothing);
    world_end();
}
END_TEST

START_TEST(restarted_actor_leaves_no_open_request)
{
    begin();
    send_msg(alice, ask("1"), "r1");
    send_type(bob, "chat.resume", "r2");
    send_type(admin, "retrain.status", "r3");
    probe_poke(&session, fail_now);
    ck_assert_uint_eq(world.sent_count, 2);
    ck_assert_str_eq(world.sent[0].peer, "alice");
    ck_assert_str_eq(world.sent[1].peer, "bob");
    expect_error("bob", "r2", "unavailable", "");
    ck_assert(world_metric("parlance_frontdoor_open_requests") == 1);
    world_end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("frontdoor");
    TCase *tc = tcase_create("frontdoor");
    PL_TEST(tc, request_reaches_the_session_and_its_answers_come_back);
    PL_TEST(tc, equal_ids_of_two_peers_keep_apart);
    PL_TEST(tc, req_peer_gets_the_final_answer_only);
    PL_TEST(tc, types_go_to_their_actor);
    PL_TEST(tc, the_tenant_is_the_keys);
    PL_TEST(tc, without_a_key_the_tenant_is_the_senders_word_by_ipc_and_admin_socket_only);
    PL_TEST(tc, a_revoked_key_is_refused_with_the_id_of_its_message);
    PL_TEST(tc, each_message_needs_its_role);
    PL_TEST(tc, what_is_about_all_tenants_needs_an_operator_who_may_act_for_others);
    PL_TEST(tc, a_tenant_over_its_rate_is_told_when_to_come_back);
    PL_TEST(tc, ping_is_answered_here);
    PL_TEST(tc, not_ready_while_a_part_that_requests_need_is_down);
    PL_TEST(tc, bytes_without_any_answer_are_bounded);
    PL_TEST(tc, requests_of_one_id_are_found_whatever_order_they_end_in);
    PL_TEST(tc, what_is_not_taken_is_answered_with_code_and_field);
    PL_TEST(tc, undecodable_message_is_answered_with_its_id);
    PL_TEST(tc, oversized_message_is_refused_by_name);
    PL_TEST(tc, an_error_is_never_answered);
    PL_TEST(tc, open_requests_are_bounded);
    PL_TEST(tc, peers_are_bounded);
    PL_TEST(tc, slow_peer_gets_everything_in_order_when_it_reads_again);
    PL_TEST(tc, peer_that_does_not_read_is_cut);
    PL_TEST(tc, gone_peer_is_forgotten);
    PL_TEST(tc, refused_by_the_actor_is_told_to_the_peer);
    PL_TEST(tc, restarted_actor_leaves_no_open_request);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
