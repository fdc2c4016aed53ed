/* Generated from schemas/admin.json by schemas/generate.py; do not edit. */
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

/* session_row */
static const struct pl_field fields_session_row[] = {
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_session_row, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_session_row, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_session_row, tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "turns", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_session_row, turns), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_session_row, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "updated_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_session_row, updated_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
const struct pl_shape pl__session_row_shape = {
    fields_session_row, 6, sizeof(struct pl_session_row),
    offsetof(struct pl_session_row, unknown), offsetof(struct pl_session_row, unknown_count), 0,
};
TYPE(session_row, "session_row", PL_T_SESSION_ROW, PL_EDGE_NONE)

/* turn_row */
static const struct pl_field fields_turn_row[] = {
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "id", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, id), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "prompt", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, prompt), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, text), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "finish_reason", .name_len = 13, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, finish_reason), .min = {.u = 0ULL}, .max = {.u = 16ULL}},
    {.name = "reasoning", .name_len = 9, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_turn_row, reasoning), .has_at = offsetof(struct pl_turn_row, has_reasoning), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "usage", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, usage), .part = &pl__usage_shape},
    {.name = "tools", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_turn_row, tools), .has_at = offsetof(struct pl_turn_row, has_tools), .count_at = offsetof(struct pl_turn_row, tools_count), .max_items = 64, .part = &pl__tool_record_shape},
    {.name = "logits_hashes", .name_len = 13, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_turn_row, logits_hashes), .has_at = offsetof(struct pl_turn_row, has_logits_hashes), .count_at = offsetof(struct pl_turn_row, logits_hashes_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "adapter_digest", .name_len = 14, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_turn_row, adapter_digest), .has_at = offsetof(struct pl_turn_row, has_adapter_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_turn_row, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
const struct pl_shape pl__turn_row_shape = {
    fields_turn_row, 15, sizeof(struct pl_turn_row),
    offsetof(struct pl_turn_row, unknown), offsetof(struct pl_turn_row, unknown_count), 0,
};
TYPE(turn_row, "turn_row", PL_T_TURN_ROW, PL_EDGE_NONE)

/* sessions.list */
static const struct pl_field fields_sessions_list[] = {
    {.name = "limit", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_sessions_list, limit), .min = {.u = 1ULL}, .max = {.u = 1000ULL}, .initial = {.u = 100ULL}},
    {.name = "after", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_sessions_list, after), .has_at = offsetof(struct pl_sessions_list, has_after), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__sessions_list_shape = {
    fields_sessions_list, 2, sizeof(struct pl_sessions_list),
    offsetof(struct pl_sessions_list, unknown), offsetof(struct pl_sessions_list, unknown_count), 1,
};
TYPE(sessions_list, "sessions.list", PL_T_SESSIONS_LIST, PL_EDGE_ADMIN)

/* sessions.listed */
static const struct pl_field fields_sessions_listed[] = {
    {.name = "sessions", .name_len = 8, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_sessions_listed, sessions), .count_at = offsetof(struct pl_sessions_listed, sessions_count), .max_items = 1000, .part = &pl__session_row_shape},
    {.name = "next", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_sessions_listed, next), .has_at = offsetof(struct pl_sessions_listed, has_next), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__sessions_listed_shape = {
    fields_sessions_listed, 2, sizeof(struct pl_sessions_listed),
    offsetof(struct pl_sessions_listed, unknown), offsetof(struct pl_sessions_listed, unknown_count), 0,
};
TYPE(sessions_listed, "sessions.listed", PL_T_SESSIONS_LISTED, PL_EDGE_OUT)

/* sessions.show */
static const struct pl_field fields_sessions_show[] = {
    {.name = "limit", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_sessions_show, limit), .min = {.u = 1ULL}, .max = {.u = 1000ULL}, .initial = {.u = 100ULL}},
    {.name = "after", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_sessions_show, after), .has_at = offsetof(struct pl_sessions_show, has_after), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "export", .name_len = 6, .form = PL_FORM_BOOL, .at = offsetof(struct pl_sessions_show, export), .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__sessions_show_shape = {
    fields_sessions_show, 3, sizeof(struct pl_sessions_show),
    offsetof(struct pl_sessions_show, unknown), offsetof(struct pl_sessions_show, unknown_count), 1,
};
TYPE(sessions_show, "sessions.show", PL_T_SESSIONS_SHOW, PL_EDGE_ADMIN)

/* sessions.shown */
static const struct pl_field fields_sessions_shown[] = {
    {.name = "turns", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_sessions_shown, turns), .count_at = offsetof(struct pl_sessions_shown, turns_count), .max_items = 1000, .part = &pl__turn_row_shape},
    {.name = "next", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_sessions_shown, next), .has_at = offsetof(struct pl_sessions_shown, has_next), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__sessions_shown_shape = {
    fields_sessions_shown, 2, sizeof(struct pl_sessions_shown),
    offsetof(struct pl_sessions_shown, unknown), offsetof(struct pl_sessions_shown, unknown_count), 0,
};
TYPE(sessions_shown, "sessions.shown", PL_T_SESSIONS_SHOWN, PL_EDGE_OUT)

/* sessions.delete */
static const struct pl_shape pl__sessions_delete_shape = {
    NULL, 0, sizeof(struct pl_sessions_delete),
    offsetof(struct pl_sessions_delete, unknown), offsetof(struct pl_sessions_delete, unknown_count), 0,
};
TYPE(sessions_delete, "sessions.delete", PL_T_SESSIONS_DELETE, PL_EDGE_ADMIN)

/* sessions.deleted */
static const struct pl_field fields_sessions_deleted[] = {
    {.name = "turns", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sessions_deleted, turns), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
static const struct pl_shape pl__sessions_deleted_shape = {
    fields_sessions_deleted, 1, sizeof(struct pl_sessions_deleted),
    offsetof(struct pl_sessions_deleted, unknown), offsetof(struct pl_sessions_deleted, unknown_count), 0,
};
TYPE(sessions_deleted, "sessions.deleted", PL_T_SESSIONS_DELETED, PL_EDGE_OUT)

/* sessions.forget */
static const struct pl_field fields_sessions_forget[] = {
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sessions_forget, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
};
static const struct pl_shape pl__sessions_forget_shape = {
    fields_sessions_forget, 1, sizeof(struct pl_sessions_forget),
    offsetof(struct pl_sessions_forget, unknown), offsetof(struct pl_sessions_forget, unknown_count), 0,
};
TYPE(sessions_forget, "sessions.forget", PL_T_SESSIONS_FORGET, PL_EDGE_ADMIN)

/* sessions.forgotten */
static const struct pl_field fields_sessions_forgotten[] = {
    {.name = "found", .name_len = 5, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sessions_forgotten, found)},
    {.name = "cancelled", .name_len = 9, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_sessions_forgotten, cancelled), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
static const struct pl_shape pl__sessions_forgotten_shape = {
    fields_sessions_forgotten, 2, sizeof(struct pl_sessions_forgotten),
    offsetof(struct pl_sessions_forgotten, unknown), offsetof(struct pl_sessions_forgotten, unknown_count), 0,
};
TYPE(sessions_forgotten, "sessions.forgotten", PL_T_SESSIONS_FORGOTTEN, PL_EDGE_OUT)

/* keys.rotate */
static const struct pl_field fields_keys_rotate[] = {
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_keys_rotate, tenant), .has_at = offsetof(struct pl_keys_rotate, has_tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "file", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_keys_rotate, file), .has_at = offsetof(struct pl_keys_rotate, has_file), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__keys_rotate_shape = {
    fields_keys_rotate, 2, sizeof(struct pl_keys_rotate),
    offsetof(struct pl_keys_rotate, unknown), offsetof(struct pl_keys_rotate, unknown_count), 0,
};
TYPE(keys_rotate, "keys.rotate", PL_T_KEYS_ROTATE, PL_EDGE_ADMIN)

/* keys.rotated */
static const struct pl_field fields_keys_rotated[] = {
    {.name = "replaced", .name_len = 8, .form = PL_FORM_BOOL, .at = offsetof(struct pl_keys_rotated, replaced), .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__keys_rotated_shape = {
    fields_keys_rotated, 1, sizeof(struct pl_keys_rotated),
    offsetof(struct pl_keys_rotated, unknown), offsetof(struct pl_keys_rotated, unknown_count), 0,
};
TYPE(keys_rotated, "keys.rotated", PL_T_KEYS_ROTATED, PL_EDGE_OUT)

/* feedback_row */
static const struct pl_field fields_feedback_row[] = {
    {.name = "feedback", .name_len = 8, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, feedback), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "stars", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, stars), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "comment", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_row, comment), .has_at = offsetof(struct pl_feedback_row, has_comment), .min = {.u = 0ULL}, .max = {.u = 8192ULL}},
    {.name = "correction", .name_len = 10, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_row, correction), .has_at = offsetof(struct pl_feedback_row, has_correction), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_row, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "adapter_digest", .name_len = 14, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_row, adapter_digest), .has_at = offsetof(struct pl_feedback_row, has_adapter_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
};
const struct pl_shape pl__feedback_row_shape = {
    fields_feedback_row, 10, sizeof(struct pl_feedback_row),
    offsetof(struct pl_feedback_row, unknown), offsetof(struct pl_feedback_row, unknown_count), 0,
};
TYPE(feedback_row, "feedback_row", PL_T_FEEDBACK_ROW, PL_EDGE_NONE)

/* feedback.list */
static const struct pl_field fields_feedback_list[] = {
    {.name = "limit", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_feedback_list, limit), .min = {.u = 1ULL}, .max = {.u = 1000ULL}, .initial = {.u = 100ULL}},
    {.name = "after", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_list, after), .has_at = offsetof(struct pl_feedback_list, has_after), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__feedback_list_shape = {
    fields_feedback_list, 2, sizeof(struct pl_feedback_list),
    offsetof(struct pl_feedback_list, unknown), offsetof(struct pl_feedback_list, unknown_count), 1,
};
TYPE(feedback_list, "feedback.list", PL_T_FEEDBACK_LIST, PL_EDGE_ADMIN)

/* feedback.listed */
static const struct pl_field fields_feedback_listed[] = {
    {.name = "feedback", .name_len = 8, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_feedback_listed, feedback), .count_at = offsetof(struct pl_feedback_listed, feedback_count), .max_items = 1000, .part = &pl__feedback_row_shape},
    {.name = "next", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_listed, next), .has_at = offsetof(struct pl_feedback_listed, has_next), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__feedback_listed_shape = {
    fields_feedback_listed, 2, sizeof(struct pl_feedback_listed),
    offsetof(struct pl_feedback_listed, unknown), offsetof(struct pl_feedback_listed, unknown_count), 0,
};
TYPE(feedback_listed, "feedback.listed", PL_T_FEEDBACK_LISTED, PL_EDGE_OUT)

/* feedback.stats */
static const struct pl_shape pl__feedback_stats_shape = {
    NULL, 0, sizeof(struct pl_feedback_stats),
    offsetof(struct pl_feedback_stats, unknown), offsetof(struct pl_feedback_stats, unknown_count), 0,
};
TYPE(feedback_stats, "feedback.stats", PL_T_FEEDBACK_STATS, PL_EDGE_ADMIN)

/* feedback.counted */
static const struct pl_field fields_feedback_counted[] = {
    {.name = "total", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_counted, total), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "stars", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_feedback_counted, stars), .count_at = offsetof(struct pl_feedback_counted, stars_count), .max_items = 5, .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "mean", .name_len = 4, .form = PL_FORM_F64, .at = offsetof(struct pl_feedback_counted, mean), .min = {.f = -HUGE_VAL}, .max = {.f = HUGE_VAL}, .initial = {.f = 0.0}},
    {.name = "corrections", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_counted, corrections), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "ratings_below_3", .name_len = 15, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_counted, ratings_below_3), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "due", .name_len = 3, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_counted, due)},
};
static const struct pl_shape pl__feedback_counted_shape = {
    fields_feedback_counted, 6, sizeof(struct pl_feedback_counted),
    offsetof(struct pl_feedback_counted, unknown), offsetof(struct pl_feedback_counted, unknown_count), 0,
};
TYPE(feedback_counted, "feedback.counted", PL_T_FEEDBACK_COUNTED, PL_EDGE_OUT)

