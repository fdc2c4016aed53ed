/* record.c - walks the tables of the generated records: defaults, limits, decoding, encoding, printing,
 * copying.
 *
 * Owns nothing between calls and has no state. Decoding stands on the bounded cursor of wire.c; nothing is
 * allocated before the count it is for has passed the schema's limit and fits the bytes left, and all of it
 * comes from the caller's arena. */
#include "schemas/wire_internal.h"

#include <math.h>
#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    UNKNOWN_KEYS_MAX = 256
}; /* so that a record can be written again with its own fields and still be taken */

/* ---- the places of a field in its struct ---- */

static void *member(const void *record, uint32_t at)
{
    return (char *)(uintptr_t)record + at;
}

static bool is_list(const struct pl_field *f)
{
    return (f->flags & PL_FIELD_LIST) != 0;
}

static bool *has_flag(const struct pl_field *f, const void *record)
{
    return f->flags & PL_FIELD_OPTIONAL ? member(record, f->has_at) : NULL;
}

static bool is_present(const struct pl_field *f, const void *record)
{
    const bool *has = has_flag(f, record);
    return !has || *has;
}

static uint32_t *list_count(const struct pl_field *f, const void *record)
{
    return member(record, f->count_at);
}

/* An item of a list; a field that is no list has one, itself. */
static size_t item_size(const struct pl_field *f)
{
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        return sizeof(bool);
    case PL_FORM_U32:
    case PL_FORM_ENUM:
        return sizeof(uint32_t);
    case PL_FORM_U64:
    case PL_FORM_I64:
    case PL_FORM_F64:
        return sizeof(uint64_t);
    case PL_FORM_STR:
        return sizeof(struct pl_str);
    case PL_FORM_BIN:
    case PL_FORM_MAP:
        return sizeof(struct pl_bin);
    case PL_FORM_REC:
        return f->part->size;
    }
    return 0;
}

static char *list_items(const struct pl_field *f, const void *record)
{
    return *(char **)member(record, f->at);
}

static struct pl__place place_of(const struct pl__place *up, const struct pl_field *f)
{
    return (struct pl__place){up, {f->name, f->name_len}, 0};
}

static struct pl_bin *unknown_of(const struct pl_shape *s, const void *record)
{
    return member(record, s->unknown_at);
}

static uint32_t *unknown_count_of(const struct pl_shape *s, const void *record)
{
    return member(record, s->unknown_count_at);
}

/* ---- defaults ---- */

static void init_field(const struct pl_field *f, void *at)
{
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        *(bool *)at = f->initial.u != 0;
        break;
    case PL_FORM_U32:
    case PL_FORM_ENUM:
        *(uint32_t *)at = (uint32_t)f->initial.u;
        break;
    case PL_FORM_U64:
        *(uint64_t *)at = f->initial.u;
        break;
    case PL_FORM_I64:
        *(int64_t *)at = f->initial.i;
        break;
    case PL_FORM_F64:
        *(double *)at = f->initial.f;
        break;
    case PL_FORM_STR:
        *(struct pl_str *)at = pl_str_of(f->initial_text);
        break;
    case PL_FORM_REC:
        pl__record_init(f->part, at);
        break;
    case PL_FORM_BIN:
    case PL_FORM_MAP:
        break;
    }
}

void pl__record_init(const struct pl_shape *s, void *record)
{
    memset(record, 0, s->size);
    pl__record_init_zeroed(s, record);
}

void pl__record_defaults(const struct pl_shape *s, void *record)
{
    for (uint32_t i = 0; i < s->init_count; i++)
        if (!is_list(&s->fields[i])) init_field(&s->fields[i], member(record, s->fields[i].at));
}

/* ---- limits ---- */

static int check_length(const struct pl_field *f, uint32_t len, const struct pl__place *at,
                        struct pl_err *err)
{
    const char *what = f->form == PL_FORM_STR ? "a string" : "binary data";
    if (len >= f->min.u && len <= f->max.u) return 0;
    if (f->min.u == 0)
        return pl__refuse(err, at, "expected %s of at most %llu bytes, got %u bytes", what,
                          (unsigned long long)f->max.u, len);
    return pl__refuse(err, at, "expected %s of %llu to %llu bytes, got %u bytes", what,
                      (unsigned long long)f->min.u, (unsigned long long)f->max.u, len);
}

