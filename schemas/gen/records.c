/* Generated from schemas/records.json by schemas/generate.py; do not edit. */
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

/* stored_delta */
static const char *const words_stored_delta_kind[] = {"answer", "reasoning", "tool"};
_Static_assert(sizeof(enum pl_stored_delta_kind) == 4, "an enum is read and written as 32 bits");
const char *pl_stored_delta_kind_name(enum pl_stored_delta_kind value)
{
    return (uint32_t)value < 3 ? words_stored_delta_kind[value] : "";
}
static const struct pl_field fields_stored_delta[] = {
    {.name = "kind", .name_len = 4, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_stored_delta, kind), .words = words_stored_delta_kind, .words_count = 3},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_stored_delta, text), .min = {.u = 0ULL}, .max = {.u = 262144ULL}},
};
const struct pl_shape pl__stored_delta_shape = {
    fields_stored_delta, 2, sizeof(struct pl_stored_delta),
    offsetof(struct pl_stored_delta, unknown), offsetof(struct pl_stored_delta, unknown_count), 0,
};
TYPE(stored_delta, "stored_delta", PL_T_STORED_DELTA, PL_EDGE_NONE)

/* rec.request */
static const char *const words_rec_request_state[] = {"accepted", "done"};
_Static_assert(sizeof(enum pl_rec_request_state) == 4, "an enum is read and written as 32 bits");
const char *pl_rec_request_state_name(enum pl_rec_request_state value)
{
    return (uint32_t)value < 2 ? words_rec_request_state[value] : "";
}
static const struct pl_field fields_rec_request[] = {
    {.name = "state", .name_len = 5, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, state), .words = words_rec_request_state, .words_count = 2},
    {.name = "accepted_seq", .name_len = 12, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, accepted_seq), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "id", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, id), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "deadline_wall_ms", .name_len = 16, .form = PL_FORM_U64, .at = offsetof(struct pl_rec_request, deadline_wall_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "trace", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_request, trace), .has_at = offsetof(struct pl_rec_request, has_trace), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "request", .name_len = 7, .form = PL_FORM_BIN, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_request, request), .min = {.u = 0ULL}, .max = {.u = 524288ULL}},
    {.name = "tools", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_rec_request, tools), .has_at = offsetof(struct pl_rec_request, has_tools), .count_at = offsetof(struct pl_rec_request, tools_count), .max_items = 64, .part = &pl__tool_record_shape},
    {.name = "done", .name_len = 4, .form = PL_FORM_BIN, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_request, done), .has_at = offsetof(struct pl_rec_request, has_done), .min = {.u = 0ULL}, .max = {.u = 8388608ULL}},
    {.name = "deltas", .name_len = 6, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_rec_request, deltas), .has_at = offsetof(struct pl_rec_request, has_deltas), .count_at = offsetof(struct pl_rec_request, deltas_count), .max_items = 131072, .part = &pl__stored_delta_shape},
};
static const struct pl_shape pl__rec_request_shape = {
    fields_rec_request, 15, sizeof(struct pl_rec_request),
    offsetof(struct pl_rec_request, unknown), offsetof(struct pl_rec_request, unknown_count), 0,
};
TYPE(rec_request, "rec.request", PL_T_REC_REQUEST, PL_EDGE_NONE)

/* rec.session */
static const struct pl_field fields_rec_session[] = {
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_session, tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_session, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_session, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "system", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_session, system), .has_at = offsetof(struct pl_rec_session, has_system), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
    {.name = "turns", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_session, turns), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "first_kept", .name_len = 10, .form = PL_FORM_U32, .at = offsetof(struct pl_rec_session, first_kept), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_session, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "updated_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_session, updated_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__rec_session_shape = {
    fields_rec_session, 8, sizeof(struct pl_rec_session),
    offsetof(struct pl_rec_session, unknown), offsetof(struct pl_rec_session, unknown_count), 0,
};
TYPE(rec_session, "rec.session", PL_T_REC_SESSION, PL_EDGE_NONE)

