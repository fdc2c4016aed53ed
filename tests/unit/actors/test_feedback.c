/* The feedback actor over a store in memory that can fail, hang and crash, asked by a probe in place of the
 * front door. */
#include "actors/keys.h"
#include "tests/unit/actors/world.h"

enum { ROWS = 4096 };

/* ---- a store in memory; its rows outlive its restarts ---- */

struct row {
    char family[16];
    struct pl_buf key, value;
};
static struct mem {
    struct row rows[ROWS]; /* sorted */
    uint32_t count, writes;
    int fail;          /* code of the next write's store.failed */
    bool crash_after;  /* the next write is done, and then the handler fails */
    bool refuse_audit; /* lines of the audit record are refused */
    int intents, outcomes;
    bool mute; /* no answers */
} mem;

static int row_order(const struct row *r, struct pl_str family, struct pl_bin key)
{
    int c = strncmp(r->family, family.ptr, sizeof r->family);
    size_t n = r->key.len < key.len ? r->key.len : key.len;
    if (c == 0 && n) c = memcmp(r->key.data, key.ptr, n);
    return c ? c : (r->key.len > key.len) - (r->key.len < key.len);
}

static uint32_t lower(struct pl_str family, struct pl_bin key)
{
    uint32_t i = 0;
    while (i < mem.count && row_order(&mem.rows[i], family, key) < 0) i++;
    return i;
}

static struct row *mem_find(struct pl_str family, struct pl_bin key)
{
    uint32_t i = lower(family, key);
    return i < mem.count && row_order(&mem.rows[i], family, key) == 0 ? &mem.rows[i] : NULL;
}

static void mem_put(struct pl_str family, struct pl_bin key, const void *value, size_t len)
{
    struct row *r = mem_find(family, key);
    if (!r) {
        uint32_t i = lower(family, key);
        ck_assert_uint_lt(mem.count, ROWS);
        r = &mem.rows[i];
        memmove(r + 1, r, (mem.count++ - i) * sizeof *r);
        *r = (struct row){0};
        snprintf(r->family, sizeof r->family, "%.*s", PL_STR_FMT(family));
        pl_buf_write(&r->key, key.ptr, key.len);
    }
    pl_buf_clear(&r->value);
    pl_buf_write(&r->value, value, len);
}

static void mem_clear(void)
{
    for (uint32_t i = 0; i < mem.count; i++) {
        pl_buf_finish(&mem.rows[i].key);
        pl_buf_finish(&mem.rows[i].value);
    }
    memset(&mem, 0, sizeof mem);
}

static uint32_t mem_count(const char *family)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < mem.count; i++) n += strcmp(mem.rows[i].family, family) == 0;
    return n;
}

static void fill_row(struct pl_msg *m, struct pl_store_row *to, const struct row *from)
{
    pl_store_row_type.init(to);
    to->found = from != NULL;
    if (!from) return;
    to->key = pl_msg_bin(m, from->key.data, from->key.len);
    to->has_value = true;
    to->value = pl_msg_bin(m, from->value.data, from->value.len);
}

static void mem_get(struct pl_actor *self, const struct pl_msg *asked)
{
    const struct pl_store_get *g = asked->body;
    PL_NEW(m, b, store_values);
    b->token = g->token;
    b->rows = pl_msg_alloc(m, g->keys_count * sizeof *b->rows);
    for (uint32_t i = 0; i < g->keys_count; i++)
        fill_row(m, &b->rows[b->rows_count++], mem_find(g->keys[i].family, g->keys[i].key));
    pl_reply(self, asked, &m);
}

static void mem_scan(struct pl_actor *self, const struct pl_msg *asked)
{
    const struct pl_store_scan *s = asked->body;
    PL_NEW(m, b, store_rows);
    b->token = s->token;
    b->rows = pl_msg_alloc(m, (s->limit + 1) * sizeof *b->rows);
    for (uint32_t i = lower(s->family, s->from); i < mem.count && pl_str_is(s->family, mem.rows[i].family);
         i++) {
        b->more = b->rows_count == s->limit;
        if (b->more) break;
        fill_row(m, &b->rows[b->rows_count++], &mem.rows[i]);
    }
    pl_reply(self, asked, &m);
}

