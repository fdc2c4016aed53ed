/* gguf.h - a GGUF file, checked and mapped.
 *
 * Owns the mapping of the whole file (read only). Every offset, count, length and type in the file is checked
 * against the file's size when it is opened: afterwards no accessor can read outside the mapping. After open the
 * object is immutable and any thread may read it. Refuses: other versions than 2 and 3, big-endian files,
 * unknown tensor types, tensors that overlap the end, duplicate keys or tensor names, arrays of arrays,
 * alignments that are no power of two. Format: the GGUF specification of the ggml project, version 3. */
#ifndef PL_KERNELS_GGUF_H
#define PL_KERNELS_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "schemas/err.h"

/* Element types of tensors, with GGUF's numbers. */
enum pl_dtype {
    PL_F32 = 0, PL_F16 = 1, PL_Q4_0 = 2, PL_Q4_1 = 3, PL_Q5_0 = 6, PL_Q8_0 = 8, PL_Q4_K = 12, PL_Q5_K = 13,
    PL_Q6_K = 14, PL_BF16 = 30,
};
/* Name ("Q4_K"); NULL when this reader does not know the type. */
const char *pl_dtype_name(int dtype);
/* Elements a block, and bytes a block; 0 when unknown. */
uint32_t pl_dtype_block(int dtype);
uint32_t pl_dtype_block_bytes(int dtype);
/* COUNT values of F32, F16 or BF16 at SRC (any alignment) as float32. -PL_E_UNSUPPORTED for other types, -PL_E_CORRUPT
 * when one is not finite. */
int pl_dtype_floats(int dtype, const void *src, uint64_t count, float *out);

struct pl_tensor {
    const char *name; /* NUL-terminated, lent until the file is closed */
    int dtype;        /* enum pl_dtype */
    uint32_t n_dims;  /* 1..4 */
    uint64_t ne[4];   /* elements; ne[0] is the contiguous dimension (columns, K), ne[1] rows; unused are 1 */
    uint64_t size_bytes;
    const void *data; /* in the mapping, aligned to the file's alignment; lent until close */
};

struct pl_gguf;

/* Opens and checks the file at PATH. On success *OUT is given. -PL_E_NOT_FOUND; -PL_E_IO (not readable, no regular file);
 * -PL_E_MODEL_UNSUPPORTED (no GGUF file, big-endian, another version, an unknown tensor type); -PL_E_CORRUPT (cut short,
 * or any other refusal above); -PL_E_NO_MEMORY. Errors name the file, the key or the tensor. Blocks on disk. */
int pl_gguf_open(const char *path, struct pl_gguf **out, struct pl_err *err);
/* The same over memory that the caller keeps alive and unchanged (tests, fuzzing). */
int pl_gguf_open_memory(const void *data, size_t bytes, struct pl_gguf **out, struct pl_err *err);
void pl_gguf_close(struct pl_gguf **g);

/* Metadata. A getter returns true and sets *OUT when KEY exists with a fitting type (integers of any width that fit
 * the result; strings are lent, NOT NUL-terminated, any bytes). */
bool pl_gguf_u64(const struct pl_gguf *g, const char *key, uint64_t *out);
bool pl_gguf_i64(const struct pl_gguf *g, const char *key, int64_t *out);
bool pl_gguf_f64(const struct pl_gguf *g, const char *key, double *out);
bool pl_gguf_bool(const struct pl_gguf *g, const char *key, bool *out);
bool pl_gguf_str(const struct pl_gguf *g, const char *key, const char **ptr, size_t *len);
/* Arrays: length of an array of strings / numbers, 0 when absent or of another kind. The items by index. */
uint64_t pl_gguf_str_array_len(const struct pl_gguf *g, const char *key);
bool pl_gguf_str_array_at(const struct pl_gguf *g, const char *key, uint64_t i, const char **ptr, size_t *len);
uint64_t pl_gguf_num_array_len(const struct pl_gguf *g, const char *key);
bool pl_gguf_num_array_at(const struct pl_gguf *g, const char *key, uint64_t i, double *out);
/* Walks a string array in order without a search per item: calls FN until it returns non-zero; returns that. */
int pl_gguf_str_array_each(const struct pl_gguf *g, const char *key,
                           int (*fn)(uint64_t i, const char *ptr, size_t len, void *arg), void *arg);

uint64_t pl_gguf_n_tensors(const struct pl_gguf *g);
const struct pl_tensor *pl_gguf_tensor_at(const struct pl_gguf *g, uint64_t i);
const struct pl_tensor *pl_gguf_tensor(const struct pl_gguf *g, const char *name); /* NULL when absent */
uint64_t pl_gguf_n_keys(const struct pl_gguf *g);
const char *pl_gguf_key_at(const struct pl_gguf *g, uint64_t i);
/* Prints the value of key I for a person (arrays shortened) into BUF; always NUL-terminated valid UTF-8. */
void pl_gguf_print_value(const struct pl_gguf *g, uint64_t i, char *buf, size_t size);

/* SHA-256 of the whole file's bytes, as 64 hex digits and NUL. Reads all of it the first time (blocks), then cached
 * by the caller. */
int pl_gguf_digest(const struct pl_gguf *g, char out[65], struct pl_err *err);

#endif
