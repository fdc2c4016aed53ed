/* Every record of the schemas, through the table of its fields: filled at random it survives the wire, a copy
 * and keys of a later version; each limit, each missing and each mistyped field is refused under its own
 * name. Then the sentences and details that a table cannot tell, by hand. */
#include "schemas/gen/types.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

static uint64_t pick(uint64_t n)
{
    return pl_test_random(&state) % n;
}

static void *at_of(const void *record, uint32_t at)
{
    return (char *)(uintptr_t)record + at;
}

static size_t size_of_item(const struct pl_field *f)
{
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        return sizeof(bool);
    case PL_FORM_U32:
    case PL_FORM_ENUM:
        return 4;
    case PL_FORM_REC:
        return f->part->size;
    case PL_FORM_STR:
        return sizeof(struct pl_str);
    case PL_FORM_BIN:
    case PL_FORM_MAP:
        return sizeof(struct pl_bin);
    default:
        return 8;
    }
}

/* ---- random records ---- */

static struct pl_str random_text(struct pl_arena *arena, const struct pl_field *f)
{
    static const char *const pieces[] = {
        "a", "Z", " ", "\"", "\\", "0", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\n"};
    size_t most = f->max.u < f->min.u + 24 ? f->max.u : f->min.u + 24, len = 0;
    size_t want = f->min.u + pick(most - f->min.u + 1);
    char *text = pl_arena_alloc(arena, most + 1);
    while (len < want) {
        const char *piece = pieces[pick(f->flags & PL_FIELD_PRINTABLE ? 9 : 10)];
        if (len + strlen(piece) > want) piece = "x";
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return (struct pl_str){text, (uint32_t)len};
}

static double random_float(const struct pl_field *f)
{
    double low = isfinite(f->min.f) ? f->min.f : -1e9, high = isfinite(f->max.f) ? f->max.f : 1e9;
    switch (pick(4)) {
    case 0:
        return low;
    case 1:
        return high;
    default:
        return low + (high - low) * ((double)pick(1000000) / 1e6);
    }
}

static uint64_t random_unsigned(const struct pl_field *f)
{
    uint64_t range = f->max.u - f->min.u;
    switch (pick(4)) {
    case 0:
        return f->min.u;
    case 1:
        return f->max.u;
    case 2:
        return f->min.u + pick(range < 100 ? range + 1 : 100);
    default:
        return range == UINT64_MAX ? pl_test_random(&state) : f->min.u + pick(range + 1);
    }
}

static void fill_record(struct pl_arena *arena, const struct pl_shape *s, void *record);

static void fill_value(struct pl_arena *arena, const struct pl_field *f, void *v)
{
    static const uint8_t map[] = {0x82, 0xA1, 'x', 0x93, 0x01, 0xFF, 0xCA, 0x3F,
                                  0,    0,    0,   0xA1, 'y',  0xC4, 0x01, 0xFE};
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        *(bool *)v = pick(2);
        break;
    case PL_FORM_U32:
        *(uint32_t *)v = (uint32_t)random_unsigned(f);
        break;
    case PL_FORM_ENUM:
        *(uint32_t *)v = (uint32_t)pick(f->words_count);
        break;
    case PL_FORM_U64:
        *(uint64_t *)v = random_unsigned(f);
        break;
    case PL_FORM_I64:
        *(int64_t *)v = pick(2) ? f->min.i : f->max.i;
        break;
    case PL_FORM_F64:
        *(double *)v = random_float(f);
        break;
    case PL_FORM_STR:
        *(struct pl_str *)v = random_text(arena, f);
        break;
    case PL_FORM_BIN: {
        struct pl_str s = random_text(arena, f);
        *(struct pl_bin *)v = (struct pl_bin){(const uint8_t *)s.ptr, s.len};
        break;
    }
    case PL_FORM_MAP:
        *(struct pl_bin *)v = (struct pl_bin){map, sizeof map};
        break;
    case PL_FORM_REC:
        fill_record(arena, f->part, v);
        break;
    }
}

static void fill_field(struct pl_arena *arena, const struct pl_field *f, void *record)
{
    if (f->flags & PL_FIELD_OPTIONAL) {
        *(bool *)at_of(record, f->has_at) = pick(3) > 0;
        if (!*(bool *)at_of(record, f->has_at)) return;
    }
    if (!(f->flags & PL_FIELD_LIST)) {
        fill_value(arena, f, at_of(record, f->at));
        return;
    }
    uint32_t n = (uint32_t)pick(f->max_items < 4 ? f->max_items + 1 : 5);
    char *items = pl_arena_alloc(arena, n * size_of_item(f));
    for (uint32_t i = 0; i < n; i++) fill_value(arena, f, items + i * size_of_item(f));
    *(void **)at_of(record, f->at) = items;
    *(uint32_t *)at_of(record, f->count_at) = n;
}

static void fill_record(struct pl_arena *arena, const struct pl_shape *s, void *record)
{
    static const uint8_t later[] = {0xA7, 'z',  '_', 'l',  'a', 't', 'e', 'r', 0x92,
                                    0xC0, 0xA1, '!', 0xA3, 'z', '_', '2', 0xFF};
    memset(record, 0, s->size);
    for (uint32_t i = 0; i < s->fields_count; i++) fill_field(arena, &s->fields[i], record);
    if (pick(2)) return;
    *(struct pl_bin *)at_of(record, s->unknown_at) = (struct pl_bin){later, sizeof later};
    *(uint32_t *)at_of(record, s->unknown_count_at) = 2;
}

/* ---- what every type must keep ---- */

static void same_print(const struct pl_type *t, const void *a, const void *b)
{
    struct pl_buf x = {0}, y = {0};
    t->print(a, &x);
    t->print(b, &y);
    ck_assert_msg(x.len == y.len && memcmp(x.data, y.data, x.len) == 0, "%s:\n%.*s\n%.*s", t->name,
                  (int)x.len, (char *)x.data, (int)y.len, (char *)y.data);
    pl_buf_finish(&x);
    pl_buf_finish(&y);
}

static void same_bytes(const struct pl_type *t, const void *record, const struct pl_buf *bytes)
{
    struct pl_buf again = {0};
    ck_assert_int_eq(t->encode(record, &again), 0);
    ck_assert_uint_eq(again.len, bytes->len);
    ck_assert_int_eq(memcmp(again.data, bytes->data, bytes->len), 0);
    pl_buf_finish(&again);
}

static int decode(const struct pl_type *t, const struct pl_buf *bytes, struct pl_arena *arena, void *record,
                  struct pl_err *err)
{
    int rc = pl_wire_check(bytes->data, bytes->len, err);
    if (rc) return rc;
    struct pl_cursor c = {bytes->data, bytes->data + bytes->len};
    rc = t->decode(&c, arena, record, err);
    if (rc == 0) ck_assert_ptr_eq(c.p, c.end);
    return rc;
}

static void round_trip(const struct pl_type *t)
{
    struct pl_arena made = {0}, read = {0}, copied = {0};
    struct pl_buf bytes = {0};
    struct pl_err err = {0};
    void *a = calloc(1, t->size), *b = calloc(1, t->size), *c = calloc(1, t->size);
    fill_record(&made, t->shape, a);
    ck_assert_msg(t->validate(a, &err) == 0, "%s: %s: %s", t->name, err.field, err.text);
    ck_assert_int_eq(t->encode(a, &bytes), 0);
    ck_assert_msg(decode(t, &bytes, &read, b, &err) == 0, "%s: %s: %s", t->name, err.field, err.text);
    same_print(t, a, b);
    same_bytes(t, b, &bytes);
    ck_assert_int_eq(t->copy(b, &copied, c), 0);
    pl_arena_finish(&read);
    memset(bytes.data, 0xC1, bytes.len);
    same_print(t, a, c);
    ck_assert_int_eq(t->validate(c, NULL), 0);
    pl_arena_finish(&made);
    pl_arena_finish(&copied);
    pl_buf_finish(&bytes);
    free(a);
    free(b);
    free(c);
}

START_TEST(every_type_survives_the_wire_and_a_copy)
{
    state = pl_test_seed(1);
    for (size_t i = 0; i < pl_types_count; i++)
        for (int round = 0; round < 100; round++) round_trip(pl_types[i]);
}
END_TEST

/* ---- limits ---- */

static void refused_as(const struct pl_type *t, const void *record, const char *field)
{
    struct pl_err err = {0};
    ck_assert_msg(t->validate(record, &err) == -PL_E_INVALID, "%s: validate took a bad %s", t->name, field);
    ck_assert_str_eq(err.field, field);
    ck_assert_str_ne(err.text, "");
    struct pl_buf bytes = {0};
    struct pl_arena arena = {0};
    void *back = calloc(1, t->size);
    err = (struct pl_err){0};
    ck_assert_int_eq(t->encode(record, &bytes), 0);
    ck_assert_msg(decode(t, &bytes, &arena, back, &err) == -PL_E_INVALID, "%s: decode took a bad %s", t->name,
                  field);
    ck_assert_str_eq(err.field, field);
    pl_arena_finish(&arena);
    pl_buf_finish(&bytes);
    free(back);
}

/* A text or bytes of any length a limit may name. */
static const char *many_bytes(void)
{
    static char *bytes;
    if (!bytes) {
        bytes = malloc((16 << 20) + 1);
        ck_assert_ptr_nonnull(bytes);
        memset(bytes, 'x', (16 << 20) + 1);
    }
    return bytes;
}

/* Sets V to the N-th value outside its limits; false when there is none. */
static bool set_outside(const struct pl_field *f, void *v, unsigned n)
{
    static const double wild[] = {NAN, INFINITY, -INFINITY};
    uint64_t most = f->form == PL_FORM_U64 ? UINT64_MAX : UINT32_MAX, bad = n ? f->max.u + 1 : f->min.u - 1;
    bool text = f->form == PL_FORM_STR || f->form == PL_FORM_BIN;
    if (f->form == PL_FORM_F64) {
        *(double *)v = n < 3    ? wild[n]
                       : n == 3 ? nextafter(f->min.f, -HUGE_VAL)
                                : nextafter(f->max.f, HUGE_VAL);
        return n < 5;
    }
    if (n > 1 || (f->form != PL_FORM_U32 && f->form != PL_FORM_U64 && !text)) return false;
    if (n == 0 ? f->min.u == 0 : f->max.u == most) return false;
    if (f->form == PL_FORM_U32)
        *(uint32_t *)v = (uint32_t)bad;
    else if (f->form == PL_FORM_U64)
        *(uint64_t *)v = bad;
    else if (f->form == PL_FORM_STR)
        *(struct pl_str *)v = (struct pl_str){many_bytes(), (uint32_t)bad};
    else
        *(struct pl_bin *)v = (struct pl_bin){(const uint8_t *)many_bytes(), (uint32_t)bad};
    return true;
}

/* A record with nothing optional and lists empty: each case below spoils one field of it. */
static void *plain_record(const struct pl_type *t, struct pl_arena *arena)
{
    void *record = calloc(1, t->size);
    fill_record(arena, t->shape, record);
    for (uint32_t i = 0; i < t->shape->fields_count; i++) {
        const struct pl_field *f = &t->shape->fields[i];
        if (f->flags & PL_FIELD_OPTIONAL) *(bool *)at_of(record, f->has_at) = false;
    }
    return record;
}

static unsigned spoil_limits(const struct pl_type *t, const struct pl_field *f)
{
    struct pl_arena arena = {0};
    unsigned spoiled = 0;
    for (unsigned n = 0;; n++) {
        void *record = plain_record(t, &arena);
        char item[8] = {0}, field[80];
        if (f->flags & PL_FIELD_OPTIONAL) *(bool *)at_of(record, f->has_at) = true;
        void *value = at_of(record, f->at);
        struct pl_str one[1] = {{item, 0}};
        snprintf(field, sizeof field, "%s", f->name);
        if (f->flags & PL_FIELD_LIST) {
            *(void **)value = one;
            value = one;
            *(uint32_t *)at_of(record, f->count_at) = 1;
            snprintf(field, sizeof field, "%s[0]", f->name);
        }
        bool bad = set_outside(f, value, n);
        if (bad) refused_as(t, record, field);
        free(record);
        spoiled += bad;
        if (!bad && n > 1) break;
    }
    pl_arena_finish(&arena);
    return spoiled;
}

static void spoil_count(const struct pl_type *t, const struct pl_field *f)
{
    struct pl_arena arena = {0};
    void *record = plain_record(t, &arena), *items = calloc(f->max_items + 1, size_of_item(f));
    if (f->flags & PL_FIELD_OPTIONAL) *(bool *)at_of(record, f->has_at) = true;
    *(void **)at_of(record, f->at) = items;
    *(uint32_t *)at_of(record, f->count_at) = f->max_items + 1;
    refused_as(t, record, f->name);
    free(items);
    free(record);
    pl_arena_finish(&arena);
}

START_TEST(every_limit_is_kept_under_its_field_name)
{
    unsigned spoiled = 0;
    state = pl_test_seed(2);
    for (size_t i = 0; i < pl_types_count; i++)
        for (uint32_t k = 0; k < pl_types[i]->shape->fields_count; k++) {
            const struct pl_field *f = &pl_types[i]->shape->fields[k];
            spoiled += spoil_limits(pl_types[i], f);
            if (f->flags & PL_FIELD_LIST) spoil_count(pl_types[i], f);
        }
    ck_assert_uint_gt(spoiled, 300);
}
END_TEST

/* ---- fields that are missing, of the wrong type, nil ---- */

/* Writes the map of BYTES into OUT with the value of KEY replaced, or with the pair left out when VALUE is
 * NULL. */
static void rewrite(const struct pl_buf *bytes, const char *key, const char *value, size_t len,
                    struct pl_buf *out)
{
    struct pl_cursor c = {bytes->data, bytes->data + bytes->len};
    uint32_t n;
    ck_assert_int_eq(pl_cursor_map(&c, &n), 0);
    uint32_t pairs = value ? n : n - 1;
    const uint8_t head[3] = {0xDE, (uint8_t)(pairs >> 8), (uint8_t)pairs};
    pl_buf_write(out, head, sizeof head);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *pair = c.p;
        struct pl_str name;
        ck_assert_int_eq(pl_cursor_str(&c, &name), 0);
        const uint8_t *at = c.p;
        ck_assert_int_eq(pl_cursor_skip(&c), 0);
        if (!pl_str_is(name, key)) {
            pl_buf_write(out, pair, (size_t)(c.p - pair));
        } else if (value) {
            pl_buf_write(out, pair, (size_t)(at - pair));
            pl_buf_write(out, value, len);
        }
    }
}

