/* dtype.c - the element types of tensors: names and block sizes, in GGUF's numbers.
 *
 * A type that is not in this table cannot be read by anything in this program. Immutable; any thread. */
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
