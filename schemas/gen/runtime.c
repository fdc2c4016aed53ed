/* Generated from schemas/runtime.json by schemas/generate.py; do not edit. */
#include "schemas/gen/types.h"

#include <math.h>

#define TYPE(x, wire_name, type_id, type_edge) \
    static void init_##x(void *r) { pl__record_init(&pl__##x##_shape, r); } \
    static int decode_##x(struct pl_cursor *c, struct pl_arena *a, void *r, struct pl_err *e) \
    { return pl__record_decode(&pl__##x##_shape, c, a, r, e); } \
    static int encode_##x(const void *r, struct pl_buf *b) { return pl__record_encode(&pl__##x##_shape, r, b); } \
    static int validate_##x(const void *r, struct pl_err *e) { return pl__record_validate(&pl__##x##_shape, r, e); } \
    static void print_##x(const void *r, struct pl_buf *b) { pl__record_print(&pl__##x##_shape, r, b); } \
    static int copy_##x(const void *s, struct pl_arena *a, void *d) \
    { return pl__record_copy(&pl__##x##_shape, s, a, d); } \
    const struct pl_type pl_##x##_type = {wire_name, type_id, sizeof(struct pl_##x), type_edge, init_##x, decode_##x, \
                                          encode_##x, validate_##x, print_##x, copy_##x, &pl__##x##_shape};

/* sys.timer */
static const struct pl_field fields_sys_timer[] = {
    {.name = "timer", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_timer, timer), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "kind", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_timer, kind), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "arg", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_timer, arg), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__sys_timer_shape = {
    fields_sys_timer, 3, sizeof(struct pl_sys_timer),
    offsetof(struct pl_sys_timer, unknown), offsetof(struct pl_sys_timer, unknown_count), 0,
};
TYPE(sys_timer, "sys.timer", PL_T_SYS_TIMER, PL_EDGE_NONE)

/* sys.undelivered */
static const struct pl_field fields_sys_undelivered[] = {
    {.name = "to", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_undelivered, to), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "type", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_undelivered, type), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "correlation", .name_len = 11, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_sys_undelivered, correlation), .has_at = offsetof(struct pl_sys_undelivered, has_correlation), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_undelivered, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .at = offsetof(struct pl_sys_undelivered, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__sys_undelivered_shape = {
    fields_sys_undelivered, 5, sizeof(struct pl_sys_undelivered),
    offsetof(struct pl_sys_undelivered, unknown), offsetof(struct pl_sys_undelivered, unknown_count), 0,
};
TYPE(sys_undelivered, "sys.undelivered", PL_T_SYS_UNDELIVERED, PL_EDGE_NONE)

/* sys.up */
static const struct pl_field fields_sys_up[] = {
    {.name = "actor", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_up, actor), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "incarnation", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_up, incarnation), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__sys_up_shape = {
    fields_sys_up, 2, sizeof(struct pl_sys_up),
    offsetof(struct pl_sys_up, unknown), offsetof(struct pl_sys_up, unknown_count), 0,
};
TYPE(sys_up, "sys.up", PL_T_SYS_UP, PL_EDGE_NONE)

/* sys.down */
static const struct pl_field fields_sys_down[] = {
    {.name = "actor", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_down, actor), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "incarnation", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_down, incarnation), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_down, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "final", .name_len = 5, .form = PL_FORM_BOOL, .at = offsetof(struct pl_sys_down, final), .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__sys_down_shape = {
    fields_sys_down, 4, sizeof(struct pl_sys_down),
    offsetof(struct pl_sys_down, unknown), offsetof(struct pl_sys_down, unknown_count), 0,
};
TYPE(sys_down, "sys.down", PL_T_SYS_DOWN, PL_EDGE_NONE)

/* sys.stop */
static const struct pl_shape pl__sys_stop_shape = {
    NULL, 0, sizeof(struct pl_sys_stop),
    offsetof(struct pl_sys_stop, unknown), offsetof(struct pl_sys_stop, unknown_count), 0,
};
TYPE(sys_stop, "sys.stop", PL_T_SYS_STOP, PL_EDGE_NONE)

/* sys.ping */
static const struct pl_field fields_sys_ping[] = {
    {.name = "seq", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_ping, seq), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "metrics", .name_len = 7, .form = PL_FORM_BOOL, .at = offsetof(struct pl_sys_ping, metrics), .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__sys_ping_shape = {
    fields_sys_ping, 2, sizeof(struct pl_sys_ping),
    offsetof(struct pl_sys_ping, unknown), offsetof(struct pl_sys_ping, unknown_count), 0,
};
TYPE(sys_ping, "sys.ping", PL_T_SYS_PING, PL_EDGE_NONE)

/* sys.pong */
static const struct pl_field fields_sys_pong[] = {
    {.name = "seq", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sys_pong, seq), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__sys_pong_shape = {
    fields_sys_pong, 1, sizeof(struct pl_sys_pong),
    offsetof(struct pl_sys_pong, unknown), offsetof(struct pl_sys_pong, unknown_count), 0,
};
TYPE(sys_pong, "sys.pong", PL_T_SYS_PONG, PL_EDGE_NONE)

/* node.hello */
static const struct pl_field fields_node_hello[] = {
    {.name = "node", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_hello, node), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "pid", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_hello, pid), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "incarnation", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_hello, incarnation), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "actors", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_node_hello, actors), .count_at = offsetof(struct pl_node_hello, actors_count), .max_items = 64, .min = {.u = 0ULL}, .max = {.u = 64ULL}},
};
static const struct pl_shape pl__node_hello_shape = {
    fields_node_hello, 4, sizeof(struct pl_node_hello),
    offsetof(struct pl_node_hello, unknown), offsetof(struct pl_node_hello, unknown_count), 0,
};
TYPE(node_hello, "node.hello", PL_T_NODE_HELLO, PL_EDGE_NONE)

/* node.metrics */
static const struct pl_field fields_node_metrics[] = {
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_metrics, text), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
};
static const struct pl_shape pl__node_metrics_shape = {
    fields_node_metrics, 1, sizeof(struct pl_node_metrics),
    offsetof(struct pl_node_metrics, unknown), offsetof(struct pl_node_metrics, unknown_count), 0,
};
TYPE(node_metrics, "node.metrics", PL_T_NODE_METRICS, PL_EDGE_NONE)