static int check_text(const struct pl_field *f, struct pl_str s, const struct pl__place *at,
                      struct pl_err *err)
{
    int rc = check_length(f, s.len, at, err);
    if (rc) return rc;
    if (f->flags & PL_FIELD_PRINTABLE && pl__has_control(s))
        return pl__refuse(err, at, "expected a string without control characters");
    return 0;
}

static int check_unsigned(const struct pl_field *f, uint64_t v, const struct pl__place *at,
                          struct pl_err *err)
{
    if (v >= f->min.u && v <= f->max.u) return 0;
    return pl__refuse(err, at, "expected an integer from %llu to %llu, got %llu",
                      (unsigned long long)f->min.u, (unsigned long long)f->max.u, (unsigned long long)v);
}

static int check_signed(const struct pl_field *f, int64_t v, const struct pl__place *at, struct pl_err *err)
{
    if (v >= f->min.i && v <= f->max.i) return 0;
    return pl__refuse(err, at, "expected an integer from %lld to %lld, got %lld", (long long)f->min.i,
                      (long long)f->max.i, (long long)v);
}

static int check_float(const struct pl_field *f, double v, const struct pl__place *at, struct pl_err *err)
{
    if (!isfinite(v)) return pl__refuse(err, at, "expected a finite number");
    if (v >= f->min.f && v <= f->max.f) return 0;
    return pl__refuse(err, at, "expected a number from %g to %g, got %.17g", f->min.f, f->max.f, v);
}

/* The limits of a scalar that is in its place already; texts may still be views into the message. */
static int check_limits(const struct pl_field *f, const void *v, const struct pl__place *at,
                        struct pl_err *err)
{
    switch ((enum pl_form)f->form) {
    case PL_FORM_U32:
        return check_unsigned(f, *(const uint32_t *)v, at, err);
    case PL_FORM_U64:
        return check_unsigned(f, *(const uint64_t *)v, at, err);
    case PL_FORM_I64:
        return check_signed(f, *(const int64_t *)v, at, err);
    case PL_FORM_F64:
        return check_float(f, *(const double *)v, at, err);
    case PL_FORM_STR:
        return check_text(f, *(const struct pl_str *)v, at, err);
    case PL_FORM_BIN:
        return check_length(f, ((const struct pl_bin *)v)->len, at, err);
    case PL_FORM_ENUM:
        if (*(const uint32_t *)v < f->words_count) return 0;
        return pl__refuse(err, at, "%u is not a value of its enum", *(const uint32_t *)v);
    case PL_FORM_BOOL:
    case PL_FORM_MAP:
    case PL_FORM_REC:
        return 0;
    }
    return 0;
}

static int check_count(const struct pl_field *f, uint32_t n, const struct pl__place *at, struct pl_err *err)
{
    if (n <= f->max_items) return 0;
    return pl__refuse(err, at, "expected at most %u items, got %u", f->max_items, n);
}

/* ---- decoding ---- */

struct reader {
    struct pl_cursor *c;
    struct pl_arena *arena;
    struct pl_err *err;
};

static int read_record(struct reader *r, const struct pl_shape *s, void *record, const struct pl__place *at);

static const char *kind_name(enum pl_kind kind)
{
    static const char *const names[] = {"nil",     "a bool",   "an integer",  "a negative integer",
                                        "a float", "a string", "binary data", "an array",
                                        "a map"};
    return names[kind];
}

static int wrong_kind(struct reader *r, const struct pl__place *at, const char *expected)
{
    enum pl_kind kind;
    if (pl_cursor_peek(r->c, &kind))
        return pl__refuse(r->err, at, "expected %s, but the bytes end", expected);
    return pl__refuse(r->err, at, "expected %s, got %s", expected, kind_name(kind));
}

