/* Generated from schemas/generate.json by schemas/generate.py; do not edit. */
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

/* gen.submit */
static const struct pl_field fields_gen_submit[] = {
    {.name = "gen", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_submit, gen), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "ids", .name_len = 3, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_gen_submit, ids), .count_at = offsetof(struct pl_gen_submit, ids_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "max_tokens", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_submit, max_tokens), .min = {.u = 1ULL}, .max = {.u = 131072ULL}},
    {.name = "temperature", .name_len = 11, .form = PL_FORM_F64, .at = offsetof(struct pl_gen_submit, temperature), .min = {.f = 0.0}, .max = {.f = 2.0}, .initial = {.f = 0.7}},
    {.name = "top_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_gen_submit, top_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.9}},
    {.name = "top_k", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_gen_submit, top_k), .min = {.u = 0ULL}, .max = {.u = 1000000ULL}, .initial = {.u = 0ULL}},
    {.name = "min_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_gen_submit, min_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.0}},
    {.name = "repetition_penalty", .name_len = 18, .form = PL_FORM_F64, .at = offsetof(struct pl_gen_submit, repetition_penalty), .min = {.f = 0.01}, .max = {.f = 10.0}, .initial = {.f = 1.0}},
    {.name = "presence_penalty", .name_len = 16, .form = PL_FORM_F64, .at = offsetof(struct pl_gen_submit, presence_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "frequency_penalty", .name_len = 17, .form = PL_FORM_F64, .at = offsetof(struct pl_gen_submit, frequency_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_submit, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "drawn", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_gen_submit, drawn), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "owner", .name_len = 5, .form = PL_FORM_U64, .at = offsetof(struct pl_gen_submit, owner), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__gen_submit_shape = {
    fields_gen_submit, 13, sizeof(struct pl_gen_submit),
    offsetof(struct pl_gen_submit, unknown), offsetof(struct pl_gen_submit, unknown_count), 8,
};
TYPE(gen_submit, "gen.submit", PL_T_GEN_SUBMIT, PL_EDGE_NONE)

/* gen.tokens */
static const struct pl_field fields_gen_tokens[] = {
    {.name = "gen", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_tokens, gen), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "first", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_tokens, first), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "ids", .name_len = 3, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_gen_tokens, ids), .count_at = offsetof(struct pl_gen_tokens, ids_count), .max_items = 256, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "logits_hashes", .name_len = 13, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_gen_tokens, logits_hashes), .has_at = offsetof(struct pl_gen_tokens, has_logits_hashes), .count_at = offsetof(struct pl_gen_tokens, logits_hashes_count), .max_items = 256, .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__gen_tokens_shape = {
    fields_gen_tokens, 4, sizeof(struct pl_gen_tokens),
    offsetof(struct pl_gen_tokens, unknown), offsetof(struct pl_gen_tokens, unknown_count), 0,
};
TYPE(gen_tokens, "gen.tokens", PL_T_GEN_TOKENS, PL_EDGE_NONE)

/* gen.done */
static const char *const words_gen_done_reason[] = {"stop", "length", "cancelled", "deadline", "error"};
_Static_assert(sizeof(enum pl_gen_done_reason) == 4, "an enum is read and written as 32 bits");
const char *pl_gen_done_reason_name(enum pl_gen_done_reason value)
{
    return (uint32_t)value < 5 ? words_gen_done_reason[value] : "";
}
static const struct pl_field fields_gen_done[] = {
    {.name = "gen", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_done, gen), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "reason", .name_len = 6, .form = PL_FORM_ENUM, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_done, reason), .words = words_gen_done_reason, .words_count = 5},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .at = offsetof(struct pl_gen_done, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_gen_done, text), .has_at = offsetof(struct pl_gen_done, has_text), .min = {.u = 0ULL}, .max = {.u = 512ULL}},
    {.name = "cached_tokens", .name_len = 13, .form = PL_FORM_U32, .at = offsetof(struct pl_gen_done, cached_tokens), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__gen_done_shape = {
    fields_gen_done, 5, sizeof(struct pl_gen_done),
    offsetof(struct pl_gen_done, unknown), offsetof(struct pl_gen_done, unknown_count), 0,
};
TYPE(gen_done, "gen.done", PL_T_GEN_DONE, PL_EDGE_NONE)

/* gen.cancel */
static const struct pl_field fields_gen_cancel[] = {
    {.name = "gen", .name_len = 3, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_gen_cancel, gen), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__gen_cancel_shape = {
    fields_gen_cancel, 1, sizeof(struct pl_gen_cancel),
    offsetof(struct pl_gen_cancel, unknown), offsetof(struct pl_gen_cancel, unknown_count), 0,
};
TYPE(gen_cancel, "gen.cancel", PL_T_GEN_CANCEL, PL_EDGE_NONE)

/* gen.flush */
static const struct pl_shape pl__gen_flush_shape = {
    NULL, 0, sizeof(struct pl_gen_flush),
    offsetof(struct pl_gen_flush, unknown), offsetof(struct pl_gen_flush, unknown_count), 0,
};
TYPE(gen_flush, "gen.flush", PL_T_GEN_FLUSH, PL_EDGE_NONE)

/* exec_copy */
static const struct pl_field fields_exec_copy[] = {
    {.name = "src", .name_len = 3, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_copy, src), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "dst", .name_len = 3, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_copy, dst), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
const struct pl_shape pl__exec_copy_shape = {
    fields_exec_copy, 2, sizeof(struct pl_exec_copy),
    offsetof(struct pl_exec_copy, unknown), offsetof(struct pl_exec_copy, unknown_count), 0,
};
TYPE(exec_copy, "exec_copy", PL_T_EXEC_COPY, PL_EDGE_NONE)

/* exec_open */
static const struct pl_field fields_exec_open[] = {
    {.name = "slot", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_open, slot), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "ids", .name_len = 3, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_exec_open, ids), .count_at = offsetof(struct pl_exec_open, ids_count), .max_items = 131072, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "n_prompt", .name_len = 8, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_open, n_prompt), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "temperature", .name_len = 11, .form = PL_FORM_F64, .at = offsetof(struct pl_exec_open, temperature), .min = {.f = 0.0}, .max = {.f = 2.0}, .initial = {.f = 0.7}},
    {.name = "top_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_exec_open, top_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.9}},
    {.name = "top_k", .name_len = 5, .form = PL_FORM_U32, .at = offsetof(struct pl_exec_open, top_k), .min = {.u = 0ULL}, .max = {.u = 1000000ULL}, .initial = {.u = 0ULL}},
    {.name = "min_p", .name_len = 5, .form = PL_FORM_F64, .at = offsetof(struct pl_exec_open, min_p), .min = {.f = 0.0}, .max = {.f = 1.0}, .initial = {.f = 0.0}},
    {.name = "repetition_penalty", .name_len = 18, .form = PL_FORM_F64, .at = offsetof(struct pl_exec_open, repetition_penalty), .min = {.f = 0.01}, .max = {.f = 10.0}, .initial = {.f = 1.0}},
    {.name = "presence_penalty", .name_len = 16, .form = PL_FORM_F64, .at = offsetof(struct pl_exec_open, presence_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "frequency_penalty", .name_len = 17, .form = PL_FORM_F64, .at = offsetof(struct pl_exec_open, frequency_penalty), .min = {.f = -2.0}, .max = {.f = 2.0}, .initial = {.f = 0.0}},
    {.name = "seed", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_open, seed), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
const struct pl_shape pl__exec_open_shape = {
    fields_exec_open, 11, sizeof(struct pl_exec_open),
    offsetof(struct pl_exec_open, unknown), offsetof(struct pl_exec_open, unknown_count), 8,
};
TYPE(exec_open, "exec_open", PL_T_EXEC_OPEN, PL_EDGE_NONE)

/* exec_seq */
static const struct pl_field fields_exec_seq[] = {
    {.name = "slot", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_seq, slot), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "from", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_seq, from), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "count", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_seq, count), .min = {.u = 1ULL}, .max = {.u = 4294967295ULL}},
    {.name = "sample", .name_len = 6, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_seq, sample)},
    {.name = "pages", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_exec_seq, pages), .count_at = offsetof(struct pl_exec_seq, pages_count), .max_items = 4096, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
};
const struct pl_shape pl__exec_seq_shape = {
    fields_exec_seq, 5, sizeof(struct pl_exec_seq),
    offsetof(struct pl_exec_seq, unknown), offsetof(struct pl_exec_seq, unknown_count), 0,
};
TYPE(exec_seq, "exec_seq", PL_T_EXEC_SEQ, PL_EDGE_NONE)

