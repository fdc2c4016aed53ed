/* Fuzzes the wire: the input is the name of a type, a newline, and a message. Whatever the bytes are, nothing
 * is read or written out of place. What pl_wire_check takes, msgpack-c takes to the last byte, and the cursor
 * walks over it as far as msgpack-c does; what decodes keeps its limits, and written and read again prints
 * the same; so does a copy. The envelope's bytes are also read as a frame of the outside, body and all. */
#include <msgpack.h>

#include "runtime/msg.h"
#include "tests/fuzz/fuzz.h"

enum { MEMORY_BYTES = 64 << 20 };

/* The cursor and msgpack-c tell the same story of one value. */
static void must_agree(struct pl_cursor *c, const msgpack_object *o);

static void children_must_agree(struct pl_cursor *c, const msgpack_object *o, bool map)
{
    uint32_t count, expected = map ? o->via.map.size : o->via.array.size;
    PL_MUST((map ? pl_cursor_map(c, &count) : pl_cursor_array(c, &count)) == 0 && count == expected);
    for (uint32_t i = 0; i < count; i++) {
        if (map) must_agree(c, &o->via.map.ptr[i].key);
        must_agree(c, map ? &o->via.map.ptr[i].val : &o->via.array.ptr[i]);
    }
}

static void number_must_agree(struct pl_cursor *c, const msgpack_object *o)
{
    struct pl_cursor u = *c, f = *c;
    uint64_t v = 0;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    if (o->type == MSGPACK_OBJECT_BOOLEAN)
        PL_MUST(pl_cursor_bool(c, &b) == 0 && b == o->via.boolean);
    else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        PL_MUST(pl_cursor_u64(c, &v) == 0 && v == o->via.u64);
    else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        PL_MUST(pl_cursor_i64(c, &i) == 0 && i == o->via.i64 && pl_cursor_u64(&u, &v) != 0);
    else if (o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64)
        PL_MUST(pl_cursor_f64(c, &d) == 0 && (d == o->via.f64 || d != d) && pl_cursor_u64(&f, &v) != 0);
    else
        PL_MUST(o->type == MSGPACK_OBJECT_NIL && pl_cursor_skip(c) == 0);
}

static void must_agree(struct pl_cursor *c, const msgpack_object *o)
{
    struct pl_str s;
    struct pl_bin b;
    if (o->type == MSGPACK_OBJECT_MAP || o->type == MSGPACK_OBJECT_ARRAY)
        children_must_agree(c, o, o->type == MSGPACK_OBJECT_MAP);
    else if (o->type == MSGPACK_OBJECT_STR)
        PL_MUST(pl_cursor_str(c, &s) == 0 && s.len == o->via.str.size &&
                (s.len == 0 || !memcmp(s.ptr, o->via.str.ptr, s.len)));
    else if (o->type == MSGPACK_OBJECT_BIN)
        PL_MUST(pl_cursor_bin(c, &b) == 0 && b.len == o->via.bin.size &&
                (b.len == 0 || !memcmp(b.ptr, o->via.bin.ptr, b.len)));
    else
        number_must_agree(c, o);
}

static void must_be_msgpack(const uint8_t *bytes, size_t n)
{
    msgpack_unpacked u;
    size_t offset = 0;
    struct pl_cursor c = {bytes, bytes + n};
    msgpack_unpacked_init(&u);
    PL_MUST(msgpack_unpack_next(&u, (const char *)bytes, n, &offset) == MSGPACK_UNPACK_SUCCESS);
    PL_MUST(offset == n);
    must_agree(&c, &u.data);
    PL_MUST(c.p == c.end);
    msgpack_unpacked_destroy(&u);
}

static void try_type(const struct pl_type *t, const uint8_t *bytes, size_t n)
{
    struct pl_arena arena = {.limit_bytes = MEMORY_BYTES};
    struct pl_err err = {0};
    void *record = calloc(1, t->size);
    PL_MUST(record);
    struct pl_cursor c = {bytes, bytes + n};
    int checked = pl_wire_check(bytes, n, &err), decoded = t->decode(&c, &arena, record, &err);
    if (checked == 0) must_be_msgpack(bytes, n);
    if (checked == 0 && decoded == 0) fuzz_survives(t, record);
    pl_arena_finish(&arena);
    free(record);
}

static void try_frame(const uint8_t *bytes, size_t n)
{
    struct pl_msg *m = NULL, *again = NULL;
    struct pl_msg_head head;
    struct pl_err err = {0};
    struct pl_buf out = {0};
    if (pl_msg_decode(bytes, n, 1000, MEMORY_BYTES, &m, &head, &err) != 0) {
        PL_MUST(!m && err.code && err.text[0]);
        return;
    }
    PL_MUST(pl_msg_encode(m, 1000, &out) == 0);
    PL_MUST(pl_msg_decode(out.data, out.len, 1000, 0, &again, NULL, &err) == 0);
    PL_MUST(again->type == m->type && again->deadline_ms == m->deadline_ms);
    fuzz_print_alike(m->type, m->body, again->body);
    pl_buf_finish(&out);
    pl_msg_unref(&m);
    pl_msg_unref(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len;
    char *name = fuzz_piece(&data, &size, '\n', &len);
    const struct pl_type *t = name ? pl_type_find(name, len) : NULL;
    free(name);
    if (!t) return 0;
    try_type(t, data, size);
    if (t == &pl_envelope_type) try_frame(data, size);
    return 0;
}