static void *take_memory(struct reader *r, size_t bytes, const struct pl__place *at, int *rc)
{
    const struct pl_arena *a = r->arena;
    void *p = pl_arena_alloc(r->arena, bytes);
    if (p) return p;
    char field[PL__PATH_BYTES];
    pl__place_text(at, field, sizeof field);
    if (a->limit_bytes && (bytes > a->limit_bytes || a->used_bytes > a->limit_bytes - bytes))
        *rc = pl_fail(r->err, PL_E_TOO_LARGE, field, "the message takes more than its %zu bytes of memory",
                      a->limit_bytes);
    else
        *rc = pl_fail(r->err, PL_E_NO_MEMORY, field, "no memory for %zu bytes", bytes);
    return NULL;
}

/* Strings get their NUL, because C libraries want one. */
static int read_bytes(struct reader *r, const struct pl_field *f, void *out, const struct pl__place *at)
{
    struct pl_str s;
    struct pl_bin b;
    if (f->form == PL_FORM_STR) {
        if (pl_cursor_str(r->c, &s)) return wrong_kind(r, at, "a string");
    } else {
        if (pl_cursor_bin(r->c, &b)) return wrong_kind(r, at, "binary data");
        s = (struct pl_str){(const char *)b.ptr, b.len};
    }
    int rc = f->form == PL_FORM_STR ? check_text(f, s, at, r->err) : check_length(f, s.len, at, r->err);
    if (rc) return rc;
    char *copy = take_memory(r, (size_t)s.len + 1, at, &rc);
    if (!copy) return rc;
    memcpy(copy, s.ptr, s.len);
    if (f->form == PL_FORM_STR)
        *(struct pl_str *)out = (struct pl_str){copy, s.len};
    else
        *(struct pl_bin *)out = (struct pl_bin){(const uint8_t *)copy, s.len};
    return 0;
}

static int read_word(struct reader *r, const struct pl_field *f, uint32_t *out, const struct pl__place *at)
{
    struct pl_str s;
    if (pl_cursor_str(r->c, &s)) return wrong_kind(r, at, "a string");
    for (uint32_t i = 0; i < f->words_count; i++) {
        if (!pl_str_is(s, f->words[i])) continue;
        *out = i;
        return 0;
    }
    char words[160] = "", got[40];
    for (uint32_t i = 0, n = 0; i < f->words_count && n < sizeof words; i++)
        n += (uint32_t)snprintf(words + n, sizeof words - n, "%s%s", i ? ", " : "", f->words[i]);
    pl__shown(s, got, sizeof got);
    return pl__refuse(r->err, at, "expected one of %s, got \"%s\"", words, got);
}

static int read_u32(struct reader *r, const struct pl_field *f, uint32_t *out, const struct pl__place *at)
{
    uint64_t v;
    if (pl_cursor_u64(r->c, &v)) return wrong_kind(r, at, "an integer of at least 0");
    int rc = check_unsigned(f, v, at, r->err);
    if (rc == 0) *out = (uint32_t)v;
    return rc;
}

static int read_map(struct reader *r, struct pl_bin *out, const struct pl__place *at)
{
    enum pl_kind kind;
    const uint8_t *start = r->c->p;
    if (pl_cursor_peek(r->c, &kind) || kind != PL_MAP || pl_cursor_skip(r->c))
        return wrong_kind(r, at, "a map");
    *out = (struct pl_bin){start, (uint32_t)(r->c->p - start)};
    return 0;
}

static int read_value(struct reader *r, const struct pl_field *f, void *v, const struct pl__place *at)
{
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        return pl_cursor_bool(r->c, v) ? wrong_kind(r, at, "a bool") : 0;
    case PL_FORM_U32:
        return read_u32(r, f, v, at);
    case PL_FORM_U64:
        if (pl_cursor_u64(r->c, v)) return wrong_kind(r, at, "an integer of at least 0");
        return check_limits(f, v, at, r->err);
    case PL_FORM_I64:
        if (pl_cursor_i64(r->c, v)) return wrong_kind(r, at, "an integer of 64 bits");
        return check_limits(f, v, at, r->err);
    case PL_FORM_F64:
        if (pl_cursor_f64(r->c, v)) return wrong_kind(r, at, "a number");
        return check_limits(f, v, at, r->err);
    case PL_FORM_STR:
    case PL_FORM_BIN:
        return read_bytes(r, f, v, at);
    case PL_FORM_ENUM:
        return read_word(r, f, v, at);
    case PL_FORM_MAP:
        return read_map(r, v, at);
    case PL_FORM_REC:
        return read_record(r, f->part, v, at);
    }
    return 0;
}