static void decode_changed(const struct pl_type *t, const struct pl_field *f, const char *value, size_t len,
                           bool good)
{
    struct pl_arena arena = {0};
    struct pl_buf bytes = {0}, changed = {0};
    struct pl_err err = {0};
    void *record = plain_record(t, &arena), *back = calloc(1, t->size);
    if (f->flags & PL_FIELD_OPTIONAL) {
        *(bool *)at_of(record, f->has_at) = true;
        if (f->form == PL_FORM_STR && !(f->flags & PL_FIELD_LIST))
            fill_value(&arena, f, at_of(record, f->at));
    }
    ck_assert_int_eq(t->encode(record, &bytes), 0);
    rewrite(&bytes, f->name, value, len, &changed);
    int rc = decode(t, &changed, &arena, back, &err);
    ck_assert_msg(rc == (good ? 0 : -PL_E_INVALID), "%s.%s: %d %s", t->name, f->name, rc, err.text);
    if (!good)
        ck_assert_str_eq(err.field, f->name);
    else if (f->flags & PL_FIELD_OPTIONAL)
        ck_assert(!*(bool *)at_of(back, f->has_at));
    pl_arena_finish(&arena);
    pl_buf_finish(&bytes);
    pl_buf_finish(&changed);
    free(record);
    free(back);
}