/* retrain.request */
static const struct pl_field fields_retrain_request[] = {
    {.name = "reason", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_retrain_request, reason), .has_at = offsetof(struct pl_retrain_request, has_reason), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__retrain_request_shape = {
    fields_retrain_request, 1, sizeof(struct pl_retrain_request),
    offsetof(struct pl_retrain_request, unknown), offsetof(struct pl_retrain_request, unknown_count), 0,
};
TYPE(retrain_request, "retrain.request", PL_T_RETRAIN_REQUEST, PL_EDGE_ADMIN)

/* retrain.status */
static const struct pl_shape pl__retrain_status_shape = {
    NULL, 0, sizeof(struct pl_retrain_status),
    offsetof(struct pl_retrain_status, unknown), offsetof(struct pl_retrain_status, unknown_count), 0,
};
TYPE(retrain_status, "retrain.status", PL_T_RETRAIN_STATUS, PL_EDGE_ADMIN)

/* retrain.state */
static const struct pl_field fields_retrain_state[] = {
    {.name = "due", .name_len = 3, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_retrain_state, due)},
    {.name = "ratings_below_3", .name_len = 15, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_retrain_state, ratings_below_3), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "threshold", .name_len = 9, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_retrain_state, threshold), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "reason", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_retrain_state, reason), .has_at = offsetof(struct pl_retrain_state, has_reason), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "since_ms", .name_len = 8, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_retrain_state, since_ms), .has_at = offsetof(struct pl_retrain_state, has_since_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__retrain_state_shape = {
    fields_retrain_state, 5, sizeof(struct pl_retrain_state),
    offsetof(struct pl_retrain_state, unknown), offsetof(struct pl_retrain_state, unknown_count), 0,
};
TYPE(retrain_state, "retrain.state", PL_T_RETRAIN_STATE, PL_EDGE_OUT)

/* node_row */
static const struct pl_field fields_node_row[] = {
    {.name = "node", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_row, node), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "up", .name_len = 2, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_row, up)},
    {.name = "pid", .name_len = 3, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, pid), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "rss_bytes", .name_len = 9, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, rss_bytes), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "cpu_ms", .name_len = 6, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, cpu_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "open_files", .name_len = 10, .form = PL_FORM_U32, .at = offsetof(struct pl_node_row, open_files), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "up_ms", .name_len = 5, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, up_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "restarts", .name_len = 8, .form = PL_FORM_U32, .at = offsetof(struct pl_node_row, restarts), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "sent", .name_len = 4, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, sent), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "handled", .name_len = 7, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, handled), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "refused", .name_len = 7, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, refused), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "dead", .name_len = 4, .form = PL_FORM_U64, .at = offsetof(struct pl_node_row, dead), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
};
const struct pl_shape pl__node_row_shape = {
    fields_node_row, 12, sizeof(struct pl_node_row),
    offsetof(struct pl_node_row, unknown), offsetof(struct pl_node_row, unknown_count), 0,
};
TYPE(node_row, "node_row", PL_T_NODE_ROW, PL_EDGE_NONE)