static int read_list(struct reader *r, const struct pl_field *f, void *record, const struct pl__place *at)
{
    uint32_t n;
    if (pl_cursor_array(r->c, &n)) return wrong_kind(r, at, "an array");
    int rc = check_count(f, n, at, r->err);
    if (rc || n == 0) return rc;
    size_t size = item_size(f);
    char *items = take_memory(r, n * size, at, &rc);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct pl__place here = {at, {NULL, 0}, i};
        rc = read_value(r, f, items + i * size, &here);
    }
    if (rc) return rc;
    *(char **)member(record, f->at) = items;
    *list_count(f, record) = n;
    return 0;
}

static int read_field(struct reader *r, const struct pl_field *f, void *record, const struct pl__place *at)
{
    enum pl_kind kind;
    bool *has = has_flag(f, record);
    if (has && pl_cursor_peek(r->c, &kind) == 0 && kind == PL_NIL) return pl_cursor_skip(r->c);
    int rc = is_list(f) ? read_list(r, f, record, at) : read_value(r, f, member(record, f->at), at);
    if (rc == 0 && has) *has = true;
    return rc;
}

/* Writers keep the order of the schema, so the field after the last one is tried first. */
static int find_field(const struct pl_shape *s, struct pl_str key, uint32_t hint)
{
    for (uint32_t i = 0; i < s->fields_count; i++) {
        uint32_t at = (hint + i) % s->fields_count;
        const struct pl_field *f = &s->fields[at];
        if (f->name_len == key.len && memcmp(f->name, key.ptr, key.len) == 0) return (int)at;
    }
    return -1;
}

/* Second pass, only for messages that have unknown keys: C stands at the first of the N pairs. */
static int keep_unknown(struct reader *r, const struct pl_shape *s, void *record, struct pl_cursor c,
                        uint32_t n, size_t bytes, const struct pl__place *at)
{
    int rc = 0;
    uint8_t *copy = take_memory(r, bytes, at, &rc);
    if (!copy) return rc;
    size_t used = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *pair = c.p;
        struct pl_str key;
        if (pl_cursor_str(&c, &key) || pl_cursor_skip(&c))
            return pl__refuse(r->err, at, "the map is cut short");
        if (find_field(s, key, i) >= 0) continue;
        memcpy(copy + used, pair, (size_t)(c.p - pair));
        used += (size_t)(c.p - pair);
    }
    *unknown_of(s, record) = (struct pl_bin){copy, (uint32_t)used};
    return 0;
}

static int check_missing(struct reader *r, const struct pl_shape *s, uint64_t seen,
                         const struct pl__place *at)
{
    for (uint32_t i = 0; i < s->fields_count; i++) {
        struct pl__place here = place_of(at, &s->fields[i]);
        if (s->fields[i].flags & PL_FIELD_REQUIRED && !(seen >> i & 1))
            return pl__refuse(r->err, &here, "the field is missing");
    }
    return 0;
}

static int read_pair(struct reader *r, const struct pl_shape *s, void *record, const struct pl__place *at,
                     uint64_t *seen, uint32_t *hint)
{
    struct pl_str key;
    if (pl_cursor_str(r->c, &key)) return wrong_kind(r, at, "a string as key");
    int i = find_field(s, key, *hint);
    if (i < 0) {
        struct pl__place here = {at, key, 0};
        if (++*unknown_count_of(s, record) > UNKNOWN_KEYS_MAX)
            return pl__refuse(r->err, at, "more than %d keys that are not of this message", UNKNOWN_KEYS_MAX);
        return pl_cursor_skip(r->c) ? pl__refuse(r->err, &here, "the value is cut short") : 0;
    }
    struct pl__place here = place_of(at, &s->fields[i]);
    if (*seen >> i & 1) return pl__refuse(r->err, &here, "the key stands twice in one map");
    *seen |= 1ULL << i;
    *hint = (uint32_t)i + 1;
    return read_field(r, &s->fields[i], record, &here);
}