/* node.bye */
static const struct pl_field fields_node_bye[] = {
    {.name = "node", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_bye, node), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
};
static const struct pl_shape pl__node_bye_shape = {
    fields_node_bye, 1, sizeof(struct pl_node_bye),
    offsetof(struct pl_node_bye, unknown), offsetof(struct pl_node_bye, unknown_count), 0,
};
TYPE(node_bye, "node.bye", PL_T_NODE_BYE, PL_EDGE_NONE)

/* net.frame */
static const struct pl_field fields_net_frame[] = {
    {.name = "listener", .name_len = 8, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_net_frame, listener), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "peer", .name_len = 4, .form = PL_FORM_BIN, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_net_frame, peer), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "delimiter", .name_len = 9, .form = PL_FORM_BOOL, .at = offsetof(struct pl_net_frame, delimiter), .initial = {.u = 0ULL}},
    {.name = "bytes", .name_len = 5, .form = PL_FORM_BIN, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_net_frame, bytes), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "malformed", .name_len = 9, .form = PL_FORM_BOOL, .at = offsetof(struct pl_net_frame, malformed), .initial = {.u = 0ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_net_frame, tenant), .has_at = offsetof(struct pl_net_frame, has_tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "key", .name_len = 3, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_net_frame, key), .has_at = offsetof(struct pl_net_frame, has_key), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "roles", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_net_frame, roles), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "act_for", .name_len = 7, .form = PL_FORM_BOOL, .at = offsetof(struct pl_net_frame, act_for), .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__net_frame_shape = {
    fields_net_frame, 9, sizeof(struct pl_net_frame),
    offsetof(struct pl_net_frame, unknown), offsetof(struct pl_net_frame, unknown_count), 0,
};
TYPE(net_frame, "net.frame", PL_T_NET_FRAME, PL_EDGE_NONE)

/* store_op */
static const char *const words_store_op_op[] = {"put", "delete", "delete_range"};
_Static_assert(sizeof(enum pl_store_op_op) == 4, "an enum is read and written as 32 bits");
const char *pl_store_op_op_name(enum pl_store_op_op value)
{
    return (uint32_t)value < 3 ? words_store_op_op[value] : "";
}
static const struct pl_field fields_store_op[] = {
    {.name = "op", .name_len = 2, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_op, op), .words = words_store_op_op, .words_count = 3},
    {.name = "family", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_op, family), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "key", .name_len = 3, .form = PL_FORM_BIN, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_op, key), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "end", .name_len = 3, .form = PL_FORM_BIN, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_op, end), .has_at = offsetof(struct pl_store_op, has_end), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "value", .name_len = 5, .form = PL_FORM_BIN, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_op, value), .has_at = offsetof(struct pl_store_op, has_value), .min = {.u = 0ULL}, .max = {.u = 16777216ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_op, tenant), .has_at = offsetof(struct pl_store_op, has_tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_op, user), .has_at = offsetof(struct pl_store_op, has_user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "also", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_op, also), .has_at = offsetof(struct pl_store_op, has_also), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
};
const struct pl_shape pl__store_op_shape = {
    fields_store_op, 8, sizeof(struct pl_store_op),
    offsetof(struct pl_store_op, unknown), offsetof(struct pl_store_op, unknown_count), 0,
};
TYPE(store_op, "store_op", PL_T_STORE_OP, PL_EDGE_NONE)