/* actor_row */
static const char *const words_actor_row_state[] = {"new", "up", "waiting", "down", "stopped"};
_Static_assert(sizeof(enum pl_actor_row_state) == 4, "an enum is read and written as 32 bits");
const char *pl_actor_row_state_name(enum pl_actor_row_state value)
{
    return (uint32_t)value < 5 ? words_actor_row_state[value] : "";
}
static const struct pl_field fields_actor_row[] = {
    {.name = "actor", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, actor), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "node", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, node), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "state", .name_len = 5, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, state), .words = words_actor_row_state, .words_count = 5},
    {.name = "mailbox", .name_len = 7, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, mailbox), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "mailbox_system", .name_len = 14, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, mailbox_system), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "limit", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, limit), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "high_water", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, high_water), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "handled", .name_len = 7, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, handled), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "restarts", .name_len = 8, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, restarts), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "wait_p50_us", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, wait_p50_us), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "wait_p99_us", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, wait_p99_us), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "run_p50_us", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, run_p50_us), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "run_p99_us", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, run_p99_us), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "slow", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, slow), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "stalls", .name_len = 6, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_actor_row, stalls), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "last_error", .name_len = 10, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_actor_row, last_error), .has_at = offsetof(struct pl_actor_row, has_last_error), .min = {.u = 0ULL}, .max = {.u = 192ULL}},
    {.name = "last_error_ms", .name_len = 13, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_actor_row, last_error_ms), .has_at = offsetof(struct pl_actor_row, has_last_error_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "message", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_actor_row, message), .has_at = offsetof(struct pl_actor_row, has_message), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "message_age_us", .name_len = 14, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_actor_row, message_age_us), .has_at = offsetof(struct pl_actor_row, has_message_age_us), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