static int read_record(struct reader *r, const struct pl_shape *s, void *record, const struct pl__place *at)
{
    uint32_t n, hint = 0;
    uint64_t seen = 0;
    size_t unknown_bytes = 0;
    pl__record_init(s, record);
    if (pl_cursor_map(r->c, &n)) return wrong_kind(r, at, "a map");
    struct pl_cursor first = *r->c;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *pair = r->c->p;
        uint32_t unknown = *unknown_count_of(s, record);
        int rc = read_pair(r, s, record, at, &seen, &hint);
        if (rc) return rc;
        if (*unknown_count_of(s, record) != unknown) unknown_bytes += (size_t)(r->c->p - pair);
    }
    int rc = check_missing(r, s, seen, at);
    if (rc == 0 && unknown_bytes) rc = keep_unknown(r, s, record, first, n, unknown_bytes, at);
    return rc;
}

int pl__record_decode(const struct pl_shape *s, struct pl_cursor *c, struct pl_arena *arena, void *record,
                      struct pl_err *err)
{
    struct reader r = {c, arena, err};
    return read_record(&r, s, record, NULL);
}

/* ---- encoding ---- */

static int pack_into_buf(void *data, const char *bytes, size_t n)
{
    return pl_buf_write(data, bytes, n);
}

static int pack_text(msgpack_packer *pk, const char *text, size_t len)
{
    int rc = msgpack_pack_str(pk, len);
    return rc ? rc : msgpack_pack_str_body(pk, text, len);
}

static int pack_bin(msgpack_packer *pk, const struct pl_bin *b)
{
    int rc = msgpack_pack_bin(pk, b->len);
    return rc ? rc : msgpack_pack_bin_body(pk, b->ptr, b->len);
}

static int pack_map_bytes(msgpack_packer *pk, const struct pl_bin *b)
{
    return b->len ? pl_buf_write(pk->data, b->ptr, b->len) : msgpack_pack_map(pk, 0);
}

static int pack_record(msgpack_packer *pk, const struct pl_shape *s, const void *record);

static int pack_value(msgpack_packer *pk, const struct pl_field *f, const void *v)
{
    const struct pl_str *s = v;
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        return *(const bool *)v ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
    case PL_FORM_U32:
        return msgpack_pack_uint32(pk, *(const uint32_t *)v);
    case PL_FORM_U64:
        return msgpack_pack_uint64(pk, *(const uint64_t *)v);
    case PL_FORM_I64:
        return msgpack_pack_int64(pk, *(const int64_t *)v);
    case PL_FORM_F64:
        return msgpack_pack_double(pk, *(const double *)v);
    case PL_FORM_STR:
        return pack_text(pk, s->ptr, s->len);
    case PL_FORM_BIN:
        return pack_bin(pk, v);
    case PL_FORM_MAP:
        return pack_map_bytes(pk, v);
    case PL_FORM_REC:
        return pack_record(pk, f->part, v);
    case PL_FORM_ENUM:
        PL_MUST(*(const uint32_t *)v < f->words_count);
        return pack_text(pk, f->words[*(const uint32_t *)v], strlen(f->words[*(const uint32_t *)v]));
    }
    return 0;
}

static int pack_field(msgpack_packer *pk, const struct pl_field *f, const void *record)
{
    int rc = pack_text(pk, f->name, f->name_len);
    if (rc) return rc;
    if (!is_list(f)) return pack_value(pk, f, member(record, f->at));
    uint32_t n = *list_count(f, record);
    const char *items = list_items(f, record);
    rc = msgpack_pack_array(pk, n);
    for (uint32_t i = 0; rc == 0 && i < n; i++) rc = pack_value(pk, f, items + i * item_size(f));
    return rc;
}