static int mem_write(struct pl_actor *self, const struct pl_msg *asked)
{
    const struct pl_store_write *w = asked->body;
    int fail = mem.fail;
    mem.fail = 0;
    if (fail) {
        PL_NEW(f, b, store_failed);
        b->token = w->token;
        b->code = (uint32_t)fail;
        pl_reply(self, asked, &f);
        return 0;
    }
    mem.writes++;
    for (uint32_t i = 0; i < w->ops_count; i++)
        mem_put(w->ops[i].family, w->ops[i].key, w->ops[i].value.ptr, w->ops[i].value.len);
    if (mem.crash_after) {
        mem.crash_after = false;
        return -PL_E_INTERNAL;
    }
    PL_NEW(m, b, store_written);
    b->token = w->token;
    pl_reply(self, asked, &m);
    return 0;
}

static void mem_audit(struct pl_actor *self, const struct pl_msg *asked)
{
    const struct pl_audit_add *a = asked->body;
    if (mem.refuse_audit) {
        PL_NEW(f, b, store_failed);
        b->token = a->token;
        b->code = PL_E_CORRUPT;
        pl_reply(self, asked, &f);
        return;
    }
    ck_assert(pl_str_is(a->act, "retrain.request"));
    mem.intents += pl_str_is(a->outcome, "intent");
    mem.outcomes += pl_str_is(a->outcome, "done");
    PL_NEW(m, b, audit_added);
    b->token = a->token;
    pl_reply(self, asked, &m);
}

static int mem_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (mem.mute) return 0;
    if (m->type == &pl_store_get_type)
        mem_get(self, m);
    else if (m->type == &pl_store_scan_type)
        mem_scan(self, m);
    else if (m->type == &pl_audit_add_type)
        mem_audit(self, m);
    else if (m->type == &pl_store_write_type)
        return mem_write(self, m);
    return 0;
}

static const struct pl_actor_class mem_class = {
    .name = "store", .state_bytes = 1, .receive = mem_receive, .restart = PL_RESTART_DEFAULT};

/* ---- the world ---- */

static struct probe asker;
static struct pl_feedback_opts opts;

static void boot(uint32_t threshold)
{
    world_begin();
    opts.threshold = threshold;
    world_add(world.hub, &mem_class, NULL, NULL);
    world_add(world.hub, &pl_feedback_class, NULL, &opts);
    world_probe(&asker, "frontdoor");
    world_start(world.hub);
    world_settle();
}

static void put_turn(const char *tenant, const char *turn, uint32_t number)
{
    struct pl_msg *m = pl_msg_create(&pl_rec_turn_type);
    struct pl_rec_turn *t = m->body;
    const struct pl_str parts[] = {pl_str_of(tenant), PL_STR("s1")}, name = pl_str_of(turn);
    static uint32_t ids[] = {5, 6, 7};
    struct pl_buf b = {0};
    t->turn = name;
    t->tenant = parts[0];
    t->session = parts[1];
    t->user = PL_STR("the session's user");
    t->answer_ids = ids;
    t->answer_ids_count = 3;
    t->temperature = 0.25;
    t->seed = 99;
    t->model_digest = PL_STR("model");
    t->template_digest = PL_STR("template");
    ck_assert_int_eq(pl_rec_turn_type.encode(t, &b), 0);
    struct pl_bin key = pl_key_join(m, parts, 2, number, 4);
    mem_put(PL_STR(PL_FAMILY_TURNS), key, b.data, b.len);
    mem_put(PL_STR(PL_FAMILY_TURN_NAMES), pl_key_join(m, &name, 1, 0, 0), key.ptr, key.len);
    pl_buf_finish(&b);
    pl_msg_unref(&m);
}