const struct pl_shape pl__actor_row_shape = {
    fields_actor_row, 19, sizeof(struct pl_actor_row),
    offsetof(struct pl_actor_row, unknown), offsetof(struct pl_actor_row, unknown_count), 0,
};
TYPE(actor_row, "actor_row", PL_T_ACTOR_ROW, PL_EDGE_NONE)

/* figure_row */
static const char *const words_figure_row_kind[] = {"counter", "gauge", "histogram"};
_Static_assert(sizeof(enum pl_figure_row_kind) == 4, "an enum is read and written as 32 bits");
const char *pl_figure_row_kind_name(enum pl_figure_row_kind value)
{
    return (uint32_t)value < 3 ? words_figure_row_kind[value] : "";
}
static const struct pl_field fields_figure_row[] = {
    {.name = "name", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_figure_row, name), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "labels", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_figure_row, labels), .min = {.u = 0ULL}, .max = {.u = 512ULL}},
    {.name = "node", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_figure_row, node), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "kind", .name_len = 4, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_figure_row, kind), .words = words_figure_row_kind, .words_count = 3},
    {.name = "value", .name_len = 5, .form = PL_FORM_F64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_figure_row, value), .min = {.f = -HUGE_VAL}, .max = {.f = HUGE_VAL}},
    {.name = "count", .name_len = 5, .form = PL_FORM_U64, .at = offsetof(struct pl_figure_row, count), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "p50", .name_len = 3, .form = PL_FORM_F64, .at = offsetof(struct pl_figure_row, p50), .min = {.f = -HUGE_VAL}, .max = {.f = HUGE_VAL}, .initial = {.f = 0.0}},
    {.name = "p99", .name_len = 3, .form = PL_FORM_F64, .at = offsetof(struct pl_figure_row, p99), .min = {.f = -HUGE_VAL}, .max = {.f = HUGE_VAL}, .initial = {.f = 0.0}},
};
const struct pl_shape pl__figure_row_shape = {
    fields_figure_row, 8, sizeof(struct pl_figure_row),
    offsetof(struct pl_figure_row, unknown), offsetof(struct pl_figure_row, unknown_count), 0,
};
TYPE(figure_row, "figure_row", PL_T_FIGURE_ROW, PL_EDGE_NONE)

