/* gguf_bytes.h - builds a GGUF file in memory, right or wrong on purpose, for tests. The counts in the header
 * follow the keys and tensors that are added; a test that wants a lie writes it afterwards (gb_patch). Aborts
 * when memory is out. */
#ifndef PL_TESTS_GGUF_BYTES_H
#define PL_TESTS_GGUF_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    GB_U8,
    GB_I8,
    GB_U16,
    GB_I16,
    GB_U32,
    GB_I32,
    GB_F32,
    GB_BOOL,
    GB_STRING,
    GB_ARRAY,
    GB_U64,
    GB_I64,
    GB_F64
};
#define GB_AT_VERSION 4
#define GB_AT_TENSORS 8
#define GB_AT_KEYS 16

/* Zero-initialise, then gb_begin. */
struct gb {
    uint8_t *p;
    size_t n;
};

static inline void gb_raw(struct gb *b, const void *bytes, size_t n)
{
    b->p = realloc(b->p, b->n + n + 1);
    if (!b->p) abort();
    if (n) memcpy(b->p + b->n, bytes, n);
    b->n += n;
}

static inline void gb_u32(struct gb *b, uint32_t v)
{
    gb_raw(b, &v, 4);
}
static inline void gb_u64(struct gb *b, uint64_t v)
{
    gb_raw(b, &v, 8);
}

static inline void gb_text(struct gb *b, const char *text, size_t len)
{
    gb_u64(b, len);
    gb_raw(b, text, len);
}

static inline void gb_str(struct gb *b, const char *text)
{
    gb_text(b, text, strlen(text));
}

/* Overwrites 8 bytes at AT. */
static inline void gb_patch(struct gb *b, size_t at, uint64_t v)
{
    memcpy(b->p + at, &v, 8);
}

static inline void gb_count(struct gb *b, size_t at)
{
    uint64_t v;
    memcpy(&v, b->p + at, 8);
    gb_patch(b, at, v + 1);
}

static inline void gb_begin(struct gb *b)
{
    *b = (struct gb){0};
    gb_raw(b, "GGUF", 4);
    gb_u32(b, 3);
    gb_u64(b, 0);
    gb_u64(b, 0);
}

/* A key's name and type; its value must follow. */
static inline void gb_key(struct gb *b, const char *name, uint32_t kind)
{
    gb_count(b, GB_AT_KEYS);
    gb_str(b, name);
    gb_u32(b, kind);
}

static inline void gb_key_u32(struct gb *b, const char *name, uint32_t v)
{
    gb_key(b, name, GB_U32);
    gb_u32(b, v);
}

static inline void gb_key_str(struct gb *b, const char *name, const char *v)
{
    gb_key(b, name, GB_STRING);
    gb_str(b, v);
}

/* An array's head; its items must follow. */
static inline void gb_array(struct gb *b, const char *name, uint32_t item, uint64_t count)
{
    gb_key(b, name, GB_ARRAY);
    gb_u32(b, item);
    gb_u64(b, count);
}

static inline void gb_strs(struct gb *b, const char *name, const char *const *items, size_t count)
{
    gb_array(b, name, GB_STRING, count);
    for (size_t i = 0; i < count; i++) gb_str(b, items[i]);
}

static inline void gb_i32s(struct gb *b, const char *name, const int32_t *items, size_t count)
{
    gb_array(b, name, GB_I32, count);
    gb_raw(b, items, 4 * count);
}

static inline void gb_f32s(struct gb *b, const char *name, const float *items, size_t count)
{
    gb_array(b, name, GB_F32, count);
    gb_raw(b, items, 4 * count);
}

static inline void gb_tensor(struct gb *b, const char *name, uint32_t n_dims, const uint64_t *ne,
                             uint32_t dtype, uint64_t offset)
{
    gb_count(b, GB_AT_TENSORS);
    gb_str(b, name);
    gb_u32(b, n_dims);
    gb_raw(b, ne, 8 * n_dims);
    gb_u32(b, dtype);
    gb_u64(b, offset);
}

/* Pads to ALIGNMENT and appends the data section. */
static inline void gb_data(struct gb *b, size_t alignment, const void *data, size_t n)
{
    while (b->n % alignment) gb_raw(b, "", 1);
    gb_raw(b, data, n);
}

static inline void gb_finish(struct gb *b)
{
    free(b->p);
    *b = (struct gb){0};
}

#endif
