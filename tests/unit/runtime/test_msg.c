#include "runtime/msg.h"

#include <stdlib.h>

#include "runtime/mailbox.h"
#include "runtime/wrap.h"
#include "schemas/gen/types.h"
#include "tests/support/support.h"

static struct pl_msg *sample(void)
{
    PL_NEW(m, w, store_write);
    w->token = 42;
    w->ops = pl_msg_alloc(m, 2 * sizeof *w->ops);
    w->ops_count = 2;
    for (int i = 0; i < 2; i++) {
        pl_store_op_type.init(&w->ops[i]);
        w->ops[i].family = PL_STR("turns");
        w->ops[i].key = pl_msg_bin(m, "key", 3);
    }
    w->ops[1].op = PL_STORE_OP_OP_DELETE;
    m->env.id = PL_STR("id-1");
    m->env.from = PL_STR("session");
    m->env.to = PL_STR("store");
    m->env.tenant = PL_STR("t\xc3\xa9nant");
    m->env.session = PL_STR("s");
    m->env.has_attempt = true;
    m->env.attempt = 3;
    return m;
}

static struct pl_buf bytes_of(const struct pl_msg *m, uint64_t now_ms)
{
    struct pl_buf b = {0};
    ck_assert_int_eq(pl_msg_encode(m, now_ms, &b), 0);
    return b;
}

START_TEST(decoded_message_is_the_encoded_one)
{
    struct pl_msg *m = sample(), *back = NULL;
    struct pl_buf b = bytes_of(m, 0);
    struct pl_err err = {0};
    int rc = pl_msg_decode(b.data, b.len, 0, 0, &back, NULL, &err);
    ck_assert_msg(rc == 0, "%s: %s", err.field, err.text);
    const struct pl_store_write *w = PL_BODY(back, store_write);
    ck_assert_ptr_nonnull(w);
    ck_assert_ptr_null(PL_BODY(back, store_get));
    ck_assert_uint_eq(w->token, 42);
    ck_assert_uint_eq(w->ops_count, 2);
    ck_assert_int_eq(w->ops[1].op, PL_STORE_OP_OP_DELETE);
    ck_assert(pl_str_is(back->env.tenant, "t\xc3\xa9nant") && back->env.has_tenant);
    ck_assert(pl_str_is(back->env.to, "store") && !back->env.has_correlation);
    ck_assert_uint_eq(back->env.attempt, 3);
    ck_assert_uint_eq(back->deadline_ms, PL_NO_DEADLINE);
    struct pl_buf again = bytes_of(back, 0);
    ck_assert_uint_eq(again.len, b.len);
    ck_assert_mem_eq(again.data, b.data, b.len);
    pl_buf_finish(&again);
    pl_buf_finish(&b);
    pl_msg_unref(&back);
    pl_msg_unref(&m);
}
END_TEST

START_TEST(deadline_travels_as_what_is_left)
{
    static const uint64_t left[] = {250, 0, 86400000};
    static const uint64_t deadline[] = {1250, 900, UINT64_MAX - 1};
    for (int i = 0; i < 3; i++) {
        struct pl_msg *m = sample(), *back = NULL;
        m->deadline_ms = deadline[i];
        struct pl_buf b = bytes_of(m, 1000);
        ck_assert_int_eq(pl_msg_decode(b.data, b.len, 50000, 0, &back, NULL, NULL), 0);
        ck_assert_uint_eq(back->deadline_ms, 50000 + left[i]);
        pl_buf_finish(&b);
        pl_msg_unref(&back);
        pl_msg_unref(&m);
    }
}
END_TEST

START_TEST(copy_shares_nothing)
{
    struct pl_msg *m = sample();
    m->deadline_ms = 77;
    struct pl_msg *copy = pl_msg_copy(m);
    struct pl_buf before = bytes_of(m, 0);
    pl_msg_unref(&m);
    ck_assert_ptr_null(m);
    struct pl_buf after = bytes_of(copy, 0);
    ck_assert_uint_eq(copy->deadline_ms, 77);
    ck_assert_uint_eq(before.len, after.len);
    ck_assert_mem_eq(before.data, after.data, after.len);
    pl_buf_finish(&before);
    pl_buf_finish(&after);
    pl_msg_unref(&copy);
}
END_TEST

START_TEST(wrap_keeps_its_origin_and_chains_do_not_grow)
{
    struct pl_msg *m = sample();
    struct pl_msg *first = pl__msg_wrap(m), *second = pl__msg_wrap(first);
    ck_assert_ptr_eq(second->origin, m);
    ck_assert_uint_eq(second->env.to.len, 0);
    pl_msg_unref(&first);
    pl_msg_unref(&m);
    ck_assert_uint_eq(((const struct pl_store_write *)second->body)->ops_count, 2);
    ck_assert(pl_str_is(second->env.from, "session"));
    struct pl_msg *copy = pl_msg_copy(second);
    pl_msg_unref(&second);
    ck_assert_uint_eq(((const struct pl_store_write *)copy->body)->token, 42);
    pl_msg_unref(&copy);
}
END_TEST

/* {"type": TYPE, "id": "abc", "session": "s", KEY: VALUE} by hand. */
static size_t frame(uint8_t *out, const char *type, const char *key, const uint8_t *value, size_t len)
{
    size_t n = 0;
    out[n++] = 0x84;
    const char *pairs[] = {"type", type, "id", "abc", "session", "s", key};
    for (int i = 0; i < 7; i++) {
        out[n++] = (uint8_t)(0xa0 | strlen(pairs[i]));
        memcpy(out + n, pairs[i], strlen(pairs[i]));
        n += strlen(pairs[i]);
    }
    memcpy(out + n, value, len);
    return n + len;
}