/* node.top */
static const struct pl_shape pl__node_top_shape = {
    NULL, 0, sizeof(struct pl_node_top),
    offsetof(struct pl_node_top, unknown), offsetof(struct pl_node_top, unknown_count), 0,
};
TYPE(node_top, "node.top", PL_T_NODE_TOP, PL_EDGE_ADMIN)

/* node.state */
static const struct pl_field fields_node_state[] = {
    {.name = "at_ms", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_node_state, at_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "nodes", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_node_state, nodes), .count_at = offsetof(struct pl_node_state, nodes_count), .max_items = 64, .part = &pl__node_row_shape},
    {.name = "actors", .name_len = 6, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_node_state, actors), .count_at = offsetof(struct pl_node_state, actors_count), .max_items = 512, .part = &pl__actor_row_shape},
    {.name = "figures", .name_len = 7, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_node_state, figures), .count_at = offsetof(struct pl_node_state, figures_count), .max_items = 16384, .part = &pl__figure_row_shape},
};
static const struct pl_shape pl__node_state_shape = {
    fields_node_state, 4, sizeof(struct pl_node_state),
    offsetof(struct pl_node_state, unknown), offsetof(struct pl_node_state, unknown_count), 0,
};
TYPE(node_state, "node.state", PL_T_NODE_STATE, PL_EDGE_OUT)

