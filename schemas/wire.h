/* wire.h - what the generated code stands on: views, type descriptors, the bounded cursor, the writer.
 *
 * Reading: bytes of a peer are walked by pl_cursor, which never reads past the end, never recurses past
 * PL_DEPTH_MAX and allocates nothing; a first pass (pl_wire_check) checks the whole message (declared counts
 * against the bytes left, depth, UTF-8 of every string, duplicate keys, trailing bytes) before generated
 * decoders copy anything into the arena. Writing: msgpack-c packs into a pl_buf. Format: the msgpack
 * specification; ext types are refused. */
#ifndef PL_SCHEMAS_WIRE_H
#define PL_SCHEMAS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "schemas/arena.h"
#include "schemas/err.h"

enum { PL_DEPTH_MAX = 8 };

/* Views of bytes. A str is UTF-8; decoded ones live in the message's arena and have a NUL after them (not
 * counted), those made by PL_STR need none. {NULL,0} is the empty string. */
struct pl_str {
    const char *ptr;
    uint32_t len;
};
struct pl_bin {
    const uint8_t *ptr;
    uint32_t len;
};
#define PL_STR(literal) ((struct pl_str){(literal), sizeof(literal) - 1})
static inline struct pl_str pl_str_of(const char *s)
{
    return (struct pl_str){s, s ? (uint32_t)strlen(s) : 0};
}
static inline bool pl_str_eq(struct pl_str a, struct pl_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool pl_str_is(struct pl_str a, const char *b)
{
    return pl_str_eq(a, pl_str_of(b));
}
/* Bytes of the character at P, which has LEFT > 0 bytes, when it is strict UTF-8 (no overlong form, no surrogate, at most
 * U+10FFFF), else 0. */
unsigned pl_str_character(const uint8_t *p, size_t left);
#define PL_STR_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : "" /* for "%.*s" */

/* A growing byte buffer. Zero-initialised = empty. LIMIT 0: none. After a failed write FAILED stays true. */
struct pl_buf {
    uint8_t *data;
    size_t len, capacity, limit;
    bool failed;
};
int pl_buf_write(struct pl_buf *b, const void *data, size_t len); /* 0 or -PL_E_NO_MEMORY / -PL_E_TOO_LARGE */
int pl_buf_printf(struct pl_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pl_buf_clear(struct pl_buf *b);  /* keeps the memory */
void pl_buf_finish(struct pl_buf *b); /* frees */

/* The cursor. Every function returns 0 or -PL_E_INVALID (nothing consumed). */
struct pl_cursor {
    const uint8_t *p, *end;
};
enum pl_kind { PL_NIL, PL_BOOL, PL_UINT, PL_NEGINT, PL_FLOAT, PL_STRING, PL_BYTES, PL_ARRAY, PL_MAP };
int pl_cursor_peek(const struct pl_cursor *c, enum pl_kind *out);
int pl_cursor_bool(struct pl_cursor *c, bool *out);
int pl_cursor_u64(struct pl_cursor *c, uint64_t *out);
int pl_cursor_i64(struct pl_cursor *c, int64_t *out);
int pl_cursor_f64(struct pl_cursor *c, double *out);        /* integers are taken too */
int pl_cursor_str(struct pl_cursor *c, struct pl_str *out); /* a view into the bytes */
int pl_cursor_bin(struct pl_cursor *c, struct pl_bin *out); /* takes str too */
int pl_cursor_array(struct pl_cursor *c, uint32_t *count);  /* count <= bytes left */
int pl_cursor_map(struct pl_cursor *c, uint32_t *count);    /* 2*count <= bytes left */
int pl_cursor_skip(struct pl_cursor *c);                    /* one value, whatever it is */
/* Checks that the N bytes are exactly one map in every respect named above. The error names the key at fault.
 */
int pl_wire_check(const void *bytes, size_t n, struct pl_err *err);

/* Describes a generated record: how the runtime handles a body without knowing it. */
enum pl_edge {
    PL_EDGE_NONE,
    PL_EDGE_IN,
    PL_EDGE_OUT,
    PL_EDGE_ADMIN
}; /* may come in from / go out to outside sockets */
struct pl_type {
    const char *name; /* "chat.request" */
    uint32_t id;      /* PL_T_CHAT_REQUEST */
    uint32_t size;    /* sizeof(struct pl_chat_request) */
    enum pl_edge edge;
    /* Sets the defaults. */
    void (*init)(void *record);
    /* Decodes one map at C (already checked by pl_wire_check) into RECORD; strings and lists are copied into
     * ARENA. Unknown keys are kept in the record's `unknown` and written again by encode. -PL_E_INVALID with
     * the field's name for a wrong type, a missing field, a number or length outside its limits;
     * -PL_E_TOO_LARGE when ARENA is at its limit; -PL_E_NO_MEMORY. */
    int (*decode)(struct pl_cursor *c, struct pl_arena *arena, void *record, struct pl_err *err);
    /* Appends one msgpack map; -PL_E_NO_MEMORY, -PL_E_TOO_LARGE. Does not look at the limits. */
    int (*encode)(const void *record, struct pl_buf *out);
    /* The limits, on a record made by our own code; -PL_E_INVALID with the field's name. */
    int (*validate)(const void *record, struct pl_err *err);
    /* Appends one JSON object on one line, valid UTF-8; binary data as hexadecimal digits. */
    void (*print)(const void *record, struct pl_buf *out);
    /* Deep copy of SRC into DST (both of this type), everything in ARENA. */
    int (*copy)(const void *src, struct pl_arena *arena, void *dst);
    const struct pl_shape *shape; /* its fields, for code that handles every type, such as the tests */
};
/* All types, sorted by name, and look-ups (generated). */
extern const struct pl_type *const pl_types[];
extern const size_t pl_types_count;
const struct pl_type *pl_type_find(const char *name, size_t len); /* NULL when unknown */
const struct pl_type *pl_type_at(uint32_t id);                    /* PL_T_*; NULL when unknown */

/* A record as a table of its fields: the generated code is these tables, record.c walks them. Nobody else needs
 * them. */
enum pl_form {
    PL_FORM_BOOL,
    PL_FORM_U32,
    PL_FORM_U64,
    PL_FORM_I64,
    PL_FORM_F64,
    PL_FORM_STR,
    PL_FORM_BIN,
    PL_FORM_ENUM, /* stored as its index in WORDS */
    PL_FORM_MAP,  /* raw bytes of a map */
    PL_FORM_REC   /* PART, in place */
};
enum {
    PL_FIELD_REQUIRED = 1,  /* must be on the wire */
    PL_FIELD_OPTIONAL = 2,  /* has a bool at HAS_AT */
    PL_FIELD_LIST = 4,      /* a pointer at AT and a count at COUNT_AT; FORM is that of an item */
    PL_FIELD_PRINTABLE = 8, /* no control characters */
};
union pl_bound {
    uint64_t u; /* U32, U64; bytes of STR, BIN; index of ENUM, BOOL */
    int64_t i;
    double f;
};
struct pl_field {
    const char *name;
    uint8_t name_len, form, flags;
    uint32_t at, has_at, count_at; /* offsets in the struct, bytes */
    uint32_t max_items;
    union pl_bound min, max; /* of the value, or of each item */
    union pl_bound initial;  /* what init sets; of STR see initial_text */
    const char *initial_text;
    const char *const *words; /* of ENUM */
    uint32_t words_count;
    const struct pl_shape *part; /* of REC */
};
struct pl_shape {
    const struct pl_field *fields;
    uint32_t fields_count; /* at most 64 */
    uint32_t size;         /* of the struct, bytes */
    uint32_t unknown_at, unknown_count_at;
    uint32_t init_count; /* fields from this one on begin as zero bytes */
};
void pl__record_init(const struct pl_shape *s, void *record);
void pl__record_defaults(const struct pl_shape *s, void *record);
static inline void pl__record_init_zeroed(const struct pl_shape *s, void *record) /* RECORD is all zeros */
{
    if (s->init_count) pl__record_defaults(s, record);
}
int pl__record_decode(const struct pl_shape *s, struct pl_cursor *c, struct pl_arena *arena, void *record,
                      struct pl_err *err);
int pl__record_encode(const struct pl_shape *s, const void *record, struct pl_buf *out);
int pl__record_validate(const struct pl_shape *s, const void *record, struct pl_err *err);
void pl__record_print(const struct pl_shape *s, const void *record, struct pl_buf *out);
int pl__record_copy(const struct pl_shape *s, const void *src, struct pl_arena *arena, void *dst);

#endif
