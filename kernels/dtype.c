/* dtype.c - the element types of tensors: names and block sizes, in GGUF's numbers.
 *
 * A type that is not in this table cannot be read by anything in this program. Immutable; any thread. */
#include <math.h>
#include <string.h>
#include "kernels/cpu/f16.h"
#include "kernels/gguf.h"

static const struct {
    int dtype;
    const char *name;
    uint32_t block, bytes;
} dtypes[] = {
    {PL_F32, "F32", 1, 4},       {PL_F16, "F16", 1, 2},       {PL_BF16, "BF16", 1, 2},
    {PL_Q4_0, "Q4_0", 32, 18},   {PL_Q4_1, "Q4_1", 32, 20},   {PL_Q5_0, "Q5_0", 32, 22},
    {PL_Q8_0, "Q8_0", 32, 34},   {PL_Q4_K, "Q4_K", 256, 144}, {PL_Q5_K, "Q5_K", 256, 176},
    {PL_Q6_K, "Q6_K", 256, 210},
};

static int row_of(int dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (dtypes[i].dtype == dtype) return (int)i;
    return -1;
}

const char *pl_dtype_name(int dtype)
{
    int i = row_of(dtype);
    return i < 0 ? NULL : dtypes[i].name;
}

uint32_t pl_dtype_block(int dtype)
{
    int i = row_of(dtype);
    return i < 0 ? 0 : dtypes[i].block;
}

uint32_t pl_dtype_block_bytes(int dtype)
{
    int i = row_of(dtype);
    return i < 0 ? 0 : dtypes[i].bytes;
}

static float value_at(int dtype, const uint8_t *src, uint64_t i)
{
    uint16_t half;
    float f;
    if (dtype == PL_F32) {
        memcpy(&f, src + 4 * i, sizeof f);
        return f;
    }
    memcpy(&half, src + 2 * i, sizeof half);
    return dtype == PL_F16 ? pl__f16_to_f32(half) : pl__bf16_to_f32(half);
}

int pl_dtype_floats(int dtype, const void *src, uint64_t count, float *out)
{
    if (dtype != PL_F32 && dtype != PL_F16 && dtype != PL_BF16) return -PL_E_UNSUPPORTED;
    for (uint64_t i = 0; i < count; i++) {
        out[i] = value_at(dtype, src, i);
        if (!isfinite(out[i])) return -PL_E_CORRUPT;
    }
    return 0;
}