/* letter_row */
static const struct pl_field fields_letter_row[] = {
    {.name = "letter", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, letter), .min = {.u = 0ULL}, .max = {.u = 96ULL}},
    {.name = "at_ms", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, at_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "cause", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, cause), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "type", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, type), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "from", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, from), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "to", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, to), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "trace", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_letter_row, trace), .has_at = offsetof(struct pl_letter_row, has_trace), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "bytes", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, bytes), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "kept", .name_len = 4, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letter_row, kept)},
    {.name = "replayed", .name_len = 8, .form = PL_FORM_BOOL, .at = offsetof(struct pl_letter_row, replayed), .initial = {.u = 0ULL}},
};
const struct pl_shape pl__letter_row_shape = {
    fields_letter_row, 10, sizeof(struct pl_letter_row),
    offsetof(struct pl_letter_row, unknown), offsetof(struct pl_letter_row, unknown_count), 0,
};
TYPE(letter_row, "letter_row", PL_T_LETTER_ROW, PL_EDGE_NONE)

/* letters.list */
static const struct pl_shape pl__letters_list_shape = {
    NULL, 0, sizeof(struct pl_letters_list),
    offsetof(struct pl_letters_list, unknown), offsetof(struct pl_letters_list, unknown_count), 0,
};
TYPE(letters_list, "letters.list", PL_T_LETTERS_LIST, PL_EDGE_ADMIN)

/* letters.listed */
static const struct pl_field fields_letters_listed[] = {
    {.name = "total", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letters_listed, total), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "letters", .name_len = 7, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_letters_listed, letters), .count_at = offsetof(struct pl_letters_listed, letters_count), .max_items = 16384, .part = &pl__letter_row_shape},
};
static const struct pl_shape pl__letters_listed_shape = {
    fields_letters_listed, 2, sizeof(struct pl_letters_listed),
    offsetof(struct pl_letters_listed, unknown), offsetof(struct pl_letters_listed, unknown_count), 0,
};
TYPE(letters_listed, "letters.listed", PL_T_LETTERS_LISTED, PL_EDGE_OUT)

/* letters.replay */
static const struct pl_field fields_letters_replay[] = {
    {.name = "letter", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letters_replay, letter), .min = {.u = 1ULL}, .max = {.u = 96ULL}},
};
static const struct pl_shape pl__letters_replay_shape = {
    fields_letters_replay, 1, sizeof(struct pl_letters_replay),
    offsetof(struct pl_letters_replay, unknown), offsetof(struct pl_letters_replay, unknown_count), 0,
};
TYPE(letters_replay, "letters.replay", PL_T_LETTERS_REPLAY, PL_EDGE_ADMIN)

/* letters.replayed */
static const struct pl_field fields_letters_replayed[] = {
    {.name = "letter", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letters_replayed, letter), .min = {.u = 0ULL}, .max = {.u = 96ULL}},
    {.name = "to", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_letters_replayed, to), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
};
static const struct pl_shape pl__letters_replayed_shape = {
    fields_letters_replayed, 2, sizeof(struct pl_letters_replayed),
    offsetof(struct pl_letters_replayed, unknown), offsetof(struct pl_letters_replayed, unknown_count), 0,
};
TYPE(letters_replayed, "letters.replayed", PL_T_LETTERS_REPLAYED, PL_EDGE_OUT)

/* backup.create */
static const struct pl_field fields_backup_create[] = {
    {.name = "name", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED | PL_FIELD_PRINTABLE, .at = offsetof(struct pl_backup_create, name), .min = {.u = 1ULL}, .max = {.u = 64ULL}},
    {.name = "dir", .name_len = 3, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_backup_create, dir), .has_at = offsetof(struct pl_backup_create, has_dir), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
};
static const struct pl_shape pl__backup_create_shape = {
    fields_backup_create, 2, sizeof(struct pl_backup_create),
    offsetof(struct pl_backup_create, unknown), offsetof(struct pl_backup_create, unknown_count), 0,
};
TYPE(backup_create, "backup.create", PL_T_BACKUP_CREATE, PL_EDGE_ADMIN)

/* backup.created */
static const struct pl_field fields_backup_created[] = {
    {.name = "path", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_backup_created, path), .min = {.u = 0ULL}, .max = {.u = 1200ULL}},
    {.name = "time", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_backup_created, time), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "sequence", .name_len = 8, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_backup_created, sequence), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__backup_created_shape = {
    fields_backup_created, 3, sizeof(struct pl_backup_created),
    offsetof(struct pl_backup_created, unknown), offsetof(struct pl_backup_created, unknown_count), 0,
};
TYPE(backup_created, "backup.created", PL_T_BACKUP_CREATED, PL_EDGE_OUT)
