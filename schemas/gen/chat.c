/* Generated from schemas/chat.json by schemas/generate.py; do not edit. */
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

/* message */
static const char *const words_chat_message_part_role[] = {"system", "user", "assistant", "tool"};
_Static_assert(sizeof(enum pl_chat_message_part_role) == 4, "an enum is read and written as 32 bits");
const char *pl_chat_message_part_role_name(enum pl_chat_message_part_role value)
{
    return (uint32_t)value < 4 ? words_chat_message_part_role[value] : "";
}
static const struct pl_field fields_chat_message_part[] = {
    {.name = "role", .name_len = 4, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_message_part, role), .words = words_chat_message_part_role, .words_count = 4},
    {.name = "content", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_message_part, content), .min = {.u = 0ULL}, .max = {.u = 262144ULL}},
};
const struct pl_shape pl__chat_message_part_shape = {
    fields_chat_message_part, 2, sizeof(struct pl_chat_message_part),
    offsetof(struct pl_chat_message_part, unknown), offsetof(struct pl_chat_message_part, unknown_count), 0,
};
TYPE(chat_message_part, "message", PL_T_CHAT_MESSAGE_PART, PL_EDGE_NONE)

/* usage */
static const struct pl_field fields_usage[] = {
    {.name = "prompt_tokens", .name_len = 13, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_usage, prompt_tokens), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "cached_tokens", .name_len = 13, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_usage, cached_tokens), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "completion_tokens", .name_len = 17, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_usage, completion_tokens), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
const struct pl_shape pl__usage_shape = {
    fields_usage, 3, sizeof(struct pl_usage),
    offsetof(struct pl_usage, unknown), offsetof(struct pl_usage, unknown_count), 0,
};
TYPE(usage, "usage", PL_T_USAGE, PL_EDGE_NONE)

/* chat.request */
static const struct pl_field fields_chat_request[] = {
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_request, text), .has_at = offsetof(struct pl_chat_request, has_text), .min = {.u = 1ULL}, .max = {.u = 262144ULL}},
    {.name = "messages", .name_len = 8, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_chat_request, messages), .has_at = offsetof(struct pl_chat_request, has_messages), .count_at = offsetof(struct pl_chat_request, messages_count), .max_items = 256, .part = &pl__chat_message_part_shape},
    {.name = "system", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_request, system), .has_at = offsetof(struct pl_chat_request, has_system), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
    {.name = "tools", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_chat_request, tools), .has_at = offsetof(struct pl_chat_request, has_tools), .count_at = offsetof(struct pl_chat_request, tools_count), .max_items = 16, .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "max_tokens", .name_len = 10, .form = PL_FORM_U32, .at = offsetof(struct pl_chat_request, max_tokens), .min = {.u = 1ULL}, .max = {.u = 131072ULL}, .initial = {.u = 512ULL}},
    {.name = "temperature", .name_len = 11, .form = PL_FORM_F64, .at = offsetof(struct pl_chat_request, temperature), .min = {.f = 0.0}, .max = {.f = 2.0}, .initial = {.f = 0.7}},
    {.name = "top_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_chat_request, top_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.9}},
    {.name = "top_k", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_chat_request, top_k), .min = {.u = 0ULL}, .max = {.u = 1000000ULL}, .initial = {.u = 0ULL}},
    {.name = "min_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_chat_request, min_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.0}},
    {.name = "repetition_penalty", .name_len = 18, .form = PL_FORM_F64, .at = offsetof(struct pl_chat_request, repetition_penalty), .min = {.f = 0.01}, .max = {.f = 10.0}, .initial = {.f = 1.0}},
    {.name = "presence_penalty", .name_len = 16, .form = PL_FORM_F64, .at = offsetof(struct pl_chat_request, presence_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "frequency_penalty", .name_len = 17, .form = PL_FORM_F64, .at = offsetof(struct pl_chat_request, frequency_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_request, seed), .has_at = offsetof(struct pl_chat_request, has_seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "stop", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_chat_request, stop), .has_at = offsetof(struct pl_chat_request, has_stop), .count_at = offsetof(struct pl_chat_request, stop_count), .max_items = 16, .min = {.u = 0ULL}, .max = {.u = 256ULL}},
    {.name = "resume_from", .name_len = 11, .form = PL_FORM_U32, .at = offsetof(struct pl_chat_request, resume_from), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__chat_request_shape = {
    fields_chat_request, 15, sizeof(struct pl_chat_request),
    offsetof(struct pl_chat_request, unknown), offsetof(struct pl_chat_request, unknown_count), 10,
};
TYPE(chat_request, "chat.request", PL_T_CHAT_REQUEST, PL_EDGE_IN)

/* chat.accepted */
static const struct pl_field fields_chat_accepted[] = {
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_accepted, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_accepted, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "credit", .name_len = 6, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_accepted, credit), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
static const struct pl_shape pl__chat_accepted_shape = {
    fields_chat_accepted, 3, sizeof(struct pl_chat_accepted),
    offsetof(struct pl_chat_accepted, unknown), offsetof(struct pl_chat_accepted, unknown_count), 0,
};
TYPE(chat_accepted, "chat.accepted", PL_T_CHAT_ACCEPTED, PL_EDGE_OUT)

/* chat.delta */
static const char *const words_chat_delta_kind[] = {"answer", "reasoning", "tool"};
_Static_assert(sizeof(enum pl_chat_delta_kind) == 4, "an enum is read and written as 32 bits");
const char *pl_chat_delta_kind_name(enum pl_chat_delta_kind value)
{
    return (uint32_t)value < 3 ? words_chat_delta_kind[value] : "";
}
static const struct pl_field fields_chat_delta[] = {
    {.name = "seq", .name_len = 3, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_delta, seq), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "kind", .name_len = 4, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_delta, kind), .words = words_chat_delta_kind, .words_count = 3},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_delta, text), .min = {.u = 0ULL}, .max = {.u = 262144ULL}},
};
static const struct pl_shape pl__chat_delta_shape = {
    fields_chat_delta, 3, sizeof(struct pl_chat_delta),
    offsetof(struct pl_chat_delta, unknown), offsetof(struct pl_chat_delta, unknown_count), 0,
};
TYPE(chat_delta, "chat.delta", PL_T_CHAT_DELTA, PL_EDGE_OUT)