START_TEST(missing_mistyped_and_nil_fields_are_judged_one_by_one)
{
    state = pl_test_seed(3);
    for (size_t i = 0; i < pl_types_count; i++)
        for (uint32_t k = 0; k < pl_types[i]->shape->fields_count; k++) {
            const struct pl_type *t = pl_types[i];
            const struct pl_field *f = &t->shape->fields[k];
            bool list = f->flags & PL_FIELD_LIST;
            bool text = f->form == PL_FORM_STR || f->form == PL_FORM_BIN || f->form == PL_FORM_ENUM;
            decode_changed(t, f, NULL, 0, !(f->flags & PL_FIELD_REQUIRED));
            decode_changed(t, f, "\xC0", 1, f->flags & PL_FIELD_OPTIONAL);
            decode_changed(t, f, list || text ? "\x01" : "\xA1x", list || text ? 1 : 2, false);
            if (f->form == PL_FORM_U32 || f->form == PL_FORM_U64) {
                decode_changed(t, f, "\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00", 9, false);
                decode_changed(t, f, "\xFF", 1, false);
            }
        }
}
END_TEST

/* ---- by hand ---- */

#define BYTES(literal) ((struct pl_buf){.data = (uint8_t *)(uintptr_t)(literal), .len = sizeof(literal) - 1})