/* exec_result */
static const struct pl_field fields_exec_result[] = {
    {.name = "slot", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_result, slot), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "id", .name_len = 2, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_result, id), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .at = offsetof(struct pl_exec_result, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "logits_hash", .name_len = 11, .form = PL_FORM_U64, .at = offsetof(struct pl_exec_result, logits_hash), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
};
const struct pl_shape pl__exec_result_shape = {
    fields_exec_result, 4, sizeof(struct pl_exec_result),
    offsetof(struct pl_exec_result, unknown), offsetof(struct pl_exec_result, unknown_count), 0,
};
TYPE(exec_result, "exec_result", PL_T_EXEC_RESULT, PL_EDGE_NONE)

/* exec.ready */
static const struct pl_field fields_exec_ready[] = {
    {.name = "slots", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_ready, slots), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "pages", .name_len = 5, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_ready, pages), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "max_rows", .name_len = 8, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_ready, max_rows), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "model_digest", .name_len = 12, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_ready, model_digest), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "incarnation", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_ready, incarnation), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__exec_ready_shape = {
    fields_exec_ready, 5, sizeof(struct pl_exec_ready),
    offsetof(struct pl_exec_ready, unknown), offsetof(struct pl_exec_ready, unknown_count), 0,
};
TYPE(exec_ready, "exec.ready", PL_T_EXEC_READY, PL_EDGE_NONE)