static int pack_record(msgpack_packer *pk, const struct pl_shape *s, const void *record)
{
    uint32_t n = *unknown_count_of(s, record);
    for (uint32_t i = 0; i < s->fields_count; i++) n += is_present(&s->fields[i], record);
    int rc = msgpack_pack_map(pk, n);
    for (uint32_t i = 0; rc == 0 && i < s->fields_count; i++)
        if (is_present(&s->fields[i], record)) rc = pack_field(pk, &s->fields[i], record);
    const struct pl_bin *unknown = unknown_of(s, record);
    return rc ? rc : pl_buf_write(pk->data, unknown->ptr, unknown->len);
}

int pl__record_encode(const struct pl_shape *s, const void *record, struct pl_buf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, pack_into_buf);
    return pack_record(&pk, s, record);
}

/* ---- validating ---- */

static int validate_record(const struct pl_shape *s, const void *record, const struct pl__place *at,
                           struct pl_err *err);

/* A record of our own may hold what no decoder let in, so UTF-8 is looked at here too. */
static int validate_value(const struct pl_field *f, const void *v, const struct pl__place *at,
                          struct pl_err *err)
{
    const struct pl_str *s = v;
    if (f->form == PL_FORM_REC) return validate_record(f->part, v, at, err);
    if (f->form == PL_FORM_STR || f->form == PL_FORM_BIN || f->form == PL_FORM_MAP)
        if (s->len && !s->ptr) return pl__refuse(err, at, "%u bytes at no address", s->len);
    int rc = check_limits(f, v, at, err);
    if (rc == 0 && f->form == PL_FORM_STR && !pl__utf8_valid(s->ptr, s->len))
        rc = pl__refuse(err, at, "the string is not valid UTF-8");
    return rc;
}

static int validate_field(const struct pl_field *f, const void *record, const struct pl__place *at,
                          struct pl_err *err)
{
    if (!is_list(f)) return validate_value(f, member(record, f->at), at, err);
    uint32_t n = *list_count(f, record);
    const char *items = list_items(f, record);
    int rc = check_count(f, n, at, err);
    if (rc == 0 && n && !items) rc = pl__refuse(err, at, "%u items at no address", n);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct pl__place here = {at, {NULL, 0}, i};
        rc = validate_value(f, items + i * item_size(f), &here, err);
    }
    return rc;
}

static int validate_record(const struct pl_shape *s, const void *record, const struct pl__place *at,
                           struct pl_err *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->fields_count; i++) {
        struct pl__place here = place_of(at, &s->fields[i]);
        if (is_present(&s->fields[i], record)) rc = validate_field(&s->fields[i], record, &here, err);
    }
    return rc;
}

int pl__record_validate(const struct pl_shape *s, const void *record, struct pl_err *err)
{
    return validate_record(s, record, NULL, err);
}

/* ---- printing ---- */

static void print_text(struct pl_buf *out, struct pl_str s)
{
    pl_buf_write(out, "\"", 1);
    for (uint32_t i = 0; i < s.len;) {
        const uint8_t *p = (const uint8_t *)s.ptr + i;
        unsigned w = pl_str_character(p, s.len - i);
        if (w == 0)
            pl_buf_write(out, "\xEF\xBF\xBD", 3);
        else if (*p == '"' || *p == '\\')
            pl_buf_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7F)
            pl_buf_printf(out, "\\u%04x", *p);
        else if (w == 2 && p[0] == 0xC2 && p[1] < 0xA0)
            pl_buf_printf(out, "\\u%04x", p[1]);
        else
            pl_buf_write(out, p, w);
        i += w ? w : 1;
    }
    pl_buf_write(out, "\"", 1);
}

/* Bytes as a string of hexadecimal digits. */
static void print_bytes(struct pl_buf *out, struct pl_bin b)
{
    static const char digits[] = "0123456789abcdef";
    pl_buf_write(out, "\"", 1);
    for (uint32_t i = 0; i < b.len; i++) {
        char two[2] = {digits[b.ptr[i] >> 4], digits[b.ptr[i] & 15]};
        pl_buf_write(out, two, 2);
    }
    pl_buf_write(out, "\"", 1);
}