/* tool_record */
static const struct pl_field fields_tool_record[] = {
    {.name = "tool", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_record, tool), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "arguments", .name_len = 9, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_record, arguments), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
    {.name = "result", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_record, result), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_record, code), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
};
const struct pl_shape pl__tool_record_shape = {
    fields_tool_record, 4, sizeof(struct pl_tool_record),
    offsetof(struct pl_tool_record, unknown), offsetof(struct pl_tool_record, unknown_count), 0,
};
TYPE(tool_record, "tool_record", PL_T_TOOL_RECORD, PL_EDGE_NONE)

/* chat.done */
static const char *const words_chat_done_finish_reason[] = {"stop", "length", "cancelled", "deadline", "error"};
_Static_assert(sizeof(enum pl_chat_done_finish_reason) == 4, "an enum is read and written as 32 bits");
const char *pl_chat_done_finish_reason_name(enum pl_chat_done_finish_reason value)
{
    return (uint32_t)value < 5 ? words_chat_done_finish_reason[value] : "";
}
static const struct pl_field fields_chat_done[] = {
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, text), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "reasoning", .name_len = 9, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_done, reasoning), .has_at = offsetof(struct pl_chat_done, has_reasoning), .min = {.u = 0ULL}, .max = {.u = 1048576ULL}},
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "finish_reason", .name_len = 13, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, finish_reason), .words = words_chat_done_finish_reason, .words_count = 5},
    {.name = "usage", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, usage), .part = &pl__usage_shape},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "template_digest", .name_len = 15, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, template_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "adapter_digest", .name_len = 14, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_done, adapter_digest), .has_at = offsetof(struct pl_chat_done, has_adapter_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "dropped_turns", .name_len = 13, .form = PL_FORM_U32, .at = offsetof(struct pl_chat_done, dropped_turns), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "tools", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_chat_done, tools), .has_at = offsetof(struct pl_chat_done, has_tools), .count_at = offsetof(struct pl_chat_done, tools_count), .max_items = 64, .part = &pl__tool_record_shape},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_done, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "error", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_done, error), .has_at = offsetof(struct pl_chat_done, has_error), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
};
static const struct pl_shape pl__chat_done_shape = {
    fields_chat_done, 13, sizeof(struct pl_chat_done),
    offsetof(struct pl_chat_done, unknown), offsetof(struct pl_chat_done, unknown_count), 0,
};
TYPE(chat_done, "chat.done", PL_T_CHAT_DONE, PL_EDGE_OUT)