static void begin(uint32_t threshold)
{
    mem_clear();
    put_turn("default", "t1", 0);
    put_turn("default", "t2", 1);
    put_turn("acme", "t3", 0);
    boot(threshold);
}

static void end(void)
{
    world_end();
    mem_clear();
}

/* ---- asking ---- */

static struct asked {
    const char *id, *turn, *user, *comment, *correction, *tenant, *text;
    uint32_t stars, limit;
    const struct pl_type *type;
    uint64_t deadline_ms;
} asked;

static void send_asked(struct pl_actor *self, struct probe *p, const struct pl_msg *unused)
{
    struct pl_msg *m = pl_msg_create(asked.type);
    struct pl_feedback_add *add = PL_BODY(m, feedback_add);
    struct pl_feedback_list *list = PL_BODY(m, feedback_list);
    struct pl_retrain_request *request = PL_BODY(m, retrain_request);
    m->env.id = pl_str_of(asked.id);
    m->env.user = pl_str_of(asked.user);
    m->env.tenant = pl_str_of(asked.tenant ? asked.tenant : "default");
    if (asked.deadline_ms) m->deadline_ms = asked.deadline_ms;
    if (add) {
        add->turn = pl_str_of(asked.turn);
        add->stars = asked.stars;
        add->has_comment = asked.comment != NULL;
        add->comment = pl_str_of(asked.comment);
        add->has_correction = asked.correction != NULL;
        add->correction = pl_str_of(asked.correction);
    }
    if (list) {
        list->limit = asked.limit ? asked.limit : 100;
        list->has_after = asked.text != NULL;
        list->after = pl_str_of(asked.text);
    }
    if (request) request->has_reason = asked.text != NULL;
    if (request) request->reason = pl_str_of(asked.text);
    pl_send_to(self, "feedback", &m);
}

static const struct pl_msg *last(void)
{
    return asker.count ? asker.seen[asker.count - 1] : NULL;
}

/* Sends and gives the answer; NULL when there is none yet. */
static const struct pl_msg *ask(struct asked a)
{
    uint32_t before = asker.count;
    asked = a;
    probe_poke(&asker, send_asked);
    return asker.count > before ? last() : NULL;
}

static const struct pl_feedback_stored *rate(const char *id, const char *turn, const char *user,
                                             uint32_t stars)
{
    const struct pl_msg *m = ask(
        (struct asked){.type = &pl_feedback_add_type, .id = id, .turn = turn, .user = user, .stars = stars});
    ck_assert_ptr_nonnull(m);
    ck_assert(pl_str_is(m->env.correlation, id));
    const struct pl_feedback_stored *s = PL_BODY(m, feedback_stored);
    return s;
}

static void expect_error(const struct pl_msg *m, const char *code, const char *field)
{
    const struct pl_chat_error *e = m ? PL_BODY(m, chat_error) : NULL;
    ck_assert_ptr_nonnull(e);
    ck_assert_msg(pl_str_is(e->code, code), "%.*s: %.*s", PL_STR_FMT(e->code), PL_STR_FMT(e->message));
    ck_assert_msg(pl_str_is(e->field, field), "%.*s", PL_STR_FMT(e->field));
}

static const struct pl_feedback_counted *stats(void)
{
    const struct pl_msg *m = ask((struct asked){.type = &pl_feedback_stats_type});
    return PL_BODY(m, feedback_counted);
}

static const struct pl_retrain_state *state(void)
{
    const struct pl_msg *m = ask((struct asked){.type = &pl_retrain_status_type});
    return PL_BODY(m, retrain_state);
}

/* ---- tests ---- */