/* The shortest decimal that reads back as the same double. JSON has no word for what is not finite. */
static void print_float(struct pl_buf *out, double v)
{
    char text[40];
    if (!isfinite(v)) {
        pl_buf_write(out, "null", 4);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    pl_buf_write(out, text, strlen(text));
}

static void print_any(struct pl_buf *out, struct pl_cursor *c, unsigned depth);

static void print_pairs(struct pl_buf *out, struct pl_cursor *c, uint32_t n, unsigned depth)
{
    struct pl_str key;
    for (uint32_t i = 0; i < n && pl_cursor_str(c, &key) == 0; i++) {
        if (i) pl_buf_write(out, ",", 1);
        print_text(out, key);
        pl_buf_write(out, ":", 1);
        print_any(out, c, depth);
    }
}

static void print_items(struct pl_buf *out, struct pl_cursor *c, uint32_t n, unsigned depth)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i) pl_buf_write(out, ",", 1);
        print_any(out, c, depth);
    }
}

/* Whatever value is at C; a body that nothing has checked ends as null where it is damaged or too deep. */
static void print_any(struct pl_buf *out, struct pl_cursor *c, unsigned depth)
{
    struct pl__head h;
    struct pl_bin b;
    if (pl__wire_head(c, &h) || (h.kind >= PL_ARRAY && depth > PL_DEPTH_MAX)) {
        c->p = c->end;
        pl_buf_write(out, "null", 4);
        return;
    }
    if (h.kind == PL_STRING || h.kind == PL_BYTES) {
        pl_cursor_bin(c, &b);
        if (h.kind == PL_BYTES)
            print_bytes(out, b);
        else
            print_text(out, (struct pl_str){(const char *)b.ptr, b.len});
        return;
    }
    c->p += h.size;
    if (h.kind >= PL_ARRAY) pl_buf_write(out, h.kind == PL_MAP ? "{" : "[", 1);
    if (h.kind == PL_NIL)
        pl_buf_write(out, "null", 4);
    else if (h.kind == PL_BOOL)
        pl_buf_printf(out, "%s", h.u ? "true" : "false");
    else if (h.kind == PL_UINT)
        pl_buf_printf(out, "%llu", (unsigned long long)h.u);
    else if (h.kind == PL_NEGINT)
        pl_buf_printf(out, "%lld", (long long)h.i);
    else if (h.kind == PL_FLOAT)
        print_float(out, h.f);
    else if (h.kind == PL_MAP)
        print_pairs(out, c, (uint32_t)h.u, depth + 1);
    else
        print_items(out, c, (uint32_t)h.u, depth + 1);
    if (h.kind >= PL_ARRAY) pl_buf_write(out, h.kind == PL_MAP ? "}" : "]", 1);
}

static void print_map_bytes(struct pl_buf *out, const struct pl_bin *b)
{
    if (b->len == 0) {
        pl_buf_write(out, "{}", 2);
        return;
    }
    struct pl_cursor c = {b->ptr, b->ptr + b->len};
    print_any(out, &c, 1);
}

static void print_value(struct pl_buf *out, const struct pl_field *f, const void *v)
{
    switch ((enum pl_form)f->form) {
    case PL_FORM_BOOL:
        pl_buf_printf(out, "%s", *(const bool *)v ? "true" : "false");
        break;
    case PL_FORM_U32:
        pl_buf_printf(out, "%u", *(const uint32_t *)v);
        break;
    case PL_FORM_U64:
        pl_buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)v);
        break;
    case PL_FORM_I64:
        pl_buf_printf(out, "%lld", (long long)*(const int64_t *)v);
        break;
    case PL_FORM_F64:
        print_float(out, *(const double *)v);
        break;
    case PL_FORM_STR:
        print_text(out, *(const struct pl_str *)v);
        break;
    case PL_FORM_BIN:
        print_bytes(out, *(const struct pl_bin *)v);
        break;
    case PL_FORM_REC:
        pl__record_print(f->part, v, out);
        break;
    case PL_FORM_ENUM: {
        uint32_t word = *(const uint32_t *)v;
        pl_buf_printf(out, "\"%s\"", word < f->words_count ? f->words[word] : "");
        break;
    }
    case PL_FORM_MAP:
        print_map_bytes(out, v);
        break;
    }
}