/* rec.turn */
static const struct pl_field fields_rec_turn[] = {
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "id", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, id), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "prompt", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, prompt), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, text), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "finish_reason", .name_len = 13, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, finish_reason), .min = {.u = 0ULL}, .max = {.u = 16ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "number", .name_len = 6, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, number), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "reasoning", .name_len = 9, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_turn, reasoning), .has_at = offsetof(struct pl_rec_turn, has_reasoning), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "messages", .name_len = 8, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_rec_turn, messages), .count_at = offsetof(struct pl_rec_turn, messages_count), .max_items = 256, .part = &pl__chat_message_part_shape},
    {.name = "tool_names", .name_len = 10, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_rec_turn, tool_names), .has_at = offsetof(struct pl_rec_turn, has_tool_names), .count_at = offsetof(struct pl_rec_turn, tool_names_count), .max_items = 16, .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "tools", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_rec_turn, tools), .has_at = offsetof(struct pl_rec_turn, has_tools), .count_at = offsetof(struct pl_rec_turn, tools_count), .max_items = 64, .part = &pl__tool_record_shape},
    {.name = "prompt_ids", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_rec_turn, prompt_ids), .count_at = offsetof(struct pl_rec_turn, prompt_ids_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "answer_ids", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_rec_turn, answer_ids), .count_at = offsetof(struct pl_rec_turn, answer_ids_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "ended", .name_len = 5, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, ended)},
    {.name = "usage", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, usage), .part = &pl__usage_shape},
    {.name = "temperature", .name_len = 11, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_turn, temperature), .min = {.f = 0.0}, .max = {.f = 2.0}, .initial = {.f = 0.7}},
    {.name = "top_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_turn, top_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.9}},
    {.name = "top_k", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_rec_turn, top_k), .min = {.u = 0ULL}, .max = {.u = 1000000ULL}, .initial = {.u = 0ULL}},
    {.name = "min_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_turn, min_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.0}},
    {.name = "repetition_penalty", .name_len = 18, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_turn, repetition_penalty), .min = {.f = 0.01}, .max = {.f = 10.0}, .initial = {.f = 1.0}},
    {.name = "presence_penalty", .name_len = 16, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_turn, presence_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "frequency_penalty", .name_len = 17, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_turn, frequency_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "max_tokens", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, max_tokens), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "dropped_turns", .name_len = 13, .form = PL_FORM_U32, .at = offsetof(struct pl_rec_turn, dropped_turns), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "template_digest", .name_len = 15, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_turn, template_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "adapter_digest", .name_len = 14, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_turn, adapter_digest), .has_at = offsetof(struct pl_rec_turn, has_adapter_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "logits_hashes", .name_len = 13, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_rec_turn, logits_hashes), .has_at = offsetof(struct pl_rec_turn, has_logits_hashes), .count_at = offsetof(struct pl_rec_turn, logits_hashes_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__rec_turn_shape = {
    fields_rec_turn, 32, sizeof(struct pl_rec_turn),
    offsetof(struct pl_rec_turn, unknown), offsetof(struct pl_rec_turn, unknown_count), 23,
};
TYPE(rec_turn, "rec.turn", PL_T_REC_TURN, PL_EDGE_NONE)

/* rec.feedback */
static const struct pl_field fields_rec_feedback[] = {
    {.name = "feedback", .name_len = 8, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, feedback), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "id", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, id), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "stars", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, stars), .min = {.u = 1ULL}, .max = {.u = 5ULL}},
    {.name = "comment", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_feedback, comment), .has_at = offsetof(struct pl_rec_feedback, has_comment), .min = {.u = 0ULL}, .max = {.u = 8192ULL}},
    {.name = "correction", .name_len = 10, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_feedback, correction), .has_at = offsetof(struct pl_rec_feedback, has_correction), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
    {.name = "created_ms", .name_len = 10, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, created_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "answer_ids", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_rec_feedback, answer_ids), .count_at = offsetof(struct pl_rec_feedback, answer_ids_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "temperature", .name_len = 11, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_feedback, temperature), .min = {.f = 0.0}, .max = {.f = 2.0}, .initial = {.f = 0.7}},
    {.name = "top_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_feedback, top_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.9}},
    {.name = "top_k", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_rec_feedback, top_k), .min = {.u = 0ULL}, .max = {.u = 1000000ULL}, .initial = {.u = 0ULL}},
    {.name = "min_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_feedback, min_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.0}},
    {.name = "repetition_penalty", .name_len = 18, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_feedback, repetition_penalty), .min = {.f = 0.01}, .max = {.f = 10.0}, .initial = {.f = 1.0}},
    {.name = "presence_penalty", .name_len = 16, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_feedback, presence_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "frequency_penalty", .name_len = 17, .form = PL_FORM_F64, .at = offsetof(struct pl_rec_feedback, frequency_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "template_digest", .name_len = 15, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_feedback, template_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "adapter_digest", .name_len = 14, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_feedback, adapter_digest), .has_at = offsetof(struct pl_rec_feedback, has_adapter_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "replaces", .name_len = 8, .form = PL_FORM_U64, .at = offsetof(struct pl_rec_feedback, replaces), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__rec_feedback_shape = {
    fields_rec_feedback, 23, sizeof(struct pl_rec_feedback),
    offsetof(struct pl_rec_feedback, unknown), offsetof(struct pl_rec_feedback, unknown_count), 16,
};
TYPE(rec_feedback, "rec.feedback", PL_T_REC_FEEDBACK, PL_EDGE_NONE)

/* rec.retrain */
static const struct pl_field fields_rec_retrain[] = {
    {.name = "due", .name_len = 3, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_retrain, due)},
    {.name = "ratings_below_3", .name_len = 15, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_retrain, ratings_below_3), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "reason", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_rec_retrain, reason), .has_at = offsetof(struct pl_rec_retrain, has_reason), .min = {.u = 0ULL}, .max = {.u = 1024ULL}},
    {.name = "since_ms", .name_len = 8, .form = PL_FORM_U64, .at = offsetof(struct pl_rec_retrain, since_ms), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "total", .name_len = 5, .form = PL_FORM_U64, .at = offsetof(struct pl_rec_retrain, total), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "stars", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_rec_retrain, stars), .has_at = offsetof(struct pl_rec_retrain, has_stars), .count_at = offsetof(struct pl_rec_retrain, stars_count), .max_items = 5, .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "corrections", .name_len = 11, .form = PL_FORM_U64, .at = offsetof(struct pl_rec_retrain, corrections), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
    {.name = "next", .name_len = 4, .form = PL_FORM_U64, .at = offsetof(struct pl_rec_retrain, next), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 1ULL}},
};
static const struct pl_shape pl__rec_retrain_shape = {
    fields_rec_retrain, 8, sizeof(struct pl_rec_retrain),
    offsetof(struct pl_rec_retrain, unknown), offsetof(struct pl_rec_retrain, unknown_count), 8,
};
TYPE(rec_retrain, "rec.retrain", PL_T_REC_RETRAIN, PL_EDGE_NONE)

/* rec.counter */
static const struct pl_field fields_rec_counter[] = {
    {.name = "value", .name_len = 5, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_counter, value), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__rec_counter_shape = {
    fields_rec_counter, 1, sizeof(struct pl_rec_counter),
    offsetof(struct pl_rec_counter, unknown), offsetof(struct pl_rec_counter, unknown_count), 0,
};
TYPE(rec_counter, "rec.counter", PL_T_REC_COUNTER, PL_EDGE_NONE)

/* rec.tenant_day */
static const struct pl_field fields_rec_tenant_day[] = {
    {.name = "day", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_tenant_day, day), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "tokens", .name_len = 6, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_rec_tenant_day, tokens), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__rec_tenant_day_shape = {
    fields_rec_tenant_day, 2, sizeof(struct pl_rec_tenant_day),
    offsetof(struct pl_rec_tenant_day, unknown), offsetof(struct pl_rec_tenant_day, unknown_count), 0,
};
TYPE(rec_tenant_day, "rec.tenant_day", PL_T_REC_TENANT_DAY, PL_EDGE_NONE)