START_TEST(rating_is_stored_with_the_answer_that_it_judges)
{
    begin(0);
    const struct pl_msg *m = ask((struct asked){.type = &pl_feedback_add_type,
                                                .id = "m1",
                                                .turn = "t1",
                                                .stars = 2,
                                                .comment = "so so",
                                                .correction = "better"});
    const struct pl_feedback_stored *s = PL_BODY(m, feedback_stored);
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(s->feedback, 1);
    ck_assert_uint_eq(s->ratings_below_3, 1);
    ck_assert(!s->due);
    ck_assert_uint_eq(mem.writes, 1); /* one batch */
    struct pl_msg *keys = pl_msg_create(&pl_rec_feedback_type);
    struct row *row = mem_find(PL_STR(PL_FAMILY_FEEDBACK), pl_key_join(keys, NULL, 0, 1, 8));
    ck_assert_ptr_nonnull(row);
    struct pl_cursor c = {row->value.data, row->value.data + row->value.len};
    struct pl_rec_feedback *r = keys->body;
    ck_assert_int_eq(pl_rec_feedback_type.decode(&c, &keys->arena, r, NULL), 0);
    ck_assert(pl_str_is(r->id, "m1") && pl_str_is(r->turn, "t1") && pl_str_is(r->session, "s1"));
    ck_assert(pl_str_is(r->user, "the session's user"));
    ck_assert(pl_str_is(r->comment, "so so") && pl_str_is(r->correction, "better"));
    ck_assert_uint_eq(r->stars, 2);
    ck_assert_uint_eq(r->answer_ids_count, 3);
    ck_assert_uint_eq(r->answer_ids[2], 7);
    ck_assert(r->temperature == 0.25 && r->seed == 99);
    ck_assert(pl_str_is(r->model_digest, "model") && pl_str_is(r->template_digest, "template"));
    ck_assert(!r->has_adapter_digest);
    ck_assert_uint_eq(r->replaces, 0);
    pl_msg_unref(&keys);
    end();
}
END_TEST

START_TEST(unknown_turn_and_turn_of_another_tenant_are_not_found)
{
    begin(0);
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m1", .turn = "none", .stars = 3}),
                 "not_found", "turn");
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m2", .turn = "t3", .stars = 3}),
                 "not_found", "turn");
    ck_assert_uint_eq(mem_count(PL_FAMILY_FEEDBACK), 0);
    ck_assert_ptr_nonnull(rate("m3", "t1", "u", 3));
    end();
}
END_TEST

START_TEST(repeated_id_gets_the_stored_answer)
{
    begin(0);
    rate("m1", "t1", "u", 1);
    rate("m2", "t2", "u", 1);
    const struct pl_feedback_stored *s = rate("m1", "t1", "u", 5);
    ck_assert_uint_eq(s->feedback, 1);
    ck_assert_uint_eq(s->ratings_below_3, 1);
    ck_assert_uint_eq(mem.writes, 2);
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m1", .turn = "t2", .stars = 1}),
                 "conflict", "id");
    ck_assert_uint_eq(stats()->total, 2);
    end();
}
END_TEST

START_TEST(later_rating_of_a_user_replaces_the_earlier)
{
    begin(0);
    ask((struct asked){.type = &pl_feedback_add_type,
                       .id = "m1",
                       .turn = "t1",
                       .user = "u",
                       .stars = 1,
                       .correction = "no"});
    rate("m2", "t1", "v", 1);
    ck_assert_uint_eq(stats()->corrections, 1);
    const struct pl_feedback_stored *s = rate("m3", "t1", "u", 5);
    ck_assert_uint_eq(s->ratings_below_3, 1);
    const struct pl_feedback_counted *c = stats();
    ck_assert_uint_eq(c->total, 3);
    ck_assert_uint_eq(c->stars[0], 1);
    ck_assert_uint_eq(c->stars[4], 1);
    ck_assert_uint_eq(c->corrections, 0);
    ck_assert(c->mean == 3);
    ck_assert_uint_eq(mem_count(PL_FAMILY_FEEDBACK), 3);
    end();
}
END_TEST