START_TEST(defaults_are_set_by_init_and_by_decode)
{
    struct pl_arena arena = {0};
    struct pl_chat_request made, read;
    pl_chat_request_type.init(&made);
    ck_assert_uint_eq(made.max_tokens, 512);
    ck_assert(made.temperature == 0.7 && made.top_p == 0.9 && made.repetition_penalty == 1.0);
    ck_assert(!made.has_text && !made.has_seed && made.messages == NULL);
    struct pl_buf empty = BYTES("\x80");
    ck_assert_int_eq(decode(&pl_chat_request_type, &empty, &arena, &read, NULL), 0);
    same_print(&pl_chat_request_type, &made, &read);
    struct pl_store_row row;
    pl_store_row_type.init(&row);
    ck_assert(row.found);
    pl_arena_finish(&arena);
}
END_TEST

START_TEST(errors_name_the_place_and_say_what_came)
{
    struct pl_arena arena = {0};
    struct pl_chat_request r;
    struct pl_err err = {0};
    struct pl_buf bad = BYTES("\x81\xA8messages\x93"
                              "\x82\xA4role\xA4user\xA7"
                              "content\xA1x"
                              "\x82\xA4role\xA4tool\xA7"
                              "content\xA1x"
                              "\x82\xA4role\xA5robot\xA7"
                              "content\xA1x");
    ck_assert_int_eq(decode(&pl_chat_request_type, &bad, &arena, &r, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "messages[2].role");
    ck_assert_str_eq(err.text, "expected one of system, user, assistant, tool, got \"robot\"");
    struct pl_buf low = BYTES("\x81\xAAmax_tokens\x00");
    ck_assert_int_eq(decode(&pl_chat_request_type, &low, &arena, &r, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "max_tokens");
    ck_assert_str_eq(err.text, "expected an integer from 1 to 131072, got 0");
    struct pl_buf kind = BYTES("\x81\xA4text\xC3");
    ck_assert_int_eq(decode(&pl_chat_request_type, &kind, &arena, &r, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.text, "expected a string, got a bool");
    pl_arena_finish(&arena);
}
END_TEST

START_TEST(a_field_missing_in_a_part_is_named_with_its_path)
{
    struct pl_arena arena = {0};
    struct pl_chat_done done;
    struct pl_err err = {0};
    struct pl_buf bad = BYTES("\x81\xA5usage\x81\xADprompt_tokens\x01");
    ck_assert_int_eq(decode(&pl_chat_done_type, &bad, &arena, &done, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "usage.cached_tokens");
    ck_assert_str_eq(err.text, "the field is missing");
    pl_arena_finish(&arena);
}
END_TEST

START_TEST(control_characters_are_refused_where_a_name_is_printed)
{
    static const char *const bad[] = {"\n", "\x1B", "\x7F", "\xC2\x80", "\xC2\x9F", "a\x01"};
    struct pl_envelope e;
    struct pl_err err = {0};
    pl_envelope_type.init(&e);
    e.type = PL_STR("ping");
    e.has_id = true;
    e.id = PL_STR("\xC3\x80 \xC2\xA0");
    ck_assert_int_eq(pl_envelope_type.validate(&e, &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        e.id = pl_str_of(bad[i]);
        refused_as(&pl_envelope_type, &e, "id");
    }
    e.id = PL_STR("\xC3");
    ck_assert_int_eq(pl_envelope_type.validate(&e, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "id");
}
END_TEST

START_TEST(the_body_is_a_view_and_its_copy_is_not)
{
    struct pl_arena arena = {0}, other = {0};
    struct pl_envelope e, copy;
    struct pl_buf m = BYTES("\x82\xA4type\xA4ping\xA4"
                            "body\x81\xA1k\x01");
    ck_assert_int_eq(decode(&pl_envelope_type, &m, &arena, &e, NULL), 0);
    ck_assert(e.has_body && e.body.ptr == m.data + m.len - 4 && e.body.len == 4);
    ck_assert_int_eq(pl_envelope_type.copy(&e, &other, &copy), 0);
    ck_assert_ptr_ne(copy.body.ptr, e.body.ptr);
    same_print(&pl_envelope_type, &e, &copy);
    ck_assert_int_eq(e.type.ptr[e.type.len], 0);
    pl_arena_finish(&arena);
    pl_arena_finish(&other);
}
END_TEST

START_TEST(memory_is_bounded_by_the_arena)
{
    struct pl_arena arena = {.limit_bytes = 256};
    struct pl_gen_tokens t;
    struct pl_err err = {0};
    struct pl_buf ids = {0};
    pl_buf_write(&ids, "\x83\xA3gen\x01\xA5", 7);
    pl_buf_write(&ids, "first\x02\xA3ids\xDC\x01\x00", 13);
    for (int i = 0; i < 256; i++) pl_buf_write(&ids, "\x07", 1);
    ck_assert_int_eq(decode(&pl_gen_tokens_type, &ids, &arena, &t, &err), -PL_E_TOO_LARGE);
    ck_assert_str_eq(err.field, "ids");
    struct pl_arena wide = {.limit_bytes = 4096};
    ck_assert_int_eq(decode(&pl_gen_tokens_type, &ids, &wide, &t, &err), 0);
    ck_assert_uint_eq(t.ids_count, 256);
    pl_arena_finish(&arena);
    pl_arena_finish(&wide);
    pl_buf_finish(&ids);
}
END_TEST

START_TEST(a_record_keeps_only_so_many_unknown_keys)
{
    for (int n = 256; n <= 257; n++) {
        struct pl_arena arena = {0};
        struct pl_buf m = {0};
        struct pl_err err = {0};
        struct pl_ping ping;
        const uint8_t head[3] = {0xDE, (uint8_t)(n >> 8), (uint8_t)n};
        pl_buf_write(&m, head, sizeof head);
        for (int i = 0; i < n; i++) {
            pl_buf_printf(&m, "\xA3%03d", i);
            pl_buf_write(&m, "", 1);
        }
        ck_assert_int_eq(decode(&pl_ping_type, &m, &arena, &ping, &err), n == 256 ? 0 : -PL_E_INVALID);
        if (n == 256) ck_assert_uint_eq(ping.unknown_count, 256);
        pl_arena_finish(&arena);
        pl_buf_finish(&m);
    }
}
END_TEST

START_TEST(print_is_json_on_one_line)
{
    struct pl_chat_delta d;
    struct pl_buf out = {0};
    pl_chat_delta_type.init(&d);
    d.seq = 3;
    d.kind = PL_CHAT_DELTA_KIND_REASONING;
    d.text = PL_STR("a\"\\\n\x7F\xC2\x85\xC3\xA4\xFF");
    d.unknown =
        (struct pl_bin){(const uint8_t *)"\xA1n\x92\xC4\x01\xAB\xCB\x3F\xB9\x99\x99\x99\x99\x99\x9A", 15};
    d.unknown_count = 1;
    pl_chat_delta_type.print(&d, &out);
    pl_buf_write(&out, "", 1);
    ck_assert_str_eq((char *)out.data, "{\"seq\":3,\"kind\":\"reasoning\","
                                       "\"text\":\"a\\\"\\\\\\u000a\\u007f\\u0085\xC3\xA4\xEF\xBF\xBD\","
                                       "\"n\":[\"ab\",0.1]}");
    pl_buf_finish(&out);
}
END_TEST

START_TEST(encode_stops_at_the_limit_of_the_buffer)
{
    struct pl_chat_delta d;
    pl_chat_delta_type.init(&d);
    d.text = PL_STR("a text");
    struct pl_buf out = {.limit = 20};
    ck_assert_int_eq(pl_chat_delta_type.encode(&d, &out), -PL_E_TOO_LARGE);
    ck_assert(out.failed);
    pl_buf_finish(&out);
}
END_TEST

START_TEST(a_value_that_is_no_word_of_its_enum_is_refused)
{
    struct pl_chat_delta d;
    struct pl_err err = {0};
    pl_chat_delta_type.init(&d);
    d.kind = (enum pl_chat_delta_kind)3;
    ck_assert_int_eq(pl_chat_delta_type.validate(&d, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "kind");
    ck_assert_str_eq(pl_chat_delta_kind_name(d.kind), "");
    ck_assert_str_eq(pl_chat_delta_kind_name(PL_CHAT_DELTA_KIND_TOOL), "tool");
}
END_TEST

START_TEST(types_are_found_by_name_and_by_id)
{
    for (size_t i = 0; i < pl_types_count; i++) {
        const struct pl_type *t = pl_types[i];
        ck_assert_ptr_eq(pl_type_find(t->name, strlen(t->name)), t);
        ck_assert_ptr_eq(pl_type_at(t->id), t);
        if (i) ck_assert_int_lt(strcmp(pl_types[i - 1]->name, t->name), 0);
    }
    ck_assert_ptr_eq(pl_type_at(PL_T_CHAT_REQUEST), &pl_chat_request_type);
    ck_assert_ptr_null(pl_type_at(PL_T_NONE));
    ck_assert_ptr_null(pl_type_at(PL_T_END));
    ck_assert_ptr_null(pl_type_find("", 0));
    ck_assert_ptr_null(pl_type_find("zzz", 3));
    ck_assert_ptr_null(pl_type_find("chat.requests", 13));
    ck_assert_ptr_null(pl_type_find("chat.reques", 11));
    ck_assert_ptr_eq(pl_type_find("sessions.shown", 13), &pl_sessions_show_type);
}
END_TEST

START_TEST(only_edge_messages_may_come_from_outside)
{
    ck_assert_int_eq(pl_chat_request_type.edge, PL_EDGE_IN);
    ck_assert_int_eq(pl_chat_done_type.edge, PL_EDGE_OUT);
    ck_assert_int_eq(pl_sessions_list_type.edge, PL_EDGE_ADMIN);
    ck_assert_int_eq(pl_store_write_type.edge, PL_EDGE_NONE);
    ck_assert_int_eq(pl_usage_type.edge, PL_EDGE_NONE);
    ck_assert_int_eq(pl_rec_turn_type.edge, PL_EDGE_NONE);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("records");
    TCase *tc = tcase_create("records");
    tcase_set_timeout(tc, 0);
    PL_TEST(tc, every_type_survives_the_wire_and_a_copy);
    PL_TEST(tc, every_limit_is_kept_under_its_field_name);
    PL_TEST(tc, missing_mistyped_and_nil_fields_are_judged_one_by_one);
    PL_TEST(tc, defaults_are_set_by_init_and_by_decode);
    PL_TEST(tc, errors_name_the_place_and_say_what_came);
    PL_TEST(tc, a_field_missing_in_a_part_is_named_with_its_path);
    PL_TEST(tc, control_characters_are_refused_where_a_name_is_printed);
    PL_TEST(tc, the_body_is_a_view_and_its_copy_is_not);
    PL_TEST(tc, memory_is_bounded_by_the_arena);
    PL_TEST(tc, a_record_keeps_only_so_many_unknown_keys);
    PL_TEST(tc, print_is_json_on_one_line);
    PL_TEST(tc, encode_stops_at_the_limit_of_the_buffer);
    PL_TEST(tc, a_value_that_is_no_word_of_its_enum_is_refused);
    PL_TEST(tc, types_are_found_by_name_and_by_id);
    PL_TEST(tc, only_edge_messages_may_come_from_outside);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