static int refused(const char *type, const char *key, const uint8_t *value, size_t len, struct pl_err *err)
{
    uint8_t bytes[256];
    struct pl_msg *m = NULL;
    struct pl_msg_head head;
    int rc = pl_msg_decode(bytes, frame(bytes, type, key, value, len), 0, 0, &m, &head, err);
    ck_assert_ptr_null(m);
    ck_assert_str_eq(head.id, "abc");
    ck_assert_str_eq(head.session, "s");
    ck_assert_str_eq(head.type, type);
    return rc;
}

START_TEST(refusal_names_the_field_and_the_request)
{
    struct pl_err err = {0};
    ck_assert_int_eq(refused("no.such", "x", (const uint8_t[]){0x01}, 1, &err), -PL_E_UNKNOWN_TYPE);
    ck_assert_str_eq(err.field, "type");
    ck_assert_int_eq(refused("sys.ping", "attempt", (const uint8_t[]){0xa0}, 1, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "attempt");
    ck_assert_int_eq(refused("sys.ping", "x", (const uint8_t[]){0x01}, 1, &err), -PL_E_INVALID); /* no body */
    ck_assert_ptr_nonnull(strstr(err.field, "seq"));
    ck_assert_int_eq(refused("sys.ping", "v", (const uint8_t[]){0x02}, 1, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "v");
}
END_TEST

START_TEST(memory_of_a_decoded_message_is_bounded)
{
    PL_NEW(m, f, net_frame);
    static uint8_t big[100000];
    f->bytes = (struct pl_bin){big, sizeof big};
    struct pl_buf b = bytes_of(m, 0);
    struct pl_msg *back = NULL;
    struct pl_err err = {0};
    ck_assert_int_eq(pl_msg_decode(b.data, b.len, 0, 50000, &back, NULL, &err), -PL_E_TOO_LARGE);
    ck_assert_ptr_null(back);
    ck_assert_int_eq(pl_msg_decode(b.data, b.len, 0, 400000, &back, NULL, &err), 0);
    back->env.tenant = pl_msg_str(back, PL_STR("mine")); /* the limit was for the peer's part */
    ck_assert_uint_eq(back->env.tenant.len, 4);
    pl_buf_finish(&b);
    pl_msg_unref(&back);
    pl_msg_unref(&m);
}
END_TEST

START_TEST(no_prefix_and_no_flip_of_a_frame_is_dangerous)
{
    struct pl_msg *m = sample(), *back = NULL;
    struct pl_buf b = bytes_of(m, 0);
    uint64_t state = pl_test_seed(9);
    for (size_t n = 0; n < b.len; n++) ck_assert_int_lt(pl_msg_decode(b.data, n, 0, 0, &back, NULL, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(b.len);
        memcpy(copy, b.data, b.len);
        for (uint64_t k = pl_test_random(&state) % 3 + 1; k > 0; k--)
            copy[pl_test_random(&state) % b.len] = (uint8_t)pl_test_random(&state);
        struct pl_msg_head head;
        if (pl_msg_decode(copy, b.len, 0, 1 << 20, &back, &head, NULL) == 0) pl_msg_unref(&back);
        free(copy);
    }
    pl_buf_finish(&b);
    pl_msg_unref(&m);
}
END_TEST

static bool has_arg(const struct pl_msg *m, uint64_t arg)
{
    return m->deadline_ms == arg;
}

START_TEST(mailbox_keeps_the_order_of_each_lane)
{
    struct pl__mailbox box;
    enum pl__lane lane;
    pl__mailbox_init(&box, 3);
    for (uint64_t i = 0; i < 6; i++) {
        struct pl_msg *m = pl_msg_create(&pl_sys_stop_type);
        m->deadline_ms = i;
        pl__mailbox_push(&box, i % 2 ? PL__LANE_SYSTEM : PL__LANE_USER, m);
    }
    ck_assert(pl__mailbox_full(&box, PL__LANE_USER) && !pl__mailbox_full(&box, PL__LANE_SYSTEM));
    struct pl_msg *taken = pl__mailbox_take(&box, PL__LANE_SYSTEM, has_arg, 5);
    ck_assert_ptr_null(pl__mailbox_take(&box, PL__LANE_SYSTEM, has_arg, 5));
    pl__mailbox_push_front(&box, PL__LANE_SYSTEM, taken);
    static const uint64_t order[] = {5, 1, 3, 0, 2, 4};
    for (int i = 0; i < 6; i++) {
        struct pl_msg *m = pl__mailbox_pop(&box, &lane);
        ck_assert_uint_eq(m->deadline_ms, order[i]);
        ck_assert_int_eq(lane, i < 3 ? PL__LANE_SYSTEM : PL__LANE_USER);
        pl_msg_unref(&m);
    }
    ck_assert_ptr_null(pl__mailbox_pop(&box, &lane));
    ck_assert_uint_eq(box.high_water, 6);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime/msg");
    TCase *tc = tcase_create("msg");
    PL_TEST(tc, decoded_message_is_the_encoded_one);
    PL_TEST(tc, deadline_travels_as_what_is_left);
    PL_TEST(tc, copy_shares_nothing);
    PL_TEST(tc, wrap_keeps_its_origin_and_chains_do_not_grow);
    PL_TEST(tc, refusal_names_the_field_and_the_request);
    PL_TEST(tc, memory_of_a_decoded_message_is_bounded);
    PL_TEST(tc, no_prefix_and_no_flip_of_a_frame_is_dangerous);
    PL_TEST(tc, mailbox_keeps_the_order_of_each_lane);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