/* store_key */
static const struct pl_field fields_store_key[] = {
    {.name = "family", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_key, family), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "key", .name_len = 3, .form = PL_FORM_BIN, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_key, key), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
const struct pl_shape pl__store_key_shape = {
    fields_store_key, 2, sizeof(struct pl_store_key),
    offsetof(struct pl_store_key, unknown), offsetof(struct pl_store_key, unknown_count), 0,
};
TYPE(store_key, "store_key", PL_T_STORE_KEY, PL_EDGE_NONE)

/* store_row */
static const struct pl_field fields_store_row[] = {
    {.name = "found", .name_len = 5, .form = PL_FORM_BOOL, .at = offsetof(struct pl_store_row, found), .initial = {.u = 1ULL}},
    {.name = "key", .name_len = 3, .form = PL_FORM_BIN, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_row, key), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "value", .name_len = 5, .form = PL_FORM_BIN, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_row, value), .has_at = offsetof(struct pl_store_row, has_value), .min = {.u = 0ULL}, .max = {.u = 16777216ULL}},
};
const struct pl_shape pl__store_row_shape = {
    fields_store_row, 3, sizeof(struct pl_store_row),
    offsetof(struct pl_store_row, unknown), offsetof(struct pl_store_row, unknown_count), 1,
};
TYPE(store_row, "store_row", PL_T_STORE_ROW, PL_EDGE_NONE)

/* store.write */
static const struct pl_field fields_store_write[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_write, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "ops", .name_len = 3, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_store_write, ops), .count_at = offsetof(struct pl_store_write, ops_count), .max_items = 4096, .part = &pl__store_op_shape},
};
static const struct pl_shape pl__store_write_shape = {
    fields_store_write, 2, sizeof(struct pl_store_write),
    offsetof(struct pl_store_write, unknown), offsetof(struct pl_store_write, unknown_count), 0,
};
TYPE(store_write, "store.write", PL_T_STORE_WRITE, PL_EDGE_NONE)

/* store.written */
static const struct pl_field fields_store_written[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_written, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__store_written_shape = {
    fields_store_written, 1, sizeof(struct pl_store_written),
    offsetof(struct pl_store_written, unknown), offsetof(struct pl_store_written, unknown_count), 0,
};
TYPE(store_written, "store.written", PL_T_STORE_WRITTEN, PL_EDGE_NONE)

/* store.failed */
static const struct pl_field fields_store_failed[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_failed, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_failed, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_failed, text), .min = {.u = 0ULL}, .max = {.u = 512ULL}},
};
static const struct pl_shape pl__store_failed_shape = {
    fields_store_failed, 3, sizeof(struct pl_store_failed),
    offsetof(struct pl_store_failed, unknown), offsetof(struct pl_store_failed, unknown_count), 0,
};
TYPE(store_failed, "store.failed", PL_T_STORE_FAILED, PL_EDGE_NONE)

/* store.forget */
static const struct pl_field fields_store_forget[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_forget, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_forget, tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_forget, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
};
static const struct pl_shape pl__store_forget_shape = {
    fields_store_forget, 3, sizeof(struct pl_store_forget),
    offsetof(struct pl_store_forget, unknown), offsetof(struct pl_store_forget, unknown_count), 0,
};
TYPE(store_forget, "store.forget", PL_T_STORE_FORGET, PL_EDGE_NONE)

/* store.forgotten */
static const struct pl_field fields_store_forgotten[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_forgotten, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "found", .name_len = 5, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_forgotten, found)},
};
static const struct pl_shape pl__store_forgotten_shape = {
    fields_store_forgotten, 2, sizeof(struct pl_store_forgotten),
    offsetof(struct pl_store_forgotten, unknown), offsetof(struct pl_store_forgotten, unknown_count), 0,
};
TYPE(store_forgotten, "store.forgotten", PL_T_STORE_FORGOTTEN, PL_EDGE_NONE)