/* exec.step */
static const struct pl_field fields_exec_step[] = {
    {.name = "step", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_step, step), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "incarnation", .name_len = 11, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_step, incarnation), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "closes", .name_len = 6, .form = PL_FORM_U32, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_exec_step, closes), .has_at = offsetof(struct pl_exec_step, has_closes), .count_at = offsetof(struct pl_exec_step, closes_count), .max_items = 1024, .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "opens", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_exec_step, opens), .has_at = offsetof(struct pl_exec_step, has_opens), .count_at = offsetof(struct pl_exec_step, opens_count), .max_items = 1024, .part = &pl__exec_open_shape},
    {.name = "copies", .name_len = 6, .form = PL_FORM_REC, .flags = PL_FIELD_OPTIONAL | PL_FIELD_LIST, .at = offsetof(struct pl_exec_step, copies), .has_at = offsetof(struct pl_exec_step, has_copies), .count_at = offsetof(struct pl_exec_step, copies_count), .max_items = 4096, .part = &pl__exec_copy_shape},
    {.name = "seqs", .name_len = 4, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_exec_step, seqs), .count_at = offsetof(struct pl_exec_step, seqs_count), .max_items = 1024, .part = &pl__exec_seq_shape},
};
static const struct pl_shape pl__exec_step_shape = {
    fields_exec_step, 6, sizeof(struct pl_exec_step),
    offsetof(struct pl_exec_step, unknown), offsetof(struct pl_exec_step, unknown_count), 0,
};
TYPE(exec_step, "exec.step", PL_T_EXEC_STEP, PL_EDGE_NONE)

/* exec.stepped */
static const struct pl_field fields_exec_stepped[] = {
    {.name = "step", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_exec_stepped, step), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "results", .name_len = 7, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_exec_stepped, results), .count_at = offsetof(struct pl_exec_stepped, results_count), .max_items = 1024, .part = &pl__exec_result_shape},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .at = offsetof(struct pl_exec_stepped, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}, .initial = {.u = 0ULL}},
    {.name = "text", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_exec_stepped, text), .has_at = offsetof(struct pl_exec_stepped, has_text), .min = {.u = 0ULL}, .max = {.u = 512ULL}},
    {.name = "duration_us", .name_len = 11, .form = PL_FORM_U64, .at = offsetof(struct pl_exec_stepped, duration_us), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}, .initial = {.u = 0ULL}},
};
static const struct pl_shape pl__exec_stepped_shape = {
    fields_exec_stepped, 5, sizeof(struct pl_exec_stepped),
    offsetof(struct pl_exec_stepped, unknown), offsetof(struct pl_exec_stepped, unknown_count), 0,
};
TYPE(exec_stepped, "exec.stepped", PL_T_EXEC_STEPPED, PL_EDGE_NONE)

/* tool_description */
static const struct pl_field fields_tool_description[] = {
    {.name = "name", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_description, name), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "schema", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_description, schema), .min = {.u = 0ULL}, .max = {.u = 16384ULL}},
    {.name = "timeout_ms", .name_len = 10, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_description, timeout_ms), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "idempotent", .name_len = 10, .form = PL_FORM_BOOL, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_description, idempotent)},
};
const struct pl_shape pl__tool_description_shape = {
    fields_tool_description, 4, sizeof(struct pl_tool_description),
    offsetof(struct pl_tool_description, unknown), offsetof(struct pl_tool_description, unknown_count), 0,
};
TYPE(tool_description, "tool_description", PL_T_TOOL_DESCRIPTION, PL_EDGE_NONE)

