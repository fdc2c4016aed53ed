/* Fuzzes the wire: the first byte picks a type, the others are a message. Whatever the bytes are, nothing is
 * read or written out of place. What pl_wire_check takes, msgpack-c takes to the last byte; what decodes
 * keeps its limits, and written and read again prints the same; so does a copy. */
#include "schemas/gen/types.h"

#include <msgpack.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_BYTES = 64 << 20 };

static void must_be_msgpack(const uint8_t *bytes, size_t n)
{
    msgpack_unpacked u;
    size_t offset = 0;
    msgpack_unpacked_init(&u);
    PL_MUST(msgpack_unpack_next(&u, (const char *)bytes, n, &offset) == MSGPACK_UNPACK_SUCCESS);
    PL_MUST(offset == n);
    msgpack_unpacked_destroy(&u);
}

static void must_print_alike(const struct pl_type *t, const void *a, const void *b)
{
    struct pl_buf x = {0}, y = {0};
    t->print(a, &x);
    t->print(b, &y);
    PL_MUST(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    pl_buf_finish(&x);
    pl_buf_finish(&y);
}

static void must_survive(const struct pl_type *t, const void *record)
{
    struct pl_arena arena = {0}, other = {0};
    struct pl_buf bytes = {0};
    struct pl_err err = {0};
    void *again = calloc(1, t->size), *copy = calloc(1, t->size);
    PL_MUST(again && copy);
    PL_MUST(t->validate(record, &err) == 0);
    PL_MUST(t->encode(record, &bytes) == 0);
    PL_MUST(pl_wire_check(bytes.data, bytes.len, &err) == 0);
    struct pl_cursor c = {bytes.data, bytes.data + bytes.len};
    PL_MUST(t->decode(&c, &arena, again, &err) == 0 && c.p == c.end);
    must_print_alike(t, record, again);
    PL_MUST(t->copy(again, &other, copy) == 0);
    must_print_alike(t, record, copy);
    pl_arena_finish(&arena);
    pl_arena_finish(&other);
    pl_buf_finish(&bytes);
    free(again);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    const struct pl_type *t = pl_types[data[0] % pl_types_count];
    struct pl_arena arena = {.limit_bytes = MEMORY_BYTES};
    struct pl_err err = {0};
    void *record = calloc(1, t->size);
    PL_MUST(record);
    struct pl_cursor c = {data + 1, data + size};
    int checked = pl_wire_check(data + 1, size - 1, &err), decoded = t->decode(&c, &arena, record, &err);
    if (checked == 0) must_be_msgpack(data + 1, size - 1);
    if (checked == 0 && decoded == 0) must_survive(t, record);
    pl_arena_finish(&arena);
    free(record);
    return 0;
}