/* store.get */
static const struct pl_field fields_store_get[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_get, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "keys", .name_len = 4, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_store_get, keys), .count_at = offsetof(struct pl_store_get, keys_count), .max_items = 1024, .part = &pl__store_key_shape},
};
static const struct pl_shape pl__store_get_shape = {
    fields_store_get, 2, sizeof(struct pl_store_get),
    offsetof(struct pl_store_get, unknown), offsetof(struct pl_store_get, unknown_count), 0,
};
TYPE(store_get, "store.get", PL_T_STORE_GET, PL_EDGE_NONE)

/* store.values */
static const struct pl_field fields_store_values[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_values, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "rows", .name_len = 4, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_store_values, rows), .count_at = offsetof(struct pl_store_values, rows_count), .max_items = 1024, .part = &pl__store_row_shape},
};
static const struct pl_shape pl__store_values_shape = {
    fields_store_values, 2, sizeof(struct pl_store_values),
    offsetof(struct pl_store_values, unknown), offsetof(struct pl_store_values, unknown_count), 0,
};
TYPE(store_values, "store.values", PL_T_STORE_VALUES, PL_EDGE_NONE)

/* store.scan */
static const struct pl_field fields_store_scan[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_scan, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "family", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_scan, family), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "from", .name_len = 4, .form = PL_FORM_BIN, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_scan, from), .has_at = offsetof(struct pl_store_scan, has_from), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "to", .name_len = 2, .form = PL_FORM_BIN, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_store_scan, to), .has_at = offsetof(struct pl_store_scan, has_to), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "limit", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_store_scan, limit), .min = {.u = 1ULL}, .max = {.u = 4096ULL}, .initial = {.u = 256ULL}},
    {.name = "reverse", .name_len = 7, .form = PL_FORM_BOOL, .at = offsetof(struct pl_store_scan, reverse), .initial = {.u = 0ULL}},
    {.name = "max_bytes", .name_len = 9, .form = PL_FORM_U64, .at = offsetof(struct pl_store_scan, max_bytes), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 4194304ULL}},
};
static const struct pl_shape pl__store_scan_shape = {
    fields_store_scan, 7, sizeof(struct pl_store_scan),
    offsetof(struct pl_store_scan, unknown), offsetof(struct pl_store_scan, unknown_count), 7,
};
TYPE(store_scan, "store.scan", PL_T_STORE_SCAN, PL_EDGE_NONE)

/* store.rows */
static const struct pl_field fields_store_rows[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_store_rows, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "rows", .name_len = 4, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_store_rows, rows), .count_at = offsetof(struct pl_store_rows, rows_count), .max_items = 4096, .part = &pl__store_row_shape},
    {.name = "more", .name_len = 4, .form = PL_FORM_BOOL, .at = offsetof(struct pl_store_rows, more), .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__store_rows_shape = {
    fields_store_rows, 3, sizeof(struct pl_store_rows),
    offsetof(struct pl_store_rows, unknown), offsetof(struct pl_store_rows, unknown_count), 0,
};
TYPE(store_rows, "store.rows", PL_T_STORE_ROWS, PL_EDGE_NONE)

/* audit.add */
static const struct pl_field fields_audit_add[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_audit_add, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "who", .name_len = 3, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_audit_add, who), .has_at = offsetof(struct pl_audit_add, has_who), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "act", .name_len = 3, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_audit_add, act), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "outcome", .name_len = 7, .form = PL_FORM_STR, .at = offsetof(struct pl_audit_add, outcome), .min = {.u = 0ULL}, .max = {.u = 16ULL}, .initial_text = "done"},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_audit_add, tenant), .has_at = offsetof(struct pl_audit_add, has_tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "subject", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_audit_add, subject), .has_at = offsetof(struct pl_audit_add, has_subject), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "detail", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_audit_add, detail), .has_at = offsetof(struct pl_audit_add, has_detail), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__audit_add_shape = {
    fields_audit_add, 7, sizeof(struct pl_audit_add),
    offsetof(struct pl_audit_add, unknown), offsetof(struct pl_audit_add, unknown_count), 4,
};
TYPE(audit_add, "audit.add", PL_T_AUDIT_ADD, PL_EDGE_NONE)

/* audit.added */
static const struct pl_field fields_audit_added[] = {
    {.name = "token", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_audit_added, token), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__audit_added_shape = {
    fields_audit_added, 1, sizeof(struct pl_audit_added),
    offsetof(struct pl_audit_added, unknown), offsetof(struct pl_audit_added, unknown_count), 0,
};
TYPE(audit_added, "audit.added", PL_T_AUDIT_ADDED, PL_EDGE_NONE)