static void print_field(struct pl_buf *out, const struct pl_field *f, const void *record)
{
    pl_buf_printf(out, "\"%s\":", f->name);
    if (!is_list(f)) {
        print_value(out, f, member(record, f->at));
        return;
    }
    const char *items = list_items(f, record);
    pl_buf_write(out, "[", 1);
    for (uint32_t i = 0; i < *list_count(f, record); i++) {
        if (i) pl_buf_write(out, ",", 1);
        print_value(out, f, items + i * item_size(f));
    }
    pl_buf_write(out, "]", 1);
}

void pl__record_print(const struct pl_shape *s, const void *record, struct pl_buf *out)
{
    bool first = true;
    pl_buf_write(out, "{", 1);
    for (uint32_t i = 0; i < s->fields_count; i++) {
        if (!is_present(&s->fields[i], record)) continue;
        if (!first) pl_buf_write(out, ",", 1);
        first = false;
        print_field(out, &s->fields[i], record);
    }
    const struct pl_bin *unknown = unknown_of(s, record);
    if (unknown->len) {
        struct pl_cursor c = {unknown->ptr, unknown->ptr + unknown->len};
        if (!first) pl_buf_write(out, ",", 1);
        print_pairs(out, &c, *unknown_count_of(s, record), 1);
    }
    pl_buf_write(out, "}", 1);
}

/* ---- copying ---- */

static int copy_bytes(struct pl_arena *arena, struct pl_bin *b)
{
    if (b->len == 0) return 0; /* also keeps the address of an empty one, which nobody reads */
    const uint8_t *copy = (const uint8_t *)pl_arena_copy(arena, b->ptr, b->len);
    if (!copy) return -PL_E_NO_MEMORY;
    b->ptr = copy;
    return 0;
}

static int copy_inside(const struct pl_shape *s, struct pl_arena *arena, void *record);

/* V holds a plain copy of the source's value and is made to own what it points at. */
static int copy_value(const struct pl_field *f, struct pl_arena *arena, void *v)
{
    if (f->form == PL_FORM_REC) return copy_inside(f->part, arena, v);
    struct pl_str *s = v;
    struct pl_bin *b = v;
    if (f->form == PL_FORM_BIN || f->form == PL_FORM_MAP) return copy_bytes(arena, b);
    if (f->form != PL_FORM_STR) return 0;
    s->ptr = pl_arena_copy(arena, s->ptr, s->len);
    return s->ptr ? 0 : -PL_E_NO_MEMORY;
}

static int copy_list(const struct pl_field *f, struct pl_arena *arena, void *record)
{
    uint32_t n = *list_count(f, record);
    size_t size = item_size(f);
    const char *from = list_items(f, record);
    char *items = NULL;
    if (n) {
        items = pl_arena_alloc(arena, n * size);
        if (!items) return -PL_E_NO_MEMORY;
        memcpy(items, from, n * size);
    }
    *(char **)member(record, f->at) = items;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++) rc = copy_value(f, arena, items + i * size);
    return rc;
}

static int copy_inside(const struct pl_shape *s, struct pl_arena *arena, void *record)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->fields_count; i++) {
        const struct pl_field *f = &s->fields[i];
        if (!is_present(f, record)) continue;
        rc = is_list(f) ? copy_list(f, arena, record) : copy_value(f, arena, member(record, f->at));
    }
    return rc ? rc : copy_bytes(arena, unknown_of(s, record));
}

int pl__record_copy(const struct pl_shape *s, const void *src, struct pl_arena *arena, void *dst)
{
    memcpy(dst, src, s->size);
    return copy_inside(s, arena, dst);
}