/* chat.error */
static const struct pl_field fields_chat_error[] = {
    {.name = "code", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_error, code), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "message", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_chat_error, message), .min = {.u = 0ULL}, .max = {.u = 512ULL}},
    {.name = "field", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_error, field), .has_at = offsetof(struct pl_chat_error, has_field), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "retry_after_ms", .name_len = 14, .form = PL_FORM_U32, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_chat_error, retry_after_ms), .has_at = offsetof(struct pl_chat_error, has_retry_after_ms), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
static const struct pl_shape pl__chat_error_shape = {
    fields_chat_error, 4, sizeof(struct pl_chat_error),
    offsetof(struct pl_chat_error, unknown), offsetof(struct pl_chat_error, unknown_count), 0,
};
TYPE(chat_error, "chat.error", PL_T_CHAT_ERROR, PL_EDGE_OUT)

/* chat.cancel */
static const struct pl_shape pl__chat_cancel_shape = {
    NULL, 0, sizeof(struct pl_chat_cancel),
    offsetof(struct pl_chat_cancel, unknown), offsetof(struct pl_chat_cancel, unknown_count), 0,
};
TYPE(chat_cancel, "chat.cancel", PL_T_CHAT_CANCEL, PL_EDGE_IN)

/* chat.resume */
static const struct pl_field fields_chat_resume[] = {
    {.name = "resume_from", .name_len = 11, .form = PL_FORM_U32, .at = offsetof(struct pl_chat_resume, resume_from), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__chat_resume_shape = {
    fields_chat_resume, 1, sizeof(struct pl_chat_resume),
    offsetof(struct pl_chat_resume, unknown), offsetof(struct pl_chat_resume, unknown_count), 0,
};
TYPE(chat_resume, "chat.resume", PL_T_CHAT_RESUME, PL_EDGE_IN)

/* ping */
static const struct pl_shape pl__ping_shape = {
    NULL, 0, sizeof(struct pl_ping),
    offsetof(struct pl_ping, unknown), offsetof(struct pl_ping, unknown_count), 0,
};
TYPE(ping, "ping", PL_T_PING, PL_EDGE_IN)

/* pong */
static const struct pl_field fields_pong[] = {
    {.name = "version", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_pong, version), .min = {.u = 0ULL}, .max = {.u = 32ULL}},
    {.name = "model", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_pong, model), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_pong, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "ready", .name_len = 5, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_pong, ready)},
    {.name = "credit", .name_len = 6, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_pong, credit), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "role", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_pong, role), .has_at = offsetof(struct pl_pong, has_role), .min = {.u = 0ULL}, .max = {.u = 16ULL}},
};
static const struct pl_shape pl__pong_shape = {
    fields_pong, 6, sizeof(struct pl_pong),
    offsetof(struct pl_pong, unknown), offsetof(struct pl_pong, unknown_count), 0,
};
TYPE(pong, "pong", PL_T_PONG, PL_EDGE_OUT)

/* feedback.add */
static const struct pl_field fields_feedback_add[] = {
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_add, turn), .min = {.u = 1ULL}, .max = {.u = 64ULL}},
    {.name = "stars", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_add, stars), .min = {.u = 1ULL}, .max = {.u = 5ULL}},
    {.name = "comment", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_add, comment), .has_at = offsetof(struct pl_feedback_add, has_comment), .min = {.u = 0ULL}, .max = {.u = 8192ULL}},
    {.name = "correction", .name_len = 10, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_feedback_add, correction), .has_at = offsetof(struct pl_feedback_add, has_correction), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
};
static const struct pl_shape pl__feedback_add_shape = {
    fields_feedback_add, 4, sizeof(struct pl_feedback_add),
    offsetof(struct pl_feedback_add, unknown), offsetof(struct pl_feedback_add, unknown_count), 0,
};
TYPE(feedback_add, "feedback.add", PL_T_FEEDBACK_ADD, PL_EDGE_IN)

/* feedback.stored */
static const struct pl_field fields_feedback_stored[] = {
    {.name = "turn", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_stored, turn), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "feedback", .name_len = 8, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_stored, feedback), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "ratings_below_3", .name_len = 15, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_stored, ratings_below_3), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "due", .name_len = 3, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_feedback_stored, due)},
};
static const struct pl_shape pl__feedback_stored_shape = {
    fields_feedback_stored, 4, sizeof(struct pl_feedback_stored),
    offsetof(struct pl_feedback_stored, unknown), offsetof(struct pl_feedback_stored, unknown_count), 0,
};
TYPE(feedback_stored, "feedback.stored", PL_T_FEEDBACK_STORED, PL_EDGE_OUT)