START_TEST(retraining_is_due_at_the_first_rating_over_the_threshold)
{
    char id[16], user[16];
    begin(0);
    for (int i = 0; i < 101; i++) {
        snprintf(id, sizeof id, "m%d", i);
        snprintf(user, sizeof user, "u%d", i);
        const struct pl_feedback_stored *s = rate(id, "t1", user, 1 + (uint32_t)i % 2);
        ck_assert_uint_eq(s->ratings_below_3, i + 1);
        ck_assert_int_eq(s->due, i == 100);
        rate(user, "t2", user, 3); /* 3 is not below 3 */
    }
    const struct pl_retrain_state *r = state();
    ck_assert(r->due);
    ck_assert_uint_eq(r->threshold, 100);
    ck_assert(pl_str_is(r->reason, "101 ratings below 3 since the last snapshot"));
    ck_assert_uint_gt(r->since_ms, 0);
    rate("last", "t1", "u0", 5); /* takes one back: what is due stays due */
    ck_assert_uint_eq(state()->ratings_below_3, 100);
    ck_assert(state()->due);
    end();
}
END_TEST

START_TEST(counts_and_numbers_go_on_after_a_restart)
{
    begin(1);
    rate("m1", "t1", "u", 1);
    rate("m2", "t2", "u", 2);
    world_end();
    boot(1);
    ck_assert(state()->due);
    ck_assert_uint_eq(stats()->stars[1], 1);
    ck_assert_uint_eq(rate("m2", "t2", "u", 2)->feedback, 2);
    ck_assert_uint_eq(rate("m3", "t2", "u", 4)->feedback, 3);
    ck_assert_uint_eq(state()->ratings_below_3, 1);
    end();
}
END_TEST

START_TEST(failed_write_changes_nothing)
{
    begin(0);
    mem.fail = PL_E_STORAGE;
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m1", .turn = "t1", .stars = 1}),
                 "storage", "");
    ck_assert_uint_eq(stats()->total, 0);
    ck_assert_uint_eq(state()->ratings_below_3, 0);
    ck_assert_uint_eq(rate("m1", "t1", NULL, 1)->feedback, 1);
    end();
}
END_TEST

START_TEST(write_of_a_store_that_crashed_is_counted_when_it_was_done)
{
    begin(0);
    rate("m1", "t1", "u", 1);
    mem.crash_after = true;
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m2", .turn = "t2", .stars = 1}),
                 "unavailable", "");
    world_pass(1000);
    ck_assert_uint_eq(stats()->total, 2);
    ck_assert_uint_eq(rate("m2", "t2", NULL, 1)->feedback, 2); /* asked again: it is there */
    ck_assert_uint_eq(rate("m3", "t2", "v", 1)->feedback, 3);
    ck_assert_uint_eq(mem_count(PL_FAMILY_FEEDBACK), 3);
    end();
}
END_TEST

START_TEST(messages_wait_while_the_counts_are_read)
{
    mem_clear();
    put_turn("default", "t1", 0);
    mem.mute = true;
    boot(0);
    ck_assert_ptr_null(ask((struct asked){.type = &pl_retrain_status_type}));
    ck_assert_ptr_null(ask((struct asked){.type = &pl_feedback_stats_type, .deadline_ms = world.now_ms + 1}));
    for (int i = 0; i < 1022; i++) ck_assert_ptr_null(ask((struct asked){.type = &pl_feedback_stats_type}));
    expect_error(ask((struct asked){.type = &pl_feedback_stats_type}), "overloaded", "");
    end();
}
END_TEST

START_TEST(operator_can_ask_for_a_retraining)
{
    begin(0);
    ck_assert(!state()->due);
    ck_assert(!state()->has_reason);
    const struct pl_msg *m = ask((struct asked){.type = &pl_retrain_request_type, .text = "I want it"});
    const struct pl_retrain_state *r = PL_BODY(m, retrain_state);
    ck_assert_ptr_nonnull(r);
    ck_assert(r->due && pl_str_is(r->reason, "I want it"));
    uint64_t since = r->since_ms;
    world_end();
    boot(0);
    ck_assert(state()->due && pl_str_is(state()->reason, "I want it"));
    world.now_ms += 1000;
    ask((struct asked){.type = &pl_retrain_request_type});
    ck_assert_uint_eq(state()->since_ms, since);
    ck_assert_int_eq(mem.intents, 2);
    ck_assert_int_eq(mem.outcomes, 2);
    end();
}
END_TEST