/* tool.described */
static const struct pl_field fields_tool_described[] = {
    {.name = "tools", .name_len = 5, .form = PL_FORM_REC, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_tool_described, tools), .count_at = offsetof(struct pl_tool_described, tools_count), .max_items = 64, .part = &pl__tool_description_shape},
    {.name = "starting", .name_len = 8, .form = PL_FORM_STR, .flags = PL_FIELD_LIST, .at = offsetof(struct pl_tool_described, starting), .count_at = offsetof(struct pl_tool_described, starting_count), .max_items = 64, .min = {.u = 0ULL}, .max = {.u = 64ULL}},
};
static const struct pl_shape pl__tool_described_shape = {
    fields_tool_described, 2, sizeof(struct pl_tool_described),
    offsetof(struct pl_tool_described, unknown), offsetof(struct pl_tool_described, unknown_count), 0,
};
TYPE(tool_described, "tool.described", PL_T_TOOL_DESCRIBED, PL_EDGE_NONE)

/* tool.call */
static const struct pl_field fields_tool_call[] = {
    {.name = "call", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_call, call), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "tool", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_call, tool), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "arguments", .name_len = 9, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_call, arguments), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
};
static const struct pl_shape pl__tool_call_shape = {
    fields_tool_call, 3, sizeof(struct pl_tool_call),
    offsetof(struct pl_tool_call, unknown), offsetof(struct pl_tool_call, unknown_count), 0,
};
TYPE(tool_call, "tool.call", PL_T_TOOL_CALL, PL_EDGE_NONE)

/* tool.result */
static const struct pl_field fields_tool_result[] = {
    {.name = "call", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_result, call), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_result, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "content", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_result, content), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
};
static const struct pl_shape pl__tool_result_shape = {
    fields_tool_result, 3, sizeof(struct pl_tool_result),
    offsetof(struct pl_tool_result, unknown), offsetof(struct pl_tool_result, unknown_count), 0,
};
TYPE(tool_result, "tool.result", PL_T_TOOL_RESULT, PL_EDGE_NONE)

/* tool.cancel */
static const struct pl_field fields_tool_cancel[] = {
    {.name = "call", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_cancel, call), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
};
static const struct pl_shape pl__tool_cancel_shape = {
    fields_tool_cancel, 1, sizeof(struct pl_tool_cancel),
    offsetof(struct pl_tool_cancel, unknown), offsetof(struct pl_tool_cancel, unknown_count), 0,
};
TYPE(tool_cancel, "tool.cancel", PL_T_TOOL_CANCEL, PL_EDGE_NONE)

/* tool.hello */
static const struct pl_field fields_tool_hello[] = {
    {.name = "tool", .name_len = 4, .form = PL_FORM_REC, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_hello, tool), .part = &pl__tool_description_shape},
};
static const struct pl_shape pl__tool_hello_shape = {
    fields_tool_hello, 1, sizeof(struct pl_tool_hello),
    offsetof(struct pl_tool_hello, unknown), offsetof(struct pl_tool_hello, unknown_count), 0,
};
TYPE(tool_hello, "tool.hello", PL_T_TOOL_HELLO, PL_EDGE_NONE)

/* tool.run */
static const struct pl_field fields_tool_run[] = {
    {.name = "call", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_run, call), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "arguments", .name_len = 9, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_run, arguments), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
};
static const struct pl_shape pl__tool_run_shape = {
    fields_tool_run, 2, sizeof(struct pl_tool_run),
    offsetof(struct pl_tool_run, unknown), offsetof(struct pl_tool_run, unknown_count), 0,
};
TYPE(tool_run, "tool.run", PL_T_TOOL_RUN, PL_EDGE_NONE)

/* tool.ran */
static const struct pl_field fields_tool_ran[] = {
    {.name = "call", .name_len = 4, .form = PL_FORM_U64, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_ran, call), .min = {.u = 0ULL}, .max = {.u = 18446744073709551615ULL}},
    {.name = "code", .name_len = 4, .form = PL_FORM_U32, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_ran, code), .min = {.u = 0ULL}, .max = {.u = 4294967295ULL}},
    {.name = "content", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_tool_ran, content), .min = {.u = 0ULL}, .max = {.u = 65536ULL}},
};
static const struct pl_shape pl__tool_ran_shape = {
    fields_tool_ran, 3, sizeof(struct pl_tool_ran),
    offsetof(struct pl_tool_ran, unknown), offsetof(struct pl_tool_ran, unknown_count), 0,
};
TYPE(tool_ran, "tool.ran", PL_T_TOOL_RAN, PL_EDGE_NONE)
