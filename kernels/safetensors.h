/* safetensors.h - a safetensors file, checked and mapped, and its writer.
 *
 * Format (the safetensors project's README): u64 little-endian length N of the header, N bytes of JSON, then
 * the data. Everything is checked when it is opened: N against the file, duplicate names, known element
 * types, products of shapes without overflow, offsets that begin at 0, leave no hole, do not overlap and end
 * with the file. Then no accessor can read outside. Immutable; any thread. */
#ifndef PL_KERNELS_SAFETENSORS_H
#define PL_KERNELS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>
#include "schemas/err.h"

enum { PL_SAFETENSORS_DIMS = 8 };
struct pl_safetensor {
    const char *name;
    int dtype; /* PL_F32, PL_F16, PL_BF16 (gguf.h), or -1 for the other types of the format: listed, not read
                */
    uint32_t n_dims;
    uint64_t shape[PL_SAFETENSORS_DIMS]; /* row major, the last varies fastest */
    uint64_t count, size_bytes;
    const void *data;
};

struct pl_safetensors;
/* *OUT is given. -PL_E_NOT_FOUND, -PL_E_IO, -PL_E_CORRUPT with the tensor's name, -PL_E_NO_MEMORY. */
int pl_safetensors_open(const char *path, struct pl_safetensors **out, struct pl_err *err);
/* The same over bytes that the caller keeps. */
int pl_safetensors_open_memory(const void *data, size_t bytes, struct pl_safetensors **out,
                               struct pl_err *err);
void pl_safetensors_close(struct pl_safetensors **s);
size_t pl_safetensors_count(const struct pl_safetensors *s);
/* In the order of their data. Lent until close. */
const struct pl_safetensor *pl_safetensors_at(const struct pl_safetensors *s, size_t i);
const struct pl_safetensor *pl_safetensors_find(const struct pl_safetensors *s, const char *name);
/* The values of T as float32 into OUT [count]. -PL_E_CORRUPT when one is not finite, -PL_E_UNSUPPORTED for
 * its type. */
int pl_safetensor_floats(const struct pl_safetensor *t, float *out, struct pl_err *err);

/* Writes float32 tensors (dtype PL_F32, data float *) in order, with {"format": "pt"} beside them. Complete
 * and on disk, or not there: a temporary name, fsync, rename. -PL_E_IO. */
int pl_safetensors_write(const char *path, const struct pl_safetensor *tensors, size_t count,
                         struct pl_err *err);

#endif