START_TEST(a_retraining_that_cannot_be_recorded_is_refused)
{
    begin(0);
    mem.refuse_audit = true;
    expect_error(ask((struct asked){.type = &pl_retrain_request_type}), "corrupt", "");
    ck_assert(!state()->due);
    mem.refuse_audit = false;
    ck_assert_ptr_nonnull(PL_BODY(ask((struct asked){.type = &pl_retrain_request_type}), retrain_state));
    end();
}
END_TEST

START_TEST(ratings_are_listed_in_pages)
{
    char id[16];
    begin(0);
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "m%d", i);
        rate(id, "t1", id, 1 + (uint32_t)i);
    }
    ask((struct asked){.type = &pl_feedback_add_type, .id = "x", .turn = "t3", .stars = 1, .tenant = "acme"});
    const struct pl_msg *m = ask((struct asked){.type = &pl_feedback_list_type, .limit = 3});
    const struct pl_feedback_listed *l = PL_BODY(m, feedback_listed);
    ck_assert_ptr_nonnull(l);
    ck_assert_uint_eq(l->feedback_count, 3);
    ck_assert_uint_eq(l->feedback[2].stars, 3);
    ck_assert(pl_str_is(l->feedback[0].user, "m0") && pl_str_is(l->feedback[0].session, "s1"));
    ck_assert(l->has_next && pl_str_is(l->next, "3"));
    m = ask((struct asked){.type = &pl_feedback_list_type, .limit = 3, .text = "3"});
    l = PL_BODY(m, feedback_listed);
    ck_assert_uint_eq(l->feedback_count, 2); /* the sixth is another tenant's */
    ck_assert(!l->has_next);
    expect_error(ask((struct asked){.type = &pl_feedback_list_type, .text = "x"}), "invalid", "after");
    end();
}
END_TEST

START_TEST(damaged_rows_do_no_harm)
{
    begin(0);
    rate("m1", "t1", "u", 1);
    for (uint32_t i = 0; i < mem.count; i++)
        if (strcmp(mem.rows[i].family, PL_FAMILY_META) != 0 &&
            strcmp(mem.rows[i].family, PL_FAMILY_TURN_NAMES) != 0)
            memset(mem.rows[i].value.data, 0xC1, mem.rows[i].value.len);
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m2", .turn = "t1", .stars = 1}),
                 "corrupt", "turn");
    expect_error(ask((struct asked){.type = &pl_feedback_add_type, .id = "m1", .turn = "t1", .stars = 1}),
                 "corrupt", "id");
    const struct pl_msg *m = ask((struct asked){.type = &pl_feedback_list_type});
    ck_assert_uint_eq(((struct pl_feedback_listed *)m->body)->feedback_count, 0);
    end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("feedback");
    TCase *tc = tcase_create("feedback");
    tcase_set_timeout(tc, 60);
    PL_TEST(tc, rating_is_stored_with_the_answer_that_it_judges);
    PL_TEST(tc, unknown_turn_and_turn_of_another_tenant_are_not_found);
    PL_TEST(tc, repeated_id_gets_the_stored_answer);
    PL_TEST(tc, later_rating_of_a_user_replaces_the_earlier);
    PL_TEST(tc, retraining_is_due_at_the_first_rating_over_the_threshold);
    PL_TEST(tc, counts_and_numbers_go_on_after_a_restart);
    PL_TEST(tc, failed_write_changes_nothing);
    PL_TEST(tc, write_of_a_store_that_crashed_is_counted_when_it_was_done);
    PL_TEST(tc, messages_wait_while_the_counts_are_read);
    PL_TEST(tc, operator_can_ask_for_a_retraining);
    PL_TEST(tc, a_retraining_that_cannot_be_recorded_is_refused);
    PL_TEST(tc, ratings_are_listed_in_pages);
    PL_TEST(tc, damaged_rows_do_no_harm);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
