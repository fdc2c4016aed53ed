/* Generated from schemas/envelope.json by schemas/generate.py; do not edit. */
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

/* envelope */
static const struct pl_field fields_envelope[] = {
    {.name = "v", .name_len = 1, .form = PL_FORM_U32, .at = offsetof(struct pl_envelope, v), .min = {.u = 1ULL}, .max = {.u = 1ULL}, .initial = {.u = 1ULL}},
    {.name = "id", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_PRINTABLE, .at = offsetof(struct pl_envelope, id), .has_at = offsetof(struct pl_envelope, has_id), .min = {.u = 1ULL}, .max = {.u = 64ULL}},
    {.name = "type", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_REQUIRED, .at = offsetof(struct pl_envelope, type), .min = {.u = 1ULL}, .max = {.u = 64ULL}},
    {.name = "from", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, from), .has_at = offsetof(struct pl_envelope, has_from), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "to", .name_len = 2, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, to), .has_at = offsetof(struct pl_envelope, has_to), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "reply_to", .name_len = 8, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, reply_to), .has_at = offsetof(struct pl_envelope, has_reply_to), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "correlation", .name_len = 11, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, correlation), .has_at = offsetof(struct pl_envelope, has_correlation), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "session", .name_len = 7, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_PRINTABLE, .at = offsetof(struct pl_envelope, session), .has_at = offsetof(struct pl_envelope, has_session), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "user", .name_len = 4, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_PRINTABLE, .at = offsetof(struct pl_envelope, user), .has_at = offsetof(struct pl_envelope, has_user), .min = {.u = 0ULL}, .max = {.u = 128ULL}},
    {.name = "tenant", .name_len = 6, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL | PL_FIELD_PRINTABLE, .at = offsetof(struct pl_envelope, tenant), .has_at = offsetof(struct pl_envelope, has_tenant), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "key", .name_len = 3, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, key), .has_at = offsetof(struct pl_envelope, has_key), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "budget_ms", .name_len = 9, .form = PL_FORM_U64, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, budget_ms), .has_at = offsetof(struct pl_envelope, has_budget_ms), .min = {.u = 0ULL}, .max = {.u = 86400000ULL}},
    {.name = "attempt", .name_len = 7, .form = PL_FORM_U32, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, attempt), .has_at = offsetof(struct pl_envelope, has_attempt), .min = {.u = 0ULL}, .max = {.u = 1000000ULL}},
    {.name = "trace", .name_len = 5, .form = PL_FORM_STR, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, trace), .has_at = offsetof(struct pl_envelope, has_trace), .min = {.u = 0ULL}, .max = {.u = 64ULL}},
    {.name = "body", .name_len = 4, .form = PL_FORM_MAP, .flags = PL_FIELD_OPTIONAL, .at = offsetof(struct pl_envelope, body), .has_at = offsetof(struct pl_envelope, has_body)},
};
static const struct pl_shape pl__envelope_shape = {
    fields_envelope, 15, sizeof(struct pl_envelope),
    offsetof(struct pl_envelope, unknown), offsetof(struct pl_envelope, unknown_count), 1,
};
TYPE(envelope, "envelope", PL_T_ENVELOPE, PL_EDGE_NONE)
